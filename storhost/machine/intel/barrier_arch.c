/* SPDX-License-Identifier: BSD-3-Clause */
/* x64 and x86 order loads with loads and stores with stores by themselves; the locked instructions
 * that order a store with a load cannot be told from other ones. */
#include "machine/barrier_arch.h"

bool barrier_can_be_seen(void)
{
    return false;
}

void barrier_mark_code(void *code, size_t length)
{
    (void)code;
    (void)length;
}
