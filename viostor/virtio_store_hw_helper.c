/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * "Hardware" routines: build a virtio-blk request, submit it, complete it.
 *
 * What the device sees of a read of two segments, with indirect descriptors:
 *
 *     ring           slot of ring id 5 (blk_req)           data of the SRB
 *   ┌──────┐       ┌──────────────────────────┐
 *   │  5 ──┼──────>│ table[0] ──> header      │  device reads
 *   └──────┘       │ table[1] ────────────────┼──> segment 0   device writes
 *                  │ table[2] ────────────────┼──> segment 1   device writes
 *                  │ table[3] ──> status      │  device writes
 *                  └──────────────────────────┘
 *
 * A request of more than REQUEST_SLOT_SEGMENTS segments takes a long table from its queue's pool
 * instead of the slot's own; without indirect descriptors the ring's descriptors are used.
 *
 * A command that takes several requests (RequestKindSequence) goes through all of this once for each
 * of its steps: when one has come back, scsi_sequence.c is asked for the next, which goes to the
 * front of the waiting list. Steps that read or write memory of the driver use queue 0's scratch
 * memory, which one command has at a time; the next that needs it waits like one that finds no room.
 * The range of DISCARD and WRITE_ZEROES lies in the slot, where the descriptor table has room left.
 *
 * A request that finds no room goes to the end of the queue's waiting list, and so does every later
 * one until the list is empty: the order of requests is kept. Each pass over completions sends what
 * fits. A waiting list is never left alone: it is not empty only while the ring holds requests (they
 * will complete) or while the queue is stopped (a reset will abandon it). Whoever has the scratch
 * memory is in the ring or at the front of the list.
 */
#include "virtio_store_hw_helper.h"

#include "port.h"
#include "virtio_store_utils.h"

/* What QueueTrySubmit answers. */
typedef enum _SUBMIT_RESULT {
    SubmitDone,   /* it is in the ring */
    SubmitNoRoom, /* descriptors, long tables or scratch memory are used up: try after the next
                     completion */
    SubmitEnded,  /* it will never be submitted (any more): Request->Result says why */
} SUBMIT_RESULT;

VOID RequestListAppend(PREQUEST_LIST List, PSRB_EXTENSION Request)
{
    Request->Next = NULL;
    if (List->Head == NULL) {
        List->Head = Request;
    } else {
        List->Tail->Next = Request;
    }
    List->Tail = Request;
}

VOID RequestListConcat(PREQUEST_LIST List, PREQUEST_LIST Source)
{
    if (Source->Head == NULL) {
        return;
    }
    if (List->Head == NULL) {
        List->Head = Source->Head;
    } else {
        List->Tail->Next = Source->Head;
    }
    List->Tail = Source->Tail;
    Source->Head = NULL;
}

static VOID RequestListPrepend(PREQUEST_LIST List, PSRB_EXTENSION Request)
{
    Request->Next = List->Head;
    if (List->Head == NULL) {
        List->Tail = Request;
    }
    List->Head = Request;
}

static VOID FinishRequest(PSRB_EXTENSION Request, REQUEST_RESULT Result, PREQUEST_LIST Finished)
{
    Request->State = RequestFinished;
    Request->Result = (UCHAR)Result;
    RequestListAppend(Finished, Request);
}

/* ---- Submission ---- */

static ULONG RequestType(DISK_OPERATION Operation)
{
    switch (Operation) {
    case DiskOperationRead:
        return VIRTIO_BLK_T_IN;
    case DiskOperationWrite:
        return VIRTIO_BLK_T_OUT;
    default:
        return VIRTIO_BLK_T_FLUSH;
    }
}

/* The same for a step of a sequence. */
static ULONG StepType(DISK_OPERATION Operation)
{
    switch (Operation) {
    case DiskOperationDiscard:
        return VIRTIO_BLK_T_DISCARD;
    case DiskOperationZero:
    case DiskOperationZeroUnmap:
        return VIRTIO_BLK_T_WRITE_ZEROES;
    case DiskOperationGetLifetime:
        return VIRTIO_BLK_T_GET_LIFETIME;
    default:
        return RequestType(Operation);
    }
}

/* Of RequestKindDevice. */
FORCEINLINE BOOLEAN RequestHasData(const SRB_EXTENSION *Request)
{
    return Request->Operation != DiskOperationFlush;
}

/*
 * Counts the segments that the device is given for a request, with those that are longer than it
 * takes split, as far as the request's Length goes. 0: the list is shorter than that, has an empty
 * segment, or needs more segments than were agreed.
 */
static ULONG CountSegments(const ADAPTER_LIMITS *Limits, const SRB_EXTENSION *Request)
{
    const PORT_SEGMENT_LIST *Segments = Request->Segments;
    ULONG Remaining = Request->Length;
    ULONG Count = 0;
    ULONG Index;

    if (UNLIKELY(Segments == NULL)) {
        return 0;
    }
    for (Index = 0; Index < Segments->NumberOfElements && Remaining != 0; ++Index) {
        ULONG Length = Segments->List[Index].Length;

        if (UNLIKELY(Length == 0)) {
            return 0;
        }
        if (Length > Remaining) {
            Length = Remaining;
        }
        Remaining -= Length;
        ++Count;
        if (UNLIKELY(Length > Limits->SegmentBytes)) {
            Count += (Length - 1) / Limits->SegmentBytes;
        }
    }
    return Remaining == 0 && Count <= Limits->Segments ? Count : 0;
}

