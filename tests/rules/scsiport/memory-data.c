/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: memory: data buffer */
/* Touches data of a request though it does not let buffers be mapped. */
#include "scsi_miniport.h"

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    if (Where == PlaceConfiguration) {
        Extension->Config->MapBuffers = FALSE;
    }
    if (Where == PlaceStartIo && Srb->DataTransferLength != 0) {
        Extension->Count += *(volatile UCHAR *)Srb->DataBuffer;
    }
    return FALSE;
}
