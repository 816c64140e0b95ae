/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The processor control region of ARM64, at which x18 points in kernel mode (Microsoft, "Overview
 * of ARM64 ABI conventions"). Offsets are those that compilers and ntddk.h inline. Everything else
 * reads as zero; what lies beyond the region is inaccessible, so that a use of more of it is seen.
 *
 * Linux' C library uses x18 as it likes. So it is set ahead of each call of the driver
 * (thunk_enter_driver), and again when an export returns to it (thunk.c).
 */
#include "machine/kpcr.h"

#include "base/violation.h"
#include "machine/arm64/thunk_state.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#define REGION_BYTES 0x4000u /* with the processor block, of which drivers read the beginning */
#define THREAD_BYTES 0x1000u /* a KTHREAD of zeros */
#define FENCE_BYTES  0x1000u

/* Offsets in the region; the processor block (KPRCB) begins at 0x980. */
enum {
    KPCR_SELF = 0x18,
    KPCR_CURRENT_PRCB = 0x20,
    KPCR_IRQL = 0x38,
    KPCR_PRCB = 0x980,
    KPRCB_CURRENT_THREAD = KPCR_PRCB + 0x8,
};

struct kpcr {
    uint8_t bytes[REGION_BYTES];
    uint8_t thread[THREAD_BYTES];
    uint8_t fence[FENCE_BYTES];
};

static void put_pointer(struct kpcr *kpcr, unsigned offset, const void *pointer)
{
    memcpy(kpcr->bytes + offset, &pointer, sizeof(pointer));
}

struct kpcr *kpcr_install(unsigned number)
{
    struct kpcr *kpcr =
        mmap(NULL, sizeof(*kpcr), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (kpcr == MAP_FAILED || mprotect(kpcr->fence, FENCE_BYTES, PROT_NONE) != 0) {
        fatal("no memory for processor %u: %s", number, strerror(errno));
    }
    put_pointer(kpcr, KPCR_SELF, kpcr);
    put_pointer(kpcr, KPCR_CURRENT_PRCB, kpcr->bytes + KPCR_PRCB);
    put_pointer(kpcr, KPRCB_CURRENT_THREAD, kpcr->thread);
    thunk_state.kpcr = kpcr;
    return kpcr;
}

void kpcr_remove(struct kpcr *kpcr)
{
    thunk_state.kpcr = NULL;
    munmap(kpcr, sizeof(*kpcr));
}

void kpcr_set_irql(struct kpcr *kpcr, uint8_t irql)
{
    *(volatile uint8_t *)(kpcr->bytes + KPCR_IRQL) = irql;
}
