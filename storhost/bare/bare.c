/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What stands around the counted code of the bare loop: requests on their way to a queue and back.
 *
 *   bare_submit ──> queued on its processor ──> submit (counted) ──> ring
 *                          ^                                           │ interrupt
 *                          │ a full ring: waits                        v
 *                       io->done <── reap (counted) <── queued on the queue's processor
 */
#include "bare/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/violation.h"
#include "machine/count.h"
#include "machine/trap.h"
#include "virtio/observer.h"

extern const uint8_t code_begin[] __asm__("__start_bare_loop");
extern const uint8_t code_end[] __asm__("__stop_bare_loop");

#define SETTLE_MILLISECONDS 5000

/* What an io keeps. */
struct bare_holding {
    struct cpu_work work;
    struct bare_memory block;
    void *data;
    struct grant *data_grant;
    uint32_t data_pieces;
    struct bare_piece *data_list, *range_list; /* in one allocation, this first */
};

static struct bare *the_bare; /* for the idle hook; one per process */

static void *srb_memory(size_t bytes, const char *name)
{
    struct memory_request request = {.kind = MEMORY_SRB, .bytes = bytes, .name = name};
    void *address = memory_alloc(&request);

    if (address == NULL) {
        fatal("out of guest memory for %s (%zu bytes)", name, bytes);
    }
    return memset(address, 0, bytes);
}

/* ---- Requests ---- */

static struct bare_lane *lane_of(const struct bare_io *io)
{
    return &io->bare->lanes[io->processor];
}

/* What the caller wants, as a port driver would hand it over. */
static void describe(struct bare_io *io)
{
    struct bare_request *request = io->request;
    const struct bare_holding *holding = io->holding;

    request->type = io->type;
    request->sector = io->sector;
    request->data_flags =
        VRING_DESC_F_NEXT | (io->type == VIRTIO_BLK_T_IN ? VRING_DESC_F_WRITE : 0);
    request->failed = false;
    request->piece = holding->data_list;
    request->pieces = holding->data_pieces;
    if (io->type == VIRTIO_BLK_T_DISCARD) {
        request->sector = 0;
        request->piece = holding->range_list;
        request->pieces = 1;
        request->block->range = (struct virtio_blk_discard_write_zeroes){
            .sector = io->sector, .num_sectors = io->bytes / 512};
    } else if (io->type == VIRTIO_BLK_T_FLUSH) {
        request->pieces = 0;
    }
}

/* On the processor, at DISPATCH_LEVEL, with a free id. */
static void send(struct bare_lane *lane, struct bare_io *io)
{
    lane->free--;
    describe(io);
    count_enter(COUNT_START);
    if (lane->bare->packed) {
        bare_packed_submit(&lane->queue, io->request);
    } else {
        bare_split_submit(&lane->queue, io->request);
    }
    count_leave();
}

static void start(void *context)
{
    struct bare_io *io = context;
    struct bare_lane *lane = lane_of(io);

    if (lane->free != 0) {
        send(lane, io);
        return;
    }
    io->next = NULL;
    *lane->last = io;
    lane->last = &io->next;
}

void bare_submit_here(struct bare_io *io)
{
    start(io);
}

void bare_submit(struct bare_io *io)
{
    struct cpu_work *work = &io->holding->work;

    *work = (struct cpu_work){
        .irql = IRQL_DISPATCH, .run = start, .context = io, .name = "bare loop's submission"};
    cpu_queue(io->processor, work);
}

/* ---- Interrupts ---- */

static void send_waiting(struct bare_lane *lane)
{
    while (lane->first != NULL && lane->free != 0) {
        struct bare_io *io = lane->first;

        lane->first = io->next;
        if (lane->first == NULL) {
            lane->last = &lane->first;
        }
        send(lane, io);
    }
}

