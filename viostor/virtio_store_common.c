/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The entry points that StorPort and SCSIPort have in common. See virtio_store_common.h.
 */
#include "virtio_store_common.h"

#include "adapter.h"
#include "port.h"
#include "virtio_store_hw_helper.h"
#include "virtio_store_utils.h"

/* Of uncached memory an adapter in a dump must stay under 32 KiB (reference: page of
 * ScsiPortGetUncachedExtension). */
#define DUMP_UNCACHED_MAXIMUM (32u * 1024u - CACHE_LINE_SIZE)

/*
 * Memory of the driver alone, in a dump, where there is no pool: the ring's private state for as
 * many descriptors as a ring has that fits into the uncached memory (1024), and the rest of one
 * queue. Lies in the image, and so is there in each copy of it.
 */
#define DUMP_PRIVATE_BYTES (1024u * (ULONG)sizeof(VIRTQUEUE_ID) + 2048u)
static __attribute__((aligned(CACHE_LINE_SIZE))) UCHAR DumpPrivate[DUMP_PRIVATE_BYTES];

/* ---- BARs ---- */

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
        PortUnmapRange(Adapter, Mapped->Base);
        Mapped->Base = NULL;
    }
    if (Mapped->Base == NULL) {
        Mapped->Base = PortMapRange(Adapter, Adapter->Config, Range);
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
            PortUnmapRange(Adapter, Adapter->Ranges[Index].Base);
            Adapter->Ranges[Index].Base = NULL;
        }
    }
}

/* ---- Memory ---- */

/*
 * The one uncached block, all of it contiguous for the device. A second HwFindAdapter gets the first
 * block again, whatever its size: one that is large enough is kept.
 */
static BOOLEAN AllocateShared(PADAPTER_EXTENSION Adapter, PPORT_CONFIGURATION_INFORMATION Config,
                              ULONG Bytes)
{
    SHARED_MEMORY *Shared = &Adapter->Shared;
    /* Page alignment is not promised: room for making it, as far as a dump may have it. */
    ULONG Asked = Bytes + PAGE_SIZE;
    ULONGLONG Address = 0;
    ULONG Contiguous = 0;
    ULONG Misaligned;
    PUCHAR Block;

    if (Shared->Base != NULL) {
        return Shared->Bytes >= Bytes;
    }
    if (Adapter->Dump) {
        Asked = min(Asked, DUMP_UNCACHED_MAXIMUM);
    }
    Block = PortGetUncachedMemory(Adapter, Config, Asked, &Address, &Contiguous);
    if (Block == NULL || Address == 0) {
        return FALSE;
    }
    Contiguous = min(Contiguous, Asked);
    Misaligned = (ULONG)((0 - Address) & (PAGE_SIZE - 1));
    if (Contiguous < Misaligned || Contiguous - Misaligned < Bytes) {
        return FALSE;
    }
    Shared->Base = Block + Misaligned;
    Shared->Address = Address + Misaligned;
    Shared->Bytes = Bytes;
    return TRUE;
}

static VOID FreePrivate(PADAPTER_EXTENSION Adapter)
{
    if (Adapter->PrivateBlock != NULL) {
        PortFreePool(Adapter, Adapter->PrivateBlock);
        Adapter->PrivateBlock = NULL;
    }
    Adapter->Private = NULL;
    Adapter->Queues = NULL;
}

/* From pool, out of the device's reach. */
static BOOLEAN AllocatePrivate(PADAPTER_EXTENSION Adapter, ULONG Bytes)
{
    ULONG_PTR Aligned;

    FreePrivate(Adapter);
    Adapter->PrivateBlock = PortAllocatePool(Adapter, Bytes + CACHE_LINE_SIZE);
    if (Adapter->PrivateBlock == NULL) {
        return FALSE;
    }
    Aligned = ((ULONG_PTR)Adapter->PrivateBlock + CACHE_LINE_SIZE - 1) &
              ~(ULONG_PTR)(CACHE_LINE_SIZE - 1);
    Adapter->Private = (PUCHAR)Aligned;
    return TRUE;
}

