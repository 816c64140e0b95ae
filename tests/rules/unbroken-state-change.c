/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: nothing */
/* SCRIPT: read 0 1; read 0 1; read 0 1 */
/* Tells of changes by an address of its own that stays, one at a time: the next one is taken once
 * HwStateChange was called, and until then refused. */
#include "miniport.h"

static STOR_ADDR_BTL8 Address;

static HW_STATE_CHANGE Changed;
static VOID NTAPI Changed(PVOID DeviceExtension, PVOID Context, SHORT AddressType, PVOID Where,
                          ULONG Status)
{
    PEXTENSION Extension = (PEXTENSION)DeviceExtension;

    if (Context != Extension || AddressType != STOR_ADDRESS_TYPE_BTL8 || Where != &Address ||
        Status != STOR_STATUS_SUCCESS || Extension->Count == 0) {
        __builtin_trap();
    }
    Extension->Count = 0;
}

static ULONG Tell(PEXTENSION Extension)
{
    return StorPortStateChangeDetected(Extension, STATE_CHANGE_LUN, (PSTOR_ADDRESS)&Address, 0,
                                       Changed, Extension);
}

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    ULONG Expected;

    UNREFERENCED_PARAMETER(Srb);
    if (Where == PlaceRead) {
        Address.Type = STOR_ADDRESS_TYPE_BTL8;
        Address.AddressLength = STOR_ADDR_BTL8_ADDRESS_LENGTH;
        Expected = Extension->Count++ == 0 ? STOR_STATUS_SUCCESS : STOR_STATUS_UNSUCCESSFUL;
        if (Tell(Extension) != Expected || Tell(Extension) != STOR_STATUS_UNSUCCESSFUL) {
            __builtin_trap();
        }
    }
    return FALSE;
}
