/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The request block as the driver gets it, with its extension and sense buffer: a
 * SCSI_REQUEST_BLOCK, unless a model has another form. Each is an allocation of its own with a fence behind, filled with garbage first, so that
 * a field that no Windows sets holds nothing to rely on. All become inaccessible the moment the
 * driver has completed the request.
 *
 * Fields and their meaning: reference page of SCSI_REQUEST_BLOCK.
 */
#include "port/internal.h"

#include <stdio.h>
#include <string.h>

#include <scsi.h>

bool srb_allocate(struct request *request, size_t bytes, const char *name)
{
    struct memory_request wanted = {
        .kind = MEMORY_SRB, .bytes = bytes, .alignment = 8, .name = name};

    request->srb = memory_alloc(&wanted);
    request->srb_bytes = bytes;
    return request->srb != NULL;
}

/* SRB extension: what the device may be told of it must be reachable by it, and in one piece. */
static bool build_extension(struct request *request)
{
    struct port *port = request->port;
    struct memory_request wanted = {
        .kind = MEMORY_SRB_EXTENSION,
        .bytes = port->srb_extension_bytes,
        .alignment = 8,
        .contiguous = true,
        .highest = port->dma64_memory ? 0 : UINT32_MAX,
        .name = "SRB extension",
    };

    if (wanted.bytes == 0) {
        return true;
    }
    request->extension = memory_alloc(&wanted);
    if (request->extension == NULL) {
        return false;
    }
    request->extension_grant =
        grant_begin(request->extension, wanted.bytes, GRANT_BOTH, "SRB extension", request->srb);
    return true;
}

/*
 * Sense buffer lengths where the caller names none: 18 bytes of SENSE_DATA, now and then more, as
 * younger class drivers give. Shorter ones or none come only to commands that callers of
 * pass-through send, never to the class driver's reads and writes, which need the answer.
 */
static uint8_t choose_sense_length(struct port *port, const struct port_io *io)
{
    static const uint8_t longer[] = {32, 64, 96, 252};
    static const uint8_t shorter[] = {0, 1, 8, 13, 14};

    if (port_random(port, 8) != 0) {
        return 18;
    }
    if (request_is_read_write(io) || port_random(port, 2) == 0) {
        return longer[port_random(port, sizeof(longer))];
    }
    return shorter[port_random(port, sizeof(shorter))];
}

static bool build_sense(struct request *request)
{
    struct port *port = request->port;
    struct memory_request wanted = {
        .kind = MEMORY_SENSE,
        .alignment = 4,
        .contiguous = true,
        .highest = port->dma64_memory ? 0 : UINT32_MAX,
        .name = "sense buffer",
    };

    request->sense = NULL;
    request->sense_length = 0;
    if (request->io->function != SRB_FUNCTION_EXECUTE_SCSI || request->io->no_sense_buffer) {
        return true;
    }
    request->sense_length = request->io->sense_capacity != 0
                                ? request->io->sense_capacity
                                : choose_sense_length(port, request->io);
    if (request->sense_length == 0) {
        return true;
    }
    wanted.bytes = request->sense_length;
    request->sense = memory_alloc(&wanted);
    if (request->sense == NULL) {
        return false;
    }
    request->sense_grant =
        grant_begin(request->sense, wanted.bytes, GRANT_BOTH, "sense buffer", request->srb);
    return true;
}

uint32_t srb_flags(const struct request *request)
{
    const struct port_io *io = request->io;
    uint32_t flags = SRB_FLAGS_NO_QUEUE_FREEZE | io->class_flags;

    if (io->last_attempt) { /* classpnp/src/retry.c, RetryTransferPacket */
        flags |= SRB_FLAGS_DISABLE_DISCONNECT | SRB_FLAGS_DISABLE_SYNCH_TRANSFER;
    } else if (io->function == SRB_FUNCTION_EXECUTE_SCSI) {
        flags |= SRB_FLAGS_QUEUE_ACTION_ENABLE;
    }
    if (io->direction == PORT_DATA_IN) {
        flags |= SRB_FLAGS_DATA_IN;
    } else if (io->direction == PORT_DATA_OUT) {
        flags |= SRB_FLAGS_DATA_OUT;
    }
    /* classpnp/src/xferpkt.c, SetupReadWriteTransferPacket */
    if (request_is_read_write(io) && !io->write_through) {
        flags |= SRB_FLAGS_ADAPTER_CACHE_ENABLE;
    }
    if (request->bypass) {
        flags |= SRB_FLAGS_BYPASS_FROZEN_QUEUE;
    }
    if (request->passes_lock) {
        flags |= SRB_FLAGS_BYPASS_LOCKED_QUEUE;
    }
    return flags;
}

