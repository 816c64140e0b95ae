/* SPDX-License-Identifier: BSD-3-Clause */
/* Physical addresses, contiguous memory, mapped registers and memory descriptor lists. */
#include <string.h>

#include "kernel/kernel_internal.h"
#include "kernel/pool.h"
#include "machine/memory.h"

/* ---- Registers ----------------------------------------------------------------------------- */

static void *(*map_space)(uint64_t physical, size_t length);
static void (*unmap_space)(void *address, size_t length);

void kernel_set_io_space(void *(*map)(uint64_t physical, size_t length),
                         void (*unmap)(void *address, size_t length))
{
    map_space = map;
    unmap_space = unmap;
}

static PVOID map_registers(PHYSICAL_ADDRESS physical, SIZE_T length, const char *function)
{
    kernel_require_irql(IRQL_DISPATCH, function);
    return map_space != NULL ? map_space((uint64_t)physical.QuadPart, length) : NULL;
}

static PVOID NTAPI map_io_space(PHYSICAL_ADDRESS physical, SIZE_T length, int cache)
{
    (void)cache;
    return map_registers(physical, length, "MmMapIoSpace");
}

static PVOID NTAPI map_io_space_ex(PHYSICAL_ADDRESS physical, SIZE_T length, ULONG protection)
{
    (void)protection;
    return map_registers(physical, length, "MmMapIoSpaceEx");
}

static VOID NTAPI unmap_io_space(PVOID address, SIZE_T length)
{
    kernel_require_irql(IRQL_DISPATCH, "MmUnmapIoSpace");
    if (unmap_space == NULL) {
        violation(RULE_ARGUMENT, "MmUnmapIoSpace of %p, which was not mapped", address);
    }
    unmap_space(address, length);
}

/* ---- Memory -------------------------------------------------------------------------------- */

/* The processor's physical address; 0 for what is no memory from here. It is not what a device may
 * be told when a bus offset is played. */
static PHYSICAL_ADDRESS NTAPI physical_address(PVOID address)
{
    PHYSICAL_ADDRESS physical = {.QuadPart = 0};
    uint64_t contiguous;
    bus_addr bus;

    if (memory_bus_address(address, &bus, &contiguous)) {
        physical.QuadPart = (LONGLONG)(bus - memory_layout()->bus_offset);
    }
    return physical;
}

static void *allocate_contiguous(SIZE_T bytes, PHYSICAL_ADDRESS lowest, PHYSICAL_ADDRESS highest,
                                 PHYSICAL_ADDRESS boundary, const char *function)
{
    struct memory_request request = {
        .kind = MEMORY_CONTIGUOUS,
        .bytes = bytes,
        .alignment = GUEST_PAGE_SIZE,
        .contiguous = true,
        .lowest = (uint64_t)lowest.QuadPart,
        .highest = (uint64_t)highest.QuadPart,
        .boundary = (uint64_t)boundary.QuadPart,
        .name = "contiguous memory",
    };

    kernel_require_irql(IRQL_DISPATCH, function);
    if (bytes == 0) {
        violation(RULE_ARGUMENT, "%s of 0 bytes", function);
    }
    kernel_allocating(function);
    return memory_alloc(&request);
}

static PVOID NTAPI contiguous_memory(SIZE_T bytes, PHYSICAL_ADDRESS highest)
{
    PHYSICAL_ADDRESS none = {.QuadPart = 0};

    return allocate_contiguous(bytes, none, highest, none, "MmAllocateContiguousMemory");
}

static PVOID NTAPI contiguous_memory_cache(SIZE_T bytes, PHYSICAL_ADDRESS lowest,
                                           PHYSICAL_ADDRESS highest, PHYSICAL_ADDRESS boundary,
                                           int cache)
{
    (void)cache;
    return allocate_contiguous(bytes, lowest, highest, boundary,
                               "MmAllocateContiguousMemorySpecifyCache");
}

static PVOID NTAPI contiguous_memory_cache_node(SIZE_T bytes, PHYSICAL_ADDRESS lowest,
                                                PHYSICAL_ADDRESS highest, PHYSICAL_ADDRESS boundary,
                                                int cache, ULONG node)
{
    (void)cache;
    (void)node;
    return allocate_contiguous(bytes, lowest, highest, boundary,
                               "MmAllocateContiguousMemorySpecifyCacheNode");
}

static PVOID NTAPI contiguous_node_memory(SIZE_T bytes, PHYSICAL_ADDRESS lowest,
                                          PHYSICAL_ADDRESS highest, PHYSICAL_ADDRESS boundary,
                                          ULONG protection, ULONG node)
{
    (void)protection;
    (void)node;
    return allocate_contiguous(bytes, lowest, highest, boundary, "MmAllocateContiguousNodeMemory");
}

static void free_contiguous_memory(PVOID address, const char *function)
{
    kernel_require_irql(kernel_windows() >= WINDOWS_VISTA ? IRQL_DISPATCH : IRQL_APC, function);
    memory_free(address);
}

static VOID NTAPI free_contiguous(PVOID address)
{
    free_contiguous_memory(address, "MmFreeContiguousMemory");
}

static VOID NTAPI free_contiguous_cache(PVOID address, SIZE_T bytes, int cache)
{
    (void)bytes;
    (void)cache;
    free_contiguous_memory(address, "MmFreeContiguousMemorySpecifyCache");
}

