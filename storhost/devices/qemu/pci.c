/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What firmware and the PCI bus driver do before a driver sees the device, on the "pc" machine
 * (i440FX and PIIX3), whose processor executes no firmware here.
 *
 * - The virtio-blk function is found on bus 0, and the ivshmem device that takes its messages.
 * - BARs are sized and placed: I/O from port 0xc000, 32-bit memory in the hole below the I/O APIC,
 *   64-bit memory at 512 GiB and up, where an address cut to 32 bits misses. The host bridge
 *   forwards every address that is no memory.
 * - PIIX3 routes the device's INTx to input 11 of the I/O APIC and the other three to 10, so that
 *   11 is the device's alone.
 * - The timer that fires 18 times a second from reset on is stopped: each tick would be a line on
 *   the qtest socket.
 * - MSI-X is enabled with the doorbell of ivshmem as address of all vectors.
 */
#include "devices/qemu/qemu_internal.h"

#include <stdio.h>

#include "machine/memory.h"

#define DEVFNS        256
#define ISA_BRIDGE    (1 << 3) /* device 1, function 0 */
#define ROUTING_FIRST 0x60     /* PIIX3: four registers, one per interrupt pin */
#define LINE_IRQ      11
#define OTHER_IRQ     10

/* PCI configuration space (PCI Local Bus Specification 3.0, section 6.1 and 6.8.2). */
enum {
    CONFIG_ID = 0x00,
    CONFIG_COMMAND = 0x04,
    CONFIG_STATUS = 0x06,
    CONFIG_HEADER_TYPE = 0x0e,
    CONFIG_BAR0 = 0x10,
    CONFIG_CAPABILITIES = 0x34,
    CONFIG_INTERRUPT_LINE = 0x3c,
    CONFIG_INTERRUPT_PIN = 0x3d,

    COMMAND_IO = 1 << 0,
    COMMAND_MEMORY = 1 << 1,
    COMMAND_BUS_MASTER = 1 << 2,
    COMMAND_INTX_DISABLE = 1 << 10,
    STATUS_CAPABILITIES = 1 << 4,
    HEADER_MULTIFUNCTION = 0x80,

    CAPABILITY_MSIX = 0x11,
    MSIX_CONTROL = 2,
    MSIX_TABLE = 4,
    MSIX_CONTROL_SIZE = 0x7ff,
    MSIX_CONTROL_MASK = 0x4000,
    MSIX_CONTROL_ENABLE = 0x8000,
    MSIX_ENTRY_BYTES = 16,
    MSIX_ENTRY_MASKED = 1,
};

#define ID_DISK_TRANSITIONAL 0x10011af4u
#define ID_DISK_MODERN       0x10421af4u
#define ID_IVSHMEM           0x11101af4u
#define IVSHMEM_DOORBELL     12 /* register in its BAR 0 */

#define TIMER_DATA    0x40
#define TIMER_CONTROL 0x43

/* Where BARs go. */
struct window {
    uint64_t next, end;
};
struct windows {
    struct window ports, below_4g, above_4g;
};

static uint32_t read_config(struct qemu_device *qemu, unsigned devfn, unsigned offset,
                            unsigned size)
{
    return qtest_config_read(qemu, devfn, offset, size);
}

static void write_config(struct qemu_device *qemu, unsigned devfn, unsigned offset, unsigned size,
                         uint32_t value)
{
    qtest_config_write(qemu, devfn, offset, size, value);
}

/* ---- BARs ---- */

static uint64_t take(struct window *window, uint64_t size)
{
    uint64_t address = (window->next + size - 1) & ~(size - 1);

    if (address > window->end || size > window->end - address) {
        return 0;
    }
    window->next = address + size;
    return address;
}

/* The size that a register shows when it was written all ones; `flags` are its low bits. */
static uint64_t probe(struct qemu_device *qemu, unsigned devfn, unsigned index, uint32_t *flags)
{
    unsigned offset = CONFIG_BAR0 + 4 * index;

    write_config(qemu, devfn, offset, 4, UINT32_MAX);
    uint32_t shown = read_config(qemu, devfn, offset, 4);
    if (!shown) {
        return 0;
    }
    *flags = shown & 1 ? 1 : shown & 0xf;
    uint64_t mask = shown & (shown & 1 ? ~3u : ~0xfu);
    if ((*flags & 7) == 4) {
        write_config(qemu, devfn, offset + 4, 4, UINT32_MAX);
        mask |= (uint64_t)read_config(qemu, devfn, offset + 4, 4) << 32;
    } else {
        mask |= UINT64_C(0xffffffff) << 32;
        if (shown & 1) {
            mask |= 0xffff0000u; /* a port BAR may implement 16 bits only */
        }
    }
    return ~mask + 1;
}

static void write_bars(struct qemu_device *qemu, unsigned devfn, const struct device_bar *bars)
{
    for (unsigned i = 0; i < DEVICE_BARS; i++) {
        if (bars[i].size) {
            write_config(qemu, devfn, CONFIG_BAR0 + 4 * i, 4, (uint32_t)bars[i].address);
            if (bars[i].is_64bit) {
                write_config(qemu, devfn, CONFIG_BAR0 + 4 * i + 4, 4,
                             (uint32_t)(bars[i].address >> 32));
            }
        }
    }
}

