/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SCSIPort's PORT_CONFIGURATION_INFORMATION: its initial values in Windows XP, and what SCSIPort
 * makes of the driver's answers. Source, unless said otherwise: the reference page of the structure
 * (srb.h).
 */
#include "scsiport/internal.h"

#include <string.h>

/* Pieces of a request less one, where neither registry nor driver say: one page of 4 KiB more than
 * 64 KiB. */
#define DEFAULT_BREAKS 17

/* AlignmentMask is 7 at most "under Windows NT and Windows 2000". */
#define ALIGNMENT_MASK_MAXIMUM 7

/* Type of a registry value that is text: REG_SZ. */
#define REGISTRY_TEXT 1

/* Requests that an adapter has at once: as many as there are tags. */
#define REQUESTS_MAXIMUM TAGS

/* A value of Parameters\Device for an administrator to limit scatter/gather lists: within limits,
 * what NumberOfPhysicalBreaks then begins as. */
static ULONG initial_breaks(const struct port *port)
{
    const struct port_registry_value *value = registry_option(port, "MaximumSGList");
    uint32_t number;

    if (value == NULL || value->length != sizeof(number)) {
        return SP_UNINITIALIZED_VALUE;
    }
    memcpy(&number, value->data, sizeof(number));
    if (number > SCSI_MAXIMUM_PHYSICAL_BREAKS) {
        return SCSI_MAXIMUM_PHYSICAL_BREAKS;
    }
    return number < SCSI_MINIMUM_PHYSICAL_BREAKS ? SCSI_MINIMUM_PHYSICAL_BREAKS : number;
}

/* ArgumentString: the text of the value DriverParameter, which the registry has in UTF-16, as ASCII;
 * NULL where there is none. */
static void make_argument(struct port *port)
{
    const struct port_registry_value *value = registry_option(port, "DriverParameter");
    const WCHAR *wide;

    if (port->argument != NULL) {
        memory_free(port->argument);
        port->argument = NULL;
    }
    if (value == NULL || value->type != REGISTRY_TEXT) {
        return;
    }
    wide = value->data;
    port->argument = port_zeroed(value->length / sizeof(*wide) + 1, "ArgumentString");
    for (size_t i = 0; i < value->length / sizeof(*wide); i++) {
        port->argument[i] = wide[i] < 0x80 ? (char)wide[i] : '?';
    }
}

static void fill(struct port *port, PORT_CONFIGURATION_INFORMATION *config)
{
    const HW_INITIALIZATION_DATA *init = &port->scsiport->init;

    config->Length = sizeof(*config);
    config->SystemIoBusNumber = port->device->bus;
    config->AdapterInterfaceType = init->AdapterInterfaceType;
    config->BusInterruptLevel = IRQL_DEVICE;
    config->BusInterruptVector = 0x50;
    config->InterruptMode = LevelSensitive;
    config->MaximumTransferLength = SP_UNINITIALIZED_VALUE;
    config->NumberOfPhysicalBreaks = initial_breaks(port);
    config->DmaChannel = config->DmaPort = SP_UNINITIALIZED_VALUE;
    config->NumberOfAccessRanges = port->range_count;
    config->AccessRanges = (void *)port->ranges;
    memset(config->InitiatorBusId, -1, sizeof(config->InitiatorBusId));
    config->MapBuffers = init->MapBuffers;
    config->NeedPhysicalAddresses = init->NeedPhysicalAddresses;
    config->TaggedQueuing = init->TaggedQueuing;
    config->AutoRequestSense = init->AutoRequestSense;
    config->MultipleRequestPerLu = init->MultipleRequestPerLu;
    config->ReceiveEvent = init->ReceiveEvent;
    config->BufferAccessScsiPortControlled = TRUE;
    config->MaximumNumberOfTargets = SCSI_MAXIMUM_TARGETS;
    config->SlotNumber = port->device->slot | port->device->function << 5;
    config->InterruptMode2 = LevelSensitive;
    config->DmaChannel2 = config->DmaPort2 = SP_UNINITIALIZED_VALUE;
    config->DeviceExtensionSize = init->DeviceExtensionSize;
    config->SpecificLuExtensionSize = init->SpecificLuExtensionSize;
    config->SrbExtensionSize = init->SrbExtensionSize;
    config->Dma64BitAddresses = SCSI_DMA64_SYSTEM_SUPPORTED;
    config->MaximumNumberOfLogicalUnits = SCSI_MAXIMUM_LOGICAL_UNITS;
}

void scsiport_make_config(struct port *port)
{
    config_allocate(port, sizeof(PORT_CONFIGURATION_INFORMATION));
    fill(port, port->config);
    make_argument(port);
    port->scsiport->uncached_asked = false;
}

