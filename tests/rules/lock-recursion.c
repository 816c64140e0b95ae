/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: lock-recursion: is taken by the processor that holds it */
/* Takes the interrupt lock twice. */
#include "miniport.h"

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    STOR_LOCK_HANDLE First, Second;
    UNREFERENCED_PARAMETER(Srb);
    if (Where != PlaceRead) {
        return FALSE;
    }
    StorPortAcquireSpinLock(Extension, InterruptLock, NULL, &First);
    StorPortAcquireSpinLock(Extension, InterruptLock, NULL, &Second);
    return FALSE;
}
