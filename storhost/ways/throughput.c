/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The command throughput: how many requests per second go through the driver, or through the bare loop in
 * its place, over a vhost-user back end; how long each takes, and what it costs in processor time.
 *
 *   lane (one processor)                                              back end
 *     start what is ready ──> driver or bare loop ──> ring, doorbell ──> takes, completes
 *     wait (poll) <────────────────────────────────────── call eventfd ──┘
 *     interrupt, DPC ──> done: what has completed is ready again
 *
 * A lane is work on a processor that lasts as long as the run. It waits for the back end itself, so that
 * an interrupt takes no way through another thread. Whoever completes a request starts it again, on his
 * own processor. Rules are off, for the driver and for the bare loop; what stays is the fault that each
 * access to a register takes, as an exit would in a virtual machine.
 *
 * The same load runs for a while before anything is measured.
 */
#include "ways/throughput.h"

#include <errno.h>
#include <linux/virtio_blk.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/random.h"
#include "base/violation.h"
#include "devices/vhost_user/vhost_user.h"
#include "machine/trap.h"
#include "virtio/observer.h"
#include "ways/commands.h"
#include "ways/facts.h"
#include "ways/stop.h"

#define SECOND           UINT64_C(1000000000)
#define DEFAULT_SECONDS  3.0
#define WARM_NANOSECONDS (SECOND / 4)
#define WAIT_MS          100 /* a lane looks up so often, whatever it waits for */
#define DEADLINE         (30 * SECOND)
#define NO_LIMIT         (UINT64_MAX / 4) /* nanoseconds */

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec;
}

static void *zeroed(size_t count, size_t size)
{
    void *memory = calloc(count, size);

    if (memory == NULL) {
        fatal("out of memory");
    }
    return memory;
}

/* ---- Starting -------------------------------------------------------------------------------- */

static void make_ready(struct throughput_lane *lane, struct throughput_slot *slot)
{
    slot->next = NULL;
    *lane->ready_end = slot;
    lane->ready_end = &slot->next;
}

static struct throughput_slot *take_ready(struct throughput_lane *lane)
{
    struct throughput_slot *slot = lane->ready;

    if (slot != NULL) {
        lane->ready = slot->next;
        if (lane->ready == NULL) {
            lane->ready_end = &lane->ready;
        }
    }
    return slot;
}

/* Where more are outstanding than the driver takes at once: this one waits, and the one that has waited
 * longest goes. */
static struct throughput_slot *take_turns(struct throughput_load *load,
                                          struct throughput_slot *slot)
{
    if (load->depth == load->admitted) {
        return slot;
    }
    pthread_mutex_lock(&load->waiting_lock);
    slot->next = NULL;
    *load->waiting_end = slot;
    load->waiting_end = &slot->next;
    slot = load->waiting;
    load->waiting = slot->next;
    if (load->waiting == NULL) {
        load->waiting_end = &load->waiting;
    }
    pthread_mutex_unlock(&load->waiting_lock);
    return slot;
}

/* Whether one more is to be started, at this moment. */
static bool may_start(struct throughput_load *load, uint64_t now)
{
    if (load->over) {
        return false;
    }
    if (now >= load->end || load->failed || stop_requested() ||
        (load->requests != 0 && load->sent++ >= load->requests)) {
        load->over = true;
        return false;
    }
    return true;
}

static void start_bare(struct throughput_lane *lane, struct throughput_slot *slot, uint64_t place)
{
    const struct throughput_load *load = lane->load;
    uint8_t old = cpu_raise(IRQL_DISPATCH);

    slot->bare.type =
        load->options->count.workload == COUNT_WRITE ? VIRTIO_BLK_T_OUT : VIRTIO_BLK_T_IN;
    slot->bare.sector = place * load->blocks * (load->block_bytes / 512);
    slot->bare.bytes = load->blocks * load->block_bytes;
    slot->bare.processor = lane->index;
    bare_submit_here(&slot->bare);
    cpu_lower(old);
}

