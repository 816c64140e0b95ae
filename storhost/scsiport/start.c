/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * When SCSIPort gives the driver a request, and how.
 *
 * The driver gets one request, and the next one only after it has said so: by NextRequest, for a
 * unit that has no request; by NextLuRequest, also for the unit that it names, to which more may
 * then go while others are outstanding (reference of ScsiPortNotification). Requests that carry no
 * tag have their unit for themselves.
 *
 * `ready` is taken away when a request is admitted, on its way to a processor, and given back if
 * the driver does not get to see it.
 */
#include "scsiport/internal.h"

/* ---- whether --------------------------------------------------------------------------------- */

/* Whether a request has a tag: a class driver allows it for all commands, and only for those. */
static bool has_tag(const struct scsiport *own, const struct port_io *io)
{
    return (own->tagged || own->multiple) && io->function == SRB_FUNCTION_EXECUTE_SCSI &&
           !io->last_attempt;
}

/* Whether a request without tag is outstanding at a unit. Mutex held. */
static bool untagged_outstanding(const struct unit *unit)
{
    for (const struct request *request = unit->port->live; request != NULL;
         request = request->live_next) {
        if (request->unit == unit && request->queue_tag == SP_UNTAGGED) {
            return true;
        }
    }
    return false;
}

bool scsiport_takes(const struct port *port, const struct request *request)
{
    const struct scsiport *own = port->scsiport;
    const struct unit *unit = request->unit;

    if (!own->ready) {
        return false;
    }
    return unit->outstanding == 0 ||
           (unit->ready && has_tag(own, request->io) && !untagged_outstanding(unit));
}

/* A tag that no request has. There is one: the depth says so. Mutex held. */
static uint8_t take_tag(struct port *port)
{
    unsigned tag = port_random(port, TAGS);

    while (port->scsiport->tag_used[tag]) {
        tag = (tag + 1) % TAGS;
    }
    port->scsiport->tag_used[tag] = true;
    return (uint8_t)tag;
}

static void give_tag_back(struct request *request)
{
    if (request->queue_tag != SP_UNTAGGED) {
        request->port->scsiport->tag_used[request->queue_tag] = false;
        request->queue_tag = SP_UNTAGGED;
    }
}

void scsiport_admitted(struct request *request)
{
    struct port *port = request->port;

    port->scsiport->ready = false;
    port->scsiport->underway++;
    request->unit->ready = false;
    request->queue_tag = has_tag(port->scsiport, request->io) ? take_tag(port) : SP_UNTAGGED;
}

void scsiport_withdrawn(struct request *request)
{
    request->port->scsiport->ready = true;
    request->port->scsiport->underway--;
    request->unit->ready = true;
    give_tag_back(request);
}

void scsiport_left(struct request *request)
{
    give_tag_back(request);
}

void scsiport_ready(struct port *port, struct unit *unit)
{
    pthread_mutex_lock(&port->mutex);
    port->scsiport->ready = true;
    if (unit != NULL) {
        unit->ready = true;
    }
    pthread_mutex_unlock(&port->mutex);
    requests_admit(port);
}

/* ---- how ------------------------------------------------------------------------------------- */

bool scsiport_shows_data(const struct request *request)
{
    /* "If FALSE, the miniport driver must not access Srb.DataBuffer directly." I/O controls and WMI
     * requests come in system buffers. */
    return request->port->scsiport->map_buffers ||
           request->io->function == SRB_FUNCTION_IO_CONTROL ||
           request->io->function == SRB_FUNCTION_WMI;
}

bool scsiport_build_srb(struct request *request)
{
    SCSI_REQUEST_BLOCK *srb;

    if (!srb_build_legacy(request)) {
        return false;
    }
    srb = request->srb;
    if (!request->port->scsiport->tagged || request->queue_tag == SP_UNTAGGED) {
        srb->SrbFlags &= ~(ULONG)SRB_FLAGS_QUEUE_ACTION_ENABLE;
    }
    return true;
}

/* What HwScsiStartIo returns changes nothing: the request is the driver's, and is to be completed. */
void scsiport_start(struct request *request)
{
    struct port *port = request->port;

    pthread_mutex_lock(&port->mutex);
    port->scsiport->underway--;
    pthread_mutex_unlock(&port->mutex);
    request_call_start_io(request, true);
}

