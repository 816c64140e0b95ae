/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The load configuration: places in the image that Windows fills before the driver starts.
 *
 * - The security cookie of /GS: a driver whose cookie still has the linker's value when it starts
 *   stops itself (since Windows 8), so it gets another one. It depends on the file alone, so that
 *   a run can be repeated.
 * - Pointers of control flow guard (pe_arch).
 *
 * And on x86 the list of exception handlers, of which Windows believes every word.
 */
#include <string.h>

#include "base/random.h"
#include "pe/pe_arch.h"
#include "pe/pe_internal.h"

static uint64_t make_cookie(const struct pe_headers *headers)
{
    uint64_t seed = ((uint64_t)headers->coff.timestamp << 32) | headers->optional.image_size;
    uint64_t cookie = random_mix(seed + RANDOM_STEP) & pe_arch.cookie_mask;

    return cookie == 0 || cookie == pe_arch.default_cookie ? cookie + 1 : cookie;
}

/* Reads a field as wide as a pointer; 0 if the structure ends before it. */
static uint64_t read_field(const struct pe_mapping *mapping, const struct pe_directory *directory,
                           uint32_t structure_size, uint32_t field)
{
    uint64_t value = 0;

    if (structure_size >= field + pe_arch.pointer_bytes) {
        memcpy(&value, mapping->base + directory->address + field, pe_arch.pointer_bytes);
    }
    return value;
}

/*
 * Writes what belongs there where a field of the load configuration points to. A structure that
 * ends before the field, or a field of 0, means that the driver does without.
 */
static bool fill_slot(const struct pe_mapping *mapping, const struct pe_headers *headers,
                      uint32_t structure_size, const struct pe_slot *slot,
                      const struct pe_error *error)
{
    uint64_t address = read_field(mapping, &headers->directory[PE_DIRECTORY_LOAD_CONFIG],
                                  structure_size, slot->field);
    uint64_t rva = address - (uint64_t)(uintptr_t)mapping->base;
    uint64_t value =
        slot->function != NULL ? (uint64_t)(uintptr_t)slot->function : make_cookie(headers);

    if (address == 0) {
        return true;
    }
    if (!pe_contains(mapping, rva, pe_arch.pointer_bytes)) {
        return pe_fail(error, "bad load configuration: the %s lies outside the image", slot->what);
    }
    memcpy(mapping->base + rva, &value, pe_arch.pointer_bytes);
    return true;
}

/* Windows looks an exception's handler up in this table by halving it: it must be sorted, and lead
 * to code. */
static bool check_handlers(const struct pe_mapping *mapping, const struct pe_headers *headers,
                           uint32_t structure_size, const struct pe_error *error)
{
    const struct pe_directory *directory = &headers->directory[PE_DIRECTORY_LOAD_CONFIG];
    uint64_t table = read_field(mapping, directory, structure_size, pe_arch.handler_table);
    uint64_t count = read_field(mapping, directory, structure_size,
                                pe_arch.handler_table + pe_arch.pointer_bytes);
    uint64_t rva = table - (uint64_t)(uintptr_t)mapping->base;
    uint32_t handler;
    uint32_t last = 0;

    if (pe_arch.handler_table == 0 || table == 0 || count == 0) {
        return true;
    }
    if (count > mapping->size / sizeof(handler) ||
        !pe_contains(mapping, rva, count * sizeof(handler))) {
        return pe_fail(error,
                       "bad load configuration: %llu exception handlers lie outside the image",
                       (unsigned long long)count);
    }
    for (; count > 0; count--, rva += sizeof(handler), last = handler) {
        memcpy(&handler, mapping->base + rva, sizeof(handler));
        if (handler <= last || !pe_is_code(headers, handler)) {
            return pe_fail(error, "bad load configuration: exception handler 0x%x is %s", handler,
                           handler <= last ? "out of order" : "no code");
        }
    }
    return true;
}

bool pe_apply_load_config(const struct pe_mapping *mapping, const struct pe_headers *headers,
                          const struct pe_error *error)
{
    const struct pe_directory *directory = &headers->directory[PE_DIRECTORY_LOAD_CONFIG];
    const struct pe_slot *slot;
    uint32_t size;

    if (directory->size == 0) {
        return true;
    }
    if (!pe_contains(mapping, directory->address, sizeof(size))) {
        return pe_fail(error, "bad load configuration: 0x%x is beyond the image's end (0x%x)",
                       directory->address, mapping->size);
    }
    memcpy(&size, mapping->base + directory->address, sizeof(size));
    if (!pe_contains(mapping, directory->address, size)) {
        return pe_fail(error, "bad load configuration: 0x%x+0x%x is beyond the image's end (0x%x)",
                       directory->address, size, mapping->size);
    }
    for (slot = pe_arch.slots; slot->field != 0; slot++) {
        if (!fill_slot(mapping, headers, size, slot, error)) {
            return false;
        }
    }
    return check_handlers(mapping, headers, size, error);
}
