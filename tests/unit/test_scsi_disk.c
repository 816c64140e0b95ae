/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SCSI commands of the disk, byte by byte: what is answered, what goes to the device, what is
 * refused; every answer for every allocation length and buffer length, with guard bytes behind it.
 */
/* SOURCES: viostor/scsi_*.c */
#include "scsi_fixture.h"

#include <pthread.h>
#include <sched.h>

/* ---- The disk ------------------------------------------------------------------------------- */

static void test_initialize_block_sizes(void **state)
{
    SCSI_DISK_PARAMETERS parameters = plain_parameters();
    SCSI_DISK disk;
    ULONG size;
    int shift;

    (void)state;
    parameters.MaximumTransferLength = 0;
    for (size = 0; size < 70000; size++) {
        SCSI_DISK_RESULT expected = ScsiDiskBadBlockSize;

        if (size == 0 || (size >= 512 && size <= 65536 && (size & (size - 1)) == 0)) {
            expected = ScsiDiskOk;
        }
        parameters.BlockSize = size;
        assert_int_equal(ScsiDiskInitialize(&disk, &parameters), expected);
    }
    for (shift = 17; shift < 32; shift++) {
        parameters.BlockSize = 1u << shift;
        assert_int_equal(ScsiDiskInitialize(&disk, &parameters), ScsiDiskBadBlockSize);
        parameters.BlockSize--;
        assert_int_equal(ScsiDiskInitialize(&disk, &parameters), ScsiDiskBadBlockSize);
    }
    parameters.BlockSize = 0xffffffffu;
    assert_int_equal(ScsiDiskInitialize(&disk, &parameters), ScsiDiskBadBlockSize);
}

static void test_initialize_limits(void **state)
{
    SCSI_DISK_PARAMETERS parameters = plain_parameters();
    SCSI_DISK disk;
    int result;

    (void)state;
    parameters.BlockSize = 4096;
    parameters.MaximumTransferLength = 4095;
    assert_int_equal(ScsiDiskInitialize(&disk, &parameters), ScsiDiskBadTransferLimit);
    parameters.MaximumTransferLength = 4096;
    assert_int_equal(ScsiDiskInitialize(&disk, &parameters), ScsiDiskOk);
    for (result = ScsiDiskOk; result <= ScsiDiskBadTransferLimit + 1; result++) {
        assert_true(strlen(ScsiDiskResultText((SCSI_DISK_RESULT)result)) > 10);
    }
}

static void test_initialize_hostile_topology(void **state)
{
    SCSI_DISK_PARAMETERS parameters = plain_parameters();
    SCSI_DISK disk;

    (void)state;
    parameters.PhysicalBlockExponent = 255;
    parameters.AlignmentOffset = 255;
    disk = make_disk(&parameters);
    assert_int_equal(disk.PhysicalBlockExponent, 0);
    assert_int_equal(disk.LowestAlignedBlock, 0);
    parameters.PhysicalBlockExponent = 3;
    disk = make_disk(&parameters);
    assert_int_equal(disk.PhysicalBlockExponent, 3);
    assert_int_equal(disk.LowestAlignedBlock, 0);
    parameters.AlignmentOffset = 7;
    disk = make_disk(&parameters);
    assert_int_equal(disk.LowestAlignedBlock, 7);
}

/* A cache that cannot be flushed is not one that commands need to know of. */
static void test_initialize_cache(void **state)
{
    SCSI_DISK_PARAMETERS parameters = plain_parameters();
    SCSI_DISK disk;

    (void)state;
    parameters.FlushSupported = FALSE;
    disk = make_disk(&parameters);
    assert_false(disk.WriteCacheEnabled);
    ScsiDiskSetWriteCache(&disk, TRUE);
    assert_false(disk.WriteCacheEnabled);
    assert_int_equal(disk.PendingAttention, 0);
}

static void test_changes_raise_attentions(void **state)
{
    SCSI_DISK disk = sized_disk(2048, 4096);

    (void)state;
    assert_int_equal(disk.BlockCount, 256);
    assert_false(ScsiDiskSetCapacity(&disk, 2048));
    assert_false(ScsiDiskSetCapacity(&disk, 2055)); /* not a whole block more */
    assert_int_equal(disk.PendingAttention, 0);
    assert_true(ScsiDiskSetCapacity(&disk, 4096));
    assert_int_equal(disk.BlockCount, 512);
    assert_int_equal(disk.PendingAttention, ScsiAttentionCapacityChanged);
    ScsiDiskSetReadOnly(&disk, FALSE);
    assert_int_equal(disk.PendingAttention, ScsiAttentionCapacityChanged);
    ScsiDiskSetReadOnly(&disk, TRUE);
    assert_true(disk.ReadOnly);
    assert_int_equal(disk.PendingAttention,
                     ScsiAttentionCapacityChanged | ScsiAttentionModeChanged);
    disk.PendingAttention = 0;
    ScsiDiskSetWriteCache(&disk, TRUE);
    assert_int_equal(disk.PendingAttention, 0);
    ScsiDiskSetWriteCache(&disk, FALSE);
    assert_false(disk.WriteCacheEnabled);
    assert_int_equal(disk.PendingAttention, ScsiAttentionModeChanged);
}

/* ---- READ and WRITE ------------------------------------------------------------------------- */

/* Every READ and WRITE: the operation codes and where their fields are. */
static const struct transfer {
    UCHAR opcode;
    UCHAR cdb_length;
    UCHAR lba_field, lba_size;
    UCHAR count_field, count_size;
    DISK_OPERATION operation;
} transfers[] = {
    {0x28, 10, 2, 4, 7, 2, DiskOperationRead},  {0x2a, 10, 2, 4, 7, 2, DiskOperationWrite},
    {0xa8, 12, 2, 4, 6, 4, DiskOperationRead},  {0xaa, 12, 2, 4, 6, 4, DiskOperationWrite},
    {0x88, 16, 2, 8, 10, 4, DiskOperationRead}, {0x8a, 16, 2, 8, 10, 4, DiskOperationWrite},
    {0x08, 6, 2, 2, 4, 1, DiskOperationRead},   {0x0a, 6, 2, 2, 4, 1, DiskOperationWrite},
};

#define TRANSFERS (sizeof(transfers) / sizeof(transfers[0]))

/* Builds the command block of a transfer; flags go to byte 1. */
static void build_transfer(UCHAR *cdb, const struct transfer *transfer, UCHAR flags, ULONGLONG lba,
                           ULONG count)
{
    memset(cdb, 0, 16);
    cdb[0] = transfer->opcode;
    cdb[1] = flags;
    put_be(&cdb[transfer->lba_field], transfer->lba_size, lba);
    put_be(&cdb[transfer->count_field], transfer->count_size, count);
}

static void test_transfers(void **state)
{
    static const ULONG block_sizes[] = {512, 1024, 4096, 65536};
    UCHAR cdb[16];
    unsigned i, j;

    (void)state;
    for (i = 0; i < TRANSFERS; i++) {
        for (j = 0; j < 4; j++) {
            SCSI_DISK disk = sized_disk(0x10000ull * 128, block_sizes[j]);

            disk.MaximumTransferLength = 0xffffffffu;
            build_transfer(cdb, &transfers[i], 0, 0x1234, 5);
            run(&disk, cdb, transfers[i].cdb_length, 5 * block_sizes[j]);
            assert_start(transfers[i].operation, 0x1234ull * (block_sizes[j] / 512),
                         5 * block_sizes[j], 0);
            /* A larger buffer: the command block says how much. */
            run(&disk, cdb, transfers[i].cdb_length, 6 * block_sizes[j]);
            assert_int_equal(reply.command.Length, 5 * block_sizes[j]);
            /* A smaller one: nothing at all. */
            run(&disk, cdb, transfers[i].cdb_length, 5 * block_sizes[j] - 1);
            assert_int_equal(reply.outcome, ScsiOutcomeInvalidRequest);
            run(&disk, cdb, transfers[i].cdb_length, 0);
            assert_int_equal(reply.outcome, ScsiOutcomeInvalidRequest);
            assert_int_equal(reply.command.TransferredLength, 0);
        }
    }
}

