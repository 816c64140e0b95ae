/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: virtio: a bit is taken back */
/* Takes back a bit of the status without a reset. */
#include "miniport.h"

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    if (Where == PlaceInitialize) {
        DeviceStart(Extension);
        DeviceWriteStatus(Extension, DEVICE_DRIVER_OK);
    }
    UNREFERENCED_PARAMETER(Srb);
    if (Where != PlaceRead) {
        return FALSE;
    }
    DeviceWriteStatus(Extension, 3);
    return FALSE;
}
