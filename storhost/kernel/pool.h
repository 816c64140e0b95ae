/* SPDX-License-Identifier: BSD-3-Clause */
/* The kernel's pools: memory for drivers, by tag, that the device never sees. */
#ifndef STORHOST_KERNEL_POOL_H
#define STORHOST_KERNEL_POOL_H

#include <stddef.h>
#include <stdint.h>

enum pool_kind {
    POOL_NON_PAGED,
    POOL_PAGED
};

/* The tag of strings that Rtl functions allocate: "Strg". */
#define KERNEL_STRING_TAG 0x67727453u

/* Allocates garbage-filled, fenced memory; NULL if there is none. */
void *kernel_pool_allocate(enum pool_kind kind, size_t bytes, uint32_t tag);

/* Gives it back. A tag of 0 fits every allocation. Violations: memory that is no pool (any more), a
 * tag that is not the allocation's, paged pool above APC_LEVEL. */
void kernel_pool_free(void *address, uint32_t tag, const char *function);

#endif
