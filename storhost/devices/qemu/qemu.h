/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * QEMU's virtio-blk-pci as a device of the bench, and what a test may do to the QEMU behind it.
 *
 * QEMU runs without a guest: its processor halts at once, and the bench performs each access by
 * the qtest protocol. The guest's memory (machine/memory.h) is the same file for both. See
 * device_qemu.c for the theory of operation.
 */
#ifndef STORHOST_DEVICES_QEMU_QEMU_H
#define STORHOST_DEVICES_QEMU_QEMU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "devices/device.h"

/* Which virtio-blk-pci: PCI id 1af4:1001 with both interfaces, 1001 with the legacy one only,
 * 1af4:1042. */
enum qemu_generation {
    QEMU_TRANSITIONAL,
    QEMU_LEGACY,
    QEMU_MODERN
};

/* Limits of the disk's speed; 0: none. QEMU lets a first request pass and holds the next ones
 * back until they fit the limits. */
struct qemu_throttle {
    uint64_t requests_per_second;
    uint64_t bytes_per_second;
};

/* All zero: a transitional device without a disk, which is refused: give image or blockdev. */
struct qemu_options {
    const char *image;  /* a file or block device of this machine */
    const char *format; /* "raw", "qcow2", ...; NULL: by the file's name, see qemu_image_format */
    /*
     * Instead of image, anything that QEMU opens, told apart by how it begins:
     *   {"driver":...}          a block node as for -blockdev, in JSON
     *   driver=...,key=value    the same as key=value
     *   file=...,key=value      the text of -drive (also if it begins with format= or cache=)
     *   nbd:..., nbd://..., iscsi://..., rbd:..., json:{...}   a file name in QEMU's syntax
     */
    const char *blockdev;
    const char *device_options; /* more of -device virtio-blk-pci: "num-queues=4,serial=X" */
    const char *machine;        /* NULL: "pc"; its versions ("pc-i440fx-6.2") are good too */
    enum qemu_generation generation;
    unsigned vectors; /* size of the MSI-X table; 0: QEMU's choice, one per queue and one */
    bool no_messages; /* a device without MSI-X */
    bool read_only;
    struct qemu_throttle throttle;
    const char *const *extra_args; /* more arguments for QEMU, ended by NULL; NULL: none */
    const char *binary;            /* NULL: qemu-system-x86_64 */
    unsigned deadline_ms;          /* limit of one access, milliseconds of real time; 0: 30 000 */
};

/*
 * Starts QEMU and finds its virtio-blk function; BARs are placed, the command register allows
 * I/O, memory and bus mastering, MSI-X is off. memory_init() must have run. On failure NULL, and
 * `error` says what was wrong and what to do (QEMU's own words where it gave some).
 *
 * QEMU ends with this process, however that ends. Not to be called on a processor thread.
 */
struct device *qemu_device_create(const struct qemu_options *options, char *error,
                                  size_t error_size);

/*
 * Chooses the format of an image. An explicit one wins. Else the name's ending decides (.qcow2,
 * .qed, .vmdk, .vdi, .vhdx, .vhd, .vpc, .luks); any other file is raw. A file whose contents look
 * like another format than its name says is refused with a text: opened as raw it would be
 * damaged, and trusting its contents would let whoever wrote the disk name other files of the
 * host. NULL and `error` on failure.
 */
const char *qemu_image_format(const char *image, const char *explicit_format, char *error,
                              size_t error_size);

/*
 * Sends one QMP command, {"execute": ..., "arguments": {...}}. True if QEMU returned a value;
 * false if it answered with an error, the text is no JSON object or QEMU is gone. *reply (may be
 * NULL) gets the value as JSON, or the error's text; free() it. Any thread but one that holds up
 * QEMU; limit: the device's deadline.
 */
bool qemu_qmp(struct device *device, const char *command, char **reply);

/* Waits until QEMU has sent the QMP event `name` since the last call with this name; false after
 * `milliseconds`. */
bool qemu_wait_event(struct device *device, const char *name, unsigned milliseconds);

/* Changes the disk's size (bytes, a multiple of 512): the device raises its configuration
 * interrupt. False and `error` (may be NULL) if QEMU refuses. */
bool qemu_resize(struct device *device, uint64_t bytes, char *error, size_t error_size);

/* Changes the limits at run time; both 0 releases what they held back. */
bool qemu_set_throttle(struct device *device, const struct qemu_throttle *throttle, char *error,
                       size_t error_size);

/*
 * Takes the machine through a power cycle: the device is as after power-on, then at the same BAR
 * addresses and with the same message vectors as before. False if QEMU does not do it in time.
 */
bool qemu_power_cycle(struct device *device);

/* Facts for tables and tests. The strings live as long as the device. */
pid_t qemu_pid(struct device *device);
const char *qemu_version(struct device *device); /* "7.2.22 (Debian 1:7.2+dfsg-...)" */
const char *qemu_image(struct device *device);   /* image or blockdev as given */
const char *qemu_format(struct device *device);  /* of image; NULL with blockdev */
const char *qemu_command_line(struct device *device);

#endif
