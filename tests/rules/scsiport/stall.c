/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: stall: ScsiPortStallExecution for 5000 microseconds */
/* Stalls a processor for too long. */
#include "scsi_miniport.h"

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    UNREFERENCED_PARAMETER(Extension);
    UNREFERENCED_PARAMETER(Srb);
    if (Where != PlaceRead) {
        return FALSE;
    }
    ScsiPortStallExecution(5000);
    return FALSE;
}
