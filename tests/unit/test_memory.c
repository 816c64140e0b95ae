/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Guest memory: fences, shuffling, limits, recycling, descriptions; and how reports end a process.
 */
/* SOURCES: storhost/machine/memory.c storhost/machine/frames.c storhost/base/violation.c */
#include "expect_violation.h"

#include "machine/memory.h"
#include "machine/memory_hold.h"

#include <stdlib.h>
#include <sys/mman.h>

#define MIB     0x100000ull
#define FOUR_G  (4096 * MIB)
#define BELOW   (64 * MIB)
#define ABOVE   (64 * MIB)
#define OFFSET  0x40000000ull
#define SCATTER 64 /* pages of the larger buffers */

static int set_up(void **state)
{
    static const struct memory_options options = {
        .below_4g = BELOW, .above_4g = ABOVE, .bus_offset = OFFSET, .seed = 7};
    (void)state;
    memory_init(&options);
    return 0;
}

static char *get(enum memory_kind kind, size_t bytes)
{
    struct memory_request request = {.kind = kind, .bytes = bytes, .name = "thing"};
    char *address = memory_alloc(&request);
    assert_non_null(address);
    return address;
}

static uint64_t physical_of(const void *address)
{
    bus_addr bus;
    uint64_t contiguous;
    assert_true(memory_bus_address(address, &bus, &contiguous));
    assert_true(bus >= OFFSET);
    return bus - OFFSET;
}

static void write_byte(void *address)
{
    *(volatile char *)address = 1;
}

static void free_it(void *address)
{
    memory_free(address);
}

static void the_end_lies_at_a_fence(void **state)
{
    static const enum memory_kind kinds[] = {MEMORY_DATA, MEMORY_SRB, MEMORY_UNCACHED_EXTENSION};
    (void)state;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        char *address = get(kinds[i], 1000);
        assert_int_equal(((uintptr_t)address + 1000) % GUEST_PAGE_SIZE, 0);
        write_byte(address + 999);
        expect_fault(write_byte, address + 1000);
        expect_fault(write_byte, address - GUEST_PAGE_SIZE);
        memory_free(address);
    }
}

static void alignment_moves_the_end(void **state)
{
    struct memory_request request = {.kind = MEMORY_POOL, .bytes = 1001};
    (void)state;
    for (size_t alignment = 1; alignment <= 0x10000; alignment *= 2) {
        request.alignment = alignment;
        char *address = memory_alloc(&request);
        assert_non_null(address);
        assert_int_equal((uintptr_t)address % alignment, 0);
        size_t rounded = (1001 + alignment - 1) / alignment * alignment;
        assert_int_equal(((uintptr_t)address + rounded) % GUEST_PAGE_SIZE, 0);
        memory_free(address);
    }
}

static void bytes_beside_an_allocation_are_looked_at(void **state)
{
    char *address = get(MEMORY_SENSE, 13);
    (void)state;
    address[-1] = 0;
    expect_violation(free_it, address, RULE_MEMORY,
                     "the byte 1 bytes ahead of the beginning of thing (13 bytes) was overwritten");
    address[-1] = (char)0xa5;
    address[15] = 0;
    expect_violation(free_it, address, RULE_MEMORY,
                     "the byte 2 bytes behind the end of thing (13 bytes) was overwritten");
    address[15] = (char)0xa5;
    memory_free(address);
}

static void pages_are_scattered_over_both_halves(void **state)
{
    char *address = get(MEMORY_DATA, SCATTER * GUEST_PAGE_SIZE);
    unsigned low = 0, neighbours = 0;
    (void)state;
    for (unsigned i = 0; i < SCATTER; i++) {
        uint64_t physical = physical_of(address + i * GUEST_PAGE_SIZE);
        low += physical < BELOW;
        assert_true(physical >= MIB);
        assert_true(physical < BELOW || (physical >= FOUR_G && physical < FOUR_G + ABOVE));
        if (i > 0) {
            uint64_t before = physical_of(address + (i - 1) * GUEST_PAGE_SIZE);
            neighbours +=
                (physical > before ? physical - before : before - physical) <= 4 * GUEST_PAGE_SIZE;
        }
    }
    assert_in_range(low, SCATTER / 4, SCATTER * 3 / 4);
    assert_in_range(neighbours, 0, SCATTER / 8);
    memory_free(address);
}

