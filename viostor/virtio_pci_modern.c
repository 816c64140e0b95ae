/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Modern transport (specification 4.1.4): the common configuration structure, doorbells spread by
 * a multiplier, a feature handshake that the device may refuse.
 */
#include "port.h"
#include "virtio_pci_transport.h"

/* Features that need registers which version 1.0 did not have: a structure without room for them
 * does not really offer them. */
#define NOTIFY_DATA_FEATURES VIRTIO_FEATURE(VIRTIO_F_NOTIF_CONFIG_DATA)
#define QUEUE_RESET_FEATURES VIRTIO_FEATURE(VIRTIO_F_RING_RESET)

static UCHAR ModernReadIsr(PVIRTIO_PCI_DEVICE Device)
{
    return VirtioRead8(&Device->Isr, 0);
}

static UCHAR ModernGetStatus(PVIRTIO_PCI_DEVICE Device)
{
    return VirtioRead8(&Device->Common, VIRTIO_PCI_COMMON_DEVICE_STATUS);
}

static VOID ModernSetStatus(PVIRTIO_PCI_DEVICE Device, UCHAR Status)
{
    VirtioWrite8(&Device->Common, VIRTIO_PCI_COMMON_DEVICE_STATUS, Status);
}

static ULONGLONG ModernGetOffered(PVIRTIO_PCI_DEVICE Device)
{
    ULONGLONG Features;

    VirtioWrite32(&Device->Common, VIRTIO_PCI_COMMON_DEVICE_FEATURE_SELECT, 0);
    Features = VirtioRead32(&Device->Common, VIRTIO_PCI_COMMON_DEVICE_FEATURE);
    VirtioWrite32(&Device->Common, VIRTIO_PCI_COMMON_DEVICE_FEATURE_SELECT, 1);
    Features |= (ULONGLONG)VirtioRead32(&Device->Common, VIRTIO_PCI_COMMON_DEVICE_FEATURE) << 32;
    if (Device->Common.Length < VIRTIO_PCI_COMMON_SIZE_NOTIFY_DATA) {
        Features &= ~NOTIFY_DATA_FEATURES;
    }
    if (Device->Common.Length < VIRTIO_PCI_COMMON_SIZE_QUEUE_RESET) {
        Features &= ~QUEUE_RESET_FEATURES;
    }
    return Features;
}

static BOOLEAN ModernHasFeature(const VIRTIO_PCI_DEVICE *Device, ULONG Bit)
{
    return (Device->Features & VIRTIO_FEATURE(Bit)) != 0;
}

static VIRTIO_PCI_RESULT ModernNegotiate(PVIRTIO_PCI_DEVICE Device, ULONGLONG Features)
{
    UCHAR Status;

    if ((Device->Offered & VIRTIO_FEATURE(VIRTIO_F_VERSION_1)) == 0) {
        return VirtioPciJudge(Device, VirtioPciNoVersion1, Device->Offered);
    }
    Features |= VIRTIO_FEATURE(VIRTIO_F_VERSION_1);
    VirtioWrite32(&Device->Common, VIRTIO_PCI_COMMON_DRIVER_FEATURE_SELECT, 0);
    VirtioWrite32(&Device->Common, VIRTIO_PCI_COMMON_DRIVER_FEATURE, (ULONG)Features);
    VirtioWrite32(&Device->Common, VIRTIO_PCI_COMMON_DRIVER_FEATURE_SELECT, 1);
    VirtioWrite32(&Device->Common, VIRTIO_PCI_COMMON_DRIVER_FEATURE, (ULONG)(Features >> 32));
    ModernSetStatus(Device, ModernGetStatus(Device) | VIRTIO_STATUS_FEATURES_OK);
    Status = ModernGetStatus(Device);
    if (Status == VIRTIO_STATUS_GONE) {
        return VirtioPciRefuse(Device, VirtioPciGone, Status);
    }
    if ((Status & VIRTIO_STATUS_FEATURES_OK) == 0) {
        return VirtioPciRefuse(Device, VirtioPciFeaturesRefused, Features);
    }
    Device->Features = Features;
    return VirtioPciOk;
}

static VIRTIO_PCI_RESULT ModernSetConfigVector(PVIRTIO_PCI_DEVICE Device, USHORT Vector)
{
    return VirtioPciSetVector(Device, VIRTIO_PCI_COMMON_CONFIG_MSIX_VECTOR, Vector);
}

