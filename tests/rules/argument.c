/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: argument: is no pool memory of this adapter */
/* Frees memory that it was not given. */
#include "miniport.h"

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    UNREFERENCED_PARAMETER(Srb);
    if (Where != PlaceRead) {
        return FALSE;
    }
    StorPortFreePool(Extension, Extension->Disk + 16);
    return FALSE;
}
