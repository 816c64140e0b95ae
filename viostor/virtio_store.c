/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Main module of the miniport for StorPort: DriverEntry and the entry points that StorPort calls.
 * Thin: each translates StorPort's terms into a call of the core (adapter.h, virtio_store_srb.h,
 * virtio_store_hw_helper.h).
 *
 *   DriverEntry
 *   HwFindAdapter          PASSIVE_LEVEL   recognize, negotiate, take memory
 *   HwInitialize           DIRQL           messages, performance options, start the device
 *   passive initialization PASSIVE_LEVEL   DPCs, serial number, let requests in
 *   HwBuildIo              <= DISPATCH     understand a request (any processor, no lock)
 *   HwStartIo              DISPATCH        submit it
 *   HwInterrupt, message   DIRQL           queue DPCs
 *   DPCs                   DISPATCH        complete, or look at the configuration
 *   HwResetBus             DISPATCH        the last of StorPort's three tiers of resets
 *   HwAdapterControl       up to DIRQL     stop, restart, surprise removal
 *   HwFreeAdapterResources PASSIVE_LEVEL   Windows 8 and later: the end
 */
#include "virtio_store.h"

#include "adapter.h"
#include "port.h"
#include "virtio_store_hw_helper.h"
#include "virtio_store_srb.h"
#include "virtio_store_utils.h"

DRIVER_INITIALIZE DriverEntry;
HW_FIND_ADAPTER VioStorFindAdapter;
HW_INITIALIZE VioStorInitialize;
HW_PASSIVE_INITIALIZE_ROUTINE VioStorPassiveInitialize;
HW_BUILDIO VioStorBuildIo;
HW_STARTIO VioStorStartIo;
HW_INTERRUPT VioStorInterrupt;
HW_MESSAGE_SIGNALED_INTERRUPT_ROUTINE VioStorMessageInterrupt;
HW_DPC_ROUTINE VioStorQueueDpc;
HW_DPC_ROUTINE VioStorConfigDpc;
HW_RESET_BUS VioStorResetBus;
HW_ADAPTER_CONTROL VioStorAdapterControl;
HW_FREE_ADAPTER_RESOURCES VioStorFreeAdapterResources;

/* Alignment of data buffers as a mask: a virtio device takes any address; 4 bytes is what file
 * systems and the cache manager never fall below. */
#define DATA_ALIGNMENT_MASK 3u

/* A PCI function has at most this many. */
#define ACCESS_RANGES VIRTIO_PCI_BAR_COUNT

/* Whether this Windows' PORT_CONFIGURATION_INFORMATION has a field: its Length is its version. */
#define CONFIG_HAS(Config, Field) \
    ((Config)->Length >= RTL_SIZEOF_THROUGH_FIELD(PORT_CONFIGURATION_INFORMATION, Field))

/* ---- HwFindAdapter ---- */

