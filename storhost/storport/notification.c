/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * StorPortNotification: one variadic export behind which completion, timers, DPCs, locks and
 * changes of the bus stand. A notification that the presented Windows does not know does nothing
 * and leaves its outputs untouched; one that no Windows knows is a violation, by number.
 */
#include "storport/internal.h"
#include "storport/exports.h"

#include "kernel/arguments.h"

struct notification {
    uint32_t type;
    const char *name;
    uint16_t since;
    const char *arguments; /* types, as of arguments_read() */
    uint8_t highest_irql;
    void (*run)(struct port *port, const uint64_t *arguments);
};

static void request_completed(struct port *port, const uint64_t *a)
{
    request_complete(port, request_of(port, (void *)(uintptr_t)a[0], "RequestComplete"));
}

/* Hints of SCSIPort's, without meaning for StorPort. */
static void nothing(struct port *port, const uint64_t *a)
{
    (void)port;
    (void)a;
}

/* The adapter saw a reset: StorPort logs it and pauses; requests are the driver's to complete. */
static void reset_detected(struct port *port, const uint64_t *a)
{
    port_log(port, "StorPortNotification: reset detected on path %u", (uint8_t)a[0]);
}

static void request_timer(struct port *port, const uint64_t *a)
{
    timer_request(port, (PHW_TIMER)(uintptr_t)a[0], (ULONG)a[1]);
}

static void bus_change(struct port *port, const uint64_t *a)
{
    port_log(port, "StorPortNotification: bus change detected on path %u", (uint8_t)a[0]);
}

static void link_up(struct port *port, const uint64_t *a)
{
    (void)a;
    port_log(port, "StorPortNotification: link up");
}

static void link_down(struct port *port, const uint64_t *a)
{
    (void)a;
    port_log(port, "StorPortNotification: link down");
}

/* 100 ns units, as KeQueryTickCount's product with the increment. */
static void tick_count(struct port *port, const uint64_t *a)
{
    (void)port;
    if (a[0] != 0) {
        ((LARGE_INTEGER *)(uintptr_t)a[0])->QuadPart = (LONGLONG)(clock_now() / 15625);
    }
}

/* The miniport found that the device wrote too much: Windows stops with a bug check. */
static void overrun(struct port *port, const uint64_t *a)
{
    (void)port;
    (void)a;
    violation(RULE_MEMORY, "the driver reports BufferOverrunDetected: Windows stops");
}

static void enable_passive(struct port *port, const uint64_t *a)
{
    BOOLEAN *success = (BOOLEAN *)(uintptr_t)a[1];
    bool granted = !port->storport->single_passive_refusal;

    if (!entry_inside(ENTRY_INITIALIZE)) {
        violation(RULE_PHASE, "StorPortEnablePassiveInitialization called outside of HwInitialize");
    }
    if (port->options.refuse_dpc) {
        return; /* without effect, the output untouched */
    }
    port->storport->single_passive_refusal = false;
    if (granted) {
        port->storport->passive_initialize = (PHW_PASSIVE_INITIALIZE_ROUTINE)(uintptr_t)a[0];
    }
    if (success != NULL) {
        *success = granted;
    }
}

static void initialize_dpc(struct port *port, const uint64_t *a)
{
    if (!port->options.refuse_dpc) {
        dpc_initialize(port, (PSTOR_DPC)(uintptr_t)a[0], (PHW_DPC_ROUTINE)(uintptr_t)a[1], false);
    }
}

static void initialize_threaded_dpc(struct port *port, const uint64_t *a)
{
    dpc_initialize(port, (PSTOR_DPC)(uintptr_t)a[0], (PHW_DPC_ROUTINE)(uintptr_t)a[1], true);
}

static void issue_dpc(struct port *port, const uint64_t *a)
{
    BOOLEAN *success = (BOOLEAN *)(uintptr_t)a[3];
    bool queued;

    if (port->options.refuse_dpc) {
        return; /* without effect, the output untouched */
    }
    queued =
        dpc_issue(port, (PSTOR_DPC)(uintptr_t)a[0], (PVOID)(uintptr_t)a[1], (PVOID)(uintptr_t)a[2]);
    if (success != NULL) {
        *success = queued;
    }
}

static void set_dpc_target(struct port *port, const uint64_t *a)
{
    const PROCESSOR_NUMBER *number = (const void *)(uintptr_t)a[1];

    if (number != NULL) {
        dpc_set_target(port, (PSTOR_DPC)(uintptr_t)a[0], number->Number);
    }
}

static void acquire_spin_lock(struct port *port, const uint64_t *a)
{
    lock_acquire(port, (STOR_SPINLOCK)a[0], (PVOID)(uintptr_t)a[1],
                 (PSTOR_LOCK_HANDLE)(uintptr_t)a[2]);
}

static void release_spin_lock(struct port *port, const uint64_t *a)
{
    lock_release(port, (PSTOR_LOCK_HANDLE)(uintptr_t)a[0]);
}

static void state_change(struct port *port, const uint64_t *a)
{
    ULONG *status = (ULONG *)(uintptr_t)a[5];
    PHW_STATE_CHANGE routine = (PHW_STATE_CHANGE)(uintptr_t)a[3];
    ULONG result;

    port_log(port, "StorPortStateChangeDetected: entity 0x%x", (ULONG)a[0]);
    result =
        state_change_tell(port, (PSTOR_ADDRESS)(uintptr_t)a[1], routine, (PVOID)(uintptr_t)a[4]);
    if (status != NULL) {
        *status = result;
    }
}

