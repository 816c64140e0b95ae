/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: srb-status: HwBuildIo completed a request and returned TRUE */
/* Completes a request in HwBuildIo and has it started all the same. */
#include "miniport.h"

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    if (Where != PlaceBuildIo || Srb->Function != SRB_FUNCTION_EXECUTE_SCSI ||
        Srb->Cdb[0] != SCSIOP_READ) {
        return FALSE;
    }
    Complete(Extension, Srb, SRB_STATUS_SUCCESS);
    return FALSE;
}
