/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: lost-request: HwResetBus returned with every request completed */
/* SCRIPT: async one read 0 1; sleep 0.2; reset bus */
/* Says nothing after a bus reset that interrupted it. */
#include "scsi_miniport.h"

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    if (Where == PlaceResetBus) {
        ScsiPortCompleteRequest(Extension, SP_UNTAGGED, SP_UNTAGGED, SP_UNTAGGED,
                                SRB_STATUS_BUS_RESET);
        return TRUE;
    }
    return Where == PlaceStartIo && Srb->Function == SRB_FUNCTION_EXECUTE_SCSI &&
           Srb->Cdb[0] == SCSIOP_READ;
}
