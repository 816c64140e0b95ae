/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Follows one virtqueue, split or packed, from outside: each chain that the driver makes available is checked
 * once, against the DMA grants and against what the specification asks of a driver (VIRTIO 1.2,
 * 2.7, 2.8 and 5.2.6).
 *
 * The driver and the device go on while this looks. A chain is judged only if the device has not
 * used it yet: before that its driver may not touch it. What looks wrong is looked at again: if the
 * device has used the chain meanwhile, it may have been overwritten, and nothing is reported.
 */
#ifndef STORHOST_VIRTIO_RING_WALK_H
#define STORHOST_VIRTIO_RING_WALK_H

#include <stdbool.h>
#include <stdint.h>

struct ring_walk;

struct ring_walk_setup {
    unsigned queue; /* index, for reports */
    uint16_t size;
    uint64_t descriptors, driver_area, device_area; /* bus addresses */
    bool indirect;                                  /* INDIRECT_DESC is agreed */
    bool event_index;                               /* EVENT_IDX is agreed */
    bool packed, in_order;                          /* RING_PACKED, IN_ORDER are agreed */
};

/* Violation RULE_DMA_GRANT if the parts of the ring lie in no live grant. */
struct ring_walk *ring_walk_create(const struct ring_walk_setup *setup);
void ring_walk_destroy(struct ring_walk *walk);

/* Checks what has become available since the last call. One thread at a time. */
void ring_walk_new(struct ring_walk *walk);

/* The driver rings: it has told of all that is available now. */
void ring_walk_doorbell(struct ring_walk *walk);

/* Whether the device asks to be told of something available that it was not told of, now; `index`
 * gets its number in the available ring. False without EVENT_IDX. */
bool ring_walk_doorbell_missing(const struct ring_walk *walk, uint16_t *index);

/* Chains seen so far. */
uint64_t ring_walk_requests(const struct ring_walk *walk);

#endif
