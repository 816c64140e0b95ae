/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Split virtqueues (VIRTIO 1.2, 2.7): taking from the available ring, putting into the used ring,
 * and the two notifications that either side may save.
 *
 *            doorbell                     everything taken, nothing added meanwhile
 *     IDLE ───────────> BUSY (step: take) ────────────────────────────────────────> IDLE
 *
 * Going idle, the device publishes that it wants a doorbell (avail_event = the next entry, or
 * NO_NOTIFY taken away) and looks once more: what the driver added before it could see that is
 * taken now, what it adds later obliges it to ring. While busy no doorbell is wanted.
 */
#include "devices/scripted/internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "base/violation.h"
#include "machine/memory.h"

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

static bool has_event_index(const struct scripted *scripted)
{
    return scripted->accepted & FEATURE(VIRTIO_RING_F_EVENT_IDX);
}

static uint16_t available_index(const struct queue *queue)
{
    return load(queue->available + RING_INDEX);
}

/* Behind the entries of the available ring: the used entry whose addition wants an interrupt. */
static const uint16_t *used_event(const struct queue *queue)
{
    return queue->available + RING_ENTRIES + queue->size;
}

/* Behind the entries (of 8 bytes) of the used ring. */
static uint16_t *available_event(const struct queue *queue)
{
    return queue->used + RING_ENTRIES + 4u * queue->size;
}

/* Whether going from index `from` to `to` passes entry `event` (2.7.7.1, 2.7.10). */
static bool passes(uint16_t event, uint16_t from, uint16_t to)
{
    return (uint16_t)(to - event - 1) < (uint16_t)(to - from);
}

/* ---- Set-up ---- */

static void *view(const struct queue *queue, uint64_t bus, size_t length, const char *part)
{
    void *address = memory_at(bus, length);

    if (!address) {
        violation(RULE_DMA_GRANT, "queue %u: its %s (%zu bytes at %#llx) is not contiguous memory",
                  queue->index, part, length, (unsigned long long)bus);
    }
    return address;
}

void queue_enable(struct scripted *scripted, struct queue *queue)
{
    const size_t size = queue->size;

    must(size != 0 && (size & (size - 1)) == 0, "queue %u is enabled with a size of %zu (2.7)",
         queue->index, size);
    must(queue->descriptors % 16 == 0 && queue->driver_area % 2 == 0 && queue->device_area % 4 == 0,
         "queue %u: descriptors at %#llx, available ring at %#llx, used ring at %#llx must be "
         "aligned to 16, 2 and 4 bytes (2.7)",
         queue->index, (unsigned long long)queue->descriptors,
         (unsigned long long)queue->driver_area, (unsigned long long)queue->device_area);
    queue->table =
        view(queue, queue->descriptors, size * sizeof(struct vring_desc), "descriptor table");
    queue->available = view(queue, queue->driver_area, 6 + 2 * size, "available ring");
    queue->used = view(queue, queue->device_area, 6 + 8 * size, "used ring");
    must(available_index(queue) == 0 && load(queue->used + RING_INDEX) == 0,
         "queue %u is enabled with indexes that are not 0 (2.7.6, 2.7.8)", queue->index);
    free(queue->outstanding);
    queue->outstanding = calloc(size + 1, sizeof(*queue->outstanding));
    if (!queue->outstanding) {
        fatal("out of memory for a queue of %zu", size);
    }
    queue->next_available = queue->seen_available = queue->event = 0;
    queue->used_index = queue->signalled = 0;
    queue->lose_interrupt = false;
    queue->state = QUEUE_IDLE;
    if (has_event_index(scripted)) {
        store(available_event(queue), 0);
    }
    store(queue->used + RING_FLAGS, 0);
}

/* What was outstanding is dropped, or kept to be written late. */
void queue_reset(struct scripted *scripted, struct queue *queue)
{
    if (scripted->options.reset == SCRIPTED_RESET_LATE) {
        struct request **end = &scripted->late;
        while (*end) {
            end = &(*end)->next;
        }
        *end = queue->first;
    } else {
        request_free_list(queue->first);
    }
    free(queue->outstanding);
    *queue = (struct queue){
        .index = queue->index,
        .state = QUEUE_OFF,
        .size_offered = queue->size_offered,
        .size = queue->size_offered,
        .vector = VIRTIO_MSI_NO_VECTOR,
        .held = queue->held,
    };
}

