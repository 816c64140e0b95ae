/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: phase: a second time */
/* Asks for its uncached extension twice. */
#include "scsi_miniport.h"

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    UNREFERENCED_PARAMETER(Srb);
    if (Where == PlaceFindAdapter) {
        (VOID) ScsiPortGetUncachedExtension(Extension, Extension->Config, 4096);
    }
    return FALSE;
}
