/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The command line of storhost. What the options mean is said in options.c (the help texts) and,
 * at length, in docs/storhost.md.
 */
#ifndef STORHOST_WAYS_OPTIONS_H
#define STORHOST_WAYS_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "machine/clock.h"
#include "machine/cpu.h"
#include "port/port.h"

enum command {
    COMMAND_RUN,
    COMMAND_SERVE,
    COMMAND_INFO,
    COMMAND_SCRIPT,
    COMMAND_COUNT,
    COMMAND_INTERLEAVE,
    COMMAND_THROUGHPUT
};
/* What the requests of the command count do. */
enum count_workload {
    COUNT_READ,
    COUNT_WRITE,
    COUNT_MIXED, /* 70 % reads */
    COUNT_FLUSH,
    COUNT_DISCARD
};
enum device_kind {
    DEVICE_QEMU,
    DEVICE_SCRIPTED,
    DEVICE_VHOST_USER
};
enum transport {
    TRANSPORT_TRANSITIONAL,
    TRANSPORT_LEGACY,
    TRANSPORT_MODERN
};

struct options {
    enum command command;
    const char *script; /* COMMAND_SCRIPT: file name, "-" for standard input */

    const char *driver;

    /* disk */
    const char *image; /* NULL and no blockdev: a temporary one */
    const char *format;
    const char *blockdev;
    uint64_t size; /* bytes of an image that is made; 0: not given */
    bool read_only;
    bool overwrite;

    /* device */
    enum device_kind device;
    const char *device_script;  /* what stands behind the colon: the scripted device's script, the
                                  vhost-user device's options; or NULL */
    const char *device_profile; /* "profile:": what stands behind it; or NULL */
    enum transport transport;
    unsigned queues;             /* 0: the device's choice */
    uint64_t bus_offset;         /* of bus addresses to physical ones */
    unsigned device_vectors;     /* size of the MSI-X table; 0: the device's choice */
    char *qemu_device;           /* NULL: none; several --qemu-device are joined by commas */
    const char **qemu_arguments; /* ended by NULL */
    unsigned qemu_argument_count;
    const char *qemu;
    const char *qemu_img;
    uint64_t throttle; /* requests per second; 0: no limit */

    struct port_options port; /* Windows, SRBs, vectors, registry, interrupts, seed, timeout */

    /* machine */
    unsigned processors;
    enum cpu_mode scheduler;
    bool one_ring_lock; /* of the driver: see ring_guard_one_lock */
    enum clock_mode clock;
    bool readings_given;
    uint64_t readings; /* which of the readings of the reference are played: port/readings.h */

    /* run */
    uint64_t bytes; /* 0: the default amount */
    unsigned depth;

    /* count */
    struct {
        enum count_workload workload;
        unsigned closed;        /* requests that the device completes at a time; 0: lock-step */
        uint64_t request_bytes; /* 0: the largest that the adapter takes */
        uint32_t scatter_bytes; /* of a physical piece; 0: pages */
        uint64_t requests;      /* counted; 0: the default number */
        bool profile;           /* tell how often each instruction ran */
        bool bare_loop;         /* instead of a driver */
    } count;

    /* throughput */
    double seconds; /* 0: the default; less if count.requests come first */

    /* interleave */
    uint64_t limit; /* runs for each number of requests */

    /* serve */
    const char *socket;
    const char *nbd_port;   /* NULL: none */
    const char *nbd_socket; /* NULL: none */
    const char *nbdkit;
    const char *plugin;
    const char *sg_library;

    /* output */
    bool no_progress;
    bool quiet;
    bool json;
    bool events;
    const char *debug_output; /* file; NULL: standard error */
};

/* Fills the options from the command line. Ends the program itself for --help and --version
 * (status 0) and for wrong usage (status 2). Arguments must live as long as the options. */
void options_parse(struct options *options, int argc, char **argv);

/* A number with an optional suffix k, M, G, T (powers of 1024). False: no such number. */
bool options_parse_size(const char *text, uint64_t *bytes);

/* The same options with port_options.dpcs_stay, for commands whose figures depend on where a DPC runs.
 * Good until the program ends; once only. */
const struct options *options_with_dpcs_that_stay(const struct options *options);

#endif