/* The buffer of a READ or WRITE may be missing or unusable: it is not looked at. */
static void test_transfer_without_mapped_buffer(void **state)
{
    SCSI_DISK disk = plain_disk();
    UCHAR cdb[16];
    unsigned i;

    (void)state;
    for (i = 0; i < TRANSFERS; i++) {
        SCSI_COMMAND command;

        build_transfer(cdb, &transfers[i], 0, 7, 2);
        memset(&command, 0x5a, sizeof(command));
        command.Cdb = cdb;
        command.CdbLength = transfers[i].cdb_length;
        command.DataBuffer = NULL;
        command.DataLength = 1024;
        assert_int_equal(ScsiInterpretCommand(&disk, &command), ScsiOutcomeStartIo);
        command.DataBuffer = (UCHAR *)(uintptr_t)16;
        assert_int_equal(ScsiInterpretCommand(&disk, &command), ScsiOutcomeStartIo);
        assert_int_equal(command.Length, 1024);
    }
}

static void test_transfer_6(void **state)
{
    SCSI_DISK disk = sized_disk(0x200000, 512);

    (void)state;
    RUN(&disk, 256 * 512, 0x08, 0x00, 0x01, 0x02, 0x00, 0x00);
    assert_start(DiskOperationRead, 0x102, 256 * 512, 0);
    RUN(&disk, 512, 0x08, 0x1f, 0xff, 0xff, 0x01, 0x00);
    assert_start(DiskOperationRead, 0x1fffff, 512, 0);
    RUN(&disk, 1024, 0x0a, 0x1f, 0xff, 0xff, 0x02, 0x00);
    assert_range(0x200000);
    /* The three bits that once were the unit number are no part of the block number, nor flags. */
    RUN(&disk, 512, 0x0a, 0xe1, 0x00, 0x00, 0x01, 0x00);
    assert_start(DiskOperationWrite, 0x10000, 512, 0);
}

static void test_transfer_zero_blocks(void **state)
{
    SCSI_DISK disk = plain_disk();
    UCHAR cdb[16];
    unsigned i;

    (void)state;
    for (i = 0; i + 2 < TRANSFERS; i++) {
        build_transfer(cdb, &transfers[i], 0, 0, 0);
        run(&disk, cdb, transfers[i].cdb_length, 512);
        assert_int_equal(reply.outcome, ScsiOutcomeOverrun);
        assert_int_equal(reply.command.TransferredLength, 0);
        build_transfer(cdb, &transfers[i], 0x08, 2048, 0);
        run(&disk, cdb, transfers[i].cdb_length, 0);
        assert_good(0);
        build_transfer(cdb, &transfers[i], 0, 2049, 0);
        run(&disk, cdb, transfers[i].cdb_length, 0);
        assert_range(2049);
    }
}

static void test_transfer_ranges(void **state)
{
    SCSI_DISK disk = plain_disk();
    UCHAR cdb[16];
    unsigned i;

    (void)state;
    for (i = 0; i < TRANSFERS; i++) {
        const struct transfer *t = &transfers[i];
        ULONGLONG last_lba = t->lba_size == 8 ? ~0ull : (1ull << (8 * t->lba_size)) - 1;

        build_transfer(cdb, t, 0, 2047, 1);
        run(&disk, cdb, t->cdb_length, 512);
        assert_start(t->operation, 2047, 512, 0);
        build_transfer(cdb, t, 0, 2047, 2);
        run(&disk, cdb, t->cdb_length, 1024);
        assert_range(2048);
        build_transfer(cdb, t, 0, 2048, 1);
        run(&disk, cdb, t->cdb_length, 512);
        assert_range(2048);
        build_transfer(cdb, t, 0, last_lba, 1);
        run(&disk, cdb, t->cdb_length, 512);
        assert_range(last_lba);
        /* Everything at its largest: nothing may wrap. */
        build_transfer(cdb, t, 0, last_lba, ~0u);
        run(&disk, cdb, t->cdb_length, 512);
        assert_range(last_lba);
    }
    /* A sum that wraps to a small number, and a count whose bytes exceed 32 bits. */
    RUN(&disk, 512, 0x88, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe, 0, 0, 0, 4, 0, 0);
    assert_range(0xfffffffffffffffeull);
    RUN(&disk, 512, 0x88, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0);
    assert_range(2048);
}

/* The largest disks there can be: the last block is reached, the one behind it is not. */
static void test_transfer_huge_disk(void **state)
{
    SCSI_DISK disk = sized_disk(~0ull, 512);

    (void)state;
    RUN(&disk, 512, 0x88, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe, 0, 0, 0, 1, 0, 0);
    assert_start(DiskOperationRead, 0xfffffffffffffffeull, 512, 0);
    RUN(&disk, 1024, 0x88, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe, 0, 0, 0, 2, 0, 0);
    assert_range(~0ull);
    disk = sized_disk(~0ull, 4096);
    RUN(&disk, 4096, 0x8a, 0, 0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe, 0, 0, 0, 1, 0, 0);
    assert_start(DiskOperationWrite, 0xfffffffffffffff0ull, 4096, 0);
    RUN(&disk, 4096, 0x8a, 0, 0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1, 0, 0);
    assert_range(0x1fffffffffffffffull);
}

/* Transfers whose bytes need more than 32 bits never reach the device, even on a disk so large. */
static void test_transfer_too_long(void **state)
{
    SCSI_DISK disk = sized_disk(~0ull, 65536);
    SCSI_DISK_PARAMETERS parameters = plain_parameters();

    (void)state;
    disk.MaximumTransferLength = 0xffffffffu;
    RUN(&disk, 512, 0x88, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x00, 0x01, 0x00, 0x00, 0, 0);
    assert_sense(0x05, 0x2400);
    RUN(&disk, 512, 0x88, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0);
    assert_sense(0x05, 0x2400);
    /* What the Block Limits page says holds. */
    parameters.MaximumTransferLength = 4096;
    disk = make_disk(&parameters);
    RUN(&disk, 8192, 0x28, 0, 0, 0, 0, 0, 0, 0, 8, 0);
    assert_start(DiskOperationRead, 0, 4096, 0);
    RUN(&disk, 8192, 0x28, 0, 0, 0, 0, 0, 0, 0, 9, 0);
    assert_sense(0x05, 0x2400);
}

static void test_transfer_flags(void **state)
{
    SCSI_DISK disk = plain_disk();
    UCHAR cdb[16];
    unsigned i, protect;

    (void)state;
    for (i = 0; i + 2 < TRANSFERS; i++) {
        const struct transfer *t = &transfers[i];

        build_transfer(cdb, t, 0x08, 1, 1); /* FUA */
        run(&disk, cdb, t->cdb_length, 512);
        assert_start(t->operation, 1, 512, 1);
        build_transfer(cdb, t, 0x18, 1, 1); /* DPO and FUA */
        run(&disk, cdb, t->cdb_length, 512);
        assert_start(t->operation, 1, 512, 1);
        build_transfer(cdb, t, 0x10, 1, 1); /* DPO */
        run(&disk, cdb, t->cdb_length, 512);
        assert_start(t->operation, 1, 512, 0);
        ScsiDiskSetWriteCache(&disk, FALSE);
        disk.PendingAttention = 0;
        build_transfer(cdb, t, 0x08, 1, 1); /* the cache writes through: FUA is free */
        run(&disk, cdb, t->cdb_length, 512);
        assert_start(t->operation, 1, 512, 0);
        ScsiDiskSetWriteCache(&disk, TRUE);
        disk.PendingAttention = 0;
        for (protect = 1; protect < 8; protect++) {
            build_transfer(cdb, t, (UCHAR)(protect << 5), 1, 1);
            run(&disk, cdb, t->cdb_length, 512);
            assert_field(1, 7);
        }
    }
    for (i = 0; i < TRANSFERS; i++) {
        build_transfer(cdb, &transfers[i], 0, 1, 1);
        cdb[transfers[i].cdb_length - 1] = 0x04; /* NACA */
        run(&disk, cdb, transfers[i].cdb_length, 512);
        assert_sense(0x05, 0x2400);
    }
}

