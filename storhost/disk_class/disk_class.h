/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The disk class above the port driver: what disk.sys and classpnp.sys make of an application's request,
 * as published in Microsoft's samples (Windows-driver-samples: storage/class/disk, storage/class/classpnp;
 * functions are named beside what is taken from them).
 *
 *   read, write, flush, trim          class_submit
 *        │  split, CDB, FUA, UNMAP lists           transfer.c, flush.c, trim.c
 *     packets ── port_submit ──> port driver model
 *        ▲             │ failed
 *        └─ again ─────┤ interpret.c: status, retry, delay            packet.c
 *                      └─ done: an NTSTATUS for the application
 *
 * What is not played of it stands in docs/storhost.md.
 */
#ifndef STORHOST_DISK_CLASS_DISK_CLASS_H
#define STORHOST_DISK_CLASS_DISK_CLASS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "port/port.h"

/* What an application gets: the NTSTATUS values of these names. */
enum class_status {
    CLASS_SUCCESS,
    CLASS_IO_DEVICE_ERROR,
    CLASS_DEVICE_DATA_ERROR, /* a bad block: event 7, "CRC error" to the application */
    CLASS_DEVICE_HARDWARE_ERROR,
    CLASS_DEVICE_NOT_READY,
    CLASS_NO_MEDIA_IN_DEVICE,
    CLASS_INVALID_DEVICE_REQUEST,
    CLASS_NONEXISTENT_SECTOR,
    CLASS_NO_SUCH_DEVICE,
    CLASS_MEDIA_WRITE_PROTECTED,
    CLASS_ACCESS_DENIED,
    CLASS_DISK_RESOURCES_EXHAUSTED,
    CLASS_NO_DATA_DETECTED,
    CLASS_RETRY,
    CLASS_IO_TIMEOUT,
    CLASS_DEVICE_NOT_CONNECTED,
    CLASS_DATA_OVERRUN,
    CLASS_DEVICE_BUSY,
    CLASS_INVALID_PARAMETER,
    CLASS_NOT_SUPPORTED,
    CLASS_TRIM_READ_ZERO_NOT_SUPPORTED,
    CLASS_INSUFFICIENT_RESOURCES,
    CLASS_STATUS_COUNT
};

/* "io-device-error" and so on; find: -1 for an unknown name. */
const char *class_status_name(enum class_status status);
int class_status_find(const char *name);

/* Sense data, fixed or descriptor format; false if there is none. */
struct class_sense {
    uint8_t key, asc, ascq;
};
bool class_sense_of(const struct port_io *io, struct class_sense *sense);

enum class_operation {
    CLASS_READ,
    CLASS_WRITE,
    CLASS_FLUSH, /* FlushFileBuffers, and what a file system sends of its own */
    CLASS_TRIM   /* IOCTL_STORAGE_MANAGE_DATA_SET_ATTRIBUTES, DeviceDsmAction_Trim */
};

struct class_range {
    uint64_t lba, blocks;
};

/* A request from above; the caller's, until `done` was called. */
struct class_request {
    enum class_operation operation;
    uint64_t lba, blocks; /* READ, WRITE: logical blocks */
    void *data;
    bool write_through; /* WRITE: FILE_FLAG_WRITE_THROUGH and the like */
    bool unaligned;     /* the buffer does not begin at a page; those of caches and paging do */
    const struct class_range *ranges; /* TRIM */
    unsigned range_count;
    bool file_level;        /* TRIM of blocks that belong to a file (FSCTL_FILE_LEVEL_TRIM) */
    int processor;          /* that it starts on; -1: any */
    uint32_t scatter_bytes; /* as of port_io */
    void (*done)(
        struct class_request *request); /* on a processor's or the clock's thread, or before
                                                     class_submit returns */
    void *context;
    /* results */
    enum class_status status;
    struct port_io
        result;       /* the SRB that the status comes from: the first that failed, or the last */
    unsigned srbs;    /* sent for it, those that were sent again included */
    unsigned retries; /* of them, sent again */
    /* used inside */
    struct class_packet *packets;
    unsigned waiting;
    struct class_request *next;
};

struct disk_class;

/* What it knows of its disk, and what it has done since class_start. */
struct class_facts {
    uint64_t blocks;
    uint32_t block_bytes;
    bool write_cache;         /* DEV_WRITE_CACHE: mode page 8, WCE */
    bool fua;                 /* a write-through write has the FUA bit */
    bool use_16_byte_cdb;     /* DEV_USE_16BYTE_CDB */
    bool unmap;               /* LBPU of page B2h */
    bool read_zeroes;         /* LBPRZ of it */
    uint32_t largest_aligned; /* bytes of one SRB, from a buffer that begins at a page, ... */
    uint32_t largest;         /* ... or elsewhere in one */
    uint32_t unmap_blocks, unmap_descriptors; /* of one UNMAP: page B0h */
    unsigned io_retries;                      /* of one SRB of a read or write */
    /* counters */
    uint64_t reads, writes, flushes, trims; /* requests from above */
    uint64_t srbs, retries;
    uint64_t synchronize_caches, srb_flushes, unmaps;
    uint64_t capacity_changes; /* unit attentions 2A/09 */
    uint64_t bad_blocks;       /* MEDIUM ERRORs: event 7 in the system log */
};

/*
 * Starts the disk at bus 0, target 0, unit 0 of a port driver: sends what is sent then. NULL and a text
 * if the disk has no capacity. Not on a processor. It ends with the port; class_end when nothing is
 * outstanding.
 */
struct disk_class *class_start(struct port *port, char *error, size_t error_size);
void class_end(struct disk_class *disk);

void class_submit(struct disk_class *disk, struct class_request *request);
/* Sends and waits. Not on a processor. */
void class_execute(struct disk_class *disk, struct class_request *request);

void class_get_facts(struct disk_class *disk, struct class_facts *facts);

#endif
