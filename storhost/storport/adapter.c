/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The adapter's beginning: loading the miniport, DriverEntry and StorPortInitialize, HwFindAdapter,
 * HwInitialize and passive initialization; facts and counters. Its end is in power.c.
 */
#include "storport/internal.h"
#include "storport/exports.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "kernel/exports.h"

uint32_t port_random(struct port *port, uint32_t limit)
{
    uint64_t state = __atomic_fetch_add(&port->random, RANDOM_STEP, __ATOMIC_RELAXED);

    return limit == 0 ? 0 : (uint32_t)(random_mix(state + RANDOM_STEP) % limit);
}

static void *zeroed_kind(enum memory_kind kind, size_t bytes, const char *name)
{
    struct memory_request request = {.kind = kind, .bytes = bytes, .alignment = 16, .name = name};
    void *memory = memory_alloc(&request);

    if (memory == NULL) {
        fatal("out of guest memory for %s (%zu bytes): give the machine more", name, bytes);
    }
    return memset(memory, 0, bytes);
}

static void *zeroed(size_t bytes, const char *name)
{
    return zeroed_kind(MEMORY_POOL, bytes, name);
}

/* ---- loading --------------------------------------------------------------------------------- */

static void *resolve(void *context, const char *module, const char *name, const char **why)
{
    void *address = kernel_resolve(module, name, why);

    if (address == NULL) {
        violation(RULE_IMPORT, "%s imports %s!%s: %s", (const char *)context, module, name,
                  *why != NULL ? *why : "storhost does not offer it");
    }
    return address;
}

static struct port *port_new(const struct port_options *options)
{
    struct port *port = calloc(1, sizeof(*port));
    pthread_condattr_t attributes;

