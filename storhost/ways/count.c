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
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/violation.h"
#include "devices/scripted/scripted.h"
#include "machine/count.h"
#include "ways/bench.h"
#include "ways/facts.h"
#include "ways/stop.h"

#define DEFAULT_ROUNDS   4   /* of depth requests are counted, */
#define LEAST_REQUESTS   128 /* but so many at least */
#define WARM_ROUNDS      2
#define DEADLINE_SECONDS 60
#define UNMAP_BYTES      24 /* header and one descriptor (SBC-3, 5.28) */
#define SCSI_UNMAP       0x42

struct load;

struct slot {
    struct load *load;
    struct port_io io;
    uint8_t *data;
};

/* Requests on their way. */
struct load {
    const struct bench *bench;
    const struct options *options;
    uint32_t blocks; /* per request */
    uint64_t random;
    struct slot *slots;
    unsigned depth;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint64_t target; /* requests to send in this run */
    uint64_t started, finished;
    bool failed;
    char failure[256];
};

/* Counters at one moment. */
struct snapshot {
    struct scripted_counters device;
    json_t *calls; /* by name */
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

static void prepare_unmap(struct slot *slot, uint64_t lba, uint32_t blocks)
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

/* 70 of 100 requests read. */
static bool mixed_read(struct load *load)
{
    return random_next(&load->random) % 100 < 70;
}

static void prepare(struct slot *slot, uint64_t number)
{
    struct load *load = slot->load;
    const struct disk *disk = &load->bench->disk;
    uint64_t places = disk->blocks / load->blocks;
    uint64_t lba = random_next(&load->random) % places * load->blocks;
    enum count_workload workload = load->options->count.workload;

    slot->io.processor = (int)(number % load->options->processors);
    slot->io.page_aligned = true;
    slot->io.scatter_bytes = load->options->count.scatter_bytes;
    if (workload == COUNT_FLUSH) {
        disk_prepare_flush(&slot->io);
    } else if (workload == COUNT_DISCARD) {
        prepare_unmap(slot, lba, load->blocks);
    } else if (workload == COUNT_READ || (workload == COUNT_MIXED && mixed_read(load))) {
        disk_prepare_read(disk, &slot->io, lba, load->blocks, slot->data);
    } else {
        disk_prepare_write(disk, &slot->io, lba, load->blocks, slot->data, false);
    }
}

/* The next request of this run, under the lock; NULL: all were sent. */
static struct slot *take_next(struct load *load, struct slot *slot)
{
    if (load->started == load->target || load->failed) {
        return NULL;
    }
    prepare(slot, load->started++);
    return slot;
}

static void done(struct port_io *io)
{
    struct slot *slot = io->context;
    struct load *load = slot->load;
    struct slot *next = NULL;

    pthread_mutex_lock(&load->lock);
    load->finished++;
    if (!disk_succeeded(io) && !load->failed) {
        load->failed = true;
        disk_describe_result(io, load->failure, sizeof(load->failure));
    }
    if (load->options->count.closed != 0) {
        next = take_next(load, slot);
        if (load->finished % load->options->count.closed == 0) {
            count_window();
        }
    }
    if (load->finished == load->started) {
        pthread_cond_signal(&load->changed);
    }
    pthread_mutex_unlock(&load->lock);
    if (next != NULL) {
        port_submit(load->bench->port, &next->io);
    }
}

/* ---- Loading ---- */

/* Sends as many requests together as are to be outstanding, and waits until none is. */
static void round_trip(struct load *load)
{
    struct timespec until;

    pthread_mutex_lock(&load->lock);
    cpu_hold();
    for (unsigned i = 0; i < load->depth; i++) {
        struct slot *next = take_next(load, &load->slots[i]);

        if (next != NULL) {
            pthread_mutex_unlock(&load->lock);
            port_submit(load->bench->port, &next->io);
            pthread_mutex_lock(&load->lock);
        }
    }
    cpu_let_go();
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += DEADLINE_SECONDS;
    while (load->finished != load->started) {
        if (pthread_cond_timedwait(&load->changed, &load->lock, &until) == ETIMEDOUT) {
            fatal("%llu requests did not come back within %u seconds",
                  (unsigned long long)(load->started - load->finished), DEADLINE_SECONDS);
        }
    }
    pthread_mutex_unlock(&load->lock);
}

static bool run_load(struct load *load, uint64_t requests)
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

static void load_init(struct load *load, const struct bench *bench)
{
    const struct options *options = bench->options;
    const struct disk *disk = &bench->disk;
    uint64_t bytes = options->count.request_bytes;

    bytes = bytes == 0 ? disk->maximum_transfer : bytes;
    if (bytes > disk->maximum_transfer || bytes % disk->block_bytes != 0 ||
        bytes > disk->blocks * disk->block_bytes) {
        fatal("--request-bytes=%llu: whole blocks of %u bytes are needed, at most %u bytes",
              (unsigned long long)bytes, disk->block_bytes, disk->maximum_transfer);
    }
    *load = (struct load){
        .bench = bench,
        .options = options,
        .blocks = (uint32_t)(bytes / disk->block_bytes),
        .random = options->port.seed * 2 + 1,
        .depth = options->depth,
        .lock = PTHREAD_MUTEX_INITIALIZER,
        .changed = PTHREAD_COND_INITIALIZER,
    };
    load->slots = calloc(load->depth, sizeof(*load->slots));
    for (unsigned i = 0; load->slots != NULL && i < load->depth; i++) {
        struct slot *slot = &load->slots[i];

        slot->load = load;
        slot->io.done = done;
        slot->io.context = slot;
        slot->data = calloc(1, bytes < UNMAP_BYTES ? UNMAP_BYTES : bytes);
        if (slot->data == NULL) {
            fatal("out of memory");
        }
    }
    if (load->slots == NULL) {
        fatal("out of memory");
    }
}

static void load_free(struct load *load)
{
    for (unsigned i = 0; i < load->depth; i++) {
        free(load->slots[i].data);
    }
    free(load->slots);
}

/* ---- Results ---- */

static void note_call(void *context, const char *name, uint64_t calls)
{
    json_object_set_new(context, name, json_integer((json_int_t)calls));
}

static void take_snapshot(const struct bench *bench, struct snapshot *snapshot)
{
    scripted_get_counters(bench->backend, &snapshot->device);
    snapshot->calls = json_object();
    export_each(note_call, snapshot->calls);
}

/* Calls between two moments, those of functions that were called. */
static json_t *calls_between(const struct snapshot *before, const struct snapshot *after)
{
    json_t *difference = json_object(), *value;
    const char *name;

    json_object_foreach(after->calls, name, value)
    {
        json_int_t calls =
            json_integer_value(value) - json_integer_value(json_object_get(before->calls, name));

        if (calls != 0) {
            json_object_set_new(difference, name, json_integer(calls));
        }
    }
    return difference;
}

static json_t *by_class(const uint64_t *values)
{
    json_t *object = json_object();

    for (unsigned i = 0; i < COUNT_CLASSES; i++) {
        json_object_set_new(object, count_class_name((enum count_class)i),
                            json_integer((json_int_t)values[i]));
    }
    return object;
}

static json_t *instructions(const struct count_totals *totals)
{
    json_t *object = json_object();
    uint64_t all = 0;

    for (unsigned i = 0; i < COUNT_PHASES; i++) {
        all += totals->instructions[i];
        json_object_set_new(object, count_phase_name((enum count_phase)i),
                            json_integer((json_int_t)totals->instructions[i]));
    }
    json_object_set_new(object, "total", json_integer((json_int_t)all));
    return object;
}

/* VM exits by kind. The legacy interface has doorbell and ISR in one area; what a request does
 * there is a doorbell if it writes. */
static json_t *exits(const struct scripted_counters *before, const struct scripted_counters *after)
{
    uint64_t doorbells = after->writes[SCRIPTED_AREA_NOTIFY] -
                         before->writes[SCRIPTED_AREA_NOTIFY] +
                         after->writes[SCRIPTED_AREA_LEGACY] - before->writes[SCRIPTED_AREA_LEGACY];
    uint64_t isr = after->reads[SCRIPTED_AREA_ISR] - before->reads[SCRIPTED_AREA_ISR] +
                   after->reads[SCRIPTED_AREA_LEGACY] - before->reads[SCRIPTED_AREA_LEGACY];
    uint64_t all = 0;

    for (unsigned i = 0; i < SCRIPTED_AREAS; i++) {
        all += after->reads[i] - before->reads[i] + after->writes[i] - before->writes[i];
    }
    return json_pack("{s:I, s:I, s:I}", "doorbell", (json_int_t)doorbells, "isr", (json_int_t)isr,
                     "configuration", (json_int_t)(all - doorbells - isr));
}

static uint64_t interrupts(const struct scripted_counters *counters)
{
    uint64_t all = counters->line;

    for (unsigned i = 0; i < SCRIPTED_VECTORS; i++) {
        all += counters->messages[i];
    }
    return all;
}

static void note_instruction(void *context, const char *place, uint64_t times)
{
    json_object_set_new(context, place, json_integer((json_int_t)times));
}

/* How often each instruction ran. */
static json_t *profile(void)
{
    json_t *object = json_object();

    count_each_instruction(note_instruction, object);
    return object;
}

static json_t *results(const struct load *load, const struct snapshot *before,
                       const struct snapshot *after, const struct count_totals *totals)
{
    static const char *const workloads[] = {"read", "write", "mixed", "flush", "discard"};
    const struct options *options = load->options;
    json_t *facts = facts_collect(load->bench);
    json_t *document =
        json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I}", "driver", options->driver, "workload",
                  workloads[options->count.workload], "depth", (json_int_t)load->depth, "closed",
                  (json_int_t)options->count.closed, "request_bytes",
                  (json_int_t)load->blocks * load->bench->disk.block_bytes, "processors",
                  (json_int_t)options->processors, "requests", (json_int_t)load->finished);

    json_object_set_new(document, "instructions", instructions(totals));
    json_object_set_new(document, "locked", json_integer((json_int_t)totals->locked));
    json_object_set_new(document, "fences", json_integer((json_int_t)totals->fences));
    json_object_set_new(document, "stored", by_class(totals->stored));
    json_object_set_new(document, "cleared", json_integer((json_int_t)totals->cleared));
    json_object_set_new(document, "copied", json_integer((json_int_t)totals->copied));
    json_object_set_new(document, "lines_read", by_class(totals->lines_read));
    json_object_set_new(document, "lines_written", by_class(totals->lines_written));
    json_object_set_new(document, "lines_shared", by_class(totals->lines_shared));
    json_object_set_new(document, "calls", calls_between(before, after));
    json_object_set_new(document, "exits", exits(&before->device, &after->device));
    json_object_set_new(
        document, "interrupts",
        json_integer((json_int_t)(interrupts(&after->device) - interrupts(&before->device))));
    if (options->count.profile) {
        json_object_set_new(document, "profile", profile());
    }
    json_object_set(document, "device", json_object_get(facts, "device"));
    json_object_set(document, "port", json_object_get(facts, "port"));
    json_decref(facts);
    return document;
}

