/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: nothing */
/* OPTIONS: --clock=manual --device=scripted: */
/* SCRIPT: crash; dump-start; dump-write 0 8 1; expect srb=timeout; check dump.timeouts = 1; check dump.bus_resets = 1; dump-write 0 8 1; expect srb=timeout */
/* Never completes a request in dump mode: the dump ends there, after a reset. */
#include "miniport.h"

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    UNREFERENCED_PARAMETER(Extension);
    return Where == PlaceDumpStartIo && Srb->Function == SRB_FUNCTION_EXECUTE_SCSI &&
           Srb->Cdb[0] == SCSIOP_WRITE;
}
