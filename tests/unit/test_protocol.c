/* SPDX-License-Identifier: BSD-3-Clause */
/* The server's protocol: what is encoded decodes to the same, and no damaged frame is taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ways/protocol.h"

/* Offsets of header fields, as protocol.c lays them out. */
enum {
    AT_MAGIC = 0,
    AT_TYPE = 4,
    AT_FLAGS = 6,
    AT_LENGTH = 16,
    AT_RESERVED = 20
};

static void put32(uint8_t *bytes, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++) {
        bytes[i] = (uint8_t)(value >> (8 * i));
    }
}

static struct protocol_request scsi_read(void)
{
    return (struct protocol_request){.type = PROTOCOL_SCSI,
                                     .tag = UINT64_C(0x1122334455667788),
                                     .direction = PROTOCOL_DATA_IN,
                                     .data_length = 4096,
                                     .timeout_ms = 1500,
                                     .cdb = {0x28, 0, 1, 2, 3, 4, 0, 0, 8, 0},
                                     .cdb_length = 10};
}

static void test_scsi_request_comes_back(void **state)
{
    struct protocol_request request = scsi_read(), decoded;
    uint8_t bytes[PROTOCOL_REQUEST_BYTES];
    struct protocol_header header;
    size_t length = protocol_encode_request(&request, bytes);

    (void)state;
    assert_null(protocol_decode_header(bytes, &header));
    assert_int_equal(header.body_length, length - PROTOCOL_HEADER_BYTES);
    assert_null(protocol_decode_request(&header, bytes + PROTOCOL_HEADER_BYTES, &decoded));
    assert_int_equal(decoded.type, PROTOCOL_SCSI);
    assert_true(decoded.tag == request.tag);
    assert_int_equal(decoded.direction, PROTOCOL_DATA_IN);
    assert_int_equal(decoded.data_length, 4096);
    assert_int_equal(decoded.timeout_ms, 1500);
    assert_int_equal(decoded.cdb_length, 10);
    assert_memory_equal(decoded.cdb, request.cdb, sizeof(request.cdb));
    assert_null(decoded.data);
}

static void test_write_carries_data_and_fua(void **state)
{
    uint8_t bytes[PROTOCOL_REQUEST_BYTES + 512];
    struct protocol_request decoded, request = {.type = PROTOCOL_WRITE,
                                                .flags = PROTOCOL_FLAG_FUA,
                                                .direction = PROTOCOL_DATA_OUT,
                                                .offset = UINT64_C(0x123456789a00),
                                                .data_length = 512};
    struct protocol_header header;
    size_t length = protocol_encode_request(&request, bytes);

    (void)state;
    memset(bytes + length, 0x5a, 512);
    assert_null(protocol_decode_header(bytes, &header));
    assert_int_equal(header.body_length, length - PROTOCOL_HEADER_BYTES + 512);
    assert_null(protocol_decode_request(&header, bytes + PROTOCOL_HEADER_BYTES, &decoded));
    assert_int_equal(decoded.flags, PROTOCOL_FLAG_FUA);
    assert_true(decoded.offset == request.offset);
    assert_ptr_equal(decoded.data, bytes + length);
}

static void test_flush_has_no_body(void **state)
{
    struct protocol_request decoded, request = {.type = PROTOCOL_FLUSH, .tag = 7};
    uint8_t bytes[PROTOCOL_REQUEST_BYTES];
    struct protocol_header header;

    (void)state;
    assert_int_equal(protocol_encode_request(&request, bytes), PROTOCOL_HEADER_BYTES);
    assert_null(protocol_decode_header(bytes, &header));
    assert_null(protocol_decode_request(&header, NULL, &decoded));
    header.body_length = 1;
    assert_non_null(protocol_decode_request(&header, bytes, &decoded));
}

static void test_trim_carries_a_range_and_no_data(void **state)
{
    struct protocol_request decoded, request = {.type = PROTOCOL_TRIM,
                                                .offset = UINT64_C(0x123456789a00),
                                                .data_length = PROTOCOL_MAXIMUM_DATA + 512};
    uint8_t bytes[PROTOCOL_REQUEST_BYTES];
    struct protocol_header header;
    size_t length = protocol_encode_request(&request, bytes);

    (void)state;
    assert_null(protocol_decode_header(bytes, &header));
    assert_int_equal(header.body_length, length - PROTOCOL_HEADER_BYTES);
    assert_null(protocol_decode_request(&header, bytes + PROTOCOL_HEADER_BYTES, &decoded));
    assert_int_equal(decoded.direction, PROTOCOL_NO_DATA);
    assert_true(decoded.offset == request.offset && decoded.data_length == request.data_length);
    assert_null(decoded.data);
}

