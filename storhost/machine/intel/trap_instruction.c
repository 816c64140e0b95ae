/* SPDX-License-Identifier: BSD-3-Clause */
/* Decoding of a faulting instruction and access to the registers that the signal saved. */
#include <stdio.h>

#include "machine/intel/intel.h"

#define LONGEST_INSTRUCTION 15

/* ---- Registers ----------------------------------------------------------------------------- */

uint64_t intel_register(const ucontext_t *context, unsigned number)
{
    greg_t value = context->uc_mcontext.gregs[intel_model.frame_index[number]];

    return intel_model.pointer_bytes == 8 ? (uint64_t)value : (uint32_t)value;
}

void intel_set_register(ucontext_t *context, unsigned number, uint64_t value)
{
    context->uc_mcontext.gregs[intel_model.frame_index[number]] = (greg_t)value;
}

uint64_t intel_ip(const ucontext_t *context)
{
    return (uintptr_t)context->uc_mcontext.gregs[intel_model.frame_ip];
}

void intel_set_ip(ucontext_t *context, uint64_t address)
{
    context->uc_mcontext.gregs[intel_model.frame_ip] = (greg_t)address;
}

uint64_t intel_flags(const ucontext_t *context)
{
    return (uint32_t)context->uc_mcontext.gregs[REG_EFL];
}

void intel_set_flags(ucontext_t *context, uint64_t flags, uint64_t mask)
{
    context->uc_mcontext.gregs[REG_EFL] = (greg_t)((intel_flags(context) & ~mask) | (flags & mask));
}

/* ---- Addresses ----------------------------------------------------------------------------- */

/* A register that takes part in an address; none counts as 0. */
static uint64_t address_register(const struct trap_instruction *instruction, ZydisRegister name)
{
    ZydisRegister whole;

    if (name == ZYDIS_REGISTER_NONE) {
        return 0;
    }
    if (name == ZYDIS_REGISTER_RIP || name == ZYDIS_REGISTER_EIP) {
        return instruction->address + instruction->length;
    }
    whole = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, name);
    if (ZydisRegisterGetClass(whole) != ZYDIS_REGCLASS_GPR64) {
        return 0; /* an index of a gather: no instruction for registers of a device */
    }
    return intel_register(instruction->context, (unsigned)ZydisRegisterGetId(whole));
}

uint64_t intel_operand_address(const struct trap_instruction *instruction,
                               const ZydisDecodedOperand *operand)
{
    uint64_t address = address_register(instruction, operand->mem.base) +
                       address_register(instruction, operand->mem.index) * operand->mem.scale +
                       (uint64_t)operand->mem.disp.value;

    if (instruction->decoded.info.address_width == 32) {
        address = (uint32_t)address;
    }
    address += intel_segment_base(instruction->context, operand->mem.segment);
    return intel_model.pointer_bytes == 8 ? address : (uint32_t)address;
}

/* ---- Instructions -------------------------------------------------------------------------- */

static void note_accesses(struct trap_instruction *instruction)
{
    unsigned index;

    instruction->access_count = 0;
    for (index = 0; index < instruction->decoded.info.operand_count; index++) {
        const ZydisDecodedOperand *operand = &instruction->decoded.operand[index];

        if (operand->type == ZYDIS_OPERAND_TYPE_MEMORY &&
            operand->mem.type == ZYDIS_MEMOP_TYPE_MEM && operand->size != 0 &&
            instruction->access_count < TRAP_ACCESSES) {
            instruction->access[instruction->access_count++] = (struct trap_access){
                .address = intel_operand_address(instruction, operand),
                .size = operand->size / 8u,
                .reads = (operand->actions & ZYDIS_OPERAND_ACTION_MASK_READ) != 0,
                .writes = (operand->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) != 0,
            };
        }
    }
}

bool trap_decode(struct trap_instruction *instruction, ucontext_t *context)
{
    ZydisDecodedInstruction *info = &instruction->decoded.info;
    ZydisDecoder decoder;

    instruction->context = context;
    instruction->address = intel_ip(context);
    if (!ZYAN_SUCCESS(ZydisDecoderInit(&decoder, intel_model.mode, intel_model.stack_width)) ||
        !ZYAN_SUCCESS(
            ZydisDecoderDecodeFull(&decoder, (const void *)(uintptr_t)instruction->address,
                                   LONGEST_INSTRUCTION, info, instruction->decoded.operand))) {
        return false;
    }
    instruction->length = info->length;
    instruction->ports = info->meta.category == ZYDIS_CATEGORY_IO ||
                         info->meta.category == ZYDIS_CATEGORY_IOSTRINGOP;
    instruction->privileged = (info->attributes & ZYDIS_ATTRIB_IS_PRIVILEGED) != 0;
    note_accesses(instruction);
    return true;
}

void trap_instruction_text(const struct trap_instruction *instruction, char *text, size_t size)
{
    ZydisFormatter formatter;

    if (!ZYAN_SUCCESS(ZydisFormatterInit(&formatter, ZYDIS_FORMATTER_STYLE_INTEL)) ||
        !ZYAN_SUCCESS(ZydisFormatterFormatInstruction(
            &formatter, &instruction->decoded.info, instruction->decoded.operand,
            instruction->decoded.info.operand_count_visible, text, size, instruction->address,
            NULL))) {
        snprintf(text, size, "(no text)");
    }
}

void trap_skip(const struct trap_instruction *instruction)
{
    intel_set_ip(instruction->context, instruction->address + instruction->length);
}
