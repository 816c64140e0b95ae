/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Split virtqueue, off the request path: its layout in memory and its first state; and taking back
 * what a device in order has used. virtio_ring_split.h has the rest.
 */
#include "virtio_ring.h"

/* Of the used part of a split ring, where the specification asks for 4 (2.7), and of a ring's end. */
#define VIRTQ_ALIGNMENT 64u

/* Where the parts of a ring start, in bytes from its beginning, and where it ends (2.7, 2.7.2). */
typedef struct _VIRTQ_SPLIT_LAYOUT {
    ULONG AvailOffset;
    ULONG UsedEventOffset; /* last word of the available part */
    ULONG UsedOffset;
    ULONG AvailEventOffset; /* last word of the used part */
    ULONG End;
    ULONG Alignment;
} VIRTQ_SPLIT_LAYOUT;

/* The largest ring (32768 descriptors) has less than 1 MiB: no sum here overflows. */
static VOID VirtSplitLayout(VIRTQUEUE_LAYOUT Layout, ULONG Size, VIRTQ_SPLIT_LAYOUT *Parts)
{
    ULONG Alignment = Layout == VirtQueueLayoutLegacy ? VIRTQ_LEGACY_ALIGNMENT : VIRTQ_ALIGNMENT;

    Parts->AvailOffset = Size * (ULONG)sizeof(VIRTQ_DESC);
    Parts->UsedEventOffset =
        Parts->AvailOffset + (ULONG)offsetof(VIRTQ_AVAIL, Ring) + Size * (ULONG)sizeof(USHORT);
    Parts->UsedOffset =
        (Parts->UsedEventOffset + (ULONG)sizeof(USHORT) + Alignment - 1) & ~(Alignment - 1);
    Parts->AvailEventOffset = Parts->UsedOffset + (ULONG)offsetof(VIRTQ_USED, Ring) +
                              Size * (ULONG)sizeof(VIRTQ_USED_ELEMENT);
    /* The used part of a legacy ring need not fill its last page: nobody looks beyond its end. */
    Parts->End = (Parts->AvailEventOffset + (ULONG)sizeof(USHORT) + VIRTQ_ALIGNMENT - 1) &
                 ~(VIRTQ_ALIGNMENT - 1);
    Parts->Alignment = Alignment;
}

VOID VirtSplitMemorySize(VIRTQUEUE_LAYOUT Layout, ULONG Size, PVIRTQUEUE_MEMORY Memory)
{
    VIRTQ_SPLIT_LAYOUT Parts;

    VirtSplitLayout(Layout, Size, &Parts);
    Memory->RingBytes = Parts.End;
    Memory->RingAlignment = Parts.Alignment;
    Memory->PrivateBytes = Size * (ULONG)sizeof(VIRTQUEUE_ID);
}

VOID VirtSplitGetAddresses(const VIRTQUEUE *Queue, PVIRTQ_ADDRESSES Addresses)
{
    VIRTQ_SPLIT_LAYOUT Parts;

    VirtSplitLayout(Queue->Setup.Layout, Queue->Setup.Size, &Parts);
    Addresses->Descriptors = Queue->Setup.RingAddress;
    Addresses->Available = Queue->Setup.RingAddress + Parts.AvailOffset;
    Addresses->Used = Queue->Setup.RingAddress + Parts.UsedOffset;
}

VOID VirtSplitInitialize(PVIRTQUEUE Queue)
{
    const VIRTQUEUE_SETUP *Setup = &Queue->Setup;
    VIRTQUEUE_SUBMIT *Submit = &Queue->Submit;
    VIRTQUEUE_COMPLETE *Complete = &Queue->Complete;
    PUCHAR Ring = (PUCHAR)Setup->Ring;
    VIRTQ_SPLIT_LAYOUT Parts;

    VirtSplitLayout(Setup->Layout, Setup->Size, &Parts);
    VirtQueueClearRing(Ring, Parts.End);

    Submit->Descriptors = (PVIRTQ_DESC)Ring;
    Submit->Avail = (PVIRTQ_AVAIL)(Ring + Parts.AvailOffset);
    Complete->Used = (PVIRTQ_USED)(Ring + Parts.UsedOffset);
    Submit->KickHint =
        Setup->EventIndex ? (PUSHORT)(Ring + Parts.AvailEventOffset) : &Complete->Used->Flags;
    Complete->InterruptControl =
        Setup->EventIndex ? (PUSHORT)(Ring + Parts.UsedEventOffset) : &Submit->Avail->Flags;
}

VIRTQUEUE_RESULT VirtSplitGetLong(PVIRTQUEUE Queue, ULONG UsedId, ULONG Length, PULONG Id,
                                  PULONG Written)
{
    const VIRTQUEUE_RESULT Result = VirtQueueJudgeLength(Queue, UsedId);

    if (Result == VirtQueueLongElement) {
        Queue->Complete.Ids[UsedId].UsedLimit = 0;
        Queue->Complete.UsedIndex++;
        VirtSplitFree(Queue, UsedId);
        *Id = UsedId;
        *Written = Length;
    }
    return Result;
}

BOOLEAN VirtSplitTakeOdd(PVIRTQUEUE Queue, const VIRTQ_SPLIT_TAKE *Take, ULONG Id)
{
    VIRTQ_SPLIT_TAKE Odd = *Take;

    VirtSplitEndTake(Queue, &Odd);
    if (Id > Queue->Complete.Mask) {
        VirtQueueBreak(Queue, VirtQueueFaultUsedId, Id);
        return FALSE;
    }
    if (VirtQueueJudgeLength(Queue, Id) == VirtQueueBroken) {
        return FALSE;
    }
    VirtSplitTake(&Odd, Id, &Odd.Ids[Id]);
    VirtSplitEndTake(Queue, &Odd);
    return TRUE;
}

VIRTQUEUE_RESULT VirtSplitGetUsedInOrder(PVIRTQUEUE Queue, PULONG Id, PULONG Written)
{
    VIRTQUEUE_COMPLETE *Complete = &Queue->Complete;

    if (Complete->UsedIndex == Complete->SeenIndex) {
        VIRTQUEUE_RESULT Result;

        if (Complete->BatchEnd != VIRTQUEUE_NONE) {
            /* The index stands for less than the batch that the last element named. */
            VirtQueueBreak(Queue, VirtQueueFaultUsedIndex, Complete->SeenIndex);
            return VirtQueueBroken;
        }
        Result = VirtSplitRefresh(Queue);
        if (Result != VirtQueueElement) {
            return Result;
        }
    }
    if (Complete->BatchEnd == VIRTQUEUE_NONE) {
        PVIRTQ_USED_ELEMENT Element = &Complete->Used->Ring[Complete->UsedIndex & Complete->Mask];
        const ULONG UsedId = VirtRingLoad32(&Element->Id);

        if (!VirtQueueBeginBatch(Queue, UsedId, VirtRingLoad32(&Element->Length))) {
            return VirtQueueBroken;
        }
    }
    Complete->UsedIndex++;
    return VirtQueueTakeFromBatch(Queue, Id, Written);
}
