/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * StorPort's side of port.h: what lies on the request path, inline.
 */
#ifndef VIOSTOR_PORT_STORPORT_H
#define VIOSTOR_PORT_STORPORT_H

#include "virtio_store.h"

/* Held lock of a queue. */
typedef STOR_LOCK_HANDLE PORT_LOCK;

/*
 * Takes a queue's lock. It is the lock of the queue's DPC; where StorPort grants no DPCs it is the
 * interrupt lock, the completion then running in the interrupt routine, which holds it already
 * (PortAcquireQueueLock is not called there). IRQL <= DISPATCH_LEVEL.
 */
FORCEINLINE VOID PortAcquireQueueLock(PVIO_QUEUE Queue, PORT_LOCK *Lock)
{
    PADAPTER_EXTENSION Adapter = Queue->Adapter;

    if (LIKELY(Adapter->DpcReady)) {
        StorPortAcquireSpinLock(Adapter, DpcLock, &Queue->Dpc, Lock);
    } else {
        StorPortAcquireSpinLock(Adapter, InterruptLock, NULL, Lock);
    }
}

/* Gives it back. */
FORCEINLINE VOID PortReleaseQueueLock(PVIO_QUEUE Queue, PORT_LOCK *Lock)
{
    StorPortReleaseSpinLock(Queue->Adapter, Lock);
}

/* Queues a DPC; no effect if it is queued already. Any IRQL up to DIRQL. */
FORCEINLINE VOID PortQueueDpc(PADAPTER_EXTENSION Adapter, PSTOR_DPC Dpc, PVOID Context)
{
    StorPortIssueDpc(Adapter, Dpc, Context, NULL);
}

/* Hands a finished SRB back; the driver does not touch it afterwards. IRQL <= DIRQL, no queue lock
 * held. */
FORCEINLINE VOID PortCompleteSrb(PADAPTER_EXTENSION Adapter, PVOID Srb)
{
    StorPortNotification(RequestComplete, Adapter, Srb);
}

/* The data of an SRB as segments of device addresses, valid until it is completed. NULL: it has
 * none. Any IRQL. */
FORCEINLINE PSTOR_SCATTER_GATHER_LIST PortGetSegments(PADAPTER_EXTENSION Adapter, PVOID Srb)
{
    return StorPortGetScatterGatherList(Adapter, (PSCSI_REQUEST_BLOCK)Srb);
}

/*
 * Index of the queue that a request goes to: the one whose completions StorPort wants on the
 * processor that the request comes from, where it gives such hints. DISPATCH_LEVEL (StartIo).
 */
FORCEINLINE ULONG PortSelectQueue(PADAPTER_EXTENSION Adapter, PVOID Srb)
{
    STARTIO_PERFORMANCE_PARAMETERS Hints;
    ULONG Hint;

    if (Adapter->QueueHints == QueueHintsNone) {
        return 0;
    }
    Hints.Size = sizeof(Hints); /* StorPort sets the rest, the version included */
    if (StorPortGetStartIoPerfParams(Adapter, (PSCSI_REQUEST_BLOCK)Srb, &Hints) !=
        STOR_STATUS_SUCCESS) {
        return 0;
    }
    /* Message 0 is for configuration changes; queue n has message n + 1. */
    Hint = Adapter->QueueHints == QueueHintsMessage ? Hints.MessageNumber - 1 : Hints.ChannelNumber;
    return Hint < Adapter->QueueCount ? Hint : 0;
}

#endif
