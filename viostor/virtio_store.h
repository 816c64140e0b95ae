/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Main include of the miniport: the virtio-blk interface and the driver's own structures.
 *
 *   ADAPTER_EXTENSION   one per HBA (a virtio-blk device is an HBA with one disk)
 *     VIO_QUEUE[]       one per virtqueue: ring, lock, DPC, slots, waiting list
 *       REQUEST_SLOT[]  one per ring id, shared with the device: header, status, short table
 *   SRB_EXTENSION       one per request, in the memory that StorPort gives with each SRB
 *
 * The life of a request:
 *
 *     BuildIo            StartIo                      device           DPC
 *   ┌─────────┐     ┌──────────────┐             ┌────────────┐   ┌────────────┐
 *   │ built   ├────>│ in the ring  ├────────────>│  ...       ├──>│ finished   ├──> RequestComplete
 *   └─────────┘  │  └──────────────┘             └────────────┘   └────────────┘
 *                │         ^ ring has room                              ^
 *                └──> queue's waiting list ─────────────────────────────┘ reset, removal
 *
 * Locking: everything in a VIO_QUEUE is guarded by that queue's lock (port.h), but for the fields
 * that are constant between HwInitialize and the adapter's end. Two queues' locks are never held at
 * once. The adapter's state is changed only by AdapterReset and by entry points that StorPort
 * serializes with everything else.
 */
#ifndef VIRTIO_STORE_H
#define VIRTIO_STORE_H

#include "osdep.h"
#include "VirtIO.h"
#include "virtio_pci.h"
#include "virtio_ring.h"
#include "scsi_disk.h"

/* Request types and status values of virtio-blk (VIRTIO 1.2, 5.2.6). */
#define VIRTIO_BLK_T_IN           0u
#define VIRTIO_BLK_T_OUT          1u
#define VIRTIO_BLK_T_FLUSH        4u
#define VIRTIO_BLK_T_GET_ID       8u
#define VIRTIO_BLK_T_GET_LIFETIME 10u
#define VIRTIO_BLK_T_DISCARD      11u
#define VIRTIO_BLK_T_WRITE_ZEROES 13u

/* In virtio_blk_range.flags, of WRITE_ZEROES only: the sectors may be given up as well. */
#define VIRTIO_BLK_RANGE_F_UNMAP 1u

#define VIRTIO_BLK_S_OK     0u
#define VIRTIO_BLK_S_IOERR  1u
#define VIRTIO_BLK_S_UNSUPP 2u

/* Not a value of the specification: what the status byte holds until the device writes it. */
#define REQUEST_STATUS_UNWRITTEN 0xffu

/* virtio_blk_config.zoned.model: a disk that can only be written zone by zone (VIRTIO 1.3, 5.2.4). */
#define VIRTIO_BLK_Z_HOST_MANAGED 1u
#define VIRTIO_BLK_Z_HOST_AWARE   2u

/* Device configuration (VIRTIO 1.2, 5.2.4; the zones: 1.3). */
#pragma pack(push, 1)
typedef struct virtio_blk_config {
    ULONGLONG capacity; /* sectors of 512 bytes */
    ULONG size_max;     /* bytes in a segment, with F_SIZE_MAX; 0 means no limit */
    ULONG seg_max;      /* data segments in a request, with F_SEG_MAX */
    struct {
        USHORT cylinders;
        UCHAR heads;
        UCHAR sectors;
    } geometry;
    ULONG blk_size; /* bytes, with F_BLK_SIZE */
    struct {
        UCHAR physical_block_exp;
        UCHAR alignment_offset;
        USHORT min_io_size; /* logical blocks */
        ULONG opt_io_size;  /* logical blocks */
    } topology;
    UCHAR writeback; /* 1: write-back cache, with F_CONFIG_WCE */
    UCHAR unused0;
    USHORT num_queues; /* with F_MQ */
    /* with F_DISCARD */
    ULONG max_discard_sectors;
    ULONG max_discard_seg;          /* ranges in one request */
    ULONG discard_sector_alignment; /* in sectors of 512 bytes */
    /* with F_WRITE_ZEROES */
    ULONG max_write_zeroes_sectors;
    ULONG max_write_zeroes_seg;
    UCHAR write_zeroes_may_unmap;
    UCHAR unused1[3];
    /* with F_SECURE_ERASE */
    ULONG max_secure_erase_sectors;
    ULONG max_secure_erase_seg;
    ULONG secure_erase_sector_alignment;
    struct {
        ULONG zone_sectors;
        ULONG max_open_zones;
        ULONG max_active_zones;
        ULONG max_append_sectors;
        ULONG write_granularity;
        UCHAR model; /* VIRTIO_BLK_Z_... */
        UCHAR unused2[3];
    } zoned; /* with F_ZONED */
} blk_config, *pblk_config;

