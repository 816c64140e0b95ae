/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the kernel of x86 has of its own: the arithmetic on 64 bits that compilers call, lists and
 * counters by __fastcall, and small things that other processors do inline.
 */
#include "kernel/kernel_internal.h"

/* ---- 64-bit arithmetic ----------------------------------------------------------------------- */

static LONGLONG NTAPI multiply(LONGLONG a, LONGLONG b)
{
    return (LONGLONG)((ULONGLONG)a * (ULONGLONG)b);
}

static LONGLONG NTAPI divide(LONGLONG a, LONGLONG b)
{
    SERVES("_alldiv");

    return a / b;
}

static LONGLONG NTAPI remainder_of(LONGLONG a, LONGLONG b)
{
    SERVES("_allrem");

    return a % b;
}

static ULONGLONG NTAPI divide_unsigned(ULONGLONG a, ULONGLONG b)
{
    SERVES("_aulldiv");

    return a / b;
}

static ULONGLONG NTAPI remainder_unsigned(ULONGLONG a, ULONGLONG b)
{
    SERVES("_aullrem");

    return a % b;
}

/* By these the assembler parts below call: the quotient is returned, the remainder stored. */
LONGLONG kernel_divide_both(LONGLONG a, LONGLONG b, LONGLONG *rest);
ULONGLONG kernel_divide_both_unsigned(ULONGLONG a, ULONGLONG b, ULONGLONG *rest);

LONGLONG kernel_divide_both(LONGLONG a, LONGLONG b, LONGLONG *rest)
{
    SERVES("_alldvrm");

    *rest = a % b;
    return a / b;
}

ULONGLONG kernel_divide_both_unsigned(ULONGLONG a, ULONGLONG b, ULONGLONG *rest)
{
    SERVES("_aulldvrm");

    *rest = a % b;
    return a / b;
}

/*
 * _alldvrm, _aulldvrm: 64-bit a and b on the stack, which the callee takes off; quotient in
 * edx:eax, remainder in ebx:ecx.
 *
 * _allshl, _allshr, _aullshr: edx:eax shifted by cl; 64 and more bits shift everything out.
 *
 * _alloca_probe: take eax bytes off the stack; all other registers stay.
 */
void kernel_alldvrm(void);
void kernel_aulldvrm(void);
void kernel_allshl(void);
void kernel_allshr(void);
void kernel_aullshr(void);
void kernel_chkstk(void);

#define FUNCTION(name, code)    \
    __asm__(".text\n"           \
            ".globl " name "\n" \
            ".type " name ", @function\n" name ":\n" code ".size " name ", . - " name "\n")

#define DIVIDE_BOTH(function)                                          \
    "subl $8, %esp\n"  /* the remainder */                             \
    "pushl %esp\n"     /* its address, and the same numbers again */   \
    "pushl 28(%esp)\n" /* b's upper half; each push moves them by 4 */ \
    "pushl 28(%esp)\n"                                                 \
    "pushl 28(%esp)\n"                                                 \
    "pushl 28(%esp)\n"                                                 \
    "call " function "\n"                                              \
    "addl $20, %esp\n"                                                 \
    "popl %ecx\n"                                                      \
    "popl %ebx\n"                                                      \
    "ret $16\n"

FUNCTION("kernel_alldvrm", DIVIDE_BOTH("kernel_divide_both"));
FUNCTION("kernel_aulldvrm", DIVIDE_BOTH("kernel_divide_both_unsigned"));

FUNCTION("kernel_allshl", "cmpb $64, %cl\n"
                          "jae 2f\n"
                          "cmpb $32, %cl\n"
                          "jae 1f\n"
                          "shldl %cl, %eax, %edx\n"
                          "shll %cl, %eax\n"
                          "ret\n"
                          "1: movl %eax, %edx\n"
                          "xorl %eax, %eax\n"
                          "shll %cl, %edx\n" /* modulo 32 */
                          "ret\n"
                          "2: xorl %eax, %eax\n"
                          "xorl %edx, %edx\n"
                          "ret\n");

FUNCTION("kernel_allshr", "cmpb $64, %cl\n"
                          "jae 2f\n"
                          "cmpb $32, %cl\n"
                          "jae 1f\n"
                          "shrdl %cl, %edx, %eax\n"
                          "sarl %cl, %edx\n"
                          "ret\n"
                          "1: movl %edx, %eax\n"
                          "sarl $31, %edx\n"
                          "sarl %cl, %eax\n"
                          "ret\n"
                          "2: sarl $31, %edx\n"
                          "movl %edx, %eax\n"
                          "ret\n");

