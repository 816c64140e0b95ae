/* SPDX-License-Identifier: BSD-3-Clause */
/* SOURCES: viostor/virtio_ring.c viostor/virtio_ring_split.c viostor/virtio_ring_packed.c */
/*
 * The virtio PCI transport against a device in this file: configuration space, BARs and registers,
 * legacy and modern, that can be told to misbehave. Register accesses come here instead of to
 * hardware (the transport's sources are included below, behind a replacement of virtio_pci_io.h);
 * each is checked: inside a mapped BAR, aligned, in the right space, of the register's width.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "osdep.h"

/* ---- In place of virtio_pci_io.h ---- */
#define VIRTIO_PCI_IO_H

typedef struct _VIRTIO_REGION {
    ULONG_PTR Base;
    ULONG Length;
    BOOLEAN PortSpace;
} VIRTIO_REGION, *PVIRTIO_REGION;

static uint32_t mock_read(const VIRTIO_REGION *region, uint32_t offset, unsigned width);
static void mock_write(const VIRTIO_REGION *region, uint32_t offset, unsigned width,
                       uint32_t value);

static inline UCHAR VirtioRead8(const VIRTIO_REGION *Region, ULONG Offset)
{
    return (UCHAR)mock_read(Region, Offset, 1);
}

static inline USHORT VirtioRead16(const VIRTIO_REGION *Region, ULONG Offset)
{
    return (USHORT)mock_read(Region, Offset, 2);
}

static inline ULONG VirtioRead32(const VIRTIO_REGION *Region, ULONG Offset)
{
    return mock_read(Region, Offset, 4);
}

static inline void VirtioWrite8(const VIRTIO_REGION *Region, ULONG Offset, UCHAR Value)
{
    mock_write(Region, Offset, 1, Value);
}

static inline void VirtioWrite16(const VIRTIO_REGION *Region, ULONG Offset, USHORT Value)
{
    mock_write(Region, Offset, 2, Value);
}

static inline void VirtioWrite32(const VIRTIO_REGION *Region, ULONG Offset, ULONG Value)
{
    mock_write(Region, Offset, 4, Value);
}

/* ---- In place of port.h ---- */
#define VIOSTOR_PORT_H

static uint64_t stalled_microseconds;

static void PortStallMicroseconds(ULONG Microseconds)
{
    assert_true(Microseconds <= 1000);
    stalled_microseconds += Microseconds;
}

#include "virtio_pci.c"
#include "virtio_pci_legacy.c"
#include "virtio_pci_modern.c"
#include "virtio_ring.h"

/* ---- Random numbers: the same at every run ---- */

static uint64_t random_state;

static uint32_t random_below(uint32_t limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)((random_state >> 16) % limit);
}

/* ---- The device ---- */

#define QUEUES 4u

#define F_RING_PACKED       (1ull << 34)
#define F_NOTIFICATION_DATA (1ull << 38)
#define F_NOTIF_CONFIG_DATA (1ull << 39)
#define F_RING_RESET        (1ull << 40)

struct mock_queue {
    uint32_t size; /* largest */
    uint32_t chosen_size;
    uint16_t vector;
    uint16_t enable;
    uint16_t notify_off, notify_data;
    unsigned reset_reads; /* left until a queue reset is done */
    uint64_t desc, driver, device;
};

struct mock_bar {
    uint64_t address; /* bus */
    uint64_t base;    /* as mapped; 0: not mapped */
    uint32_t length;
    bool io;
    bool port_space; /* mapped as ports */
    bool unmappable;
    unsigned mappings;
};

/* Where the structures lie: BAR, offset, length, by cfg_type. */
struct mock_structure {
    uint32_t bar, offset, length;
};

static struct {
    uint8_t space[256];
    uint32_t last_capability; /* offset of the pointer to the next one */
    uint32_t next_offset;     /* where the next capability goes */
    struct mock_bar bars[6];
    struct mock_structure structures[5];
    bool legacy; /* BAR 0 has the legacy registers */
    bool msix_enabled;

    uint64_t offered, accepted;
    uint32_t feature_select, driver_feature_select;
    uint8_t status;
    uint16_t config_vector, queue_select;
    uint8_t isr, generation;
    struct mock_queue queues[QUEUES];
    uint8_t config[64];

    /* Misbehaviour */
    bool gone; /* all reads are all ones */
    bool never_resets;
    unsigned slow_resets;       /* status reads until it reads 0 */
    unsigned slow_queue_resets; /* reads of queue_reset until it reads 0 */
    bool keeps_queue_enabled;   /* through a queue reset */
    bool refuses_features, refuses_driver_ok, needs_reset, refuses_queue, refuses_size;
    unsigned vectors;        /* that it has: numbers below are taken */
    bool odd_vector;         /* a refused vector reads back as another one */
    unsigned config_changes; /* readings of the configuration at which it changes */
    bool noise;              /* reads are random */

    uint32_t doorbell_bar, doorbell_offset, doorbell_value, doorbells;
    uint32_t config_writes, feature_writes, status_writes;
} mock;

static bool in_structure(uint32_t type, uint32_t bar, uint32_t offset)
{
    const struct mock_structure *s = &mock.structures[type];
    return s->length != 0 && s->bar == bar && offset >= s->offset && offset - s->offset < s->length;
}

static uint32_t config_read(uint32_t offset, unsigned width)
{
    uint32_t value = 0;

    /* Natural widths of struct virtio_blk_config's fields (5.2.4). */
    static const uint8_t widths[36] = {
        [0] = 4,  [4] = 4,  [8] = 4,  [12] = 4, [16] = 2, [18] = 1, [19] = 1, [20] = 4,
        [24] = 1, [25] = 1, [26] = 2, [28] = 4, [32] = 1, [33] = 1, [34] = 2,
    };
    if (offset < sizeof(widths)) {
        assert_int_equal(widths[offset], width);
    }
    if (offset == 0 && mock.config_changes > 0) {
        mock.config_changes--;
        mock.generation++;
        mock.config[7] ^= 1; /* the half that is read later */
    }
    if (offset + width <= sizeof(mock.config)) {
        memcpy(&value, &mock.config[offset], width);
    }
    return value;
}

static void config_write(uint32_t offset, unsigned width, uint32_t value)
{
    assert_int_equal(width, 1);
    assert_true(offset < sizeof(mock.config));
    mock.config[offset] = (uint8_t)value;
    mock.config_writes++;
}

static void reset_write(void)
{
    uint32_t n;

    if (mock.never_resets) {
        return;
    }
    mock.accepted = 0;
    mock.config_vector = 0xffff;
    for (n = 0; n < QUEUES; n++) {
        mock.queues[n].vector = 0xffff;
        mock.queues[n].enable = 0;
        mock.queues[n].chosen_size = mock.queues[n].size;
        mock.queues[n].desc = mock.queues[n].driver = mock.queues[n].device = 0;
    }
    if (mock.slow_resets == 0) {
        mock.status = 0;
    }
}

static void status_write(uint8_t value)
{
    mock.status_writes++;
    if (value == 0) {
        reset_write();
        return;
    }
    assert_int_equal(mock.status & ~value, 0); /* no bit is taken back (2.1.1) */
    if (mock.refuses_features) {
        value &= (uint8_t)~8;
    }
    if (mock.refuses_driver_ok) {
        value &= (uint8_t)~4;
    }
    mock.status = value | (mock.needs_reset ? 0x40 : 0);
}

static uint8_t status_read(void)
{
    if (mock.slow_resets > 0 && --mock.slow_resets == 0) {
        mock.status = 0;
    }
    return mock.status;
}

static uint16_t vector_write(uint32_t value)
{
    if (value < mock.vectors) {
        return (uint16_t)value;
    }
    return mock.odd_vector && value != 0xffff ? 7777 : 0xffff;
}

static struct mock_queue *selected(void)
{
    static struct mock_queue none;

    memset(&none, 0, sizeof(none));
    none.vector = 0xffff;
    return mock.queue_select < QUEUES ? &mock.queues[mock.queue_select] : &none;
}

/* Reset is done when this reads 0; only then the queue is not enabled any more (4.1.4.3.1). */
static uint32_t queue_reset_read(struct mock_queue *queue)
{
    if (queue->reset_reads == 0 || --queue->reset_reads > 0) {
        return queue->reset_reads != 0;
    }
    queue->enable = mock.keeps_queue_enabled;
    queue->chosen_size = queue->size;
    return 0;
}

