/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: import: StorPortOfNoWindows */
/* Imports a function that no Windows has. */
#include "miniport.h"

__declspec(dllimport) VOID NTAPI StorPortOfNoWindows(PVOID Extension);

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    UNREFERENCED_PARAMETER(Srb);
    if (Where != PlaceRead) {
        return FALSE;
    }
    StorPortOfNoWindows(Extension);
    return FALSE;
}
