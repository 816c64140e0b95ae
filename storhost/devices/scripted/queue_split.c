/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Split virtqueues in memory (VIRTIO 1.2, 2.7), from the device's side. See queue.c.
 */
#include "base/violation.h"
#include "devices/scripted/internal.h"

/* Offsets in 16-bit units in both rings. */
enum {
    RING_FLAGS = 0,
    RING_INDEX = 1,
    RING_ENTRIES = 2
};

static uint16_t load(const uint16_t *address)
{
    return __atomic_load_n(address, __ATOMIC_ACQUIRE);
}

static void store(uint16_t *address, uint16_t value)
{
    __atomic_store_n(address, value, __ATOMIC_RELEASE);
}

static uint16_t available_index(const struct queue *queue)
{
    return load(queue->split.available + RING_INDEX);
}

/* Behind the entries of the available ring: the used entry whose addition wants an interrupt. */
static const uint16_t *used_event(const struct queue *queue)
{
    return queue->split.available + RING_ENTRIES + queue->size;
}

/* Behind the entries (of 8 bytes) of the used ring. */
static uint16_t *available_event(const struct queue *queue)
{
    return queue->split.used + RING_ENTRIES + 4u * queue->size;
}

/* Whether going from index `from` to `to` passes entry `event` (2.7.7.1, 2.7.10). */
static bool passes(uint16_t event, uint16_t from, uint16_t to)
{
    return (uint16_t)(to - event - 1) < (uint16_t)(to - from);
}

static void split_enable(struct scripted *scripted, struct queue *queue)
{
    const size_t size = queue->size;

    must(queue->descriptors % 16 == 0 && queue->driver_area % 2 == 0 && queue->device_area % 4 == 0,
         "queue %u: descriptors at %#llx, available ring at %#llx, used ring at %#llx must be "
         "aligned to 16, 2 and 4 bytes (2.7)",
         queue->index, (unsigned long long)queue->descriptors,
         (unsigned long long)queue->driver_area, (unsigned long long)queue->device_area);
    queue->split = (struct split_ring){
        .table = queue_view(queue, queue->descriptors, size * sizeof(struct vring_desc),
                            "descriptor table"),
        .available = queue_view(queue, queue->driver_area, 6 + 2 * size, "available ring"),
        .used = queue_view(queue, queue->device_area, 6 + 8 * size, "used ring"),
    };
    must(available_index(queue) == 0 && load(queue->split.used + RING_INDEX) == 0,
         "queue %u is enabled with indexes that are not 0 (2.7.6, 2.7.8)", queue->index);
    if (queue_has_event_index(scripted)) {
        store(available_event(queue), 0);
    }
    store(queue->split.used + RING_FLAGS, 0);
}

static uint16_t split_next(const struct queue *queue)
{
    return queue->split.next_available;
}

static bool split_pending(const struct queue *queue)
{
    const uint16_t index = available_index(queue);

    must((uint16_t)(index - queue->split.next_available) <= queue->size,
         "queue %u: the available index went from %u to %u in a ring of %u", queue->index,
         queue->split.next_available, index, queue->size);
    return index != queue->split.next_available;
}

static struct request *split_take(struct scripted *scripted, struct queue *queue)
{
    const uint16_t slot = queue->split.next_available & (queue->size - 1);
    const uint16_t head = load(queue->split.available + RING_ENTRIES + slot);
    struct request *request = chain_take(scripted, queue, head);

    ++queue->split.next_available;
    return request;
}

static void split_look(struct queue *queue)
{
    queue->split.seen_available = available_index(queue);
}

static bool split_doorbell_due(const struct scripted *scripted, const struct queue *queue)
{
    const struct split_ring *split = &queue->split;
    const uint16_t index = available_index(queue);

    if (index == split->seen_available) {
        return false;
    }
    if (queue_has_event_index(scripted)) {
        return passes(split->event, split->seen_available, index);
    }
    return !(load(split->used + RING_FLAGS) & VRING_USED_F_NO_NOTIFY);
}

static bool split_data_fits(const struct queue *queue, uint16_t data)
{
    const uint16_t seen = queue->split.seen_available;

    return (uint16_t)(data - seen) <= (uint16_t)(available_index(queue) - seen);
}

static void split_want_doorbell(struct scripted *scripted, struct queue *queue)
{
    if (queue_has_event_index(scripted)) {
        queue->split.event = queue->split.next_available;
        store(available_event(queue), queue->split.event);
    } else {
        store(queue->split.used + RING_FLAGS, 0);
    }
}

static void split_want_no_doorbell(struct scripted *scripted, struct queue *queue)
{
    if (!queue_has_event_index(scripted)) {
        store(queue->split.used + RING_FLAGS, VRING_USED_F_NO_NOTIFY);
    }
}

static void split_use(struct queue *queue, uint32_t id, uint32_t length, const struct batch *batch)
{
    struct split_ring *split = &queue->split;
    const uint16_t slot = split->used_index & (queue->size - 1);
    struct vring_used_elem *element = (struct vring_used_elem *)(split->used + RING_ENTRIES) + slot;

    element->id = id;
    element->len = length;
    split->used_index = (uint16_t)(split->used_index + batch->requests);
    store(split->used + RING_INDEX, split->used_index);
}

static void split_jump(struct queue *queue, uint32_t by)
{
    queue->split.used_index = (uint16_t)(queue->split.used_index + by);
    store(queue->split.used + RING_INDEX, queue->split.used_index);
}

static bool split_interrupt_wanted(const struct scripted *scripted, const struct queue *queue)
{
    if (queue_has_event_index(scripted)) {
        return passes(load(used_event(queue)), queue->split.signalled, queue->split.used_index);
    }
    return !(load(queue->split.available + RING_FLAGS) & VRING_AVAIL_F_NO_INTERRUPT);
}

static void split_signalled(struct queue *queue)
{
    queue->split.signalled = queue->split.used_index;
}

static uint16_t split_undecided(const struct queue *queue)
{
    return (uint16_t)(queue->split.used_index - queue->split.signalled);
}

const struct queue_format queue_split = {
    .enable = split_enable,
    .next = split_next,
    .pending = split_pending,
    .take = split_take,
    .look = split_look,
    .doorbell_due = split_doorbell_due,
    .data_fits = split_data_fits,
    .want_doorbell = split_want_doorbell,
    .want_no_doorbell = split_want_no_doorbell,
    .use = split_use,
    .jump = split_jump,
    .interrupt_wanted = split_interrupt_wanted,
    .signalled = split_signalled,
    .undecided = split_undecided,
};
