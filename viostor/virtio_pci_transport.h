/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Between virtio_pci.c and its two transports, virtio_pci_legacy.c and virtio_pci_modern.c. Nothing
 * else includes this file. IRQL, lock and results are those of the virtio_pci.h function that an
 * operation serves.
 */
#ifndef VIRTIO_PCI_TRANSPORT_H
#define VIRTIO_PCI_TRANSPORT_H

#include "virtio_pci.h"

/* What differs between the transports. */
struct _VIRTIO_PCI_OPERATIONS {
    UCHAR (*ReadIsr)(PVIRTIO_PCI_DEVICE Device);
    UCHAR (*GetStatus)(PVIRTIO_PCI_DEVICE Device);
    VOID (*SetStatus)(PVIRTIO_PCI_DEVICE Device, UCHAR Status);
    ULONGLONG (*GetOffered)(PVIRTIO_PCI_DEVICE Device);
    /* Features is a subset of Device->Offered. */
    VIRTIO_PCI_RESULT (*Negotiate)(PVIRTIO_PCI_DEVICE Device, ULONGLONG Features);
    VIRTIO_PCI_RESULT (*SetConfigVector)(PVIRTIO_PCI_DEVICE Device, USHORT Vector);
    VIRTIO_PCI_RESULT (*GetQueueSize)(PVIRTIO_PCI_DEVICE Device, USHORT Index, PULONG Size);
    VIRTIO_PCI_RESULT(*EnableQueue)
    (PVIRTIO_PCI_DEVICE Device, const VIRTIO_PCI_QUEUE *Queue, PVIRTIO_PCI_DOORBELL Doorbell);
    VIRTIO_PCI_RESULT (*ResetQueue)(PVIRTIO_PCI_DEVICE Device, USHORT Index);
    UCHAR (*GetConfigGeneration)(PVIRTIO_PCI_DEVICE Device);
    VIRTIO_PCI_RESULT(*ReadConfig)
    (PVIRTIO_PCI_DEVICE Device, const VIRTIO_PCI_FIELD *Fields, ULONG FieldCount, PUCHAR Buffer);
};

extern const VIRTIO_PCI_OPERATIONS VirtioPciLegacyOperations;
extern const VIRTIO_PCI_OPERATIONS VirtioPciModernOperations;

/* Smallest BAR 0 that has the legacy registers, in bytes. */
#define VIRTIO_PCI_LEGACY_SIZE(Device) \
    ((Device)->MsixPresent ? VIRTIO_PCI_LEGACY_CONFIG_MSIX : VIRTIO_PCI_LEGACY_CONFIG)

/* Records Value as the detail of Result and answers Result. Does not touch the device. */
VIRTIO_PCI_RESULT VirtioPciRefuse(PVIRTIO_PCI_DEVICE Device, VIRTIO_PCI_RESULT Result,
                                  ULONGLONG Value);

/*
 * The same for something that the device said: if its status reads all ones it is not there any
 * more, whatever else was read, and the answer is VirtioPciGone.
 */
VIRTIO_PCI_RESULT VirtioPciJudge(PVIRTIO_PCI_DEVICE Device, VIRTIO_PCI_RESULT Result,
                                 ULONGLONG Value);

/* Checks a queue size as the device says it: VirtioPciOk, VirtioPciQueueAbsent, ...SizeBad. */
VIRTIO_PCI_RESULT VirtioPciCheckQueueSize(PVIRTIO_PCI_DEVICE Device, USHORT Index, ULONG Size);

/*
 * Writes a vector register (16 bits, at Offset of Device->Common) and reads it back. A vector that
 * was refused is left as none.
 */
VIRTIO_PCI_RESULT VirtioPciSetVector(PVIRTIO_PCI_DEVICE Device, ULONG Offset, USHORT Vector);

/*
 * Reads each field once, into Buffer + its offset; absent ones become 0. TRUE if any differs from
 * what was in Buffer.
 */
BOOLEAN VirtioPciReadFields(PVIRTIO_PCI_DEVICE Device, const VIRTIO_PCI_FIELD *Fields,
                            ULONG FieldCount, PUCHAR Buffer);

#endif /* VIRTIO_PCI_TRANSPORT_H */
