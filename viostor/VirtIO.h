/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the VirtIO specification (version 1.2) fixes and this driver uses: feature bits, status
 * bits, the split and the packed virtqueue in memory, the PCI capabilities and registers. Numbers and layouts
 * only; nothing here does anything except VirtioFeatureName.
 *
 * All multi-byte values are little endian (modern) or of the guest's byte order (legacy); on every
 * processor that Windows runs on these are the same.
 */
#ifndef VIRTIO_H
#define VIRTIO_H

#include "osdep.h"

/*
 * Checks of this driver's own contracts (never of device values, which are always checked). In the
 * driver they cost nothing; the native build, which only tests use, stops at a broken one.
 */
#if defined(_WIN32)
#define VIO_ASSERT(Condition) ((void)0)
#else
#define VIO_ASSERT(Condition) ((Condition) ? (void)0 : __builtin_trap())
#endif

/* ---- Device status register (2.1): bits that the driver sets, and two that the device sets ---- */
#define VIRTIO_STATUS_ACKNOWLEDGE 0x01u /* the guest has seen the device */
#define VIRTIO_STATUS_DRIVER      0x02u /* the guest has a driver for it */
#define VIRTIO_STATUS_DRIVER_OK   0x04u /* the driver is ready: the device may work */
#define VIRTIO_STATUS_FEATURES_OK 0x08u /* the feature set is agreed (not in legacy) */
#define VIRTIO_STATUS_NEEDS_RESET 0x40u /* set by the device: it cannot go on */
#define VIRTIO_STATUS_FAILED      0x80u /* the driver gave up */
#define VIRTIO_STATUS_GONE        0xffu /* what a removed device's register reads as */

/* ---- Feature bits: numbers, to be shifted with VIRTIO_FEATURE ---- */
#define VIRTIO_FEATURE(Bit) (1ull << (Bit))

/* Bits of every device type (6). */
#define VIRTIO_F_NOTIFY_ON_EMPTY   24 /* legacy */
#define VIRTIO_F_ANY_LAYOUT        27 /* legacy */
#define VIRTIO_F_INDIRECT_DESC     28
#define VIRTIO_F_EVENT_IDX         29
#define VIRTIO_F_VERSION_1         32
#define VIRTIO_F_ACCESS_PLATFORM   33
#define VIRTIO_F_RING_PACKED       34
#define VIRTIO_F_IN_ORDER          35
#define VIRTIO_F_ORDER_PLATFORM    36
#define VIRTIO_F_SR_IOV            37
#define VIRTIO_F_NOTIFICATION_DATA 38
#define VIRTIO_F_NOTIF_CONFIG_DATA 39
#define VIRTIO_F_RING_RESET        40

/* Bits of the block device (5.2.3). */
#define VIRTIO_BLK_F_BARRIER      0 /* legacy */
#define VIRTIO_BLK_F_SIZE_MAX     1
#define VIRTIO_BLK_F_SEG_MAX      2
#define VIRTIO_BLK_F_GEOMETRY     4
#define VIRTIO_BLK_F_RO           5
#define VIRTIO_BLK_F_BLK_SIZE     6
#define VIRTIO_BLK_F_SCSI         7 /* legacy */
#define VIRTIO_BLK_F_FLUSH        9
#define VIRTIO_BLK_F_TOPOLOGY     10
#define VIRTIO_BLK_F_CONFIG_WCE   11
#define VIRTIO_BLK_F_MQ           12
#define VIRTIO_BLK_F_DISCARD      13
#define VIRTIO_BLK_F_WRITE_ZEROES 14
#define VIRTIO_BLK_F_LIFETIME     15
#define VIRTIO_BLK_F_SECURE_ERASE 16
#define VIRTIO_BLK_F_ZONED        17

/*
 * Name of a feature bit as the specification writes it, without its prefix ("EVENT_IDX",
 * "SEG_MAX"), or NULL for a number that it does not define for a block device. Any IRQL.
 */
const char *VirtioFeatureName(ULONG Bit);

/* ---- Split virtqueue in memory (2.7) ---- */
#define VIRTQ_SIZE_MAXIMUM 32768u

#define VIRTQ_DESC_F_NEXT     1u /* another descriptor follows: Next is valid */
#define VIRTQ_DESC_F_WRITE    2u /* the device writes the buffer; else it reads it */
#define VIRTQ_DESC_F_INDIRECT 4u /* the buffer is a table of descriptors */

/* One segment of a request, in the descriptor table or in an indirect table (2.7.5). */
typedef struct _VIRTQ_DESC {
    ULONGLONG Address; /* device (bus) address of the first byte */
    ULONG Length;      /* bytes */
    USHORT Flags;      /* VIRTQ_DESC_F_... */
    USHORT Next;       /* index in the same table, with VIRTQ_DESC_F_NEXT */
} VIRTQ_DESC, *PVIRTQ_DESC;

