/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the port models are made of: all that StorPort and SCSIPort have in common, and the table of
 * what each does in its own way (struct port_model). Nothing here is for the rest of the bench:
 * that is port.h.
 *
 * The two give some structures the same name and another layout, so this header knows neither:
 * <storport.h> and <srb.h> come from the models' own headers, storport/internal.h and
 * scsiport/internal.h. Files of this folder take from <srb.h> only what is the same in both.
 *
 * Theory of operation. The driver's code runs only inside entry_begin() ... entry_end(): a frame
 * on the processor's thread says which entry point it is, at which IRQL and with which locks it
 * was entered, and that it must come back so. Each function that the driver imports begins with
 * EXPORT_ENTER, which checks the IRQL and remembers the caller for reports. Requests wait in their
 * unit's queue, are admitted as depth and model allow (request.c), built as an SRB (srb.c), given to
 * the driver on a processor (by the model), and finished by the driver's RequestComplete; the one
 * who sent them hears of it in a work item of its own, never below driver code.
 *
 *   port_submit -> unit queue -> admit -> [HwBuildIo ->] HwStartIo -> device
 *                                                                       |
 *   done <- completion work <- RequestComplete <- [DPC <-] ISR <--------+
 */
#ifndef STORHOST_PORT_INTERNAL_H
#define STORHOST_PORT_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ntddk.h>

#include "base/violation.h"
#include "devices/device.h"
#include "machine/clock.h"
#include "machine/cpu.h"
#include "machine/crash.h"
#include "machine/grant.h"
#include "machine/memory.h"
#include "machine/thunk.h"
#include "machine/trap.h"
#include "pe/pe_image.h"
#include "port/port.h"
#include "port/readings.h"
#include "virtio/observer.h"

/* Windows versions as options and tables name them. */
enum {
    WINDOWS_XP = 0x501,
    WINDOWS_2003 = 0x502,
    WINDOWS_VISTA = 0x600,
    WINDOWS_7 = 0x601,
    WINDOWS_8 = 0x602
};
enum {
    WINDOWS_8_1 = 0x603,
    WINDOWS_10 = 0xa00
};

/* Where the adapter is in its life. */
enum adapter_state {
    ADAPTER_LOADED,       /* DriverEntry done, no device yet */
    ADAPTER_FINDING,      /* HwFindAdapter */
    ADAPTER_FOUND,        /* between HwFindAdapter and HwInitialize */
    ADAPTER_INITIALIZING, /* HwInitialize and passive initialization */
    ADAPTER_RUNNING,
    ADAPTER_STOPPED, /* ScsiStopAdapter done, resources kept */
    ADAPTER_REMOVED, /* surprise-removed, the driver knows */
    ADAPTER_GONE,    /* removed or failed; everything given back */
};

enum entry_point {
    ENTRY_DRIVER_ENTRY,
    ENTRY_FIND_ADAPTER,
    ENTRY_INITIALIZE,
    ENTRY_PASSIVE_INITIALIZE,
    ENTRY_BUILD_IO,
    ENTRY_START_IO,
    ENTRY_INTERRUPT,
    ENTRY_MESSAGE,
    ENTRY_DPC,
    ENTRY_TIMER,
    ENTRY_RESET_BUS,
    ENTRY_ADAPTER_CONTROL,
    ENTRY_UNIT_CONTROL,
    ENTRY_WORK_ITEM,
    ENTRY_SYNCHRONIZED,
    ENTRY_STATE_CHANGE,
    ENTRY_FREE_RESOURCES,
    ENTRY_SCATTER_GATHER,
    ENTRY_TRACING,
    ENTRY_UNLOAD,
    ENTRY_ENABLE_INTERRUPTS,
    ENTRY_DISABLE_INTERRUPTS,
    ENTRY_COUNT
};

struct port;
struct request;
struct unit;
struct _STOR_SCATTER_GATHER_LIST;
struct _ACCESS_RANGE;

/* Which tier of recovery a unit is in. SCSIPort has only the last. */
enum reset_stage {
    RESET_NONE,
    RESET_UNIT,
    RESET_TARGET,
    RESET_BUS
};

/* ---- gate.c: into the driver and back -------------------------------------------------------- */

