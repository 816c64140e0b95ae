/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: argument: StorPortStateChangeDetected: the address at */
/* Tells of a change with an address on its stack, where StorPort looks for it later. */
#include "miniport.h"

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    STOR_ADDR_BTL8 Address = {0};

    UNREFERENCED_PARAMETER(Srb);
    if (Where == PlaceRead) {
        Address.Type = STOR_ADDRESS_TYPE_BTL8;
        Address.AddressLength = STOR_ADDR_BTL8_ADDRESS_LENGTH;
        StorPortStateChangeDetected(Extension, STATE_CHANGE_LUN, (PSTOR_ADDRESS)&Address, 0, NULL,
                                    NULL);
    }
    return FALSE;
}
