/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * "Hardware" routines: what a queue does with virtio-blk requests. It takes them, lets them wait where
 * there is no room, collects what the device has done, and stops. How one request gets into the ring is
 * in request.h and request_submit.c.
 *
 * A command that takes several requests (RequestKindSequence) goes through all of this once for each
 * of its steps: when one has come back, request_sequence.c is asked for the next, which goes to the
 * front of the waiting list. Flushes gather in a list of their own (request_flush.c), and so do commands
 * of which several requests are made at once (request_range.c).
 *
 * A request that finds no room goes to the end of the queue's waiting list, and so does every later
 * one until the list is empty: the order of requests is kept. Each pass over completions sends what
 * fits. A waiting list is never left alone: it is not empty only while the ring holds requests (they
 * will complete) or while the queue is stopped (a reset will abandon it).
 */
#include "virtio_store_hw_helper.h"

#include "port.h"
#include "request.h"
#include "virtio_store_utils.h"

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

/* ---- The waiting list, and who may pass it by ---- */

/* TRUE if something waits for room in the ring. */
static BOOLEAN QueueHasPending(const VIO_QUEUE *Queue)
{
    return Queue->Waiting.Head != NULL || QueueFlushIsDue(Queue) || QueueRangesAreDue(Queue);
}

/* After each change of the queue's state or of what waits for room. */
static VOID QueueUpdateOpening(PVIO_QUEUE Queue)
{
    Queue->Open = Queue->State == QueueRunning && !QueueHasPending(Queue);
    Queue->OpenBytes =
        Queue->Open && VirtQueueIsPlain(&Queue->Ring) && !Queue->Polled ? Queue->TableBytes : 0;
}

VOID QueueSetState(PVIO_QUEUE Queue, QUEUE_STATE State)
{
    /* One store, also where no lock is held: a DPC that was queued before looks at it first. */
    *(volatile UCHAR *)&Queue->State = (UCHAR)State;
    QueueUpdateOpening(Queue);
}

static VOID QueueKeepWaiting(PVIO_QUEUE Queue, PSRB_EXTENSION Request)
{
    RequestListAppend(&Queue->Waiting, Request);
    QueueUpdateOpening(Queue);
}

static VOID QueueKeepFirst(PVIO_QUEUE Queue, PSRB_EXTENSION Request)
{
    Request->Next = Queue->Waiting.Head;
    if (Queue->Waiting.Head == NULL) {
        Queue->Waiting.Tail = Request;
    }
    Queue->Waiting.Head = Request;
}

VOID QueuePlaceStep(PVIO_QUEUE Queue, PSRB_EXTENSION Request)
{
    if (Request->Operation == DiskOperationFlush) {
        RequestListAppend(&Queue->Flushes.Gathering, Request);
    } else {
        QueueKeepFirst(Queue, Request);
    }
    QueueUpdateOpening(Queue);
}

static VOID FinishRequest(PSRB_EXTENSION Request, REQUEST_RESULT Result, PREQUEST_LIST Finished)
{
    Request->Result = (UCHAR)Result;
    RequestListAppend(Finished, Request);
}

/* Sends what waits while there is room for it; requests that end by that are appended to *Finished. */
static VOID QueueSubmitPending(PVIO_QUEUE Queue, PREQUEST_LIST Finished)
{
    QueueBeginFlush(Queue);
    QueueBeginRanges(Queue);
    while (Queue->Waiting.Head != NULL) {
        PSRB_EXTENSION Request = Queue->Waiting.Head;
        SUBMIT_RESULT Result;

        Queue->Waiting.Head = Request->Next;
        Result = QueueTrySubmit(Queue, Request);
        if (Result == SubmitNoRoom) {
            QueueKeepFirst(Queue, Request);
            break;
        }
        if (Result == SubmitEnded) {
            FinishRequest(Request, (REQUEST_RESULT)Request->Result, Finished);
        } else if (Result == SubmitParked) {
            QueueBeginRanges(Queue);
        }
    }
    QueueBeginFlush(Queue); /* of what has come to it just now */
    QueueUpdateOpening(Queue);
    QueueRingDoorbell(Queue);
}

/* ---- Requests that come ---- */

