/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: memory: a section without that access */
/* Writes into its own code. */
#include "miniport.h"

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    UNREFERENCED_PARAMETER(Srb);
    UNREFERENCED_PARAMETER(Extension);
    if (Where != PlaceRead) {
        return FALSE;
    }
    *(volatile UCHAR *)(ULONG_PTR)&BreakRule = 0;
    return FALSE;
}
