/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A virtio-blk PCI device of our own: for faults, for what QEMU cannot offer, for exact counts.
 *
 * It is a conforming device (VIRTIO 1.2; split and packed virtqueues, legacy and modern interface) as long as
 * no fault is asked for, and a strict one: it reports each driver requirement of the specification
 * that it sees broken (RULE_VIRTIO), and it looks at a ring only after a doorbell, so that a lost
 * doorbell is a lost request (scripted_check_doorbells). It works only inside `step` of its
 * device_ops (or inside the doorbell, with the option `immediate`), on the caller's thread:
 * the same accesses in the same order give the same run.
 *
 * device_scripted.c holds the theory of operation, script.c the text language:
 *
 *   options    KEY=VALUE,KEY=VALUE,...     scripted_parse; keys marked * also at run time ("set")
 *     profile=NAME                                       (a device that is in use: profiles.c; first)
 *     transport=transitional|legacy|modern
 *     queues=N  queue-size=N[:N...]  vectors=N|auto      (size of the MSI-X table; 0: none)
 *     size=BYTES[k|M|G|T] | sectors=N  file=PATH         (no file: sparse anonymous memory)
 *     block-size=BYTES  size-max=BYTES  seg-max=N|auto  writeback=on|off
 *     physical-block-exp=N  alignment-offset=N  min-io-size=BLOCKS  opt-io-size=BLOCKS
 *     serial=TEXT|none  read-only=on|off
 *     features=MASK*  offer=NAME*  withhold=NAME*        (from the next reset on)
 *     bar0..bar5=memory32|memory64|ports
 *     common|notify|isr|config|msix=BAR[:OFFSET]  notify-multiplier=N  capabilities=CASE
 *     take=N*  complete=N*  delay=STEPS*  order=in-order|reverse|shuffle*  seed=N*  immediate=on|off*
 *     no-batches=on|off*                                 (IN_ORDER: an element for each request)
 *     volatile=on|off                                    (what no flush covers may be lost)
 *     reset=drop|complete|late|work*  reset-reads=N|never*
 *     reset-hangs=SECONDS*    (the next write of 0 to the status does not return for so long)
 *     used-length=exact|chain|data|status|nothing*
 *     refuse-features=on|off*  refuse-vector=N|all|none*  lose-interrupts=N|all*
 *     generation=stable|unstable*
 *     do=COMMAND                                         (done after creation; may be repeated)
 *     at-driver-ok=COMMAND  at-doorbell=COMMAND          (done at the first DRIVER_OK, the first doorbell)
 *
 *   commands   one per line, words separated by blanks    scripted_command
 *     hold QUEUE|all          nothing of the queue completes      release QUEUE|all
 *     fault KIND[=VALUE] [nth=N] [times=N|all] [type=in|out|flush|id] [sectors=A-B] [queue=Q]
 *       hits the nth request that fits (the next), and no more than `times` (1)
 *       KIND: never, status=ioerr|unsupp|N, no-status, length=N, bad-id[=N], stray-id, twice,
 *             index-jump=N, delay=STEPS, no-interrupt
 *     clear                   forgets faults, holds and lies
 *     resize SECTORS | read-only on|off | needs-reset | config-interrupt
 *     lose-cache              with volatile=on: takes away what no flush has covered
 *     end-reset               the reset that is under way is done at the next look
 *     interrupt VECTOR|line   an interrupt without cause
 *     config OFFSET BYTES VALUE   device configuration, without telling the driver
 *     pci OFFSET BYTES VALUE      PCI configuration space
 *     lie AREA OFFSET VALUE       each read of this register gives VALUE; AREA: legacy, common,
 *                                 isr, config, notify
 *     write-late              what reset=late kept is written now
 *     step | remove | set KEY=VALUE,...
 */
#ifndef STORHOST_DEVICES_SCRIPTED_SCRIPTED_H
#define STORHOST_DEVICES_SCRIPTED_SCRIPTED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "devices/device.h"
#include "devices/pci/function.h"

#define SCRIPTED_QUEUES    128u
#define SCRIPTED_VECTORS   PCI_VECTORS
#define SCRIPTED_RANGES    256u             /* of a request; more are none that it takes */
#define SCRIPTED_AUTO      PCI_PLACE_AUTO   /* the device chooses */
#define SCRIPTED_UNLIMITED 0u               /* of take and complete */
#define SCRIPTED_NEVER     UINT32_MAX       /* of reset_reads */
#define SCRIPTED_ALL       UINT32_MAX       /* of lose_interrupts, refuse_vector, a queue */
#define SCRIPTED_NONE      (UINT32_MAX - 1) /* of refuse_vector */

