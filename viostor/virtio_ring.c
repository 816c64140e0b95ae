/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Virtqueue: what all ring formats share off the request path. virtio_ring.h explains the whole.
 */
#include "virtio_ring.h"

static BOOLEAN VirtQueueSizeIsValid(ULONG Size)
{
    return Size != 0 && Size <= VIRTQ_SIZE_MAXIMUM && (Size & (Size - 1)) == 0;
}

BOOLEAN VirtQueueMemorySize(VIRTQUEUE_LAYOUT Layout, ULONG Size, PVIRTQUEUE_MEMORY Memory)
{
    if (!VirtQueueSizeIsValid(Size)) {
        return FALSE;
    }
    if (Layout == VirtQueueLayoutPacked) {
        VirtPackedMemorySize(Size, Memory);
    } else {
        VirtSplitMemorySize(Layout, Size, Memory);
    }
    return TRUE;
}

static VIRTQUEUE_FAULT VirtQueueRefuse(PVIRTQUEUE Queue, VIRTQUEUE_FAULT Fault, ULONGLONG Value)
{
    Queue->Complete.Fault = Fault;
    Queue->FaultValue = Value;
    return Fault;
}

VIRTQUEUE_FAULT VirtQueueInitialize(PVIRTQUEUE Queue, const VIRTQUEUE_SETUP *Setup)
{
    VIRTQUEUE_MEMORY Memory;
    ULONG Misaligned;

    Queue->Setup = *Setup;
    if (!VirtQueueMemorySize(Setup->Layout, Setup->Size, &Memory)) {
        return VirtQueueRefuse(Queue, VirtQueueFaultSize, Setup->Size);
    }
    if (Setup->Use > Setup->Size ||
        (Setup->InOrder && Setup->Use != 0 && Setup->Use != Setup->Size)) {
        return VirtQueueRefuse(Queue, VirtQueueFaultSize, Setup->Use);
    }
    /* The processor's address need not be a multiple of more than the fields ask for. */
    Misaligned = (ULONG)Setup->RingAddress & (Memory.RingAlignment - 1);
    if (Misaligned != 0) {
        return VirtQueueRefuse(Queue, VirtQueueFaultAlignment, Setup->RingAddress);
    }
    if (((ULONG_PTR)Setup->Ring & (sizeof(ULONGLONG) - 1)) != 0) {
        return VirtQueueRefuse(Queue, VirtQueueFaultAlignment, (ULONG_PTR)Setup->Ring);
    }
    if (Setup->RingAddress + Memory.RingBytes < Setup->RingAddress) {
        return VirtQueueRefuse(Queue, VirtQueueFaultAddress, Setup->RingAddress);
    }
    VirtQueueReinitialize(Queue);
    return VirtQueueFaultNone;
}

/* What does not depend on the format. */
static VOID VirtQueueInitializeCommon(PVIRTQUEUE Queue)
{
    const VIRTQUEUE_SETUP *Setup = &Queue->Setup;
    VIRTQUEUE_SUBMIT *Submit = &Queue->Submit;
    VIRTQUEUE_COMPLETE *Complete = &Queue->Complete;
    VIRTQUEUE_MODE Mode = VirtQueueModeSplit;

    if (Setup->Layout == VirtQueueLayoutPacked) {
        Mode = Setup->InOrder ? VirtQueueModePackedInOrder : VirtQueueModePacked;
    } else if (Setup->InOrder) {
        Mode = VirtQueueModeSplitInOrder;
    }

    Submit->Ids = (PVIRTQUEUE_ID)Setup->Private;
    Submit->Mask = Setup->Size - 1;
    Submit->FreeHead = 0;
    Submit->FreeCount = Setup->Use != 0 ? Setup->Use : Setup->Size;
    Submit->AvailIndex = 0;
    Submit->KickedIndex = 0;
    Submit->Committed = 0;
    Submit->Mode = (UCHAR)Mode;
    Submit->EventIndex = Setup->EventIndex;
    Submit->Plain = Mode == VirtQueueModeSplit && Setup->EventIndex && Setup->Single;
    Submit->Use = Submit->FreeCount;

    Complete->Ids = Submit->Ids;
    Complete->Mask = Submit->Mask;
    Complete->UsedIndex = 0;
    Complete->SeenIndex = 0;
    Complete->Taken = 0;
    Complete->Mode = (UCHAR)Mode;
    Complete->EventIndex = Setup->EventIndex;
    Complete->Fault = VirtQueueFaultNone;
    Complete->NextId = 0;
    Complete->BatchEnd = VIRTQUEUE_NONE;
    Queue->FaultValue = 0;
}

VOID VirtQueueReinitialize(PVIRTQUEUE Queue)
{
    ULONG Id;

    VirtQueueInitializeCommon(Queue);
    for (Id = 0; Id < Queue->Setup.Size; Id++) {
        /* The last one's is followed in order. Else that of Use ends the list. */
        Queue->Submit.Ids[Id].Next = (USHORT)(Id + 1);
        if (Queue->Setup.InOrder) {
            Queue->Submit.Ids[Id].Next &= Queue->Submit.Mask;
        }
        Queue->Submit.Ids[Id].Count = Queue->Submit.Plain;
        Queue->Submit.Ids[Id].UsedLimit = 0;
    }
    if (Queue->Setup.Layout == VirtQueueLayoutPacked) {
        VirtPackedInitialize(Queue);
    } else {
        VirtSplitInitialize(Queue);
    }
}

