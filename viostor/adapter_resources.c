/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the adapter gets from the port driver, and gives back: mapped BARs and memory.
 *
 *   queue 0        the uncached memory, one block that the port driver takes back by itself when the adapter
 *                  is stopped for other resources or goes; private memory from pool where a call tells when
 *                  to give it back (PortHasPool), else in the same block
 *   other queues   contiguous memory and pool of their own, given back by AdapterGiveMemoryBack: at the PnP
 *                  request that stops or removes the adapter, or when its start fails
 *
 * Contiguous memory may be short, on old Windows always: queue 0 then has fewer long tables, less scratch
 * memory, fewer slots; another queue fewer long tables; and where that does not help there are fewer queues.
 */
#include "adapter_internal.h"

#include "port.h"
#include "virtio_store_utils.h"

/*
 * Of uncached memory in a dump. The reference gives a miniport 32 KiB in all, its extensions included
 * (Restrictions on Miniport Drivers that Manage the Boot Drive), and the authors of Microsoft's storahci
 * found that dumps fail where more than 30 KiB of them are uncached.
 */
#define DUMP_UNCACHED_MAXIMUM \
    min(30u * 1024u, 32u * 1024u - ADAPTER_EXTENSION_BYTES(1) - (ULONG)sizeof(SRB_EXTENSION))

/*
 * Private memory in a dump, where there is no pool: the ring's private state for as many descriptors as a
 * ring has that fits into the uncached memory (1024), and what a queue's few slots need. Lies in the image,
 * and so is there in each copy of it.
 */
#define DUMP_PRIVATE_BYTES (1024u * (ULONG)sizeof(VIRTQUEUE_ID) + 1024u)
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

BOOLEAN AdapterMapBar(PVOID Context, const VIRTIO_PCI_BAR *Bar, PVIRTIO_REGION Region)
{
    PADAPTER_EXTENSION Adapter = (PADAPTER_EXTENSION)Context;
    PVOID *Mapped = &Adapter->Mapped[Bar->Number];
    const ACCESS_RANGE *Range = FindAccessRange(Adapter->Config, Bar->Address);

    if (Range == NULL) {
        return FALSE;
    }
    if (*Mapped == NULL) {
        *Mapped = PortMapRange(Adapter, Adapter->Config, Range);
        if (*Mapped == NULL) {
            return FALSE;
        }
    }
    Region->Base = (ULONG_PTR)*Mapped;
    Region->Length = Range->RangeLength;
    Region->PortSpace = !Range->RangeInMemory;
    return TRUE;
}

VOID AdapterUnmapBars(PADAPTER_EXTENSION Adapter)
{
    ULONG Index;

    for (Index = 0; Index < RTL_NUMBER_OF(Adapter->Mapped); ++Index) {
        if (Adapter->Mapped[Index] != NULL) {
            PortUnmapRange(Adapter, Adapter->Mapped[Index]);
            Adapter->Mapped[Index] = NULL;
        }
    }
}

/* ---- Blocks ---- */

/*
 * The one uncached block, all of it contiguous for the device. A later call gives the block again that is
 * there, whatever its size: then it is as large as it was asked for at first.
 */
static BOOLEAN TakeUncached(PADAPTER_EXTENSION Adapter, PPORT_CONFIGURATION_INFORMATION Config,
                            const QUEUE_MEMORY_SIZE *Size, SHARED_MEMORY *Shared)
{
    /* No alignment is promised: room for making it, as far as a dump may have it. */
    ULONG Asked = Size->SharedBytes + Size->SharedAlignment;
    ULONGLONG Address = 0;
    ULONG Contiguous = 0;
    ULONG Misaligned;
    PUCHAR Block;

    if (Adapter->Dump) {
        Asked = min(Asked, DUMP_UNCACHED_MAXIMUM);
    }
    Block = PortGetUncachedMemory(Adapter, Config, Asked, &Address, &Contiguous);
    if (Block == NULL || Address == 0) {
        return FALSE;
    }
    if (Block != Adapter->Uncached.Base) {
        Adapter->Uncached.Base = Block;
        Adapter->Uncached.Address = Address;
        Adapter->Uncached.Bytes = Asked;
    }
    Misaligned = (ULONG)((0 - Address) & (Size->SharedAlignment - 1));
    if (Adapter->Uncached.Bytes < Misaligned + Size->SharedBytes) {
        return FALSE;
    }
    if (Contiguous < Misaligned + Size->SharedBytes) {
        /* No page promises that the length covers the block: it is contiguous because it is the uncached
         * memory. Said, as nobody would find out otherwise. */
        PortLogEvent(Adapter, NULL, VioEventUnsureMemory, Contiguous >> 10);
    }
    Shared->Base = Block + Misaligned;
    Shared->Address = Address + Misaligned;
    Shared->Bytes = Size->SharedBytes;
    return TRUE;
}

