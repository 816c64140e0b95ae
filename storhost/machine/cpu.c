/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Processors: threads that run work by IRQL.
 *
 * A processor runs what is due in settle(): the work of the highest IRQL above a floor, each item
 * nested in what it interrupts, on the same stack. The floor is "below PASSIVE_LEVEL" in the
 * thread's main loop and the current IRQL at a preemption point. One mutex guards all queues; it
 * is never held while work runs, so that any of this may be called from work, also from inside a
 * fault handler that work entered. Whether something is due is read without it.
 */
#include "machine/cpu.h"
#include "machine/cpu_internal.h"

#include "base/random.h"
#include "base/violation.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define HOOKS_MAXIMUM     4
#define LENDING_ODDS      4 /* one preemption point in so many lends the baton */
#define RELAXES_PER_YIELD 16
#define FREEZE_SECONDS    20 /* for all processors to stop */

enum {
    FLOOR_IDLE = -1
}; /* of a processor outside any work: PASSIVE_LEVEL is due, too */

struct hook {
    void (*run)(void *context, unsigned index);
    void *context;
};

struct cpu_machine cpu_machine = {.mutex = PTHREAD_MUTEX_INITIALIZER,
                                  .frozen_by = CPU_NOBODY,
                                  .thawed = PTHREAD_COND_INITIALIZER};

static struct hook hooks[HOOKS_MAXIMUM];
static atomic_uint hook_count;
static void (*_Atomic preemption_hook)(void);
static _Thread_local struct processor *this_processor;

struct processor *cpu_self(const char *caller)
{
    if (!this_processor && caller) {
        fatal("%s called on a thread that is no processor", caller);
    }
    return this_processor;
}

unsigned cpu_count(void)
{
    return cpu_machine.count;
}

int cpu_current(void)
{
    return this_processor ? (int)this_processor->index : -1;
}

uint8_t cpu_irql(void)
{
    return this_processor ? atomic_load_explicit(&this_processor->irql, memory_order_relaxed)
                          : IRQL_PASSIVE;
}

void cpu_set_irql(struct processor *processor, uint8_t irql)
{
    atomic_store_explicit(&processor->irql, irql, memory_order_relaxed);
    kpcr_set_irql(processor->kpcr, irql);
}

const char *cpu_irql_name(uint8_t irql, char *buffer, unsigned size)
{
    switch (irql) {
    case IRQL_PASSIVE:
        return "PASSIVE_LEVEL";
    case IRQL_APC:
        return "APC_LEVEL";
    case IRQL_DISPATCH:
        return "DISPATCH_LEVEL";
    case IRQL_HIGH:
        return "HIGH_LEVEL";
    default:
        snprintf(buffer, size, "device IRQL %u", irql);
        return buffer;
    }
}

/* ---- queues ---- */

void work_append(struct work_queue *queue, struct cpu_work *work)
{
    work->next = NULL;
    if (queue->tail) {
        queue->tail->next = work;
    } else {
        queue->head = work;
    }
    queue->tail = work;
}

struct cpu_work *work_pop(struct work_queue *queue)
{
    struct cpu_work *work = queue->head;

    queue->head = work->next;
    if (!queue->head) {
        queue->tail = NULL;
    }
    return work;
}

static void ring_bell(const struct processor *processor)
{
    static const uint64_t one = 1;

    if (processor->bell >= 0 && processor != this_processor) {
        /* It can only fail with 2^64 - 2 rings that nobody has heard. */
        ssize_t written = write(processor->bell, &one, sizeof(one));
        (void)written;
    }
}

void cpu_set_bell(unsigned index, int event)
{
    pthread_mutex_lock(&cpu_machine.mutex);
    cpu_machine.processors[index].bell = event;
    pthread_mutex_unlock(&cpu_machine.mutex);
}

void cpu_insert(struct cpu_work *work)
{
    struct processor *processor = &cpu_machine.processors[work->target];

    work_append(&processor->work[work->irql], work);
    atomic_fetch_or(&processor->pending, 1u << work->irql);
    cpu_machine.waiting_work++;
    cpu_machine.idle_relaxes = 0;
    if (cpu_machine.mode == CPU_FREE) {
        pthread_cond_signal(&processor->wake);
        ring_bell(processor);
    }
}

