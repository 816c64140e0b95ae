/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packed virtqueue (specification 2.8) behind the interface of virtio_ring.h, which includes this
 * file and says what each operation means. Inline here is what a request passes through.
 *
 *     ring memory, shared with the device                       private memory
 *     descriptors [Size]      written; used ones read once,     Ids [Size]: free list, which id is
 *                             checked                             outstanding, how many descriptors
 *     driver event structure  written, never read                 it has, what it may return
 *     device event structure  read, a hint
 *
 * Both sides go round one ring of descriptors. The driver makes a chain available by its
 * descriptors' flags; the device uses a chain by overwriting descriptors in the same order, from the
 * first one that it has not overwritten yet, and skipping as many as the chain has. Which lap a
 * descriptor is of tells its wrap counter, which changes at each end of the ring.
 *
 * A place is a free running 16-bit index here, as in a split ring: its low bits are the offset, and
 * bit `Size`, which changes at each end of the ring, is the wrap counter inverted (that begins as 1).
 *
 * An id is a buffer id. It is apart from places in the ring, as the device may use chains in any
 * order; in order it is the offset of the chain's first descriptor, as in a split ring.
 */
#ifndef VIRTIO_RING_PACKED_H
#define VIRTIO_RING_PACKED_H

#ifndef VIRTIO_RING_H
#error "include virtio_ring.h"
#endif

/* ---- Cold part, virtio_ring_packed.c ---- */

/* Bytes of ring memory and its alignment for a valid Size; see VirtQueueMemorySize. */
VOID VirtPackedMemorySize(ULONG Size, PVIRTQUEUE_MEMORY Memory);

/* Lays the ring of an empty queue out in the memory of Queue->Setup, which was checked. The rest of the
 * queue is new already. */
VOID VirtPackedInitialize(PVIRTQUEUE Queue);

/* See VirtQueueGetAddresses. */
VOID VirtPackedGetAddresses(const VIRTQUEUE *Queue, PVIRTQ_ADDRESSES Addresses);

/* VirtQueueGetUsed of a queue in order. */
VIRTQUEUE_RESULT VirtPackedGetUsedInOrder(PVIRTQUEUE Queue, PULONG Id, PULONG Written);

/* The rest of VirtQueueGetUsed for a used id whose length is not below its limit. */
VIRTQUEUE_RESULT VirtPackedGetLong(PVIRTQUEUE Queue, ULONG UsedId, ULONG Length, PULONG Id,
                                   PULONG Written);

/* ---- Places ---- */

/* The wrap counter of a place, 0 or 1. */
FORCEINLINE ULONG VirtPackedWrap(ULONG Mask, USHORT Index)
{
    return (Index & (Mask + 1)) == 0;
}

/* A place as event structures and doorbells say it: its offset, and the wrap counter in bit 15. */
FORCEINLINE USHORT VirtPackedPlace(ULONG Mask, USHORT Index)
{
    return (USHORT)((Index & Mask) | VirtPackedWrap(Mask, Index) << 15);
}

/* The flags that make a descriptor at this place available. */
FORCEINLINE USHORT VirtPackedAvailFlags(ULONG Mask, USHORT Index)
{
    return VirtPackedWrap(Mask, Index) ? VIRTQ_PACKED_F_AVAIL : VIRTQ_PACKED_F_USED;
}

/* Whether flags are those of a used descriptor at this place. */
FORCEINLINE BOOLEAN VirtPackedIsUsed(ULONG Mask, USHORT Index, USHORT Flags)
{
    const USHORT Used =
        VirtPackedWrap(Mask, Index) ? VIRTQ_PACKED_F_AVAIL | VIRTQ_PACKED_F_USED : 0;

    return (Flags & (VIRTQ_PACKED_F_AVAIL | VIRTQ_PACKED_F_USED)) == Used;
}

/* ---- Submission ---- */

FORCEINLINE ULONG VirtPackedOutstanding(const VIRTQUEUE *Queue)
{
    return (USHORT)(Queue->Submit.Committed - Queue->Complete.Taken);
}

FORCEINLINE ULONG VirtPackedReserve(PVIRTQUEUE Queue, ULONG Count)
{
    VIRTQUEUE_SUBMIT *Submit = &Queue->Submit;
    const ULONG Id = Submit->FreeHead;

    VIO_ASSERT(Count != 0);
    if (Count > Submit->FreeCount) {
        return VIRTQUEUE_FULL;
    }
    /* Each id that is taken has a descriptor at least, so there is a free one. */
    Submit->FreeHead =
        Submit->Mode == VirtQueueModePacked ? Submit->Ids[Id].Next : (Id + Count) & Submit->Mask;
    Submit->FreeCount -= Count;
    Submit->Ids[Id].Count = (USHORT)Count;
    return Id;
}

