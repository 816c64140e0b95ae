/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A dump copy as both port drivers see it, and what they have in common. Neither StorPort's nor
 * SCSIPort's declarations are needed here, which exclude each other in one source file.
 */
#ifndef STORHOST_DUMP_MINIPORT_H
#define STORHOST_DUMP_MINIPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ntdef.h>

#include "machine/thunk.h"

struct dump;

/* What the miniport told StorPortInitialize or ScsiPortInitialize. */
struct dump_miniport {
    ULONG(NTAPI *find_adapter)
    (void *extension, void *context, void *bus_information, char *arguments, void *config,
     UCHAR *again);
    UCHAR(NTAPI *initialize)(void *extension);
    UCHAR(NTAPI *build_io)(void *extension, void *srb); /* NULL: has none */
    UCHAR(NTAPI *start_io)(void *extension, void *srb);
    UCHAR(NTAPI *interrupt)(void *extension);
    UCHAR(NTAPI *reset_bus)(void *extension, ULONG path);
    void *context;
    uint32_t extension_bytes;
};

/* What differs between the two port drivers. */
struct dump_service {
    const char *name;   /* "storport" */
    const char *prefix; /* of its functions: "StorPort" */
    /* Makes PORT_CONFIGURATION_INFORMATION, dump->port.config, with its initial values. */
    void (*config_build)(struct dump *dump);
    /* Takes over what HwFindAdapter made of it into dump->port; false and a text if it is of no use. */
    bool (*config_accept)(struct dump *dump, char *error, size_t size);
    /* SrbExtensionSize as it is there now. */
    uint32_t (*srb_extension_bytes)(const struct dump *dump);
    bool needs_next_request; /* the miniport says when it takes another one */
};

extern const struct dump_service dump_storport_service, dump_scsiport_service;

/* An export of the dump port driver. */
struct dump_export {
    const char *name;
    void *function;
    unsigned short since; /* first Windows that has it */
};

/* Both tables end with a NULL name. */
extern const struct dump_export dump_storport_exports[], dump_scsiport_exports[];

/* ---- for the functions behind the exports -------------------------------------------------- */

/* At the beginning of each: the dump copy that calls, `name` without its prefix. `extension` NULL
 * where the function has none; violation for another's. */
struct dump *dump_enter(const char *name, const void *extension, const void *caller);
#define DUMP_ENTER(name, extension) \
    struct dump *dump = dump_enter((name), (extension), thunk_caller(__builtin_return_address(0)))

/* StorPortInitialize, ScsiPortInitialize: takes the miniport. */
void dump_take_miniport(struct dump *dump, const struct dump_service *service,
                        const struct dump_miniport *miniport);
/* Whether DriverEntry runs, with the arguments that it got (none). */
void dump_check_initialize(struct dump *dump, const void *argument1, const void *argument2);

/* Notifications. */
void dump_request_complete(struct dump *dump, void *srb);
void dump_next_request(struct dump *dump);
/* What must not be done in dump mode (`why`), and what no Windows knows. */
void dump_forbidden(const struct dump *dump, const char *why) __attribute__((noreturn));
void dump_unknown(const struct dump *dump, const char *what, unsigned number)
    __attribute__((noreturn));
/* BufferOverrunDetected: Windows stops, in the middle of its stopping. */
void dump_overrun(const struct dump *dump) __attribute__((noreturn));

/* ---- exports that both port drivers have, with the same parameters (services.c) ------------- */

PVOID NTAPI dump_get_uncached_extension(PVOID extension, PVOID config, ULONG bytes);
uint64_t NTAPI dump_get_physical_address(PVOID extension, PVOID srb, PVOID address, ULONG *length);
PVOID NTAPI dump_get_virtual_address(PVOID extension, uint64_t bus);
uint64_t NTAPI dump_convert_ulong_to_physical_address(ULONG_PTR value);
ULONG NTAPI dump_convert_physical_address_to_ulong(uint64_t address);
VOID NTAPI dump_move_memory(PVOID to, PVOID from, ULONG length);
PVOID NTAPI dump_get_logical_unit(PVOID extension, UCHAR path, UCHAR target, UCHAR lun);
VOID NTAPI dump_complete_request(PVOID extension, UCHAR path, UCHAR target, UCHAR lun,
                                 UCHAR status);
PVOID NTAPI dump_get_device_base(PVOID extension, ULONG type, ULONG bus, uint64_t address,
                                 ULONG bytes, UCHAR io_space);
VOID NTAPI dump_free_device_base(PVOID extension, PVOID base);
BOOLEAN NTAPI dump_validate_range(PVOID extension, ULONG type, ULONG bus, uint64_t address,
                                  ULONG bytes, UCHAR io_space);
ULONG NTAPI dump_get_bus_data(PVOID extension, ULONG type, ULONG bus, ULONG slot, PVOID buffer,
                              ULONG length);
ULONG NTAPI dump_set_bus_data_by_offset(PVOID extension, ULONG type, ULONG bus, ULONG slot,
                                        PVOID buffer, ULONG offset, ULONG length);
VOID NTAPI dump_log_error(PVOID extension, PVOID srb, UCHAR path, UCHAR target, UCHAR lun,
                          ULONG code, ULONG unique);
VOID NTAPIV dump_debug_print(ULONG level, PCCHAR message, ...);
VOID NTAPI dump_query_system_time(PVOID time);
VOID NTAPI dump_stall_execution(ULONG microseconds);

/* The SRB that the miniport has, NULL: none. */
void *dump_current_srb(const struct dump *dump);

#endif
