/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The adapter: from a PCI function to a disk that takes requests, and back.
 *
 *   AdapterProbe ──> AdapterCreateQueues ──> AdapterStart ──> AdapterIdentify ──> AdapterRun
 *   (HwFindAdapter)                          (HwInitialize)   (passive initialization)
 *
 *   AdapterReset    from any state with queues: everything given up, the device started anew
 *   AdapterStop     the device reset, everything given up, queues keep what comes
 *   AdapterRemove   the device has gone: everything finished as "no device"
 *   AdapterRelease  the same, and memory given back
 *
 * State changes (ADAPTER_STATE):
 *
 *   Found ──> Running <──> Resetting ──> Failed (a reset tries again)
 *               │  ^           │  ^
 *               v  │           v  │ looked at once a second, and at each reset
 *             Stopped          Hung           any ──> Removed
 *
 * Hung: the device has been told to reset and its status does not become 0. Until it does, the device
 * may use all the memory that it was ever told of, so the requests that it holds are not given back,
 * however long that takes: Windows would use their memory for something else. (Bus mastering cannot be
 * turned off here: StorPortSetBusDataByOffset may be called from HwFindAdapter and for
 * ScsiSetRunningConfig only.) What only waits in the driver is given back with each reset.
 */
#ifndef VIOSTOR_ADAPTER_H
#define VIOSTOR_ADAPTER_H

#include "virtio_store.h"

/*
 * Recognizes the device, negotiates, and works out limits and the number of queues. The device is
 * reset again afterwards. MapBar as in VirtioPciProbe. MaximumQueues: what the user or the dump
 * mode allows, at least 1. FALSE: the reason has been logged. PASSIVE_LEVEL (HwFindAdapter).
 */
BOOLEAN AdapterProbe(PADAPTER_EXTENSION Adapter, VIRTIO_PCI_MAP_BAR *MapBar, ULONG MaximumQueues);

/* Memory of one queue, in bytes. */
typedef struct _QUEUE_MEMORY_SIZE {
    ULONG SharedBytes;
    ULONG SharedAlignment; /* as an address of the device; a power of two, at least a cache line */
    ULONG PrivateBytes;    /* whole cache lines */
} QUEUE_MEMORY_SIZE;

/* Memory that a queue needs, with so many long tables; queue 0's has the identity and the scratch memory in
 * it. Any IRQL. */
VOID AdapterQueueMemorySize(const ADAPTER_EXTENSION *Adapter, ULONG Index, ULONG LongTableCount,
                            QUEUE_MEMORY_SIZE *Size);

/* The queues of an extension, unused as yet. */
PVIO_QUEUE AdapterQueueArray(PADAPTER_EXTENSION Adapter);

/*
 * Makes limits smaller for want of memory, one step at a time: fewer long tables, less scratch memory, fewer
 * slots. FALSE: there is no smaller step. HwFindAdapter.
 */
BOOLEAN AdapterShrinkLimits(PADAPTER_EXTENSION Adapter);

/* Works the depth out from limits and number of queues. HwFindAdapter. */
VOID AdapterSettleDepth(PADAPTER_EXTENSION Adapter);

/*
 * adapter_resources.c: memory and mappings of the port driver, and of the driver's own.
 *
 * AdapterMapBar: a VIRTIO_PCI_MAP_BAR for AdapterProbe; the context is the adapter.
 * AdapterTakeMemory: takes memory for the queues, for fewer of them or with smaller limits where there is
 * not enough (logged), and makes them; the device does not know them yet. FALSE: there is none, logged.
 * AdapterGiveMemoryBack: what the driver has got itself; no device may use it any more. IRQL <= DISPATCH_LEVEL.
 * AdapterForget: the extension as HwFindAdapter is to have it, which may be called again for an adapter that
 * PnP has stopped: the port driver has taken back what it gave. PASSIVE_LEVEL.
 */
BOOLEAN AdapterMapBar(PVOID Context, const VIRTIO_PCI_BAR *Bar, PVIRTIO_REGION Region);
VOID AdapterUnmapBars(PADAPTER_EXTENSION Adapter);
BOOLEAN AdapterTakeMemory(PADAPTER_EXTENSION Adapter, PPORT_CONFIGURATION_INFORMATION Config);
VOID AdapterGiveMemoryBack(PADAPTER_EXTENSION Adapter);
VOID AdapterForget(PADAPTER_EXTENSION Adapter);
VOID AdapterMarkMemory(PADAPTER_EXTENSION Adapter, const PORT_CONFIGURATION_INFORMATION *Config);

