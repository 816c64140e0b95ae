/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: dump: the device was not */
/* OPTIONS: --transport=legacy */
/* SCRIPT: crash; dump-start; dump-write 0 8 1 */
/* Leaves the device as the first copy had it. */
#include "miniport.h"

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    UNREFERENCED_PARAMETER(Srb);
    if (Where == PlaceInitialize) {
        DeviceStart(Extension);
        DeviceWriteStatus(Extension, DEVICE_DRIVER_OK);
    }
    return FALSE;
}
