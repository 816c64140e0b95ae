/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The scripted device, driven directly by a small driver: both interfaces, both ways of saving
 * notifications, the faults, and that it reports what a driver must not do.
 */
/* SOURCES: storhost/devices/scripted/cache.c storhost/devices/scripted/profiles.c storhost/devices/scripted/chain.c storhost/devices/scripted/config_space.c storhost/devices/scripted/device_scripted.c storhost/devices/scripted/queue.c storhost/devices/scripted/queue_split.c storhost/devices/scripted/queue_packed.c storhost/devices/scripted/registers.c storhost/devices/scripted/request.c storhost/devices/scripted/script.c storhost/devices/scripted/status.c storhost/devices/device.c storhost/devices/pci/capabilities.c storhost/devices/pci/function.c storhost/devices/pci/interrupts.c storhost/devices/pci/msix.c storhost/devices/pci/registers.c storhost/virtio/features.c storhost/virtio/layout.c storhost/machine/grant.c storhost/machine/memory.c storhost/machine/frames.c storhost/base/violation.c */
#include "expect_violation.h"

#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>
#include <stdlib.h>

#include "devices/scripted/scripted.h"
#include "machine/clock.h"
#include "machine/memory.h"
#include "virtio/layout.h"

#define MIB       0x100000ull
#define BIT(bit)  (UINT64_C(1) << (bit))
#define RING      0x4000u /* bytes of memory per queue */
#define BUFFER    0x1000u /* bytes per request: header, status, data, indirect table */
#define AT_STATUS 16u
#define AT_TABLE  64u
#define AT_DATA   512u
#define DATA_MOST 2048u
#define UNTOUCHED 0xee
#define HEADS     8u /* requests that the driver can have outstanding */

/* ---- A driver ---- */

/* The bench's clock, which this test has none of. */
void clock_hang(uint64_t microseconds)
{
    (void)microseconds;
}

struct driver {
    struct device *device;
    struct virtio_layout layout;
    bool modern, indirect, event_index;
    uint16_t size;
    char *ring, *buffers;
    bus_addr ring_at, buffers_at;
    struct vring_desc *table;
    uint16_t *available, *used;
    uint16_t next, last_used;
    unsigned messages[8], asserted;
    bool line;
};

static int set_up(void **state)
{
    static const struct memory_options options = {
        .below_4g = 64 * MIB, .above_4g = 64 * MIB, .bus_offset = 0, .seed = 3};
    (void)state;
    memory_init(&options);
    return 0;
}

static void on_message(void *context, unsigned vector)
{
    ++((struct driver *)context)->messages[vector];
}

static void on_line(void *context, bool asserted)
{
    struct driver *driver = context;
    driver->line = asserted;
    driver->asserted += asserted;
}

static char *get(size_t bytes, bus_addr *bus)
{
    struct memory_request request = {.kind = MEMORY_CONTIGUOUS,
                                     .bytes = bytes,
                                     .alignment = 4096,
                                     .contiguous = true,
                                     .name = "test"};
    char *address = memory_alloc(&request);

    assert_non_null(address);
    assert_true(memory_bus_address(address, bus, NULL));
    return address;
}

static uint64_t reg_read(struct driver *driver, const struct virtio_structure *part,
                         uint64_t offset, unsigned size)
{
    return driver->device->ops->bar_read(driver->device, part->bar, part->offset + offset, size);
}

static void reg_write(struct driver *driver, const struct virtio_structure *part, uint64_t offset,
                      unsigned size, uint64_t value)
{
    driver->device->ops->bar_write(driver->device, part->bar, part->offset + offset, size, value);
}

static uint64_t common(struct driver *driver, uint64_t offset, unsigned size)
{
    return reg_read(driver, &driver->layout.common, offset, size);
}

static void set_common(struct driver *driver, uint64_t offset, unsigned size, uint64_t value)
{
    reg_write(driver, &driver->layout.common, offset, size, value);
}

static uint64_t legacy(struct driver *driver, uint64_t offset, unsigned size)
{
    return driver->device->ops->bar_read(driver->device, 0, offset, size);
}

static void set_legacy(struct driver *driver, uint64_t offset, unsigned size, uint64_t value)
{
    driver->device->ops->bar_write(driver->device, 0, offset, size, value);
}

static uint8_t status_of(struct driver *driver)
{
    return (uint8_t)(driver->modern ? common(driver, VIRTIO_PCI_COMMON_STATUS, 1)
                                    : legacy(driver, VIRTIO_PCI_STATUS, 1));
}

static void set_status(struct driver *driver, uint8_t status)
{
    if (driver->modern) {
        set_common(driver, VIRTIO_PCI_COMMON_STATUS, 1, status);
    } else {
        set_legacy(driver, VIRTIO_PCI_STATUS, 1, status);
    }
}

/* Makes a device of the options and a driver without having started it. */
static struct driver *attach(const char *text)
{
    struct driver *driver = calloc(1, sizeof(*driver));
    static struct scripted_options options;
    char error[256] = "";

    assert_non_null(driver);
    scripted_defaults(&options);
    if (!scripted_parse(text, &options, error, sizeof(error)) ||
        !(driver->device = scripted_create(&options, error, sizeof(error)))) {
        fail_msg("%s: %s", text, error);
    }
    const struct device_events events = {on_message, on_line, NULL, driver};
    device_set_events(driver->device, &events);
    virtio_layout_read(driver->device, &driver->layout);
    driver->modern = driver->layout.common.present;
    driver->ring = get(RING, &driver->ring_at);
    driver->buffers = get(HEADS * BUFFER, &driver->buffers_at);
    return driver;
}

static void detach(struct driver *driver)
{
    driver->device->ops->destroy(driver->device);
    memory_free(driver->ring);
    memory_free(driver->buffers);
    free(driver);
}

static void reset(struct driver *driver)
{
    set_status(driver, 0);
    for (int i = 0; status_of(driver) != 0; ++i) {
        assert_true(i < 100);
    }
}

static uint64_t offered(struct driver *driver)
{
    uint64_t features = 0;

    if (!driver->modern) {
        return legacy(driver, VIRTIO_PCI_HOST_FEATURES, 4);
    }
    for (unsigned half = 0; half < 2; ++half) {
        set_common(driver, VIRTIO_PCI_COMMON_DFSELECT, 4, half);
        features |= common(driver, VIRTIO_PCI_COMMON_DF, 4) << (32 * half);
    }
    return features;
}

static void accept(struct driver *driver, uint64_t features)
{
    driver->indirect = features & BIT(VIRTIO_RING_F_INDIRECT_DESC);
    driver->event_index = features & BIT(VIRTIO_RING_F_EVENT_IDX);
    if (!driver->modern) {
        set_legacy(driver, VIRTIO_PCI_GUEST_FEATURES, 4, features);
        return;
    }
    for (unsigned half = 0; half < 2; ++half) {
        set_common(driver, VIRTIO_PCI_COMMON_GFSELECT, 4, half);
        set_common(driver, VIRTIO_PCI_COMMON_GF, 4, (uint32_t)(features >> (32 * half)));
    }
}

static void lay_out_ring(struct driver *driver, uint16_t size)
{
    const size_t used = (16u * size + 6 + 2u * size + 4095) & ~4095u;

    memset(driver->ring, 0, RING);
    driver->size = size;
    driver->table = (struct vring_desc *)driver->ring;
    driver->available = (uint16_t *)(driver->ring + 16u * size);
    driver->used = (uint16_t *)(driver->ring + used);
    driver->next = driver->last_used = 0;
}

