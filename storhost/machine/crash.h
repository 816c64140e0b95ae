/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The moment at which a system stops, by a crash or for hibernation.
 *
 * A crash begins where the script says: while nothing runs, or inside an entry point of the driver,
 * at its n-th point: the first is its beginning, and each call into the port driver and each
 * register access begins and ends with one (that is where other processors and interrupts come in,
 * too). The processor that it happens
 * on goes on at HIGH_LEVEL with what crash_run() gives it, on the stack of whatever it was doing;
 * all others stop where they are, as processors do that another one freezes.
 *
 *     CRASH_NOT -> CRASH_ARMED -> CRASH_HAPPENED -> (hibernation only) CRASH_NOT
 */
#ifndef STORHOST_MACHINE_CRASH_H
#define STORHOST_MACHINE_CRASH_H

#include <stdbool.h>

/* What the driver is doing, as far as crashes are told apart. */
enum crash_place {
    CRASH_ELSEWHERE,
    CRASH_IN_START_IO,
    CRASH_IN_INTERRUPT, /* HwInterrupt or a message routine */
    CRASH_IN_DPC,
    CRASH_IN_RESET, /* HwResetBus, or HwStartIo with a reset request */
    CRASH_PLACES
};

/* Names as scripts have them: "start-io", ...; CRASH_ELSEWHERE: "idle". */
const char *crash_place_name(enum crash_place place);

/* One entry point on the stack of a processor. */
struct crash_frame {
    enum crash_place place;
    unsigned points; /* passed in it */
};

/* For port models: the driver is entered; returns what to give to crash_leave() afterwards. On
 * processors only. */
struct crash_frame crash_enter(enum crash_place place);
void crash_leave(struct crash_frame outer);

/* Not on processors, all below. Lets the system crash inside `place` behind `after` points. */
void crash_arm(enum crash_place place, unsigned after);
bool crash_armed(void);
/* Stops the system now, when no processor runs anything. */
void crash_now(void);
/* Waits until it has stopped; false after `milliseconds` of real time. */
bool crash_wait(unsigned milliseconds);
bool crash_happened(void);
/* Runs something on the processor that is left, at HIGH_LEVEL, and waits for its end. */
void crash_run(void (*run)(void *context), void *context);
/* After hibernation: the system goes on. Only if crash_now() stopped it. */
void crash_over(void);

#endif
