/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * OS dependent definitions: the Windows interfaces that the driver is compiled against, by
 * Microsoft's header names. They come from this project's ddk/ or, unchanged sources, from the WDK.
 *
 * The flavour of the driver decides which port driver that is:
 *
 *   VIOSTOR_SCSIPORT       wxp   scsiport.sys of Windows XP
 *   VIOSTOR_STORPORT_2003  wnet  storport.sys of Server 2003 and XP x64
 *   neither                wlh   storport.sys of Vista/2008 and later
 */
#ifndef VIOSTOR_OSDEP_H
#define VIOSTOR_OSDEP_H

#include <stddef.h>

#if defined(VIOSTOR_SCSIPORT)
#include "osdep_scsiport.h"
#else
#include "osdep_storport.h"
#endif

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

/* The same: has the compiler keep a value in a register as it is, instead of computing it from others
 * once more, or later. */
#define KEEP_COMPUTED(Value) __asm__("" : "+r"(Value))

#endif
