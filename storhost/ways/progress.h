/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Says on standard error how far a long piece of work is: one line that is rewritten on a
 * terminal, a line every few seconds otherwise.
 */
#ifndef STORHOST_WAYS_PROGRESS_H
#define STORHOST_WAYS_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    bool shown; /* false: everything below does nothing */
    bool terminal;
    const char *what;
    uint64_t total;         /* bytes */
    uint64_t started, last; /* microseconds of the monotonic clock */
};

void progress_begin(struct progress *progress, bool shown, const char *what, uint64_t total_bytes);
void progress_update(struct progress *progress, uint64_t done_bytes);
void progress_end(struct progress *progress, uint64_t done_bytes);

/* Microseconds of the monotonic clock. */
uint64_t progress_now(void);

#endif
