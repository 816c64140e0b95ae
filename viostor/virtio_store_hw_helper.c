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
 * A request that finds no room goes to the end of the queue's waiting list, and so does every later
 * one until the list is empty: the order of requests is kept. Each pass over completions sends what
 * fits. A waiting list is never left alone: it is not empty only while the ring holds requests (they
 * will complete) or while the queue is stopped (a reset will abandon it).
 */
#include "virtio_store_hw_helper.h"

#include "port.h"
#include "virtio_store_utils.h"

/* What QueueTrySubmit answers. */
typedef enum _SUBMIT_RESULT {
    SubmitDone,    /* it is in the ring */
    SubmitNoRoom,  /* descriptors or long tables are used up: try after the next completion */
    SubmitRefused, /* it can never be submitted: Request->Result says why */
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

/* Fills the chain of a reserved id and makes it available. */
FORCEINLINE VOID CommitRequest(PVIO_QUEUE Queue, PVIRTQUEUE_CHAIN Chain, ULONG Id,
                               PSRB_EXTENSION Request)
{
    const ULONGLONG SlotAddress = Queue->Memory.SlotsAddress + (ULONGLONG)Id * sizeof(blk_req);
    pblk_req Slot = &Queue->Memory.Slots[Id];

    VirtQueueAppend(Chain, SlotAddress + offsetof(blk_req, header), sizeof(blk_outhdr), FALSE);
    if (Request->Kind == RequestKindIdentify) {
        Slot->header.type = VIRTIO_BLK_T_GET_ID;
        VirtQueueAppend(Chain, Queue->Adapter->IdentityAddress, DISK_SERIAL_LENGTH, TRUE);
    } else {
        Slot->header.type = RequestType((DISK_OPERATION)Request->Operation);
        if (RequestHasData(Request)) {
            AppendData(Chain, &Queue->Adapter->Limits, Request);
        }
    }
    VirtQueueAppend(Chain, SlotAddress + offsetof(blk_req, status), sizeof(Slot->status), TRUE);

    Slot->header.ioprio = 0;
    Slot->header.sector = RequestHasData(Request) ? Request->Sector : 0;
    Slot->status = REQUEST_STATUS_UNWRITTEN;

    Request->RingId = (USHORT)Id;
    Request->State = RequestSubmitted;
    Queue->Memory.Requests[Id] = Request;
    VirtQueueCommit(Chain);
}

/* Starts the chain of a request in the table that fits it. FALSE: no long table is free. */
FORCEINLINE BOOLEAN BeginChain(PVIO_QUEUE Queue, PVIRTQUEUE_CHAIN Chain, ULONG Id,
                               PSRB_EXTENSION Request, ULONG DataSegments)
{
    if (UNLIKELY(!Queue->Adapter->IndirectDescriptors)) {
        VirtQueueBeginDirect(Chain, &Queue->Ring, Id);
    } else if (LIKELY(DataSegments <= REQUEST_SLOT_SEGMENTS)) {
        VirtQueueBeginIndirect(Chain, &Queue->Ring, Id, Queue->Memory.Slots[Id].table,
                               Queue->Memory.SlotsAddress + (ULONGLONG)Id * sizeof(blk_req) +
                                   offsetof(blk_req, table));
    } else {
        const ULONG TableBytes = Queue->Adapter->Limits.LongTableBytes;
        USHORT Table;

        if (Queue->FreeLongTableCount == 0) {
            return FALSE;
        }
        Table = Queue->Memory.FreeLongTables[--Queue->FreeLongTableCount];
        Request->LongTable = Table;
        VirtQueueBeginIndirect(Chain, &Queue->Ring, Id,
                               Queue->Memory.LongTables + (SIZE_T)Table * TableBytes,
                               Queue->Memory.LongTablesAddress + (ULONGLONG)Table * TableBytes);
    }
    return TRUE;
}

/* Puts a request into the ring of a running queue, under its lock. */
static SUBMIT_RESULT QueueTrySubmit(PVIO_QUEUE Queue, PSRB_EXTENSION Request)
{
    PADAPTER_EXTENSION Adapter = Queue->Adapter;
    ULONG DataSegments = 0;
    VIRTQUEUE_CHAIN Chain;
    ULONG Id;

    if (UNLIKELY(Request->Kind == RequestKindIdentify)) {
        DataSegments = 1;
    } else if (RequestHasData(Request)) {
        DataSegments = CountSegments(&Adapter->Limits, Request);
        if (UNLIKELY(DataSegments == 0)) {
            Request->Result = RequestResultBadData;
            return SubmitRefused;
        }
    }
    Id = VirtQueueReserve(&Queue->Ring, Adapter->IndirectDescriptors ? 1 : DataSegments + 2);
    if (UNLIKELY(Id == VIRTQUEUE_FULL)) {
        return SubmitNoRoom;
    }
    Request->LongTable = LONG_TABLE_NONE;
    if (UNLIKELY(!BeginChain(Queue, &Chain, Id, Request, DataSegments))) {
        VirtQueueCancel(&Queue->Ring, Id);
        return SubmitNoRoom;
    }
    CommitRequest(Queue, &Chain, Id, Request);
    return SubmitDone;
}

static VOID QueueRingDoorbell(PVIO_QUEUE Queue)
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

/* A request that comes to a running queue. */
static VOID QueueStart(PVIO_QUEUE Queue, PSRB_EXTENSION Request, PREQUEST_LIST Finished)
{
    if (UNLIKELY(Queue->Waiting.Head != NULL)) {
        QueueKeepWaiting(Queue, Request);
        return;
    }
    switch (QueueTrySubmit(Queue, Request)) {
    case SubmitDone:
        QueueRingDoorbell(Queue);
        break;
    case SubmitNoRoom:
        QueueKeepWaiting(Queue, Request);
        break;
    case SubmitRefused:
        FinishRequest(Request, (REQUEST_RESULT)Request->Result, Finished);
        break;
    }
}

/* A request on its way into its queue. */
typedef struct _SUBMISSION {
    PSRB_EXTENSION Request;
    REQUEST_LIST Finished;
} SUBMISSION;

/* QUEUE_ROUTINE: Context is a SUBMISSION. */
static VOID QueueAccept(PVIO_QUEUE Queue, PVOID Context)
{
    SUBMISSION *Submission = (SUBMISSION *)Context;

    switch (Queue->State) {
    case QueueRunning:
        QueueStart(Queue, Submission->Request, &Submission->Finished);
        break;
    case QueueStopped:
    case QueueBroken:
        QueueKeepWaiting(Queue, Submission->Request);
        break;
    case QueueClosed:
        FinishRequest(Submission->Request, RequestResultGone, &Submission->Finished);
        break;
    }
}

VOID QueueSubmitRequest(PVIO_QUEUE Queue, PSRB_EXTENSION Request)
{
    SUBMISSION Submission = {Request, {NULL, NULL}};

    PortWithQueueLock(Queue, QueueAccept, &Submission);
    if (UNLIKELY(Submission.Finished.Head != NULL)) {
        CompleteRequests(Queue->Adapter, &Submission.Finished);
    }
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
        if (Result == SubmitRefused) {
            FinishRequest(Request, (REQUEST_RESULT)Request->Result, Finished);
        }
    }
    QueueRingDoorbell(Queue);
}