/* Private memory from pool, out of the device's reach. */
static BOOLEAN TakePool(PADAPTER_EXTENSION Adapter, PQUEUE_BLOCKS Blocks, ULONG Bytes)
{
    Blocks->Pool = PortAllocatePool(Adapter, Bytes + CACHE_LINE_SIZE);
    if (Blocks->Pool == NULL) {
        return FALSE;
    }
    Blocks->Private = (PUCHAR)(((ULONG_PTR)Blocks->Pool + CACHE_LINE_SIZE - 1) &
                               ~(ULONG_PTR)(CACHE_LINE_SIZE - 1));
    return TRUE;
}

static VOID FreeBlocks(PADAPTER_EXTENSION Adapter, PQUEUE_BLOCKS Blocks)
{
    if (Blocks->Pool != NULL) {
        PortFreePool(Adapter, Blocks->Pool);
    }
    if (Blocks->Contiguous.Base != NULL) {
        PortFreeContiguous(Adapter, &Blocks->Contiguous);
    }
    RtlZeroMemory(Blocks, sizeof(*Blocks));
}

/* ---- Queue 0 ---- */

/* Both blocks of queue 0 where it has no pool: private memory behind what is shared. */
static BOOLEAN TakeUncachedForBoth(PADAPTER_EXTENSION Adapter,
                                   PPORT_CONFIGURATION_INFORMATION Config, QUEUE_MEMORY_SIZE Size)
{
    PQUEUE_BLOCKS Blocks = &Adapter->Queues[0].Blocks;
    const ULONG SharedBytes = Size.SharedBytes;

    Size.SharedBytes += Size.PrivateBytes;
    if (!TakeUncached(Adapter, Config, &Size, &Blocks->Shared)) {
        return FALSE;
    }
    Blocks->Shared.Bytes = SharedBytes;
    Blocks->Private = Blocks->Shared.Base + SharedBytes;
    return TRUE;
}

static BOOLEAN TakeFirstBlocks(PADAPTER_EXTENSION Adapter, PPORT_CONFIGURATION_INFORMATION Config,
                               const QUEUE_MEMORY_SIZE *Size)
{
    PQUEUE_BLOCKS Blocks = &Adapter->Queues[0].Blocks;

    if (Adapter->Dump) {
        Blocks->Private = DumpPrivate;
        return Size->PrivateBytes <= sizeof(DumpPrivate) &&
               TakeUncached(Adapter, Config, Size, &Blocks->Shared);
    }
    if (!PortHasPool(Adapter) || !TakePool(Adapter, Blocks, Size->PrivateBytes)) {
        return TakeUncachedForBoth(Adapter, Config, *Size);
    }
    if (!TakeUncached(Adapter, Config, Size, &Blocks->Shared)) {
        FreeBlocks(Adapter, Blocks);
        return FALSE;
    }
    return TRUE;
}

/* Memory of queue 0, within smaller limits where it cannot be had otherwise. */
static BOOLEAN TakeFirstQueue(PADAPTER_EXTENSION Adapter, PPORT_CONFIGURATION_INFORMATION Config)
{
    PQUEUE_BLOCKS Blocks = &Adapter->Queues[0].Blocks;
    BOOLEAN Less = FALSE;
    QUEUE_MEMORY_SIZE Size;

    for (;;) {
        AdapterQueueMemorySize(Adapter, 0, Adapter->Limits.LongTableCount, &Size);
        if (TakeFirstBlocks(Adapter, Config, &Size)) {
            break;
        }
        if (Adapter->Dump || !AdapterShrinkLimits(Adapter)) {
            PortLogEvent(Adapter, NULL, VioEventNoMemory,
                         (Size.SharedBytes + Size.PrivateBytes) >> 10);
            return FALSE;
        }
        Less = TRUE;
    }
    Blocks->LongTableCount = Adapter->Limits.LongTableCount;
    Adapter->Private = Blocks->Private;
    Adapter->PrivateBytes = Size.PrivateBytes;
    RtlZeroMemory(Blocks->Private, Size.PrivateBytes);
    if (Less) {
        PortLogEvent(Adapter, NULL, VioEventLessMemory, Size.SharedBytes >> 10);
    }
    return TRUE;
}

