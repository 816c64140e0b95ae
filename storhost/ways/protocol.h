/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a running storhost and its clients say to each other over a UNIX stream socket.
 *
 * Everything is framed: a header of 24 bytes, then a body whose length the header tells. Numbers
 * are little-endian. The client opens with HELLO (its protocol version); the server answers HELLO
 * with the disk's description. After that the client sends requests, as many at once as it likes;
 * each carries a tag of the client's choice, unique among its outstanding ones, and the answers
 * come in any order with the tag of their request.
 *
 *   client                       server
 *     HELLO version  ------------->
 *                    <-------------  HELLO disk
 *     READ tag 1     ------------->
 *     SCSI tag 2     ------------->
 *                    <-------------  REPLY tag 2: status, sense, data
 *                    <-------------  REPLY tag 1: status, data
 *
 * A frame that cannot be understood is answered with ERROR, whose body is a text, and the server
 * closes that connection; other connections do not notice.
 *
 * The functions here only translate between structures and bytes. They trust no byte: whatever
 * they accept is within the limits below and consistent in itself.
 */
#ifndef STORHOST_WAYS_PROTOCOL_H
#define STORHOST_WAYS_PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROTOCOL_VERSION       1u
#define PROTOCOL_HEADER_BYTES  24u
#define PROTOCOL_CDB_BYTES     32u
#define PROTOCOL_SENSE_BYTES   252u
#define PROTOCOL_MAXIMUM_DATA  (32u << 20) /* bytes of data in one request or reply */
#define PROTOCOL_MAXIMUM_ERROR 1024u       /* bytes of an ERROR's text */
#define PROTOCOL_REQUEST_FIXED 44u         /* longest fixed part of a request's body */
#define PROTOCOL_REPLY_FIXED   16u         /* fixed part of a reply's body */
#define PROTOCOL_HELLO_BYTES   4u          /* body of the client's HELLO */
#define PROTOCOL_DISK_BYTES    32u         /* body of the server's HELLO */
#define PROTOCOL_REQUEST_BYTES (PROTOCOL_HEADER_BYTES + PROTOCOL_REQUEST_FIXED)
#define PROTOCOL_REPLY_BYTES   (PROTOCOL_HEADER_BYTES + PROTOCOL_REPLY_FIXED)
#define PROTOCOL_MAXIMUM_BODY \
    (PROTOCOL_REQUEST_FIXED + PROTOCOL_SENSE_BYTES + PROTOCOL_MAXIMUM_DATA)

enum protocol_type {
    PROTOCOL_HELLO = 1,
    PROTOCOL_SCSI = 2, /* a command descriptor block of the client's */
    PROTOCOL_READ = 3, /* whole logical blocks, addressed in bytes */
    PROTOCOL_WRITE = 4,
    PROTOCOL_FLUSH = 5, /* what was written before is on the medium when the reply comes */
    PROTOCOL_REPLY = 6,
    PROTOCOL_ERROR = 7,
    PROTOCOL_TRIM = 8, /* whole logical blocks, addressed in bytes, that nobody needs any more */
};

/* Flags of a WRITE. */
#define PROTOCOL_FLAG_FUA 1u /* on the medium when the reply comes */

enum protocol_direction {
    PROTOCOL_NO_DATA = 0,
    PROTOCOL_DATA_IN = 1,
    PROTOCOL_DATA_OUT = 2
};

/* What became of a request. */
enum protocol_outcome {
    PROTOCOL_DONE = 0,    /* the driver completed it; SRB and SCSI status tell how */
    PROTOCOL_REFUSED = 1, /* never sent to the driver: unaligned, beyond the end, too long */
    PROTOCOL_GONE = 2,    /* the disk is being taken away */
};

struct protocol_header {
    enum protocol_type type;
    uint16_t flags;
    uint64_t tag;
    uint32_t body_length; /* bytes, at most PROTOCOL_MAXIMUM_BODY */
};

