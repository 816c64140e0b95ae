/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the files for one processor differ in. A storhost loads files for its own processor only;
 * x64/, x86/ and arm64/ each define pe_arch.
 */
#ifndef STORHOST_PE_PE_ARCH_H
#define STORHOST_PE_PE_ARCH_H

#include <stdbool.h>
#include <stdint.h>

#include "pe/pe_format.h"

#define PE_SLOTS 6

/* A pointer or number that Windows writes where a field of the load configuration points to. */
struct pe_slot {
    uint32_t field;         /* offset of the field; 0: no more slots */
    const char *what;       /* for messages */
    void (*function)(void); /* to be written; NULL: the security cookie */
};

struct pe_arch {
    uint16_t machine;
    uint16_t optional_magic;
    uint8_t pointer_bytes;
    uint8_t relocation; /* enum pe_relocation_type: the one that has a meaning */
    /* The security cookie that linkers write, and the bits that Windows' own may have. */
    uint64_t default_cookie, cookie_mask;
    struct pe_slot slots[PE_SLOTS + 1];
    uint32_t handler_table; /* offset of the table of exception handlers; 0: has none */
};

extern const struct pe_arch pe_arch;

#endif
