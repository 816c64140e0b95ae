/* SPDX-License-Identifier: BSD-3-Clause */
/* What the driver says of its queues: StorPortBusy and StorPortPause and their kind, depths. */
#include "storport/internal.h"
#include "storport/exports.h"

static BOOLEAN set_busy(struct port *port, struct queue_gate *gate, unsigned outstanding,
                        ULONG requests)
{
    pthread_mutex_lock(&port->mutex);
    /* Until that many have completed, or all there are. */
    gate->busy_left = requests < outstanding ? requests : outstanding;
    gate->busy = gate->busy_left != 0;
    pthread_mutex_unlock(&port->mutex);
    return TRUE;
}

static BOOLEAN set_ready(struct port *port, struct queue_gate *gate)
{
    pthread_mutex_lock(&port->mutex);
    gate->busy = false;
    pthread_mutex_unlock(&port->mutex);
    requests_admit(port);
    return TRUE;
}

static BOOLEAN set_paused(struct port *port, struct queue_gate *gate, ULONG seconds)
{
    pthread_mutex_lock(&port->mutex);
    gate->paused = true;
    pthread_mutex_unlock(&port->mutex);
    clock_arm(&gate->pause_timer, (uint64_t)seconds * 1000000);
    return TRUE;
}

static BOOLEAN set_resumed(struct port *port, struct queue_gate *gate)
{
    bool was;

    pthread_mutex_lock(&port->mutex);
    was = gate->paused;
    gate->paused = false;
    pthread_mutex_unlock(&port->mutex);
    clock_arm(&gate->pause_timer, 0);
    requests_admit(port);
    return was;
}

BOOLEAN NTAPI sp_busy(PVOID extension, ULONG requests)
{
    EXPORT_ENTER("StorPortBusy", extension, IRQL_DEVICE);
    BOOLEAN result = set_busy(port, &port->gate, port->outstanding, requests);

    export_leave();
    return result;
}

BOOLEAN NTAPI sp_ready(PVOID extension)
{
    EXPORT_ENTER("StorPortReady", extension, IRQL_DEVICE);
    BOOLEAN result = set_ready(port, &port->gate);

    export_leave();
    return result;
}

BOOLEAN NTAPI sp_pause(PVOID extension, ULONG seconds)
{
    EXPORT_ENTER("StorPortPause", extension, IRQL_DEVICE);
    BOOLEAN result = set_paused(port, &port->gate, seconds);

    export_leave();
    return result;
}

BOOLEAN NTAPI sp_resume(PVOID extension)
{
    EXPORT_ENTER("StorPortResume", extension, IRQL_DEVICE);
    BOOLEAN result = set_resumed(port, &port->gate);

    export_leave();
    return result;
}

BOOLEAN NTAPI sp_device_busy(PVOID extension, UCHAR path, UCHAR target, UCHAR lun, ULONG requests)
{
    EXPORT_ENTER("StorPortDeviceBusy", extension, IRQL_DEVICE);
    struct unit *unit = unit_at(port, path, target, lun, false);
    BOOLEAN result = FALSE;

    if (unit != NULL) {
        result = set_busy(port, &unit->gate, unit->outstanding, requests);
    }
    export_leave();
    return result;
}

BOOLEAN NTAPI sp_device_ready(PVOID extension, UCHAR path, UCHAR target, UCHAR lun)
{
    EXPORT_ENTER("StorPortDeviceReady", extension, IRQL_DEVICE);
    struct unit *unit = unit_at(port, path, target, lun, false);
    BOOLEAN result = unit != NULL ? set_ready(port, &unit->gate) : FALSE;

    export_leave();
    return result;
}

BOOLEAN NTAPI sp_pause_device(PVOID extension, UCHAR path, UCHAR target, UCHAR lun, ULONG seconds)
{
    EXPORT_ENTER("StorPortPauseDevice", extension, IRQL_DEVICE);
    struct unit *unit = unit_at(port, path, target, lun, false);
    BOOLEAN result = unit != NULL ? set_paused(port, &unit->gate, seconds) : FALSE;

    export_leave();
    return result;
}

BOOLEAN NTAPI sp_resume_device(PVOID extension, UCHAR path, UCHAR target, UCHAR lun)
{
    EXPORT_ENTER("StorPortResumeDevice", extension, IRQL_DEVICE);
    struct unit *unit = unit_at(port, path, target, lun, false);
    BOOLEAN result = unit != NULL ? set_resumed(port, &unit->gate) : FALSE;

    export_leave();
    return result;
}

/*
 * At most 254, or what MaxIOsPerLun says where the driver declared more (Windows 8 on). The
 * reference: a depth of 0 or above the limit is refused.
 */
BOOLEAN NTAPI sp_set_device_queue_depth(PVOID extension, UCHAR path, UCHAR target, UCHAR lun,
                                        ULONG depth)
{
    EXPORT_ENTER("StorPortSetDeviceQueueDepth", extension, IRQL_DEVICE);
    struct unit *unit = unit_at(port, path, target, lun, false);
    ULONG limit = port->options.windows >= WINDOWS_8 && port->storport->max_ios_per_lun > 254
                      ? port->storport->max_ios_per_lun
                      : 254;
    BOOLEAN result = unit != NULL && depth != 0 && depth <= limit;

    if (result) {
        pthread_mutex_lock(&port->mutex);
        unit->depth = depth;
        pthread_mutex_unlock(&port->mutex);
        requests_admit(port);
    }
    export_leave();
    return result;
}

PVOID NTAPI sp_get_logical_unit(PVOID extension, UCHAR path, UCHAR target, UCHAR lun)
{
    EXPORT_ENTER("StorPortGetLogicalUnit", extension, IRQL_DEVICE);
    struct unit *unit = unit_at(port, path, target, lun, false);
    PVOID result = unit != NULL ? unit->extension : NULL;

    export_leave();
    return result;
}
