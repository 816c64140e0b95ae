/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From a request to the ring and back: what the files that handle requests share. For them only;
 * virtio_store_hw_helper.h is the interface.
 *
 *   virtio_store_hw_helper.c  a queue: takes requests, lets them wait, collects what is done, stops
 *   request_submit.c          puts one request into the ring
 *   request_flush.c           lets requests that need a flush share one, or do without
 *   request_range.c           makes several requests at once of commands that are ranges
 *   request_sequence.c        goes from step to step of a command that takes several requests
 *   request_result.c          writes what became of a request into its SRB
 *
 * Everything here that has a VIO_QUEUE for argument is called under that queue's lock.
 */
#ifndef VIOSTOR_REQUEST_H
#define VIOSTOR_REQUEST_H

#include "virtio_store.h"

#include "port.h"

/* What QueueTrySubmit answers. */
typedef enum _SUBMIT_RESULT {
    SubmitDone,   /* it is in the ring */
    SubmitParked, /* it waits elsewhere, and goes on by itself: for a flush, for scratch memory, for
                     requests that are made of it */
    SubmitNoRoom, /* descriptors or long tables are used up: try after the next completion */
    SubmitEnded,  /* it will never be submitted (any more): Request->Result says why */
} SUBMIT_RESULT;

/* ---- request_submit.c ---- */

/* Puts a request of any kind into the ring of a running queue. */
SUBMIT_RESULT QueueTrySubmit(PVIO_QUEUE Queue, PSRB_EXTENSION Request);

/*
 * Puts a read or write into the ring of a running queue, its table written in one go. FALSE: it is
 * another request, or one that needs care, or there is no room; nothing has been done.
 */
BOOLEAN QueueTrySubmitTable(PVIO_QUEUE Queue, PSRB_EXTENSION Request);

/* Puts a step that has neither data nor scratch memory to wait for into the ring: a flush. SubmitDone or
 * SubmitNoRoom. */
SUBMIT_RESULT QueueSubmitStep(PVIO_QUEUE Queue, PSRB_EXTENSION Request);

/* Gives the long table of a request back, if it has one. */
VOID QueueReleaseLongTable(PVIO_QUEUE Queue, PSRB_EXTENSION Request);

/* ---- request_flush.c ---- */

/* Starts a RequestKindFlush. From StartIo, no lock held but StartIo's. TRUE. */
BOOLEAN FlushSubmit(PADAPTER_EXTENSION Adapter, PSRB_EXTENSION Request);

/* Takes a request that needs a flush. SubmitParked: it will have it. SubmitEnded: it needs none. */
SUBMIT_RESULT QueueGatherFlush(PVIO_QUEUE Queue, PSRB_EXTENSION Request);

/* TRUE if a flush is to be put into the ring. */
FORCEINLINE BOOLEAN QueueFlushIsDue(const VIO_QUEUE *Queue)
{
    return Queue->Flushes.Gathering.Head != NULL && Queue->Flushes.Running == NULL;
}

/* Puts it there, if there is room; the doorbell is the caller's. */
VOID QueueBeginFlush(PVIO_QUEUE Queue);

/* The flush of Request has come back with DeviceStatus. Returns the requests that are finished, linked by
 * Next; NULL: none. */
PSRB_EXTENSION QueueEndFlush(PVIO_QUEUE Queue, PSRB_EXTENSION Request, UCHAR DeviceStatus);

/* ---- request_range.c ---- */

/* Takes a command that is ranges. SubmitParked; SubmitEnded: there was nothing to do. */
SUBMIT_RESULT QueueGatherRanges(PVIO_QUEUE Queue, PSRB_EXTENSION Request);

/* TRUE if requests are to be made of such commands. */
BOOLEAN QueueRangesAreDue(const VIO_QUEUE *Queue);

/* Makes them: they wait for room, behind what waits for it already. */
VOID QueueBeginRanges(PVIO_QUEUE Queue);

/* Such a request has come back with DeviceStatus. Returns its command if that is finished, else NULL. */
PSRB_EXTENSION QueueEndRanges(PVIO_QUEUE Queue, PSRB_EXTENSION Step, UCHAR DeviceStatus);

/* Gives up as Result the commands with ranges that no request was made for; those that have requests, too,
 * end with the last of these. */
VOID QueueAbandonRangeCommands(PVIO_QUEUE Queue, REQUEST_RESULT Result, PREQUEST_LIST Finished);

/* Gives up such a request, which is in the ring no more, and with the last one its command. */
VOID QueueAbandonRangeStep(PSRB_EXTENSION Step, REQUEST_RESULT Result, PREQUEST_LIST Finished);

/* Where the device finds the ranges of a request that has more than one. */
ULONGLONG QueueRangeListAddress(const VIO_QUEUE *Queue, const SRB_EXTENSION *Step);

/* ---- virtio_store_hw_helper.c ---- */

/* The next step of a sequence goes where it waits for its turn: before all that waits for room, as its
 * SRB is older; or to the other flushes. */
VOID QueuePlaceStep(PVIO_QUEUE Queue, PSRB_EXTENSION Request);

/* ---- request_sequence.c ---- */

