/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A PCI device as the machine sees it: configuration space, BARs, interrupts. QEMU's
 * virtio-blk-pci, a vhost-user server and the scripted device stand behind it.
 */
#ifndef STORHOST_DEVICES_DEVICE_H
#define STORHOST_DEVICES_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#define DEVICE_BARS 6

struct device_bar {
    uint64_t size;    /* bytes; 0: not there (also the upper half of a 64-bit BAR) */
    uint64_t address; /* where it was placed: bus address or port number */
    bool ports;
    bool is_64bit;
};

struct device;

/* What a device calls. Any thread (also the thread of a trapped access). */
struct device_events {
    void (*message)(void *context, unsigned vector); /* MSI-X message */
    void (*line)(void *context, bool asserted);      /* INTx level changed */
    void (*died)(void *context, const char *why);    /* QEMU ended, connection lost */
    void *context;
};

struct device_ops {
    const char *name;
    uint32_t (*config_read)(struct device *device, unsigned offset, unsigned size);
    void (*config_write)(struct device *device, unsigned offset, unsigned size, uint32_t value);
    uint64_t (*bar_read)(struct device *device, unsigned bar, uint64_t offset, unsigned size);
    void (*bar_write)(struct device *device, unsigned bar, uint64_t offset, unsigned size,
                      uint64_t value);
    /* Gives the device `vectors` MSI-X vectors (0: MSI-X off, line interrupt) as the PCI bus
     * driver would; returns how many it has. */
    unsigned (*set_message_vectors)(struct device *device, unsigned vectors);
    /* Surprise removal; the device then answers all ones. NULL: cannot. */
    void (*remove)(struct device *device);
    /* Makes it as it is after power-on, its BARs and vectors where they were: what a change to D3
     * and back does. NULL: cannot. */
    void (*power_cycle)(struct device *device);
    /* Places its BARs elsewhere, as the bus driver does between IRP_MN_STOP_DEVICE and
     * IRP_MN_START_DEVICE. NULL: they stay. */
    void (*move_bars)(struct device *device);
    /* Does what the device has pending, on the caller's thread; NULL: works by itself. */
    void (*step)(struct device *device);
    /* The processors have nothing to do: a step, if there is anything for it; false: there was
     * nothing. NULL with `step`. */
    bool (*idle)(struct device *device);
    /* A request has waited too long: a violation if that is the driver's fault (a doorbell that it
     * owed). NULL: the device cannot tell. */
    void (*judge)(struct device *device);
    /* Whether the device has a request by which it may still write to [bus, bus + length). NULL: it
     * cannot tell. */
    bool (*may_write)(struct device *device, uint64_t bus, uint64_t length);
    void (*destroy)(struct device *device);
};

struct device {
    const struct device_ops *ops;
    struct device_events events;
    struct device_bar bars[DEVICE_BARS];
    unsigned bus, slot, function;
    unsigned message_vectors; /* MSI-X table size, 0: no MSI-X */
    bool removed;
};

/* "message ... line" are set by the port model before the driver starts. */
void device_set_events(struct device *device, const struct device_events *events);

/* For devices: call the listener, if there is one; false: nobody listens. Any thread; hold no lock
 * that an access to the device takes, for the listener may access it. */
bool device_message(const struct device *device, unsigned vector);
bool device_line(const struct device *device, bool asserted);
bool device_died(const struct device *device, const char *why);

/* What a read of `size` bytes (1, 2, 4, 8) gives where nothing answers. */
uint64_t device_all_ones(unsigned size);

/* Whether `size` bytes at `offset` lie in a BAR that exists. */
bool device_inside_bar(const struct device *device, unsigned bar, uint64_t offset, unsigned size);

#endif
