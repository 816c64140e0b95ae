/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: stall: this call of HwStartIo has stalled its processor for more than 2000 milliseconds */
/* OPTIONS: --clock=manual --vectors=0 */
/* Waits for something that does not come, in stalls that are each short enough. */
#include "miniport.h"

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    UNREFERENCED_PARAMETER(Srb);
    if (Where != PlaceRead) {
        return FALSE;
    }
    while (*(volatile PVOID *)&Extension->Spare == NULL) {
        StorPortStallExecution(500);
    }
    return FALSE;
}
