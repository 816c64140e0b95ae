/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packed virtqueues in memory (VIRTIO 1.2, 2.8), from the device's side. See queue.c.
 *
 * A place is an offset with the wrap counter of its lap. Places go round 2 x size: `position` counts
 * them, so that they can be subtracted.
 */
#include "base/violation.h"
#include "devices/scripted/internal.h"

static uint16_t load(const uint16_t *address)
{
    return __atomic_load_n(address, __ATOMIC_ACQUIRE);
}

static void store(uint16_t *address, uint16_t value)
{
    __atomic_store_n(address, value, __ATOMIC_RELEASE);
}

/* ---- Places ---- */

struct vring_packed_desc *packed_descriptor(const struct queue *queue, uint32_t position)
{
    return &queue->packed.ring[position % queue->size];
}

static bool wrap_at(const struct queue *queue, uint32_t position)
{
    return position < queue->size;
}

uint32_t packed_forward(const struct queue *queue, uint32_t position, uint32_t count)
{
    return (position + count) % (2u * queue->size);
}

static uint32_t distance(const struct queue *queue, uint32_t from, uint32_t to)
{
    return (to + 2u * queue->size - from) % (2u * queue->size);
}

/* Offset and wrap counter as event structures and doorbells say them. */
static uint16_t place_of(const struct queue *queue, uint32_t position)
{
    return (uint16_t)(position % queue->size | (uint32_t)wrap_at(queue, position)
                                                   << VRING_PACKED_EVENT_F_WRAP_CTR);
}

/* And back; false: the ring has no such offset. */
static bool position_of(const struct queue *queue, uint16_t place, uint32_t *position)
{
    const uint16_t offset = place & ((1u << VRING_PACKED_EVENT_F_WRAP_CTR) - 1);

    *position = offset + (place >> VRING_PACKED_EVENT_F_WRAP_CTR ? 0u : queue->size);
    return offset < queue->size;
}

bool packed_is_available(const struct queue *queue, uint32_t position)
{
    const uint16_t flags = load(&packed_descriptor(queue, position)->flags);
    const bool available = flags >> VRING_PACKED_DESC_F_AVAIL & 1;
    const bool used = flags >> VRING_PACKED_DESC_F_USED & 1;

    return available == wrap_at(queue, position) && used != wrap_at(queue, position);
}

/* Behind what is available now. */
static uint32_t available_end(const struct queue *queue)
{
    uint32_t position = queue->packed.next_available;

    for (unsigned i = 0; i < queue->size && packed_is_available(queue, position); ++i) {
        position = packed_forward(queue, position, 1);
    }
    return position;
}

/* Whether going from `from` to `to` passes the event; an event that is no place passes never. */
static bool passes(const struct queue *queue, uint16_t event, uint32_t from, uint32_t to)
{
    uint32_t position;

    return position_of(queue, event, &position) &&
           distance(queue, from, position) < distance(queue, from, to);
}

/* ---- The format ---- */

static void packed_enable(struct scripted *scripted, struct queue *queue)
{
    (void)scripted;
    must(queue->descriptors % 16 == 0 && queue->driver_area % 4 == 0 && queue->device_area % 4 == 0,
         "queue %u: descriptors at %#llx, event suppression at %#llx and %#llx must be aligned to "
         "16, 4 and 4 bytes (2.8.10.1)",
         queue->index, (unsigned long long)queue->descriptors,
         (unsigned long long)queue->driver_area, (unsigned long long)queue->device_area);
    queue->packed = (struct packed_ring){
        .ring = queue_view(queue, queue->descriptors,
                           queue->size * sizeof(struct vring_packed_desc), "descriptor ring"),
        .driver_event =
            queue_view(queue, queue->driver_area, sizeof(struct vring_packed_desc_event),
                       "driver event suppression"),
        .device_event =
            queue_view(queue, queue->device_area, sizeof(struct vring_packed_desc_event),
                       "device event suppression"),
    };
    must(!packed_is_available(queue, 0),
         "queue %u is enabled with a descriptor that looks available (2.8.1)", queue->index);
    store(&queue->packed.device_event->off_wrap, place_of(queue, 0));
    store(&queue->packed.device_event->flags, VRING_PACKED_EVENT_FLAG_ENABLE);
}

static uint16_t packed_next(const struct queue *queue)
{
    return (uint16_t)(queue->packed.next_available % queue->size);
}

static bool packed_pending(const struct queue *queue)
{
    return packed_is_available(queue, queue->packed.next_available);
}

static struct request *packed_take(struct scripted *scripted, struct queue *queue)
{
    struct request *request = chain_take_packed(scripted, queue, queue->packed.next_available);

