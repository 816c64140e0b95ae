/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The rules that a driver must keep, and the one way to report that it broke one.
 *
 * A violation ends the run: the first broken rule is the one to look at, whatever follows from it
 * is noise. The report goes to standard error as one block and names the rule, what happened, the
 * driver's code that did it (module and offset), the processor, its IRQL and the entry point.
 */
#ifndef STORHOST_BASE_VIOLATION_H
#define STORHOST_BASE_VIOLATION_H

#include <stdbool.h>
#include <stdio.h>

/* Exit status of a run that a violation ended; other failures end with 1, wrong usage with 2. */
#define VIOLATION_EXIT_STATUS 3

enum rule {
    RULE_IRQL,           /* a call at an IRQL that its reference page forbids */
    RULE_LOCK_RECURSION, /* a lock taken by the processor that holds it */
    RULE_LOCK_ORDER,     /* a lock taken out of StorPort's order, or released when not held */
    RULE_SRB_TWICE,      /* a request completed twice */
    RULE_SRB_NOT_OWNED,  /* a request completed or used that the driver does not own (any more) */
    RULE_SRB_STATUS,     /* a request completed with values that make no sense */
    RULE_LOST_REQUEST,   /* a request that the driver neither completed nor put back in time */
    RULE_MEMORY,         /* memory touched beyond its end, after it was freed or never given */
    RULE_DMA_GRANT,      /* the device is told an address that no live grant covers */
    RULE_LATE_DMA,       /* the device wrote into memory whose grant had ended */
    RULE_DOORBELL,       /* a doorbell that the specification demands did not come */
    RULE_DOUBLE_FETCH,   /* a value fetched twice from memory that the device can write */
    RULE_RING_LOCK,      /* a part of a ring that processors use with no lock in common */
    RULE_BARRIER,        /* accesses to a ring or a doorbell that no barrier keeps in order */
    RULE_HOT_ALLOCATION, /* an allocation on the request path */
    RULE_IMPORT,         /* an import that this Windows does not offer */
    RULE_ARGUMENT,       /* an argument that the reference forbids */
    RULE_UNKNOWN_CODE,   /* an extended function or notification that no Windows knows */
    RULE_PHASE,          /* a call outside the phase (FindAdapter, Initialize, ...) it belongs to */
    RULE_LEAK,           /* something not given back when the adapter went away */
    RULE_VIRTIO,         /* a driver requirement of the virtio specification not kept */
    RULE_STALL,          /* a stall longer than the reference allows */
    RULE_DUMP,           /* what a dump copy of the driver must not do, or must */
    RULE_CRASH,          /* the driver faulted: bad access, bad instruction, bug check */
    RULE_COUNT
};

/* Short name of a rule as reports and tests use it, such as "lock-order". */
const char *rule_name(enum rule rule);

/* Counts of violations are always 0 or the run has ended; this tells how many checks were made. */
void rule_checked(enum rule rule);
unsigned long long rule_checks(enum rule rule);

/*
 * For measuring time: what costs on a request's way is not checked from now on, for good (what the
 * checks followed has then been missed). Not switched off is what is looked at once, such as leaks.
 */
void rules_switch_off(void);
extern bool rules_switched_off; /* by rules_switch_off() alone */

static inline bool rules_are_off(void)
{
    return __builtin_expect(rules_switched_off, false);
}

/*
 * Reports a violation and ends the process with VIOLATION_EXIT_STATUS. May be called on any
 * thread, also from a signal handler that was entered from driver code.
 */
void violation(enum rule rule, const char *format, ...)
    __attribute__((noreturn, format(printf, 2, 3)));

/*
 * Registers a function that adds a line to each report (where the driver is, which SRB ...).
 * At most 8; they run in the order of registration, on the thread that reports.
 */
void violation_add_context(void (*print)(void *context), void *context);

/* An error of the user's or the surroundings' (not of the driver): prints "storhost: ..." and
 * ends with status 1. Says what was wrong, where, and what to do. */
void fatal(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* Registers what adds a line to the report of every run that fails, by a violation or otherwise; one
 * function only. failure_print_note() is for whoever ends a failed run by exit(). */
void failure_note(void (*print)(FILE *file));
void failure_print_note(void);

/* Functions run (last registered first) when the process ends by violation() or fatal(), or by
 * exit(): stop QEMU, remove sockets. Must be callable on any thread. */
void at_end(void (*run)(void *context), void *context);

#endif
