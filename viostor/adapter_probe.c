/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the device is: features agreed with it, its configuration, and the limits that follow.
 * AdapterProbe (adapter.h) is what the rest calls.
 */
#include "adapter_internal.h"

#include "port.h"
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

/* What makes the driver's work cheaper on a device that has it. A dump does without: it does one
 * request at a time, and should depend on as little as it can. */
#define TRANSPORT_COMFORTS                                                                     \
    (VIRTIO_FEATURE(VIRTIO_F_RING_PACKED) | VIRTIO_FEATURE(VIRTIO_F_IN_ORDER) |                \
     VIRTIO_FEATURE(VIRTIO_F_NOTIFICATION_DATA) | VIRTIO_FEATURE(VIRTIO_F_NOTIF_CONFIG_DATA) | \
     VIRTIO_FEATURE(VIRTIO_F_RING_RESET))

/* Without indirect descriptors a request takes as many descriptors as it has segments, and two: segments
 * are limited so that a ring still holds this many of the largest requests, as far as it leaves them
 * TRANSFER_LEAST. */
#define DIRECT_LARGEST 4u

/* Descriptors of the smallest request: header, one segment, status. */
#define DIRECT_SMALLEST 3u

/*
 * What the port driver is told to send at once at least; a device that takes less gets it in several
 * requests. Windows' class driver is content with a page (Microsoft's published classpnp raises its
 * HwMaxXferLen to PAGE_SIZE), but 64 KiB is what any disk takes: the 17 entries that port drivers
 * assume of a miniport which says nothing (reference, page of PORT_CONFIGURATION_INFORMATION).
 */
#define TRANSFER_LEAST 65536u

/* More pages of a transfer than these, 256 MiB, are of no use. */
#define TRANSFER_PAGES_MAXIMUM 65536u

/* A shorter segment holds neither the serial number nor a range whole. */
#define SEGMENT_BYTES_LEAST 32u

/* A dump is one request at a time, in 30 KiB of memory: rings of this size where the driver may
 * choose, and requests of at most so many segments (128 KiB). */
#define DUMP_RING_SIZE 64u
#define DUMP_SEGMENTS  33u

/* How far limits go down for want of memory: slots of a queue, and bytes of scratch memory. */
#define RING_USE_MINIMUM 32u
#define SCRATCH_MINIMUM  8192u

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
    {BLK_FIELD(max_discard_seg), VIRTIO_BLK_F_DISCARD},
    {BLK_FIELD(discard_sector_alignment), VIRTIO_BLK_F_DISCARD},
    {BLK_FIELD(max_write_zeroes_sectors), VIRTIO_BLK_F_WRITE_ZEROES},
    {BLK_FIELD(write_zeroes_may_unmap), VIRTIO_BLK_F_WRITE_ZEROES},
};

BOOLEAN AdapterReportFailure(PADAPTER_EXTENSION Adapter, VIO_EVENT Event, VIRTIO_PCI_RESULT Result)
{
    DebugPrint(DebugError, "event %u: %s (%I64x)", Event, VirtioPciResultName(Result),
               Adapter->Device.Detail);
    PortLogEvent(Adapter, NULL, Event, Result);
    return FALSE;
}

VIRTIO_PCI_RESULT AdapterReadConfiguration(PADAPTER_EXTENSION Adapter, pblk_config Config)
{
    VIRTIO_PCI_FIELD Fields[RTL_NUMBER_OF(ConfigFields)];
    ULONG Count = 0;
    ULONG Index;

    RtlZeroMemory(Config, sizeof(*Config));
    for (Index = 0; Index < RTL_NUMBER_OF(ConfigFields); ++Index) {
        if (ConfigFields[Index].Feature == CONFIG_FIELD_ALWAYS ||
            AdapterHasFeature(Adapter, ConfigFields[Index].Feature)) {
            Fields[Count++] = ConfigFields[Index].Field;
        }
    }
    return VirtioPciReadConfig(&Adapter->Device, Fields, Count, Config, sizeof(*Config));
}

/* The most sectors of a DISCARD or WRITE_ZEROES. A device that offers the request and says 0 has no limit:
 * so Linux' virtio_blk reads it. */
static ULONG RangeLimit(const ADAPTER_EXTENSION *Adapter, ULONG Feature, ULONG Sectors)
{
    return AdapterHasFeature(Adapter, Feature) && Sectors == 0 ? MAXULONG : Sectors;
}

/* The longest request that moves the scratch memory over and over: as long as any, as far as its segments
 * may be so many. */
