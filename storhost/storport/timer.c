/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Timers and work items of the driver beside HwTimer (port/timer.c): the timers of Windows 8 (any
 * number, DISPATCH_LEVEL, no lock), the high resolution ones of Windows 10, and work items at
 * PASSIVE_LEVEL.
 */
#include "storport/internal.h"
#include "storport/exports.h"

#include <stdlib.h>

/* ---- timers of Windows 8 and 10 -------------------------------------------------------------- */

struct driver_timer {
    struct port *port;
    struct clock_timer timer;
    struct cpu_work work;
    atomic_bool queued;
    PHW_TIMER_EX routine;
    PVOID context;
    uint64_t period; /* microseconds; 0: once */
    bool gone;
};

static void run_driver_timer(void *context)
{
    struct driver_timer *timer = context;
    PHW_TIMER_EX routine = timer->routine;
    struct frame frame;

    atomic_store(&timer->queued, false);
    if (timer->gone || routine == NULL || timer->port->state == ADAPTER_GONE) {
        return;
    }
    if (timer->period != 0) {
        clock_arm(&timer->timer, timer->period);
    }
    entry_begin(&frame, timer->port, ENTRY_TIMER, 0, NULL);
    routine(timer->port->extension, timer->context);
    entry_end(&frame);
}

static void driver_timer_fired(void *context)
{
    struct driver_timer *timer = context;

    if (!atomic_exchange(&timer->queued, true)) {
        cpu_queue(0, &timer->work);
    }
}

/* Handles are never reused: a late use of one is then seen. */
static struct driver_timer *timer_new(struct port *port, const char *where)
{
    struct driver_timer *timer = calloc(1, sizeof(*timer));

    (void)where;
    if (timer == NULL) {
        fatal("out of memory");
    }
    timer->port = port;
    timer->timer.fire = driver_timer_fired;
    timer->timer.context = timer;
    timer->work = (struct cpu_work){
        .irql = IRQL_DISPATCH, .run = run_driver_timer, .context = timer, .name = "timer"};
    resource_add(port, RESOURCE_TIMER, timer, sizeof(*timer), NULL);
    return timer;
}

/* A timer that the driver holds; violation otherwise. */
static struct driver_timer *timer_of(struct port *port, const void *handle, const char *function)
{
    if (resource_find(port, RESOURCE_TIMER, handle) == NULL) {
        violation(RULE_ARGUMENT, "%s: %p is no timer handle", function, handle);
    }
    return (struct driver_timer *)handle;
}

ULONG ext_initialize_timer(struct port *port, const uint64_t *a)
{
    if (a[0] == 0) {
        return STOR_STATUS_INVALID_PARAMETER;
    }
    *(PVOID *)(uintptr_t)a[0] = timer_new(port, "StorPortInitializeTimer");
    return STOR_STATUS_SUCCESS;
}

ULONG ext_request_timer(struct port *port, const uint64_t *a)
{
    struct driver_timer *timer;

    if (a[0] == 0) {
        return STOR_STATUS_INVALID_PARAMETER;
    }
    timer = timer_of(port, (void *)(uintptr_t)a[0], "StorPortRequestTimer");
    if (a[3] != 0 && timer->timer.armed) {
        return STOR_STATUS_BUSY; /* one request at a time */
    }
    if (a[3] != 0 && a[1] == 0) {
        return STOR_STATUS_INVALID_PARAMETER;
    }
    timer->routine = (PHW_TIMER_EX)(uintptr_t)a[1];
    timer->context = (PVOID)(uintptr_t)a[2];
    clock_arm(&timer->timer, a[3]);
    return STOR_STATUS_SUCCESS;
}

static void timer_end(struct driver_timer *timer)
{
    timer->gone = true;
    clock_arm(&timer->timer, 0);
}

ULONG ext_free_timer(struct port *port, const uint64_t *a)
{
    struct resource *resource;

    if (a[0] == 0) {
        return STOR_STATUS_INVALID_PARAMETER;
    }
    resource = resource_take(port, RESOURCE_TIMER, (void *)(uintptr_t)a[0], "StorPortFreeTimer");
    timer_end(resource->address);
    free(resource);
    return STOR_STATUS_SUCCESS;
}

ULONG ext_initialize_hr_timer(struct port *port, const uint64_t *a)
{
    struct driver_timer *timer;

    if (a[0] == 0 || a[2] == 0) {
        return STOR_STATUS_INVALID_PARAMETER;
    }
    timer = timer_new(port, "StorPortInitializeHighResolutionTimer");
    timer->routine = (PHW_TIMER_EX)(uintptr_t)a[0];
    timer->context = (PVOID)(uintptr_t)a[1];
    *(PVOID *)(uintptr_t)a[2] = timer;
    return STOR_STATUS_SUCCESS;
}

