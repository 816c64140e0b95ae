/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: nothing */
/* SCRIPT: write 0 64 1; verify 0 64 1; check port.physical_breaks = 0 */
/* Declares no scatter/gather: each buffer comes in one piece. */
#include "scsi_miniport.h"

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    if (Where == PlaceInitialize) {
        DeviceStart(Extension);
        DeviceWriteStatus(Extension, DEVICE_DRIVER_OK);
    }
    if (Where == PlaceConfiguration) {
        Extension->Config->ScatterGather = FALSE;
        Extension->Config->NumberOfPhysicalBreaks = 0;
    }
    if (Where == PlaceRead) {
        ULONG Length = 0;

        (VOID) ScsiPortGetPhysicalAddress(Extension, Srb, Srb->DataBuffer, &Length);
        if (Length < Srb->DataTransferLength) {
            Complete(Extension, Srb, SRB_STATUS_INVALID_REQUEST);
            return TRUE;
        }
    }
    return FALSE;
}
