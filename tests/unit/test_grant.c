/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * DMA grants: exact bounds over scattered pages, directions, and the quarantine of ended grants.
 */
/* SOURCES: storhost/machine/grant.c storhost/machine/memory.c storhost/machine/frames.c storhost/base/violation.c */
#include "expect_violation.h"

#include "machine/grant.h"

#define MIB    0x100000ull
#define OFFSET 0x80000000ull
#define LENGTH 9000 /* bytes: four pages of memory, the first and last in part */

static int set_up(void **state)
{
    static const struct memory_options options = {
        .below_4g = 64 * MIB, .above_4g = 64 * MIB, .bus_offset = OFFSET, .seed = 3};
    (void)state;
    memory_init(&options);
    return 0;
}

static char *get(size_t bytes)
{
    struct memory_request request = {.kind = MEMORY_DATA, .bytes = bytes, .name = "buffer"};
    char *address = memory_alloc(&request);
    assert_non_null(address);
    return address;
}

static bus_addr bus_of(const void *address)
{
    bus_addr bus;
    assert_true(memory_bus_address(address, &bus, NULL));
    return bus;
}

/* One check, to be run in a child. */
struct check {
    bus_addr bus;
    uint64_t length;
    bool device_writes;
};

static void check_it(void *context)
{
    const struct check *check = context;
    grant_check(check->bus, check->length, check->device_writes, "queue 0, descriptor 5");
}

static void a_grant_covers_its_bytes_only(void **state)
{
    char *buffer = get(LENGTH + 200);
    char *first = buffer + 100, *last = first + LENGTH - 1;
    struct grant *grant = grant_begin(first, LENGTH, GRANT_BOTH, "data", NULL);
    (void)state;
    for (char *byte = first; byte <= last; byte++) {
        assert_true(grant_covers(bus_of(byte), 1, true));
    }
    assert_false(grant_covers(bus_of(first - 1), 1, true));
    assert_false(grant_covers(bus_of(first - 1), 2, true));
    assert_false(grant_covers(bus_of(last + 1), 1, true));
    assert_false(grant_covers(bus_of(last), 2, true));
    assert_false(grant_covers(UINT64_MAX - 3, 8, true));
    assert_false(grant_covers(0, 1, true));
    grant_end(grant, false);
    assert_false(grant_covers(bus_of(first), 1, true));
    memory_free(buffer);
}

static void a_range_over_page_ends_needs_physical_neighbours(void **state)
{
    struct memory_request request = {
        .kind = MEMORY_CONTIGUOUS, .bytes = 16 * GUEST_PAGE_SIZE, .contiguous = true};
    char *run = memory_alloc(&request);
    char *scattered = get(16 * GUEST_PAGE_SIZE);
    struct grant *one = grant_begin(run, 8 * GUEST_PAGE_SIZE, GRANT_BOTH, "one", NULL);
    struct grant *two =
        grant_begin(run + 8 * GUEST_PAGE_SIZE, 8 * GUEST_PAGE_SIZE, GRANT_BOTH, "two", NULL);
    struct grant *three = grant_begin(scattered, 16 * GUEST_PAGE_SIZE, GRANT_BOTH, "three", NULL);
    (void)state;
    assert_true(grant_covers(bus_of(run), 8 * GUEST_PAGE_SIZE, false));
    assert_true(grant_covers(bus_of(run) + 5000, 5000, false));
    assert_false(grant_covers(bus_of(run), 8 * GUEST_PAGE_SIZE + 1, false)); /* two grants */
    assert_false(grant_covers(bus_of(scattered), 16 * GUEST_PAGE_SIZE, false));
    assert_true(grant_covers(bus_of(scattered), GUEST_PAGE_SIZE, false));
    grant_end(one, false);
    grant_end(two, false);
    grant_end(three, false);
    memory_free(run);
    memory_free(scattered);
}

static void the_direction_counts(void **state)
{
    char *buffer = get(64);
    struct check check = {bus_of(buffer), 64, true};
    struct grant *grant = grant_begin(buffer, 64, GRANT_DEVICE_READS, "payload", NULL);
    (void)state;
    assert_true(grant_covers(check.bus, 64, false));
    assert_false(grant_covers(check.bus, 64, true));
    expect_violation(check_it, &check, RULE_DMA_GRANT,
                     "lie in grant \"payload\" (64 bytes, which the device may read)");
    grant_end(grant, false);
    grant = grant_begin(buffer, 64, GRANT_DEVICE_WRITES, "payload", NULL);
    check.device_writes = false;
    expect_violation(check_it, &check, RULE_DMA_GRANT, "which the device may write)");
    grant_end(grant, false);
    memory_free(buffer);
}

