/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Loads a driver: reserves address space, copies headers and sections into it, lets the other
 * files of this folder relocate, import and configure, and protects each section as its header
 * says.
 *
 *   guard | headers (read) | .text (execute) | .rdata (read) | .data (write) | ... | guard
 *
 * The address is the system's choice (random with address space randomisation on), so nothing may
 * depend on it. The guards are inaccessible: running off either end of the image faults.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pe/pe_internal.h"

#define GUARD_SIZE        (16u * PE_PAGE_SIZE)
#define MAXIMUM_FILE_SIZE (512ll << 20)

bool pe_fail(const struct pe_error *error, const char *format, ...)
{
    va_list arguments;
    int used;

    if (error->size == 0) {
        return false;
    }
    used = snprintf(error->text, error->size, "%s: ", error->file);
    if (used < 0 || (size_t)used >= error->size) {
        return false;
    }
    va_start(arguments, format);
    vsnprintf(error->text + used, error->size - (size_t)used, format, arguments);
    va_end(arguments);
    return false;
}

bool pe_contains(const struct pe_mapping *mapping, uint64_t rva, uint64_t length)
{
    return rva <= mapping->size && length <= mapping->size - rva;
}

const char *pe_string(const struct pe_mapping *mapping, uint64_t rva, size_t limit)
{
    size_t space;

    if (rva >= mapping->size) {
        return NULL;
    }
    space = mapping->size - rva;
    if (space > limit) {
        space = limit;
    }
    return memchr(mapping->base + rva, 0, space) != NULL ? (const char *)mapping->base + rva : NULL;
}

static size_t round_to_pages(size_t size)
{
    return (size + PE_PAGE_SIZE - 1) & ~(size_t)(PE_PAGE_SIZE - 1);
}

