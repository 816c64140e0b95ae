/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The two segments of a thread's own: FS, which leads to the processor control region as on Windows,
 * and GS, which is the C library's.
 */
#ifndef STORHOST_MACHINE_X86_SEGMENT_H
#define STORHOST_MACHINE_X86_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Points FS of the calling thread at memory of whole pages. False: the system refuses (errno). */
bool segment_set_fs(const void *base, size_t bytes);
void segment_clear_fs(void);

/* Where FS (0: nowhere) and GS of the calling thread lead to. */
uint32_t segment_fs_base(void);
uint32_t segment_gs_base(void);

#endif
