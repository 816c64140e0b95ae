/* SPDX-License-Identifier: BSD-3-Clause */
/* Copying, filling and comparing memory. */
#include <string.h>

#include "kernel/copy.h"
#include "kernel/kernel_internal.h"

static PVOID KERNEL_C copy_memory(PVOID target, const VOID *source, SIZE_T length)
{
    SERVES("memcpy");

    kernel_copy_forward(target, source, length);
    return target;
}

static PVOID KERNEL_C move_memory(PVOID target, const VOID *source, SIZE_T length)
{
    SERVES("memmove");

    kernel_copy(target, source, length);
    return target;
}

static PVOID KERNEL_C set_memory(PVOID target, int value, SIZE_T length)
{
    SERVES("memset");

    kernel_fill(target, value, length);
    return target;
}

/* The same for those who call by the kernel's convention. */
static VOID NTAPI rtl_copy_memory(PVOID target, const VOID *source, SIZE_T length)
{
    copy_memory(target, source, length);
}

static VOID NTAPI rtl_move_memory(PVOID target, const VOID *source, SIZE_T length)
{
    move_memory(target, source, length);
}

static VOID NTAPI fill_memory(PVOID target, SIZE_T length, int value)
{
    set_memory(target, value, length);
}

static VOID NTAPI zero_memory(PVOID target, SIZE_T length)
{
    set_memory(target, 0, length);
}

static int KERNEL_C compare(const VOID *first, const VOID *second, SIZE_T length)
{
    SERVES("memcmp");

    return memcmp(first, second, length);
}

/* Number of bytes that are equal from the start on. */
static SIZE_T NTAPI compare_memory(const VOID *first, const VOID *second, SIZE_T length)
{
    const unsigned char *a = first;
    const unsigned char *b = second;
    SIZE_T index = 0;
    SERVES("RtlCompareMemory");

    while (index < length && a[index] == b[index]) {
        index++;
    }
    return index;
}

static PVOID KERNEL_C find_byte(const VOID *memory, int value, SIZE_T length)
{
    SERVES("memchr");

    return memchr(memory, value, length);
}

/* The checked variants clear the target and answer ERANGE (34) when it is too small, EINVAL (22)
 * when a pointer is missing. */
static int KERNEL_C copy_checked(PVOID target, SIZE_T space, const VOID *source, SIZE_T length)
{
    enum {
        INVALID = 22,
        OUT_OF_RANGE = 34
    };

    if (length == 0) {
        return 0;
    }
    if (target == NULL) {
        return INVALID;
    }
    if (source == NULL || length > space) {
        set_memory(target, 0, space);
        return source == NULL ? INVALID : OUT_OF_RANGE;
    }
    move_memory(target, source, length);
    return 0;
}

static const struct kernel_export exports[] = {
    KERNEL_EXPORT(memcpy, copy_memory),
    KERNEL_EXPORT(memmove, move_memory),
    KERNEL_EXPORT(memset, set_memory),
    KERNEL_EXPORT(memcmp, compare),
    KERNEL_EXPORT(memchr, find_byte),
    KERNEL_EXPORT(memcpy_s, copy_checked),
    KERNEL_EXPORT(memmove_s, copy_checked),
    KERNEL_EXPORT(RtlCopyMemory, rtl_copy_memory),
    KERNEL_EXPORT(RtlCopyMemoryNonTemporal, rtl_copy_memory),
    KERNEL_EXPORT(RtlMoveMemory, rtl_move_memory),
    KERNEL_EXPORT(RtlFillMemory, fill_memory),
    KERNEL_EXPORT(RtlZeroMemory, zero_memory),
    KERNEL_EXPORT(RtlCompareMemory, compare_memory),
};

KERNEL_TABLE(kernel_memory, exports);