/* Available ring, written by the driver (2.7.6). used_event follows the Size entries of Ring. */
#define VIRTQ_AVAIL_F_NO_INTERRUPT 1u
typedef struct _VIRTQ_AVAIL {
    USHORT Flags;
    USHORT Index; /* free running: where the driver puts the next entry */
    USHORT Ring[1];
} VIRTQ_AVAIL, *PVIRTQ_AVAIL;

/* Used ring, written by the device (2.7.8). avail_event follows the Size entries of Ring. */
#define VIRTQ_USED_F_NO_NOTIFY 1u
typedef struct _VIRTQ_USED_ELEMENT {
    ULONG Id;     /* head of the descriptor chain */
    ULONG Length; /* bytes written into the chain's device-writable part */
} VIRTQ_USED_ELEMENT, *PVIRTQ_USED_ELEMENT;

typedef struct _VIRTQ_USED {
    USHORT Flags;
    USHORT Index; /* free running: where the device puts the next element */
    VIRTQ_USED_ELEMENT Ring[1];
} VIRTQ_USED, *PVIRTQ_USED;

/* ---- Packed virtqueue in memory (2.8) ---- */

/* Flags beside VIRTQ_DESC_F_...: a descriptor is available when AVAIL is the wrap counter of its lap
 * and USED is not, used when both are (2.8.1). */
#define VIRTQ_PACKED_F_AVAIL 0x0080u
#define VIRTQ_PACKED_F_USED  0x8000u

/* One segment of a request (2.8.13), or a used request (2.8.14). In an indirect table Id and all
 * flags but VIRTQ_DESC_F_WRITE are reserved (2.8.7). */
typedef struct _VIRTQ_PACKED_DESC {
    ULONGLONG Address; /* device (bus) address of the first byte */
    ULONG Length;      /* bytes; used: bytes written, with VIRTQ_DESC_F_WRITE */
    USHORT Id;         /* of the request, in the last descriptor of its chain */
    USHORT Flags;      /* VIRTQ_DESC_F_..., VIRTQ_PACKED_F_... */
} VIRTQ_PACKED_DESC, *PVIRTQ_PACKED_DESC;

/* Event suppression structures (2.8.10), one written by each side, as one 32-bit value: a place in
 * the ring (offset, and its wrap counter in bit 15), and above it what is wanted. */
#define VIRTQ_PACKED_EVENT_WRAP    0x8000u
#define VIRTQ_PACKED_EVENT_ENABLE  0x00000000u
#define VIRTQ_PACKED_EVENT_DISABLE 0x00010000u
#define VIRTQ_PACKED_EVENT_DESC    0x00020000u /* at that place; only with EVENT_IDX */
#define VIRTQ_PACKED_EVENT_FLAGS   0x00030000u

/* Of the whole ring and of the used ring in it, in the legacy layout (2.7.2). */
#define VIRTQ_LEGACY_ALIGNMENT 4096u

/* Device (bus) addresses of a virtqueue's three parts, as a transport tells them to the device. */
typedef struct _VIRTQ_ADDRESSES {
    ULONGLONG Descriptors; /* 4096-aligned for a legacy device, else 16 */
    ULONGLONG Available;   /* or the driver event suppression structure */
    ULONGLONG Used;        /* or the device event suppression structure */
} VIRTQ_ADDRESSES, *PVIRTQ_ADDRESSES;

/* ---- PCI identity and capabilities (4.1.2, 4.1.4) ---- */
#define VIRTIO_PCI_VENDOR           0x1af4u
#define VIRTIO_PCI_BLK_TRANSITIONAL 0x1001u
#define VIRTIO_PCI_BLK_MODERN       0x1042u

/* cfg_type of a vendor-specific capability. Other values are not for this driver. */
#define VIRTIO_PCI_CAP_COMMON_CFG 1u
#define VIRTIO_PCI_CAP_NOTIFY_CFG 2u
#define VIRTIO_PCI_CAP_ISR_CFG    3u
#define VIRTIO_PCI_CAP_DEVICE_CFG 4u

/* struct virtio_pci_cap: offsets of the fields from the capability's start. */
#define VIRTIO_PCI_CAP_CAP_LEN           2u  /* 8 bits */
#define VIRTIO_PCI_CAP_CFG_TYPE          3u  /* 8 bits */
#define VIRTIO_PCI_CAP_BAR               4u  /* 8 bits: 0..5 */
#define VIRTIO_PCI_CAP_OFFSET            8u  /* 32 bits: of the structure in the BAR */
#define VIRTIO_PCI_CAP_LENGTH            12u /* 32 bits: of the structure */
#define VIRTIO_PCI_CAP_SIZE              16u
#define VIRTIO_PCI_CAP_NOTIFY_MULTIPLIER 16u /* 32 bits, only in the notify capability */
#define VIRTIO_PCI_CAP_NOTIFY_SIZE       20u

