/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The adapter: from a PCI function to a disk that takes requests, and back. See adapter.h.
 *
 * Shared memory (one block, contiguous for the device), for each queue:
 *
 *   ┌────────────┬──────────────────────────────┬───────────────────────────────┐
 *   │ ring       │ slots: RingUse x blk_req     │ long tables: LongTableCount   │   and once at
 *   │ (aligned)  │ (2 cache lines each)         │ x LongTableBytes              │   the end: identity,
 *   └────────────┴──────────────────────────────┴───────────────────────────────┘   scratch memory
 *
 * Private memory: the VIO_QUEUE array, then for each queue the ring's private state, the table of
 * requests by ring id, and the stack of free long tables.
 */
#include "adapter.h"

#include "port.h"
#include "virtio_store_hw_helper.h"
#include "virtio_store_utils.h"

/* What the driver can use. A transport that needs translated addresses (ACCESS_PLATFORM) is served
 * as it is: all addresses come from the port driver. So is one that needs a bus's ordering
 * (ORDER_PLATFORM): there is no other here (virtio_barrier.h). */
#define WANTED_FEATURES                                                              \
    (VIRTIO_FEATURE(VIRTIO_F_VERSION_1) | VIRTIO_FEATURE(VIRTIO_F_INDIRECT_DESC) |   \
     VIRTIO_FEATURE(VIRTIO_F_EVENT_IDX) | VIRTIO_FEATURE(VIRTIO_F_ACCESS_PLATFORM) | \
     VIRTIO_FEATURE(VIRTIO_F_ORDER_PLATFORM) | TRANSPORT_COMFORTS |                  \
     VIRTIO_FEATURE(VIRTIO_BLK_F_SIZE_MAX) | VIRTIO_FEATURE(VIRTIO_BLK_F_SEG_MAX) |  \
     VIRTIO_FEATURE(VIRTIO_BLK_F_RO) | VIRTIO_FEATURE(VIRTIO_BLK_F_BLK_SIZE) |       \
     VIRTIO_FEATURE(VIRTIO_BLK_F_FLUSH) | VIRTIO_FEATURE(VIRTIO_BLK_F_TOPOLOGY) |    \
     VIRTIO_FEATURE(VIRTIO_BLK_F_CONFIG_WCE) | VIRTIO_FEATURE(VIRTIO_BLK_F_MQ) |     \
     VIRTIO_FEATURE(VIRTIO_BLK_F_GEOMETRY) | VIRTIO_FEATURE(VIRTIO_BLK_F_DISCARD) |  \
     VIRTIO_FEATURE(VIRTIO_BLK_F_WRITE_ZEROES) | VIRTIO_FEATURE(VIRTIO_BLK_F_LIFETIME))

/* Write protection may come and go with any start of the device; all other features are agreed once. */
#define CHANGING_FEATURES VIRTIO_FEATURE(VIRTIO_BLK_F_RO)

/* What makes the driver's work cheaper on a device that has it. A dump does without: it does one
 * request at a time, and should depend on as little as it can. */
#define TRANSPORT_COMFORTS                                                                     \
    (VIRTIO_FEATURE(VIRTIO_F_RING_PACKED) | VIRTIO_FEATURE(VIRTIO_F_IN_ORDER) |                \
     VIRTIO_FEATURE(VIRTIO_F_NOTIFICATION_DATA) | VIRTIO_FEATURE(VIRTIO_F_NOTIF_CONFIG_DATA) | \
     VIRTIO_FEATURE(VIRTIO_F_RING_RESET))

/* Without indirect descriptors a request takes as many descriptors as it has segments, and two:
 * segments are limited so that a ring still holds this many of the largest requests. */
#define DIRECT_DEPTH 8u

/* A dump is one request at a time, in 32 KiB of memory: rings of this size where the driver may
 * choose, and requests of at most so many segments (128 KiB). */
#define DUMP_RING_SIZE 64u
#define DUMP_SEGMENTS  33u

/* Waiting for GET_ID: this many looks, this many microseconds apart (one second). */
#define IDENTIFY_POLLS             10000u
#define IDENTIFY_POLL_MICROSECONDS 100u

/* Configuration fields with the feature that must be agreed for them to mean anything. */
typedef struct _CONFIG_FIELD {
    VIRTIO_PCI_FIELD Field;
    UCHAR Feature; /* bit number, or CONFIG_FIELD_ALWAYS */
} CONFIG_FIELD;
#define CONFIG_FIELD_ALWAYS 0xff

#define BLK_FIELD(Name)                                                             \
    {                                                                               \
        (USHORT) offsetof(blk_config, Name), (USHORT)sizeof(((pblk_config)0)->Name) \
    }

static const CONFIG_FIELD ConfigFields[] = {
    {BLK_FIELD(capacity), CONFIG_FIELD_ALWAYS},
    {BLK_FIELD(size_max), VIRTIO_BLK_F_SIZE_MAX},
    {BLK_FIELD(seg_max), VIRTIO_BLK_F_SEG_MAX},
    {BLK_FIELD(geometry.cylinders), VIRTIO_BLK_F_GEOMETRY},
    {BLK_FIELD(geometry.heads), VIRTIO_BLK_F_GEOMETRY},
    {BLK_FIELD(geometry.sectors), VIRTIO_BLK_F_GEOMETRY},
    {BLK_FIELD(blk_size), VIRTIO_BLK_F_BLK_SIZE},
    {BLK_FIELD(topology.physical_block_exp), VIRTIO_BLK_F_TOPOLOGY},
    {BLK_FIELD(topology.alignment_offset), VIRTIO_BLK_F_TOPOLOGY},
    {BLK_FIELD(topology.min_io_size), VIRTIO_BLK_F_TOPOLOGY},
    {BLK_FIELD(topology.opt_io_size), VIRTIO_BLK_F_TOPOLOGY},
    {BLK_FIELD(writeback), VIRTIO_BLK_F_CONFIG_WCE},
    {BLK_FIELD(num_queues), VIRTIO_BLK_F_MQ},
    {BLK_FIELD(max_discard_sectors), VIRTIO_BLK_F_DISCARD},
    {BLK_FIELD(discard_sector_alignment), VIRTIO_BLK_F_DISCARD},
    {BLK_FIELD(max_write_zeroes_sectors), VIRTIO_BLK_F_WRITE_ZEROES},
    {BLK_FIELD(write_zeroes_may_unmap), VIRTIO_BLK_F_WRITE_ZEROES},
};

