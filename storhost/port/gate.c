/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The border between the port model and the driver: every call into the driver stands between
 * entry_begin() and entry_end(), every call out of it begins with export_enter(). Both keep what a
 * report needs to say where the driver was.
 */
#include "port/internal.h"

#include <stdio.h>
#include <string.h>

#include "machine/count.h"

static _Thread_local struct frame *current_frame;
static struct export_site *_Atomic export_sites;
static struct port *_Atomic all_ports;

static const char *const entry_names[ENTRY_COUNT] = {
    [ENTRY_DRIVER_ENTRY] = "DriverEntry",
    [ENTRY_FIND_ADAPTER] = "HwFindAdapter",
    [ENTRY_INITIALIZE] = "HwInitialize",
    [ENTRY_PASSIVE_INITIALIZE] = "HwPassiveInitializeRoutine",
    [ENTRY_BUILD_IO] = "HwBuildIo",
    [ENTRY_START_IO] = "HwStartIo",
    [ENTRY_INTERRUPT] = "HwInterrupt",
    [ENTRY_MESSAGE] = "HwMSInterruptRoutine",
    [ENTRY_DPC] = "HwDpcRoutine",
    [ENTRY_TIMER] = "HwTimer",
    [ENTRY_RESET_BUS] = "HwResetBus",
    [ENTRY_ADAPTER_CONTROL] = "HwAdapterControl",
    [ENTRY_UNIT_CONTROL] = "HwUnitControl",
    [ENTRY_WORK_ITEM] = "work item",
    [ENTRY_SYNCHRONIZED] = "synchronized access routine",
    [ENTRY_STATE_CHANGE] = "HwStateChange",
    [ENTRY_FREE_RESOURCES] = "HwFreeAdapterResources",
    [ENTRY_SCATTER_GATHER] = "scatter/gather execution routine",
    [ENTRY_TRACING] = "tracing routine",
    [ENTRY_UNLOAD] = "DriverUnload",
    [ENTRY_ENABLE_INTERRUPTS] = "HwScsiEnableInterruptsCallback",
    [ENTRY_DISABLE_INTERRUPTS] = "HwScsiDisableInterruptsCallback",
};

const char *entry_name(enum entry_point entry)
{
    return entry_names[entry];
}

struct frame *entry_current(void)
{
    return current_frame;
}

bool entry_inside(enum entry_point entry)
{
    for (const struct frame *frame = current_frame; frame != NULL; frame = frame->outer) {
        if (frame->entry == entry) {
            return true;
        }
        if (frame->entry != ENTRY_SYNCHRONIZED && frame->entry != ENTRY_SCATTER_GATHER) {
            return false;
        }
    }
    return false;
}

static enum count_phase phase_of(enum entry_point entry)
{
    switch (entry) {
    case ENTRY_BUILD_IO:
        return COUNT_BUILD;
    case ENTRY_START_IO:
        return COUNT_START;
    case ENTRY_INTERRUPT:
    case ENTRY_MESSAGE:
        return COUNT_INTERRUPT;
    case ENTRY_DPC:
        return COUNT_DPC;
    default:
        return COUNT_OTHER;
    }
}

/* For crashes that a script lets begin inside the driver. */
static enum crash_place crash_place_of(enum entry_point entry, const struct request *request)
{
    switch (entry) {
    case ENTRY_START_IO:
        return request != NULL && request->kind == REQUEST_RESET ? CRASH_IN_RESET
                                                                 : CRASH_IN_START_IO;
    case ENTRY_INTERRUPT:
    case ENTRY_MESSAGE:
        return CRASH_IN_INTERRUPT;
    case ENTRY_DPC:
        return CRASH_IN_DPC;
    case ENTRY_RESET_BUS:
        return CRASH_IN_RESET;
    default:
        return CRASH_ELSEWHERE;
    }
}

