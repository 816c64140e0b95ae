/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The modern interface (VIRTIO 1.2, 4.1.4) of the vhost-user device: what the driver sets is kept until
 * FEATURES_OK and DRIVER_OK, when the back end is told.
 */
#include "devices/vhost_user/internal.h"

#include <string.h>
#include <unistd.h>

#define WCE_OFFSET offsetof(struct virtio_blk_config, wce)

static struct vhost_queue *selected(struct vhost_user *vhost)
{
    return vhost->queue_select < vhost->options.queues ? &vhost->queues[vhost->queue_select] : NULL;
}

static uint16_t accept_vector(const struct vhost_user *vhost, uint64_t vector)
{
    return vector < vhost->device.message_vectors ? (uint16_t)vector : VIRTIO_MSI_NO_VECTOR;
}

void vhost_registers_reset(struct vhost_user *vhost)
{
    vhost->status = vhost->isr = 0;
    vhost->accepted = 0;
    vhost->device_select = vhost->driver_select = 0;
    vhost->queue_select = 0;
    vhost->config_vector = VIRTIO_MSI_NO_VECTOR;
    for (unsigned i = 0; i < vhost->options.queues; ++i) {
        struct vhost_queue *queue = &vhost->queues[i];
        *queue = (struct vhost_queue){.size = vhost->options.queue_size,
                                      .vector = VIRTIO_MSI_NO_VECTOR,
                                      .kick = queue->kick,
                                      .call = queue->call,
                                      .taken = queue->taken};
    }
}

void vhost_raise(struct vhost_user *vhost, const struct vhost_queue *queue)
{
    const uint16_t vector = queue ? queue->vector : vhost->config_vector;

    if (!msix_enabled(&vhost->function)) {
        vhost->isr |= queue ? 1 : VIRTIO_PCI_ISR_CONFIG;
    } else if (vector != VIRTIO_MSI_NO_VECTOR) {
        msix_send(&vhost->function, vector);
    }
}

/* ---- Status ---- */

static void reset(struct vhost_user *vhost)
{
    if (!vhost_backend_stop(vhost)) {
        vhost_lost(vhost, vhost->link.error);
    }
    vhost_registers_reset(vhost);
}

/* Features that were not offered are not agreed on, nor are any without VERSION_1 (3.1.1, 6.1). */
static bool features_are_fine(const struct vhost_user *vhost)
{
    return !(vhost->accepted & ~vhost->offered) && vhost->accepted & FEATURE(VIRTIO_F_VERSION_1);
}

static void write_status(struct vhost_user *vhost, uint8_t value)
{
    const uint8_t fresh = value & ~vhost->status;
    bool good = true;

    if (value == 0) {
        reset(vhost);
        return;
    }
    if (fresh & VIRTIO_CONFIG_S_FEATURES_OK) {
        if (!features_are_fine(vhost)) {
            value &= ~VIRTIO_CONFIG_S_FEATURES_OK;
        } else {
            good = vhost_backend_features(vhost);
        }
    }
    if (good && fresh & VIRTIO_CONFIG_S_DRIVER_OK) {
        good = vhost_backend_start(vhost);
    }
    if (!good) {
        vhost_lost(vhost, vhost->link.error);
    }
    vhost->status = value;
}

/* ---- Common configuration ---- */

static uint64_t read_queue_field(struct vhost_user *vhost, uint32_t offset)
{
    const struct vhost_queue *queue = selected(vhost);

    if (!queue) {
        return offset == VIRTIO_PCI_COMMON_Q_MSIX ? VIRTIO_MSI_NO_VECTOR : 0;
    }
    switch (offset) {
    case VIRTIO_PCI_COMMON_Q_SIZE:
        return queue->size;
    case VIRTIO_PCI_COMMON_Q_MSIX:
        return queue->vector;
    case VIRTIO_PCI_COMMON_Q_ENABLE:
        return queue->enabled;
    case VIRTIO_PCI_COMMON_Q_NOFF:
    case VIRTIO_PCI_COMMON_Q_NDATA:
        return vhost->queue_select;
    case VIRTIO_PCI_COMMON_Q_DESCLO:
    case VIRTIO_PCI_COMMON_Q_DESCHI:
        return pci_half(queue->descriptors, offset == VIRTIO_PCI_COMMON_Q_DESCHI);
    case VIRTIO_PCI_COMMON_Q_AVAILLO:
    case VIRTIO_PCI_COMMON_Q_AVAILHI:
        return pci_half(queue->driver_area, offset == VIRTIO_PCI_COMMON_Q_AVAILHI);
    case VIRTIO_PCI_COMMON_Q_USEDLO:
    case VIRTIO_PCI_COMMON_Q_USEDHI:
        return pci_half(queue->device_area, offset == VIRTIO_PCI_COMMON_Q_USEDHI);
    default:
        return 0;
    }
}

