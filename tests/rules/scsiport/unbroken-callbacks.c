/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: nothing */
/* SCRIPT: async a*20 cdb 28 00 00 00 00 05 00 00 08 00 in 4096; wait a; cdb 28 00 00 00 00 05 00 00 08 00 in 4096 */
/* Serves interrupts by CallEnableInterrupts and CallDisableInterrupts. */
#include "scsi_miniport.h"

/* Their names in SCSIPort's days. */
#define CallDisableInterrupts _obsolete1
#define CallEnableInterrupts  _obsolete2

static HW_INTERRUPT EnableCallback;
static HW_INTERRUPT DisableCallback;

static BOOLEAN NTAPI EnableCallback(PVOID DeviceExtension)
{
    ScsiPortNotification(CallDisableInterrupts, DeviceExtension, DisableCallback);
    return TRUE;
}

static BOOLEAN NTAPI DisableCallback(PVOID DeviceExtension)
{
    return ServeInterrupt(DeviceExtension);
}

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    if (Where == PlaceInitialize) {
        DeviceStart(Extension);
        DeviceWriteStatus(Extension, DEVICE_DRIVER_OK);
    }
    if (Where == PlaceInterrupt) {
        ScsiPortNotification(CallEnableInterrupts, Extension, EnableCallback);
        return TRUE;
    }
    if (Where != PlaceRead) {
        return FALSE;
    }
    DeviceSubmit(Extension, Srb, 0);
    DeviceNotify(Extension);
    return TRUE;
}
