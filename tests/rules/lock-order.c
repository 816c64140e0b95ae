/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: lock-order: lock is taken */
/* Takes the DPC lock behind the interrupt lock. */
#include "miniport.h"

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    STOR_LOCK_HANDLE First, Second;
    UNREFERENCED_PARAMETER(Srb);
    if (Where != PlaceRead) {
        return FALSE;
    }
    StorPortAcquireSpinLock(Extension, InterruptLock, NULL, &First);
    StorPortAcquireSpinLock(Extension, DpcLock, &Extension->Dpc, &Second);
    return FALSE;
}
