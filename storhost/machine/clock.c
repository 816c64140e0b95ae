/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The bench's clock and its timers, one list in order of due time. In real mode a thread sleeps
 * until the first is due; in manual mode clock_advance goes from due time to due time and lets the
 * processors become idle after each.
 */
#include "machine/clock.h"

#include "base/violation.h"
#include "machine/cpu.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#define NANOSECONDS_PER_SECOND 1000000000
#define IDLE_MILLISECONDS      60000 /* of real time, for what one timer set off */
#define SPIN_MICROSECONDS      50    /* shorter stalls are not worth a sleep */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed; /* the first timer, for the thread of real mode */
static struct clock_timer *timers;
static enum clock_mode clock_mode;
static struct timespec started;      /* real mode */
static _Atomic(uint64_t) manual_now; /* manual mode */
static bool thread_runs;

static uint64_t real_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)(now.tv_sec - started.tv_sec) * 1000000u + (uint64_t)(now.tv_nsec / 1000) -
           (uint64_t)(started.tv_nsec / 1000);
}

uint64_t clock_now(void)
{
    return clock_mode == CLOCK_MANUAL ? atomic_load(&manual_now) : real_now();
}

/* Takes the first timer off the list if it is due by `time`. With the mutex. */
static struct clock_timer *take_due(uint64_t time)
{
    struct clock_timer *timer = timers;

    if (!timer || timer->due > time) {
        return NULL;
    }
    timers = timer->next;
    timer->armed = false;
    return timer;
}

static struct timespec real_time_of(uint64_t due)
{
    struct timespec time = started;

    time.tv_sec += (time_t)(due / 1000000);
    time.tv_nsec += (long)(due % 1000000) * 1000;
    if (time.tv_nsec >= NANOSECONDS_PER_SECOND) {
        time.tv_sec++;
        time.tv_nsec -= NANOSECONDS_PER_SECOND;
    }
    return time;
}

/* Real mode: fires timers for as long as the process lives. */
static void *timer_thread(void *argument)
{
    (void)argument;
    pthread_mutex_lock(&mutex);
    for (;;) {
        struct clock_timer *timer = clock_mode == CLOCK_REAL_TIME ? take_due(real_now()) : NULL;
        if (timer) {
            void (*fire)(void *context) = timer->fire;
            void *context = timer->context;
            pthread_mutex_unlock(&mutex);
            fire(context);
            pthread_mutex_lock(&mutex);
        } else if (timers && clock_mode == CLOCK_REAL_TIME) {
            struct timespec until = real_time_of(timers->due);
            pthread_cond_timedwait(&changed, &mutex, &until);
        } else {
            pthread_cond_wait(&changed, &mutex);
        }
    }
    return NULL;
}

static void start_thread(void)
{
    pthread_condattr_t attributes;
    sigset_t outside, before;
    pthread_t thread;

    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&changed, &attributes);
    pthread_condattr_destroy(&attributes);
    /* Ctrl-C belongs to the main thread. */
    sigfillset(&outside);
    sigdelset(&outside, SIGSEGV);
    sigdelset(&outside, SIGBUS);
    sigdelset(&outside, SIGALRM);
    pthread_sigmask(SIG_BLOCK, &outside, &before);
    int error = pthread_create(&thread, NULL, timer_thread, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error) {
        fatal("cannot start the clock's thread: %s", strerror(error));
    }
    pthread_setname_np(thread, "clock");
    pthread_detach(thread);
    thread_runs = true;
}

void clock_start(enum clock_mode mode)
{
    pthread_mutex_lock(&mutex);
    clock_mode = mode;
    timers = NULL;
    clock_gettime(CLOCK_MONOTONIC, &started);
    atomic_store(&manual_now, 0);
    pthread_mutex_unlock(&mutex);
    if (mode == CLOCK_REAL_TIME && !thread_runs) {
        start_thread();
    }
}

void clock_stop(void)
{
    pthread_mutex_lock(&mutex);
    if (clock_mode == CLOCK_REAL_TIME) {
        atomic_store(&manual_now, real_now());
        clock_mode = CLOCK_MANUAL;
        if (thread_runs) {
            pthread_cond_signal(&changed);
        }
    }
    pthread_mutex_unlock(&mutex);
}