static bus_addr bus_of(struct driver *driver, const void *address)
{
    return driver->ring_at + (uint64_t)((const char *)address - driver->ring);
}

static void set_address(struct driver *driver, unsigned low, bus_addr address)
{
    set_common(driver, low, 4, (uint32_t)address);
    set_common(driver, low + 4, 4, address >> 32);
}

static void set_queue_addresses(struct driver *driver)
{
    set_address(driver, VIRTIO_PCI_COMMON_Q_DESCLO, bus_of(driver, driver->table));
    set_address(driver, VIRTIO_PCI_COMMON_Q_AVAILLO, bus_of(driver, driver->available));
    set_address(driver, VIRTIO_PCI_COMMON_Q_USEDLO, bus_of(driver, driver->used));
}

static void set_up_modern_queue(struct driver *driver, unsigned vector)
{
    set_common(driver, VIRTIO_PCI_COMMON_Q_SELECT, 2, 0);
    lay_out_ring(driver, (uint16_t)common(driver, VIRTIO_PCI_COMMON_Q_SIZE, 2));
    if (vector != VIRTIO_MSI_NO_VECTOR) {
        set_common(driver, VIRTIO_PCI_COMMON_MSIX, 2, 0);
        assert_int_equal(common(driver, VIRTIO_PCI_COMMON_MSIX, 2), 0);
        set_common(driver, VIRTIO_PCI_COMMON_Q_MSIX, 2, vector);
        assert_int_equal(common(driver, VIRTIO_PCI_COMMON_Q_MSIX, 2), vector);
    }
    set_queue_addresses(driver);
    set_common(driver, VIRTIO_PCI_COMMON_Q_ENABLE, 2, 1);
}

static void set_up_legacy_queue(struct driver *driver, unsigned vector)
{
    set_legacy(driver, VIRTIO_PCI_QUEUE_SEL, 2, 0);
    lay_out_ring(driver, (uint16_t)legacy(driver, VIRTIO_PCI_QUEUE_NUM, 2));
    set_legacy(driver, VIRTIO_PCI_QUEUE_PFN, 4, driver->ring_at >> 12);
    if (vector != VIRTIO_MSI_NO_VECTOR) {
        set_legacy(driver, VIRTIO_MSI_CONFIG_VECTOR, 2, 0);
        assert_int_equal(legacy(driver, VIRTIO_MSI_CONFIG_VECTOR, 2), 0);
        set_legacy(driver, VIRTIO_MSI_QUEUE_VECTOR, 2, vector);
        assert_int_equal(legacy(driver, VIRTIO_MSI_QUEUE_VECTOR, 2), vector);
    }
}

/* Everything up to DRIVER_OK; `without` are features not to be accepted. */
static void negotiate(struct driver *driver, uint64_t without, bool messages)
{
    const unsigned vector =
        messages && driver->device->ops->set_message_vectors(driver->device, 2) == 2
            ? 1
            : VIRTIO_MSI_NO_VECTOR;

    reset(driver);
    set_status(driver, 1);
    set_status(driver, 3);
    accept(driver, offered(driver) & ~without);
    if (driver->modern) {
        set_status(driver, 11);
        assert_int_equal(status_of(driver), 11);
        set_up_modern_queue(driver, vector);
    } else {
        set_up_legacy_queue(driver, vector);
    }
}

static void start(struct driver *driver, uint64_t without, bool messages)
{
    negotiate(driver, without, messages);
    set_status(driver, driver->modern ? 15 : 7);
}

static struct driver *begin(const char *text)
{
    struct driver *driver = attach(text);
    start(driver, 0, true);
    return driver;
}

static void ring_bell(struct driver *driver)
{
    if (driver->modern) {
        reg_write(driver, &driver->layout.notify, 0, 2, 0);
    } else {
        set_legacy(driver, VIRTIO_PCI_QUEUE_NOTIFY, 2, 0);
    }
}

static void step(struct driver *driver)
{
    driver->device->ops->step(driver->device);
}

static char *buffer(struct driver *driver, unsigned head)
{
    return driver->buffers + head * BUFFER;
}

static uint8_t status_byte(struct driver *driver, unsigned head)
{
    return (uint8_t)buffer(driver, head)[AT_STATUS];
}

static void describe(struct vring_desc *descriptor, bus_addr address, uint32_t length,
                     unsigned flags, unsigned next)
{
    *descriptor = (struct vring_desc){address, length, (uint16_t)flags, (uint16_t)next};
}

/* Makes a chain in the descriptors 3 * head and up, and adds it to the ring. */
static void add(struct driver *driver, unsigned head, uint32_t type, uint64_t sector,
                uint32_t bytes)
{
    const struct virtio_blk_outhdr header = {type, 0, sector};
    const bus_addr at = driver->buffers_at + head * BUFFER;
    const unsigned first = 3 * head;
    struct vring_desc *table = driver->indirect
                                   ? (struct vring_desc *)(buffer(driver, head) + AT_TABLE)
                                   : driver->table + first;
    const unsigned base = driver->indirect ? 0 : first;
    const unsigned writable = type == VIRTIO_BLK_T_OUT ? 0 : VRING_DESC_F_WRITE;
    unsigned count = 0;

    memcpy(buffer(driver, head), &header, sizeof(header));
    buffer(driver, head)[AT_STATUS] = (char)UNTOUCHED;
    describe(&table[count], at, sizeof(header), VRING_DESC_F_NEXT, base + 1);
    ++count;
    if (bytes != 0) {
        describe(&table[count], at + AT_DATA, bytes, VRING_DESC_F_NEXT | writable, base + 2);
        ++count;
    }
    describe(&table[count], at + AT_STATUS, 1, VRING_DESC_F_WRITE, 0);
    ++count;
    if (driver->indirect) {
        describe(&driver->table[first], at + AT_TABLE, count * 16, VRING_DESC_F_INDIRECT, 0);
    }
    driver->available[2 + driver->next % driver->size] = (uint16_t)first;
    __atomic_store_n(&driver->available[1], ++driver->next, __ATOMIC_RELEASE);
}

static uint16_t used_index(struct driver *driver)
{
    return __atomic_load_n(&driver->used[1], __ATOMIC_ACQUIRE);
}

static struct vring_used_elem *used_element(struct driver *driver, unsigned index)
{
    return (struct vring_used_elem *)(driver->used + 2) + index % driver->size;
}

static void want_interrupt_at(struct driver *driver, uint16_t index)
{
    driver->available[2 + driver->size] = index;
}

/* One request from start to end; returns its status. */
static uint8_t request(struct driver *driver, uint32_t type, uint64_t sector, uint32_t bytes)
{
    const uint16_t before = used_index(driver);

    want_interrupt_at(driver, before);
    add(driver, 0, type, sector, bytes);
    ring_bell(driver);
    step(driver);
    assert_int_equal(used_index(driver), (uint16_t)(before + 1));
    assert_int_equal(used_element(driver, before)->id, 0);
    return status_byte(driver, 0);
}

static void command(struct driver *driver, const char *line)
{
    char error[256] = "";
    if (!scripted_command(driver->device, line, error, sizeof(error))) {
        fail_msg("%s: %s", line, error);
    }
}

static struct scripted_counters counters_of(struct driver *driver)
{
    struct scripted_counters counters;
    scripted_get_counters(driver->device, &counters);
    return counters;
}

/* ---- A conforming device ---- */

