/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Watched memory: the driver's view of its rings is made inaccessible, so that each access faults.
 * The watcher is called, the page is opened, the instruction runs alone (trap flag), the page is
 * closed again.
 *
 * Pages are open for the whole process while one thread steps: another thread's access in that
 * moment goes unseen. With the deterministic scheduler there is no such thread; with free ones a
 * watch sees most accesses, not all.
 *
 * Memory that is watched must not be hidden or freed meanwhile, as both set access rights.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#include "base/violation.h"
#include "machine/memory.h"
#include "machine/trap_internal.h"

#define WATCH_COUNT 64
#define STEP_PAGES  4 /* that one instruction can touch */

struct watch {
    atomic_uintptr_t first; /* 0: unused */
    uintptr_t end;
    trap_watch_fn before;
    void *context;
};

/* What this thread has opened for the one instruction that it steps. */
struct step {
    uint64_t code; /* the instruction */
    unsigned count;
    uintptr_t page[STEP_PAGES];
};

static struct watch watches[WATCH_COUNT];
static pthread_mutex_t watches_change = PTHREAD_MUTEX_INITIALIZER;
static _Thread_local struct step step;

static struct watch *find_watch(uint64_t address, uint64_t size)
{
    unsigned index;

    for (index = 0; index < WATCH_COUNT; index++) {
        struct watch *watch = &watches[index];
        uintptr_t first = atomic_load_explicit(&watch->first, memory_order_acquire);

        if (first != 0 && address < watch->end && address + size > first) {
            return watch;
        }
    }
    return NULL;
}

static void set_access(uintptr_t page, size_t length, int protection)
{
    if (mprotect((void *)page, length, protection) != 0) {
        fatal("cannot change the access to watched memory at 0x%llx", (unsigned long long)page);
    }
}

void trap_watch(void *base, size_t length, trap_watch_fn before, void *context)
{
    uintptr_t first = (uintptr_t)base;
    unsigned index;

    if (first % GUEST_PAGE_SIZE != 0 || length == 0 || length % GUEST_PAGE_SIZE != 0) {
        fatal("only whole pages can be watched, not %zu bytes at %p", length, base);
    }
    pthread_mutex_lock(&watches_change);
    for (index = 0; index < WATCH_COUNT; index++) {
        struct watch *watch = &watches[index];

        if (atomic_load(&watch->first) == 0) {
            watch->end = first + length;
            watch->before = before;
            watch->context = context;
            atomic_store_explicit(&watch->first, first, memory_order_release);
            set_access(first, length, PROT_NONE);
            pthread_mutex_unlock(&watches_change);
            return;
        }
    }
    pthread_mutex_unlock(&watches_change);
    fatal("more than %u pieces of memory are watched", WATCH_COUNT);
}

void trap_unwatch(void *base)
{
    unsigned index;

    pthread_mutex_lock(&watches_change);
    for (index = 0; index < WATCH_COUNT; index++) {
        struct watch *watch = &watches[index];

        if (atomic_load(&watch->first) == (uintptr_t)base) {
            atomic_store(&watch->first, 0);
            set_access((uintptr_t)base, watch->end - (uintptr_t)base, PROT_READ | PROT_WRITE);
        }
    }
    pthread_mutex_unlock(&watches_change);
}

static void tell(const struct watch *watch, uint64_t address, unsigned size, bool write)
{
    watch->before(watch->context, (const void *)(uintptr_t)address, size, write);
}

/* Tells the watchers of everything that the instruction accesses. A read and write (such as a
 * locked add) is told as both. */
static void tell_watchers(const struct trap_fault *fault)
{
    struct trap_instruction instruction;
    struct watch *watch;
    bool told = false;
    unsigned index;

    if (trap_decode(&instruction, fault->context)) {
        for (index = 0; index < instruction.access_count; index++) {
            const struct trap_access *access = &instruction.access[index];

            watch = find_watch(access->address, access->size);
            if (watch != NULL && access->reads) {
                tell(watch, access->address, access->size, false);
                told = true;
            }
            if (watch != NULL && access->writes) {
                tell(watch, access->address, access->size, true);
                told = true;
            }
        }
    }
    watch = find_watch(fault->address, 1);
    if (!told && watch != NULL) {
        tell(watch, fault->address, 1, fault->write);
    }
}

