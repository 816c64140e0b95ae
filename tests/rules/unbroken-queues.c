/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: nothing */
/* OPTIONS: --processors=1 */
/* SCRIPT: async reads*41 read 0 1; wait reads 30; expect ok; check counters.startios >= 41 */
/*
 * Pauses the unit and the adapter, and says that they are busy, in turn, each time until a timer is
 * over. A request that comes meanwhile fails, and with it the script.
 */
#include "miniport.h"

#define PAUSE_MICROSECONDS 2000u
#define LONG_SECONDS       600u

typedef enum _STOPPING {
    StoppingNot,
    StoppingPauseDevice,
    StoppingPause,
    StoppingDeviceBusy,
    StoppingBusy,
    StoppingUntilReady, /* StorPortDeviceBusy for more requests than there are, then ready */
} STOPPING;

static STOPPING Stopping;
static PSCSI_REQUEST_BLOCK Held;

/* The request that was there when all was stopped is completed, which alone ends "busy". */
static VOID NTAPI GoOn(PVOID DeviceExtension)
{
    PEXTENSION Extension = (PEXTENSION)DeviceExtension;
    const STOPPING Was = Stopping;

    Stopping = StoppingNot;
    RtlZeroMemory(Held->DataBuffer, Held->DataTransferLength);
    Complete(Extension, Held, SRB_STATUS_SUCCESS);
    if (Was == StoppingPauseDevice) {
        StorPortResumeDevice(Extension, 0, 0, 0);
    } else if (Was == StoppingPause) {
        StorPortResume(Extension);
    } else if (Was == StoppingUntilReady) {
        StorPortDeviceReady(Extension, 0, 0, 0);
    }
}

static VOID StopQueue(PEXTENSION Extension)
{
    switch (Stopping) {
    case StoppingPauseDevice:
        StorPortPauseDevice(Extension, 0, 0, 0, LONG_SECONDS);
        break;
    case StoppingPause:
        StorPortPause(Extension, LONG_SECONDS);
        break;
    case StoppingBusy:
        StorPortBusy(Extension, 1);
        break;
    default:
        StorPortDeviceBusy(Extension, 0, 0, 0, Stopping == StoppingDeviceBusy ? 1 : 1000);
        break;
    }
}

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    if (Where != PlaceRead) {
        return FALSE;
    }
    if (Stopping != StoppingNot) {
        Complete(Extension, Srb, SRB_STATUS_ERROR);
        return TRUE;
    }
    Stopping = (STOPPING)(StoppingPauseDevice + Extension->Count++ % StoppingUntilReady);
    Held = Srb;
    StopQueue(Extension);
    StorPortNotification(RequestTimerCall, Extension, GoOn, PAUSE_MICROSECONDS);
    return TRUE;
}