/* One call into the driver, on the stack of the processor that makes it. */
struct frame {
    struct frame *outer;
    struct port *port;
    struct request *request; /* that the call is about, or NULL */
    enum entry_point entry;
    unsigned detail;          /* control type, message number */
    uint8_t irql;             /* at entry */
    unsigned locks;           /* driver-visible locks held at entry */
    bool stalls;              /* it has stalled at DISPATCH_LEVEL or above ... */
    uint64_t stalls_since;    /* ... from then on: clock_of_thread() */
    struct crash_frame crash; /* of the entry point outside of this one */
    /* the last export that the driver called from here */
    const char *export_name;
    const void *export_caller;
};

void entry_begin(struct frame *frame, struct port *port, enum entry_point entry, unsigned detail,
                 struct request *request);
/* Checks that the driver came back at its IRQL and with its locks, and looks over the rings. */
void entry_end(struct frame *frame);
/* The driver code that runs on this thread, or NULL. */
struct frame *entry_current(void);
const char *entry_name(enum entry_point entry);
/* Whether this thread is inside `entry`, at any depth since the last interrupt. */
bool entry_inside(enum entry_point entry);

/* One exported function (or extended function, or notification). */
struct export_site {
    const char *name;
    uint8_t highest_irql; /* that its reference page allows */
    _Atomic uint64_t calls;
    struct export_site *next; /* of those called at least once */
    atomic_flag listed;
};

/* The hook at the beginning of each export; `extension` NULL where the function has none. Returns
 * the port that the call is for; violation for an extension that is nobody's. */
struct port *export_enter(struct export_site *site, const void *extension, const void *caller);
/* At its end: the driver goes on. */
void export_leave(void);
/* Calls made to an export, extended function or notification by its name: for tests and tables. */
uint64_t export_calls(const char *name);

#define EXPORT_ENTER(export_name, extension, irql)                                    \
    static struct export_site site = {.name = (export_name), .highest_irql = (irql)}; \
    struct port *port = export_enter(&site, (extension), thunk_caller(__builtin_return_address(0)))

/* ---- locks.c --------------------------------------------------------------------------------- */

/*
 * A lock that the driver can see. StorPort's order is "DPC or StartIo, then interrupt" (reference
 * of StorPortAcquireSpinLock): the two first may be nested either way round, so for them the model
 * remembers which way the driver does it and reports the other one.
 */
enum lock_class {
    LOCK_DPC,
    LOCK_START_IO,
    LOCK_INTERRUPT,
    LOCK_PRIVATE
};

struct port_lock {
    struct cpu_lock lock;
    enum lock_class class;
    unsigned index; /* in the port's order matrix */
};

#define LOCKS_MAXIMUM 512

void port_lock_init(struct port *port, struct port_lock *lock, enum lock_class class,
                    const char *name);
uint8_t port_lock_acquire(struct port *port, struct port_lock *lock);
void port_lock_release(struct port *port, struct port_lock *lock, uint8_t old_irql);
/* Locks of the driver's that this processor holds: how many; the one taken last, or NULL. */
unsigned port_locks_held(void);
struct port_lock *port_lock_innermost(void);
/* Whether a lock of this class is held by this processor. */
bool port_lock_class_held(enum lock_class class);
/* Takes what the port driver holds around HwStartIo, HwTimer and HwResetBus: the StartIo lock, and
 * in half duplex (StorPort's, and SCSIPort's only way) the interrupt lock behind it. */
struct start_io_hold {
    uint8_t start_io_irql, interrupt_irql;
    bool interrupt; /* the interrupt lock is held, too */
};
void hold_start_io(struct port *port, struct start_io_hold *hold);
void drop_start_io(struct port *port, struct start_io_hold *hold);

/* ---- request.c, srb.c, data.c ---------------------------------------------------------------- */

enum request_state {
    REQUEST_QUEUED,   /* in its unit's queue */
    REQUEST_ADMITTED, /* on its way to a processor */
    REQUEST_OWNED,    /* the driver's: from HwBuildIo to RequestComplete */
    REQUEST_FINISHED, /* the driver has completed it; not yet told above */
};

/* What a request does beside carrying a port_io. */
enum request_kind {
    REQUEST_IO,    /* for a caller */
    REQUEST_RESET, /* a reset SRB of the model's own */
};

