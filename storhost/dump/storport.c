/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The dump port driver as StorPort's miniports see it (diskdump.sys; from Windows 8 on
 * dumpstorport.sys): the names of storport.sys.
 *
 * The reference forbids DPCs, clocks and all that needs PASSIVE_LEVEL or a system that runs. Of other
 * functions it does not tell what they do here; the model takes what is hardest: locks, busy and
 * pause have no effect, extended functions answer STOR_STATUS_NOT_IMPLEMENTED, but for
 * StorPortMarkDumpMemory, notifications leave their outputs untouched.
 */
#include "dump/internal.h"

#include <string.h>

#include "kernel/arguments.h"
#include "storport/internal.h"

/* Bytes of HW_INITIALIZATION_DATA before Windows 8. */
#define INIT_DATA_BEFORE_8 offsetof(HW_INITIALIZATION_DATA, HwFreeAdapterResources)

/* What the port model has for StorPort only; there is one dump copy at a time. */
static struct storport own;

/* ---- StorPortInitialize and PORT_CONFIGURATION_INFORMATION ----------------------------------- */

/* Whether requests are extended: the miniport must know them. */
static bool choose_extended(const struct dump *dump)
{
    const struct port *port = &dump->port;

    if (port->options.windows < WINDOWS_8 ||
        (own.init.SrbTypeFlags & SRB_TYPE_FLAG_STORAGE_REQUEST_BLOCK) == 0) {
        return false;
    }
    if (port->options.srb_type != PORT_SRB_AUTO) {
        return port->options.srb_type == PORT_SRB_EXTENDED;
    }
    return reading_is(READING_DUMP_EXTENDED);
}

static ULONG NTAPI initialize(PVOID argument1, PVOID argument2, PHW_INITIALIZATION_DATA data,
                              PVOID context)
{
    DUMP_ENTER("StorPortInitialize", NULL);
    HW_INITIALIZATION_DATA *init = &own.init;
    struct dump_miniport miniport;

    dump_check_initialize(dump, argument1, argument2);
    if (data == NULL) {
        violation(RULE_ARGUMENT, "StorPortInitialize without HW_INITIALIZATION_DATA");
    }
    if (data->HwInitializationDataSize != INIT_DATA_BEFORE_8 &&
        (dump->port.options.windows < WINDOWS_8 ||
         data->HwInitializationDataSize != sizeof(*data))) {
        return (ULONG)STATUS_REVISION_MISMATCH;
    }
    memset(&own, 0, sizeof(own));
    memcpy(init, data, data->HwInitializationDataSize);
    if (init->HwInitialize == NULL || init->HwStartIo == NULL || init->HwFindAdapter == NULL ||
        init->HwInterrupt == NULL || init->HwResetBus == NULL) {
        return (ULONG)STATUS_INVALID_PARAMETER;
    }
    own.extended_srbs = choose_extended(dump);
    dump->facts.extended_srbs = own.extended_srbs;
    dump->port.model = &storport_model;
    dump->port.storport = &own;
    dump->port.range_count = init->NumberOfAccessRanges;
    miniport = (struct dump_miniport){
        .find_adapter = (void *)init->HwFindAdapter,
        .initialize = (void *)init->HwInitialize,
        .build_io = (void *)init->HwBuildIo,
        .start_io = (void *)init->HwStartIo,
        .interrupt = (void *)init->HwInterrupt,
        .reset_bus = (void *)init->HwResetBus,
        .context = context,
        .extension_bytes = init->DeviceExtensionSize,
    };
    dump_take_miniport(dump, &dump_storport_service, &miniport);
    return STATUS_SUCCESS;
}

/* Contiguous memory that the first copy asked for by RequestedDumpBufferSize (Vista on). */
static void give_region(struct dump *dump, MEMORY_REGION *region)
{
    struct memory_request request = {.kind = MEMORY_CONTIGUOUS,
                                     .bytes = dump->context.requested_buffer,
                                     .alignment = GUEST_PAGE_SIZE,
                                     .contiguous = true,
                                     .name = "DumpRegion"};
    bus_addr bus;
    uint64_t length;

    dump->region = memory_alloc(&request);
    if (dump->region == NULL || !memory_bus_address(dump->region, &bus, &length)) {
        fatal("out of guest memory: give the machine more");
    }
    dump->region_bytes = request.bytes;
    dump->region_grant = grant_begin(dump->region, request.bytes, GRANT_BOTH, request.name, NULL);
    region->VirtualBase = dump->region;
    region->PhysicalBase.QuadPart = (LONGLONG)bus;
    region->Length = (ULONG)request.bytes;
}

