/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A small SCSIPort miniport that keeps all rules, for tests that each break one: the sibling of
 * ../miniport.h, where the lines that each test begins with are described.
 */
#ifndef RULES_SCSI_MINIPORT_H
#define RULES_SCSI_MINIPORT_H

#include <miniport.h>
#include <ntstatus.h>
#include <scsi.h>

#include "../device.h"
#include "../disk.h"

/* Where BreakRule is called. */
typedef enum _PLACE {
    PlaceConfiguration, /* HwScsiFindAdapter, before the uncached extension is got; TRUE: not found */
    PlaceFindAdapter,   /* PASSIVE_LEVEL, at its end */
    PlaceInitialize,    /* DIRQL, as all that follow; TRUE: it fails */
    PlaceStartIo,       /* each request: TRUE leaves it, and NextLuRequest, to the test */
    PlaceRead,          /* READ in HwScsiStartIo: TRUE leaves it to the test */
    PlaceInterrupt,     /* an interrupt of the device; TRUE leaves it to the test */
    PlaceUsed,          /* per used element: TRUE leaves it to the test */
    PlaceTimer,         /* the timer that TimerRequest asked for */
    PlaceResetBus,      /* TRUE leaves requests, and NextRequest, to the test */
    PlaceStop           /* ScsiStopAdapter */
} PLACE;

typedef struct _EXTENSION {
    PPORT_CONFIGURATION_INFORMATION Config; /* in HwScsiFindAdapter */
    DEVICE Device;
    PVOID Spare; /* the test's own */
    ULONG Count; /* the test's own; 0 at the beginning */
    UCHAR Disk[DISK_BLOCKS * BLOCK_BYTES];
} EXTENSION, *PEXTENSION;

/* Breaks the rule if this is the place for it. Srb is NULL where there is none. What TRUE means
 * stands with the places; elsewhere the result is not looked at. */
BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb);

/* Completes a request. */
VOID Complete(PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb, UCHAR SrbStatus);

/* Lets PlaceTimer come after so many microseconds. */
VOID TimerRequest(PEXTENSION Extension, ULONG Microseconds);

/* The driver's HwScsiInterrupt: for tests that serve an interrupt elsewhere. */
HW_INTERRUPT ServeInterrupt;

#endif