/* What a report says of a request: its io may be gone by then. */
struct request_summary {
    uint8_t function, path, target, lun, cdb_length;
    uint8_t cdb[16];
};

struct request {
    struct request_summary summary;
    struct request *next;      /* in the unit's queue, the admitted or the finished list */
    struct request *hash_next; /* of live requests by SRB address */
    struct request *live_next, **live_link; /* all that the driver owns */
    struct port *port;
    struct unit *unit;
    struct port_io *io;
    enum request_kind kind;
    enum request_state state;
    bool bypass;      /* goes past depth, pause and freeze */
    bool passes_lock; /* goes past a queue that is locked from above */
    bool started;     /* HwStartIo returned */
    bool timed_out;
    uint64_t start_order; /* when HwStartIo returned, and ... */
    uint64_t call_order;  /* ... when it was called, in the port's sequence */
    unsigned attempts;    /* how often it was answered busy */
    unsigned processor;
    struct cpu_work work;
    _Atomic unsigned references; /* the starter's and the completion's */
    bool *finished;              /* set when done, for one who waits; or NULL */
    uint64_t deadline;           /* on the clock: its TimeOutValue, or when it is tried again */
    enum reset_stage stage;      /* of a reset SRB: what it was sent for */
    /* what the driver sees */
    void *srb;
    size_t srb_bytes;
    bool extended;
    void *extension;
    struct grant *extension_grant;
    void *sense;
    uint8_t sense_length;
    struct grant *sense_grant;
    void *data;       /* first byte of the buffer */
    void *data_block; /* the allocation that it lies in */
    size_t data_tail; /* bytes of that allocation behind the buffer */
    bool data_shown;  /* the driver may use the virtual address */
    struct grant *data_grant;
    struct _STOR_SCATTER_GATHER_LIST *list; /* StorPort's */
    MDL *mdl;                               /* StorPort's */
    uint8_t queue_tag;                      /* SCSIPort's; SP_UNTAGGED: none */
    uint32_t length;                        /* DataTransferLength at the start */
    uint32_t timeout;                       /* seconds */
    void *original;                         /* of a quick request: its SRB as it was built */
    uint8_t *cdb;                           /* of a quick request: in its SRB */
};

/* How a request's DataBuffer may be used. */
bool request_is_read_write(const struct port_io *io);

/* srb.c: makes the SRB, its extension, sense buffer and data for a request; false if there is no
 * memory, or if the request is more than the adapter takes at once. */
bool srb_build(struct request *request);
/* The parts: for a model whose SRBs have another form. */
bool srb_allocate(struct request *request, size_t bytes, const char *name); /* the SRB itself */
bool srb_build_buffers(struct request *request);
bool srb_build_legacy(struct request *request);
uint32_t srb_flags(const struct request *request);

/* What the driver left in an SRB when it completed it. */
struct srb_results {
    uint8_t status, scsi_status, sense_length;
    uint32_t transferred;
};
struct srb_results srb_legacy_results(const struct request *request);
/* Takes the results out of it into request->io and makes everything inaccessible, ending the
 * grants: the driver has given it up. */
void srb_take(struct request *request);
/* Gives the memory back. */
void srb_free(struct request *request);
/* Fields that both kinds have. */
uint8_t srb_status(const struct request *request);
void srb_describe(const struct request *request, char *text, size_t size);

/* data.c */
bool data_build(struct request *request);
/* Pieces that are contiguous for the device: how many, and the bytes of the one at an offset, whose
 * bus address goes to *bus. */
unsigned data_pieces(const struct request *request);
uint64_t data_piece_at(const struct request *request, size_t offset, bus_addr *bus);
void data_copy_out(struct request *request, size_t length); /* to io->data */
void data_end(struct request *request);
void data_free(struct request *request);

/* The request for an SRB of the driver's; violation when it is not one that the driver owns
 * (`what` says what it wanted of it). */
struct request *request_of(struct port *port, const void *srb, const char *what);
/* The same without a violation: NULL. */
struct request *request_find(struct port *port, const void *srb);
/* Calls HwStartIo, at DISPATCH_LEVEL; with the locks around it where calls come one at a time. */
bool request_call_start_io(struct request *request, bool locked);
/* From here on it is the driver's; and no longer, false if another processor was quicker. With the
 * port's mutex. */
