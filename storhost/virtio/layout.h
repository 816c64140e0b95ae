/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where a virtio PCI device keeps its registers: read off its configuration space (VIRTIO 1.2,
 * 4.1.4). For observing a device that is taken to be honest; nothing here protects a driver.
 */
#ifndef STORHOST_VIRTIO_LAYOUT_H
#define STORHOST_VIRTIO_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "devices/device.h"

/* What a register access falls into. */
enum virtio_area {
    AREA_NONE,
    AREA_COMMON,
    AREA_NOTIFY,
    AREA_ISR,
    AREA_CONFIG, /* device configuration */
    AREA_LEGACY, /* BAR 0 of a legacy or transitional device, its device configuration included */
};

struct virtio_structure {
    bool present;
    unsigned bar;
    uint64_t offset, length; /* bytes, in the BAR */
};

struct virtio_layout {
    struct virtio_structure common, notify, isr, config;
    uint32_t notify_multiplier;
    bool legacy_bar;       /* BAR 0 has the legacy registers */
    unsigned msix_control; /* offset of the MSI-X message control word, 0: no MSI-X */
};

/* Reads the layout of a device. Device id 0x1001 with an I/O BAR 0 has legacy registers. */
void virtio_layout_read(struct device *device, struct virtio_layout *layout);

/* Area of an access to `offset` in `bar`; *inside is the offset within the area. */
enum virtio_area virtio_layout_find(const struct virtio_layout *layout, unsigned bar,
                                    uint64_t offset, uint64_t *inside);

#endif
