/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Follows one split virtqueue from outside. See ring_walk.h.
 */
#include "virtio/ring_walk.h"

#include <linux/virtio_blk.h>
#include <linux/virtio_ring.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/violation.h"
#include "machine/grant.h"
#include "machine/memory.h"

struct ring_walk {
    struct ring_walk_setup setup;
    const struct vring_desc *descriptors; /* the bench's own view */
    const uint16_t *available;            /* flags, index, ring */
    const uint8_t *used;
    uint16_t next_available, next_used;
    uint16_t told; /* available index at the last doorbell */
    uint64_t requests;
    uint32_t *made; /* per head: how often it was seen available */
    uint32_t *done; /* per head: how often it was seen used */
};

/* What is wrong with a chain: collected before it is known whether it may still be judged. */
struct finding {
    bool wrong;
    enum rule rule;
    char text[256];
};

/* A chain while it is walked. */
struct chain {
    struct ring_walk *walk;
    uint16_t head;
    unsigned segments;
    uint64_t readable, writable; /* bytes so far */
    uint32_t last_length;
    bool last_writable;
    struct finding finding;
};

static const void *view(uint64_t bus, size_t length, unsigned queue, const char *part)
{
    char what[64];

    snprintf(what, sizeof(what), "queue %u, %s", queue, part);
    grant_check(bus, length, true, what);
    const void *address = memory_at(bus, length);
    if (!address) {
        violation(RULE_DMA_GRANT, "%s at %#llx is not contiguous memory", what,
                  (unsigned long long)bus);
    }
    return address;
}

struct ring_walk *ring_walk_create(const struct ring_walk_setup *setup)
{
    struct ring_walk *walk = calloc(1, sizeof(*walk));
    uint32_t *counts = calloc(2u * setup->size, sizeof(*counts));

    if (!walk || !counts) {
        fatal("out of memory for following a ring of %u descriptors", setup->size);
    }
    const size_t size = setup->size;
    walk->setup = *setup;
    walk->descriptors =
        view(setup->descriptors, size * sizeof(struct vring_desc), setup->queue, "descriptors");
    walk->available = view(setup->driver_area, 6 + 2 * size, setup->queue, "available ring");
    walk->used = view(setup->device_area, 6 + 8 * size, setup->queue, "used ring");
    walk->made = counts;
    walk->done = counts + size;
    return walk;
}

void ring_walk_destroy(struct ring_walk *walk)
{
    if (walk) {
        free(walk->made);
        free(walk);
    }
}

static uint16_t load16(const void *address)
{
    return __atomic_load_n((const uint16_t *)address, __ATOMIC_ACQUIRE);
}

void ring_walk_doorbell(struct ring_walk *walk)
{
    walk->told = load16(walk->available + 1);
}

bool ring_walk_doorbell_missing(const struct ring_walk *walk, uint16_t *index)
{
    const uint16_t event = load16(walk->used + 4 + 8 * (size_t)walk->setup.size);
    const uint16_t waiting = (uint16_t)(load16(walk->available + 1) - event);
    const uint16_t told = (uint16_t)(walk->told - event);

    *index = event;
    /* Of the available ones from `event` on, `told` is how many it was told of, or negative. */
    return walk->setup.event_index && waiting != 0 && waiting <= walk->setup.size &&
           (told == 0 || told > walk->setup.size);
}

uint64_t ring_walk_requests(const struct ring_walk *walk)
{
    return walk->requests;
}

/* Notes what the device has used. An id that cannot be is the device's fault, not looked at here. */
static void follow_used(struct ring_walk *walk)
{
    const uint16_t index = load16(walk->used + 2);

    while (walk->next_used != index) {
        const struct vring_used_elem *element = (const struct vring_used_elem *)(walk->used + 4) +
                                                (walk->next_used & (walk->setup.size - 1));
        if (element->id < walk->setup.size) {
            ++walk->done[element->id];
        }
        ++walk->next_used;
    }
}

/* Whether the chain that is being looked at (the latest of its head) is still the device's. */
static bool still_pending(struct ring_walk *walk, uint16_t head)
{
    follow_used(walk);
    return walk->done[head] < walk->made[head];
}

static void __attribute__((format(printf, 3, 4)))
find(struct chain *chain, enum rule rule, const char *format, ...)
{
    struct finding *finding = &chain->finding;
    va_list arguments;

    if (finding->wrong) {
        return;
    }
    finding->wrong = true;
    finding->rule = rule;
    const int start = snprintf(finding->text, sizeof(finding->text),
                               "queue %u, chain %u: ", chain->walk->setup.queue, chain->head);
    va_start(arguments, format);
    vsnprintf(finding->text + start, sizeof(finding->text) - (size_t)start, format, arguments);
    va_end(arguments);
}

