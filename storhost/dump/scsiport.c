/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The dump port driver as SCSIPort's miniports see it (diskdump.sys of Windows XP): the names of
 * scsiport.sys. It includes SCSIPort's declarations, which exclude StorPort's.
 */
#include "dump/internal.h"

#include <stdio.h>
#include <string.h>

#include <srb.h>

#include "kernel/arguments.h"

/* What ScsiPortInitialize was given: there is one dump copy at a time. */
static HW_INITIALIZATION_DATA init;

/* ---- request blocks -------------------------------------------------------------------------- */

/* MapBuffers: all buffers, or none. */
static bool shows_data(const struct request *request)
{
    const PORT_CONFIGURATION_INFORMATION *config = request->port->config;

    return config->MapBuffers != FALSE;
}

static const struct port_model request_model = {
    .name = "ScsiPort",
    .cdb_offset = offsetof(SCSI_REQUEST_BLOCK, Cdb),
    .build_srb = srb_build_legacy,
    .read_results = srb_legacy_results,
    .shows_data = shows_data,
};

/* ---- ScsiPortInitialize and PORT_CONFIGURATION_INFORMATION ----------------------------------- */

static ULONG NTAPI initialize(PVOID argument1, PVOID argument2, PHW_INITIALIZATION_DATA data,
                              PVOID context)
{
    DUMP_ENTER("ScsiPortInitialize", NULL);
    struct dump_miniport miniport;

    dump_check_initialize(dump, argument1, argument2);
    if (data == NULL) {
        violation(RULE_ARGUMENT, "ScsiPortInitialize without HW_INITIALIZATION_DATA");
    }
    /* Structures of old miniports end before HwAdapterControl. */
    if (data->HwInitializationDataSize > sizeof(init)) {
        return (ULONG)STATUS_REVISION_MISMATCH;
    }
    memset(&init, 0, sizeof(init));
    memcpy(&init, data, data->HwInitializationDataSize);
    if (init.HwInitialize == NULL || init.HwStartIo == NULL || init.HwFindAdapter == NULL ||
        init.HwInterrupt == NULL || init.HwResetBus == NULL) {
        return (ULONG)STATUS_INVALID_PARAMETER;
    }
    miniport = (struct dump_miniport){
        .find_adapter = (void *)init.HwFindAdapter,
        .initialize = (void *)init.HwInitialize,
        .start_io = (void *)init.HwStartIo,
        .interrupt = (void *)init.HwInterrupt,
        .reset_bus = (void *)init.HwResetBus,
        .context = context,
        .extension_bytes = init.DeviceExtensionSize,
    };
    dump->port.model = &request_model;
    dump->port.range_count = init.NumberOfAccessRanges;
    dump_take_miniport(dump, &dump_scsiport_service, &miniport);
    return STATUS_SUCCESS;
}

/* Initial values: reference of PORT_CONFIGURATION_INFORMATION (SCSI). */
static void config_build(struct dump *dump)
{
    const struct device *device = dump->context.device;
    PORT_CONFIGURATION_INFORMATION *config;

    config_allocate(&dump->port, sizeof(*config));
    config = dump->port.config;
    config->Length = sizeof(*config);
    config->SystemIoBusNumber = device->bus;
    config->SlotNumber = device->slot | device->function << 5;
    config->AdapterInterfaceType = init.AdapterInterfaceType;
    config->InterruptMode = LevelSensitive;
    config->MaximumTransferLength = SP_UNINITIALIZED_VALUE;
    config->NumberOfPhysicalBreaks = 17;
    config->DmaChannel = config->DmaPort = SP_UNINITIALIZED_VALUE;
    config->DmaChannel2 = config->DmaPort2 = SP_UNINITIALIZED_VALUE;
    config->NumberOfAccessRanges = dump->port.range_count;
    config->AccessRanges = (void *)dump->port.ranges;
    memset(config->InitiatorBusId, 0xff, sizeof(config->InitiatorBusId));
    config->MapBuffers = init.MapBuffers;
    config->NeedPhysicalAddresses = init.NeedPhysicalAddresses;
    config->TaggedQueuing = init.TaggedQueuing;
    config->AutoRequestSense = init.AutoRequestSense;
    config->MultipleRequestPerLu = init.MultipleRequestPerLu;
    config->ReceiveEvent = init.ReceiveEvent;
    config->BufferAccessScsiPortControlled = TRUE;
    config->MaximumNumberOfTargets = 8;
    config->DeviceExtensionSize = init.DeviceExtensionSize;
    config->SpecificLuExtensionSize = init.SpecificLuExtensionSize;
    config->SrbExtensionSize = init.SrbExtensionSize;
    config->Dma64BitAddresses = SCSI_DMA64_SYSTEM_SUPPORTED;
}

