/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An nbdkit of our own for `serve`. storhost opens the listening socket and hands it over (socket
 * activation), so that clients can connect at once and a port in use is told before anything is
 * started.
 */
#ifndef STORHOST_WAYS_NBD_H
#define STORHOST_WAYS_NBD_H

#include <stdbool.h>
#include <sys/types.h>

struct nbd_options {
    const char *nbdkit;        /* program */
    const char *plugin;        /* file */
    const char *server_socket; /* of storhost's server: the plugin's parameter */
    const char *port;          /* TCP port of localhost, or NULL ... */
    const char *unix_socket;   /* ... UNIX socket */
};

/* Starts nbdkit; its process. Ends the program with a text if it cannot listen or start
 * nbdkit. The UNIX socket is gone when the program ends, however it does. */
pid_t nbd_start(const struct nbd_options *options);

/* Whether it ended by itself. */
bool nbd_ended(pid_t nbdkit);

/* Ends it and waits for that; removes the UNIX socket. */
void nbd_stop(pid_t nbdkit);

#endif