static void add_segment(struct chain *chain, const struct vring_desc *descriptor)
{
    const bool writable = descriptor->flags & VRING_DESC_F_WRITE;

    rule_checked(RULE_DMA_GRANT);
    if (!grant_covers(descriptor->addr, descriptor->len, writable)) {
        find(chain, RULE_DMA_GRANT, "%u bytes at %#llx that the device %s lie in no live grant",
             descriptor->len, (unsigned long long)descriptor->addr, writable ? "writes" : "reads");
    }
    if (descriptor->len == 0) {
        find(chain, RULE_VIRTIO, "segment %u is empty", chain->segments);
    }
    if (!writable && chain->writable != 0) {
        find(chain, RULE_VIRTIO, "segment %u is readable behind a writable one (2.7.4.2)",
             chain->segments);
    }
    *(writable ? &chain->writable : &chain->readable) += descriptor->len;
    chain->last_length = descriptor->len;
    chain->last_writable = writable;
    if (++chain->segments > chain->walk->setup.size) {
        find(chain, RULE_VIRTIO, "it is longer than the ring has descriptors (2.7.5.3.1)");
    }
}

/* Walks one table of descriptors from `index` on; `table` copies are taken one by one. */
static void walk_table(struct chain *chain, const struct vring_desc *table, uint32_t entries,
                       uint32_t index, bool indirect);

static void walk_indirect(struct chain *chain, const struct vring_desc *descriptor)
{
    const struct ring_walk *walk = chain->walk;
    const uint32_t entries = descriptor->len / sizeof(struct vring_desc);

    if (!walk->setup.indirect) {
        find(chain, RULE_VIRTIO, "an indirect table without INDIRECT_DESC (2.7.5.3.1)");
    } else if (entries == 0 || descriptor->len % sizeof(struct vring_desc) != 0) {
        find(chain, RULE_VIRTIO, "an indirect table of %u bytes", descriptor->len);
    } else if (descriptor->flags & (VRING_DESC_F_NEXT | VRING_DESC_F_WRITE)) {
        find(chain, RULE_VIRTIO, "flags %#x beside INDIRECT (2.7.5.3.1)", descriptor->flags);
    } else if (!grant_covers(descriptor->addr, descriptor->len, false)) {
        find(chain, RULE_DMA_GRANT, "its table (%u bytes at %#llx) lies in no live grant",
             descriptor->len, (unsigned long long)descriptor->addr);
    } else {
        walk_table(chain, memory_at(descriptor->addr, descriptor->len), entries, 0, true);
    }
}

static void walk_table(struct chain *chain, const struct vring_desc *table, uint32_t entries,
                       uint32_t index, bool indirect)
{
    if (!table) {
        find(chain, RULE_DMA_GRANT, "its table is not contiguous memory");
        return;
    }
    while (!chain->finding.wrong) {
        if (index >= entries) {
            find(chain, RULE_VIRTIO, "its next descriptor is %u of %u", index, entries);
            return;
        }
        const struct vring_desc descriptor = table[index];
        if (descriptor.flags & VRING_DESC_F_INDIRECT) {
            if (indirect) {
                find(chain, RULE_VIRTIO, "an indirect table in an indirect table (2.7.5.3.1)");
            } else {
                walk_indirect(chain, &descriptor);
            }
            return;
        }
        add_segment(chain, &descriptor);
        if (!(descriptor.flags & VRING_DESC_F_NEXT)) {
            return;
        }
        index = descriptor.next;
    }
}

/* What every virtio-blk request has: a header to read, a status byte to write. */
static void check_request_shape(struct chain *chain)
{
    if (chain->readable < sizeof(struct virtio_blk_outhdr)) {
        find(chain, RULE_VIRTIO, "%llu readable bytes do not hold a request header",
             (unsigned long long)chain->readable);
    }
    if (chain->writable == 0) {
        find(chain, RULE_VIRTIO, "no writable byte for the status");
    }
}

static void check_chain(struct ring_walk *walk, uint16_t head)
{
    struct chain chain = {.walk = walk, .head = head};

    walk_table(&chain, walk->descriptors, walk->setup.size, head, false);
    check_request_shape(&chain);
    rule_checked(RULE_VIRTIO);
    if (chain.finding.wrong && still_pending(walk, head)) {
        violation(chain.finding.rule, "%s", chain.finding.text);
    }
}

void ring_walk_new(struct ring_walk *walk)
{
    const uint16_t index = load16(walk->available + 1);
    const uint16_t size = walk->setup.size;

    if ((uint16_t)(index - walk->next_available) > size) {
        violation(RULE_VIRTIO, "queue %u: the available index went from %u to %u in a ring of %u",
                  walk->setup.queue, walk->next_available, index, size);
    }
    while (walk->next_available != index) {
        const uint16_t head = walk->available[2 + (walk->next_available & (size - 1))];

        ++walk->next_available;
        ++walk->requests;
        if (head >= size) {
            violation(RULE_VIRTIO, "queue %u: available entry %u names descriptor %u of %u",
                      walk->setup.queue, (uint16_t)(walk->next_available - 1), head, size);
        }
        ++walk->made[head];
        if (still_pending(walk, head)) {
            check_chain(walk, head);
        }
    }
}
