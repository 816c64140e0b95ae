/* SPDX-License-Identifier: BSD-3-Clause */
/* The small driver of test_pe_image.c as a file for 32-bit x86. Part of that test. */
#ifndef TESTS_UNIT_X86_PE_DRIVER_H
#define TESTS_UNIT_X86_PE_DRIVER_H

#define OWN_MACHINE    PE_MACHINE_I386
#define OWN_MAGIC      0x10b
#define POINTER_BYTES  4u
#define BY_ORDINAL     (1u << 31)
#define LINK_BASE      0x400000u
#define RELOCATION     3u
#define DEFAULT_COOKIE 0xbb40e64eu
#define COOKIE_MASK    0xffffffffull
#define NTAPI_CALL     __attribute__((stdcall))

/* Of the optional header: its size without directories, and places in it. */
#define OPTIONAL_BYTES  96
#define IMAGE_BASE      28
#define DIRECTORY_COUNT 92

/* Of the load configuration: its size, fields, and which of them are relocated. */
#define LOAD_CONFIG_SIZE 104
#define COOKIE_FIELD     60
#define HANDLERS_FIELD   64
#define COUNT_FIELD      68
#define CHECK_FIELD      72
#define CONFIG_POINTERS \
    LOAD_CONFIG + COOKIE_FIELD, LOAD_CONFIG + HANDLERS_FIELD, LOAD_CONFIG + CHECK_FIELD

/* Two exception handlers. */
#define HANDLERS (RDATA_RVA + 0x1c0)

/* Addresses in the code, in its order. */
static const uint32_t CODE_POINTERS[] = {TEXT_RVA + 1, TEXT_RVA + 9, TEXT_RVA + 17};
#define CODE_POINTER_COUNT 3

#define ARCH_DAMAGES                                                                            \
    {"wrong machine: the file is for x64 (0x8664), this storhost runs 32-bit x86; run it with " \
     "build/storhost",                                                                          \
     COFF, 2, 0x8664},                                                                          \
        {"wrong machine: the file is for ARM64 (0xaa64)", COFF, 2, 0xaa64},                     \
        {"type 10", RELOC + 8, 2, 0xa000}, {"magic 0x20b", OPTIONAL, 2, 0x20b},                 \
        {"handlers lie outside", RDATA + 0xc0 + COUNT_FIELD, 4, 0xffffffff},                    \
        {"handlers lie outside", RDATA + 0xc0 + COUNT_FIELD, 4, 0x40000001},                    \
        {"handlers lie outside", RDATA + 0xc0 + HANDLERS_FIELD, 4, LINK_BASE + IMAGE_SIZE - 7}, \
        {"out of order", RDATA + 0x1c4, 4, TEXT_RVA + 0x10},                                    \
        {"no code", RDATA + 0x1c4, 4, DATA_RVA},

struct file;
static void put_rva(struct file *file, uint32_t rva, uint64_t value);

static void put_arch_config(struct file *file)
{
    put_rva(file, LOAD_CONFIG + HANDLERS_FIELD, LINK_BASE + HANDLERS);
    put_rva(file, LOAD_CONFIG + COUNT_FIELD, 2);
    put_rva(file, HANDLERS, TEXT_RVA + 0x10);
    put_rva(file, HANDLERS + 4, TEXT_RVA + 0x20);
}

/* An operation code and the address that it takes. */
static uint8_t *put_with_address(uint8_t *code, const char *bytes, size_t count, uint32_t rva)
{
    uint32_t address = LINK_BASE + rva;

    memcpy(code, bytes, count);
    memcpy(code + count, &address, sizeof(address));
    return code + count + sizeof(address);
}

static void put_code(uint8_t *code)
{
    code = put_with_address(code, "\xa1", 1, ADDRESSES);          /* mov eax, [import] */
    memcpy(code, "\x89\xc1", 2);                                  /* mov ecx, eax */
    code = put_with_address(code + 2, "\xff\x15", 2, CHECK_SLOT); /* call [check] */
    memcpy(code, "\xff\xd1", 2);                                  /* call ecx */
    code = put_with_address(code + 2, "\x8b\x0d", 2, POINTER);    /* mov ecx, [pointer] */
    memcpy(code, "\x03\x01\xc3", 3);                              /* add eax, [ecx]; ret */
}

#endif
