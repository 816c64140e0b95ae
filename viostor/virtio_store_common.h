/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The entry points that StorPort and SCSIPort have in common, as far as they do the same.
 */
#ifndef VIRTIO_STORE_COMMON_H
#define VIRTIO_STORE_COMMON_H

#include "virtio_store.h"

/* A PCI function has at most this many access ranges. */
#define ACCESS_RANGES VIRTIO_PCI_BAR_COUNT

/*
 * HwFindAdapter: recognizes the device, agrees on features, tells the port driver what it has to
 * know, takes memory. Returns SP_RETURN_...; failures are logged. PASSIVE_LEVEL; HIGH_LEVEL for a
 * second copy of the driver that is to write a dump, which the argument string or the configuration
 * tells.
 */
ULONG CommonFindAdapter(PADAPTER_EXTENSION Adapter, const char *ArgumentString,
                        PPORT_CONFIGURATION_INFORMATION Config);

/*
 * The end of initialization once interrupts' locks are decided: starts the device, asks for its serial
 * number and lets requests in; the first one hears of a unit attention. FALSE: the device does not
 * start, or does not answer and is reset. PASSIVE_LEVEL, or DIRQL in HwInitialize.
 */
BOOLEAN CommonBeginService(PADAPTER_EXTENSION Adapter);

/* HwInitialize of a dump, all of it: the adapter takes requests afterwards. HIGH_LEVEL. */
BOOLEAN CommonInitializeDump(PADAPTER_EXTENSION Adapter);

/* HwResetBus. In a dump it does nothing: "miniport drivers should disregard requests to reset the bus"
 * (reference, Restrictions on Miniport Drivers that Manage the Boot Drive). FALSE: there was no reset.
 * DISPATCH_LEVEL (SCSIPort: DIRQL); HIGH_LEVEL in a dump. */
BOOLEAN CommonResetBus(PADAPTER_EXTENSION Adapter);

/*
 * HwInterrupt for a line: reading the cause lowers it. FALSE: it was not this device, which may
 * share the line. In a dump it is a call to look whether something is done, without any interrupt.
 */
BOOLEAN CommonInterrupt(PADAPTER_EXTENSION Adapter);

/* HwAdapterControl: stop, restart, surprise removal. Up to DIRQL, as the control type says. */
SCSI_ADAPTER_CONTROL_STATUS CommonAdapterControl(PADAPTER_EXTENSION Adapter,
                                                 SCSI_ADAPTER_CONTROL_TYPE ControlType,
                                                 PVOID Parameters);

#endif
