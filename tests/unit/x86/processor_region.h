/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads the processor control region as drivers of x86 do, inline. */
#ifndef TESTS_UNIT_X86_PROCESSOR_REGION_H
#define TESTS_UNIT_X86_PROCESSOR_REGION_H

#include <stdint.h>

#define REGION_PRCB_OFFSET 0x120

struct processor_region {
    uint8_t irql;
    uint64_t prcb_offset; /* of the processor block in the region */
    uint8_t legacy_number;
    uint32_t number;
};

static inline struct processor_region read_processor_region(void)
{
    struct processor_region region;
    uint32_t self, prcb;
    uint8_t number;

    __asm__ volatile("movb %%fs:0x24, %0" : "=q"(region.irql));
    __asm__ volatile("movb %%fs:0x130, %0" : "=q"(region.legacy_number));
    __asm__ volatile("movb %%fs:0x51, %0" : "=q"(number));
    __asm__ volatile("movl %%fs:0x1c, %0" : "=r"(self));
    __asm__ volatile("movl %%fs:0x20, %0" : "=r"(prcb));
    region.number = number;
    region.prcb_offset = prcb - self;
    return region;
}

#endif
