/* SPDX-License-Identifier: BSD-3-Clause */
/* The histogram of latencies: see latency.h. Below LATENCY_PARTS nanoseconds a place is one nanosecond;
 * above, the highest bits of a number below its first one choose the place. */
#include "ways/latency.h"

#define PART_BITS 7u /* of LATENCY_PARTS */
#define PLACES    (LATENCY_POWERS * LATENCY_PARTS)

static unsigned place_of(uint64_t nanoseconds)
{
    unsigned shift, place;

    if (nanoseconds < LATENCY_PARTS) {
        return (unsigned)nanoseconds;
    }
    shift = 63u - (unsigned)__builtin_clzll(nanoseconds) - PART_BITS;
    place = (shift + 1) * LATENCY_PARTS + (unsigned)(nanoseconds >> shift) - LATENCY_PARTS;
    return place < PLACES ? place : PLACES - 1;
}

/* The longest time that has this place. */
static uint64_t end_of(unsigned place)
{
    unsigned shift;

    if (place < LATENCY_PARTS) {
        return place;
    }
    shift = place / LATENCY_PARTS - 1;
    return (((uint64_t)(place % LATENCY_PARTS) + LATENCY_PARTS + 1) << shift) - 1;
}

void latency_note(struct latency *latency, uint64_t nanoseconds)
{
    latency->count++;
    latency->sum += nanoseconds;
    latency->longest = nanoseconds > latency->longest ? nanoseconds : latency->longest;
    latency->in[place_of(nanoseconds)]++;
}

void latency_add(struct latency *sum, const struct latency *more)
{
    sum->count += more->count;
    sum->sum += more->sum;
    sum->longest = more->longest > sum->longest ? more->longest : sum->longest;
    for (unsigned i = 0; i < PLACES; i++) {
        sum->in[i] += more->in[i];
    }
}

uint64_t latency_permille(const struct latency *latency, unsigned permille)
{
    uint64_t wanted = (latency->count * permille + 999) / 1000, seen = 0;
    uint64_t end;

    if (latency->count == 0) {
        return 0;
    }
    for (unsigned i = 0; i < PLACES; i++) {
        seen += latency->in[i];
        if (seen >= wanted) {
            end = end_of(i);
            return end < latency->longest ? end : latency->longest;
        }
    }
    return latency->longest;
}
