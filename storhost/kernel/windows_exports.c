/* SPDX-License-Identifier: BSD-3-Clause */
#include "kernel/windows_exports.h"

#include <stdlib.h>
#include <string.h>

#include "pe/pe_arch.h"

enum processor {
    PROCESSOR_X86,
    PROCESSOR_X64,
    PROCESSOR_ARM64,
    PROCESSORS
};

struct windows_export {
    const char *module;
    const char *name;
    unsigned short since[PROCESSORS]; /* 0: not on this processor */
};

static const struct windows_export table[] = {
#include "kernel/windows_exports.inc"
};

static const char *const processor_names[PROCESSORS] = {"x86", "x64"};

static enum processor own_processor(void)
{
    return pe_arch.machine == PE_MACHINE_I386 ? PROCESSOR_X86 : PROCESSOR_X64;
}

static int compare(const void *left, const void *right)
{
    const struct windows_export *a = left;
    const struct windows_export *b = right;
    int order = strcmp(a->module, b->module);

    return order != 0 ? order : strcmp(a->name, b->name);
}

static const struct windows_export *find(const char *module, const char *name)
{
    const struct windows_export wanted = {.module = module, .name = name};

    return bsearch(&wanted, table, sizeof(table) / sizeof(table[0]), sizeof(table[0]), compare);
}

unsigned short windows_export_since(const char *module, const char *name)
{
    const struct windows_export *found = find(module, name);

    return found != NULL ? found->since[own_processor()] : 0;
}

const char *windows_export_elsewhere(const char *module, const char *name)
{
    const struct windows_export *found = find(module, name);
    unsigned processor;

    for (processor = 0; found != NULL && processor < PROCESSORS; processor++) {
        if (found->since[processor] != 0) {
            return processor_names[processor];
        }
    }
    return NULL;
}