static void prepare(const struct throughput_load *load, struct throughput_slot *slot, uint64_t lba)
{
    const struct disk *disk = &load->bench->disk;

    if (load->options->count.workload == COUNT_WRITE) {
        disk_prepare_write(disk, &slot->io, lba, load->blocks, slot->data, false);
    } else {
        disk_prepare_read(disk, &slot->io, lba, load->blocks, slot->data);
    }
}

static void start(struct throughput_lane *lane, struct throughput_slot *slot)
{
    struct throughput_load *load = lane->load;
    uint64_t place = random_next(&lane->random) % load->places;

    lane->started++;
    if (load->bare != NULL) {
        start_bare(lane, slot, place);
        return;
    }
    disk_move(&slot->io, place * load->blocks);
    port_quick_start(slot->request);
}

static void start_ready(struct throughput_lane *lane)
{
    struct throughput_load *load = lane->load;
    struct throughput_slot *slot;

    while ((slot = take_ready(lane)) != NULL) {
        slot->began = clock_ns(CLOCK_MONOTONIC);
        if (!may_start(load, slot->began)) {
            return; /* the next run makes all ready anew */
        }
        start(lane, take_turns(load, slot));
    }
}

/* ---- Finishing ------------------------------------------------------------------------------- */

static void finish(struct throughput_slot *slot)
{
    struct throughput_load *load = slot->load;
    struct throughput_lane *lane = &load->lanes[cpu_current()];

    lane->last_finish = clock_ns(CLOCK_MONOTONIC);
    latency_note(&lane->latency, lane->last_finish - slot->began);
    lane->finished++;
    make_ready(lane, slot);
}

static void fail(struct throughput_load *load, const char *why)
{
    if (!atomic_exchange(&load->failed, true)) {
        snprintf(load->failure, sizeof(load->failure), "%s", why);
    }
}

static void driver_done(struct port_io *io)
{
    struct throughput_slot *slot = io->context;
    char result[160];

    if (!disk_succeeded(io)) {
        disk_describe_result(io, result, sizeof(result));
        fail(slot->load, result);
    }
    finish(slot);
}

static void bare_done(struct bare_io *io)
{
    struct throughput_slot *slot = io->context;

    if (io->failed) {
        fail(slot->load, "status other than OK");
    }
    finish(slot);
}

/* ---- Lanes ----------------------------------------------------------------------------------- */

/* Requests that were started and have not finished. What has finished is read first: whatever comes
 * between the two readings makes the number larger, never smaller. */
static uint64_t outstanding(const struct throughput_load *load)
{
    uint64_t finished = 0, started = 0;

    for (unsigned i = 0; i < load->options->processors; i++) {
        finished += load->lanes[i].finished;
    }
    for (unsigned i = 0; i < load->options->processors; i++) {
        started += load->lanes[i].started;
    }
    return started - finished;
}

/* Waits for interrupts or work, and lets them run. */
static void wait_for_back_end(struct throughput_lane *lane)
{
    struct device *backend = lane->load->bench->backend;
    uint64_t rings;

    if (poll(lane->waits, lane->wait_count, WAIT_MS) > 0) {
        if (lane->waits[0].revents != 0 && read(lane->bell, &rings, sizeof(rings)) < 0) {
            fail(lane->load, "an eventfd cannot be read");
        }
        for (unsigned i = 1; i < lane->wait_count; i++) {
            if (lane->waits[i].revents != 0) {
                lane->interrupts++;
                vhost_user_called(backend, lane->queues[i]);
            }
        }
    }
    cpu_preemption_point();
}

static void check_progress(const struct throughput_lane *lane, uint64_t *seen, uint64_t *since)
{
    uint64_t now = clock_ns(CLOCK_MONOTONIC), finished = 0;

    for (unsigned i = 0; i < lane->load->options->processors; i++) {
        finished += lane->load->lanes[i].finished;
    }
    if (finished != *seen) {
        *seen = finished;
        *since = now;
    } else if (now - *since > DEADLINE) {
        fatal("%llu requests did not come back within %llu seconds",
              (unsigned long long)outstanding(lane->load), (unsigned long long)(DEADLINE / SECOND));
    }
}

