/* SPDX-License-Identifier: BSD-3-Clause */
/* The sg driver's ioctls over storhost's protocol: see sg_file.h. */
#include "ways/sg/sg_file.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>

#include <scsi/scsi.h>
#include <scsi/scsi_ioctl.h>
#include <scsi/sg.h>
#include <linux/fs.h>

#include "ways/client.h"

/* Version that SG_GET_VERSION_NUM tells: 3.5.36, the interface of Linux 2.6 to 5.x. Programs ask
 * for at least 3.0.0, and try struct sg_io_v4 only from 4.0.30 on. */
#define SG_VERSION 30536

/* Host status values of Linux (what went wrong below the target). */
enum {
    HOST_OK = 0,
    HOST_NO_CONNECT = 1,
    HOST_BUSY = 2,
    HOST_TIME_OUT = 3,
    HOST_ABORT = 5,
    HOST_ERROR = 7,
    HOST_RESET = 8,
};

/* Facts of the sg driver's interface that glibc's <scsi/sg.h> leaves out. */
enum {
    SG_DIRECTION_UNKNOWN = -5,
    SG_FLAG_MAPPED = 4, /* data in the memory that the program mapped: not offered here */
    SG_GET_OPEN_COUNT = 0x2289,
};

/* SRB_STATUS_* that a reply can carry, as far as they have a host status of their own. */
enum {
    SRB_SUCCESS = 0x01,
    SRB_ABORTED = 0x02,
    SRB_ERROR = 0x04,
    SRB_BUSY = 0x05,
    SRB_INVALID_PATH = 0x07,
    SRB_NO_DEVICE = 0x08,
    SRB_TIMEOUT = 0x09,
    SRB_SELECTION_TIMEOUT = 0x0a,
    SRB_COMMAND_TIMEOUT = 0x0b,
    SRB_BUS_RESET = 0x0e,
    SRB_DATA_OVERRUN = 0x12,
    SRB_REQUEST_FLUSHED = 0x16,
    SRB_INVALID_LUN = 0x20,
    SRB_INVALID_TARGET = 0x21,
};

#define DRIVER_STATUS_SENSE 0x08 /* "sense data is there" */
#define KERNEL_SENSE_BYTES  96   /* more than this the sg driver never returns */
#define DEFAULT_TIMEOUT_MS  60000u

/* A command that write() started and read() has not fetched. */
struct finished {
    struct finished *next;
    struct sg_io_hdr header;
};

struct sg_file {
    struct client *client;
    pthread_mutex_t lock;      /* everything below */
    struct finished *finished; /* oldest first */
    int timeout;               /* SG_SET_TIMEOUT: in clock ticks, as the sg driver keeps it */
    int reserved;              /* SG_SET_RESERVED_SIZE: bytes; only remembered */
    int command_queueing;      /* SG_SET_COMMAND_Q; only remembered */
};

struct sg_file *sg_file_open(const char *socket_path)
{
    char why[2048];
    struct sg_file *file = calloc(1, sizeof(*file));

    if (file == NULL) {
        errno = ENOMEM;
        return NULL;
    }
    file->client = client_connect(socket_path, why, sizeof(why));
    if (file->client == NULL) {
        fprintf(stderr, "libstorhost-sg: %s\n", why);
        free(file);
        errno = ENXIO;
        return NULL;
    }
    pthread_mutex_init(&file->lock, NULL);
    file->timeout = (int)(DEFAULT_TIMEOUT_MS / 10);
    file->reserved = 32768;
    return file;
}

void sg_file_close(struct sg_file *file)
{
    while (file->finished != NULL) {
        struct finished *first = file->finished;
        file->finished = first->next;
        free(first);
    }
    pthread_mutex_destroy(&file->lock);
    client_close(file->client);
    free(file);
}

