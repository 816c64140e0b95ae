/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Commands that write, change or take several requests of the device, against a device of this test's
 * own: a disk in memory that performs each step, keeps a record of it, and fails where it is told to.
 */
/* SOURCES: viostor/scsi_*.c */
#include "scsi_fixture.h"

#define SECTORS       2048u
#define SCRATCH       16384u
#define MAXIMUM_STEPS 5000u

/* ---- The device ---- */

static struct {
    UCHAR disk[SECTORS * 512];
    DISK_STEP steps[MAXIMUM_STEPS];
    unsigned count;    /* steps done */
    unsigned requests; /* with ranges */
    unsigned fail_at;  /* the step that fails; 0: none */
    UCHAR status;      /* how */
    ULONGLONG bad;     /* a sector whose reads fail; 0: none */
    UCHAR lifetime[6];
    int writeback;
    UCHAR *corrupt; /* changes after the first step, as somebody else's memory may; NULL: none */
    ULONG takes;    /* the most bytes of the data buffer that it takes at once; 0: all */
} device;

/* The last command, once it has ended. */
static struct {
    UCHAR scsi_status;
    SCSI_DISK_SENSE sense;
    ULONG transferred;
    BOOLEAN refused;  /* ScsiOutcomeInvalidRequest */
    BOOLEAN sequence; /* it went to the device */
} result;

static UCHAR perform(const SCSI_DISK *disk, const DISK_STEP *step, UCHAR *data, UCHAR *scratch)
{
    UCHAR *memory = step->Data == StepDataScratch || step->Data == StepDataRepeat ? scratch : data;
    UCHAR *sectors = device.disk + (size_t)step->Sector * 512;

    assert_true(device.count < MAXIMUM_STEPS);
    device.steps[device.count++] = *step;
    if (device.count == 1 && device.corrupt != NULL) {
        memset(device.corrupt, 0xff, 16);
    }
    if (device.count == device.fail_at) {
        return device.status;
    }
    switch (step->Operation) {
    case DiskOperationRead:
    case DiskOperationWrite:
        assert_true(step->Length != 0 && step->Length % disk->BlockSize == 0);
        assert_true(step->Data != StepDataScratch || step->Length <= disk->ScratchBytes);
        assert_true(step->Data != StepDataRepeat || step->Length <= disk->RepeatBytes);
        assert_true(step->Sector + step->Length / 512 <= SECTORS);
        if (step->Operation == DiskOperationRead && device.bad != 0 &&
            device.bad - step->Sector < step->Length / 512) {
            return 1;
        }
        for (ULONG done = 0, part; done < step->Length; done += part) {
            part = step->Length - done;
            if (step->Data == StepDataRepeat && part > disk->ScratchBytes) {
                part = disk->ScratchBytes;
            }
            memcpy(step->Operation == DiskOperationRead ? memory : sectors + done,
                   step->Operation == DiskOperationRead ? sectors + done : memory, part);
            memory += step->Data == StepDataRepeat ? 0 : part;
        }
        break;
    case DiskOperationDiscard:
    case DiskOperationZero:
    case DiskOperationZeroUnmap:
        assert_true(step->Length != 0 && step->Sector + step->Length <= SECTORS);
        assert_true(
            step->Length <=
            (step->Operation == DiskOperationDiscard ? disk->DiscardSectors : disk->ZeroesSectors));
        /* What is discarded may read as anything: here, as something. */
        memset(sectors, step->Operation == DiskOperationDiscard ? 0xdd : 0, step->Length * 512ul);
        break;
    case DiskOperationGetLifetime:
        assert_int_equal(step->Length, 6);
        memcpy(scratch, device.lifetime, 6);
        break;
    case DiskOperationSetCache:
        device.writeback = (int)step->Length;
        break;
    default:
        assert_int_equal(step->Operation, DiskOperationFlush);
    }
    return 0;
}

/* A sequence that is ranges, one request of as many as it may have after the other. TRUE: it goes on as
 * another sequence. */
static BOOLEAN execute_ranges(SCSI_DISK *disk, DISK_SEQUENCE *sequence)
{
    while (ScsiRangesMore(disk, sequence)) {
        const ULONG most = ScsiRangesOfRequest(disk, sequence);
        ULONG pieces = 0;
        UCHAR status = 0;

        assert_in_range(most, 1, DISK_REQUEST_RANGES);
        do {
            DISK_STEP step;
            UCHAR one;

            ScsiRangesNext(disk, sequence, &step);
            one = perform(disk, &step, NULL, NULL);
            status = status != 0 ? status : one;
            pieces++;
        } while (pieces < most && ScsiRangesMore(disk, sequence));
        device.requests++;
        ScsiRangesDone(disk, sequence, status, pieces);
    }
    return ScsiRangesEnd(disk, sequence);
}

/* Runs a whole command with a buffer of exactly data_length bytes, in and out. */
static void execute(SCSI_DISK *disk, const UCHAR *cdb, UCHAR cdb_length, UCHAR *data,
                    ULONG data_length)
{
    UCHAR *scratch = malloc(SCRATCH);
    SCSI_COMMAND command;
    DISK_SEQUENCE sequence;
    SCSI_OUTCOME outcome;
    DISK_STEP step;
    UCHAR status = 0;

    memset(&command, 0x5a, sizeof(command));
    memset(&sequence, 0x5a, sizeof(sequence));
    memset(&result, 0, sizeof(result));
    device.count = 0;
    device.requests = 0;
    command.Cdb = cdb;
    command.CdbLength = cdb_length;
    command.DataBuffer = data;
    command.DataLength = data_length;
    outcome = ScsiInterpretCommand(disk, &command);
    result.refused = outcome == ScsiOutcomeInvalidRequest;
    if (outcome != ScsiOutcomeStartIo) {
        result.scsi_status = command.ScsiStatus;
        result.sense = command.Sense;
        result.transferred = command.TransferredLength;
    } else if (command.Sequence == SequenceNone && device.takes == 0) {
        step = (DISK_STEP){command.Sector, command.Length, command.Operation, StepDataCommand};
        result.scsi_status = ScsiTranslateCompletion(
            (DISK_OPERATION)command.Operation, perform(disk, &step, data, scratch), &result.sense);
        result.transferred = result.scsi_status == SCSISTAT_GOOD ? command.Length : 0;
    } else {
        result.sequence = TRUE;
        assert_true(command.Length <= data_length);
        if (command.Sequence == SequenceNone) {
            ScsiSequenceBeginTransfer(&sequence, (DISK_OPERATION)command.Operation, command.Sector,
                                      command.Length);
        } else {
            ScsiSequenceBegin(&sequence, &command);
        }
        if (ScsiSequenceIsRanges(sequence.Kind) && !execute_ranges(disk, &sequence)) {
            result.scsi_status = sequence.ScsiStatus;
            result.sense = sequence.Sense;
            result.transferred = sequence.ScsiStatus == SCSISTAT_GOOD ? sequence.Transferred : 0;
            assert_true(result.transferred <= data_length);
            free(scratch);
            return;
        }
        while (ScsiSequenceNext(disk, &sequence, status,
                                ScsiSequenceNeedsScratch(sequence.Kind) ? scratch : NULL, &step)) {
            if (device.takes != 0 && step.Data == StepDataCommand && step.Length > device.takes) {
                step.Length = device.takes;
                ScsiSequenceCutStep(&sequence, device.takes);
            }
            status =
                perform(disk, &step, data == NULL ? NULL : data + sequence.Transferred, scratch);
        }
        result.scsi_status = sequence.ScsiStatus;
        result.sense = sequence.Sense;
        result.transferred = sequence.Transferred;
    }
    assert_true(result.transferred <= data_length);
    free(scratch);
}

