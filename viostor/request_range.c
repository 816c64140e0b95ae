/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Commands that are ranges to be discarded or zeroed (ScsiSequenceIsRanges), on queue 0: several requests
 * of the device for one command, several at once.
 *
 *     SRB ──> Commands ──> a RANGE_STEP each for so many of its pieces ──> ring ──> ... ──> the SRB ends
 *             (round robin: a command with pieces left goes to the end)                  with its last one
 *
 * A command is in Commands as long as it has pieces that no request was made for. Its requests are those of
 * the adapter's RangeSteps: RANGE_STEPS of them, for all commands together, so that neither the host nor
 * the ring is filled by what is in no hurry. A request that finds no room in the ring waits for it like
 * any other.
 */
#include "request.h"

#include "virtio_store_hw_helper.h"

/* ---- The steps ---- */

static PSRB_EXTENSION FreeStep(PADAPTER_EXTENSION Adapter)
{
    ULONG Index;

    for (Index = 0; Index < RANGE_STEPS; ++Index) {
        if (Adapter->RangeSteps[Index].Range.Command == NULL) {
            return &Adapter->RangeSteps[Index];
        }
    }
    return NULL;
}

/* The list of ranges of a step, in memory that the device reads; NULL: each request has one range, which
 * its slot has room for. */
static pblk_range RangeList(PADAPTER_EXTENSION Adapter, const SRB_EXTENSION *Step)
{
    return Adapter->RangeLists == NULL
               ? NULL
               : Adapter->RangeLists + (Step - Adapter->RangeSteps) * DISK_REQUEST_RANGES;
}

ULONGLONG QueueRangeListAddress(const VIO_QUEUE *Queue, const SRB_EXTENSION *Step)
{
    const ADAPTER_EXTENSION *Adapter = Queue->Adapter;

    return Adapter->RangeListsAddress +
           (ULONGLONG)(Step - Adapter->RangeSteps) * DISK_REQUEST_RANGES * sizeof(blk_range);
}

/* Makes a request for the next pieces of a command, which has some. */
static VOID FillStep(PADAPTER_EXTENSION Adapter, PSRB_EXTENSION Step, PSRB_EXTENSION Command)
{
    pblk_range List = RangeList(Adapter, Step);
    /* The list is one segment. */
    const ULONG Fit = max(1, Adapter->Limits.SegmentBytes / (ULONG)sizeof(blk_range));
    const ULONG Most =
        List == NULL ? 1 : min(Fit, ScsiRangesOfRequest(&Adapter->Disk, &Command->Sequence));
    DISK_STEP Piece;

    Step->Unusual = 0;
    Step->Kind = RequestKindRange;
    Step->Srb = NULL;
    Step->Segments = NULL;
    Step->StepData = StepDataNone;
    Step->Range.Command = Command;
    Step->Range.Pieces = 0;
    do {
        ScsiRangesNext(&Adapter->Disk, &Command->Sequence, &Piece);
        if (Step->Range.Pieces == 0) {
            Step->Operation = Piece.Operation;
            Step->Sector = Piece.Sector;
            Step->Length = Piece.Length;
        }
        if (List != NULL) {
            List[Step->Range.Pieces].sector = Piece.Sector;
            List[Step->Range.Pieces].num_sectors = Piece.Length;
            List[Step->Range.Pieces].flags =
                Piece.Operation == DiskOperationZeroUnmap ? VIRTIO_BLK_RANGE_F_UNMAP : 0;
        }
        ++Step->Range.Pieces;
    } while (Step->Range.Pieces < Most && ScsiRangesMore(&Adapter->Disk, &Command->Sequence));
    ++Command->Sequence.Outstanding;
}

/* ---- Commands ---- */

SUBMIT_RESULT QueueGatherRanges(PVIO_QUEUE Queue, PSRB_EXTENSION Request)
{
    PSCSI_DISK Disk = &Queue->Adapter->Disk;

    if (ScsiRangesMore(Disk, &Request->Sequence)) {
        RequestListAppend(&Queue->RangeCommands, Request);
        return SubmitParked;
    }
    (VOID) ScsiRangesEnd(Disk, &Request->Sequence);
    Request->Result = RequestResultSequence;
    return SubmitEnded;
}