/* Header of a request, read by the device (VIRTIO 1.2, 5.2.6). */
typedef struct virtio_blk_outhdr {
    ULONG type;       /* VIRTIO_BLK_T_... */
    ULONG ioprio;     /* reserved: 0 */
    ULONGLONG sector; /* first sector of 512 bytes; 0 for requests without one */
} blk_outhdr, *pblk_outhdr;

/* What DISCARD and WRITE_ZEROES carry (VIRTIO 1.2, 5.2.6): a range of sectors, read by the device. */
typedef struct virtio_blk_range {
    ULONGLONG sector;  /* first sector of 512 bytes */
    ULONG num_sectors; /* of 512 bytes */
    ULONG flags;       /* VIRTIO_BLK_RANGE_F_... */
} blk_range, *pblk_range;
#pragma pack(pop)

/* Descriptors in a slot's own table: header, status and up to REQUEST_SLOT_SEGMENTS of data. A
 * slot is then two cache lines, which a 4 KiB or 16 KiB request never leaves. */
#define REQUEST_SLOT_DESCRIPTORS 6u
#define REQUEST_SLOT_SEGMENTS    (REQUEST_SLOT_DESCRIPTORS - 2u)

/* The request descriptor: what the device sees of a request, beside its data. One per ring id, in
 * shared memory, so that its device address is known without asking. */
typedef struct virtio_blk_req {
    blk_outhdr header;  /* device reads */
    UCHAR status;       /* device writes: VIRTIO_BLK_S_... */
    UCHAR reserved[15]; /* the table is aligned to 16 bytes */
    union {
        VIRTQ_DESC table[REQUEST_SLOT_DESCRIPTORS]; /* device reads, with indirect descriptors */
        struct {
            VIRTQ_DESC used[3]; /* header, range, status: all that such a request needs */
            blk_range range;    /* device reads: of DISCARD and WRITE_ZEROES */
        };
    };
} blk_req, *pblk_req;

_Static_assert(sizeof(blk_outhdr) == 16, "the header's layout is the specification's");
_Static_assert(sizeof(blk_range) == 16, "so is that of a range");
_Static_assert(offsetof(blk_config, num_queues) == 34, "so is the configuration's");
_Static_assert(offsetof(blk_config, zoned.model) == 92, "to its end");
_Static_assert(sizeof(blk_req) == 2 * CACHE_LINE_SIZE, "a slot is two cache lines");

/* The most queues that are used, whatever device and machine offer. */
#define VIO_QUEUE_MAXIMUM 128u

/* The most completions that an interrupt is put off for, whatever the user asks for. */
#define COMPLETIONS_PER_INTERRUPT_MAXIMUM 256u

/* Alignment of data buffers as a mask. A virtio device takes any address; 4 bytes is what file systems
 * and the cache manager never fall below. And the most that a user may ask for. */
#define DATA_ALIGNMENT_MASK         3u
#define DATA_ALIGNMENT_MASK_MAXIMUM (PAGE_SIZE - 1)

