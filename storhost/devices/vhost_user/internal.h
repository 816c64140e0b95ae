/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The vhost-user device from inside. Everything here is called with the device's lock held, unless it
 * says otherwise. See device_vhost_user.c.
 */
#ifndef STORHOST_DEVICES_VHOST_USER_INTERNAL_H
#define STORHOST_DEVICES_VHOST_USER_INTERNAL_H

#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>
#include <pthread.h>
#include <stdatomic.h>

#include "devices/pci/interrupts.h"
#include "devices/vhost_user/protocol.h"
#include "devices/vhost_user/vhost_user.h"

#define FEATURE(bit)      (UINT64_C(1) << (bit))
#define CONFIG_BYTES      60u /* of virtio_blk_config, up to WRITE_ZEROES: what back ends have */
#define NOTIFY_MULTIPLIER 4u
#define LARGEST_QUEUE     1024u
#define NUM_QUEUES_OFFSET offsetof(struct virtio_blk_config, num_queues)

struct vhost_queue {
    bool enabled;
    uint16_t size, vector;
    uint64_t descriptors, driver_area, device_area; /* bus */
    int kick, call;                                 /* eventfds, as long as the device */
    bool taken; /* the call is somebody else's: vhost_user_take_call */
};

/* Where the back end is, as the driver drives it. */
enum backend_state {
    BACKEND_IDLE,    /* connected, knows the memory and no ring */
    BACKEND_RUNNING, /* it serves the rings */
    BACKEND_LOST     /* gone: the device answers all ones */
};

struct vhost_user {
    struct device device; /* first */
    pthread_mutex_t lock;
    struct vhost_user_options options;
    struct pci_function function;
    struct pci_interrupts interrupts;

    struct vhost_user_link link;
    _Atomic(enum backend_state) backend; /* changed with the lock; doorbells read it without */
    uint64_t backend_features, protocol_features;
    int channel[2]; /* for the back end's own requests: ours, its; -1 */

    /* registers */
    uint8_t status, isr, generation;
    uint64_t offered, accepted;
    uint32_t device_select, driver_select;
    uint16_t queue_select, config_vector;
    struct vhost_queue queues[VHOST_USER_QUEUES];
    uint8_t config[CONFIG_BYTES];

    /* the thread that waits for the back end */
    pthread_t watch;
    bool watching;
    int epoll, wake;
};

static inline struct vhost_user *vhost_user_of(struct device *device)
{
    return (struct vhost_user *)device;
}

/* ---- registers.c ---- */

/* Whatever a driver has set is forgotten. */
void vhost_registers_reset(struct vhost_user *vhost);
uint64_t vhost_registers_read(struct vhost_user *vhost, unsigned bar, uint64_t offset,
                              unsigned size);
void vhost_registers_write(struct vhost_user *vhost, unsigned bar, uint64_t offset, unsigned size,
                           uint64_t value);
/* Notes an interrupt: a queue's, or (NULL) that of the configuration. */
void vhost_raise(struct vhost_user *vhost, const struct vhost_queue *queue);

/* ---- backend.c ---- */

/* Connects and agrees on everything that does not depend on the driver. False: link.error. */
bool vhost_backend_open(struct vhost_user *vhost);
/* What the driver has accepted and set up is told, and the rings run. */
bool vhost_backend_features(struct vhost_user *vhost);
bool vhost_backend_start(struct vhost_user *vhost);
/* Requests in flight have ended when this returns, and none of the rings is known any more. */
bool vhost_backend_stop(struct vhost_user *vhost);
bool vhost_backend_read_config(struct vhost_user *vhost);
void vhost_backend_close(struct vhost_user *vhost);

/* ---- device_vhost_user.c ---- */

/* Lets the watch thread wait for the present connection, or no longer. */
void vhost_watch_link(struct vhost_user *vhost, bool on);
/* The back end is gone: tells whoever listens, or ends the program. */
void vhost_lost(struct vhost_user *vhost, const char *why);

#endif
