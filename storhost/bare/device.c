/* SPDX-License-Identifier: BSD-3-Clause */
/* Starts a modern virtio-blk device (VIRTIO 1.2, 3.1.1 and 4.1.4) for the bare loop. See bare.h. */
#include "bare/internal.h"

#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/violation.h"
#include "machine/trap.h"

#define FEATURE(bit) (UINT64_C(1) << (bit))
#define NEEDED       (FEATURE(VIRTIO_F_VERSION_1) | FEATURE(VIRTIO_RING_F_INDIRECT_DESC))
#define TAKEN                                                                                    \
    (NEEDED | FEATURE(VIRTIO_RING_F_EVENT_IDX) | FEATURE(VIRTIO_F_RING_PACKED) |                 \
     FEATURE(VIRTIO_BLK_F_MQ) | FEATURE(VIRTIO_BLK_F_BLK_SIZE) | FEATURE(VIRTIO_BLK_F_SEG_MAX) | \
     FEATURE(VIRTIO_BLK_F_FLUSH) | FEATURE(VIRTIO_BLK_F_DISCARD))
#define RESET_READS_MAXIMUM 1000
#define RING_ALIGNMENT      64u

/* ---- Registers ---- */

static uint64_t read_register(const struct bare *bare, const struct virtio_structure *part,
                              uint64_t offset, unsigned size)
{
    return bare->device->ops->bar_read(bare->device, part->bar, part->offset + offset, size);
}

static uint64_t common(const struct bare *bare, uint64_t offset, unsigned size)
{
    return read_register(bare, &bare->layout.common, offset, size);
}

static void set_common(const struct bare *bare, uint64_t offset, unsigned size, uint64_t value)
{
    const struct virtio_structure *part = &bare->layout.common;

    bare->device->ops->bar_write(bare->device, part->bar, part->offset + offset, size, value);
}

static uint64_t config(const struct bare *bare, size_t offset, unsigned size)
{
    return read_register(bare, &bare->layout.config, offset, size);
}

/* What a window's context points to: the device and which BAR. */
struct window {
    struct device *device;
    unsigned bar;
};

static struct window windows[DEVICE_BARS];

static uint64_t window_read(void *context, uint64_t offset, unsigned size)
{
    const struct window *window = context;

    return window->device->ops->bar_read(window->device, window->bar, offset, size);
}

static void window_write(void *context, uint64_t offset, unsigned size, uint64_t value)
{
    const struct window *window = context;

    window->device->ops->bar_write(window->device, window->bar, offset, size, value);
}

/* Where the counted code finds a register. */
static uint8_t *map_register(struct bare *bare, const struct virtio_structure *part,
                             uint64_t offset)
{
    static const struct trap_ops ops = {.read = window_read, .write = window_write};
    unsigned bar = part->bar;

    if (bare->bar[bar] == NULL) {
        windows[bar] = (struct window){bare->device, bar};
        bare->bar[bar] = trap_map(TRAP_MEMORY, 0, bare->device->bars[bar].size, &ops, &windows[bar],
                                  "the bare loop's registers");
    }
    return bare->bar[bar] + part->offset + offset;
}

/* ---- Memory ---- */

void *bare_memory_get(struct bare_memory *memory, size_t bytes, bus_addr *bus, const char *name)
{
    struct memory_request request = {.kind = MEMORY_CONTIGUOUS,
                                     .bytes = bytes,
                                     .alignment = RING_ALIGNMENT,
                                     .contiguous = true,
                                     .name = name};

    memory->address = memory_alloc(&request);
    if (memory->address == NULL || !memory_bus_address(memory->address, bus, NULL)) {
        fatal("out of guest memory for %s (%zu bytes)", name, bytes);
    }
    memset(memory->address, 0, bytes);
    memory->grant = grant_begin(memory->address, bytes, GRANT_BOTH, name, NULL);
    return memory->address;
}

void bare_memory_put(struct bare_memory *memory)
{
    if (memory->address != NULL) {
        grant_end(memory->grant, false);
        memory_free(memory->address);
        memory->address = NULL;
    }
}

static void *private_memory(size_t bytes, const char *name)
{
    struct memory_request request = {
        .kind = MEMORY_POOL, .bytes = bytes, .alignment = RING_ALIGNMENT, .name = name};
    void *address = memory_alloc(&request);

    if (address == NULL) {
        fatal("out of guest memory for %s (%zu bytes)", name, bytes);
    }
    return memset(address, 0, bytes);
}

/* ---- Rings ---- */

static size_t aligned(size_t bytes)
{
    return (bytes + RING_ALIGNMENT - 1) & ~(size_t)(RING_ALIGNMENT - 1);
}

/* Where the parts of a ring lie in its memory. */
struct parts {
    size_t driver, device, bytes;
};

static struct parts parts_of(const struct bare *bare, uint16_t size)
{
    struct parts parts;

