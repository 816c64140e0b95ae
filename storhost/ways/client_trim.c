/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Giving blocks up, which storhost's disk class does as Windows' does; and zeroing them by WRITE SAME
 * (SBC-3), which Windows' published disk class never sends, within what the disk says in its VPD pages B0h
 * and B2h. See client.h.
 */
#include "ways/client.h"

#include <errno.h>
#include <string.h>

enum {
    INQUIRY = 0x12,
    WRITE_SAME_16 = 0x93,
    SENSE_UNIT_ATTENTION = 6,
    VPD_BLOCK_LIMITS = 0xb0,
    VPD_PROVISIONING = 0xb2,
};

#define VPD_BYTES     64u
#define ATTEMPTS      20 /* of a command that a unit attention stops */
#define LARGEST_BLOCK 65536u

static void put_big(uint8_t *bytes, unsigned size, uint64_t value)
{
    while (size-- > 0) {
        bytes[size] = (uint8_t)value;
        value >>= 8;
    }
}

static uint64_t get_big(const uint8_t *bytes, unsigned size)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < size; i++) {
        value = value << 8 | bytes[i];
    }
    return value;
}

/* Sends a command, again as long as a unit attention is told. Returns as client_read does. */
static int command(struct client *client, struct protocol_request *request, void *data_in,
                   uint32_t *transferred)
{
    struct protocol_reply reply;
    int error;

    request->type = PROTOCOL_SCSI;
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        error = client_execute(client, request, data_in, &reply);
        if (error != 0) {
            return error;
        }
        if (client_sense_key(&reply) != SENSE_UNIT_ATTENTION) {
            break;
        }
    }
    *transferred = reply.transferred;
    return client_reply_error(&reply);
}

/* Reads a VPD page; false if there is none, or less of it than this needs. */
static bool read_page(struct client *client, uint8_t page, uint8_t bytes[VPD_BYTES],
                      uint32_t needed)
{
    struct protocol_request request = {.direction = PROTOCOL_DATA_IN,
                                       .data_length = VPD_BYTES,
                                       .cdb = {INQUIRY, 1, page, 0, VPD_BYTES},
                                       .cdb_length = 6};
    uint32_t transferred = 0;

    memset(bytes, 0, VPD_BYTES);
    return command(client, &request, bytes, &transferred) == 0 && transferred >= needed &&
           bytes[1] == page;
}

void client_get_provisioning(struct client *client, struct client_provisioning *provisioning)
{
    uint8_t limits[VPD_BYTES], page[VPD_BYTES];

    memset(provisioning, 0, sizeof(*provisioning));
    if (!read_page(client, VPD_BLOCK_LIMITS, limits, VPD_BYTES) ||
        !read_page(client, VPD_PROVISIONING, page, 8)) {
        return;
    }
    provisioning->zero_blocks = (uint32_t)get_big(&limits[36], 8);
    provisioning->zero_unmaps = (page[5] & 0x40) != 0;
}

int client_trim(struct client *client, uint64_t offset, uint32_t length)
{
    struct protocol_request request = {
        .type = PROTOCOL_TRIM, .offset = offset, .data_length = length};
    struct protocol_reply reply;
    int error;

    if ((client_disk(client)->capabilities & PROTOCOL_DISK_TRIM) == 0) {
        return EOPNOTSUPP;
    }
    error = client_execute(client, &request, NULL, &reply);
    return error != 0 ? error : client_reply_error(&reply);
}

int client_zero(struct client *client, const struct client_provisioning *provisioning,
                uint64_t offset, uint64_t length, bool may_unmap)
{
    static const uint8_t zeroes[LARGEST_BLOCK];
    const uint32_t block_bytes = client_disk(client)->block_bytes;
    uint64_t lba = offset / block_bytes, left = length / block_bytes;
    int error = provisioning->zero_blocks == 0 || block_bytes > sizeof(zeroes) ? EOPNOTSUPP : 0;

    while (left > 0 && error == 0) {
        uint32_t transferred,
            blocks = left < provisioning->zero_blocks ? (uint32_t)left : provisioning->zero_blocks;
        struct protocol_request request = {.direction = PROTOCOL_DATA_OUT,
                                           .data_length = block_bytes,
                                           .data = zeroes,
                                           .cdb = {WRITE_SAME_16},
                                           .cdb_length = 16};

        request.cdb[1] = may_unmap && provisioning->zero_unmaps ? 0x08 : 0;
        put_big(&request.cdb[2], 8, lba);
        put_big(&request.cdb[10], 4, blocks);
        error = command(client, &request, NULL, &transferred);
        lba += blocks;
        left -= blocks;
    }
    return error;
}
