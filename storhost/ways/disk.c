/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests as Windows' disk class makes them: see disk.h. Command layouts are those of SPC-4 and
 * SBC-3. */
#include "ways/disk.h"

#include <stdio.h>
#include <string.h>

#include "disk_class/disk_class.h"

/* Operation codes. */
enum {
    INQUIRY = 0x12,
    MODE_SENSE_6 = 0x1a,
    READ_CAPACITY_10 = 0x25,
    READ_10 = 0x28,
    WRITE_10 = 0x2a,
    SYNCHRONIZE_CACHE_10 = 0x35,
    READ_16 = 0x88,
    WRITE_16 = 0x8a,
    SERVICE_ACTION_IN_16 = 0x9e,
    READ_CAPACITY_16_ACTION = 0x10,
};

enum {
    SENSE_UNIT_ATTENTION = 6,
    FUA_BIT = 0x08,
    CACHING_PAGE = 0x08,
    WCE_BIT = 0x04,
    WRITE_PROTECT_BIT = 0x80,
};

struct name {
    uint8_t value;
    const char *name;
};

static const struct name srb_names[] = {
    {0x00, "pending"},
    {0x01, "success"},
    {0x02, "aborted"},
    {0x03, "abort-failed"},
    {0x04, "error"},
    {0x05, "busy"},
    {0x06, "invalid-request"},
    {0x07, "invalid-path-id"},
    {0x08, "no-device"},
    {0x09, "timeout"},
    {0x0a, "selection-timeout"},
    {0x0b, "command-timeout"},
    {0x0d, "message-rejected"},
    {0x0e, "bus-reset"},
    {0x0f, "parity-error"},
    {0x10, "request-sense-failed"},
    {0x11, "no-hba"},
    {0x12, "data-overrun"},
    {0x13, "unexpected-bus-free"},
    {0x14, "phase-sequence-failure"},
    {0x15, "bad-srb-block-length"},
    {0x16, "request-flushed"},
    {0x20, "invalid-lun"},
    {0x21, "invalid-target-id"},
    {0x22, "bad-function"},
    {0x23, "error-recovery"},
    {0x24, "not-powered"},
    {0x25, "link-down"},
    {0x30, "internal-error"},
};

static const struct name scsi_names[] = {
    {0x00, "good"},       {0x02, "check-condition"},      {0x04, "condition-met"},
    {0x08, "busy"},       {0x18, "reservation-conflict"}, {0x28, "task-set-full"},
    {0x30, "aca-active"}, {0x40, "task-aborted"},
};

static const char *find_name(const struct name *names, size_t count, uint8_t value)
{
    for (size_t i = 0; i < count; i++) {
        if (names[i].value == value) {
            return names[i].name;
        }
    }
    return NULL;
}

static int find_value(const struct name *names, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i].name, name) == 0) {
            return names[i].value;
        }
    }
    return -1;
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

const char *srb_status_name(uint8_t status)
{
    return find_name(srb_names, COUNT(srb_names), status);
}

int srb_status_find(const char *name)
{
    return find_value(srb_names, COUNT(srb_names), name);
}

const char *scsi_status_name(uint8_t status)
{
    return find_name(scsi_names, COUNT(scsi_names), status);
}

int scsi_status_find(const char *name)
{
    return find_value(scsi_names, COUNT(scsi_names), name);
}

static void put_be(uint8_t *bytes, unsigned count, uint64_t value)
{
    while (count-- > 0) {
        bytes[count] = (uint8_t)value;
        value >>= 8;
    }
}

static uint64_t get_be(const uint8_t *bytes, unsigned count)
{
    uint64_t value = 0;

    while (count-- > 0) {
        value = value << 8 | *bytes++;
    }
    return value;
}

/* Clears a request but for what its owner has set up for good. */
static void clear_io(struct port_io *io)
{
    struct port_io cleared = {.done = io->done,
                              .context = io->context,
                              .processor = io->processor,
                              .path = io->path,
                              .target = io->target,
                              .lun = io->lun,
                              .scatter_bytes = io->scatter_bytes,
                              .page_aligned = io->page_aligned,
                              .sense_capacity = io->sense_capacity,
                              .timeout_seconds = io->timeout_seconds};

    *io = cleared;
}

