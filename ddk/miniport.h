/* SPDX-License-Identifier: BSD-3-Clause */
/* What a SCSIPort miniport includes first: basic types, without the rest of the kernel. */
#ifndef _DDK_MINIPORT_H_
#define _DDK_MINIPORT_H_

#include <wdm.h>

#endif