/* The most requests that StorPort is told to keep outstanding; more of them only wait. */
#define VIO_DEPTH_MAXIMUM 1024u

/* The fewest and the most long descriptor tables of a queue, within PORT_LONG_TABLE_BUDGET. A
 * request that finds none waits for the next completion of its queue. */
#define LONG_TABLE_MINIMUM 4u
#define LONG_TABLE_MAXIMUM 64u

/* What a request asks for. */
typedef enum _REQUEST_KIND {
    RequestKindDevice,   /* a virtio-blk request: read or write */
    RequestKindFlush,    /* a flush of its own: SRB_EXTENSION.Flush */
    RequestKindSequence, /* several requests, one after the other: SRB_EXTENSION.Sequence */
    RequestKindRange,    /* one of the driver's own, for ranges of such a command */
    RequestKindReset,    /* a logical unit, target or bus reset: done by the driver */
    RequestKindIdentify, /* the driver's own GET_ID, without an SRB */
} REQUEST_KIND;

/* How a request ended. */
typedef enum _REQUEST_RESULT {
    RequestResultDevice,   /* the device answered: DeviceStatus says how */
    RequestResultSequence, /* a sequence has ended: Sequence says how */
    RequestResultReset,    /* given up by a reset */
    RequestResultGone,     /* the device is not there (any more) */
    RequestResultBadData,  /* the scatter/gather list is missing or has more segments than agreed */
} REQUEST_RESULT;

/* What makes a request more than one of the device that ends as it was asked for: bits of
 * SRB_EXTENSION.Special. */
typedef enum _REQUEST_SPECIAL {
    RequestSpecialReport = 1,    /* its SRB does not hold the results of success yet */
    RequestSpecialUnderrun = 2,  /* the SRB's buffer is longer than what is transferred */
    RequestSpecialLongTable = 4, /* it has a table of the queue's pool: LongTable */
} REQUEST_SPECIAL;

/* What a flush of its own knows of the writes before it (request_flush.c). */
typedef struct _FLUSH_REQUEST {
    ULONGLONG Writes; /* that all queues had counted when it came */
    BOOLEAN Quiet;    /* none of these was in a ring still */
} FLUSH_REQUEST, *PFLUSH_REQUEST;

/* A request for some pieces of a command of ranges (request_range.c). */
typedef struct _RANGE_REQUEST {
    struct _SRB_EXTENSION *Command; /* NULL: this one is free */
    ULONG Pieces;
} RANGE_REQUEST;

/* How many of them there are at once. */
#define RANGE_STEPS 8u

/*
 * The per-SRB extension. It holds garbage when StorPort hands the SRB over; HwBuildIo sets what is
 * used and clears nothing. Linked into at most one list at a time.
 */
typedef struct _SRB_EXTENSION {
    struct _SRB_EXTENSION *Next; /* in a REQUEST_LIST */
    PVOID Srb;                   /* legacy or extended; NULL for the driver's own */
    PPORT_SEGMENT_LIST Segments; /* of the data; NULL if there is none, or a step has none */
    ULONGLONG Sector;            /* first 512-byte sector */
    ULONG Length;                /* bytes of data; of a range: sectors; 0: it has none (yet) */
    union {
        struct {
            UCHAR DeviceStatus; /* VIRTIO_BLK_S_..., as read once from the slot */
            UCHAR Result;       /* REQUEST_RESULT, once it has ended */
            UCHAR Kind;         /* REQUEST_KIND */
            UCHAR Special;      /* REQUEST_SPECIAL bits */
        };
        ULONG Unusual; /* 0: an ordinary read or write, and all is well so far */
    };
    UCHAR Operation;  /* DISK_OPERATION that is next or under way */
    BOOLEAN Finished; /* of RequestKindIdentify: it has ended */
    USHORT LongTable; /* index in the queue's pool, with RequestSpecialLongTable */
    /* of RequestKindSequence: */
    UCHAR StepData;                     /* where this step's data lies: DISK_STEP_DATA */
    PPORT_SEGMENT_LIST CommandSegments; /* of StepDataCommand; NULL if no step has that */
    union {
        DISK_SEQUENCE Sequence;
        FLUSH_REQUEST Flush; /* of RequestKindFlush */
        RANGE_REQUEST Range; /* of RequestKindRange */
    };
} SRB_EXTENSION, *PSRB_EXTENSION;

