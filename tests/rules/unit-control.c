/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: nothing */
/*
 * Tells what HwUnitControl is called for, as the lines "unit TYPE ..." that tests/system/test_windows.py
 * compares for each Windows; and the first request, and SRB_FUNCTION_POWER. All types but ScsiUnitPower
 * come at PASSIVE_LEVEL: a registry buffer is to be had nowhere else.
 */
#include "miniport.h"

static VOID Tell(const char *What, ULONG First, ULONG Second)
{
    DbgPrintEx(DPFLTR_IHVDRIVER_ID, DPFLTR_ERROR_LEVEL, "%s %lu %lu\n", What, First, Second);
}

static VOID CheckPassive(PEXTENSION Extension)
{
    ULONG Length = 16;
    PUCHAR Buffer = StorPortAllocateRegistryBuffer(Extension, &Length);

    if (Buffer != NULL) {
        StorPortFreeRegistryBuffer(Extension, Buffer);
    }
}

/* The type, and of its parameters: how many types, the length of the address, or the power state. */
static VOID TellUnitControl(PEXTENSION Extension)
{
    const VOID *Parameters = Extension->UnitParameters;

    switch (Extension->UnitControl) {
    case ScsiUnitPower:
        Tell("unit", ScsiUnitPower,
             (ULONG)((const STOR_UNIT_CONTROL_POWER *)Parameters)->PowerState);
        return;
    case ScsiQuerySupportedUnitControlTypes:
        Tell("unit", ScsiQuerySupportedUnitControlTypes,
             ((const SCSI_SUPPORTED_CONTROL_TYPE_LIST *)Parameters)->MaxControlType);
        break;
    default:
        Tell("unit", Extension->UnitControl, ((const STOR_ADDR_BTL8 *)Parameters)->AddressLength);
        break;
    }
    CheckPassive(Extension);
}

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    UNREFERENCED_PARAMETER(Srb);
    if (Where == PlaceUnitControl) {
        TellUnitControl(Extension);
    } else if (Where == PlacePower) {
        Tell("power", 0, 0);
    } else if (Where == PlaceStartIo && Extension->Count++ == 0) {
        Tell("request", 0, 0);
    }
    return FALSE;
}