#define EXECUTE(disk, data, data_length, ...)                                               \
    execute(disk, (const UCHAR[]){__VA_ARGS__}, sizeof((const UCHAR[]){__VA_ARGS__}), data, \
            data_length)

static void expect_good(ULONG transferred)
{
    assert_false(result.refused);
    assert_int_equal(result.scsi_status, SCSISTAT_GOOD);
    assert_int_equal(result.transferred, transferred);
}

static void expect_sense(UCHAR key, USHORT asc)
{
    assert_false(result.refused);
    assert_int_equal(result.scsi_status, SCSISTAT_CHECK_CONDITION);
    assert_int_equal(result.transferred, 0);
    assert_int_equal(result.sense.Key, key);
    assert_int_equal(result.sense.Asc, asc);
}

/* INVALID FIELD IN CDB, or (list) IN PARAMETER LIST, with the place. */
static void expect_field(bool list, USHORT byte, UCHAR bit)
{
    expect_sense(5, list ? 0x2600 : 0x2400);
    assert_true(result.sense.FieldValid);
    assert_int_equal(result.sense.FieldInList, list);
    assert_int_equal(result.sense.FieldByte, byte);
    assert_int_equal(result.sense.FieldBit, bit);
}

static void expect_step(unsigned index, UCHAR operation, ULONGLONG sector, ULONG length)
{
    assert_true(index < device.count);
    assert_int_equal(device.steps[index].Operation, operation);
    assert_true(device.steps[index].Sector == sector);
    assert_int_equal(device.steps[index].Length, length);
}

static int fresh_device(void **state)
{
    (void)state;
    memset(&device, 0, sizeof(device));
    for (unsigned i = 0; i < sizeof(device.disk); i++) {
        device.disk[i] = (UCHAR)(i / 512 + i);
    }
    device.writeback = -1;
    return 0;
}

/* A buffer of just this size, so that the address sanitizer sees a byte too many. */
static UCHAR *filled(ULONG length, UCHAR value)
{
    UCHAR *data = malloc(length == 0 ? 1 : length);

    memset(data, value, length);
    return data;
}

/* ---- FUA ---- */

static void test_fua(void **state)
{
    SCSI_DISK disk = full_disk();
    UCHAR *data = filled(1024, 0xab);

    (void)state;
    EXECUTE(&disk, data, 1024, 0x2a, 0x08, 0, 0, 0, 9, 0, 0, 2, 0);
    expect_good(1024);
    assert_int_equal(device.count, 2);
    expect_step(0, DiskOperationWrite, 9, 1024);
    assert_int_equal(device.steps[0].Data, StepDataCommand);
    expect_step(1, DiskOperationFlush, 0, 0);
    assert_memory_equal(device.disk + 9 * 512, data, 1024);
    EXECUTE(&disk, data, 1024, 0x28, 0x08, 0, 0, 0, 9, 0, 0, 2, 0);
    expect_good(1024);
    expect_step(0, DiskOperationRead, 9, 1024);
    expect_step(1, DiskOperationFlush, 0, 0);
    /* Either half fails the command, and says which. */
    device.status = 1;
    device.fail_at = 1;
    EXECUTE(&disk, data, 1024, 0x28, 0x08, 0, 0, 0, 9, 0, 0, 2, 0);
    expect_sense(0xb, 0x0006);
    assert_int_equal(device.count, 1);
    device.fail_at = 2;
    EXECUTE(&disk, data, 1024, 0x28, 0x08, 0, 0, 0, 9, 0, 0, 2, 0);
    expect_sense(0xb, 0x0006);
    free(data);
}

/* ---- Transfers that the device takes in parts ---- */

static void test_transfer_in_parts(void **state)
{
    SCSI_DISK disk = full_disk();
    UCHAR *data = filled(2560, 0xab);

    (void)state;
    device.takes = 1024;
    for (unsigned i = 0; i < 2560; i++) {
        data[i] = (UCHAR)(i / 512 * 7 + i);
    }
    EXECUTE(&disk, data, 2560, 0x2a, 0, 0, 0, 0, 9, 0, 0, 5, 0);
    expect_good(2560);
    assert_int_equal(device.count, 3);
    expect_step(0, DiskOperationWrite, 9, 1024);
    expect_step(1, DiskOperationWrite, 11, 1024);
    expect_step(2, DiskOperationWrite, 13, 512);
    assert_memory_equal(device.disk + 9 * 512, data, 2560);
    EXECUTE(&disk, data, 2560, 0x28, 0x08, 0, 0, 0, 9, 0, 0, 5, 0); /* FUA: a flush behind them */
    expect_good(2560);
    assert_int_equal(device.count, 4);
    expect_step(2, DiskOperationRead, 13, 512);
    expect_step(3, DiskOperationFlush, 0, 0);
    EXECUTE(&disk, data, 2560, 0x2e, 0, 0, 0, 0, 20, 0, 0, 5, 0); /* WRITE AND VERIFY */
    expect_good(2560);
    assert_memory_equal(device.disk + 20 * 512, data, 2560);
    expect_step(2, DiskOperationWrite, 24, 512);
    expect_step(3, DiskOperationFlush, 0, 0);
    expect_step(4, DiskOperationRead, 20, 2560);
    /* Whichever part fails, the command does, with nothing transferred; what follows is not sent. */
    device.status = 1;
    for (device.fail_at = 1; device.fail_at <= 3; device.fail_at++) {
        EXECUTE(&disk, data, 2560, 0x2a, 0, 0, 0, 0, 9, 0, 0, 5, 0);
        expect_sense(0xb, 0x0006);
        assert_int_equal(device.count, device.fail_at);
    }
    free(data);
}

/* ---- UNMAP ---- */

/* A parameter list of `count` ranges given as pairs; its length. */
static ULONG unmap_list(UCHAR *list, unsigned count, const ULONGLONG *ranges)
{
    memset(list, 0, 8 + 16 * count);
    put_be(&list[0], 2, 6 + 16 * count);
    put_be(&list[2], 2, 16 * count);
    for (unsigned i = 0; i < count; i++) {
        put_be(&list[8 + 16 * i], 8, ranges[2 * i]);
        put_be(&list[16 + 16 * i], 4, ranges[2 * i + 1]);
    }
    return 8 + 16 * count;
}

static void unmap(SCSI_DISK *disk, unsigned count, const ULONGLONG *ranges)
{
    UCHAR *list = malloc(8 + 16 * count);
    ULONG length = unmap_list(list, count, ranges);

    EXECUTE(disk, list, length, 0x42, 0, 0, 0, 0, 0, 0, (UCHAR)(length >> 8), (UCHAR)length, 0);
    free(list);
}

static void test_unmap_ranges(void **state)
{
    static const ULONGLONG ranges[] = {10, 1, 0, 0, 100, 20, 2047, 1, 2048, 0};
    SCSI_DISK disk = full_disk();

    (void)state;
    unmap(&disk, 5, ranges);
    expect_good(8 + 5 * 16);
    assert_int_equal(device.count, 3); /* empty ranges are nobody's */
    expect_step(0, DiskOperationDiscard, 10, 1);
    expect_step(1, DiskOperationDiscard, 100, 20);
    expect_step(2, DiskOperationDiscard, 2047, 1);
}

