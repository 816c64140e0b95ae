/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The scripted device as a device of the bench, and the scripting of it by functions.
 *
 * Theory of operation
 * -------------------
 *
 *     driver ─trap─> registers.c ──> status.c   handshake, reset, configuration
 *                        │  doorbell
 *                        v
 *     step ──────────> queue.c ────> chain.c    a request is taken
 *                        │ list of what is outstanding, per queue
 *                        └─────────> request.c  it completes: data, status, used ring, interrupt
 *
 * A doorbell only marks its queue as rung. All work is done by a step: of each queue that was rung
 * requests are taken, of each queue those that are due complete, then the device lies still until
 * the next step. Nothing here has a thread or a clock (but for reset-hangs, by which time passes), so
 * that a run depends only on the order of accesses and steps; the options `take`, `complete`, `delay` and `order` spread and mix the
 * completions.
 *
 * Faults are bits of the request that they hit, found when it is taken and acted on in the place
 * where the conforming thing would be done.
 *
 * One lock guards the device. Interrupts are noted under it and delivered after it has been given
 * back, as the listener may access the device.
 */
#include "devices/scripted/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/violation.h"
#include "machine/clock.h"

/* ---- The lock, and events behind it ---- */

static struct scripted *lock_device(struct device *device)
{
    struct scripted *scripted = scripted_of(device);

    pthread_mutex_lock(&scripted->lock);
    return scripted;
}

static bool line_level(const void *owner)
{
    const struct scripted *scripted = owner;

    return !scripted->device.removed && pci_function_line_allowed(&scripted->function) &&
           (scripted->isr != 0 || scripted->stray_line);
}

static void unlock_device(struct scripted *scripted)
{
    if (!scripted->pieces || scripted->delivering) {
        pci_interrupts_deliver(&scripted->interrupts);
        scripted->delivering = false;
    }
    pthread_mutex_unlock(&scripted->lock);
}

/* ---- Steps ---- */

static bool works(const struct scripted *scripted)
{
    return !scripted->device.removed && pci_function_bus_master(&scripted->function) &&
           (scripted->reset_state != RESET_RUNS ||
            scripted->options.reset == SCRIPTED_RESET_WORK) &&
           scripted->status & VIRTIO_CONFIG_S_DRIVER_OK &&
           !(scripted->status & (VIRTIO_CONFIG_S_NEEDS_RESET | VIRTIO_CONFIG_S_FAILED));
}

void scripted_do_step(struct scripted *scripted)
{
    const uint32_t limit = scripted->options.complete ? scripted->options.complete : UINT32_MAX;

    ++scripted->counters.steps;
    if (!works(scripted)) {
        return;
    }
    for (unsigned i = 0; i < scripted->options.queues; ++i) {
        queue_take(scripted, &scripted->queues[i]);
    }
    for (unsigned i = 0; i < scripted->options.queues; ++i) {
        if (scripted->queues[i].state != QUEUE_OFF) {
            queue_complete(scripted, &scripted->queues[i], limit);
        }
    }
}

static void scripted_step(struct device *device)
{
    struct scripted *scripted = lock_device(device);

    scripted_do_step(scripted);
    unlock_device(scripted);
}

bool scripted_busy(struct device *device)
{
    struct scripted *scripted = lock_device(device);
    bool busy = false;

    for (unsigned i = 0; works(scripted) && !scripted->pieces && i < scripted->options.queues;
         ++i) {
        const struct queue *queue = &scripted->queues[i];
        busy = busy || queue->state == QUEUE_BUSY || queue_has_due(scripted, queue);
    }
    unlock_device(scripted);
    return busy;
}

static bool scripted_idle(struct device *device)
{
    const bool busy = scripted_busy(device);

    if (busy) {
        scripted_step(device);
    }
    return busy;
}

/* ---- Pieces ---- */

void scripted_set_pieces(struct device *device, bool pieces)
{
    struct scripted *scripted = lock_device(device);

    scripted->pieces = pieces;
    unlock_device(scripted);
}

bool scripted_piece_possible(struct device *device, enum scripted_piece piece)
{
    struct scripted *scripted = lock_device(device);
    bool possible =
        piece == SCRIPTED_PIECE_INTERRUPT && pci_interrupts_waiting(&scripted->interrupts);

    for (unsigned i = 0;
         works(scripted) && piece != SCRIPTED_PIECE_INTERRUPT && i < scripted->options.queues;
         ++i) {
        possible = possible || queue_piece_left(scripted, &scripted->queues[i], piece);
    }
    unlock_device(scripted);
    return possible;
}

