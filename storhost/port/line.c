/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the device calls, and its interrupt line: as long as the device holds the level, HwInterrupt
 * is called again; the line may be shared (another device's interrupt reaches this driver too), and
 * there may be interrupts without cause. It arrives at any preemption point, also when HwInitialize
 * has just returned.
 */
#include "port/internal.h"

/* So many calls in a row that nobody claims while the level stays: Windows hangs there. */
#define UNCLAIMED_MAXIMUM 10000

void line_queue(struct port *port)
{
    if (!atomic_exchange(&port->line_queued, true)) {
        cpu_queue(0, &port->line_work);
    }
}

static void run_line(void *context)
{
    struct port *port = context;
    struct frame frame;
    bool claimed;
    uint8_t old;

    atomic_store(&port->line_queued, false);
    atomic_store(&port->line_stray, false);
    if (!port->connected || port->messages != 0 || port->line_masked ||
        port->entries.interrupt == NULL) {
        return;
    }
    old = port_lock_acquire(port, &port->interrupt_lock);
    __atomic_fetch_add(&port->counters.interrupts, 1, __ATOMIC_RELAXED);
    entry_begin(&frame, port, ENTRY_INTERRUPT, 0, NULL);
    claimed = port->entries.interrupt(port->extension) != FALSE;
    entry_end(&frame);
    port_lock_release(port, &port->interrupt_lock, old);
    if (!atomic_load(&port->line_level)) {
        port->line_unclaimed = 0;
        return;
    }
    port->line_unclaimed = claimed ? 0 : port->line_unclaimed + 1;
    if (port->line_unclaimed > UNCLAIMED_MAXIMUM) {
        violation(RULE_CRASH,
                  "the device holds its interrupt line and HwInterrupt has not claimed "
                  "it %u times in a row: the system hangs",
                  UNCLAIMED_MAXIMUM);
    }
    line_queue(port);
}

/* ---- from the device: any thread ------------------------------------------------------------- */

static void on_message(void *context, unsigned vector)
{
    struct port *port = context;

    if (port->model->message != NULL) {
        port->model->message(port, vector);
    }
}

static void on_line(void *context, bool asserted)
{
    struct port *port = context;

    atomic_store(&port->line_level, asserted);
    if (asserted && port->connected) {
        line_queue(port);
    }
}

static void on_died(void *context, const char *why)
{
    (void)context;
    fatal("the device is gone: %s", why);
}

void device_events_set(struct port *port)
{
    struct device_events events = {
        .message = on_message, .line = on_line, .died = on_died, .context = port};

    device_set_events(port->device, &events);
}

/* ---- set-up -------------------------------------------------------------------------------- */

void line_init(struct port *port)
{
    port->line_work = (struct cpu_work){
        .irql = IRQL_DEVICE, .run = run_line, .context = port, .name = "HwInterrupt"};
}

void interrupts_connected(struct port *port)
{
    port->connected = true;
    if (atomic_load(&port->line_level) && port->messages == 0) {
        line_queue(port);
    }
}

void interrupts_disconnect(struct port *port)
{
    port->connected = false;
}

void interrupts_stray(struct port *port)
{
    bool shared = port->options.shared_line && port->messages == 0;

    if (!port->connected || (!shared && !port->options.spurious_interrupts) ||
        port_random(port, 16) != 0) {
        return;
    }
    if (port->messages == 0) {
        line_queue(port);
    } else {
        port->model->message(port, port_random(port, port->messages));
    }
}
