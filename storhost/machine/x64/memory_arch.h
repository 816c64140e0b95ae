/* SPDX-License-Identifier: BSD-3-Clause */
/* How much of the address space guest memory may take. */
#ifndef STORHOST_MACHINE_X64_MEMORY_ARCH_H
#define STORHOST_MACHINE_X64_MEMORY_ARCH_H

/* Addresses for the driver's allocations, in bytes; none is ever used for two of them. */
#define ARENA_BYTES    (UINT64_C(64) << 30)
#define BLOCKS_MAXIMUM (1u << 20) /* allocations that keep addresses of their own */
/* The bench's own view of guest memory, in bytes: what the arena leaves. */
#define VIEW_MAXIMUM (UINT64_C(16) << 40)

/* Of what ExAllocatePool gives (MEMORY_ALLOCATION_ALIGNMENT). */
#define POOL_ALIGNMENT 16

#endif
