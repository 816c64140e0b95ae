/* SPDX-License-Identifier: BSD-3-Clause */
/* What bare.c (requests and interrupts) and device.c (the device's registers and rings) share. */
#ifndef STORHOST_BARE_INTERNAL_H
#define STORHOST_BARE_INTERNAL_H

#include <stdatomic.h>

#include "bare/bare.h"
#include "bare/loop.h"
#include "machine/cpu.h"
#include "machine/grant.h"
#include "virtio/layout.h"

/* Memory that the device reaches. */
struct bare_memory {
    void *address;
    struct grant *grant;
};

struct bare_lane {
    struct bare *bare;
    struct bare_queue queue;
    unsigned vector;
    unsigned free;                 /* ids */
    struct bare_io *first, **last; /* requests that find the ring full */
    struct cpu_work reap;
    atomic_bool reap_queued;
    struct bare_memory ring;
};

struct bare {
    struct device *device;
    struct virtio_layout layout;
    bool packed, event_index;
    struct bare_facts facts;
    uint8_t *bar[DEVICE_BARS]; /* windows onto registers; NULL: not mapped */
    const volatile uint8_t *isr;
    struct bare_lane *lanes;
    struct cpu_work acknowledge; /* of the line interrupt */
    atomic_bool acknowledge_queued;
};

/* Memory that the device may read and write, in one physical piece; ends the program if there is none. */
void *bare_memory_get(struct bare_memory *memory, size_t bytes, bus_addr *bus, const char *name);
void bare_memory_put(struct bare_memory *memory);

/* Brings the device up to DRIVER_OK, with the rings of `bare->facts.queues` queues or fewer. False
 * and a text: it is none for this loop. */
bool bare_device_start(struct bare *bare, char *error, size_t error_size);
/* Resets it and gives the rings back. */
void bare_device_stop(struct bare *bare);

#endif