_Static_assert(RequestKindDevice == 0 && RequestResultDevice == 0 && VIRTIO_BLK_S_OK == 0,
               "SRB_EXTENSION.Unusual is 0 for what is ordinary");

/* A list of requests, first in first out. */
typedef struct _REQUEST_LIST {
    PSRB_EXTENSION Head;
    PSRB_EXTENSION Tail; /* valid while Head is not NULL */
} REQUEST_LIST, *PREQUEST_LIST;

/* What a queue does with a request that comes. Changed under its lock, by QueueSetState. */
typedef enum _QUEUE_STATE {
    QueueStopped, /* a reset or start is under way: keep it in the waiting list */
    QueueRunning, /* submit it, or keep it if the ring is full */
    QueueBroken,  /* the device broke the ring's rules; it will be made anew, or the device reset:
                     keep it */
    QueueClosed,  /* there is no device: finish it as RequestResultGone */
} QUEUE_STATE;

/* What a descriptor table is used for. */
typedef enum _TABLE_DIRECTION {
    TableRead,
    TableWrite,
    TableDirections, /* how many there are */
} TABLE_DIRECTION;

/* What the driver alone knows of a long table. */
typedef struct _LONG_TABLE {
    BOOLEAN Prepared; /* flags and links of all entries are those of data of its direction, but for
                         the entry behind Segments ones, which was the status byte's */
    UCHAR Direction;  /* TABLE_DIRECTION */
    USHORT Segments;  /* of its last request */
} LONG_TABLE, *PLONG_TABLE;

/* Free long tables of one direction. */
typedef struct _LONG_TABLE_STACK {
    PUSHORT Indices; /* has room for all */
    ULONG Count;
} LONG_TABLE_STACK;

/* Memory of a queue beside its ring; the addresses are the device's. */
typedef struct _QUEUE_MEMORY {
    pblk_req Slots; /* one per ring id */
    ULONGLONG SlotsAddress;
    PUCHAR LongTables; /* LongTableCount tables of LongTableBytes each */
    ULONGLONG LongTablesAddress;
    /* Not shared: */
    PUCHAR Prepared; /* per ring id: data segments that the slot's table and the ring's descriptor
                        were last written for; 0: they must be written whole. One entry more is 0
                        for good: VirtSplitNextFree's answer where no id is free */
    PLONG_TABLE LongTableStates; /* per long table */
} QUEUE_MEMORY;

/* Memory that steps of sequences read into and write from: of queue 0 only, for one request at a
 * time. Guarded by the queue's lock. */
typedef struct _SCRATCH_MEMORY {
    PUCHAR Base;          /* NULL: this queue has none */
    ULONGLONG Address;    /* the device's */
    PSRB_EXTENSION Owner; /* whose it is until that request ends; NULL: it is free */
    REQUEST_LIST Waiting; /* those that want it next */
} SCRATCH_MEMORY;

/* The flushes of a queue (request_flush.c). Guarded by its lock. */
typedef struct _QUEUE_FLUSHES {
    REQUEST_LIST Gathering; /* ask for a flush, which has not begun */
    PSRB_EXTENSION Running; /* the request whose flush is in the ring; NULL: none is */
    REQUEST_LIST Riders;    /* end with it */
    BOOLEAN Clean;          /* of queue 0: the first CleanWrites writes of all queues are flushed */
    ULONGLONG CleanWrites;
} QUEUE_FLUSHES;

