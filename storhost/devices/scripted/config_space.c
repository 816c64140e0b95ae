/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * PCI configuration space of the scripted device: what is special about it, namely hostile lists of
 * capabilities and counts. A hostile case changes the list that describes the parts, or the bytes made
 * from it; the device itself answers where its parts really are.
 */
#include "devices/scripted/internal.h"

#include <linux/pci_regs.h>
#include <stdio.h>
#include <string.h>

/* ---- Capabilities ---- */

static void take_away(struct pci_capability_list *list, uint8_t type)
{
    struct pci_capability *entry = pci_capability_of_type(list, type);

    memmove(entry, entry + 1, (size_t)(&list->entry[list->count] - entry - 1) * sizeof(*entry));
    --list->count;
}

static void put_in_front(struct pci_capability_list *list, struct pci_capability entry)
{
    memmove(&list->entry[1], &list->entry[0], list->count * sizeof(list->entry[0]));
    list->entry[0] = entry;
    ++list->count;
}

static void no_common(struct pci_function *f, struct pci_capability_list *list)
{
    (void)f;
    take_away(list, VIRTIO_PCI_CAP_COMMON_CFG);
}

static void no_notify(struct pci_function *f, struct pci_capability_list *list)
{
    (void)f;
    take_away(list, VIRTIO_PCI_CAP_NOTIFY_CFG);
}

static void no_isr(struct pci_function *f, struct pci_capability_list *list)
{
    (void)f;
    take_away(list, VIRTIO_PCI_CAP_ISR_CFG);
}

static void no_config(struct pci_function *f, struct pci_capability_list *list)
{
    (void)f;
    take_away(list, VIRTIO_PCI_CAP_DEVICE_CFG);
}

static void short_common(struct pci_function *f, struct pci_capability_list *list)
{
    (void)f;
    pci_capability_of_type(list, VIRTIO_PCI_CAP_COMMON_CFG)->length = 8;
}

static void short_notify(struct pci_function *f, struct pci_capability_list *list)
{
    (void)f;
    pci_capability_of_type(list, VIRTIO_PCI_CAP_NOTIFY_CFG)->length = sizeof(struct virtio_pci_cap);
}

static void beyond_bar(struct pci_function *f, struct pci_capability_list *list)
{
    struct pci_capability *common = pci_capability_of_type(list, VIRTIO_PCI_CAP_COMMON_CFG);
    common->offset = (uint32_t)f->device->bars[common->bar].size;
}

static void across_end(struct pci_function *f, struct pci_capability_list *list)
{
    struct pci_capability *common = pci_capability_of_type(list, VIRTIO_PCI_CAP_COMMON_CFG);
    common->offset = (uint32_t)f->device->bars[common->bar].size - 32;
}

static void overflow(struct pci_function *f, struct pci_capability_list *list)
{
    struct pci_capability *config = pci_capability_of_type(list, VIRTIO_PCI_CAP_DEVICE_CFG);
    (void)f;
    config->offset = 0xfffffff0;
    config->bytes = 0x40;
}

static void bad_bar(struct pci_function *f, struct pci_capability_list *list)
{
    (void)f;
    pci_capability_of_type(list, VIRTIO_PCI_CAP_COMMON_CFG)->bar = DEVICE_BARS;
}

static void absent_bar(struct pci_function *f, struct pci_capability_list *list)
{
    struct pci_capability *common = pci_capability_of_type(list, VIRTIO_PCI_CAP_COMMON_CFG);

    for (unsigned i = 0; i < DEVICE_BARS; ++i) {
        if (f->device->bars[i].size == 0) {
            common->bar = (uint8_t)i;
        }
    }
}

static void unaligned(struct pci_function *f, struct pci_capability_list *list)
{
    (void)f;
    pci_capability_of_type(list, VIRTIO_PCI_CAP_COMMON_CFG)->offset += 2;
}

static void small_common(struct pci_function *f, struct pci_capability_list *list)
{
    (void)f;
    pci_capability_of_type(list, VIRTIO_PCI_CAP_COMMON_CFG)->bytes = 16;
}

static void small_notify(struct pci_function *f, struct pci_capability_list *list)
{
    (void)f;
    pci_capability_of_type(list, VIRTIO_PCI_CAP_NOTIFY_CFG)->bytes = 1;
}

static void no_bytes(struct pci_function *f, struct pci_capability_list *list)
{
    (void)f;
    for (unsigned i = 0; i < list->count; ++i) {
        list->entry[i].bytes = 0;
    }
}

static void huge_multiplier(struct pci_function *f, struct pci_capability_list *list)
{
    (void)f;
    pci_capability_of_type(list, VIRTIO_PCI_CAP_NOTIFY_CFG)->multiplier = 0xfffffffe;
}

/* A driver must pass over reserved BAR values (4.1.4.1) ... */
static void reserved_bar(struct pci_function *f, struct pci_capability_list *list)
{
    struct pci_capability copy = *pci_capability_of_type(list, VIRTIO_PCI_CAP_COMMON_CFG);
    (void)f;
    copy.bar = 7;
    put_in_front(list, copy);
}

/* ... and types that it does not know ... */
static void unknown_type(struct pci_function *f, struct pci_capability_list *list)
{
    struct pci_capability copy = *pci_capability_of_type(list, VIRTIO_PCI_CAP_COMMON_CFG);
    (void)f;
    copy.type = 0x77;
    put_in_front(list, copy);
}

