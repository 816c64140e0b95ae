/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The disk as SCSI sees it: what a command block means, apart from how it reaches the device.
 *
 * Theory of operation
 *
 *     request path                        this file                       request path
 *     ------------                        ---------                       ------------
 *     CDB, data buffer  -> ScsiInterpretCommand -+-> answered here ---------> complete the SRB
 *                                                |
 *                                                +-> an operation: read, ---> submit; on completion
 *                                                |   write or flush         ScsiTranslateCompletion
 *                                                |
 *                                                +-> a sequence of ---------> ScsiSequenceNext says
 *                                                    operations             what comes next, or the end
 *
 * Everything is computed from a SCSI_DISK (what the device is) and the command block. There is no
 * call into the port driver, no global state and no IRQL rule: every function may be called at any
 * IRQL, on any number of processors at once, for the same disk. The data of READ and WRITE is never
 * touched; only the answers made here (INQUIRY, MODE SENSE, ...) are written to the data buffer, and
 * only parameter lists, patterns and data to be compared are read from it.
 *
 * By file:
 *     scsi_disk.c        the disk itself: what it is, what has changed
 *     scsi_transfer.c    READ and WRITE, and the way in
 *     scsi_command.c     the table of all other commands; REPORT SUPPORTED OPERATION CODES
 *     scsi_inquiry.c     INQUIRY and its pages
 *     scsi_mode.c        MODE SENSE, MODE SELECT
 *     scsi_capacity.c    TEST UNIT READY, READ CAPACITY, REPORT LUNS, GET LBA STATUS
 *     scsi_block.c       SYNCHRONIZE CACHE, VERIFY, WRITE AND VERIFY, WRITE SAME, UNMAP, ...
 *     scsi_sense.c       sense data, unit attentions, REQUEST SENSE
 *     scsi_log.c         LOG SENSE: the medium's wear
 *     scsi_sequence.c    commands that take several requests of the device
 *     scsi_range.c       those that are ranges to be discarded or zeroed
 *     scsi_internal.h    what these files share
 *
 * Sense data belongs to the command, in SCSI_COMMAND.Sense; a unit attention belongs to the disk,
 * and the one command that takes it out (by an interlocked operation) reports it.
 *
 * Units: a *sector* is 512 bytes, virtio-blk's unit whatever the block size; a *block* is the
 * logical block that the disk reports (512 bytes or a power-of-two multiple of it); lengths are in
 * bytes unless their name says otherwise.
 *
 * Sources: SPC-4 (commands for all devices, sense data, VPD pages), SBC-3 (block commands),
 * VIRTIO 1.2, 5.2 (block device: configuration, status byte).
 */
#ifndef VIOSTOR_SCSI_DISK_H
#define VIOSTOR_SCSI_DISK_H

#include "osdep.h"

/* Bytes in a virtio-blk sector, the unit of capacity and of request positions (VIRTIO 1.2, 5.2). */
#define DISK_SECTOR_SIZE 512u

/* The bit that makes the operation code of a READ, of any length, that of a WRITE. */
#define OPCODE_WRITE_BIT 0x02u

/* Bytes that VIRTIO_BLK_T_GET_ID returns (VIRTIO 1.2, 5.2.6); not terminated when all are used. */
#define DISK_SERIAL_LENGTH 20u

/* The product revision that INQUIRY tells. */
#define DISK_REVISION        "0001"
#define DISK_REVISION_LENGTH 4u

/* The most ranges that one request to discard carries, whatever the device allows. */
#define DISK_REQUEST_RANGES 32u

/* The largest logical block that is accepted, in bytes. */
#define DISK_MAXIMUM_BLOCK_SIZE 65536u

/* Bytes of sense data in fixed format (SPC-4, 4.5.3), the most that ScsiBuildSense writes there. */
#define SCSI_FIXED_SENSE_LENGTH 18u

