/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The disk's start, and its capacity later on. What is sent, in this order:
 *
 *   READ CAPACITY (10), (16) if the last block is FFFFFFFFh   DiskInitFdo, ClassReadDriveCapacity
 *   READ of block 0 (signature), READ CAPACITY again           DiskInitFdo: x86 and x64
 *   INQUIRY, VPD page 00h; B2h and B0h if it names them *      ClassPnpStartDevice
 *   INQUIRY, B1h if it names it *                              seek penalty property (utils.c), which
 *                                                              whoever mounts a volume asks for
 *   MODE SENSE (6), caching page                               DiskStartFdo, DiskGetCacheInformation
 *   READ CAPACITY (16) *                                       alignment property (utils.c), likewise
 *
 * * from Windows 8 on, above StorPort
 *
 * INQUIRY, pages 80h and 83h and REPORT LUNS come from the port driver before (port/discovery.c).
 */
#include "disk_class/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <srb.h>

enum {
    VPD_BYTES = 255,      /* VPD_MAX_BUFFER_SIZE */
    MODE_DATA_BYTES = 192 /* MODE_DATA_SIZE (disk.h) */
};
enum {
    PAGE_SUPPORTED = 0x00,
    PAGE_BLOCK_LIMITS = 0xb0,
    PAGE_CHARACTERISTICS = 0xb1,
    PAGE_PROVISIONING = 0xb2
};
enum {
    CACHING_PAGE = 0x08,
    WCE_BIT = 0x04,
    READ_CAPACITY_16_ACTION = 0x10
};

/* ---- capacity -------------------------------------------------------------------------------- */

static void prepare_capacity(struct class_packet *packet, bool longer, uint8_t data[32])
{
    static const uint8_t cdb_10[10] = {CDB_READ_CAPACITY_10};
    static const uint8_t cdb_16[16] = {CDB_SERVICE_ACTION_IN_16,
                                       READ_CAPACITY_16_ACTION, [13] = 32};

    memset(data, 0, 32);
    packet_read_command(packet, longer ? cdb_16 : cdb_10, longer ? 16 : 10, data, longer ? 32 : 8);
}

/* Whether (10) has no room for the last block's number. */
static bool needs_16(const uint8_t *data)
{
    return class_get(data, 4) == UINT32_MAX;
}

/* Takes over what was read, and what follows from it. */
static void take_capacity(struct disk_class *disk, bool longer, const uint8_t *data)
{
    struct class_facts *facts = &disk->facts;
    uint64_t last = class_get(data, longer ? 8 : 4);
    uint32_t block_bytes = (uint32_t)class_get(data + (longer ? 8 : 4), 4);

    if (block_bytes < 512 || (block_bytes & (block_bytes - 1)) != 0 || last == UINT64_MAX) {
        return; /* nonsense leaves what was known */
    }
    pthread_mutex_lock(&disk->mutex);
    facts->blocks = last + 1;
    facts->block_bytes = block_bytes;
    facts->use_16_byte_cdb = facts->use_16_byte_cdb || longer;
    facts->largest = class_largest(&disk->port_facts, false, facts->use_16_byte_cdb, block_bytes);
    facts->largest_aligned =
        class_largest(&disk->port_facts, true, facts->use_16_byte_cdb, block_bytes);
    disk->capacity_known = true;
    pthread_mutex_unlock(&disk->mutex);
}

static bool read_capacity(struct disk_class *disk)
{
    bool longer = disk->facts.use_16_byte_cdb;
    struct class_packet packet;
    uint8_t data[32];

    packet_init(&packet, disk, PACKET_TRANSFER, NULL, NULL);
    packet.retries_left = 1; /* NUM_DRIVECAPACITY_RETRIES (classp.h) */
    prepare_capacity(&packet, longer, data);
    packet_execute(&packet);
    if (packet.status == CLASS_SUCCESS && !longer && needs_16(data)) {
        longer = true;
        packet_init(&packet, disk, PACKET_TRANSFER, NULL, NULL);
        packet.retries_left = 1;
        prepare_capacity(&packet, true, data);
        packet_execute(&packet);
    }
    if (packet.status == CLASS_SUCCESS) {
        take_capacity(disk, longer, data);
    }
    return packet.status == CLASS_SUCCESS;
}

static void ask_capacity(struct disk_class *disk, bool longer);

