/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What ring_walk.c shares with the formats, ring_walk_split.c and ring_walk_packed.c.
 */
#ifndef STORHOST_VIRTIO_RING_WALK_INTERNAL_H
#define STORHOST_VIRTIO_RING_WALK_INTERNAL_H

#include <linux/virtio_ring.h>

#include "base/violation.h"
#include "virtio/ring_walk.h"

/* What depends on the format of the ring. */
struct ring_walk_format {
    void (*create)(struct ring_walk *walk); /* views of the ring */
    void (*new_chains)(struct ring_walk *walk);
    void (*follow_used)(struct ring_walk *walk);
    void (*doorbell)(struct ring_walk *walk);
    bool (*doorbell_missing)(const struct ring_walk *walk, uint16_t *index);
};

extern const struct ring_walk_format ring_walk_split, ring_walk_packed;

struct split_walk {
    const struct vring_desc *descriptors; /* the bench's own view */
    const uint16_t *available;            /* flags, index, ring */
    const uint8_t *used;
    uint16_t next_available, next_used;
    uint16_t told; /* available index at the last doorbell */
};

/* An offset in a packed ring, and the wrap counter of the lap. */
struct place {
    uint16_t offset;
    bool wrap;
};

struct packed_walk {
    const struct vring_packed_desc *ring; /* the bench's own view */
    const struct vring_packed_desc_event *device_event;
    struct place available, used;   /* next descriptor that becomes so */
    struct place told;              /* what came next at the last doorbell */
    uint16_t *count;                /* per id: descriptors of its chain */
    struct vring_packed_desc *copy; /* of the chain that is looked at */
    bool chains;                    /* a chain of several descriptors was seen */
    bool blind;                     /* lost count of the descriptors: sees nothing any more */
};

struct ring_walk {
    struct ring_walk_setup setup;
    const struct ring_walk_format *format;
    union {
        struct split_walk split;
        struct packed_walk packed;
    };
    uint64_t requests;
    uint32_t *made; /* per id: how often it was seen available */
    uint32_t *done; /* per id: how often it was seen used */
    /* In order: ids that are available and not used, oldest first, in a circle. */
    uint16_t *order;
    uint32_t order_first, order_end; /* free running */
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
    uint16_t id; /* split: its head */
    unsigned segments;
    uint64_t readable, writable; /* bytes so far */
    uint32_t last_length;
    bool last_writable;
    struct finding finding;
};

/* A part of the ring as the bench sees it; violation if it lies in no live grant. */
const void *ring_walk_view(uint64_t bus, size_t length, unsigned queue, const char *part);

static inline uint16_t ring_walk_load16(const void *address)
{
    return __atomic_load_n((const uint16_t *)address, __ATOMIC_ACQUIRE);
}

/* Something is wrong with the chain; the first finding counts. */
void chain_find(struct chain *chain, enum rule rule, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Judges a segment and adds it. */
void chain_add(struct chain *chain, uint64_t address, uint32_t length, bool writable);

/* Judges the descriptor of an indirect table; NULL: it is none that can be read. */
const void *chain_table(struct chain *chain, uint64_t address, uint32_t length, uint16_t flags);

/* A chain with this id became available. */
void ring_walk_made(struct ring_walk *walk, uint16_t id);

/* The device used an id. Returns how many requests that stands for (in order: a batch). An id that
 * cannot be is the device's fault, not looked at here. */
unsigned ring_walk_used(struct ring_walk *walk, uint32_t id);

/* Whether the latest chain with this id is still the device's. */
bool ring_walk_pending(struct ring_walk *walk, uint16_t id);

/* The whole chain was walked: reports what was found, if it may still be judged. */
void chain_judge(struct chain *chain);

#endif
