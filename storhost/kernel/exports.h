/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The names that drivers import, and what stands behind them here. Each module (storport.sys,
 * scsiport.sys, ntoskrnl.exe, hal.dll) is a table; functions have the calling convention of ddk/
 * (NTAPI: ms_abi on x64).
 */
#ifndef STORHOST_KERNEL_EXPORTS_H
#define STORHOST_KERNEL_EXPORTS_H

#include <stdbool.h>
#include <stddef.h>

struct kernel_export {
    const char *name;
    void *function;       /* or the address of a variable */
    unsigned short since; /* first Windows that has it: 0x502 2003, 0x600 Vista ... 0xa00 10 */
};

struct kernel_module {
    const char *name; /* "storport.sys", lower case */
    const struct kernel_export *exports;
    size_t count;
};

extern const struct kernel_module kernel_ntoskrnl;
extern const struct kernel_module kernel_hal;
extern const struct kernel_module storport_module;

/* Chooses which Windows is presented (0x502 ... 0xa00): younger exports are then not there. */
void kernel_present_windows(unsigned short version);
unsigned short kernel_windows(void);

/*
 * Finds an import. Returns NULL when the module or name is unknown, or too young for the presented
 * Windows; `why` (if not NULL) then points to a text of its own for the message.
 */
void *kernel_resolve(const char *module, const char *name, const char **why);

/* Text of DbgPrint and the like goes here (default: standard error with the prefix "driver: "). */
void kernel_set_debug_output(void (*write)(const char *text, size_t length));

#endif
