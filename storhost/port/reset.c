/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Recovery from requests that time out, in StorPort's three tiers (SCSIPort has the last only): a reset of the logical unit (an
 * SRB), of the target (an SRB), of the bus (HwResetBus). A tier that fails or does not answer
 * within its own time leads to the next one. While one runs, the unit's queue (for the target and
 * the bus: the adapter's) is held. Before a reset counts as done, the driver has completed every
 * request that it had been given before the reset and that the reset covers. A bus reset that fails
 * because the device has not ended its own may leave requests with it: their time begins anew.
 */
#include "port/internal.h"

#include <stdlib.h>

#include <srb.h>

static void start_tier(struct unit *unit);

static uint8_t tier_function(enum reset_stage stage)
{
    return stage == RESET_UNIT ? SRB_FUNCTION_RESET_LOGICAL_UNIT : SRB_FUNCTION_RESET_DEVICE;
}

/* The reset SRB's own io, one per reset; freed when the SRB came back. */
static void send_reset(struct unit *unit)
{
    struct port *port = unit->port;
    struct port_io *io = calloc(1, sizeof(*io));
    struct request *request;

    if (io == NULL) {
        fatal("out of memory");
    }
    io->function = tier_function(unit->reset_stage);
    io->path = unit->path;
    io->target = unit->target;
    io->lun = unit->lun;
    io->processor = -1;
    request = request_new(port, io, REQUEST_RESET);
    request->stage = unit->reset_stage;
    request_send(request);
}

static void report_lost(struct request *lost, unsigned count, const char *after)
{
    char text[256];

    srb_describe(lost, text, sizeof(text));
    violation(RULE_LOST_REQUEST,
              "%s, but %u request(s) that were given before it are not completed; one is: %s",
              after, count, text);
}

void reset_check_covered(struct request *request)
{
    struct request *first = NULL;
    bool unit_only = request->stage == RESET_UNIT;
    unsigned left;

    if (SRB_STATUS(srb_status(request)) != SRB_STATUS_SUCCESS) {
        return;
    }
    rule_checked(RULE_LOST_REQUEST);
    left = requests_owned_before(request->port, unit_only ? request->unit : NULL,
                                 request->call_order, &first);
    if (left != 0) {
        report_lost(first, left,
                    unit_only ? "the reset of the logical unit is completed"
                              : "the reset of the target is completed");
    }
}

/* Recovery is over: the queues go on. */
static void finish_recovery(struct unit *unit, bool success)
{
    struct port *port = unit->port;
    bool whole = unit->reset_stage != RESET_UNIT;

    if (!success) {
        requests_wait_again(port);
    }
    pthread_mutex_lock(&port->mutex);
    unit->reset_stage = RESET_NONE;
    unit->reset_failed = !success;
    unit->gate.held--;
    if (whole) {
        port->gate.held--;
    }
    pthread_cond_broadcast(&port->changed);
    pthread_mutex_unlock(&port->mutex);
    requests_admit(port);
}

static void hold_over(void *context)
{
    finish_recovery(context, true);
}

/* The bus tier, at DISPATCH_LEVEL on a processor. */
static void reset_bus(void *context)
{
    struct unit *unit = context;
    struct port *port = unit->port;
    struct start_io_hold hold = {0};
    struct request *first = NULL;
    struct frame frame;
    uint64_t order;
    unsigned left;
    bool success;

    if (port->entries.reset_bus == NULL) {
        finish_recovery(unit, false);
        return;
    }
    hold_start_io(port, &hold);
    pthread_mutex_lock(&port->mutex);
    port->counters.bus_resets++;
    pthread_mutex_unlock(&port->mutex);
    order = __atomic_add_fetch(&port->sequence, 1, __ATOMIC_SEQ_CST);
    entry_begin(&frame, port, ENTRY_RESET_BUS, 0, NULL);
    success = port->entries.reset_bus(port->extension, unit->path) != FALSE;
    entry_end(&frame);
    drop_start_io(port, &hold);
    rule_checked(RULE_LOST_REQUEST);
    left = requests_owned_before(port, NULL, order, &first);
    if (left != 0 && (success || !observer_resetting(port->device))) {
        report_lost(first, left, "HwResetBus has returned");
    }
    if (success && port->bus_reset_hold != 0) {
        unit->hold_timer.fire = hold_over;
        unit->hold_timer.context = unit;
        clock_arm(&unit->hold_timer, port->bus_reset_hold);
        return;
    }
    finish_recovery(unit, success);
}

