/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: dump: nothing runs at PASSIVE_LEVEL */
/* SCRIPT: crash; dump-start; dump-write 0 8 1 */
/* Asks for passive initialization in dump mode. */
#include "miniport.h"

static HW_PASSIVE_INITIALIZE_ROUTINE Passive;

static BOOLEAN NTAPI Passive(PVOID DeviceExtension)
{
    UNREFERENCED_PARAMETER(DeviceExtension);
    return TRUE;
}

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    UNREFERENCED_PARAMETER(Srb);
    if (Where == PlaceDumpInitialize) {
        (VOID) StorPortEnablePassiveInitialization(Extension, Passive);
    }
    return FALSE;
}