static void test_reply_comes_back(void **state)
{
    struct protocol_reply decoded, reply = {.tag = 9,
                                            .outcome = PROTOCOL_DONE,
                                            .srb_status = 4,
                                            .scsi_status = 2,
                                            .sense_length = 18,
                                            .transferred = 100,
                                            .data_length = 100};
    uint8_t bytes[PROTOCOL_REPLY_BYTES];
    struct protocol_header header;

    (void)state;
    assert_int_equal(protocol_encode_reply(&reply, bytes), PROTOCOL_REPLY_BYTES);
    assert_null(protocol_decode_header(bytes, &header));
    assert_int_equal(header.body_length, PROTOCOL_REPLY_FIXED + 18 + 100);
    assert_null(protocol_decode_reply(&header, bytes + PROTOCOL_HEADER_BYTES, &decoded));
    assert_true(decoded.tag == 9);
    assert_int_equal(decoded.srb_status, 4);
    assert_int_equal(decoded.scsi_status, 2);
    assert_int_equal(decoded.sense_length, 18);
    assert_int_equal(decoded.transferred, 100);
    assert_int_equal(decoded.data_length, 100);
}

static void test_damaged_replies_are_refused(void **state)
{
    struct protocol_reply decoded, reply = {.sense_length = 18, .data_length = 100};
    uint8_t bytes[PROTOCOL_REPLY_BYTES], *body = bytes + PROTOCOL_HEADER_BYTES;
    struct protocol_header header;

    (void)state;
    protocol_encode_reply(&reply, bytes);
    assert_null(protocol_decode_header(bytes, &header));
    put32(body + 12, 101); /* more data than the frame has */
    assert_non_null(protocol_decode_reply(&header, body, &decoded));
    body[6] = 255; /* with this length the sum wraps around to just what the frame has */
    put32(body + 12, header.body_length - PROTOCOL_REPLY_FIXED - 255u);
    assert_non_null(protocol_decode_reply(&header, body, &decoded));
    put32(body + 12, 100);
    body[6] = 253; /* more sense than there can be */
    assert_non_null(protocol_decode_reply(&header, body, &decoded));
    body[6] = 18;
    put32(body, 3); /* unknown outcome */
    assert_non_null(protocol_decode_reply(&header, body, &decoded));
    put32(body, 0);
    assert_null(protocol_decode_reply(&header, body, &decoded));
    header.body_length = PROTOCOL_REPLY_FIXED - 1;
    assert_non_null(protocol_decode_reply(&header, body, &decoded));
}

static void test_damaged_headers_are_refused(void **state)
{
    struct protocol_request request = scsi_read();
    uint8_t good[PROTOCOL_REQUEST_BYTES], bytes[PROTOCOL_HEADER_BYTES];
    static const unsigned at[] = {AT_MAGIC, AT_TYPE, AT_TYPE, AT_LENGTH + 3, AT_RESERVED};
    static const uint8_t value[] = {'S', 0, 9, 0x7f, 1};
    struct protocol_header header;

    (void)state;
    protocol_encode_request(&request, good);
    for (unsigned i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
        memcpy(bytes, good, sizeof(bytes));
        bytes[at[i]] = value[i];
        assert_non_null(protocol_decode_header(bytes, &header));
    }
    protocol_encode_error(PROTOCOL_MAXIMUM_ERROR + 1, bytes);
    assert_null(protocol_decode_header(bytes, &header)); /* the encoder cuts */
    put32(bytes + AT_LENGTH, PROTOCOL_MAXIMUM_ERROR + 1);
    assert_non_null(protocol_decode_header(bytes, &header));
}

/* Changes one byte of a SCSI request's body and expects it to be refused. */
static void refuse_scsi(unsigned at, uint8_t value)
{
    struct protocol_request request = scsi_read(), decoded;
    uint8_t bytes[PROTOCOL_REQUEST_BYTES];
    struct protocol_header header;

    protocol_encode_request(&request, bytes);
    assert_null(protocol_decode_header(bytes, &header));
    bytes[PROTOCOL_HEADER_BYTES + at] = value;
    assert_non_null(protocol_decode_request(&header, bytes + PROTOCOL_HEADER_BYTES, &decoded));
}

static void test_damaged_scsi_requests_are_refused(void **state)
{
    (void)state;
    refuse_scsi(0, 0);    /* no command */
    refuse_scsi(0, 33);   /* command too long */
    refuse_scsi(1, 3);    /* unknown direction */
    refuse_scsi(1, 2);    /* data going out, but none in the frame */
    refuse_scsi(1, 0);    /* data length without a direction */
    refuse_scsi(7, 0x7f); /* too much data */
}

