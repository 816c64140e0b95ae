/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: nothing */
/* SCRIPT: write 0 8 1; crash; dump-start; dump-write 0 8 2; dump-write 20 100 3; dump-verify 0 8 2; dump-verify 20 100 3; dump-flush; dump-end */
/* Keeps all rules, also as the copy that writes a dump. */
#include "miniport.h"

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    UNREFERENCED_PARAMETER(Where);
    UNREFERENCED_PARAMETER(Extension);
    UNREFERENCED_PARAMETER(Srb);
    return FALSE;
}
