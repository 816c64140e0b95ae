/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * PORT_CONFIGURATION_INFORMATION: its length and initial values on each Windows, and what Windows
 * makes of the driver's answers.
 *
 * Lengths on x64 (its fields by version are in the headers; a guard page begins right behind): 152
 * to SynchronizationModel (2003), 200 to VirtualDevice (Vista), 208 to MaxNumberOfIO (7), 224 to
 * FeatureSupport (8 and later).
 */
#include "storport/internal.h"

#include <string.h>

#include "base/random.h"

unsigned config_length(uint16_t windows)
{
    if (windows >= WINDOWS_8) {
        return sizeof(PORT_CONFIGURATION_INFORMATION);
    }
    if (windows >= WINDOWS_7) {
        return offsetof(PORT_CONFIGURATION_INFORMATION, MaxIOsPerLun);
    }
    if (windows >= WINDOWS_VISTA) {
        return offsetof(PORT_CONFIGURATION_INFORMATION, ExtendedFlags1);
    }
    return offsetof(PORT_CONFIGURATION_INFORMATION, HwMSInterruptRoutine);
}

bool config_has(const struct port *port, size_t end)
{
    return end <= config_length(port->options.windows);
}

/* Whether the system has memory above 4 GiB to tell of: 32-bit Windows only with PAE, by the seed. */
bool storport_addresses_64(const struct port *port)
{
    return sizeof(void *) == 8 || random_mix(port->options.seed) % 2 != 0;
}

/* What HW_INITIALIZATION_DATA says is copied; the rest are Windows' own initial values. */
static void fill_values(struct port *port, PORT_CONFIGURATION_INFORMATION *config)
{
    const HW_INITIALIZATION_DATA *init = &port->storport->init;

    config->Length = config_length(port->options.windows);
    config->SystemIoBusNumber = port->device->bus;
    config->AdapterInterfaceType = init->AdapterInterfaceType;
    config->BusInterruptLevel = IRQL_DEVICE;
    config->BusInterruptVector = 0x50;
    config->InterruptMode = LevelSensitive;
    config->MaximumTransferLength = SP_UNINITIALIZED_VALUE;
    config->NumberOfPhysicalBreaks = 0x11;
    config->DmaChannel = config->DmaPort = SP_UNINITIALIZED_VALUE;
    config->NumberOfAccessRanges = port->range_count;
    config->AccessRanges = (void *)port->ranges;
    memset(config->InitiatorBusId, -1, sizeof(config->InitiatorBusId));
    config->ScatterGather = config->Master = port->options.windows >= WINDOWS_7;
    config->MapBuffers = init->MapBuffers;
    config->NeedPhysicalAddresses = init->NeedPhysicalAddresses;
    config->TaggedQueuing = init->TaggedQueuing;
    config->AutoRequestSense = init->AutoRequestSense;
    config->MultipleRequestPerLu = init->MultipleRequestPerLu;
    config->ReceiveEvent = init->ReceiveEvent;
    config->BufferAccessScsiPortControlled = TRUE;
    config->SlotNumber = port->device->slot | port->device->function << 5;
    config->InterruptMode2 = LevelSensitive;
    config->DmaChannel2 = config->DmaPort2 = SP_UNINITIALIZED_VALUE;
    config->DeviceExtensionSize = init->DeviceExtensionSize;
    config->SpecificLuExtensionSize = init->SpecificLuExtensionSize;
    config->SrbExtensionSize = init->SrbExtensionSize;
    config->Dma64BitAddresses = storport_addresses_64(port) ? SCSI_DMA64_SYSTEM_SUPPORTED : 0;
    config->WmiDataProvider = TRUE;
}

/* Fields that younger Windows have behind those. */
static void fill_younger(struct port *port, PORT_CONFIGURATION_INFORMATION *config)
{
    if (port->options.windows >= WINDOWS_7) {
        config->MaxNumberOfIO = 1000;
    }
    if (port->options.windows >= WINDOWS_8) {
        config->SrbType = port->storport->extended_srbs ? SRB_TYPE_STORAGE_REQUEST_BLOCK
                                                        : SRB_TYPE_SCSI_REQUEST_BLOCK;
        config->AddressType = STORAGE_ADDRESS_TYPE_BTL8;
        config->MaxIOsPerLun = 255;
        config->InitialLunQueueDepth = 20;
    }
}

void storport_fill_config(struct port *port)
{
    config_allocate(port, config_length(port->options.windows));
    fill_values(port, port->config);
    fill_younger(port, port->config);
}

void storport_make_config(struct port *port)
{
    port->storport->perf_flags = 0;
    port->storport->concurrent_channels = 0;
    interrupts_assign(port);
    storport_fill_config(port);
}

uint32_t storport_dump_buffer(const struct port *port)
{
    return CONFIG_FIELD(port, RequestedDumpBufferSize, 0);
}