static void both_views_show_the_same_bytes(void **state)
{
    char *address = get(MEMORY_DATA, 3 * GUEST_PAGE_SIZE);
    (void)state;
    for (size_t i = 0; i < 3 * GUEST_PAGE_SIZE; i += 512) {
        bus_addr bus;
        uint64_t contiguous;
        assert_true(memory_bus_address(address + i, &bus, &contiguous));
        assert_true(contiguous >= 512);
        memset(address + i, (int)(i / 512), 512);
        assert_memory_equal(memory_at(bus, 512), address + i, 512);
        assert_ptr_equal(memory_virtual(bus + 511), address + i + 511);
    }
    memory_free(address);
}

static void contiguous_memory_keeps_its_limits(void **state)
{
    struct memory_request request = {.kind = MEMORY_CONTIGUOUS,
                                     .bytes = 200000,
                                     .contiguous = true,
                                     .alignment = 0x10000,
                                     .lowest = 0x280000,
                                     .highest = 0xffffff,
                                     .boundary = 0x40000};
    (void)state;
    for (int i = 0; i < 20; i++) {
        char *address = memory_alloc(&request);
        bus_addr bus;
        uint64_t contiguous;
        assert_non_null(address);
        assert_true(memory_bus_address(address, &bus, &contiguous));
        assert_int_equal(contiguous, 200000);
        bus -= OFFSET;
        assert_int_equal(bus % 0x10000, 0);
        assert_true(bus >= 0x280000 && bus + 200000 - 1 <= 0xffffff);
        assert_int_equal(bus / 0x40000, (bus + 200000 - 1) / 0x40000);
        memory_free(address);
    }
    request.highest = 0x2affff;
    assert_null(memory_alloc(&request));
    request.highest = 0;
    request.boundary = 0x10000;
    assert_null(memory_alloc(&request));
}

static void limits_bind_scattered_pages_too(void **state)
{
    struct memory_request request = {
        .kind = MEMORY_DATA, .bytes = 40 * GUEST_PAGE_SIZE, .highest = 0x200000 - 1};
    (void)state;
    char *address = memory_alloc(&request);
    assert_non_null(address);
    for (unsigned i = 0; i < 40; i++) {
        assert_true(physical_of(address + i * GUEST_PAGE_SIZE) < 0x200000);
    }
    memory_free(address);
    request.lowest = FOUR_G;
    request.highest = FOUR_G + MIB - 1;
    address = memory_alloc(&request);
    assert_non_null(address);
    assert_true(physical_of(address) >= FOUR_G && physical_of(address) < FOUR_G + MIB);
    memory_free(address);
}

static void contents_are_garbage_each_time(void **state)
{
    unsigned char before[512];
    unsigned counts[256] = {0};
    char *address = get(MEMORY_SRB_EXTENSION, 512);
    (void)state;
    for (int i = 0; i < 512; i++) {
        counts[(unsigned char)address[i]]++;
    }
    for (int i = 0; i < 256; i++) {
        assert_in_range(counts[i], 0, 16);
    }
    memcpy(before, address, sizeof(before));
    memory_garble(address);
    assert_memory_not_equal(before, address, sizeof(before));
    memory_free(address);
}

static void what_is_freed_is_inaccessible_and_described(void **state)
{
    char text[256];
    char *address = get(MEMORY_SRB, 256);
    (void)state;
    memory_free(address);
    expect_fault(write_byte, address);
    assert_true(memory_describe(address + 3, text, sizeof(text)));
    assert_string_equal(text, "byte 3 of thing (256 bytes), which was freed");
    expect_violation(free_it, address, RULE_MEMORY, "which was freed");
    assert_false(memory_bus_address(address, NULL, NULL));
}

