/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory that the driver asks StorPort for, and addresses: the uncached extension, pool,
 * contiguous and DMA memory, physical addresses, memory descriptor lists, system addresses and
 * scatter/gather lists of requests.
 */
#include "storport/internal.h"
#include "storport/exports.h"

#include <stdlib.h>
#include <string.h>

/* ---- uncached extension ---------------------------------------------------------------------- */

/* What must be set in the configuration before (reference: the DMA fields and
 * SrbExtensionSize are taken from it here). */
static void check_uncached_order(const struct port *port,
                                 const PORT_CONFIGURATION_INFORMATION *config)
{
    if (config != port->config) {
        violation(RULE_ARGUMENT, "StorPortGetUncachedExtension: %p is not the ConfigInfo given",
                  (const void *)config);
    }
    if (!config->Master) {
        violation(RULE_ARGUMENT, "StorPortGetUncachedExtension before ConfigInfo->Master is TRUE");
    }
    if ((config->Dma64BitAddresses & SCSI_DMA64_SYSTEM_SUPPORTED) != 0 &&
        (config->Dma64BitAddresses & 0x7f) == 0 && !config->Dma32BitAddresses) {
        violation(RULE_ARGUMENT, "StorPortGetUncachedExtension before the DMA address fields of "
                                 "ConfigInfo are set");
    }
}

PVOID NTAPI sp_get_uncached_extension(PVOID extension, PPORT_CONFIGURATION_INFORMATION config,
                                      ULONG bytes)
{
    EXPORT_ENTER("StorPortGetUncachedExtension", extension, IRQL_PASSIVE);

    if (port->state != ADAPTER_FINDING) {
        violation(RULE_PHASE, "StorPortGetUncachedExtension called outside of HwFindAdapter");
    }
    if (port->uncached == NULL && bytes != 0) {
        check_uncached_order(port, config);
        port->srb_extension_bytes = config->SrbExtensionSize;
        uncached_allocate(port, bytes, dma64_kind(port, config->Dma64BitAddresses).memory);
    }
    export_leave();
    return port->uncached;
}

/* ---- pool, contiguous, DMA memory ------------------------------------------------------------ */

ULONG ext_allocate_pool(struct port *port, const uint64_t *a)
{
    struct memory_request request = {
        .kind = MEMORY_POOL, .bytes = (uint32_t)a[0], .alignment = 16, .name = "pool"};
    PVOID *result = (PVOID *)(uintptr_t)a[2];

    if (result == NULL) {
        return STOR_STATUS_INVALID_PARAMETER;
    }
    allocation_check("StorPortAllocatePool");
    *result = allocation_fails(port) || request.bytes == 0 ? NULL : memory_alloc(&request);
    if (*result == NULL) {
        return STOR_STATUS_INSUFFICIENT_RESOURCES;
    }
    resource_add(port, RESOURCE_POOL, *result, request.bytes, NULL);
    return STOR_STATUS_SUCCESS;
}

/* Ends a resource that is memory. Its contents are watched for late writes of the device. */
static void free_memory(struct resource *resource)
{
    if (resource->grant != NULL) {
        grant_end(resource->grant, true);
    }
    memory_free(resource->address);
    free(resource);
}

ULONG ext_free_pool(struct port *port, const uint64_t *a)
{
    if (a[0] == 0) {
        return STOR_STATUS_INVALID_PARAMETER;
    }
    free_memory(resource_take(port, RESOURCE_POOL, (void *)(uintptr_t)a[0], "StorPortFreePool"));
    return STOR_STATUS_SUCCESS;
}

/* Arguments: bytes, lowest, highest, boundary, cache type, node. */
static void *allocate_for_device(struct port *port, enum resource_kind kind, const uint64_t *a,
                                 const char *function, const char *name)
{
    struct memory_request request = {.kind = MEMORY_CONTIGUOUS,
                                     .bytes = a[0],
                                     .alignment = GUEST_PAGE_SIZE,
                                     .contiguous = true,
                                     .lowest = a[1],
                                     .highest = a[2],
                                     .boundary = a[3],
                                     .name = name};
    void *address;

    allocation_check(function);
    if ((a[3] & (a[3] - 1)) != 0) {
        violation(RULE_ARGUMENT, "%s: BoundaryAddressMultiple 0x%llx is no power of two", function,
                  (unsigned long long)a[3]);
    }
    if (contiguous_fails(port, request.bytes) || request.bytes == 0 ||
        (uint32_t)a[4] >= MmMaximumCacheType) {
        return NULL;
    }
    address = memory_alloc(&request);
    if (address != NULL) {
        resource_add(port, kind, address, request.bytes,
                     grant_begin(address, request.bytes, GRANT_BOTH, name, NULL));
    }
    return address;
}

