/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where everything lies: the adapter's memory, and the queues in it.
 *
 * Shared memory (one block, contiguous for the device), for each queue:
 *
 *   ┌────────────┬──────────────────────────────┬───────────────────────────────┐
 *   │ ring       │ slots: RingUse x blk_req     │ long tables: LongTableCount   │   and once at
 *   │ (aligned)  │ (2 cache lines each)         │ x LongTableBytes              │   the end: identity,
 *   └────────────┴──────────────────────────────┴───────────────────────────────┘   scratch memory
 *
 * Private memory: the VIO_QUEUE array, then for each queue the ring's private state, and what the driver
 * keeps of each slot and of each long table.
 */
#include "adapter_internal.h"

#include "port.h"
#include "virtio_store_hw_helper.h"
#include "virtio_store_utils.h"

static VIRTQUEUE_LAYOUT RingLayout(const ADAPTER_EXTENSION *Adapter)
{
    if (AdapterHasFeature(Adapter, VIRTIO_F_RING_PACKED)) {
        return VirtQueueLayoutPacked;
    }
    return Adapter->Device.Transport == VirtioPciTransportLegacy ? VirtQueueLayoutLegacy
                                                                 : VirtQueueLayoutSplit;
}

/* Sizes of one queue's parts, in bytes; offsets are those of the drawing at the top. */
typedef struct _QUEUE_SIZES {
    VIRTQUEUE_MEMORY Ring;
    ULONG SlotsOffset;
    ULONG LongTablesOffset;
    ULONG SharedBytes; /* the next queue begins at the next page */
    ULONG TableStatesOffset;
    ULONG FreeTablesOffset; /* the stacks of all directions */
    ULONG PreparedOffset;
    ULONG PrivateBytes; /* to the next queue, cache line aligned */
} QUEUE_SIZES;

static VOID ComputeQueueSizes(const ADAPTER_EXTENSION *Adapter, ULONG RingSize, QUEUE_SIZES *Sizes)
{
    const ADAPTER_LIMITS *Limits = &Adapter->Limits;

    (VOID) VirtQueueMemorySize(RingLayout(Adapter), RingSize, &Sizes->Ring);
    Sizes->SlotsOffset = AdapterRoundUp(Sizes->Ring.RingBytes, CACHE_LINE_SIZE);
    Sizes->LongTablesOffset = Sizes->SlotsOffset + Limits->RingUse * (ULONG)sizeof(blk_req);
    Sizes->SharedBytes = Sizes->LongTablesOffset + Limits->LongTableCount * Limits->LongTableBytes;
    Sizes->TableStatesOffset = AdapterRoundUp(Sizes->Ring.PrivateBytes, CACHE_LINE_SIZE);
    Sizes->FreeTablesOffset =
        Sizes->TableStatesOffset + Limits->LongTableCount * (ULONG)sizeof(LONG_TABLE);
    Sizes->PreparedOffset =
        Sizes->FreeTablesOffset + TableDirections * Limits->LongTableCount * (ULONG)sizeof(USHORT);
    Sizes->PrivateBytes =
        AdapterRoundUp(Sizes->PreparedOffset + Limits->RingUse + 1, CACHE_LINE_SIZE);
}

VOID AdapterMemorySize(const ADAPTER_EXTENSION *Adapter, PULONG SharedBytes, PULONG PrivateBytes)
{
    ULONG Shared = 0;
    ULONG Private = AdapterRoundUp(Adapter->QueueCount * (ULONG)sizeof(VIO_QUEUE), CACHE_LINE_SIZE);
    ULONG Index;

    for (Index = 0; Index < Adapter->QueueCount; ++Index) {
        QUEUE_SIZES Sizes;

        ComputeQueueSizes(Adapter, Adapter->RingSizes[Index], &Sizes);
        Shared = AdapterRoundUp(Shared, PAGE_SIZE) + Sizes.SharedBytes;
        Private += Sizes.PrivateBytes;
    }
    *SharedBytes =
        Shared + AdapterRoundUp(DISK_SERIAL_LENGTH, CACHE_LINE_SIZE) + Adapter->Limits.ScratchBytes;
    *PrivateBytes = Private;
}

/* Puts all long tables into the stacks of free ones: into one, as none is prepared for a direction. */
static VOID FreeAllLongTables(PVIO_QUEUE Queue, PUSHORT Indices, ULONG Count)
{
    ULONG Index;

    for (Index = 0; Index < TableDirections; ++Index) {
        Queue->FreeLongTables[Index].Indices = Indices + Index * Count;
        Queue->FreeLongTables[Index].Count = 0;
    }
    for (Index = 0; Index < Count; ++Index) {
        Queue->FreeLongTables[TableRead].Indices[Index] = (USHORT)Index;
        Queue->Memory.LongTableStates[Index].Prepared = FALSE;
        Queue->Memory.LongTableStates[Index].Direction = TableRead;
    }
    Queue->FreeLongTables[TableRead].Count = Count;
}

/* Where the parts of a queue's memory lie but the ring. */
static VOID PlaceMemory(PVIO_QUEUE Queue, const QUEUE_SIZES *Sizes, PUCHAR Shared,
                        ULONGLONG Address, PUCHAR Private)
{
    Queue->Memory.Slots = (pblk_req)(Shared + Sizes->SlotsOffset);
    Queue->Memory.SlotsAddress = Address + Sizes->SlotsOffset;
    Queue->Memory.LongTables = Shared + Sizes->LongTablesOffset;
    Queue->Memory.LongTablesAddress = Address + Sizes->LongTablesOffset;
    Queue->Memory.LongTableStates = (PLONG_TABLE)(Private + Sizes->TableStatesOffset);
    Queue->Memory.Prepared = Private + Sizes->PreparedOffset;
    FreeAllLongTables(Queue, (PUSHORT)(Private + Sizes->FreeTablesOffset),
                      Queue->Adapter->Limits.LongTableCount);
}