/* Appends the data of a request whose segments CountSegments has found good. */
static VOID AppendData(PVIRTQUEUE_CHAIN Chain, const ADAPTER_LIMITS *Limits,
                       const SRB_EXTENSION *Request)
{
    const BOOLEAN DeviceWrites = Request->Operation == DiskOperationRead;
    const PORT_SEGMENT *Element = Request->Segments->List;
    ULONG Remaining = Request->Length;

    for (; Remaining != 0; ++Element) {
        ULONGLONG Address = (ULONGLONG)Element->PhysicalAddress.QuadPart;
        ULONG Length = Element->Length < Remaining ? Element->Length : Remaining;

        Remaining -= Length;
        while (UNLIKELY(Length > Limits->SegmentBytes)) {
            VirtQueueAppend(Chain, Address, Limits->SegmentBytes, DeviceWrites);
            Address += Limits->SegmentBytes;
            Length -= Limits->SegmentBytes;
        }
        VirtQueueAppend(Chain, Address, Length, DeviceWrites);
    }
}

/* A request that carries a range of sectors instead of data. */
static BOOLEAN IsRange(UCHAR Operation)
{
    return Operation == DiskOperationDiscard || Operation == DiskOperationZero ||
           Operation == DiskOperationZeroUnmap;
}

/* Appends the first Length bytes of the scratch memory. */
static VOID AppendScratch(PVIO_QUEUE Queue, PVIRTQUEUE_CHAIN Chain, ULONG Length,
                          BOOLEAN DeviceWrites)
{
    const ULONG SegmentBytes = Queue->Adapter->Limits.SegmentBytes;
    ULONGLONG Address = Queue->Scratch.Address;

    while (Length != 0) {
        const ULONG Piece = min(Length, SegmentBytes);

        VirtQueueAppend(Chain, Address, Piece, DeviceWrites);
        Address += Piece;
        Length -= Piece;
    }
}

/* Appends what lies between header and status of a step of a sequence. Returns the header's sector:
 * 0 where the request is not a read or write. */
static ULONGLONG AppendStep(PVIO_QUEUE Queue, PVIRTQUEUE_CHAIN Chain, ULONG Id,
                            const SRB_EXTENSION *Request)
{
    const ULONGLONG SlotAddress = Queue->Memory.SlotsAddress + (ULONGLONG)Id * sizeof(blk_req);
    pblk_req Slot = &Queue->Memory.Slots[Id];

    if (IsRange(Request->Operation)) {
        Slot->range.sector = Request->Sector;
        Slot->range.num_sectors = Request->Length;
        Slot->range.flags =
            Request->Operation == DiskOperationZeroUnmap ? VIRTIO_BLK_RANGE_F_UNMAP : 0;
        VirtQueueAppend(Chain, SlotAddress + offsetof(blk_req, range), sizeof(blk_range), FALSE);
        return 0;
    }
    if (Request->StepData == StepDataCommand) {
        AppendData(Chain, &Queue->Adapter->Limits, Request);
        return Request->Sector;
    }
    if (Request->StepData == StepDataScratch) {
        AppendScratch(Queue, Chain, Request->Length, Request->Operation != DiskOperationWrite);
        return Request->Operation == DiskOperationGetLifetime ? 0 : Request->Sector;
    }
    return 0;
}

/* The same for all that is not a read, write or flush of its own; sets the header's type. */
DECLSPEC_NOINLINE static ULONGLONG AppendSpecial(PVIO_QUEUE Queue, PVIRTQUEUE_CHAIN Chain, ULONG Id,
                                                 const SRB_EXTENSION *Request)
{
    pblk_req Slot = &Queue->Memory.Slots[Id];

    if (Request->Kind == RequestKindIdentify) {
        Slot->header.type = VIRTIO_BLK_T_GET_ID;
        VirtQueueAppend(Chain, Queue->Adapter->IdentityAddress, DISK_SERIAL_LENGTH, TRUE);
        return 0;
    }
    Slot->header.type = StepType((DISK_OPERATION)Request->Operation);
    return AppendStep(Queue, Chain, Id, Request);
}

/* Fills the chain of a reserved id and makes it available. */
FORCEINLINE VOID CommitRequest(PVIO_QUEUE Queue, PVIRTQUEUE_CHAIN Chain, ULONG Id,
                               PSRB_EXTENSION Request)
{
    const ULONGLONG SlotAddress = Queue->Memory.SlotsAddress + (ULONGLONG)Id * sizeof(blk_req);
    pblk_req Slot = &Queue->Memory.Slots[Id];
    ULONGLONG Sector = 0;

    VirtQueueAppend(Chain, SlotAddress + offsetof(blk_req, header), sizeof(blk_outhdr), FALSE);
    if (UNLIKELY(Request->Kind != RequestKindDevice)) {
        Sector = AppendSpecial(Queue, Chain, Id, Request);
    } else {
        Slot->header.type = RequestType((DISK_OPERATION)Request->Operation);
        if (RequestHasData(Request)) {
            AppendData(Chain, &Queue->Adapter->Limits, Request);
            Sector = Request->Sector;
        }
    }
    VirtQueueAppend(Chain, SlotAddress + offsetof(blk_req, status), sizeof(Slot->status), TRUE);

    Slot->header.ioprio = 0;
    Slot->header.sector = Sector;
    Slot->status = REQUEST_STATUS_UNWRITTEN;

    Request->State = RequestSubmitted;
    Queue->Memory.Places[Id].Request = Request;
    Queue->Memory.Places[Id].Prepared = 0;
    VirtQueueCommit(Chain);
}

/* A table of descriptors for a request. */
typedef struct _REQUEST_TABLE {
    PVIRTQUEUE_ENTRY Entries;
    ULONGLONG Address; /* the device's */
    ULONG Room;        /* data segments that it takes */
} REQUEST_TABLE;

