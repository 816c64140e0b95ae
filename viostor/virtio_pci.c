/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The virtio PCI transport: recognizing a device and finding its registers, and the parts of the
 * interface that both transports share. virtio_pci.h explains the whole; virtio_pci_legacy.c and
 * virtio_pci_modern.c do what differs.
 *
 * Configuration space is hostile input: the capability list may lie, run in circles or leave its
 * space; a capability may name any BAR, offset and length. The first valid capability of each type
 * counts; invalid ones are passed over, and the first reason is kept for the report.
 */
#include "port.h"
#include "virtio_pci_transport.h"

/* PCI configuration space: offsets and values used here (PCI Local Bus 3.0, 6.1, 6.2.5, 6.8.2). */
#define PCI_CFG_STATUS              0x06u /* 16 bits */
#define PCI_CFG_STATUS_CAP_LIST     0x0010u
#define PCI_CFG_HEADER_TYPE         0x0eu /* 8 bits */
#define PCI_CFG_HEADER_TYPE_MASK    0x7fu
#define PCI_CFG_BAR0                0x10u /* 32 bits each */
#define PCI_CFG_CAP_POINTER         0x34u /* 8 bits */
#define PCI_CFG_CAP_FIRST           0x40u /* capabilities lie behind the header */
#define PCI_CFG_CAP_MAXIMUM         48u   /* of 4 bytes, that is as many as there is room for */
#define PCI_BAR_IO                  0x1u
#define PCI_BAR_IO_MASK             0xfffffffcu
#define PCI_BAR_MEMORY_TYPE_MASK    0x6u
#define PCI_BAR_MEMORY_64           0x4u
#define PCI_BAR_MEMORY_MASK         0xfffffff0u
#define PCI_CAP_VENDOR_SPECIFIC     0x09u
#define PCI_CAP_MSIX                0x11u
#define PCI_CAP_MSIX_SIZE           12u
#define PCI_CAP_MSIX_CONTROL        2u /* 16 bits */
#define PCI_CAP_MSIX_CONTROL_ENABLE 0x8000u

#define VIRTIO_PCI_STRUCTURES 5u /* one more than the largest cfg_type in use */

/* What is known of a BAR while probing. */
typedef enum _PROBE_BAR_STATE {
    ProbeBarUntried,
    ProbeBarMapped,
    ProbeBarFailed,
} PROBE_BAR_STATE;

/* A structure that a capability of its type may name. */
typedef struct _PROBE_STRUCTURE {
    BOOLEAN Found;
    VIRTIO_REGION Region;
    ULONG Multiplier;        /* notify only */
    VIRTIO_PCI_RESULT Fault; /* of the first capability of this type that was refused */
    ULONGLONG FaultDetail;
} PROBE_STRUCTURE;

/* One run of VirtioPciProbe. */
typedef struct _PROBE {
    PVIRTIO_PCI_DEVICE Device;
    const UCHAR *Space;
    VIRTIO_PCI_MAP_BAR *MapBar;
    PVOID Context;
    PROBE_BAR_STATE BarState[VIRTIO_PCI_BAR_COUNT];
    VIRTIO_REGION Bar[VIRTIO_PCI_BAR_COUNT];
    PROBE_STRUCTURE Structure[VIRTIO_PCI_STRUCTURES]; /* by cfg_type; 0 is not used */
    VIRTIO_PCI_RESULT ListFault;
    ULONG ListFaultDetail;
} PROBE;

/* ---- Results ---- */

VIRTIO_PCI_RESULT VirtioPciRefuse(PVIRTIO_PCI_DEVICE Device, VIRTIO_PCI_RESULT Result,
                                  ULONGLONG Value)
{
    Device->Detail = Value;
    return Result;
}

VIRTIO_PCI_RESULT VirtioPciJudge(PVIRTIO_PCI_DEVICE Device, VIRTIO_PCI_RESULT Result,
                                 ULONGLONG Value)
{
    if (Device->Operations->GetStatus(Device) == VIRTIO_STATUS_GONE) {
        return VirtioPciRefuse(Device, VirtioPciGone, VIRTIO_STATUS_GONE);
    }
    return VirtioPciRefuse(Device, Result, Value);
}

