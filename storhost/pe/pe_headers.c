/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reads and checks the headers of a driver file. What passes here can be mapped without further
 * thought: sections lie in the file, are in order, do not overlap and end with the image.
 *
 * Refused are also things that Windows loads only under conditions that a driver of today must not
 * count on: sections that are writable and executable, and sections smaller than a page.
 */
#include <stdio.h>
#include <string.h>

#include "pe/pe_arch.h"
#include "pe/pe_internal.h"

/* Machines that driver files are for, and the program here that runs such files. */
static const struct {
    uint16_t machine;
    const char *name, *program;
} machines[] = {
    {PE_MACHINE_I386, "32-bit x86", "build/x86/storhost"},
    {PE_MACHINE_AMD64, "x64", "build/storhost"},
    {PE_MACHINE_ARM64, "ARM64", "build/arm64/storhost"},
    {PE_MACHINE_ARMNT, "32-bit ARM", NULL},
};

const char *pe_machine_name(uint16_t machine)
{
    size_t index;

    for (index = 0; index < sizeof(machines) / sizeof(machines[0]); index++) {
        if (machines[index].machine == machine) {
            return machines[index].name;
        }
    }
    return "an unknown processor";
}

static bool refuse_machine(uint16_t machine, const struct pe_error *error)
{
    const char *program = NULL;
    size_t index;

    for (index = 0; index < sizeof(machines) / sizeof(machines[0]); index++) {
        if (machines[index].machine == machine) {
            program = machines[index].program;
        }
    }
    return pe_fail(error, "wrong machine: the file is for %s (0x%04x), this storhost runs %s; %s%s",
                   pe_machine_name(machine), machine, pe_machine_name(pe_arch.machine),
                   program != NULL ? "run it with " : "no storhost runs it",
                   program != NULL ? program : "");
}

void pe_section_name(const struct pe_section_header *section, char name[9])
{
    size_t index;

    for (index = 0; index < sizeof(section->name) && section->name[index] != 0; index++) {
        unsigned char letter = (unsigned char)section->name[index];

        name[index] = letter > ' ' && letter < 127 ? (char)letter : '?';
    }
    name[index] = 0;
}

/* What the section needs in memory: linkers of old wrote a virtual size of 0. */
static uint32_t section_memory_size(const struct pe_section_header *section)
{
    return section->virtual_size != 0 ? section->virtual_size : section->raw_size;
}

uint32_t pe_section_span(const struct pe_section_header *section)
{
    uint64_t size = section_memory_size(section);

    return (uint32_t)((size + PE_PAGE_SIZE - 1) & ~(uint64_t)(PE_PAGE_SIZE - 1));
}

static bool read_coff_header(const uint8_t *file, size_t length, uint64_t *optional_offset,
                             struct pe_headers *headers, const struct pe_error *error)
{
    uint16_t magic;
    uint32_t signature;
    uint32_t signature_offset;

    if (length < PE_DOS_HEADER_SIZE) {
        return pe_fail(error, "not a PE file: %zu bytes are too few for its first header", length);
    }
    memcpy(&magic, file, sizeof(magic));
    if (magic != PE_DOS_MAGIC) {
        return pe_fail(error, "not a PE file: it does not begin with \"MZ\"");
    }
    memcpy(&signature_offset, file + PE_DOS_LFANEW, sizeof(signature_offset));
    if (signature_offset % 4 != 0 ||
        (uint64_t)signature_offset + sizeof(signature) + sizeof(headers->coff) > length) {
        return pe_fail(error, "not a PE file: its PE header would be at offset 0x%x of %zu bytes",
                       signature_offset, length);
    }
    memcpy(&signature, file + signature_offset, sizeof(signature));
    if (signature != PE_SIGNATURE) {
        return pe_fail(error, "not a PE file: no \"PE\" signature at offset 0x%x",
                       signature_offset);
    }
    memcpy(&headers->coff, file + signature_offset + sizeof(signature), sizeof(headers->coff));
    *optional_offset = (uint64_t)signature_offset + sizeof(signature) + sizeof(headers->coff);
    return true;
}

