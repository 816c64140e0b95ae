/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Virtqueue: hands chains of buffers to the device and takes back what it has used.
 *
 * Theory of operation
 *   A request reserves an id (0..Use-1). Until the device has used the request, the id is its
 *   alone, so that a caller keeps one slot per id (header, status byte, descriptor table) and finds
 *   it again at completion by an array access, and the request itself by VirtQueueContext.
 *
 *       VirtQueueReserve ──> VirtQueueBeginIndirect / BeginDirect ──> VirtQueueAppend ...
 *            │                                                             │
 *            └── VirtQueueCancel                                    VirtQueueCommit
 *                                                                          │
 *         [the device works]  <── doorbell, if VirtQueueKickNeeded  <──────┘
 *                │
 *                └──> VirtQueueGetUsed: the id and the bytes written; the id is free again
 *
 *   States of an id: free -> reserved (Reserve) -> outstanding (Commit) -> free (GetUsed).
 *   Cancel takes reserved to free; VirtQueueReinitialize takes all of them to free.
 *
 * Trust
 *   The device may write ring memory at any time. The queue keeps all that it relies on (free list,
 *   links, indices, which ids are outstanding) in private memory, reads each value of the device
 *   once, and checks it. A value that cannot be true breaks the queue: VirtQueueGetUsed answers
 *   VirtQueueBroken from then on, until VirtQueueReinitialize. The used length alone decides nothing:
 *   one that is too long is only said (VirtQueueLongElement). Devices that are in use count the data
 *   into a write's (docs/devices.md), and Linux' virtio_blk never looks at it.
 *
 * Formats
 *   A ring is split (2.7) or packed (2.8), and the device may promise to use requests in the order in
 *   which they were committed (VIRTIO_F_IN_ORDER): VIRTQUEUE_MODE. Each operation tests the mode once.
 *   With IN_ORDER a device may tell of the last request of a batch only; the queue gives all of them
 *   back, one by one.
 *
 * Locking
 *   All functions of one queue are called under that queue's lock, except where the comment says
 *   otherwise (VirtQueueAppend, VirtQueueBeginIndirect, VirtQueuePending, those that only compute).
 *   A request passes from VirtQueueReserve to VirtQueueCommit or VirtQueueCancel before the next one
 *   is reserved, where the queue is packed or in order. All may be called at any IRQL. None
 *   allocates, waits, or calls out.
 *
 * This file is the interface; a ring format is a file pair behind it (virtio_ring_split.h, .c,
 * virtio_ring_packed.h, .c). A function here that is inline is on the request path.
 */
#ifndef VIRTIO_RING_H
#define VIRTIO_RING_H

#include "osdep.h"
#include "VirtIO.h"
#include "virtio_barrier.h"

/* VirtQueueReserve: not enough free descriptors. VirtQueueNextOutstanding: no more. */
#define VIRTQUEUE_FULL 0xffffffffu
#define VIRTQUEUE_NONE 0xffffffffu

/* Where the parts of the ring lie in the caller's memory. */
typedef enum _VIRTQUEUE_LAYOUT {
    VirtQueueLayoutLegacy, /* split; the used ring at the next multiple of 4096 bytes (2.7.2) */
    VirtQueueLayoutSplit,  /* split; the used ring at the next 64-byte line */
    VirtQueueLayoutPacked, /* packed; each event suppression structure in a line of its own */
} VIRTQUEUE_LAYOUT;

/* How a queue works: the format of its ring, and whether IN_ORDER is negotiated. Split before
 * packed, as VirtQueueModeIsSplit compares. */
typedef enum _VIRTQUEUE_MODE {
    VirtQueueModeSplit,
    VirtQueueModeSplitInOrder,
    VirtQueueModePacked,
    VirtQueueModePackedInOrder,
} VIRTQUEUE_MODE;

/* What VirtQueueGetUsed found. */
typedef enum _VIRTQUEUE_RESULT {
    VirtQueueEmpty,       /* nothing new */
    VirtQueueElement,     /* one request is back */
    VirtQueueLongElement, /* the same, with a used length beyond what the request can take */
    VirtQueueBroken,      /* the device broke the rules, see VIRTQUEUE.Fault: reset it */
} VIRTQUEUE_RESULT;

