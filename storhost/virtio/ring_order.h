/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whether the driver orders its accesses to a split ring by barriers (VIRTIO 1.2, 2.7.13 and
 * 2.7.14), where barriers are followed (machine/barrier.h):
 *
 *   entry of the available ring ──stores──> its index ──all──> look at what the device wants
 *                                                  └──stores──> doorbell
 *   index of the used ring ──loads──> the elements that it stands for
 *
 * What is not checked: descriptors before the entry that names them (memory that is not watched),
 * and the wish for an interrupt before the last look at the used index (a wish for none needs no
 * barrier and looks the same).
 */
#ifndef STORHOST_VIRTIO_RING_ORDER_H
#define STORHOST_VIRTIO_RING_ORDER_H

#include <stdbool.h>
#include <stdint.h>

#include "machine/barrier.h"

struct ring_order {
    unsigned queue;
    uint16_t size;
    bool event_index;
    uintptr_t available, used; /* as the driver sees them */
    struct barrier_point entry_stored, index_stored, used_index_loaded;
    uint16_t known;  /* elements before this index were loaded with a barrier ahead of them */
    uint16_t looked; /* the used index when it was last loaded */
};

/* Ahead of an access of the driver to [address, address + size) of the ring's pages. `used_index`
 * is what the device has written. */
void ring_order_access(struct ring_order *order, uintptr_t address, unsigned size, bool write,
                       uint16_t used_index);

/* Ahead of a doorbell of the queue. */
void ring_order_doorbell(const struct ring_order *order);

#endif
