/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: phase: RequestTimerCall */
/* Asks for its timer where nothing runs under the interrupt lock. */
#include "scsi_miniport.h"

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    UNREFERENCED_PARAMETER(Srb);
    if (Where == PlaceFindAdapter) {
        TimerRequest(Extension, 1000);
    }
    return FALSE;
}