FUNCTION("kernel_aullshr", "cmpb $64, %cl\n"
                           "jae 2f\n"
                           "cmpb $32, %cl\n"
                           "jae 1f\n"
                           "shrdl %cl, %edx, %eax\n"
                           "shrl %cl, %edx\n"
                           "ret\n"
                           "1: movl %edx, %eax\n"
                           "xorl %edx, %edx\n"
                           "shrl %cl, %eax\n"
                           "ret\n"
                           "2: xorl %eax, %eax\n"
                           "xorl %edx, %edx\n"
                           "ret\n");

FUNCTION("kernel_chkstk", "pushl %ecx\n"
                          "leal 8(%esp), %ecx\n" /* the caller's stack */
                          "subl %eax, %ecx\n"
                          "movl 4(%esp), %eax\n" /* where to return to */
                          "xchgl %esp, %ecx\n"
                          "orl $0, (%esp)\n"
                          "pushl %eax\n"
                          "movl (%ecx), %ecx\n"
                          "ret\n");

/* ---- Lists and counters ---------------------------------------------------------------------- */

/* An SLIST_HEADER of x86: the first entry's address, the depth, a number that each change raises.
 * Changed as one, by the processor's compare and exchange of 8 bytes. */
union slist_header {
    ULONGLONG whole;
    struct {
        SINGLE_LIST_ENTRY *first;
        USHORT depth;
        USHORT sequence;
    } part;
};