static uint8_t host_status(const struct protocol_reply *reply)
{
    if (reply->outcome != PROTOCOL_DONE) {
        return reply->outcome == PROTOCOL_GONE ? HOST_NO_CONNECT : HOST_ERROR;
    }
    switch (reply->srb_status) {
    case SRB_SUCCESS:
    case SRB_DATA_OVERRUN: /* less data than asked for: the residual tells */
        return HOST_OK;
    case SRB_ERROR: /* the SCSI status tells, if there is one */
        return reply->scsi_status != 0 ? HOST_OK : HOST_ERROR;
    case SRB_NO_DEVICE:
    case SRB_SELECTION_TIMEOUT:
    case SRB_INVALID_PATH:
    case SRB_INVALID_LUN:
    case SRB_INVALID_TARGET:
        return HOST_NO_CONNECT;
    case SRB_BUSY:
        return reply->scsi_status != 0 ? HOST_OK : HOST_BUSY;
    case SRB_TIMEOUT:
    case SRB_COMMAND_TIMEOUT:
        return HOST_TIME_OUT;
    case SRB_BUS_RESET:
        return HOST_RESET;
    case SRB_ABORTED:
    case SRB_REQUEST_FLUSHED:
        return HOST_ABORT;
    default:
        return HOST_ERROR;
    }
}

/* Fills the output fields of the header from the reply. */
static void fill_header(struct sg_io_hdr *header, const struct protocol_reply *reply)
{
    unsigned sense = reply->sense_length;

    header->status = reply->scsi_status;
    header->masked_status = (reply->scsi_status >> 1) & 0x1f;
    header->msg_status = 0;
    header->host_status = host_status(reply);
    header->driver_status = sense > 0 ? DRIVER_STATUS_SENSE : 0;
    header->resid =
        reply->transferred < header->dxfer_len ? (int)(header->dxfer_len - reply->transferred) : 0;
    sense = sense > KERNEL_SENSE_BYTES ? KERNEL_SENSE_BYTES : sense;
    sense = sense > header->mx_sb_len ? header->mx_sb_len : sense;
    header->sb_len_wr = 0;
    if (sense > 0 && header->sbp != NULL) {
        memcpy(header->sbp, reply->sense, sense);
        header->sb_len_wr = (unsigned char)sense;
    }
    header->info = SG_INFO_OK | SG_INFO_INDIRECT_IO;
    if (header->masked_status != 0 || header->host_status != 0 || header->driver_status != 0) {
        header->info |= SG_INFO_CHECK;
    }
}

/* Whether the header can be executed: 0 or the errno value that the sg driver answers. */
static int judge_header(const struct sg_io_hdr *header)
{
    if (header->interface_id != 'S') {
        return ENOSYS;
    }
    if (header->cmdp == NULL || header->cmd_len < 6) {
        return EMSGSIZE;
    }
    if (header->cmd_len > PROTOCOL_CDB_BYTES) {
        return EMSGSIZE;
    }
    /* Without data Linux looks at the direction for some devices only, and iscsi-test-cu leaves it
     * at 0 then. */
    if (header->dxfer_len > 0 && (header->dxfer_direction > SG_DXFER_NONE ||
                                  header->dxfer_direction < SG_DIRECTION_UNKNOWN)) {
        return EINVAL;
    }
    if ((header->flags & SG_FLAG_MAPPED) != 0) {
        return EINVAL;
    }
    if (header->dxfer_len > PROTOCOL_MAXIMUM_DATA) {
        return ENOMEM;
    }
    if (header->dxfer_len > 0 && header->dxfer_direction != SG_DXFER_NONE &&
        header->dxferp == NULL) {
        return EFAULT;
    }
    return 0;
}

/* Copies between the caller's pieces (iovec) and one buffer; stops where either ends. */
static void copy_pieces(const struct sg_io_hdr *header, uint8_t *buffer, uint32_t length,
                        bool to_caller)
{
    const sg_iovec_t *piece = header->dxferp;

    for (unsigned i = 0; i < header->iovec_count && length > 0; i++) {
        uint32_t part = piece[i].iov_len < length ? (uint32_t)piece[i].iov_len : length;
        if (to_caller) {
            memcpy(piece[i].iov_base, buffer, part);
        } else {
            memcpy(buffer, piece[i].iov_base, part);
        }
        buffer += part;
        length -= part;
    }
}

static uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static enum protocol_direction wire_direction(const struct sg_io_hdr *header)
{
    if (header->dxfer_len == 0 || header->dxfer_direction == SG_DXFER_NONE) {
        return PROTOCOL_NO_DATA;
    }
    return header->dxfer_direction == SG_DXFER_TO_DEV ? PROTOCOL_DATA_OUT : PROTOCOL_DATA_IN;
}

/* Executes with the data in one buffer, then completes the header. */
static int execute_flat(struct sg_file *file, struct sg_io_hdr *header, uint8_t *buffer)
{
    struct protocol_reply reply;
    struct protocol_request request = {
        .type = PROTOCOL_SCSI, .direction = wire_direction(header), .cdb_length = header->cmd_len};
    uint64_t start = now_ms();
    int error;

    memcpy(request.cdb, header->cmdp, header->cmd_len);
    request.data_length = request.direction == PROTOCOL_NO_DATA ? 0 : header->dxfer_len;
    request.timeout_ms = header->timeout > INT_MAX ? INT_MAX : header->timeout;
    request.data = request.direction == PROTOCOL_DATA_OUT ? buffer : NULL;
    error = client_execute(file->client, &request,
                           request.direction == PROTOCOL_DATA_IN ? buffer : NULL, &reply);
    if (error != 0) {
        return error == ENOTCONN ? ENODEV : error;
    }
    fill_header(header, &reply);
    header->duration = (unsigned)(now_ms() - start);
    if (header->iovec_count > 0 && request.direction == PROTOCOL_DATA_IN) {
        copy_pieces(header, buffer, reply.data_length, true);
    }
    return 0;
}

/* Returns 0 or an errno value. */
static int execute(struct sg_file *file, struct sg_io_hdr *header)
{
    int error = judge_header(header);
    uint8_t *buffer;

    if (error != 0) {
        return error;
    }
    if (header->iovec_count == 0) {
        return execute_flat(file, header, header->dxferp);
    }
    buffer = malloc(header->dxfer_len + 1);
    if (buffer == NULL) {
        return ENOMEM;
    }
    copy_pieces(header, buffer, header->dxfer_len, false);
    error = execute_flat(file, header, buffer);
    free(buffer);
    return error;
}

static int fail(int error)
{
    errno = error;
    return -1;
}

static int store_int(void *argument, int value)
{
    if (argument == NULL) {
        return fail(EFAULT);
    }
    *(int *)argument = value;
    return 0;
}

static int load_int(const void *argument, int *value)
{
    if (argument == NULL) {
        return fail(EFAULT);
    }
    *value = *(const int *)argument;
    return 0;
}

static int get_scsi_id(void *argument)
{
    struct sg_scsi_id *id = argument;

    if (id == NULL) {
        return fail(EFAULT);
    }
    memset(id, 0, sizeof(*id));
    id->h_cmd_per_lun = 32;
    id->d_queue_depth = 32;
    return 0;
}

/* Host, channel, target and unit in four bytes, then the host's own number: all zero here. */
static int get_idlun(void *argument)
{
    if (argument == NULL) {
        return fail(EFAULT);
    }
    memset(argument, 0, 2 * sizeof(uint32_t));
    return 0;
}

