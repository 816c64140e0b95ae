/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One machine instruction that faulted, decoded, with the registers that it works on (those that
 * the signal saved; they are loaded again when the handler returns), and its execution with the
 * memory and port accesses replaced by calls.
 *
 * What every processor has in common stands here; the folder of an architecture (intel for x64 and
 * x86) decodes and executes. It keeps what it needs for that in struct trap_decoded.
 */
#ifndef STORHOST_MACHINE_TRAP_INSTRUCTION_H
#define STORHOST_MACHINE_TRAP_INSTRUCTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <ucontext.h>

#include "trap_decoded.h" /* the architecture's */

#define TRAP_ACCESSES 4 /* that one instruction may make */

/* One access to memory that the instruction makes. */
struct trap_access {
    uint64_t address;
    unsigned size; /* bytes */
    bool reads, writes;
};

struct trap_instruction {
    ucontext_t *context;
    uint64_t address; /* of its first byte */
    unsigned length;  /* bytes */
    bool ports;       /* accesses a port */
    bool privileged;  /* user mode does not have it */
    unsigned access_count;
    struct trap_access access[TRAP_ACCESSES];
    struct trap_decoded decoded;
};

/* Decodes the instruction at the context's instruction pointer. False: no instruction. The bytes
 * must be readable, which they are when the processor tried to execute them. */
bool trap_decode(struct trap_instruction *instruction, ucontext_t *context);

/* Assembler text of the instruction. */
void trap_instruction_text(const struct trap_instruction *instruction, char *text, size_t size);

/* Goes on behind the instruction. */
void trap_skip(const struct trap_instruction *instruction);

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

/* Why the instruction must not access registers of a device, as a whole sentence without its end;
 * NULL if it may. */
const char *trap_register_problem(const struct trap_instruction *instruction);

#endif
