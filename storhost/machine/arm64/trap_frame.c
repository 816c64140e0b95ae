/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a signal says about a fault, and the registers that it saved.
 *
 * Linux tells by a record of the frame (ESR_EL1) what a fault was; qemu-aarch64 7.2 writes no such
 * record. So it is taken from the signal, its code and the instruction. What qemu-aarch64 sends was
 * found by trying: SIGSEGV with the address for all that is not mapped so, the upper half of the
 * address space included; SIGILL for an instruction that user mode does not have; SIGTRAP for brk;
 * SIGBUS for an acquire, release or exclusive access that is not aligned.
 */
#include <asm/sigcontext.h>
#include <stdio.h>
#include <string.h>

#include "machine/arm64/arm64.h"
#include "machine/trap_internal.h"

/* SIGILL comes for what no processor knows and for what user mode does not have. brk is treated like
 * the latter, as its number says what the driver means by it. */
static enum trap_exception exception_of(int signal, int code, const struct trap_instruction *at)
{
    switch (signal) {
    case SIGSEGV:
        return TRAP_PAGE_FAULT;
    case SIGBUS:
        return code == BUS_ADRALN ? TRAP_MISALIGNED : TRAP_PAGE_FAULT;
    case SIGILL:
        return at != NULL && at->privileged ? TRAP_PROTECTION : TRAP_INVALID_OPCODE;
    case SIGTRAP:
        return TRAP_PROTECTION;
    default:
        return TRAP_OTHER;
    }
}

/* What the signal does not tell of a page fault is in the instruction: whether it writes, and its
 * address if that is none of the process' (qemu-aarch64 then tells 0). */
static void read_access(struct trap_fault *fault, const struct trap_access *access)
{
    fault->write = access->writes;
    if (fault->address < access->address || fault->address - access->address >= access->size) {
        fault->address = access->address;
    }
}

void trap_frame_read(struct trap_fault *fault, const siginfo_t *info, ucontext_t *context)
{
    struct trap_instruction instruction;
    bool fetched; /* the instruction itself could be read */

    fault->context = context;
    fault->code = context->uc_mcontext.pc;
    fault->address = (uintptr_t)info->si_addr;
    fetched = (fault->signal != SIGSEGV || fault->address != fault->code) &&
              trap_decode(&instruction, context);
    fault->exception = exception_of(fault->signal, info->si_code, fetched ? &instruction : NULL);
    if (fault->exception == TRAP_PAGE_FAULT && fetched && instruction.access_count != 0) {
        read_access(fault, &instruction.access[0]);
    }
}

void trap_frame_init(void)
{
}

void trap_frame_enter(int number, siginfo_t *info, void *context)
{
    trap_on_signal(number, info, context);
}

void trap_frame_leave(ucontext_t *context)
{
    (void)context;
}

/* User mode has no single step on ARM64. */
bool trap_frame_step(ucontext_t *context, bool on)
{
    (void)context;
    (void)on;
    return false;
}

uint64_t trap_frame_return_address(const ucontext_t *context)
{
    return context->uc_mcontext.regs[ARM64_LINK_REGISTER];
}

void trap_frame_text(const ucontext_t *context, char *text, size_t size)
{
    const mcontext_t *machine = &context->uc_mcontext;
    size_t used = 0;
    unsigned number;

    for (number = 0; number <= ARM64_LINK_REGISTER && used < size; number++) {
        used += (size_t)snprintf(text + used, size - used, "%s%sx%u=%016llx",
                                 number % 4 == 0 ? "\n  " : "  ", number < 10 ? " " : "", number,
                                 (unsigned long long)machine->regs[number]);
    }
    if (used < size) {
        snprintf(text + used, size - used, "\n   sp=%016llx   pc=%016llx  flags=%c%c%c%c",
                 (unsigned long long)machine->sp, (unsigned long long)machine->pc,
                 machine->pstate & 1u << 31 ? 'N' : '-', machine->pstate & 1u << 30 ? 'Z' : '-',
                 machine->pstate & 1u << 29 ? 'C' : '-', machine->pstate & 1u << 28 ? 'V' : '-');
    }
}

/* ---- Registers ----------------------------------------------------------------------------- */

uint64_t arm64_register(const ucontext_t *context, struct arm64_register name)
{
    switch (name.file) {
    case ARM64_GENERAL:
        return context->uc_mcontext.regs[name.number];
    case ARM64_STACK:
        return context->uc_mcontext.sp;
    default:
        return 0;
    }
}

void arm64_set_register(ucontext_t *context, struct arm64_register name, uint64_t value)
{
    if (name.file == ARM64_GENERAL) {
        context->uc_mcontext.regs[name.number] = value;
    } else if (name.file == ARM64_STACK) {
        context->uc_mcontext.sp = value;
    }
}

/* The frame has a chain of records, each with a magic number and its size (Linux,
 * "asm/sigcontext.h"). Returns the one with that number, or NULL. */
static uint8_t *find_record(const ucontext_t *context, uint32_t magic)
{
    const uint8_t *record = (const uint8_t *)context->uc_mcontext.__reserved;
    const uint8_t *end = record + sizeof(context->uc_mcontext.__reserved);
    struct _aarch64_ctx head;

    while (record + sizeof(head) <= end) {
        memcpy(&head, record, sizeof(head));
        if (head.magic == magic && head.size <= (size_t)(end - record)) {
            return (uint8_t *)record;
        }
        if (head.magic == 0 || head.size == 0) {
            return NULL;
        }
        record += head.size;
    }
    return NULL;
}

static uint8_t *fpsimd_register(const ucontext_t *context, unsigned number)
{
    uint8_t *record = find_record(context, FPSIMD_MAGIC);

    return record == NULL ? NULL
                          : record + offsetof(struct fpsimd_context, vregs) +
                                (size_t)number * ARM64_VECTOR_BYTES;
}

const uint8_t *arm64_vector(const ucontext_t *context, unsigned number)
{
    return fpsimd_register(context, number);
}

/* A processor with SVE has the register in a second, longer record as well. Linux takes the low
 * part from the first one, qemu-aarch64 from the second. */
void arm64_set_vector(ucontext_t *context, unsigned number, const uint8_t *bytes)
{
    uint8_t *fpsimd = fpsimd_register(context, number);
    uint8_t *record = find_record(context, SVE_MAGIC);
    struct sve_context sve;

    if (fpsimd != NULL) {
        memcpy(fpsimd, bytes, ARM64_VECTOR_BYTES);
    }
    if (record != NULL) {
        memcpy(&sve, record, sizeof(sve));
        if (sve.vl >= ARM64_VECTOR_BYTES &&
            sve.head.size >= SVE_SIG_CONTEXT_SIZE(sve_vq_from_vl(sve.vl))) {
            record += SVE_SIG_ZREG_OFFSET(sve_vq_from_vl(sve.vl), number);
            memset(record, 0, sve.vl);
            memcpy(record, bytes, ARM64_VECTOR_BYTES);
        }
    }
}

uint32_t arm64_instruction_word(uint64_t address)
{
    uint32_t word;

    memcpy(&word, (const void *)(uintptr_t)address, sizeof(word));
    return word;
}
