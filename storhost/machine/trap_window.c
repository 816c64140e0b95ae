/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Windows: ranges of address space or of port numbers behind which there are registers.
 *
 * A window for memory is address space without access rights, with a fence of a page on either
 * side, so that an access beyond the end is still known to be one to this window. A window that
 * was unmapped stays reserved for the same reason, as long as its place in the table is not needed
 * for another.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "base/violation.h"
#include "machine/barrier.h"
#include "machine/memory.h"
#include "machine/trap_internal.h"

#define WINDOW_COUNT 256
#define FENCE_SIZE   GUEST_PAGE_SIZE

enum window_state {
    WINDOW_FREE,
    WINDOW_LIVE,
    WINDOW_GONE, /* unmapped: an access is reported by its name */
};

enum window_cost {
    WINDOW_EXITS, /* a register: an access would leave the guest */
    WINDOW_PLAIN, /* memory that only cannot be mapped where the driver expects it */
};

struct window {
    _Atomic(enum window_state) state;
    enum trap_space space;
    enum window_cost cost;
    uint64_t first;                        /* address or port */
    uint64_t length;                       /* bytes or ports */
    uint64_t reserved_first, reserved_end; /* what belongs to it, with fences */
    const struct trap_ops *ops;
    void *context;
    char name[48];
};

static struct window windows[WINDOW_COUNT];
static pthread_mutex_t windows_change = PTHREAD_MUTEX_INITIALIZER;
static atomic_ullong access_count;

uint64_t trap_accesses(void)
{
    return atomic_load_explicit(&access_count, memory_order_relaxed);
}

/* Where a range of ports lies: in memory if the processor has no other way to them. */
static enum trap_space space_of(enum trap_space space)
{
    return TRAP_PORTS_ARE_MEMORY ? TRAP_MEMORY : space;
}

/* ---- The table ----------------------------------------------------------------------------- */

/* A free place, or that of a window that is gone, which then is forgotten. Under the lock. */
static struct window *take_window(void)
{
    struct window *oldest = NULL;
    unsigned index;

    for (index = 0; index < WINDOW_COUNT; index++) {
        if (atomic_load(&windows[index].state) == WINDOW_FREE) {
            return &windows[index];
        }
        if (oldest == NULL && atomic_load(&windows[index].state) == WINDOW_GONE) {
            oldest = &windows[index];
        }
    }
    if (oldest == NULL) {
        fatal("more than %u register windows are mapped", WINDOW_COUNT);
    }
    atomic_store(&oldest->state, WINDOW_FREE);
    if (oldest->space == TRAP_MEMORY && oldest->cost == WINDOW_EXITS) {
        munmap((void *)(uintptr_t)oldest->reserved_first,
               oldest->reserved_end - oldest->reserved_first);
    }
    return oldest;
}

/* Enters a window. The memory behind it, if any, was reserved by the caller. */
static void enter_window(enum trap_space space, enum window_cost cost, uint64_t first,
                         uint64_t length, uint64_t fence, const struct trap_ops *ops, void *context,
                         const char *name)
{
    struct window *window;

    pthread_mutex_lock(&windows_change);
    window = take_window();
    window->space = space;
    window->cost = cost;
    window->first = first;
    window->length = length;
    window->reserved_first = first - fence;
    window->reserved_end = first + length + fence;
    if (fence != 0) {
        window->reserved_end =
            (window->reserved_end + FENCE_SIZE - 1) & ~(uint64_t)(FENCE_SIZE - 1);
    }
    window->ops = ops;
    window->context = context;
    snprintf(window->name, sizeof(window->name), "%s", name);
    atomic_store(&window->state, WINDOW_LIVE);
    pthread_mutex_unlock(&windows_change);
}

/* The window that [address, address + size) touches: a live one rather than one that is gone. */
static struct window *find_window(enum trap_space space, uint64_t address, unsigned size)
{
    struct window *found = NULL;
    unsigned index;