    queue->packed.next_available =
        packed_forward(queue, queue->packed.next_available, request->descriptors);
    return request;
}

static void packed_look(struct queue *queue)
{
    queue->packed.seen_available = available_end(queue);
}

static bool packed_doorbell_due(const struct scripted *scripted, const struct queue *queue)
{
    const struct packed_ring *packed = &queue->packed;
    const uint32_t end = available_end(queue);

    if (end == packed->seen_available) {
        return false;
    }
    if (packed->wanted == VRING_PACKED_EVENT_FLAG_DESC) {
        must(queue_has_event_index(scripted), "no event without EVENT_IDX");
        return passes(queue, packed->event, packed->seen_available, end);
    }
    return packed->wanted == VRING_PACKED_EVENT_FLAG_ENABLE;
}

static bool packed_data_fits(const struct queue *queue, uint16_t data)
{
    const uint32_t seen = queue->packed.seen_available;
    uint32_t position;

    return position_of(queue, data, &position) &&
           distance(queue, seen, position) <= distance(queue, seen, available_end(queue));
}

static void want(struct queue *queue, uint16_t flags)
{
    queue->packed.wanted = flags;
    store(&queue->packed.device_event->flags, flags);
}

static void packed_want_doorbell(struct scripted *scripted, struct queue *queue)
{
    if (queue_has_event_index(scripted)) {
        queue->packed.event = place_of(queue, queue->packed.next_available);
        store(&queue->packed.device_event->off_wrap, queue->packed.event);
        want(queue, VRING_PACKED_EVENT_FLAG_DESC);
    } else {
        want(queue, VRING_PACKED_EVENT_FLAG_ENABLE);
    }
}

static void packed_want_no_doorbell(struct scripted *scripted, struct queue *queue)
{
    (void)scripted;
    want(queue, VRING_PACKED_EVENT_FLAG_DISABLE);
}

/* Id and length first, the flags make it visible (2.8.14). A batch takes the place of its first. */
static void packed_use(struct queue *queue, uint32_t id, uint32_t length, const struct batch *batch)
{
    struct packed_ring *packed = &queue->packed;
    struct vring_packed_desc *descriptor = packed_descriptor(queue, packed->next_used);
    const uint16_t used = 1u << VRING_PACKED_DESC_F_AVAIL | 1u << VRING_PACKED_DESC_F_USED;

    descriptor->id = (uint16_t)id;
    descriptor->len = length;
    store(&descriptor->flags, (uint16_t)((wrap_at(queue, packed->next_used) ? used : 0) |
                                         (length != 0 ? VRING_DESC_F_WRITE : 0)));
    packed->next_used = packed_forward(queue, packed->next_used, batch->descriptors);
}

/* Claims `by` descriptors that it was never given, whatever ids they hold. */
static void packed_jump(struct queue *queue, uint32_t by)
{
    static const struct batch single = {1, 1};

    while (by-- != 0) {
        packed_use(queue, packed_descriptor(queue, queue->packed.next_used)->id, 1, &single);
    }
}

static bool packed_interrupt_wanted(const struct scripted *scripted, const struct queue *queue)
{
    const struct packed_ring *packed = &queue->packed;
    const uint16_t flags = load(&packed->driver_event->flags) & 3;
    const uint16_t event = load(&packed->driver_event->off_wrap);

    must(flags != 3, "queue %u: driver event flags %u are reserved (2.8.10)", queue->index, flags);
    if (flags != VRING_PACKED_EVENT_FLAG_DESC) {
        return flags == VRING_PACKED_EVENT_FLAG_ENABLE;
    }
    must(queue_has_event_index(scripted),
         "queue %u: driver event flags ask for a descriptor without EVENT_IDX (2.8.10)",
         queue->index);
    return passes(queue, event, packed->signalled, packed->next_used);
}

static void packed_signalled(struct queue *queue)
{
    queue->packed.signalled = queue->packed.next_used;
}

static uint16_t packed_undecided(const struct queue *queue)
{
    return (uint16_t)distance(queue, queue->packed.signalled, queue->packed.next_used);
}

const struct queue_format queue_packed = {
    .enable = packed_enable,
    .next = packed_next,
    .pending = packed_pending,
    .take = packed_take,
    .look = packed_look,
    .doorbell_due = packed_doorbell_due,
    .data_fits = packed_data_fits,
    .want_doorbell = packed_want_doorbell,
    .want_no_doorbell = packed_want_no_doorbell,
    .use = packed_use,
    .jump = packed_jump,
    .interrupt_wanted = packed_interrupt_wanted,
    .signalled = packed_signalled,
    .undecided = packed_undecided,
};
