/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames of the server's protocol as bytes: see protocol.h. */
#include "ways/protocol.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

/* "shst", so that something else that talks to the socket is noticed at once. */
#define FRAME_MAGIC 0x74736873u

#define SCSI_FIXED  44u
#define BLOCK_FIXED 16u

static void put16(uint8_t *bytes, uint16_t value)
{
    bytes[0] = (uint8_t)value;
    bytes[1] = (uint8_t)(value >> 8);
}

static void put32(uint8_t *bytes, uint32_t value)
{
    put16(bytes, (uint16_t)value);
    put16(bytes + 2, (uint16_t)(value >> 16));
}

static void put64(uint8_t *bytes, uint64_t value)
{
    put32(bytes, (uint32_t)value);
    put32(bytes + 4, (uint32_t)(value >> 32));
}

static uint16_t get16(const uint8_t *bytes)
{
    return (uint16_t)(bytes[0] | bytes[1] << 8);
}

static uint32_t get32(const uint8_t *bytes)
{
    return get16(bytes) | (uint32_t)get16(bytes + 2) << 16;
}

static uint64_t get64(const uint8_t *bytes)
{
    return get32(bytes) | (uint64_t)get32(bytes + 4) << 32;
}

/* Header layout: magic 4, type 2, flags 2, tag 8, body length 4, zero 4. */
static void encode_header(uint8_t *bytes, enum protocol_type type, uint16_t flags, uint64_t tag,
                          uint32_t body_length)
{
    put32(bytes, FRAME_MAGIC);
    put16(bytes + 4, (uint16_t)type);
    put16(bytes + 6, flags);
    put64(bytes + 8, tag);
    put32(bytes + 16, body_length);
    put32(bytes + 20, 0);
}

const char *protocol_decode_header(const uint8_t bytes[PROTOCOL_HEADER_BYTES],
                                   struct protocol_header *header)
{
    uint16_t type = get16(bytes + 4);

    if (get32(bytes) != FRAME_MAGIC) {
        return "this is no frame of storhost's protocol";
    }
    if (type < PROTOCOL_HELLO || type > PROTOCOL_TRIM) {
        return "unknown frame type";
    }
    if (get32(bytes + 20) != 0) {
        return "reserved bytes of the frame header are not zero";
    }
    header->type = (enum protocol_type)type;
    header->flags = get16(bytes + 6);
    header->tag = get64(bytes + 8);
    header->body_length = get32(bytes + 16);
    if (header->body_length > PROTOCOL_MAXIMUM_BODY) {
        return "frame longer than the protocol allows";
    }
    if (type == PROTOCOL_ERROR && header->body_length > PROTOCOL_MAXIMUM_ERROR) {
        return "error text longer than the protocol allows";
    }
    return NULL;
}

size_t protocol_encode_hello(uint8_t bytes[PROTOCOL_HEADER_BYTES + PROTOCOL_HELLO_BYTES])
{
    encode_header(bytes, PROTOCOL_HELLO, 0, 0, PROTOCOL_HELLO_BYTES);
    put32(bytes + PROTOCOL_HEADER_BYTES, PROTOCOL_VERSION);
    return PROTOCOL_HEADER_BYTES + PROTOCOL_HELLO_BYTES;
}

const char *protocol_decode_hello(const struct protocol_header *header, const uint8_t *body)
{
    if (header->type != PROTOCOL_HELLO || header->body_length != PROTOCOL_HELLO_BYTES) {
        return "the first frame must be a HELLO";
    }
    if (get32(body) != PROTOCOL_VERSION) {
        return "this storhost speaks version 1 of the protocol, the client another: "
               "use plugin, library and storhost of one build";
    }
    return NULL;
}

size_t protocol_encode_disk(const struct protocol_disk *disk,
                            uint8_t bytes[PROTOCOL_HEADER_BYTES + PROTOCOL_DISK_BYTES])
{
    uint8_t *body = bytes + PROTOCOL_HEADER_BYTES;

    encode_header(bytes, PROTOCOL_HELLO, 0, 0, PROTOCOL_DISK_BYTES);
    put32(body, PROTOCOL_VERSION);
    put32(body + 4, disk->block_bytes);
    put64(body + 8, disk->blocks);
    put32(body + 16, disk->maximum_transfer);
    put32(body + 20, disk->preferred_bytes);
    put32(body + 24, disk->capabilities);
    put32(body + 28, 0);
    return PROTOCOL_HEADER_BYTES + PROTOCOL_DISK_BYTES;
}

