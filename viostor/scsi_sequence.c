/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Commands that take several requests of the device. One small machine for all of them: each kind
 * of sequence is a list of stages, each stage makes steps until it is done.
 *
 *     READ, WRITE       Read or Write, ...                 (where the device takes less at once)
 *     FUA               Read or Write, ..., Flush
 *     WRITE SAME        Write, Write, ...                  (from the scratch memory, over and over)
 *     VERIFY            Flush, Read, Read, ...             (into the scratch memory; compare)
 *     WRITE AND VERIFY  Write, ..., Flush, Read, Read, ...
 *     MODE SELECT       SetCache, Flush
 *     LOG SENSE         GetLifetime
 *
 * UNMAP, and WRITE SAME of zeroes where the device can do that, are ranges, cut into pieces, which scsi_range.c
 * knows.
 *
 * A step that fails ends the sequence, and so the command. But for a read that verifies: its blocks are
 * read again one by one, and the command fails with the first that cannot be read. ABORTED COMMAND
 * says so, which Windows tries again, as every failure of the host's (ScsiTranslateCompletion); a block
 * that cannot be read in VERIFY_ATTEMPTS commands in succession is a MEDIUM ERROR, named, which
 * `chkdsk /r` takes for a bad one. classpnp gives a command four more attempts, a second apart
 * (MAXIMUM_RETRIES in its header), so a lost path of less than that makes no bad clusters.
 */
#include "scsi_internal.h"

/* Stages of a sequence, in the order in which they come; each kind has some of them. */
typedef enum _SEQUENCE_STAGE {
    StageSetCache,
    StageTransfer, /* the data buffer, in as many requests as the device needs */
    StageFlush,
    StageLifetime,
    StagePieces, /* one piece of a range after the other */
    StageEnd,
} SEQUENCE_STAGE;

/* The commands in succession after which a block that cannot be read is a bad one. */
#define VERIFY_ATTEMPTS 3u

/* Bytes of the device's answer to GET_LIFETIME (VIRTIO 1.2, 5.2.6). */
#define LIFETIME_LENGTH 6u

static BOOLEAN IsVerify(UCHAR Kind)
{
    return Kind >= SequenceVerify && Kind <= SequenceWriteVerifyData;
}

static BOOLEAN HasRange(UCHAR Kind)
{
    return Kind >= SequenceZero && Kind <= SequenceWriteVerifyData;
}

void ScsiSequenceBeginTransfer(PDISK_SEQUENCE Sequence, DISK_OPERATION Operation, ULONGLONG Sector,
                               ULONG Length)
{
    RtlZeroMemory(Sequence, sizeof(*Sequence));
    Sequence->Kind = SequenceTransfer;
    Sequence->Stage = StageSetCache;
    Sequence->Operation = DiskOperationNone;
    Sequence->Transfer = (UCHAR)Operation;
    Sequence->Sector = Sector;
    Sequence->Length = Length;
}

/* What SCSI_COMMAND.SectorCount is by another name. */
static ULONG CountOf(const SCSI_COMMAND *Command)
{
    switch (Command->Sequence) {
    case SequenceUnmap:
    case SequenceSetCache:
    case SequenceZero:
    case SequenceZeroUnmap:
        return (ULONG)Command->SectorCount;
    default:
        return 0;
    }
}

void ScsiSequenceBegin(PDISK_SEQUENCE Sequence, const SCSI_COMMAND *Command)
{
    const UCHAR Kind = Command->Sequence;

    Sequence->Kind = Kind;
    Sequence->Stage = StageSetCache;
    Sequence->Operation = DiskOperationNone;
    Sequence->Data = Command->DataBuffer;
    Sequence->Sector = Command->Sector;
    Sequence->Remaining = HasRange(Kind) ? Command->SectorCount : 0;
    Sequence->Count = CountOf(Command);
    Sequence->Transfer = Kind == SequenceFlushAfter ? Command->Operation : DiskOperationWrite;
    Sequence->Length = Command->Length;
    Sequence->Position = 0;
    Sequence->Doubtful = 0;
    Sequence->Transferred = 0;
    Sequence->ScsiStatus = SCSISTAT_GOOD;
    Sequence->Ended = FALSE;
    Sequence->Outstanding = 0;
}

/* ---- The end ---- */

