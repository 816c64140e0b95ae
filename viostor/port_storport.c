/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * StorPort's side of port.h: what does not lie on the request path, and every StorPort has.
 */
#include "port.h"

#include "adapter.h"
#include "virtio_store_hw_helper.h"
#include "virtio_store_srb.h"
#include "virtio_store_utils.h"

/* Delay of the timer routine, microseconds: as soon as possible. */
#define TIMER_DELAY 1u
/* Of what should not wait for more than Windows' clock makes it, microseconds. */
#define TICK_TIMER_DELAY 10000u
/* Of what has time, microseconds. */
#define LATE_TIMER_DELAY 1000000u

/* The most that StorPort before Windows 8 accepts as a unit's depth (StorPortSetDeviceQueueDepth). */
#define DEPTH_MAXIMUM_BEFORE_8 254u

/* Whether this Windows' PORT_CONFIGURATION_INFORMATION has a field: its Length is its version. */
#define CONFIG_HAS(Config, Field) \
    ((Config)->Length >= RTL_SIZEOF_THROUGH_FIELD(PORT_CONFIGURATION_INFORMATION, Field))

/* ---- At start ---- */

ULONG PortReadParameter(PADAPTER_EXTENSION Adapter, const char *ArgumentString, const char *Name,
                        ULONG Default)
{
    ULONG Length = sizeof(ULONG);
    PUCHAR Buffer = StorPortAllocateRegistryBuffer(Adapter, &Length);
    ULONG Value = Default;

    UNREFERENCED_PARAMETER(ArgumentString);
    if (Buffer == NULL) {
        return Default;
    }
    Length = sizeof(ULONG);
    if (StorPortRegistryRead(Adapter, (PUCHAR)Name, 1, MINIPORT_REG_DWORD, Buffer, &Length) &&
        Length == sizeof(ULONG)) {
        RtlCopyMemory(&Value, Buffer, sizeof(Value));
    }
    StorPortFreeRegistryBuffer(Adapter, Buffer);
    return Value;
}

BOOLEAN PortReadPciConfig(PADAPTER_EXTENSION Adapter, PVOID Buffer, ULONG Length)
{
    return StorPortGetBusData(Adapter, PCIConfiguration, Adapter->SystemIoBusNumber,
                              Adapter->SlotNumber, Buffer, Length) == Length;
}

ULONG PortProcessorCount(PADAPTER_EXTENSION Adapter)
{
    return PortExtendedProcessorCount(Adapter);
}

/*
 * What a virtio device can do, in this Windows' words. From 8 on: memory of the port driver above 4 GiB as
 * well, across any boundary, and more than 1000 requests. Before, that is not known, and FULL64BIT_SUPPORTED
 * not enabled without a hotfix (reference of PORT_CONFIGURATION_INFORMATION, as of 2017): a kind that is not
 * known would be none.
 */
static UCHAR DmaKind(const ADAPTER_EXTENSION *Adapter)
{
    return Adapter->Port.ExtendedConfiguration
               ? SCSI_DMA64_MINIPORT_FULL64BIT_NO_BOUNDARY_REQ_SUPPORTED
               : SCSI_DMA64_MINIPORT_SUPPORTED;
}

VOID PortDeclareAdapter(PADAPTER_EXTENSION Adapter, PPORT_CONFIGURATION_INFORMATION Config)
{
    Adapter->Port.ExtendedConfiguration = CONFIG_HAS(Config, BusResetHoldTime);
    Config->NumberOfBuses = 1;
    Config->MaximumNumberOfTargets = 1;
    Config->MaximumNumberOfLogicalUnits = 1;
    Config->ScatterGather = TRUE;
    Config->Master = TRUE;
    Config->CachesData = TRUE; /* or StorPort sends neither FLUSH nor SHUTDOWN */
    Config->Dma32BitAddresses = TRUE;
    if (Config->Dma64BitAddresses & SCSI_DMA64_SYSTEM_SUPPORTED) {
        Config->Dma64BitAddresses = DmaKind(Adapter);
    }
    Config->MapBuffers = STOR_MAP_NON_READ_WRITE_BUFFERS;
    Config->NeedPhysicalAddresses = TRUE;
    Config->TaggedQueuing = TRUE;
    Config->AutoRequestSense = TRUE;
    Config->MultipleRequestPerLu = TRUE;
    Config->ResetTargetSupported = TRUE;
    Config->SynchronizationModel = StorSynchronizeFullDuplex;
    if (CONFIG_HAS(Config, InterruptSynchronizationMode) && !Adapter->Dump) {
        PortExtendedTakeMessages(Config);
    }
}

/* Reference of PORT_CONFIGURATION_INFORMATION: MaxNumberOfIO is above this only with full 64-bit DMA. */
#define DEPTH_WITHOUT_DMA64 1000u

