/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The adapter's beginning: loading the miniport, DriverEntry, HwFindAdapter and HwInitialize; facts
 * and counters. Its end is in power.c.
 */
#include "port/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ntstatus.h>
#include <srb.h>

#include "base/random.h"
#include "kernel/exports.h"
#include "machine/barrier.h"

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

void *port_zeroed(size_t bytes, const char *name)
{
    return zeroed_kind(MEMORY_PORT, bytes, name);
}

static void *resolve(void *context, const char *module, const char *name, const char **why)
{
    void *address = kernel_resolve(module, name, why);

    if (address == NULL) {
        violation(RULE_IMPORT, "%s imports %s!%s: %s", (const char *)context, module, name,
                  *why != NULL ? *why : "storhost does not offer it");
    }
    return address;
}

/* ---- which port driver ----------------------------------------------------------------------- */

static const struct port_model *const models[] = {&storport_model, &scsiport_model};

#define MODELS (sizeof(models) / sizeof(models[0]))

/* Which of the port drivers an image imports from: bits in the order of `models`. */
static void *note_module(void *context, const char *module, const char *name, const char **why)
{
    unsigned *found = context;

    (void)name;
    (void)why;
    for (unsigned i = 0; i < MODELS; i++) {
        if (strcasecmp(module, models[i]->module) == 0) {
            *found |= 1u << i;
        }
    }
    return (void *)note_module; /* any address will do: this image never runs */
}

/* The port driver that a driver file is for; NULL and a text if that is not one of them. */
static const struct port_model *choose_model(const char *path, char *error, size_t error_size)
{
    struct pe_image image;
    unsigned found = 0;

    if (!pe_load(path, note_module, &found, &image, error, error_size)) {
        return NULL;
    }
    pe_unload(&image);
    for (unsigned i = 0; i < MODELS; i++) {
        if (found == 1u << i) {
            return models[i];
        }
    }
    snprintf(error, error_size,
             found == 0 ? "%s imports neither from storport.sys nor from scsiport.sys: it is no "
                          "storage miniport"
                        : "%s imports from storport.sys and from scsiport.sys: it can be a "
                          "miniport of one of them only",
             path);
    return NULL;
}

/* ---- loading ---------------------------------------------------------------------------------- */

static struct port *port_new(const struct port_model *model, const struct port_options *options)
{
    struct port *port = calloc(1, sizeof(*port));
    pthread_condattr_t attributes;

    if (port == NULL) {
        fatal("out of memory");
    }
    port->model = model;
    port->options = *options;
    if (port->options.windows == 0) {
        port->options.windows = model->windows;
    }
    if (port->options.message_vectors == PORT_VECTORS_DEFAULT) {
        port->options.message_vectors = cpu_count() + 1;
    }
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
    line_init(port);
    timers_init(port);
    requests_timers_init(port);
    model->create(port);
    gate_init();
    return port;
}

/* What the I/O manager hands to DriverEntry. */
static void make_driver_object(struct port *port)
{
    static const char path[] = "\\Registry\\Machine\\System\\CurrentControlSet\\Services\\viostor";

    port->driver_object = port_zeroed(sizeof(DRIVER_OBJECT), "driver object");
    port->driver_object->Type = 4;
    port->driver_object->Size = sizeof(DRIVER_OBJECT);
    port->driver_object->DriverStart = port->image.base;
    port->driver_object->DriverSize = (ULONG)port->image.size;
    port->driver_object->DriverInit = (PDRIVER_INITIALIZE)port->image.entry;
    port->registry_path = port_zeroed(sizeof(UNICODE_STRING), "registry path");
    port->registry_text = port_zeroed(ARRAYSIZE(path) * sizeof(WCHAR), "registry path");
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
    port->model->destroy(port);
    free(port);
}

