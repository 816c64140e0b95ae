/* SPDX-License-Identifier: BSD-3-Clause */
/* The small driver of test_pe_image.c as a file for x64. Part of that test. */
#ifndef TESTS_UNIT_X64_PE_DRIVER_H
#define TESTS_UNIT_X64_PE_DRIVER_H

#define OWN_MACHINE    PE_MACHINE_AMD64
#define OWN_MAGIC      0x20b
#define POINTER_BYTES  8u
#define BY_ORDINAL     (1ull << 63)
#define LINK_BASE      0x140000000ull
#define RELOCATION     10u
#define DEFAULT_COOKIE 0x00002b992ddfa232ull
#define COOKIE_MASK    0x0000ffffffffffffull
#define NTAPI_CALL     __attribute__((ms_abi))

/* Of the optional header: its size without directories, and places in it. */
#define OPTIONAL_BYTES  112
#define IMAGE_BASE      24
#define DIRECTORY_COUNT 108

/* Of the load configuration: its size, fields, and which of them are relocated. */
#define LOAD_CONFIG_SIZE 312
#define COOKIE_FIELD     88
#define CHECK_FIELD      112
#define DISPATCH_FIELD   120
#define CONFIG_POINTERS \
    LOAD_CONFIG + COOKIE_FIELD, LOAD_CONFIG + CHECK_FIELD, LOAD_CONFIG + DISPATCH_FIELD

/* Code finds its data by distance: nothing in it is relocated. */
static const uint32_t CODE_POINTERS[] = {0};
#define CODE_POINTER_COUNT 0

#define ARCH_DAMAGES                                                                           \
    {"wrong machine: the file is for ARM64 (0xaa64), this storhost runs x64; run it with "     \
     "build/arm64/storhost",                                                                   \
     COFF, 2, 0xaa64},                                                                         \
        {"wrong machine: the file is for 32-bit x86 (0x014c), this storhost runs x64; run it " \
         "with build/x86/storhost",                                                            \
         COFF, 2, 0x14c},                                                                      \
        {"type 3", RELOC + 8, 2, 0x3000},

struct file;
static void put_rva(struct file *file, uint32_t rva, uint64_t value);

static void put_arch_config(struct file *file)
{
    put_rva(file, LOAD_CONFIG + DISPATCH_FIELD, LINK_BASE + DISPATCH_SLOT);
}

/* A 32-bit distance from the end of an instruction, in a code byte string. */
static uint8_t *put_distance(uint8_t *code, const uint8_t *start, uint32_t target)
{
    uint32_t distance = target - (TEXT_RVA + (uint32_t)(code - start) + 4);

    memcpy(code, &distance, sizeof(distance));
    return code + sizeof(distance);
}

static uint8_t *put_bytes(uint8_t *code, const char *bytes, size_t count)
{
    memcpy(code, bytes, count);
    return code + count;
}

static void put_code(uint8_t *start)
{
    uint8_t *code = start;
    code = put_bytes(code, "\x48\x83\xec\x28", 4); /* sub rsp, 28h */
    code = put_bytes(code, "\x48\x8b\x05", 3);     /* mov rax, [import] */
    code = put_distance(code, start, ADDRESSES);
    code = put_bytes(code, "\xff\x15", 2); /* call [dispatch] */
    code = put_distance(code, start, DISPATCH_SLOT);
    code = put_bytes(code, "\xff\x15", 2); /* call [check] */
    code = put_distance(code, start, CHECK_SLOT);
    code = put_bytes(code, "\x48\x8b\x0d", 3); /* mov rcx, [pointer] */
    code = put_distance(code, start, POINTER);
    put_bytes(code, "\x48\x03\x01\x48\x83\xc4\x28\xc3", 8); /* add rax, [rcx]; add rsp, 28h; ret */
}

#endif