/* Makes the queues in the memory of their Blocks. FALSE: the memory does not suit; logged. */
BOOLEAN AdapterCreateQueues(PADAPTER_EXTENSION Adapter);

/*
 * Starts the device on the adapter's queues, which must be new or abandoned, and lets it work
 * (DRIVER_OK). The queues stay stopped. Reads nothing but device registers and waits boundedly, so
 * it may run at any IRQL; nothing else may use the device meanwhile. FALSE: logged, device reset.
 */
BOOLEAN AdapterStart(PADAPTER_EXTENSION Adapter);

/* Asks the device for its serial number, polling for at most a second, and makes Adapter->Disk.
 * Before AdapterRun, after AdapterStart. FALSE: the disk is not usable, or the device did not come
 * back from the reset that an unanswered question makes necessary; logged. */
BOOLEAN AdapterIdentify(PADAPTER_EXTENSION Adapter);

/* Lets requests in: Found or Stopped becomes Running. No lock is taken, so nothing may submit beside
 * it. Any IRQL up to DIRQL. */
VOID AdapterRun(PADAPTER_EXTENSION Adapter);

/*
 * Resets the device and starts it again. Each outstanding and waiting request is completed, by the
 * device's answer if it is there, else as reset, before this returns. From StartIo, the timer routine or
 * HwResetBus. FALSE: there was nothing to reset (not started, stopped, removed), another processor is
 * at it, which is not waited for, or the device did not come back; logged. If it has not ended its
 * reset (Hung), what it holds is completed by a later call.
 */
BOOLEAN AdapterReset(PADAPTER_EXTENSION Adapter, SCSI_UNIT_ATTENTION Attention);

/* The same for an SRB that asks for it (RequestKindReset). The SRB is completed when a reset that began
 * after this call has ended: at once, or by the timer routine if another processor is in one now. */
VOID AdapterResetForSrb(PADAPTER_EXTENSION Adapter, PSRB_EXTENSION Request);

/*
 * Stops the device: reset, all requests given up. No lock is taken, so nothing may run beside it
 * (ScsiStopAdapter). AdapterRestart undoes it. Any IRQL up to DIRQL.
 */
VOID AdapterStop(PADAPTER_EXTENSION Adapter);
BOOLEAN AdapterRestart(PADAPTER_EXTENSION Adapter);

/*
 * Makes the queues anew that are broken and have nothing outstanding (RING_RESET); resets the device
 * where it refuses. Requests that wait in them go out then. Nothing if the adapter is not running.
 * From the timer routine.
 */
VOID AdapterRemakeQueues(PADAPTER_EXTENSION Adapter);

/* The device has gone, without a word: finishes all requests and any later one as "no device".
 * IRQL <= DISPATCH_LEVEL, no lock held: from HwAdapterControl or HwBuildIo. */
VOID AdapterRemove(PADAPTER_EXTENSION Adapter);

/*
 * The adapter is stopped for good, or for other resources: the device is reset, requests end as "no device",
 * and the driver's own memory is given back, if the device has let go of it. What remains is the port
 * driver's. IRQL <= DISPATCH_LEVEL, no lock held.
 */
VOID AdapterRelease(PADAPTER_EXTENSION Adapter);

/* The same after a start that has failed: nothing runs beside it, and no lock may be taken. PASSIVE_LEVEL,
 * passive initialization. */
VOID AdapterAbandonStart(PADAPTER_EXTENSION Adapter);

/* AdapterRemove if the device does not answer any more, else nothing. From HwUnitControl: no lock held. */
VOID AdapterRemoveIfGone(PADAPTER_EXTENSION Adapter);

/* Looks at what a configuration interrupt may mean: needs a reset, has another capacity. From the
 * timer routine. */
VOID AdapterConfigurationChanged(PADAPTER_EXTENSION Adapter);

/* Does what PortRequestTimerWork asked for. The timer routine: DISPATCH_LEVEL, StartIo lock held. */
VOID AdapterTimerWork(PADAPTER_EXTENSION Adapter);

#endif
