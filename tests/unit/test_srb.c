/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SRBs become requests: an ordinary READ or WRITE goes a short way, everything else a long one. Both
 * must mean the same, for request blocks of both kinds.
 *
 * SOURCES: viostor/virtio_store_srb.c viostor/virtio_store_control.c viostor/scsi_*.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "virtio_store_short_way.h"

#include "adapter.h"
#include "port.h"
#include "request.h"
#include "virtio_store_hw_helper.h"

#define BLOCKS        100000u
#define MAXIMUM_BYTES 65536u
#define ROUNDS        200000u

/* ---- What the source under test calls ---- */

static STOR_SCATTER_GATHER_LIST segments;

PSTOR_SCATTER_GATHER_LIST NTAPI StorPortGetScatterGatherList(PVOID extension,
                                                             PSCSI_REQUEST_BLOCK srb)
{
    (void)extension;
    (void)srb;
    return &segments;
}

ULONG NTAPIV StorPortExtendedFunction(STORPORT_FUNCTION_CODE code, PVOID extension, ...)
{
    (void)code;
    (void)extension;
    return STOR_STATUS_NOT_IMPLEMENTED;
}

VOID NTAPIV StorPortNotification(SCSI_NOTIFICATION_TYPE type, PVOID extension, ...)
{
    (void)type;
    (void)extension;
}

VOID SrbSetCommandResult(PVOID srb, UCHAR scsi_status, const SCSI_DISK_SENSE *sense,
                         ULONG transferred)
{
    (void)sense;
    SrbSetDataTransferLength(srb, transferred);
    SrbSetScsiStatus(srb, scsi_status);
    SrbSetSrbStatus(srb, scsi_status == SCSISTAT_GOOD ? SRB_STATUS_SUCCESS : SRB_STATUS_ERROR);
}

VOID SrbSetPortResult(PVOID srb, UCHAR status)
{
    SrbSetDataTransferLength(srb, 0);
    SrbSetScsiStatus(srb, SCSISTAT_GOOD);
    SrbSetSrbStatus(srb, status);
}

UCHAR PortAnswerSrb(PADAPTER_EXTENSION adapter, PVOID srb, ULONG function)
{
    (void)adapter;
    (void)srb;
    (void)function;
    return SRB_STATUS_INVALID_REQUEST;
}

VOID PortUnitSeen(PADAPTER_EXTENSION adapter)
{
    (void)adapter;
}

VOID AdapterResetForSrb(PADAPTER_EXTENSION adapter, PSRB_EXTENSION request)
{
    (void)adapter;
    (void)request;
}

BOOLEAN FlushSubmit(PADAPTER_EXTENSION adapter, PSRB_EXTENSION request)
{
    (void)adapter;
    (void)request;
    return TRUE;
}

BOOLEAN QueueSubmitRequest(PVIO_QUEUE queue, PSRB_EXTENSION request)
{
    (void)queue;
    (void)request;
    return TRUE;
}

BOOLEAN QueueSubmitSelected(PADAPTER_EXTENSION adapter, PVOID srb, PSRB_EXTENSION request)
{
    (void)adapter;
    (void)srb;
    (void)request;
    return TRUE;
}

BOOLEAN QueueNotify(PVIO_QUEUE queue)
{
    (void)queue;
    return TRUE;
}

ULONG DebugPrintLevel;
VOID DebugPrintLine(const char *format, ...)
{
    (void)format;
}

/* ---- Request blocks ---- */

static uint64_t random_state = 1;

static uint32_t random_below(uint32_t limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)((random_state >> 16) % limit);
}

/* What a request block of either kind is made from. */
struct wish {
    UCHAR cdb[16];
    UCHAR cdb_length;
    ULONG data_length;
    UCHAR path, target, lun;
};

/* Memory of one request block, its extra data behind it. */
struct block {
    _Alignas(16) UCHAR bytes[512];
    SRB_EXTENSION extension;
};

enum kind {
    KIND_LEGACY,
    KIND_EXTENDED,
    KIND_LONG, /* extended, with other extra data ahead of the command: not for the short way */
    KINDS
};