/* Additional sense code and qualifier as one number, (ASC << 8) | ASCQ (SPC-4). */
typedef enum _SCSI_ASC {
    ScsiAscNone = 0x0000,
    ScsiAscIoProcessTerminated = 0x0006,
    ScsiAscUnrecoveredReadError = 0x1100,
    ScsiAscParameterListLength = 0x1a00,
    ScsiAscMiscompare = 0x1d00,
    ScsiAscInvalidOpcode = 0x2000,
    ScsiAscLbaOutOfRange = 0x2100,
    ScsiAscInvalidFieldInCdb = 0x2400,
    ScsiAscInvalidFieldInList = 0x2600,
    ScsiAscWriteProtected = 0x2700,
    ScsiAscPowerOnOrReset = 0x2900,
    ScsiAscBusReset = 0x2902,
    ScsiAscDeviceReset = 0x2903,
    ScsiAscModeParametersChanged = 0x2a01,
    ScsiAscCapacityChanged = 0x2a09,
    ScsiAscSavingNotSupported = 0x3900,
    ScsiAscMediumNotPresent = 0x3a00,
    ScsiAscInternalTargetFailure = 0x4400,
} SCSI_ASC;

/* Events of the unit that the next command has to hear of: bits of SCSI_DISK.PendingAttention.
 * The lowest bit is reported first. */
typedef enum _SCSI_UNIT_ATTENTION {
    ScsiAttentionPowerOn = 1 << 0,         /* 29/00: the disk has just been found or powered up */
    ScsiAttentionBusReset = 1 << 1,        /* 29/02: HwResetBus */
    ScsiAttentionDeviceReset = 1 << 2,     /* 29/03: logical unit or target reset */
    ScsiAttentionModeChanged = 1 << 3,     /* 2A/01: write protection or cache mode changed */
    ScsiAttentionCapacityChanged = 1 << 4, /* 2A/09: the device has grown or shrunk */
} SCSI_UNIT_ATTENTION;

/* What the caller found out about the device; input of ScsiDiskInitialize. All values may come
 * from a hostile device. Zero means "not offered by the device" where nothing else is said. */
typedef struct _SCSI_DISK_PARAMETERS {
    /* blk_config.capacity */
    ULONGLONG CapacityInSectors;
    /* blk_config.blk_size with F_BLK_SIZE, else 0 (means 512); bytes */
    ULONG BlockSize;
    /* TOPOLOGY: log2(logical blocks per physical block) */
    UCHAR PhysicalBlockExponent;
    /* TOPOLOGY: number of the first logical block on a physical block's boundary */
    UCHAR AlignmentOffset;
    /* TOPOLOGY: smallest transfer without penalty, logical blocks */
    USHORT MinimumIoBlocks;
    /* TOPOLOGY: best transfer, logical blocks */
    ULONG OptimalIoBlocks;
    /* The most bytes of one READ or WRITE, as told to the port driver; 0: no limit. */
    ULONG MaximumTransferLength;
    /* Tells this disk from the others of the machine when it has no serial: PCI (bus << 8) |
     * (device << 3) | function. The same at each start and on both sides of a migration. */
    ULONG Location;
    /* F_RO */
    BOOLEAN ReadOnly;
    /* F_FLUSH, negotiated */
    BOOLEAN FlushSupported;
    /* F_FLUSH, and either no F_CONFIG_WCE or writeback = 1. Ignored without FlushSupported. */
    BOOLEAN WriteCacheEnabled;
    /* F_CONFIG_WCE: the driver can choose the cache mode. Ignored without FlushSupported. */
    BOOLEAN WriteCacheSettable;
    /* F_WRITE_ZEROES with write_zeroes_may_unmap: zeroes may be had by giving blocks up. */
    BOOLEAN ZeroesMayUnmap;
    /* F_LIFETIME */
    BOOLEAN LifetimeSupported;
    /* F_GEOMETRY, all 0 without */
    UCHAR Heads;
    UCHAR SectorsPerTrack;
    USHORT Cylinders;
    /* F_DISCARD: max_discard_sectors, max_discard_seg and discard_sector_alignment; all 0 without */
    ULONG DiscardSectors;
    ULONG DiscardRanges;
    ULONG DiscardAlignment;
    /* F_WRITE_ZEROES: max_write_zeroes_sectors; 0 without */
    ULONG ZeroesSectors;
    /* Bytes of memory that ScsiSequenceNext is given; the commands that need one block of it or more
     * are not offered otherwise. */
    ULONG ScratchBytes;
    /* Bytes of one request that moves the scratch memory over and over; at least ScratchBytes. */
    ULONG RepeatBytes;
    /* The answer of GET_ID, all zero when there was none. Ends at its first NUL; any other byte
     * may occur. */
    UCHAR Serial[DISK_SERIAL_LENGTH];
} SCSI_DISK_PARAMETERS, *PSCSI_DISK_PARAMETERS;

