/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads the processor control region as drivers of x64 do, inline. */
#ifndef TESTS_UNIT_X64_PROCESSOR_REGION_H
#define TESTS_UNIT_X64_PROCESSOR_REGION_H

#include <stdint.h>

#define REGION_PRCB_OFFSET 0x180

struct processor_region {
    uint8_t irql;
    uint64_t prcb_offset; /* of the processor block in the region */
    uint8_t legacy_number;
    uint32_t number;
};

static inline struct processor_region read_processor_region(void)
{
    struct processor_region region;
    uint64_t self, prcb;

    __asm__ volatile("movb %%gs:0x50, %0" : "=r"(region.irql));
    __asm__ volatile("movb %%gs:0x184, %0" : "=r"(region.legacy_number));
    __asm__ volatile("movl %%gs:0x1a4, %0" : "=r"(region.number));
    __asm__ volatile("movq %%gs:0x18, %0" : "=r"(self));
    __asm__ volatile("movq %%gs:0x20, %0" : "=r"(prcb));
    region.prcb_offset = prcb - self;
    return region;
}

#endif
