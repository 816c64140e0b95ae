/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Flushes, as few as keep their promise: what was acknowledged before a flush began is on the medium when
 * it has ended (VIRTIO 1.2, 5.2.6.2: a flush covers the writes that were completed before it was made
 * available).
 *
 * Two kinds of requests ask for one: a flush of its own (RequestKindFlush: SYNCHRONIZE CACHE,
 * SRB_FUNCTION_FLUSH, ...), which always goes to queue 0, and a step of a sequence (the flush behind a
 * write with FUA, on the queue of that write).
 *
 *        asks for a flush        no flush runs          the device has it
 *     ──────────────────> Gathering ──────> Running, Riders ──────> all end with its status
 *                             │ one runs already: the next one begins when it has ended
 *
 * A queue has one flush in its ring at most. Whoever asks before it begins rides with it; whoever asks
 * later rides with the next one, as the present one may not cover what was written last.
 *
 * A flush that would find nothing to do is answered at once. Windows' disk class asks twice for each
 * FlushFileBuffers: by SYNCHRONIZE CACHE, and by SRB_FUNCTION_FLUSH when that has ended (Microsoft's
 * published disk.sys, DiskFlushDispatch, storage/class/disk). What is to be known for it: that each
 * write which has been acknowledged by now was completed before a flush began that went well.
 *
 *   - Each queue counts the writes that are put into its ring (VIO_QUEUE.Writes): one instruction of a
 *     write, in memory that belongs to the queue.
 *   - A flush of its own looks at all queues before it is submitted, at each under its lock: how many
 *     writes there were, and whether one of them is in the ring still (LookForWrites). If none is, the
 *     flush covers all that were counted.
 *   - When it has gone well that sum is kept (QUEUE_FLUSHES.CleanWrites). A later flush that finds the same
 *     sum has nothing to do: a write that came after the look would have been counted, and one that
 *     comes now has not been acknowledged.
 *
 * A flush that fails, a reset of the device: nothing is known any more.
 */
#include "request.h"

#include "port.h"
#include "virtio_store_hw_helper.h"

/* ---- Whether there is anything to flush ---- */

/* A request that changes what is on the disk. */
static BOOLEAN IsWrite(const SRB_EXTENSION *Request)
{
    return Request->Operation != DiskOperationRead && Request->Operation != DiskOperationFlush &&
           Request->Operation != DiskOperationGetLifetime;
}

static BOOLEAN HoldsWrites(const VIO_QUEUE *Queue)
{
    ULONG Id;

    if (VirtQueueOutstanding(&Queue->Ring) == 0) {
        return FALSE;
    }
    for (Id = VirtQueueNextOutstanding(&Queue->Ring, 0); Id != VIRTQUEUE_NONE;
         Id = VirtQueueNextOutstanding(&Queue->Ring, Id + 1)) {
        if (IsWrite((const SRB_EXTENSION *)VirtQueueContext(&Queue->Ring, Id))) {
            return TRUE;
        }
    }
    return FALSE;
}

/* QUEUE_ROUTINE of each queue in turn: Context is the FLUSH_REQUEST that is to learn of its writes. */
static BOOLEAN LookForWrites(PVIO_QUEUE Queue, PVOID Context)
{
    PFLUSH_REQUEST Flush = (PFLUSH_REQUEST)Context;

    Flush->Writes += Queue->Writes;
    Flush->Quiet = Flush->Quiet && !HoldsWrites(Queue);
    return TRUE;
}

BOOLEAN FlushSubmit(PADAPTER_EXTENSION Adapter, PSRB_EXTENSION Request)
{
    ULONG Index;

    Request->Flush.Writes = 0;
    Request->Flush.Quiet = TRUE;
    for (Index = 0; Index < Adapter->QueueCount; ++Index) {
        (VOID) PortWithQueueLockInStartIo(&Adapter->Queues[Index], LookForWrites, &Request->Flush);
    }
    return QueueSubmitRequest(&Adapter->Queues[0], Request);
}

static VOID NoteFlushed(PVIO_QUEUE Queue, const SRB_EXTENSION *Request)
{
    if (Request->Kind == RequestKindFlush && Request->Flush.Quiet) {
        Queue->Flushes.Clean = TRUE;
        Queue->Flushes.CleanWrites = Request->Flush.Writes;
    }
}

/* ---- From request to flush ---- */

SUBMIT_RESULT QueueGatherFlush(PVIO_QUEUE Queue, PSRB_EXTENSION Request)
{
    QUEUE_FLUSHES *Flushes = &Queue->Flushes;

    if (Request->Kind == RequestKindFlush && Flushes->Clean &&
        Flushes->CleanWrites == Request->Flush.Writes) {
        Request->DeviceStatus = VIRTIO_BLK_S_OK;
        Request->Result = RequestResultDevice;
        return SubmitEnded;
    }
    RequestListAppend(&Flushes->Gathering, Request);
    return SubmitParked;
}

VOID QueueBeginFlush(PVIO_QUEUE Queue)
{
    QUEUE_FLUSHES *Flushes = &Queue->Flushes;
    PSRB_EXTENSION Request = Flushes->Gathering.Head;
    PSRB_EXTENSION Second;

    if (!QueueFlushIsDue(Queue)) {
        return;
    }
    Second = Request->Next;
    if (QueueSubmitStep(Queue, Request) != SubmitDone) {
        return; /* after the next completion */
    }
    Flushes->Running = Request;
    Flushes->Riders.Head = Second;
    Flushes->Riders.Tail = Flushes->Gathering.Tail;
    Flushes->Gathering.Head = NULL;
}

/* One of those that asked for a flush which has ended. Finished requests are appended to *Finished. */
static VOID EndFlushFor(PVIO_QUEUE Queue, PSRB_EXTENSION Request, UCHAR DeviceStatus,
                        PREQUEST_LIST Finished)
{
    if (Request->Kind == RequestKindSequence) {
        if (QueueAdvanceSequence(Queue, Request, DeviceStatus)) {
            QueuePlaceStep(Queue, Request);
            return;
        }
    } else if (DeviceStatus == VIRTIO_BLK_S_OK) {
        NoteFlushed(Queue, Request);
    }
    Request->DeviceStatus = DeviceStatus;
    RequestListAppend(Finished, Request);
}

PSRB_EXTENSION QueueEndFlush(PVIO_QUEUE Queue, PSRB_EXTENSION Request, UCHAR DeviceStatus)
{
    QUEUE_FLUSHES *Flushes = &Queue->Flushes;
    PSRB_EXTENSION Rider = Flushes->Riders.Head;
    REQUEST_LIST Finished = {NULL, NULL};

    Flushes->Running = NULL;
    Flushes->Riders.Head = NULL;
    if (DeviceStatus != VIRTIO_BLK_S_OK) {
        Flushes->Clean = FALSE;
    }
    EndFlushFor(Queue, Request, DeviceStatus, &Finished);
    while (Rider != NULL) {
        PSRB_EXTENSION Next = Rider->Next;

        EndFlushFor(Queue, Rider, DeviceStatus, &Finished);
        Rider = Next;
    }
    return Finished.Head;
}
