/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * "Hardware" routines: build a virtio-blk request, submit it, complete it.
 */
#ifndef VIRTIO_STORE_HW_HELPER_H
#define VIRTIO_STORE_HW_HELPER_H

#include "virtio_store.h"

/* Puts a request at the end of a list. The list's owner serializes. */
VOID RequestListAppend(PREQUEST_LIST List, PSRB_EXTENSION Request);

/* Moves all of Source to the end of List. */
VOID RequestListConcat(PREQUEST_LIST List, PREQUEST_LIST Source);

/* Changes what the queue does with requests that come. The caller holds the queue's lock, or nothing
 * can run beside it. */
VOID QueueSetState(PVIO_QUEUE Queue, QUEUE_STATE State);

/*
 * Sends a request on its way: into the ring, or into the queue's waiting list, or, where there is no
 * device, straight to its completion. Takes the queue's lock. From StartIo. The request may be completed
 * before this returns. TRUE.
 */
BOOLEAN QueueSubmitRequest(PVIO_QUEUE Queue, PSRB_EXTENSION Request);

/* The same for a request of RequestKindDevice, by the queue that the port driver's hints for its SRB
 * select. Where StartIo holds the lock of the only queue it has failed QueueTrySubmitOne. */
BOOLEAN QueueSubmitSelected(PADAPTER_EXTENSION Adapter, PVOID Srb, PSRB_EXTENSION Request);

/*
 * Takes back what the device has used, sends what was waiting, and completes: takes the queue's lock, and
 * completes without it. IRQL <= DISPATCH_LEVEL.
 */
VOID QueueProcess(PVIO_QUEUE Queue);

/* The same, the body of a queue's DPC: whatever is more than one request may be left to another run. */
VOID QueueProcessInDpc(PVIO_QUEUE Queue);

/* QueueProcess for a queue whose interrupts come once for several completions
 * (CompletionsPerInterrupt). */
VOID QueueProcessAny(PVIO_QUEUE Queue);

/* The same for an interrupt routine that holds the lock already (no DPCs: PortWithQueueLock). */
VOID QueueProcessLocked(PVIO_QUEUE Queue);

/* Whether the device or the queue has requests. The caller holds the queue's lock, or nothing can run
 * beside it. */
BOOLEAN QueueHoldsRequests(const VIO_QUEUE *Queue);

/*
 * Takes all that the device has used, as a last look before a reset, and then lets the queue keep
 * what comes (QueueStopped). Finished requests are appended to *Finished. Returns how many the
 * device still holds. The caller holds the queue's lock.
 */
ULONG QueueStop(PVIO_QUEUE Queue, PREQUEST_LIST Finished);

/*
 * Gives up every request that the queue holds, submitted or waiting, as Result, and makes the ring
 * new. Only after the device was reset. The caller holds the queue's lock, or nothing can run
 * beside it. Given up requests are appended to *Finished.
 */
VOID QueueAbandon(PVIO_QUEUE Queue, REQUEST_RESULT Result, PREQUEST_LIST Finished);

/* Gives up as Result what waits in the queue, and so is not the device's. The caller holds the queue's
 * lock. */
VOID QueueAbandonWaiting(PVIO_QUEUE Queue, REQUEST_RESULT Result, PREQUEST_LIST Finished);

/* Makes the ring of a queue without outstanding requests new. The device does not know it, or was
 * reset. The caller holds the queue's lock, or nothing can run beside it. */
VOID QueueRenewRing(PVIO_QUEUE Queue);

/* Lets a stopped queue run and sends what has gathered. The caller holds the queue's lock, or
 * nothing can run beside it; the device has DRIVER_OK. */
VOID QueueResume(PVIO_QUEUE Queue, PREQUEST_LIST Finished);

/*
 * Submits a request to a stopped queue whose device works, and takes back by looking, without
 * interrupts: for the driver's own requests at start. Nothing else may use the queue meanwhile.
 * QueueSubmitPolled: FALSE if there is no room. QueuePoll: VirtQueueElement once the request is
 * Finished.
 */
BOOLEAN QueueSubmitPolled(PVIO_QUEUE Queue, PSRB_EXTENSION Request);
VIRTQUEUE_RESULT QueuePoll(PVIO_QUEUE Queue);

/*
 * Sets the results of an SRB that carried a SCSI command: status, sense data where there is room
 * for it (with ScsiStatus CHECK CONDITION; Sense may be NULL otherwise), bytes transferred.
 */
VOID SrbSetCommandResult(PVOID Srb, UCHAR ScsiStatus, const SCSI_DISK_SENSE *Sense,
                         ULONG Transferred);

/* Sets the results of an SRB that never got as far as a SCSI status. */
VOID SrbSetPortResult(PVOID Srb, UCHAR SrbStatus);

/* Completes every request of a list, which is empty afterwards. No lock held. IRQL <= DIRQL. */
VOID CompleteRequests(PADAPTER_EXTENSION Adapter, PREQUEST_LIST Finished);

#endif
