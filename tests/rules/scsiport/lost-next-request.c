/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: lost-request: without NextRequest */
/* Completes a request and never says that it takes another. */
#include "scsi_miniport.h"

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    UNREFERENCED_PARAMETER(Extension);
    if (Where != PlaceStartIo || Srb->Function != SRB_FUNCTION_EXECUTE_SCSI ||
        Srb->Cdb[0] != SCSIOP_READ) {
        return FALSE;
    }
    Srb->ScsiStatus = SCSISTAT_GOOD;
    Complete(Extension, Srb, SRB_STATUS_SUCCESS);
    return TRUE;
}