static const char *const kinds[] = {
    "transport=modern",
    "transport=legacy",
    "transport=transitional,withhold=EVENT_IDX",
    "transport=legacy,withhold=EVENT_IDX,withhold=INDIRECT_DESC",
    "transport=modern,withhold=INDIRECT_DESC,queue-size=32",
    "transport=modern,bar4=ports",
    "transport=modern,bar4=memory32,notify-multiplier=0",
    "transport=modern,notify-multiplier=2,common=2:256,isr=2:16,msix=2:4096,config=0,notify=4:12",
    "transport=modern,vectors=0",
    "transport=legacy,vectors=0",
    "transport=modern,offer=IN_ORDER,offer=SIZE_MAX,size-max=4096",
};

static void moves_data(const char *kind)
{
    struct driver *driver = begin(kind);
    char disk[1024];

    memset(buffer(driver, 0) + AT_DATA, 0x5a, 1024);
    assert_int_equal(request(driver, VIRTIO_BLK_T_OUT, 7, 1024), VIRTIO_BLK_S_OK);
    assert_int_equal(used_element(driver, 0)->len, 1);
    assert_true(scripted_read_disk(driver->device, 7, disk, sizeof(disk)));
    assert_memory_equal(disk, buffer(driver, 0) + AT_DATA, sizeof(disk));
    memset(buffer(driver, 0) + AT_DATA, 0, 1024);
    assert_int_equal(request(driver, VIRTIO_BLK_T_IN, 7, 1024), VIRTIO_BLK_S_OK);
    assert_int_equal(used_element(driver, 1)->len, 1025);
    assert_memory_equal(disk, buffer(driver, 0) + AT_DATA, sizeof(disk));
    assert_int_equal(request(driver, VIRTIO_BLK_T_FLUSH, 0, 0), VIRTIO_BLK_S_OK);
    assert_int_equal(request(driver, VIRTIO_BLK_T_GET_ID, 0, 20), VIRTIO_BLK_S_OK);
    assert_string_equal(buffer(driver, 0) + AT_DATA, "scripted");
    assert_int_equal(request(driver, 99, 0, 512), VIRTIO_BLK_S_UNSUPP);

    const struct scripted_counters counters = counters_of(driver);
    const unsigned signals = driver->messages[1] + driver->asserted;
    assert_int_equal(counters.in, 1);
    assert_int_equal(counters.out, 1);
    assert_int_equal(counters.flush, 1);
    assert_int_equal(counters.get_id, 1);
    assert_int_equal(counters.other, 1);
    assert_int_equal(counters.completed, 5);
    assert_int_equal(counters.failed, 1);
    assert_int_equal(counters.bytes_in, 1024);
    assert_int_equal(counters.doorbells_needed[0], 5);
    assert_int_equal(counters.doorbells_superfluous[0], 0);
    assert_int_equal(counters.messages[1] + counters.line, signals);
    assert_true(driver->line || driver->messages[1] == 5);
    detach(driver);
}

static void every_kind_of_device_moves_data(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); ++i) {
        moves_data(kinds[i]);
    }
}

static void the_line_follows_the_isr_status(void **state)
{
    struct driver *driver = begin("transport=modern,vectors=0");
    (void)state;
    request(driver, VIRTIO_BLK_T_FLUSH, 0, 0);
    assert_true(driver->line);
    assert_int_equal(reg_read(driver, &driver->layout.isr, 0, 1), 1);
    assert_false(driver->line);
    assert_int_equal(reg_read(driver, &driver->layout.isr, 0, 1), 0);
    scripted_resize(driver->device, 5);
    assert_true(driver->line);
    assert_int_equal(reg_read(driver, &driver->layout.isr, 0, 1), 2);
    scripted_interrupt_line(driver->device);
    assert_true(driver->line);
    assert_int_equal(reg_read(driver, &driver->layout.isr, 0, 1), 0);
    assert_false(driver->line);
    detach(driver);
}

static void event_index_saves_notifications(void **state)
{
    struct driver *driver = begin("transport=modern");
    (void)state;
    want_interrupt_at(driver, 2);
    add(driver, 0, VIRTIO_BLK_T_FLUSH, 0, 0);
    ring_bell(driver);
    add(driver, 1, VIRTIO_BLK_T_FLUSH, 0, 0);
    ring_bell(driver); /* avail_event was passed by the first already */
    step(driver);
    assert_int_equal(used_index(driver), 2);
    assert_int_equal(driver->messages[1], 0);
    assert_int_equal(driver->used[2 + 4 * driver->size], 2); /* avail_event */
    add(driver, 2, VIRTIO_BLK_T_FLUSH, 0, 0);
    ring_bell(driver);
    step(driver);
    assert_int_equal(driver->messages[1], 1);
    assert_int_equal(counters_of(driver).doorbells_needed[0], 2);
    assert_int_equal(counters_of(driver).doorbells_superfluous[0], 1);
    assert_int_equal(counters_of(driver).suppressed, 1);
    detach(driver);
}

static void flags_save_notifications(void **state)
{
    struct driver *driver = attach("transport=modern,withhold=EVENT_IDX,take=1");
    (void)state;
    start(driver, 0, true);
    driver->available[0] = VRING_AVAIL_F_NO_INTERRUPT;
    add(driver, 0, VIRTIO_BLK_T_FLUSH, 0, 0);
    add(driver, 1, VIRTIO_BLK_T_FLUSH, 0, 0);
    ring_bell(driver);
    step(driver);
    assert_int_equal(driver->used[0], VRING_USED_F_NO_NOTIFY);
    assert_int_equal(used_index(driver), 1);
    assert_true(scripted_busy(driver->device));
    step(driver);
    assert_int_equal(driver->used[0], 0);
    assert_int_equal(used_index(driver), 2);
    assert_false(scripted_busy(driver->device));
    assert_int_equal(driver->messages[1], 0);
    detach(driver);
}

static void indexes_wrap_around(void **state)
{
    struct driver *driver = begin("transport=modern,queue-size=4");
    (void)state;
    for (unsigned i = 0; i < 66000; ++i) {
        assert_int_equal(request(driver, VIRTIO_BLK_T_FLUSH, 0, 0), VIRTIO_BLK_S_OK);
    }
    assert_int_equal(driver->messages[1], 66000);
    assert_int_equal(counters_of(driver).doorbells_needed[0], 66000);
    detach(driver);
}

/* Adds `count` flushes, steps once, and gives the order of completion as digits. */
static unsigned completion_order(const char *kind, unsigned count)
{
    struct driver *driver = begin(kind);
    unsigned order = 0;

    for (unsigned i = 0; i < count; ++i) {
        add(driver, i, VIRTIO_BLK_T_FLUSH, 0, 0);
    }
    ring_bell(driver);
    step(driver);
    for (unsigned i = 0; i < used_index(driver); ++i) {
        order = 10 * order + used_element(driver, i)->id / 3 + 1;
    }
    detach(driver);
    return order;
}

static void completions_come_in_the_order_asked_for(void **state)
{
    (void)state;
    assert_int_equal(completion_order("order=in-order", 5), 12345);
    assert_int_equal(completion_order("order=reverse", 5), 54321);
    assert_int_equal(completion_order("order=reverse,offer=IN_ORDER,no-batches=on", 5), 12345);
    assert_int_equal(completion_order("order=in-order,complete=2", 5), 12);
    const unsigned shuffled = completion_order("order=shuffle,seed=7", 8);
    assert_int_equal(completion_order("order=shuffle,seed=7", 8), shuffled);
    assert_int_not_equal(completion_order("order=shuffle,seed=8", 8), shuffled);
}

