/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Follows the driver instruction by instruction, by the trap flag.
 *
 *   count_step_begin ──> host code until the call ──> image: each instruction is counted before it runs
 *                                                       │                     ^
 *                        call of an export: not stepped │                     │ breakpoint
 *                        its return address is replaced └──> export ──> trampoline
 *                        by the trampoline's
 *
 *   A return out of the image ends it; an access that a handler performs in the instruction's place
 *   ends without a step, so that handler asks for the next instruction, too (count_before_next).
 */
#include <string.h>
#include <sys/mman.h>

#include "base/violation.h"
#include "kernel/exports.h"
#include "machine/count_internal.h"
#include "machine/intel/intel.h"
#include "machine/trap_internal.h"

#define CALL_DEPTH 32
#define BREAKPOINT 0xcc /* int3 */

/* Exports that store for the driver. */
enum export_store {
    EXPORT_MEMSET,
    EXPORT_MEMCPY,
    EXPORT_MEMMOVE,
    EXPORT_STORES
};

static const void *store_export[EXPORT_STORES];
static uint8_t *trampoline;

static _Thread_local struct {
    bool inside;               /* the last instruction that was counted is the driver's */
    bool returns;              /* ... and leaves by a return */
    uint64_t last;             /* its address */
    unsigned depth;            /* calls of exports that have not come back */
    uint64_t back[CALL_DEPTH]; /* where they return to */
} step;

bool count_step_supported(void)
{
    return true;
}

void count_step_prepare(void)
{
    static const char *const names[EXPORT_STORES] = {"memset", "memcpy", "memmove"};

    for (unsigned i = 0; i < EXPORT_STORES; i++) {
        store_export[i] = kernel_resolve("ntoskrnl.exe", names[i], NULL);
    }
    trampoline = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (trampoline == MAP_FAILED) {
        fatal("no memory for a trampoline");
    }
    trampoline[0] = BREAKPOINT;
    if (mprotect(trampoline, 4096, PROT_READ | PROT_EXEC) != 0) {
        fatal("cannot make a trampoline");
    }
}

static void set_trap_flag(bool on)
{
#if defined(__x86_64__)
    if (on) {
        __asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq" ::: "memory", "cc");
    } else {
        __asm__ volatile("pushfq; andq $~0x100, (%%rsp); popfq" ::: "memory", "cc");
    }
#else
    if (on) {
        __asm__ volatile("pushfl; orl $0x100, (%%esp); popfl" ::: "memory", "cc");
    } else {
        __asm__ volatile("pushfl; andl $~0x100, (%%esp); popfl" ::: "memory", "cc");
    }
#endif
}

void count_step_begin(void)
{
    step.inside = false;
    set_trap_flag(true);
}

void count_step_end(void)
{
    set_trap_flag(false);
    step.inside = false;
}

/* ---- One instruction ---- */

static bool is_string_store(ZydisMnemonic mnemonic)
{
    return mnemonic == ZYDIS_MNEMONIC_STOSB || mnemonic == ZYDIS_MNEMONIC_STOSW ||
           mnemonic == ZYDIS_MNEMONIC_STOSD || mnemonic == ZYDIS_MNEMONIC_STOSQ;
}

static bool is_string_move(const ZydisDecodedInstruction *info)
{
    return info->meta.category == ZYDIS_CATEGORY_STRINGOP &&
           (info->mnemonic == ZYDIS_MNEMONIC_MOVSB || info->mnemonic == ZYDIS_MNEMONIC_MOVSW ||
            info->mnemonic == ZYDIS_MNEMONIC_MOVSD || info->mnemonic == ZYDIS_MNEMONIC_MOVSQ);
}

static enum count_store store_of(const struct trap_instruction *instruction)
{
    const ZydisDecodedInstruction *info = &instruction->decoded.info;

    if (is_string_move(info)) {
        return COUNT_STORE_COPIED;
    }
    if (is_string_store(info->mnemonic) && intel_register(instruction->context, INTEL_AX) == 0) {
        return COUNT_STORE_CLEARED;
    }
    return COUNT_STORE_PLAIN;
}

static bool is_locked(const struct trap_instruction *instruction)
{
    const ZydisDecodedInstruction *info = &instruction->decoded.info;

    /* xchg with memory locks without a prefix. */
    return (info->attributes & ZYDIS_ATTRIB_HAS_LOCK) != 0 ||
           (info->mnemonic == ZYDIS_MNEMONIC_XCHG && instruction->access_count != 0);
}

