/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * StorPort's side of port.h: what lies on the request path, inline. What only StorPort from Vista
 * on offers is in port_storport_extended.h; port_storport_2003.h says the same of Server 2003.
 */
#ifndef VIOSTOR_PORT_STORPORT_H
#define VIOSTOR_PORT_STORPORT_H

#include "virtio_store.h"

#if defined(VIOSTOR_STORPORT_2003)
#include "port_storport_2003.h"
#else
#include "port_storport_extended.h"
#endif

/* The entry point for interrupt messages (virtio_store.c). DIRQL. */
HW_MESSAGE_SIGNALED_INTERRUPT_ROUTINE VioStorMessageInterrupt;

/* PortWithQueueLock where the lock is not that of a DPC. IRQL <= DISPATCH_LEVEL; HIGH_LEVEL in a
 * dump. */
VOID PortWithoutDpcLock(PVIO_QUEUE Queue, QUEUE_ROUTINE *Routine, PVOID Context);

/*
 * Calls a routine under a queue's lock: that of the queue's DPC; where StorPort grants no DPCs the
 * interrupt lock, as completion then runs in the interrupt routine, which holds it already and does
 * not come here. IRQL <= DISPATCH_LEVEL. Routine is known at each call, so it is compiled in.
 */
FORCEINLINE VOID PortWithQueueLock(PVIO_QUEUE Queue, QUEUE_ROUTINE *Routine, PVOID Context)
{
    PADAPTER_EXTENSION Adapter = Queue->Adapter;

    if (LIKELY(Adapter->Port.Locking == PortLockingDpc)) {
        STOR_LOCK_HANDLE Lock;

        StorPortAcquireSpinLock(Adapter, DpcLock, &Queue->Port.Dpc, &Lock);
        Routine(Queue, Context);
        StorPortReleaseSpinLock(Adapter, &Lock);
    } else {
        PortWithoutDpcLock(Queue, Routine, Context);
    }
}

/* Hands a finished SRB back; the driver does not touch it afterwards. IRQL <= DIRQL, no queue lock
 * held. */
FORCEINLINE VOID PortCompleteSrb(PADAPTER_EXTENSION Adapter, PVOID Srb)
{
    StorPortNotification(RequestComplete, Adapter, Srb);
}

/* The data of an SRB as segments of device addresses, valid until it is completed. NULL: it has
 * none. Any IRQL. */
FORCEINLINE PPORT_SEGMENT_LIST PortGetSegments(PADAPTER_EXTENSION Adapter, PVOID Srb)
{
    return StorPortGetScatterGatherList(Adapter, (PSCSI_REQUEST_BLOCK)Srb);
}

/*
 * Index of the queue that a request goes to: the one whose completions StorPort wants on the
 * processor that the request comes from, where it gives such hints. DISPATCH_LEVEL (StartIo).
 */
FORCEINLINE ULONG PortSelectQueue(PADAPTER_EXTENSION Adapter, PVOID Srb)
{
    ULONG Queue;

    if (Adapter->Port.QueueHints == QueueHintsNone) {
        return 0;
    }
    Queue = PortExtendedHintedQueue(Adapter, Srb);
    return Queue < Adapter->QueueCount ? Queue : 0;
}

#endif
