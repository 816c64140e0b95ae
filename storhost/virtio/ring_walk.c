/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Follows one virtqueue from outside: what all formats share. See ring_walk.h.
 */
#include "virtio/ring_walk.h"

#include <linux/virtio_blk.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine/grant.h"
#include "machine/memory.h"
#include "virtio/ring_walk_internal.h"

const void *ring_walk_view(uint64_t bus, size_t length, unsigned queue, const char *part)
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
    uint16_t *order = calloc(setup->size, sizeof(*order));

    if (!walk || !counts || !order) {
        fatal("out of memory for following a ring of %u descriptors", setup->size);
    }
    walk->setup = *setup;
    walk->format = setup->packed ? &ring_walk_packed : &ring_walk_split;
    walk->made = counts;
    walk->done = counts + setup->size;
    walk->order = order;
    walk->format->create(walk);
    return walk;
}

void ring_walk_destroy(struct ring_walk *walk)
{
    if (walk) {
        if (walk->setup.packed) {
            free(walk->packed.count);
            free(walk->packed.copy);
        }
        free(walk->order);
        free(walk->made);
        free(walk);
    }
}

void ring_walk_doorbell(struct ring_walk *walk)
{
    walk->format->doorbell(walk);
}

bool ring_walk_doorbell_missing(const struct ring_walk *walk, uint16_t *index)
{
    return walk->setup.event_index && walk->format->doorbell_missing(walk, index);
}

uint64_t ring_walk_requests(const struct ring_walk *walk)
{
    return walk->requests;
}

void ring_walk_new(struct ring_walk *walk)
{
    walk->format->new_chains(walk);
}

/* ---- What is available, what is used ---- */

void ring_walk_made(struct ring_walk *walk, uint16_t id)
{
    ++walk->requests;
    ++walk->made[id];
    if (walk->setup.in_order && walk->order_end - walk->order_first < walk->setup.size) {
        walk->order[walk->order_end++ % walk->setup.size] = id;
    }
}

static void note_used(struct ring_walk *walk, uint32_t id)
{
    /* One that was used before it was seen available is not counted at either end. */
    if (id < walk->setup.size && walk->done[id] < walk->made[id]) {
        ++walk->done[id];
    }
}

unsigned ring_walk_used(struct ring_walk *walk, uint32_t id)
{
    unsigned batch = 1;

    if (!walk->setup.in_order) {
        note_used(walk, id);
        return 1;
    }
    for (uint32_t at = walk->order_first; at != walk->order_end; ++at, ++batch) {
        if (walk->order[at % walk->setup.size] == id) {
            while (walk->order_first != at + 1) {
                note_used(walk, walk->order[walk->order_first++ % walk->setup.size]);
            }
            return batch;
        }
    }
    return 1;
}

bool ring_walk_pending(struct ring_walk *walk, uint16_t id)
{
    walk->format->follow_used(walk);
    return walk->done[id] < walk->made[id];
}

/* ---- Chains ---- */

void chain_find(struct chain *chain, enum rule rule, const char *format, ...)
{
    struct finding *finding = &chain->finding;
    va_list arguments;

    if (finding->wrong) {
        return;
    }
    finding->wrong = true;
    finding->rule = rule;
    const int start = snprintf(finding->text, sizeof(finding->text),
                               "queue %u, chain %u: ", chain->walk->setup.queue, chain->id);
    va_start(arguments, format);
    vsnprintf(finding->text + start, sizeof(finding->text) - (size_t)start, format, arguments);
    va_end(arguments);
}

void chain_add(struct chain *chain, uint64_t address, uint32_t length, bool writable)
{
    rule_checked(RULE_DMA_GRANT);
    if (!grant_covers(address, length, writable)) {
        chain_find(chain, RULE_DMA_GRANT,
                   "%u bytes at %#llx that the device %s lie in no live grant", length,
                   (unsigned long long)address, writable ? "writes" : "reads");
    }
    if (length == 0) {
        chain_find(chain, RULE_VIRTIO, "segment %u is empty", chain->segments);
    }
    if (!writable && chain->writable != 0) {
        chain_find(chain, RULE_VIRTIO, "segment %u is readable behind a writable one (2.7.4.2)",
                   chain->segments);
    }
    *(writable ? &chain->writable : &chain->readable) += length;
    chain->last_length = length;
    chain->last_writable = writable;
    if (++chain->segments > chain->walk->setup.size) {
        chain_find(chain, RULE_VIRTIO, "it is longer than the ring has descriptors (2.7.5.3.1)");
    }
}

const void *chain_table(struct chain *chain, uint64_t address, uint32_t length, uint16_t flags)
{
    const struct ring_walk *walk = chain->walk;
    const uint32_t entries = length / sizeof(struct vring_desc);

    if (!walk->setup.indirect) {
        chain_find(chain, RULE_VIRTIO, "an indirect table without INDIRECT_DESC (2.7.5.3.1)");
    } else if (entries == 0 || length % sizeof(struct vring_desc) != 0) {
        chain_find(chain, RULE_VIRTIO, "an indirect table of %u bytes", length);
    } else if (flags & (VRING_DESC_F_NEXT | VRING_DESC_F_WRITE)) {
        chain_find(chain, RULE_VIRTIO, "flags %#x beside INDIRECT (2.7.5.3.1)", flags);
    } else if (!grant_covers(address, length, false)) {
        chain_find(chain, RULE_DMA_GRANT, "its table (%u bytes at %#llx) lies in no live grant",
                   length, (unsigned long long)address);
    } else {
        const void *table = memory_at(address, length);
        if (!table) {
            chain_find(chain, RULE_DMA_GRANT, "its table is not contiguous memory");
        }
        return table;
    }
    return NULL;
}

/* What every virtio-blk request has: a header to read, a status byte to write. */
static void check_request_shape(struct chain *chain)
{
    if (chain->readable < sizeof(struct virtio_blk_outhdr)) {
        chain_find(chain, RULE_VIRTIO, "%llu readable bytes do not hold a request header",
                   (unsigned long long)chain->readable);
    }
    if (chain->writable == 0) {
        chain_find(chain, RULE_VIRTIO, "no writable byte for the status");
    }
}

void chain_judge(struct chain *chain)
{
    check_request_shape(chain);
    rule_checked(RULE_VIRTIO);
    if (chain->finding.wrong && ring_walk_pending(chain->walk, chain->id)) {
        violation(chain->finding.rule, "%s", chain->finding.text);
    }
}
