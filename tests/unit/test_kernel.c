/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The kernel's exports as a driver meets them: found by name, called with Windows' calling
 * convention, and watched.
 */
#include "expect_violation.h"

#include <ntddk.h>
#include <ntstatus.h>

#include "kernel/exports.h"
#include "machine/clock.h"
#include "machine/cpu.h"
#include "machine/memory.h"
#include "machine/trap.h"

#include <stdbool.h>
#include <stdlib.h>

#define TAG       0x64636261u /* "abcd" */
#define OTHER_TAG 0x61626364u /* "dcba" */

static void *find(const char *name)
{
    const char *why = NULL;
    void *found = kernel_resolve("ntoskrnl.exe", name, &why);

    if (found == NULL) {
        fail_msg("%s: %s", name, why);
    }
    return found;
}

/* Declares a pointer to an export, with its type. */
#define IMPORT(result, name, ...) result(NTAPI *name)(__VA_ARGS__) = find(#name)
/* The same for functions of the C library. */
#define IMPORT_C(result, name, ...) result(NTAPIV *name)(__VA_ARGS__) = find(#name)

#include "kernel_arch_test.h" /* which uses them */

/* ---- names ---- */

static void names_are_found_under_any_spelling_of_the_module(void **context)
{
    const char *why = NULL;

    (void)context;
    assert_non_null(kernel_resolve("NTOSKRNL.EXE", "memcpy", &why));
    assert_non_null(kernel_resolve("ntkrnlmp.exe", "memcpy", NULL));
    assert_non_null(kernel_resolve("HAL.dll", "KeStallExecutionProcessor", &why));
    assert_null(kernel_resolve("ntoskrnl.exe", "NoSuchThing", &why));
    assert_string_equal(why, "no Windows is known to export it");
    assert_null(kernel_resolve("ntoskrnl.exe", "ZwCreateFile", &why));
    assert_string_equal(why, "storhost does not offer it");
    assert_null(kernel_resolve("ntoskrnl.exe", "Memcpy", &why));
    assert_null(kernel_resolve("kernel32.dll", "memcpy", &why));
    assert_non_null(strstr(why, "no such module"));
}

static void young_exports_are_hidden_from_old_windows(void **context)
{
    const char *why = NULL;

    (void)context;
    kernel_present_windows(0x601);
    assert_null(kernel_resolve("ntoskrnl.exe", "KeStallExecutionProcessor", &why)); /* the HAL's */
    assert_null(kernel_resolve("ntoskrnl.exe", "ExAllocatePool2", &why));
    assert_string_equal(why, "Windows has it since 10.0, and 6.1 is presented");
    assert_non_null(kernel_resolve("ntoskrnl.exe", "KeQueryActiveGroupCount", &why));
    kernel_present_windows(0xa00);
    assert_non_null(kernel_resolve("ntoskrnl.exe", "ExAllocatePool2", &why));
}

/* ---- text ---- */

typedef int NTAPIV snprintf_fn(char *target, SIZE_T space, const char *format, ...);
typedef int NTAPIV snwprintf_fn(WCHAR *target, SIZE_T space, const WCHAR *format, ...);

#define expect_text(expected, ...)                                                        \
    do {                                                                                  \
        char text[128];                                                                   \
        int length = ((snprintf_fn *)find("_snprintf"))(text, sizeof(text), __VA_ARGS__); \
        assert_string_equal(text, expected);                                              \
        assert_int_equal(length, strlen(expected));                                       \
    } while (0)

static void text_is_formatted_as_windows_does(void **context)
{
    WCHAR wide[] = {'w', 'i', 'd', 'e', 0};
    UNICODE_STRING counted = {4, 10, wide};
    ANSI_STRING ansi = {3, 3, (char *)"counted"};

    (void)context;
    expect_text("-42|  -42|-42  |+42|0042", "%d|%5d|%-5d|%+d|%04d", -42, -42, -42, 42, 42);
    expect_text("beef|BEEF|0xbeef|0000beef|17", "%x|%X|%#x|%08x|%o", 0xbeef, 0xbeef, 0xbeef, 0xbeef,
                15);
    expect_text("4294967295|-1|18446744073709551615|123456789012", "%u|%ld|%I64u|%lld", 0xffffffffu,
                -1, ~0ull, 123456789012ll);
    expect_text("-1|255|-1|65535", "%hhd|%hhu|%hd|%hu", 0xff, 0xff, 0xffff, 0xffff);
    expect_text(DEADBEEF_AS_POINTER, "%p", (void *)0xdeadbeef);
    expect_text("text|  text|te|(null)", "%s|%6s|%.2s|%s", "text", "text", "text", NULL);
    expect_text("wide|wide|wide|wi|cou", "%S|%ws|%ls|%wZ|%Z", wide, wide, wide, &counted, &ansi);
    expect_text("a|b|100%", "%c|%C|100%%", 'a', 'b');
    expect_text("   7|007", "%*d|%.3d", 4, 7, 7);
    expect_text("%q", "%q");
}

