/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Finds double fetches. See fetch_watch.h.
 *
 * Split: which use of its place an element is follows from the used index: of place p in a ring of n
 * it is the last number below the index that is p modulo n. The device cannot lap an element that the
 * driver has yet to fetch, as it has no more descriptors than the ring has places.
 *
 * Packed: a place holds what the device has used while its AVAIL and USED flags are equal. Before the
 * device can use it again the driver writes it.
 *
 * Rings may share pages, and only whole pages can be watched: the pages of all rings together are,
 * and each access is looked up.
 */
#include "virtio/fetch_watch.h"

#include <linux/virtio_ring.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/violation.h"
#include "machine/memory.h"
#include "machine/trap.h"
#include "virtio/ring_guard.h"
#include "virtio/ring_order.h"
#include "virtio/ring_order_packed.h"

#define SPLIT_HEAD_BYTES      4u /* flags and index before the elements */
#define AVAILABLE_INDEX       2u /* offset in the available ring; the flags are before it */
#define AVAILABLE_ENTRY_BYTES 2u
#define VALUES                2u /* per element: id and length */
#define SEEN                  0x10000u
#define WATCHES               48u /* leaves some of trap_watch's to others */

/* Bytes as the driver sees them. */
struct region {
    uintptr_t first, end;
};

/* Where the values of an element lie, in bytes from its start. */
struct element_layout {
    unsigned bytes;
    struct {
        const char *name;
        unsigned offset, bytes;
    } value[VALUES];
};

static const struct element_layout split_layout = {sizeof(struct vring_used_elem),
                                                   {{"id", 0, 4}, {"length", 4, 4}}},
                                   packed_layout = {
                                       sizeof(struct vring_packed_desc),
                                       {{"id", offsetof(struct vring_packed_desc, id), 2},
                                        {"length", offsetof(struct vring_packed_desc, len), 4}}};

struct fetch_watch {
    struct fetch_watch *next;
    unsigned queue;
    uint16_t size;
    const struct element_layout *layout;
    uintptr_t elements;   /* as the driver sees them */
    uintptr_t first, end; /* its pages */
    bool ordered;         /* whether the order of accesses is checked */
    union {               /* if so */
        struct ring_order order;
        struct ring_order_packed packed_order;
    };
    struct region device_pages; /* packed, ordered: of the device's event structure */
    struct ring_guard guard;
    struct region descriptors;            /* split: the table; packed: the ring */
    struct region available;              /* split: the available ring but for the wish */
    struct region wish;                   /* for interrupts */
    struct region driver_pages;           /* of available ring and wish; none: unknown */
    const uint16_t *index;                /* split: the bench's own view of the used index */
    const struct vring_packed_desc *ring; /* packed: its view of the descriptors; else NULL */
    uint32_t *fetched; /* per value: SEEN and the number of the element that was fetched */
};

static pthread_mutex_t change = PTHREAD_MUTEX_INITIALIZER;
static struct fetch_watch *rings;
static void (*looks)(const void *address, unsigned size, bool write);
static struct region regions[WATCHES];
static unsigned region_count;

/* The number of the use of its place that an element is; false: the device has not used it. */
static bool use_of_place(const struct fetch_watch *ring, uint16_t place, uint16_t *number)
{
    if (ring->ring) {
        const uint16_t flags = __atomic_load_n(&ring->ring[place].flags, __ATOMIC_ACQUIRE);
        *number = 0;
        return ((flags >> VRING_PACKED_DESC_F_AVAIL) & 1) == flags >> VRING_PACKED_DESC_F_USED;
    }
    const uint16_t last = (uint16_t)(__atomic_load_n(ring->index, __ATOMIC_ACQUIRE) - 1);
    *number = (uint16_t)(last - ((last - place) & (ring->size - 1)));
    return true;
}