static uint32_t common_read(uint32_t offset, unsigned width)
{
    static const uint8_t widths[0x3c] = {
        [0x00] = 4, [0x04] = 4, [0x08] = 4, [0x0c] = 4, [0x10] = 2,
        [0x12] = 2, [0x14] = 1, [0x15] = 1, [0x16] = 2, [0x18] = 2,
        [0x1a] = 2, [0x1c] = 2, [0x1e] = 2, [0x38] = 2, [0x3a] = 2,
    };

    assert_true(offset < sizeof(widths));
    assert_int_equal(widths[offset], width);
    switch (offset) {
    case 0x04:
        return mock.feature_select < 2 ? (uint32_t)(mock.offered >> (32 * mock.feature_select)) : 0;
    case 0x10:
        return mock.config_vector;
    case 0x12:
        return QUEUES;
    case 0x14:
        return status_read();
    case 0x15:
        return mock.generation;
    case 0x18:
        return selected()->chosen_size;
    case 0x1a:
        return selected()->vector;
    case 0x1c:
        return selected()->enable;
    case 0x1e:
        return selected()->notify_off;
    case 0x38:
        return selected()->notify_data;
    case 0x3a:
        return queue_reset_read(selected());
    }
    fail_msg("read of common register %#x", offset);
    return 0;
}

static void set_half(uint64_t *value, bool high, uint32_t half)
{
    *value =
        high ? (*value & 0xffffffffu) | (uint64_t)half << 32 : (*value & ~0xffffffffull) | half;
}

static void common_write(uint32_t offset, unsigned width, uint32_t value)
{
    static const uint8_t widths[0x3c] = {
        [0x00] = 4, [0x08] = 4, [0x0c] = 4, [0x10] = 2, [0x14] = 1, [0x16] = 2,
        [0x18] = 2, [0x1a] = 2, [0x1c] = 2, [0x20] = 4, [0x24] = 4, [0x28] = 4,
        [0x2c] = 4, [0x30] = 4, [0x34] = 4, [0x3a] = 2,
    };
    struct mock_queue *queue = selected();

    assert_true(offset < sizeof(widths));
    assert_int_equal(widths[offset], width);
    switch (offset) {
    case 0x00:
        mock.feature_select = value;
        break;
    case 0x08:
        mock.driver_feature_select = value;
        break;
    case 0x0c:
        assert_true(mock.driver_feature_select < 2);
        mock.feature_writes++;
        set_half(&mock.accepted, mock.driver_feature_select == 1, value);
        break;
    case 0x10:
        mock.config_vector = vector_write(value);
        break;
    case 0x14:
        status_write((uint8_t)value);
        break;
    case 0x16:
        mock.queue_select = (uint16_t)value;
        break;
    case 0x18:
        queue->chosen_size = mock.refuses_size ? queue->size : value;
        break;
    case 0x1a:
        queue->vector = vector_write(value);
        break;
    case 0x1c:
        assert_int_equal(value, 1); /* 0 must not be written (4.1.4.3.2) */
        queue->enable = mock.refuses_queue ? 0 : 1;
        break;
    case 0x3a:
        assert_int_equal(value, 1); /* only 1 may be written, and to an enabled queue (2.6.1.2) */
        assert_int_equal(queue->enable, 1);
        queue->reset_reads = mock.slow_queue_resets + 1;
        break;
    default:
        assert_int_equal(queue->enable, 0);
        set_half(offset < 0x28   ? &queue->desc
                 : offset < 0x30 ? &queue->driver
                                 : &queue->device,
                 (offset & 4) != 0, value);
        break;
    }
}

static uint32_t legacy_read(uint32_t offset, unsigned width)
{
    static const uint8_t widths[24] = {[0] = 4,  [4] = 4,  [8] = 4,  [12] = 2, [14] = 2,
                                       [16] = 2, [18] = 1, [19] = 1, [20] = 2, [22] = 2};
    uint32_t start = mock.msix_enabled ? 24 : 20;

    if (offset >= start) {
        return config_read(offset - start, width);
    }
    assert_int_equal(widths[offset], width);
    switch (offset) {
    case 0:
        return (uint32_t)mock.offered;
    case 8:
        return (uint32_t)(selected()->desc >> 12);
    case 12:
        return selected()->size;
    case 18:
        return status_read();
    case 19:
        return mock.isr;
    case 20:
        return mock.config_vector;
    case 22:
        return selected()->vector;
    }
    fail_msg("read of legacy register %u", offset);
    return 0;
}

static void legacy_write(uint32_t offset, unsigned width, uint32_t value)
{
    static const uint8_t widths[24] = {[4] = 4, [8] = 4, [14] = 2, [18] = 1, [20] = 2, [22] = 2};
    uint32_t start = mock.msix_enabled ? 24 : 20;

    if (offset >= start) {
        config_write(offset - start, width, value);
        return;
    }
    if (offset == 16) {
        assert_int_equal(width, 2);
        mock.doorbells++;
        mock.doorbell_value = value;
        return;
    }
    assert_int_equal(widths[offset], width);
    switch (offset) {
    case 4:
        mock.feature_writes++;
        mock.accepted = value;
        break;
    case 8:
        selected()->desc = mock.refuses_queue ? 0 : (uint64_t)value << 12;
        break;
    case 14:
        mock.queue_select = (uint16_t)value;
        break;
    case 18:
        status_write((uint8_t)value);
        break;
    case 20:
        mock.config_vector = vector_write(value);
        break;
    case 22:
        selected()->vector = vector_write(value);
        break;
    }
}

/* The BAR of an access, which lies in it whole; *offset becomes the offset in the BAR. */
static uint32_t access_bar(const VIRTIO_REGION *region, uint32_t *offset, unsigned width)
{
    uint64_t address = region->Base + *offset;
    uint32_t n;

    assert_true((uint64_t)*offset + width <= region->Length);
    for (n = 0; n < 6; n++) {
        const struct mock_bar *bar = &mock.bars[n];

        if (bar->base != 0 && address >= bar->base && address - bar->base < bar->length) {
            assert_true(address - bar->base + width <= bar->length);
            assert_int_equal(region->PortSpace, bar->port_space);
            /* x86 port instructions may be at any address; the rest traps on ARM64. */
            assert_int_equal(address % width, 0);
            *offset = (uint32_t)(address - bar->base);
            return n;
        }
    }
    fail_msg("access outside every BAR: %#llx", (unsigned long long)address);
    return 0;
}

static uint32_t mock_read(const VIRTIO_REGION *region, uint32_t offset, unsigned width)
{
    uint32_t bar = access_bar(region, &offset, width);

    if (mock.gone) {
        return 0xffffffffu;
    }
    if (mock.noise) {
        return random_below(3) ? random_below(0xffffffffu) : random_below(3) - 1;
    }
    if (in_structure(1, bar, offset)) {
        return common_read(offset - mock.structures[1].offset, width);
    }
    if (in_structure(3, bar, offset)) {
        assert_int_equal(width, 1);
        return mock.isr;
    }
    if (in_structure(4, bar, offset)) {
        return config_read(offset - mock.structures[4].offset, width);
    }
    assert_true(mock.legacy && bar == 0);
    return legacy_read(offset, width);
}

static void mock_write(const VIRTIO_REGION *region, uint32_t offset, unsigned width, uint32_t value)
{
    uint32_t bar = access_bar(region, &offset, width);

    if (mock.gone || mock.noise) {
        return;
    }
    if (in_structure(1, bar, offset)) {
        common_write(offset - mock.structures[1].offset, width, value);
    } else if (in_structure(2, bar, offset)) {
        assert_int_equal(width, mock.accepted & F_NOTIFICATION_DATA ? 4 : 2);
        mock.doorbells++;
        mock.doorbell_bar = bar;
        mock.doorbell_offset = offset;
        mock.doorbell_value = value;
    } else if (in_structure(4, bar, offset)) {
        config_write(offset - mock.structures[4].offset, width, value);
    } else {
        assert_true(mock.legacy && bar == 0);
        legacy_write(offset, width, value);
    }
}

static BOOLEAN mock_map(PVOID Context, const VIRTIO_PCI_BAR *Bar, PVIRTIO_REGION Region)
{
    struct mock_bar *bar;

    assert_ptr_equal(Context, &mock);
    assert_true(Bar->Number < 6);
    assert_int_not_equal(Bar->Address, 0);
    bar = &mock.bars[Bar->Number];
    assert_int_equal(++bar->mappings, 1);
    if (bar->unmappable || bar->length == 0) {
        return FALSE;
    }
    if (!mock.noise) {
        assert_int_equal(Bar->Address, bar->address);
        assert_int_equal(Bar->IoSpace, bar->io);
    }
    bar->port_space = bar->io;
    bar->base = bar->io ? bar->address : 0x10000000ull * (Bar->Number + 1);
    Region->Base = (ULONG_PTR)bar->base;
    Region->Length = bar->length;
    Region->PortSpace = bar->port_space;
    return TRUE;
}

/* ---- Building a configuration space ---- */

static void put16(uint32_t offset, uint32_t value)
{
    mock.space[offset] = (uint8_t)value;
    mock.space[offset + 1] = (uint8_t)(value >> 8);
}

