/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the front end and the back end agree on, and when.
 *
 *   open       features, protocol features, number of queues, memory, device configuration
 *   FEATURES_OK   the features that the driver has accepted
 *   DRIVER_OK     each ring that it has enabled: size, place, kick, call; then they run
 *   reset      the connection is closed and made again: nothing in the protocol stops requests that are
 *              in flight, but a back end answers a new connection only when those of the old one have ended
 */
#include "devices/vhost_user/internal.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/violation.h"
#include "machine/memory.h"

/* Features that only say what requests or rings may look like: the back end's business alone. Not
 * among them: those that need the front end (ACCESS_PLATFORM, NOTIFICATION_DATA, RING_RESET, ...) or
 * the legacy interface. */
#define PASSED_ON                                                                                  \
    (FEATURE(VIRTIO_BLK_F_SIZE_MAX) | FEATURE(VIRTIO_BLK_F_SEG_MAX) |                              \
     FEATURE(VIRTIO_BLK_F_GEOMETRY) | FEATURE(VIRTIO_BLK_F_RO) | FEATURE(VIRTIO_BLK_F_BLK_SIZE) |  \
     FEATURE(VIRTIO_BLK_F_FLUSH) | FEATURE(VIRTIO_BLK_F_TOPOLOGY) |                                \
     FEATURE(VIRTIO_BLK_F_CONFIG_WCE) | FEATURE(VIRTIO_BLK_F_MQ) | FEATURE(VIRTIO_BLK_F_DISCARD) | \
     FEATURE(VIRTIO_BLK_F_WRITE_ZEROES) | FEATURE(VIRTIO_RING_F_INDIRECT_DESC) |                   \
     FEATURE(VIRTIO_RING_F_EVENT_IDX) | FEATURE(VIRTIO_F_VERSION_1) |                              \
     FEATURE(VIRTIO_F_RING_PACKED) | FEATURE(VIRTIO_F_IN_ORDER))

#define WANTED_PROTOCOL                                                             \
    (FEATURE(VHOST_USER_PROTOCOL_F_MQ) | FEATURE(VHOST_USER_PROTOCOL_F_REPLY_ACK) | \
     FEATURE(VHOST_USER_PROTOCOL_F_BACKEND_REQ) | FEATURE(VHOST_USER_PROTOCOL_F_CONFIG))

/* First available and used entry of a packed ring: 0, with wrap counter 1. */
#define PACKED_BASE 0x80008000u
#define FOUR_GIB    (UINT64_C(1) << 32)

static bool refuse(struct vhost_user *vhost, const char *text)
{
    snprintf(vhost->link.error, sizeof(vhost->link.error), "%s", text);
    return false;
}

static bool agree_on_protocol(struct vhost_user *vhost)
{
    struct vhost_user_link *link = &vhost->link;
    uint64_t offered;

    if (!vhost_user_get(link, VHOST_USER_GET_PROTOCOL_FEATURES, &offered)) {
        return false;
    }
    if (!(offered & FEATURE(VHOST_USER_PROTOCOL_F_CONFIG))) {
        return refuse(vhost, "the back end does not offer the protocol feature CONFIG, by which a "
                             "block device tells its size: is it one?");
    }
    if (vhost->options.queues > 1 && !(offered & FEATURE(VHOST_USER_PROTOCOL_F_MQ))) {
        return refuse(vhost,
                      "the back end does not offer the protocol feature MQ: it has one queue");
    }
    vhost->protocol_features = offered & WANTED_PROTOCOL;
    if (!vhost_user_set(link, VHOST_USER_SET_PROTOCOL_FEATURES, vhost->protocol_features)) {
        return false;
    }
    link->acknowledges = vhost->protocol_features & FEATURE(VHOST_USER_PROTOCOL_F_REPLY_ACK);
    return true;
}

static bool check_queues(struct vhost_user *vhost)
{
    uint64_t queues = 1;

    if (vhost->protocol_features & FEATURE(VHOST_USER_PROTOCOL_F_MQ) &&
        !vhost_user_get(&vhost->link, VHOST_USER_GET_QUEUE_NUM, &queues)) {
        return false;
    }
    if (vhost->options.queues > queues) {
        snprintf(
            vhost->link.error, sizeof(vhost->link.error),
            "%u queues are asked for, the back end has %llu (qemu-storage-daemon: num-queues=N)",
            vhost->options.queues, (unsigned long long)queues);
        return false;
    }
    return true;
}

static uint64_t user_address(uint64_t bus)
{
    return (uint64_t)(uintptr_t)memory_at(bus, 1);
}

static bool share_memory(struct vhost_user *vhost)
{
    const struct memory_options *layout = memory_layout();
    const uint64_t low = layout->bus_offset, high = layout->bus_offset + FOUR_GIB;
    const struct vhost_user_region regions[] = {
        {low, layout->below_4g, user_address(low), 0},
        {high, layout->above_4g, layout->above_4g ? user_address(high) : 0, layout->below_4g},
    };

    return vhost_user_set_memory(&vhost->link, regions, layout->above_4g ? 2 : 1, memory_fd());
}

/* The channel by which the back end says that its configuration has changed. */
static bool open_channel(struct vhost_user *vhost)
{
    if (!(vhost->protocol_features & FEATURE(VHOST_USER_PROTOCOL_F_BACKEND_REQ))) {
        return true;
    }
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, vhost->channel)) {
        return refuse(vhost, "no socket for the back end's requests");
    }
    return vhost_user_set_fd(&vhost->link, VHOST_USER_SET_BACKEND_REQ_FD, vhost->channel[1]);
}

