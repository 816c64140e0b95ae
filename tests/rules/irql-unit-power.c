/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: irql: StorPortAllocateRegistryBuffer called at IRQL 2 */
/* SCRIPT: read 0 1;power off */
/* Calls in HwUnitControl with ScsiUnitPower, which comes at DISPATCH_LEVEL, what is for PASSIVE_LEVEL. */
#include "miniport.h"

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    ULONG Length = 16;

    UNREFERENCED_PARAMETER(Srb);
    if (Where == PlaceUnitControl && Extension->UnitControl == ScsiUnitPower) {
        (VOID) StorPortAllocateRegistryBuffer(Extension, &Length);
    }
    return FALSE;
}