static bool check_coff_header(const struct pe_coff_header *coff, const struct pe_error *error)
{
    if (coff->machine != pe_arch.machine) {
        return refuse_machine(coff->machine, error);
    }
    if ((coff->characteristics & PE_FILE_EXECUTABLE_IMAGE) == 0) {
        return pe_fail(error, "not an executable image: the linker left errors in it");
    }
    if ((coff->characteristics & PE_FILE_RELOCS_STRIPPED) != 0) {
        return pe_fail(error, "its relocations were stripped: it cannot be loaded anywhere");
    }
    if (coff->section_count == 0 || coff->section_count > PE_MAXIMUM_SECTIONS) {
        return pe_fail(error, "bad number of sections: %u (1 to %u)", coff->section_count,
                       PE_MAXIMUM_SECTIONS);
    }
    return true;
}

/* Bytes of the optional header ahead of the data directories. */
static size_t optional_size(void)
{
    return pe_arch.optional_magic == PE_OPTIONAL_MAGIC_32 ? sizeof(struct pe_optional_header32)
                                                          : sizeof(struct pe_optional_header64);
}

/* Takes the fields that the loader uses over from a 32-bit image's header. */
static void widen_optional_header(const struct pe_optional_header32 *narrow,
                                  struct pe_optional_header64 *wide)
{
    *wide = (struct pe_optional_header64){
        .magic = narrow->magic,
        .entry_point = narrow->entry_point,
        .image_base = narrow->image_base,
        .section_alignment = narrow->section_alignment,
        .file_alignment = narrow->file_alignment,
        .image_size = narrow->image_size,
        .headers_size = narrow->headers_size,
        .checksum = narrow->checksum,
        .subsystem = narrow->subsystem,
        .dll_characteristics = narrow->dll_characteristics,
        .directory_count = narrow->directory_count,
    };
}

/* Copies the header as far as this processor's format has one; its magic is still to be checked. */
static void copy_optional_header(const uint8_t *bytes, struct pe_optional_header64 *optional)
{
    struct pe_optional_header32 narrow;

    if (pe_arch.optional_magic == PE_OPTIONAL_MAGIC_64) {
        memcpy(optional, bytes, sizeof(*optional));
    } else {
        memcpy(&narrow, bytes, sizeof(narrow));
        widen_optional_header(&narrow, optional);
    }
}

static bool read_optional_header(const uint8_t *file, size_t length, uint64_t offset,
                                 struct pe_headers *headers, const struct pe_error *error)
{
    struct pe_optional_header64 *optional = &headers->optional;
    uint64_t space = headers->coff.optional_header_size;
    uint64_t directories;

    if (space < optional_size() || offset + space > length) {
        return pe_fail(error, "bad optional header: %u bytes at offset 0x%llx of %zu",
                       headers->coff.optional_header_size, (unsigned long long)offset, length);
    }
    copy_optional_header(file + offset, optional);
    if (optional->magic != pe_arch.optional_magic) {
        return pe_fail(error, "bad optional header: magic 0x%x is not that of %s (0x%x)",
                       optional->magic, pe_machine_name(pe_arch.machine), pe_arch.optional_magic);
    }
    directories = optional->directory_count;
    if (directories > (space - optional_size()) / sizeof(struct pe_directory)) {
        return pe_fail(error, "bad optional header: %u data directories do not fit its %u bytes",
                       optional->directory_count, headers->coff.optional_header_size);
    }
    if (directories > PE_DIRECTORY_COUNT) {
        directories = PE_DIRECTORY_COUNT;
    }
    memset(headers->directory, 0, sizeof(headers->directory));
    memcpy(headers->directory, file + offset + optional_size(),
           directories * sizeof(struct pe_directory));
    return true;
}

static bool check_optional_header(const struct pe_headers *headers, size_t length,
                                  const struct pe_error *error)
{
    const struct pe_optional_header64 *optional = &headers->optional;

    if (optional->subsystem != PE_SUBSYSTEM_NATIVE) {
        return pe_fail(error, "not a driver: subsystem %u instead of native (%u)",
                       optional->subsystem, PE_SUBSYSTEM_NATIVE);
    }
    if (optional->section_alignment < PE_PAGE_SIZE ||
        (optional->section_alignment & (optional->section_alignment - 1)) != 0) {
        return pe_fail(error,
                       "sections aligned to %u bytes cannot be protected: link with /align:4096",
                       optional->section_alignment);
    }
    if (optional->image_size == 0 || optional->image_size > PE_MAXIMUM_IMAGE) {
        return pe_fail(error, "bad image size: %u bytes (at most %u)", optional->image_size,
                       PE_MAXIMUM_IMAGE);
    }
    if (optional->headers_size > length || optional->headers_size > optional->image_size) {
        return pe_fail(error, "bad size of headers: %u bytes, file %zu, image %u",
                       optional->headers_size, length, optional->image_size);
    }
    return true;
}