/* ---- Doorbells ---- */

/* Whether what was added since we last looked obliges the driver to ring. */
static bool doorbell_due(const struct scripted *scripted, const struct queue *queue)
{
    const uint16_t index = available_index(queue);

    if (index == queue->seen_available) {
        return false;
    }
    if (has_event_index(scripted)) {
        return passes(queue->event, queue->seen_available, index);
    }
    return !(load(queue->used + RING_FLAGS) & VRING_USED_F_NO_NOTIFY);
}

bool queue_doorbell_missing(const struct scripted *scripted, const struct queue *queue)
{
    return queue->state == QUEUE_IDLE && doorbell_due(scripted, queue);
}

void queue_doorbell(struct scripted *scripted, unsigned index)
{
    must(index < scripted->options.queues && scripted->queues[index].state != QUEUE_OFF,
         "a doorbell for queue %u, which is not enabled (2.9)", index);
    must(scripted->status & VIRTIO_CONFIG_S_DRIVER_OK, "a doorbell before DRIVER_OK (3.1.1)");

    struct queue *queue = &scripted->queues[index];
    ++(doorbell_due(scripted, queue) ? scripted->counters.doorbells_needed
                                     : scripted->counters.doorbells_superfluous)[index];
    queue->seen_available = available_index(queue);
    queue->state = QUEUE_BUSY;
}

/* ---- Taking ---- */

static void want_no_doorbell(struct scripted *scripted, struct queue *queue)
{
    if (!has_event_index(scripted)) {
        store(queue->used + RING_FLAGS, VRING_USED_F_NO_NOTIFY);
    }
}

/* Announces that a doorbell is wanted; false: meanwhile something was added. */
static bool go_idle(struct scripted *scripted, struct queue *queue)
{
    if (has_event_index(scripted)) {
        queue->event = queue->next_available;
        store(available_event(queue), queue->event);
    } else {
        store(queue->used + RING_FLAGS, 0);
    }
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    queue->seen_available = available_index(queue);
    if (queue->seen_available != queue->next_available) {
        want_no_doorbell(scripted, queue);
        return false;
    }
    queue->state = QUEUE_IDLE;
    return true;
}

static void take_one(struct scripted *scripted, struct queue *queue)
{
    const uint16_t slot = queue->next_available & (queue->size - 1);
    const uint16_t head = load(queue->available + RING_ENTRIES + slot);
    struct request *request = chain_take(scripted, queue, head);
    struct request **end = &queue->first;

    ++queue->next_available;
    queue->outstanding[head] = true;
    ++scripted->counters.requests[queue->index];
    request_begin(scripted, queue, request);
    while (*end) {
        end = &(*end)->next;
    }
    *end = request;
}

void queue_take(struct scripted *scripted, struct queue *queue)
{
    uint32_t left = scripted->options.take ? scripted->options.take : UINT32_MAX;

    if (queue->state != QUEUE_BUSY) {
        return;
    }
    want_no_doorbell(scripted, queue);
    do {
        const uint16_t index = available_index(queue);
        must((uint16_t)(index - queue->next_available) <= queue->size,
             "queue %u: the available index went from %u to %u in a ring of %u", queue->index,
             queue->next_available, index, queue->size);
        while (queue->next_available != index && left != 0) {
            take_one(scripted, queue);
            --left;
        }
        if (queue->next_available != index) {
            return;
        }
    } while (!go_idle(scripted, queue));
}

/* ---- Completing ---- */

static bool is_due(const struct scripted *scripted, const struct request *request)
{
    return !(request->faults & 1u << SCRIPTED_FAULT_NEVER) &&
           request->due <= scripted->counters.steps;
}

/* Where the list points to the request that completes next; NULL: none may. */
static struct request **choose(struct scripted *scripted, struct queue *queue)
{
    const bool strict = scripted->accepted & FEATURE(VIRTIO_F_IN_ORDER);
    const enum scripted_order order = strict ? SCRIPTED_IN_ORDER : scripted->options.order;
    struct request **chosen = NULL;
    unsigned candidates = 0;

