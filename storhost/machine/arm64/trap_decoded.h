/* SPDX-License-Identifier: BSD-3-Clause */
/* What is known of an A64 instruction: of its accesses to memory, that is. */
#ifndef STORHOST_MACHINE_ARM64_TRAP_DECODED_H
#define STORHOST_MACHINE_ARM64_TRAP_DECODED_H

#include <stdbool.h>
#include <stdint.h>

/* There are no port instructions: I/O ranges of a bus are accessed as memory. */
#define TRAP_PORTS_ARE_MEMORY 1

enum arm64_operation {
    ARM64_OTHER,     /* does not access memory, or is not known */
    ARM64_LOAD,      /* of one register or two */
    ARM64_STORE,     /* of one register or two */
    ARM64_EXCLUSIVE, /* load or store exclusive: a pair of them makes sense only together */
};

enum arm64_file {
    ARM64_GENERAL, /* x0 to x30 */
    ARM64_ZERO,    /* xzr: reads as 0, a write is lost */
    ARM64_STACK,   /* sp */
    ARM64_VECTOR,  /* v0 to v31 */
};

struct arm64_register {
    enum arm64_file file;
    uint8_t number;
    uint8_t bytes; /* of it that the instruction names: w1 has 4, x1 8, q1 16 */
};

struct trap_decoded {
    uint32_t word; /* the instruction */
    enum arm64_operation operation;
    unsigned count; /* of registers loaded or stored, next to each other in memory */
    struct arm64_register target[2];
    unsigned size;    /* of each in memory, bytes */
    bool sign_extend; /* loads */
    bool writes_back; /* `base` becomes `new_base` */
    struct arm64_register base;
    uint64_t new_base;
};

#endif