    if (port == NULL) {
        fatal("out of memory");
    }
    port->options = *options;
    if (port->options.timeout_seconds == 0) {
        port->options.timeout_seconds = 60;
    }
    port->state = ADAPTER_LOADED;
    port->random = options->seed;
    port->vm_exits_before = trap_accesses();
    pthread_mutex_init(&port->mutex, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&port->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    port_lock_init(port, &port->start_io_lock, LOCK_START_IO, "StartIo");
    port_lock_init(port, &port->interrupt_lock, LOCK_INTERRUPT, "interrupt");
    queue_gate_init(port, &port->gate);
    interrupts_init(port);
    timers_init(port);
    requests_timers_init(port);
    gate_init();
    return port;
}

/* What the I/O manager hands to DriverEntry. */
static void make_driver_object(struct port *port)
{
    static const char path[] = "\\Registry\\Machine\\System\\CurrentControlSet\\Services\\viostor";

    port->driver_object = zeroed(sizeof(DRIVER_OBJECT), "driver object");
    port->driver_object->Type = 4;
    port->driver_object->Size = sizeof(DRIVER_OBJECT);
    port->driver_object->DriverStart = port->image.base;
    port->driver_object->DriverSize = (ULONG)port->image.size;
    port->driver_object->DriverInit = (PDRIVER_INITIALIZE)port->image.entry;
    port->registry_path = zeroed(sizeof(UNICODE_STRING), "registry path");
    port->registry_text = zeroed(ARRAYSIZE(path) * sizeof(WCHAR), "registry path");
    for (size_t i = 0; i < sizeof(path); i++) {
        port->registry_text[i] = (WCHAR)path[i];
    }
    port->registry_path->Buffer = port->registry_text;
    port->registry_path->Length = (sizeof(path) - 1) * sizeof(WCHAR);
    port->registry_path->MaximumLength = ARRAYSIZE(path) * sizeof(WCHAR);
}

struct driver_entry_call {
    struct port *port;
    NTSTATUS status;
};

static void call_driver_entry(void *context)
{
    struct driver_entry_call *call = context;
    struct port *port = call->port;
    DRIVER_INITIALIZE *entry = (DRIVER_INITIALIZE *)port->image.entry;
    struct frame frame;

    entry_begin(&frame, port, ENTRY_DRIVER_ENTRY, 0, NULL);
    call->status = entry(port->driver_object, port->registry_path);
    entry_end(&frame);
}

static void free_driver(struct port *port)
{
    memory_free(port->driver_object);
    memory_free(port->registry_path);
    memory_free(port->registry_text);
    pe_unload(&port->image);
    ports_remove(port);
    registry_free(port);
    free(port->messages);
    free(port);
}

struct port *port_load(const char *driver_path, const struct port_options *options, char *error,
                       size_t error_size)
{
    struct port *port = port_new(options);
    struct driver_entry_call call = {.port = port};

    kernel_present_windows(options->windows);
    if (!pe_load(driver_path, resolve, (void *)(uintptr_t)driver_path, &port->image, error,
                 error_size)) {
        free(port);
        return NULL;
    }
    trap_add_image(port->image.base, port->image.size, port->image.name);
    allocation_hook_set();
    idle_hook_set();
    ports_add(port);
    make_driver_object(port);
    cpu_call(0, IRQL_PASSIVE, call_driver_entry, &call, "DriverEntry");
    if (!NT_SUCCESS(call.status) || !port->initialized) {
        snprintf(error, error_size, "DriverEntry returned 0x%08x%s", (unsigned)call.status,
                 port->initialized ? "" : ", without a successful StorPortInitialize");
        free_driver(port);
        return NULL;
    }
    return port;
}

void port_unload(struct port *port)
{
    if (port == NULL) {
        return;
    }
    cpu_wait_idle(5000);
    free_driver(port);
}

/* ---- StorPortInitialize ---------------------------------------------------------------------- */

/* Sizes that a Windows takes: before 8 only the old one (windows.md 1). */
static bool size_accepted(uint16_t windows, uint32_t size)
{
    if (size == HW_INIT_DATA_SIZE_PHYSICAL) {
        return true;
    }
    return windows >= WINDOWS_8 && size == sizeof(HW_INITIALIZATION_DATA);
}

/* Which kind of SRB: extended only where both know it; an option may insist. */
static void choose_srb_type(struct port *port)
{
    bool driver = (port->init.SrbTypeFlags & SRB_TYPE_FLAG_STORAGE_REQUEST_BLOCK) != 0;
    bool both = driver && port->options.windows >= WINDOWS_8;

    if (port->options.srb_type == PORT_SRB_EXTENDED && !both) {
        fatal("extended SRBs are asked for, but %s",
              driver ? "this Windows has none: take 6.2 or later"
                     : "the driver does not declare SRB_TYPE_FLAG_STORAGE_REQUEST_BLOCK");
    }
    port->extended_srbs = both && port->options.srb_type != PORT_SRB_LEGACY;
}

static ULONG take_init_data(struct port *port, const HW_INITIALIZATION_DATA *data)
{
    uint32_t size = data->HwInitializationDataSize;

    if (!size_accepted(port->options.windows, size)) {
        return (ULONG)STATUS_REVISION_MISMATCH;
    }
    memset(&port->init, 0, sizeof(port->init));
    memcpy(&port->init, data, size);
    if (port->init.HwInitialize == NULL || port->init.HwStartIo == NULL ||
        port->init.HwFindAdapter == NULL || port->init.HwInterrupt == NULL ||
        port->init.HwResetBus == NULL) {
        return (ULONG)STATUS_INVALID_PARAMETER;
    }
    choose_srb_type(port);
    port->initialized = true;
    return STATUS_SUCCESS;
}

ULONG NTAPI sp_initialize(PVOID argument1, PVOID argument2, PHW_INITIALIZATION_DATA data,
                          PVOID context)
{
    EXPORT_ENTER("StorPortInitialize", NULL, IRQL_PASSIVE);
    ULONG status;

    if (!entry_inside(ENTRY_DRIVER_ENTRY)) {
        violation(RULE_PHASE, "StorPortInitialize called outside of DriverEntry");
    }
    if (argument1 != port->driver_object || argument2 != port->registry_path) {
        violation(RULE_ARGUMENT, "StorPortInitialize is not given DriverEntry's arguments");
    }
    if (data == NULL) {
        violation(RULE_ARGUMENT, "StorPortInitialize without HW_INITIALIZATION_DATA");
    }
    status = take_init_data(port, data);
    port->hw_context = context;
    export_leave();
    return status;
}

/* ---- starting -------------------------------------------------------------------------------- */

struct find_call {
    struct port *port;
    ULONG result;
};

static void call_find_adapter(void *context)
{
    struct find_call *call = context;
    struct port *port = call->port;
    HW_FIND_ADAPTER *find = (HW_FIND_ADAPTER *)port->init.HwFindAdapter;
    struct frame frame;
    BOOLEAN *again = zeroed(sizeof(BOOLEAN), "Again");

    port->state = ADAPTER_FINDING;
    entry_begin(&frame, port, ENTRY_FIND_ADAPTER, 0, NULL);
    call->result = find(port->extension, port->hw_context, NULL, NULL, port->config, again);
    entry_end(&frame);
    port->state = ADAPTER_FOUND;
    memory_free(again);
}

static const char *find_result(ULONG result)
{
    switch (result) {
    case SP_RETURN_NOT_FOUND:
        return "SP_RETURN_NOT_FOUND";
    case SP_RETURN_ERROR:
        return "SP_RETURN_ERROR";
    case SP_RETURN_BAD_CONFIG:
        return "SP_RETURN_BAD_CONFIG";
    default:
        return "a value that means nothing";
    }
}

static bool find_adapter(struct port *port, char *error, size_t size)
{
    struct find_call call = {.port = port};

    port_config_build(port);
    interrupts_assign(port);
    cpu_call(0, IRQL_PASSIVE, call_find_adapter, &call, "HwFindAdapter");
    if (call.result != SP_RETURN_FOUND) {
        snprintf(error, size, "HwFindAdapter returned %u (%s)", call.result,
                 find_result(call.result));
        return false;
    }
    return config_accept(port, error, size);
}

struct initialize_call {
    struct port *port;
    bool success, passive_success;
};

/* HwInitialize at DIRQL under the interrupt lock (reference of StorPortAcquireSpinLock), then the
 * passive routine that it may have asked for. */
static void call_initialize(void *context)
{
    struct initialize_call *call = context;
    struct port *port = call->port;
    struct frame frame;
    uint8_t old;

    port->passive_initialize = NULL;
    port->state = ADAPTER_INITIALIZING;
    interrupts_connect(port);
    old = port_lock_acquire(port, &port->interrupt_lock);
    entry_begin(&frame, port, ENTRY_INITIALIZE, 0, NULL);
    call->success = port->init.HwInitialize(port->extension) != FALSE;
    entry_end(&frame);
    port_lock_release(port, &port->interrupt_lock, old);
    call->passive_success = call->success;
    if (call->success && port->passive_initialize != NULL) {
        entry_begin(&frame, port, ENTRY_PASSIVE_INITIALIZE, 0, NULL);
        call->passive_success = port->passive_initialize(port->extension) != FALSE;
        entry_end(&frame);
    }
}

static bool initialize(struct port *port, char *error, size_t size)
{
    struct initialize_call call = {.port = port};

    cpu_call(0, IRQL_PASSIVE, call_initialize, &call, "HwInitialize");
    if (!call.success || !call.passive_success) {
        snprintf(error, size, "%s returned FALSE",
                 call.success ? "the passive initialization routine" : "HwInitialize");
        return false;
    }
    port->state = ADAPTER_RUNNING;
    return true;
}

bool adapter_find_and_initialize(struct port *port, char *error, size_t size)
{
    if (!find_adapter(port, error, size)) {
        return false;
    }
    control_query(port);
    return initialize(port, error, size);
}

bool port_start(struct port *port, struct device *device, char *error, size_t error_size)
{
    bool found;

    if (port->state != ADAPTER_LOADED) {
        snprintf(error, error_size, "this port has had its adapter already: load it again");
        return false;
    }
    port->device = device;
    device_events_set(port);
    port->extension = zeroed_kind(MEMORY_UNCACHED_EXTENSION, port->init.DeviceExtensionSize + 1,
                                  "device extension");
    if (!find_adapter(port, error, error_size)) {
        adapter_give_back(port, ADAPTER_END_NOT_FOUND);
        return false;
    }
    adapter_unit_init(port);
    control_query(port);
    found = initialize(port, error, error_size);
    if (!found) {
        adapter_give_back(port, ADAPTER_END_FAILED);
        return false;
    }
    if (!discover(port, error, error_size)) {
        port_remove(port);
        return false;
    }
    return true;
}

/* ---- facts and counters ---------------------------------------------------------------------- */

static uint64_t count_doorbells(const struct port *port)
{
    struct observer_facts facts = {0};
    uint64_t doorbells = port->doorbells;

    if (port->device != NULL) {
        observer_get_facts(port->device, &facts);
    }
    for (unsigned i = 0; i < facts.queues && i < OBSERVER_QUEUES; i++) {
        doorbells += facts.queue[i].doorbells;
    }
    return doorbells;
}

void adapter_forget_device(struct port *port)
{
    port->doorbells = count_doorbells(port);
    device_set_events(port->device, NULL);
    port->device = NULL;
}

void port_get_counters(struct port *port, struct port_counters *counters)
{
    pthread_mutex_lock(&port->mutex);
    *counters = port->counters;
    pthread_mutex_unlock(&port->mutex);
    counters->vm_exits = trap_accesses() - port->vm_exits_before;
    counters->doorbells = count_doorbells(port);
}

void port_get_facts(struct port *port, struct port_facts *facts)
{
    const struct unit *unit = port->units;

    while (unit != NULL && !unit->present) {
        unit = unit->next;
    }
    *facts = (struct port_facts){
        .srb_extension_bytes = (uint32_t)port->srb_extension_bytes,
        .device_extension_bytes = port->init.DeviceExtensionSize,
        .uncached_bytes = (uint32_t)port->uncached_bytes,
        .maximum_transfer_bytes = port->maximum_transfer,
        .physical_breaks = port->physical_breaks,
        .max_number_of_io = port->max_number_of_io,
        .max_ios_per_lun = port->max_ios_per_lun,
        .initial_lun_depth = port->initial_lun_depth,
        .lun_depth = unit != NULL ? unit->depth : 0,
        .message_vectors = port->message_count,
        .performance_flags = port->perf_flags,
        .concurrent_channels = port->concurrent_channels,
        .extended_srbs = port->extended_srbs,
        .dma_64bit = port->dma64,
    };
}

void port_on_event(struct port *port, void (*event)(void *context, const char *text), void *context)
{
    port->event = event;
    port->event_context = context;
}
