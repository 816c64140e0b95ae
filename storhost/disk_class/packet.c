/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One SRB, sent again as often as classpnp sends it: classpnp/src/xferpkt.c (TransferPktComplete),
 * retry.c (RetryTransferPacket), and class.c (ClassSendSrbSynchronous) for what disk.sys waits for.
 */
#include "disk_class/internal.h"

#include <string.h>

#include <srb.h>

enum {
    MAXIMUM_RETRIES = 4,       /* classpnp.h */
    LEGACY_NUM_IO_RETRIES = 8, /* classp.h: before 8.1 */
    SENSE_BYTES = 18           /* SENSE_BUFFER_SIZE_EX (scsi.h) */
};
enum {
    SENSE_NOT_READY = 0x02,
    ASC_LUN_NOT_READY = 0x04,
    SECONDS_NOT_READY_AT_LEAST = 2
};

/* Retries of one packet: NUM_IO_RETRIES (classp.h) is MAXIMUM_RETRIES from 8.1 on. */
static unsigned retries_of(const struct disk_class *disk, enum packet_kind kind)
{
    switch (kind) {
    case PACKET_TRANSFER:
        return disk->port_facts.windows < WINDOWS_8_1 ? LEGACY_NUM_IO_RETRIES : MAXIMUM_RETRIES;
    case PACKET_SYNCHRONOUS:
        return MAXIMUM_RETRIES;
    case PACKET_ONCE:
        break;
    }
    return 0;
}

static void completed(struct port_io *io);

void packet_init(struct class_packet *packet, struct disk_class *disk, enum packet_kind kind,
                 void (*done)(struct class_packet *packet), void *owner)
{
    memset(packet, 0, sizeof(*packet));
    packet->disk = disk;
    packet->kind = kind;
    packet->retries_left = retries_of(disk, kind);
    packet->done = done;
    packet->owner = owner;
    packet->io.processor = -1;
    packet->io.sense_capacity = SENSE_BYTES;
    packet->io.done = completed;
    packet->io.context = packet;
}

void packet_send(struct class_packet *packet)
{
    struct disk_class *disk = packet->disk;

    pthread_mutex_lock(&disk->mutex);
    disk->facts.srbs++;
    pthread_mutex_unlock(&disk->mutex);
    port_submit(disk->port, &packet->io);
}

static void send_again(void *context)
{
    packet_send(context);
}

/* ClassSendSrbSynchronous: only a unit that is not ready is given time, two seconds at least. */
static unsigned synchronous_delay(const struct class_packet *packet, unsigned seconds)
{
    struct class_sense sense;

    if (!class_sense_of(&packet->io, &sense) || sense.key != SENSE_NOT_READY ||
        sense.asc != ASC_LUN_NOT_READY) {
        return 0;
    }
    return seconds < SECONDS_NOT_READY_AT_LEAST ? SECONDS_NOT_READY_AT_LEAST : seconds;
}

static void retry(struct class_packet *packet, unsigned seconds)
{
    packet->retries_left--;
    packet->retried++;
    packet->io.last_attempt = packet->kind == PACKET_TRANSFER && packet->retries_left == 0;
    pthread_mutex_lock(&packet->disk->mutex);
    packet->disk->facts.retries++;
    pthread_mutex_unlock(&packet->disk->mutex);
    if (packet->kind == PACKET_SYNCHRONOUS) {
        seconds = synchronous_delay(packet, seconds);
    }
    if (seconds == 0) {
        packet_send(packet);
        return;
    }
    packet->timer.fire = send_again;
    packet->timer.context = packet;
    clock_arm(&packet->timer, seconds * UINT64_C(1000000));
}

/* Mutex not held. */
static struct class_verdict judge(struct class_packet *packet)
{
    struct disk_class *disk = packet->disk;
    struct class_situation situation = {.windows = disk->port_facts.windows,
                                        .retried = packet->retried};
    struct class_verdict verdict;

    if (packet->io.srb_status == SRB_STATUS_SUCCESS) {
        return (struct class_verdict){.status = CLASS_SUCCESS};
    }
    pthread_mutex_lock(&disk->mutex);
    situation.blocks = disk->facts.blocks;
    verdict = class_interpret(&packet->io, &situation);
    disk->facts.capacity_changes += verdict.capacity_changed;
    disk->facts.bad_blocks += verdict.bad_block;
    pthread_mutex_unlock(&disk->mutex);
    return verdict;
}

static void completed(struct port_io *io)
{
    struct class_packet *packet = io->context;
    struct class_verdict verdict = judge(packet);

    if (verdict.capacity_changed) {
        class_refresh_capacity(packet->disk);
    }
    if (verdict.retry && packet->retries_left > 0) {
        retry(packet, verdict.seconds);
        return;
    }
    packet->status = verdict.status;
    packet->done(packet);
}

/* ---- waiting for one ------------------------------------------------------------------------- */

static void wake(struct class_packet *packet)
{
    class_wake(packet->owner);
}

void packet_execute(struct class_packet *packet)
{
    struct class_waiter waiter = CLASS_WAITER;

    packet->done = wake;
    /* It is over before this returns. */
    /* cppcheck-suppress autoVariables */
    packet->owner = &waiter;
    packet_send(packet);
    class_wait(&waiter);
}

void packet_read_command(struct class_packet *packet, const uint8_t *cdb, unsigned cdb_length,
                         void *data, uint32_t length)
{
    memcpy(packet->io.cdb, cdb, cdb_length);
    packet->io.cdb_length = (uint8_t)cdb_length;
    packet->io.direction = PORT_DATA_IN;
    packet->io.data = data;
    packet->io.data_length = length;
}
