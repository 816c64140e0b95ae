/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: srb-status: is completed with DataTransferLength */
/* Says that more was moved than was asked for. */
#include "scsi_miniport.h"

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    if (Where != PlaceRead) {
        return FALSE;
    }
    Srb->DataTransferLength += 1;
    Complete(Extension, Srb, SRB_STATUS_SUCCESS);
    return TRUE;
}
