/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The disk as SCSI sees it: made from what the device offers, and changed with it. See scsi_disk.h.
 */
#include "scsi_internal.h"

/* One of spaces only is none. */
void ScsiDiskSetSerial(PSCSI_DISK Disk, const UCHAR *Serial)
{
    UCHAR Length = 0;
    BOOLEAN Blank = TRUE;

    RtlZeroMemory(Disk->Serial, sizeof(Disk->Serial));
    while (Length < DISK_SERIAL_LENGTH && Serial[Length] != 0) {
        Blank = Blank && Serial[Length] == ' ';
        Disk->Serial[Length] = Serial[Length];
        Length++;
    }
    if (Blank) {
        RtlZeroMemory(Disk->Serial, sizeof(Disk->Serial));
        Length = 0;
    }
    Disk->SerialLength = Length;
}

/* log2(BlockSize / 512), or 255 if that is not a block size that the disk can have. */
static UCHAR BlockSizeShift(ULONG BlockSize)
{
    UCHAR Shift = 0;

    while ((DISK_SECTOR_SIZE << Shift) < BlockSize && BlockSize <= DISK_MAXIMUM_BLOCK_SIZE) {
        Shift++;
    }
    return (DISK_SECTOR_SIZE << Shift) == BlockSize ? Shift : 255;
}

/* Sectors as whole blocks, still in sectors. */
static ULONG WholeBlocks(const SCSI_DISK *Disk, ULONG Sectors)
{
    return Sectors >> Disk->BlockShift << Disk->BlockShift;
}

/*
 * What can be discarded or zeroed, in whole blocks. The alignment of a hostile device may be
 * anything: one that is no multiple of a block, or that no piece could keep, is none.
 */
static void InitializeProvisioning(PSCSI_DISK Disk, const SCSI_DISK_PARAMETERS *Parameters)
{
    const ULONG BlockSectors = 1u << Disk->BlockShift;
    ULONG Alignment = WholeBlocks(Disk, Parameters->DiscardAlignment);
    ULONGLONG Sectors;

    Disk->DiscardSectors = WholeBlocks(Disk, Parameters->DiscardSectors);
    Disk->ZeroesSectors = WholeBlocks(Disk, Parameters->ZeroesSectors);
    Disk->ZeroesMayUnmap = Disk->ZeroesSectors != 0 && Parameters->ZeroesMayUnmap;
    if (Alignment == 0 || Alignment != Parameters->DiscardAlignment ||
        Alignment > Disk->DiscardSectors) {
        Alignment = BlockSectors;
    }
    Disk->DiscardAlignment = Alignment;
    Disk->DiscardRanges = Minimum(Parameters->DiscardRanges, DISK_REQUEST_RANGES);
    if (Disk->DiscardRanges == 0) {
        Disk->DiscardRanges = 1; /* one that offers F_DISCARD must take one */
    }
    Disk->DiscardRefused = FALSE;
    Disk->ZeroesRefused = FALSE;
    Disk->UnmapRanges =
        Minimum(Disk->DiscardRanges * COMMAND_REQUESTS_MAXIMUM, UNMAP_RANGES_MAXIMUM);
    Sectors = (ULONGLONG)(Disk->DiscardSectors / Alignment * Alignment) * COMMAND_REQUESTS_MAXIMUM;
    Disk->UnmapBlocks = UNMAP_BLOCKS_MAXIMUM;
    if (Sectors >> Disk->BlockShift < UNMAP_BLOCKS_MAXIMUM) {
        Disk->UnmapBlocks = (ULONG)(Sectors >> Disk->BlockShift);
    }
}

void ScsiDiskSetScratch(PSCSI_DISK Disk, ULONG Bytes, ULONG RepeatBytes)
{
    Disk->ScratchBytes = Minimum(Bytes, Disk->MaximumTransferLength) & ~(Disk->BlockSize - 1);
    Disk->RepeatBytes = Minimum(RepeatBytes, Disk->MaximumTransferLength) & ~(Disk->BlockSize - 1);
    if (Disk->RepeatBytes < Disk->ScratchBytes) {
        Disk->RepeatBytes = Disk->ScratchBytes;
    }
}

