/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: srb-status: answered busy with DataTransferLength 0 */
/* Answers busy, and says that nothing was moved: the length is then lost for the next time. */
#include "miniport.h"

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    if (Where != PlaceRead) {
        return FALSE;
    }
    Srb->DataTransferLength = 0;
    Complete(Extension, Srb, SRB_STATUS_BUSY);
    return TRUE;
}
