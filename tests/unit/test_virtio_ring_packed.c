/* SPDX-License-Identifier: BSD-3-Clause */
/* SOURCES: viostor/virtio_ring.c viostor/virtio_ring_split.c viostor/virtio_ring_packed.c */
/*
 * The packed virtqueue against a reference device, which counts places by offset and wrap counter as
 * the specification does. virtio_ring_traffic.h explains how.
 */
#include "virtio_ring_traffic.h"

#define F_NEXT     1u
#define F_WRITE    2u
#define F_INDIRECT 4u
#define F_AVAIL    0x80u
#define F_USED     0x8000u

#define EVENT_ENABLE  0u
#define EVENT_DISABLE 1u
#define EVENT_DESC    2u

/* ---- The reference device: packed ring ---- */

struct place {
    uint16_t offset;
    bool wrap;
};

static struct {
    struct place avail, used;  /* next descriptor to take, to use */
    struct place signalled;    /* `used` at the last decision about an interrupt */
    uint16_t batch;            /* descriptors that the used one stands for */
    uint16_t flags;            /* of the used one, to be written last */
    uint16_t count[32768];     /* per id that it has: descriptors */
    uint32_t seen_descriptors; /* what of the driver's stores has reached it: free running */
    uint16_t seen_event, seen_event_flags;
    uint32_t taken_descriptors;
} packed;

static struct place place_forward(struct place place, uint32_t count)
{
    place.offset = (uint16_t)(place.offset + count);
    if (place.offset >= t.size) {
        place.offset = (uint16_t)(place.offset - t.size);
        place.wrap = !place.wrap;
    }
    return place;
}

static bool place_equal(struct place a, struct place b)
{
    return a.offset == b.offset && a.wrap == b.wrap;
}

static uint16_t place_value(struct place place)
{
    return (uint16_t)(place.offset | place.wrap << 15);
}

static uint8_t *device_descriptor(uint32_t offset)
{
    assert_true(offset < t.size);
    return device_pointer(t.addresses.Descriptors + 16 * offset, 16);
}

static uint16_t *device_flags(uint32_t offset)
{
    return (uint16_t *)(device_descriptor(offset) + 14);
}

static uint16_t *driver_event(void)
{
    return (uint16_t *)device_pointer(t.addresses.Available, 4);
}

static uint16_t *device_event(void)
{
    return (uint16_t *)device_pointer(t.addresses.Used, 4);
}

static bool is_available(struct place place)
{
    const uint16_t flags = *device_flags(place.offset);

    return ((flags & F_AVAIL) != 0) == place.wrap && ((flags & F_USED) != 0) != place.wrap;
}

/* Stores reach it in order: all that the driver has committed by now, and its latest wish. The
 * queue's own count of descriptors says how far that is. */
static void device_drain_stores(void)
{
    packed.seen_descriptors += (uint16_t)(t.queue.Submit.AvailIndex - packed.seen_descriptors);
    packed.seen_event = driver_event()[0];
    packed.seen_event_flags = driver_event()[1];
}

static bool device_sees_available(void)
{
    const bool available = packed.seen_descriptors != packed.taken_descriptors;

    assert_true(!available || is_available(packed.avail));
    return available;
}

static void device_check_segment(const uint8_t *descriptor, const struct request *request,
                                 uint32_t n)
{
    uint64_t address;
    uint32_t length;
    uint16_t flags;

    memcpy(&address, descriptor, 8);
    memcpy(&length, descriptor + 8, 4);
    memcpy(&flags, descriptor + 14, 2);
    assert_int_equal(address, request->segments[n].address);
    assert_int_equal(length, request->segments[n].length);
    assert_int_equal(flags & F_WRITE, request->segments[n].device_writes ? F_WRITE : 0);
    assert_int_equal(flags & F_INDIRECT, 0);
}

/* The id stands in the last descriptor of the chain (2.8.6). */
static uint16_t device_id_of_chain(uint32_t *count)
{
    struct place at = packed.avail;
    uint16_t id;

    for (*count = 1; *device_flags(at.offset) & F_NEXT; ++*count) {
        assert_true(*count < t.size);
        at = place_forward(at, 1);
        assert_true(is_available(at));
    }
    memcpy(&id, device_descriptor(at.offset) + 12, 2);
    return id;
}

