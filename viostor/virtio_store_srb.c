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
#include "virtio_store_hw_helper.h"
#include "virtio_store_utils.h"

static PSRB_EXTENSION RequestOfSrb(PVOID Srb)
{
    return (PSRB_EXTENSION)SrbGetMiniportContext(Srb);
}

static BOOLEAN Refuse(PVOID Srb, UCHAR SrbStatus)
{
    SrbSetPortResult(Srb, SrbStatus);
    return FALSE;
}

static BOOLEAN IsOurUnit(PVOID Srb)
{
    return (SrbGetPathId(Srb) | SrbGetTargetId(Srb) | SrbGetLun(Srb)) == 0;
}

/* Where no device answers any more. Stopped, failed and resetting adapters take requests: they wait
 * for the device, or are finished by their queue. */
static BOOLEAN IsGone(const ADAPTER_EXTENSION *Adapter)
{
    return Adapter->State == AdapterRemoved;
}

/* Fills the extension for a request of the device. */
static VOID PrepareRequest(PADAPTER_EXTENSION Adapter, PVOID Srb, DISK_OPERATION Operation,
                           ULONGLONG Sector, ULONG Length, BOOLEAN FlushAfter)
{
    PSRB_EXTENSION Request = RequestOfSrb(Srb);

    Request->Srb = Srb;
    Request->Kind = RequestKindDevice;
    Request->State = RequestBuilt;
    Request->Operation = (UCHAR)Operation;
    Request->FlushAfter = FlushAfter;
    Request->Underrun = FALSE;
    Request->Sector = Sector;
    Request->Length = Length;
    Request->Segments = Length != 0 ? PortGetSegments(Adapter, Srb) : NULL;
}

/* Before Windows 8 StorPort learns the unit's depth only this way, from the first INQUIRY on. */
static VOID TellDepth(PADAPTER_EXTENSION Adapter)
{
    if (!Adapter->ExtendedConfiguration && !Adapter->DepthTold) {
        Adapter->DepthTold = TRUE;
        PortSetUnitDepth(Adapter, min(Adapter->Limits.Depth, VIO_DEPTH_MAXIMUM_BEFORE_8));
    }
}

