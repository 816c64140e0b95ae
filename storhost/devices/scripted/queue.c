/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Virtqueues (VIRTIO 1.2, 2.6): taking what the driver makes available, using it, and the two
 * notifications that either side may save. queue_split.c and queue_packed.c know the memory.
 *
 *            doorbell                     everything taken, nothing added meanwhile
 *     IDLE ───────────> BUSY (step: take) ────────────────────────────────────────> IDLE
 *
 * Going idle, the device publishes that it wants a doorbell (for the next chain) and looks once
 * more: what the driver added before it could see that is taken now, what it adds later obliges it
 * to ring. While busy no doorbell is wanted.
 */
#include <stdlib.h>

#include "base/random.h"
#include "base/violation.h"
#include "devices/scripted/internal.h"
#include "machine/memory.h"

void *queue_view(const struct queue *queue, uint64_t bus, size_t length, const char *part)
{
    void *address = memory_at(bus, length);

    if (!address) {
        violation(RULE_DMA_GRANT, "queue %u: its %s (%zu bytes at %#llx) is not contiguous memory",
                  queue->index, part, length, (unsigned long long)bus);
    }
    return address;
}

bool queue_has_event_index(const struct scripted *scripted)
{
    return scripted->accepted & FEATURE(VIRTIO_RING_F_EVENT_IDX);
}

static bool in_order(const struct scripted *scripted)
{
    return scripted->accepted & FEATURE(VIRTIO_F_IN_ORDER);
}

/* ---- Set-up ---- */