/* Why a queue could not be set up, or why it is broken. VirtQueueFaultName names them. */
typedef enum _VIRTQUEUE_FAULT {
    VirtQueueFaultNone,
    /* of VirtQueueInitialize; FaultValue is the value that was refused */
    VirtQueueFaultSize, /* size is 0, no power of two, or above 32768; or more than it is to be used,
                           or, in order, less */
    VirtQueueFaultAlignment, /* ring memory is not aligned as its layout asks */
    VirtQueueFaultAddress,   /* ring memory ends beyond the 64-bit address space */
    /* of VirtQueueGetUsed; FaultValue is what the device wrote */
    VirtQueueFaultUsedIndex, /* used index is ahead of what is outstanding, or of a batch in order */
    VirtQueueFaultUsedId,    /* used id is not below the queue's size */
    VirtQueueFaultNotPending, /* used id is not outstanding (or was used twice) */
} VIRTQUEUE_FAULT;

/* What the caller gives VirtQueueInitialize; kept for VirtQueueReinitialize. */
typedef struct _VIRTQUEUE_SETUP {
    VIRTQUEUE_LAYOUT Layout;
    ULONG Size;         /* descriptors: a power of two, 1..32768; as the device said or less */
    ULONG Use;          /* descriptors that are used, the first ones: 1..Size; 0: all of them.
                                Ids are below it. In order: all */
    BOOLEAN EventIndex; /* VIRTIO_F_EVENT_IDX is negotiated */
    BOOLEAN InOrder;    /* VIRTIO_F_IN_ORDER is negotiated */
    BOOLEAN Single;     /* every chain takes one descriptor of the ring (tables of indirect ones),
                                and is committed or cancelled before the next one is reserved */
    PVOID Ring;         /* VIRTQUEUE_MEMORY.RingBytes, shared with the device */
    ULONGLONG RingAddress; /* device (bus) address of Ring, contiguous */
    PVOID Private;         /* VIRTQUEUE_MEMORY.PrivateBytes, 8-byte aligned, never seen by the
                                device */
} VIRTQUEUE_SETUP, *PVIRTQUEUE_SETUP;

/* Memory that a queue needs, in bytes. */
typedef struct _VIRTQUEUE_MEMORY {
    ULONG RingBytes;     /* shared with the device, contiguous for it */
    ULONG RingAlignment; /* of RingBytes, as an address of the device; a power of two */
    ULONG PrivateBytes;  /* non-paged, for the driver alone */
} VIRTQUEUE_MEMORY, *PVIRTQUEUE_MEMORY;

/* Private state of one id. Split: of one descriptor of the ring, too. */
typedef struct _VIRTQUEUE_ID {
    USHORT Next;     /* next descriptor of the chain, or next id of the free list */
    USHORT Count;    /* of the chain with this id: ring descriptors reserved for it */
    ULONG UsedLimit; /* of the chain with this id: writable bytes + 1; 0: not outstanding */
    PVOID Context;   /* the caller's, for the chain with this id */
} VIRTQUEUE_ID, *PVIRTQUEUE_ID;

/* What submission touches. */
typedef struct _VIRTQUEUE_SUBMIT {
    union {
        PVIRTQ_DESC Descriptors;
        PVIRTQ_PACKED_DESC PackedDescriptors;
    };
    PVIRTQ_AVAIL Avail; /* split */
    PVIRTQUEUE_ID Ids;
    union {                 /* in ring memory: what the device says about doorbells */
        PUSHORT KickHint;   /* split: avail_event, or the used ring's flags */
        PULONG DeviceEvent; /* packed */
    };
    ULONG Mask;     /* size - 1 */
    ULONG FreeHead; /* first free id, if FreeCount is not 0 */
    ULONG FreeCount;
    USHORT AvailIndex;  /* split: as last published. Packed: where the next chain begins; free
                           running, its bit `size` is the wrap counter inverted */
    USHORT KickedIndex; /* AvailIndex at the last VirtQueueKickNeeded */
    USHORT Committed;   /* packed: chains committed, free running */
    UCHAR Mode;         /* VIRTQUEUE_MODE */
    BOOLEAN EventIndex;
    BOOLEAN
    Plain;     /* VirtQueueIsPlain: FreeCount says nothing, FreeHead is Use where none is free */
    ULONG Use; /* of the setup */
} VIRTQUEUE_SUBMIT;