/* ---- Completion ---- */

FORCEINLINE VOID ReleaseLongTable(PVIO_QUEUE Queue, const SRB_EXTENSION *Request)
{
    if (UNLIKELY(Request->LongTable != LONG_TABLE_NONE)) {
        Queue->Memory.FreeLongTables[Queue->FreeLongTableCount++] = Request->LongTable;
    }
}

/* One request that the device has used. */
static VOID QueueTakeBack(PVIO_QUEUE Queue, ULONG Id, PREQUEST_LIST Finished)
{
    PSRB_EXTENSION Request = Queue->Memory.Requests[Id];

    Queue->Memory.Requests[Id] = NULL;
    Request->DeviceStatus = *(volatile UCHAR *)&Queue->Memory.Slots[Id].status;
    ReleaseLongTable(Queue, Request);

    if (UNLIKELY(Request->FlushAfter) && Request->DeviceStatus == VIRTIO_BLK_S_OK) {
        /* The second half of a write with FUA goes before all that waits: its SRB is older. */
        Request->FlushAfter = FALSE;
        Request->Operation = DiskOperationFlush;
        Request->State = RequestWaiting;
        RequestListPrepend(&Queue->Waiting, Request);
        return;
    }
    FinishRequest(Request, RequestResultDevice, Finished);
}

