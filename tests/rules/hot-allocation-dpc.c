/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: hot-allocation: called in HwDpcRoutine */
/* SCRIPT: read 0 1; idle */
/* Allocates pool memory in a DPC. */
#include "miniport.h"

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    UNREFERENCED_PARAMETER(Srb);
    if (Where == PlaceDpc) {
        (VOID) StorPortAllocatePool(Extension, 64, POOL_TAG, &Extension->Spare);
    }
    if (Where != PlaceRead) {
        return FALSE;
    }
    (VOID) StorPortIssueDpc(Extension, &Extension->Dpc, NULL, NULL);
    return FALSE;
}
