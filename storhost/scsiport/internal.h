/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the files of the SCSIPort model share beyond what all port models do (port/internal.h): the
 * port driver of Windows XP.
 *
 * Theory of operation. HwStartIo, HwInterrupt, HwTimer and HwResetBus run one at a time, at DIRQL
 * under the interrupt lock, which is StorPort's half duplex: the StartIo lock, and the interrupt
 * lock behind it. A request is started only after the driver has said that it takes one: NextRequest,
 * for a unit that has none; NextLuRequest, for a unit that may have some (start.c).
 *
 *   port_submit -> unit queue -> admit, if ready -> HwStartIo -> device
 *                                   ^      NextRequest |            |
 *                                   +------------------+            |
 *   done <- completion work <- RequestComplete <- HwInterrupt <-----+
 */
#ifndef STORHOST_SCSIPORT_INTERNAL_H
#define STORHOST_SCSIPORT_INTERNAL_H

#include <miniport.h>
#include <ntstatus.h>
#include <scsi.h>

#include "port/internal.h"

/* Tags of requests: 0 to 254; SP_UNTAGGED, 255, is none. */
#define TAGS 255

struct scsiport {
    HW_INITIALIZATION_DATA init;
    bool map_buffers, tagged, multiple, auto_sense;
    bool receives_events, provides_wmi;
    uint8_t initiator_ids[SCSI_MAXIMUM_BUSES];

    bool ready;          /* NextRequest or NextLuRequest since the last HwStartIo; port's mutex */
    bool tag_used[TAGS]; /* by a request that has not come back; port's mutex */
    unsigned underway;   /* admitted, and not yet in HwStartIo; port's mutex */
    bool uncached_asked; /* ScsiPortGetUncachedExtension was called in this HwFindAdapter */

    /* CallEnableInterrupts, CallDisableInterrupts */
    PHW_INTERRUPT enable_routine, disable_routine;
    struct cpu_work callback_work;
};

static inline PORT_CONFIGURATION_INFORMATION *config_of(const struct port *port)
{
    return port->config;
}

/* As EXPORT_ENTER, for exports of which the reference says in which routine they may be called:
 * only in HwScsiFindAdapter. */
#define ONLY_IN_FIND_ADAPTER(port, function)                                             \
    do {                                                                                 \
        if ((port)->state != ADAPTER_FINDING) {                                          \
            violation(RULE_PHASE, "%s called outside of HwScsiFindAdapter", (function)); \
        }                                                                                \
    } while (0)

/* config.c */
void scsiport_make_config(struct port *port);
bool scsiport_accept_config(struct port *port, char *error, size_t size);

/* start.c */
bool scsiport_takes(const struct port *port, const struct request *request);
void scsiport_admitted(struct request *request);
void scsiport_withdrawn(struct request *request);
void scsiport_left(struct request *request);
bool scsiport_build_srb(struct request *request);
bool scsiport_shows_data(const struct request *request);
void scsiport_start(struct request *request);
void scsiport_returned(struct port *port, const struct frame *frame);
bool scsiport_answers(struct port *port, struct port_io *io);
bool scsiport_answered_busy(const struct port_io *io);
/* The driver is ready: for units without a request, and for this one (or NULL) at any rate. */
void scsiport_ready(struct port *port, struct unit *unit);

/* interrupt.c */
void callbacks_init(struct port *port);
void callback_enable(struct port *port, PHW_INTERRUPT routine);
void callback_disable(struct port *port, PHW_INTERRUPT routine);

#endif
