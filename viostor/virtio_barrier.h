/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory barriers between this driver and a device. `volatile` keeps the compiler in order; these
 * keep the processor in order, towards ring memory and towards device registers.
 *
 * x86 and x64 order loads with loads and stores with stores themselves (ring memory is ordinary
 * cached memory there), so that only a store followed by a load needs an instruction. ARM64 orders
 * nothing: "outer shareable" reaches devices as well as other processors.
 *
 * That is the ordering of a real device on its bus, and it is always used. So VIRTIO_F_ORDER_PLATFORM,
 * by which a device asks for just that where a device that is another processor could do with less
 * (6.1), is accepted and changes nothing. On x86 there would be nothing to add: ring memory is
 * write-back memory, which devices see coherently and in the processor's order; register writes are
 * uncached and wait for the stores before them. On ARM64 barriers of the inner shareable domain would
 * do between processors; these are of the outer one, in which devices take part, and order normal
 * memory with device memory, so that the doorbell, too, comes behind what it announces.
 *
 * All three may be called at any IRQL. A test replaces this file by defining its guard and the
 * three functions first.
 */
#ifndef VIRTIO_BARRIER_H
#define VIRTIO_BARRIER_H

#include "osdep.h"

#if defined(__aarch64__) || defined(_M_ARM64)

/* Stores before it are seen before stores after it: contents before the index that offers them. */
FORCEINLINE VOID VirtioStoreBarrier(VOID)
{
    __asm__ __volatile__("dmb oshst" ::: "memory");
}

/* Loads before it are done before accesses after it: an index before what it stands for. */
FORCEINLINE VOID VirtioLoadBarrier(VOID)
{
    __asm__ __volatile__("dmb oshld" ::: "memory");
}

/* Everything before it, register writes included, is ordered with everything after it. */
FORCEINLINE VOID VirtioFullBarrier(VOID)
{
    __asm__ __volatile__("dmb osh" ::: "memory");
}

#else /* x86, x64 */

/* Stores before it are seen before stores after it: contents before the index that offers them. */
FORCEINLINE VOID VirtioStoreBarrier(VOID)
{
    __asm__ __volatile__("" ::: "memory");
}

/* Loads before it are done before accesses after it: an index before what it stands for. */
FORCEINLINE VOID VirtioLoadBarrier(VOID)
{
    __asm__ __volatile__("" ::: "memory");
}

#if defined(__x86_64__) || defined(_M_X64)
/* Everything before it is ordered with everything after it. Cheaper than mfence. */
FORCEINLINE VOID VirtioFullBarrier(VOID)
{
    __asm__ __volatile__("lock; orl $0, (%%rsp)" ::: "memory", "cc");
}
#else
/* Everything before it is ordered with everything after it. Every x86 processor has it. */
FORCEINLINE VOID VirtioFullBarrier(VOID)
{
    __asm__ __volatile__("lock; orl $0, (%%esp)" ::: "memory", "cc");
}
#endif

#endif

#endif /* VIRTIO_BARRIER_H */
