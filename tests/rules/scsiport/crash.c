/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: crash:  */
/* Follows a null pointer. */
#include "scsi_miniport.h"

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    UNREFERENCED_PARAMETER(Srb);
    if (Where != PlaceRead) {
        return FALSE;
    }
    Extension->Count += *(volatile ULONG *)Extension->Spare;
    return FALSE;
}
