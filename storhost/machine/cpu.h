/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Processors, IRQL and the scheduler.
 *
 * Each processor is a thread. It runs work items: an interrupt at a device IRQL, a DPC or a StartIo
 * at DISPATCH_LEVEL, a work item at PASSIVE_LEVEL. Work of a higher IRQL than the processor's
 * current one preempts it at the next preemption point (each call into the port driver, each
 * trapped access, each lowering of IRQL), nested on the same stack, as an interrupt would.
 *
 * CPU_DETERMINISTIC: one processor runs at a time; the baton goes round in a fixed order, and at
 * preemption points where a pseudo-random sequence (from the seed; seed 0: never) says so.
 * What other threads queue enters only while all processors are idle, one item at a time, so that
 * the order does not hang on how fast those threads are (cpu_hold lets several enter together).
 * The one exception: processors that only wait (cpu_relax) get such work to end their wait.
 * CPU_FREE: real concurrency, for stress.
 *
 * Every processor thread has a page that looks like the beginning of a KPCR where drivers of its
 * architecture look for it, as far as they read it inline (Self, processor number, IRQL): kpcr.h.
 */
#ifndef STORHOST_MACHINE_CPU_H
#define STORHOST_MACHINE_CPU_H

#include <stdbool.h>
#include <stdint.h>

#include "cpu_arch.h" /* the architecture's: IRQL_HIGH, cpu_pause */

#define CPU_MAXIMUM 128

/* IRQLs; IRQL_HIGH, above all devices', differs between architectures. */
enum {
    IRQL_PASSIVE = 0,
    IRQL_APC = 1,
    IRQL_DISPATCH = 2,
    IRQL_DEVICE = 6
};

enum cpu_mode {
    CPU_DETERMINISTIC,
    CPU_FREE
};

/* One thing to do on a processor. The caller owns the memory until `run` is called. */
struct cpu_work {
    struct cpu_work *next; /* scheduler's */
    uint8_t irql;
    void (*run)(void *context); /* called at `irql` on the chosen processor */
    void *context;
    const char *name; /* entry point or purpose, for reports */
    unsigned target;  /* scheduler's: processor */
    unsigned batch;   /* scheduler's: cpu_hold it was queued in, 0: none */
};

void cpu_start(unsigned count, enum cpu_mode mode, uint64_t seed);
void cpu_stop(void); /* waits until all are idle, ends the threads */
unsigned cpu_count(void);

/* -1 on a thread that is no processor. */
int cpu_current(void);
uint8_t cpu_irql(void);

/* Raise returns the old IRQL; lower runs what became due. Only on processors. Violation RULE_IRQL if raise lowers or
 * lower raises. */
uint8_t cpu_raise(uint8_t irql);
void cpu_lower(uint8_t irql);

/* Puts work on a processor's queue: FIFO within an IRQL. Any thread. */
void cpu_queue(unsigned index, struct cpu_work *work);

/*
 * Between the two, what other threads than processors queue is kept back; then it enters together.
 * With it a test lets several requests meet on the processors in deterministic mode. Calls nest.
 */
void cpu_hold(void);
void cpu_let_go(void);

/* Runs `run` on a processor at an IRQL and waits for it. Not from a processor thread. */
void cpu_call(unsigned index, uint8_t irql, void (*run)(void *context), void *context,
              const char *name);

/* May run pending work of higher IRQL and, in deterministic mode, pass the baton. Called at each
 * entry into and return from the port driver and at trapped accesses. */
void cpu_preemption_point(void);

/* Called at each preemption point of each processor, ahead of anything else; NULL: nobody. */
void cpu_on_preemption_point(void (*look)(void));

/*
 * Stops the machine but for the calling processor, which raises its IRQL to HIGH_LEVEL before:
 * every other one stops at its next preemption point, wherever in the driver's code that is, and
 * runs nothing more until cpu_thaw(); work that is queued meanwhile waits. Returns when all have
 * stopped. The caller's own preemption points let nobody else run.
 */
void cpu_freeze(void);
void cpu_thaw(void); /* on the processor that froze the others */
bool cpu_frozen(void);

/* To be called in loops that wait for another processor or for a device (spin locks, polling,
 * stalls): a preemption point that passes the baton, or pauses. */
void cpu_relax(void);

/* Waits until no processor runs or has pending work, for at most `milliseconds` of real time;
 * false if that did not come. A frozen machine counts as idle. Not from a processor thread. */
bool cpu_wait_idle(unsigned milliseconds);

/* For a processor whose thread, inside work of its own, waits for something else than work (poll): this
 * eventfd is written when another thread queues work for it. -1: no longer. Free mode. */
void cpu_set_bell(unsigned index, int event);

/* Hook called on a processor whenever it drops below DISPATCH_LEVEL with nothing pending. At most
 * four; before the first work is queued. */
void cpu_on_idle(void (*run)(void *context, unsigned index), void *context);

/* What the current processor does, as a text for reports ("StartIo, DISPATCH_LEVEL, cpu 1"). */
void cpu_describe(char *text, unsigned size);

/*
 * Spin locks of the model: raise to `irql`, record the holder, check recursion (violation
 * RULE_LOCK_RECURSION) and order: a lock of a lower or the same rank than one already held by this
 * processor is violation RULE_LOCK_ORDER. StorPort's order (reference of StorPortAcquireSpinLock):
 * DPC lock, then StartIo lock, then interrupt lock. A lock that is not had within CPU_LOCK_SECONDS
 * of real time, or that nobody can release, is violation RULE_LOCK_ORDER: who holds and waits for
 * what. Only on processors.
 */
#define CPU_LOCK_SECONDS 20

struct cpu_lock {
    const char *name;
    uint8_t irql;
    uint8_t rank;        /* 0: its user checks the order */
    _Atomic(int) holder; /* processor, -1: free; set by cpu_lock_init */
};
void cpu_lock_init(struct cpu_lock *lock, const char *name, uint8_t irql, uint8_t rank);
uint8_t cpu_lock_acquire(struct cpu_lock *lock); /* returns the old IRQL */
void cpu_lock_release(struct cpu_lock *lock, uint8_t old_irql);
bool cpu_lock_held(const struct cpu_lock *lock); /* by this processor */
/* The locks that this processor holds, in the order in which it took them, at most `room`. Returns how
 * many. */
unsigned cpu_locks_held(const struct cpu_lock **locks, unsigned room);

#endif
