/* SPDX-License-Identifier: BSD-3-Clause */
/* The C library's numbers, sorting and searching. */
#include <stdlib.h>

#include "kernel/kernel_internal.h"

static int KERNEL_C text_to_int(const char *text)
{
    SERVES("atoi");

    return atoi(text);
}

typedef int KERNEL_C compare_fn(const VOID *a, const VOID *b);

static void swap_elements(char *a, char *b, SIZE_T width)
{
    SIZE_T index;

    for (index = 0; index < width; index++) {
        char kept = a[index];

        a[index] = b[index];
        b[index] = kept;
    }
}

/* Heap sort's half: lets the element at `root` sink to its place. */
static void sink(char *base, SIZE_T root, SIZE_T count, SIZE_T width, compare_fn *compare)
{
    for (;;) {
        SIZE_T child = 2 * root + 1;

        if (child >= count) {
            return;
        }
        if (child + 1 < count && compare(base + child * width, base + (child + 1) * width) < 0) {
            child++;
        }
        if (compare(base + root * width, base + child * width) >= 0) {
            return;
        }
        swap_elements(base + root * width, base + child * width, width);
        root = child;
    }
}

static VOID KERNEL_C sort(PVOID base, SIZE_T count, SIZE_T width, compare_fn *compare)
{
    SIZE_T index;
    SERVES("qsort");

    thunk_enter_driver();
    for (index = count / 2; index > 0; index--) {
        sink(base, index - 1, count, width, compare);
    }
    for (index = count; index > 1; index--) {
        swap_elements(base, (char *)base + (index - 1) * width, width);
        sink(base, 0, index - 1, width, compare);
    }
}

static PVOID KERNEL_C search(const VOID *key, const VOID *base, SIZE_T count, SIZE_T width,
                             compare_fn *compare)
{
    SIZE_T low = 0;
    SERVES("bsearch");

    thunk_enter_driver();
    while (low < count) {
        SIZE_T middle = low + (count - low) / 2;
        const char *element = (const char *)base + middle * width;
        int order = compare(key, element);

        if (order == 0) {
            return (PVOID)(ULONG_PTR)element;
        }
        if (order < 0) {
            count = middle;
        } else {
            low = middle + 1;
        }
    }
    return NULL;
}

/* A linear congruential generator; 15 bits of each step are the result. */
static ULONG random_state = 1;

static VOID KERNEL_C seed_random(unsigned seed)
{
    random_state = seed;
}

static int KERNEL_C next_random(void)
{
    random_state = random_state * 214013u + 2531011u;
    return (int)((random_state >> 16) & 0x7fff);
}

/* A number below 2^31 - 1; the seed moves on. */
static ULONG NTAPI random_ex(PULONG seed)
{
    SERVES("RtlRandomEx");

    *seed = (ULONG)(((ULONGLONG)*seed * 2147483629u + 2147483587u) % 2147483647u);
    return *seed;
}

static const struct kernel_export exports[] = {
    KERNEL_EXPORT(atoi, text_to_int),    KERNEL_EXPORT(atol, text_to_int),
    KERNEL_EXPORT(qsort, sort),          KERNEL_EXPORT(bsearch, search),
    KERNEL_EXPORT(rand, next_random),    KERNEL_EXPORT(srand, seed_random),
    KERNEL_EXPORT(RtlRandom, random_ex), KERNEL_EXPORT(RtlRandomEx, random_ex),
};

KERNEL_TABLE(kernel_numbers, exports);
