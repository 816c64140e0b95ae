/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: dma-grant: queue 0, descriptors */
/* Tells the device of a ring that lies in memory of nobody's. */
#include "miniport.h"

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    UNREFERENCED_PARAMETER(Srb);
    if (Where == PlaceInitialize) {
        Extension->Device.Address = 0x1000;
        DeviceStart(Extension);
    }
    return FALSE;
}
