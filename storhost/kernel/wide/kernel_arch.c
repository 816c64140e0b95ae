/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the kernel of 64-bit Windows has of its own, on x64 and ARM64.
 *
 * An SLIST_HEADER has 16 bytes there: depth in the low 16 bits, a sequence number above, then the
 * first entry's address with its low four bits used by Windows. Drivers may read the depth inline.
 */
#include <stdatomic.h>

#include "kernel/kernel_internal.h"

uint64_t kernel_shared_page(void)
{
    return 0xfffff78000000000; /* beyond all that Linux lets a program map */
}

/* Compilers call this ahead of a large stack frame, its size in rax (x64) or x15 (ARM64), and
 * expect all registers back. The stack is there, so nothing is to be done. */
void kernel_check_stack(void);
__asm__(".text\n"
        ".globl kernel_check_stack\n"
        ".type kernel_check_stack, %function\n"
        "kernel_check_stack: ret\n"
        ".size kernel_check_stack, . - kernel_check_stack\n");

/* Asked while an exception looks for a handler. No exception is ever raised here: a fault is a
 * violation. So this is only there to be imported. */
static int NTAPI c_specific_handler(PVOID record, PVOID frame, PVOID context, PVOID dispatcher)
{
    enum {
        CONTINUE_SEARCH = 1
    };

    (void)record;
    (void)frame;
    (void)context;
    (void)dispatcher;
    return CONTINUE_SEARCH;
}

struct slist_entry {
    struct slist_entry *next;
};

struct slist_header {
    ULONGLONG depth_and_sequence;
    ULONGLONG first;
};

#define SLIST_DEPTH    0xffffull
#define SLIST_SEQUENCE 0x10000ull
#define SLIST_RESERVED 0xfull

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

/* ---- Sequenced lists ----------------------------------------------------------------------- */

static VOID NTAPI initialize_slist(struct slist_header *head)
{
    SERVES("InitializeSListHead");

    if ((ULONG_PTR)head % 16 != 0) {
        violation(RULE_ARGUMENT, "an SLIST_HEADER at %p is not aligned to 16 bytes", (void *)head);
    }
    head->depth_and_sequence = 0;
    head->first = 0;
}

static struct slist_entry *first_entry(const struct slist_header *head)
{
    return (struct slist_entry *)(ULONG_PTR)(head->first & ~SLIST_RESERVED);
}

static void set_first(struct slist_header *head, struct slist_entry *entry, ULONGLONG depth)
{
    ULONGLONG sequence = (head->depth_and_sequence & ~SLIST_DEPTH) + SLIST_SEQUENCE;

    head->first = (ULONGLONG)(ULONG_PTR)entry;
    head->depth_and_sequence = sequence | (depth & SLIST_DEPTH);
}

static struct slist_entry *NTAPI push_slist(struct slist_header *head, struct slist_entry *entry)
{
    struct slist_entry *old;
    SERVES("ExpInterlockedPushEntrySList");

    if ((ULONG_PTR)entry % 16 != 0) {
        violation(RULE_ARGUMENT, "an SLIST_ENTRY at %p is not aligned to 16 bytes", (void *)entry);
    }
    lock_lists();
    old = first_entry(head);
    entry->next = old;
    set_first(head, entry, (head->depth_and_sequence & SLIST_DEPTH) + 1);
    unlock_lists();
    return old;
}

static struct slist_entry *NTAPI pop_slist(struct slist_header *head)
{
    struct slist_entry *entry;
    SERVES("ExpInterlockedPopEntrySList");

    lock_lists();
    entry = first_entry(head);
    if (entry != NULL) {
        set_first(head, entry->next, (head->depth_and_sequence & SLIST_DEPTH) - 1);
    }
    unlock_lists();
    return entry;
}

static struct slist_entry *NTAPI flush_slist(struct slist_header *head)
{
    struct slist_entry *entry;
    SERVES("ExpInterlockedFlushSList");

    lock_lists();
    entry = first_entry(head);
    set_first(head, NULL, 0);
    unlock_lists();
    return entry;
}

static USHORT NTAPI slist_depth(const struct slist_header *head)
{
    SERVES("ExQueryDepthSList");

    return (USHORT)(head->depth_and_sequence & SLIST_DEPTH);
}

static const struct kernel_export exports[] = {
    KERNEL_EXPORT(__chkstk, kernel_check_stack),
    KERNEL_EXPORT(__C_specific_handler, c_specific_handler),
    KERNEL_EXPORT(InitializeSListHead, initialize_slist),
    KERNEL_EXPORT(ExpInterlockedPushEntrySList, push_slist),
    KERNEL_EXPORT(ExpInterlockedPopEntrySList, pop_slist),
    KERNEL_EXPORT(ExpInterlockedFlushSList, flush_slist),
    KERNEL_EXPORT(ExQueryDepthSList, slist_depth),
};

KERNEL_TABLE(kernel_arch, exports);