/* Reads a DWORD below Parameters\Device; Default where it is not there. PASSIVE_LEVEL. */
static ULONG ReadParameter(PADAPTER_EXTENSION Adapter, const char *Name, ULONG Default)
{
    ULONG Length = sizeof(ULONG);
    PUCHAR Buffer = StorPortAllocateRegistryBuffer(Adapter, &Length);
    ULONG Value = Default;

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

/* The access range that a BAR lies in, found by address: the order of ranges says nothing. */
static const ACCESS_RANGE *FindAccessRange(const PORT_CONFIGURATION_INFORMATION *Config,
                                           ULONGLONG Address)
{
    ULONG Index;

    for (Index = 0; Index < Config->NumberOfAccessRanges; ++Index) {
        const ACCESS_RANGE *Range = &(*Config->AccessRanges)[Index];

        if (Range->RangeLength != 0 && (ULONGLONG)Range->RangeStart.QuadPart == Address) {
            return Range;
        }
    }
    return NULL;
}

/* VIRTIO_PCI_MAP_BAR: maps a BAR, or finds it mapped by an earlier HwFindAdapter. */
static BOOLEAN MapBar(PVOID Context, const VIRTIO_PCI_BAR *Bar, PVIRTIO_REGION Region)
{
    PADAPTER_EXTENSION Adapter = (PADAPTER_EXTENSION)Context;
    MAPPED_RANGE *Mapped = &Adapter->Ranges[Bar->Number];
    const ACCESS_RANGE *Range = FindAccessRange(Adapter->Config, Bar->Address);

    if (Range == NULL) {
        return FALSE;
    }
    if (Mapped->Base != NULL && Mapped->Start != Bar->Address) {
        StorPortFreeDeviceBase(Adapter, Mapped->Base);
        Mapped->Base = NULL;
    }
    if (Mapped->Base == NULL) {
        Mapped->Base = StorPortGetDeviceBase(Adapter, Adapter->Config->AdapterInterfaceType,
                                             Adapter->SystemIoBusNumber, Range->RangeStart,
                                             Range->RangeLength, !Range->RangeInMemory);
        if (Mapped->Base == NULL) {
            return FALSE;
        }
        Mapped->Start = Bar->Address;
    }
    Region->Base = (ULONG_PTR)Mapped->Base;
    Region->Length = Range->RangeLength;
    Region->PortSpace = !Range->RangeInMemory;
    return TRUE;
}

static VOID UnmapBars(PADAPTER_EXTENSION Adapter)
{
    ULONG Index;

    for (Index = 0; Index < RTL_NUMBER_OF(Adapter->Ranges); ++Index) {
        if (Adapter->Ranges[Index].Base != NULL) {
            StorPortFreeDeviceBase(Adapter, Adapter->Ranges[Index].Base);
            Adapter->Ranges[Index].Base = NULL;
        }
    }
}

/* What StorPort must know before it gives memory, and does not depend on the device. */
static VOID DeclareAdapter(PADAPTER_EXTENSION Adapter, PPORT_CONFIGURATION_INFORMATION Config)
{
    Adapter->ExtendedConfiguration = CONFIG_HAS(Config, BusResetHoldTime);
    Config->NumberOfBuses = 1;
    Config->MaximumNumberOfTargets = 1;
    Config->MaximumNumberOfLogicalUnits = 1;
    Config->ScatterGather = TRUE;
    Config->Master = TRUE;
    Config->CachesData = TRUE; /* or StorPort sends neither FLUSH nor SHUTDOWN */
    Config->Dma32BitAddresses = TRUE;
    Config->Dma64BitAddresses = SCSI_DMA64_MINIPORT_SUPPORTED;
    Config->AlignmentMask = DATA_ALIGNMENT_MASK;
    Config->MapBuffers = STOR_MAP_NON_READ_WRITE_BUFFERS;
    Config->NeedPhysicalAddresses = TRUE;
    Config->TaggedQueuing = TRUE;
    Config->AutoRequestSense = TRUE;
    Config->MultipleRequestPerLu = TRUE;
    Config->ResetTargetSupported = TRUE;
    Config->SynchronizationModel = StorSynchronizeFullDuplex;
    if (CONFIG_HAS(Config, InterruptSynchronizationMode)) {
        Config->HwMSInterruptRoutine = VioStorMessageInterrupt;
        Config->InterruptSynchronizationMode = InterruptSynchronizePerMessage;
    }
}

/* What follows from the device's limits. */
static VOID DeclareLimits(PADAPTER_EXTENSION Adapter, PPORT_CONFIGURATION_INFORMATION Config)
{
    const ADAPTER_LIMITS *Limits = &Adapter->Limits;

    Config->MaximumTransferLength = Limits->TransferBytes;
    Config->NumberOfPhysicalBreaks = Limits->PhysicalBreaks;
    if (Adapter->ExtendedConfiguration) {
        Config->MaxNumberOfIO = Limits->Depth;
        Config->MaxIOsPerLun = Limits->Depth;
        Config->InitialLunQueueDepth = Limits->Depth;
        Config->BusResetHoldTime = 0;
    }
}

static BOOLEAN TakeMemory(PADAPTER_EXTENSION Adapter, PPORT_CONFIGURATION_INFORMATION Config)
{
    ULONG SharedBytes;
    ULONG PrivateBytes;

    AdapterMemorySize(Adapter, &SharedBytes, &PrivateBytes);
    if (!PortAllocateMemory(Adapter, Config, SharedBytes, PrivateBytes)) {
        return FALSE;
    }
    if (!AdapterCreateQueues(Adapter)) {
        PortFreeMemory(Adapter);
        return FALSE;
    }
    return TRUE;
}

static BOOLEAN IsDump(const char *Arguments)
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

ULONG NTAPI VioStorFindAdapter(PVOID DeviceExtension, PVOID HwContext, PVOID BusInformation,
                               PCHAR ArgumentString, PPORT_CONFIGURATION_INFORMATION ConfigInfo,
                               PBOOLEAN Again)
{
    PADAPTER_EXTENSION Adapter = (PADAPTER_EXTENSION)DeviceExtension;
    ULONG MaximumQueues;

    UNREFERENCED_PARAMETER(HwContext);
    UNREFERENCED_PARAMETER(BusInformation);
    *Again = FALSE;
    if (IsDump(ArgumentString)) {
        /* Writing dumps is not supported yet: none is written, rather than a wrong one. */
        return SP_RETURN_NOT_FOUND;
    }
    DebugConfigure(ReadParameter(Adapter, "DebugLevel", DebugNothing),
                   ReadParameter(Adapter, "DebugPort", 0));
    Adapter->Config = ConfigInfo;
    Adapter->SystemIoBusNumber = ConfigInfo->SystemIoBusNumber;
    Adapter->SlotNumber = ConfigInfo->SlotNumber;
    MaximumQueues = ReadParameter(Adapter, "MaximumQueues", PortProcessorCount(Adapter));

    DeclareAdapter(Adapter, ConfigInfo);
    if (!AdapterProbe(Adapter, MapBar, max(MaximumQueues, 1))) {
        UnmapBars(Adapter);
        return SP_RETURN_NOT_FOUND;
    }
    DeclareLimits(Adapter, ConfigInfo);
    if (!TakeMemory(Adapter, ConfigInfo)) {
        UnmapBars(Adapter);
        return SP_RETURN_ERROR;
    }
    Adapter->Config = NULL;
    return SP_RETURN_FOUND;
}

/* ---- HwInitialize ---- */

/* Messages that Windows has granted; counted by asking, as nothing tells the number. */
static ULONG CountMessages(PADAPTER_EXTENSION Adapter)
{
    MESSAGE_INTERRUPT_INFORMATION Information;
    ULONG Count = 0;

    while (Count <= VIO_QUEUE_MAXIMUM &&
           StorPortGetMSIInfo(Adapter, Count, &Information) == STOR_STATUS_SUCCESS) {
        ++Count;
    }
    return Count;
}

/* Asks what this StorPort offers, by the newest structure that it knows. */
static BOOLEAN QueryPerformanceOptions(PADAPTER_EXTENSION Adapter, PPERF_CONFIGURATION_DATA Data)
{
    ULONG Version;

    for (Version = STOR_PERF_VERSION; Version >= STOR_PERF_VERSION_2; --Version) {
        RtlZeroMemory(Data, sizeof(*Data));
        Data->Version = Version;
        Data->Size = Version >= STOR_PERF_VERSION_3
                         ? (ULONG)sizeof(*Data)
                         : (ULONG)offsetof(PERF_CONFIGURATION_DATA, MessageTargets);
        if (StorPortInitializePerfOpts(Adapter, TRUE, Data) == STOR_STATUS_SUCCESS) {
            return TRUE;
        }
    }
    return FALSE;
}

/*
 * Completions on the processor that sent the request, and StartIo on several processors at once,
 * where there are several queues to serve them. An unknown flag would fail the whole call, so only
 * offered ones are asked for.
 */
static VOID SetPerformanceOptions(PADAPTER_EXTENSION Adapter)
{
    const BOOLEAN QueueMessages = Adapter->MessageCount > Adapter->QueueCount;
    PERF_CONFIGURATION_DATA Data;
    ULONG Wanted = STOR_PERF_DPC_REDIRECTION;

    Adapter->QueueHints = QueueHintsNone;
    if (Adapter->QueueCount > 1) {
        Wanted |= STOR_PERF_CONCURRENT_CHANNELS;
        if (QueueMessages) {
            Wanted |= STOR_PERF_INTERRUPT_MESSAGE_RANGES;
        }
    }
    if (!QueryPerformanceOptions(Adapter, &Data)) {
        return;
    }
    Data.Flags &= Wanted;
    if (Data.Flags == 0) {
        return;
    }
    if (Data.Flags & STOR_PERF_CONCURRENT_CHANNELS) {
        Data.ConcurrentChannels = Adapter->QueueCount;
    }
    if (Data.Flags & STOR_PERF_INTERRUPT_MESSAGE_RANGES) {
        Data.FirstRedirectionMessageNumber = 1;
        Data.LastRedirectionMessageNumber = Adapter->QueueCount;
    }
    if (StorPortInitializePerfOpts(Adapter, FALSE, &Data) != STOR_STATUS_SUCCESS) {
        return;
    }
    if (Data.Flags & STOR_PERF_INTERRUPT_MESSAGE_RANGES) {
        Adapter->QueueHints = QueueHintsMessage;
    } else if (Data.Flags & STOR_PERF_CONCURRENT_CHANNELS) {
        Adapter->QueueHints = QueueHintsChannel;
    }
}

BOOLEAN NTAPI VioStorInitialize(PVOID DeviceExtension)
{
    PADAPTER_EXTENSION Adapter = (PADAPTER_EXTENSION)DeviceExtension;

    Adapter->DpcReady = FALSE;
    Adapter->MessageCount = CountMessages(Adapter);
    SetPerformanceOptions(Adapter);
    if (!AdapterStart(Adapter)) {
        return FALSE;
    }
    if (StorPortEnablePassiveInitialization(Adapter, VioStorPassiveInitialize)) {
        return TRUE;
    }
    /* No DPCs: line interrupts complete requests themselves. Messages come on several processors
     * at once, which needs the DPCs' locks; whoever has them has DPCs, too. */
    if (Adapter->MessageCount != 0) {
        PortLogEvent(Adapter, NULL, VioEventNoDpc, Adapter->MessageCount);
    } else if (AdapterIdentify(Adapter)) {
        AdapterRun(Adapter);
        return TRUE;
    }
    (VOID) VirtioPciReset(&Adapter->Device);
    return FALSE;
}

BOOLEAN NTAPI VioStorPassiveInitialize(PVOID DeviceExtension)
{
    PADAPTER_EXTENSION Adapter = (PADAPTER_EXTENSION)DeviceExtension;
    ULONG Index;

    StorPortInitializeDpc(Adapter, &Adapter->ConfigDpc, VioStorConfigDpc);
    for (Index = 0; Index < Adapter->QueueCount; ++Index) {
        StorPortInitializeDpc(Adapter, &Adapter->Queues[Index].Dpc, VioStorQueueDpc);
    }
    Adapter->DpcReady = TRUE;
    if (!AdapterIdentify(Adapter)) {
        (VOID) VirtioPciReset(&Adapter->Device);
        return FALSE;
    }
    ScsiDiskRaiseUnitAttention(&Adapter->Disk, ScsiAttentionPowerOn);
    AdapterRun(Adapter);
    return TRUE;
}

/* ---- Requests ---- */

BOOLEAN NTAPI VioStorBuildIo(PVOID DeviceExtension, PSCSI_REQUEST_BLOCK Srb)
{
    PADAPTER_EXTENSION Adapter = (PADAPTER_EXTENSION)DeviceExtension;

    if (LIKELY(SrbBuild(Adapter, Srb))) {
        return TRUE;
    }
    PortCompleteSrb(Adapter, Srb);
    return FALSE;
}

BOOLEAN NTAPI VioStorStartIo(PVOID DeviceExtension, PSCSI_REQUEST_BLOCK Srb)
{
    SrbStart((PADAPTER_EXTENSION)DeviceExtension, Srb);
    return TRUE;
}

/* ---- Interrupts ---- */

static VOID OnConfigurationInterrupt(PADAPTER_EXTENSION Adapter)
{
    if (Adapter->DpcReady) {
        PortQueueDpc(Adapter, &Adapter->ConfigDpc, NULL);
    } else {
        PortRequestTimerWork(Adapter, TimerWorkConfiguration);
    }
}

static VOID OnQueueInterrupt(PADAPTER_EXTENSION Adapter, PVIO_QUEUE Queue)
{
    if (LIKELY(Adapter->DpcReady)) {
        PortQueueDpc(Adapter, &Queue->Dpc, Queue);
    } else {
        QueueProcessLocked(Queue);
    }
}

/* Line interrupt: reading the cause lowers the line. It may be shared, and it may come before the
 * adapter runs. */
BOOLEAN NTAPI VioStorInterrupt(PVOID DeviceExtension)
{
    PADAPTER_EXTENSION Adapter = (PADAPTER_EXTENSION)DeviceExtension;
    UCHAR Cause;
    ULONG Index;

    if (Adapter->Queues == NULL || Adapter->MessageCount != 0) {
        return FALSE;
    }
    Cause = VirtioPciReadIsr(&Adapter->Device);
    if (Cause == 0) {
        return FALSE;
    }
    if (Cause & VIRTIO_ISR_CONFIG) {
        OnConfigurationInterrupt(Adapter);
    }
    if (Cause & VIRTIO_ISR_QUEUE) {
        for (Index = 0; Index < Adapter->QueueCount; ++Index) {
            OnQueueInterrupt(Adapter, &Adapter->Queues[Index]);
        }
    }
    return TRUE;
}

/*
 * With one message for everything nothing says what it was for: the rings are looked at, and if
 * there is nothing in them it was the configuration.
 */
static VOID OnOnlyMessage(PADAPTER_EXTENSION Adapter)
{
    BOOLEAN Found = FALSE;
    ULONG Index;

    for (Index = 0; Index < Adapter->QueueCount; ++Index) {
        if (VirtQueuePending(&Adapter->Queues[Index].Ring)) {
            OnQueueInterrupt(Adapter, &Adapter->Queues[Index]);
            Found = TRUE;
        }
    }
    if (!Found) {
        OnConfigurationInterrupt(Adapter);
    }
}

BOOLEAN NTAPI VioStorMessageInterrupt(PVOID DeviceExtension, ULONG MessageId)
{
    PADAPTER_EXTENSION Adapter = (PADAPTER_EXTENSION)DeviceExtension;
    ULONG Index;

    if (!Adapter->DpcReady) {
        return TRUE;
    }
    if (Adapter->MessageCount == 1) {
        OnOnlyMessage(Adapter);
    } else if (MessageId == 0) {
        OnConfigurationInterrupt(Adapter);
    } else if (LIKELY(Adapter->MessageCount > Adapter->QueueCount)) {
        if (MessageId <= Adapter->QueueCount) {
            OnQueueInterrupt(Adapter, &Adapter->Queues[MessageId - 1]);
        }
    } else {
        for (Index = MessageId - 1; Index < Adapter->QueueCount;
             Index += Adapter->MessageCount - 1) {
            OnQueueInterrupt(Adapter, &Adapter->Queues[Index]);
        }
    }
    return TRUE;
}

VOID NTAPI VioStorQueueDpc(PSTOR_DPC Dpc, PVOID HwDeviceExtension, PVOID SystemArgument1,
                           PVOID SystemArgument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(HwDeviceExtension);
    UNREFERENCED_PARAMETER(SystemArgument2);
    QueueProcess((PVIO_QUEUE)SystemArgument1);
}

VOID NTAPI VioStorConfigDpc(PSTOR_DPC Dpc, PVOID HwDeviceExtension, PVOID SystemArgument1,
                            PVOID SystemArgument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(SystemArgument1);
    UNREFERENCED_PARAMETER(SystemArgument2);
    AdapterConfigurationChanged((PADAPTER_EXTENSION)HwDeviceExtension);
}

/* ---- Reset, control, the end ---- */

BOOLEAN NTAPI VioStorResetBus(PVOID DeviceExtension, ULONG PathId)
{
    UNREFERENCED_PARAMETER(PathId);
    return AdapterReset((PADAPTER_EXTENSION)DeviceExtension, ScsiAttentionBusReset);
}

static VOID ReportControlTypes(PSCSI_SUPPORTED_CONTROL_TYPE_LIST List)
{
    static const SCSI_ADAPTER_CONTROL_TYPE Supported[] = {
        ScsiQuerySupportedControlTypes,
        ScsiStopAdapter,
        ScsiRestartAdapter,
        ScsiAdapterSurpriseRemoval,
    };
    ULONG Index;

    for (Index = 0; Index < RTL_NUMBER_OF(Supported); ++Index) {
        if ((ULONG)Supported[Index] < List->MaxControlType) {
            List->SupportedTypeList[Supported[Index]] = TRUE;
        }
    }
}

SCSI_ADAPTER_CONTROL_STATUS NTAPI VioStorAdapterControl(PVOID DeviceExtension,
                                                        SCSI_ADAPTER_CONTROL_TYPE ControlType,
                                                        PVOID Parameters)
{
    PADAPTER_EXTENSION Adapter = (PADAPTER_EXTENSION)DeviceExtension;

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

VOID NTAPI VioStorFreeAdapterResources(PVOID DeviceExtension)
{
    PADAPTER_EXTENSION Adapter = (PADAPTER_EXTENSION)DeviceExtension;

    /* Normally stopped already; a device that could not be started may not be. */
    if (Adapter->State != AdapterStopped && Adapter->State != AdapterRemoved) {
        AdapterStop(Adapter);
    }
    PortFreeMemory(Adapter);
    UnmapBars(Adapter);
}

/* ---- DriverEntry ---- */

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    HW_INITIALIZATION_DATA Data;
    ULONG Status;

    RtlZeroMemory(&Data, sizeof(Data));
    Data.HwInitializationDataSize = sizeof(Data);
    Data.AdapterInterfaceType = PCIBus;
    Data.HwFindAdapter = VioStorFindAdapter;
    Data.HwInitialize = VioStorInitialize;
    Data.HwBuildIo = VioStorBuildIo;
    Data.HwStartIo = VioStorStartIo;
    Data.HwInterrupt = VioStorInterrupt;
    Data.HwResetBus = VioStorResetBus;
    Data.HwAdapterControl = VioStorAdapterControl;
    Data.HwFreeAdapterResources = VioStorFreeAdapterResources;
    Data.DeviceExtensionSize = sizeof(ADAPTER_EXTENSION);
    Data.SrbExtensionSize = sizeof(SRB_EXTENSION);
    Data.NumberOfAccessRanges = ACCESS_RANGES;
    Data.MapBuffers = STOR_MAP_NON_READ_WRITE_BUFFERS;
    Data.NeedPhysicalAddresses = TRUE;
    Data.TaggedQueuing = TRUE;
    Data.AutoRequestSense = TRUE;
    Data.MultipleRequestPerLu = TRUE;
    Data.SrbTypeFlags = SRB_TYPE_FLAG_STORAGE_REQUEST_BLOCK;
    Data.AddressTypeFlags = ADDRESS_TYPE_FLAG_BTL8;

    Status = StorPortInitialize(DriverObject, RegistryPath, &Data, NULL);
    if (Status == (ULONG)STATUS_REVISION_MISMATCH) {
        /* Before Windows 8: the structure ends before what Windows 8 added. */
        Data.HwInitializationDataSize = offsetof(HW_INITIALIZATION_DATA, HwFreeAdapterResources);
        Status = StorPortInitialize(DriverObject, RegistryPath, &Data, NULL);
    }
    return (NTSTATUS)Status;
}