/* Why a device cannot be presented as a disk. */
typedef enum _SCSI_DISK_RESULT {
    ScsiDiskOk = 0,
    ScsiDiskBadBlockSize,     /* not a power of two from 512 to DISK_MAXIMUM_BLOCK_SIZE */
    ScsiDiskBadTransferLimit, /* MaximumTransferLength is less than one logical block */
} SCSI_DISK_RESULT;

/*
 * One disk. Written by ScsiDiskInitialize, then only by the ScsiDisk... functions below; other
 * code may read. Lives in the adapter's extension; 8-byte aligned. The fields that a READ needs
 * come first and share a cache line.
 */
typedef struct _SCSI_DISK {
    /* Capacity in logical blocks; sectors behind the last whole one do not count. 0: no medium. */
    volatile ULONGLONG BlockCount;
    /* Bytes that one READ or WRITE may transfer; 0xffffffff: no limit. */
    ULONG MaximumTransferLength;
    /* SCSI_UNIT_ATTENTION bits that no command has reported yet. */
    volatile LONG PendingAttention;
    /* Bytes that one READ [0] or WRITE [OPCODE_WRITE_BIT] may transfer that nothing stands in the way
     * of: 0 while a unit attention is pending, and of writes to a read-only disk. For a quick look;
     * what exactly stands in the way, ScsiInterpretCommand finds out. */
    volatile ULONG OpenTransferLength[OPCODE_WRITE_BIT + 1];
    /* log2(block size / 512), and log2(block size) */
    UCHAR BlockShift;
    UCHAR BlockByteShift;
    /* Writes are refused with DATA PROTECT. */
    volatile BOOLEAN ReadOnly;
    /* A flush may be sent to the device. */
    BOOLEAN FlushSupported;
    /* A finished write may still be in a volatile cache. */
    volatile BOOLEAN WriteCacheEnabled;
    /* MODE SELECT may change that; it has; and what it was when the disk was found. */
    BOOLEAN WriteCacheSettable;
    BOOLEAN WriteCacheChosen;
    BOOLEAN WriteCacheDefault;
    /* log2(logical blocks per physical block), 0 to 15 */
    UCHAR PhysicalBlockExponent;
    /* Bytes in Serial; 0: the device has none. */
    UCHAR SerialLength;
    /* Number of the first logical block on a physical block's boundary. */
    USHORT LowestAlignedBlock;
    /* The logical block in bytes: 512 << BlockShift. */
    ULONG BlockSize;
    /* As in SCSI_DISK_PARAMETERS; 0: not known. */
    ULONG OptimalIoBlocks;
    USHORT MinimumIoBlocks;
    /* As in SCSI_DISK_PARAMETERS, all 0 if unknown. */
    USHORT Cylinders;
    UCHAR Heads;
    UCHAR SectorsPerTrack;
    BOOLEAN ZeroesMayUnmap;
    BOOLEAN LifetimeSupported;
    /* The most sectors of one request to discard or to write zeroes, whole blocks; 0: the device
     * cannot. */
    ULONG DiscardSectors;
    ULONG ZeroesSectors;
    /* Ranges of one request to discard, 1 to DISK_REQUEST_RANGES. */
    volatile ULONG DiscardRanges;
    /* The device has refused such requests, though it offers them: it is not asked again. */
    volatile BOOLEAN DiscardRefused;
    volatile BOOLEAN ZeroesRefused;
    /* What one UNMAP may have at most: ranges, and blocks of all of them together. */
    ULONG UnmapRanges;
    ULONG UnmapBlocks;
    /* Sectors: pieces of a discard should begin at a multiple of this. At least one block. */
    ULONG DiscardAlignment;
    /* Bytes that one step of a sequence may move through the scratch memory, whole blocks; 0: none. And
     * those where what lies there is written over and over, or does not matter. */
    ULONG ScratchBytes;
    ULONG RepeatBytes;
    /* A block that no VERIFY could read, by its first sector, and how often in succession; 0: none. */
    ULONGLONG UnverifiedSector;
    ULONG UnverifiedCount;
    ULONG Location;
    /* As the device gave it, unprintable bytes included; zero behind SerialLength. */
    UCHAR Serial[DISK_SERIAL_LENGTH];
} SCSI_DISK, *PSCSI_DISK;

