/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where everything lies: the memory of a queue, and the queue in it.
 *
 * Shared memory, a block of each queue that is contiguous for the device:
 *
 *   ┌────────────┬──────────────────────────────┬───────────────────────────────┬───────────────────┐
 *   │ ring       │ slots: RingUse x blk_req     │ long tables: LongTableCount   │ queue 0: identity,│
 *   │ (aligned)  │ (2 cache lines each)         │ x LongTableBytes              │ scratch, ranges   │
 *   └────────────┴──────────────────────────────┴───────────────────────────────┴───────────────────┘
 *
 * Private memory, a block of each queue: the ring's private state, and what the driver keeps of each slot
 * and of each long table. Where the blocks come from: adapter_resources.c.
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

/* Where the parts of a queue's memory lie in its two blocks, in bytes from their beginning. */
typedef struct _QUEUE_LAYOUT {
    VIRTQUEUE_MEMORY Ring;
    ULONG SlotsOffset;
    ULONG LongTablesOffset;
    ULONG IdentityOffset; /* of queue 0 */
    ULONG ScratchOffset;  /* of queue 0 */
    ULONG RangesOffset;   /* of queue 0 */
    ULONG SharedBytes;
    ULONG TableStatesOffset;
    ULONG FreeTablesOffset; /* the stacks of all directions */
    ULONG PreparedOffset;
    ULONG PrivateBytes;
} QUEUE_LAYOUT;

static VOID LayOutQueue(const ADAPTER_EXTENSION *Adapter, ULONG Index, ULONG LongTableCount,
                        QUEUE_LAYOUT *Layout)
{
    const ADAPTER_LIMITS *Limits = &Adapter->Limits;

    (VOID) VirtQueueMemorySize(RingLayout(Adapter), Adapter->RingSizes[Index], &Layout->Ring);
    Layout->SlotsOffset = AdapterRoundUp(Layout->Ring.RingBytes, CACHE_LINE_SIZE);
    Layout->LongTablesOffset = Layout->SlotsOffset + Limits->RingUse * (ULONG)sizeof(blk_req);
    Layout->IdentityOffset = Layout->LongTablesOffset + LongTableCount * Limits->LongTableBytes;
    Layout->ScratchOffset =
        Layout->IdentityOffset + AdapterRoundUp(DISK_SERIAL_LENGTH, CACHE_LINE_SIZE);
    Layout->RangesOffset =
        Layout->ScratchOffset + AdapterRoundUp(Limits->ScratchBytes, CACHE_LINE_SIZE);
    Layout->SharedBytes =
        Index == 0 ? Layout->RangesOffset + Limits->RangeBytes : Layout->IdentityOffset;
    Layout->TableStatesOffset = AdapterRoundUp(Layout->Ring.PrivateBytes, CACHE_LINE_SIZE);
    Layout->FreeTablesOffset =
        Layout->TableStatesOffset + LongTableCount * (ULONG)sizeof(LONG_TABLE);
    Layout->PreparedOffset =
        Layout->FreeTablesOffset + TableDirections * LongTableCount * (ULONG)sizeof(USHORT);
    Layout->PrivateBytes =
        AdapterRoundUp(Layout->PreparedOffset + Limits->RingUse + 1, CACHE_LINE_SIZE);
}

VOID AdapterQueueMemorySize(const ADAPTER_EXTENSION *Adapter, ULONG Index, ULONG LongTableCount,
                            QUEUE_MEMORY_SIZE *Size)
{
    QUEUE_LAYOUT Layout;

    LayOutQueue(Adapter, Index, LongTableCount, &Layout);
    Size->SharedBytes = Layout.SharedBytes;
    Size->SharedAlignment = max(Layout.Ring.RingAlignment, CACHE_LINE_SIZE);
    Size->PrivateBytes = Layout.PrivateBytes;
}