void request_own(struct port *port, struct request *request);
bool request_disown(struct port *port, struct request *request);
/* quick.c: a quick request was completed. */
void quick_complete(struct request *request);
/* The driver did not take it after all: it is tried again as one that was answered busy. */
void request_not_accepted(struct request *request);
/* RequestComplete. */
void request_complete(struct port *port, struct request *request);
/* Sends a request of the model's own past queue and depth. */
void request_send(struct request *request);
struct request *request_new(struct port *port, struct port_io *io, enum request_kind kind);
/* Admits what may go: after anything that could have changed it. Not with the port's mutex. */
void requests_admit(struct port *port);
/* Completes by the port (StorPortCompleteRequest) all that the driver owns at an address; 0xff is
 * a wildcard as in the reference. */
void requests_complete_all(struct port *port, uint8_t path, uint8_t target, uint8_t lun,
                           uint8_t status);
/* How many the driver owns that it was given before `order` (HwStartIo had returned); only those
 * of `unit` unless it is NULL. `first` (may be NULL) gets one of them. */
unsigned requests_owned_before(struct port *port, const struct unit *unit, uint64_t order,
                               struct request **first);
/* Looks for requests whose time is over or that are to be tried again. */
void requests_timers_init(struct port *port);
/* After a recovery that failed: the time of those that the driver still has begins anew. */
void requests_wait_again(struct port *port);
void request_release(struct request *request);
/* Whether nothing is outstanding; waits up to `milliseconds` of real time. */
bool requests_wait(struct port *port, unsigned milliseconds);

/* ---- units ----------------------------------------------------------------------------------- */

struct queue_gate {
    bool busy;          /* StorPortBusy, StorPortDeviceBusy */
    unsigned busy_left; /* completions until it ends */
    bool paused;        /* StorPortPause, StorPortPauseDevice */
    struct clock_timer pause_timer;
    unsigned held; /* by the model: reset, power, removal (a count) */
    bool locked;   /* from above: port_lock_queue */
    struct port *port;
};

struct unit {
    struct unit *next;
    struct port *port;
    uint8_t path, target, lun;
    bool present; /* answered an INQUIRY */
    unsigned depth;
    unsigned outstanding;     /* admitted and not yet finished */
    bool ready;               /* SCSIPort: more than one request at a time (NextLuRequest) */
    uint64_t last_completion; /* on the clock */
    struct request *queue_first, **queue_last;
    struct queue_gate gate;
    void *extension; /* SpecificLuExtensionSize bytes, or NULL */
    /* reset.c */
    enum reset_stage reset_stage;
    bool reset_failed; /* the last recovery ended without success */
    struct cpu_work reset_work;
    struct clock_timer hold_timer; /* BusResetHoldTime */
};

/* The unit at an address, made if `create`; NULL otherwise. Takes the port's mutex. */
struct unit *unit_at(struct port *port, uint8_t path, uint8_t target, uint8_t lun, bool create);

/* queue.c */
void queue_gate_init(struct port *port, struct queue_gate *gate);
void queue_gate_completed(struct queue_gate *gate); /* mutex held */
void queue_gate_hold(struct port *port, struct queue_gate *gate);
void queue_gate_release(struct port *port, struct queue_gate *gate);
/* The first unit that is there, or NULL. */
struct unit *first_unit(struct port *port);

/* ---- things that the driver got and must give back ------------------------------------------- */

enum resource_kind {
    RESOURCE_POOL,
    RESOURCE_CONTIGUOUS,
    RESOURCE_DMA,
    RESOURCE_DEVICE_BASE,
    RESOURCE_TIMER,
    RESOURCE_WORKER,
    RESOURCE_MDL,
    RESOURCE_SG_LIST,
    RESOURCE_REGISTRY_BUFFER,
    RESOURCE_COUNT
};

struct resource {
    struct resource *next;
    enum resource_kind kind;
    void *address; /* as the driver knows it */
    size_t bytes;
    struct grant *grant;
    char where[96]; /* the driver's code that asked for it */
    void *more;
};

struct resource *resource_add(struct port *port, enum resource_kind kind, void *address,
                              size_t bytes, struct grant *grant);
/* Takes it out of the list; violation if the driver never had it. The caller frees it. */
struct resource *resource_take(struct port *port, enum resource_kind kind, const void *address,
                               const char *function);
