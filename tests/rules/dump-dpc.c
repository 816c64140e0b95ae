/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: dump: there are no DPCs */
/* SCRIPT: crash; dump-start; dump-write 0 8 1 */
/* Makes a DPC in dump mode. */
#include "miniport.h"

static HW_DPC_ROUTINE Dpc;

static VOID NTAPI Dpc(PSTOR_DPC Object, PVOID DeviceExtension, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Object);
    UNREFERENCED_PARAMETER(DeviceExtension);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
}

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    UNREFERENCED_PARAMETER(Srb);
    if (Where == PlaceDumpInitialize) {
        StorPortInitializeDpc(Extension, &Extension->Dpc, Dpc);
    }
    return FALSE;
}