static ULONG RepeatLimit(const ADAPTER_LIMITS *Limits)
{
    ULONGLONG Most;
    ULONG Segments; /* of the scratch memory once */

    if (Limits->ScratchBytes == 0) {
        return 0;
    }
    Segments = (Limits->ScratchBytes - 1) / Limits->SegmentBytes + 1;
    Most = (ULONGLONG)(Limits->Segments / Segments) * Limits->ScratchBytes;
    return (ULONG)min(Most, Limits->TransferBytes);
}

VOID AdapterDescribeDisk(const ADAPTER_EXTENSION *Adapter, const blk_config *Config,
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
    Parameters->ReadOnly = AdapterHasFeature(Adapter, VIRTIO_BLK_F_RO);
    Parameters->FlushSupported = AdapterHasFeature(Adapter, VIRTIO_BLK_F_FLUSH);
    Parameters->WriteCacheSettable = AdapterHasFeature(Adapter, VIRTIO_BLK_F_CONFIG_WCE);
    Parameters->WriteCacheEnabled = !Parameters->WriteCacheSettable || Config->writeback != 0;
    Parameters->Cylinders = Config->geometry.cylinders;
    Parameters->Heads = Config->geometry.heads;
    Parameters->SectorsPerTrack = Config->geometry.sectors;
    Parameters->DiscardSectors =
        RangeLimit(Adapter, VIRTIO_BLK_F_DISCARD, Config->max_discard_sectors);
    Parameters->DiscardRanges = Config->max_discard_seg;
    Parameters->DiscardAlignment = Config->discard_sector_alignment;
    Parameters->ZeroesSectors =
        RangeLimit(Adapter, VIRTIO_BLK_F_WRITE_ZEROES, Config->max_write_zeroes_sectors);
    Parameters->ZeroesMayUnmap = Config->write_zeroes_may_unmap != 0;
    Parameters->LifetimeSupported = AdapterHasFeature(Adapter, VIRTIO_BLK_F_LIFETIME);
    Parameters->ScratchBytes = Adapter->Limits.ScratchBytes;
    Parameters->RepeatBytes = RepeatLimit(&Adapter->Limits);
}

/*
 * The most segments of a request that the device and the smallest ring allow. A device that does not say
 * (no SEG_MAX, or 0) promises no more than one: so Linux' virtio_blk reads it (virtblk_read_limits), and
 * Firecracker takes no more (docs/devices.md).
 */
static ULONG SegmentLimit(const ADAPTER_EXTENSION *Adapter, const blk_config *Config,
                          ULONG RingSize)
{
    /* A chain is never longer than the ring (2.7.5.3.1), header and status included. */
    ULONG Segments = RingSize > 2 ? RingSize - 2 : 0;

    if (Adapter->Dump) {
        Segments = min(Segments, DUMP_SEGMENTS);
    } else if (!AdapterHasFeature(Adapter, VIRTIO_F_INDIRECT_DESC)) {
        const ULONG Share = RingSize / DIRECT_LARGEST;

        Segments = min(Segments, max(Share > 2 ? Share - 2 : 0, TRANSFER_LEAST / PAGE_SIZE + 1));
    }
    return min(Segments, max(Config->seg_max, 1)); /* seg_max is 0 where it is not offered */
}

/* The longest segment: of whole pages or whole sectors where it has one, so that a segment that must be
 * cut does not end in the midst of a sector. */
static ULONG SegmentBytesLimit(const blk_config *Config)
{
    const ULONG Most = Config->size_max;

    if (Most == 0) {
        return MAXULONG; /* "no limit", of qemu-storage-daemon; or not offered */
    }
    if (Most >= PAGE_SIZE) {
        return Most & ~(ULONG)(PAGE_SIZE - 1);
    }
    return Most >= DISK_SECTOR_SIZE ? Most & ~(DISK_SECTOR_SIZE - 1) : Most;
}

/* How many long tables a queue gets, and their size, for the Segments of the limits. */
static VOID ComputeLongTables(const ADAPTER_EXTENSION *Adapter, PADAPTER_LIMITS Limits)
{
    ULONG Count;

    Limits->LongTableBytes =
        AdapterRoundUp((Limits->Segments + 2) * (ULONG)sizeof(VIRTQ_DESC), CACHE_LINE_SIZE);
    Limits->LongTableCount = 0;
    if (AdapterHasFeature(Adapter, VIRTIO_F_INDIRECT_DESC) &&
        Limits->Segments > REQUEST_SLOT_SEGMENTS) {
        Count = PORT_LONG_TABLE_BUDGET / Limits->LongTableBytes;
        Count = max(Count, LONG_TABLE_MINIMUM);
        Count = min(Count, LONG_TABLE_MAXIMUM);
        Limits->LongTableCount = min(Count, Limits->RingUse);
    }
}

