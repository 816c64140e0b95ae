/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Units, and what holds requests back before they reach the driver: a unit's depth, gates that the
 * driver closes (StorPortBusy, StorPortPause), the model's own holds during resets and power changes,
 * and what is locked from above (SRB_FUNCTION_LOCK_QUEUE, which the port driver answers itself).
 */
#include "port/internal.h"

#include <stdlib.h>

static void pause_over(void *context)
{
    struct queue_gate *gate = context;

    pthread_mutex_lock(&gate->port->mutex);
    gate->paused = false;
    pthread_mutex_unlock(&gate->port->mutex);
    requests_admit(gate->port);
}

void queue_gate_init(struct port *port, struct queue_gate *gate)
{
    *gate = (struct queue_gate){.port = port};
    gate->pause_timer.fire = pause_over;
    gate->pause_timer.context = gate;
}

void queue_gate_completed(struct queue_gate *gate)
{
    if (gate->busy && gate->busy_left > 0 && --gate->busy_left == 0) {
        gate->busy = false;
    }
}

void queue_gate_hold(struct port *port, struct queue_gate *gate)
{
    pthread_mutex_lock(&port->mutex);
    gate->held++;
    pthread_mutex_unlock(&port->mutex);
}

void queue_gate_release(struct port *port, struct queue_gate *gate)
{
    pthread_mutex_lock(&port->mutex);
    gate->held--;
    pthread_mutex_unlock(&port->mutex);
    requests_admit(port);
}

bool port_lock_queue(struct port *port, bool whole, bool lock)
{
    struct unit *unit = first_unit(port);

    if (unit == NULL) {
        return false;
    }
    pthread_mutex_lock(&port->mutex);
    (whole ? &port->gate : &unit->gate)->locked = lock;
    pthread_mutex_unlock(&port->mutex);
    requests_admit(port);
    return true;
}

static void unit_init(struct port *port, struct unit *unit, uint8_t path, uint8_t target,
                      uint8_t lun)
{
    unit->port = port;
    unit->path = path;
    unit->target = target;
    unit->lun = lun;
    unit->depth = port->unit_depth;
    unit->ready = true;
    unit->queue_last = &unit->queue_first;
    queue_gate_init(port, &unit->gate);
}

void adapter_unit_init(struct port *port)
{
    unit_init(port, &port->adapter_unit, 0, 0, 0);
    port->adapter_unit.depth = 1;
}

struct unit *unit_at(struct port *port, uint8_t path, uint8_t target, uint8_t lun, bool create)
{
    struct unit *unit;

    pthread_mutex_lock(&port->mutex);
    for (unit = port->units; unit != NULL; unit = unit->next) {
        if (unit->path == path && unit->target == target && unit->lun == lun) {
            break;
        }
    }
    if (unit == NULL && create) {
        unit = calloc(1, sizeof(*unit));
        if (unit == NULL) {
            fatal("out of memory");
        }
        unit_init(port, unit, path, target, lun);
        if (port->unit_extension_bytes != 0) {
            struct memory_request request = {.kind = MEMORY_POOL,
                                             .bytes = port->unit_extension_bytes,
                                             .alignment = 16,
                                             .name = "logical unit extension"};
            unit->extension = memory_alloc(&request);
            if (unit->extension != NULL) {
                __builtin_memset(unit->extension, 0, request.bytes);
            }
        }
        unit->next = port->units;
        port->units = unit;
    }
    pthread_mutex_unlock(&port->mutex);
    return unit;
}

void units_free(struct port *port)
{
    while (port->units != NULL) {
        struct unit *unit = port->units;

        port->units = unit->next;
        clock_arm(&unit->gate.pause_timer, 0);
        clock_arm(&unit->hold_timer, 0);
        if (unit->extension != NULL) {
            memory_free(unit->extension);
        }
        free(unit);
    }
}

struct unit *first_unit(struct port *port)
{
    struct unit *unit = port->units;

    while (unit != NULL && !unit->present) {
        unit = unit->next;
    }
    return unit;
}