/* Whether work above the floor waits. No mutex. */
static bool due(struct processor *processor, int floor)
{
    uint64_t pending = atomic_load_explicit(&processor->pending, memory_order_acquire);

    return pending >> (floor + 1) != 0;
}

/* Takes the work of the highest IRQL above the floor, NULL if there is none. */
static struct cpu_work *take(struct processor *processor, int floor)
{
    struct cpu_work *work = NULL;

    pthread_mutex_lock(&cpu_machine.mutex);
    if (due(processor, floor)) {
        int irql = 31 - __builtin_clz(atomic_load(&processor->pending));
        work = work_pop(&processor->work[irql]);
        if (!processor->work[irql].head) {
            atomic_fetch_and(&processor->pending, ~(1u << irql));
        }
        cpu_machine.waiting_work--;
    }
    pthread_mutex_unlock(&cpu_machine.mutex);
    return work;
}

/* ---- running ---- */

/* What work leaves behind must be what it found. */
static void check_left_behind(struct processor *processor, const char *name, uint8_t irql,
                              unsigned locks)
{
    char is[32], was[32];

    rule_checked(RULE_IRQL);
    if (processor->held_count > locks) {
        violation(RULE_LOCK_ORDER, "%s returned with lock \"%s\" held", name,
                  processor->held[processor->held_count - 1]->name);
    }
    if (processor->irql != irql) {
        violation(RULE_IRQL, "%s was called at %s and returned at %s", name,
                  cpu_irql_name(irql, was, sizeof(was)),
                  cpu_irql_name(processor->irql, is, sizeof(is)));
    }
}

/* Whether the machine is frozen by another processor: then this one stops here until it thaws. */
static void stop_if_frozen(const struct processor *processor)
{
    uint32_t by = atomic_load_explicit(&cpu_machine.frozen_by, memory_order_acquire);

    if (by == CPU_NOBODY || by == processor->index) {
        return;
    }
    pthread_mutex_lock(&cpu_machine.mutex);
    cpu_machine.stopped++;
    pthread_cond_broadcast(&cpu_machine.idle);
    while (cpu_frozen()) {
        pthread_cond_wait(&cpu_machine.thawed, &cpu_machine.mutex);
    }
    cpu_machine.stopped--;
    pthread_mutex_unlock(&cpu_machine.mutex);
}

static void run_work(struct processor *processor, const struct cpu_work *work)
{
    void (*run)(void *context) = work->run;
    void *context = work->context;
    uint8_t irql = work->irql, interrupted = processor->irql;
    unsigned locks = processor->held_count;
    struct activity activity = {processor->activity, work->name ? work->name : "unnamed work"};
    struct cpu_lock *waited_for = atomic_exchange(&processor->waits_for, NULL);

    stop_if_frozen(processor);
    processor->activity = &activity;
    cpu_set_irql(processor, irql);
    run(context); /* `work` is gone from here on */
    check_left_behind(processor, activity.name, irql, locks);
    cpu_set_irql(processor, interrupted);
    processor->activity = activity.outer;
    atomic_store(&processor->waits_for, waited_for);
}

/* Runs all that is due above the floor, then the idle hooks if the processor came (or, `dropped`,
 * had come) below DISPATCH_LEVEL and nothing is pending. */
static void settle(struct processor *processor, int floor, bool dropped)
{
    do {
        while (due(processor, floor)) {
            struct cpu_work *work = take(processor, floor);
            if (work) {
                run_work(processor, work);
                dropped = true;
            }
        }
        if (!dropped || processor->irql >= IRQL_DISPATCH || due(processor, FLOOR_IDLE)) {
            return;
        }
        unsigned count = atomic_load(&hook_count);
        for (unsigned i = 0; i < count; i++) {
            hooks[i].run(hooks[i].context, processor->index);
        }
    } while (due(processor, floor));
}

/* Deterministic mode: lends the baton where the random sequence says so. */
static void lend_now_and_then(struct processor *processor)
{
    if (cpu_machine.mode != CPU_DETERMINISTIC || !cpu_machine.preempts ||
        random_next(&cpu_machine.random) % LENDING_ODDS != 0) {
        return;
    }
    pthread_mutex_lock(&cpu_machine.mutex);
    bool lent = baton_lend(processor);
    pthread_mutex_unlock(&cpu_machine.mutex);
    if (lent && due(processor, processor->irql)) {
        settle(processor, processor->irql, false);
    }
}