static BOOLEAN HasFeature(const ADAPTER_EXTENSION *Adapter, ULONG Bit)
{
    return (Adapter->Features & VIRTIO_FEATURE(Bit)) != 0;
}

static ULONG RoundUp(ULONG Value, ULONG Alignment)
{
    return (Value + Alignment - 1) & ~(Alignment - 1);
}

static BOOLEAN ReportFailure(PADAPTER_EXTENSION Adapter, VIO_EVENT Event, VIRTIO_PCI_RESULT Result)
{
    DebugPrint(DebugError, "event %u: %s (%I64x)", Event, VirtioPciResultName(Result),
               Adapter->Device.Detail);
    PortLogEvent(Adapter, NULL, Event, Result);
    return FALSE;
}

/* ---- Probe ---- */

/* Reads the fields of the configuration that the agreed features give a meaning; others are 0. */
static VIRTIO_PCI_RESULT ReadConfiguration(PADAPTER_EXTENSION Adapter, pblk_config Config)
{
    VIRTIO_PCI_FIELD Fields[RTL_NUMBER_OF(ConfigFields)];
    ULONG Count = 0;
    ULONG Index;

    RtlZeroMemory(Config, sizeof(*Config));
    for (Index = 0; Index < RTL_NUMBER_OF(ConfigFields); ++Index) {
        if (ConfigFields[Index].Feature == CONFIG_FIELD_ALWAYS ||
            HasFeature(Adapter, ConfigFields[Index].Feature)) {
            Fields[Count++] = ConfigFields[Index].Field;
        }
    }
    return VirtioPciReadConfig(&Adapter->Device, Fields, Count, Config, sizeof(*Config));
}

/* Writes what the configuration says into the disk's parameters, its serial number apart. */
static VOID DescribeDisk(const ADAPTER_EXTENSION *Adapter, const blk_config *Config,
                         PSCSI_DISK_PARAMETERS Parameters)
{
    RtlZeroMemory(Parameters, sizeof(*Parameters));
    Parameters->CapacityInSectors = Config->capacity;
    Parameters->BlockSize = Config->blk_size;
    Parameters->PhysicalBlockExponent = Config->topology.physical_block_exp;
    Parameters->AlignmentOffset = Config->topology.alignment_offset;
    Parameters->MinimumIoBlocks = Config->topology.min_io_size;
    Parameters->OptimalIoBlocks = Config->topology.opt_io_size;
    Parameters->MaximumTransferLength = Adapter->Limits.TransferBytes;
    Parameters->Location = (Adapter->SystemIoBusNumber << 8) | ((Adapter->SlotNumber & 0x1f) << 3) |
                           ((Adapter->SlotNumber >> 5) & 7);
    Parameters->ReadOnly = HasFeature(Adapter, VIRTIO_BLK_F_RO);
    Parameters->FlushSupported = HasFeature(Adapter, VIRTIO_BLK_F_FLUSH);
    Parameters->WriteCacheSettable = HasFeature(Adapter, VIRTIO_BLK_F_CONFIG_WCE);
    Parameters->WriteCacheEnabled = !Parameters->WriteCacheSettable || Config->writeback != 0;
    Parameters->Cylinders = Config->geometry.cylinders;
    Parameters->Heads = Config->geometry.heads;
    Parameters->SectorsPerTrack = Config->geometry.sectors;
    Parameters->DiscardSectors = Config->max_discard_sectors;
    Parameters->DiscardAlignment = Config->discard_sector_alignment;
    Parameters->ZeroesSectors = Config->max_write_zeroes_sectors;
    Parameters->ZeroesMayUnmap = Config->write_zeroes_may_unmap != 0;
    Parameters->LifetimeSupported = HasFeature(Adapter, VIRTIO_BLK_F_LIFETIME);
    Parameters->ScratchBytes = Adapter->Limits.ScratchBytes;
}

/* The most segments of a request that the device and the smallest ring allow. */
static ULONG SegmentLimit(const ADAPTER_EXTENSION *Adapter, const blk_config *Config,
                          ULONG RingSize)
{
    /* A chain is never longer than the ring (2.7.5.3.1), header and status included. */
    ULONG Segments = RingSize > 2 ? RingSize - 2 : 0;

    if (Adapter->Dump) {
        Segments = min(Segments, DUMP_SEGMENTS);
    } else if (!HasFeature(Adapter, VIRTIO_F_INDIRECT_DESC) && RingSize >= 4 * DIRECT_DEPTH) {
        Segments = RingSize / DIRECT_DEPTH - 2;
    }
    if (HasFeature(Adapter, VIRTIO_BLK_F_SEG_MAX)) {
        Segments = min(Segments, Config->seg_max);
    }
    return Segments;
}

/* How many long tables a queue gets, and their size, for the Segments of the limits. */
static VOID ComputeLongTables(const ADAPTER_EXTENSION *Adapter, PADAPTER_LIMITS Limits)
{
    ULONG Count;

    Limits->LongTableBytes =
        RoundUp((Limits->Segments + 2) * (ULONG)sizeof(VIRTQ_DESC), CACHE_LINE_SIZE);
    Limits->LongTableCount = 0;
    if (HasFeature(Adapter, VIRTIO_F_INDIRECT_DESC) && Limits->Segments > REQUEST_SLOT_SEGMENTS) {
        Count = PORT_LONG_TABLE_BUDGET / Limits->LongTableBytes;
        Count = max(Count, LONG_TABLE_MINIMUM);
        Count = min(Count, LONG_TABLE_MAXIMUM);
        Limits->LongTableCount = min(Count, Limits->RingUse);
    }
}

/*
 * Limits from the smallest queue and the configuration. FALSE: not even a page-sized transfer over
 * two pages would fit.
 */