static void capacity_read(struct class_packet *packet)
{
    struct disk_class *disk = packet->disk;
    bool longer = packet->io.cdb[0] == CDB_SERVICE_ACTION_IN_16;

    if (packet->status == CLASS_SUCCESS && !longer && needs_16(disk->capacity_data)) {
        ask_capacity(disk, true);
        return;
    }
    if (packet->status == CLASS_SUCCESS) {
        take_capacity(disk, longer, disk->capacity_data);
    }
    pthread_mutex_lock(&disk->mutex);
    disk->capacity_asked = false;
    pthread_mutex_unlock(&disk->mutex);
}

static void ask_capacity(struct disk_class *disk, bool longer)
{
    packet_init(&disk->capacity_packet, disk, PACKET_TRANSFER, capacity_read, NULL);
    disk->capacity_packet.retries_left = 1;
    prepare_capacity(&disk->capacity_packet, longer, disk->capacity_data);
    packet_send(&disk->capacity_packet);
}

/* ClassQueueCapacityChangedEventWorker: a work item reads it; another one while that is under way would
 * tell nothing else. */
void class_refresh_capacity(struct disk_class *disk)
{
    bool longer, asked;

    pthread_mutex_lock(&disk->mutex);
    asked = disk->capacity_asked || !disk->capacity_known; /* not known: the start asks anyway */
    disk->capacity_asked = disk->capacity_asked || !asked;
    longer = disk->facts.use_16_byte_cdb;
    pthread_mutex_unlock(&disk->mutex);
    if (!asked) {
        ask_capacity(disk, longer);
    }
}

/* ---- pages ----------------------------------------------------------------------------------- */

/* Reads a VPD page; false if it does not come. */
static bool inquire(struct disk_class *disk, uint8_t page, uint8_t data[VPD_BYTES])
{
    const uint8_t cdb[6] = {CDB_INQUIRY, 1, page, 0, VPD_BYTES};
    struct class_packet packet;

    memset(data, 0, VPD_BYTES);
    packet_init(&packet, disk, PACKET_SYNCHRONOUS, NULL, NULL);
    packet_read_command(&packet, cdb, sizeof(cdb), data, VPD_BYTES);
    packet_execute(&packet);
    return packet.status == CLASS_SUCCESS && data[1] == page;
}

static bool names_page(const uint8_t *list, uint8_t page)
{
    return memchr(list + 4, page, list[3] <= VPD_BYTES - 4 ? list[3] : VPD_BYTES - 4) != NULL;
}

/* From Windows 8 on (DEVICE_LB_PROVISIONING_DESCRIPTOR: its first Windows), and never above SCSIPort
 * (ClasspIsObsoletePortDriver). */
static bool asks_provisioning(const struct disk_class *disk)
{
    return disk->port_facts.windows >= WINDOWS_8 &&
           strcmp(disk->port_facts.driver, "SCSIPort") != 0;
}

/* ClasspDeviceGetLBProvisioningVPDPage and ClasspDeviceGetBlockLimitsVPDPage: without a Block Limits page
 * UNMAP has no limits. */
static void ask_provisioning(struct disk_class *disk)
{
    struct class_facts *facts = &disk->facts;
    uint8_t supported[VPD_BYTES], data[VPD_BYTES];
    bool listed;

    if (!asks_provisioning(disk)) {
        return;
    }
    listed = inquire(disk, PAGE_SUPPORTED, supported);

    if (listed && names_page(supported, PAGE_PROVISIONING) &&
        inquire(disk, PAGE_PROVISIONING, data)) {
        facts->unmap = (data[5] & 0x80) != 0;
        facts->read_zeroes = (data[5] & 0x04) != 0;
    }
    facts->unmap_blocks = facts->unmap_descriptors = facts->unmap ? UINT32_MAX : 0;
    if (listed && names_page(supported, PAGE_BLOCK_LIMITS) &&
        inquire(disk, PAGE_BLOCK_LIMITS, data) && class_get(data + 2, 2) >= 0x3c) {
        facts->unmap_blocks = (uint32_t)class_get(data + 20, 4);
        facts->unmap_descriptors = (uint32_t)class_get(data + 24, 4);
    }
    if (listed && names_page(supported, PAGE_CHARACTERISTICS)) {
        (void)inquire(disk, PAGE_CHARACTERISTICS, data);
    }
}

/* DEV_WRITE_CACHE by the caching page; FUA follows it (ADJUST_FUA_FLAG, classpnp.h: not asked is the
 * DPOFUA bit of the mode parameter header). */
