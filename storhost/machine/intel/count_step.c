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
#include "machine/count_internal.h"
#include "machine/intel/count_store.h"
#include "machine/intel/intel.h"
#include "machine/trap_internal.h"

#define CALL_DEPTH 32
#define BREAKPOINT 0xcc /* int3 */

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
    count_store_prepare();
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
    enum count_store store;

    if (!trap_decode(&instruction, context)) {
        return; /* it faults, and is then reported */
    }
    what.address = instruction.address;
    what.locked = is_locked(&instruction);
    what.fence = is_fence(&instruction, stack);
    what.again = step.inside && step.last == instruction.address &&
                 (instruction.decoded.info.attributes & ZYDIS_ATTRIB_HAS_REP) != 0;
    count_instruction(&what);
    store = count_store_of(&instruction);
    for (unsigned i = 0; i < instruction.access_count; i++) {
        const struct trap_access *access = &instruction.access[i];

        if (access->reads) {
            count_read(access->address, access->size, stack);
        }
        if (access->writes) {
            count_write(access->address, access->size, stack, store);
        }
    }
    step.inside = true;
    step.last = instruction.address;
    step.returns = instruction.decoded.info.meta.category == ZYDIS_CATEGORY_RET;
}

/* ---- Out of the image and back ---- */

/* The driver has called an export: lets it run to its end. */
static void leave_image(ucontext_t *context)
{
    uint64_t *slot = (uint64_t *)(uintptr_t)intel_register(context, INTEL_SP);
    uintptr_t back = (uintptr_t)trampoline;

    count_store_export(context);
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