/* What of a ring's setup follows from the features, beside its layout. */
static VOID SetUpFeatures(PVIO_QUEUE Queue, PVIRTQUEUE_SETUP Setup)
{
    const ADAPTER_EXTENSION *Adapter = Queue->Adapter;

    Queue->TableBytes =
        Adapter->IndirectDescriptors && Adapter->Limits.Segments >= REQUEST_SLOT_SEGMENTS
            ? Adapter->Limits.SegmentBytes
            : 0;
    Setup->EventIndex = AdapterHasFeature(Adapter, VIRTIO_F_EVENT_IDX);
    Setup->Single = Adapter->IndirectDescriptors;
    Setup->InOrder = AdapterHasFeature(Adapter, VIRTIO_F_IN_ORDER);
}

VOID AdapterAdaptQueues(PADAPTER_EXTENSION Adapter)
{
    ULONG Index;

    Adapter->IndirectDescriptors = AdapterHasFeature(Adapter, VIRTIO_F_INDIRECT_DESC);
    for (Index = 0; Index < Adapter->QueueCount; ++Index) {
        PVIO_QUEUE Queue = &Adapter->Queues[Index];

        SetUpFeatures(Queue, &Queue->Ring.Setup);
        QueueRenewRing(Queue);
    }
}

/* Lays one queue out in its part of shared and private memory. */
static VIRTQUEUE_FAULT CreateQueue(PADAPTER_EXTENSION Adapter, USHORT Index,
                                   const QUEUE_SIZES *Sizes, ULONG SharedOffset, PUCHAR Private)
{
    PVIO_QUEUE Queue = &Adapter->Queues[Index];
    PUCHAR Shared = Adapter->Shared.Base + SharedOffset;
    const ULONGLONG Address = Adapter->Shared.Address + SharedOffset;
    VIRTQUEUE_SETUP Setup;

    Queue->Adapter = Adapter;
    Queue->Index = Index;
    Queue->Size = Adapter->RingSizes[Index];
    Queue->State = QueueStopped;
    Queue->Open = FALSE;
    Queue->OpenBytes = 0;
    Queue->Vector = VIRTIO_MSI_NO_VECTOR;
    Queue->Polled = Adapter->Dump;
    Queue->CompletionsPerInterrupt = Adapter->Chosen.CompletionsPerInterrupt;
    Queue->Waiting.Head = NULL;
    Queue->Flushes.Gathering.Head = NULL;
    Queue->Flushes.Riders.Head = NULL;
    Queue->Flushes.Running = NULL;
    Queue->Flushes.Clean = FALSE;
    Queue->Writes = 0;
    Queue->Scratch.Base = NULL;
    Queue->Scratch.Owner = NULL;
    PlaceMemory(Queue, Sizes, Shared, Address, Private);

    Setup.Layout = RingLayout(Adapter);
    Setup.Size = Queue->Size;
    Setup.Use = Adapter->Limits.RingUse;
    SetUpFeatures(Queue, &Setup);
    Setup.Ring = Shared;
    Setup.RingAddress = Address;
    Setup.Private = Private;
    return VirtQueueInitialize(&Queue->Ring, &Setup);
}

BOOLEAN AdapterCreateQueues(PADAPTER_EXTENSION Adapter)
{
    ULONG SharedOffset = 0;
    PUCHAR Private = Adapter->Private;
    ULONG Index;

    Adapter->Queues = (PVIO_QUEUE)Private;
    Private += AdapterRoundUp(Adapter->QueueCount * (ULONG)sizeof(VIO_QUEUE), CACHE_LINE_SIZE);
    for (Index = 0; Index < Adapter->QueueCount; ++Index) {
        QUEUE_SIZES Sizes;
        VIRTQUEUE_FAULT Fault;

        ComputeQueueSizes(Adapter, Adapter->RingSizes[Index], &Sizes);
        SharedOffset = AdapterRoundUp(SharedOffset, PAGE_SIZE);
        Fault = CreateQueue(Adapter, (USHORT)Index, &Sizes, SharedOffset, Private);
        if (Fault != VirtQueueFaultNone) {
            DebugPrint(DebugError, "queue %lu cannot be made: %s", Index,
                       VirtQueueFaultName(Fault));
            PortLogEvent(Adapter, NULL, VioEventLimitsUnusable, Adapter->RingSizes[Index]);
            return FALSE;
        }
        SharedOffset += Sizes.SharedBytes;
        Private += Sizes.PrivateBytes;
    }
    Adapter->Identity = Adapter->Shared.Base + SharedOffset;
    Adapter->IdentityAddress = Adapter->Shared.Address + SharedOffset;
    if (Adapter->Limits.ScratchBytes != 0) {
        SharedOffset += AdapterRoundUp(DISK_SERIAL_LENGTH, CACHE_LINE_SIZE);
        Adapter->Queues[0].Scratch.Base = Adapter->Shared.Base + SharedOffset;
        Adapter->Queues[0].Scratch.Address = Adapter->Shared.Address + SharedOffset;
    }
    return TRUE;
}
