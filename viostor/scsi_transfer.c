/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * READ and WRITE, and the way in. They go straight through: one switch on the operation code decodes
 * the command block, StartTransfer checks it and names the sectors. Every other command is looked up
 * in the table of scsi_command.c.
 */
#include "scsi_internal.h"

FORCEINLINE BOOLEAN IsWrite(const SCSI_COMMAND *Command)
{
    return (Command->Cdb[0] & OPCODE_WRITE_BIT) != 0;
}

/*
 * Why a READ or WRITE is not simply started, in the order in which a disk looks: a unit attention,
 * the command block, write protection, the range, the lengths. Flags is byte 1 of the command block
 * (0 for the 6-byte commands, which have none of these), Control its last byte.
 */
DECLSPEC_NOINLINE static SCSI_OUTCOME AnswerTransfer(PSCSI_DISK Disk, PSCSI_COMMAND Command,
                                                     DISK_RANGE Range, ULONG Flags, ULONG Control)
{
    ULONGLONG Length = (ULONGLONG)Range.Count << Disk->BlockShift << 9;
    ULONGLONG FirstBad;

    if (ScsiReportUnitAttention(Disk, Command)) {
        return ScsiOutcomeAnswered;
    }
    if ((Flags & CDB_PROTECT_MASK) != 0) {
        return ScsiFailField(Command, 1, 7); /* no protection information on this disk */
    }
    if ((Control & CONTROL_NACA) != 0) {
        return ScsiFail(Command, SCSI_SENSE_ILLEGAL_REQUEST, ScsiAscInvalidFieldInCdb);
    }
    if (IsWrite(Command) && Disk->ReadOnly) {
        return ScsiFailProtected(Command);
    }
    if (!ScsiCheckRange(Disk, Range, &FirstBad)) {
        return ScsiFailRange(Command, FirstBad);
    }
    if (Length > Disk->MaximumTransferLength) {
        /* More than the Block Limits page allows. */
        return ScsiFail(Command, SCSI_SENSE_ILLEGAL_REQUEST, ScsiAscInvalidFieldInCdb);
    }
    if (Length > Command->DataLength) {
        return ScsiRefuse(Command);
    }
    if (Length == 0) {
        return ScsiGoodData(Command, 0);
    }
    /* What stood in the way is gone: another command has taken the unit attention, or the disk has
     * grown or become writable meanwhile. */
    return ScsiInterpretCommand(Disk, Command);
}

/*
 * The common part of every READ and WRITE: starts it if nothing at all is in its way, else leaves
 * it to AnswerTransfer. Each condition here has its answer there.
 */
FORCEINLINE SCSI_OUTCOME StartTransfer(PSCSI_DISK Disk, PSCSI_COMMAND Command, DISK_RANGE Range,
                                       ULONG Flags, ULONG Control)
{
    ULONGLONG Length = (ULONGLONG)Range.Count << Disk->BlockShift << 9;
    ULONGLONG FirstBad;

    if (UNLIKELY(Disk->PendingAttention != 0 ||
                 ((Flags & CDB_PROTECT_MASK) | (Control & CONTROL_NACA)) != 0 ||
                 (IsWrite(Command) && Disk->ReadOnly) || !ScsiCheckRange(Disk, Range, &FirstBad) ||
                 Length > Disk->MaximumTransferLength || Length > Command->DataLength ||
                 Length == 0)) {
        return AnswerTransfer(Disk, Command, Range, Flags, Control);
    }
    Command->Operation = IsWrite(Command) ? DiskOperationWrite : DiskOperationRead;
    Command->Sequence =
        (Flags & CDB_FUA) != 0 && Disk->WriteCacheEnabled ? SequenceFlushAfter : SequenceNone;
    Command->Length = (ULONG)Length;
    Command->Sector = Range.First << Disk->BlockShift;
    return ScsiOutcomeStartIo;
}

SCSI_OUTCOME ScsiInterpretCommand(PSCSI_DISK Disk, PSCSI_COMMAND Command)
{
    const UCHAR *Cdb = Command->Cdb;
    DISK_RANGE Range;
    ULONG Flags, Control;

    if (Cdb == NULL || Command->CdbLength < 6) {
        return ScsiRefuse(Command);
    }
    Flags = Cdb[1];
    switch (Cdb[0] & ~OPCODE_WRITE_BIT) {
    case SCSIOP_READ:
        if (Command->CdbLength < 10) {
            return ScsiRefuse(Command);
        }
        Range.First = Get32(&Cdb[2]);
        Range.Count = Get16(&Cdb[7]);
        Control = Cdb[9];
        break;
    case SCSIOP_READ16:
        if (Command->CdbLength < 16) {
            return ScsiRefuse(Command);
        }
        Range.First = Get64(&Cdb[2]);
        Range.Count = Get32(&Cdb[10]);
        Control = Cdb[15];
        break;
    case SCSIOP_READ12:
        if (Command->CdbLength < 12) {
            return ScsiRefuse(Command);
        }
        Range.First = Get32(&Cdb[2]);
        Range.Count = Get32(&Cdb[6]);
        Control = Cdb[11];
        break;
    case SCSIOP_READ6:
        /* 21 bits of block number, which end with byte 3; a count of 0 means 256. */
        Range.First = Get32(Cdb) & 0x1fffff;
        Range.Count = Cdb[4] == 0 ? 256u : Cdb[4];
        Flags = 0;
        Control = Cdb[5];
        break;
    default:
        return ScsiInterpretOther(Disk, Command);
    }
    return StartTransfer(Disk, Command, Range, Flags, Control);
}