/* PCI id 1af4:1001 with both interfaces, 1001 with the legacy one only, 1af4:1042. */
enum scripted_transport {
    SCRIPTED_TRANSITIONAL,
    SCRIPTED_LEGACY,
    SCRIPTED_MODERN
};

enum scripted_order {
    SCRIPTED_IN_ORDER,
    SCRIPTED_REVERSE,
    SCRIPTED_SHUFFLE
};

/* What happens to requests that are outstanding when the driver resets the device. */
enum scripted_reset {
    SCRIPTED_RESET_DROP,     /* their memory is never touched again */
    SCRIPTED_RESET_COMPLETE, /* all complete within the reset, as QEMU does with a throttled disk */
    SCRIPTED_RESET_LATE,     /* not conforming: data and status are written when scripted_write_late
                                is called, long after the reset */
    SCRIPTED_RESET_WORK,     /* until the reset is done the device goes on working on them, with
                                used elements and interrupts; then nothing more */
};

/* What is told as used length. Only the first is the specification's; the others are those of devices
 * that are in use (docs/devices.md). */
enum scripted_used_length {
    SCRIPTED_LENGTH_EXACT,  /* bytes written, from the first writable one on */
    SCRIPTED_LENGTH_CHAIN,  /* data of either direction, and the status byte */
    SCRIPTED_LENGTH_DATA,   /* data of either direction */
    SCRIPTED_LENGTH_STATUS, /* 1 */
    SCRIPTED_LENGTH_NOTHING /* 0 */
};

/* scripted_defaults() sets what is said here in brackets; then change what should differ. */
struct scripted_options {
    enum scripted_transport transport;        /* [transitional] */
    uint64_t features;                        /* offered bits; see scripted_default_features() */
    unsigned queues;                          /* [1], up to SCRIPTED_QUEUES */
    uint16_t queue_sizes[SCRIPTED_QUEUES];    /* [256 each]; 0: no such queue; any value */
    uint32_t vectors;                         /* size of the MSI-X table [auto: queues + 1]; 0 */
    enum pci_bar_kind bars[DEVICE_BARS];      /* [memory64; BAR 1 memory32] of those in use */
    struct pci_place place[PCI_PARTS];        /* [BAR 4, MSI-X in BAR 1, auto] */
    uint32_t notify_multiplier;               /* [4] */
    char at_driver_ok[128], at_doorbell[128]; /* done once then, and cleared [""] */
    char capabilities[32];                    /* ["good"]: a case of scripted_capability_case */

    uint64_t capacity;          /* 512-byte sectors [131072: 64 MiB] */
    uint32_t block_size;        /* bytes [512] */
    uint32_t size_max;          /* bytes [65536]; offered only with SIZE_MAX */
    uint32_t seg_max;           /* [auto: queue size - 2] */
    uint8_t physical_block_exp; /* [0] */
    uint8_t alignment_offset;   /* logical blocks [0] */
    uint16_t min_io_size;       /* logical blocks [0] */
    uint32_t opt_io_size;       /* logical blocks [0] */
    uint32_t discard_sectors;   /* of one range [8192]; with DISCARD, SECURE_ERASE */
    uint32_t discard_ranges;    /* of one request [1]; with DISCARD */
    uint32_t discard_alignment; /* sectors [1]; only whole ones of them are discarded */
    uint32_t zeroes_sectors;    /* of one request [8192]; offered only with WRITE_ZEROES */
    bool may_unmap;             /* WRITE_ZEROES may give sectors up [false] */
    uint16_t lifetime[2];       /* estimates of types A and B, 0 to 11 [0]; told with LIFETIME */
    uint8_t zone_model;         /* 0: none, 1: host-managed, 2: host-aware [0]; told with ZONED */
    bool writethrough;          /* [false] */
    bool read_only;             /* [false] */
    bool no_serial;             /* GET_ID is answered with UNSUPP [false] */
    char serial[21];            /* up to 20 characters ["scripted"] */
    char file[4096];            /* backing store; "": sparse anonymous memory [""] */

