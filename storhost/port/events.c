/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the driver reports: errors for the system's event log, debug prints. Each becomes a line of
 * text for whoever asked for it with port_on_event. And what time it is, and how it passes.
 */
#include "port/internal.h"

#include <stdio.h>

#include <srb.h>

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

void log_error(struct port *port, const char *function, void *srb, UCHAR path, UCHAR target,
               UCHAR lun, ULONG code, ULONG unique)
{
    if (srb != NULL) {
        request_of(port, srb, function);
    }
    __atomic_fetch_add(&port->counters.events_logged, 1, __ATOMIC_RELAXED);
    port_log(port, "%s: %s (%u), unit %u:%u:%u, unique id 0x%08x", function, error_name(code), code,
             path, target, lun, unique);
}

/* The text is taken as it is: what its variable arguments are, only the driver's printf knows. */
void debug_print(struct port *port, const char *function, ULONG level, const char *message)
{
    if (level <= 1 && message != NULL) {
        port_log(port, "%s: %s", function, message);
    }
}

int64_t system_time(void)
{
    /* The bench's clock began at the first second of 2024. */
    const int64_t begin = INT64_C(133485408000000000);

    return begin + (int64_t)clock_now() * 10;
}

/* Reference: at most a millisecond above PASSIVE_LEVEL (the advice for DISPATCH_LEVEL code is 100
 * microseconds; more belongs into a timer). */
#define STALL_MAXIMUM 1000

/*
 * Of all stalls of one call into the driver. Windows 8 and later stop with 0x133 when a DPC, or all that
 * runs at DISPATCH_LEVEL, takes longer than its allotment: 0x500 ticks, 20 seconds, in the example on
 * that bug check's page (windows-driver-docs), which advises 100 microseconds. A tenth leaves room for
 * what other drivers do in the same DPC, and lets a device have a second for its reset.
 */
#define STALL_SUM_MAXIMUM 2000000

/* What the stalls of a call, and what it does in between, take together. */
static void check_stalls(const char *function)
{
    struct frame *frame = entry_current();

    if (frame == NULL || cpu_irql() < IRQL_DISPATCH) {
        return;
    }
    if (!frame->stalls) {
        frame->stalls = true;
        frame->stalls_since = clock_of_thread();
    }
    if (clock_of_thread() - frame->stalls_since > STALL_SUM_MAXIMUM) {
        violation(RULE_STALL,
                  "%s: this call of %s has stalled its processor for more than %u milliseconds "
                  "at DISPATCH_LEVEL or above",
                  function, entry_name(frame->entry), STALL_SUM_MAXIMUM / 1000);
    }
}

void stall(struct port *port, const char *function, ULONG microseconds)
{
    rule_checked(RULE_STALL);
    if (microseconds > STALL_MAXIMUM && cpu_irql() >= IRQL_DISPATCH) {
        violation(RULE_STALL, "%s for %u microseconds at IRQL %u; %u at most", function,
                  microseconds, cpu_irql(), STALL_MAXIMUM);
    }
    check_stalls(function);
    clock_stall(microseconds);
    if (port != NULL && port->device != NULL && port->device->ops->step != NULL) {
        port->device->ops->step(port->device); /* time passes for the device, too */
    }
}
