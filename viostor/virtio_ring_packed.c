/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packed virtqueue, off the request path: its layout in memory and its first state; and taking back
 * what a device in order has used. virtio_ring_packed.h has the rest.
 */
#include "virtio_ring.h"

/* Both sides write in their own lines: the event structures take one each. */
#define PACKED_ALIGNMENT 64u

/* Where the event structures start, in bytes from the ring's beginning (2.8.10.1: 4-byte aligned).
 * The largest ring has half a MiB: no sum here overflows. */
static ULONG VirtPackedDriverEventOffset(ULONG Size)
{
    return (Size * (ULONG)sizeof(VIRTQ_PACKED_DESC) + PACKED_ALIGNMENT - 1) &
           ~(PACKED_ALIGNMENT - 1);
}

static ULONG VirtPackedDeviceEventOffset(ULONG Size)
{
    return VirtPackedDriverEventOffset(Size) + PACKED_ALIGNMENT;
}

VOID VirtPackedMemorySize(ULONG Size, PVIRTQUEUE_MEMORY Memory)
{
    Memory->RingBytes = VirtPackedDeviceEventOffset(Size) + PACKED_ALIGNMENT;
    Memory->RingAlignment = PACKED_ALIGNMENT;
    Memory->PrivateBytes = Size * (ULONG)sizeof(VIRTQUEUE_ID);
}

VOID VirtPackedGetAddresses(const VIRTQUEUE *Queue, PVIRTQ_ADDRESSES Addresses)
{
    const VIRTQUEUE_SETUP *Setup = &Queue->Setup;

    Addresses->Descriptors = Setup->RingAddress;
    Addresses->Available = Setup->RingAddress + VirtPackedDriverEventOffset(Setup->Size);
    Addresses->Used = Setup->RingAddress + VirtPackedDeviceEventOffset(Setup->Size);
}

VOID VirtPackedInitialize(PVIRTQUEUE Queue)
{
    const VIRTQUEUE_SETUP *Setup = &Queue->Setup;
    PUCHAR Ring = (PUCHAR)Setup->Ring;

    /* All zero: no descriptor is available or used (both wrap counters begin as 1), and each side
     * wants all notifications. */
    VirtQueueClearRing(Ring, VirtPackedDeviceEventOffset(Setup->Size) + PACKED_ALIGNMENT);
    Queue->Submit.PackedDescriptors = (PVIRTQ_PACKED_DESC)Ring;
    Queue->Submit.Avail = NULL;
    Queue->Submit.DeviceEvent = (PULONG)(Ring + VirtPackedDeviceEventOffset(Setup->Size));
    Queue->Complete.PackedDescriptors = (PVIRTQ_PACKED_DESC)Ring;
    Queue->Complete.DriverEvent = (PULONG)(Ring + VirtPackedDriverEventOffset(Setup->Size));
}

VIRTQUEUE_RESULT VirtPackedGetLong(PVIRTQUEUE Queue, ULONG UsedId, ULONG Length, PULONG Id,
                                   PULONG Written)
{
    const VIRTQUEUE_RESULT Result = VirtQueueJudgeLength(Queue, UsedId);

    if (Result == VirtQueueLongElement) {
        VirtPackedTake(Queue, UsedId);
        *Id = UsedId;
        *Written = Length;
    }
    return Result;
}

VIRTQUEUE_RESULT VirtPackedGetUsedInOrder(PVIRTQUEUE Queue, PULONG Id, PULONG Written)
{
    VIRTQUEUE_COMPLETE *Complete = &Queue->Complete;
    VIRTQUEUE_RESULT Result;

    if (Complete->Fault != VirtQueueFaultNone) {
        return VirtQueueBroken;
    }
    if (Complete->BatchEnd == VIRTQUEUE_NONE) {
        PVIRTQ_PACKED_DESC Descriptor =
            &Complete->PackedDescriptors[Complete->UsedIndex & Complete->Mask];
        const USHORT Flags = VirtRingLoad16(&Descriptor->Flags);
        ULONG Length;
        ULONG UsedId;

        if (!VirtPackedIsUsed(Complete->Mask, Complete->UsedIndex, Flags)) {
            return VirtQueueEmpty;
        }
        VirtioLoadBarrier(); /* the flags before what they stand for */
        UsedId = VirtPackedReadUsed(Descriptor, Flags, &Length);
        if (!VirtQueueBeginBatch(Queue, UsedId, Length)) {
            return VirtQueueBroken;
        }
    }
    Result = VirtQueueTakeFromBatch(Queue, Id, Written);
    /* The device skips as many descriptors as the batch has; the next used one is behind them. */
    Complete->UsedIndex = (USHORT)(Complete->UsedIndex + Complete->Ids[*Id].Count);
    Complete->Taken++;
    return Result;
}