    parts.driver = aligned((size_t)BARE_DESCRIPTOR_BYTES * size);
    if (bare->packed) {
        parts.device = parts.driver + aligned(sizeof(struct vring_packed_desc_event));
        parts.bytes = parts.device + sizeof(struct vring_packed_desc_event);
    } else {
        parts.device = parts.driver + aligned(6 + 2u * size);
        parts.bytes = parts.device + 6 + 8u * size;
    }
    return parts;
}

static void lay_out_split(struct bare_split *ring, uint8_t *memory, const struct parts *parts,
                          uint16_t size)
{
    ring->descriptors = (struct bare_entry *)(void *)memory;
    ring->available = (struct vring_avail *)(void *)(memory + parts->driver);
    ring->used = (struct vring_used *)(void *)(memory + parts->device);
    ring->used_event = &ring->available->ring[size];
    ring->avail_event = (uint16_t *)(void *)&ring->used->ring[size];
}

static void lay_out_packed(const struct bare *bare, struct bare_packed *ring, uint8_t *memory,
                           const struct parts *parts)
{
    ring->descriptors = (struct vring_packed_desc *)(void *)memory;
    ring->driver_event = (struct vring_packed_desc_event *)(void *)(memory + parts->driver);
    ring->device_event = (struct vring_packed_desc_event *)(void *)(memory + parts->device);
    ring->next_wrap = ring->last_used_wrap = true;
    if (bare->event_index) {
        ring->driver_event->off_wrap = 1u << VRING_PACKED_EVENT_F_WRAP_CTR;
        ring->driver_event->flags = VRING_PACKED_EVENT_FLAG_DESC;
    }
}

/* Whether the device took the vector (4.1.5.1.2.2). */
static bool set_vector(const struct bare *bare, uint64_t offset, unsigned vector)
{
    set_common(bare, offset, 2, vector);
    return common(bare, offset, 2) == vector;
}

static void set_address(const struct bare *bare, uint64_t low, bus_addr address)
{
    set_common(bare, low, 4, (uint32_t)address);
    set_common(bare, low + 4, 4, address >> 32);
}

static void prepare_ids(struct bare_lane *lane)
{
    struct bare_queue *queue = &lane->queue;
    unsigned size = queue->size;

    queue->next_free = private_memory(size * sizeof(*queue->next_free), "bare loop's free ids");
    queue->owner = private_memory(size * sizeof(struct bare_request *), "bare loop's owners");
    queue->done = private_memory(size * sizeof(struct bare_request *), "bare loop's done requests");
    for (unsigned id = 0; id < size; id++) {
        queue->next_free[id] = (uint16_t)(id + 1);
    }
    lane->free = size;
}

static bool start_queue(struct bare *bare, unsigned index, char *error, size_t error_size)
{
    struct bare_lane *lane = &bare->lanes[index];
    struct bare_queue *queue = &lane->queue;
    struct parts parts;
    uint8_t *memory;
    bus_addr bus;

    set_common(bare, VIRTIO_PCI_COMMON_Q_SELECT, 2, index);
    queue->index = (uint16_t)index;
    queue->size = (uint16_t)common(bare, VIRTIO_PCI_COMMON_Q_SIZE, 2);
    queue->event_index = bare->event_index;
    if (queue->size == 0 || (!bare->packed && (queue->size & (queue->size - 1)) != 0)) {
        snprintf(error, error_size, "queue %u has %u entries", index, queue->size);
        return false;
    }
    parts = parts_of(bare, queue->size);
    memory = bare_memory_get(&lane->ring, parts.bytes, &bus, "bare loop's ring");
    if (bare->packed) {
        lay_out_packed(bare, &queue->packed, memory, &parts);
    } else {
        lay_out_split(&queue->split, memory, &parts, queue->size);
    }
    prepare_ids(lane);
    set_address(bare, VIRTIO_PCI_COMMON_Q_DESCLO, bus);
    set_address(bare, VIRTIO_PCI_COMMON_Q_AVAILLO, bus + parts.driver);
    set_address(bare, VIRTIO_PCI_COMMON_Q_USEDLO, bus + parts.device);
    if (bare->facts.message_vectors != 0 &&
        !set_vector(bare, VIRTIO_PCI_COMMON_Q_MSIX, lane->vector)) {
        snprintf(error, error_size, "queue %u does not take vector %u", index, lane->vector);
        return false;
    }
    queue->doorbell = (volatile uint16_t *)(void *)map_register(
        bare, &bare->layout.notify,
        common(bare, VIRTIO_PCI_COMMON_Q_NOFF, 2) * bare->layout.notify_multiplier);
    set_common(bare, VIRTIO_PCI_COMMON_Q_ENABLE, 2, 1);
    return true;
}

/* ---- The whole device ---- */