void cpu_on_preemption_point(void (*look)(void))
{
    atomic_store(&preemption_hook, look);
}

void cpu_preemption_point(void)
{
    struct processor *processor = this_processor;
    void (*look)(void) = atomic_load_explicit(&preemption_hook, memory_order_acquire);

    if (!processor) {
        return;
    }
    stop_if_frozen(processor);
    if (look) {
        look();
    }
    if (cpu_frozen()) {
        return;
    }
    if (due(processor, processor->irql)) {
        settle(processor, processor->irql, false);
    }
    lend_now_and_then(processor);
}

void cpu_relax(void)
{
    static _Thread_local unsigned relaxes;
    struct processor *processor = this_processor;

    if (processor && cpu_frozen()) {
        stop_if_frozen(processor);
        sched_yield();
        return;
    }
    if (processor && due(processor, processor->irql)) {
        settle(processor, processor->irql, false);
        return;
    }
    if (!processor || cpu_machine.mode == CPU_FREE) {
        cpu_pause();
        if (++relaxes % RELAXES_PER_YIELD == 0) {
            sched_yield();
        }
        return;
    }
    pthread_mutex_lock(&cpu_machine.mutex);
    baton_relax(processor);
    pthread_mutex_unlock(&cpu_machine.mutex);
    if (due(processor, processor->irql)) {
        settle(processor, processor->irql, false);
    }
}

uint8_t cpu_raise(uint8_t irql)
{
    struct processor *processor = cpu_self("cpu_raise");
    uint8_t old = processor->irql;
    char is[32], wanted[32];

    rule_checked(RULE_IRQL);
    if (irql < old || irql > IRQL_HIGH) {
        violation(RULE_IRQL, "IRQL raised from %s to %s", cpu_irql_name(old, is, sizeof(is)),
                  cpu_irql_name(irql, wanted, sizeof(wanted)));
    }
    cpu_set_irql(processor, irql);
    return old;
}

void cpu_lower(uint8_t irql)
{
    struct processor *processor = cpu_self("cpu_lower");
    uint8_t old = processor->irql;
    char is[32], wanted[32];

    rule_checked(RULE_IRQL);
    if (irql > old) {
        violation(RULE_IRQL, "IRQL lowered from %s to %s", cpu_irql_name(old, is, sizeof(is)),
                  cpu_irql_name(irql, wanted, sizeof(wanted)));
    }
    for (unsigned i = 0; i < processor->held_count; i++) {
        if (processor->held[i]->irql > irql) {
            violation(RULE_IRQL, "IRQL lowered to %s with lock \"%s\" held",
                      cpu_irql_name(irql, wanted, sizeof(wanted)), processor->held[i]->name);
        }
    }
    cpu_set_irql(processor, irql);
    settle(processor, irql, old >= IRQL_DISPATCH && irql < IRQL_DISPATCH);
    lend_now_and_then(processor);
}

void cpu_on_idle(void (*run)(void *context, unsigned index), void *context)
{
    unsigned count = atomic_load(&hook_count);

    if (count == HOOKS_MAXIMUM) {
        fatal("more than %d hooks of idle processors", HOOKS_MAXIMUM);
    }
    hooks[count] = (struct hook){run, context};
    atomic_store(&hook_count, count + 1);
}

void cpu_describe(char *text, unsigned size)
{
    const struct processor *processor = this_processor;
    const struct activity *activity = processor ? processor->activity : NULL;
    char irql[32];

    if (!processor) {
        snprintf(text, size, "no processor");
        return;
    }
    snprintf(text, size, "%s%s%s, %s, processor %u", activity ? activity->name : "idle",
             activity && activity->outer ? " within " : "",
             activity && activity->outer ? activity->outer->name : "",
             cpu_irql_name(processor->irql, irql, sizeof(irql)), processor->index);
}

/* ---- freezing ---- */

bool cpu_frozen(void)
{
    return atomic_load_explicit(&cpu_machine.frozen_by, memory_order_acquire) != CPU_NOBODY;
}

/* Whether every processor but `processor` is stopped or has nothing to do. With the mutex. */
static bool all_others_stopped(const struct processor *processor)
{
    return cpu_machine.busy - processor->busy <= cpu_machine.stopped;
}

