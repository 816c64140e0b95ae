/* SPDX-License-Identifier: BSD-3-Clause */
/* How much of the address space guest memory may take. */
#ifndef STORHOST_MACHINE_X86_MEMORY_ARCH_H
#define STORHOST_MACHINE_X86_MEMORY_ARCH_H

/*
 * Of 4 GiB, a half for the driver's allocations (a block is only used again for one of its size), a
 * quarter for the bench's own view of guest memory, the rest for stacks, tables and libraries.
 */
#define ARENA_BYTES    (UINT64_C(2) << 30)
#define BLOCKS_MAXIMUM (1u << 17) /* allocations that keep addresses of their own */
#define VIEW_MAXIMUM   (UINT64_C(1) << 30)

/* Of what ExAllocatePool gives (MEMORY_ALLOCATION_ALIGNMENT). */
#define POOL_ALIGNMENT 8

#endif