/* The slot's own table. */
FORCEINLINE VOID SlotTable(PVIO_QUEUE Queue, ULONG Id, REQUEST_TABLE *Table)
{
    Table->Entries = (PVIRTQUEUE_ENTRY)Queue->Memory.Slots[Id].table;
    Table->Address =
        Queue->Memory.SlotsAddress + (ULONGLONG)Id * sizeof(blk_req) + offsetof(blk_req, table);
    Table->Room = REQUEST_SLOT_SEGMENTS;
}

/* A table of the queue's pool. FALSE: none is free. */
static BOOLEAN TakeLongTable(PVIO_QUEUE Queue, PSRB_EXTENSION Request, REQUEST_TABLE *Table)
{
    const ADAPTER_LIMITS *Limits = &Queue->Adapter->Limits;
    USHORT Index;

    if (Queue->FreeLongTableCount == 0) {
        return FALSE;
    }
    Index = Queue->Memory.FreeLongTables[--Queue->FreeLongTableCount];
    Request->LongTable = Index;
    Request->Special |= RequestSpecialLongTable;
    Table->Entries =
        (PVIRTQUEUE_ENTRY)(Queue->Memory.LongTables + (SIZE_T)Index * Limits->LongTableBytes);
    Table->Address = Queue->Memory.LongTablesAddress + (ULONGLONG)Index * Limits->LongTableBytes;
    Table->Room = Limits->Segments;
    return TRUE;
}

/* Starts the chain of a request in the table that fits it. FALSE: no long table is free. */
FORCEINLINE BOOLEAN BeginChain(PVIO_QUEUE Queue, PVIRTQUEUE_CHAIN Chain, ULONG Id,
                               PSRB_EXTENSION Request, ULONG DataSegments)
{
    REQUEST_TABLE Table;

    if (UNLIKELY(!Queue->Adapter->IndirectDescriptors)) {
        VirtQueueBeginDirect(Chain, &Queue->Ring, Id);
        return TRUE;
    }
    if (LIKELY(DataSegments <= REQUEST_SLOT_SEGMENTS)) {
        SlotTable(Queue, Id, &Table);
    } else if (!TakeLongTable(Queue, Request, &Table)) {
        return FALSE;
    }
    VirtQueueBeginIndirect(Chain, &Queue->Ring, Id, Table.Entries, Table.Address);
    return TRUE;
}

/* ---- Sequences ---- */

static VOID ReleaseScratch(PVIO_QUEUE Queue, const SRB_EXTENSION *Request)
{
    if (Queue->Scratch.Owner == Request) {
        Queue->Scratch.Owner = NULL;
    }
}

/* The cache mode is a byte of the configuration, not a request. The queue works and its lock is held,
 * so no reset is under way. Returns a VIRTIO_BLK_S_... as the device would. */
static UCHAR WriteCacheMode(PADAPTER_EXTENSION Adapter, ULONG Mode)
{
    return VirtioPciWriteConfig8(&Adapter->Device, offsetof(blk_config, writeback), (UCHAR)Mode) ==
                   VirtioPciOk
               ? VIRTIO_BLK_S_OK
               : VIRTIO_BLK_S_IOERR;
}

/*
 * Goes on with a sequence whose step has ended with Status. TRUE: Request is its next step, to be
 * submitted. FALSE: it has ended, and Request->Result says so.
 */
DECLSPEC_NOINLINE static BOOLEAN AdvanceSequence(PVIO_QUEUE Queue, PSRB_EXTENSION Request,
                                                 UCHAR Status)
{
    PADAPTER_EXTENSION Adapter = Queue->Adapter;
    DISK_STEP Step;

    while (
        ScsiSequenceNext(&Adapter->Disk, &Request->Sequence, Status, Queue->Scratch.Base, &Step)) {
        if (Step.Operation != DiskOperationSetCache) {
            Request->Operation = Step.Operation;
            Request->StepData = Step.Data;
            Request->Sector = Step.Sector;
            Request->Length = Step.Length;
            Request->Segments = Step.Data == StepDataCommand ? Request->CommandSegments : NULL;
            return TRUE;
        }
        Status = WriteCacheMode(Adapter, Step.Length);
    }
    ReleaseScratch(Queue, Request);
    Request->Result = RequestResultSequence;
    return FALSE;
}

/* Before the first step of a sequence. */
static SUBMIT_RESULT BeginSequence(PVIO_QUEUE Queue, PSRB_EXTENSION Request)
{
    if (ScsiSequenceNeedsScratch(Request->Sequence.Kind)) {
        if (Queue->Scratch.Owner != NULL) {
            return SubmitNoRoom;
        }
        Queue->Scratch.Owner = Request;
    }
    return AdvanceSequence(Queue, Request, VIRTIO_BLK_S_OK) ? SubmitDone : SubmitEnded;
}

/* How many segments lie between header and status of a step. 0: none, or (of the command's data) a
 * list that is no good. */
static ULONG CountStepSegments(const ADAPTER_LIMITS *Limits, const SRB_EXTENSION *Request)
{
    switch (Request->StepData) {
    case StepDataCommand:
        return CountSegments(Limits, Request);
    case StepDataScratch:
        return (Request->Length - 1) / Limits->SegmentBytes + 1;
    default:
        return IsRange(Request->Operation) ? 1 : 0;
    }
}

/*
 * What QueueTrySubmit does before it submits all that is not a read, write or flush of its own.
 * SubmitDone: go on, with *DataSegments.
 */