static void overlapping_grants_stand_for_themselves(void **state)
{
    char *buffer = get(4096);
    struct grant *outer = grant_begin(buffer, 4096, GRANT_DEVICE_READS, "outer", NULL);
    struct grant *inner = grant_begin(buffer + 512, 512, GRANT_DEVICE_WRITES, "inner", NULL);
    (void)state;
    assert_true(grant_covers(bus_of(buffer) + 512, 512, true));
    assert_true(grant_covers(bus_of(buffer) + 512, 513, false));
    assert_false(grant_covers(bus_of(buffer) + 512, 513, true));
    grant_end(inner, false);
    assert_false(grant_covers(bus_of(buffer) + 512, 512, true));
    assert_true(grant_covers(bus_of(buffer) + 512, 512, false));
    grant_end(outer, false);
    memory_free(buffer);
}

static void reports_say_what_is_there(void **state)
{
    char *buffer = get(4096);
    bus_addr bus = bus_of(buffer);
    struct check begins_inside = {bus + 4000, 200, true}, ungranted = {bus, 16, true};
    struct check nowhere = {0x1000, 16, false};
    struct grant *grant = grant_begin(buffer, 4096, GRANT_BOTH, "data", NULL);
    (void)state;
    expect_violation(check_it, &begins_inside, RULE_DMA_GRANT, "do not all lie in grant \"data\"");
    grant_end(grant, false);
    expect_violation(check_it, &ungranted, RULE_DMA_GRANT,
                     "that the device may write lie in no live grant; there is byte 0 of buffer");
    memory_free(buffer);
    expect_violation(check_it, &ungranted, RULE_DMA_GRANT, "nothing is allocated there");
    expect_violation(check_it, &nowhere, RULE_DMA_GRANT, "there is no memory of the guest");
}

static void grant_private_memory(void *context)
{
    struct memory_request request = {.kind = MEMORY_POOL, .bytes = 64, .name = "pool thing"};
    (void)context;
    grant_begin(memory_alloc(&request), 64, GRANT_BOTH, "wrong", NULL);
}

static void grant_too_much(void *context)
{
    grant_begin(context, 4097, GRANT_BOTH, "long", NULL);
}

static void only_device_memory_can_be_granted(void **state)
{
    char *buffer = get(4096);
    (void)state;
    expect_fatal(grant_private_memory, NULL, "pool thing");
    expect_fatal(grant_too_much, buffer, "0 bytes behind the end of buffer");
    memory_free(buffer);
}

/* A device that writes one byte after its grant has ended. */
struct late_device {
    char *buffer;
    size_t offset; /* of the byte */
    bool by_age;   /* found because other grants end, not by inspection */
};

static void write_late(void *context)
{
    const struct late_device *device = context;
    bus_addr bus = bus_of(device->buffer + device->offset);
    struct grant *grant =
        grant_begin(device->buffer, LENGTH, GRANT_DEVICE_WRITES, "read data", device);

    grant_end(grant, true);
    *(char *)memory_at(bus, 1) ^= 1;
    memory_free(device->buffer);
    if (!device->by_age) {
        grant_inspect_quarantine(false);
        return;
    }
    for (int i = 0; i < 1000; i++) {
        char *other = get(512);
        grant_end(grant_begin(other, 512, GRANT_BOTH, "other", NULL), true);
        memory_free(other);
    }
}

static void late_writes_are_found(void **state)
{
    struct late_device device = {get(LENGTH), 0, false};
    (void)state;
    expect_violation(write_late, &device, RULE_LATE_DMA,
                     "the device wrote 1 bytes after the grant had ended, the first at byte 0,");
    device.offset = LENGTH - 1;
    expect_violation(write_late, &device, RULE_LATE_DMA, "the first at byte 8999,");
    device.by_age = true;
    expect_violation(write_late, &device, RULE_LATE_DMA, "read data (9000 bytes");
    memory_free(device.buffer);
}

static void quarantine_ends(void **state)
{
    char *buffer = get(LENGTH);
    unsigned ended = 0;
    (void)state;
    grant_end(grant_begin(buffer, LENGTH, GRANT_BOTH, "data", NULL), true);
    assert_false(grant_quarantine_over(buffer));
    while (!grant_quarantine_over(buffer) && ended < 1000) {
        char *other = get(512);
        grant_end(grant_begin(other, 512, GRANT_BOTH, "other", NULL), true);
        memory_free(other);
        ended++;
    }
    assert_in_range(ended, 16, 999);
    grant_inspect_quarantine(true);
    memory_free(buffer);
}