const char *VirtioPciResultName(VIRTIO_PCI_RESULT Result)
{
    static const char *const Names[] = {
        [VirtioPciOk] = "success",
        [VirtioPciNotVirtioBlk] = "not a virtio-blk PCI device",
        [VirtioPciNotEndpoint] = "PCI header type is not that of a device",
        [VirtioPciNoCapabilities] = "device has no PCI capability list",
        [VirtioPciCapListBroken] = "PCI capability list is broken",
        [VirtioPciCapMissing] = "a virtio PCI capability is missing",
        [VirtioPciCapTruncated] = "a virtio PCI capability is too short",
        [VirtioPciCapBadBar] = "a virtio PCI capability names no assigned BAR",
        [VirtioPciCapTooSmall] = "a virtio register structure is too small",
        [VirtioPciCapMisaligned] = "a virtio register structure is misaligned",
        [VirtioPciCapOutsideBar] = "a virtio register structure ends beyond its BAR",
        [VirtioPciBarNotMapped] = "a BAR could not be mapped",
        [VirtioPciLegacyBarBad] = "BAR 0 cannot hold the legacy registers",
        [VirtioPciNoVersion1] = "device does not offer VERSION_1",
        [VirtioPciGone] = "device was removed",
        [VirtioPciResetTimeout] = "device did not finish its reset",
        [VirtioPciFeaturesRefused] = "device refused the features",
        [VirtioPciStatusRefused] = "device refused DRIVER_OK",
        [VirtioPciVectorRefused] = "device refused an interrupt vector",
        [VirtioPciQueueAbsent] = "device has no such queue",
        [VirtioPciQueueSizeBad] = "queue size is invalid",
        [VirtioPciQueueInUse] = "queue is in use before it was set up",
        [VirtioPciQueueAddressBad] = "device cannot take the queue's address",
        [VirtioPciQueueRefused] = "device did not take the queue",
        [VirtioPciNotifyOutside] = "queue's doorbell lies outside the notify structure",
        [VirtioPciNotifyMisaligned] = "queue's doorbell is misaligned",
        [VirtioPciConfigAbsent] = "device configuration has no such field",
        [VirtioPciConfigUnstable] = "device configuration kept changing",
        [VirtioPciQueueResetTimeout] = "queue reset does not end",
    };

    if ((ULONG)Result >= sizeof(Names) / sizeof(Names[0])) {
        return "unknown result";
    }
    return Names[Result];
}

const char *VirtioFeatureName(ULONG Bit)
{
    static const char *const Names[] = {
        [VIRTIO_BLK_F_BARRIER] = "BARRIER",
        [VIRTIO_BLK_F_SIZE_MAX] = "SIZE_MAX",
        [VIRTIO_BLK_F_SEG_MAX] = "SEG_MAX",
        [VIRTIO_BLK_F_GEOMETRY] = "GEOMETRY",
        [VIRTIO_BLK_F_RO] = "RO",
        [VIRTIO_BLK_F_BLK_SIZE] = "BLK_SIZE",
        [VIRTIO_BLK_F_SCSI] = "SCSI",
        [VIRTIO_BLK_F_FLUSH] = "FLUSH",
        [VIRTIO_BLK_F_TOPOLOGY] = "TOPOLOGY",
        [VIRTIO_BLK_F_CONFIG_WCE] = "CONFIG_WCE",
        [VIRTIO_BLK_F_MQ] = "MQ",
        [VIRTIO_BLK_F_DISCARD] = "DISCARD",
        [VIRTIO_BLK_F_WRITE_ZEROES] = "WRITE_ZEROES",
        [VIRTIO_BLK_F_LIFETIME] = "LIFETIME",
        [VIRTIO_BLK_F_SECURE_ERASE] = "SECURE_ERASE",
        [VIRTIO_BLK_F_ZONED] = "ZONED",
        [VIRTIO_F_NOTIFY_ON_EMPTY] = "NOTIFY_ON_EMPTY",
        [VIRTIO_F_ANY_LAYOUT] = "ANY_LAYOUT",
        [VIRTIO_F_INDIRECT_DESC] = "INDIRECT_DESC",
        [VIRTIO_F_EVENT_IDX] = "EVENT_IDX",
        [VIRTIO_F_VERSION_1] = "VERSION_1",
        [VIRTIO_F_ACCESS_PLATFORM] = "ACCESS_PLATFORM",
        [VIRTIO_F_RING_PACKED] = "RING_PACKED",
        [VIRTIO_F_IN_ORDER] = "IN_ORDER",
        [VIRTIO_F_ORDER_PLATFORM] = "ORDER_PLATFORM",
        [VIRTIO_F_SR_IOV] = "SR_IOV",
        [VIRTIO_F_NOTIFICATION_DATA] = "NOTIFICATION_DATA",
        [VIRTIO_F_NOTIF_CONFIG_DATA] = "NOTIF_CONFIG_DATA",
        [VIRTIO_F_RING_RESET] = "RING_RESET",
    };

    return Bit < sizeof(Names) / sizeof(Names[0]) ? Names[Bit] : NULL;
}

