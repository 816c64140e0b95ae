/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the core asks of the port driver. One thin implementation for each port driver stands behind
 * this interface; the core calls nothing else of it.
 *
 *   virtio_store.c      entry points ──> core ──> this interface ──> port_storport.c/.h
 *
 * Functions on the request path are inline in port_storport.h.
 */
#ifndef VIOSTOR_PORT_H
#define VIOSTOR_PORT_H

#include "virtio_store.h"

/* Waits for at most 1000 microseconds without giving the processor up. Any IRQL. */
VOID PortStallMicroseconds(ULONG Microseconds);

/* Reads Length bytes of PCI configuration space from offset 0. PASSIVE_LEVEL to DIRQL, only from
 * HwFindAdapter and HwInitialize. FALSE: less came. */
BOOLEAN PortReadPciConfig(PADAPTER_EXTENSION Adapter, PVOID Buffer, ULONG Length);

/* Number of processors that may send requests, at least 1. Any IRQL up to DISPATCH_LEVEL. */
ULONG PortProcessorCount(PADAPTER_EXTENSION Adapter);

/*
 * Gets the memory of Adapter->Shared and Adapter->Private, zeroed: SharedBytes contiguous for the
 * device and page aligned, PrivateBytes for the driver alone. Only from HwFindAdapter; when that
 * runs again on a used extension the memory of the first time is taken again. FALSE: there is not
 * enough; nothing is held then that PortFreeMemory would have to give back.
 */
BOOLEAN PortAllocateMemory(PADAPTER_EXTENSION Adapter, PPORT_CONFIGURATION_INFORMATION Config,
                           ULONG SharedBytes, ULONG PrivateBytes);

/* Gives back what PortAllocateMemory got, as far as the port driver does not do it by itself. The
 * device must be reset. IRQL <= DISPATCH_LEVEL. May be called twice. */
VOID PortFreeMemory(PADAPTER_EXTENSION Adapter);

/* Writes an entry into the system event log; Detail is cut to 16 bits. Any IRQL. */
VOID PortLogEvent(PADAPTER_EXTENSION Adapter, PVOID Srb, VIO_EVENT Event, ULONG Detail);

/* Asks for a call of AdapterTimerWork soon, at DISPATCH_LEVEL, to do Work. From StartIo, a DPC, a
 * timer or an interrupt. */
VOID PortRequestTimerWork(PADAPTER_EXTENSION Adapter, TIMER_WORK Work);

/* Tells the port driver how many requests the unit takes at once, 1 to 254. IRQL <= DISPATCH_LEVEL,
 * once the unit is known to it (from the first INQUIRY on). */
VOID PortSetUnitDepth(PADAPTER_EXTENSION Adapter, ULONG Depth);

/* Tells the port driver that the unit's capacity or write protection has changed. <= DIRQL. */
VOID PortUnitChanged(PADAPTER_EXTENSION Adapter);

#include "port_storport.h"

#endif
