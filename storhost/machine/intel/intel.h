/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the files for Intel's processors share: the registers that a signal saved, by their number
 * in the instruction set, and the flags. Where a 32-bit program differs from a 64-bit one is told
 * by intel_model, which x64/ and x86/ define.
 */
#ifndef STORHOST_MACHINE_INTEL_INTEL_H
#define STORHOST_MACHINE_INTEL_INTEL_H

#include "machine/trap_instruction.h"

/* Bits of EFLAGS (AMD64 Architecture Programmer's Manual, volume 1, section 3.1.4). */
enum intel_flag {
    INTEL_FLAG_CARRY = 1u << 0,
    INTEL_FLAG_PARITY = 1u << 2,
    INTEL_FLAG_ADJUST = 1u << 4,
    INTEL_FLAG_ZERO = 1u << 6,
    INTEL_FLAG_SIGN = 1u << 7,
    INTEL_FLAG_STEP = 1u << 8,
    INTEL_FLAG_INTERRUPT = 1u << 9,
    INTEL_FLAG_DIRECTION = 1u << 10,
    INTEL_FLAG_OVERFLOW = 1u << 11,
    INTEL_FLAGS_ARITHMETIC = INTEL_FLAG_CARRY | INTEL_FLAG_PARITY | INTEL_FLAG_ADJUST |
                             INTEL_FLAG_ZERO | INTEL_FLAG_SIGN | INTEL_FLAG_OVERFLOW,
};

/* General registers by their number in the instruction set; from 8 on they have no other name. */
enum intel_register {
    INTEL_AX,
    INTEL_CX,
    INTEL_DX,
    INTEL_BX,
    INTEL_SP,
    INTEL_BP,
    INTEL_SI,
    INTEL_DI,
    INTEL_REGISTERS_MAXIMUM = 16
};

struct intel_model {
    ZydisMachineMode mode;
    ZydisStackWidth stack_width;
    unsigned pointer_bytes;
    unsigned register_count;
    unsigned vector_count; /* SSE registers that the signal saves */
    /* Where the signal frame keeps each general register and the instruction pointer. */
    unsigned char frame_index[INTEL_REGISTERS_MAXIMUM];
    unsigned char frame_ip;
    const char *register_name[INTEL_REGISTERS_MAXIMUM];
    const char *ip_name;
};

extern const struct intel_model intel_model;

/* Base address of the segment that a segment register of the context selects; 0 for those that
 * have none worth asking for. */
uint64_t intel_segment_base(const ucontext_t *context, ZydisRegister segment);

/* The saved floating-point and vector registers in FXSAVE's format, or NULL: not saved. */
uint8_t *intel_fxsave_area(const ucontext_t *context);

/* A general register of the context. */
uint64_t intel_register(const ucontext_t *context, unsigned number);
void intel_set_register(ucontext_t *context, unsigned number, uint64_t value);

uint64_t intel_ip(const ucontext_t *context);
void intel_set_ip(ucontext_t *context, uint64_t address);

uint64_t intel_flags(const ucontext_t *context);
/* Sets those flags of the context that are in `mask`. */
void intel_set_flags(ucontext_t *context, uint64_t flags, uint64_t mask);

/* Address that a memory operand means. */
uint64_t intel_operand_address(const struct trap_instruction *instruction,
                               const ZydisDecodedOperand *operand);

#endif
