/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: nothing */
/* SCRIPT: cdb 28 00 00 00 00 00 00 00 01 00 in 512; cdb 28 00 00 00 00 05 00 00 08 00 in 4096 scatter 1024; async a*20 cdb 28 00 00 00 00 05 00 00 08 00 in 4096; wait a; check counters.interrupts >= 1 */
/* Reads from the device and keeps all rules. */
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
    DeviceSubmit(Extension, Srb, 0);
    DeviceNotify(Extension);
    return TRUE;
}