struct resource *resource_find(struct port *port, enum resource_kind kind, const void *address);
/* Violation RULE_LEAK for what is left and must not be; frees the rest. */
void resources_end(struct port *port, bool strict_pool, bool strict_bases);
/* Gives all mapped ranges back. */
void device_bases_free(struct port *port);
const char *resource_name(enum resource_kind kind);

/* ---- line.c, timer.c ------------------------------------------------------------------------- */

/* The line interrupt, and what the device calls. */
void line_init(struct port *port);
void line_queue(struct port *port); /* HwInterrupt is to be called */
void device_events_set(struct port *port);
/* Now and then, when asked to: an interrupt that nobody's device made. */
void interrupts_stray(struct port *port);
void interrupts_connected(struct port *port); /* they reach the driver from now on */
void interrupts_disconnect(struct port *port);

/* HwTimer, the one timer of RequestTimerCall. */
typedef VOID(NTAPI *port_timer_routine)(PVOID extension);
void timers_init(struct port *port);
void timer_request(struct port *port, port_timer_routine routine, ULONG microseconds);
void timers_stop(struct port *port);

/* ---- adapter.c, config.c, discovery.c, reset.c, power.c -------------------------------------- */

/* Memory for PORT_CONFIGURATION_INFORMATION, exactly that long with a guard page behind, and for
 * the access ranges, filled with the device's BARs. Kept for a second HwFindAdapter; the first
 * of the two is zeroed each time. */
void config_allocate(struct port *port, size_t bytes);
/* What one request may carry, from the two limits that the driver set. */
void config_accept_transfer(struct port *port, uint32_t bytes, uint32_t breaks);
/* Writes why Windows does not start such an adapter; false. */
bool config_refuse(char *error, size_t size, const char *why);
/* A value under the driver's Parameters\Device (--parameter), or NULL. */
const struct port_registry_value *registry_option(const struct port *port, const char *name);

bool discover(struct port *port, char *error, size_t size);
/* A request's time is over: at DISPATCH_LEVEL on a processor. */
void reset_expired(struct request *request);
/* The model's own reset SRB was completed: before it counts as done, what it covers must be. */
void reset_check_covered(struct request *request);
void reset_request_done(struct request *request);
/* Starts a recovery of a unit at a tier, as a timeout would. */
void reset_begin(struct unit *unit, enum reset_stage stage);

/* SCSI_ADAPTER_CONTROL_TYPE support as the driver answered; calls it at the IRQL and with the lock
 * that the reference names. */
bool control_supported(const struct port *port, unsigned type);
bool control_call(struct port *port, unsigned type, void *parameters);
void control_query(struct port *port);
/* HwAdapterControl for a stop, and back; true if the driver answered success. */
bool adapter_stop(struct port *port);
bool adapter_restart(struct port *port);
/* Sends a request without data to a unit (NULL: about the adapter) and waits; its SRB status. */
uint8_t send_function(struct port *port, const struct unit *unit, uint8_t function, uint32_t action,
                      uint32_t power_state);

/* ---- exports of both port drivers, but for their names --------------------------- */

/* Each is called between EXPORT_ENTER and export_leave; `function` is the export's name. */
ULONG bus_data_read(struct port *port, const char *function, ULONG type, ULONG bus, ULONG slot,
                    PVOID buffer, ULONG length);
ULONG bus_data_write(struct port *port, const char *function, ULONG type, ULONG bus, ULONG slot,
                     PVOID buffer, ULONG offset, ULONG length);
/* device_base.c; the interface type and bus must be those of ConfigInfo */
void ranges_fill(struct port *port); /* the access ranges, from the device's BARs */
PVOID device_base_map(struct port *port, const char *function, INTERFACE_TYPE type, ULONG bus,
                      uint64_t address, ULONG bytes, bool io_space);
void device_base_free(struct port *port, const char *function, PVOID base);
void device_base_unmap(struct port *port, const void *base);
bool device_base_valid(const struct port *port, uint64_t address, ULONG bytes, bool io_space);
void log_error(struct port *port, const char *function, void *srb, UCHAR path, UCHAR target,
               UCHAR lun, ULONG code, ULONG unique);
