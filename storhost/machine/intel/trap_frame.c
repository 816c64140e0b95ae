/* SPDX-License-Identifier: BSD-3-Clause */
/* What a signal says about a fault, and the few things that every processor's frame must answer. */
#include <stdio.h>
#include <string.h>

#include "machine/intel/intel.h"
#include "machine/trap_internal.h"

/* Of a page fault's error code: the access was a write. */
#define PAGE_FAULT_WRITE 2

/* The exception by its signal and code, of which Linux sends each for one vector (arch/x86/kernel/
 * traps.c, arch/x86/mm/fault.c). The frame has the vector, too, but not that of qemu-i386, which
 * says -1 there. SI_KERNEL is what has no address: a general protection fault, a breakpoint. */
static enum trap_exception exception_of(int signal, int code)
{
    switch (signal) {
    case SIGSEGV:
        return code == SI_KERNEL ? TRAP_PROTECTION : TRAP_PAGE_FAULT;
    case SIGBUS:
        return code == BUS_ADRERR ? TRAP_PAGE_FAULT : TRAP_OTHER;
    case SIGILL:
        return TRAP_INVALID_OPCODE;
    case SIGTRAP:
        return code == SI_KERNEL ? TRAP_BREAKPOINT : TRAP_STEPPED;
    case SIGFPE:
        return code == FPE_INTDIV ? TRAP_DIVIDE_ERROR : TRAP_OTHER;
    default:
        return TRAP_OTHER;
    }
}

/* C code is called with the direction flag clear (System V ABI, "Registers and the Stack Frame").
 * Linux clears it when it calls a handler; qemu-i386 leaves it as the driver's instruction had it. */
__asm__(".globl trap_frame_enter\n"
        ".type trap_frame_enter, @function\n"
        "trap_frame_enter:\n"
        "    cld\n"
        "    jmp trap_on_signal\n"
        ".size trap_frame_enter, . - trap_frame_enter\n");

void trap_frame_read(struct trap_fault *fault, const siginfo_t *info, ucontext_t *context)
{
    const greg_t *registers = context->uc_mcontext.gregs;

    fault->exception = exception_of(fault->signal, info->si_code);
    fault->code = intel_ip(context);
    fault->address = (uintptr_t)info->si_addr;
    fault->write = (registers[REG_ERR] & PAGE_FAULT_WRITE) != 0;
    fault->context = context;
}

bool trap_frame_step(ucontext_t *context, bool on)
{
    intel_set_flags(context, on ? INTEL_FLAG_STEP : 0, INTEL_FLAG_STEP);
    return true;
}

uint64_t trap_frame_return_address(const ucontext_t *context)
{
    uint64_t address = 0;

    memcpy(&address, (const void *)(uintptr_t)intel_register(context, INTEL_SP),
           intel_model.pointer_bytes);
    return address;
}

void trap_frame_text(const ucontext_t *context, char *text, size_t size)
{
    int digits = (int)intel_model.pointer_bytes * 2;
    size_t used = 0;
    unsigned number;

    for (number = 0; number < intel_model.register_count && used < size; number++) {
        used += (size_t)snprintf(text + used, size - used, "%s%3s=%0*llx",
                                 number % 4 == 0 ? "\n  " : "  ", intel_model.register_name[number],
                                 digits, (unsigned long long)intel_register(context, number));
    }
    if (used < size) {
        snprintf(text + used, size - used, "\n  %s=%0*llx  flags=%08llx", intel_model.ip_name,
                 digits, (unsigned long long)intel_ip(context),
                 (unsigned long long)intel_flags(context));
    }
}
