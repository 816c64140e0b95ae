/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How commands end: outcomes, sense data, unit attentions, REQUEST SENSE (SPC-4).
 */
#include "scsi_internal.h"

/* ---- Sense data ---- */

void ScsiSetSense(PSCSI_DISK_SENSE Sense, UCHAR Key, SCSI_ASC Asc)
{
    Sense->Key = Key;
    Sense->Asc = (USHORT)Asc;
    Sense->InformationValid = FALSE;
    Sense->FieldValid = FALSE;
    Sense->FieldInList = FALSE;
}

UCHAR ScsiBuildSense(const SCSI_DISK_SENSE *Sense, void *Buffer, UCHAR BufferLength)
{
    UCHAR Bytes[SCSI_FIXED_SENSE_LENGTH];
    UCHAR Length = (UCHAR)Minimum(BufferLength, sizeof(Bytes));

    if (Buffer == NULL || Length == 0) {
        return 0;
    }
    RtlZeroMemory(Bytes, sizeof(Bytes));
    Bytes[0] = 0x70; /* current error, fixed format */
    /* A value that needs more than four bytes is left out, as fixed format demands. */
    if (Sense->InformationValid && Sense->Information <= 0xffffffffu) {
        Bytes[0] |= 0x80; /* VALID */
        Put32(&Bytes[3], (ULONG)Sense->Information);
    }
    Bytes[2] = Sense->Key;
    Bytes[7] = (UCHAR)(sizeof(Bytes) - 8); /* bytes that follow byte 7 */
    Put16(&Bytes[12], Sense->Asc);
    if (Sense->FieldValid) {
        Bytes[15] = 0x80 | 0x08 | (Sense->FieldBit & 7); /* SKSV; bit pointer valid */
        if (!Sense->FieldInList) {
            Bytes[15] |= 0x40; /* in the CDB */
        }
        Put16(&Bytes[16], Sense->FieldByte);
    }
    RtlCopyMemory(Buffer, Bytes, Length);
    return Length;
}

UCHAR ScsiTranslateCompletion(DISK_OPERATION Operation, UCHAR DeviceStatus, PSCSI_DISK_SENSE Sense)
{
    const BOOLEAN Transfer = Operation == DiskOperationRead || Operation == DiskOperationWrite;

    if (DeviceStatus == DeviceStatusOk) {
        return SCSISTAT_GOOD;
    }
    if (DeviceStatus == DeviceStatusIoError) {
        ScsiSetSense(Sense, SCSI_SENSE_ABORTED_COMMAND, ScsiAscIoProcessTerminated);
    } else if (DeviceStatus != DeviceStatusUnsupported) {
        /* No other status exists, or it was not written: another time it may be. */
        ScsiSetSense(Sense, SCSI_SENSE_ABORTED_COMMAND, ScsiAscInternalTargetFailure);
    } else if (Transfer) {
        /* A device that does not read or write will not do so another time. */
        ScsiSetSense(Sense, SCSI_SENSE_HARDWARE_ERROR, ScsiAscInternalTargetFailure);
    } else {
        ScsiSetSense(Sense, SCSI_SENSE_ILLEGAL_REQUEST, ScsiAscInvalidOpcode);
    }
    return SCSISTAT_CHECK_CONDITION;
}

/* ---- Unit attentions ---- */

void ScsiUpdateOpenTransferLength(PSCSI_DISK Disk)
{
    LONG Pending;
    BOOLEAN ReadOnly;

    /* Two processors may do this at once: whoever writes last has seen the last change, as each looks
     * again behind its interlocked, that is, ordered write. */
    do {
        Pending = Disk->PendingAttention;
        ReadOnly = Disk->ReadOnly;
        (void)InterlockedExchange((volatile LONG *)&Disk->OpenTransferLength[0],
                                  Pending != 0 ? 0 : (LONG)Disk->MaximumTransferLength);
        (void)InterlockedExchange((volatile LONG *)&Disk->OpenTransferLength[OPCODE_WRITE_BIT],
                                  Pending != 0 || ReadOnly ? 0 : (LONG)Disk->MaximumTransferLength);
    } while (Pending != Disk->PendingAttention || ReadOnly != Disk->ReadOnly);
}

void ScsiDiskRaiseUnitAttention(PSCSI_DISK Disk, SCSI_UNIT_ATTENTION Event)
{
    InterlockedOr(&Disk->PendingAttention, (LONG)Event);
    ScsiUpdateOpenTransferLength(Disk);
}

/* Takes the first pending event out of Disk; 0 if there is none. Each event is given to one caller
 * only. Returns a SCSI_UNIT_ATTENTION. */
static LONG TakeUnitAttention(PSCSI_DISK Disk)
{
    for (;;) {
        LONG Pending = Disk->PendingAttention;
        LONG Event = Pending & (~Pending + 1); /* the lowest bit */

        if (Event == 0) {
            return 0;
        }
        if ((InterlockedAnd(&Disk->PendingAttention, ~Event) & Event) != 0) {
            ScsiUpdateOpenTransferLength(Disk);
            return Event;
        }
        /* Another command was faster: look for the next event. */
    }
}

static SCSI_ASC AttentionCode(LONG Event)
{
    switch (Event) {
    case ScsiAttentionBusReset:
        return ScsiAscBusReset;
    case ScsiAttentionDeviceReset:
        return ScsiAscDeviceReset;
    case ScsiAttentionModeChanged:
        return ScsiAscModeParametersChanged;
    case ScsiAttentionCapacityChanged:
        return ScsiAscCapacityChanged;
    default:
        return ScsiAscPowerOnOrReset;
    }
}

