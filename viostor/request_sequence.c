/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Commands that take several requests of the device (RequestKindSequence): from one step to the next. A
 * read or write becomes such a one when it turns out to need more segments than the device takes at once
 * (RequestMakeSequence).
 *
 * What the steps are, scsi_sequence.c knows. Steps that read or write memory of the driver use queue
 * 0's scratch memory, which one command has at a time. The next ones that need it wait in a list of their
 * own, so that nothing else waits for them.
 */
#include "request.h"

#include "virtio_store_hw_helper.h"

VOID QueueReleaseScratch(PVIO_QUEUE Queue, const SRB_EXTENSION *Request)
{
    SCRATCH_MEMORY *Scratch = &Queue->Scratch;

    if (Scratch->Owner != Request) {
        return;
    }
    Scratch->Owner = Scratch->Waiting.Head;
    if (Scratch->Owner != NULL) {
        Scratch->Waiting.Head = Scratch->Owner->Next;
        QueuePlaceStep(Queue, Scratch->Owner);
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

BOOLEAN QueueAdvanceSequence(PVIO_QUEUE Queue, PSRB_EXTENSION Request, UCHAR Status)
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
    QueueReleaseScratch(Queue, Request);
    Request->Result = RequestResultSequence;
    return FALSE;
}

VOID RequestMakeSequence(PSRB_EXTENSION Request)
{
    ScsiSequenceBeginTransfer(&Request->Sequence, (DISK_OPERATION)Request->Operation,
                              Request->Sector, Request->Length);
    Request->Kind = RequestKindSequence;
    Request->Operation = DiskOperationNone;
    Request->CommandSegments = Request->Segments;
}

SUBMIT_RESULT QueueBeginSequence(PVIO_QUEUE Queue, PSRB_EXTENSION Request)
{
    if (ScsiSequenceIsRanges(Request->Sequence.Kind)) {
        return QueueGatherRanges(Queue, Request);
    }
    if (ScsiSequenceNeedsScratch(Request->Sequence.Kind)) {
        if (Queue->Scratch.Owner != NULL && Queue->Scratch.Owner != Request) {
            RequestListAppend(&Queue->Scratch.Waiting, Request);
            return SubmitParked;
        }
        Queue->Scratch.Owner = Request;
    }
    return QueueAdvanceSequence(Queue, Request, VIRTIO_BLK_S_OK) ? SubmitDone : SubmitEnded;
}