static void text_that_does_not_fit_is_not_ended(void **context)
{
    snprintf_fn *print = find("_snprintf");
    char text[8] = "xxxxxxx";
    WCHAR wide[8];
    WCHAR format[] = {'%', 's', '%', 'S', 0};
    WCHAR part[] = {'a', 'b', 0};

    (void)context;
    assert_int_equal(print(text, 3, "%s", "abcd"), -1);
    assert_memory_equal(text, "abcxxxx", 7);
    assert_int_equal(print(text, 4, "%s", "abcd"), 4);
    assert_memory_equal(text, "abcdxxx", 7);
    assert_int_equal(((snwprintf_fn *)find("_snwprintf"))(wide, 8, format, part, "cd"), 4);
    assert_int_equal(wide[3], 'd');
    assert_int_equal(wide[4], 0);
}

/* More arguments than any processor has registers for, 64-bit ones among them. */
static void arguments_go_on_behind_the_registers(void **context)
{
    (void)context;
    expect_text("1 2 3 4 5 6 7 8 9 10 11 12", "%d %d %d %d %d %d %d %d %d %d %d %d", 1, 2, 3, 4, 5,
                6, 7, 8, 9, 10, 11, 12);
    expect_text("1 20000000000 3 40000000000 5 60000000000 7 80000000000 end",
                "%d %lld %d %lld %d %I64d %d %I64d %s", 1, 20000000000ll, 3, 40000000000ll, 5,
                60000000000ll, 7, 80000000000ll, "end");
}

/* A va_list of Windows is a pointer to the arguments, each in a slot as wide as a pointer. */
static void a_list_is_a_pointer_to_arguments(void **context)
{
    IMPORT_C(int, _vsnprintf, char *target, SIZE_T space, const char *format, const void *list);
    IMPORT_C(int, _vsnprintf_s, char *target, SIZE_T space, SIZE_T count, const char *format,
             const void *list);
    const ULONG_PTR list[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, (ULONG_PTR) "ten", 11};
    char text[64];

    (void)context;
    assert_int_equal(_vsnprintf(text, sizeof(text), "%d%d%d%d%d%d%d%d%d %s %u", list), 16);
    assert_string_equal(text, "123456789 ten 11");
    assert_int_equal(_vsnprintf_s(text, 8, 3, "%d%d%d%d%d", list), -1);
    assert_string_equal(text, "123");
}

static char printed[256];

static void keep_printed(const char *text, size_t length)
{
    memcpy(printed, text, length);
    printed[length] = 0;
}

static void dbg_print_reaches_its_reader(void **context)
{
    ULONG NTAPIV (*print)(const char *format, ...) = find("DbgPrint");

    (void)context;
    kernel_set_debug_output(keep_printed);
    print("queue %u of %s\n", 3, "viostor");
    assert_string_equal(printed, "queue 3 of viostor\n");
    kernel_set_debug_output(NULL);
}

/* ---- memory, lists, time ---- */

static void memory_functions_move_bytes(void **context)
{
    IMPORT_C(PVOID, memmove, PVOID, const VOID *, SIZE_T);
    IMPORT_C(PVOID, memset, PVOID, int, SIZE_T);
    IMPORT(SIZE_T, RtlCompareMemory, const VOID *, const VOID *, SIZE_T);
    char text[16] = "0123456789";

    (void)context;
    assert_ptr_equal(memmove(text + 2, text, 6), text + 2);
    assert_string_equal(text, "0101234589");
    memmove(text, text + 2, 6);
    assert_string_equal(text, "0123454589");
    memset(text, 'x', 3);
    assert_string_equal(text, "xxx3454589");
    assert_int_equal(RtlCompareMemory("abcd", "abXd", 4), 2);
}

static void sequenced_lists_are_last_in_first_out(void **context)
{
    PVOID FASTCALL (*push)(PVOID, PVOID) = find(PUSH_SLIST);
    PVOID FASTCALL (*pop)(PVOID) = find(POP_SLIST);
    _Alignas(16) unsigned char head[16] = {0}, a[16], b[16];

    (void)context;
    initialize_slist(head);
    assert_null(pop(head));
    assert_null(push(head, a));
    assert_ptr_equal(push(head, b), a);
    assert_int_equal(slist_depth(head), 2);
    assert_ptr_equal(pop(head), b);
    assert_ptr_equal(pop(head), a);
    assert_null(pop(head));
    assert_int_equal(slist_depth(head), 0);
}

