/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A machine with a disk, put together as the options say: memory, processors, clock, the device,
 * the port model with the driver, and what the disk says of itself. The commands work on this.
 */
#ifndef STORHOST_WAYS_BENCH_H
#define STORHOST_WAYS_BENCH_H

#include <stdbool.h>
#include <stddef.h>

#include "devices/device.h"
#include "disk_class/disk_class.h"
#include "port/port.h"
#include "ways/disk.h"
#include "ways/image.h"
#include "ways/options.h"

enum bench_state {
    BENCH_EMPTY,   /* nothing yet, or everything given back */
    BENCH_DEVICE,  /* machine and device are there, no driver */
    BENCH_RUNNING, /* driver and device are there */
    BENCH_REMOVED, /* the device was taken away (port_remove, port_surprise_remove) */
};

struct bench {
    const struct options *options;
    enum bench_state state;
    struct device *backend; /* the device itself: for qemu_*, scripted_* */
    struct device *device;  /* the same, observed: what the driver sees */
    struct port *port;
    struct disk disk;
    struct disk_class *class; /* NULL: not started (bench_class) */
    struct dump *dump;        /* the driver's second copy, after a crash; or NULL */
    char *image;              /* file name; NULL: options->blockdev */
    const char *format;
    bool fresh;             /* the image was made for this run */
    char *temporary_folder; /* of a temporary image; NULL: none */
};

/* Starts everything. Ends the program with a clear text (status 1) if that cannot be; what was
 * started is then stopped by the functions registered with at_end. Once per process. */
void bench_open(struct bench *bench, const struct options *options);
/* The same without a port driver and a driver: machine and device only. */
void bench_open_device(struct bench *bench, const struct options *options);

struct dump;

/* The disk class above the port driver: started the first time, so that what goes straight to the port
 * driver sees nothing of it. Ends the program if it cannot start. Not on a processor. */
struct disk_class *bench_class(struct bench *bench);

/* Takes the device away in good order (flush, stop, everything given back), unless that was done,
 * ends the device and unloads the driver. The image stays. */
void bench_close(struct bench *bench);

/* After a crash only the device ends: the system has stopped for good. */

/* Removes the device from the running machine, in good order or by surprise. */
void bench_remove(struct bench *bench, bool surprise);

/* Where the image is, for image_compare after bench_close. */
void bench_image_place(const struct bench *bench, struct image_place *place);

/* Whether an event with this text in it was logged since the last call that found one: the search
 * goes on behind it. NULL: forgets all events so far. */
bool bench_event_logged(const char *text);

#endif