static void reap(void *context)
{
    struct bare_lane *lane = context;
    unsigned count;

    atomic_store(&lane->reap_queued, false);
    count_enter(COUNT_DPC);
    if (lane->bare->packed) {
        bare_packed_reap(&lane->queue);
    } else {
        bare_split_reap(&lane->queue);
    }
    count_leave();
    count = lane->queue.done_count;
    lane->free += count;
    for (unsigned i = 0; i < count; i++) {
        struct bare_request *request = lane->queue.done[i];
        struct bare_io *io = request->io;

        io->failed = request->failed;
        io->done(io);
    }
    send_waiting(lane);
}

static void queue_reap(struct bare_lane *lane)
{
    if (!atomic_exchange(&lane->reap_queued, true)) {
        cpu_queue(lane->queue.index, &lane->reap);
    }
}

/* A line interrupt, on the first queue's processor. */
static void acknowledge(void *context)
{
    struct bare *bare = context;

    atomic_store(&bare->acknowledge_queued, false);
    count_enter(COUNT_INTERRUPT);
    (void)bare_acknowledge(bare->isr);
    count_leave();
    for (unsigned i = 0; i < bare->facts.queues; i++) {
        queue_reap(&bare->lanes[i]);
    }
}

static void on_message(void *context, unsigned vector)
{
    struct bare *bare = context;

    for (unsigned i = 0; i < bare->facts.queues; i++) {
        if (bare->lanes[i].vector == vector) {
            queue_reap(&bare->lanes[i]);
        }
    }
}

static void on_line(void *context, bool asserted)
{
    struct bare *bare = context;

    if (asserted && !atomic_exchange(&bare->acknowledge_queued, true)) {
        cpu_queue(0, &bare->acknowledge);
    }
}

/* The processor is idle: the device works in steps. */
static void nothing(void *context)
{
    atomic_store((atomic_bool *)context, false);
}

static void on_idle(void *unused, unsigned index)
{
    static struct cpu_work again[CPU_MAXIMUM];
    static atomic_bool queued[CPU_MAXIMUM];
    struct bare *bare = the_bare;

    (void)unused;
    if (bare == NULL) {
        return;
    }
    observer_walk(bare->device);
    if (bare->device->ops->idle(bare->device) && !atomic_exchange(&queued[index], true)) {
        again[index] = (struct cpu_work){
            .irql = IRQL_PASSIVE, .run = nothing, .context = &queued[index], .name = "device step"};
        cpu_queue(index, &again[index]);
    }
}

/* ---- Memory of requests ---- */

/* The physical pieces of the data, each of at most `scatter` bytes. */
static uint32_t list_pieces(const uint8_t *data, uint32_t bytes, uint32_t scatter,
                            struct bare_piece *list)
{
    uint32_t count = 0;

    while (bytes != 0) {
        bus_addr bus;
        uint64_t length;

        if (!memory_bus_address(data, &bus, &length)) {
            fatal("data of the bare loop is not guest memory: a bug of the bench");
        }
        length = length < scatter ? length : scatter;
        length = length < bytes ? length : bytes;
        list[count++] = (struct bare_piece){bus, (uint32_t)length};
        data += length;
        bytes -= (uint32_t)length;
    }
    return count;
}

static void get_data(struct bare_holding *holding, uint32_t bytes, uint32_t scatter)
{
    struct memory_request request = {.kind = MEMORY_DATA,
                                     .bytes = bytes,
                                     .alignment = GUEST_PAGE_SIZE,
                                     .contiguous = scatter > GUEST_PAGE_SIZE,
                                     .name = "data buffer"};

    holding->data = memory_alloc(&request);
    if (holding->data == NULL) {
        fatal("out of guest memory for data of %u bytes", bytes);
    }
    holding->data_grant = grant_begin(holding->data, bytes, GRANT_BOTH, "data buffer", NULL);
    holding->data_pieces = list_pieces(holding->data, bytes, scatter, holding->data_list);
}

