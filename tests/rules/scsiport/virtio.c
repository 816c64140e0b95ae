/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: virtio: a doorbell before DRIVER_OK */
/* Rings before DRIVER_OK. */
#include "scsi_miniport.h"

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    UNREFERENCED_PARAMETER(Srb);
    if (Where == PlaceInitialize) {
        DeviceStart(Extension);
        DeviceNotify(Extension);
    }
    return FALSE;
}
