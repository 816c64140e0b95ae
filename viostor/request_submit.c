/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Puts a request into the ring: its virtio-blk header, its data, its status byte.
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
 * instead of the slot's own; without indirect descriptors the ring's descriptors are used. The range of
 * DISCARD and WRITE_ZEROES lies in the slot, where the descriptor table has room left.
 *
 * There are three ways, each for what the one before leaves over:
 *
 *   QueueTrySubmitOne    a read or write of one segment, in a prepared slot (request.h)
 *   QueueTrySubmitTable  a read or write whose segments go into a table as they are; what a table keeps
 *                        from its last request is not written again
 *   QueueTrySubmit       any request; segments that are too long are split, faults are found. A read or
 *                        write of more segments than the device takes becomes a sequence, of which
 *                        each step takes as many blocks as fit
 */
#include "request.h"

static ULONG RequestType(DISK_OPERATION Operation)
{
    switch (Operation) {
    case DiskOperationRead:
        return VIRTIO_BLK_T_IN;
    case DiskOperationWrite:
        return VIRTIO_BLK_T_OUT;
    case DiskOperationDiscard:
        return VIRTIO_BLK_T_DISCARD;
    case DiskOperationZero:
    case DiskOperationZeroUnmap:
        return VIRTIO_BLK_T_WRITE_ZEROES;
    case DiskOperationGetLifetime:
        return VIRTIO_BLK_T_GET_LIFETIME;
    default:
        return VIRTIO_BLK_T_FLUSH;
    }
}

/* A place in the data of an SRB. */
typedef struct _DATA_PLACE {
    const PORT_SEGMENT *Element;
    ULONG Skipped; /* bytes of it that lie before the place */
} DATA_PLACE;

/* The place so many bytes from the beginning of the data, which is longer. */
FORCEINLINE DATA_PLACE FindData(const PORT_SEGMENT_LIST *Segments, ULONG Offset)
{
    DATA_PLACE Place = {Segments->List, Offset};

    while (UNLIKELY(Place.Skipped != 0 && Place.Skipped >= Place.Element->Length)) {
        Place.Skipped -= Place.Element->Length;
        ++Place.Element;
    }
    return Place;
}

/* Segments that the device is given for so many contiguous bytes, more than 0. */
FORCEINLINE ULONG SegmentsOf(const ADAPTER_LIMITS *Limits, ULONG Length)
{
    return LIKELY(Length <= Limits->SegmentBytes) ? 1 : (Length - 1) / Limits->SegmentBytes + 1;
}

/*
 * Counts the segments that the device would be given for a request, from Offset on in the data of its SRB
 * as far as its Length goes. 0: the list is shorter than that, or has an empty segment.
 */
static ULONG CountSegments(const ADAPTER_LIMITS *Limits, const SRB_EXTENSION *Request, ULONG Offset)
{
    const PORT_SEGMENT_LIST *Segments = Request->Segments;
    ULONG Remaining = Request->Length;
    ULONG Skip = Offset;
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
        if (UNLIKELY(Skip >= Length)) {
            Skip -= Length;
            continue;
        }
        Length = min(Length - Skip, Remaining);
        Skip = 0;
        Remaining -= Length;
        Count += SegmentsOf(Limits, Length);
    }
    return Remaining == 0 ? Count : 0;
}

/*
 * How many bytes of such a request, whose segments are good and too many for the device, it takes at
 * once: whole blocks. 0: not even one, as its data lies in too many places.
 */
static ULONG FittingBytes(const ADAPTER_EXTENSION *Adapter, const SRB_EXTENSION *Request,
                          ULONG Offset)
{
    const ADAPTER_LIMITS *Limits = &Adapter->Limits;
    DATA_PLACE Place = FindData(Request->Segments, Offset);
    ULONG Room = Limits->Segments;
    ULONG Fitting = 0;

    for (; Room != 0; ++Place.Element, Place.Skipped = 0) {
        const ULONG Length = Place.Element->Length - Place.Skipped;

        if (SegmentsOf(Limits, Length) > Room) {
            Fitting += Room * Limits->SegmentBytes;
            break;
        }
        Fitting += Length;
        Room -= SegmentsOf(Limits, Length);
    }
    return Fitting & ~(Adapter->Disk.BlockSize - 1);
}

