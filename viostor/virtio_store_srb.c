/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What an SRB asks for. See virtio_store_srb.h.
 *
 * An SRB is the port driver's word, and it may be of a kind that nobody here has thought of: what is
 * not known is refused as SRB_STATUS_INVALID_REQUEST, and what is not for the one unit that exists
 * (path 0, target 0, unit 0) as SRB_STATUS_NO_DEVICE.
 */
#include "virtio_store_srb.h"

#include "adapter.h"
#include "port.h"
#include "request.h"
#include "virtio_store_control.h"
#include "virtio_store_hw_helper.h"
#include "virtio_store_utils.h"

/* The SRB is done, without a SCSI status: what SrbBuild then returns. */
static BOOLEAN Answer(PVOID Srb, UCHAR SrbStatus)
{
    SrbSetPortResult(Srb, SrbStatus);
    return FALSE;
}

/* Where no device answers any more. Stopped, failed and resetting adapters take requests: they wait
 * for the device, or are finished by their queue. */
static BOOLEAN IsGone(const ADAPTER_EXTENSION *Adapter)
{
    return Adapter->State == AdapterRemoved || Adapter->State == AdapterNoDevice;
}

/* Fills the extension for a request of the device. */
static VOID PrepareRequest(PADAPTER_EXTENSION Adapter, PVOID Srb, DISK_OPERATION Operation,
                           ULONGLONG Sector, ULONG Length)
{
    PSRB_EXTENSION Request = PortSrbExtension(Srb);

    Request->Srb = Srb;
    Request->Unusual = 0;
    Request->Kind = Operation == DiskOperationFlush ? RequestKindFlush : RequestKindDevice;
    Request->Special = RequestSpecialReport;
    Request->Operation = (UCHAR)Operation;
    Request->Sector = Sector;
    Request->Length = Length;
    Request->Segments = Length != 0 ? PortGetSegments(Adapter, Srb) : NULL;
}

/* The same for a command that takes several requests; none of them is made yet. */
DECLSPEC_NOINLINE static VOID PrepareSequence(PADAPTER_EXTENSION Adapter, PVOID Srb,
                                              const SCSI_COMMAND *Command)
{
    PSRB_EXTENSION Request = PortSrbExtension(Srb);

    PrepareRequest(Adapter, Srb, DiskOperationNone, 0, 0);
    Request->Kind = RequestKindSequence;
    Request->CommandSegments =
        ScsiSequenceMovesData(Command->Sequence) ? PortGetSegments(Adapter, Srb) : NULL;
    ScsiSequenceBegin(&Request->Sequence, Command);
}

static BOOLEAN BuildCommand(PADAPTER_EXTENSION Adapter, PVOID Srb)
{
    SCSI_COMMAND Command;

    if (UNLIKELY(!SrbIsForUnit(Srb) || IsGone(Adapter))) {
        return Answer(Srb, SRB_STATUS_NO_DEVICE);
    }
    Command.Cdb = (const UCHAR *)SrbGetCdb(Srb);
    Command.CdbLength = SrbGetCdbLength(Srb);
    Command.DataBuffer = SrbGetDataBuffer(Srb);
    Command.DataLength = SrbGetDataTransferLength(Srb);

    switch (ScsiInterpretCommand(&Adapter->Disk, &Command)) {
    case ScsiOutcomeStartIo:
        if (Command.Sequence != SequenceNone) {
            PrepareSequence(Adapter, Srb, &Command);
        } else {
            PrepareRequest(Adapter, Srb, (DISK_OPERATION)Command.Operation, Command.Sector,
                           Command.Length);
        }
        /* An answer, unlike a transfer, may be shorter than the buffer. */
        if (UNLIKELY(Command.Length < Command.DataLength) && Command.Sequence != SequenceLifetime) {
            PortSrbExtension(Srb)->Special |= RequestSpecialUnderrun;
        }
        return TRUE;
    case ScsiOutcomeAnswered:
        if (Command.Cdb[0] == SCSIOP_INQUIRY) {
            PortUnitSeen(Adapter);
        }
        SrbSetCommandResult(Srb, Command.ScsiStatus, &Command.Sense, Command.TransferredLength);
        return FALSE;
    case ScsiOutcomeOverrun:
        SrbSetCommandResult(Srb, SCSISTAT_GOOD, NULL, Command.TransferredLength);
        SrbSetSrbStatus(Srb, SRB_STATUS_DATA_OVERRUN);
        return FALSE;
    default:
        ++Adapter->Counters.BadRequests;
        DebugPrint(DebugWarning, "SRB %p contradicts itself: %u bytes of command, %lu of data", Srb,
                   Command.CdbLength, Command.DataLength);
        return Answer(Srb, SRB_STATUS_INVALID_REQUEST);
    }
}

