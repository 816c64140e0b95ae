/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the driver reports: errors for the system's event log, traces, telemetry, debug prints.
 * Each becomes a line of text for whoever asked for it with port_on_event.
 */
#include "storport/internal.h"
#include "storport/exports.h"

#include <stdio.h>
#include <string.h>

void port_log(struct port *port, const char *format, ...)
{
    char text[512];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (port->event != NULL) {
        port->event(port->event_context, text);
    } else {
        fprintf(stderr, "event: %s\n", text);
    }
}

/* UTF-16 of the driver's to printable ASCII. */
static void narrow(char *text, size_t size, const WCHAR *wide, size_t most)
{
    size_t i = 0;

    for (; wide != NULL && i + 1 < size && i < most && wide[i] != 0; i++) {
        text[i] = wide[i] >= 0x20 && wide[i] < 0x7f ? (char)wide[i] : '?';
    }
    text[i] = 0;
}

static const char *error_name(ULONG code)
{
    static const char *const error_names[] = {
        [SP_BUS_PARITY_ERROR] = "bus parity error",
        [SP_UNEXPECTED_DISCONNECT] = "unexpected disconnect",
        [SP_INVALID_RESELECTION] = "invalid reselection",
        [SP_BUS_TIME_OUT] = "bus timeout",
        [SP_PROTOCOL_ERROR] = "protocol error",
        [SP_INTERNAL_ADAPTER_ERROR] = "internal adapter error",
        [SP_REQUEST_TIMEOUT] = "request timeout",
        [SP_IRQ_NOT_RESPONDING] = "interrupt not responding",
        [SP_BAD_FW_WARNING] = "firmware warning",
        [SP_BAD_FW_ERROR] = "firmware error",
        [SP_LOST_WMI_MINIPORT_REQUEST] = "lost WMI request",
    };

    return code < sizeof(error_names) / sizeof(error_names[0]) && error_names[code] != NULL
               ? error_names[code]
               : "error";
}

VOID NTAPI sp_log_error(PVOID extension, PSCSI_REQUEST_BLOCK srb, UCHAR path, UCHAR target,
                        UCHAR lun, ULONG code, ULONG unique)
{
    EXPORT_ENTER("StorPortLogError", extension, IRQL_DEVICE);

    if (srb != NULL) {
        request_of(port, srb, "StorPortLogError");
    }
    __atomic_fetch_add(&port->counters.events_logged, 1, __ATOMIC_RELAXED);
    port_log(port, "StorPortLogError: %s (%u), unit %u:%u:%u, unique id 0x%08x", error_name(code),
             code, path, target, lun, unique);
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

/* The text is taken as it is: what its variable arguments are, only the driver's printf knows. */
VOID NTAPIV sp_debug_print(ULONG level, PCCHAR message, ...)
{
    EXPORT_ENTER("StorPortDebugPrint", NULL, IRQL_HIGH);

    if (level <= 1 && message != NULL) {
        port_log(port, "StorPortDebugPrint: %s", message);
    }
}

VOID NTAPI sp_query_system_time(PLARGE_INTEGER time)
{
    EXPORT_ENTER("StorPortQuerySystemTime", NULL, IRQL_HIGH);
    /* 100 ns units since 1601; the bench's clock began at the first second of 2024. */
    const int64_t begin = INT64_C(133485408000000000);

    (void)port;
    time->QuadPart = begin + (int64_t)clock_now() * 10;
}

/* Reference: at most a millisecond above PASSIVE_LEVEL (the advice for DISPATCH_LEVEL code is 100
 * microseconds; more belongs into a timer). */
#define STALL_MAXIMUM 1000

VOID NTAPI sp_stall_execution(ULONG microseconds)
{
    EXPORT_ENTER("StorPortStallExecution", NULL, IRQL_HIGH);

    rule_checked(RULE_STALL);
    if (microseconds > STALL_MAXIMUM && cpu_irql() >= IRQL_DISPATCH) {
        violation(RULE_STALL, "StorPortStallExecution for %u microseconds at IRQL %u; %u at most",
                  microseconds, cpu_irql(), STALL_MAXIMUM);
    }
    clock_stall(microseconds);
    if (port != NULL && port->device != NULL && port->device->ops->step != NULL) {
        port->device->ops->step(port->device); /* time passes for the device, too */
    }
    export_leave();
}

ULONG ext_delay_execution(struct port *port, const uint64_t *a)
{
    (void)port;
    clock_stall((uint32_t)a[0]);
    return STOR_STATUS_SUCCESS;
}
