/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The virtio PCI transport (specification 4.1): finds a virtio-blk device's registers, negotiates,
 * sets queues up, rings doorbells. Legacy, transitional and modern devices behind one interface.
 *
 * Order of use
 *     VirtioPciProbe                what is it, where are its registers (touches no state)
 *     VirtioPciSetMsixEnabled       as the PCI configuration space says now
 *     VirtioPciStart                reset, ACKNOWLEDGE, DRIVER; reads the offered features
 *     VirtioPciNegotiate            features agreed; device configuration may be read from here
 *     VirtioPciReadConfig
 *     VirtioPciSetConfigVector
 *     per queue: VirtioPciGetQueueSize, (memory), VirtioPciEnableQueue
 *     VirtioPciDriverOk             the device works from here on; doorbells may be rung
 *     VirtioPciResetQueue           with RING_RESET: lets go of one queue, to be enabled again
 *     VirtioPciReset                the device has let go of all memory
 * After a reset the same again from VirtioPciStart, with a device that need not be probed again.
 *
 * Trust: every value of configuration space and registers is checked before use. An answer other
 * than VirtioPciOk tells exactly what was wrong; VIRTIO_PCI_DEVICE.Detail holds the value or place.
 *
 * Locking: VirtioPciNotify, VirtioPciReadIsr and VirtioPciGetStatus may be called at any IRQL
 * without a lock. All others may be called at any IRQL too, but one at a time per device (they use
 * select registers). Only VirtioPciReset and VirtioPciStart wait, boundedly
 * (VIRTIO_PCI_RESET_POLLS).
 */
#ifndef VIRTIO_PCI_H
#define VIRTIO_PCI_H

#include "osdep.h"
#include "VirtIO.h"
#include "virtio_barrier.h"
#include "virtio_pci_io.h"

#define VIRTIO_PCI_CONFIG_SPACE_SIZE 256u
#define VIRTIO_PCI_BAR_COUNT         6u

/* Waiting for a reset: this many looks at the status, this many microseconds apart (one second). */
#define VIRTIO_PCI_RESET_POLLS             10000u
#define VIRTIO_PCI_RESET_POLL_MICROSECONDS 100u
/* A queue that is reset has nothing outstanding (adapter.h), and its lock is held: a tenth of that. */
#define VIRTIO_PCI_QUEUE_RESET_POLLS (VIRTIO_PCI_RESET_POLLS / 10)

/* Attempts at a consistent reading of the device configuration. */
#define VIRTIO_PCI_CONFIG_ATTEMPTS 16u

/* Results. VirtioPciResultName names them; Detail is what VIRTIO_PCI_DEVICE.Detail then holds. */
typedef enum _VIRTIO_PCI_RESULT {
    VirtioPciOk,
    /* of VirtioPciProbe */
    VirtioPciNotVirtioBlk,   /* vendor or device id is another; Detail: both, as read at offset 0 */
    VirtioPciNotEndpoint,    /* header type is not 0; Detail: header type */
    VirtioPciNoCapabilities, /* modern only, but no capability list */
    VirtioPciCapListBroken,  /* the list leaves its space or runs in a circle, and what is needed
                                was not found before; Detail: the bad offset */
    VirtioPciCapMissing,     /* no capability of a needed type; Detail: the type */
    VirtioPciCapTruncated,   /* capability too short or beyond config space; Detail: its offset */
    VirtioPciCapBadBar,      /* names no BAR, or one that is not assigned; Detail: its offset */
    VirtioPciCapTooSmall,    /* its structure is smaller than needed; Detail: its offset */
    VirtioPciCapMisaligned, /* its structure is not aligned for its registers; Detail: its offset */
    VirtioPciCapOutsideBar, /* its structure ends beyond the BAR; Detail: its offset */
    VirtioPciBarNotMapped,  /* the callback could not map a BAR; Detail: the BAR's number */
    VirtioPciLegacyBarBad,  /* BAR 0 is no I/O range or too small for the legacy registers;
                                Detail: BAR 0 as read */
    VirtioPciNoVersion1,    /* modern only, but VERSION_1 is not offered; Detail: features */
    /* of all that talk to the device */
    VirtioPciGone,              /* all ones: the device was removed */
    VirtioPciResetTimeout,      /* status did not become 0; Detail: status */
    VirtioPciFeaturesRefused,   /* the device cleared FEATURES_OK; Detail: features asked for */
    VirtioPciStatusRefused,     /* DRIVER_OK did not stay set, or NEEDS_RESET; Detail: status */
    VirtioPciVectorRefused,     /* the device did not take the vector; Detail: what it read back */
    VirtioPciQueueAbsent,       /* the device has no such queue; Detail: queue */
    VirtioPciQueueSizeBad,      /* size is no power of two or above 32768, or a size other than the
                                  device's for a legacy one; Detail: size */
    VirtioPciQueueInUse,        /* enabled before it was set up; Detail: queue */
    VirtioPciQueueAddressBad,   /* not aligned, or beyond what a legacy device can take (2^44);
                                  Detail: address */
    VirtioPciQueueRefused,      /* the device did not take the queue; Detail: queue */
    VirtioPciNotifyOutside,     /* the queue's doorbell is outside its structure; Detail: offset */
    VirtioPciNotifyMisaligned,  /* the queue's doorbell is at an odd address; Detail: offset */
    VirtioPciConfigAbsent,      /* the device configuration has no such field; Detail: offset */
    VirtioPciConfigUnstable,    /* the device configuration kept changing; Detail: generation */
    VirtioPciQueueResetTimeout, /* a queue reset did not end; Detail: queue */
} VIRTIO_PCI_RESULT;

