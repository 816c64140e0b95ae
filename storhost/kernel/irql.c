/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * IRQL and spin locks. A KSPIN_LOCK is the driver's memory: 0 when free, otherwise the number of
 * the holding processor plus one, so that taking it twice and releasing what is not held is seen.
 */
#include "kernel/kernel_internal.h"

static UCHAR NTAPI current_irql(VOID)
{
    return cpu_irql();
}

static UCHAR FASTCALL raise_irql(UCHAR irql)
{
    return cpu_raise(irql);
}

static VOID NTAPI raise_irql_out(UCHAR irql, PUCHAR old)
{
    *old = cpu_raise(irql);
}

static UCHAR NTAPI raise_to_dispatch(VOID)
{
    return cpu_raise(IRQL_DISPATCH);
}

static VOID NTAPI lower_irql(UCHAR irql)
{
    cpu_lower(irql);
}

static VOID FASTCALL lower_irql_fast(UCHAR irql)
{
    cpu_lower(irql);
}

static ULONG_PTR my_mark(void)
{
    return (ULONG_PTR)(cpu_current() + 1);
}

static void take(ULONG_PTR *lock, const char *function)
{
    rule_checked(RULE_LOCK_RECURSION);
    for (;;) {
        ULONG_PTR holder = 0;

        if (__atomic_compare_exchange_n(lock, &holder, my_mark(), false, __ATOMIC_ACQUIRE,
                                        __ATOMIC_RELAXED)) {
            return;
        }
        if (holder == my_mark()) {
            violation(RULE_LOCK_RECURSION, "%s of the spin lock at %p, which this processor holds",
                      function, (void *)lock);
        }
        if (holder > CPU_MAXIMUM) {
            violation(RULE_MEMORY,
                      "%s of the spin lock at %p, which was not initialised or was "
                      "overwritten (0x%llx)",
                      function, (void *)lock, (unsigned long long)holder);
        }
        cpu_relax();
    }
}

static void give_back(ULONG_PTR *lock, const char *function)
{
    SERVES(function);

    if (cpu_irql() != IRQL_DISPATCH) {
        violation(RULE_IRQL, "%s at IRQL %u; its reference demands DISPATCH_LEVEL", function,
                  cpu_irql());
    }
    if (__atomic_load_n(lock, __ATOMIC_RELAXED) != my_mark()) {
        violation(RULE_LOCK_ORDER, "%s of the spin lock at %p, which this processor does not hold",
                  function, (void *)lock);
    }
    __atomic_store_n(lock, 0, __ATOMIC_RELEASE);
}

static VOID NTAPI initialize_lock(ULONG_PTR *lock)
{
    SERVES("KeInitializeSpinLock");

    *lock = 0;
}

static UCHAR FASTCALL acquire_raise_to_dispatch(ULONG_PTR *lock)
{
    UCHAR old;
    SERVES("KeAcquireSpinLock");

    kernel_require_irql(IRQL_DISPATCH, "KeAcquireSpinLock");
    old = cpu_raise(IRQL_DISPATCH);
    take(lock, "KeAcquireSpinLock");
    return old;
}

static VOID NTAPI acquire_out(ULONG_PTR *lock, PUCHAR old)
{
    *old = acquire_raise_to_dispatch(lock);
}

static VOID NTAPI acquire_at_dispatch(ULONG_PTR *lock)
{
    SERVES("KeAcquireSpinLockAtDpcLevel");

    if (cpu_irql() < IRQL_DISPATCH) {
        violation(RULE_IRQL,
                  "KeAcquireSpinLockAtDpcLevel at IRQL %u; its reference demands "
                  "DISPATCH_LEVEL or above",
                  cpu_irql());
    }
    take(lock, "KeAcquireSpinLockAtDpcLevel");
}

static VOID FASTCALL acquire_at_dispatch_fast(ULONG_PTR *lock)
{
    acquire_at_dispatch(lock);
}

static BOOLEAN FASTCALL try_acquire_at_dispatch(ULONG_PTR *lock)
{
    ULONG_PTR holder = 0;
    SERVES("KeTryToAcquireSpinLockAtDpcLevel");

    if (cpu_irql() < IRQL_DISPATCH) {
        violation(RULE_IRQL,
                  "KeTryToAcquireSpinLockAtDpcLevel at IRQL %u; its reference demands "
                  "DISPATCH_LEVEL or above",
                  cpu_irql());
    }
    return __atomic_compare_exchange_n(lock, &holder, my_mark(), false, __ATOMIC_ACQUIRE,
                                       __ATOMIC_RELAXED);
}