static void put32(uint32_t offset, uint32_t value)
{
    put16(offset, value);
    put16(offset + 2, value >> 16);
}

static void put_bar(uint32_t number, bool io, bool wide, uint64_t address, uint32_t length)
{
    mock.bars[number].address = address;
    mock.bars[number].length = length;
    mock.bars[number].io = io;
    put32(0x10 + 4 * number, (uint32_t)address | (io ? 1 : wide ? 0xc : 0));
    if (wide) {
        put32(0x14 + 4 * number, (uint32_t)(address >> 32));
    }
}

/* Links a capability of `length` bytes; answers its offset. */
static uint32_t put_capability(uint8_t id, uint32_t length)
{
    uint32_t offset = mock.next_offset;

    mock.space[mock.last_capability] = (uint8_t)offset;
    mock.space[offset] = id;
    mock.space[offset + 1] = 0;
    mock.last_capability = offset + 1;
    mock.next_offset = (offset + length + 3) & ~3u;
    assert_true(mock.next_offset <= 256);
    return offset;
}

static uint32_t put_structure(uint32_t type, uint32_t bar, uint32_t offset, uint32_t length)
{
    uint32_t capability = put_capability(0x09, type == 2 ? 20 : 16);

    mock.space[capability + 2] = type == 2 ? 20 : 16;
    mock.space[capability + 3] = (uint8_t)type;
    mock.space[capability + 4] = (uint8_t)bar;
    put32(capability + 8, offset);
    put32(capability + 12, length);
    return capability;
}

static void put_device(uint16_t device_id)
{
    uint32_t n;

    memset(&mock, 0, sizeof(mock));
    put16(0, 0x1af4);
    put16(2, device_id);
    put16(6, 0x10); /* there is a capability list */
    mock.last_capability = 0x34;
    mock.next_offset = 0x40;
    mock.offered = 1ull << 32 | 1ull << 29 | 1ull << 28 | 1ull << 9 | 1ull << 6;
    mock.vectors = 3;
    mock.status = 0x0f; /* left running by somebody */
    for (n = 0; n < QUEUES; n++) {
        mock.queues[n].size = n == 3 ? 0 : 256;
        mock.queues[n].notify_off = (uint16_t)n;
    }
    for (n = 0; n < sizeof(mock.config); n++) {
        mock.config[n] = (uint8_t)(n + 1);
    }
    stalled_microseconds = 0;
    reset_write();
    mock.status = 0x0f;
}

/* Offsets of the capabilities of the usual device, by cfg_type. */
static uint32_t capability[5];

/* Structures where QEMU has them: one 64-bit memory BAR, 4, with a page for each. */
static void put_modern_structures(void)
{
    static const struct mock_structure structures[5] = {
        [1] = {4, 0x0000, 0x1000},
        [2] = {4, 0x3000, 0x1000},
        [3] = {4, 0x1000, 0x1000},
        [4] = {4, 0x2000, 0x1000},
    };
    uint32_t type;

    memcpy(mock.structures, structures, sizeof(structures));
    put_bar(4, false, true, 0x8fe0000000ull, 0x4000);
    for (type = 1; type < 5; type++) {
        capability[type] = put_structure(type, structures[type].bar, structures[type].offset,
                                         structures[type].length);
    }
    put32(capability[2] + 16, 4);
}

static void put_msix(bool enabled)
{
    uint32_t offset = put_capability(0x11, 12);

    put16(offset + 2, 0x0002 | (enabled ? 0x8000 : 0));
    mock.msix_enabled = enabled;
}

static void put_modern(void)
{
    put_device(0x1042);
    put_msix(true);
    put_modern_structures();
}

static void put_legacy(bool msix_present, bool msix_enabled)
{
    put_device(0x1001);
    mock.legacy = true;
    mock.offered &= 0xffffffffu;
    put_bar(0, true, false, 0xc040, 128);
    if (msix_present) {
        put_msix(msix_enabled);
    }
}

static void put_transitional(void)
{
    put_legacy(true, true);
    mock.offered |= 1ull << 32;
    put_modern_structures();
}

static VIRTIO_PCI_DEVICE device;

static VIRTIO_PCI_RESULT probe(void)
{
    memset(&device, 0xa5, sizeof(device));
    return VirtioPciProbe(&device, mock.space, mock_map, &mock);
}

static void probe_and_start(void)
{
    assert_int_equal(probe(), VirtioPciOk);
    assert_int_equal(VirtioPciStart(&device), VirtioPciOk);
}

static void expect(VIRTIO_PCI_RESULT result, VIRTIO_PCI_RESULT expected, uint64_t detail)
{
    if (result != expected) {
        print_error("got \"%s\", expected \"%s\"\n", VirtioPciResultName(result),
                    VirtioPciResultName(expected));
    }
    assert_int_equal(result, expected);
    assert_int_equal(device.Detail, detail);
}

/* ---- Tests: probe ---- */

static void test_probe_modern(void **state)
{
    (void)state;
    put_modern();
    assert_int_equal(probe(), VirtioPciOk);
    assert_int_equal(device.Transport, VirtioPciTransportModern);
    assert_true(device.MsixPresent);
    assert_true(device.MsixEnabled);
    assert_int_equal(device.MsixControlOffset, 0x42);
    assert_int_equal(device.NotifyMultiplier, 4);
    assert_int_equal(mock.status, 0x0f); /* untouched */
    assert_int_equal(mock.status_writes, 0);
}

static void test_probe_legacy(void **state)
{
    (void)state;
    put_legacy(false, false);
    assert_int_equal(probe(), VirtioPciOk);
    assert_int_equal(device.Transport, VirtioPciTransportLegacy);
    assert_false(device.MsixPresent);
    assert_int_equal(device.MsixControlOffset, 0);
    assert_int_equal(device.Config.Length, 108);
    VirtioPciSetMsixEnabled(&device, TRUE); /* it has none */
    assert_false(device.MsixEnabled);
    assert_int_equal(device.Config.Length, 108);
    assert_int_equal(mock.status_writes, 0);

    put_legacy(true, true);
    assert_int_equal(probe(), VirtioPciOk);
    assert_int_equal(device.Config.Length, 104);
    VirtioPciSetMsixEnabled(&device, FALSE);
    assert_int_equal(device.Config.Length, 108);
}

static void test_probe_transitional(void **state)
{
    (void)state;
    put_transitional();
    assert_int_equal(probe(), VirtioPciOk);
    assert_int_equal(device.Transport, VirtioPciTransportModern);

    put_transitional(); /* VERSION_1 is not offered */
    mock.offered &= 0xffffffffu;
    assert_int_equal(probe(), VirtioPciOk);
    assert_int_equal(device.Transport, VirtioPciTransportLegacy);

    put_transitional(); /* not all capabilities are good */
    put32(capability[4] + 12, 0xffffffffu);
    assert_int_equal(probe(), VirtioPciOk);
    assert_int_equal(device.Transport, VirtioPciTransportLegacy);
}

/* Each structure in a BAR of its own: I/O, 32-bit and 64-bit memory. */
static void test_probe_mixed_bars(void **state)
{
    (void)state;
    put_device(0x1042);
    put_bar(0, true, false, 0xd000, 0x100);
    put_bar(1, false, false, 0xfe000000u, 0x1000);
    put_bar(2, false, true, 0x4000000000ull, 0x1000);
    put_bar(5, false, false, 0xfd000000u, 0x40);
    mock.structures[1] = (struct mock_structure){0, 0x40, 0x38};
    mock.structures[2] = (struct mock_structure){0, 0x80, 0x10};
    mock.structures[3] = (struct mock_structure){5, 0x3f, 1};
    mock.structures[4] = (struct mock_structure){2, 0xfc0, 0x40};
    (void)put_structure(1, 0, 0x40, 0x38);
    put32(put_structure(2, 0, 0x80, 0x10) + 16, 2);
    (void)put_structure(3, 5, 0x3f, 1);
    (void)put_structure(4, 2, 0xfc0, 0x40);
    probe_and_start();
    assert_true(device.Common.PortSpace);
    assert_false(device.Isr.PortSpace);
    mock.isr = 3;
    assert_int_equal(VirtioPciReadIsr(&device), 3);
    assert_int_equal(mock.bars[1].mappings, 0); /* nothing there that is needed */
}

struct hostile_case {
    const char *what;
    void (*break_it)(void);
    VIRTIO_PCI_RESULT result;
    uint64_t detail;
};