/* A request has gone to a list where nothing else was in its way: it may be that list's turn. */
static VOID QueueSubmitParked(PVIO_QUEUE Queue)
{
    REQUEST_LIST Finished = {NULL, NULL};

    /* No request ends by that: only steps wait for room now, if anything does. */
    QueueSubmitPending(Queue, &Finished);
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
    } else if (Result == SubmitParked) {
        QueueSubmitParked(Queue);
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

    switch (QueueTrySubmitOne(Queue, Request)) {
    case SubmitOneDone:
        return FALSE;
    case SubmitOneNotify:
        return !QueueNotify(Queue);
    default:
        return QueueAcceptAny(Queue, Request);
    }
}

/* A request that will never be in the ring. */
DECLSPEC_NOINLINE static BOOLEAN QueueRefuse(PADAPTER_EXTENSION Adapter, PSRB_EXTENSION Request)
{
    REQUEST_LIST Finished = {NULL, NULL};

    FinishRequest(Request, (REQUEST_RESULT)Request->Result, &Finished);
    CompleteRequests(Adapter, &Finished);
    return TRUE;
}

BOOLEAN QueueSubmitRequest(PVIO_QUEUE Queue, PSRB_EXTENSION Request)
{
    const BOOLEAN Ended = PortWithQueueLockInStartIo(Queue, QueueAccept, Request);

    /* If it has not ended, it may be completed and gone by now. */
    return LIKELY(!Ended) || QueueRefuse(Queue->Adapter, Request);
}

BOOLEAN QueueSubmitSelected(PADAPTER_EXTENSION Adapter, PVOID Srb, PSRB_EXTENSION Request)
{
    BOOLEAN Ended;

    if (PortStartIoIsQueueLock(Adapter)) {
        PVIO_QUEUE Queue = Adapter->Queues;

        if (LIKELY(Queue->Open) && QueueTrySubmitTable(Queue, Request)) {
            QueueRingDoorbell(Queue);
            return TRUE;
        }
        Ended = QueueAcceptAny(Queue, Request);
    } else {
        Ended = PortWithSelectedQueue(Adapter, Srb, QueueAccept, Request);
    }
    return LIKELY(!Ended) || QueueRefuse(Adapter, Request);
}

/* ---- Completion ---- */

/*
 * A request of which the device is done, but which is no ordinary one or did not go well. Status: its
 * Unusual, with what the device said. Returns the requests that are finished, linked by Next. NULL: none,
 * as it is another step's turn, and the request waits for that.
 */
DECLSPEC_NOINLINE static PSRB_EXTENSION QueueTakeUnusual(PVIO_QUEUE Queue, PSRB_EXTENSION Request,
                                                         ULONG Status)
{
    /* The lowest byte, which was 0 while the device had the request. */
    const UCHAR DeviceStatus = (UCHAR)Status;

    QueueReleaseLongTable(Queue, Request);
    if (Request->Operation == DiskOperationFlush) {
        Request = QueueEndFlush(Queue, Request, DeviceStatus);
        QueueUpdateOpening(Queue);
        return Request;
    }
    if (Request->Kind == RequestKindRange) {
        Request = QueueEndRanges(Queue, Request, DeviceStatus);
        QueueUpdateOpening(Queue);
        return Request;
    }
    if (Request->Kind == RequestKindSequence) {
        if (QueueAdvanceSequence(Queue, Request, DeviceStatus)) {
            QueuePlaceStep(Queue, Request);
            return NULL;
        }
    } else if (Request->Kind == RequestKindIdentify) {
        Request->Finished = TRUE;
    }
    Request->DeviceStatus = DeviceStatus;
    Request->Next = NULL;
    return Request;
}

_Static_assert(offsetof(SRB_EXTENSION, DeviceStatus) == offsetof(SRB_EXTENSION, Unusual),
               "the lowest byte of Unusual");

/* What became of a used request. 0: it is an ordinary one that went well; else QueueTakeUnusual is to
 * know. */
FORCEINLINE ULONG RequestStatus(const blk_req *Slot, const SRB_EXTENSION *Request)
{
    return *(const volatile UCHAR *)&Slot->status | Request->Unusual;
}

/* A list under construction: Tail is where the next request is named. */
typedef struct _REQUEST_ROW {
    PSRB_EXTENSION *Tail;
} REQUEST_ROW;

FORCEINLINE REQUEST_ROW BeginRow(PREQUEST_LIST List)
{
    REQUEST_ROW Row = {List->Head == NULL ? &List->Head : &List->Tail->Next};

    return Row;
}

