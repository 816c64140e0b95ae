/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: ring-lock: queue 0: what it makes available is accessed by processor 1 with no lock */
/* OPTIONS: --device=scripted --processors=2 */
/* SCRIPT: cdb 28 00 00 00 00 00 00 00 01 00 in 512 processor 0; cdb 28 00 00 00 00 08 00 00 01 00 in 512 processor 1 */
/* Makes requests available in HwBuildIo, which StorPort calls on all processors at once. */
#include "miniport.h"

#define OPERATION_READ_10 0x28

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    if (Where == PlaceInitialize) {
        DeviceStart(Extension);
        DeviceWriteStatus(Extension, DEVICE_DRIVER_OK);
    }
    if (Where == PlaceBuildIo && Srb->Cdb[0] == OPERATION_READ_10) {
        DeviceSubmit(Extension, Srb, 0);
    }
    if (Where == PlaceRead) {
        DeviceNotify(Extension);
        return TRUE;
    }
    return FALSE;
}
