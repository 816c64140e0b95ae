/* SPDX-License-Identifier: BSD-3-Clause */
/* What the tests of the kernel's exports expect on this processor. */
#ifndef TESTS_UNIT_X64_KERNEL_ARCH_TEST_H
#define TESTS_UNIT_X64_KERNEL_ARCH_TEST_H

#define DEADBEEF_AS_POINTER "00000000DEADBEEF"

/* Exports that have another name or calling convention on each processor. */
#define PUSH_SLIST       "ExpInterlockedPushEntrySList"
#define POP_SLIST        "ExpInterlockedPopEntrySList"
#define ACQUIRE_SPINLOCK "KeAcquireSpinLockRaiseToDpc"

#define SHARED_PAGE 0xfffff78000000000ull

static inline void initialize_slist(void *head)
{
    IMPORT(VOID, InitializeSListHead, PVOID);

    InitializeSListHead(head);
}

static inline USHORT slist_depth(void *head)
{
    IMPORT(USHORT, ExQueryDepthSList, PVOID);

    return ExQueryDepthSList(head);
}

#endif
