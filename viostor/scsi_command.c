/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The table of commands, and REPORT SUPPORTED OPERATION CODES, which is made from it: what is not in
 * the table, or not offered for this disk, does not exist (INVALID COMMAND OPERATION CODE). That is
 * so for RESERVE, RELEASE and PERSISTENT RESERVE, which a local disk without them answers just so,
 * for FORMAT UNIT, COMPARE AND WRITE and SANITIZE.
 */
#include "scsi_internal.h"

/* Not among Microsoft's names (SBC-3). */
#define OPCODE_PRE_FETCH   0x34u
#define OPCODE_PRE_FETCH16 0x90u

/* Service actions: bits 0 to 4 of byte 1. */
#define NO_ACTION              0xffu
#define ACTION_READ_CAPACITY16 0x10u
#define ACTION_GET_LBA_STATUS  0x12u
#define ACTION_OPERATION_CODES 0x0cu
#define ACTION_TASK_MANAGEMENT 0x0du
#define ACTION_MASK            0x1fu

/* The longest command block of the table. */
#define CDB_MAXIMUM 16u

/* What a pending unit attention does to a command (SAM-5). */
typedef enum _ATTENTION_RULE {
    AttentionFirst, /* the command ends with it */
    AttentionStays, /* the command is executed and the event stays pending */
} ATTENTION_RULE;

typedef struct _SCSI_COMMAND_ROW {
    UCHAR Opcode;
    UCHAR ServiceAction;                       /* or NO_ACTION */
    UCHAR CdbLength;                           /* bytes; the last is the control byte */
    UCHAR Attention;                           /* an ATTENTION_RULE */
    BOOLEAN (*Offered)(const SCSI_DISK *Disk); /* NULL: always */
    COMMAND_ROUTINE *Execute;                  /* NULL: READ and WRITE, which never come here */
    UCHAR Usage[CDB_MAXIMUM - 2]; /* from byte 1 on: bits that are looked at (SPC-4, 6.35.3) */
} SCSI_COMMAND_ROW;

static COMMAND_ROUTINE ReportOperationCodes, ReportTaskManagement;

