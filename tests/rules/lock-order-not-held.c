/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: lock-order: is not the one that was taken last */
/* Releases a lock twice. */
#include "miniport.h"

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    STOR_LOCK_HANDLE Lock;
    UNREFERENCED_PARAMETER(Srb);
    if (Where != PlaceRead) {
        return FALSE;
    }
    StorPortAcquireSpinLock(Extension, InterruptLock, NULL, &Lock);
    StorPortReleaseSpinLock(Extension, &Lock);
    StorPortReleaseSpinLock(Extension, &Lock);
    return FALSE;
}
