/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * OS dependent definitions for StorPort: its interface, and what the driver keeps for it.
 */
#ifndef VIOSTOR_OSDEP_STORPORT_H
#define VIOSTOR_OSDEP_STORPORT_H

#include <ntddk.h>
#include <storport.h>
#include <ntddscsi.h>
#include <srbhelper.h>

/* The data of a request as segments of device addresses. */
typedef STOR_SCATTER_GATHER_ELEMENT PORT_SEGMENT;
typedef STOR_SCATTER_GATHER_LIST PORT_SEGMENT_LIST, *PPORT_SEGMENT_LIST;

/* Queues of an adapter. The StorPort of Server 2003 starts requests on one processor at a time. */
#if defined(VIOSTOR_STORPORT_2003)
#define PORT_QUEUE_MAXIMUM 1u
#else
#define PORT_QUEUE_MAXIMUM VIO_QUEUE_MAXIMUM
#endif

/* More than any ring allows: StorPort's lists may be of any length. */
#define PORT_BREAKS_MAXIMUM MAXULONG

/* The largest ring that is used where a device lets the driver choose its size (modern); of a larger
 * one only so many descriptors are used. */
#define PORT_RING_USE_MAXIMUM 1024u

/* Shared memory that the long descriptor tables of one queue may take, in bytes. */
#define PORT_LONG_TABLE_BUDGET (256u * 1024u)

/* Scratch memory of an adapter, in bytes: what one step of VERIFY or WRITE SAME moves. Disks of larger
 * blocks go without those commands. */
#define PORT_SCRATCH_BYTES 65536u

/* What guards a queue (PortWithQueueLock). Constant once requests come. */
typedef enum _PORT_LOCKING {
    PortLockingNone,      /* crash dump: nothing else runs */
    PortLockingInterrupt, /* no DPCs: the interrupt lock, which the completing ISR holds */
    /* with DPCs: */
    PortLockingStartIo, /* the only queue: the lock that StorPort holds in StartIo anyway */
    PortLockingDpc, /* one of several: the lock of the queue's DPC, as StartIo may run on several
                           processors at once */
} PORT_LOCKING;

/* What StorPort's hints for a request (StorPortGetStartIoPerfParams) name. */
typedef enum _QUEUE_HINTS {
    QueueHintsNone,    /* none were granted, or there is one queue only */
    QueueHintsMessage, /* the interrupt message that its completion should raise */
    QueueHintsChannel, /* the channel that it came on */
} QUEUE_HINTS;

/* Of a queue. */
typedef struct _PORT_QUEUE {
    STOR_DPC Dpc;       /* completes its requests */
    STOR_SPINLOCK Lock; /* with PortLockingStartIo and PortLockingDpc: guards the queue */
    PVOID LockContext;  /* goes with it */
} PORT_QUEUE;

/* Of the adapter. */
typedef struct _PORT_ADAPTER {
    UCHAR Locking;                 /* PORT_LOCKING */
    UCHAR QueueHints;              /* QUEUE_HINTS */
    ULONG OwnMessages;             /* message n is queue n - 1's alone, up to this one; 0: there are
                                      no DPCs, or no such messages */
    BOOLEAN ExtendedConfiguration; /* StorPort of Windows 8 or later took what only it knows */
    BOOLEAN DepthTold;             /* StorPortSetDeviceQueueDepth was called (before Windows 8) */
} PORT_ADAPTER;

#endif
