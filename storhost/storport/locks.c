/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The locks that a StorPort miniport takes itself: StorPortAcquireSpinLock and its kind, and what
 * the reference forbids of them beyond the order (port/locks.c).
 */
#include "storport/internal.h"
#include "storport/exports.h"

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
    if (port_lock_innermost() != lock || lock == NULL) {
        violation(RULE_LOCK_ORDER, "StorPortReleaseSpinLock: lock %d of this handle %s",
                  (int)handle->Lock,
                  port_locks_held() == 0 ? "is not held" : "is not the one that was taken last");
    }
    handle->Context.LockQueue.Lock = NULL;
    port_lock_release(port, lock, handle->Context.OldIrql);
}

BOOLEAN NTAPI sp_synchronize_access(PVOID extension, PSTOR_SYNCHRONIZED_ACCESS routine,
                                    PVOID context)
{
    EXPORT_ENTER("StorPortSynchronizeAccess", extension, IRQL_DEVICE);
    struct frame frame;
    uint8_t old = port_lock_acquire(port, &port->interrupt_lock);
    BOOLEAN result;

    entry_begin(&frame, port, ENTRY_SYNCHRONIZED, 0, NULL);
    result = routine(extension, context);
    entry_end(&frame);
    port_lock_release(port, &port->interrupt_lock, old);
    export_leave();
    return result;
}

/* The lock of a message; violation for a message that was not granted. */
static struct port_lock *message_lock(struct port *port, uint32_t number, const char *function)
{
    if (number >= port->storport->message_count) {
        violation(RULE_ARGUMENT, "%s: message %u; %u were granted", function, number,
                  port->storport->message_count);
    }
    return port->storport->messages[number].lock;
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
