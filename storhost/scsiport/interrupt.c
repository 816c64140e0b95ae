/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * CallEnableInterrupts and CallDisableInterrupts: for adapters that need long to serve an interrupt.
 *
 * From CallEnableInterrupts on HwInterrupt is not called; the routine that it names runs at
 * DISPATCH_LEVEL, with system interrupts enabled. It asks for a second routine by
 * CallDisableInterrupts, which runs at DIRQL and lets the adapter interrupt again. Meanwhile, all
 * other entry points run at DISPATCH_LEVEL, too, still one at a time (reference of
 * ScsiPortNotification).
 */
#include "scsiport/internal.h"

static void call(struct port *port, enum entry_point entry, PHW_INTERRUPT routine)
{
    struct frame frame;

    entry_begin(&frame, port, entry, 0, NULL);
    (void)routine(port->extension);
    entry_end(&frame);
}

/* Takes a routine that is to be called. */
static PHW_INTERRUPT take(struct port *port, PHW_INTERRUPT *place)
{
    PHW_INTERRUPT routine;

    pthread_mutex_lock(&port->mutex);
    routine = *place;
    *place = NULL;
    pthread_mutex_unlock(&port->mutex);
    return routine;
}

/* The interrupt lock is free until the second routine runs: HwInterrupt is not called. */
static void run_callbacks(void *context)
{
    struct port *port = context;
    struct scsiport *own = port->scsiport;
    uint8_t old = port_lock_acquire(port, &port->start_io_lock), interrupt;
    PHW_INTERRUPT enable = take(port, &own->enable_routine), disable;

    if (enable != NULL && port->connected) {
        call(port, ENTRY_ENABLE_INTERRUPTS, enable);
    }
    disable = take(port, &own->disable_routine);
    if (disable != NULL && port->connected) {
        interrupt = port_lock_acquire(port, &port->interrupt_lock);
        call(port, ENTRY_DISABLE_INTERRUPTS, disable);
        port->line_masked = false;
        port->half_duplex = true;
        port_lock_release(port, &port->interrupt_lock, interrupt);
    }
    port_lock_release(port, &port->start_io_lock, old);
    if (!port->line_masked && atomic_load(&port->line_level)) {
        line_queue(port);
    }
}

void callbacks_init(struct port *port)
{
    port->scsiport->callback_work = (struct cpu_work){.irql = IRQL_DISPATCH,
                                                      .run = run_callbacks,
                                                      .context = port,
                                                      .name = "HwScsiEnableInterruptsCallback"};
}

static void ask(struct port *port, PHW_INTERRUPT *place, PHW_INTERRUPT routine, const char *name)
{
    bool queued;

    if (routine == NULL) {
        violation(RULE_ARGUMENT, "%s without a routine", name);
    }
    pthread_mutex_lock(&port->mutex);
    queued = port->scsiport->enable_routine != NULL || port->scsiport->disable_routine != NULL;
    *place = routine;
    pthread_mutex_unlock(&port->mutex);
    if (!queued && !entry_inside(ENTRY_ENABLE_INTERRUPTS)) {
        cpu_queue(cpu_current() < 0 ? 0 : (unsigned)cpu_current(), &port->scsiport->callback_work);
    }
}

void callback_enable(struct port *port, PHW_INTERRUPT routine)
{
    if (!entry_inside(ENTRY_INTERRUPT)) {
        violation(RULE_PHASE, "CallEnableInterrupts called outside of HwScsiInterrupt");
    }
    port->line_masked = true;
    port->half_duplex = false;
    ask(port, &port->scsiport->enable_routine, routine, "CallEnableInterrupts");
}

void callback_disable(struct port *port, PHW_INTERRUPT routine)
{
    if (!port->line_masked) {
        violation(RULE_PHASE, "CallDisableInterrupts without CallEnableInterrupts before");
    }
    ask(port, &port->scsiport->disable_routine, routine, "CallDisableInterrupts");
}
