/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: phase: CallEnableInterrupts */
/* Defers work outside of its interrupt routine. */
#include "scsi_miniport.h"

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    if (Where != PlaceRead) {
        return FALSE;
    }
    ScsiPortNotification(_obsolete2, Extension, ServeInterrupt);
    Complete(Extension, Srb, SRB_STATUS_SUCCESS);
    return TRUE;
}
