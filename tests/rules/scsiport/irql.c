/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: irql: ScsiPortGetDeviceBase called at IRQL */
/* Maps registers at DIRQL. */
#include "scsi_miniport.h"

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    SCSI_PHYSICAL_ADDRESS Nowhere = {0};

    UNREFERENCED_PARAMETER(Srb);
    if (Where == PlaceInitialize) {
        (VOID) ScsiPortGetDeviceBase(Extension, PCIBus, 0, Nowhere, 16, TRUE);
    }
    return FALSE;
}
