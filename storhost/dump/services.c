/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the dump port driver does for StorPort's and for SCSIPort's miniports alike: memory, which is
 * scarce, addresses, registers that the first copy has mapped, PCI configuration space, stalls.
 */
#include "dump/internal.h"
#include "port/readings.h"

#include <string.h>

#include <storport.h>

/* ---- limits ---------------------------------------------------------------------------------- */

void dump_accept_transfer(struct dump *dump, uint32_t bytes, uint32_t breaks)
{
    config_accept_transfer(&dump->port, bytes < DUMP_TRANSFER_BYTES ? bytes : DUMP_TRANSFER_BYTES,
                           breaks);
}

/* ---- memory ---------------------------------------------------------------------------------- */

/* Of which the miniport's authors found that dumps have no more (Microsoft's storahci). */
#define DUMP_UNCACHED_BYTES (30u * 1024u)

/* Whether the common buffer has room for so many bytes of uncached memory. */
static bool fits(const struct dump *dump, uint32_t bytes)
{
    uint64_t all =
        (uint64_t)bytes + dump->miniport.extension_bytes + dump->service->srb_extension_bytes(dump);

    return bytes <= DUMP_UNCACHED_BYTES && all <= DUMP_COMMON_BYTES;
}

PVOID NTAPI dump_get_uncached_extension(PVOID extension, PVOID config, ULONG bytes)
{
    DUMP_ENTER("GetUncachedExtension", extension);
    struct port *port = &dump->port;
    struct memory_request request = {.kind = MEMORY_UNCACHED_EXTENSION,
                                     .bytes = bytes,
                                     .alignment =
                                         reading_is(READING_DUMP_PAGES) ? GUEST_PAGE_SIZE : 16,
                                     .contiguous = true,
                                     .name = "uncached extension of the dump copy"};

    if (dump->phase != DUMP_FINDING) {
        violation(RULE_PHASE, "%sGetUncachedExtension called outside of HwFindAdapter",
                  dump->service->prefix);
    }
    if (config != dump->port.config) {
        violation(RULE_ARGUMENT, "%sGetUncachedExtension: %p is not the ConfigInfo given",
                  dump->service->prefix, config);
    }
    if (port->uncached == NULL && bytes != 0 && fits(dump, bytes)) {
        port->uncached = memory_alloc(&request);
        if (port->uncached != NULL) {
            port->uncached_bytes = bytes;
            port->uncached_grant =
                grant_begin(port->uncached, bytes, GRANT_BOTH, request.name, NULL);
        }
    }
    return port->uncached;
}

static bool inside(const void *block, size_t bytes, const uint8_t *address, uint64_t *left)
{
    const uint8_t *start = block;

    if (start == NULL || address < start || address >= start + bytes) {
        return false;
    }
    *left = (uint64_t)(start + bytes - address);
    return true;
}

/* The device extension: nonpaged memory of the dump stack, too. */
static bool inside_extension(struct dump *dump, uint8_t *address, uint64_t *left)
{
    struct port *port = &dump->port;

    if (dump->service->needs_next_request || /* SCSIPort answers for none (reference) */
        !inside(port->extension, dump->miniport.extension_bytes, address, left)) {
        return false;
    }
    if (port->extension_grant == NULL) {
        port->extension_grant = grant_begin(port->extension, dump->miniport.extension_bytes,
                                            GRANT_BOTH, "device extension of the dump copy", NULL);
    }
    return true;
}

static bool inside_request(const struct dump *dump, const uint8_t *address, uint64_t *left)
{
    const struct request *request = dump->request;

    return request != NULL && !dump->finished &&
           (inside(request->data, request->length, address, left) ||
            inside(request->sense, request->sense_length, address, left) ||
            inside(request->extension, dump->port.srb_extension_bytes, address, left));
}

