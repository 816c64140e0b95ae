/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Debugging: leveled print to a COM port or to the kernel debugger.
 *
 * Registry, under Services\viostor\Parameters\Device (read in HwFindAdapter):
 *   DebugLevel  REG_DWORD  0 nothing (default), 1 errors, 2 warnings, 3 information, 4 each request
 *   DebugPort   REG_DWORD  0 the kernel debugger (default), else the I/O port of an 8250-like UART,
 *                          0x3f8 for COM1; ARM64, which has no ports, always the former
 * With DebugLevel 0 a print costs one comparison, and the request path prints only at level 4.
 */
#ifndef VIRTIO_STORE_UTILS_H
#define VIRTIO_STORE_UTILS_H

#include "osdep.h"

typedef enum _DEBUG_LEVEL {
    DebugNothing = 0,
    DebugError = 1,
    DebugWarning = 2,
    DebugInformation = 3,
    DebugRequest = 4,
} DEBUG_LEVEL;

/* What is printed, for all adapters of the driver; set by DebugConfigure. */
extern ULONG DebugPrintLevel;

/* Sets where and what to print. Port: an I/O port, or 0 for the kernel debugger. Any IRQL. */
VOID DebugConfigure(ULONG Level, ULONG Port);

/* Prints one line, in the format language of the kernel's _vsnprintf without floating point and
 * wide strings; cut at 200 characters. Any IRQL. Use DebugPrint. */
#if defined(_WIN32)
__attribute__((format(printf, 1, 2)))
#endif
VOID DebugPrintLine(const char *Format, ...);

/* DebugPrint(DebugError, "queue %u: %s", Index, Why): the line break is added. */
#define DebugPrint(Level, ...)                             \
    do {                                                   \
        if (UNLIKELY(DebugPrintLevel >= (ULONG)(Level))) { \
            DebugPrintLine(__VA_ARGS__);                   \
        }                                                  \
    } while (0)

#endif
