/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Finds double fetches in used rings and in packed rings: the device may change what it has written
 * at any time, so a driver that reads an element's id to check it and again to use it has checked
 * nothing. Each of an element's two values may be fetched once, until the device uses that place
 * again. The index, flags and events are polled and may be read again and again.
 *
 * What else is to be known of each access is found here, too: whether locks guard the rings
 * (ring_guard.h) and, where barriers are followed, whether they keep accesses in order (ring_order.h,
 * ring_order_packed.h).
 *
 * The driver's view of the rings is watched (machine/trap.h): each access costs some microseconds,
 * and with processors as real threads some go unseen. So this is for the deterministic scheduler.
 */
#ifndef STORHOST_VIRTIO_FETCH_WATCH_H
#define STORHOST_VIRTIO_FETCH_WATCH_H

#include <stdbool.h>
#include <stdint.h>

struct fetch_watch;

struct fetch_watch_setup {
    unsigned queue;
    uint16_t size;        /* elements */
    uint64_t descriptors; /* bus address */
    uint64_t driver_area,
        device_area; /* bus addresses; split: of the available and the used ring */
    bool event_index, packed;
};

/* Watches a queue's rings, in memory that the driver got from the port. trap_init() was
 * called. NULL: it is not such memory. */
struct fetch_watch *fetch_watch_create(const struct fetch_watch_setup *setup);

/* Ahead of a doorbell of the queue; NULL does nothing. */
void fetch_watch_doorbell(const struct fetch_watch *watch);

/* Called ahead of each access of the driver to a page of a watched ring, and before it is judged;
 * NULL: nobody. While no processor runs. */
void fetch_watch_look(void (*look)(const void *address, unsigned size, bool write));

/* Ends it, before the memory is given back; NULL does nothing. */
void fetch_watch_destroy(struct fetch_watch *watch);

#endif
