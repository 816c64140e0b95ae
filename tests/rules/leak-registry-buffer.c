/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: leak: registry buffer */
/* Does not give back a registry buffer. */
#include "miniport.h"

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    ULONG Length = 16;
    UNREFERENCED_PARAMETER(Srb);
    if (Where == PlaceFindAdapter) {
        (VOID) StorPortAllocateRegistryBuffer(Extension, &Length);
    }
    return FALSE;
}