    for (struct request **at = &queue->first; *at; at = &(*at)->next) {
        if (!is_due(scripted, *at)) {
            if (strict) {
                break;
            }
            continue;
        }
        ++candidates;
        if (!chosen || order == SCRIPTED_REVERSE ||
            (order == SCRIPTED_SHUFFLE && random_next(&scripted->random) % candidates == 0)) {
            chosen = at;
        }
    }
    return chosen;
}

bool queue_has_due(const struct scripted *scripted, const struct queue *queue)
{
    if (queue->held) {
        return false;
    }
    for (const struct request *request = queue->first; request; request = request->next) {
        if (!(request->faults & 1u << SCRIPTED_FAULT_NEVER)) {
            return true;
        }
        if (scripted->accepted & FEATURE(VIRTIO_F_IN_ORDER)) {
            return false;
        }
    }
    return false;
}

static void put_used(struct queue *queue, uint32_t id, uint32_t length)
{
    const uint16_t slot = queue->used_index & (queue->size - 1);
    struct vring_used_elem *element = (struct vring_used_elem *)(queue->used + RING_ENTRIES) + slot;

    element->id = id;
    element->len = length;
    store(queue->used + RING_INDEX, ++queue->used_index);
}

/* A descriptor that the device does not have. */
static uint32_t stray_id(const struct queue *queue)
{
    for (uint32_t id = queue->size; id-- > 0;) {
        if (!queue->outstanding[id]) {
            return id;
        }
    }
    return queue->size;
}

static void complete_one(struct scripted *scripted, struct queue *queue, struct request *request)
{
    const uint32_t faults = request->faults;
    uint32_t length = request_execute(scripted, request);
    uint32_t id = request->head;

    if (faults & 1u << SCRIPTED_FAULT_LENGTH) {
        length = request->values[SCRIPTED_FAULT_LENGTH];
    }
    if (faults & 1u << SCRIPTED_FAULT_STRAY_ID) {
        put_used(queue, stray_id(queue), length);
    }
    if (faults & 1u << SCRIPTED_FAULT_BAD_ID) {
        id = request->values[SCRIPTED_FAULT_BAD_ID];
    }
    queue->outstanding[request->head] = false;
    put_used(queue, id, length);
    if (faults & 1u << SCRIPTED_FAULT_TWICE) {
        put_used(queue, id, length);
    }
    if (faults & 1u << SCRIPTED_FAULT_INDEX_JUMP) {
        queue->used_index =
            (uint16_t)(queue->used_index + request->values[SCRIPTED_FAULT_INDEX_JUMP]);
        store(queue->used + RING_INDEX, queue->used_index);
    }
    if (faults & 1u << SCRIPTED_FAULT_NO_INTERRUPT) {
        queue->lose_interrupt = true;
    }
    ++scripted->counters.completed;
    request_free(request);
}

/* Whether the driver wants an interrupt for what was used since the last one (2.7.7.2). */
static bool interrupt_wanted(const struct scripted *scripted, const struct queue *queue)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (scripted->accepted & FEATURE(VIRTIO_F_NOTIFY_ON_EMPTY) && !queue->first &&
        available_index(queue) == queue->next_available) {
        return true;
    }
    if (has_event_index(scripted)) {
        return passes(load(used_event(queue)), queue->signalled, queue->used_index);
    }
    return !(load(queue->available + RING_FLAGS) & VRING_AVAIL_F_NO_INTERRUPT);
}

void queue_complete(struct scripted *scripted, struct queue *queue, uint32_t limit)
{
    struct request **at;
    bool any = false;

    while (limit-- != 0 && !queue->held && (at = choose(scripted, queue)) != NULL) {
        struct request *request = *at;
        *at = request->next;
        complete_one(scripted, queue, request);
        any = true;
    }
    if (!any) {
        return;
    }
    const bool wanted = interrupt_wanted(scripted, queue);
    queue->signalled = queue->used_index;
    if (!wanted) {
        ++scripted->counters.suppressed;
    } else if (queue->lose_interrupt) {
        ++scripted->counters.lost;
    } else {
        raise_interrupt(scripted, queue);
    }
    queue->lose_interrupt = false;
}