void bare_io_init(struct bare *bare, struct bare_io *io, uint32_t bytes, uint32_t scatter_bytes)
{
    struct bare_holding *holding = calloc(1, sizeof(*holding));
    uint32_t scatter = scatter_bytes != 0 ? scatter_bytes : GUEST_PAGE_SIZE;
    uint32_t most = bytes / scatter + bytes / GUEST_PAGE_SIZE + 2;
    struct bare_request *request = srb_memory(sizeof(*request), "bare loop's request");
    bus_addr bus;

    if (holding == NULL) {
        fatal("out of memory");
    }
    io->bare = bare;
    io->request = request;
    io->holding = holding;
    request->io = io;
    request->block = bare_memory_get(
        &holding->block, sizeof(*request->block) + (size_t)(most + 2) * BARE_DESCRIPTOR_BYTES, &bus,
        "bare loop's header and table");
    request->block_address = bus;
    holding->range_list = srb_memory((most + 1) * sizeof(struct bare_piece), "scatter/gather list");
    holding->range_list[0] = (struct bare_piece){bus + offsetof(struct bare_block, range),
                                                 sizeof(request->block->range)};
    holding->data_list = holding->range_list + 1;
    if (bytes != 0) {
        get_data(holding, bytes, scatter);
    }
}

void bare_io_free(struct bare_io *io)
{
    struct bare_holding *holding = io->holding;

    if (holding->data != NULL) {
        grant_end(holding->data_grant, false);
        memory_free(holding->data);
    }
    bare_memory_put(&holding->block);
    memory_free(holding->range_list);
    memory_free(io->request);
    free(holding);
}

/* ---- The loop's life ---- */

static void init_lanes(struct bare *bare, unsigned queues)
{
    struct memory_request request = {.kind = MEMORY_POOL,
                                     .bytes = queues * sizeof(struct bare_lane),
                                     .alignment = 64,
                                     .name = "bare loop's queues"};

    bare->lanes = memory_alloc(&request);
    if (bare->lanes == NULL) {
        fatal("out of guest memory");
    }
    memset(bare->lanes, 0, request.bytes);
    for (unsigned i = 0; i < queues; i++) {
        struct bare_lane *lane = &bare->lanes[i];

        lane->bare = bare;
        lane->last = &lane->first;
        lane->vector = i + 1;
        if (lane->vector >= bare->facts.message_vectors && bare->facts.message_vectors != 0) {
            lane->vector = bare->facts.message_vectors - 1;
        }
        lane->reap = (struct cpu_work){
            .irql = IRQL_DISPATCH, .run = reap, .context = lane, .name = "bare loop's completion"};
    }
}

struct bare *bare_start(struct device *device, unsigned queues, unsigned message_vectors,
                        char *error, size_t error_size)
{
    struct bare *bare = calloc(1, sizeof(*bare));
    const struct device_events events = {.message = on_message, .line = on_line, .context = bare};

    if (bare == NULL) {
        fatal("out of memory");
    }
    bare->device = device;
    if (message_vectors > device->message_vectors) {
        message_vectors = device->message_vectors;
    }
    bare->facts.message_vectors = device->ops->set_message_vectors(device, message_vectors);
    bare->facts.queues = queues;
    bare->acknowledge = (struct cpu_work){
        .irql = IRQL_DEVICE, .run = acknowledge, .context = bare, .name = "bare loop's interrupt"};
    init_lanes(bare, queues);
    device_set_events(device, &events);
    if (!bare_device_start(bare, error, error_size)) {
        bare_stop(bare);
        return NULL;
    }
    trap_add_image(code_begin, (uintptr_t)code_end - (uintptr_t)code_begin, "bare loop");
    the_bare = bare;
    cpu_on_idle(on_idle, NULL);
    return bare;
}

void bare_stop(struct bare *bare)
{
    cpu_wait_idle(SETTLE_MILLISECONDS); /* completions have come to their ends */
    if (the_bare == bare) {
        the_bare = NULL;
        trap_remove_image(code_begin);
    }
    bare_device_stop(bare);
    device_set_events(bare->device, &(struct device_events){0});
    memory_free(bare->lanes);
    free(bare);
}

void bare_get_facts(const struct bare *bare, struct bare_facts *facts)
{
    *facts = bare->facts;
}
