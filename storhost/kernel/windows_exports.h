/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What Windows exports to drivers: a table by processor and Windows, of names that nobody here
 * chose (windows_exports.inc, made by make_windows_exports.py from the sources that it names). What
 * storhost offers beyond it no driver gets.
 */
#ifndef STORHOST_KERNEL_WINDOWS_EXPORTS_H
#define STORHOST_KERNEL_WINDOWS_EXPORTS_H

/*
 * The first Windows (0x501 ...) whose module of that name ("ntoskrnl.exe", "hal.dll",
 * "storport.sys", "scsiport.sys") exports it on the processor that this storhost is for. 0: none
 * does.
 */
unsigned short windows_export_since(const char *module, const char *name);

/* A processor ("x86", "x64") for which any Windows exports it, for messages. NULL: none. */
const char *windows_export_elsewhere(const char *module, const char *name);

#endif