/* Which transport VirtioPciProbe chose. */
typedef enum _VIRTIO_PCI_TRANSPORT {
    VirtioPciTransportNone,
    VirtioPciTransportLegacy, /* registers of 0.9.5 in BAR 0, 32 feature bits */
    VirtioPciTransportModern, /* structures named by capabilities */
} VIRTIO_PCI_TRANSPORT;

typedef struct _VIRTIO_PCI_OPERATIONS VIRTIO_PCI_OPERATIONS;

/* A BAR as configuration space describes it, handed to VIRTIO_PCI_MAP_BAR. */
typedef struct _VIRTIO_PCI_BAR {
    ULONG Number;      /* 0..5; a 64-bit one has the number of its low half */
    ULONGLONG Address; /* bus address or I/O port, as configuration space has it; not 0 */
    BOOLEAN IoSpace;   /* an I/O BAR; else a memory BAR */
} VIRTIO_PCI_BAR, *PVIRTIO_PCI_BAR;

/*
 * Callback of VirtioPciProbe: finds the access range that starts at Bar->Address, maps it whole,
 * and fills Region: base, length in bytes, and whether it is reached by in and out instructions
 * (on ARM64 an I/O BAR is mapped as memory). FALSE: there is none. Called at most once per BAR, at
 * the IRQL of VirtioPciProbe. Memory is mapped uncached and stays mapped while the device is used.
 */
typedef BOOLEAN VIRTIO_PCI_MAP_BAR(PVOID Context, const VIRTIO_PCI_BAR *Bar, PVIRTIO_REGION Region);

/*
 * One device. The caller owns the memory (it need not be cleared before VirtioPciProbe) and may read
 * the fields of the first part; the second part belongs to this transport.
 */
typedef struct _VIRTIO_PCI_DEVICE {
    VIRTIO_PCI_TRANSPORT Transport;
    ULONGLONG Offered;        /* feature bits that the device offers, from VirtioPciStart on */
    ULONGLONG Features;       /* feature bits agreed, from VirtioPciNegotiate on */
    BOOLEAN MsixPresent;      /* configuration space has an MSI-X capability */
    BOOLEAN MsixEnabled;      /* and it is enabled, as last told: VirtioPciSetMsixEnabled */
    USHORT MsixControlOffset; /* of the capability's message control word (bit 15: enabled) in
                                 configuration space, for reading it again; 0 without MSI-X */
    ULONGLONG Detail;         /* of the last result other than VirtioPciOk */

    const VIRTIO_PCI_OPERATIONS *Operations;
    VIRTIO_REGION Common; /* modern: common configuration. Legacy: all of BAR 0 */
    VIRTIO_REGION Notify; /* modern only */
    VIRTIO_REGION Isr;
    VIRTIO_REGION Config; /* device configuration; Length is how much of it there is */
    ULONG NotifyMultiplier;
} VIRTIO_PCI_DEVICE, *PVIRTIO_PCI_DEVICE;