FORCEINLINE VOID AddToRow(REQUEST_ROW *Row, PSRB_EXTENSION Request)
{
    *Row->Tail = Request;
    Row->Tail = &Request->Next;
}

/* The same for those that QueueTakeUnusual gives. */
FORCEINLINE VOID AddAllToRow(REQUEST_ROW *Row, PSRB_EXTENSION First)
{
    while (First != NULL) {
        PSRB_EXTENSION Next = First->Next;

        AddToRow(Row, First);
        First = Next;
    }
}

/* Takes a used request back, and adds what is finished by that. */
FORCEINLINE VOID TakeBackToRow(PVIO_QUEUE Queue, const blk_req *Slot, PSRB_EXTENSION Request,
                               REQUEST_ROW *Row)
{
    const ULONG Status = RequestStatus(Slot, Request);

    if (LIKELY(Status == 0)) {
        AddToRow(Row, Request);
    } else {
        AddAllToRow(Row, QueueTakeUnusual(Queue, Request, Status));
    }
}

FORCEINLINE VOID EndRow(const REQUEST_ROW *Row, PREQUEST_LIST List)
{
    *Row->Tail = NULL;
    List->Tail =
        CONTAINING_RECORD(Row->Tail, SRB_EXTENSION, Next); /* means nothing if it is empty */
}

/*
 * The device has used a request with more bytes than it can take (Length). The status byte tells how the
 * request went, and nothing is read or written by that length, so it is counted, said once and lived
 * with: "VIRTIO 1.2, 2.7.8.3" has that of legacy devices, which therefore are not even reported.
 */
DECLSPEC_NOINLINE static VOID QueueCountLongLength(PVIO_QUEUE Queue, ULONG Length)
{
    PADAPTER_EXTENSION Adapter = Queue->Adapter;

    if (InterlockedIncrement(&Adapter->Counters.LongUsedLengths) == 1 &&
        Adapter->Device.Transport == VirtioPciTransportModern) {
        DebugPrint(DebugWarning, "queue %u: a used length of %lu is too long", Queue->Index,
                   Length);
        PortLogEvent(Adapter, NULL, VioEventLongUsedLength, min(Length, 0xffffu));
    }
}

/* A used element that is not as it should be; *Finished are the requests that are finished by it, linked
 * by Next. FALSE: the device has broken the ring's rules. */
DECLSPEC_NOINLINE static BOOLEAN QueueTakeOdd(PVIO_QUEUE Queue, VIRTQ_SPLIT_TAKE Take, ULONG Id,
                                              ULONG Length, PSRB_EXTENSION *Finished)
{
    PSRB_EXTENSION Request;
    ULONG Status;

    *Finished = NULL;
    if (!VirtSplitTakeOdd(&Queue->Ring, &Take, Id)) {
        return FALSE;
    }
    QueueCountLongLength(Queue, Length);
    Request = (PSRB_EXTENSION)VirtQueueContext(&Queue->Ring, Id);
    Status = RequestStatus(&Queue->Memory.Slots[Id], Request);
    Request->Next = NULL;
    *Finished = Status == 0 ? Request : QueueTakeUnusual(Queue, Request, Status);
    return TRUE;
}

/* Takes what the device has used so far, of a plain queue. FALSE: the device has broken the ring's
 * rules. */
FORCEINLINE BOOLEAN QueueCollectPlain(PVIO_QUEUE Queue, REQUEST_ROW *Row)
{
    const blk_req *Slots = Queue->Memory.Slots;
    VIRTQUEUE_RESULT Result;
    VIRTQ_SPLIT_TAKE Take;

again:
    while ((Result = VirtSplitBeginTake(&Queue->Ring, &Take)) == VirtQueueElement) {
        do {
            PSRB_EXTENSION Request;
            PVIRTQUEUE_ID State;
            ULONG Length;
            ULONG Id;

            State = VirtSplitLook(&Take, &Id, &Length);
            if (UNLIKELY(State == NULL)) {
                if (!QueueTakeOdd(Queue, Take, Id, Length, &Request)) {
                    return FALSE;
                }
                AddAllToRow(Row, Request);
                goto again;
            }
            VirtSplitTake(&Take, Id, State);
            TakeBackToRow(Queue, &Slots[Id], (PSRB_EXTENSION)State->Context, Row);
        } while (VirtSplitHasMore(&Take));
        VirtSplitEndTake(&Queue->Ring, &Take);
    }
    return LIKELY(Result == VirtQueueEmpty);
}

