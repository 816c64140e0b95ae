/* SPDX-License-Identifier: BSD-3-Clause */
/* Finds what a driver imports. The tables are small and searched only when a driver is loaded. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "kernel/kernel_internal.h"

static const struct kernel_module *const modules[] = {
    &kernel_arch,       &kernel_crash,     &kernel_events,    &kernel_irql,     &kernel_lists,
    &kernel_mapping,    &kernel_memory,    &kernel_numbers,   &kernel_pool,     &kernel_print,
    &kernel_processors, &kernel_registers, &kernel_strings,   &kernel_system,   &kernel_time,
    &kernel_trace,      &kernel_unicode,   &kernel_variables, &storport_module, &scsiport_module,
};

/* Other names of the kernel: its processor variants, and the part that was the HAL. */
static const char *const kernel_names[] = {
    "ntoskrnl.exe", "ntkrnlmp.exe", "ntkrnlpa.exe", "ntkrpamp.exe", "hal.dll",
};

static unsigned short windows = WINDOWS_10;
static void (*on_allocation)(const char *function);

void kernel_present_windows(unsigned short version)
{
    windows = version;
}

unsigned short kernel_windows(void)
{
    return windows;
}

void kernel_on_allocation(void (*allocating)(const char *function))
{
    on_allocation = allocating;
}

void kernel_allocating(const char *function)
{
    if (on_allocation != NULL) {
        on_allocation(function);
    }
}

void kernel_require_irql(uint8_t highest, const char *function)
{
    static const char *const names[] = {"PASSIVE_LEVEL", "APC_LEVEL", "DISPATCH_LEVEL"};

    rule_checked(RULE_IRQL);
    if (cpu_current() >= 0 && cpu_irql() > highest) {
        violation(RULE_IRQL, "%s is called at IRQL %u; its reference allows at most %s (%u)",
                  function, cpu_irql(),
                  highest < sizeof(names) / sizeof(names[0]) ? names[highest] : "DIRQL", highest);
    }
}

/* The name under which the tables know a module. */
static const char *canonical_module(const char *module)
{
    size_t index;

    for (index = 0; index < sizeof(kernel_names) / sizeof(kernel_names[0]); index++) {
        if (strcasecmp(module, kernel_names[index]) == 0) {
            return kernel_names[0];
        }
    }
    return module;
}

/* Compilers call it ahead of a large stack frame and count on more registers than a thunk keeps. */
static bool keeps_registers(const struct kernel_export *export)
{
    return strcmp(export->name, "__chkstk") == 0;
}

/* What the driver gets to call or read for an export. */
static void *address_of(const struct kernel_module *module, const struct kernel_export *export)
{
    return module == &kernel_variables || keeps_registers(export) ? export->function
                                                                  : thunk_of(export->function);
}

static const struct kernel_export *find_export(const struct kernel_module *module, const char *name)
{
    size_t index;

    for (index = 0; index < module->count; index++) {
        if (strcmp(module->exports[index].name, name) == 0) {
            return &module->exports[index];
        }
    }
    return NULL;
}

void *kernel_resolve(const char *module, const char *name, const char **why)
{
    static _Thread_local char reason[160];
    const char *canonical = canonical_module(module);
    const struct kernel_module *holder = NULL;
    const struct kernel_export *found = NULL;
    bool known = false;
    size_t index;

    for (index = 0; index < sizeof(modules) / sizeof(modules[0]) && found == NULL; index++) {
        if (strcasecmp(modules[index]->name, canonical) == 0) {
            known = true;
            holder = modules[index];
            found = find_export(holder, name);
        }
    }
    if (found != NULL && found->since <= windows) {
        return address_of(holder, found);
    }
    if (found != NULL) {
        snprintf(reason, sizeof(reason), "Windows has it since %u.%u, and %u.%u is presented",
                 found->since >> 8, found->since & 0xff, windows >> 8, windows & 0xff);
    } else {
        snprintf(reason, sizeof(reason), "%s",
                 known ? "storhost does not offer it" : "no such module here");
    }
    if (why != NULL) {
        *why = reason;
    }
    return NULL;
}