static void hiding_keeps_the_contents(void **state)
{
    char text[256];
    static const enum memory_kind kinds[] = {MEMORY_DATA, MEMORY_SRB};
    (void)state;
    for (int i = 0; i < 2; i++) {
        char *address = get(kinds[i], 64);
        memset(address, 'x', 64);
        memory_hide(address);
        expect_fault(write_byte, address);
        assert_true(memory_describe(address + 70, text, sizeof(text)));
        assert_string_equal(text, "6 bytes behind the end of thing (64 bytes), which the driver "
                                  "has given up");
        memory_show(address);
        assert_int_equal(address[63], 'x');
        memory_hide(address);
        memory_garble(address);
        memory_show(address);
        assert_memory_not_equal(address, "xxxxxxxx", 8);
        memory_hide(address);
        memory_free(address);
    }
}

static void foreign_addresses_are_told_apart(void **state)
{
    char text[256];
    int local = 0;
    (void)state;
    assert_false(memory_describe(&local, text, sizeof(text)));
    assert_false(memory_bus_address(&local, NULL, NULL));
    expect_violation(free_it, &local, RULE_MEMORY, "no memory that was ever given out");
    char *address = get(MEMORY_DATA, 4096);
    expect_violation(free_it, address + 8, RULE_MEMORY, "byte 8 of thing");
    memory_free(address);
    assert_null(memory_at(OFFSET - 1, 1));
    assert_non_null(memory_at(OFFSET + BELOW - 1, 1));
    assert_null(memory_at(OFFSET + BELOW - 1, 2));
    assert_non_null(memory_at(OFFSET + FOUR_G, ABOVE));
    assert_null(memory_at(OFFSET + FOUR_G, ABOVE + 1));
    assert_null(memory_at(UINT64_MAX, 16));
    assert_null(memory_virtual(OFFSET + FOUR_G + ABOVE));
}

static void freed_memory_rests_and_then_serves_again(void **state)
{
    uintptr_t first = (uintptr_t)get(MEMORY_DATA, 4096);
    unsigned rounds = 0;
    (void)state;
    memory_free((void *)first);
    for (bool again = false; !again; rounds++) {
        char *address = get(MEMORY_DATA, 4096);
        again = (uintptr_t)address == first;
        memory_free(address);
        assert_true(rounds < 10000);
    }
    assert_true(rounds > 60);
}

static void pages_change_in_the_long_run(void **state)
{
    char *watched = get(MEMORY_DATA, 40960);
    uint64_t before = physical_of(watched);
    unsigned rounds = 0;
    bool changed = false;
    (void)state;
    memory_free(watched);
    while (!changed && rounds++ < 100000) {
        char *address = get(MEMORY_DATA, 40960);
        changed = address == watched && physical_of(address) != before;
        memory_free(address);
    }
    assert_true(changed);
}

static void held_memory_is_not_used_again(void **state)
{
    char *address = get(MEMORY_DATA, 777 * 8);
    (void)state;
    memory_hold(address);
    memory_free(address);
    assert_true(memory_is_held(address));
    for (int i = 0; i < 1000; i++) {
        char *other = get(MEMORY_DATA, 777 * 8);
        assert_ptr_not_equal(other, address);
        memory_free(other);
    }
    memory_release(address);
    assert_false(memory_is_held(address));
}

/* All of the guest's memory can be had, is refused then, and comes back. */
static void memory_runs_out_and_comes_back(void **state)
{
    static void *all[300];
    (void)state;
    for (int round = 0; round < 3; round++) {
        struct memory_request request = {.kind = MEMORY_DATA, .bytes = MIB};
        unsigned count = 0;
        while (count < 300 && (all[count] = memory_alloc(&request))) {
            for (uint64_t offset = 0; offset < MIB; offset += GUEST_PAGE_SIZE) {
                assert_true(physical_of((char *)all[count] + offset) >= MIB);
            }
            count++;
        }
        assert_in_range(count, 120, 128);
        assert_int_equal(memory_allocated(MEMORY_DATA), count * MIB);
        while (count > 0) {
            memory_free(all[--count]);
        }
        assert_int_equal(memory_allocated(MEMORY_DATA), 0);
    }
}

