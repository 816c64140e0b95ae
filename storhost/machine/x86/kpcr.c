/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The processor control region of x86. Offsets are those that ntddk.h of x86 declares or that
 * compilers inline (KeGetPcr, KeGetCurrentProcessorNumber, KeGetCurrentThread, the list of
 * exception handlers of __try). Everything else reads as zero; what lies beyond the region is
 * inaccessible, so that a use of more of it is seen.
 *
 * A segment of the thread's own leads there. GS, the other one, is the C library's.
 */
#include "machine/kpcr.h"

#include "base/violation.h"
#include "machine/x86/segment.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#define REGION_BYTES 0x4000u /* with the processor block, of which drivers read the beginning */
#define THREAD_BYTES 0x1000u /* a KTHREAD of zeros */
#define FENCE_BYTES  0x1000u

/* Offsets in the region; the processor block (KPRCB) begins at 0x120. */
enum {
    KPCR_EXCEPTION_LIST = 0x0,
    KPCR_SELF = 0x1c,
    KPCR_CURRENT_PRCB = 0x20,
    KPCR_IRQL = 0x24,
    KPCR_SET_MEMBER = 0x48, /* the processor's bit */
    KPCR_NUMBER = 0x51,
    KPCR_PRCB = 0x120,
    KPRCB_CURRENT_THREAD = KPCR_PRCB + 0x4,
    KPRCB_LEGACY_NUMBER = KPCR_PRCB + 0x10,
};

#define END_OF_EXCEPTION_LIST 0xffffffffu

struct kpcr {
    uint8_t bytes[REGION_BYTES];
    uint8_t thread[THREAD_BYTES];
    uint8_t fence[FENCE_BYTES];
};

static void put_word(struct kpcr *kpcr, unsigned offset, uint32_t value)
{
    memcpy(kpcr->bytes + offset, &value, sizeof(value));
}

static void put_pointer(struct kpcr *kpcr, unsigned offset, const void *pointer)
{
    put_word(kpcr, offset, (uint32_t)(uintptr_t)pointer);
}

struct kpcr *kpcr_install(unsigned number)
{
    struct kpcr *kpcr =
        mmap(NULL, sizeof(*kpcr), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (kpcr == MAP_FAILED || mprotect(kpcr->fence, FENCE_BYTES, PROT_NONE) != 0) {
        fatal("no memory for processor %u: %s", number, strerror(errno));
    }
    put_word(kpcr, KPCR_EXCEPTION_LIST, END_OF_EXCEPTION_LIST);
    put_pointer(kpcr, KPCR_SELF, kpcr);
    put_pointer(kpcr, KPCR_CURRENT_PRCB, kpcr->bytes + KPCR_PRCB);
    put_pointer(kpcr, KPRCB_CURRENT_THREAD, kpcr->thread);
    put_word(kpcr, KPCR_SET_MEMBER, number < 32 ? 1u << number : 0);
    kpcr->bytes[KPCR_NUMBER] = (uint8_t)number;
    kpcr->bytes[KPRCB_LEGACY_NUMBER] = (uint8_t)number;
    if (!segment_set_fs(kpcr, sizeof(*kpcr))) {
        fatal("cannot point FS of processor %u at its control region: %s", number, strerror(errno));
    }
    return kpcr;
}

void kpcr_remove(struct kpcr *kpcr)
{
    segment_clear_fs();
    munmap(kpcr, sizeof(*kpcr));
}

void kpcr_set_irql(struct kpcr *kpcr, uint8_t irql)
{
    *(volatile uint8_t *)(kpcr->bytes + KPCR_IRQL) = irql;
}