static void test_read_only(void **state)
{
    SCSI_DISK disk = plain_disk();
    UCHAR cdb[16];
    unsigned i;

    (void)state;
    disk.ReadOnly = TRUE;
    for (i = 0; i < TRANSFERS; i++) {
        build_transfer(cdb, &transfers[i], 0, 1, 1);
        run(&disk, cdb, transfers[i].cdb_length, 512);
        if (transfers[i].operation == DiskOperationWrite) {
            assert_sense(0x07, 0x2700);
        } else {
            assert_start(DiskOperationRead, 1, 512, 0);
        }
    }
}

/* ---- INQUIRY -------------------------------------------------------------------------------- */

static void test_inquiry_standard(void **state)
{
    static const UCHAR expected[96] = {
        0x00, 0x00, 0x06, 0x12, 0x5b, 0x00, 0x00, 0x02, 'V',         'i',  'r',  't',  'I',  'O',
        ' ',  ' ',  'V',  'i',  'r',  't',  'u',  'a',  'l',         ' ',  'D',  'i',  's',  'k',
        ' ',  ' ',  ' ',  ' ',  '0',  '0',  '0',  '1',  [58] = 0x00, 0xa0, 0x04, 0x60, 0x04, 0xc0,
    };
    static const UCHAR cdb[] = {0x12, 0, 0, 0, 0, 0};
    SCSI_DISK disk = plain_disk();

    (void)state;
    assert_answer(&disk, cdb, sizeof(cdb), 3, 2, expected, sizeof(expected));
}

static void test_inquiry_refused(void **state)
{
    SCSI_DISK disk = plain_disk();
    int page;

    (void)state;
    for (page = 1; page < 256; page++) {
        RUN(&disk, 255, 0x12, 0, (UCHAR)page, 0, 255, 0);
        assert_field(2, 7);
    }
    RUN(&disk, 255, 0x12, 2, 0, 0, 255, 0);
    assert_field(1, 1);
    RUN(&disk, 255, 0x12, 3, 0x83, 0, 255, 0);
    assert_field(1, 1);
    RUN(&disk, 255, 0x12, 1, 0x83, 0, 255, 0x04);
    assert_field(5, 2);
}

/* Page 00h lists exactly the pages that are answered, each of which says its own code. */
static void test_inquiry_supported_pages(void **state)
{
    static const UCHAR cdb[] = {0x12, 1, 0, 0, 0, 0};
    SCSI_DISK disk = plain_disk();
    int page;

    (void)state;
    ASSERT_ANSWER(&disk, cdb, 3, 2, 0, 0, 0, 7, 0x00, 0x80, 0x83, 0x86, 0xb0, 0xb1, 0xb2);
    for (page = 0; page < 256; page++) {
        static const UCHAR listed[] = {0x00, 0x80, 0x83, 0x86, 0xb0, 0xb1, 0xb2};

        RUN(&disk, 255, 0x12, 1, (UCHAR)page, 0, 255, 0);
        if (memchr(listed, page, sizeof(listed)) == NULL) {
            assert_field(2, 7);
            continue;
        }
        assert_int_equal(reply.command.ScsiStatus, SCSISTAT_GOOD);
        assert_int_equal(reply.data[1], page);
        assert_int_equal(reply.data[2] << 8 | reply.data[3], reply.command.TransferredLength - 4);
    }
}

static SCSI_DISK disk_with_serial(const char *serial, size_t length)
{
    SCSI_DISK_PARAMETERS parameters = plain_parameters();

    /* What lies behind the serial is no part of it. */
    memset(parameters.Serial, 'x', sizeof(parameters) - offsetof(SCSI_DISK_PARAMETERS, Serial));
    memset(parameters.Serial, 0, sizeof(parameters.Serial));
    memcpy(parameters.Serial, serial, length);
    return make_disk(&parameters);
}

static void test_inquiry_serial(void **state)
{
    static const UCHAR cdb[] = {0x12, 1, 0x80, 0, 0, 0};
    SCSI_DISK disk = plain_disk();

    (void)state;
    ASSERT_ANSWER(&disk, cdb, 3, 2, 0, 0x80, 0, 8, 'd', 'i', 's', 'k', '0', '0', '0', '1');
    disk = disk_with_serial("abcdefghijklmnopqrst", 20);
    ASSERT_ANSWER(&disk, cdb, 3, 2, 0, 0x80, 0, 20, 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i',
                  'j', 'k', 'l', 'm', 'n', 'o', 'p', 'q', 'r', 's', 't');
    disk = disk_with_serial("a\x01\x7f\xff\tb\0c", 8);
    ASSERT_ANSWER(&disk, cdb, 3, 2, 0, 0x80, 0, 6, 'a', '.', '.', '.', '.', 'b');
    disk = disk_with_serial("", 0);
    ASSERT_ANSWER(&disk, cdb, 3, 2, 0, 0x80, 0, 20, ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' ',
                  ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' ');
    disk = disk_with_serial("   ", 3);
    assert_int_equal(disk.SerialLength, 0);
    /* The serial that the device tells later takes the place of the first one altogether. */
    disk = disk_with_serial("abcdefghijklmnopqrst", 20);
    ScsiDiskSetSerial(&disk, (const UCHAR[DISK_SERIAL_LENGTH]){'n', 'e', 'w'});
    ASSERT_ANSWER(&disk, cdb, 3, 2, 0, 0x80, 0, 3, 'n', 'e', 'w');
}

/* Reads VPD page 83h and checks its frame; returns the identifier behind vendor and product as a string
 * in static memory, and behind a blank the NAA designator, if there is one. */
static const char *identity(SCSI_DISK *disk)
{
    static char text[96];
    ULONG length, first;

    RUN(disk, 255, 0x12, 1, 0x83, 0, 255, 0);
    length = reply.command.TransferredLength;
    assert_good(length);
    first = reply.data[7];
    assert_true(first > 24 && first <= 24 + 40);
    assert_true(length == 8 + first || length == 8 + first + 12);
    assert_memory_equal(reply.data, ((UCHAR[]){0, 0x83, 0, (UCHAR)(length - 4)}), 4);
    assert_memory_equal(&reply.data[4], ((UCHAR[]){0x02, 0x01, 0}), 3);
    assert_memory_equal(&reply.data[8], "VirtIO  Virtual Disk    ", 24);
    memcpy(text, &reply.data[32], first - 24);
    text[first - 24] = 0;
    if (length != 8 + first) {
        assert_memory_equal(&reply.data[8 + first], ((UCHAR[]){0x01, 0x03, 0, 8}), 4);
        strcat(text, " ");
        for (ULONG i = 0; i < 8; i++) {
            sprintf(text + strlen(text), "%02x", reply.data[8 + first + 4 + i]);
        }
    }
    return text;
}