static void dates_are_those_of_the_calendar(void **context)
{
    static const struct {
        LONGLONG time;
        SHORT fields[8];
    } dates[] = {
        {0, {1601, 1, 1, 0, 0, 0, 0, 1}},
        {116444736000000000, {1970, 1, 1, 0, 0, 0, 0, 4}},
        {125963010860000000, {2000, 2, 29, 12, 31, 26, 0, 2}},
        {134116992000000000, {2026, 1, 1, 0, 0, 0, 0, 4}},
        {134274239990010000, {2026, 7, 1, 23, 59, 59, 1, 3}},
    };
    IMPORT(VOID, RtlTimeToTimeFields, const LARGE_INTEGER *, SHORT *);

    (void)context;
    for (size_t index = 0; index < sizeof(dates) / sizeof(dates[0]); index++) {
        LARGE_INTEGER time = {.QuadPart = dates[index].time};
        SHORT fields[8];

        RtlTimeToTimeFields(&time, fields);
        assert_memory_equal(fields, dates[index].fields, sizeof(fields));
    }
}

/* ---- rules; each in a child, on a processor ---- */

static void (*on_processor)(void);
static uint8_t at_irql;

static void run_it(void *context)
{
    (void)context;
    on_processor();
}

static void start_and_run(void *context)
{
    static const struct memory_options options = {.below_4g = 8u << 20};

    (void)context;
    trap_init();
    memory_init(&options);
    clock_start(CLOCK_REAL_TIME);
    cpu_start(1, CPU_FREE, 0);
    kernel_init();
    cpu_call(0, at_irql, run_it, NULL, "test");
}

static void expect_rule(void (*run)(void), uint8_t irql, enum rule rule, const char *part)
{
    on_processor = run;
    at_irql = irql;
    expect_violation(start_and_run, NULL, rule, part);
}

static void allocate_and_free(void)
{
    IMPORT(PVOID, ExAllocatePoolWithTag, int, SIZE_T, ULONG);
    IMPORT(VOID, ExFreePoolWithTag, PVOID, ULONG);
    IMPORT(PVOID, ExAllocatePool2, ULONGLONG, SIZE_T, ULONG);
    IMPORT(VOID, ExFreePool, PVOID);
    char *memory = ExAllocatePoolWithTag(512, 100, TAG);

    memory[99] = 1;
    ExFreePoolWithTag(memory, TAG);
    memory = ExAllocatePool2(0x40, 5000, TAG);
    if (memory[0] != 0 || memory[4999] != 0 || (uintptr_t)memory % 4096 != 0) {
        abort();
    }
    ExFreePool(memory);
}

static void free_twice(void)
{
    IMPORT(PVOID, ExAllocatePoolWithTag, int, SIZE_T, ULONG);
    IMPORT(VOID, ExFreePool, PVOID);
    char *memory = ExAllocatePoolWithTag(512, 100, TAG);

    ExFreePool(memory);
    ExFreePool(memory);
}

static void free_with_another_tag(void)
{
    IMPORT(PVOID, ExAllocatePoolWithTag, int, SIZE_T, ULONG);
    IMPORT(VOID, ExFreePoolWithTag, PVOID, ULONG);

    ExFreePoolWithTag(ExAllocatePoolWithTag(512, 100, TAG), OTHER_TAG);
}

static void allocate_paged(void)
{
    IMPORT(PVOID, ExAllocatePoolWithTag, int, SIZE_T, ULONG);

    ExAllocatePoolWithTag(1, 100, TAG);
}

static void copy_too_much(void)
{
    IMPORT(PVOID, ExAllocatePoolWithTag, int, SIZE_T, ULONG);
    IMPORT_C(PVOID, memset, PVOID, int, SIZE_T);

    memset(ExAllocatePoolWithTag(512, 96, TAG), 0, 97);
}

static void measure_nothing(void)
{
    IMPORT_C(SIZE_T, strlen, const char *);

    strlen(NULL);
}

static void pool_rules_are_kept(void **context)
{
    (void)context;
    on_processor = allocate_and_free;
    at_irql = IRQL_DISPATCH;
    expect_survival(start_and_run, NULL);
    expect_rule(allocate_and_free, IRQL_DEVICE, RULE_IRQL, "ExAllocatePoolWithTag");
    expect_rule(allocate_paged, IRQL_DISPATCH, RULE_IRQL, "at most APC_LEVEL");
    expect_rule(free_twice, IRQL_PASSIVE, RULE_MEMORY, "no allocated pool");
    expect_rule(free_with_another_tag, IRQL_PASSIVE, RULE_ARGUMENT, "with tag 'dcba'");
    expect_rule(copy_too_much, IRQL_PASSIVE, RULE_MEMORY, "in memset, called by the driver");
    expect_rule(measure_nothing, IRQL_PASSIVE, RULE_CRASH, "in strlen, called by the driver");
}

