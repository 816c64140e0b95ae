/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The processor control region. Offsets are those that ntddk.h of x64 declares or that compilers
 * inline from it (KeGetPcr, KeGetCurrentProcessorNumber, KeGetCurrentThread). Everything else reads
 * as zero; what lies beyond the region is inaccessible, so that a use of more of it is seen.
 */
#include "machine/kpcr.h"

#include "base/violation.h"

#include <asm/prctl.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define REGION_BYTES 0x4000u /* with the processor block, of which drivers read the beginning */
#define THREAD_BYTES 0x1000u /* a KTHREAD of zeros */
#define FENCE_BYTES  0x1000u

/* Offsets in the region; the processor block (KPRCB) begins at 0x180. */
enum {
    KPCR_SELF = 0x18,
    KPCR_CURRENT_PRCB = 0x20,
    KPCR_IRQL = 0x50,
    KPCR_PRCB = 0x180,
    KPRCB_LEGACY_NUMBER = KPCR_PRCB + 0x4,
    KPRCB_CURRENT_THREAD = KPCR_PRCB + 0x8,
    KPRCB_NUMBER = KPCR_PRCB + 0x24,
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
    uint32_t wide = number;

    if (kpcr == MAP_FAILED || mprotect(kpcr->fence, FENCE_BYTES, PROT_NONE) != 0) {
        fatal("no memory for processor %u: %s", number, strerror(errno));
    }
    put_pointer(kpcr, KPCR_SELF, kpcr);
    put_pointer(kpcr, KPCR_CURRENT_PRCB, kpcr->bytes + KPCR_PRCB);
    put_pointer(kpcr, KPRCB_CURRENT_THREAD, kpcr->thread);
    kpcr->bytes[KPRCB_LEGACY_NUMBER] = (uint8_t)number;
    memcpy(kpcr->bytes + KPRCB_NUMBER, &wide, sizeof(wide));
    if (syscall(SYS_arch_prctl, ARCH_SET_GS, kpcr) != 0) {
        fatal("cannot point GS of processor %u at its control region: %s", number, strerror(errno));
    }
    return kpcr;
}

void kpcr_remove(struct kpcr *kpcr)
{
    syscall(SYS_arch_prctl, ARCH_SET_GS, 0);
    munmap(kpcr, sizeof(*kpcr));
}

void kpcr_set_irql(struct kpcr *kpcr, uint8_t irql)
{
    *(volatile uint8_t *)(kpcr->bytes + KPCR_IRQL) = irql;
}
