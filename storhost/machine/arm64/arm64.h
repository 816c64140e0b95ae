/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files for ARM64 share: the registers that a signal saved. */
#ifndef STORHOST_MACHINE_ARM64_ARM64_H
#define STORHOST_MACHINE_ARM64_ARM64_H

#include "machine/trap_instruction.h"

#define ARM64_PLATFORM_REGISTER 18u /* Windows keeps the processor control region there */
#define ARM64_LINK_REGISTER     30u

#define ARM64_INSTRUCTION_BYTES 4u
#define ARM64_VECTOR_BYTES      16u

/* A general register of the context, or its stack pointer; 8 bytes of it, whatever its name has. */
uint64_t arm64_register(const ucontext_t *context, struct arm64_register name);

/* Sets a general register or the stack pointer, all 8 bytes. A write to the zero register is lost. */
void arm64_set_register(ucontext_t *context, struct arm64_register name, uint64_t value);

/* The 16 bytes of a vector register that the signal saved, or NULL: not saved. */
const uint8_t *arm64_vector(const ucontext_t *context, unsigned number);

/* Sets a vector register that the signal saved; what it has beyond 16 bytes becomes 0. */
void arm64_set_vector(ucontext_t *context, unsigned number, const uint8_t *bytes);

/* The instruction at an address of code. */
uint32_t arm64_instruction_word(uint64_t address);

#endif