/* Appends the data of a request whose segments CountSegments has found good. */
static VOID AppendData(PVIRTQUEUE_CHAIN Chain, const ADAPTER_LIMITS *Limits,
                       const SRB_EXTENSION *Request, ULONG Offset)
{
    const BOOLEAN DeviceWrites = Request->Operation == DiskOperationRead;
    DATA_PLACE Place = FindData(Request->Segments, Offset);
    ULONG Remaining = Request->Length;

    for (; Remaining != 0; ++Place.Element, Place.Skipped = 0) {
        ULONGLONG Address = (ULONGLONG)Place.Element->PhysicalAddress.QuadPart + Place.Skipped;
        ULONG Length = min(Place.Element->Length - Place.Skipped, Remaining);

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

/* Appends Length bytes of the scratch memory, which begins again where it ends. */
static VOID AppendScratch(PVIO_QUEUE Queue, PVIRTQUEUE_CHAIN Chain, ULONG Length,
                          BOOLEAN DeviceWrites)
{
    const ULONG SegmentBytes = Queue->Adapter->Limits.SegmentBytes;
    const ULONG Bytes = Queue->Adapter->Disk.ScratchBytes;
    ULONG Offset = 0;

    while (Length != 0) {
        const ULONG Piece = min(min(Length, SegmentBytes), Bytes - Offset);

        VirtQueueAppend(Chain, Queue->Scratch.Address + Offset, Piece, DeviceWrites);
        Offset = Offset + Piece == Bytes ? 0 : Offset + Piece;
        Length -= Piece;
    }
}

/* The segments that this makes. */
static ULONG CountScratchSegments(const ADAPTER_EXTENSION *Adapter, ULONG Length)
{
    const ULONG SegmentBytes = Adapter->Limits.SegmentBytes;
    const ULONG Bytes = Adapter->Disk.ScratchBytes;
    const ULONG Rest = Length % Bytes;

    return Length / Bytes * ((Bytes - 1) / SegmentBytes + 1) +
           (Rest == 0 ? 0 : (Rest - 1) / SegmentBytes + 1);
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
        AppendData(Chain, &Queue->Adapter->Limits, Request, Request->Sequence.Transferred);
        return Request->Sector;
    }
    if (Request->StepData == StepDataScratch || Request->StepData == StepDataRepeat) {
        AppendScratch(Queue, Chain, Request->Length, Request->Operation != DiskOperationWrite);
        return Request->Operation == DiskOperationGetLifetime ? 0 : Request->Sector;
    }
    return 0;
}

/* The same for all that is not a read or write of its own; sets the header's type. */
DECLSPEC_NOINLINE static ULONGLONG AppendSpecial(PVIO_QUEUE Queue, PVIRTQUEUE_CHAIN Chain, ULONG Id,
                                                 const SRB_EXTENSION *Request)
{
    pblk_req Slot = &Queue->Memory.Slots[Id];

    if (Request->Kind == RequestKindIdentify) {
        Slot->header.type = VIRTIO_BLK_T_GET_ID;
        VirtQueueAppend(Chain, Queue->Adapter->IdentityAddress, DISK_SERIAL_LENGTH, TRUE);
        return 0;
    }
    Slot->header.type = RequestType((DISK_OPERATION)Request->Operation);
    if (Request->Kind == RequestKindFlush) {
        return 0;
    }
    if (Request->Kind == RequestKindRange && Request->Range.Pieces > 1) {
        VirtQueueAppend(Chain, QueueRangeListAddress(Queue, Request),
                        Request->Range.Pieces * (ULONG)sizeof(blk_range), FALSE);
        return 0;
    }
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
        AppendData(Chain, &Queue->Adapter->Limits, Request, 0);
        Sector = Request->Sector;
    }
    VirtQueueAppend(Chain, SlotAddress + offsetof(blk_req, status), sizeof(Slot->status), TRUE);

    Slot->header.ioprio = 0;
    Slot->header.sector = Sector;
    Slot->status = REQUEST_STATUS_UNWRITTEN;

    /* GET_LIFETIME, too, counts as a write, which costs a flush at most. */
    Queue->Writes +=
        Request->Operation != DiskOperationRead && Request->Operation != DiskOperationFlush;
    Queue->Memory.Prepared[Id] = 0;
    VirtQueueSetContext(&Queue->Ring, Id, Request);
    VirtQueueCommit(Chain);
}

/* ---- Tables of indirect descriptors ---- */

