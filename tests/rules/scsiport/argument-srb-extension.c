/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: argument: the driver changed SrbExtensionSize to */
/* Makes its SRB extension larger when its memory is laid out already. */
#include "scsi_miniport.h"

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    UNREFERENCED_PARAMETER(Srb);
    if (Where == PlaceFindAdapter) {
        Extension->Config->SrbExtensionSize += 64;
    }
    return FALSE;
}
