/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Commands on the medium other than READ and WRITE (SBC-3): cache, start and stop, verification,
 * WRITE SAME, UNMAP. Each judges its command block, in the order in which a disk looks: the block's
 * fields, write protection, the range, the lengths; what takes several requests is then left to
 * scsi_sequence.c.
 *
 * COMPARE AND WRITE is not offered: it is a lock that several machines use on one disk, and
 * virtio-blk has no request that compares and writes in one, so that another machine's write could
 * come in between.
 */
#include "scsi_internal.h"

/* ---- What the command blocks have in common ---- */

/* The range of a command block of 10, 12 or 16 bytes, as its operation code's group says (SPC-4). */
static DISK_RANGE GetRange(const UCHAR *Cdb)
{
    DISK_RANGE Range;

    switch (Cdb[0] >> 5) {
    case 4: /* 16 bytes */
        Range.First = Get64(&Cdb[2]);
        Range.Count = Get32(&Cdb[10]);
        break;
    case 5: /* 12 bytes */
        Range.First = Get32(&Cdb[2]);
        Range.Count = Get32(&Cdb[6]);
        break;
    default: /* 10 bytes */
        Range.First = Get32(&Cdb[2]);
        Range.Count = Get16(&Cdb[7]);
        break;
    }
    return Range;
}

/* A sequence over Range that uses Length bytes of the data buffer. */
static SCSI_OUTCOME StartSequence(const SCSI_DISK *Disk, PSCSI_COMMAND Command, UCHAR Kind,
                                  DISK_RANGE Range, ULONG Length)
{
    Command->Sequence = Kind;
    Command->Sector = Range.First << Disk->BlockShift;
    Command->SectorCount = (ULONGLONG)Range.Count << Disk->BlockShift;
    Command->Length = Length;
    return ScsiOutcomeStartIo;
}

/* The device's volatile cache, if it has one, is to be written out. Without F_FLUSH every finished
 * write is on the medium (VIRTIO 1.2, 5.2.6.2), so there is nothing to do. */
static SCSI_OUTCOME StartFlush(const SCSI_DISK *Disk, PSCSI_COMMAND Command)
{
    if (!Disk->FlushSupported) {
        return ScsiGood(Command);
    }
    Command->Operation = DiskOperationFlush;
    Command->Sequence = SequenceNone;
    Command->Length = 0;
    Command->Sector = 0;
    return ScsiOutcomeStartIo;
}

/* ---- Cache, start and stop ---- */

/* SYNCHRONIZE CACHE(10) and (16). The whole cache is written, whatever the range. IMMED allows an
 * answer before that is done; this one comes after, which is never wrong. */
SCSI_OUTCOME ScsiSynchronizeCache(PSCSI_DISK Disk, PSCSI_COMMAND Command)
{
    ULONGLONG FirstBad;

    if (!ScsiCheckRange(Disk, GetRange(Command->Cdb), &FirstBad)) {
        return ScsiFailRange(Command, FirstBad);
    }
    return StartFlush(Disk, Command);
}

/* PRE-FETCH(10) and (16): the host reads ahead as it sees fit. GOOD, not CONDITION MET: nobody has
 * promised that all of it is in a cache now. */
SCSI_OUTCOME ScsiPreFetch(PSCSI_DISK Disk, PSCSI_COMMAND Command)
{
    ULONGLONG FirstBad;

    if (!ScsiCheckRange(Disk, GetRange(Command->Cdb), &FirstBad)) {
        return ScsiFailRange(Command, FirstBad);
    }
    return ScsiGood(Command);
}

/* START STOP UNIT. The disk is always started and cannot be ejected; stopping it writes its cache
 * out and changes nothing else, so that the commands that follow find it ready. */
