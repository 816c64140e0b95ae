/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Barriers that the driver executes, for the rule that it orders its accesses to ring memory and
 * registers. On ARM64 nothing else orders them, and no run on this machine would show that one is
 * missing (it orders nearly everything itself). On x64 and x86 barriers are not followed.
 *
 * Only those that reach devices count: dmb and dsb of the outer shareable domain or the system.
 */
#ifndef STORHOST_MACHINE_BARRIER_H
#define STORHOST_MACHINE_BARRIER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum barrier {
    BARRIER_LOADS,  /* loads before it from accesses after it */
    BARRIER_STORES, /* stores before it from stores after it */
    BARRIER_FULL,   /* everything before it from everything after it */
    BARRIERS
};

/* A point in the order of what a processor does. */
struct barrier_point {
    const void *processor; /* NULL: no point */
    uint64_t number;
};

/* From now on barriers are followed. Ahead of the loading of drivers. False: not on this machine. */
bool barrier_follow(void);
bool barrier_followed(void);

/* Code of a driver (whole pages) is about to run: makes its barriers known, if they are followed. */
void barrier_prepare_code(void *code, size_t length);

/* This processor executes a barrier, or an export that holds one. */
void barrier_executed(enum barrier barrier);

/* Now, on this processor. */
struct barrier_point barrier_now(void);

/* Whether this processor has executed such a barrier, or a full one, after the point. True as well
 * if the point is none or another processor's: what lies between them is not known. */
bool barrier_since(struct barrier_point point, enum barrier barrier);

#endif