/* What completion touches. */
typedef struct _VIRTQUEUE_COMPLETE {
    union {
        PVIRTQ_USED Used;
        PVIRTQ_PACKED_DESC PackedDescriptors;
    };
    PVIRTQUEUE_ID Ids;
    union {                       /* in ring memory: what we say about interrupts */
        PUSHORT InterruptControl; /* split: used_event, or the available ring's flags */
        PULONG DriverEvent;       /* packed */
    };
    ULONG Mask;       /* size - 1 */
    USHORT UsedIndex; /* split: next element to take. Packed: where it will be, as AvailIndex */
    USHORT SeenIndex; /* split: the device's index when it was last read and found good */
    USHORT Taken;     /* packed: chains taken back, free running */
    UCHAR Mode;       /* VIRTQUEUE_MODE */
    BOOLEAN EventIndex;
    VIRTQUEUE_FAULT Fault;
    ULONG NextId;   /* in order: the oldest id that is outstanding, if one is */
    ULONG BatchEnd; /* in order: last id of the batch that is being given back, or VIRTQUEUE_NONE */
    ULONG BatchLength; /* in order: bytes that the device said of BatchEnd */
} VIRTQUEUE_COMPLETE;

/*
 * One virtqueue. Each half is a cache line of its own if the structure starts at one. A caller may
 * read Fault and FaultValue, and uses functions for everything else.
 */
typedef struct _VIRTQUEUE {
    union {
        VIRTQUEUE_SUBMIT Submit;
        UCHAR SubmitLine[64];
    };
    union {
        VIRTQUEUE_COMPLETE Complete;
        UCHAR CompleteLine[64];
    };
    ULONGLONG FaultValue; /* with Complete.Fault: see VIRTQUEUE_FAULT */
    VIRTQUEUE_SETUP Setup;
} VIRTQUEUE, *PVIRTQUEUE;

_Static_assert(sizeof(VIRTQUEUE_SUBMIT) <= 64, "the submit side fits one cache line");
_Static_assert(sizeof(VIRTQUEUE_COMPLETE) <= 64, "the completion side fits one cache line");

/* An entry of a table of indirect descriptors, of either ring. */
typedef union _VIRTQUEUE_ENTRY {
    VIRTQ_DESC Split;
    VIRTQ_PACKED_DESC Packed;
} VIRTQUEUE_ENTRY, *PVIRTQUEUE_ENTRY;

/* What the segments of a chain are written into. */
typedef enum _VIRTQUEUE_CHAIN_KIND {
    VirtQueueChainSplitIndirect, /* the caller's table */
    VirtQueueChainSplitDirect,   /* the ring's descriptors */
    VirtQueueChainPackedIndirect,
    VirtQueueChainPackedDirect,
} VIRTQUEUE_CHAIN_KIND;

/*
 * A chain of buffers while it is put together: a local variable of the caller, valid from a Begin
 * function to VirtQueueCommit. Its fields are for the functions of this file.
 */
typedef struct _VIRTQUEUE_CHAIN {
    PVIRTQUEUE Queue;
    ULONG Id;
    ULONG Next; /* index in Table of the descriptor that the next segment gets */
    union {     /* the ring's descriptors, or the caller's indirect table */
        PVIRTQ_DESC Table;
        PVIRTQ_PACKED_DESC PackedTable;
    };
    union { /* descriptor of the last segment; NULL while there is none */
        PVIRTQ_DESC Last;
        PVIRTQ_PACKED_DESC PackedLast;
    };
    ULONGLONG TableAddress; /* device address of an indirect table; unused for a direct chain */
    ULONG WritableBytes;
    ULONG DirectCount; /* segments of a direct chain */
    USHORT LastFlags;  /* flags of Last, if it stays the last one */
    USHORT FirstFlags; /* of the first of a packed direct chain, if it does not stay the last one */
    VIRTQUEUE_CHAIN_KIND Kind;
} VIRTQUEUE_CHAIN, *PVIRTQUEUE_CHAIN;

/*
 * Tells how much memory a queue of Size descriptors needs. FALSE: Size cannot be (0, no power of
 * two, above 32768), Memory is untouched. Any IRQL, no lock.
 */
BOOLEAN VirtQueueMemorySize(VIRTQUEUE_LAYOUT Layout, ULONG Size, PVIRTQUEUE_MEMORY Memory);

/*
 * Makes an empty queue in the caller's memory: ring cleared, all ids free, interrupts wanted from
 * the first used element on. The device must not know the ring yet. On a result other than
 * VirtQueueFaultNone (the setup kinds) the queue must not be used; Fault and FaultValue say why.
 */
