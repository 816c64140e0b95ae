/* SPDX-License-Identifier: BSD-3-Clause */
/* The loops behind memcpy, memmove and memset of the kernel, as each processor has them. */
#ifndef STORHOST_KERNEL_COPY_H
#define STORHOST_KERNEL_COPY_H

#include <stddef.h>

/* The blocks may overlap: as if all was read before anything is written. */
void kernel_copy(void *target, const void *source, size_t length);

/* The blocks may overlap only if `target` is below `source`. */
void kernel_copy_forward(void *target, const void *source, size_t length);

void kernel_fill(void *target, int value, size_t length);

#endif