/* Sizes and places all BARs of a function. False: no room. */
static bool place_bars(struct qemu_device *qemu, unsigned devfn, struct device_bar *bars,
                       struct windows *windows)
{
    for (unsigned i = 0; i < DEVICE_BARS; i++) {
        uint32_t flags = 0;

        bars[i].size = probe(qemu, devfn, i, &flags);
        if (!bars[i].size) {
            continue;
        }
        bars[i].ports = flags & 1;
        bars[i].is_64bit = (flags & 7) == 4;
        bars[i].address = take(bars[i].ports      ? &windows->ports
                               : bars[i].is_64bit ? &windows->above_4g
                                                  : &windows->below_4g,
                               bars[i].size);
        if (!bars[i].address) {
            return false;
        }
        i += bars[i].is_64bit;
    }
    write_bars(qemu, devfn, bars);
    return true;
}

static void allow(struct qemu_device *qemu, unsigned devfn, uint32_t more)
{
    write_config(qemu, devfn, CONFIG_COMMAND, 2,
                 COMMAND_IO | COMMAND_MEMORY | COMMAND_BUS_MASTER | more);
}

/* ---- interrupts ---- */

static void stop_timer(struct qemu_device *qemu)
{
    struct qemu_bar_access access = {"write to the timer", -1, TIMER_CONTROL, 1};

    /* Channel 0, one shot, of one tick. */
    qtest_write(qemu, QTEST_PORT, TIMER_CONTROL, 1, 0x30, access);
    qtest_write(qemu, QTEST_PORT, TIMER_DATA, 1, 1, access);
    qtest_write(qemu, QTEST_PORT, TIMER_DATA, 1, 0, access);
}

/* PIIX3 turns the pin by the slot, counted from slot 1. */
static void route_line(struct qemu_device *qemu)
{
    unsigned pin = read_config(qemu, qemu->devfn, CONFIG_INTERRUPT_PIN, 1);

    if (pin < 1 || pin > 4) {
        return;
    }
    unsigned ours = (pin - 1 + (qemu->devfn >> 3) - 1) & 3;
    for (unsigned i = 0; i < 4; i++) {
        write_config(qemu, ISA_BRIDGE, ROUTING_FIRST + i, 1, i == ours ? LINE_IRQ : OTHER_IRQ);
    }
    write_config(qemu, qemu->devfn, CONFIG_INTERRUPT_LINE, 1, LINE_IRQ);
    pthread_mutex_lock(&qemu->line_lock);
    qemu->line_irq = LINE_IRQ;
    pthread_mutex_unlock(&qemu->line_lock);
}

static void find_messages(struct qemu_device *qemu)
{
    unsigned at = 0;

    if (read_config(qemu, qemu->devfn, CONFIG_STATUS, 2) & STATUS_CAPABILITIES) {
        at = read_config(qemu, qemu->devfn, CONFIG_CAPABILITIES, 1) & 0xfc;
    }
    for (unsigned steps = 0; at && steps < 48; steps++) {
        if (read_config(qemu, qemu->devfn, at, 1) == CAPABILITY_MSIX) {
            uint32_t table = read_config(qemu, qemu->devfn, at + MSIX_TABLE, 4);
            uint32_t control = read_config(qemu, qemu->devfn, at + MSIX_CONTROL, 2);

            qemu->msix_capability = at;
            qemu->msix_table_bar = table & 7;
            qemu->msix_table_offset = table & ~7u;
            qemu->device.message_vectors = (control & MSIX_CONTROL_SIZE) + 1;
            return;
        }
        at = read_config(qemu, qemu->devfn, at + 1, 1) & 0xfc;
    }
}

static void write_entry(struct qemu_device *qemu, unsigned vector, bool on)
{
    uint64_t offset = qemu->msix_table_offset + (uint64_t)vector * MSIX_ENTRY_BYTES;
    uint64_t base = qemu->device.bars[qemu->msix_table_bar].address + offset;
    struct qemu_bar_access access = {"write to the MSI-X table", (int)qemu->msix_table_bar, offset,
                                     4};

    qtest_write(qemu, QTEST_MEMORY, base, 4, on ? (uint32_t)qemu->doorbell_address : 0, access);
    qtest_write(qemu, QTEST_MEMORY, base + 4, 4, on ? qemu->doorbell_address >> 32 : 0, access);
    qtest_write(qemu, QTEST_MEMORY, base + 8, 4, on ? doorbell_data(vector) : 0, access);
    qtest_write(qemu, QTEST_MEMORY, base + 12, 4, on ? 0 : MSIX_ENTRY_MASKED, access);
}

/* The whole function is masked while the table is written, so that no message goes to a half
 * written address. */
