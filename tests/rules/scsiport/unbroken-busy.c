/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: nothing */
/* SCRIPT: write 0 8 1; verify 0 8 1; verify 0 8 1; verify 0 8 1; verify 0 8 1; check counters.busy >= 1 */
/* Answers QUEUE FULL and BUSY now and then. */
#include "scsi_miniport.h"

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    if (Where != PlaceRead) {
        return FALSE;
    }
    if (++Extension->Count % 3 != 0) {
        return FALSE;
    }
    Srb->ScsiStatus = SCSISTAT_QUEUE_FULL;
    Srb->DataTransferLength = 0;
    Complete(Extension, Srb, Extension->Count % 2 == 0 ? SRB_STATUS_BUSY : SRB_STATUS_ERROR);
    return TRUE;
}
