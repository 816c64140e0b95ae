/* SPDX-License-Identifier: BSD-3-Clause */
/* Formatted text as Windows' kernel makes it: its conversions are not those of Linux's printf. */
#ifndef STORHOST_KERNEL_FORMAT_H
#define STORHOST_KERNEL_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/arguments.h"

/* Where a format string is, and whether its characters have 16 bits. */
struct format_text {
    const void *characters;
    bool wide;
};

/* A buffer that is filled. What does not fit is counted and left out. */
struct format_buffer {
    void *characters;
    bool wide;
    size_t space; /* characters */
    size_t used;  /* characters that the whole text has, without a terminator */
};

/*
 * Formats into `buffer`, without a terminator. `function` is the export that the driver called, for
 * the report of a wide conversion above PASSIVE_LEVEL (NULL: allowed at any IRQL).
 */
void kernel_format(struct format_buffer *buffer, struct format_text format,
                   struct arguments *arguments, const char *function);

#endif