SCSI_OUTCOME ScsiStartStopUnit(PSCSI_DISK Disk, PSCSI_COMMAND Command)
{
    const UCHAR *Cdb = Command->Cdb;
    BOOLEAN Start = (Cdb[4] & 0x01) != 0;
    BOOLEAN NoFlush = (Cdb[4] & 0x04) != 0;

    if ((Cdb[4] & 0xf0) != 0) {
        return ScsiFailField(Command, 4, 7); /* no power conditions */
    }
    if ((Cdb[4] & 0x02) != 0) {
        return ScsiFailField(Command, 4, 1); /* LOEJ */
    }
    if (Start || NoFlush) {
        return ScsiGood(Command);
    }
    return StartFlush(Disk, Command);
}

/* PREVENT ALLOW MEDIUM REMOVAL: a medium that cannot be removed stays where it is either way. */
SCSI_OUTCOME ScsiMediumRemoval(PSCSI_DISK Disk, PSCSI_COMMAND Command)
{
    UNREFERENCED_PARAMETER(Disk);
    if ((Command->Cdb[4] & 0x02) != 0) {
        return ScsiFailField(Command, 4, 1); /* obsolete values */
    }
    return ScsiGood(Command);
}

/* SEND DIAGNOSTIC: the default self-test, which finds nothing wrong. */
SCSI_OUTCOME ScsiSendDiagnostic(PSCSI_DISK Disk, PSCSI_COMMAND Command)
{
    const UCHAR *Cdb = Command->Cdb;

    UNREFERENCED_PARAMETER(Disk);
    if ((Cdb[1] & 0xe0) != 0) {
        return ScsiFailField(Command, 1, 7); /* a self-test code: no others are known */
    }
    if ((Cdb[1] & 0x10) != 0) {
        return ScsiFailField(Command, 1, 4); /* PF: no diagnostic pages either */
    }
    if (Get16(&Cdb[3]) != 0) {
        return ScsiFailField(Command, 3, 7);
    }
    return ScsiGood(Command);
}

/* ---- Verification ---- */

/*
 * What VERIFY and WRITE AND VERIFY check alike. DataLength: bytes that the data buffer must have.
 * ScsiOutcomeStartIo: nothing is wrong.
 */
static SCSI_OUTCOME CheckVerify(PSCSI_DISK Disk, PSCSI_COMMAND Command, DISK_RANGE Range,
                                BOOLEAN Writes, ULONGLONG DataLength)
{
    const UCHAR *Cdb = Command->Cdb;
    ULONGLONG FirstBad;

    if ((Cdb[1] & CDB_PROTECT_MASK) != 0) {
        return ScsiFailField(Command, 1, 7);
    }
    if ((Cdb[1] & CDB_BYTCHK_MASK) > 0x02) {
        return ScsiFailField(Command, 1,
                             2); /* BYTCHK 2 is reserved; 3, one block for all, optional */
    }
    if (Writes && Disk->ReadOnly) {
        return ScsiFailProtected(Command);
    }
    if (!ScsiCheckRange(Disk, Range, &FirstBad)) {
        return ScsiFailRange(Command, FirstBad);
    }
    if (DataLength > Disk->MaximumTransferLength) {
        return ScsiFail(Command, SCSI_SENSE_ILLEGAL_REQUEST, ScsiAscInvalidFieldInCdb);
    }
    if (DataLength > Command->DataLength) {
        return ScsiRefuse(Command);
    }
    return ScsiOutcomeStartIo;
}

/* Bytes in blocks of Range. */
static ULONGLONG RangeBytes(const SCSI_DISK *Disk, DISK_RANGE Range)
{
    return (ULONGLONG)Range.Count << Disk->BlockShift << 9;
}

/* VERIFY(10), (12) and (16): the blocks are read, so that one that cannot be read is found; with
 * BYTCHK they are compared with the data buffer as well. */