static VIRTIO_PCI_RESULT ModernGetQueueSize(PVIRTIO_PCI_DEVICE Device, USHORT Index, PULONG Size)
{
    ULONG Value;
    VIRTIO_PCI_RESULT Result;

    VirtioWrite16(&Device->Common, VIRTIO_PCI_COMMON_QUEUE_SELECT, Index);
    Value = VirtioRead16(&Device->Common, VIRTIO_PCI_COMMON_QUEUE_SIZE);
    if (ModernHasFeature(Device, VIRTIO_F_RING_PACKED) && Value <= VIRTQ_SIZE_MAXIMUM) {
        while ((Value & (Value - 1)) != 0) {
            Value &= Value - 1; /* the driver may use less of a ring (4.1.4.3.2) */
        }
    }
    Result = VirtioPciCheckQueueSize(Device, Index, Value);
    if (Result == VirtioPciOk) {
        *Size = Value;
    }
    return Result;
}

/* Finds the doorbell of the selected queue and checks that it is a register of ours (4.1.4.4). */
static VIRTIO_PCI_RESULT ModernFindDoorbell(PVIRTIO_PCI_DEVICE Device, USHORT Index,
                                            PVIRTIO_PCI_DOORBELL Doorbell)
{
    const BOOLEAN WithData = ModernHasFeature(Device, VIRTIO_F_NOTIFICATION_DATA);
    const ULONG Width = WithData ? sizeof(ULONG) : sizeof(USHORT);
    /* 16 by 32 bits: the product does not overflow 64. */
    ULONGLONG Offset =
        (ULONGLONG)VirtioRead16(&Device->Common, VIRTIO_PCI_COMMON_QUEUE_NOTIFY_OFF) *
        Device->NotifyMultiplier;

    if (Offset + Width > Device->Notify.Length) {
        return VirtioPciJudge(Device, VirtioPciNotifyOutside, Offset);
    }
    if (((Device->Notify.Base + Offset) & (Width - 1)) != 0) {
        return VirtioPciJudge(Device, VirtioPciNotifyMisaligned, Offset);
    }
    Doorbell->Register.Base = Device->Notify.Base + (ULONG)Offset;
    Doorbell->Register.Length = Width;
    Doorbell->Register.PortSpace = Device->Notify.PortSpace;
    Doorbell->WithData = WithData;
    Doorbell->Value = ModernHasFeature(Device, VIRTIO_F_NOTIF_CONFIG_DATA)
                          ? VirtioRead16(&Device->Common, VIRTIO_PCI_COMMON_QUEUE_NOTIFY_DATA)
                          : Index;
    return VirtioPciOk;
}

/* 64-bit registers are written as two of 32 bits, the lower one first (4.1.3.1). */
static VOID ModernWriteAddress(PVIRTIO_PCI_DEVICE Device, ULONG Offset, ULONGLONG Address)
{
    VirtioWrite32(&Device->Common, Offset, (ULONG)Address);
    VirtioWrite32(&Device->Common, Offset + (ULONG)sizeof(ULONG), (ULONG)(Address >> 32));
}

/* Alignment of a queue's parts: 16, 2 and 4 bytes (split, 2.7), or 16, 4 and 4 (packed, 2.8.10.1). */
static BOOLEAN ModernAddressesFit(const VIRTIO_PCI_DEVICE *Device, const VIRTQ_ADDRESSES *Addresses)
{
    const ULONG DriverMask = ModernHasFeature(Device, VIRTIO_F_RING_PACKED) ? 3 : 1;

    return (Addresses->Descriptors & 15) == 0 && (Addresses->Available & DriverMask) == 0 &&
           (Addresses->Used & 3) == 0;
}

/* What may fail before anything of the queue is written: sizes, addresses, doorbell, state. */
static VIRTIO_PCI_RESULT ModernCheckQueue(PVIRTIO_PCI_DEVICE Device, const VIRTIO_PCI_QUEUE *Queue,
                                          ULONG Maximum)
{
    if (Queue->Size == 0 || Queue->Size > Maximum || (Queue->Size & (Queue->Size - 1)) != 0) {
        return VirtioPciRefuse(Device, VirtioPciQueueSizeBad, Queue->Size);
    }
    if (!ModernAddressesFit(Device, &Queue->Addresses)) {
        return VirtioPciRefuse(Device, VirtioPciQueueAddressBad, Queue->Addresses.Descriptors);
    }
    if (VirtioRead16(&Device->Common, VIRTIO_PCI_COMMON_QUEUE_ENABLE) != 0) {
        return VirtioPciJudge(Device, VirtioPciQueueInUse, Queue->Index);
    }
    return VirtioPciOk;
}

