/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: nothing */
/* EXPECT-arm64: barrier: behind the entry that it offers */
/* SCRIPT: cdb 28 00 00 00 00 00 00 00 01 00 in 512 */
/* Stores an entry of the available ring and the index that offers it, with no barrier between. */
#include "miniport.h"

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    if (Where == PlaceInitialize) {
        DeviceStart(Extension);
        DeviceWriteStatus(Extension, DEVICE_DRIVER_OK);
    }
    if (Where != PlaceRead) {
        return FALSE;
    }
    DeviceSubmit(Extension, Srb, 0);
    /* Once more, as it stands there already. */
    DeviceAvailable(Extension)[2] = DeviceAvailable(Extension)[2];
    DeviceAvailable(Extension)[1] = Extension->Device.Submitted;
    DeviceNotify(Extension);
    return TRUE;
}
