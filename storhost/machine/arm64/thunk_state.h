/* SPDX-License-Identifier: BSD-3-Clause */
/* What a thread keeps for the thunks. */
#ifndef STORHOST_MACHINE_ARM64_THUNK_STATE_H
#define STORHOST_MACHINE_ARM64_THUNK_STATE_H

#include <stdint.h>

#define THUNK_DEPTH 256 /* exports that a thread is in at a time, interrupted ones included */

struct kpcr;

/* The code of thunk.c knows these offsets. */
struct thunk_state {
    const struct kpcr *kpcr;             /* what x18 holds in the driver; NULL: no processor */
    uint64_t depth;                      /* exports that the thread is in */
    const void *returns_to[THUNK_DEPTH]; /* in the driver, outermost first */
};

extern _Thread_local struct thunk_state thunk_state;

#endif