/* Why a command ended with CHECK CONDITION; ScsiBuildSense makes bytes of it. */
typedef struct _SCSI_DISK_SENSE {
    /* With InformationValid: the first block that does not exist; for MISCOMPARE the offset of the
     * first byte that differs. */
    ULONGLONG Information;
    USHORT Asc;               /* a SCSI_ASC */
    USHORT FieldByte;         /* byte of CDB or parameter list that is wrong; with FieldValid */
    UCHAR Key;                /* sense key: SCSI_SENSE_... of scsi.h */
    UCHAR FieldBit;           /* its highest wrong bit, 0..7; with FieldValid */
    BOOLEAN InformationValid; /* Information has a meaning */
    BOOLEAN FieldValid;       /* FieldByte and FieldBit have a meaning */
    BOOLEAN FieldInList;      /* it is in the parameter list, not in the CDB; with FieldValid */
} SCSI_DISK_SENSE, *PSCSI_DISK_SENSE;

/* What the device has to do for a command, or for one step of it. */
typedef enum _DISK_OPERATION {
    DiskOperationRead = 0,    /* VIRTIO_BLK_T_IN: Length bytes from Sector on */
    DiskOperationNone = 1,    /* nothing: the command was answered */
    DiskOperationWrite = 2,   /* VIRTIO_BLK_T_OUT: Length bytes from Sector on. Differs from Read as
                                 the commands' operation codes do */
    DiskOperationFlush,       /* VIRTIO_BLK_T_FLUSH; no sector, no data */
    DiskOperationDiscard,     /* VIRTIO_BLK_T_DISCARD: Length sectors from Sector on */
    DiskOperationZero,        /* VIRTIO_BLK_T_WRITE_ZEROES: the same, blocks kept */
    DiskOperationZeroUnmap,   /* ... with its flag UNMAP: the device may give them up */
    DiskOperationGetLifetime, /* VIRTIO_BLK_T_GET_LIFETIME: Length bytes into the scratch memory */
    DiskOperationSetCache,    /* no request: writeback in the configuration becomes Length (0, 1) */
} DISK_OPERATION;

/* Commands of more than one request of the device; a value of SCSI_COMMAND.Sequence. */
typedef enum _DISK_SEQUENCE_KIND {
    SequenceNone = 0,    /* one request; its status is the command's */
    SequenceTransfer,    /* a read or write that takes several requests of the device */
    SequenceFlushAfter,  /* a read or write with FUA: then a flush */
    SequenceUnmap,       /* UNMAP: each range of the parameter list */
    SequenceZero,        /* WRITE SAME of zeroes, by the device */
    SequenceZeroUnmap,   /* ... whose blocks the device may give up */
    SequenceWriteSame,   /* WRITE SAME: the block over and over */
    SequenceVerify,      /* VERIFY: flush, then read, piece by piece; what fails, block by block */
    SequenceVerifyData,  /* ... and compare with the data buffer */
    SequenceWriteVerify, /* WRITE AND VERIFY: write first */
    SequenceWriteVerifyData,
    SequenceSetCache, /* MODE SELECT: the cache mode; then a flush if it is off now */
    SequenceLifetime, /* LOG SENSE: the medium's wear */
} DISK_SEQUENCE_KIND;