/* mfence, or a locked instruction on the top of the stack, which orders as well and costs less. */
static bool is_fence(const struct trap_instruction *instruction, uint64_t stack)
{
    if (instruction->decoded.info.mnemonic == ZYDIS_MNEMONIC_MFENCE) {
        return true;
    }
    return is_locked(instruction) && instruction->access_count != 0 &&
           instruction->access[0].address == stack;
}

static void count_at(ucontext_t *context)
{
    uint64_t stack = intel_register(context, INTEL_SP);
    struct trap_instruction instruction;
    struct count_instruction what;

    if (!trap_decode(&instruction, context)) {
        return; /* it faults, and is then reported */
    }
    what.address = instruction.address;
    what.locked = is_locked(&instruction);
    what.fence = is_fence(&instruction, stack);
    what.again = step.inside && step.last == instruction.address &&
                 (instruction.decoded.info.attributes & ZYDIS_ATTRIB_HAS_REP) != 0;
    count_instruction(&what);
    for (unsigned i = 0; i < instruction.access_count; i++) {
        const struct trap_access *access = &instruction.access[i];

        if (access->reads) {
            count_read(access->address, access->size, stack);
        }
        if (access->writes) {
            count_write(access->address, access->size, stack, store_of(&instruction));
        }
    }
    step.inside = true;
    step.last = instruction.address;
    step.returns = instruction.decoded.info.meta.category == ZYDIS_CATEGORY_RET;
}

/* ---- Out of the image and back ---- */

/* An argument of the export that the context has just been led to, counted from 0. */
static uint64_t argument(const ucontext_t *context, unsigned number)
{
    static const uint8_t registers[] = {INTEL_CX, INTEL_DX, 8};
    uint32_t value;

    if (intel_model.pointer_bytes == 8) {
        return intel_register(context, registers[number]);
    }
    memcpy(&value, (const void *)(uintptr_t)(intel_register(context, INTEL_SP) + 4 + 4 * number),
           sizeof(value));
    return value;
}

static void count_export_store(const ucontext_t *context)
{
    const void *target = (const void *)(uintptr_t)intel_ip(context);
    uint64_t bytes = argument(context, 2), stack = intel_register(context, INTEL_SP);

    if (target == store_export[EXPORT_MEMSET] && bytes != 0) {
        count_write(argument(context, 0), bytes, stack,
                    argument(context, 1) == 0 ? COUNT_STORE_CLEARED : COUNT_STORE_PLAIN);
    } else if ((target == store_export[EXPORT_MEMCPY] || target == store_export[EXPORT_MEMMOVE]) &&
               bytes != 0) {
        count_read(argument(context, 1), bytes, stack);
        count_write(argument(context, 0), bytes, stack, COUNT_STORE_COPIED);
    }
}

/* The driver has called an export: lets it run to its end. */
static void leave_image(ucontext_t *context)
{
    uint64_t *slot = (uint64_t *)(uintptr_t)intel_register(context, INTEL_SP);
    uintptr_t back = (uintptr_t)trampoline;

    count_export_store(context);
    if (step.depth == CALL_DEPTH) {
        fatal("calls of exports are nested more than %u deep", CALL_DEPTH);
    }
    step.back[step.depth++] = trap_frame_return_address(context);
    memcpy(slot, &back, intel_model.pointer_bytes);
    step.inside = false;
    trap_frame_step(context, false);
}

void count_before_next(ucontext_t *context)
{
    if (!count_active()) {
        return;
    }
    if (trap_in_image(intel_ip(context))) {
        count_at(context);
        trap_frame_step(context, true);
    } else if (!step.inside) {
        trap_frame_step(context, true); /* the host's code before the call */
    } else if (step.returns) {
        step.inside = false;
        trap_frame_step(context, false);
    } else {
        leave_image(context);
    }
}

bool count_breakpoint(ucontext_t *context)
{
    if (step.depth == 0 || intel_ip(context) != (uintptr_t)trampoline + 1) {
        return false;
    }
    intel_set_ip(context, step.back[--step.depth]);
    /* What was called by a jump returns to the host. */
    step.inside = true;
    step.returns = true;
    step.last = 0;
    return true;
}