/* clang-format off */
static const SCSI_COMMAND_ROW Commands[] = {
    {SCSIOP_TEST_UNIT_READY, NO_ACTION, 6, AttentionFirst, NULL, ScsiTestUnitReady, {0}},
    {SCSIOP_REQUEST_SENSE, NO_ACTION, 6, AttentionStays, NULL, ScsiRequestSense, {0x01, 0x00, 0x00, 0xff}},
    {SCSIOP_READ6, NO_ACTION, 6, AttentionFirst, NULL, NULL, {0x1f, 0xff, 0xff, 0xff}},
    {SCSIOP_WRITE6, NO_ACTION, 6, AttentionFirst, NULL, NULL, {0x1f, 0xff, 0xff, 0xff}},
    {SCSIOP_INQUIRY, NO_ACTION, 6, AttentionStays, NULL, ScsiInquiry, {0x01, 0xff, 0xff, 0xff}},
    {SCSIOP_MODE_SELECT, NO_ACTION, 6, AttentionFirst, NULL, ScsiModeSelect, {0x11, 0x00, 0x00, 0xff}},
    {SCSIOP_MODE_SENSE, NO_ACTION, 6, AttentionFirst, NULL, ScsiModeSense, {0x08, 0xff, 0xff, 0xff}},
    {SCSIOP_START_STOP_UNIT, NO_ACTION, 6, AttentionFirst, NULL, ScsiStartStopUnit, {0x01, 0x00, 0x00, 0xf7}},
    {SCSIOP_SEND_DIAGNOSTIC, NO_ACTION, 6, AttentionFirst, NULL, ScsiSendDiagnostic, {0xf4, 0x00, 0xff, 0xff}},
    {SCSIOP_MEDIUM_REMOVAL, NO_ACTION, 6, AttentionFirst, NULL, ScsiMediumRemoval, {0x00, 0x00, 0x00, 0x03}},
    {SCSIOP_READ_CAPACITY, NO_ACTION, 10, AttentionFirst, NULL, ScsiReadCapacity10, {0}},
    {SCSIOP_READ, NO_ACTION, 10, AttentionFirst, NULL, NULL, {0x18, 0xff, 0xff, 0xff, 0xff, 0x00, 0xff, 0xff}},
    {SCSIOP_WRITE, NO_ACTION, 10, AttentionFirst, NULL, NULL, {0x18, 0xff, 0xff, 0xff, 0xff, 0x00, 0xff, 0xff}},
    {SCSIOP_WRITE_VERIFY, NO_ACTION, 10, AttentionFirst, ScsiOffersScratch, ScsiWriteVerify, {0x16, 0xff, 0xff, 0xff, 0xff, 0x00, 0xff, 0xff}},
    {SCSIOP_VERIFY, NO_ACTION, 10, AttentionFirst, ScsiOffersScratch, ScsiVerify, {0x16, 0xff, 0xff, 0xff, 0xff, 0x00, 0xff, 0xff}},
    {OPCODE_PRE_FETCH, NO_ACTION, 10, AttentionFirst, NULL, ScsiPreFetch, {0x02, 0xff, 0xff, 0xff, 0xff, 0x00, 0xff, 0xff}},
    {SCSIOP_SYNCHRONIZE_CACHE, NO_ACTION, 10, AttentionFirst, NULL, ScsiSynchronizeCache, {0x02, 0xff, 0xff, 0xff, 0xff, 0x00, 0xff, 0xff}},
    {SCSIOP_WRITE_SAME, NO_ACTION, 10, AttentionFirst, ScsiOffersWriteSame, ScsiWriteSame, {0x08, 0xff, 0xff, 0xff, 0xff, 0x00, 0xff, 0xff}},
    {SCSIOP_UNMAP, NO_ACTION, 10, AttentionFirst, ScsiOffersDiscard, ScsiUnmap, {0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff}},
    {SCSIOP_LOG_SENSE, NO_ACTION, 10, AttentionFirst, ScsiOffersLifetime, ScsiLogSense, {0x00, 0xff, 0xff, 0x00, 0xff, 0xff, 0xff, 0xff}},
    {SCSIOP_MODE_SELECT10, NO_ACTION, 10, AttentionFirst, NULL, ScsiModeSelect, {0x11, 0x00, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff}},
    {SCSIOP_MODE_SENSE10, NO_ACTION, 10, AttentionFirst, NULL, ScsiModeSense, {0x18, 0xff, 0xff, 0x00, 0x00, 0x00, 0xff, 0xff}},
    {SCSIOP_READ16, NO_ACTION, 16, AttentionFirst, NULL, NULL, {0x18, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00}},
    {SCSIOP_WRITE16, NO_ACTION, 16, AttentionFirst, NULL, NULL, {0x18, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00}},
    {SCSIOP_WRITE_VERIFY16, NO_ACTION, 16, AttentionFirst, ScsiOffersScratch, ScsiWriteVerify, {0x16, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00}},
    {SCSIOP_VERIFY16, NO_ACTION, 16, AttentionFirst, ScsiOffersScratch, ScsiVerify, {0x16, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00}},
    {OPCODE_PRE_FETCH16, NO_ACTION, 16, AttentionFirst, NULL, ScsiPreFetch, {0x02, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00}},
    {SCSIOP_SYNCHRONIZE_CACHE16, NO_ACTION, 16, AttentionFirst, NULL, ScsiSynchronizeCache, {0x02, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00}},
    {SCSIOP_WRITE_SAME16, NO_ACTION, 16, AttentionFirst, ScsiOffersWriteSame, ScsiWriteSame, {0x09, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00}},
    {SCSIOP_SERVICE_ACTION_IN16, ACTION_READ_CAPACITY16, 16, AttentionFirst, NULL, ScsiReadCapacity16, {0x10, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0x00}},
    {SCSIOP_SERVICE_ACTION_IN16, ACTION_GET_LBA_STATUS, 16, AttentionFirst, ScsiOffersProvisioning, ScsiGetLbaStatus, {0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00}},
    {SCSIOP_REPORT_LUNS, NO_ACTION, 12, AttentionStays, NULL, ScsiReportLuns, {0x00, 0xff, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0x00}},
    {SCSIOP_MAINTENANCE_IN, ACTION_OPERATION_CODES, 12, AttentionFirst, NULL, ReportOperationCodes, {0x0c, 0x87, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00}},
    {SCSIOP_MAINTENANCE_IN, ACTION_TASK_MANAGEMENT, 12, AttentionFirst, NULL, ReportTaskManagement, {0x0d, 0x80, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0x00}},
    {SCSIOP_READ12, NO_ACTION, 12, AttentionFirst, NULL, NULL, {0x18, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00}},
    {SCSIOP_WRITE12, NO_ACTION, 12, AttentionFirst, NULL, NULL, {0x18, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00}},
    {SCSIOP_WRITE_VERIFY12, NO_ACTION, 12, AttentionFirst, ScsiOffersScratch, ScsiWriteVerify, {0x16, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00}},
    {SCSIOP_VERIFY12, NO_ACTION, 12, AttentionFirst, ScsiOffersScratch, ScsiVerify, {0x16, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00}},
};
/* clang-format on */

