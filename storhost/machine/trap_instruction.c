/* SPDX-License-Identifier: BSD-3-Clause */
/* Decoding of a faulting instruction and access to the registers that the signal saved. */
#include <asm/prctl.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "machine/trap_instruction.h"

#define LONGEST_INSTRUCTION 15

/* Where the signal frame keeps each general register, by the register's number. */
static const unsigned char frame_index[16] = {
    REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
    REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15,
};

bool trap_decode(struct trap_instruction *instruction, ucontext_t *context)
{
    ZydisDecoder decoder;

    instruction->context = context;
    instruction->address = (uint64_t)context->uc_mcontext.gregs[REG_RIP];
    return ZYAN_SUCCESS(
               ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64)) &&
           ZYAN_SUCCESS(ZydisDecoderDecodeFull(
               &decoder, (const void *)(uintptr_t)instruction->address, LONGEST_INSTRUCTION,
               &instruction->info, instruction->operand));
}

void trap_instruction_text(const struct trap_instruction *instruction, char *text, size_t size)
{
    ZydisFormatter formatter;

    if (!ZYAN_SUCCESS(ZydisFormatterInit(&formatter, ZYDIS_FORMATTER_STYLE_INTEL)) ||
        !ZYAN_SUCCESS(ZydisFormatterFormatInstruction(
            &formatter, &instruction->info, instruction->operand,
            instruction->info.operand_count_visible, text, size, instruction->address, NULL))) {
        snprintf(text, size, "(no text)");
    }
}

uint64_t trap_register(const ucontext_t *context, unsigned number)
{
    return (uint64_t)context->uc_mcontext.gregs[frame_index[number]];
}

void trap_set_register(ucontext_t *context, unsigned number, uint64_t value)
{
    context->uc_mcontext.gregs[frame_index[number]] = (greg_t)value;
}

static uint64_t segment_base(ZydisRegister segment)
{
    unsigned long base = 0;

    if (segment == ZYDIS_REGISTER_GS) {
        syscall(SYS_arch_prctl, ARCH_GET_GS, &base);
    } else if (segment == ZYDIS_REGISTER_FS) {
        syscall(SYS_arch_prctl, ARCH_GET_FS, &base);
    }
    return base;
}

/* A register that takes part in an address; none counts as 0. */
static uint64_t address_register(const struct trap_instruction *instruction, ZydisRegister name)
{
    ZydisRegister whole;

    if (name == ZYDIS_REGISTER_NONE) {
        return 0;
    }
    if (name == ZYDIS_REGISTER_RIP || name == ZYDIS_REGISTER_EIP) {
        return instruction->address + instruction->info.length;
    }
    whole = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, name);
    if (ZydisRegisterGetClass(whole) != ZYDIS_REGCLASS_GPR64) {
        return 0; /* an index of a gather: no instruction for registers of a device */
    }
    return trap_register(instruction->context, (unsigned)ZydisRegisterGetId(whole));
}

uint64_t trap_operand_address(const struct trap_instruction *instruction,
                              const ZydisDecodedOperand *operand)
{
    uint64_t address = address_register(instruction, operand->mem.base) +
                       address_register(instruction, operand->mem.index) * operand->mem.scale +
                       (uint64_t)operand->mem.disp.value;

    if (instruction->info.address_width == 32) {
        address = (uint32_t)address;
    }
    return address + segment_base(operand->mem.segment);
}

void trap_skip(const struct trap_instruction *instruction)
{
    instruction->context->uc_mcontext.gregs[REG_RIP] =
        (greg_t)(instruction->address + instruction->info.length);
}

void trap_set_flags(ucontext_t *context, uint64_t flags)
{
    uint64_t old = (uint64_t)context->uc_mcontext.gregs[REG_EFL];

    context->uc_mcontext.gregs[REG_EFL] =
        (greg_t)((old & ~(uint64_t)TRAP_FLAGS_ARITHMETIC) | (flags & TRAP_FLAGS_ARITHMETIC));
}
