/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Descriptor chains: what the driver made available becomes a request (VIRTIO 1.2, 2.7.5).
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

static void add_segment(struct walk *walk, const struct vring_desc *descriptor)
{
    struct request *request = walk->request;
    const unsigned queue = walk->queue->index;
    const bool writable = descriptor->flags & VRING_DESC_F_WRITE;

    must(descriptor->len != 0, "queue %u, chain %u: segment %u is empty", queue, request->head,
         request->count);
    must(writable || request->writable == 0,
         "queue %u, chain %u: segment %u is readable behind a writable one (2.7.4.2)", queue,
         request->head, request->count);
    must(request->count < walk->queue->size,
         "queue %u, chain %u is longer than the ring has descriptors (2.7.5.3.1)", queue,
         request->head);
    if (!memory_at(descriptor->addr, descriptor->len)) {
        violation(RULE_DMA_GRANT, "queue %u, chain %u: %u bytes at %#llx are not memory", queue,
                  request->head, descriptor->len, (unsigned long long)descriptor->addr);
    }
    if (request->count == walk->room) {
        walk->room = walk->room ? 2 * walk->room : 8;
        request->segments = realloc(request->segments, walk->room * sizeof(*request->segments));
        if (!request->segments) {
            fatal("out of memory for a request of %u segments", walk->room);
        }
    }
    request->segments[request->count++] =
        (struct segment){descriptor->addr, descriptor->len, writable};
    *(writable ? &request->writable : &request->readable) += descriptor->len;
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
        add_segment(walk, &descriptor);
        if (!(descriptor.flags & VRING_DESC_F_NEXT)) {
            return false;
        }
        index = descriptor.next;
    }
}

static void walk_indirect(struct walk *walk, const struct vring_desc *descriptor)
{
    const uint32_t entries = descriptor->len / sizeof(struct vring_desc);
    const unsigned queue = walk->queue->index, head = walk->request->head;
    struct vring_desc nested;

    must(walk->scripted->accepted & FEATURE(VIRTIO_RING_F_INDIRECT_DESC),
         "queue %u, chain %u: an indirect table without INDIRECT_DESC (2.7.5.3.1)", queue, head);
    must(!(descriptor->flags & (VRING_DESC_F_NEXT | VRING_DESC_F_WRITE)),
         "queue %u, chain %u: flags %#x beside INDIRECT (2.7.5.3.1)", queue, head,
         descriptor->flags);
    must(entries != 0 && descriptor->len % sizeof(struct vring_desc) == 0,
         "queue %u, chain %u: an indirect table of %u bytes", queue, head, descriptor->len);
    const struct vring_desc *table = memory_at(descriptor->addr, descriptor->len);
    if (!table) {
        violation(RULE_DMA_GRANT, "queue %u, chain %u: its table (%u bytes at %#llx) is not memory",
                  queue, head, descriptor->len, (unsigned long long)descriptor->addr);
    }
    ++walk->scripted->counters.indirect;
    must(!walk_table(walk, table, entries, 0, &nested),
         "queue %u, chain %u: an indirect table in an indirect table (2.7.5.3.1)", queue, head);
}

struct request *chain_take(struct scripted *scripted, struct queue *queue, uint16_t head)
{
    struct request *request = calloc(1, sizeof(*request));
    struct walk walk = {.scripted = scripted, .queue = queue, .request = request};
    struct vring_desc indirect;

    if (!request) {
        fatal("out of memory for a request");
    }
    must(head < queue->size, "queue %u: available entry %u names descriptor %u of %u", queue->index,
         queue->next_available, head, queue->size);
    must(!queue->outstanding[head],
         "queue %u: descriptor %u is made available while the device has it", queue->index, head);
    request->head = head;
    if (walk_table(&walk, queue->table, queue->size, head, &indirect)) {
        walk_indirect(&walk, &indirect);
    }
    return request;
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
