/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The life of the device between two resets: handshake (VIRTIO 1.2, 3.1), reset (2.4), the device
 * configuration (5.2.4) and interrupts (2.9, 4.1.5).
 *
 *     status written 0           reset_reads reads later        the driver reads 0
 *   NOT ───────────────> RUNS ─────────────────────────> UNSEEN ─────────────────> NOT
 *
 * With reset_reads = 0 the second step is taken at once. A modern driver may write nothing before
 * it has read the 0; a legacy one need not read it.
 */
#include "devices/scripted/internal.h"

#include <string.h>

#include "base/violation.h"

#define STATUS_BITS                                                                     \
    (VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_DRIVER_OK | \
     VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_FAILED)

/* Offered through one of the two interfaces only (6.3, 6.4). */
#define LEGACY_ONLY                                                     \
    (FEATURE(VIRTIO_F_NOTIFY_ON_EMPTY) | FEATURE(VIRTIO_F_ANY_LAYOUT) | \
     FEATURE(VIRTIO_BLK_F_BARRIER) | FEATURE(F_SCSI))
#define LEGACY_MASK 0xffffffffull

/* ---- Configuration ---- */

/* The oldest of geometries: as many cylinders of 16 heads and 63 sectors as the field can say. */
static void build_geometry(struct virtio_blk_config *config)
{
    const uint64_t cylinders = config->capacity / (16 * 63);

    config->geometry.cylinders = cylinders > 16383 ? 16383 : (uint16_t)cylinders;
    config->geometry.heads = 16;
    config->geometry.sectors = 63;
}

/* What one request may discard or zero: as QEMU, one range unless it is asked for otherwise. */
static void build_ranges(const struct scripted *scripted, struct virtio_blk_config *config)
{
    const struct scripted_options *options = &scripted->options;

    if (scripted->offered & FEATURE(VIRTIO_BLK_F_DISCARD)) {
        config->max_discard_sectors = options->discard_sectors;
        config->max_discard_seg = options->discard_ranges;
        config->discard_sector_alignment = options->discard_alignment;
    }
    if (scripted->offered & FEATURE(VIRTIO_BLK_F_WRITE_ZEROES)) {
        config->max_write_zeroes_sectors = options->zeroes_sectors;
        config->max_write_zeroes_seg = 1;
        config->write_zeroes_may_unmap = options->may_unmap;
    }
    if (scripted->offered & FEATURE(VIRTIO_BLK_F_SECURE_ERASE)) {
        config->max_secure_erase_sectors = options->discard_sectors;
        config->max_secure_erase_seg = 1;
        config->secure_erase_sector_alignment = options->discard_alignment;
    }
}

/* Fields whose feature is not offered stay 0. */
void config_build(struct scripted *scripted)
{
    const struct scripted_options *options = &scripted->options;
    const uint64_t offered = scripted->offered;
    const uint16_t size = options->queue_sizes[0];
    struct virtio_blk_config *config = &scripted->config;

    memset(config, 0, sizeof(*config));
    config->capacity = options->capacity;
    if (offered & FEATURE(VIRTIO_BLK_F_SIZE_MAX)) {
        config->size_max = options->size_max;
    }
    if (offered & FEATURE(VIRTIO_BLK_F_SEG_MAX)) {
        config->seg_max = options->seg_max != SCRIPTED_AUTO ? options->seg_max
                          : size > 2                        ? size - 2u
                                                            : 1;
    }
    if (offered & FEATURE(VIRTIO_BLK_F_GEOMETRY)) {
        build_geometry(config);
    }
    if (offered & FEATURE(VIRTIO_BLK_F_BLK_SIZE)) {
        config->blk_size = options->block_size;
    }
    if (offered & FEATURE(VIRTIO_BLK_F_TOPOLOGY)) {
        config->physical_block_exp = options->physical_block_exp;
        config->alignment_offset = options->alignment_offset;
        config->min_io_size = options->min_io_size;
        config->opt_io_size = options->opt_io_size;
    }
    if (offered & FEATURE(VIRTIO_BLK_F_CONFIG_WCE)) {
        config->wce = !options->writethrough;
    }
    build_ranges(scripted, config);
    if (offered & FEATURE(VIRTIO_BLK_F_MQ)) {
        config->num_queues = (uint16_t)options->queues;
    }
}

void config_changed(struct scripted *scripted)
{
    ++scripted->generation;
    if (scripted->status & VIRTIO_CONFIG_S_DRIVER_OK) {
        raise_interrupt(scripted, NULL);
    }
}

void device_broken(struct scripted *scripted)
{
    scripted->status |= VIRTIO_CONFIG_S_NEEDS_RESET;
    if (scripted->status & VIRTIO_CONFIG_S_DRIVER_OK) {
        raise_interrupt(scripted, NULL);
    }
}

