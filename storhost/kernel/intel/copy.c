/* SPDX-License-Identifier: BSD-3-Clause */
/* The string instructions of the processor do the work, so that a driver may also point these at
 * registers: each element is then trapped. */
#include "kernel/copy.h"

#include <stdint.h>

void kernel_copy_forward(void *target, const void *source, size_t length)
{
    __asm__ volatile("cld; rep movsb" : "+D"(target), "+S"(source), "+c"(length) : : "memory");
}

static void copy_backward(void *target, const void *source, size_t length)
{
    char *to = (char *)target + length - 1;
    const char *from = (const char *)source + length - 1;

    __asm__ volatile("std; rep movsb; cld" : "+D"(to), "+S"(from), "+c"(length) : : "memory");
}

void kernel_copy(void *target, const void *source, size_t length)
{
    if ((uintptr_t)target - (uintptr_t)source < length) {
        copy_backward(target, source, length);
    } else {
        kernel_copy_forward(target, source, length);
    }
}

void kernel_fill(void *target, int value, size_t length)
{
    __asm__ volatile("cld; rep stosb" : "+D"(target), "+c"(length) : "a"(value) : "memory");
}