VIRTQUEUE_FAULT VirtQueueInitialize(PVIRTQUEUE Queue, const VIRTQUEUE_SETUP *Setup);

/*
 * Makes the queue as new with the memory and parameters of its VirtQueueInitialize, which must
 * have succeeded. Only after the device was reset. Whatever was outstanding or reserved is
 * forgotten: take it by VirtQueueNextOutstanding before.
 */
VOID VirtQueueReinitialize(PVIRTQUEUE Queue);

/* Device addresses of the queue's parts, to be told to the device. */
VOID VirtQueueGetAddresses(const VIRTQUEUE *Queue, PVIRTQ_ADDRESSES Addresses);

/*
 * First outstanding id that is not below From, or VIRTQUEUE_NONE. Used at reset:
 * for (Id = VirtQueueNextOutstanding(Q, 0); Id != VIRTQUEUE_NONE;
 *      Id = VirtQueueNextOutstanding(Q, Id + 1))
 */
ULONG VirtQueueNextOutstanding(const VIRTQUEUE *Queue, ULONG From);

/* A few words for a fault, for the event log and the debug output. Never NULL. No lock. */
const char *VirtQueueFaultName(VIRTQUEUE_FAULT Fault);

/* ---- For the files of the formats ---- */

/* Marks the queue broken because the device wrote Value. */
VOID VirtQueueBreak(PVIRTQUEUE Queue, VIRTQUEUE_FAULT Fault, ULONG Value);

/*
 * Judges a used element whose length is not below the limit of its id. VirtQueueBroken: the id is not
 * outstanding. VirtQueueLongElement: it is.
 */
VIRTQUEUE_RESULT VirtQueueJudgeLength(PVIRTQUEUE Queue, ULONG Id);

/* In order: begins to give a batch back that ends with a used id, which is checked here, or breaks
 * the queue (FALSE). */
BOOLEAN VirtQueueBeginBatch(PVIRTQUEUE Queue, ULONG UsedId, ULONG Length);

/* In order: the next request of a batch that was begun; VirtQueueElement or VirtQueueLongElement. */
VIRTQUEUE_RESULT VirtQueueTakeFromBatch(PVIRTQUEUE Queue, PULONG Id, PULONG Written);

/* Sets ring memory to zero. */
VOID VirtQueueClearRing(PVOID Memory, ULONG Bytes);

/* Accesses to ring memory: exactly one load or store each. */
FORCEINLINE USHORT VirtRingLoad16(const USHORT *Address)
{
    return *(const volatile USHORT *)Address;
}

FORCEINLINE ULONG VirtRingLoad32(const ULONG *Address)
{
    return *(const volatile ULONG *)Address;
}

FORCEINLINE VOID VirtRingStore16(PUSHORT Address, USHORT Value)
{
    *(volatile USHORT *)Address = Value;
}

FORCEINLINE VOID VirtRingStore32(PULONG Address, ULONG Value)
{
    *(volatile ULONG *)Address = Value;
}

FORCEINLINE BOOLEAN VirtQueueModeIsSplit(UCHAR Mode)
{
    return LIKELY(Mode <= VirtQueueModeSplitInOrder);
}

#include "virtio_ring_split.h"
#include "virtio_ring_packed.h"

/* ---- The request path ---- */

/* Descriptors (and ids) that VirtQueueReserve can still give. */
FORCEINLINE ULONG VirtQueueFreeDescriptors(const VIRTQUEUE *Queue)
{
    return VirtSplitFreeDescriptors(Queue); /* of a packed one, too */
}

/* Requests that are committed and not yet taken back by VirtQueueGetUsed. */
FORCEINLINE ULONG VirtQueueOutstanding(const VIRTQUEUE *Queue)
{
    return VirtQueueModeIsSplit(Queue->Submit.Mode) ? VirtSplitOutstanding(Queue)
                                                    : VirtPackedOutstanding(Queue);
}

/*
 * Takes an id and RingDescriptorCount descriptors of the ring: 1 for an indirect chain, the number
 * of segments (at least 1) for a direct one. VIRTQUEUE_FULL if so many are not free.
 */
FORCEINLINE ULONG VirtQueueReserve(PVIRTQUEUE Queue, ULONG RingDescriptorCount)
{
    return VirtQueueModeIsSplit(Queue->Submit.Mode) ? VirtSplitReserve(Queue, RingDescriptorCount)
                                                    : VirtPackedReserve(Queue, RingDescriptorCount);
}

