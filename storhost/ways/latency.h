/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How long requests took, as a histogram: each power of two of nanoseconds is divided into
 * LATENCY_PARTS, so a percentile is right to less than 1 %.
 */
#ifndef STORHOST_WAYS_LATENCY_H
#define STORHOST_WAYS_LATENCY_H

#include <stdint.h>

#define LATENCY_PARTS  128u
#define LATENCY_POWERS 40u /* from 128 ns on; up to hours */

/* All zero: empty. */
struct latency {
    uint64_t count, sum, longest; /* nanoseconds */
    uint64_t in[LATENCY_POWERS * LATENCY_PARTS];
};

void latency_note(struct latency *latency, uint64_t nanoseconds);
void latency_add(struct latency *sum, const struct latency *more);

/* So many of 1000 requests took no longer than this, in nanoseconds; 0 if there was none. */
uint64_t latency_permille(const struct latency *latency, unsigned permille);

#endif
