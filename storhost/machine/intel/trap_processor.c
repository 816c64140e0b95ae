/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What drivers do to their processor with instructions that user mode does not have: read and set
 * the IRQL in CR8, turn interrupts off and on.
 *
 * Interrupts off is played as IRQL HIGH. `cli` and `sti` fault and are seen; `popfq`, by which
 * drivers put the old state back, does not fault and would silently ignore the interrupt flag.
 * So while interrupts are off the driver is stepped, and pushfq and popfq are executed here.
 */
#include <string.h>

#include "base/violation.h"
#include "machine/cpu.h"
#include "machine/intel/intel.h"
#include "machine/trap_internal.h"

/* Interrupt state of this thread's processor. */
enum interrupts {
    INTERRUPTS_ON,
    INTERRUPTS_OFF
};

static _Thread_local struct {
    enum interrupts interrupts;
    uint8_t irql; /* while off: what CR8 holds */
} processor;

static uint8_t effective_irql(void)
{
    return processor.interrupts == INTERRUPTS_OFF ? processor.irql : cpu_irql();
}

static void set_irql(uint64_t irql, const struct trap_instruction *instruction)
{
    if (irql > IRQL_HIGH) {
        trap_report_instruction(RULE_ARGUMENT, instruction, "CR8 is set to 0x%llx (0 to 15)",
                                (unsigned long long)irql);
    }
    if (processor.interrupts == INTERRUPTS_OFF) {
        processor.irql = (uint8_t)irql;
    } else if (irql > cpu_irql()) {
        cpu_raise((uint8_t)irql);
    } else if (irql < cpu_irql()) {
        cpu_lower((uint8_t)irql);
    }
}

static void interrupts_off(void)
{
    if (processor.interrupts == INTERRUPTS_ON) {
        processor.irql = cpu_irql();
        if (processor.irql < IRQL_HIGH) {
            cpu_raise(IRQL_HIGH);
        }
        processor.interrupts = INTERRUPTS_OFF;
    }
}

static void interrupts_on(void)
{
    if (processor.interrupts == INTERRUPTS_OFF) {
        processor.interrupts = INTERRUPTS_ON;
        if (processor.irql < IRQL_HIGH) {
            cpu_lower(processor.irql);
        }
    }
}

/* mov register, cr8 and mov cr8, register. */
static bool move_cr8(struct trap_instruction *instruction)
{
    const ZydisDecodedOperand *operand = instruction->decoded.operand;

    if (operand[1].type == ZYDIS_OPERAND_TYPE_REGISTER &&
        operand[1].reg.value == ZYDIS_REGISTER_CR8) {
        intel_set_register(instruction->context, (unsigned)ZydisRegisterGetId(operand[0].reg.value),
                           effective_irql());
    } else if (operand[0].type == ZYDIS_OPERAND_TYPE_REGISTER &&
               operand[0].reg.value == ZYDIS_REGISTER_CR8) {
        set_irql(intel_register(instruction->context,
                                (unsigned)ZydisRegisterGetId(operand[1].reg.value)),
                 instruction);
    } else {
        return false;
    }
    trap_skip(instruction);
    return true;
}

static void report_interrupt(const struct trap_instruction *instruction)
{
    uint64_t vector = instruction->decoded.operand[0].imm.value.u & 0xff;
    uint64_t code = intel_register(instruction->context, INTEL_CX) & 0xffffffff;

    switch (vector) {
    case 0x29:
        trap_report_instruction(RULE_CRASH, instruction,
                                "the driver stopped itself by __fastfail(%llu): %s",
                                (unsigned long long)code, trap_fast_fail_name(code));
    case 0x2c:
        trap_report_instruction(RULE_CRASH, instruction,
                                "an assertion of the driver failed (int 2Ch)");
    case 0x2d:
        trap_report_instruction(RULE_CRASH, instruction, "breakpoint (int 2Dh)");
    default:
        trap_report_instruction(RULE_CRASH, instruction, "software interrupt 0x%llx",
                                (unsigned long long)vector);
    }
}

bool trap_processor_execute(struct trap_instruction *instruction)
{
    switch (instruction->decoded.info.mnemonic) {
    case ZYDIS_MNEMONIC_MOV:
        return move_cr8(instruction);
    case ZYDIS_MNEMONIC_CLI:
        interrupts_off();
        trap_skip(instruction);
        return true;
    case ZYDIS_MNEMONIC_STI:
        trap_skip(instruction);
        interrupts_on();
        return true;
    case ZYDIS_MNEMONIC_INT:
        report_interrupt(instruction);
        return false;
    default:
        return false;
    }
}

/* Executes pushf or popf of full width at the instruction pointer; false: it is another
 * instruction. */
static bool execute_flags_instruction(ucontext_t *context)
{
    const uint64_t put_back = INTEL_FLAGS_ARITHMETIC | INTEL_FLAG_DIRECTION;
    uint64_t stack = intel_register(context, INTEL_SP);
    uint64_t flags = intel_flags(context) & ~(uint64_t)(INTEL_FLAG_INTERRUPT | INTEL_FLAG_STEP);
    struct trap_instruction instruction;

    if (!trap_decode(&instruction, context)) {
        return false;
    }
    switch (instruction.decoded.info.mnemonic) {
    case ZYDIS_MNEMONIC_PUSHFQ:
    case ZYDIS_MNEMONIC_PUSHFD:
        stack -= intel_model.pointer_bytes;
        memcpy((void *)(uintptr_t)stack, &flags, intel_model.pointer_bytes);
        break;
    case ZYDIS_MNEMONIC_POPFQ:
    case ZYDIS_MNEMONIC_POPFD:
        flags = 0;
        memcpy(&flags, (const void *)(uintptr_t)stack, intel_model.pointer_bytes);
        stack += intel_model.pointer_bytes;
        intel_set_flags(context, flags, put_back);
        if ((flags & INTEL_FLAG_INTERRUPT) != 0) {
            interrupts_on();
        }
        break;
    default:
        return false;
    }
    intel_set_register(context, INTEL_SP, stack);
    trap_skip(&instruction);
    return true;
}

void trap_processor_before_next(ucontext_t *context)
{
    while (processor.interrupts == INTERRUPTS_OFF && trap_in_image(intel_ip(context)) &&
           execute_flags_instruction(context)) {
    }
    if (processor.interrupts == INTERRUPTS_OFF) {
        trap_frame_step(context, true);
    }
}
