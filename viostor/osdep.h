/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * OS dependent definitions: the Windows interfaces that the driver is compiled against, by
 * Microsoft's header names. They come from this project's ddk/ or, unchanged sources, from the WDK.
 */
#ifndef VIOSTOR_OSDEP_H
#define VIOSTOR_OSDEP_H

#include <stddef.h>

#include <ntddk.h>
#include <storport.h>
#include <ntddscsi.h>
#include <srbhelper.h>

/* Not every version of Microsoft's headers defines these for drivers. */
#ifndef min
#define min(a, b) ((a) < (b) ? (a) : (b))
#endif
#ifndef max
#define max(a, b) ((a) > (b) ? (a) : (b))
#endif

/* Keeps data that two processors write apart: bytes in a cache line of every processor that
 * Windows runs on, as far as it matters here. */
#define CACHE_LINE_SIZE 64u

/* For the hot path: tells the compiler which way a branch usually goes. */
#define LIKELY(Condition)   __builtin_expect(!!(Condition), 1)
#define UNLIKELY(Condition) __builtin_expect(!!(Condition), 0)

#endif