void entry_begin(struct frame *frame, struct port *port, enum entry_point entry, unsigned detail,
                 struct request *request)
{
    *frame = (struct frame){
        .outer = current_frame,
        .port = port,
        .request = request,
        .entry = entry,
        .detail = detail,
        .irql = cpu_irql(),
        .locks = port_locks_held(),
    };
    cpu_preemption_point();
    current_frame = frame;
    frame->crash = crash_enter(crash_place_of(entry, request));
    thunk_enter_driver();
    count_enter(phase_of(entry));
}

/* Bytes of stack below the frame that called the driver: more than its deepest call takes. */
#define DEAD_STACK 4096

/* Overwrites where the driver's frames were, so that nobody lives on what a pointer to one of its
 * variables still finds there: a service that keeps a pointer, a work item's context. */
static __attribute__((noinline)) void spoil_dead_stack(void)
{
    uint8_t dead[DEAD_STACK];

    memset(dead, 0xd5, sizeof(dead));
    __asm__ volatile("" : : "r"(dead) : "memory");
}

void entry_end(struct frame *frame)
{
    count_leave();
    if (rules_are_off()) {
        crash_leave(frame->crash);
        current_frame = frame->outer;
        return;
    }
    rule_checked(RULE_IRQL);
    if (cpu_irql() != frame->irql) {
        violation(RULE_IRQL, "%s was called at IRQL %u and returned at IRQL %u",
                  entry_name(frame->entry), frame->irql, cpu_irql());
    }
    if (port_locks_held() != frame->locks) {
        violation(RULE_LOCK_ORDER, "%s returned with %u locks held; it was called with %u",
                  entry_name(frame->entry), port_locks_held(), frame->locks);
    }
    if (frame->port->device != NULL) {
        observer_walk(frame->port->device);
    }
    spoil_dead_stack();
    crash_leave(frame->crash);
    current_frame = frame->outer;
    if (frame->port->model->returned != NULL) {
        frame->port->model->returned(frame->port, frame);
    }
    if (frame->entry == ENTRY_START_IO || frame->entry == ENTRY_DPC) {
        interrupts_stray(frame->port);
    }
    cpu_preemption_point();
}

/* Puts a site into the list of those that were called, once. */
static void export_list(struct export_site *site)
{
    if (atomic_flag_test_and_set(&site->listed)) {
        return;
    }
    site->next = atomic_load(&export_sites);
    while (!atomic_compare_exchange_weak(&export_sites, &site->next, site)) {
    }
}

uint64_t export_calls(const char *name)
{
    for (const struct export_site *site = atomic_load(&export_sites); site != NULL;
         site = site->next) {
        if (strcmp(site->name, name) == 0) {
            return atomic_load(&site->calls);
        }
    }
    return 0;
}

void export_each(void (*each)(void *context, const char *name, uint64_t calls), void *context)
{
    for (const struct export_site *site = atomic_load(&export_sites); site != NULL;
         site = site->next) {
        each(context, site->name, atomic_load(&site->calls));
    }
}

struct port *export_enter(struct export_site *site, const void *extension, const void *caller)
{
    struct frame *frame = current_frame;
    struct port *port;

    if (rules_are_off() && (port = extension == NULL ? port_here() : port_of(extension)) != NULL) {
        return port;
    }
    if (atomic_fetch_add(&site->calls, 1) == 0) {
        export_list(site);
    }
    if (frame != NULL) {
        frame->export_name = site->name;
        frame->export_caller = caller;
    }
    port = extension == NULL ? port_here() : port_of(extension);
    if (port == NULL) {
        violation(RULE_ARGUMENT, "%s: %p is no device extension", site->name, extension);
    }
    __atomic_fetch_add(&port->counters.calls, 1, __ATOMIC_RELAXED);
    rule_checked(RULE_IRQL);
    if (cpu_irql() > site->highest_irql) {
        violation(RULE_IRQL, "%s called at IRQL %u; it may be called at IRQL %u at most",
                  site->name, cpu_irql(), site->highest_irql);
    }
    if (port->state == ADAPTER_GONE && extension != NULL) {
        violation(RULE_PHASE, "%s called after the adapter was removed", site->name);
    }
    cpu_preemption_point();
    return port;
}

