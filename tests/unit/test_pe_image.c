/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The PE loader, on a small driver that the test puts together, and on the same driver damaged in
 * every way that the test can think of, and in many that it cannot.
 */
/* SOURCES: storhost/pe/pe_image.c storhost/pe/pe_headers.c storhost/pe/pe_relocate.c storhost/pe/pe_import.c storhost/pe/pe_load_config.c storhost/pe/pe_checksum.c storhost/pe/@ARCH@/pe_arch.c */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <errno.h>
#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/random.h"
#include "pe/pe_format.h"
#include "pe/pe_image.h"

/*
 * The driver: five pages, four sections.
 *
 *   file    RVA     what
 *   0x000   0x0000  headers
 *   0x400   0x1000  .text: calls an import through the guard's dispatch pointer, adds a number that
 *                   it finds through a relocated pointer
 *   0x600   0x2000  .rdata: import tables, load configuration
 *   0x800   0x3000  .data: pointer, number, cookie
 *   0xa00   0x4000  .reloc, up to the end of its page and of the image
 */
#define FILE_SIZE  0x1a00
#define IMAGE_SIZE 0x5000

/* RVAs */
enum {
    TEXT_RVA = 0x1000,
    RDATA_RVA = 0x2000,
    DATA_RVA = 0x3000,
    RELOC_RVA = 0x4000,
    CHECK_SLOT = RDATA_RVA + 0x30,
    DISPATCH_SLOT = RDATA_RVA + 0x38,
    LOOKUP = RDATA_RVA + 0x40,
    ADDRESSES = RDATA_RVA + 0x60,
    HINT_NAME = RDATA_RVA + 0x80,
    MODULE_NAME = RDATA_RVA + 0xa0,
    LOAD_CONFIG = RDATA_RVA + 0xc0,
    POINTER = DATA_RVA,
    NUMBER = DATA_RVA + 8,
    COOKIE = DATA_RVA + 16,
};

/* The architecture's: how large the optional header is, where the load configuration has its
 * fields, what a pointer is like, and the code. */
#include "pe_driver.h"

enum {
    PE_OFFSET = 0x80,
    COFF = PE_OFFSET + 4,
    OPTIONAL = COFF + 20,
    DIRECTORIES = OPTIONAL + OPTIONAL_BYTES,
    SECTIONS = DIRECTORIES + 16 * 8,
    TEXT = 0x400,
    RDATA = 0x600,
    DATA = 0x800,
    RELOC = 0xa00,
};

#define NUMBER_VALUE 1000

struct file {
    uint8_t bytes[FILE_SIZE];
};

static void put(struct file *file, size_t offset, size_t size, uint64_t value)
{
    memcpy(file->bytes + offset, &value, size);
}

static size_t file_offset(uint32_t rva)
{
    return TEXT + (size_t)(rva / 0x1000 - 1) * 0x200 + rva % 0x1000;
}

static void put_rva(struct file *file, uint32_t rva, uint64_t value)
{
    put(file, file_offset(rva), POINTER_BYTES, value);
}

static void put_section(struct file *file, unsigned index, const char *name, uint32_t rva,
                        uint32_t size, uint32_t characteristics)
{
    size_t header = SECTIONS + index * 40;

    memcpy(file->bytes + header, name, strlen(name));
    put(file, header + 8, 4, size);
    put(file, header + 12, 4, rva);
    put(file, header + 16, 4, size);
    put(file, header + 20, 4, file_offset(rva));
    put(file, header + 36, 4, characteristics);
}