static void start_tier(struct unit *unit)
{
    struct port *port = unit->port;

    pthread_mutex_lock(&port->mutex);
    if (unit->reset_stage == RESET_UNIT) {
        port->counters.unit_resets++;
    } else if (unit->reset_stage == RESET_TARGET) {
        port->counters.target_resets++;
    }
    pthread_mutex_unlock(&port->mutex);
    if (unit->reset_stage != RESET_BUS) {
        send_reset(unit);
        return;
    }
    unit->reset_work = (struct cpu_work){
        .irql = IRQL_DISPATCH, .run = reset_bus, .context = unit, .name = "HwResetBus"};
    cpu_queue(port_random(port, cpu_count()), &unit->reset_work);
}

/* Moves a unit from one tier to the next; false if it is not in `from` (any more). */
static bool move_stage(struct unit *unit, enum reset_stage from, enum reset_stage to)
{
    struct port *port = unit->port;
    bool moved;

    pthread_mutex_lock(&port->mutex);
    moved = unit->reset_stage == from;
    if (moved) {
        unit->reset_stage = to;
        if (from == RESET_NONE) {
            unit->gate.held++;
        }
        if (from < RESET_TARGET && to >= RESET_TARGET) {
            port->gate.held++;
        }
    }
    pthread_mutex_unlock(&port->mutex);
    return moved;
}

void reset_begin(struct unit *unit, enum reset_stage stage)
{
    if (move_stage(unit, RESET_NONE, stage)) {
        start_tier(unit);
    }
}

static void escalate(struct unit *unit, enum reset_stage from)
{
    if (move_stage(unit, from, from + 1)) {
        start_tier(unit);
    }
}

void reset_expired(struct request *request)
{
    struct port *port = request->port;

    if (request->kind == REQUEST_RESET) {
        escalate(request->unit, request->stage);
        return;
    }
    if (port->device->ops->judge != NULL) {
        port->device->ops->judge(port->device);
    }
    pthread_mutex_lock(&port->mutex);
    port->counters.timeouts++;
    pthread_mutex_unlock(&port->mutex);
    if (port->state == ADAPTER_RUNNING || port->state == ADAPTER_REMOVED) {
        reset_begin(request->unit, port->model->first_reset);
    }
}

void reset_request_done(struct request *request)
{
    struct unit *unit = request->unit;
    struct port_io *io = request->io;
    enum reset_stage stage = request->stage;
    bool success = io->srb_status == SRB_STATUS_SUCCESS;

    request_release(request);
    free(io);
    if (unit->reset_stage != stage) {
        return; /* the next tier has begun: this is its remains */
    }
    if (success) {
        finish_recovery(unit, true);
    } else {
        escalate(unit, stage);
    }
}

/* ---- asked for from outside ------------------------------------------------------------------ */

static bool reset_and_wait(struct port *port, enum reset_stage stage)
{
    struct unit *unit = first_unit(port);
    bool success;

    if (unit == NULL || stage < port->model->first_reset) {
        return false;
    }
    reset_begin(unit, stage);
    pthread_mutex_lock(&port->mutex);
    while (unit->reset_stage != RESET_NONE) {
        pthread_cond_wait(&port->changed, &port->mutex);
    }
    success = !unit->reset_failed;
    pthread_mutex_unlock(&port->mutex);
    return success;
}

bool port_reset_unit(struct port *port)
{
    return reset_and_wait(port, RESET_UNIT);
}

bool port_reset_target(struct port *port)
{
    return reset_and_wait(port, RESET_TARGET);
}

bool port_reset_bus(struct port *port)
{
    return reset_and_wait(port, RESET_BUS);
}
