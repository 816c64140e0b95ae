/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: irql: StorPortAllocateRegistryBuffer called at IRQL 2 */
/* Calls at DISPATCH_LEVEL what is for PASSIVE_LEVEL. */
#include "miniport.h"

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    ULONG Length = 16;
    UNREFERENCED_PARAMETER(Srb);
    if (Where != PlaceRead) {
        return FALSE;
    }
    (VOID) StorPortAllocateRegistryBuffer(Extension, &Length);
    return FALSE;
}
