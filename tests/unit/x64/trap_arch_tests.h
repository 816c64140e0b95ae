/* SPDX-License-Identifier: BSD-3-Clause */
/* What only x64 has to be tested: the IRQL in CR8, addresses that are not canonical. Part of
 * test_trap.c. */
#ifndef TESTS_UNIT_X64_TRAP_ARCH_TESTS_H
#define TESTS_UNIT_X64_TRAP_ARCH_TESTS_H

static void use_cr8(void *context)
{
    struct registers *registers = context;

    run_at(read_cr8, registers, NULL);
    registers->cx = IRQL_DEVICE;
    run_at(write_cr8, registers, NULL);
    registers->r10 = cpu_irql();
    registers->cx = IRQL_DISPATCH;
    run_at(write_cr8, registers, NULL);
}

static void cr8_is_the_irql(void **context)
{
    struct registers registers = {.ax = 0};

    (void)context;
    trap_init(); /* cmocka put its own handlers in place */
    cpu_start(1, CPU_FREE, 0);
    cpu_call(0, IRQL_DISPATCH, use_cr8, &registers, "cr8");
    cpu_stop();
    assert_int_equal(registers.r9, IRQL_DISPATCH);
    assert_int_equal(registers.r10, IRQL_DEVICE);
}

static void cr8_is_kept_while_interrupts_are_off(void **context)
{
    struct on_processor run = {.code = cli_read_cr8};

    (void)context;
    trap_init(); /* cmocka put its own handlers in place */
    cpu_start(1, CPU_FREE, 0);
    cpu_call(0, IRQL_DISPATCH, run_in_context, &run, "cli");
    assert_int_equal(run.registers.r9, IRQL_DISPATCH);
    cpu_stop();
}

static void expect(void (*code)(void), uint64_t bx, uint64_t ax, uint64_t dx, enum rule rule,
                   const char *part);

static void addresses_that_no_processor_knows_are_reported(void **context)
{
    (void)context;
    expect(mov_ax_bx, 0xdead000000000000, 0, 0, RULE_CRASH, "address 0xdead000000000000");
}

#define ARCH_TESTS                                                                             \
    cmocka_unit_test(cr8_is_the_irql), cmocka_unit_test(cr8_is_kept_while_interrupts_are_off), \
        cmocka_unit_test(addresses_that_no_processor_knows_are_reported),

#endif
