/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the BARs answer: the structures of the modern interface (VIRTIO 1.2, 4.1.4), the legacy
 * registers (4.1.4.10) and the MSI-X table. Each access must have the width and the place of one
 * field (4.1.3.1); registers are set in the order that 3.1.1 and 4.1.4.3.2 ask for.
 */
#include "devices/scripted/internal.h"

#include <stddef.h>
#include <string.h>

#include "base/violation.h"
#include "machine/memory.h"

struct field {
    uint8_t offset, size;
};

static const struct field legacy_fields[] = {
    {VIRTIO_PCI_HOST_FEATURES, 4},
    {VIRTIO_PCI_GUEST_FEATURES, 4},
    {VIRTIO_PCI_QUEUE_PFN, 4},
    {VIRTIO_PCI_QUEUE_NUM, 2},
    {VIRTIO_PCI_QUEUE_SEL, 2},
    {VIRTIO_PCI_QUEUE_NOTIFY, 2},
    {VIRTIO_PCI_STATUS, 1},
    {VIRTIO_PCI_ISR, 1},
    {VIRTIO_MSI_CONFIG_VECTOR, 2},
    {VIRTIO_MSI_QUEUE_VECTOR, 2},
    {0, 0},
};

/* ---- Finding what an access falls into ---- */

static const enum scripted_area areas[PCI_PARTS] = {
    [PCI_PART_COMMON] = SCRIPTED_AREA_COMMON, [PCI_PART_ISR] = SCRIPTED_AREA_ISR,
    [PCI_PART_CONFIG] = SCRIPTED_AREA_CONFIG, [PCI_PART_NOTIFY] = SCRIPTED_AREA_NOTIFY,
    [PCI_PART_MSIX] = SCRIPTED_AREA_MSIX,
};

static enum scripted_area find_area(const struct scripted *scripted, unsigned bar, uint64_t offset,
                                    uint32_t *inside)
{
    const enum pci_part part = pci_function_find(&scripted->function, bar, offset, inside);

    if (part != PCI_PARTS) {
        return areas[part];
    }
    return bar == 0 && offset < scripted->function.legacy_length ? SCRIPTED_AREA_LEGACY
                                                                 : SCRIPTED_AREA_NOTHING;
}

static void must_be_field(bool is_field, const char *what, uint32_t offset, unsigned size)
{
    must(is_field, "%u bytes at offset %#x of the %s are not one of its fields (4.1.3.1)", size,
         offset, what);
}

static void judge_common(uint32_t offset, unsigned size)
{
    must_be_field(pci_common_is_field(offset, size), "common configuration", offset, size);
}

static void judge_legacy(uint32_t offset, unsigned size)
{
    const struct field *field = legacy_fields;

    while (field->size != 0 && (field->offset != offset || field->size != size)) {
        ++field;
    }
    must_be_field(field->size != 0, "legacy registers", offset, size);
}

static struct queue *selected(struct scripted *scripted)
{
    return scripted->queue_select < scripted->options.queues
               ? &scripted->queues[scripted->queue_select]
               : NULL;
}

/* For writes: the driver may only set queues that are there. */
static struct queue *selected_to_set(struct scripted *scripted, const char *what)
{
    struct queue *queue = selected(scripted);

    must(queue && queue->size_offered != 0, "%s of queue %u, which the device does not have", what,
         scripted->queue_select);
    return queue;
}

static uint16_t accept_vector(const struct scripted *scripted, uint32_t vector)
{
    const uint32_t refused = scripted->options.refuse_vector;

    return vector >= scripted->device.message_vectors || refused == SCRIPTED_ALL ||
                   refused == vector
               ? VIRTIO_MSI_NO_VECTOR
               : (uint16_t)vector;
}

static void set_config_vector(struct scripted *scripted, uint16_t vector)
{
    scripted->config_vector = accept_vector(scripted, vector);
    scripted->config_vector_unread = vector != VIRTIO_MSI_NO_VECTOR;
}

static void set_queue_vector(struct scripted *scripted, uint16_t vector)
{
    struct queue *queue = selected_to_set(scripted, "vector");

    queue->vector = accept_vector(scripted, vector);
    queue->vector_unread = vector != VIRTIO_MSI_NO_VECTOR;
}