static BOOLEAN AllocateMemory(PADAPTER_EXTENSION Adapter, PPORT_CONFIGURATION_INFORMATION Config,
                              ULONG SharedBytes)
{
    if (Adapter->Dump) {
        Adapter->Private = DumpPrivate;
        return Adapter->PrivateBytes <= sizeof(DumpPrivate) &&
               AllocateShared(Adapter, Config, SharedBytes);
    }
    if (PortHasPool(Adapter)) {
        return AllocateShared(Adapter, Config, SharedBytes) &&
               AllocatePrivate(Adapter, Adapter->PrivateBytes);
    }
    /* The uncached memory, which the port driver takes back by itself, holds both. */
    if (!AllocateShared(Adapter, Config, SharedBytes + Adapter->PrivateBytes)) {
        return FALSE;
    }
    Adapter->Private = Adapter->Shared.Base + SharedBytes;
    return TRUE;
}

static BOOLEAN TakeMemory(PADAPTER_EXTENSION Adapter, PPORT_CONFIGURATION_INFORMATION Config)
{
    ULONG SharedBytes;

    AdapterMemorySize(Adapter, &SharedBytes, &Adapter->PrivateBytes);
    if (!AllocateMemory(Adapter, Config, SharedBytes)) {
        DebugPrint(DebugError, "no memory: %lu shared, %lu private bytes", SharedBytes,
                   Adapter->PrivateBytes);
        PortLogEvent(Adapter, NULL, VioEventNoMemory, (SharedBytes + Adapter->PrivateBytes) >> 10);
        return FALSE;
    }
    RtlZeroMemory(Adapter->Shared.Base, SharedBytes);
    RtlZeroMemory(Adapter->Private, Adapter->PrivateBytes);
    if (!AdapterCreateQueues(Adapter)) {
        FreePrivate(Adapter);
        return FALSE;
    }
    return TRUE;
}

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
    Chosen->CompletionsPerInterrupt = 1;
    Chosen->AlignmentMask = DATA_ALIGNMENT_MASK;
    if (Adapter->Dump) {
        return 1; /* no registry there */
    }
    Chosen->PackedRing = PortReadParameter(Adapter, ArgumentString, "PackedRing", FALSE) != 0;
    Chosen->InOrder = PortReadParameter(Adapter, ArgumentString, "InOrder", FALSE) != 0;
    Chosen->Depth = PortReadParameter(Adapter, ArgumentString, "MaximumDepth", VIO_DEPTH_MAXIMUM);
    Chosen->Depth = max(Chosen->Depth, 1);
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

/*
 * Before it hibernates Windows asks which memory it must keep, with the first copy running: the
 * device is left alone. Shared memory comes later, out of the dump stack's own buffer.
 */
static ULONG MarkMemory(PADAPTER_EXTENSION Adapter, const PORT_CONFIGURATION_INFORMATION *Config)
{
    Adapter->State = AdapterNoDevice;
    Adapter->Private = DumpPrivate;
    Adapter->PrivateBytes = sizeof(DumpPrivate);
    PortMarkDumpMemory(Adapter, Config);
    return SP_RETURN_FOUND;
}

ULONG CommonFindAdapter(PADAPTER_EXTENSION Adapter, const char *ArgumentString,
                        PPORT_CONFIGURATION_INFORMATION Config)
{
    ULONG MaximumQueues;
    BOOLEAN Usable;

    Adapter->Dump = IsDumpArgument(ArgumentString) || PortConfigIsDump(Config);
    Adapter->SystemIoBusNumber = Config->SystemIoBusNumber;
    Adapter->SlotNumber = Config->SlotNumber;
    MaximumQueues = ReadParameters(Adapter, ArgumentString);

    PortDeclareAdapter(Adapter, Config);
    if (PortConfigOnlyMarks(Config)) {
        return MarkMemory(Adapter, Config);
    }
    Adapter->Config = Config;
    Usable = AdapterProbe(Adapter, MapBar, MaximumQueues);
    Adapter->Config = NULL;
    if (!Usable) {
        UnmapBars(Adapter);
        return SP_RETURN_NOT_FOUND;
    }
    PortDeclareLimits(Adapter, Config);
    if (!TakeMemory(Adapter, Config)) {
        UnmapBars(Adapter);
        return SP_RETURN_ERROR;
    }
    if (Adapter->Dump) {
        PortMarkDumpMemory(Adapter, Config);
    }
    return SP_RETURN_FOUND;
}

BOOLEAN CommonBeginService(PADAPTER_EXTENSION Adapter)
{
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

VOID CommonFreeResources(PADAPTER_EXTENSION Adapter)
{
    /* Normally stopped already; a device that could not be started may not be. */
    if (Adapter->State != AdapterStopped) {
        AdapterStop(Adapter);
    }
    FreePrivate(Adapter);
    UnmapBars(Adapter);
}
