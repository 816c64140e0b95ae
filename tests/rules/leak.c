/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: leak: pool memory */
/* Does not give back its pool memory. */
#include "miniport.h"

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    UNREFERENCED_PARAMETER(Extension);
    UNREFERENCED_PARAMETER(Srb);
    return Where == PlaceFreeResources;
}
