/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Base relocations: the linker assumed an address; every place that holds an address counted from
 * it is listed in blocks of one page each, and is moved by the difference.
 */
#include <string.h>

#include "pe/pe_arch.h"
#include "pe/pe_internal.h"

static bool relocate_word(const struct pe_mapping *mapping, uint64_t delta, uint32_t page,
                          uint16_t entry, const struct pe_error *error)
{
    unsigned type = entry >> 12;
    uint64_t rva = (uint64_t)page + (entry & 0xfff);
    uint64_t value = 0;

    if (type == PE_RELOCATION_ABSOLUTE) {
        return true;
    }
    if (type != pe_arch.relocation) {
        return pe_fail(error, "bad relocation: type %u at 0x%llx has no meaning for %s", type,
                       (unsigned long long)rva, pe_machine_name(pe_arch.machine));
    }
    if (!pe_contains(mapping, rva, pe_arch.pointer_bytes)) {
        return pe_fail(error, "bad relocation: 0x%llx is beyond the image's end (0x%x)",
                       (unsigned long long)rva, mapping->size);
    }
    memcpy(&value, mapping->base + rva, pe_arch.pointer_bytes);
    value += delta;
    memcpy(mapping->base + rva, &value, pe_arch.pointer_bytes);
    return true;
}

static bool relocate_block(const struct pe_mapping *mapping, uint64_t delta, uint32_t rva,
                           const struct pe_relocation_block *block, const struct pe_error *error)
{
    uint32_t offset;

    for (offset = sizeof(*block); offset + sizeof(uint16_t) <= block->size;
         offset += sizeof(uint16_t)) {
        uint16_t entry;

        memcpy(&entry, mapping->base + rva + offset, sizeof(entry));
        if (!relocate_word(mapping, delta, block->page, entry, error)) {
            return false;
        }
    }
    return true;
}

bool pe_relocate(const struct pe_mapping *mapping, const struct pe_headers *headers,
                 const struct pe_error *error)
{
    const struct pe_directory *directory = &headers->directory[PE_DIRECTORY_BASERELOC];
    uint64_t delta = (uint64_t)(uintptr_t)mapping->base - headers->optional.image_base;
    uint64_t end = (uint64_t)directory->address + directory->size;
    uint64_t rva = directory->address;

    if (directory->size == 0) {
        return true; /* position-independent code without a single address in its data */
    }
    if (!pe_contains(mapping, directory->address, directory->size)) {
        return pe_fail(error, "bad relocations: 0x%x+0x%x is beyond the image's end (0x%x)",
                       directory->address, directory->size, mapping->size);
    }
    while (rva < end) {
        struct pe_relocation_block block;

        if (end - rva < sizeof(block)) {
            return pe_fail(error, "bad relocations: %u bytes left at 0x%llx are no block",
                           (unsigned)(end - rva), (unsigned long long)rva);
        }
        memcpy(&block, mapping->base + rva, sizeof(block));
        if (block.size < sizeof(block) || block.size % 2 != 0 || block.size > end - rva) {
            return pe_fail(error, "bad relocations: the block at 0x%llx has a size of 0x%x bytes",
                           (unsigned long long)rva, block.size);
        }
        if (!relocate_block(mapping, delta, (uint32_t)rva, &block, error)) {
            return false;
        }
        rva += block.size;
    }
    return true;
}
