/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: nothing */
/* SCRIPT: write 0 40 1; async a*20 verify 0 1 1; wait a; verify 0 40 1 */
/* Completes reads in the timer routine; takes no other request meanwhile. */
#include "scsi_miniport.h"

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    if (Where == PlaceTimer) {
        PSCSI_REQUEST_BLOCK Waiting = (PSCSI_REQUEST_BLOCK)Extension->Spare;

        Waiting->ScsiStatus = SCSISTAT_GOOD;
        Waiting->SrbStatus = DiskScsi(Extension->Disk, Waiting);
        Complete(Extension, Waiting, Waiting->SrbStatus);
        ScsiPortNotification(NextRequest, Extension);
    }
    if (Where != PlaceStartIo || Srb->Function != SRB_FUNCTION_EXECUTE_SCSI ||
        Srb->Cdb[0] != SCSIOP_READ) {
        return FALSE;
    }
    Extension->Spare = Srb;
    TimerRequest(Extension, 1000);
    return TRUE;
}