/* ---- Configuration space ---- */

static USHORT ConfigSpace16(const UCHAR *Space, ULONG Offset)
{
    return (USHORT)(Space[Offset] | (USHORT)Space[Offset + 1] << 8);
}

static ULONG ConfigSpace32(const UCHAR *Space, ULONG Offset)
{
    return ConfigSpace16(Space, Offset) | (ULONG)ConfigSpace16(Space, Offset + 2) << 16;
}

/*
 * Describes BAR Number. FALSE: there is none under this number (above 5, upper half of a 64-bit one,
 * a 64-bit one without room for its upper half) or it was given no address.
 */
static BOOLEAN ProbeDescribeBar(const UCHAR *Space, ULONG Number, PVIRTIO_PCI_BAR Bar)
{
    ULONG Index = 0;

    while (Index < VIRTIO_PCI_BAR_COUNT) {
        ULONG Low = ConfigSpace32(Space, PCI_CFG_BAR0 + Index * 4);
        BOOLEAN IoSpace = (Low & PCI_BAR_IO) != 0;
        BOOLEAN Wide = !IoSpace && (Low & PCI_BAR_MEMORY_TYPE_MASK) == PCI_BAR_MEMORY_64;

        if (Index == Number) {
            if (Wide && Number + 1 == VIRTIO_PCI_BAR_COUNT) {
                return FALSE;
            }
            Bar->Number = Number;
            Bar->IoSpace = IoSpace;
            Bar->Address = Low & (IoSpace ? PCI_BAR_IO_MASK : PCI_BAR_MEMORY_MASK);
            if (Wide) {
                ULONG High = ConfigSpace32(Space, PCI_CFG_BAR0 + Index * 4 + 4);
                Bar->Address |= (ULONGLONG)High << 32;
            }
            return Bar->Address != 0;
        }
        Index += Wide ? 2 : 1;
    }
    return FALSE;
}

/* Maps BAR Number unless that was tried. VirtioPciOk, ...CapBadBar or ...BarNotMapped. */
static VIRTIO_PCI_RESULT ProbeMapBar(PROBE *Probe, ULONG Number)
{
    VIRTIO_PCI_BAR Bar;

    if (!ProbeDescribeBar(Probe->Space, Number, &Bar)) {
        return VirtioPciCapBadBar;
    }
    if (Probe->BarState[Number] == ProbeBarUntried) {
        BOOLEAN Mapped = Probe->MapBar(Probe->Context, &Bar, &Probe->Bar[Number]);
        Probe->BarState[Number] = Mapped ? ProbeBarMapped : ProbeBarFailed;
    }
    return Probe->BarState[Number] == ProbeBarMapped ? VirtioPciOk : VirtioPciBarNotMapped;
}

/* ---- Capabilities ---- */

/* What the registers of a structure need: bytes and alignment. */
typedef struct _PROBE_NEED {
    UCHAR CapabilitySize;
    UCHAR StructureSize;
    UCHAR Alignment;
} PROBE_NEED;

static const PROBE_NEED ProbeNeeds[VIRTIO_PCI_STRUCTURES] = {
    [VIRTIO_PCI_CAP_COMMON_CFG] = {VIRTIO_PCI_CAP_SIZE, VIRTIO_PCI_COMMON_SIZE, 4},
    [VIRTIO_PCI_CAP_NOTIFY_CFG] = {VIRTIO_PCI_CAP_NOTIFY_SIZE, 2, 2},
    [VIRTIO_PCI_CAP_ISR_CFG] = {VIRTIO_PCI_CAP_SIZE, 1, 1},
    [VIRTIO_PCI_CAP_DEVICE_CFG] = {VIRTIO_PCI_CAP_SIZE, 8, 4}, /* the capacity at least */
};

