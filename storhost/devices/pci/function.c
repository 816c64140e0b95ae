/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Configuration space of a virtio function: identity, BARs, accesses.
 *
 * The parts of the interface are placed in BARs as the set-up says; each BAR is as large as what lies
 * in it.
 */
#include "devices/pci/function.h"

#include <linux/pci_regs.h>
#include <linux/virtio_pci.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VENDOR           0x1af4
#define ID_TRANSITIONAL  0x1001
#define ID_MODERN        0x1042
#define SUBSYSTEM_BLOCK  2 /* of a transitional device: the virtio device type */
#define SUBSYSTEM_MODERN 0x1100
#define INTERRUPT_LINE   11
#define MEMORY_SPACING   4096u /* parts in a memory BAR lie on pages of their own */
#define PORT_SPACING     64u
#define COMMON_BYTES     60u /* with queue_notify_data and queue_reset */
#define LARGEST_OFFSET   0x1000000u
/* How far from there BARs are moved: more than all of them take. */
#define PORTS_ELSEWHERE  0x1000u
#define MEMORY_ELSEWHERE 0x04000000u
#define PORTS_START      0xc100u
#define MEMORY_START     0xe8000000u
#define MEMORY64_START \
    ((UINT64_C(1) << 39) + (UINT64_C(1) << 35)) /* an address cut to 32 bits misses */

/* ---- Bytes ---- */

void pci_function_poke(struct pci_function *function, unsigned offset, unsigned size,
                       uint32_t value)
{
    for (unsigned i = 0; i < size && offset + i < PCI_SPACE; ++i) {
        function->space[offset + i] = (uint8_t)(value >> (8 * i));
    }
}

uint32_t pci_function_peek(const struct pci_function *function, unsigned offset, unsigned size)
{
    uint32_t value = 0;

    for (unsigned i = 0; i < size && offset + i < PCI_SPACE; ++i) {
        value |= (uint32_t)function->space[offset + i] << (8 * i);
    }
    return value;
}

void pci_function_let_write(struct pci_function *function, unsigned offset, unsigned size,
                            uint32_t mask)
{
    for (unsigned i = 0; i < size; ++i) {
        function->writable[offset + i] = (uint8_t)(mask >> (8 * i));
    }
}

/* ---- Placing the parts ---- */

static uint32_t part_bytes(const struct pci_function *function, enum pci_part part)
{
    const struct pci_function_setup *setup = &function->setup;

    switch (part) {
    case PCI_PART_COMMON:
        return COMMON_BYTES;
    case PCI_PART_ISR:
        return 1;
    case PCI_PART_CONFIG:
        return setup->config_bytes;
    case PCI_PART_NOTIFY:
        return setup->notify_multiplier * (setup->queues - 1) + 4;
    default:
        return msix_bytes(setup->vectors);
    }
}

static uint32_t end_in_bar(const struct pci_function *function, unsigned bar)
{
    uint32_t end = bar == 0 ? function->legacy_length : 0;

    for (unsigned i = 0; i < PCI_PARTS; ++i) {
        const struct pci_structure *part = &function->part[i];
        if (part->present && part->bar == bar && part->offset + part->length > end) {
            end = part->offset + part->length;
        }
    }
    return end;
}

static bool place_part(struct pci_function *function, enum pci_part part, char *error, size_t size)
{
    const struct pci_place *place = &function->setup.place[part];
    struct pci_structure *structure = &function->part[part];
    const bool ports =
        place->bar < DEVICE_BARS && function->setup.bars[place->bar] == PCI_BAR_PORTS;
    const uint32_t spacing = ports ? PORT_SPACING : MEMORY_SPACING;

    if (place->bar >= DEVICE_BARS || (place->bar == 0 && function->legacy_length != 0) ||
        (place->offset != PCI_PLACE_AUTO && place->offset > LARGEST_OFFSET)) {
        snprintf(error, size, "a structure cannot lie in BAR %u at offset %#x%s", place->bar,
                 place->offset,
                 place->bar == 0 ? ": BAR 0 has the legacy registers" : " (BARs 0 to 5, 16 MiB)");
        return false;
    }
    if (part == PCI_PART_MSIX && place->offset != PCI_PLACE_AUTO && place->offset % 8 != 0) {
        snprintf(error, size, "msix=%u:%#x: the offset must be a multiple of 8", place->bar,
                 place->offset);
        return false;
    }
    structure->bar = place->bar;
    structure->length = part_bytes(function, part);
    structure->offset = place->offset != PCI_PLACE_AUTO
                            ? place->offset
                            : (end_in_bar(function, place->bar) + spacing - 1) / spacing * spacing;
    structure->present = true;
    return true;
}

