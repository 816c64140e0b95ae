/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The entry points that StorPort and SCSIPort have in common. See virtio_store_common.h.
 */
#include "virtio_store_common.h"

#include "adapter.h"
#include "port.h"
#include "virtio_store_hw_helper.h"
#include "virtio_store_utils.h"

/* ---- HwFindAdapter ---- */

/* "dump=1" in the argument string marks the copy of the driver that writes dumps. */
static BOOLEAN IsDumpArgument(const char *Arguments)
{
    static const char Dump[] = "dump=1";
    const char *Start;
    ULONG Index;

    for (Start = Arguments; Start != NULL && *Start != 0; ++Start) {
        for (Index = 0; Dump[Index] != 0 && Start[Index] == Dump[Index]; ++Index) {
        }
        if (Dump[Index] == 0) {
            return TRUE;
        }
    }
    return FALSE;
}

/* The mask for an alignment of at least so many bytes. */
static ULONG AlignmentMask(ULONG Bytes)
{
    ULONG Mask = DATA_ALIGNMENT_MASK;

    while (Mask < DATA_ALIGNMENT_MASK_MAXIMUM && Mask + 1 < Bytes) {
        Mask = (Mask << 1) | 1;
    }
    return Mask;
}

/* What the user has set, as far as it may be asked for. Returns the number of queues to use at most. */
static ULONG ReadParameters(PADAPTER_EXTENSION Adapter, const char *ArgumentString)
{
    USER_CHOICES *Chosen = &Adapter->Chosen;
    ULONG MaximumQueues;

    Chosen->PackedRing = FALSE;
    Chosen->InOrder = FALSE;
    Chosen->Depth = VIO_DEPTH_MAXIMUM;
    Chosen->TransferBytes = 0;
    Chosen->CompletionsPerInterrupt = 1;
    Chosen->AlignmentMask = DATA_ALIGNMENT_MASK;
    if (Adapter->Dump) {
        return 1; /* no registry there */
    }
    Chosen->PackedRing = PortReadParameter(Adapter, ArgumentString, "PackedRing", FALSE) != 0;
    Chosen->InOrder = PortReadParameter(Adapter, ArgumentString, "InOrder", FALSE) != 0;
    Chosen->Depth = PortReadParameter(Adapter, ArgumentString, "MaximumDepth", VIO_DEPTH_MAXIMUM);
    Chosen->Depth = max(Chosen->Depth, 1);
    Chosen->TransferBytes = PortReadParameter(Adapter, ArgumentString, "MaximumTransferLength", 0);
    Chosen->CompletionsPerInterrupt =
        PortReadParameter(Adapter, ArgumentString, "CompletionsPerInterrupt", 1);
    Chosen->CompletionsPerInterrupt = max(Chosen->CompletionsPerInterrupt, 1);
    Chosen->CompletionsPerInterrupt =
        min(Chosen->CompletionsPerInterrupt, COMPLETIONS_PER_INTERRUPT_MAXIMUM);
    Chosen->AlignmentMask = AlignmentMask(
        PortReadParameter(Adapter, ArgumentString, "BufferAlignment", DATA_ALIGNMENT_MASK + 1));
    DebugConfigure(PortReadParameter(Adapter, ArgumentString, "DebugLevel", DebugNothing),
                   PortReadParameter(Adapter, ArgumentString, "DebugPort", 0));
    MaximumQueues =
        PortReadParameter(Adapter, ArgumentString, "MaximumQueues", PortProcessorCount(Adapter));
    return max(MaximumQueues, 1);
}

/* FALSE: there is no usable device; the reason has been logged. */
static BOOLEAN FindDevice(PADAPTER_EXTENSION Adapter, PPORT_CONFIGURATION_INFORMATION Config,
                          ULONG MaximumQueues)
{
    BOOLEAN Usable;

    Adapter->Config = Config;
    Usable = AdapterProbe(Adapter, AdapterMapBar, MaximumQueues);
    Adapter->Config = NULL;
    if (!Usable) {
        Adapter->State = AdapterNoDevice;
        AdapterUnmapBars(Adapter);
    }
    return Usable;
}