static BOOLEAN EndGood(PDISK_SEQUENCE Sequence)
{
    Sequence->ScsiStatus = SCSISTAT_GOOD;
    Sequence->Transferred = Sequence->Length;
    return FALSE;
}

static BOOLEAN EndFailed(PDISK_SEQUENCE Sequence, UCHAR Key, SCSI_ASC Asc)
{
    ScsiSetSense(&Sequence->Sense, Key, Asc);
    Sequence->ScsiStatus = SCSISTAT_CHECK_CONDITION;
    return FALSE;
}

/* ---- Steps: each of these makes one and says TRUE, or says FALSE if its stage has none ---- */

static BOOLEAN MakeStep(PDISK_SEQUENCE Sequence, PDISK_STEP Step, UCHAR Operation, ULONGLONG Sector,
                        ULONG Length, DISK_STEP_DATA Data)
{
    Sequence->Operation = Operation;
    Sequence->StepLength = Length;
    Step->Operation = Operation;
    Step->Sector = Sector;
    Step->Length = Length;
    Step->Data = (UCHAR)Data;
    return TRUE;
}

static BOOLEAN StepSetCache(PSCSI_DISK Disk, PDISK_SEQUENCE Sequence, PDISK_STEP Step)
{
    if (Sequence->Kind != SequenceSetCache) {
        return FALSE;
    }
    Disk->WriteCacheChosen = TRUE;
    if (Sequence->Count != 0) {
        /* Before the device begins to cache: a write with FUA that comes now is flushed. */
        Disk->WriteCacheEnabled = TRUE;
    }
    return MakeStep(Sequence, Step, DiskOperationSetCache, 0, Sequence->Count, StepDataNone);
}

/* What is left of the data buffer; ScsiSequenceCutStep says if that is too much for one request. */
static BOOLEAN StepTransfer(PDISK_SEQUENCE Sequence, PDISK_STEP Step)
{
    return ScsiSequenceMovesData(Sequence->Kind) && Sequence->Transferred < Sequence->Length &&
           MakeStep(Sequence, Step, Sequence->Transfer,
                    Sequence->Sector + Sequence->Transferred / DISK_SECTOR_SIZE,
                    Sequence->Length - Sequence->Transferred, StepDataCommand);
}

/* What is verified is the medium, and a cache that was turned off must be empty. */
static BOOLEAN StepFlush(const SCSI_DISK *Disk, PDISK_SEQUENCE Sequence, PDISK_STEP Step)
{
    const UCHAR Kind = Sequence->Kind;
    const BOOLEAN Wanted = Kind == SequenceFlushAfter ||
                           (Kind == SequenceSetCache && Sequence->Count == 0) ||
                           (IsVerify(Kind) && Disk->WriteCacheEnabled);

    return Wanted && MakeStep(Sequence, Step, DiskOperationFlush, 0, 0, StepDataNone);
}

static BOOLEAN StepLifetime(PDISK_SEQUENCE Sequence, PDISK_STEP Step)
{
    return Sequence->Kind == SequenceLifetime &&
           MakeStep(Sequence, Step, DiskOperationGetLifetime, 0, LIFETIME_LENGTH, StepDataScratch);
}

/* ---- Pieces of a range ---- */

/* The next piece of the range, of at most so many bytes. */
static BOOLEAN MakePiece(PDISK_SEQUENCE Sequence, PDISK_STEP Step, DISK_OPERATION Operation,
                         ULONG Most, DISK_STEP_DATA Data)
{
    const ULONG MostSectors = Most / DISK_SECTOR_SIZE;
    const ULONG Sectors =
        Sequence->Remaining < MostSectors ? (ULONG)Sequence->Remaining : MostSectors;
    const ULONGLONG Sector = Sequence->Sector;

    Sequence->Sector += Sectors;
    Sequence->Remaining -= Sectors;
    return MakeStep(Sequence, Step, (UCHAR)Operation, Sector, Sectors * DISK_SECTOR_SIZE, Data);
}

/* Fills the scratch memory with the block of a WRITE SAME, over and over, as far as is needed. */
static void FillScratch(const SCSI_DISK *Disk, const DISK_SEQUENCE *Sequence, UCHAR *Scratch)
{
    const ULONGLONG Bytes = Sequence->Remaining * DISK_SECTOR_SIZE;
    const ULONG Length = Bytes < Disk->ScratchBytes ? (ULONG)Bytes : Disk->ScratchBytes;
    ULONG Offset;

    if (Sequence->Length == 0) {
        RtlZeroMemory(Scratch, Length);
        return;
    }
    RtlCopyMemory(Scratch, Sequence->Data, Disk->BlockSize);
    for (Offset = Disk->BlockSize; Offset < Length; Offset += Disk->BlockSize) {
        RtlCopyMemory(Scratch + Offset, Scratch, Disk->BlockSize);
    }
}