/* The largest power of two that is not above Value, which is not 0. */
static ULONG PowerOfTwo(ULONG Value)
{
    ULONG Power = 1;

    while (Value >= 2 * Power && Power < 0x80000000u) {
        Power *= 2;
    }
    return Power;
}

/*
 * The longest transfer, for a device that takes so many pages at once, each of them a segment. Windows' class
 * driver splits what programs and the cache manager send, mostly 64 KiB to 1 MiB at addresses of that
 * alignment. A power of two does not split such a request unevenly, with each rest and all that follows
 * across the clusters of qcow2, ZFS or a RAID: 512 KiB and 512 KiB, not 1012 and 12. It is more than
 * half of what the device takes. A buffer that does not begin at a page has one page more.
 */
static ULONG TransferLimit(const USER_CHOICES *Chosen, ULONG Pages)
{
    const ULONG Most = max(Pages * PAGE_SIZE, TRANSFER_LEAST);
    const ULONG Asked = Chosen->TransferBytes & ~(ULONG)(PAGE_SIZE - 1);

    if (Chosen->TransferBytes != 0) {
        return min(max(Asked, TRANSFER_LEAST), Most);
    }
    return PowerOfTwo(max((Pages - 1) * PAGE_SIZE, TRANSFER_LEAST));
}

/*
 * What the port driver is told to send, and the segments of a request, of which the device takes so many
 * at most. "NumberOfPhysicalBreaks" is used by the storage stack as the number of entries of a
 * scatter/gather list (so Microsoft's storahci says where it sets it, and classpnp takes one page less
 * than it for buffers that do not begin at a page); by its name it is one less. A list that is longer
 * than the device takes, or than the tables that are made for the longest transfer, becomes several requests.
 */
static VOID ComputeTransfer(const USER_CHOICES *Chosen, PADAPTER_LIMITS Limits, ULONG Segments)
{
    /* Segments that a page may become by size_max. */
    const ULONG PageSegments = (PAGE_SIZE - 1) / min(Limits->SegmentBytes, PAGE_SIZE) + 1;
    const ULONG Pages = min(max(Segments / PageSegments, 1), TRANSFER_PAGES_MAXIMUM);

    Limits->TransferBytes = TransferLimit(Chosen, min(Pages, PORT_BREAKS_MAXIMUM));
    Limits->PhysicalBreaks = min(max(Pages, TRANSFER_LEAST / PAGE_SIZE + 1), PORT_BREAKS_MAXIMUM);
    /* As many as the pages of the longest transfer. Longer contiguous elements are split by size_max into no
     * more segments than their pages would be. */
    Limits->Segments = min(Segments, (Limits->TransferBytes / PAGE_SIZE + 1) * PageSegments);
}

/*
 * A request takes whole blocks, so each block must fit one. Where it does not if it lies across one page
 * more than it has to, buffers must be aligned to blocks. FALSE: it does not fit at all.
 */
static BOOLEAN ComputeAlignment(const USER_CHOICES *Chosen, PADAPTER_LIMITS Limits, ULONG BlockSize)
{
    const ULONG Bytes = BlockSize == 0 ? DISK_SECTOR_SIZE : min(BlockSize, DISK_MAXIMUM_BLOCK_SIZE);
    const ULONG Least = (Bytes - 1) / min(Limits->SegmentBytes, PAGE_SIZE) + 1;

    Limits->AlignmentMask = Chosen->AlignmentMask;
    if (Limits->Segments <= Least) {
        Limits->AlignmentMask |= min(Bytes, PAGE_SIZE) - 1;
    }
    return Limits->Segments >= Least && Limits->SegmentBytes >= SEGMENT_BYTES_LEAST;
}

/* Memory for steps of sequences: a step through it is one request. */
static ULONG ScratchLimit(const ADAPTER_EXTENSION *Adapter)
{
    const ADAPTER_LIMITS *Limits = &Adapter->Limits;
    const ULONG Bytes = min(PORT_SCRATCH_BYTES, Limits->TransferBytes);

    if (Adapter->Dump) {
        return 0;
    }
    return Bytes / Limits->Segments < Limits->SegmentBytes
               ? Bytes
               : Limits->Segments * Limits->SegmentBytes;
}

