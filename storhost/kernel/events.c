/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Events and waiting. A KEVENT begins with a dispatcher header: its type in the first byte, its
 * state in the second 32-bit word. A waiting processor runs other work meanwhile; a wait without
 * end is a violation after half a minute of real time.
 */
#include <time.h>

#include "kernel/kernel_internal.h"
#include "machine/clock.h"

#define WAIT_LIMIT_SECONDS 30

enum event_type {
    EVENT_NOTIFICATION,
    EVENT_SYNCHRONIZATION
};

struct event {
    UCHAR type;
    UCHAR reserved[3];
    LONG signalled;
    LIST_ENTRY waiters;
};

static VOID NTAPI initialize_event(struct event *event, int type, BOOLEAN state)
{
    SERVES("KeInitializeEvent");

    event->type = (UCHAR)type;
    event->signalled = state;
    event->waiters.Flink = &event->waiters;
    event->waiters.Blink = &event->waiters;
}

static LONG NTAPI set_event(struct event *event, LONG increment, BOOLEAN wait)
{
    SERVES("KeSetEvent");

    (void)increment;
    kernel_require_irql(wait ? IRQL_APC : IRQL_DISPATCH, "KeSetEvent");
    return __atomic_exchange_n(&event->signalled, 1, __ATOMIC_SEQ_CST);
}

static LONG NTAPI reset_event(struct event *event)
{
    SERVES("KeResetEvent");

    kernel_require_irql(IRQL_DISPATCH, "KeResetEvent");
    return __atomic_exchange_n(&event->signalled, 0, __ATOMIC_SEQ_CST);
}

static VOID NTAPI clear_event(struct event *event)
{
    SERVES("KeClearEvent");

    kernel_require_irql(IRQL_DISPATCH, "KeClearEvent");
    __atomic_store_n(&event->signalled, 0, __ATOMIC_SEQ_CST);
}

static LONG NTAPI read_event(const struct event *event)
{
    SERVES("KeReadStateEvent");

    return __atomic_load_n(&event->signalled, __ATOMIC_SEQ_CST);
}

/* Takes the signal of an event if it has one. */
static bool take_signal(struct event *event)
{
    LONG one = 1;

    if (event->type == EVENT_SYNCHRONIZATION) {
        return __atomic_compare_exchange_n(&event->signalled, &one, 0, false, __ATOMIC_SEQ_CST,
                                           __ATOMIC_SEQ_CST);
    }
    return __atomic_load_n(&event->signalled, __ATOMIC_SEQ_CST) != 0;
}

/* Microseconds that a timeout means from now: negative counts from now, else it is a time. */
static uint64_t timeout_microseconds(const LARGE_INTEGER *timeout)
{
    uint64_t now = kernel_system_time();

    if (timeout->QuadPart < 0) {
        return (0 - (uint64_t)timeout->QuadPart + 9) / 10;
    }
    return (uint64_t)timeout->QuadPart > now ? ((uint64_t)timeout->QuadPart - now + 9) / 10 : 0;
}

static time_t real_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

static NTSTATUS NTAPI wait_for_object(struct event *event, int reason, char mode, BOOLEAN alertable,
                                      const LARGE_INTEGER *timeout)
{
    const uint64_t step = 100; /* microseconds between looks */
    time_t begin = real_seconds();
    uint64_t left;
    SERVES("KeWaitForSingleObject");

    (void)reason;
    (void)mode;
    (void)alertable;
    kernel_require_irql(timeout != NULL && timeout->QuadPart == 0 ? IRQL_DISPATCH : IRQL_APC,
                        "KeWaitForSingleObject");
    if (event->type > EVENT_SYNCHRONIZATION) {
        violation(RULE_ARGUMENT,
                  "KeWaitForSingleObject on an object of type %u; here it waits for "
                  "events",
                  event->type);
    }
    left = timeout != NULL ? timeout_microseconds(timeout) : UINT64_MAX;
    while (!take_signal(event)) {
        uint64_t part = left < step ? left : step;

        if (left == 0) {
            return STATUS_TIMEOUT;
        }
        cpu_preemption_point();
        cpu_relax();
        if (timeout != NULL) {
            clock_stall(part);
            left -= part;
        }
        if (real_seconds() - begin > WAIT_LIMIT_SECONDS) {
            violation(RULE_STALL,
                      "KeWaitForSingleObject waits for an event that nobody sets (%d "
                      "seconds)",
                      WAIT_LIMIT_SECONDS);
        }
    }
    return STATUS_SUCCESS;
}

static NTSTATUS NTAPI delay_thread(char mode, BOOLEAN alertable, const LARGE_INTEGER *interval)
{
    uint64_t microseconds;
    SERVES("KeDelayExecutionThread");

    (void)mode;
    (void)alertable;
    kernel_require_irql(IRQL_APC, "KeDelayExecutionThread");
    microseconds = timeout_microseconds(interval);
    cpu_preemption_point();
    clock_stall(microseconds);
    cpu_preemption_point();
    return STATUS_SUCCESS;
}

static const struct kernel_export exports[] = {
    KERNEL_EXPORT(KeInitializeEvent, initialize_event),
    KERNEL_EXPORT(KeSetEvent, set_event),
    KERNEL_EXPORT(KeResetEvent, reset_event),
    KERNEL_EXPORT(KeClearEvent, clear_event),
    KERNEL_EXPORT(KeReadStateEvent, read_event),
    KERNEL_EXPORT(KeWaitForSingleObject, wait_for_object),
    KERNEL_EXPORT(KeDelayExecutionThread, delay_thread),
};

KERNEL_TABLE(kernel_events, exports);
