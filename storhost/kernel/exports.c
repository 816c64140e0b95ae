/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Finds what a driver imports: in the table of what Windows exports, and then in those of what is
 * offered here, which are small and searched only when a driver is loaded.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "kernel/kernel_internal.h"
#include "kernel/windows_exports.h"

static const struct kernel_module *const modules[] = {
    &kernel_arch,       &kernel_crash,     &kernel_events,    &kernel_irql,     &kernel_lists,
    &kernel_mapping,    &kernel_memory,    &kernel_numbers,   &kernel_pool,     &kernel_print,
    &kernel_processors, &kernel_registers, &kernel_strings,   &kernel_system,   &kernel_time,
    &kernel_trace,      &kernel_unicode,   &kernel_variables, &storport_module, &scsiport_module,
};

#define KERNEL "ntoskrnl.exe"
#define HAL    "hal.dll"

/* Other names of the kernel: its processor variants. */
static const char *const kernel_names[] = {
    "ntoskrnl.exe",
    "ntkrnlmp.exe",
    "ntkrnlpa.exe",
    "ntkrpamp.exe",
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

static bool is_one_of(const char *module, const char *const *names, size_t count)
{
    size_t index;

    for (index = 0; index < count; index++) {
        if (strcasecmp(module, names[index]) == 0) {
            return true;
        }
    }
    return false;
}

/* The name under which Windows' table knows a module. */
static const char *module_of_windows(const char *module)
{
    static const char *const others[] = {HAL, "storport.sys", "scsiport.sys"};
    size_t index;

    if (is_one_of(module, kernel_names, sizeof(kernel_names) / sizeof(kernel_names[0]))) {
        return KERNEL;
    }
    for (index = 0; index < sizeof(others) / sizeof(others[0]); index++) {
        if (strcasecmp(module, others[index]) == 0) {
            return others[index];
        }
    }
    return module;
}

/* The first Windows that exports it; 0: none. */
static unsigned short exported_since(const char *module, const char *name)
{
    unsigned short since = windows_export_since(module, name);

    if (since == 0 && windows >= WINDOWS_10 && strcmp(module, KERNEL) == 0 &&
        windows_export_since(HAL, name) != 0) {
        return WINDOWS_10;
    }
    return since;
}

/* Why the presented Windows does not export it; an empty text: it does. */
static void explain_windows(const char *module, const char *name, char *text, size_t size)
{
    const unsigned short since = exported_since(module, name);
    const char *elsewhere = windows_export_elsewhere(module, name);

    text[0] = 0;
    if (since > windows) {
        snprintf(text, size, "Windows has it since %u.%u, and %u.%u is presented", since >> 8,
                 since & 0xff, windows >> 8, windows & 0xff);
    } else if (since == 0 && elsewhere != NULL) {
        snprintf(text, size, "Windows for %s has it, but for this processor it has not", elsewhere);
    } else if (since == 0) {
        snprintf(text, size, "no Windows is known to export it");
    }
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

/* What is offered here under that name: its module's table goes to `holder`. `known`: the module is. */
static const struct kernel_export *find_offered(const char *module, const char *name,
                                                const struct kernel_module **holder, bool *known)
{
    const char *table = strcmp(module, HAL) == 0 ? KERNEL : module;
    const struct kernel_export *found = NULL;
    size_t index;

    for (index = 0; index < sizeof(modules) / sizeof(modules[0]) && found == NULL; index++) {
        if (strcasecmp(modules[index]->name, table) == 0) {
            *known = true;
            *holder = modules[index];
            found = find_export(modules[index], name);
        }
    }
    return found;
}

void *kernel_resolve(const char *module, const char *name, const char **why)
{
    static _Thread_local char reason[160];
    const char *exporter = module_of_windows(module);
    const struct kernel_module *holder = NULL;
    const struct kernel_export *found;
    bool known = false;

    found = find_offered(exporter, name, &holder, &known);
    if (!known) {
        snprintf(reason, sizeof(reason), "no such module here");
    } else {
        explain_windows(exporter, name, reason, sizeof(reason));
        if (reason[0] == 0 && found != NULL) {
            return address_of(holder, found);
        }
        if (reason[0] == 0) {
            snprintf(reason, sizeof(reason), "storhost does not offer it");
        }
    }
    if (why != NULL) {
        *why = reason;
    }
    return NULL;
}
