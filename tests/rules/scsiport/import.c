/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: import: ScsiPortOfNoWindows */
/* Imports a function that no Windows has. */
#include "scsi_miniport.h"

__declspec(dllimport) VOID NTAPI ScsiPortOfNoWindows(PVOID Extension);

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    UNREFERENCED_PARAMETER(Srb);
    if (Where != PlaceRead) {
        return FALSE;
    }
    ScsiPortOfNoWindows(Extension);
    return FALSE;
}
