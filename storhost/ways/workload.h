/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Many requests at once: reads and writes of self-describing data, kept at a chosen depth, spread
 * over all processors; everything read is compared with what was written last.
 *
 * One thread runs a workload: it prepares requests, sends them and judges what comes back;
 * completions only put a request into a list. No two outstanding requests overlap, so what must be
 * in a block is always known. Where a request may fail on purpose (resets), it is sent again as
 * Windows would, up to a limit.
 */
#ifndef STORHOST_WAYS_WORKLOAD_H
#define STORHOST_WAYS_WORKLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "disk_class/disk_class.h"
#include "ways/disk.h"
#include "ways/pattern.h"
#include "ways/progress.h"

enum workload_kind {
    WORKLOAD_SEQUENTIAL_WRITE,
    WORKLOAD_SEQUENTIAL_READ,
    WORKLOAD_RANDOM_WRITE,
    WORKLOAD_RANDOM_READ,
    WORKLOAD_RANDOM_MIXED, /* half reads, half writes */
};

struct workload {
    enum workload_kind kind;
    const struct disk *disk;
    struct disk_class *class;   /* requests go through it; NULL: straight to the port driver */
    struct pattern_map *map;    /* what must be where; written by the workload */
    uint64_t *generation;       /* of the last write; counted up with each */
    uint64_t first_lba, blocks; /* the region that is used, logical blocks */
    uint64_t bytes;             /* work ends after this many bytes ... */
    uint64_t requests;          /* ... or, if not 0, after this many requests */
    uint32_t smallest, largest; /* logical blocks per request; drawn at random between */
    unsigned depth;
    unsigned processors; /* that requests start on, in turn */
    uint64_t seed;
    bool retry;                /* send again what a reset ended */
    unsigned deadline_ms;      /* without any completion for so long: failed; 0: 60 s */
    struct progress *progress; /* NULL: none */
    /* results */
    uint64_t done_bytes, done_requests, retries;
};

/* Does it. False and a text if a request failed, came back wrong or never came back. In the last
 * case requests are still outstanding and their memory must stay: nothing is freed. Ends early,
 * with true, when a stop is requested (stop.h). */
bool workload_run(struct workload *workload, char *error, size_t error_size);

#endif
