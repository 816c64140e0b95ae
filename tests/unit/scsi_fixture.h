/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the tests of the SCSI command set share: disks, a command with exact buffers, and what its
 * outcome may be.
 */
#ifndef TESTS_UNIT_SCSI_FIXTURE_H
#define TESTS_UNIT_SCSI_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "scsi_disk.h"

#define GUARD      0xee
#define GUARD_SIZE 32u

/* The last command: its interpretation and a copy of what it wrote. */
static struct {
    SCSI_OUTCOME outcome;
    SCSI_COMMAND command;
    UCHAR data[512];
} reply;

__attribute__((unused)) static SCSI_DISK_PARAMETERS plain_parameters(void)
{
    SCSI_DISK_PARAMETERS parameters;

    memset(&parameters, 0, sizeof(parameters));
    parameters.CapacityInSectors = 2048;
    parameters.BlockSize = 512;
    parameters.MaximumTransferLength = 1024 * 1024;
    parameters.FlushSupported = TRUE;
    parameters.WriteCacheEnabled = TRUE;
    parameters.Location = 0x18;
    memcpy(parameters.Serial, "disk0001", 8);
    return parameters;
}

__attribute__((unused)) static SCSI_DISK make_disk(const SCSI_DISK_PARAMETERS *parameters)
{
    SCSI_DISK disk;

    memset(&disk, 0xa5, sizeof(disk));
    assert_int_equal(ScsiDiskInitialize(&disk, parameters), ScsiDiskOk);
    return disk;
}

__attribute__((unused)) static SCSI_DISK plain_disk(void)
{
    SCSI_DISK_PARAMETERS parameters = plain_parameters();

    return make_disk(&parameters);
}

/* 1 MiB of blocks of block_size bytes each. */
__attribute__((unused)) static SCSI_DISK sized_disk(ULONGLONG sectors, ULONG block_size)
{
    SCSI_DISK_PARAMETERS parameters = plain_parameters();

    parameters.CapacityInSectors = sectors;
    parameters.BlockSize = block_size;
    return make_disk(&parameters);
}

/*
 * Runs a command with a buffer of data_length bytes. The command block and the buffer are heap
 * blocks of exactly that size in one run (for the address sanitizer), and what lies behind the
 * transferred bytes must be untouched in any case.
 */
__attribute__((unused)) static SCSI_OUTCOME run(SCSI_DISK *disk, const UCHAR *cdb, UCHAR cdb_length,
                                                ULONG data_length)
{
    UCHAR *cdb_copy = malloc(cdb_length == 0 ? 1 : cdb_length);
    UCHAR *buffer = malloc(data_length + GUARD_SIZE);
    ULONG i;

    memcpy(cdb_copy, cdb, cdb_length);
    memset(buffer, GUARD, data_length + GUARD_SIZE);
    memset(&reply, 0x5a, sizeof(reply));
    reply.command.Cdb = cdb_copy;
    reply.command.CdbLength = cdb_length;
    reply.command.DataBuffer = buffer;
    reply.command.DataLength = data_length;
    reply.outcome = ScsiInterpretCommand(disk, &reply.command);
    if (reply.outcome != ScsiOutcomeStartIo) {
        assert_true(reply.command.TransferredLength <= data_length);
    }
    i = reply.outcome == ScsiOutcomeStartIo ? 0 : reply.command.TransferredLength;
    memcpy(reply.data, buffer, i < sizeof(reply.data) ? i : sizeof(reply.data));
    for (; i < data_length + GUARD_SIZE; i++) {
        assert_int_equal(buffer[i], GUARD);
    }
    free(buffer);
    free(cdb_copy);
    reply.command.Cdb = NULL;
    reply.command.DataBuffer = NULL;
    return reply.outcome;
}

#define RUN(disk, data_length, ...) \
    run(disk, (const UCHAR[]){__VA_ARGS__}, sizeof((const UCHAR[]){__VA_ARGS__}), data_length)

__attribute__((unused)) static void assert_good(ULONG transferred)
{
    assert_int_equal(reply.outcome, ScsiOutcomeAnswered);
    assert_int_equal(reply.command.ScsiStatus, SCSISTAT_GOOD);
    assert_int_equal(reply.command.TransferredLength, transferred);
}

__attribute__((unused)) static void assert_sense(UCHAR key, USHORT asc)
{
    assert_int_equal(reply.outcome, ScsiOutcomeAnswered);
    assert_int_equal(reply.command.ScsiStatus, SCSISTAT_CHECK_CONDITION);
    assert_int_equal(reply.command.TransferredLength, 0);
    assert_int_equal(reply.command.Sense.Key, key);
    assert_int_equal(reply.command.Sense.Asc, asc);
}

