/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a failed SRB means for the one who sent it, and whether it is sent again.
 *
 * Source: classpnp/src/class.c, ClassInterpretSenseInfo (sense keys and codes, then SRB statuses where
 * there is no sense data), and disk/src/disk.c, DiskFdoProcessError (which disk.sys registers as
 * ClassError). Only what a disk that does not change its medium can answer is here.
 */
#include "disk_class/internal.h"

#include <string.h>

#include <scsi.h>
#include <srb.h>

#define ANY 0x100u

enum {
    SECONDS_NOT_READY = 10, /* NOT_READY_RETRY_INTERVAL (classp.h) */
    SECONDS_ILLEGAL_BLOCK = 5,
    SECONDS_OTHER_CONDITIONS = 5
};

struct sense_row {
    uint8_t key;
    uint16_t asc, ascq; /* ANY */
    struct class_verdict verdict;
};

#define FINAL(name)            \
    {                          \
        .status = CLASS_##name \
    }
#define AGAIN(name, delay)                                        \
    {                                                             \
        .status = CLASS_##name, .retry = true, .seconds = (delay) \
    }

/* The first row that fits counts; the last of a key fits always. */
static const struct sense_row sense_rows[] = {
    {0x0, ANY, ANY, AGAIN(IO_DEVICE_ERROR, 0)},
    {0x1, ANY, ANY, FINAL(SUCCESS)}, /* recovered: logged only */
    {0x2, 0x04, 0x00, FINAL(DEVICE_NOT_READY)},
    {0x2, 0x04, 0x01, AGAIN(DEVICE_NOT_READY, SECONDS_NOT_READY)},
    {0x2, 0x04, 0x03, FINAL(NO_MEDIA_IN_DEVICE)},
    {0x2, 0x04, 0x04, FINAL(DEVICE_NOT_READY)},
    {0x2, 0x04, 0x07, AGAIN(DEVICE_NOT_READY, SECONDS_NOT_READY)},
    {0x2, 0x04, 0x08, FINAL(DEVICE_NOT_READY)},
    {0x2, 0x04, 0x14, AGAIN(RETRY, SECONDS_NOT_READY)}, /* a thin disk gets more space */
    {0x2, 0x3a, ANY, FINAL(NO_MEDIA_IN_DEVICE)},
    {0x2, ANY, ANY, AGAIN(DEVICE_NOT_READY, 0)},
    {0x3, ANY, ANY, {.status = CLASS_DEVICE_DATA_ERROR, .bad_block = true}},
    {0x4, 0x08, 0x03, AGAIN(DEVICE_HARDWARE_ERROR, 1)}, /* CRC on the way */
    {0x4, ANY, ANY, FINAL(DEVICE_HARDWARE_ERROR)},
    {0x5, 0x21, ANY, FINAL(NONEXISTENT_SECTOR)},
    {0x5, 0x25, ANY, FINAL(NO_SUCH_DEVICE)},
    {0x5, ANY, ANY, FINAL(INVALID_DEVICE_REQUEST)},
    {0x6, 0x2a, 0x09, {CLASS_IO_DEVICE_ERROR, true, 1, .capacity_changed = true}},
    {0x6, 0x38, 0x07, AGAIN(IO_DEVICE_ERROR, 0)},
    {0x6, 0x38, ANY, FINAL(IO_DEVICE_ERROR)},
    {0x6, 0x3f, 0x01, AGAIN(IO_DEVICE_ERROR, 1)},
    {0x6, 0x3f, ANY, AGAIN(IO_DEVICE_ERROR, SECONDS_OTHER_CONDITIONS)},
    {0x6, ANY, ANY, AGAIN(IO_DEVICE_ERROR, 0)},
    {0x7, 0x27, 0x07, FINAL(DISK_RESOURCES_EXHAUSTED)},
    /* As the sample has it: write protection by its own code leaves the status that is there before. */
    {0x7, 0x27, ANY, FINAL(IO_DEVICE_ERROR)},
    {0x7, ANY, ANY, FINAL(ACCESS_DENIED)},
    {0x8, ANY, ANY, FINAL(NO_DATA_DETECTED)},
    {0xb, ANY, ANY, AGAIN(IO_DEVICE_ERROR, 1)},
};

struct srb_row {
    uint8_t srb_status;
    struct class_verdict verdict;
};

