/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The capabilities of a virtio function: MSI-X, the window into the BARs, and one for each part of the
 * modern interface. They are made from a list that describes the parts; a hostile device changes that
 * list, or the bytes made from it, and answers itself where its parts really are.
 */
#include <linux/pci_regs.h>
#include <linux/virtio_pci.h>

#include "base/violation.h"
#include "devices/pci/function.h"

#define FIRST_CAPABILITY 0x40u
#define VENDOR_BYTES     20u /* of a capability, whatever its cap_len says */

/* Where the next capability goes: the byte that is to lead to it, and the first free one. */
struct cursor {
    unsigned link, free;
};

struct pci_capability *pci_capability_of_type(struct pci_capability_list *list, uint8_t type)
{
    for (unsigned i = 0; i < list->count; ++i) {
        if (list->entry[i].type == type) {
            return &list->entry[i];
        }
    }
    fatal("this device has no capability of type %u", type);
}

static void list_parts(const struct pci_function *function, struct pci_capability_list *list)
{
    static const struct {
        enum pci_part part;
        uint8_t type;
    } order[] = {{PCI_PART_COMMON, VIRTIO_PCI_CAP_COMMON_CFG},
                 {PCI_PART_ISR, VIRTIO_PCI_CAP_ISR_CFG},
                 {PCI_PART_CONFIG, VIRTIO_PCI_CAP_DEVICE_CFG},
                 {PCI_PART_NOTIFY, VIRTIO_PCI_CAP_NOTIFY_CFG}};

    for (unsigned i = 0; i < sizeof(order) / sizeof(order[0]); ++i) {
        const struct pci_structure *part = &function->part[order[i].part];
        list->entry[list->count++] = (struct pci_capability){
            .type = order[i].type,
            .bar = (uint8_t)part->bar,
            .length = order[i].type == VIRTIO_PCI_CAP_NOTIFY_CFG
                          ? sizeof(struct virtio_pci_notify_cap)
                          : sizeof(struct virtio_pci_cap),
            .offset = part->offset,
            .bytes = part->length,
            .multiplier = function->setup.notify_multiplier,
        };
    }
}

static void write_capability(struct pci_function *function, unsigned at,
                             const struct pci_capability *entry)
{
    uint8_t *bytes = &function->space[at];

    bytes[0] = PCI_CAP_ID_VNDR;
    bytes[2] = entry->length;
    bytes[3] = entry->type;
    bytes[4] = entry->bar;
    pci_function_poke(function, at + 8, 4, entry->offset);
    pci_function_poke(function, at + 12, 4, entry->bytes);
    pci_function_poke(function, at + 16, 4,
                      entry->type == VIRTIO_PCI_CAP_NOTIFY_CFG ? entry->multiplier : 0);
}

/* Adds a capability of `bytes` behind the last one; returns where. */
static unsigned append(struct pci_function *function, struct cursor *cursor, unsigned bytes)
{
    const unsigned at = cursor->free;

    function->space[cursor->link] = (uint8_t)at;
    cursor->link = at + PCI_CAP_LIST_NEXT;
    cursor->free = at + (bytes + 3) / 4 * 4;
    return at;
}

static void append_msix(struct pci_function *function, struct cursor *cursor)
{
    const struct pci_structure *table = &function->part[PCI_PART_MSIX];
    const unsigned at = append(function, cursor, PCI_CAP_MSIX_SIZEOF);

    function->msix_at = at;
    function->space[at] = PCI_CAP_ID_MSIX;
    pci_function_poke(function, at + PCI_MSIX_FLAGS, 2, function->setup.vectors - 1);
    pci_function_poke(function, at + PCI_MSIX_TABLE, 4, table->offset | table->bar);
    pci_function_poke(function, at + PCI_MSIX_PBA, 4,
                      (table->offset + function->pba_offset) | table->bar);
    pci_function_let_write(function, at + PCI_MSIX_FLAGS, 2,
                           PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
}

/* The window into the BARs (4.1.4.9): BAR, offset, length and data are the driver's to write. */
static void append_window(struct pci_function *function, struct cursor *cursor)
{
    const unsigned at = append(function, cursor, VENDOR_BYTES);
    const struct pci_capability window = {VIRTIO_PCI_CAP_PCI_CFG, 0, VENDOR_BYTES, 0, 0, 0};

    write_capability(function, at, &window);
    function->window_at = at;
    pci_function_let_write(function, at + 4, 1, 0xff);
    pci_function_let_write(function, at + 8, 4, UINT32_MAX);
    pci_function_let_write(function, at + 12, 4, UINT32_MAX);
}

void pci_capabilities_build(struct pci_function *function)
{
    struct cursor cursor = {PCI_CAPABILITY_LIST, FIRST_CAPABILITY};
    struct pci_capability_list list = {.count = 0};
    unsigned last = FIRST_CAPABILITY;

    if (function->setup.vectors != 0) {
        append_msix(function, &cursor);
    }
    if (function->setup.modern) {
        list_parts(function, &list);
        if (function->ops->change) {
            function->ops->change(function, &list);
        }
        append_window(function, &cursor);
    }
    for (unsigned i = 0; i < list.count; ++i) {
        last = append(function, &cursor, VENDOR_BYTES);
        write_capability(function, last, &list.entry[i]);
    }
    if (cursor.free != FIRST_CAPABILITY) {
        pci_function_poke(function, PCI_STATUS, 2, PCI_STATUS_CAP_LIST);
    }
    if (function->ops->damage) {
        function->ops->damage(function, FIRST_CAPABILITY, last);
    }
}
