/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The bare loop: the least that native code does to run requests through a virtio-blk device. It is
 * no driver: no port driver, locks, waiting list, error handling or checks of what the device says.
 * Counted over the same device and the same requests as a driver, in the same way (machine/count.h),
 * it is the floor that a driver's counts can be held against.
 *
 * Counted are (loop.h): header and one indirect table written, the ring's entry, the decision about
 * the doorbell, and on an interrupt all used elements taken and the next interrupt asked for. Not
 * counted is what stands around it (bare.c): memory, scatter/gather lists and interrupts.
 *
 * It needs a modern device with INDIRECT_DESC, takes RING_PACKED and EVENT_IDX where they are
 * offered, and never takes IN_ORDER.
 */
#ifndef STORHOST_BARE_BARE_H
#define STORHOST_BARE_BARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "devices/device.h"

struct bare;

struct bare_facts {
    uint64_t capacity; /* 512-byte sectors */
    uint32_t block_bytes;
    uint32_t pieces_maximum; /* of the data of one request */
    unsigned queues, message_vectors;
};

/* One request from above. The caller fills in the first part before bare_submit. */
struct bare_io {
    uint32_t type;                    /* VIRTIO_BLK_T_* */
    uint64_t sector;                  /* of 512 bytes */
    uint32_t bytes;                   /* of data, or discarded */
    unsigned processor;               /* less than the queues that there are */
    void (*done)(struct bare_io *io); /* on a processor thread */
    void *context;
    /* Result. */
    bool failed;
    /* Its own, from bare_io_init on. */
    struct bare *bare;
    struct bare_request *request;
    struct bare_holding *holding;
    struct bare_io *next;
};

/* Starts the device for `queues` queues at most, one for each processor, with that many message
 * vectors at most (0: line interrupt). The machine runs (bench.h). On failure NULL and a text. */
struct bare *bare_start(struct device *device, unsigned queues, unsigned message_vectors,
                        char *error, size_t error_size);
/* Resets the device and gives everything back. Nothing is outstanding; all ios are finished with. */
void bare_stop(struct bare *bare);

void bare_get_facts(const struct bare *bare, struct bare_facts *facts);

/* Gives an io memory for up to `bytes` of data in physical pieces of at most `scatter_bytes` (0:
 * pages). Its first part is left as it is. */
void bare_io_init(struct bare *bare, struct bare_io *io, uint32_t bytes, uint32_t scatter_bytes);
void bare_io_free(struct bare_io *io);

/* Sends it on its processor; where a ring is full it waits for the next completion. Any thread. */
void bare_submit(struct bare_io *io);
/* The same at once, for one who is on that processor, at DISPATCH_LEVEL. */
void bare_submit_here(struct bare_io *io);

#endif