/*
 * Limits from the smallest queue and the configuration. FALSE: the device takes no block.
 *
 * Without indirect descriptors it depends on the requests how many a ring holds. The depth is that of the
 * smallest ones: what finds no descriptors waits in its queue, in the order in which it came.
 */
static BOOLEAN ComputeLimits(PADAPTER_EXTENSION Adapter, const blk_config *Config, ULONG RingSize)
{
    const ULONG RingUse = min(RingSize, PORT_RING_USE_MAXIMUM);
    const ULONG Segments = SegmentLimit(Adapter, Config, RingUse);
    const BOOLEAN Indirect = AdapterHasFeature(Adapter, VIRTIO_F_INDIRECT_DESC);
    PADAPTER_LIMITS Limits = &Adapter->Limits;

    Limits->SegmentBytes = SegmentBytesLimit(Config);
    ComputeTransfer(&Adapter->Chosen, Limits, Segments);
    if (!ComputeAlignment(&Adapter->Chosen, Limits, Config->blk_size)) {
        return FALSE;
    }
    Limits->RingUse = RingUse;
    if (Adapter->Dump) {
        Limits->RingUse = Indirect ? 1 : Segments + 2;
    }
    ComputeLongTables(Adapter, Limits);
    Limits->ScratchBytes = ScratchLimit(Adapter);
    Limits->RangeBytes = 0;
    if (!Adapter->Dump && Config->max_discard_seg > 1) { /* 0 without F_DISCARD */
        Limits->RangeBytes = RANGE_STEPS * DISK_REQUEST_RANGES * (ULONG)sizeof(blk_range);
    }
    Limits->QueueDepth = Indirect ? Limits->RingUse : Limits->RingUse / DIRECT_SMALLEST;
    return TRUE;
}

/* Whether fewer slots than the ring has descriptors will do: a request takes one, in any order. */
static BOOLEAN CanUseFewerSlots(const ADAPTER_EXTENSION *Adapter)
{
    return AdapterHasFeature(Adapter, VIRTIO_F_INDIRECT_DESC) &&
           !AdapterHasFeature(Adapter, VIRTIO_F_IN_ORDER) &&
           Adapter->Limits.RingUse > RING_USE_MINIMUM;
}

BOOLEAN AdapterShrinkLimits(PADAPTER_EXTENSION Adapter)
{
    PADAPTER_LIMITS Limits = &Adapter->Limits;

    if (Limits->LongTableCount > LONG_TABLE_MINIMUM) {
        Limits->LongTableCount = max(Limits->LongTableCount / 2, LONG_TABLE_MINIMUM);
    } else if (Limits->ScratchBytes > SCRATCH_MINIMUM) {
        Limits->ScratchBytes = max(Limits->ScratchBytes / 2, SCRATCH_MINIMUM);
        ScsiDiskSetScratch(&Adapter->Disk, Limits->ScratchBytes, RepeatLimit(Limits));
    } else if (Limits->RangeBytes != 0) {
        Limits->RangeBytes = 0;
    } else if (CanUseFewerSlots(Adapter)) {
        Limits->RingUse = max(Limits->RingUse / 2, RING_USE_MINIMUM);
        Limits->QueueDepth = min(Limits->QueueDepth, Limits->RingUse);
    } else if (Limits->LongTableCount > 1) {
        Limits->LongTableCount /= 2;
    } else {
        return FALSE;
    }
    return TRUE;
}

VOID AdapterSettleDepth(PADAPTER_EXTENSION Adapter)
{
    PADAPTER_LIMITS Limits = &Adapter->Limits;

    Limits->Depth = min(Limits->QueueDepth * Adapter->QueueCount, VIO_DEPTH_MAXIMUM);
    Limits->Depth = min(Limits->Depth, Adapter->Chosen.Depth);
}

