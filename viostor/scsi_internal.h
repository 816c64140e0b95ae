/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the files of the SCSI command set share; nothing else includes this. See scsi_disk.h.
 *
 * A command is a row of the table in scsi_command.c and a COMMAND_ROUTINE in the file of its
 * concern. Answers are built whole in a small zeroed buffer on the stack and then cut to what was
 * asked for (ScsiGiveAnswer).
 */
#ifndef VIOSTOR_SCSI_INTERNAL_H
#define VIOSTOR_SCSI_INTERNAL_H

#include "scsi_disk.h"

/* Bits of byte 1 of READ, WRITE, VERIFY and WRITE SAME, and of the control byte that ends each CDB. */
#define CDB_PROTECT_MASK 0xe0u /* RDPROTECT, WRPROTECT, VRPROTECT */
#define CDB_ANCHOR       0x10u
#define CDB_FUA          0x08u
#define CDB_UNMAP        0x08u
#define CDB_BYTCHK_MASK  0x06u
#define CDB_NDOB         0x01u
#define CONTROL_NACA     0x04u

/* Most bytes of any answer that is built in a buffer. */
#define ANSWER_SIZE 160u

/*
 * UNMAP: ranges in one command, and blocks of all of them together. And requests of the device that any
 * command may take for its ranges, and as many again for what is cut at the device's limits: a host that
 * needs a quarter of a second for each, and does one after the other, is done in half of the 60 seconds
 * that Windows waits. The Block Limits page tells what follows.
 */
#define UNMAP_RANGES_MAXIMUM     256u
#define UNMAP_BLOCKS_MAXIMUM     (1u << 20)
#define COMMAND_REQUESTS_MAXIMUM 64u

/* The parameter list of UNMAP: its header, and each range. */
#define UNMAP_HEADER_LENGTH 8u
#define UNMAP_RANGE_LENGTH  16u

/* The status byte of a request (VIRTIO 1.2, 5.2.6). */
enum {
    DeviceStatusOk = 0,
    DeviceStatusIoError = 1,
    DeviceStatusUnsupported = 2,
};

/* A range of logical blocks, as a command names it. */
typedef struct _DISK_RANGE {
    ULONGLONG First;
    ULONG Count;
} DISK_RANGE;

/* Answers or prepares a command. Its command block is as long as its row says; a unit attention has
 * been dealt with. */
typedef SCSI_OUTCOME COMMAND_ROUTINE(PSCSI_DISK Disk, PSCSI_COMMAND Command);

/* ---- Numbers in command blocks and answers: most significant byte first ---- */

FORCEINLINE ULONG Get16(const UCHAR *Bytes)
{
    return (ULONG)Bytes[0] << 8 | Bytes[1];
}

FORCEINLINE ULONG Get32(const UCHAR *Bytes)
{
    return (ULONG)Bytes[0] << 24 | (ULONG)Bytes[1] << 16 | (ULONG)Bytes[2] << 8 | Bytes[3];
}

FORCEINLINE ULONGLONG Get64(const UCHAR *Bytes)
{
    return (ULONGLONG)Get32(Bytes) << 32 | Get32(Bytes + 4);
}

FORCEINLINE void Put16(UCHAR *Bytes, ULONG Value)
{
    Bytes[0] = (UCHAR)(Value >> 8);
    Bytes[1] = (UCHAR)Value;
}

FORCEINLINE void Put32(UCHAR *Bytes, ULONG Value)
{
    Put16(Bytes, Value >> 16);
    Put16(Bytes + 2, Value);
}

FORCEINLINE void Put64(UCHAR *Bytes, ULONGLONG Value)
{
    Put32(Bytes, (ULONG)(Value >> 32));
    Put32(Bytes + 4, (ULONG)Value);
}

FORCEINLINE ULONG Minimum(ULONG A, ULONG B)
{
    return A < B ? A : B;
}

/* Bytes as blocks of Disk, whole ones; not more than 32 bits hold. */
FORCEINLINE ULONG BytesToBlocks(const SCSI_DISK *Disk, ULONGLONG Bytes)
{
    ULONGLONG Blocks = Bytes >> Disk->BlockShift >> 9;

    return Blocks > 0xffffffffu ? 0xffffffffu : (ULONG)Blocks;
}

/* The most blocks of one WRITE SAME (scsi_disk.c). */
ULONG ScsiWriteSameBlocks(const SCSI_DISK *Disk);

/* TRUE if every block of Range exists; otherwise *FirstBad is the first that does not. An empty
 * range may start right behind the last block. */
FORCEINLINE BOOLEAN ScsiCheckRange(const SCSI_DISK *Disk, DISK_RANGE Range, ULONGLONG *FirstBad)
{
    ULONGLONG BlockCount = Disk->BlockCount;

    if (Range.First <= BlockCount && Range.Count <= BlockCount - Range.First) {
        return TRUE;
    }
    *FirstBad = Range.First < BlockCount ? BlockCount : Range.First;
    return FALSE;
}