void debug_print(struct port *port, const char *function, ULONG level, const char *message);
int64_t system_time(void); /* 100 ns units since 1601 */
void stall(struct port *port, const char *function, ULONG microseconds);
/* Allocates the uncached extension and opens it to the device. */
void uncached_allocate(struct port *port, ULONG bytes, bool dma64);
void uncached_free(struct port *port);
/* Bytes from `address` to the end of the uncached extension; 0: not in it. */
uint64_t uncached_left(const struct port *port, const void *address);
/* The same for a request's data buffer, sense buffer and SRB extension. */
uint64_t request_data_left(const struct request *request, const void *address);
uint64_t request_sense_left(const struct request *request, const void *address);
uint64_t request_extension_left(const struct request *request, const void *address);
/* The request of those that the driver has with a buffer that holds `address`, or NULL. */
struct request *request_with_buffer(struct port *port, const void *address);

/* ---- what each model does in its own way ----------------------------------------------------- */

/* The entry points that both kinds of miniport have, with the same parameters. */
struct port_entries {
    BOOLEAN(NTAPI *initialize)(PVOID extension);
    BOOLEAN(NTAPI *start_io)(PVOID extension, void *srb);
    BOOLEAN(NTAPI *interrupt)(PVOID extension);
    ULONG(NTAPI *find_adapter)
    (PVOID extension, PVOID context, PVOID bus, PCHAR argument, void *config, PBOOLEAN again);
    BOOLEAN(NTAPI *reset_bus)(PVOID extension, ULONG path);
    int(NTAPI *adapter_control)(PVOID extension, int type, PVOID parameters);
};

/* How an adapter ends: what the driver must have given back by then differs. */
enum adapter_end {
    ADAPTER_END_NOT_FOUND,
    ADAPTER_END_FAILED,
    ADAPTER_END_REMOVED
};

/* What is told by SRB_FUNCTION_PNP and SRB_FUNCTION_POWER or a control routine, where Windows does. */
enum port_news {
    NEWS_POWER_OFF,
    NEWS_POWER_ON,
    NEWS_REMOVAL,
    NEWS_PNP_STOP,
    NEWS_UNIT_SURPRISE_REMOVAL, /* before that of the adapter below it */
    NEWS_SURPRISE_REMOVAL
};

struct port_model {
    const char *module; /* that the driver imports from: "storport.sys" */
    const char *name;   /* for texts: "StorPort" */
    uint16_t windows;   /* presented unless an option says otherwise */
    size_t cdb_offset;  /* of SCSI_REQUEST_BLOCK.Cdb: the two have it at different places */
    enum reset_stage first_reset;
    uint64_t busy_microseconds; /* how long a request waits that was answered busy ... */
    unsigned busy_attempts;     /* ... and how often it is tried */
    bool times_units;           /* a request's time begins anew with each completion of its unit */

