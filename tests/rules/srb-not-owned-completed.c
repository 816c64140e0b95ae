/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: srb-not-owned: which is already completed */
/* Asks for the scatter/gather list of a request that it has completed. */
#include "miniport.h"

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    if (Where != PlaceRead) {
        return FALSE;
    }
    Complete(Extension, Srb, SRB_STATUS_SUCCESS);
    (VOID) StorPortGetScatterGatherList(Extension, Srb);
    return TRUE;
}