static void disarm(struct clock_timer *timer)
{
    struct clock_timer **link = &timers;

    while (*link && *link != timer) {
        link = &(*link)->next;
    }
    if (*link) {
        *link = timer->next;
    }
    timer->armed = false;
}

/* Behind all timers that are due at the same time or before. */
static void insert(struct clock_timer *timer)
{
    struct clock_timer **link = &timers;

    while (*link && (*link)->due <= timer->due) {
        link = &(*link)->next;
    }
    timer->next = *link;
    *link = timer;
    timer->armed = true;
}

void clock_arm(struct clock_timer *timer, uint64_t delay_microseconds)
{
    pthread_mutex_lock(&mutex);
    disarm(timer);
    if (delay_microseconds != 0) {
        timer->due = clock_now() + delay_microseconds;
        insert(timer);
    }
    if (thread_runs && timers == timer) {
        pthread_cond_signal(&changed);
    }
    pthread_mutex_unlock(&mutex);
}

static void wait_until_idle(void)
{
    if (cpu_count() != 0 && !cpu_wait_idle(IDLE_MILLISECONDS)) {
        fatal("the processors were still busy %d seconds after the clock moved on: the driver "
              "loops or waits for something that does not come",
              IDLE_MILLISECONDS / 1000);
    }
}

/* Time never goes back: a stall may have moved it beyond a timer's due time. */
static void move_on_to(uint64_t time)
{
    uint64_t now = atomic_load(&manual_now);
    while (now < time && !atomic_compare_exchange_weak(&manual_now, &now, time)) {
    }
}

/* Fires what is due by `target`, in order, each at its time; `between` is called behind each. */
static void fire_until(uint64_t target, void (*between)(void))
{
    for (;;) {
        pthread_mutex_lock(&mutex);
        struct clock_timer *timer = take_due(target);
        if (timer) {
            move_on_to(timer->due);
        }
        void (*fire)(void *context) = timer ? timer->fire : NULL;
        void *context = timer ? timer->context : NULL;
        pthread_mutex_unlock(&mutex);
        if (!fire) {
            break;
        }
        fire(context);
        between();
    }
    move_on_to(target);
}

void clock_advance(uint64_t microseconds)
{
    uint64_t target = clock_now() + microseconds;

    if (clock_mode != CLOCK_MANUAL || cpu_current() >= 0) {
        fatal("clock_advance: only with a manual clock and not on a processor");
    }
    wait_until_idle();
    fire_until(target, wait_until_idle);
}

/* Real mode: waits by sleeping, or the shortest stalls by looking at the clock. */
static void wait_real(uint64_t microseconds)
{
    uint64_t until = real_now() + microseconds;

    if (microseconds > SPIN_MICROSECONDS) {
        struct timespec time = real_time_of(until);
        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL) == EINTR) {
        }
        return;
    }
    while (real_now() < until) {
        cpu_pause();
    }
}

static _Thread_local uint64_t thread_stalled, thread_hung;

uint64_t clock_of_thread(void)
{
    return clock_mode == CLOCK_MANUAL ? clock_now() - thread_hung : thread_stalled;
}

void clock_stall(uint64_t microseconds)
{
    thread_stalled += microseconds;
    if (clock_mode == CLOCK_MANUAL) {
        atomic_fetch_add(&manual_now, microseconds);
    } else {
        wait_real(microseconds);
    }
    cpu_relax();
}

/* Steps in which a hang passes: others get their turns in between. */
#define HANG_STEP 10000

void clock_hang(uint64_t microseconds)
{
    const uint64_t begin = clock_now();
    const uint64_t end = begin + microseconds;

    while (clock_now() < end) {
        if (clock_mode == CLOCK_MANUAL) {
            const uint64_t next = clock_now() + HANG_STEP;

            fire_until(next < end ? next : end, cpu_relax);
            cpu_relax();
        } else {
            wait_real(HANG_STEP);
            cpu_relax();
        }
    }
    thread_hung += clock_now() - begin;
}
