/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: unknown-code: type 0x99 */
/* Sends a notification that no Windows knows. */
#include "scsi_miniport.h"

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    if (Where != PlaceRead) {
        return FALSE;
    }
    ScsiPortNotification((SCSI_NOTIFICATION_TYPE)0x99, Extension, Srb);
    return FALSE;
}