static BOOLEAN FASTCALL test_lock(const ULONG_PTR *lock)
{
    SERVES("KeTestSpinLock");

    return __atomic_load_n(lock, __ATOMIC_RELAXED) == 0;
}

static VOID NTAPI release_lock(ULONG_PTR *lock, UCHAR old)
{
    give_back(lock, "KeReleaseSpinLock");
    cpu_lower(old);
}

static VOID FASTCALL release_lock_fast(ULONG_PTR *lock, UCHAR old)
{
    release_lock(lock, old);
}

static VOID NTAPI release_from_dispatch(ULONG_PTR *lock)
{
    give_back(lock, "KeReleaseSpinLockFromDpcLevel");
}

static VOID FASTCALL release_from_dispatch_fast(ULONG_PTR *lock)
{
    release_from_dispatch(lock);
}

/* Queued spin locks: the handle (KLOCK_QUEUE_HANDLE) keeps the lock at its second pointer and the
 * old IRQL behind it. */
struct queued_lock_handle {
    PVOID next;
    ULONG_PTR *lock;
    UCHAR old_irql;
};

static VOID FASTCALL acquire_queued(ULONG_PTR *lock, struct queued_lock_handle *handle)
{
    SERVES("KeAcquireInStackQueuedSpinLock");

    handle->lock = lock;
    handle->old_irql = acquire_raise_to_dispatch(lock);
}

static VOID FASTCALL acquire_queued_at_dispatch(ULONG_PTR *lock, struct queued_lock_handle *handle)
{
    SERVES("KeAcquireInStackQueuedSpinLockAtDpcLevel");

    handle->lock = lock;
    handle->old_irql = IRQL_DISPATCH;
    acquire_at_dispatch(lock);
}

static VOID FASTCALL release_queued(struct queued_lock_handle *handle)
{
    SERVES("KeReleaseInStackQueuedSpinLock");

    give_back(handle->lock, "KeReleaseInStackQueuedSpinLock");
    cpu_lower(handle->old_irql);
}

static VOID FASTCALL release_queued_from_dispatch(struct queued_lock_handle *handle)
{
    SERVES("KeReleaseInStackQueuedSpinLockFromDpcLevel");

    give_back(handle->lock, "KeReleaseInStackQueuedSpinLockFromDpcLevel");
}

static const struct kernel_export exports[] = {
    KERNEL_EXPORT(KeGetCurrentIrql, current_irql),
    KERNEL_EXPORT(KfRaiseIrql, raise_irql),
    KERNEL_EXPORT(KeRaiseIrql, raise_irql_out),
    KERNEL_EXPORT(KeRaiseIrqlToDpcLevel, raise_to_dispatch),
    KERNEL_EXPORT(KeLowerIrql, lower_irql),
    KERNEL_EXPORT(KfLowerIrql, lower_irql_fast),
    KERNEL_EXPORT(KeInitializeSpinLock, initialize_lock),
    KERNEL_EXPORT(KeAcquireSpinLock, acquire_out),
    KERNEL_EXPORT(KeAcquireSpinLockRaiseToDpc, acquire_raise_to_dispatch),
    KERNEL_EXPORT(KfAcquireSpinLock, acquire_raise_to_dispatch),
    KERNEL_EXPORT(KeAcquireSpinLockAtDpcLevel, acquire_at_dispatch),
    KERNEL_EXPORT(KefAcquireSpinLockAtDpcLevel, acquire_at_dispatch_fast),
    KERNEL_EXPORT(KeTryToAcquireSpinLockAtDpcLevel, try_acquire_at_dispatch),
    KERNEL_EXPORT(KeTestSpinLock, test_lock),
    KERNEL_EXPORT(KeReleaseSpinLock, release_lock),
    KERNEL_EXPORT(KfReleaseSpinLock, release_lock_fast),
    KERNEL_EXPORT(KeReleaseSpinLockFromDpcLevel, release_from_dispatch),
    KERNEL_EXPORT(KefReleaseSpinLockFromDpcLevel, release_from_dispatch_fast),
    KERNEL_EXPORT(KeAcquireInStackQueuedSpinLock, acquire_queued),
    KERNEL_EXPORT(KeAcquireInStackQueuedSpinLockAtDpcLevel, acquire_queued_at_dispatch),
    KERNEL_EXPORT(KeReleaseInStackQueuedSpinLock, release_queued),
    KERNEL_EXPORT(KeReleaseInStackQueuedSpinLockFromDpcLevel, release_queued_from_dispatch),
};

KERNEL_TABLE(kernel_irql, exports);
