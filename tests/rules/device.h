/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A virtio-blk device's first queue, legacy interface, for the miniports of both port drivers: see
 * device.c. Behind <storport.h> or <srb.h>.
 */
#ifndef RULES_DEVICE_H
#define RULES_DEVICE_H

#define SLOTS         32u
#define SLOT_SEGMENTS 8u

/* In memory that the device reaches: one per request. */
typedef struct _SRB_EXTENSION {
    ULONG Type; /* the request's header */
    ULONG Priority;
    ULONGLONG Sector;
    UCHAR Status;
    UCHAR Unused[47];
} SRB_EXTENSION, *PSRB_EXTENSION;

/* The device's first queue, legacy interface (device.c). */
typedef struct _DEVICE {
    PUCHAR Ports;      /* BAR 0; NULL: the device has none */
    PUCHAR Ring;       /* the uncached extension, from a page's beginning on */
    ULONGLONG Address; /* of Ring, for the device */
    USHORT Size;       /* descriptors */
    USHORT Submitted;  /* free running */
    USHORT Completed;  /* free running */
    PSCSI_REQUEST_BLOCK Srbs[SLOTS];
} DEVICE, *PDEVICE;

struct _EXTENSION; /* the miniport's: has a member Device */

#define DEVICE_STATUS_REGISTER 18u
#define DEVICE_NOTIFY_REGISTER 16u
#define DEVICE_DRIVER_OK       7u /* with ACKNOWLEDGE and DRIVER */

/* In HwFindAdapter: finds the ports of BAR 0. */
VOID DeviceFind(struct _EXTENSION *Extension, struct _PORT_CONFIGURATION_INFORMATION *Config);
/* In HwInitialize: resets the device, agrees on EVENT_IDX, gives it the queue; not DRIVER_OK. */
VOID DeviceStart(struct _EXTENSION *Extension);
VOID DeviceWriteStatus(struct _EXTENSION *Extension, UCHAR Status);
/* In StartIo: makes a READ available, with MoreBytes added to its last segment. No doorbell. */
VOID DeviceSubmit(struct _EXTENSION *Extension, PSCSI_REQUEST_BLOCK Srb, ULONG MoreBytes);
VOID DeviceNotify(struct _EXTENSION *Extension);
/* In the DPC (SCSIPort: HwInterrupt): completes what the device has used. */
VOID DevicePoll(struct _EXTENSION *Extension);
/* The available ring: flags, index, entries; what the used ring has beside its elements. */
volatile USHORT *DeviceAvailable(struct _EXTENSION *Extension);
volatile USHORT *DeviceUsedIndex(struct _EXTENSION *Extension);
volatile USHORT *DeviceAvailEvent(struct _EXTENSION *Extension);
/* Element of the used ring, as an array of id and length: what PlaceUsed is called for. */
volatile ULONG *DeviceUsedElement(struct _EXTENSION *Extension);
/* In HwInterrupt: TRUE if the interrupt was the device's. */
BOOLEAN DeviceInterrupt(struct _EXTENSION *Extension);

#endif