static void what_the_device_only_reads_needs_no_quarantine(void **state)
{
    char *buffer = get(4096);
    (void)state;
    memset(buffer, 'x', 4096);
    grant_end(grant_begin(buffer, 4096, GRANT_DEVICE_READS, "data", NULL), true);
    assert_true(grant_quarantine_over(buffer));
    assert_int_equal(buffer[4095], 'x');
    grant_end(grant_begin(buffer, 4096, GRANT_BOTH, "data", NULL), false);
    assert_true(grant_quarantine_over(buffer));
    assert_int_equal(buffer[4095], 'x');
    memory_free(buffer);
}

static void memory_in_quarantine_can_be_granted_again(void **state)
{
    char *buffer = get(4096);
    (void)state;
    grant_end(grant_begin(buffer, 4096, GRANT_BOTH, "data", NULL), true);
    struct grant *again = grant_begin(buffer, 4096, GRANT_DEVICE_WRITES, "again", NULL);
    assert_true(grant_quarantine_over(buffer));
    memset(buffer, 0, 4096);
    grant_inspect_quarantine(true);
    grant_end(again, false);
    memory_free(buffer);
}

static void end_twice(void *context)
{
    struct grant *grant = grant_begin(context, 64, GRANT_BOTH, "data", NULL);
    grant_end(grant, true); /* watched: the structure lives on */
    grant_end(grant, true);
}

static void a_grant_ends_once(void **state)
{
    char *buffer = get(64);
    (void)state;
    expect_fatal(end_twice, buffer, "grant \"data\" ended twice");
    memory_free(buffer);
}

static void inspect_frozen(void *unused)
{
    (void)unused;
    grants_inspect_frozen();
}

static void thaw(void *unused)
{
    (void)unused;
    grants_thaw();
}

/* Grants of a frozen system end with the device's reset; those begun later are not its. */
static void a_frozen_system_keeps_its_memory(void **state)
{
    char *frozen = get(LENGTH), *read_only = get(64), *later = get(64);
    struct grant *data = grant_begin(frozen, LENGTH, GRANT_BOTH, "rings", NULL);
    struct grant *payload = grant_begin(read_only, 64, GRANT_DEVICE_READS, "payload", NULL);
    struct grant *dump;
    (void)state;
    grants_mark();
    dump = grant_begin(later, 64, GRANT_BOTH, "dump", NULL);
    assert_true(grant_covers(bus_of(frozen), 1, true)); /* until the reset */
    frozen[1] = 1;
    grants_freeze();
    assert_false(grant_covers(bus_of(frozen), 1, true));
    assert_false(grant_covers(bus_of(read_only), 1, false));
    assert_true(grant_covers(bus_of(later), 1, true));
    later[0]++;
    read_only[0]++;
    expect_survival(inspect_frozen, NULL);
    frozen[LENGTH - 1]++;
    expect_violation(inspect_frozen, NULL, RULE_LATE_DMA,
                     "rings (9000 bytes, owner (nil)) of the frozen system: 1 bytes were written");
    expect_violation(thaw, NULL, RULE_LATE_DMA, "the first at byte 8999");
    frozen[LENGTH - 1]--;
    grants_thaw();
    assert_true(grant_covers(bus_of(frozen), 1, true));
    assert_true(grant_covers(bus_of(read_only), 1, false));
    frozen[0]++; /* nobody looks any more */
    grants_inspect_frozen();
    grant_end(data, false);
    grant_end(payload, false);
    grant_end(dump, false);
    memory_free(frozen);
    memory_free(read_only);
    memory_free(later);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_grant_covers_its_bytes_only),
        cmocka_unit_test(a_range_over_page_ends_needs_physical_neighbours),
        cmocka_unit_test(the_direction_counts),
        cmocka_unit_test(overlapping_grants_stand_for_themselves),
        cmocka_unit_test(reports_say_what_is_there),
        cmocka_unit_test(only_device_memory_can_be_granted),
        cmocka_unit_test(late_writes_are_found),
        cmocka_unit_test(quarantine_ends),
        cmocka_unit_test(what_the_device_only_reads_needs_no_quarantine),
        cmocka_unit_test(memory_in_quarantine_can_be_granted_again),
        cmocka_unit_test(a_grant_ends_once),
        cmocka_unit_test(a_frozen_system_keeps_its_memory),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
