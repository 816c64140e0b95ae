/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The scripted device from inside. Everything here is called with the device's lock held, unless
 * it says otherwise. See device_scripted.c.
 */
#ifndef STORHOST_DEVICES_SCRIPTED_INTERNAL_H
#define STORHOST_DEVICES_SCRIPTED_INTERNAL_H

#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>
#include <pthread.h>

#include "devices/pci/interrupts.h"
#include "devices/scripted/scripted.h"

#define FEATURE(bit)        (UINT64_C(1) << (bit))
#define F_SCSI              7 /* legacy names and bits that the system's headers lack */
#define F_ZONED             17
#define F_LIFETIME          15
#define T_GET_LIFETIME      10u
#define CONFIG_ZONE_MODEL   92u /* offset; of VIRTIO 1.3, as is the length of the configuration: */
#define CONFIG_BYTES        96u
#define F_NOTIFICATION      38
#define F_NOTIF_CONFIG_DATA 39
#define F_RING_RESET        40
#define FAULTS_MAXIMUM      64u
#define LIES_MAXIMUM        32u
#define SECTOR              512u
#define LEGACY_ALIGNMENT    4096u

/* A piece of memory that a chain names. */
struct segment {
    uint64_t address; /* bus */
    uint32_t length;
    bool writable;
};

/* One request from the ring, until it is completed or dropped. */
struct request {
    struct request *next;
    uint16_t head;        /* of its chain; packed: its buffer id */
    uint16_t descriptors; /* of the ring that its chain takes */
    uint32_t type;
    uint64_t sector;
    struct segment *segments;
    unsigned count;
    uint64_t readable, writable; /* bytes, header and status included */
    uint64_t due;                /* step at which it may complete */
    uint64_t covers;             /* of a flush: writes that were completed before it was taken */
    uint32_t faults;             /* bit per scripted_fault_kind */
    uint32_t values[SCRIPTED_FAULTS];
};

enum queue_state {
    QUEUE_OFF,
    QUEUE_IDLE, /* everything taken; a doorbell is wanted and was announced so */
    QUEUE_BUSY, /* rung, or not everything taken yet: a step looks at the ring */
    QUEUE_ARMED /* between two pieces of a step: a doorbell is wanted, one more look is due */
};

/* What one used element stands for. */
struct batch {
    unsigned requests, descriptors;
};

struct split_ring {
    const struct vring_desc *table;
    uint16_t *available, *used; /* views of flags, index, ring */
    uint16_t next_available;    /* next entry to take */
    uint16_t seen_available;    /* the driver's index when it last rang, or we last looked */
    uint16_t event;             /* published: the entry whose addition wants a doorbell */
    uint16_t used_index, signalled;
};

/* Places count round 2 x size: the first lap has wrap counter 1, the second 0. */
struct packed_ring {
    struct vring_packed_desc *ring;
    const struct vring_packed_desc_event *driver_event;
    struct vring_packed_desc_event *device_event;
    uint32_t next_available; /* next descriptor to take */
    uint32_t seen_available; /* behind what was available when the driver last rang, or we looked */
    uint32_t next_used, signalled;
    uint16_t wanted; /* published: flags and place of the descriptor that wants a doorbell */
    uint16_t event;
};

struct scripted;
struct queue;

/* What depends on how a ring lies in memory. */
struct queue_format {
    void (*enable)(struct scripted *scripted, struct queue *queue); /* judges and finds it */
    uint16_t (*next)(const struct queue *queue); /* the entry to take next, for reports */
    bool (*pending)(const struct queue *queue);  /* something is available */
    struct request *(*take)(struct scripted *scripted, struct queue *queue);
    void (*look)(struct queue *queue); /* all that is available now has been seen, or told */
    /* What was added since obliges the driver to ring. */
    bool (*doorbell_due)(const struct scripted *scripted, const struct queue *queue);
    /* What a doorbell says lies between what was told before and what is available. */
    bool (*data_fits)(const struct queue *queue, uint16_t data);
    void (*want_doorbell)(struct scripted *scripted, struct queue *queue);
    void (*want_no_doorbell)(struct scripted *scripted, struct queue *queue);
    void (*use)(struct queue *queue, uint32_t id, uint32_t length, const struct batch *batch);
    void (*jump)(struct queue *queue, uint32_t by); /* goes that much too far */
    /* For what was used since `signalled`. */
    bool (*interrupt_wanted)(const struct scripted *scripted, const struct queue *queue);
    void (*signalled)(struct queue *queue);
    uint16_t (*undecided)(const struct queue *queue); /* how much that is */
};