SCSI_OUTCOME ScsiVerify(PSCSI_DISK Disk, PSCSI_COMMAND Command)
{
    const DISK_RANGE Range = GetRange(Command->Cdb);
    const BOOLEAN Compare = (Command->Cdb[1] & CDB_BYTCHK_MASK) != 0;
    const ULONGLONG Length = Compare ? RangeBytes(Disk, Range) : 0;
    SCSI_OUTCOME Outcome = CheckVerify(Disk, Command, Range, FALSE, Length);

    if (Outcome != ScsiOutcomeStartIo) {
        return Outcome;
    }
    if (Range.Count == 0) {
        return Compare ? ScsiGoodData(Command, 0) : ScsiGood(Command);
    }
    if (Compare && Command->DataBuffer == NULL) {
        return ScsiRefuse(Command);
    }
    return StartSequence(Disk, Command, Compare ? SequenceVerifyData : SequenceVerify, Range,
                         (ULONG)Length);
}

/* WRITE AND VERIFY(10), (12) and (16). The write takes the data where it lies; only the comparison
 * needs an address of it. */
SCSI_OUTCOME ScsiWriteVerify(PSCSI_DISK Disk, PSCSI_COMMAND Command)
{
    const DISK_RANGE Range = GetRange(Command->Cdb);
    const BOOLEAN Compare = (Command->Cdb[1] & CDB_BYTCHK_MASK) != 0;
    const ULONGLONG Length = RangeBytes(Disk, Range);
    SCSI_OUTCOME Outcome = CheckVerify(Disk, Command, Range, TRUE, Length);

    if (Outcome != ScsiOutcomeStartIo) {
        return Outcome;
    }
    if (Range.Count == 0) {
        return ScsiGoodData(Command, 0);
    }
    if (Compare && Command->DataBuffer == NULL) {
        return ScsiRefuse(Command);
    }
    return StartSequence(Disk, Command, Compare ? SequenceWriteVerifyData : SequenceWriteVerify,
                         Range, (ULONG)Length);
}

/* ---- WRITE SAME ---- */

static BOOLEAN IsZero(const UCHAR *Bytes, ULONG Length)
{
    ULONG Index;

    for (Index = 0; Index < Length; Index++) {
        if (Bytes[Index] != 0) {
            return FALSE;
        }
    }
    return TRUE;
}

/* Which sequence does it: zeroes are left to the device where it can. */
static UCHAR WriteSameKind(const SCSI_DISK *Disk, const SCSI_COMMAND *Command, BOOLEAN NoData,
                           BOOLEAN Unmap)
{
    if (ScsiOffersZeroes(Disk) && (NoData || IsZero(Command->DataBuffer, Disk->BlockSize))) {
        return Unmap ? SequenceZeroUnmap : SequenceZero;
    }
    return SequenceWriteSame;
}

/*
 * WRITE SAME(10) and (16). UNMAP allows the device to give blocks up if they read as what would have
 * been written, so it concerns zeroes only; anything else is written.
 */
SCSI_OUTCOME ScsiWriteSame(PSCSI_DISK Disk, PSCSI_COMMAND Command)
{
    const UCHAR *Cdb = Command->Cdb;
    const DISK_RANGE Range = GetRange(Cdb);
    const BOOLEAN Unmap = (Cdb[1] & CDB_UNMAP) != 0;
    const BOOLEAN NoData = Cdb[0] == SCSIOP_WRITE_SAME16 && (Cdb[1] & CDB_NDOB) != 0;
    const ULONG Length = NoData ? 0 : Disk->BlockSize;
    ULONGLONG FirstBad;

    if ((Cdb[1] & CDB_PROTECT_MASK) != 0) {
        return ScsiFailField(Command, 1, 7);
    }
    if ((Cdb[1] & CDB_ANCHOR) != 0) {
        return ScsiFailField(Command, 1, 4);
    }
    if (Unmap && !Disk->ZeroesMayUnmap) {
        return ScsiFailField(Command, 1, 3);
    }
    if ((Cdb[1] & 0x06) != 0) {
        return ScsiFailField(Command, 1, 2); /* PBDATA, LBDATA: obsolete */
    }
    if (Disk->ReadOnly) {
        return ScsiFailProtected(Command);
    }
    if (!ScsiCheckRange(Disk, Range, &FirstBad)) {
        return ScsiFailRange(Command, FirstBad);
    }
    if (Range.Count == 0 || Range.Count > ScsiWriteSameBlocks(Disk)) {
        return ScsiFailField(Command, Cdb[0] == SCSIOP_WRITE_SAME16 ? 10 : 7, 7);
    }
    if (!NoData && Command->DataLength != Length) {
        /* Other than one block is a wrong command, not a buffer that is too small for it. */
        return ScsiFail(Command, SCSI_SENSE_ILLEGAL_REQUEST, ScsiAscInvalidFieldInCdb);
    }
    if (!NoData && Command->DataBuffer == NULL) {
        return ScsiRefuse(Command);
    }
    return StartSequence(Disk, Command, WriteSameKind(Disk, Command, NoData, Unmap), Range, Length);
}

