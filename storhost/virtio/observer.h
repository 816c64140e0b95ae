/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Looks over the driver's shoulder: sits between the trapped accesses and the device and follows
 * what the driver tells the device (status, features, queues, vectors), legacy and modern, for any
 * virtio-blk driver. From that it
 * - knows what was negotiated, for the table that a run prints;
 * - walks what the driver adds to the rings and checks every address against the DMA grants;
 * - tells when a request times out whether a doorbell is missing (judge of the device), where
 *   EVENT_IDX is agreed;
 * - checks the driver requirements of the virtio specification that registers show.
 */
#ifndef STORHOST_VIRTIO_OBSERVER_H
#define STORHOST_VIRTIO_OBSERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "devices/device.h"

#define OBSERVER_QUEUES 128

struct observer_queue {
    bool enabled;
    uint16_t size, vector;
    uint64_t descriptors, driver_area, device_area; /* bus addresses */
    uint64_t doorbells, requests;
};

struct observer_facts {
    bool modern;
    uint8_t status;
    uint64_t device_features, driver_features;
    uint16_t config_vector;
    unsigned queues;
    struct observer_queue queue[OBSERVER_QUEUES];
    uint64_t capacity; /* 512-byte sectors */
    uint32_t block_size, size_max, seg_max;
    uint64_t resets;
    uint64_t queue_resets; /* of single queues, by RING_RESET */
};

/* Wraps a device: the result behaves as the device and is observed. Destroying it destroys both. */
struct device *observer_wrap(struct device *inner);

/* From the next queue on that the driver enables, finds values that it fetches twice from a used
 * ring (virtio/fetch_watch.h). For the deterministic scheduler, after trap_init(). */
void observer_watch_fetches(struct device *observed);

/* Gives the device back as it was before; the observer is gone afterwards. */
struct device *observer_unwrap(struct device *observed);

/* Walks what is new in all rings now: the port model calls it when StartIo returns, before each
 * completion, and at idle. Any thread. */
void observer_walk(struct device *observed);

void observer_get_facts(struct device *observed, struct observer_facts *facts);

/* Whether the device does nothing but in its `idle` and `step`: there is no use in waiting for it. */
bool observer_works_in_steps(struct device *observed);

/* The device was made as it is after power-on, past the observer. */
void observer_power_cycled(struct device *observed);

/* Whether the driver has told the device to reset and has not seen it done: what the device holds is
 * the device's until then. */
bool observer_resetting(struct device *observed);

/* From now on `done` is called when the driver has reset the device: it has read the status as 0
 * after it wrote 0 there, or (legacy: it need not read it) goes on with the handshake. With the
 * observer's lock held: it must not use the device. NULL: nobody. */
void observer_on_reset(struct device *observed, void (*done)(void *context), void *context);

/* Name of a feature bit ("EVENT_IDX"), or NULL. */
const char *observer_feature_name(unsigned bit);

#endif
