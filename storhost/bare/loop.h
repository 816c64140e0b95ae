/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The counted code of the bare loop (bare.h): a virtqueue of virtio-blk requests with nothing around
 * it. loop_split.c and loop_packed.c have one ring format each, VIRTIO 1.2, 2.7 and 2.8.
 *
 * One processor uses a queue, at DISPATCH_LEVEL: there are no locks. The device is trusted. Each
 * request has one indirect table; the ring is never full, as the caller gives a queue no more than
 * `size` requests.
 */
#ifndef STORHOST_BARE_LOOP_H
#define STORHOST_BARE_LOOP_H

#include <linux/virtio_blk.h>
#include <linux/virtio_ring.h>
#include <stdbool.h>
#include <stdint.h>

#include "machine/memory.h"

/* Counted code lies in a section of its own, which the counter takes for the driver's image. The
 * linker names its ends __start_bare_loop and __stop_bare_loop. */
#define BARE_CODE   __attribute__((section("bare_loop"), noinline))
#define BARE_INLINE static inline __attribute__((always_inline))

/* Of a request, in memory that the device reaches. */
struct bare_block {
    struct virtio_blk_outhdr header;
    struct virtio_blk_discard_write_zeroes range;
    uint8_t status;
    /* Indirect table: struct vring_desc or struct vring_packed_desc. */
    _Alignas(16) uint8_t table[];
};

#define BARE_DESCRIPTOR_BYTES 16u

/* A descriptor of either format as two words, little-endian as virtio is. */
struct bare_entry {
    uint64_t address;
    uint64_t tail; /* length and what else there is */
};

struct bare_piece {
    bus_addr address;
    uint32_t length; /* bytes */
};

/* A request as a port driver would hand it over: type, place and scatter/gather list. */
struct bare_request {
    uint32_t type; /* VIRTIO_BLK_T_* */
    uint32_t pieces;
    uint64_t sector;     /* of 512 bytes */
    uint16_t data_flags; /* of the data's descriptors, VRING_DESC_F_*: NEXT, and WRITE of a read */
    bool failed;         /* set when it comes back with a status other than OK */
    struct bare_block *block;
    bus_addr block_address;
    void *io;                       /* whose it is */
    const struct bare_piece *piece; /* scatter/gather list of the data */
};

struct bare_split {
    struct bare_entry *descriptors;
    struct vring_avail *available;
    struct vring_used *used;
    uint16_t *used_event;  /* behind the available ring */
    uint16_t *avail_event; /* behind the used ring */
    uint16_t next;         /* available index, free running */
    uint16_t last_used;    /* free running */
};

struct bare_packed {
    struct vring_packed_desc *descriptors;
    struct vring_packed_desc_event *driver_event, *device_event;
    uint16_t next, last_used;       /* offsets */
    bool next_wrap, last_used_wrap; /* wrap counters */
};

struct bare_queue {
    union {
        struct bare_split split;
        struct bare_packed packed;
    };
    uint16_t index, size;
    uint16_t free; /* first free id */
    bool event_index;
    volatile uint16_t *doorbell;
    uint16_t done_count;         /* of the last reap */
    uint16_t *next_free;         /* by id */
    struct bare_request **owner; /* by id */
    struct bare_request **done;  /* room for `size` */
};

/* Makes a request available, and rings if the device asks for it. Needs a free id. */
void bare_split_submit(struct bare_queue *queue, struct bare_request *request);
void bare_packed_submit(struct bare_queue *queue, struct bare_request *request);

/* Takes all that the device has used into done[], and asks for the next interrupt. */
void bare_split_reap(struct bare_queue *queue);
void bare_packed_reap(struct bare_queue *queue);

/* A line interrupt: reads, and so acknowledges, the ISR status. */
uint8_t bare_acknowledge(const volatile uint8_t *isr);

/* ---- What both formats share ---- */

BARE_INLINE uint16_t bare_take_id(struct bare_queue *queue, struct bare_request *request)
{
    uint16_t id = queue->free;

    queue->free = queue->next_free[id];
    queue->owner[id] = request;
    return id;
}

BARE_INLINE void bare_finish(struct bare_queue *queue, uint16_t id)
{
    struct bare_request *request = queue->owner[id];

    queue->next_free[id] = queue->free;
    queue->free = id;
    if (request->block->status != VIRTIO_BLK_S_OK) {
        request->failed = true;
    }
    queue->done[queue->done_count++] = request;
}

BARE_INLINE void bare_fill_header(const struct bare_request *request)
{
    struct virtio_blk_outhdr *header = &request->block->header;

    header->type = request->type;
    header->ioprio = 0;
    header->sector = request->sector;
}

/* Orders what was stored before with what is loaded after (VIRTIO 1.2, 2.7.13.4.1). */
BARE_INLINE void bare_full_fence(void)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

#endif