static void an_immediate_device_needs_no_step(void **state)
{
    static const char *const immediate[] = {"transport=modern,immediate=on",
                                            "transport=legacy,immediate=on"};
    (void)state;
    for (unsigned i = 0; i < 2; ++i) {
        struct driver *driver = begin(immediate[i]);
        add(driver, 0, VIRTIO_BLK_T_FLUSH, 0, 0);
        ring_bell(driver);
        assert_int_equal(used_index(driver), 1);
        detach(driver);
    }
}

static void large_disks_and_blocks(void **state)
{
    struct driver *driver = begin("transport=modern,size=5T,block-size=4096");
    (void)state;
    assert_int_equal(reg_read(driver, &driver->layout.config, 0, 4), 0x80000000); /* 5 T / 512 */
    assert_int_equal(reg_read(driver, &driver->layout.config, 4, 4), 2);
    assert_int_equal(request(driver, VIRTIO_BLK_T_IN, 0x280000000 - 4, 2048), VIRTIO_BLK_S_IOERR);
    assert_int_equal(reg_read(driver, &driver->layout.config, 20, 4), 4096);
    assert_int_equal(request(driver, VIRTIO_BLK_T_IN, 8, 512), VIRTIO_BLK_S_IOERR);
    assert_int_equal(request(driver, VIRTIO_BLK_T_IN, 4, 512), VIRTIO_BLK_S_IOERR);
    detach(driver);
}

static void the_bar_window_reads_registers(void **state)
{
    struct driver *driver = attach("transport=modern");
    struct device *device = driver->device;
    const struct device_ops *ops = device->ops;
    unsigned at = ops->config_read(device, 0x34, 1);
    (void)state;
    while (ops->config_read(device, at, 1) != 9 || ops->config_read(device, at + 3, 1) != 5) {
        at = ops->config_read(device, at + 1, 1);
        assert_int_not_equal(at, 0);
    }
    ops->config_write(device, at + 4, 1, driver->layout.common.bar);
    ops->config_write(device, at + 8, 4,
                      (uint32_t)driver->layout.common.offset + VIRTIO_PCI_COMMON_NUMQ);
    ops->config_write(device, at + 12, 4, 2);
    assert_int_equal(ops->config_read(device, at + 16, 4), 1);
    detach(driver);
}

static void bars_can_be_sized(void **state)
{
    struct driver *driver = attach("transport=modern");
    struct device *device = driver->device;
    const unsigned bar = 4, at = 0x10 + 4 * bar;
    (void)state;
    const uint32_t low = device->ops->config_read(device, at, 4);
    device->ops->config_write(device, at, 4, UINT32_MAX);
    device->ops->config_write(device, at + 4, 4, UINT32_MAX);
    const uint64_t shown = (uint64_t)device->ops->config_read(device, at + 4, 4) << 32 |
                           (device->ops->config_read(device, at, 4) & ~15u);
    assert_int_equal(~shown + 1, device->bars[bar].size);
    assert_int_equal(low & 15, 4);
    detach(driver);
}

static void masked_messages_wait(void **state)
{
    struct driver *driver = begin("transport=modern");
    struct device *device = driver->device;
    (void)state;
    device->ops->bar_write(device, 1, 16 + 12, 4, 1);
    request(driver, VIRTIO_BLK_T_FLUSH, 0, 0);
    assert_int_equal(driver->messages[1], 0);
    assert_int_equal(device->ops->bar_read(device, 1, 16 * device->message_vectors, 8), 2);
    device->ops->bar_write(device, 1, 16 + 12, 4, 0);
    assert_int_equal(driver->messages[1], 1);
    const unsigned control = driver->layout.msix_control;
    const uint32_t before = device->ops->config_read(device, control, 2);
    device->ops->config_write(device, control, 2, before | 0x4000); /* the whole function */
    request(driver, VIRTIO_BLK_T_FLUSH, 0, 0);
    assert_int_equal(driver->messages[1], 1);
    device->ops->config_write(device, control, 2, before);
    assert_int_equal(driver->messages[1], 2);
    detach(driver);
}

/* ---- Doorbells ---- */

static void forget_the_doorbell(void *context)
{
    struct driver *driver = begin(context);

    request(driver, VIRTIO_BLK_T_FLUSH, 0, 0);
    scripted_check_doorbells(driver->device);
    add(driver, 1, VIRTIO_BLK_T_FLUSH, 0, 0);
    step(driver);
    if (used_index(driver) != 1) {
        _exit(9); /* it must not have looked */
    }
    scripted_check_doorbells(driver->device);
}

static void a_lost_doorbell_is_reported(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); ++i) {
        expect_violation(forget_the_doorbell, (void *)(uintptr_t)kinds[i], RULE_DOORBELL,
                         "queue 0: entry 1 was made available");
    }
}

static void a_doorbell_that_was_not_wanted_is_not_missed(void **state)
{
    struct driver *driver = begin("transport=modern,take=1");
    (void)state;
    add(driver, 0, VIRTIO_BLK_T_FLUSH, 0, 0);
    add(driver, 1, VIRTIO_BLK_T_FLUSH, 0, 0);
    ring_bell(driver);
    step(driver);
    add(driver, 2, VIRTIO_BLK_T_FLUSH, 0, 0); /* while the device is busy */
    scripted_check_doorbells(driver->device);
    step(driver);
    step(driver);
    assert_int_equal(used_index(driver), 3);
    scripted_check_doorbells(driver->device);
    detach(driver);
}

/* ---- Faults ---- */

static void held_requests_touch_nothing(void **state)
{
    struct driver *driver = begin("transport=modern");
    (void)state;
    command(driver, "hold 0");
    memset(buffer(driver, 0) + AT_DATA, 0x77, 512);
    add(driver, 0, VIRTIO_BLK_T_IN, 0, 512);
    ring_bell(driver);
    step(driver);
    assert_int_equal(used_index(driver), 0);
    assert_int_equal(scripted_outstanding(driver->device), 1);
    assert_int_equal(buffer(driver, 0)[AT_DATA], 0x77);
    assert_false(scripted_busy(driver->device));
    command(driver, "release all");
    assert_true(scripted_busy(driver->device));
    step(driver);
    assert_int_equal(used_index(driver), 1);
    assert_int_equal(buffer(driver, 0)[AT_DATA], 0);
    detach(driver);
}

static void faults_hit_the_requests_they_name(void **state)
{
    struct driver *driver = begin("transport=modern");
    (void)state;
    command(driver, "fault status=ioerr type=in nth=2");
    command(driver, "fault status=unsupp sectors=100-103 times=all");
    assert_int_equal(request(driver, VIRTIO_BLK_T_IN, 0, 512), VIRTIO_BLK_S_OK);
    assert_int_equal(request(driver, VIRTIO_BLK_T_OUT, 0, 512), VIRTIO_BLK_S_OK);
    assert_int_equal(request(driver, VIRTIO_BLK_T_IN, 0, 512), VIRTIO_BLK_S_IOERR);
    assert_int_equal(request(driver, VIRTIO_BLK_T_IN, 0, 512), VIRTIO_BLK_S_OK);
    assert_int_equal(request(driver, VIRTIO_BLK_T_OUT, 99, 512), VIRTIO_BLK_S_OK);
    assert_int_equal(request(driver, VIRTIO_BLK_T_OUT, 99, 1024), VIRTIO_BLK_S_UNSUPP);
    assert_int_equal(request(driver, VIRTIO_BLK_T_OUT, 103, 512), VIRTIO_BLK_S_UNSUPP);
    assert_int_equal(request(driver, VIRTIO_BLK_T_OUT, 104, 512), VIRTIO_BLK_S_OK);
    command(driver, "clear");
    assert_int_equal(request(driver, VIRTIO_BLK_T_OUT, 103, 512), VIRTIO_BLK_S_OK);
    command(driver, "fault status=77 times=2");
    assert_int_equal(request(driver, VIRTIO_BLK_T_FLUSH, 0, 0), 77);
    assert_int_equal(request(driver, VIRTIO_BLK_T_GET_ID, 0, 20), 77);
    assert_int_equal(request(driver, VIRTIO_BLK_T_FLUSH, 0, 0), VIRTIO_BLK_S_OK);
    detach(driver);
}

