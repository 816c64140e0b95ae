/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: memory: SRB extension */
/* Reads behind the end of an SRB extension. */
#include "scsi_miniport.h"

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    volatile UCHAR *Bytes;

    if (Where != PlaceRead) {
        return FALSE;
    }
    Bytes = (volatile UCHAR *)Srb->SrbExtension;
    Extension->Count += Bytes[sizeof(SRB_EXTENSION)];
    return FALSE;
}
