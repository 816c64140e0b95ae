/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Follows a packed virtqueue (VIRTIO 1.2, 2.8) from outside. See ring_walk.h.
 *
 * The device overwrites descriptors, so that a chain which it used before this looked cannot be seen
 * any more, nor how many descriptors it had. With one descriptor for each chain (indirect tables)
 * that does not matter; a ring with longer chains is not followed any further then. The scripted
 * device works only in steps, so there nothing is missed.
 */
#include <stdlib.h>

#include "virtio/ring_walk_internal.h"

#define F_AVAIL (1u << VRING_PACKED_DESC_F_AVAIL)
#define F_USED  (1u << VRING_PACKED_DESC_F_USED)

enum look {
    LOOK_NEITHER, /* of the lap before: nothing is there yet */
    LOOK_AVAILABLE,
    LOOK_USED
};

static enum look look_at(const struct ring_walk *walk, struct place place)
{
    const uint16_t flags = ring_walk_load16(&walk->packed.ring[place.offset].flags);

    if (((flags & F_AVAIL) != 0) != place.wrap) {
        return LOOK_NEITHER;
    }
    return ((flags & F_USED) != 0) == place.wrap ? LOOK_USED : LOOK_AVAILABLE;
}

static struct place forward(const struct ring_walk *walk, struct place place, unsigned count)
{
    const unsigned offset = place.offset + count;

    return offset < walk->setup.size
               ? (struct place){(uint16_t)offset, place.wrap}
               : (struct place){(uint16_t)(offset - walk->setup.size), !place.wrap};
}

/* Places from `from` on to `to`, of the two laps that there are to tell apart. */
static unsigned distance(const struct ring_walk *walk, struct place from, struct place to)
{
    const unsigned laps = 2u * walk->setup.size;
    const unsigned start = from.offset + (from.wrap ? 0u : walk->setup.size);
    const unsigned end = to.offset + (to.wrap ? 0u : walk->setup.size);

    return end >= start ? end - start : end + laps - start;
}

/* The place that becomes available next. */
static struct place tail(const struct ring_walk *walk)
{
    struct place place = walk->packed.available;

    for (unsigned i = 0; i < walk->setup.size && look_at(walk, place) != LOOK_NEITHER; ++i) {
        place = forward(walk, place, 1);
    }
    return place;
}

static void packed_create(struct ring_walk *walk)
{
    const struct ring_walk_setup *setup = &walk->setup;
    struct packed_walk *packed = &walk->packed;

    packed->ring = ring_walk_view(setup->descriptors, setup->size * sizeof(*packed->ring),
                                  setup->queue, "descriptors");
    (void)ring_walk_view(setup->driver_area, sizeof(*packed->device_event), setup->queue,
                         "driver event suppression");
    packed->device_event = ring_walk_view(setup->device_area, sizeof(*packed->device_event),
                                          setup->queue, "device event suppression");
    packed->available.wrap = packed->used.wrap = packed->told.wrap = true;
    packed->count = calloc(setup->size, sizeof(*packed->count));
    packed->copy = calloc(setup->size, sizeof(*packed->copy));
    if (!packed->count || !packed->copy) {
        fatal("out of memory for following a ring of %u descriptors", setup->size);
    }
}

static void packed_doorbell(struct ring_walk *walk)
{
    walk->packed.told = tail(walk);
}

static bool packed_doorbell_missing(const struct ring_walk *walk, uint16_t *index)
{
    const struct packed_walk *packed = &walk->packed;
    const uint16_t flags = ring_walk_load16(&packed->device_event->flags) & 3;
    const uint16_t value = ring_walk_load16(&packed->device_event->off_wrap);
    const struct place event = {value & 0x7fff, (value >> VRING_PACKED_EVENT_F_WRAP_CTR) != 0};
    const unsigned untold = distance(walk, packed->told, tail(walk));

    if (packed->blind || flags == VRING_PACKED_EVENT_FLAG_DISABLE) {
        return false;
    }
    *index = flags == VRING_PACKED_EVENT_FLAG_DESC ? event.offset : packed->told.offset;
    return untold != 0 &&
           (flags != VRING_PACKED_EVENT_FLAG_DESC || distance(walk, packed->told, event) < untold);
}

/* The requests of a batch, that is what is not known to be used: their descriptors. */
static unsigned batch_descriptors(const struct ring_walk *walk, uint16_t id, uint32_t first)
{
    unsigned count = 0;

    if (!walk->setup.in_order) {
        return walk->packed.count[id];
    }
    for (; first != walk->order_first; ++first) {
        count += walk->packed.count[walk->order[first % walk->setup.size]];
    }
    return count;
}

