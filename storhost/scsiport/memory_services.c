/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory that the driver asks SCSIPort for, and addresses. Sources: the reference pages of the
 * functions (srb.h).
 */
#include "scsiport/exports.h"

#include <string.h>

/* "Drivers in Windows XP and earlier operating systems must not allocate more." */
#define UNCACHED_MAXIMUM (100u * 1024)

/* ---- uncached extension ---------------------------------------------------------------------- */

static void check_order(const PORT_CONFIGURATION_INFORMATION *config)
{
    if (!config->Master) {
        violation(RULE_ARGUMENT, "ScsiPortGetUncachedExtension before ConfigInfo->Master is TRUE: "
                                 "it is for bus masters");
    }
    if (!config->AutoRequestSense) {
        violation(RULE_ARGUMENT, "ScsiPortGetUncachedExtension before ConfigInfo->AutoRequestSense "
                                 "is TRUE");
    }
    if (!config->Dma32BitAddresses && (config->Dma64BitAddresses & 0x7f) == 0) {
        violation(RULE_ARGUMENT, "ScsiPortGetUncachedExtension before Dma32BitAddresses or "
                                 "Dma64BitAddresses of ConfigInfo is set");
    }
    if (config->NumberOfPhysicalBreaks == SP_UNINITIALIZED_VALUE && config->ScatterGather) {
        violation(RULE_ARGUMENT, "ScsiPortGetUncachedExtension before NumberOfPhysicalBreaks of "
                                 "ConfigInfo is set");
    }
}

PVOID NTAPI scsi_get_uncached_extension(PVOID extension, PPORT_CONFIGURATION_INFORMATION config,
                                        ULONG bytes)
{
    EXPORT_ENTER("ScsiPortGetUncachedExtension", extension, IRQL_PASSIVE);

    ONLY_IN_FIND_ADAPTER(port, "ScsiPortGetUncachedExtension");
    if (config != port->config) {
        violation(RULE_ARGUMENT, "ScsiPortGetUncachedExtension: %p is not the ConfigInfo given",
                  (void *)config);
    }
    /* "Only once": of a call that gave nothing the page does not say that it counts, and the one published
     * implementation, that of ReactOS, refuses only where there is a block. */
    if (port->scsiport->uncached_asked && port->uncached != NULL) {
        violation(RULE_PHASE, "ScsiPortGetUncachedExtension called a second time; it may be called "
                              "only once for each adapter");
    }
    check_order(config);
    if (bytes == 0 || bytes > UNCACHED_MAXIMUM) {
        violation(RULE_ARGUMENT,
                  "ScsiPortGetUncachedExtension for %u bytes; Windows XP gives %u at most", bytes,
                  UNCACHED_MAXIMUM);
    }
    port->scsiport->uncached_asked = true;
    port->srb_extension_bytes = config->SrbExtensionSize;
    /* SCSI_DMA64_MINIPORT_SUPPORTED is about the data of requests. */
    uncached_allocate(port, bytes, false);
    export_leave();
    return port->uncached;
}

/* ---- addresses ------------------------------------------------------------------------------- */

static _Noreturn void refuse_address(const void *address, const char *why)
{
    char text[160];

    if (!memory_describe(address, text, sizeof(text))) {
        strcpy(text, "no memory that SCSIPort gave");
    }
    violation(RULE_ARGUMENT, "ScsiPortGetPhysicalAddress for %p (%s): %s", address, text, why);
}

/* With an SRB: its data buffer or its sense buffer. Bytes from there that are contiguous for the
 * device, in the piece of the scatter/gather list that the address lies in. */
static uint64_t address_of_request(struct port *port, const void *srb, const uint8_t *address,
                                   bus_addr *bus)
{
    const struct request *request = request_of(port, srb, "ScsiPortGetPhysicalAddress");
    uint64_t left = request_sense_left(request, address), bytes;

    if (request_data_left(request, address) != 0) {
        return data_piece_at(request, (size_t)(address - (const uint8_t *)request->data), bus);
    }
    if (left == 0) {
        refuse_address(address, "with an SRB it must lie in that SRB's DataBuffer or "
                                "SenseInfoBuffer");
    }
    return memory_bus_address(address, bus, &bytes) && bytes < left ? bytes : left;
}

