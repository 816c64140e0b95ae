/* SPDX-License-Identifier: BSD-3-Clause */
/* What the tests of the kernel's exports expect on this processor. */
#ifndef TESTS_UNIT_X86_KERNEL_ARCH_TEST_H
#define TESTS_UNIT_X86_KERNEL_ARCH_TEST_H

#define DEADBEEF_AS_POINTER "DEADBEEF"

/* Exports that have another name or calling convention on each processor. */
#define PUSH_SLIST       "InterlockedPushEntrySList"
#define POP_SLIST        "InterlockedPopEntrySList"
#define ACQUIRE_SPINLOCK "KfAcquireSpinLock"

#define SHARED_PAGE 0xffdf0000ull

/* A list's head is 8 bytes, of which the depth are two; headers do this inline, and no kernel exports
 * functions for it. */
static inline void initialize_slist(void *head)
{
    *(ULONG64 *)head = 0;
}

static inline USHORT slist_depth(const void *head)
{
    return ((const USHORT *)head)[2];
}

#endif
