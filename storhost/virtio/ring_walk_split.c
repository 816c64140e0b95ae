/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Follows a split virtqueue (VIRTIO 1.2, 2.7) from outside. See ring_walk.h.
 */
#include <stdlib.h>

#include "virtio/ring_walk_internal.h"

static void split_create(struct ring_walk *walk)
{
    const struct ring_walk_setup *setup = &walk->setup;
    const size_t size = setup->size;

    walk->split.descriptors = ring_walk_view(setup->descriptors, size * sizeof(struct vring_desc),
                                             setup->queue, "descriptors");
    walk->split.available =
        ring_walk_view(setup->driver_area, 6 + 2 * size, setup->queue, "available ring");
    walk->split.used = ring_walk_view(setup->device_area, 6 + 8 * size, setup->queue, "used ring");
}

static void split_doorbell(struct ring_walk *walk)
{
    walk->split.told = ring_walk_load16(walk->split.available + 1);
}

static bool split_doorbell_missing(const struct ring_walk *walk, uint16_t *index)
{
    const struct split_walk *split = &walk->split;
    const uint16_t event = ring_walk_load16(split->used + 4 + 8 * (size_t)walk->setup.size);
    const uint16_t waiting = (uint16_t)(ring_walk_load16(split->available + 1) - event);
    const uint16_t told = (uint16_t)(split->told - event);

    *index = event;
    /* Of the available ones from `event` on, `told` is how many it was told of, or negative. */
    return waiting != 0 && waiting <= walk->setup.size && (told == 0 || told > walk->setup.size);
}

/* In order an element may stand for a batch; the next one then lies that far behind it. */
static void split_follow_used(struct ring_walk *walk)
{
    struct split_walk *split = &walk->split;
    const uint16_t index = ring_walk_load16(split->used + 2);

    while (split->next_used != index) {
        const struct vring_used_elem *element = (const struct vring_used_elem *)(split->used + 4) +
                                                (split->next_used & (walk->setup.size - 1));
        const uint16_t left = (uint16_t)(index - split->next_used);
        const unsigned batch = ring_walk_used(walk, element->id);

        split->next_used = (uint16_t)(split->next_used + (batch < left ? batch : left));
    }
}

/* Walks one table of descriptors from `index` on; `table` copies are taken one by one. */
static void walk_table(struct chain *chain, const struct vring_desc *table, uint32_t entries,
                       uint32_t index, bool indirect)
{
    while (!chain->finding.wrong) {
        if (index >= entries) {
            chain_find(chain, RULE_VIRTIO, "its next descriptor is %u of %u", index, entries);
            return;
        }
        const struct vring_desc descriptor = table[index];
        if (descriptor.flags & VRING_DESC_F_INDIRECT) {
            if (indirect) {
                chain_find(chain, RULE_VIRTIO,
                           "an indirect table in an indirect table (2.7.5.3.1)");
                return;
            }
            const struct vring_desc *inner =
                chain_table(chain, descriptor.addr, descriptor.len, descriptor.flags);
            if (inner) {
                walk_table(chain, inner, descriptor.len / sizeof(*inner), 0, true);
            }
            return;
        }
        chain_add(chain, descriptor.addr, descriptor.len, descriptor.flags & VRING_DESC_F_WRITE);
        if (!(descriptor.flags & VRING_DESC_F_NEXT)) {
            return;
        }
        if (chain->walk->setup.in_order && !indirect && descriptor.next != (index + 1) % entries) {
            chain_find(chain, RULE_VIRTIO,
                       "descriptor %u is followed by %u, not in the order of the ring (2.7.5.2)",
                       index, descriptor.next);
        }
        index = descriptor.next;
    }
}

static void split_new(struct ring_walk *walk)
{
    struct split_walk *split = &walk->split;
    const uint16_t index = ring_walk_load16(split->available + 1);
    const uint16_t size = walk->setup.size;

    if ((uint16_t)(index - split->next_available) > size) {
        violation(RULE_VIRTIO, "queue %u: the available index went from %u to %u in a ring of %u",
                  walk->setup.queue, split->next_available, index, size);
    }
    while (split->next_available != index) {
        const uint16_t head = split->available[2 + (split->next_available & (size - 1))];
        struct chain chain = {.walk = walk, .id = head};

        if (head >= size) {
            violation(RULE_VIRTIO, "queue %u: available entry %u names descriptor %u of %u",
                      walk->setup.queue, split->next_available, head, size);
        }
        ++split->next_available;
        ring_walk_made(walk, head);
        if (ring_walk_pending(walk, head)) {
            walk_table(&chain, split->descriptors, size, head, false);
            chain_judge(&chain);
        }
    }
}

const struct ring_walk_format ring_walk_split = {
    .create = split_create,
    .new_chains = split_new,
    .follow_used = split_follow_used,
    .doorbell = split_doorbell,
    .doorbell_missing = split_doorbell_missing,
};
