/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: double-fetch: the id of used element */
/* SCRIPT: cdb 28 00 00 00 00 00 00 00 01 00 in 512 */
/* Fetches a used element's id twice. */
#include "scsi_miniport.h"

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    if (Where == PlaceInitialize) {
        DeviceStart(Extension);
        DeviceWriteStatus(Extension, DEVICE_DRIVER_OK);
    }
    if (Where == PlaceUsed) {
        Extension->Count += DeviceUsedElement(Extension)[0];
    }
    if (Where != PlaceRead) {
        return FALSE;
    }
    DeviceSubmit(Extension, Srb, 0);
    DeviceNotify(Extension);
    return TRUE;
}
