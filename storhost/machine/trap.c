/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Receives the faults of driver code and decides what they mean.
 *
 *   driver instruction --- page fault ---------> register window?  execute it on the device
 *                      |                     \-> watched memory?   tell, open, step, close
 *                      |-- general protection -> port or CR8, interrupt flag?  execute it
 *                      |-- debug --------------> end of a step
 *                      \-- anything else ------> violation, with the place and the registers
 *
 * The handlers run on the stack of the driver's thread, with no signal blocked: an access may let
 * an interrupt service routine run (a preemption point), whose own accesses fault again, nested.
 * No lock is held then. The system saves and restores all registers around a handler, vector
 * registers included. The Windows calling convention has no red zone, so the frame hurts nothing.
 *
 * While instructions are counted (count.h) every way back into driver code goes by
 * count_before_next().
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/violation.h"
#include "machine/count_internal.h"
#include "machine/cpu.h"
#include "machine/trap_internal.h"

#define IMAGE_COUNT  16
#define EXPORT_DEPTH 8

struct image {
    atomic_uintptr_t base; /* 0: unused */
    size_t length;
    char name[64];
};

static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE};
static struct sigaction previous[NSIG];
static struct image images[IMAGE_COUNT];

/* Exports that this thread is in on the driver's behalf, innermost last. */
static _Thread_local struct {
    const char *name[EXPORT_DEPTH];
    unsigned depth;
} exports;

/* ---- Images and exports -------------------------------------------------------------------- */

static struct image *find_image(uint64_t address)
{
    unsigned index;

    for (index = 0; index < IMAGE_COUNT; index++) {
        uintptr_t base = atomic_load_explicit(&images[index].base, memory_order_acquire);

        if (base != 0 && address >= base && address - base < images[index].length) {
            return &images[index];
        }
    }
    return NULL;
}

bool trap_in_image(uint64_t address)
{
    return find_image(address) != NULL;
}

void trap_add_image(const void *base, size_t length, const char *name)
{
    unsigned index;

    for (index = 0; index < IMAGE_COUNT; index++) {
        struct image *image = &images[index];

        if (atomic_load(&image->base) == 0) {
            image->length = length;
            snprintf(image->name, sizeof(image->name), "%s", name);
            atomic_store_explicit(&image->base, (uintptr_t)base, memory_order_release);
            return;
        }
    }
    fatal("more than %u driver images are loaded", IMAGE_COUNT);
}

void trap_remove_image(const void *base)
{
    unsigned index;

    for (index = 0; index < IMAGE_COUNT; index++) {
        if (atomic_load(&images[index].base) == (uintptr_t)base) {
            atomic_store(&images[index].base, 0);
        }
    }
}

bool trap_describe_code(const void *address, char *text, size_t size)
{
    const struct image *image = find_image((uintptr_t)address);

    if (image == NULL) {
        return false;
    }
    snprintf(text, size, "%s+0x%llx", image->name,
             (unsigned long long)((uintptr_t)address - atomic_load(&image->base)));
    return true;
}

void trap_enter_export(const char *name)
{
    trap_watch_stepped();
    if (exports.depth < EXPORT_DEPTH) {
        exports.name[exports.depth] = name;
    }
    exports.depth++;
}

void trap_leave_export(void)
{
    trap_watch_stepped();
    exports.depth--;
}

const char *trap_current_export(void)
{
    unsigned depth = exports.depth < EXPORT_DEPTH ? exports.depth : EXPORT_DEPTH;

    return depth == 0 ? NULL : exports.name[depth - 1];
}

void trap_preemption_point(void)
{
    if (cpu_current() >= 0) {
        cpu_preemption_point();
    }
}

/* ---- Signals ------------------------------------------------------------------------------- */

/* Whether an access of the instruction lies in a register window. */
static bool touches_window(const struct trap_instruction *instruction)
{
    unsigned index;

    for (index = 0; index < instruction->access_count; index++) {
        if (trap_window_touches(instruction->access[index].address,
                                instruction->access[index].size)) {
            return true;
        }
    }
    return false;
}

/* Executes the instruction in the driver's place. Only code of the driver is preempted: the bench's
 * own may hold a lock. */
static void execute(const struct trap_fault *fault, struct trap_instruction *instruction)
{
    if (fault->in_image) {
        trap_preemption_point();
    }
    trap_window_execute(instruction);
    if (fault->in_image) {
        trap_preemption_point();
    }
}

static bool on_page_fault(const struct trap_fault *fault)
{
    struct trap_instruction instruction;

    if (trap_watch_fault(fault)) {
        return true;
    }
    if (fault->address != fault->code && trap_window_touches(fault->address, 1) &&
        trap_decode(&instruction, fault->context)) {
        execute(fault, &instruction);
        return true;
    }
    return false;
}

static bool on_protection(const struct trap_fault *fault)
{
    struct trap_instruction instruction;

    if (!fault->in_image || !trap_decode(&instruction, fault->context)) {
        return false;
    }
    if (instruction.ports || touches_window(&instruction)) {
        execute(fault, &instruction);
        return true;
    }
    return trap_processor_execute(&instruction);
}

/* The end of a single step. */
static bool on_stepped(const struct trap_fault *fault)
{
    bool watched = trap_watch_stepped();

    trap_frame_step(fault->context, false);
    if (watched && fault->in_image) {
        trap_preemption_point();
    }
    return true;
}

/* Not the driver's: leaves it to who was there before (a sanitizer, or the system's core dump), by
 * letting the instruction fault again. */
static void decline(const struct trap_fault *fault)
{
    fprintf(stderr, "storhost: internal error: signal %d at 0x%llx, address 0x%llx\n",
            fault->signal, (unsigned long long)fault->code, (unsigned long long)fault->address);
    sigaction(fault->signal, &previous[fault->signal], NULL);
}

void trap_on_signal(int number, siginfo_t *info, void *context)
{
    int saved_errno = errno;
    struct trap_fault fault = {.signal = number};
    bool handled = false;

    trap_frame_read(&fault, info, context);
    fault.in_image = trap_in_image(fault.code);
    switch (fault.exception) {
    case TRAP_PAGE_FAULT:
        handled = on_page_fault(&fault);
        break;
    case TRAP_PROTECTION:
        handled = on_protection(&fault);
        break;
    case TRAP_STEPPED:
        handled = on_stepped(&fault);
        break;
    case TRAP_BREAKPOINT:
        handled = count_breakpoint(context);
        break;
    default:
        break;
    }
    if (handled) {
        trap_processor_before_next(context);
        count_before_next(context);
    } else {
        trap_report_fault(&fault);
        decline(&fault);
    }
    errno = saved_errno;
    trap_frame_leave(context);
}

void trap_init(void)
{
    struct sigaction action = {.sa_sigaction = trap_frame_enter,
                               .sa_flags = SA_SIGINFO | SA_NODEFER};
    unsigned index;

    trap_frame_init();
    sigemptyset(&action.sa_mask);
    for (index = 0; index < sizeof(signals) / sizeof(signals[0]); index++) {
        if (sigaction(signals[index], &action, &previous[signals[index]]) != 0) {
            fatal("cannot handle signal %d: %s", signals[index], strerror(errno));
        }
    }
}
