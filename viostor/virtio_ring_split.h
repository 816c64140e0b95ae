/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Split virtqueue (specification 2.7) behind the interface of virtio_ring.h, which includes this
 * file and says what each operation means. Inline here is what a request passes through.
 *
 *     ring memory, shared with the device              private memory
 *     descriptors [Size]   written, never read         Ids [Size]: links, free list, which id is
 *     available ring       written, never read           outstanding and what it may return
 *     used ring            read once, checked
 *
 * A direct chain uses the descriptors that Ids links; an indirect one uses descriptor Id, which
 * names the caller's table. The id of a chain is the index of its first descriptor.
 *
 * In order (2.7.9) descriptors are used in the order of the ring, and come back in that order: the
 * links are those of the ring and never change.
 */
#ifndef VIRTIO_RING_SPLIT_H
#define VIRTIO_RING_SPLIT_H

#ifndef VIRTIO_RING_H
#error "include virtio_ring.h"
#endif

/* ---- Cold part, virtio_ring_split.c ---- */

/* Bytes of ring memory and its alignment for a valid Size; see VirtQueueMemorySize. */
VOID VirtSplitMemorySize(VIRTQUEUE_LAYOUT Layout, ULONG Size, PVIRTQUEUE_MEMORY Memory);

/* Lays the ring of an empty queue out in the memory of Queue->Setup, which was checked. The rest of the
 * queue is new already. */
VOID VirtSplitInitialize(PVIRTQUEUE Queue);

/* See VirtQueueGetAddresses. */
VOID VirtSplitGetAddresses(const VIRTQUEUE *Queue, PVIRTQ_ADDRESSES Addresses);

/* VirtQueueGetUsed of a queue in order. */
VIRTQUEUE_RESULT VirtSplitGetUsedInOrder(PVIRTQUEUE Queue, PULONG Id, PULONG Written);

/* The rest of VirtQueueGetUsed for a used id whose length is not below its limit. */
VIRTQUEUE_RESULT VirtSplitGetLong(PVIRTQUEUE Queue, ULONG UsedId, ULONG Length, PULONG Id,
                                  PULONG Written);

/* ---- Submission ---- */

FORCEINLINE ULONG VirtSplitOutstanding(const VIRTQUEUE *Queue)
{
    return (USHORT)(Queue->Submit.AvailIndex - Queue->Complete.UsedIndex);
}

/* See VirtQueueFreeDescriptors. */
FORCEINLINE ULONG VirtSplitFreeDescriptors(const VIRTQUEUE *Queue)
{
    return Queue->Submit.Plain ? Queue->Submit.Use - VirtSplitOutstanding(Queue)
                               : Queue->Submit.FreeCount;
}

FORCEINLINE ULONG VirtSplitReserve(PVIRTQUEUE Queue, ULONG Count)
{
    ULONG Id = Queue->Submit.FreeHead;
    ULONG Last = Id;
    ULONG Index;

    VIO_ASSERT(Count != 0);
    if (Count > VirtSplitFreeDescriptors(Queue)) {
        return VIRTQUEUE_FULL;
    }
    for (Index = 1; Index < Count; Index++) {
        Last = Queue->Submit.Ids[Last].Next;
    }
    Queue->Submit.FreeHead = Queue->Submit.Ids[Last].Next;
    Queue->Submit.FreeCount -= Count;
    Queue->Submit.Ids[Id].Count = (USHORT)Count;
    return Id;
}

/* Puts the descriptors of a chain in front of the free list. */
FORCEINLINE VOID VirtSplitFree(PVIRTQUEUE Queue, ULONG Id)
{
    PVIRTQUEUE_ID Ids = Queue->Submit.Ids;
    ULONG Count = Ids[Id].Count;
    ULONG Last = Id;
    ULONG Index;

    VIO_ASSERT(Count != 0);
    if (UNLIKELY(Count != 1)) {
        for (Index = 1; Index < Count; Index++) {
            Last = Ids[Last].Next;
        }
    }
    Ids[Last].Next = (USHORT)Queue->Submit.FreeHead;
    Queue->Submit.FreeHead = Id;
    Queue->Submit.FreeCount += Count;
}

FORCEINLINE VOID VirtSplitCancel(PVIRTQUEUE Queue, ULONG Id)
{
    VIO_ASSERT(Id <= Queue->Submit.Mask);
    VIO_ASSERT(Queue->Submit.Ids[Id].UsedLimit == 0);
    /* In order this leaves the links as they are, since Id was reserved last. */
    VirtSplitFree(Queue, Id);
}

