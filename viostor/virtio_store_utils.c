/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Print to a COM port or to the kernel debugger. See virtio_store_utils.h.
 */
#include "virtio_store_utils.h"

#include <stdarg.h>

#include "virtio_pci_io.h"

/* Characters of a line, its prefix, line break and NUL included. */
#define DEBUG_LINE_LENGTH 224

/* Registers of an 8250-like UART, from its base port on. */
#define UART_TRANSMIT       0u
#define UART_LINE_STATUS    5u
#define UART_TRANSMIT_EMPTY 0x20u
/* Looks at the line status before a character is given up: no UART stands still for long. */
#define UART_PATIENCE 10000u

/* Kernel exports without a common header for every toolchain; both exist since Windows XP. */
int __cdecl _vsnprintf(char *Buffer, SIZE_T Count, const char *Format, va_list Arguments);

ULONG DebugPrintLevel = DebugNothing;
static ULONG DebugUartPort = 0;

VOID DebugConfigure(ULONG Level, ULONG Port)
{
    /* Port numbers have 16 bits; anything else is not one, nor is any where there is no port space. */
    DebugUartPort = VIRTIO_PORT_SPACE && Port <= 0xffffu - UART_LINE_STATUS ? Port : 0;
    DebugPrintLevel = Level;
}

static VOID DebugWriteUart(const char *Text)
{
    for (; *Text != 0; ++Text) {
        ULONG Patience = UART_PATIENCE;

        while (!(VirtioPortRead8(DebugUartPort + UART_LINE_STATUS) & UART_TRANSMIT_EMPTY) &&
               --Patience != 0) {
        }
        VirtioPortWrite8(DebugUartPort + UART_TRANSMIT, (UCHAR)*Text);
    }
}

VOID DebugPrintLine(const char *Format, ...)
{
    static const char Prefix[] = "viostor: ";
    char Line[DEBUG_LINE_LENGTH];
    const SIZE_T Start = sizeof(Prefix) - 1;
    const SIZE_T Room = sizeof(Line) - Start - 2;
    va_list Arguments;
    int Count;

    RtlCopyMemory(Line, Prefix, Start);
    va_start(Arguments, Format);
    Count = _vsnprintf(Line + Start, Room, Format, Arguments);
    va_end(Arguments);
    /* Negative: cut, and then not terminated. */
    if (Count < 0 || (SIZE_T)Count > Room) {
        Count = (int)Room;
    }
    Line[Start + (SIZE_T)Count] = '\n';
    Line[Start + (SIZE_T)Count + 1] = 0;

    if (DebugUartPort != 0) {
        DebugWriteUart(Line);
    } else {
        DbgPrintEx(DPFLTR_IHVDRIVER_ID, DPFLTR_ERROR_LEVEL, "%s", Line);
    }
}
