/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: phase: no lock may be taken there */
/* Takes a lock in HwFindAdapter. */
#include "miniport.h"

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    STOR_LOCK_HANDLE Lock;
    UNREFERENCED_PARAMETER(Srb);
    if (Where == PlaceFindAdapter) {
        StorPortAcquireSpinLock(Extension, InterruptLock, NULL, &Lock);
    }
    return FALSE;
}
