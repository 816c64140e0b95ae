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
 * Private memory: the VIO_QUEUE array, then for each queue the ring's private state, the table of
 * requests by ring id, and the stack of free long tables.
 */
#include "adapter_internal.h"

#include "port.h"
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
    ULONG PlacesOffset;
    ULONG FreeTablesOffset;
    ULONG PrivateBytes; /* to the next queue, cache line aligned */
} QUEUE_SIZES;

static VOID ComputeQueueSizes(const ADAPTER_EXTENSION *Adapter, ULONG RingSize, QUEUE_SIZES *Sizes)
{
    const ADAPTER_LIMITS *Limits = &Adapter->Limits;

    (VOID) VirtQueueMemorySize(RingLayout(Adapter), RingSize, &Sizes->Ring);
    Sizes->SlotsOffset = AdapterRoundUp(Sizes->Ring.RingBytes, CACHE_LINE_SIZE);
    Sizes->LongTablesOffset = Sizes->SlotsOffset + Limits->RingUse * (ULONG)sizeof(blk_req);
    Sizes->SharedBytes = Sizes->LongTablesOffset + Limits->LongTableCount * Limits->LongTableBytes;
    Sizes->PlacesOffset = AdapterRoundUp(Sizes->Ring.PrivateBytes, CACHE_LINE_SIZE);
    Sizes->FreeTablesOffset = Sizes->PlacesOffset + Limits->RingUse * (ULONG)sizeof(REQUEST_PLACE);
    Sizes->PrivateBytes = AdapterRoundUp(
        Sizes->FreeTablesOffset + Limits->LongTableCount * (ULONG)sizeof(USHORT), CACHE_LINE_SIZE);
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

/* Lays one queue out in its part of shared and private memory. */
static VIRTQUEUE_FAULT CreateQueue(PADAPTER_EXTENSION Adapter, USHORT Index,
                                   const QUEUE_SIZES *Sizes, ULONG SharedOffset, PUCHAR Private)
{
    PVIO_QUEUE Queue = &Adapter->Queues[Index];
    PUCHAR Shared = Adapter->Shared.Base + SharedOffset;
    const ULONGLONG Address = Adapter->Shared.Address + SharedOffset;
    VIRTQUEUE_SETUP Setup;
    VIRTQUEUE_FAULT Fault;
    ULONG Table;

    Queue->Adapter = Adapter;
    Queue->Index = Index;
    Queue->Size = Adapter->RingSizes[Index];
    Queue->State = QueueStopped;
    Queue->Vector = VIRTIO_MSI_NO_VECTOR;
    Queue->Polled = Adapter->Dump;
    Queue->Waiting.Head = NULL;
    Queue->Scratch.Base = NULL;
    Queue->Scratch.Owner = NULL;
    Queue->Memory.Slots = (pblk_req)(Shared + Sizes->SlotsOffset);
    Queue->Memory.SlotsAddress = Address + Sizes->SlotsOffset;
    Queue->Memory.LongTables = Shared + Sizes->LongTablesOffset;
    Queue->Memory.LongTablesAddress = Address + Sizes->LongTablesOffset;
    Queue->Memory.Places = (PREQUEST_PLACE)(Private + Sizes->PlacesOffset);
    Queue->ShortBytes = Adapter->IndirectDescriptors ? Adapter->Limits.SegmentBytes : 0;
    Queue->Memory.FreeLongTables = (PUSHORT)(Private + Sizes->FreeTablesOffset);
    Queue->FreeLongTableCount = Adapter->Limits.LongTableCount;
    for (Table = 0; Table < Queue->FreeLongTableCount; ++Table) {
        Queue->Memory.FreeLongTables[Table] = (USHORT)Table;
    }

    Setup.Layout = RingLayout(Adapter);
    Setup.Size = Queue->Size;
    Setup.Use = Adapter->Limits.RingUse;
    Setup.EventIndex = AdapterHasFeature(Adapter, VIRTIO_F_EVENT_IDX);
    Setup.InOrder = AdapterHasFeature(Adapter, VIRTIO_F_IN_ORDER);
    Setup.CheckUsedLength = Adapter->Device.Transport == VirtioPciTransportModern;
    Setup.Ring = Shared;
    Setup.RingAddress = Address;
    Setup.Private = Private;
    Fault = VirtQueueInitialize(&Queue->Ring, &Setup);
    Queue->OneSegmentBytes = VirtQueueIsSplit(&Queue->Ring) ? Queue->ShortBytes : 0;
    return Fault;
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