/* Initial values as for the first copy, and what it is for. */
static void config_build(struct dump *dump)
{
    struct port *port = &dump->port;

    storport_fill_config(port);
    if (port->options.windows >= WINDOWS_8) {
        config_of(port)->DumpMode = (UCHAR)dump->kind;
    }
    if (dump->context.requested_buffer != 0) {
        give_region(dump, &config_of(port)->DumpRegion);
    }
}

static bool config_accept(struct dump *dump, char *error, size_t size)
{
    PORT_CONFIGURATION_INFORMATION *config = config_of(&dump->port);

    config->MultipleRequestPerLu = TRUE; /* without meaning here (reference) */
    if (!storport_accept_config(&dump->port, error, size)) {
        return false;
    }
    dump_accept_transfer(dump, config->MaximumTransferLength, config->NumberOfPhysicalBreaks);
    return true;
}

static uint32_t srb_extension_bytes(const struct dump *dump)
{
    return config_of(&dump->port)->SrbExtensionSize;
}

const struct dump_service dump_storport_service = {
    .name = "storport",
    .prefix = "StorPort",
    .config_build = config_build,
    .config_accept = config_accept,
    .srb_extension_bytes = srb_extension_bytes,
};

/* ---- StorPortNotification -------------------------------------------------------------------- */

static VOID NTAPIV notification(ULONG type, PVOID extension, ...)
{
    DUMP_ENTER("Notification", extension);
    struct arguments list;

    ARGUMENTS_START(list, extension);
    switch (type) {
    case RequestComplete:
        dump_request_complete(dump, (void *)arguments_next(&list));
        return;
    case RequestTimerCall:
        dump_forbidden(dump, "no timer runs (RequestTimerCall)");
    case QueryTickCount:
        dump_forbidden(dump, "no clock runs (QueryTickCount)");
    case BufferOverrunDetected:
        dump_overrun(dump);
    case EnablePassiveInitialization:
        dump_forbidden(dump, "nothing runs at PASSIVE_LEVEL (EnablePassiveInitialization)");
    case InitializeDpc:
    case InitializeDpcWithContext:
    case InitializeThreadedDpc:
        dump_forbidden(dump, "there are no DPCs (InitializeDpc)");
    case IssueDpc:
    case SetTargetProcessorDpc:
        dump_forbidden(dump, "there are no DPCs (IssueDpc)");
    default:
        /* The processor is alone: locks have no effect. Nobody listens to the others. */
        if (type > SetTargetProcessorDpc ||
            (type > GetExtendedFunctionTable && type < EnablePassiveInitialization)) {
            dump_unknown(dump, "type", type);
        }
    }
}

/* ---- StorPortExtendedFunction ---------------------------------------------------------------- */

/* What a function would need that is not there in dump mode; NULL: it only is not offered. */
static const char *missing_for(ULONG code)
{
    switch (code) {
    case ExtFunctionAllocatePool:
    case ExtFunctionFreePool:
    case ExtFunctionAllocateMdl:
    case ExtFunctionFreeMdl:
    case ExtFunctionAllocateContiguousMemorySpecifyCacheNode:
    case ExtFunctionFreeContiguousMemorySpecifyCache:
    case ExtFunctionAllocateDmaMemory:
    case ExtFunctionFreeDmaMemory:
    case ExtFunctionAllocateHmb:
        return "there is no memory but the uncached extension";
    case ExtFunctionInitializeWorker:
    case ExtFunctionQueueWorkItem:
    case ExtFunctionFreeWorker:
    case ExtFunctionDelayExecution:
        return "nothing runs at PASSIVE_LEVEL";
    case ExtFunctionInitializeTimer:
    case ExtFunctionRequestTimer:
    case ExtFunctionFreeTimer:
    case ExtFunctionInitializeHighResolutionTimer:
    case ExtFunctionRequestHighResolutionTimer:
    case ExtFunctionCancelHighResolutionTimer:
    case ExtFunctionFreeHighResolutionTimer:
        return "no timer runs";
    case ExtFunctionQueryPerformanceCounter:
        return "no clock runs";
    case ExtFunctionRegistryReadAdapterKey:
    case ExtFunctionRegistryWriteAdapterKey:
        return "there is no registry";
    default:
        return NULL;
    }
}