/* ---- UNMAP ---- */

void ScsiReadUnmapRange(const UCHAR *List, ULONG Index, DISK_RANGE *Range)
{
    UCHAR Bytes[UNMAP_RANGE_LENGTH];

    RtlCopyMemory(Bytes, List + UNMAP_HEADER_LENGTH + Index * UNMAP_RANGE_LENGTH, sizeof(Bytes));
    Range->First = Get64(&Bytes[0]);
    Range->Count = Get32(&Bytes[8]);
}

/* Judges all ranges of a list before any is given to the device. ScsiOutcomeStartIo: all are good. */
static SCSI_OUTCOME CheckUnmapRanges(const SCSI_DISK *Disk, PSCSI_COMMAND Command, ULONG Count)
{
    ULONGLONG Blocks = 0;
    ULONGLONG FirstBad;
    ULONG Index;

    if (Count > Disk->UnmapRanges) {
        return ScsiFailList(Command, 2); /* more than the Block Limits page allows */
    }
    for (Index = 0; Index < Count; Index++) {
        DISK_RANGE Range;

        ScsiReadUnmapRange(Command->DataBuffer, Index, &Range);
        if (!ScsiCheckRange(Disk, Range, &FirstBad)) {
            return ScsiFailRange(Command, FirstBad);
        }
        Blocks += Range.Count;
    }
    if (Blocks > Disk->UnmapBlocks) {
        return ScsiFailList(Command, UNMAP_HEADER_LENGTH);
    }
    return ScsiOutcomeStartIo;
}

/* UNMAP. A list that is shorter than it says is used as far as it goes (SBC-3). */
SCSI_OUTCOME ScsiUnmap(PSCSI_DISK Disk, PSCSI_COMMAND Command)
{
    const UCHAR *Cdb = Command->Cdb;
    const ULONG Length = Get16(&Cdb[7]);
    SCSI_OUTCOME Outcome;
    ULONG Count;

    if ((Cdb[1] & 0x01) != 0) {
        return ScsiFailField(Command, 1, 0); /* ANCHOR */
    }
    if (Disk->ReadOnly) {
        return ScsiFailProtected(Command);
    }
    if (Length == 0) {
        return ScsiGoodData(Command, 0);
    }
    if (Length < UNMAP_HEADER_LENGTH) {
        return ScsiFail(Command, SCSI_SENSE_ILLEGAL_REQUEST, ScsiAscParameterListLength);
    }
    if (Length > Command->DataLength || Command->DataBuffer == NULL) {
        return ScsiRefuse(Command);
    }
    Count =
        Minimum(Get16(&Command->DataBuffer[2]), Length - UNMAP_HEADER_LENGTH) / UNMAP_RANGE_LENGTH;
    Outcome = CheckUnmapRanges(Disk, Command, Count);
    if (Outcome != ScsiOutcomeStartIo) {
        return Outcome;
    }
    if (Count == 0) {
        return ScsiGoodData(Command, Length);
    }
    /* The range is in the list; what is told here is how many there are. */
    Command->Sequence = SequenceUnmap;
    Command->Sector = 0;
    Command->SectorCount = Count;
    Command->Length = Length;
    return ScsiOutcomeStartIo;
}