/* ... and takes the first of those that are alike. */
static void duplicate(struct pci_function *f, struct pci_capability_list *list)
{
    struct pci_capability copy = *pci_capability_of_type(list, VIRTIO_PCI_CAP_COMMON_CFG);
    (void)f;
    copy.offset += 0x100000;
    list->entry[list->count++] = copy;
}

/* Changes of the bytes: `first` and `last` are the offsets of the outer capabilities. */
static void loop(struct pci_function *f, unsigned first, unsigned last)
{
    f->space[last + PCI_CAP_LIST_NEXT] = (uint8_t)first;
}

/* A circle that the virtio capabilities lie behind. */
static void self_loop(struct pci_function *f, unsigned first, unsigned last)
{
    (void)last;
    f->space[first + PCI_CAP_LIST_NEXT] = (uint8_t)first;
}

static void no_list(struct pci_function *f, unsigned first, unsigned last)
{
    (void)first;
    (void)last;
    pci_function_poke(f, PCI_STATUS, 2, 0);
}

static void into_header(struct pci_function *f, unsigned first, unsigned last)
{
    (void)first;
    (void)last;
    f->space[PCI_CAPABILITY_LIST] = PCI_BASE_ADDRESS_0;
}

/* A capability whose end lies behind the space. */
static void at_the_end(struct pci_function *f, unsigned first, unsigned last)
{
    (void)last;
    memcpy(&f->space[PCI_SPACE - 4], &f->space[first], 4);
    f->space[PCI_SPACE - 4] = PCI_CAP_ID_VNDR;
    f->space[PCI_SPACE - 3] = 0;
    f->space[PCI_SPACE - 2] = sizeof(struct virtio_pci_cap);
    f->space[PCI_SPACE - 1] = VIRTIO_PCI_CAP_COMMON_CFG;
    f->space[PCI_CAPABILITY_LIST] = PCI_SPACE - 4;
}

static const struct capability_case {
    const char *name;
    bool conforming; /* a driver has to find everything */
    void (*change)(struct pci_function *function, struct pci_capability_list *list);
    void (*damage)(struct pci_function *function, unsigned first, unsigned last);
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

static const struct capability_case *find_case(const char *name)
{
    for (unsigned i = 0; i < CASES; ++i) {
        if (strcmp(cases[i].name, name) == 0) {
            return &cases[i];
        }
    }
    return NULL;
}

static void change(struct pci_function *function, struct pci_capability_list *list)
{
    const struct scripted *scripted = function->owner;
    const struct capability_case *wanted = find_case(scripted->options.capabilities);

    if (wanted->change) {
        wanted->change(function, list);
    }
}

static void damage(struct pci_function *function, unsigned first, unsigned last)
{
    const struct scripted *scripted = function->owner;
    const struct capability_case *wanted = find_case(scripted->options.capabilities);

    if (wanted->damage) {
        wanted->damage(function, first, last);
    }
}

/* ---- The whole ---- */

static uint64_t window_read(void *owner, unsigned bar, uint64_t offset, unsigned size)
{
    return registers_read(owner, bar, offset, size);
}

static void window_write(void *owner, unsigned bar, uint64_t offset, unsigned size, uint64_t value)
{
    registers_write(owner, bar, offset, size, value);
}

static void note_message(void *owner, unsigned vector)
{
    struct scripted *scripted = owner;

    ++scripted->counters.messages[vector];
    ++scripted->interrupts.messages[vector];
}

static const struct pci_function_ops function_ops = {
    .read = window_read,
    .write = window_write,
    .message = note_message,
    .change = change,
    .damage = damage,
};

bool config_space_build(struct scripted *scripted, char *error, size_t size)
{
    const struct scripted_options *options = &scripted->options;
    const struct capability_case *wanted = find_case(options->capabilities);
    const bool modern = options->transport != SCRIPTED_LEGACY;
    struct pci_function *function = &scripted->function;

    if (!wanted || (!modern && wanted->change)) {
        snprintf(error, size, "capabilities=%s: %s", options->capabilities,
                 wanted ? "a legacy device has no virtio capabilities"
                        : "no such case; see scripted_capability_case");
        return false;
    }
    function->device = &scripted->device;
    function->owner = scripted;
    function->ops = &function_ops;
    function->setup = (struct pci_function_setup){
        .legacy = options->transport != SCRIPTED_MODERN,
        .modern = modern,
        .vectors = options->vectors == SCRIPTED_AUTO ? options->queues + 1 : options->vectors,
        .queues = options->queues,
        .notify_multiplier = options->notify_multiplier,
        .config_bytes = CONFIG_BYTES,
    };
    memcpy(function->setup.bars, options->bars, sizeof(options->bars));
    memcpy(function->setup.place, options->place, sizeof(options->place));
    return pci_function_build(function, error, size);
}

/* ---- Access ---- */

uint32_t config_space_read(struct scripted *scripted, unsigned offset, unsigned size)
{
    ++scripted->counters.reads[SCRIPTED_AREA_PCI];
    return pci_function_read(&scripted->function, offset, size);
}

void config_space_write(struct scripted *scripted, unsigned offset, unsigned size, uint32_t value)
{
    ++scripted->counters.writes[SCRIPTED_AREA_PCI];
    pci_function_write(&scripted->function, offset, size, value);
}
