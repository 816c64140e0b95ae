/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * MSI-X messages: each is an edge; edges that come before the routine has started are one. They
 * arrive on any processor at any preemption point, also while HwInitialize has just returned.
 *
 * Whether messages are used is decided as Windows does: the bus grants vectors before
 * HwFindAdapter; if the driver then sets no HwMSInterruptRoutine, the line is used.
 */
#include "storport/internal.h"
#include "storport/exports.h"

#include "machine/cpu_groups.h"
#include "port/readings.h"

#include <stdlib.h>

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
    config_of(port)->HwMSInterruptRoutine(port->extension, message->number);
    entry_end(&frame);
    port_lock_release(port, message->lock, old);
}

void message_raise(struct port *port, unsigned number)
{
    if (port->connected && number < port->storport->message_count &&
        !atomic_exchange(&port->storport->messages[number].pending, true)) {
        cpu_queue(port->storport->messages[number].processor,
                  &port->storport->messages[number].work);
    }
}

/* ---- set-up ---------------------------------------------------------------------------------- */

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
    free(port->storport->messages);
    port->storport->messages = calloc(granted + 1, sizeof(*port->storport->messages));
    if (port->storport->messages == NULL) {
        fatal("out of memory");
    }
    port->storport->message_count = granted;
}

/* Messages that the driver does not take are given back: the line it is. */
static void choose_mode(struct port *port)
{
    PHW_MESSAGE_SIGNALED_INTERRUPT_ROUTINE routine = CONFIG_FIELD(port, HwMSInterruptRoutine, NULL);
    INTERRUPT_SYNCHRONIZATION_MODE mode =
        CONFIG_FIELD(port, InterruptSynchronizationMode, InterruptSupportNone);

    if (routine == NULL || mode == InterruptSupportNone) {
        if (port->storport->message_count != 0) {
            port->device->ops->set_message_vectors(port->device, 0);
        }
        port->storport->message_count = 0;
    }
    port->storport->per_message = mode == InterruptSynchronizePerMessage;
}

unsigned message_processors(void)
{
    if (cpu_group_count() == 1 || reading_is(READING_GROUP_MESSAGES)) {
        return cpu_count();
    }
    return cpu_group_size();
}

void interrupts_connect(struct port *port)
{
    choose_mode(port);
    for (unsigned i = 0; i < port->storport->message_count; i++) {
        struct message *message = &port->storport->messages[i];

        message->port = port;
        message->number = i;
        message->processor = i % message_processors();
        message->work = (struct cpu_work){.irql = IRQL_DEVICE,
                                          .run = run_message,
                                          .context = message,
                                          .name = "HwMSInterruptRoutine"};
        if (message->lock == NULL) {
            if (port->storport->per_message) {
                port_lock_init(port, &message->own_lock, LOCK_INTERRUPT, "message");
            }
            message->lock =
                port->storport->per_message ? &message->own_lock : &port->interrupt_lock;
        }
    }
    port->messages = port->storport->message_count;
    interrupts_connected(port);
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
    if (number >= port->storport->message_count) {
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