static void prepare_blocks(const struct disk *disk, struct port_io *io, uint64_t lba,
                           uint32_t blocks, void *data, bool write, bool fua)
{
    clear_io(io);
    io->direction = write ? PORT_DATA_OUT : PORT_DATA_IN;
    io->data = data;
    io->data_length = blocks * disk->block_bytes;
    if (lba + blocks <= UINT32_MAX && blocks <= UINT16_MAX) {
        io->cdb[0] = write ? WRITE_10 : READ_10;
        put_be(io->cdb + 2, 4, lba);
        put_be(io->cdb + 7, 2, blocks);
        io->cdb_length = 10;
    } else {
        io->cdb[0] = write ? WRITE_16 : READ_16;
        put_be(io->cdb + 2, 8, lba);
        put_be(io->cdb + 10, 4, blocks);
        io->cdb_length = 16;
    }
    io->cdb[1] = fua ? FUA_BIT : 0;
}

void disk_prepare_read(const struct disk *disk, struct port_io *io, uint64_t lba, uint32_t blocks,
                       void *data)
{
    prepare_blocks(disk, io, lba, blocks, data, false, false);
}

void disk_prepare_write(const struct disk *disk, struct port_io *io, uint64_t lba, uint32_t blocks,
                        void *data, bool fua)
{
    prepare_blocks(disk, io, lba, blocks, data, true, fua);
}

void disk_move(struct port_io *io, uint64_t lba)
{
    put_be(io->cdb + 2, io->cdb_length == 10 ? 4 : 8, lba);
}

void disk_prepare_flush(struct port_io *io)
{
    clear_io(io);
    io->direction = PORT_NO_DATA;
    io->cdb[0] = SYNCHRONIZE_CACHE_10;
    io->cdb_length = 10;
}

bool disk_succeeded(const struct port_io *io)
{
    return io->srb_status == DISK_SRB_SUCCESS && io->scsi_status == 0 &&
           io->transferred == io->data_length;
}

bool disk_sense(const struct port_io *io, uint8_t *key, uint8_t *asc, uint8_t *ascq)
{
    struct class_sense sense;

    if (!class_sense_of(io, &sense)) {
        return false;
    }
    *key = sense.key;
    *asc = sense.asc;
    *ascq = sense.ascq;
    return true;
}

bool disk_should_retry(const struct port_io *io)
{
    uint8_t key, asc, ascq;

    switch (io->srb_status) {
    case DISK_SRB_ABORTED:
    case DISK_SRB_BUSY:
    case DISK_SRB_TIMEOUT:
    case DISK_SRB_BUS_RESET:
    case DISK_SRB_REQUEST_FLUSHED:
        return true;
    default:
        return disk_sense(io, &key, &asc, &ascq) && key == SENSE_UNIT_ATTENTION;
    }
}

void disk_describe_result(const struct port_io *io, char *text, size_t size)
{
    const char *srb = srb_status_name(io->srb_status);
    const char *scsi = scsi_status_name(io->scsi_status);
    uint8_t key, asc, ascq;
    char sense[32] = "";

    if (disk_sense(io, &key, &asc, &ascq)) {
        snprintf(sense, sizeof(sense), " sense=%x/%02x/%02x", key, asc, ascq);
    }
    snprintf(text, size, "srb=%s(0x%02x) scsi=%s(0x%02x)%s length=%u of %u",
             srb != NULL ? srb : "unknown", io->srb_status, scsi != NULL ? scsi : "unknown",
             io->scsi_status, sense, io->transferred, io->data_length);
}

/* Sends a command that reads; asks again after a unit attention, as Windows does. */
static bool inquire(struct disk *disk, struct port_io *io, const uint8_t *cdb, uint8_t cdb_length,
                    void *data, uint32_t length)
{
    for (int attempt = 0; attempt < 3; attempt++) {
        memset(io, 0, sizeof(*io));
        memset(data, 0, length);
        io->processor = -1;
        io->sense_capacity = sizeof(io->sense);
        memcpy(io->cdb, cdb, cdb_length);
        io->cdb_length = cdb_length;
        io->direction = PORT_DATA_IN;
        io->data = data;
        io->data_length = length;
        port_execute(disk->port, io);
        if (!disk_should_retry(io)) {
            break;
        }
    }
    return io->scsi_status == 0 &&
           (io->srb_status == DISK_SRB_SUCCESS || io->srb_status == DISK_SRB_DATA_OVERRUN);
}

static bool discovery_failed(const char *command, const struct port_io *io, char *error,
                             size_t error_size)
{
    char result[160];

    disk_describe_result(io, result, sizeof(result));
    snprintf(error, error_size, "%s failed: %s", command, result);
    return false;
}