static ULONG_PTR spin_lock;

static void lock_and_unlock(void)
{
    UCHAR FASTCALL (*acquire)(ULONG_PTR *) = find(ACQUIRE_SPINLOCK);
    IMPORT(VOID, KeReleaseSpinLock, ULONG_PTR *, UCHAR);
    UCHAR old = acquire(&spin_lock);

    if (cpu_irql() != IRQL_DISPATCH || spin_lock == 0) {
        abort();
    }
    KeReleaseSpinLock(&spin_lock, old);
    if (cpu_irql() != old || spin_lock != 0) {
        abort();
    }
}

static void lock_twice(void)
{
    UCHAR FASTCALL (*acquire)(ULONG_PTR *) = find(ACQUIRE_SPINLOCK);

    acquire(&spin_lock);
    acquire(&spin_lock);
}

static void unlock_only(void)
{
    IMPORT(VOID, KeReleaseSpinLockFromDpcLevel, ULONG_PTR *);

    KeReleaseSpinLockFromDpcLevel(&spin_lock);
}

static void lock_at_dpc(void)
{
    IMPORT(VOID, KeAcquireSpinLockAtDpcLevel, ULONG_PTR *);

    KeAcquireSpinLockAtDpcLevel(&spin_lock);
}

static void spin_lock_rules_are_kept(void **context)
{
    (void)context;
    on_processor = lock_and_unlock;
    at_irql = IRQL_PASSIVE;
    expect_survival(start_and_run, NULL);
    expect_rule(lock_twice, IRQL_PASSIVE, RULE_LOCK_RECURSION, "KeAcquireSpinLock");
    expect_rule(unlock_only, IRQL_DISPATCH, RULE_LOCK_ORDER, "does not hold");
    expect_rule(lock_at_dpc, IRQL_PASSIVE, RULE_IRQL, "KeAcquireSpinLockAtDpcLevel");
    expect_rule(lock_and_unlock, IRQL_DEVICE, RULE_IRQL, "KeAcquireSpinLock");
}

static void delay(void)
{
    IMPORT(NTSTATUS, KeDelayExecutionThread, CHAR, BOOLEAN, const LARGE_INTEGER *);
    const LARGE_INTEGER time = {.QuadPart = -10};

    KeDelayExecutionThread(0, FALSE, &time);
}

static void print_wide(void)
{
    ULONG NTAPIV (*print)(const char *format, ...) = find("DbgPrint");
    const WCHAR text[] = {'x', 0};

    print("%ws", text);
}

static void bug_check(void)
{
    IMPORT(VOID, KeBugCheckEx, ULONG, ULONG_PTR, ULONG_PTR, ULONG_PTR, ULONG_PTR);

    KeBugCheckEx(0xd1, 1, 2, 3, 4);
}

static void read_shared_page(void)
{
    IMPORT(ULONGLONG, KeQueryInterruptTimePrecise, ULONG64 *);
    ULONG64 counter;
    ULONGLONG before = KeQueryInterruptTimePrecise(&counter);
    ULONGLONG shared = *(volatile ULONGLONG *)(ULONG_PTR)(SHARED_PAGE + 8);

    if (shared < before || shared > before + 100000000 ||
        *(volatile ULONG *)(ULONG_PTR)(SHARED_PAGE + 0x26c) != 10) {
        abort();
    }
}

static void other_rules_are_kept(void **context)
{
    (void)context;
    expect_rule(delay, IRQL_DISPATCH, RULE_IRQL, "KeDelayExecutionThread");
    expect_rule(print_wide, IRQL_DISPATCH, RULE_IRQL, "Unicode conversion");
    expect_rule(bug_check, IRQL_DISPATCH, RULE_CRASH, "bug check 0xD1 (0x1, 0x2, 0x3, 0x4)");
    on_processor = read_shared_page;
    at_irql = IRQL_DISPATCH;
    expect_survival(start_and_run, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_found_under_any_spelling_of_the_module),
        cmocka_unit_test(young_exports_are_hidden_from_old_windows),
        cmocka_unit_test(text_is_formatted_as_windows_does),
        cmocka_unit_test(text_that_does_not_fit_is_not_ended),
        cmocka_unit_test(arguments_go_on_behind_the_registers),
        cmocka_unit_test(a_list_is_a_pointer_to_arguments),
        cmocka_unit_test(dbg_print_reaches_its_reader),
        cmocka_unit_test(memory_functions_move_bytes),
        cmocka_unit_test(sequenced_lists_are_last_in_first_out),
        cmocka_unit_test(dates_are_those_of_the_calendar),
        cmocka_unit_test(pool_rules_are_kept),
        cmocka_unit_test(spin_lock_rules_are_kept),
        cmocka_unit_test(other_rules_are_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
