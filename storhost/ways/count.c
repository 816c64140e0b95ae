/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The command count: exact counts of what the driver does for a request, on the scripted device.
 *
 *   lock-step   depth requests are sent together, then the device takes and completes all, and so on
 *   closed:K    depth requests are outstanding all the time; the device takes and completes K at a
 *               time, and each completion brings the next request
 *
 * Before anything is counted the same load runs for a while, so that what is done once is done.
 */
#include "ways/commands.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <linux/virtio_blk.h>

#include "base/violation.h"
#include "machine/clock.h"
#include "machine/cpu.h"
#include "machine/memory.h"
#include "ways/count.h"
#include "ways/facts.h"
#include "ways/stop.h"

#define DEFAULT_ROUNDS 4   /* of depth requests are counted, */
#define LEAST_REQUESTS 128 /* but so many at least */
#define WARM_ROUNDS    2
#define LOOK_NANOSECONDS \
    100000000 /* of real time, from one look whether anything happens to the next */
#define QUIET_MICROSECONDS 100000 /* by which the clock goes on where nothing does, */
#define QUIET_LOOKS        20     /* so often, until requests are lost */
#define UNMAP_BYTES        24     /* header and one descriptor (SBC-3, 5.28) */
#define SCSI_UNMAP         0x42
#define SECTOR_BYTES       512u /* virtio's */
#define FAILURE_BYTES      256

struct count_slot {
    struct count_load *load;
    union {
        struct port_io io;
        struct bare_io bare;
    };
    uint8_t *data; /* of io */
};

/* ---- Requests ---- */

static uint64_t random_next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void put_big(uint8_t *bytes, uint64_t value, unsigned count)
{
    while (count-- > 0) {
        bytes[count] = (uint8_t)value;
        value >>= 8;
    }
}

static void prepare_unmap(struct count_slot *slot, uint64_t lba, uint32_t blocks)
{
    struct port_io *io = &slot->io;

    memset(slot->data, 0, UNMAP_BYTES);
    put_big(slot->data, UNMAP_BYTES - 2, 2);
    put_big(slot->data + 2, 16, 2);
    put_big(slot->data + 8, lba, 8);
    put_big(slot->data + 16, blocks, 4);
    memset(io->cdb, 0, sizeof(io->cdb));
    io->cdb[0] = SCSI_UNMAP;
    put_big(io->cdb + 7, UNMAP_BYTES, 2);
    io->cdb_length = 10;
    io->direction = PORT_DATA_OUT;
    io->data = slot->data;
    io->data_length = UNMAP_BYTES;
}

/* One request of the load, whoever it is sent to. */
struct choice {
    enum count_workload workload; /* not COUNT_MIXED */
    uint64_t lba;
    unsigned processor;
};

/* 70 of 100 mixed requests read. A slot's requests stay on one processor, as a thread's do. */
static struct choice choose(struct count_load *load, const struct count_slot *slot)
{
    const struct options *options = load->options;
    uint64_t places = load->disk_blocks / load->blocks;
    struct choice choice = {
        .workload = options->count.workload,
        .lba = random_next(&load->random) % places * load->blocks,
        .processor = (unsigned)(slot - load->slots) % options->processors,
    };

    if (choice.workload == COUNT_MIXED) {
        choice.workload = random_next(&load->random) % 100 < 70 ? COUNT_READ : COUNT_WRITE;
    }
    return choice;
}

static void prepare_io(struct count_slot *slot, const struct choice *choice)
{
    const struct count_load *load = slot->load;
    const struct disk *disk = &load->bench->disk;

    slot->io.processor = (int)choice->processor;
    slot->io.page_aligned = true;
    slot->io.scatter_bytes = load->options->count.scatter_bytes;
    switch (choice->workload) {
    case COUNT_FLUSH:
        disk_prepare_flush(&slot->io);
        break;
    case COUNT_DISCARD:
        prepare_unmap(slot, choice->lba, load->blocks);
        break;
    case COUNT_READ:
        disk_prepare_read(disk, &slot->io, choice->lba, load->blocks, slot->data);
        break;
    default:
        disk_prepare_write(disk, &slot->io, choice->lba, load->blocks, slot->data, false);
        break;
    }
}

static void prepare_bare(struct count_slot *slot, const struct choice *choice)
{
    static const uint32_t types[] = {
        [COUNT_READ] = VIRTIO_BLK_T_IN,
        [COUNT_WRITE] = VIRTIO_BLK_T_OUT,
        [COUNT_FLUSH] = VIRTIO_BLK_T_FLUSH,
        [COUNT_DISCARD] = VIRTIO_BLK_T_DISCARD,
    };
    const struct count_load *load = slot->load;

    slot->bare.type = types[choice->workload];
    slot->bare.sector =
        choice->workload == COUNT_FLUSH ? 0 : choice->lba * (load->block_bytes / SECTOR_BYTES);
    slot->bare.bytes = load->blocks * load->block_bytes;
    slot->bare.processor = choice->processor;
}