/* The number of queues to use, and the size that all of them have at least. */
static VIRTIO_PCI_RESULT CountQueues(PADAPTER_EXTENSION Adapter, const blk_config *Config,
                                     ULONG MaximumQueues, PULONG SmallestSize)
{
    ULONG Count = AdapterHasFeature(Adapter, VIRTIO_BLK_F_MQ) && Config->num_queues != 0
                      ? Config->num_queues
                      : 1;
    ULONG Index;

    Count = min(Count, MaximumQueues);
    Count = min(Count, PORT_QUEUE_MAXIMUM);
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
        Adapter->RingSizes[Index] = (USHORT)Size;
        *SmallestSize = min(*SmallestSize, Size);
    }
    Adapter->QueueCount = Index;
    if (Adapter->Device.Transport == VirtioPciTransportModern) {
        /* All rings hold the same number of requests; in order a ring is used as a whole. */
        for (Index = 0; Index < Adapter->QueueCount; ++Index) {
            Adapter->RingSizes[Index] = (USHORT)*SmallestSize;
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

    Result = AdapterReadConfiguration(Adapter, &Config);
    if (Result == VirtioPciOk) {
        Result = CountQueues(Adapter, &Config, MaximumQueues, &RingSize);
    }
    if (Result != VirtioPciOk) {
        return AdapterReportFailure(Adapter, VioEventProbeFailed, Result);
    }
    if (!ComputeLimits(Adapter, &Config, RingSize)) {
        DebugPrint(DebugError, "unusable limits: ring %lu, seg_max %lu, size_max %lu", RingSize,
                   Config.seg_max, Config.size_max);
        PortLogEvent(Adapter, NULL, VioEventLimitsUnusable, RingSize);
        return FALSE;
    }
    Adapter->IndirectDescriptors = AdapterHasFeature(Adapter, VIRTIO_F_INDIRECT_DESC);
    Adapter->Limits.FoundSegMax = Config.seg_max;
    Adapter->Limits.FoundSizeMax = Config.size_max;
    AdapterSettleDepth(Adapter);

    AdapterDescribeDisk(Adapter, &Config, &Parameters);
    DiskResult = ScsiDiskInitialize(&Adapter->Disk, &Parameters);
    if (DiskResult != ScsiDiskOk) {
        DebugPrint(DebugError, "no usable disk: %s", ScsiDiskResultText(DiskResult));
        PortLogEvent(Adapter, NULL, VioEventDiskRefused, DiskResult);
        return FALSE;
    }
    return TRUE;
}

VOID AdapterLeaveDevice(PADAPTER_EXTENSION Adapter, VIRTIO_PCI_RESULT Result)
{
    if (Result != VirtioPciGone && Result != VirtioPciResetTimeout) {
        VirtioPciFail(&Adapter->Device);
        (VOID) VirtioPciReset(&Adapter->Device);
    }
}

/*
 * What to ask for, by what the adapter is for and what the user has set. Packed rings and requests in
 * order are not asked for unless the user wants them: a request takes about twice the instructions with
 * either (docs/performance.md).
 */
static ULONGLONG WantedFeatures(const ADAPTER_EXTENSION *Adapter)
{
    ULONGLONG Wanted = WANTED_FEATURES;

    if (Adapter->Dump) {
        return WANTED_FEATURES & ~TRANSPORT_COMFORTS;
    }
    if (!Adapter->Chosen.PackedRing) {
        Wanted &= ~VIRTIO_FEATURE(VIRTIO_F_RING_PACKED);
    }
    if (!Adapter->Chosen.InOrder) {
        Wanted &= ~VIRTIO_FEATURE(VIRTIO_F_IN_ORDER);
    }
    return Wanted;
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
        AdapterLeaveDevice(Adapter, Result);
        return FALSE;
    }
    if (Result == VirtioPciOk) {
        Result = VirtioPciNegotiate(&Adapter->Device, WantedFeatures(Adapter));
    }
    if (Result != VirtioPciOk) {
        (VOID) AdapterReportFailure(Adapter, VioEventNegotiationRefused, Result);
        AdapterLeaveDevice(Adapter, Result);
        return FALSE;
    }
    Adapter->Features = Adapter->Device.Features;
    Adapter->FoundFeatures = Adapter->Features;
    return TRUE;
}

BOOLEAN AdapterProbe(PADAPTER_EXTENSION Adapter, VIRTIO_PCI_MAP_BAR *MapBar, ULONG MaximumQueues)
{
    UCHAR ConfigSpace[VIRTIO_PCI_CONFIG_SPACE_SIZE];
    VIRTIO_PCI_RESULT Result;
    BOOLEAN Usable;

    if (!PortReadPciConfig(Adapter, ConfigSpace, sizeof(ConfigSpace))) {
        Adapter->Device.Detail = 0;
        return AdapterReportFailure(Adapter, VioEventProbeFailed, VirtioPciGone);
    }
    Result = VirtioPciProbe(&Adapter->Device, ConfigSpace, MapBar, Adapter);
    if (Result != VirtioPciOk) {
        return AdapterReportFailure(Adapter, VioEventProbeFailed, Result);
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