static void a_request_is_never_answered(void **state)
{
    struct driver *driver = begin("transport=modern,do=fault never type=id");
    (void)state;
    add(driver, 0, VIRTIO_BLK_T_GET_ID, 0, 20);
    add(driver, 1, VIRTIO_BLK_T_FLUSH, 0, 0);
    ring_bell(driver);
    step(driver);
    assert_int_equal(used_index(driver), 1);
    assert_int_equal(used_element(driver, 0)->id, 3);
    assert_int_equal(scripted_outstanding(driver->device), 1);
    assert_int_equal(status_byte(driver, 0), UNTOUCHED);
    detach(driver);
}

static void in_order_waits_for_the_first(void **state)
{
    struct driver *driver = begin("transport=modern,offer=IN_ORDER,no-batches=on");
    (void)state;
    command(driver, "fault delay=1");
    add(driver, 0, VIRTIO_BLK_T_FLUSH, 0, 0);
    add(driver, 1, VIRTIO_BLK_T_FLUSH, 0, 0);
    ring_bell(driver);
    step(driver);
    assert_int_equal(used_index(driver), 0);
    step(driver);
    assert_int_equal(used_index(driver), 2);
    assert_int_equal(used_element(driver, 0)->id, 0);
    detach(driver);
}

/* In order one element stands for all that completes at once (2.7.9): the index goes on by that. */
static void in_order_tells_of_the_last(void **state)
{
    struct driver *driver = begin("transport=modern,offer=IN_ORDER");
    (void)state;
    for (unsigned i = 0; i < 5; ++i) {
        add(driver, i, VIRTIO_BLK_T_FLUSH, 0, 0);
    }
    command(driver, "fault status=ioerr type=in nth=2"); /* a short one ends a batch */
    add(driver, 5, VIRTIO_BLK_T_IN, 0, 512);
    add(driver, 6, VIRTIO_BLK_T_IN, 0, 512);
    add(driver, 7, VIRTIO_BLK_T_FLUSH, 0, 0);
    ring_bell(driver);
    step(driver);
    assert_int_equal(used_index(driver), 8);
    assert_int_equal(used_element(driver, 0)->id, 6 * 3); /* with all before it */
    assert_int_equal(used_element(driver, 0)->len, 1);
    assert_int_equal(used_element(driver, 7)->id, 7 * 3);
    for (unsigned i = 0; i < 8; ++i) {
        assert_int_equal(status_byte(driver, i), i == 6 ? VIRTIO_BLK_S_IOERR : VIRTIO_BLK_S_OK);
    }
    assert_int_equal(counters_of(driver).completed, 8);
    assert_int_equal(counters_of(driver).skipped, 6);
    detach(driver);
}

/* Sends one flush under a fault; returns how far the used index went. */
static unsigned flush_under(struct driver *driver, const char *fault)
{
    const uint16_t before = used_index(driver);

    command(driver, fault);
    want_interrupt_at(driver, before);
    add(driver, 0, VIRTIO_BLK_T_FLUSH, 0, 0);
    ring_bell(driver);
    step(driver);
    command(driver, "clear");
    return (uint16_t)(used_index(driver) - before);
}

static void the_used_ring_lies(void **state)
{
    struct driver *driver = begin("transport=modern,queue-size=32");
    (void)state;
    assert_int_equal(flush_under(driver, "fault length=4294967293"), 1);
    assert_int_equal(used_element(driver, 0)->len, 4294967293u);
    assert_int_equal(flush_under(driver, "fault bad-id=500"), 1);
    assert_int_equal(used_element(driver, 1)->id, 500);
    assert_int_equal(flush_under(driver, "fault twice"), 2);
    assert_int_equal(used_element(driver, 2)->id, used_element(driver, 3)->id);
    assert_int_equal(flush_under(driver, "fault stray-id"), 2);
    assert_int_equal(used_element(driver, 4)->id, 31);
    assert_int_equal(used_element(driver, 5)->id, 0);
    assert_int_equal(flush_under(driver, "fault no-status"), 1);
    assert_int_equal(status_byte(driver, 0), UNTOUCHED);
    assert_int_equal(flush_under(driver, "fault delay=2"), 0);
    assert_true(scripted_busy(driver->device));
    step(driver);
    step(driver);
    assert_int_equal(used_index(driver), 8);
    assert_int_equal(flush_under(driver, "fault index-jump=300"), 301);
    detach(driver);
}

static void interrupts_get_lost_and_come_unasked(void **state)
{
    struct driver *driver = begin("transport=modern");
    (void)state;
    assert_int_equal(flush_under(driver, "fault no-interrupt"), 1);
    assert_int_equal(driver->messages[1], 0);
    command(driver, "set lose-interrupts=1");
    request(driver, VIRTIO_BLK_T_FLUSH, 0, 0);
    assert_int_equal(driver->messages[1], 0);
    request(driver, VIRTIO_BLK_T_FLUSH, 0, 0);
    assert_int_equal(driver->messages[1], 1);
    command(driver, "interrupt 1");
    assert_int_equal(driver->messages[1], 2);
    assert_int_equal(counters_of(driver).lost, 2);
    detach(driver);
}

static void the_configuration_changes(void **state)
{
    struct driver *driver = begin("transport=modern");
    const uint64_t generation = common(driver, VIRTIO_PCI_COMMON_CFGGENERATION, 1);
    (void)state;
    command(driver, "resize 1000");
    assert_int_equal(driver->messages[0], 1);
    assert_int_equal(common(driver, VIRTIO_PCI_COMMON_CFGGENERATION, 1), generation + 1);
    assert_int_equal(reg_read(driver, &driver->layout.config, 0, 4), 1000);
    assert_int_equal(request(driver, VIRTIO_BLK_T_IN, 1000, 512), VIRTIO_BLK_S_IOERR);
    command(driver, "read-only on");
    assert_int_equal(driver->messages[0], 2);
    assert_int_equal(request(driver, VIRTIO_BLK_T_OUT, 0, 512), VIRTIO_BLK_S_IOERR);
    command(driver, "set generation=unstable");
    assert_int_not_equal(common(driver, VIRTIO_PCI_COMMON_CFGGENERATION, 1),
                         common(driver, VIRTIO_PCI_COMMON_CFGGENERATION, 1));
    command(driver, "config 20 4 0");
    assert_int_equal(reg_read(driver, &driver->layout.config, 20, 4), 0);
    command(driver, "lie common 24 3");
    assert_int_equal(common(driver, VIRTIO_PCI_COMMON_Q_SIZE, 2), 3);
    reset(driver);
    assert_true(offered(driver) & BIT(VIRTIO_BLK_F_RO));
    detach(driver);
}

