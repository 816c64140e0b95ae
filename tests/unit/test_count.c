/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The counter: code in a section of its own, registered as a driver's image, does what is known, and
 * the counts must say so. Instructions, locked ones and fences, bytes stored and what they are for, lines by
 * whose memory they are, and lines that two processors write.
 */
#include "expect_violation.h"

#include <stdlib.h>
#include <string.h>

#include "kernel/exports.h"
#include "machine/count.h"
#include "machine/cpu.h"
#include "machine/memory.h"
#include "machine/trap.h"

#define MIB        0x100000ull
#define DRIVER     __attribute__((section("counted_code"), noinline, used))
#define LINES      8u
#define BYTES      (LINES * COUNT_LINE_BYTES)
#define PROCESSORS 2

#if defined(__x86_64__)
#define WINDOWS_C __attribute__((ms_abi))
#else
#define WINDOWS_C
#endif

extern const uint8_t code_begin[] __asm__("__start_counted_code");
extern const uint8_t code_end[] __asm__("__stop_counted_code");

static void *(WINDOWS_C *fill_export)(void *to, int value, size_t length);
static void *(WINDOWS_C *copy_export)(void *to, const void *from, size_t length);

static uint8_t *pool, *other, *ring, *srb, *extension, *port;

/* ---- What is counted ---- */

DRIVER static void nothing(uint8_t *to, const uint8_t *from)
{
    (void)to;
    (void)from;
}

DRIVER static void ten_instructions(uint8_t *to, const uint8_t *from)
{
    (void)to;
    (void)from;
    __asm__ volatile("nop; nop; nop; nop; nop; nop; nop; nop; nop; nop");
}