/* The reference allows DISPATCH_LEVEL; contiguous memory is really to be had at PASSIVE_LEVEL only. */
ULONG ext_allocate_contiguous(struct port *port, const uint64_t *a)
{
    PVOID *result = (PVOID *)(uintptr_t)a[6];

    if (result == NULL) {
        return STOR_STATUS_INVALID_PARAMETER;
    }
    *result = allocate_for_device(port, RESOURCE_CONTIGUOUS, a,
                                  "StorPortAllocateContiguousMemorySpecifyCacheNode",
                                  "contiguous memory");
    return *result != NULL ? STOR_STATUS_SUCCESS : STOR_STATUS_INSUFFICIENT_RESOURCES;
}

static ULONG free_for_device(struct port *port, enum resource_kind kind, const uint64_t *a,
                             const char *function)
{
    struct resource *resource;

    if (a[0] == 0) {
        return STOR_STATUS_INVALID_PARAMETER;
    }
    resource = resource_take(port, kind, (void *)(uintptr_t)a[0], function);
    if (resource->bytes != a[1]) {
        violation(RULE_ARGUMENT, "%s: %zu bytes were allocated, %llu are freed", function,
                  resource->bytes, (unsigned long long)a[1]);
    }
    free_memory(resource);
    return STOR_STATUS_SUCCESS;
}

ULONG ext_free_contiguous(struct port *port, const uint64_t *a)
{
    return free_for_device(port, RESOURCE_CONTIGUOUS, a,
                           "StorPortFreeContiguousMemorySpecifyCache");
}

ULONG ext_allocate_dma(struct port *port, const uint64_t *a)
{
    PVOID *result = (PVOID *)(uintptr_t)a[6];
    PHYSICAL_ADDRESS *physical = (PHYSICAL_ADDRESS *)(uintptr_t)a[7];
    bus_addr bus;
    uint64_t length;

    if (result == NULL || physical == NULL) {
        return STOR_STATUS_INVALID_PARAMETER;
    }
    *result = allocate_for_device(port, RESOURCE_DMA, a, "StorPortAllocateDmaMemory", "DMA memory");
    if (*result == NULL || !memory_bus_address(*result, &bus, &length)) {
        return STOR_STATUS_INSUFFICIENT_RESOURCES;
    }
    physical->QuadPart = (LONGLONG)bus;
    return STOR_STATUS_SUCCESS;
}

ULONG ext_free_dma(struct port *port, const uint64_t *a)
{
    return free_for_device(port, RESOURCE_DMA, a, "StorPortFreeDmaMemory");
}

/* ---- addresses ------------------------------------------------------------------------------- */

/*
 * The device extension. The reference does not list it among what StorPortGetPhysicalAddress knows,
 * but it is nonpaged memory with an address, drivers in use ask for it, and it works. From then on
 * the device may be told of it. *left gets the bytes to its end.
 */
static bool in_extension(struct port *port, uint8_t *address, uint64_t *left)
{
    uint8_t *start = port->extension;
    const size_t bytes = port->extension_bytes;

    if (address < start || address >= start + bytes) {
        return false;
    }
    if (port->extension_grant == NULL) {
        port->extension_grant = grant_begin(start, bytes, GRANT_BOTH, "device extension", NULL);
    }
    *left = (uint64_t)(start + bytes - address);
    return true;
}

/* Contiguous and DMA memory; *left gets the bytes to its end. */
static bool in_resource(struct port *port, const uint8_t *address, uint64_t *left)
{
    bool found = false;

    pthread_mutex_lock(&port->mutex);
    for (const struct resource *r = port->resources; r != NULL && !found; r = r->next) {
        const uint8_t *start = r->address;

        if ((r->kind == RESOURCE_CONTIGUOUS || r->kind == RESOURCE_DMA) && address >= start &&
            address < start + r->bytes) {
            *left = (uint64_t)(start + r->bytes - address);
            found = true;
        }
    }
    pthread_mutex_unlock(&port->mutex);
    return found;
}