/* Makes a sequence of a read or write that has not been submitted; its first step is still to come. */
VOID RequestMakeSequence(PSRB_EXTENSION Request);

/* Before the first step of a sequence, whose Operation is DiskOperationNone. SubmitDone: Request is its
 * first step, to be submitted. */
SUBMIT_RESULT QueueBeginSequence(PVIO_QUEUE Queue, PSRB_EXTENSION Request);

/*
 * Goes on with a sequence whose step has ended with Status (VIRTIO_BLK_S_...). TRUE: Request is its
 * next step, to be submitted. FALSE: it has ended, and Request->Result says so.
 */
BOOLEAN QueueAdvanceSequence(PVIO_QUEUE Queue, PSRB_EXTENSION Request, UCHAR Status);

/* The scratch memory is the next request's, if it was this one's. */
VOID QueueReleaseScratch(PVIO_QUEUE Queue, const SRB_EXTENSION *Request);

/* ---- request_result.c ---- */

/* Completes a request that is more than an ordinary one that went well. No lock held. IRQL <= DIRQL. */
VOID RequestCompleteUnusual(PADAPTER_EXTENSION Adapter, PSRB_EXTENSION Request);

/* Completes a request. No lock held. IRQL <= DIRQL. */
FORCEINLINE VOID RequestFinish(PADAPTER_EXTENSION Adapter, PSRB_EXTENSION Request)
{
    PVOID Srb = Request->Srb;

    if (LIKELY(Request->Unusual == 0)) {
        /* All that was asked for: everything else is right as it is. */
        ((PSCSI_REQUEST_BLOCK)Srb)->SrbStatus = SRB_STATUS_SUCCESS; /* in either kind */
        PortCompleteSrb(Adapter, Srb);
    } else {
        RequestCompleteUnusual(Adapter, Request);
    }
}

/* Completes every request of a list from First on. No lock held. IRQL <= DIRQL. */
FORCEINLINE VOID RequestCompleteAll(PADAPTER_EXTENSION Adapter, PSRB_EXTENSION First)
{
    PSRB_EXTENSION Request = First;

    while (Request != NULL) {
        PSRB_EXTENSION Next = Request->Next;

        RequestFinish(Adapter, Request);
        Request = Next;
    }
}

/* ---- The shortest way ---- */

/* The doorbell, without asking. TRUE. Under the lock: it must not reach a device that a reset has just
 * stopped. */
BOOLEAN QueueNotify(PVIO_QUEUE Queue);

/* The doorbell, after a commit, if the device wants it. */
FORCEINLINE VOID QueueRingDoorbell(PVIO_QUEUE Queue)
{
    if (VirtQueueKickNeeded(&Queue->Ring)) {
        (VOID) QueueNotify(Queue);
    }
}

/* What QueueTrySubmitOne has done. */
typedef enum _SUBMIT_ONE {
    SubmitOneNot,    /* nothing: it is another case */
    SubmitOneDone,   /* the request is in the ring */
    SubmitOneNotify, /* it is, and QueueNotify must follow */
} SUBMIT_ONE;

/*
 * The most usual case: a read or write that nothing stands in the way of (VIO_QUEUE.OpenBytes), whose
 * data is one segment, with a slot whose last request was such a one, too, so that little in its table
 * differs.
 */
FORCEINLINE SUBMIT_ONE QueueTrySubmitOne(PVIO_QUEUE Queue, PSRB_EXTENSION Request)
{
    const ULONG Id = VirtSplitNextFree(&Queue->Ring);
    const ULONG Length = Request->Length;
    const PORT_SEGMENT_LIST *Segments;
    ULONGLONG Address;
    ULONG Writable;
    pblk_req Slot;

    /* No request without data (Length is 0) gets past the first condition. */
    if (UNLIKELY(Length - 1 >= Queue->OpenBytes || Queue->Memory.Prepared[Id] != 1)) {
        return SubmitOneNot;
    }
    Segments = Request->Segments;
    if (UNLIKELY(Segments == NULL || Segments->NumberOfElements == 0 ||
                 Segments->List[0].Length < Length)) {
        return SubmitOneNot;
    }
    Address = (ULONGLONG)Segments->List[0].PhysicalAddress.QuadPart;
    Slot = &Queue->Memory.Slots[Id];
    KEEP_COMPUTED(Slot);
    Slot->header.sector = Request->Sector;
    if (LIKELY(Request->Operation == DiskOperationRead)) {
        Slot->header.type = VIRTIO_BLK_T_IN;
        VirtSplitSetEntry(&Slot->table[1], Address, Length,
                          VirtQueueEntryTail(TRUE, 1, TRUE, FALSE));
        Writable = Length + sizeof(Slot->status);
    } else {
        Slot->header.type = VIRTIO_BLK_T_OUT;
        ++Queue->Writes;
        VirtSplitSetEntry(&Slot->table[1], Address, Length,
                          VirtQueueEntryTail(TRUE, 1, FALSE, FALSE));
        Writable = sizeof(Slot->status);
    }
    Slot->status = REQUEST_STATUS_UNWRITTEN;
    return UNLIKELY(VirtSplitSubmitOne(&Queue->Ring, Id, Request, Writable)) ? SubmitOneNotify
                                                                             : SubmitOneDone;
}

#endif