/* Keeps a lane on one of the processors that this program may use, each lane on its own, if there are
 * enough: where it runs must not be a matter of luck. */
static void keep_place(const struct throughput_lane *lane, const cpu_set_t *all)
{
    unsigned left = lane->index;
    cpu_set_t own;

    CPU_ZERO(&own);
    for (int i = 0; i < CPU_SETSIZE; i++) {
        if (CPU_ISSET(i, all) && left-- == 0) {
            CPU_SET(i, &own);
            sched_setaffinity(0, sizeof(own), &own);
            return;
        }
    }
}

static void run_lane(void *context)
{
    struct throughput_lane *lane = context;
    struct throughput_load *load = lane->load;
    uint64_t seen = 0, since = clock_ns(CLOCK_MONOTONIC);
    uint64_t before = clock_ns(CLOCK_THREAD_CPUTIME_ID);
    cpu_set_t all;

    CPU_ZERO(&all);
    if (sched_getaffinity(0, sizeof(all), &all) == 0 &&
        (unsigned)CPU_COUNT(&all) >= load->options->processors) {
        keep_place(lane, &all);
    }
    start_ready(lane);
    while (!load->over || outstanding(load) != 0) {
        const uint64_t finished = lane->finished;

        wait_for_back_end(lane);
        start_ready(lane);
        if (lane->finished == finished) {
            check_progress(lane, &seen, &since);
        }
    }
    lane->processor_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID) - before;
    sched_setaffinity(0, sizeof(all), &all);
    pthread_mutex_lock(&load->lock);
    load->running--;
    pthread_cond_signal(&load->changed);
    pthread_mutex_unlock(&load->lock);
}

/* ---- A run ----------------------------------------------------------------------------------- */

/* Everything as before the first request: all slots are ready or wait, dealt out over the lanes. */
static void reset_run(struct throughput_load *load)
{
    load->sent = 0;
    load->over = false;
    load->waiting = NULL;
    load->waiting_end = &load->waiting;
    for (unsigned i = 0; i < load->options->processors; i++) {
        struct throughput_lane *lane = &load->lanes[i];

        lane->ready = NULL;
        lane->ready_end = &lane->ready;
        lane->started = lane->finished = 0;
        lane->last_finish = lane->interrupts = 0;
        memset(&lane->latency, 0, sizeof(lane->latency));
    }
    for (unsigned i = 0, lane = 0; i < load->depth; i++) {
        struct throughput_slot *slot = &load->slots[i];

        if (i < load->admitted) {
            make_ready(&load->lanes[lane], slot);
            lane = lane + 1 < load->options->processors ? lane + 1 : 0;
        } else {
            slot->next = NULL;
            slot->began = clock_ns(CLOCK_MONOTONIC);
            *load->waiting_end = slot;
            load->waiting_end = &slot->next;
        }
    }
}

/* Runs the load for so long, or until so many requests (0: no limit) are done. */
static bool run_load(struct throughput_load *load, uint64_t nanoseconds, uint64_t requests)
{
    reset_run(load);
    load->requests = requests;
    load->end = clock_ns(CLOCK_MONOTONIC) + nanoseconds;
    load->running = load->options->processors;
    for (unsigned i = 0; i < load->options->processors; i++) {
        struct throughput_lane *lane = &load->lanes[i];

        lane->work = (struct cpu_work){
            .irql = IRQL_PASSIVE, .run = run_lane, .context = lane, .name = "load"};
        cpu_queue(i, &lane->work);
    }
    pthread_mutex_lock(&load->lock);
    while (load->running != 0) {
        pthread_cond_wait(&load->changed, &load->lock);
    }
    pthread_mutex_unlock(&load->lock);
    if (load->failed) {
        fprintf(stderr, "storhost: a request failed: %s\n", load->failure);
    } else if (stop_requested()) {
        fprintf(stderr, "storhost: stopped before the end\n");
    }
    return !load->failed && !stop_requested();
}