/*
 * The driver has come back. If it has no request and waits for nothing, no timer and no callback,
 * and is not ready for another request, then it will never get one.
 */
void scsiport_returned(struct port *port, const struct frame *frame)
{
    bool stuck;

    if (port->state != ADAPTER_RUNNING || frame->entry == ENTRY_ADAPTER_CONTROL) {
        return;
    }
    rule_checked(RULE_LOST_REQUEST);
    pthread_mutex_lock(&port->mutex);
    stuck = !port->scsiport->ready && port->live == NULL && port->scsiport->underway == 0 &&
            port->timer_routine == NULL && port->scsiport->enable_routine == NULL &&
            port->scsiport->disable_routine == NULL;
    pthread_mutex_unlock(&port->mutex);
    if (stuck) {
        violation(RULE_LOST_REQUEST,
                  "%s returned with every request completed, no timer asked for and without "
                  "NextRequest or NextLuRequest: SCSIPort never starts another request",
                  entry_name(frame->entry));
    }
}

/* ---- requests that SCSIPort answers ---------------------------------------------------------- */

static void answer(struct port_io *io, uint8_t status)
{
    io->srb_status = status;
    io->scsi_status = SCSISTAT_GOOD;
    io->sense_length = 0;
    io->transferred = 0;
}

/* A bus reset asked for by SRB: SCSIPort calls HwScsiResetBus itself. */
static void answer_reset(struct port *port, struct port_io *io)
{
    struct unit *unit = unit_at(port, io->path, io->target, io->lun, false);

    if (unit == NULL) {
        answer(io, SRB_STATUS_NO_DEVICE);
        return;
    }
    reset_begin(unit, RESET_BUS);
    answer(io, SRB_STATUS_SUCCESS);
}

/*
 * Claims and queue control are between class drivers and SCSIPort. Cache events reach only drivers
 * that declared CachesData, events and WMI only those that declared these. Power and PnP come as
 * I/O request packets in Windows XP, which a miniport does not see.
 */
bool scsiport_answers(struct port *port, struct port_io *io)
{
    switch (io->function) {
    case SRB_FUNCTION_CLAIM_DEVICE:
    case SRB_FUNCTION_ATTACH_DEVICE:
    case SRB_FUNCTION_RELEASE_DEVICE:
    case SRB_FUNCTION_REMOVE_DEVICE:
    case SRB_FUNCTION_RELEASE_QUEUE:
    case SRB_FUNCTION_FLUSH_QUEUE:
    case SRB_FUNCTION_LOCK_QUEUE:
    case SRB_FUNCTION_UNLOCK_QUEUE:
        answer(io, SRB_STATUS_SUCCESS);
        return true;
    case SRB_FUNCTION_FLUSH:
    case SRB_FUNCTION_SHUTDOWN:
        if (!port->caches_data) {
            answer(io, SRB_STATUS_SUCCESS);
        }
        return !port->caches_data;
    case SRB_FUNCTION_RESET_BUS:
        answer_reset(port, io);
        return true;
    case SRB_FUNCTION_RECEIVE_EVENT:
        if (!port->scsiport->receives_events) {
            answer(io, SRB_STATUS_INVALID_REQUEST);
        }
        return !port->scsiport->receives_events;
    case SRB_FUNCTION_WMI:
        if (!port->scsiport->provides_wmi) {
            answer(io, SRB_STATUS_INVALID_REQUEST);
        }
        return !port->scsiport->provides_wmi;
    case SRB_FUNCTION_POWER:
    case SRB_FUNCTION_PNP:
        answer(io, SRB_STATUS_INVALID_REQUEST);
        return true;
    default:
        return false;
    }
}

/* BUSY, and the two SCSI statuses that say so: SCSIPort tries the request again itself. */
bool scsiport_answered_busy(const struct port_io *io)
{
    return io->srb_status == SRB_STATUS_BUSY ||
           (io->function == SRB_FUNCTION_EXECUTE_SCSI && io->sense_length == 0 &&
            (io->scsi_status == SCSISTAT_BUSY || io->scsi_status == SCSISTAT_QUEUE_FULL));
}