static void put_headers(struct file *file)
{
    put(file, 0, 2, 0x5a4d);
    put(file, 60, 4, PE_OFFSET);
    put(file, PE_OFFSET, 4, 0x4550);
    put(file, COFF, 2, OWN_MACHINE);
    put(file, COFF + 2, 2, 4);
    put(file, COFF + 4, 4, 0x12345678);
    put(file, COFF + 16, 2, OPTIONAL_BYTES + 16 * 8);
    put(file, COFF + 18, 2, 0x22);
    put(file, OPTIONAL, 2, OWN_MAGIC);
    put(file, OPTIONAL + 16, 4, TEXT_RVA);
    put(file, OPTIONAL + IMAGE_BASE, POINTER_BYTES, LINK_BASE);
    put(file, OPTIONAL + 32, 4, 0x1000);
    put(file, OPTIONAL + 36, 4, 0x200);
    put(file, OPTIONAL + 56, 4, IMAGE_SIZE);
    put(file, OPTIONAL + 60, 4, TEXT);
    put(file, OPTIONAL + 68, 2, 1);
    put(file, OPTIONAL + DIRECTORY_COUNT, 4, 16);
    put_section(file, 0, ".text", TEXT_RVA, 0x200, 0x60000020);
    put_section(file, 1, ".rdata", RDATA_RVA, 0x200, 0x40000040);
    put_section(file, 2, ".data", DATA_RVA, 0x200, 0xc0000040);
    put_section(file, 3, ".reloc", RELOC_RVA, 0x1000, 0x42000040);
}

static void put_directory(struct file *file, unsigned index, uint32_t rva, uint32_t size)
{
    put(file, DIRECTORIES + index * 8u, 4, rva);
    put(file, DIRECTORIES + index * 8u + 4, 4, size);
}

/* Places in one page that hold addresses. */
static size_t put_block(struct file *file, size_t block, uint32_t page, const uint32_t *places,
                        size_t count)
{
    size_t entry = block + 8;

    put(file, block, 4, page);
    for (size_t index = 0; index < count; index++, entry += 2) {
        put(file, entry, 2, (uint64_t)RELOCATION << 12 | (places[index] & 0xfff));
    }
    entry += entry % 4; /* padding: entries of type 0 */
    put(file, block + 4, 4, entry - block);
    return entry;
}

static void put_relocations(struct file *file)
{
    static const uint32_t config[] = {CONFIG_POINTERS};
    static const uint32_t data[] = {POINTER};
    size_t end = RELOC;

    if (CODE_POINTERS[0] != 0) {
        end = put_block(file, end, TEXT_RVA, CODE_POINTERS, CODE_POINTER_COUNT);
    }
    end = put_block(file, end, RDATA_RVA, config, sizeof(config) / sizeof(config[0]));
    end = put_block(file, end, DATA_RVA, data, 1);
    put_directory(file, PE_DIRECTORY_BASERELOC, RELOC_RVA, (uint32_t)(end - RELOC));
}

static void put_imports(struct file *file)
{
    size_t descriptor = file_offset(RDATA_RVA);

    put(file, descriptor, 4, LOOKUP);
    put(file, descriptor + 12, 4, MODULE_NAME);
    put(file, descriptor + 16, 4, ADDRESSES);
    put_rva(file, LOOKUP, HINT_NAME);
    put_rva(file, LOOKUP + POINTER_BYTES, BY_ORDINAL | 7);
    put_rva(file, ADDRESSES, HINT_NAME);
    put_rva(file, ADDRESSES + POINTER_BYTES, BY_ORDINAL | 7);
    strcpy((char *)file->bytes + file_offset(HINT_NAME + 2), "Named");
    strcpy((char *)file->bytes + file_offset(MODULE_NAME), "ntoskrnl.exe");
    put_directory(file, PE_DIRECTORY_IMPORT, RDATA_RVA, 40);
}

static void put_load_config(struct file *file)
{
    put(file, file_offset(LOAD_CONFIG), 4, LOAD_CONFIG_SIZE);
    put_rva(file, LOAD_CONFIG + COOKIE_FIELD, LINK_BASE + COOKIE);
    put_rva(file, LOAD_CONFIG + CHECK_FIELD, LINK_BASE + CHECK_SLOT);
    put_arch_config(file);
    put_directory(file, PE_DIRECTORY_LOAD_CONFIG, LOAD_CONFIG, LOAD_CONFIG_SIZE);
}

