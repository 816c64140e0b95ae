/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ScsiPortNotification, and what else is about requests and units that the driver has. A
 * notification that only younger port drivers know does nothing; one that none knows is a
 * violation, by number.
 */
#include "scsiport/exports.h"

#include "kernel/arguments.h"

struct notification {
    uint32_t type;
    const char *name;
    const char *arguments; /* behind type and extension: their types, as of arguments_read() */
    void (*run)(struct port *port, const uint64_t *arguments);
};

static void request_completed(struct port *port, const uint64_t *a)
{
    request_complete(port, request_of(port, (void *)(uintptr_t)a[0], "RequestComplete"));
}

static void next_request(struct port *port, const uint64_t *a)
{
    (void)a;
    scsiport_ready(port, NULL);
}

static void next_lu_request(struct port *port, const uint64_t *a)
{
    const struct scsiport *own = port->scsiport;
    struct unit *unit = unit_at(port, (uint8_t)a[0], (uint8_t)a[1], (uint8_t)a[2], false);

    if ((!own->tagged && !own->multiple) || (!own->tagged && !own->auto_sense)) {
        violation(RULE_ARGUMENT, "NextLuRequest by a driver that has declared neither tagged "
                                 "queuing nor several requests for each unit with automatic "
                                 "request sense");
    }
    if (unit == NULL) {
        violation(RULE_ARGUMENT, "NextLuRequest for %u:%u:%u, which never had a request",
                  (uint8_t)a[0], (uint8_t)a[1], (uint8_t)a[2]);
    }
    scsiport_ready(port, unit);
}

/* Requests are still the driver's to complete; SCSIPort manages the delay. */
static void reset_detected(struct port *port, const uint64_t *a)
{
    (void)a;
    port_log(port, "ScsiPortNotification: reset detected");
}

static void disable_interrupts(struct port *port, const uint64_t *a)
{
    callback_disable(port, (PHW_INTERRUPT)(uintptr_t)a[0]);
}

static void enable_interrupts(struct port *port, const uint64_t *a)
{
    callback_enable(port, (PHW_INTERRUPT)(uintptr_t)a[0]);
}

static void request_timer(struct port *port, const uint64_t *a)
{
    if ((PHW_TIMER)(uintptr_t)a[0] == NULL && (ULONG)a[1] != 0) {
        violation(RULE_ARGUMENT, "RequestTimerCall without a routine");
    }
    timer_request(port, (port_timer_routine)(uintptr_t)a[0], (ULONG)a[1]);
}

static void bus_change(struct port *port, const uint64_t *a)
{
    if ((uint8_t)a[0] >= port->buses) {
        violation(RULE_ARGUMENT, "BusChangeDetected for bus %u of %u", (uint8_t)a[0], port->buses);
    }
    port_log(port, "ScsiPortNotification: bus change detected on path %u", (uint8_t)a[0]);
}

static void wmi(struct port *port, const uint64_t *a)
{
    (void)a;
    if (!port->scsiport->provides_wmi) {
        violation(RULE_ARGUMENT, "a WMI notification by a driver that has not set WmiDataProvider");
    }
}

/* Of younger Windows' port drivers. */
static void nothing(struct port *port, const uint64_t *a)
{
    (void)port;
    (void)a;
}

/* 4 and 5 have these names in SCSIPort's days; today's headers call them obsolete. */
static const struct notification notifications[] = {
    {RequestComplete, "RequestComplete", "w", request_completed},
    {NextRequest, "NextRequest", "", next_request},
    {NextLuRequest, "NextLuRequest", "www", next_lu_request},
    {ResetDetected, "ResetDetected", "", reset_detected},
    {_obsolete1, "CallDisableInterrupts", "w", disable_interrupts},
    {_obsolete2, "CallEnableInterrupts", "w", enable_interrupts},
    {RequestTimerCall, "RequestTimerCall", "ww", request_timer},
    {BusChangeDetected, "BusChangeDetected", "w", bus_change},
    {WMIEvent, "WMIEvent", "ww", wmi},
    {WMIReregister, "WMIReregister", "w", wmi},
    {LinkUp, "LinkUp", "", nothing},
    {LinkDown, "LinkDown", "", nothing},
    {QueryTickCount, "QueryTickCount", "", nothing},
    {BufferOverrunDetected, "BufferOverrunDetected", "", nothing},
    {TraceNotification, "TraceNotification", "", nothing},
    {GetExtendedFunctionTable, "GetExtendedFunctionTable", "", nothing},
    {EnablePassiveInitialization, "EnablePassiveInitialization", "", nothing},
    {InitializeDpc, "InitializeDpc", "", nothing},
    {IssueDpc, "IssueDpc", "", nothing},
    {AcquireSpinLock, "AcquireSpinLock", "", nothing},
    {ReleaseSpinLock, "ReleaseSpinLock", "", nothing},
    {StateChangeDetectedCall, "StateChangeDetected", "", nothing},
    {IoTargetRequestServiceTime, "IoTargetRequestServiceTime", "", nothing},
    {AsyncNotificationDetected, "AsyncNotificationDetected", "", nothing},
    {RequestDirectComplete, "RequestDirectComplete", "", nothing},
    {InitializeDpcWithContext, "InitializeDpcWithContext", "", nothing},
    {InitializeThreadedDpc, "InitializeThreadedDpc", "", nothing},
    {SetTargetProcessorDpc, "SetTargetProcessorDpc", "", nothing},
};

