/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Descriptor chains: what the driver made available becomes a request (VIRTIO 1.2, 2.7.5, 2.8.5).
 *
 * A descriptor is read once, into a copy that is judged and used. A chain that breaks a driver
 * requirement ends the run; virtio/ring_walk.c judges by the same requirements from outside.
 */
#include "devices/scripted/internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/violation.h"
#include "machine/memory.h"

struct walk {
    struct scripted *scripted;
    struct queue *queue;
    struct request *request;
    unsigned room;
};

static void add_segment(struct walk *walk, uint64_t address, uint32_t length, uint16_t flags)
{
    struct request *request = walk->request;
    const unsigned queue = walk->queue->index;
    const bool writable = flags & VRING_DESC_F_WRITE;

    must(length != 0, "queue %u, chain %u: segment %u is empty", queue, request->head,
         request->count);
    must(writable || request->writable == 0,
         "queue %u, chain %u: segment %u is readable behind a writable one (2.7.4.2)", queue,
         request->head, request->count);
    must(request->count < walk->queue->size,
         "queue %u, chain %u is longer than the ring has descriptors (2.7.5.3.1)", queue,
         request->head);
    if (!memory_at(address, length)) {
        violation(RULE_DMA_GRANT, "queue %u, chain %u: %u bytes at %#llx are not memory", queue,
                  request->head, length, (unsigned long long)address);
    }
    if (request->count == walk->room) {
        walk->room = walk->room ? 2 * walk->room : 8;
        request->segments = realloc(request->segments, walk->room * sizeof(*request->segments));
        if (!request->segments) {
            fatal("out of memory for a request of %u segments", walk->room);
        }
    }
    request->segments[request->count++] = (struct segment){address, length, writable};
    *(writable ? &request->writable : &request->readable) += length;
}

/* Adds the descriptors of one table from `index` on. Returns the indirect one that ended it, in
 * *indirect, or false. */
static bool walk_table(struct walk *walk, const struct vring_desc *table, uint32_t entries,
                       uint32_t index, struct vring_desc *indirect)
{
    for (;;) {
        must(index < entries, "queue %u, chain %u: its next descriptor is %u of %u",
             walk->queue->index, walk->request->head, index, entries);
        const struct vring_desc descriptor = table[index];
        if (descriptor.flags & VRING_DESC_F_INDIRECT) {
            *indirect = descriptor;
            return true;
        }
        add_segment(walk, descriptor.addr, descriptor.len, descriptor.flags);
        if (!(descriptor.flags & VRING_DESC_F_NEXT)) {
            return false;
        }
        must(table != walk->queue->split.table || descriptor.next == (index + 1) % entries ||
                 !(walk->scripted->accepted & FEATURE(VIRTIO_F_IN_ORDER)),
             "queue %u, chain %u: descriptor %u is followed by %u, not in the order of the ring "
             "(2.7.5.2)",
             walk->queue->index, walk->request->head, index, descriptor.next);
        index = descriptor.next;
    }
}

/* Judges the descriptor of an indirect table and finds the table. */
static const void *find_table(struct walk *walk, uint64_t address, uint32_t length, uint16_t flags)
{
    const uint32_t entries = length / sizeof(struct vring_desc);
    const unsigned queue = walk->queue->index, head = walk->request->head;

    must(walk->scripted->accepted & FEATURE(VIRTIO_RING_F_INDIRECT_DESC),
         "queue %u, chain %u: an indirect table without INDIRECT_DESC (2.7.5.3.1)", queue, head);
    must(!(flags & (VRING_DESC_F_NEXT | VRING_DESC_F_WRITE)),
         "queue %u, chain %u: flags %#x beside INDIRECT (2.7.5.3.1)", queue, head, flags);
    must(entries != 0 && length % sizeof(struct vring_desc) == 0,
         "queue %u, chain %u: an indirect table of %u bytes", queue, head, length);
    const void *table = memory_at(address, length);
    if (!table) {
        violation(RULE_DMA_GRANT, "queue %u, chain %u: its table (%u bytes at %#llx) is not memory",
                  queue, head, length, (unsigned long long)address);
    }
    ++walk->scripted->counters.indirect;
    return table;
}