static void async_notification(struct port *port, const uint64_t *a)
{
    ULONG *status = (ULONG *)(uintptr_t)a[2];
    ULONG result;

    port_log(port, "StorPortAsyncNotificationDetected: flags 0x%llx", (unsigned long long)a[1]);
    result = async_notification_tell(port, (PSTOR_ADDRESS)(uintptr_t)a[0]);
    if (status != NULL) {
        *status = result;
    }
}

/* The table is not published; Windows answers no table to a miniport that it does not know. */
static void function_table(struct port *port, const uint64_t *a)
{
    (void)port;
    if (a[0] != 0) {
        *(PVOID *)(uintptr_t)a[0] = NULL;
    }
}

#define ANY IRQL_HIGH

static const struct notification notifications[] = {
    {RequestComplete, "RequestComplete", 0x502, "w", IRQL_DEVICE, request_completed},
    {NextRequest, "NextRequest", 0x502, "", ANY, nothing},
    {NextLuRequest, "NextLuRequest", 0x502, "www", ANY, nothing},
    {ResetDetected, "ResetDetected", 0x502, "w", IRQL_DEVICE, reset_detected},
    {_obsolete1, "obsolete1", 0x502, "", ANY, nothing},
    {_obsolete2, "obsolete2", 0x502, "", ANY, nothing},
    {RequestTimerCall, "RequestTimerCall", 0x502, "ww", IRQL_DEVICE, request_timer},
    {BusChangeDetected, "BusChangeDetected", 0x502, "w", IRQL_DEVICE, bus_change},
    {WMIEvent, "WMIEvent", 0x502, "www", IRQL_DEVICE, nothing},
    {WMIReregister, "WMIReregister", 0x502, "www", IRQL_DEVICE, nothing},
    {LinkUp, "LinkUp", 0x502, "w", IRQL_DEVICE, link_up},
    {LinkDown, "LinkDown", 0x502, "w", IRQL_DEVICE, link_down},
    {QueryTickCount, "QueryTickCount", 0x502, "w", ANY, tick_count},
    {BufferOverrunDetected, "BufferOverrunDetected", 0x502, "", ANY, overrun},
    {TraceNotification, "TraceNotification", 0x600, "", ANY, nothing},
    {GetExtendedFunctionTable, "GetExtendedFunctionTable", 0x600, "w", ANY, function_table},
    {EnablePassiveInitialization, "EnablePassiveInitialization", 0x502, "ww", IRQL_DEVICE,
     enable_passive},
    {InitializeDpc, "InitializeDpc", 0x502, "ww", IRQL_DEVICE, initialize_dpc},
    {IssueDpc, "IssueDpc", 0x502, "wwww", IRQL_DEVICE, issue_dpc},
    {AcquireSpinLock, "AcquireSpinLock", 0x502, "www", IRQL_DEVICE, acquire_spin_lock},
    {ReleaseSpinLock, "ReleaseSpinLock", 0x502, "w", IRQL_DEVICE, release_spin_lock},
    {StateChangeDetectedCall, "StateChangeDetected", 0x602, "wwwwww", IRQL_DEVICE, state_change},
    {IoTargetRequestServiceTime, "IoTargetRequestServiceTime", 0x601, "ww", ANY, nothing},
    {AsyncNotificationDetected, "AsyncNotificationDetected", 0x602, "wqw", IRQL_DEVICE,
     async_notification},
    {RequestDirectComplete, "RequestDirectComplete", 0xa00, "w", IRQL_DISPATCH, request_completed},
    {InitializeDpcWithContext, "InitializeDpcWithContext", 0xa00, "wwww", IRQL_DISPATCH,
     initialize_dpc},
    {InitializeThreadedDpc, "InitializeThreadedDpc", 0xa00, "wwww", IRQL_DISPATCH,
     initialize_threaded_dpc},
    {SetTargetProcessorDpc, "SetTargetProcessorDpc", 0xa00, "ww", IRQL_DISPATCH, set_dpc_target},
};

#define NOTIFICATIONS (sizeof(notifications) / sizeof(notifications[0]))

static struct export_site notification_sites[NOTIFICATIONS];

/* Types are numbered from 0 and from 0x1000 on, so that a few bits tell one from all others. */
#define PLACES_BITS 5u
#define PLACES      (2u << PLACES_BITS)

static unsigned place_of(ULONG type)
{
    return (type >> 12 & 1) << PLACES_BITS | (type & ((1u << PLACES_BITS) - 1));
}

/* The notification of a type, NULL: no Windows knows it. Found ones are remembered by their place. */
static const struct notification *find_notification(ULONG type)
{
    static const struct notification *_Atomic known[PLACES];
    const struct notification *found =
        atomic_load_explicit(&known[place_of(type)], memory_order_relaxed);

    if (found != NULL && found->type == type) {
        return found;
    }
    for (size_t i = 0; i < NOTIFICATIONS; i++) {
        if (notifications[i].type == type) {
            found = &notifications[i];
            atomic_store_explicit(&known[place_of(type)], found, memory_order_relaxed);
            return found;
        }
    }
    return NULL;
}

VOID NTAPIV sp_notification(ULONG type, PVOID extension, ...)
{
    const struct notification *found = find_notification(type);
    uint64_t arguments[8] = {0};
    struct export_site *notified;
    struct port *port;
    struct arguments list;

    rule_checked(RULE_UNKNOWN_CODE);
    if (found == NULL) {
        violation(RULE_UNKNOWN_CODE, "StorPortNotification with the unknown type 0x%x", type);
    }
    notified = &notification_sites[found - notifications];
    notified->name = found->name;
    notified->highest_irql = found->highest_irql;
    port = export_enter(notified, extension, thunk_caller(__builtin_return_address(0)));
    ARGUMENTS_START(list, extension);
    arguments_read(&list, found->arguments, arguments);
    if (port->options.windows >= found->since) {
        found->run(port, arguments);
    }
    export_leave();
}