static void enable_messages(struct qemu_device *qemu, unsigned vectors)
{
    unsigned control = qemu->msix_capability + MSIX_CONTROL;

    allow(qemu, qemu->devfn, COMMAND_INTX_DISABLE);
    write_config(qemu, qemu->devfn, control, 2, MSIX_CONTROL_ENABLE | MSIX_CONTROL_MASK);
    for (unsigned i = 0; i < qemu->device.message_vectors; i++) {
        write_entry(qemu, i, i < vectors);
    }
    write_config(qemu, qemu->devfn, control, 2, MSIX_CONTROL_ENABLE);
    qemu_watch_line(qemu, false);
}

static void disable_messages(struct qemu_device *qemu)
{
    if (qemu->msix_capability) {
        write_config(qemu, qemu->devfn, qemu->msix_capability + MSIX_CONTROL, 2, 0);
    }
    allow(qemu, qemu->devfn, 0);
    qemu_watch_line(qemu, true);
}

unsigned pci_set_vectors(struct qemu_device *qemu, unsigned vectors)
{
    unsigned most = qemu->device.message_vectors;

    if (most > qemu->doorbells) {
        most = qemu->doorbells;
    }
    if (vectors > most) {
        vectors = most;
    }
    pthread_mutex_lock(&qemu->setup_lock);
    if (vectors) {
        enable_messages(qemu, vectors);
    } else {
        disable_messages(qemu);
    }
    qemu->vectors = vectors;
    pthread_mutex_unlock(&qemu->setup_lock);
    return vectors;
}

/* ---- finding ---- */

/* The first function of bus 0 with one of two ids; -1: none. */
static int find(struct qemu_device *qemu, uint32_t id, uint32_t other)
{
    for (unsigned devfn = 0; devfn < DEVFNS; devfn++) {
        uint32_t found = read_config(qemu, devfn, CONFIG_ID, 4);

        if (found == id || found == other) {
            return (int)devfn;
        }
        if (!(devfn & 7) &&
            (found == UINT32_MAX ||
             !(read_config(qemu, devfn, CONFIG_HEADER_TYPE, 1) & HEADER_MULTIFUNCTION))) {
            devfn |= 7;
        }
    }
    return -1;
}

/* How far BARs are moved: more than all of them take, in the same windows. */
#define PORTS_ELSEWHERE  0x1000u
#define MEMORY_ELSEWHERE 0x04000000u

void pci_move_bars(struct qemu_device *qemu)
{
    for (unsigned i = 0; i < DEVICE_BARS; i++) {
        struct device_bar *bar = &qemu->device.bars[i];

        if (bar->size) {
            bar->address ^= bar->ports ? PORTS_ELSEWHERE : MEMORY_ELSEWHERE;
        }
    }
    write_bars(qemu, qemu->devfn, qemu->device.bars);
}

bool pci_setup(struct qemu_device *qemu, char *error, size_t size)
{
    uint64_t top = (UINT64_C(4) << 30) + memory_layout()->above_4g;
    struct windows windows = {
        .ports = {0xc000, 0x10000},
        .below_4g = {0xe0000000, 0xfec00000},
        .above_4g = {UINT64_C(1) << 39, (UINT64_C(1) << 39) + (UINT64_C(1) << 36)},
    };
    int disk = find(qemu, ID_DISK_TRANSITIONAL, ID_DISK_MODERN);
    int doorbell = find(qemu, ID_IVSHMEM, ID_IVSHMEM);

    if (disk < 0 || doorbell < 0) {
        snprintf(error, size, "QEMU has no %s on PCI bus 0.",
                 disk < 0 ? "virtio-blk function" : "ivshmem device");
        return false;
    }
    qemu->devfn = (unsigned)disk;
    qemu->doorbell_devfn = (unsigned)doorbell;
    qemu->device.slot = qemu->devfn >> 3;
    qemu->device.function = qemu->devfn & 7;
    if (top > windows.above_4g.next ||
        !place_bars(qemu, qemu->doorbell_devfn, qemu->doorbell_bars, &windows) ||
        !place_bars(qemu, qemu->devfn, qemu->device.bars, &windows)) {
        snprintf(error, size, "there is no room for the BARs of QEMU's devices.");
        return false;
    }
    qemu->doorbell_address = qemu->doorbell_bars[0].address + IVSHMEM_DOORBELL;
    allow(qemu, qemu->doorbell_devfn, COMMAND_INTX_DISABLE);
    find_messages(qemu);
    stop_timer(qemu);
    route_line(qemu);
    disable_messages(qemu);
    return true;
}

void pci_restore(struct qemu_device *qemu)
{
    pthread_mutex_lock(&qemu->setup_lock);
    unsigned vectors = qemu->vectors;
    pthread_mutex_unlock(&qemu->setup_lock);
    write_bars(qemu, qemu->doorbell_devfn, qemu->doorbell_bars);
    write_bars(qemu, qemu->devfn, qemu->device.bars);
    allow(qemu, qemu->doorbell_devfn, COMMAND_INTX_DISABLE);
    stop_timer(qemu);
    route_line(qemu);
    pci_set_vectors(qemu, vectors);
}