static void make_driver(struct file *file)
{
    memset(file, 0, sizeof(*file));
    put_headers(file);
    put_code(file->bytes + TEXT);
    put_imports(file);
    put_load_config(file);
    put_relocations(file);
    put_rva(file, POINTER, LINK_BASE + NUMBER);
    put_rva(file, NUMBER, NUMBER_VALUE);
    put_rva(file, COOKIE, DEFAULT_COOKIE);
}

/* ---- loading ---- */

static NTAPI_CALL uintptr_t imported(void)
{
    return 7;
}

static char resolved[256]; /* what was asked for, in order */

static void *resolve(void *context, const char *module, const char *name, const char **why)
{
    size_t used = strlen(resolved);

    if (context != NULL) {
        *why = "not here";
        return NULL;
    }
    snprintf(resolved + used, sizeof(resolved) - used, "%s!%s ", module, name);
    return (void *)(uintptr_t)imported;
}

/* Loads from memory that ends with the file, so that a sanitizer sees every byte too many. */
static bool load(const uint8_t *bytes, size_t length, struct pe_image *image, char *error,
                 size_t size)
{
    uint8_t *copy = malloc(length != 0 ? length : 1);
    bool loaded;

    assert_non_null(copy);
    memcpy(copy, bytes, length);
    resolved[0] = 0;
    loaded = pe_load_bytes(copy, length, "test.sys", resolve, NULL, image, error, size);
    free(copy);
    return loaded;
}

/* Access rights of an address as /proc/self/maps has them: "r-xp". */
static void access_rights(const void *address, char rights[5])
{
    FILE *maps = fopen("/proc/self/maps", "r");
    unsigned long long first, end, wanted = (uintptr_t)address;
    char line[512], found[8];

    assert_non_null(maps);
    strcpy(rights, "none");
    while (fgets(line, sizeof(line), maps) != NULL) {
        if (sscanf(line, "%llx-%llx %7s", &first, &end, found) == 3 && wanted >= first &&
            wanted < end) {
            memcpy(rights, found, 4);
            rights[4] = 0;
        }
    }
    fclose(maps);
}

static void assert_rights(const void *address, const char *expected)
{
    char rights[5], own[5];

    access_rights(address, rights);
    access_rights((const void *)(uintptr_t)access_rights, own);
    if (own[2] == 'x') { /* qemu-i386 lists nothing as executable */
        assert_int_equal(rights[2], expected[2]);
    }
    rights[2] = expected[2];
    assert_string_equal(rights, expected);
}

/* Nothing can be read there, nor anything else be mapped: the system does not follow a wish for that
 * address. Not asked of /proc/self/maps, where qemu-i386 leaves out what borders on free addresses. */
static void assert_fenced(const void *address)
{
    void *page = (void *)((uintptr_t)address & ~(uintptr_t)4095), *other;
    int ends[2];

    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], address, 1), -1);
    assert_int_equal(errno, EFAULT);
    close(ends[0]);
    close(ends[1]);
    other = mmap(page, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(other, MAP_FAILED);
    assert_ptr_not_equal(other, page);
    munmap(other, 4096);
}

static void a_good_file_is_loaded_and_runs(void **context)
{
    struct file file;
    struct pe_image image;
    char error[256] = "";
    uintptr_t NTAPI_CALL (*entry)(void);

    (void)context;
    make_driver(&file);
    if (!load(file.bytes, sizeof(file), &image, error, sizeof(error))) {
        fail_msg("%s", error);
    }
    assert_string_equal(resolved, "ntoskrnl.exe!Named ntoskrnl.exe!#7 ");
    assert_string_equal(image.name, "test.sys");
    assert_int_equal(image.size, IMAGE_SIZE);
    assert_int_equal(image.timestamp, 0x12345678);
    assert_int_equal(image.machine, OWN_MACHINE);
    assert_ptr_equal(image.entry, image.base + TEXT_RVA);
    memcpy(&entry, &image.entry, sizeof(entry));
    assert_int_equal(entry(), 7 + NUMBER_VALUE);
    pe_unload(&image);
    assert_null(image.base);
}