static void take_snapshot(struct throughput_snapshot *snapshot)
{
    *snapshot = (struct throughput_snapshot){.nanoseconds = clock_ns(CLOCK_MONOTONIC),
                                             .processor_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID),
                                             .exits = trap_accesses()};
}

/* ---- Setting up ------------------------------------------------------------------------------ */

/* Which processor a queue interrupts. */
static unsigned lane_of_queue(const struct throughput_load *load,
                              const struct observer_facts *facts, unsigned queue)
{
    int processor = load->bare != NULL
                        ? (int)queue
                        : port_message_processor(load->bench->port, facts->queue[queue].vector);

    if (processor < 0 || (unsigned)processor >= load->options->processors) {
        fatal("throughput needs message interrupts, one for each queue at least: queue %u has none",
              queue);
    }
    return (unsigned)processor;
}

static void init_lane(struct throughput_load *load, unsigned index)
{
    struct throughput_lane *lane = &load->lanes[index];

    lane->load = load;
    lane->index = index;
    lane->random = load->options->port.seed + index;
    lane->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (lane->bell < 0) {
        fatal("no eventfd: %s", strerror(errno));
    }
    lane->waits[0] = (struct pollfd){.fd = lane->bell, .events = POLLIN};
    lane->wait_count = 1;
    cpu_set_bell(index, lane->bell);
}

static void wait_for_queue(struct throughput_load *load, struct throughput_lane *lane,
                           unsigned queue)
{
    int call = vhost_user_take_call(load->bench->backend, queue);

    lane->waits[lane->wait_count] = (struct pollfd){.fd = call, .events = POLLIN};
    lane->queues[lane->wait_count++] = queue;
}

static void init_lanes(struct throughput_load *load)
{
    struct observer_facts facts;

    observer_get_facts(load->bench->device, &facts);
    load->queues = facts.queues;
    load->lanes = zeroed(load->options->processors, sizeof(*load->lanes));
    for (unsigned i = 0; i < load->options->processors; i++) {
        init_lane(load, i);
    }
    for (unsigned queue = 0; queue < facts.queues; queue++) {
        wait_for_queue(load, &load->lanes[lane_of_queue(load, &facts, queue)], queue);
    }
}

static void init_slot(struct throughput_load *load, struct throughput_slot *slot)
{
    uint32_t bytes = load->blocks * load->block_bytes;

    slot->load = load;
    if (load->bare != NULL) {
        slot->bare.done = bare_done;
        slot->bare.context = slot;
        bare_io_init(load->bare, &slot->bare, bytes, 0);
        return;
    }
    slot->data = zeroed(1, bytes);
    slot->io.done = driver_done;
    slot->io.context = slot;
    slot->io.page_aligned = true;
    prepare(load, slot, (load->places - 1) * load->blocks); /* a CDB that reaches so far */
    slot->request = port_quick_prepare(load->bench->port, &slot->io);
    if (slot->request == NULL) {
        fatal(
            "requests of %u bytes cannot be made ready: too many for the memory, too large for the "
            "adapter, or a driver for SCSIPort",
            bytes);
    }
}

