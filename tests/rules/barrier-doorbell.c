/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: nothing */
/* EXPECT-arm64: barrier: the doorbell is rung with no barrier */
/* SCRIPT: cdb 28 00 00 00 00 00 00 00 01 00 in 512 */
/* Rings by a plain store right behind the store of the index. */
#include "miniport.h"

/* The accessors of StorPort hold a barrier on ARM64. */
#if defined(_M_ARM64)
#define RING(Extension) \
    (*(volatile USHORT *)((Extension)->Device.Ports + DEVICE_NOTIFY_REGISTER) = 0)
#else
#define RING(Extension) DeviceNotify(Extension)
#endif

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
    DeviceAvailable(Extension)[1] = Extension->Device.Submitted;
    RING(Extension);
    return TRUE;
}