/* Those with a given offset first, so that the others find what is free behind them. */
static bool place_parts(struct pci_function *function, char *error, size_t size)
{
    const struct pci_function_setup *setup = &function->setup;

    for (int automatic = 0; automatic < 2; ++automatic) {
        for (unsigned i = 0; i < PCI_PARTS; ++i) {
            const bool wanted = i == PCI_PART_MSIX ? setup->vectors != 0 : setup->modern;
            if (wanted && (setup->place[i].offset == PCI_PLACE_AUTO) == automatic &&
                !place_part(function, i, error, size)) {
                return false;
            }
        }
    }
    return true;
}

static uint64_t power_of_two(uint64_t bytes, uint64_t least)
{
    while (least < bytes) {
        least *= 2;
    }
    return least;
}

static void write_bar(struct pci_function *function, unsigned bar)
{
    const struct device_bar *made = &function->device->bars[bar];
    const unsigned at = PCI_BASE_ADDRESS_0 + 4 * bar;
    const uint64_t mask = ~(made->size - 1);
    const uint32_t flags = made->ports      ? PCI_BASE_ADDRESS_SPACE_IO
                           : made->is_64bit ? PCI_BASE_ADDRESS_MEM_TYPE_64
                                            : PCI_BASE_ADDRESS_MEM_TYPE_32;

    pci_function_poke(function, at, 4, (uint32_t)made->address | flags);
    pci_function_let_write(function, at, 4, (uint32_t)mask & ~(made->ports ? 3u : 15u));
    if (made->is_64bit) {
        pci_function_poke(function, at + 4, 4, (uint32_t)(made->address >> 32));
        pci_function_let_write(function, at + 4, 4, (uint32_t)(mask >> 32));
    }
}

static bool make_bars(struct pci_function *function, char *error, size_t size)
{
    uint64_t next[] = {MEMORY64_START, MEMORY_START, PORTS_START};
    bool upper_half = false;

    for (unsigned i = 0; i < DEVICE_BARS; ++i) {
        const uint32_t bytes = end_in_bar(function, i);
        const enum pci_bar_kind kind =
            i == 0 && function->legacy_length ? PCI_BAR_PORTS : function->setup.bars[i];
        struct device_bar *bar = &function->device->bars[i];

        if (bytes != 0 && (upper_half || (kind == PCI_BAR_MEMORY64 && i + 1 == DEVICE_BARS))) {
            snprintf(error, size, "BAR %u: %s", i,
                     upper_half ? "it is the upper half of the 64-bit BAR below"
                                : "the last one cannot have 64 bits");
            return false;
        }
        upper_half = bytes != 0 && kind == PCI_BAR_MEMORY64;
        if (bytes != 0) {
            bar->size = power_of_two(bytes, kind == PCI_BAR_PORTS ? 64 : MEMORY_SPACING);
            bar->ports = kind == PCI_BAR_PORTS;
            bar->is_64bit = upper_half;
            bar->address = (next[kind] + bar->size - 1) & ~(bar->size - 1);
            next[kind] = bar->address + bar->size;
            write_bar(function, i);
        }
    }
    return true;
}

void pci_function_move_bars(struct pci_function *function)
{
    for (unsigned i = 0; i < DEVICE_BARS; ++i) {
        struct device_bar *bar = &function->device->bars[i];

        if (bar->size != 0) {
            bar->address ^= bar->ports ? PORTS_ELSEWHERE : MEMORY_ELSEWHERE;
            write_bar(function, i);
        }
    }
}

/* ---- The whole ---- */

static void make_header(struct pci_function *function)
{
    const bool modern = !function->setup.legacy;
    const uint32_t command = PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;

    pci_function_poke(function, PCI_VENDOR_ID, 2, VENDOR);
    pci_function_poke(function, PCI_DEVICE_ID, 2, modern ? ID_MODERN : ID_TRANSITIONAL);
    pci_function_poke(function, PCI_COMMAND, 2, command);
    pci_function_let_write(function, PCI_COMMAND, 2, command | PCI_COMMAND_INTX_DISABLE);
    pci_function_poke(function, PCI_REVISION_ID, 1, modern ? 1 : 0);
    pci_function_poke(function, PCI_CLASS_DEVICE, 2, 0x0100); /* mass storage, SCSI */
    pci_function_poke(function, PCI_SUBSYSTEM_VENDOR_ID, 2, VENDOR);
    pci_function_poke(function, PCI_SUBSYSTEM_ID, 2, modern ? SUBSYSTEM_MODERN : SUBSYSTEM_BLOCK);
    pci_function_poke(function, PCI_INTERRUPT_LINE, 1, INTERRUPT_LINE);
    pci_function_let_write(function, PCI_INTERRUPT_LINE, 1, 0xff);
    pci_function_poke(function, PCI_INTERRUPT_PIN, 1, 1);
}