static void test_damaged_block_requests_are_refused(void **state)
{
    struct protocol_request decoded,
        request = {.type = PROTOCOL_READ, .direction = PROTOCOL_DATA_IN, .data_length = 512};
    uint8_t bytes[PROTOCOL_REQUEST_BYTES], *body = bytes + PROTOCOL_HEADER_BYTES;
    struct protocol_header header;

    (void)state;
    protocol_encode_request(&request, bytes);
    assert_null(protocol_decode_header(bytes, &header));
    assert_null(protocol_decode_request(&header, body, &decoded));
    put32(body + 8, 0);
    assert_non_null(protocol_decode_request(&header, body, &decoded));
    put32(body + 8, PROTOCOL_MAXIMUM_DATA + 1);
    assert_non_null(protocol_decode_request(&header, body, &decoded));
    put32(body + 8, 512);
    header.flags = PROTOCOL_FLAG_FUA; /* of a write only */
    assert_non_null(protocol_decode_request(&header, body, &decoded));
    header.flags = 0;
    header.body_length = 15;
    assert_non_null(protocol_decode_request(&header, body, &decoded));
    header.body_length = 16;
    header.type = PROTOCOL_WRITE; /* without its data */
    assert_non_null(protocol_decode_request(&header, body, &decoded));
    header.type = PROTOCOL_REPLY; /* a server's frame from a client */
    assert_non_null(protocol_decode_request(&header, body, &decoded));
}

static void test_hello(void **state)
{
    uint8_t hello[PROTOCOL_HEADER_BYTES + PROTOCOL_HELLO_BYTES];
    struct protocol_header header;

    (void)state;
    protocol_encode_hello(hello);
    assert_null(protocol_decode_header(hello, &header));
    assert_null(protocol_decode_hello(&header, hello + PROTOCOL_HEADER_BYTES));
    hello[PROTOCOL_HEADER_BYTES]++; /* another version */
    assert_non_null(protocol_decode_hello(&header, hello + PROTOCOL_HEADER_BYTES));
    header.type = PROTOCOL_FLUSH;
    assert_non_null(protocol_decode_hello(&header, hello + PROTOCOL_HEADER_BYTES));
}

static void test_disk(void **state)
{
    struct protocol_disk decoded, disk = {.block_bytes = 4096,
                                          .blocks = UINT64_C(1) << 33,
                                          .maximum_transfer = 65536,
                                          .preferred_bytes = 8192,
                                          .capabilities = PROTOCOL_DISK_READ_ONLY};
    uint8_t bytes[PROTOCOL_HEADER_BYTES + PROTOCOL_DISK_BYTES];
    uint8_t *body = bytes + PROTOCOL_HEADER_BYTES;
    struct protocol_header header;

    (void)state;
    protocol_encode_disk(&disk, bytes);
    assert_null(protocol_decode_header(bytes, &header));
    assert_null(protocol_decode_disk(&header, body, &decoded));
    assert_int_equal(decoded.block_bytes, 4096);
    assert_true(decoded.blocks == disk.blocks);
    assert_int_equal(decoded.maximum_transfer, 65536);
    assert_int_equal(decoded.preferred_bytes, 8192);
    assert_int_equal(decoded.capabilities, PROTOCOL_DISK_READ_ONLY);
    put32(body + 4, 0); /* blocks of no bytes: nobody may divide by it */
    assert_non_null(protocol_decode_disk(&header, body, &decoded));
    put32(body + 4, 1000);
    assert_non_null(protocol_decode_disk(&header, body, &decoded));
    put32(body + 4, 512);
    put32(body + 12, UINT32_MAX); /* more bytes than an offset can tell */
    assert_non_null(protocol_decode_disk(&header, body, &decoded));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scsi_request_comes_back),
        cmocka_unit_test(test_write_carries_data_and_fua),
        cmocka_unit_test(test_flush_has_no_body),
        cmocka_unit_test(test_reply_comes_back),
        cmocka_unit_test(test_damaged_replies_are_refused),
        cmocka_unit_test(test_trim_carries_a_range_and_no_data),
        cmocka_unit_test(test_damaged_headers_are_refused),
        cmocka_unit_test(test_damaged_scsi_requests_are_refused),
        cmocka_unit_test(test_damaged_block_requests_are_refused),
        cmocka_unit_test(test_hello),
        cmocka_unit_test(test_disk),
    };

    return cmocka_run_group_tests_name("protocol", tests, NULL, NULL);
}
