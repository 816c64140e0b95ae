/* SPDX-License-Identifier: BSD-3-Clause */
/* The engine of run and of the scripts' depth command: see workload.h. */
#include "ways/workload.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/random.h"
#include "base/violation.h"
#include "ways/stop.h"

#define DEFAULT_DEADLINE_MS 60000u
#define RETRIES_MAXIMUM     20u
#define PLACE_ATTEMPTS      64u /* to find a random place that no outstanding request touches */

enum slot_state {
    SLOT_FREE,
    SLOT_SENT,
    SLOT_DONE
};

struct slot {
    struct port_io io;            /* straight to the port driver, or ... */
    struct class_request request; /* ... through the disk class */
    struct engine *engine;
    struct slot *next; /* in the list of done ones */
    enum slot_state state;
    bool write;
    uint64_t lba;
    uint32_t blocks;
    uint64_t generation; /* of a write */
    unsigned retries;
    uint8_t *data;
};

/* A running workload. Lives on the heap: requests that never come back keep pointing at it. */
struct engine {
    struct workload *workload;
    pthread_mutex_t lock; /* done list */
    pthread_cond_t changed;
    struct slot *done, **done_end;
    struct slot *slots;
    unsigned outstanding;
    uint64_t random;
    uint64_t next_lba; /* sequential kinds */
    uint64_t started_bytes, started_requests;
};

static void put_in_done_list(struct slot *slot)
{
    struct engine *engine = slot->engine;

    pthread_mutex_lock(&engine->lock);
    slot->next = NULL;
    *engine->done_end = slot;
    engine->done_end = &slot->next;
    pthread_cond_signal(&engine->changed);
    pthread_mutex_unlock(&engine->lock);
}

static void slot_done(struct port_io *io)
{
    put_in_done_list(io->context);
}

static void class_request_done(struct class_request *request)
{
    put_in_done_list(request->context);
}

static struct engine *engine_create(struct workload *workload)
{
    struct engine *engine = calloc(1, sizeof(*engine));
    pthread_condattr_t attributes;
    size_t room = (size_t)workload->largest * workload->disk->block_bytes;

