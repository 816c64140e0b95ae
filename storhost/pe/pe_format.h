/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The PE file format as far as a driver loader needs it.
 * Source of names, offsets and values: Microsoft, "PE Format" (the Portable Executable and Common
 * Object File Format specification). All fields are little-endian, as the host is.
 */
#ifndef STORHOST_PE_PE_FORMAT_H
#define STORHOST_PE_PE_FORMAT_H

#include <stdint.h>

#define PE_DOS_MAGIC         0x5a4d /* "MZ" */
#define PE_DOS_HEADER_SIZE   64
#define PE_DOS_LFANEW        60         /* offset of the offset of the PE signature */
#define PE_SIGNATURE         0x00004550 /* "PE\0\0" */
#define PE_OPTIONAL_MAGIC_32 0x10b
#define PE_OPTIONAL_MAGIC_64 0x20b

#define PE_MACHINE_I386  0x014c
#define PE_MACHINE_ARMNT 0x01c4
#define PE_MACHINE_AMD64 0x8664
#define PE_MACHINE_ARM64 0xaa64

#define PE_FILE_RELOCS_STRIPPED  0x0001
#define PE_FILE_EXECUTABLE_IMAGE 0x0002

#define PE_SUBSYSTEM_NATIVE 1

#define PE_SECTION_DISCARDABLE 0x02000000u
#define PE_SECTION_EXECUTE     0x20000000u
#define PE_SECTION_READ        0x40000000u
#define PE_SECTION_WRITE       0x80000000u

enum pe_directory_index {
    PE_DIRECTORY_EXPORT,
    PE_DIRECTORY_IMPORT,
    PE_DIRECTORY_RESOURCE,
    PE_DIRECTORY_EXCEPTION,
    PE_DIRECTORY_SECURITY, /* its address is a file offset, not an RVA */
    PE_DIRECTORY_BASERELOC,
    PE_DIRECTORY_DEBUG,
    PE_DIRECTORY_ARCHITECTURE,
    PE_DIRECTORY_GLOBALPTR,
    PE_DIRECTORY_TLS,
    PE_DIRECTORY_LOAD_CONFIG,
    PE_DIRECTORY_BOUND_IMPORT,
    PE_DIRECTORY_IAT,
    PE_DIRECTORY_DELAY_IMPORT,
    PE_DIRECTORY_COM_DESCRIPTOR,
    PE_DIRECTORY_RESERVED,
    PE_DIRECTORY_COUNT
};

struct pe_coff_header {
    uint16_t machine;
    uint16_t section_count;
    uint32_t timestamp;
    uint32_t symbol_table;
    uint32_t symbol_count;
    uint16_t optional_header_size;
    uint16_t characteristics;
};
_Static_assert(sizeof(struct pe_coff_header) == 20, "COFF header");

struct pe_directory {
    uint32_t address; /* RVA */
    uint32_t size;    /* bytes */
};

/* PE32: of 32-bit images. */
struct pe_optional_header32 {
    uint16_t magic;
    uint8_t linker_major, linker_minor;
    uint32_t code_size, initialized_data_size, uninitialized_data_size;
    uint32_t entry_point;
    uint32_t code_base, data_base;
    uint32_t image_base;
    uint32_t section_alignment;
    uint32_t file_alignment;
    uint16_t os_major, os_minor, image_major, image_minor, subsystem_major, subsystem_minor;
    uint32_t win32_version;
    uint32_t image_size;
    uint32_t headers_size;
    uint32_t checksum;
    uint16_t subsystem;
    uint16_t dll_characteristics;
    uint32_t stack_reserve, stack_commit, heap_reserve, heap_commit;
    uint32_t loader_flags;
    uint32_t directory_count;
    /* struct pe_directory[directory_count] follows */
};
_Static_assert(sizeof(struct pe_optional_header32) == 96, "optional header of PE32");

/* PE32+: of 64-bit images. */
struct pe_optional_header64 {
    uint16_t magic;
    uint8_t linker_major, linker_minor;
    uint32_t code_size, initialized_data_size, uninitialized_data_size;
    uint32_t entry_point;
    uint32_t code_base;
    uint64_t image_base;
    uint32_t section_alignment;
    uint32_t file_alignment;
    uint16_t os_major, os_minor, image_major, image_minor, subsystem_major, subsystem_minor;
    uint32_t win32_version;
    uint32_t image_size;
    uint32_t headers_size;
    uint32_t checksum;
    uint16_t subsystem;
    uint16_t dll_characteristics;
    uint64_t stack_reserve, stack_commit, heap_reserve, heap_commit;
    uint32_t loader_flags;
    uint32_t directory_count;
    /* struct pe_directory[directory_count] follows */
};
_Static_assert(sizeof(struct pe_optional_header64) == 112, "optional header");

/* The checksum lies at the same place in PE32 and PE32+. */
#define PE_OPTIONAL_CHECKSUM 64

struct pe_section_header {
    char name[8];
    uint32_t virtual_size;
    uint32_t virtual_address;
    uint32_t raw_size;
    uint32_t raw_offset;
    uint32_t relocations, line_numbers;
    uint16_t relocation_count, line_number_count;
    uint32_t characteristics;
};
_Static_assert(sizeof(struct pe_section_header) == 40, "section header");

struct pe_relocation_block {
    uint32_t page; /* RVA that the entries' offsets count from */
    uint32_t size; /* bytes, with this header */
};

enum pe_relocation_type {
    PE_RELOCATION_ABSOLUTE = 0, /* padding */
    PE_RELOCATION_HIGHLOW = 3,  /* 32 bits */
    PE_RELOCATION_DIR64 = 10,   /* 64 bits */
};

struct pe_import_descriptor {
    uint32_t lookup_table; /* RVA of the names; 0: they are in the address table */
    uint32_t timestamp;
    uint32_t forwarder_chain;
    uint32_t module_name;
    uint32_t address_table;
};
_Static_assert(sizeof(struct pe_import_descriptor) == 20, "import descriptor");

/*
 * An import's entry is as wide as a pointer; its highest bit says that the rest is an ordinal. The
 * load configuration's fields of that width hold virtual addresses (but for the first one, 32 bits:
 * the bytes of the structure that the linker wrote). Offsets:
 */
enum pe_load_config32 {
    PE_LOAD_CONFIG32_SECURITY_COOKIE = 60,
    PE_LOAD_CONFIG32_HANDLER_TABLE = 64, /* of SafeSEH: RVAs of the exception handlers, sorted */
    PE_LOAD_CONFIG32_HANDLER_COUNT = 68,
    PE_LOAD_CONFIG32_GUARD_CHECK = 72,
};

enum pe_load_config64 {
    PE_LOAD_CONFIG64_SECURITY_COOKIE = 88,
    PE_LOAD_CONFIG64_GUARD_CHECK = 112,
    PE_LOAD_CONFIG64_GUARD_DISPATCH = 120,
    PE_LOAD_CONFIG64_XFG_CHECK = 280,
    PE_LOAD_CONFIG64_XFG_DISPATCH = 288,
    PE_LOAD_CONFIG64_XFG_TABLE_DISPATCH = 296,
};

#endif