static void sections_are_protected_and_fenced(void **context)
{
    struct file file;
    struct pe_image image;
    char error[256] = "";

    (void)context;
    make_driver(&file);
    assert_true(load(file.bytes, sizeof(file), &image, error, sizeof(error)));
    assert_fenced(image.base - 1);
    assert_rights(image.base, "r--p");
    assert_rights(image.base + TEXT_RVA, "r-xp");
    assert_rights(image.base + RDATA_RVA, "r--p");
    assert_rights(image.base + DATA_RVA, "rw-p");
    assert_rights(image.base + RELOC_RVA, "r--p");
    assert_fenced(image.base + IMAGE_SIZE);
    pe_unload(&image);
}

static uint64_t loaded_cookie(const struct file *file)
{
    struct pe_image image;
    char error[256];
    uint64_t cookie = 0;

    assert_true(load(file->bytes, sizeof(*file), &image, error, sizeof(error)));
    memcpy(&cookie, image.base + COOKIE, POINTER_BYTES);
    pe_unload(&image);
    return cookie;
}

static void the_cookie_is_set_and_repeatable(void **context)
{
    struct file file;
    uint64_t cookie;

    (void)context;
    make_driver(&file);
    cookie = loaded_cookie(&file);
    assert_true(cookie != DEFAULT_COOKIE && cookie != 0);
    assert_true((cookie & ~COOKIE_MASK) == 0);
    assert_true(loaded_cookie(&file) == cookie);
    put(&file, COFF + 4, 4, 0x87654321);
    assert_true(loaded_cookie(&file) != cookie);
    put(&file, file_offset(LOAD_CONFIG), 4,
        COOKIE_FIELD); /* an old load configuration ends before it */
    assert_true(loaded_cookie(&file) == DEFAULT_COOKIE);
}

static void an_unknown_import_is_named(void **context)
{
    struct file file;
    struct pe_image image;
    char error[256] = "";
    int somebody;

    (void)context;
    make_driver(&file);
    assert_false(pe_load_bytes(file.bytes, sizeof(file), "test.sys", resolve, &somebody, &image,
                               error, sizeof(error)));
    assert_string_equal(error, "test.sys: unknown import ntoskrnl.exe!Named: not here");
}

/* ---- damage ---- */

