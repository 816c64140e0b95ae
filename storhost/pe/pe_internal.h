/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the steps of loading a driver file share: headers that were checked, the mapped image, and
 * how a step says what is wrong. Each step returns false after pe_fail() wrote the reason.
 */
#ifndef STORHOST_PE_PE_INTERNAL_H
#define STORHOST_PE_PE_INTERNAL_H

#include "pe/pe_format.h"
#include "pe/pe_image.h"

#define PE_PAGE_SIZE        4096u
#define PE_MAXIMUM_SECTIONS 96
#define PE_MAXIMUM_IMAGE    (256u << 20) /* bytes; far above any driver */

/* Where the reason of a failure goes: the caller's buffer, behind the file's name. */
struct pe_error {
    const char *file;
    char *text;
    size_t size;
};

/* Writes "NAME: reason" and returns false. */
bool pe_fail(const struct pe_error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The headers of a file, checked: all numbers fit together and into the file. */
struct pe_headers {
    struct pe_coff_header coff;
    struct pe_optional_header64 optional;              /* of PE32: the same fields, widened */
    struct pe_directory directory[PE_DIRECTORY_COUNT]; /* missing ones are 0, 0 */
    struct pe_section_header section[PE_MAXIMUM_SECTIONS];
};

bool pe_read_headers(const uint8_t *file, size_t length, struct pe_headers *headers,
                     const struct pe_error *error);

/* Whether an RVA lies in a section of code. */
bool pe_is_code(const struct pe_headers *headers, uint32_t rva);

/* What a machine's number means, for messages. */
const char *pe_machine_name(uint16_t machine);

/* Name of a section as a terminated string, made printable. */
void pe_section_name(const struct pe_section_header *section, char name[9]);

/* Bytes of address space that a section takes: its size rounded up to pages. */
uint32_t pe_section_span(const struct pe_section_header *section);

/* An image that is mapped, writable still. */
struct pe_mapping {
    uint8_t *base;
    uint32_t size; /* bytes */
};

/* Whether [rva, rva + length) lies in the image. */
bool pe_contains(const struct pe_mapping *mapping, uint64_t rva, uint64_t length);

/* A terminated string at an RVA, or NULL if it leaves the image or is longer than `limit`. */
const char *pe_string(const struct pe_mapping *mapping, uint64_t rva, size_t limit);

/* Moves the image from the address that it was linked for to where it is. */
bool pe_relocate(const struct pe_mapping *mapping, const struct pe_headers *headers,
                 const struct pe_error *error);

/* Fills the import address tables. */
bool pe_resolve_imports(const struct pe_mapping *mapping, const struct pe_headers *headers,
                        pe_resolve_fn resolve, void *context, const struct pe_error *error);

/* Does what Windows does with the load configuration: security cookie, control flow guard. To be
 * called after relocation, as its fields are virtual addresses. */
bool pe_apply_load_config(const struct pe_mapping *mapping, const struct pe_headers *headers,
                          const struct pe_error *error);

#endif
