/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * PCI configuration space of the scripted device: identity, BARs, capabilities (also hostile
 * ones), MSI-X.
 *
 * The parts of the interface are placed in BARs as the options say; each BAR is as large as what
 * lies in it. Capabilities are made from a list that describes the parts; a hostile case changes
 * that list, or the bytes made from it. The device itself answers where its parts really are.
 */
#include "devices/scripted/internal.h"

#include <linux/pci_regs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/violation.h"

#define VENDOR           0x1af4
#define ID_TRANSITIONAL  0x1001
#define ID_MODERN        0x1042
#define SUBSYSTEM_BLOCK  2 /* of a transitional device: the virtio device type */
#define SUBSYSTEM_MODERN 0x1100
#define INTERRUPT_LINE   11
#define FIRST_CAPABILITY 0x40u
#define MEMORY_SPACING   4096u /* parts in a memory BAR lie on pages of their own */
#define PORT_SPACING     64u
#define COMMON_BYTES     60u /* with queue_notify_data and queue_reset */
#define MSIX_ENTRY       16u
#define VENDOR_BYTES     20u /* of a capability, whatever its cap_len says */
#define PORTS_START      0xc100u
#define MEMORY_START     0xe8000000u
#define MEMORY64_START \
    ((UINT64_C(1) << 39) + (UINT64_C(1) << 35)) /* an address cut to 32 bits misses */

/* ---- Bytes ---- */

void config_space_poke(struct scripted *scripted, unsigned offset, unsigned size, uint32_t value)
{
    for (unsigned i = 0; i < size && offset + i < PCI_SPACE; ++i) {
        scripted->pci[offset + i] = (uint8_t)(value >> (8 * i));
    }
}

static uint32_t peek(const struct scripted *scripted, unsigned offset, unsigned size)
{
    uint32_t value = 0;

    for (unsigned i = 0; i < size && offset + i < PCI_SPACE; ++i) {
        value |= (uint32_t)scripted->pci[offset + i] << (8 * i);
    }
    return value;
}

static void let_write(struct scripted *scripted, unsigned offset, unsigned size, uint32_t mask)
{
    for (unsigned i = 0; i < size; ++i) {
        scripted->pci_writable[offset + i] = (uint8_t)(mask >> (8 * i));
    }
}

/* ---- Placing the parts ---- */

static uint32_t part_bytes(const struct scripted *scripted, enum scripted_part part)
{
    const struct scripted_options *options = &scripted->options;

    switch (part) {
    case SCRIPTED_COMMON:
        return COMMON_BYTES;
    case SCRIPTED_ISR:
        return 1;
    case SCRIPTED_CONFIG:
        return CONFIG_BYTES;
    case SCRIPTED_NOTIFY:
        return options->notify_multiplier * (options->queues - 1) + 4;
    default:
        return (scripted->device.message_vectors * MSIX_ENTRY) +
               (scripted->device.message_vectors + 63) / 64 * 8;
    }
}

static uint32_t end_in_bar(const struct scripted *scripted, unsigned bar)
{
    uint32_t end = bar == 0 ? scripted->legacy_length : 0;

    for (unsigned i = 0; i < SCRIPTED_PARTS; ++i) {
        const struct structure *part = &scripted->part[i];
        if (part->present && part->bar == bar && part->offset + part->length > end) {
            end = part->offset + part->length;
        }
    }
    return end;
}

static bool place_part(struct scripted *scripted, enum scripted_part part, char *error, size_t size)
{
    const struct scripted_place *place = &scripted->options.place[part];
    struct structure *structure = &scripted->part[part];
    const bool ports =
        place->bar < DEVICE_BARS && scripted->options.bars[place->bar] == SCRIPTED_BAR_PORTS;
    const uint32_t spacing = ports ? PORT_SPACING : MEMORY_SPACING;

    if (place->bar >= DEVICE_BARS || (place->bar == 0 && scripted->legacy_length != 0) ||
        (place->offset != SCRIPTED_AUTO && place->offset > 0x1000000)) {
        snprintf(error, size, "a structure cannot lie in BAR %u at offset %#x%s", place->bar,
                 place->offset,
                 place->bar == 0 ? ": BAR 0 has the legacy registers" : " (BARs 0 to 5, 16 MiB)");
        return false;
    }
    if (part == SCRIPTED_MSIX && place->offset != SCRIPTED_AUTO && place->offset % 8 != 0) {
        snprintf(error, size, "msix=%u:%#x: the offset must be a multiple of 8", place->bar,
                 place->offset);
        return false;
    }
    structure->bar = place->bar;
    structure->length = part_bytes(scripted, part);
    structure->offset = place->offset != SCRIPTED_AUTO
                            ? place->offset
                            : (end_in_bar(scripted, place->bar) + spacing - 1) / spacing * spacing;
    structure->present = true;
    return true;
}