static const struct damage {
    const char *error; /* part of the message */
    size_t offset, size;
    uint64_t value;
} damages[] = {
    {"does not begin with \"MZ\"", 0, 2, 0x4d5a},
    {"PE header would be at offset", 60, 4, 0xfffffffc},
    {"PE header would be at offset", 60, 4, 0x81},
    {"no \"PE\" signature", PE_OFFSET, 4, 0x454e},
    {"wrong machine: the file is for an unknown processor (0x0166)", COFF, 2, 0x166},
    {"wrong machine: the file is for 32-bit ARM (0x01c4)", COFF, 2, 0x1c4},
    ARCH_DAMAGES{"bad number of sections", COFF + 2, 2, 0},
    {"bad number of sections", COFF + 2, 2, 97},
    {"section headers", COFF + 2, 2, 60},
    {"bad optional header", COFF + 16, 2, OPTIONAL_BYTES - 12},
    {"bad optional header", COFF + 16, 2, 0xffff},
    {"not an executable image", COFF + 18, 2, 0x20},
    {"relocations were stripped", COFF + 18, 2, 0x23},
    {"magic 0x107", OPTIONAL, 2, 0x107},
    {"entry point", OPTIONAL + 16, 4, 0},
    {"entry point", OPTIONAL + 16, 4, DATA_RVA},
    {"entry point", OPTIONAL + 16, 4, 0xfffffff0},
    {"aligned to 512 bytes", OPTIONAL + 32, 4, 0x200},
    {"cannot be protected", OPTIONAL + 32, 4, 0x1800},
    {"bad image size", OPTIONAL + 56, 4, 0},
    {"bad image size", OPTIONAL + 56, 4, 0xffffffff},
    {"beyond the image's end", OPTIONAL + 56, 4, 0x4000},
    {"sections end at", OPTIONAL + 56, 4, 0x8000},
    {"bad size of headers", OPTIONAL + 60, 4, 0x10000},
    {"subsystem 2", OPTIONAL + 68, 2, 2},
    {"data directories", OPTIONAL + DIRECTORY_COUNT, 4, 17},
    {"data directories", OPTIONAL + DIRECTORY_COUNT, 4, 0xffffffff},
    {"delay-loaded", DIRECTORIES + 13 * 8 + 4, 4, 32},
    {"truncated: section .data", SECTIONS + 2 * 40 + 16, 4, 0x10000},
    {"truncated: section .data", SECTIONS + 2 * 40 + 20, 4, 0xfffffff0},
    {"section .data: bad size", SECTIONS + 2 * 40 + 8, 4, 0xffffffff},
    {"overlaps", SECTIONS + 1 * 40 + 12, 4, TEXT_RVA},
    {"overlaps", SECTIONS + 0 * 40 + 8, 4, 0x1001},
    {"leaves a gap", SECTIONS + 1 * 40 + 12, 4, DATA_RVA},
    {"writable and executable", SECTIONS + 0 * 40 + 36, 4, 0xe0000020},
    {"bad relocations", DIRECTORIES + 5 * 8, 4, 0xfffffff0},
    {"bad relocations", DIRECTORIES + 5 * 8 + 4, 4, 27},
    {"bad relocations", DIRECTORIES + 5 * 8 + 4, 4, 0xffffffff},
    {"has a size of 0x0", RELOC + 4, 4, 0},
    {"has a size of 0x7", RELOC + 4, 4, 7},
    {"has a size of 0xffffff", RELOC + 4, 4, 0xfffffffe},
    {"type 1", RELOC + 8, 2, 0x1000},
    {"type 5", RELOC + 8, 2, 0x5000},
    {"is beyond the image's end", RELOC + 16, 4, 0x5000},
    {"is beyond the image's end", RELOC + 16, 4, 0xffffffff},
    {"is beyond the image's end", DIRECTORIES + 1 * 8, 4, 0xffffffff},
    {"no module name", RDATA + 12, 4, 0xfffffff0},
    {"no module name", RDATA + 12, 4, RDATA_RVA + 0x1ff},
    {"no end in the image", RDATA + 0, 4, 0xfffffff0},
    {"no end in the image", RDATA + 16, 4, 0xfffffff0},
    {"no end in the image", RDATA + 16, 4, IMAGE_SIZE - POINTER_BYTES},
    {"no name at", RDATA + 0x40, POINTER_BYTES, 0x7ffffff0},
    {"no name at", RDATA + 0x40, POINTER_BYTES, BY_ORDINAL - 1},
    {"no name at", RDATA + 0x40, POINTER_BYTES, DATA_RVA + 0x100},
    {"ordinal entry", RDATA + 0x40 + POINTER_BYTES, POINTER_BYTES, BY_ORDINAL | 0x10000},
    {"bad load configuration", DIRECTORIES + 10 * 8, 4, IMAGE_SIZE},
    {"bad load configuration", RDATA + 0xc0, 4, 0xffffffff},
    {"security cookie lies outside", RDATA + 0xc0 + COOKIE_FIELD, POINTER_BYTES, LINK_BASE - 1},
    {"guard check lies outside", RDATA + 0xc0 + CHECK_FIELD, POINTER_BYTES,
     LINK_BASE + IMAGE_SIZE - POINTER_BYTES + 1},
};