static BOOLEAN ComputeLimits(PADAPTER_EXTENSION Adapter, const blk_config *Config, ULONG RingSize)
{
    const ULONG RingUse = min(RingSize, PORT_RING_USE_MAXIMUM);
    const ULONG Segments = SegmentLimit(Adapter, Config, RingUse);
    const BOOLEAN Indirect = HasFeature(Adapter, VIRTIO_F_INDIRECT_DESC);
    PADAPTER_LIMITS Limits = &Adapter->Limits;
    ULONG PieceCount; /* segments that a page may become by size_max */

    Limits->SegmentBytes = Config->size_max != 0 ? Config->size_max : MAXULONG;

    PieceCount = Limits->SegmentBytes < PAGE_SIZE ? (PAGE_SIZE - 1) / Limits->SegmentBytes + 1 : 1;
    if (Segments / PieceCount < 2) {
        return FALSE;
    }
    /* The port driver's list may have one element more than the breaks: a transfer of n pages
     * touches n + 1. Longer contiguous elements than pages are split by size_max into no more
     * pieces than their pages would be. */
    Limits->PhysicalBreaks = min(Segments / PieceCount - 1, PORT_BREAKS_MAXIMUM);
    Limits->TransferBytes = Limits->PhysicalBreaks * PAGE_SIZE;
    /* What the port driver's lists can come to. */
    Limits->Segments = (Limits->PhysicalBreaks + 1) * PieceCount;

    Limits->RingUse = RingUse;
    if (Adapter->Dump) {
        Limits->RingUse = Indirect ? 1 : Segments + 2;
    }
    ComputeLongTables(Adapter, Limits);
    /* A step through it is one request. */
    Limits->ScratchBytes = min(PORT_SCRATCH_BYTES, Limits->TransferBytes);
    if (Adapter->Dump) {
        Limits->ScratchBytes = 0;
    }
    Limits->Depth = Indirect ? Limits->RingUse : Limits->RingUse / (Limits->Segments + 2);
    return TRUE;
}

/* The number of queues to use, and the size that all of them have at least. */
static VIRTIO_PCI_RESULT CountQueues(PADAPTER_EXTENSION Adapter, const blk_config *Config,
                                     ULONG MaximumQueues, PULONG SmallestSize)
{
    ULONG Count =
        HasFeature(Adapter, VIRTIO_BLK_F_MQ) && Config->num_queues != 0 ? Config->num_queues : 1;
    ULONG Index;

    Count = min(Count, MaximumQueues);
    Count = min(Count, VIO_QUEUE_MAXIMUM);
    *SmallestSize = VIRTQ_SIZE_MAXIMUM;
    for (Index = 0; Index < Count; ++Index) {
        ULONG Size;
        VIRTIO_PCI_RESULT Result = VirtioPciGetQueueSize(&Adapter->Device, (USHORT)Index, &Size);

        if (Result != VirtioPciOk) {
            /* A device that promises more queues than it has is served with those that are there. */
            if (Index == 0) {
                return Result;
            }
            break;
        }
        if (Adapter->Device.Transport == VirtioPciTransportModern) {
            Size = min(Size, Adapter->Dump ? DUMP_RING_SIZE : PORT_RING_USE_MAXIMUM);
        }
        Adapter->RingSizes[Index] = Size;
        *SmallestSize = min(*SmallestSize, Size);
    }
    Adapter->QueueCount = Index;
    if (Adapter->Device.Transport == VirtioPciTransportModern) {
        /* All rings hold the same number of requests; in order a ring is used as a whole. */
        for (Index = 0; Index < Adapter->QueueCount; ++Index) {
            Adapter->RingSizes[Index] = *SmallestSize;
        }
    }
    return VirtioPciOk;
}

/* Reads what the negotiated device says of itself and decides on queues and limits. */
static BOOLEAN ExamineDevice(PADAPTER_EXTENSION Adapter, ULONG MaximumQueues)
{
    SCSI_DISK_PARAMETERS Parameters;
    SCSI_DISK_RESULT DiskResult;
    VIRTIO_PCI_RESULT Result;
    blk_config Config;
    ULONG RingSize;

    Result = ReadConfiguration(Adapter, &Config);
    if (Result == VirtioPciOk) {
        Result = CountQueues(Adapter, &Config, MaximumQueues, &RingSize);
    }
    if (Result != VirtioPciOk) {
        return ReportFailure(Adapter, VioEventProbeFailed, Result);
    }
    if (!ComputeLimits(Adapter, &Config, RingSize)) {
        DebugPrint(DebugError, "unusable limits: ring %lu, seg_max %lu, size_max %lu", RingSize,
                   Config.seg_max, Config.size_max);
        PortLogEvent(Adapter, NULL, VioEventLimitsUnusable, RingSize);
        return FALSE;
    }
    Adapter->IndirectDescriptors = HasFeature(Adapter, VIRTIO_F_INDIRECT_DESC);
    Adapter->Limits.Depth = min(Adapter->Limits.Depth * Adapter->QueueCount, VIO_DEPTH_MAXIMUM);

    DescribeDisk(Adapter, &Config, &Parameters);
    DiskResult = ScsiDiskInitialize(&Adapter->Disk, &Parameters);
    if (DiskResult != ScsiDiskOk) {
        DebugPrint(DebugError, "no usable disk: %s", ScsiDiskResultText(DiskResult));
        PortLogEvent(Adapter, NULL, VioEventDiskRefused, DiskResult);
        return FALSE;
    }
    return TRUE;
}

/* Feature negotiation with a device that has just been reset. */
static VIRTIO_PCI_RESULT Negotiate(PADAPTER_EXTENSION Adapter, ULONGLONG Wanted)
{
    VIRTIO_PCI_RESULT Result = VirtioPciBegin(&Adapter->Device);

    return Result == VirtioPciOk ? VirtioPciNegotiate(&Adapter->Device, Wanted) : Result;
}

/*
 * Leaves the device after a failure: FAILED, then reset. One that has gone or does not finish a reset
 * is left alone: nothing may be written to it before its status reads 0 (4.1.4.3.2).
 */
static VOID LeaveDevice(PADAPTER_EXTENSION Adapter, VIRTIO_PCI_RESULT Result)
{
    if (Result != VirtioPciGone && Result != VirtioPciResetTimeout) {
        VirtioPciFail(&Adapter->Device);
        (VOID) VirtioPciReset(&Adapter->Device);
    }
}