extern const struct queue_format queue_split, queue_packed;

struct queue {
    unsigned index;
    enum queue_state state;
    uint16_t size_offered, size;
    uint16_t vector;
    bool vector_unread; /* set, but the driver has not looked whether it was accepted */
    bool held;          /* by script */
    bool lose_interrupt;
    bool reset_wanted;                              /* queue_reset */
    uint64_t descriptors, driver_area, device_area; /* bus */
    const struct queue_format *format;              /* unless QUEUE_OFF */
    union {
        struct split_ring split;
        struct packed_ring packed;
    };
    bool undecided;        /* between two pieces: used, but whether to interrupt is not decided */
    bool *outstanding;     /* per head */
    struct request *first; /* oldest first */
};

/* What a reset is at. */
enum reset_state {
    RESET_NOT,    /* fresh, or over */
    RESET_RUNS,   /* 0 was written; the status does not show it yet */
    RESET_UNSEEN, /* done; the driver has not read the 0 yet */
};

struct active_fault {
    struct scripted_fault fault;
    uint32_t matched;
};

struct lie {
    enum scripted_area area;
    uint32_t offset;
    uint64_t value;
};

struct scripted {
    struct device device; /* first */
    pthread_mutex_t lock; /* recursive: a report of a violation may read what this guards */
    struct scripted_options options;

    struct pci_function function;

    /* virtio */
    uint8_t status;
    enum reset_state reset_state;
    uint32_t reset_reads_left;
    uint64_t hang; /* microseconds for which the write that is under way does not return */
    bool features_ok_unread; /* set, not read back yet */
    uint64_t offered, accepted;
    uint32_t device_select, driver_select;
    uint16_t queue_select;
    uint16_t config_vector;
    bool config_vector_unread;
    uint8_t isr, generation;
    bool stray_line; /* the line is asserted without cause */
    struct queue queues[SCRIPTED_QUEUES];
    struct virtio_blk_config config;
    uint64_t largest_capacity; /* since the last reset */
    int store;                 /* file */
    struct request *late;      /* kept by RESET_LATE */
    uint64_t random;
    struct cached_write *cache; /* what a loss of power takes away, newest first; cache.c */
    uint64_t writes_cached;     /* so far */

    /* script */
    struct active_fault faults[FAULTS_MAXIMUM];
    unsigned fault_count;
    struct lie lies[LIES_MAXIMUM];
    unsigned lie_count;

    bool pieces;     /* works only in pieces */
    bool delivering; /* pieces: the piece that delivers interrupts is being done */

    /* events to be delivered when the lock has been given back */
    struct pci_interrupts interrupts;

    struct scripted_counters counters;
};

static inline struct scripted *scripted_of(struct device *device)
{
    return (struct scripted *)device;
}

/* ---- config_space.c: what its PCI configuration space has besides devices/pci ---- */

bool config_space_build(struct scripted *scripted, char *error, size_t size);
uint32_t config_space_read(struct scripted *scripted, unsigned offset, unsigned size);
void config_space_write(struct scripted *scripted, unsigned offset, unsigned size, uint32_t value);

static inline bool messages_on(const struct scripted *scripted)
{
    return msix_enabled(&scripted->function);
}

/* ---- registers.c: what BARs answer ---- */

uint64_t registers_read(struct scripted *scripted, unsigned bar, uint64_t offset, unsigned size);
void registers_write(struct scripted *scripted, unsigned bar, uint64_t offset, unsigned size,
                     uint64_t value);

/* ---- status.c: handshake, reset, configuration ---- */

