/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: lock-order: returned with 2 locks held */
/* Returns from HwStartIo with the DPC lock held. */
#include "miniport.h"

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    static STOR_LOCK_HANDLE Lock;
    UNREFERENCED_PARAMETER(Srb);
    if (Where != PlaceRead) {
        return FALSE;
    }
    StorPortAcquireSpinLock(Extension, DpcLock, &Extension->Dpc, &Lock);
    return FALSE;
}
