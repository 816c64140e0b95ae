/* SPDX-License-Identifier: BSD-3-Clause */
/* Order of the driver's accesses to a split ring. See ring_order.h. */
#include "virtio/ring_order.h"

#include "base/violation.h"

/* Offsets in both rings (VIRTIO 1.2, 2.7.6 and 2.7.8). */
enum {
    RING_FLAGS = 0,
    RING_INDEX = 2,
    RING_ENTRIES = 4,
    AVAILABLE_ENTRY = 2, /* bytes */
    USED_ELEMENT = 8,
};

static bool overlaps(uintptr_t address, unsigned size, uintptr_t first, size_t bytes)
{
    return address < first + bytes && first < address + size;
}

static void on_store(struct ring_order *order, uintptr_t address, unsigned size)
{
    if (overlaps(address, size, order->available + RING_INDEX, 2)) {
        rule_checked(RULE_BARRIER);
        if (!barrier_since(order->entry_stored, BARRIER_STORES)) {
            violation(RULE_BARRIER,
                      "queue %u: the index of the available ring is stored with no barrier "
                      "(dmb oshst) behind the entry that it offers",
                      order->queue);
        }
        order->index_stored = barrier_now();
    } else if (overlaps(address, size, order->available + RING_ENTRIES,
                        (size_t)order->size * AVAILABLE_ENTRY)) {
        order->entry_stored = barrier_now();
    }
}

/* The index of the used ring: what was seen at the last look counts if a barrier came since. */
static void on_used_index(struct ring_order *order, uint16_t used_index)
{
    if (barrier_since(order->used_index_loaded, BARRIER_LOADS)) {
        order->known = order->looked;
    }
    order->looked = used_index;
    order->used_index_loaded = barrier_now();
}

static void on_used_element(struct ring_order *order, unsigned place)
{
    /* The element's number: the last one before the known index at this place of the ring. */
    const uint16_t last = (uint16_t)(order->looked - 1);
    const uint16_t number = (uint16_t)(last - ((last - place) & (order->size - 1u)));

    rule_checked(RULE_BARRIER);
    if (barrier_since(order->used_index_loaded, BARRIER_LOADS)) {
        order->known = order->looked;
    } else if ((uint16_t)(order->known - 1 - number) >= order->size) {
        violation(RULE_BARRIER,
                  "queue %u: used element %u is loaded with no barrier (dmb oshld) behind the "
                  "load of the index that tells of it",
                  order->queue, number);
    }
}

static void on_load(struct ring_order *order, uintptr_t address, unsigned size, uint16_t used_index)
{
    const uintptr_t elements = order->used + RING_ENTRIES;
    const size_t bytes = (size_t)order->size * USED_ELEMENT;
    const uintptr_t hint = order->event_index ? elements + bytes : order->used + RING_FLAGS;

    if (overlaps(address, size, order->used + RING_INDEX, 2)) {
        on_used_index(order, used_index);
    }
    if (overlaps(address, size, elements, bytes)) {
        on_used_element(order,
                        (unsigned)((address < elements ? 0 : address - elements) / USED_ELEMENT));
    }
    if (overlaps(address, size, hint, 2)) {
        rule_checked(RULE_BARRIER);
        if (!barrier_since(order->index_stored, BARRIER_FULL)) {
            violation(RULE_BARRIER,
                      "queue %u: what the device wants to be told is loaded with no barrier "
                      "(dmb osh) behind the store of the available ring's index",
                      order->queue);
        }
    }
}

void ring_order_access(struct ring_order *order, uintptr_t address, unsigned size, bool write,
                       uint16_t used_index)
{
    if (write) {
        on_store(order, address, size);
    } else {
        on_load(order, address, size, used_index);
    }
}

void ring_order_doorbell(const struct ring_order *order)
{
    rule_checked(RULE_BARRIER);
    if (!barrier_since(order->index_stored, BARRIER_STORES)) {
        violation(RULE_BARRIER,
                  "queue %u: the doorbell is rung with no barrier (dmb oshst) behind the store of "
                  "the available ring's index",
                  order->queue);
    }
}