    uint32_t take, complete;   /* requests per queue and step [unlimited] */
    uint32_t delay;            /* steps from taking to completing [0: in the same step] */
    enum scripted_order order; /* [in order] */
    uint64_t seed;             /* of shuffling [1] */
    bool immediate;            /* each doorbell is followed by a step [false] */
    enum scripted_used_length used_length; /* [exact] */
    bool no_batches; /* IN_ORDER: an element for each request all the same [false] */

    bool volatile_cache; /* what no flush has covered may be lost [false] */

    enum scripted_reset reset; /* [drop] */
    uint32_t reset_reads;      /* so many reads of the status until a reset is done [0] */
    uint32_t reset_hangs;      /* seconds that the next write that resets takes [0] */
    bool refuse_features;      /* FEATURES_OK does not stay set [false] */
    uint32_t refuse_vector;    /* this one reads back as NO_VECTOR [none]; all */
    uint32_t lose_interrupts;  /* so many of the next interrupts are lost [0]; all */
    bool unstable_generation;  /* config_generation differs at each read [false] */
    char commands[1024];       /* done after creation, one per line [""] */
};

void scripted_defaults(struct scripted_options *options);

/* What is offered by default: as QEMU's modern device does without DISCARD, WRITE_ZEROES and
 * RING_RESET; of the legacy interface neither ANY_LAYOUT nor NOTIFY_ON_EMPTY. Any other bits of
 * scripted_known_features() can be added; requests that the device does not know end with UNSUPP. */
uint64_t scripted_default_features(void);
uint64_t scripted_known_features(void);

/* Changes options by text, see above. False and a text that names the key. */
bool scripted_parse(const char *text, struct scripted_options *options, char *error, size_t size);

/* A device that is in use, as options. */
struct scripted_profile {
    const char *name, *what, *options;
};

/* NULL: there is none of this name. */
const struct scripted_profile *scripted_profile(const char *name);
void scripted_list_profiles(FILE *stream);

/* Names of the capability lists that can be presented, ended by NULL; `conforming` (may be NULL)
 * says of each whether a driver has to find the device in it. */
const char *scripted_capability_case(unsigned index, bool *conforming);

/* memory_init() must have run. BARs are placed, the command register allows everything, MSI-X is
 * off. NULL and a text if the options make no device. */
struct device *scripted_create(const struct scripted_options *options, char *error, size_t size);

/* ---- Scripting; any thread ---- */

/* Does one command. False and a text if it makes no sense. */
bool scripted_command(struct device *device, const char *line, char *error, size_t size);

void scripted_hold(struct device *device, uint32_t queue); /* SCRIPTED_ALL: all */
void scripted_release(struct device *device, uint32_t queue);

enum scripted_fault_kind {
    SCRIPTED_FAULT_NEVER,        /* taken, never answered */
    SCRIPTED_FAULT_STATUS,       /* answered with status `value`, no data moved */
    SCRIPTED_FAULT_NO_STATUS,    /* the status byte is not written */
    SCRIPTED_FAULT_LENGTH,       /* used length `value` */
    SCRIPTED_FAULT_BAD_ID,       /* used id `value` instead of its own */
    SCRIPTED_FAULT_STRAY_ID,     /* first an id that is not outstanding, then its own */
    SCRIPTED_FAULT_TWICE,        /* its id twice */
    SCRIPTED_FAULT_INDEX_JUMP,   /* used index goes `value` too far */
    SCRIPTED_FAULT_DELAY,        /* completes `value` steps later */
    SCRIPTED_FAULT_NO_INTERRUPT, /* the interrupt that it would cause is lost */
    SCRIPTED_FAULTS
};

#define SCRIPTED_ANY UINT32_MAX

/* Which requests are hit: those that fit type, sectors and queue, from the nth of them on (counted
 * from now), `times` of them. */
struct scripted_fault {
    enum scripted_fault_kind kind;
    uint32_t value;
    uint32_t type;                      /* VIRTIO_BLK_T_...; SCRIPTED_ANY */
    uint32_t queue;                     /* SCRIPTED_ANY */
    uint64_t first_sector, last_sector; /* of requests that have sectors; 0, UINT64_MAX: any */
    uint32_t nth;                       /* 1: the next */
    uint32_t times;                     /* 0: all from there on */
};

/* False: there are too many (64). */
bool scripted_add_fault(struct device *device, const struct scripted_fault *fault);
/* Forgets faults, holds and lies; requests hit by FAULT_NEVER stay so. */
void scripted_clear(struct device *device);

