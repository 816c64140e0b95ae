/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A request into the driver as StorPort gives it: HwBuildIo on any processor without a lock, then
 * HwStartIo, one at a time or, with concurrent channels, on several processors at once.
 */
#include "storport/internal.h"
#include "storport/exports.h"

static bool call_build_io(struct request *request)
{
    struct port *port = request->port;
    struct frame frame;
    bool go_on;

    if (port->storport->init.HwBuildIo == NULL) {
        return true;
    }
    entry_begin(&frame, port, ENTRY_BUILD_IO, 0, request);
    go_on = port->storport->init.HwBuildIo(port->extension, request->srb) != FALSE;
    entry_end(&frame);
    if (go_on && request->state == REQUEST_FINISHED) {
        violation(RULE_SRB_STATUS, "HwBuildIo completed a request and returned TRUE, which sends "
                                   "it to HwStartIo");
    }
    return go_on;
}

/* FALSE of HwStartIo: the request counts as not accepted, and StorPort tries it again. */
void storport_start(struct request *request)
{
    bool locked = request->port->storport->concurrent_channels <= 1;

    if (call_build_io(request) && !request_call_start_io(request, locked)) {
        request_not_accepted(request);
    }
}

int storport_message_processor(const struct port *port, unsigned number)
{
    return number < port->storport->message_count ? (int)port->storport->messages[number].processor
                                                  : -1;
}

VOID NTAPI sp_complete_request(PVOID extension, UCHAR path, UCHAR target, UCHAR lun, UCHAR status)
{
    EXPORT_ENTER("StorPortCompleteRequest", extension, IRQL_DEVICE);

    requests_complete_all(port, path, target, lun, status);
    export_leave();
}
