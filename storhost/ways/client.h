/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A connection to a running storhost, for the nbdkit plugin and the SG library.
 *
 * Any number of threads may have a request on one connection. There is no thread of its own: of
 * the threads that wait for a reply one reads for all (whichever finds nobody reading) and hands
 * the replies to their owners by tag. So the library can be loaded into any program.
 */
#ifndef STORHOST_WAYS_CLIENT_H
#define STORHOST_WAYS_CLIENT_H

#include "ways/protocol.h"

struct client;

/* Connects to the socket and exchanges HELLO. NULL and a text in `why` if that fails. */
struct client *client_connect(const char *path, char *why, size_t why_size);

/* Nobody may have a request on it any more. */
void client_close(struct client *client);

/* What the server said about the disk. */
const struct protocol_disk *client_disk(const struct client *client);

/*
 * Sends a request (its tag is chosen here) and waits for the reply. What is read goes to
 * `data_in`, which has room for request->data_length bytes; NULL if nothing is read.
 * Returns 0 when a reply came, ENOTCONN if the connection broke (now or before), ENOMEM.
 */
int client_execute(struct client *client, const struct protocol_request *request, void *data_in,
                   struct protocol_reply *reply);

/* Why the connection broke: the server's text if it sent one. "" if it did not. */
const char *client_failure(const struct client *client);

/*
 * Reads, writes (fua: on the medium when it returns) or flushes; bytes, multiples of the logical
 * block; longer ones than the protocol allows are split. Returns 0 or an errno value that tells
 * the failure (EIO, EROFS, ENOSPC, EINVAL, ENODEV, ETIMEDOUT, ENOTCONN).
 */
int client_read(struct client *client, void *data, uint64_t offset, uint64_t length);
int client_write(struct client *client, const void *data, uint64_t offset, uint64_t length,
                 bool fua);
int client_flush(struct client *client);

/* The sense key in a reply, 0 if there is none; and the errno value that a reply stands for, 0 for
 * success, as client_read returns it. */
unsigned client_sense_key(const struct protocol_reply *reply);
int client_reply_error(const struct protocol_reply *reply);

/* What the disk says of zeroing blocks, in blocks of one command; 0: it cannot. */
struct client_provisioning {
    uint32_t zero_blocks;
    bool zero_unmaps; /* zeroing may give blocks up, too */
};

/* Asks the disk. One that does not tell cannot. */
void client_get_provisioning(struct client *client, struct client_provisioning *provisioning);

/* Gives the blocks up (what they read as is then not known), or makes them zero, giving them up as
 * well where that may be. Errors as of client_read, and EOPNOTSUPP. */
int client_trim(struct client *client, uint64_t offset, uint32_t length);
int client_zero(struct client *client, const struct client_provisioning *provisioning,
                uint64_t offset, uint64_t length, bool may_unmap);

#endif
