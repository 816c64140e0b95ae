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
 *                                                    write or flush         ScsiTranslateCompletion
 *
 * Everything is computed from a SCSI_DISK (what the device is) and the command block. There is no
 * call into the port driver, no global state and no IRQL rule: every function may be called at any
 * IRQL, on any number of processors at once, for the same disk. The data of READ and WRITE is never
 * touched; only the answers made here (INQUIRY, MODE SENSE, ...) are written to the data buffer.
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

/* Bytes that VIRTIO_BLK_T_GET_ID returns (VIRTIO 1.2, 5.2.6); not terminated when all are used. */
#define DISK_SERIAL_LENGTH 20u

/* The largest logical block that is accepted, in bytes. */
#define DISK_MAXIMUM_BLOCK_SIZE 65536u

/* Bytes of sense data in fixed format (SPC-4, 4.5.3), the most that ScsiBuildSense writes there. */
#define SCSI_FIXED_SENSE_LENGTH 18u

/* Additional sense code and qualifier as one number, (ASC << 8) | ASCQ (SPC-4). */
typedef enum _SCSI_ASC {
    ScsiAscNone = 0x0000,
    ScsiAscWriteError = 0x0c00,
    ScsiAscUnrecoveredReadError = 0x1100,
    ScsiAscInvalidOpcode = 0x2000,
    ScsiAscLbaOutOfRange = 0x2100,
    ScsiAscInvalidFieldInCdb = 0x2400,
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
    /* log2(block size / 512) */
    UCHAR BlockShift;
    /* Writes are refused with DATA PROTECT. */
    volatile BOOLEAN ReadOnly;
    /* A flush may be sent to the device. */
    BOOLEAN FlushSupported;
    /* A finished write may still be in a volatile cache. */
    volatile BOOLEAN WriteCacheEnabled;
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
    ULONG Location;
    /* As the device gave it, unprintable bytes included; zero behind SerialLength. */
    UCHAR Serial[DISK_SERIAL_LENGTH];
} SCSI_DISK, *PSCSI_DISK;

/* Why a command ended with CHECK CONDITION; ScsiBuildSense makes bytes of it. */
typedef struct _SCSI_DISK_SENSE {
    ULONGLONG Information;    /* first block that could not be accessed; with InformationValid */
    USHORT Asc;               /* a SCSI_ASC */
    USHORT FieldByte;         /* byte of the CDB that is wrong; with FieldValid */
    UCHAR Key;                /* sense key: SCSI_SENSE_... of scsi.h */
    UCHAR FieldBit;           /* its highest wrong bit, 0..7; with FieldValid */
    BOOLEAN InformationValid; /* Information has a meaning */
    BOOLEAN FieldValid;       /* FieldByte and FieldBit have a meaning */
} SCSI_DISK_SENSE, *PSCSI_DISK_SENSE;

/* What the device has to do for a command. */
typedef enum _DISK_OPERATION {
    DiskOperationNone = 0, /* nothing: the command was answered */
    DiskOperationRead,     /* VIRTIO_BLK_T_IN: Length bytes from Sector on */
    DiskOperationWrite,    /* VIRTIO_BLK_T_OUT: Length bytes from Sector on */
    DiskOperationFlush,    /* VIRTIO_BLK_T_FLUSH; no sector, no data */
} DISK_OPERATION;

/* What is to be done with the SRB after ScsiInterpretCommand. */
typedef enum _SCSI_OUTCOME {
    /*
     * The operation in SCSI_COMMAND is to be submitted: Operation, Sector, Length, FlushAfter are
     * set, the result fields (ScsiStatus, Sense) are not. Once the device has done it the SRB's
     * DataTransferLength is Length (0 after an error) and ScsiTranslateCompletion gives the status.
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
     * Answered with SCSISTAT_GOOD, but the allocation length of the CDB let the disk send more
     * than the SRB's buffer takes: the buffer is full, the rest is dropped. Complete with
     * SRB_STATUS_DATA_OVERRUN; DataTransferLength becomes TransferredLength (the buffer's length).
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
    /* Out, for ScsiOutcomeStartIo: a flush is to follow the read or write before the SRB is
     * completed, and its failure fails the SRB. That is FUA on a disk with a volatile write cache:
     * what was written, or read, is then on the medium. */
    BOOLEAN FlushAfter;

    /* Out, for the other outcomes: SCSISTAT_GOOD or SCSISTAT_CHECK_CONDITION. */
    UCHAR ScsiStatus;
    /* Out, for the other outcomes: bytes written to DataBuffer. */
    ULONG TransferredLength;

    /* Out, for ScsiOutcomeStartIo: bytes to transfer, a multiple of the block size and at most
     * DataLength. 0 for a flush, never 0 for a read or write. */
    ULONG Length;
    /* Out, for ScsiOutcomeStartIo: first 512-byte sector; 0 for a flush. */
    ULONGLONG Sector;

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

/* The device has become read-only or writable. Raises ScsiAttentionModeChanged if that is new. */
void ScsiDiskSetReadOnly(PSCSI_DISK Disk, BOOLEAN ReadOnly);

/* The cache mode is now write-back (TRUE) or write-through. Raises ScsiAttentionModeChanged if that
 * is new. Without FlushSupported the mode stays write-through. */
void ScsiDiskSetWriteCache(PSCSI_DISK Disk, BOOLEAN Enabled);

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
 *   IOERR      read: MEDIUM ERROR 11/00; write, flush: MEDIUM ERROR 0C/00
 *   UNSUPP     flush: ILLEGAL REQUEST 20/00; read, write: HARDWARE ERROR 44/00
 *   any other  HARDWARE ERROR 44/00
 */
UCHAR ScsiTranslateCompletion(DISK_OPERATION Operation, UCHAR DeviceStatus, PSCSI_DISK_SENSE Sense);

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
