/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Loads a Windows driver file for this host's processor (PE32+ for x64 and ARM64, PE32 for x86)
 * into this process: maps its sections, applies relocations, resolves imports, sets each section's
 * protection.
 */
#ifndef STORHOST_PE_PE_IMAGE_H
#define STORHOST_PE_PE_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PE_CODE_MAXIMUM 16

struct pe_image {
    uint8_t *base;
    size_t size;      /* SizeOfImage */
    void *entry;      /* DriverEntry */
    uint16_t machine; /* IMAGE_FILE_MACHINE_* */
    uint32_t timestamp;
    char name[64]; /* file name without folders */
    /* Its sections that hold code (no linker makes more than a few). */
    struct pe_code {
        void *first; /* at a page's beginning */
        size_t length;
    } code[PE_CODE_MAXIMUM];
    unsigned code_count;
};

/* Resolves one import; NULL: unknown, *why then says why. By ordinal: name is "#12". */
typedef void *(*pe_resolve_fn)(void *context, const char *module, const char *name,
                               const char **why);

/*
 * Checks and loads `path`. On failure returns false with a one-line text in `error` that names
 * what is wrong and where (not a PE file, wrong machine, truncated section, bad relocation,
 * "unknown import ntoskrnl.exe!Foo", ...), with nothing left mapped. Every field of the file is
 * hostile. Sections that are writable and executable are refused.
 */
bool pe_load(const char *path, pe_resolve_fn resolve, void *context, struct pe_image *image,
             char *error, size_t error_size);

/* The same from memory: for tests and fuzzing. */
bool pe_load_bytes(const uint8_t *file, size_t length, const char *name, pe_resolve_fn resolve,
                   void *context, struct pe_image *image, char *error, size_t error_size);

void pe_unload(struct pe_image *image);

/* The checksum that the header states and the one that the file has (Windows refuses a driver
 * where they differ). False if `file` is too short to have one. */
bool pe_checksum(const uint8_t *file, size_t length, uint32_t *stored, uint32_t *computed);

#endif
