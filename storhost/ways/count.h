/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of the command count share: count.c makes the load, count_results.c tells what it
 * came to. */
#ifndef STORHOST_WAYS_COUNT_H
#define STORHOST_WAYS_COUNT_H

#include <jansson.h>
#include <pthread.h>

#include "bare/bare.h"
#include "devices/scripted/scripted.h"
#include "machine/count.h"
#include "ways/bench.h"

struct count_slot;

/* Requests on their way. */
struct count_load {
    const struct bench *bench;
    const struct options *options;
    struct bare *bare; /* what is counted; NULL: the driver */
    uint64_t disk_blocks;
    uint32_t block_bytes;
    uint32_t blocks; /* per request */
    uint64_t random;
    struct count_slot *slots;
    unsigned depth;
    unsigned window; /* closed: requests that complete together */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint64_t target; /* requests to send in this run */
    uint64_t started, finished;
    bool failed;
    char failure[256];
};

/* Counters at one moment. */
struct count_snapshot {
    struct scripted_counters device;
    json_t *calls; /* by name */
};

void count_snapshot_take(const struct bench *bench, struct count_snapshot *snapshot);
void count_snapshot_free(struct count_snapshot *snapshot);

/* Everything as one document, sums over all requests; a new reference. */
json_t *count_results(const struct count_load *load, const struct count_snapshot *before,
                      const struct count_snapshot *after, const struct count_totals *totals);

/* The same as a table, per request. */
void count_print_table(json_t *document);

#endif