#define FLAG_PHYSICAL_ADDRESS 1u /* MARK_DUMP_MEMORY_FLAG_PHYSICAL_ADDRESS */

/* Reference of StorPortMarkDumpMemory: only in DriverEntry and HwFindAdapter; flags 0 or "physical
 * address"; length 0 is the section that the address lies in. */
static ULONG mark_dump_memory(struct dump *dump, uint8_t *address, ULONG_PTR length, ULONG flags)
{
    const bool physical = (flags & FLAG_PHYSICAL_ADDRESS) != 0;
    const uint8_t *image = dump->image.base;
    uint8_t *memory = physical ? memory_virtual((uintptr_t)address) : address;
    bus_addr bus;
    uint64_t left;

    if (dump->phase != DUMP_LOADING && dump->phase != DUMP_FINDING) {
        violation(RULE_PHASE,
                  "StorPortMarkDumpMemory called outside of DriverEntry and HwFindAdapter");
    }
    if ((flags & ~FLAG_PHYSICAL_ADDRESS) != 0) {
        return STOR_STATUS_INVALID_PARAMETER;
    }
    if (!(memory >= image && memory < image + dump->image.size) &&
        (memory == NULL || !memory_bus_address(memory, &bus, &left))) {
        violation(RULE_ARGUMENT, "StorPortMarkDumpMemory: %p (%zu bytes) is no memory of the copy",
                  (void *)address, (size_t)length);
    }
    dump->facts.marked++;
    return STOR_STATUS_SUCCESS;
}

static ULONG NTAPIV extended_function_call(ULONG code, PVOID extension, ...)
{
    const struct extended_function *function = extended_function(code);
    DUMP_ENTER("ExtendedFunction", extension);
    struct arguments list;
    const char *missing;

    if (function == NULL) {
        dump_unknown(dump, "code", code);
    }
    dump->export_name = function->name + strlen("StorPort");
    missing = missing_for(code);
    if (missing != NULL) {
        dump_forbidden(dump, missing);
    }
    if (code != ExtFunctionMarkDumpMemory || dump->port.options.windows < WINDOWS_8) {
        return STOR_STATUS_NOT_IMPLEMENTED;
    }
    ARGUMENTS_START(list, extension);
    {
        uint8_t *address = (uint8_t *)arguments_next(&list);
        ULONG_PTR length = arguments_next(&list);

        return mark_dump_memory(dump, address, length, (ULONG)arguments_next(&list));
    }
}

/* ---- without effect -------------------------------------------------------------------------- */

#define WITHOUT_EFFECT(function, name, parameters) \
    static BOOLEAN NTAPI function parameters       \
    {                                              \
        DUMP_ENTER(name, extension);               \
                                                   \
        (void)dump;                                \
        return TRUE;                               \
    }

#define UNIT                                                                                   \
    PVOID extension, UCHAR path __attribute__((unused)), UCHAR target __attribute__((unused)), \
        UCHAR lun __attribute__((unused))

WITHOUT_EFFECT(busy, "Busy", (PVOID extension, ULONG requests __attribute__((unused))))
WITHOUT_EFFECT(ready, "Ready", (PVOID extension))
WITHOUT_EFFECT(pause_all, "Pause", (PVOID extension, ULONG seconds __attribute__((unused))))
WITHOUT_EFFECT(resume, "Resume", (PVOID extension))
WITHOUT_EFFECT(device_busy, "DeviceBusy", (UNIT, ULONG requests __attribute__((unused))))
WITHOUT_EFFECT(device_ready, "DeviceReady", (UNIT))
WITHOUT_EFFECT(pause_device, "PauseDevice", (UNIT, ULONG seconds __attribute__((unused))))
WITHOUT_EFFECT(resume_device, "ResumeDevice", (UNIT))
WITHOUT_EFFECT(set_device_queue_depth, "SetDeviceQueueDepth",
               (UNIT, ULONG depth __attribute__((unused))))