uint64_t scripted_piece_state(struct device *device)
{
    struct scripted *scripted = lock_device(device);
    uint64_t state = pci_interrupts_waiting(&scripted->interrupts);

    for (unsigned i = 0; i < scripted->options.queues; ++i) {
        const struct queue *queue = &scripted->queues[i];
        state = state * 31 + queue->state * 2u + queue->undecided;
        if (queue->state != QUEUE_OFF) {
            state = state * 1031 + queue->format->undecided(queue);
        }
        for (const struct request *at = queue->first; at; at = at->next) {
            state = state * 1000003 + at->sector + 1;
        }
    }
    unlock_device(scripted);
    return state;
}

uint16_t scripted_packed_place(struct device *device)
{
    struct scripted *scripted = lock_device(device);
    const uint16_t place = (uint16_t)scripted->queues[0].packed.next_available;

    unlock_device(scripted);
    return place;
}

void scripted_do_piece(struct device *device, enum scripted_piece piece)
{
    struct scripted *scripted = lock_device(device);
    const uint32_t limit = scripted->options.complete ? scripted->options.complete : UINT32_MAX;
    bool done = !works(scripted);

    scripted->delivering = piece == SCRIPTED_PIECE_INTERRUPT;
    for (unsigned i = 0; !done && i < scripted->options.queues; ++i) {
        struct queue *queue = &scripted->queues[i];
        if (piece == SCRIPTED_PIECE_TAKE) {
            done = queue_take_piece(scripted, queue);
        } else if (piece == SCRIPTED_PIECE_COMPLETE && queue->state != QUEUE_OFF) {
            done = queue_complete_piece(scripted, queue, limit);
        }
    }
    unlock_device(scripted);
}

/* ---- Accesses ---- */

static uint32_t scripted_config_read(struct device *device, unsigned offset, unsigned size)
{
    struct scripted *scripted = lock_device(device);
    const uint32_t value = device->removed || offset >= PCI_SPACE
                               ? (uint32_t)device_all_ones(size)
                               : config_space_read(scripted, offset, size);

    unlock_device(scripted);
    return value;
}

static void scripted_config_write(struct device *device, unsigned offset, unsigned size,
                                  uint32_t value)
{
    struct scripted *scripted = lock_device(device);

    if (!device->removed && offset < PCI_SPACE) {
        config_space_write(scripted, offset, size, value);
    }
    unlock_device(scripted);
}

static uint64_t scripted_bar_read(struct device *device, unsigned bar, uint64_t offset,
                                  unsigned size)
{
    struct scripted *scripted = lock_device(device);
    const uint64_t value = device->removed || !device_inside_bar(device, bar, offset, size)
                               ? device_all_ones(size)
                               : registers_read(scripted, bar, offset, size);

    unlock_device(scripted);
    return value;
}

static void scripted_bar_write(struct device *device, unsigned bar, uint64_t offset, unsigned size,
                               uint64_t value)
{
    struct scripted *scripted = lock_device(device);
    uint64_t hang;

    if (!device->removed && device_inside_bar(device, bar, offset, size)) {
        const uint64_t rung = scripted->counters.writes[SCRIPTED_AREA_NOTIFY];
        registers_write(scripted, bar, offset, size, value);
        if (scripted->options.immediate &&
            (rung != scripted->counters.writes[SCRIPTED_AREA_NOTIFY] ||
             (bar == 0 && scripted->function.legacy_length && offset == VIRTIO_PCI_QUEUE_NOTIFY))) {
            scripted_do_step(scripted);
        }
    }
    hang = scripted->hang;
    scripted->hang = 0;
    unlock_device(scripted);
    if (hang != 0) {
        clock_hang(hang);
    }
}

static unsigned scripted_set_vectors(struct device *device, unsigned vectors)
{
    struct scripted *scripted = lock_device(device);
    const unsigned granted = msix_give(&scripted->function, vectors);

    unlock_device(scripted);
    return granted;
}

static void scripted_power_cycle(struct device *device)
{
    struct scripted *scripted = lock_device(device);

    device_reset(scripted);
    scripted->reset_state = RESET_NOT;
    unlock_device(scripted);
}

static void scripted_move_bars(struct device *device)
{
    struct scripted *scripted = lock_device(device);

    pci_function_move_bars(&scripted->function);
    unlock_device(scripted);
}

/* Requests are dropped: a device that is gone touches nothing. */
static void scripted_remove(struct device *device)
{
    struct scripted *scripted = lock_device(device);

    for (unsigned i = 0; i < scripted->options.queues; ++i) {
        queue_reset(scripted, &scripted->queues[i]);
    }
    device->removed = true;
    unlock_device(scripted);
}

