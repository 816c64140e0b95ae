/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Split virtqueue, off the request path: its layout in memory, its first state, and what happens
 * to a queue whose device breaks the rules. virtio_ring_split.h has the rest.
 */
#include "virtio_ring.h"

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
    ULONG Alignment = Layout == VirtQueueLayoutLegacy ? VIRTQ_LEGACY_ALIGNMENT : 64;

    Parts->AvailOffset = Size * (ULONG)sizeof(VIRTQ_DESC);
    Parts->UsedEventOffset =
        Parts->AvailOffset + (ULONG)offsetof(VIRTQ_AVAIL, Ring) + Size * (ULONG)sizeof(USHORT);
    Parts->UsedOffset =
        (Parts->UsedEventOffset + (ULONG)sizeof(USHORT) + Alignment - 1) & ~(Alignment - 1);
    Parts->AvailEventOffset = Parts->UsedOffset + (ULONG)offsetof(VIRTQ_USED, Ring) +
                              Size * (ULONG)sizeof(VIRTQ_USED_ELEMENT);
    Parts->End =
        (Parts->AvailEventOffset + (ULONG)sizeof(USHORT) + Alignment - 1) & ~(Alignment - 1);
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

/* Sets ring memory to zero. By volatile stores, as a compiler would make memset of others. */
static VOID VirtSplitClear(PVOID Memory, ULONG Bytes)
{
    volatile ULONGLONG *Word = (volatile ULONGLONG *)Memory;
    volatile ULONGLONG *End = Word + Bytes / sizeof(*Word);

    while (Word < End) {
        *Word++ = 0;
    }
}

VOID VirtSplitInitialize(PVIRTQUEUE Queue)
{
    const VIRTQUEUE_SETUP *Setup = &Queue->Setup;
    VIRTQUEUE_SUBMIT *Submit = &Queue->Submit;
    VIRTQUEUE_COMPLETE *Complete = &Queue->Complete;
    PUCHAR Ring = (PUCHAR)Setup->Ring;
    VIRTQ_SPLIT_LAYOUT Parts;
    ULONG Id;

    VirtSplitLayout(Setup->Layout, Setup->Size, &Parts);
    VirtSplitClear(Ring, Parts.End);

    Submit->Descriptors = (PVIRTQ_DESC)Ring;
    Submit->Avail = (PVIRTQ_AVAIL)(Ring + Parts.AvailOffset);
    Submit->Ids = (PVIRTQUEUE_ID)Setup->Private;
    Submit->Mask = Setup->Size - 1;
    Submit->FreeHead = 0;
    Submit->FreeCount = Setup->Use != 0 ? Setup->Use : Setup->Size;
    Submit->AvailIndex = 0;
    Submit->KickedIndex = 0;
    Submit->EventIndex = Setup->EventIndex;

    Complete->Used = (PVIRTQ_USED)(Ring + Parts.UsedOffset);
    Complete->Ids = Submit->Ids;
    Complete->Mask = Submit->Mask;
    Complete->UsedIndex = 0;
    Complete->SeenIndex = 0;
    Complete->EventIndex = Setup->EventIndex;
    Complete->CheckUsedLength = Setup->CheckUsedLength;

    Submit->KickHint =
        Setup->EventIndex ? (PUSHORT)(Ring + Parts.AvailEventOffset) : &Complete->Used->Flags;
    Complete->InterruptControl =
        Setup->EventIndex ? (PUSHORT)(Ring + Parts.UsedEventOffset) : &Submit->Avail->Flags;

    for (Id = 0; Id < Setup->Size; Id++) {
        Submit->Ids[Id].Next = (USHORT)(Id + 1); /* the last one's is never followed */
        Submit->Ids[Id].Count = 0;
        Submit->Ids[Id].UsedLimit = 0;
    }
}

VOID VirtSplitBreak(PVIRTQUEUE Queue, VIRTQUEUE_FAULT Fault, ULONG Value)
{
    /* Elements already seen are not taken any more: SeenIndex == UsedIndex leads every later
     * VirtSplitGetUsed to the look at Fault. */
    Queue->Complete.SeenIndex = Queue->Complete.UsedIndex;
    Queue->Complete.Fault = Fault;
    Queue->FaultValue = Value;
}

BOOLEAN VirtSplitJudgeLength(PVIRTQUEUE Queue, ULONG Id, PULONG Length)
{
    ULONG Limit = Queue->Complete.Ids[Id].UsedLimit;

    if (Limit == 0) {
        VirtSplitBreak(Queue, VirtQueueFaultNotPending, Id);
        return FALSE;
    }
    if (Queue->Complete.CheckUsedLength) {
        VirtSplitBreak(Queue, VirtQueueFaultUsedLength, *Length);
        return FALSE;
    }
    *Length = Limit - 1;
    return TRUE;
}
