/* SPDX-License-Identifier: BSD-3-Clause */
/* What stands in a driver's code in the place of a barrier that is followed. */
#ifndef STORHOST_MACHINE_ARM64_BARRIER_MARK_H
#define STORHOST_MACHINE_ARM64_BARRIER_MARK_H

#include <stdbool.h>
#include <stdint.h>

/* If the number of a brk is a mark: executes the barrier that it stands for. */
bool barrier_execute_mark(uint32_t number);

#endif