FORCEINLINE VOID VirtPackedCancel(PVIRTQUEUE Queue, ULONG Id)
{
    VIRTQUEUE_SUBMIT *Submit = &Queue->Submit;

    VIO_ASSERT(Id <= Submit->Mask);
    VIO_ASSERT(Submit->Ids[Id].UsedLimit == 0);
    if (Submit->Mode == VirtQueueModePacked) {
        Submit->Ids[Id].Next = (USHORT)Submit->FreeHead;
    }
    Submit->FreeHead = Id; /* in order: it was reserved last */
    Submit->FreeCount += Submit->Ids[Id].Count;
}

FORCEINLINE VOID VirtPackedAppendIndirect(PVIRTQUEUE_CHAIN Chain, ULONGLONG Address, ULONG Length,
                                          BOOLEAN DeviceWrites)
{
    PVIRTQ_PACKED_DESC Descriptor = &Chain->PackedTable[Chain->Next];

    /* They follow each other; there is no NEXT (2.8.7). */
    Descriptor->Address = Address;
    Descriptor->Length = Length;
    Descriptor->Id = 0;
    Descriptor->Flags = DeviceWrites ? VIRTQ_DESC_F_WRITE : 0;
    Chain->PackedLast = Descriptor;
    Chain->Next++;
}

/*
 * The flags of the first descriptor, which make the whole chain available, are kept for the commit.
 * The others may say that they are available: the device does not look behind an unavailable one.
 */
FORCEINLINE VOID VirtPackedAppendDirect(PVIRTQUEUE_CHAIN Chain, ULONGLONG Address, ULONG Length,
                                        BOOLEAN DeviceWrites)
{
    const ULONG Mask = Chain->Queue->Submit.Mask;
    PVIRTQ_PACKED_DESC Descriptor = &Chain->PackedTable[Chain->Next & Mask];
    const USHORT Flags =
        VirtPackedAvailFlags(Mask, (USHORT)Chain->Next) | (DeviceWrites ? VIRTQ_DESC_F_WRITE : 0);

    VIO_ASSERT(Chain->DirectCount < Chain->Queue->Submit.Ids[Chain->Id].Count);
    Descriptor->Address = Address;
    Descriptor->Length = Length;
    Descriptor->Id = (USHORT)Chain->Id;
    if (Chain->DirectCount == 0) {
        Chain->FirstFlags = Flags | VIRTQ_DESC_F_NEXT;
    } else {
        Descriptor->Flags = Flags | VIRTQ_DESC_F_NEXT;
    }
    Chain->PackedLast = Descriptor;
    Chain->LastFlags = Flags;
    Chain->DirectCount++;
    Chain->Next++;
}

/* An entry of the caller's table in two stores. Tail: its flags. */
FORCEINLINE VOID VirtPackedSetEntry(PVIRTQ_PACKED_DESC Entry, ULONGLONG Address, ULONG Length,
                                    ULONGLONG Tail)
{
    const ULONGLONG Rest = Length | Tail;

    Entry->Address = Address;
    __builtin_memcpy((PUCHAR)Entry + offsetof(VIRTQ_PACKED_DESC, Length), &Rest, sizeof(Rest));
}

/* Makes the table of an id available. */
FORCEINLINE VOID VirtPackedCommitTable(PVIRTQUEUE Queue, ULONG Id, ULONGLONG TableAddress,
                                       ULONG Count, ULONG WritableBytes)
{
    VIRTQUEUE_SUBMIT *Submit = &Queue->Submit;
    PVIRTQ_PACKED_DESC First = &Submit->PackedDescriptors[Submit->AvailIndex & Submit->Mask];

    First->Address = TableAddress;
    First->Length = Count * (ULONG)sizeof(VIRTQ_PACKED_DESC);
    First->Id = (USHORT)Id;
    Submit->Ids[Id].UsedLimit = WritableBytes + 1;
    /* The whole chain before the flags that make it available (2.8.13). */
    VirtioStoreBarrier();
    VirtRingStore16(&First->Flags,
                    VirtPackedAvailFlags(Submit->Mask, Submit->AvailIndex) | VIRTQ_DESC_F_INDIRECT);
    Submit->AvailIndex++;
    Submit->Committed++;
}

