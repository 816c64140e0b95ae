/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Legacy transport (specification 4.1.4.10 and the "legacy interface" sections): all registers in
 * BAR 0, 32 feature bits, a queue given as one page number with the layout fixed, its size not to
 * be chosen, no FEATURES_OK, no generation.
 */
#include "virtio_pci_transport.h"

/* A legacy device takes a page number of 32 bits (4.1.5.1.3.1). */
#define LEGACY_PAGE_SHIFT    12
#define LEGACY_ADDRESS_LIMIT (1ull << (32 + LEGACY_PAGE_SHIFT))

static UCHAR LegacyReadIsr(PVIRTIO_PCI_DEVICE Device)
{
    return VirtioRead8(&Device->Common, VIRTIO_PCI_LEGACY_ISR);
}

static UCHAR LegacyGetStatus(PVIRTIO_PCI_DEVICE Device)
{
    return VirtioRead8(&Device->Common, VIRTIO_PCI_LEGACY_DEVICE_STATUS);
}

static VOID LegacySetStatus(PVIRTIO_PCI_DEVICE Device, UCHAR Status)
{
    VirtioWrite8(&Device->Common, VIRTIO_PCI_LEGACY_DEVICE_STATUS, Status);
}

static ULONGLONG LegacyGetOffered(PVIRTIO_PCI_DEVICE Device)
{
    return VirtioRead32(&Device->Common, VIRTIO_PCI_LEGACY_DEVICE_FEATURES);
}

static VIRTIO_PCI_RESULT LegacyNegotiate(PVIRTIO_PCI_DEVICE Device, ULONGLONG Features)
{
    VirtioWrite32(&Device->Common, VIRTIO_PCI_LEGACY_DRIVER_FEATURES, (ULONG)Features);
    Device->Features = Features;
    return VirtioPciOk;
}

static VIRTIO_PCI_RESULT LegacySetVector(PVIRTIO_PCI_DEVICE Device, ULONG Offset, USHORT Vector)
{
    if (Device->MsixEnabled) {
        return VirtioPciSetVector(Device, Offset, Vector);
    }
    /* Without MSI-X the device configuration lies where the vector registers would be. */
    if (Vector != VIRTIO_MSI_NO_VECTOR) {
        return VirtioPciRefuse(Device, VirtioPciVectorRefused, Vector);
    }
    return VirtioPciOk;
}

static VIRTIO_PCI_RESULT LegacySetConfigVector(PVIRTIO_PCI_DEVICE Device, USHORT Vector)
{
    return LegacySetVector(Device, VIRTIO_PCI_LEGACY_CONFIG_VECTOR, Vector);
}

static VIRTIO_PCI_RESULT LegacyGetQueueSize(PVIRTIO_PCI_DEVICE Device, USHORT Index, PULONG Size)
{
    ULONG Value;
    VIRTIO_PCI_RESULT Result;

    VirtioWrite16(&Device->Common, VIRTIO_PCI_LEGACY_QUEUE_SELECT, Index);
    Value = VirtioRead16(&Device->Common, VIRTIO_PCI_LEGACY_QUEUE_SIZE);
    Result = VirtioPciCheckQueueSize(Device, Index, Value);
    if (Result == VirtioPciOk) {
        *Size = Value;
    }
    return Result;
}

/*
 * The device computes the parts' addresses from the first one: they must be what it computes, and
 * the page number must fit (and not be 0, which means no queue).
 */
static BOOLEAN LegacyAddressesFit(const VIRTIO_PCI_QUEUE *Queue)
{
    ULONGLONG Start = Queue->Addresses.Descriptors;
    ULONGLONG Available = Start + (ULONGLONG)Queue->Size * sizeof(VIRTQ_DESC);
    ULONGLONG AvailableEnd = Available + (3 + (ULONGLONG)Queue->Size) * sizeof(USHORT);
    ULONGLONG Used =
        (AvailableEnd + VIRTQ_LEGACY_ALIGNMENT - 1) & ~(ULONGLONG)(VIRTQ_LEGACY_ALIGNMENT - 1);
    ULONGLONG Bytes = (ULONGLONG)Queue->Size * sizeof(VIRTQ_USED_ELEMENT) + 3 * sizeof(USHORT);

    return Start != 0 && (Start & (VIRTQ_LEGACY_ALIGNMENT - 1)) == 0 &&
           Start < LEGACY_ADDRESS_LIMIT && Used + Bytes <= LEGACY_ADDRESS_LIMIT &&
           Queue->Addresses.Available == Available && Queue->Addresses.Used == Used;
}