/* ILLEGAL REQUEST, INVALID FIELD IN CDB, with a pointer to the field. */
__attribute__((unused)) static void assert_field(USHORT byte, UCHAR bit)
{
    assert_sense(0x05, 0x2400);
    assert_true(reply.command.Sense.FieldValid);
    assert_int_equal(reply.command.Sense.FieldByte, byte);
    assert_int_equal(reply.command.Sense.FieldBit, bit);
    assert_false(reply.command.Sense.InformationValid);
}

/* LBA OUT OF RANGE with the first block that does not exist. */
__attribute__((unused)) static void assert_range(ULONGLONG first_bad)
{
    assert_sense(0x05, 0x2100);
    assert_true(reply.command.Sense.InformationValid);
    assert_true(reply.command.Sense.Information == first_bad);
    assert_false(reply.command.Sense.FieldValid);
}

__attribute__((unused)) static void assert_start(DISK_OPERATION operation, ULONGLONG sector,
                                                 ULONG length, int flush_after)
{
    assert_int_equal(reply.outcome, ScsiOutcomeStartIo);
    assert_int_equal(reply.command.Operation, operation);
    assert_true(reply.command.Sector == sector);
    assert_int_equal(reply.command.Length, length);
    assert_int_equal(reply.command.Sequence, flush_after ? SequenceFlushAfter : SequenceNone);
}

__attribute__((unused)) static void put_be(UCHAR *bytes, unsigned size, ULONGLONG value)
{
    while (size-- > 0) {
        bytes[size] = (UCHAR)value;
        value >>= 8;
    }
}

/*
 * The answer to cdb must be the length bytes of expected, for every allocation length up to a few
 * more than that (in field_size bytes at field of the command block) and for buffers smaller than,
 * as large as, and larger than it.
 */
__attribute__((unused)) static void assert_answer(SCSI_DISK *disk, const UCHAR *cdb,
                                                  UCHAR cdb_length, unsigned field,
                                                  unsigned field_size, const UCHAR *expected,
                                                  ULONG length)
{
    ULONG allocation, buffer;
    UCHAR copy[16];

    memcpy(copy, cdb, cdb_length);
    for (allocation = 0; allocation <= length + 5 && (allocation <= 255 || field_size > 1);
         allocation++) {
        ULONG wanted = allocation < length ? allocation : length;

        put_be(&copy[field], field_size, allocation);
        for (buffer = 0; buffer <= length + 7; buffer++) {
            ULONG given = wanted < buffer ? wanted : buffer;

            run(disk, copy, cdb_length, buffer);
            assert_int_equal(reply.outcome,
                             given < wanted ? ScsiOutcomeOverrun : ScsiOutcomeAnswered);
            assert_int_equal(reply.command.ScsiStatus, SCSISTAT_GOOD);
            assert_int_equal(reply.command.TransferredLength, given);
            assert_memory_equal(reply.data, expected, given);
        }
    }
    /* The longest allocation, and a buffer that is not there. */
    memset(&copy[field], 0xff, field_size);
    run(disk, copy, cdb_length, 300);
    assert_good(length);
    memset(&reply.command, 0x5a, sizeof(reply.command));
    reply.command.Cdb = copy;
    reply.command.CdbLength = cdb_length;
    reply.command.DataBuffer = NULL;
    reply.command.DataLength = 300;
    assert_int_equal(ScsiInterpretCommand(disk, &reply.command), ScsiOutcomeInvalidRequest);
    assert_int_equal(reply.command.TransferredLength, 0);
    /* One byte short of its length the command block is refused. */
    assert_int_equal(run(disk, copy, (UCHAR)(cdb_length - 1), 300), ScsiOutcomeInvalidRequest);
}

#define ASSERT_ANSWER(disk, cdb, field, field_size, ...)                                   \
    assert_answer(disk, cdb, sizeof(cdb), field, field_size, (const UCHAR[]){__VA_ARGS__}, \
                  sizeof((const UCHAR[]){__VA_ARGS__}))

/* A disk with everything that a device can offer. */
__attribute__((unused)) static SCSI_DISK_PARAMETERS full_parameters(void)
{
    SCSI_DISK_PARAMETERS parameters = plain_parameters();

    parameters.WriteCacheSettable = TRUE;
    parameters.ZeroesMayUnmap = TRUE;
    parameters.LifetimeSupported = TRUE;
    parameters.Cylinders = 2;
    parameters.Heads = 16;
    parameters.SectorsPerTrack = 63;
    parameters.DiscardSectors = 256;
    parameters.DiscardAlignment = 8;
    parameters.ZeroesSectors = 512;
    parameters.ScratchBytes = 16384;
    return parameters;
}

__attribute__((unused)) static SCSI_DISK full_disk(void)
{
    SCSI_DISK_PARAMETERS parameters = full_parameters();

    return make_disk(&parameters);
}

#endif