    if (engine == NULL || (engine->slots = calloc(workload->depth, sizeof(struct slot))) == NULL) {
        fatal("out of memory for %u requests", workload->depth);
    }
    engine->workload = workload;
    engine->done_end = &engine->done;
    engine->random = workload->seed;
    engine->next_lba = workload->first_lba;
    pthread_mutex_init(&engine->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&engine->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    for (unsigned i = 0; i < workload->depth; i++) {
        struct slot *slot = &engine->slots[i];
        slot->engine = engine;
        slot->data = malloc(room);
        slot->io.done = slot_done;
        slot->io.context = slot;
        slot->request.done = class_request_done;
        slot->request.context = slot;
        if (slot->data == NULL) {
            fatal("out of memory for %u requests of %zu bytes", workload->depth, room);
        }
    }
    return engine;
}

static void engine_destroy(struct engine *engine)
{
    for (unsigned i = 0; i < engine->workload->depth; i++) {
        free(engine->slots[i].data);
    }
    pthread_cond_destroy(&engine->changed);
    pthread_mutex_destroy(&engine->lock);
    free(engine->slots);
    free(engine);
}

static bool touches_outstanding(const struct engine *engine, uint64_t lba, uint32_t blocks)
{
    for (unsigned i = 0; i < engine->workload->depth; i++) {
        const struct slot *slot = &engine->slots[i];
        if (slot->state != SLOT_FREE && lba < slot->lba + slot->blocks &&
            slot->lba < lba + blocks) {
            return true;
        }
    }
    return false;
}

static bool is_sequential(enum workload_kind kind)
{
    return kind == WORKLOAD_SEQUENTIAL_WRITE || kind == WORKLOAD_SEQUENTIAL_READ;
}

/* Chooses where the next request goes; false: no free place now. */
static bool choose_place(struct engine *engine, struct slot *slot)
{
    const struct workload *workload = engine->workload;
    uint64_t end = workload->first_lba + workload->blocks;

    slot->blocks = workload->smallest + (uint32_t)(random_next(&engine->random) %
                                                   (workload->largest - workload->smallest + 1));
    if (is_sequential(workload->kind)) {
        if (engine->next_lba == end) {
            engine->next_lba = workload->first_lba;
        }
        slot->lba = engine->next_lba;
        if (slot->blocks > end - slot->lba) {
            slot->blocks = (uint32_t)(end - slot->lba);
        }
        if (touches_outstanding(engine, slot->lba, slot->blocks)) {
            return false;
        }
        engine->next_lba += slot->blocks;
        return true;
    }
    for (unsigned attempt = 0; attempt < PLACE_ATTEMPTS; attempt++) {
        slot->lba = workload->first_lba +
                    random_next(&engine->random) % (workload->blocks - slot->blocks + 1);
        if (!touches_outstanding(engine, slot->lba, slot->blocks)) {
            return true;
        }
    }
    return false;
}

static bool choose_write(struct engine *engine)
{
    switch (engine->workload->kind) {
    case WORKLOAD_SEQUENTIAL_WRITE:
    case WORKLOAD_RANDOM_WRITE:
        return true;
    case WORKLOAD_RANDOM_MIXED:
        return (random_next(&engine->random) & 1) != 0;
    default:
        return false;
    }
}

static void send_slot(struct engine *engine, struct slot *slot)
{
    const struct disk *disk = engine->workload->disk;

    slot->state = SLOT_SENT;
    if (engine->workload->class != NULL) {
        slot->request.operation = slot->write ? CLASS_WRITE : CLASS_READ;
        slot->request.lba = slot->lba;
        slot->request.blocks = slot->blocks;
        slot->request.data = slot->data;
        slot->request.processor = slot->io.processor;
        class_submit(engine->workload->class, &slot->request);
        return;
    }
    if (slot->write) {
        disk_prepare_write(disk, &slot->io, slot->lba, slot->blocks, slot->data, false);
    } else {
        disk_prepare_read(disk, &slot->io, slot->lba, slot->blocks, slot->data);
    }
    port_submit(disk->port, &slot->io);
}

/* Starts a request in a free slot; false: no free place now. */
static bool start_slot(struct engine *engine, struct slot *slot)
{
    struct workload *workload = engine->workload;
    uint32_t block_bytes = workload->disk->block_bytes;

    if (!choose_place(engine, slot)) {
        return false;
    }
    slot->write = choose_write(engine);
    slot->retries = 0;
    if (slot->write) {
        slot->generation = ++*workload->generation;
        for (uint32_t i = 0; i < slot->blocks; i++) {
            pattern_fill(slot->data + (size_t)i * block_bytes, block_bytes, slot->lba + i,
                         slot->generation);
        }
    } else {
        /* What the driver does not write must not look right by chance. */
        memset(slot->data, 0xa5, (size_t)slot->blocks * block_bytes);
    }
    slot->io.processor = (int)(engine->started_requests % workload->processors);
    engine->started_requests++;
    engine->started_bytes += (uint64_t)slot->blocks * block_bytes;
    engine->outstanding++;
    send_slot(engine, slot);
    return true;
}

/* Takes the next completed request, waiting for it; NULL after the deadline. */
static struct slot *next_done(struct engine *engine)
{
    unsigned deadline = engine->workload->deadline_ms;
    struct timespec until;
    struct slot *slot;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (deadline != 0 ? deadline : DEFAULT_DEADLINE_MS) / 1000;
    pthread_mutex_lock(&engine->lock);
    while (engine->done == NULL &&
           pthread_cond_timedwait(&engine->changed, &engine->lock, &until) != ETIMEDOUT) {
    }
    slot = engine->done;
    if (slot != NULL) {
        engine->done = slot->next;
        if (engine->done == NULL) {
            engine->done_end = &engine->done;
        }
    }
    pthread_mutex_unlock(&engine->lock);
    return slot;
}

/* Compares what was read with what must be there. */
static bool check_data(const struct engine *engine, const struct slot *slot, char *error,
                       size_t error_size)
{
    uint32_t block_bytes = engine->workload->disk->block_bytes;
    uint64_t generation;

    for (uint32_t i = 0; i < slot->blocks; i++) {
        if (pattern_map_get(engine->workload->map, slot->lba + i, &generation) &&
            generation != PATTERN_UNKNOWN &&
            !pattern_check(slot->data + (size_t)i * block_bytes, block_bytes, slot->lba + i,
                           generation, error, error_size)) {
            return false;
        }
    }
    return true;
}

/* The disk class has sent again what it does; the rest is for workload.retry. */
static bool succeeded(const struct engine *engine, const struct slot *slot)
{
    return engine->workload->class != NULL ? slot->request.status == CLASS_SUCCESS
                                           : disk_succeeded(&slot->io);
}

static bool describe_failure(const struct engine *engine, const struct slot *slot, char *error,
                             size_t error_size)
{
    char result[160], status[40] = "";
    bool class = engine->workload->class != NULL;

    disk_describe_result(class ? &slot->request.result : &slot->io, result, sizeof(result));
    if (class) {
        snprintf(status, sizeof(status), "%s, ", class_status_name(slot->request.status));
    }
    snprintf(error, error_size, "%s of %u blocks at block %llu failed: %s%s%s",
             slot->write ? "write" : "read", slot->blocks, (unsigned long long)slot->lba, status,
             result, slot->retries > 0 ? " (also when sent again)" : "");
    return false;
}

static void record(struct engine *engine, const struct slot *slot, uint64_t generation)
{
    for (uint32_t i = 0; slot->write && i < slot->blocks; i++) {
        pattern_map_set(engine->workload->map, slot->lba + i, generation);
    }
}

/* Judges a completed request; sends it again where that is due. False: failed for good. */
static bool finish_slot(struct engine *engine, struct slot *slot, char *error, size_t error_size)
{
    struct workload *workload = engine->workload;

    slot->state = SLOT_DONE;
    if (workload->class == NULL && !disk_succeeded(&slot->io) && workload->retry &&
        disk_should_retry(&slot->io) && slot->retries < RETRIES_MAXIMUM) {
        slot->retries++;
        workload->retries++;
        send_slot(engine, slot);
        return true;
    }
    engine->outstanding--;
    if (!succeeded(engine, slot)) {
        record(engine, slot, PATTERN_UNKNOWN);
        slot->state = SLOT_FREE;
        return describe_failure(engine, slot, error, error_size);
    }
    record(engine, slot, slot->generation);
    slot->state = SLOT_FREE;
    workload->done_requests++;
    workload->done_bytes += (uint64_t)slot->blocks * workload->disk->block_bytes;
    return slot->write || check_data(engine, slot, error, error_size);
}

static bool wants_more(const struct engine *engine)
{
    const struct workload *workload = engine->workload;

    if (stop_requested()) {
        return false;
    }
    return workload->requests != 0 ? engine->started_requests < workload->requests
                                   : engine->started_bytes < workload->bytes;
}

static void fill_slots(struct engine *engine)
{
    for (unsigned i = 0; i < engine->workload->depth && wants_more(engine); i++) {
        struct slot *slot = &engine->slots[i];
        if (slot->state == SLOT_FREE && !start_slot(engine, slot)) {
            return;
        }
    }
}

bool workload_run(struct workload *workload, char *error, size_t error_size)
{
    struct engine *engine = engine_create(workload);
    bool good = true;

    workload->done_bytes = workload->done_requests = workload->retries = 0;
    fill_slots(engine);
    while (engine->outstanding > 0) {
        struct slot *slot = next_done(engine);
        char text[320];

        if (slot == NULL) {
            snprintf(error, error_size, "%u requests did not come back", engine->outstanding);
            return false;
        }
        if (!finish_slot(engine, slot, text, sizeof(text)) && good) {
            /* The first failure is told; what is outstanding is waited for, nothing new sent. */
            snprintf(error, error_size, "%s", text);
            good = false;
        }
        if (workload->progress != NULL) {
            progress_update(workload->progress, workload->done_bytes);
        }
        if (good) {
            fill_slots(engine);
        }
    }
    engine_destroy(engine);
    return good;
}