/* A block of memory that driver and device share: contiguous for the device. */
typedef struct _SHARED_MEMORY {
    PUCHAR Base;       /* NULL: there is none */
    ULONGLONG Address; /* the device's */
    ULONG Bytes;
} SHARED_MEMORY;

/* Where the memory of a queue lies, and what of it the driver has to give back. */
typedef struct _QUEUE_BLOCKS {
    SHARED_MEMORY Shared; /* as its layout needs it */
    PUCHAR Private;
    ULONG LongTableCount;
    PVOID Pool; /* the allocation that Private lies in; NULL: it is not the driver's */
    SHARED_MEMORY Contiguous; /* the allocation that Shared lies in; no Base: the uncached memory */
} QUEUE_BLOCKS, *PQUEUE_BLOCKS;

/* One virtqueue with everything that its requests need. */
typedef struct _VIO_QUEUE {
    VIRTQUEUE Ring;
    VIRTIO_PCI_DOORBELL Doorbell;
    QUEUE_MEMORY Memory;
    ULONGLONG Writes; /* requests put into the ring that change what is on the disk */
    ULONG OpenBytes;  /* a request of one segment of up to so many bytes goes straight into the
                         ring: TableBytes while a plain queue runs and nothing waits, else 0 */
    ULONG TableBytes; /* constant: longest segment that a table takes as it is; 0: there are no
                         tables of indirect descriptors, or the device takes fewer segments than a
                         slot's table does, so that all are to be counted */
    BOOLEAN Open;     /* the queue runs and nothing waits */
    UCHAR State;      /* QUEUE_STATE */
    USHORT Index;     /* of the virtqueue */
    USHORT Vector;    /* MSI-X message, or VIRTIO_MSI_NO_VECTOR */
    ULONG Size;       /* descriptors */
    BOOLEAN Polled;   /* a dump's: never asks for an interrupt */
    ULONG CompletionsPerInterrupt; /* constant: with event index, an interrupt comes for so many */
    struct _ADAPTER_EXTENSION *Adapter;
    /* What lies before is used by ordinary requests. */
    LONG_TABLE_STACK FreeLongTables[TableDirections];
    REQUEST_LIST Waiting;
    QUEUE_FLUSHES Flushes;
    REQUEST_LIST RangeCommands; /* with ranges that no request was made for; request_range.c */
    SCRATCH_MEMORY Scratch;
    /* What stays when the queue is created again; all before is zero then. */
    PORT_QUEUE Port;
    QUEUE_BLOCKS Blocks;
} VIO_QUEUE, *PVIO_QUEUE;

/* What the adapter is doing. */
typedef enum _ADAPTER_STATE {
    AdapterFound,     /* HwFindAdapter has succeeded; the device is reset */
    AdapterRunning,   /* the device works */
    AdapterResetting, /* AdapterReset is under way on some processor */
    AdapterStopped,   /* ScsiStopAdapter: the device is reset, ScsiRestartAdapter may follow */
    AdapterFailed,    /* the device could not be started again; a later reset tries once more */
    AdapterRemoved,   /* the device has gone for good */
    AdapterHung,      /* a reset has not ended: what the device holds is its until it has */
    AdapterNoDevice, /* no device is used: HwFindAdapter has found none or only marks memory, or its
                         resources have been given back */
} ADAPTER_STATE;

/* Work for the port driver's timer routine: bits of ADAPTER_EXTENSION.TimerWork. */
typedef enum _TIMER_WORK {
    TimerWorkReset = 1,         /* AdapterReset */
    TimerWorkConfiguration = 2, /* AdapterConfigurationChanged, where there are no DPCs */
    TimerWorkQueues = 4,        /* QueueProcess of each queue */
    TimerWorkRemake = 8,        /* AdapterRemakeQueues */
} TIMER_WORK;

