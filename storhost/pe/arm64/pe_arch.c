/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Driver files for ARM64. Control flow guard: code calls through two pointers, one that checks the
 * target in x15 and one that jumps to it. Here every target passes.
 */
#include "pe/pe_arch.h"

/* The check: allows every target and keeps all registers. The dispatch: goes there. */
void pe_guard_check(void);
void pe_guard_dispatch(void);
__asm__(".text\n"
        ".globl pe_guard_check\n"
        ".type pe_guard_check, %function\n"
        "pe_guard_check: ret\n"
        ".size pe_guard_check, . - pe_guard_check\n"
        ".globl pe_guard_dispatch\n"
        ".type pe_guard_dispatch, %function\n"
        "pe_guard_dispatch: br x15\n"
        ".size pe_guard_dispatch, . - pe_guard_dispatch\n");

const struct pe_arch pe_arch = {
    .machine = PE_MACHINE_ARM64,
    .optional_magic = PE_OPTIONAL_MAGIC_64,
    .pointer_bytes = 8,
    .relocation = PE_RELOCATION_DIR64,
    .default_cookie = 0x00002b992ddfa232,
    .cookie_mask = 0x0000ffffffffffff,
    .slots = {{PE_LOAD_CONFIG64_SECURITY_COOKIE, "security cookie", 0},
              {PE_LOAD_CONFIG64_GUARD_CHECK, "control flow guard check", pe_guard_check},
              {PE_LOAD_CONFIG64_GUARD_DISPATCH, "control flow guard dispatch", pe_guard_dispatch},
              {PE_LOAD_CONFIG64_XFG_CHECK, "extended flow guard check", pe_guard_check},
              {PE_LOAD_CONFIG64_XFG_DISPATCH, "extended flow guard dispatch", pe_guard_dispatch},
              {PE_LOAD_CONFIG64_XFG_TABLE_DISPATCH, "extended flow guard table dispatch",
               pe_guard_dispatch}},
};