static UCHAR data[MAXIMUM_BYTES * 2];

static PVOID make_legacy(struct block *block, const struct wish *wish)
{
    PSCSI_REQUEST_BLOCK srb = (PSCSI_REQUEST_BLOCK)block->bytes;

    srb->Length = sizeof(*srb);
    srb->Function = SRB_FUNCTION_EXECUTE_SCSI;
    srb->PathId = wish->path;
    srb->TargetId = wish->target;
    srb->Lun = wish->lun;
    srb->CdbLength = wish->cdb_length;
    srb->DataTransferLength = wish->data_length;
    srb->DataBuffer = data;
    srb->SrbExtension = &block->extension;
    memcpy(srb->Cdb, wish->cdb, sizeof(wish->cdb));
    return srb;
}

static PVOID make_extended(struct block *block, const struct wish *wish, bool other_first)
{
    PSTORAGE_REQUEST_BLOCK srb = (PSTORAGE_REQUEST_BLOCK)block->bytes;
    PSRBEX_DATA_SCSI_CDB16 command;
    PSTOR_ADDR_BTL8 address;
    ULONG offset = (sizeof(*srb) + 2 * sizeof(ULONG) + 15) & ~15u;

    srb->Length = FIELD_OFFSET(STORAGE_REQUEST_BLOCK, Signature);
    srb->Function = SRB_FUNCTION_STORAGE_REQUEST_BLOCK;
    srb->Signature = SRB_SIGNATURE;
    srb->Version = STORAGE_REQUEST_BLOCK_VERSION_1;
    srb->SrbLength = 256;
    srb->SrbFunction = SRB_FUNCTION_EXECUTE_SCSI;
    srb->DataTransferLength = wish->data_length;
    srb->DataBuffer = data;
    srb->MiniportContext = &block->extension;
    srb->AddressOffset = offset;
    address = (PSTOR_ADDR_BTL8)(block->bytes + offset);
    address->Type = STOR_ADDRESS_TYPE_BTL8;
    address->AddressLength = STOR_ADDR_BTL8_ADDRESS_LENGTH;
    address->Path = wish->path;
    address->Target = wish->target;
    address->Lun = wish->lun;
    offset += 16;
    srb->NumSrbExData = other_first ? 2 : 1;
    if (other_first) {
        SRBEX_DATA *other = (SRBEX_DATA *)(block->bytes + offset);

        srb->SrbExDataOffset[0] = offset;
        other->Type = SrbExDataTypeIoInfo;
        other->Length = SRBEX_DATA_IO_INFO_LENGTH;
        offset += 32;
    }
    srb->SrbExDataOffset[other_first ? 1 : 0] = offset;
    command = (PSRBEX_DATA_SCSI_CDB16)(block->bytes + offset);
    command->Type = SrbExDataTypeScsiCdb16;
    command->Length = SRBEX_DATA_SCSI_CDB16_LENGTH;
    command->CdbLength = wish->cdb_length;
    memcpy(command->Cdb, wish->cdb, sizeof(wish->cdb));
    return srb;
}

static PVOID make(struct block *block, const struct wish *wish, enum kind kind)
{
    memset(block, 0, sizeof(*block));
    memset(&block->extension, 0xa5, sizeof(block->extension));
    PVOID srb = kind == KIND_LEGACY ? make_legacy(block, wish)
                                    : make_extended(block, wish, kind == KIND_LONG);

    SrbSetScsiStatus(srb, 0x5a);
    return srb;
}

static const ULONG interesting_counts[] = {0, 1, 2, 8, 127, 128, 129, 255, 256, 65535};

static void put_big(UCHAR *bytes, uint64_t value, unsigned count)
{
    while (count-- > 0) {
        bytes[count] = (UCHAR)value;
        value >>= 8;
    }
}