/* struct virtio_pci_common_cfg: offsets of the registers (4.1.4.3). */
#define VIRTIO_PCI_COMMON_DEVICE_FEATURE_SELECT 0x00u /* 32 bits */
#define VIRTIO_PCI_COMMON_DEVICE_FEATURE        0x04u /* 32 bits */
#define VIRTIO_PCI_COMMON_DRIVER_FEATURE_SELECT 0x08u /* 32 bits */
#define VIRTIO_PCI_COMMON_DRIVER_FEATURE        0x0cu /* 32 bits */
#define VIRTIO_PCI_COMMON_CONFIG_MSIX_VECTOR    0x10u /* 16 bits */
#define VIRTIO_PCI_COMMON_NUM_QUEUES            0x12u /* 16 bits */
#define VIRTIO_PCI_COMMON_DEVICE_STATUS         0x14u /* 8 bits */
#define VIRTIO_PCI_COMMON_CONFIG_GENERATION     0x15u /* 8 bits */
#define VIRTIO_PCI_COMMON_QUEUE_SELECT          0x16u /* 16 bits */
#define VIRTIO_PCI_COMMON_QUEUE_SIZE            0x18u /* 16 bits */
#define VIRTIO_PCI_COMMON_QUEUE_MSIX_VECTOR     0x1au /* 16 bits */
#define VIRTIO_PCI_COMMON_QUEUE_ENABLE          0x1cu /* 16 bits */
#define VIRTIO_PCI_COMMON_QUEUE_NOTIFY_OFF      0x1eu /* 16 bits */
#define VIRTIO_PCI_COMMON_QUEUE_DESC            0x20u /* 64 bits, as two of 32 */
#define VIRTIO_PCI_COMMON_QUEUE_DRIVER          0x28u /* 64 bits, as two of 32 */
#define VIRTIO_PCI_COMMON_QUEUE_DEVICE          0x30u /* 64 bits, as two of 32 */
#define VIRTIO_PCI_COMMON_SIZE                  0x38u /* what version 1.0 has */
#define VIRTIO_PCI_COMMON_QUEUE_NOTIFY_DATA     0x38u /* 16 bits, with NOTIF_CONFIG_DATA */
#define VIRTIO_PCI_COMMON_QUEUE_RESET           0x3au /* 16 bits, with RING_RESET */
#define VIRTIO_PCI_COMMON_SIZE_NOTIFY_DATA      0x3au /* what has queue_notif_config_data */
#define VIRTIO_PCI_COMMON_SIZE_QUEUE_RESET      0x3cu /* what has queue_reset */

/* Legacy registers in BAR 0 (4.1.4.10); the device configuration follows. */
#define VIRTIO_PCI_LEGACY_DEVICE_FEATURES 0u  /* 32 bits */
#define VIRTIO_PCI_LEGACY_DRIVER_FEATURES 4u  /* 32 bits */
#define VIRTIO_PCI_LEGACY_QUEUE_ADDRESS   8u  /* 32 bits: page number */
#define VIRTIO_PCI_LEGACY_QUEUE_SIZE      12u /* 16 bits, read only */
#define VIRTIO_PCI_LEGACY_QUEUE_SELECT    14u /* 16 bits */
#define VIRTIO_PCI_LEGACY_QUEUE_NOTIFY    16u /* 16 bits */
#define VIRTIO_PCI_LEGACY_DEVICE_STATUS   18u /* 8 bits */
#define VIRTIO_PCI_LEGACY_ISR             19u /* 8 bits */
#define VIRTIO_PCI_LEGACY_CONFIG          20u /* device configuration without MSI-X */
#define VIRTIO_PCI_LEGACY_CONFIG_VECTOR   20u /* 16 bits, only with MSI-X enabled */
#define VIRTIO_PCI_LEGACY_QUEUE_VECTOR    22u /* 16 bits, only with MSI-X enabled */
#define VIRTIO_PCI_LEGACY_CONFIG_MSIX     24u /* device configuration with MSI-X enabled */

/* What a vector register reads when the device has refused the vector, or to have none. */
#define VIRTIO_MSI_NO_VECTOR 0xffffu

/* ISR status (4.1.4.5). Reading it clears it and lowers the interrupt line. */
#define VIRTIO_ISR_QUEUE  0x01u
#define VIRTIO_ISR_CONFIG 0x02u

#endif /* VIRTIO_H */