/* Due time and period in 100 ns units; a negative due time is relative, as of kernel timers. */
ULONG ext_request_hr_timer(struct port *port, const uint64_t *a)
{
    struct driver_timer *timer =
        timer_of(port, (void *)(uintptr_t)a[0], "StorPortRequestHighResolutionTimer");
    int64_t due = (int64_t)a[1];
    bool was = timer->timer.armed;

    timer->period = a[2] / 10;
    clock_arm(&timer->timer, due < 0 ? (uint64_t)(-due + 9) / 10 : 1);
    if (a[4] != 0) {
        *(BOOLEAN *)(uintptr_t)a[4] = was;
    }
    return STOR_STATUS_SUCCESS;
}

ULONG ext_cancel_hr_timer(struct port *port, const uint64_t *a)
{
    struct driver_timer *timer =
        timer_of(port, (void *)(uintptr_t)a[0], "StorPortCancelHighResolutionTimer");
    bool was = timer->timer.armed;

    timer->period = 0;
    clock_arm(&timer->timer, 0);
    if (a[2] != 0) {
        *(BOOLEAN *)(uintptr_t)a[2] = was;
    }
    return STOR_STATUS_SUCCESS;
}

ULONG ext_free_hr_timer(struct port *port, const uint64_t *a)
{
    struct resource *resource = resource_take(port, RESOURCE_TIMER, (void *)(uintptr_t)a[0],
                                              "StorPortFreeHighResolutionTimer");
    struct driver_timer *timer = resource->address;
    bool was = timer->timer.armed;

    timer_end(timer);
    free(resource);
    if (a[4] != 0) {
        *(BOOLEAN *)(uintptr_t)a[4] = was;
    }
    return STOR_STATUS_SUCCESS;
}

/* ---- work items ------------------------------------------------------------------------------ */

struct worker {
    struct port *port;
    struct cpu_work work;
    atomic_bool queued;
    PHW_WORKITEM routine;
    PVOID context;
    bool gone;
};

static void run_worker(void *context)
{
    struct worker *worker = context;
    PHW_WORKITEM routine = worker->routine;
    PVOID argument = worker->context;
    struct frame frame;

    atomic_store(&worker->queued, false);
    if (worker->gone || worker->port->state == ADAPTER_GONE) {
        return;
    }
    entry_begin(&frame, worker->port, ENTRY_WORK_ITEM, 0, NULL);
    routine(worker->port->extension, argument, worker);
    entry_end(&frame);
}

ULONG ext_initialize_worker(struct port *port, const uint64_t *a)
{
    struct worker *worker;

    if (a[0] == 0) {
        return STOR_STATUS_INVALID_PARAMETER;
    }
    worker = calloc(1, sizeof(*worker));
    if (worker == NULL) {
        fatal("out of memory");
    }
    worker->port = port;
    worker->work = (struct cpu_work){
        .irql = IRQL_PASSIVE, .run = run_worker, .context = worker, .name = "work item"};
    resource_add(port, RESOURCE_WORKER, worker, sizeof(*worker), NULL);
    *(PVOID *)(uintptr_t)a[0] = worker;
    return STOR_STATUS_SUCCESS;
}

ULONG ext_queue_work_item(struct port *port, const uint64_t *a)
{
    struct worker *worker = (struct worker *)(uintptr_t)a[1];

    if (a[0] == 0 || a[1] == 0) {
        return STOR_STATUS_INVALID_PARAMETER;
    }
    if (resource_find(port, RESOURCE_WORKER, worker) == NULL) {
        violation(RULE_ARGUMENT, "StorPortQueueWorkItem: %p is no worker", (void *)worker);
    }
    if (atomic_exchange(&worker->queued, true)) {
        return STOR_STATUS_BUSY;
    }
    worker->routine = (PHW_WORKITEM)(uintptr_t)a[0];
    worker->context = (PVOID)(uintptr_t)a[2];
    cpu_queue(port_random(port, cpu_count()), &worker->work);
    return STOR_STATUS_SUCCESS;
}

ULONG ext_free_worker(struct port *port, const uint64_t *a)
{
    struct resource *resource;
    struct worker *worker;

    if (a[0] == 0) {
        return STOR_STATUS_INVALID_PARAMETER;
    }
    resource = resource_take(port, RESOURCE_WORKER, (void *)(uintptr_t)a[0], "StorPortFreeWorker");
    worker = resource->address;
    if (atomic_load(&worker->queued)) {
        violation(RULE_ARGUMENT, "StorPortFreeWorker while its work item is queued");
    }
    worker->gone = true;
    free(resource);
    return STOR_STATUS_SUCCESS;
}
