/* SPDX-License-Identifier: BSD-3-Clause */
/* The bare loop on a packed virtqueue (VIRTIO 1.2, 2.8). See loop.h. */
#include <stddef.h>

#include "bare/loop.h"

#define AVAILABLE (1u << VRING_PACKED_DESC_F_AVAIL)
#define USED      (1u << VRING_PACKED_DESC_F_USED)

/* Length, id and flags of a descriptor, as the device finds them: one store instead of three. */
BARE_INLINE uint64_t tail_of(uint32_t length, unsigned flags)
{
    return length | (uint64_t)flags << 48;
}

/* Writes the indirect table; its length in bytes. */
BARE_INLINE uint32_t fill_table(const struct bare_request *request)
{
    struct bare_entry *entry = (struct bare_entry *)(void *)request->block->table;
    const struct bare_piece *piece = request->piece;
    uint32_t pieces = request->pieces;
    uint64_t tail = tail_of(0, request->data_flags & VRING_DESC_F_WRITE);

    entry[0].address = request->block_address + offsetof(struct bare_block, header);
    entry[0].tail = tail_of(sizeof(struct virtio_blk_outhdr), 0);
    entry++;
    for (uint32_t i = 0; i < pieces; i++) {
        entry[i].address = piece[i].address;
        entry[i].tail = tail + piece[i].length;
    }
    entry[pieces].address = request->block_address + offsetof(struct bare_block, status);
    entry[pieces].tail = tail_of(1, VRING_DESC_F_WRITE);
    return (pieces + 2) * BARE_DESCRIPTOR_BYTES;
}

/* Whether the device wants to hear of the descriptor at `offset` (2.8.14, 2.8.21.3). */
BARE_INLINE bool wants_doorbell(const struct bare_queue *queue, uint16_t offset, bool wrap)
{
    const volatile struct vring_packed_desc_event *event = queue->packed.device_event;
    uint16_t flags = event->flags;

    if (flags == VRING_PACKED_EVENT_FLAG_DESC) {
        return event->off_wrap ==
               (uint16_t)(offset | (unsigned)wrap << VRING_PACKED_EVENT_F_WRAP_CTR);
    }
    return flags == VRING_PACKED_EVENT_FLAG_ENABLE;
}

BARE_CODE void bare_packed_submit(struct bare_queue *queue, struct bare_request *request)
{
    struct bare_packed *ring = &queue->packed;
    struct vring_packed_desc *descriptor = &ring->descriptors[ring->next];
    uint16_t offset = ring->next, id = bare_take_id(queue, request);
    bool wrap = ring->next_wrap;

    bare_fill_header(request);
    descriptor->len = fill_table(request);
    descriptor->addr = request->block_address + offsetof(struct bare_block, table);
    descriptor->id = id;
    __atomic_store_n(&descriptor->flags,
                     (uint16_t)(VRING_DESC_F_INDIRECT | (wrap ? AVAILABLE : USED)),
                     __ATOMIC_RELEASE);
    if (++ring->next == queue->size) {
        ring->next = 0;
        ring->next_wrap = !wrap;
    }
    bare_full_fence();
    if (wants_doorbell(queue, offset, wrap)) {
        *queue->doorbell = queue->index;
    }
}

/* Whether the device has used the descriptor that it uses next. */
BARE_INLINE bool is_used(const struct vring_packed_desc *descriptor, bool wrap)
{
    uint16_t flags = __atomic_load_n(&descriptor->flags, __ATOMIC_ACQUIRE) & (AVAILABLE | USED);

    return flags == (wrap ? AVAILABLE | USED : 0);
}

BARE_CODE void bare_packed_reap(struct bare_queue *queue)
{
    struct bare_packed *ring = &queue->packed;

    queue->done_count = 0;
    while (is_used(&ring->descriptors[ring->last_used], ring->last_used_wrap)) {
        do {
            bare_finish(queue, ring->descriptors[ring->last_used].id);
            if (++ring->last_used == queue->size) {
                ring->last_used = 0;
                ring->last_used_wrap = !ring->last_used_wrap;
            }
        } while (is_used(&ring->descriptors[ring->last_used], ring->last_used_wrap));
        if (queue->event_index) {
            ring->driver_event->off_wrap =
                (uint16_t)(ring->last_used | (unsigned)ring->last_used_wrap
                                                 << VRING_PACKED_EVENT_F_WRAP_CTR);
            bare_full_fence();
        }
    }
}