const char *protocol_decode_disk(const struct protocol_header *header, const uint8_t *body,
                                 struct protocol_disk *disk)
{
    if (header->type != PROTOCOL_HELLO || header->body_length != PROTOCOL_DISK_BYTES) {
        return "the server did not answer HELLO with the disk's description";
    }
    disk->version = get32(body);
    disk->block_bytes = get32(body + 4);
    disk->blocks = get64(body + 8);
    disk->maximum_transfer = get32(body + 16);
    disk->preferred_bytes = get32(body + 20);
    disk->capabilities = get32(body + 24);
    if (disk->version != PROTOCOL_VERSION) {
        return "the server speaks another version of the protocol: use plugin, library and "
               "storhost of one build";
    }
    if (disk->block_bytes < 512 || (disk->block_bytes & (disk->block_bytes - 1)) != 0 ||
        disk->blocks > INT64_MAX / disk->block_bytes) {
        return "the server describes an impossible disk";
    }
    return NULL;
}

static size_t encode_scsi(const struct protocol_request *request, uint8_t *bytes)
{
    uint8_t *body = bytes + PROTOCOL_HEADER_BYTES;
    uint32_t sent = request->direction == PROTOCOL_DATA_OUT ? request->data_length : 0;

    encode_header(bytes, PROTOCOL_SCSI, request->flags, request->tag, SCSI_FIXED + sent);
    body[0] = request->cdb_length;
    body[1] = (uint8_t)request->direction;
    put16(body + 2, 0);
    put32(body + 4, request->data_length);
    put32(body + 8, request->timeout_ms);
    memcpy(body + 12, request->cdb, PROTOCOL_CDB_BYTES);
    return PROTOCOL_HEADER_BYTES + SCSI_FIXED;
}

static size_t encode_block(const struct protocol_request *request, uint8_t *bytes)
{
    uint8_t *body = bytes + PROTOCOL_HEADER_BYTES;
    uint32_t sent = request->type == PROTOCOL_WRITE ? request->data_length : 0;

    encode_header(bytes, request->type, request->flags, request->tag, BLOCK_FIXED + sent);
    put64(body, request->offset);
    put32(body + 8, request->data_length);
    put32(body + 12, 0);
    return PROTOCOL_HEADER_BYTES + BLOCK_FIXED;
}

size_t protocol_encode_request(const struct protocol_request *request,
                               uint8_t bytes[PROTOCOL_REQUEST_BYTES])
{
    switch (request->type) {
    case PROTOCOL_SCSI:
        return encode_scsi(request, bytes);
    case PROTOCOL_READ:
    case PROTOCOL_WRITE:
    case PROTOCOL_TRIM:
        return encode_block(request, bytes);
    default:
        encode_header(bytes, PROTOCOL_FLUSH, request->flags, request->tag, 0);
        return PROTOCOL_HEADER_BYTES;
    }
}

static const char *decode_scsi(const struct protocol_header *header, const uint8_t *body,
                               struct protocol_request *request)
{
    uint32_t sent;

    if (header->body_length < SCSI_FIXED) {
        return "SCSI request shorter than its fixed part";
    }
    if (body[1] > PROTOCOL_DATA_OUT) {
        return "unknown data direction";
    }
    request->cdb_length = body[0];
    request->direction = (enum protocol_direction)body[1];
    request->data_length = get32(body + 4);
    request->timeout_ms = get32(body + 8);
    memcpy(request->cdb, body + 12, PROTOCOL_CDB_BYTES);
    if (request->cdb_length == 0 || request->cdb_length > PROTOCOL_CDB_BYTES) {
        return "length of the command descriptor block is not 1 to 32";
    }
    if (request->data_length > PROTOCOL_MAXIMUM_DATA) {
        return "more data than the protocol allows in one request";
    }
    if (request->direction == PROTOCOL_NO_DATA && request->data_length != 0) {
        return "data length without a data direction";
    }
    sent = request->direction == PROTOCOL_DATA_OUT ? request->data_length : 0;
    if (header->body_length != SCSI_FIXED + sent) {
        return "frame length and data length do not agree";
    }
    request->data = sent > 0 ? body + SCSI_FIXED : NULL;
    return NULL;
}

static const char *decode_block(const struct protocol_header *header, const uint8_t *body,
                                struct protocol_request *request)
{
    uint32_t sent;