DECLSPEC_NOINLINE static SUBMIT_RESULT PrepareSpecial(PVIO_QUEUE Queue, PSRB_EXTENSION Request,
                                                      PULONG DataSegments)
{
    if (Request->Kind == RequestKindIdentify) {
        *DataSegments = 1;
        return SubmitDone;
    }
    if (Request->Operation == DiskOperationNone) {
        const SUBMIT_RESULT Result = BeginSequence(Queue, Request);

        if (Result != SubmitDone) {
            return Result;
        }
    }
    *DataSegments = CountStepSegments(&Queue->Adapter->Limits, Request);
    if (*DataSegments == 0 && Request->StepData == StepDataCommand) {
        ReleaseScratch(Queue, Request);
        Request->Result = RequestResultBadData;
        return SubmitEnded;
    }
    return SubmitDone;
}

/* ---- Into the ring ---- */

/* Puts a request into the ring of a running queue, under its lock. */
static SUBMIT_RESULT QueueTrySubmit(PVIO_QUEUE Queue, PSRB_EXTENSION Request)
{
    PADAPTER_EXTENSION Adapter = Queue->Adapter;
    ULONG DataSegments = 0;
    VIRTQUEUE_CHAIN Chain;
    ULONG Id;

    if (UNLIKELY(Request->Kind != RequestKindDevice)) {
        const SUBMIT_RESULT Result = PrepareSpecial(Queue, Request, &DataSegments);

        if (Result != SubmitDone) {
            return Result;
        }
    } else if (RequestHasData(Request)) {
        DataSegments = CountSegments(&Adapter->Limits, Request);
        if (UNLIKELY(DataSegments == 0)) {
            Request->Result = RequestResultBadData;
            return SubmitEnded;
        }
    }
    Id = VirtQueueReserve(&Queue->Ring, Adapter->IndirectDescriptors ? 1 : DataSegments + 2);
    if (UNLIKELY(Id == VIRTQUEUE_FULL)) {
        return SubmitNoRoom;
    }
    if (UNLIKELY(!BeginChain(Queue, &Chain, Id, Request, DataSegments))) {
        VirtQueueCancel(&Queue->Ring, Id);
        return SubmitNoRoom;
    }
    CommitRequest(Queue, &Chain, Id, Request);
    return SubmitDone;
}

/* Gives the long table of a request back, if it has one. */
static VOID ReleaseLongTable(PVIO_QUEUE Queue, PSRB_EXTENSION Request)
{
    if (Request->Special & RequestSpecialLongTable) {
        Queue->Memory.FreeLongTables[Queue->FreeLongTableCount++] = Request->LongTable;
        Request->Special &= (UCHAR)~RequestSpecialLongTable;
    }
}

/*
 * Writes the data segments of a request into a table, from entry 1 on, as far as its Length goes.
 * Returns how many they are; 0: the list is shorter than that, or has a segment that is empty or
 * longer than the device takes, or the table is too small.
 */
FORCEINLINE ULONG FillTable(BOOLEAN Split, const REQUEST_TABLE *Table, const SRB_EXTENSION *Request,
                            ULONG SegmentBytes)
{
    const PORT_SEGMENT *Element = Request->Segments->List;
    const PORT_SEGMENT *const End = Element + min(Request->Segments->NumberOfElements, Table->Room);
    const BOOLEAN Read = Request->Operation == DiskOperationRead;
    ULONGLONG Tail = VirtQueueEntryTail(Split, 1, Read, FALSE);
    PVIRTQUEUE_ENTRY Entry = Table->Entries + 1;
    ULONG Remaining = Request->Length;

    for (; Element != End; ++Element, ++Entry) {
        const ULONGLONG Address = (ULONGLONG)Element->PhysicalAddress.QuadPart;
        const ULONG Length = Element->Length;

        if (UNLIKELY(Length - 1 >= SegmentBytes)) {
            return 0;
        }
        if (Length >= Remaining) {
            VirtQueueSetEntry(Split, Entry, Address, Remaining, Tail);
            return (ULONG)(Entry - Table->Entries);
        }
        VirtQueueSetEntry(Split, Entry, Address, Length, Tail);
        Tail = VirtQueueNextTail(Split, Tail);
        Remaining -= Length;
    }
    return 0;
}

/* Writes the rest of a table with so many data segments, header and status, and names it to the ring. */
DECLSPEC_NOINLINE static VOID FrameTable(PVIO_QUEUE Queue, ULONG Id, const REQUEST_TABLE *Table,
                                         ULONG Segments)
{
    const BOOLEAN Split = VirtQueueIsSplit(&Queue->Ring);
    const ULONGLONG SlotAddress = Queue->Memory.SlotsAddress + (ULONGLONG)Id * sizeof(blk_req);

    Queue->Memory.Slots[Id].header.ioprio = 0;
    VirtQueueSetEntry(Split, Table->Entries, SlotAddress + offsetof(blk_req, header),
                      sizeof(blk_outhdr), VirtQueueEntryTail(Split, 0, FALSE, FALSE));
    VirtQueueSetEntry(Split, Table->Entries + Segments + 1, SlotAddress + offsetof(blk_req, status),
                      sizeof(UCHAR), VirtQueueEntryTail(Split, Segments + 1, TRUE, TRUE));
    VirtQueueSetTable(&Queue->Ring, Id, Table->Address, Segments + 2);
}

/* The request's own part of its slot, and its way into the ring. */
FORCEINLINE VOID CommitTable(BOOLEAN Split, PVIO_QUEUE Queue, ULONG Id, PSRB_EXTENSION Request,
                             const REQUEST_TABLE *Table, ULONG Segments)
{
    const BOOLEAN Read = Request->Operation == DiskOperationRead;
    pblk_req Slot = &Queue->Memory.Slots[Id];

    Slot->header.type = Read ? VIRTIO_BLK_T_IN : VIRTIO_BLK_T_OUT;
    Slot->header.sector = Request->Sector;
    Slot->status = REQUEST_STATUS_UNWRITTEN;
    Queue->Memory.Places[Id].Request = Request;
    Request->State = RequestSubmitted;
    VirtQueueCommitTable(Split, &Queue->Ring, Id, Table->Address, Segments + 2,
                         (Read ? Request->Length : 0) + sizeof(Slot->status));
}

