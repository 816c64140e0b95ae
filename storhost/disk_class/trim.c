/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A list of ranges to give up becomes UNMAP commands, one after the other, each as long as the Block
 * Limits page and the adapter allow. One that fails does not stop the others, and the last one's status
 * is the request's. Source: classpnp/src/utils.c, ClasspDeviceTrimProcess, DeviceProcessDsmTrimRequest,
 * ConvertDataSetRangeToUnmapBlockDescr.
 */
#include "disk_class/internal.h"

#include <stdlib.h>

enum {
    HEADER_BYTES = 8,
    DESCRIPTOR_BYTES = 16
};

struct trim {
    struct disk_class *disk;
    struct class_request *request;
    struct unmap_limits limits;
    struct unmap_progress progress;
    struct class_packet packet;
    uint8_t list[]; /* the longest parameter list */
};

uint32_t class_unmap_descriptors(const struct class_facts *facts, unsigned ranges)
{
    uint64_t bytes = UINT16_MAX; /* PARAMETER LIST LENGTH has 16 bits */

    if (facts->unmap_descriptors != 0 && facts->unmap_descriptors != UINT32_MAX) {
        uint64_t allowed = (uint64_t)facts->unmap_descriptors * DESCRIPTOR_BYTES + HEADER_BYTES;
        bytes = allowed < bytes ? allowed : bytes;
    }
    if (bytes > facts->largest) {
        bytes = facts->largest;
    }
    bytes = (bytes - HEADER_BYTES) / DESCRIPTOR_BYTES;
    return bytes < ranges ? (uint32_t)bytes : ranges;
}

uint32_t class_unmap_list(const struct class_range *ranges, unsigned count,
                          const struct unmap_limits *limits, struct unmap_progress *progress,
                          uint8_t *list)
{
    uint64_t blocks = 0;
    uint32_t descriptors = 0, bytes;

    while (progress->range < count && descriptors < limits->descriptors &&
           blocks < limits->blocks) {
        const struct class_range *range = &ranges[progress->range];
        uint64_t left = range->blocks - progress->done;
        uint8_t *descriptor = list + HEADER_BYTES + descriptors * DESCRIPTOR_BYTES;

        left = left > UINT32_MAX ? UINT32_MAX : left;
        left = left > limits->blocks - blocks ? limits->blocks - blocks : left;
        class_put(descriptor, 8, range->lba + progress->done);
        class_put(descriptor + 8, 4, left);
        class_put(descriptor + 12, 4, 0);
        descriptors++;
        blocks += left;
        progress->done += left;
        if (progress->done == range->blocks) {
            progress->range++;
            progress->done = 0;
        }
    }
    if (descriptors == 0) {
        return 0;
    }
    bytes = HEADER_BYTES + descriptors * DESCRIPTOR_BYTES;
    class_put(list, 2, bytes - 2);
    class_put(list + 2, 2, bytes - HEADER_BYTES);
    class_put(list + 4, 4, 0);
    return bytes;
}

static void send_next(struct trim *trim);

static void unmapped(struct class_packet *packet)
{
    struct trim *trim = packet->owner;

    pthread_mutex_lock(&packet->disk->mutex);
    trim->request->status = CLASS_SUCCESS; /* the last one counts */
    class_account(trim->request, packet);
    pthread_mutex_unlock(&packet->disk->mutex);
    send_next(trim);
}

static void send_next(struct trim *trim)
{
    struct class_request *request = trim->request;
    struct disk_class *disk = trim->disk;
    uint32_t bytes = class_unmap_list(request->ranges, request->range_count, &trim->limits,
                                      &trim->progress, trim->list);

    if (bytes == 0) {
        free(trim);
        class_complete(disk, request, request->status);
        return;
    }
    packet_init(&trim->packet, disk, PACKET_SYNCHRONOUS, unmapped, trim);
    trim->packet.io.cdb[0] = CDB_UNMAP;
    class_put(trim->packet.io.cdb + 7, 2, bytes);
    trim->packet.io.cdb_length = 10;
    trim->packet.io.direction = PORT_DATA_OUT;
    trim->packet.io.data = trim->list;
    trim->packet.io.data_length = bytes;
    trim->packet.io.processor = request->processor;
    pthread_mutex_lock(&disk->mutex);
    disk->facts.unmaps++;
    pthread_mutex_unlock(&disk->mutex);
    packet_send(&trim->packet);
}

/* Why it is refused before anything is sent, or success. */
static enum class_status check(const struct class_facts *facts, const struct class_request *request)
{
    if (!facts->unmap) {
        return CLASS_NOT_SUPPORTED;
    }
    for (unsigned i = 0; i < request->range_count; i++) {
        const struct class_range *range = &request->ranges[i];

        if (range->blocks == 0 || range->lba > facts->blocks ||
            range->blocks > facts->blocks - range->lba) {
            return CLASS_INVALID_PARAMETER;
        }
    }
    /* Of a file's own blocks (DEVICE_DSM_FLAG_TRIM_NOT_FS_ALLOCATED is not set) only where they read as
     * zeroes afterwards. */
    return request->file_level && !facts->read_zeroes ? CLASS_TRIM_READ_ZERO_NOT_SUPPORTED
                                                      : CLASS_SUCCESS;
}

/* Descriptors that all ranges need, each at most UINT32_MAX blocks. */
static unsigned descriptors_needed(const struct class_request *request)
{
    uint64_t needed = 0;

    for (unsigned i = 0; i < request->range_count; i++) {
        needed += (request->ranges[i].blocks - 1) / UINT32_MAX + 1;
    }
    return needed < UINT16_MAX ? (unsigned)needed : UINT16_MAX;
}

void class_trim(struct disk_class *disk, struct class_request *request)
{
    struct class_facts facts;
    enum class_status status;
    uint32_t descriptors;
    struct trim *trim;

    class_get_facts(disk, &facts);
    status = check(&facts, request);
    if (status != CLASS_SUCCESS) {
        class_complete(disk, request, status);
        return;
    }
    descriptors = class_unmap_descriptors(&facts, descriptors_needed(request));
    trim = calloc(1, sizeof(*trim) + HEADER_BYTES + (size_t)descriptors * DESCRIPTOR_BYTES);
    if (trim == NULL || descriptors == 0 || facts.unmap_blocks == 0) {
        free(trim);
        class_complete(disk, request,
                       trim == NULL ? CLASS_INSUFFICIENT_RESOURCES : CLASS_NOT_SUPPORTED);
        return;
    }
    trim->disk = disk;
    trim->request = request;
    trim->limits = (struct unmap_limits){descriptors, facts.unmap_blocks};
    send_next(trim);
}