static BOOLEAN IsOffered(const SCSI_DISK *Disk, const SCSI_COMMAND_ROW *Row)
{
    return Row->Offered == NULL || Row->Offered(Disk);
}

/* ---- The way in, continued ---- */

/* A command that is in no row. An operation code that is known with another service action has a
 * wrong field, any other is wrong itself (SPC-4). */
static SCSI_OUTCOME UnknownCommand(PSCSI_DISK Disk, PSCSI_COMMAND Command, BOOLEAN OpcodeKnown)
{
    if (ScsiReportUnitAttention(Disk, Command)) {
        return ScsiOutcomeAnswered;
    }
    if (OpcodeKnown) {
        return ScsiFailField(Command, 1, 4);
    }
    return ScsiFail(Command, SCSI_SENSE_ILLEGAL_REQUEST, ScsiAscInvalidOpcode);
}

static SCSI_OUTCOME ExecuteRow(PSCSI_DISK Disk, PSCSI_COMMAND Command, const SCSI_COMMAND_ROW *Row)
{
    const ULONG Last = Row->CdbLength - 1u;

    if (Row->Attention == AttentionFirst && ScsiReportUnitAttention(Disk, Command)) {
        return ScsiOutcomeAnswered;
    }
    if ((Command->Cdb[Last] & CONTROL_NACA) != 0) {
        return ScsiFailField(Command, (USHORT)Last, 2);
    }
    return Row->Execute(Disk, Command);
}

DECLSPEC_NOINLINE SCSI_OUTCOME ScsiInterpretOther(PSCSI_DISK Disk, PSCSI_COMMAND Command)
{
    const UCHAR *Cdb = Command->Cdb;
    BOOLEAN OpcodeKnown = FALSE;
    ULONG Index;

    for (Index = 0; Index < ARRAYSIZE(Commands); Index++) {
        const SCSI_COMMAND_ROW *Row = &Commands[Index];

        if (Row->Opcode != Cdb[0] || !IsOffered(Disk, Row)) {
            continue;
        }
        if (Command->CdbLength < Row->CdbLength) {
            return ScsiRefuse(Command);
        }
        OpcodeKnown = TRUE;
        if (Row->ServiceAction == NO_ACTION || Row->ServiceAction == (Cdb[1] & ACTION_MASK)) {
            return ExecuteRow(Disk, Command, Row);
        }
    }
    return UnknownCommand(Disk, Command, OpcodeKnown);
}

