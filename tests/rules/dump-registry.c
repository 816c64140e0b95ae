/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: dump: there is no registry */
/* SCRIPT: crash; dump-start; dump-write 0 8 1 */
/* Reads the registry in dump mode. */
#include "miniport.h"

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    ULONG Length = 16;

    UNREFERENCED_PARAMETER(Srb);
    if (Where == PlaceDumpFindAdapter) {
        (VOID) StorPortAllocateRegistryBuffer(Extension, &Length);
    }
    return FALSE;
}