static void break_vendor(void)
{
    put16(0, 0x1af5);
}
static void break_device(void)
{
    put16(2, 0x1041);
}
static void break_all_ones(void)
{
    memset(mock.space, 0xff, sizeof(mock.space));
}
static void break_header(void)
{
    mock.space[0x0e] = 0x81;
}
static void break_no_list(void)
{
    put16(6, 0);
}
static void break_empty_list(void)
{
    mock.space[0x34] = 0;
}
static void break_first_pointer(void)
{
    mock.space[0x34] = 0x3c;
}
static void break_loop(void)
{
    mock.space[capability[1] + 1] = 0x40;
}
static void break_self_loop(void)
{
    mock.space[0x41] = 0x40;
}
static void break_next_in_header(void)
{
    mock.space[capability[1] + 1] = 0x10;
}
static void break_missing_common(void)
{
    mock.space[capability[1] + 3] = 5;
}
static void break_missing_notify(void)
{
    mock.space[capability[2]] = 0x01;
}
static void break_missing_isr(void)
{
    mock.space[capability[3] + 3] = 0;
}
static void break_missing_config(void)
{
    mock.space[capability[4] + 3] = 0xff;
}
static void break_short_capability(void)
{
    mock.space[capability[1] + 2] = 15;
}
static void break_short_notify(void)
{
    mock.space[capability[2] + 2] = 16;
}
static void break_bar_6(void)
{
    mock.space[capability[1] + 4] = 6;
}
static void break_bar_255(void)
{
    mock.space[capability[3] + 4] = 255;
}
static void break_bar_unassigned(void)
{
    mock.space[capability[3] + 4] = 1;
}
static void break_bar_upper_half(void)
{
    mock.space[capability[3] + 4] = 5;
}
static void break_bar_unmappable(void)
{
    mock.bars[4].unmappable = true;
}
static void break_offset(void)
{
    put32(capability[4] + 8, 0x3004);
}
static void break_overflow(void)
{
    put32(capability[4] + 8, 0xfffff000u);
}
static void break_length(void)
{
    put32(capability[1] + 12, 0xffffffffu);
}
static void break_small_common(void)
{
    put32(capability[1] + 12, 0x37);
}
static void break_small_notify(void)
{
    put32(capability[2] + 12, 1);
}
static void break_small_isr(void)
{
    put32(capability[3] + 12, 0);
}
static void break_small_config(void)
{
    put32(capability[4] + 12, 7);
}
static void break_common_alignment(void)
{
    put32(capability[1] + 8, 2);
}
static void break_notify_alignment(void)
{
    put32(capability[2] + 8, 0x2fff);
}
static void break_version_1(void)
{
    mock.offered &= 0xffffffffu;
}

static void break_capability_at_end(void)
{
    /* The last one moves to 0xf4: 12 bytes are all that is left. */
    memmove(&mock.space[0xf4], &mock.space[capability[4]], 12);
    mock.space[capability[4]] = 0;
    mock.space[capability[3] + 1] = 0xf4;
}

static void break_wide_bar_5(void)
{
    put32(0x10 + 4 * 4, 0);
    put32(0x10 + 4 * 5, 0xfe00000cu);
    mock.space[capability[1] + 4] = 5;
}

static void test_probe_hostile(void **state)
{
    static const struct hostile_case cases[] = {
        {"other vendor", break_vendor, VirtioPciNotVirtioBlk, 0x10421af5},
        {"network device", break_device, VirtioPciNotVirtioBlk, 0x10411af4},
        {"nothing there", break_all_ones, VirtioPciNotVirtioBlk, 0xffffffff},
        {"a bridge", break_header, VirtioPciNotEndpoint, 1},
        {"no list", break_no_list, VirtioPciNoCapabilities, 0},
        {"empty list", break_empty_list, VirtioPciCapMissing, 1},
        {"list starts in the header", break_first_pointer, VirtioPciCapListBroken, 0x3c},
        {"circle", break_loop, VirtioPciCapListBroken, 0x40},
        {"circle of one", break_self_loop, VirtioPciCapListBroken, 0x40},
        {"list goes into the header", break_next_in_header, VirtioPciCapListBroken, 0x10},
        {"no common", break_missing_common, VirtioPciCapMissing, 1},
        {"no notify", break_missing_notify, VirtioPciCapMissing, 2},
        {"no ISR", break_missing_isr, VirtioPciCapMissing, 3},
        {"no device configuration", break_missing_config, VirtioPciCapMissing, 4},
        {"cap_len 15", break_short_capability, VirtioPciCapTruncated, 0x4c},
        {"notify cap_len 16", break_short_notify, VirtioPciCapTruncated, 0x5c},
        {"capability at the end", break_capability_at_end, VirtioPciCapTruncated, 0xf4},
        {"BAR 6", break_bar_6, VirtioPciCapBadBar, 0x4c},
        {"BAR 255", break_bar_255, VirtioPciCapBadBar, 0x70},
        {"BAR without address", break_bar_unassigned, VirtioPciCapBadBar, 0x70},
        {"upper half of a BAR", break_bar_upper_half, VirtioPciCapBadBar, 0x70},
        {"64-bit BAR 5", break_wide_bar_5, VirtioPciCapBadBar, 0x4c},
        {"BAR not mapped", break_bar_unmappable, VirtioPciBarNotMapped, 4},
        {"beyond the BAR", break_offset, VirtioPciCapOutsideBar, 0x80},
        {"offset + length overflows", break_overflow, VirtioPciCapOutsideBar, 0x80},
        {"length of all ones", break_length, VirtioPciCapOutsideBar, 0x4c},
        {"small common", break_small_common, VirtioPciCapTooSmall, 0x4c},
        {"small notify", break_small_notify, VirtioPciCapTooSmall, 0x5c},
        {"small ISR", break_small_isr, VirtioPciCapTooSmall, 0x70},
        {"small configuration", break_small_config, VirtioPciCapTooSmall, 0x80},
        {"misaligned common", break_common_alignment, VirtioPciCapMisaligned, 0x4c},
        {"misaligned notify", break_notify_alignment, VirtioPciCapMisaligned, 0x5c},
        {"no VERSION_1", break_version_1, VirtioPciNoVersion1,
         1ull << 29 | 1ull << 28 | 1ull << 9 | 1ull << 6},
    };
    uint32_t n;

    (void)state;
    for (n = 0; n < sizeof(cases) / sizeof(cases[0]); n++) {
        VIRTIO_PCI_RESULT result;

        put_modern();
        cases[n].break_it();
        result = probe();
        if (result != cases[n].result || device.Detail != cases[n].detail) {
            print_error("case \"%s\":\n", cases[n].what);
        }
        expect(result, cases[n].result, cases[n].detail);
        assert_int_equal(device.Transport, VirtioPciTransportNone);
        assert_int_equal(mock.status_writes, 0);
    }
}

/* The first valid capability of a type counts: a bad one before it and a good one after do not. */
static void test_probe_duplicates(void **state)
{
    uint32_t bad;

    (void)state;
    put_device(0x1042);
    bad = put_structure(1, 4, 0, 0x38);
    mock.space[bad + 4] = 9;
    put_modern_structures();
    (void)put_structure(1, 4, 0x2f00, 0x100);
    (void)put_structure(3, 4, 0x2f00, 0x100);
    probe_and_start();
    assert_int_equal(device.Common.Base, mock.bars[4].base);
    assert_int_equal(device.Isr.Base, mock.bars[4].base + 0x1000);
}

/* The list breaks, but only behind what is needed. */
static void test_probe_list_broken_late(void **state)
{
    (void)state;
    put_modern();
    mock.space[capability[4] + 1] = 0x40;
    assert_int_equal(probe(), VirtioPciOk);
    put_modern();
    mock.space[capability[4] + 1] = 0x08;
    assert_int_equal(probe(), VirtioPciOk);
}

static void test_probe_legacy_bar(void **state)
{
    (void)state;
    put_legacy(true, false); /* no room for the vector registers */
    mock.bars[0].length = 20;
    expect(probe(), VirtioPciLegacyBarBad, 0xc041);
    put_legacy(false, false); /* just the registers: no configuration */
    mock.bars[0].length = 20;
    assert_int_equal(probe(), VirtioPciOk);
    assert_false(VirtioPciHasConfig(&device, 0, 1));
    put_legacy(false, false);
    put_bar(0, false, false, 0xfe000000u, 128);
    expect(probe(), VirtioPciLegacyBarBad, 0xfe000000u);
    put_legacy(false, false);
    put_bar(0, true, false, 0, 128);
    expect(probe(), VirtioPciLegacyBarBad, 1);
    put_legacy(false, false);
    mock.bars[0].unmappable = true;
    expect(probe(), VirtioPciBarNotMapped, 0);
    assert_int_equal(device.Transport, VirtioPciTransportNone);
}

/* An MSI-X capability that configuration space cannot hold is none; the first of two counts. */
static void test_probe_msix(void **state)
{
    (void)state;
    put_modern();
    mock.space[0x34] = 0xf8;
    mock.space[0xf8] = 0x11;
    mock.space[0xf9] = (uint8_t)capability[1];
    put16(0xfa, 0x8000);
    assert_int_equal(probe(), VirtioPciOk);
    assert_false(device.MsixPresent);
    assert_false(device.MsixEnabled);

    put_device(0x1042);
    put_msix(false);
    put_msix(true);
    put_modern_structures();
    assert_int_equal(probe(), VirtioPciOk);
    assert_true(device.MsixPresent);
    assert_false(device.MsixEnabled);
    assert_int_equal(device.MsixControlOffset, 0x42);
    VirtioPciSetMsixEnabled(&device, TRUE);
    assert_true(device.MsixEnabled);
}