#define NOTIFICATIONS (sizeof(notifications) / sizeof(notifications[0]))

static struct export_site notification_sites[NOTIFICATIONS];

static const struct notification *find(uint32_t type)
{
    for (size_t i = 0; i < NOTIFICATIONS; i++) {
        if (notifications[i].type == type) {
            return &notifications[i];
        }
    }
    violation(RULE_UNKNOWN_CODE, "ScsiPortNotification with the unknown type 0x%x", type);
}

/* Not in HwScsiFindAdapter and not at PASSIVE_LEVEL: SCSIPort keeps what is notified until the
 * routine returns, under the interrupt lock that it called it with. */
static void check_phase(const char *name)
{
    const struct frame *frame = entry_current();

    if (frame == NULL || frame->irql < IRQL_DISPATCH) {
        violation(RULE_PHASE,
                  "ScsiPortNotification (%s) called in %s, which does not run under the interrupt "
                  "lock",
                  name,
                  frame == NULL ? "no routine that SCSIPort calls" : entry_name(frame->entry));
    }
}

VOID NTAPIV scsi_notification(ULONG type, PVOID extension, ...)
{
    const struct notification *found;
    uint64_t arguments[8] = {0};
    struct export_site *notified;
    struct arguments list;
    struct port *port;

    rule_checked(RULE_UNKNOWN_CODE);
    found = find(type);
    notified = &notification_sites[found - notifications];
    notified->name = found->name;
    notified->highest_irql = IRQL_DEVICE;
    port = export_enter(notified, extension, thunk_caller(__builtin_return_address(0)));
    ARGUMENTS_START(list, extension);
    arguments_read(&list, found->arguments, arguments);
    check_phase(found->name);
    found->run(port, arguments);
    export_leave();
}

VOID NTAPI scsi_complete_request(PVOID extension, UCHAR path, UCHAR target, UCHAR lun, UCHAR status)
{
    EXPORT_ENTER("ScsiPortCompleteRequest", extension, IRQL_DEVICE);

    check_phase("ScsiPortCompleteRequest");
    requests_complete_all(port, path, target, lun, status);
    export_leave();
}

PSCSI_REQUEST_BLOCK NTAPI scsi_get_srb(PVOID extension, UCHAR path, UCHAR target, UCHAR lun,
                                       LONG tag)
{
    EXPORT_ENTER("ScsiPortGetSrb", extension, IRQL_DEVICE);
    const struct request *request;
    PSCSI_REQUEST_BLOCK srb;

    pthread_mutex_lock(&port->mutex);
    request = port->live;
    while (request != NULL && (request->io->path != path || request->io->target != target ||
                               request->io->lun != lun || request->queue_tag != (UCHAR)tag)) {
        request = request->live_next;
    }
    srb = request != NULL ? request->srb : NULL;
    pthread_mutex_unlock(&port->mutex);
    export_leave();
    return srb;
}

/* NULL for a unit that has no request and never answered. */
PVOID NTAPI scsi_get_logical_unit(PVOID extension, UCHAR path, UCHAR target, UCHAR lun)
{
    EXPORT_ENTER("ScsiPortGetLogicalUnit", extension, IRQL_DEVICE);
    const struct unit *unit = unit_at(port, path, target, lun, false);
    PVOID result = NULL;

    if (unit != NULL && (unit->present || unit->outstanding != 0)) {
        result = unit->extension;
    }
    export_leave();
    return result;
}