VOID VirtQueueGetAddresses(const VIRTQUEUE *Queue, PVIRTQ_ADDRESSES Addresses)
{
    if (Queue->Setup.Layout == VirtQueueLayoutPacked) {
        VirtPackedGetAddresses(Queue, Addresses);
    } else {
        VirtSplitGetAddresses(Queue, Addresses);
    }
}

/* By volatile stores, as a compiler would make memset of others. */
VOID VirtQueueClearRing(PVOID Memory, ULONG Bytes)
{
    volatile ULONGLONG *Word = (volatile ULONGLONG *)Memory;
    volatile ULONGLONG *End = Word + Bytes / sizeof(*Word);

    while (Word < End) {
        *Word++ = 0;
    }
}

VOID VirtQueueBreak(PVIRTQUEUE Queue, VIRTQUEUE_FAULT Fault, ULONG Value)
{
    /* Elements already seen are not taken any more: SeenIndex == UsedIndex leads every later
     * VirtSplitGetUsed to the look at Fault; in order that needs no batch to be under way. */
    Queue->Complete.SeenIndex = Queue->Complete.UsedIndex;
    Queue->Complete.BatchEnd = VIRTQUEUE_NONE;
    Queue->Complete.Fault = Fault;
    Queue->FaultValue = Value;
}

VIRTQUEUE_RESULT VirtQueueJudgeLength(PVIRTQUEUE Queue, ULONG Id)
{
    if (Queue->Complete.Ids[Id].UsedLimit == 0) {
        VirtQueueBreak(Queue, VirtQueueFaultNotPending, Id);
        return VirtQueueBroken;
    }
    return VirtQueueLongElement;
}

BOOLEAN VirtQueueBeginBatch(PVIRTQUEUE Queue, ULONG UsedId, ULONG Length)
{
    VIRTQUEUE_COMPLETE *Complete = &Queue->Complete;

    if (UsedId > Complete->Mask) {
        VirtQueueBreak(Queue, VirtQueueFaultUsedId, UsedId);
        return FALSE;
    }
    if (Complete->Ids[UsedId].UsedLimit == 0) {
        VirtQueueBreak(Queue, VirtQueueFaultNotPending, UsedId);
        return FALSE;
    }
    Complete->BatchEnd = UsedId;
    Complete->BatchLength = Length;
    return TRUE;
}

/*
 * The ids that are outstanding follow each other round the ring, from NextId to the one committed
 * last; BatchEnd is one of them, so that no walk from NextId to it leaves them.
 */
VIRTQUEUE_RESULT VirtQueueTakeFromBatch(PVIRTQUEUE Queue, PULONG Id, PULONG Written)
{
    VIRTQUEUE_COMPLETE *Complete = &Queue->Complete;
    VIRTQUEUE_RESULT Result = VirtQueueElement;
    const ULONG Taken = Complete->NextId;
    const ULONG Count = Complete->Ids[Taken].Count;

    VIO_ASSERT(Complete->Ids[Taken].UsedLimit != 0);
    if (Taken == Complete->BatchEnd) {
        *Written = Complete->BatchLength;
        Complete->BatchEnd = VIRTQUEUE_NONE;
        if (*Written >= Complete->Ids[Taken].UsedLimit) {
            Result = VirtQueueLongElement;
        }
    } else {
        /* Skipped by the device: it has used all of it (2.7.9, 2.8.8). */
        *Written = Complete->Ids[Taken].UsedLimit - 1;
    }
    Complete->Ids[Taken].UsedLimit = 0;
    Complete->NextId = (Taken + Count) & Complete->Mask;
    Queue->Submit.FreeCount += Count;
    *Id = Taken;
    return Result;
}

ULONG VirtQueueNextOutstanding(const VIRTQUEUE *Queue, ULONG From)
{
    ULONG Id;

    for (Id = From; Id < Queue->Setup.Size; Id++) {
        if (Queue->Complete.Ids[Id].UsedLimit != 0) {
            return Id;
        }
    }
    return VIRTQUEUE_NONE;
}

const char *VirtQueueFaultName(VIRTQUEUE_FAULT Fault)
{
    switch (Fault) {
    case VirtQueueFaultNone:
        return "no fault";
    case VirtQueueFaultSize:
        return "queue size is no power of two up to 32768";
    case VirtQueueFaultAlignment:
        return "queue memory is misaligned";
    case VirtQueueFaultAddress:
        return "queue memory ends beyond the address space";
    case VirtQueueFaultUsedIndex:
        return "device's used index is ahead of all requests";
    case VirtQueueFaultUsedId:
        return "device used an id beyond the queue's size";
    case VirtQueueFaultNotPending:
        return "device used an id that was not given to it";
    }
    return "unknown queue fault";
}