bool vhost_backend_read_config(struct vhost_user *vhost)
{
    const uint16_t queues = (uint16_t)vhost->options.queues;

    if (!vhost_user_get_config(&vhost->link, 0, vhost->config, CONFIG_BYTES)) {
        return false;
    }
    /* How many there are is the front end's choice. */
    memcpy(&vhost->config[NUM_QUEUES_OFFSET], &queues, sizeof(queues));
    return true;
}

static bool take_features(struct vhost_user *vhost)
{
    uint64_t features;

    if (!vhost_user_get(&vhost->link, VHOST_USER_GET_FEATURES, &features)) {
        return false;
    }
    if (!(features & FEATURE(VIRTIO_F_VERSION_1))) {
        return refuse(vhost,
                      "the back end does not offer VERSION_1: it serves legacy drivers only");
    }
    if (!(features & FEATURE(VHOST_USER_F_PROTOCOL_FEATURES))) {
        return refuse(vhost,
                      "the back end has no protocol features, and so no configuration to read");
    }
    vhost->backend_features = features;
    vhost->offered = features & PASSED_ON;
    if (vhost->options.queues > 1) {
        vhost->offered |= FEATURE(VIRTIO_BLK_F_MQ);
    } else {
        vhost->offered &= ~FEATURE(VIRTIO_BLK_F_MQ);
    }
    return true;
}

bool vhost_backend_open(struct vhost_user *vhost)
{
    struct vhost_user_link *link = &vhost->link;

    if (!vhost_user_connect(link, vhost->options.socket)) {
        return false;
    }
    if (!take_features(vhost) || !agree_on_protocol(vhost) ||
        !vhost_user_tell(link, VHOST_USER_SET_OWNER) || !check_queues(vhost) ||
        !open_channel(vhost) || !share_memory(vhost) || !vhost_backend_read_config(vhost)) {
        vhost_backend_close(vhost);
        return false;
    }
    vhost->backend = BACKEND_IDLE;
    vhost_watch_link(vhost, true);
    return true;
}

void vhost_backend_close(struct vhost_user *vhost)
{
    vhost_watch_link(vhost, false);
    vhost_user_disconnect(&vhost->link);
    for (unsigned i = 0; i < 2; ++i) {
        if (vhost->channel[i] >= 0) {
            close(vhost->channel[i]);
        }
        vhost->channel[i] = -1;
    }
}

bool vhost_backend_features(struct vhost_user *vhost)
{
    return vhost_user_set(&vhost->link, VHOST_USER_SET_FEATURES,
                          vhost->accepted | FEATURE(VHOST_USER_F_PROTOCOL_FEATURES));
}

/* ---- Rings ---- */

/* User address of a part of a ring, all of which must be memory in one piece. */
static uint64_t ring_part(unsigned queue, uint64_t bus, size_t bytes, const char *part)
{
    const void *address = memory_at(bus, bytes);

    if (!address) {
        violation(RULE_DMA_GRANT, "queue %u: its %s (%zu bytes at %#llx) is not contiguous memory",
                  queue, part, bytes, (unsigned long long)bus);
    }
    return (uint64_t)(uintptr_t)address;
}

static bool start_ring(struct vhost_user *vhost, unsigned index)
{
    const struct vhost_queue *queue = &vhost->queues[index];
    const bool packed = vhost->accepted & FEATURE(VIRTIO_F_RING_PACKED);
    const size_t size = queue->size;
    const struct vhost_user_ring ring = {
        .descriptors = ring_part(index, queue->descriptors, 16 * size, "descriptor area"),
        .available = ring_part(index, queue->driver_area, packed ? 4 : 6 + 2 * size, "driver area"),
        .used = ring_part(index, queue->device_area, packed ? 4 : 6 + 8 * size, "device area"),
    };
    struct vhost_user_link *link = &vhost->link;

    return vhost_user_set_ring(link, VHOST_USER_SET_VRING_NUM, index, queue->size) &&
           vhost_user_set_ring(link, VHOST_USER_SET_VRING_BASE, index, packed ? PACKED_BASE : 0) &&
           vhost_user_set_ring_address(link, index, &ring) &&
           vhost_user_set_ring_fd(link, VHOST_USER_SET_VRING_CALL, index, queue->call) &&
           vhost_user_set_ring_fd(link, VHOST_USER_SET_VRING_KICK, index, queue->kick) &&
           vhost_user_set_ring(link, VHOST_USER_SET_VRING_ENABLE, index, 1);
}

bool vhost_backend_start(struct vhost_user *vhost)
{
    vhost->backend = BACKEND_RUNNING;
    for (unsigned i = 0; i < vhost->options.queues; ++i) {
        if (vhost->queues[i].enabled && !start_ring(vhost, i)) {
            return false;
        }
    }
    return true;
}

/* What was signalled before a reset means nothing behind it. */
static void drain(int event)
{
    uint64_t count;
    const ssize_t got = read(event, &count, sizeof(count));

    (void)got;
}

bool vhost_backend_stop(struct vhost_user *vhost)
{
    if (vhost->backend != BACKEND_RUNNING) {
        return true;
    }
    vhost_backend_close(vhost);
    if (!vhost_backend_open(vhost)) {
        return false;
    }
    for (unsigned i = 0; i < vhost->options.queues; ++i) {
        drain(vhost->queues[i].kick);
        drain(vhost->queues[i].call);
    }
    return true;
}
