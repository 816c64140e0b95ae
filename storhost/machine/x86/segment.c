/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Segments lie in entries of the global descriptor table that Linux gives each thread for itself.
 * qemu-i386 before 8.0 has one table for all threads: an entry holds what any thread last put there,
 * and a thread has its own base only as long as nothing loads the segment register again. Its return
 * from a signal does. There handlers are left by a return of our own, which does not.
 */
#include "machine/x86/segment.h"

#include "base/violation.h"
#include "machine/intel/intel.h"
#include "machine/trap_internal.h"

#include <asm/ldt.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE_BYTES 0x1000u

/* A selector of the global descriptor table for user mode, and back. */
#define SELECTOR(entry)    ((entry) << 3 | 3)
#define ENTRY_OF(selector) ((selector) >> 3)
#define ENTRY_ANY          (-1u) /* the system picks a free one */

static struct {
    pthread_mutex_t loads; /* from writing the entry to loading it */
    unsigned entry;        /* of FS, the same in all threads */
    bool shared;           /* the table serves all threads */
} table = {.loads = PTHREAD_MUTEX_INITIALIZER, .entry = ENTRY_ANY};

static _Thread_local uint32_t fs_base;

bool segment_set_fs(const void *base, size_t bytes)
{
    struct user_desc descriptor = {
        .base_addr = (unsigned)(uintptr_t)base,
        .limit = bytes / PAGE_BYTES - 1,
        .seg_32bit = 1,
        .limit_in_pages = 1,
        .useable = 1,
    };
    bool done;

    pthread_mutex_lock(&table.loads);
    descriptor.entry_number = table.entry;
    done = syscall(SYS_set_thread_area, &descriptor) == 0;
    if (done) {
        table.entry = descriptor.entry_number;
        __asm__ volatile("movw %w0, %%fs" : : "q"(SELECTOR(descriptor.entry_number)));
        fs_base = descriptor.base_addr;
    }
    pthread_mutex_unlock(&table.loads);
    return done;
}

void segment_clear_fs(void)
{
    __asm__ volatile("movw %w0, %%fs" : : "q"(0));
    fs_base = 0;
}

uint32_t segment_fs_base(void)
{
    return fs_base;
}

uint32_t segment_gs_base(void)
{
    return (uint32_t)(uintptr_t)__builtin_thread_pointer();
}

/* ---- Return from a signal ------------------------------------------------------------------ */

/* What the table has for the calling thread's GS. */
static uint32_t gs_base_in_table(void)
{
    struct user_desc descriptor = {0};
    uint16_t selector;

    __asm__("movw %%gs, %0" : "=r"(selector));
    descriptor.entry_number = ENTRY_OF(selector);
    if (syscall(SYS_get_thread_area, &descriptor) != 0) {
        fatal("cannot read the thread's segment: %s", strerror(errno));
    }
    return descriptor.base_addr;
}

static void *do_nothing(void *context)
{
    return context;
}

/* Finds out by a second thread whether its segment becomes this one's. */
void trap_frame_init(void)
{
    pthread_t second;

    if (pthread_create(&second, NULL, do_nothing, NULL) != 0) {
        fatal("cannot start a thread");
    }
    pthread_join(second, NULL);
    table.shared = gs_base_in_table() != segment_gs_base();
}

/* What POPA and IRET take off the stack, in their order (AMD64 Architecture Programmer's Manual,
 * volume 3). */
struct popped {
    uint32_t edi, esi, ebp, unused, ebx, edx, ecx, eax;
    uint32_t eip, cs, flags;
};

struct fxsave {
    _Alignas(16) uint8_t bytes[512];
};

/* Below the stack pointer that it leaves there is nothing that counts: the Windows calling
 * convention has no red zone, and the signal frame, which lies there, has been read. The mask of
 * signals is as it was (SA_NODEFER, and an empty one). */
static _Noreturn void return_without_segments(const ucontext_t *context)
{
    const greg_t *saved = context->uc_mcontext.gregs;
    const uint8_t *area = intel_fxsave_area(context);
    struct popped popped = {
        .edi = (uint32_t)saved[REG_EDI],
        .esi = (uint32_t)saved[REG_ESI],
        .ebp = (uint32_t)saved[REG_EBP],
        .ebx = (uint32_t)saved[REG_EBX],
        .edx = (uint32_t)saved[REG_EDX],
        .ecx = (uint32_t)saved[REG_ECX],
        .eax = (uint32_t)saved[REG_EAX],
        .eip = (uint32_t)saved[REG_EIP],
        .cs = (uint32_t)saved[REG_CS],
        .flags = (uint32_t)saved[REG_EFL],
    };
    struct popped *stack = (struct popped *)(uintptr_t)saved[REG_ESP] - 1;
    struct fxsave vectors;

    if (area == NULL) {
        fatal("the signal frame has no vector registers");
    }
    memcpy(&vectors, area, sizeof(vectors));
    memcpy(stack, &popped, sizeof(popped));
    __asm__ volatile("fxrstor %0\n\t"
                     "movl %1, %%esp\n\t"
                     "popal\n\t"
                     "iretl"
                     :
                     : "m"(vectors), "r"(stack)
                     : "memory");
    __builtin_unreachable();
}

void trap_frame_leave(ucontext_t *context)
{
    if (table.shared) {
        return_without_segments(context);
    }
}