/* What to ask for, by what the adapter is for and what the user has set. */
static ULONGLONG WantedFeatures(const ADAPTER_EXTENSION *Adapter)
{
    if (Adapter->Dump) {
        return WANTED_FEATURES & ~TRANSPORT_COMFORTS;
    }
    return Adapter->PackedRing ? WANTED_FEATURES
                               : WANTED_FEATURES & ~VIRTIO_FEATURE(VIRTIO_F_RING_PACKED);
}

/*
 * A disk whose zones must be written in order is no disk for Windows: FALSE, logged. The model may be
 * read before negotiation, which such a device would refuse (VIRTIO 1.3, 5.2.5). A host-aware one
 * works as an ordinary disk without F_ZONED.
 */
static BOOLEAN CheckZones(PADAPTER_EXTENSION Adapter)
{
    static const VIRTIO_PCI_FIELD Model = BLK_FIELD(zoned.model);
    blk_config Config;

    if ((Adapter->Device.Offered & VIRTIO_FEATURE(VIRTIO_BLK_F_ZONED)) == 0 ||
        VirtioPciReadConfig(&Adapter->Device, &Model, 1, &Config, sizeof(Config)) != VirtioPciOk ||
        Config.zoned.model != VIRTIO_BLK_Z_HOST_MANAGED) {
        return TRUE;
    }
    DebugPrint(DebugError, "event %u: a host-managed zoned disk", VioEventZoned);
    PortLogEvent(Adapter, NULL, VioEventZoned, Config.zoned.model);
    return FALSE;
}

/* From a reset device to agreed features. FALSE: logged, and the device is left. */
static BOOLEAN NegotiateFirst(PADAPTER_EXTENSION Adapter)
{
    VIRTIO_PCI_RESULT Result = VirtioPciStart(&Adapter->Device);

    if (Result == VirtioPciOk && !CheckZones(Adapter)) {
        LeaveDevice(Adapter, Result);
        return FALSE;
    }
    if (Result == VirtioPciOk) {
        Result = VirtioPciNegotiate(&Adapter->Device, WantedFeatures(Adapter));
    }
    if (Result != VirtioPciOk) {
        (VOID) ReportFailure(Adapter, VioEventNegotiationRefused, Result);
        LeaveDevice(Adapter, Result);
        return FALSE;
    }
    Adapter->Features = Adapter->Device.Features;
    return TRUE;
}

BOOLEAN AdapterProbe(PADAPTER_EXTENSION Adapter, VIRTIO_PCI_MAP_BAR *MapBar, ULONG MaximumQueues)
{
    UCHAR ConfigSpace[VIRTIO_PCI_CONFIG_SPACE_SIZE];
    VIRTIO_PCI_RESULT Result;
    BOOLEAN Usable;

    if (!PortReadPciConfig(Adapter, ConfigSpace, sizeof(ConfigSpace))) {
        Adapter->Device.Detail = 0;
        return ReportFailure(Adapter, VioEventProbeFailed, VirtioPciGone);
    }
    Result = VirtioPciProbe(&Adapter->Device, ConfigSpace, MapBar, Adapter);
    if (Result != VirtioPciOk) {
        return ReportFailure(Adapter, VioEventProbeFailed, Result);
    }
    if (!NegotiateFirst(Adapter)) {
        return FALSE;
    }
    Usable = ExamineDevice(Adapter, MaximumQueues);
    /* Nothing of the device is used until HwInitialize, and nothing ever after a failure. */
    (VOID) VirtioPciReset(&Adapter->Device);
    Adapter->State = AdapterFound;
    return Usable;
}

/* ---- Memory and queues ---- */

static VIRTQUEUE_LAYOUT RingLayout(const ADAPTER_EXTENSION *Adapter)
{
    if (HasFeature(Adapter, VIRTIO_F_RING_PACKED)) {
        return VirtQueueLayoutPacked;
    }
    return Adapter->Device.Transport == VirtioPciTransportLegacy ? VirtQueueLayoutLegacy
                                                                 : VirtQueueLayoutSplit;
}

/* Sizes of one queue's parts, in bytes; offsets are those of the drawing at the top. */
typedef struct _QUEUE_SIZES {
    VIRTQUEUE_MEMORY Ring;
    ULONG SlotsOffset;
    ULONG LongTablesOffset;
    ULONG SharedBytes; /* the next queue begins at the next page */
    ULONG PlacesOffset;
    ULONG FreeTablesOffset;
    ULONG PrivateBytes; /* to the next queue, cache line aligned */
} QUEUE_SIZES;

static VOID ComputeQueueSizes(const ADAPTER_EXTENSION *Adapter, ULONG RingSize, QUEUE_SIZES *Sizes)
{
    const ADAPTER_LIMITS *Limits = &Adapter->Limits;

    (VOID) VirtQueueMemorySize(RingLayout(Adapter), RingSize, &Sizes->Ring);
    Sizes->SlotsOffset = RoundUp(Sizes->Ring.RingBytes, CACHE_LINE_SIZE);
    Sizes->LongTablesOffset = Sizes->SlotsOffset + Limits->RingUse * (ULONG)sizeof(blk_req);
    Sizes->SharedBytes = Sizes->LongTablesOffset + Limits->LongTableCount * Limits->LongTableBytes;
    Sizes->PlacesOffset = RoundUp(Sizes->Ring.PrivateBytes, CACHE_LINE_SIZE);
    Sizes->FreeTablesOffset = Sizes->PlacesOffset + Limits->RingUse * (ULONG)sizeof(REQUEST_PLACE);
    Sizes->PrivateBytes = RoundUp(
        Sizes->FreeTablesOffset + Limits->LongTableCount * (ULONG)sizeof(USHORT), CACHE_LINE_SIZE);
}

VOID AdapterMemorySize(const ADAPTER_EXTENSION *Adapter, PULONG SharedBytes, PULONG PrivateBytes)
{
    ULONG Shared = 0;
    ULONG Private = RoundUp(Adapter->QueueCount * (ULONG)sizeof(VIO_QUEUE), CACHE_LINE_SIZE);
    ULONG Index;

    for (Index = 0; Index < Adapter->QueueCount; ++Index) {
        QUEUE_SIZES Sizes;

        ComputeQueueSizes(Adapter, Adapter->RingSizes[Index], &Sizes);
        Shared = RoundUp(Shared, PAGE_SIZE) + Sizes.SharedBytes;
        Private += Sizes.PrivateBytes;
    }
    *SharedBytes =
        Shared + RoundUp(DISK_SERIAL_LENGTH, CACHE_LINE_SIZE) + Adapter->Limits.ScratchBytes;
    *PrivateBytes = Private;
}