/* What is to be done with the SRB after ScsiInterpretCommand. */
typedef enum _SCSI_OUTCOME {
    /*
     * The operation in SCSI_COMMAND is to be submitted: Operation, Sector, Length, Sequence are
     * set, the result fields (ScsiStatus, Sense) are not. Once the device has done it the SRB's
     * DataTransferLength is Length (0 after an error) and ScsiTranslateCompletion gives the status.
     * With a Sequence beyond SequenceFlushAfter Operation means nothing: ScsiSequenceBegin and
     * ScsiSequenceNext tell the operations one after the other, and the result.
     */
    ScsiOutcomeStartIo = 0,
    /*
     * Answered. ScsiStatus is SCSISTAT_GOOD: complete with SRB_STATUS_SUCCESS. ScsiStatus is
     * SCSISTAT_CHECK_CONDITION: SRB_STATUS_ERROR, and SRB_STATUS_AUTOSENSE_VALID if ScsiBuildSense
     * has written Sense into the SRB's sense buffer. Either way DataTransferLength becomes
     * TransferredLength.
     */
    ScsiOutcomeAnswered,
    /*
     * Answered with SCSISTAT_GOOD, but the data and the SRB's buffer differ in length: the
     * allocation length of the CDB let the disk send more than the buffer takes, which is full, the
     * rest dropped; or a command that moves data (not an answer) moves less than the buffer holds.
     * Complete with SRB_STATUS_DATA_OVERRUN, StorPort's word for both; DataTransferLength becomes
     * TransferredLength.
     */
    ScsiOutcomeOverrun,
    /*
     * The SRB contradicts itself, and no answer of a disk expresses that: no command block, one
     * shorter than 6 bytes or than its operation code demands, READ or WRITE of more bytes than
     * the SRB's data buffer has, an answer to be written but no buffer. Nothing was transferred
     * and nothing reaches the device. SRB_STATUS_INVALID_REQUEST, DataTransferLength 0.
     */
    ScsiOutcomeInvalidRequest,
} SCSI_OUTCOME;

/* A command and its interpretation. The caller sets the first part; nothing needs to be cleared. */
typedef struct _SCSI_COMMAND {
    /* In: the command block, which nobody changes while it is interpreted. */
    const UCHAR *Cdb;
    /* In: kernel address of the data buffer, or NULL if there is none. Written (at most DataLength
     * bytes) only for answers made here; never touched for READ and WRITE, where it may be
     * anything. */
    UCHAR *DataBuffer;
    /* In: the SRB's DataTransferLength, bytes. */
    ULONG DataLength;
    /* In: bytes at Cdb. */
    UCHAR CdbLength;

    /* Out, for ScsiOutcomeStartIo: a DISK_OPERATION. */
    UCHAR Operation;
    /* Out, for ScsiOutcomeStartIo: a DISK_SEQUENCE_KIND. SequenceFlushAfter is FUA on a disk with a
     * volatile write cache: a flush follows the read or write before the SRB is completed, and its
     * failure fails the SRB; what was written, or read, is then on the medium. */
    UCHAR Sequence;

    /* Out, for the other outcomes: SCSISTAT_GOOD or SCSISTAT_CHECK_CONDITION. */
    UCHAR ScsiStatus;
    /* Out, for the other outcomes: bytes written to DataBuffer. */
    ULONG TransferredLength;

    /* Out, for ScsiOutcomeStartIo: bytes of the data buffer that are used, at most DataLength. Of a
     * read or write: what the device transfers, whole blocks and never 0. 0 for a flush. */
    ULONG Length;
    /* Out, for ScsiOutcomeStartIo: first 512-byte sector; 0 for a flush. */
    ULONGLONG Sector;
    /* Out, for a sequence: sectors from there on; for SequenceSetCache the mode, 0 or 1. */
    ULONGLONG SectorCount;

    /* Out, with SCSISTAT_CHECK_CONDITION */
    SCSI_DISK_SENSE Sense;
} SCSI_COMMAND, *PSCSI_COMMAND;

/*
 * Makes *Disk from what the device offers. No unit attention is pending afterwards (raise
 * ScsiAttentionPowerOn if the first command is to hear of it). Values that SCSI cannot express
 * (alignment beyond 14 bits, exponent beyond 15) are reported as "unknown". On an error *Disk is
 * not usable and the device must not be presented.
 */
