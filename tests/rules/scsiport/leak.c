/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: leak: mapped device base */
/* Maps a range, finds no adapter and does not give the range back. */
#include "scsi_miniport.h"

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    UNREFERENCED_PARAMETER(Srb);
    if (Where != PlaceConfiguration) {
        return FALSE;
    }
    DeviceFind(Extension, Extension->Config);
    return TRUE;
}