/* Reserves the image between its guards; its own pages become writable. */
static bool reserve(struct pe_mapping *mapping, uint32_t size, const struct pe_error *error)
{
    size_t image = round_to_pages(size);
    uint8_t *address;

    address = mmap(NULL, image + 2 * GUARD_SIZE, PROT_NONE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (address == MAP_FAILED) {
        return pe_fail(error, "no address space for %zu bytes: %s", image, strerror(errno));
    }
    mapping->base = address + GUARD_SIZE;
    mapping->size = (uint32_t)image;
    if (mprotect(mapping->base, image, PROT_READ | PROT_WRITE) != 0) {
        munmap(address, image + 2 * GUARD_SIZE);
        return pe_fail(error, "no memory for %zu bytes: %s", image, strerror(errno));
    }
    return true;
}

static void release(const struct pe_mapping *mapping)
{
    munmap(mapping->base - GUARD_SIZE, mapping->size + 2 * GUARD_SIZE);
}

/* The headers were checked: everything lies in the file and in the image. */
static void copy_contents(const struct pe_mapping *mapping, const struct pe_headers *headers,
                          const uint8_t *file)
{
    unsigned index;

    /* reserve() has set the base, or said no. */
    /* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker) */
    memcpy(mapping->base, file, headers->optional.headers_size);
    for (index = 0; index < headers->coff.section_count; index++) {
        const struct pe_section_header *section = &headers->section[index];
        uint32_t bytes = section->raw_size;

        if (bytes > pe_section_span(section)) {
            bytes = pe_section_span(section); /* padding of the file */
        }
        if (bytes != 0) {
            memcpy(mapping->base + section->virtual_address, file + section->raw_offset, bytes);
        }
    }
}

static int section_protection(const struct pe_section_header *section)
{
    int protection = PROT_NONE;

    if ((section->characteristics & PE_SECTION_READ) != 0) {
        protection |= PROT_READ;
    }
    if ((section->characteristics & PE_SECTION_WRITE) != 0) {
        protection |= PROT_READ | PROT_WRITE;
    }
    if ((section->characteristics & PE_SECTION_EXECUTE) != 0) {
        protection |= PROT_READ | PROT_EXEC;
    }
    return protection;
}

static bool protect(const struct pe_mapping *mapping, const struct pe_headers *headers,
                    const struct pe_error *error)
{
    unsigned index;

    /* What belongs to no section (alignment beyond a page) stays inaccessible. */
    if (mprotect(mapping->base, mapping->size, PROT_NONE) != 0 ||
        mprotect(mapping->base, round_to_pages(headers->optional.headers_size), PROT_READ) != 0) {
        return pe_fail(error, "cannot protect its headers: %s", strerror(errno));
    }
    for (index = 0; index < headers->coff.section_count; index++) {
        const struct pe_section_header *section = &headers->section[index];

        if (mprotect(mapping->base + section->virtual_address, pe_section_span(section),
                     section_protection(section)) != 0) {
            return pe_fail(error, "cannot protect section %.8s: %s", section->name,
                           strerror(errno));
        }
    }
    return true;
}

static void list_code(const struct pe_mapping *mapping, const struct pe_headers *headers,
                      struct pe_image *image)
{
    unsigned index;

    image->code_count = 0;
    for (index = 0; index < headers->coff.section_count; index++) {
        const struct pe_section_header *section = &headers->section[index];

        if ((section->characteristics & PE_SECTION_EXECUTE) != 0 &&
            image->code_count < PE_CODE_MAXIMUM) {
            image->code[image->code_count++] = (struct pe_code){
                mapping->base + section->virtual_address, pe_section_span(section)};
        }
    }
}

bool pe_load_bytes(const uint8_t *file, size_t length, const char *name, pe_resolve_fn resolve,
                   void *context, struct pe_image *image, char *error_text, size_t error_size)
{
    const struct pe_error error = {.file = name, .text = error_text, .size = error_size};
    struct pe_headers headers;
    struct pe_mapping mapping = {0};

    if (!pe_read_headers(file, length, &headers, &error) ||
        !reserve(&mapping, headers.optional.image_size, &error)) {
        return false;
    }
    copy_contents(&mapping, &headers, file);
    if (!pe_relocate(&mapping, &headers, &error) ||
        !pe_resolve_imports(&mapping, &headers, resolve, context, &error) ||
        !pe_apply_load_config(&mapping, &headers, &error) || !protect(&mapping, &headers, &error)) {
        release(&mapping);
        return false;
    }
    image->base = mapping.base;
    image->size = mapping.size;
    image->entry = mapping.base + headers.optional.entry_point;
    image->machine = headers.coff.machine;
    image->timestamp = headers.coff.timestamp;
    snprintf(image->name, sizeof(image->name), "%s", name);
    list_code(&mapping, &headers, image);
    return true;
}

/* Reads all of a file into memory from malloc. */
static uint8_t *read_file(const char *path, size_t *length, const struct pe_error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    uint8_t *bytes = NULL;
    struct stat status;
    size_t used = 0;

    if (fd < 0) {
        pe_fail(error, "cannot open %s: %s", path, strerror(errno));
        return NULL;
    }
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        pe_fail(error, "%s is not a file", path);
    } else if (status.st_size == 0 || status.st_size > MAXIMUM_FILE_SIZE) {
        pe_fail(error, "not a driver: %lld bytes", (long long)status.st_size);
    } else if ((bytes = malloc((size_t)status.st_size)) == NULL) {
        pe_fail(error, "no memory for %lld bytes", (long long)status.st_size);
    }
    while (bytes != NULL && used < (size_t)status.st_size) {
        ssize_t got = read(fd, bytes + used, (size_t)status.st_size - used);

        if (got <= 0) {
            pe_fail(error, "cannot read %s: %s", path, got < 0 ? strerror(errno) : "it shrank");
            free(bytes);
            bytes = NULL;
        } else {
            used += (size_t)got;
        }
    }
    close(fd);
    *length = used;
    return bytes;
}

bool pe_load(const char *path, pe_resolve_fn resolve, void *context, struct pe_image *image,
             char *error_text, size_t error_size)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    const struct pe_error error = {.file = name, .text = error_text, .size = error_size};
    size_t length;
    uint8_t *file = read_file(path, &length, &error);
    bool loaded;

    if (file == NULL) {
        return false;
    }
    loaded = pe_load_bytes(file, length, name, resolve, context, image, error_text, error_size);
    free(file);
    return loaded;
}

void pe_unload(struct pe_image *image)
{
    const struct pe_mapping mapping = {.base = image->base, .size = (uint32_t)image->size};

    release(&mapping);
    memset(image, 0, sizeof(*image));
}