/* ---- Interrupts ---- */

void raise_interrupt(struct scripted *scripted, struct queue *queue)
{
    const uint16_t vector = queue ? queue->vector : scripted->config_vector;

    if (scripted->options.lose_interrupts != 0) {
        scripted->options.lose_interrupts -=
            scripted->options.lose_interrupts != SCRIPTED_ALL ? 1 : 0;
        ++scripted->counters.lost;
    } else if (!messages_on(scripted)) {
        scripted->isr |= queue ? 1 : VIRTIO_PCI_ISR_CONFIG;
    } else if (vector != VIRTIO_MSI_NO_VECTOR) {
        msix_send(&scripted->function, vector);
    }
}

/* ---- Features ---- */

uint64_t offered_features(const struct scripted *scripted, bool modern)
{
    return modern ? scripted->offered & ~LEGACY_ONLY : scripted->offered & LEGACY_MASK;
}

void accept_features(struct scripted *scripted, bool high, uint32_t value, bool modern)
{
    const uint64_t offered = offered_features(scripted, modern);
    const uint32_t known = (uint32_t)(high ? offered >> 32 : offered);

    must(!(scripted->status & (VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK)),
         "features are written after they were agreed on (3.1.1): status is %#x", scripted->status);
    must(!modern || scripted->status & VIRTIO_CONFIG_S_DRIVER,
         "features are written before DRIVER is set (3.1.1): status is %#x", scripted->status);
    must(!(value & ~known), "features %#x (%s half) are accepted, but only %#x are offered (2.2.1)",
         value, high ? "high" : "low", known);
    scripted->accepted = high ? (scripted->accepted & LEGACY_MASK) | (uint64_t)value << 32
                              : (scripted->accepted & ~LEGACY_MASK) | value;
}

/* ---- Reset ---- */

/* Also what is held or delayed; not what is never answered. */
static void complete_all(struct scripted *scripted)
{
    for (unsigned i = 0; i < scripted->options.queues; ++i) {
        struct queue *queue = &scripted->queues[i];
        const bool held = queue->held;

        if (queue->state == QUEUE_OFF) {
            continue;
        }
        for (struct request *request = queue->first; request; request = request->next) {
            request->due = 0;
        }
        queue->held = false;
        queue_complete(scripted, queue, UINT32_MAX);
        queue->held = held;
    }
}

void device_reset(struct scripted *scripted)
{
    if (scripted->options.reset == SCRIPTED_RESET_COMPLETE) {
        complete_all(scripted);
    }
    for (unsigned i = 0; i < scripted->options.queues; ++i) {
        scripted->queues[i].size_offered = scripted->options.queue_sizes[i];
        queue_reset(scripted, &scripted->queues[i]);
    }
    scripted->offered = scripted->options.features;
    if (scripted->options.read_only) {
        scripted->offered |= FEATURE(VIRTIO_BLK_F_RO);
    } else {
        scripted->offered &= ~FEATURE(VIRTIO_BLK_F_RO);
    }
    scripted->status = 0;
    scripted->features_ok_unread = false;
    scripted->accepted = 0;
    scripted->device_select = scripted->driver_select = 0;
    scripted->queue_select = 0;
    scripted->config_vector = VIRTIO_MSI_NO_VECTOR;
    scripted->config_vector_unread = false;
    scripted->isr = 0;
    scripted->stray_line = false;
    config_build(scripted);
    scripted->largest_capacity = scripted->config.capacity;
}

static void finish_reset(struct scripted *scripted)
{
    device_reset(scripted);
    scripted->reset_state = RESET_UNSEEN;
}

static void begin_reset(struct scripted *scripted)
{
    ++scripted->counters.resets;
    scripted->hang = scripted->options.reset_hangs * UINT64_C(1000000);
    scripted->options.reset_hangs = 0;
    scripted->reset_reads_left = scripted->options.reset_reads;
    scripted->reset_state = RESET_RUNS;
    if (scripted->reset_reads_left == 0) {
        finish_reset(scripted);
    }
}

uint8_t status_read(struct scripted *scripted, bool modern)
{
    scripted->features_ok_unread = false;
    if (scripted->reset_state == RESET_RUNS) {
        if (scripted->reset_reads_left != SCRIPTED_NEVER && scripted->reset_reads_left-- == 0) {
            finish_reset(scripted);
        } else {
            /* Of a device that a reset takes time, the status must not look like 0. */
            return scripted->status ? scripted->status : VIRTIO_CONFIG_S_ACKNOWLEDGE;
        }
    }
    if (modern && scripted->reset_state == RESET_UNSEEN && scripted->status == 0) {
        scripted->reset_state = RESET_NOT;
    }
    return scripted->status;
}