/* The device takes 256 sectors at once, in grains of 8: no piece ends inside a grain, but the last. */
static void test_unmap_pieces(void **state)
{
    static const ULONGLONG ranges[] = {3, 1000};
    SCSI_DISK_PARAMETERS parameters = full_parameters();
    SCSI_DISK disk = full_disk();
    ULONGLONG next = 3;

    (void)state;
    unmap(&disk, 1, ranges);
    expect_good(24);
    assert_int_equal(device.count, 4);
    for (unsigned i = 0; i < device.count; i++) {
        assert_true(device.steps[i].Sector == next);
        next += device.steps[i].Length;
        assert_true(i == device.count - 1 || next % 8 == 0);
    }
    assert_true(next == 1003);
    /* Blocks of 4096 bytes: the same in the device's sectors. */
    parameters.BlockSize = 4096;
    parameters.DiscardSectors = 20; /* two blocks, and not a half */
    disk = make_disk(&parameters);
    unmap(&disk, 1, (const ULONGLONG[]){1, 5});
    expect_good(24);
    assert_int_equal(device.count, 3);
    expect_step(0, DiskOperationDiscard, 8, 16);
    expect_step(1, DiskOperationDiscard, 24, 16);
    expect_step(2, DiskOperationDiscard, 40, 8);
}

