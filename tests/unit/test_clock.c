/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The clock: manual and real time, timers in order, stalls.
 */
/* SOURCES: storhost/machine/clock.c storhost/machine/cpu.c storhost/machine/cpu_baton.c storhost/machine/cpu_lock.c storhost/machine/@ARCH@/kpcr.c storhost/base/violation.c */
#include "expect_violation.h"

#include "machine/clock.h"
#include "machine/cpu.h"

#include <stdatomic.h>

#define TIMERS 4

/* A timer that queues work on a processor, as all of them do. */
struct alarm_clock {
    struct clock_timer timer;
    struct cpu_work work;
    uint64_t repeat;   /* microseconds, 0: once */
    uint64_t seen[16]; /* the clock when the work ran */
    atomic_uint rings;
};

static struct alarm_clock alarms[TIMERS];
static unsigned order[64]; /* of all rings: index of the alarm */
static atomic_uint order_count;

static void ring(void *context)
{
    struct alarm_clock *alarm_clock = context;
    unsigned at = atomic_fetch_add(&order_count, 1);

    order[at] = (unsigned)(alarm_clock - alarms);
    alarm_clock->seen[atomic_load(&alarm_clock->rings)] = clock_now();
    if (alarm_clock->repeat) {
        clock_arm(&alarm_clock->timer, alarm_clock->repeat);
    }
    atomic_fetch_add(&alarm_clock->rings, 1);
}

static void fire(void *context)
{
    struct alarm_clock *alarm_clock = context;
    cpu_queue(0, &alarm_clock->work);
}

static void start(enum clock_mode mode)
{
    cpu_start(2, CPU_DETERMINISTIC, 1);
    clock_start(mode);
    atomic_store(&order_count, 0);
    for (unsigned i = 0; i < TIMERS; i++) {
        alarms[i] = (struct alarm_clock){
            .timer = {.fire = fire, .context = &alarms[i]},
            .work = {.irql = IRQL_DISPATCH, .run = ring, .context = &alarms[i], .name = "alarm"}};
    }
}

static void manual_time_stands_still(void **state)
{
    (void)state;
    start(CLOCK_MANUAL);
    assert_int_equal(clock_now(), 0);
    clock_advance(0);
    clock_advance(1500);
    assert_int_equal(clock_now(), 1500);
    clock_stall(70);
    assert_int_equal(clock_now(), 1570);
    cpu_stop();
}

static void manual_timers_fire_in_order(void **state)
{
    static const unsigned expected[] = {2, 0, 3, 1};
    (void)state;
    start(CLOCK_MANUAL);
    clock_arm(&alarms[0].timer, 200);
    clock_arm(&alarms[1].timer, 900);
    clock_arm(&alarms[2].timer, 100);
    clock_arm(&alarms[3].timer, 200); /* behind the other one of this time */
    clock_advance(199);
    assert_int_equal(atomic_load(&order_count), 1);
    assert_int_equal(alarms[2].seen[0], 100);
    assert_false(alarms[2].timer.armed);
    clock_advance(701);
    assert_int_equal(atomic_load(&order_count), 4);
    assert_memory_equal(order, expected, sizeof(expected));
    assert_int_equal(alarms[1].seen[0], 900);
    clock_advance(10000);
    assert_int_equal(atomic_load(&order_count), 4);
    cpu_stop();
}

static void a_timer_can_be_armed_anew_or_cancelled(void **state)
{
    (void)state;
    start(CLOCK_MANUAL);
    clock_arm(&alarms[0].timer, 100);
    clock_arm(&alarms[0].timer, 300);
    clock_arm(&alarms[1].timer, 100);
    clock_arm(&alarms[1].timer, 0);
    clock_arm(&alarms[1].timer, 0);
    clock_advance(299);
    assert_int_equal(atomic_load(&order_count), 0);
    assert_true(alarms[0].timer.armed);
    assert_false(alarms[1].timer.armed);
    clock_advance(1000);
    assert_int_equal(atomic_load(&alarms[0].rings), 1);
    assert_int_equal(atomic_load(&alarms[1].rings), 0);
    cpu_stop();
}

static void what_a_timer_arms_fires_in_the_same_advance(void **state)
{
    (void)state;
    start(CLOCK_MANUAL);
    alarms[0].repeat = 250;
    clock_arm(&alarms[0].timer, 250);
    clock_advance(1000);
    assert_int_equal(atomic_load(&alarms[0].rings), 4);
    assert_int_equal(alarms[0].seen[2], 750);
    assert_int_equal(alarms[0].seen[3], 1000);
    cpu_stop();
}

static void a_stall_runs_no_timer(void **state)
{
    (void)state;
    start(CLOCK_MANUAL);
    clock_arm(&alarms[0].timer, 100);
    clock_stall(500);
    assert_int_equal(atomic_load(&order_count), 0);
    clock_advance(1);
    assert_int_equal(atomic_load(&order_count), 1);
    assert_int_equal(alarms[0].seen[0], 500); /* time does not go back */
    assert_int_equal(clock_now(), 501);
    cpu_stop();
}

static void real_time_goes_by_itself(void **state)
{
    (void)state;
    start(CLOCK_REAL_TIME);
    clock_arm(&alarms[0].timer, 3600000000u);
    clock_arm(&alarms[1].timer, 20000);
    clock_arm(&alarms[2].timer, 2000);
    clock_arm(&alarms[3].timer, 1000);
    clock_arm(&alarms[3].timer, 0);
    uint64_t before = clock_now();
    clock_stall(30);
    assert_true(clock_now() - before >= 30);
    for (int i = 0; i < 1000 && atomic_load(&alarms[1].rings) == 0; i++) {
        clock_stall(5000);
    }
    assert_int_equal(atomic_load(&order_count), 2);
    assert_int_equal(order[0], 2);
    assert_int_equal(order[1], 1);
    assert_true(alarms[2].seen[0] >= 2000);
    assert_true(alarms[1].seen[0] >= 20000);
    clock_arm(&alarms[0].timer, 0);
    assert_true(cpu_wait_idle(10000));
    cpu_stop();
}

static void advance_real_time(void *context)
{
    (void)context;
    clock_start(CLOCK_REAL_TIME);
    clock_advance(1);
}

static void real_time_cannot_be_advanced(void **state)
{
    (void)state;
    expect_fatal(advance_real_time, NULL, "clock_advance: only with a manual clock");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(manual_time_stands_still),
        cmocka_unit_test(manual_timers_fire_in_order),
        cmocka_unit_test(a_timer_can_be_armed_anew_or_cancelled),
        cmocka_unit_test(what_a_timer_arms_fires_in_the_same_advance),
        cmocka_unit_test(a_stall_runs_no_timer),
        cmocka_unit_test(real_time_goes_by_itself),
        cmocka_unit_test(real_time_cannot_be_advanced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