/* ---- REPORT SUPPORTED OPERATION CODES (SPC-4) ---- */

/* Which commands are asked about: the reporting options. */
enum {
    ReportAll = 0,
    ReportOpcode = 1,       /* one that has no service actions */
    ReportAction = 2,       /* one service action */
    ReportOpcodeAction = 3, /* one command, whichever of the two it is */
};

/* Command timeouts descriptor: its length, and no time is told. */
#define TIMEOUTS_LENGTH 12u
static const UCHAR Timeouts[TIMEOUTS_LENGTH] = {0, TIMEOUTS_LENGTH - 2};

/* An answer that is longer than a stack likes: written piece by piece, cut where it has to be. */
typedef struct _ANSWER_WRITER {
    UCHAR *Buffer;
    ULONG Room;   /* bytes that may be written */
    ULONG Length; /* of the whole answer so far */
} ANSWER_WRITER;

static void WriteAnswer(ANSWER_WRITER *Writer, const UCHAR *Bytes, ULONG Length)
{
    if (Writer->Length < Writer->Room) {
        RtlCopyMemory(Writer->Buffer + Writer->Length, Bytes,
                      Minimum(Length, Writer->Room - Writer->Length));
    }
    Writer->Length += Length;
}

static void WriteDescriptor(ANSWER_WRITER *Writer, const SCSI_COMMAND_ROW *Row,
                            BOOLEAN WithTimeouts)
{
    UCHAR Bytes[8] = {0};

    Bytes[0] = Row->Opcode;
    if (Row->ServiceAction != NO_ACTION) {
        Put16(&Bytes[2], Row->ServiceAction);
        Bytes[5] |= 0x01; /* SERVACTV */
    }
    Put16(&Bytes[6], Row->CdbLength);
    if (WithTimeouts) {
        Bytes[5] |= 0x02; /* CTDP */
    }
    WriteAnswer(Writer, Bytes, sizeof(Bytes));
    if (WithTimeouts) {
        WriteAnswer(Writer, Timeouts, sizeof(Timeouts));
    }
}

static void WriteAllCommands(const SCSI_DISK *Disk, ANSWER_WRITER *Writer, BOOLEAN WithTimeouts)
{
    ULONG Count = 0;
    UCHAR Header[4];
    ULONG Index;

    for (Index = 0; Index < ARRAYSIZE(Commands); Index++) {
        Count += IsOffered(Disk, &Commands[Index]) ? 1 : 0;
    }
    Put32(Header, Count * (8 + (WithTimeouts ? TIMEOUTS_LENGTH : 0)));
    WriteAnswer(Writer, Header, sizeof(Header));
    for (Index = 0; Index < ARRAYSIZE(Commands); Index++) {
        if (IsOffered(Disk, &Commands[Index])) {
            WriteDescriptor(Writer, &Commands[Index], WithTimeouts);
        }
    }
}

/* Row NULL: a command that is not supported. */
static void WriteOneCommand(ANSWER_WRITER *Writer, const SCSI_COMMAND_ROW *Row,
                            BOOLEAN WithTimeouts)
{
    UCHAR Bytes[4 + CDB_MAXIMUM] = {0};

    if (Row == NULL) {
        Bytes[1] = 0x01; /* not supported */
        WriteAnswer(Writer, Bytes, 4);
        return;
    }
    Bytes[1] = 0x03; /* as the standard says */
    Bytes[1] |= WithTimeouts ? 0x80 : 0x00;
    Put16(&Bytes[2], Row->CdbLength);
    Bytes[4] = Row->Opcode;
    RtlCopyMemory(&Bytes[5], Row->Usage, Row->CdbLength - 2u);
    Bytes[4 + Row->CdbLength - 1] = CONTROL_NACA;
    WriteAnswer(Writer, Bytes, 4u + Row->CdbLength);
    if (WithTimeouts) {
        WriteAnswer(Writer, Timeouts, sizeof(Timeouts));
    }
}

