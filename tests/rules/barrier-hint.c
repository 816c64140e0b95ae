/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: nothing */
/* EXPECT-arm64: barrier: what the device wants to be told is loaded with no barrier */
/* SCRIPT: cdb 28 00 00 00 00 00 00 00 01 00 in 512 */
/* Looks at avail_event with nothing but a store barrier behind the store of the index. */
#include "miniport.h"

#if defined(_M_ARM64)
#define STORE_BARRIER() __asm__ __volatile__("dmb oshst" ::: "memory")
#else
#define STORE_BARRIER() KeMemoryBarrierWithoutFence()
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
    STORE_BARRIER();
    Extension->Count += *DeviceAvailEvent(Extension);
    DeviceNotify(Extension);
    return TRUE;
}