/* ---- Other queues ---- */

static BOOLEAN TakeOwnBlocks(PADAPTER_EXTENSION Adapter, ULONG Index, ULONG LongTableCount)
{
    PQUEUE_BLOCKS Blocks = &Adapter->Queues[Index].Blocks;
    QUEUE_MEMORY_SIZE Size;

    AdapterQueueMemorySize(Adapter, Index, LongTableCount, &Size);
    if (!PortAllocateContiguous(Adapter, Size.SharedBytes, &Blocks->Contiguous) ||
        (Blocks->Contiguous.Address & (Size.SharedAlignment - 1)) != 0 ||
        !TakePool(Adapter, Blocks, Size.PrivateBytes)) {
        FreeBlocks(Adapter, Blocks);
        return FALSE;
    }
    Blocks->Shared = Blocks->Contiguous;
    Blocks->LongTableCount = LongTableCount;
    RtlZeroMemory(Blocks->Private, Size.PrivateBytes);
    return TRUE;
}

/* Memory of another queue than the first, with fewer long tables if need be. */
static BOOLEAN TakeOtherQueue(PADAPTER_EXTENSION Adapter, ULONG Index)
{
    ULONG Count = Adapter->Limits.LongTableCount;

    while (!TakeOwnBlocks(Adapter, Index, Count)) {
        if (Count <= LONG_TABLE_MINIMUM) {
            return FALSE;
        }
        Count = max(Count / 2, LONG_TABLE_MINIMUM);
    }
    return TRUE;
}

static VOID TakeOtherQueues(PADAPTER_EXTENSION Adapter)
{
    ULONG Index;

    for (Index = 1; Index < Adapter->QueueCount; ++Index) {
        if (!TakeOtherQueue(Adapter, Index)) {
            DebugPrint(DebugWarning, "memory for %lu of %lu queues", Index, Adapter->QueueCount);
            PortLogEvent(Adapter, NULL, VioEventFewerQueues, Index);
            Adapter->QueueCount = Index;
        }
    }
}

/* ---- All of it ---- */

BOOLEAN AdapterTakeMemory(PADAPTER_EXTENSION Adapter, PPORT_CONFIGURATION_INFORMATION Config)
{
    ULONG Index;

    Adapter->Queues = AdapterQueueArray(Adapter);
    if (!TakeFirstQueue(Adapter, Config)) {
        Adapter->Queues = NULL;
        return FALSE;
    }
    TakeOtherQueues(Adapter);
    Adapter->QueuesWithMemory = Adapter->QueueCount;
    AdapterSettleDepth(Adapter);
    for (Index = 0; Index < Adapter->QueueCount; ++Index) {
        const SHARED_MEMORY *Shared = &Adapter->Queues[Index].Blocks.Shared;

        RtlZeroMemory(Shared->Base, Shared->Bytes);
    }
    if (!AdapterCreateQueues(Adapter)) {
        AdapterGiveMemoryBack(Adapter);
        return FALSE;
    }
    return TRUE;
}

VOID AdapterGiveMemoryBack(PADAPTER_EXTENSION Adapter)
{
    ULONG Index;

    if (Adapter->Queues != NULL) {
        for (Index = 0; Index < Adapter->QueuesWithMemory; ++Index) {
            FreeBlocks(Adapter, &Adapter->Queues[Index].Blocks);
        }
    }
}

VOID AdapterForget(PADAPTER_EXTENSION Adapter)
{
    /* The block may be there again; mappings that are still there the port driver undoes at the end. */
    const SHARED_MEMORY Uncached = Adapter->Uncached;

    AdapterGiveMemoryBack(Adapter);
    RtlZeroMemory(Adapter, sizeof(*Adapter));
    Adapter->Uncached = Uncached;
    Adapter->State = AdapterNoDevice;
}

VOID AdapterMarkMemory(PADAPTER_EXTENSION Adapter, const PORT_CONFIGURATION_INFORMATION *Config)
{
    Adapter->State = AdapterNoDevice;
    Adapter->Private = DumpPrivate;
    Adapter->PrivateBytes = sizeof(DumpPrivate);
    PortMarkDumpMemory(Adapter, Config);
}