static void each_damage_is_named(void **context)
{
    struct pe_image image;
    struct file file;
    char error[256];

    (void)context;
    for (size_t index = 0; index < sizeof(damages) / sizeof(damages[0]); index++) {
        const struct damage *damage = &damages[index];

        make_driver(&file);
        put(&file, damage->offset, damage->size, damage->value);
        strcpy(error, "it was loaded");
        if (load(file.bytes, sizeof(file), &image, error, sizeof(error)) ||
            strstr(error, damage->error) == NULL || strncmp(error, "test.sys: ", 10) != 0) {
            fail_msg("0x%llx at 0x%zx: \"%s\" expected, not \"%s\"",
                     (unsigned long long)damage->value, damage->offset, damage->error, error);
        }
    }
}

/* Loads a damaged driver; its relocations are off, so that there is room in their section. */
static void expect_error(const struct file *file, const char *expected)
{
    struct file changed = *file;
    struct pe_image image;
    char error[256] = "it was loaded";

    put_directory(&changed, PE_DIRECTORY_LOAD_CONFIG, 0, 0);
    put_directory(&changed, PE_DIRECTORY_BASERELOC, 0, 0);
    if (load(changed.bytes, sizeof(changed), &image, error, sizeof(error)) ||
        strstr(error, expected) == NULL) {
        fail_msg("\"%s\" expected, not \"%s\"", expected, error);
    }
}

/* Everything from 100h in the last section on, up to the image's end. */
#define ROOM     (RELOC + 0x100)
#define ROOM_RVA (RELOC_RVA + 0x100)

static void names_must_end(void **context)
{
    struct file file;

    (void)context;
    make_driver(&file);
    memset(file.bytes + ROOM, 'A', FILE_SIZE - ROOM);
    put(&file, RDATA + 12, 4, FILE_SIZE - RELOC + RELOC_RVA - 20);
    expect_error(&file, "no module name");
    put(&file, RDATA + 12, 4, ROOM_RVA); /* longer than any name */
    expect_error(&file, "no module name");

    make_driver(&file);
    memset(file.bytes + ROOM, 'A', FILE_SIZE - ROOM);
    put(&file, RDATA + 0x40, POINTER_BYTES, FILE_SIZE - RELOC + RELOC_RVA - 20);
    expect_error(&file, "no name at");
}

static void import_tables_must_end(void **context)
{
    struct file file;
    size_t offset;

    (void)context;
    make_driver(&file);
    for (offset = ROOM; offset < FILE_SIZE; offset += POINTER_BYTES) {
        put(&file, offset, POINTER_BYTES, HINT_NAME);
    }
    put(&file, RDATA, 4, ROOM_RVA); /* filling its short table overwrites the names */
    expect_error(&file, "bad import");
    put(&file, RDATA + 16, 4, ROOM_RVA); /* the table that is filled is the one that is read */
    expect_error(&file, "no end in the image");
    put(&file, RDATA + 16, 4, ROOM_RVA + POINTER_BYTES); /* what is filled is read next */
    expect_error(&file, "bad import");

    make_driver(&file);
    put_rva(&file, LOOKUP, 0);
    for (offset = ROOM; offset + 20 <= FILE_SIZE; offset += 20) {
        memcpy(file.bytes + offset, file.bytes + RDATA, 20); /* no module is the last */
    }
    put_directory(&file, PE_DIRECTORY_IMPORT, ROOM_RVA, 40);
    expect_error(&file, "more than 64 modules");
    put_directory(&file, PE_DIRECTORY_IMPORT, FILE_SIZE - RELOC + RELOC_RVA - 24, 40);
    memcpy(file.bytes + FILE_SIZE - 24, file.bytes + RDATA, 20);
    expect_error(&file, "beyond the image's end");
}

static void every_truncation_is_refused(void **context)
{
    struct pe_image image;
    struct file file;
    char error[256];

    (void)context;
    make_driver(&file);
    for (size_t length = 0; length < sizeof(file); length++) {
        error[0] = 0;
        assert_false(load(file.bytes, length, &image, error, sizeof(error)));
        assert_true(strlen(error) > 0);
    }
}

