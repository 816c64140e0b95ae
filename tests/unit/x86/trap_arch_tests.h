/* SPDX-License-Identifier: BSD-3-Clause */
/* What only x86 has to be tested: the segment that leads to the processor control region. Part of
 * test_trap.c. */
#ifndef TESTS_UNIT_X86_TRAP_ARCH_TESTS_H
#define TESTS_UNIT_X86_TRAP_ARCH_TESTS_H

/* An access through FS whose offset leads to a register: the segment's base counts. */
static void access_by_segment(void *context)
{
    struct registers registers = {.ax = 0};
    uint32_t self;

    __asm__ volatile("movl %%fs:0x1c, %0" : "=r"(self));
    *(uint32_t *)context = 0;
    run_at(mov_ax_fs_bx, &registers, (void *)((uintptr_t)window + MIDDLE - self));
    *(uint32_t *)context = registers.ax;
}

static void segments_have_their_base(void **context)
{
    uint32_t value = 0x13572468, got;

    (void)context;
    trap_init(); /* cmocka put its own handlers in place */
    memcpy(device.bytes + MIDDLE, &value, sizeof(value));
    cpu_start(1, CPU_FREE, 0);
    cpu_call(0, IRQL_DISPATCH, access_by_segment, &got, "fs");
    cpu_stop();
    assert_int_equal(got, value);
}

#define ARCH_TESTS cmocka_unit_test(segments_have_their_base),

#endif
