/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Interrupts: a line with level semantics, or MSI-X messages.
 *
 * Line: as long as the device holds the level, HwInterrupt is called again; the line may be shared
 * (another device's interrupt reaches this driver too) and there may be interrupts without cause.
 * Messages: each is an edge; edges that come before the routine has started are one. Both may
 * arrive on any processor at any preemption point, also while HwInitialize has just returned.
 *
 * Whether messages are used is decided as Windows does: the bus grants vectors before
 * HwFindAdapter; if the driver then sets no HwMSInterruptRoutine, the line is used.
 */
#include "storport/internal.h"
#include "storport/exports.h"

#include <stdlib.h>

/* So many calls in a row that nobody claims while the level stays: Windows hangs there. */
#define UNCLAIMED_MAXIMUM 10000

static void run_message(void *context)
{
    struct message *message = context;
    struct port *port = message->port;
    struct frame frame;
    uint8_t old;

    atomic_store(&message->pending, false);
    if (!port->connected) {
        return;
    }
    old = port_lock_acquire(port, message->lock);
    __atomic_fetch_add(&port->counters.interrupts, 1, __ATOMIC_RELAXED);
    entry_begin(&frame, port, ENTRY_MESSAGE, message->number, NULL);
    port->config->HwMSInterruptRoutine(port->extension, message->number);
    entry_end(&frame);
    port_lock_release(port, message->lock, old);
}

static void raise_message(struct port *port, unsigned number)
{
    if (port->connected && number < port->message_count &&
        !atomic_exchange(&port->messages[number].pending, true)) {
        cpu_queue(port->messages[number].processor, &port->messages[number].work);
    }
}

static void queue_line(struct port *port)
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
    if (!port->connected || port->message_count != 0) {
        return;
    }
    old = port_lock_acquire(port, &port->interrupt_lock);
    __atomic_fetch_add(&port->counters.interrupts, 1, __ATOMIC_RELAXED);
    entry_begin(&frame, port, ENTRY_INTERRUPT, 0, NULL);
    claimed = port->init.HwInterrupt(port->extension) != FALSE;
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
    queue_line(port);
}

/* ---- from the device: any thread ------------------------------------------------------------- */

static void on_message(void *context, unsigned vector)
{
    raise_message(context, vector);
}

static void on_line(void *context, bool asserted)
{
    struct port *port = context;

    atomic_store(&port->line_level, asserted);
    if (asserted && port->connected) {
        queue_line(port);
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

/* ---- set-up ---------------------------------------------------------------------------------- */

void interrupts_init(struct port *port)
{
    port->line_work = (struct cpu_work){
        .irql = IRQL_DEVICE, .run = run_line, .context = port, .name = "HwInterrupt"};
}

void interrupts_assign(struct port *port)
{
    unsigned wanted = port->options.message_vectors;
    unsigned granted = 0;

    if (wanted > port->device->message_vectors) {
        wanted = port->device->message_vectors;
    }
    if (wanted > MESSAGES_MAXIMUM) {
        wanted = MESSAGES_MAXIMUM;
    }
    if (port->options.windows >= WINDOWS_VISTA) {
        granted = port->device->ops->set_message_vectors(port->device, wanted);
        granted = granted < wanted ? granted : wanted;
    }
    free(port->messages);
    port->messages = calloc(granted + 1, sizeof(*port->messages));
    if (port->messages == NULL) {
        fatal("out of memory");
    }
    port->message_count = granted;
}

/* Messages that the driver does not take are given back: the line it is. */
static void choose_mode(struct port *port)
{
    PHW_MESSAGE_SIGNALED_INTERRUPT_ROUTINE routine = CONFIG_FIELD(port, HwMSInterruptRoutine, NULL);
    INTERRUPT_SYNCHRONIZATION_MODE mode =
        CONFIG_FIELD(port, InterruptSynchronizationMode, InterruptSupportNone);

    if (routine == NULL || mode == InterruptSupportNone) {
        if (port->message_count != 0) {
            port->device->ops->set_message_vectors(port->device, 0);
        }
        port->message_count = 0;
    }
    port->per_message = mode == InterruptSynchronizePerMessage;
}

void interrupts_connect(struct port *port)
{
    choose_mode(port);
    for (unsigned i = 0; i < port->message_count; i++) {
        struct message *message = &port->messages[i];

        message->port = port;
        message->number = i;
        message->processor = i % cpu_count();
        message->work = (struct cpu_work){.irql = IRQL_DEVICE,
                                          .run = run_message,
                                          .context = message,
                                          .name = "HwMSInterruptRoutine"};
        if (message->lock == NULL) {
            if (port->per_message) {
                port_lock_init(port, &message->own_lock, LOCK_INTERRUPT, "message");
            }
            message->lock = port->per_message ? &message->own_lock : &port->interrupt_lock;
        }
    }
    port->connected = true;
    if (atomic_load(&port->line_level) && port->message_count == 0) {
        queue_line(port);
    }
}

void interrupts_disconnect(struct port *port)
{
    port->connected = false;
}

void interrupts_stray(struct port *port)
{
    bool shared = port->options.shared_line && port->message_count == 0;

    if (!port->connected || (!shared && !port->options.spurious_interrupts) ||
        port_random(port, 16) != 0) {
        return;
    }
    if (port->message_count == 0) {
        queue_line(port);
    } else {
        raise_message(port, port_random(port, port->message_count));
    }
}

/* ---- services -------------------------------------------------------------------------------- */

ULONG ext_get_msi_info(struct port *port, const uint64_t *a)
{
    uint32_t number = (uint32_t)a[0];
    MESSAGE_INTERRUPT_INFORMATION *info = (void *)(uintptr_t)a[1];

    if (info == NULL) {
        return STOR_STATUS_INVALID_PARAMETER;
    }
    if (port->state < ADAPTER_INITIALIZING) {
        return STOR_STATUS_UNSUCCESSFUL;
    }
    if (number >= port->message_count) {
        return STOR_STATUS_INVALID_PARAMETER;
    }
    *info = (MESSAGE_INTERRUPT_INFORMATION){.MessageId = number,
                                            .MessageData = 0x4900 + number,
                                            .MessageAddress.QuadPart = 0xfee00000,
                                            .InterruptVector = 0x50 + number,
                                            .InterruptLevel = IRQL_DEVICE,
                                            .InterruptMode = Latched};
    return STOR_STATUS_SUCCESS;
}
