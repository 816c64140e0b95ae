/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: stall: for 2000 microseconds */
/* SCRIPT: crash; dump-start; dump-write 0 8 1 */
/* Stalls for too long in dump mode. */
#include "miniport.h"

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    UNREFERENCED_PARAMETER(Extension);
    if (Where == PlaceDumpInterrupt) {
        StorPortStallExecution(2000);
    }
    return Where == PlaceDumpStartIo && Srb->Function == SRB_FUNCTION_EXECUTE_SCSI &&
           Srb->Cdb[0] == SCSIOP_WRITE;
}