/* Mostly reads and writes that are nearly right. */
static void make_wish(struct wish *wish)
{
    static const UCHAR opcodes[] = {SCSIOP_READ,    SCSIOP_WRITE,  SCSIOP_READ16,
                                    SCSIOP_WRITE16, SCSIOP_READ12, SCSIOP_VERIFY};
    const ULONG count = interesting_counts[random_below(ARRAYSIZE(interesting_counts))];
    uint64_t first = random_below(4) ? random_below(BLOCKS + 300) : BLOCKS - count;

    memset(wish, 0, sizeof(*wish));
    wish->cdb[0] = opcodes[random_below(ARRAYSIZE(opcodes))];
    if (wish->cdb[0] == SCSIOP_READ16 || wish->cdb[0] == SCSIOP_WRITE16) {
        first = random_below(8) ? first : UINT64_MAX - random_below(3);
        put_big(&wish->cdb[2], first, 8);
        put_big(&wish->cdb[10], random_below(16) ? count : 0x800001, 4);
        wish->cdb_length = 16;
    } else {
        put_big(&wish->cdb[2], first, 4);
        put_big(&wish->cdb[7], count, 2);
        wish->cdb_length = 10;
    }
    wish->data_length = count * 512;
    if (random_below(8) == 0) {
        wish->data_length += random_below(2) ? 512 : 1;
    }
    if (random_below(8) == 0) {
        wish->cdb[1] = (UCHAR)(1u << random_below(8));
    }
    if (random_below(16) == 0) {
        wish->cdb[wish->cdb_length - 1] = (UCHAR)(1u << random_below(8));
    }
    if (random_below(16) == 0) {
        wish->cdb_length = (UCHAR)(6 + random_below(11));
    }
    if (random_below(32) == 0) {
        wish->lun = 1;
    }
    if (random_below(32) == 0) {
        wish->target = 1;
    }
}

/* ---- What comes of them ---- */

struct outcome {
    BOOLEAN started;
    UCHAR operation;
    UCHAR special;
    ULONGLONG sector;
    ULONG length;
    UCHAR srb_status, scsi_status;
    ULONG transferred;
};

static void run(PADAPTER_EXTENSION adapter, const struct wish *wish, enum kind kind,
                struct outcome *outcome)
{
    static struct block block;
    PVOID srb = make(&block, wish, kind);
    const SRB_EXTENSION *request = &block.extension;

    memset(outcome, 0, sizeof(*outcome));
    outcome->started = SrbBuild(adapter, srb);
    if (!outcome->started) {
        outcome->srb_status = SrbGetSrbStatus(srb);
        outcome->scsi_status = SrbGetScsiStatus(srb);
        outcome->transferred = SrbGetDataTransferLength(srb);
        return;
    }
    assert_ptr_equal(request->Srb, srb);
    /* The short way has written the results of success already; the long way does at the end. */
    outcome->special = request->Special & ~RequestSpecialReport;
    if (request->Kind == RequestKindSequence) {
        assert_int_equal(request->Sequence.Kind, SequenceFlushAfter);
        outcome->operation = request->Sequence.Transfer;
        outcome->sector = request->Sequence.Sector;
        outcome->length = request->Sequence.Length;
        return;
    }
    assert_int_equal(request->Kind, RequestKindDevice);
    outcome->operation = request->Operation;
    outcome->sector = request->Sector;
    outcome->length = request->Length;
    if (request->Unusual == 0) {
        assert_int_equal(SrbGetScsiStatus(srb), SCSISTAT_GOOD);
        assert_int_equal(SrbGetDataTransferLength(srb), request->Length);
    }
}

static void open_disk(PADAPTER_EXTENSION adapter, bool read_only, uint32_t block_size)
{
    SCSI_DISK_PARAMETERS parameters = {
        .CapacityInSectors = (ULONGLONG)BLOCKS * (block_size / 512),
        .BlockSize = block_size,
        .MaximumTransferLength = MAXIMUM_BYTES,
        .ReadOnly = (BOOLEAN)read_only,
        .FlushSupported = TRUE,
        .WriteCacheEnabled = TRUE,
    };

    memset(adapter, 0, sizeof(*adapter));
    adapter->State = AdapterRunning;
    adapter->QueueCount = 1;
    assert_int_equal(ScsiDiskInitialize(&adapter->Disk, &parameters), ScsiDiskOk);
}

