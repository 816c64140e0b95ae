/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: memory: data buffer */
/* Touches the data of a request behind their end. */
#include "miniport.h"

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    if (Where != PlaceRead) {
        return FALSE;
    }
    Extension->Count += ((volatile UCHAR *)Srb->DataBuffer)[Srb->DataTransferLength];
    return FALSE;
}