static void walk_indirect(struct walk *walk, const struct vring_desc *descriptor)
{
    const struct vring_desc *table =
        find_table(walk, descriptor->addr, descriptor->len, descriptor->flags);
    struct vring_desc nested;

    must(!walk_table(walk, table, descriptor->len / sizeof(*table), 0, &nested),
         "queue %u, chain %u: an indirect table in an indirect table (2.7.5.3.1)",
         walk->queue->index, walk->request->head);
}

static struct request *new_request(void)
{
    struct request *request = calloc(1, sizeof(*request));

    if (!request) {
        fatal("out of memory for a request");
    }
    return request;
}

struct request *chain_take(struct scripted *scripted, struct queue *queue, uint16_t head)
{
    struct request *request = new_request();
    struct walk walk = {.scripted = scripted, .queue = queue, .request = request};
    struct vring_desc indirect;

    must(head < queue->size, "queue %u: available entry %u names descriptor %u of %u", queue->index,
         queue_next(queue), head, queue->size);
    must(!queue->outstanding[head],
         "queue %u: descriptor %u is made available while the device has it", queue->index, head);
    request->head = head;
    if (walk_table(&walk, queue->split.table, queue->size, head, &indirect)) {
        walk_indirect(&walk, &indirect);
    }
    request->descriptors = 1; /* an element each, however long the chain is */
    return request;
}

/* In a table of a packed ring the descriptors follow each other (2.8.7). */
static void walk_packed_indirect(struct walk *walk, const struct vring_packed_desc *descriptor)
{
    const struct vring_packed_desc *table =
        find_table(walk, descriptor->addr, descriptor->len, descriptor->flags);

    for (uint32_t i = 0; i < descriptor->len / sizeof(*table); ++i) {
        const struct vring_packed_desc entry = table[i];
        add_segment(walk, entry.addr, entry.len, entry.flags);
    }
}

/* The number of descriptors of a chain, and its id, which the last one has (2.8.6). */
static uint16_t measure_chain(const struct queue *queue, uint32_t position, uint16_t *id)
{
    uint16_t count = 0;
    bool more = true;

    while (more) {
        must(count < queue->size && packed_is_available(queue, position),
             "queue %u: descriptor %u of a chain has NEXT, but %s (2.8.6)", queue->index,
             count - 1u,
             count < queue->size ? "the one behind it is not available"
                                 : "the chain is as long as the ring already");
        const struct vring_packed_desc *descriptor = packed_descriptor(queue, position);
        *id = descriptor->id;
        more = descriptor->flags & VRING_DESC_F_NEXT;
        position = packed_forward(queue, position, 1);
        ++count;
    }
    return count;
}

struct request *chain_take_packed(struct scripted *scripted, struct queue *queue, uint32_t position)
{
    struct request *request = new_request();
    struct walk walk = {.scripted = scripted, .queue = queue, .request = request};
    uint16_t id = 0;

    request->descriptors = measure_chain(queue, position, &id);
    request->head = id;
    must(id < queue->size,
         "queue %u: the buffer id %u is beyond the ring's %u descriptors (2.8.13)", queue->index,
         id, queue->size);
    must(!queue->outstanding[id],
         "queue %u: buffer id %u is made available while the device has it", queue->index, id);
    for (uint16_t i = 0; i < request->descriptors; ++i) {
        const struct vring_packed_desc descriptor =
            *packed_descriptor(queue, packed_forward(queue, position, i));
        if (!(descriptor.flags & VRING_DESC_F_INDIRECT)) {
            add_segment(&walk, descriptor.addr, descriptor.len, descriptor.flags);
            continue;
        }
        must(request->descriptors == 1,
             "queue %u, chain %u: an indirect table in a chain of descriptors (2.8.7)",
             queue->index, id);
        walk_packed_indirect(&walk, &descriptor);
    }
    return request;
}

bool request_may_write(const struct request *request, uint64_t bus, uint64_t length)
{
    for (unsigned i = 0; i < request->count; ++i) {
        const struct segment *segment = &request->segments[i];
        if (segment->writable && segment->address < bus + length &&
            bus < segment->address + segment->length) {
            return true;
        }
    }
    return false;
}

void request_free(struct request *request)
{
    free(request->segments);
    free(request);
}

void request_free_list(struct request *first)
{
    while (first) {
        struct request *next = first->next;
        request_free(first);
        first = next;
    }
}