static bool check_section(const struct pe_section_header *section, uint64_t expected_address,
                          size_t length, const struct pe_headers *headers,
                          const struct pe_error *error)
{
    uint32_t writable_code = PE_SECTION_EXECUTE | PE_SECTION_WRITE;
    uint64_t end = (uint64_t)section->virtual_address + pe_section_span(section);
    char name[9];

    pe_section_name(section, name);
    if (section_memory_size(section) == 0 || section_memory_size(section) > PE_MAXIMUM_IMAGE) {
        return pe_fail(error, "section %s: bad size of %u bytes", name,
                       section_memory_size(section));
    }
    if (section->virtual_address < expected_address) {
        return pe_fail(error, "section %s at 0x%x overlaps what is before it (up to 0x%llx)", name,
                       section->virtual_address, (unsigned long long)expected_address);
    }
    if (section->virtual_address != expected_address) {
        return pe_fail(error, "section %s at 0x%x leaves a gap (0x%llx expected)", name,
                       section->virtual_address, (unsigned long long)expected_address);
    }
    if (end > headers->optional.image_size) {
        return pe_fail(error, "section %s ends at 0x%llx, beyond the image's end (0x%x)", name,
                       (unsigned long long)end, headers->optional.image_size);
    }
    if (section->raw_size != 0 && (uint64_t)section->raw_offset + section->raw_size > length) {
        return pe_fail(error, "truncated: section %s lies at 0x%x+0x%x of a file of 0x%zx bytes",
                       name, section->raw_offset, section->raw_size, length);
    }
    if ((section->characteristics & writable_code) == writable_code) {
        return pe_fail(error,
                       "section %s is writable and executable: refused, as Windows refuses it "
                       "with memory integrity on",
                       name);
    }
    return true;
}

static uint64_t align_up(uint64_t value, uint64_t alignment)
{
    return (value + alignment - 1) & ~(alignment - 1);
}

static bool read_sections(const uint8_t *file, size_t length, uint64_t offset,
                          struct pe_headers *headers, const struct pe_error *error)
{
    size_t bytes = headers->coff.section_count * sizeof(struct pe_section_header);
    uint64_t alignment = headers->optional.section_alignment;
    uint64_t address = align_up(headers->optional.headers_size, alignment);
    unsigned index;

    if (offset + bytes > headers->optional.headers_size) {
        return pe_fail(error,
                       "truncated: %u section headers at 0x%llx exceed the headers' 0x%x bytes",
                       headers->coff.section_count, (unsigned long long)offset,
                       headers->optional.headers_size);
    }
    memcpy(headers->section, file + offset, bytes);
    for (index = 0; index < headers->coff.section_count; index++) {
        const struct pe_section_header *section = &headers->section[index];

        if (!check_section(section, address, length, headers, error)) {
            return false;
        }
        address =
            align_up((uint64_t)section->virtual_address + pe_section_span(section), alignment);
    }
    if (align_up(headers->optional.image_size, alignment) != address) {
        return pe_fail(error, "its sections end at 0x%llx, its image at 0x%x",
                       (unsigned long long)address, headers->optional.image_size);
    }
    return true;
}

bool pe_is_code(const struct pe_headers *headers, uint32_t rva)
{
    unsigned index;

    for (index = 0; index < headers->coff.section_count; index++) {
        const struct pe_section_header *section = &headers->section[index];

        if (rva >= section->virtual_address &&
            rva - section->virtual_address < section_memory_size(section) &&
            (section->characteristics & PE_SECTION_EXECUTE) != 0) {
            return true;
        }
    }
    return false;
}

static bool check_entry_point(const struct pe_headers *headers, const struct pe_error *error)
{
    uint32_t entry = headers->optional.entry_point;

    return pe_is_code(headers, entry) ||
           pe_fail(error, "its entry point 0x%x lies in no section of code", entry);
}

bool pe_read_headers(const uint8_t *file, size_t length, struct pe_headers *headers,
                     const struct pe_error *error)
{
    uint64_t optional_offset = 0;
    uint64_t sections_offset;

    if (!read_coff_header(file, length, &optional_offset, headers, error) ||
        !check_coff_header(&headers->coff, error) ||
        !read_optional_header(file, length, optional_offset, headers, error) ||
        !check_optional_header(headers, length, error)) {
        return false;
    }
    sections_offset = optional_offset + headers->coff.optional_header_size;
    return read_sections(file, length, sections_offset, headers, error) &&
           check_entry_point(headers, error);
}
