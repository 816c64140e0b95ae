/* SPDX-License-Identifier: BSD-3-Clause */
/* StorPortStateChangeDetected: the driver's HwStateChange is called a little later. */
#include "storport/internal.h"
#include "storport/exports.h"

#include <stdlib.h>
#include <string.h>

struct state_change {
    struct port *port;
    struct cpu_work work;
    PHW_STATE_CHANGE routine;
    PVOID context;
    STOR_ADDR_BTL8 address;
};

static void run_state_change(void *context)
{
    struct state_change *change = context;
    struct port *port = change->port;
    struct start_io_hold hold = {0};
    struct frame frame;

    if (port->state != ADAPTER_GONE && change->routine != NULL) {
        hold_start_io(port, &hold);
        entry_begin(&frame, port, ENTRY_STATE_CHANGE, 0, NULL);
        change->routine(port->extension, change->context, STOR_ADDRESS_TYPE_BTL8, &change->address,
                        0);
        entry_end(&frame);
        drop_start_io(port, &hold);
    }
    free(change);
}

void state_change_tell(struct port *port, PSTOR_ADDRESS address, PHW_STATE_CHANGE routine,
                       PVOID context)
{
    struct state_change *change = calloc(1, sizeof(*change));

    if (change == NULL) {
        fatal("out of memory");
    }
    change->port = port;
    change->routine = routine;
    change->context = context;
    if (address != NULL) {
        memcpy(&change->address, address, sizeof(change->address));
    }
    change->work = (struct cpu_work){
        .irql = IRQL_DISPATCH, .run = run_state_change, .context = change, .name = "HwStateChange"};
    cpu_queue(0, &change->work);
}
