/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads the processor control region as drivers of ARM64 do, inline. */
#ifndef TESTS_UNIT_ARM64_PROCESSOR_REGION_H
#define TESTS_UNIT_ARM64_PROCESSOR_REGION_H

#include <stdint.h>

#include "machine/cpu.h"
#include "machine/thunk.h"

#define REGION_PRCB_OFFSET 0x980

struct processor_region {
    uint8_t irql;
    uint64_t prcb_offset; /* of the processor block in the region */
    /* Drivers ask the kernel for these, which has them elsewhere than on x64. */
    uint8_t legacy_number;
    uint32_t number;
};

static inline struct processor_region read_processor_region(void)
{
    struct processor_region region = {.legacy_number = (uint8_t)cpu_current(),
                                      .number = (uint32_t)cpu_current()};
    uint64_t self, prcb, irql, thread;

    thunk_enter_driver();
    __asm__ volatile("ldrb %w0, [x18, #0x38]\n ldr %1, [x18, #0x18]\n ldr %2, [x18, #0x20]\n"
                     " ldr %3, [x18, #0x988]"
                     : "=&r"(irql), "=&r"(self), "=&r"(prcb), "=&r"(thread));
    region.irql = (uint8_t)irql;
    region.prcb_offset = thread != 0 ? prcb - self : 0;
    return region;
}

#endif
