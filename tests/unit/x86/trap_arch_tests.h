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

struct segments {
    uint32_t fs, gs; /* their bases, as what lies there says: the region's and the thread's */
};

static void note_segments(struct segments *segments)
{
    __asm__ volatile("movl %%fs:0x1c, %0" : "=r"(segments->fs));
    __asm__ volatile("movl %%gs:0, %0" : "=r"(segments->gs));
}

static void fault_and_note_segments(void *context)
{
    struct registers registers = {.ax = 0};
    struct segments *segments = context;

    note_segments(&segments[0]);
    run_at(mov_ax_bx, &registers, window + MIDDLE);
    note_segments(&segments[1]);
}

/* Also where all threads share one table of segments (machine/x86/segment.c): what the thread that
 * came last has put there is not what the others find after a fault. */
static void faults_leave_each_thread_its_segments(void **context)
{
    enum {
        PROCESSORS = 3
    };
    struct segments segments[PROCESSORS][2];

    (void)context;
    trap_init(); /* cmocka put its own handlers in place */
    cpu_start(PROCESSORS, CPU_FREE, 0);
    for (unsigned i = 0; i < PROCESSORS; i++) {
        cpu_call(i, IRQL_DISPATCH, fault_and_note_segments, segments[i], "fault");
    }
    cpu_stop();
    for (unsigned i = 0; i < PROCESSORS; i++) {
        assert_memory_equal(&segments[i][0], &segments[i][1], sizeof(segments[i][0]));
        for (unsigned other = 0; other < i; other++) {
            assert_int_not_equal(segments[i][0].fs, segments[other][0].fs);
            assert_int_not_equal(segments[i][0].gs, segments[other][0].gs);
        }
    }
}

#define ARCH_TESTS                              \
    cmocka_unit_test(segments_have_their_base), \
        cmocka_unit_test(faults_leave_each_thread_its_segments),

#endif
