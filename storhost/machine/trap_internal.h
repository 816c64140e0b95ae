/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the files that trap accesses share. trap.c receives the signals and decides whose they are;
 * trap_window.c has the register windows and ports, trap_watch.c the watched memory, trap_report.c
 * the reports. The folder of an architecture has the frame that a signal saves (trap_frame.c), its
 * instructions (trap_instruction.h) and what the driver does to its processor (trap_processor.c).
 */
#ifndef STORHOST_MACHINE_TRAP_INTERNAL_H
#define STORHOST_MACHINE_TRAP_INTERNAL_H

#include <signal.h>

#include "machine/trap.h"
#include "machine/trap_instruction.h"

/* What kind of fault it was, on any processor. */
enum trap_exception {
    TRAP_PAGE_FAULT,
    TRAP_PROTECTION, /* the instruction is not for user mode, or its address for no one */
    TRAP_STEPPED,    /* the end of a single step */
    TRAP_BREAKPOINT,
    TRAP_INVALID_OPCODE,
    TRAP_DIVIDE_ERROR,
    TRAP_MISALIGNED, /* an access whose instruction demands that it is aligned */
    TRAP_OTHER,
};

/* One fault as the handler got it. */
struct trap_fault {
    int signal;
    enum trap_exception exception;
    uint64_t code;    /* instruction pointer */
    uint64_t address; /* of a page fault: what could not be accessed */
    bool write;       /* of a page fault */
    bool in_image;    /* the instruction is the driver's */
    ucontext_t *context;
};

/* Whether an address lies in a driver's image. */
bool trap_in_image(uint64_t address);

/* Receives a signal, from trap_frame_enter(). */
void trap_on_signal(int number, siginfo_t *info, void *context);

/* Lets other work run on this processor, if the thread is one. */
void trap_preemption_point(void);

/* ---- trap_frame.c of the architecture ---- */

/* Fills in what the signal tells of a fault: all but `signal` and `in_image`. */
void trap_frame_read(struct trap_fault *fault, const siginfo_t *info, ucontext_t *context);

/* Ahead of the first fault, with no processor running yet. */
void trap_frame_init(void);

/* The handler of signals: has trap_on_signal() called as C code expects to be. */
void trap_frame_enter(int number, siginfo_t *info, void *context);

/* Goes back to where the context says, if the system's own return from a signal would not restore
 * all of it; else returns, for the handler to return. The last thing that a handler does. */
void trap_frame_leave(ucontext_t *context);

/* Lets only one instruction run when the handler returns, or no longer. False: this processor
 * cannot do so. */
bool trap_frame_step(ucontext_t *context, bool on);

/* Where the function returns to whose first instruction the context is at. */
uint64_t trap_frame_return_address(const ucontext_t *context);

/* All registers, for reports: lines that each begin with a line feed. */
void trap_frame_text(const ucontext_t *context, char *text, size_t size);

/* ---- trap_window.c ---- */

/* Whether [address, address + size) touches a window for memory-mapped registers (or the fence
 * around it). */
bool trap_window_touches(uint64_t address, unsigned size);

/* Executes an instruction of the driver that touches a window or a port. Returns when it is done;
 * anything wrong with it is a violation. */
void trap_window_execute(struct trap_instruction *instruction);

/* ---- trap_watch.c ---- */

/* If the fault was on watched memory: calls the watcher, opens the memory and lets one instruction
 * run, or executes it at once where no single instruction can be let run. */
bool trap_watch_fault(const struct trap_fault *fault);

/* After that instruction: closes the memory again. False if none was open on this thread. Whatever
 * a thread does next may call this: where instructions cannot be stepped, those that the bench
 * cannot execute leave the memory open until then. */
bool trap_watch_stepped(void);

/* ---- trap_processor.c of the architecture ---- */

/* Executes a privileged instruction that drivers use inline. False: not one of them. */
bool trap_processor_execute(struct trap_instruction *instruction);

/* Ahead of the instruction that follows one executed here, for what is to be watched from one
 * instruction to the next: the interrupt flag on x64 and x86, x18 on ARM64. */
void trap_processor_before_next(ucontext_t *context);

/* ---- trap_report.c ---- */

/* Reports a fault that the driver caused, by a violation. Returns if it was not the driver's. */
void trap_report_fault(const struct trap_fault *fault);

/* Why a driver stops itself by __fastfail(code). */
const char *trap_fast_fail_name(uint64_t code);

/* Reports an instruction of the driver that must not be; `what` completes "... at CODE". */
_Noreturn void trap_report_instruction(int rule, const struct trap_instruction *instruction,
                                       const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