VOID PortDeclareLimits(PADAPTER_EXTENSION Adapter, PPORT_CONFIGURATION_INFORMATION Config)
{
    const ADAPTER_LIMITS *Limits = &Adapter->Limits;

    Config->MaximumTransferLength = Limits->TransferBytes;
    Config->NumberOfPhysicalBreaks = Limits->PhysicalBreaks;
    Config->AlignmentMask = Limits->AlignmentMask;
    if (Adapter->Port.ExtendedConfiguration) {
        const ULONG Depth = Config->Dma64BitAddresses == DmaKind(Adapter)
                                ? Limits->Depth
                                : min(Limits->Depth, DEPTH_WITHOUT_DMA64);

        Config->MaxNumberOfIO = Depth;
        Config->MaxIOsPerLun = Depth;
        Config->InitialLunQueueDepth = Depth;
        Config->BusResetHoldTime = 0;
    }
}

BOOLEAN PortConfigIsDump(const PORT_CONFIGURATION_INFORMATION *Config)
{
    /* DumpMode is Windows 8's; before, padding lies in its place, within Length. */
    return CONFIG_HAS(Config, BusResetHoldTime) && Config->DumpMode != 0;
}

BOOLEAN PortConfigOnlyMarks(const PORT_CONFIGURATION_INFORMATION *Config)
{
    return PortConfigIsDump(Config) && Config->DumpMode == DUMP_MODE_MARK_MEMORY;
}

PVOID PortMapRange(PADAPTER_EXTENSION Adapter, const PORT_CONFIGURATION_INFORMATION *Config,
                   const ACCESS_RANGE *Range)
{
    return StorPortGetDeviceBase(Adapter, Config->AdapterInterfaceType, Config->SystemIoBusNumber,
                                 Range->RangeStart, Range->RangeLength, !Range->RangeInMemory);
}

VOID PortUnmapRange(PADAPTER_EXTENSION Adapter, PVOID Base)
{
    StorPortFreeDeviceBase(Adapter, Base);
}

PVOID PortGetUncachedMemory(PADAPTER_EXTENSION Adapter, PPORT_CONFIGURATION_INFORMATION Config,
                            ULONG Bytes, PULONGLONG Address, PULONG Contiguous)
{
    PVOID Block = StorPortGetUncachedExtension(Adapter, Config, Bytes);

    if (Block != NULL) {
        *Address = (ULONGLONG)StorPortGetPhysicalAddress(Adapter, NULL, Block, Contiguous).QuadPart;
    }
    return Block;
}

/* ---- At any time ---- */

VOID PortStallMicroseconds(ULONG Microseconds)
{
    StorPortStallExecution(Microseconds);
}

VOID PortLogEvent(PADAPTER_EXTENSION Adapter, PVOID Srb, VIO_EVENT Event, ULONG Detail)
{
    if (!Adapter->Dump) {
        StorPortLogError(Adapter, (PSCSI_REQUEST_BLOCK)Srb, 0, 0, 0, SP_INTERNAL_ADAPTER_ERROR,
                         ((ULONG)Event << 16) | (Detail & 0xffff));
    }
}

static HW_TIMER TimerRoutine;
static VOID NTAPI TimerRoutine(PVOID DeviceExtension)
{
    AdapterTimerWork((PADAPTER_EXTENSION)DeviceExtension);
}

VOID PortRequestTimerWork(PADAPTER_EXTENSION Adapter, TIMER_WORK Work)
{
    InterlockedOr(&Adapter->TimerWork, Work);
    if (!Adapter->Dump) {
        StorPortNotification(RequestTimerCall, Adapter, TimerRoutine, TIMER_DELAY);
    }
}

VOID PortRequestTickTimerWork(PADAPTER_EXTENSION Adapter, TIMER_WORK Work)
{
    InterlockedOr(&Adapter->TimerWork, Work);
    if (!Adapter->Dump) {
        StorPortNotification(RequestTimerCall, Adapter, TimerRoutine, TICK_TIMER_DELAY);
    }
}

VOID PortRequestLateTimerWork(PADAPTER_EXTENSION Adapter, TIMER_WORK Work)
{
    /* There is one timer: work that is wanted soon must not be put off, and this comes with it. */
    if (InterlockedOr(&Adapter->TimerWork, Work) == 0 && !Adapter->Dump) {
        StorPortNotification(RequestTimerCall, Adapter, TimerRoutine, LATE_TIMER_DELAY);
    }
}

VOID PortConfigurationMayHaveChanged(PADAPTER_EXTENSION Adapter)
{
    if ((Adapter->TimerWork & TimerWorkConfiguration) == 0) {
        PortRequestLateTimerWork(Adapter, TimerWorkConfiguration);
    }
}

VOID PortUnitSeen(PADAPTER_EXTENSION Adapter)
{
    /* Before Windows 8 StorPort learns the unit's depth only this way, from the first INQUIRY on. */
    if (!Adapter->Port.ExtendedConfiguration && !Adapter->Port.DepthTold && !Adapter->Dump) {
        Adapter->Port.DepthTold = TRUE;
        (VOID) StorPortSetDeviceQueueDepth(Adapter, 0, 0, 0,
                                           min(Adapter->Limits.Depth, DEPTH_MAXIMUM_BEFORE_8));
    }
}

