/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Deterministic mode: one processor runs at a time, the one that has the baton.
 *
 * The baton goes to the next processor in order that can run: that is in the middle of work, or
 * has work pending. When no processor can, all are idle, and the entrance opens for the oldest
 * item that another thread queued (for all of them after a cpu_hold). So the run depends on what
 * these threads queue and in which order, but not on when.
 *
 *     other threads -> entrance -> (all idle) -> queues of the processors <- processors
 *
 * A processor that waits in cpu_relax for something from outside, such as an interrupt of a
 * device of another process, would wait for ever: if relaxing leads nowhere, the entrance opens
 * as well. Such a run cannot be repeated exactly.
 */
#include "machine/cpu_internal.h"

#include <time.h>

#define RELAXES_BEFORE_ENTRY 4     /* per processor, without any work having begun */
#define RELAX_NANOSECONDS    50000 /* to wait for work from outside when nothing else runs */

static bool can_run(const struct processor *processor)
{
    return processor->busy || atomic_load(&processor->pending) != 0;
}

/* The next processor after this one that can run, perhaps this one itself; NULL: none. */
static struct processor *next_after(const struct processor *processor)
{
    for (unsigned step = 1; step <= cpu_machine.count; step++) {
        unsigned index = (processor->index + step) % cpu_machine.count;
        if (can_run(&cpu_machine.processors[index])) {
            return &cpu_machine.processors[index];
        }
    }
    return NULL;
}

static void give_to(struct processor *processor)
{
    cpu_machine.turn = processor->index;
    pthread_cond_signal(&processor->wake);
}

static bool entrance_open(void)
{
    return cpu_machine.entrance.head && cpu_machine.holds == 0;
}

/* Lets the oldest item enter, with all that came in the same cpu_hold. Returns its processor. */
static struct processor *let_enter(void)
{
    struct cpu_work *work = work_pop(&cpu_machine.entrance);
    struct processor *first = &cpu_machine.processors[work->target];
    unsigned batch = work->batch;

    cpu_insert(work);
    while (batch && cpu_machine.entrance.head && cpu_machine.entrance.head->batch == batch) {
        cpu_insert(work_pop(&cpu_machine.entrance));
    }
    return first;
}

void baton_enter(struct cpu_work *work)
{
    work->batch = cpu_machine.holds > 0 ? cpu_machine.batch : 0;
    work_append(&cpu_machine.entrance, work);
    baton_admit();
    if (cpu_machine.turn != CPU_NOBODY) {
        pthread_cond_signal(&cpu_machine.processors[cpu_machine.turn].wake);
    }
}

void baton_admit(void)
{
    if (cpu_machine.turn == CPU_NOBODY && entrance_open()) {
        give_to(let_enter());
    }
}

bool baton_wait(struct processor *processor)
{
    while (cpu_machine.turn != processor->index && !cpu_machine.stopping) {
        pthread_cond_wait(&processor->wake, &cpu_machine.mutex);
    }
    return cpu_machine.turn == processor->index;
}

void baton_pass(struct processor *processor)
{
    struct processor *next = next_after(processor);

    cpu_machine.idle_relaxes = 0;
    cpu_machine.turn = CPU_NOBODY;
    if (next) {
        give_to(next);
    } else {
        baton_admit();
    }
}

/* Gives the baton to another one who can run, until it comes back. False: there is none. */
static bool lend(struct processor *processor)
{
    struct processor *next = next_after(processor);

    if (!next || next == processor) {
        return false;
    }
    give_to(next);
    baton_wait(processor);
    return true;
}

bool baton_lend(struct processor *processor)
{
    cpu_machine.idle_relaxes = 0; /* this processor has something to do */
    return lend(processor);
}

void baton_relax(struct processor *processor)
{
    bool stuck = ++cpu_machine.idle_relaxes > RELAXES_BEFORE_ENTRY * cpu_machine.count;

    if (stuck && entrance_open()) {
        let_enter();
    }
    if (!lend(processor) && stuck) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += RELAX_NANOSECONDS;
        if (until.tv_nsec >= 1000000000) {
            until.tv_sec++;
            until.tv_nsec -= 1000000000;
        }
        pthread_cond_timedwait(&processor->wake, &cpu_machine.mutex, &until);
    }
}