static void a_broken_device_stops(void **state)
{
    struct driver *driver = begin("transport=modern");
    (void)state;
    command(driver, "needs-reset");
    assert_int_equal(status_of(driver), 0x4f);
    assert_int_equal(driver->messages[0], 1);
    add(driver, 0, VIRTIO_BLK_T_FLUSH, 0, 0);
    ring_bell(driver);
    step(driver);
    assert_int_equal(used_index(driver), 0);
    start(driver, 0, true);
    assert_int_equal(request(driver, VIRTIO_BLK_T_FLUSH, 0, 0), VIRTIO_BLK_S_OK);
    detach(driver);
}

static void what_a_reset_does_with_requests(void **state)
{
    static const struct {
        const char *kind;
        uint8_t status; /* after the reset */
        unsigned late;
    } cases[] = {{"transport=modern,reset=drop", UNTOUCHED, 0},
                 {"transport=modern,reset=complete", VIRTIO_BLK_S_OK, 0},
                 {"transport=modern,reset=late", UNTOUCHED, 1},
                 {"transport=legacy,reset=drop,reset-reads=3", UNTOUCHED, 0}};
    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); ++i) {
        struct driver *driver = begin(cases[i].kind);
        command(driver, "hold all");
        add(driver, 0, VIRTIO_BLK_T_IN, 0, 512);
        ring_bell(driver);
        step(driver);
        reset(driver);
        assert_int_equal(status_byte(driver, 0), cases[i].status);
        command(driver, "release all");
        step(driver);
        assert_int_equal(status_byte(driver, 0), cases[i].status);
        assert_int_equal(scripted_write_late(driver->device), cases[i].late);
        assert_int_equal(status_byte(driver, 0), cases[i].late ? 0 : cases[i].status);
        start(driver, 0, true);
        assert_int_equal(request(driver, VIRTIO_BLK_T_FLUSH, 0, 0), VIRTIO_BLK_S_OK);
        detach(driver);
    }
}

static void a_reset_takes_its_time(void **state)
{
    struct driver *driver = begin("transport=modern,reset-reads=2");
    (void)state;
    set_status(driver, 0);
    assert_int_equal(status_of(driver), 15);
    assert_int_equal(status_of(driver), 15);
    assert_int_equal(status_of(driver), 0);
    command(driver, "set reset-reads=never");
    set_status(driver, 0);
    for (int i = 0; i < 1000; ++i) {
        assert_int_not_equal(status_of(driver), 0);
    }
    detach(driver);
}

static void refusals(void **state)
{
    struct driver *driver = attach("transport=modern,refuse-features=on,refuse-vector=1");
    (void)state;
    driver->device->ops->set_message_vectors(driver->device, 2);
    reset(driver);
    set_status(driver, 1);
    set_status(driver, 3);
    accept(driver, offered(driver));
    set_status(driver, 11);
    assert_int_equal(status_of(driver), 3);
    set_common(driver, VIRTIO_PCI_COMMON_MSIX, 2, 1);
    assert_int_equal(common(driver, VIRTIO_PCI_COMMON_MSIX, 2), VIRTIO_MSI_NO_VECTOR);
    set_common(driver, VIRTIO_PCI_COMMON_MSIX, 2, 0);
    assert_int_equal(common(driver, VIRTIO_PCI_COMMON_MSIX, 2), 0);
    command(driver, "set withhold=EVENT_IDX");
    assert_true(offered(driver) & BIT(VIRTIO_RING_F_EVENT_IDX));
    reset(driver);
    assert_false(offered(driver) & BIT(VIRTIO_RING_F_EVENT_IDX));
    detach(driver);
}

static void a_removed_device_answers_ones(void **state)
{
    struct driver *driver = begin("transport=modern");
    (void)state;
    command(driver, "hold all");
    add(driver, 0, VIRTIO_BLK_T_FLUSH, 0, 0);
    ring_bell(driver);
    step(driver);
    command(driver, "remove");
    command(driver, "release all");
    ring_bell(driver);
    step(driver);
    assert_int_equal(status_byte(driver, 0), UNTOUCHED);
    assert_int_equal(status_of(driver), 0xff);
    assert_int_equal(driver->device->ops->config_read(driver->device, 0, 4), UINT32_MAX);
    detach(driver);
}

static void power_goes_and_comes(void **state)
{
    struct driver *driver = begin("transport=modern");
    (void)state;
    driver->device->ops->power_cycle(driver->device);
    assert_int_equal(status_of(driver), 0);
    start(driver, 0, true);
    assert_int_equal(request(driver, VIRTIO_BLK_T_FLUSH, 0, 0), VIRTIO_BLK_S_OK);
    detach(driver);
}

static void capability_lists(void **state)
{
    bool conforming;
    char text[64];
    (void)state;
    for (unsigned i = 0; scripted_capability_case(i, &conforming); ++i) {
        snprintf(text, sizeof(text), "transport=modern,capabilities=%s",
                 scripted_capability_case(i, NULL));
        struct driver *driver = attach(text);
        const struct virtio_layout *layout = &driver->layout;
        const bool whole =
            layout->common.present && layout->common.bar == 4 && layout->common.offset == 0 &&
            layout->common.length >= 56 && layout->notify.present && layout->notify.length >= 2 &&
            layout->notify_multiplier == 4 && layout->isr.present && layout->isr.length != 0 &&
            layout->config.present && layout->config.offset < 0x10000;
        /* The reader of this test believes what it finds. */
        if (conforming) {
            assert_true(whole);
        } else if (whole && !strstr(text, "short-") && !strstr(text, "no-list")) {
            fail_msg("%s: looks good", text);
        }
        detach(driver);
    }
}

/* ---- What a driver must not do ---- */

static void bit_taken_back(struct driver *driver)
{
    set_status(driver, 7);
}

static void unknown_status(struct driver *driver)
{
    set_status(driver, 0x1f);
}

static void late_queue(struct driver *driver)
{
    set_queue_addresses(driver);
}

static void late_features(struct driver *driver)
{
    accept(driver, 0);
}

static void bell_of_no_queue(struct driver *driver)
{
    reg_write(driver, &driver->layout.notify, 4, 2, 1);
}

static void bell_elsewhere(struct driver *driver)
{
    reg_write(driver, &driver->layout.notify, 2, 2, 0);
}

static void wide_access(struct driver *driver)
{
    common(driver, VIRTIO_PCI_COMMON_STATUS, 2);
}

static void wide_config(struct driver *driver)
{
    reg_read(driver, &driver->layout.config, 0, 8);
}

static void absent_field(struct driver *driver)
{
    reg_read(driver, &driver->layout.config, 8, 4); /* size_max is not offered */
}

static void write_capacity(struct driver *driver)
{
    reg_write(driver, &driver->layout.config, 0, 4, 1);
}

static void impatient_reset(struct driver *driver)
{
    set_status(driver, 0);
    set_status(driver, 1);
}

static void no_acknowledge(struct driver *driver)
{
    reset(driver);
    set_status(driver, 2);
}

static void early_driver_ok(struct driver *driver)
{
    reset(driver);
    set_status(driver, 3);
    set_status(driver, 7);
}

static void feature_not_offered(struct driver *driver)
{
    reset(driver);
    set_status(driver, 3);
    accept(driver, BIT(VIRTIO_F_RING_PACKED));
}

static void no_version(struct driver *driver)
{
    reset(driver);
    set_status(driver, 3);
    accept(driver, offered(driver) & ~BIT(VIRTIO_F_VERSION_1));
    set_status(driver, 11);
}

