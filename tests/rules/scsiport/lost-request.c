/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: lost-request: HwResetBus has returned, but 1 request(s) */
/* SCRIPT: async one read 0 1; sleep 0.2; reset bus */
/* Keeps a request over a bus reset. */
#include "scsi_miniport.h"

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    UNREFERENCED_PARAMETER(Extension);
    UNREFERENCED_PARAMETER(Srb);
    return Where == PlaceRead || Where == PlaceResetBus;
}
