/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One machine instruction that faulted, decoded, with the registers that it works on (those that
 * the signal saved; they are loaded again when the handler returns), and its execution with the
 * memory and port accesses replaced by calls.
 */
#ifndef STORHOST_MACHINE_TRAP_INSTRUCTION_H
#define STORHOST_MACHINE_TRAP_INSTRUCTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <ucontext.h>

#include <Zydis/Zydis.h>

/* Bits of RFLAGS (AMD64 Architecture Programmer's Manual, volume 1, section 3.1.4). */
enum trap_flag {
    TRAP_FLAG_CARRY = 1u << 0,
    TRAP_FLAG_PARITY = 1u << 2,
    TRAP_FLAG_ADJUST = 1u << 4,
    TRAP_FLAG_ZERO = 1u << 6,
    TRAP_FLAG_SIGN = 1u << 7,
    TRAP_FLAG_STEP = 1u << 8,
    TRAP_FLAG_INTERRUPT = 1u << 9,
    TRAP_FLAG_DIRECTION = 1u << 10,
    TRAP_FLAG_OVERFLOW = 1u << 11,
    TRAP_FLAGS_ARITHMETIC = TRAP_FLAG_CARRY | TRAP_FLAG_PARITY | TRAP_FLAG_ADJUST | TRAP_FLAG_ZERO |
                            TRAP_FLAG_SIGN | TRAP_FLAG_OVERFLOW,
};

struct trap_instruction {
    ucontext_t *context;
    uint64_t address; /* of its first byte */
    ZydisDecodedInstruction info;
    ZydisDecodedOperand operand[ZYDIS_MAX_OPERAND_COUNT];
};

/* Decodes the instruction at the context's instruction pointer. False: no instruction. The bytes
 * must be readable, which they are when the processor tried to execute them. */
bool trap_decode(struct trap_instruction *instruction, ucontext_t *context);

/* Assembler text of the instruction. */
void trap_instruction_text(const struct trap_instruction *instruction, char *text, size_t size);

/* A general register of the context by its number in the instruction set: 0 rax, 1 rcx, 2 rdx,
 * 3 rbx, 4 rsp, 5 rbp, 6 rsi, 7 rdi, 8 to 15 r8 to r15. */
uint64_t trap_register(const ucontext_t *context, unsigned number);
void trap_set_register(ucontext_t *context, unsigned number, uint64_t value);

/* Address that a memory operand means. */
uint64_t trap_operand_address(const struct trap_instruction *instruction,
                              const ZydisDecodedOperand *operand);

/* Goes on behind the instruction. */
void trap_skip(const struct trap_instruction *instruction);

/* Sets the arithmetic flags of the context, leaving the others. */
void trap_set_flags(ucontext_t *context, uint64_t flags);

/* How accesses are done instead. Sizes are 1, 2, 4 or 8 bytes; ports 1, 2 or 4. */
struct trap_bus {
    uint64_t (*read)(uint64_t address, unsigned size);
    void (*write)(uint64_t address, unsigned size, uint64_t value);
    uint64_t (*read_port)(uint16_t port, unsigned size);
    void (*write_port)(uint16_t port, unsigned size, uint64_t value);
};

enum trap_outcome {
    TRAP_DONE,     /* executed; the context is behind it (or at the next round of a repeat) */
    TRAP_TOO_WIDE, /* a plain move of more than 8 bytes */
    TRAP_UNKNOWN,  /* an instruction that is not supported on registers of a device */
};

/*
 * Executes the instruction as the processor would: results, flags, zero extension. A repeated
 * string instruction does one round at each call, as if it was interrupted after it.
 * Anything but TRAP_DONE has changed nothing.
 */
enum trap_outcome trap_execute(struct trap_instruction *instruction, const struct trap_bus *bus);

#endif
