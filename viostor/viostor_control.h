/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a program can ask the driver itself, by IOCTL_SCSI_MINIPORT on the adapter or the disk: a buffer
 * that begins with a SRB_IO_CONTROL (ntddscsi.h) with this signature and one of these codes, followed by
 * Length bytes of room for the answer. For programs as well as for the driver: it needs no other header
 * of the driver's.
 *
 * The answer is that of the driver's counting, not exact where several processors count at once.
 */
#ifndef VIOSTOR_CONTROL_H
#define VIOSTOR_CONTROL_H

/* SRB_IO_CONTROL.Signature: eight characters, the last a NUL. */
#define VIOSTOR_CONTROL_SIGNATURE "viostor"

/* SRB_IO_CONTROL.ControlCode: the counters, a VIOSTOR_COUNTERS. */
#define VIOSTOR_CONTROL_COUNTERS 0x80000001u

/* SRB_IO_CONTROL.ReturnCode. */
#define VIOSTOR_CONTROL_OK        0u
#define VIOSTOR_CONTROL_TOO_SMALL 1u /* Length is less than the answer needs; nothing was written */

/* Fields are only added: Size tells how many there are, and a program that knows fewer gets those. */
#define VIOSTOR_COUNTERS_VERSION 1u
#define VIOSTOR_COUNTERS_LEAST   48u /* bytes that there must be room for */

typedef struct _VIOSTOR_COUNTERS {
    ULONG Version;       /* VIOSTOR_COUNTERS_VERSION */
    ULONG Size;          /* bytes of this structure that were written */
    ULONGLONG Features;  /* agreed with the device: bits of the virtio specification */
    ULONG Queues;        /* virtqueues in use */
    ULONG Depth;         /* requests that they hold at once */
    ULONG Resets;        /* resets of the device, whoever asked for them */
    ULONG RequestsReset; /* requests that the device held when it was reset */
    ULONG BrokenQueues;  /* times that the device broke a ring's rules */
    ULONG BadRequests;   /* requests of Windows' that contradicted themselves */
    ULONG ConfigChanges; /* looks at a changed configuration */
    ULONG State; /* ADAPTER_STATE: 1 works, 2 is being reset, 3 stopped, 4 failed, 5 removed,
                            6 waits for the end of a reset */
    ULONG LongUsedLengths; /* requests that the device used with a length beyond theirs */
    ULONG QueuesRemade;    /* broken queues that needed no reset of the device */
} VIOSTOR_COUNTERS, *PVIOSTOR_COUNTERS;

#endif
