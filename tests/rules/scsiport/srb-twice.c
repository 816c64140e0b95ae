/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: srb-twice: already completed */
/* Completes a request twice. */
#include "scsi_miniport.h"

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    if (Where != PlaceRead) {
        return FALSE;
    }
    Complete(Extension, Srb, SRB_STATUS_SUCCESS);
    ScsiPortNotification(RequestComplete, Extension, Srb);
    return TRUE;
}
