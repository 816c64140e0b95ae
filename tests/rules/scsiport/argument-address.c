/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: argument: it lies neither in the uncached extension */
/* Asks for the address of its device extension, which the device may not know. */
#include "scsi_miniport.h"

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    UNREFERENCED_PARAMETER(Srb);
    ULONG Length;

    if (Where == PlaceInitialize) {
        (VOID) ScsiPortGetPhysicalAddress(Extension, NULL, Extension->Disk, &Length);
    }
    return FALSE;
}