/* Copies a text field of fixed width without its trailing blanks. */
static void copy_text(char *to, const uint8_t *from, size_t width)
{
    while (width > 0 && (from[width - 1] == ' ' || from[width - 1] == '\0')) {
        width--;
    }
    for (size_t i = 0; i < width; i++) {
        to[i] = from[i] >= 0x20 && from[i] < 0x7f ? (char)from[i] : '?';
    }
    to[width] = '\0';
}

static bool ask_identity(struct disk *disk, char *error, size_t error_size)
{
    static const uint8_t standard[6] = {INQUIRY, 0, 0, 0, 96, 0};
    static const uint8_t serial[6] = {INQUIRY, 1, 0x80, 0, 255, 0};
    struct port_io io;
    uint8_t data[255];

    if (!inquire(disk, &io, standard, 6, data, 96)) {
        return discovery_failed("INQUIRY", &io, error, error_size);
    }
    copy_text(disk->vendor, data + 8, 8);
    copy_text(disk->product, data + 16, 16);
    copy_text(disk->revision, data + 32, 4);
    disk->serial[0] = '\0';
    if (inquire(disk, &io, serial, 6, data, sizeof(data)) && data[1] == 0x80) {
        size_t length = data[3] < sizeof(disk->serial) ? data[3] : sizeof(disk->serial) - 1;
        copy_text(disk->serial, data + 4, length);
    }
    return true;
}

static bool ask_capacity(struct disk *disk, char *error, size_t error_size)
{
    static const uint8_t short_form[10] = {READ_CAPACITY_10};
    static const uint8_t long_form[16] = {SERVICE_ACTION_IN_16, READ_CAPACITY_16_ACTION, [13] = 32};
    struct port_io io;
    uint8_t data[32];

    if (inquire(disk, &io, long_form, 16, data, 32)) {
        disk->blocks = get_be(data, 8) + 1;
        disk->block_bytes = (uint32_t)get_be(data + 8, 4);
        disk->physical_block_bytes = disk->block_bytes << (data[13] & 0x0f);
    } else if (inquire(disk, &io, short_form, 10, data, 8)) {
        disk->blocks = get_be(data, 4) + 1;
        disk->block_bytes = (uint32_t)get_be(data + 4, 4);
        disk->physical_block_bytes = disk->block_bytes;
    } else {
        return discovery_failed("READ CAPACITY", &io, error, error_size);
    }
    if (disk->block_bytes < 512 || disk->block_bytes > 65536 ||
        (disk->block_bytes & (disk->block_bytes - 1)) != 0 || disk->blocks == 0 ||
        disk->blocks > INT64_MAX / disk->block_bytes) {
        snprintf(error, error_size,
                 "READ CAPACITY tells an impossible disk: %llu blocks of %u bytes",
                 (unsigned long long)disk->blocks, disk->block_bytes);
        return false;
    }
    return true;
}

/* Write protection and write cache. A disk without MODE SENSE is taken as writable and cached. */
static void ask_modes(struct disk *disk)
{
    static const uint8_t caching[6] = {MODE_SENSE_6, 0, CACHING_PAGE, 0, 192, 0};
    struct port_io io;
    uint8_t data[192];
    unsigned page;

    disk->read_only = false;
    disk->write_cache = true;
    if (!inquire(disk, &io, caching, 6, data, sizeof(data))) {
        return;
    }
    disk->read_only = (data[2] & WRITE_PROTECT_BIT) != 0;
    page = 4u + data[3];
    if (page + 2 < sizeof(data) && (data[page] & 0x3f) == CACHING_PAGE) {
        disk->write_cache = (data[page + 2] & WCE_BIT) != 0;
    }
}

bool disk_discover(struct disk *disk, struct port *port, char *error, size_t error_size)
{
    struct port_facts facts;

    memset(disk, 0, sizeof(*disk));
    disk->port = port;
    if (!ask_identity(disk, error, error_size) || !ask_capacity(disk, error, error_size)) {
        return false;
    }
    ask_modes(disk);
    port_get_facts(port, &facts);
    disk->maximum_transfer = facts.maximum_transfer_bytes;
    /* A driver may leave the limit at "any"; nothing here sends more than 1 MiB at once. */
    if (disk->maximum_transfer == 0 || disk->maximum_transfer > (1u << 20)) {
        disk->maximum_transfer = 1u << 20;
    }
    disk->maximum_transfer -= disk->maximum_transfer % disk->block_bytes;
    if (disk->maximum_transfer == 0) {
        snprintf(error, error_size, "the adapter transfers %u bytes at most, less than one block",
                 facts.maximum_transfer_bytes);
        return false;
    }
    return true;
}
