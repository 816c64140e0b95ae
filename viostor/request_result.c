/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The end of a request: what became of it, written into its SRB, which then goes back to the port
 * driver. virtio_store_hw_helper.h has the interface.
 */
#include "request.h"
#include "virtio_store_hw_helper.h"

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
static VOID FinishByDevice(PSRB_EXTENSION Request)
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

VOID RequestCompleteUnusual(PADAPTER_EXTENSION Adapter, PSRB_EXTENSION Request)
{
    if (Request->Srb == NULL) {
        return; /* GET_ID: who sent it looks at it */
    }
    switch (Request->Result) {
    case RequestResultDevice:
        FinishByDevice(Request);
        break;
    case RequestResultSequence:
        FinishBySequence(Request);
        break;
    default:
        SrbSetPortResult(Request->Srb, ResultStatus((REQUEST_RESULT)Request->Result));
        break;
    }
    PortCompleteSrb(Adapter, Request->Srb);
}

VOID CompleteRequests(PADAPTER_EXTENSION Adapter, PREQUEST_LIST Finished)
{
    PSRB_EXTENSION First = Finished->Head;

    Finished->Head = NULL;
    RequestCompleteAll(Adapter, First);
}