/* Everything that a doorbell needs: filled by VirtioPciEnableQueue, used by VirtioPciNotify. */
typedef struct _VIRTIO_PCI_DOORBELL {
    VIRTIO_REGION Register; /* the register itself, at offset 0: 16 bits, or 32 WithData */
    USHORT Value;           /* the queue's index, or what the device wants instead of it */
    BOOLEAN WithData;       /* NOTIFICATION_DATA: how far the driver is goes with it */
} VIRTIO_PCI_DOORBELL, *PVIRTIO_PCI_DOORBELL;

/* What VirtioPciEnableQueue tells the device. */
typedef struct _VIRTIO_PCI_QUEUE {
    USHORT Index;              /* 0 is the first request queue */
    USHORT Vector;             /* MSI-X table entry, or VIRTIO_MSI_NO_VECTOR */
    ULONG Size;                /* as VirtioPciGetQueueSize said; modern: a smaller power of two */
    VIRTQ_ADDRESSES Addresses; /* from VirtQueueGetAddresses */
} VIRTIO_PCI_QUEUE, *PVIRTIO_PCI_QUEUE;

/* One field of the device configuration: its natural width is the width of the access (4.1.3.1). */
typedef struct _VIRTIO_PCI_FIELD {
    USHORT Offset; /* bytes from the start of the device configuration */
    USHORT Width;  /* 1, 2, 4 or 8 bytes (8 are read as two of 4) */
} VIRTIO_PCI_FIELD, *PVIRTIO_PCI_FIELD;

/*
 * Recognizes the device from its 256 bytes of PCI configuration space and finds its registers.
 * 0x1042 is modern; 0x1001 is modern if it has all capabilities and offers VERSION_1, else legacy.
 * Reads the offered features and changes nothing else in the device. On failure Transport is
 * VirtioPciTransportNone. For a transitional device that fails as both, the result is the legacy
 * one's.
 */
VIRTIO_PCI_RESULT VirtioPciProbe(PVIRTIO_PCI_DEVICE Device, const UCHAR *ConfigSpace,
                                 VIRTIO_PCI_MAP_BAR *MapBar, PVOID Context);

/*
 * Tells whether MSI-X is enabled now. A legacy device moves its configuration by it (20 or 24), so
 * the caller reads the enable bit again (MsixControlOffset) before VirtioPciStart and whenever it
 * may have changed.
 */
VOID VirtioPciSetMsixEnabled(PVIRTIO_PCI_DEVICE Device, BOOLEAN Enabled);

/*
 * Resets the device and waits until it says so. VirtioPciOk: it has let go of all queues and
 * memory, vectors are forgotten. VirtioPciGone: nothing is there that could touch memory.
 * VirtioPciResetTimeout: it may still use memory.
 */
VIRTIO_PCI_RESULT VirtioPciReset(PVIRTIO_PCI_DEVICE Device);

/* Looks once whether a reset that ended as VirtioPciResetTimeout has come to its end meanwhile.
 * Results of VirtioPciReset. */
VIRTIO_PCI_RESULT VirtioPciPollReset(PVIRTIO_PCI_DEVICE Device);

/*
 * Resets, sets ACKNOWLEDGE and DRIVER, reads Device->Offered. Results of VirtioPciReset. What is
 * offered but has no registers in the device's structures counts as not offered.
 */
VIRTIO_PCI_RESULT VirtioPciStart(PVIRTIO_PCI_DEVICE Device);

/* The same without the reset: after a VirtioPciReset that was the last thing done to the device. */
VIRTIO_PCI_RESULT VirtioPciBegin(PVIRTIO_PCI_DEVICE Device);

/* What the device offers now, which a configuration change may have made another set than
 * Device->Offered. Uses a select register. */
ULONGLONG VirtioPciReadOffered(PVIRTIO_PCI_DEVICE Device);

/*
 * Agrees on Device->Offered & Wanted, which becomes Device->Features. A modern device gets
 * VERSION_1 whether Wanted or not, and FEATURES_OK is read back. VirtioPciFeaturesRefused: start
 * again with less, or give up. A legacy device cannot refuse.
 */
VIRTIO_PCI_RESULT VirtioPciNegotiate(PVIRTIO_PCI_DEVICE Device, ULONGLONG Wanted);

/* Lets the device work; status is read back. */
VIRTIO_PCI_RESULT VirtioPciDriverOk(PVIRTIO_PCI_DEVICE Device);

