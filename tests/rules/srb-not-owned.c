/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: srb-not-owned: which is no SRB of the driver's */
/* Completes what was never a request. */
#include "miniport.h"

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    static SCSI_REQUEST_BLOCK Own;
    UNREFERENCED_PARAMETER(Srb);
    if (Where != PlaceRead) {
        return FALSE;
    }
    Complete(Extension, &Own, SRB_STATUS_SUCCESS);
    return FALSE;
}
