/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: hot-allocation: called in HwStartIo */
/* Allocates pool memory on the request path. */
#include "miniport.h"

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    UNREFERENCED_PARAMETER(Srb);
    if (Where != PlaceRead) {
        return FALSE;
    }
    (VOID) StorPortAllocatePool(Extension, 64, POOL_TAG, &Extension->Spare);
    return FALSE;
}