/* Lays one queue out in its part of shared and private memory. */
static VIRTQUEUE_FAULT CreateQueue(PADAPTER_EXTENSION Adapter, USHORT Index,
                                   const QUEUE_SIZES *Sizes, ULONG SharedOffset, PUCHAR Private)
{
    PVIO_QUEUE Queue = &Adapter->Queues[Index];
    PUCHAR Shared = Adapter->Shared.Base + SharedOffset;
    const ULONGLONG Address = Adapter->Shared.Address + SharedOffset;
    VIRTQUEUE_SETUP Setup;
    VIRTQUEUE_FAULT Fault;
    ULONG Table;

    Queue->Adapter = Adapter;
    Queue->Index = Index;
    Queue->Size = Adapter->RingSizes[Index];
    Queue->State = QueueStopped;
    Queue->Vector = VIRTIO_MSI_NO_VECTOR;
    Queue->Polled = Adapter->Dump;
    Queue->Waiting.Head = NULL;
    Queue->Scratch.Base = NULL;
    Queue->Scratch.Owner = NULL;
    Queue->Memory.Slots = (pblk_req)(Shared + Sizes->SlotsOffset);
    Queue->Memory.SlotsAddress = Address + Sizes->SlotsOffset;
    Queue->Memory.LongTables = Shared + Sizes->LongTablesOffset;
    Queue->Memory.LongTablesAddress = Address + Sizes->LongTablesOffset;
    Queue->Memory.Places = (PREQUEST_PLACE)(Private + Sizes->PlacesOffset);
    Queue->ShortBytes = Adapter->IndirectDescriptors ? Adapter->Limits.SegmentBytes : 0;
    Queue->Memory.FreeLongTables = (PUSHORT)(Private + Sizes->FreeTablesOffset);
    Queue->FreeLongTableCount = Adapter->Limits.LongTableCount;
    for (Table = 0; Table < Queue->FreeLongTableCount; ++Table) {
        Queue->Memory.FreeLongTables[Table] = (USHORT)Table;
    }

    Setup.Layout = RingLayout(Adapter);
    Setup.Size = Queue->Size;
    Setup.Use = Adapter->Limits.RingUse;
    Setup.EventIndex = HasFeature(Adapter, VIRTIO_F_EVENT_IDX);
    Setup.InOrder = HasFeature(Adapter, VIRTIO_F_IN_ORDER);
    Setup.CheckUsedLength = Adapter->Device.Transport == VirtioPciTransportModern;
    Setup.Ring = Shared;
    Setup.RingAddress = Address;
    Setup.Private = Private;
    Fault = VirtQueueInitialize(&Queue->Ring, &Setup);
    Queue->OneSegmentBytes = VirtQueueIsSplit(&Queue->Ring) ? Queue->ShortBytes : 0;
    return Fault;
}

BOOLEAN AdapterCreateQueues(PADAPTER_EXTENSION Adapter)
{
    ULONG SharedOffset = 0;
    PUCHAR Private = Adapter->Private;
    ULONG Index;

    Adapter->Queues = (PVIO_QUEUE)Private;
    Private += RoundUp(Adapter->QueueCount * (ULONG)sizeof(VIO_QUEUE), CACHE_LINE_SIZE);
    for (Index = 0; Index < Adapter->QueueCount; ++Index) {
        QUEUE_SIZES Sizes;
        VIRTQUEUE_FAULT Fault;

        ComputeQueueSizes(Adapter, Adapter->RingSizes[Index], &Sizes);
        SharedOffset = RoundUp(SharedOffset, PAGE_SIZE);
        Fault = CreateQueue(Adapter, (USHORT)Index, &Sizes, SharedOffset, Private);
        if (Fault != VirtQueueFaultNone) {
            DebugPrint(DebugError, "queue %lu cannot be made: %s", Index,
                       VirtQueueFaultName(Fault));
            PortLogEvent(Adapter, NULL, VioEventLimitsUnusable, Adapter->RingSizes[Index]);
            return FALSE;
        }
        SharedOffset += Sizes.SharedBytes;
        Private += Sizes.PrivateBytes;
    }
    Adapter->Identity = Adapter->Shared.Base + SharedOffset;
    Adapter->IdentityAddress = Adapter->Shared.Address + SharedOffset;
    if (Adapter->Limits.ScratchBytes != 0) {
        SharedOffset += RoundUp(DISK_SERIAL_LENGTH, CACHE_LINE_SIZE);
        Adapter->Queues[0].Scratch.Base = Adapter->Shared.Base + SharedOffset;
        Adapter->Queues[0].Scratch.Address = Adapter->Shared.Address + SharedOffset;
    }
    return TRUE;
}

/* ---- Start ---- */

/*
 * Message of a queue: with enough of them one each, behind message 0, which is for configuration
 * changes; with fewer the queues share them; a single one serves everything.
 */
static USHORT QueueVector(const ADAPTER_EXTENSION *Adapter, ULONG Index)
{
    if (Adapter->MessageCount == 0) {
        return VIRTIO_MSI_NO_VECTOR;
    }
    if (Adapter->MessageCount == 1) {
        return 0;
    }
    return (USHORT)(1 + Index % (Adapter->MessageCount - 1));
}

static VIRTIO_PCI_RESULT EnableQueue(PADAPTER_EXTENSION Adapter, PVIO_QUEUE Queue)
{
    VIRTIO_PCI_QUEUE Setup;

    Queue->Vector = QueueVector(Adapter, Queue->Index);
    Setup.Index = Queue->Index;
    Setup.Vector = Queue->Vector;
    Setup.Size = Queue->Size;
    VirtQueueGetAddresses(&Queue->Ring, &Setup.Addresses);
    return VirtioPciEnableQueue(&Adapter->Device, &Setup, &Queue->Doorbell);
}

/* What may have become another with a reset: write protection, and the cache mode, which is the
 * device's own choice again where a command had chosen. */