static void add_status(const struct bare *bare, uint8_t bits)
{
    set_common(bare, VIRTIO_PCI_COMMON_STATUS, 1, common(bare, VIRTIO_PCI_COMMON_STATUS, 1) | bits);
}

static bool reset(const struct bare *bare)
{
    set_common(bare, VIRTIO_PCI_COMMON_STATUS, 1, 0);
    for (unsigned i = 0; i < RESET_READS_MAXIMUM; i++) {
        if (common(bare, VIRTIO_PCI_COMMON_STATUS, 1) == 0) {
            return true;
        }
    }
    return false;
}

/* Agrees on features; what was agreed, 0: not what the loop needs. */
static uint64_t agree(const struct bare *bare)
{
    uint64_t features = 0;

    for (unsigned half = 0; half < 2; half++) {
        set_common(bare, VIRTIO_PCI_COMMON_DFSELECT, 4, half);
        features |= common(bare, VIRTIO_PCI_COMMON_DF, 4) << (32 * half);
    }
    features &= TAKEN;
    for (unsigned half = 0; half < 2; half++) {
        set_common(bare, VIRTIO_PCI_COMMON_GFSELECT, 4, half);
        set_common(bare, VIRTIO_PCI_COMMON_GF, 4, (uint32_t)(features >> (32 * half)));
    }
    add_status(bare, VIRTIO_CONFIG_S_FEATURES_OK);
    if ((common(bare, VIRTIO_PCI_COMMON_STATUS, 1) & VIRTIO_CONFIG_S_FEATURES_OK) == 0 ||
        (features & NEEDED) != NEEDED) {
        return 0;
    }
    return features;
}

static void read_config(struct bare *bare, uint64_t features)
{
    struct bare_facts *facts = &bare->facts;
    unsigned queues = 1;

    bare->packed = (features & FEATURE(VIRTIO_F_RING_PACKED)) != 0;
    bare->event_index = (features & FEATURE(VIRTIO_RING_F_EVENT_IDX)) != 0;
    facts->capacity = config(bare, offsetof(struct virtio_blk_config, capacity), 4) |
                      config(bare, offsetof(struct virtio_blk_config, capacity) + 4, 4) << 32;
    facts->block_bytes = 512;
    if ((features & FEATURE(VIRTIO_BLK_F_BLK_SIZE)) != 0) {
        facts->block_bytes =
            (uint32_t)config(bare, offsetof(struct virtio_blk_config, blk_size), 4);
    }
    facts->pieces_maximum = 1;
    if ((features & FEATURE(VIRTIO_BLK_F_SEG_MAX)) != 0) {
        facts->pieces_maximum =
            (uint32_t)config(bare, offsetof(struct virtio_blk_config, seg_max), 4);
    }
    if ((features & FEATURE(VIRTIO_BLK_F_MQ)) != 0) {
        queues = (unsigned)config(bare, offsetof(struct virtio_blk_config, num_queues), 2);
    }
    facts->queues = facts->queues < queues ? facts->queues : queues;
}

bool bare_device_start(struct bare *bare, char *error, size_t error_size)
{
    uint64_t features;

    virtio_layout_read(bare->device, &bare->layout);
    if (!bare->layout.common.present || !bare->layout.notify.present) {
        snprintf(error, error_size, "the bare loop needs a modern device");
        return false;
    }
    if (!reset(bare)) {
        snprintf(error, error_size, "the device does not reset");
        return false;
    }
    add_status(bare, VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
    features = agree(bare);
    if (features == 0) {
        snprintf(error, error_size, "the bare loop needs VERSION_1 and INDIRECT_DESC");
        return false;
    }
    read_config(bare, features);
    if (bare->facts.message_vectors != 0 && !set_vector(bare, VIRTIO_PCI_COMMON_MSIX, 0)) {
        snprintf(error, error_size, "the device takes no vector for changes of its configuration");
        return false;
    }
    for (unsigned i = 0; i < bare->facts.queues; i++) {
        if (!start_queue(bare, i, error, error_size)) {
            return false;
        }
    }
    bare->isr = map_register(bare, &bare->layout.isr, 0);
    add_status(bare, VIRTIO_CONFIG_S_DRIVER_OK);
    return true;
}

void bare_device_stop(struct bare *bare)
{
    (void)reset(bare);
    for (unsigned i = 0; i < bare->facts.queues; i++) {
        struct bare_lane *lane = &bare->lanes[i];

        bare_memory_put(&lane->ring);
        if (lane->queue.owner != NULL) {
            memory_free(lane->queue.next_free);
            memory_free(lane->queue.owner);
            memory_free(lane->queue.done);
        }
    }
    for (unsigned i = 0; i < DEVICE_BARS; i++) {
        if (bare->bar[i] != NULL) {
            trap_unmap(bare->bar[i], TRAP_MEMORY);
        }
    }
}
