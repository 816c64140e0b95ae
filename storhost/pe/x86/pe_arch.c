/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Driver files for 32-bit x86. Control flow guard has one pointer there: it checks the target in
 * ecx. Here every target passes.
 */
#include "pe/pe_arch.h"

/* Allows every target and keeps all registers. */
void pe_guard_check(void);
__asm__(".text\n"
        ".globl pe_guard_check\n"
        ".type pe_guard_check, @function\n"
        "pe_guard_check: ret\n"
        ".size pe_guard_check, . - pe_guard_check\n");

const struct pe_arch pe_arch = {
    .machine = PE_MACHINE_I386,
    .optional_magic = PE_OPTIONAL_MAGIC_32,
    .pointer_bytes = 4,
    .relocation = PE_RELOCATION_HIGHLOW,
    .default_cookie = 0xbb40e64e,
    .cookie_mask = 0xffffffff,
    .slots = {{PE_LOAD_CONFIG32_SECURITY_COOKIE, "security cookie", 0},
              {PE_LOAD_CONFIG32_GUARD_CHECK, "control flow guard check", pe_guard_check}},
    .handler_table = PE_LOAD_CONFIG32_HANDLER_TABLE,
};
