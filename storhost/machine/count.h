/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Exact counts of what driver code does: instructions, locked instructions, bytes stored, cache
 * lines touched. By single-stepping every instruction of the driver's image, wherever it is called
 * from; the port driver's own code is passed over.
 *
 * Only with the deterministic scheduler, where one processor runs at a time: the same run then gives
 * the same counts. Only on processors that can single-step a program (x64, x86).
 */
#ifndef STORHOST_MACHINE_COUNT_H
#define STORHOST_MACHINE_COUNT_H

#include <stdbool.h>
#include <stdint.h>

/* Which of the driver's entry points an instruction belongs to. */
enum count_phase {
    COUNT_BUILD,     /* HwBuildIo */
    COUNT_START,     /* HwStartIo */
    COUNT_INTERRUPT, /* line and messages */
    COUNT_DPC,
    COUNT_OTHER, /* timers, resets, work items, ... */
    COUNT_PHASES
};

/* Whose memory an access is to. */
enum count_class {
    COUNT_DRIVER, /* the image, device extension, unit extensions, pool */
    COUNT_RING,   /* memory that driver and device share */
    COUNT_SRB,    /* SRB, its extension, scatter/gather list, sense and data */
    COUNT_STACK,
    COUNT_ELSEWHERE, /* registers, and what the port driver keeps */
    COUNT_CLASSES
};

#define COUNT_LINE_BYTES 64u

/* Everything since count_start. */
struct count_totals {
    uint64_t instructions[COUNT_PHASES];
    uint64_t locked;                /* instructions with a lock prefix, implied ones included */
    uint64_t fences;                /* full ones: mfence, or a locked instruction on the stack */
    uint64_t stored[COUNT_CLASSES]; /* bytes */
    uint64_t cleared; /* of these: by memset and its kind, string and vector stores of zeros */
    uint64_t copied;  /* of these: by memcpy and its kind, string moves, vectors stored as loaded */
    /* Lines, each counted once in a window (count_window) and class. */
    uint64_t lines_read[COUNT_CLASSES];
    uint64_t lines_written[COUNT_CLASSES];
    uint64_t lines_touched[COUNT_CLASSES]; /* read or written */
    /* Lines that more than one processor has written since count_start. */
    uint64_t lines_shared[COUNT_CLASSES];
};

/* Whether this build can count. */
bool count_supported(void);

/* Begins and ends counting. While no driver code runs. */
void count_start(void);
void count_stop(void);

/* Ends a window: lines are new again. While no driver code runs. */
void count_window(void);

void count_get(struct count_totals *totals);

/* Calls `each` with every instruction that was counted: its place in the image as trap_describe_code
 * names it ("viostor.sys+0x1a2c"), and how often it ran. In no order. */
void count_each_instruction(void (*each)(void *context, const char *place, uint64_t times),
                            void *context);

/* Calls `each` with the address of every line that more than one processor has written. In no order. */
void count_each_shared_line(void (*each)(void *context, uint64_t address), void *context);

/* Around each call into the driver, by the port model, on the processor's thread. */
void count_enter(enum count_phase phase);
void count_leave(void);

const char *count_phase_name(enum count_phase phase);
const char *count_class_name(enum count_class class);

#endif