/* Writes a segment's descriptor, Chain->Next being the one behind it already. */
FORCEINLINE VOID VirtSplitDescribe(PVIRTQUEUE_CHAIN Chain, PVIRTQ_DESC Descriptor,
                                   ULONGLONG Address, ULONG Length, BOOLEAN DeviceWrites)
{
    const USHORT Flags = DeviceWrites ? VIRTQ_DESC_F_WRITE : 0;

    Descriptor->Address = Address;
    Descriptor->Length = Length;
    Descriptor->Flags = Flags | VIRTQ_DESC_F_NEXT;
    Descriptor->Next = (USHORT)Chain->Next;
    Chain->Last = Descriptor;
    Chain->LastFlags = Flags;
}

FORCEINLINE VOID VirtSplitAppendIndirect(PVIRTQUEUE_CHAIN Chain, ULONGLONG Address, ULONG Length,
                                         BOOLEAN DeviceWrites)
{
    PVIRTQ_DESC Descriptor = &Chain->Table[Chain->Next];

    Chain->Next++;
    VirtSplitDescribe(Chain, Descriptor, Address, Length, DeviceWrites);
}

FORCEINLINE VOID VirtSplitAppendDirect(PVIRTQUEUE_CHAIN Chain, ULONGLONG Address, ULONG Length,
                                       BOOLEAN DeviceWrites)
{
    PVIRTQ_DESC Descriptor = &Chain->Table[Chain->Next];

    VIO_ASSERT(Chain->DirectCount < Chain->Queue->Submit.Ids[Chain->Id].Count);
    Chain->DirectCount++;
    Chain->Next = Chain->Queue->Submit.Ids[Chain->Next].Next;
    VirtSplitDescribe(Chain, Descriptor, Address, Length, DeviceWrites);
}

/* An entry of the caller's table in two stores. Tail: its flags, and the index of the next entry where
 * there is one (VirtQueueFirstTail, VirtQueueNextTail). */
FORCEINLINE VOID VirtSplitSetEntry(PVIRTQ_DESC Entry, ULONGLONG Address, ULONG Length,
                                   ULONGLONG Tail)
{
    const ULONGLONG Rest = Length | Tail;

    Entry->Address = Address;
    __builtin_memcpy((PUCHAR)Entry + offsetof(VIRTQ_DESC, Length), &Rest, sizeof(Rest));
}

/* The ring's descriptor of an id whose table stays where it is. */
FORCEINLINE VOID VirtSplitSetTable(PVIRTQUEUE Queue, ULONG Id, ULONGLONG TableAddress, ULONG Count)
{
    PVIRTQ_DESC Descriptor = &Queue->Submit.Descriptors[Id];

    Descriptor->Address = TableAddress;
    Descriptor->Length = Count * (ULONG)sizeof(VIRTQ_DESC);
    Descriptor->Flags = VIRTQ_DESC_F_INDIRECT;
}

/* Puts an id into the available ring and publishes it: what it names is written. */
FORCEINLINE VOID VirtSplitPublish(PVIRTQUEUE Queue, ULONG Id)
{
    VIRTQUEUE_SUBMIT *Submit = &Queue->Submit;
    PVIRTQ_AVAIL Avail = Submit->Avail;
    const USHORT Index = Submit->AvailIndex;

    Submit->AvailIndex = Index + 1;
    Avail->Ring[Index & Submit->Mask] = (USHORT)Id;
    VirtioStoreBarrier();
    VirtRingStore16(&Avail->Index, Index + 1);
}

/* Makes the chain of an id available whose descriptor is written. */
FORCEINLINE VOID VirtSplitCommitTable(PVIRTQUEUE Queue, ULONG Id, ULONG WritableBytes)
{
    Queue->Submit.Ids[Id].UsedLimit = WritableBytes + 1;
    VirtSplitPublish(Queue, Id);
}