static void packed_follow_used(struct ring_walk *walk)
{
    struct packed_walk *packed = &walk->packed;

    while (!packed->blind && look_at(walk, packed->used) == LOOK_USED &&
           distance(walk, packed->used, packed->available) != 0) {
        const uint16_t id = packed->ring[packed->used.offset].id;
        const uint32_t first = walk->order_first;
        unsigned count = 1;

        if (id < walk->setup.size) {
            ring_walk_used(walk, id);
            count = batch_descriptors(walk, id, first);
        }
        packed->used = forward(walk, packed->used, count != 0 ? count : 1);
    }
}

static void walk_table(struct chain *chain, const struct vring_packed_desc *descriptor)
{
    const struct vring_packed_desc *table =
        chain_table(chain, descriptor->addr, descriptor->len, descriptor->flags);
    const unsigned entries = descriptor->len / sizeof(*table);

    for (unsigned i = 0; table && i < entries && !chain->finding.wrong; ++i) {
        const struct vring_packed_desc entry = table[i];
        chain_add(chain, entry.addr, entry.len, entry.flags & VRING_DESC_F_WRITE);
    }
}

/*
 * Copies the descriptors of the chain that begins at packed.available and finds its id, which the last
 * one has (2.8.6). Returns how many they are; 0: the device has used some of them for something
 * meanwhile, as it does only with chains that it has taken.
 */
static unsigned copy_chain(struct ring_walk *walk, uint16_t *id)
{
    const struct packed_walk *packed = &walk->packed;
    struct place place = packed->available;
    unsigned count = 0;
    bool more = true;

    while (more) {
        const enum look look = count < walk->setup.size ? look_at(walk, place) : LOOK_NEITHER;
        if (look == LOOK_USED) {
            return 0;
        }
        if (look == LOOK_NEITHER) {
            if (look_at(walk, packed->available) != LOOK_AVAILABLE) {
                return 0;
            }
            violation(RULE_VIRTIO, "queue %u: descriptor %u has NEXT, but %s (2.8.6)",
                      walk->setup.queue, (place.offset != 0 ? place.offset : walk->setup.size) - 1u,
                      count == walk->setup.size ? "the chain is as long as the ring already"
                                                : "the one behind it is not available");
        }
        packed->copy[count] = packed->ring[place.offset];
        more = packed->copy[count].flags & VRING_DESC_F_NEXT;
        ++count;
        place = forward(walk, place, 1);
    }
    *id = packed->copy[count - 1].id;
    for (unsigned i = 0; i < count; ++i) {
        if (look_at(walk, forward(walk, packed->available, i)) != LOOK_AVAILABLE) {
            return 0;
        }
    }
    return count;
}

static void judge_chain(struct ring_walk *walk, unsigned count, uint16_t id)
{
    const struct vring_packed_desc *copy = walk->packed.copy;
    struct chain chain = {.walk = walk, .id = id};

    for (unsigned i = 0; i < count && !chain.finding.wrong; ++i) {
        if (!(copy[i].flags & VRING_DESC_F_INDIRECT)) {
            chain_add(&chain, copy[i].addr, copy[i].len, copy[i].flags & VRING_DESC_F_WRITE);
        } else if (count != 1) {
            chain_find(&chain, RULE_VIRTIO, "an indirect table in a chain of descriptors (2.8.7)");
        } else {
            walk_table(&chain, &copy[i]);
        }
    }
    chain_judge(&chain);
}

/* The chain at packed.available. False: it was used before it could be seen. */
static bool take_chain(struct ring_walk *walk)
{
    struct packed_walk *packed = &walk->packed;
    uint16_t id = 0;
    const unsigned count = copy_chain(walk, &id);

    if (count == 0) {
        return false;
    }
    if (id >= walk->setup.size) {
        violation(RULE_VIRTIO, "queue %u: the buffer id %u is beyond the ring's %u descriptors",
                  walk->setup.queue, id, walk->setup.size);
    }
    packed->available = forward(walk, packed->available, count);
    packed->chains = packed->chains || count > 1;
    ring_walk_made(walk, id);
    if (walk->made[id] - walk->done[id] > 1) {
        packed_follow_used(walk); /* while the number of its chain of before is known */
    }
    packed->count[id] = (uint16_t)count;
    if (ring_walk_pending(walk, id)) {
        judge_chain(walk, count, id);
    }
    return true;
}

static void packed_new(struct ring_walk *walk)
{
    struct packed_walk *packed = &walk->packed;
    enum look look;

    packed_follow_used(walk);
    while (!packed->blind && (look = look_at(walk, packed->available)) != LOOK_NEITHER) {
        if (look == LOOK_AVAILABLE && take_chain(walk)) {
            continue;
        }
        ++walk->requests;
        packed->blind = packed->chains;
        packed->available = forward(walk, packed->available, 1);
        packed_follow_used(walk);
    }
}

const struct ring_walk_format ring_walk_packed = {
    .create = packed_create,
    .new_chains = packed_new,
    .follow_used = packed_follow_used,
    .doorbell = packed_doorbell,
    .doorbell_missing = packed_doorbell_missing,
};