/* A buffer of any request that the driver holds: callers often give no SRB for its extension and
 * sense buffer. */
static bool in_live_request(struct port *port, const void *address, uint64_t *left)
{
    const struct request *request = request_with_buffer(port, address);

    *left = UINT64_MAX;
    return request != NULL;
}

/*
 * Reference: with an SRB, addresses of its data buffer, sense buffer or extension; without, of the
 * uncached extension and other memory that StorPort gave for the device. Others answer 0 here,
 * with length 0.
 */
uint64_t NTAPI sp_get_physical_address(PVOID extension, PSCSI_REQUEST_BLOCK srb, PVOID address,
                                       ULONG *length)
{
    EXPORT_ENTER("StorPortGetPhysicalAddress", extension, IRQL_DEVICE);
    uint64_t bytes = 0, left;
    bus_addr bus = 0;
    bool valid;

    if (rules_are_off() && memory_bus_address(address, &bus, &bytes)) {
        if (length != NULL) {
            *length = bytes > UINT32_MAX ? UINT32_MAX : (ULONG)bytes;
        }
        return bus;
    }
    if (srb != NULL) {
        request_of(port, srb, "StorPortGetPhysicalAddress");
    }
    left = uncached_left(port, address);
    valid = left != 0 || in_resource(port, address, &left) ||
            in_live_request(port, address, &left) || in_extension(port, address, &left);
    if (!valid || !memory_bus_address(address, &bus, &bytes)) {
        char text[160];

        if (!memory_describe(address, text, sizeof(text))) {
            strcpy(text, "no memory that StorPort gave");
        }
        violation(RULE_ARGUMENT,
                  "StorPortGetPhysicalAddress for %p: %s has no address that the "
                  "device may use",
                  address, text);
    }
    if (bytes > left) {
        bytes = left;
    }
    if (srb == NULL && left != UINT64_MAX && reading_is(READING_LENGTH_OF_PAGE)) {
        uint64_t page = GUEST_PAGE_SIZE - (uintptr_t)address % GUEST_PAGE_SIZE;

        bytes = bytes < page ? bytes : page;
    }
    if (length != NULL) {
        *length = bytes > UINT32_MAX ? UINT32_MAX : (ULONG)bytes;
    }
    export_leave();
    return bus;
}

PVOID NTAPI sp_get_virtual_address(PVOID extension, uint64_t bus)
{
    EXPORT_ENTER("StorPortGetVirtualAddress", extension, IRQL_DEVICE);
    void *address = memory_virtual(bus);

    (void)port;
    export_leave();
    return address;
}

PSTOR_SCATTER_GATHER_LIST NTAPI sp_get_scatter_gather_list(PVOID extension, PSCSI_REQUEST_BLOCK srb)
{
    EXPORT_ENTER("StorPortGetScatterGatherList", extension, IRQL_DEVICE);
    struct request *request = request_of(port, srb, "StorPortGetScatterGatherList");

    export_leave();
    return request->list;
}

uint64_t NTAPI sp_convert_ulong_to_physical_address(ULONG_PTR value)
{
    EXPORT_ENTER("StorPortConvertUlongToPhysicalAddress", NULL, IRQL_HIGH);

    (void)port;
    return value;
}

ULONG NTAPI sp_convert_physical_address_to_ulong(uint64_t address)
{
    EXPORT_ENTER("StorPortConvertPhysicalAddressToUlong", NULL, IRQL_HIGH);

    (void)port;
    return (ULONG)address;
}

VOID NTAPI sp_move_memory(PVOID to, PVOID from, ULONG length)
{
    EXPORT_ENTER("StorPortMoveMemory", NULL, IRQL_HIGH);

    (void)port;
    memmove(to, from, length);
}

/* ---- system addresses and MDLs --------------------------------------------------------------- */

