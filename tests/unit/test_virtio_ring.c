/* SPDX-License-Identifier: BSD-3-Clause */
/* SOURCES: viostor/virtio_ring.c viostor/virtio_ring_split.c viostor/virtio_ring_packed.c */
/*
 * The split virtqueue against a reference device. virtio_ring_traffic.h explains how.
 */
#include "virtio_ring_traffic.h"

/* ---- The reference device: split ring ---- */

static struct {
    uint16_t last_avail;
    uint16_t used_index;
    uint16_t batch; /* requests that the used element stands for */
    uint16_t signalled;
    /* What of the driver's stores has reached it. */
    uint16_t seen_flags, seen_index, seen_event;
} split;

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
    split.seen_flags = *device_avail(AVAIL_FLAGS);
    split.seen_index = *device_avail(AVAIL_INDEX);
    split.seen_event = *device_avail(USED_EVENT);
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
    const struct request *request = device_accept(head);
    const uint8_t *descriptor = device_descriptor(head);
    uint64_t address;
    uint32_t length, n;
    uint16_t flags, next;

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
            uint16_t at = next;
            next = device_check_segment(device_descriptor(at), request, n);
            if (t.setup.InOrder && n + 1 < request->count) {
                assert_int_equal(next, (at + 1) & (t.size - 1)); /* 2.7.5.2 */
            }
        }
    }
}

static bool device_sees_available(void)
{
    return split.seen_index != split.last_avail;
}

/* In order the driver goes round the ring (2.7.5), each chain with as many as were reserved for it. */
static void device_take(void)
{
    uint32_t head = *device_avail(AVAIL_RING + (split.last_avail & (t.size - 1)));

    split.last_avail++;
    device_check_chain(head);
}

/* Asks for the next doorbell: by the event, or by taking the flag back (2.7.10). */
static void device_want_doorbell(void)
{
    if (t.setup.EventIndex) {
        *device_avail_event() = split.last_avail;
    } else {
        *device_used_flags() = 0;
    }
}

static void device_ring_answered(void)
{
    if (!t.setup.EventIndex) {
        *device_used_flags() = 1;
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
            device_ring_answered();
            device.state = DEVICE_WORKING;
        } else {
            device.state = DEVICE_ASLEEP;
        }
        break;
    }
}

/* Whether the driver wants an interrupt for what was used since the last decision (2.7.7). */
static bool device_interrupt_wanted(void)
{
    if (!t.setup.EventIndex) {
        return (split.seen_flags & 1) == 0;
    }
    for (uint16_t at = split.signalled; at != split.used_index; at++) {
        if (split.seen_event == at) {
            return true;
        }
    }
    return false;
}

/* Uses a request, or a batch of them: element, index and interrupt are steps of their own. */
static void device_step_used(void)
{
    uint32_t id, batch;

    switch (device.completion) {
    case COMPLETION_IDLE:
        if (device.pending_count == 0) {
            return;
        }
        id = device_choose(&batch);
        split.batch = (uint16_t)batch;
        device_used_element(split.used_index & (t.size - 1))[0] = id;
        device_used_element(split.used_index & (t.size - 1))[1] = t.requests[id].returned;
        device.completion = COMPLETION_ELEMENT;
        break;
    case COMPLETION_ELEMENT:
        split.used_index = (uint16_t)(split.used_index + split.batch);
        *device_used_index() = split.used_index;
        device.completion = COMPLETION_INDEX;
        break;
    case COMPLETION_INDEX:
        device.interrupt = device.interrupt || device_interrupt_wanted();
        split.signalled = split.used_index;
        device.completion = COMPLETION_IDLE;
        break;
    }
}

static void device_reset(void)
{
    memset(&split, 0, sizeof(split));
}

/* ---- Tests: traffic ---- */