    /* Whether options make sense for this port driver; false and a text otherwise. */
    bool (*check_options)(const struct port_options *options, char *error, size_t size);
    /* The model's own part of a new port, and its end. */
    void (*create)(struct port *port);
    void (*destroy)(struct port *port);
    /* PORT_CONFIGURATION_INFORMATION: made for HwFindAdapter, which then gets `argument`; and taken
     * over, or refused with a text. */
    void (*make_config)(struct port *port);
    bool (*accept_config)(struct port *port, char *error, size_t size);
    /* Before HwInitialize: interrupts reach the driver from now on. Also at a restart. */
    void (*connect)(struct port *port);
    /* The device sends a message; any thread. NULL: they are not used. */
    void (*message)(struct port *port, unsigned number);
    /* After HwInitialize, at PASSIVE_LEVEL: what else belongs to it. NULL: nothing. */
    bool (*initialized)(struct port *port);
    /* Whether the driver takes a request now; mutex held. NULL: as long as the gates are open. */
    bool (*takes)(const struct port *port, const struct request *request);
    /* A request was admitted; was not given to the driver after all; has left it. Mutex held; NULL:
     * nothing. */
    void (*admitted)(struct request *request);
    void (*withdrawn)(struct request *request);
    void (*left)(struct request *request);
    /* Gives a built request to the driver, at DISPATCH_LEVEL. */
    void (*start)(struct request *request);
    /* Where the command block of a built request lies; and the processor that a message interrupts,
     * -1: none. NULL: no quick requests. */
    uint8_t *(*find_cdb)(struct request *request);
    int (*message_processor)(const struct port *port, unsigned number);
    /* An entry point has returned, its locks still held. NULL: nothing. */
    void (*returned)(struct port *port, const struct frame *frame);
    bool (*build_srb)(struct request *request);
    struct srb_results (*read_results)(const struct request *request);
    /* After the data buffer was made; false: no memory. NULL: nothing. */
    bool (*describe_data)(struct request *request);
    /* Whether the driver may use the data's virtual address. */
    bool (*shows_data)(const struct request *request);
    /* Whether an answer means "try again later". */
    bool (*answered_busy)(const struct port_io *io);
    /* Requests that the port driver answers itself: true, with the results in io. NULL: none. */
    bool (*answers)(struct port *port, struct port_io *io);
    /* Whether discovery asks a target at all. NULL: each. */
    bool (*asks_target)(const struct port *port, uint8_t path, uint8_t target);
    /* A unit was found. NULL: nothing more is asked. */
    void (*found_unit)(struct port *port, const struct port_io *address);
    unsigned (*control_types)(const struct port *port);
    /* Whether this ScsiStopAdapter or ScsiRestartAdapter comes at DIRQL with the interrupt lock. */
    bool (*locks_control)(struct port *port);
    /* Has what an interrupt of a moment ago still has to bring run beside a stop. NULL: nothing. */
    void (*late_work)(struct port *port);
    /* The device extension is zeroed at each start of the adapter, not only at the first. */
    bool zeroes_extension;
    bool (*stop)(struct port *port);
    bool (*restart)(struct port *port);
    void (*tell)(struct port *port, enum port_news news); /* NULL: not told */
    /* HwFreeAdapterResources and its kind; true if the driver had a chance to free all it got. */
    bool (*end)(struct port *port, enum adapter_end end);
    /* Adds what only this model knows. */
    void (*add_facts)(const struct port *port, struct port_facts *facts);
};

extern const struct port_model storport_model, scsiport_model;

/* RequestedDumpBufferSize of the adapter, in bytes; 0 where StorPort has no such field. */
uint32_t storport_dump_buffer(const struct port *port);

/* ---- the port -------------------------------------------------------------------------------- */

#define REQUEST_BUCKETS     1024
#define FINISHED_REMEMBERED 1024

struct mapping {
    struct mapping *next;
    struct port *port;
    unsigned bar;
    uint64_t offset; /* of the window in the BAR */
    size_t length;
    void *base;
    enum trap_space space;
};

struct storport;
struct scsiport;

struct port {
    struct port *next;
    const struct port_model *model;
    struct storport *storport; /* what only one model has; NULL in the others */
    struct scsiport *scsiport;
    struct port_options options;
    struct pe_image image;
    enum adapter_state state;
    pthread_mutex_t mutex;
    pthread_cond_t changed; /* signalled when a request finished or the state changed */
    uint64_t random;

    /* DriverEntry */
    DRIVER_OBJECT *driver_object;
    UNICODE_STRING *registry_path;
    WCHAR *registry_text;
    struct port_entries entries;
    bool initialized; /* StorPortInitialize, ScsiPortInitialize succeeded */
    PVOID hw_context;
    uint32_t extension_bytes, unit_extension_bytes;
    INTERFACE_TYPE interface_type;
    unsigned range_count;

    /* adapter */
    struct device *device; /* observed */
    void *extension;
    void *config; /* PORT_CONFIGURATION_INFORMATION, of which each model has its own */
    struct _ACCESS_RANGE *ranges;
    char *argument; /* ArgumentString; NULL: none */
    void *uncached;
    size_t uncached_bytes;
    struct grant *uncached_grant;
    struct grant *extension_grant; /* once the driver has asked for its extension's address */
    size_t srb_extension_bytes;
    unsigned physical_breaks;
    bool one_piece;            /* data buffers are contiguous for the device */
    uint32_t transfer_bytes;   /* MaximumTransferLength as the driver set it */
    uint32_t maximum_transfer; /* what one request may carry, whatever its buffer's alignment */
    bool dma64;                /* data may lie above 4 GiB */
    bool dma64_memory;         /* and what the port driver gives for each request */
    bool half_duplex;
    unsigned max_number_of_io, unit_depth;
    unsigned alignment_mask;
    unsigned buses, targets, luns;
    bool caches_data;
    bool control_types[64];
    bool rebalancing; /* stopped by PnP: its resources are not there */
    bool device_lost; /* taken away by surprise; the unit has been told */
    struct mapping *mappings;