/* Takes what the device has used so far; FALSE: the device has broken the ring's rules. */
static BOOLEAN QueueCollect(PVIO_QUEUE Queue, PREQUEST_LIST Finished)
{
    VIRTQUEUE_RESULT Result;
    ULONG Written;
    ULONG Id;

    while ((Result = VirtQueueGetUsed(&Queue->Ring, &Id, &Written)) == VirtQueueElement) {
        QueueTakeBack(Queue, Id, Finished);
    }
    return Result == VirtQueueEmpty;
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
static VOID QueueWorkLocked(PVIO_QUEUE Queue, PVOID Context)
{
    QueueWork(Queue, (PREQUEST_LIST)Context);
}

VOID QueueProcess(PVIO_QUEUE Queue)
{
    REQUEST_LIST Finished = {NULL, NULL};

    PortWithQueueLock(Queue, QueueWorkLocked, &Finished);
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

VOID QueueAbandon(PVIO_QUEUE Queue, REQUEST_RESULT Result, PREQUEST_LIST Finished)
{
    REQUEST_LIST Waiting = Queue->Waiting;
    PSRB_EXTENSION Request;
    ULONG Id;

    for (Id = VirtQueueNextOutstanding(&Queue->Ring, 0); Id != VIRTQUEUE_NONE;
         Id = VirtQueueNextOutstanding(&Queue->Ring, Id + 1)) {
        Request = Queue->Memory.Requests[Id];
        Queue->Memory.Requests[Id] = NULL;
        ReleaseLongTable(Queue, Request);
        FinishRequest(Request, Result, Finished);
    }
    for (Request = Waiting.Head; Request != NULL; Request = Request->Next) {
        Request->State = RequestFinished;
        Request->Result = (UCHAR)Result;
    }
    Queue->Waiting.Head = NULL;
    RequestListConcat(Finished, &Waiting);
    VirtQueueReinitialize(&Queue->Ring);
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
    VIRTQUEUE_RESULT Result;
    ULONG Written;
    ULONG Id;

    Result = VirtQueueGetUsed(&Queue->Ring, &Id, &Written);
    if (Result == VirtQueueElement) {
        QueueTakeBack(Queue, Id, &Finished);
    }
    return Result;
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

/* The device has answered a read, write or flush, in some way or other. */
DECLSPEC_NOINLINE static VOID FinishByDevice(PSRB_EXTENSION Request)
{
    SCSI_DISK_SENSE Sense;
    UCHAR ScsiStatus =
        ScsiTranslateCompletion((DISK_OPERATION)Request->Operation, Request->DeviceStatus, &Sense);

    SrbSetCommandResult(Request->Srb, ScsiStatus, &Sense,
                        LIKELY(ScsiStatus == SCSISTAT_GOOD) ? Request->Length : 0);
    /* "Error handling in Storport miniport drivers": this status is for underruns, too. */
    if (UNLIKELY(Request->Underrun) && ScsiStatus == SCSISTAT_GOOD) {
        SrbSetSrbStatus(Request->Srb, SRB_STATUS_DATA_OVERRUN);
    }
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

VOID CompleteRequests(PADAPTER_EXTENSION Adapter, PREQUEST_LIST Finished)
{
    PSRB_EXTENSION Request = Finished->Head;

    Finished->Head = NULL;
    while (Request != NULL) {
        PSRB_EXTENSION Next = Request->Next;
        PVOID Srb = Request->Srb;

        /* GET_ID has no SRB: who sent it looks at its State. */
        if (LIKELY(Srb != NULL)) {
            if (LIKELY(Request->ScsiStatus != NULL && Request->Result == RequestResultDevice &&
                       Request->DeviceStatus == VIRTIO_BLK_S_OK)) {
                /* All that was asked for: DataTransferLength is right as it is. */
                *Request->ScsiStatus = SCSISTAT_GOOD;
                ((PSCSI_REQUEST_BLOCK)Srb)->SrbStatus = SRB_STATUS_SUCCESS; /* in either kind */
            } else if (Request->Result == RequestResultDevice) {
                FinishByDevice(Request);
            } else {
                SrbSetPortResult(Srb, ResultStatus((REQUEST_RESULT)Request->Result));
            }
            PortCompleteSrb(Adapter, Srb);
        }
        Request = Next;
    }
}
