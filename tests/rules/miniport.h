/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A small StorPort miniport that keeps all rules, for tests that each break one.
 *
 * It is a disk of 64 KiB in memory; the copy that writes dumps has one of its own. Each test is a file of its own that is linked with
 * miniport.c and device.c into a driver and defines BreakRule, which is called at the places below.
 * The first line behind a test's licence names the rule and a piece of the report that it must
 * give: EXPECT: RULE: TEXT. Lines OPTIONS: and SCRIPT: (commands parted by ";") say how storhost is
 * run, where the defaults in tests/system/test_rules.py do not do.
 */
#ifndef RULES_MINIPORT_H
#define RULES_MINIPORT_H

#include <ntddk.h>
#include <storport.h>

#include "device.h"
#include "disk.h"

#define POOL_TAG 0x656c7572u /* 'rule' */

/* Where BreakRule is called. */
typedef enum _PLACE {
    PlaceConfiguration,     /* HwFindAdapter, before anything is set in Extension->Config */
    PlaceFindAdapter,       /* PASSIVE_LEVEL, at its end */
    PlaceInitialize,        /* DIRQL */
    PlacePassiveInitialize, /* PASSIVE_LEVEL, after the DPC was made */
    PlaceBuildIo,           /* each request */
    PlaceStartIo,           /* each request: TRUE leaves it to the test */
    PlaceRead,              /* READ in StartIo: TRUE leaves it to the test */
    PlaceDpc,
    PlaceUsed,          /* in the DPC, per used element: TRUE leaves it to the test */
    PlaceFreeResources, /* PASSIVE_LEVEL; TRUE: pool memory is not given back */
    PlaceUnitControl,   /* HwUnitControl, each call */
    PlacePower,         /* SRB_FUNCTION_POWER in StartIo */
    /* of the copy that writes a dump, all at HIGH_LEVEL */
    PlaceDumpFindAdapter, /* in HwFindAdapter, before memory is got */
    PlaceDumpInitialize,
    PlaceDumpStartIo, /* each request: TRUE leaves it to the test */
    PlaceDumpInterrupt,
    PlaceResetBus /* also outside of a dump, at DISPATCH_LEVEL */
} PLACE;

typedef struct _EXTENSION {
    STOR_DPC Dpc;
    PPORT_CONFIGURATION_INFORMATION Config; /* in HwFindAdapter */
    BOOLEAN Ready;                          /* the DPC can be issued */
    BOOLEAN Dump;                           /* the copy that writes a dump */
    BOOLEAN Freed;                          /* Disk is given back */
    PUCHAR Disk;
    DEVICE Device;
    ULONG UnitControl;    /* with PlaceUnitControl: which, a SCSI_UNIT_CONTROL_TYPE, ... */
    PVOID UnitParameters; /* ... and its parameters */
    PVOID Spare;          /* the test's own */
    ULONG Count;          /* the test's own; 0 at the beginning */
} EXTENSION, *PEXTENSION;

/* Breaks the rule if this is the place for it. Srb is NULL where there is none. What TRUE means
 * stands with the places; elsewhere the result is not looked at. */
BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb);

/* Completes a request. */
VOID Complete(PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb, UCHAR SrbStatus);

/* What StorPortInitialize answered to the newest HW_INITIALIZATION_DATA; the one before Windows 8
 * is tried then. */
extern ULONG InitializeStatus;

/* ---- memory_pool.c, memory_extension.c: where the disk lies ---- */

/* In a dump the disk lies in the image. Pool is had by StorPortExtendedFunction, which Server 2003 SP1 does not export: miniports for it
 * (server-2003*) have the disk behind the device extension. */
extern const ULONG DiskExtensionBytes;
BOOLEAN DiskAllocate(PEXTENSION Extension);
VOID DiskFree(PEXTENSION Extension);

#endif
