/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * FlushFileBuffers: SYNCHRONIZE CACHE where the disk has a write cache, waited for, and then
 * SRB_FUNCTION_FLUSH, which reaches the miniport where it set CachesData. One group is under way at a
 * time; what comes meanwhile is one group behind it. Source: disk/src/disk.c, DiskShutdownFlush,
 * DiskFlushDispatch, DiskFlushComplete.
 */
#include "disk_class/internal.h"

#include <srb.h>

#define TIMEOUTS 4 /* the disk's, for either request */

static void start_group(struct disk_class *disk);

/* The group is over with this status; the next one's turn. */
static void end_group(struct disk_class *disk, enum class_status status)
{
    struct flush_group *flush = &disk->flush;
    struct class_request *list;
    bool more;

    pthread_mutex_lock(&disk->mutex);
    list = flush->current;
    flush->current = flush->next;
    flush->next = NULL;
    more = flush->current != NULL;
    pthread_mutex_unlock(&disk->mutex);
    while (list != NULL) {
        struct class_request *request = list;

        list = request->next;
        class_complete(disk, request, status);
    }
    if (more) {
        start_group(disk);
    }
}

/* Adds what a request of the group's has come to, to each of its members. */
static void account(struct disk_class *disk)
{
    pthread_mutex_lock(&disk->mutex);
    for (struct class_request *one = disk->flush.current; one != NULL; one = one->next) {
        class_account(one, &disk->flush.packet);
    }
    pthread_mutex_unlock(&disk->mutex);
}

static void flushed(struct class_packet *packet)
{
    struct disk_class *disk = packet->disk;
    enum class_status synchronized = disk->flush.synchronized;

    account(disk);
    end_group(disk, packet->status != CLASS_SUCCESS ? packet->status : synchronized);
}

static void send_flush(struct disk_class *disk)
{
    struct class_packet *packet = &disk->flush.packet;

    if (!disk->port_facts.caches_data) {
        end_group(disk, disk->flush.synchronized); /* the port driver completes it (CachesData) */
        return;
    }
    packet_init(packet, disk, PACKET_ONCE, flushed, NULL);
    packet->io.function = SRB_FUNCTION_FLUSH;
    packet->io.timeout_seconds = TIMEOUTS * disk->port_facts.timeout_seconds;
    pthread_mutex_lock(&disk->mutex);
    disk->facts.srb_flushes++;
    pthread_mutex_unlock(&disk->mutex);
    packet_send(packet);
}

static void synchronized(struct class_packet *packet)
{
    struct disk_class *disk = packet->disk;

    disk->flush.synchronized = packet->status;
    account(disk);
    send_flush(disk);
}

static void start_group(struct disk_class *disk)
{
    struct class_packet *packet = &disk->flush.packet;
    bool cached;

    pthread_mutex_lock(&disk->mutex);
    cached = disk->facts.write_cache;
    disk->facts.synchronize_caches += cached;
    disk->flush.synchronized = CLASS_SUCCESS;
    pthread_mutex_unlock(&disk->mutex);
    if (!cached) {
        send_flush(disk);
        return;
    }
    packet_init(packet, disk, PACKET_SYNCHRONOUS, synchronized, NULL);
    packet->io.cdb[0] = CDB_SYNCHRONIZE_CACHE_10;
    packet->io.cdb_length = 10;
    packet->io.timeout_seconds = TIMEOUTS * disk->port_facts.timeout_seconds;
    packet_send(packet);
}

void class_flush(struct disk_class *disk, struct class_request *request)
{
    struct flush_group *flush = &disk->flush;
    bool first;

    request->next = NULL;
    pthread_mutex_lock(&disk->mutex);
    first = flush->current == NULL;
    if (first) {
        flush->current = request;
    } else {
        request->next = flush->next;
        flush->next = request;
    }
    pthread_mutex_unlock(&disk->mutex);
    if (first) {
        start_group(disk);
    }
}
