/* SPDX-License-Identifier: BSD-3-Clause */
/* Kernel interface for drivers that are not WDM only. Here the same as <wdm.h>. */
#ifndef _DDK_NTDDK_H_
#define _DDK_NTDDK_H_

#include <wdm.h>

#endif