static void features_not_read_back(struct driver *driver)
{
    reset(driver);
    set_status(driver, 3);
    accept(driver, offered(driver));
    set_status(driver, 11);
    set_up_modern_queue(driver, VIRTIO_MSI_NO_VECTOR);
    set_status(driver, 15);
}

static void vector_not_read_back(struct driver *driver)
{
    negotiate(driver, 0, true);
    set_common(driver, VIRTIO_PCI_COMMON_Q_MSIX, 2, 1);
    set_status(driver, 15);
}

static void bell_before_driver_ok(struct driver *driver)
{
    negotiate(driver, 0, true);
    ring_bell(driver);
}

/* Ready to enable queue 0, whose registers are to be set by the caller. */
static void before_queue(struct driver *driver)
{
    reset(driver);
    set_status(driver, 3);
    accept(driver, offered(driver));
    set_status(driver, 11);
    status_of(driver);
    set_common(driver, VIRTIO_PCI_COMMON_Q_SELECT, 2, 0);
    lay_out_ring(driver, 256);
    set_queue_addresses(driver);
}

static void unaligned_ring(struct driver *driver)
{
    before_queue(driver);
    set_address(driver, VIRTIO_PCI_COMMON_Q_DESCLO, driver->ring_at + 8);
    set_common(driver, VIRTIO_PCI_COMMON_Q_ENABLE, 2, 1);
}

static void odd_size(struct driver *driver)
{
    before_queue(driver);
    set_common(driver, VIRTIO_PCI_COMMON_Q_SIZE, 2, 100);
}

static void queue_disabled(struct driver *driver)
{
    before_queue(driver);
    set_common(driver, VIRTIO_PCI_COMMON_Q_ENABLE, 2, 0);
}

static void queue_set_up_twice(struct driver *driver)
{
    before_queue(driver);
    set_common(driver, VIRTIO_PCI_COMMON_Q_ENABLE, 2, 1);
    set_common(driver, VIRTIO_PCI_COMMON_Q_ENABLE, 2, 1);
}

static void dirty_ring(struct driver *driver)
{
    before_queue(driver);
    driver->available[1] = 3;
    set_common(driver, VIRTIO_PCI_COMMON_Q_ENABLE, 2, 1);
}

static void go(struct driver *driver)
{
    ring_bell(driver);
    step(driver);
}

static void index_too_far(struct driver *driver)
{
    driver->available[1] = 257;
    go(driver);
}

static void head_too_large(struct driver *driver)
{
    driver->available[2] = 256;
    driver->available[1] = 1;
    go(driver);
}

static void same_head_twice(struct driver *driver)
{
    scripted_hold(driver->device, 0);
    add(driver, 0, VIRTIO_BLK_T_FLUSH, 0, 0);
    add(driver, 0, VIRTIO_BLK_T_FLUSH, 0, 0);
    go(driver);
}

static void chain_of_no_end(struct driver *driver)
{
    driver->indirect = false;
    add(driver, 0, VIRTIO_BLK_T_OUT, 0, 512);
    driver->table[1].next = 0;
    go(driver);
}

static void next_too_large(struct driver *driver)
{
    driver->indirect = false;
    add(driver, 0, VIRTIO_BLK_T_OUT, 0, 512);
    driver->table[1].next = 256;
    go(driver);
}

static void empty_segment(struct driver *driver)
{
    driver->indirect = false;
    add(driver, 0, VIRTIO_BLK_T_IN, 0, 512);
    driver->table[1].len = 0;
    go(driver);
}

static void readable_behind_writable(struct driver *driver)
{
    driver->indirect = false;
    add(driver, 0, VIRTIO_BLK_T_IN, 0, 512);
    driver->table[0].flags |= VRING_DESC_F_WRITE;
    driver->table[1].flags = VRING_DESC_F_NEXT;
    go(driver);
}

static void no_status_byte(struct driver *driver)
{
    driver->indirect = false;
    add(driver, 0, VIRTIO_BLK_T_OUT, 0, 512);
    driver->table[1].flags = 0;
    go(driver);
}

static void short_header(struct driver *driver)
{
    driver->indirect = false;
    add(driver, 0, VIRTIO_BLK_T_FLUSH, 0, 0);
    driver->table[0].len = 15;
    go(driver);
}

static void odd_table(struct driver *driver)
{
    add(driver, 0, VIRTIO_BLK_T_FLUSH, 0, 0);
    driver->table[0].len -= 1;
    go(driver);
}

static void odd_length(struct driver *driver)
{
    add(driver, 0, VIRTIO_BLK_T_IN, 0, 513);
    go(driver);
}

static void beyond_the_end(struct driver *driver)
{
    add(driver, 0, VIRTIO_BLK_T_IN, 131072, 512);
    go(driver);
}

static void flush_of_a_sector(struct driver *driver)
{
    add(driver, 0, VIRTIO_BLK_T_FLUSH, 8, 0);
    go(driver);
}

struct misdeed {
    void (*run)(struct driver *driver);
    const char *report;
};

static void do_misdeed(void *context)
{
    const struct misdeed *misdeed = context;
    misdeed->run(begin("transport=modern,queues=2"));
}

