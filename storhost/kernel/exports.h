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
#include <stdint.h>

struct kernel_export {
    const char *name;
    void *function; /* or the address of a variable */
};

struct kernel_module {
    const char *name; /* "storport.sys", lower case */
    const struct kernel_export *exports;
    size_t count;
};

/* The port drivers' tables. Those of ntoskrnl.exe and hal.dll are this folder's own. */
extern const struct kernel_module storport_module, scsiport_module;

/* Chooses which Windows is presented (0x501 ... 0xa00): younger exports are then not there. */
void kernel_present_windows(unsigned short version);
unsigned short kernel_windows(void);

/*
 * Finds an import. Module names are compared without regard to case; ntoskrnl.exe has several names;
 * what hal.dll has, ntoskrnl.exe has as well from 10 on (10 2004 made them one). What is found is to
 * be called by the driver (thunk.h). Returns NULL when storhost does not offer the name, or the
 * presented Windows does not export it on this processor (windows_exports.h); `why` (if not NULL)
 * then points to a text of its own for the message.
 */
void *kernel_resolve(const char *module, const char *name, const char **why);

/* Text of DbgPrint and the like goes here (default: standard error with the prefix "driver: "). */
void kernel_set_debug_output(void (*write)(const char *text, size_t length));

/* Called with the name of the function ahead of each allocation of pool or contiguous memory, on
 * the allocating thread: for the rule that the request path allocates nothing. NULL: nobody. */
void kernel_on_allocation(void (*allocating)(const char *function));

/* Who maps registers by physical address for MmMapIoSpace: returns a trapped window or NULL, and
 * takes it back. Until set, MmMapIoSpace returns NULL. */
void kernel_set_io_space(void *(*map)(uint64_t physical, size_t length),
                         void (*unmap)(void *address, size_t length));

/* Prepares what drivers read at fixed addresses (the page that Windows shares with all code at
 * 0xfffff78000000000). After trap_init and cpu_start, once. */
void kernel_init(void);

#endif
