/* SPDX-License-Identifier: BSD-3-Clause */
/* Between driver and bench no register needs care on x64 and x86. See thunk.h. */
#include "machine/thunk.h"

void *thunk_of(void *function)
{
    return function;
}

void thunk_enter_driver(void)
{
}

const void *thunk_caller(const void *returns_to)
{
    return returns_to;
}
