/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: late-dma: of the frozen system */
/* OPTIONS: --device=scripted:reset=late --transport=legacy */
/* SCRIPT: device hold 0; async a cdb 28 00 00 00 00 00 00 00 01 00 in 512; sleep 0.2; crash; dump-start; device write-late; dump-write 0 8 1 */
/* Resets the device, as it must; the device writes into the first copy's memory nevertheless. */
#include "miniport.h"

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    if (Where == PlaceInitialize) {
        DeviceStart(Extension);
        DeviceWriteStatus(Extension, DEVICE_DRIVER_OK);
    } else if (Where == PlaceDumpInitialize) {
        DeviceWriteStatus(Extension, 0);
        DeviceWriteStatus(Extension, 1);
    } else if (Where == PlaceRead) {
        DeviceSubmit(Extension, Srb, 0);
        DeviceNotify(Extension);
        return TRUE;
    }
    return FALSE;
}