static VIRTIO_PCI_RESULT LegacyEnableQueue(PVIRTIO_PCI_DEVICE Device, const VIRTIO_PCI_QUEUE *Queue,
                                           PVIRTIO_PCI_DOORBELL Doorbell)
{
    ULONG Page = (ULONG)(Queue->Addresses.Descriptors >> LEGACY_PAGE_SHIFT);
    ULONG Size;
    VIRTIO_PCI_RESULT Result = LegacyGetQueueSize(Device, Queue->Index, &Size);

    if (Result != VirtioPciOk) {
        return Result;
    }
    if (Queue->Size != Size) {
        return VirtioPciRefuse(Device, VirtioPciQueueSizeBad, Queue->Size);
    }
    if (!LegacyAddressesFit(Queue)) {
        return VirtioPciRefuse(Device, VirtioPciQueueAddressBad, Queue->Addresses.Descriptors);
    }
    if (VirtioRead32(&Device->Common, VIRTIO_PCI_LEGACY_QUEUE_ADDRESS) != 0) {
        return VirtioPciJudge(Device, VirtioPciQueueInUse, Queue->Index);
    }
    Result = LegacySetVector(Device, VIRTIO_PCI_LEGACY_QUEUE_VECTOR, Queue->Vector);
    if (Result != VirtioPciOk) {
        return Result;
    }
    VirtioFullBarrier(); /* the first contents of the ring before its address */
    VirtioWrite32(&Device->Common, VIRTIO_PCI_LEGACY_QUEUE_ADDRESS, Page);
    if (VirtioRead32(&Device->Common, VIRTIO_PCI_LEGACY_QUEUE_ADDRESS) != Page) {
        return VirtioPciJudge(Device, VirtioPciQueueRefused, Queue->Index);
    }
    Doorbell->Register.Base = Device->Common.Base + VIRTIO_PCI_LEGACY_QUEUE_NOTIFY;
    Doorbell->Register.Length = sizeof(USHORT);
    Doorbell->Register.PortSpace = Device->Common.PortSpace;
    Doorbell->Value = Queue->Index;
    Doorbell->WithData = FALSE;
    return VirtioPciOk;
}

/* RING_RESET is not for legacy devices: it has no bit among their 32. */
static VIRTIO_PCI_RESULT LegacyResetQueue(PVIRTIO_PCI_DEVICE Device, USHORT Index)
{
    return VirtioPciRefuse(Device, VirtioPciQueueRefused, Index);
}

static UCHAR LegacyGetConfigGeneration(PVIRTIO_PCI_DEVICE Device)
{
    (void)Device;
    return 0;
}

static VIRTIO_PCI_RESULT LegacyReadConfig(PVIRTIO_PCI_DEVICE Device, const VIRTIO_PCI_FIELD *Fields,
                                          ULONG FieldCount, PUCHAR Buffer)
{
    ULONG Attempt;

    (void)VirtioPciReadFields(Device, Fields, FieldCount, Buffer);
    for (Attempt = 1; Attempt < VIRTIO_PCI_CONFIG_ATTEMPTS; Attempt++) {
        if (!VirtioPciReadFields(Device, Fields, FieldCount, Buffer)) {
            return VirtioPciOk;
        }
    }
    return VirtioPciJudge(Device, VirtioPciConfigUnstable, 0);
}

const VIRTIO_PCI_OPERATIONS VirtioPciLegacyOperations = {
    .ReadIsr = LegacyReadIsr,
    .GetStatus = LegacyGetStatus,
    .SetStatus = LegacySetStatus,
    .GetOffered = LegacyGetOffered,
    .Negotiate = LegacyNegotiate,
    .SetConfigVector = LegacySetConfigVector,
    .GetQueueSize = LegacyGetQueueSize,
    .EnableQueue = LegacyEnableQueue,
    .ResetQueue = LegacyResetQueue,
    .GetConfigGeneration = LegacyGetConfigGeneration,
    .ReadConfig = LegacyReadConfig,
};
