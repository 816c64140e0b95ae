/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * DMA grants: which bytes of memory the device may be told to read or write, and for how long.
 *
 * QEMU judges no address (a read into nowhere succeeds), so the bench does. A grant covers exactly
 * the bytes that the driver was given. When a grant that the device could write ends, its bytes
 * are kept for a while in a quarantine: filled with a pattern and compared later, so that a device
 * write after the end is seen.
 */
#ifndef STORHOST_MACHINE_GRANT_H
#define STORHOST_MACHINE_GRANT_H

#include "machine/memory.h"

enum grant_access {
    GRANT_DEVICE_READS,  /* a write request's data */
    GRANT_DEVICE_WRITES, /* a read request's data */
    GRANT_BOTH,          /* rings, SRB extensions, sense */
};

struct grant; /* one range [virtual address, length), scattered over physical pages */

/* Opens a grant over memory from memory_alloc. `name` and `owner` (an SRB, or NULL) go into
 * reports. Any thread. */
struct grant *grant_begin(void *address, size_t length, enum grant_access access, const char *name,
                          const void *owner);

/*
 * Ends a grant. With `watch` the memory goes into quarantine: the caller has given up its contents
 * and must not reuse the memory before grant_quarantine_over() says so (memory_free on it is put
 * off until then). Without, only the permission ends. Memory that the device could only read needs
 * no quarantine and gets none.
 */
void grant_end(struct grant *grant, bool watch);

/* From now on `may_write` is asked of memory whose grant ends with `watch`: whether the device still
 * has a request that lets it write there, which is violation RULE_LATE_DMA. Called without a lock of
 * the grants. NULL: nobody is asked. */
void grants_ask(bool (*may_write)(void *context, bus_addr bus, uint64_t length), void *context);

/* Whether no byte of the allocation that `address` lies in is in quarantine (any more). */
bool grant_quarantine_over(const void *address);

/* Checks that [bus, bus + length) lies in one live grant that allows the direction; violation
 * RULE_DMA_GRANT (naming `what`, such as "queue 1, descriptor 17") otherwise. */
void grant_check(bus_addr bus, uint64_t length, bool device_writes, const char *what);
bool grant_covers(bus_addr bus, uint64_t length, bool device_writes);

/* Compares everything in quarantine with its pattern (violation RULE_LATE_DMA) and releases what
 * has been there long enough. `everything` releases all: at the end of a run. */
void grant_inspect_quarantine(bool everything);

/*
 * A crash or hibernation: what was granted until then stays so while the device still runs for the
 * frozen system (grants_mark); from the device's reset on (grants_freeze) those grants are over,
 * but their memory is the frozen system's and must stay as it is. grants_inspect_frozen compares it
 * (violation RULE_LATE_DMA). grants_thaw: the system goes on, its grants are live again.
 */
void grants_mark(void);
void grants_freeze(void);
void grants_inspect_frozen(void);
void grants_thaw(void);

#endif