/* A table of descriptors for a request. */
typedef struct _REQUEST_TABLE {
    PVIRTQUEUE_ENTRY Entries;
    ULONGLONG Address; /* the device's */
    ULONG Room;        /* data segments that it takes */
} REQUEST_TABLE;

/* The device's address of a slot. */
FORCEINLINE ULONGLONG SlotAddress(const VIO_QUEUE *Queue, ULONG Id)
{
    return Queue->Memory.SlotsAddress + (ULONGLONG)Id * sizeof(blk_req);
}

/* The slot's own table. */
FORCEINLINE VOID SlotTable(PVIO_QUEUE Queue, ULONG Id, REQUEST_TABLE *Table)
{
    Table->Entries = (PVIRTQUEUE_ENTRY)Queue->Memory.Slots[Id].table;
    Table->Address = SlotAddress(Queue, Id) + offsetof(blk_req, table);
    Table->Room = REQUEST_SLOT_SEGMENTS;
}

/* The direction of a request's table. */
FORCEINLINE TABLE_DIRECTION RequestDirection(const SRB_EXTENSION *Request)
{
    return Request->Operation == DiskOperationWrite ? TableWrite : TableRead;
}

/* A table of the queue's pool, prepared for the request's direction if there is such a one; which it is,
 * Request->LongTable says. FALSE: none is free. */
FORCEINLINE BOOLEAN TakeLongTable(PVIO_QUEUE Queue, PSRB_EXTENSION Request, REQUEST_TABLE *Table)
{
    const ADAPTER_LIMITS *Limits = &Queue->Adapter->Limits;
    const TABLE_DIRECTION Direction = RequestDirection(Request);
    LONG_TABLE_STACK *Stack = &Queue->FreeLongTables[Direction];
    USHORT Index;

    if (UNLIKELY(Stack->Count == 0)) {
        Stack = &Queue->FreeLongTables[Direction == TableRead ? TableWrite : TableRead];
        if (Stack->Count == 0) {
            return FALSE;
        }
    }
    Index = Stack->Indices[--Stack->Count];
    Request->LongTable = Index;
    Request->Special |= RequestSpecialLongTable;
    Table->Entries =
        (PVIRTQUEUE_ENTRY)(Queue->Memory.LongTables + (SIZE_T)Index * Limits->LongTableBytes);
    Table->Address = Queue->Memory.LongTablesAddress + (ULONGLONG)Index * Limits->LongTableBytes;
    Table->Room = Limits->Segments;
    return TRUE;
}