/* One that is read to be verified: a single block where there is doubt. Unless it is compared, what the
 * device reads does not matter: it may all go to the same place. */
static BOOLEAN MakeVerifyPiece(const SCSI_DISK *Disk, PDISK_SEQUENCE Sequence, PDISK_STEP Step)
{
    const BOOLEAN Compares =
        Sequence->Kind == SequenceVerifyData || Sequence->Kind == SequenceWriteVerifyData;
    ULONG Most = Compares ? Disk->ScratchBytes : Disk->RepeatBytes;

    if (Sequence->Doubtful != 0) {
        Most = Disk->BlockSize;
        Sequence->Doubtful -= Most / DISK_SECTOR_SIZE;
    }
    return MakePiece(Sequence, Step, DiskOperationRead, Most,
                     Compares ? StepDataScratch : StepDataRepeat);
}

static BOOLEAN StepPiece(const SCSI_DISK *Disk, PDISK_SEQUENCE Sequence, UCHAR *Scratch,
                         PDISK_STEP Step)
{
    if (Sequence->Remaining == 0) {
        return FALSE;
    }
    if (Sequence->Kind != SequenceWriteSame) {
        return MakeVerifyPiece(Disk, Sequence, Step);
    }
    if (Sequence->Operation == DiskOperationNone) {
        FillScratch(Disk, Sequence, Scratch);
    }
    return MakePiece(Sequence, Step, DiskOperationWrite, Disk->RepeatBytes, StepDataRepeat);
}

/* ---- The machine ---- */

/* Compares what was read with its part of the data buffer. The sense data names the first byte that
 * differs by its offset in the whole buffer (SBC-3). */
static BOOLEAN ComparePiece(PDISK_SEQUENCE Sequence, const UCHAR *Scratch)
{
    const UCHAR *Data = Sequence->Data + Sequence->Position;
    ULONG Index;

    for (Index = 0; Index < Sequence->StepLength; Index++) {
        if (Data[Index] != Scratch[Index]) {
            EndFailed(Sequence, SCSI_SENSE_MISCOMPARE, ScsiAscMiscompare);
            Sequence->Sense.InformationValid = TRUE;
            Sequence->Sense.Information = Sequence->Position + Index;
            return FALSE;
        }
    }
    Sequence->Position += Sequence->StepLength;
    return TRUE;
}

/* What is read by this step can be read: a block of it that could not counts no longer. */
static VOID NoteVerified(PSCSI_DISK Disk, ULONGLONG Sector, ULONG Sectors)
{
    if (Disk->UnverifiedCount != 0 && Disk->UnverifiedSector - Sector < Sectors) {
        Disk->UnverifiedCount = 0;
    }
}

/* A block cannot be read. Returns FALSE: the command has failed, in Sequence. */
static BOOLEAN FailBlock(PSCSI_DISK Disk, PDISK_SEQUENCE Sequence, ULONGLONG Sector)
{
    if (Disk->UnverifiedCount == 0 || Disk->UnverifiedSector != Sector) {
        Disk->UnverifiedSector = Sector;
        Disk->UnverifiedCount = 0;
    }
    if (Disk->UnverifiedCount + 1 < VERIFY_ATTEMPTS) {
        ++Disk->UnverifiedCount;
        return EndFailed(Sequence, SCSI_SENSE_ABORTED_COMMAND, ScsiAscIoProcessTerminated);
    }
    (void)EndFailed(Sequence, SCSI_SENSE_MEDIUM_ERROR, ScsiAscUnrecoveredReadError);
    Sequence->Sense.InformationValid = TRUE;
    Sequence->Sense.Information = Sector >> Disk->BlockShift;
    return FALSE;
}