ULONG ext_get_system_address(struct port *port, const uint64_t *a)
{
    struct request *request = request_of(port, (void *)(uintptr_t)a[0], "StorPortGetSystemAddress");
    PVOID *result = (PVOID *)(uintptr_t)a[1];

    if (result == NULL) {
        return STOR_STATUS_INVALID_PARAMETER;
    }
    *result = NULL;
    if (request->data == NULL) {
        return STOR_STATUS_INVALID_PARAMETER;
    }
    if (!request->data_shown) {
        request->data_shown = true;
        memory_show(request->data_block);
    }
    *result = request->data;
    return STOR_STATUS_SUCCESS;
}

static MDL *make_mdl(void *address, size_t length)
{
    uintptr_t start = (uintptr_t)address & ~(uintptr_t)(GUEST_PAGE_SIZE - 1);
    size_t pages = ((uintptr_t)address + length - start + GUEST_PAGE_SIZE - 1) / GUEST_PAGE_SIZE;
    struct memory_request request = {.kind = MEMORY_PORT,
                                     .bytes = sizeof(MDL) + pages * sizeof(PFN_NUMBER),
                                     .alignment = 16,
                                     .name = "MDL"};
    MDL *mdl = memory_alloc(&request);

    if (mdl != NULL) {
        memset(mdl, 0, request.bytes);
        mdl->Size = (CSHORT)request.bytes;
        mdl->StartVa = (void *)start;
        mdl->ByteOffset = (ULONG)((uintptr_t)address - start);
        mdl->ByteCount = (ULONG)length;
        mdl->MappedSystemVa = address;
    }
    return mdl;
}

/* Fills in the page numbers that follow an MDL. */
static void fill_pages(MDL *mdl)
{
    PFN_NUMBER *pages = (PFN_NUMBER *)(mdl + 1);
    size_t count = (mdl->Size - sizeof(MDL)) / sizeof(PFN_NUMBER);

    for (size_t i = 0; i < count; i++) {
        bus_addr bus;
        uint64_t length;
        uint8_t *address = (uint8_t *)mdl->StartVa + i * GUEST_PAGE_SIZE;

        if (i == 0) {
            address += mdl->ByteOffset;
        }
        pages[i] = memory_bus_address(address, &bus, &length) ? bus / GUEST_PAGE_SIZE : 0;
    }
}

ULONG ext_allocate_mdl(struct port *port, const uint64_t *a)
{
    PVOID *result = (PVOID *)(uintptr_t)a[2];

    if (result == NULL || a[0] == 0) {
        return STOR_STATUS_INVALID_PARAMETER;
    }
    allocation_check("StorPortAllocateMdl");
    *result = make_mdl((void *)(uintptr_t)a[0], (uint32_t)a[1]);
    if (*result == NULL) {
        return STOR_STATUS_INSUFFICIENT_RESOURCES;
    }
    resource_add(port, RESOURCE_MDL, *result, (uint32_t)a[1], NULL);
    return STOR_STATUS_SUCCESS;
}

ULONG ext_free_mdl(struct port *port, const uint64_t *a)
{
    if (a[0] == 0) {
        return STOR_STATUS_INVALID_PARAMETER;
    }
    free_memory(resource_take(port, RESOURCE_MDL, (void *)(uintptr_t)a[0], "StorPortFreeMdl"));
    return STOR_STATUS_SUCCESS;
}

ULONG ext_build_mdl(struct port *port, const uint64_t *a)
{
    if (a[0] == 0) {
        return STOR_STATUS_INVALID_PARAMETER;
    }
    if (resource_find(port, RESOURCE_MDL, (void *)(uintptr_t)a[0]) == NULL) {
        violation(RULE_ARGUMENT, "StorPortBuildMdlForNonPagedPool: %p is no MDL",
                  (void *)(uintptr_t)a[0]);
    }
    fill_pages((MDL *)(uintptr_t)a[0]);
    return STOR_STATUS_SUCCESS;
}

ULONG ext_get_original_mdl(struct port *port, const uint64_t *a)
{
    struct request *request = request_of(port, (void *)(uintptr_t)a[0], "StorPortGetOriginalMdl");
    PVOID *result = (PVOID *)(uintptr_t)a[1];

    if (result == NULL || request->data == NULL) {
        return STOR_STATUS_INVALID_PARAMETER;
    }
    if (request->mdl == NULL) {
        request->mdl = make_mdl(request->data, request->length);
        if (request->mdl == NULL) {
            return STOR_STATUS_INSUFFICIENT_RESOURCES;
        }
        fill_pages(request->mdl);
    }
    *result = request->mdl;
    return STOR_STATUS_SUCCESS;
}

