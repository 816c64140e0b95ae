/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the files of the command throughput share: throughput.c makes the load, throughput_results.c tells
 * what it came to.
 */
#ifndef STORHOST_WAYS_THROUGHPUT_H
#define STORHOST_WAYS_THROUGHPUT_H

#include <jansson.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

#include "bare/bare.h"
#include "devices/vhost_user/vhost_user.h"
#include "machine/cpu.h"
#include "ways/bench.h"
#include "ways/latency.h"

struct throughput_load;

/* One request, over and over. */
struct throughput_slot {
    struct throughput_slot
        *next; /* in its lane's list of those to be started, or of those that wait */
    struct throughput_load *load;
    struct port_io io;       /* the driver's, ... */
    struct request *request; /* ... made once; or */
    struct bare_io bare;     /* the bare loop's */
    uint8_t *data;
    uint64_t began; /* nanoseconds; from when it waits to be started */
};

/* What one processor does; touched by its own thread, but for the counts, which others read. */
struct throughput_lane {
    struct throughput_load *load;
    struct cpu_work work;
    unsigned index;
    uint64_t random;
    struct throughput_slot *ready, **ready_end; /* to be started */
    _Atomic uint64_t started, finished;
    uint64_t last_finish; /* nanoseconds */
    uint64_t interrupts;
    uint64_t processor_ns; /* of its thread */
    int bell;              /* eventfd: work from elsewhere */
    /* the bell first, then a call for each queue that interrupts here */
    struct pollfd waits[VHOST_USER_QUEUES + 1];
    unsigned queues[VHOST_USER_QUEUES + 1]; /* of waits[1] on */
    unsigned wait_count;
    struct latency latency;
};

struct throughput_load {
    struct bench *bench;
    const struct options *options;
    struct bare *bare; /* what is measured; NULL: the driver */
    uint64_t places;   /* where requests go: this many, each of `blocks` blocks */
    uint32_t blocks, block_bytes;
    unsigned depth;    /* outstanding, as seen from above */
    unsigned admitted; /* of these at the driver, at most */
    unsigned queues;   /* of the device that are in use */
    struct throughput_slot *slots;
    struct throughput_lane *lanes;

    /* what waits for its place at the driver, if depth is more than admitted */
    pthread_mutex_t waiting_lock;
    struct throughput_slot *waiting, **waiting_end;

    /* the run that is on */
    uint64_t end;          /* nanoseconds */
    uint64_t requests;     /* 0: no limit */
    _Atomic uint64_t sent; /* towards the limit */
    atomic_bool over;      /* nothing is started any more */
    atomic_bool failed;
    char failure[256];
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned running; /* lanes */
};

/* A moment: what the process had used and done. */
struct throughput_snapshot {
    uint64_t nanoseconds, processor_ns, exits;
};

/* Sums of a run that began and ended then, as one document; a new reference. */
json_t *throughput_results(const struct throughput_load *load,
                           const struct throughput_snapshot *before,
                           const struct throughput_snapshot *after);
void throughput_print(json_t *document);

#endif
