/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: import: StorPortExtendedFunction: Windows has it since 6.0, and 5.2 is presented */
/* OPTIONS: --windows=5.2 */
/* Gets pool memory, as younger miniports may: Server 2003 SP1 does not load it. */
#include "miniport.h"

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    UNREFERENCED_PARAMETER(Where);
    UNREFERENCED_PARAMETER(Extension);
    UNREFERENCED_PARAMETER(Srb);
    return FALSE;
}