/* Without: the uncached extension, an SRB extension, a sense buffer. */
static uint64_t address_of_memory(struct port *port, const uint8_t *address, bus_addr *bus)
{
    uint64_t left = uncached_left(port, address), bytes;

    if (left == 0) {
        const struct request *request = request_with_buffer(port, address);

        if (request == NULL) {
            refuse_address(address, "it lies neither in the uncached extension nor in a buffer of "
                                    "a request that the driver has");
        }
        if (request_data_left(request, address) != 0) {
            refuse_address(address, "for a DataBuffer the SRB must be given");
        }
        left = request_extension_left(request, address);
        left = left != 0 ? left : request_sense_left(request, address);
    }
    return memory_bus_address(address, bus, &bytes) && bytes < left ? bytes : left;
}

uint64_t NTAPI scsi_get_physical_address(PVOID extension, PSCSI_REQUEST_BLOCK srb, PVOID address,
                                         ULONG *length)
{
    EXPORT_ENTER("ScsiPortGetPhysicalAddress", extension, IRQL_DEVICE);
    bus_addr bus = 0;
    uint64_t bytes;

    if (!config_of(port)->NeedPhysicalAddresses) {
        violation(RULE_ARGUMENT, "ScsiPortGetPhysicalAddress by a driver that has not set "
                                 "NeedPhysicalAddresses");
    }
    if (length == NULL) {
        violation(RULE_ARGUMENT, "ScsiPortGetPhysicalAddress without a Length");
    }
    bytes = srb != NULL ? address_of_request(port, srb, address, &bus)
                        : address_of_memory(port, address, &bus);
    *length = (ULONG)bytes;
    export_leave();
    return bus;
}

PVOID NTAPI scsi_get_virtual_address(PVOID extension, uint64_t bus)
{
    EXPORT_ENTER("ScsiPortGetVirtualAddress", extension, IRQL_DEVICE);
    uint8_t *address = memory_virtual(bus);
    const struct request *request = address != NULL ? request_with_buffer(port, address) : NULL;

    if (address != NULL && uncached_left(port, address) == 0 &&
        (request == NULL || request_extension_left(request, address) == 0)) {
        violation(RULE_ARGUMENT,
                  "ScsiPortGetVirtualAddress for 0x%llx: it must be from the uncached extension or "
                  "an SRB extension",
                  (unsigned long long)bus);
    }
    export_leave();
    return address;
}

uint64_t NTAPI scsi_convert_ulong_to_physical_address(ULONG_PTR value)
{
    EXPORT_ENTER("ScsiPortConvertUlongToPhysicalAddress", NULL, IRQL_HIGH);

    (void)port;
    return value;
}

ULONG NTAPI scsi_convert_physical_address_to_ulong(uint64_t address)
{
    EXPORT_ENTER("ScsiPortConvertPhysicalAddressToUlong", NULL, IRQL_HIGH);

    (void)port;
    return (ULONG)address;
}

VOID NTAPI scsi_move_memory(PVOID to, PVOID from, ULONG length)
{
    EXPORT_ENTER("ScsiPortMoveMemory", NULL, IRQL_HIGH);

    (void)port;
    memmove(to, from, length);
}

/* ---- system DMA: a PCI adapter has none ------------------------------------------------------ */

VOID NTAPI scsi_flush_dma(PVOID extension)
{
    EXPORT_ENTER("ScsiPortFlushDma", extension, IRQL_DEVICE);

    (void)port;
    export_leave();
}

VOID NTAPI scsi_io_map_transfer(PVOID extension, PSCSI_REQUEST_BLOCK srb, PVOID address,
                                ULONG length)
{
    EXPORT_ENTER("ScsiPortIoMapTransfer", extension, IRQL_DEVICE);

    (void)address;
    (void)length;
    request_of(port, srb, "ScsiPortIoMapTransfer");
    violation(RULE_ARGUMENT, "ScsiPortIoMapTransfer is for adapters without bus mastering, by the "
                             "system's DMA controller; no PCI device is one");
}