static void test_traffic(void **state)
{
    static const uint32_t sizes[] = {1, 2, 4, 8, 64, 256, 1024};
    uint32_t n, mode;

    (void)state;
    for (n = 0; n < sizeof(sizes) / sizeof(sizes[0]); n++) {
        for (mode = 0; mode < 24; mode++) {
            random_state = 88172645463325252ull + n * 100 + mode;
            queue_open_order(sizes[n], mode & 1 ? VirtQueueLayoutLegacy : VirtQueueLayoutSplit,
                             (mode & 2) != 0, mode >= 12);
            run_traffic((enum chains)(mode % 12 / 4), 3000);
            /* A device in order must have told of several requests at once. */
            assert_true(mode < 12 || sizes[n] < 8 || device.skipped > 10);
            queue_close();
        }
    }
}

/* The 16-bit indices wrap twice, in every mode. */
static void test_traffic_wraps(void **state)
{
    uint32_t mode;

    (void)state;
    for (mode = 0; mode < 12; mode++) {
        random_state = 4101842887655102017ull + mode;
        queue_open_order(32, VirtQueueLayoutSplit, mode & 1, mode >= 6);
        run_traffic((enum chains)(mode % 6 / 2), 140000);
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
        while (split.used_index != (uint16_t)((round + 1) * 32768)) {
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
    assert_int_equal(memory.RingBytes, 4096 + 4096 + 2112);
    assert_int_equal(memory.RingAlignment, 4096);
    assert_int_equal(memory.PrivateBytes, 256 * sizeof(VIRTQUEUE_ID));
    assert_true(VirtQueueMemorySize(VirtQueueLayoutSplit, 256, &memory));
    assert_int_equal(memory.RingBytes, 4096 + 576 + 2112);
    assert_int_equal(memory.RingAlignment, 64);
    assert_true(VirtQueueMemorySize(VirtQueueLayoutLegacy, 32768, &memory));
    assert_int_equal(memory.RingBytes, 524288 + 69632 + 262208);
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
    VIRTQUEUE_SETUP setup = {VirtQueueLayoutSplit, 16,     3, FALSE, FALSE, FALSE, ring,
                             RING_ADDRESS,         private};
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
    VIRTQUEUE_SETUP good = {VirtQueueLayoutSplit, 16,     0, FALSE, FALSE, FALSE, ring,
                            RING_ADDRESS,         private};
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
    setup.InOrder = TRUE; /* in order goes round the whole ring */
    setup.Use = 8;
    assert_int_equal(VirtQueueInitialize(&queue, &setup), VirtQueueFaultSize);
    assert_int_equal(queue.FaultValue, 8);
    setup.Use = 16;
    assert_int_equal(VirtQueueInitialize(&queue, &setup), VirtQueueFaultNone);
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

/* ---- Tests: the plain way ---- */

static void plain_open(uint32_t size)
{
    queue_open(size, VirtQueueLayoutSplit, true);
    t.setup.Single = TRUE;
    assert_int_equal(VirtQueueInitialize(&t.queue, &t.setup), VirtQueueFaultNone);
    assert_true(VirtQueueIsPlain(&t.queue));
}

/* Submits one request, its table written as a caller does who keeps it. FALSE: the queue is full. */
static bool plain_submit(void)
{
    const uint32_t id = VirtSplitNextFree(&t.queue);
    const uint32_t count = 1 + random_below(SEGMENTS_MAX);
    struct request *request = &t.requests[id];
    const unsigned barriers = full_barriers;

    if (id == t.size) {
        assert_int_equal(VirtQueueFreeDescriptors(&t.queue), 0);
        assert_int_equal(VirtQueueReserve(&t.queue, 1), VIRTQUEUE_FULL);
        return false;
    }
    assert_true(id < t.size && !request->outstanding);
    driver_fill_request(request, count);
    for (uint32_t n = 0; n < count; n++) {
        VirtQueueSetEntry(
            TRUE, (PVIRTQUEUE_ENTRY)&t.tables[id][n], request->segments[n].address,
            request->segments[n].length,
            VirtQueueEntryTail(TRUE, n, request->segments[n].device_writes, n + 1 == count));
    }
    VirtQueueSetTable(&t.queue, id, TABLE_ADDRESS + id * sizeof(t.tables[0]), count);
    request->outstanding = true;
    outstanding++;
    if (VirtSplitSubmitOne(&t.queue, id, request, request->writable)) {
        device_doorbell();
    }
    assert_int_equal(full_barriers - barriers, 1);
    return true;
}

/* What a DPC does. */
static void plain_interrupt(void)
{
    VIRTQ_SPLIT_TAKE take;
    VIRTQUEUE_RESULT result;
    ULONG id, length;

    device.interrupt = false;
    device.interrupts++;
    do {
        while ((result = VirtSplitBeginTake(&t.queue, &take)) == VirtQueueElement) {
            do {
                PVIRTQUEUE_ID found = VirtSplitLook(&take, &id, &length);

                assert_non_null(found);
                VirtSplitTake(&take, id, found);
                driver_take(id, length);
            } while (VirtSplitHasMore(&take));
            VirtSplitEndTake(&t.queue, &take);
        }
        assert_int_equal(result, VirtQueueEmpty);
    } while (VirtSplitRearm(&t.queue));
}

/* run_traffic by the plain way, with chains that are submitted as usual among them. */
static void run_plain_traffic(uint64_t requests)
{
    unsigned idle = 0;

    device_open();
    outstanding = 0;
    completed = 0;
    at_barrier = device_run_some;
    drain_stores = device_drain_stores;
    while (completed < requests || outstanding != 0) {
        uint32_t burst = completed + outstanding < requests ? 1 + random_below(3) : 0;

        while (burst-- > 0) {
            if (random_below(8) != 0) {
                (void)plain_submit();
            } else if (driver_submit(CHAINS_INDIRECT, 1 + random_below(SEGMENTS_MAX))) {
                driver_kick();
            }
        }
        device_run(random_below(16));
        assert_int_equal(VirtQueueOutstanding(&t.queue), outstanding);
        assert_int_equal(VirtQueueFreeDescriptors(&t.queue), t.size - outstanding);
        if (device.interrupt && random_below(3) != 0) {
            plain_interrupt();
        }
        idle = device_is_quiet() && outstanding != 0 ? idle + 1 : 0;
        assert_true(idle < 100); /* both sides asleep: a doorbell or an interrupt was lost */
    }
    at_barrier = NULL;
    assert_int_equal(VirtQueueNextOutstanding(&t.queue, 0), VIRTQUEUE_NONE);
    device_close();
}

static void test_plain_traffic(void **state)
{
    static const uint32_t sizes[] = {1, 2, 8, 64, 256};

    (void)state;
    for (unsigned n = 0; n < sizeof(sizes) / sizeof(sizes[0]); n++) {
        random_state = 5177372369811357317ull + n;
        plain_open(sizes[n]);
        run_plain_traffic(n == 3 ? 140000 : 5000); /* once with the indices' wrap */
        queue_close();
    }
}

/* What a device may not say, each in the middle of good elements, which are taken. */
static void test_plain_odd_elements(void **state)
{
    static const struct {
        uint32_t id, length;
        VIRTQUEUE_FAULT fault;
        uint32_t value;
    } odd[] = {
        {16, 0, VirtQueueFaultUsedId, 16},
        {0xffffffffu, 0, VirtQueueFaultUsedId, 0xffffffffu},
        {5, 0, VirtQueueFaultNotPending, 5}, /* was never given */
        {0, 0, VirtQueueFaultNotPending, 0}, /* has been used */
    };

    (void)state;
    for (unsigned n = 0; n < sizeof(odd) / sizeof(odd[0]); n++) {
        VIRTQ_SPLIT_TAKE take;
        ULONG id, length;

        random_state = 88172645463325252ull;
        plain_open(16);
        device_open();
        for (unsigned i = 0; i < 3; i++) {
            assert_true(plain_submit());
        }
        device_used_element(0)[0] = 0;
        device_used_element(0)[1] = 0;
        device_used_element(1)[0] = odd[n].id;
        device_used_element(1)[1] = odd[n].length;
        *device_used_index() = 2;
        assert_int_equal(VirtSplitBeginTake(&t.queue, &take), VirtQueueElement);
        assert_int_equal(VirtSplitReady(&t.queue), 2);
        assert_non_null(VirtSplitLook(&take, &id, &length));
        VirtSplitTake(&take, id, &take.Ids[id]);
        assert_ptr_equal(VirtQueueContext(&t.queue, id), &t.requests[0]);
        assert_true(VirtSplitHasMore(&take));
        assert_null(VirtSplitLook(&take, &id, &length));
        assert_false(VirtSplitTakeOdd(&t.queue, &take, id));
        assert_int_equal(t.queue.Complete.Fault, odd[n].fault);
        assert_int_equal(t.queue.FaultValue, odd[n].value);
        assert_int_equal(VirtQueueOutstanding(&t.queue), 2);
        assert_int_equal(VirtQueueNextOutstanding(&t.queue, 0), 1);
        device_close();
        queue_close();
    }
}

/* A length that is too long takes nothing from its element, but the index may not run ahead. */
static void test_plain_long_length_and_ahead(void **state)
{
    VIRTQ_SPLIT_TAKE take;
    ULONG id, length;

    (void)state;
    random_state = 88172645463325252ull;
    plain_open(16);
    device_open();
    assert_true(plain_submit());
    assert_true(plain_submit());
    device_used_element(0)[0] = 1;
    device_used_element(0)[1] = 0xffffffffu;
    *device_used_index() = 1;
    assert_int_equal(VirtSplitBeginTake(&t.queue, &take), VirtQueueElement);
    assert_null(VirtSplitLook(&take, &id, &length));
    assert_true(VirtSplitTakeOdd(&t.queue, &take, id));
    assert_int_equal(VirtQueueOutstanding(&t.queue), 1);
    assert_int_equal(VirtSplitNextFree(&t.queue), 1);
    *device_used_index() = 3;
    assert_int_equal(VirtSplitBeginTake(&t.queue, &take), VirtQueueBroken);
    assert_int_equal(t.queue.Complete.Fault, VirtQueueFaultUsedIndex);
    device_close();
    queue_close();
}

/* ---- Tests: doorbells and interrupts, step by step ---- */

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

/* One that is too long is said and does no harm; the id still has to be outstanding. */
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
        assert_int_equal(VirtQueueGetUsed(&t.queue, &id, &written), VirtQueueLongElement);
        assert_int_equal(id, 0);
        assert_int_equal(written, lengths[n]);
        submit_one();
        use_one(&used, 0, 512);
        assert_int_equal(VirtQueueGetUsed(&t.queue, &id, &written), VirtQueueElement);
        submit_one();
        use_one(&used, 5, lengths[n]);
        expect_broken(VirtQueueFaultNotPending, 5);
        queue_close();
    }
}

/* In order: the element names the last of a batch; what it cannot be breaks the queue. */
static void test_in_order_batches(void **state)
{
    ULONG id = 0, written = 0;
    uint32_t n;

    (void)state;
    queue_open_order(8, VirtQueueLayoutSplit, false, true);
    for (n = 0; n < 4; n++) {
        assert_int_equal(submit_one(), n);
    }
    device_used_element(0)[0] = 2; /* three at once, the last one with 100 bytes */
    device_used_element(0)[1] = 100;
    *device_used_index() = 3;
    for (n = 0; n < 3; n++) {
        assert_true(VirtQueuePending(&t.queue));
        assert_int_equal(VirtQueueOutstanding(&t.queue), 4 - n);
        assert_int_equal(VirtQueueGetUsed(&t.queue, &id, &written), VirtQueueElement);
        assert_int_equal(id, n);
        assert_int_equal(written, n == 2 ? 100 : 512);
    }
    assert_int_equal(VirtQueueGetUsed(&t.queue, &id, &written), VirtQueueEmpty);
    assert_int_equal(VirtQueueFreeDescriptors(&t.queue), 7);
    assert_int_equal(VirtQueueNextOutstanding(&t.queue, 0), 3);

    device_used_element(3)[0] = 3; /* with more than it can take */
    device_used_element(3)[1] = 4096;
    *device_used_index() = 4;
    assert_int_equal(VirtQueueGetUsed(&t.queue, &id, &written), VirtQueueLongElement);
    assert_int_equal(id, 3);
    assert_int_equal(written, 4096);

    (void)submit_one();
    device_used_element(4)[0] = 2; /* that one was used before */
    *device_used_index() = 5;
    assert_int_equal(VirtQueueGetUsed(&t.queue, &id, &written), VirtQueueBroken);
    assert_int_equal(t.queue.Complete.Fault, VirtQueueFaultNotPending);
    expect_works_again();

    VirtQueueReinitialize(&t.queue); /* the index stands for less than the batch */
    for (n = 0; n < 4; n++) {
        (void)submit_one();
    }
    device_used_element(0)[0] = 3;
    device_used_element(0)[1] = 1;
    *device_used_index() = 2;
    for (n = 0; n < 2; n++) {
        assert_int_equal(VirtQueueGetUsed(&t.queue, &id, &written), VirtQueueElement);
        assert_int_equal(id, n);
    }
    assert_int_equal(VirtQueueGetUsed(&t.queue, &id, &written), VirtQueueBroken);
    assert_int_equal(t.queue.Complete.Fault, VirtQueueFaultUsedIndex);
    assert_int_equal(VirtQueueGetUsed(&t.queue, &id, &written), VirtQueueBroken);
    assert_int_equal(VirtQueueNextOutstanding(&t.queue, 0), 2);
    expect_works_again();
    queue_close();
}

/* The device scribbles over all that it can reach: the driver's own state does not care. */
static void test_scribbled_descriptors(void **state)
{
    ULONG id = VIRTQUEUE_FULL, written;
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

        queue_open_order(size, VirtQueueLayoutSplit, round & 1, round & 2);
        for (step = 0; step < 60; step++) {
            uint32_t offset = random_below(t.memory.RingBytes);
            VIRTQUEUE_RESULT result;
            ULONG id, written;

            ((uint8_t *)t.setup.Ring)[offset] = (uint8_t)random_below(256);
            *device_used_index() = (uint16_t)random_below(4 + step);
            device_used_element(random_below(size))[0] = random_below(size + 1);
            device_used_element(random_below(size))[1] = random_below(4);
            (void)driver_submit(CHAINS_MIXED, 1 + random_below(size < 4 ? size : 4));
            (void)VirtQueueKickNeeded(&t.queue);
            VirtQueueDisableInterrupts(&t.queue);
            while ((result = VirtQueueGetUsed(&t.queue, &id, &written)) == VirtQueueElement ||
                   result == VirtQueueLongElement) {
                assert_true(t.requests[id].outstanding);
                assert_int_equal(written > t.requests[id].writable, result == VirtQueueLongElement);
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
    for (fault = VirtQueueFaultNone; fault <= VirtQueueFaultNotPending; fault++) {
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
        cmocka_unit_test(test_plain_traffic),
        cmocka_unit_test(test_plain_odd_elements),
        cmocka_unit_test(test_plain_long_length_and_ahead),
        cmocka_unit_test(test_used_id_out_of_range),
        cmocka_unit_test(test_used_id_not_outstanding),
        cmocka_unit_test(test_used_index_jump),
        cmocka_unit_test(test_used_length),
        cmocka_unit_test(test_in_order_batches),
        cmocka_unit_test(test_scribbled_descriptors),
        cmocka_unit_test(test_fuzzed_ring),
        cmocka_unit_test(test_enumerate_outstanding),
        cmocka_unit_test(test_fault_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