/* ---- Handshake ---- */

static void judge_order(const struct scripted *scripted, uint8_t value, bool modern)
{
    const uint8_t before = scripted->status;

    must(!(before & ~value & STATUS_BITS),
         "status goes from %#x to %#x: a bit is taken back (2.1.1)", before, value);
    must(!(value & ~(STATUS_BITS | (before & VIRTIO_CONFIG_S_NEEDS_RESET))),
         "status %#x has bits that are not the driver's to set (2.1)", value);
    if (value & VIRTIO_CONFIG_S_FAILED) {
        return;
    }
    must(!(value & VIRTIO_CONFIG_S_DRIVER) || value & VIRTIO_CONFIG_S_ACKNOWLEDGE,
         "status %#x: DRIVER without ACKNOWLEDGE (3.1.1)", value);
    must(!(value & (VIRTIO_CONFIG_S_DRIVER_OK | VIRTIO_CONFIG_S_FEATURES_OK)) ||
             value & VIRTIO_CONFIG_S_DRIVER,
         "status %#x: FEATURES_OK or DRIVER_OK without DRIVER (3.1.1)", value);
    must(!modern || !(value & VIRTIO_CONFIG_S_DRIVER_OK) || before & VIRTIO_CONFIG_S_FEATURES_OK,
         "status %#x: DRIVER_OK without FEATURES_OK having been accepted (3.1.1)", value);
}

static uint8_t judge_features(struct scripted *scripted, uint8_t value)
{
    const bool wants_version = offered_features(scripted, true) & FEATURE(VIRTIO_F_VERSION_1);

    must(!wants_version || scripted->accepted & FEATURE(VIRTIO_F_VERSION_1),
         "FEATURES_OK without VERSION_1, which a driver must accept where it is offered (6.1)");
    scripted->features_ok_unread = true;
    return scripted->options.refuse_features ? value & ~VIRTIO_CONFIG_S_FEATURES_OK : value;
}

static void judge_driver_ok(struct scripted *scripted)
{
    must(!scripted->features_ok_unread,
         "DRIVER_OK before it was read back whether FEATURES_OK stays set (3.1.1, step 6)");
    must(!scripted->config_vector_unread,
         "DRIVER_OK, but whether the configuration vector was accepted was not read (4.1.5.1.2.2)");
    for (unsigned i = 0; i < scripted->options.queues; ++i) {
        const struct queue *queue = &scripted->queues[i];
        must(queue->state == QUEUE_OFF || !queue->vector_unread,
             "DRIVER_OK, but whether the vector of queue %u was accepted was not read "
             "(4.1.5.1.2.2)",
             i);
        must(queue->state == QUEUE_OFF || i == 0 || scripted->accepted & FEATURE(VIRTIO_BLK_F_MQ),
             "queue %u is used without MQ (5.2.2)", i);
    }
}

/* A driver that has not agreed on CONFIG_WCE and FLUSH gets a write-through cache (5.2.5.2). */
static void settle_cache(struct scripted *scripted)
{
    if (scripted->accepted & FEATURE(VIRTIO_BLK_F_CONFIG_WCE) &&
        !(scripted->accepted & FEATURE(VIRTIO_BLK_F_FLUSH))) {
        scripted->config.wce = 0;
    }
}

void device_run_once(struct scripted *scripted, char *command, size_t size)
{
    char line[sizeof(scripted->options.at_doorbell)], error[256];

    memcpy(line, command, size);
    command[0] = '\0';
    if (line[0] != '\0' && !scripted_command(&scripted->device, line, error, sizeof(error))) {
        fatal("%s: %s", line, error);
    }
}

void status_write(struct scripted *scripted, uint8_t value, bool modern)
{
    if (value == 0) {
        begin_reset(scripted);
        return;
    }
    must(scripted->reset_state != RESET_RUNS && (!modern || scripted->reset_state == RESET_NOT),
         "status %#x is written before the reset has read back as 0 (4.1.4.3.2)", value);
    scripted->reset_state = RESET_NOT;
    judge_order(scripted, value, modern);

    const uint8_t fresh = value & ~scripted->status;
    if (modern && fresh & VIRTIO_CONFIG_S_FEATURES_OK) {
        value = judge_features(scripted, value);
    }
    if (fresh & VIRTIO_CONFIG_S_DRIVER_OK) {
        judge_driver_ok(scripted);
        settle_cache(scripted);
    }
    scripted->status = value | (scripted->status & VIRTIO_CONFIG_S_NEEDS_RESET);
    if (fresh & VIRTIO_CONFIG_S_DRIVER_OK) {
        device_run_once(scripted, scripted->options.at_driver_ok,
                        sizeof(scripted->options.at_driver_ok));
    }
}
