/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Commands that are ranges: UNMAP, and WRITE SAME of zeroes where the device does that. They are cut into
 * pieces as the device takes them. A piece does not depend on another, so the request path puts several
 * into one request, as far as the device allows (max_discard_seg), and has several requests at the
 * device at once. The first piece that fails fails the command; what has been begun then is ended,
 * and nothing more is begun.
 *
 * A device may refuse (UNSUPP) what it offers:
 *   - several ranges in a request to discard: from then on they come one by one; the command ends with
 *     ABORTED COMMAND, so that Windows sends it again;
 *   - a request to discard: nothing has to be given up, so the command has done what it must; UNMAP is no
 *     longer offered;
 *   - a request to zero: zeroes are written instead, also by all later commands.
 */
#include "scsi_internal.h"

/* ---- Pieces ---- */

/* Sectors of the next piece of a discard: pieces end where the device's grains do, so that none is
 * cut in two. Grains of a size that is no power of two are nobody's, and cut as it comes. */
static ULONG DiscardPiece(const SCSI_DISK *Disk, const DISK_SEQUENCE *Sequence)
{
    const ULONG Grain = Disk->DiscardAlignment;
    const ULONG Most = Disk->DiscardSectors;
    const ULONG Cut = ((ULONG)Sequence->Sector + Most) & (Grain - 1);

    return Sequence->Remaining > Most && Cut < Most && (Grain & (Grain - 1)) == 0 ? Most - Cut
                                                                                  : Most;
}

/* Goes on to the next range of an UNMAP that is not empty. FALSE: there is none, or it is not what
 * was judged before, because somebody has changed the list: such a list is ended there. */
static BOOLEAN NextUnmapRange(const SCSI_DISK *Disk, PDISK_SEQUENCE Sequence)
{
    DISK_RANGE Range;
    ULONGLONG FirstBad;

    while (Sequence->Position < Sequence->Count) {
        ScsiReadUnmapRange(Sequence->Data, Sequence->Position++, &Range);
        if (!ScsiCheckRange(Disk, Range, &FirstBad) || Range.Count > Disk->UnmapBlocks) {
            return FALSE;
        }
        if (Range.Count != 0) {
            Sequence->Sector = Range.First << Disk->BlockShift;
            Sequence->Remaining = (ULONGLONG)Range.Count << Disk->BlockShift;
            return TRUE;
        }
    }
    return FALSE;
}

BOOLEAN ScsiRangesMore(const SCSI_DISK *Disk, PDISK_SEQUENCE Sequence)
{
    if (Sequence->Ended) {
        return FALSE;
    }
    if (Sequence->Remaining == 0 &&
        (Sequence->Kind != SequenceUnmap || !NextUnmapRange(Disk, Sequence))) {
        return FALSE;
    }
    if (!ScsiSequenceIsOffered(Disk, Sequence)) {
        Sequence->Ended = TRUE;
        ScsiSetSense(&Sequence->Sense, SCSI_SENSE_ILLEGAL_REQUEST, ScsiAscInvalidOpcode);
        Sequence->ScsiStatus = SCSISTAT_CHECK_CONDITION;
        return FALSE;
    }
    return TRUE;
}

void ScsiRangesNext(const SCSI_DISK *Disk, PDISK_SEQUENCE Sequence, PDISK_STEP Step)
{
    ULONG Most = Disk->ZeroesSectors;

    Step->Operation = DiskOperationZero;
    if (Sequence->Kind == SequenceUnmap) {
        Most = DiscardPiece(Disk, Sequence);
        Step->Operation = DiskOperationDiscard;
    } else if (Sequence->Kind == SequenceZeroUnmap) {
        Step->Operation = DiskOperationZeroUnmap;
    }
    Step->Data = StepDataNone;
    Step->Sector = Sequence->Sector;
    Step->Length = Sequence->Remaining < Most ? (ULONG)Sequence->Remaining : Most;
    Sequence->Sector += Step->Length;
    Sequence->Remaining -= Step->Length;
}

ULONG ScsiRangesOfRequest(const SCSI_DISK *Disk, const DISK_SEQUENCE *Sequence)
{
    return Sequence->Kind == SequenceUnmap ? Disk->DiscardRanges : 1;
}

/* ---- The end ---- */

/* The device does not do what it offers. */
static void TakeRefusal(PSCSI_DISK Disk, PDISK_SEQUENCE Sequence, ULONG Pieces)
{
    if (Sequence->Kind != SequenceUnmap) {
        Disk->ZeroesRefused = TRUE;
    } else if (Pieces > 1) {
        Disk->DiscardRanges = 1;
        ScsiSetSense(&Sequence->Sense, SCSI_SENSE_ABORTED_COMMAND, ScsiAscIoProcessTerminated);
        Sequence->ScsiStatus = SCSISTAT_CHECK_CONDITION;
    } else {
        Disk->DiscardRefused = TRUE;
    }
}

void ScsiRangesDone(PSCSI_DISK Disk, PDISK_SEQUENCE Sequence, UCHAR DeviceStatus, ULONG Pieces)
{
    if (DeviceStatus == DeviceStatusOk) {
        return;
    }
    Sequence->Ended = TRUE;
    if (Sequence->ScsiStatus != SCSISTAT_GOOD) {
        return; /* another one was first */
    }
    if (DeviceStatus == DeviceStatusUnsupported) {
        TakeRefusal(Disk, Sequence, Pieces);
    } else {
        Sequence->ScsiStatus =
            ScsiTranslateCompletion(DiskOperationDiscard, DeviceStatus, &Sequence->Sense);
    }
}

BOOLEAN ScsiRangesEnd(PSCSI_DISK Disk, PDISK_SEQUENCE Sequence)
{
    if (Sequence->ScsiStatus != SCSISTAT_GOOD) {
        return FALSE;
    }
    if (Sequence->Kind != SequenceUnmap && Sequence->Ended && Disk->ZeroesRefused) {
        /* From the beginning: which pieces were zeroed does not matter. */
        Sequence->Sector -= Sequence->Count - Sequence->Remaining;
        Sequence->Remaining = Sequence->Count;
        Sequence->Kind = SequenceWriteSame;
        return TRUE;
    }
    Sequence->Transferred = Sequence->Length;
    return FALSE;
}