/* FLUSH and SHUTDOWN: what was written must be on stable storage afterwards. */
static BOOLEAN BuildFlush(PADAPTER_EXTENSION Adapter, PVOID Srb)
{
    if (!SrbIsForUnit(Srb) || IsGone(Adapter)) {
        return Answer(Srb, SRB_STATUS_NO_DEVICE);
    }
    if (!Adapter->Disk.FlushSupported) {
        return Answer(Srb, SRB_STATUS_SUCCESS);
    }
    PrepareRequest(Adapter, Srb, DiskOperationFlush, 0, 0);
    return TRUE;
}

static BOOLEAN BuildReset(PADAPTER_EXTENSION Adapter, PVOID Srb, ULONG Function)
{
    PSRB_EXTENSION Request = PortSrbExtension(Srb);

    /* A reset of a target or bus covers units that the SRB does not name. */
    if ((Function == SRB_FUNCTION_RESET_LOGICAL_UNIT && SrbGetLun(Srb) != 0) ||
        (Function != SRB_FUNCTION_RESET_BUS && SrbGetTargetId(Srb) != 0) ||
        SrbGetPathId(Srb) != 0 || IsGone(Adapter)) {
        return Answer(Srb, SRB_STATUS_NO_DEVICE);
    }
    Request->Srb = Srb;
    Request->Length = 0;
    Request->Kind = RequestKindReset;
    return TRUE;
}

/* Anything but an ordinary READ or WRITE. */
static BOOLEAN BuildOther(PADAPTER_EXTENSION Adapter, PVOID Srb)
{
    const ULONG Function = SrbGetSrbFunction(Srb);

    switch (Function) {
    case SRB_FUNCTION_EXECUTE_SCSI:
        return BuildCommand(Adapter, Srb);
    case SRB_FUNCTION_FLUSH:
    case SRB_FUNCTION_SHUTDOWN:
        return BuildFlush(Adapter, Srb);
    case SRB_FUNCTION_IO_CONTROL:
        ControlAnswer(Adapter, Srb);
        return FALSE;
    case SRB_FUNCTION_RESET_LOGICAL_UNIT:
    case SRB_FUNCTION_RESET_DEVICE:
    case SRB_FUNCTION_RESET_BUS:
        return BuildReset(Adapter, Srb, Function);
    default:
        return Answer(Srb, PortAnswerSrb(Adapter, Srb, Function));
    }
}

BOOLEAN SrbBuildAny(PADAPTER_EXTENSION Adapter, PVOID Srb)
{
    if (BuildOther(Adapter, Srb)) {
        return TRUE;
    }
    PortCompleteSrb(Adapter, Srb);
    return FALSE;
}

/* What is not a read or write: a reset, a flush, or a sequence. */
DECLSPEC_NOINLINE static BOOLEAN StartSpecial(PADAPTER_EXTENSION Adapter, PVOID Srb,
                                              PSRB_EXTENSION Request)
{
    if (Request->Kind == RequestKindReset) {
        AdapterResetForSrb(Adapter, Request);
        return TRUE;
    }
    if (Request->Kind == RequestKindFlush) {
        return FlushSubmit(Adapter, Request);
    }
    return QueueSubmitRequest(ScsiSequenceIsSerial(Request->Sequence.Kind)
                                  ? &Adapter->Queues[0]
                                  : PortSelectQueue(Adapter, Srb),
                              Request);
}

BOOLEAN SrbStartAny(PADAPTER_EXTENSION Adapter, PVOID Srb, PSRB_EXTENSION Request)
{
    return LIKELY(Request->Kind == RequestKindDevice) ? QueueSubmitSelected(Adapter, Srb, Request)
                                                      : StartSpecial(Adapter, Srb, Request);
}
