/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * HwAdapterControl, stop and restart, power, surprise and orderly removal, and giving everything
 * back at the end. What the driver must have given back by then: after a HwFindAdapter that did not
 * find, everything that it allocated or mapped; after that, what the port driver gave it an entry
 * point for (port_model.end). The port frees mapped ranges and the uncached extension.
 */
#include "port/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <srb.h>

#include "virtio/ring_guard.h"

#define DRAIN_MILLISECONDS 60000

/* ---- HwAdapterControl ------------------------------------------------------------------------ */

struct control {
    struct port *port;
    unsigned type;
    void *parameters;
    int status;
};

static void call_control(struct control *control)
{
    struct port *port = control->port;
    struct frame frame;

    entry_begin(&frame, port, ENTRY_ADAPTER_CONTROL, control->type, NULL);
    control->status =
        port->entries.adapter_control(port->extension, (int)control->type, control->parameters);
    entry_end(&frame);
}

/* Whether a control type comes at DIRQL with the interrupt lock held: stop and restart may. */
static bool is_locked(const struct control *control)
{
    return (control->type == ScsiStopAdapter || control->type == ScsiRestartAdapter) &&
           (control->port->model->locks_control(control->port));
}

/* All others at PASSIVE_LEVEL (table in the reference of HW_ADAPTER_CONTROL), but ScsiAdapterPower and
 * its kind also at DISPATCH_LEVEL, which is the harder. A stopped device interrupts nobody, so that
 * nothing but the restart uses its rings; while it is being stopped a DPC may still come. */
static void run_control(void *context)
{
    struct control *control = context;
    struct port *port = control->port;
    const bool locked = is_locked(control);
    const bool alone = control->type == ScsiRestartAdapter;
    uint8_t old = 0;

    if (locked) {
        old = port_lock_acquire(port, &port->interrupt_lock);
    }
    if (alone) {
        ring_guard_alone(true);
    }
    call_control(control);
    if (alone) {
        ring_guard_alone(false);
    }
    if (locked) {
        port_lock_release(port, &port->interrupt_lock, old);
    }
}

static bool at_dispatch(unsigned type)
{
    return type == ScsiAdapterPower ||
           (type >= ScsiAdapterPoFxPowerRequired && type <= ScsiAdapterPoFxPowerControl);
}

bool control_supported(const struct port *port, unsigned type)
{
    return port->entries.adapter_control != NULL && port->control_types[type];
}

bool control_call(struct port *port, unsigned type, void *parameters)
{
    struct control control = {.port = port, .type = type, .parameters = parameters};

    if (type != ScsiQuerySupportedControlTypes && !control_supported(port, type)) {
        return false;
    }
    cpu_call(0, at_dispatch(type) ? IRQL_DISPATCH : IRQL_PASSIVE, run_control, &control,
             "HwAdapterControl");
    return control.status == ScsiAdapterControlSuccess;
}

void control_query(struct port *port)
{
    unsigned types = port->model->control_types(port);
    struct memory_request request = {.kind = MEMORY_PORT,
                                     .bytes = sizeof(ULONG) + types,
                                     .alignment = 1,
                                     .name = "SCSI_SUPPORTED_CONTROL_TYPE_LIST"};
    SCSI_SUPPORTED_CONTROL_TYPE_LIST *list;

    memset(port->control_types, 0, sizeof(port->control_types));
    if (port->entries.adapter_control == NULL) {
        return;
    }
    /* Aligned for its first field: a list of 5 types has 9 bytes, fenced to the next word. */
    request.alignment = sizeof(ULONG);
    list = memory_alloc(&request);
    if (list == NULL) {
        fatal("out of guest memory");
    }
    memset(list, 0, request.bytes);
    list->MaxControlType = types;
    if (control_call(port, ScsiQuerySupportedControlTypes, list)) {
        for (unsigned i = 0; i < types; i++) {
            port->control_types[i] = list->SupportedTypeList[i] != 0;
        }
    }
    memory_free(list);
}

/* ---- requests of the life cycle -------------------------------------------------------------- */

uint8_t send_function(struct port *port, const struct unit *unit, uint8_t function, uint32_t action,
                      uint32_t power_state)
{
    struct port_io io = {.function = function,
                         .adapter = unit == NULL,
                         .path = unit != NULL ? unit->path : 0,
                         .target = unit != NULL ? unit->target : 0,
                         .lun = unit != NULL ? unit->lun : 0,
                         .processor = -1,
                         .pnp_action = action,
                         .power_state = power_state};

    port_execute(port, &io);
    return io.srb_status;
}