static void test_inquiry_identification(void **state)
{
    static const UCHAR cdb[] = {0x12, 1, 0x83, 0, 0, 0};
    static UCHAR longest[84] = {0, 0x83, 0, 80, 2, 1, 0, 64};
    SCSI_DISK_PARAMETERS parameters = plain_parameters();
    SCSI_DISK disk = plain_disk();

    (void)state;
    /* The values of NAA were computed apart, by another program: they must stay for good. */
    ASSERT_ANSWER(&disk, cdb, 3, 2, 0, 0x83, 0, 48, 2, 1, 0, 32, 'V', 'i', 'r', 't', 'I', 'O', ' ',
                  ' ', 'V', 'i', 'r', 't', 'u', 'a', 'l', ' ', 'D', 'i', 's', 'k', ' ', ' ', ' ',
                  ' ', 'd', 'i', 's', 'k', '0', '0', '0', '1', 1, 3, 0, 8, 0x3d, 0x47, 0xfe, 0x83,
                  0x71, 0x02, 0x7f, 0xdf);
    disk = disk_with_serial("abcdefghijklmnopqrst", 20);
    assert_string_equal(identity(&disk), "abcdefghijklmnopqrst 3102e7c1c79a3fbc");
    /* Two serials that differ in unprintable bytes only must differ here. */
    disk = disk_with_serial("a\x01", 2);
    assert_string_equal(identity(&disk),
                        "6101000000000000000000000000000000000000 3045345d0450e912");
    memcpy(&longest[8], "VirtIO  Virtual Disk    6101000000000000000000000000000000000000", 64);
    memcpy(&longest[72], "\x01\x03\0\x08\x30\x45\x34\x5d\x04\x50\xe9\x12", 12);
    assert_answer(&disk, cdb, sizeof(cdb), 3, 2, longest, 84);
    disk = disk_with_serial("\xff\xfe\xff\xff\xff\xff\xff\xff\xff\xff"
                            "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x80",
                            20);
    assert_string_equal(identity(&disk),
                        "fffeffffffffffffffffffffffffffffffffff80 3980c0c2b6c5c688");
    /* Without a serial the place in the machine tells the disks apart, but not those of two machines, so
     * that there is nothing of NAA. */
    memset(parameters.Serial, 0, sizeof(parameters.Serial));
    disk = make_disk(&parameters);
    assert_string_equal(identity(&disk), "PCI-location-00000018");
    parameters.Location = 0x89abcdef;
    disk = make_disk(&parameters);
    assert_string_equal(identity(&disk), "PCI-location-89abcdef");
}

static void test_inquiry_extended(void **state)
{
    static const UCHAR cdb[] = {0x12, 1, 0x86, 0, 0, 0};
    static const UCHAR cached[64] = {0, 0x86, 0, 60, 0, 1, 1};
    static const UCHAR uncached[64] = {0, 0x86, 0, 60, 0, 1, 0};
    SCSI_DISK disk = plain_disk();

    (void)state;
    assert_answer(&disk, cdb, sizeof(cdb), 3, 2, cached, sizeof(cached));
    disk.FlushSupported = FALSE;
    assert_answer(&disk, cdb, sizeof(cdb), 3, 2, uncached, sizeof(uncached));
}

static void test_inquiry_block_limits(void **state)
{
    static const UCHAR cdb[] = {0x12, 1, 0xb0, 0, 0, 0};
    static const UCHAR plain[64] = {0, 0xb0, 0, 60, 0, 0, 0, 0, 0, 0, 0x08, 0x00};
    static const UCHAR full[64] = {0, 0xb0, 0, 60, 0, 0, 0x12, 0x34, 0, 0, 1, 1, 0, 0, 1, 0};
    static const UCHAR capped[64] = {0, 0xb0, 0, 60, 0, 0, 0x12, 0x34, 0, 0, 1, 1, 0, 0, 1, 1};
    static const UCHAR unlimited[64] = {0, 0xb0, 0, 60, 0,    0,    0x12, 0x34,
                                        0, 0,    0, 0,  0x87, 0x65, 0x43, 0x21};
    SCSI_DISK_PARAMETERS parameters = plain_parameters();
    SCSI_DISK disk = plain_disk();

    (void)state;
    assert_answer(&disk, cdb, sizeof(cdb), 3, 2, plain, sizeof(plain));
    /* Limits are in logical blocks; part of one does not count. */
    parameters.BlockSize = 4096;
    parameters.MaximumTransferLength = 257 * 4096 + 512;
    parameters.MinimumIoBlocks = 0x1234;
    parameters.OptimalIoBlocks = 256;
    disk = make_disk(&parameters);
    assert_answer(&disk, cdb, sizeof(cdb), 3, 2, full, sizeof(full));
    parameters.OptimalIoBlocks = 0x87654321;
    disk = make_disk(&parameters);
    assert_answer(&disk, cdb, sizeof(cdb), 3, 2, capped, sizeof(capped));
    parameters.MaximumTransferLength = 0;
    disk = make_disk(&parameters);
    assert_answer(&disk, cdb, sizeof(cdb), 3, 2, unlimited, sizeof(unlimited));
}

static void test_inquiry_characteristics(void **state)
{
    static const UCHAR cdb[] = {0x12, 1, 0xb1, 0, 0, 0};
    static const UCHAR expected[64] = {0, 0xb1, 0, 60, 0, 1, 0, 0, 0x03};
    SCSI_DISK disk = plain_disk();

    (void)state;
    assert_answer(&disk, cdb, sizeof(cdb), 3, 2, expected, sizeof(expected));
}

/* ---- MODE SENSE ----------------------------------------------------------------------------- */

#define ERROR_RECOVERY 0x01, 10, 0xc0, 0, 0, 0, 0, 0, 0, 0, 0, 0
#define CACHING(wce)   0x08, 18, wce, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
#define CONTROL        0x0a, 10, 0, 0x10, 0, 0, 0, 0, 0, 0, 0, 0
#define EXCEPTIONS     0x1c, 10, 0x08, 0, 0, 0, 0, 0, 0, 0, 0, 0
#define ZEROS10        0, 0, 0, 0, 0, 0, 0, 0, 0, 0
#define ALL_PAGES      ERROR_RECOVERY, CACHING(4), CONTROL, EXCEPTIONS

static void test_mode_sense_6(void **state)
{
    SCSI_DISK disk = plain_disk();
    UCHAR cdb[6] = {0x1a, 0, 0x08, 0, 0, 0};

    (void)state;
    ASSERT_ANSWER(&disk, cdb, 4, 1, 31, 0, 0x10, 8, 0, 0, 8, 0, 0, 0, 2, 0, CACHING(4));
    cdb[1] = 0x08; /* DBD */
    ASSERT_ANSWER(&disk, cdb, 4, 1, 23, 0, 0x10, 0, CACHING(4));
    cdb[2] = 0x88; /* default values */
    ASSERT_ANSWER(&disk, cdb, 4, 1, 23, 0, 0x10, 0, CACHING(4));
    cdb[2] = 0x48; /* changeable values */
    ASSERT_ANSWER(&disk, cdb, 4, 1, 23, 0, 0x10, 0, CACHING(0));
    cdb[2] = 0x01;
    ASSERT_ANSWER(&disk, cdb, 4, 1, 15, 0, 0x10, 0, ERROR_RECOVERY);
    cdb[2] = 0x0a;
    ASSERT_ANSWER(&disk, cdb, 4, 1, 15, 0, 0x10, 0, CONTROL);
    cdb[2] = 0x1c;
    ASSERT_ANSWER(&disk, cdb, 4, 1, 15, 0, 0x10, 0, EXCEPTIONS);
    cdb[2] = 0x3f;
    ASSERT_ANSWER(&disk, cdb, 4, 1, 59, 0, 0x10, 0, ALL_PAGES);
    cdb[3] = 0xff; /* and all subpages, of which there are none */
    ASSERT_ANSWER(&disk, cdb, 4, 1, 59, 0, 0x10, 0, ALL_PAGES);
    cdb[2] = 0x0a;
    ASSERT_ANSWER(&disk, cdb, 4, 1, 15, 0, 0x10, 0, CONTROL);
    cdb[2] = 0x7f;
    ASSERT_ANSWER(&disk, cdb, 4, 1, 59, 0, 0x10, 0, 0x01, 10, ZEROS10, CACHING(0), 0x0a, 10,
                  ZEROS10, 0x1c, 10, ZEROS10);
    cdb[1] = 0;
    cdb[2] = 0x3f;
    ASSERT_ANSWER(&disk, cdb, 4, 1, 67, 0, 0x10, 8, 0, 0, 8, 0, 0, 0, 2, 0, ALL_PAGES);
}