/*
 * Finds the command that bytes 3 to 5 of the command block name. FALSE: with these reporting options
 * it cannot be asked about. *Row NULL: it is not supported.
 */
static BOOLEAN FindNamedCommand(const SCSI_DISK *Disk, const UCHAR *Cdb,
                                const SCSI_COMMAND_ROW **Row)
{
    const UCHAR Options = Cdb[2] & 0x07;
    const ULONG Action = Get16(&Cdb[4]);
    ULONG Index;

    *Row = NULL;
    for (Index = 0; Index < ARRAYSIZE(Commands); Index++) {
        const SCSI_COMMAND_ROW *Candidate = &Commands[Index];
        const BOOLEAN HasActions = Candidate->ServiceAction != NO_ACTION;

        if (Candidate->Opcode != Cdb[3] || !IsOffered(Disk, Candidate)) {
            continue;
        }
        if ((Options == ReportOpcode && HasActions) || (Options == ReportAction && !HasActions)) {
            return FALSE;
        }
        if (HasActions ? Candidate->ServiceAction == Action
                       : Options == ReportOpcode || Action == 0) {
            *Row = Candidate;
        }
    }
    return TRUE;
}

static SCSI_OUTCOME ReportOperationCodes(PSCSI_DISK Disk, PSCSI_COMMAND Command)
{
    const UCHAR *Cdb = Command->Cdb;
    const BOOLEAN WithTimeouts = (Cdb[2] & 0x80) != 0; /* RCTD */
    const ULONG AllocationLength = Get32(&Cdb[6]);
    ANSWER_WRITER Writer = {Command->DataBuffer, Minimum(AllocationLength, Command->DataLength), 0};
    const SCSI_COMMAND_ROW *Row = NULL;

    if ((Cdb[2] & 0x07) > ReportOpcodeAction) {
        return ScsiFailField(Command, 2, 2);
    }
    if ((Cdb[2] & 0x07) != ReportAll && !FindNamedCommand(Disk, Cdb, &Row)) {
        return ScsiFailField(Command, 3, 7);
    }
    if (Writer.Room != 0 && Writer.Buffer == NULL) {
        return ScsiRefuse(Command);
    }
    if ((Cdb[2] & 0x07) == ReportAll) {
        WriteAllCommands(Disk, &Writer, WithTimeouts);
    } else {
        WriteOneCommand(&Writer, Row, WithTimeouts);
    }
    Command->ScsiStatus = SCSISTAT_GOOD;
    Command->TransferredLength = Minimum(Writer.Length, Writer.Room);
    return Command->TransferredLength == Minimum(Writer.Length, AllocationLength)
               ? ScsiOutcomeAnswered
               : ScsiOutcomeOverrun;
}

/* ---- REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS (SPC-4) ---- */

/* StorPort's resets reach the driver as that of a unit, a target and a bus; nothing else does. */
static SCSI_OUTCOME ReportTaskManagement(PSCSI_DISK Disk, PSCSI_COMMAND Command)
{
    const UCHAR *Cdb = Command->Cdb;
    const BOOLEAN Extended = (Cdb[2] & 0x80) != 0; /* REPD */
    UCHAR Answer[16] = {0};

    UNREFERENCED_PARAMETER(Disk);
    if (Get32(&Cdb[6]) < 4) {
        return ScsiFailField(Command, 6, 7);
    }
    Answer[0] = 0x08 | 0x02; /* LOGICAL UNIT RESET, TARGET RESET */
    if (Extended) {
        Answer[3] = sizeof(Answer) - 4;
    }
    return ScsiGiveAnswer(Command, Answer, Extended ? sizeof(Answer) : 4, Get32(&Cdb[6]));
}