struct port *port_load(const char *driver_path, const struct port_options *options, char *error,
                       size_t error_size)
{
    const struct port_model *model = choose_model(driver_path, error, error_size);
    struct driver_entry_call call = {0};
    struct port *port;

    if (model == NULL || !model->check_options(options, error, error_size)) {
        return NULL;
    }
    port = port_new(model, options);
    call.port = port;
    kernel_present_windows(port->options.windows);
    if (!pe_load(driver_path, resolve, (void *)(uintptr_t)driver_path, &port->image, error,
                 error_size)) {
        model->destroy(port);
        free(port);
        return NULL;
    }
    trap_add_image(port->image.base, port->image.size, port->image.name);
    for (unsigned i = 0; i < port->image.code_count; i++) {
        barrier_prepare_code(port->image.code[i].first, port->image.code[i].length);
    }
    allocation_hook_set();
    idle_hook_set();
    ports_add(port);
    make_driver_object(port);
    cpu_call(0, IRQL_PASSIVE, call_driver_entry, &call, "DriverEntry");
    if (!NT_SUCCESS(call.status) || !port->initialized) {
        snprintf(error, error_size, "DriverEntry returned 0x%08x%s%s%s", (unsigned)call.status,
                 port->initialized ? "" : ", without a successful ",
                 port->initialized ? "" : model->name, port->initialized ? "" : "Initialize");
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

/* ---- StorPortInitialize, ScsiPortInitialize -------------------------------------------------- */

void check_initialize(struct port *port, const char *function, PVOID argument1, PVOID argument2,
                      const void *data)
{
    if (!entry_inside(ENTRY_DRIVER_ENTRY)) {
        violation(RULE_PHASE, "%s called outside of DriverEntry", function);
    }
    if (argument1 != port->driver_object || argument2 != port->registry_path) {
        violation(RULE_ARGUMENT, "%s is not given DriverEntry's arguments", function);
    }
    if (data == NULL) {
        violation(RULE_ARGUMENT, "%s without HW_INITIALIZATION_DATA", function);
    }
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
    struct frame frame;
    BOOLEAN *again = port_zeroed(sizeof(BOOLEAN), "Again");

    port->state = ADAPTER_FINDING;
    entry_begin(&frame, port, ENTRY_FIND_ADAPTER, 0, NULL);
    call->result = port->entries.find_adapter(port->extension, port->hw_context, NULL,
                                              port->argument, port->config, again);
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

    port->model->make_config(port);
    cpu_call(0, IRQL_PASSIVE, call_find_adapter, &call, "HwFindAdapter");
    if (call.result != SP_RETURN_FOUND) {
        snprintf(error, size, "HwFindAdapter returned %u (%s)", call.result,
                 find_result(call.result));
        return false;
    }
    return port->model->accept_config(port, error, size);
}

struct initialize_call {
    struct port *port;
    bool success, rest;
};

/* HwInitialize at DIRQL under the interrupt lock (reference of StorPortAcquireSpinLock), then what
 * the port driver lets follow. */
static void call_initialize(void *context)
{
    struct initialize_call *call = context;
    struct port *port = call->port;
    struct frame frame;
    uint8_t old;

    port->state = ADAPTER_INITIALIZING;
    port->model->connect(port);
    old = port_lock_acquire(port, &port->interrupt_lock);
    entry_begin(&frame, port, ENTRY_INITIALIZE, 0, NULL);
    call->success = port->entries.initialize(port->extension) != FALSE;
    entry_end(&frame);
    port_lock_release(port, &port->interrupt_lock, old);
    call->rest =
        call->success && (port->model->initialized == NULL || port->model->initialized(port));
}

static bool initialize(struct port *port, char *error, size_t size)
{
    struct initialize_call call = {.port = port};

    cpu_call(0, IRQL_PASSIVE, call_initialize, &call, "HwInitialize");
    if (!call.success || !call.rest) {
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

/* Who tells of memory that ends whether it is still the device's: context of grants_ask. */
static bool device_may_write(void *context, bus_addr bus, uint64_t length)
{
    struct device *device = context;

    return device->ops->may_write(device, bus, length);
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
    if (device->ops->may_write != NULL) {
        grants_ask(device_may_write, device);
    }
    port->extension =
        zeroed_kind(MEMORY_DEVICE_EXTENSION, port->extension_bytes + 1, "device extension");
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
    grants_ask(NULL, NULL);
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
    const struct unit *unit = first_unit(port);

    *facts = (struct port_facts){
        .driver = port->model->name,
        .windows = port->options.windows,
        .srb_extension_bytes = (uint32_t)port->srb_extension_bytes,
        .device_extension_bytes = port->extension_bytes,
        .uncached_bytes = (uint32_t)port->uncached_bytes,
        .maximum_transfer_bytes = port->maximum_transfer,
        .transfer_bytes = port->transfer_bytes,
        .physical_breaks = port->physical_breaks,
        .timeout_seconds = port->options.timeout_seconds,
        .caches_data = port->caches_data,
        .alignment_mask = port->alignment_mask,
        .max_number_of_io = port->max_number_of_io,
        .lun_depth = unit != NULL ? unit->depth : 0,
        .dma_64bit = port->dma64,
        .allocations = port->allocations,
    };
    port->model->add_facts(port, facts);
}

void port_on_event(struct port *port, void (*event)(void *context, const char *text), void *context)
{
    port->event = event;
    port->event_context = context;
}