static BOOLEAN NTAPI is_address_valid(PVOID address)
{
    uint64_t contiguous;
    bus_addr bus;

    return memory_bus_address(address, &bus, &contiguous);
}

/* ---- Memory descriptor lists --------------------------------------------------------------- */

enum mdl_flag {
    MDL_MAPPED_TO_SYSTEM_VA = 0x1,
    MDL_SOURCE_IS_NONPAGED_POOL = 0x4
};

#define MDL_TAG 0x206c644du /* "Mdl " */

static SIZE_T mdl_pages(const VOID *address, ULONG length)
{
    return (BYTE_OFFSET(address) + (SIZE_T)length + PAGE_SIZE - 1) / PAGE_SIZE;
}

static MDL *NTAPI allocate_mdl(PVOID address, ULONG length, BOOLEAN secondary, BOOLEAN charge,
                               PVOID irp)
{
    SIZE_T bytes = sizeof(MDL) + mdl_pages(address, length) * sizeof(PFN_NUMBER);
    MDL *mdl;

    (void)secondary;
    (void)charge;
    (void)irp;
    kernel_require_irql(IRQL_DISPATCH, "IoAllocateMdl");
    kernel_allocating("IoAllocateMdl");
    mdl = kernel_pool_allocate(POOL_NON_PAGED, bytes, MDL_TAG);
    if (mdl != NULL) {
        memset(mdl, 0, bytes);
        mdl->Size = (CSHORT)bytes;
        mdl->StartVa = PAGE_ALIGN(address);
        mdl->ByteOffset = BYTE_OFFSET(address);
        mdl->ByteCount = length;
    }
    return mdl;
}

static VOID NTAPI free_mdl(MDL *mdl)
{
    kernel_require_irql(IRQL_DISPATCH, "IoFreeMdl");
    kernel_pool_free(mdl, MDL_TAG, "IoFreeMdl");
}

static VOID NTAPI build_mdl(MDL *mdl)
{
    PFN_NUMBER *pages = (PFN_NUMBER *)(mdl + 1);
    char *first = mdl->StartVa;
    SIZE_T count;
    SIZE_T index;
    SERVES("MmBuildMdlForNonPagedPool");

    kernel_require_irql(IRQL_DISPATCH, "MmBuildMdlForNonPagedPool");
    count = mdl_pages(first + mdl->ByteOffset, mdl->ByteCount);
    for (index = 0; index < count; index++) {
        char *page = first + (index == 0 ? mdl->ByteOffset : index * PAGE_SIZE);

        pages[index] = (PFN_NUMBER)physical_address(page).QuadPart >> PAGE_SHIFT;
    }
    mdl->MappedSystemVa = first + mdl->ByteOffset;
    mdl->MdlFlags |= MDL_SOURCE_IS_NONPAGED_POOL;
}

/* What an MDL describes is mapped already: all of the driver's memory is. */
static PVOID NTAPI map_locked_pages(MDL *mdl, char mode, int cache, PVOID base, ULONG bug_check,
                                    ULONG priority)
{
    SERVES("MmMapLockedPagesSpecifyCache");

    (void)mode;
    (void)cache;
    (void)base;
    (void)bug_check;
    (void)priority;
    mdl->MappedSystemVa = (char *)mdl->StartVa + mdl->ByteOffset;
    mdl->MdlFlags |= MDL_MAPPED_TO_SYSTEM_VA;
    return mdl->MappedSystemVa;
}

static VOID NTAPI unmap_locked_pages(PVOID address, MDL *mdl)
{
    SERVES("MmUnmapLockedPages");

    (void)address;
    mdl->MdlFlags &= ~MDL_MAPPED_TO_SYSTEM_VA;
}

static const struct kernel_export exports[] = {
    KERNEL_EXPORT(MmMapIoSpace, map_io_space),
    KERNEL_EXPORT(MmMapIoSpaceEx, map_io_space_ex),
    KERNEL_EXPORT(MmUnmapIoSpace, unmap_io_space),
    KERNEL_EXPORT(MmGetPhysicalAddress, physical_address),
    KERNEL_EXPORT(MmIsAddressValid, is_address_valid),
    KERNEL_EXPORT(MmAllocateContiguousMemory, contiguous_memory),
    KERNEL_EXPORT(MmAllocateContiguousMemorySpecifyCache, contiguous_memory_cache),
    KERNEL_EXPORT(MmAllocateContiguousMemorySpecifyCacheNode, contiguous_memory_cache_node),
    KERNEL_EXPORT(MmAllocateContiguousNodeMemory, contiguous_node_memory),
    KERNEL_EXPORT(MmFreeContiguousMemory, free_contiguous),
    KERNEL_EXPORT(MmFreeContiguousMemorySpecifyCache, free_contiguous_cache),
    KERNEL_EXPORT(IoAllocateMdl, allocate_mdl),
    KERNEL_EXPORT(IoFreeMdl, free_mdl),
    KERNEL_EXPORT(MmBuildMdlForNonPagedPool, build_mdl),
    KERNEL_EXPORT(MmMapLockedPagesSpecifyCache, map_locked_pages),
    KERNEL_EXPORT(MmUnmapLockedPages, unmap_locked_pages),
};

KERNEL_TABLE(kernel_mapping, exports);