static uint64_t read_common(struct vhost_user *vhost, uint32_t offset)
{
    switch (offset) {
    case VIRTIO_PCI_COMMON_DFSELECT:
        return vhost->device_select;
    case VIRTIO_PCI_COMMON_DF:
        return pci_half(vhost->offered, vhost->device_select);
    case VIRTIO_PCI_COMMON_GFSELECT:
        return vhost->driver_select;
    case VIRTIO_PCI_COMMON_GF:
        return pci_half(vhost->accepted, vhost->driver_select);
    case VIRTIO_PCI_COMMON_MSIX:
        return vhost->config_vector;
    case VIRTIO_PCI_COMMON_NUMQ:
        return vhost->options.queues;
    case VIRTIO_PCI_COMMON_STATUS:
        return vhost->status;
    case VIRTIO_PCI_COMMON_CFGGENERATION:
        return vhost->generation;
    case VIRTIO_PCI_COMMON_Q_SELECT:
        return vhost->queue_select;
    default:
        return read_queue_field(vhost, offset);
    }
}

static void write_queue_field(struct vhost_user *vhost, uint32_t offset, uint32_t value)
{
    struct vhost_queue *queue = selected(vhost);

    must(queue, "queue %u is set up, which the device does not have", vhost->queue_select);
    must(!queue->enabled || offset == VIRTIO_PCI_COMMON_Q_MSIX,
         "queue %u is set up while it is enabled (4.1.4.3.2)", vhost->queue_select);
    must(!(vhost->status & VIRTIO_CONFIG_S_DRIVER_OK), "queue %u is set up after DRIVER_OK (3.1.1)",
         vhost->queue_select);
    switch (offset) {
    case VIRTIO_PCI_COMMON_Q_SIZE:
        must(value != 0 && value <= vhost->options.queue_size &&
                 (vhost->accepted & FEATURE(VIRTIO_F_RING_PACKED) || (value & (value - 1)) == 0),
             "queue %u is given the size %u: it must be a power of two, at most %u (4.1.4.3.2)",
             vhost->queue_select, value, vhost->options.queue_size);
        queue->size = (uint16_t)value;
        break;
    case VIRTIO_PCI_COMMON_Q_MSIX:
        queue->vector = accept_vector(vhost, value);
        break;
    case VIRTIO_PCI_COMMON_Q_ENABLE:
        must(value == 1, "%u is written to queue_enable of queue %u (4.1.4.3.2)", value,
             vhost->queue_select);
        queue->enabled = true;
        break;
    case VIRTIO_PCI_COMMON_Q_DESCLO:
    case VIRTIO_PCI_COMMON_Q_DESCHI:
        pci_set_half(&queue->descriptors, offset == VIRTIO_PCI_COMMON_Q_DESCHI, value);
        break;
    case VIRTIO_PCI_COMMON_Q_AVAILLO:
    case VIRTIO_PCI_COMMON_Q_AVAILHI:
        pci_set_half(&queue->driver_area, offset == VIRTIO_PCI_COMMON_Q_AVAILHI, value);
        break;
    case VIRTIO_PCI_COMMON_Q_USEDLO:
    case VIRTIO_PCI_COMMON_Q_USEDHI:
        pci_set_half(&queue->device_area, offset == VIRTIO_PCI_COMMON_Q_USEDHI, value);
        break;
    default:
        must(false, "offset %#x of the common configuration is written: it is read-only", offset);
    }
}

static void write_common(struct vhost_user *vhost, uint32_t offset, uint32_t value)
{
    switch (offset) {
    case VIRTIO_PCI_COMMON_DFSELECT:
        vhost->device_select = value;
        break;
    case VIRTIO_PCI_COMMON_GFSELECT:
        vhost->driver_select = value;
        break;
    case VIRTIO_PCI_COMMON_GF:
        must(vhost->driver_select < 2 || value == 0, "features above bit 63 are accepted");
        must(!(vhost->status & VIRTIO_CONFIG_S_FEATURES_OK),
             "features are written after they were agreed on (3.1.1)");
        if (vhost->driver_select < 2) {
            pci_set_half(&vhost->accepted, vhost->driver_select == 1, value);
        }
        break;
    case VIRTIO_PCI_COMMON_MSIX:
        vhost->config_vector = accept_vector(vhost, value);
        break;
    case VIRTIO_PCI_COMMON_STATUS:
        write_status(vhost, (uint8_t)value);
        break;
    case VIRTIO_PCI_COMMON_Q_SELECT:
        vhost->queue_select = (uint16_t)value;
        break;
    default:
        write_queue_field(vhost, offset, value);
    }
}

