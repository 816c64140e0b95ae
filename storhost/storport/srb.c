/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * StorPort's request blocks: SCSI_REQUEST_BLOCK with its variants, and the extended form of Windows
 * 8; the scatter/gather list that comes with each.
 *
 * Fields and their meaning: reference pages of STORAGE_REQUEST_BLOCK and the SRBEX_DATA structures.
 */
#include "storport/internal.h"

#include <string.h>

#define ALIGN_UP(value, unit) (((value) + (unit)-1) & ~((size_t)(unit)-1))

/* ---- data ------------------------------------------------------------------------------------ */

/*
 * Reference of HW_INITIALIZATION_DATA, MapBuffers: 0 none, 1 ("obsolete", the same effect as 2) and 2 all but
 * reads and writes, 3 all.
 */
bool storport_shows_data(const struct request *request)
{
    uint8_t map_buffers = request->port->storport->map_buffers;

    if (request->io->function == SRB_FUNCTION_IO_CONTROL ||
        request->io->function == SRB_FUNCTION_WMI || request->io->function == SRB_FUNCTION_PNP) {
        return true;
    }
    if (request_is_read_write(request->io)) {
        return map_buffers == STOR_MAP_ALL_BUFFERS_INCLUDING_READ_WRITE;
    }
    return map_buffers != STOR_MAP_NO_BUFFERS;
}

bool storport_build_list(struct request *request)
{
    unsigned count = data_pieces(request);
    struct memory_request wanted = {
        .kind = MEMORY_SRB,
        .bytes = sizeof(STOR_SCATTER_GATHER_LIST) + count * sizeof(STOR_SCATTER_GATHER_ELEMENT),
        .alignment = 8,
        .name = "scatter/gather list",
    };
    size_t offset = 0;

    request->list = memory_alloc(&wanted);
    if (request->list == NULL) {
        return false;
    }
    request->list->NumberOfElements = count;
    for (unsigned i = 0; i < count; i++) {
        bus_addr bus;
        uint64_t length = data_piece_at(request, offset, &bus);

        request->list->List[i].PhysicalAddress.QuadPart = (LONGLONG)bus;
        request->list->List[i].Length = (ULONG)length;
        offset += length;
    }
    return true;
}

/* ---- request blocks -------------------------------------------------------------------------- */

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
    request->queue_tag = SP_UNTAGGED;
    if (!srb_build_legacy(request)) {
        return false;
    }
    fill_legacy_variant(request, request->srb);
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
        (port->storport->init.FeatureSupport & STOR_FEATURE_EXTRA_IO_INFORMATION) != 0) {
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
    srb->RequestTag = __atomic_add_fetch(&request->port->storport->next_tag, 1, __ATOMIC_RELAXED);
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

    if (!srb_allocate(request, bytes, "extended SRB")) {
        return false;
    }
    request->extended = true;
    if (!srb_build_buffers(request)) {
        return false;
    }
    fill_extended(request, &layout);
    return true;
}

bool storport_build_srb(struct request *request)
{
    return request->port->storport->extended_srbs ? build_extended(request) : build_legacy(request);
}

uint8_t *storport_find_cdb(struct request *request)
{
    const STORAGE_REQUEST_BLOCK *extended = request->srb;
    uint8_t *bytes = request->srb;

    if (!request->extended) {
        return bytes + request->port->model->cdb_offset;
    }
    for (uint32_t i = 0; i < extended->NumSrbExData; i++) {
        SRBEX_DATA_SCSI_CDB16 *data = (void *)(bytes + extended->SrbExDataOffset[i]);

        if (data->Type == SrbExDataTypeScsiCdb16 || data->Type == SrbExDataTypeScsiCdb32) {
            return data->Cdb;
        }
    }
    fatal("a SCSI request without a command block: a bug of the bench");
}

/* ---- results --------------------------------------------------------------------------------- */

struct srb_results storport_read_results(const struct request *request)
{
    const STORAGE_REQUEST_BLOCK *extended = request->srb;
    struct srb_results results = {.status = srb_status(request)};

    if (!request->extended) {
        return srb_legacy_results(request);
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