/* The same for any other queue. */
static BOOLEAN QueueCollectAny(PVIO_QUEUE Queue, REQUEST_ROW *Row)
{
    VIRTQUEUE_RESULT Result;
    ULONG Written = 0;
    ULONG Id = 0;

    for (;;) {
        Result = VirtQueueGetUsed(&Queue->Ring, &Id, &Written);
        if (UNLIKELY(Result == VirtQueueLongElement)) {
            QueueCountLongLength(Queue, Written);
        } else if (Result != VirtQueueElement) {
            return Result == VirtQueueEmpty;
        }
        TakeBackToRow(Queue, &Queue->Memory.Slots[Id],
                      (PSRB_EXTENSION)VirtQueueContext(&Queue->Ring, Id), Row);
    }
}

/* The same for all, as a list. */
static BOOLEAN QueueCollect(PVIO_QUEUE Queue, PREQUEST_LIST Finished)
{
    REQUEST_ROW Row = BeginRow(Finished);
    const BOOLEAN Good = VirtQueueIsPlain(&Queue->Ring) ? QueueCollectPlain(Queue, &Row)
                                                        : QueueCollectAny(Queue, &Row);

    EndRow(&Row, Finished);
    return Good;
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

    QueueSetState(Queue, QueueBroken);
    ++Adapter->Counters.BrokenQueues;
    DebugPrint(DebugError, "queue %u is broken: %s", Queue->Index, VirtQueueFaultName(Fault));
    PortLogEvent(Adapter, NULL, VioEventQueueBroken, Fault);
    PortRequestTimerWork(Adapter, Idle ? TimerWorkRemake : TimerWorkReset);
}

/* Takes, sends, and asks for the next interrupt, until there is nothing new. */
DECLSPEC_NOINLINE static VOID QueueWorkAny(PVIO_QUEUE Queue, PREQUEST_LIST Finished)
{
    if (Queue->State != QueueRunning) {
        return;
    }
    do {
        /* With event index the device does not interrupt again before it is asked to. */
        if (!VirtQueueHasEventIndex(&Queue->Ring)) {
            VirtQueueDisableInterrupts(&Queue->Ring);
        }
        if (!QueueCollect(Queue, Finished)) {
            QueueBreak(Queue);
            return;
        }
        if (QueueHasPending(Queue)) {
            QueueSubmitPending(Queue, Finished);
        }
    } while (!Queue->Polled &&
             VirtQueueEnableInterrupts(&Queue->Ring, Queue->CompletionsPerInterrupt));
    /* Fewer than so many may come for a long time: then they are looked for. */
    if (Queue->CompletionsPerInterrupt > 1 && VirtQueueOutstanding(&Queue->Ring) != 0 &&
        (Queue->Adapter->TimerWork & TimerWorkQueues) == 0) {
        PortRequestTickTimerWork(Queue->Adapter, TimerWorkQueues);
    }
}

/* The same for a plain queue, as long as nothing is unusual: then QueueWorkAny goes on. Finished is
 * empty; only its Head is sure to be set. */
FORCEINLINE VOID QueueWorkPlain(PVIO_QUEUE Queue, PREQUEST_LIST Finished)
{
    REQUEST_ROW Row = {&Finished->Head};

    for (;;) {
        if (UNLIKELY(!QueueCollectPlain(Queue, &Row))) {
            EndRow(&Row, Finished);
            QueueBreak(Queue);
            return;
        }
        if (UNLIKELY(Queue->OpenBytes == 0)) { /* something waits */
            EndRow(&Row, Finished);
            QueueWorkAny(Queue, Finished);
            return;
        }
        if (LIKELY(!VirtSplitRearm(&Queue->Ring))) {
            *Row.Tail = NULL;
            return;
        }
    }
}

/* QUEUE_ROUTINE: Context is a REQUEST_LIST, to be filled. */
FORCEINLINE BOOLEAN QueueWork(PVIO_QUEUE Queue, PVOID Context)
{
    PREQUEST_LIST Finished = (PREQUEST_LIST)Context;

    if (LIKELY(Queue->OpenBytes != 0)) {
        QueueWorkPlain(Queue, Finished);
    } else {
        Finished->Head = NULL;
        QueueWorkAny(Queue, Finished);
    }
    return TRUE;
}