ULONG CommonFindAdapter(PADAPTER_EXTENSION Adapter, const char *ArgumentString,
                        PPORT_CONFIGURATION_INFORMATION Config)
{
    ULONG MaximumQueues;

    AdapterForget(Adapter);
    Adapter->Dump = IsDumpArgument(ArgumentString) || PortConfigIsDump(Config);
    Adapter->SystemIoBusNumber = Config->SystemIoBusNumber;
    Adapter->SlotNumber = Config->SlotNumber;
    MaximumQueues = ReadParameters(Adapter, ArgumentString);

    PortDeclareAdapter(Adapter, Config);
    if (PortConfigOnlyMarks(Config)) {
        /* Before it hibernates Windows asks which memory it must keep, with the first copy running: the
         * device is left alone. Shared memory comes later, out of the dump stack's own buffer. */
        AdapterMarkMemory(Adapter, Config);
        return SP_RETURN_FOUND;
    }
    if (!FindDevice(Adapter, Config, MaximumQueues)) {
        return SP_RETURN_NOT_FOUND;
    }
    PortDeclareLimits(Adapter, Config);
    if (!AdapterTakeMemory(Adapter, Config)) {
        Adapter->State = AdapterNoDevice;
        AdapterUnmapBars(Adapter);
        return SP_RETURN_ERROR;
    }
    PortDeclareLimits(Adapter, Config); /* again: there may be fewer queues */
    if (Adapter->Dump) {
        PortMarkDumpMemory(Adapter, Config);
    }
    return SP_RETURN_FOUND;
}

BOOLEAN CommonBeginService(PADAPTER_EXTENSION Adapter)
{
    if (!AdapterStart(Adapter)) {
        return FALSE;
    }
    if (!AdapterIdentify(Adapter)) {
        (VOID) VirtioPciReset(&Adapter->Device);
        return FALSE;
    }
    ScsiDiskRaiseUnitAttention(&Adapter->Disk, ScsiAttentionPowerOn);
    AdapterRun(Adapter);
    return TRUE;
}

BOOLEAN CommonInitializeDump(PADAPTER_EXTENSION Adapter)
{
    if (Adapter->State == AdapterNoDevice) {
        return TRUE; /* memory is marked, and that is all: nothing says that HwInitialize is not called */
    }
    /* The first instance has left the device as it was; AdapterProbe has reset it. MSI-X stays
     * enabled if it was: no vector is asked for, so nothing is sent. */
    Adapter->MessageCount = 0;
    Adapter->MsixEnabled = Adapter->Device.MsixEnabled;
    if (!AdapterStart(Adapter)) {
        return FALSE;
    }
    AdapterRun(Adapter);
    return TRUE;
}

BOOLEAN CommonResetBus(PADAPTER_EXTENSION Adapter)
{
    return !Adapter->Dump && AdapterReset(Adapter, ScsiAttentionBusReset);
}

/* ---- Interrupts ---- */

static VOID PollDump(PADAPTER_EXTENSION Adapter)
{
    QueueProcess(&Adapter->Queues[0]);
    AdapterTimerWork(Adapter);
}

BOOLEAN CommonInterrupt(PADAPTER_EXTENSION Adapter)
{
    UCHAR Cause;
    ULONG Index;

    if (Adapter->Queues == NULL || Adapter->MessageCount != 0) {
        return FALSE; /* before the adapter runs, or not by the line */
    }
    if (UNLIKELY(Adapter->Dump)) {
        PollDump(Adapter);
        return TRUE;
    }
    Cause = VirtioPciReadIsr(&Adapter->Device);
    if (Cause == 0) {
        return FALSE;
    }
    if (Cause & VIRTIO_ISR_CONFIG) {
        PortOnConfigurationInterrupt(Adapter);
    }
    if (Cause & VIRTIO_ISR_QUEUE) {
        for (Index = 0; Index < Adapter->QueueCount; ++Index) {
            PortOnQueueInterrupt(&Adapter->Queues[Index]);
        }
    }
    return TRUE;
}

/* ---- Control, the end ---- */

static VOID ReportControlTypes(PSCSI_SUPPORTED_CONTROL_TYPE_LIST List)
{
    static const ULONG Supported[] = {
        ScsiQuerySupportedControlTypes,
        ScsiStopAdapter,
        ScsiRestartAdapter,
        ScsiAdapterSurpriseRemoval,
    };
    ULONG Index;

    for (Index = 0; Index < RTL_NUMBER_OF(Supported); ++Index) {
        if (Supported[Index] < List->MaxControlType) {
            List->SupportedTypeList[Supported[Index]] = TRUE;
        }
    }
}

SCSI_ADAPTER_CONTROL_STATUS CommonAdapterControl(PADAPTER_EXTENSION Adapter,
                                                 SCSI_ADAPTER_CONTROL_TYPE ControlType,
                                                 PVOID Parameters)
{
    switch (ControlType) {
    case ScsiQuerySupportedControlTypes:
        ReportControlTypes((PSCSI_SUPPORTED_CONTROL_TYPE_LIST)Parameters);
        return ScsiAdapterControlSuccess;
    case ScsiStopAdapter:
        AdapterStop(Adapter);
        return ScsiAdapterControlSuccess;
    case ScsiRestartAdapter:
        return AdapterRestart(Adapter) ? ScsiAdapterControlSuccess : ScsiAdapterControlUnsuccessful;
    case ScsiAdapterSurpriseRemoval:
        AdapterRemove(Adapter);
        return ScsiAdapterControlSuccess;
    default:
        return ScsiAdapterControlUnsuccessful;
    }
}