FORCEINLINE VOID VirtSplitCommit(PVIRTQUEUE_CHAIN Chain)
{
    VIRTQUEUE_SUBMIT *Submit = &Chain->Queue->Submit;
    ULONG Id = Chain->Id;

    Chain->Last->Flags = Chain->LastFlags;
    if (LIKELY(Chain->Kind == VirtQueueChainSplitIndirect)) {
        Submit->Descriptors[Id].Address = Chain->TableAddress;
        Submit->Descriptors[Id].Length = Chain->Next * (ULONG)sizeof(VIRTQ_DESC);
        Submit->Descriptors[Id].Flags = VIRTQ_DESC_F_INDIRECT;
    }
    Submit->Ids[Id].UsedLimit = Chain->WritableBytes + 1;
    VirtSplitPublish(Chain->Queue, Id);
}

FORCEINLINE BOOLEAN VirtSplitKickNeeded(PVIRTQUEUE Queue)
{
    USHORT New = Queue->Submit.AvailIndex;
    USHORT Old = Queue->Submit.KickedIndex;
    USHORT Hint;

    if (New == Old) {
        return FALSE;
    }
    Queue->Submit.KickedIndex = New;
    /* The device writes its hint, then looks at the index; we wrote the index, now look at the
     * hint. With both loads behind both stores, one of us sees the other. */
    VirtioFullBarrier();
    Hint = VirtRingLoad16(Queue->Submit.KickHint);
    if (Queue->Submit.EventIndex) {
        /* Did the index pass the event, that is, is Old <= Hint < New modulo 2^16? (2.7.10) */
        return (USHORT)(New - Hint - 1) < (USHORT)(New - Old);
    }
    return (Hint & VIRTQ_USED_F_NO_NOTIFY) == 0;
}

/*
 * The plain way (VirtQueueIsPlain): submits one chain at a time, and takes back all that is there.
 * Chains of tables may be submitted as usual beside it; VirtQueueGetUsed is not for such a queue. Not for
 * a broken queue.
 *
 *     Id = VirtSplitNextFree(Queue)            an index that is no id (VIRTQUEUE_SETUP.Use): none is free
 *     VirtSplitSubmitOne(Queue, Id, ...)       reserves and commits it, the ring's descriptor being as it
 *                                              must be; TRUE: ring the doorbell
 *
 *     while (VirtSplitBeginTake(Queue, &Take) == VirtQueueElement) {
 *         do {
 *             State = VirtSplitLook(&Take, &Id, ...)   NULL: VirtSplitTakeOdd, and begin anew
 *             VirtSplitTake(&Take, Id, State)
 *         } while (VirtSplitHasMore(&Take));
 *         VirtSplitEndTake(Queue, &Take);
 *     }
 *     VirtSplitRearm(Queue)                    asks for an interrupt; TRUE: there is more already
 */
FORCEINLINE ULONG VirtSplitNextFree(const VIRTQUEUE *Queue)
{
    return Queue->Submit.FreeHead;
}

FORCEINLINE BOOLEAN VirtSplitSubmitOne(PVIRTQUEUE Queue, ULONG Id, PVOID Context,
                                       ULONG WritableBytes)
{
    VIRTQUEUE_SUBMIT *Submit = &Queue->Submit;
    ULONG Index = Submit->AvailIndex;
    const USHORT Next = (USHORT)(Index + 1);
    PVIRTQUEUE_ID State = &Submit->Ids[Id];
    PVIRTQ_AVAIL Avail;

    KEEP_COMPUTED(Index);
    KEEP_COMPUTED(State);
    VIO_ASSERT(Submit->Plain && Id == Submit->FreeHead && Id < Submit->Use);
    VIO_ASSERT(State->Count == 1 && State->UsedLimit == 0 && Submit->KickedIndex == Index);
    State->UsedLimit = WritableBytes + 1;
    State->Context = Context;
    Submit->FreeHead = State->Next;
    Submit->AvailIndex = Next;
    Submit->KickedIndex = Next;
    Avail = Submit->Avail;
    Avail->Ring[Index & Submit->Mask] = (USHORT)Id;
    VirtioStoreBarrier();
    VirtRingStore16(&Avail->Index, Next);
    VirtioFullBarrier(); /* as in VirtSplitKickNeeded, whose question this is for one chain */
    return VirtRingLoad16(Submit->KickHint) == Index;
}

/* ---- Completion ---- */

FORCEINLINE BOOLEAN VirtSplitPending(const VIRTQUEUE *Queue)
{
    return VirtRingLoad16(&Queue->Complete.Used->Index) != Queue->Complete.UsedIndex;
}