/* QUEUE_ROUTINE: Context is a REQUEST_LIST, an empty one. */
static BOOLEAN QueueWorkAnyLocked(PVIO_QUEUE Queue, PVOID Context)
{
    QueueWorkAny(Queue, (PREQUEST_LIST)Context);
    return TRUE;
}

VOID QueueProcessAny(PVIO_QUEUE Queue)
{
    REQUEST_LIST Finished = {NULL, NULL};

    (VOID) PortWithQueueLock(Queue, QueueWorkAnyLocked, &Finished);
    CompleteRequests(Queue->Adapter, &Finished);
}

VOID QueueProcess(PVIO_QUEUE Queue)
{
    PADAPTER_EXTENSION Adapter = Queue->Adapter;
    REQUEST_LIST Finished;

    (VOID) PortWithQueueLock(Queue, QueueWork, &Finished);
    RequestCompleteAll(Adapter, Finished.Head);
}

/*
 * QUEUE_ROUTINE: takes one request back, of a plain queue; Context is a pointer to what is finished by
 * that: the request, if its Unusual is 0; else several, linked by Next; NULL: none. What else there is to do a DPC does that is queued here.
 */
FORCEINLINE BOOLEAN QueueWorkOne(PVIO_QUEUE Queue, PVOID Context)
{
    PSRB_EXTENSION *Finished = (PSRB_EXTENSION *)Context;
    VIRTQUEUE_RESULT Result;
    VIRTQ_SPLIT_TAKE Take;
    PVIRTQUEUE_ID State;
    ULONG Status;
    ULONG Length;
    ULONG Id;

    *Finished = NULL;
    if (UNLIKELY(Queue->OpenBytes == 0)) {
        PortScheduleQueue(Queue);
        return TRUE;
    }
    Result = VirtSplitBeginTake(&Queue->Ring, &Take);
    if (UNLIKELY(Result != VirtQueueElement)) {
        if (Result == VirtQueueBroken) {
            QueueBreak(Queue);
        }
        return TRUE; /* or another processor has taken it, and asked for the next interrupt */
    }
    State = VirtSplitLook(&Take, &Id, &Length);
    if (UNLIKELY(State == NULL)) {
        if (!QueueTakeOdd(Queue, Take, Id, Length, Finished)) {
            QueueBreak(Queue);
        } else {
            PortScheduleQueue(Queue); /* as for an unusual one below */
        }
        return TRUE;
    }
    VirtSplitTake(&Take, Id, State);
    VirtSplitEndTake(&Queue->Ring, &Take);
    *Finished = (PSRB_EXTENSION)State->Context;
    Status = RequestStatus(&Queue->Memory.Slots[Id], *Finished);
    if (UNLIKELY(Status != 0)) {
        *Finished = QueueTakeUnusual(Queue, *Finished, Status);
        PortScheduleQueue(Queue); /* another step may wait, and nobody has asked for an interrupt */
    } else if (UNLIKELY(VirtSplitRearm(&Queue->Ring))) {
        PortScheduleQueue(Queue); /* also where there was more from the beginning */
    }
    return TRUE;
}

/* QueueProcessInDpc where one request is finished, as it looks: no list and no loop, as many have but one
 * request outstanding at a time. */
DECLSPEC_NOINLINE static VOID QueueProcessOne(PVIO_QUEUE Queue)
{
    PADAPTER_EXTENSION Adapter = Queue->Adapter;
    PSRB_EXTENSION Finished;

    (VOID) PortWithQueueLock(Queue, QueueWorkOne, &Finished);
    if (UNLIKELY(Finished == NULL)) {
        return;
    }
    if (LIKELY(Finished->Unusual == 0)) {
        RequestFinish(Adapter, Finished);
    } else {
        RequestCompleteAll(Adapter, Finished);
    }
}

VOID QueueProcessInDpc(PVIO_QUEUE Queue)
{
    /* Only a plain queue that is open has a used ring that may be looked at in this way. */
    if (Queue->OpenBytes != 0 && VirtSplitReady(&Queue->Ring) == 1) {
        QueueProcessOne(Queue);
    } else {
        QueueProcess(Queue);
    }
}

VOID QueueProcessLocked(PVIO_QUEUE Queue)
{
    REQUEST_LIST Finished = {NULL, NULL};

    QueueWorkAny(Queue, &Finished);
    CompleteRequests(Queue->Adapter, &Finished);
}

