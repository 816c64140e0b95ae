/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the files of the counter share: count.c keeps the counts, the architecture's count_step.c
 * follows the driver instruction by instruction.
 */
#ifndef STORHOST_MACHINE_COUNT_INTERNAL_H
#define STORHOST_MACHINE_COUNT_INTERNAL_H

#include <stddef.h>
#include <ucontext.h>

#include "machine/count.h"

/* What an instruction of the driver is, beside one more. */
struct count_instruction {
    uint64_t address;
    bool locked;
    bool fence;
    bool again; /* the next round of a repeated one that was counted */
};

/* How bytes came to be stored. */
enum count_store {
    COUNT_STORE_PLAIN,
    COUNT_STORE_CLEARED,
    COUNT_STORE_COPIED,
};

/* Whether driver code of this thread is being counted. */
bool count_active(void);

void count_instruction(const struct count_instruction *instruction);
/* An access of the driver's; `stack` is its stack pointer. */
void count_read(uint64_t address, size_t bytes, uint64_t stack);
void count_write(uint64_t address, size_t bytes, uint64_t stack, enum count_store store);

/* ---- count_step.c of the architecture ---- */

bool count_step_supported(void);
/* Finds what it needs to know of the exports; once. */
void count_step_prepare(void);
/* Has the driver's instructions followed that this thread is about to call, or no longer. */
void count_step_begin(void);
void count_step_end(void);

/* ---- Called by trap.c ---- */

/* Ahead of the next instruction of a context that a handler is about to return to. */
void count_before_next(ucontext_t *context);
/* A breakpoint: true if it was the counter's, which has then put the context right. */
bool count_breakpoint(ucontext_t *context);

#endif
