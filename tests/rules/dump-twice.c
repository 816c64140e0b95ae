/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: srb-twice: RequestComplete */
/* SCRIPT: crash; dump-start; dump-write 0 8 1 */
/* Completes a request twice in dump mode. */
#include "miniport.h"

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    if (Where == PlaceDumpStartIo) {
        Complete(Extension, Srb, SRB_STATUS_SUCCESS);
        StorPortNotification(RequestComplete, Extension, Srb);
    }
    return FALSE;
}
