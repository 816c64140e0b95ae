/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: argument: it must lie in that SRB */
/* Names a request with an address that is not in its buffers. */
#include "scsi_miniport.h"

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    ULONG Length;

    if (Where != PlaceRead) {
        return FALSE;
    }
    (VOID) ScsiPortGetPhysicalAddress(Extension, Srb, Srb->SrbExtension, &Length);
    return FALSE;
}
