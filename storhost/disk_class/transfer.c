/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reads and writes: split, sent all at once, over when the last piece is. Sources: classpnp/src/class.c
 * (ServiceTransferRequest), xferpkt.c (InitializeTransferPackets, SetupReadWriteTransferPacket), and
 * disk/src/disk.c (DiskReadWriteVerification).
 */
#include "disk_class/internal.h"

#include <stdlib.h>
#include <string.h>

#include <srb.h>

#include "machine/memory.h"

#define FUA_BIT            0x08
#define FLAGS_PAGING       0x40000000u /* SRB_CLASS_FLAGS_PAGING (classpnp.h): of caches and page files */
#define CDB_10_MAXIMUM     UINT16_MAX /* blocks: ClassReadDriveCapacity lowers HwMaxXferLen to it */
#define TRANSFER_UNLIMITED (UINT32_C(1) << 30) /* a driver that leaves its limit at "any" */

uint32_t class_largest(const struct port_facts *port, bool aligned, bool use_16_byte_cdb,
                       uint32_t block_bytes)
{
    const uint64_t page = GUEST_PAGE_SIZE;
    uint64_t adapter =
        port->transfer_bytes < TRANSFER_UNLIMITED ? port->transfer_bytes : TRANSFER_UNLIMITED;
    /* HwMaxXferLen: one page less than the adapter's, since a buffer may begin within a page ... */
    uint64_t pages = port->physical_breaks != 0 ? port->physical_breaks - 1 : 0;
    uint64_t largest = pages * page < adapter ? pages * page : adapter;

    largest = largest < page ? page : largest;
    /* ... and that page back for one that does not. */
    if (aligned) {
        largest = largest + page < adapter ? largest + page : adapter;
    }
    if (!use_16_byte_cdb && largest > (uint64_t)CDB_10_MAXIMUM * block_bytes) {
        largest = (uint64_t)CDB_10_MAXIMUM * block_bytes;
    }
    return (uint32_t)largest;
}

void class_account(struct class_request *request, const struct class_packet *packet)
{
    request->srbs += 1 + packet->retried;
    request->retries += packet->retried;
    if (request->status == CLASS_SUCCESS) {
        request->status = packet->status;
        request->result = packet->io;
    }
}

void class_complete(struct disk_class *disk, struct class_request *request,
                    enum class_status status)
{
    (void)disk;
    request->status = status;
    request->done(request);
}

static void piece_done(struct class_packet *packet)
{
    struct class_request *request = packet->owner;
    struct disk_class *disk = packet->disk;
    bool last;

    pthread_mutex_lock(&disk->mutex);
    class_account(request, packet);
    last = --request->waiting == 0;
    pthread_mutex_unlock(&disk->mutex);
    if (last) {
        free(request->packets);
        class_complete(disk, request, request->status);
    }
}

/* READ(10) and WRITE(10), or (16) on disks that need it for some address (DEV_USE_16BYTE_CDB). */
static void make_cdb(struct port_io *io, const struct class_facts *facts, bool write, bool fua,
                     uint64_t lba, uint32_t blocks)
{
    if (facts->use_16_byte_cdb) {
        io->cdb[0] = write ? CDB_WRITE_16 : CDB_READ_16;
        class_put(io->cdb + 2, 8, lba);
        class_put(io->cdb + 10, 4, blocks);
        io->cdb_length = 16;
    } else {
        io->cdb[0] = write ? CDB_WRITE_10 : CDB_READ_10;
        class_put(io->cdb + 2, 4, lba);
        class_put(io->cdb + 7, 2, blocks);
        io->cdb_length = 10;
    }
    io->cdb[1] = fua ? FUA_BIT : 0;
}

static void make_piece(struct class_packet *packet, const struct class_facts *facts,
                       const struct class_request *request, uint64_t first, uint32_t blocks)
{
    struct port_io *io = &packet->io;
    bool write = request->operation == CLASS_WRITE;

    make_cdb(io, facts, write, write && request->write_through && facts->fua, request->lba + first,
             blocks);
    io->direction = write ? PORT_DATA_OUT : PORT_DATA_IN;
    io->data = (uint8_t *)request->data + first * facts->block_bytes;
    io->data_length = blocks * facts->block_bytes;
    io->processor = request->processor;
    io->scatter_bytes = request->scatter_bytes;
    io->page_aligned = !request->unaligned;
    io->class_flags = request->unaligned ? 0 : FLAGS_PAGING;
    io->write_through = write && request->write_through;
    io->sense_capacity = 0; /* the port model's choice */
}

void class_transfer(struct disk_class *disk, struct class_request *request)
{
    struct class_facts facts;
    uint32_t piece;
    unsigned count;
    struct class_packet *packets;

    class_get_facts(disk, &facts);
    if (request->blocks == 0 || request->lba > facts.blocks ||
        request->blocks > facts.blocks - request->lba) {
        class_complete(disk, request, CLASS_INVALID_PARAMETER);
        return;
    }
    piece = (request->unaligned ? facts.largest : facts.largest_aligned) / facts.block_bytes;
    count = (unsigned)((request->blocks + piece - 1) / piece);
    packets = calloc(count, sizeof(*packets));
    if (packets == NULL) {
        class_complete(disk, request, CLASS_INSUFFICIENT_RESOURCES);
        return;
    }
    request->packets = packets;
    request->waiting = count;
    for (unsigned i = 0; i < count; i++) {
        uint64_t first = (uint64_t)i * piece, left = request->blocks - first;

        packet_init(&packets[i], disk, PACKET_TRANSFER, piece_done, request);
        make_piece(&packets[i], &facts, request, first, left < piece ? (uint32_t)left : piece);
    }
    /* The last piece's end frees everything: nothing of the request is touched behind it. */
    for (unsigned i = 0; i < count; i++) {
        packet_send(&packets[i]);
    }
}