static BOOLEAN BuildCommand(PADAPTER_EXTENSION Adapter, PVOID Srb)
{
    SCSI_COMMAND Command;

    if (UNLIKELY(!IsOurUnit(Srb) || IsGone(Adapter))) {
        return Refuse(Srb, SRB_STATUS_NO_DEVICE);
    }
    Command.Cdb = (const UCHAR *)SrbGetCdb(Srb);
    Command.CdbLength = SrbGetCdbLength(Srb);
    Command.DataBuffer = SrbGetDataBuffer(Srb);
    Command.DataLength = SrbGetDataTransferLength(Srb);

    switch (ScsiInterpretCommand(&Adapter->Disk, &Command)) {
    case ScsiOutcomeStartIo:
        PrepareRequest(Adapter, Srb, (DISK_OPERATION)Command.Operation, Command.Sector,
                       Command.Length, Command.FlushAfter);
        if (UNLIKELY(Command.Length < Command.DataLength)) {
            RequestOfSrb(Srb)->Underrun = TRUE;
        }
        return TRUE;
    case ScsiOutcomeAnswered:
        if (Command.Cdb[0] == SCSIOP_INQUIRY) {
            TellDepth(Adapter);
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
        return Refuse(Srb, SRB_STATUS_INVALID_REQUEST);
    }
}

/* FLUSH and SHUTDOWN: what was written must be on stable storage afterwards. */
static BOOLEAN BuildFlush(PADAPTER_EXTENSION Adapter, PVOID Srb)
{
    if (!IsOurUnit(Srb) || IsGone(Adapter)) {
        return Refuse(Srb, SRB_STATUS_NO_DEVICE);
    }
    if (!Adapter->Disk.FlushSupported) {
        SrbSetPortResult(Srb, SRB_STATUS_SUCCESS);
        return FALSE;
    }
    PrepareRequest(Adapter, Srb, DiskOperationFlush, 0, 0, FALSE);
    return TRUE;
}

static BOOLEAN BuildReset(PADAPTER_EXTENSION Adapter, PVOID Srb, ULONG Function)
{
    PSRB_EXTENSION Request = RequestOfSrb(Srb);

    /* A reset of a target or bus covers units that the SRB does not name. */
    if ((Function == SRB_FUNCTION_RESET_LOGICAL_UNIT && SrbGetLun(Srb) != 0) ||
        (Function != SRB_FUNCTION_RESET_BUS && SrbGetTargetId(Srb) != 0) ||
        SrbGetPathId(Srb) != 0 || IsGone(Adapter)) {
        return Refuse(Srb, SRB_STATUS_NO_DEVICE);
    }
    Request->Srb = Srb;
    Request->Kind = RequestKindReset;
    Request->State = RequestBuilt;
    return TRUE;
}

/* Reads action and flags (SRB_PNP_FLAGS_...) of a PNP request. FALSE: it has none. */
static BOOLEAN GetPnpRequest(PVOID Srb, STOR_PNP_ACTION *Action, PULONG Flags)
{
    if (((PSTORAGE_REQUEST_BLOCK)Srb)->Function == SRB_FUNCTION_STORAGE_REQUEST_BLOCK) {
        const SRBEX_DATA_PNP *Data = (const SRBEX_DATA_PNP *)SrbGetSrbExDataByType(
            (PSTORAGE_REQUEST_BLOCK)Srb, SrbExDataTypePnP);

        if (Data == NULL) {
            return FALSE;
        }
        *Action = Data->PnPAction;
        *Flags = Data->SrbPnPFlags;
    } else {
        *Action = ((PSCSI_PNP_REQUEST_BLOCK)Srb)->PnPAction;
        *Flags = ((PSCSI_PNP_REQUEST_BLOCK)Srb)->SrbPnPFlags;
    }
    return TRUE;
}

static BOOLEAN AnswerPnp(PADAPTER_EXTENSION Adapter, PVOID Srb)
{
    STOR_PNP_ACTION Action;
    BOOLEAN ForAdapter;
    ULONG Flags;

    if (!GetPnpRequest(Srb, &Action, &Flags)) {
        return Refuse(Srb, SRB_STATUS_INVALID_REQUEST);
    }
    ForAdapter = (Flags & SRB_PNP_FLAGS_ADAPTER_REQUEST) != 0;
    if (!ForAdapter && !IsOurUnit(Srb)) {
        return Refuse(Srb, SRB_STATUS_NO_DEVICE);
    }
    switch (Action) {
    case StorSurpriseRemoval:
        if (ForAdapter) {
            AdapterRemove(Adapter);
        }
        SrbSetPortResult(Srb, SRB_STATUS_SUCCESS);
        return FALSE;
    case StorStartDevice:
    case StorStopDevice:
    case StorRemoveDevice:
        SrbSetPortResult(Srb, SRB_STATUS_SUCCESS);
        return FALSE;
    default:
        /* Capabilities and resources are as the port driver takes them to be. */
        return Refuse(Srb, SRB_STATUS_INVALID_REQUEST);
    }
}

BOOLEAN SrbBuild(PADAPTER_EXTENSION Adapter, PVOID Srb)
{
    const ULONG Function = SrbGetSrbFunction(Srb);

    if (LIKELY(Function == SRB_FUNCTION_EXECUTE_SCSI)) {
        return BuildCommand(Adapter, Srb);
    }
    switch (Function) {
    case SRB_FUNCTION_FLUSH:
    case SRB_FUNCTION_SHUTDOWN:
        return BuildFlush(Adapter, Srb);
    case SRB_FUNCTION_RESET_LOGICAL_UNIT:
    case SRB_FUNCTION_RESET_DEVICE:
    case SRB_FUNCTION_RESET_BUS:
        return BuildReset(Adapter, Srb, Function);
    case SRB_FUNCTION_PNP:
        return AnswerPnp(Adapter, Srb);
    case SRB_FUNCTION_POWER:
        /* Nothing to save or restore in a unit; the adapter's part is ScsiStopAdapter. */
        SrbSetPortResult(Srb, SRB_STATUS_SUCCESS);
        return FALSE;
    default:
        return Refuse(Srb, SRB_STATUS_INVALID_REQUEST);
    }
}

static VOID ExecuteReset(PADAPTER_EXTENSION Adapter, PVOID Srb)
{
    const BOOLEAN Done = AdapterReset(Adapter, ScsiAttentionDeviceReset);

    SrbSetPortResult(Srb, Done ? SRB_STATUS_SUCCESS : SRB_STATUS_ERROR);
    PortCompleteSrb(Adapter, Srb);
}

VOID SrbStart(PADAPTER_EXTENSION Adapter, PVOID Srb)
{
    PSRB_EXTENSION Request = RequestOfSrb(Srb);

    if (UNLIKELY(Request->Kind == RequestKindReset)) {
        ExecuteReset(Adapter, Srb);
        return;
    }
    QueueSubmitRequest(&Adapter->Queues[PortSelectQueue(Adapter, Srb)], Request);
}
