/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: phase: StorPortMarkDumpMemory */
/* SCRIPT: crash; dump-start; dump-write 0 8 1 */
/* Marks memory when it is too late. */
#include "miniport.h"

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    UNREFERENCED_PARAMETER(Srb);
    if (Where == PlaceDumpInitialize) {
        (VOID) StorPortMarkDumpMemory(Extension, Extension, sizeof(*Extension), 0);
    }
    return FALSE;
}
