/* SPDX-License-Identifier: BSD-3-Clause */
/* What the tests of the kernel's exports expect on ARM64: what they do on x64. */
#include "../x64/kernel_arch_test.h"
