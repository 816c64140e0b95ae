/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What drivers do to their processor with instructions that user mode does not have: turn
 * interrupts off and on in DAIF, read registers of the system; and how they stop themselves (brk).
 *
 * Interrupts off is played as IRQL HIGH. All instructions that touch DAIF fault in user mode, so
 * that nothing has to be stepped. The IRQL itself is no register on ARM64 (KeGetCurrentIrql).
 */
#include "base/violation.h"
#include "machine/arm64/arm64.h"
#include "machine/arm64/barrier_mark.h"
#include "machine/cpu.h"
#include "machine/arm64/thunk_state.h"
#include "machine/trap_internal.h"

#define DAIF_IRQ 0x80u /* bit I of DAIF: interrupts are masked */

/* MRS, MSR (register) and MSR (immediate), with what must be equal and where the operand stands
 * (Arm Architecture Reference Manual, C6.2; DAIF is S3_3_C4_C2_1). */
enum arm64_system {
    READ_DAIF = 0xd53b4220,
    WRITE_DAIF = 0xd51b4220,
    SYSTEM_REGISTER_MASK = 0xffffffe0,
    SET_DAIF = 0xd50340df,
    CLEAR_DAIF = 0xd50340ff,
    DAIF_IMMEDIATE_MASK = 0xfffff0ff,
    BREAK = 0xd4200000,
    BREAK_MASK = 0xffe0001f,
};

/* Numbers of brk as Microsoft's compiler uses them (arm64intr.h: __break, __fastfail). */
enum arm64_break {
    BREAK_COMPILER = 1, /* clang's mark of a place never reached */
    BREAK_POINT = 0xf000,
    BREAK_ASSERTION = 0xf001,
    BREAK_DEBUG_SERVICE = 0xf002,
    BREAK_FAST_FAIL = 0xf003,
    BREAK_DIVIDE_BY_ZERO = 0xf004,
};

enum interrupts {
    INTERRUPTS_ON,
    INTERRUPTS_OFF
};

static _Thread_local struct {
    enum interrupts interrupts;
    uint8_t irql; /* from before they were turned off */
} processor;

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

static struct arm64_register operand(uint32_t word)
{
    uint8_t number = word & 31;

    return (struct arm64_register){number == 31 ? ARM64_ZERO : ARM64_GENERAL, number, 8};
}

/* Executes an instruction that reads or writes DAIF. False: another one. */
static bool execute_daif(struct trap_instruction *instruction)
{
    uint32_t word = instruction->decoded.word;
    uint32_t immediate = (word >> 8 & 15) << 6; /* as bits of DAIF */

    if ((word & SYSTEM_REGISTER_MASK) == READ_DAIF) {
        arm64_set_register(instruction->context, operand(word),
                           processor.interrupts == INTERRUPTS_OFF ? DAIF_IRQ : 0);
        trap_skip(instruction);
    } else if ((word & SYSTEM_REGISTER_MASK) == WRITE_DAIF) {
        bool off = (arm64_register(instruction->context, operand(word)) & DAIF_IRQ) != 0;

        trap_skip(instruction);
        (off ? interrupts_off : interrupts_on)();
    } else if ((word & DAIF_IMMEDIATE_MASK) == SET_DAIF) {
        trap_skip(instruction);
        if ((immediate & DAIF_IRQ) != 0) {
            interrupts_off();
        }
    } else if ((word & DAIF_IMMEDIATE_MASK) == CLEAR_DAIF) {
        trap_skip(instruction);
        if ((immediate & DAIF_IRQ) != 0) {
            interrupts_on();
        }
    } else {
        return false;
    }
    return true;
}

static void report_break(const struct trap_instruction *instruction)
{
    uint32_t number = instruction->decoded.word >> 5 & 0xffff;
    uint32_t code = (uint32_t)instruction->context->uc_mcontext.regs[0];

    switch (number) {
    case BREAK_COMPILER:
        trap_report_instruction(RULE_CRASH, instruction,
                                "the compiler's mark of a place never reached (brk 1)");
    case BREAK_ASSERTION:
        trap_report_instruction(RULE_CRASH, instruction,
                                "an assertion of the driver failed (brk 0xf001)");
    case BREAK_FAST_FAIL:
        trap_report_instruction(RULE_CRASH, instruction,
                                "the driver stopped itself by __fastfail(%u): %s", code,
                                trap_fast_fail_name(code));
    case BREAK_DIVIDE_BY_ZERO:
        trap_report_instruction(RULE_CRASH, instruction, "division by zero (brk 0xf004)");
    case BREAK_POINT:
    case BREAK_DEBUG_SERVICE:
    default:
        trap_report_instruction(RULE_CRASH, instruction, "breakpoint (brk 0x%x)", number);
    }
}

bool trap_processor_execute(struct trap_instruction *instruction)
{
    if ((instruction->decoded.word & BREAK_MASK) == BREAK) {
        if (barrier_execute_mark(instruction->decoded.word >> 5 & 0xffff)) {
            trap_skip(instruction);
            return true;
        }
        report_break(instruction);
    }
    return execute_daif(instruction);
}

/* Windows counts on the platform register in each exception and interrupt that comes: a driver
 * that uses it for something else (compiled without -ffixed-x18) brings the system down. */
void trap_processor_before_next(ucontext_t *context)
{
    struct trap_instruction instruction;

    if (cpu_current() >= 0 && trap_in_image(context->uc_mcontext.pc) &&
        context->uc_mcontext.regs[ARM64_PLATFORM_REGISTER] != (uintptr_t)thunk_state.kpcr) {
        trap_decode(&instruction, context);
        trap_report_instruction(RULE_CRASH, &instruction,
                                "the driver has changed x18, where Windows keeps the processor "
                                "control region, before");
    }
}
