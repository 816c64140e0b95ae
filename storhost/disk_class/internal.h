/* SPDX-License-Identifier: BSD-3-Clause */
/* What the disk class is made of: see disk_class.h. */
#ifndef STORHOST_DISK_CLASS_INTERNAL_H
#define STORHOST_DISK_CLASS_INTERNAL_H

#include <pthread.h>

#include "disk_class/disk_class.h"
#include "machine/clock.h"

/* Windows versions that differ here, as port_facts.windows has them. */
enum {
    WINDOWS_8 = 0x602,
    WINDOWS_8_1 = 0x603 /* NTDDI_WINBLUE in the samples */
};

/* Operation codes (SPC-4, SBC-3). */
enum {
    CDB_INQUIRY = 0x12,
    CDB_MODE_SENSE_6 = 0x1a,
    CDB_READ_CAPACITY_10 = 0x25,
    CDB_READ_10 = 0x28,
    CDB_WRITE_10 = 0x2a,
    CDB_SYNCHRONIZE_CACHE_10 = 0x35,
    CDB_UNMAP = 0x42,
    CDB_READ_16 = 0x88,
    CDB_WRITE_16 = 0x8a,
    CDB_SERVICE_ACTION_IN_16 = 0x9e
};

/* Big-endian numbers, as SCSI has them. */
void class_put(uint8_t *bytes, unsigned count, uint64_t value);
uint64_t class_get(const uint8_t *bytes, unsigned count);

/* ---- interpret.c ----------------------------------------------------------------------------- */

/* What a failed SRB means. */
struct class_verdict {
    enum class_status status;
    bool retry;
    unsigned seconds;      /* before it is sent again */
    bool capacity_changed; /* the capacity is to be read anew */
    bool bad_block;        /* is logged as one */
};

/* What the meaning depends on beside the SRB. */
struct class_situation {
    uint16_t windows;
    unsigned retried; /* how often it was sent again so far */
    uint64_t blocks;  /* the capacity that is known */
};

/* classpnp's ClassInterpretSenseInfo and what disk.sys adds (DiskFdoProcessError), for an SRB that was
 * not completed as successful. */
struct class_verdict class_interpret(const struct port_io *io,
                                     const struct class_situation *situation);

/* ---- wait.c ---------------------------------------------------------------------------------- */

/* One thread waits until another wakes it. */
struct class_waiter {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool over;
};
#define CLASS_WAITER                                                            \
    {                                                                           \
        .mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER \
    }
void class_wait(struct class_waiter *waiter);
void class_wake(struct class_waiter *waiter);

/* ---- packet.c -------------------------------------------------------------------------------- */

/* How an SRB is sent again. */
enum packet_kind {
    PACKET_TRANSFER,    /* TRANSFER_PACKET: after the time that the verdict says */
    PACKET_SYNCHRONOUS, /* ClassSendSrbSynchronous: at once, up to MAXIMUM_RETRIES times */
    PACKET_ONCE         /* never */
};

/* One SRB on its way, however often it is sent. */
struct class_packet {
    struct disk_class *disk;
    enum packet_kind kind;
    struct port_io io;
    unsigned retries_left, retried;
    enum class_status status; /* when it is done */
    struct clock_timer timer;
    void (*done)(struct class_packet *packet);
    void *owner;
};

/* Clears it and fills in who it belongs to and how it is sent again. */
void packet_init(struct class_packet *packet, struct disk_class *disk, enum packet_kind kind,
                 void (*done)(struct class_packet *packet), void *owner);
void packet_send(struct class_packet *packet);
/* Sends and waits for the end. Not on a processor. */
void packet_execute(struct class_packet *packet);
/* Fills in a command that reads `length` bytes. */
void packet_read_command(struct class_packet *packet, const uint8_t *cdb, unsigned cdb_length,
                         void *data, uint32_t length);

/* ---- the disk -------------------------------------------------------------------------------- */

/* FlushFileBuffers in groups: what comes while one is under way waits, and goes as one afterwards. */
struct flush_group {
    struct class_request *current, *next; /* lists */
    struct class_packet packet;           /* of the current one */
    enum class_status synchronized;       /* what became of its SYNCHRONIZE CACHE */
};

struct disk_class {
    struct port *port;
    struct port_facts port_facts;
    pthread_mutex_t mutex; /* all below */
    struct class_facts facts;
    bool capacity_known, capacity_asked; /* asked: a READ CAPACITY of our own is under way */
    struct class_packet capacity_packet;
    uint8_t capacity_data[32];
    struct flush_group flush;
};

/* start.c. Asks for the capacity again, without waiting. */
void class_refresh_capacity(struct disk_class *disk);

/* transfer.c: the length of one SRB at most. */
uint32_t class_largest(const struct port_facts *port, bool aligned, bool use_16_byte_cdb,
                       uint32_t block_bytes);
void class_transfer(struct disk_class *disk, struct class_request *request);
/* A request is over: results and counters, then its owner hears of it. */
void class_complete(struct disk_class *disk, struct class_request *request,
                    enum class_status status);
/* Adds what a packet has come to, to its request's results. With the mutex. */
void class_account(struct class_request *request, const struct class_packet *packet);

/* flush.c, trim.c */
void class_flush(struct disk_class *disk, struct class_request *request);
void class_trim(struct disk_class *disk, struct class_request *request);

/* The limits of one UNMAP. */
struct unmap_limits {
    uint32_t descriptors;
    uint64_t blocks;
};
/* How far a list of ranges was turned into UNMAP descriptors. */
struct unmap_progress {
    unsigned range;
    uint64_t done; /* blocks of it */
};
/* The next parameter list: its length in bytes; 0: all ranges are done. */
uint32_t class_unmap_list(const struct class_range *ranges, unsigned count,
                          const struct unmap_limits *limits, struct unmap_progress *progress,
                          uint8_t *list);
/* Descriptors of one UNMAP at most. */
uint32_t class_unmap_descriptors(const struct class_facts *facts, unsigned ranges);

#endif
