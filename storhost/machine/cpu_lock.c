/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Spin locks. Whoever may hold a lock is a processor, so the lock names its holder, and each
 * processor lists what it holds: recursion and a wrong order are seen when they happen, not only
 * when they lead to a deadlock. A deadlock that is none of the order (a holder that never goes on)
 * is reported after a while, with what everyone holds and waits for.
 */
#include "machine/cpu_internal.h"

#include "base/violation.h"

#include <stdio.h>
#include <time.h>

#define SPINS_PER_LOOK 256 /* at the clock */

enum {
    LOCK_FREE = -1
};

void cpu_lock_init(struct cpu_lock *lock, const char *name, uint8_t irql, uint8_t rank)
{
    lock->name = name;
    lock->irql = irql;
    lock->rank = rank;
    atomic_store(&lock->holder, LOCK_FREE);
}

bool cpu_lock_held(const struct cpu_lock *lock)
{
    int self = cpu_current();
    return self >= 0 && atomic_load(&lock->holder) == self;
}

unsigned cpu_locks_held(const struct cpu_lock **locks, unsigned room)
{
    const int self = cpu_current();
    unsigned count = 0;

    if (self >= 0) {
        const struct processor *processor = &cpu_machine.processors[self];

        for (; count < processor->held_count && count < room; count++) {
            locks[count] = processor->held[count];
        }
    }
    return count;
}

/* Recursion, order and IRQL, before the lock is taken. */
static void check_acquisition(const struct processor *processor, const struct cpu_lock *lock)
{
    char is[32], wanted[32];

    rule_checked(RULE_LOCK_RECURSION);
    rule_checked(RULE_LOCK_ORDER);
    if (atomic_load(&lock->holder) == (int)processor->index) {
        violation(RULE_LOCK_RECURSION, "lock \"%s\" acquired by the processor that holds it",
                  lock->name);
    }
    for (unsigned i = 0; i < processor->held_count; i++) {
        if (lock->rank != 0 && processor->held[i]->rank >= lock->rank) {
            violation(RULE_LOCK_ORDER, "lock \"%s\" acquired while \"%s\" is held", lock->name,
                      processor->held[i]->name);
        }
    }
    if (processor->irql > lock->irql) {
        violation(RULE_IRQL, "lock \"%s\" of %s acquired at %s", lock->name,
                  cpu_irql_name(lock->irql, wanted, sizeof(wanted)),
                  cpu_irql_name(processor->irql, is, sizeof(is)));
    }
    if (processor->held_count == CPU_LOCKS_MAXIMUM) {
        violation(RULE_LOCK_ORDER, "more than %d locks held", CPU_LOCKS_MAXIMUM);
    }
}

/* What every processor holds and waits for, as far as it can be read while they run. */
static void describe_locks(char *text, size_t size)
{
    size_t used = 0;

    text[0] = '\0';
    for (unsigned i = 0; i < cpu_machine.count && used < size; i++) {
        struct processor *processor = &cpu_machine.processors[i];
        struct cpu_lock *wanted = atomic_load(&processor->waits_for);
        unsigned count = atomic_load(&processor->held_count);
        if (count == 0 && !wanted) {
            continue;
        }
        used += (size_t)snprintf(text + used, size - used, "; processor %u holds", i);
        for (unsigned j = 0; j < count && used < size; j++) {
            used += (size_t)snprintf(text + used, size - used, " \"%s\"", processor->held[j]->name);
        }
        if (used < size) {
            used += (size_t)snprintf(text + used, size - used, "%s%s%s%s", count ? "" : " nothing",
                                     wanted ? ", waits for \"" : "", wanted ? wanted->name : "",
                                     wanted ? "\"" : "");
        }
    }
}

static _Noreturn void report_deadlock(const struct cpu_lock *lock, const char *why)
{
    char text[1024];

    describe_locks(text, sizeof(text));
    violation(RULE_LOCK_ORDER, "lock \"%s\" %s%s", lock->name, why, text);
}

/* In deterministic mode: whether all processors that are in the middle of work wait for locks. */
static bool nobody_can_release(void)
{
    bool stuck = cpu_machine.mode == CPU_DETERMINISTIC;

    pthread_mutex_lock(&cpu_machine.mutex);
    for (unsigned i = 0; i < cpu_machine.count; i++) {
        const struct processor *processor = &cpu_machine.processors[i];
        const struct cpu_lock *wanted = atomic_load(&processor->waits_for);
        if (processor->busy && (!wanted || atomic_load(&wanted->holder) == LOCK_FREE)) {
            stuck = false;
        }
    }
    pthread_mutex_unlock(&cpu_machine.mutex);
    return stuck;
}

static bool try_lock(struct cpu_lock *lock, const struct processor *processor)
{
    int is_free = LOCK_FREE;
    return atomic_compare_exchange_strong(&lock->holder, &is_free, (int)processor->index);
}

static time_t seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

/* Spins until the lock is had. Work of a higher IRQL runs meanwhile. */
static void wait_for_lock(struct cpu_lock *lock, struct processor *processor)
{
    time_t since = seconds_now();

    atomic_store(&processor->waits_for, lock);
    for (unsigned long spins = 1; !try_lock(lock, processor); spins++) {
        if (nobody_can_release()) {
            report_deadlock(lock, "can never be had: all processors wait");
        }
        if (spins % SPINS_PER_LOOK == 0 && seconds_now() - since > CPU_LOCK_SECONDS) {
            report_deadlock(lock, "was not released for too long");
        }
        cpu_relax();
    }
    atomic_store(&processor->waits_for, NULL);
}

uint8_t cpu_lock_acquire(struct cpu_lock *lock)
{
    struct processor *processor = cpu_self("cpu_lock_acquire");

    if (!rules_are_off()) {
        check_acquisition(processor, lock);
    }
    uint8_t old = cpu_raise(lock->irql);
    if (!try_lock(lock, processor)) {
        wait_for_lock(lock, processor);
    }
    unsigned count = processor->held_count;
    processor->held[count] = lock;
    atomic_store(&processor->held_count, count + 1);
    return old;
}

/* Takes a lock off the list of those that the processor holds. */
static void forget_lock(struct processor *processor, const struct cpu_lock *lock)
{
    unsigned count = processor->held_count, i = 0;

    while (i < count && processor->held[i] != lock) {
        i++;
    }
    for (; i + 1 < count; i++) {
        processor->held[i] = processor->held[i + 1];
    }
    atomic_store(&processor->held_count, count - 1);
}

void cpu_lock_release(struct cpu_lock *lock, uint8_t old_irql)
{
    struct processor *processor = cpu_self("cpu_lock_release");
    int holder = atomic_load(&lock->holder);
    char is[32], wanted[32];

    rule_checked(RULE_LOCK_ORDER);
    if (holder == LOCK_FREE) {
        violation(RULE_LOCK_ORDER, "lock \"%s\" released, but nobody holds it", lock->name);
    }
    if (holder != (int)processor->index) {
        violation(RULE_LOCK_ORDER, "lock \"%s\" released, but processor %d holds it", lock->name,
                  holder);
    }
    if (processor->irql < lock->irql) {
        violation(RULE_IRQL, "lock \"%s\" of %s released at %s", lock->name,
                  cpu_irql_name(lock->irql, wanted, sizeof(wanted)),
                  cpu_irql_name(processor->irql, is, sizeof(is)));
    }
    forget_lock(processor, lock);
    atomic_store(&lock->holder, LOCK_FREE);
    cpu_lower(old_irql);
}