VOID QueueReleaseLongTable(PVIO_QUEUE Queue, PSRB_EXTENSION Request)
{
    if (Request->Special & RequestSpecialLongTable) {
        const LONG_TABLE *Long = &Queue->Memory.LongTableStates[Request->LongTable];
        LONG_TABLE_STACK *Stack = &Queue->FreeLongTables[Long->Direction];

        Stack->Indices[Stack->Count++] = Request->LongTable;
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

/* Makes entry Index of a long table one of data of its direction, with neither address nor length. */
FORCEINLINE VOID PrepareEntry(BOOLEAN Split, const REQUEST_TABLE *Table, ULONG Index,
                              TABLE_DIRECTION Direction)
{
    VirtQueueSetEntry(Split, Table->Entries + Index, 0, 1,
                      VirtQueueEntryTail(Split, Index, Direction == TableRead, FALSE));
}

/* Makes all entries of a long table but that of the status byte behind Segments ones such as a request
 * of this direction needs them, as far as they are not so already. */
FORCEINLINE VOID PrepareLongTable(BOOLEAN Split, const REQUEST_TABLE *Table, PLONG_TABLE Long,
                                  TABLE_DIRECTION Direction, ULONG Segments)
{
    if (UNLIKELY(!Long->Prepared || Long->Direction != Direction)) {
        ULONG Index;

        for (Index = 1; Index <= Table->Room; ++Index) {
            PrepareEntry(Split, Table, Index, Direction);
        }
        Long->Prepared = TRUE;
        Long->Direction = (UCHAR)Direction;
    } else if (Long->Segments != Segments && Long->Segments < Table->Room) {
        PrepareEntry(Split, Table, Long->Segments + 1u, Direction);
    }
    Long->Segments = (USHORT)Segments;
}

/*
 * Writes one data segment into a prepared entry. *Sum grows by its length less 1, an empty one's being
 * 2^32 - 1: a sum below 2^32 tells that there was none such.
 */
FORCEINLINE VOID PutSegment(PVIRTQUEUE_ENTRY Entry, const PORT_SEGMENT *Element, ULONGLONG *Sum)
{
    const ULONG Length = Element->Length;

    Entry->Split.Address = (ULONGLONG)Element->PhysicalAddress.QuadPart;
    Entry->Split.Length = Length;
    *Sum += Length - 1;
}

_Static_assert(offsetof(VIRTQ_DESC, Address) == offsetof(VIRTQ_PACKED_DESC, Address) &&
                   offsetof(VIRTQ_DESC, Length) == offsetof(VIRTQ_PACKED_DESC, Length),
               "PutSegment serves both rings");

/* The same for four. */
FORCEINLINE VOID PutSegments4(PVIRTQUEUE_ENTRY Entry, const PORT_SEGMENT *Element, ULONGLONG *Sum)
{
    PutSegment(&Entry[0], &Element[0], Sum);
    PutSegment(&Entry[1], &Element[1], Sum);
    PutSegment(&Entry[2], &Element[2], Sum);
    PutSegment(&Entry[3], &Element[3], Sum);
}

/* The same for eight. */
FORCEINLINE VOID PutSegments8(PVIRTQUEUE_ENTRY Entry, const PORT_SEGMENT *Element, ULONGLONG *Sum)
{
    PutSegments4(Entry, Element, Sum);
    PutSegments4(Entry + 4, Element + 4, Sum);
}

/* The same for all of a list; *Sum is set. */
FORCEINLINE VOID PutSegments(PVIRTQUEUE_ENTRY Entry, const PORT_SEGMENT_LIST *Segments,
                             ULONGLONG *Sum)
{
    const ULONG Count = Segments->NumberOfElements;
    const PORT_SEGMENT *Element = Segments->List;
    const PORT_SEGMENT *const End16 = Element + (Count & ~15u);
    const PORT_SEGMENT *const End = Element + Count;

    *Sum = 0;
    for (; Element != End16; Entry += 16, Element += 16) {
        PutSegments8(Entry, Element, Sum);
        PutSegments8(Entry + 8, Element + 8, Sum);
    }
    if (Count & 8) {
        PutSegments8(Entry, Element, Sum);
        Entry += 8;
        Element += 8;
    }
    if (Count & 4) {
        PutSegments4(Entry, Element, Sum);
        Entry += 4;
        Element += 4;
    }
    for (; Element != End; ++Entry, ++Element) {
        PutSegment(Entry, Element, Sum);
    }
}

/*
 * FillTable for a long table, which keeps its flags and links from its last request, on a device that
 * limits no segment. Returns the number of segments; 0 where they are not just the request's Length, or
 * one is empty, or they are too many.
 */
FORCEINLINE ULONG FillLongTable(BOOLEAN Split, PVIO_QUEUE Queue, const REQUEST_TABLE *Table,
                                const SRB_EXTENSION *Request)
{
    const ULONG Count = Request->Segments->NumberOfElements;
    ULONGLONG Sum;

    if (Count > Table->Room) {
        return 0;
    }
    PrepareLongTable(Split, Table, &Queue->Memory.LongTableStates[Request->LongTable],
                     RequestDirection(Request), Count);
    PutSegments(Table->Entries + 1, Request->Segments, &Sum);
    return Sum + Count == Request->Length ? Count : 0;
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
    } else if (TakeLongTable(Queue, Request, &Table)) {
        Queue->Memory.LongTableStates[Request->LongTable].Prepared = FALSE;
    } else {
        return FALSE;
    }
    VirtQueueBeginIndirect(Chain, &Queue->Ring, Id, Table.Entries, Table.Address);
    return TRUE;
}

/* How many segments lie between header and status of a step. 0: none, or (of the command's data) a
 * list that is no good. */
static ULONG CountStepSegments(const ADAPTER_EXTENSION *Adapter, const SRB_EXTENSION *Request)
{
    switch (Request->StepData) {
    case StepDataCommand:
        return CountSegments(&Adapter->Limits, Request, Request->Sequence.Transferred);
    case StepDataScratch:
    case StepDataRepeat:
        return CountScratchSegments(Adapter, Request->Length);
    default:
        return IsRange(Request->Operation) ? 1 : 0;
    }
}

/* A step moves more of the command's data than the device takes at once: cuts it. FALSE: what the device
 * takes is less than a block. */
static BOOLEAN CutStep(PVIO_QUEUE Queue, PSRB_EXTENSION Request)
{
    Request->Length = FittingBytes(Queue->Adapter, Request, Request->Sequence.Transferred);
    ScsiSequenceCutStep(&Request->Sequence, Request->Length);
    return Request->Length != 0;
}

/*
 * What QueueTrySubmit does before it submits all that is not a read or write of its own. SubmitDone: go
 * on, with *DataSegments.
 */
DECLSPEC_NOINLINE static SUBMIT_RESULT PrepareSpecial(PVIO_QUEUE Queue, PSRB_EXTENSION Request,
                                                      PULONG DataSegments)
{
    const ADAPTER_LIMITS *Limits = &Queue->Adapter->Limits;

    if (Request->Kind == RequestKindIdentify) {
        *DataSegments = 1;
        return SubmitDone;
    }
    if (Request->Kind == RequestKindSequence && Request->Operation == DiskOperationNone) {
        const SUBMIT_RESULT Result = QueueBeginSequence(Queue, Request);

        if (Result != SubmitDone) {
            return Result;
        }
    }
    if (Request->Operation == DiskOperationFlush) {
        return QueueGatherFlush(Queue, Request);
    }
    *DataSegments = CountStepSegments(Queue->Adapter, Request);
    if (Request->StepData == StepDataCommand) {
        if (*DataSegments == 0 || (*DataSegments > Limits->Segments && !CutStep(Queue, Request))) {
            QueueReleaseScratch(Queue, Request);
            Request->Result = RequestResultBadData;
            return SubmitEnded;
        }
        *DataSegments = min(*DataSegments, Limits->Segments);
    }
    return SubmitDone;
}

/* The same for a read or write of its own: one that is more than the device takes becomes a sequence. */
static SUBMIT_RESULT PrepareTransfer(PVIO_QUEUE Queue, PSRB_EXTENSION Request, PULONG DataSegments)
{
    *DataSegments = CountSegments(&Queue->Adapter->Limits, Request, 0);
    if (UNLIKELY(*DataSegments == 0)) {
        Request->Result = RequestResultBadData;
        return SubmitEnded;
    }
    if (UNLIKELY(*DataSegments > Queue->Adapter->Limits.Segments)) {
        RequestMakeSequence(Request);
        return PrepareSpecial(Queue, Request, DataSegments);
    }
    return SubmitDone;
}

/* ---- Into the ring ---- */

BOOLEAN QueueNotify(PVIO_QUEUE Queue)
{
    const VIRTIO_PCI_DOORBELL *Doorbell = &Queue->Doorbell;

    VirtioPciNotify(Doorbell,
                    Doorbell->WithData ? VirtQueueNotificationData(&Queue->Ring) : (USHORT)0);
    return TRUE;
}

/* Puts a request into the ring that needs nothing but descriptors. SubmitDone or SubmitNoRoom. */
static SUBMIT_RESULT SubmitSegments(PVIO_QUEUE Queue, PSRB_EXTENSION Request, ULONG DataSegments)
{
    VIRTQUEUE_CHAIN Chain;
    ULONG Id;

    Id = VirtQueueReserve(&Queue->Ring, Queue->Adapter->IndirectDescriptors ? 1 : DataSegments + 2);
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

SUBMIT_RESULT QueueSubmitStep(PVIO_QUEUE Queue, PSRB_EXTENSION Request)
{
    return SubmitSegments(Queue, Request, 0);
}

SUBMIT_RESULT QueueTrySubmit(PVIO_QUEUE Queue, PSRB_EXTENSION Request)
{
    ULONG DataSegments = 0;
    const SUBMIT_RESULT Result = LIKELY(Request->Kind == RequestKindDevice)
                                     ? PrepareTransfer(Queue, Request, &DataSegments)
                                     : PrepareSpecial(Queue, Request, &DataSegments);

    return LIKELY(Result == SubmitDone) ? SubmitSegments(Queue, Request, DataSegments) : Result;
}

/* Writes the entry of the header, which comes first, and that of the status byte behind so many data
 * segments. */
FORCEINLINE VOID FrameTable(BOOLEAN Split, const REQUEST_TABLE *Table, ULONGLONG SlotAddress,
                            ULONG Segments)
{
    VirtQueueSetEntry(Split, Table->Entries, SlotAddress + offsetof(blk_req, header),
                      sizeof(blk_outhdr), VirtQueueEntryTail(Split, 0, FALSE, FALSE));
    VirtQueueSetEntry(Split, Table->Entries + Segments + 1, SlotAddress + offsetof(blk_req, status),
                      sizeof(UCHAR), VirtQueueEntryTail(Split, Segments + 1, TRUE, TRUE));
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
    Queue->Writes += !Read;
    VirtQueueSetContext(&Queue->Ring, Id, Request);
    VirtQueueCommitTable(Split, &Queue->Ring, Id, Table->Address, Segments + 2,
                         (Read ? Request->Length : 0) + sizeof(Slot->status));
}

/* VirtQueueReserve for a chain of one descriptor. */
FORCEINLINE ULONG ReserveOne(BOOLEAN Split, PVIO_QUEUE Queue)
{
    return Split ? VirtSplitReserve(&Queue->Ring, 1) : VirtPackedReserve(&Queue->Ring, 1);
}

/* Submits a read or write by its slot's table. Only what differs from the last request of as many
 * segments is written. Results as of QueueTrySubmitTable. */
FORCEINLINE BOOLEAN TrySlotTable(BOOLEAN Split, PVIO_QUEUE Queue, PSRB_EXTENSION Request)
{
    const ULONG Id = ReserveOne(Split, Queue);
    REQUEST_TABLE Table;
    ULONG Segments;

    if (UNLIKELY(Id == VIRTQUEUE_FULL)) {
        return FALSE;
    }
    SlotTable(Queue, Id, &Table);
    Segments = FillTable(Split, &Table, Request, Queue->TableBytes);
    if (UNLIKELY(Segments == 0)) {
        Queue->Memory.Prepared[Id] = 0;
        VirtQueueCancel(&Queue->Ring, Id);
        return FALSE;
    }
    if (Queue->Memory.Prepared[Id] != Segments) {
        Queue->Memory.Prepared[Id] = (UCHAR)Segments;
        FrameTable(Split, &Table, SlotAddress(Queue, Id), Segments);
        VirtQueueSetTable(&Queue->Ring, Id, Table.Address, Segments + 2);
    }
    CommitTable(Split, Queue, Id, Request, &Table, Segments);
    return TRUE;
}

/* Submits a read or write of many segments by a long table. Results as of QueueTrySubmitTable. */
FORCEINLINE BOOLEAN TryLongTable(BOOLEAN Split, PVIO_QUEUE Queue, PSRB_EXTENSION Request)
{
    const ULONG Id = ReserveOne(Split, Queue);
    REQUEST_TABLE Table;
    ULONG Segments = 0;

    if (UNLIKELY(Id == VIRTQUEUE_FULL)) {
        return FALSE;
    }
    if (LIKELY(TakeLongTable(Queue, Request, &Table))) {
        Segments = FillLongTable(Split, Queue, &Table, Request);
    }
    if (UNLIKELY(Segments == 0)) {
        QueueReleaseLongTable(Queue, Request);
        VirtQueueCancel(&Queue->Ring, Id);
        return FALSE;
    }
    Queue->Memory.Prepared[Id] = 0;
    FrameTable(Split, &Table, SlotAddress(Queue, Id), Segments);
    VirtQueueSetTable(&Queue->Ring, Id, Table.Address, Segments + 2);
    CommitTable(Split, Queue, Id, Request, &Table, Segments);
    return TRUE;
}

BOOLEAN QueueTrySubmitTable(PVIO_QUEUE Queue, PSRB_EXTENSION Request)
{
    const BOOLEAN Split = VirtQueueIsSplit(&Queue->Ring);

    if (Request->Kind != RequestKindDevice || Request->Segments == NULL || Queue->TableBytes == 0) {
        return FALSE;
    }
    if (Request->Segments->NumberOfElements <= REQUEST_SLOT_SEGMENTS) {
        return Split ? TrySlotTable(TRUE, Queue, Request) : TrySlotTable(FALSE, Queue, Request);
    }
    if (UNLIKELY(Queue->TableBytes != MAXULONG)) {
        return FALSE; /* QueueTrySubmit holds each segment against the device's limit */
    }
    return Split ? TryLongTable(TRUE, Queue, Request) : TryLongTable(FALSE, Queue, Request);
}