    if (header->body_length < BLOCK_FIXED) {
        return "block request shorter than its fixed part";
    }
    request->offset = get64(body);
    request->data_length = get32(body + 8);
    request->direction = header->type == PROTOCOL_WRITE  ? PROTOCOL_DATA_OUT
                         : header->type == PROTOCOL_READ ? PROTOCOL_DATA_IN
                                                         : PROTOCOL_NO_DATA;
    if (request->data_length == 0 ||
        (header->type != PROTOCOL_TRIM && request->data_length > PROTOCOL_MAXIMUM_DATA)) {
        return "data length is zero or more than the protocol allows in one request";
    }
    sent = header->type == PROTOCOL_WRITE ? request->data_length : 0;
    if (header->body_length != BLOCK_FIXED + sent) {
        return "frame length and data length do not agree";
    }
    request->data = sent > 0 ? body + BLOCK_FIXED : NULL;
    return NULL;
}

const char *protocol_decode_request(const struct protocol_header *header, const uint8_t *body,
                                    struct protocol_request *request)
{
    memset(request, 0, sizeof(*request));
    request->type = header->type;
    request->flags = header->flags;
    request->tag = header->tag;
    if ((header->flags & ~(header->type == PROTOCOL_WRITE ? PROTOCOL_FLAG_FUA : 0u)) != 0) {
        return "unknown flags";
    }
    switch (header->type) {
    case PROTOCOL_SCSI:
        return decode_scsi(header, body, request);
    case PROTOCOL_READ:
    case PROTOCOL_WRITE:
    case PROTOCOL_TRIM:
        return decode_block(header, body, request);
    case PROTOCOL_FLUSH:
        return header->body_length == 0 ? NULL : "a FLUSH has no body";
    default:
        return "a client sends HELLO once, then SCSI, READ, WRITE, FLUSH and TRIM";
    }
}

size_t protocol_encode_reply(const struct protocol_reply *reply,
                             uint8_t bytes[PROTOCOL_REPLY_BYTES])
{
    uint8_t *body = bytes + PROTOCOL_HEADER_BYTES;

    encode_header(bytes, PROTOCOL_REPLY, 0, reply->tag,
                  PROTOCOL_REPLY_FIXED + reply->sense_length + reply->data_length);
    put32(body, (uint32_t)reply->outcome);
    body[4] = reply->srb_status;
    body[5] = reply->scsi_status;
    body[6] = reply->sense_length;
    body[7] = 0;
    put32(body + 8, reply->transferred);
    put32(body + 12, reply->data_length);
    return PROTOCOL_REPLY_BYTES;
}

const char *protocol_decode_reply(const struct protocol_header *header,
                                  const uint8_t fixed[PROTOCOL_REPLY_FIXED],
                                  struct protocol_reply *reply)
{
    uint32_t outcome = get32(fixed);

    memset(reply, 0, sizeof(*reply));
    if (header->type != PROTOCOL_REPLY || header->body_length < PROTOCOL_REPLY_FIXED) {
        return "expected a reply";
    }
    if (outcome > PROTOCOL_GONE) {
        return "unknown outcome in a reply";
    }
    reply->tag = header->tag;
    reply->outcome = (enum protocol_outcome)outcome;
    reply->srb_status = fixed[4];
    reply->scsi_status = fixed[5];
    reply->sense_length = fixed[6];
    reply->transferred = get32(fixed + 8);
    reply->data_length = get32(fixed + 12);
    if (reply->sense_length > PROTOCOL_SENSE_BYTES || reply->data_length > PROTOCOL_MAXIMUM_DATA ||
        header->body_length != PROTOCOL_REPLY_FIXED + reply->sense_length + reply->data_length) {
        return "lengths in a reply do not agree";
    }
    return NULL;
}

size_t protocol_encode_error(size_t length, uint8_t bytes[PROTOCOL_HEADER_BYTES])
{
    uint32_t cut = length > PROTOCOL_MAXIMUM_ERROR ? PROTOCOL_MAXIMUM_ERROR : (uint32_t)length;

    encode_header(bytes, PROTOCOL_ERROR, 0, 0, cut);
    return PROTOCOL_HEADER_BYTES;
}

bool protocol_receive(int socket, void *data, size_t length)
{
    uint8_t *bytes = data;

    while (length > 0) {
        ssize_t got = recv(socket, bytes, length, 0);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            errno = got == 0 ? 0 : errno;
            return false;
        }
        bytes += got;
        length -= (size_t)got;
    }
    return true;
}

bool protocol_send(int socket, const void *data, size_t length)
{
    const uint8_t *bytes = data;

    while (length > 0) {
        /* A peer that went away is an error here, not a signal to the whole program. */
        ssize_t sent = send(socket, bytes, length, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) {
            continue;
        }
        if (sent <= 0) {
            return false;
        }
        bytes += sent;
        length -= (size_t)sent;
    }
    return true;
}