static void init_load(struct throughput_load *load, struct bench *bench, struct bare *bare)
{
    const struct options *options = bench->options;
    uint64_t disk_blocks = bench->disk.blocks, bytes = options->count.request_bytes;
    unsigned most = options->depth;
    struct bare_facts facts;

    *load = (struct throughput_load){.bench = bench,
                                     .options = options,
                                     .bare = bare,
                                     .block_bytes = bench->disk.block_bytes,
                                     .depth = options->depth,
                                     .waiting_lock = PTHREAD_MUTEX_INITIALIZER,
                                     .lock = PTHREAD_MUTEX_INITIALIZER,
                                     .changed = PTHREAD_COND_INITIALIZER};
    if (bare != NULL) {
        bare_get_facts(bare, &facts);
        load->block_bytes = facts.block_bytes;
        disk_blocks = facts.capacity / (facts.block_bytes / 512);
    } else {
        most = port_quick_depth(bench->port);
        bytes = bytes == 0 ? bench->disk.maximum_transfer : bytes;
    }
    if (bytes == 0 || bytes % load->block_bytes != 0 || bytes / load->block_bytes > disk_blocks) {
        fatal("--request-bytes=%llu: whole blocks of %u bytes are needed, and no more than the "
              "disk has",
              (unsigned long long)bytes, load->block_bytes);
    }
    load->blocks = (uint32_t)(bytes / load->block_bytes);
    load->places = disk_blocks / load->blocks;
    load->admitted = most < load->depth ? most : load->depth;
    load->slots = zeroed(load->depth, sizeof(*load->slots));
    for (unsigned i = 0; i < load->depth; i++) {
        init_slot(load, &load->slots[i]);
    }
    init_lanes(load);
}

static void free_load(struct throughput_load *load)
{
    for (unsigned i = 0; i < load->depth; i++) {
        if (load->bare != NULL) {
            bare_io_free(&load->slots[i].bare);
        } else {
            port_quick_end(load->slots[i].request);
            free(load->slots[i].data);
        }
    }
    for (unsigned i = 0; i < load->queues; i++) {
        vhost_user_return_call(load->bench->backend, i);
    }
    for (unsigned i = 0; i < load->options->processors; i++) {
        cpu_set_bell(i, -1);
        close(load->lanes[i].bell);
    }
    free(load->lanes);
    free(load->slots);
}

static struct bare *open_bare(struct bench *bench, const struct options *options)
{
    char error[256];
    struct bare_facts facts;
    struct bare *bare;

    bench_open_device(bench, options);
    bare = bare_start(bench->device, options->processors, options->processors + 1, error,
                      sizeof(error));
    if (bare == NULL) {
        fatal("the bare loop did not start: %s", error);
    }
    bare_get_facts(bare, &facts);
    if (facts.queues != options->processors) {
        fatal("the bare loop needs a queue for each processor: --processors=%u, and the device has "
              "%u",
              options->processors, facts.queues);
    }
    return bare;
}

/* A disk that is there is not written all over without consent. */
static void check_consent(const struct options *options)
{
    if (options->count.workload == COUNT_WRITE && !options->overwrite) {
        fatal("throughput --workload=write writes all over the disk that the back end serves: say "
              "--overwrite if its contents may be lost");
    }
}

int command_throughput(const struct options *options)
{
    static struct bench bench; /* at_end functions look at it after this returned */
    static struct throughput_load load;
    const double seconds = options->seconds > 0 ? options->seconds : DEFAULT_SECONDS;
    const uint64_t limit = options->count.requests != 0 && !(options->seconds > 0)
                               ? NO_LIMIT
                               : (uint64_t)(seconds * (double)SECOND);
    struct throughput_snapshot before, after;
    struct bare *bare = NULL;
    json_t *document = NULL;
    bool good;

    options = options_with_dpcs_that_stay(options);
    check_consent(options);
    if (options->count.bare_loop) {
        bare = open_bare(&bench, options);
    } else {
        bench_open(&bench, options);
    }
    init_load(&load, &bench, bare);
    rules_switch_off();
    good = run_load(&load, WARM_NANOSECONDS, options->count.requests);
    if (good) {
        take_snapshot(&before);
        good = run_load(&load, limit, options->count.requests);
        take_snapshot(&after);
    }
    if (good) {
        document = throughput_results(&load, &before, &after);
    }
    free_load(&load);
    if (bare != NULL) {
        bare_stop(bare);
    }
    bench_close(&bench);
    if (!good) {
        return 1;
    }
    if (options->json) {
        facts_print_json(document);
    } else {
        throughput_print(document);
    }
    json_decref(document);
    return 0;
}