bool pci_function_build(struct pci_function *function, char *error, size_t size)
{
    const struct pci_function_setup *setup = &function->setup;

    if (setup->vectors > PCI_VECTORS) {
        snprintf(error, size, "vectors=%u: at most %u", setup->vectors, PCI_VECTORS);
        return false;
    }
    function->device->message_vectors = setup->vectors;
    function->legacy_length = setup->legacy ? VIRTIO_PCI_CONFIG_OFF(true) + setup->config_bytes : 0;
    if (!msix_allocate(function)) {
        snprintf(error, size, "out of memory");
        return false;
    }
    make_header(function);
    if (!place_parts(function, error, size) || !make_bars(function, error, size)) {
        return false;
    }
    pci_capabilities_build(function);
    msix_give(function, 0);
    return true;
}

void pci_function_end(struct pci_function *function)
{
    free(function->msix_table);
    free(function->msix_pending);
    function->msix_table = function->msix_pending = NULL;
}

void pci_init_lock(pthread_mutex_t *lock)
{
    pthread_mutexattr_t attributes;

    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(lock, &attributes);
    pthread_mutexattr_destroy(&attributes);
}

/* ---- Access ---- */

/* The data field of the window: its access is one to the BAR. */
static bool is_window(const struct pci_function *function, unsigned offset, unsigned *bar,
                      uint32_t *inside, unsigned *size)
{
    const unsigned at = function->window_at;

    if (at == 0 || offset != at + sizeof(struct virtio_pci_cap)) {
        return false;
    }
    *bar = function->space[at + 4];
    *inside = pci_function_peek(function, at + 8, 4);
    *size = pci_function_peek(function, at + 12, 4);
    return (*size == 1 || *size == 2 || *size == 4) && *inside % *size == 0 &&
           device_inside_bar(function->device, *bar, *inside, *size);
}

uint32_t pci_function_read(struct pci_function *function, unsigned offset, unsigned size)
{
    unsigned bar, window_size;
    uint32_t inside;

    if (is_window(function, offset, &bar, &inside, &window_size)) {
        return (uint32_t)function->ops->read(function->owner, bar, inside, window_size);
    }
    return pci_function_peek(function, offset, size);
}

void pci_function_write(struct pci_function *function, unsigned offset, unsigned size,
                        uint32_t value)
{
    unsigned bar, window_size;
    uint32_t inside;

    if (is_window(function, offset, &bar, &inside, &window_size)) {
        function->ops->write(function->owner, bar, inside, window_size, value);
        return;
    }
    for (unsigned i = 0; i < size && offset + i < PCI_SPACE; ++i) {
        const uint8_t mask = function->writable[offset + i];
        uint8_t *byte = &function->space[offset + i];
        *byte = (uint8_t)((*byte & ~mask) | ((uint8_t)(value >> (8 * i)) & mask));
    }
    msix_flush(function);
}

bool pci_function_line_allowed(const struct pci_function *function)
{
    return !msix_enabled(function) &&
           !(pci_function_peek(function, PCI_COMMAND, 2) & PCI_COMMAND_INTX_DISABLE);
}

bool pci_function_bus_master(const struct pci_function *function)
{
    return pci_function_peek(function, PCI_COMMAND, 2) & PCI_COMMAND_MASTER;
}

enum pci_part pci_function_find(const struct pci_function *function, unsigned bar, uint64_t offset,
                                uint32_t *inside)
{
    for (unsigned i = 0; i < PCI_PARTS; ++i) {
        const struct pci_structure *part = &function->part[i];
        if (part->present && part->bar == bar && offset >= part->offset &&
            offset - part->offset < part->length) {
            *inside = (uint32_t)(offset - part->offset);
            return i;
        }
    }
    *inside = (uint32_t)offset;
    return PCI_PARTS;
}
