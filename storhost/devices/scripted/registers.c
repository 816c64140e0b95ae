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

/* The common configuration structure. */
static const struct field common_fields[] = {
    {VIRTIO_PCI_COMMON_DFSELECT, 4},  {VIRTIO_PCI_COMMON_DF, 4},
    {VIRTIO_PCI_COMMON_GFSELECT, 4},  {VIRTIO_PCI_COMMON_GF, 4},
    {VIRTIO_PCI_COMMON_MSIX, 2},      {VIRTIO_PCI_COMMON_NUMQ, 2},
    {VIRTIO_PCI_COMMON_STATUS, 1},    {VIRTIO_PCI_COMMON_CFGGENERATION, 1},
    {VIRTIO_PCI_COMMON_Q_SELECT, 2},  {VIRTIO_PCI_COMMON_Q_SIZE, 2},
    {VIRTIO_PCI_COMMON_Q_MSIX, 2},    {VIRTIO_PCI_COMMON_Q_ENABLE, 2},
    {VIRTIO_PCI_COMMON_Q_NOFF, 2},    {VIRTIO_PCI_COMMON_Q_DESCLO, 4},
    {VIRTIO_PCI_COMMON_Q_DESCHI, 4},  {VIRTIO_PCI_COMMON_Q_AVAILLO, 4},
    {VIRTIO_PCI_COMMON_Q_AVAILHI, 4}, {VIRTIO_PCI_COMMON_Q_USEDLO, 4},
    {VIRTIO_PCI_COMMON_Q_USEDHI, 4},  {VIRTIO_PCI_COMMON_Q_NDATA, 2},
    {VIRTIO_PCI_COMMON_Q_RESET, 2},   {0, 0},
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

/* The device configuration, and the feature that a field needs (NEEDS_NOTHING: none). */
#define NEEDS_NOTHING 64u
#define CONFIG_FIELD(member, bit)                                         \
    {                                                                     \
        offsetof(struct virtio_blk_config, member),                       \
            sizeof(((struct virtio_blk_config *)0)->member), bit, #member \
    }

static const struct config_field {
    uint8_t offset, size, feature;
    const char *name;
} config_fields[] = {
    CONFIG_FIELD(capacity, NEEDS_NOTHING),
    CONFIG_FIELD(size_max, VIRTIO_BLK_F_SIZE_MAX),
    CONFIG_FIELD(seg_max, VIRTIO_BLK_F_SEG_MAX),
    CONFIG_FIELD(geometry.cylinders, VIRTIO_BLK_F_GEOMETRY),
    CONFIG_FIELD(geometry.heads, VIRTIO_BLK_F_GEOMETRY),
    CONFIG_FIELD(geometry.sectors, VIRTIO_BLK_F_GEOMETRY),
    CONFIG_FIELD(blk_size, VIRTIO_BLK_F_BLK_SIZE),
    CONFIG_FIELD(physical_block_exp, VIRTIO_BLK_F_TOPOLOGY),
    CONFIG_FIELD(alignment_offset, VIRTIO_BLK_F_TOPOLOGY),
    CONFIG_FIELD(min_io_size, VIRTIO_BLK_F_TOPOLOGY),
    CONFIG_FIELD(opt_io_size, VIRTIO_BLK_F_TOPOLOGY),
    CONFIG_FIELD(wce, VIRTIO_BLK_F_CONFIG_WCE),
    CONFIG_FIELD(unused, NEEDS_NOTHING),
    CONFIG_FIELD(num_queues, VIRTIO_BLK_F_MQ),
    CONFIG_FIELD(max_discard_sectors, VIRTIO_BLK_F_DISCARD),
    CONFIG_FIELD(max_discard_seg, VIRTIO_BLK_F_DISCARD),
    CONFIG_FIELD(discard_sector_alignment, VIRTIO_BLK_F_DISCARD),
    CONFIG_FIELD(max_write_zeroes_sectors, VIRTIO_BLK_F_WRITE_ZEROES),
    CONFIG_FIELD(max_write_zeroes_seg, VIRTIO_BLK_F_WRITE_ZEROES),
    CONFIG_FIELD(write_zeroes_may_unmap, VIRTIO_BLK_F_WRITE_ZEROES),
    CONFIG_FIELD(unused1, NEEDS_NOTHING),
    CONFIG_FIELD(max_secure_erase_sectors, VIRTIO_BLK_F_SECURE_ERASE),
    CONFIG_FIELD(max_secure_erase_seg, VIRTIO_BLK_F_SECURE_ERASE),
    CONFIG_FIELD(secure_erase_sector_alignment, VIRTIO_BLK_F_SECURE_ERASE),
};

/* ---- Finding what an access falls into ---- */

static const enum scripted_area areas[SCRIPTED_PARTS] = {
    [SCRIPTED_COMMON] = SCRIPTED_AREA_COMMON, [SCRIPTED_ISR] = SCRIPTED_AREA_ISR,
    [SCRIPTED_CONFIG] = SCRIPTED_AREA_CONFIG, [SCRIPTED_NOTIFY] = SCRIPTED_AREA_NOTIFY,
    [SCRIPTED_MSIX] = SCRIPTED_AREA_MSIX,
};

static enum scripted_area find_area(const struct scripted *scripted, unsigned bar, uint64_t offset,
                                    uint32_t *inside)
{
    for (unsigned i = 0; i < SCRIPTED_PARTS; ++i) {
        const struct structure *part = &scripted->part[i];
        if (part->present && part->bar == bar && offset >= part->offset &&
            offset - part->offset < part->length) {
            *inside = (uint32_t)(offset - part->offset);
            return areas[i];
        }
    }
    *inside = (uint32_t)offset;
    return bar == 0 && offset < scripted->legacy_length ? SCRIPTED_AREA_LEGACY
                                                        : SCRIPTED_AREA_NOTHING;
}

static void judge_width(const struct field *fields, const char *what, uint32_t offset,
                        unsigned size)
{
    while (fields->size != 0 && (fields->offset != offset || fields->size != size)) {
        ++fields;
    }
    must(fields->size != 0, "%u bytes at offset %#x of the %s are not one of its fields (4.1.3.1)",
         size, offset, what);
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
    for (size_t i = 0; i < sizeof(config_fields) / sizeof(config_fields[0]); ++i) {
        const struct config_field *field = &config_fields[i];
        if (offset < field->offset || offset >= (uint32_t)field->offset + field->size) {
            continue;
        }
        must(size <= 4 && offset % size == 0 && (size == field->size || field->size == 8) &&
                 (field->size != 8 || size == 4),
             "%u bytes at offset %u are read of the field %s, which has %u (4.1.3.1)", size, offset,
             field->name, field->size);
        must(field->feature == NEEDS_NOTHING || scripted->offered & FEATURE(field->feature),
             "configuration field %s is read, but its feature is not offered (2.5.1)", field->name);
        must(field->feature != VIRTIO_BLK_F_CONFIG_WCE ||
                 scripted->status & VIRTIO_CONFIG_S_FEATURES_OK,
             "writeback is read before FEATURES_OK (5.2.5.1)");
    }
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

static uint64_t half(uint64_t value, uint32_t select)
{
    return select == 0 ? (uint32_t)value : select == 1 ? value >> 32 : 0;
}

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
        return half(queue->descriptors, offset == VIRTIO_PCI_COMMON_Q_DESCHI);
    case VIRTIO_PCI_COMMON_Q_AVAILLO:
    case VIRTIO_PCI_COMMON_Q_AVAILHI:
        return half(queue->driver_area, offset == VIRTIO_PCI_COMMON_Q_AVAILHI);
    case VIRTIO_PCI_COMMON_Q_USEDLO:
    case VIRTIO_PCI_COMMON_Q_USEDHI:
        return half(queue->device_area, offset == VIRTIO_PCI_COMMON_Q_USEDHI);
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
        return half(offered_features(scripted, true), scripted->device_select);
    case VIRTIO_PCI_COMMON_GFSELECT:
        return scripted->driver_select;
    case VIRTIO_PCI_COMMON_GF:
        return half(scripted->accepted, scripted->driver_select);
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

static void set_half(uint64_t *value, bool high, uint32_t part)
{
    *value = high ? (uint32_t)*value | (uint64_t)part << 32 : (*value & ~0xffffffffull) | part;
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
        set_half(&queue->descriptors, offset == VIRTIO_PCI_COMMON_Q_DESCHI, value);
        break;
    case VIRTIO_PCI_COMMON_Q_AVAILLO:
    case VIRTIO_PCI_COMMON_Q_AVAILHI:
        set_half(&queue->driver_area, offset == VIRTIO_PCI_COMMON_Q_AVAILHI, value);
        break;
    case VIRTIO_PCI_COMMON_Q_USEDLO:
    case VIRTIO_PCI_COMMON_Q_USEDHI:
        set_half(&queue->device_area, offset == VIRTIO_PCI_COMMON_Q_USEDHI, value);
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
    judge_width(legacy_fields, "legacy registers", offset, size);
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
    judge_width(legacy_fields, "legacy registers", offset, size);
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
        judge_width(common_fields, "common configuration", inside, size);
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
        return msix_read(scripted, inside, size);
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
        judge_width(common_fields, "common configuration", inside, size);
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
        msix_write(scripted, inside, size, value);
        break;
    default:
        break;
    }
}
