/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Processor groups, of which Windows 7 and later make several where there are more processors than an
 * affinity mask has bits (or by bcdedit's groupsize). Processors of a group are neighbours in the
 * bench's count: group 0 has the first cpu_group_size() of them, and so on.
 */
#ifndef STORHOST_MACHINE_CPU_GROUPS_H
#define STORHOST_MACHINE_CPU_GROUPS_H

#include <stdbool.h>
#include <stdint.h>

/* Splits the processors into so many groups, as far as there are processors for them and masks do not
 * ask for more. Before cpu_start; 0: as few as possible, which it is without a call. */
void cpu_groups_ask(unsigned groups);

unsigned cpu_group_count(void);
unsigned cpu_group_size(void);            /* of each but the last, which may be smaller */
uintptr_t cpu_group_mask(unsigned group); /* KAFFINITY; 0: no such group */

static inline unsigned cpu_group_of(unsigned processor)
{
    return processor / cpu_group_size();
}

static inline unsigned cpu_number_in_group(unsigned processor)
{
    return processor % cpu_group_size();
}

/* The bench's number of a processor; false: there is none. */
bool cpu_from_group(unsigned group, unsigned number, uint32_t *processor);

#endif