uint64_t NTAPI dump_get_physical_address(PVOID extension, PVOID srb, PVOID address, ULONG *length)
{
    DUMP_ENTER("GetPhysicalAddress", extension);
    uint64_t bytes = 0, left = 0;
    bus_addr bus = 0;

    if (srb != NULL && srb != dump_current_srb(dump)) {
        violation(RULE_SRB_NOT_OWNED,
                  "%sGetPhysicalAddress for %p, which is no SRB that the dump "
                  "copy has",
                  dump->service->prefix, srb);
    }
    if (!(inside(dump->port.uncached, dump->port.uncached_bytes, address, &left) ||
          inside(dump->region, dump->region_bytes, address, &left) ||
          inside_request(dump, address, &left) || inside_extension(dump, address, &left)) ||
        !memory_bus_address(address, &bus, &bytes)) {
        char text[160] = "no memory of the dump copy";

        memory_describe(address, text, sizeof(text));
        violation(RULE_ARGUMENT,
                  "%sGetPhysicalAddress for %p: %s has no address that the device may use",
                  dump->service->prefix, address, text);
    }
    bytes = bytes < left ? bytes : left;
    if (length != NULL) {
        *length = bytes > UINT32_MAX ? UINT32_MAX : (ULONG)bytes;
    }
    return bus;
}

PVOID NTAPI dump_get_virtual_address(PVOID extension, uint64_t bus)
{
    DUMP_ENTER("GetVirtualAddress", extension);

    (void)dump;
    return memory_virtual(bus);
}

uint64_t NTAPI dump_convert_ulong_to_physical_address(ULONG_PTR value)
{
    DUMP_ENTER("ConvertUlongToPhysicalAddress", NULL);

    (void)dump;
    return value;
}

ULONG NTAPI dump_convert_physical_address_to_ulong(uint64_t address)
{
    DUMP_ENTER("ConvertPhysicalAddressToUlong", NULL);

    (void)dump;
    return (ULONG)address;
}

VOID NTAPI dump_move_memory(PVOID to, PVOID from, ULONG length)
{
    DUMP_ENTER("MoveMemory", NULL);

    (void)dump;
    memmove(to, from, length);
}

/* No unit has an extension in dump mode. */
PVOID NTAPI dump_get_logical_unit(PVOID extension, UCHAR path, UCHAR target, UCHAR lun)
{
    DUMP_ENTER("GetLogicalUnit", extension);

    (void)dump;
    (void)path;
    (void)target;
    (void)lun;
    return NULL;
}

VOID NTAPI dump_complete_request(PVOID extension, UCHAR path, UCHAR target, UCHAR lun, UCHAR status)
{
    DUMP_ENTER("CompleteRequest", extension);
    SCSI_REQUEST_BLOCK *srb = dump_current_srb(dump);

    /* All that there is has the address 0:0:0. */
    if (srb != NULL && (path == SP_UNTAGGED || path == 0) &&
        (target == SP_UNTAGGED || target == 0) && (lun == SP_UNTAGGED || lun == 0)) {
        srb->SrbStatus = status; /* same place in both kinds of request blocks */
        if (dump->request->extended) {
            ((STORAGE_REQUEST_BLOCK *)(void *)srb)->DataTransferLength = 0;
        } else {
            srb->DataTransferLength = 0;
        }
        dump_request_complete(dump, srb);
    }
}

/* ---- registers ------------------------------------------------------------------------------- */

/* The BAR that holds a range; -1 if none does. */
static int bar_of(const struct dump *dump, uint64_t address, uint32_t bytes, bool ports)
{
    for (int i = 0; i < DEVICE_BARS; i++) {
        const struct device_bar *bar = &dump->context.device->bars[i];

        if (bar->size != 0 && bar->ports == ports && bytes != 0 && bytes <= bar->size &&
            address >= bar->address && address - bar->address <= bar->size - bytes) {
            return i;
        }
    }
    return -1;
}

/*
 * Nothing can be mapped at HIGH_LEVEL: the dump port driver gives out what the first copy has
 * mapped, if it has mapped the same range from its beginning on.
 */
PVOID NTAPI dump_get_device_base(PVOID extension, ULONG type, ULONG bus, uint64_t address,
                                 ULONG bytes, UCHAR io_space)
{
    DUMP_ENTER("GetDeviceBase", extension);
    int bar = bar_of(dump, address, bytes, io_space != FALSE);

    if (dump->phase != DUMP_FINDING) {
        violation(RULE_PHASE, "%sGetDeviceBase called outside of HwFindAdapter",
                  dump->service->prefix);
    }
    for (unsigned i = 0; i < dump->context.mapping_count; i++) {
        const struct dump_mapping *mapping = &dump->context.mappings[i];

        if (bar >= 0 && mapping->bar == (unsigned)bar && type == PCIBus &&
            bus == dump->context.device->bus && mapping->length >= bytes &&
            mapping->offset == address - dump->context.device->bars[bar].address) {
            return mapping->base;
        }
    }
    return NULL;
}

