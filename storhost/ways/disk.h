/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The disk behind the driver, seen from right above the port: what it says of itself, and single requests
 * to it, for what is to reach the driver as it is. What applications' requests become in Windows is played
 * by disk_class/.
 */
#ifndef STORHOST_WAYS_DISK_H
#define STORHOST_WAYS_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "port/port.h"

/* SRB_STATUS_* values that the ways in look at (the whole list: srb_status_name). */
enum srb_status {
    DISK_SRB_SUCCESS = 0x01,
    DISK_SRB_ABORTED = 0x02,
    DISK_SRB_BUSY = 0x05,
    DISK_SRB_TIMEOUT = 0x09,
    DISK_SRB_BUS_RESET = 0x0e,
    DISK_SRB_DATA_OVERRUN = 0x12, /* also: less data than asked for */
    DISK_SRB_REQUEST_FLUSHED = 0x16,
};

/* What the disk said when it was discovered. Text fields are without trailing blanks. */
struct disk {
    struct port *port;
    char vendor[9], product[17], revision[5]; /* INQUIRY */
    char serial[64];                          /* VPD page 80; "" if there is none */
    uint64_t blocks;                          /* capacity in logical blocks */
    uint32_t block_bytes;                     /* logical block */
    uint32_t physical_block_bytes;            /* READ CAPACITY (16) */
    uint32_t maximum_transfer;                /* bytes in one request */
    bool read_only;                           /* MODE SENSE: write protected */
    bool write_cache;                         /* MODE SENSE: caching page, WCE */
};

/* Asks the disk for everything above. False and a text that names the command that failed. */
bool disk_discover(struct disk *disk, struct port *port, char *error, size_t error_size);

/*
 * Fill in a request; kept of what it held are done, context, path, target, lun, processor,
 * scatter_bytes, page_aligned, sense_capacity and timeout_seconds. The CDB is READ or WRITE (10), or (16) where the address or the length need it.
 * lba, blocks: logical blocks; data: blocks * block_bytes bytes. `fua`: on the medium when done.
 */
void disk_prepare_read(const struct disk *disk, struct port_io *io, uint64_t lba, uint32_t blocks,
                       void *data);
void disk_prepare_write(const struct disk *disk, struct port_io *io, uint64_t lba, uint32_t blocks,
                        void *data, bool fua);
void disk_prepare_flush(struct port_io *io); /* SYNCHRONIZE CACHE (10), everything */
/* Sends a prepared read or write elsewhere the next time; as far up as its CDB's kind reaches. */
void disk_move(struct port_io *io, uint64_t lba);

/* Completed with success, and all data moved. */
bool disk_succeeded(const struct port_io *io);

/* Completed in a way after which Windows' disk class sends the same request again: reset, aborted,
 * busy, flushed from the queue, timed out, unit attention. */
bool disk_should_retry(const struct port_io *io);

/* "SRB_STATUS_ERROR, CHECK CONDITION, sense 5/24/00": what became of a completed request. */
void disk_describe_result(const struct port_io *io, char *text, size_t size);

/* Sense data, fixed or descriptor format; false if there is none. */
bool disk_sense(const struct port_io *io, uint8_t *key, uint8_t *asc, uint8_t *ascq);

/* Names of SRB_STATUS_* and SCSI status values as scripts and reports use them: "bus-reset",
 * "check-condition". NULL: no name. The finders return -1 for an unknown name. */
const char *srb_status_name(uint8_t status);
int srb_status_find(const char *name);
const char *scsi_status_name(uint8_t status);
int scsi_status_find(const char *name);

#endif
