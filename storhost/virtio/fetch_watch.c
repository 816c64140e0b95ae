/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Finds double fetches. See fetch_watch.h.
 *
 * Which use of its place an element is follows from the used index: of place p in a ring of n it is
 * the last number below the index that is p modulo n. The device cannot lap an element that the
 * driver has yet to fetch, as it has no more descriptors than the ring has places.
 *
 * Rings may share pages, and only whole pages can be watched: the pages of all rings together are,
 * and each access is looked up.
 */
#include "virtio/fetch_watch.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/violation.h"
#include "machine/memory.h"
#include "machine/trap.h"
#include "virtio/ring_order.h"

#define HEAD_BYTES            4u /* flags and index before the elements */
#define ELEMENT_BYTES         8u
#define AVAILABLE_ENTRY_BYTES 2u
#define VALUE_BYTES           4u /* id, then length */
#define SEEN                  0x10000u
#define WATCHES               48u /* leaves some of trap_watch's to others */

struct fetch_watch {
    struct fetch_watch *next;
    unsigned queue;
    uint16_t size;
    uintptr_t elements;   /* as the driver sees them */
    uintptr_t first, end; /* its pages */
    bool ordered;         /* whether the order of accesses is checked */
    struct ring_order order;
    uintptr_t driver_first, driver_end; /* pages of the available ring, if so */
    const uint16_t *index;              /* the bench's own view */
    uint32_t *fetched; /* per value: SEEN and the number of the element that was fetched */
};

struct region {
    uintptr_t first, end;
};

static pthread_mutex_t change = PTHREAD_MUTEX_INITIALIZER;
static struct fetch_watch *rings;
static struct region regions[WATCHES];
static unsigned region_count;

static void check_value(struct fetch_watch *ring, uint32_t value)
{
    const uint16_t place = (uint16_t)(value / 2);
    const uint16_t last = (uint16_t)(__atomic_load_n(ring->index, __ATOMIC_ACQUIRE) - 1);
    const uint16_t number = (uint16_t)(last - ((last - place) & (ring->size - 1)));

    rule_checked(RULE_DOUBLE_FETCH);
    if (ring->fetched[value] == (SEEN | number)) {
        violation(RULE_DOUBLE_FETCH,
                  "queue %u: the %s of used element %u (place %u) is fetched a second time; the "
                  "device may have changed it meanwhile",
                  ring->queue, value % 2 == 0 ? "id" : "length", number, place);
    }
    ring->fetched[value] = SEEN | number;
}

/* Ahead of each access of the driver to a watched page. */
static void on_access(void *context, const void *address, unsigned size, bool write)
{
    const uintptr_t start = (uintptr_t)address, end = start + size;

    (void)context;
    for (struct fetch_watch *ring = rings; ring; ring = ring->next) {
        if (ring->ordered) {
            ring_order_access(&ring->order, start, size, write,
                              __atomic_load_n(ring->index, __ATOMIC_ACQUIRE));
        }
    }
    for (struct fetch_watch *ring = rings; !write && ring; ring = ring->next) {
        const uintptr_t behind = ring->elements + (size_t)ring->size * ELEMENT_BYTES;
        uintptr_t at = start > ring->elements ? start : ring->elements;

        for (at -= (at - ring->elements) % VALUE_BYTES; at < end && at < behind;
             at += VALUE_BYTES) {
            check_value(ring, (uint32_t)((at - ring->elements) / VALUE_BYTES));
        }
    }
}

/* Adds a ring's pages to the regions, joined with those that they overlap. */
static void add_region(struct region region)
{
    for (unsigned i = 0; i < region_count;) {
        if (regions[i].first < region.end && region.first < regions[i].end) {
            region.first = regions[i].first < region.first ? regions[i].first : region.first;
            region.end = regions[i].end > region.end ? regions[i].end : region.end;
            regions[i] = regions[--region_count];
            i = 0;
        } else {
            ++i;
        }
    }
    if (region_count < WATCHES) {
        regions[region_count++] = region;
    }
}

/* Watches the pages of all rings that there are now. Lock held. */
static void watch_again(void)
{
    for (unsigned i = 0; i < region_count; ++i) {
        trap_unwatch((void *)regions[i].first);
    }
    region_count = 0;
    for (const struct fetch_watch *ring = rings; ring; ring = ring->next) {
        add_region((struct region){ring->first, ring->end});
        if (ring->ordered) {
            add_region((struct region){ring->driver_first, ring->driver_end});
        }
    }
    for (unsigned i = 0; i < region_count; ++i) {
        trap_watch((void *)regions[i].first, regions[i].end - regions[i].first, on_access, NULL);
    }
}

static uintptr_t page_of(uintptr_t address)
{
    return address & ~(uintptr_t)(GUEST_PAGE_SIZE - 1);
}

/* Where barriers are followed, and the driver's view of both rings is known. */
static void watch_order(struct fetch_watch *ring, const struct fetch_watch_setup *setup)
{
    const size_t bytes = HEAD_BYTES + (size_t)setup->size * AVAILABLE_ENTRY_BYTES;
    const uintptr_t available = (uintptr_t)memory_virtual(setup->driver_area);

    if (!barrier_followed() || available == 0) {
        return;
    }
    ring->ordered = true;
    ring->order = (struct ring_order){
        .queue = setup->queue,
        .size = setup->size,
        .event_index = setup->event_index,
        .available = available,
        .used = ring->elements - HEAD_BYTES,
    };
    ring->driver_first = page_of(available);
    ring->driver_end = page_of(available + bytes + GUEST_PAGE_SIZE - 1);
}

struct fetch_watch *fetch_watch_create(const struct fetch_watch_setup *setup)
{
    const uint16_t size = setup->size;
    const size_t bytes = HEAD_BYTES + (size_t)size * ELEMENT_BYTES;
    const uint8_t *view = memory_at(setup->device_area, bytes);
    const uintptr_t address = (uintptr_t)memory_virtual(setup->device_area);
    struct fetch_watch *ring;

    if (!view || address == 0) {
        return NULL;
    }
    ring = calloc(1, sizeof(*ring));
    uint32_t *fetched = calloc(2u * size, sizeof(*fetched));
    if (!ring || !fetched) {
        fatal("out of memory for watching a ring of %u descriptors", size);
    }
    ring->queue = setup->queue;
    ring->size = size;
    ring->elements = address + HEAD_BYTES;
    ring->first = page_of(address);
    ring->end = page_of(address + bytes + GUEST_PAGE_SIZE - 1);
    ring->index = (const uint16_t *)(view + 2);
    ring->fetched = fetched;
    watch_order(ring, setup);
    pthread_mutex_lock(&change);
    ring->next = rings;
    rings = ring;
    watch_again();
    pthread_mutex_unlock(&change);
    return ring;
}

void fetch_watch_doorbell(const struct fetch_watch *watch)
{
    if (watch && watch->ordered) {
        ring_order_doorbell(&watch->order);
    }
}

void fetch_watch_destroy(struct fetch_watch *watch)
{
    struct fetch_watch **link = &rings;

    if (!watch) {
        return;
    }
    pthread_mutex_lock(&change);
    while (*link != watch) {
        link = &(*link)->next;
    }
    *link = watch->next;
    watch_again();
    pthread_mutex_unlock(&change);
    free(watch->fetched);
    free(watch);
}
