/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Lists and counters that are changed atomically, at any IRQL. All of them share one lock of the
 * bench; nothing is preempted while it is held.
 */
#include <stdatomic.h>

#include "kernel/kernel_internal.h"

static atomic_flag list_lock = ATOMIC_FLAG_INIT;

static void lock_lists(void)
{
    while (atomic_flag_test_and_set_explicit(&list_lock, memory_order_acquire)) {
    }
}

static void unlock_lists(void)
{
    atomic_flag_clear_explicit(&list_lock, memory_order_release);
}

/* ---- Lists under a spin lock that the caller gives ----------------------------------------- */

/* The lock only has to be the same one at each call; the bench's own is enough. */

LIST_ENTRY *NTAPI kernel_insert_head(LIST_ENTRY *head, LIST_ENTRY *entry, ULONG_PTR *lock)
{
    LIST_ENTRY *old;
    SERVES("ExInterlockedInsertHeadList");

    (void)lock;
    lock_lists();
    old = head->Flink;
    entry->Flink = old;
    entry->Blink = head;
    old->Blink = entry;
    head->Flink = entry;
    unlock_lists();
    return old == head ? NULL : old;
}

LIST_ENTRY *NTAPI kernel_insert_tail(LIST_ENTRY *head, LIST_ENTRY *entry, ULONG_PTR *lock)
{
    LIST_ENTRY *old;
    SERVES("ExInterlockedInsertTailList");

    (void)lock;
    lock_lists();
    old = head->Blink;
    entry->Flink = head;
    entry->Blink = old;
    old->Flink = entry;
    head->Blink = entry;
    unlock_lists();
    return old == head ? NULL : old;
}

LIST_ENTRY *NTAPI kernel_remove_head(LIST_ENTRY *head, ULONG_PTR *lock)
{
    LIST_ENTRY *entry;
    SERVES("ExInterlockedRemoveHeadList");

    (void)lock;
    lock_lists();
    entry = head->Flink;
    if (entry != head) {
        head->Flink = entry->Flink;
        entry->Flink->Blink = head;
    }
    unlock_lists();
    return entry == head ? NULL : entry;
}

SINGLE_LIST_ENTRY *NTAPI kernel_push_single(SINGLE_LIST_ENTRY *head, SINGLE_LIST_ENTRY *entry,
                                            ULONG_PTR *lock)
{
    SINGLE_LIST_ENTRY *old;
    SERVES("ExInterlockedPushEntryList");

    (void)lock;
    lock_lists();
    old = head->Next;
    entry->Next = old;
    head->Next = entry;
    unlock_lists();
    return old;
}

SINGLE_LIST_ENTRY *NTAPI kernel_pop_single(SINGLE_LIST_ENTRY *head, ULONG_PTR *lock)
{
    SINGLE_LIST_ENTRY *entry;
    SERVES("ExInterlockedPopEntryList");

    (void)lock;
    lock_lists();
    entry = head->Next;
    if (entry != NULL) {
        head->Next = entry->Next;
    }
    unlock_lists();
    return entry;
}

/* ---- Counters ------------------------------------------------------------------------------ */

static LARGE_INTEGER NTAPI add_large(LARGE_INTEGER *target, LARGE_INTEGER increment,
                                     ULONG_PTR *lock)
{
    LARGE_INTEGER old;
    SERVES("ExInterlockedAddLargeInteger");

    (void)lock;
    lock_lists();
    old = *target;
    target->QuadPart = (LONGLONG)((ULONGLONG)old.QuadPart + (ULONGLONG)increment.QuadPart);
    unlock_lists();
    return old;
}

ULONG NTAPI kernel_add_ulong(ULONG *target, ULONG increment, ULONG_PTR *lock)
{
    SERVES("ExInterlockedAddUlong");

    (void)lock;
    return __atomic_fetch_add(target, increment, __ATOMIC_SEQ_CST);
}

static LONG FASTCALL increment(LONG *target)
{
    SERVES("InterlockedIncrement");

    return __atomic_add_fetch(target, 1, __ATOMIC_SEQ_CST);
}

static LONG FASTCALL decrement(LONG *target)
{
    SERVES("InterlockedDecrement");

    return __atomic_sub_fetch(target, 1, __ATOMIC_SEQ_CST);
}

static LONG FASTCALL exchange(LONG *target, LONG value)
{
    SERVES("InterlockedExchange");

    return __atomic_exchange_n(target, value, __ATOMIC_SEQ_CST);
}

static LONG FASTCALL exchange_add(LONG *target, LONG value)
{
    SERVES("InterlockedExchangeAdd");

    return __atomic_fetch_add(target, value, __ATOMIC_SEQ_CST);
}

static LONG FASTCALL compare_exchange(LONG *target, LONG value, LONG expected)
{
    SERVES("InterlockedCompareExchange");

    __atomic_compare_exchange_n(target, &expected, value, false, __ATOMIC_SEQ_CST,
                                __ATOMIC_SEQ_CST);
    return expected;
}

static const struct kernel_export exports[] = {
    KERNEL_EXPORT(ExInterlockedInsertHeadList, kernel_insert_head),
    KERNEL_EXPORT(ExInterlockedInsertTailList, kernel_insert_tail),
    KERNEL_EXPORT(ExInterlockedRemoveHeadList, kernel_remove_head),
    KERNEL_EXPORT(ExInterlockedPushEntryList, kernel_push_single),
    KERNEL_EXPORT(ExInterlockedPopEntryList, kernel_pop_single),
    KERNEL_EXPORT(ExInterlockedAddLargeInteger, add_large),
    KERNEL_EXPORT(ExInterlockedAddUlong, kernel_add_ulong),
    KERNEL_EXPORT(InterlockedIncrement, increment),
    KERNEL_EXPORT(InterlockedDecrement, decrement),
    KERNEL_EXPORT(InterlockedExchange, exchange),
    KERNEL_EXPORT(InterlockedExchangeAdd, exchange_add),
    KERNEL_EXPORT(InterlockedCompareExchange, compare_exchange),
};

KERNEL_TABLE(kernel_lists, exports);