SCSI_DISK_RESULT ScsiDiskInitialize(PSCSI_DISK Disk, const SCSI_DISK_PARAMETERS *Parameters);

/* The device has told its serial number: DISK_SERIAL_LENGTH bytes, ending at the first NUL. Before
 * the first command is interpreted. */
void ScsiDiskSetSerial(PSCSI_DISK Disk, const UCHAR *Serial);

/* There is scratch memory of so many bytes, as SCSI_DISK_PARAMETERS.ScratchBytes and RepeatBytes. Before the
 * first command is interpreted. */
void ScsiDiskSetScratch(PSCSI_DISK Disk, ULONG Bytes, ULONG RepeatBytes);

/* A sentence fragment for the log that says what is wrong and what would be right. Never NULL. */
const char *ScsiDiskResultText(SCSI_DISK_RESULT Result);

/*
 * The capacity has changed to CapacityInSectors (configuration change while running). Raises
 * ScsiAttentionCapacityChanged and returns TRUE if the number of whole blocks differs from before.
 * Callers serialize calls of this function; commands may be interpreted meanwhile. A 32-bit
 * processor may read a capacity that is half old and half new; as the unit attention is raised
 * after the new value stands, Windows reads it again.
 */
BOOLEAN ScsiDiskSetCapacity(PSCSI_DISK Disk, ULONGLONG CapacityInSectors);

/* The device has become read-only or writable. Raises ScsiAttentionModeChanged, and TRUE, if that is
 * new. */
BOOLEAN ScsiDiskSetReadOnly(PSCSI_DISK Disk, BOOLEAN ReadOnly);

/* The cache mode is now write-back (TRUE) or write-through. Raises ScsiAttentionModeChanged, and TRUE,
 * if that is new. Without FlushSupported the mode stays write-through. */
BOOLEAN ScsiDiskSetWriteCache(PSCSI_DISK Disk, BOOLEAN Enabled);

/*
 * The device was started again, and may offer less or more than before: what commands, pages and limits
 * say follows Parameters, but for the serial number, the longest transfer and the scratch memory. *Changed:
 * a unit attention was raised for that. FALSE: the block size is another one, and nothing was changed. As
 * ScsiDiskSetCapacity in all else.
 */
BOOLEAN ScsiDiskUpdate(PSCSI_DISK Disk, const SCSI_DISK_PARAMETERS *Parameters, PBOOLEAN Changed);

/* Makes Event pending: the next command that is not INQUIRY, REPORT LUNS or REQUEST SENSE ends with
 * it, once however often it is raised before that. Several events are reported one by one, the
 * lowest bit first. Interlocked. */
void ScsiDiskRaiseUnitAttention(PSCSI_DISK Disk, SCSI_UNIT_ATTENTION Event);

/*
 * Says what Command means for Disk; answers it if the device has no part in it.
 *
 * Transfer lengths: the CDB says how much a READ or WRITE transfers. A larger buffer is used as far
 * as that (Length is exact); a smaller one is ScsiOutcomeInvalidRequest, because a part of a write
 * must not reach the disk and a part of a read must not look like success. Answers made here are
 * cut to the allocation length of the CDB.
 */
SCSI_OUTCOME ScsiInterpretCommand(PSCSI_DISK Disk, PSCSI_COMMAND Command);

/*
 * The end of an operation. Operation is a DISK_OPERATION (for the flush that follows a transfer:
 * DiskOperationFlush), DeviceStatus the status byte that the device wrote (VIRTIO_BLK_S_...; any
 * value). Returns SCSISTAT_GOOD and leaves *Sense alone, or SCSISTAT_CHECK_CONDITION and fills it:
 *   IOERR      ABORTED COMMAND 00/06
 *   UNSUPP     read, write: HARDWARE ERROR 44/00; any other: ILLEGAL REQUEST 20/00
 *   any other  ABORTED COMMAND 44/00
 *
 * IOERR is all that a device can say of any failure: a bad block, no space, a path to the storage that is
 * lost for a moment. So it must end as what Windows tries again. Of sense keys, Microsoft's class driver
 * (Windows-driver-samples, storage/class/classpnp, ClassInterpretSenseInfo) sends a command again after
 * ABORTED COMMAND, a second later; MEDIUM ERROR is final, logged as a bad block, and NTFS gives the
 * cluster up; HARDWARE ERROR and ILLEGAL REQUEST are final as well. QEMU's virtio-scsi answers EIO with the
 * same code (scsi/utils.c, IO_ERROR). What stays bad VERIFY finds: see SequenceVerify.
 *
 * No block is named (VALID 0): the status byte is all that the device says, and it stands for the whole
 * request; a block that was guessed would send whoever asks to a good one.
 */