void export_leave(void)
{
    if (rules_are_off()) {
        return;
    }
    cpu_preemption_point();
}

/* ---- ports ----------------------------------------------------------------------------------- */

void ports_add(struct port *port)
{
    port->next = atomic_load(&all_ports);
    while (!atomic_compare_exchange_weak(&all_ports, &port->next, port)) {
    }
}

void ports_remove(struct port *port)
{
    struct port *first = atomic_load(&all_ports);

    if (first == port) {
        atomic_store(&all_ports, port->next);
        return;
    }
    for (; first != NULL; first = first->next) {
        if (first->next == port) {
            first->next = port->next;
        }
    }
}

struct port *port_of(const void *extension)
{
    for (struct port *port = atomic_load(&all_ports); port != NULL; port = port->next) {
        if (port->extension == extension && extension != NULL) {
            return port;
        }
    }
    return NULL;
}

struct port *port_here(void)
{
    return current_frame != NULL ? current_frame->port : atomic_load(&all_ports);
}

static void nothing(void *context)
{
    atomic_store((atomic_bool *)context, false);
}

/* Lets this processor become idle once more, after whatever the device has caused. */
static void come_back(unsigned index)
{
    static struct {
        struct cpu_work work;
        atomic_bool queued;
    } again[CPU_MAXIMUM];

    if (!atomic_exchange(&again[index].queued, true)) {
        again[index].work = (struct cpu_work){.irql = IRQL_PASSIVE,
                                              .run = nothing,
                                              .context = &again[index].queued,
                                              .name = "device step"};
        cpu_queue(index, &again[index].work);
    }
}

/* Below DISPATCH_LEVEL with nothing pending: a device that works in steps does one, and what the
 * device did meanwhile is looked at. */
static void look_around(void *unused, unsigned index)
{
    struct port *port;

    (void)unused;
    if (rules_are_off()) {
        return;
    }
    for (port = atomic_load(&all_ports); port != NULL; port = port->next) {
        struct device *device = port->state == ADAPTER_RUNNING ? port->device : NULL;

        if (device != NULL) {
            observer_walk(device);
            if (device->ops->idle != NULL && device->ops->idle(device)) {
                come_back(index);
            }
        }
    }
    grant_inspect_quarantine(false);
}

void idle_hook_set(void)
{
    static bool done;

    if (!done) {
        done = true;
        cpu_on_idle(look_around, NULL);
    }
}

/* ---- reports --------------------------------------------------------------------------------- */

static void print_frame(const struct frame *frame)
{
    char text[256];

    fprintf(stderr, "  in %s", entry_name(frame->entry));
    if (frame->entry == ENTRY_ADAPTER_CONTROL || frame->entry == ENTRY_UNIT_CONTROL) {
        fprintf(stderr, " (control type %u)", frame->detail);
    } else if (frame->entry == ENTRY_MESSAGE) {
        fprintf(stderr, " (message %u)", frame->detail);
    }
    fprintf(stderr, ", called at IRQL %u", frame->irql);
    if (frame->export_name != NULL) {
        if (!trap_describe_code(frame->export_caller, text, sizeof(text))) {
            snprintf(text, sizeof(text), "%p", frame->export_caller);
        }
        fprintf(stderr, ", last export: %s, returning to %s", frame->export_name, text);
    }
    fprintf(stderr, "\n");
    if (frame->request != NULL) {
        srb_describe(frame->request, text, sizeof(text));
        fprintf(stderr, "  SRB: %s\n", text);
    }
}

/* Each entry point that this processor is in, innermost first. */
static void print_context(void *unused)
{
    (void)unused;
    for (const struct frame *frame = current_frame; frame != NULL; frame = frame->outer) {
        print_frame(frame);
    }
}

void gate_init(void)
{
    static bool done;

    if (!done) {
        done = true;
        violation_add_context(print_context, NULL);
    }
}