/* Submits a read or write by its slot's table. Only what differs from the last request of as many
 * segments is written. Results as of QueueTrySubmitTable. */
FORCEINLINE BOOLEAN TrySlotTable(BOOLEAN Split, PVIO_QUEUE Queue, PSRB_EXTENSION Request)
{
    REQUEST_TABLE Table;
    ULONG Segments;
    ULONG Id;

    if (UNLIKELY(VirtQueueFreeDescriptors(&Queue->Ring) == 0)) {
        return FALSE;
    }
    Id = Split ? VirtSplitReserve(&Queue->Ring, 1) : VirtPackedReserve(&Queue->Ring, 1);
    SlotTable(Queue, Id, &Table);
    Segments = FillTable(Split, &Table, Request, Queue->ShortBytes);
    if (Segments == 0) {
        Queue->Memory.Places[Id].Prepared = 0;
        VirtQueueCancel(&Queue->Ring, Id);
        return FALSE;
    }
    if (Queue->Memory.Places[Id].Prepared != Segments) {
        Queue->Memory.Places[Id].Prepared = Segments;
        FrameTable(Queue, Id, &Table, Segments);
    }
    CommitTable(Split, Queue, Id, Request, &Table, Segments);
    return TRUE;
}

/* Submits a read or write of many segments by a long table. Results as of QueueTrySubmitTable. */
FORCEINLINE BOOLEAN TryLongTable(BOOLEAN Split, PVIO_QUEUE Queue, PSRB_EXTENSION Request)
{
    REQUEST_TABLE Table;
    ULONG Segments;
    ULONG Id;

    if (VirtQueueFreeDescriptors(&Queue->Ring) == 0 || !TakeLongTable(Queue, Request, &Table)) {
        return FALSE;
    }
    Segments = FillTable(Split, &Table, Request, Queue->ShortBytes);
    if (Segments == 0) {
        ReleaseLongTable(Queue, Request);
        return FALSE;
    }
    Id = VirtQueueReserve(&Queue->Ring, 1);
    Queue->Memory.Places[Id].Prepared = 0;
    FrameTable(Queue, Id, &Table, Segments);
    CommitTable(Split, Queue, Id, Request, &Table, Segments);
    return TRUE;
}

/*
 * Puts a read or write into the ring of a running queue, its table written in one go. FALSE: it is
 * another request, or one that needs care, or there is no room; nothing has been done.
 */
DECLSPEC_NOINLINE static BOOLEAN QueueTrySubmitTable(PVIO_QUEUE Queue, PSRB_EXTENSION Request)
{
    const BOOLEAN Split = VirtQueueIsSplit(&Queue->Ring);

    if (Request->Segments == NULL || Queue->ShortBytes == 0) {
        return FALSE;
    }
    if (Request->Segments->NumberOfElements <= REQUEST_SLOT_SEGMENTS) {
        return Split ? TrySlotTable(TRUE, Queue, Request) : TrySlotTable(FALSE, Queue, Request);
    }
    return Split ? TryLongTable(TRUE, Queue, Request) : TryLongTable(FALSE, Queue, Request);
}

/*
 * The most usual case, compiled in: a split ring, data in one segment, and a slot whose last request
 * was such a one, so that little in its table differs. FALSE: it is another case, or there is no room.
 */
FORCEINLINE BOOLEAN QueueTrySubmitOne(PVIO_QUEUE Queue, PSRB_EXTENSION Request)
{
    const PORT_SEGMENT_LIST *Segments = Request->Segments;
    const BOOLEAN Read = Request->Operation == DiskOperationRead;
    const ULONG Length = Request->Length;
    PREQUEST_PLACE Place;
    pblk_req Slot;
    ULONG Id;

    if (UNLIKELY(Length > Queue->OneSegmentBytes || Segments == NULL ||
                 Segments->NumberOfElements == 0 || Segments->List[0].Length < Length ||
                 VirtQueueFreeDescriptors(&Queue->Ring) == 0)) {
        return FALSE;
    }
    Place = &Queue->Memory.Places[Queue->Ring.Submit.FreeHead];
    if (UNLIKELY(Place->Prepared != 1)) {
        return FALSE;
    }
    Id = VirtSplitReserve(&Queue->Ring, 1);
    Slot = &Queue->Memory.Slots[Id];
    Place->Request = Request;
    Request->State = RequestSubmitted;
    Slot->header.type = Read ? VIRTIO_BLK_T_IN : VIRTIO_BLK_T_OUT;
    Slot->header.sector = Request->Sector;
    Slot->status = REQUEST_STATUS_UNWRITTEN;
    VirtSplitSetEntry(&Slot->table[1], (ULONGLONG)Segments->List[0].PhysicalAddress.QuadPart,
                      Length, VirtQueueEntryTail(TRUE, 1, Read, FALSE));
    VirtSplitCommitTable(&Queue->Ring, Id, (Read ? Length : 0) + sizeof(Slot->status));
    return TRUE;
}

FORCEINLINE VOID QueueRingDoorbell(PVIO_QUEUE Queue)
{
    /* Under the lock: a doorbell must not reach a device that a reset has just stopped. */
    if (VirtQueueKickNeeded(&Queue->Ring)) {
        VirtioPciNotify(&Queue->Doorbell, VirtQueueNotificationData(&Queue->Ring));
    }
}