/* ---- Making one ---- */

/* Not what RESET_LATE kept: that is no fault of the driver's. */
static bool scripted_may_write(struct device *device, uint64_t bus, uint64_t length)
{
    struct scripted *scripted = lock_device(device);
    bool found = false;

    for (unsigned i = 0; !device->removed && pci_function_bus_master(&scripted->function) &&
                         i < scripted->options.queues;
         ++i) {
        for (const struct request *at = scripted->queues[i].first; at && !found; at = at->next) {
            found = request_may_write(at, bus, length);
        }
    }
    unlock_device(scripted);
    return found;
}

static void scripted_destroy(struct device *device)
{
    struct scripted *scripted = scripted_of(device);

    for (unsigned i = 0; i < SCRIPTED_QUEUES; ++i) {
        request_free_list(scripted->queues[i].first);
        free(scripted->queues[i].outstanding);
    }
    request_free_list(scripted->late);
    cache_close(scripted);
    if (scripted->store >= 0) {
        close(scripted->store);
    }
    pci_function_end(&scripted->function);
    pthread_mutex_destroy(&scripted->lock);
    free(scripted);
}

static const struct device_ops scripted_ops = {
    .name = "scripted device",
    .config_read = scripted_config_read,
    .config_write = scripted_config_write,
    .bar_read = scripted_bar_read,
    .bar_write = scripted_bar_write,
    .set_message_vectors = scripted_set_vectors,
    .remove = scripted_remove,
    .power_cycle = scripted_power_cycle,
    .move_bars = scripted_move_bars,
    .step = scripted_step,
    .idle = scripted_idle,
    .judge = scripted_check_doorbells,
    .may_write = scripted_may_write,
    .destroy = scripted_destroy,
};

static bool judge_options(const struct scripted_options *options, char *error, size_t size)
{
    const uint64_t unknown = options->features & ~scripted_known_features();

    if (options->queues == 0 || options->queues > SCRIPTED_QUEUES) {
        snprintf(error, size, "queues=%u: 1 to %u", options->queues, SCRIPTED_QUEUES);
    } else if (unknown != 0) {
        snprintf(error, size, "features=%#llx: the scripted device cannot do %#llx",
                 (unsigned long long)options->features, (unsigned long long)unknown);
    } else if (options->block_size == 0 || options->capacity == 0) {
        snprintf(error, size, "block-size and sectors must not be 0");
    } else {
        return true;
    }
    return false;
}

static bool run_commands(struct device *device, char *error, size_t size)
{
    char lines[sizeof(scripted_of(device)->options.commands)];
    char *rest = lines, *line;

    memcpy(lines, scripted_of(device)->options.commands, sizeof(lines));
    while ((line = strsep(&rest, "\n")) != NULL) {
        if (line[0] != '\0' && !scripted_command(device, line, error, size)) {
            return false;
        }
    }
    return true;
}

struct device *scripted_create(const struct scripted_options *options, char *error, size_t size)
{
    if (!judge_options(options, error, size)) {
        return NULL;
    }
    struct scripted *scripted = calloc(1, sizeof(*scripted));
    if (!scripted) {
        snprintf(error, size, "out of memory");
        return NULL;
    }
    scripted->device.ops = &scripted_ops;
    scripted->device.slot = 4;
    scripted->options = *options;
    scripted->random = options->seed;
    scripted->store = -1;
    pci_init_lock(&scripted->lock);
    scripted->interrupts = (struct pci_interrupts){.device = &scripted->device,
                                                   .lock = &scripted->lock,
                                                   .level = line_level,
                                                   .owner = scripted};
    for (unsigned i = 0; i < SCRIPTED_QUEUES; ++i) {
        scripted->queues[i].index = i;
    }
    if (!store_open(scripted, error, size) || !config_space_build(scripted, error, size)) {
        scripted_destroy(&scripted->device);
        return NULL;
    }
    device_reset(scripted);
    if (!run_commands(&scripted->device, error, size)) {
        scripted_destroy(&scripted->device);
        return NULL;
    }
    return &scripted->device;
}

/* ---- Scripting ---- */

static void set_held(struct device *device, uint32_t queue, bool held)
{
    struct scripted *scripted = lock_device(device);

    for (unsigned i = 0; i < SCRIPTED_QUEUES; ++i) {
        if (queue == SCRIPTED_ALL || queue == i) {
            scripted->queues[i].held = held;
        }
    }
    unlock_device(scripted);
}

void scripted_hold(struct device *device, uint32_t queue)
{
    set_held(device, queue, true);
}