/* ---- Tests: status and features ---- */

static void put_either(uint32_t legacy)
{
    if (legacy) {
        put_legacy(true, true);
    } else {
        put_modern();
    }
}

static void test_handshake(void **state)
{
    uint32_t legacy;

    (void)state;
    for (legacy = 0; legacy < 2; legacy++) {
        uint64_t version_1 = legacy ? 0 : 1ull << 32;

        put_either(legacy);
        probe_and_start();
        assert_int_equal(mock.status, 0x03);
        assert_int_equal(device.Offered, mock.offered);
        assert_int_equal(VirtioPciNegotiate(&device, 1ull << 29 | 1ull << 9 | 1ull << 40 | 1),
                         VirtioPciOk);
        assert_int_equal(device.Features, 1ull << 29 | 1ull << 9 | version_1);
        assert_int_equal(mock.accepted, device.Features);
        assert_int_equal(mock.status, legacy ? 0x03 : 0x0b);
        assert_int_equal(VirtioPciDriverOk(&device), VirtioPciOk);
        assert_int_equal(VirtioPciGetStatus(&device), legacy ? 0x07 : 0x0f);
        VirtioPciFail(&device);
        assert_int_equal(mock.status, legacy ? 0x87 : 0x8f);
        assert_int_equal(VirtioPciReset(&device), VirtioPciOk);
        assert_int_equal(mock.status, 0);
        assert_int_equal(device.Features, 0);
    }
}

static void test_refused(void **state)
{
    uint32_t legacy;

    (void)state;
    put_modern();
    mock.refuses_features = true;
    probe_and_start();
    expect(VirtioPciNegotiate(&device, 1ull << 29), VirtioPciFeaturesRefused,
           1ull << 32 | 1ull << 29);
    assert_int_equal(device.Features, 0);

    put_modern(); /* VERSION_1 is gone after the reset */
    assert_int_equal(probe(), VirtioPciOk);
    mock.offered = 1;
    assert_int_equal(VirtioPciStart(&device), VirtioPciOk);
    expect(VirtioPciNegotiate(&device, ~0ull), VirtioPciNoVersion1, 1);

    for (legacy = 0; legacy < 2; legacy++) {
        put_either(legacy);
        mock.refuses_driver_ok = true;
        probe_and_start();
        assert_int_equal(VirtioPciNegotiate(&device, 0), VirtioPciOk);
        expect(VirtioPciDriverOk(&device), VirtioPciStatusRefused, legacy ? 0x03 : 0x0b);
        put_either(legacy);
        mock.needs_reset = true;
        probe_and_start();
        assert_int_equal(VirtioPciNegotiate(&device, 0), VirtioPciOk);
        expect(VirtioPciDriverOk(&device), VirtioPciStatusRefused, legacy ? 0x47 : 0x4f);
    }
}

static void test_reset_waits(void **state)
{
    uint32_t legacy;

    (void)state;
    for (legacy = 0; legacy < 2; legacy++) {
        put_either(legacy);
        assert_int_equal(probe(), VirtioPciOk);
        assert_int_equal(VirtioPciReset(&device), VirtioPciOk);
        assert_int_equal(stalled_microseconds, 0); /* a quick one costs no wait */

        put_either(legacy);
        assert_int_equal(probe(), VirtioPciOk);
        mock.slow_resets = 100;
        assert_int_equal(VirtioPciReset(&device), VirtioPciOk);
        assert_int_equal(stalled_microseconds, 99 * VIRTIO_PCI_RESET_POLL_MICROSECONDS);

        put_either(legacy);
        assert_int_equal(probe(), VirtioPciOk);
        mock.never_resets = true;
        expect(VirtioPciReset(&device), VirtioPciResetTimeout, 0x0f);
        assert_int_equal(stalled_microseconds, 1000000);
        expect(VirtioPciStart(&device), VirtioPciResetTimeout, 0x0f);
    }
}

static void fill_queue(VIRTIO_PCI_QUEUE *queue, uint16_t index, uint16_t vector, uint32_t size,
                       VIRTQUEUE_LAYOUT layout, uint64_t address)
{
    static _Alignas(4096) uint8_t ring[16384], private[16384];
    VIRTQUEUE_SETUP setup = {layout, size, 0, FALSE, FALSE, TRUE, ring, address, private};
    VIRTQUEUE virtqueue;

    assert_int_equal(VirtQueueInitialize(&virtqueue, &setup), VirtQueueFaultNone);
    queue->Index = index;
    queue->Vector = vector;
    queue->Size = size;
    VirtQueueGetAddresses(&virtqueue, &queue->Addresses);
}

/* At every point the device may be gone: all ones everywhere, no long wait, no other reason. */
static void test_surprise_removal(void **state)
{
    static const VIRTIO_PCI_FIELD capacity = {0, 8};
    uint32_t legacy;

    (void)state;
    for (legacy = 0; legacy < 2; legacy++) {
        VIRTIO_PCI_QUEUE queue;
        VIRTIO_PCI_DOORBELL doorbell;
        uint8_t buffer[8];
        ULONG size;

        put_either(legacy);
        probe_and_start();
        assert_int_equal(VirtioPciNegotiate(&device, 0), VirtioPciOk);
        fill_queue(&queue, 0, 0, 256, VirtQueueLayoutLegacy, 0x100000);
        mock.gone = true;
        assert_int_equal(VirtioPciReset(&device), VirtioPciGone);
        assert_int_equal(VirtioPciStart(&device), VirtioPciGone);
        assert_int_equal(VirtioPciDriverOk(&device), VirtioPciGone);
        assert_int_equal(VirtioPciGetStatus(&device), 0xff);
        assert_int_equal(VirtioPciReadIsr(&device), 0);
        assert_int_equal(VirtioPciSetConfigVector(&device, 1), VirtioPciGone);
        assert_int_equal(VirtioPciGetQueueSize(&device, 0, &size), VirtioPciGone);
        assert_int_equal(VirtioPciEnableQueue(&device, &queue, &doorbell), VirtioPciGone);
        assert_int_equal(VirtioPciReadConfig(&device, &capacity, 1, buffer, sizeof(buffer)),
                         VirtioPciGone);
        if (!legacy) {
            assert_int_equal(VirtioPciNegotiate(&device, 0), VirtioPciGone);
        }
        VirtioPciFail(&device);
        assert_int_equal(stalled_microseconds, 0);
    }
}

/* ---- Tests: queues and vectors ---- */

static void test_queue_modern(void **state)
{
    VIRTIO_PCI_QUEUE queue;
    VIRTIO_PCI_DOORBELL doorbell;
    ULONG size = 0;

    (void)state;
    put_modern();
    probe_and_start();
    assert_int_equal(VirtioPciGetQueueSize(&device, 2, &size), VirtioPciOk);
    assert_int_equal(size, 256);
    fill_queue(&queue, 2, 1, 64, VirtQueueLayoutSplit, 0x123456789a00ull);
    assert_int_equal(VirtioPciEnableQueue(&device, &queue, &doorbell), VirtioPciOk);
    assert_int_equal(mock.queues[2].enable, 1);
    assert_int_equal(mock.queues[2].chosen_size, 64);
    assert_int_equal(mock.queues[2].vector, 1);
    assert_int_equal(mock.queues[2].desc, queue.Addresses.Descriptors);
    assert_int_equal(mock.queues[2].driver, queue.Addresses.Available);
    assert_int_equal(mock.queues[2].device, queue.Addresses.Used);
    VirtioPciNotify(&doorbell, 0);
    assert_int_equal(mock.doorbells, 1);
    assert_int_equal(mock.doorbell_bar, 4);
    assert_int_equal(mock.doorbell_offset, 0x3000 + 2 * 4);
    assert_int_equal(mock.doorbell_value, 2);
    expect(VirtioPciEnableQueue(&device, &queue, &doorbell), VirtioPciQueueInUse, 2);
}