/* Looks how far the device is. VirtQueueElement: SeenIndex is ahead of UsedIndex. */
FORCEINLINE VIRTQUEUE_RESULT VirtSplitRefresh(PVIRTQUEUE Queue)
{
    VIRTQUEUE_COMPLETE *Complete = &Queue->Complete;
    USHORT Seen;

    if (Complete->Fault != VirtQueueFaultNone) {
        return VirtQueueBroken;
    }
    Seen = VirtRingLoad16(&Complete->Used->Index);
    if (Seen == Complete->UsedIndex) {
        return VirtQueueEmpty;
    }
    if ((USHORT)(Seen - Complete->UsedIndex) > VirtSplitOutstanding(Queue)) {
        VirtQueueBreak(Queue, VirtQueueFaultUsedIndex, Seen);
        return VirtQueueBroken;
    }
    VirtioLoadBarrier(); /* the index before the elements that it stands for */
    Complete->SeenIndex = Seen;
    return VirtQueueElement;
}

FORCEINLINE VIRTQUEUE_RESULT VirtSplitGetUsed(PVIRTQUEUE Queue, PULONG Id, PULONG Written)
{
    VIRTQUEUE_COMPLETE *Complete = &Queue->Complete;
    PVIRTQ_USED_ELEMENT Element;
    VIRTQUEUE_RESULT Result;
    ULONG UsedId;
    ULONG Length;

    if (Complete->UsedIndex == Complete->SeenIndex) {
        Result = VirtSplitRefresh(Queue);
        if (Result != VirtQueueElement) {
            return Result;
        }
    }
    Element = &Complete->Used->Ring[Complete->UsedIndex & Complete->Mask];
    UsedId = VirtRingLoad32(&Element->Id);
    Length = VirtRingLoad32(&Element->Length);
    if (UsedId > Complete->Mask) {
        VirtQueueBreak(Queue, VirtQueueFaultUsedId, UsedId);
        return VirtQueueBroken;
    }
    /* The limit of an id that is not outstanding is 0, so this catches that as well. */
    if (UNLIKELY(Length >= Complete->Ids[UsedId].UsedLimit)) {
        return VirtSplitGetLong(Queue, UsedId, Length, Id, Written);
    }
    Complete->Ids[UsedId].UsedLimit = 0;
    Complete->UsedIndex++;
    VirtSplitFree(Queue, UsedId);
    *Id = UsedId;
    *Written = Length;
    return VirtQueueElement;
}

/* How many elements there are to take, as it looks: a hint, without the lock. */
FORCEINLINE USHORT VirtSplitReady(const VIRTQUEUE *Queue)
{
    return (USHORT)(VirtRingLoad16(&Queue->Complete.Used->Index) - Queue->Complete.UsedIndex);
}

/* The plain way's state while it takes. Between Begin and End nothing else uses the queue. */
typedef struct _VIRTQ_SPLIT_TAKE {
    PVIRTQ_USED Used;
    PVIRTQUEUE_ID Ids;
    ULONG Mask;
    ULONG FreeHead; /* of the free list */
    ULONG Index;    /* next element to take, not reduced to 16 bits */
    ULONG End;      /* behind the last one that is there */
} VIRTQ_SPLIT_TAKE;

FORCEINLINE VIRTQUEUE_RESULT VirtSplitBeginTake(PVIRTQUEUE Queue, VIRTQ_SPLIT_TAKE *Take)
{
    const VIRTQUEUE_COMPLETE *Complete = &Queue->Complete;
    PVIRTQ_USED Used = Complete->Used;
    const USHORT UsedIndex = Complete->UsedIndex;
    const USHORT Seen = VirtRingLoad16(&Used->Index);
    const USHORT Ready = (USHORT)(Seen - UsedIndex);

    if (Ready == 0) {
        return VirtQueueEmpty;
    }
    if (UNLIKELY(Ready > VirtSplitOutstanding(Queue))) {
        VirtQueueBreak(Queue, VirtQueueFaultUsedIndex, Seen);
        return VirtQueueBroken;
    }
    VirtioLoadBarrier(); /* the index before the elements that it stands for */
    Take->Used = Used;
    Take->Ids = Complete->Ids;
    Take->Mask = Complete->Mask;
    Take->FreeHead = Queue->Submit.FreeHead;
    Take->Index = UsedIndex;
    Take->End = (ULONG)UsedIndex + Ready;
    return VirtQueueElement;
}