static void compare_ways(bool read_only, bool attention)
{
    static ADAPTER_EXTENSION adapter;
    unsigned started = 0;

    open_disk(&adapter, read_only, 512);
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct outcome outcome[KINDS];
        struct wish wish;

        make_wish(&wish);
        for (enum kind kind = 0; kind < KINDS; kind++) {
            if (attention) {
                ScsiDiskRaiseUnitAttention(&adapter.Disk, ScsiAttentionDeviceReset);
            }
            run(&adapter, &wish, kind, &outcome[kind]);
        }
        assert_memory_equal(&outcome[KIND_LONG], &outcome[KIND_EXTENDED], sizeof(outcome[0]));
        assert_memory_equal(&outcome[KIND_LONG], &outcome[KIND_LEGACY], sizeof(outcome[0]));
        started += outcome[0].started;
    }
    /* Else nothing was compared that matters. */
    assert_true(attention ? started == 0 : started > ROUNDS / 20);
}

static void test_both_ways_agree(void **state)
{
    (void)state;
    compare_ways(false, false);
}

static void test_both_ways_agree_read_only(void **state)
{
    (void)state;
    compare_ways(true, false);
}

static void test_both_ways_agree_on_attentions(void **state)
{
    (void)state;
    compare_ways(false, true);
}

/* The short way is taken at all, and counts in the block size. */
static void test_short_way_is_taken(void **state)
{
    static ADAPTER_EXTENSION adapter;
    static struct block block;
    struct wish wish = {
        .cdb = {SCSIOP_WRITE, 0, 0, 0, 0, 5, 0, 0, 2}, .cdb_length = 10, .data_length = 8192};

    (void)state;
    open_disk(&adapter, false, 4096);
    for (enum kind kind = KIND_LEGACY; kind <= KIND_EXTENDED; kind++) {
        assert_true(SrbBuild(&adapter, make(&block, &wish, kind)));
        assert_int_equal(block.extension.Unusual, 0);
        assert_int_equal(block.extension.Sector, 40);
        assert_int_equal(block.extension.Length, 8192);
        assert_int_equal(block.extension.Operation, DiskOperationWrite);
        assert_ptr_equal(block.extension.Segments, &segments);
    }
}

/* Offsets and lengths of a block that leads out of itself are not followed. */
static void test_wild_offsets(void **state)
{
    static const ULONG offsets[] = {0x7fffffff, 0xffffffff, 0xfffffff0, 240, 250, 256};
    static ADAPTER_EXTENSION adapter;
    static struct block block;
    struct wish wish = {
        .cdb = {SCSIOP_READ, 0, 0, 0, 0, 0, 0, 0, 1}, .cdb_length = 10, .data_length = 512};

    (void)state;
    open_disk(&adapter, false, 512);
    for (unsigned i = 0; i < ARRAYSIZE(offsets); i++) {
        PSTORAGE_REQUEST_BLOCK srb = make(&block, &wish, KIND_EXTENDED);

        srb->SrbExDataOffset[0] = offsets[i];
        assert_false(SrbBuild(&adapter, srb));
        srb = make(&block, &wish, KIND_EXTENDED);
        srb->NumSrbExData = 0;
        assert_false(SrbBuild(&adapter, srb));
        srb = make(&block, &wish, KIND_EXTENDED);
        srb->AddressOffset = offsets[i];
        (void)SrbBuild(&adapter, srb);
        srb = make(&block, &wish, KIND_EXTENDED);
        srb->SrbLength = i * 8;
        assert_false(SrbBuild(&adapter, srb));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_ways_agree),
        cmocka_unit_test(test_both_ways_agree_read_only),
        cmocka_unit_test(test_both_ways_agree_on_attentions),
        cmocka_unit_test(test_short_way_is_taken),
        cmocka_unit_test(test_wild_offsets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
