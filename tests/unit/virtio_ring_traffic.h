/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the tests of both ring formats share: a queue with what the test knows of it, and traffic of
 * a driver with a reference device.
 *
 * A reference device is written from the specification alone and keeps to its duties to the letter,
 * no more: it looks at the ring only after a doorbell, and until it has said that it wants the next
 * one; it interrupts only where it was asked to. The driver's side here looks for used elements only
 * after an interrupt. So a doorbell or an interrupt that the queue loses leaves both asleep, which is
 * a failure.
 *
 * The queue's barriers are the places where it matters what the other side does in between. They
 * are replaced here: at each one the device takes a random number of steps. A processor may hold
 * stores back and do later loads first; so the device sees the driver's index and flags only from
 * the next full barrier on, or some time later. A load that should stand behind that barrier and
 * does not then misses what the device did meanwhile.
 *
 * Included once, by a test that defines the functions of the device.
 */
#ifndef VIRTIO_RING_TRAFFIC_H
#define VIRTIO_RING_TRAFFIC_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "osdep.h"

/* ---- In place of virtio_barrier.h ---- */
#define VIRTIO_BARRIER_H

static void (*at_barrier)(void);   /* the device takes some steps */
static void (*drain_stores)(void); /* the driver's stores reach it */
static unsigned full_barriers;

static inline void VirtioStoreBarrier(void)
{
    if (at_barrier) {
        at_barrier();
    }
}

static inline void VirtioLoadBarrier(void)
{
    if (at_barrier) {
        at_barrier();
    }
}

static inline void VirtioFullBarrier(void)
{
    full_barriers++;
    if (at_barrier) {
        at_barrier();
        drain_stores();
        at_barrier();
    }
}

#include "virtio_ring.h"

#define RING_ADDRESS  0x123456789000ull
#define TABLE_ADDRESS 0x7700000000ull
#define SEGMENTS_MAX  6u

/* ---- Random numbers: the same at every run ---- */

static uint64_t random_state;

static uint32_t random_below(uint32_t limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)((random_state >> 16) % limit);
}

/* ---- A queue and what the test knows of it ---- */

struct segment {
    uint64_t address;
    uint32_t length;
    bool device_writes;
};

/* What was put into the queue under an id. */
struct request {
    bool outstanding;
    bool device_has_it;
    struct segment segments[SEGMENTS_MAX];
    uint32_t count;
    uint32_t writable;
    uint32_t returned; /* length that the device gave back */
};

static struct {
    VIRTQUEUE queue;
    VIRTQUEUE_SETUP setup;
    VIRTQUEUE_MEMORY memory;
    VIRTQ_ADDRESSES addresses;
    struct request *requests;           /* [size] */
    VIRTQ_DESC (*tables)[SEGMENTS_MAX]; /* [size] */
    uint32_t size;
} t;

static void queue_open_order(uint32_t size, VIRTQUEUE_LAYOUT layout, bool event_index,
                             bool in_order)
{
    memset(&t, 0, sizeof(t));
    assert_true(VirtQueueMemorySize(layout, size, &t.memory));
    t.size = size;
    t.setup.Layout = layout;
    t.setup.Size = size;
    t.setup.EventIndex = event_index;
    t.setup.InOrder = in_order;
    t.setup.Ring = aligned_alloc(4096, (t.memory.RingBytes + 4095) / 4096 * 4096);
    t.setup.RingAddress = RING_ADDRESS;
    t.setup.Private = malloc(t.memory.PrivateBytes);
    assert_non_null(t.setup.Ring);
    assert_non_null(t.setup.Private);
    memset(t.setup.Ring, 0xa5, t.memory.RingBytes);
    memset(t.setup.Private, 0xa5, t.memory.PrivateBytes);
    t.requests = calloc(size, sizeof(*t.requests));
    t.tables = calloc(size, sizeof(*t.tables));
    assert_non_null(t.requests);
    assert_non_null(t.tables);
    assert_int_equal(VirtQueueInitialize(&t.queue, &t.setup), VirtQueueFaultNone);
    VirtQueueGetAddresses(&t.queue, &t.addresses);
}

static void queue_open(uint32_t size, VIRTQUEUE_LAYOUT layout, bool event_index)
{
    queue_open_order(size, layout, event_index, false);
}

static void queue_close(void)
{
    at_barrier = NULL;
    free(t.setup.Ring);
    free(t.setup.Private);
    free(t.requests);
    free(t.tables);
}

/* ---- The reference device: what a test defines for its format ---- */

enum device_state {
    DEVICE_ASLEEP,  /* waits for a doorbell */
    DEVICE_WORKING, /* takes what is available; does not want doorbells */
    DEVICE_ARMED,   /* has asked for a doorbell, has yet to look once more */
};