/* Gives a reserved id back that was not committed. The id given back last is reserved first. */
FORCEINLINE VOID VirtQueueCancel(PVIRTQUEUE Queue, ULONG Id)
{
    if (VirtQueueModeIsSplit(Queue->Submit.Mode)) {
        VirtSplitCancel(Queue, Id);
    } else {
        VirtPackedCancel(Queue, Id);
    }
}

/* Keeps a pointer of the caller's with a reserved id: VirtQueueContext gives it back until the id is
 * reserved again. */
FORCEINLINE VOID VirtQueueSetContext(PVIRTQUEUE Queue, ULONG Id, PVOID Context)
{
    Queue->Submit.Ids[Id].Context = Context;
}

FORCEINLINE PVOID VirtQueueContext(const VIRTQUEUE *Queue, ULONG Id)
{
    return Queue->Complete.Ids[Id].Context;
}

/* What the Begin functions share. */
FORCEINLINE VOID VirtQueueBegin(PVIRTQUEUE_CHAIN Chain, PVIRTQUEUE Queue, ULONG Id)
{
    VIO_ASSERT(Id <= Queue->Submit.Mask);
    VIO_ASSERT(Queue->Submit.Ids[Id].UsedLimit == 0);
    Chain->Queue = Queue;
    Chain->Id = Id;
    Chain->Last = NULL;
    Chain->WritableBytes = 0;
    Chain->DirectCount = 0;
    Chain->LastFlags = 0;
    Chain->FirstFlags = 0;
}

/*
 * Starts the chain of a reserved id whose segments go into the caller's table: at least as many
 * descriptors as segments will be appended, 16-byte aligned, contiguous at the device address
 * TableAddress. Only with VIRTIO_F_INDIRECT_DESC negotiated. Table and all that the chain names
 * stay valid until the id comes back or the device is reset. No lock.
 */
FORCEINLINE VOID VirtQueueBeginIndirect(PVIRTQUEUE_CHAIN Chain, PVIRTQUEUE Queue, ULONG Id,
                                        PVOID Table, ULONGLONG TableAddress)
{
    VirtQueueBegin(Chain, Queue, Id);
    Chain->Kind = VirtQueueModeIsSplit(Queue->Submit.Mode) ? VirtQueueChainSplitIndirect
                                                           : VirtQueueChainPackedIndirect;
    Chain->Next = 0;
    Chain->Table = (PVIRTQ_DESC)Table;
    Chain->TableAddress = TableAddress;
}

/*
 * Starts the chain of a reserved id whose segments go into the ring's own descriptors. No more
 * segments than were reserved may be appended; fewer are allowed.
 */
FORCEINLINE VOID VirtQueueBeginDirect(PVIRTQUEUE_CHAIN Chain, PVIRTQUEUE Queue, ULONG Id)
{
    const BOOLEAN Split = VirtQueueModeIsSplit(Queue->Submit.Mode);

    VirtQueueBegin(Chain, Queue, Id);
    Chain->Kind = Split ? VirtQueueChainSplitDirect : VirtQueueChainPackedDirect;
    Chain->Next = Split ? Id : Queue->Submit.AvailIndex;
    Chain->Table = Queue->Submit.Descriptors;
    Chain->TableAddress = 0;
}

/*
 * Adds a segment: Length bytes (not 0) at the device address Address, which the device writes
 * (DeviceWrites) or reads. Segments that it reads come before those that it writes (2.7.4.2). The
 * writable bytes of one chain stay below 4 GiB - 1. No lock.
 */
FORCEINLINE VOID VirtQueueAppend(PVIRTQUEUE_CHAIN Chain, ULONGLONG Address, ULONG Length,
                                 BOOLEAN DeviceWrites)
{
    VIO_ASSERT(Length != 0);
    VIO_ASSERT(DeviceWrites || Chain->WritableBytes == 0);
    if (LIKELY(Chain->Kind == VirtQueueChainSplitIndirect)) {
        VirtSplitAppendIndirect(Chain, Address, Length, DeviceWrites);
    } else if (Chain->Kind == VirtQueueChainPackedIndirect) {
        VirtPackedAppendIndirect(Chain, Address, Length, DeviceWrites);
    } else if (Chain->Kind == VirtQueueChainSplitDirect) {
        VirtSplitAppendDirect(Chain, Address, Length, DeviceWrites);
    } else {
        VirtPackedAppendDirect(Chain, Address, Length, DeviceWrites);
    }
    Chain->WritableBytes += DeviceWrites ? Length : 0;
}