/* Capabilities of the disk. */
#define PROTOCOL_DISK_READ_ONLY   1u
#define PROTOCOL_DISK_WRITE_CACHE 2u
#define PROTOCOL_DISK_TRIM        4u /* this Windows and the disk do */

/* The server's HELLO. */
struct protocol_disk {
    uint32_t version;
    uint32_t block_bytes;      /* logical block: a power of two, 512 or more */
    uint64_t blocks;           /* capacity in logical blocks */
    uint32_t maximum_transfer; /* bytes that one SCSI command can move */
    uint32_t preferred_bytes;  /* physical block, or what the disk prefers */
    uint32_t capabilities;     /* PROTOCOL_DISK_* */
};

struct protocol_request {
    enum protocol_type type; /* SCSI, READ, WRITE, FLUSH or TRIM */
    uint16_t flags;
    uint64_t tag;
    enum protocol_direction direction;
    uint32_t data_length; /* bytes to read, write or trim */
    uint64_t offset;      /* READ, WRITE, TRIM: bytes from the start of the disk */
    uint32_t timeout_ms;  /* SCSI: 0 for the server's default */
    uint8_t cdb[PROTOCOL_CDB_BYTES];
    uint8_t cdb_length;
    const uint8_t *data; /* data going out; not copied. NULL: none */
};

struct protocol_reply {
    uint64_t tag;
    enum protocol_outcome outcome;
    uint8_t srb_status; /* SRB_STATUS_* without flags */
    uint8_t scsi_status;
    uint8_t sense_length; /* bytes, 0: none */
    uint32_t transferred; /* bytes that the command moved */
    uint32_t data_length; /* bytes that follow in this frame: what was read */
    uint8_t sense[PROTOCOL_SENSE_BYTES];
};

/*
 * Each decoder returns NULL, or a text (constant) that says what is wrong with the bytes.
 */
const char *protocol_decode_header(const uint8_t bytes[PROTOCOL_HEADER_BYTES],
                                   struct protocol_header *header);
/* The client's HELLO: its version must be PROTOCOL_VERSION. */
const char *protocol_decode_hello(const struct protocol_header *header, const uint8_t *body);
/* The server's HELLO. */
const char *protocol_decode_disk(const struct protocol_header *header, const uint8_t *body,
                                 struct protocol_disk *disk);
/* A request with the whole body at hand; request->data points into it. */
const char *protocol_decode_request(const struct protocol_header *header, const uint8_t *body,
                                    struct protocol_request *request);
/* A reply from the first PROTOCOL_REPLY_FIXED bytes of its body. Sense, then data, follow. */
const char *protocol_decode_reply(const struct protocol_header *header,
                                  const uint8_t fixed[PROTOCOL_REPLY_FIXED],
                                  struct protocol_reply *reply);

/* Encoders write header and fixed part and return their length in bytes. What follows on the wire
 * (a request's data; a reply's sense and data) is sent from where it is. */
size_t protocol_encode_hello(uint8_t bytes[PROTOCOL_HEADER_BYTES + PROTOCOL_HELLO_BYTES]);
size_t protocol_encode_disk(const struct protocol_disk *disk,
                            uint8_t bytes[PROTOCOL_HEADER_BYTES + PROTOCOL_DISK_BYTES]);
size_t protocol_encode_request(const struct protocol_request *request,
                               uint8_t bytes[PROTOCOL_REQUEST_BYTES]);
size_t protocol_encode_reply(const struct protocol_reply *reply,
                             uint8_t bytes[PROTOCOL_REPLY_BYTES]);
/* Header of an ERROR whose text of `length` bytes (cut to PROTOCOL_MAXIMUM_ERROR) follows. */
size_t protocol_encode_error(size_t length, uint8_t bytes[PROTOCOL_HEADER_BYTES]);

/*
 * Moves exactly `length` bytes through a socket. False at the end of the stream or on an error
 * (errno set; 0 at the end of the stream).
 */
bool protocol_receive(int socket, void *data, size_t length);
bool protocol_send(int socket, const void *data, size_t length);

#endif
