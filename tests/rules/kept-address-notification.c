/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: argument: StorPortAsyncNotificationDetected: the address at */
/* Notifies of a status with an address that it uses for something else at once. */
#include "miniport.h"

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    static STOR_ADDR_BTL8 Address;

    UNREFERENCED_PARAMETER(Srb);
    if (Where == PlaceRead) {
        Address.Type = STOR_ADDRESS_TYPE_BTL8;
        Address.AddressLength = STOR_ADDR_BTL8_ADDRESS_LENGTH;
        StorPortAsyncNotificationDetected(Extension, (PSTOR_ADDRESS)&Address,
                                          RAID_ASYNC_NOTIFY_FLAG_DEVICE_STATUS);
        Address.Target = 1;
    }
    return FALSE;
}