/* Checks the capability at Offset and finds its structure. On failure *Detail says where. */
static VIRTIO_PCI_RESULT ProbeCheckCapability(PROBE *Probe, ULONG Offset, const PROBE_NEED *Need,
                                              PVIRTIO_REGION Region, PULONGLONG Detail)
{
    const UCHAR *Space = Probe->Space;
    ULONG Bar, Start, Length;
    VIRTIO_PCI_RESULT Result;

    *Detail = Offset;
    if (Space[Offset + VIRTIO_PCI_CAP_CAP_LEN] < Need->CapabilitySize ||
        Offset + Need->CapabilitySize > VIRTIO_PCI_CONFIG_SPACE_SIZE) {
        return VirtioPciCapTruncated;
    }
    Bar = Space[Offset + VIRTIO_PCI_CAP_BAR];
    Start = ConfigSpace32(Space, Offset + VIRTIO_PCI_CAP_OFFSET);
    Length = ConfigSpace32(Space, Offset + VIRTIO_PCI_CAP_LENGTH);
    if (Length < Need->StructureSize) {
        return VirtioPciCapTooSmall;
    }
    Result = ProbeMapBar(Probe, Bar);
    if (Result != VirtioPciOk) {
        *Detail = Result == VirtioPciBarNotMapped ? Bar : Offset;
        return Result;
    }
    if ((ULONGLONG)Start + Length > Probe->Bar[Bar].Length) {
        return VirtioPciCapOutsideBar;
    }
    Region->Base = Probe->Bar[Bar].Base + Start;
    Region->Length = Length;
    Region->PortSpace = Probe->Bar[Bar].PortSpace;
    return (Region->Base & (Need->Alignment - 1u)) == 0 ? VirtioPciOk : VirtioPciCapMisaligned;
}

/* Looks at one vendor-specific capability; takes it if it is the first valid one of its type. */
static VOID ProbeVendorCapability(PROBE *Probe, ULONG Offset)
{
    ULONG Type = Probe->Space[Offset + VIRTIO_PCI_CAP_CFG_TYPE];
    PROBE_STRUCTURE *Structure;
    VIRTIO_PCI_RESULT Result;
    ULONGLONG Detail;

    if (Type == 0 || Type >= VIRTIO_PCI_STRUCTURES) {
        return; /* PCI configuration access, shared memory, vendor data: not used */
    }
    Structure = &Probe->Structure[Type];
    if (Structure->Found) {
        return;
    }
    Result = ProbeCheckCapability(Probe, Offset, &ProbeNeeds[Type], &Structure->Region, &Detail);
    if (Result == VirtioPciOk) {
        Structure->Found = TRUE;
        if (Type == VIRTIO_PCI_CAP_NOTIFY_CFG) {
            Structure->Multiplier =
                ConfigSpace32(Probe->Space, Offset + VIRTIO_PCI_CAP_NOTIFY_MULTIPLIER);
        }
    } else if (Structure->Fault == VirtioPciOk) {
        Structure->Fault = Result;
        Structure->FaultDetail = Detail;
    }
}

static VOID ProbeMsixCapability(PROBE *Probe, ULONG Offset)
{
    PVIRTIO_PCI_DEVICE Device = Probe->Device;

    if (Device->MsixPresent || Offset + PCI_CAP_MSIX_SIZE > VIRTIO_PCI_CONFIG_SPACE_SIZE) {
        return;
    }
    Device->MsixPresent = TRUE;
    Device->MsixControlOffset = (USHORT)(Offset + PCI_CAP_MSIX_CONTROL);
    Device->MsixEnabled =
        (ConfigSpace16(Probe->Space, Device->MsixControlOffset) & PCI_CAP_MSIX_CONTROL_ENABLE) != 0;
}

