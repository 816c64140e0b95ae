/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: phase: StorPortInitializeDpc called outside of initialization */
/* Makes a DPC when the adapter runs. */
#include "miniport.h"

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    UNREFERENCED_PARAMETER(Srb);
    if (Where != PlaceRead) {
        return FALSE;
    }
    StorPortInitializeDpc(Extension, &Extension->Dpc, NULL);
    return FALSE;
}