static VOID QueueKeepWaiting(PVIO_QUEUE Queue, PSRB_EXTENSION Request)
{
    Request->State = RequestWaiting;
    RequestListAppend(&Queue->Waiting, Request);
}

/* A request that comes to a running queue. TRUE: it is finished, with Request->Result. */
static BOOLEAN QueueStart(PVIO_QUEUE Queue, PSRB_EXTENSION Request)
{
    SUBMIT_RESULT Result = SubmitNoRoom;

    if (Queue->Waiting.Head == NULL) {
        Result = QueueTrySubmitTable(Queue, Request) ? SubmitDone : QueueTrySubmit(Queue, Request);
    }
    if (Result == SubmitDone) {
        QueueRingDoorbell(Queue);
    } else if (Result == SubmitNoRoom) {
        QueueKeepWaiting(Queue, Request);
    }
    return Result == SubmitEnded;
}

/* A request that does not go the short way. TRUE: it is finished, with Request->Result. */
DECLSPEC_NOINLINE static BOOLEAN QueueAcceptAny(PVIO_QUEUE Queue, PSRB_EXTENSION Request)
{
    switch (Queue->State) {
    case QueueRunning:
        return QueueStart(Queue, Request);
    case QueueClosed:
        Request->Result = RequestResultGone;
        return TRUE;
    default:
        QueueKeepWaiting(Queue, Request);
        return FALSE;
    }
}

/* QUEUE_ROUTINE: Context is a SRB_EXTENSION. TRUE: it is finished, with Request->Result. */
FORCEINLINE BOOLEAN QueueAccept(PVIO_QUEUE Queue, PVOID Context)
{
    PSRB_EXTENSION Request = (PSRB_EXTENSION)Context;

    if (LIKELY(Queue->State == QueueRunning && Queue->Waiting.Head == NULL) &&
        LIKELY(QueueTrySubmitOne(Queue, Request))) {
        QueueRingDoorbell(Queue);
        return FALSE;
    }
    return QueueAcceptAny(Queue, Request);
}

BOOLEAN QueueSubmitRequest(PVIO_QUEUE Queue, PSRB_EXTENSION Request)
{
    /* Once the lock is free the request may be completed and gone. */
    if (UNLIKELY(PortWithQueueLock(Queue, QueueAccept, Request))) {
        REQUEST_LIST Finished = {NULL, NULL};

        FinishRequest(Request, (REQUEST_RESULT)Request->Result, &Finished);
        CompleteRequests(Queue->Adapter, &Finished);
    }
    return TRUE;
}

/* Sends waiting requests while there is room for them. */
static VOID QueueSubmitWaiting(PVIO_QUEUE Queue, PREQUEST_LIST Finished)
{
    while (Queue->Waiting.Head != NULL) {
        PSRB_EXTENSION Request = Queue->Waiting.Head;
        PSRB_EXTENSION Next = Request->Next;
        SUBMIT_RESULT Result = QueueTrySubmit(Queue, Request);

        if (Result == SubmitNoRoom) {
            break;
        }
        Queue->Waiting.Head = Next;
        if (Result == SubmitEnded) {
            FinishRequest(Request, (REQUEST_RESULT)Request->Result, Finished);
        }
    }
    QueueRingDoorbell(Queue);
}

/* ---- Completion ---- */

/* What an unusual request needs when its device request is done. TRUE: it is not finished yet. */
DECLSPEC_NOINLINE static BOOLEAN QueueContinue(PVIO_QUEUE Queue, PSRB_EXTENSION Request)
{
    ReleaseLongTable(Queue, Request);
    if (Request->Kind == RequestKindSequence &&
        AdvanceSequence(Queue, Request, Request->DeviceStatus)) {
        /* Its next step goes before all that waits: its SRB is older. */
        Request->State = RequestWaiting;
        RequestListPrepend(&Queue->Waiting, Request);
        return TRUE;
    }
    return FALSE;
}

/* One request that the device has used. FALSE: it is not finished yet. */
FORCEINLINE BOOLEAN QueueTakeBack(PVIO_QUEUE Queue, ULONG Id, PSRB_EXTENSION *Finished)
{
    PSRB_EXTENSION Request = Queue->Memory.Places[Id].Request;

    *Finished = Request;
    Request->DeviceStatus = *(volatile UCHAR *)&Queue->Memory.Slots[Id].status;
    Request->Result = RequestResultDevice;
    Request->State = RequestFinished;
    return LIKELY(Request->Special == 0) || !QueueContinue(Queue, Request);
}

/* Takes what the device has used so far. FALSE: the device has broken the ring's rules. Split: the
 * ring is one, and not in order. */
FORCEINLINE BOOLEAN QueueCollectBy(BOOLEAN Split, PVIO_QUEUE Queue, PREQUEST_LIST Finished)
{
    PSRB_EXTENSION *Link = Finished->Head == NULL ? &Finished->Head : &Finished->Tail->Next;
    PSRB_EXTENSION Last = Finished->Tail;
    PSRB_EXTENSION Request;
    VIRTQUEUE_RESULT Result;
    ULONG Written;
    ULONG Id;

    for (;;) {
        Result = Split ? VirtSplitGetUsed(&Queue->Ring, &Id, &Written)
                       : VirtQueueGetUsed(&Queue->Ring, &Id, &Written);
        if (Result != VirtQueueElement) {
            break;
        }
        if (LIKELY(QueueTakeBack(Queue, Id, &Request))) {
            *Link = Request;
            Link = &Request->Next;
            Last = Request;
        }
    }
    *Link = NULL;
    Finished->Tail = Last;
    return Result == VirtQueueEmpty;
}