    /* locks */
    struct port_lock start_io_lock;
    struct port_lock interrupt_lock;
    unsigned lock_count;
    const char *lock_names[LOCKS_MAXIMUM];
    _Atomic uint8_t lock_order[LOCKS_MAXIMUM][LOCKS_MAXIMUM]; /* [a][b]: b was taken under a */

    /* interrupts */
    bool connected;
    unsigned messages; /* StorPort: MSI-X messages in use; 0: the line */
    bool line_masked;  /* SCSIPort: HwInterrupt is not called for now */
    struct cpu_work line_work;
    atomic_bool line_queued;
    atomic_bool line_level;
    atomic_bool line_stray;
    unsigned line_unclaimed;

    port_timer_routine timer_routine;
    struct clock_timer timer;
    struct cpu_work timer_work;
    atomic_bool timer_queued;

    /* requests */
    struct unit *units;
    struct unit adapter_unit; /* where requests that are about no unit queue */
    struct queue_gate gate;   /* of the whole adapter */
    unsigned outstanding;     /* admitted, all units */
    unsigned unfinished;      /* submitted and not yet told above */
    struct request *live;
    struct request *buckets[REQUEST_BUCKETS];
    struct {
        const void *srb;
        uint64_t number;
    } finished[FINISHED_REMEMBERED];
    uint64_t finished_count;
    uint64_t sequence; /* of HwStartIo calls and returns */
    unsigned next_processor;
    struct {
        struct request *first, **last;
        struct cpu_work work;
        bool queued;
    } done[CPU_MAXIMUM];

    struct request *retries;          /* answered busy, waiting to be tried again */
    struct clock_timer request_timer; /* the earliest deadline of all */
    struct cpu_work request_timer_work;
    atomic_bool request_timer_queued;
    unsigned bus_reset_hold; /* microseconds */

    struct resource *resources;
    _Atomic unsigned allocations; /* asked for, those that failed included */
    struct port_counters counters;
    uint64_t vm_exits_before;
    uint64_t doorbells; /* at the end, when the device is no longer there to ask */
    void (*event)(void *context, const char *text);
    void *event_context;
};

/* Numbers from the seed: a value below `limit`. */
uint32_t port_random(struct port *port, uint32_t limit);
/* The port whose device extension this is; NULL if none. */
struct port *port_of(const void *extension);
/* The port of the driver code on this thread, or the only one there is. */
struct port *port_here(void);
void port_log(struct port *port, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* DriverEntry's call of StorPortInitialize or ScsiPortInitialize: checks what both check. */
void check_initialize(struct port *port, const char *function, PVOID argument1, PVOID argument2,
                      const void *data);
/* Guest memory that is zeroed: for what Windows hands out so. */
void *port_zeroed(size_t bytes, const char *name);
void adapter_give_back(struct port *port, enum adapter_end end);
bool adapter_find_and_initialize(struct port *port, char *error, size_t size);
/* Waits until the driver owns no request; violation RULE_LOST_REQUEST if that does not come. */
void drain_owned(struct port *port, const char *before);
/* Ends all that the driver has not seen yet. */
void requests_flush_queued(struct port *port, uint8_t status);
/* Makes allocations through ntoskrnl's functions subject to the same rule as StorPort's. */
void allocation_hook_set(void);
/* Violation if driver code on the request path allocates by `function`. */
void allocation_check(const char *function);
/* Counts an allocation; true if it is the one that is to fail, or a contiguous one beyond the limit. */
bool allocation_fails(struct port *port);
bool contiguous_fails(struct port *port, uint64_t bytes);
/* Looks over rings and quarantine whenever a processor has nothing to do. */
void idle_hook_set(void);
/* The device is the caller's again: no events of it come here any more. */
void adapter_forget_device(struct port *port);

void gate_init(void);
void ports_add(struct port *port);
void ports_remove(struct port *port);
void adapter_unit_init(struct port *port);
void units_free(struct port *port);

#endif