static void misdeeds_are_reported(void **state)
{
    static const struct misdeed misdeeds[] = {
        {bit_taken_back, "a bit is taken back"},
        {unknown_status, "not the driver's to set"},
        {late_queue, "set up while it is enabled"},
        {late_features, "features are written after"},
        {bell_of_no_queue, "a doorbell for queue 1"},
        {bell_elsewhere, "is rung at offset 0x2"},
        {wide_access, "not one of its fields"},
        {wide_config, "are read of the field capacity"},
        {absent_field, "size_max is read"},
        {write_capacity, "the one field to write"},
        {impatient_reset, "before the reset has read back"},
        {no_acknowledge, "DRIVER without ACKNOWLEDGE"},
        {early_driver_ok, "DRIVER_OK without FEATURES_OK"},
        {feature_not_offered, "are accepted, but only"},
        {no_version, "FEATURES_OK without VERSION_1"},
        {features_not_read_back, "whether FEATURES_OK stays set"},
        {vector_not_read_back, "whether the vector of queue 0"},
        {bell_before_driver_ok, "before DRIVER_OK"},
        {unaligned_ring, "must be aligned"},
        {odd_size, "must be a power of two"},
        {queue_disabled, "0 is written to queue_enable"},
        {queue_set_up_twice, "set up while it is enabled"},
        {dirty_ring, "indexes that are not 0"},
        {index_too_far, "the available index went from 0 to 257"},
        {head_too_large, "names descriptor 256 of 256"},
        {same_head_twice, "while the device has it"},
        {chain_of_no_end, "longer than the ring"},
        {next_too_large, "its next descriptor is 256"},
        {empty_segment, "segment 1 is empty"},
        {readable_behind_writable, "readable behind a writable"},
        {no_status_byte, "no writable byte"},
        {short_header, "do not hold a request header"},
        {odd_table, "an indirect table of 31 bytes"},
        {odd_length, "not a multiple of 512"},
        {beyond_the_end, "beyond the capacity"},
        {flush_of_a_sector, "FLUSH with sector 8"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(misdeeds) / sizeof(misdeeds[0]); ++i) {
        expect_violation(do_misdeed, (void *)(uintptr_t)&misdeeds[i], RULE_VIRTIO,
                         misdeeds[i].report);
    }
}

static void break_limits(void *context)
{
    struct driver *driver = begin(context);
    add(driver, 0, VIRTIO_BLK_T_IN, 0, 2048);
    go(driver);
}

/* The last descriptor holds more data and the status. */
static void send_two_segments(void *context)
{
    struct driver *driver = begin(context);
    driver->indirect = false;
    add(driver, 0, VIRTIO_BLK_T_IN, 0, 512);
    driver->table[2].addr = driver->table[1].addr + 512;
    driver->table[2].len = 512 + 1;
    go(driver);
}

static void use_indirect_unasked(void *context)
{
    struct driver *driver = begin(context);
    driver->indirect = true;
    add(driver, 0, VIRTIO_BLK_T_IN, 0, 512);
    go(driver);
}

static void address_nothing(void *context)
{
    struct driver *driver = begin(context);
    driver->buffers_at = 0x7000000000;
    driver->indirect = false;
    add(driver, 0, VIRTIO_BLK_T_IN, 0, 512);
    go(driver);
}

static void odd_legacy_layout(void *context)
{
    struct driver *driver = begin(context);
    driver->indirect = false;
    add(driver, 0, VIRTIO_BLK_T_FLUSH, 0, 0);
    driver->table[1].len = 2;
    go(driver);
}

static void limits_are_kept(void **state)
{
    (void)state;
    expect_violation(break_limits, "transport=modern,offer=SIZE_MAX,size-max=1024", RULE_VIRTIO,
                     "size_max is 1024");
    expect_violation(send_two_segments, "transport=modern,seg-max=1", RULE_VIRTIO,
                     "2 data segments, the device takes 1");
    expect_violation(send_two_segments, "transport=modern,seg-max=0", RULE_VIRTIO,
                     "the device takes 1");
    expect_violation(send_two_segments, "transport=modern,withhold=SEG_MAX,seg-max=1", RULE_VIRTIO,
                     "the device takes 1");
    expect_survival(send_two_segments, "transport=modern,seg-max=2");
    expect_survival(send_two_segments, "transport=modern,withhold=SEG_MAX");
    expect_violation(use_indirect_unasked, "transport=modern,withhold=INDIRECT_DESC", RULE_VIRTIO,
                     "without INDIRECT_DESC");
    expect_violation(address_nothing, "transport=modern", RULE_DMA_GRANT, "are not memory");
    expect_violation(odd_legacy_layout, "transport=legacy", RULE_VIRTIO, "without ANY_LAYOUT");
    expect_survival(odd_legacy_layout, "transport=legacy,offer=ANY_LAYOUT");
}

/* ---- The language ---- */

static void expect_refused(const char *text, const char *part)
{
    static struct scripted_options options;
    char error[256] = "";
    struct device *device = NULL;

    scripted_defaults(&options);
    if (scripted_parse(text, &options, error, sizeof(error))) {
        device = scripted_create(&options, error, sizeof(error));
    }
    if (device || !strstr(error, part)) {
        fail_msg("%s: expected '%s', got '%s'", text, part, error);
    }
}

static void wrong_options_are_refused(void **state)
{
    (void)state;
    expect_refused("queues", "KEY=VALUE");
    expect_refused("colour=blue", "no option 'colour'");
    expect_refused("queues=0", "1 to 128");
    expect_refused("queues=-1", "no value that it can have");
    expect_refused("queues=129", "1 to 128");
    expect_refused("size=1000", "no value that it can have");
    expect_refused("size=99999999999T", "no value that it can have");
    expect_refused("serial=123456789012345678901", "no value that it can have");
    expect_refused("offer=SR_IOV", "cannot do");
    expect_refused("features=0xffffffffffffffff", "cannot do");
    expect_refused("order=random", "no value that it can have");
    expect_refused("capabilities=nice", "no such case");
    expect_refused("common=0", "BAR 0 has the legacy registers");
    expect_refused("transport=modern,common=5", "upper half");
    expect_refused("transport=modern,vectors=0,common=5,isr=5,config=5,notify=5", "64 bits");
    expect_refused("file=/nonexistent/disk", "/nonexistent/disk");
    expect_refused("do=fault", "usage: fault KIND");
    expect_refused("vectors=257", "at most 256");
    expect_refused("msix=1:4", "multiple of 8");
}

static void wrong_commands_are_refused(void **state)
{
    static const char *const lines[] = {
        "",
        "jump",
        "hold",
        "hold x",
        "fault",
        "fault odd",
        "fault status=x",
        "fault never nth",
        "fault never nth=0",
        "resize",
        "interrupt 256",
        "config 95 9 1",
        "pci 300 1 1",
        "lie pci 0 1",
        "set queues=2",
        "set",
        "fault never sectors=5-4",
        "read-only maybe",
        "fault never sectors=x",
    };
    struct driver *driver = attach("transport=modern");
    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); ++i) {
        char error[256] = "";
        if (scripted_command(driver->device, lines[i], error, sizeof(error)) || error[0] == '\0') {
            fail_msg("'%s' was done", lines[i]);
        }
    }
    detach(driver);
}

static void a_file_is_the_disk(void **state)
{
    char name[] = "/tmp/storhost-scripted-XXXXXX", text[64], sector[512];
    const int file = mkstemp(name);
    (void)state;
    assert_true(file >= 0);
    assert_int_equal(ftruncate(file, 100 * 512), 0);
    snprintf(text, sizeof(text), "transport=modern,file=%s", name);
    struct driver *driver = begin(text);
    memset(buffer(driver, 0) + AT_DATA, 0x3c, 512);
    assert_int_equal(request(driver, VIRTIO_BLK_T_OUT, 99, 512), VIRTIO_BLK_S_OK);
    assert_int_equal(pread(file, sector, 512, 99 * 512), 512);
    assert_int_equal(sector[511], 0x3c);
    detach(driver);
    close(file);
    unlink(name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_device_moves_data),
        cmocka_unit_test(the_line_follows_the_isr_status),
        cmocka_unit_test(event_index_saves_notifications),
        cmocka_unit_test(flags_save_notifications),
        cmocka_unit_test(indexes_wrap_around),
        cmocka_unit_test(completions_come_in_the_order_asked_for),
        cmocka_unit_test(an_immediate_device_needs_no_step),
        cmocka_unit_test(large_disks_and_blocks),
        cmocka_unit_test(the_bar_window_reads_registers),
        cmocka_unit_test(bars_can_be_sized),
        cmocka_unit_test(masked_messages_wait),
        cmocka_unit_test(a_lost_doorbell_is_reported),
        cmocka_unit_test(a_doorbell_that_was_not_wanted_is_not_missed),
        cmocka_unit_test(held_requests_touch_nothing),
        cmocka_unit_test(faults_hit_the_requests_they_name),
        cmocka_unit_test(a_request_is_never_answered),
        cmocka_unit_test(in_order_waits_for_the_first),
        cmocka_unit_test(in_order_tells_of_the_last),
        cmocka_unit_test(the_used_ring_lies),
        cmocka_unit_test(interrupts_get_lost_and_come_unasked),
        cmocka_unit_test(the_configuration_changes),
        cmocka_unit_test(a_broken_device_stops),
        cmocka_unit_test(what_a_reset_does_with_requests),
        cmocka_unit_test(a_reset_takes_its_time),
        cmocka_unit_test(refusals),
        cmocka_unit_test(a_removed_device_answers_ones),
        cmocka_unit_test(power_goes_and_comes),
        cmocka_unit_test(capability_lists),
        cmocka_unit_test(misdeeds_are_reported),
        cmocka_unit_test(limits_are_kept),
        cmocka_unit_test(wrong_options_are_refused),
        cmocka_unit_test(wrong_commands_are_refused),
        cmocka_unit_test(a_file_is_the_disk),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
