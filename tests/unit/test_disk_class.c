/* SPDX-License-Identifier: BSD-3-Clause */
/* The disk class's own arithmetic and its reading of errors: what no disk behind a driver shows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "disk_class/internal.h"

#include <srb.h>

#define PAGE 4096u

static struct class_verdict verdict_of(uint8_t opcode, uint8_t key, uint8_t asc, uint8_t ascq,
                                       uint16_t windows)
{
    struct port_io io = {.srb_status = SRB_STATUS_ERROR,
                         .scsi_status = 2,
                         .cdb = {opcode, [8] = 8},
                         .cdb_length = 10,
                         .sense = {0x70, [2] = key, [7] = 10, [12] = asc, [13] = ascq},
                         .sense_length = 18};
    struct class_situation situation = {.windows = windows, .blocks = 1000};

    return class_interpret(&io, &situation);
}

static void test_write_protection(void **state)
{
    (void)state;
    /* By its own code the sample leaves the status as it is; by another the operation decides. */
    assert_int_equal(verdict_of(CDB_WRITE_10, 7, 0x27, 0, 0xa00).status, CLASS_IO_DEVICE_ERROR);
    assert_int_equal(verdict_of(CDB_WRITE_10, 7, 0x20, 0, 0xa00).status,
                     CLASS_MEDIA_WRITE_PROTECTED);
    assert_int_equal(verdict_of(CDB_READ_10, 7, 0x20, 0, 0xa00).status, CLASS_ACCESS_DENIED);
    assert_int_equal(verdict_of(CDB_WRITE_10, 7, 0x27, 7, 0xa00).status,
                     CLASS_DISK_RESOURCES_EXHAUSTED);
    assert_false(verdict_of(CDB_WRITE_10, 7, 0x27, 0, 0xa00).retry);
}

static void test_a_block_that_is_not_there(void **state)
{
    struct port_io io = {.srb_status = SRB_STATUS_ERROR,
                         .scsi_status = 2,
                         .cdb = {CDB_READ_10, [8] = 8},
                         .sense = {0x70, [2] = 5, [7] = 10, [12] = 0x21},
                         .sense_length = 18};
    struct class_situation situation = {.windows = 0xa00, .blocks = 1000};

    (void)state;
    class_put(io.cdb + 2, 4, 992); /* within the capacity that is known: the disk may have shrunk */
    assert_true(class_interpret(&io, &situation).retry);
    assert_int_equal(class_interpret(&io, &situation).seconds, 5);
    class_put(io.cdb + 2, 4, 993);
    assert_false(class_interpret(&io, &situation).retry);
    assert_int_equal(class_interpret(&io, &situation).status, CLASS_NONEXISTENT_SECTOR);
}

static void test_descriptor_format(void **state)
{
    struct port_io io = {.srb_status = SRB_STATUS_ERROR,
                         .scsi_status = 2,
                         .sense = {0x72, 0x0b, 0x00, 0x06},
                         .sense_length = 8};
    struct class_situation situation = {.windows = 0xa00};

    (void)state;
    assert_true(class_interpret(&io, &situation).retry);
    assert_int_equal(class_interpret(&io, &situation).seconds, 1);
    io.sense_length = 3; /* too short to say anything: as without sense data */
    io.scsi_status = 0;
    assert_int_equal(class_interpret(&io, &situation).status, CLASS_IO_DEVICE_ERROR);
}

static void test_phase_failures_end_after_two(void **state)
{
    struct port_io io = {.srb_status = SRB_STATUS_PHASE_SEQUENCE_FAILURE};
    struct class_situation situation = {.windows = 0xa00, .retried = 1};

    (void)state;
    assert_true(class_interpret(&io, &situation).retry);
    situation.retried = 2;
    assert_false(class_interpret(&io, &situation).retry);
}

static void test_a_short_mode_sense_is_well(void **state)
{
    struct port_io io = {.srb_status = SRB_STATUS_DATA_OVERRUN, .cdb = {CDB_MODE_SENSE_6}};
    struct class_situation situation = {.windows = 0xa00};

    (void)state;
    assert_int_equal(class_interpret(&io, &situation).status, CLASS_SUCCESS);
    io.cdb[0] = CDB_READ_10;
    assert_int_equal(class_interpret(&io, &situation).status, CLASS_DATA_OVERRUN);
    assert_true(class_interpret(&io, &situation).retry);
}

static void test_every_status_has_a_name(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CLASS_STATUS_COUNT; i++) {
        assert_int_equal(class_status_find(class_status_name((enum class_status)i)), i);
    }
}