static bool config_accept(struct dump *dump, char *error, size_t size)
{
    const PORT_CONFIGURATION_INFORMATION *config = dump->port.config;
    struct port *port = &dump->port;

    if (config->NumberOfBuses == 0 || config->MaximumTransferLength == 0 ||
        config->NumberOfPhysicalBreaks == 0) {
        snprintf(error, size,
                 "no dump can be written: NumberOfBuses, MaximumTransferLength or "
                 "NumberOfPhysicalBreaks is 0");
        return false;
    }
    if ((config->AlignmentMask & (config->AlignmentMask + 1)) != 0) {
        snprintf(error, size, "no dump can be written: AlignmentMask + 1 is no power of two");
        return false;
    }
    dump_accept_transfer(dump, config->MaximumTransferLength, config->NumberOfPhysicalBreaks);
    port->srb_extension_bytes = config->SrbExtensionSize;
    port->alignment_mask =
        config->AlignmentMask < GUEST_PAGE_SIZE ? config->AlignmentMask : GUEST_PAGE_SIZE - 1;
    port->dma64 = (config->Dma64BitAddresses & 0x7f) != 0;
    port->caches_data = config->CachesData != FALSE;
    return true;
}

static uint32_t srb_extension_bytes(const struct dump *dump)
{
    return ((const PORT_CONFIGURATION_INFORMATION *)dump->port.config)->SrbExtensionSize;
}

const struct dump_service dump_scsiport_service = {
    .name = "scsiport",
    .prefix = "ScsiPort",
    .config_build = config_build,
    .config_accept = config_accept,
    .srb_extension_bytes = srb_extension_bytes,
    .needs_next_request = true,
};

/* ---- services that only SCSIPort has --------------------------------------------------------- */

static VOID NTAPIV notification(ULONG type, PVOID extension, ...)
{
    DUMP_ENTER("Notification", extension);
    struct arguments list;

    ARGUMENTS_START(list, extension);
    switch (type) {
    case RequestComplete:
        dump_request_complete(dump, (void *)arguments_next(&list));
        return;
    case NextRequest:
    case NextLuRequest:
        dump_next_request(dump);
        return;
    case RequestTimerCall:
        dump_forbidden(dump, "no timer runs (RequestTimerCall)");
    default:
        /* ResetDetected, WMIEvent and their kind: nobody listens. */
        if (type > WMIReregister) {
            dump_unknown(dump, "type", type);
        }
    }
}

static PVOID NTAPI get_srb(PVOID extension, UCHAR path, UCHAR target, UCHAR lun, LONG tag)
{
    DUMP_ENTER("GetSrb", extension);

    (void)tag;
    return path == 0 && target == 0 && lun == 0 ? dump_current_srb(dump) : NULL;
}

static VOID NTAPI flush_dma(PVOID extension)
{
    DUMP_ENTER("FlushDma", extension);

    (void)dump;
}

static VOID NTAPI io_map_transfer(PVOID extension, PVOID srb, PVOID address, ULONG length)
{
    DUMP_ENTER("IoMapTransfer", extension);

    (void)srb;
    (void)address;
    (void)length;
    dump_forbidden(dump, "a bus master has no use for a DMA controller");
}

/* ---- registers and ports: no extension ------------------------------------------------------- */