static void ask_cache(struct disk_class *disk)
{
    static const uint8_t cdb[6] = {CDB_MODE_SENSE_6, 0, CACHING_PAGE, 0, MODE_DATA_BYTES};
    uint8_t data[MODE_DATA_BYTES] = {0};
    struct class_packet packet;
    unsigned page;

    packet_init(&packet, disk, PACKET_TRANSFER, NULL, NULL);
    packet.retries_left = 1; /* NUM_MODESENSE_RETRIES (classp.h) */
    packet_read_command(&packet, cdb, sizeof(cdb), data, sizeof(data));
    packet_execute(&packet);
    page = 4u + data[3];
    if (packet.status == CLASS_SUCCESS && page + 2 < sizeof(data) &&
        (data[page] & 0x3f) == CACHING_PAGE) {
        disk->facts.write_cache = (data[page + 2] & WCE_BIT) != 0;
    }
    disk->facts.fua = disk->facts.write_cache;
}

static void read_signature(struct disk_class *disk)
{
    uint8_t *block = malloc(disk->facts.block_bytes);
    struct class_request request = {
        .operation = CLASS_READ, .blocks = 1, .data = block, .processor = -1};

    if (block != NULL) {
        class_execute(disk, &request);
        free(block);
    }
}

/* ---- the disk -------------------------------------------------------------------------------- */

struct disk_class *class_start(struct port *port, char *error, size_t error_size)
{
    struct disk_class *disk = calloc(1, sizeof(*disk));
    struct class_packet packet;
    uint8_t data[32];

    if (disk == NULL) {
        snprintf(error, error_size, "out of memory");
        return NULL;
    }
    disk->port = port;
    port_get_facts(port, &disk->port_facts);
    pthread_mutex_init(&disk->mutex, NULL);
    packet_init(&packet, disk, PACKET_TRANSFER, NULL, NULL);
    disk->facts.io_retries = packet.retries_left;
    if (!read_capacity(disk) || !disk->capacity_known ||
        disk->facts.largest < disk->facts.block_bytes) {
        snprintf(error, error_size,
                 "the disk class got no capacity of the disk, or blocks longer than the adapter "
                 "transfers");
        class_end(disk);
        return NULL;
    }
    read_signature(disk);
    (void)read_capacity(disk);
    ask_provisioning(disk);
    ask_cache(disk);
    if (asks_provisioning(disk)) {
        packet_init(&packet, disk, PACKET_SYNCHRONOUS, NULL, NULL);
        prepare_capacity(&packet, true, data);
        packet_execute(&packet);
    }
    return disk;
}

void class_end(struct disk_class *disk)
{
    pthread_mutex_destroy(&disk->mutex);
    free(disk);
}

void class_get_facts(struct disk_class *disk, struct class_facts *facts)
{
    pthread_mutex_lock(&disk->mutex);
    *facts = disk->facts;
    pthread_mutex_unlock(&disk->mutex);
}

/* ---- requests -------------------------------------------------------------------------------- */

void class_submit(struct disk_class *disk, struct class_request *request)
{
    request->status = CLASS_SUCCESS;
    request->srbs = request->retries = 0;
    memset(&request->result, 0, sizeof(request->result));
    request->result.srb_status = SRB_STATUS_SUCCESS;
    pthread_mutex_lock(&disk->mutex);
    disk->facts.reads += request->operation == CLASS_READ;
    disk->facts.writes += request->operation == CLASS_WRITE;
    disk->facts.flushes += request->operation == CLASS_FLUSH;
    disk->facts.trims += request->operation == CLASS_TRIM;
    pthread_mutex_unlock(&disk->mutex);
    switch (request->operation) {
    case CLASS_READ:
    case CLASS_WRITE:
        class_transfer(disk, request);
        break;
    case CLASS_FLUSH:
        class_flush(disk, request);
        break;
    case CLASS_TRIM:
        class_trim(disk, request);
        break;
    }
}

static void wake(struct class_request *request)
{
    class_wake(request->context);
}

void class_execute(struct disk_class *disk, struct class_request *request)
{
    struct class_waiter waiter = CLASS_WAITER;

    request->done = wake;
    /* It is over before this returns. */
    /* cppcheck-suppress autoVariables */
    request->context = &waiter;
    class_submit(disk, request);
    class_wait(&waiter);
}