/* The next request of this run, under the lock; NULL: all were sent. */
static struct count_slot *take_next(struct count_load *load, struct count_slot *slot)
{
    struct choice choice;

    if (load->started == load->target || load->failed) {
        return NULL;
    }
    load->started++;
    choice = choose(load, slot);
    if (load->bare != NULL) {
        prepare_bare(slot, &choice);
    } else {
        prepare_io(slot, &choice);
    }
    return slot;
}

static void submit(struct count_slot *slot)
{
    if (slot->load->bare != NULL) {
        bare_submit(&slot->bare);
    } else {
        port_submit(slot->load->bench->port, &slot->io);
    }
}

/* A request came back; `failure`: why it is none that counts, or NULL. */
static void done(struct count_slot *slot, const char *failure)
{
    struct count_load *load = slot->load;
    struct count_slot *next = NULL;

    pthread_mutex_lock(&load->lock);
    load->finished++;
    if (failure != NULL && !load->failed) {
        load->failed = true;
        snprintf(load->failure, sizeof(load->failure), "%s", failure);
    }
    if (load->options->count.closed != 0) {
        next = take_next(load, slot);
        if (load->finished % load->window == 0) {
            count_window();
        }
    }
    if (load->finished == load->started) {
        pthread_cond_signal(&load->changed);
    }
    pthread_mutex_unlock(&load->lock);
    if (next != NULL) {
        submit(next);
    }
}

static void io_done(struct port_io *io)
{
    char failure[FAILURE_BYTES];

    if (disk_succeeded(io)) {
        done(io->context, NULL);
        return;
    }
    disk_describe_result(io, failure, sizeof(failure));
    done(io->context, failure);
}

static void bare_done(struct bare_io *io)
{
    done(io->context, io->failed ? "the device answered with a status other than OK" : NULL);
}

/* ---- Loading ---- */

/* Nothing comes back any more, and nobody has anything to do: says why, as far as can be told. */
static void judge_hang(const struct count_load *load)
{
    unsigned long long missing = load->started - load->finished;

    scripted_check_doorbells(load->bench->backend); /* if that is why, a violation says so */
    fatal("%llu requests did not come back, and neither the driver nor the device does anything "
          "any more (the device holds %u)",
          missing, scripted_outstanding(load->bench->backend));
}

/* Waits until no request is outstanding. Time stands still, so that no timer runs at a chance moment;
 * only when nobody has anything to do does it go on. The load's lock is held. */
static void wait_for_all(struct count_load *load)
{
    unsigned quiet = 0;

    while (load->finished != load->started) {
        uint64_t finished = load->finished;
        struct timespec until;

        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += LOOK_NANOSECONDS;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        if (pthread_cond_timedwait(&load->changed, &load->lock, &until) != ETIMEDOUT) {
            continue;
        }
        quiet = load->finished == finished ? quiet + 1 : 0;
        pthread_mutex_unlock(&load->lock);
        if (quiet > 1 && cpu_wait_idle(0)) {
            if (quiet > QUIET_LOOKS) {
                judge_hang(load);
            }
            clock_advance(QUIET_MICROSECONDS);
        }
        pthread_mutex_lock(&load->lock);
    }
}

/* Sends as many requests together as are to be outstanding, and waits until none is. */
static void round_trip(struct count_load *load)
{
    pthread_mutex_lock(&load->lock);
    cpu_hold();
    for (unsigned i = 0; i < load->depth; i++) {
        struct count_slot *next = take_next(load, &load->slots[i]);

        if (next != NULL) {
            pthread_mutex_unlock(&load->lock);
            submit(next);
            pthread_mutex_lock(&load->lock);
        }
    }
    cpu_let_go();
    wait_for_all(load);
    pthread_mutex_unlock(&load->lock);
}

static bool run_load(struct count_load *load, uint64_t requests)
{
    load->target = requests;
    load->started = load->finished = 0;
    while (load->started < load->target && !load->failed && !stop_requested()) {
        round_trip(load);
        count_window();
    }
    if (load->failed) {
        fprintf(stderr, "storhost: a request failed: %s\n", load->failure);
    }
    return !load->failed && !stop_requested();
}

static void slot_init(struct count_load *load, struct count_slot *slot, uint32_t bytes)
{
    slot->load = load;
    if (load->bare != NULL) {
        slot->bare.done = bare_done;
        slot->bare.context = slot;
        bare_io_init(load->bare, &slot->bare, bytes, load->options->count.scatter_bytes);
        return;
    }
    slot->io.done = io_done;
    slot->io.context = slot;
    slot->data = calloc(1, bytes < UNMAP_BYTES ? UNMAP_BYTES : bytes);
    if (slot->data == NULL) {
        fatal("out of memory");
    }
}

/* Bytes of each request. */
static uint32_t request_bytes(const struct count_load *load, uint32_t most)
{
    uint64_t wanted = load->options->count.request_bytes;
    uint64_t bytes = wanted == 0 ? most : wanted;

    if (bytes > most || bytes % load->block_bytes != 0 ||
        bytes > load->disk_blocks * load->block_bytes) {
        fatal("--request-bytes=%llu: whole blocks of %u bytes are needed, at most %u bytes",
              (unsigned long long)bytes, load->block_bytes, most);
    }
    return (uint32_t)bytes;
}