DRIVER static void fence(uint8_t *to, const uint8_t *from)
{
    (void)to;
    (void)from;
    __asm__ volatile("mfence" ::: "memory");
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

DRIVER static void locked(uint8_t *to, const uint8_t *from)
{
    (void)from;
    __asm__ volatile("lock incl (%0); xchgl %%eax, (%0)" ::"r"(to) : "eax", "memory");
}

DRIVER static void store_bytes(uint8_t *to, const uint8_t *from)
{
    (void)from;
    *(volatile uint32_t *)to = 1;
    *(volatile uint16_t *)(to + 8) = 1;
    *(volatile uint8_t *)(to + 12) = 0; /* small stores of zeros clear nothing */
}

DRIVER static void clear_by_string(uint8_t *to, const uint8_t *from)
{
    size_t count = BYTES;

    (void)from;
    __asm__ volatile("cld; rep stosb" : "+D"(to), "+c"(count) : "a"(0) : "memory");
}

DRIVER static void fill_by_string(uint8_t *to, const uint8_t *from)
{
    size_t count = BYTES;

    (void)from;
    __asm__ volatile("cld; rep stosb" : "+D"(to), "+c"(count) : "a"(0x55) : "memory");
}

DRIVER static void copy_by_string(uint8_t *to, const uint8_t *from)
{
    size_t count = BYTES / 4;

    __asm__ volatile("cld; rep movsl" : "+D"(to), "+S"(from), "+c"(count)::"memory");
}

DRIVER static void clear_by_vector(uint8_t *to, const uint8_t *from)
{
    (void)from;
    __asm__ volatile("pxor %%xmm1, %%xmm1; movups %%xmm1, (%0); movups %%xmm1, 16(%0)" ::"r"(to)
                     : "xmm1", "memory");
}

DRIVER static void copy_by_vector(uint8_t *to, const uint8_t *from)
{
    __asm__ volatile("movups (%1), %%xmm1; movups %%xmm1, (%0)" ::"r"(to), "r"(from)
                     : "xmm1", "memory");
}

/* A vector that was loaded and then changed is no copy. */
DRIVER static void compute_by_vector(uint8_t *to, const uint8_t *from)
{
    __asm__ volatile("movups (%1), %%xmm1; pcmpeqd %%xmm1, %%xmm1; movups %%xmm1, (%0)" ::"r"(to),
                     "r"(from)
                     : "xmm1", "memory");
}

DRIVER static void clear_by_export(uint8_t *to, const uint8_t *from)
{
    (void)from;
    fill_export(to, 0, BYTES);
}

DRIVER static void fill_by_export(uint8_t *to, const uint8_t *from)
{
    (void)from;
    fill_export(to, 0x55, BYTES);
}

DRIVER static void copy_by_export(uint8_t *to, const uint8_t *from)
{
    copy_export(to, from, BYTES);
}

/* ---- Counting ---- */

struct run {
    void (*code)(uint8_t *to, const uint8_t *from);
    uint8_t *to;
    const uint8_t *from;
};

static void run_code(void *context)
{
    const struct run *run = context;

    count_enter(COUNT_START);
    run->code(run->to, run->from);
    count_leave();
}

static void run_on(unsigned processor, void (*code)(uint8_t *, const uint8_t *), uint8_t *to,
                   const uint8_t *from)
{
    struct run run = {code, to, from};

    cpu_call(processor, IRQL_DISPATCH, run_code, &run, "counted code");
}

static struct count_totals counts_of(void (*code)(uint8_t *, const uint8_t *), uint8_t *to,
                                     const uint8_t *from)
{
    struct count_totals totals;

    count_start();
    run_on(0, code, to, from);
    count_stop();
    count_get(&totals);
    return totals;
}

static uint8_t *get(enum memory_kind kind)
{
    struct memory_request request = {
        .kind = kind, .bytes = BYTES, .alignment = COUNT_LINE_BYTES, .name = "test"};
    uint8_t *address = memory_alloc(&request);

    assert_non_null(address);
    memset(address, 0xee, BYTES);
    return address;
}

static int set_up(void **state)
{
    static const struct memory_options options = {
        .below_4g = 64 * MIB, .above_4g = 64 * MIB, .seed = 3};

    (void)state;
    memory_init(&options);
    trap_init();
    cpu_start(PROCESSORS, CPU_DETERMINISTIC, 0);
    trap_add_image(code_begin, (uintptr_t)code_end - (uintptr_t)code_begin, "counted code");
    fill_export = kernel_resolve("ntoskrnl.exe", "memset", NULL);
    copy_export = kernel_resolve("ntoskrnl.exe", "memcpy", NULL);
    pool = get(MEMORY_POOL);
    other = get(MEMORY_POOL);
    extension = get(MEMORY_DEVICE_EXTENSION);
    ring = get(MEMORY_CONTIGUOUS);
    srb = get(MEMORY_SRB);
    port = get(MEMORY_PORT);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    cpu_stop();
    return 0;
}

/* ---- Tests ---- */

static void each_instruction_counts_once_in_its_phase(void **state)
{
    struct count_totals few = counts_of(nothing, pool, other);
    struct count_totals more = counts_of(ten_instructions, pool, other);

    (void)state;
    assert_int_equal(more.instructions[COUNT_START], few.instructions[COUNT_START] + 10);
    assert_int_equal(more.instructions[COUNT_DPC], 0);
}

/* However many rounds it makes; those of an export are not the driver's. */
static void repeated_instructions_count_once(void **state)
{
    uint64_t few = counts_of(nothing, pool, other).instructions[COUNT_START];

    (void)state;
    assert_in_range(counts_of(clear_by_string, pool, other).instructions[COUNT_START], few + 2,
                    few + 8);
    assert_in_range(counts_of(clear_by_export, pool, other).instructions[COUNT_START], few + 2,
                    few + 20);
}

static void fences_and_locks_are_told_apart(void **state)
{
    struct count_totals totals = counts_of(fence, pool, other);

    (void)state;
    assert_int_equal(totals.fences, 2);
    totals = counts_of(locked, pool, other);
    assert_int_equal(totals.locked, 2);
    assert_int_equal(totals.fences, 0);
    assert_int_equal(counts_of(nothing, pool, other).locked, 0);
}

static void expect_store(void (*code)(uint8_t *, const uint8_t *), uint64_t stored,
                         uint64_t cleared, uint64_t copied)
{
    struct count_totals totals = counts_of(code, pool, other);

    assert_int_equal(totals.stored[COUNT_DRIVER], stored);
    assert_int_equal(totals.cleared, cleared);
    assert_int_equal(totals.copied, copied);
}

static void stores_are_told_by_what_they_are_for(void **state)
{
    (void)state;
    expect_store(store_bytes, 7, 0, 0);
    expect_store(clear_by_string, BYTES, BYTES, 0);
    expect_store(fill_by_string, BYTES, 0, 0);
    expect_store(copy_by_string, BYTES, 0, BYTES);
    expect_store(clear_by_vector, 32, 32, 0);
    expect_store(copy_by_vector, 16, 0, 16);
    expect_store(compute_by_vector, 16, 0, 0);
    expect_store(clear_by_export, BYTES, BYTES, 0);
    expect_store(fill_by_export, BYTES, 0, 0);
    expect_store(copy_by_export, BYTES, 0, BYTES);
}

static void lines_are_told_by_whose_they_are(void **state)
{
    struct count_totals totals = counts_of(copy_by_string, ring, srb);

    (void)state;
    assert_int_equal(totals.lines_written[COUNT_RING], LINES);
    assert_int_equal(totals.lines_read[COUNT_RING], 0);
    assert_int_equal(totals.lines_read[COUNT_SRB], LINES);
    assert_int_equal(totals.lines_written[COUNT_SRB], 0);
    assert_int_equal(counts_of(store_bytes, extension, other).lines_written[COUNT_DRIVER], 1);
    assert_int_equal(counts_of(store_bytes, port, other).lines_written[COUNT_ELSEWHERE], 1);
}

static void lines_count_once_in_a_window(void **state)
{
    struct count_totals totals;

    (void)state;
    count_start();
    run_on(0, copy_by_string, ring, ring);
    run_on(0, copy_by_string, ring, ring);
    count_window();
    run_on(0, store_bytes, ring, ring);
    count_stop();
    count_get(&totals);
    assert_int_equal(totals.lines_read[COUNT_RING], LINES);
    assert_int_equal(totals.lines_written[COUNT_RING], LINES + 1);
    assert_int_equal(totals.lines_touched[COUNT_RING], LINES + 1);
    assert_int_equal(totals.stored[COUNT_RING], 2 * BYTES + 7);
}

static void lines_that_two_processors_write_are_found(void **state)
{
    struct count_totals totals;

    (void)state;
    count_start();
    run_on(0, store_bytes, pool, other);
    run_on(1, store_bytes, pool + COUNT_LINE_BYTES, other);
    run_on(1, copy_by_vector, other, pool); /* reading shares nothing */
    count_get(&totals);
    assert_int_equal(totals.lines_shared[COUNT_DRIVER], 0);
    run_on(1, store_bytes, pool, other);
    run_on(0, store_bytes, pool, other);
    count_stop();
    count_get(&totals);
    assert_int_equal(totals.lines_shared[COUNT_DRIVER], 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_instruction_counts_once_in_its_phase),
        cmocka_unit_test(repeated_instructions_count_once),
        cmocka_unit_test(fences_and_locks_are_told_apart),
        cmocka_unit_test(stores_are_told_by_what_they_are_for),
        cmocka_unit_test(lines_are_told_by_whose_they_are),
        cmocka_unit_test(lines_count_once_in_a_window),
        cmocka_unit_test(lines_that_two_processors_write_are_found),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
