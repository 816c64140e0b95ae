/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: dump: no clock runs */
/* SCRIPT: crash; dump-start; dump-write 0 8 1 */
/* Asks for the time in dump mode. */
#include "miniport.h"

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    LARGE_INTEGER Time;

    UNREFERENCED_PARAMETER(Extension);
    UNREFERENCED_PARAMETER(Srb);
    if (Where == PlaceDumpStartIo) {
        StorPortQuerySystemTime(&Time);
    }
    return FALSE;
}