/* What the disk is, as its driver says or the device itself; the most bytes of a request. */
static uint32_t read_disk(struct count_load *load)
{
    const struct disk *disk = &load->bench->disk;
    struct bare_facts facts;

    if (load->bare == NULL) {
        load->disk_blocks = disk->blocks;
        load->block_bytes = disk->block_bytes;
        return disk->maximum_transfer;
    }
    bare_get_facts(load->bare, &facts);
    load->block_bytes = facts.block_bytes;
    load->disk_blocks = facts.capacity * SECTOR_BYTES / facts.block_bytes;
    /* As behind a port driver, whose buffers may begin within a page. */
    return (facts.pieces_maximum > 1 ? facts.pieces_maximum - 1 : 1) * GUEST_PAGE_SIZE;
}

static void load_init(struct count_load *load, const struct bench *bench, struct bare *bare)
{
    const struct options *options = bench->options;
    uint32_t bytes;

    *load = (struct count_load){
        .bench = bench,
        .options = options,
        .bare = bare,
        .random = options->port.seed * 2 + 1,
        .depth = options->depth,
        .window = options->count.closed < options->depth ? options->count.closed : options->depth,
        .lock = PTHREAD_MUTEX_INITIALIZER,
        .changed = PTHREAD_COND_INITIALIZER,
    };
    bytes = request_bytes(load, read_disk(load));
    load->blocks = bytes / load->block_bytes;
    load->slots = calloc(load->depth, sizeof(*load->slots));
    if (load->slots == NULL) {
        fatal("out of memory");
    }
    for (unsigned i = 0; i < load->depth; i++) {
        slot_init(load, &load->slots[i], bytes);
    }
}

static void load_free(struct count_load *load)
{
    for (unsigned i = 0; i < load->depth; i++) {
        if (load->bare != NULL) {
            bare_io_free(&load->slots[i].bare);
        } else {
            free(load->slots[i].data);
        }
    }
    free(load->slots);
}

/* ---- The command ---- */

static void set_device(const struct bench *bench)
{
    char command[64], error[256];

    snprintf(command, sizeof(command), "set complete=%u", bench->options->count.closed);
    if (!scripted_command(bench->backend, command, error, sizeof(error))) {
        fatal("scripted device: %s", error);
    }
}

static bool count_load(struct count_load *load, json_t **document)
{
    uint64_t requests = load->options->count.requests;
    struct count_snapshot before, after;
    struct count_totals totals;
    bool good;

    if (requests == 0) {
        requests = (uint64_t)load->depth * DEFAULT_ROUNDS;
        requests = requests < LEAST_REQUESTS ? LEAST_REQUESTS : requests;
    }
    if (!run_load(load, (uint64_t)load->depth * WARM_ROUNDS)) {
        return false;
    }
    count_snapshot_take(load->bench, &before);
    count_start();
    good = run_load(load, requests);
    count_stop();
    count_snapshot_take(load->bench, &after);
    if (good) {
        count_get(&totals);
        *document = count_results(load, &before, &after, &totals);
    }
    count_snapshot_free(&before);
    count_snapshot_free(&after);
    return good;
}

/* Starts the bare loop in the place of port driver and driver. */
static struct bare *open_bare(struct bench *bench, const struct options *options)
{
    struct bare_facts facts;
    struct bare *bare;
    char error[256];

    bench_open_device(bench, options);
    bare = bare_start(bench->device, options->processors, options->port.message_vectors, error,
                      sizeof(error));
    if (bare == NULL) {
        fatal("the bare loop did not start: %s", error);
    }
    bare_get_facts(bare, &facts);
    if (facts.queues < options->processors) {
        fatal("the bare loop has no locks: --processors must not be more than the device's %u "
              "queues",
              facts.queues);
    }
    return bare;
}

int command_count(const struct options *options)
{
    static struct bench bench; /* at_end functions look at it after this returned */
    json_t *document = NULL;
    struct bare *bare = NULL;
    struct count_load load;
    bool good;

    options = options_with_dpcs_that_stay(options);
    if (options->device != DEVICE_SCRIPTED) {
        fatal("count needs --device=scripted: only there a run is the same each time");
    }
    if (!count_supported()) {
        fatal("instructions cannot be counted on this processor: use an x64 or x86 driver");
    }
    if (options->count.bare_loop) {
        bare = open_bare(&bench, options);
    } else {
        bench_open(&bench, options);
    }
    set_device(&bench);
    clock_stop();
    load_init(&load, &bench, bare);
    good = count_load(&load, &document);
    if (bare != NULL) {
        load_free(&load);
        bare_stop(bare);
        bench_close(&bench);
    } else {
        bench_close(&bench);
        load_free(&load);
    }
    if (!good) {
        return 1;
    }
    if (options->json) {
        facts_print_json(document);
    } else {
        count_print_table(document);
    }
    json_decref(document);
    return 0;
}