static VIRTIO_PCI_RESULT ModernEnableQueue(PVIRTIO_PCI_DEVICE Device, const VIRTIO_PCI_QUEUE *Queue,
                                           PVIRTIO_PCI_DOORBELL Doorbell)
{
    ULONG Maximum;
    VIRTIO_PCI_RESULT Result = ModernGetQueueSize(Device, Queue->Index, &Maximum);

    if (Result == VirtioPciOk) {
        Result = ModernCheckQueue(Device, Queue, Maximum);
    }
    if (Result == VirtioPciOk) {
        Result = ModernFindDoorbell(Device, Queue->Index, Doorbell);
    }
    if (Result == VirtioPciOk) {
        Result = VirtioPciSetVector(Device, VIRTIO_PCI_COMMON_QUEUE_MSIX_VECTOR, Queue->Vector);
    }
    if (Result != VirtioPciOk) {
        return Result;
    }
    VirtioWrite16(&Device->Common, VIRTIO_PCI_COMMON_QUEUE_SIZE, (USHORT)Queue->Size);
    if (VirtioRead16(&Device->Common, VIRTIO_PCI_COMMON_QUEUE_SIZE) != Queue->Size) {
        return VirtioPciJudge(Device, VirtioPciQueueRefused, Queue->Index);
    }
    ModernWriteAddress(Device, VIRTIO_PCI_COMMON_QUEUE_DESC, Queue->Addresses.Descriptors);
    ModernWriteAddress(Device, VIRTIO_PCI_COMMON_QUEUE_DRIVER, Queue->Addresses.Available);
    ModernWriteAddress(Device, VIRTIO_PCI_COMMON_QUEUE_DEVICE, Queue->Addresses.Used);
    VirtioFullBarrier(); /* the first contents of the ring before the device may look */
    VirtioWrite16(&Device->Common, VIRTIO_PCI_COMMON_QUEUE_ENABLE, 1);
    if (VirtioRead16(&Device->Common, VIRTIO_PCI_COMMON_QUEUE_ENABLE) != 1) {
        return VirtioPciJudge(Device, VirtioPciQueueRefused, Queue->Index);
    }
    return VirtioPciOk;
}

/*
 * Writing 1 to queue_reset resets the queue; reset is done when it reads 0, and queue_enable then
 * reads 0 as well (4.1.4.3.1).
 */
static VIRTIO_PCI_RESULT ModernResetQueue(PVIRTIO_PCI_DEVICE Device, USHORT Index)
{
    ULONG Poll;

    if (!ModernHasFeature(Device, VIRTIO_F_RING_RESET)) {
        return VirtioPciRefuse(Device, VirtioPciQueueRefused, Index);
    }
    VirtioWrite16(&Device->Common, VIRTIO_PCI_COMMON_QUEUE_SELECT, Index);
    VirtioWrite16(&Device->Common, VIRTIO_PCI_COMMON_QUEUE_RESET, 1);
    for (Poll = 0;; Poll++) {
        const USHORT Pending = VirtioRead16(&Device->Common, VIRTIO_PCI_COMMON_QUEUE_RESET);

        if (Pending == 0) {
            break;
        }
        if (Pending == MAXUSHORT || Poll == VIRTIO_PCI_QUEUE_RESET_POLLS) {
            return VirtioPciJudge(Device, VirtioPciQueueResetTimeout, Index);
        }
        PortStallMicroseconds(VIRTIO_PCI_RESET_POLL_MICROSECONDS);
    }
    if (VirtioRead16(&Device->Common, VIRTIO_PCI_COMMON_QUEUE_ENABLE) != 0) {
        return VirtioPciJudge(Device, VirtioPciQueueInUse, Index);
    }
    return VirtioPciOk;
}

static UCHAR ModernGetConfigGeneration(PVIRTIO_PCI_DEVICE Device)
{
    return VirtioRead8(&Device->Common, VIRTIO_PCI_COMMON_CONFIG_GENERATION);
}

static VIRTIO_PCI_RESULT ModernReadConfig(PVIRTIO_PCI_DEVICE Device, const VIRTIO_PCI_FIELD *Fields,
                                          ULONG FieldCount, PUCHAR Buffer)
{
    UCHAR Before = ModernGetConfigGeneration(Device);
    ULONG Attempt;

    for (Attempt = 0; Attempt < VIRTIO_PCI_CONFIG_ATTEMPTS; Attempt++) {
        UCHAR After;

        VirtioLoadBarrier();
        (void)VirtioPciReadFields(Device, Fields, FieldCount, Buffer);
        VirtioLoadBarrier();
        After = ModernGetConfigGeneration(Device);
        if (After == Before) {
            return VirtioPciOk;
        }
        Before = After;
    }
    return VirtioPciJudge(Device, VirtioPciConfigUnstable, Before);
}

const VIRTIO_PCI_OPERATIONS VirtioPciModernOperations = {
    .ReadIsr = ModernReadIsr,
    .GetStatus = ModernGetStatus,
    .SetStatus = ModernSetStatus,
    .GetOffered = ModernGetOffered,
    .Negotiate = ModernNegotiate,
    .SetConfigVector = ModernSetConfigVector,
    .GetQueueSize = ModernGetQueueSize,
    .EnableQueue = ModernEnableQueue,
    .ResetQueue = ModernResetQueue,
    .GetConfigGeneration = ModernGetConfigGeneration,
    .ReadConfig = ModernReadConfig,
};