/* Gives back what was reserved for a chain and is not used by it. */
FORCEINLINE VOID VirtPackedTrim(PVIRTQUEUE Queue, ULONG Id, ULONG Count)
{
    VIRTQUEUE_SUBMIT *Submit = &Queue->Submit;

    if (UNLIKELY(Submit->Ids[Id].Count != Count)) {
        VIO_ASSERT(Submit->Ids[Id].Count > Count);
        Submit->FreeCount += Submit->Ids[Id].Count - Count;
        Submit->Ids[Id].Count = (USHORT)Count;
        if (Submit->Mode == VirtQueueModePackedInOrder) {
            Submit->FreeHead = (Id + Count) & Submit->Mask;
        }
    }
}

FORCEINLINE VOID VirtPackedCommit(PVIRTQUEUE_CHAIN Chain)
{
    VIRTQUEUE_SUBMIT *Submit = &Chain->Queue->Submit;
    PVIRTQ_PACKED_DESC First = &Submit->PackedDescriptors[Submit->AvailIndex & Submit->Mask];
    ULONG Count = 1;
    USHORT Flags;

    if (LIKELY(Chain->Kind == VirtQueueChainPackedIndirect)) {
        First->Address = Chain->TableAddress;
        First->Length = Chain->Next * (ULONG)sizeof(VIRTQ_PACKED_DESC);
        First->Id = (USHORT)Chain->Id;
        Flags = VirtPackedAvailFlags(Submit->Mask, Submit->AvailIndex) | VIRTQ_DESC_F_INDIRECT;
    } else if (Chain->DirectCount == 1) {
        Flags = Chain->LastFlags;
    } else {
        Count = Chain->DirectCount;
        Chain->PackedLast->Flags = Chain->LastFlags;
        Flags = Chain->FirstFlags;
    }
    VirtPackedTrim(Chain->Queue, Chain->Id, Count);
    Submit->Ids[Chain->Id].UsedLimit = Chain->WritableBytes + 1;
    /* The whole chain before the flags that make it available (2.8.13). */
    VirtioStoreBarrier();
    VirtRingStore16(&First->Flags, Flags);
    Submit->AvailIndex = (USHORT)(Submit->AvailIndex + Count);
    Submit->Committed++;
}

FORCEINLINE BOOLEAN VirtPackedKickNeeded(PVIRTQUEUE Queue)
{
    VIRTQUEUE_SUBMIT *Submit = &Queue->Submit;
    const USHORT New = Submit->AvailIndex;
    const USHORT Old = Submit->KickedIndex;
    ULONG Event;
    ULONG Behind;

    if (New == Old) {
        return FALSE;
    }
    Submit->KickedIndex = New;
    /* The device writes its event structure, then looks at the next descriptor; we wrote that
     * descriptor, now look at the structure. With both loads behind both stores, one of us sees the
     * other. */
    VirtioFullBarrier();
    Event = VirtRingLoad32(Submit->DeviceEvent);
    if ((Event & VIRTQ_PACKED_EVENT_FLAGS) != VIRTQ_PACKED_EVENT_DESC || !Submit->EventIndex) {
        return (Event & VIRTQ_PACKED_EVENT_FLAGS) != VIRTQ_PACKED_EVENT_DISABLE;
    }
    /* How far the event lies behind New: in the same lap, or in the one before. An offset that the
     * ring does not have, or any other nonsense, gives some answer, at the device's expense. */
    Behind = (New & Submit->Mask) - (Event & (VIRTQ_PACKED_EVENT_WRAP - 1));
    if (((Event & VIRTQ_PACKED_EVENT_WRAP) != 0) != VirtPackedWrap(Submit->Mask, New)) {
        Behind += Submit->Mask + 1;
    }
    /* Is it among what was committed since Old? */
    return (USHORT)(Behind - 1) < (USHORT)(New - Old);
}

/* ---- Completion ---- */

/* Whether the descriptor at this place is used, as it reads now. */
FORCEINLINE BOOLEAN VirtPackedLooksUsed(const VIRTQUEUE *Queue, USHORT Index)
{
    const VIRTQUEUE_COMPLETE *Complete = &Queue->Complete;
    const USHORT Flags = VirtRingLoad16(&Complete->PackedDescriptors[Index & Complete->Mask].Flags);

    return VirtPackedIsUsed(Complete->Mask, Index, Flags);
}

FORCEINLINE BOOLEAN VirtPackedPending(const VIRTQUEUE *Queue)
{
    return VirtPackedLooksUsed(Queue, Queue->Complete.UsedIndex) ||
           Queue->Complete.BatchEnd != VIRTQUEUE_NONE;
}

/* Reads the id and the length of a descriptor whose flags said that it is used. */
FORCEINLINE ULONG VirtPackedReadUsed(const VIRTQ_PACKED_DESC *Descriptor, USHORT Flags,
                                     PULONG Length)
{
    const ULONG Written = VirtRingLoad32(&Descriptor->Length);

    /* The length means nothing where the device says that it wrote nothing (2.8.14). */
    *Length = (Flags & VIRTQ_DESC_F_WRITE) != 0 ? Written : 0;
    return VirtRingLoad16(&Descriptor->Id);
}