/* ---- Stop, abandon, resume ---- */

BOOLEAN QueueHoldsRequests(const VIO_QUEUE *Queue)
{
    return VirtQueueOutstanding(&Queue->Ring) != 0 || QueueHasPending(Queue) ||
           Queue->Flushes.Riders.Head != NULL;
}

ULONG QueueStop(PVIO_QUEUE Queue, PREQUEST_LIST Finished)
{
    if (Queue->State == QueueRunning) {
        (VOID) QueueCollect(Queue, Finished);
    }
    QueueSetState(Queue, QueueStopped);
    return VirtQueueOutstanding(&Queue->Ring);
}

VOID QueueRenewRing(PVIO_QUEUE Queue)
{
    ULONG Id;

    VirtQueueReinitialize(&Queue->Ring);
    /* Its descriptors were cleared. */
    for (Id = 0; Id < Queue->Adapter->Limits.RingUse; ++Id) {
        Queue->Memory.Prepared[Id] = 0;
    }
}

/* Gives up one request, which the device does not have. What waits for the scratch memory is given up,
 * too: nobody gets it. */
static VOID AbandonRequest(PVIO_QUEUE Queue, PSRB_EXTENSION Request, REQUEST_RESULT Result,
                           PREQUEST_LIST Finished)
{
    if (Request->Kind == RequestKindRange) {
        QueueAbandonRangeStep(Request, Result, Finished);
        return;
    }
    if (Queue->Scratch.Owner == Request) {
        Queue->Scratch.Owner = NULL;
    }
    FinishRequest(Request, Result, Finished);
}

/* Gives up all of a list, which is then empty. */
static VOID AbandonList(PVIO_QUEUE Queue, PREQUEST_LIST List, REQUEST_RESULT Result,
                        PREQUEST_LIST Finished)
{
    while (List->Head != NULL) {
        PSRB_EXTENSION Request = List->Head;

        List->Head = Request->Next;
        AbandonRequest(Queue, Request, Result, Finished);
    }
}

VOID QueueAbandonWaiting(PVIO_QUEUE Queue, REQUEST_RESULT Result, PREQUEST_LIST Finished)
{
    QueueAbandonRangeCommands(Queue, Result, Finished);
    AbandonList(Queue, &Queue->Waiting, Result, Finished);
    AbandonList(Queue, &Queue->Flushes.Gathering, Result, Finished);
    AbandonList(Queue, &Queue->Flushes.Riders, Result, Finished);
    AbandonList(Queue, &Queue->Scratch.Waiting, Result, Finished);
    QueueUpdateOpening(Queue);
}

VOID QueueAbandon(PVIO_QUEUE Queue, REQUEST_RESULT Result, PREQUEST_LIST Finished)
{
    PSRB_EXTENSION Request;
    ULONG Id;

    QueueAbandonRangeCommands(Queue, Result, Finished);
    for (Id = VirtQueueNextOutstanding(&Queue->Ring, 0); Id != VIRTQUEUE_NONE;
         Id = VirtQueueNextOutstanding(&Queue->Ring, Id + 1)) {
        Request = (PSRB_EXTENSION)VirtQueueContext(&Queue->Ring, Id);
        QueueReleaseLongTable(Queue, Request);
        AbandonRequest(Queue, Request, Result, Finished);
    }
    Queue->Flushes.Running = NULL;
    Queue->Flushes.Clean = FALSE;
    QueueAbandonWaiting(Queue, Result, Finished);
    Queue->Scratch.Owner = NULL;
    QueueRenewRing(Queue);
}

VOID QueueResume(PVIO_QUEUE Queue, PREQUEST_LIST Finished)
{
    BOOLEAN Pending;

    if (QueueHasPending(Queue)) {
        QueueSubmitPending(Queue, Finished);
    }
    if (Queue->Polled) {
        VirtQueueDisableInterrupts(&Queue->Ring);
        QueueSetState(Queue, QueueRunning);
        return;
    }
    Pending = VirtQueueEnableInterrupts(&Queue->Ring, 1);
    QueueSetState(Queue, QueueRunning);
    /* Where no lock is held a DPC may have come and gone before that. */
    if (Pending || VirtQueueOutstanding(&Queue->Ring) != 0) {
        PortScheduleQueue(Queue);
    }
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