/* ---- the registry ---------------------------------------------------------------------------- */

#define REGISTRY "there is no registry"

static PUCHAR NTAPI allocate_registry_buffer(PVOID extension, PULONG length)
{
    DUMP_ENTER("AllocateRegistryBuffer", extension);

    (void)length;
    dump_forbidden(dump, REGISTRY);
}

static VOID NTAPI free_registry_buffer(PVOID extension, PUCHAR buffer)
{
    DUMP_ENTER("FreeRegistryBuffer", extension);

    (void)buffer;
    dump_forbidden(dump, REGISTRY);
}

static BOOLEAN NTAPI registry_read(PVOID extension, PUCHAR name, ULONG global, ULONG type,
                                   PUCHAR buffer, PULONG length)
{
    DUMP_ENTER("RegistryRead", extension);

    (void)name;
    (void)global;
    (void)type;
    (void)buffer;
    (void)length;
    dump_forbidden(dump, REGISTRY);
}

static BOOLEAN NTAPI registry_write(PVOID extension, PUCHAR name, ULONG global, ULONG type,
                                    PUCHAR buffer, ULONG length)
{
    DUMP_ENTER("RegistryWrite", extension);

    (void)name;
    (void)global;
    (void)type;
    (void)buffer;
    (void)length;
    dump_forbidden(dump, REGISTRY);
}

/* ---- requests -------------------------------------------------------------------------------- */

static PSTOR_SCATTER_GATHER_LIST NTAPI get_scatter_gather_list(PVOID extension,
                                                               PSCSI_REQUEST_BLOCK srb)
{
    DUMP_ENTER("GetScatterGatherList", extension);

    if (srb == NULL || (void *)srb != dump_current_srb(dump)) {
        violation(RULE_SRB_NOT_OWNED,
                  "StorPortGetScatterGatherList for %p, which is no SRB that the dump copy has",
                  (void *)srb);
    }
    return dump->request->list;
}

/* Alone at HIGH_LEVEL: nothing to synchronize with. */
static VOID NTAPI synchronize_access(PVOID extension, PSTOR_SYNCHRONIZED_ACCESS routine,
                                     PVOID context)
{
    DUMP_ENTER("SynchronizeAccess", extension);

    (void)dump;
    routine(extension, context);
}

/* ---- registers and ports --------------------------------------------------------------------- */

/* Register buffers walk up through the registers; port buffers stay at one port. */
#define ACCESSORS(name, kind, size, type, space, step)                                  \
    static type NTAPI read_##name(PVOID extension, type *address)                       \
    {                                                                                   \
        DUMP_ENTER("Read" kind size, extension);                                        \
        (void)dump;                                                                     \
        return (type)trap_read(space, address, sizeof(type));                           \
    }                                                                                   \
    static VOID NTAPI write_##name(PVOID extension, type *address, type value)          \
    {                                                                                   \
        DUMP_ENTER("Write" kind size, extension);                                       \
        (void)dump;                                                                     \
        trap_write(space, address, sizeof(type), value);                                \
    }                                                                                   \
    static VOID NTAPI read_buffer_##name(PVOID extension, type *address, type *buffer,  \
                                         ULONG count)                                   \
    {                                                                                   \
        DUMP_ENTER("Read" kind "Buffer" size, extension);                               \
        (void)dump;                                                                     \
        for (ULONG i = 0; i < count; i++) {                                             \
            buffer[i] = (type)trap_read(space, address + (step)*i, sizeof(type));       \
        }                                                                               \
    }                                                                                   \
    static VOID NTAPI write_buffer_##name(PVOID extension, type *address, type *buffer, \
                                          ULONG count)                                  \
    {                                                                                   \
        DUMP_ENTER("Write" kind "Buffer" size, extension);                              \
        (void)dump;                                                                     \
        for (ULONG i = 0; i < count; i++) {                                             \
            trap_write(space, address + (step)*i, sizeof(type), buffer[i]);             \
        }                                                                               \
    }