static void test_unmap_refused(void **state)
{
    SCSI_DISK disk = full_disk();
    SCSI_DISK_PARAMETERS parameters = full_parameters();
    UCHAR list[8 + 16 * 3];
    ULONGLONG many[2 * 257];
    static const struct {
        ULONG device, most, requests;
    } lists[] = {{0, 64, 64},  {1, 64, 64},  {2, 128, 64}, {3, 192, 64},
                 {4, 256, 64}, {32, 256, 8}, {33, 256, 8}, {0xffffffff, 256, 8}};

    (void)state;
    /* Nothing is discarded where one range of several is wrong. */
    unmap(&disk, 2, (const ULONGLONG[]){0, 8, 2040, 9});
    expect_sense(5, 0x2100);
    assert_true(result.sense.InformationValid && result.sense.Information == 2048);
    assert_int_equal(device.count, 0);
    unmap(&disk, 1, (const ULONGLONG[]){~0ull, 0xffffffff});
    expect_sense(5, 0x2100);
    /* ANCHOR, lists that are too short for their header, or shorter than they say. */
    unmap_list(list, 3, (const ULONGLONG[]){1, 1, 2, 1, 3, 1});
    EXECUTE(&disk, list, 56, 0x42, 1, 0, 0, 0, 0, 0, 0, 56, 0);
    expect_field(false, 1, 0);
    EXECUTE(&disk, list, 56, 0x42, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    expect_good(0);
    for (UCHAR length = 1; length < 8; length++) {
        EXECUTE(&disk, list, 56, 0x42, 0, 0, 0, 0, 0, 0, 0, length, 0);
        expect_sense(5, 0x1a00);
    }
    for (UCHAR length = 8; length <= 56; length++) {
        EXECUTE(&disk, list, 56, 0x42, 0, 0, 0, 0, 0, 0, 0, length, 0);
        expect_good(length);
        assert_int_equal(device.count, (length - 8) / 16);
    }
    EXECUTE(&disk, list, 55, 0x42, 0, 0, 0, 0, 0, 0, 0, 56, 0);
    assert_true(result.refused);
    EXECUTE(&disk, NULL, 56, 0x42, 0, 0, 0, 0, 0, 0, 0, 56, 0);
    assert_true(result.refused);
    /* More ranges, or more blocks, than the Block Limits page says. */
    for (unsigned i = 0; i < 257; i++) {
        many[2 * i] = i;
        many[2 * i + 1] = 1;
    }
    for (unsigned i = 0; i < ARRAYSIZE(lists); i++) {
        parameters.DiscardRanges = lists[i].device;
        disk = make_disk(&parameters);
        unmap(&disk, lists[i].most, many);
        expect_good(8 + lists[i].most * 16);
        assert_int_equal(device.requests, lists[i].requests);
        unmap(&disk, lists[i].most + 1, many);
        expect_field(true, 2, 7);
    }
    parameters.DiscardSectors = 1; /* 64 requests of one sector */
    parameters.DiscardRanges = 1;
    parameters.DiscardAlignment = 1;
    disk = make_disk(&parameters);
    unmap(&disk, 1, (const ULONGLONG[]){0, 64});
    expect_good(24);
    assert_int_equal(device.requests, 64);
    unmap(&disk, 1, (const ULONGLONG[]){0, 65});
    expect_field(true, 8, 7);
    parameters.ReadOnly = TRUE;
    disk = make_disk(&parameters);
    unmap(&disk, 1, (const ULONGLONG[]){0, 1});
    expect_sense(7, 0x2700);
    disk = plain_disk();
    unmap(&disk, 1, (const ULONGLONG[]){0, 1});
    expect_sense(5, 0x2000);
}

/* The list lies in memory that its owner may change meanwhile: what is then wrong ends it. */
static void test_unmap_list_changes(void **state)
{
    SCSI_DISK disk = full_disk();
    UCHAR *list = malloc(40);

    (void)state;
    unmap_list(list, 2, (const ULONGLONG[]){0, 8, 16, 8});
    device.corrupt = &list[24];
    EXECUTE(&disk, list, 40, 0x42, 0, 0, 0, 0, 0, 0, 0, 40, 0);
    expect_good(40);
    assert_int_equal(device.count, 1);
    free(list);
}

/*
 * A failure ends it there. UNSUPP is the device's word for a request that it does not know: with several
 * ranges the next time has one in each; with one nothing needs to be given up, and UNMAP is offered no more.
 */
static void test_unmap_fails(void **state)
{
    SCSI_DISK_PARAMETERS parameters = full_parameters();
    SCSI_DISK disk = full_disk();

    (void)state;
    device.fail_at = 2;
    device.status = 1;
    unmap(&disk, 3, (const ULONGLONG[]){0, 8, 16, 8, 32, 8});
    expect_sense(0xb, 0x0006);
    assert_int_equal(device.count, 2);
    device.status = 77;
    unmap(&disk, 3, (const ULONGLONG[]){0, 8, 16, 8, 32, 8});
    expect_sense(0xb, 0x4400);
    device.status = 2;
    unmap(&disk, 3, (const ULONGLONG[]){0, 8, 16, 8, 32, 8});
    expect_good(56);
    assert_int_equal(device.count, 2);
    unmap(&disk, 3, (const ULONGLONG[]){0, 8, 16, 8, 32, 8});
    expect_sense(5, 0x2000);
    RUN(&disk, 8, 0x12, 1, 0xb2, 0, 8, 0);
    assert_int_equal(reply.data[5], 0x60); /* WRITE SAME as before, no UNMAP */
    parameters.DiscardRanges = 4;
    disk = make_disk(&parameters);
    unmap(&disk, 3, (const ULONGLONG[]){0, 8, 16, 8, 32, 8});
    expect_sense(0xb, 0x0006);
    assert_int_equal(device.requests, 1);
    device.fail_at = 0;
    unmap(&disk, 3, (const ULONGLONG[]){0, 8, 16, 8, 32, 8});
    expect_good(56);
    assert_int_equal(device.requests, 3);
}

/* ---- WRITE SAME ---- */

static void test_write_same_pattern(void **state)
{
    SCSI_DISK disk = full_disk();
    UCHAR *data = filled(512, 0);

    (void)state;
    for (unsigned i = 0; i < 512; i++) {
        data[i] = (UCHAR)(i * 7 + 1);
    }
    EXECUTE(&disk, data, 512, 0x41, 0, 0, 0, 0, 5, 0, 0, 70, 0);
    expect_good(512);
    /* 70 blocks through 32 blocks of memory. */
    assert_int_equal(device.count, 3);
    expect_step(0, DiskOperationWrite, 5, 16384);
    expect_step(1, DiskOperationWrite, 37, 16384);
    expect_step(2, DiskOperationWrite, 69, 3072);
    for (unsigned i = 5; i < 75; i++) {
        assert_memory_equal(device.disk + i * 512, data, 512);
    }
    assert_int_equal(device.disk[75 * 512], (UCHAR)(75 + 75 * 512));
    assert_int_equal(device.disk[5 * 512 - 1], (UCHAR)(4 + 5 * 512 - 1));
    free(data);
}

static void test_write_same_zeroes(void **state)
{
    SCSI_DISK disk = full_disk();
    SCSI_DISK_PARAMETERS parameters = full_parameters();
    UCHAR *data = filled(512, 0);

    (void)state;
    EXECUTE(&disk, data, 512, 0x93, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 4, 0, 0, 0);
    expect_good(512);
    assert_int_equal(device.count, 2); /* 1024 blocks, 512 at once */
    expect_step(0, DiskOperationZero, 3, 512);
    expect_step(1, DiskOperationZero, 515, 512);
    EXECUTE(&disk, data, 512, 0x93, 8, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 9, 0, 0);
    expect_good(512);
    expect_step(0, DiskOperationZeroUnmap, 3, 9);
    /* No data at all: NDOB. */
    EXECUTE(&disk, NULL, 0, 0x93, 0x09, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 9, 0, 0);
    expect_good(0);
    expect_step(0, DiskOperationZeroUnmap, 3, 9);
    /* Only what is zero is left to the device: UNMAP allows, it does not demand. */
    data[511] = 1;
    EXECUTE(&disk, data, 512, 0x93, 8, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 9, 0, 0);
    expect_good(512);
    expect_step(0, DiskOperationWrite, 3, 9 * 512);
    /* A device that refuses, or cannot: the driver writes them. */
    device.fail_at = 1;
    device.status = 2;
    EXECUTE(&disk, NULL, 0, 0x93, 0x09, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 4, 0, 0, 0);
    expect_good(0);
    for (unsigned i = 0; i < 1024 * 512; i++) {
        assert_int_equal(device.disk[3 * 512 + i], 0);
    }
    assert_int_equal(device.disk[2 * 512 + 511], (UCHAR)(2 + 2 * 512 + 511));
    device.fail_at = 0;
    EXECUTE(&disk, NULL, 0, 0x93, 0x01, 0, 0, 0, 0, 0, 0, 0, 20, 0, 0, 0, 2, 0, 0);
    expect_good(0);
    expect_step(0, DiskOperationWrite, 20, 1024);
    parameters.ZeroesSectors = 0;
    disk = make_disk(&parameters);
    EXECUTE(&disk, NULL, 0, 0x93, 0x01, 0, 0, 0, 0, 0, 0, 0, 20, 0, 0, 0, 2, 0, 0);
    expect_good(0);
    expect_step(0, DiskOperationWrite, 20, 1024);
    for (unsigned i = 0; i < 1024; i++) {
        assert_int_equal(device.disk[20 * 512 + i], 0);
    }
    EXECUTE(&disk, NULL, 0, 0x93, 0x09, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 9, 0, 0);
    expect_field(false, 1, 3);
    free(data);
}

static void test_write_same_refused(void **state)
{
    static const struct {
        UCHAR flags, bit;
    } wrong[] = {{0x20, 7}, {0x10, 4}, {0x02, 2}, {0x04, 2}};
    SCSI_DISK_PARAMETERS parameters = full_parameters();
    SCSI_DISK disk = full_disk();
    UCHAR *data = filled(512, 1);

    (void)state;
    for (unsigned i = 0; i < ARRAYSIZE(wrong); i++) {
        EXECUTE(&disk, data, 512, 0x41, wrong[i].flags, 0, 0, 0, 0, 0, 0, 1, 0);
        expect_field(false, 1, wrong[i].bit);
        EXECUTE(&disk, data, 512, 0x93, wrong[i].flags, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0);
        expect_field(false, 1, wrong[i].bit);
    }
    /* 0 blocks does not mean all of them (WSNZ), and more than the limit is too many. */
    EXECUTE(&disk, data, 512, 0x41, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    expect_field(false, 7, 7);
    EXECUTE(&disk, data, 512, 0x93, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    expect_field(false, 10, 7);
    parameters.CapacityInSectors = 1 << 20;
    disk = make_disk(&parameters);
    EXECUTE(&disk, data, 512, 0x93, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 1, 0, 0);
    expect_field(false, 10, 7);
    disk = full_disk();
    EXECUTE(&disk, data, 512, 0x93, 0, 0, 0, 0, 0, 0, 0, 7, 0xff, 0, 0, 0, 2, 0, 0);
    expect_sense(5, 0x2100);
    /* The data is one block, neither less nor more. */
    EXECUTE(&disk, data, 511, 0x41, 0, 0, 0, 0, 0, 0, 0, 1, 0);
    expect_sense(5, 0x2400);
    EXECUTE(&disk, data, 513, 0x41, 0, 0, 0, 0, 0, 0, 0, 1, 0);
    expect_sense(5, 0x2400);
    EXECUTE(&disk, NULL, 512, 0x41, 0, 0, 0, 0, 0, 0, 0, 1, 0);
    assert_true(result.refused);
    parameters.ReadOnly = TRUE;
    disk = make_disk(&parameters);
    EXECUTE(&disk, data, 512, 0x41, 0, 0, 0, 0, 0, 0, 0, 1, 0);
    expect_sense(7, 0x2700);
    assert_int_equal(device.count, 0);
    free(data);
}

/* ---- VERIFY, WRITE AND VERIFY ---- */

static const struct {
    UCHAR verify, write_verify, length, lba_size, count_field, count_size;
} verifies[] = {{0x2f, 0x2e, 10, 4, 7, 2}, {0xaf, 0xae, 12, 4, 6, 4}, {0x8f, 0x8e, 16, 8, 10, 4}};

static void verify_cdb(UCHAR *cdb, unsigned i, bool write, UCHAR flags, ULONGLONG lba,
                       ULONGLONG count)
{
    memset(cdb, 0, 16);
    cdb[0] = write ? verifies[i].write_verify : verifies[i].verify;
    cdb[1] = flags;
    put_be(&cdb[2], verifies[i].lba_size, lba);
    put_be(&cdb[verifies[i].count_field], verifies[i].count_size, count);
}

/* Every block of the range is read once, through the cache: BYTCHK 0 has no data. */
static void test_verify_medium(void **state)
{
    SCSI_DISK disk = full_disk();
    UCHAR cdb[16];

    (void)state;
    for (unsigned i = 0; i < ARRAYSIZE(verifies); i++) {
        verify_cdb(cdb, i, false, 0, 10, 70);
        execute(&disk, cdb, verifies[i].length, NULL, 0);
        expect_good(0);
        assert_int_equal(device.count, 4);
        expect_step(0, DiskOperationFlush, 0, 0);
        expect_step(1, DiskOperationRead, 10, 16384);
        expect_step(2, DiskOperationRead, 42, 16384);
        expect_step(3, DiskOperationRead, 74, 6 * 512);
        device.fail_at = 3;
        device.status = 2;
        execute(&disk, cdb, verifies[i].length, NULL, 0);
        expect_sense(4, 0x4400);
        device.fail_at = 0;
        verify_cdb(cdb, i, false, 0, 2047, 2);
        execute(&disk, cdb, verifies[i].length, NULL, 0);
        expect_sense(5, 0x2100);
        assert_true(result.sense.Information == 2048);
        verify_cdb(cdb, i, false, 0, ~0ull, ~0ull);
        execute(&disk, cdb, verifies[i].length, NULL, 0);
        expect_sense(5, 0x2100);
        verify_cdb(cdb, i, false, 0, 2048, 0);
        execute(&disk, cdb, verifies[i].length, NULL, 0);
        expect_good(0);
        assert_int_equal(device.count, 0);
        verify_cdb(cdb, i, false, 0x20, 0, 1);
        execute(&disk, cdb, verifies[i].length, NULL, 0);
        expect_field(false, 1, 7);
        for (UCHAR check = 4; check <= 6; check += 2) {
            verify_cdb(cdb, i, false, check, 0, 1);
            execute(&disk, cdb, verifies[i].length, NULL, 0);
            expect_field(false, 1, 2);
        }
    }
    /* Nothing to flush where nothing is cached. */
    disk.WriteCacheEnabled = FALSE;
    verify_cdb(cdb, 0, false, 0, 0, 1);
    execute(&disk, cdb, 10, NULL, 0);
    assert_int_equal(device.count, 1);
}

/* Each byte of the range is compared: any one that differs is found, in whichever piece. */
/*
 * A piece that cannot be read is read block by block. A block that cannot be read in three commands in
 * succession is a medium error, named; what can be read between them counts no longer.
 */
static void test_verify_of_a_bad_block(void **state)
{
    SCSI_DISK disk = full_disk();
    UCHAR *data = filled(70 * 512, 0);

    (void)state;
    memcpy(data, device.disk + 10 * 512, 70 * 512);
    for (unsigned compares = 0; compares <= 2; compares += 2) {
        const ULONG length = compares != 0 ? 70 * 512 : 0;

        for (unsigned attempt = 1; attempt <= 4; attempt++) {
            device.bad = 44;
            EXECUTE(&disk, data, length, 0x2f, (UCHAR)compares, 0, 0, 0, 10, 0, 0, 70, 0);
            assert_int_equal(device.count, 6);
            expect_step(2, DiskOperationRead, 42, 16384);
            expect_step(3, DiskOperationRead, 42, 512);
            expect_step(5, DiskOperationRead, 44, 512);
            if (attempt < 3) {
                expect_sense(0xb, 0x0006);
                assert_false(result.sense.InformationValid);
            } else {
                expect_sense(3, 0x1100);
                assert_true(result.sense.InformationValid);
                assert_int_equal(result.sense.Information, 44);
            }
        }
        device.bad = 0;
        EXECUTE(&disk, data, length, 0x2f, (UCHAR)compares, 0, 0, 0, 10, 0, 0, 70, 0);
        expect_good(length);
        assert_int_equal(device.count, 4);
    }
    /* One piece that fails for a moment: all of its blocks can be read. */
    device.fail_at = 2;
    device.status = 1;
    EXECUTE(&disk, data, 70 * 512, 0x2f, 2, 0, 0, 0, 10, 0, 0, 70, 0);
    expect_good(70 * 512);
    assert_int_equal(device.count, 1 + 1 + 32 + 2);
    /* Another block between two attempts: the first one begins anew. */
    device.fail_at = 0;
    for (unsigned attempt = 1; attempt <= 6; attempt++) {
        device.bad = 20 + attempt % 2;
        EXECUTE(&disk, NULL, 0, 0x2f, 0, 0, 0, 0, 20, 0, 0, 2, 0);
        expect_sense(0xb, 0x0006);
    }
    free(data);
}

static void test_verify_data(void **state)
{
    SCSI_DISK disk = full_disk();
    const ULONG length = 70 * 512;
    UCHAR *data = malloc(length);
    UCHAR cdb[16];

    (void)state;
    memcpy(data, device.disk + 3 * 512, length);
    for (unsigned i = 0; i < ARRAYSIZE(verifies); i++) {
        verify_cdb(cdb, i, false, 2, 3, 70);
        execute(&disk, cdb, verifies[i].length, data, length);
        expect_good(length);
        for (ULONG place = 0; place < length; place += 511) {
            data[place] ^= 0x10;
            data[length - 1] ^= 0x01; /* differs as well, but is not the first */
            execute(&disk, cdb, verifies[i].length, data, length);
            data[length - 1] ^= 0x01;
            expect_sense(0x0e, 0x1d00);
            assert_true(result.sense.InformationValid && result.sense.Information == place);
            data[place] ^= 0x10;
        }
        execute(&disk, cdb, verifies[i].length, data, length - 1);
        assert_true(result.refused);
        execute(&disk, cdb, verifies[i].length, NULL, length);
        assert_true(result.refused);
    }
    verify_cdb(cdb, 1, false, 2, 0, 2048 + 1);
    disk.BlockCount = 1 << 20;
    execute(&disk, cdb, 12, data, length);
    expect_sense(5, 0x2400); /* beyond the longest transfer */
    free(data);
}

static void test_write_and_verify(void **state)
{
    SCSI_DISK disk = full_disk();
    const ULONG length = 40 * 512;
    UCHAR *data = filled(length, 0x77);
    UCHAR cdb[16];

    (void)state;
    for (unsigned i = 0; i < ARRAYSIZE(verifies); i++) {
        for (UCHAR check = 0; check <= 2; check += 2) {
            memset(device.disk, 0, sizeof(device.disk));
            verify_cdb(cdb, i, true, check, 100, 40);
            execute(&disk, cdb, verifies[i].length, data, length);
            expect_good(length);
            assert_int_equal(device.count, 4);
            expect_step(0, DiskOperationWrite, 100, length);
            assert_int_equal(device.steps[0].Data, StepDataCommand);
            expect_step(1, DiskOperationFlush, 0, 0);
            expect_step(2, DiskOperationRead, 100, 16384);
            expect_step(3, DiskOperationRead, 132, 8 * 512);
            assert_memory_equal(device.disk + 100 * 512, data, length);
        }
        disk.ReadOnly = TRUE;
        execute(&disk, cdb, verifies[i].length, data, length);
        expect_sense(7, 0x2700);
        disk.ReadOnly = FALSE;
        for (unsigned step = 1; step <= 4; step++) {
            device.fail_at = step;
            device.status = 3;
            execute(&disk, cdb, verifies[i].length, data, length);
            expect_sense(0xb, 0x4400);
            assert_int_equal(device.count, step);
        }
        device.fail_at = 0;
    }
    free(data);
}

/* ---- MODE SELECT ---- */

/* A list with the current caching page, changed by `wce`; 6 or 10. */
static ULONG caching_list(UCHAR *list, bool ten, bool descriptor, UCHAR wce)
{
    ULONG at = ten ? 8 : 4;

    memset(list, 0, 64);
    if (descriptor) {
        list[ten ? 7 : 3] = 8;
        put_be(&list[at], 4, SECTORS);
        put_be(&list[at + 4], 4, 512);
        at += 8;
    }
    list[at] = 0x08;
    list[at + 1] = 18;
    list[at + 2] = wce;
    return at + 20;
}

static void mode_select(SCSI_DISK *disk, bool ten, const UCHAR *list, ULONG length)
{
    UCHAR *data = malloc(length == 0 ? 1 : length);

    memcpy(data, list, length);
    if (ten) {
        EXECUTE(disk, data, length, 0x55, 0x10, 0, 0, 0, 0, 0, 0, (UCHAR)length, 0);
    } else {
        EXECUTE(disk, data, length, 0x15, 0x10, 0, 0, (UCHAR)length, 0);
    }
    free(data);
}

static void test_mode_select_cache(void **state)
{
    UCHAR list[64];

    (void)state;
    for (int variant = 0; variant < 4; variant++) {
        SCSI_DISK disk = full_disk();
        bool ten = variant & 1, descriptor = variant & 2;
        ULONG length = caching_list(list, ten, descriptor, 0);

        device.writeback = -1;
        mode_select(&disk, ten, list, length);
        expect_good(length);
        assert_int_equal(device.count, 2);
        expect_step(0, DiskOperationSetCache, 0, 0);
        expect_step(1, DiskOperationFlush, 0, 0); /* what was cached before */
        assert_int_equal(device.writeback, 0);
        assert_false(disk.WriteCacheEnabled);
        assert_true(disk.WriteCacheChosen);
        mode_select(&disk, ten, list, length); /* no change, nothing to do */
        expect_good(length);
        assert_int_equal(device.count, 0);
        length = caching_list(list, ten, descriptor, 4);
        mode_select(&disk, ten, list, length);
        expect_good(length);
        assert_int_equal(device.count, 1);
        assert_int_equal(device.writeback, 1);
        assert_true(disk.WriteCacheEnabled);
        assert_int_equal(disk.PendingAttention, 0); /* who changes it knows it */
    }
}

/* Current, changeable and default values follow. */
static void test_mode_sense_cache(void **state)
{
    SCSI_DISK disk = full_disk();
    UCHAR list[64];

    (void)state;
    mode_select(&disk, false, list, caching_list(list, false, false, 0));
    for (int control = 0; control < 3; control++) {
        static const UCHAR wce[] = {0, 4, 4};

        RUN(&disk, 255, 0x1a, 8, (UCHAR)(control << 6 | 8), 0, 255, 0);
        assert_good(24);
        assert_int_equal(reply.data[6], wce[control]);
    }
    RUN(&disk, 255, 0x1a, 8, 0xc8, 0, 255, 0);
    assert_sense(5, 0x3900);
    disk.WriteCacheSettable = FALSE;
    RUN(&disk, 255, 0x1a, 8, 0x48, 0, 255, 0);
    assert_int_equal(reply.data[6], 0);
}

/* What MODE SENSE tells, all pages of it, MODE SELECT takes back; but not with any bit changed, apart
 * from WCE. */
static void test_mode_select_every_bit(void **state)
{
    SCSI_DISK disk = full_disk();
    UCHAR list[255];
    ULONG length;

    (void)state;
    RUN(&disk, 255, 0x1a, 0, 0x3f, 0, 255, 0);
    length = reply.command.TransferredLength;
    memcpy(list, reply.data, length);
    list[0] = list[2] = 0; /* reserved for MODE SELECT */
    mode_select(&disk, false, list, length);
    expect_good(length);
    for (ULONG bit = 12 * 8; bit < length * 8; bit++) {
        const ULONG byte = bit / 8;
        const bool first = list[byte] != 0; /* any byte may be a page's first */

        list[byte] ^= 1u << bit % 8;
        mode_select(&disk, false, list, length);
        if (result.scsi_status == SCSISTAT_GOOD) {
            /* WCE, or the reserved bit in front of a page code. */
            assert_true((device.count == 2 && device.writeback == 0) || (first && bit % 8 == 7));
            disk.WriteCacheEnabled = TRUE;
        } else {
            assert_int_equal(result.sense.Key, 5);
            assert_true(result.sense.Asc == 0x2600 || result.sense.Asc == 0x1a00);
            assert_int_equal(device.count, 0);
        }
        list[byte] ^= 1u << bit % 8;
    }
    /* Cut anywhere but between pages, it is a list of the wrong length. */
    for (ULONG cut = 1; cut < length; cut++) {
        mode_select(&disk, false, list, cut);
        assert_true(result.scsi_status == SCSISTAT_GOOD || result.sense.Asc == 0x1a00);
        assert_true(result.scsi_status != SCSISTAT_GOOD || cut == 12 || cut > 12);
    }
    mode_select(&disk, false, list, 0);
    expect_good(0);
}

static void test_mode_select_refused(void **state)
{
    SCSI_DISK disk = full_disk();
    UCHAR list[64];
    ULONG length = caching_list(list, false, false, 0);

    (void)state;
    EXECUTE(&disk, list, length, 0x15, 0x00, 0, 0, (UCHAR)length, 0);
    expect_field(false, 1, 4);
    EXECUTE(&disk, list, length, 0x15, 0x11, 0, 0, (UCHAR)length, 0);
    expect_field(false, 1, 0);
    EXECUTE(&disk, list, length - 1, 0x15, 0x10, 0, 0, (UCHAR)length, 0);
    assert_true(result.refused);
    list[1] = 1;
    mode_select(&disk, false, list, length);
    expect_field(true, 1, 7); /* medium type */
    list[1] = 0;
    list[4] = 0x09; /* a page that is not there */
    mode_select(&disk, false, list, length);
    expect_field(true, 4, 7);
    list[4] = 0x48; /* with a subpage */
    mode_select(&disk, false, list, length);
    expect_field(true, 4, 7);
    list[4] = 0x08;
    list[5] = 17;
    mode_select(&disk, false, list, length);
    expect_field(true, 5, 7);
    /* A disk that cannot be made another. */
    length = caching_list(list, true, true, 4);
    put_be(&list[8], 4, SECTORS - 1);
    mode_select(&disk, true, list, length);
    expect_field(true, 10, 7);
    put_be(&list[8], 4, 0); /* as it is */
    mode_select(&disk, true, list, length);
    expect_good(length);
    put_be(&list[12], 4, 4096);
    mode_select(&disk, true, list, length);
    expect_field(true, 14, 7);
    /* A cache that cannot be chosen. */
    disk.WriteCacheSettable = FALSE;
    length = caching_list(list, false, false, 0);
    mode_select(&disk, false, list, length);
    expect_field(true, 6, 7);
    assert_int_equal(device.writeback, -1);
}

/* ---- LOG SENSE ---- */

static void test_log_sense(void **state)
{
    SCSI_DISK disk = full_disk();
    static const struct {
        UCHAR a, b, percent;
    } wear[] = {{0, 0, 0}, {1, 0, 10}, {3, 7, 70}, {10, 2, 100}, {11, 0, 101}, {0, 0xff, 101}};
    static const UCHAR pages[] = {0, 0, 0, 2, 0, 0x11};
    UCHAR data[32];

    (void)state;
    for (unsigned i = 0; i < ARRAYSIZE(wear); i++) {
        const UCHAR expected[] = {0x11, 0, 0, 8, 0, 1, 3, 4, 0, 0, 0, wear[i].percent};

        device.lifetime[2] = wear[i].a;
        device.lifetime[4] = wear[i].b;
        for (UCHAR allocation = 0; allocation < 16; allocation++) {
            const ULONG wanted = allocation < 12 ? allocation : 12;

            memset(data, GUARD, sizeof(data));
            EXECUTE(&disk, data, 16, 0x4d, 0, 0x51, 0, 0, 0, 0, 0, allocation, 0);
            expect_good(wanted);
            assert_memory_equal(data, expected, wanted);
            assert_int_equal(data[wanted], GUARD);
        }
    }
    memset(data, 0, sizeof(data));
    EXECUTE(&disk, data, 32, 0x4d, 0, 0x40, 0, 0, 0, 0, 0, 32, 0);
    expect_good(6);
    assert_memory_equal(data, pages, 6);
    EXECUTE(&disk, data, 32, 0x4d, 0, 0x42, 0, 0, 0, 0, 0, 32, 0);
    expect_field(false, 2, 5);
    EXECUTE(&disk, data, 32, 0x4d, 0, 0x00, 0, 0, 0, 0, 0, 32, 0);
    expect_field(false, 2, 7);
    EXECUTE(&disk, data, 32, 0x4d, 0, 0x40, 1, 0, 0, 0, 0, 32, 0);
    expect_field(false, 3, 7);
    EXECUTE(&disk, data, 32, 0x4d, 1, 0x40, 0, 0, 0, 0, 0, 32, 0);
    expect_field(false, 1, 0);
    device.fail_at = 1;
    device.status = 1;
    EXECUTE(&disk, data, 32, 0x4d, 0, 0x51, 0, 0, 0, 0, 0, 32, 0);
    expect_sense(0xb, 0x0006);
    disk = plain_disk();
    EXECUTE(&disk, data, 32, 0x4d, 0, 0x40, 0, 0, 0, 0, 0, 32, 0);
    expect_sense(5, 0x2000);
}

/* ---- What is told of all this ---- */

static void test_pages_of_a_full_disk(void **state)
{
    SCSI_DISK_PARAMETERS parameters = full_parameters();
    static const UCHAR inquiry[] = {0x12, 1, 0xb0, 0, 0, 0},
                       provisioning[] = {0x12, 1, 0xb2, 0, 0, 0};
    static const UCHAR capacity[] = {0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    static const UCHAR status[] = {0x9e, 0x12, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0};
    SCSI_DISK disk;

    (void)state;
    parameters.DiscardSectors = 4096; /* 64 of them are less than the limit of 2^20 blocks */
    parameters.DiscardAlignment = 64;
    disk = make_disk(&parameters);
    {
        UCHAR page[64] = {0, 0xb0, 0, 60, 1};

        put_be(&page[8], 4, 2048);
        put_be(&page[20], 4, 64 * 4096);
        put_be(&page[24], 4, 64);
        put_be(&page[28], 4, 64);
        put_be(&page[32], 4, 0x80000000u);
        put_be(&page[36], 8, 2048);
        assert_answer(&disk, inquiry, 6, 3, 2, page, sizeof(page));
    }
    ASSERT_ANSWER(&disk, provisioning, 3, 2, 0, 0xb2, 0, 4, 0, 0xe0, 0, 0);
    {
        UCHAR answer[32] = {[6] = 7, [7] = 0xff, [10] = 2, [14] = 0x80};

        assert_answer(&disk, capacity, sizeof(capacity), 10, 4, answer, sizeof(answer));
    }
    ASSERT_ANSWER(&disk, status, 10, 4, 0, 0, 0, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 7,
                  0xfb, 0, 0, 0, 0);
    RUN(&disk, 64, 0x9e, 0x12, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 64, 0, 0);
    assert_range(2048);
    /* Of a disk that can only discard; and one that can do neither. */
    parameters.ZeroesSectors = 0;
    disk = make_disk(&parameters);
    ASSERT_ANSWER(&disk, provisioning, 3, 2, 0, 0xb2, 0, 4, 0, 0x80, 0, 0);
    disk = plain_disk();
    ASSERT_ANSWER(&disk, provisioning, 3, 2, 0, 0xb2, 0, 4, 0, 0, 0, 0);
    RUN(&disk, 64, 0x9e, 0x12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 64, 0, 0);
    assert_field(1, 4);
}

/* A device's limits may be anything. */
static void test_hostile_limits(void **state)
{
    static const ULONG values[] = {0,          1,           7,           8,          9,
                                   0x7fffffff, 0x80000000u, 0xfffffff8u, 0xffffffffu};

    (void)state;
    for (unsigned i = 0; i < ARRAYSIZE(values); i++) {
        for (unsigned j = 0; j < ARRAYSIZE(values); j++) {
            SCSI_DISK_PARAMETERS parameters = full_parameters();
            SCSI_DISK disk;

            parameters.BlockSize = 4096;
            parameters.DiscardSectors = values[i];
            parameters.DiscardAlignment = values[j];
            parameters.ZeroesSectors = values[j];
            disk = make_disk(&parameters);
            assert_int_equal(disk.DiscardSectors % 8, 0);
            assert_int_equal(disk.ZeroesSectors % 8, 0);
            assert_true(disk.DiscardAlignment >= 8 && disk.DiscardAlignment % 8 == 0);
            assert_int_equal(disk.DiscardSectors != 0, values[i] >= 8);
            assert_true((disk.UnmapBlocks != 0) == (disk.DiscardSectors != 0));
        }
    }
}

static void test_operation_codes(void **state)
{
    SCSI_DISK disk = full_disk();
    UCHAR all[2048];
    ULONG length;

    (void)state;
    memset(all, 0, sizeof(all));
    EXECUTE(&disk, all, sizeof(all), 0xa3, 0x0c, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0);
    length = result.transferred;
    assert_int_equal((ULONG)all[2] << 8 | all[3], length - 4);
    for (ULONG at = 4; at < length; at += 8) {
        const UCHAR opcode = all[at], action = all[at + 3], has_actions = all[at + 5] & 1;
        UCHAR one[64];

        /* Each of them is told alone as it is in the list, by the options that fit it only. */
        EXECUTE(&disk, one, 64, 0xa3, 0x0c, has_actions ? 2 : 1, opcode, 0, action, 0, 0, 0, 64, 0,
                0);
        expect_good(4u + all[at + 7]);
        assert_int_equal(one[1] & 7, 3);
        assert_int_equal(one[3], all[at + 7]);
        assert_int_equal(one[4], opcode);
        EXECUTE(&disk, one, 64, 0xa3, 0x0c, has_actions ? 1 : 2, opcode, 0, action, 0, 0, 0, 64, 0,
                0);
        expect_field(false, 3, 7);
        EXECUTE(&disk, one, 64, 0xa3, 0x0c, 0x83, opcode, 0, action, 0, 0, 0, 64, 0, 0);
        expect_good(4u + all[at + 7] + 12);
        assert_int_equal(one[1], 0x83);
        assert_int_equal(one[4 + all[at + 7] + 1], 10);
    }
    /* What is not offered is not supported. */
    disk = plain_disk();
    EXECUTE(&disk, all, 64, 0xa3, 0x0c, 1, 0x42, 0, 0, 0, 0, 0, 64, 0, 0);
    expect_good(4);
    assert_int_equal(all[1], 1);
    EXECUTE(&disk, all, 64, 0xa3, 0x0c, 4, 0x42, 0, 0, 0, 0, 0, 64, 0, 0);
    expect_field(false, 2, 2);
    /* Cut at every length, and not a byte more. */
    for (ULONG allocation = 0; allocation <= length + 2; allocation++) {
        RUN(&disk, 2048, 0xa3, 0x0c, 0x80, 0, 0, 0, 0, 0, (UCHAR)(allocation >> 8),
            (UCHAR)allocation, 0, 0);
        assert_int_equal(reply.outcome, ScsiOutcomeAnswered);
        assert_true(reply.command.TransferredLength <= allocation);
    }
    RUN(&disk, 100, 0xa3, 0x0c, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0);
    assert_int_equal(reply.outcome, ScsiOutcomeOverrun);
    assert_int_equal(reply.command.TransferredLength, 100);
}

/* Marks in listed[] what REPORT SUPPORTED OPERATION CODES tells of Disk: ANY_ACTION, or a bit for each
 * service action. */
#define ANY_ACTION 0xffffffffu

static void list_operation_codes(SCSI_DISK *disk, ULONG listed[256])
{
    UCHAR all[2048];

    memset(listed, 0, 256 * sizeof(listed[0]));
    EXECUTE(disk, all, sizeof(all), 0xa3, 0x0c, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0);
    assert_int_equal(result.scsi_status, SCSISTAT_GOOD);
    for (ULONG at = 4; at < result.transferred; at += 8) {
        listed[all[at]] |= (all[at + 5] & 1) != 0 ? 1u << all[at + 3] : ANY_ACTION;
    }
}

/* Each command that is listed exists, and each that is not does not, with each service action. */
static void test_operation_codes_are_those_that_work(void **state)
{
    SCSI_DISK_PARAMETERS parameters = full_parameters();
    SCSI_DISK disks[5] = {full_disk(), plain_disk()};
    ULONG listed[256];

    (void)state;
    parameters.LifetimeSupported = FALSE;
    disks[2] = make_disk(&parameters);
    parameters.ScratchBytes = 0;
    disks[3] = make_disk(&parameters);
    parameters.DiscardSectors = 0;
    disks[4] = make_disk(&parameters);
    for (unsigned d = 0; d < ARRAYSIZE(disks); d++) {
        list_operation_codes(&disks[d], listed);
        for (unsigned i = 0; i < 256 * 32; i++) {
            const UCHAR opcode = (UCHAR)(i / 32), action = i % 32;
            const UCHAR cdb[16] = {opcode, action};

            run(&disks[d], cdb, sizeof(cdb), 4096);
            if (listed[opcode] == 0) {
                assert_sense(0x05, 0x2000);
            } else if ((listed[opcode] & 1u << action) == 0) {
                assert_field(1, 4);
            } else if (reply.outcome == ScsiOutcomeAnswered &&
                       reply.command.ScsiStatus == SCSISTAT_CHECK_CONDITION) {
                /* Here a field of zeroes, or of the action's bits, may be wrong for the command. */
                assert_int_not_equal(reply.command.Sense.Asc, 0x2000);
                assert_true(listed[opcode] == ANY_ACTION || reply.command.Sense.FieldByte != 1);
            }
        }
    }
}

static void test_task_management(void **state)
{
    static const UCHAR cdb[] = {0xa3, 0x0d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    SCSI_DISK disk = full_disk();

    (void)state;
    RUN(&disk, 16, 0xa3, 0x0d, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0);
    assert_good(4);
    assert_int_equal(reply.data[0], 0x0a);
    RUN(&disk, 16, 0xa3, 0x0d, 0x80, 0, 0, 0, 0, 0, 0, 16, 0, 0);
    assert_good(16);
    assert_int_equal(reply.data[3], 12);
    for (UCHAR allocation = 0; allocation < 4; allocation++) {
        UCHAR copy[sizeof(cdb)];

        memcpy(copy, cdb, sizeof(copy));
        copy[9] = allocation;
        run(&disk, copy, sizeof(copy), 16);
        assert_field(6, 7);
    }
}

static void test_small_commands(void **state)
{
    SCSI_DISK disk = full_disk();

    (void)state;
    for (UCHAR prevent = 0; prevent < 4; prevent++) {
        RUN(&disk, 0, 0x1e, 0, 0, 0, prevent, 0);
        if (prevent < 2) {
            assert_good(0);
        } else {
            assert_field(4, 1);
        }
    }
    RUN(&disk, 0, 0x1d, 0x04, 0, 0, 0, 0);
    assert_good(0);
    RUN(&disk, 0, 0x1d, 0x24, 0, 0, 0, 0);
    assert_field(1, 7);
    RUN(&disk, 0, 0x1d, 0x10, 0, 0, 0, 0);
    assert_field(1, 4);
    RUN(&disk, 8, 0x1d, 0, 0, 0, 8, 0);
    assert_field(3, 7);
    RUN(&disk, 0, 0x34, 0, 0, 0, 7, 0xff, 0, 0, 1, 0);
    assert_good(0);
    RUN(&disk, 0, 0x34, 0, 0, 0, 7, 0xff, 0, 0, 2, 0);
    assert_range(2048);
    RUN(&disk, 0, 0x90, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 1, 0, 0);
    assert_range(2048);
}

/* Each of these a local disk without it answers so. */
static void test_not_there(void **state)
{
    static const UCHAR opcodes[] = {0x04, 0x16, 0x17, 0x56, 0x57, 0x5e,
                                    0x5f, 0x89, 0x48, 0x83, 0x7f};
    SCSI_DISK disk = full_disk();

    (void)state;
    for (unsigned i = 0; i < sizeof(opcodes); i++) {
        UCHAR cdb[16] = {opcodes[i]};

        run(&disk, cdb, sizeof(cdb), 512);
        assert_sense(5, 0x2000);
    }
}

/* ---- Anything ---- */

/*
 * Random command blocks with random lists, on disks of random limits, with a device that fails now
 * and then: whatever comes, no step leaves the disk (perform() sees to that), each command ends, and
 * a disk that is write-protected stays as it is.
 */
static void test_random_sequences(void **state)
{
    static const UCHAR opcodes[] = {0x42, 0x41, 0x93, 0x2f, 0x2e, 0x8f, 0x8e, 0xaf,
                                    0xae, 0x15, 0x55, 0x4d, 0xa3, 0x2a, 0x28, 0x9e};
    ULONGLONG seed = 0x123456789abcdefull;
    unsigned sequences = 0;

    for (int round = 0; round < 60000; round++) {
        SCSI_DISK_PARAMETERS parameters = full_parameters();
        const ULONG data_length = (ULONG)(seed >> 20 & 0x1fff);
        UCHAR *data = malloc(data_length + 1);
        UCHAR cdb[16];
        SCSI_DISK disk;
        UCHAR first;

        for (unsigned i = 0; i < sizeof(cdb); i++) {
            seed = seed * 6364136223846793005ull + 1442695040888963407ull;
            cdb[i] = (seed >> 60) == 0 ? (UCHAR)(seed >> 33) : (seed >> 60) == 1;
        }
        cdb[0] = opcodes[seed >> 50 & 15];
        cdb[cdb[0] >> 5 == 4 ? 13 : 8] |= (seed >> 30 & 3) != 0 ? 3 : 0; /* mostly a length */
        for (ULONG i = 0; i < data_length; i++) {
            seed = seed * 6364136223846793005ull + 1442695040888963407ull;
            data[i] = (seed >> 59) == 0 ? (UCHAR)(seed >> 33) : 0;
        }
        parameters.BlockSize = 512u << (seed >> 55 & 3);
        parameters.DiscardSectors = (ULONG)(seed >> 33 & 255);
        parameters.DiscardAlignment = (ULONG)(seed >> 41 & 31);
        parameters.ZeroesSectors = (ULONG)(seed >> 47 & 127);
        parameters.ReadOnly = (seed >> 36 & 3) == 0;
        parameters.FlushSupported = (seed >> 38 & 3) != 0;
        disk = make_disk(&parameters);
        device.fail_at = (unsigned)(seed >> 44 & 15);
        device.status = (UCHAR)(seed >> 48 & 3);
        device.corrupt = (seed >> 52 & 7) == 0 && data_length >= 40 ? &data[24] : NULL;
        first = device.disk[0] = (UCHAR)seed;
        execute(&disk, cdb, sizeof(cdb), data, data_length);
        sequences += result.sequence;
        if (parameters.ReadOnly) {
            assert_int_equal(device.disk[0], first);
        }
        free(data);
    }
    (void)state;
    assert_true(sequences > 3000); /* else nothing was tried that matters */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, fresh_device)
    const struct CMUnitTest tests[] = {
        TEST(test_fua),
        TEST(test_transfer_in_parts),
        TEST(test_unmap_ranges),
        TEST(test_unmap_pieces),
        TEST(test_unmap_refused),
        TEST(test_unmap_list_changes),
        TEST(test_unmap_fails),
        TEST(test_write_same_pattern),
        TEST(test_write_same_zeroes),
        TEST(test_write_same_refused),
        TEST(test_verify_medium),
        TEST(test_verify_of_a_bad_block),
        TEST(test_verify_data),
        TEST(test_write_and_verify),
        TEST(test_mode_select_cache),
        TEST(test_mode_sense_cache),
        TEST(test_mode_select_every_bit),
        TEST(test_mode_select_refused),
        TEST(test_log_sense),
        TEST(test_pages_of_a_full_disk),
        TEST(test_hostile_limits),
        TEST(test_operation_codes),
        TEST(test_operation_codes_are_those_that_work),
        TEST(test_task_management),
        TEST(test_small_commands),
        TEST(test_not_there),
        TEST(test_random_sequences),
    };

    return cmocka_run_group_tests_name("scsi_commands", tests, NULL, NULL);
}
