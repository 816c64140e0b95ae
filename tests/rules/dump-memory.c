/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: nothing */
/* SCRIPT: crash; dump-start; dump-write 0 8 1; check dump.uncached_bytes = 16384 */
/* Wants more memory than a dump has: it is not given. */
#include "miniport.h"

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    UNREFERENCED_PARAMETER(Srb);
    if (Where == PlaceDumpFindAdapter) {
        Extension->Spare = StorPortGetUncachedExtension(Extension, Extension->Config, 32768);
        NT_ASSERT(Extension->Spare == NULL);
    }
    return FALSE;
}
