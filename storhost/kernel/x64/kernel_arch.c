/* SPDX-License-Identifier: BSD-3-Clause */
/* What the kernel of x64 has of its own. */
#include "kernel/kernel_internal.h"

uint64_t kernel_shared_page(void)
{
    return 0xfffff78000000000; /* beyond all that Linux lets a program map */
}

/* Compilers call this ahead of a large stack frame, size in rax, and expect all registers back. The
 * stack is there, so nothing is to be done. */
void kernel_check_stack(void);
__asm__(".text\n"
        ".globl kernel_check_stack\n"
        ".type kernel_check_stack, @function\n"
        "kernel_check_stack: ret\n"
        ".size kernel_check_stack, . - kernel_check_stack\n");

/* Asked while an exception looks for a handler. No exception is ever raised here: a fault is a
 * violation. So this is only there to be imported. */
static int NTAPI c_specific_handler(PVOID record, PVOID frame, PVOID context, PVOID dispatcher)
{
    enum {
        CONTINUE_SEARCH = 1
    };

    (void)record;
    (void)frame;
    (void)context;
    (void)dispatcher;
    return CONTINUE_SEARCH;
}

static const struct kernel_export exports[] = {
    KERNEL_EXPORT(__chkstk, kernel_check_stack, WINDOWS_XP),
    KERNEL_EXPORT(__C_specific_handler, c_specific_handler, WINDOWS_XP),
};

KERNEL_TABLE(kernel_arch, exports);