enum completion_state {
    COMPLETION_IDLE,
    COMPLETION_ELEMENT, /* used element written */
    COMPLETION_INDEX,   /* and made visible, interrupt not yet decided */
};

/* What devices of all formats have. */
static struct {
    enum device_state state;
    enum completion_state completion;
    uint32_t *pending; /* [size] ids taken and not used yet, oldest first */
    uint32_t pending_count;
    bool interrupt; /* raised, not yet delivered */
    unsigned doorbells;
    unsigned interrupts;
    unsigned skipped; /* in order: requests that were used without an element of their own */
} device;

static void device_reset(void);          /* the format's own state as after a reset */
static void device_drain_stores(void);   /* the driver's stores reach it */
static void device_step_available(void); /* one step of taking */
static void device_step_used(void);      /* one step of using */
static void device_ring_answered(void);  /* awake: wants no doorbells meanwhile */

static uint8_t *device_pointer(uint64_t address, uint32_t bytes)
{
    assert_true(address >= RING_ADDRESS);
    assert_true(address + bytes <= RING_ADDRESS + t.memory.RingBytes);
    return (uint8_t *)t.setup.Ring + (address - RING_ADDRESS);
}

static void device_open(void)
{
    memset(&device, 0, sizeof(device));
    device.pending = calloc(t.size, sizeof(*device.pending));
    assert_non_null(device.pending);
    device_reset();
}

static void device_close(void)
{
    free(device.pending);
}

/* Takes a request: it must be one that the driver has put in. */
static struct request *device_accept(uint32_t id)
{
    assert_true(id < t.size);
    struct request *request = &t.requests[id];

    assert_true(request->outstanding);
    assert_false(request->device_has_it);
    request->device_has_it = true;
    assert_true(device.pending_count < t.size);
    device.pending[device.pending_count++] = id;
    return request;
}

/*
 * Chooses what to use next: any pending request, or, in order, the last of a batch of the oldest
 * ones. Takes it off the list, with those before it, and says how many they are.
 */
static uint32_t device_choose(uint32_t *batch)
{
    uint32_t pick = random_below(device.pending_count);
    uint32_t id, n;

    if (!t.setup.InOrder) {
        id = device.pending[pick];
        device.pending[pick] = device.pending[--device.pending_count];
        t.requests[id].returned = random_below(t.requests[id].writable + 1);
        *batch = 1;
        return id;
    }
    pick = random_below(3) == 0 ? pick : 0;
    id = device.pending[pick];
    for (n = 0; n < pick; n++) {
        t.requests[device.pending[n]].returned = t.requests[device.pending[n]].writable;
        device.skipped++;
    }
    t.requests[id].returned = random_below(t.requests[id].writable + 1);
    *batch = pick + 1;
    device.pending_count -= *batch;
    memmove(device.pending, device.pending + *batch,
            device.pending_count * sizeof(*device.pending));
    return id;
}

static void device_run(uint32_t steps)
{
    while (steps-- > 0) {
        if (random_below(2)) {
            device_step_available();
        } else {
            device_step_used();
        }
    }
}

static void device_run_some(void)
{
    if (random_below(4) == 0) {
        device_drain_stores();
    }
    device_run(random_below(5) * random_below(3));
}

static bool device_is_quiet(void)
{
    return device.state == DEVICE_ASLEEP && device.completion == COMPLETION_IDLE &&
           device.pending_count == 0 && !device.interrupt;
}

static void device_doorbell(void)
{
    device.doorbells++;
    if (device.state == DEVICE_ASLEEP) {
        device_ring_answered();
        device.state = DEVICE_WORKING;
    }
}

/* ---- The driver's side ---- */

enum chains {
    CHAINS_DIRECT,
    CHAINS_INDIRECT,
    CHAINS_MIXED,
};

static uint32_t outstanding;
static uint64_t completed;

static void driver_fill_request(struct request *request, uint32_t count)
{
    uint32_t readable = random_below(count + 1);
    uint32_t n;

    memset(request, 0, sizeof(*request));
    request->count = count;
    for (n = 0; n < count; n++) {
        request->segments[n].address = random_state;
        request->segments[n].length = 1 + random_below(65536);
        request->segments[n].device_writes = n >= readable;
        request->writable += n >= readable ? request->segments[n].length : 0;
    }
}

static void driver_put(uint32_t id, bool direct)
{
    struct request *request = &t.requests[id];
    VIRTQUEUE_CHAIN chain;
    uint32_t n;

    if (direct) {
        VirtQueueBeginDirect(&chain, &t.queue, id);
    } else {
        VirtQueueBeginIndirect(&chain, &t.queue, id, t.tables[id],
                               TABLE_ADDRESS + id * sizeof(t.tables[0]));
    }
    for (n = 0; n < request->count; n++) {
        VirtQueueAppend(&chain, request->segments[n].address, request->segments[n].length,
                        request->segments[n].device_writes);
    }
    request->outstanding = true;
    outstanding++;
    VirtQueueCommit(&chain);
}

