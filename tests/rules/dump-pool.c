/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: dump: there is no memory but the uncached extension */
/* SCRIPT: crash; dump-start; dump-write 0 8 1 */
/* Allocates pool in dump mode. */
#include "miniport.h"

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    UNREFERENCED_PARAMETER(Srb);
    if (Where == PlaceDumpFindAdapter) {
        (VOID) StorPortAllocatePool(Extension, 64, POOL_TAG, &Extension->Spare);
    }
    return FALSE;
}
