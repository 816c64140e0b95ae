/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: nothing */
/* EXPECT-arm64: barrier: used element 0 is loaded with no barrier */
/* SCRIPT: cdb 28 00 00 00 00 00 00 00 01 00 in 512 */
/* Loads a used element right behind the index that tells of it. */
#include "miniport.h"

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    if (Where == PlaceInitialize) {
        DeviceStart(Extension);
        DeviceWriteStatus(Extension, DEVICE_DRIVER_OK);
    }
    if (Where == PlaceDpc && Extension->Device.Size != 0 &&
        *DeviceUsedIndex(Extension) != Extension->Device.Completed) {
        Extension->Count += DeviceUsedElement(Extension)[1];
    }
    if (Where != PlaceRead) {
        return FALSE;
    }
    DeviceSubmit(Extension, Srb, 0);
    DeviceNotify(Extension);
    return TRUE;
}