/* Without sense data. What counts as an error of the device waits for a second at least. */
static const struct srb_row srb_rows[] = {
    {SRB_STATUS_ABORTED, AGAIN(IO_TIMEOUT, 1)},
    {SRB_STATUS_INVALID_REQUEST, FINAL(INVALID_DEVICE_REQUEST)},
    {SRB_STATUS_INVALID_PATH_ID, FINAL(NO_SUCH_DEVICE)},
    {SRB_STATUS_NO_DEVICE, FINAL(NO_SUCH_DEVICE)},
    {SRB_STATUS_NO_HBA, FINAL(NO_SUCH_DEVICE)},
    {SRB_STATUS_INVALID_LUN, FINAL(NO_SUCH_DEVICE)},
    {SRB_STATUS_INVALID_TARGET_ID, FINAL(NO_SUCH_DEVICE)},
    {SRB_STATUS_SELECTION_TIMEOUT, FINAL(DEVICE_NOT_CONNECTED)},
    {SRB_STATUS_TIMEOUT, AGAIN(IO_TIMEOUT, 1)},
    {SRB_STATUS_COMMAND_TIMEOUT, AGAIN(IO_TIMEOUT, 1)},
    {SRB_STATUS_PARITY_ERROR, AGAIN(IO_DEVICE_ERROR, 1)},
    {SRB_STATUS_UNEXPECTED_BUS_FREE, AGAIN(IO_DEVICE_ERROR, 1)},
    {SRB_STATUS_PHASE_SEQUENCE_FAILURE, AGAIN(IO_DEVICE_ERROR, 1)},
    {SRB_STATUS_BUS_RESET, AGAIN(IO_DEVICE_ERROR, 0)},
    {SRB_STATUS_REQUEST_FLUSHED, AGAIN(IO_DEVICE_ERROR, 0)},
    {SRB_STATUS_DATA_OVERRUN, FINAL(DATA_OVERRUN)},
    {SRB_STATUS_INTERNAL_ERROR, FINAL(IO_DEVICE_ERROR)},
};

static bool is_read_write(const struct port_io *io)
{
    return io->function == SRB_FUNCTION_EXECUTE_SCSI &&
           (io->cdb[0] == CDB_READ_10 || io->cdb[0] == CDB_WRITE_10 || io->cdb[0] == CDB_READ_16 ||
            io->cdb[0] == CDB_WRITE_16);
}

static bool is_write(const struct port_io *io)
{
    return is_read_write(io) && (io->cdb[0] == CDB_WRITE_10 || io->cdb[0] == CDB_WRITE_16);
}

/* Whether a read or write ends within the capacity that is known. */
static bool within(const struct port_io *io, uint64_t blocks)
{
    bool longer = io->cdb[0] == CDB_READ_16 || io->cdb[0] == CDB_WRITE_16;
    uint64_t lba = class_get(io->cdb + 2, longer ? 8 : 4);
    uint64_t count = class_get(io->cdb + (longer ? 10 : 7), longer ? 4 : 2);

    return lba < blocks && count <= blocks - lba;
}

static struct class_verdict by_sense(const struct port_io *io, const struct class_sense *sense,
                                     const struct class_situation *situation)
{
    struct class_verdict verdict = AGAIN(IO_DEVICE_ERROR, 0); /* of keys that nobody knows */

    for (unsigned i = 0; i < sizeof(sense_rows) / sizeof(sense_rows[0]); i++) {
        const struct sense_row *row = &sense_rows[i];

        if (row->key == sense->key && (row->asc == ANY || row->asc == sense->asc) &&
            (row->ascq == ANY || row->ascq == sense->ascq)) {
            verdict = row->verdict;
            break;
        }
    }
    /* LegacyErrorHandling: what was so for all errors of the hardware before 8.1 */
    if (verdict.status == CLASS_DEVICE_HARDWARE_ERROR && situation->windows < WINDOWS_8_1) {
        return (struct class_verdict)AGAIN(IO_DEVICE_ERROR, verdict.seconds);
    }
    if (verdict.status == CLASS_NONEXISTENT_SECTOR && is_read_write(io) &&
        within(io, situation->blocks)) {
        verdict.retry = true; /* "should only retry these if ... truly within our expected size" */
        verdict.seconds = SECONDS_ILLEGAL_BLOCK;
    }
    if (verdict.status == CLASS_ACCESS_DENIED && is_write(io)) {
        verdict.status = CLASS_MEDIA_WRITE_PROTECTED;
    }
    return verdict;
}

/* SRB_STATUS_ERROR without sense data. */
static struct class_verdict by_scsi_status(const struct port_io *io)
{
    if (io->scsi_status == SCSISTAT_BUSY) {
        return (struct class_verdict)AGAIN(DEVICE_NOT_READY, 0);
    }
    return (struct class_verdict)AGAIN(IO_DEVICE_ERROR, io->scsi_status == SCSISTAT_GOOD ? 1 : 0);
}

