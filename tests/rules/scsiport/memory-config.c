/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: memory: PORT_CONFIGURATION_INFORMATION */
/* Looks for fields that only younger Windows have. */
#include "scsi_miniport.h"

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    UNREFERENCED_PARAMETER(Srb);
    if (Where == PlaceConfiguration) {
        /* The structure ends at a multiple of 4 on x86, its memory at one of 8. */
        Extension->Count = ((volatile UCHAR *)Extension->Config)[Extension->Config->Length + 4];
    }
    return FALSE;
}
