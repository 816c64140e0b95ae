/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: dma-grant: lie in no live grant */
/* Tells the device of more bytes than the buffer has. */
#include "scsi_miniport.h"

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    if (Where == PlaceInitialize) {
        DeviceStart(Extension);
        DeviceWriteStatus(Extension, DEVICE_DRIVER_OK);
    }
    if (Where != PlaceRead) {
        return FALSE;
    }
    DeviceSubmit(Extension, Srb, 4096);
    DeviceNotify(Extension);
    return TRUE;
}
