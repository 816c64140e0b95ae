/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The server's side of the protocol: takes connections on a UNIX socket and carries their requests
 * to the driver and the answers back.
 *
 * Each client has two threads. The reader takes frames off the socket and submits requests; it
 * stops reading while SERVER_OUTSTANDING of them are outstanding, so a client cannot fill the
 * memory. Completions put the request into the client's list; the writer sends the answers in the
 * order of completion. A client that goes away or misbehaves takes only itself along: its
 * outstanding requests are waited for and dropped.
 */
#ifndef STORHOST_WAYS_SERVER_H
#define STORHOST_WAYS_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "disk_class/disk_class.h"
#include "ways/disk.h"

#define SERVER_CLIENTS     64u  /* connections at once */
#define SERVER_OUTSTANDING 256u /* requests at once for one connection */

struct server;

/* Listens on the path. A socket file that nobody listens on (left by a killed server) is replaced.
 * SCSI commands go straight to the port driver, all else through the disk class. NULL and a text: path in
 * use, no such folder, ... */
struct server *server_start(const char *path, const struct disk *disk, struct disk_class *class,
                            char *error, size_t error_size);

/* Takes no more requests, waits for the outstanding ones (at most `milliseconds`), ends all
 * connections and removes the socket file. False: requests did not come back; the server's memory
 * is then left as it is. */
bool server_stop(struct server *server, unsigned milliseconds);

/* Removes the socket file only: for the program's sudden end. Callable on any thread. */
void server_remove_socket(struct server *server);

#endif
