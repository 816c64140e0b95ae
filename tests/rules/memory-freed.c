/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: memory: freed */
/* Writes into pool memory that it has given back. */
#include "miniport.h"

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    UNREFERENCED_PARAMETER(Srb);
    if (Where != PlacePassiveInitialize) {
        return FALSE;
    }
    (VOID) StorPortAllocatePool(Extension, 64, POOL_TAG, &Extension->Spare);
    StorPortFreePool(Extension, Extension->Spare);
    *(volatile UCHAR *)Extension->Spare = 1;
    return FALSE;
}
