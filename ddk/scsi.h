/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef _NTSCSI_
#define _NTSCSI_
#include <ntdef.h>
#endif
