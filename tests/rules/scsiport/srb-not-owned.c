/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: srb-not-owned: no SRB of the driver */
/* Completes what is no request. */
#include "scsi_miniport.h"

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    UNREFERENCED_PARAMETER(Srb);
    if (Where != PlaceRead) {
        return FALSE;
    }
    ScsiPortNotification(RequestComplete, Extension, Extension->Disk);
    return FALSE;
}
