/* SPDX-License-Identifier: BSD-3-Clause */
/* How much of the address space guest memory may take. */
#ifndef STORHOST_MACHINE_ARM64_MEMORY_ARCH_H
#define STORHOST_MACHINE_ARM64_MEMORY_ARCH_H

/*
 * Far less than the processor has: qemu-aarch64 (7.2) keeps a record for each page that is mapped,
 * reserved ones included, which costs 6 MiB and some milliseconds for each GiB. (A block is only
 * used again for one of its size.)
 */
#define ARENA_BYTES    (UINT64_C(8) << 30)
#define BLOCKS_MAXIMUM (1u << 19) /* allocations that keep addresses of their own */
/* The bench's own view of guest memory, in bytes. */
#define VIEW_MAXIMUM (UINT64_C(64) << 30)

/* Of what ExAllocatePool gives (MEMORY_ALLOCATION_ALIGNMENT). */
#define POOL_ALIGNMENT 16

#endif
