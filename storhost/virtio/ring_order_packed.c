/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Order of the driver's accesses to a packed ring. See ring_order_packed.h.
 *
 * Which store makes a chain available: that to the flags of its first descriptor, whose place follows
 * from the chains before. A chain that is begun anew (its first descriptor is written again) has as many
 * descriptors as are written from then on.
 */
#include "virtio/ring_order_packed.h"

#include <linux/virtio_ring.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/violation.h"

#define DESCRIPTOR_BYTES sizeof(struct vring_packed_desc)
#define FLAGS            offsetof(struct vring_packed_desc, flags)
#define RESULT           offsetof(struct vring_packed_desc, len) /* length and id */

/* An access to one descriptor, and where it ends in it. */
struct part {
    uint16_t place;
    size_t end;
};

void ring_order_packed_create(struct ring_order_packed *order)
{
    order->next = 0;
    order->count = 1;
    order->flags_loaded = calloc(order->size, sizeof(*order->flags_loaded));
    if (!order->flags_loaded) {
        fatal("out of memory for watching a ring of %u descriptors", order->size);
    }
}

void ring_order_packed_destroy(struct ring_order_packed *order)
{
    free(order->flags_loaded);
    order->flags_loaded = NULL;
}

static void publish(struct ring_order_packed *order)
{
    rule_checked(RULE_BARRIER);
    if (!barrier_since(order->content_stored, BARRIER_STORES)) {
        violation(RULE_BARRIER,
                  "queue %u: the flags of descriptor %u make a chain available with no barrier "
                  "(dmb oshst) behind what was stored into its descriptors",
                  order->queue, order->next);
    }
    order->published = barrier_now();
    order->next = (uint16_t)((order->next + order->count) % order->size);
    order->count = 1;
}

static void on_store(struct ring_order_packed *order, struct part part)
{
    const uint16_t behind = (uint16_t)((part.place + order->size - order->next) % order->size);

    if (part.place == order->next && part.end > FLAGS) {
        publish(order);
        return;
    }
    if (part.place == order->next) {
        order->count = 1;
    } else if (behind >= order->count) {
        order->count = (uint16_t)(behind + 1);
    }
    order->content_stored = barrier_now();
}

static void on_load(struct ring_order_packed *order, struct part part)
{
    struct barrier_point *flags = &order->flags_loaded[part.place];

    if (part.end > FLAGS) {
        *flags = barrier_now();
        return; /* what is loaded together with the flags is as new as they are */
    }
    if (part.end <= RESULT) {
        return;
    }
    rule_checked(RULE_BARRIER);
    if (!barrier_since(*flags, BARRIER_LOADS)) {
        violation(RULE_BARRIER,
                  "queue %u: what the device wrote into descriptor %u is loaded with no barrier "
                  "(dmb oshld) behind the load of the flags that tell of it",
                  order->queue, part.place);
    }
}

/* What the device wants to be told. */
static void on_event_load(const struct ring_order_packed *order)
{
    rule_checked(RULE_BARRIER);
    if (!barrier_since(order->published, BARRIER_FULL)) {
        violation(RULE_BARRIER,
                  "queue %u: what the device wants to be told is loaded with no barrier (dmb osh) "
                  "behind the flags that make a chain available",
                  order->queue);
    }
}

void ring_order_packed_access(struct ring_order_packed *order, uintptr_t address, unsigned size,
                              bool write)
{
    const uintptr_t behind = order->descriptors + order->size * DESCRIPTOR_BYTES;
    const uintptr_t end = address + size;

    if (!write && address < order->device_event + sizeof(struct vring_packed_desc_event) &&
        order->device_event < end) {
        on_event_load(order);
    }
    for (uintptr_t at = address > order->descriptors ? address : order->descriptors;
         at < end && at < behind;) {
        const size_t offset = at - order->descriptors;
        const uintptr_t start = at - offset % DESCRIPTOR_BYTES;
        const struct part part = {
            .place = (uint16_t)(offset / DESCRIPTOR_BYTES),
            .end = end - start < DESCRIPTOR_BYTES ? end - start : DESCRIPTOR_BYTES,
        };

        if (write) {
            on_store(order, part);
        } else {
            on_load(order, part);
        }
        at = start + DESCRIPTOR_BYTES;
    }
}

void ring_order_packed_doorbell(const struct ring_order_packed *order)
{
    rule_checked(RULE_BARRIER);
    if (!barrier_since(order->published, BARRIER_STORES)) {
        violation(RULE_BARRIER,
                  "queue %u: the doorbell is rung with no barrier (dmb oshst) behind the flags "
                  "that make a chain available",
                  order->queue);
    }
}
