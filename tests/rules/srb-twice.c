/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: srb-twice: which is already completed */
/* Completes a request twice. */
#include "miniport.h"

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    if (Where != PlaceRead) {
        return FALSE;
    }
    Complete(Extension, Srb, SRB_STATUS_SUCCESS);
    StorPortNotification(RequestComplete, Extension, Srb);
    return TRUE;
}
