/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the files of this folder share: the tables of exports, one per concern, and checks that the
 * exports make.
 *
 * Functions are written from Microsoft's reference (windows-driver-docs-ddi) and have its calling
 * convention; names there are ours, names in the tables are Windows'.
 */
#ifndef STORHOST_KERNEL_KERNEL_INTERNAL_H
#define STORHOST_KERNEL_KERNEL_INTERNAL_H

#include <ntddk.h>
#include <ntstatus.h>

#include "base/violation.h"
#include "kernel/exports.h"
#include "machine/cpu.h"
#include "machine/thunk.h"
#include "machine/trap.h"

enum windows_version {
    WINDOWS_XP = 0x501,
    WINDOWS_2003 = 0x502,
    WINDOWS_VISTA = 0x600,
    WINDOWS_7 = 0x601,
    WINDOWS_8 = 0x602,
    WINDOWS_8_1 = 0x603,
    WINDOWS_10 = 0xa00,
};

/*
 * Calling conventions. On x86 the C library's functions are __cdecl, most others __stdcall (NTAPI),
 * and a few __fastcall (FASTCALL), as their declarations in Microsoft's headers say. Elsewhere there
 * is only one.
 */
#define KERNEL_C NTAPIV

/* One line of a table. */
#define KERNEL_EXPORT(name, target) \
    {                               \
#name, (void *)(target)     \
    }

#define KERNEL_TABLE(variable, table)                               \
    const struct kernel_module variable = {"ntoskrnl.exe", (table), \
                                           sizeof(table) / sizeof((table)[0])}

/* What only one architecture has, and what looks different there: looked up first. */
extern const struct kernel_module kernel_arch;
extern const struct kernel_module kernel_crash;
extern const struct kernel_module kernel_events;
extern const struct kernel_module kernel_irql;
extern const struct kernel_module kernel_lists;
extern const struct kernel_module kernel_mapping;
extern const struct kernel_module kernel_memory;
extern const struct kernel_module kernel_numbers;
extern const struct kernel_module kernel_pool;
extern const struct kernel_module kernel_print;
extern const struct kernel_module kernel_processors;
extern const struct kernel_module kernel_registers;
extern const struct kernel_module kernel_strings;
extern const struct kernel_module kernel_system;
extern const struct kernel_module kernel_time;
extern const struct kernel_module kernel_trace;
extern const struct kernel_module kernel_unicode;

/* Where the kernel shows the page that it shares with all code (KUSER_SHARED_DATA). Linux has
 * nothing there that could be mapped; called once, ahead of the trap. */
uint64_t kernel_shared_page(void);

/* Variables: what the driver gets is their own address. */
extern const struct kernel_module kernel_variables;

/* Violation RULE_IRQL if this processor is above the highest IRQL that the reference allows. */
void kernel_require_irql(uint8_t highest, const char *function);

/* Lists under a spin lock, which x86 also offers by another calling convention (lists.c). */
LIST_ENTRY *NTAPI kernel_insert_head(LIST_ENTRY *head, LIST_ENTRY *entry, ULONG_PTR *lock);
LIST_ENTRY *NTAPI kernel_insert_tail(LIST_ENTRY *head, LIST_ENTRY *entry, ULONG_PTR *lock);
LIST_ENTRY *NTAPI kernel_remove_head(LIST_ENTRY *head, ULONG_PTR *lock);
SINGLE_LIST_ENTRY *NTAPI kernel_push_single(SINGLE_LIST_ENTRY *head, SINGLE_LIST_ENTRY *entry,
                                            ULONG_PTR *lock);
SINGLE_LIST_ENTRY *NTAPI kernel_pop_single(SINGLE_LIST_ENTRY *head, ULONG_PTR *lock);
ULONG NTAPI kernel_add_ulong(ULONG *target, ULONG increment, ULONG_PTR *lock);

/* Tells who watches for allocations on the request path. */
void kernel_allocating(const char *function);

/*
 * SERVES("strlen"); at the beginning of an export that follows the driver's pointers: until the
 * function ends, a fault is the driver's.
 */
#define SERVES(name) \
    __attribute__((cleanup(kernel_served), unused)) int kernel_serving = kernel_serves(name)

static inline int kernel_serves(const char *name)
{
    trap_enter_export(name);
    return 0;
}

static inline void kernel_served(const int *serving)
{
    (void)serving;
    trap_leave_export();
}

/* Windows' time: 100-nanosecond units. */
uint64_t kernel_interrupt_time(void); /* since the start */
uint64_t kernel_system_time(void);    /* since 1601 */
#define KERNEL_TICK 156250            /* 100-nanosecond units per clock tick: 15.625 ms */

/* Major, minor and build number of the presented Windows. */
void kernel_version(ULONG *major, ULONG *minor, ULONG *build);

/* Writes text where DbgPrint's goes. */
void kernel_debug_write(const char *text, size_t length);

#endif