UCHAR ScsiTranslateCompletion(DISK_OPERATION Operation, UCHAR DeviceStatus, PSCSI_DISK_SENSE Sense);

/* ---- Sequences: commands that take several requests of the device ---- */

/* Where the data of a step lies. */
typedef enum _DISK_STEP_DATA {
    StepDataNone,    /* there is none, or a range (discard, zeroes) */
    StepDataCommand, /* in the command's data buffer, behind what is transferred already */
    StepDataScratch, /* in the scratch memory, from its start on */
    StepDataRepeat,  /* the same, over and over: the first ScratchBytes of it */
} DISK_STEP_DATA;

/* One request of a sequence. */
typedef struct _DISK_STEP {
    ULONGLONG Sector;
    ULONG Length;    /* bytes; sectors of a range; the mode of DiskOperationSetCache */
    UCHAR Operation; /* DISK_OPERATION */
    UCHAR Data;      /* DISK_STEP_DATA */
} DISK_STEP, *PDISK_STEP;

/* How far a sequence has come. Lives with the request, from ScsiSequenceBegin to its end. */
typedef struct _DISK_SEQUENCE {
    UCHAR *Data;         /* the command's data buffer */
    ULONGLONG Sector;    /* the next sector of the present range */
    ULONGLONG Remaining; /* sectors of it from there on */
    ULONG Count;       /* ranges of an UNMAP; sectors that are to be zeroed; the cache mode that is
                              wanted, 0 or 1 */
    ULONG Position;    /* ranges begun; bytes compared */
    ULONG Length;      /* bytes of the data buffer that the command uses */
    ULONG StepLength;  /* of the present step, as in DISK_STEP */
    ULONG Doubtful;    /* sectors of a piece that failed, to be read again block by block */
    ULONG Transferred; /* bytes of the data buffer that the device has read or written; at the
                              end: DataTransferLength */
    SCSI_DISK_SENSE Sense; /* at the end, with SCSISTAT_CHECK_CONDITION */
    UCHAR Kind;            /* DISK_SEQUENCE_KIND */
    UCHAR Stage;           /* SEQUENCE_STAGE (scsi_sequence.c) that makes the next step */
    UCHAR Operation;       /* DISK_OPERATION of the present step; none before the first */
    UCHAR Transfer;        /* DISK_OPERATION that moves the data buffer, where one does */
    UCHAR ScsiStatus;      /* at the end: SCSISTAT_GOOD or SCSISTAT_CHECK_CONDITION */
    BOOLEAN Ended;         /* of ranges: no more pieces are to be begun */
    ULONG Outstanding;     /* of ranges: pieces that have not ended; the request path's */
} DISK_SEQUENCE, *PDISK_SEQUENCE;

/* TRUE if a sequence of this kind uses the scratch memory: from its first ScsiSequenceNext to its
 * end, alone. */
FORCEINLINE BOOLEAN ScsiSequenceNeedsScratch(UCHAR Kind)
{
    return Kind >= SequenceWriteSame && Kind != SequenceSetCache;
}

/* TRUE if sequences of this kind belong to queue 0, which has the scratch memory and whose lock guards
 * the cache mode. */
FORCEINLINE BOOLEAN ScsiSequenceIsSerial(UCHAR Kind)
{
    return Kind >= SequenceUnmap;
}

/* TRUE if a sequence of this kind consists of ranges to be discarded or zeroed: ScsiRanges... do them, in
 * any order and several at once, and not ScsiSequenceNext. */
FORCEINLINE BOOLEAN ScsiSequenceIsRanges(UCHAR Kind)
{
    return Kind >= SequenceUnmap && Kind <= SequenceZeroUnmap;
}