BOOLEAN ScsiReportUnitAttention(PSCSI_DISK Disk, PSCSI_COMMAND Command)
{
    LONG Event = TakeUnitAttention(Disk);

    if (Event == 0) {
        return FALSE;
    }
    ScsiFail(Command, SCSI_SENSE_UNIT_ATTENTION, AttentionCode(Event));
    return TRUE;
}

/* REQUEST SENSE: the pending unit attention if there is one, in fixed or descriptor format. */
SCSI_OUTCOME ScsiRequestSense(PSCSI_DISK Disk, PSCSI_COMMAND Command)
{
    const UCHAR *Cdb = Command->Cdb;
    LONG Event = TakeUnitAttention(Disk);
    SCSI_DISK_SENSE Sense;
    UCHAR Answer[SCSI_FIXED_SENSE_LENGTH];

    ScsiSetSense(&Sense, SCSI_SENSE_NO_SENSE, ScsiAscNone);
    if (Event != 0) {
        ScsiSetSense(&Sense, SCSI_SENSE_UNIT_ATTENTION, AttentionCode(Event));
    }
    if ((Cdb[1] & 0x01) == 0) {
        return ScsiGiveAnswer(Command, Answer, ScsiBuildSense(&Sense, Answer, sizeof(Answer)),
                              Cdb[4]);
    }
    RtlZeroMemory(Answer, sizeof(Answer));
    Answer[0] = 0x72; /* current error, descriptor format, no descriptor following */
    Answer[1] = Sense.Key;
    Put16(&Answer[2], Sense.Asc);
    return ScsiGiveAnswer(Command, Answer, 8, Cdb[4]);
}

/* ---- Outcomes. What is rare is kept out of line, so that READ and WRITE stay short. ---- */

SCSI_OUTCOME ScsiGood(PSCSI_COMMAND Command)
{
    Command->ScsiStatus = SCSISTAT_GOOD;
    Command->TransferredLength = 0;
    return ScsiOutcomeAnswered;
}

SCSI_OUTCOME ScsiGoodData(PSCSI_COMMAND Command, ULONG Length)
{
    Command->ScsiStatus = SCSISTAT_GOOD;
    Command->TransferredLength = Length;
    return Length < Command->DataLength ? ScsiOutcomeOverrun : ScsiOutcomeAnswered;
}

SCSI_OUTCOME ScsiGiveAnswer(PSCSI_COMMAND Command, const UCHAR *Answer, ULONG Length,
                            ULONG AllocationLength)
{
    ULONG Wanted = Minimum(Length, AllocationLength);
    ULONG Given = Minimum(Wanted, Command->DataLength);

    if (Given != 0 && Command->DataBuffer == NULL) {
        return ScsiRefuse(Command);
    }
    if (Given != 0) {
        RtlCopyMemory(Command->DataBuffer, Answer, Given);
    }
    Command->ScsiStatus = SCSISTAT_GOOD;
    Command->TransferredLength = Given;
    return Given == Wanted ? ScsiOutcomeAnswered : ScsiOutcomeOverrun;
}

DECLSPEC_NOINLINE SCSI_OUTCOME ScsiFail(PSCSI_COMMAND Command, UCHAR Key, SCSI_ASC Asc)
{
    ScsiSetSense(&Command->Sense, Key, Asc);
    Command->ScsiStatus = SCSISTAT_CHECK_CONDITION;
    Command->TransferredLength = 0;
    return ScsiOutcomeAnswered;
}

DECLSPEC_NOINLINE SCSI_OUTCOME ScsiFailField(PSCSI_COMMAND Command, USHORT FieldByte,
                                             UCHAR FieldBit)
{
    ScsiFail(Command, SCSI_SENSE_ILLEGAL_REQUEST, ScsiAscInvalidFieldInCdb);
    Command->Sense.FieldValid = TRUE;
    Command->Sense.FieldByte = FieldByte;
    Command->Sense.FieldBit = FieldBit;
    return ScsiOutcomeAnswered;
}

SCSI_OUTCOME ScsiFailList(PSCSI_COMMAND Command, USHORT FieldByte)
{
    ScsiFail(Command, SCSI_SENSE_ILLEGAL_REQUEST, ScsiAscInvalidFieldInList);
    Command->Sense.FieldValid = TRUE;
    Command->Sense.FieldInList = TRUE;
    Command->Sense.FieldByte = FieldByte;
    Command->Sense.FieldBit = 7;
    return ScsiOutcomeAnswered;
}

DECLSPEC_NOINLINE SCSI_OUTCOME ScsiFailRange(PSCSI_COMMAND Command, ULONGLONG FirstBad)
{
    ScsiFail(Command, SCSI_SENSE_ILLEGAL_REQUEST, ScsiAscLbaOutOfRange);
    Command->Sense.InformationValid = TRUE;
    Command->Sense.Information = FirstBad;
    return ScsiOutcomeAnswered;
}

SCSI_OUTCOME ScsiFailProtected(PSCSI_COMMAND Command)
{
    return ScsiFail(Command, SCSI_SENSE_DATA_PROTECT, ScsiAscWriteProtected);
}

SCSI_OUTCOME ScsiFailNoMedium(PSCSI_COMMAND Command)
{
    return ScsiFail(Command, SCSI_SENSE_NOT_READY, ScsiAscMediumNotPresent);
}

DECLSPEC_NOINLINE SCSI_OUTCOME ScsiRefuse(PSCSI_COMMAND Command)
{
    Command->ScsiStatus = SCSISTAT_GOOD;
    Command->TransferredLength = 0;
    return ScsiOutcomeInvalidRequest;
}
