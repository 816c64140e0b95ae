/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: nothing */
/* OPTIONS: --windows=5.2 */
/* SCRIPT: write 0 8 1; verify 0 8 1; flush; reset unit; reset bus; verify 0 8 1 */
/*
 * A miniport that imports only what storport.sys of Server 2003 SP1 exports, and tells what it was
 * given: the lines "name value" that tests/system/test_windows.py compares for each Windows.
 */
#include "miniport.h"

#define UNTOUCHED 0x5a5a5a5au

static VOID Tell(const char *Name, ULONG Value)
{
    DbgPrintEx(DPFLTR_IHVDRIVER_ID, DPFLTR_ERROR_LEVEL, "%s 0x%lx\n", Name, Value);
}

/* A field is there if the structure that was given reaches behind it. */
#define TELL_FIELD(Config, Field)                                                    \
    if ((Config)->Length >=                                                          \
        offsetof(PORT_CONFIGURATION_INFORMATION, Field) + sizeof((Config)->Field)) { \
        Tell(#Field, (Config)->Field);                                               \
    }

static VOID TellConfiguration(const PORT_CONFIGURATION_INFORMATION *Config)
{
    Tell("StorPortInitialize", InitializeStatus);
    Tell("Length", Config->Length);
    Tell("MaximumTransferLength", Config->MaximumTransferLength);
    Tell("NumberOfPhysicalBreaks", Config->NumberOfPhysicalBreaks);
    Tell("NumberOfBuses", Config->NumberOfBuses);
    Tell("ScatterGather", Config->ScatterGather);
    Tell("Master", Config->Master);
    Tell("CachesData", Config->CachesData);
    Tell("Dma64BitAddresses", Config->Dma64BitAddresses);
    Tell("WmiDataProvider", Config->WmiDataProvider);
    Tell("SynchronizationModel", Config->SynchronizationModel);
    TELL_FIELD(Config, InterruptSynchronizationMode);
    TELL_FIELD(Config, MaxNumberOfIO);
    TELL_FIELD(Config, MaxIOsPerLun);
    TELL_FIELD(Config, InitialLunQueueDepth);
}

/* What a notification that this Windows lacks leaves in its output: what was there. */
static VOID TellNotifications(PEXTENSION Extension)
{
    /* Of the unit; kept until the work is done, long after this. */
    static STOR_ADDR_BTL8 Address = {.Type = STOR_ADDRESS_TYPE_BTL8,
                                     .AddressLength = STOR_ADDR_BTL8_ADDRESS_LENGTH};
    ULONG Status = UNTOUCHED;

    StorPortNotification(AsyncNotificationDetected, Extension, &Address, 0ull, &Status);
    Tell("AsyncNotificationDetected", Status);
}

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    if (Where == PlaceConfiguration) {
        TellConfiguration(Extension->Config);
    } else if (Where == PlacePassiveInitialize) {
        TellNotifications(Extension);
    } else if (Where == PlaceStartIo && Srb->Function == SRB_FUNCTION_PNP) {
        Tell("PnP", ((PSCSI_PNP_REQUEST_BLOCK)Srb)->PnPAction);
    } else if (Where == PlaceRead && Extension->Count++ == 0) {
        Tell("Depth254", StorPortSetDeviceQueueDepth(Extension, 0, 0, 0, 254));
        Tell("Depth255", StorPortSetDeviceQueueDepth(Extension, 0, 0, 0, 255));
    }
    return FALSE;
}