/* Tells the device that the driver gave up (FAILED). For an error path before a reset. */
VOID VirtioPciFail(PVIRTIO_PCI_DEVICE Device);

/* Status register as it reads: VIRTIO_STATUS_... bits; VIRTIO_STATUS_GONE when removed. */
UCHAR VirtioPciGetStatus(PVIRTIO_PCI_DEVICE Device);

/* Interrupt status, VIRTIO_ISR_... bits; reading clears it. 0 for a removed device (all ones). */
UCHAR VirtioPciReadIsr(PVIRTIO_PCI_DEVICE Device);

/*
 * Asks for configuration interrupts by an MSI-X table entry; VIRTIO_MSI_NO_VECTOR: none. Only with
 * MSI-X enabled. VirtioPciVectorRefused: the device has none left for it.
 */
VIRTIO_PCI_RESULT VirtioPciSetConfigVector(PVIRTIO_PCI_DEVICE Device, USHORT Vector);

/* Largest size of a queue, in descriptors: a power of two, 1..32768. With RING_PACKED a device may
 * have any size (2.8): this is the largest power of two in it. */
VIRTIO_PCI_RESULT VirtioPciGetQueueSize(PVIRTIO_PCI_DEVICE Device, USHORT Index, PULONG Size);

/*
 * Gives a queue to the device and fills its doorbell. On failure the queue may be half set up: try
 * it again only after a reset, except for VirtioPciVectorRefused, which leaves it as it was (try
 * with another vector or none).
 */
VIRTIO_PCI_RESULT VirtioPciEnableQueue(PVIRTIO_PCI_DEVICE Device, const VIRTIO_PCI_QUEUE *Queue,
                                       PVIRTIO_PCI_DOORBELL Doorbell);

/*
 * Makes the device let go of one queue (RING_RESET, 2.6.1), which must be enabled, and waits until it
 * says so, as long as for a reset. VirtioPciOk: its memory is not touched any more, and
 * VirtioPciEnableQueue may follow. Only for a queue that has nothing outstanding: devices are known
 * that go on writing the buffers of requests in flight.
 */
VIRTIO_PCI_RESULT VirtioPciResetQueue(PVIRTIO_PCI_DEVICE Device, USHORT Index);

/* TRUE if the device configuration has the Length bytes from Offset on. */
BOOLEAN VirtioPciHasConfig(const VIRTIO_PCI_DEVICE *Device, ULONG Offset, ULONG Length);

/*
 * Reads fields of the device configuration as of one moment: repeats until the generation is the
 * same before and after (modern) or two readings are equal (legacy). Each field goes to
 * Buffer + its offset, so that Buffer is a struct virtio_blk_config. Fields that the device does
 * not have (VirtioPciHasConfig) are set to 0. Buffer has BufferLength bytes, and every field lies
 * in it; on failure its contents are undefined.
 */
VIRTIO_PCI_RESULT VirtioPciReadConfig(PVIRTIO_PCI_DEVICE Device, const VIRTIO_PCI_FIELD *Fields,
                                      ULONG FieldCount, PVOID Buffer, ULONG BufferLength);

/* Writes one byte of the device configuration (virtio-blk: writeback). */
VIRTIO_PCI_RESULT VirtioPciWriteConfig8(PVIRTIO_PCI_DEVICE Device, ULONG Offset, UCHAR Value);

/*
 * Generation of the device configuration: another value means that something has changed. Always 0
 * for a legacy device, where only comparing fields tells.
 */
UCHAR VirtioPciGetConfigGeneration(PVIRTIO_PCI_DEVICE Device);

/* A few words for a result, for the event log and the debug output. Never NULL. */
const char *VirtioPciResultName(VIRTIO_PCI_RESULT Result);

/*
 * Rings a queue's doorbell: one access. Data is VirtQueueNotificationData. Ring memory must be
 * ordered before it, which VirtQueueKickNeeded's barrier does.
 */
FORCEINLINE VOID VirtioPciNotify(const VIRTIO_PCI_DOORBELL *Doorbell, USHORT Data)
{
    if (UNLIKELY(Doorbell->WithData)) {
        VirtioWrite32(&Doorbell->Register, 0, Doorbell->Value | (ULONG)Data << 16);
    } else {
        VirtioWrite16(&Doorbell->Register, 0, Doorbell->Value);
    }
}

#endif /* VIRTIO_PCI_H */