void cpu_freeze(void)
{
    struct processor *processor = cpu_self("cpu_freeze");
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += FREEZE_SECONDS;
    atomic_store(&cpu_machine.frozen_by, processor->index);
    pthread_mutex_lock(&cpu_machine.mutex);
    /* In deterministic mode they wait for the baton, wherever they are. */
    while (cpu_machine.mode == CPU_FREE && !all_others_stopped(processor)) {
        if (pthread_cond_timedwait(&cpu_machine.idle, &cpu_machine.mutex, &until) == ETIMEDOUT) {
            fatal("a processor did not stop within %d seconds", FREEZE_SECONDS);
        }
    }
    pthread_cond_broadcast(&cpu_machine.idle);
    pthread_mutex_unlock(&cpu_machine.mutex);
}

void cpu_thaw(void)
{
    cpu_self("cpu_thaw");
    pthread_mutex_lock(&cpu_machine.mutex);
    atomic_store(&cpu_machine.frozen_by, CPU_NOBODY);
    pthread_cond_broadcast(&cpu_machine.thawed);
    pthread_mutex_unlock(&cpu_machine.mutex);
}

/* ---- threads ---- */

bool cpu_all_idle(void)
{
    return cpu_machine.busy == 0 && cpu_machine.waiting_work == 0 && !cpu_machine.entrance.head;
}

/* Waits until this processor may run something; false: the machine stops. With the mutex. */
static bool wait_for_work(struct processor *processor)
{
    if (cpu_machine.mode == CPU_DETERMINISTIC) {
        return baton_wait(processor);
    }
    while (!due(processor, FLOOR_IDLE) && !cpu_machine.stopping) {
        pthread_cond_wait(&processor->wake, &cpu_machine.mutex);
    }
    return due(processor, FLOOR_IDLE);
}

static void *processor_thread(void *argument)
{
    struct processor *processor = argument;

    this_processor = processor;
    processor->kpcr = kpcr_install(processor->index);
    pthread_mutex_lock(&cpu_machine.mutex);
    while (wait_for_work(processor)) {
        processor->busy = true;
        cpu_machine.busy++;
        pthread_mutex_unlock(&cpu_machine.mutex);
        settle(processor, FLOOR_IDLE, false);
        pthread_mutex_lock(&cpu_machine.mutex);
        processor->busy = false;
        cpu_machine.busy--;
        if (cpu_machine.mode == CPU_DETERMINISTIC) {
            baton_pass(processor);
        }
        if (cpu_all_idle() || cpu_frozen()) {
            pthread_cond_broadcast(&cpu_machine.idle);
        }
    }
    pthread_mutex_unlock(&cpu_machine.mutex);
    kpcr_remove(processor->kpcr);
    this_processor = NULL;
    return NULL;
}

static void init_condition(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;

    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
}

static void start_thread(struct processor *processor)
{
    char name[16];

    int error = pthread_create(&processor->thread, NULL, processor_thread, processor);
    if (error) {
        fatal("cannot start the thread of processor %u: %s", processor->index, strerror(error));
    }
    snprintf(name, sizeof(name), "cpu %u", processor->index);
    pthread_setname_np(processor->thread, name);
}

/* Signals from outside (Ctrl-C) belong to the thread that started the processors; faults and the
 * watchdog's alarm to everyone. */
static void block_outside_signals(sigset_t *before)
{
    static const int kept[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGABRT, SIGALRM};
    sigset_t blocked;

    sigfillset(&blocked);
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
        sigdelset(&blocked, kept[i]);
    }
    pthread_sigmask(SIG_BLOCK, &blocked, before);
}