/* Reserves and commits one request. FALSE: the queue is full, and rightly so. */
static bool driver_submit(enum chains chains, uint32_t count)
{
    bool direct = chains == CHAINS_DIRECT || (chains == CHAINS_MIXED && random_below(2));
    uint32_t descriptors = direct ? count : 1;
    uint32_t free_before = VirtQueueFreeDescriptors(&t.queue);
    uint32_t id = VirtQueueReserve(&t.queue, descriptors);

    if (id == VIRTQUEUE_FULL) {
        assert_true(free_before < descriptors);
        assert_int_equal(VirtQueueFreeDescriptors(&t.queue), free_before);
        return false;
    }
    assert_true(free_before >= descriptors);
    assert_true(id < t.size);
    assert_false(t.requests[id].outstanding);
    /* Where one is committed before the next is reserved, a reserved one need not count. */
    assert_int_equal(VirtQueueFreeDescriptors(&t.queue),
                     t.setup.Single && VirtQueueIsPlain(&t.queue) ? free_before
                                                                  : free_before - descriptors);
    if (random_below(16) == 0) {
        VirtQueueCancel(&t.queue, id);
        assert_int_equal(VirtQueueFreeDescriptors(&t.queue), free_before);
        assert_int_equal(VirtQueueReserve(&t.queue, descriptors), id);
    }
    driver_fill_request(&t.requests[id], count);
    driver_put(id, direct);
    return true;
}

static void driver_kick(void)
{
    unsigned before = full_barriers;

    if (VirtQueueKickNeeded(&t.queue)) {
        device_doorbell();
    }
    assert_true(full_barriers - before <= 1);
}

static void driver_take(uint32_t id, uint32_t written)
{
    assert_true(id < t.size);
    assert_true(t.requests[id].outstanding);
    assert_true(t.requests[id].device_has_it);
    assert_int_equal(written, t.requests[id].returned);
    t.requests[id].outstanding = false;
    t.requests[id].device_has_it = false;
    outstanding--;
    completed++;
}

/* What a DPC does. */
static void driver_interrupt(void)
{
    ULONG id, written;

    device.interrupt = false;
    device.interrupts++;
    VirtQueueDisableInterrupts(&t.queue);
    do {
        VIRTQUEUE_RESULT result;
        while ((result = VirtQueueGetUsed(&t.queue, &id, &written)) == VirtQueueElement) {
            driver_take(id, written);
        }
        assert_int_equal(result, VirtQueueEmpty);
    } while (VirtQueueEnableInterrupts(&t.queue, 1 + random_below(3) * random_below(8)));
}

/*
 * Runs at least `requests` requests through the queue; all must come back by doorbells and
 * interrupts alone.
 */
static void run_traffic(enum chains chains, uint64_t requests)
{
    uint64_t submitted = 0;
    uint32_t longest = chains == CHAINS_INDIRECT || t.size > SEGMENTS_MAX ? SEGMENTS_MAX : t.size;
    unsigned idle = 0;

    device_open();
    outstanding = 0;
    completed = 0;
    at_barrier = device_run_some;
    drain_stores = device_drain_stores;
    while (completed < requests || outstanding != 0) {
        uint32_t burst = submitted < requests ? 1 + random_below(3) : 0;

        while (burst-- > 0 && driver_submit(chains, 1 + random_below(longest))) {
            submitted++;
        }
        if (submitted >= requests || random_below(4) != 0) {
            driver_kick();
        }
        if (random_below(2)) {
            device_drain_stores();
        }
        device_run(random_below(16));
        assert_int_equal(VirtQueueOutstanding(&t.queue), outstanding);
        if (device.interrupt && random_below(3) != 0) {
            driver_interrupt();
        }
        idle = device_is_quiet() && outstanding != 0 ? idle + 1 : 0;
        assert_true(idle < 100); /* both sides asleep: a doorbell or an interrupt was lost */
    }
    at_barrier = NULL;
    assert_int_equal(VirtQueueFreeDescriptors(&t.queue), t.size);
    assert_int_equal(VirtQueueNextOutstanding(&t.queue, 0), VIRTQUEUE_NONE);
    device_close();
}

static uint32_t submit_one(void)
{
    VIRTQUEUE_CHAIN chain;
    uint32_t id = VirtQueueReserve(&t.queue, 1);

    assert_int_not_equal(id, VIRTQUEUE_FULL);
    VirtQueueBeginDirect(&chain, &t.queue, id);
    VirtQueueAppend(&chain, 0x1000, 512, TRUE);
    VirtQueueCommit(&chain);
    return id;
}

#endif