/* ---- Outcomes (scsi_sense.c) ---- */

/* The command is done: GOOD, no data. */
SCSI_OUTCOME ScsiGood(PSCSI_COMMAND Command);

/* The same for a command that moves data and used Length bytes of the data buffer; a rest of it is an
 * underrun. */
SCSI_OUTCOME ScsiGoodData(PSCSI_COMMAND Command, ULONG Length);

/* Gives the initiator as much of Answer as the command block (AllocationLength) and the buffer
 * allow, and not a byte more. */
SCSI_OUTCOME ScsiGiveAnswer(PSCSI_COMMAND Command, const UCHAR *Answer, ULONG Length,
                            ULONG AllocationLength);

/* CHECK CONDITION with key and code, no data. */
SCSI_OUTCOME ScsiFail(PSCSI_COMMAND Command, UCHAR Key, SCSI_ASC Asc);

/* A field of the command block has a value that this disk does not accept: byte FieldByte, the
 * field's most significant bit being FieldBit (SPC-4). */
SCSI_OUTCOME ScsiFailField(PSCSI_COMMAND Command, USHORT FieldByte, UCHAR FieldBit);

/* The same of a parameter list: byte FieldByte of it. */
SCSI_OUTCOME ScsiFailList(PSCSI_COMMAND Command, USHORT FieldByte);

/* A block that Command names does not exist; FirstBad is the first such one. */
SCSI_OUTCOME ScsiFailRange(PSCSI_COMMAND Command, ULONGLONG FirstBad);

/* The disk is write-protected. */
SCSI_OUTCOME ScsiFailProtected(PSCSI_COMMAND Command);

/* The disk has no blocks: there is no medium. */
SCSI_OUTCOME ScsiFailNoMedium(PSCSI_COMMAND Command);

/* The SRB contradicts itself: ScsiOutcomeInvalidRequest. */
SCSI_OUTCOME ScsiRefuse(PSCSI_COMMAND Command);

/* TRUE if Command ends with a unit attention, which is then in its sense data. */
BOOLEAN ScsiReportUnitAttention(PSCSI_DISK Disk, PSCSI_COMMAND Command);

/* What a disk offers: columns of the table of commands. */
BOOLEAN ScsiOffersDiscard(const SCSI_DISK *Disk);
BOOLEAN ScsiOffersZeroes(const SCSI_DISK *Disk);
BOOLEAN ScsiOffersScratch(const SCSI_DISK *Disk);
BOOLEAN ScsiOffersWriteSame(const SCSI_DISK *Disk);
BOOLEAN ScsiOffersZeroUnmap(const SCSI_DISK *Disk);
BOOLEAN ScsiOffersProvisioning(const SCSI_DISK *Disk);
BOOLEAN ScsiOffersLifetime(const SCSI_DISK *Disk);

/* ---- The way in, continued (scsi_command.c): every command but READ and WRITE ---- */

SCSI_OUTCOME ScsiInterpretOther(PSCSI_DISK Disk, PSCSI_COMMAND Command);

/* ---- Commands, by file ---- */

/* scsi_inquiry.c */
COMMAND_ROUTINE ScsiInquiry;
/* scsi_mode.c */
COMMAND_ROUTINE ScsiModeSense, ScsiModeSelect;
/* scsi_capacity.c */
COMMAND_ROUTINE ScsiTestUnitReady, ScsiReadCapacity10, ScsiReadCapacity16, ScsiReportLuns,
    ScsiGetLbaStatus;
/* scsi_block.c */
COMMAND_ROUTINE ScsiSynchronizeCache, ScsiPreFetch, ScsiStartStopUnit, ScsiMediumRemoval,
    ScsiSendDiagnostic, ScsiVerify, ScsiWriteVerify, ScsiWriteSame, ScsiUnmap;
/* scsi_sense.c */
COMMAND_ROUTINE ScsiRequestSense;
/* scsi_log.c */
COMMAND_ROUTINE ScsiLogSense;

/* The answer of LOG SENSE once the device has told (Lifetime: three little-endian numbers of 16 bits,
 * VIRTIO 1.2, 5.2.6): writes Length bytes of it to Data. */
void ScsiWriteLifetimeLog(const UCHAR *Lifetime, UCHAR *Data, ULONG Length);

/* The ranges of an UNMAP's parameter list (scsi_block.c). The list lies in memory that others may
 * change, so each range is read once, and judged whenever it is read. */
void ScsiReadUnmapRange(const UCHAR *List, ULONG Index, DISK_RANGE *Range);

/* Works SCSI_DISK.OpenTransferLength out anew: after each change of what it depends on. */
void ScsiUpdateOpenTransferLength(PSCSI_DISK Disk);

/* Whether the device (still) does what a sequence is made of: it may have been started again, with less
 * on offer, since the command was interpreted. */
BOOLEAN ScsiSequenceIsOffered(const SCSI_DISK *Disk, const DISK_SEQUENCE *Sequence);

#endif