/* The device has read a piece to be verified, or could not. Returns as FinishStep. */
static BOOLEAN FinishVerify(PSCSI_DISK Disk, PDISK_SEQUENCE Sequence, UCHAR DeviceStatus,
                            const UCHAR *Scratch)
{
    const ULONG Sectors = Sequence->StepLength / DISK_SECTOR_SIZE;
    const ULONGLONG Sector = Sequence->Sector - Sectors;

    if (DeviceStatus == DeviceStatusIoError) {
        if (Sectors == 1u << Disk->BlockShift) {
            return FailBlock(Disk, Sequence, Sector);
        }
        Sequence->Sector = Sector;
        Sequence->Remaining += Sectors;
        Sequence->Doubtful = Sectors;
        return TRUE;
    }
    if (DeviceStatus != DeviceStatusOk) {
        return FALSE;
    }
    NoteVerified(Disk, Sector, Sectors);
    return (Sequence->Kind != SequenceVerifyData && Sequence->Kind != SequenceWriteVerifyData) ||
           ComparePiece(Sequence, Scratch);
}

/* The device has done the present step: what follows from that. FALSE: the command has failed. */
static BOOLEAN FinishStep(PSCSI_DISK Disk, PDISK_SEQUENCE Sequence, UCHAR DeviceStatus,
                          const UCHAR *Scratch)
{
    const DISK_OPERATION Operation = (DISK_OPERATION)Sequence->Operation;

    if (Operation == DiskOperationNone) {
        return TRUE; /* there was none before */
    }
    Sequence->ScsiStatus = ScsiTranslateCompletion(Operation, DeviceStatus, &Sequence->Sense);
    if (Sequence->Stage == StagePieces && IsVerify(Sequence->Kind)) {
        return FinishVerify(Disk, Sequence, DeviceStatus, Scratch);
    }
    if (Sequence->ScsiStatus != SCSISTAT_GOOD) {
        return FALSE;
    }
    if (Sequence->Stage == StageTransfer && Operation == Sequence->Transfer) {
        Sequence->Transferred += Sequence->StepLength;
    } else if (Operation == DiskOperationSetCache && Sequence->Count == 0) {
        Disk->WriteCacheEnabled = FALSE;
    } else if (Operation == DiskOperationGetLifetime) {
        ScsiWriteLifetimeLog(Scratch, Sequence->Data, Sequence->Length);
    }
    return TRUE;
}

static BOOLEAN MakeStageStep(PSCSI_DISK Disk, PDISK_SEQUENCE Sequence, UCHAR *Scratch,
                             PDISK_STEP Step)
{
    switch (Sequence->Stage) {
    case StageSetCache:
        return StepSetCache(Disk, Sequence, Step);
    case StageTransfer:
        return StepTransfer(Sequence, Step);
    case StageFlush:
        return StepFlush(Disk, Sequence, Step);
    case StageLifetime:
        return StepLifetime(Sequence, Step);
    default:
        return StepPiece(Disk, Sequence, Scratch, Step);
    }
}

BOOLEAN ScsiSequenceIsOffered(const SCSI_DISK *Disk, const DISK_SEQUENCE *Sequence)
{
    switch (Sequence->Kind) {
    case SequenceUnmap:
        return Disk->DiscardSectors != 0;
    case SequenceZero:
        return Disk->ZeroesSectors != 0;
    case SequenceZeroUnmap:
        return Disk->ZeroesSectors != 0 && Disk->ZeroesMayUnmap;
    case SequenceSetCache:
        return Disk->WriteCacheSettable;
    case SequenceLifetime:
        return Disk->LifetimeSupported;
    default:
        return TRUE;
    }
}

BOOLEAN ScsiSequenceNext(PSCSI_DISK Disk, PDISK_SEQUENCE Sequence, UCHAR DeviceStatus,
                         UCHAR *Scratch, PDISK_STEP Step)
{
    if (!FinishStep(Disk, Sequence, DeviceStatus, Scratch)) {
        Sequence->Transferred = 0; /* whoever sent it begins with it anew */
        return FALSE;
    }
    if (!ScsiSequenceIsOffered(Disk, Sequence)) {
        return EndFailed(Sequence, SCSI_SENSE_ILLEGAL_REQUEST, ScsiAscInvalidOpcode);
    }
    while (Sequence->Stage != StageEnd) {
        const BOOLEAN Made = MakeStageStep(Disk, Sequence, Scratch, Step);

        if (!Made || (Sequence->Stage != StagePieces && Sequence->Stage != StageTransfer)) {
            Sequence->Stage++;
        }
        if (Made) {
            return TRUE;
        }
    }
    return EndGood(Sequence);
}