static void test_mode_sense_10(void **state)
{
    SCSI_DISK disk = sized_disk(0x123456789a0ull, 4096);
    UCHAR cdb[10] = {0x5a, 0, 0x08, 0, 0, 0, 0, 0, 0, 0};

    (void)state;
    /* More blocks than four bytes can say. */
    ASSERT_ANSWER(&disk, cdb, 7, 2, 0, 34, 0, 0x10, 0, 0, 0, 8, 0xff, 0xff, 0xff, 0xff, 0, 0, 0x10,
                  0, CACHING(4));
    cdb[1] = 0x10; /* LLBAA */
    ASSERT_ANSWER(&disk, cdb, 7, 2, 0, 42, 0, 0x10, 1, 0, 0, 16, 0, 0, 0, 0x24, 0x68, 0xac, 0xf1,
                  0x34, 0, 0, 0, 0, 0, 0, 0x10, 0, CACHING(4));
    cdb[1] = 0x18; /* LLBAA and DBD: no descriptor, so none that is long */
    ASSERT_ANSWER(&disk, cdb, 7, 2, 0, 26, 0, 0x10, 0, 0, 0, 0, CACHING(4));
    cdb[2] = 0x3f;
    ASSERT_ANSWER(&disk, cdb, 7, 2, 0, 62, 0, 0x10, 0, 0, 0, 0, ALL_PAGES);
    cdb[1] = 0x10;
    ASSERT_ANSWER(&disk, cdb, 7, 2, 0, 78, 0, 0x10, 1, 0, 0, 16, 0, 0, 0, 0x24, 0x68, 0xac, 0xf1,
                  0x34, 0, 0, 0, 0, 0, 0, 0x10, 0, ALL_PAGES);
    /* LLBAA means nothing to the six byte command: its bit is reserved. */
    disk = sized_disk(0xffffffffull, 512);
    RUN(&disk, 255, 0x1a, 0x10, 0x08, 0, 255, 0);
    assert_good(32);
    assert_memory_equal(reply.data, ((UCHAR[]){31, 0, 0x10, 8, 0xff, 0xff, 0xff, 0xff}), 8);
}

static void test_mode_sense_state(void **state)
{
    SCSI_DISK disk = plain_disk();

    (void)state;
    disk.ReadOnly = TRUE;
    disk.WriteCacheEnabled = FALSE;
    RUN(&disk, 255, 0x1a, 0x08, 0x08, 0, 255, 0);
    assert_good(24);
    assert_memory_equal(reply.data, ((UCHAR[]){23, 0, 0x90, 0, CACHING(0)}), 24);
    RUN(&disk, 255, 0x5a, 0x08, 0x08, 0, 0, 0, 0, 0, 255, 0);
    assert_good(28);
    assert_memory_equal(reply.data, ((UCHAR[]){0, 26, 0, 0x90, 0, 0, 0, 0, CACHING(0)}), 28);
}

static void test_mode_sense_refused(void **state)
{
    static const UCHAR pages[] = {0x01, 0x08, 0x0a, 0x1c, 0x3f};
    SCSI_DISK disk = plain_disk();
    int page, subpage;

    (void)state;
    for (page = 0; page < 64; page++) {
        RUN(&disk, 255, 0x1a, 0, (UCHAR)page, 0, 255, 0);
        if (memchr(pages, page, sizeof(pages)) == NULL) {
            assert_field(2, 5);
        } else {
            assert_int_equal(reply.command.ScsiStatus, SCSISTAT_GOOD);
        }
        RUN(&disk, 255, 0x1a, 0, (UCHAR)(0xc0 | page), 0, 255, 0);
        assert_sense(0x05, 0x3900);
        RUN(&disk, 255, 0x5a, 0, (UCHAR)(0xc0 | page), 0, 0, 0, 0, 0, 255, 0);
        assert_sense(0x05, 0x3900);
    }
    for (subpage = 1; subpage < 255; subpage++) {
        RUN(&disk, 255, 0x1a, 0, 0x0a, (UCHAR)subpage, 255, 0);
        assert_field(3, 7);
        RUN(&disk, 255, 0x5a, 0, 0x3f, (UCHAR)subpage, 0, 0, 0, 0, 255, 0);
        assert_field(3, 7);
    }
}

/* ---- Capacity, readiness, units ------------------------------------------------------------- */

static void assert_capacity10(ULONGLONG sectors, ULONG block_size, const UCHAR *expected)
{
    SCSI_DISK disk = sized_disk(sectors, block_size);
    ULONG length;

    for (length = 0; length <= 9; length++) {
        RUN(&disk, length, 0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0);
        assert_int_equal(reply.outcome, length < 8 ? ScsiOutcomeOverrun : ScsiOutcomeAnswered);
        assert_int_equal(reply.command.ScsiStatus, SCSISTAT_GOOD);
        assert_int_equal(reply.command.TransferredLength, length < 8 ? length : 8);
        assert_memory_equal(reply.data, expected, reply.command.TransferredLength);
    }
}

static void test_read_capacity_10(void **state)
{
    (void)state;
    assert_capacity10(1, 512, (UCHAR[]){0, 0, 0, 0, 0, 0, 2, 0});
    assert_capacity10(2048, 512, (UCHAR[]){0, 0, 7, 0xff, 0, 0, 2, 0});
    assert_capacity10(2047, 4096, (UCHAR[]){0, 0, 0, 0xfe, 0, 0, 0x10, 0});
    /* Around 2 TiB of 512-byte blocks. */
    assert_capacity10(0xffffffffull, 512, (UCHAR[]){0xff, 0xff, 0xff, 0xfe, 0, 0, 2, 0});
    assert_capacity10(0x100000000ull, 512, (UCHAR[]){0xff, 0xff, 0xff, 0xff, 0, 0, 2, 0});
    assert_capacity10(0x100000001ull, 512, (UCHAR[]){0xff, 0xff, 0xff, 0xff, 0, 0, 2, 0});
    assert_capacity10(0x100000001ull, 1024, (UCHAR[]){0x7f, 0xff, 0xff, 0xff, 0, 0, 4, 0});
    assert_capacity10(~0ull, 512, (UCHAR[]){0xff, 0xff, 0xff, 0xff, 0, 0, 2, 0});
}

static void test_read_capacity_16(void **state)
{
    UCHAR cdb[16] = {0x9e, 0x10};
    SCSI_DISK_PARAMETERS parameters = plain_parameters();
    SCSI_DISK disk = plain_disk();
    UCHAR expected[32] = {0, 0, 0, 0, 0, 0, 7, 0xff, 0, 0, 2, 0};

    (void)state;
    assert_answer(&disk, cdb, sizeof(cdb), 10, 4, expected, sizeof(expected));
    parameters.CapacityInSectors = ~0ull;
    parameters.BlockSize = 4096;
    parameters.PhysicalBlockExponent = 5;
    parameters.AlignmentOffset = 17;
    disk = make_disk(&parameters);
    memcpy(expected, (UCHAR[]){0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe}, 8);
    memcpy(&expected[8], (UCHAR[]){0, 0, 0x10, 0, 0, 5, 0, 17}, 8);
    assert_answer(&disk, cdb, sizeof(cdb), 10, 4, expected, sizeof(expected));
    disk = sized_disk(~0ull, 512);
    RUN(&disk, 32, 0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0);
    assert_good(32);
    assert_memory_equal(
        reply.data, ((UCHAR[]){0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe, 0, 0, 2, 0}), 12);
}

