/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: dump: which still serves the first copy */
/* OPTIONS: --transport=legacy */
/* SCRIPT: hibernate */
/* Resets the device when it is only asked to mark memory. */
#include "miniport.h"

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    UNREFERENCED_PARAMETER(Srb);
    if (Where == PlaceDumpFindAdapter) {
        DeviceFind(Extension, Extension->Config);
        DeviceWriteStatus(Extension, 0);
        DeviceWriteStatus(Extension, 1);
    }
    return FALSE;
}