/* Shape and limits of a disk whose block size is known. */
static void InitializeShape(PSCSI_DISK Disk, const SCSI_DISK_PARAMETERS *Parameters)
{
    const UCHAR Exponent = Parameters->PhysicalBlockExponent;

    /* READ CAPACITY has four bits for the exponent; more than that is nonsense of the device. */
    Disk->PhysicalBlockExponent = Exponent <= 15 ? Exponent : 0;
    Disk->LowestAlignedBlock = 0;
    if (Parameters->AlignmentOffset < (1u << Disk->PhysicalBlockExponent)) {
        Disk->LowestAlignedBlock = Parameters->AlignmentOffset;
    }
    Disk->MinimumIoBlocks = Parameters->MinimumIoBlocks;
    Disk->OptimalIoBlocks = Parameters->OptimalIoBlocks;
    Disk->Cylinders = Parameters->Cylinders;
    Disk->Heads = Parameters->Heads;
    Disk->SectorsPerTrack = Parameters->SectorsPerTrack;
    ScsiDiskSetScratch(Disk, Parameters->ScratchBytes, Parameters->RepeatBytes);
}

SCSI_DISK_RESULT ScsiDiskInitialize(PSCSI_DISK Disk, const SCSI_DISK_PARAMETERS *Parameters)
{
    ULONG BlockSize = Parameters->BlockSize == 0 ? DISK_SECTOR_SIZE : Parameters->BlockSize;
    ULONG Limit = Parameters->MaximumTransferLength;
    UCHAR Shift = BlockSizeShift(BlockSize);

    if (Shift == 255) {
        return ScsiDiskBadBlockSize;
    }
    if (Limit != 0 && Limit < BlockSize) {
        return ScsiDiskBadTransferLimit;
    }
    Disk->BlockShift = Shift;
    Disk->BlockByteShift = Shift + 9;
    Disk->BlockSize = BlockSize;
    Disk->MaximumTransferLength = Limit == 0 ? 0xffffffffu : Limit;
    Disk->PendingAttention = 0;
    Disk->UnverifiedCount = 0;
    Disk->ReadOnly = Parameters->ReadOnly != FALSE;
    ScsiUpdateOpenTransferLength(Disk);
    Disk->FlushSupported = Parameters->FlushSupported != FALSE;
    Disk->WriteCacheEnabled = Disk->FlushSupported && Parameters->WriteCacheEnabled;
    Disk->WriteCacheChosen = FALSE;
    Disk->WriteCacheDefault = Disk->WriteCacheEnabled;
    Disk->WriteCacheSettable = Disk->FlushSupported && Parameters->WriteCacheSettable;
    Disk->LifetimeSupported = Parameters->LifetimeSupported != FALSE;
    Disk->BlockCount = Parameters->CapacityInSectors >> Disk->BlockShift;
    InitializeShape(Disk, Parameters);
    InitializeProvisioning(Disk, Parameters);
    Disk->Location = Parameters->Location;
    ScsiDiskSetSerial(Disk, Parameters->Serial);
    return ScsiDiskOk;
}

const char *ScsiDiskResultText(SCSI_DISK_RESULT Result)
{
    switch (Result) {
    case ScsiDiskOk:
        return "the device can be presented as a disk";
    case ScsiDiskBadBlockSize:
        return "logical block size is not a power of two from 512 to 65536 bytes; "
               "set logical_block_size of the device to 512 or 4096";
    case ScsiDiskBadTransferLimit:
        return "the longest possible transfer is less than one logical block; "
               "raise seg_max or size_max of the device or lower its logical_block_size";
    }
    return "unknown result";
}

BOOLEAN ScsiDiskSetCapacity(PSCSI_DISK Disk, ULONGLONG CapacityInSectors)
{
    ULONGLONG BlockCount = CapacityInSectors >> Disk->BlockShift;

    if (BlockCount == Disk->BlockCount) {
        return FALSE;
    }
    Disk->BlockCount = BlockCount;
    ScsiDiskRaiseUnitAttention(Disk, ScsiAttentionCapacityChanged);
    return TRUE;
}

/* Sets *Setting, a mode parameter of Disk, and raises the unit attention if that changes it. */
static BOOLEAN SetModeParameter(PSCSI_DISK Disk, volatile BOOLEAN *Setting, BOOLEAN Value)
{
    if (*Setting == Value) {
        return FALSE;
    }
    *Setting = Value;
    ScsiDiskRaiseUnitAttention(Disk, ScsiAttentionModeChanged);
    return TRUE;
}

