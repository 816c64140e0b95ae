/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whether something keeps processors apart that use one ring: each part of it must have a lock that
 * is held at every access of the driver from the moment on that a second processor comes to it. (What
 * one processor does before, while it makes the ring ready, needs none.) So a missing lock is found
 * by any run in which two processors use the ring, whether they meet or not.
 *
 *   part           accesses that count
 *   submission     stores to descriptors, to the available ring's entries and index
 *   wish           stores to what tells the device which interrupt is wanted
 *   taking         loads of what the device has used: id and length
 *
 * The parts are judged apart, as a driver may have a lock for each; of a driver that is known to have
 * one for the whole ring all accesses are judged together (ring_guard_one_lock), which finds more: what
 * it guards beside the ring (free descriptors, requests by id) cannot be seen from here. Loads of an index or of flags do
 * not count: looking whether there is anything needs no lock.
 */
#ifndef STORHOST_VIRTIO_RING_GUARD_H
#define STORHOST_VIRTIO_RING_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "machine/cpu.h"

#define RING_GUARD_LOCKS 8u

enum ring_part {
    RING_SUBMISSION,
    RING_WISH,
    RING_TAKING,
    RING_PARTS
};

/* A processor at an access, and the locks that it holds. */
struct ring_user {
    int processor;
    unsigned count;
    const struct cpu_lock *locks[RING_GUARD_LOCKS];
};

/* Who has come to a part so far. */
struct ring_part_guard {
    bool used, shared;
    int first;               /* processor; alone until it is shared */
    struct ring_user common; /* once it is shared: the locks that all have held since */
    struct ring_user last;
};

struct ring_guard {
    unsigned queue; /* for reports */
    struct ring_part_guard parts[RING_PARTS];
};

/* Ahead of an access of the driver to a part; violation RULE_RING_LOCK if no lock is left. On the
 * processor that makes it; elsewhere nothing happens. */
void ring_guard_access(struct ring_guard *guard, enum ring_part which);

/* Of the driver that is loaded: it guards each ring by one lock. */
void ring_guard_one_lock(bool one);

/* While `alone`, the port lets nothing of the driver run beside what it has called (stop and restart
 * of the adapter): accesses need no lock. */
void ring_guard_alone(bool alone);

#endif
