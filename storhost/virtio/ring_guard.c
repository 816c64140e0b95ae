/* SPDX-License-Identifier: BSD-3-Clause */
/* Which locks guard a ring. See ring_guard.h. */
#include "virtio/ring_guard.h"

#include <stdatomic.h>
#include <stdio.h>

#include "base/violation.h"

static atomic_bool driver_alone;
static bool one_lock;

static const char *const part_names[RING_PARTS] = {
    [RING_SUBMISSION] = "what it makes available",
    [RING_WISH] = "its wish for interrupts",
    [RING_TAKING] = "what the device has used",
};

void ring_guard_alone(bool alone)
{
    atomic_store(&driver_alone, alone);
}

void ring_guard_one_lock(bool one)
{
    one_lock = one;
}

static struct ring_user user_now(void)
{
    struct ring_user user = {.processor = cpu_current()};

    user.count = cpu_locks_held(user.locks, RING_GUARD_LOCKS);
    return user;
}

/* Leaves of the common locks those that this user holds. */
static void keep_common(struct ring_user *common, const struct ring_user *user)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < common->count; i++) {
        unsigned at = 0;

        while (at < user->count && user->locks[at] != common->locks[i]) {
            at++;
        }
        if (at < user->count) {
            common->locks[kept++] = common->locks[i];
        }
    }
    common->count = kept;
}

/* "processor 2 with the lock "StartIo"". */
static void describe(const struct ring_user *user, char *text, size_t size)
{
    size_t used = (size_t)snprintf(text, size, "processor %d with %s", user->processor,
                                   user->count != 0 ? "the locks" : "no lock");

    for (unsigned i = 0; i < user->count && used < size; i++) {
        used += (size_t)snprintf(text + used, size - used, "%s \"%s\"", i != 0 ? "," : "",
                                 user->locks[i]->name);
    }
}

static _Noreturn void report(const struct ring_guard *guard, enum ring_part which,
                             const struct ring_part_guard *part, const struct ring_user *user)
{
    char now[256], before[256];

    describe(user, now, sizeof(now));
    describe(&part->last, before, sizeof(before));
    violation(
        RULE_RING_LOCK,
        "queue %u: %s is accessed by %s; before, the ring was by %s: no lock keeps them apart",
        guard->queue, part_names[which], now, before);
}

void ring_guard_access(struct ring_guard *guard, enum ring_part which)
{
    struct ring_part_guard *part = &guard->parts[one_lock ? 0 : which];

    if (cpu_current() < 0 || atomic_load(&driver_alone)) {
        return;
    }
    const struct ring_user user = user_now();

    rule_checked(RULE_RING_LOCK);
    if (!part->used) {
        part->used = true;
        part->first = user.processor;
    } else if (part->shared) {
        keep_common(&part->common, &user);
    } else if (part->first != user.processor) {
        part->shared = true;
        part->common = user;
    }
    if (part->shared && part->common.count == 0) {
        report(guard, which, part, &user);
    }
    part->last = user;
}