bool srb_build_buffers(struct request *request)
{
    return build_extension(request) && build_sense(request) && data_build(request);
}

bool srb_build_legacy(struct request *request)
{
    const struct port_io *io = request->io;
    SCSI_REQUEST_BLOCK *srb;
    uint8_t length = io->cdb_length < sizeof(srb->Cdb) ? io->cdb_length : sizeof(srb->Cdb);
    uint8_t *cdb;

    if (!srb_allocate(request, sizeof(*srb), "SRB")) {
        return false;
    }
    request->extended = false;
    if (!srb_build_buffers(request)) {
        return false;
    }
    srb = request->srb;
    srb->Length = sizeof(*srb);
    srb->Function = io->function;
    srb->SrbStatus = SRB_STATUS_PENDING;
    srb->ScsiStatus = 0;
    srb->PathId = io->path;
    srb->TargetId = io->target;
    srb->Lun = io->lun;
    srb->QueueTag = request->queue_tag;
    srb->QueueAction = SRB_SIMPLE_TAG_REQUEST;
    srb->CdbLength = io->function == SRB_FUNCTION_EXECUTE_SCSI ? length : 0;
    srb->SenseInfoBufferLength = request->sense_length;
    srb->SrbFlags = srb_flags(request);
    srb->DataTransferLength = request->length;
    srb->TimeOutValue = request->timeout;
    srb->DataBuffer = request->data;
    srb->SenseInfoBuffer = request->sense;
    srb->NextSrb = NULL;
    srb->SrbExtension = request->extension;
    cdb = (uint8_t *)request->srb + request->port->model->cdb_offset;
    memset(cdb, 0, sizeof(srb->Cdb));
    memcpy(cdb, io->cdb, length);
    return true;
}

bool srb_build(struct request *request)
{
    request->length = request->io->direction == PORT_NO_DATA ? 0 : request->io->data_length;
    return request->port->model->build_srb(request);
}

/* ---- results --------------------------------------------------------------------------------- */

uint8_t srb_status(const struct request *request)
{
    return ((const SCSI_REQUEST_BLOCK *)request->srb)->SrbStatus; /* same place in both */
}

struct srb_results srb_legacy_results(const struct request *request)
{
    const SCSI_REQUEST_BLOCK *srb = request->srb;

    return (struct srb_results){.status = srb->SrbStatus,
                                .scsi_status = srb->ScsiStatus,
                                .sense_length = srb->SenseInfoBufferLength,
                                .transferred = srb->DataTransferLength};
}

static bool status_known(uint8_t status)
{
    switch (status) {
    case SRB_STATUS_SUCCESS ... SRB_STATUS_COMMAND_TIMEOUT:
    case SRB_STATUS_MESSAGE_REJECTED ... SRB_STATUS_REQUEST_FLUSHED:
    case SRB_STATUS_INVALID_LUN ... SRB_STATUS_LINK_DOWN:
    case SRB_STATUS_INTERNAL_ERROR:
        return true;
    default:
        return false;
    }
}