/* Random sizes and lifetimes: no page may belong to two allocations. */
static void allocations_never_overlap(void **state)
{
    enum {
        LIVE = 64
    };
    struct {
        uint64_t *address;
        size_t words;
        uint64_t tag;
    } live[LIVE] = {{0}};
    (void)state;
    srand(1);
    for (unsigned i = 0; i < 20000; i++) {
        unsigned slot = (unsigned)rand() % LIVE;
        if (live[slot].address) {
            for (size_t j = 0; j < live[slot].words; j += 64) {
                assert_int_equal(live[slot].address[j], live[slot].tag + j);
            }
            memory_free(live[slot].address);
        }
        live[slot].words = (size_t)(rand() % (rand() % 16 ? 2048 : 16384)) + 1;
        live[slot].tag = (uint64_t)i << 32;
        live[slot].address =
            (uint64_t *)get((enum memory_kind)(rand() % MEMORY_KIND_COUNT), live[slot].words * 8);
        for (size_t j = 0; j < live[slot].words; j += 64) {
            live[slot].address[j] = live[slot].tag + j;
        }
    }
    for (unsigned slot = 0; slot < LIVE; slot++) {
        if (live[slot].address) {
            memory_free(live[slot].address);
        }
    }
}

/* ---- reports ---- */

static void print_line(void *context)
{
    fprintf(stderr, "  line:  %s\n", (const char *)context);
}

static void say(void *context)
{
    fprintf(stderr, "end: %s\n", (const char *)context);
}

static void violate_in_context(void *context)
{
    (void)context;
    violation(RULE_STALL, "a second one");
}

static void report_with_contexts(void *context)
{
    at_end(say, "first");
    at_end(say, "second");
    violation_add_context(print_line, "one");
    violation_add_context(print_line, "two");
    if (context) {
        violation_add_context(violate_in_context, NULL);
    }
    violation(RULE_DOORBELL, "number %d", 17);
}

static void a_report_is_one_block(void **state)
{
    char report[1024];
    (void)state;
    assert_int_equal(run_in_child(report_with_contexts, NULL, report, sizeof(report)), 3);
    assert_string_equal(report, "storhost: rule violation: doorbell\n  what:  number 17\n"
                                "  line:  one\n  line:  two\nend: second\nend: first\n");
    expect_violation(report_with_contexts, "", RULE_STALL, "a second one\nend: second\n");
}

static void end_by_fatal(void *context)
{
    at_end(say, "tidy");
    fatal("no %s", (const char *)context);
}

static void end_by_exit(void *context)
{
    (void)context;
    at_end(say, "tidy");
    exit(9);
}

static void every_end_tidies_up(void **state)
{
    (void)state;
    expect_end(end_by_fatal, "disk", 1, "storhost: no disk\n", "end: tidy\n");
    expect_end(end_by_exit, NULL, 9, "end: tidy\n", "");
}

static void every_rule_has_a_name(void **state)
{
    (void)state;
    for (int i = 0; i < RULE_COUNT; i++) {
        assert_non_null(rule_name((enum rule)i));
        for (int j = 0; j < i; j++) {
            assert_string_not_equal(rule_name((enum rule)i), rule_name((enum rule)j));
        }
    }
    rule_checked(RULE_STALL);
    rule_checked(RULE_STALL);
    assert_int_equal(rule_checks(RULE_STALL), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_end_lies_at_a_fence),
        cmocka_unit_test(alignment_moves_the_end),
        cmocka_unit_test(bytes_beside_an_allocation_are_looked_at),
        cmocka_unit_test(pages_are_scattered_over_both_halves),
        cmocka_unit_test(both_views_show_the_same_bytes),
        cmocka_unit_test(contiguous_memory_keeps_its_limits),
        cmocka_unit_test(limits_bind_scattered_pages_too),
        cmocka_unit_test(contents_are_garbage_each_time),
        cmocka_unit_test(what_is_freed_is_inaccessible_and_described),
        cmocka_unit_test(hiding_keeps_the_contents),
        cmocka_unit_test(foreign_addresses_are_told_apart),
        cmocka_unit_test(freed_memory_rests_and_then_serves_again),
        cmocka_unit_test(pages_change_in_the_long_run),
        cmocka_unit_test(held_memory_is_not_used_again),
        cmocka_unit_test(memory_runs_out_and_comes_back),
        cmocka_unit_test(allocations_never_overlap),
        cmocka_unit_test(a_report_is_one_block),
        cmocka_unit_test(every_end_tidies_up),
        cmocka_unit_test(every_rule_has_a_name),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
