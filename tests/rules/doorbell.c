/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: doorbell: none came */
/* OPTIONS: --timeout=1 */
/* SCRIPT: sleep 1; cdb 28 00 00 00 00 00 00 00 01 00 in 512 */
/* Makes a request available and does not ring. */
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
    return TRUE;
}
