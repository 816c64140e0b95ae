/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: late-dma: is given back while the device has a request that may write to it */
/* OPTIONS: --device=scripted:immediate=on,delay=5 */
/* SCRIPT: cdb 28 00 00 00 00 00 00 00 08 00 in 4096 */
/* Completes a read that the device has not answered; the scripted device knows what it has. */
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
    DeviceNotify(Extension);
    Complete(Extension, Srb, SRB_STATUS_SUCCESS);
    return TRUE;
}