static struct class_verdict by_srb_status(const struct port_io *io,
                                          const struct class_situation *situation)
{
    struct class_verdict verdict = AGAIN(IO_DEVICE_ERROR, 0);

    if (io->srb_status == SRB_STATUS_ERROR) {
        return by_scsi_status(io);
    }
    for (unsigned i = 0; i < sizeof(srb_rows) / sizeof(srb_rows[0]); i++) {
        if (srb_rows[i].srb_status == io->srb_status) {
            verdict = srb_rows[i].verdict;
            break;
        }
    }
    if (io->srb_status == SRB_STATUS_PHASE_SEQUENCE_FAILURE && situation->retried > 1) {
        verdict.retry = false;
    }
    if (io->srb_status == SRB_STATUS_DATA_OVERRUN) {
        if (is_read_write(io)) {
            verdict.retry = true; /* DiskFdoProcessError */
        } else if (io->cdb[0] == CDB_MODE_SENSE_6 || io->cdb[0] == CDB_INQUIRY) {
            verdict.status = CLASS_SUCCESS; /* less than the buffer holds */
        }
    }
    return verdict;
}

struct class_verdict class_interpret(const struct port_io *io,
                                     const struct class_situation *situation)
{
    struct class_sense sense;

    if (io->scsi_status == SCSISTAT_RESERVATION_CONFLICT) {
        return (struct class_verdict)FINAL(DEVICE_BUSY);
    }
    return class_sense_of(io, &sense) ? by_sense(io, &sense, situation)
                                      : by_srb_status(io, situation);
}

/* ---- words ----------------------------------------------------------------------------------- */

bool class_sense_of(const struct port_io *io, struct class_sense *sense)
{
    uint8_t format = io->sense[0] & 0x7f;

    if (io->sense_length >= 4 && (format == 0x72 || format == 0x73)) {
        *sense = (struct class_sense){io->sense[1] & 0x0f, io->sense[2], io->sense[3]};
        return true;
    }
    if (io->sense_length >= 14 && (format == 0x70 || format == 0x71)) {
        *sense = (struct class_sense){io->sense[2] & 0x0f, io->sense[12], io->sense[13]};
        return true;
    }
    return false;
}

static const char *const status_names[CLASS_STATUS_COUNT] = {
    [CLASS_SUCCESS] = "success",
    [CLASS_IO_DEVICE_ERROR] = "io-device-error",
    [CLASS_DEVICE_DATA_ERROR] = "device-data-error",
    [CLASS_DEVICE_HARDWARE_ERROR] = "device-hardware-error",
    [CLASS_DEVICE_NOT_READY] = "device-not-ready",
    [CLASS_NO_MEDIA_IN_DEVICE] = "no-media-in-device",
    [CLASS_INVALID_DEVICE_REQUEST] = "invalid-device-request",
    [CLASS_NONEXISTENT_SECTOR] = "nonexistent-sector",
    [CLASS_NO_SUCH_DEVICE] = "no-such-device",
    [CLASS_MEDIA_WRITE_PROTECTED] = "media-write-protected",
    [CLASS_ACCESS_DENIED] = "access-denied",
    [CLASS_DISK_RESOURCES_EXHAUSTED] = "disk-resources-exhausted",
    [CLASS_NO_DATA_DETECTED] = "no-data-detected",
    [CLASS_RETRY] = "retry",
    [CLASS_IO_TIMEOUT] = "io-timeout",
    [CLASS_DEVICE_NOT_CONNECTED] = "device-not-connected",
    [CLASS_DATA_OVERRUN] = "data-overrun",
    [CLASS_DEVICE_BUSY] = "device-busy",
    [CLASS_INVALID_PARAMETER] = "invalid-parameter",
    [CLASS_NOT_SUPPORTED] = "not-supported",
    [CLASS_TRIM_READ_ZERO_NOT_SUPPORTED] = "trim-read-zero-not-supported",
    [CLASS_INSUFFICIENT_RESOURCES] = "insufficient-resources",
};

const char *class_status_name(enum class_status status)
{
    return (unsigned)status < CLASS_STATUS_COUNT ? status_names[status] : "unknown";
}

int class_status_find(const char *name)
{
    for (unsigned i = 0; i < CLASS_STATUS_COUNT; i++) {
        if (strcmp(status_names[i], name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

void class_put(uint8_t *bytes, unsigned count, uint64_t value)
{
    while (count-- > 0) {
        bytes[count] = (uint8_t)value;
        value >>= 8;
    }
}

uint64_t class_get(const uint8_t *bytes, unsigned count)
{
    uint64_t value = 0;

    while (count-- > 0) {
        value = value << 8 | *bytes++;
    }
    return value;
}