/* Walks the capability list: at most as many steps as there is room for capabilities. */
static VOID ProbeCapabilities(PROBE *Probe)
{
    const UCHAR *Space = Probe->Space;
    ULONG Offset = Space[PCI_CFG_CAP_POINTER] & ~3u; /* the low bits are reserved */
    ULONG Steps;

    if ((ConfigSpace16(Space, PCI_CFG_STATUS) & PCI_CFG_STATUS_CAP_LIST) == 0) {
        Probe->ListFault = VirtioPciNoCapabilities;
        return;
    }
    for (Steps = 0; Offset != 0; Steps++) {
        if (Offset < PCI_CFG_CAP_FIRST || Steps == PCI_CFG_CAP_MAXIMUM) {
            Probe->ListFault = VirtioPciCapListBroken;
            Probe->ListFaultDetail = Offset;
            return;
        }
        if (Space[Offset] == PCI_CAP_VENDOR_SPECIFIC) {
            ProbeVendorCapability(Probe, Offset);
        } else if (Space[Offset] == PCI_CAP_MSIX) {
            ProbeMsixCapability(Probe, Offset);
        }
        Offset = Space[Offset + 1] & ~3u;
    }
}

/* ---- Choosing a transport ---- */

/* Sets the modern transport up if all structures are there and VERSION_1 is offered. */
static VIRTIO_PCI_RESULT ProbeModern(PROBE *Probe)
{
    PVIRTIO_PCI_DEVICE Device = Probe->Device;
    ULONGLONG Offered;
    ULONG Type;

    for (Type = 1; Type < VIRTIO_PCI_STRUCTURES; Type++) {
        const PROBE_STRUCTURE *Structure = &Probe->Structure[Type];

        if (Structure->Found) {
            continue;
        }
        if (Structure->Fault != VirtioPciOk) {
            return VirtioPciRefuse(Device, Structure->Fault, Structure->FaultDetail);
        }
        if (Probe->ListFault != VirtioPciOk) {
            return VirtioPciRefuse(Device, Probe->ListFault, Probe->ListFaultDetail);
        }
        return VirtioPciRefuse(Device, VirtioPciCapMissing, Type);
    }
    Device->Operations = &VirtioPciModernOperations;
    Device->Common = Probe->Structure[VIRTIO_PCI_CAP_COMMON_CFG].Region;
    Device->Notify = Probe->Structure[VIRTIO_PCI_CAP_NOTIFY_CFG].Region;
    Device->NotifyMultiplier = Probe->Structure[VIRTIO_PCI_CAP_NOTIFY_CFG].Multiplier;
    Device->Isr = Probe->Structure[VIRTIO_PCI_CAP_ISR_CFG].Region;
    Device->Config = Probe->Structure[VIRTIO_PCI_CAP_DEVICE_CFG].Region;

    Offered = Device->Operations->GetOffered(Device);
    if ((Offered & VIRTIO_FEATURE(VIRTIO_F_VERSION_1)) == 0) {
        return VirtioPciRefuse(Device, VirtioPciNoVersion1, Offered);
    }
    Device->Transport = VirtioPciTransportModern;
    return VirtioPciOk;
}

/* Sets the legacy transport up if BAR 0 is an I/O range that has room for the registers. */
static VIRTIO_PCI_RESULT ProbeLegacy(PROBE *Probe)
{
    PVIRTIO_PCI_DEVICE Device = Probe->Device;
    ULONG Raw = ConfigSpace32(Probe->Space, PCI_CFG_BAR0);
    VIRTIO_PCI_RESULT Result;

    if ((Raw & PCI_BAR_IO) == 0 || (Raw & PCI_BAR_IO_MASK) == 0) {
        return VirtioPciRefuse(Device, VirtioPciLegacyBarBad, Raw);
    }
    Result = ProbeMapBar(Probe, 0);
    if (Result != VirtioPciOk) {
        return VirtioPciRefuse(Device, Result, 0);
    }
    if (Probe->Bar[0].Length < VIRTIO_PCI_LEGACY_SIZE(Device)) {
        return VirtioPciRefuse(Device, VirtioPciLegacyBarBad, Raw);
    }
    Device->Operations = &VirtioPciLegacyOperations;
    Device->Common = Probe->Bar[0];
    Device->Transport = VirtioPciTransportLegacy;
    VirtioPciSetMsixEnabled(Device, Device->MsixEnabled);
    return VirtioPciOk;
}

