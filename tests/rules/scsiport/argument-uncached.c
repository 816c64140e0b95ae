/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: argument: Windows XP gives 102400 at most */
/* Asks for more uncached memory than there is in Windows XP. */
#include "scsi_miniport.h"

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    UNREFERENCED_PARAMETER(Srb);
    if (Where == PlaceConfiguration) {
        (VOID) ScsiPortGetUncachedExtension(Extension, Extension->Config, 128 * 1024);
    }
    return FALSE;
}