static VOID RestoreModes(PADAPTER_EXTENSION Adapter)
{
    Adapter->Features = Adapter->Device.Features;
    ScsiDiskSetReadOnly(&Adapter->Disk, HasFeature(Adapter, VIRTIO_BLK_F_RO));
    if (Adapter->Disk.WriteCacheChosen) {
        (VOID) VirtioPciWriteConfig8(&Adapter->Device, offsetof(blk_config, writeback),
                                     Adapter->Disk.WriteCacheEnabled);
    }
}

/* From a reset to DRIVER_OK. */
static VIRTIO_PCI_RESULT StartDevice(PADAPTER_EXTENSION Adapter)
{
    VIRTIO_PCI_RESULT Result;
    ULONG Index;

    VirtioPciSetMsixEnabled(&Adapter->Device, Adapter->MsixEnabled);
    Result = Negotiate(Adapter, Adapter->Features | CHANGING_FEATURES);
    if (Result != VirtioPciOk) {
        return Result;
    }
    if (((Adapter->Device.Features ^ Adapter->Features) & ~CHANGING_FEATURES) != 0) {
        /* Rings and limits were made for the features of the first time. */
        return VirtioPciFeaturesRefused;
    }
    RestoreModes(Adapter);
    if (Adapter->MessageCount != 0) {
        Result = VirtioPciSetConfigVector(&Adapter->Device, 0);
    }
    for (Index = 0; Index < Adapter->QueueCount && Result == VirtioPciOk; ++Index) {
        Result = EnableQueue(Adapter, &Adapter->Queues[Index]);
    }
    return Result == VirtioPciOk ? VirtioPciDriverOk(&Adapter->Device) : Result;
}

/* AdapterStart of a device that has just been reset. */
static BOOLEAN StartAfterReset(PADAPTER_EXTENSION Adapter)
{
    VIRTIO_PCI_RESULT Result = StartDevice(Adapter);

    if (Result != VirtioPciOk) {
        (VOID) ReportFailure(Adapter, VioEventStartFailed, Result);
        LeaveDevice(Adapter, Result);
        return FALSE;
    }
    DebugPrint(DebugInformation, "started: %s, features %I64x, %lu queues, %lu messages",
               Adapter->Device.Transport == VirtioPciTransportLegacy ? "legacy" : "modern",
               Adapter->Features, Adapter->QueueCount, Adapter->MessageCount);
    return TRUE;
}

BOOLEAN AdapterStart(PADAPTER_EXTENSION Adapter)
{
    VIRTIO_PCI_RESULT Result = VirtioPciReset(&Adapter->Device);

    if (Result != VirtioPciOk) {
        return ReportFailure(Adapter, VioEventStartFailed, Result);
    }
    return StartAfterReset(Adapter);
}

/* GET_ID on queue 0, polled. TRUE: the device has answered, Request.DeviceStatus tells how. */
static BOOLEAN AskIdentity(PADAPTER_EXTENSION Adapter)
{
    PSRB_EXTENSION Request = &Adapter->IdentifyRequest;
    ULONG Poll;

    RtlZeroMemory(Adapter->Identity, DISK_SERIAL_LENGTH);
    RtlZeroMemory(Request, sizeof(*Request));
    Request->Kind = RequestKindIdentify;
    Request->Operation = DiskOperationRead;
    if (!QueueSubmitPolled(&Adapter->Queues[0], Request)) {
        return FALSE;
    }
    for (Poll = 0; Poll < IDENTIFY_POLLS; ++Poll) {
        if (QueuePoll(&Adapter->Queues[0]) != VirtQueueEmpty) {
            return Request->State == RequestFinished;
        }
        PortStallMicroseconds(IDENTIFY_POLL_MICROSECONDS);
    }
    return FALSE;
}

/* The device may still write the identity: nothing goes on before it is reset and started anew. */
static BOOLEAN RecoverFromIdentify(PADAPTER_EXTENSION Adapter)
{
    REQUEST_LIST Finished = {NULL, NULL};
    VIRTIO_PCI_RESULT Result = VirtioPciReset(&Adapter->Device);

    if (Result != VirtioPciOk) {
        return ReportFailure(Adapter, VioEventResetFailed, Result);
    }
    QueueAbandon(&Adapter->Queues[0], RequestResultReset, &Finished);
    CompleteRequests(Adapter, &Finished);
    return StartAfterReset(Adapter);
}

BOOLEAN AdapterIdentify(PADAPTER_EXTENSION Adapter)
{
    if (!AskIdentity(Adapter)) {
        PortLogEvent(Adapter, NULL, VioEventIdentifyFailed, 0x100);
        if (!RecoverFromIdentify(Adapter)) {
            return FALSE;
        }
    } else if (Adapter->IdentifyRequest.DeviceStatus == VIRTIO_BLK_S_OK) {
        ScsiDiskSetSerial(&Adapter->Disk, Adapter->Identity);
    } else {
        /* Devices without a serial number answer UNSUPP: nothing to complain about. */
        DebugPrint(DebugInformation, "no serial number: status %u",
                   Adapter->IdentifyRequest.DeviceStatus);
    }
    return TRUE;
}

VOID AdapterRun(PADAPTER_EXTENSION Adapter)
{
    REQUEST_LIST Finished = {NULL, NULL};
    ULONG Index;

    for (Index = 0; Index < Adapter->QueueCount; ++Index) {
        QueueResume(&Adapter->Queues[Index], &Finished);
    }
    Adapter->State = AdapterRunning;
    CompleteRequests(Adapter, &Finished);
}

/* ---- Reset ---- */

/*
 * Makes this processor the one that resets. FALSE: there is nothing to reset in this state. Waits
 * while another processor resets, so that a caller may rely on the requests of before being done.
 */
static BOOLEAN EnterReset(PADAPTER_EXTENSION Adapter)
{
    for (;;) {
        const LONG State = Adapter->State;

        if (State == AdapterResetting) {
            PortStallMicroseconds(50);
        } else if (State != AdapterRunning && State != AdapterFailed) {
            return FALSE;
        } else if (InterlockedCompareExchange(&Adapter->State, AdapterResetting, State) == State) {
            return TRUE;
        }
    }
}