    for (index = 0; index < WINDOW_COUNT; index++) {
        struct window *window = &windows[index];
        enum window_state state = atomic_load_explicit(&window->state, memory_order_acquire);

        if (state == WINDOW_FREE || window->space != space || address >= window->reserved_end ||
            (address < window->reserved_first && window->reserved_first - address >= size)) {
            continue;
        }
        found = window;
        if (state == WINDOW_LIVE) {
            break;
        }
    }
    return found;
}

bool trap_window_touches(uint64_t address, unsigned size)
{
    return find_window(TRAP_MEMORY, address, size) != NULL;
}

void *trap_map(enum trap_space space, uint16_t first_port, size_t length,
               const struct trap_ops *ops, void *context, const char *name)
{
    size_t pages = (length + FENCE_SIZE - 1) & ~(size_t)(FENCE_SIZE - 1);
    uint8_t *address;

    if (length == 0 || (space == TRAP_PORTS && first_port + length > 0x10000)) {
        fatal("%s: a window of %zu bytes at 0x%x cannot be mapped", name, length, first_port);
    }
    space = space_of(space);
    if (space == TRAP_PORTS) {
        enter_window(space, WINDOW_EXITS, first_port, length, 0, ops, context, name);
        return (void *)(uintptr_t)first_port;
    }
    address = mmap(NULL, pages + 2 * FENCE_SIZE, PROT_NONE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (address == MAP_FAILED) {
        fatal("%s: no address space for %zu bytes of registers: %s", name, length, strerror(errno));
    }
    address += FENCE_SIZE;
    enter_window(space, WINDOW_EXITS, (uintptr_t)address, length, FENCE_SIZE, ops, context, name);
    return address;
}

void trap_map_fixed(uint64_t address, size_t length, const struct trap_ops *ops, void *context,
                    const char *name)
{
    enter_window(TRAP_MEMORY, WINDOW_PLAIN, address, length, 0, ops, context, name);
}

void trap_unmap(void *base, enum trap_space space)
{
    struct window *window;

    pthread_mutex_lock(&windows_change);
    window = find_window(space_of(space), (uint64_t)(uintptr_t)base, 1);
    if (window == NULL || atomic_load(&window->state) != WINDOW_LIVE ||
        window->first != (uint64_t)(uintptr_t)base) {
        pthread_mutex_unlock(&windows_change);
        violation(RULE_ARGUMENT, "registers at %p are unmapped, but were not mapped", base);
    }
    atomic_store(&window->state, WINDOW_GONE);
    pthread_mutex_unlock(&windows_change);
}

/* ---- Accesses ------------------------------------------------------------------------------ */

/* The live window that holds all of an access; a violation otherwise. */
static struct window *checked_window(enum trap_space space, uint64_t address, unsigned size,
                                     const char *verb)
{
    struct window *window = find_window(space_of(space), address, size);
    const char *place = space_of(space) == TRAP_PORTS ? "port" : "address";

    if (window == NULL) {
        violation(RULE_MEMORY,
                  "%s of %u bytes at %s 0x%llx, where no register was given to the "
                  "driver",
                  verb, size, place, (unsigned long long)address);
    }
    if (atomic_load(&window->state) != WINDOW_LIVE) {
        violation(RULE_MEMORY, "%s of %u bytes at offset 0x%llx of %s, which was unmapped", verb,
                  size, (unsigned long long)(address - window->first), window->name);
    }
    if (address < window->first || address - window->first + size > window->length) {
        violation(RULE_MEMORY, "%s of %u bytes at offset %s0x%llx of %s, which has 0x%llx bytes",
                  verb, size, address < window->first ? "-" : "",
                  (unsigned long long)(address < window->first ? window->first - address
                                                               : address - window->first),
                  window->name, (unsigned long long)window->length);
    }
    if (window->cost == WINDOW_EXITS) {
        atomic_fetch_add_explicit(&access_count, 1, memory_order_relaxed);
    }
    return window;
}

static uint64_t window_read(enum trap_space space, uint64_t address, unsigned size)
{
    struct window *window = checked_window(space, address, size, "read");
    uint64_t value = window->ops->read(window->context, address - window->first, size);

    return size >= 8 ? value : value & ((1ull << (8 * size)) - 1);
}

static void window_write(enum trap_space space, uint64_t address, unsigned size, uint64_t value)
{
    struct window *window = checked_window(space, address, size, "write");

    if (window->ops->write == NULL) {
        violation(RULE_MEMORY, "write of %u bytes at offset 0x%llx of %s, which is read-only", size,
                  (unsigned long long)(address - window->first), window->name);
    }
    window->ops->write(window->context, address - window->first, size, value);
}

static void check_register_size(enum trap_space space, unsigned size)
{
    if (size != 1 && size != 2 && size != 4 && (size != 8 || space == TRAP_PORTS)) {
        violation(RULE_ARGUMENT, "a register access of %u bytes", size);
    }
}

uint64_t trap_read(enum trap_space space, const void *address, unsigned size)
{
    uint64_t value;

    check_register_size(space, size);
    trap_preemption_point();
    value = window_read(space, (uint64_t)(uintptr_t)address, size);
    barrier_executed(BARRIER_FULL); /* Windows' accessors hold one behind a load ... */
    trap_preemption_point();
    return value;
}

void trap_write(enum trap_space space, void *address, unsigned size, uint64_t value)
{
    check_register_size(space, size);
    trap_preemption_point();
    barrier_executed(BARRIER_FULL); /* ... and ahead of a store */
    window_write(space, (uint64_t)(uintptr_t)address, size, value);
    trap_preemption_point();
}

/* ---- The bus of trapped instructions ------------------------------------------------------- */

/* The other side of a string instruction is ordinary memory; a fault there is the driver's. */
static uint64_t bus_read(uint64_t address, unsigned size)
{
    uint64_t value = 0;

    if (trap_window_touches(address, size)) {
        return window_read(TRAP_MEMORY, address, size);
    }
    trap_enter_export("a string instruction");
    memcpy(&value, (const void *)(uintptr_t)address, size);
    trap_leave_export();
    return value;
}

static void bus_write(uint64_t address, unsigned size, uint64_t value)
{
    if (trap_window_touches(address, size)) {
        window_write(TRAP_MEMORY, address, size, value);
        return;
    }
    trap_enter_export("a string instruction");
    memcpy((void *)(uintptr_t)address, &value, size);
    trap_leave_export();
}

static uint64_t bus_read_port(uint16_t port, unsigned size)
{
    return window_read(TRAP_PORTS, port, size);
}

static void bus_write_port(uint16_t port, unsigned size, uint64_t value)
{
    window_write(TRAP_PORTS, port, size, value);
}

/* Whether an access of the instruction lies in a window behind which there are registers. */
static bool touches_registers(const struct trap_instruction *instruction)
{
    unsigned index;

    for (index = 0; index < instruction->access_count; index++) {
        const struct trap_access *access = &instruction->access[index];
        const struct window *window = find_window(TRAP_MEMORY, access->address, access->size);

        if (window != NULL && window->cost == WINDOW_EXITS) {
            return true;
        }
    }
    return false;
}

void trap_window_execute(struct trap_instruction *instruction)
{
    static const struct trap_bus bus = {bus_read, bus_write, bus_read_port, bus_write_port};
    const char *problem = trap_register_problem(instruction);

    if (problem != NULL && touches_registers(instruction)) {
        trap_report_instruction(RULE_CRASH, instruction, "%s", problem);
    }
    switch (trap_execute(instruction, &bus)) {
    case TRAP_DONE:
        return;
    case TRAP_TOO_WIDE:
        trap_report_instruction(RULE_VIRTIO, instruction,
                                "a register access of more than 8 bytes: a field of a device is "
                                "accessed by its own width (virtio 4.1.3.1)");
    default:
        trap_report_instruction(RULE_CRASH, instruction,
                                "the bench does not know this instruction on registers of a "
                                "device; use volatile accesses of 1, 2, 4 or 8 bytes");
    }
}