static void check_value(struct fetch_watch *ring, uint16_t place, unsigned value)
{
    uint32_t *fetched = &ring->fetched[place * VALUES + value];
    uint16_t number;

    if (!use_of_place(ring, place, &number)) {
        return;
    }
    rule_checked(RULE_DOUBLE_FETCH);
    if (*fetched == (SEEN | number)) {
        violation(RULE_DOUBLE_FETCH,
                  "queue %u: the %s of used element %u (place %u) is fetched a second time; the "
                  "device may have changed it meanwhile",
                  ring->queue, ring->layout->value[value].name, ring->ring ? place : number, place);
    }
    *fetched = SEEN | number;
}

/* The bytes from `start` to `end` of an element are accessed. */
static void on_element(struct fetch_watch *ring, uint16_t place, uintptr_t start, uintptr_t end,
                       bool write)
{
    const uintptr_t element = ring->elements + (size_t)place * ring->layout->bytes;

    for (unsigned i = 0; i < VALUES; ++i) {
        const uintptr_t value = element + ring->layout->value[i].offset;
        if (start >= value + ring->layout->value[i].bytes || end <= value) {
            continue;
        }
        if (!write) {
            ring_guard_access(&ring->guard, RING_TAKING);
        }
        if (write) {
            ring->fetched[place * VALUES + i] = 0;
        } else {
            check_value(ring, place, i);
        }
    }
}

static bool overlaps(struct region region, uintptr_t start, uintptr_t end)
{
    return start < region.end && region.first < end;
}

static void guard_store(struct fetch_watch *ring, uintptr_t start, uintptr_t end)
{
    if (overlaps(ring->descriptors, start, end) || overlaps(ring->available, start, end)) {
        ring_guard_access(&ring->guard, RING_SUBMISSION);
    }
    if (overlaps(ring->wish, start, end)) {
        ring_guard_access(&ring->guard, RING_WISH);
    }
}

