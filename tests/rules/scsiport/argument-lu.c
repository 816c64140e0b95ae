/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: argument: NextLuRequest by a driver that has declared neither */
/* Takes several requests for a unit though it declared one. */
#include "scsi_miniport.h"

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    if (Where == PlaceConfiguration) {
        Extension->Config->TaggedQueuing = FALSE;
        Extension->Config->MultipleRequestPerLu = FALSE;
    }
    UNREFERENCED_PARAMETER(Srb);
    return FALSE;
}