/* FLUSH and SHUTDOWN come only to those that declared CachesData. */
static void flush_all(struct port *port, bool shutdown)
{
    for (struct unit *unit = port->units; unit != NULL && port->caches_data; unit = unit->next) {
        if (unit->present) {
            send_function(port, unit, SRB_FUNCTION_FLUSH, 0, 0);
            if (shutdown) {
                send_function(port, unit, SRB_FUNCTION_SHUTDOWN, 0, 0);
            }
        }
    }
}

/* Waits for what is outstanding; what does not come back in time is lost. */
static void drain(struct port *port, const char *before)
{
    rule_checked(RULE_LOST_REQUEST);
    if (!requests_wait(port, DRAIN_MILLISECONDS)) {
        violation(RULE_LOST_REQUEST, "%u requests are still outstanding before %s",
                  port->outstanding, before);
    }
}

/* ---- stop and restart ------------------------------------------------------------------------ */

bool adapter_stop(struct port *port)
{
    bool success;

    if (port->model->late_work != NULL) {
        port->model->late_work(port);
    }
    success = control_call(port, ScsiStopAdapter, NULL);

    interrupts_disconnect(port);
    return success;
}

bool port_stop_adapter(struct port *port)
{
    bool success;

    if (port->state != ADAPTER_RUNNING) {
        return false;
    }
    flush_all(port, false);
    queue_gate_hold(port, &port->gate);
    drain_owned(port, "the adapter is stopped");
    success = port->model->stop(port);
    port->state = ADAPTER_STOPPED;
    return success;
}

bool adapter_restart(struct port *port)
{
    char error[256];
    bool success;

    if (control_supported(port, ScsiSetRunningConfig)) {
        control_call(port, ScsiSetRunningConfig, NULL);
    }
    if (control_supported(port, ScsiRestartAdapter)) {
        port->model->connect(port);
        return control_call(port, ScsiRestartAdapter, NULL);
    }
    success = adapter_find_and_initialize(port, error, sizeof(error));
    if (!success) {
        port_log(port, "restart: %s", error);
    }
    return success;
}

/* An adapter whose ScsiRestartAdapter fails is given requests all the same: no page says that StorPort
 * takes it for gone. One that is found and initialized anew is not there if that fails. */
static bool restart_stopped(struct port *port)
{
    bool success;

    if (port->device->ops->power_cycle != NULL) {
        port->device->ops->power_cycle(port->device);
    }
    success = port->model->restart(port);
    if (success || control_supported(port, ScsiRestartAdapter)) {
        port->state = ADAPTER_RUNNING;
    }
    queue_gate_release(port, &port->gate);
    return success;
}

bool port_restart_adapter(struct port *port)
{
    return port->state == ADAPTER_STOPPED && restart_stopped(port);
}

bool port_restart_unstopped(struct port *port)
{
    if (port->state != ADAPTER_RUNNING) {
        return false;
    }
    flush_all(port, false);
    queue_gate_hold(port, &port->gate);
    drain_owned(port, "the adapter is restarted");
    interrupts_disconnect(port);
    return restart_stopped(port);
}

static void tell(struct port *port, enum port_news news)
{
    if (port->model->tell != NULL) {
        port->model->tell(port, news);
    }
}

void port_power(struct port *port, bool on)
{
    if (!on) {
        flush_all(port, true);
        tell(port, NEWS_POWER_OFF);
        port_stop_adapter(port);
        return;
    }
    port_restart_adapter(port);
    tell(port, NEWS_POWER_ON);
}

/* ---- PnP: stopped for other resources, and started with them ---------------------------------- */

/* Reference of SCSI_ADAPTER_CONTROL_TYPE, ScsiStopAdapter: "if the HBA was ... stopped for PnP resource
 * reconfiguration, the Storport driver releases resources on behalf of the miniport driver", which "is not
 * called again ... until the PnP manager requests that the HBA be started". */
bool port_pnp_stop(struct port *port)
{
    bool success;

    if (port->state != ADAPTER_RUNNING) {
        return false;
    }
    drain(port, "the adapter is stopped");
    flush_all(port, false);
    tell(port, NEWS_PNP_STOP);
    queue_gate_hold(port, &port->gate);
    drain_owned(port, "the adapter is stopped");
    success = port->model->stop(port);
    timer_request(port, NULL, 0);
    cpu_wait_idle(DRAIN_MILLISECONDS); /* DPCs are over before the memory that they use goes */
    device_bases_free(port);
    uncached_free(port);
    port->state = ADAPTER_STOPPED;
    port->rebalancing = true;
    return success;
}