/* Whatever comes of it, memory stays whole (a sanitizer and the fences watch). */
static void flipped_bits_do_no_harm(void **context)
{
    static const size_t areas[][2] = {{0, TEXT}, {RDATA, FILE_SIZE}};
    struct pe_image image;
    uint64_t state = 3;
    unsigned loaded = 0;
    struct file file;
    char error[256];

    (void)context;
    for (unsigned round = 0; round < 20000; round++) {
        unsigned flips = 1 + (unsigned)(random_next(&state) % 4);

        make_driver(&file);
        while (flips-- > 0) {
            const size_t *area = areas[random_next(&state) % 2];
            size_t offset = area[0] + random_next(&state) % (area[1] - area[0]);

            file.bytes[offset] ^= (uint8_t)(1u << random_next(&state) % 8);
        }
        if (load(file.bytes, sizeof(file), &image, error, sizeof(error))) {
            loaded++;
            pe_unload(&image);
        }
    }
    assert_true(loaded > 1000); /* most bits mean nothing to the loader */
    assert_true(loaded < 19000);
}

static void an_error_fits_its_buffer(void **context)
{
    struct pe_image image;
    char error[12];

    (void)context;
    memset(error, 'x', sizeof(error));
    assert_false(load((const uint8_t *)"MZ", 2, &image, error, sizeof(error) - 1));
    assert_int_equal(strlen(error), sizeof(error) - 2);
    assert_int_equal(error[sizeof(error) - 1], 'x');
    assert_false(load((const uint8_t *)"MZ", 2, &image, NULL, 0));
}

/* ---- files ---- */

static void files_are_read_and_what_is_none_is_named(void **context)
{
    char path[] = "/tmp/pe-image-XXXXXX";
    int fd = mkstemp(path);
    struct pe_image image;
    struct file file;
    char error[256] = "";

    (void)context;
    make_driver(&file);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, file.bytes, sizeof(file)), sizeof(file));
    resolved[0] = 0;
    assert_true(pe_load(path, resolve, NULL, &image, error, sizeof(error)));
    assert_string_equal(image.name, strrchr(path, '/') + 1);
    pe_unload(&image);
    assert_int_equal(ftruncate(fd, 0), 0);
    assert_false(pe_load(path, resolve, NULL, &image, error, sizeof(error)));
    assert_non_null(strstr(error, "0 bytes"));
    close(fd);
    unlink(path);
    assert_false(pe_load(path, resolve, NULL, &image, error, sizeof(error)));
    assert_non_null(strstr(error, "No such file"));
    assert_false(pe_load("/tmp", resolve, NULL, &image, error, sizeof(error)));
    assert_non_null(strstr(error, "not a file"));
}

static void the_checksum_is_windows(void **context)
{
    struct file file;
    uint32_t stored, computed;
    uint64_t sum = 0;

    (void)context;
    make_driver(&file);
    for (size_t offset = 0; offset < sizeof(file); offset += 2) {
        sum += (uint64_t)file.bytes[offset] | (uint64_t)file.bytes[offset + 1] << 8;
    }
    while (sum >> 16 != 0) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    put(&file, OPTIONAL + 64, 4, 0xabcdef01);
    assert_true(pe_checksum(file.bytes, sizeof(file), &stored, &computed));
    assert_int_equal(stored, 0xabcdef01);
    assert_int_equal(computed, sum + sizeof(file));
    assert_false(pe_checksum(file.bytes, 0x40, &stored, &computed));
    put(&file, 60, 4, 0xfffffffe);
    assert_false(pe_checksum(file.bytes, sizeof(file), &stored, &computed));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_file_is_loaded_and_runs),
        cmocka_unit_test(sections_are_protected_and_fenced),
        cmocka_unit_test(the_cookie_is_set_and_repeatable),
        cmocka_unit_test(an_unknown_import_is_named),
        cmocka_unit_test(each_damage_is_named),
        cmocka_unit_test(names_must_end),
        cmocka_unit_test(import_tables_must_end),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(flipped_bits_do_no_harm),
        cmocka_unit_test(an_error_fits_its_buffer),
        cmocka_unit_test(files_are_read_and_what_is_none_is_named),
        cmocka_unit_test(the_checksum_is_windows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
