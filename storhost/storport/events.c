/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the driver reports to StorPort: errors for the system's event log, traces, telemetry, debug
 * prints (port/events.c); time.
 */
#include "storport/internal.h"
#include "storport/exports.h"

#include <stdio.h>
#include <string.h>

/* UTF-16 of the driver's to printable ASCII. */
static void narrow(char *text, size_t size, const WCHAR *wide, size_t most)
{
    size_t i = 0;

    for (; wide != NULL && i + 1 < size && i < most && wide[i] != 0; i++) {
        text[i] = wide[i] >= 0x20 && wide[i] < 0x7f ? (char)wide[i] : '?';
    }
    text[i] = 0;
}

VOID NTAPI sp_log_error(PVOID extension, PSCSI_REQUEST_BLOCK srb, UCHAR path, UCHAR target,
                        UCHAR lun, ULONG code, ULONG unique)
{
    EXPORT_ENTER("StorPortLogError", extension, IRQL_DEVICE);

    log_error(port, "StorPortLogError", srb, path, target, lun, code, unique);
    export_leave();
}

ULONG ext_log_system_event(struct port *port, const uint64_t *a)
{
    const STOR_LOG_EVENT_DETAILS *details = (const void *)(uintptr_t)a[0];
    char strings[256] = "";
    size_t used = 0;

    if (details == NULL) {
        return STOR_STATUS_INVALID_PARAMETER;
    }
    if (details->InterfaceRevision != STOR_CURRENT_LOG_INTERFACE_REVISION) {
        return STOR_STATUS_UNSUPPORTED_VERSION;
    }
    for (ULONG i = 0; i < details->StringCount && used + 4 < sizeof(strings); i++) {
        strings[used++] = ' ';
        narrow(strings + used, sizeof(strings) - used, details->StringList[i], 64);
        used += strlen(strings + used);
    }
    __atomic_fetch_add(&port->counters.events_logged, 1, __ATOMIC_RELAXED);
    port_log(port, "StorPortLogSystemEvent: code 0x%08x, unique id 0x%08x, %u bytes of data%s",
             details->ErrorCode, details->UniqueId, details->DumpDataSize, strings);
    return STOR_STATUS_SUCCESS;
}

/* Name and value pairs follow each other from argument `first` on. */
static void log_etw(struct port *port, const char *function, uint32_t event,
                    const WCHAR *description, const uint64_t *pairs, unsigned count)
{
    char text[400], name[40];
    size_t used;

    narrow(name, sizeof(name), description, STORPORT_ETW_MAX_DESCRIPTION_LENGTH);
    used = (size_t)snprintf(text, sizeof(text), "%s: event %u, %s", function, event, name);
    for (unsigned i = 0; i < count && used + 64 < sizeof(text); i++) {
        const WCHAR *wide = (const WCHAR *)(uintptr_t)pairs[2 * i];

        if (wide != NULL) {
            narrow(name, sizeof(name), wide, STORPORT_ETW_MAX_PARAM_NAME_LENGTH);
            used += (size_t)snprintf(text + used, sizeof(text) - used, ", %s 0x%llx", name,
                                     (unsigned long long)pairs[2 * i + 1]);
        }
    }
    port_log(port, "%s", text);
}

/* Address, event, description, keywords, level, opcode, SRB, then the pairs. */
ULONG ext_etw_2(struct port *port, const uint64_t *a)
{
    log_etw(port, "StorPortEtwEvent2", (uint32_t)a[1], (const WCHAR *)(uintptr_t)a[2], a + 7, 2);
    return STOR_STATUS_SUCCESS;
}

ULONG ext_etw_4(struct port *port, const uint64_t *a)
{
    log_etw(port, "StorPortEtwEvent4", (uint32_t)a[1], (const WCHAR *)(uintptr_t)a[2], a + 7, 4);
    return STOR_STATUS_SUCCESS;
}

ULONG ext_etw_8(struct port *port, const uint64_t *a)
{
    log_etw(port, "StorPortEtwEvent8", (uint32_t)a[1], (const WCHAR *)(uintptr_t)a[2], a + 7, 8);
    return STOR_STATUS_SUCCESS;
}

/* The same with a channel behind the address. */
ULONG ext_etw_channel_2(struct port *port, const uint64_t *a)
{
    log_etw(port, "StorPortEtwChannelEvent2", (uint32_t)a[2], (const WCHAR *)(uintptr_t)a[3], a + 8,
            2);
    return STOR_STATUS_SUCCESS;
}

ULONG ext_etw_channel_4(struct port *port, const uint64_t *a)
{
    log_etw(port, "StorPortEtwChannelEvent4", (uint32_t)a[2], (const WCHAR *)(uintptr_t)a[3], a + 8,
            4);
    return STOR_STATUS_SUCCESS;
}

ULONG ext_etw_channel_8(struct port *port, const uint64_t *a)
{
    log_etw(port, "StorPortEtwChannelEvent8", (uint32_t)a[2], (const WCHAR *)(uintptr_t)a[3], a + 8,
            8);
    return STOR_STATUS_SUCCESS;
}

ULONG ext_telemetry(struct port *port, const uint64_t *a)
{
    const STORPORT_TELEMETRY_EVENT *event = (const void *)(uintptr_t)a[1];

    if (event == NULL) {
        return STOR_STATUS_INVALID_PARAMETER;
    }
    port_log(port, "StorPortLogTelemetry: event %u, %.32s", event->EventId,
             (const char *)event->EventName);
    return STOR_STATUS_SUCCESS;
}

VOID NTAPIV sp_debug_print(ULONG level, PCCHAR message, ...)
{
    EXPORT_ENTER("StorPortDebugPrint", NULL, IRQL_HIGH);

    debug_print(port, "StorPortDebugPrint", level, message);
}

VOID NTAPI sp_query_system_time(PLARGE_INTEGER time)
{
    EXPORT_ENTER("StorPortQuerySystemTime", NULL, IRQL_HIGH);

    (void)port;
    time->QuadPart = system_time();
}

VOID NTAPI sp_stall_execution(ULONG microseconds)
{
    EXPORT_ENTER("StorPortStallExecution", NULL, IRQL_HIGH);

    stall(port, "StorPortStallExecution", microseconds);
    export_leave();
}

ULONG ext_delay_execution(struct port *port, const uint64_t *a)
{
    (void)port;
    clock_stall((uint32_t)a[0]);
    return STOR_STATUS_SUCCESS;
}