/* First state of device and probe, field by field: a compiler would call memset otherwise. */
static VOID ProbeInitialize(PROBE *Probe, PVIRTIO_PCI_DEVICE Device)
{
    ULONG Index;

    Device->Transport = VirtioPciTransportNone;
    Device->Offered = 0;
    Device->Features = 0;
    Device->MsixPresent = FALSE;
    Device->MsixEnabled = FALSE;
    Device->MsixControlOffset = 0;
    Device->Detail = 0;
    Device->Operations = NULL;
    Probe->Device = Device;
    Probe->ListFault = VirtioPciOk;
    Probe->ListFaultDetail = 0;
    for (Index = 0; Index < VIRTIO_PCI_BAR_COUNT; Index++) {
        Probe->BarState[Index] = ProbeBarUntried;
    }
    for (Index = 0; Index < VIRTIO_PCI_STRUCTURES; Index++) {
        Probe->Structure[Index].Found = FALSE;
        Probe->Structure[Index].Fault = VirtioPciOk;
    }
}

VIRTIO_PCI_RESULT VirtioPciProbe(PVIRTIO_PCI_DEVICE Device, const UCHAR *ConfigSpace,
                                 VIRTIO_PCI_MAP_BAR *MapBar, PVOID Context)
{
    ULONG Identity = ConfigSpace32(ConfigSpace, 0);
    BOOLEAN Transitional = Identity == (VIRTIO_PCI_BLK_TRANSITIONAL << 16 | VIRTIO_PCI_VENDOR);
    BOOLEAN Modern = Identity == (VIRTIO_PCI_BLK_MODERN << 16 | VIRTIO_PCI_VENDOR);
    ULONG HeaderType = ConfigSpace[PCI_CFG_HEADER_TYPE] & PCI_CFG_HEADER_TYPE_MASK;
    PROBE Probe;
    VIRTIO_PCI_RESULT Result;

    ProbeInitialize(&Probe, Device);
    Probe.Space = ConfigSpace;
    Probe.MapBar = MapBar;
    Probe.Context = Context;
    if (!Transitional && !Modern) {
        return VirtioPciRefuse(Device, VirtioPciNotVirtioBlk, Identity);
    }
    if (HeaderType != 0) {
        return VirtioPciRefuse(Device, VirtioPciNotEndpoint, HeaderType);
    }
    ProbeCapabilities(&Probe);
    Result = ProbeModern(&Probe);
    if (Result != VirtioPciOk && Transitional) {
        Result = ProbeLegacy(&Probe);
    }
    return Result;
}

VOID VirtioPciSetMsixEnabled(PVIRTIO_PCI_DEVICE Device, BOOLEAN Enabled)
{
    ULONG Offset;

    Device->MsixEnabled = Device->MsixPresent && Enabled;
    if (Device->Transport != VirtioPciTransportLegacy) {
        return;
    }
    /* Not below 0: ProbeLegacy saw room for the registers that MSI-X adds if there is MSI-X. */
    Offset = Device->MsixEnabled ? VIRTIO_PCI_LEGACY_CONFIG_MSIX : VIRTIO_PCI_LEGACY_CONFIG;
    Device->Config.Base = Device->Common.Base + Offset;
    Device->Config.Length = Device->Common.Length - Offset;
    Device->Config.PortSpace = Device->Common.PortSpace;
}

/* ---- Status and features ---- */

UCHAR VirtioPciGetStatus(PVIRTIO_PCI_DEVICE Device)
{
    return Device->Operations->GetStatus(Device);
}

UCHAR VirtioPciReadIsr(PVIRTIO_PCI_DEVICE Device)
{
    UCHAR Isr = Device->Operations->ReadIsr(Device);

    return Isr == 0xff ? 0 : Isr & (VIRTIO_ISR_QUEUE | VIRTIO_ISR_CONFIG);
}

/* Status bits are only ever added; all are cleared by a reset (2.1.1). */
static VOID VirtioPciAddStatus(PVIRTIO_PCI_DEVICE Device, UCHAR Bits)
{
    Device->Operations->SetStatus(Device, Device->Operations->GetStatus(Device) | Bits);
}

VIRTIO_PCI_RESULT VirtioPciPollReset(PVIRTIO_PCI_DEVICE Device)
{
    const UCHAR Status = Device->Operations->GetStatus(Device);

    if (Status == 0) {
        Device->Features = 0;
        return VirtioPciOk;
    }
    return VirtioPciRefuse(
        Device, Status == VIRTIO_STATUS_GONE ? VirtioPciGone : VirtioPciResetTimeout, Status);
}

