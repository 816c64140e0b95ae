/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: memory: PORT_CONFIGURATION_INFORMATION (152 bytes) */
/* EXPECT-x86: memory: PORT_CONFIGURATION_INFORMATION (144 bytes) */
/* OPTIONS: --windows=5.2 */
/* Sets a field of PORT_CONFIGURATION_INFORMATION that Server 2003's does not have. */
#include "miniport.h"

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    UNREFERENCED_PARAMETER(Srb);
    if (Where == PlaceConfiguration) {
        Extension->Config->InterruptSynchronizationMode = InterruptSynchronizeAll;
    }
    return FALSE;
}