void scripted_release(struct device *device, uint32_t queue)
{
    set_held(device, queue, false);
}

bool scripted_add_fault(struct device *device, const struct scripted_fault *fault)
{
    struct scripted *scripted = lock_device(device);
    const bool room = scripted->fault_count < FAULTS_MAXIMUM;

    if (room) {
        scripted->faults[scripted->fault_count++] = (struct active_fault){*fault, 0};
    }
    unlock_device(scripted);
    return room;
}

void scripted_clear(struct device *device)
{
    struct scripted *scripted = lock_device(device);

    scripted->fault_count = 0;
    scripted->lie_count = 0;
    unlock_device(scripted);
    scripted_release(device, SCRIPTED_ALL);
}

void scripted_resize(struct device *device, uint64_t sectors)
{
    struct scripted *scripted = lock_device(device);

    scripted->options.capacity = sectors;
    scripted->config.capacity = sectors;
    if (sectors > scripted->largest_capacity) {
        scripted->largest_capacity = sectors;
    }
    config_changed(scripted);
    unlock_device(scripted);
}

void scripted_set_read_only(struct device *device, bool read_only)
{
    struct scripted *scripted = lock_device(device);

    scripted->options.read_only = read_only;
    /* What a driver can see of it before the next reset. */
    scripted->offered = read_only ? scripted->offered | FEATURE(VIRTIO_BLK_F_RO)
                                  : scripted->offered & ~FEATURE(VIRTIO_BLK_F_RO);
    config_changed(scripted);
    unlock_device(scripted);
}

void scripted_needs_reset(struct device *device)
{
    struct scripted *scripted = lock_device(device);

    device_broken(scripted);
    unlock_device(scripted);
}

void scripted_end_reset(struct device *device)
{
    struct scripted *scripted = lock_device(device);

    scripted->reset_reads_left = 0;
    unlock_device(scripted);
}

void scripted_interrupt(struct device *device, unsigned vector)
{
    struct scripted *scripted = lock_device(device);

    if (messages_on(scripted) && vector < device->message_vectors) {
        msix_send(&scripted->function, vector);
    }
    unlock_device(scripted);
}

void scripted_interrupt_line(struct device *device)
{
    struct scripted *scripted = lock_device(device);

    scripted->stray_line = true;
    unlock_device(scripted);
}

unsigned scripted_write_late(struct device *device)
{
    struct scripted *scripted = lock_device(device);
    unsigned written = 0;

    for (const struct request *at = scripted->late; at && !device->removed; at = at->next) {
        request_execute(scripted, at);
        ++written;
    }
    request_free_list(scripted->late);
    scripted->late = NULL;
    unlock_device(scripted);
    return written;
}

/* ---- Judging ---- */

void scripted_check_doorbells(struct device *device)
{
    struct scripted *scripted = lock_device(device);

    for (unsigned i = 0; works(scripted) && i < scripted->options.queues; ++i) {
        const struct queue *queue = &scripted->queues[i];
        rule_checked(RULE_DOORBELL);
        if (queue_doorbell_missing(scripted, queue)) {
            violation(RULE_DOORBELL,
                      "queue %u: entry %u was made available, the device had asked for a doorbell "
                      "(%s), and none came (2.7.13.4.1)",
                      i, queue_next(queue),
                      scripted->accepted & FEATURE(VIRTIO_RING_F_EVENT_IDX) ? "avail_event"
                                                                            : "no NO_NOTIFY");
        }
    }
    unlock_device(scripted);
}

unsigned scripted_outstanding(struct device *device)
{
    struct scripted *scripted = lock_device(device);
    unsigned count = 0;

    for (unsigned i = 0; i < scripted->options.queues; ++i) {
        for (const struct request *at = scripted->queues[i].first; at; at = at->next) {
            ++count;
        }
    }
    unlock_device(scripted);
    return count;
}

void scripted_get_counters(struct device *device, struct scripted_counters *counters)
{
    struct scripted *scripted = lock_device(device);

    *counters = scripted->counters;
    counters->line = scripted->interrupts.line_asserted;
    unlock_device(scripted);
}

bool scripted_read_disk(struct device *device, uint64_t sector, void *data, size_t bytes)
{
    struct scripted *scripted = lock_device(device);
    const bool good = store_transfer(scripted, sector, data, bytes, false);

    unlock_device(scripted);
    return good;
}

bool scripted_write_disk(struct device *device, uint64_t sector, const void *data, size_t bytes)
{
    struct scripted *scripted = lock_device(device);
    const bool good = store_transfer(scripted, sector, (void *)(uintptr_t)data, bytes, true);

    unlock_device(scripted);
    return good;
}
