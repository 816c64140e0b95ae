/* SPDX-License-Identifier: BSD-3-Clause */
/* The signal frame of a 64-bit program. */
#include <asm/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "machine/intel/intel.h"
#include "machine/trap_internal.h"

const struct intel_model intel_model = {
    .mode = ZYDIS_MACHINE_MODE_LONG_64,
    .stack_width = ZYDIS_STACK_WIDTH_64,
    .pointer_bytes = 8,
    .register_count = 16,
    .vector_count = 16,
    .frame_index = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI, REG_R8,
                    REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15},
    .frame_ip = REG_RIP,
    .register_name = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10",
                      "r11", "r12", "r13", "r14", "r15"},
    .ip_name = "rip",
};

uint64_t intel_segment_base(const ucontext_t *context, ZydisRegister segment)
{
    unsigned long base = 0;

    (void)context; /* the handler runs with the same bases */
    if (segment == ZYDIS_REGISTER_GS) {
        syscall(SYS_arch_prctl, ARCH_GET_GS, &base);
    } else if (segment == ZYDIS_REGISTER_FS) {
        syscall(SYS_arch_prctl, ARCH_GET_FS, &base);
    }
    return base;
}

void trap_frame_init(void)
{
}

void trap_frame_leave(ucontext_t *context)
{
    (void)context;
}

uint8_t *intel_fxsave_area(const ucontext_t *context)
{
    return (uint8_t *)context->uc_mcontext.fpregs;
}