BOOLEAN ScsiDiskSetReadOnly(PSCSI_DISK Disk, BOOLEAN ReadOnly)
{
    return SetModeParameter(Disk, &Disk->ReadOnly, ReadOnly != FALSE);
}

BOOLEAN ScsiDiskSetWriteCache(PSCSI_DISK Disk, BOOLEAN Enabled)
{
    return SetModeParameter(Disk, &Disk->WriteCacheEnabled, Enabled && Disk->FlushSupported);
}

/* What the device is told to do with writes stays as a command has chosen it, while it can be told. */
static BOOLEAN UpdateWriteCache(PSCSI_DISK Disk, const SCSI_DISK_PARAMETERS *Parameters)
{
    Disk->FlushSupported = Parameters->FlushSupported != FALSE;
    Disk->WriteCacheSettable = Disk->FlushSupported && Parameters->WriteCacheSettable;
    if (Disk->WriteCacheChosen && Disk->WriteCacheSettable) {
        return FALSE;
    }
    Disk->WriteCacheChosen = FALSE;
    Disk->WriteCacheDefault = Disk->FlushSupported && Parameters->WriteCacheEnabled;
    return ScsiDiskSetWriteCache(Disk, Parameters->WriteCacheEnabled);
}

BOOLEAN ScsiDiskUpdate(PSCSI_DISK Disk, const SCSI_DISK_PARAMETERS *Parameters, PBOOLEAN Changed)
{
    const ULONG BlockSize = Parameters->BlockSize == 0 ? DISK_SECTOR_SIZE : Parameters->BlockSize;

    if (BlockSize != Disk->BlockSize) {
        return FALSE;
    }
    *Changed = ScsiDiskSetCapacity(Disk, Parameters->CapacityInSectors);
    *Changed |= ScsiDiskSetReadOnly(Disk, Parameters->ReadOnly);
    *Changed |= UpdateWriteCache(Disk, Parameters);
    Disk->LifetimeSupported = Parameters->LifetimeSupported != FALSE;
    InitializeShape(Disk, Parameters);
    InitializeProvisioning(Disk, Parameters);
    return TRUE;
}

/* ---- What it offers ---- */

BOOLEAN ScsiOffersDiscard(const SCSI_DISK *Disk)
{
    return Disk->DiscardSectors != 0 && !Disk->DiscardRefused;
}

BOOLEAN ScsiOffersZeroes(const SCSI_DISK *Disk)
{
    return Disk->ZeroesSectors != 0 && !Disk->ZeroesRefused;
}

/*
 * As many as one WRITE moves, at most 64 MiB, and no more than COMMAND_REQUESTS_MAXIMUM requests do,
 * whether the device zeroes them or the driver writes them.
 */
ULONG ScsiWriteSameBlocks(const SCSI_DISK *Disk)
{
    const ULONG Bytes = Minimum(Disk->MaximumTransferLength, 64u << 20);
    ULONG Sectors = Disk->RepeatBytes / DISK_SECTOR_SIZE; /* of one request */
    ULONGLONG Most;

    if (Disk->ZeroesSectors != 0) {
        Sectors = Minimum(Sectors, Disk->ZeroesSectors);
    }
    Most = (ULONGLONG)Sectors * DISK_SECTOR_SIZE * COMMAND_REQUESTS_MAXIMUM;
    return BytesToBlocks(Disk, Most < Bytes ? Most : Bytes);
}

BOOLEAN ScsiOffersScratch(const SCSI_DISK *Disk)
{
    return Disk->ScratchBytes != 0;
}

BOOLEAN ScsiOffersWriteSame(const SCSI_DISK *Disk)
{
    return ScsiOffersScratch(Disk);
}

BOOLEAN ScsiOffersZeroUnmap(const SCSI_DISK *Disk)
{
    return ScsiOffersWriteSame(Disk) && ScsiOffersZeroes(Disk) && Disk->ZeroesMayUnmap;
}

BOOLEAN ScsiOffersProvisioning(const SCSI_DISK *Disk)
{
    return ScsiOffersDiscard(Disk) || ScsiOffersZeroUnmap(Disk);
}

BOOLEAN ScsiOffersLifetime(const SCSI_DISK *Disk)
{
    return Disk->LifetimeSupported && ScsiOffersScratch(Disk);
}