void queue_enable(struct scripted *scripted, struct queue *queue)
{
    const bool packed = scripted->accepted & FEATURE(VIRTIO_F_RING_PACKED);
    const size_t size = queue->size;

    must(size != 0 && (packed || (size & (size - 1)) == 0),
         "queue %u is enabled with a size of %zu (2.7)", queue->index, size);
    queue->format = packed ? &queue_packed : &queue_split;
    queue->format->enable(scripted, queue);
    free(queue->outstanding);
    queue->outstanding = calloc(size + 1, sizeof(*queue->outstanding));
    if (!queue->outstanding) {
        fatal("out of memory for a queue of %zu", size);
    }
    queue->lose_interrupt = false;
    queue->undecided = false;
    queue->state = QUEUE_IDLE;
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

bool queue_doorbell_missing(const struct scripted *scripted, const struct queue *queue)
{
    return queue->state == QUEUE_IDLE && queue->format->doorbell_due(scripted, queue);
}

uint16_t queue_next(const struct queue *queue)
{
    return queue->format->next(queue);
}

static struct queue *doorbell_queue(struct scripted *scripted, unsigned index)
{
    must(index < scripted->options.queues && scripted->queues[index].state != QUEUE_OFF,
         "a doorbell for queue %u, which is not enabled (2.9)", index);
    must(scripted->status & VIRTIO_CONFIG_S_DRIVER_OK, "a doorbell before DRIVER_OK (3.1.1)");
    return &scripted->queues[index];
}

void queue_doorbell(struct scripted *scripted, unsigned index)
{
    struct queue *queue = doorbell_queue(scripted, index);

    ++(queue->format->doorbell_due(scripted, queue)
           ? scripted->counters.doorbells_needed
           : scripted->counters.doorbells_superfluous)[index];
    queue->format->look(queue);
    queue->state = QUEUE_BUSY;
    device_run_once(scripted, scripted->options.at_doorbell, sizeof(scripted->options.at_doorbell));
}

void queue_doorbell_data(struct scripted *scripted, unsigned index, uint16_t data)
{
    struct queue *queue = doorbell_queue(scripted, index);

    must(
        queue->format->data_fits(queue, data),
        "queue %u: the doorbell says that %#x is the next entry, which is not between what it said "
        "before and what is available (2.9)",
        index, data);
    queue_doorbell(scripted, index);
}

/* ---- Taking ---- */

static void take_one(struct scripted *scripted, struct queue *queue)
{
    struct request *request = queue->format->take(scripted, queue);
    struct request **end = &queue->first;

    queue->outstanding[request->head] = true;
    ++scripted->counters.requests[queue->index];
    request_begin(scripted, queue, request);
    while (*end) {
        end = &(*end)->next;
    }
    *end = request;
}

/* Announces that a doorbell is wanted; false: meanwhile something was added. */
static bool go_idle(struct scripted *scripted, struct queue *queue)
{
    queue->format->want_doorbell(scripted, queue);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (queue->format->pending(queue)) {
        queue->format->want_no_doorbell(scripted, queue);
        return false;
    }
    queue->format->look(queue);
    queue->state = QUEUE_IDLE;
    return true;
}

void queue_take(struct scripted *scripted, struct queue *queue)
{
    uint32_t left = scripted->options.take ? scripted->options.take : UINT32_MAX;

    if (queue->state == QUEUE_ARMED) {
        queue->state = QUEUE_BUSY;
    }
    if (queue->state != QUEUE_BUSY) {
        return;
    }
    queue->format->want_no_doorbell(scripted, queue);
    do {
        while (queue->format->pending(queue)) {
            if (left-- == 0) {
                return;
            }
            take_one(scripted, queue);
        }
    } while (!go_idle(scripted, queue));
}

bool queue_take_piece(struct scripted *scripted, struct queue *queue)
{
    switch (queue->state) {
    case QUEUE_BUSY:
        if (queue->format->pending(queue)) {
            take_one(scripted, queue);
        } else {
            queue->format->want_doorbell(scripted, queue);
            queue->state = QUEUE_ARMED;
        }
        return true;
    case QUEUE_ARMED:
        if (queue->format->pending(queue)) {
            queue->format->want_no_doorbell(scripted, queue);
            queue->state = QUEUE_BUSY;
        } else {
            queue->format->look(queue);
            queue->state = QUEUE_IDLE;
        }
        return true;
    default:
        return false;
    }
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
    const bool strict = in_order(scripted);
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
        if (in_order(scripted)) {
            return false;
        }
    }
    return false;
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

/* Writes the used element of a request, and of the `batch` that it ends. */
static void use(struct scripted *scripted, struct queue *queue, const struct request *request,
                uint32_t length, const struct batch *batch)
{
    static const struct batch single = {1, 1};
    const uint32_t faults = request->faults;
    uint32_t id = request->head;

    if (faults & 1u << SCRIPTED_FAULT_LENGTH) {
        length = request->values[SCRIPTED_FAULT_LENGTH];
    }
    if (faults & 1u << SCRIPTED_FAULT_STRAY_ID) {
        queue->format->use(queue, stray_id(queue), length, &single);
    }
    if (faults & 1u << SCRIPTED_FAULT_BAD_ID) {
        id = request->values[SCRIPTED_FAULT_BAD_ID];
    }
    queue->format->use(queue, id, length, batch);
    if (faults & 1u << SCRIPTED_FAULT_TWICE) {
        queue->format->use(queue, id, length, &single);
    }
    if (faults & 1u << SCRIPTED_FAULT_INDEX_JUMP) {
        queue->format->jump(queue, request->values[SCRIPTED_FAULT_INDEX_JUMP]);
    }
    if (faults & 1u << SCRIPTED_FAULT_NO_INTERRUPT) {
        queue->lose_interrupt = true;
    }
    (void)scripted;
}

/* In order a request needs no element of its own if it was used completely (2.7.9, 2.8.8) and the
 * next one can complete with it. */
static bool may_skip(struct scripted *scripted, struct queue *queue, const struct request *request,
                     uint32_t length)
{
    const uint32_t of_the_element = 1u << SCRIPTED_FAULT_LENGTH | 1u << SCRIPTED_FAULT_BAD_ID |
                                    1u << SCRIPTED_FAULT_STRAY_ID | 1u << SCRIPTED_FAULT_TWICE |
                                    1u << SCRIPTED_FAULT_INDEX_JUMP;

    return in_order(scripted) && !scripted->options.no_batches && length == request->writable &&
           !(request->faults & of_the_element) && choose(scripted, queue) != NULL;
}

/* Completes up to `limit` requests; false: none could be. */
static bool complete_some(struct scripted *scripted, struct queue *queue, uint32_t limit)
{
    struct batch batch = {0, 0};
    struct request **at;
    bool any = false;

    while (limit-- != 0 && !queue->held && (at = choose(scripted, queue)) != NULL) {
        struct request *request = *at;
        const uint32_t length = request_execute(scripted, request);

        *at = request->next;
        queue->outstanding[request->head] = false;
        ++batch.requests;
        batch.descriptors += request->descriptors;
        if (limit != 0 && may_skip(scripted, queue, request, length)) {
            ++scripted->counters.skipped;
        } else {
            use(scripted, queue, request, length, &batch);
            batch = (struct batch){0, 0};
        }
        ++scripted->counters.completed;
        request_free(request);
        any = true;
    }
    return any;
}

/* Whether the driver wants an interrupt for what was used since the last one. */
static bool interrupt_wanted(const struct scripted *scripted, const struct queue *queue)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (scripted->accepted & FEATURE(VIRTIO_F_NOTIFY_ON_EMPTY) && !queue->first &&
        !queue->format->pending(queue)) {
        return true;
    }
    return queue->format->interrupt_wanted(scripted, queue);
}

static void decide_interrupt(struct scripted *scripted, struct queue *queue)
{
    const bool wanted = interrupt_wanted(scripted, queue);

    queue->format->signalled(queue);
    if (!wanted) {
        ++scripted->counters.suppressed;
    } else if (queue->lose_interrupt) {
        ++scripted->counters.lost;
    } else {
        raise_interrupt(scripted, queue);
    }
    queue->lose_interrupt = false;
    queue->undecided = false;
}

void queue_complete(struct scripted *scripted, struct queue *queue, uint32_t limit)
{
    if (complete_some(scripted, queue, limit) || queue->undecided) {
        decide_interrupt(scripted, queue);
    }
}

bool queue_complete_piece(struct scripted *scripted, struct queue *queue, uint32_t limit)
{
    if (queue->undecided) {
        decide_interrupt(scripted, queue);
        return true;
    }
    queue->undecided = complete_some(scripted, queue, limit);
    return queue->undecided;
}

bool queue_piece_left(const struct scripted *scripted, const struct queue *queue,
                      enum scripted_piece piece)
{
    if (piece == SCRIPTED_PIECE_TAKE) {
        return queue->state == QUEUE_BUSY || queue->state == QUEUE_ARMED;
    }
    return queue->state != QUEUE_OFF && (queue->undecided || queue_has_due(scripted, queue));
}
