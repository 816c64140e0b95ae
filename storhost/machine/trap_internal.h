/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the files that trap accesses share. trap.c receives the signals and decides whose they are;
 * trap_window.c has the register windows and ports, trap_watch.c the watched memory,
 * trap_processor.c what the driver does to its processor, trap_report.c the reports.
 */
#ifndef STORHOST_MACHINE_TRAP_INTERNAL_H
#define STORHOST_MACHINE_TRAP_INTERNAL_H

#include <signal.h>

#include "machine/trap.h"
#include "machine/trap_instruction.h"

/* Exceptions by their vector, as the signal frame tells it. */
enum trap_exception {
    TRAP_DIVIDE_ERROR = 0,
    TRAP_DEBUG = 1,
    TRAP_BREAKPOINT = 3,
    TRAP_INVALID_OPCODE = 6,
    TRAP_STACK_FAULT = 12,
    TRAP_GENERAL_PROTECTION = 13,
    TRAP_PAGE_FAULT = 14,
};

/* One fault as the handler got it. */
struct trap_fault {
    int signal;
    int exception;    /* enum trap_exception */
    uint64_t code;    /* instruction pointer */
    uint64_t address; /* of a page fault: what could not be accessed */
    bool write;       /* of a page fault */
    bool in_image;    /* the instruction is the driver's */
    ucontext_t *context;
};

/* Whether an address lies in a driver's image. */
bool trap_in_image(uint64_t address);

/* Lets other work run on this processor, if the thread is one. */
void trap_preemption_point(void);

/* ---- trap_window.c ---- */

/* Whether [address, address + size) touches a window for memory-mapped registers (or the fence
 * around it). */
bool trap_window_touches(uint64_t address, unsigned size);

/* Executes an instruction of the driver that touches a window or a port. Returns when it is done;
 * anything wrong with it is a violation. */
void trap_window_execute(struct trap_instruction *instruction);

/* ---- trap_watch.c ---- */

/* If the fault was on watched memory: calls the watcher, opens the memory and lets one instruction
 * run. */
bool trap_watch_fault(const struct trap_fault *fault);

/* After that instruction: closes the memory again. False if none was open on this thread. */
bool trap_watch_stepped(void);

/* ---- trap_processor.c ---- */

/* Executes a privileged instruction that drivers use inline. False: not one of them. */
bool trap_processor_execute(struct trap_instruction *instruction);

/* Ahead of each instruction while interrupts are off: follows pushfq and popfq, and asks for the
 * next step. */
void trap_processor_before_next(ucontext_t *context);

/* ---- trap_report.c ---- */

/* Reports a fault that the driver caused, by a violation. Returns if it was not the driver's. */
void trap_report_fault(const struct trap_fault *fault);

/* Reports an instruction of the driver that must not be; `what` completes "... at CODE". */
_Noreturn void trap_report_instruction(int rule, const struct trap_instruction *instruction,
                                       const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