/* The data-in buffer of bidirectional requests: there are none here. */
ULONG ext_get_data_in(struct port *port, const uint64_t *a)
{
    request_of(port, (void *)(uintptr_t)a[0], "StorPortGetDataInBuffer...");
    return STOR_STATUS_INVALID_PARAMETER;
}

ULONG ext_get_pfns(struct port *port, const uint64_t *a)
{
    MDL *mdl = (MDL *)(uintptr_t)a[1];

    if (mdl == NULL || a[2] == 0 || a[3] == 0 || a[4] == 0) {
        return STOR_STATUS_INVALID_PARAMETER;
    }
    (void)port;
    *(PVOID *)(uintptr_t)a[2] = mdl + 1;
    *(ULONG *)(uintptr_t)a[3] = (ULONG)((mdl->Size - sizeof(MDL)) / sizeof(PFN_NUMBER));
    *(ULONG *)(uintptr_t)a[4] = mdl->ByteOffset;
    return STOR_STATUS_SUCCESS;
}

/*
 * A scatter/gather list for memory that the driver describes by an MDL: built in the caller's
 * buffer if it is given and large enough, and handed to the execution routine before the call
 * returns, as the DMA library does when it need not wait for map registers.
 */
ULONG ext_build_sg_list(struct port *port, const uint64_t *a)
{
    MDL *mdl = (MDL *)(uintptr_t)a[0];
    uint8_t *address = (uint8_t *)(uintptr_t)a[1];
    uint32_t length = (uint32_t)a[2];
    PPOST_SCATTER_GATHER_EXECUTE routine = (PPOST_SCATTER_GATHER_EXECUTE)(uintptr_t)a[3];
    size_t pages = (length + 2 * GUEST_PAGE_SIZE - 2) / GUEST_PAGE_SIZE + 1;
    size_t bytes = sizeof(STOR_SCATTER_GATHER_LIST) + pages * sizeof(STOR_SCATTER_GATHER_ELEMENT);
    struct memory_request request = {
        .kind = MEMORY_SRB, .bytes = bytes, .alignment = 8, .name = "scatter/gather list"};
    STOR_SCATTER_GATHER_LIST *list;
    struct frame frame;

    if (mdl == NULL || routine == NULL || length == 0) {
        return STOR_STATUS_INVALID_PARAMETER;
    }
    list = memory_alloc(&request);
    if (list == NULL) {
        return STOR_STATUS_INSUFFICIENT_RESOURCES;
    }
    list->NumberOfElements = 0;
    for (uint32_t done = 0; done < length;) {
        bus_addr bus;
        uint64_t piece;

        if (!memory_bus_address(address + done, &bus, &piece)) {
            memory_free(list);
            return STOR_STATUS_INVALID_PARAMETER;
        }
        piece = piece > length - done ? length - done : piece;
        list->List[list->NumberOfElements].PhysicalAddress.QuadPart = (LONGLONG)bus;
        list->List[list->NumberOfElements++].Length = (ULONG)piece;
        done += (uint32_t)piece;
    }
    resource_add(port, RESOURCE_SG_LIST, list, bytes,
                 grant_begin(address, length, (UCHAR)a[5] ? GRANT_DEVICE_READS : GRANT_BOTH,
                             "memory of StorPortBuildScatterGatherList", NULL));
    entry_begin(&frame, port, ENTRY_SCATTER_GATHER, 0, NULL);
    routine(NULL, NULL, list, (PVOID)(uintptr_t)a[4]);
    entry_end(&frame);
    return STOR_STATUS_SUCCESS;
}

ULONG ext_put_sg_list(struct port *port, const uint64_t *a)
{
    struct resource *resource;

    if (a[0] == 0) {
        return STOR_STATUS_INVALID_PARAMETER;
    }
    resource = resource_take(port, RESOURCE_SG_LIST, (void *)(uintptr_t)a[0],
                             "StorPortPutScatterGatherList");
    grant_end(resource->grant, false);
    memory_free(resource->address);
    free(resource);
    return STOR_STATUS_SUCCESS;
}
