/* SPDX-License-Identifier: BSD-3-Clause */
/* What processors of this architecture have of their own. */
#ifndef STORHOST_MACHINE_ARM64_CPU_ARCH_H
#define STORHOST_MACHINE_ARM64_CPU_ARCH_H

#define IRQL_HIGH 15 /* the highest IRQL there is */

/* Tells the processor that it is waiting in a loop. */
static inline void cpu_pause(void)
{
    __asm__ volatile("yield");
}

#endif