static uint32_t largest(uint32_t transfer, uint32_t breaks, bool aligned)
{
    struct port_facts facts = {.transfer_bytes = transfer, .physical_breaks = breaks};

    return class_largest(&facts, aligned, true, 512);
}

static void test_the_largest_transfer(void **state)
{
    struct port_facts unlimited = {.transfer_bytes = UINT32_MAX, .physical_breaks = 0x10000};

    (void)state;
    assert_int_equal(largest(1 << 20, 257, true), 1 << 20);
    assert_int_equal(largest(1 << 20, 257, false), 1 << 20);
    assert_int_equal(largest(1 << 20, 256, true), 1 << 20);
    assert_int_equal(largest(1 << 20, 256, false), (1 << 20) - PAGE);
    assert_int_equal(largest(1 << 20, 17, true), 17 * PAGE);
    assert_int_equal(largest(1 << 20, 17, false), 16 * PAGE);
    assert_int_equal(largest(65536, 17, false), 65536);
    assert_int_equal(largest(65536, 1, true), 2 * PAGE); /* at least a page, and the page back */
    assert_int_equal(largest(65536, 1, false), PAGE);
    /* READ(10) and WRITE(10) count to 65535 */
    assert_int_equal(class_largest(&unlimited, true, false, 512), 65535 * 512);
    assert_true(class_largest(&unlimited, true, true, 512) > 65535 * 512);
}

static void test_unmap_lists(void **state)
{
    const struct class_range ranges[] = {{100, 10}, {200, 25}, {UINT64_C(1) << 40, 1}};
    struct unmap_limits limits = {.descriptors = 2, .blocks = 30};
    struct unmap_progress progress = {0};
    uint8_t list[8 + 2 * 16];

    (void)state;
    /* cut by the blocks */
    assert_int_equal(class_unmap_list(ranges, 3, &limits, &progress, list), 40);
    assert_int_equal(class_get(list, 2), 38);
    assert_int_equal(class_get(list + 2, 2), 32);
    assert_int_equal(class_get(list + 8, 8), 100);
    assert_int_equal(class_get(list + 16, 4), 10);
    assert_int_equal(class_get(list + 24, 8), 200);
    assert_int_equal(class_get(list + 32, 4), 20);
    /* the rest of that range, and the last one */
    assert_int_equal(class_unmap_list(ranges, 3, &limits, &progress, list), 40);
    assert_int_equal(class_get(list + 8, 8), 220);
    assert_int_equal(class_get(list + 16, 4), 5);
    assert_int_equal(class_get(list + 24, 8), UINT64_C(1) << 40);
    assert_int_equal(class_get(list + 32, 4), 1);
    assert_int_equal(class_unmap_list(ranges, 3, &limits, &progress, list), 0);
}

static void test_a_range_of_more_than_32_bits(void **state)
{
    const struct class_range range = {0, (UINT64_C(1) << 32) + 5};
    struct unmap_limits limits = {.descriptors = 4, .blocks = UINT64_MAX};
    struct unmap_progress progress = {0};
    uint8_t list[8 + 4 * 16];

    (void)state;
    assert_int_equal(class_unmap_list(&range, 1, &limits, &progress, list), 8 + 2 * 16);
    assert_int_equal(class_get(list + 16, 4), UINT32_MAX);
    assert_int_equal(class_get(list + 24, 8), UINT32_MAX);
    assert_int_equal(class_get(list + 32, 4), 6);
}

static void test_descriptors_of_one_unmap(void **state)
{
    struct class_facts facts = {.unmap_descriptors = 0, .largest = 1 << 20};

    (void)state;
    assert_int_equal(class_unmap_descriptors(&facts, 65535), 4095); /* 16 bits of bytes */
    assert_int_equal(class_unmap_descriptors(&facts, 7), 7);
    facts.unmap_descriptors = 256;
    assert_int_equal(class_unmap_descriptors(&facts, 300), 256);
    facts.unmap_descriptors = UINT32_MAX;
    facts.largest = PAGE;
    assert_int_equal(class_unmap_descriptors(&facts, 300), 255);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_write_protection),
        cmocka_unit_test(test_a_block_that_is_not_there),
        cmocka_unit_test(test_descriptor_format),
        cmocka_unit_test(test_phase_failures_end_after_two),
        cmocka_unit_test(test_a_short_mode_sense_is_well),
        cmocka_unit_test(test_every_status_has_a_name),
        cmocka_unit_test(test_the_largest_transfer),
        cmocka_unit_test(test_unmap_lists),
        cmocka_unit_test(test_a_range_of_more_than_32_bits),
        cmocka_unit_test(test_descriptors_of_one_unmap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
