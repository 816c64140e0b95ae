/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What only the kernel of x86 exports: 64-bit arithmetic as compilers call it, the stack probe, lists
 * and counters by __fastcall.
 */
#include "expect_violation.h"

#include <ntddk.h>

#include "base/random.h"
#include "kernel/exports.h"

static void *find(const char *name)
{
    const char *why = NULL;
    void *found = kernel_resolve("ntoskrnl.exe", name, &why);

    if (found == NULL) {
        fail_msg("%s: %s", name, why);
    }
    return found;
}

static const LONGLONG samples[] = {
    1, -1, 2, 10, -10, 0x7fffffff, -(1ll << 31), 1ll << 32, -(1ll << 32) - 1, 1ll << 62, INT64_MAX};

#define SAMPLES (sizeof(samples) / sizeof(samples[0]))

/* _alldvrm and _aulldvrm give the remainder in ebx:ecx. */
static LONGLONG divide_both(void *function, LONGLONG a, LONGLONG b, LONGLONG *rest)
{
    const LONGLONG arguments[] = {a, b};
    const LONGLONG *high = arguments; /* and then what was in ebx */
    LONGLONG quotient;
    ULONG low;

    __asm__ volatile("pushl 12(%%edi)\n pushl 8(%%edi)\n pushl 4(%%edi)\n pushl (%%edi)\n"
                     "call *%%esi\n"
                     "movl %%ebx, %%edi"
                     : "=A"(quotient), "=c"(low), "+D"(high)
                     : "S"(function)
                     : "ebx", "memory", "cc");
    *rest = (LONGLONG)((ULONGLONG)(ULONG_PTR)high << 32 | low);
    return quotient;
}

static void numbers_of_64_bits_are_divided(void **context)
{
    LONGLONG NTAPI (*divide)(LONGLONG, LONGLONG) = find("_alldiv");
    LONGLONG NTAPI (*rest)(LONGLONG, LONGLONG) = find("_allrem");
    LONGLONG NTAPI (*multiply)(LONGLONG, LONGLONG) = find("_allmul");
    ULONGLONG NTAPI (*divide_unsigned)(ULONGLONG, ULONGLONG) = find("_aulldiv");
    ULONGLONG NTAPI (*rest_unsigned)(ULONGLONG, ULONGLONG) = find("_aullrem");

    (void)context;
    for (size_t i = 0; i < SAMPLES * SAMPLES; i++) {
        LONGLONG a = samples[i / SAMPLES], b = samples[i % SAMPLES];
        ULONGLONG ua = (ULONGLONG)a, ub = (ULONGLONG)b;

        assert_true(divide(a, b) == a / b);
        assert_true(rest(a, b) == a % b);
        assert_true((ULONGLONG)multiply(a, b) == ua * ub);
        assert_true(divide_unsigned(ua, ub) == ua / ub);
        assert_true(rest_unsigned(ua, ub) == ua % ub);
    }
}

static void quotient_and_remainder_come_at_once(void **context)
{
    void *both = find("_alldvrm"), *both_unsigned = find("_aulldvrm");
    LONGLONG rest;

    (void)context;
    for (size_t i = 0; i < SAMPLES * SAMPLES; i++) {
        LONGLONG a = samples[i / SAMPLES], b = samples[i % SAMPLES];

        assert_true(divide_both(both, a, b, &rest) == a / b);
        assert_true(rest == a % b);
        assert_true((ULONGLONG)divide_both(both_unsigned, a, b, &rest) ==
                    (ULONGLONG)a / (ULONGLONG)b);
        assert_true((ULONGLONG)rest == (ULONGLONG)a % (ULONGLONG)b);
    }
}

static ULONGLONG shift(void *function, ULONGLONG value, unsigned count)
{
    __asm__ volatile("call *%1" : "+A"(value) : "S"(function), "c"(count) : "cc");
    return value;
}

static void numbers_of_64_bits_are_shifted(void **context)
{
    void *left = find("_allshl"), *right = find("_allshr"), *right_unsigned = find("_aullshr");

    (void)context;
    for (unsigned count = 0; count < 130; count++) {
        for (size_t i = 0; i < SAMPLES; i++) {
            ULONGLONG value = (ULONGLONG)samples[i];
            bool out = count >= 64;

            assert_true(shift(left, value, count) == (out ? 0 : value << (count & 63)));
            assert_true(shift(right_unsigned, value, count) == (out ? 0 : value >> (count & 63)));
            assert_true((LONGLONG)shift(right, value, count) ==
                        samples[i] >> (out ? 63 : count & 63));
        }
    }
}

/* Takes eax bytes off the stack and leaves every other register. */
static void the_stack_probe_makes_room(void **context)
{
    void *probe = find("_alloca_probe");
    uintptr_t taken;
    ULONG cx = 0x12345678;

    (void)context;
    __asm__ volatile("movl %%esp, %%edi\n"
                     "call *%%esi\n"
                     "movl %%edi, %%eax\n subl %%esp, %%eax\n"
                     "movl %%edi, %%esp"
                     : "=a"(taken), "+c"(cx)
                     : "0"(0x3210), "S"(probe)
                     : "edi", "memory", "cc");
    assert_int_equal(taken, 0x3210);
    assert_int_equal(cx, 0x12345678);
}

static void counters_of_64_bits_are_changed_as_one(void **context)
{
    LONGLONG FASTCALL (*exchange)(LONGLONG *, LONGLONG *, LONGLONG *, ULONG_PTR *) =
        find("ExInterlockedCompareExchange64");
    VOID FASTCALL (*add)(LONGLONG *, ULONG) = find("ExInterlockedAddLargeStatistic");
    LONGLONG target = 0x100000002, value = 7, wrong = 1, right = 0x100000002;
    ULONG_PTR lock = 0;

    (void)context;
    assert_true(exchange(&target, &value, &wrong, &lock) == 0x100000002);
    assert_true(target == 0x100000002);
    assert_true(exchange(&target, &value, &right, &lock) == 0x100000002);
    assert_true(target == 7);
    add(&target, 0xffffffff);
    assert_true(target == 0x100000006);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_of_64_bits_are_divided),
        cmocka_unit_test(quotient_and_remainder_come_at_once),
        cmocka_unit_test(numbers_of_64_bits_are_shifted),
        cmocka_unit_test(the_stack_probe_makes_room),
        cmocka_unit_test(counters_of_64_bits_are_changed_as_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