/*
 * Makes a chain of at least one segment available: from here on the device may work on it, with or
 * without a doorbell. VirtQueueKickNeeded must follow, after this or after several commits.
 */
FORCEINLINE VOID VirtQueueCommit(PVIRTQUEUE_CHAIN Chain)
{
    VIO_ASSERT(Chain->Last != NULL);
    if (VirtQueueModeIsSplit(Chain->Queue->Submit.Mode)) {
        VirtSplitCommit(Chain);
    } else {
        VirtPackedCommit(Chain);
    }
}

/* Whether the ring is a split one. */
FORCEINLINE BOOLEAN VirtQueueIsSplit(const VIRTQUEUE *Queue)
{
    return VirtQueueModeIsSplit(Queue->Submit.Mode);
}

/*
 * The short way, for a request whose table of indirect descriptors the caller writes and keeps:
 *
 *     VirtQueueReserve(Queue, 1)
 *     VirtQueueSetEntry       for those entries that are not as they were left
 *     VirtQueueSetTable       if the table is another or has another number of entries than the last
 *                             one of this id
 *     VirtQueueCommitTable
 *
 * Split says which ring it is (VirtQueueIsSplit): asked once, a constant where it matters.
 *
 * An entry is 16 bytes: its address, and its length with a tail of flags above it. The tail of entry
 * Index: DeviceWrites, and Last where no other follows. Both rings' tables keep their entries in
 * order.
 */
FORCEINLINE ULONGLONG VirtQueueEntryTail(BOOLEAN Split, ULONG Index, BOOLEAN DeviceWrites,
                                         BOOLEAN Last)
{
    const ULONGLONG Flags = DeviceWrites ? VIRTQ_DESC_F_WRITE : 0;

    if (!Split) {
        return Flags << 48; /* no NEXT in a packed ring's (2.8.7); the id means nothing */
    }
    return Last ? Flags << 32 : (Flags | VIRTQ_DESC_F_NEXT) << 32 | (ULONGLONG)(Index + 1) << 48;
}

/* The tail of the entry behind one with this tail, if it is of the same kind. */
FORCEINLINE ULONGLONG VirtQueueNextTail(BOOLEAN Split, ULONGLONG Tail)
{
    return Split ? Tail + (1ull << 48) : Tail;
}

FORCEINLINE VOID VirtQueueSetEntry(BOOLEAN Split, PVIRTQUEUE_ENTRY Entry, ULONGLONG Address,
                                   ULONG Length, ULONGLONG Tail)
{
    VIO_ASSERT(Length != 0);
    if (Split) {
        VirtSplitSetEntry((PVIRTQ_DESC)Entry, Address, Length, Tail);
    } else {
        VirtPackedSetEntry((PVIRTQ_PACKED_DESC)Entry, Address, Length, Tail);
    }
}

/* The table of a reserved id: Count entries at the device address TableAddress. */
FORCEINLINE VOID VirtQueueSetTable(PVIRTQUEUE Queue, ULONG Id, ULONGLONG TableAddress, ULONG Count)
{
    if (VirtQueueIsSplit(Queue)) {
        VirtSplitSetTable(Queue, Id, TableAddress, Count);
    }
}

/*
 * Makes the chain of a reserved id available, WritableBytes of which the device may write. The table
 * is said once more for a packed ring, where it does not stay with the id. As VirtQueueCommit
 * otherwise.
 */
FORCEINLINE VOID VirtQueueCommitTable(BOOLEAN Split, PVIRTQUEUE Queue, ULONG Id,
                                      ULONGLONG TableAddress, ULONG Count, ULONG WritableBytes)
{
    VIO_ASSERT(Id <= Queue->Submit.Mask);
    VIO_ASSERT(Queue->Submit.Ids[Id].UsedLimit == 0);
    VIO_ASSERT(Queue->Submit.Ids[Id].Count == 1);
    if (Split) {
        VirtSplitCommitTable(Queue, Id, WritableBytes);
    } else {
        VirtPackedCommitTable(Queue, Id, TableAddress, Count, WritableBytes);
    }
}