/* ---- The other parts ---- */

static uint8_t read_isr(struct vhost_user *vhost)
{
    const uint8_t isr = vhost->isr;

    vhost->isr = 0;
    return isr;
}

static uint64_t read_config(const struct vhost_user *vhost, uint32_t offset, unsigned size)
{
    const struct pci_config_field *field = pci_config_field_at(offset);
    uint64_t value = 0;

    must(!field || field->feature == PCI_CONFIG_ALWAYS || vhost->offered & FEATURE(field->feature),
         "configuration field %s is read, but its feature is not offered (2.5.1)",
         field ? field->name : "");
    memcpy(&value, &vhost->config[offset],
           size < CONFIG_BYTES - offset ? size : CONFIG_BYTES - offset);
    return value;
}

/* The one field to write is writeback. */
static void write_config(struct vhost_user *vhost, uint32_t offset, unsigned size, uint64_t value)
{
    const uint8_t byte = (uint8_t)value;

    must(offset == WCE_OFFSET && size == 1 && value <= 1 &&
             vhost->accepted & FEATURE(VIRTIO_BLK_F_CONFIG_WCE),
         "%llu (%u bytes) is written to offset %u of the device configuration: the one field to "
         "write is writeback, with 0 or 1 and CONFIG_WCE (5.2.4)",
         (unsigned long long)value, size, offset);
    vhost->config[WCE_OFFSET] = byte;
    if (!vhost_user_set_config(&vhost->link, WCE_OFFSET, &byte, 1)) {
        vhost_lost(vhost, vhost->link.error);
    }
}

/* Without the device's lock: nothing that it guards is touched. */
static void write_notify(const struct vhost_user *vhost, uint32_t offset, unsigned size,
                         uint64_t value)
{
    static const uint64_t one = 1;

    must(size == 2 && value < vhost->options.queues && offset == value * NOTIFY_MULTIPLIER,
         "a doorbell of %u bytes at offset %#x says %#llx (4.1.4.4, 4.1.5.2)", size, offset,
         (unsigned long long)value);
    if (vhost->backend == BACKEND_RUNNING) {
        /* It can only fail with 2^64 - 2 kicks that nobody has taken. */
        const ssize_t written = write(vhost->queues[value].kick, &one, sizeof(one));
        (void)written;
    }
}

/* ---- The BARs ---- */

uint64_t vhost_registers_read(struct vhost_user *vhost, unsigned bar, uint64_t offset,
                              unsigned size)
{
    uint32_t inside;

    switch (pci_function_find(&vhost->function, bar, offset, &inside)) {
    case PCI_PART_COMMON:
        must(pci_common_is_field(inside, size),
             "%u bytes at offset %#x of the common configuration are not one of its fields "
             "(4.1.3.1)",
             size, inside);
        return read_common(vhost, inside) & device_all_ones(size);
    case PCI_PART_ISR:
        return read_isr(vhost);
    case PCI_PART_CONFIG:
        return read_config(vhost, inside, size) & device_all_ones(size);
    case PCI_PART_MSIX:
        return msix_read(&vhost->function, inside, size) & device_all_ones(size);
    default:
        return 0;
    }
}

void vhost_registers_write(struct vhost_user *vhost, unsigned bar, uint64_t offset, unsigned size,
                           uint64_t value)
{
    uint32_t inside;

    value &= device_all_ones(size);
    switch (pci_function_find(&vhost->function, bar, offset, &inside)) {
    case PCI_PART_COMMON:
        must(pci_common_is_field(inside, size),
             "%u bytes at offset %#x of the common configuration are not one of its fields "
             "(4.1.3.1)",
             size, inside);
        write_common(vhost, inside, (uint32_t)value);
        break;
    case PCI_PART_NOTIFY:
        write_notify(vhost, inside, size, value);
        break;
    case PCI_PART_CONFIG:
        write_config(vhost, inside, size, value);
        break;
    case PCI_PART_MSIX:
        msix_write(&vhost->function, inside, size, value);
        break;
    default:
        break;
    }
}