static uint16_t read_queue_vector(struct scripted *scripted)
{
    struct queue *queue = selected(scripted);

    if (!queue) {
        return VIRTIO_MSI_NO_VECTOR;
    }
    queue->vector_unread = false;
    return queue->vector;
}

static uint8_t read_isr(struct scripted *scripted)
{
    const uint8_t isr = scripted->isr;

    scripted->isr = 0;
    scripted->stray_line = false;
    return isr;
}

/* ---- Device configuration ---- */

/* A modern driver reads field by field and only what is offered (2.5.1, 4.1.3.1). */
static void judge_config_read(const struct scripted *scripted, uint32_t offset, unsigned size)
{
    const struct pci_config_field *field = pci_config_field_at(offset);

    if (!field) {
        return;
    }
    must(size <= 4 && offset % size == 0 && (size == field->size || field->size == 8) &&
             (field->size != 8 || size == 4),
         "%u bytes at offset %u are read of the field %s, which has %u (4.1.3.1)", size, offset,
         field->name, field->size);
    must(field->feature == PCI_CONFIG_ALWAYS || scripted->offered & FEATURE(field->feature),
         "configuration field %s is read, but its feature is not offered (2.5.1)", field->name);
    must(field->feature != VIRTIO_BLK_F_CONFIG_WCE ||
             scripted->status & VIRTIO_CONFIG_S_FEATURES_OK,
         "writeback is read before FEATURES_OK (5.2.5.1)");
}

static uint64_t read_config(const struct scripted *scripted, uint32_t offset, unsigned size)
{
    uint64_t value = 0;

    if (offset == CONFIG_ZONE_MODEL) {
        must(scripted->offered & FEATURE(F_ZONED),
             "the zone model is read, but ZONED is not offered (2.5.1)");
        value = scripted->options.zone_model;
    } else if (offset < sizeof(scripted->config)) {
        const size_t room = sizeof(scripted->config) - offset;
        memcpy(&value, (const char *)&scripted->config + offset, size < room ? size : room);
    }
    return value;
}

/* A legacy driver may write writeback before it has said what it accepts (5.2.5.3). */
static void write_config(struct scripted *scripted, uint32_t offset, unsigned size, uint64_t value,
                         bool modern)
{
    must(offset == offsetof(struct virtio_blk_config, wce) && size == 1 && value <= 1,
         "%llu (%u bytes) is written to offset %u of the device configuration: the one field to "
         "write is writeback, with 0 or 1 (5.2.4)",
         (unsigned long long)value, size, offset);
    must((modern ? scripted->accepted : scripted->offered) & FEATURE(VIRTIO_BLK_F_CONFIG_WCE),
         "writeback is written without CONFIG_WCE (5.2.5)");
    scripted->config.wce = (uint8_t)value;
}

/* ---- Common configuration ---- */

/* What a doorbell of the queue says: with NOTIF_CONFIG_DATA anything but its index (4.1.4.3). */
static uint16_t notify_data(const struct scripted *scripted, unsigned index)
{
    return scripted->accepted & FEATURE(F_NOTIF_CONFIG_DATA) ? (uint16_t)(0xa5c3 - 7 * index)
                                                             : (uint16_t)index;
}

