/* SPDX-License-Identifier: BSD-3-Clause */
/* When the system stops, and who runs then: see crash.h. */
#include "machine/crash.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <time.h>

#include "base/violation.h"
#include "machine/cpu.h"
#include "machine/grant.h"

enum crash_state {
    CRASH_NOT,
    CRASH_ARMED,
    CRASH_HAPPENED,
};

/* Something to do on the processor that is left. */
struct task {
    void (*run)(void *context);
    void *context;
    bool done;
};

static _Thread_local struct crash_frame current;
static _Atomic(enum crash_state) state;
static enum crash_place armed_place;
static unsigned armed_after;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool stopped; /* all processors have stopped: tasks are taken */
static bool over;
static struct task *task;

static const char *const names[CRASH_PLACES] = {
    [CRASH_ELSEWHERE] = "idle",         [CRASH_IN_START_IO] = "start-io",
    [CRASH_IN_INTERRUPT] = "interrupt", [CRASH_IN_DPC] = "dpc",
    [CRASH_IN_RESET] = "reset",
};

const char *crash_place_name(enum crash_place place)
{
    return names[place];
}

bool crash_armed(void)
{
    return atomic_load(&state) == CRASH_ARMED;
}

bool crash_happened(void)
{
    return atomic_load(&state) == CRASH_HAPPENED;
}

/* Does what crash_run() brings until crash_over(); after a crash, for ever. */
static void serve(void)
{
    pthread_mutex_lock(&mutex);
    stopped = true;
    pthread_cond_broadcast(&changed);
    while (!over) {
        struct task *now = task;

        if (now == NULL) {
            pthread_cond_wait(&changed, &mutex);
            continue;
        }
        pthread_mutex_unlock(&mutex);
        now->run(now->context);
        pthread_mutex_lock(&mutex);
        task = NULL;
        now->done = true;
        pthread_cond_broadcast(&changed);
    }
    stopped = over = false;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
}

/* On the processor that it happens on. */
static void stop_system(void)
{
    uint8_t old = cpu_raise(IRQL_HIGH);

    current.place = CRASH_ELSEWHERE;
    cpu_freeze();
    grants_mark();
    serve();
    cpu_thaw();
    cpu_lower(old);
}

/* At each preemption point. */
static void look(void)
{
    enum crash_state armed = CRASH_ARMED;

    if (current.place == CRASH_ELSEWHERE || atomic_load(&state) != CRASH_ARMED ||
        current.place != armed_place || current.points++ != armed_after) {
        return;
    }
    if (atomic_compare_exchange_strong(&state, &armed, CRASH_HAPPENED)) {
        stop_system();
    }
}

struct crash_frame crash_enter(enum crash_place place)
{
    struct crash_frame outer = current;

    current = (struct crash_frame){.place = place};
    look();
    return outer;
}

void crash_leave(struct crash_frame outer)
{
    current = outer;
}

void crash_arm(enum crash_place place, unsigned after)
{
    armed_place = place;
    armed_after = after;
    cpu_on_preemption_point(look);
    atomic_store(&state, CRASH_ARMED);
}

static void stop_now(void *context)
{
    (void)context;
    stop_system();
}

void crash_now(void)
{
    static struct cpu_work work;

    atomic_store(&state, CRASH_HAPPENED);
    work = (struct cpu_work){.irql = IRQL_HIGH, .run = stop_now, .name = "crash"};
    cpu_queue(0, &work);
}

bool crash_wait(unsigned milliseconds)
{
    struct timespec until;
    int error = 0;
    bool good;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += milliseconds / 1000;
    until.tv_nsec += (long)(milliseconds % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&mutex);
    while (!stopped && error != ETIMEDOUT) {
        error = pthread_cond_timedwait(&changed, &mutex, &until);
    }
    good = stopped;
    pthread_mutex_unlock(&mutex);
    return good;
}

void crash_run(void (*run)(void *context), void *context)
{
    struct task mine = {.run = run, .context = context};

    if (!crash_wait(0)) {
        fatal("crash_run while the system runs");
    }
    pthread_mutex_lock(&mutex);
    task = &mine;
    pthread_cond_broadcast(&changed);
    while (!mine.done) {
        pthread_cond_wait(&changed, &mutex);
    }
    pthread_mutex_unlock(&mutex);
}

void crash_over(void)
{
    grants_thaw();
    pthread_mutex_lock(&mutex);
    over = true;
    pthread_cond_broadcast(&changed);
    while (stopped) {
        pthread_cond_wait(&changed, &mutex);
    }
    pthread_mutex_unlock(&mutex);
    atomic_store(&state, CRASH_NOT);
}
