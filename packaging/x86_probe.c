/* SPDX-License-Identifier: BSD-3-Clause */
/* The smallest program of the kind that build/x86/storhost is: says its one word where such programs
 * run (packaging/x86_runner.sh). */
#include <stdio.h>

int main(void)
{
    puts("i686");
    return 0;
}
