/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Registers are trapped: a BAR is mapped without access, so that each load or store of the driver
 * faults; a SIGSEGV handler decodes the instruction (Zydis, Capstone), performs the access on the device and
 * goes on behind it. Port instructions (and privileged ones that Windows drivers use inline, such
 * as reading CR8) fault the same way. The count is the number of VM exits a hypervisor would take.
 *
 * Any other fault in driver code is reported as a violation with the description of the address.
 * A fault outside the driver's image is the bench's own bug and is left to the default action.
 */
#ifndef STORHOST_MACHINE_TRAP_H
#define STORHOST_MACHINE_TRAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct trap_ops {
    uint64_t (*read)(void *context, uint64_t offset, unsigned size);
    void (*write)(void *context, uint64_t offset, unsigned size, uint64_t value);
};

enum trap_space {
    TRAP_MEMORY,
    TRAP_PORTS
};

struct trap_region;

/* Installs the handlers, for all threads. Once. Threads of the driver must not block SIGSEGV, SIGBUS,
 * SIGILL, SIGTRAP and SIGFPE. */
void trap_init(void);

/* Driver images: faults are handled only when the instruction lies in one of them (or in a bench
 * accessor called by it). `name` for reports. */
void trap_add_image(const void *base, size_t length, const char *name);
void trap_remove_image(const void *base);

/* "viostor.sys+0x1a2c" for an address in an image; false otherwise. */
bool trap_describe_code(const void *address, char *text, size_t size);

/*
 * Marks that this thread works for the driver in an export (`name` lives on): a fault in between
 * is laid at the driver's door, as a bad pointer that it passed. May be nested.
 */
void trap_enter_export(const char *name);
void trap_leave_export(void);
const char *trap_current_export(void); /* innermost, or NULL */

/*
 * Makes a window of `length` bytes. TRAP_MEMORY: returns an inaccessible virtual address (not page
 * aligned more than 4096). TRAP_PORTS: claims the port numbers from `first_port` on and returns
 * (void *)first_port; on a processor without port instructions (ARM64) it is a window in memory.
 */
void *trap_map(enum trap_space space, uint16_t first_port, size_t length,
               const struct trap_ops *ops, void *context, const char *name);
void trap_unmap(void *base, enum trap_space space);

/* Makes a window at an address where nothing can be mapped, such as the upper half of the address
 * space. It stands for memory: its accesses are not counted. `ops->write` NULL: read-only. */
void trap_map_fixed(uint64_t address, size_t length, const struct trap_ops *ops, void *context,
                    const char *name);

/* Performs an access as the driver's instruction would (for imported register accessors). A wrong
 * address is a violation. Counted like a trapped one. */
uint64_t trap_read(enum trap_space space, const void *address, unsigned size);
void trap_write(enum trap_space space, void *address, unsigned size, uint64_t value);

/*
 * Watches ordinary memory of the driver (whole pages, from memory_alloc): `before` is called ahead
 * of each driver access with the address, size and direction, on the accessing thread; then the
 * instruction is stepped on the real memory. For rings: device steps, double fetches.
 */
typedef void (*trap_watch_fn)(void *context, const void *address, unsigned size, bool write);
void trap_watch(void *base, size_t length, trap_watch_fn before, void *context);
void trap_unwatch(void *base);

/* Accesses performed so far (VM exits). */
uint64_t trap_accesses(void);

#endif
