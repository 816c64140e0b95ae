/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A port driver as the rest of the bench uses it: load a miniport, start its adapter on a device,
 * send requests, take the adapter through reset, power and removal. Which port driver is played,
 * Windows' StorPort or SCSIPort, is decided by what the miniport imports.
 */
#ifndef STORHOST_PORT_PORT_H
#define STORHOST_PORT_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "devices/device.h"

struct port;

enum port_srb_type {
    PORT_SRB_AUTO,
    PORT_SRB_LEGACY,
    PORT_SRB_EXTENDED
};

/* A registry value of the driver: under Parameters\Device (adapter `Device0` or `Device`). */
struct port_registry_value {
    struct port_registry_value *next;
    char *name;
    uint32_t type; /* REG_DWORD 4, REG_SZ 1, REG_BINARY 3 */
    void *data;
    size_t length;
};

/* Messages: one for each processor, and one; none where the port driver has none. */
#define PORT_VECTORS_DEFAULT 0xffffffffu

struct port_options {
    uint16_t windows;         /* presented version: 0x501 ... 0xa00; 0: the port driver's usual */
    unsigned message_vectors; /* granted at most; 0: line interrupt; PORT_VECTORS_DEFAULT */
    enum port_srb_type srb_type; /* AUTO: what driver and Windows agree on */
    bool refuse_dpc;             /* as StorPort 5.2 may */
    bool dpcs_stay;              /* redirected DPCs run where the message came; else anywhere */
    bool single_passive_refusal;
    bool shared_line;          /* another device raises the same line now and then */
    bool spurious_interrupts;  /* interrupts without cause */
    uint64_t contiguous_limit; /* bytes of a block that is contiguous, at most; 0: no limit */
    unsigned
        failing_allocation; /* which one that the driver asks for fails: 1 is the first; 0: none */
    uint64_t seed;          /* of addresses, order and garbage */
    unsigned timeout_seconds; /* default of requests: 60 as Windows' disk class (10 in tests) */
    const struct port_registry_value *registry;
};

enum port_direction {
    PORT_NO_DATA,
    PORT_DATA_IN,
    PORT_DATA_OUT
};

/* One request from above. Owned by the caller, alive until `done` was called. */
struct port_io {
    uint8_t function; /* SRB_FUNCTION_*; 0: EXECUTE_SCSI */
    uint8_t cdb[32];
    uint8_t cdb_length;
    uint8_t path, target, lun;
    bool adapter; /* about the adapter, not a unit: SHUTDOWN, adapter PNP and POWER */
    enum port_direction direction;
    void *data;               /* the caller's ordinary memory: copied to and from DMA memory */
    uint32_t data_length;     /* bytes */
    uint32_t timeout_seconds; /* 0: the port's default */
    int processor;            /* that the request starts on; -1: the port's choice */
    uint32_t scatter_bytes;   /* physical pieces of at most this many bytes; 0: pages */
    bool
        write_through; /* a write that a file system wants on the medium: no caching in the adapter */
    uint32_t class_flags; /* SRB flags of the class driver\'s own, which a miniport passes over */
    bool last_attempt;    /* a class driver sends it for the last time: untagged, see srb_flags() */
    bool page_aligned;    /* the buffer begins at a page, as those of paging and unbuffered I/O */
    uint32_t pnp_action;  /* SRB_FUNCTION_PNP / POWER */
    uint32_t power_state;
    uint8_t sense_capacity; /* bytes of its sense buffer; 0: the model's choice, mostly 18 */
    bool no_sense_buffer;   /* none, whatever sense_capacity says */
    /* results */
    uint8_t srb_status; /* without SRB_STATUS_AUTOSENSE_VALID and QUEUE_FROZEN */
    uint8_t scsi_status;
    uint8_t sense[252];
    uint8_t sense_length;             /* 0: none valid */
    uint32_t transferred;             /* DataTransferLength at completion */
    void (*done)(struct port_io *io); /* on a processor thread; keep it short. NULL: see execute */
    void *context;
};

/* What a run is judged by; all since port_start. */
struct port_counters {
    uint64_t requests, reads, writes, bytes_read, bytes_written;
    uint64_t interrupts, dpcs, startios;
    uint64_t calls; /* into exports */
    uint64_t doorbells, vm_exits;
    uint64_t timeouts, unit_resets, target_resets, bus_resets;
    uint64_t busy; /* SRB_STATUS_BUSY answers */
    uint64_t events_logged;
};

/* What the driver told the port driver. */
struct port_facts {
    const char *driver; /* "StorPort", "SCSIPort" */
    uint16_t windows;   /* presented */
    uint32_t srb_extension_bytes, device_extension_bytes, uncached_bytes;
    uint32_t maximum_transfer_bytes; /* of one request, whatever its buffer's alignment: the lesser
                                        of MaximumTransferLength and physical_breaks pages */
    uint32_t transfer_bytes;         /* MaximumTransferLength */
    uint32_t physical_breaks;
    uint32_t timeout_seconds; /* of requests that name none */
    bool caches_data;         /* FLUSH and SHUTDOWN reach the driver */
    uint32_t alignment_mask;  /* of data buffers */
    uint32_t max_number_of_io, max_ios_per_lun, initial_lun_depth, lun_depth;
    uint32_t message_vectors;   /* granted */
    uint32_t performance_flags; /* as accepted by StorPortInitializePerfOpts */
    uint32_t concurrent_channels;
    bool extended_srbs;
    bool dma_64bit;
    uint32_t allocations; /* that the driver has asked for: memory and mappings */
};