DECLSPEC_NOINLINE static BOOLEAN QueueCollectAny(PVIO_QUEUE Queue, PREQUEST_LIST Finished)
{
    return QueueCollectBy(FALSE, Queue, Finished);
}

FORCEINLINE BOOLEAN QueueCollect(PVIO_QUEUE Queue, PREQUEST_LIST Finished)
{
    if (LIKELY(Queue->Ring.Complete.Mode == VirtQueueModeSplit)) {
        return QueueCollectBy(TRUE, Queue, Finished);
    }
    return QueueCollectAny(Queue, Finished);
}

/*
 * The device has broken the ring's rules. Where nothing is outstanding, the queue alone is made anew
 * if the device can do that; else the device is reset, which alone makes sure that it lets go of what
 * it holds.
 */
static VOID QueueBreak(PVIO_QUEUE Queue)
{
    PADAPTER_EXTENSION Adapter = Queue->Adapter;
    const VIRTQUEUE_FAULT Fault = Queue->Ring.Complete.Fault;
    const BOOLEAN Idle = VirtQueueOutstanding(&Queue->Ring) == 0 &&
                         (Adapter->Features & VIRTIO_FEATURE(VIRTIO_F_RING_RESET)) != 0;

    Queue->State = QueueBroken;
    ++Adapter->Counters.BrokenQueues;
    DebugPrint(DebugError, "queue %u is broken: %s", Queue->Index, VirtQueueFaultName(Fault));
    PortLogEvent(Adapter, NULL, VioEventQueueBroken, Fault);
    PortRequestTimerWork(Adapter, Idle ? TimerWorkRemake : TimerWorkReset);
}

/* Takes, sends, and asks for the next interrupt, until there is nothing new. */
static VOID QueueWork(PVIO_QUEUE Queue, PREQUEST_LIST Finished)
{
    if (Queue->State != QueueRunning) {
        return;
    }
    do {
        VirtQueueDisableInterrupts(&Queue->Ring);
        if (UNLIKELY(!QueueCollect(Queue, Finished))) {
            QueueBreak(Queue);
            return;
        }
        if (UNLIKELY(Queue->Waiting.Head != NULL)) {
            QueueSubmitWaiting(Queue, Finished);
        }
    } while (!Queue->Polled && VirtQueueEnableInterrupts(&Queue->Ring, 1));
}

/* QUEUE_ROUTINE: Context is a REQUEST_LIST. */
FORCEINLINE BOOLEAN QueueWorkLocked(PVIO_QUEUE Queue, PVOID Context)
{
    QueueWork(Queue, (PREQUEST_LIST)Context);
    return TRUE;
}

VOID QueueProcess(PVIO_QUEUE Queue)
{
    REQUEST_LIST Finished = {NULL, NULL};

    (VOID) PortWithQueueLock(Queue, QueueWorkLocked, &Finished);
    CompleteRequests(Queue->Adapter, &Finished);
}

VOID QueueProcessLocked(PVIO_QUEUE Queue)
{
    REQUEST_LIST Finished = {NULL, NULL};

    QueueWork(Queue, &Finished);
    CompleteRequests(Queue->Adapter, &Finished);
}

/* ---- Stop, abandon, resume ---- */

ULONG QueueStop(PVIO_QUEUE Queue, PREQUEST_LIST Finished)
{
    if (Queue->State == QueueRunning) {
        (VOID) QueueCollect(Queue, Finished);
    }
    Queue->State = QueueStopped;
    return VirtQueueOutstanding(&Queue->Ring);
}

VOID QueueRenewRing(PVIO_QUEUE Queue)
{
    ULONG Id;

    VirtQueueReinitialize(&Queue->Ring);
    /* Its descriptors were cleared. */
    for (Id = 0; Id < Queue->Adapter->Limits.RingUse; ++Id) {
        Queue->Memory.Places[Id].Prepared = 0;
    }
}

VOID QueueAbandonWaiting(PVIO_QUEUE Queue, REQUEST_RESULT Result, PREQUEST_LIST Finished)
{
    REQUEST_LIST Waiting = Queue->Waiting;
    PSRB_EXTENSION Request;

    for (Request = Waiting.Head; Request != NULL; Request = Request->Next) {
        Request->State = RequestFinished;
        Request->Result = (UCHAR)Result;
        if (Queue->Scratch.Owner == Request) {
            Queue->Scratch.Owner = NULL;
        }
    }
    Queue->Waiting.Head = NULL;
    RequestListConcat(Finished, &Waiting);
}

VOID QueueAbandon(PVIO_QUEUE Queue, REQUEST_RESULT Result, PREQUEST_LIST Finished)
{
    PSRB_EXTENSION Request;
    ULONG Id;

    for (Id = VirtQueueNextOutstanding(&Queue->Ring, 0); Id != VIRTQUEUE_NONE;
         Id = VirtQueueNextOutstanding(&Queue->Ring, Id + 1)) {
        Request = Queue->Memory.Places[Id].Request;
        ReleaseLongTable(Queue, Request);
        FinishRequest(Request, Result, Finished);
    }
    QueueAbandonWaiting(Queue, Result, Finished);
    Queue->Scratch.Owner = NULL;
    QueueRenewRing(Queue);
}

VOID QueueResume(PVIO_QUEUE Queue, PREQUEST_LIST Finished)
{
    if (Queue->Waiting.Head != NULL) {
        QueueSubmitWaiting(Queue, Finished);
    }
    if (Queue->Polled) {
        VirtQueueDisableInterrupts(&Queue->Ring);
    } else if (VirtQueueEnableInterrupts(&Queue->Ring, 1)) {
        PortScheduleQueue(Queue);
    }
    /* Last: where no lock is held, a DPC that was queued before looks at this first. */
    *(volatile UCHAR *)&Queue->State = QueueRunning;
}

