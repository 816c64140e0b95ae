/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Holding memory back: what is freed while held is made inaccessible to the driver at once, but
 * used again only when the last hold is gone. For grant.c's quarantine. Any thread.
 */
#ifndef STORHOST_MACHINE_MEMORY_HOLD_H
#define STORHOST_MACHINE_MEMORY_HOLD_H

#include <stdbool.h>

/* `address`: any byte of a live allocation. Holds count. */
void memory_hold(const void *address);
void memory_release(const void *address);
bool memory_is_held(const void *address);

#endif
