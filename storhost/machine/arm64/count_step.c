/* SPDX-License-Identifier: BSD-3-Clause */
/* An ARM64 program cannot step another part of itself: instructions are not counted there. */
#include "machine/count_internal.h"

bool count_step_supported(void)
{
    return false;
}

void count_step_prepare(void)
{
}

void count_step_begin(void)
{
}

void count_step_end(void)
{
}

void count_before_next(ucontext_t *context)
{
    (void)context;
}

bool count_breakpoint(ucontext_t *context)
{
    (void)context;
    return false;
}