/* Limits that follow from what the device offers; constant after HwFindAdapter. */
typedef struct _ADAPTER_LIMITS {
    ULONG Segments;       /* data segments in a request of the device: ring, seg_max */
    ULONG SegmentBytes;   /* longest segment, bytes: size_max */
    ULONG TransferBytes;  /* longest read or write, bytes; may be several requests of the device */
    ULONG PhysicalBreaks; /* to be told to the port driver: elements of its list, or one less */
    ULONG AlignmentMask;  /* of data buffers, so that each block fits a request: 2^n - 1 */
    ULONG RingUse;        /* descriptors of each ring that are used, and slots: at most its size */
    ULONG QueueDepth;     /* requests that a ring may hold at once */
    ULONG Depth;          /* requests that all rings may hold at once, at most VIO_DEPTH_MAXIMUM */
    ULONG LongTableCount; /* per queue; 0: every request fits its slot's table */
    ULONG LongTableBytes; /* of each */
    ULONG ScratchBytes;   /* of queue 0's scratch memory; 0 in a dump */
    ULONG RangeBytes;     /* of the lists of ranges; 0: a request never has more than one */
    ULONG FoundSegMax;    /* seg_max and size_max that all this was made for; 0: not offered */
    ULONG FoundSizeMax;
} ADAPTER_LIMITS, *PADAPTER_LIMITS;

/* What the user has set in the registry (docs/debugging.md), as far as it is used after HwFindAdapter's
 * first look at it. */
typedef struct _USER_CHOICES {
    BOOLEAN PackedRing;            /* ask for packed rings */
    BOOLEAN InOrder;               /* ask for requests in order */
    ULONG Depth;                   /* requests outstanding at once, at most; at least 1 */
    ULONG TransferBytes;           /* longest read or write; 0: what suits best */
    ULONG CompletionsPerInterrupt; /* at least 1 */
    ULONG AlignmentMask;           /* of data buffers, 2^n - 1: DATA_ALIGNMENT_MASK at least */
} USER_CHOICES;

/* What the driver has counted since the adapter was found: for the debugger and for events. Not
 * exact where several processors count at once. */
typedef struct _ADAPTER_COUNTERS {
    ULONG Resets;
    ULONG RequestsReset; /* requests given up by resets */
    ULONG BrokenQueues;
    ULONG QueuesRemade; /* broken ones that needed no reset of the device */
    ULONG BadRequests;  /* SRBs refused because they contradict what was agreed */
    ULONG ConfigChanges;
    volatile LONG LongUsedLengths; /* requests that the device used with a length beyond theirs */
} ADAPTER_COUNTERS;

/*
 * The per-HBA extension (StorPort's device extension, zeroed before the first HwFindAdapter).
 */
