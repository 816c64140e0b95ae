/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: argument: for a DataBuffer the SRB must be given */
/* Asks for the address of data without saying of which request. */
#include "scsi_miniport.h"

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    ULONG Length;

    if (Where != PlaceRead) {
        return FALSE;
    }
    (VOID) ScsiPortGetPhysicalAddress(Extension, NULL, Srb->DataBuffer, &Length);
    return FALSE;
}
