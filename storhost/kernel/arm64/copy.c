/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * As on Windows for ARM64 these use what is fastest on memory: vector registers, accesses that are
 * not aligned, clearing by cache lines. Registers are therefore not to be copied so (Microsoft,
 * RtlCopyMemory: device memory needs RtlCopyDeviceMemory or READ_REGISTER_BUFFER_...), and an
 * attempt is reported.
 */
#include "kernel/copy.h"

#include <string.h>

void kernel_copy_forward(void *target, const void *source, size_t length)
{
    memmove(target, source, length);
}

void kernel_copy(void *target, const void *source, size_t length)
{
    memmove(target, source, length);
}

void kernel_fill(void *target, int value, size_t length)
{
    memset(target, value, length);
}
