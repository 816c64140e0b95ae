/* SPDX-License-Identifier: BSD-3-Clause */
/* What a signal says about a fault, and the few things that every processor's frame must answer. */
#include <stdio.h>
#include <string.h>

#include "machine/intel/intel.h"
#include "machine/trap_internal.h"

/* Exceptions by their vector, as the signal frame tells it (AMD64 Architecture Programmer's
 * Manual, volume 2, section 8.1). */
enum intel_vector {
    VECTOR_DIVIDE_ERROR = 0,
    VECTOR_DEBUG = 1,
    VECTOR_BREAKPOINT = 3,
    VECTOR_INVALID_OPCODE = 6,
    VECTOR_GENERAL_PROTECTION = 13,
    VECTOR_PAGE_FAULT = 14,
};

/* Of a page fault's error code: the access was a write. */
#define PAGE_FAULT_WRITE 2

static enum trap_exception exception_of(int vector)
{
    switch (vector) {
    case VECTOR_DIVIDE_ERROR:
        return TRAP_DIVIDE_ERROR;
    case VECTOR_DEBUG:
        return TRAP_STEPPED;
    case VECTOR_BREAKPOINT:
        return TRAP_BREAKPOINT;
    case VECTOR_INVALID_OPCODE:
        return TRAP_INVALID_OPCODE;
    case VECTOR_GENERAL_PROTECTION:
        return TRAP_PROTECTION;
    case VECTOR_PAGE_FAULT:
        return TRAP_PAGE_FAULT;
    default:
        return TRAP_OTHER;
    }
}

void trap_frame_read(struct trap_fault *fault, const siginfo_t *info, ucontext_t *context)
{
    const greg_t *registers = context->uc_mcontext.gregs;

    fault->exception = exception_of((int)registers[REG_TRAPNO]);
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