BOOLEAN QueueRangesAreDue(const VIO_QUEUE *Queue)
{
    return Queue->RangeCommands.Head != NULL && FreeStep(Queue->Adapter) != NULL;
}

VOID QueueBeginRanges(PVIO_QUEUE Queue)
{
    PADAPTER_EXTENSION Adapter = Queue->Adapter;
    PSRB_EXTENSION Step;

    while (Queue->RangeCommands.Head != NULL && (Step = FreeStep(Adapter)) != NULL) {
        PSRB_EXTENSION Command = Queue->RangeCommands.Head;

        Queue->RangeCommands.Head = Command->Next;
        FillStep(Adapter, Step, Command);
        if (ScsiRangesMore(&Adapter->Disk, &Command->Sequence)) {
            RequestListAppend(&Queue->RangeCommands, Command);
        }
        RequestListAppend(&Queue->Waiting, Step); /* it is in no hurry */
    }
}

/* Takes a command out of the list, if it is there. */
static VOID Unlist(PVIO_QUEUE Queue, const SRB_EXTENSION *Command)
{
    REQUEST_LIST Others = {NULL, NULL};

    while (Queue->RangeCommands.Head != NULL) {
        PSRB_EXTENSION Other = Queue->RangeCommands.Head;

        Queue->RangeCommands.Head = Other->Next;
        if (Other != Command) {
            RequestListAppend(&Others, Other);
        }
    }
    Queue->RangeCommands = Others;
}

/* A request of a command is no more. Returns the command if that was all of it, else NULL. */
static PSRB_EXTENSION ReleaseStep(PSRB_EXTENSION Step)
{
    PSRB_EXTENSION Command = Step->Range.Command;

    Step->Range.Command = NULL;
    return --Command->Sequence.Outstanding == 0 ? Command : NULL;
}

PSRB_EXTENSION QueueEndRanges(PVIO_QUEUE Queue, PSRB_EXTENSION Step, UCHAR DeviceStatus)
{
    PSCSI_DISK Disk = &Queue->Adapter->Disk;
    PSRB_EXTENSION Command = Step->Range.Command;

    ScsiRangesDone(Disk, &Command->Sequence, DeviceStatus, Step->Range.Pieces);
    if (Command->Sequence.Ended) {
        Unlist(Queue, Command);
    }
    if (ReleaseStep(Step) == NULL || ScsiRangesMore(Disk, &Command->Sequence)) {
        return NULL;
    }
    if (ScsiRangesEnd(Disk, &Command->Sequence)) {
        QueuePlaceStep(Queue, Command); /* it is another sequence now, which begins */
        return NULL;
    }
    Command->Result = RequestResultSequence;
    Command->Next = NULL;
    return Command;
}

/* ---- Given up ---- */

VOID QueueAbandonRangeCommands(PVIO_QUEUE Queue, REQUEST_RESULT Result, PREQUEST_LIST Finished)
{
    while (Queue->RangeCommands.Head != NULL) {
        PSRB_EXTENSION Command = Queue->RangeCommands.Head;

        Queue->RangeCommands.Head = Command->Next;
        Command->Sequence.Ended = TRUE;
        if (Command->Sequence.Outstanding == 0) {
            Command->Result = (UCHAR)Result;
            RequestListAppend(Finished, Command);
        }
    }
}

VOID QueueAbandonRangeStep(PSRB_EXTENSION Step, REQUEST_RESULT Result, PREQUEST_LIST Finished)
{
    PSRB_EXTENSION Command = Step->Range.Command;

    Command->Sequence.Ended = TRUE;
    if (ReleaseStep(Step) != NULL) {
        Command->Result = (UCHAR)Result;
        RequestListAppend(Finished, Command);
    }
}
