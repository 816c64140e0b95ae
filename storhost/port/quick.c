/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Quick requests (port.h): what the driver gets is built once, and each start puts the SRB back as it
 * was built. The driver counts as their owner all the time, so that services which ask for a request by
 * its SRB find it.
 */
#include "port/internal.h"

#include <stdlib.h>
#include <string.h>

#include <srb.h>

struct request *port_quick_prepare(struct port *port, struct port_io *io)
{
    struct request *request;

    if (port->model->find_cdb == NULL) {
        return NULL;
    }
    request = request_new(port, io, REQUEST_IO);
    if (!srb_build(request) || (request->original = malloc(request->srb_bytes)) == NULL) {
        request_release(request);
        return NULL;
    }
    request->cdb = port->model->find_cdb(request);
    memcpy(request->original, request->srb, request->srb_bytes);
    request->deadline = UINT64_MAX;
    pthread_mutex_lock(&port->mutex);
    request_own(port, request);
    pthread_mutex_unlock(&port->mutex);
    return request;
}

void port_quick_start(struct request *request)
{
    const struct port_io *io = request->io;
    uint8_t old;

    memcpy(request->srb, request->original, request->srb_bytes);
    memcpy(request->cdb, io->cdb, io->cdb_length);
    request->state = REQUEST_OWNED;
    old = cpu_raise(IRQL_DISPATCH);
    request->port->model->start(request);
    cpu_lower(old);
}

void quick_complete(struct request *request)
{
    struct srb_results results = request->port->model->read_results(request);
    struct port_io *io = request->io;

    request->state = REQUEST_FINISHED;
    io->srb_status = SRB_STATUS(results.status);
    io->scsi_status = results.scsi_status;
    io->transferred = results.transferred;
    io->sense_length = 0;
    io->done(io);
}

void port_quick_end(struct request *request)
{
    struct port *port = request->port;

    pthread_mutex_lock(&port->mutex);
    request->state = REQUEST_OWNED;
    request_disown(port, request);
    pthread_mutex_unlock(&port->mutex);
    free(request->original);
    request->original = NULL;
    request_release(request);
}

unsigned port_quick_depth(struct port *port)
{
    const struct unit *unit = first_unit(port);
    unsigned depth = unit != NULL ? unit->depth : 1;

    return depth < port->max_number_of_io ? depth : port->max_number_of_io;
}

int port_message_processor(struct port *port, unsigned number)
{
    return port->model->message_processor != NULL ? port->model->message_processor(port, number)
                                                  : -1;
}