static uint64_t read_queue_field(struct scripted *scripted, uint32_t offset)
{
    const struct queue *queue = selected(scripted);

    if (!queue) {
        return 0;
    }
    switch (offset) {
    case VIRTIO_PCI_COMMON_Q_SIZE:
        return queue->size;
    case VIRTIO_PCI_COMMON_Q_ENABLE:
        return queue->state != QUEUE_OFF;
    case VIRTIO_PCI_COMMON_Q_NOFF:
        return queue->index;
    case VIRTIO_PCI_COMMON_Q_NDATA:
        return notify_data(scripted, queue->index);
    case VIRTIO_PCI_COMMON_Q_RESET:
        return 0; /* done at once */
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

static uint64_t read_common(struct scripted *scripted, uint32_t offset)
{
    switch (offset) {
    case VIRTIO_PCI_COMMON_DFSELECT:
        return scripted->device_select;
    case VIRTIO_PCI_COMMON_DF:
        return pci_half(offered_features(scripted, true), scripted->device_select);
    case VIRTIO_PCI_COMMON_GFSELECT:
        return scripted->driver_select;
    case VIRTIO_PCI_COMMON_GF:
        return pci_half(scripted->accepted, scripted->driver_select);
    case VIRTIO_PCI_COMMON_MSIX:
        scripted->config_vector_unread = false;
        return scripted->config_vector;
    case VIRTIO_PCI_COMMON_NUMQ:
        return scripted->options.queues;
    case VIRTIO_PCI_COMMON_STATUS:
        return status_read(scripted, true);
    case VIRTIO_PCI_COMMON_CFGGENERATION:
        return scripted->options.unstable_generation ? ++scripted->generation
                                                     : scripted->generation;
    case VIRTIO_PCI_COMMON_Q_SELECT:
        return scripted->queue_select;
    case VIRTIO_PCI_COMMON_Q_MSIX:
        return read_queue_vector(scripted);
    default:
        return read_queue_field(scripted, offset);
    }
}

static void set_queue_size(const struct scripted *scripted, struct queue *queue, uint16_t size)
{
    const bool any = scripted->accepted & FEATURE(VIRTIO_F_RING_PACKED);

    must(size != 0 && (any || (size & (size - 1)) == 0) && size <= queue->size_offered,
         "queue %u is given the size %u: it must be a power of two, at most %u (4.1.4.3.2)",
         queue->index, size, queue->size_offered);
    queue->size = size;
}

static void modern_enable(struct scripted *scripted, struct queue *queue, uint16_t value)
{
    must(value == 1, "%u is written to queue_enable of queue %u (4.1.4.3.2)", value, queue->index);
    must(scripted->status & VIRTIO_CONFIG_S_FEATURES_OK,
         "queue %u is enabled before FEATURES_OK (3.1.1)", queue->index);
    queue_enable(scripted, queue);
}

/* Queues are set up before DRIVER_OK, and before they are enabled; later only after a queue reset
 * (2.6.1.2). */
static void write_queue_field(struct scripted *scripted, uint32_t offset, uint32_t value)
{
    struct queue *queue = selected_to_set(scripted, "set-up");

    must(queue->state == QUEUE_OFF, "queue %u is set up while it is enabled (4.1.4.3.2)",
         queue->index);
    must(!(scripted->status & VIRTIO_CONFIG_S_DRIVER_OK) || queue->reset_wanted,
         "queue %u is set up after DRIVER_OK (3.1.1)", queue->index);
    switch (offset) {
    case VIRTIO_PCI_COMMON_Q_SIZE:
        set_queue_size(scripted, queue, (uint16_t)value);
        break;
    case VIRTIO_PCI_COMMON_Q_ENABLE:
        modern_enable(scripted, queue, (uint16_t)value);
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

static void write_queue_reset(struct scripted *scripted, uint16_t value)
{
    struct queue *queue = selected_to_set(scripted, "reset");

    must(scripted->accepted & FEATURE(F_RING_RESET), "queue_reset is written without RING_RESET");
    must(value == 1 && queue->state != QUEUE_OFF,
         "%u is written to queue_reset of queue %u, which is %senabled (2.6.1.2)", value,
         queue->index, queue->state == QUEUE_OFF ? "not " : "");
    queue_reset(scripted, queue);
    queue->reset_wanted = true;
}

static void write_common(struct scripted *scripted, uint32_t offset, uint32_t value)
{
    must(offset == VIRTIO_PCI_COMMON_STATUS || scripted->reset_state == RESET_NOT,
         "offset %#x of the common configuration is written before the reset has read back as 0 "
         "(4.1.4.3.2)",
         offset);
    switch (offset) {
    case VIRTIO_PCI_COMMON_DFSELECT:
        scripted->device_select = value;
        break;
    case VIRTIO_PCI_COMMON_GFSELECT:
        scripted->driver_select = value;
        break;
    case VIRTIO_PCI_COMMON_GF:
        must(scripted->driver_select < 2 || value == 0, "features above bit 63 are accepted");
        if (scripted->driver_select < 2) {
            accept_features(scripted, scripted->driver_select == 1, value, true);
        }
        break;
    case VIRTIO_PCI_COMMON_MSIX:
        set_config_vector(scripted, (uint16_t)value);
        break;
    case VIRTIO_PCI_COMMON_STATUS:
        status_write(scripted, (uint8_t)value, true);
        break;
    case VIRTIO_PCI_COMMON_Q_SELECT:
        scripted->queue_select = (uint16_t)value;
        break;
    case VIRTIO_PCI_COMMON_Q_MSIX:
        set_queue_vector(scripted, (uint16_t)value);
        break;
    case VIRTIO_PCI_COMMON_Q_RESET:
        write_queue_reset(scripted, (uint16_t)value);
        break;
    default:
        write_queue_field(scripted, offset, value);
    }
}

/* ---- Doorbells of the modern interface ---- */

static void write_notify(struct scripted *scripted, uint32_t offset, unsigned size, uint64_t value)
{
    const bool with_data = scripted->accepted & FEATURE(F_NOTIFICATION);
    unsigned index = 0;

    while (index < scripted->options.queues && notify_data(scripted, index) != (uint16_t)value) {
        ++index;
    }
    must(index < scripted->options.queues,
         "a doorbell says %#x, which stands for no queue (4.1.5.2)", (unsigned)(uint16_t)value);
    must(size == (with_data ? 4u : 2u), "a doorbell of %u bytes (4.1.5.2)", size);
    must(offset == index * scripted->options.notify_multiplier,
         "the doorbell of queue %u is rung at offset %#x, it is at %#x (4.1.4.4)", index, offset,
         index * scripted->options.notify_multiplier);
    if (with_data) {
        queue_doorbell_data(scripted, index, (uint16_t)(value >> 16));
    } else {
        queue_doorbell(scripted, index);
    }
}

/* ---- Legacy ---- */

static unsigned legacy_config_at(const struct scripted *scripted)
{
    return VIRTIO_PCI_CONFIG_OFF(messages_on(scripted));
}

static uint64_t read_legacy(struct scripted *scripted, uint32_t offset, unsigned size)
{
    const struct queue *queue = selected(scripted);

    if (offset >= legacy_config_at(scripted)) {
        return read_config(scripted, offset - legacy_config_at(scripted), size);
    }
    judge_legacy(offset, size);
    switch (offset) {
    case VIRTIO_PCI_HOST_FEATURES:
        return offered_features(scripted, false);
    case VIRTIO_PCI_GUEST_FEATURES:
        return (uint32_t)scripted->accepted;
    case VIRTIO_PCI_QUEUE_PFN:
        return queue ? queue->descriptors >> VIRTIO_PCI_QUEUE_ADDR_SHIFT : 0;
    case VIRTIO_PCI_QUEUE_NUM:
        return queue ? queue->size_offered : 0;
    case VIRTIO_PCI_QUEUE_SEL:
        return scripted->queue_select;
    case VIRTIO_PCI_STATUS:
        return status_read(scripted, false);
    case VIRTIO_PCI_ISR:
        return read_isr(scripted);
    case VIRTIO_MSI_CONFIG_VECTOR:
        scripted->config_vector_unread = false;
        return scripted->config_vector;
    case VIRTIO_MSI_QUEUE_VECTOR:
        return read_queue_vector(scripted);
    default:
        return 0;
    }
}

/* One page number gives all three parts (2.7.2); 0 takes the queue away. */
static void set_legacy_page(struct scripted *scripted, uint32_t page)
{
    struct queue *queue = selected_to_set(scripted, "page number");

    if (page == 0) {
        queue_reset(scripted, queue);
        return;
    }
    must(queue->state == QUEUE_OFF, "queue %u is given a page number while it has one (4.1.5.1.3)",
         queue->index);
    must(!(scripted->status & VIRTIO_CONFIG_S_DRIVER_OK),
         "queue %u is set up after DRIVER_OK (3.1.1)", queue->index);
    queue->descriptors = (uint64_t)page << VIRTIO_PCI_QUEUE_ADDR_SHIFT;
    queue->driver_area = queue->descriptors + 16ull * queue->size;
    queue->device_area = (queue->driver_area + 6 + 2ull * queue->size + LEGACY_ALIGNMENT - 1) &
                         ~(uint64_t)(LEGACY_ALIGNMENT - 1);
    queue_enable(scripted, queue);
}

static void write_legacy(struct scripted *scripted, uint32_t offset, unsigned size, uint32_t value)
{
    if (offset >= legacy_config_at(scripted)) {
        write_config(scripted, offset - legacy_config_at(scripted), size, value, false);
        return;
    }
    judge_legacy(offset, size);
    switch (offset) {
    case VIRTIO_PCI_GUEST_FEATURES:
        accept_features(scripted, false, value, false);
        break;
    case VIRTIO_PCI_QUEUE_PFN:
        set_legacy_page(scripted, value);
        break;
    case VIRTIO_PCI_QUEUE_SEL:
        scripted->queue_select = (uint16_t)value;
        break;
    case VIRTIO_PCI_QUEUE_NOTIFY:
        queue_doorbell(scripted, value);
        break;
    case VIRTIO_PCI_STATUS:
        status_write(scripted, (uint8_t)value, false);
        break;
    case VIRTIO_MSI_CONFIG_VECTOR:
        set_config_vector(scripted, (uint16_t)value);
        break;
    case VIRTIO_MSI_QUEUE_VECTOR:
        set_queue_vector(scripted, (uint16_t)value);
        break;
    default:
        must(false, "legacy register %u is written: it is read-only", offset);
    }
}

/* ---- The BARs ---- */

static uint64_t lie_about(const struct scripted *scripted, enum scripted_area area, uint32_t offset,
                          uint64_t truth)
{
    for (unsigned i = 0; i < scripted->lie_count; ++i) {
        if (scripted->lies[i].area == area && scripted->lies[i].offset == offset) {
            return scripted->lies[i].value;
        }
    }
    return truth;
}

static uint64_t read_area(struct scripted *scripted, enum scripted_area area, uint32_t inside,
                          unsigned size)
{
    switch (area) {
    case SCRIPTED_AREA_COMMON:
        judge_common(inside, size);
        return read_common(scripted, inside);
    case SCRIPTED_AREA_ISR:
        must(size == 1, "the ISR status is read with %u bytes (4.1.4.5)", size);
        return read_isr(scripted);
    case SCRIPTED_AREA_CONFIG:
        judge_config_read(scripted, inside, size);
        return read_config(scripted, inside, size);
    case SCRIPTED_AREA_LEGACY:
        return read_legacy(scripted, inside, size);
    case SCRIPTED_AREA_MSIX:
        return msix_read(&scripted->function, inside, size);
    default:
        return 0;
    }
}

uint64_t registers_read(struct scripted *scripted, unsigned bar, uint64_t offset, unsigned size)
{
    uint32_t inside;
    const enum scripted_area area = find_area(scripted, bar, offset, &inside);

    ++scripted->counters.reads[area];
    const uint64_t truth = read_area(scripted, area, inside, size);
    return lie_about(scripted, area, inside, truth) & device_all_ones(size);
}

void registers_write(struct scripted *scripted, unsigned bar, uint64_t offset, unsigned size,
                     uint64_t value)
{
    uint32_t inside;
    const enum scripted_area area = find_area(scripted, bar, offset, &inside);

    ++scripted->counters.writes[area];
    value &= device_all_ones(size);
    switch (area) {
    case SCRIPTED_AREA_COMMON:
        judge_common(inside, size);
        write_common(scripted, inside, (uint32_t)value);
        break;
    case SCRIPTED_AREA_NOTIFY:
        write_notify(scripted, inside, size, value);
        break;
    case SCRIPTED_AREA_CONFIG:
        write_config(scripted, inside, size, value, true);
        break;
    case SCRIPTED_AREA_LEGACY:
        write_legacy(scripted, inside, size, (uint32_t)value);
        break;
    case SCRIPTED_AREA_MSIX:
        msix_write(&scripted->function, inside, size, value);
        break;
    default:
        break;
    }
}
