/* SPDX-License-Identifier: BSD-3-Clause */
/* SOURCES: viostor/virtio_ring.c viostor/virtio_ring_split.c */
/*
 * The virtqueue against a reference device that is written from the specification alone and keeps to
 * its duties to the letter, no more: it looks at the available ring only after a doorbell, and until
 * it has said that it wants the next one; it interrupts only where it was asked to. The driver's
 * side here looks for used elements only after an interrupt. So a doorbell or an interrupt that the
 * queue loses leaves both asleep, which is a failure.
 *
 * The queue's barriers are the places where it matters what the other side does in between. They
 * are replaced here: at each one the device takes a random number of steps. A processor may hold
 * stores back and do later loads first; so the device sees the driver's index and flags only from
 * the next full barrier on, or some time later. A load that should stand behind that barrier and
 * does not then misses what the device did meanwhile.
 */
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

static void queue_open(uint32_t size, VIRTQUEUE_LAYOUT layout, bool event_index)
{
    memset(&t, 0, sizeof(t));
    assert_true(VirtQueueMemorySize(layout, size, &t.memory));
    t.size = size;
    t.setup.Layout = layout;
    t.setup.Size = size;
    t.setup.EventIndex = event_index;
    t.setup.CheckUsedLength = TRUE;
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

static void queue_close(void)
{
    at_barrier = NULL;
    free(t.setup.Ring);
    free(t.setup.Private);
    free(t.requests);
    free(t.tables);
}

/* ---- The reference device ---- */

enum device_state {
    DEVICE_ASLEEP,  /* waits for a doorbell */
    DEVICE_WORKING, /* takes what is available; does not want doorbells */
    DEVICE_ARMED,   /* has asked for a doorbell, has yet to look once more */
};

enum completion_state {
    COMPLETION_IDLE,
    COMPLETION_ELEMENT, /* used element written */
    COMPLETION_INDEX,   /* used index written, interrupt not yet decided */
};

static struct {
    enum device_state state;
    enum completion_state completion;
    uint16_t last_avail;
    uint16_t used_index;
    uint32_t *pending; /* [size] ids taken and not used yet */
    uint32_t pending_count;
    bool interrupt; /* raised, not yet delivered */
    unsigned doorbells;
    unsigned interrupts;
    /* What of the driver's stores has reached it. */
    uint16_t seen_flags, seen_index, seen_event;
} device;

static uint8_t *device_pointer(uint64_t address, uint32_t bytes)
{
    assert_true(address >= RING_ADDRESS);
    assert_true(address + bytes <= RING_ADDRESS + t.memory.RingBytes);
    return (uint8_t *)t.setup.Ring + (address - RING_ADDRESS);
}

static uint16_t *device_avail(uint32_t index)
{
    return (uint16_t *)device_pointer(t.addresses.Available + 2 * index, 2);
}

#define AVAIL_FLAGS 0u
#define AVAIL_INDEX 1u
#define AVAIL_RING  2u
#define USED_EVENT  (AVAIL_RING + t.size)

static void device_drain_stores(void)
{
    device.seen_flags = *device_avail(AVAIL_FLAGS);
    device.seen_index = *device_avail(AVAIL_INDEX);
    device.seen_event = *device_avail(USED_EVENT);
}

static uint16_t *device_used_flags(void)
{
    return (uint16_t *)device_pointer(t.addresses.Used, 2);
}

static uint16_t *device_used_index(void)
{
    return (uint16_t *)device_pointer(t.addresses.Used + 2, 2);
}

static uint32_t *device_used_element(uint32_t slot)
{
    return (uint32_t *)device_pointer(t.addresses.Used + 4 + 8 * slot, 8);
}

static uint16_t *device_avail_event(void)
{
    return (uint16_t *)device_pointer(t.addresses.Used + 4 + 8 * t.size, 2);
}

static const uint8_t *device_descriptor(uint32_t index)
{
    assert_true(index < t.size);
    return device_pointer(t.addresses.Descriptors + 16 * index, 16);
}

static void device_open(void)
{
    memset(&device, 0, sizeof(device));
    device.pending = calloc(t.size, sizeof(*device.pending));
    assert_non_null(device.pending);
}

static void device_close(void)
{
    free(device.pending);
}

/* Does a descriptor say what the request holds in its segment number n? Answers its next. */
static uint16_t device_check_segment(const uint8_t *descriptor, const struct request *request,
                                     uint32_t n)
{
    uint64_t address;
    uint32_t length;
    uint16_t flags, next;

    memcpy(&address, descriptor, 8);
    memcpy(&length, descriptor + 8, 4);
    memcpy(&flags, descriptor + 12, 2);
    memcpy(&next, descriptor + 14, 2);
    assert_int_equal(address, request->segments[n].address);
    assert_int_equal(length, request->segments[n].length);
    assert_int_equal(flags & 2, request->segments[n].device_writes ? 2 : 0);
    assert_int_equal(flags & 1, n + 1 < request->count ? 1 : 0);
    assert_int_equal(flags & ~3, 0);
    return next;
}

/* Follows the chain of a head as a device does and compares it with what the test put in. */
static void device_check_chain(uint32_t head)
{
    struct request *request = &t.requests[head];
    const uint8_t *descriptor = device_descriptor(head);
    uint64_t address;
    uint32_t length, n;
    uint16_t flags, next;

    assert_true(request->outstanding);
    assert_false(request->device_has_it);
    request->device_has_it = true;
    memcpy(&address, descriptor, 8);
    memcpy(&length, descriptor + 8, 4);
    memcpy(&flags, descriptor + 12, 2);
    if (flags & 4) {
        assert_int_equal(flags, 4);
        assert_int_equal(address, TABLE_ADDRESS + head * sizeof(t.tables[0]));
        assert_int_equal(length, request->count * 16);
        for (n = 0, next = 0; n < request->count; n++) {
            assert_true(next < request->count);
            next = device_check_segment((const uint8_t *)&t.tables[head][next], request, n);
        }
    } else {
        for (n = 0, next = (uint16_t)head; n < request->count; n++) {
            next = device_check_segment(device_descriptor(next), request, n);
        }
    }
}

static bool device_sees_available(void)
{
    return device.seen_index != device.last_avail;
}

static void device_take(void)
{
    uint32_t head = *device_avail(AVAIL_RING + (device.last_avail & (t.size - 1)));

    device.last_avail++;
    device_check_chain(head);
    assert_true(device.pending_count < t.size);
    device.pending[device.pending_count++] = head;
}

/* Asks for the next doorbell: by the event, or by taking the flag back (2.7.10). */
static void device_want_doorbell(void)
{
    if (t.setup.EventIndex) {
        *device_avail_event() = device.last_avail;
    } else {
        *device_used_flags() = 0;
    }
}

static void device_step_available(void)
{
    switch (device.state) {
    case DEVICE_ASLEEP:
        break;
    case DEVICE_WORKING:
        if (device_sees_available()) {
            device_take();
        } else {
            device_want_doorbell();
            device.state = DEVICE_ARMED;
        }
        break;
    case DEVICE_ARMED:
        if (device_sees_available()) {
            if (!t.setup.EventIndex) {
                *device_used_flags() = 1;
            }
            device.state = DEVICE_WORKING;
        } else {
            device.state = DEVICE_ASLEEP;
        }
        break;
    }
}

/* Uses one pending request, any of them: element, index and interrupt are steps of their own. */
static void device_step_used(void)
{
    uint32_t pick, id;

    switch (device.completion) {
    case COMPLETION_IDLE:
        if (device.pending_count == 0) {
            return;
        }
        pick = random_below(device.pending_count);
        id = device.pending[pick];
        device.pending[pick] = device.pending[--device.pending_count];
        t.requests[id].returned = random_below(t.requests[id].writable + 1);
        device_used_element(device.used_index & (t.size - 1))[0] = id;
        device_used_element(device.used_index & (t.size - 1))[1] = t.requests[id].returned;
        device.completion = COMPLETION_ELEMENT;
        break;
    case COMPLETION_ELEMENT:
        device.used_index++;
        *device_used_index() = device.used_index;
        device.completion = COMPLETION_INDEX;
        break;
    case COMPLETION_INDEX:
        if (t.setup.EventIndex ? device.seen_event == (uint16_t)(device.used_index - 1)
                               : (device.seen_flags & 1) == 0) {
            device.interrupt = true;
        }
        device.completion = COMPLETION_IDLE;
        break;
    }
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
        if (!t.setup.EventIndex) {
            *device_used_flags() = 1;
        }
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
    assert_int_equal(VirtQueueFreeDescriptors(&t.queue), free_before - descriptors);
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

/* ---- Tests: traffic ---- */

static void test_traffic(void **state)
{
    static const uint32_t sizes[] = {1, 2, 4, 8, 64, 256, 1024};
    uint32_t n, mode;

    (void)state;
    for (n = 0; n < sizeof(sizes) / sizeof(sizes[0]); n++) {
        for (mode = 0; mode < 12; mode++) {
            random_state = 88172645463325252ull + n * 100 + mode;
            queue_open(sizes[n], mode & 1 ? VirtQueueLayoutLegacy : VirtQueueLayoutSplit,
                       (mode & 2) != 0);
            run_traffic((enum chains)(mode / 4), 3000);
            queue_close();
        }
    }
}

/* The 16-bit indices wrap twice, in every mode. */
static void test_traffic_wraps(void **state)
{
    uint32_t mode;

    (void)state;
    for (mode = 0; mode < 6; mode++) {
        random_state = 4101842887655102017ull + mode;
        queue_open(32, VirtQueueLayoutSplit, mode & 1);
        run_traffic((enum chains)(mode / 2), 140000);
        queue_close();
    }
}

/* The largest queue, and full, with the indices on both sides of their wrap. */
static void test_traffic_largest(void **state)
{
    ULONG id = 0, written = 0;
    uint32_t round, n;

    (void)state;
    random_state = 1181783497276652981ull;
    queue_open(32768, VirtQueueLayoutSplit, true);
    device_open();
    outstanding = 0;
    for (round = 0; round < 5; round++) {
        for (n = 0; n < 32768; n++) {
            assert_true(driver_submit(CHAINS_INDIRECT, 2));
        }
        assert_int_equal(VirtQueueReserve(&t.queue, 1), VIRTQUEUE_FULL);
        assert_int_equal(VirtQueueOutstanding(&t.queue), 32768);
        driver_kick();
        device_drain_stores();
        while (device.used_index != (uint16_t)((round + 1) * 32768)) {
            device_run(64);
        }
        for (n = 0; n < 32768; n++) {
            assert_int_equal(VirtQueueGetUsed(&t.queue, &id, &written), VirtQueueElement);
            driver_take(id, written);
        }
        assert_int_equal(VirtQueueGetUsed(&t.queue, &id, &written), VirtQueueEmpty);
        assert_int_equal(VirtQueueFreeDescriptors(&t.queue), 32768);
    }
    device_close();
    queue_close();
}

/* One direct chain through every descriptor of the largest queue. */
static void test_longest_chain(void **state)
{
    VIRTQUEUE_CHAIN chain;
    ULONG id, written;
    uint32_t n;

    (void)state;
    queue_open(32768, VirtQueueLayoutSplit, false);
    id = VirtQueueReserve(&t.queue, 32768);
    assert_int_not_equal(id, VIRTQUEUE_FULL);
    assert_int_equal(VirtQueueReserve(&t.queue, 1), VIRTQUEUE_FULL);
    VirtQueueBeginDirect(&chain, &t.queue, id);
    for (n = 0; n < 32768; n++) {
        VirtQueueAppend(&chain, n, 4096, TRUE);
    }
    VirtQueueCommit(&chain);
    device_used_element(0)[0] = id;
    device_used_element(0)[1] = 32768 * 4096;
    *device_used_index() = 1;
    assert_int_equal(VirtQueueGetUsed(&t.queue, &id, &written), VirtQueueElement);
    assert_int_equal(written, 32768 * 4096);
    assert_int_equal(VirtQueueFreeDescriptors(&t.queue), 32768);
    queue_close();
}

/* ---- Tests: memory and setup ---- */

static void test_memory_size(void **state)
{
    static const uint32_t bad[] = {0,     3,     5,     127,         129,
                                   32767, 32769, 65536, 0x80000000u, 0xffffffffu};
    VIRTQUEUE_MEMORY memory = {1, 2, 3};
    uint32_t n;

    (void)state;
    for (n = 0; n < sizeof(bad) / sizeof(bad[0]); n++) {
        assert_false(VirtQueueMemorySize(VirtQueueLayoutLegacy, bad[n], &memory));
        assert_false(VirtQueueMemorySize(VirtQueueLayoutSplit, bad[n], &memory));
        assert_int_equal(memory.RingBytes, 1);
    }
    /* 256: descriptors 4096, available 518, used 2054 (2.7.2 with its alignment). */
    assert_true(VirtQueueMemorySize(VirtQueueLayoutLegacy, 256, &memory));
    assert_int_equal(memory.RingBytes, 4096 + 4096 + 4096);
    assert_int_equal(memory.RingAlignment, 4096);
    assert_int_equal(memory.PrivateBytes, 256 * sizeof(VIRTQUEUE_ID));
    assert_true(VirtQueueMemorySize(VirtQueueLayoutSplit, 256, &memory));
    assert_int_equal(memory.RingBytes, 4096 + 576 + 2112);
    assert_int_equal(memory.RingAlignment, 64);
    assert_true(VirtQueueMemorySize(VirtQueueLayoutLegacy, 32768, &memory));
    assert_int_equal(memory.RingBytes, 524288 + 69632 + 266240);
}

static void test_layout(void **state)
{
    uint32_t size;

    (void)state;
    for (size = 1; size <= 32768; size *= 2) {
        queue_open(size, VirtQueueLayoutLegacy, true);
        assert_int_equal(t.addresses.Descriptors, RING_ADDRESS);
        assert_int_equal(t.addresses.Available, RING_ADDRESS + 16 * size);
        assert_int_equal(t.addresses.Used,
                         (t.addresses.Available + 6 + 2 * size + 4095) & ~4095ull);
        queue_close();
        queue_open(size, VirtQueueLayoutSplit, true);
        assert_true(t.addresses.Available >= t.addresses.Descriptors + 16 * size);
        assert_true(t.addresses.Used >= t.addresses.Available + 6 + 2 * size);
        assert_int_equal(t.addresses.Used % 64, 0);
        assert_true(t.addresses.Used + 6 + 8 * size <= RING_ADDRESS + t.memory.RingBytes);
        queue_close();
    }
}

/* All of a new ring reads as zero, whatever was there. */
static void test_initial_contents(void **state)
{
    uint32_t n;

    (void)state;
    queue_open(8, VirtQueueLayoutSplit, true);
    for (n = 0; n < t.memory.RingBytes; n++) {
        assert_int_equal(((uint8_t *)t.setup.Ring)[n], 0);
    }
    assert_int_equal(VirtQueueFreeDescriptors(&t.queue), 8);
    assert_int_equal(VirtQueueOutstanding(&t.queue), 0);
    assert_false(VirtQueueKickNeeded(&t.queue));
    queue_close();
}

/* A queue that uses part of its ring: no id and no descriptor behind that, however often. */
static void test_part_of_the_ring(void **state)
{
    static _Alignas(64) uint8_t ring[4096], private[4096];
    VIRTQUEUE_SETUP setup = {VirtQueueLayoutSplit, 16, 3, FALSE, TRUE, ring, RING_ADDRESS, private};
    VIRTQUEUE queue;

    (void)state;
    assert_int_equal(VirtQueueInitialize(&queue, &setup), VirtQueueFaultNone);
    for (unsigned round = 0; round < 2; round++) {
        assert_int_equal(VirtQueueFreeDescriptors(&queue), 3);
        assert_int_equal(VirtQueueReserve(&queue, 4), VIRTQUEUE_FULL);
        for (uint32_t id = 0; id < 3; id++) {
            assert_int_equal(VirtQueueReserve(&queue, 1), id);
        }
        assert_int_equal(VirtQueueReserve(&queue, 1), VIRTQUEUE_FULL);
        VirtQueueReinitialize(&queue);
    }
}

static void test_bad_setup(void **state)
{
    static _Alignas(64) uint8_t ring[4096], private[4096];
    VIRTQUEUE_SETUP good = {VirtQueueLayoutSplit, 16, 0, FALSE, TRUE, ring, RING_ADDRESS, private};
    VIRTQUEUE_SETUP setup = good;
    VIRTQUEUE queue;

    (void)state;
    assert_int_equal(VirtQueueInitialize(&queue, &setup), VirtQueueFaultNone);
    setup.Size = 24;
    assert_int_equal(VirtQueueInitialize(&queue, &setup), VirtQueueFaultSize);
    assert_int_equal(queue.FaultValue, 24);
    setup = good;
    setup.Use = 17;
    assert_int_equal(VirtQueueInitialize(&queue, &setup), VirtQueueFaultSize);
    assert_int_equal(queue.FaultValue, 17);
    setup = good;
    setup.RingAddress += 32;
    assert_int_equal(VirtQueueInitialize(&queue, &setup), VirtQueueFaultAlignment);
    assert_int_equal(queue.FaultValue, RING_ADDRESS + 32);
    setup = good;
    setup.Ring = ring + 4;
    assert_int_equal(VirtQueueInitialize(&queue, &setup), VirtQueueFaultAlignment);
    setup = good;
    setup.RingAddress = ~63ull;
    assert_int_equal(VirtQueueInitialize(&queue, &setup), VirtQueueFaultAddress);
    setup = good;
    setup.Layout = VirtQueueLayoutLegacy;
    setup.RingAddress += 64;
    assert_int_equal(VirtQueueInitialize(&queue, &setup), VirtQueueFaultAlignment);
}

/* ---- Tests: doorbells and interrupts, step by step ---- */

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

static void use_one(uint16_t *used, uint32_t id, uint32_t length)
{
    device_used_element(*used & (t.size - 1))[0] = id;
    device_used_element(*used & (t.size - 1))[1] = length;
    ++*used;
    *device_used_index() = *used;
}

static void test_kick_flags(void **state)
{
    unsigned barriers;

    (void)state;
    queue_open(16, VirtQueueLayoutSplit, false);
    assert_false(VirtQueueKickNeeded(&t.queue));
    submit_one();
    barriers = full_barriers;
    assert_true(VirtQueueKickNeeded(&t.queue));
    assert_int_equal(full_barriers - barriers, 1);
    assert_false(VirtQueueKickNeeded(&t.queue)); /* nothing new */
    *device_used_flags() = 1;
    submit_one();
    assert_false(VirtQueueKickNeeded(&t.queue));
    *device_used_flags() = 0xfffe; /* other bits mean nothing */
    submit_one();
    assert_true(VirtQueueKickNeeded(&t.queue));
    queue_close();
}

/* A doorbell exactly when the event lies among what was committed since the last decision. */
static void test_kick_event(void **state)
{
    uint32_t start, batch;
    int event;

    (void)state;
    for (start = 0; start < 2; start++) {
        for (batch = 1; batch <= 4; batch++) {
            for (event = -3; event <= 6; event++) {
                uint16_t used = 0;
                uint16_t first = start ? 0xfffe : 0;
                uint32_t n;

                queue_open(16, VirtQueueLayoutSplit, true);
                for (n = 0; n < first; n++) {
                    ULONG id, written;
                    use_one(&used, submit_one(), 1);
                    (void)VirtQueueKickNeeded(&t.queue);
                    assert_int_equal(VirtQueueGetUsed(&t.queue, &id, &written), VirtQueueElement);
                }
                *device_avail_event() = (uint16_t)(first + event);
                for (n = 0; n < batch; n++) {
                    submit_one();
                }
                assert_int_equal(VirtQueueKickNeeded(&t.queue),
                                 event >= 0 && event < (int)batch ? TRUE : FALSE);
                queue_close();
            }
        }
    }
}

static void test_interrupt_flags(void **state)
{
    ULONG id, written;
    uint16_t used = 0;

    (void)state;
    queue_open(16, VirtQueueLayoutSplit, false);
    assert_int_equal(*device_avail(AVAIL_FLAGS), 0);
    VirtQueueDisableInterrupts(&t.queue);
    assert_int_equal(*device_avail(AVAIL_FLAGS), 1);
    assert_false(VirtQueueEnableInterrupts(&t.queue, 1));
    assert_int_equal(*device_avail(AVAIL_FLAGS), 0);
    submit_one();
    submit_one();
    VirtQueueDisableInterrupts(&t.queue);
    assert_false(VirtQueuePending(&t.queue));
    use_one(&used, 0, 512);
    assert_true(VirtQueuePending(&t.queue));
    assert_true(VirtQueueEnableInterrupts(&t.queue, 1));
    assert_true(VirtQueueEnableInterrupts(&t.queue, 2)); /* the flag knows no number */
    assert_int_equal(VirtQueueGetUsed(&t.queue, &id, &written), VirtQueueElement);
    assert_int_equal(written, 512);
    assert_false(VirtQueueEnableInterrupts(&t.queue, 1));
    assert_false(VirtQueuePending(&t.queue));
    queue_close();
}

static void test_interrupt_event(void **state)
{
    ULONG id, written;
    uint16_t used = 0;

    (void)state;
    queue_open(16, VirtQueueLayoutSplit, true);
    assert_false(VirtQueueEnableInterrupts(&t.queue, 1));
    assert_int_equal(*device_avail(USED_EVENT), 0);
    assert_false(VirtQueueEnableInterrupts(&t.queue, 7)); /* nothing is outstanding */
    assert_int_equal(*device_avail(USED_EVENT), 0);
    submit_one();
    submit_one();
    submit_one();
    assert_false(VirtQueueEnableInterrupts(&t.queue, 2));
    assert_int_equal(*device_avail(USED_EVENT), 1);
    assert_false(VirtQueueEnableInterrupts(&t.queue, 100));
    assert_int_equal(*device_avail(USED_EVENT), 2);
    use_one(&used, 2, 1);
    assert_false(VirtQueueEnableInterrupts(&t.queue, 2));
    assert_true(VirtQueueEnableInterrupts(&t.queue, 1));
    use_one(&used, 0, 1);
    assert_true(VirtQueueEnableInterrupts(&t.queue, 2));
    assert_int_equal(VirtQueueGetUsed(&t.queue, &id, &written), VirtQueueElement);
    VirtQueueDisableInterrupts(&t.queue);
    assert_int_equal(*device_avail(USED_EVENT), 0); /* just passed: 65535 elements away */
    assert_int_equal(*device_avail(AVAIL_FLAGS), 0);
    queue_close();
}

/* ---- Tests: a device that breaks the rules ---- */

static void expect_broken(VIRTQUEUE_FAULT fault, uint64_t value)
{
    ULONG id = 0x11111111, written = 0x22222222;
    uint32_t free_descriptors = VirtQueueFreeDescriptors(&t.queue);
    uint32_t slot = t.queue.Complete.UsedIndex & (t.size - 1);

    assert_int_equal(VirtQueueGetUsed(&t.queue, &id, &written), VirtQueueBroken);
    assert_int_equal(t.queue.Complete.Fault, fault);
    assert_int_equal(t.queue.FaultValue, value);
    assert_string_not_equal(VirtQueueFaultName(fault), "unknown queue fault");
    /* It stays so, even if the ring looks fine again, and nobody is kept in a loop. */
    assert_int_equal(VirtQueueGetUsed(&t.queue, &id, &written), VirtQueueBroken);
    assert_false(VirtQueueEnableInterrupts(&t.queue, 1));
    *device_used_index() = 0;
    assert_int_equal(VirtQueueGetUsed(&t.queue, &id, &written), VirtQueueBroken);
    device_used_element(slot)[0] = VirtQueueNextOutstanding(&t.queue, 0);
    device_used_element(slot)[1] = 0;
    assert_int_equal(VirtQueueGetUsed(&t.queue, &id, &written), VirtQueueBroken);
    assert_int_equal(t.queue.Complete.Fault, fault);
    assert_int_equal(id, 0x11111111);
    assert_int_equal(written, 0x22222222);
    assert_int_equal(VirtQueueFreeDescriptors(&t.queue), free_descriptors);
}

/* After VirtQueueReinitialize it is a queue like a new one. */
static void expect_works_again(void)
{
    VirtQueueReinitialize(&t.queue);
    memset(t.requests, 0, t.size * sizeof(*t.requests));
    assert_int_equal(t.queue.Complete.Fault, VirtQueueFaultNone);
    assert_int_equal(VirtQueueOutstanding(&t.queue), 0);
    assert_int_equal(VirtQueueNextOutstanding(&t.queue, 0), VIRTQUEUE_NONE);
    random_state = 7046029254386353131ull;
    run_traffic(CHAINS_MIXED, 500);
}

static void test_used_id_out_of_range(void **state)
{
    static const uint32_t ids[] = {16, 17, 0x10000, 0x80000000u, 0xffffffffu};
    uint32_t n;

    (void)state;
    for (n = 0; n < sizeof(ids) / sizeof(ids[0]); n++) {
        uint16_t used = 0;
        queue_open(16, VirtQueueLayoutSplit, n & 1);
        submit_one();
        use_one(&used, ids[n], 0);
        expect_broken(VirtQueueFaultUsedId, ids[n]);
        assert_int_equal(VirtQueueNextOutstanding(&t.queue, 0), 0);
        expect_works_again();
        queue_close();
    }
}

static void test_used_id_not_outstanding(void **state)
{
    ULONG id, written;
    uint16_t used = 0;

    (void)state;
    queue_open(16, VirtQueueLayoutSplit, false); /* free */
    submit_one();
    use_one(&used, 9, 0);
    expect_broken(VirtQueueFaultNotPending, 9);
    expect_works_again();

    used = 0; /* reserved only */
    VirtQueueReinitialize(&t.queue);
    submit_one();
    id = VirtQueueReserve(&t.queue, 3);
    use_one(&used, id, 0);
    expect_broken(VirtQueueFaultNotPending, id);
    expect_works_again();

    used = 0; /* twice */
    VirtQueueReinitialize(&t.queue);
    submit_one();
    submit_one();
    use_one(&used, 0, 0);
    assert_int_equal(VirtQueueGetUsed(&t.queue, &id, &written), VirtQueueElement);
    use_one(&used, 0, 0);
    expect_broken(VirtQueueFaultNotPending, 0);
    expect_works_again();

    used = 0; /* twice, in one go */
    VirtQueueReinitialize(&t.queue);
    submit_one();
    submit_one();
    use_one(&used, 1, 0);
    use_one(&used, 1, 0);
    assert_int_equal(VirtQueueGetUsed(&t.queue, &id, &written), VirtQueueElement);
    expect_broken(VirtQueueFaultNotPending, 1);
    expect_works_again();
    queue_close();

    used = 0; /* the middle of a chain */
    queue_open(16, VirtQueueLayoutSplit, false);
    id = VirtQueueReserve(&t.queue, 3);
    driver_fill_request(&t.requests[id], 3);
    driver_put(id, true);
    use_one(&used, id + 1, 0);
    expect_broken(VirtQueueFaultNotPending, id + 1);
    expect_works_again();
    queue_close();
}

static void test_used_index_jump(void **state)
{
    static const uint16_t indices[] = {3, 16, 17, 0x7fff, 0x8000, 0xffff};
    uint32_t n;

    (void)state;
    for (n = 0; n < sizeof(indices) / sizeof(indices[0]); n++) {
        queue_open(16, VirtQueueLayoutSplit, n & 1);
        submit_one();
        submit_one();
        *device_used_index() = indices[n];
        assert_true(VirtQueueEnableInterrupts(&t.queue, 1));
        expect_broken(VirtQueueFaultUsedIndex, indices[n]);
        expect_works_again();
        queue_close();
    }
    queue_open(16, VirtQueueLayoutSplit, false); /* with nothing outstanding */
    *device_used_index() = 1;
    expect_broken(VirtQueueFaultUsedIndex, 1);
    queue_close();
}

static void test_used_length(void **state)
{
    static const uint32_t lengths[] = {513, 0x10000, 0xfffffffeu, 0xffffffffu};
    ULONG id, written;
    uint32_t n;

    (void)state;
    for (n = 0; n < sizeof(lengths) / sizeof(lengths[0]); n++) {
        uint16_t used = 0;
        queue_open(16, VirtQueueLayoutSplit, false);
        submit_one();
        use_one(&used, 0, lengths[n]);
        expect_broken(VirtQueueFaultUsedLength, lengths[n]);
        expect_works_again();
        queue_close();

        used = 0; /* a legacy device: cut */
        queue_open(16, VirtQueueLayoutLegacy, false);
        t.setup.CheckUsedLength = FALSE;
        assert_int_equal(VirtQueueInitialize(&t.queue, &t.setup), VirtQueueFaultNone);
        submit_one();
        use_one(&used, 0, lengths[n]);
        assert_int_equal(VirtQueueGetUsed(&t.queue, &id, &written), VirtQueueElement);
        assert_int_equal(written, 512);
        submit_one();
        use_one(&used, 5, lengths[n]);
        expect_broken(VirtQueueFaultNotPending, 5);
        queue_close();
    }
}

/* The device scribbles over all that it can reach: the driver's own state does not care. */
static void test_scribbled_descriptors(void **state)
{
    ULONG id, written;
    uint16_t used = 0;
    uint32_t ids[4], n, round;

    (void)state;
    random_state = 42;
    queue_open(16, VirtQueueLayoutSplit, false);
    for (round = 0; round < 100; round++) {
        for (n = 0; n < 4; n++) {
            ids[n] = VirtQueueReserve(&t.queue, 4);
            assert_int_not_equal(ids[n], VIRTQUEUE_FULL);
            driver_fill_request(&t.requests[ids[n]], 4);
            driver_put(ids[n], true);
        }
        assert_int_equal(VirtQueueFreeDescriptors(&t.queue), 0);
        memset(t.setup.Ring, (int)(round + 1), t.addresses.Used - RING_ADDRESS);
        for (n = 0; n < 4; n++) {
            use_one(&used, ids[3 - n], 0);
            assert_int_equal(VirtQueueGetUsed(&t.queue, &id, &written), VirtQueueElement);
            assert_int_equal(id, ids[3 - n]);
            t.requests[id].outstanding = false;
        }
        assert_int_equal(VirtQueueFreeDescriptors(&t.queue), 16);
    }
    queue_close();
}

/* Random ring contents at random moments: no wild access (sanitizers), no id given out twice. */
static void test_fuzzed_ring(void **state)
{
    uint32_t round;

    (void)state;
    random_state = 2685821657736338717ull;
    for (round = 0; round < 3000; round++) {
        uint32_t size = 1u << random_below(7);
        uint32_t step;

        queue_open(size, VirtQueueLayoutSplit, round & 1);
        for (step = 0; step < 60; step++) {
            uint32_t offset = random_below(t.memory.RingBytes);
            ULONG id, written;

            ((uint8_t *)t.setup.Ring)[offset] = (uint8_t)random_below(256);
            *device_used_index() = (uint16_t)random_below(4 + step);
            device_used_element(random_below(size))[0] = random_below(size + 1);
            device_used_element(random_below(size))[1] = random_below(4);
            (void)driver_submit(CHAINS_MIXED, 1 + random_below(size < 4 ? size : 4));
            (void)VirtQueueKickNeeded(&t.queue);
            VirtQueueDisableInterrupts(&t.queue);
            while (VirtQueueGetUsed(&t.queue, &id, &written) == VirtQueueElement) {
                assert_true(t.requests[id].outstanding);
                assert_true(written <= t.requests[id].writable);
                t.requests[id].outstanding = false;
            }
            (void)VirtQueueEnableInterrupts(&t.queue, 1 + random_below(20));
            assert_true(VirtQueueFreeDescriptors(&t.queue) <= size);
        }
        queue_close();
    }
}

/* ---- Tests: reset ---- */

static void test_enumerate_outstanding(void **state)
{
    uint32_t ids[3], found = 0;
    uint32_t id;

    (void)state;
    queue_open(8, VirtQueueLayoutSplit, false);
    ids[0] = submit_one();
    ids[1] = VirtQueueReserve(&t.queue, 2); /* reserved: not outstanding */
    ids[2] = submit_one();
    for (id = VirtQueueNextOutstanding(&t.queue, 0); id != VIRTQUEUE_NONE;
         id = VirtQueueNextOutstanding(&t.queue, id + 1)) {
        assert_true(id == ids[0] || id == ids[2]);
        found++;
    }
    assert_int_equal(found, 2);
    assert_int_equal(VirtQueueNextOutstanding(&t.queue, 8), VIRTQUEUE_NONE);
    assert_int_equal(VirtQueueNextOutstanding(&t.queue, VIRTQUEUE_NONE), VIRTQUEUE_NONE);
    expect_works_again();
    queue_close();
}

static void test_fault_names(void **state)
{
    uint32_t fault;

    (void)state;
    for (fault = VirtQueueFaultNone; fault <= VirtQueueFaultUsedLength; fault++) {
        assert_string_not_equal(VirtQueueFaultName((VIRTQUEUE_FAULT)fault), "unknown queue fault");
    }
    assert_string_equal(VirtQueueFaultName((VIRTQUEUE_FAULT)99), "unknown queue fault");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory_size),
        cmocka_unit_test(test_layout),
        cmocka_unit_test(test_initial_contents),
        cmocka_unit_test(test_part_of_the_ring),
        cmocka_unit_test(test_bad_setup),
        cmocka_unit_test(test_kick_flags),
        cmocka_unit_test(test_kick_event),
        cmocka_unit_test(test_interrupt_flags),
        cmocka_unit_test(test_interrupt_event),
        cmocka_unit_test(test_traffic),
        cmocka_unit_test(test_traffic_wraps),
        cmocka_unit_test(test_traffic_largest),
        cmocka_unit_test(test_longest_chain),
        cmocka_unit_test(test_used_id_out_of_range),
        cmocka_unit_test(test_used_id_not_outstanding),
        cmocka_unit_test(test_used_index_jump),
        cmocka_unit_test(test_used_length),
        cmocka_unit_test(test_scribbled_descriptors),
        cmocka_unit_test(test_fuzzed_ring),
        cmocka_unit_test(test_enumerate_outstanding),
        cmocka_unit_test(test_fault_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
