/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where a virtio PCI device keeps its registers. See layout.h.
 */
#include "virtio/layout.h"

#include <linux/pci_regs.h>
#include <linux/virtio_pci.h>
#include <stddef.h>
#include <string.h>

/* More capabilities than fit into configuration space: the list runs in a circle. */
#define CAPABILITIES_MAXIMUM 48

static uint8_t read8(struct device *device, unsigned offset)
{
    return (uint8_t)device->ops->config_read(device, offset, 1);
}

static uint32_t read32(struct device *device, unsigned offset)
{
    return device->ops->config_read(device, offset, 4);
}

static struct virtio_structure *structure_of_type(struct virtio_layout *layout, uint8_t type)
{
    switch (type) {
    case VIRTIO_PCI_CAP_COMMON_CFG:
        return &layout->common;
    case VIRTIO_PCI_CAP_NOTIFY_CFG:
        return &layout->notify;
    case VIRTIO_PCI_CAP_ISR_CFG:
        return &layout->isr;
    case VIRTIO_PCI_CAP_DEVICE_CFG:
        return &layout->config;
    default:
        return NULL;
    }
}

static void read_virtio_capability(struct device *device, struct virtio_layout *layout,
                                   unsigned offset)
{
    const uint8_t type = read8(device, offset + offsetof(struct virtio_pci_cap, cfg_type));
    struct virtio_structure *structure = structure_of_type(layout, type);

    const unsigned bar = read8(device, offset + offsetof(struct virtio_pci_cap, bar));
    /* Reserved BAR numbers are to be passed over (4.1.4.1). */
    if (!structure || structure->present || bar >= DEVICE_BARS) {
        return;
    }
    structure->present = true;
    structure->bar = bar;
    structure->offset = read32(device, offset + offsetof(struct virtio_pci_cap, offset));
    structure->length = read32(device, offset + offsetof(struct virtio_pci_cap, length));
    if (type == VIRTIO_PCI_CAP_NOTIFY_CFG) {
        layout->notify_multiplier = read32(device, offset + sizeof(struct virtio_pci_cap));
    }
}

void virtio_layout_read(struct device *device, struct virtio_layout *layout)
{
    memset(layout, 0, sizeof(*layout));
    layout->legacy_bar =
        read32(device, PCI_VENDOR_ID) == (0x1001u << 16 | 0x1af4u) && device->bars[0].ports;

    unsigned offset = read8(device, PCI_CAPABILITY_LIST) & ~3u;
    for (int i = 0; offset >= PCI_STD_HEADER_SIZEOF && i < CAPABILITIES_MAXIMUM; ++i) {
        switch (read8(device, offset + PCI_CAP_LIST_ID)) {
        case PCI_CAP_ID_VNDR:
            read_virtio_capability(device, layout, offset);
            break;
        case PCI_CAP_ID_MSIX:
            layout->msix_control = offset + PCI_MSIX_FLAGS;
            break;
        }
        offset = read8(device, offset + PCI_CAP_LIST_NEXT) & ~3u;
    }
}

static bool in_structure(const struct virtio_structure *structure, unsigned bar, uint64_t offset,
                         uint64_t *inside)
{
    if (!structure->present || structure->bar != bar || offset < structure->offset ||
        offset - structure->offset >= structure->length) {
        return false;
    }
    *inside = offset - structure->offset;
    return true;
}

enum virtio_area virtio_layout_find(const struct virtio_layout *layout, unsigned bar,
                                    uint64_t offset, uint64_t *inside)
{
    if (in_structure(&layout->notify, bar, offset, inside)) {
        return AREA_NOTIFY;
    }
    if (in_structure(&layout->common, bar, offset, inside)) {
        return AREA_COMMON;
    }
    if (in_structure(&layout->isr, bar, offset, inside)) {
        return AREA_ISR;
    }
    if (in_structure(&layout->config, bar, offset, inside)) {
        return AREA_CONFIG;
    }
    if (layout->legacy_bar && bar == 0) {
        *inside = offset;
        return AREA_LEGACY;
    }
    return AREA_NONE;
}
