/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Time, from the bench's clock. The performance counter counts 100-nanosecond units and is a bit
 * later at each reading, so that a loop that polls it ends also while the clock stands still.
 */
#include <stdatomic.h>

#include "kernel/kernel_internal.h"
#include "machine/clock.h"

#define UNITS_PER_MICROSECOND 10u
/* 2026-01-01 00:00 UTC in 100-nanosecond units since 1601: when each run begins, so that runs can
 * be repeated. */
#define START_OF_TIME 134116992000000000ull

static atomic_ullong last_count;

uint64_t kernel_interrupt_time(void)
{
    return clock_now() * UNITS_PER_MICROSECOND;
}

uint64_t kernel_system_time(void)
{
    return START_OF_TIME + kernel_interrupt_time();
}

static LARGE_INTEGER NTAPI performance_counter(LARGE_INTEGER *frequency)
{
    unsigned long long last = atomic_load(&last_count);
    unsigned long long count;
    LARGE_INTEGER result;
    SERVES("KeQueryPerformanceCounter");

    do {
        count = kernel_interrupt_time();
        if (count <= last) {
            count = last + 1;
        }
    } while (!atomic_compare_exchange_weak(&last_count, &last, count));
    if (frequency != NULL) {
        frequency->QuadPart = 1000000ll * UNITS_PER_MICROSECOND;
    }
    result.QuadPart = (LONGLONG)count;
    return result;
}

/* Windows counts time in clock ticks; the precise variants in between. */
static uint64_t whole_ticks(uint64_t time)
{
    return time - time % KERNEL_TICK;
}

static VOID NTAPI query_system_time(LARGE_INTEGER *time)
{
    SERVES("KeQuerySystemTime");

    time->QuadPart = (LONGLONG)(START_OF_TIME + whole_ticks(kernel_interrupt_time()));
}

static VOID NTAPI query_system_time_precise(LARGE_INTEGER *time)
{
    SERVES("KeQuerySystemTimePrecise");

    time->QuadPart = (LONGLONG)kernel_system_time();
}

static ULONGLONG NTAPI query_interrupt_time(VOID)
{
    return whole_ticks(kernel_interrupt_time());
}

static ULONGLONG NTAPI query_interrupt_time_precise(ULONGLONG *counter)
{
    SERVES("KeQueryInterruptTimePrecise");

    *counter = (ULONGLONG)performance_counter(NULL).QuadPart;
    return kernel_interrupt_time();
}

static VOID NTAPI query_tick_count(LARGE_INTEGER *count)
{
    SERVES("KeQueryTickCount");

    count->QuadPart = (LONGLONG)(kernel_interrupt_time() / KERNEL_TICK);
}

static ULONG NTAPI query_time_increment(VOID)
{
    return KERNEL_TICK;
}

static VOID NTAPI stall(ULONG microseconds)
{
    enum {
        LIMIT = 1000000
    };

    rule_checked(RULE_STALL);
    if (microseconds >= LIMIT) {
        violation(RULE_STALL,
                  "KeStallExecutionProcessor(%u) stops a processor for a second or "
                  "more; its reference speaks of 50 microseconds",
                  microseconds);
    }
    clock_stall(microseconds);
}

/* Fields of a TIME_FIELDS, 16 bits each. */
struct time_fields {
    SHORT year, month, day, hour, minute, second, milliseconds, weekday;
};

static VOID NTAPI time_to_fields(const LARGE_INTEGER *time, struct time_fields *fields)
{
    ULONGLONG milliseconds;
    ULONGLONG days;
    unsigned year;
    unsigned shifted;
    SERVES("RtlTimeToTimeFields");

    milliseconds = (ULONGLONG)time->QuadPart / (1000u * UNITS_PER_MICROSECOND);
    fields->milliseconds = (SHORT)(milliseconds % 1000);
    fields->second = (SHORT)(milliseconds / 1000 % 60);
    fields->minute = (SHORT)(milliseconds / 60000 % 60);
    fields->hour = (SHORT)(milliseconds / 3600000 % 24);
    days = milliseconds / 86400000;
    fields->weekday = (SHORT)((days + 1) % 7); /* 1601-01-01 was a Monday */
    /* Years that begin in March have their odd day at the end; 306 days lie between that March 1600
     * and January 1601. */
    days += 306;
    year = 1600 + (unsigned)(days / 146097) * 400;
    days %= 146097;
    shifted = (unsigned)((days - days / 1460 + days / 36524 - days / 146096) / 365);
    year += shifted;
    days -= 365ull * shifted + shifted / 4 - shifted / 100;
    shifted = (unsigned)((5 * days + 2) / 153); /* months since March */
    fields->day = (SHORT)(days - (153 * shifted + 2) / 5 + 1);
    fields->month = (SHORT)(shifted < 10 ? shifted + 3 : shifted - 9);
    fields->year = (SHORT)(year + (shifted >= 10));
}

static const struct kernel_export exports[] = {
    KERNEL_EXPORT(KeQueryPerformanceCounter, performance_counter),
    KERNEL_EXPORT(KeQuerySystemTime, query_system_time),
    KERNEL_EXPORT(KeQuerySystemTimePrecise, query_system_time_precise),
    KERNEL_EXPORT(KeQueryInterruptTime, query_interrupt_time),
    KERNEL_EXPORT(KeQueryInterruptTimePrecise, query_interrupt_time_precise),
    KERNEL_EXPORT(KeQueryUnbiasedInterruptTime, query_interrupt_time),
    KERNEL_EXPORT(KeQueryTickCount, query_tick_count),
    KERNEL_EXPORT(KeQueryTimeIncrement, query_time_increment),
    KERNEL_EXPORT(KeStallExecutionProcessor, stall),
    KERNEL_EXPORT(RtlTimeToTimeFields, time_to_fields),
};

KERNEL_TABLE(kernel_time, exports);
