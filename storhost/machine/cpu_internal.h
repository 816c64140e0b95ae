/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the parts of the processors' implementation share: cpu.c (threads, IRQL, work), cpu_baton.c
 * (who runs, in deterministic mode) and cpu_lock.c.
 */
#ifndef STORHOST_MACHINE_CPU_INTERNAL_H
#define STORHOST_MACHINE_CPU_INTERNAL_H

#include "machine/cpu.h"
#include "machine/kpcr.h"

#include <pthread.h>
#include <stdatomic.h>

#define CPU_LOCKS_MAXIMUM 16 /* held by one processor at a time */
#define CPU_NOBODY        UINT32_MAX

/* FIFO of work of one IRQL. */
struct work_queue {
    struct cpu_work *head, *tail;
};

/* What a processor is doing, innermost first; on the stack of the one who runs it. */
struct activity {
    const struct activity *outer;
    const char *name;
};

struct processor {
    unsigned index;
    pthread_t thread;
    struct kpcr *kpcr;
    pthread_cond_t wake; /* work came, or the baton */
    int bell;            /* cpu_set_bell; -1: none */
    struct work_queue work[IRQL_HIGH + 1];
    _Atomic(uint32_t) pending; /* bit n: work of IRQL n waits */
    _Atomic(uint8_t) irql;     /* changed by its own thread only */
    bool busy;                 /* inside work, perhaps without the baton */
    const struct activity *activity;
    struct cpu_lock *held[CPU_LOCKS_MAXIMUM]; /* in order of acquisition */
    _Atomic(unsigned) held_count;
    _Atomic(struct cpu_lock *) waits_for;
};

/* The state that all processors share; under `mutex`, which is never held across work. */
struct cpu_machine {
    pthread_mutex_t mutex;
    pthread_cond_t idle;
    struct processor processors[CPU_MAXIMUM];
    unsigned count; /* 0: not started */
    enum cpu_mode mode;
    unsigned busy;         /* processors with `busy` set */
    unsigned waiting_work; /* items in the queues of all processors */
    bool stopping;

    /* cpu_freeze */
    _Atomic(uint32_t) frozen_by; /* the only processor that runs; CPU_NOBODY: not frozen */
    unsigned stopped;            /* processors that have stopped for it */
    pthread_cond_t thawed;

    /* Deterministic mode only. */
    uint32_t turn;              /* who has the baton; CPU_NOBODY: all are idle */
    uint64_t random;            /* touched by the holder of the baton */
    bool preempts;              /* whether a seed was given */
    unsigned idle_relaxes;      /* calls of cpu_relax since a processor did anything else */
    struct work_queue entrance; /* of other threads, in order of arrival */
    unsigned holds;             /* cpu_hold less cpu_let_go */
    unsigned batch;             /* number of the last cpu_hold, from 1 on */
};

extern struct cpu_machine cpu_machine;

/* The calling thread's processor, NULL on other threads. Ends the program there if `caller`, the
 * name of a function that only processors may call, is given. */
struct processor *cpu_self(const char *caller);

/* Queues, with the mutex. */
void work_append(struct work_queue *queue, struct cpu_work *work);
struct cpu_work *work_pop(struct work_queue *queue); /* of one that is not empty */

/* With the mutex: puts work into its target's queue and wakes it (free mode). */
void cpu_insert(struct cpu_work *work);

/* Whether nothing runs, waits or is about to enter; with the mutex. */
bool cpu_all_idle(void);

/* cpu_baton.c; all with the mutex. */

/* Files work that another thread queued, until it may enter. */
void baton_enter(struct cpu_work *work);
/* Waits until this processor has the baton; false: the machine stops. */
bool baton_wait(struct processor *processor);
/* Gives the baton to the next one who can run, this one included, or lets work enter. */
void baton_pass(struct processor *processor);
/* Gives the baton to another one who can run, and waits to get it back. False: there is none. */
bool baton_lend(struct processor *processor);
/* Called in a loop that waits: lends the baton or, when waiting leads nowhere, lets work enter. */
void baton_relax(struct processor *processor);
/* Lets work enter if all are idle. */
void baton_admit(void);

/* Names of IRQLs as reports use them. */
const char *cpu_irql_name(uint8_t irql, char *buffer, unsigned size);

/* Gives a processor an IRQL without any check. */
void cpu_set_irql(struct processor *processor, uint8_t irql);

#endif
