/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: late-dma: wrote */
/* SCRIPT: hold; cdb 28 00 00 00 00 00 00 00 08 00 in 4096; cdb 28 00 00 00 00 08 00 00 08 00 in 4096; cdb 28 00 00 00 00 08 00 00 08 00 in 4096; release; sleep 0.3; idle */
/* Completes a read while the device still has its buffer. */
#include "scsi_miniport.h"

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    if (Where == PlaceInitialize) {
        DeviceStart(Extension);
        DeviceWriteStatus(Extension, DEVICE_DRIVER_OK);
    }
    if (Where == PlaceUsed) {
        return TRUE; /* the request is completed already */
    }
    if (Where != PlaceRead) {
        return FALSE;
    }
    DeviceSubmit(Extension, Srb, 0);
    DeviceNotify(Extension);
    Complete(Extension, Srb, SRB_STATUS_SUCCESS);
    return TRUE;
}