/* What is done to each queue in turn, under its lock. */
typedef struct _QUEUE_CHANGE {
    REQUEST_RESULT Result; /* of what is given up */
    QUEUE_STATE State;     /* afterwards */
    ULONG Held;            /* requests that the device holds, counted */
    PREQUEST_LIST Finished;
} QUEUE_CHANGE;

static VOID ChangeQueues(PADAPTER_EXTENSION Adapter, QUEUE_ROUTINE *Routine, QUEUE_CHANGE *Change)
{
    ULONG Index;

    for (Index = 0; Index < Adapter->QueueCount; ++Index) {
        (VOID) PortWithQueueLock(&Adapter->Queues[Index], Routine, Change);
    }
}

static BOOLEAN StopQueue(PVIO_QUEUE Queue, PVOID Context)
{
    QUEUE_CHANGE *Change = (QUEUE_CHANGE *)Context;

    Change->Held += QueueStop(Queue, Change->Finished);
    return TRUE;
}

/* Last look into all rings; afterwards queues keep what comes. Returns what the device holds. */
static ULONG StopQueues(PADAPTER_EXTENSION Adapter, PREQUEST_LIST Finished)
{
    QUEUE_CHANGE Change = {RequestResultDevice, QueueStopped, 0, Finished};

    ChangeQueues(Adapter, StopQueue, &Change);
    return Change.Held;
}

static BOOLEAN AbandonQueue(PVIO_QUEUE Queue, PVOID Context)
{
    const QUEUE_CHANGE *Change = (const QUEUE_CHANGE *)Context;

    QueueAbandon(Queue, Change->Result, Change->Finished);
    Queue->State = (UCHAR)Change->State;
    return TRUE;
}

static VOID AbandonQueues(PADAPTER_EXTENSION Adapter, REQUEST_RESULT Result, QUEUE_STATE State,
                          PREQUEST_LIST Finished)
{
    QUEUE_CHANGE Change = {Result, State, 0, Finished};

    ChangeQueues(Adapter, AbandonQueue, &Change);
}

static BOOLEAN ResumeQueue(PVIO_QUEUE Queue, PVOID Context)
{
    const QUEUE_CHANGE *Change = (const QUEUE_CHANGE *)Context;

    QueueResume(Queue, Change->Finished);
    return TRUE;
}

/* The queues of a device that works again send what has gathered. */
static VOID ResumeQueues(PADAPTER_EXTENSION Adapter, PREQUEST_LIST Finished)
{
    QUEUE_CHANGE Change = {RequestResultDevice, QueueRunning, 0, Finished};

    ChangeQueues(Adapter, ResumeQueue, &Change);
    Adapter->State = AdapterRunning;
}

/* The device did not come back. What it holds stays with it if it may still use the memory. */
static VOID GiveUpReset(PADAPTER_EXTENSION Adapter, VIRTIO_PCI_RESULT Result,
                        PREQUEST_LIST Finished)
{
    if (Result == VirtioPciResetTimeout) {
        (VOID) ReportFailure(Adapter, VioEventResetFailed, Result);
        Adapter->State = AdapterFailed;
    } else {
        AbandonQueues(Adapter, RequestResultGone, QueueClosed, Finished);
        Adapter->State = Result == VirtioPciGone ? AdapterRemoved : AdapterFailed;
    }
}

BOOLEAN AdapterReset(PADAPTER_EXTENSION Adapter, SCSI_UNIT_ATTENTION Attention)
{
    REQUEST_LIST Finished = {NULL, NULL};
    VIRTIO_PCI_RESULT Result;
    ULONG Held;

    if (!EnterReset(Adapter)) {
        return FALSE;
    }
    Held = StopQueues(Adapter, &Finished);
    ++Adapter->Counters.Resets;
    Adapter->Counters.RequestsReset += Held;
    DebugPrint(DebugWarning, "reset: the device holds %lu requests", Held);
    PortLogEvent(Adapter, NULL, VioEventReset, Held);

    Result = VirtioPciReset(&Adapter->Device);
    if (Result == VirtioPciOk) {
        AbandonQueues(Adapter, RequestResultReset, QueueStopped, &Finished);
        if (StartAfterReset(Adapter)) {
            if (!Adapter->Dump) { /* nobody there asks again after a unit attention */
                ScsiDiskRaiseUnitAttention(&Adapter->Disk, Attention);
            }
            ResumeQueues(Adapter, &Finished);
        } else {
            Result = VirtioPciStatusRefused;
        }
    }
    if (Result != VirtioPciOk) {
        GiveUpReset(Adapter, Result, &Finished);
    }
    CompleteRequests(Adapter, &Finished);
    return Result == VirtioPciOk;
}

/* ---- Broken queues with nothing outstanding ---- */

/*
 * Makes one queue anew: the device lets go of it and gets it back empty. The adapter is Resetting, so
 * that nothing else uses the device's select registers; other queues go on.
 */
static VIRTIO_PCI_RESULT RemakeQueue(PADAPTER_EXTENSION Adapter, PVIO_QUEUE Queue)
{
    VIRTIO_PCI_RESULT Result = VirtioPciResetQueue(&Adapter->Device, Queue->Index);

    if (Result == VirtioPciOk) {
        QueueRenewRing(Queue);
        Result = EnableQueue(Adapter, Queue);
    }
    if (Result == VirtioPciOk) {
        ++Adapter->Counters.QueuesRemade;
        DebugPrint(DebugWarning, "queue %u is made anew", Queue->Index);
    }
    return Result;
}

/* What happens to the queues in turn; Failed stays with the first failure. */
typedef struct _QUEUE_REMAKING {
    VIRTIO_PCI_RESULT Failed;
    REQUEST_LIST Finished;
} QUEUE_REMAKING;

/* Under the queue's lock, which keeps requests and doorbells off it. */
static BOOLEAN RemakeBrokenQueue(PVIO_QUEUE Queue, PVOID Context)
{
    QUEUE_REMAKING *Remaking = (QUEUE_REMAKING *)Context;

    if (Queue->State != QueueBroken || VirtQueueOutstanding(&Queue->Ring) != 0 ||
        Remaking->Failed != VirtioPciOk) {
        return FALSE; /* one that has requests outstanding waits for a reset, which was asked for */
    }
    Remaking->Failed = RemakeQueue(Queue->Adapter, Queue);
    if (Remaking->Failed == VirtioPciOk) {
        QueueResume(Queue, &Remaking->Finished);
    }
    return TRUE;
}