static bool replace_header(union slist_header *head, union slist_header *old,
                           union slist_header next)
{
    next.part.sequence = (USHORT)(old->part.sequence + 1);
    return __atomic_compare_exchange_n(&head->whole, &old->whole, next.whole, false,
                                       __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

static SINGLE_LIST_ENTRY *FASTCALL push_slist(union slist_header *head, SINGLE_LIST_ENTRY *entry)
{
    union slist_header old, next;
    SERVES("InterlockedPushEntrySList");

    old.whole = __atomic_load_n(&head->whole, __ATOMIC_SEQ_CST);
    do {
        entry->Next = old.part.first;
        next.part.first = entry;
        next.part.depth = (USHORT)(old.part.depth + 1);
    } while (!replace_header(head, &old, next));
    return old.part.first;
}

static SINGLE_LIST_ENTRY *FASTCALL pop_slist(union slist_header *head)
{
    union slist_header old, next;
    SERVES("InterlockedPopEntrySList");

    old.whole = __atomic_load_n(&head->whole, __ATOMIC_SEQ_CST);
    do {
        if (old.part.first == NULL) {
            return NULL;
        }
        next.part.first = old.part.first->Next;
        next.part.depth = (USHORT)(old.part.depth - 1);
    } while (!replace_header(head, &old, next));
    return old.part.first;
}

static SINGLE_LIST_ENTRY *FASTCALL flush_slist(union slist_header *head)
{
    union slist_header old, next = {.whole = 0};
    SERVES("ExInterlockedFlushSList");

    old.whole = __atomic_load_n(&head->whole, __ATOMIC_SEQ_CST);
    do {
    } while (!replace_header(head, &old, next));
    return old.part.first;
}

/* The older names also take the lock that protected such lists on processors without the
 * instruction. */
static SINGLE_LIST_ENTRY *FASTCALL push_slist_locked(union slist_header *head,
                                                     SINGLE_LIST_ENTRY *entry, ULONG_PTR *lock)
{
    (void)lock;
    return push_slist(head, entry);
}

static SINGLE_LIST_ENTRY *FASTCALL pop_slist_locked(union slist_header *head, ULONG_PTR *lock)
{
    (void)lock;
    return pop_slist(head);
}

static LONGLONG FASTCALL compare_exchange_64(LONGLONG *target, const LONGLONG *value,
                                             const LONGLONG *expected)
{
    LONGLONG old;
    SERVES("ExInterlockedCompareExchange64");

    old = *expected;
    __atomic_compare_exchange_n(target, &old, *value, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    return old;
}

static LONGLONG FASTCALL compare_exchange_64_locked(LONGLONG *target, const LONGLONG *value,
                                                    const LONGLONG *expected, ULONG_PTR *lock)
{
    (void)lock;
    return compare_exchange_64(target, value, expected);
}

static VOID FASTCALL add_statistic(LONGLONG *target, ULONG increment)
{
    SERVES("ExInterlockedAddLargeStatistic");

    __atomic_fetch_add(target, increment, __ATOMIC_SEQ_CST);
}

static LIST_ENTRY *FASTCALL insert_head(LIST_ENTRY *head, LIST_ENTRY *entry, ULONG_PTR *lock)
{
    return kernel_insert_head(head, entry, lock);
}

static LIST_ENTRY *FASTCALL insert_tail(LIST_ENTRY *head, LIST_ENTRY *entry, ULONG_PTR *lock)
{
    return kernel_insert_tail(head, entry, lock);
}

static LIST_ENTRY *FASTCALL remove_head(LIST_ENTRY *head, ULONG_PTR *lock)
{
    return kernel_remove_head(head, lock);
}

static SINGLE_LIST_ENTRY *FASTCALL push_single(SINGLE_LIST_ENTRY *head, SINGLE_LIST_ENTRY *entry,
                                               ULONG_PTR *lock)
{
    return kernel_push_single(head, entry, lock);
}

static SINGLE_LIST_ENTRY *FASTCALL pop_single(SINGLE_LIST_ENTRY *head, ULONG_PTR *lock)
{
    return kernel_pop_single(head, lock);
}

static ULONG FASTCALL add_ulong(ULONG *target, ULONG increment, ULONG_PTR *lock)
{
    return kernel_add_ulong(target, increment, lock);
}

/* ---- Exceptions ------------------------------------------------------------------------------ */

/* Asked while an exception looks for a handler. No exception is ever raised here: a fault is a
 * violation. So this is only there to be imported. */
static int NTAPIV except_handler(PVOID record, PVOID frame, PVOID context, PVOID dispatcher)
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

/* ---- The table ------------------------------------------------------------------------------- */

/* KeTickCount is a variable there, with the form and value of one in the shared page. */
#define TICK_COUNT (0xffdf0000u + 0x320)

static const struct kernel_export exports[] = {
    KERNEL_EXPORT(_allmul, multiply),
    KERNEL_EXPORT(_alldiv, divide),
    KERNEL_EXPORT(_allrem, remainder_of),
    KERNEL_EXPORT(_aulldiv, divide_unsigned),
    KERNEL_EXPORT(_aullrem, remainder_unsigned),
    KERNEL_EXPORT(_alldvrm, kernel_alldvrm),
    KERNEL_EXPORT(_aulldvrm, kernel_aulldvrm),
    KERNEL_EXPORT(_allshl, kernel_allshl),
    KERNEL_EXPORT(_allshr, kernel_allshr),
    KERNEL_EXPORT(_aullshr, kernel_aullshr),
    KERNEL_EXPORT(_alloca_probe, kernel_chkstk),
    KERNEL_EXPORT(InterlockedPushEntrySList, push_slist),
    KERNEL_EXPORT(InterlockedPopEntrySList, pop_slist),
    KERNEL_EXPORT(ExInterlockedPushEntrySList, push_slist_locked),
    KERNEL_EXPORT(ExInterlockedPopEntrySList, pop_slist_locked),
    KERNEL_EXPORT(ExInterlockedFlushSList, flush_slist),
    KERNEL_EXPORT(ExInterlockedCompareExchange64, compare_exchange_64_locked),
    KERNEL_EXPORT(ExfInterlockedCompareExchange64, compare_exchange_64),
    KERNEL_EXPORT(ExInterlockedAddLargeStatistic, add_statistic),
    KERNEL_EXPORT(ExfInterlockedInsertHeadList, insert_head),
    KERNEL_EXPORT(ExfInterlockedInsertTailList, insert_tail),
    KERNEL_EXPORT(ExfInterlockedRemoveHeadList, remove_head),
    KERNEL_EXPORT(ExfInterlockedPushEntryList, push_single),
    KERNEL_EXPORT(ExfInterlockedPopEntryList, pop_single),
    KERNEL_EXPORT(ExfInterlockedAddUlong, add_ulong),
    KERNEL_EXPORT(_except_handler2, except_handler),
    KERNEL_EXPORT(_except_handler3, except_handler),
    KERNEL_EXPORT(KeTickCount, TICK_COUNT),
};

KERNEL_TABLE(kernel_arch, exports);
