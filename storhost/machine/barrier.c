/* SPDX-License-Identifier: BSD-3-Clause */
/* Barriers that the driver executes: their order with its accesses. See barrier.h; how they are
 * seen is the architecture's (barrier_arch.c). */
#include "machine/barrier.h"

#include "machine/barrier_arch.h"

static bool followed;

static _Thread_local struct {
    uint64_t now;
    uint64_t last[BARRIERS]; /* when each was executed */
} processor;

bool barrier_follow(void)
{
    followed = barrier_can_be_seen();
    return followed;
}

bool barrier_followed(void)
{
    return followed;
}

void barrier_prepare_code(void *code, size_t length)
{
    if (followed) {
        barrier_mark_code(code, length);
    }
}

void barrier_executed(enum barrier barrier)
{
    processor.last[barrier] = ++processor.now;
}

struct barrier_point barrier_now(void)
{
    return (struct barrier_point){&processor, ++processor.now};
}

bool barrier_since(struct barrier_point point, enum barrier barrier)
{
    return point.processor != &processor || processor.last[barrier] > point.number ||
           processor.last[BARRIER_FULL] > point.number;
}