void scripted_resize(struct device *device, uint64_t sectors);
/* Writes fail from now on, and RO is offered. */
void scripted_set_read_only(struct device *device, bool read_only);
void scripted_needs_reset(struct device *device);
/* A reset that waits for reads of the status (reset_reads) is done at the next one. */
void scripted_end_reset(struct device *device);
/* An interrupt without cause: a message, or the line (until the ISR status is read). */
void scripted_interrupt(struct device *device, unsigned vector);
void scripted_interrupt_line(struct device *device);
/* Writes data and status of the requests that SCRIPTED_RESET_LATE kept; returns how many. */
unsigned scripted_write_late(struct device *device);

/* ---- Work in pieces, for trying every order ---- */

enum scripted_piece {
    SCRIPTED_PIECE_TAKE, /* takes one chain, asks for a doorbell, or looks once more after that */
    SCRIPTED_PIECE_COMPLETE,  /* completes what it may at once, or decides about an interrupt */
    SCRIPTED_PIECE_INTERRUPT, /* interrupts that were decided on arrive */
    SCRIPTED_PIECES
};

/* In pieces the device does nothing by itself, neither in steps nor when the processors are idle. */
void scripted_set_pieces(struct device *device, bool pieces);
bool scripted_piece_possible(struct device *device, enum scripted_piece piece);
void scripted_do_piece(struct device *device, enum scripted_piece piece);
/* What the device has in hand, as a number: the same in two moments from which it goes on in the same
 * way, however far its ring is. */
uint64_t scripted_piece_state(struct device *device);
/* Of a packed queue 0: the descriptor to be taken next, counted over two laps. */
uint16_t scripted_packed_place(struct device *device);

/* ---- Judging ---- */

/*
 * Violation RULE_DOORBELL if the driver made requests available, the specification obliged it to
 * ring, and it has not. To be called when no processor has anything to do: exact, as the device
 * does nothing by itself.
 */
void scripted_check_doorbells(struct device *device);

/* Whether a step would do anything (without a further access by the driver). */
bool scripted_busy(struct device *device);

/* Requests taken and not completed. */
unsigned scripted_outstanding(struct device *device);

enum scripted_area {
    SCRIPTED_AREA_PCI, /* configuration space */
    SCRIPTED_AREA_LEGACY,
    SCRIPTED_AREA_COMMON,
    SCRIPTED_AREA_NOTIFY,
    SCRIPTED_AREA_ISR,
    SCRIPTED_AREA_CONFIG,
    SCRIPTED_AREA_MSIX,
    SCRIPTED_AREA_NOTHING, /* in a BAR, but nothing is there */
    SCRIPTED_AREAS
};

/* Exact, since creation. Accesses by whoever looks on (an observer asked for facts) count too. */
struct scripted_counters {
    uint64_t reads[SCRIPTED_AREAS], writes[SCRIPTED_AREAS];
    uint64_t in, out, flush, get_id, other; /* requests taken */
    uint64_t discard, zeroes, erased;       /* ranges cleared; taken as other */
    uint64_t discard_requests;              /* taken, each with so many ranges */
    uint64_t unmapping;                     /* of zeroes: those that may be unmapped */
    uint64_t completed, failed;             /* failed: with a status other than OK */
    uint64_t bytes_in, bytes_out;
    uint64_t segments, indirect; /* data segments; chains in indirect tables */
    uint64_t skipped;            /* in order: completed without an element of their own */
    uint64_t doorbells_needed[SCRIPTED_QUEUES];
    uint64_t doorbells_superfluous[SCRIPTED_QUEUES];
    uint64_t requests[SCRIPTED_QUEUES];
    uint64_t messages[SCRIPTED_VECTORS]; /* MSI-X messages sent */
    uint64_t line;                       /* times the line was asserted */
    uint64_t suppressed;                 /* interrupts that the driver did not want */
    uint64_t lost;                       /* interrupts lost by script */
    uint64_t resets;
    uint64_t steps;
};

void scripted_get_counters(struct device *device, struct scripted_counters *counters);

/* Reads or writes the disk behind the driver's back; false beyond its end or on an error. */
bool scripted_read_disk(struct device *device, uint64_t sector, void *data, size_t bytes);
bool scripted_write_disk(struct device *device, uint64_t sector, const void *data, size_t bytes);

#endif
