/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: hot-allocation: called in HwBuildIo */
/* Allocates pool memory in HwBuildIo. */
#include "miniport.h"

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    if (Where != PlaceBuildIo || Srb->Function != SRB_FUNCTION_EXECUTE_SCSI) {
        return FALSE;
    }
    (VOID) StorPortAllocatePool(Extension, 64, POOL_TAG, &Extension->Spare);
    return FALSE;
}
