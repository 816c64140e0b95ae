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
    config->Dma64BitAddresses = SCSI_DMA64_SYSTEM_SUPPORTED;
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
    if (port->max_number_of_io > 1000 && (config->Dma64BitAddresses & 0x7f) == 0) {
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
    port->dma64 = (config->Dma64BitAddresses & 0x7f) != 0;
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
