/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the files of the adapter share: adapter_probe.c (what the device is), adapter_memory.c (where
 * everything lies), adapter_resources.c (where it comes from), adapter.c (start, reset, stop). For these
 * files only; adapter.h is the interface.
 */
#ifndef VIOSTOR_ADAPTER_INTERNAL_H
#define VIOSTOR_ADAPTER_INTERNAL_H

#include "adapter.h"

/* Whether a feature was agreed when the device was negotiated last: a bit number. */
FORCEINLINE BOOLEAN AdapterHasFeature(const ADAPTER_EXTENSION *Adapter, ULONG Bit)
{
    return (Adapter->Features & VIRTIO_FEATURE(Bit)) != 0;
}

/* Value as the next multiple of Alignment, a power of two; no overflow in what the driver lays out. */
FORCEINLINE ULONG AdapterRoundUp(ULONG Value, ULONG Alignment)
{
    return (Value + Alignment - 1) & ~(Alignment - 1);
}

/* Logs an event for what the transport says. Returns FALSE, for the caller's use. Any IRQL. */
BOOLEAN AdapterReportFailure(PADAPTER_EXTENSION Adapter, VIO_EVENT Event, VIRTIO_PCI_RESULT Result);

/* Reads the fields of the configuration that the agreed features give a meaning; others are 0.
 * Any IRQL; nothing else may use the device's configuration meanwhile. */
VIRTIO_PCI_RESULT AdapterReadConfiguration(PADAPTER_EXTENSION Adapter, pblk_config Config);

/* Writes what the configuration says into the disk's parameters, its serial number apart. Any IRQL. */
VOID AdapterDescribeDisk(const ADAPTER_EXTENSION *Adapter, const blk_config *Config,
                         PSCSI_DISK_PARAMETERS Parameters);

/* Makes the rings of stopped and empty queues follow the features that are agreed now. The device does
 * not know them yet. Any IRQL. */
VOID AdapterAdaptQueues(PADAPTER_EXTENSION Adapter);

/*
 * Leaves the device after a failure: FAILED, then reset. One that has gone or does not finish a reset
 * is left alone: nothing may be written to it before its status reads 0 (4.1.4.3.2).
 */
VOID AdapterLeaveDevice(PADAPTER_EXTENSION Adapter, VIRTIO_PCI_RESULT Result);

#endif