uint8_t status_read(struct scripted *scripted, bool modern);
void status_write(struct scripted *scripted, uint8_t value, bool modern);
/* Does a command of the text language that an option has put off to this moment, and clears it. */
void device_run_once(struct scripted *scripted, char *command, size_t size);
void accept_features(struct scripted *scripted, bool high, uint32_t value, bool modern);
/* What the interface shows of the offered features. */
uint64_t offered_features(const struct scripted *scripted, bool modern);
void config_build(struct scripted *scripted);
/* Something in the device configuration has changed: tells the driver. */
void config_changed(struct scripted *scripted);
void device_broken(struct scripted *scripted);
void device_reset(struct scripted *scripted);
/* The queue's or (NULL) the configuration's interrupt. */
void raise_interrupt(struct scripted *scripted, struct queue *queue);

/* ---- queue.c: virtqueues ---- */

void queue_enable(struct scripted *scripted, struct queue *queue);
void queue_reset(struct scripted *scripted, struct queue *queue);
void queue_doorbell(struct scripted *scripted, unsigned index);
/* The same with what NOTIFICATION_DATA says of the next entry. */
void queue_doorbell_data(struct scripted *scripted, unsigned index, uint16_t data);
void queue_take(struct scripted *scripted, struct queue *queue);
void queue_complete(struct scripted *scripted, struct queue *queue, uint32_t limit);
/* The same in pieces: one request, one announcement or one look; used elements, or the decision about
 * an interrupt. False: there was nothing to do. */
bool queue_piece_left(const struct scripted *scripted, const struct queue *queue,
                      enum scripted_piece piece);
bool queue_take_piece(struct scripted *scripted, struct queue *queue);
bool queue_complete_piece(struct scripted *scripted, struct queue *queue, uint32_t limit);
/* The entry that is taken next, for reports. */
uint16_t queue_next(const struct queue *queue);
/* For the formats. */
bool queue_has_event_index(const struct scripted *scripted);
void *queue_view(const struct queue *queue, uint64_t bus, size_t length, const char *part);
bool packed_is_available(const struct queue *queue, uint32_t position);
struct vring_packed_desc *packed_descriptor(const struct queue *queue, uint32_t position);
uint32_t packed_forward(const struct queue *queue, uint32_t position, uint32_t count);
/* A ring position is behind the driver's last index, and it had to ring for it. */
bool queue_doorbell_missing(const struct scripted *scripted, const struct queue *queue);
/* The request that may complete next, taken off the list; NULL: none now. */
bool queue_has_due(const struct scripted *scripted, const struct queue *queue);

/* ---- chain.c: descriptor chains ---- */

/* Walks the chain at `head`; violation RULE_VIRTIO if it is none. */
struct request *chain_take(struct scripted *scripted, struct queue *queue, uint16_t head);
/* The same for the chain that begins at this place of a packed ring. */
struct request *chain_take_packed(struct scripted *scripted, struct queue *queue,
                                  uint32_t position);
/* Whether some of [bus, bus + length) is for it to write. */
bool request_may_write(const struct request *request, uint64_t bus, uint64_t length);
void request_free(struct request *request);
void request_free_list(struct request *first);

/* ---- request.c: what a request means, the disk ---- */

bool store_open(struct scripted *scripted, char *error, size_t size);
/* Moves bytes of the file; what lies beyond its end reads as zeroes. */
bool store_piece(int file, uint64_t offset, char *data, size_t bytes, bool write);
/* Judges a request that was just taken, counts it and finds the faults that hit it. */
void request_begin(struct scripted *scripted, struct queue *queue, struct request *request);
/* Moves data and writes the status. Returns the used length. */
uint32_t request_execute(struct scripted *scripted, const struct request *request);
bool store_transfer(struct scripted *scripted, uint64_t sector, void *data, size_t bytes,
                    bool write);

/* ---- cache.c: what is not on the medium yet, with volatile=on ---- */

/* [offset, offset + bytes) of the disk is about to be written. */
void cache_note(struct scripted *scripted, uint64_t offset, uint64_t bytes);
/* The first `covered` writes are on the medium. */
void cache_flush(struct scripted *scripted, uint64_t covered);
/* Power is lost: what is not on the medium is as it was before. */
void cache_lose(struct scripted *scripted);
void cache_close(struct scripted *scripted);

/* ---- script.c ---- */

/* The same as scripted_parse for the keys that may change while the device runs. */
bool script_set(struct scripted *scripted, const char *text, char *error, size_t size);

/* ---- device_scripted.c ---- */

void scripted_do_step(struct scripted *scripted);

#endif
