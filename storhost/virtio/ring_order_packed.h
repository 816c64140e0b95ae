/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whether the driver orders its accesses to a packed ring by barriers (VIRTIO 1.2, 2.8.13 to 2.8.15),
 * where barriers are followed (machine/barrier.h):
 *
 *   descriptors of the chain ──stores──> flags of its first one ──all──> look at what the device wants
 *                                                               └──stores──> doorbell
 *   flags that say "used" ──loads──> id and length of that descriptor
 *
 * Not checked: indirect tables before the descriptor that names them (memory that is not watched), and
 * the wish for an interrupt before the last look.
 */
#ifndef STORHOST_VIRTIO_RING_ORDER_PACKED_H
#define STORHOST_VIRTIO_RING_ORDER_PACKED_H

#include <stdbool.h>
#include <stdint.h>

#include "machine/barrier.h"

struct ring_order_packed {
    unsigned queue;
    uint16_t size;
    uintptr_t descriptors, device_event; /* as the driver sees them */
    uint16_t next;                       /* place of the first descriptor of the chain to come */
    uint16_t count;                      /* descriptors of that chain, as far as it is written */
    struct barrier_point content_stored, published;
    struct barrier_point *flags_loaded; /* per place */
};

/* `order` has its first five fields set. */
void ring_order_packed_create(struct ring_order_packed *order);
void ring_order_packed_destroy(struct ring_order_packed *order);

/* Ahead of an access of the driver to [address, address + size) of the ring's pages. */
void ring_order_packed_access(struct ring_order_packed *order, uintptr_t address, unsigned size,
                              bool write);

/* Ahead of a doorbell of the queue. */
void ring_order_packed_doorbell(const struct ring_order_packed *order);

#endif
