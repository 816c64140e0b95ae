/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: dump: resets the device in HwResetBus */
/* OPTIONS: --clock=manual --device=scripted: */
/* SCRIPT: crash; dump-start; dump-write 0 8 1 */
/* Does not disregard a reset of the bus in dump mode. */
#include "miniport.h"

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    if (Where == PlaceResetBus) {
        DeviceWriteStatus(Extension, 0);
        DeviceWriteStatus(Extension, 1); /* the reset is done, as far as a legacy device tells */
    }
    return Where == PlaceDumpStartIo && Srb->Function == SRB_FUNCTION_EXECUTE_SCSI &&
           Srb->Cdb[0] == SCSIOP_WRITE;
}
