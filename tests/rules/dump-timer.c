/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: dump: no timer runs */
/* SCRIPT: crash; dump-start; dump-write 0 8 1 */
/* Asks for a timer in dump mode. */
#include "miniport.h"

static HW_TIMER Timer;

static VOID NTAPI Timer(PVOID DeviceExtension)
{
    UNREFERENCED_PARAMETER(DeviceExtension);
}

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    UNREFERENCED_PARAMETER(Srb);
    if (Where == PlaceDumpStartIo) {
        StorPortNotification(RequestTimerCall, Extension, Timer, 1000);
    }
    return FALSE;
}
