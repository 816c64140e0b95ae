/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: nothing */
/*
 * Tells what extended functions of different age answer: the lines "name value" that
 * tests/system/test_windows.py compares for each Windows.
 */
#include "miniport.h"

static VOID Tell(const char *Name, ULONG Status)
{
    DbgPrintEx(DPFLTR_IHVDRIVER_ID, DPFLTR_ERROR_LEVEL, "%s 0x%lx\n", Name, Status);
}

/* The newest version of the performance options that is answered, 0: none; and its flags. */
static VOID TellPerformanceOptions(PEXTENSION Extension)
{
    PERF_CONFIGURATION_DATA Data;
    ULONG Version = STOR_PERF_VERSION_5;

    do {
        RtlZeroMemory(&Data, sizeof(Data));
        Data.Version = Version;
        Data.Size = sizeof(Data);
    } while (StorPortInitializePerfOpts(Extension, TRUE, &Data) != STOR_STATUS_SUCCESS &&
             --Version >= STOR_PERF_VERSION_2);
    Tell("PerfVersion", Version >= STOR_PERF_VERSION_2 ? Version : 0);
    Tell("ConcurrentChannels", (Data.Flags & STOR_PERF_CONCURRENT_CHANNELS) != 0);
}

static VOID TellFunctions(PEXTENSION Extension)
{
    MESSAGE_INTERRUPT_INFORMATION Message;
    LARGE_INTEGER Counter;
    BOOLEAN Upgrade;
    USHORT Groups;
    ULONG Count;

    Tell("GetMSIInfo", StorPortGetMSIInfo(Extension, 0, &Message));
    Tell("GetActiveGroupCount", StorPortGetActiveGroupCount(Extension, &Groups));
    Tell("QueryPerformanceCounter", StorPortQueryPerformanceCounter(Extension, NULL, &Counter));
    Tell("IsCurrentOsInstallationUpgrade",
         StorPortIsCurrentOsInstallationUpgrade(Extension, &Upgrade));
    Tell("GetProcessorCount", StorPortGetProcessorCount(Extension, &Count));
}

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    UNREFERENCED_PARAMETER(Srb);
    if (Where == PlaceInitialize) {
        TellPerformanceOptions(Extension);
    } else if (Where == PlacePassiveInitialize) {
        TellFunctions(Extension);
    }
    return FALSE;
}
