/* SPDX-License-Identifier: BSD-3-Clause */
/* Thunks: what a driver on ARM64 calls in the place of the bench's functions. */
#include "expect_violation.h"

#include "kernel/arguments.h"
#include "machine/arm64/thunk_state.h"
#include "machine/cpu.h"
#include "machine/kpcr.h"
#include "machine/thunk.h"

#include <stdbool.h>

/* The driver's side: calls x0 with ten numbers, more than there are registers for, and returns what
 * it got; x18 around the call is stored at x1. */
uint64_t call_with_ten(void *function, uint64_t *x18);
__asm__(".text\n"
        "call_with_ten:\n"
        " sub sp, sp, #64\n"
        " stp x29, x30, [sp, #32]\n"
        " stp x19, x20, [sp, #48]\n"
        " mov x19, x1\n"
        " mov x16, x0\n"
        " str x18, [x19]\n"
        " mov x0, #1; mov x1, #2; mov x2, #3; mov x3, #4; mov x4, #5; mov x5, #6; mov x6, #7\n"
        " mov x7, #8; mov x9, #9; str x9, [sp]; mov x9, #10; str x9, [sp, #8]\n"
        " blr x16\n"
        ".globl returns_here\n"
        "returns_here:\n"
        " str x18, [x19, #8]\n"
        " ldp x19, x20, [sp, #48]\n"
        " ldp x29, x30, [sp, #32]\n"
        " add sp, sp, #64\n"
        " ret\n");
extern const char returns_here[];

static const void *caller;

static void spoil_x18(void)
{
    __asm__ volatile("mov x18, #0x55");
}

static uint64_t ten(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f,
                    uint64_t g, uint64_t h, uint64_t i, uint64_t j)
{
    caller = thunk_caller(__builtin_return_address(0));
    spoil_x18();
    return ((((((((a * 10 + b) * 10 + c) * 10 + d) * 10 + e) * 10 + f) * 10 + g) * 10 + h) * 10 +
            i) *
               100 +
           j;
}

static uint64_t variadic(uint64_t first, ...)
{
    struct arguments arguments;
    uint64_t sum = first;

    ARGUMENTS_START(arguments, first);
    spoil_x18();
    for (unsigned index = 0; index < 9; index++) {
        sum = sum * 10 + arguments_next(&arguments);
    }
    return sum;
}

/* A driver's function that an export calls back, which calls another export. */
static void *inner;
static uint64_t inner_x18[2];
static const void *outer_caller, *outer_caller_afterwards;

static uint64_t nested(uint64_t a, ...)
{
    uint64_t result;

    (void)a;
    outer_caller = thunk_caller(__builtin_return_address(0));
    spoil_x18();
    thunk_enter_driver();
    result = call_with_ten(inner, inner_x18);
    outer_caller_afterwards = thunk_caller(__builtin_return_address(0));
    return result;
}

struct result {
    uint64_t value[3];
    uint64_t x18[3][2];
    const void *caller;
    uint64_t region, depth;
};

static void run(void *context)
{
    struct result *result = context;

    result->region = (uintptr_t)thunk_state.kpcr;
    thunk_enter_driver();
    result->value[0] = call_with_ten(thunk_of(ten), result->x18[0]);
    result->caller = caller;
    thunk_enter_driver();
    result->value[1] = call_with_ten(thunk_of(variadic), result->x18[1]);
    inner = thunk_of(ten);
    thunk_enter_driver();
    result->value[2] = call_with_ten(thunk_of(nested), result->x18[2]);
    result->depth = thunk_state.depth;
}

static void exports_get_their_arguments_and_the_driver_its_x18(void **context)
{
    struct result result;

    (void)context;
    cpu_start(1, CPU_FREE, 0);
    cpu_call(0, IRQL_PASSIVE, run, &result, "thunks");
    cpu_stop();
    assert_int_not_equal(result.region, 0);
    for (unsigned index = 0; index < 3; index++) {
        assert_true(result.x18[index][0] == result.region);
        assert_true(result.x18[index][1] == result.region);
    }
    assert_true(inner_x18[1] == result.region);
    assert_true(result.value[0] == 12345678910);
    assert_true(result.value[1] == 1234567900); /* 12345678 * 100 + 9 * 10 + 10 */
    assert_true(result.value[2] == 12345678910);
    assert_ptr_equal(result.caller, returns_here);
    assert_ptr_equal(outer_caller, returns_here);
    assert_ptr_equal(outer_caller_afterwards, returns_here);
    assert_int_equal(result.depth, 0);
}

static void a_caller_without_thunk_is_told_as_it_is(void **context)
{
    const void *own = __builtin_return_address(0);

    (void)context;
    assert_ptr_equal(thunk_caller(own), own);
}

/* More thunks than a page holds. */
static void there_may_be_many(void **context)
{
    uint64_t x18[2];
    void *first = thunk_of(ten);

    (void)context;
    for (unsigned index = 0; index < 300; index++) {
        void *next = thunk_of(index % 2 ? (void *)ten : (void *)variadic);

        assert_true(call_with_ten(next, x18) == (index % 2 ? 12345678910 : 1234567900));
    }
    assert_true(call_with_ten(first, x18) == 12345678910);
}

static void *endless;

static uint64_t go_deeper(uint64_t a, ...)
{
    uint64_t x18[2];

    (void)a;
    return call_with_ten(endless, x18) + 1;
}

static void recurse(void *context)
{
    uint64_t x18[2];

    (void)context;
    endless = thunk_of(go_deeper);
    call_with_ten(endless, x18);
}

static void endless_nesting_is_told(void **context)
{
    (void)context;
    expect_fatal(recurse, NULL, "256 exports");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exports_get_their_arguments_and_the_driver_its_x18),
        cmocka_unit_test(a_caller_without_thunk_is_told_as_it_is),
        cmocka_unit_test(there_may_be_many),
        cmocka_unit_test(endless_nesting_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
