/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A virtio-blk PCI device whose rings another program serves: storhost is the front end of the
 * vhost-user protocol, and a server such as qemu-storage-daemon's export vhost-user-blk the back end.
 * The driver sees a modern virtio function. See device_vhost_user.c for the theory of operation.
 */
#ifndef STORHOST_DEVICES_VHOST_USER_VHOST_USER_H
#define STORHOST_DEVICES_VHOST_USER_VHOST_USER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "devices/device.h"

#define VHOST_USER_QUEUES 64u

struct vhost_user_options {
    char socket[108];     /* UNIX socket that the back end listens on */
    unsigned queues;      /* request queues [1] */
    uint16_t queue_size;  /* entries of each: a power of two, up to 1024 [256] */
    unsigned vectors;     /* size of the MSI-X table [0: queues + 1] */
    unsigned deadline_ms; /* of an answer of the back end, milliseconds of real time [30 000] */
};

void vhost_user_defaults(struct vhost_user_options *options);

/* Changes options by text: socket=PATH,queues=N,queue-size=N,vectors=N,deadline=SECONDS. False and a
 * text that names the key. */
bool vhost_user_parse(const char *text, struct vhost_user_options *options, char *error,
                      size_t size);

/*
 * Connects, and agrees with the back end on what the front end needs: protocol features CONFIG and,
 * for several queues, MQ. memory_init() must have run. BARs are placed, the command register allows
 * everything, MSI-X is off. NULL and a text that says what was wrong and what to do.
 */
struct device *vhost_user_create(const struct vhost_user_options *options, char *error,
                                 size_t size);

const char *vhost_user_socket(struct device *device);

/* ---- For one who waits for the back end himself ---- */

/* From now on the caller waits until this descriptor (an eventfd) can be read, and then says
 * vhost_user_called(): the device's own thread leaves the queue alone. */
int vhost_user_take_call(struct device *device, unsigned queue);
/* No longer. */
void vhost_user_return_call(struct device *device, unsigned queue);
/* Delivers the interrupt of a queue, if the back end has asked for one, on this thread. */
void vhost_user_called(struct device *device, unsigned queue);

#endif
