/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The one timer of RequestTimerCall: HwTimer, once per call, under the locks that HwStartIo has.
 */
#include "port/internal.h"

static void run_hw_timer(void *context)
{
    struct port *port = context;
    port_timer_routine routine = port->timer_routine;
    struct start_io_hold hold = {0};
    struct frame frame;

    atomic_store(&port->timer_queued, false);
    if (routine == NULL || port->state == ADAPTER_GONE) {
        return;
    }
    port->timer_routine = NULL; /* it runs once per call */
    hold_start_io(port, &hold);
    entry_begin(&frame, port, ENTRY_TIMER, 0, NULL);
    routine(port->extension);
    entry_end(&frame);
    drop_start_io(port, &hold);
}

static void hw_timer_fired(void *context)
{
    struct port *port = context;

    if (!atomic_exchange(&port->timer_queued, true)) {
        cpu_queue(0, &port->timer_work);
    }
}

void timers_init(struct port *port)
{
    port->timer.fire = hw_timer_fired;
    port->timer.context = port;
    port->timer_work = (struct cpu_work){
        .irql = IRQL_DISPATCH, .run = run_hw_timer, .context = port, .name = "HwTimer"};
}

void timer_request(struct port *port, port_timer_routine routine, ULONG microseconds)
{
    port->timer_routine = microseconds == 0 ? NULL : routine;
    clock_arm(&port->timer, microseconds);
}

void timers_stop(struct port *port)
{
    port->timer_routine = NULL;
    clock_arm(&port->timer, 0);
    clock_arm(&port->request_timer, 0);
}
