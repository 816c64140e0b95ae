/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The guest's memory: what the driver and the device both see.
 *
 * One memfd holds the physical memory; QEMU maps the same file. It appears at two places in the
 * guest's physical address space: [0, below_4g) and [4 GiB, 4 GiB + above_4g), file offset of the
 * second part = below_4g. The bench keeps one view of all of it (memory_at). The driver gets views
 * of its own: each allocation is mapped page by page somewhere in the bench's address space with
 * an inaccessible page before and behind it, its pages shuffled unless contiguity was asked for,
 * so that a virtual address says nothing of the physical one.
 *
 * A bus address (what a device is told) is the physical address plus memory_bus_offset(), 0 unless
 * a virtual IOMMU is played.
 */
#ifndef STORHOST_MACHINE_MEMORY_H
#define STORHOST_MACHINE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GUEST_PAGE_SIZE 4096u

typedef uint64_t bus_addr;

struct memory_options {
    uint64_t below_4g;   /* bytes, multiple of 1 MiB; the first MiB is never handed out */
    uint64_t above_4g;   /* bytes, multiple of 1 MiB, may be 0 */
    uint64_t bus_offset; /* added to each physical address that is told to the device */
    uint64_t seed;       /* of the shuffling and of garbage */
};

enum memory_kind {
    MEMORY_UNCACHED_EXTENSION,
    MEMORY_SRB_EXTENSION,
    MEMORY_CONTIGUOUS, /* StorPortAllocateContiguousMemory..., StorPortAllocateDmaMemory */
    MEMORY_DATA,       /* data buffer of a request */
    MEMORY_SENSE,
    MEMORY_SRB, /* SRB and scatter/gather list: never seen by the device */
    MEMORY_DEVICE_EXTENSION,
    MEMORY_POOL, /* what the driver allocates: never seen by the device */
    MEMORY_PORT, /* what the port driver keeps and shows: configuration, ...: likewise */
    MEMORY_KIND_COUNT
};

struct memory_request {
    enum memory_kind kind;
    size_t bytes;
    size_t alignment; /* power of two; 0: the natural worst (8, or that of pool) */
    bool contiguous;  /* physically */
    uint64_t lowest;  /* physical limits, inclusive; highest 0: no limit */
    uint64_t highest;
    uint64_t boundary; /* not to be crossed, power of two; 0: none */
    const char *name;  /* for reports; a string that lives on */
};

/* Creates the guest's memory. Called once; ends the program with a clear text on failure. */
void memory_init(const struct memory_options *options);
int memory_fd(void);
const struct memory_options *memory_layout(void);

/*
 * Gets memory for the driver, filled with garbage, fenced by inaccessible pages so that its last
 * byte (rounded up to the alignment) lies at the end of a page. NULL if there is none left.
 * Any thread; not to be called from a signal handler.
 */
void *memory_alloc(const struct memory_request *request);

/* Gives it back: made inaccessible and kept so for a while, so that a late access of the driver
 * faults with the allocation's name. */
void memory_free(void *address);

/* Makes an allocation inaccessible (or accessible again) to the driver without giving it back:
 * what belongs to a completed request. memory_hide keeps the contents. */
void memory_hide(void *address);
void memory_show(void *address);

/* Fills an allocation with garbage that differs from call to call. */
void memory_garble(void *address);

/* Bus address of a byte that the driver sees at `address`, and how many bytes from there are
 * contiguous for the device. False: not memory from here. */
bool memory_bus_address(const void *address, bus_addr *bus, uint64_t *contiguous);

/* The driver's virtual address for a bus address of a live allocation, or NULL. */
void *memory_virtual(bus_addr bus);

/* The bench's own view of physical memory; NULL unless [bus, bus + length) is memory and
 * contiguous. For devices and checks; never given to the driver. */
void *memory_at(bus_addr bus, size_t length);

/* Whether `address` lies in (or in the fence of, or in a freed) allocation; writes a text such as
 * "8 bytes behind the end of SRB extension (1024 bytes)" for reports. */
bool memory_describe(const void *address, char *text, size_t size);

/* What kind of allocation `address` lies in; false: in none. Any thread. */
bool memory_kind_at(const void *address, enum memory_kind *kind);

/* Bytes allocated now per kind: for leak checks and tables. */
size_t memory_allocated(enum memory_kind kind);

#endif
