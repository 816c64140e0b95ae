/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The load configuration: places in the image that Windows fills before the driver starts.
 *
 * - The security cookie of /GS: a driver whose cookie still has the linker's value when it starts
 *   stops itself (since Windows 8), so it gets another one. Its upper 16 bits are 0, as Windows
 *   makes it on x64. It depends on the file alone, so that a run can be repeated.
 * - Control flow guard: code calls through two pointers, one that checks the target in rcx and one
 *   that jumps to the target in rax. Here every target passes.
 */
#include <string.h>

#include "base/random.h"
#include "pe/pe_internal.h"

#define DEFAULT_COOKIE 0x00002b992ddfa232ull

/* The check: allows every target and keeps all registers. The dispatch: goes there. */
void pe_guard_check(void);
void pe_guard_dispatch(void);
__asm__(".text\n"
        ".globl pe_guard_check\n"
        ".type pe_guard_check, @function\n"
        "pe_guard_check: ret\n"
        ".size pe_guard_check, . - pe_guard_check\n"
        ".globl pe_guard_dispatch\n"
        ".type pe_guard_dispatch, @function\n"
        "pe_guard_dispatch: jmp *%rax\n"
        ".size pe_guard_dispatch, . - pe_guard_dispatch\n");

static uint64_t make_cookie(const struct pe_headers *headers)
{
    uint64_t seed = ((uint64_t)headers->coff.timestamp << 32) | headers->optional.image_size;
    uint64_t cookie = random_mix(seed + RANDOM_STEP) & 0x0000ffffffffffffull;

    return cookie == 0 || cookie == DEFAULT_COOKIE ? cookie + 1 : cookie;
}

/*
 * Writes `value` where a field of the load configuration points to. A structure that ends before
 * the field, or a field of 0, means that the driver does without.
 */
static bool fill_slot(const struct pe_mapping *mapping, const struct pe_directory *directory,
                      uint32_t structure_size, uint32_t field, uint64_t value, const char *what,
                      const struct pe_error *error)
{
    uint64_t address;
    uint64_t rva;

    if (structure_size < field + sizeof(address)) {
        return true;
    }
    memcpy(&address, mapping->base + directory->address + field, sizeof(address));
    if (address == 0) {
        return true;
    }
    rva = address - (uint64_t)(uintptr_t)mapping->base;
    if (!pe_contains(mapping, rva, sizeof(value))) {
        return pe_fail(error, "bad load configuration: the %s lies outside the image", what);
    }
    memcpy(mapping->base + rva, &value, sizeof(value));
    return true;
}

bool pe_apply_load_config(const struct pe_mapping *mapping, const struct pe_headers *headers,
                          const struct pe_error *error)
{
    const struct pe_directory *directory = &headers->directory[PE_DIRECTORY_LOAD_CONFIG];
    uint64_t check = (uint64_t)(uintptr_t)pe_guard_check;
    uint64_t dispatch = (uint64_t)(uintptr_t)pe_guard_dispatch;
    uint32_t size;

    if (directory->size == 0) {
        return true;
    }
    if (!pe_contains(mapping, directory->address, sizeof(size))) {
        return pe_fail(error, "bad load configuration: 0x%x is beyond the image's end (0x%x)",
                       directory->address, mapping->size);
    }
    memcpy(&size, mapping->base + directory->address + PE_LOAD_CONFIG_SIZE, sizeof(size));
    if (!pe_contains(mapping, directory->address, size)) {
        return pe_fail(error, "bad load configuration: 0x%x+0x%x is beyond the image's end (0x%x)",
                       directory->address, size, mapping->size);
    }
    return fill_slot(mapping, directory, size, PE_LOAD_CONFIG_SECURITY_COOKIE, make_cookie(headers),
                     "security cookie", error) &&
           fill_slot(mapping, directory, size, PE_LOAD_CONFIG_GUARD_CHECK, check,
                     "control flow guard check", error) &&
           fill_slot(mapping, directory, size, PE_LOAD_CONFIG_GUARD_DISPATCH, dispatch,
                     "control flow guard dispatch", error) &&
           fill_slot(mapping, directory, size, PE_LOAD_CONFIG_XFG_CHECK, check,
                     "extended flow guard check", error) &&
           fill_slot(mapping, directory, size, PE_LOAD_CONFIG_XFG_DISPATCH, dispatch,
                     "extended flow guard dispatch", error) &&
           fill_slot(mapping, directory, size, PE_LOAD_CONFIG_XFG_TABLE_DISPATCH, dispatch,
                     "extended flow guard table dispatch", error);
}