static void test_queue_legacy(void **state)
{
    VIRTIO_PCI_QUEUE queue;
    VIRTIO_PCI_DOORBELL doorbell;
    uint64_t good = 0xffffff0000ull; /* above 4 GiB */

    (void)state;
    put_legacy(true, true);
    probe_and_start();
    fill_queue(&queue, 1, 2, 256, VirtQueueLayoutLegacy, good);
    assert_int_equal(VirtioPciEnableQueue(&device, &queue, &doorbell), VirtioPciOk);
    assert_int_equal(mock.queues[1].desc, good);
    assert_int_equal(mock.queues[1].vector, 2);
    VirtioPciNotify(&doorbell, 0);
    assert_int_equal(mock.doorbells, 1);
    assert_int_equal(mock.doorbell_value, 1);
    expect(VirtioPciEnableQueue(&device, &queue, &doorbell), VirtioPciQueueInUse, 1);

    /* It computes the parts' places itself, from a page number of 32 bits. */
    fill_queue(&queue, 0, 0, 256, VirtQueueLayoutSplit, good);
    expect(VirtioPciEnableQueue(&device, &queue, &doorbell), VirtioPciQueueAddressBad, good);
    fill_queue(&queue, 0, 0, 256, VirtQueueLayoutLegacy, 1ull << 44);
    expect(VirtioPciEnableQueue(&device, &queue, &doorbell), VirtioPciQueueAddressBad, 1ull << 44);
    fill_queue(&queue, 0, 0, 256, VirtQueueLayoutLegacy, (1ull << 44) - 4096);
    expect(VirtioPciEnableQueue(&device, &queue, &doorbell), VirtioPciQueueAddressBad,
           (1ull << 44) - 4096);
    fill_queue(&queue, 0, 0, 256, VirtQueueLayoutLegacy, 0);
    expect(VirtioPciEnableQueue(&device, &queue, &doorbell), VirtioPciQueueAddressBad, 0);
    fill_queue(&queue, 0, 0, 128, VirtQueueLayoutLegacy, good);
    expect(VirtioPciEnableQueue(&device, &queue, &doorbell), VirtioPciQueueSizeBad, 128);
    fill_queue(&queue, 0, 0, 256, VirtQueueLayoutLegacy, (1ull << 44) - 3 * 4096);
    assert_int_equal(VirtioPciEnableQueue(&device, &queue, &doorbell), VirtioPciOk);
}

static void test_queue_sizes(void **state)
{
    static const uint32_t bad[] = {3, 24, 255, 257, 32769, 40000, 65535};
    uint32_t legacy, n;
    ULONG size;

    (void)state;
    for (legacy = 0; legacy < 2; legacy++) {
        put_either(legacy);
        probe_and_start();
        expect(VirtioPciGetQueueSize(&device, 3, &size), VirtioPciQueueAbsent, 3);
        expect(VirtioPciGetQueueSize(&device, 0xffff, &size), VirtioPciQueueAbsent, 0xffff);
        for (n = 0; n < sizeof(bad) / sizeof(bad[0]); n++) {
            mock.queues[0].size = mock.queues[0].chosen_size = bad[n];
            expect(VirtioPciGetQueueSize(&device, 0, &size), VirtioPciQueueSizeBad, bad[n]);
        }
        for (n = 1; n <= 32768; n *= 2) {
            mock.queues[0].size = mock.queues[0].chosen_size = n;
            assert_int_equal(VirtioPciGetQueueSize(&device, 0, &size), VirtioPciOk);
            assert_int_equal(size, n);
        }
    }
}

static void test_queue_refused(void **state)
{
    VIRTIO_PCI_QUEUE queue;
    VIRTIO_PCI_DOORBELL doorbell;
    uint32_t legacy;

    (void)state;
    for (legacy = 0; legacy < 2; legacy++) {
        put_either(legacy);
        mock.refuses_queue = true;
        probe_and_start();
        fill_queue(&queue, 1, 0xffff, 256, VirtQueueLayoutLegacy, 0x200000);
        expect(VirtioPciEnableQueue(&device, &queue, &doorbell), VirtioPciQueueRefused, 1);
        fill_queue(&queue, 3, 0xffff, 256, VirtQueueLayoutLegacy, 0x200000);
        expect(VirtioPciEnableQueue(&device, &queue, &doorbell), VirtioPciQueueAbsent, 3);
    }
    put_modern();
    mock.refuses_size = true;
    probe_and_start();
    fill_queue(&queue, 1, 0xffff, 128, VirtQueueLayoutSplit, 0x200000);
    expect(VirtioPciEnableQueue(&device, &queue, &doorbell), VirtioPciQueueRefused, 1);
    queue.Size = 512;
    expect(VirtioPciEnableQueue(&device, &queue, &doorbell), VirtioPciQueueSizeBad, 512);
    queue.Size = 0;
    expect(VirtioPciEnableQueue(&device, &queue, &doorbell), VirtioPciQueueSizeBad, 0);
    queue.Size = 256;
    queue.Addresses.Used += 2;
    expect(VirtioPciEnableQueue(&device, &queue, &doorbell), VirtioPciQueueAddressBad, 0x200000);
}

static void test_vectors(void **state)
{
    VIRTIO_PCI_QUEUE queue;
    VIRTIO_PCI_DOORBELL doorbell;
    uint32_t legacy, odd;

    (void)state;
    for (legacy = 0; legacy < 2; legacy++) {
        for (odd = 0; odd < 2; odd++) {
            uint16_t read_back = odd ? 7777 : 0xffff;

            put_either(legacy);
            mock.odd_vector = odd;
            probe_and_start();
            assert_int_equal(VirtioPciSetConfigVector(&device, 2), VirtioPciOk);
            assert_int_equal(mock.config_vector, 2);
            assert_int_equal(VirtioPciSetConfigVector(&device, 0xffff), VirtioPciOk);
            assert_int_equal(mock.config_vector, 0xffff);
            expect(VirtioPciSetConfigVector(&device, 3), VirtioPciVectorRefused, read_back);
            assert_int_equal(mock.config_vector, 0xffff);

            /* A refused queue vector leaves the queue as it was; another one may be tried. */
            fill_queue(&queue, 0, 3, 256, VirtQueueLayoutLegacy, 0x200000);
            expect(VirtioPciEnableQueue(&device, &queue, &doorbell), VirtioPciVectorRefused,
                   read_back);
            assert_int_equal(mock.queues[0].vector, 0xffff);
            assert_int_equal(mock.queues[0].enable, 0);
            assert_int_equal(mock.queues[0].desc, 0);
            queue.Vector = 0;
            assert_int_equal(VirtioPciEnableQueue(&device, &queue, &doorbell), VirtioPciOk);
        }
    }
    put_legacy(true, false); /* the vector registers are not there */
    probe_and_start();
    expect(VirtioPciSetConfigVector(&device, 0), VirtioPciVectorRefused, 0);
    assert_int_equal(VirtioPciSetConfigVector(&device, 0xffff), VirtioPciOk);
    fill_queue(&queue, 0, 0xffff, 256, VirtQueueLayoutLegacy, 0x200000);
    assert_int_equal(VirtioPciEnableQueue(&device, &queue, &doorbell), VirtioPciOk);
    assert_int_equal(mock.config_writes, 0);
}

static void test_notify_place(void **state)
{
    static const struct {
        uint32_t multiplier, notify_off, length;
        VIRTIO_PCI_RESULT result;
        uint64_t offset;
    } cases[] = {
        {0, 0xffff, 2, VirtioPciOk, 0}, /* all queues share one */
        {4, 0x3ff, 0x1000, VirtioPciOk, 0xffc},
        {4, 0x400, 0x1000, VirtioPciNotifyOutside, 0x1000},
        {2, 0x7ff, 0x1000, VirtioPciOk, 0xffe},
        {2, 0x7ff, 0xfff, VirtioPciNotifyOutside, 0xffe},
        {1, 6, 0x1000, VirtioPciOk, 6},
        {1, 7, 0x1000, VirtioPciNotifyMisaligned, 7},
        {3, 3, 0x1000, VirtioPciNotifyMisaligned, 9},
        {0xffffffffu, 0xffff, 0x1000, VirtioPciNotifyOutside, 0xffffffffull * 0xffff},
        {0x80000000u, 2, 0x1000, VirtioPciNotifyOutside, 0x100000000ull},
    };
    uint32_t n;

    (void)state;
    for (n = 0; n < sizeof(cases) / sizeof(cases[0]); n++) {
        VIRTIO_PCI_QUEUE queue;
        VIRTIO_PCI_DOORBELL doorbell;
        VIRTIO_PCI_RESULT result;

        put_modern();
        put32(capability[2] + 12, cases[n].length);
        put32(capability[2] + 16, cases[n].multiplier);
        mock.queues[0].notify_off = (uint16_t)cases[n].notify_off;
        probe_and_start();
        fill_queue(&queue, 0, 0, 256, VirtQueueLayoutSplit, 0x200000);
        result = VirtioPciEnableQueue(&device, &queue, &doorbell);
        assert_int_equal(result, cases[n].result);
        if (result == VirtioPciOk) {
            VirtioPciNotify(&doorbell, 0);
            assert_int_equal(mock.doorbell_offset, 0x3000 + cases[n].offset);
        } else {
            assert_int_equal(device.Detail, cases[n].offset);
            assert_int_equal(mock.queues[0].enable, 0);
        }
    }
}

