/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: memory: SRB */
/* Looks into a request that it has completed. */
#include "scsi_miniport.h"

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    volatile SCSI_REQUEST_BLOCK *Late = Srb;

    if (Where != PlaceRead) {
        return FALSE;
    }
    Complete(Extension, Srb, SRB_STATUS_SUCCESS);
    Extension->Count += Late->SrbStatus;
    return TRUE;
}
