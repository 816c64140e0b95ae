/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What StorPort offers through StorPortExtendedFunction. See port_storport_extended.h.
 */
#include "port.h"

/* Tag of pool memory: 'viob' as the pool tools show it. */
#define PORT_POOL_TAG 0x626f6976u

ULONG PortExtendedProcessorCount(PADAPTER_EXTENSION Adapter)
{
    ULONG Count = 0;
    USHORT Groups;
    USHORT Group;

    /* From Windows 7 on. Before, StorPort calls StartIo on one processor at a time, and more than
     * one queue would be of no use. */
    if (StorPortGetActiveGroupCount(Adapter, &Groups) != STOR_STATUS_SUCCESS) {
        return 1;
    }
    for (Group = 0; Group < Groups; ++Group) {
        KAFFINITY Mask = 0;

        if (StorPortGetGroupAffinity(Adapter, Group, &Mask) == STOR_STATUS_SUCCESS) {
            for (; Mask != 0; Mask &= Mask - 1) {
                ++Count;
            }
        }
    }
    return Count != 0 ? Count : 1;
}

BOOLEAN PortHasPool(const ADAPTER_EXTENSION *Adapter)
{
    return Adapter->Port.ExtendedConfiguration;
}

PVOID PortAllocatePool(PADAPTER_EXTENSION Adapter, ULONG Bytes)
{
    PVOID Block;

    return StorPortAllocatePool(Adapter, Bytes, PORT_POOL_TAG, &Block) == STOR_STATUS_SUCCESS
               ? Block
               : NULL;
}

VOID PortFreePool(PADAPTER_EXTENSION Adapter, PVOID Block)
{
    StorPortFreePool(Adapter, Block);
}

/* ---- Contiguous memory ---- */

/* What a legacy device can be told of a ring's place (VIRTIO 1.2, 4.1.4.8: 32 bits, in pages). */
#define LEGACY_ADDRESS_MAXIMUM ((1ULL << 44) - 1)

/*
 * From Windows 7 on. Not StorPortAllocateDmaMemory of Windows 10: no page says that its memory may be given
 * back above PASSIVE_LEVEL, as this may. Cached: devices of these machines are coherent, and ARM64 allows no
 * other for atomic accesses. "The value returned for Length should be ignored" (reference of
 * StorPortGetPhysicalAddress).
 */
BOOLEAN PortAllocateContiguous(PADAPTER_EXTENSION Adapter, ULONG Bytes, SHARED_MEMORY *Memory)
{
    const BOOLEAN Legacy = Adapter->Device.Transport == VirtioPciTransportLegacy;
    PHYSICAL_ADDRESS Lowest, Highest, Boundary;
    PVOID Base = NULL;
    ULONG Length;

    Lowest.QuadPart = 0;
    Highest.QuadPart = Legacy ? (LONGLONG)LEGACY_ADDRESS_MAXIMUM : MAXLONGLONG;
    Boundary.QuadPart = 0;
    if (StorPortAllocateContiguousMemorySpecifyCacheNode(Adapter, Bytes, Lowest, Highest, Boundary,
                                                         MmCached, MM_ANY_NODE_OK,
                                                         &Base) != STOR_STATUS_SUCCESS) {
        return FALSE;
    }
    Memory->Base = (PUCHAR)Base;
    Memory->Address = (ULONGLONG)StorPortGetPhysicalAddress(Adapter, NULL, Base, &Length).QuadPart;
    Memory->Bytes = Bytes;
    return TRUE;
}

VOID PortFreeContiguous(PADAPTER_EXTENSION Adapter, const SHARED_MEMORY *Memory)
{
    (VOID) StorPortFreeContiguousMemorySpecifyCache(Adapter, Memory->Base, Memory->Bytes, MmCached);
}

VOID PortMarkDumpMemory(PADAPTER_EXTENSION Adapter, const PORT_CONFIGURATION_INFORMATION *Config)
{
    if (PortConfigIsDump(Config) &&
        (Config->DumpMode == DUMP_MODE_MARK_MEMORY || Config->DumpMode == DUMP_MODE_HIBER)) {
        /* Windows 8 and later. A failure leaves marked what the dump stack marks by itself. */
        (VOID) StorPortMarkDumpMemory(Adapter, Adapter, ADAPTER_EXTENSION_BYTES(1), 0);
        if (Adapter->Uncached.Base != NULL) {
            (VOID)
                StorPortMarkDumpMemory(Adapter, Adapter->Uncached.Base, Adapter->Uncached.Bytes, 0);
        }
        (VOID) StorPortMarkDumpMemory(Adapter, Adapter->Private, Adapter->PrivateBytes, 0);
    }
}

/* ---- Messages and performance options ---- */

VOID PortExtendedTakeMessages(PPORT_CONFIGURATION_INFORMATION Config)
{
    Config->HwMSInterruptRoutine = VioStorMessageInterrupt;
    Config->InterruptSynchronizationMode = InterruptSynchronizePerMessage;
}

ULONG PortExtendedMessageCount(PADAPTER_EXTENSION Adapter)
{
    MESSAGE_INTERRUPT_INFORMATION Information;
    ULONG Count = 0;

    /* Nothing tells the number: messages are asked for until one is not there. */
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
VOID PortExtendedSetPerformance(PADAPTER_EXTENSION Adapter)
{
    const BOOLEAN QueueMessages = Adapter->MessageCount > Adapter->QueueCount;
    PERF_CONFIGURATION_DATA Data;
    ULONG Wanted = STOR_PERF_DPC_REDIRECTION;

    Adapter->Port.QueueHints = QueueHintsNone;
    if (Adapter->QueueCount > 1) {
        /* "Prior to Windows 8, miniports must not set this flag" (reference of
         * PERF_CONFIGURATION_DATA), whatever a query offers. */
        if (Adapter->Port.ExtendedConfiguration) {
            Wanted |= STOR_PERF_CONCURRENT_CHANNELS;
        }
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
        Adapter->Port.QueueHints = QueueHintsMessage;
    } else if (Data.Flags & STOR_PERF_CONCURRENT_CHANNELS) {
        Adapter->Port.QueueHints = QueueHintsChannel;
    }
}

/* Of the only unit of any adapter. StorPortStateChangeDetected schedules its work, and the address
 * "cannot change until the callback at HwStateChange is invoked" (reference): this one never does. */
static STOR_ADDR_BTL8 UnitAddress = {
    .Type = STOR_ADDRESS_TYPE_BTL8,
    .AddressLength = STOR_ADDR_BTL8_ADDRESS_LENGTH,
};

BOOLEAN PortExtendedTellUnitChanged(PADAPTER_EXTENSION Adapter)
{
    return StorPortStateChangeDetected(Adapter, STATE_CHANGE_LUN, (PSTOR_ADDRESS)&UnitAddress, 0,
                                       NULL, NULL) == STOR_STATUS_SUCCESS;
}