PVIO_QUEUE AdapterQueueArray(PADAPTER_EXTENSION Adapter)
{
    const ULONG_PTR End = (ULONG_PTR)(Adapter + 1);

    return (PVIO_QUEUE)((End + CACHE_LINE_SIZE - 1) & ~(ULONG_PTR)(CACHE_LINE_SIZE - 1));
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

static VOID PlaceMemory(PVIO_QUEUE Queue, const QUEUE_LAYOUT *Layout)
{
    const QUEUE_BLOCKS *Blocks = &Queue->Blocks;

    Queue->Memory.Slots = (pblk_req)(Blocks->Shared.Base + Layout->SlotsOffset);
    Queue->Memory.SlotsAddress = Blocks->Shared.Address + Layout->SlotsOffset;
    Queue->Memory.LongTables = Blocks->Shared.Base + Layout->LongTablesOffset;
    Queue->Memory.LongTablesAddress = Blocks->Shared.Address + Layout->LongTablesOffset;
    Queue->Memory.LongTableStates = (PLONG_TABLE)(Blocks->Private + Layout->TableStatesOffset);
    Queue->Memory.Prepared = Blocks->Private + Layout->PreparedOffset;
    FreeAllLongTables(Queue, (PUSHORT)(Blocks->Private + Layout->FreeTablesOffset),
                      Blocks->LongTableCount);
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

/* Makes one queue in its blocks. */
static VIRTQUEUE_FAULT CreateQueue(PADAPTER_EXTENSION Adapter, USHORT Index,
                                   const QUEUE_LAYOUT *Layout)
{
    PVIO_QUEUE Queue = &Adapter->Queues[Index];
    VIRTQUEUE_SETUP Setup;

    RtlZeroMemory(Queue, offsetof(VIO_QUEUE, Port));
    Queue->Adapter = Adapter;
    Queue->Index = Index;
    Queue->Size = Adapter->RingSizes[Index];
    Queue->State = QueueStopped;
    Queue->Vector = VIRTIO_MSI_NO_VECTOR;
    Queue->Polled = Adapter->Dump;
    Queue->CompletionsPerInterrupt = Adapter->Chosen.CompletionsPerInterrupt;
    PlaceMemory(Queue, Layout);

    Setup.Layout = RingLayout(Adapter);
    Setup.Size = Queue->Size;
    Setup.Use = Adapter->Limits.RingUse;
    SetUpFeatures(Queue, &Setup);
    Setup.Ring = Queue->Blocks.Shared.Base;
    Setup.RingAddress = Queue->Blocks.Shared.Address;
    Setup.Private = Queue->Blocks.Private;
    return VirtQueueInitialize(&Queue->Ring, &Setup);
}

/* What of queue 0's memory is not the queue's. */
static VOID PlaceCommonMemory(PADAPTER_EXTENSION Adapter, const QUEUE_LAYOUT *Layout)
{
    const SHARED_MEMORY *Shared = &Adapter->Queues[0].Blocks.Shared;

    Adapter->Identity = Shared->Base + Layout->IdentityOffset;
    Adapter->IdentityAddress = Shared->Address + Layout->IdentityOffset;
    if (Adapter->Limits.ScratchBytes != 0) {
        Adapter->Queues[0].Scratch.Base = Shared->Base + Layout->ScratchOffset;
        Adapter->Queues[0].Scratch.Address = Shared->Address + Layout->ScratchOffset;
    }
    Adapter->RangeLists = NULL;
    if (Adapter->Limits.RangeBytes != 0) {
        Adapter->RangeLists = (pblk_range)(Shared->Base + Layout->RangesOffset);
        Adapter->RangeListsAddress = Shared->Address + Layout->RangesOffset;
    }
}

BOOLEAN AdapterCreateQueues(PADAPTER_EXTENSION Adapter)
{
    ULONG Index;

    for (Index = 0; Index < Adapter->QueueCount; ++Index) {
        QUEUE_LAYOUT Layout;
        VIRTQUEUE_FAULT Fault;

        LayOutQueue(Adapter, Index, Adapter->Queues[Index].Blocks.LongTableCount, &Layout);
        Fault = CreateQueue(Adapter, (USHORT)Index, &Layout);
        if (Fault != VirtQueueFaultNone) {
            DebugPrint(DebugError, "queue %lu cannot be made: %s", Index,
                       VirtQueueFaultName(Fault));
            PortLogEvent(Adapter, NULL, VioEventLimitsUnusable, Adapter->RingSizes[Index]);
            return FALSE;
        }
        if (Index == 0) {
            PlaceCommonMemory(Adapter, &Layout);
        }
    }
    return TRUE;
}