VOID PortUnitChanged(PADAPTER_EXTENSION Adapter)
{
    if (!Adapter->Port.ExtendedConfiguration || !PortExtendedTellUnitChanged(Adapter)) {
        /* Before Windows 8, or while StorPort is still at an earlier change: have the bus looked at
         * again; the unit attention says what changed. */
        StorPortNotification(BusChangeDetected, Adapter, 0);
    }
}

/* ---- PnP and power ---- */

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

static UCHAR AnswerPnp(PADAPTER_EXTENSION Adapter, PVOID Srb)
{
    STOR_PNP_ACTION Action;
    BOOLEAN ForAdapter;
    ULONG Flags;

    if (!GetPnpRequest(Srb, &Action, &Flags)) {
        return SRB_STATUS_INVALID_REQUEST;
    }
    ForAdapter = (Flags & SRB_PNP_FLAGS_ADAPTER_REQUEST) != 0;
    if (!ForAdapter && !SrbIsForUnit(Srb)) {
        return SRB_STATUS_NO_DEVICE;
    }
    switch (Action) {
    case StorSurpriseRemoval:
    case StorStopDevice:
    case StorRemoveDevice:
        /* The last moment at which memory may be given back for certain: ScsiStopAdapter may come at
         * DIRQL, HwFreeAdapterResources is for virtual miniports. Caches are flushed before. */
        if (ForAdapter) {
            AdapterRelease(Adapter);
        }
        return SRB_STATUS_SUCCESS;
    case StorStartDevice:
        return SRB_STATUS_SUCCESS;
    default:
        /* Capabilities and resources are as the port driver takes them to be. */
        return SRB_STATUS_INVALID_REQUEST;
    }
}

UCHAR PortAnswerSrb(PADAPTER_EXTENSION Adapter, PVOID Srb, ULONG Function)
{
    switch (Function) {
    case SRB_FUNCTION_PNP:
        return AnswerPnp(Adapter, Srb);
    case SRB_FUNCTION_POWER:
        /* Nothing to save or restore in a unit; the adapter's part is ScsiStopAdapter. */
        return SRB_STATUS_SUCCESS;
    default:
        return SRB_STATUS_INVALID_REQUEST;
    }
}

/* ---- Queues ---- */

/* A call of PortWithQueueLock on its way through StorPortSynchronizeAccess. */
typedef struct _LOCKED_CALL {
    PVIO_QUEUE Queue;
    QUEUE_ROUTINE *Routine;
    PVOID Context;
} LOCKED_CALL;

static BOOLEAN NTAPI CallSynchronized(PVOID DeviceExtension, PVOID Context)
{
    const LOCKED_CALL *Call = (const LOCKED_CALL *)Context;

    UNREFERENCED_PARAMETER(DeviceExtension);
    return Call->Routine(Call->Queue, Call->Context);
}

BOOLEAN PortWithoutDpcs(PVIO_QUEUE Queue, QUEUE_ROUTINE *Routine, PVOID Context)
{
    if (Queue->Adapter->Port.Locking == PortLockingInterrupt) {
        /* A StorPort without DPCs has no StorPortAcquireSpinLock either, but always this. */
        LOCKED_CALL Call = {Queue, Routine, Context};

        return StorPortSynchronizeAccess(Queue->Adapter, CallSynchronized, &Call);
    }
    return Routine(Queue, Context);
}

VOID PortOnQueueInterrupt(PVIO_QUEUE Queue)
{
    if (LIKELY(PortHasDpcs(Queue->Adapter))) {
        StorPortIssueDpc(Queue->Adapter, &Queue->Port.Dpc, Queue, NULL);
    } else {
        QueueProcessLocked(Queue);
    }
}

VOID PortOnConfigurationInterrupt(PADAPTER_EXTENSION Adapter)
{
    /* Not a DPC: a device that needs a reset wants StartIo kept out, and nothing is in a hurry. */
    PortRequestTimerWork(Adapter, TimerWorkConfiguration);
}

VOID PortProcessQueue(PVIO_QUEUE Queue)
{
    if (PortHasDpcs(Queue->Adapter)) {
        StorPortIssueDpc(Queue->Adapter, &Queue->Port.Dpc, Queue, NULL);
    } else {
        QueueProcess(Queue);
    }
}

VOID PortScheduleQueue(PVIO_QUEUE Queue)
{
    if (LIKELY(PortHasDpcs(Queue->Adapter))) {
        StorPortIssueDpc(Queue->Adapter, &Queue->Port.Dpc, Queue, NULL);
    } else {
        PortRequestTimerWork(Queue->Adapter, TimerWorkQueues);
    }
}