VOID AdapterRemakeQueues(PADAPTER_EXTENSION Adapter)
{
    QUEUE_REMAKING Remaking = {VirtioPciOk, {NULL, NULL}};
    ULONG Index;

    if (InterlockedCompareExchange(&Adapter->State, AdapterResetting, AdapterRunning) !=
        AdapterRunning) {
        return; /* a reset has made, or will make, all queues anew */
    }
    for (Index = 0; Index < Adapter->QueueCount; ++Index) {
        (VOID) PortWithQueueLock(&Adapter->Queues[Index], RemakeBrokenQueue, &Remaking);
    }
    Adapter->State = AdapterRunning;
    CompleteRequests(Adapter, &Remaking.Finished);
    if (Remaking.Failed != VirtioPciOk) {
        (VOID) ReportFailure(Adapter, VioEventStartFailed, Remaking.Failed);
        (VOID) AdapterReset(Adapter, ScsiAttentionDeviceReset);
    }
}

/* ---- Stop, restart, removal ---- */

VOID AdapterStop(PADAPTER_EXTENSION Adapter)
{
    REQUEST_LIST Finished = {NULL, NULL};
    VIRTIO_PCI_RESULT Result;
    ULONG Index;

    if (Adapter->State == AdapterRemoved) {
        return;
    }
    for (Index = 0; Index < Adapter->QueueCount; ++Index) {
        (VOID) QueueStop(&Adapter->Queues[Index], &Finished);
    }
    Result = VirtioPciReset(&Adapter->Device);
    Adapter->State = AdapterStopped;
    if (Result == VirtioPciResetTimeout) {
        (VOID) ReportFailure(Adapter, VioEventResetFailed, Result);
    } else {
        for (Index = 0; Index < Adapter->QueueCount; ++Index) {
            QueueAbandon(&Adapter->Queues[Index], RequestResultReset, &Finished);
        }
    }
    CompleteRequests(Adapter, &Finished);
}

BOOLEAN AdapterRestart(PADAPTER_EXTENSION Adapter)
{
    if (Adapter->State != AdapterStopped || !AdapterStart(Adapter)) {
        return FALSE;
    }
    ScsiDiskRaiseUnitAttention(&Adapter->Disk, ScsiAttentionPowerOn);
    AdapterRun(Adapter);
    return TRUE;
}

VOID AdapterRemove(PADAPTER_EXTENSION Adapter)
{
    REQUEST_LIST Finished = {NULL, NULL};

    Adapter->State = AdapterRemoved;
    (VOID) StopQueues(Adapter, &Finished);
    /* A device that has gone answers all ones and touches no memory; one that is still there after
     * all must let go of it first. */
    if (VirtioPciReset(&Adapter->Device) != VirtioPciResetTimeout) {
        AbandonQueues(Adapter, RequestResultGone, QueueClosed, &Finished);
    }
    CompleteRequests(Adapter, &Finished);
}

/* ---- Configuration changes ---- */

/*
 * QUEUE_ROUTINE of queue 0: reads what the device says of itself now. TRUE: something has changed.
 * Under that queue's lock no reset begins while the queue runs, and no command changes the cache mode.
 */
static BOOLEAN ReadChanges(PVIO_QUEUE Queue, PVOID Context)
{
    PADAPTER_EXTENSION Adapter = Queue->Adapter;
    PSCSI_DISK Disk = &Adapter->Disk;
    BOOLEAN Changed;
    ULONGLONG Offered;
    blk_config Config;

    UNREFERENCED_PARAMETER(Context);
    if (Queue->State != QueueRunning) {
        return FALSE;
    }
    Offered = VirtioPciReadOffered(&Adapter->Device);
    if (ReadConfiguration(Adapter, &Config) != VirtioPciOk) {
        return FALSE;
    }
    Changed = ScsiDiskSetCapacity(Disk, Config.capacity);
    Changed |= ScsiDiskSetReadOnly(Disk, (Offered & VIRTIO_FEATURE(VIRTIO_BLK_F_RO)) != 0);
    if (HasFeature(Adapter, VIRTIO_BLK_F_CONFIG_WCE)) {
        Changed |= ScsiDiskSetWriteCache(Disk, Config.writeback != 0);
    }
    return Changed;
}

VOID AdapterConfigurationChanged(PADAPTER_EXTENSION Adapter)
{
    UCHAR Status;

    if (Adapter->State != AdapterRunning) {
        return; /* a timer or a DPC may come late: the device may not even be mapped any more */
    }
    Status = VirtioPciGetStatus(&Adapter->Device);
    if (Status == VIRTIO_STATUS_GONE) {
        return;
    }
    ++Adapter->Counters.ConfigChanges;
    if (Status & VIRTIO_STATUS_NEEDS_RESET) {
        PortLogEvent(Adapter, NULL, VioEventDeviceNeedsReset, Status);
        (VOID) AdapterReset(Adapter, ScsiAttentionDeviceReset);
        return;
    }
    if (PortWithQueueLock(&Adapter->Queues[0], ReadChanges, NULL)) {
        DebugPrint(DebugInformation, "the disk is now: %I64u blocks, read-only %u, cache %u",
                   Adapter->Disk.BlockCount, Adapter->Disk.ReadOnly,
                   Adapter->Disk.WriteCacheEnabled);
        PortUnitChanged(Adapter);
    }
}

VOID AdapterTimerWork(PADAPTER_EXTENSION Adapter)
{
    const LONG Work = InterlockedExchange(&Adapter->TimerWork, 0);

    if (Work & TimerWorkReset) {
        (VOID) AdapterReset(Adapter, ScsiAttentionDeviceReset);
    }
    if (Work & TimerWorkRemake) {
        AdapterRemakeQueues(Adapter);
    }
    if (Work & TimerWorkConfiguration) {
        AdapterConfigurationChanged(Adapter);
    }
    if (Work & TimerWorkQueues) {
        ULONG Index;

        for (Index = 0; Index < Adapter->QueueCount; ++Index) {
            QueueProcess(&Adapter->Queues[Index]);
        }
    }
}