VIRTIO_PCI_RESULT VirtioPciReset(PVIRTIO_PCI_DEVICE Device)
{
    VIRTIO_PCI_RESULT Result;
    ULONG Poll;

    Device->Operations->SetStatus(Device, 0);
    for (Poll = 0;; Poll++) {
        Result = VirtioPciPollReset(Device);
        if (Result != VirtioPciResetTimeout || Poll == VIRTIO_PCI_RESET_POLLS) {
            return Result;
        }
        PortStallMicroseconds(VIRTIO_PCI_RESET_POLL_MICROSECONDS);
    }
}

VIRTIO_PCI_RESULT VirtioPciStart(PVIRTIO_PCI_DEVICE Device)
{
    VIRTIO_PCI_RESULT Result = VirtioPciReset(Device);

    return Result == VirtioPciOk ? VirtioPciBegin(Device) : Result;
}

VIRTIO_PCI_RESULT VirtioPciBegin(PVIRTIO_PCI_DEVICE Device)
{
    VirtioPciAddStatus(Device, VIRTIO_STATUS_ACKNOWLEDGE);
    VirtioPciAddStatus(Device, VIRTIO_STATUS_DRIVER);
    Device->Offered = Device->Operations->GetOffered(Device);
    return VirtioPciJudge(Device, VirtioPciOk, 0);
}

ULONGLONG VirtioPciReadOffered(PVIRTIO_PCI_DEVICE Device)
{
    return Device->Operations->GetOffered(Device);
}

VIRTIO_PCI_RESULT VirtioPciNegotiate(PVIRTIO_PCI_DEVICE Device, ULONGLONG Wanted)
{
    return Device->Operations->Negotiate(Device, Device->Offered & Wanted);
}

VIRTIO_PCI_RESULT VirtioPciDriverOk(PVIRTIO_PCI_DEVICE Device)
{
    UCHAR Status;

    VirtioPciAddStatus(Device, VIRTIO_STATUS_DRIVER_OK);
    Status = Device->Operations->GetStatus(Device);
    if (Status == VIRTIO_STATUS_GONE) {
        return VirtioPciRefuse(Device, VirtioPciGone, Status);
    }
    if ((Status & (VIRTIO_STATUS_DRIVER_OK | VIRTIO_STATUS_NEEDS_RESET)) !=
        VIRTIO_STATUS_DRIVER_OK) {
        return VirtioPciRefuse(Device, VirtioPciStatusRefused, Status);
    }
    return VirtioPciOk;
}

VOID VirtioPciFail(PVIRTIO_PCI_DEVICE Device)
{
    VirtioPciAddStatus(Device, VIRTIO_STATUS_FAILED);
}

/* ---- Vectors and queues ---- */

VIRTIO_PCI_RESULT VirtioPciSetVector(PVIRTIO_PCI_DEVICE Device, ULONG Offset, USHORT Vector)
{
    USHORT Taken;

    VirtioWrite16(&Device->Common, Offset, Vector);
    if (Vector == VIRTIO_MSI_NO_VECTOR) {
        return VirtioPciOk;
    }
    Taken = VirtioRead16(&Device->Common, Offset);
    if (Taken == Vector) {
        return VirtioPciOk;
    }
    if (Taken != VIRTIO_MSI_NO_VECTOR) {
        VirtioWrite16(&Device->Common, Offset, VIRTIO_MSI_NO_VECTOR);
    }
    return VirtioPciJudge(Device, VirtioPciVectorRefused, Taken);
}

VIRTIO_PCI_RESULT VirtioPciSetConfigVector(PVIRTIO_PCI_DEVICE Device, USHORT Vector)
{
    return Device->Operations->SetConfigVector(Device, Vector);
}

VIRTIO_PCI_RESULT VirtioPciCheckQueueSize(PVIRTIO_PCI_DEVICE Device, USHORT Index, ULONG Size)
{
    if (Size == 0) {
        return VirtioPciJudge(Device, VirtioPciQueueAbsent, Index);
    }
    if (Size > VIRTQ_SIZE_MAXIMUM || (Size & (Size - 1)) != 0) {
        return VirtioPciJudge(Device, VirtioPciQueueSizeBad, Size);
    }
    return VirtioPciOk;
}