/* HwFindAdapter on the extension as it was left, HwInitialize. One that fails is removed. */
bool port_pnp_start(struct port *port, unsigned vectors, char *error, size_t size)
{
    if (!port->rebalancing) {
        snprintf(error, size, "the adapter is not stopped by PnP");
        return false;
    }
    if (vectors != PORT_VECTORS_DEFAULT) {
        port->options.message_vectors = vectors;
    }
    if (port->device->ops->move_bars != NULL) {
        port->device->ops->move_bars(port->device);
    }
    if (port->model->zeroes_extension) {
        memset(port->extension, 0, port->extension_bytes);
    }
    port->rebalancing = false;
    if (!adapter_find_and_initialize(port, error, size)) {
        requests_flush_queued(port, SRB_STATUS_NO_DEVICE);
        adapter_give_back(port, ADAPTER_END_FAILED);
        return false;
    }
    queue_gate_release(port, &port->gate);
    return true;
}

/* ---- the end --------------------------------------------------------------------------------- */

static void check_no_requests(struct port *port)
{
    rule_checked(RULE_LOST_REQUEST);
    if (port->live != NULL) {
        char text[256];

        srb_describe(port->live, text, sizeof(text));
        violation(RULE_LOST_REQUEST, "the adapter is gone and a request is not completed: %s",
                  text);
    }
}

static void free_adapter_memory(struct port *port)
{
    uncached_free(port);
    if (port->argument != NULL) {
        memory_free(port->argument);
        port->argument = NULL;
    }
    memory_free(port->config);
    memory_free(port->ranges);
    port->config = NULL;
    port->ranges = NULL;
    units_free(port);
    if (port->extension_grant != NULL) {
        grant_end(port->extension_grant, false);
        port->extension_grant = NULL;
    }
    memory_free(port->extension);
}

void adapter_give_back(struct port *port, enum adapter_end end)
{
    bool could_free;

    interrupts_disconnect(port);
    timers_stop(port);
    cpu_wait_idle(5000);
    check_no_requests(port);
    could_free = port->model->end(port, end);
    port->state = ADAPTER_GONE;
    resources_end(port, end == ADAPTER_END_NOT_FOUND || could_free, end == ADAPTER_END_NOT_FOUND);
    free_adapter_memory(port);
    grant_inspect_quarantine(true);
    port->extension = NULL;
    adapter_forget_device(port);
}

void port_remove(struct port *port)
{
    if (port->state == ADAPTER_GONE || port->state == ADAPTER_LOADED) {
        return;
    }
    if (port->state == ADAPTER_RUNNING) {
        drain(port, "the adapter is removed");
        flush_all(port, true);
        tell(port, NEWS_REMOVAL);
        queue_gate_hold(port, &port->gate);
        drain_owned(port, "the adapter is removed");
        port->model->stop(port);
    }
    adapter_give_back(port, ADAPTER_END_REMOVED);
}

void port_lose_device(struct port *port)
{
    if (port->state != ADAPTER_RUNNING || port->device_lost) {
        return;
    }
    port->device_lost = true;
    if (port->device->ops->remove != NULL) {
        port->device->ops->remove(port->device);
    }
    queue_gate_hold(port, &port->gate);
    tell(port, NEWS_UNIT_SURPRISE_REMOVAL);
}

/* The device is gone before anybody was asked. The driver may hear of it, requests that it still has
 * come back through it or through a bus reset, and then it is stopped as in an orderly removal. */
void port_surprise_remove(struct port *port)
{
    struct unit *unit = first_unit(port);

    if (port->state != ADAPTER_RUNNING) {
        return;
    }
    port_lose_device(port);
    port->state = ADAPTER_REMOVED;
    tell(port, NEWS_SURPRISE_REMOVAL);
    cpu_wait_idle(DRAIN_MILLISECONDS); /* requests on their way have reached the driver */
    if (unit != NULL && requests_owned_before(port, NULL, UINT64_MAX, NULL) != 0) {
        port_reset_bus(port);
    }
    requests_flush_queued(port, SRB_STATUS_NO_DEVICE);
    drain(port, "the removed adapter is stopped");
    port->model->stop(port);
    adapter_give_back(port, ADAPTER_END_REMOVED);
}