/* Ahead of each access of the driver to a watched page. */
static void on_access(void *context, const void *address, unsigned size, bool write)
{
    const uintptr_t start = (uintptr_t)address, end = start + size;

    (void)context;
    if (looks) {
        looks(address, size, write);
    }
    for (struct fetch_watch *ring = rings; ring; ring = ring->next) {
        if (write) {
            guard_store(ring, start, end);
        }
        if (ring->ordered && ring->ring) {
            ring_order_packed_access(&ring->packed_order, start, size, write);
        } else if (ring->ordered) {
            ring_order_access(&ring->order, start, size, write,
                              __atomic_load_n(ring->index, __ATOMIC_ACQUIRE));
        }
    }
    for (struct fetch_watch *ring = rings; ring; ring = ring->next) {
        const size_t bytes = ring->layout->bytes;
        const uintptr_t behind = ring->elements + ring->size * bytes;
        uintptr_t at = start > ring->elements ? start : ring->elements;

        if (write && !ring->ring) {
            continue; /* a driver does not write used rings, but when it makes them */
        }
        for (at -= (at - ring->elements) % bytes; at < end && at < behind; at += bytes) {
            on_element(ring, (uint16_t)((at - ring->elements) / bytes), start, end, write);
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
        if (ring->driver_pages.first != 0) {
            add_region(ring->driver_pages);
        }
        if (ring->device_pages.first != 0) {
            add_region(ring->device_pages);
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

/* What the driver writes, where its view of that is known. */
static void watch_driver(struct fetch_watch *ring, const struct fetch_watch_setup *setup)
{
    const uintptr_t area = (uintptr_t)memory_virtual(setup->driver_area);
    const uintptr_t descriptors = (uintptr_t)memory_virtual(setup->descriptors);
    const size_t entries = (size_t)setup->size * AVAILABLE_ENTRY_BYTES;
    uintptr_t end;

    if (area == 0 || descriptors == 0) {
        return;
    }
    ring->guard.queue = setup->queue;
    ring->descriptors =
        (struct region){descriptors, descriptors + (size_t)setup->size * sizeof(struct vring_desc)};
    if (setup->packed) {
        ring->wish = (struct region){area, area + sizeof(struct vring_packed_desc_event)};
        end = ring->wish.end;
    } else {
        const uintptr_t event = area + SPLIT_HEAD_BYTES + entries;

        ring->available = (struct region){area + AVAILABLE_INDEX, event};
        ring->wish = setup->event_index ? (struct region){event, event + 2}
                                        : (struct region){area, area + AVAILABLE_INDEX};
        end = event + 2;
    }
    ring->driver_pages = (struct region){page_of(area), page_of(end + GUEST_PAGE_SIZE - 1)};
}

static void watch_packed_order(struct fetch_watch *ring, const struct fetch_watch_setup *setup)
{
    const uintptr_t event = (uintptr_t)memory_virtual(setup->device_area);

    if (event == 0) {
        return;
    }
    ring->ordered = true;
    ring->packed_order = (struct ring_order_packed){
        .queue = setup->queue,
        .size = setup->size,
        .descriptors = ring->descriptors.first,
        .device_event = event,
    };
    ring_order_packed_create(&ring->packed_order);
    ring->device_pages =
        (struct region){page_of(event), page_of(event + sizeof(struct vring_packed_desc_event) +
                                                GUEST_PAGE_SIZE - 1)};
}

/* Where barriers are followed and the driver's view of all parts is known. */
static void watch_order(struct fetch_watch *ring, const struct fetch_watch_setup *setup)
{
    const uintptr_t available = (uintptr_t)memory_virtual(setup->driver_area);

    if (!barrier_followed() || ring->driver_pages.first == 0) {
        return;
    }
    if (setup->packed) {
        watch_packed_order(ring, setup);
        return;
    }
    ring->ordered = true;
    ring->order = (struct ring_order){
        .queue = setup->queue,
        .size = setup->size,
        .event_index = setup->event_index,
        .available = available,
        .used = ring->elements - SPLIT_HEAD_BYTES,
    };
}

struct fetch_watch *fetch_watch_create(const struct fetch_watch_setup *setup)
{
    const struct element_layout *layout = setup->packed ? &packed_layout : &split_layout;
    const uint64_t bus = setup->packed ? setup->descriptors : setup->device_area;
    const size_t head = setup->packed ? 0 : SPLIT_HEAD_BYTES;
    const uint16_t size = setup->size;
    const size_t bytes = head + (size_t)size * layout->bytes;
    const uint8_t *view = memory_at(bus, bytes);
    const uintptr_t address = (uintptr_t)memory_virtual(bus);
    struct fetch_watch *ring;

    if (!view || address == 0) {
        return NULL;
    }
    ring = calloc(1, sizeof(*ring));
    uint32_t *fetched = calloc((size_t)VALUES * size, sizeof(*fetched));
    if (!ring || !fetched) {
        fatal("out of memory for watching a ring of %u descriptors", size);
    }
    ring->queue = setup->queue;
    ring->size = size;
    ring->layout = layout;
    ring->elements = address + head;
    ring->first = page_of(address);
    ring->end = page_of(address + bytes + GUEST_PAGE_SIZE - 1);
    if (setup->packed) {
        ring->ring = (const struct vring_packed_desc *)view;
    } else {
        ring->index = (const uint16_t *)(view + 2);
    }
    ring->fetched = fetched;
    watch_driver(ring, setup);
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
    if (watch && watch->ordered && watch->ring) {
        ring_order_packed_doorbell(&watch->packed_order);
    } else if (watch && watch->ordered) {
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
    if (watch->ordered && watch->ring) {
        ring_order_packed_destroy(&watch->packed_order);
    }
    free(watch->fetched);
    free(watch);
}

void fetch_watch_look(void (*look)(const void *address, unsigned size, bool write))
{
    looks = look;
}