/* Requests that ask or set a property; not those that do something. */
static int property_ioctl(struct sg_file *file, unsigned long request, void *argument)
{
    switch (request) {
    case SG_GET_VERSION_NUM:
        return store_int(argument, SG_VERSION);
    case SG_SET_TIMEOUT:
        return load_int(argument, &file->timeout);
    case SG_GET_TIMEOUT:
        return file->timeout;
    case SG_SET_RESERVED_SIZE:
        return load_int(argument, &file->reserved);
    case SG_GET_RESERVED_SIZE:
        return store_int(argument, file->reserved);
    case SG_SET_COMMAND_Q:
        return load_int(argument, &file->command_queueing);
    case SG_GET_COMMAND_Q:
        return store_int(argument, file->command_queueing);
    case SG_GET_SG_TABLESIZE:
        return store_int(argument, 128);
    case SG_GET_OPEN_COUNT:
    case SCSI_IOCTL_PROBE_HOST:
        return store_int(argument, 1);
    case SG_EMULATED_HOST:
    case SG_GET_LOW_DMA:
    case SG_GET_KEEP_ORPHAN:
    case SG_GET_TRANSFORM:
    case SCSI_IOCTL_GET_BUS_NUMBER:
        return store_int(argument, 0);
    case SG_GET_SCSI_ID:
        return get_scsi_id(argument);
    case SCSI_IOCTL_GET_IDLUN:
        return get_idlun(argument);
    case BLKSECTGET: /* the sg driver tells bytes here, not sectors */
        return store_int(argument, (int)client_disk(file->client)->maximum_transfer);
    case BLKSSZGET:
        return store_int(argument, (int)client_disk(file->client)->block_bytes);
    case SG_SET_FORCE_LOW_DMA:
    case SG_SET_FORCE_PACK_ID:
    case SG_SET_KEEP_ORPHAN:
    case SG_SET_DEBUG:
    case SG_NEXT_CMD_LEN:
        return 0;
    default:
        return fail(ENOTTY);
    }
}

/* Result of the oldest finished command's number, and how many there are. */
static int finished_ioctl(struct sg_file *file, unsigned long request, void *argument)
{
    int count = 0;

    for (struct finished *one = file->finished; one != NULL; one = one->next) {
        count++;
    }
    if (request == SG_GET_NUM_WAITING) {
        return store_int(argument, count);
    }
    return store_int(argument, count > 0 ? file->finished->header.pack_id : -1);
}

int sg_file_ioctl(struct sg_file *file, unsigned long request, void *argument)
{
    int result;

    if (request == SG_IO) {
        result = argument != NULL ? execute(file, argument) : EFAULT;
        return result == 0 ? 0 : fail(result);
    }
    pthread_mutex_lock(&file->lock);
    if (request == SG_GET_NUM_WAITING || request == SG_GET_PACK_ID) {
        result = finished_ioctl(file, request, argument);
    } else {
        result = property_ioctl(file, request, argument);
    }
    pthread_mutex_unlock(&file->lock);
    return result;
}

ssize_t sg_file_write(struct sg_file *file, const void *data, size_t length)
{
    struct finished *one, **last = &file->finished;
    int error;

    if (length < sizeof(struct sg_io_hdr)) {
        return fail(EIO);
    }
    one = calloc(1, sizeof(*one));
    if (one == NULL) {
        return fail(ENOMEM);
    }
    memcpy(&one->header, data, sizeof(one->header));
    error = execute(file, &one->header);
    if (error != 0) {
        free(one);
        return fail(error);
    }
    pthread_mutex_lock(&file->lock);
    while (*last != NULL) {
        last = &(*last)->next;
    }
    *last = one;
    pthread_mutex_unlock(&file->lock);
    return (ssize_t)length;
}

ssize_t sg_file_read(struct sg_file *file, void *data, size_t length)
{
    struct finished *one;

    if (length < sizeof(struct sg_io_hdr)) {
        return fail(EIO);
    }
    pthread_mutex_lock(&file->lock);
    one = file->finished;
    if (one != NULL) {
        file->finished = one->next;
    }
    pthread_mutex_unlock(&file->lock);
    if (one == NULL) {
        return fail(EAGAIN);
    }
    memcpy(data, &one->header, sizeof(one->header));
    free(one);
    return (ssize_t)length;
}
