/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The locks around the driver's entry points: the StartIo lock, the interrupt lock, and StorPort's
 * others, which its driver also takes itself.
 *
 * What is checked: no recursion; nothing but an interrupt-level lock's own kind of code below it
 * (the reference's order "DPC or StartIo, then interrupt"); of two locks that may be nested either
 * way, the driver keeps one way for good, or two processors could wait for each other; release of
 * what is held, in the reverse order.
 */
#include "port/internal.h"

#include <string.h>

/* Locks that a processor holds, innermost last; interrupts nest on the same stack. */
#define HELD_MAXIMUM 32
static _Thread_local struct port_lock *held_locks[HELD_MAXIMUM];
static _Thread_local unsigned held_count;

struct port_lock *port_lock_innermost(void)
{
    return held_count == 0 ? NULL : held_locks[held_count - 1];
}

unsigned port_locks_held(void)
{
    return held_count;
}

bool port_lock_class_held(enum lock_class class)
{
    for (unsigned i = 0; i < held_count; i++) {
        if (held_locks[i]->class == class) {
            return true;
        }
    }
    return false;
}

void port_lock_init(struct port *port, struct port_lock *lock, enum lock_class class,
                    const char *name)
{
    uint8_t irql = class == LOCK_INTERRUPT ? IRQL_DEVICE : IRQL_DISPATCH;

    if (port->lock_count == LOCKS_MAXIMUM) {
        fatal("the driver has more than %u locks: raise LOCKS_MAXIMUM", LOCKS_MAXIMUM);
    }
    lock->class = class;
    lock->index = port->lock_count;
    port->lock_names[port->lock_count++] = name;
    /* The order among these is checked here: cpu_lock's ranks cannot say "either way". */
    cpu_lock_init(&lock->lock, name, irql, 0);
}

/* Whether `lock` may be taken now by a processor that holds `outer`. */
static void check_order(struct port *port, const struct port_lock *outer,
                        const struct port_lock *lock)
{
    if (outer == lock) {
        violation(RULE_LOCK_RECURSION, "the %s lock is taken by the processor that holds it",
                  lock->lock.name);
    }
    if (outer->class == LOCK_INTERRUPT && lock->class != LOCK_PRIVATE) {
        violation(RULE_LOCK_ORDER,
                  "the %s lock is taken under the %s lock; the order is DPC or StartIo, then "
                  "interrupt",
                  lock->lock.name, outer->lock.name);
    }
    if (atomic_load(&port->lock_order[lock->index][outer->index]) != 0) {
        violation(RULE_LOCK_ORDER,
                  "the %s lock is taken under the %s lock; before, it was the other way round",
                  lock->lock.name, outer->lock.name);
    }
    atomic_store(&port->lock_order[outer->index][lock->index], 1);
}

static void check_acquisition(struct port *port, const struct port_lock *lock)
{
    rule_checked(RULE_LOCK_ORDER);
    rule_checked(RULE_LOCK_RECURSION);
    for (unsigned i = 0; i < held_count; i++) {
        check_order(port, held_locks[i], lock);
    }
    if (cpu_irql() > lock->lock.irql) {
        violation(RULE_IRQL, "the %s lock (IRQL %u) is taken at IRQL %u", lock->lock.name,
                  lock->lock.irql, cpu_irql());
    }
}

uint8_t port_lock_acquire(struct port *port, struct port_lock *lock)
{
    uint8_t old;

    if (!rules_are_off()) {
        check_acquisition(port, lock);
    }
    old = cpu_lock_acquire(&lock->lock);
    if (held_count == HELD_MAXIMUM) {
        fatal("more than %u locks held at once", HELD_MAXIMUM);
    }
    held_locks[held_count++] = lock;
    return old;
}

void port_lock_release(struct port *port, struct port_lock *lock, uint8_t old_irql)
{
    (void)port;
    if (held_count == 0 || held_locks[held_count - 1] != lock) {
        violation(RULE_LOCK_ORDER, "the %s lock is released; %s", lock->lock.name,
                  cpu_lock_held(&lock->lock) ? "another one was taken after it and is still held"
                                             : "this processor does not hold it");
    }
    held_count--;
    cpu_lock_release(&lock->lock, old_irql);
}

void hold_start_io(struct port *port, struct start_io_hold *hold)
{
    hold->start_io_irql = port_lock_acquire(port, &port->start_io_lock);
    hold->interrupt = port->half_duplex;
    if (hold->interrupt) {
        hold->interrupt_irql = port_lock_acquire(port, &port->interrupt_lock);
    }
}

void drop_start_io(struct port *port, struct start_io_hold *hold)
{
    if (hold->interrupt) {
        port_lock_release(port, &port->interrupt_lock, hold->interrupt_irql);
    }
    port_lock_release(port, &port->start_io_lock, hold->start_io_irql);
}
