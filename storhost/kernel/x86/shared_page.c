/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The page that the kernel shares with all code lies at 0xffdf0000 on x86. Linux gives a 32-bit
 * program on a 64-bit kernel that part of the address space, too, and begins the main stack near
 * it, at random. So the page is claimed at once, without access; and where chance has put the stack
 * on it or little above, the program starts itself anew with addresses that are not random.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <unistd.h>

#include "kernel/kernel_internal.h"

#define SHARED_PAGE 0xffdf0000u
#define PAGE_BYTES  0x1000u
#define STACK_ROOM  0x100000u /* that the main thread may need */

static bool stack_is_near(void)
{
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);

    return here >= SHARED_PAGE && here - SHARED_PAGE < PAGE_BYTES + STACK_ROOM;
}

static void start_anew(char *const *arguments)
{
    int persona = personality(0xffffffff); /* asks */

    if (persona != -1 && (persona & ADDR_NO_RANDOMIZE) == 0 &&
        personality((unsigned long)persona | ADDR_NO_RANDOMIZE) != -1) {
        execv("/proc/self/exe", arguments);
    }
}

/* glibc hands main()'s arguments to constructors. */
__attribute__((constructor)) static void claim_shared_page(int count, char *const *arguments)
{
    void *address = (void *)(uintptr_t)SHARED_PAGE;

    (void)count;
    if (!stack_is_near() &&
        mmap(address, PAGE_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1,
             0) == address) {
        return;
    }
    start_anew(arguments);
    fprintf(stderr, "storhost: the address 0x%x is taken and cannot be freed\n", SHARED_PAGE);
    _exit(1);
}

uint64_t kernel_shared_page(void)
{
    return SHARED_PAGE;
}
