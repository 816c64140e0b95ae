/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The front end's side of the vhost-user protocol, as far as a block device needs it (QEMU,
 * docs/interop/vhost-user.rst): messages over a UNIX socket, descriptors beside them.
 *
 * No library of Debian's does this part alone: libvhost-user and DPDK's vhost library are back ends,
 * and DPDK's virtio-user and libblkio, which are front ends, drive the rings themselves, which here is
 * what the driver is to do.
 */
#ifndef STORHOST_DEVICES_VHOST_USER_PROTOCOL_H
#define STORHOST_DEVICES_VHOST_USER_PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VHOST_USER_TEXT 512u

/* Bit of the virtio features that says that there are protocol features. */
#define VHOST_USER_F_PROTOCOL_FEATURES 30

enum vhost_user_protocol_feature {
    VHOST_USER_PROTOCOL_F_MQ = 0,
    VHOST_USER_PROTOCOL_F_REPLY_ACK = 3,
    VHOST_USER_PROTOCOL_F_BACKEND_REQ = 5,
    VHOST_USER_PROTOCOL_F_CONFIG = 9,
};

enum vhost_user_request {
    VHOST_USER_GET_FEATURES = 1,
    VHOST_USER_SET_FEATURES = 2,
    VHOST_USER_SET_OWNER = 3,
    VHOST_USER_SET_MEM_TABLE = 5,
    VHOST_USER_SET_VRING_NUM = 8,
    VHOST_USER_SET_VRING_ADDR = 9,
    VHOST_USER_SET_VRING_BASE = 10,
    VHOST_USER_SET_VRING_KICK = 12,
    VHOST_USER_SET_VRING_CALL = 13,
    VHOST_USER_GET_PROTOCOL_FEATURES = 15,
    VHOST_USER_SET_PROTOCOL_FEATURES = 16,
    VHOST_USER_GET_QUEUE_NUM = 17,
    VHOST_USER_SET_VRING_ENABLE = 18,
    VHOST_USER_SET_BACKEND_REQ_FD = 21,
    VHOST_USER_GET_CONFIG = 24,
    VHOST_USER_SET_CONFIG = 25,
};

/* Of the back end's, on the channel of SET_BACKEND_REQ_FD. */
enum vhost_user_backend_request {
    VHOST_USER_BACKEND_CONFIG_CHANGE_MSG = 2,
};

/* A connection. Not locked: one caller at a time. */
struct vhost_user_link {
    int socket; /* -1: none */
    unsigned deadline_ms;
    bool acknowledges;           /* REPLY_ACK was agreed on */
    char error[VHOST_USER_TEXT]; /* after a function has returned false: why */
};

/* A part of the guest's memory. */
struct vhost_user_region {
    uint64_t guest_address, bytes, user_address, file_offset;
};

/* Where a ring lies, in user addresses as the regions give them. */
struct vhost_user_ring {
    uint64_t descriptors, used, available;
};

/* All below: false, with link->error set, if the other side is gone, silent or does not keep to the
 * protocol. */

bool vhost_user_connect(struct vhost_user_link *link, const char *path);
void vhost_user_disconnect(struct vhost_user_link *link);

/* Requests with a number as payload, and with a number as answer. */
bool vhost_user_set(struct vhost_user_link *link, enum vhost_user_request request, uint64_t value);
bool vhost_user_get(struct vhost_user_link *link, enum vhost_user_request request, uint64_t *value);
/* Without payload. */
bool vhost_user_tell(struct vhost_user_link *link, enum vhost_user_request request);
/* Of a ring: with a number, with a descriptor. */
bool vhost_user_set_ring(struct vhost_user_link *link, enum vhost_user_request request,
                         unsigned index, uint32_t value);
bool vhost_user_set_ring_fd(struct vhost_user_link *link, enum vhost_user_request request,
                            unsigned index, int fd);
bool vhost_user_set_ring_address(struct vhost_user_link *link, unsigned index,
                                 const struct vhost_user_ring *ring);
/* Gives a descriptor and nothing else. */
bool vhost_user_set_fd(struct vhost_user_link *link, enum vhost_user_request request, int fd);
/* At most 8 regions, all of the file `fd`. */
bool vhost_user_set_memory(struct vhost_user_link *link, const struct vhost_user_region *regions,
                           unsigned count, int fd);
/* Device configuration. */
bool vhost_user_get_config(struct vhost_user_link *link, uint32_t offset, void *bytes,
                           uint32_t count);
bool vhost_user_set_config(struct vhost_user_link *link, uint32_t offset, const void *bytes,
                           uint32_t count);

/* Takes one request of the back end's off its channel, and answers it where it wants that; 0: there is
 * none (any more). */
uint32_t vhost_user_take_backend_request(int channel);

#endif