/* Those with a given offset first, so that the others find what is free behind them. */
static bool place_parts(struct scripted *scripted, char *error, size_t size)
{
    const bool modern = scripted->options.transport != SCRIPTED_LEGACY;

    for (int automatic = 0; automatic < 2; ++automatic) {
        for (unsigned i = 0; i < SCRIPTED_PARTS; ++i) {
            const bool wanted = i == SCRIPTED_MSIX ? scripted->device.message_vectors != 0 : modern;
            if (wanted && (scripted->options.place[i].offset == SCRIPTED_AUTO) == automatic &&
                !place_part(scripted, i, error, size)) {
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

static void write_bar(struct scripted *scripted, unsigned bar)
{
    const struct device_bar *made = &scripted->device.bars[bar];
    const unsigned at = PCI_BASE_ADDRESS_0 + 4 * bar;
    const uint64_t mask = ~(made->size - 1);
    const uint32_t flags = made->ports      ? PCI_BASE_ADDRESS_SPACE_IO
                           : made->is_64bit ? PCI_BASE_ADDRESS_MEM_TYPE_64
                                            : PCI_BASE_ADDRESS_MEM_TYPE_32;

    config_space_poke(scripted, at, 4, (uint32_t)made->address | flags);
    let_write(scripted, at, 4, (uint32_t)mask & ~(made->ports ? 3u : 15u));
    if (made->is_64bit) {
        config_space_poke(scripted, at + 4, 4, (uint32_t)(made->address >> 32));
        let_write(scripted, at + 4, 4, (uint32_t)(mask >> 32));
    }
}

static bool make_bars(struct scripted *scripted, char *error, size_t size)
{
    uint64_t next[] = {MEMORY64_START, MEMORY_START, PORTS_START};
    bool upper_half = false;

    for (unsigned i = 0; i < DEVICE_BARS; ++i) {
        const uint32_t bytes = end_in_bar(scripted, i);
        const enum scripted_bar_kind kind =
            i == 0 && scripted->legacy_length ? SCRIPTED_BAR_PORTS : scripted->options.bars[i];
        struct device_bar *bar = &scripted->device.bars[i];

        if (bytes != 0 && (upper_half || (kind == SCRIPTED_BAR_MEMORY64 && i + 1 == DEVICE_BARS))) {
            snprintf(error, size, "BAR %u: %s", i,
                     upper_half ? "it is the upper half of the 64-bit BAR below"
                                : "the last one cannot have 64 bits");
            return false;
        }
        upper_half = bytes != 0 && kind == SCRIPTED_BAR_MEMORY64;
        if (bytes != 0) {
            bar->size = power_of_two(bytes, kind == SCRIPTED_BAR_PORTS ? 64 : MEMORY_SPACING);
            bar->ports = kind == SCRIPTED_BAR_PORTS;
            bar->is_64bit = upper_half;
            bar->address = (next[kind] + bar->size - 1) & ~(bar->size - 1);
            next[kind] = bar->address + bar->size;
            write_bar(scripted, i);
        }
    }
    return true;
}

/* ---- Capabilities ---- */

/* A virtio capability as it is going to stand in configuration space. */
struct capability {
    uint8_t type, bar, length; /* cap_len */
    uint32_t offset, bytes, multiplier;
};

struct capability_list {
    struct capability entry[8];
    unsigned count;
};

static struct capability *of_type(struct capability_list *list, uint8_t type)
{
    for (unsigned i = 0; i < list->count; ++i) {
        if (list->entry[i].type == type) {
            return &list->entry[i];
        }
    }
    fatal("the scripted device has no capability of type %u", type);
}

static void take_away(struct capability_list *list, uint8_t type)
{
    struct capability *entry = of_type(list, type);

    memmove(entry, entry + 1, (size_t)(&list->entry[list->count] - entry - 1) * sizeof(*entry));
    --list->count;
}

static void put_in_front(struct capability_list *list, struct capability entry)
{
    memmove(&list->entry[1], &list->entry[0], list->count * sizeof(list->entry[0]));
    list->entry[0] = entry;
    ++list->count;
}

static void no_common(struct scripted *s, struct capability_list *list)
{
    (void)s;
    take_away(list, VIRTIO_PCI_CAP_COMMON_CFG);
}

static void no_notify(struct scripted *s, struct capability_list *list)
{
    (void)s;
    take_away(list, VIRTIO_PCI_CAP_NOTIFY_CFG);
}

static void no_isr(struct scripted *s, struct capability_list *list)
{
    (void)s;
    take_away(list, VIRTIO_PCI_CAP_ISR_CFG);
}

static void no_config(struct scripted *s, struct capability_list *list)
{
    (void)s;
    take_away(list, VIRTIO_PCI_CAP_DEVICE_CFG);
}

static void short_common(struct scripted *s, struct capability_list *list)
{
    (void)s;
    of_type(list, VIRTIO_PCI_CAP_COMMON_CFG)->length = 8;
}

static void short_notify(struct scripted *s, struct capability_list *list)
{
    (void)s;
    of_type(list, VIRTIO_PCI_CAP_NOTIFY_CFG)->length = sizeof(struct virtio_pci_cap);
}

static void beyond_bar(struct scripted *s, struct capability_list *list)
{
    struct capability *common = of_type(list, VIRTIO_PCI_CAP_COMMON_CFG);
    common->offset = (uint32_t)s->device.bars[common->bar].size;
}

static void across_end(struct scripted *s, struct capability_list *list)
{
    struct capability *common = of_type(list, VIRTIO_PCI_CAP_COMMON_CFG);
    common->offset = (uint32_t)s->device.bars[common->bar].size - 32;
}

static void overflow(struct scripted *s, struct capability_list *list)
{
    struct capability *config = of_type(list, VIRTIO_PCI_CAP_DEVICE_CFG);
    (void)s;
    config->offset = 0xfffffff0;
    config->bytes = 0x40;
}

static void bad_bar(struct scripted *s, struct capability_list *list)
{
    (void)s;
    of_type(list, VIRTIO_PCI_CAP_COMMON_CFG)->bar = DEVICE_BARS;
}

static void absent_bar(struct scripted *s, struct capability_list *list)
{
    struct capability *common = of_type(list, VIRTIO_PCI_CAP_COMMON_CFG);

    for (unsigned i = 0; i < DEVICE_BARS; ++i) {
        if (s->device.bars[i].size == 0) {
            common->bar = (uint8_t)i;
        }
    }
}

static void unaligned(struct scripted *s, struct capability_list *list)
{
    (void)s;
    of_type(list, VIRTIO_PCI_CAP_COMMON_CFG)->offset += 2;
}

static void small_common(struct scripted *s, struct capability_list *list)
{
    (void)s;
    of_type(list, VIRTIO_PCI_CAP_COMMON_CFG)->bytes = 16;
}

static void small_notify(struct scripted *s, struct capability_list *list)
{
    (void)s;
    of_type(list, VIRTIO_PCI_CAP_NOTIFY_CFG)->bytes = 1;
}

static void no_bytes(struct scripted *s, struct capability_list *list)
{
    (void)s;
    for (unsigned i = 0; i < list->count; ++i) {
        list->entry[i].bytes = 0;
    }
}

static void huge_multiplier(struct scripted *s, struct capability_list *list)
{
    (void)s;
    of_type(list, VIRTIO_PCI_CAP_NOTIFY_CFG)->multiplier = 0xfffffffe;
}

/* A driver must pass over reserved BAR values (4.1.4.1) ... */
static void reserved_bar(struct scripted *s, struct capability_list *list)
{
    struct capability copy = *of_type(list, VIRTIO_PCI_CAP_COMMON_CFG);
    (void)s;
    copy.bar = 7;
    put_in_front(list, copy);
}

/* ... and types that it does not know ... */
static void unknown_type(struct scripted *s, struct capability_list *list)
{
    struct capability copy = *of_type(list, VIRTIO_PCI_CAP_COMMON_CFG);
    (void)s;
    copy.type = 0x77;
    put_in_front(list, copy);
}

/* ... and takes the first of those that are alike. */
static void duplicate(struct scripted *s, struct capability_list *list)
{
    struct capability copy = *of_type(list, VIRTIO_PCI_CAP_COMMON_CFG);
    (void)s;
    copy.offset += 0x100000;
    list->entry[list->count++] = copy;
}

/* Changes of the bytes: `first` and `last` are the offsets of the outer capabilities. */
static void loop(struct scripted *s, unsigned first, unsigned last)
{
    s->pci[last + PCI_CAP_LIST_NEXT] = (uint8_t)first;
}

/* A circle that the virtio capabilities lie behind. */
static void self_loop(struct scripted *s, unsigned first, unsigned last)
{
    (void)last;
    s->pci[first + PCI_CAP_LIST_NEXT] = (uint8_t)first;
}

static void no_list(struct scripted *s, unsigned first, unsigned last)
{
    (void)first;
    (void)last;
    config_space_poke(s, PCI_STATUS, 2, 0);
}

static void into_header(struct scripted *s, unsigned first, unsigned last)
{
    (void)first;
    (void)last;
    s->pci[PCI_CAPABILITY_LIST] = PCI_BASE_ADDRESS_0;
}

/* A capability whose end lies behind the space. */
static void at_the_end(struct scripted *s, unsigned first, unsigned last)
{
    (void)last;
    memcpy(&s->pci[PCI_SPACE - 4], &s->pci[first], 4);
    s->pci[PCI_SPACE - 4] = PCI_CAP_ID_VNDR;
    s->pci[PCI_SPACE - 3] = 0;
    s->pci[PCI_SPACE - 2] = sizeof(struct virtio_pci_cap);
    s->pci[PCI_SPACE - 1] = VIRTIO_PCI_CAP_COMMON_CFG;
    s->pci[PCI_CAPABILITY_LIST] = PCI_SPACE - 4;
}

static const struct capability_case {
    const char *name;
    bool conforming; /* a driver has to find everything */
    void (*change)(struct scripted *scripted, struct capability_list *list);
    void (*damage)(struct scripted *scripted, unsigned first, unsigned last);
} cases[] = {
    {"good", true, NULL, NULL},
    {"reserved-bar", true, reserved_bar, NULL},
    {"unknown-type", true, unknown_type, NULL},
    {"duplicate", true, duplicate, NULL},
    {"loop", false, no_config, loop},
    {"self-loop", false, NULL, self_loop},
    {"no-list", false, NULL, no_list},
    {"into-header", false, NULL, into_header},
    {"at-the-end", false, NULL, at_the_end},
    {"no-common", false, no_common, NULL},
    {"no-notify", false, no_notify, NULL},
    {"no-isr", false, no_isr, NULL},
    {"no-config", false, no_config, NULL},
    {"short-common", false, short_common, NULL},
    {"short-notify", false, short_notify, NULL},
    {"beyond-bar", false, beyond_bar, NULL},
    {"across-end", false, across_end, NULL},
    {"overflow", false, overflow, NULL},
    {"bad-bar", false, bad_bar, NULL},
    {"absent-bar", false, absent_bar, NULL},
    {"unaligned", false, unaligned, NULL},
    {"small-common", false, small_common, NULL},
    {"small-notify", false, small_notify, NULL},
    {"no-bytes", false, no_bytes, NULL},
    {"huge-multiplier", false, huge_multiplier, NULL},
};

#define CASES (sizeof(cases) / sizeof(cases[0]))

const char *scripted_capability_case(unsigned index, bool *conforming)
{
    if (index >= CASES) {
        return NULL;
    }
    if (conforming) {
        *conforming = cases[index].conforming;
    }
    return cases[index].name;
}

static void list_parts(struct scripted *scripted, struct capability_list *list)
{
    static const struct {
        enum scripted_part part;
        uint8_t type;
    } order[] = {{SCRIPTED_COMMON, VIRTIO_PCI_CAP_COMMON_CFG},
                 {SCRIPTED_ISR, VIRTIO_PCI_CAP_ISR_CFG},
                 {SCRIPTED_CONFIG, VIRTIO_PCI_CAP_DEVICE_CFG},
                 {SCRIPTED_NOTIFY, VIRTIO_PCI_CAP_NOTIFY_CFG}};

    for (unsigned i = 0; i < sizeof(order) / sizeof(order[0]); ++i) {
        const struct structure *part = &scripted->part[order[i].part];
        list->entry[list->count++] = (struct capability){
            .type = order[i].type,
            .bar = (uint8_t)part->bar,
            .length = order[i].type == VIRTIO_PCI_CAP_NOTIFY_CFG
                          ? sizeof(struct virtio_pci_notify_cap)
                          : sizeof(struct virtio_pci_cap),
            .offset = part->offset,
            .bytes = part->length,
            .multiplier = scripted->options.notify_multiplier,
        };
    }
}

static void write_capability(struct scripted *scripted, unsigned at, const struct capability *entry)
{
    uint8_t *bytes = &scripted->pci[at];

    bytes[0] = PCI_CAP_ID_VNDR;
    bytes[2] = entry->length;
    bytes[3] = entry->type;
    bytes[4] = entry->bar;
    config_space_poke(scripted, at + 8, 4, entry->offset);
    config_space_poke(scripted, at + 12, 4, entry->bytes);
    config_space_poke(scripted, at + 16, 4,
                      entry->type == VIRTIO_PCI_CAP_NOTIFY_CFG ? entry->multiplier : 0);
}

/* Adds a capability of `bytes` behind the last one; returns where. */
static unsigned append(struct scripted *scripted, unsigned *link, unsigned *free, unsigned bytes)
{
    const unsigned at = *free;

    scripted->pci[*link] = (uint8_t)at;
    *link = at + PCI_CAP_LIST_NEXT;
    *free = at + (bytes + 3) / 4 * 4;
    return at;
}

static void append_msix(struct scripted *scripted, unsigned *link, unsigned *free)
{
    const struct structure *table = &scripted->part[SCRIPTED_MSIX];
    const unsigned at = append(scripted, link, free, PCI_CAP_MSIX_SIZEOF);

    scripted->msix_at = at;
    scripted->pba_offset = scripted->device.message_vectors * MSIX_ENTRY;
    scripted->pci[at] = PCI_CAP_ID_MSIX;
    config_space_poke(scripted, at + PCI_MSIX_FLAGS, 2, scripted->device.message_vectors - 1);
    config_space_poke(scripted, at + PCI_MSIX_TABLE, 4, table->offset | table->bar);
    config_space_poke(scripted, at + PCI_MSIX_PBA, 4,
                      (table->offset + scripted->pba_offset) | table->bar);
    let_write(scripted, at + PCI_MSIX_FLAGS, 2, PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
}

/* The window into the BARs (4.1.4.9): BAR, offset, length and data are the driver's to write. */
static void append_access(struct scripted *scripted, unsigned *link, unsigned *free)
{
    const unsigned at = append(scripted, link, free, VENDOR_BYTES);
    const struct capability access = {VIRTIO_PCI_CAP_PCI_CFG, 0, VENDOR_BYTES, 0, 0, 0};

    write_capability(scripted, at, &access);
    scripted->pci_access_at = at;
    let_write(scripted, at + 4, 1, 0xff);
    let_write(scripted, at + 8, 4, UINT32_MAX);
    let_write(scripted, at + 12, 4, UINT32_MAX);
}

static const struct capability_case *find_case(const char *name)
{
    for (unsigned i = 0; i < CASES; ++i) {
        if (strcmp(cases[i].name, name) == 0) {
            return &cases[i];
        }
    }
    return NULL;
}

static bool make_capabilities(struct scripted *scripted, char *error, size_t size)
{
    const struct capability_case *wanted = find_case(scripted->options.capabilities);
    const bool modern = scripted->options.transport != SCRIPTED_LEGACY;
    unsigned link = PCI_CAPABILITY_LIST, free = FIRST_CAPABILITY, last = FIRST_CAPABILITY;
    struct capability_list list = {.count = 0};

    if (!wanted || (!modern && wanted->change)) {
        snprintf(error, size, "capabilities=%s: %s", scripted->options.capabilities,
                 wanted ? "a legacy device has no virtio capabilities"
                        : "no such case; see scripted_capability_case");
        return false;
    }
    if (scripted->device.message_vectors != 0) {
        append_msix(scripted, &link, &free);
    }
    if (modern) {
        list_parts(scripted, &list);
        if (wanted->change) {
            wanted->change(scripted, &list);
        }
        append_access(scripted, &link, &free);
    }
    for (unsigned i = 0; i < list.count; ++i) {
        last = append(scripted, &link, &free, VENDOR_BYTES);
        write_capability(scripted, last, &list.entry[i]);
    }
    if (free != FIRST_CAPABILITY) {
        config_space_poke(scripted, PCI_STATUS, 2, PCI_STATUS_CAP_LIST);
    }
    if (wanted->damage) {
        wanted->damage(scripted, FIRST_CAPABILITY, last);
    }
    return true;
}

/* ---- The whole ---- */

static void make_header(struct scripted *scripted)
{
    const bool modern = scripted->options.transport == SCRIPTED_MODERN;

    config_space_poke(scripted, PCI_VENDOR_ID, 2, VENDOR);
    config_space_poke(scripted, PCI_DEVICE_ID, 2, modern ? ID_MODERN : ID_TRANSITIONAL);
    config_space_poke(scripted, PCI_COMMAND, 2,
                      PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    let_write(scripted, PCI_COMMAND, 2,
              PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE);
    config_space_poke(scripted, PCI_REVISION_ID, 1, modern ? 1 : 0);
    config_space_poke(scripted, PCI_CLASS_DEVICE, 2, 0x0100); /* mass storage, SCSI */
    config_space_poke(scripted, PCI_SUBSYSTEM_VENDOR_ID, 2, VENDOR);
    config_space_poke(scripted, PCI_SUBSYSTEM_ID, 2, modern ? SUBSYSTEM_MODERN : SUBSYSTEM_BLOCK);
    config_space_poke(scripted, PCI_INTERRUPT_LINE, 1, INTERRUPT_LINE);
    let_write(scripted, PCI_INTERRUPT_LINE, 1, 0xff);
    config_space_poke(scripted, PCI_INTERRUPT_PIN, 1, 1);
}

bool config_space_build(struct scripted *scripted, char *error, size_t size)
{
    const struct scripted_options *options = &scripted->options;
    const uint32_t vectors =
        options->vectors == SCRIPTED_AUTO ? options->queues + 1 : options->vectors;

    if (vectors > SCRIPTED_VECTORS) {
        snprintf(error, size, "vectors=%u: at most %u", vectors, SCRIPTED_VECTORS);
        return false;
    }
    scripted->device.message_vectors = vectors;
    scripted->legacy_length =
        options->transport == SCRIPTED_MODERN ? 0 : VIRTIO_PCI_CONFIG_OFF(true) + CONFIG_BYTES;
    scripted->msix_table = calloc(vectors + 1, MSIX_ENTRY);
    scripted->msix_pending = calloc(SCRIPTED_VECTORS / 8, 1);
    if (!scripted->msix_table || !scripted->msix_pending) {
        snprintf(error, size, "out of memory");
        return false;
    }
    make_header(scripted);
    if (!place_parts(scripted, error, size) || !make_bars(scripted, error, size) ||
        !make_capabilities(scripted, error, size)) {
        return false;
    }
    messages_set(scripted, 0);
    return true;
}

/* ---- Access ---- */

/* The data field of the window: its access is one to the BAR. */
static bool is_window(const struct scripted *scripted, unsigned offset, unsigned *bar,
                      uint32_t *inside, unsigned *size)
{
    const unsigned at = scripted->pci_access_at;

    if (at == 0 || offset != at + sizeof(struct virtio_pci_cap)) {
        return false;
    }
    *bar = scripted->pci[at + 4];
    *inside = peek(scripted, at + 8, 4);
    *size = peek(scripted, at + 12, 4);
    return (*size == 1 || *size == 2 || *size == 4) && *inside % *size == 0 &&
           device_inside_bar(&scripted->device, *bar, *inside, *size);
}

uint32_t config_space_read(struct scripted *scripted, unsigned offset, unsigned size)
{
    unsigned bar, window_size;
    uint32_t inside;

    ++scripted->counters.reads[SCRIPTED_AREA_PCI];
    if (is_window(scripted, offset, &bar, &inside, &window_size)) {
        return (uint32_t)registers_read(scripted, bar, inside, window_size);
    }
    return peek(scripted, offset, size);
}

static void flush_pending(struct scripted *scripted);

void config_space_write(struct scripted *scripted, unsigned offset, unsigned size, uint32_t value)
{
    unsigned bar, window_size;
    uint32_t inside;

    ++scripted->counters.writes[SCRIPTED_AREA_PCI];
    if (is_window(scripted, offset, &bar, &inside, &window_size)) {
        registers_write(scripted, bar, inside, window_size, value);
        return;
    }
    for (unsigned i = 0; i < size && offset + i < PCI_SPACE; ++i) {
        const uint8_t mask = scripted->pci_writable[offset + i];
        uint8_t *byte = &scripted->pci[offset + i];
        *byte = (uint8_t)((*byte & ~mask) | ((uint8_t)(value >> (8 * i)) & mask));
    }
    flush_pending(scripted);
}

bool line_allowed(const struct scripted *scripted)
{
    return !messages_on(scripted) && !(peek(scripted, PCI_COMMAND, 2) & PCI_COMMAND_INTX_DISABLE);
}

bool bus_master(const struct scripted *scripted)
{
    return peek(scripted, PCI_COMMAND, 2) & PCI_COMMAND_MASTER;
}

/* ---- MSI-X (PCI Local Bus 3.0, 6.8.2) ---- */

bool messages_on(const struct scripted *scripted)
{
    return scripted->msix_at != 0 &&
           peek(scripted, scripted->msix_at + PCI_MSIX_FLAGS, 2) & PCI_MSIX_FLAGS_ENABLE;
}

static bool is_masked(const struct scripted *scripted, unsigned vector)
{
    return peek(scripted, scripted->msix_at + PCI_MSIX_FLAGS, 2) & PCI_MSIX_FLAGS_MASKALL ||
           scripted->msix_table[vector * MSIX_ENTRY + PCI_MSIX_ENTRY_VECTOR_CTRL] &
               PCI_MSIX_ENTRY_CTRL_MASKBIT;
}

void message_send(struct scripted *scripted, unsigned vector)
{
    if (is_masked(scripted, vector)) {
        scripted->msix_pending[vector / 8] |= (uint8_t)(1u << vector % 8);
        return;
    }
    scripted->msix_pending[vector / 8] &= (uint8_t) ~(1u << vector % 8);
    ++scripted->counters.messages[vector];
    ++scripted->messages_pending[vector];
}

/* Sends what was noted for vectors that are not masked any more. */
static void flush_pending(struct scripted *scripted)
{
    for (unsigned i = 0; messages_on(scripted) && i < scripted->device.message_vectors; ++i) {
        if (scripted->msix_pending[i / 8] & 1u << i % 8 && !is_masked(scripted, i)) {
            message_send(scripted, i);
        }
    }
}

/* As the bus driver does: entries that are given are unmasked, with an address that means us. */
unsigned messages_set(struct scripted *scripted, unsigned vectors)
{
    const unsigned most = scripted->device.message_vectors;

    vectors = vectors < most ? vectors : most;
    memset(scripted->msix_pending, 0, SCRIPTED_VECTORS / 8);
    for (unsigned i = 0; i < most; ++i) {
        uint8_t *entry = &scripted->msix_table[i * MSIX_ENTRY];
        memset(entry, 0, MSIX_ENTRY);
        entry[2] = 0xe0;
        entry[3] = 0xfe;
        entry[8] = (uint8_t)i;
        entry[PCI_MSIX_ENTRY_VECTOR_CTRL] = i < vectors ? 0 : PCI_MSIX_ENTRY_CTRL_MASKBIT;
    }
    if (scripted->msix_at != 0) {
        config_space_poke(scripted, scripted->msix_at + PCI_MSIX_FLAGS, 2,
                          (most - 1) | (vectors != 0 ? PCI_MSIX_FLAGS_ENABLE : 0));
    }
    return vectors;
}

uint64_t msix_read(struct scripted *scripted, uint32_t offset, unsigned size)
{
    const uint8_t *from = offset < scripted->pba_offset
                              ? scripted->msix_table + offset
                              : scripted->msix_pending + (offset - scripted->pba_offset);
    const uint32_t length = offset < scripted->pba_offset
                                ? scripted->pba_offset - offset
                                : SCRIPTED_VECTORS / 8 - (offset - scripted->pba_offset);
    uint64_t value = 0;

    memcpy(&value, from, size < length ? size : length);
    return value;
}

void msix_write(struct scripted *scripted, uint32_t offset, unsigned size, uint64_t value)
{
    if (offset < scripted->pba_offset && size <= scripted->pba_offset - offset) {
        memcpy(scripted->msix_table + offset, &value, size);
        flush_pending(scripted);
    }
}