static void device_take(void)
{
    const uint8_t *descriptor = device_descriptor(packed.avail.offset);
    struct place at = packed.avail;
    uint32_t count, length, n;
    uint64_t address;
    const uint16_t id = device_id_of_chain(&count);
    const struct request *request = device_accept(id);

    if (*device_flags(at.offset) & F_INDIRECT) {
        assert_int_equal(count, 1);
        assert_int_equal(*device_flags(at.offset) & (F_NEXT | F_WRITE), 0);
        memcpy(&address, descriptor, 8);
        memcpy(&length, descriptor + 8, 4);
        assert_int_equal(address, TABLE_ADDRESS + id * sizeof(t.tables[0]));
        assert_int_equal(length, request->count * 16);
        for (n = 0; n < request->count; n++) {
            device_check_segment((const uint8_t *)&t.tables[id][n], request, n);
        }
    } else {
        assert_int_equal(count, request->count);
        for (n = 0; n < count; n++, at = place_forward(at, 1)) {
            device_check_segment(device_descriptor(at.offset), request, n);
        }
    }
    packed.count[id] = (uint16_t)count;
    packed.avail = place_forward(packed.avail, count);
    packed.taken_descriptors += count;
}

static void device_want_doorbell(void)
{
    if (t.setup.EventIndex) {
        device_event()[0] = place_value(packed.avail);
        device_event()[1] = EVENT_DESC;
    } else {
        device_event()[1] = EVENT_ENABLE;
    }
}

/* With event index it may leave its structure as it is, too. */
static void device_ring_answered(void)
{
    if (!t.setup.EventIndex || random_below(2)) {
        device_event()[1] = EVENT_DISABLE;
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

static bool device_interrupt_wanted(void)
{
    struct place at;

    if (packed.seen_event_flags != EVENT_DESC) {
        assert_true(packed.seen_event_flags <= EVENT_DISABLE);
        return packed.seen_event_flags == EVENT_ENABLE;
    }
    assert_true(t.setup.EventIndex);
    for (at = packed.signalled; !place_equal(at, packed.used); at = place_forward(at, 1)) {
        if (place_value(at) == packed.seen_event) {
            return true;
        }
    }
    return false;
}

/* The descriptors of a batch: those of each of its requests. The last one's id is `last`. */
static uint16_t device_batch_descriptors(uint32_t last, const uint32_t *before, uint32_t batch)
{
    uint32_t count = packed.count[last], n;

    for (n = 0; n + 1 < batch; n++) {
        count += packed.count[before[n]];
    }
    return (uint16_t)count;
}

static void device_step_used(void)
{
    static uint32_t before[32768];
    uint32_t batch, length;
    uint16_t id;

    switch (device.completion) {
    case COMPLETION_IDLE:
        if (device.pending_count == 0) {
            return;
        }
        memcpy(before, device.pending, device.pending_count * sizeof(before[0]));
        id = (uint16_t)device_choose(&batch);
        packed.batch = device_batch_descriptors(id, before, batch);
        packed.flags = (packed.used.wrap ? F_AVAIL | F_USED : 0) |
                       (t.requests[id].returned != 0 ? F_WRITE : 0);
        /* Where nothing was written the length means nothing (2.8.14). */
        length = t.requests[id].returned != 0 ? t.requests[id].returned : random_below(UINT32_MAX);
        memcpy(device_descriptor(packed.used.offset) + 8, &length, 4);
        memcpy(device_descriptor(packed.used.offset) + 12, &id, 2);
        device.completion = COMPLETION_ELEMENT;
        break;
    case COMPLETION_ELEMENT:
        *device_flags(packed.used.offset) = packed.flags;
        packed.used = place_forward(packed.used, packed.batch);
        device.completion = COMPLETION_INDEX;
        break;
    case COMPLETION_INDEX:
        device.interrupt = device.interrupt || device_interrupt_wanted();
        packed.signalled = packed.used;
        device.completion = COMPLETION_IDLE;
        break;
    }
}

static void device_reset(void)
{
    memset(&packed, 0, sizeof(packed));
    packed.avail.wrap = packed.used.wrap = packed.signalled.wrap = true;
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
            queue_open_order(sizes[n], VirtQueueLayoutPacked, (mode & 1) != 0, mode >= 6);
            run_traffic((enum chains)(mode % 6 / 2), 4000);
            assert_true(mode < 6 || sizes[n] < 8 || device.skipped > 10);
            queue_close();
        }
    }
}