/* Starts a device that offers `features` and agrees on them. */
static void start_with(uint64_t features)
{
    put_modern();
    mock.offered |= features;
    probe_and_start();
    assert_int_equal(VirtioPciNegotiate(&device, features), VirtioPciOk);
    assert_int_equal(device.Features, features | 1ull << 32);
}

/* What a doorbell says: the queue or what the device gave instead, and how far the driver is. */
static void test_doorbell_data(void **state)
{
    static const struct {
        uint64_t features;
        uint32_t value;
    } cases[] = {
        {0, 2},
        {F_NOTIF_CONFIG_DATA, 0xbeef},
        {F_NOTIFICATION_DATA, 0x90010002},
        {F_NOTIFICATION_DATA | F_NOTIF_CONFIG_DATA, 0x9001beef},
    };

    (void)state;
    for (uint32_t n = 0; n < sizeof(cases) / sizeof(cases[0]); n++) {
        VIRTIO_PCI_QUEUE queue;
        VIRTIO_PCI_DOORBELL doorbell;

        start_with(cases[n].features);
        mock.queues[2].notify_data = 0xbeef;
        fill_queue(&queue, 2, 0, 256, VirtQueueLayoutSplit, 0x200000);
        assert_int_equal(VirtioPciEnableQueue(&device, &queue, &doorbell), VirtioPciOk);
        VirtioPciNotify(&doorbell, 0x9001);
        assert_int_equal(mock.doorbells, 1);
        assert_int_equal(mock.doorbell_offset, 0x3000 + 2 * 4);
        assert_int_equal(mock.doorbell_value, cases[n].value);
    }
}

/* With data a doorbell has four bytes, all of them in its structure, and aligned. */
static void test_doorbell_data_place(void **state)
{
    static const struct {
        uint32_t multiplier, notify_off, length;
        VIRTIO_PCI_RESULT result;
    } cases[] = {
        {4, 0x3ff, 0x1000, VirtioPciOk},
        {4, 0x3ff, 0xffe, VirtioPciNotifyOutside},
        {2, 0x7ff, 0x1000, VirtioPciNotifyOutside},
        {2, 3, 0x1000, VirtioPciNotifyMisaligned},
    };

    (void)state;
    for (uint32_t n = 0; n < sizeof(cases) / sizeof(cases[0]); n++) {
        VIRTIO_PCI_QUEUE queue;
        VIRTIO_PCI_DOORBELL doorbell;

        put_modern();
        mock.offered |= F_NOTIFICATION_DATA;
        put32(capability[2] + 12, cases[n].length);
        put32(capability[2] + 16, cases[n].multiplier);
        mock.queues[0].notify_off = (uint16_t)cases[n].notify_off;
        probe_and_start();
        assert_int_equal(VirtioPciNegotiate(&device, F_NOTIFICATION_DATA), VirtioPciOk);
        fill_queue(&queue, 0, 0, 256, VirtQueueLayoutSplit, 0x200000);
        assert_int_equal(VirtioPciEnableQueue(&device, &queue, &doorbell), cases[n].result);
    }
}

/* Features without their registers do not count as offered: nothing is read behind the structure. */
static void test_short_common_structure(void **state)
{
    static const struct {
        uint32_t length;
        uint64_t left;
    } cases[] = {
        {0x38, F_RING_PACKED},
        {0x3a, F_RING_PACKED | F_NOTIF_CONFIG_DATA},
        {0x3c, F_RING_PACKED | F_NOTIF_CONFIG_DATA | F_RING_RESET},
    };
    const uint64_t all = F_RING_PACKED | F_NOTIF_CONFIG_DATA | F_RING_RESET;

    (void)state;
    for (uint32_t n = 0; n < sizeof(cases) / sizeof(cases[0]); n++) {
        put_modern();
        mock.offered |= all;
        put32(capability[1] + 12, cases[n].length);
        mock.structures[1].length = cases[n].length;
        probe_and_start();
        assert_int_equal(device.Offered & all, cases[n].left);
        assert_int_equal(VirtioPciNegotiate(&device, all), VirtioPciOk);
        assert_int_equal(device.Features & all, cases[n].left);
    }
}

static void test_queue_reset(void **state)
{
    VIRTIO_PCI_QUEUE queue;
    VIRTIO_PCI_DOORBELL doorbell;

    (void)state;
    start_with(F_RING_RESET);
    fill_queue(&queue, 2, 1, 64, VirtQueueLayoutSplit, 0x200000);
    assert_int_equal(VirtioPciEnableQueue(&device, &queue, &doorbell), VirtioPciOk);
    mock.slow_queue_resets = 5;
    assert_int_equal(VirtioPciResetQueue(&device, 2), VirtioPciOk);
    assert_int_equal(stalled_microseconds, 500);
    assert_int_equal(mock.queues[2].enable, 0);
    assert_int_equal(mock.status, 0x0b); /* the device goes on: DRIVER_OK was not set here */
    assert_int_equal(VirtioPciEnableQueue(&device, &queue, &doorbell), VirtioPciOk);
    assert_int_equal(mock.queues[2].chosen_size, 64);

    mock.keeps_queue_enabled = true;
    expect(VirtioPciResetQueue(&device, 2), VirtioPciQueueInUse, 2);
    mock.keeps_queue_enabled = false;
    mock.slow_queue_resets = 1000000;
    stalled_microseconds = 0;
    expect(VirtioPciResetQueue(&device, 2), VirtioPciQueueResetTimeout, 2);
    assert_int_equal(stalled_microseconds, 100000);
    mock.gone = true;
    assert_int_equal(VirtioPciResetQueue(&device, 2), VirtioPciGone);

    start_with(0);
    expect(VirtioPciResetQueue(&device, 0), VirtioPciQueueRefused, 0);
    put_legacy(true, true);
    probe_and_start();
    expect(VirtioPciResetQueue(&device, 0), VirtioPciQueueRefused, 0);
}

/* A packed ring may have any size: the largest power of two in it is used. */
static void test_packed_queue_sizes(void **state)
{
    static const struct {
        uint32_t size;
        VIRTIO_PCI_RESULT result;
        uint32_t used;
    } cases[] = {
        {1, VirtioPciOk, 1},
        {3, VirtioPciOk, 2},
        {100, VirtioPciOk, 64},
        {255, VirtioPciOk, 128},
        {256, VirtioPciOk, 256},
        {32768, VirtioPciOk, 32768},
        {0, VirtioPciQueueAbsent, 0},
        {32769, VirtioPciQueueSizeBad, 0},
        {65535, VirtioPciQueueSizeBad, 0},
    };

    (void)state;
    for (uint32_t n = 0; n < sizeof(cases) / sizeof(cases[0]); n++) {
        ULONG size = 0;

        start_with(F_RING_PACKED);
        mock.queues[0].chosen_size = cases[n].size;
        assert_int_equal(VirtioPciGetQueueSize(&device, 0, &size), cases[n].result);
        assert_int_equal(size, cases[n].used);
    }
}

/* Both event structures of a packed ring are aligned to four bytes (2.8.10.1). */
static void test_packed_queue_addresses(void **state)
{
    VIRTIO_PCI_QUEUE queue;
    VIRTIO_PCI_DOORBELL doorbell;

    (void)state;
    start_with(F_RING_PACKED);
    fill_queue(&queue, 0, 0, 256, VirtQueueLayoutPacked, 0x200000);
    queue.Addresses.Available += 2;
    expect(VirtioPciEnableQueue(&device, &queue, &doorbell), VirtioPciQueueAddressBad, 0x200000);
    queue.Addresses.Available -= 2;
    assert_int_equal(VirtioPciEnableQueue(&device, &queue, &doorbell), VirtioPciOk);
    assert_int_equal(mock.queues[0].driver, queue.Addresses.Available);
}

/* ---- Tests: device configuration, ISR ---- */

static const VIRTIO_PCI_FIELD fields[] = {{0, 8},  {8, 4},  {12, 4}, {16, 2}, {18, 1},
                                          {19, 1}, {20, 4}, {32, 1}, {34, 2}};
#define FIELDS (sizeof(fields) / sizeof(fields[0]))