/* An outstanding id is used: it is free from now on. */
FORCEINLINE VOID VirtPackedTake(PVIRTQUEUE Queue, ULONG Id)
{
    VIRTQUEUE_COMPLETE *Complete = &Queue->Complete;
    PVIRTQUEUE_ID State = &Complete->Ids[Id];

    State->UsedLimit = 0;
    State->Next = (USHORT)Queue->Submit.FreeHead;
    Queue->Submit.FreeHead = Id;
    Queue->Submit.FreeCount += State->Count;
    Complete->UsedIndex = (USHORT)(Complete->UsedIndex + State->Count);
    Complete->Taken++;
}

FORCEINLINE VIRTQUEUE_RESULT VirtPackedGetUsed(PVIRTQUEUE Queue, PULONG Id, PULONG Written)
{
    VIRTQUEUE_COMPLETE *Complete = &Queue->Complete;
    PVIRTQ_PACKED_DESC Descriptor =
        &Complete->PackedDescriptors[Complete->UsedIndex & Complete->Mask];
    PVIRTQUEUE_ID State;
    ULONG Length;
    ULONG UsedId;
    USHORT Flags;

    if (UNLIKELY(Complete->Fault != VirtQueueFaultNone)) {
        return VirtQueueBroken;
    }
    Flags = VirtRingLoad16(&Descriptor->Flags);
    if (!VirtPackedIsUsed(Complete->Mask, Complete->UsedIndex, Flags)) {
        return VirtQueueEmpty;
    }
    VirtioLoadBarrier(); /* the flags before what they stand for */
    UsedId = VirtPackedReadUsed(Descriptor, Flags, &Length);
    if (UNLIKELY(UsedId > Complete->Mask)) {
        VirtQueueBreak(Queue, VirtQueueFaultUsedId, UsedId);
        return VirtQueueBroken;
    }
    State = &Complete->Ids[UsedId];
    /* The limit of an id that is not outstanding is 0, so this catches that as well. */
    if (UNLIKELY(Length >= State->UsedLimit)) {
        return VirtPackedGetLong(Queue, UsedId, Length, Id, Written);
    }
    VirtPackedTake(Queue, UsedId);
    *Id = UsedId;
    *Written = Length;
    return VirtQueueElement;
}

/* ---- Interrupts ---- */

FORCEINLINE VOID VirtPackedDisableInterrupts(PVIRTQUEUE Queue)
{
    VirtRingStore32(Queue->Complete.DriverEvent, VIRTQ_PACKED_EVENT_DISABLE);
}

/* How many used descriptors from UsedIndex on hold Elements more requests, if that is known. */
FORCEINLINE USHORT VirtPackedDescriptorsOf(const VIRTQUEUE *Queue, ULONG Elements)
{
    const ULONG Outstanding = VirtPackedOutstanding(Queue);
    const ULONG Descriptors = (USHORT)(Queue->Submit.AvailIndex - Queue->Complete.UsedIndex);

    if (Elements == 1 || Outstanding == 0 || Outstanding != Descriptors ||
        Queue->Complete.Mode == VirtQueueModePackedInOrder) {
        return 1;
    }
    return (USHORT)(Elements < Outstanding ? Elements : Outstanding);
}

FORCEINLINE BOOLEAN VirtPackedEnableInterrupts(PVIRTQUEUE Queue, ULONG Elements)
{
    VIRTQUEUE_COMPLETE *Complete = &Queue->Complete;
    USHORT Last = Complete->UsedIndex; /* the descriptor whose use wants an interrupt */
    ULONG Event = VIRTQ_PACKED_EVENT_ENABLE;

    VIO_ASSERT(Elements != 0);
    if (Complete->Fault != VirtQueueFaultNone) {
        return FALSE;
    }
    if (Complete->EventIndex) {
        Last = (USHORT)(Last + VirtPackedDescriptorsOf(Queue, Elements) - 1);
        Event = VIRTQ_PACKED_EVENT_DESC | VirtPackedPlace(Complete->Mask, Last);
    }
    VirtRingStore32(Complete->DriverEvent, Event);
    /* Our wish before the last look: the device uses a descriptor, then looks at the wish. */
    VirtioFullBarrier();
    return VirtPackedLooksUsed(Queue, Last) || Complete->BatchEnd != VIRTQUEUE_NONE;
}

#endif /* VIRTIO_RING_PACKED_H */
