/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of the dump stack share: see dump.h. */
#ifndef STORHOST_DUMP_INTERNAL_H
#define STORHOST_DUMP_INTERNAL_H

#include "dump/dump.h"
#include "dump/miniport.h"
#include "pe/pe_image.h"
#include "port/internal.h"

/* Uncached memory, device extension and SRB extension, together at most (reference: "should not
 * attempt to allocate more than 32 kilobytes"). */
#define DUMP_COMMON_BYTES 32768u
/* Bytes of one request at most. */
#define DUMP_TRANSFER_BYTES 65536u
/* Seconds until a request is given up, and again after HwResetBus. */
#define DUMP_TIMEOUT_SECONDS 10u
/* Between two calls of HwInterrupt, in microseconds: at first, and when it takes long. */
#define DUMP_POLL_MICROSECONDS      100u
#define DUMP_LONG_POLL_MICROSECONDS 1000u
#define DUMP_POLLS_UNTIL_LONG       1000u

enum dump_phase {
    DUMP_LOADING,      /* DriverEntry */
    DUMP_FINDING,      /* HwFindAdapter */
    DUMP_INITIALIZING, /* HwInitialize */
    DUMP_READY,
    DUMP_BROKEN, /* a request did not come back */
};

struct dump {
    /* A port as far as building a request's blocks needs one (port/srb.c, data.c); it is in no
     * list, and nothing else of the port models works on it. */
    struct port port;
    struct dump_context context;
    enum dump_kind kind;
    enum dump_phase phase;
    const struct dump_service *service; /* NULL: not yet initialized */
    struct dump_miniport miniport;
    struct pe_image image;
    bool in_bus_reset; /* HwResetBus is being called */
    void *region;      /* DumpRegion, if the first copy asked for one */
    size_t region_bytes;
    struct grant *region_grant;
    /* what the copy runs, for reports */
    const char *entry;
    const char *export_name; /* without its prefix */
    const void *export_caller;
    /* the device */
    bool was_running; /* when the system stopped */
    bool reset;       /* by this copy */
    /* the request that it has, or NULL */
    struct request *request;
    const void *completed; /* the SRB that it completed last */
    struct unit unit;
    bool finished; /* the request is completed */
    bool next;     /* it takes another one */
    struct dump_facts facts;
};

/* request.c */
void request_run(struct dump *dump, struct port_io *io);

/* dump.c: one call into the copy, as the next thing behind the first of these. */
void dump_call_begin(struct dump *dump, const char *entry);
void dump_call_end(struct dump *dump);

/* config_accept: what one request may carry, from the two limits that the miniport set. */
void dump_accept_transfer(struct dump *dump, uint32_t bytes, uint32_t breaks);

#endif