void cpu_start(unsigned count, enum cpu_mode mode, uint64_t seed)
{
    sigset_t before;

    if (count == 0 || count > CPU_MAXIMUM) {
        fatal("%u processors: 1 to %d are possible", count, CPU_MAXIMUM);
    }
    if (cpu_machine.count != 0) {
        fatal("cpu_start called twice");
    }
    cpu_machine.mode = mode;
    cpu_machine.stopping = false;
    cpu_machine.turn = CPU_NOBODY;
    cpu_machine.random = seed;
    cpu_machine.preempts = seed != 0;
    cpu_machine.idle_relaxes = 0;
    init_condition(&cpu_machine.idle);
    for (unsigned i = 0; i < count; i++) {
        cpu_machine.processors[i] = (struct processor){.index = i, .bell = -1};
        init_condition(&cpu_machine.processors[i].wake);
    }
    cpu_machine.count = count;
    block_outside_signals(&before);
    for (unsigned i = 0; i < count; i++) {
        start_thread(&cpu_machine.processors[i]);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void cpu_stop(void)
{
    if (this_processor) {
        fatal("cpu_stop called on a processor");
    }
    pthread_mutex_lock(&cpu_machine.mutex);
    while (!cpu_all_idle()) {
        pthread_cond_wait(&cpu_machine.idle, &cpu_machine.mutex);
    }
    cpu_machine.stopping = true;
    for (unsigned i = 0; i < cpu_machine.count; i++) {
        pthread_cond_signal(&cpu_machine.processors[i].wake);
    }
    pthread_mutex_unlock(&cpu_machine.mutex);
    for (unsigned i = 0; i < cpu_machine.count; i++) {
        pthread_join(cpu_machine.processors[i].thread, NULL);
        pthread_cond_destroy(&cpu_machine.processors[i].wake);
    }
    if (cpu_machine.count) {
        pthread_cond_destroy(&cpu_machine.idle);
    }
    cpu_machine.count = 0;
    atomic_store(&hook_count, 0);
}

/* ---- work from anywhere ---- */

void cpu_queue(unsigned index, struct cpu_work *work)
{
    if (index >= cpu_machine.count || work->irql > IRQL_HIGH) {
        fatal("work \"%s\" queued on processor %u of %u at IRQL %u",
              work->name ? work->name : "unnamed", index, cpu_machine.count, work->irql);
    }
    work->target = index;
    pthread_mutex_lock(&cpu_machine.mutex);
    if (cpu_machine.mode == CPU_DETERMINISTIC && !this_processor) {
        baton_enter(work);
    } else {
        cpu_insert(work);
    }
    pthread_mutex_unlock(&cpu_machine.mutex);
}

void cpu_hold(void)
{
    pthread_mutex_lock(&cpu_machine.mutex);
    if (cpu_machine.holds++ == 0 && ++cpu_machine.batch == 0) {
        cpu_machine.batch = 1; /* 0 means none */
    }
    pthread_mutex_unlock(&cpu_machine.mutex);
}

void cpu_let_go(void)
{
    pthread_mutex_lock(&cpu_machine.mutex);
    bool held = cpu_machine.holds > 0;
    if (held) {
        cpu_machine.holds--;
        baton_admit();
    }
    pthread_mutex_unlock(&cpu_machine.mutex);
    if (!held) {
        fatal("cpu_let_go without cpu_hold");
    }
}

/* One cpu_call; on the stack of the caller. */
struct call {
    void (*run)(void *context);
    void *context;
    pthread_cond_t returned;
    bool done;
};

static void run_call(void *context)
{
    struct call *call = context;

    call->run(call->context);
    pthread_mutex_lock(&cpu_machine.mutex);
    call->done = true;
    pthread_cond_signal(&call->returned);
    pthread_mutex_unlock(&cpu_machine.mutex);
}

void cpu_call(unsigned index, uint8_t irql, void (*run)(void *context), void *context,
              const char *name)
{
    struct call call = {.run = run, .context = context};
    struct cpu_work work = {.irql = irql, .run = run_call, .context = &call, .name = name};

    if (this_processor) {
        fatal("cpu_call of \"%s\" on a processor", name ? name : "unnamed");
    }
    init_condition(&call.returned);
    cpu_queue(index, &work);
    pthread_mutex_lock(&cpu_machine.mutex);
    while (!call.done) {
        pthread_cond_wait(&call.returned, &cpu_machine.mutex);
    }
    pthread_mutex_unlock(&cpu_machine.mutex);
    pthread_cond_destroy(&call.returned);
}

bool cpu_wait_idle(unsigned milliseconds)
{
    struct timespec until;

    if (this_processor) {
        fatal("cpu_wait_idle called on a processor");
    }
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += milliseconds / 1000;
    until.tv_nsec += (long)(milliseconds % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&cpu_machine.mutex);
    bool idle;
    while (!(idle = cpu_all_idle() || cpu_frozen())) {
        if (pthread_cond_timedwait(&cpu_machine.idle, &cpu_machine.mutex, &until) == ETIMEDOUT) {
            idle = cpu_all_idle();
            break;
        }
    }
    pthread_mutex_unlock(&cpu_machine.mutex);
    return idle;
}
