/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * OS dependent definitions for SCSIPort (Windows XP): its interface, and what the driver keeps for
 * it. SCSIPort calls one entry point of an adapter at a time, under the adapter's interrupt lock, so
 * there are neither locks nor DPCs here.
 */
#ifndef VIOSTOR_OSDEP_SCSIPORT_H
#define VIOSTOR_OSDEP_SCSIPORT_H

#include <miniport.h>
#include <scsi.h>
#include <ntddscsi.h>

#include "srb_legacy.h"

/* The data of a request as segments of device addresses. SCSIPort has no such lists: the driver
 * makes one in each SRB extension (port_scsiport.c). */
typedef struct _PORT_SEGMENT {
    SCSI_PHYSICAL_ADDRESS PhysicalAddress;
    ULONG Length; /* bytes */
} PORT_SEGMENT;

typedef struct _PORT_SEGMENT_LIST {
    ULONG NumberOfElements;
    PORT_SEGMENT List[1];
} PORT_SEGMENT_LIST, *PPORT_SEGMENT_LIST;

/* Queues of an adapter: requests are started on one processor at a time. */
#define PORT_QUEUE_MAXIMUM 1u

/* Physical breaks that are asked for: 256 KiB in any case, four times what XP's disk class sends.
 * More would only make each SRB extension larger, which holds the list. */
#define PORT_BREAKS_MAXIMUM 64u

/* The uncached memory of an adapter is limited to 100 KiB on XP (reference: page of
 * ScsiPortGetUncachedExtension), which the next three keep to; SCSIPort sends no more requests at once
 * than this anyway.
 *
 * The largest ring that is used where a device lets the driver choose its size (modern); of a larger
 * one only so many descriptors are used. */
#define PORT_RING_USE_MAXIMUM 256u

/* Shared memory that the long descriptor tables of one queue may take, in bytes. */
#define PORT_LONG_TABLE_BUDGET (11u * 1024u)

/* Scratch memory of an adapter, in bytes: what one step of VERIFY or WRITE SAME moves. Disks of larger
 * blocks go without those commands. */
#define PORT_SCRATCH_BYTES 8192u

/* Of a queue: nothing, but C wants a member. */
typedef struct _PORT_QUEUE {
    UCHAR Unused;
} PORT_QUEUE;

/* Of the adapter: as above. */
typedef struct _PORT_ADAPTER {
    UCHAR Unused;
} PORT_ADAPTER;

#endif