/* Fields that are not the driver's to change. */
static void check_untouched(const struct port *port, const PORT_CONFIGURATION_INFORMATION *config)
{
    ULONG breaks = initial_breaks(port);

    if (config->Length != sizeof(*config)) {
        violation(RULE_ARGUMENT, "the driver changed ConfigInfo->Length to %u", config->Length);
    }
    if (config->AccessRanges != (void *)port->ranges) {
        violation(RULE_ARGUMENT, "the driver changed ConfigInfo->AccessRanges");
    }
    if (breaks != SP_UNINITIALIZED_VALUE && config->NumberOfPhysicalBreaks > breaks) {
        violation(RULE_ARGUMENT,
                  "the driver raised NumberOfPhysicalBreaks from %u to %u; it may lower it only",
                  breaks, config->NumberOfPhysicalBreaks);
    }
    if (config->SrbExtensionSize != port->srb_extension_bytes && port->uncached != NULL) {
        violation(RULE_ARGUMENT,
                  "the driver changed SrbExtensionSize to %u after ScsiPortGetUncachedExtension, "
                  "which has taken memory for SRB extensions of %zu bytes",
                  config->SrbExtensionSize, port->srb_extension_bytes);
    }
}

static bool check_musts(const PORT_CONFIGURATION_INFORMATION *config, char *error, size_t size)
{
    if (config->NumberOfBuses == 0) {
        return config_refuse(error, size, "NumberOfBuses is 0");
    }
    if (config->NumberOfBuses > SCSI_MAXIMUM_BUSES) {
        return config_refuse(error, size, "NumberOfBuses is more than SCSI_MAXIMUM_BUSES (8)");
    }
    if (config->MaximumTransferLength == 0) {
        return config_refuse(error, size, "MaximumTransferLength is 0");
    }
    if ((config->AlignmentMask & (config->AlignmentMask + 1)) != 0 ||
        config->AlignmentMask > ALIGNMENT_MASK_MAXIMUM) {
        return config_refuse(error, size, "AlignmentMask is none of 0, 1, 3 and 7");
    }
    if (config->MaximumNumberOfTargets > SCSI_MAXIMUM_TARGETS_PER_BUS) {
        return config_refuse(error, size,
                             "MaximumNumberOfTargets is more than SCSI_MAXIMUM_TARGETS_PER_BUS");
    }
    if (!config->Master && config->ScatterGather) {
        return config_refuse(error, size,
                             "ScatterGather without Master: system DMA is not played here");
    }
    return true;
}

bool scsiport_accept_config(struct port *port, char *error, size_t size)
{
    const PORT_CONFIGURATION_INFORMATION *config = config_of(port);
    struct scsiport *own = port->scsiport;
    ULONG breaks = config->NumberOfPhysicalBreaks;

    check_untouched(port, config);
    if (!check_musts(config, error, size)) {
        return false;
    }
    if (breaks == SP_UNINITIALIZED_VALUE) {
        breaks = DEFAULT_BREAKS;
    }
    port->one_piece = config->Master && (!config->ScatterGather || breaks == 0);
    config_accept_transfer(port, config->MaximumTransferLength,
                           port->one_piece ? DEFAULT_BREAKS : breaks);
    if (port->one_piece) {
        port->physical_breaks = 0;
    }
    port->dma64 = (config->Dma64BitAddresses & 0x7f) == SCSI_DMA64_MINIPORT_SUPPORTED;
    port->srb_extension_bytes = config->SrbExtensionSize;
    port->unit_extension_bytes = config->SpecificLuExtensionSize;
    port->alignment_mask = config->AlignmentMask;
    port->caches_data = config->CachesData != 0;
    port->buses = config->NumberOfBuses;
    port->targets = config->MaximumNumberOfTargets != 0 ? config->MaximumNumberOfTargets : 1;
    port->luns = config->MaximumNumberOfLogicalUnits != 0 ? config->MaximumNumberOfLogicalUnits : 1;
    port->max_number_of_io = REQUESTS_MAXIMUM;
    port->unit_depth = config->TaggedQueuing || config->MultipleRequestPerLu ? REQUESTS_MAXIMUM : 1;
    own->map_buffers = config->MapBuffers != 0;
    own->tagged = config->TaggedQueuing != 0;
    own->multiple = config->MultipleRequestPerLu != 0;
    own->auto_sense = config->AutoRequestSense != 0;
    own->receives_events = config->ReceiveEvent != 0;
    own->provides_wmi = config->WmiDataProvider != 0;
    memcpy(own->initiator_ids, config->InitiatorBusId, sizeof(own->initiator_ids));
    return true;
}