/* Opens a page for the instruction; the same page again if another thread has closed it. */
static void open_page(uintptr_t page)
{
    unsigned index;

    for (index = 0; index < step.count && step.page[index] != page; index++) {
    }
    if (index == STEP_PAGES) {
        fatal("an instruction touches more than %u watched pages", STEP_PAGES);
    }
    if (index == step.count) {
        step.page[step.count++] = page;
    }
    set_access(page, GUEST_PAGE_SIZE, PROT_READ | PROT_WRITE);
}

static void open_pages(const struct trap_access *access)
{
    uint64_t last = (access->address + access->size - 1) & ~(uint64_t)(GUEST_PAGE_SIZE - 1);
    uint64_t page;

    for (page = access->address & ~(uint64_t)(GUEST_PAGE_SIZE - 1); page <= last;
         page += GUEST_PAGE_SIZE) {
        if (find_watch(page, GUEST_PAGE_SIZE) != NULL) {
            open_page((uintptr_t)page);
        }
    }
}

/* One access, undivided where the processor's is. */
static uint64_t memory_read(uint64_t address, unsigned size)
{
    const volatile void *place = (const volatile void *)(uintptr_t)address;
    uint64_t value = 0;

    if (address % size != 0) {
        memcpy(&value, (const void *)place, size);
        return value;
    }
    switch (size) {
    case 1:
        return *(const volatile uint8_t *)place;
    case 2:
        return *(const volatile uint16_t *)place;
    case 4:
        return *(const volatile uint32_t *)place;
    default:
        return *(const volatile uint64_t *)place;
    }
}

static void memory_write(uint64_t address, unsigned size, uint64_t value)
{
    volatile void *place = (volatile void *)(uintptr_t)address;

    if (address % size != 0) {
        memcpy((void *)place, &value, size);
        return;
    }
    switch (size) {
    case 1:
        *(volatile uint8_t *)place = (uint8_t)value;
        break;
    case 2:
        *(volatile uint16_t *)place = (uint16_t)value;
        break;
    case 4:
        *(volatile uint32_t *)place = (uint32_t)value;
        break;
    default:
        *(volatile uint64_t *)place = value;
        break;
    }
}

/* Executes the instruction in the place of a step. One that the bench cannot execute (a load
 * exclusive, which only makes sense with the store that follows it) runs as it is when the handler
 * returns, with the memory left open. */
static void execute_now(const struct trap_fault *fault)
{
    static const struct trap_bus bus = {.read = memory_read, .write = memory_write};
    struct trap_instruction instruction;
    unsigned index;

    if (!trap_decode(&instruction, fault->context)) {
        return;
    }
    for (index = 0; index < instruction.access_count; index++) {
        open_pages(&instruction.access[index]);
    }
    if (trap_execute(&instruction, &bus) == TRAP_DONE) {
        trap_watch_stepped();
        if (fault->in_image) {
            trap_preemption_point();
        }
    }
}

bool trap_watch_fault(const struct trap_fault *fault)
{
    if (step.count != 0 && step.code != fault->code) {
        trap_watch_stepped();
    }
    if (find_watch(fault->address, 1) == NULL) {
        return false;
    }
    if (step.count == 0 || step.code != fault->code) {
        if (fault->in_image) {
            trap_preemption_point();
        }
        tell_watchers(fault);
        step.code = fault->code;
    }
    open_page((uintptr_t)fault->address & ~(uintptr_t)(GUEST_PAGE_SIZE - 1));
    if (!trap_frame_step(fault->context, true)) {
        execute_now(fault);
    }
    return true;
}

bool trap_watch_stepped(void)
{
    unsigned index;

    if (step.count == 0) {
        return false;
    }
    for (index = 0; index < step.count; index++) {
        if (find_watch(step.page[index], 1) != NULL) {
            set_access(step.page[index], GUEST_PAGE_SIZE, PROT_NONE);
        }
    }
    step.count = 0;
    return true;
}
