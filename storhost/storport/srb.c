/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The request block as the driver gets it, legacy or extended, with its extension and sense
 * buffer. Each is an allocation of its own with a fence behind, filled with garbage first, so that
 * a field that no Windows sets holds nothing to rely on. All become inaccessible the moment the
 * driver has completed the request.
 *
 * Fields and their meaning: reference pages of SCSI_REQUEST_BLOCK, STORAGE_REQUEST_BLOCK and the
 * SRBEX_DATA structures.
 */
#include "storport/internal.h"

#include <stdio.h>
#include <string.h>

#define ALIGN_UP(value, unit) (((value) + (unit)-1) & ~((size_t)(unit)-1))

static void *srb_memory(enum memory_kind kind, size_t bytes, const char *name)
{
    struct memory_request request = {.kind = kind, .bytes = bytes, .alignment = 8, .name = name};

    return memory_alloc(&request);
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
        .highest = port->dma64 ? 0 : UINT32_MAX,
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
        .highest = port->dma64 ? 0 : UINT32_MAX,
        .name = "sense buffer",
    };

    request->sense = NULL;
    request->sense_length = 0;
    if (request->io->function != SRB_FUNCTION_EXECUTE_SCSI) {
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

static uint32_t srb_flags(const struct request *request)
{
    const struct port_io *io = request->io;
    uint32_t flags = SRB_FLAGS_NO_QUEUE_FREEZE;

    if (io->function == SRB_FUNCTION_EXECUTE_SCSI) {
        flags |= SRB_FLAGS_QUEUE_ACTION_ENABLE;
    }
    if (io->direction == PORT_DATA_IN) {
        flags |= SRB_FLAGS_DATA_IN;
    } else if (io->direction == PORT_DATA_OUT) {
        flags |= SRB_FLAGS_DATA_OUT;
    }
    if (request_is_read_write(io)) {
        flags |= SRB_FLAGS_ADAPTER_CACHE_ENABLE;
    }
    if (request->bypass) {
        flags |= SRB_FLAGS_BYPASS_FROZEN_QUEUE;
    }
    return flags;
}

/* Power and PnP requests read the block's fields otherwise. */
static void fill_legacy_variant(struct request *request, SCSI_REQUEST_BLOCK *srb)
{
    const struct port_io *io = request->io;
    SCSI_PNP_REQUEST_BLOCK *pnp = (SCSI_PNP_REQUEST_BLOCK *)srb;
    SCSI_POWER_REQUEST_BLOCK *power = (SCSI_POWER_REQUEST_BLOCK *)srb;

    if (io->function == SRB_FUNCTION_PNP) {
        pnp->PnPSubFunction = 0;
        pnp->PnPAction = (STOR_PNP_ACTION)io->pnp_action;
        pnp->SrbPnPFlags =
            request->unit == &request->port->adapter_unit ? SRB_PNP_FLAGS_ADAPTER_REQUEST : 0;
    } else if (io->function == SRB_FUNCTION_POWER) {
        power->SrbPowerFlags =
            request->unit == &request->port->adapter_unit ? SRB_POWER_FLAGS_ADAPTER_REQUEST : 0;
        power->DevicePowerState = (STOR_DEVICE_POWER_STATE)io->power_state;
        power->PowerAction =
            io->power_state == StorPowerDeviceD0 ? StorPowerActionNone : StorPowerActionSleep;
    }
}

static bool build_legacy(struct request *request)
{
    const struct port_io *io = request->io;
    SCSI_REQUEST_BLOCK *srb = srb_memory(MEMORY_SRB, sizeof(*srb), "SRB");
    uint8_t length = io->cdb_length < sizeof(srb->Cdb) ? io->cdb_length : sizeof(srb->Cdb);

    if (srb == NULL) {
        return false;
    }
    request->srb = srb;
    request->srb_bytes = sizeof(*srb);
    request->extended = false;
    if (!build_extension(request) || !build_sense(request) || !data_build(request)) {
        return false;
    }
    srb->Length = sizeof(*srb);
    srb->Function = io->function;
    srb->SrbStatus = SRB_STATUS_PENDING;
    srb->ScsiStatus = 0;
    srb->PathId = io->path;
    srb->TargetId = io->target;
    srb->Lun = io->lun;
    srb->QueueTag = SP_UNTAGGED;
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
    memset(srb->Cdb, 0, sizeof(srb->Cdb));
    memcpy(srb->Cdb, io->cdb, length);
    fill_legacy_variant(request, srb);
    return true;
}

/* Where the parts of an extended request lie. */
struct srb_layout {
    size_t address, data, io_info, bytes;
    uint32_t parts;
    SRBEXDATATYPE type;
};

static struct srb_layout choose_layout(const struct request *request)
{
    const struct port *port = request->port;
    const struct port_io *io = request->io;
    struct srb_layout layout = {.type = SrbExDataTypeUnknown};
    size_t data_bytes = 0;

    if (io->function == SRB_FUNCTION_EXECUTE_SCSI) {
        layout.type = io->cdb_length > 16 ? SrbExDataTypeScsiCdb32 : SrbExDataTypeScsiCdb16;
        data_bytes =
            io->cdb_length > 16 ? sizeof(SRBEX_DATA_SCSI_CDB32) : sizeof(SRBEX_DATA_SCSI_CDB16);
    } else if (io->function == SRB_FUNCTION_PNP) {
        layout.type = SrbExDataTypePnP;
        data_bytes = sizeof(SRBEX_DATA_PNP);
    } else if (io->function == SRB_FUNCTION_POWER) {
        layout.type = SrbExDataTypePower;
        data_bytes = sizeof(SRBEX_DATA_POWER);
    } else if (io->function == SRB_FUNCTION_WMI) {
        layout.type = SrbExDataTypeWmi;
        data_bytes = sizeof(SRBEX_DATA_WMI);
    }
    layout.parts = data_bytes != 0;
    if (request_is_read_write(io) &&
        (port->init.FeatureSupport & STOR_FEATURE_EXTRA_IO_INFORMATION) != 0) {
        layout.parts = 2;
    }
    layout.address = ALIGN_UP(offsetof(STORAGE_REQUEST_BLOCK, SrbExDataOffset) +
                                  (layout.parts > 1 ? layout.parts : 1) * sizeof(ULONG),
                              sizeof(void *));
    layout.data = layout.address + sizeof(STOR_ADDR_BTL8);
    layout.io_info = ALIGN_UP(layout.data + data_bytes, sizeof(void *));
    layout.bytes = layout.io_info + (layout.parts > 1 ? sizeof(SRBEX_DATA_IO_INFO) : 0);
    return layout;
}

static void fill_cdb(struct request *request, void *data, SRBEXDATATYPE type)
{
    const struct port_io *io = request->io;
    SRBEX_DATA_SCSI_CDB32 *cdb = data; /* Cdb16 is its beginning */
    size_t room = type == SrbExDataTypeScsiCdb32 ? 32 : 16;

    cdb->Type = type;
    cdb->Length = type == SrbExDataTypeScsiCdb32 ? SRBEX_DATA_SCSI_CDB32_LENGTH
                                                 : SRBEX_DATA_SCSI_CDB16_LENGTH;
    cdb->ScsiStatus = 0;
    cdb->SenseInfoBufferLength = request->sense_length;
    cdb->CdbLength = io->cdb_length;
    cdb->SenseInfoBuffer = request->sense;
    memset(cdb->Cdb, 0, room);
    memcpy(cdb->Cdb, io->cdb, io->cdb_length < room ? io->cdb_length : room);
}

static void fill_extended_data(struct request *request, void *data, SRBEXDATATYPE type)
{
    const struct port_io *io = request->io;
    bool adapter = request->unit == &request->port->adapter_unit;

    if (type == SrbExDataTypeScsiCdb16 || type == SrbExDataTypeScsiCdb32) {
        fill_cdb(request, data, type);
    } else if (type == SrbExDataTypePnP) {
        SRBEX_DATA_PNP *pnp = data;

        pnp->Type = type;
        pnp->Length = SRBEX_DATA_PNP_LENGTH;
        pnp->PnPSubFunction = 0;
        pnp->PnPAction = (STOR_PNP_ACTION)io->pnp_action;
        pnp->SrbPnPFlags = adapter ? SRB_PNP_FLAGS_ADAPTER_REQUEST : 0;
    } else if (type == SrbExDataTypePower) {
        SRBEX_DATA_POWER *power = data;

        power->Type = type;
        power->Length = SRBEX_DATA_POWER_LENGTH;
        power->SrbPowerFlags = adapter ? SRB_POWER_FLAGS_ADAPTER_REQUEST : 0;
        power->DevicePowerState = (STOR_DEVICE_POWER_STATE)io->power_state;
        power->PowerAction =
            io->power_state == StorPowerDeviceD0 ? StorPowerActionNone : StorPowerActionSleep;
    } else if (type == SrbExDataTypeWmi) {
        SRBEX_DATA_WMI *wmi = data;

        wmi->Type = type;
        wmi->Length = SRBEX_DATA_WMI_LENGTH;
        wmi->WMISubFunction = 0;
        wmi->WMIFlags = SRB_WMI_FLAGS_ADAPTER_REQUEST;
        wmi->DataPath = NULL;
    }
}

static void fill_io_info(const struct request *request, void *data)
{
    SRBEX_DATA_IO_INFO *info = data;

    memset(info, 0, sizeof(*info));
    info->Type = SrbExDataTypeIoInfo;
    info->Length = SRBEX_DATA_IO_INFO_LENGTH;
    info->RWLength = request->length;
    info->IsWriteRequest = request->io->direction == PORT_DATA_OUT;
}

static void fill_extended(struct request *request, const struct srb_layout *layout)
{
    const struct port_io *io = request->io;
    uint8_t *bytes = request->srb;
    STORAGE_REQUEST_BLOCK *srb = request->srb;
    STOR_ADDR_BTL8 *address = (STOR_ADDR_BTL8 *)(bytes + layout->address);

    srb->Length = sizeof(STORAGE_REQUEST_BLOCK);
    srb->Function = SRB_FUNCTION_STORAGE_REQUEST_BLOCK;
    srb->SrbStatus = SRB_STATUS_PENDING;
    srb->Signature = SRB_SIGNATURE;
    srb->Version = STORAGE_REQUEST_BLOCK_VERSION_1;
    srb->SrbLength = (ULONG)layout->bytes;
    srb->SrbFunction = io->function;
    srb->SrbFlags = srb_flags(request);
    srb->RequestTag = __atomic_add_fetch(&request->port->next_tag, 1, __ATOMIC_RELAXED);
    srb->RequestPriority = 2;
    srb->RequestAttribute = SRB_SIMPLE_TAG_REQUEST;
    srb->TimeOutValue = request->timeout;
    srb->SystemStatus = 0;
    srb->ZeroGuard1 = 0;
    srb->AddressOffset = (ULONG)layout->address;
    srb->NumSrbExData = layout->parts;
    srb->DataTransferLength = request->length;
    srb->DataBuffer = request->data;
    srb->ZeroGuard2 = NULL;
    srb->MiniportContext = request->extension;
    srb->NextSrb = NULL;
    address->Type = STOR_ADDRESS_TYPE_BTL8;
    address->Port = 0;
    address->AddressLength = STOR_ADDR_BTL8_ADDRESS_LENGTH;
    address->Path = io->path;
    address->Target = io->target;
    address->Lun = io->lun;
    address->Reserved = 0;
    if (layout->parts > 0) {
        srb->SrbExDataOffset[0] = (ULONG)layout->data;
        fill_extended_data(request, bytes + layout->data, layout->type);
    }
    if (layout->parts > 1) {
        /* Windows fixes no order of the parts: a driver finds them by type. */
        ULONG *offsets = srb->SrbExDataOffset;
        bool swap = port_random(request->port, 2) != 0;

        offsets[swap ? 0 : 1] = (ULONG)layout->io_info;
        offsets[swap ? 1 : 0] = (ULONG)layout->data;
        fill_io_info(request, bytes + layout->io_info);
    }
}

static bool build_extended(struct request *request)
{
    struct srb_layout layout = choose_layout(request);
    /* A driver may look at the structure as declared, which ends behind its first offset. */
    size_t bytes =
        layout.bytes > sizeof(STORAGE_REQUEST_BLOCK) ? layout.bytes : sizeof(STORAGE_REQUEST_BLOCK);

    request->srb = srb_memory(MEMORY_SRB, bytes, "extended SRB");
    if (request->srb == NULL) {
        return false;
    }
    request->srb_bytes = bytes;
    request->extended = true;
    if (!build_extension(request) || !build_sense(request) || !data_build(request)) {
        return false;
    }
    fill_extended(request, &layout);
    return true;
}

bool srb_build(struct request *request)
{
    request->length = request->io->direction == PORT_NO_DATA ? 0 : request->io->data_length;
    return request->port->extended_srbs ? build_extended(request) : build_legacy(request);
}

/* ---- results --------------------------------------------------------------------------------- */

uint8_t srb_status(const struct request *request)
{
    return ((const SCSI_REQUEST_BLOCK *)request->srb)->SrbStatus; /* same place in both */
}

struct srb_results {
    uint8_t status, scsi_status, sense_length;
    uint32_t transferred;
};

static struct srb_results read_results(const struct request *request)
{
    const SCSI_REQUEST_BLOCK *legacy = request->srb;
    const STORAGE_REQUEST_BLOCK *extended = request->srb;
    struct srb_results results = {.status = srb_status(request)};

    if (!request->extended) {
        results.transferred = legacy->DataTransferLength;
        results.scsi_status = legacy->ScsiStatus;
        results.sense_length = legacy->SenseInfoBufferLength;
        return results;
    }
    results.transferred = extended->DataTransferLength;
    if (request->io->function == SRB_FUNCTION_EXECUTE_SCSI) {
        for (uint32_t i = 0; i < extended->NumSrbExData && i < 2; i++) {
            uint32_t offset = extended->SrbExDataOffset[i];
            const SRBEX_DATA_SCSI_CDB16 *cdb =
                (const void *)((const uint8_t *)request->srb + offset);

            if (offset > request->srb_bytes - sizeof(*cdb)) {
                violation(RULE_SRB_STATUS, "the driver changed SrbExDataOffset[%u] to %u", i,
                          offset);
            }
            if (cdb->Type == SrbExDataTypeScsiCdb16 || cdb->Type == SrbExDataTypeScsiCdb32) {
                results.scsi_status = cdb->ScsiStatus;
                results.sense_length = cdb->SenseInfoBufferLength;
                break;
            }
        }
    }
    return results;
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
    struct srb_results results = read_results(request);

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
