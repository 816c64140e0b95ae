/* SPDX-License-Identifier: BSD-3-Clause */
#include "machine/cpu_groups.h"

#include "machine/cpu.h"

#define MASK_BITS (8 * (unsigned)sizeof(uintptr_t))

static unsigned asked;

static unsigned divide_up(unsigned number, unsigned by)
{
    return (number + by - 1) / by;
}

void cpu_groups_ask(unsigned groups)
{
    asked = groups;
}

unsigned cpu_group_size(void)
{
    const unsigned count = cpu_count() != 0 ? cpu_count() : 1;
    const unsigned size = divide_up(count, asked != 0 && asked < count ? asked
                                           : asked != 0                ? count
                                                                       : 1);

    return size < MASK_BITS ? size : MASK_BITS;
}

unsigned cpu_group_count(void)
{
    return divide_up(cpu_count() != 0 ? cpu_count() : 1, cpu_group_size());
}

uintptr_t cpu_group_mask(unsigned group)
{
    const unsigned first = group * cpu_group_size();
    unsigned members;

    if (group >= cpu_group_count()) {
        return 0;
    }
    members = cpu_count() - first < cpu_group_size() ? cpu_count() - first : cpu_group_size();
    return members >= MASK_BITS ? ~(uintptr_t)0 : ((uintptr_t)1 << members) - 1;
}

bool cpu_from_group(unsigned group, unsigned number, uint32_t *processor)
{
    if (number >= MASK_BITS || (cpu_group_mask(group) >> number & 1) == 0) {
        return false;
    }
    *processor = group * cpu_group_size() + number;
    return true;
}