typedef struct _ADAPTER_EXTENSION {
    VIRTIO_PCI_DEVICE Device;
    ULONGLONG Features;      /* agreed at the device's last start */
    ULONGLONG FoundFeatures; /* agreed when the adapter was found: each start asks for these */
    SCSI_DISK Disk;
    ADAPTER_LIMITS Limits;
    volatile LONG State;     /* ADAPTER_STATE */
    volatile LONG TimerWork; /* TIMER_WORK bits */
    volatile LONG
        ConfigurationMissed; /* an interrupt for the configuration came while it was not to be
                                          looked at */
    ULONG QueueCount;        /* at most PORT_QUEUE_MAXIMUM */
    USHORT RingSizes[VIO_QUEUE_MAXIMUM]; /* descriptors, per queue */
    ULONG MessageCount;                  /* granted MSI-X messages; 0: line interrupt */
    BOOLEAN MsixEnabled;                 /* in PCI configuration space, while the device works */
    BOOLEAN IndirectDescriptors;         /* negotiated */
    USER_CHOICES Chosen;
    BOOLEAN Dump; /* a second copy of the driver, writing a dump: one queue, polled, alone */
    PPORT_CONFIGURATION_INFORMATION Config; /* the port driver's, during AdapterProbe only */
    ULONG SystemIoBusNumber;
    ULONG SlotNumber;
    SHARED_MEMORY Uncached; /* the port driver's block, as it was asked for */
    PUCHAR Private;         /* queue 0's, and of a copy that only marks memory */
    ULONG PrivateBytes;
    ULONGLONG IdentityAddress; /* device address of Identity */
    PUCHAR Identity;           /* DISK_SERIAL_LENGTH bytes of shared memory for GET_ID */
    SRB_EXTENSION IdentifyRequest;
    SRB_EXTENSION RangeSteps[RANGE_STEPS]; /* of queue 0 */
    ULONGLONG RangeListsAddress;           /* the device's */
    pblk_range RangeLists; /* shared: DISK_REQUEST_RANGES for each of them; NULL: none is needed */
    PVOID Mapped[VIRTIO_PCI_BAR_COUNT]; /* access ranges, by the BAR that lies in them */
    PORT_ADAPTER Port;
    ADAPTER_COUNTERS Counters;
    PVIO_QUEUE Queues; /* QueueCount of them, behind this structure; NULL: there are none (yet) */
    /* Behind what requests use: */
    PVOID volatile AskedResets; /* SRB_EXTENSIONs of RequestKindReset that wait: adapter.c */
    ULONG QueuesWithMemory;     /* QueueCount, or more where fewer are used than could be */
} ADAPTER_EXTENSION, *PADAPTER_EXTENSION;

/*
 * Bytes of the extension of an adapter of up to so many queues. The queues lie in it, at the next cache line:
 * a DPC of theirs may come late, when all memory that the driver has got itself is given back. Whole cache
 * lines, so that what stands in front of them does not change which of theirs a request touches.
 */
#define ADAPTER_EXTENSION_BYTES(QueueMaximum)                                          \
    ((ULONG)((sizeof(ADAPTER_EXTENSION) + 2 * CACHE_LINE_SIZE - 1) / CACHE_LINE_SIZE * \
                 CACHE_LINE_SIZE +                                                     \
             (QueueMaximum) * sizeof(VIO_QUEUE)))

/* Reasons in the system event log (StorPortLogError's UniqueId, upper 16 bits; the lower 16 hold a
 * detail). docs/debugging.md explains each to a user: keep both in step, and the numbers for good. */
typedef enum _VIO_EVENT {
    VioEventProbeFailed = 1,        /* detail: VIRTIO_PCI_RESULT */
    VioEventNegotiationRefused = 2, /* detail: VIRTIO_PCI_RESULT */
    VioEventStartFailed = 3,        /* detail: VIRTIO_PCI_RESULT */
    VioEventLimitsUnusable = 4,     /* detail: ring size; seg_max, size_max or ring too small */
    VioEventNoMemory = 5,           /* detail: KiB asked for */
    VioEventDiskRefused = 6,        /* detail: SCSI_DISK_RESULT */
    VioEventQueueBroken = 7,        /* detail: VIRTQUEUE_FAULT */
    VioEventReset = 8,              /* detail: requests that the device held */
    VioEventResetFailed = 9,        /* detail: VIRTIO_PCI_RESULT */
    VioEventDeviceNeedsReset = 10,  /* detail: device status */
    VioEventIdentifyFailed = 11,    /* detail: status byte, or 0x100 if no answer came */
    VioEventNoDpc = 12,             /* messages were granted but DPCs are refused */
    VioEventZoned = 13,          /* detail: zone model; the disk can only be written zone by zone */
    VioEventLongUsedLength = 14, /* detail: the length, cut to 16 bits; once */
    /* 20 to 29: memory that was short */
    VioEventLessMemory = 20,  /* detail: KiB that queue 0 has to do with */
    VioEventFewerQueues = 21, /* detail: queues that there is memory for */
    /* detail: KiB that are said to be contiguous, fewer than were given */
    VioEventUnsureMemory = 22,
} VIO_EVENT;

#endif
