/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Imports: for each module that the driver names, a table of names (or ordinals), and a table
 * beside it that the loader fills with addresses. All of it is read from the mapped image, where
 * filling a table can overwrite what is read later: a hostile file can confuse itself by that, but
 * every read is checked, and the number of imports is limited.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "pe/pe_arch.h"
#include "pe/pe_internal.h"

#define PE_NAME_LIMIT      512
#define PE_MAXIMUM_MODULES 64
#define PE_MAXIMUM_IMPORTS 8192

/* What resolving of one file carries along. */
struct import_walk {
    const struct pe_mapping *mapping;
    const struct pe_error *error;
    pe_resolve_fn resolve;
    void *context;
    unsigned imports; /* seen so far */
};

static bool is_printable(const char *text)
{
    for (; *text != 0; text++) {
        if (!isgraph((unsigned char)*text)) {
            return false;
        }
    }
    return true;
}

/* Writes the name that a lookup entry asks for into `name`: of a hint/name entry, or "#ordinal". */
static bool import_name(const struct import_walk *walk, const char *module, uint64_t lookup,
                        char *name, size_t size)
{
    const uint64_t by_ordinal = 1ull << (8 * pe_arch.pointer_bytes - 1);
    const char *text;

    if ((lookup & by_ordinal) != 0) {
        if ((lookup & ~(by_ordinal | 0xffff)) != 0) {
            return pe_fail(walk->error, "bad import from %s: ordinal entry 0x%llx", module,
                           (unsigned long long)lookup);
        }
        snprintf(name, size, "#%u", (unsigned)(lookup & 0xffff));
        return true;
    }
    /* A hint of two bytes stands before the name. */
    text = pe_string(walk->mapping, lookup + 2, PE_NAME_LIMIT);
    if (text == NULL || *text == 0 || !is_printable(text)) {
        return pe_fail(walk->error, "bad import from %s: no name at 0x%llx", module,
                       (unsigned long long)lookup);
    }
    snprintf(name, size, "%s", text);
    return true;
}

static bool resolve_one(const struct import_walk *walk, const char *module, uint64_t lookup,
                        uint64_t slot)
{
    char name[PE_NAME_LIMIT];
    const char *why = NULL;
    void *address;
    uint64_t value;

    if (!import_name(walk, module, lookup, name, sizeof(name))) {
        return false;
    }
    address = walk->resolve(walk->context, module, name, &why);
    if (address == NULL) {
        return pe_fail(walk->error, "unknown import %s!%s%s%s", module, name, why ? ": " : "",
                       why ? why : "");
    }
    value = (uint64_t)(uintptr_t)address;
    memcpy(walk->mapping->base + slot, &value, pe_arch.pointer_bytes);
    return true;
}

static bool resolve_module(struct import_walk *walk, const struct pe_import_descriptor *descriptor)
{
    char module[PE_NAME_LIMIT];
    const char *text = pe_string(walk->mapping, descriptor->module_name, PE_NAME_LIMIT);
    uint64_t lookup_rva = descriptor->lookup_table;
    uint64_t slot = descriptor->address_table;

    if (text == NULL || *text == 0 || !is_printable(text)) {
        return pe_fail(walk->error, "bad import table: no module name at 0x%x",
                       descriptor->module_name);
    }
    snprintf(module, sizeof(module), "%s", text);
    if (lookup_rva == 0) {
        lookup_rva = slot;
    }
    for (;; lookup_rva += pe_arch.pointer_bytes, slot += pe_arch.pointer_bytes) {
        uint64_t lookup = 0;

        if (!pe_contains(walk->mapping, lookup_rva, pe_arch.pointer_bytes) ||
            !pe_contains(walk->mapping, slot, pe_arch.pointer_bytes)) {
            return pe_fail(walk->error, "bad import table of %s: it has no end in the image",
                           module);
        }
        memcpy(&lookup, walk->mapping->base + lookup_rva, pe_arch.pointer_bytes);
        if (lookup == 0) {
            return true;
        }
        if (++walk->imports > PE_MAXIMUM_IMPORTS) {
            return pe_fail(walk->error, "bad import table: more than %u imports",
                           PE_MAXIMUM_IMPORTS);
        }
        if (!resolve_one(walk, module, lookup, slot)) {
            return false;
        }
    }
}

bool pe_resolve_imports(const struct pe_mapping *mapping, const struct pe_headers *headers,
                        pe_resolve_fn resolve, void *context, const struct pe_error *error)
{
    struct import_walk walk = {
        .mapping = mapping, .error = error, .resolve = resolve, .context = context};
    uint64_t rva = headers->directory[PE_DIRECTORY_IMPORT].address;
    unsigned module;

    if (headers->directory[PE_DIRECTORY_DELAY_IMPORT].size != 0) {
        return pe_fail(error, "it has delay-loaded imports, which no kernel driver can have");
    }
    if (headers->directory[PE_DIRECTORY_IMPORT].size == 0) {
        return true;
    }
    for (module = 0; module < PE_MAXIMUM_MODULES; module++) {
        struct pe_import_descriptor descriptor;

        if (!pe_contains(mapping, rva, sizeof(descriptor))) {
            return pe_fail(error, "bad import table: 0x%llx is beyond the image's end (0x%x)",
                           (unsigned long long)rva, mapping->size);
        }
        memcpy(&descriptor, mapping->base + rva, sizeof(descriptor));
        if (descriptor.module_name == 0 || descriptor.address_table == 0) {
            return true;
        }
        if (!resolve_module(&walk, &descriptor)) {
            return false;
        }
        rva += sizeof(descriptor);
    }
    return pe_fail(error, "bad import table: more than %u modules", PE_MAXIMUM_MODULES);
}