/* Whether what the driver wrote makes sense together. */
static void check_results(const struct request *request, const struct srb_results *results)
{
    uint8_t status = SRB_STATUS(results->status);
    bool sense = (results->status & SRB_STATUS_AUTOSENSE_VALID) != 0;
    bool scsi = request->io->function == SRB_FUNCTION_EXECUTE_SCSI;

    rule_checked(RULE_SRB_STATUS);
    if (status == SRB_STATUS_PENDING) {
        violation(RULE_SRB_STATUS, "a request is completed with SRB_STATUS_PENDING");
    }
    if (!status_known(status)) {
        violation(RULE_SRB_STATUS, "a request is completed with the unknown SrbStatus 0x%02x",
                  results->status);
    }
    if ((results->status & SRB_STATUS_QUEUE_FROZEN) != 0) {
        violation(RULE_SRB_STATUS, "a request is completed with SRB_STATUS_QUEUE_FROZEN, which is "
                                   "the port driver's flag");
    }
    if (results->transferred > request->length) {
        violation(RULE_SRB_STATUS, "a request for %u bytes is completed with DataTransferLength %u",
                  request->length, results->transferred);
    }
    /* Reference of HW_STARTIO, SRB_STATUS_BUSY: "should not update the Srb's DataTransferLength", as the same
     * request block is sent again. */
    if (status == SRB_STATUS_BUSY && results->transferred != request->length) {
        violation(RULE_SRB_STATUS,
                  "a request for %u bytes is answered busy with DataTransferLength %u, which is to "
                  "stay as it is",
                  request->length, results->transferred);
    }
    if (sense && (!scsi || request->sense == NULL)) {
        violation(RULE_SRB_STATUS,
                  "SRB_STATUS_AUTOSENSE_VALID in a request without a sense buffer");
    }
    if (sense && results->scsi_status != SCSISTAT_CHECK_CONDITION) {
        violation(RULE_SRB_STATUS,
                  "SRB_STATUS_AUTOSENSE_VALID with ScsiStatus 0x%02x, which is not CHECK CONDITION",
                  results->scsi_status);
    }
    if (sense && results->sense_length > request->sense_length) {
        violation(RULE_SRB_STATUS, "SenseInfoBufferLength %u is more than the %u bytes there are",
                  results->sense_length, request->sense_length);
    }
    if (scsi && status == SRB_STATUS_SUCCESS && results->scsi_status != SCSISTAT_GOOD &&
        results->scsi_status != SCSISTAT_CONDITION_MET) {
        violation(RULE_SRB_STATUS, "SRB_STATUS_SUCCESS with ScsiStatus 0x%02x",
                  results->scsi_status);
    }
    if (status == SRB_STATUS_SUCCESS && request_is_read_write(request->io) &&
        results->transferred != request->length) {
        violation(RULE_SRB_STATUS,
                  "a read or write of %u bytes is completed as successful with %u bytes; that is "
                  "SRB_STATUS_DATA_OVERRUN",
                  request->length, results->transferred);
    }
}

/* Makes an allocation of the request inaccessible and, for memory that the device could write,
 * ends the permission and watches for late writes. */
static void retire(void *address, struct grant **grant)
{
    if (address == NULL) {
        return;
    }
    if (*grant != NULL) {
        grant_end(*grant, true);
        *grant = NULL;
    }
    memory_hide(address);
}

void srb_take(struct request *request)
{
    struct port_io *io = request->io;
    struct srb_results results = request->port->model->read_results(request);

    check_results(request, &results);
    io->srb_status = SRB_STATUS(results.status);
    io->scsi_status = results.scsi_status;
    io->transferred = results.transferred;
    io->sense_length = 0;
    if ((results.status & SRB_STATUS_AUTOSENSE_VALID) != 0) {
        io->sense_length = results.sense_length;
        memcpy(io->sense, request->sense, results.sense_length);
    }
    if (io->direction == PORT_DATA_IN) {
        data_copy_out(request, results.transferred);
    }
    data_end(request);
    retire(request->sense, &request->sense_grant);
    retire(request->extension, &request->extension_grant);
    if (request->list != NULL) {
        memory_hide(request->list);
    }
    if (request->mdl != NULL) {
        memory_hide(request->mdl);
    }
    memory_hide(request->srb);
}

/* Frees an allocation that may or may not be there. */
static void give_back(void **address, struct grant **grant)
{
    if (grant != NULL && *grant != NULL) {
        grant_end(*grant, false);
        *grant = NULL;
    }
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): always the address of a field */
    if (*address != NULL) {
        memory_free(*address);
        *address = NULL;
    }
}

void srb_free(struct request *request)
{
    data_free(request);
    give_back(&request->sense, &request->sense_grant);
    give_back(&request->extension, &request->extension_grant);
    give_back((void **)&request->list, NULL);
    give_back((void **)&request->mdl, NULL);
    give_back(&request->srb, NULL);
}

void srb_describe(const struct request *request, char *text, size_t size)
{
    const struct request_summary *what = &request->summary;
    size_t used =
        (size_t)snprintf(text, size, "%p, function 0x%02x, unit %u:%u:%u, %u bytes", request->srb,
                         what->function, what->path, what->target, what->lun, request->length);

    if (what->function == SRB_FUNCTION_EXECUTE_SCSI && used < size) {
        used += (size_t)snprintf(text + used, size - used, ", CDB");
        for (unsigned i = 0; i < what->cdb_length && used + 4 < size; i++) {
            used += (size_t)snprintf(text + used, size - used, " %02x", what->cdb[i]);
        }
    }
}