VIRTIO_PCI_RESULT VirtioPciGetQueueSize(PVIRTIO_PCI_DEVICE Device, USHORT Index, PULONG Size)
{
    return Device->Operations->GetQueueSize(Device, Index, Size);
}

VIRTIO_PCI_RESULT VirtioPciEnableQueue(PVIRTIO_PCI_DEVICE Device, const VIRTIO_PCI_QUEUE *Queue,
                                       PVIRTIO_PCI_DOORBELL Doorbell)
{
    return Device->Operations->EnableQueue(Device, Queue, Doorbell);
}

VIRTIO_PCI_RESULT VirtioPciResetQueue(PVIRTIO_PCI_DEVICE Device, USHORT Index)
{
    return Device->Operations->ResetQueue(Device, Index);
}

/* ---- Device configuration ---- */

BOOLEAN VirtioPciHasConfig(const VIRTIO_PCI_DEVICE *Device, ULONG Offset, ULONG Length)
{
    return (ULONGLONG)Offset + Length <= Device->Config.Length;
}

/* Reads a field that the device has, by accesses of its natural width. */
static ULONGLONG VirtioPciReadField(PVIRTIO_PCI_DEVICE Device, const VIRTIO_PCI_FIELD *Field)
{
    switch (Field->Width) {
    case 1:
        return VirtioRead8(&Device->Config, Field->Offset);
    case 2:
        return VirtioRead16(&Device->Config, Field->Offset);
    case 4:
        return VirtioRead32(&Device->Config, Field->Offset);
    default:
        return VirtioRead32(&Device->Config, Field->Offset) |
               (ULONGLONG)VirtioRead32(&Device->Config, Field->Offset + 4u) << 32;
    }
}

BOOLEAN VirtioPciReadFields(PVIRTIO_PCI_DEVICE Device, const VIRTIO_PCI_FIELD *Fields,
                            ULONG FieldCount, PUCHAR Buffer)
{
    BOOLEAN Changed = FALSE;
    ULONG Index;

    for (Index = 0; Index < FieldCount; Index++) {
        const VIRTIO_PCI_FIELD *Field = &Fields[Index];
        ULONGLONG Value = 0;
        ULONG Byte;

        if (VirtioPciHasConfig(Device, Field->Offset, Field->Width)) {
            Value = VirtioPciReadField(Device, Field);
        }
        for (Byte = 0; Byte < Field->Width; Byte++) {
            UCHAR Part = (UCHAR)(Value >> (Byte * 8));
            if (Buffer[Field->Offset + Byte] != Part) {
                Buffer[Field->Offset + Byte] = Part;
                Changed = TRUE;
            }
        }
    }
    return Changed;
}

VIRTIO_PCI_RESULT VirtioPciReadConfig(PVIRTIO_PCI_DEVICE Device, const VIRTIO_PCI_FIELD *Fields,
                                      ULONG FieldCount, PVOID Buffer, ULONG BufferLength)
{
    VIRTIO_PCI_RESULT Result;
    ULONG Index;

    for (Index = 0; Index < FieldCount; Index++) {
        ULONG Width = Fields[Index].Width;

        VIO_ASSERT(Width == 1 || Width == 2 || Width == 4 || Width == 8);
        if ((ULONG)Fields[Index].Offset + Width > BufferLength) {
            return VirtioPciRefuse(Device, VirtioPciConfigAbsent, Fields[Index].Offset);
        }
    }
    Result = Device->Operations->ReadConfig(Device, Fields, FieldCount, (PUCHAR)Buffer);
    return Result == VirtioPciOk ? VirtioPciJudge(Device, VirtioPciOk, 0) : Result;
}

VIRTIO_PCI_RESULT VirtioPciWriteConfig8(PVIRTIO_PCI_DEVICE Device, ULONG Offset, UCHAR Value)
{
    if (!VirtioPciHasConfig(Device, Offset, sizeof(Value))) {
        return VirtioPciRefuse(Device, VirtioPciConfigAbsent, Offset);
    }
    VirtioWrite8(&Device->Config, Offset, Value);
    return VirtioPciOk;
}

UCHAR VirtioPciGetConfigGeneration(PVIRTIO_PCI_DEVICE Device)
{
    return Device->Operations->GetConfigGeneration(Device);
}