/* Its mapping is the first copy's. */
VOID NTAPI dump_free_device_base(PVOID extension, PVOID base)
{
    DUMP_ENTER("FreeDeviceBase", extension);

    (void)dump;
    (void)base;
}

BOOLEAN NTAPI dump_validate_range(PVOID extension, ULONG type, ULONG bus, uint64_t address,
                                  ULONG bytes, UCHAR io_space)
{
    DUMP_ENTER("ValidateRange", extension);

    (void)type;
    (void)bus;
    return bar_of(dump, address, bytes, io_space != FALSE) >= 0;
}

/* ---- PCI configuration space ----------------------------------------------------------------- */

#define CONFIGURATION_BYTES 256

static bool own_slot(const struct dump *dump, ULONG bus, ULONG slot)
{
    const struct device *device = dump->context.device;

    return bus == device->bus && (slot & 0x1f) == device->slot &&
           ((slot >> 5) & 7) == device->function;
}

ULONG NTAPI dump_get_bus_data(PVOID extension, ULONG type, ULONG bus, ULONG slot, PVOID buffer,
                              ULONG length)
{
    DUMP_ENTER("GetBusData", extension);
    struct device *device = dump->context.device;
    uint8_t *bytes = buffer;
    ULONG done = 0;

    if (type == PCIConfiguration && own_slot(dump, bus, slot)) {
        for (; done < length && done < CONFIGURATION_BYTES; done++) {
            bytes[done] = (uint8_t)device->ops->config_read(device, done, 1);
        }
    } else if (type == PCIConfiguration && length >= 2) {
        memset(bytes, 0xff, 2); /* PCI_INVALID_VENDORID: nobody there */
        done = 2;
    }
    return done;
}

ULONG NTAPI dump_set_bus_data_by_offset(PVOID extension, ULONG type, ULONG bus, ULONG slot,
                                        PVOID buffer, ULONG offset, ULONG length)
{
    DUMP_ENTER("SetBusDataByOffset", extension);
    struct device *device = dump->context.device;
    const uint8_t *bytes = buffer;
    ULONG done = 0;

    if (type != PCIConfiguration || !own_slot(dump, bus, slot)) {
        return 0;
    }
    for (; done < length && offset + done < CONFIGURATION_BYTES; done++) {
        device->ops->config_write(device, offset + done, 1, bytes[done]);
    }
    return done;
}

/* ---- the rest -------------------------------------------------------------------------------- */

/* Nobody is there to keep a log. */
VOID NTAPI dump_log_error(PVOID extension, PVOID srb, UCHAR path, UCHAR target, UCHAR lun,
                          ULONG code, ULONG unique)
{
    DUMP_ENTER("LogError", extension);

    (void)dump;
    (void)srb;
    (void)path;
    (void)target;
    (void)lun;
    (void)code;
    (void)unique;
}

VOID NTAPIV dump_debug_print(ULONG level, PCCHAR message, ...)
{
    DUMP_ENTER("DebugPrint", NULL);

    (void)dump;
    (void)level;
    (void)message;
}

VOID NTAPI dump_query_system_time(PVOID time)
{
    DUMP_ENTER("QuerySystemTime", NULL);

    (void)time;
    dump_forbidden(dump, "no clock runs");
}

/* The same limit as in a running system. */
#define STALL_MAXIMUM 1000

VOID NTAPI dump_stall_execution(ULONG microseconds)
{
    DUMP_ENTER("StallExecution", NULL);

    rule_checked(RULE_STALL);
    if (microseconds > STALL_MAXIMUM) {
        violation(RULE_STALL, "%sStallExecution for %u microseconds; at most %u are allowed",
                  dump->service != NULL ? dump->service->prefix : "", microseconds, STALL_MAXIMUM);
    }
    clock_stall(microseconds);
}
