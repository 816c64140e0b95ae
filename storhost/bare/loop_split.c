/* SPDX-License-Identifier: BSD-3-Clause */
/* The bare loop on a split virtqueue (VIRTIO 1.2, 2.7). See loop.h. */
#include <stddef.h>

#include "bare/loop.h"

BARE_INLINE struct vring_desc describe(bus_addr address, uint32_t length, unsigned flags,
                                       unsigned next)
{
    return (struct vring_desc){address, length, (uint16_t)flags, (uint16_t)next};
}

/* Writes the indirect table; its length in bytes. */
BARE_INLINE uint32_t fill_table(const struct bare_request *request)
{
    struct vring_desc *table = (struct vring_desc *)(void *)request->block->table;
    unsigned flags = VRING_DESC_F_NEXT | (request->device_writes ? VRING_DESC_F_WRITE : 0);
    uint32_t count = 0;

    table[count++] = describe(request->block_address + offsetof(struct bare_block, header),
                              sizeof(struct virtio_blk_outhdr), VRING_DESC_F_NEXT, 1);
    for (uint32_t i = 0; i < request->pieces; i++) {
        table[count] =
            describe(request->piece[i].address, request->piece[i].length, flags, count + 1);
        count++;
    }
    table[count++] = describe(request->block_address + offsetof(struct bare_block, status), 1,
                              VRING_DESC_F_WRITE, 0);
    return count * BARE_DESCRIPTOR_BYTES;
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
    ring->descriptors[id] = describe(request->block_address + offsetof(struct bare_block, table),
                                     bytes, VRING_DESC_F_INDIRECT, 0);
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
