/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The bench's clock: StorPort's timeouts and timers run on it, in microseconds since the start.
 * CLOCK_REAL follows the real clock (a disk that is served); CLOCK_MANUAL stands still until a
 * test advances it.
 */
#ifndef STORHOST_MACHINE_CLOCK_H
#define STORHOST_MACHINE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

enum clock_mode {
    CLOCK_REAL_TIME,
    CLOCK_MANUAL
};

/* Starts at time 0 with no timer armed; a second call starts again. */
void clock_start(enum clock_mode mode);
uint64_t clock_now(void); /* microseconds */

/* Real mode becomes manual: from now on time stands still until clock_advance. Not on a processor. */
void clock_stop(void);

/* Manual mode: moves the clock on and queues what became due, in order of due time; returns after
 * the queued work ran (cpu_wait_idle between steps). Not from a processor thread. */
void clock_advance(uint64_t microseconds);

/* What StorPortStallExecution does: manual mode moves the clock without running timers, real mode
 * waits. Then lets others run (cpu_relax): a stall is often part of a loop that polls. */
void clock_stall(uint64_t microseconds);

/* Time that passes while a processor hangs in one access of a device: like clock_stall, but timers run
 * meanwhile, in manual mode as well, and so other processors may have work. */
void clock_hang(uint64_t microseconds);

/* Time on the clock without what this thread has spent in clock_hang, for what the driver's own code
 * takes; real mode: only what it has asked to stall, as the machine's load is not the driver's. */
uint64_t clock_of_thread(void);

struct clock_timer {
    struct clock_timer *next; /* clock's */
    uint64_t due;
    bool armed;
    void (*fire)(void *context); /* on an unspecified thread: queue work on a processor */
    void *context;
};
/* Arms (or re-arms) a timer; delay 0 cancels it. Any thread. A timer that is about to fire on
 * another thread may still do so after it was cancelled. The rest of `timer` must be zero when it is
 * armed for the first time, and the timer must live on while it is armed. */
void clock_arm(struct clock_timer *timer, uint64_t delay_microseconds);

#endif