/* TRUE if the device itself reads or writes the command's data buffer (StepDataCommand). */
FORCEINLINE BOOLEAN ScsiSequenceMovesData(UCHAR Kind)
{
    return Kind == SequenceTransfer || Kind == SequenceFlushAfter || Kind == SequenceWriteVerify ||
           Kind == SequenceWriteVerifyData;
}

/* Starts the sequence of a command for which ScsiInterpretCommand has said ScsiOutcomeStartIo. */
void ScsiSequenceBegin(PDISK_SEQUENCE Sequence, const SCSI_COMMAND *Command);

/* Makes a sequence (SequenceTransfer) of a read or write of one request, which the device does not take
 * as it is: Length bytes from Sector on. */
void ScsiSequenceBeginTransfer(PDISK_SEQUENCE Sequence, DISK_OPERATION Operation, ULONGLONG Sector,
                               ULONG Length);

/* The device takes no more than Length bytes of the present step, which has StepDataCommand: whole
 * blocks, not 0. What is left becomes the next step. */
FORCEINLINE void ScsiSequenceCutStep(PDISK_SEQUENCE Sequence, ULONG Length)
{
    Sequence->StepLength = Length;
}

/*
 * TRUE: *Step is to be done next, and this function to be called again with the status that the
 * device has written (VIRTIO_BLK_S_OK for DiskOperationSetCache, and at the first call). FALSE: the
 * command is done; ScsiStatus, Sense and Transferred are set. Scratch: Disk->ScratchBytes bytes for
 * a kind that needs them, else NULL. The data buffer must be there as it was at the beginning, but
 * its contents are not trusted to stay. Not for SequenceNone. Any IRQL; calls for one sequence one
 * at a time, and for all that are ScsiSequenceIsSerial.
 */
BOOLEAN ScsiSequenceNext(PSCSI_DISK Disk, PDISK_SEQUENCE Sequence, UCHAR DeviceStatus,
                         UCHAR *Scratch, PDISK_STEP Step);

/* ---- Ranges to be discarded or zeroed: sequences of ScsiSequenceIsRanges ---- */

/* TRUE if there is a piece that has not been begun. Before the first ScsiRangesNext and after each. */
BOOLEAN ScsiRangesMore(const SCSI_DISK *Disk, PDISK_SEQUENCE Sequence);

/* The next piece, if there is one. */
void ScsiRangesNext(const SCSI_DISK *Disk, PDISK_SEQUENCE Sequence, PDISK_STEP Step);

/* The most pieces that one request may carry. */
ULONG ScsiRangesOfRequest(const SCSI_DISK *Disk, const DISK_SEQUENCE *Sequence);

/* A request for so many pieces has ended. After one that failed ScsiRangesMore says FALSE. */
void ScsiRangesDone(PSCSI_DISK Disk, PDISK_SEQUENCE Sequence, UCHAR DeviceStatus, ULONG Pieces);

/* All that was begun has ended, and no more is to be begun. FALSE: the command is done; ScsiStatus, Sense
 * and Transferred are set. TRUE: the device does not zero, so the sequence is now another one, which
 * writes zeroes, before its first ScsiSequenceNext. */
BOOLEAN ScsiRangesEnd(PSCSI_DISK Disk, PDISK_SEQUENCE Sequence);

/*
 * Writes Sense in fixed format (SPC-4, 4.5.3) to Buffer: at most BufferLength bytes (any value, 0
 * included; Buffer may then be NULL). Returns the bytes written, which the SRB's SenseInfoBuffer-
 * Length becomes; 0 means that there is no valid sense data (no SRB_STATUS_AUTOSENSE_VALID).
 */
UCHAR ScsiBuildSense(const SCSI_DISK_SENSE *Sense, void *Buffer, UCHAR BufferLength);

/* Fills *Sense with a key and code and neither information nor field: for errors that the request
 * path finds itself (say, ABORTED COMMAND). Key is a SCSI_SENSE_... of scsi.h, Asc a SCSI_ASC. */
void ScsiSetSense(PSCSI_DISK_SENSE Sense, UCHAR Key, SCSI_ASC Asc);

#endif
