/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: argument: before Dma32BitAddresses or */
/* Asks for uncached memory before it says which addresses its device takes. */
#include "scsi_miniport.h"

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    UNREFERENCED_PARAMETER(Srb);
    if (Where == PlaceConfiguration) {
        Extension->Config->Dma32BitAddresses = FALSE;
    }
    return FALSE;
}
