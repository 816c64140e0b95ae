/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The locks that StorPort and its miniport share: the StartIo lock, the interrupt lock (or one per
 * MSI message) and a lock per DPC object, and the exports that take them.
 *
 * What is checked: no recursion; nothing but an interrupt-level lock's own kind of code below it
 * (the reference's order "DPC or StartIo, then interrupt"); of two locks that may be nested either
 * way, the driver keeps one way for good, or two processors could wait for each other; release of
 * what is held, in the reverse order; none where the reference of StorPortAcquireSpinLock forbids
 * it for the entry point.
 */
#include "storport/internal.h"
#include "storport/exports.h"

#include <string.h>

/* Locks that a processor holds, innermost last; interrupts nest on the same stack. */
#define HELD_MAXIMUM 32
static _Thread_local struct port_lock *held_locks[HELD_MAXIMUM];
static _Thread_local unsigned held_count;

unsigned port_locks_held(void)
{
    return held_count;
}

bool port_lock_class_held(enum lock_class class)
{
    for (unsigned i = 0; i < held_count; i++) {
        if (held_locks[i]->class == class) {
            return true;
        }
    }
    return false;
}

void port_lock_init(struct port *port, struct port_lock *lock, enum lock_class class,
                    const char *name)
{
    uint8_t irql = class == LOCK_INTERRUPT ? IRQL_DEVICE : IRQL_DISPATCH;

    if (port->lock_count == LOCKS_MAXIMUM) {
        fatal("the driver has more than %u locks: raise LOCKS_MAXIMUM", LOCKS_MAXIMUM);
    }
    lock->class = class;
    lock->index = port->lock_count;
    port->lock_names[port->lock_count++] = name;
    /* The order among these is checked here: cpu_lock's ranks cannot say "either way". */
    cpu_lock_init(&lock->lock, name, irql, 0);
}

/* Whether `lock` may be taken now by a processor that holds `outer`. */
static void check_order(struct port *port, const struct port_lock *outer,
                        const struct port_lock *lock)
{
    if (outer == lock) {
        violation(RULE_LOCK_RECURSION, "the %s lock is taken by the processor that holds it",
                  lock->lock.name);
    }
    if (outer->class == LOCK_INTERRUPT && lock->class != LOCK_PRIVATE) {
        violation(RULE_LOCK_ORDER,
                  "the %s lock is taken under the %s lock; the order is DPC or StartIo, then "
                  "interrupt",
                  lock->lock.name, outer->lock.name);
    }
    if (atomic_load(&port->lock_order[lock->index][outer->index]) != 0) {
        violation(RULE_LOCK_ORDER,
                  "the %s lock is taken under the %s lock; before, it was the other way round",
                  lock->lock.name, outer->lock.name);
    }
    atomic_store(&port->lock_order[outer->index][lock->index], 1);
}

uint8_t port_lock_acquire(struct port *port, struct port_lock *lock)
{
    uint8_t old;

    rule_checked(RULE_LOCK_ORDER);
    rule_checked(RULE_LOCK_RECURSION);
    for (unsigned i = 0; i < held_count; i++) {
        check_order(port, held_locks[i], lock);
    }
    if (cpu_irql() > lock->lock.irql) {
        violation(RULE_IRQL, "the %s lock (IRQL %u) is taken at IRQL %u", lock->lock.name,
                  lock->lock.irql, cpu_irql());
    }
    old = cpu_lock_acquire(&lock->lock);
    if (held_count == HELD_MAXIMUM) {
        fatal("more than %u locks held at once", HELD_MAXIMUM);
    }
    held_locks[held_count++] = lock;
    return old;
}

void port_lock_release(struct port *port, struct port_lock *lock, uint8_t old_irql)
{
    (void)port;
    if (held_count == 0 || held_locks[held_count - 1] != lock) {
        violation(RULE_LOCK_ORDER, "the %s lock is released; %s", lock->lock.name,
                  cpu_lock_held(&lock->lock) ? "another one was taken after it and is still held"
                                             : "this processor does not hold it");
    }
    held_count--;
    cpu_lock_release(&lock->lock, old_irql);
}

void hold_start_io(struct port *port, struct start_io_hold *hold)
{
    hold->start_io_irql = port_lock_acquire(port, &port->start_io_lock);
    if (port->half_duplex) {
        hold->interrupt_irql = port_lock_acquire(port, &port->interrupt_lock);
    }
}

void drop_start_io(struct port *port, struct start_io_hold *hold)
{
    if (port->half_duplex) {
        port_lock_release(port, &port->interrupt_lock, hold->interrupt_irql);
    }
    port_lock_release(port, &port->start_io_lock, hold->start_io_irql);
}

/* ---- services -------------------------------------------------------------------------------- */

/*
 * Entry points for which the reference of StorPortAcquireSpinLock allows no lock at all. Those
 * that are called with the interrupt lock held are caught by the order.
 */
static void check_entry(const char *function)
{
    if (entry_inside(ENTRY_FIND_ADAPTER) || entry_inside(ENTRY_PASSIVE_INITIALIZE) ||
        entry_inside(ENTRY_DRIVER_ENTRY)) {
        violation(RULE_PHASE, "%s called in %s: no lock may be taken there", function,
                  entry_name(entry_current()->entry));
    }
}

/* The lock that the driver names. */
static struct port_lock *lock_named(struct port *port, STOR_SPINLOCK which, const void *context)
{
    struct dpc *dpc;

    switch (which) {
    case StartIoLock:
        return &port->start_io_lock;
    case InterruptLock:
        return &port->interrupt_lock;
    case DpcLock:
    case ThreadedDpcLock:
    case DpcLevelLock:
        dpc = dpc_find(port, context);
        if (dpc == NULL) {
            violation(RULE_ARGUMENT,
                      "a DPC lock is asked for with the context %p, which is no "
                      "initialized STOR_DPC",
                      context);
        }
        return &dpc->lock;
    }
    violation(RULE_ARGUMENT, "spin lock %d does not exist", (int)which);
}

void lock_acquire(struct port *port, STOR_SPINLOCK which, PVOID context, PSTOR_LOCK_HANDLE handle)
{
    struct port_lock *lock;

    check_entry("StorPortAcquireSpinLock");
    if (handle == NULL) {
        violation(RULE_ARGUMENT, "StorPortAcquireSpinLock with no lock handle");
    }
    if (which != DpcLock && which != ThreadedDpcLock && which != DpcLevelLock && context != NULL) {
        violation(RULE_ARGUMENT, "StorPortAcquireSpinLock: LockContext must be NULL for lock %d",
                  (int)which);
    }
    lock = lock_named(port, which, context);
    if (which == DpcLevelLock && cpu_irql() != IRQL_DISPATCH) {
        violation(RULE_IRQL, "DpcLevelLock is taken at IRQL %u, not at DISPATCH_LEVEL", cpu_irql());
    }
    handle->Context.OldIrql = port_lock_acquire(port, lock);
    handle->Lock = which;
    handle->Context.LockQueue.Next = NULL;
    handle->Context.LockQueue.Lock = lock;
}

void lock_release(struct port *port, PSTOR_LOCK_HANDLE handle)
{
    struct port_lock *lock;

    if (handle == NULL) {
        violation(RULE_ARGUMENT, "StorPortReleaseSpinLock with no lock handle");
    }
    lock = handle->Context.LockQueue.Lock;
    if (held_count == 0 || held_locks[held_count - 1] != lock) {
        violation(RULE_LOCK_ORDER, "StorPortReleaseSpinLock: lock %d of this handle %s",
                  (int)handle->Lock,
                  held_count == 0 ? "is not held" : "is not the one that was taken last");
    }
    handle->Context.LockQueue.Lock = NULL;
    port_lock_release(port, lock, handle->Context.OldIrql);
}

VOID NTAPI sp_synchronize_access(PVOID extension, PSTOR_SYNCHRONIZED_ACCESS routine, PVOID context)
{
    EXPORT_ENTER("StorPortSynchronizeAccess", extension, IRQL_DEVICE);
    struct frame frame;
    uint8_t old = port_lock_acquire(port, &port->interrupt_lock);

    entry_begin(&frame, port, ENTRY_SYNCHRONIZED, 0, NULL);
    routine(extension, context);
    entry_end(&frame);
    port_lock_release(port, &port->interrupt_lock, old);
    export_leave();
}

/* The lock of a message; violation for a message that was not granted. */
static struct port_lock *message_lock(struct port *port, uint32_t number, const char *function)
{
    if (number >= port->message_count) {
        violation(RULE_ARGUMENT, "%s: message %u; %u were granted", function, number,
                  port->message_count);
    }
    return port->messages[number].lock;
}

ULONG ext_acquire_msi_lock(struct port *port, const uint64_t *a)
{
    struct port_lock *lock = message_lock(port, (uint32_t)a[0], "StorPortAcquireMSISpinLock");

    check_entry("StorPortAcquireMSISpinLock");
    *(ULONG *)(uintptr_t)a[1] = port_lock_acquire(port, lock);
    return STOR_STATUS_SUCCESS;
}

ULONG ext_release_msi_lock(struct port *port, const uint64_t *a)
{
    struct port_lock *lock = message_lock(port, (uint32_t)a[0], "StorPortReleaseMSISpinLock");

    port_lock_release(port, lock, (uint8_t)a[1]);
    return STOR_STATUS_SUCCESS;
}

ULONG ext_acquire_spin_lock(struct port *port, const uint64_t *a)
{
    lock_acquire(port, (STOR_SPINLOCK)a[0], (PVOID)(uintptr_t)a[1],
                 (PSTOR_LOCK_HANDLE)(uintptr_t)a[2]);
    return STOR_STATUS_SUCCESS;
}