static void test_config_read(void **state)
{
    uint32_t legacy;

    (void)state;
    for (legacy = 0; legacy < 3; legacy++) {
        uint8_t buffer[36];

        if (legacy == 2) {
            put_legacy(true, false);
        } else {
            put_either(legacy);
        }
        probe_and_start();
        memset(buffer, 0xa5, sizeof(buffer));
        assert_int_equal(VirtioPciReadConfig(&device, fields, FIELDS, buffer, sizeof(buffer)),
                         VirtioPciOk);
        assert_memory_equal(buffer, mock.config, 24);
        assert_int_equal(buffer[24], 0xa5); /* not asked for */
        assert_memory_equal(buffer + 34, mock.config + 34, 2);
        assert_int_equal(VirtioPciWriteConfig8(&device, 32, 1), VirtioPciOk);
        assert_int_equal(mock.config[32], 1);
        assert_int_equal(mock.config_writes, 1);

        expect(VirtioPciReadConfig(&device, fields, FIELDS, buffer, 35), VirtioPciConfigAbsent, 34);
        expect(VirtioPciWriteConfig8(&device, 0x1000, 1), VirtioPciConfigAbsent, 0x1000);
        expect(VirtioPciWriteConfig8(&device, 0xffffffffu, 1), VirtioPciConfigAbsent, 0xffffffffu);
        assert_int_equal(mock.config_writes, 1);
    }
}

/* A short structure: what it does not have reads as 0, without an access beyond it. */
static void test_config_short(void **state)
{
    uint8_t buffer[36];

    (void)state;
    put_modern();
    put32(capability[4] + 12, 18);
    mock.structures[4].length = 18;
    probe_and_start();
    memset(buffer, 0xa5, sizeof(buffer));
    assert_int_equal(VirtioPciReadConfig(&device, fields, FIELDS, buffer, sizeof(buffer)),
                     VirtioPciOk);
    assert_memory_equal(buffer, mock.config, 18);
    assert_int_equal(buffer[18], 0);
    assert_int_equal(buffer[35], 0);
    assert_true(VirtioPciHasConfig(&device, 16, 2));
    assert_false(VirtioPciHasConfig(&device, 16, 3));
    assert_false(VirtioPciHasConfig(&device, 18, 1));
    assert_false(VirtioPciHasConfig(&device, 0xffffffffu, 0xffffffffu));
    expect(VirtioPciWriteConfig8(&device, 32, 1), VirtioPciConfigAbsent, 32);
}

/* A change in the middle of reading is not seen as half old, half new. */
static void test_config_changes(void **state)
{
    uint32_t legacy;
    uint8_t buffer[8];

    (void)state;
    for (legacy = 0; legacy < 2; legacy++) {
        put_either(legacy);
        probe_and_start();
        mock.config_changes = 3;
        assert_int_equal(VirtioPciReadConfig(&device, fields, 1, buffer, sizeof(buffer)),
                         VirtioPciOk);
        assert_int_equal(mock.config_changes, 0);
        assert_memory_equal(buffer, mock.config, 8);
        assert_int_equal(VirtioPciGetConfigGeneration(&device), legacy ? 0 : 3);
        mock.config_changes = 100000;
        assert_int_equal(VirtioPciReadConfig(&device, fields, 1, buffer, sizeof(buffer)),
                         VirtioPciConfigUnstable);
        assert_int_equal(mock.config_changes, 100000 - VIRTIO_PCI_CONFIG_ATTEMPTS);
    }
}

static void test_isr(void **state)
{
    uint32_t legacy;

    (void)state;
    for (legacy = 0; legacy < 2; legacy++) {
        put_either(legacy);
        probe_and_start();
        mock.isr = 2;
        assert_int_equal(VirtioPciReadIsr(&device), VIRTIO_ISR_CONFIG);
        mock.isr = 0xf5;
        assert_int_equal(VirtioPciReadIsr(&device), VIRTIO_ISR_QUEUE);
        mock.isr = 0xff;
        assert_int_equal(VirtioPciReadIsr(&device), 0);
    }
}

/* ---- Tests: fuzz ---- */

/* Everything that a driver does, whatever the answers are. */
static void drive_blindly(void)
{
    VIRTIO_PCI_QUEUE queue;
    VIRTIO_PCI_DOORBELL doorbell;
    uint8_t buffer[36];
    uint16_t index;
    ULONG size;

    (void)VirtioPciStart(&device);
    (void)VirtioPciNegotiate(&device, ~0ull);
    (void)VirtioPciReadConfig(&device, fields, FIELDS, buffer, sizeof(buffer));
    (void)VirtioPciSetConfigVector(&device, 0);
    (void)VirtioPciWriteConfig8(&device, 32, 0);
    (void)VirtioPciReadIsr(&device);
    for (index = 0; index < 3; index++) {
        if (VirtioPciGetQueueSize(&device, index, &size) == VirtioPciOk) {
            assert_true(size != 0 && size <= 32768 && (size & (size - 1)) == 0);
        }
        fill_queue(&queue, index, index, 64, VirtQueueLayoutLegacy, 0x100000);
        if (VirtioPciEnableQueue(&device, &queue, &doorbell) == VirtioPciOk) {
            VirtioPciNotify(&doorbell, 0);
        }
    }
    (void)VirtioPciDriverOk(&device);
    VirtioPciSetMsixEnabled(&device, TRUE);
    (void)VirtioPciReadConfig(&device, fields, FIELDS, buffer, sizeof(buffer));
    (void)VirtioPciReset(&device);
}

/*
 * Damaged configuration spaces over BARs of any size, with registers that read as anything: every
 * access must stay in a mapped BAR (access_bar) and configuration space (sanitizers).
 */
static void test_fuzz(void **state)
{
    uint32_t round, n, found = 0;

    (void)state;
    random_state = 0x9e3779b97f4a7c15ull;
    for (round = 0; round < 40000; round++) {
        /* Of exactly 256 bytes, so that a read beyond is seen. */
        uint8_t *space = malloc(256);

        assert_non_null(space);
        switch (random_below(3)) {
        case 0:
            put_modern();
            break;
        case 1:
            put_transitional();
            break;
        default:
            put_legacy(true, random_below(2));
            break;
        }
        mock.noise = true;
        for (n = random_below(8); n > 0; n--) {
            mock.space[4 + random_below(252)] = (uint8_t)random_below(256);
        }
        for (n = random_below(4); n > 0; n--) {
            mock.space[0x40 + random_below(0x60)] = (uint8_t)random_below(8);
        }
        for (n = 0; n < 6; n++) {
            mock.bars[n].unmappable = random_below(16) == 0;
            mock.bars[n].io = (mock.space[0x10 + 4 * n] & 1) != 0;
            mock.bars[n].address = 0x1000 * (n + 1);
            if (mock.bars[n].length == 0 || random_below(4) == 0) {
                mock.bars[n].length = 1 + random_below(0x5000);
            }
        }
        memcpy(space, mock.space, 256);
        if (VirtioPciProbe(&device, space, mock_map, &mock) == VirtioPciOk) {
            found++;
            drive_blindly();
        }
        free(space);
    }
    assert_in_range(found, 1000, 39000); /* the damage is neither too much nor too little */
}

/* ---- Tests: names ---- */

static void test_names(void **state)
{
    uint32_t n, names = 0;

    (void)state;
    for (n = VirtioPciOk; n <= VirtioPciConfigUnstable; n++) {
        assert_non_null(VirtioPciResultName((VIRTIO_PCI_RESULT)n));
        assert_string_not_equal(VirtioPciResultName((VIRTIO_PCI_RESULT)n), "unknown result");
    }
    assert_string_equal(VirtioPciResultName((VIRTIO_PCI_RESULT)1000), "unknown result");
    for (n = 0; n < 70; n++) {
        names += VirtioFeatureName(n) != NULL;
    }
    assert_int_equal(names, 29);
    assert_string_equal(VirtioFeatureName(29), "EVENT_IDX");
    assert_string_equal(VirtioFeatureName(2), "SEG_MAX");
    assert_null(VirtioFeatureName(3));
    assert_null(VirtioFeatureName(0xffffffffu));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_probe_modern),
        cmocka_unit_test(test_probe_legacy),
        cmocka_unit_test(test_probe_transitional),
        cmocka_unit_test(test_probe_mixed_bars),
        cmocka_unit_test(test_probe_hostile),
        cmocka_unit_test(test_probe_duplicates),
        cmocka_unit_test(test_probe_list_broken_late),
        cmocka_unit_test(test_probe_legacy_bar),
        cmocka_unit_test(test_probe_msix),
        cmocka_unit_test(test_handshake),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_reset_waits),
        cmocka_unit_test(test_surprise_removal),
        cmocka_unit_test(test_queue_modern),
        cmocka_unit_test(test_queue_legacy),
        cmocka_unit_test(test_queue_sizes),
        cmocka_unit_test(test_queue_refused),
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_notify_place),
        cmocka_unit_test(test_doorbell_data),
        cmocka_unit_test(test_doorbell_data_place),
        cmocka_unit_test(test_short_common_structure),
        cmocka_unit_test(test_queue_reset),
        cmocka_unit_test(test_packed_queue_sizes),
        cmocka_unit_test(test_packed_queue_addresses),
        cmocka_unit_test(test_config_read),
        cmocka_unit_test(test_config_short),
        cmocka_unit_test(test_config_changes),
        cmocka_unit_test(test_isr),
        cmocka_unit_test(test_fuzz),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