/* Whether a device interrupts once for each time that it was asked to (VIRTIO_F_EVENT_IDX). */
FORCEINLINE BOOLEAN VirtQueueHasEventIndex(const VIRTQUEUE *Queue)
{
    return Queue->Complete.EventIndex;
}

/* The queue is a split one with event index, not in order, and Single: virtio_ring_split.h has a plain
 * way for it, which is the only one that it may be taken from then. */
FORCEINLINE BOOLEAN VirtQueueIsPlain(const VIRTQUEUE *Queue)
{
    return Queue->Submit.Plain;
}

/*
 * TRUE if the device wants a doorbell for what was committed since the last call; the caller then
 * rings it (at once or after releasing the lock, but surely). Contains the one full barrier of the
 * submit path, which also orders ring memory before the doorbell.
 */
FORCEINLINE BOOLEAN VirtQueueKickNeeded(PVIRTQUEUE Queue)
{
    return VirtQueueModeIsSplit(Queue->Submit.Mode) ? VirtSplitKickNeeded(Queue)
                                                    : VirtPackedKickNeeded(Queue);
}

/*
 * What a doorbell tells beside the queue with VIRTIO_F_NOTIFICATION_DATA (2.9): where the next chain
 * will be made available. Split: the available index; packed: offset, and wrap counter in bit 15.
 */
FORCEINLINE USHORT VirtQueueNotificationData(const VIRTQUEUE *Queue)
{
    return VirtQueueModeIsSplit(Queue->Submit.Mode)
               ? Queue->Submit.AvailIndex
               : VirtPackedPlace(Queue->Submit.Mask, Queue->Submit.AvailIndex);
}

/*
 * Takes back one used request. VirtQueueElement or VirtQueueLongElement: Id is its id, free from now
 * on (the caller's slot is good until the next VirtQueueReserve); Written is the number of bytes that
 * the device says it wrote: any number, and no proof. It need not have written the status byte last.
 * Otherwise Id and Written are untouched.
 */
FORCEINLINE VIRTQUEUE_RESULT VirtQueueGetUsed(PVIRTQUEUE Queue, PULONG Id, PULONG Written)
{
    switch (Queue->Complete.Mode) {
    case VirtQueueModeSplit:
        return VirtSplitGetUsed(Queue, Id, Written);
    case VirtQueueModePacked:
        return VirtPackedGetUsed(Queue, Id, Written);
    case VirtQueueModeSplitInOrder:
        return VirtSplitGetUsedInOrder(Queue, Id, Written);
    default:
        return VirtPackedGetUsedInOrder(Queue, Id, Written);
    }
}

/*
 * TRUE if the device has used something that VirtQueueGetUsed has not taken yet. A hint: it may be
 * called without the lock (an interrupt routine), and says nothing for a broken queue.
 */
FORCEINLINE BOOLEAN VirtQueuePending(const VIRTQUEUE *Queue)
{
    return VirtQueueModeIsSplit(Queue->Complete.Mode) ? VirtSplitPending(Queue)
                                                      : VirtPackedPending(Queue);
}

/*
 * Asks the device not to interrupt. A request only: one interrupt more may come. Under the queue's
 * lock like the rest, so not from an interrupt routine that does not take it.
 */
FORCEINLINE VOID VirtQueueDisableInterrupts(PVIRTQUEUE Queue)
{
    if (VirtQueueModeIsSplit(Queue->Complete.Mode)) {
        VirtSplitDisableInterrupts(Queue);
    } else {
        VirtPackedDisableInterrupts(Queue);
    }
}

/*
 * Asks for an interrupt once Elements more (at least 1) have been used, counted from what
 * VirtQueueGetUsed has taken: 1 asks for one right away. More than are outstanding counts as all
 * that are. It is always 1 without event index, and in a packed ring in order or with direct chains
 * of several segments. TRUE: so many are there already, no interrupt will come for them, go on with
 * VirtQueueGetUsed. FALSE: an interrupt will come (never for a broken queue, for which the answer is
 * FALSE as well).
 */
FORCEINLINE BOOLEAN VirtQueueEnableInterrupts(PVIRTQUEUE Queue, ULONG Elements)
{
    return VirtQueueModeIsSplit(Queue->Complete.Mode) ? VirtSplitEnableInterrupts(Queue, Elements)
                                                      : VirtPackedEnableInterrupts(Queue, Elements);
}

#endif /* VIRTIO_RING_H */