static void test_service_actions(void **state)
{
    SCSI_DISK disk = plain_disk();
    UCHAR cdb[16] = {0x9e};
    int action;

    (void)state;
    for (action = 0; action < 32; action++) {
        cdb[1] = (UCHAR)action;
        run(&disk, cdb, sizeof(cdb), 32);
        if (action != 0x10) {
            assert_field(1, 4);
        }
    }
}

static void test_no_blocks(void **state)
{
    SCSI_DISK disk = sized_disk(7, 4096);

    (void)state;
    RUN(&disk, 0, 0x00, 0, 0, 0, 0, 0);
    assert_sense(0x02, 0x3a00);
    RUN(&disk, 8, 0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    assert_sense(0x02, 0x3a00);
    RUN(&disk, 32, 0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0);
    assert_sense(0x02, 0x3a00);
    RUN(&disk, 4096, 0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0);
    assert_range(0);
    RUN(&disk, 255, 0x12, 0, 0, 0, 255, 0);
    assert_good(96);
    RUN(&disk, 255, 0x1a, 0x08, 0x3f, 0, 255, 0);
    assert_good(60);
}

static void test_unit_ready(void **state)
{
    SCSI_DISK disk = plain_disk();

    (void)state;
    RUN(&disk, 0, 0x00, 0, 0, 0, 0, 0);
    assert_good(0);
    RUN(&disk, 0, 0x00, 0, 0, 0, 0, 4);
    assert_field(5, 2);
}

static void test_report_luns(void **state)
{
    static const UCHAR one[16] = {0, 0, 0, 8};
    static const UCHAR none[8] = {0, 0, 0, 0};
    static const UCHAR selections[] = {0x00, 0x01, 0x02, 0x10, 0x11, 0x12};
    SCSI_DISK disk = plain_disk();
    UCHAR cdb[12] = {0xa0};
    ULONG select, allocation;

    (void)state;
    for (select = 0; select < 256; select++) {
        for (allocation = 0; allocation < 20; allocation++) {
            cdb[2] = (UCHAR)select;
            cdb[9] = (UCHAR)allocation;
            run(&disk, cdb, sizeof(cdb), allocation);
            if (memchr(selections, (int)select, sizeof(selections)) == NULL) {
                assert_field(2, 7);
            } else if (allocation < 16) {
                assert_field(6, 7);
            } else if (select == 0x01 || select == 0x10 || select == 0x12) {
                assert_good(8);
                assert_memory_equal(reply.data, none, 8);
            } else {
                assert_good(16);
                assert_memory_equal(reply.data, one, 16);
            }
        }
    }
    cdb[2] = 0;
    cdb[6] = 0xff;
    run(&disk, cdb, sizeof(cdb), 15);
    assert_int_equal(reply.outcome, ScsiOutcomeOverrun);
    assert_int_equal(reply.command.TransferredLength, 15);
}

/* ---- Cache, start and stop, verification ---------------------------------------------------- */

static void test_synchronize_cache(void **state)
{
    SCSI_DISK disk = plain_disk();

    (void)state;
    RUN(&disk, 0, 0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    assert_start(DiskOperationFlush, 0, 0, 0);
    RUN(&disk, 0, 0x35, 2, 0, 0, 7, 0xff, 0, 0, 1, 0); /* IMMED */
    assert_start(DiskOperationFlush, 0, 0, 0);
    RUN(&disk, 0, 0x35, 0, 0, 0, 8, 0, 0, 0, 0, 0); /* an empty rest of the disk */
    assert_start(DiskOperationFlush, 0, 0, 0);
    RUN(&disk, 0, 0x35, 0, 0, 0, 7, 0xff, 0, 0, 2, 0);
    assert_range(2048);
    RUN(&disk, 0, 0x35, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0);
    assert_range(0xffffffff);
    RUN(&disk, 0, 0x91, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0);
    assert_start(DiskOperationFlush, 0, 0, 0);
    RUN(&disk, 0, 0x91, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 1, 0, 0);
    assert_range(2048);
    RUN(&disk, 0, 0x91, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1, 0, 0);
    assert_range(~0ull);
    /* A flush is sent as long as the device takes it, even while the cache writes through. */
    disk.WriteCacheEnabled = FALSE;
    RUN(&disk, 0, 0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    assert_start(DiskOperationFlush, 0, 0, 0);
    disk.FlushSupported = FALSE;
    RUN(&disk, 0, 0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    assert_good(0);
}

static void test_start_stop(void **state)
{
    SCSI_DISK disk = plain_disk();
    int byte;

    (void)state;
    for (byte = 0; byte < 256; byte++) {
        RUN(&disk, 0, 0x1b, (UCHAR)(byte & 1), 0, 0, (UCHAR)byte, 0);
        if ((byte & 0xf0) != 0) {
            assert_field(4, 7);
        } else if ((byte & 0x02) != 0) {
            assert_field(4, 1);
        } else if ((byte & 0x05) != 0) { /* START, or NO_FLUSH */
            assert_good(0);
        } else {
            assert_start(DiskOperationFlush, 0, 0, 0);
        }
    }
    disk.FlushSupported = FALSE;
    RUN(&disk, 0, 0x1b, 0, 0, 0, 0, 0);
    assert_good(0);
    RUN(&disk, 0, 0x00, 0, 0, 0, 0, 0);
    assert_good(0);
}

/* ---- Unit attentions and sense data --------------------------------------------------------- */

static const struct {
    SCSI_UNIT_ATTENTION event;
    USHORT asc;
} attentions[] = {
    {ScsiAttentionPowerOn, 0x2900},         {ScsiAttentionBusReset, 0x2902},
    {ScsiAttentionDeviceReset, 0x2903},     {ScsiAttentionModeChanged, 0x2a01},
    {ScsiAttentionCapacityChanged, 0x2a09},
};

static void test_attention_once(void **state)
{
    SCSI_DISK disk = plain_disk();
    int i;

    (void)state;
    for (i = 0; i < 5; i++) {
        ScsiDiskRaiseUnitAttention(&disk, attentions[i].event);
        ScsiDiskRaiseUnitAttention(&disk, attentions[i].event);
        RUN(&disk, 0, 0x00, 0, 0, 0, 0, 0);
        assert_sense(0x06, attentions[i].asc);
        assert_false(reply.command.Sense.InformationValid);
        assert_false(reply.command.Sense.FieldValid);
        RUN(&disk, 0, 0x00, 0, 0, 0, 0, 0);
        assert_good(0);
    }
    /* All at once: one by one, in this order, to reads and writes as well. */
    for (i = 4; i >= 0; i--) {
        ScsiDiskRaiseUnitAttention(&disk, attentions[i].event);
    }
    for (i = 0; i < 5; i++) {
        RUN(&disk, 512, (i & 1) != 0 ? 0x2a : 0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0);
        assert_sense(0x06, attentions[i].asc);
    }
    RUN(&disk, 512, 0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0);
    assert_start(DiskOperationRead, 0, 512, 0);
}

/* INQUIRY, REPORT LUNS and REQUEST SENSE are executed; every other operation code, known or not,
 * ends with the event, however wrong its fields are. */
static void test_attention_precedence(void **state)
{
    SCSI_DISK disk = plain_disk();
    UCHAR cdb[16];
    int opcode;

    (void)state;
    for (opcode = 0; opcode < 256; opcode++) {
        disk.PendingAttention = ScsiAttentionBusReset;
        memset(cdb, 0xff, sizeof(cdb));
        cdb[0] = (UCHAR)opcode;
        run(&disk, cdb, sizeof(cdb), 255);
        if (opcode == 0x12 || opcode == 0xa0 || opcode == 0x03) {
            assert_sense(0x05, 0x2400);
            assert_int_equal(disk.PendingAttention, ScsiAttentionBusReset);
        } else {
            assert_sense(0x06, 0x2902);
            assert_int_equal(disk.PendingAttention, 0);
        }
    }
    disk.PendingAttention = ScsiAttentionBusReset;
    RUN(&disk, 255, 0x12, 0, 0, 0, 255, 0);
    assert_good(96);
    RUN(&disk, 16, 0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0);
    assert_good(16);
    assert_int_equal(disk.PendingAttention, ScsiAttentionBusReset);
}

static void test_request_sense(void **state)
{
    static const UCHAR nothing[18] = {0x70, 0, 0, 0, 0, 0, 0, 10};
    static const UCHAR reset[18] = {0x70, 0, 6, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x29, 0x02};
    UCHAR cdb[6] = {0x03};
    SCSI_DISK disk = plain_disk();

    (void)state;
    assert_answer(&disk, cdb, sizeof(cdb), 4, 1, nothing, sizeof(nothing));
    cdb[1] = 1; /* DESC */
    ASSERT_ANSWER(&disk, cdb, 4, 1, 0x72, 0, 0, 0, 0, 0, 0, 0);
    ScsiDiskRaiseUnitAttention(&disk, ScsiAttentionBusReset);
    ScsiDiskRaiseUnitAttention(&disk, ScsiAttentionCapacityChanged);
    RUN(&disk, 255, 0x03, 0, 0, 0, 255, 0);
    assert_good(18);
    assert_memory_equal(reply.data, reset, 18);
    RUN(&disk, 255, 0x03, 1, 0, 0, 255, 0);
    assert_good(8);
    assert_memory_equal(reply.data, ((UCHAR[]){0x72, 6, 0x2a, 9, 0, 0, 0, 0}), 8);
    RUN(&disk, 255, 0x03, 0, 0, 0, 255, 0);
    assert_memory_equal(reply.data, nothing, 18);
}

static void assert_fixed_sense(const SCSI_DISK_SENSE *sense, const UCHAR *expected)
{
    unsigned length, i;

    for (length = 0; length < 256; length++) {
        UCHAR buffer[256 + GUARD_SIZE];
        UCHAR *exact = malloc(length + 1);
        unsigned written = length < 18 ? length : 18;

        memset(buffer, GUARD, sizeof(buffer));
        assert_int_equal(ScsiBuildSense(sense, buffer, (UCHAR)length), written);
        assert_memory_equal(buffer, expected, written);
        for (i = written; i < sizeof(buffer); i++) {
            assert_int_equal(buffer[i], GUARD);
        }
        assert_int_equal(ScsiBuildSense(sense, exact, (UCHAR)length), written);
        free(exact);
    }
    assert_int_equal(ScsiBuildSense(sense, NULL, 18), 0);
    assert_int_equal(ScsiBuildSense(sense, NULL, 0), 0);
}

static void test_build_sense(void **state)
{
    SCSI_DISK_SENSE sense;

    (void)state;
    memset(&sense, 0x5a, sizeof(sense));
    ScsiSetSense(&sense, 0x0b, ScsiAscInternalTargetFailure);
    assert_fixed_sense(&sense, (UCHAR[18]){0x70, 0, 0x0b, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x44, 0});
    ScsiSetSense(&sense, 5, ScsiAscLbaOutOfRange);
    sense.InformationValid = TRUE;
    sense.Information = 0xfedcba98;
    assert_fixed_sense(&sense,
                       (UCHAR[18]){0xf0, 0, 5, 0xfe, 0xdc, 0xba, 0x98, 10, 0, 0, 0, 0, 0x21, 0});
    sense.Information = 0x100000000ull; /* does not fit: not valid */
    assert_fixed_sense(&sense, (UCHAR[18]){0x70, 0, 5, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x21, 0});
    ScsiSetSense(&sense, 5, ScsiAscInvalidFieldInCdb);
    sense.FieldValid = TRUE;
    sense.FieldByte = 0x0102;
    sense.FieldBit = 5;
    assert_fixed_sense(&sense,
                       (UCHAR[18]){0x70, 0, 5, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x24, 0, 0, 0xcd, 1, 2});
}

static void test_completion(void **state)
{
    static const DISK_OPERATION operations[] = {DiskOperationRead, DiskOperationWrite,
                                                DiskOperationFlush};
    int status, i;

    (void)state;
    for (i = 0; i < 3; i++) {
        for (status = 0; status < 256; status++) {
            SCSI_DISK_SENSE sense;
            UCHAR key = 0x0b;
            USHORT asc = 0x4400;

            memset(&sense, 0x5a, sizeof(sense));
            if (status == 0) {
                assert_int_equal(ScsiTranslateCompletion(operations[i], 0, &sense), SCSISTAT_GOOD);
                assert_int_equal(sense.Key, 0x5a);
                continue;
            }
            if (status == 1) {
                asc = 0x0006;
            } else if (status == 2 && i == 2) {
                key = 0x05;
                asc = 0x2000;
            } else if (status == 2) {
                key = 0x04;
            }
            assert_int_equal(ScsiTranslateCompletion(operations[i], (UCHAR)status, &sense),
                             SCSISTAT_CHECK_CONDITION);
            assert_int_equal(sense.Key, key);
            assert_int_equal(sense.Asc, asc);
            assert_false(sense.InformationValid);
            assert_false(sense.FieldValid);
        }
    }
}

/* ---- Everything else ------------------------------------------------------------------------ */

/* Operation codes that the disk knows, with the length of their command blocks. */
static UCHAR known_length(int opcode)
{
    static const UCHAR known[] = {
        0x00, 0x03, 0x08, 0x0a, 0x12, 0x15, 0x1a, 0x1b, 0x1d, 0x1e, 0x25, 0x28,
        0x2a, 0x2e, 0x2f, 0x34, 0x35, 0x41, 0x42, 0x4d, 0x55, 0x5a, 0x88, 0x8a,
        0x8e, 0x8f, 0x90, 0x91, 0x93, 0x9e, 0xa0, 0xa3, 0xa8, 0xaa, 0xae, 0xaf,
    };
    static const UCHAR lengths[8] = {6, 10, 10, 0, 16, 12, 0, 0}; /* by group, SPC-4 */

    return memchr(known, opcode, sizeof(known)) != NULL ? lengths[opcode >> 5] : 0;
}

static void test_unknown_opcodes(void **state)
{
    SCSI_DISK disk = full_disk();
    UCHAR cdb[16];
    int opcode, fill;

    (void)state;
    for (opcode = 0; opcode < 256; opcode++) {
        for (fill = 0; fill < 2; fill++) {
            memset(cdb, fill != 0 ? 0xff : 0, sizeof(cdb));
            cdb[0] = (UCHAR)opcode;
            run(&disk, cdb, sizeof(cdb), 4096);
            if (known_length(opcode) == 0) {
                assert_sense(0x05, 0x2000);
            } else if (reply.outcome == ScsiOutcomeAnswered &&
                       reply.command.ScsiStatus == SCSISTAT_CHECK_CONDITION) {
                assert_int_equal(reply.command.Sense.Key, 5);
                assert_int_not_equal(reply.command.Sense.Asc, 0x2000);
            }
        }
    }
}

static void test_short_command_blocks(void **state)
{
    SCSI_DISK disk = full_disk();
    UCHAR cdb[16] = {0};
    SCSI_COMMAND command;
    int opcode;
    UCHAR length;

    (void)state;
    for (opcode = 0; opcode < 256; opcode++) {
        cdb[0] = (UCHAR)opcode;
        for (length = 0; length <= 16; length++) {
            run(&disk, cdb, length, 131072);
            if (length < 6 || length < known_length(opcode)) {
                assert_int_equal(reply.outcome, ScsiOutcomeInvalidRequest);
            } else {
                assert_int_not_equal(reply.outcome, ScsiOutcomeInvalidRequest);
            }
        }
    }
    memset(&command, 0, sizeof(command));
    command.CdbLength = 16;
    assert_int_equal(ScsiInterpretCommand(&disk, &command), ScsiOutcomeInvalidRequest);
}

/* What must hold whatever comes: of the last command, given the disk and the buffer's length. */
static void check_invariants(const SCSI_DISK *disk, ULONG data_length)
{
    const SCSI_COMMAND *command = &reply.command;

    if (reply.outcome == ScsiOutcomeStartIo) {
        if (command->Operation == DiskOperationFlush) {
            assert_true(disk->FlushSupported && command->Length == 0);
            return;
        }
        assert_true(command->Operation == DiskOperationRead ||
                    command->Operation == DiskOperationWrite);
        assert_true(command->Operation == DiskOperationRead || !disk->ReadOnly);
        assert_true(command->Length != 0 && command->Length <= data_length);
        assert_int_equal(command->Length % disk->BlockSize, 0);
        assert_true((command->Sector >> disk->BlockShift) < disk->BlockCount);
        assert_true((command->Length >> 9 >> disk->BlockShift) <=
                    disk->BlockCount - (command->Sector >> disk->BlockShift));
        return;
    }
    if (reply.outcome == ScsiOutcomeAnswered && command->ScsiStatus != SCSISTAT_GOOD) {
        assert_int_equal(command->ScsiStatus, SCSISTAT_CHECK_CONDITION);
        assert_int_equal(command->TransferredLength, 0);
        assert_int_not_equal(command->Sense.Key, 0);
        assert_int_not_equal(command->Sense.Asc, 0);
        return;
    }
    assert_int_equal(command->ScsiStatus, SCSISTAT_GOOD);
}

/* Random command blocks on random disks; the seed is fixed, so a failure repeats. */
static void test_random_commands(void **state)
{
    ULONGLONG seed = 0x9e3779b97f4a7c15ull;
    int round, i;

    (void)state;
    for (round = 0; round < 200000; round++) {
        SCSI_DISK disk;
        SCSI_DISK_PARAMETERS parameters = plain_parameters();
        UCHAR cdb[16];
        ULONG data_length;

        for (i = 0; i < 16; i++) {
            seed = seed * 6364136223846793005ull + 1442695040888963407ull;
            cdb[i] = (seed >> 61) == 0 ? (UCHAR)(seed >> 33) : (UCHAR)((seed >> 40) & 3);
        }
        if ((seed >> 62) != 0) {
            static const UCHAR opcodes[] = {0x28, 0x2a, 0x88, 0x8a, 0xa8, 0xaa, 0x08, 0x0a,
                                            0x12, 0x1a, 0x5a, 0x9e, 0x91, 0x35, 0xa0, 0x03};

            cdb[0] = opcodes[(seed >> 50) & 15];
        }
        parameters.CapacityInSectors = (seed >> 45 & 1) != 0 ? seed : seed & 0xffff;
        parameters.BlockSize = 512u << (seed >> 55 & 7);
        parameters.ReadOnly = (seed >> 46 & 3) == 0;
        parameters.FlushSupported = (seed >> 48 & 1) != 0;
        memcpy(parameters.Serial, &seed, sizeof(seed));
        disk = make_disk(&parameters);
        disk.PendingAttention = (seed >> 36 & 31) == 0 ? (LONG)(seed >> 41 & 31) : 0;
        data_length = (ULONG)(seed >> 24 & 0x1fff);
        run(&disk, cdb, (UCHAR)(seed >> 20 & 15) + 1, data_length);
        check_invariants(&disk, data_length);
    }
}

/* ---- One event, several processors ---------------------------------------------------------- */

#define EVENTS 100000

static struct {
    SCSI_DISK disk;
    int started;  /* events that both threads may look for, so far */
    int finished; /* events that the other thread has looked for */
    int reported; /* events that the other thread has reported */
} race;

/* 1 if a command reports an event, else 0. */
static int report_attention(void)
{
    static const UCHAR read_10[10] = {0x28, [8] = 1};
    SCSI_COMMAND command;

    memset(&command, 0, sizeof(command));
    command.Cdb = read_10;
    command.CdbLength = sizeof(read_10);
    command.DataLength = 512;
    return ScsiInterpretCommand(&race.disk, &command) == ScsiOutcomeAnswered;
}

/* Waits until *counter is value, which another thread sets. */
static void wait_for(const int *counter, int value)
{
    unsigned spins = 0;

    while (__atomic_load_n(counter, __ATOMIC_ACQUIRE) != value) {
        if (++spins % 10000 == 0) {
            sched_yield();
        }
    }
}

static void *race_for_attention(void *argument)
{
    int event;

    (void)argument;
    for (event = 1; event <= EVENTS; event++) {
        wait_for(&race.started, event);
        race.reported += report_attention();
        __atomic_store_n(&race.finished, event, __ATOMIC_RELEASE);
    }
    return NULL;
}

/* Two threads look for each event at nearly the same time: one of them gets it, not both. */
static void test_attention_race(void **state)
{
    pthread_t other;
    int event, reported = 0;

    (void)state;
    race.disk = plain_disk();
    assert_int_equal(pthread_create(&other, NULL, race_for_attention, NULL), 0);
    for (event = 1; event <= EVENTS; event++) {
        volatile int delay;

        ScsiDiskRaiseUnitAttention(&race.disk, (SCSI_UNIT_ATTENTION)(1 << event % 5));
        __atomic_store_n(&race.started, event, __ATOMIC_RELEASE);
        for (delay = event % 128; delay > 0; delay--) {
            /* Sweeps over the time that the other thread needs to see the event. */
        }
        reported += report_attention();
        wait_for(&race.finished, event);
    }
    pthread_join(other, NULL);
    assert_int_equal(race.reported + reported, EVENTS);
    assert_int_equal(race.disk.PendingAttention, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_initialize_block_sizes),
        cmocka_unit_test(test_initialize_limits),
        cmocka_unit_test(test_initialize_hostile_topology),
        cmocka_unit_test(test_initialize_cache),
        cmocka_unit_test(test_changes_raise_attentions),
        cmocka_unit_test(test_transfers),
        cmocka_unit_test(test_transfer_without_mapped_buffer),
        cmocka_unit_test(test_transfer_6),
        cmocka_unit_test(test_transfer_zero_blocks),
        cmocka_unit_test(test_transfer_ranges),
        cmocka_unit_test(test_transfer_huge_disk),
        cmocka_unit_test(test_transfer_too_long),
        cmocka_unit_test(test_transfer_flags),
        cmocka_unit_test(test_read_only),
        cmocka_unit_test(test_inquiry_standard),
        cmocka_unit_test(test_inquiry_refused),
        cmocka_unit_test(test_inquiry_supported_pages),
        cmocka_unit_test(test_inquiry_serial),
        cmocka_unit_test(test_inquiry_identification),
        cmocka_unit_test(test_inquiry_extended),
        cmocka_unit_test(test_inquiry_block_limits),
        cmocka_unit_test(test_inquiry_characteristics),
        cmocka_unit_test(test_mode_sense_6),
        cmocka_unit_test(test_mode_sense_10),
        cmocka_unit_test(test_mode_sense_state),
        cmocka_unit_test(test_mode_sense_refused),
        cmocka_unit_test(test_read_capacity_10),
        cmocka_unit_test(test_read_capacity_16),
        cmocka_unit_test(test_service_actions),
        cmocka_unit_test(test_no_blocks),
        cmocka_unit_test(test_unit_ready),
        cmocka_unit_test(test_report_luns),
        cmocka_unit_test(test_synchronize_cache),
        cmocka_unit_test(test_start_stop),
        cmocka_unit_test(test_attention_once),
        cmocka_unit_test(test_attention_precedence),
        cmocka_unit_test(test_request_sense),
        cmocka_unit_test(test_build_sense),
        cmocka_unit_test(test_completion),
        cmocka_unit_test(test_unknown_opcodes),
        cmocka_unit_test(test_short_command_blocks),
        cmocka_unit_test(test_random_commands),
        cmocka_unit_test(test_attention_race),
    };

    return cmocka_run_group_tests_name("scsi_disk", tests, NULL, NULL);
}