/* What must be set, or StorPort gives up. */
static bool check_musts(const PORT_CONFIGURATION_INFORMATION *config, char *error, size_t size)
{
    if (!config->NeedPhysicalAddresses) {
        return config_refuse(error, size, "NeedPhysicalAddresses is not TRUE");
    }
    if (!config->TaggedQueuing) {
        return config_refuse(error, size, "TaggedQueuing is not TRUE");
    }
    if (!config->AutoRequestSense) {
        return config_refuse(error, size, "AutoRequestSense is not TRUE");
    }
    if (!config->MultipleRequestPerLu) {
        return config_refuse(error, size, "MultipleRequestPerLu is not TRUE");
    }
    if (!config->ScatterGather || !config->Master) {
        return config_refuse(error, size, "ScatterGather and Master are not TRUE");
    }
    if (config->NumberOfBuses == 0) {
        return config_refuse(error, size, "NumberOfBuses is 0");
    }
    if (config->MaximumTransferLength == 0 || config->NumberOfPhysicalBreaks == 0) {
        return config_refuse(error, size, "MaximumTransferLength or NumberOfPhysicalBreaks is 0");
    }
    if ((config->AlignmentMask & (config->AlignmentMask + 1)) != 0) {
        return config_refuse(error, size, "AlignmentMask + 1 is no power of two");
    }
    return true;
}

/* Fields that are not the driver's to change. */
static void check_untouched(const struct port *port, const PORT_CONFIGURATION_INFORMATION *config)
{
    if (config->Length != config_length(port->options.windows)) {
        violation(RULE_ARGUMENT, "the driver changed ConfigInfo->Length to %u", config->Length);
    }
    /* WmiDataProvider: the reference says to leave it, drivers in use set it FALSE, and both work. */
    if (config->AccessRanges != (void *)port->ranges) {
        violation(RULE_ARGUMENT, "the driver changed ConfigInfo->AccessRanges");
    }
}

/*
 * What the kind of 64-bit addressing that the driver has declared is worth. Reference of
 * PORT_CONFIGURATION_INFORMATION, Dma64BitAddresses (in the version of 2017 with "available starting with":
 * the last two from Windows 8 on); MaxNumberOfIO names those that allow more than 1000 requests. A kind that
 * this Windows does not know is none.
 */
struct dma64 dma64_kind(const struct port *port, uint8_t addresses)
{
    const bool from_8 = port->options.windows >= WINDOWS_8;

    if ((addresses & 0x7f) != 0 && !storport_addresses_64(port)) {
        return (struct dma64){
            0}; /* "if the system does not support 64 bit PA's then this is ignored" */
    }
    switch (addresses & 0x7f) {
    case SCSI_DMA64_MINIPORT_SUPPORTED:
        return (struct dma64){.data = true};
    case SCSI_DMA64_MINIPORT_FULL64BIT_SUPPORTED:
        return from_8 || reading_is(READING_FULL64_BEFORE_8)
                   ? (struct dma64){.data = true, .memory = true, .depth = from_8}
                   : (struct dma64){0};
    case SCSI_DMA64_MINIPORT_FULL64BIT_NO_BOUNDARY_REQ_SUPPORTED:
    case SCSI_DMA64_MINIPORT_64BIT_ONE_4GB_SUPPORTED:
        return (struct dma64){.data = from_8, .memory = from_8, .depth = from_8};
    default:
        return (struct dma64){0};
    }
}

/* Depths: more than the old limits only for drivers that can. */
static void accept_depth(struct port *port)
{
    const PORT_CONFIGURATION_INFORMATION *config = config_of(port);

    port->max_number_of_io = CONFIG_FIELD(port, MaxNumberOfIO, 1000);
    port->storport->max_ios_per_lun = CONFIG_FIELD(port, MaxIOsPerLun, 255);
    port->unit_depth = CONFIG_FIELD(port, InitialLunQueueDepth, 20);
    if (port->options.windows < WINDOWS_8) {
        port->max_number_of_io = 1000;
    }
    if (port->max_number_of_io == 0) {
        port->max_number_of_io = 1000;
    }
    if (port->max_number_of_io > 1000 && !dma64_kind(port, config->Dma64BitAddresses).depth) {
        port->max_number_of_io = 1000;
    }
    if (port->storport->max_ios_per_lun == 0 ||
        (port->storport->max_ios_per_lun > 255 && !port->storport->extended_srbs)) {
        port->storport->max_ios_per_lun = 255;
    }
    if (port->unit_depth == 0) {
        port->unit_depth = 20;
    }
    if (port->unit_depth > port->storport->max_ios_per_lun) {
        port->unit_depth = port->storport->max_ios_per_lun;
    }
}

bool storport_accept_config(struct port *port, char *error, size_t size)
{
    const PORT_CONFIGURATION_INFORMATION *config = config_of(port);

    check_untouched(port, config);
    if (!check_musts(config, error, size)) {
        return false;
    }
    config_accept_transfer(port, config->MaximumTransferLength, config->NumberOfPhysicalBreaks);
    port->dma64 = dma64_kind(port, config->Dma64BitAddresses).data;
    port->dma64_memory = dma64_kind(port, config->Dma64BitAddresses).memory;
    port->half_duplex = config->SynchronizationModel != StorSynchronizeFullDuplex;
    port->srb_extension_bytes = config->SrbExtensionSize;
    port->alignment_mask =
        config->AlignmentMask < GUEST_PAGE_SIZE ? config->AlignmentMask : GUEST_PAGE_SIZE - 1;
    port->storport->map_buffers = config->MapBuffers;
    port->caches_data = config->CachesData != 0;
    port->buses = config->NumberOfBuses;
    port->targets = config->MaximumNumberOfTargets != 0 ? config->MaximumNumberOfTargets : 1;
    port->luns = config->MaximumNumberOfLogicalUnits != 0 ? config->MaximumNumberOfLogicalUnits : 1;
    port->bus_reset_hold = CONFIG_FIELD(port, BusResetHoldTime, 0);
    accept_depth(port);
    return true;
}