/* Places wrap at the ring's end and, kept in 16 bits, at 65536. */
static void test_traffic_wraps(void **state)
{
    uint32_t mode;

    (void)state;
    for (mode = 0; mode < 12; mode++) {
        random_state = 4101842887655102017ull + mode;
        queue_open_order(32, VirtQueueLayoutPacked, mode & 1, mode >= 6);
        run_traffic((enum chains)(mode % 6 / 2), 140000);
        queue_close();
    }
}

/* The largest queue, full, over both of its wrap counters. */
static void test_traffic_largest(void **state)
{
    ULONG id = 0, written = 0;
    uint32_t round, n;

    (void)state;
    random_state = 1181783497276652981ull;
    queue_open(32768, VirtQueueLayoutPacked, true);
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
        do {
            device_step_available();
        } while (device.state != DEVICE_ASLEEP);
        do {
            device_step_used();
        } while (device.pending_count != 0 || device.completion != COMPLETION_IDLE);
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

/* Puts a used descriptor at offset n of the first lap, or of the second. */
static void use_at(uint32_t n, uint16_t id, uint32_t length, bool wrap)
{
    memcpy(device_descriptor(n) + 8, &length, 4);
    memcpy(device_descriptor(n) + 12, &id, 2);
    *device_flags(n) = F_WRITE | (wrap ? F_AVAIL | F_USED : 0);
}

/* One direct chain through every descriptor of the largest queue, and once more. */
static void test_longest_chain(void **state)
{
    VIRTQUEUE_CHAIN chain;
    ULONG id, written = 0;
    uint32_t round, n;

    (void)state;
    queue_open(32768, VirtQueueLayoutPacked, false);
    for (round = 0; round < 3; round++) {
        id = VirtQueueReserve(&t.queue, 32768);
        assert_int_not_equal(id, VIRTQUEUE_FULL);
        assert_int_equal(VirtQueueReserve(&t.queue, 1), VIRTQUEUE_FULL);
        VirtQueueBeginDirect(&chain, &t.queue, id);
        for (n = 0; n < 32768; n++) {
            VirtQueueAppend(&chain, n, 4096, TRUE);
        }
        VirtQueueCommit(&chain);
        assert_true(is_available((struct place){0, round % 2 == 0}));
        use_at(0, (uint16_t)id, 32768 * 4096, round % 2 == 0);
        assert_int_equal(VirtQueueGetUsed(&t.queue, &id, &written), VirtQueueElement);
        assert_int_equal(written, 32768 * 4096);
        assert_int_equal(VirtQueueFreeDescriptors(&t.queue), 32768);
    }
    queue_close();
}

/* The first descriptor becomes available last: behind the barrier, which this looks from. */
static bool first_was_early;

static void look_at_first(void)
{
    first_was_early = first_was_early || is_available((struct place){3, true});
    assert_true(is_available((struct place){4, true})); /* the rest of the chain is there */
    assert_true(is_available((struct place){5, true}));
}

static void test_first_descriptor_comes_last(void **state)
{
    VIRTQUEUE_CHAIN chain;
    ULONG id, n;

    (void)state;
    queue_open(8, VirtQueueLayoutPacked, false);
    for (n = 0; n < 3; n++) {
        (void)submit_one();
    }
    id = VirtQueueReserve(&t.queue, 3);
    VirtQueueBeginDirect(&chain, &t.queue, id);
    for (n = 0; n < 3; n++) {
        VirtQueueAppend(&chain, 0x1000, 512, TRUE);
    }
    assert_false(is_available((struct place){3, true}));
    first_was_early = false;
    at_barrier = look_at_first;
    VirtQueueCommit(&chain);
    at_barrier = NULL;
    assert_false(first_was_early);
    assert_true(is_available((struct place){3, true}));
    queue_close();
}

/* A chain that takes fewer descriptors than were reserved for it. */
static void test_shorter_than_reserved(void **state)
{
    uint32_t order;

    (void)state;
    for (order = 0; order < 2; order++) {
        VIRTQUEUE_CHAIN chain;
        ULONG id, written, next;

        queue_open_order(8, VirtQueueLayoutPacked, false, order);
        id = VirtQueueReserve(&t.queue, 5);
        VirtQueueBeginDirect(&chain, &t.queue, id);
        VirtQueueAppend(&chain, 0x1000, 512, FALSE);
        VirtQueueAppend(&chain, 0x2000, 512, TRUE);
        VirtQueueCommit(&chain);
        assert_int_equal(VirtQueueFreeDescriptors(&t.queue), 6);
        next = submit_one();
        assert_true(is_available((struct place){2, true}));
        assert_false(is_available((struct place){3, true}));
        use_at(0, (uint16_t)id, 1, true);
        use_at(2, (uint16_t)next, 2, true);
        assert_int_equal(VirtQueueGetUsed(&t.queue, &id, &written), VirtQueueElement);
        assert_int_equal(written, 1);
        assert_int_equal(VirtQueueGetUsed(&t.queue, &id, &written), VirtQueueElement);
        assert_int_equal(id, next);
        assert_int_equal(written, 2);
        assert_int_equal(VirtQueueFreeDescriptors(&t.queue), 8);
        queue_close();
    }
}

/* ---- Tests: memory and setup ---- */

static void test_memory_size(void **state)
{
    VIRTQUEUE_MEMORY memory = {1, 2, 3};

    (void)state;
    assert_false(VirtQueueMemorySize(VirtQueueLayoutPacked, 100, &memory));
    assert_int_equal(memory.RingBytes, 1);
    assert_true(VirtQueueMemorySize(VirtQueueLayoutPacked, 256, &memory));
    assert_int_equal(memory.RingBytes, 4096 + 64 + 64);
    assert_int_equal(memory.RingAlignment, 64);
    assert_int_equal(memory.PrivateBytes, 256 * sizeof(VIRTQUEUE_ID));
    assert_true(VirtQueueMemorySize(VirtQueueLayoutPacked, 1, &memory));
    assert_int_equal(memory.RingBytes, 64 + 64 + 64);
    assert_true(VirtQueueMemorySize(VirtQueueLayoutPacked, 32768, &memory));
    assert_int_equal(memory.RingBytes, 524288 + 128);
}

static void test_layout(void **state)
{
    uint32_t size, n;

    (void)state;
    for (size = 1; size <= 32768; size *= 2) {
        queue_open(size, VirtQueueLayoutPacked, true);
        assert_int_equal(t.addresses.Descriptors, RING_ADDRESS);
        assert_true(t.addresses.Available >= RING_ADDRESS + 16ull * size);
        assert_int_equal(t.addresses.Available % 64, 0);
        assert_true(t.addresses.Used >= t.addresses.Available + 64);
        assert_int_equal(t.addresses.Used % 64, 0);
        assert_true(t.addresses.Used + 4 <= RING_ADDRESS + t.memory.RingBytes);
        for (n = 0; n < t.memory.RingBytes; n++) {
            assert_int_equal(((uint8_t *)t.setup.Ring)[n], 0);
        }
        assert_int_equal(VirtQueueFreeDescriptors(&t.queue), size);
        assert_int_equal(VirtQueueOutstanding(&t.queue), 0);
        assert_false(VirtQueueKickNeeded(&t.queue));
        assert_int_equal(VirtQueueNotificationData(&t.queue), 0x8000);
        queue_close();
    }
}

/* A queue that uses part of its ring: no id behind that, however often. */
static void test_part_of_the_ring(void **state)
{
    ULONG id, written;
    uint32_t place;

    (void)state;
    queue_open(16, VirtQueueLayoutPacked, false);
    t.setup.Use = 3;
    assert_int_equal(VirtQueueInitialize(&t.queue, &t.setup), VirtQueueFaultNone);
    (void)submit_one();
    (void)submit_one();
    for (place = 0; place < 100; place++) {
        assert_true(submit_one() < 3);
        assert_int_equal(VirtQueueReserve(&t.queue, 1), VIRTQUEUE_FULL);
        use_at(place % 16, (uint16_t)VirtQueueNextOutstanding(&t.queue, place % 3), 1,
               place / 16 % 2 == 0);
        assert_int_equal(VirtQueueGetUsed(&t.queue, &id, &written), VirtQueueElement);
    }
    queue_close();
}

static void test_bad_setup(void **state)
{
    (void)state;
    queue_open(16, VirtQueueLayoutPacked, false);
    t.setup.Size = 24;
    assert_int_equal(VirtQueueInitialize(&t.queue, &t.setup), VirtQueueFaultSize);
    t.setup.Size = 16;
    t.setup.RingAddress += 32;
    assert_int_equal(VirtQueueInitialize(&t.queue, &t.setup), VirtQueueFaultAlignment);
    t.setup.RingAddress = RING_ADDRESS;
    t.setup.InOrder = TRUE;
    t.setup.Use = 8;
    assert_int_equal(VirtQueueInitialize(&t.queue, &t.setup), VirtQueueFaultSize);
    assert_int_equal(t.queue.FaultValue, 8);
    queue_close();
}

/* ---- Tests: doorbells and interrupts, step by step ---- */

/* Sends `count` requests through the queue, so that it stands at a given place. */
static void run_to(uint32_t count)
{
    ULONG id, written;

    for (uint32_t n = 0; n < count; n++) {
        use_at(n & (t.size - 1), (uint16_t)submit_one(), 1, n / t.size % 2 == 0);
        (void)VirtQueueKickNeeded(&t.queue);
        assert_int_equal(VirtQueueGetUsed(&t.queue, &id, &written), VirtQueueElement);
    }
}

static void test_kick_flags(void **state)
{
    unsigned barriers;

    (void)state;
    for (uint32_t event_index = 0; event_index < 2; event_index++) {
        queue_open(16, VirtQueueLayoutPacked, event_index);
        assert_false(VirtQueueKickNeeded(&t.queue));
        submit_one();
        barriers = full_barriers;
        assert_true(VirtQueueKickNeeded(&t.queue));
        assert_int_equal(full_barriers - barriers, 1);
        assert_false(VirtQueueKickNeeded(&t.queue)); /* nothing new */
        device_event()[1] = EVENT_DISABLE;
        submit_one();
        assert_false(VirtQueueKickNeeded(&t.queue));
        device_event()[1] = 0xfffc; /* other bits mean nothing: enabled */
        submit_one();
        assert_true(VirtQueueKickNeeded(&t.queue));
        device_event()[1] = 3; /* reserved: a doorbell too many harms nobody */
        submit_one();
        assert_true(VirtQueueKickNeeded(&t.queue));
        queue_close();
    }
    queue_open(16, VirtQueueLayoutPacked, false); /* not agreed on: the place means nothing */
    device_event()[0] = 9;
    device_event()[1] = EVENT_DESC;
    submit_one();
    assert_true(VirtQueueKickNeeded(&t.queue));
    queue_close();
}

/* A doorbell exactly when the event lies among what was committed since the last decision. */
static void test_kick_event(void **state)
{
    static const uint32_t starts[] = {0, 5, 13, 15, 16, 30, 31, 32, 0xfffe, 0xffff};

    (void)state;
    for (uint32_t n = 0; n < sizeof(starts) / sizeof(starts[0]); n++) {
        for (uint32_t batch = 1; batch <= 4; batch++) {
            for (int event = -3; event <= 6; event++) {
                /* 16 is a whole number of laps of 16 and of 2 x 16 places. */
                const uint32_t at = starts[n] + 32 + (uint32_t)event;

                queue_open(16, VirtQueueLayoutPacked, true);
                run_to(starts[n]);
                device_event()[0] = (uint16_t)(at % 16 | (at / 16 % 2 == 0 ? 0x8000 : 0));
                device_event()[1] = EVENT_DESC;
                for (uint32_t i = 0; i < batch; i++) {
                    submit_one();
                }
                assert_int_equal(VirtQueueKickNeeded(&t.queue),
                                 event >= 0 && event < (int)batch ? TRUE : FALSE);
                queue_close();
            }
        }
    }
}

/* A ring that is filled in one go: each place is an event that was passed. */
static void test_kick_event_full_ring(void **state)
{
    (void)state;
    for (uint32_t start = 0; start < 32; start++) {
        for (uint32_t event = 0; event < 16; event++) {
            const uint32_t at = start + event;

            queue_open(16, VirtQueueLayoutPacked, true);
            run_to(start);
            device_event()[0] = (uint16_t)(at % 16 | (at / 16 % 2 == 0 ? 0x8000 : 0));
            device_event()[1] = EVENT_DESC;
            for (uint32_t i = 0; i < 16; i++) {
                submit_one();
            }
            assert_true(VirtQueueKickNeeded(&t.queue));
            queue_close();
        }
    }
}

static void test_notification_data(void **state)
{
    (void)state;
    queue_open(4, VirtQueueLayoutPacked, false);
    for (uint32_t n = 0; n < 20; n++) {
        assert_int_equal(VirtQueueNotificationData(&t.queue),
                         n % 4 | (n / 4 % 2 == 0 ? 0x8000 : 0));
        VirtQueueReinitialize(&t.queue);
        run_to(n + 1);
    }
    queue_close();
    queue_open(4, VirtQueueLayoutSplit,
               false); /* split: the available index, which does not wrap */
    for (uint32_t n = 0; n < 4; n++) {
        assert_int_equal(VirtQueueNotificationData(&t.queue), n);
        submit_one();
    }
    assert_int_equal(VirtQueueNotificationData(&t.queue), 4);
    queue_close();
}

static void test_interrupt_flags(void **state)
{
    ULONG id, written;

    (void)state;
    queue_open(16, VirtQueueLayoutPacked, false);
    assert_int_equal(driver_event()[1], EVENT_ENABLE);
    VirtQueueDisableInterrupts(&t.queue);
    assert_int_equal(driver_event()[1], EVENT_DISABLE);
    assert_false(VirtQueueEnableInterrupts(&t.queue, 1));
    assert_int_equal(driver_event()[1], EVENT_ENABLE);
    submit_one();
    submit_one();
    VirtQueueDisableInterrupts(&t.queue);
    assert_false(VirtQueuePending(&t.queue));
    use_at(0, 0, 512, true);
    assert_true(VirtQueuePending(&t.queue));
    assert_true(VirtQueueEnableInterrupts(&t.queue, 1));
    assert_true(VirtQueueEnableInterrupts(&t.queue, 2)); /* the flag knows no number */
    assert_int_equal(VirtQueueGetUsed(&t.queue, &id, &written), VirtQueueElement);
    assert_int_equal(written, 512);
    assert_false(VirtQueueEnableInterrupts(&t.queue, 1));
    assert_false(VirtQueuePending(&t.queue));
    queue_close();
}

static void expect_event(uint32_t place)
{
    assert_int_equal(driver_event()[0], place % 16 | (place / 16 % 2 == 0 ? 0x8000 : 0));
    assert_int_equal(driver_event()[1], EVENT_DESC);
}

static void test_interrupt_event(void **state)
{
    (void)state;
    for (uint32_t start = 0; start < 40; start++) {
        queue_open(16, VirtQueueLayoutPacked, true);
        run_to(start);
        assert_false(VirtQueueEnableInterrupts(&t.queue, 1));
        expect_event(start);
        assert_false(VirtQueueEnableInterrupts(&t.queue, 7)); /* nothing is outstanding */
        expect_event(start);
        submit_one();
        submit_one();
        submit_one();
        assert_false(VirtQueueEnableInterrupts(&t.queue, 2));
        expect_event(start + 1);
        assert_false(VirtQueueEnableInterrupts(&t.queue, 100));
        expect_event(start + 2);
        use_at(start % 16, 2, 1, start / 16 % 2 == 0);
        assert_false(VirtQueueEnableInterrupts(&t.queue, 2));
        assert_true(VirtQueueEnableInterrupts(&t.queue, 1));
        use_at((start + 1) % 16, 0, 1, (start + 1) / 16 % 2 == 0);
        assert_true(VirtQueueEnableInterrupts(&t.queue, 2));
        VirtQueueDisableInterrupts(&t.queue);
        assert_int_equal(driver_event()[1], EVENT_DISABLE);
        queue_close();
    }
}

/* Where a number of requests is no number of descriptors, one is asked for. */
static void test_interrupt_event_of_chains(void **state)
{
    VIRTQUEUE_CHAIN chain;
    ULONG id;

    (void)state;
    queue_open(16, VirtQueueLayoutPacked, true);
    submit_one();
    id = VirtQueueReserve(&t.queue, 2);
    VirtQueueBeginDirect(&chain, &t.queue, id);
    VirtQueueAppend(&chain, 0x1000, 512, TRUE);
    VirtQueueAppend(&chain, 0x2000, 512, TRUE);
    VirtQueueCommit(&chain);
    assert_false(VirtQueueEnableInterrupts(&t.queue, 2));
    expect_event(0);
    queue_close();
}

/* ---- Tests: a device that breaks the rules ---- */

static void expect_broken(VIRTQUEUE_FAULT fault, uint64_t value)
{
    ULONG id = 0x11111111, written = 0x22222222;
    uint32_t free_descriptors = VirtQueueFreeDescriptors(&t.queue);
    const uint16_t place = t.queue.Complete.UsedIndex;

    assert_int_equal(VirtQueueGetUsed(&t.queue, &id, &written), VirtQueueBroken);
    assert_int_equal(t.queue.Complete.Fault, fault);
    assert_int_equal(t.queue.FaultValue, value);
    /* It stays so, even if the ring looks fine again, and nobody is kept in a loop. */
    assert_false(VirtQueueEnableInterrupts(&t.queue, 1));
    use_at(place % t.size, (uint16_t)VirtQueueNextOutstanding(&t.queue, 0), 0,
           place / t.size % 2 == 0);
    assert_int_equal(VirtQueueGetUsed(&t.queue, &id, &written), VirtQueueBroken);
    assert_int_equal(t.queue.Complete.Fault, fault);
    assert_int_equal(id, 0x11111111);
    assert_int_equal(written, 0x22222222);
    assert_int_equal(VirtQueueFreeDescriptors(&t.queue), free_descriptors);
}

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

static void test_used_id(void **state)
{
    static const uint16_t ids[] = {16, 17, 0x7fff, 0x8000, 0xffff};
    ULONG id, written;

    (void)state;
    for (uint32_t mode = 0; mode < 4; mode++) {
        for (uint32_t n = 0; n < sizeof(ids) / sizeof(ids[0]); n++) {
            queue_open_order(16, VirtQueueLayoutPacked, mode & 1, mode & 2);
            submit_one();
            use_at(0, ids[n], 0, true);
            expect_broken(VirtQueueFaultUsedId, ids[n]);
            expect_works_again();
            queue_close();
        }
        queue_open_order(16, VirtQueueLayoutPacked, mode & 1, mode & 2);
        submit_one();
        use_at(0, 9, 0, true); /* free */
        expect_broken(VirtQueueFaultNotPending, 9);
        expect_works_again();
        VirtQueueReinitialize(&t.queue); /* reserved only */
        submit_one();
        id = VirtQueueReserve(&t.queue, 3);
        use_at(0, (uint16_t)id, 0, true);
        expect_broken(VirtQueueFaultNotPending, id);
        expect_works_again();
        VirtQueueReinitialize(&t.queue); /* twice */
        submit_one();
        submit_one();
        use_at(0, 0, 0, true);
        use_at(1, 0, 0, true);
        assert_int_equal(VirtQueueGetUsed(&t.queue, &id, &written), VirtQueueElement);
        expect_broken(VirtQueueFaultNotPending, 0);
        expect_works_again();
        VirtQueueReinitialize(&t.queue); /* with nothing outstanding */
        use_at(0, 0, 0, true);
        expect_broken(VirtQueueFaultNotPending, 0);
        queue_close();
    }
}

static void test_used_length(void **state)
{
    static const uint32_t lengths[] = {513, 0x10000, 0xfffffffeu, 0xffffffffu};
    ULONG id, written;

    (void)state;
    for (uint32_t n = 0; n < sizeof(lengths) / sizeof(lengths[0]); n++) {
        queue_open_order(16, VirtQueueLayoutPacked, false, n & 1);
        submit_one();
        use_at(0, 0, lengths[n], true);
        assert_int_equal(VirtQueueGetUsed(&t.queue, &id, &written), VirtQueueLongElement);
        assert_int_equal(id, 0);
        assert_int_equal(written, lengths[n]);
        submit_one();
        use_at(1, n & 1, 512, true); /* in order the id is the place */
        assert_int_equal(VirtQueueGetUsed(&t.queue, &id, &written), VirtQueueElement);
        use_at(2, n & 1 ? 2 : 0, lengths[n], true);
        expect_broken(VirtQueueFaultNotPending, n & 1 ? 2 : 0);
        expect_works_again();
        VirtQueueReinitialize(&t.queue); /* nothing written: the length means nothing (2.8.14) */
        submit_one();
        use_at(0, 0, lengths[n], true);
        *device_flags(0) &= (uint16_t)~F_WRITE;
        assert_int_equal(VirtQueueGetUsed(&t.queue, &id, &written), VirtQueueElement);
        assert_int_equal(written, 0);
        queue_close();
    }
}

/* In order: the descriptor names the last of a batch, and the next one stands behind the batch. */
static void test_in_order_batches(void **state)
{
    ULONG id = 0, written = 0;

    (void)state;
    queue_open_order(8, VirtQueueLayoutPacked, true, true);
    for (uint32_t n = 0; n < 5; n++) {
        assert_int_equal(submit_one(), n);
    }
    use_at(0, 2, 100, true);
    for (uint32_t n = 0; n < 3; n++) {
        assert_true(VirtQueuePending(&t.queue));
        assert_true(VirtQueueEnableInterrupts(&t.queue, 1));
        assert_int_equal(VirtQueueOutstanding(&t.queue), 5 - n);
        assert_int_equal(VirtQueueGetUsed(&t.queue, &id, &written), VirtQueueElement);
        assert_int_equal(id, n);
        assert_int_equal(written, n == 2 ? 100 : 512);
    }
    assert_int_equal(VirtQueueGetUsed(&t.queue, &id, &written), VirtQueueEmpty);
    assert_false(VirtQueueEnableInterrupts(&t.queue, 4)); /* in order always the next one */
    assert_int_equal(driver_event()[0], 0x8003);
    use_at(3, 4, 5, true);
    assert_int_equal(VirtQueueGetUsed(&t.queue, &id, &written), VirtQueueElement);
    assert_int_equal(id, 3);
    assert_int_equal(written, 512);
    assert_int_equal(VirtQueueGetUsed(&t.queue, &id, &written), VirtQueueElement);
    assert_int_equal(id, 4);
    assert_int_equal(written, 5);
    assert_int_equal(VirtQueueFreeDescriptors(&t.queue), 8);
    queue_close();
}

/* The device scribbles over all that it can reach: the driver's own state does not care. */
static void test_scribbled_descriptors(void **state)
{
    ULONG id, written;
    uint32_t ids[4], place = 0;

    (void)state;
    random_state = 42;
    queue_open(16, VirtQueueLayoutPacked, false);
    for (uint32_t round = 0; round < 100; round++) {
        for (uint32_t n = 0; n < 4; n++) {
            ids[n] = VirtQueueReserve(&t.queue, 4);
            assert_int_not_equal(ids[n], VIRTQUEUE_FULL);
            driver_fill_request(&t.requests[ids[n]], 4);
            driver_put(ids[n], true);
        }
        assert_int_equal(VirtQueueFreeDescriptors(&t.queue), 0);
        memset(t.setup.Ring, (int)(round + 1), t.memory.RingBytes);
        for (uint32_t n = 0; n < 4; n++, place += 4) {
            use_at(place % 16, (uint16_t)ids[3 - n], 0, place / 16 % 2 == 0);
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
    (void)state;
    random_state = 2685821657736338717ull;
    for (uint32_t round = 0; round < 4000; round++) {
        uint32_t size = 1u << random_below(7);

        queue_open_order(size, VirtQueueLayoutPacked, round & 1, round & 2);
        for (uint32_t step = 0; step < 60; step++) {
            const uint32_t place = t.queue.Complete.UsedIndex;
            VIRTQUEUE_RESULT result;
            ULONG id, written;

            ((uint8_t *)t.setup.Ring)[random_below(t.memory.RingBytes)] =
                (uint8_t)random_below(256);
            if (random_below(2)) {
                use_at(place % size, (uint16_t)random_below(size + 1), random_below(4),
                       place / size % 2 == 0);
            }
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

static void test_enumerate_outstanding(void **state)
{
    uint32_t ids[3], found = 0;
    uint32_t id;

    (void)state;
    queue_open(8, VirtQueueLayoutPacked, false);
    ids[0] = submit_one();
    ids[1] = VirtQueueReserve(&t.queue, 2); /* reserved: not outstanding */
    VirtQueueCancel(&t.queue, ids[1]);
    ids[2] = submit_one();
    for (id = VirtQueueNextOutstanding(&t.queue, 0); id != VIRTQUEUE_NONE;
         id = VirtQueueNextOutstanding(&t.queue, id + 1)) {
        assert_true(id == ids[0] || id == ids[2]);
        found++;
    }
    assert_int_equal(found, 2);
    expect_works_again();
    queue_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory_size),
        cmocka_unit_test(test_layout),
        cmocka_unit_test(test_part_of_the_ring),
        cmocka_unit_test(test_bad_setup),
        cmocka_unit_test(test_kick_flags),
        cmocka_unit_test(test_kick_event),
        cmocka_unit_test(test_kick_event_full_ring),
        cmocka_unit_test(test_notification_data),
        cmocka_unit_test(test_interrupt_flags),
        cmocka_unit_test(test_interrupt_event),
        cmocka_unit_test(test_interrupt_event_of_chains),
        cmocka_unit_test(test_first_descriptor_comes_last),
        cmocka_unit_test(test_shorter_than_reserved),
        cmocka_unit_test(test_traffic),
        cmocka_unit_test(test_traffic_wraps),
        cmocka_unit_test(test_traffic_largest),
        cmocka_unit_test(test_longest_chain),
        cmocka_unit_test(test_used_id),
        cmocka_unit_test(test_used_length),
        cmocka_unit_test(test_in_order_batches),
        cmocka_unit_test(test_scribbled_descriptors),
        cmocka_unit_test(test_fuzzed_ring),
        cmocka_unit_test(test_enumerate_outstanding),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
