/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: srb-status: SRB_STATUS_PENDING */
/* Completes a request without a status. */
#include "scsi_miniport.h"

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    if (Where != PlaceRead) {
        return FALSE;
    }
    Complete(Extension, Srb, SRB_STATUS_PENDING);
    return TRUE;
}