ACCESSORS(register_uchar, "Register", "Uchar", UCHAR, TRAP_MEMORY, 1)
ACCESSORS(register_ushort, "Register", "Ushort", USHORT, TRAP_MEMORY, 1)
ACCESSORS(register_ulong, "Register", "Ulong", ULONG, TRAP_MEMORY, 1)
ACCESSORS(port_uchar, "Port", "Uchar", UCHAR, TRAP_PORTS, 0)
ACCESSORS(port_ushort, "Port", "Ushort", USHORT, TRAP_PORTS, 0)
ACCESSORS(port_ulong, "Port", "Ulong", ULONG, TRAP_PORTS, 0)

/* ---- the table ------------------------------------------------------------------------------- */

#define EXPORT(name, function)                            \
    {                                                     \
        "StorPort" name, (void *)(function), WINDOWS_2003 \
    }
#define EXPORT_ACCESSORS(space, name, function)                                               \
    EXPORT("Read" space name, read_##function), EXPORT("Write" space name, write_##function), \
        EXPORT("Read" space "Buffer" name, read_buffer_##function),                           \
        EXPORT("Write" space "Buffer" name, write_buffer_##function)

const struct dump_export dump_storport_exports[] = {
    EXPORT("AllocateRegistryBuffer", allocate_registry_buffer),
    EXPORT("Busy", busy),
    EXPORT("CompleteRequest", dump_complete_request),
    EXPORT("ConvertPhysicalAddressToUlong", dump_convert_physical_address_to_ulong),
    EXPORT("ConvertUlongToPhysicalAddress", dump_convert_ulong_to_physical_address),
    EXPORT("DebugPrint", dump_debug_print),
    EXPORT("DeviceBusy", device_busy),
    EXPORT("DeviceReady", device_ready),
    {"StorPortExtendedFunction", (void *)extended_function_call, WINDOWS_VISTA},
    EXPORT("FreeDeviceBase", dump_free_device_base),
    EXPORT("FreeRegistryBuffer", free_registry_buffer),
    EXPORT("GetBusData", dump_get_bus_data),
    EXPORT("GetDeviceBase", dump_get_device_base),
    EXPORT("GetLogicalUnit", dump_get_logical_unit),
    EXPORT("GetPhysicalAddress", dump_get_physical_address),
    EXPORT("GetScatterGatherList", get_scatter_gather_list),
    EXPORT("GetUncachedExtension", dump_get_uncached_extension),
    EXPORT("GetVirtualAddress", dump_get_virtual_address),
    EXPORT("Initialize", initialize),
    EXPORT("LogError", dump_log_error),
    EXPORT("MoveMemory", dump_move_memory),
    EXPORT("Notification", notification),
    EXPORT("Pause", pause_all),
    EXPORT("PauseDevice", pause_device),
    EXPORT("QuerySystemTime", dump_query_system_time),
    EXPORT("Ready", ready),
    EXPORT("RegistryRead", registry_read),
    EXPORT("RegistryWrite", registry_write),
    EXPORT("Resume", resume),
    EXPORT("ResumeDevice", resume_device),
    EXPORT("SetBusDataByOffset", dump_set_bus_data_by_offset),
    EXPORT("SetDeviceQueueDepth", set_device_queue_depth),
    EXPORT("StallExecution", dump_stall_execution),
    EXPORT("SynchronizeAccess", synchronize_access),
    EXPORT("ValidateRange", dump_validate_range),
    EXPORT_ACCESSORS("Register", "Uchar", register_uchar),
    EXPORT_ACCESSORS("Register", "Ushort", register_ushort),
    EXPORT_ACCESSORS("Register", "Ulong", register_ulong),
    EXPORT_ACCESSORS("Port", "Uchar", port_uchar),
    EXPORT_ACCESSORS("Port", "Ushort", port_ushort),
    EXPORT_ACCESSORS("Port", "Ulong", port_ulong),
    {NULL, NULL, 0},
};
