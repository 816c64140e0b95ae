/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * StorPortStateChangeDetected and StorPortAsyncNotificationDetected. Both only queue their work
 * (reference: "scheduled for processing", "queued as a work item for deferred processing") and keep
 * the pointer to the unit's address until then; of the first the reference says that the address
 * "cannot change until the callback at HwStateChange is invoked". So it is read when the work is
 * done, by when entry_end() has overwritten the stack of whoever called, and must be what it was.
 */
#include "storport/internal.h"
#include "storport/exports.h"

#include <stdlib.h>
#include <string.h>

#include "machine/trap.h"

union unit_address {
    STOR_ADDR_BTL8 fields;
    uint8_t bytes[sizeof(STOR_ADDR_BTL8)];
};

struct state_change {
    struct port *port;
    struct cpu_work work;
    const char *service; /* that was called */
    PHW_STATE_CHANGE routine;
    PVOID context;
    const STOR_ADDR_BTL8 *address; /* the driver's memory */
    union unit_address at_the_call;
    bool one_at_a_time; /* port->storport->state_changing is this one's */
};

static void read_address(const struct state_change *change, union unit_address *address)
{
    trap_enter_export(change->service);
    memcpy(address, change->address, sizeof(*address));
    trap_leave_export();
}

/* What is found where the driver said that the address is. */
static void check_address(const struct state_change *change)
{
    union unit_address now;

    rule_checked(RULE_ARGUMENT);
    read_address(change, &now);
    if (memcmp(now.bytes, change->at_the_call.bytes, sizeof(now)) != 0) {
        violation(RULE_ARGUMENT,
                  "%s: the address at %p has changed before it was used; it must stay until the "
                  "work is done",
                  change->service, (const void *)change->address);
    }
}

/* Calls HwStateChange, where there is one. The next change can be told from within it. */
static void call_back(struct state_change *change)
{
    struct port *port = change->port;
    struct start_io_hold hold = {0};
    struct frame frame;

    if (change->routine == NULL) {
        return;
    }
    hold_start_io(port, &hold);
    entry_begin(&frame, port, ENTRY_STATE_CHANGE, 0, NULL);
    change->routine(port->extension, change->context, STOR_ADDRESS_TYPE_BTL8,
                    (PVOID)(uintptr_t)change->address, STOR_STATUS_SUCCESS);
    entry_end(&frame);
    drop_start_io(port, &hold);
}

static void run_state_change(void *context)
{
    struct state_change *change = context;
    struct port *port = change->port;

    if (port->state != ADAPTER_GONE) {
        check_address(change);
        if (change->one_at_a_time) {
            atomic_store(&port->storport->state_changing, false);
        }
        call_back(change);
    }
    free(change);
}

/* Queues the work for an address of the one type that StorPort's unit addresses have. */
static ULONG queue_change(const struct state_change *wanted, const char *name)
{
    struct state_change *change;

    if (wanted->address == NULL) {
        return STOR_STATUS_INVALID_PARAMETER;
    }
    change = malloc(sizeof(*change));
    if (change == NULL) {
        fatal("out of memory");
    }
    *change = *wanted;
    read_address(change, &change->at_the_call);
    if (change->at_the_call.fields.Type != STOR_ADDRESS_TYPE_BTL8) {
        free(change);
        return STOR_STATUS_INVALID_PARAMETER;
    }
    if (change->one_at_a_time && atomic_exchange(&change->port->storport->state_changing, true)) {
        free(change);
        return STOR_STATUS_UNSUCCESSFUL;
    }
    /* Behind all that this processor is in. */
    change->work = (struct cpu_work){
        .irql = IRQL_PASSIVE, .run = run_state_change, .context = change, .name = name};
    cpu_queue(cpu_current() >= 0 ? (unsigned)cpu_current() : 0, &change->work);
    return STOR_STATUS_SUCCESS;
}

ULONG state_change_tell(struct port *port, PSTOR_ADDRESS address, PHW_STATE_CHANGE routine,
                        PVOID context)
{
    return queue_change(&(struct state_change){.port = port,
                                               .service = "StorPortStateChangeDetected",
                                               .routine = routine,
                                               .context = context,
                                               .address = (const STOR_ADDR_BTL8 *)address,
                                               .one_at_a_time = true},
                        "HwStateChange");
}

ULONG async_notification_tell(struct port *port, PSTOR_ADDRESS address)
{
    return queue_change(&(struct state_change){.port = port,
                                               .service = "StorPortAsyncNotificationDetected",
                                               .address = (const STOR_ADDR_BTL8 *)address},
                        "asynchronous notification");
}
