/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: nothing */
/* SCRIPT: write 0 8 1; verify 0 8 1; flush; depth 8 random-rw 100 1 blocks 1-8; srb 8; srb 7; srb 1; expect ok; srb 0x12; srb 0x25; expect srb=invalid-request; srb 0x77; expect srb=invalid-request; async a*20 write 0 1 2; reset bus; wait a; stop; restart; write 0 8 3; verify 0 8 3; power off; power on; write 0 8 4; verify 0 8 4; check port.driver = SCSIPort; check port.windows = 5.1; remove */
/* Keeps all rules. */
#include "scsi_miniport.h"

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    UNREFERENCED_PARAMETER(Extension);
    UNREFERENCED_PARAMETER(Srb);
    UNREFERENCED_PARAMETER(Where);
    return FALSE;
}