/* ---- Polled ---- */

BOOLEAN QueueSubmitPolled(PVIO_QUEUE Queue, PSRB_EXTENSION Request)
{
    VirtQueueDisableInterrupts(&Queue->Ring);
    if (QueueTrySubmit(Queue, Request) != SubmitDone) {
        return FALSE;
    }
    QueueRingDoorbell(Queue);
    return TRUE;
}

VIRTQUEUE_RESULT QueuePoll(PVIO_QUEUE Queue)
{
    REQUEST_LIST Finished = {NULL, NULL};

    if (!QueueCollect(Queue, &Finished)) {
        return VirtQueueBroken;
    }
    return Finished.Head != NULL ? VirtQueueElement : VirtQueueEmpty;
}

/* ---- The end of a request ---- */

/* Writes the sense data of a failed command into its SRB, as far as there is room for it. */
static UCHAR ReportSense(PVOID Srb, const SCSI_DISK_SENSE *Sense)
{
    UCHAR Length = 0;

    if (!(SrbGetSrbFlags(Srb) & SRB_FLAGS_DISABLE_AUTOSENSE)) {
        Length =
            ScsiBuildSense(Sense, SrbGetSenseInfoBuffer(Srb), SrbGetSenseInfoBufferLength(Srb));
        SrbSetSenseInfoBufferLength(Srb, Length);
    }
    return Length != 0 ? SRB_STATUS_ERROR | SRB_STATUS_AUTOSENSE_VALID : SRB_STATUS_ERROR;
}

VOID SrbSetCommandResult(PVOID Srb, UCHAR ScsiStatus, const SCSI_DISK_SENSE *Sense,
                         ULONG Transferred)
{
    UCHAR SrbStatus = SRB_STATUS_SUCCESS;

    SrbSetDataTransferLength(Srb, Transferred);
    SrbSetScsiStatus(Srb, ScsiStatus);
    if (UNLIKELY(ScsiStatus != SCSISTAT_GOOD)) {
        SrbStatus = ReportSense(Srb, Sense);
    }
    SrbSetSrbStatus(Srb, SrbStatus);
}

VOID SrbSetPortResult(PVOID Srb, UCHAR SrbStatus)
{
    SrbSetDataTransferLength(Srb, 0);
    SrbSetScsiStatus(Srb, SCSISTAT_GOOD);
    SrbSetSrbStatus(Srb, SrbStatus);
}

/* "Error handling in Storport miniport drivers": this status is for underruns, too. */
static VOID ReportUnderrun(const SRB_EXTENSION *Request, UCHAR ScsiStatus)
{
    if ((Request->Special & RequestSpecialUnderrun) && ScsiStatus == SCSISTAT_GOOD) {
        SrbSetSrbStatus(Request->Srb, SRB_STATUS_DATA_OVERRUN);
    }
}

/* A sequence has ended. */
static VOID FinishBySequence(const SRB_EXTENSION *Request)
{
    const DISK_SEQUENCE *Sequence = &Request->Sequence;

    SrbSetCommandResult(Request->Srb, Sequence->ScsiStatus, &Sequence->Sense,
                        Sequence->Transferred);
    ReportUnderrun(Request, Sequence->ScsiStatus);
}

/* The device has answered a read, write or flush, in some way or other. */
DECLSPEC_NOINLINE static VOID FinishByDevice(PSRB_EXTENSION Request)
{
    SCSI_DISK_SENSE Sense;
    UCHAR ScsiStatus =
        ScsiTranslateCompletion((DISK_OPERATION)Request->Operation, Request->DeviceStatus, &Sense);

    SrbSetCommandResult(Request->Srb, ScsiStatus, &Sense,
                        LIKELY(ScsiStatus == SCSISTAT_GOOD) ? Request->Length : 0);
    ReportUnderrun(Request, ScsiStatus);
}

static UCHAR ResultStatus(REQUEST_RESULT Result)
{
    switch (Result) {
    case RequestResultReset:
        return SRB_STATUS_BUS_RESET;
    case RequestResultGone:
        return SRB_STATUS_NO_DEVICE;
    default:
        return SRB_STATUS_INVALID_REQUEST;
    }
}

_Static_assert(RequestResultDevice == 0 && VIRTIO_BLK_S_OK == 0, "success is 0 in both");

VOID CompleteRequests(PADAPTER_EXTENSION Adapter, PREQUEST_LIST Finished)
{
    PSRB_EXTENSION Request = Finished->Head;

    Finished->Head = NULL;
    while (Request != NULL) {
        PSRB_EXTENSION Next = Request->Next;
        PVOID Srb = Request->Srb;

        /* GET_ID has no SRB: who sent it looks at its State. */
        if (LIKELY(Srb != NULL)) {
            if (LIKELY(Request->ScsiStatus != NULL &&
                       (Request->Result | Request->DeviceStatus) == 0)) {
                /* All that was asked for: DataTransferLength is right as it is. */
                *Request->ScsiStatus = SCSISTAT_GOOD;
                ((PSCSI_REQUEST_BLOCK)Srb)->SrbStatus = SRB_STATUS_SUCCESS; /* in either kind */
            } else if (Request->Result == RequestResultDevice) {
                FinishByDevice(Request);
            } else if (Request->Result == RequestResultSequence) {
                FinishBySequence(Request);
            } else {
                SrbSetPortResult(Srb, ResultStatus((REQUEST_RESULT)Request->Result));
            }
            PortCompleteSrb(Adapter, Srb);
        }
        Request = Next;
    }
}
