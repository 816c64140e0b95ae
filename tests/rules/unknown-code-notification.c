/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: unknown-code: StorPortNotification with the unknown type */
/* Sends a notification that no Windows knows. */
#include "miniport.h"

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    UNREFERENCED_PARAMETER(Srb);
    if (Where != PlaceRead) {
        return FALSE;
    }
    StorPortNotification((SCSI_NOTIFICATION_TYPE)0x7777, Extension);
    return FALSE;
}
