/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The dump stack: what Windows writes crash dumps and hibernation files with.
 *
 * When the system has stopped (machine/crash.h), a second copy of the miniport's image file is
 * loaded. Its imports lead to the dump port driver (this folder) instead of storport.sys or
 * scsiport.sys. DriverEntry gets no arguments; HwFindAdapter gets "dump=1". Everything runs on the
 * one processor that is left, at HIGH_LEVEL, with one request at a time, whose end the port waits
 * for by calling HwInterrupt again and again: no interrupt comes. What a miniport may not do there
 * (reference: "Restrictions on Miniport Drivers that Manage the Boot Drive") is rule `dump`. The
 * device is as the first copy left it, running, and the first copy's memory is the device's until it
 * is reset, and nobody's afterwards.
 *
 * No function here is for processors.
 */
#ifndef STORHOST_DUMP_DUMP_H
#define STORHOST_DUMP_DUMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "devices/device.h"
#include "port/port.h"

/* What the dump stack is started for: DumpMode of PORT_CONFIGURATION_INFORMATION (Windows 8 on). */
enum dump_kind {
    DUMP_CRASH = 1,
    DUMP_HIBERNATE = 2,
    DUMP_MARK_MEMORY = 3, /* HwFindAdapter only, while the device still serves the first copy */
    DUMP_RESUME = 4,
};

/* Registers that the first copy has mapped: the dump port driver can map nothing, it finds these. */
struct dump_mapping {
    unsigned bar;
    uint64_t offset; /* in the BAR */
    size_t length;
    void *base; /* as the first copy sees them; ports: the first one's number */
    bool ports;
};

#define DUMP_MAPPINGS 16

/* What the dump stack takes over from the port driver of the first copy. */
struct dump_context {
    const char *driver;    /* file name of the miniport */
    struct device *device; /* observed */
    struct port_options options;
    unsigned mapping_count;
    struct dump_mapping mappings[DUMP_MAPPINGS];
    uint32_t requested_buffer; /* RequestedDumpBufferSize of the first copy, in bytes */
};

struct dump_facts {
    const char *port; /* "storport" or "scsiport" */
    bool extended_srbs;
    uint32_t uncached_bytes;         /* of the dump copy */
    uint32_t common_bytes;           /* with its device extension and SRB extension */
    uint32_t maximum_transfer_bytes; /* of one request */
    unsigned marked;                 /* ranges by StorPortMarkDumpMemory */
    uint64_t requests, polls, timeouts, bus_resets;
};

struct dump;

/*
 * Loads the second copy and makes it ready; for DUMP_MARK_MEMORY only as far as HwFindAdapter. NULL
 * and a text if it declines: then Windows writes no dump.
 */
struct dump *dump_start(const struct dump_context *context, enum dump_kind kind, char *error,
                        size_t error_size);

/* One request, from start to end; io->done is not called. SRB_STATUS_TIMEOUT: it did not come back,
 * nor by HwResetBus; nothing more can be written then, and each further request ends so at once. */
void dump_execute(struct dump *dump, struct port_io *io);

/* FLUSH and SHUTDOWN, if the miniport declared CachesData; then the copy is unloaded. False: one of
 * these failed. */
bool dump_end(struct dump *dump);

void dump_get_facts(const struct dump *dump, struct dump_facts *facts);

#endif
