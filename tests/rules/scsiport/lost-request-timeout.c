/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: lost-request: HwResetBus has returned, but 1 request(s) */
/* OPTIONS: --timeout=1 */
/* Does nothing about a request that has timed out. */
#include "scsi_miniport.h"

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    UNREFERENCED_PARAMETER(Extension);
    UNREFERENCED_PARAMETER(Srb);
    return Where == PlaceRead || Where == PlaceResetBus;
}
