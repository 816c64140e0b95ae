/* SPDX-License-Identifier: BSD-3-Clause */
/* The bare loop on a split virtqueue (VIRTIO 1.2, 2.7). See loop.h. */
#include <stddef.h>

#include "bare/loop.h"

/* Length, flags and next of a descriptor, as the device finds them: one store instead of three. */
BARE_INLINE uint64_t tail_of(uint32_t length, unsigned flags, unsigned next)
{
    return length | (uint64_t)flags << 32 | (uint64_t)next << 48;
}

/* Writes the indirect table; its length in bytes. */
BARE_INLINE uint32_t fill_table(const struct bare_request *request)
{
    struct bare_entry *entry = (struct bare_entry *)(void *)request->block->table;
    const struct bare_piece *piece = request->piece;
    uint32_t pieces = request->pieces;
    uint64_t tail = tail_of(0, request->data_flags, 2);

    entry[0].address = request->block_address + offsetof(struct bare_block, header);
    entry[0].tail = tail_of(sizeof(struct virtio_blk_outhdr), VRING_DESC_F_NEXT, 1);
    entry++;
    for (uint32_t i = 0; i < pieces; i++) {
        entry[i].address = piece[i].address;
        entry[i].tail = tail + piece[i].length;
        tail += tail_of(0, 0, 1);
    }
    entry[pieces].address = request->block_address + offsetof(struct bare_block, status);
    entry[pieces].tail = tail_of(1, VRING_DESC_F_WRITE, 0);
    return (pieces + 2) * BARE_DESCRIPTOR_BYTES;
}

/* Whether the device wants to hear of the step from `next` - 1 to `next` (2.7.10). */
BARE_INLINE bool wants_doorbell(const struct bare_queue *queue, uint16_t next)
{
    if (queue->event_index) {
        return *(volatile uint16_t *)queue->split.avail_event == (uint16_t)(next - 1);
    }
    return (*(volatile uint16_t *)&queue->split.used->flags & VRING_USED_F_NO_NOTIFY) == 0;
}

BARE_CODE void bare_split_submit(struct bare_queue *queue, struct bare_request *request)
{
    struct bare_split *ring = &queue->split;
    uint16_t id = bare_take_id(queue, request);
    uint16_t next = ring->next;
    uint32_t bytes;

    bare_fill_header(request);
    bytes = fill_table(request);
    ring->descriptors[id].address = request->block_address + offsetof(struct bare_block, table);
    ring->descriptors[id].tail = tail_of(bytes, VRING_DESC_F_INDIRECT, 0);
    ring->available->ring[next & (queue->size - 1u)] = id;
    ring->next = ++next;
    __atomic_store_n(&ring->available->idx, next, __ATOMIC_RELEASE);
    bare_full_fence();
    if (wants_doorbell(queue, next)) {
        *queue->doorbell = queue->index;
    }
}

BARE_CODE void bare_split_reap(struct bare_queue *queue)
{
    struct bare_split *ring = &queue->split;
    uint16_t last = ring->last_used;

    queue->done_count = 0;
    for (;;) {
        uint16_t used = __atomic_load_n(&ring->used->idx, __ATOMIC_ACQUIRE);

        if (used == last) {
            break;
        }
        do {
            bare_finish(queue, (uint16_t)ring->used->ring[last & (queue->size - 1u)].id);
        } while (++last != used);
        if (queue->event_index) {
            *ring->used_event = last;
            bare_full_fence();
        }
    }
    ring->last_used = last;
}

BARE_CODE uint8_t bare_acknowledge(const volatile uint8_t *isr)
{
    return *isr;
}