#define ACCESSORS(name, kind, size, type, space, step)                              \
    static type NTAPI read_##name(type *address)                                    \
    {                                                                               \
        DUMP_ENTER("Read" kind size, NULL);                                         \
        (void)dump;                                                                 \
        return (type)trap_read(space, address, sizeof(type));                       \
    }                                                                               \
    static VOID NTAPI write_##name(type *address, type value)                       \
    {                                                                               \
        DUMP_ENTER("Write" kind size, NULL);                                        \
        (void)dump;                                                                 \
        trap_write(space, address, sizeof(type), value);                            \
    }                                                                               \
    static VOID NTAPI read_buffer_##name(type *address, type *buffer, ULONG count)  \
    {                                                                               \
        DUMP_ENTER("Read" kind "Buffer" size, NULL);                                \
        (void)dump;                                                                 \
        for (ULONG i = 0; i < count; i++) {                                         \
            buffer[i] = (type)trap_read(space, address + (step)*i, sizeof(type));   \
        }                                                                           \
    }                                                                               \
    static VOID NTAPI write_buffer_##name(type *address, type *buffer, ULONG count) \
    {                                                                               \
        DUMP_ENTER("Write" kind "Buffer" size, NULL);                               \
        (void)dump;                                                                 \
        for (ULONG i = 0; i < count; i++) {                                         \
            trap_write(space, address + (step)*i, sizeof(type), buffer[i]);         \
        }                                                                           \
    }

ACCESSORS(register_uchar, "Register", "Uchar", UCHAR, TRAP_MEMORY, 1)
ACCESSORS(register_ushort, "Register", "Ushort", USHORT, TRAP_MEMORY, 1)
ACCESSORS(register_ulong, "Register", "Ulong", ULONG, TRAP_MEMORY, 1)
ACCESSORS(port_uchar, "Port", "Uchar", UCHAR, TRAP_PORTS, 0)
ACCESSORS(port_ushort, "Port", "Ushort", USHORT, TRAP_PORTS, 0)
ACCESSORS(port_ulong, "Port", "Ulong", ULONG, TRAP_PORTS, 0)

/* ---- the table ------------------------------------------------------------------------------- */

#define EXPORT(name, function)                          \
    {                                                   \
        "ScsiPort" name, (void *)(function), WINDOWS_XP \
    }
#define EXPORT_ACCESSORS(space, name, function)                                               \
    EXPORT("Read" space name, read_##function), EXPORT("Write" space name, write_##function), \
        EXPORT("Read" space "Buffer" name, read_buffer_##function),                           \
        EXPORT("Write" space "Buffer" name, write_buffer_##function)

const struct dump_export dump_scsiport_exports[] = {
    {"ScsiDebugPrint", (void *)dump_debug_print, WINDOWS_XP},
    EXPORT("CompleteRequest", dump_complete_request),
    EXPORT("ConvertPhysicalAddressToUlong", dump_convert_physical_address_to_ulong),
    EXPORT("ConvertUlongToPhysicalAddress", dump_convert_ulong_to_physical_address),
    EXPORT("FlushDma", flush_dma),
    EXPORT("FreeDeviceBase", dump_free_device_base),
    EXPORT("GetBusData", dump_get_bus_data),
    EXPORT("GetDeviceBase", dump_get_device_base),
    EXPORT("GetLogicalUnit", dump_get_logical_unit),
    EXPORT("GetPhysicalAddress", dump_get_physical_address),
    EXPORT("GetSrb", get_srb),
    EXPORT("GetUncachedExtension", dump_get_uncached_extension),
    EXPORT("GetVirtualAddress", dump_get_virtual_address),
    EXPORT("Initialize", initialize),
    EXPORT("IoMapTransfer", io_map_transfer),
    EXPORT("LogError", dump_log_error),
    EXPORT("MoveMemory", dump_move_memory),
    EXPORT("Notification", notification),
    EXPORT("QuerySystemTime", dump_query_system_time),
    EXPORT("SetBusDataByOffset", dump_set_bus_data_by_offset),
    EXPORT("StallExecution", dump_stall_execution),
    EXPORT("ValidateRange", dump_validate_range),
    EXPORT_ACCESSORS("Register", "Uchar", register_uchar),
    EXPORT_ACCESSORS("Register", "Ushort", register_ushort),
    EXPORT_ACCESSORS("Register", "Ulong", register_ulong),
    EXPORT_ACCESSORS("Port", "Uchar", port_uchar),
    EXPORT_ACCESSORS("Port", "Ushort", port_ushort),
    EXPORT_ACCESSORS("Port", "Ulong", port_ulong),
    {NULL, NULL, 0},
};