/* One group of figures, per request. */
static void print_group(json_t *document, const char *title, const char *member)
{
    double requests = (double)json_integer_value(json_object_get(document, "requests"));
    json_t *value;
    const char *name;

    printf("%s\n", title);
    json_object_foreach(json_object_get(document, member), name, value)
    {
        if (json_integer_value(value) != 0) {
            printf("  %-34s %10.2f\n", name, (double)json_integer_value(value) / requests);
        }
    }
}

static void print_one(json_t *document, const char *text, const char *member)
{
    double requests = (double)json_integer_value(json_object_get(document, "requests"));

    printf("  %-34s %10.2f\n", text,
           (double)json_integer_value(json_object_get(document, member)) / requests);
}

static void print_table(json_t *document)
{
    printf("Per request, of %lld\n",
           (long long)json_integer_value(json_object_get(document, "requests")));
    print_group(document, "Instructions of the driver", "instructions");
    print_one(document, "locked", "locked");
    print_one(document, "full fences", "fences");
    print_group(document, "Calls into the port driver", "calls");
    print_group(document, "VM exits", "exits");
    print_one(document, "interrupts", "interrupts");
    print_group(document, "Bytes stored", "stored");
    print_one(document, "only cleared", "cleared");
    print_one(document, "only copied", "copied");
    print_group(document, "Cache lines read", "lines_read");
    print_group(document, "Cache lines written", "lines_written");
    print_group(document, "Cache lines written by several processors", "lines_shared");
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

static bool count_load(struct load *load, json_t **document)
{
    uint64_t requests = load->options->count.requests;
    struct snapshot before, after;
    struct count_totals totals;
    bool good;

    if (requests == 0) {
        requests = (uint64_t)load->depth * DEFAULT_ROUNDS;
        requests = requests < LEAST_REQUESTS ? LEAST_REQUESTS : requests;
    }
    if (!run_load(load, (uint64_t)load->depth * WARM_ROUNDS)) {
        return false;
    }
    take_snapshot(load->bench, &before);
    count_start();
    good = run_load(load, requests);
    count_stop();
    take_snapshot(load->bench, &after);
    if (good) {
        count_get(&totals);
        *document = results(load, &before, &after, &totals);
    }
    json_decref(before.calls);
    json_decref(after.calls);
    return good;
}

int command_count(const struct options *options)
{
    static struct bench bench; /* at_end functions look at it after this returned */
    json_t *document = NULL;
    struct load load;
    bool good;

    if (options->device != DEVICE_SCRIPTED) {
        fatal("count needs --device=scripted: only there a run is the same each time");
    }
    if (!count_supported()) {
        fatal("instructions cannot be counted on this processor: use an x64 or x86 driver");
    }
    bench_open(&bench, options);
    set_device(&bench);
    load_init(&load, &bench);
    good = count_load(&load, &document);
    bench_close(&bench);
    load_free(&load);
    if (!good) {
        return 1;
    }
    if (options->json) {
        facts_print_json(document);
    } else {
        print_table(document);
    }
    json_decref(document);
    return 0;
}
