/* SPDX-License-Identifier: BSD-3-Clause */
/* A disk of 64 KiB in memory, for the miniports of both port drivers. Behind <srb.h>. */
#ifndef RULES_DISK_H
#define RULES_DISK_H

#define DISK_BLOCKS 128u
#define BLOCK_BYTES 512u

/* Does a command whose data buffer is mapped; returns the SRB status. */
UCHAR DiskScsi(PUCHAR Disk, PSCSI_REQUEST_BLOCK Srb);

#endif
