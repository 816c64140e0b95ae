/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A virtio function on a PCI bus, as far as it is the same for each device that storhost presents
 * itself: configuration space with BARs and capabilities (VIRTIO 1.2, 4.1.4), the window into the
 * BARs (4.1.4.9), the MSI-X table, and the fields that registers consist of. What the registers mean
 * is the device's. Nothing here has a lock: the caller's covers it.
 */
#ifndef STORHOST_DEVICES_PCI_FUNCTION_H
#define STORHOST_DEVICES_PCI_FUNCTION_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "devices/device.h"

#define PCI_SPACE        256u
#define PCI_VECTORS      256u       /* most that an MSI-X table has here */
#define PCI_PLACE_AUTO   UINT32_MAX /* of an offset: behind what is there already */
#define PCI_CAPABILITIES 8u

enum pci_bar_kind {
    PCI_BAR_MEMORY64,
    PCI_BAR_MEMORY32,
    PCI_BAR_PORTS
};

/* What lies in BARs besides the legacy registers (always BAR 0, ports). */
enum pci_part {
    PCI_PART_COMMON,
    PCI_PART_ISR,
    PCI_PART_CONFIG,
    PCI_PART_NOTIFY,
    PCI_PART_MSIX,
    PCI_PARTS
};

struct pci_place {
    unsigned bar;
    uint32_t offset; /* bytes, or PCI_PLACE_AUTO */
};

/* Where a part has been put. */
struct pci_structure {
    bool present;
    unsigned bar;
    uint32_t offset, length;
};

/* A virtio capability as it is going to stand in configuration space. */
struct pci_capability {
    uint8_t type, bar, length; /* cfg_type, bar, cap_len */
    uint32_t offset, bytes, multiplier;
};

struct pci_capability_list {
    struct pci_capability entry[PCI_CAPABILITIES];
    unsigned count;
};

struct pci_function;

/* What the function asks of the device that it belongs to. */
struct pci_function_ops {
    /* Accesses that come by the window in configuration space. */
    uint64_t (*read)(void *owner, unsigned bar, uint64_t offset, unsigned size);
    void (*write)(void *owner, unsigned bar, uint64_t offset, unsigned size, uint64_t value);
    /* A message leaves: it was asked for, and is not masked (any more). */
    void (*message)(void *owner, unsigned vector);
    /* Hostile devices: change the list of capabilities, or the bytes made from it (`first`, `last`:
     * offsets of the outer ones). NULL: none. */
    void (*change)(struct pci_function *function, struct pci_capability_list *list);
    void (*damage)(struct pci_function *function, unsigned first, unsigned last);
};

struct pci_function_setup {
    bool legacy, modern; /* which interfaces; at least one */
    unsigned vectors;    /* entries of the MSI-X table; 0: no MSI-X */
    unsigned queues;     /* doorbells */
    uint32_t notify_multiplier;
    uint32_t config_bytes; /* of the device configuration */
    enum pci_bar_kind bars[DEVICE_BARS];
    struct pci_place place[PCI_PARTS];
};

struct pci_function {
    struct device *device; /* whose BARs and message_vectors it sets */
    void *owner;           /* for ops */
    const struct pci_function_ops *ops;
    struct pci_function_setup setup;
    uint8_t space[PCI_SPACE], writable[PCI_SPACE];
    struct pci_structure part[PCI_PARTS];
    uint32_t legacy_length;      /* of the registers at the beginning of BAR 0; 0: none */
    unsigned msix_at, window_at; /* capabilities; 0: none */
    uint32_t pba_offset;         /* in the MSI-X part */
    uint8_t *msix_table;         /* 16 bytes per vector */
    uint8_t *msix_pending;       /* bit per vector */
};

/*
 * Makes a mass storage function of virtio-blk's: id 1af4:1042, or 1001 with the legacy interface.
 * BARs are placed, the command register allows everything, MSI-X is off. `device`, `owner`, `ops` and
 * `setup` are filled in by the caller. False and a text if it cannot be; pci_function_end() either way.
 */
bool pci_function_build(struct pci_function *function, char *error, size_t size);
void pci_function_end(struct pci_function *function);

/* Makes the lock of a device, which may be taken again by who holds it: an access that it answers may lead
 * to another. */
void pci_init_lock(pthread_mutex_t *lock);

/* Places the BARs elsewhere, and back at the next call. */
void pci_function_move_bars(struct pci_function *function);

/* ---- Configuration space ---- */

uint32_t pci_function_read(struct pci_function *function, unsigned offset, unsigned size);
void pci_function_write(struct pci_function *function, unsigned offset, unsigned size,
                        uint32_t value);
/* The bytes themselves, whoever may write them. */
uint32_t pci_function_peek(const struct pci_function *function, unsigned offset, unsigned size);
void pci_function_poke(struct pci_function *function, unsigned offset, unsigned size,
                       uint32_t value);
/* Lets the driver write the bits of `mask`. */
void pci_function_let_write(struct pci_function *function, unsigned offset, unsigned size,
                            uint32_t mask);
/* Whether the line interrupt is in use and not switched off. */
bool pci_function_line_allowed(const struct pci_function *function);
bool pci_function_bus_master(const struct pci_function *function);

/* The part that an offset in a BAR falls into, and where in it; PCI_PARTS: none, *inside is then the
 * offset. */
enum pci_part pci_function_find(const struct pci_function *function, unsigned bar, uint64_t offset,
                                uint32_t *inside);

/* ---- capabilities.c ---- */

struct pci_capability *pci_capability_of_type(struct pci_capability_list *list, uint8_t type);
void pci_capabilities_build(struct pci_function *function);

/* ---- msix.c (PCI Local Bus 3.0, 6.8.2) ---- */

bool msix_allocate(struct pci_function *function);
bool msix_enabled(const struct pci_function *function);
/* As the bus driver does: so many entries are given, enabled, with an address that means us; 0: MSI-X
 * off. Returns how many there are. */
unsigned msix_give(struct pci_function *function, unsigned vectors);
/* Sends a message, or notes it if it is masked. */
void msix_send(struct pci_function *function, unsigned vector);
/* Sends what was noted for vectors that are not masked any more. */
void msix_flush(struct pci_function *function);
uint64_t msix_read(const struct pci_function *function, uint32_t offset, unsigned size);
void msix_write(struct pci_function *function, uint32_t offset, unsigned size, uint64_t value);
/* Bytes of table and pending bits. */
uint32_t msix_bytes(unsigned vectors);

/* ---- registers.c ---- */

/* A driver requirement of the specification: violation RULE_VIRTIO with the text unless it is kept. */
void must(bool kept, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Whether an access has the place and the width of one field of the common configuration structure
 * (VIRTIO 1.2, 4.1.3.1). */
bool pci_common_is_field(uint32_t offset, unsigned size);

/* A field of virtio-blk's device configuration. */
struct pci_config_field {
    uint8_t offset, size;
    uint8_t feature; /* that it needs; PCI_CONFIG_ALWAYS: none */
    const char *name;
};

#define PCI_CONFIG_ALWAYS 64u

/* The field that an offset lies in; NULL: none. */
const struct pci_config_field *pci_config_field_at(uint32_t offset);

/* The low (select 0) or high half of a 64-bit register; 0 for any other. */
uint64_t pci_half(uint64_t value, uint32_t select);
void pci_set_half(uint64_t *value, bool high, uint32_t half);

#endif
