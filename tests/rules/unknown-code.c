/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: unknown-code: StorPortExtendedFunction with the unknown code */
/* Calls an extended function that no Windows has. */
#include "miniport.h"

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    UNREFERENCED_PARAMETER(Srb);
    if (Where != PlaceRead) {
        return FALSE;
    }
    (VOID) StorPortExtendedFunction((STORPORT_FUNCTION_CODE)0x7777, Extension);
    return FALSE;
}