FORCEINLINE BOOLEAN VirtSplitHasMore(const VIRTQ_SPLIT_TAKE *Take)
{
    return Take->Index != Take->End;
}

/* Makes what was taken known to the queue. */
FORCEINLINE VOID VirtSplitEndTake(PVIRTQUEUE Queue, const VIRTQ_SPLIT_TAKE *Take)
{
    Queue->Submit.FreeHead = Take->FreeHead;
    Queue->Complete.UsedIndex = (USHORT)Take->Index;
}

/*
 * A used element that is not as it should be, with Take at it: judges it, and ends the taking. TRUE: it
 * is only too long; it has been taken. FALSE: the queue is broken.
 */
BOOLEAN VirtSplitTakeOdd(PVIRTQUEUE Queue, const VIRTQ_SPLIT_TAKE *Take, ULONG Id);

/* Looks at the next element. Not NULL: it may be taken. NULL: it is odd. */
FORCEINLINE PVIRTQUEUE_ID VirtSplitLook(const VIRTQ_SPLIT_TAKE *Take, PULONG Id, PULONG Length)
{
    const VIRTQ_USED_ELEMENT *Element = &Take->Used->Ring[Take->Index & Take->Mask];
    PVIRTQUEUE_ID State;

    *Id = VirtRingLoad32(&Element->Id);
    *Length = VirtRingLoad32(&Element->Length);
    State = &Take->Ids[*Id];
    KEEP_COMPUTED(State);
    /* The limit of an id that is not outstanding is 0, so this catches that as well. */
    return LIKELY(*Id <= Take->Mask && *Length < State->UsedLimit) ? State : NULL;
}

/* Takes it; State is what VirtSplitLook has found. Its id is free then, as after VirtQueueGetUsed. */
FORCEINLINE VOID VirtSplitTake(VIRTQ_SPLIT_TAKE *Take, ULONG Id, PVIRTQUEUE_ID State)
{
    VIO_ASSERT(State == &Take->Ids[Id] && State->Count == 1);
    State->UsedLimit = 0;
    State->Next = (USHORT)Take->FreeHead;
    Take->FreeHead = Id;
    Take->Index++;
}

FORCEINLINE BOOLEAN VirtSplitRearm(PVIRTQUEUE Queue)
{
    VIRTQUEUE_COMPLETE *Complete = &Queue->Complete;
    const USHORT UsedIndex = Complete->UsedIndex;

    VirtRingStore16(Complete->InterruptControl, UsedIndex);
    VirtioFullBarrier(); /* as in VirtSplitEnableInterrupts */
    return VirtRingLoad16(&Complete->Used->Index) != UsedIndex;
}

/* ---- Interrupts ---- */

FORCEINLINE VOID VirtSplitDisableInterrupts(PVIRTQUEUE Queue)
{
    /* With event index the flag must stay 0 (2.7.7): name an element that is never reached, as the
     * device cannot be more than 32768 elements ahead. */
    VirtRingStore16(Queue->Complete.InterruptControl, Queue->Complete.EventIndex
                                                          ? (USHORT)(Queue->Complete.UsedIndex - 1)
                                                          : VIRTQ_AVAIL_F_NO_INTERRUPT);
}

FORCEINLINE BOOLEAN VirtSplitEnableInterrupts(PVIRTQUEUE Queue, ULONG Elements)
{
    VIRTQUEUE_COMPLETE *Complete = &Queue->Complete;
    USHORT Wanted = 1;
    USHORT Seen;

    VIO_ASSERT(Elements != 0);
    if (Complete->Fault != VirtQueueFaultNone) {
        return FALSE;
    }
    if (Complete->EventIndex) {
        if (Elements > 1) {
            ULONG Outstanding = VirtSplitOutstanding(Queue);
            Wanted = (USHORT)(Elements < Outstanding ? Elements : Outstanding + !Outstanding);
        }
        VirtRingStore16(Complete->InterruptControl, (USHORT)(Complete->UsedIndex + Wanted - 1));
    } else {
        VirtRingStore16(Complete->InterruptControl, 0);
    }
    /* Our wish before the last look: the device writes its index, then looks at the wish. */
    VirtioFullBarrier();
    Seen = VirtRingLoad16(&Complete->Used->Index);
    return (USHORT)(Seen - Complete->UsedIndex) >= Wanted;
}

#endif /* VIRTIO_RING_SPLIT_H */