/* Loads the miniport and runs its DriverEntry. On failure NULL and a text. */
struct port *port_load(const char *driver_path, const struct port_options *options, char *error,
                       size_t error_size);

/* Finds and initialises the adapter on a device, which comes from observer_wrap(), then discovers the unit (REPORT LUNS, INQUIRY, as
 * Windows does). False and a text if the driver refuses the device; everything is then given back
 * (violation RULE_LEAK otherwise). */
bool port_start(struct port *port, struct device *device, char *error, size_t error_size);

/*
 * Sends a request. Any thread. More than the unit's depth is queued here as StorPort does; one
 * that is answered busy is tried again here. The caller splits: a request of more than
 * maximum_transfer_bytes (port_get_facts), or whose pieces (scatter_bytes) are more than the
 * adapter takes, comes back with SRB_STATUS_INVALID_REQUEST without the driver having seen it.
 * One that a reset ended comes back with SRB_STATUS_BUS_RESET (port_should_retry).
 */
void port_submit(struct port *port, struct port_io *io);
/* Sends and waits. Not on a processor thread. */
void port_execute(struct port *port, struct port_io *io);
/* Waits until nothing is outstanding; false after `milliseconds` of real time. */
bool port_drain(struct port *port, unsigned milliseconds);
/* Whether it is worth sending this request again: ended by a reset, flushed, or with a unit attention. For
 * requests of the port driver's own and of tests; what a class driver does is in disk_class/. */
bool port_should_retry(const struct port_io *io);
/* The same as port_execute, tried again as long as port_should_retry says so, up to 8 times. */
void port_execute_retried(struct port *port, struct port_io *io);

/*
 * Quick requests: for measuring time. What a request needs is made once; each start then goes straight
 * to the driver, with nothing of this model's between (no queue, no time limit), on the processor that
 * it is started on. Rules are off (rules_switch_off) from the first start on.
 */
struct request;
/* Makes one of an io, which stays the caller's: its CDB may differ at each start, its data's length and
 * direction not. NULL: no memory, too much for the adapter, or no port driver for it. Its `done` is called
 * below driver code, in RequestComplete. */
struct request *port_quick_prepare(struct port *port, struct port_io *io);
/* On a processor, at PASSIVE_LEVEL. */
void port_quick_start(struct request *request);
void port_quick_end(struct request *request);
/* Requests that StorPort gives the driver at once, as that has told it. */
unsigned port_quick_depth(struct port *port);
/* The processor that a message interrupts; -1: none does. */
int port_message_processor(struct port *port, unsigned number);

/* Life cycle; each returns when done. */
bool port_reset_unit(struct port *port);
bool port_reset_target(struct port *port);
bool port_reset_bus(struct port *port);
/* Locks the unit's queue, or those of the whole adapter, from above: as a class driver does by
 * SRB_FUNCTION_LOCK_QUEUE around power changes, and StorPort to all before it stops an adapter. What the driver has
 * goes on; what comes waits, but FLUSH and SHUTDOWN. `lock` false: lets it go. False: no unit. */
bool port_lock_queue(struct port *port, bool whole, bool lock);
bool port_stop_adapter(struct port *port);    /* ScsiStopAdapter */
bool port_restart_adapter(struct port *port); /* ScsiRestartAdapter: device as after power-on */
/* IRP_MN_STOP_DEVICE: the port takes back what it gave; and IRP_MN_START_DEVICE with BARs elsewhere and at
 * most so many messages (PORT_VECTORS_DEFAULT: as many as before). False and a text: the driver declined,
 * and the adapter is removed. */
bool port_pnp_stop(struct port *port);
bool port_pnp_start(struct port *port, unsigned vectors, char *error, size_t error_size);
/* The same as port_restart_adapter without a stop before: after hibernation another kernel has stopped the device. */
bool port_restart_unstopped(struct port *port);
void port_power(struct port *port, bool on); /* D3 / D0 with flush and shutdown before D3 */
/* The device has gone; only its unit's driver has heard of it. port_surprise_remove is the rest. */
void port_lose_device(struct port *port);
void port_surprise_remove(struct port *port);
void port_remove(struct port *port); /* orderly: flush, stop, resources given back */
void port_unload(struct port *port);

/* The system has stopped (machine/crash.h): what the dump stack takes over. */
struct dump_context;
void port_get_dump_context(struct port *port, const char *driver, struct dump_context *context);
/* It goes on after hibernation: the device's interrupts are this port's again. */
void port_thawed(struct port *port);

void port_get_counters(struct port *port, struct port_counters *counters);
void port_get_facts(struct port *port, struct port_facts *facts);

/* Calls `each` with the name and the number of calls of every service of the port driver that the
 * driver has called so far. */
void export_each(void (*each)(void *context, const char *name, uint64_t calls), void *context);

/* Called with the text of each event that the driver logs (StorPortLogError, LogSystemEvent). */
void port_on_event(struct port *port, void (*event)(void *context, const char *text),
                   void *context);

#endif
