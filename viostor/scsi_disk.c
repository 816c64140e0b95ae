/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What SCSI commands mean for a virtio-blk disk; see scsi_disk.h for the interface.
 *
 * READ and WRITE come first and go straight through: one switch on the operation code decodes the
 * command block, StartTransfer checks it and names the sectors. Every other command is found in
 * OtherCommands, one row per command (operation code, service action, length of its command
 * block, whether a unit attention comes first, the function that answers it): a new command is a
 * row and a function. The pages of INQUIRY and MODE SENSE are rows of tables in the same way, and
 * the lists of supported pages are made from those tables, so that they cannot disagree.
 *
 * Answers are built whole in a small zeroed buffer on the stack and then cut to what was asked for.
 */
#include "scsi_disk.h"

/* Frozen from the first release: Windows makes the disk's instance from these strings and from the
 * designator of VPD page 83h, which holds the first two. A change makes every disk a new one. */
#define DISK_VENDOR         "VirtIO  "
#define DISK_PRODUCT        "Virtual Disk    "
#define DISK_REVISION       "0001"
#define DISK_PLACE          "PCI-location-"
#define DISK_VENDOR_LENGTH  8u
#define DISK_PRODUCT_LENGTH 16u

/* Bits of byte 1 of READ, WRITE and VERIFY, and of the control byte that ends each CDB. */
#define CDB_PROTECT_MASK 0xe0u /* RDPROTECT, WRPROTECT, VRPROTECT */
#define CDB_FUA          0x08u
#define CDB_BYTCHK_MASK  0x06u
#define CONTROL_NACA     0x04u

/* Most bytes of any answer that is made here. */
#define ANSWER_SIZE 128u

/* The status byte of a request (VIRTIO 1.2, 5.2.6). */
enum {
    DeviceStatusOk = 0,
    DeviceStatusIoError = 1,
    DeviceStatusUnsupported = 2,
};

/* A range of logical blocks, as a command block names it. */
typedef struct _DISK_RANGE {
    ULONGLONG First;
    ULONG Count;
} DISK_RANGE;

/* ---- Numbers in command blocks and answers: most significant byte first ------------------- */

FORCEINLINE ULONG Get16(const UCHAR *Bytes)
{
    return (ULONG)Bytes[0] << 8 | Bytes[1];
}

FORCEINLINE ULONG Get32(const UCHAR *Bytes)
{
    return (ULONG)Bytes[0] << 24 | (ULONG)Bytes[1] << 16 | (ULONG)Bytes[2] << 8 | Bytes[3];
}

FORCEINLINE ULONGLONG Get64(const UCHAR *Bytes)
{
    return (ULONGLONG)Get32(Bytes) << 32 | Get32(Bytes + 4);
}

static void Put16(UCHAR *Bytes, ULONG Value)
{
    Bytes[0] = (UCHAR)(Value >> 8);
    Bytes[1] = (UCHAR)Value;
}

static void Put32(UCHAR *Bytes, ULONG Value)
{
    Put16(Bytes, Value >> 16);
    Put16(Bytes + 2, Value);
}

static void Put64(UCHAR *Bytes, ULONGLONG Value)
{
    Put32(Bytes, (ULONG)(Value >> 32));
    Put32(Bytes + 4, (ULONG)Value);
}

static ULONG Minimum(ULONG A, ULONG B)
{
    return A < B ? A : B;
}

/* ---- Sense data ---------------------------------------------------------------------------- */

void ScsiSetSense(PSCSI_DISK_SENSE Sense, UCHAR Key, SCSI_ASC Asc)
{
    Sense->Key = Key;
    Sense->Asc = (USHORT)Asc;
    Sense->InformationValid = FALSE;
    Sense->FieldValid = FALSE;
}

/* Ends Command with CHECK CONDITION, key and code, and no data. What is rare is kept out of line,
 * here and below, so that READ and WRITE stay short. */
DECLSPEC_NOINLINE static SCSI_OUTCOME Fail(PSCSI_COMMAND Command, UCHAR Key, SCSI_ASC Asc)
{
    ScsiSetSense(&Command->Sense, Key, Asc);
    Command->ScsiStatus = SCSISTAT_CHECK_CONDITION;
    Command->TransferredLength = 0;
    return ScsiOutcomeAnswered;
}

/* A field of the command block has a value that this disk does not accept: byte FieldByte, the
 * field's most significant bit being FieldBit (SPC-4). */
DECLSPEC_NOINLINE static SCSI_OUTCOME FailField(PSCSI_COMMAND Command, USHORT FieldByte,
                                                UCHAR FieldBit)
{
    Fail(Command, SCSI_SENSE_ILLEGAL_REQUEST, ScsiAscInvalidFieldInCdb);
    Command->Sense.FieldValid = TRUE;
    Command->Sense.FieldByte = FieldByte;
    Command->Sense.FieldBit = FieldBit;
    return ScsiOutcomeAnswered;
}

/* A block that Command names does not exist; FirstBad is the first such one. */
DECLSPEC_NOINLINE static SCSI_OUTCOME FailRange(PSCSI_COMMAND Command, ULONGLONG FirstBad)
{
    Fail(Command, SCSI_SENSE_ILLEGAL_REQUEST, ScsiAscLbaOutOfRange);
    Command->Sense.InformationValid = TRUE;
    Command->Sense.Information = FirstBad;
    return ScsiOutcomeAnswered;
}

/* The SRB contradicts itself; see ScsiOutcomeInvalidRequest. */
DECLSPEC_NOINLINE static SCSI_OUTCOME Refuse(PSCSI_COMMAND Command)
{
    Command->ScsiStatus = SCSISTAT_GOOD;
    Command->TransferredLength = 0;
    return ScsiOutcomeInvalidRequest;
}

UCHAR ScsiBuildSense(const SCSI_DISK_SENSE *Sense, void *Buffer, UCHAR BufferLength)
{
    UCHAR Bytes[SCSI_FIXED_SENSE_LENGTH];
    UCHAR Length = (UCHAR)Minimum(BufferLength, sizeof(Bytes));

    if (Buffer == NULL || Length == 0) {
        return 0;
    }
    RtlZeroMemory(Bytes, sizeof(Bytes));
    Bytes[0] = 0x70; /* current error, fixed format */
    /* A value that needs more than four bytes is left out, as fixed format demands. */
    if (Sense->InformationValid && Sense->Information <= 0xffffffffu) {
        Bytes[0] |= 0x80; /* VALID */
        Put32(&Bytes[3], (ULONG)Sense->Information);
    }
    Bytes[2] = Sense->Key;
    Bytes[7] = (UCHAR)(sizeof(Bytes) - 8); /* bytes that follow byte 7 */
    Put16(&Bytes[12], Sense->Asc);
    if (Sense->FieldValid) {
        Bytes[15] = (UCHAR)(0xc8 | (Sense->FieldBit & 7)); /* SKSV, in the CDB, bit pointer valid */
        Put16(&Bytes[16], Sense->FieldByte);
    }
    RtlCopyMemory(Buffer, Bytes, Length);
    return Length;
}

UCHAR ScsiTranslateCompletion(DISK_OPERATION Operation, UCHAR DeviceStatus, PSCSI_DISK_SENSE Sense)
{
    if (DeviceStatus == DeviceStatusOk) {
        return SCSISTAT_GOOD;
    }
    if (DeviceStatus == DeviceStatusIoError) {
        ScsiSetSense(Sense, SCSI_SENSE_MEDIUM_ERROR,
                     Operation == DiskOperationRead ? ScsiAscUnrecoveredReadError
                                                    : ScsiAscWriteError);
    } else if (DeviceStatus == DeviceStatusUnsupported && Operation == DiskOperationFlush) {
        ScsiSetSense(Sense, SCSI_SENSE_ILLEGAL_REQUEST, ScsiAscInvalidOpcode);
    } else {
        /* No device may refuse reads and writes, and no other status exists. */
        ScsiSetSense(Sense, SCSI_SENSE_HARDWARE_ERROR, ScsiAscInternalTargetFailure);
    }
    return SCSISTAT_CHECK_CONDITION;
}

/* ---- Unit attentions ----------------------------------------------------------------------- */

void ScsiDiskRaiseUnitAttention(PSCSI_DISK Disk, SCSI_UNIT_ATTENTION Event)
{
    InterlockedOr(&Disk->PendingAttention, (LONG)Event);
}

/* Takes the first pending event out of Disk; 0 if there is none. Each event is given to one caller
 * only. Returns a SCSI_UNIT_ATTENTION. */
static LONG TakeUnitAttention(PSCSI_DISK Disk)
{
    for (;;) {
        LONG Pending = Disk->PendingAttention;
        LONG Event = Pending & (~Pending + 1); /* the lowest bit */

        if (Event == 0) {
            return 0;
        }
        if ((InterlockedAnd(&Disk->PendingAttention, ~Event) & Event) != 0) {
            return Event;
        }
        /* Another command was faster: look for the next event. */
    }
}

static SCSI_ASC AttentionCode(LONG Event)
{
    switch (Event) {
    case ScsiAttentionBusReset:
        return ScsiAscBusReset;
    case ScsiAttentionDeviceReset:
        return ScsiAscDeviceReset;
    case ScsiAttentionModeChanged:
        return ScsiAscModeParametersChanged;
    case ScsiAttentionCapacityChanged:
        return ScsiAscCapacityChanged;
    default:
        return ScsiAscPowerOnOrReset;
    }
}

/* TRUE if Command ends with a unit attention, which is then in its sense data. */
static BOOLEAN ReportUnitAttention(PSCSI_DISK Disk, PSCSI_COMMAND Command)
{
    LONG Event = TakeUnitAttention(Disk);

    if (Event == 0) {
        return FALSE;
    }
    Fail(Command, SCSI_SENSE_UNIT_ATTENTION, AttentionCode(Event));
    return TRUE;
}

/* ---- The disk ------------------------------------------------------------------------------ */

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

SCSI_DISK_RESULT ScsiDiskInitialize(PSCSI_DISK Disk, const SCSI_DISK_PARAMETERS *Parameters)
{
    ULONG BlockSize = Parameters->BlockSize == 0 ? DISK_SECTOR_SIZE : Parameters->BlockSize;
    ULONG Limit = Parameters->MaximumTransferLength;
    UCHAR Shift = BlockSizeShift(BlockSize);
    UCHAR Exponent = Parameters->PhysicalBlockExponent;

    if (Shift == 255) {
        return ScsiDiskBadBlockSize;
    }
    if (Limit != 0 && Limit < BlockSize) {
        return ScsiDiskBadTransferLimit;
    }
    Disk->BlockShift = Shift;
    Disk->BlockSize = BlockSize;
    Disk->BlockCount = Parameters->CapacityInSectors >> Shift;
    Disk->MaximumTransferLength = Limit == 0 ? 0xffffffffu : Limit;
    Disk->PendingAttention = 0;
    Disk->ReadOnly = Parameters->ReadOnly != FALSE;
    Disk->FlushSupported = Parameters->FlushSupported != FALSE;
    Disk->WriteCacheEnabled = Disk->FlushSupported && Parameters->WriteCacheEnabled;
    /* READ CAPACITY has four bits for the exponent; more than that is nonsense of the device. */
    Disk->PhysicalBlockExponent = Exponent <= 15 ? Exponent : 0;
    Disk->LowestAlignedBlock = 0;
    if (Parameters->AlignmentOffset < (1u << Disk->PhysicalBlockExponent)) {
        Disk->LowestAlignedBlock = Parameters->AlignmentOffset;
    }
    Disk->MinimumIoBlocks = Parameters->MinimumIoBlocks;
    Disk->OptimalIoBlocks = Parameters->OptimalIoBlocks;
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
static void SetModeParameter(PSCSI_DISK Disk, volatile BOOLEAN *Setting, BOOLEAN Value)
{
    if (*Setting == Value) {
        return;
    }
    *Setting = Value;
    ScsiDiskRaiseUnitAttention(Disk, ScsiAttentionModeChanged);
}

void ScsiDiskSetReadOnly(PSCSI_DISK Disk, BOOLEAN ReadOnly)
{
    SetModeParameter(Disk, &Disk->ReadOnly, ReadOnly != FALSE);
}

void ScsiDiskSetWriteCache(PSCSI_DISK Disk, BOOLEAN Enabled)
{
    SetModeParameter(Disk, &Disk->WriteCacheEnabled, Enabled && Disk->FlushSupported);
}

/* ---- Outcomes that the commands share ------------------------------------------------------ */

static SCSI_OUTCOME Good(PSCSI_COMMAND Command)
{
    Command->ScsiStatus = SCSISTAT_GOOD;
    Command->TransferredLength = 0;
    return ScsiOutcomeAnswered;
}

/* Gives the initiator as much of Answer as the command block (AllocationLength) and the buffer
 * allow, and not a byte more. */
static SCSI_OUTCOME GiveAnswer(PSCSI_COMMAND Command, const UCHAR *Answer, ULONG Length,
                               ULONG AllocationLength)
{
    ULONG Wanted = Minimum(Length, AllocationLength);
    ULONG Given = Minimum(Wanted, Command->DataLength);

    if (Given != 0 && Command->DataBuffer == NULL) {
        return Refuse(Command);
    }
    if (Given != 0) {
        RtlCopyMemory(Command->DataBuffer, Answer, Given);
    }
    Command->ScsiStatus = SCSISTAT_GOOD;
    Command->TransferredLength = Given;
    return Given == Wanted ? ScsiOutcomeAnswered : ScsiOutcomeOverrun;
}

/* The device's volatile cache, if it has one, is to be written out. Without F_FLUSH every finished
 * write is on the medium (VIRTIO 1.2, 5.2.6.2), so there is nothing to do. */
static SCSI_OUTCOME StartFlush(const SCSI_DISK *Disk, PSCSI_COMMAND Command)
{
    if (!Disk->FlushSupported) {
        return Good(Command);
    }
    Command->Operation = DiskOperationFlush;
    Command->FlushAfter = FALSE;
    Command->Length = 0;
    Command->Sector = 0;
    return ScsiOutcomeStartIo;
}

/* TRUE if every block of Range exists; otherwise *FirstBad is the first that does not. An empty
 * range may start right behind the last block. */
FORCEINLINE BOOLEAN CheckRange(const SCSI_DISK *Disk, DISK_RANGE Range, ULONGLONG *FirstBad)
{
    ULONGLONG BlockCount = Disk->BlockCount;

    if (Range.First <= BlockCount && Range.Count <= BlockCount - Range.First) {
        return TRUE;
    }
    *FirstBad = Range.First < BlockCount ? BlockCount : Range.First;
    return FALSE;
}

/* ---- READ and WRITE ------------------------------------------------------------------------ */

/* The bit that makes a READ command, of any length, the WRITE command of that length. */
#define OPCODE_WRITE_BIT 0x02u

FORCEINLINE BOOLEAN IsWrite(const SCSI_COMMAND *Command)
{
    return (Command->Cdb[0] & OPCODE_WRITE_BIT) != 0;
}

/*
 * Why a READ or WRITE is not simply started, in the order in which a disk looks: a unit attention,
 * the command block, write protection, the range, the lengths. Flags is byte 1 of the command block
 * (0 for the 6-byte commands, which have none of these), Control its last byte.
 */
DECLSPEC_NOINLINE static SCSI_OUTCOME AnswerTransfer(PSCSI_DISK Disk, PSCSI_COMMAND Command,
                                                     DISK_RANGE Range, ULONG Flags, ULONG Control)
{
    ULONGLONG Length = (ULONGLONG)Range.Count << Disk->BlockShift << 9;
    ULONGLONG FirstBad;

    if (ReportUnitAttention(Disk, Command)) {
        return ScsiOutcomeAnswered;
    }
    if ((Flags & CDB_PROTECT_MASK) != 0) {
        return FailField(Command, 1, 7); /* no protection information on this disk */
    }
    if ((Control & CONTROL_NACA) != 0) {
        return Fail(Command, SCSI_SENSE_ILLEGAL_REQUEST, ScsiAscInvalidFieldInCdb);
    }
    if (IsWrite(Command) && Disk->ReadOnly) {
        return Fail(Command, SCSI_SENSE_DATA_PROTECT, ScsiAscWriteProtected);
    }
    if (!CheckRange(Disk, Range, &FirstBad)) {
        return FailRange(Command, FirstBad);
    }
    if (Length > Disk->MaximumTransferLength) {
        /* More than the Block Limits page allows. */
        return Fail(Command, SCSI_SENSE_ILLEGAL_REQUEST, ScsiAscInvalidFieldInCdb);
    }
    if (Length > Command->DataLength) {
        return Refuse(Command);
    }
    if (Length == 0) {
        return Good(Command);
    }
    /* What stood in the way is gone: another command has taken the unit attention, or the disk has
     * grown or become writable meanwhile. */
    return ScsiInterpretCommand(Disk, Command);
}

/*
 * The common part of every READ and WRITE: starts it if nothing at all is in its way, else leaves
 * it to AnswerTransfer. Each condition here has its answer there.
 */
FORCEINLINE SCSI_OUTCOME StartTransfer(PSCSI_DISK Disk, PSCSI_COMMAND Command, DISK_RANGE Range,
                                       ULONG Flags, ULONG Control)
{
    ULONGLONG Length = (ULONGLONG)Range.Count << Disk->BlockShift << 9;
    ULONGLONG FirstBad;

    if (UNLIKELY(Disk->PendingAttention != 0 ||
                 ((Flags & CDB_PROTECT_MASK) | (Control & CONTROL_NACA)) != 0 ||
                 (IsWrite(Command) && Disk->ReadOnly) || !CheckRange(Disk, Range, &FirstBad) ||
                 Length > Disk->MaximumTransferLength || Length > Command->DataLength ||
                 Length == 0)) {
        return AnswerTransfer(Disk, Command, Range, Flags, Control);
    }
    Command->Operation = IsWrite(Command) ? DiskOperationWrite : DiskOperationRead;
    Command->FlushAfter = (Flags & CDB_FUA) != 0 && Disk->WriteCacheEnabled;
    Command->Length = (ULONG)Length;
    Command->Sector = Range.First << Disk->BlockShift;
    return ScsiOutcomeStartIo;
}

/* ---- INQUIRY ------------------------------------------------------------------------------- */

/* Copies text without its terminator, at most Length bytes of it. */
static void PutText(UCHAR *Bytes, const char *Text, ULONG Length)
{
    RtlCopyMemory(Bytes, Text, Length);
}

/* Standard INQUIRY data (SPC-4); returns its length. */
static ULONG StandardInquiry(UCHAR *Answer)
{
    enum {
        Length = 96
    };

    Answer[0] = 0x00;        /* a direct access block device is connected */
    Answer[1] = 0x00;        /* its medium is not removable */
    Answer[2] = 0x06;        /* SPC-4 */
    Answer[3] = 0x10 | 0x02; /* HISUP; response data format 2 */
    Answer[4] = (UCHAR)(Length - 5);
    Answer[7] = 0x02; /* CMDQUE */
    PutText(&Answer[8], DISK_VENDOR, DISK_VENDOR_LENGTH);
    PutText(&Answer[16], DISK_PRODUCT, DISK_PRODUCT_LENGTH);
    PutText(&Answer[32], DISK_REVISION, 4);
    Put16(&Answer[58], 0x00a0); /* version descriptors: SAM-5 */
    Put16(&Answer[60], 0x0460); /* SPC-4 */
    Put16(&Answer[62], 0x04c0); /* SBC-3 */
    return Length;
}

static BOOLEAN IsPrintable(UCHAR Byte)
{
    return Byte >= 0x20 && Byte <= 0x7e;
}

/* Puts the low Digits hexadecimal digits of Value. */
static void PutHex(UCHAR *Text, ULONG Value, ULONG Digits)
{
    static const char Digit[] = "0123456789abcdef";
    ULONG Index;

    for (Index = 0; Index < Digits; Index++) {
        Text[Index] = (UCHAR)Digit[(Value >> (4 * (Digits - 1 - Index))) & 0xf];
    }
}

/*
 * VPD 80h, unit serial number (SPC-4). The page is ASCII, so bytes of the device that are
 * not become dots. A disk without serial answers spaces, the standard's "not available".
 */
static ULONG SerialNumberPage(const SCSI_DISK *Disk, UCHAR *Page)
{
    ULONG Index;

    if (Disk->SerialLength == 0) {
        for (Index = 0; Index < DISK_SERIAL_LENGTH; Index++) {
            Page[4 + Index] = ' ';
        }
        return DISK_SERIAL_LENGTH;
    }
    for (Index = 0; Index < Disk->SerialLength; Index++) {
        Page[4 + Index] = IsPrintable(Disk->Serial[Index]) ? Disk->Serial[Index] : '.';
    }
    return Disk->SerialLength;
}

/*
 * What tells this disk from every other one with our vendor and product, as printable ASCII:
 *   a printable serial:   the serial itself, 1 to 20 bytes;
 *   any other serial:     its 20 bytes in hexadecimal, 40 digits, since dots could make two alike;
 *   no serial:            where the device sits in the machine, 21 bytes.
 * The lengths differ, so no serial that a user can choose equals one of the other two. All three
 * come from the virtual machine's definition and are the same after a restart or a migration. Only
 * the last is not unique among machines: a disk that a cluster shares needs a serial.
 */
static ULONG PutIdentity(const SCSI_DISK *Disk, UCHAR *Text)
{
    ULONG Index;
    BOOLEAN Printable = TRUE;

    if (Disk->SerialLength == 0) {
        PutText(Text, DISK_PLACE, sizeof(DISK_PLACE) - 1);
        PutHex(Text + sizeof(DISK_PLACE) - 1, Disk->Location, 8);
        return sizeof(DISK_PLACE) - 1 + 8;
    }
    for (Index = 0; Index < Disk->SerialLength; Index++) {
        Printable = Printable && IsPrintable(Disk->Serial[Index]);
    }
    if (Printable) {
        RtlCopyMemory(Text, Disk->Serial, Disk->SerialLength);
        return Disk->SerialLength;
    }
    for (Index = 0; Index < DISK_SERIAL_LENGTH; Index++) {
        PutHex(Text + 2 * Index, Disk->Serial[Index], 2);
    }
    return 2 * DISK_SERIAL_LENGTH;
}

/* VPD 83h, device identification (SPC-4): one designator of the logical unit, based on the
 * T10 vendor identification. */
static ULONG DeviceIdentificationPage(const SCSI_DISK *Disk, UCHAR *Page)
{
    ULONG Length = DISK_VENDOR_LENGTH + DISK_PRODUCT_LENGTH;

    Page[4] = 0x02; /* code set: ASCII */
    Page[5] = 0x01; /* of the logical unit; T10 vendor id based */
    PutText(&Page[8], DISK_VENDOR, DISK_VENDOR_LENGTH);
    PutText(&Page[8 + DISK_VENDOR_LENGTH], DISK_PRODUCT, DISK_PRODUCT_LENGTH);
    Length += PutIdentity(Disk, &Page[8 + Length]);
    Page[7] = (UCHAR)Length;
    return 4 + Length;
}

/* VPD 86h, extended INQUIRY data (SPC-4). */
static ULONG ExtendedInquiryPage(const SCSI_DISK *Disk, UCHAR *Page)
{
    Page[5] = 0x01;                               /* SIMPSUP: simple task attribute only */
    Page[6] = Disk->FlushSupported ? 0x01 : 0x00; /* V_SUP: a volatile cache */
    return 60;
}

/* VPD B0h, block limits (SBC-3). Only what READ and WRITE obey; lengths in logical blocks,
 * 0 where there is no limit or nothing is known. */
static ULONG BlockLimitsPage(const SCSI_DISK *Disk, UCHAR *Page)
{
    ULONG Maximum = Disk->MaximumTransferLength >> Disk->BlockShift >> 9;

    if (Disk->MaximumTransferLength == 0xffffffffu) {
        Maximum = 0;
    }
    Put16(&Page[6], Disk->MinimumIoBlocks);
    Put32(&Page[8], Maximum);
    Put32(&Page[12],
          Maximum == 0 ? Disk->OptimalIoBlocks : Minimum(Disk->OptimalIoBlocks, Maximum));
    return 60;
}

/* VPD B1h, block device characteristics (SBC-3). */
static ULONG CharacteristicsPage(const SCSI_DISK *Disk, UCHAR *Page)
{
    UNREFERENCED_PARAMETER(Disk);
    Put16(&Page[4], 0x0001); /* nothing rotates: Windows does not defragment the disk */
    return 60;
}

/* A VPD page: fills Page from byte 4 on and returns how many bytes follow the first four, which the
 * caller fills in. */
typedef ULONG VPD_PAGE_ROUTINE(const SCSI_DISK *Disk, UCHAR *Page);

static VPD_PAGE_ROUTINE SupportedPagesPage;

/* In ascending order, as page 00h lists them. */
static const struct {
    UCHAR Page;
    VPD_PAGE_ROUTINE *Build;
} VpdPages[] = {
    {0x00, SupportedPagesPage},  {0x80, SerialNumberPage}, {0x83, DeviceIdentificationPage},
    {0x86, ExtendedInquiryPage}, {0xb0, BlockLimitsPage},  {0xb1, CharacteristicsPage},
};

/* VPD 00h, supported VPD pages (SPC-4). */
static ULONG SupportedPagesPage(const SCSI_DISK *Disk, UCHAR *Page)
{
    ULONG Index;

    UNREFERENCED_PARAMETER(Disk);
    for (Index = 0; Index < ARRAYSIZE(VpdPages); Index++) {
        Page[4 + Index] = VpdPages[Index].Page;
    }
    return ARRAYSIZE(VpdPages);
}

static SCSI_OUTCOME Inquiry(PSCSI_DISK Disk, PSCSI_COMMAND Command)
{
    const UCHAR *Cdb = Command->Cdb;
    ULONG AllocationLength = Get16(&Cdb[3]);
    UCHAR Answer[ANSWER_SIZE];
    ULONG Index;

    if ((Cdb[1] & 0x02) != 0) {
        return FailField(Command, 1, 1); /* CMDDT, obsolete */
    }
    RtlZeroMemory(Answer, sizeof(Answer));
    if ((Cdb[1] & 0x01) == 0) {
        if (Cdb[2] != 0) {
            return FailField(Command, 2, 7); /* a page code means nothing without EVPD */
        }
        return GiveAnswer(Command, Answer, StandardInquiry(Answer), AllocationLength);
    }
    for (Index = 0; Index < ARRAYSIZE(VpdPages); Index++) {
        if (VpdPages[Index].Page == Cdb[2]) {
            ULONG Length = VpdPages[Index].Build(Disk, Answer);

            Answer[1] = Cdb[2];
            Put16(&Answer[2], Length);
            return GiveAnswer(Command, Answer, 4 + Length, AllocationLength);
        }
    }
    return FailField(Command, 2, 7);
}

/* ---- MODE SENSE ---------------------------------------------------------------------------- */

/* The page control field: which values of a page are wanted. */
enum {
    PageControlCurrent = 0,
    PageControlChangeable = 1,
    PageControlDefault = 2,
    PageControlSaved = 3,
};

/* Page and subpage codes that mean "all of them". */
#define ALL_MODE_PAGES    0x3fu
#define ALL_MODE_SUBPAGES 0xffu

/* A mode page: sets what is not zero in Page, whose first two bytes (code and length) are there
 * already. What it says is true of the disk now and by default; no command can change it, so
 * changeable values are all zero and never ask for this function. */
typedef void MODE_PAGE_ROUTINE(const SCSI_DISK *Disk, UCHAR *Page);

/* Read-write error recovery (SBC-3): the host's storage replaces bad blocks by itself. */
static void ErrorRecoveryPage(const SCSI_DISK *Disk, UCHAR *Page)
{
    UNREFERENCED_PARAMETER(Disk);
    Page[2] = 0x80 | 0x40; /* AWRE, ARRE */
}

/* Caching (SBC-3). */
static void CachingPage(const SCSI_DISK *Disk, UCHAR *Page)
{
    Page[2] = Disk->WriteCacheEnabled ? 0x04 : 0x00; /* WCE */
}

/* Control (SPC-4). */
static void ControlPage(const SCSI_DISK *Disk, UCHAR *Page)
{
    UNREFERENCED_PARAMETER(Disk);
    Page[3] = 0x10; /* queue algorithm modifier: commands may be reordered without limit */
}

/* Informational exceptions control (SBC-3): a virtio disk predicts no failure. */
static void ExceptionsPage(const SCSI_DISK *Disk, UCHAR *Page)
{
    UNREFERENCED_PARAMETER(Disk);
    Page[2] = 0x08; /* DEXCPT */
}

/* In ascending order, as "all pages" returns them. */
static const struct {
    UCHAR Page;
    UCHAR Length; /* with its two bytes of header */
    MODE_PAGE_ROUTINE *Build;
} ModePages[] = {
    {0x01, 12, ErrorRecoveryPage},
    {0x08, 20, CachingPage},
    {0x0a, 12, ControlPage},
    {0x1c, 12, ExceptionsPage},
};

/* Puts the page that is asked for, or all, to Answer; returns the length, 0 if there is none. */
static ULONG PutModePages(const SCSI_DISK *Disk, UCHAR PageCode, UCHAR PageControl, UCHAR *Answer)
{
    ULONG Length = 0;
    ULONG Index;

    for (Index = 0; Index < ARRAYSIZE(ModePages); Index++) {
        UCHAR *Page = Answer + Length;

        if (PageCode != ALL_MODE_PAGES && PageCode != ModePages[Index].Page) {
            continue;
        }
        Page[0] = ModePages[Index].Page;
        Page[1] = (UCHAR)(ModePages[Index].Length - 2);
        if (PageControl != PageControlChangeable) {
            ModePages[Index].Build(Disk, Page);
        }
        Length += ModePages[Index].Length;
    }
    return Length;
}

/* The block descriptor (SBC-3), short or long; returns its length. */
static ULONG PutBlockDescriptor(const SCSI_DISK *Disk, BOOLEAN Long, UCHAR *Descriptor)
{
    ULONGLONG BlockCount = Disk->BlockCount;

    if (Long) {
        Put64(&Descriptor[0], BlockCount);
        Put32(&Descriptor[12], Disk->BlockSize);
        return 16;
    }
    Put32(&Descriptor[0], BlockCount > 0xffffffffu ? 0xffffffffu : (ULONG)BlockCount);
    Put32(&Descriptor[4], Disk->BlockSize); /* three bytes; the byte before them is reserved */
    return 8;
}

/* MODE SENSE(6) and (10) differ in the header and in how they say the allocation length. */
static SCSI_OUTCOME ModeSense(PSCSI_DISK Disk, PSCSI_COMMAND Command)
{
    const UCHAR *Cdb = Command->Cdb;
    BOOLEAN Ten = Cdb[0] == SCSIOP_MODE_SENSE10;
    BOOLEAN LongLba = Ten && (Cdb[1] & 0x10) != 0; /* LLBAA */
    BOOLEAN NoDescriptor = (Cdb[1] & 0x08) != 0;   /* DBD */
    UCHAR PageControl = Cdb[2] >> 6;
    ULONG HeaderLength = Ten ? 8 : 4;
    ULONG DescriptorLength = 0;
    ULONG PagesLength, Length;
    UCHAR DeviceSpecific = 0x10; /* DPOFUA */
    UCHAR Answer[ANSWER_SIZE];

    if (PageControl == PageControlSaved) {
        return Fail(Command, SCSI_SENSE_ILLEGAL_REQUEST, ScsiAscSavingNotSupported);
    }
    if (Cdb[3] != 0 && Cdb[3] != ALL_MODE_SUBPAGES) {
        return FailField(Command, 3, 7);
    }
    RtlZeroMemory(Answer, sizeof(Answer));
    if (!NoDescriptor) {
        DescriptorLength = PutBlockDescriptor(Disk, LongLba, &Answer[HeaderLength]);
    }
    Length = HeaderLength + DescriptorLength;
    PagesLength = PutModePages(Disk, Cdb[2] & 0x3f, PageControl, &Answer[Length]);
    if (PagesLength == 0) {
        return FailField(Command, 2, 5);
    }
    Length += PagesLength;
    if (Disk->ReadOnly) {
        DeviceSpecific |= 0x80; /* WP */
    }
    if (Ten) {
        Put16(&Answer[0], Length - 2);
        Answer[3] = DeviceSpecific;
        Answer[4] = LongLba && !NoDescriptor; /* LONGLBA */
        Put16(&Answer[6], DescriptorLength);
        return GiveAnswer(Command, Answer, Length, Get16(&Cdb[7]));
    }
    Answer[0] = (UCHAR)(Length - 1);
    Answer[2] = DeviceSpecific;
    Answer[3] = (UCHAR)DescriptorLength;
    return GiveAnswer(Command, Answer, Length, Cdb[4]);
}

/* ---- Capacity and readiness ---------------------------------------------------------------- */

/* A device of no blocks has no last block to report: it is a disk without a medium. */
static SCSI_OUTCOME FailNoMedium(PSCSI_COMMAND Command)
{
    return Fail(Command, SCSI_SENSE_NOT_READY, ScsiAscMediumNotPresent);
}

static SCSI_OUTCOME TestUnitReady(PSCSI_DISK Disk, PSCSI_COMMAND Command)
{
    return Disk->BlockCount == 0 ? FailNoMedium(Command) : Good(Command);
}

/* READ CAPACITY(10); LBA and PMI are obsolete and not looked at. */
static SCSI_OUTCOME ReadCapacity10(PSCSI_DISK Disk, PSCSI_COMMAND Command)
{
    ULONGLONG BlockCount = Disk->BlockCount;
    UCHAR Answer[8];

    if (BlockCount == 0) {
        return FailNoMedium(Command);
    }
    /* All ones sends the initiator to READ CAPACITY(16). */
    Put32(&Answer[0], BlockCount > 0xffffffffu ? 0xffffffffu : (ULONG)(BlockCount - 1));
    Put32(&Answer[4], Disk->BlockSize);
    return GiveAnswer(Command, Answer, sizeof(Answer), sizeof(Answer));
}

/* READ CAPACITY(16). No protection, no logical block provisioning. */
static SCSI_OUTCOME ReadCapacity16(PSCSI_DISK Disk, PSCSI_COMMAND Command)
{
    ULONGLONG BlockCount = Disk->BlockCount;
    UCHAR Answer[32];

    if (BlockCount == 0) {
        return FailNoMedium(Command);
    }
    RtlZeroMemory(Answer, sizeof(Answer));
    Put64(&Answer[0], BlockCount - 1);
    Put32(&Answer[8], Disk->BlockSize);
    Answer[13] = Disk->PhysicalBlockExponent;
    Put16(&Answer[14], Disk->LowestAlignedBlock);
    return GiveAnswer(Command, Answer, sizeof(Answer), Get32(&Command->Cdb[10]));
}

static SCSI_OUTCOME ReportLuns(PSCSI_DISK Disk, PSCSI_COMMAND Command)
{
    const UCHAR *Cdb = Command->Cdb;
    ULONG AllocationLength = Get32(&Cdb[6]);
    UCHAR Answer[16];
    ULONG Length;

    UNREFERENCED_PARAMETER(Disk);
    if (Cdb[2] > 2) {
        return FailField(Command, 2, 7);
    }
    if (AllocationLength < 16) {
        return FailField(Command, 6, 7);
    }
    /* Unit 0 is the only one, and SELECT REPORT 1 asks for well known units, of which none is. */
    Length = Cdb[2] == 1 ? 8 : 16;
    RtlZeroMemory(Answer, sizeof(Answer));
    Put32(&Answer[0], Length - 8);
    return GiveAnswer(Command, Answer, Length, AllocationLength);
}

/* REQUEST SENSE: the pending unit attention if there is one, in fixed or descriptor format. */
static SCSI_OUTCOME RequestSense(PSCSI_DISK Disk, PSCSI_COMMAND Command)
{
    const UCHAR *Cdb = Command->Cdb;
    LONG Event = TakeUnitAttention(Disk);
    SCSI_DISK_SENSE Sense;
    UCHAR Answer[SCSI_FIXED_SENSE_LENGTH];

    ScsiSetSense(&Sense, SCSI_SENSE_NO_SENSE, ScsiAscNone);
    if (Event != 0) {
        ScsiSetSense(&Sense, SCSI_SENSE_UNIT_ATTENTION, AttentionCode(Event));
    }
    if ((Cdb[1] & 0x01) == 0) {
        return GiveAnswer(Command, Answer, ScsiBuildSense(&Sense, Answer, sizeof(Answer)), Cdb[4]);
    }
    RtlZeroMemory(Answer, sizeof(Answer));
    Answer[0] = 0x72; /* current error, descriptor format, no descriptor following */
    Answer[1] = Sense.Key;
    Put16(&Answer[2], Sense.Asc);
    return GiveAnswer(Command, Answer, 8, Cdb[4]);
}

/* ---- Cache, start and stop, verification --------------------------------------------------- */

/* SYNCHRONIZE CACHE(10) and (16). The whole cache is written, whatever the range. IMMED allows an
 * answer before that is done; this one comes after, which is never wrong. */
static SCSI_OUTCOME SynchronizeCache(PSCSI_DISK Disk, PSCSI_COMMAND Command)
{
    const UCHAR *Cdb = Command->Cdb;
    DISK_RANGE Range;
    ULONGLONG FirstBad;

    if (Cdb[0] == SCSIOP_SYNCHRONIZE_CACHE16) {
        Range.First = Get64(&Cdb[2]);
        Range.Count = Get32(&Cdb[10]);
    } else {
        Range.First = Get32(&Cdb[2]);
        Range.Count = Get16(&Cdb[7]);
    }
    if (!CheckRange(Disk, Range, &FirstBad)) {
        return FailRange(Command, FirstBad);
    }
    return StartFlush(Disk, Command);
}

/* START STOP UNIT. The disk is always started and cannot be ejected; stopping it writes its cache
 * out and changes nothing else, so that the commands that follow find it ready. */
static SCSI_OUTCOME StartStopUnit(PSCSI_DISK Disk, PSCSI_COMMAND Command)
{
    const UCHAR *Cdb = Command->Cdb;
    BOOLEAN Start = (Cdb[4] & 0x01) != 0;
    BOOLEAN NoFlush = (Cdb[4] & 0x04) != 0;

    if ((Cdb[4] & 0xf0) != 0) {
        return FailField(Command, 4, 7); /* no power conditions */
    }
    if ((Cdb[4] & 0x02) != 0) {
        return FailField(Command, 4, 1); /* LOEJ */
    }
    if (Start || NoFlush) {
        return Good(Command);
    }
    return StartFlush(Disk, Command);
}

/* VERIFY(10), (12) and (16) with BYTCHK 0: nothing is transferred. virtio-blk knows no verification
 * apart from reading, and the host vouches for its storage, so an existing range is good. */
static SCSI_OUTCOME Verify(PSCSI_DISK Disk, PSCSI_COMMAND Command)
{
    const UCHAR *Cdb = Command->Cdb;
    DISK_RANGE Range;
    ULONGLONG FirstBad;

    if ((Cdb[1] & CDB_PROTECT_MASK) != 0) {
        return FailField(Command, 1, 7);
    }
    if ((Cdb[1] & CDB_BYTCHK_MASK) != 0) {
        return FailField(Command, 1, 2);
    }
    Range.First = Cdb[0] == SCSIOP_VERIFY16 ? Get64(&Cdb[2]) : Get32(&Cdb[2]);
    if (Cdb[0] == SCSIOP_VERIFY16) {
        Range.Count = Get32(&Cdb[10]);
    } else {
        Range.Count = Cdb[0] == SCSIOP_VERIFY12 ? Get32(&Cdb[6]) : Get16(&Cdb[7]);
    }
    if (!CheckRange(Disk, Range, &FirstBad)) {
        return FailRange(Command, FirstBad);
    }
    return Good(Command);
}

/* ---- The table ----------------------------------------------------------------------------- */

typedef SCSI_OUTCOME COMMAND_ROUTINE(PSCSI_DISK Disk, PSCSI_COMMAND Command);

/* What a pending unit attention does to a command (SAM-5). */
typedef enum _ATTENTION_RULE {
    AttentionFirst, /* the command ends with it */
    AttentionStays, /* the command is executed and the event stays pending */
} ATTENTION_RULE;

#define NO_SERVICE_ACTION      0xffu
#define READ_CAPACITY16_ACTION 0x10u

/* Every command but READ and WRITE. */
static const struct {
    UCHAR Opcode;
    UCHAR ServiceAction; /* bits 0 to 4 of byte 1, or NO_SERVICE_ACTION */
    UCHAR CdbLength;     /* bytes; the last is the control byte */
    UCHAR Attention;     /* an ATTENTION_RULE */
    COMMAND_ROUTINE *Execute;
} OtherCommands[] = {
    {SCSIOP_TEST_UNIT_READY, NO_SERVICE_ACTION, 6, AttentionFirst, TestUnitReady},
    {SCSIOP_REQUEST_SENSE, NO_SERVICE_ACTION, 6, AttentionStays, RequestSense},
    {SCSIOP_INQUIRY, NO_SERVICE_ACTION, 6, AttentionStays, Inquiry},
    {SCSIOP_MODE_SENSE, NO_SERVICE_ACTION, 6, AttentionFirst, ModeSense},
    {SCSIOP_START_STOP_UNIT, NO_SERVICE_ACTION, 6, AttentionFirst, StartStopUnit},
    {SCSIOP_READ_CAPACITY, NO_SERVICE_ACTION, 10, AttentionFirst, ReadCapacity10},
    {SCSIOP_VERIFY, NO_SERVICE_ACTION, 10, AttentionFirst, Verify},
    {SCSIOP_SYNCHRONIZE_CACHE, NO_SERVICE_ACTION, 10, AttentionFirst, SynchronizeCache},
    {SCSIOP_MODE_SENSE10, NO_SERVICE_ACTION, 10, AttentionFirst, ModeSense},
    {SCSIOP_VERIFY16, NO_SERVICE_ACTION, 16, AttentionFirst, Verify},
    {SCSIOP_SYNCHRONIZE_CACHE16, NO_SERVICE_ACTION, 16, AttentionFirst, SynchronizeCache},
    {SCSIOP_SERVICE_ACTION_IN16, READ_CAPACITY16_ACTION, 16, AttentionFirst, ReadCapacity16},
    {SCSIOP_REPORT_LUNS, NO_SERVICE_ACTION, 12, AttentionStays, ReportLuns},
    {SCSIOP_VERIFY12, NO_SERVICE_ACTION, 12, AttentionFirst, Verify},
};

/* A command that is in no row. An operation code that is known with another service action has a
 * wrong field, any other is wrong itself (SPC-4). */
static SCSI_OUTCOME UnknownCommand(PSCSI_DISK Disk, PSCSI_COMMAND Command, BOOLEAN OpcodeKnown)
{
    if (ReportUnitAttention(Disk, Command)) {
        return ScsiOutcomeAnswered;
    }
    if (OpcodeKnown) {
        return FailField(Command, 1, 4);
    }
    return Fail(Command, SCSI_SENSE_ILLEGAL_REQUEST, ScsiAscInvalidOpcode);
}

DECLSPEC_NOINLINE static SCSI_OUTCOME InterpretOther(PSCSI_DISK Disk, PSCSI_COMMAND Command)
{
    const UCHAR *Cdb = Command->Cdb;
    BOOLEAN OpcodeKnown = FALSE;
    ULONG Index;

    for (Index = 0; Index < ARRAYSIZE(OtherCommands); Index++) {
        UCHAR Length = OtherCommands[Index].CdbLength;

        if (OtherCommands[Index].Opcode != Cdb[0]) {
            continue;
        }
        if (Command->CdbLength < Length) {
            return Refuse(Command);
        }
        OpcodeKnown = TRUE;
        if (OtherCommands[Index].ServiceAction != NO_SERVICE_ACTION &&
            OtherCommands[Index].ServiceAction != (Cdb[1] & 0x1f)) {
            continue;
        }
        if (OtherCommands[Index].Attention == AttentionFirst &&
            ReportUnitAttention(Disk, Command)) {
            return ScsiOutcomeAnswered;
        }
        if ((Cdb[Length - 1] & CONTROL_NACA) != 0) {
            return FailField(Command, Length - 1, 2);
        }
        return OtherCommands[Index].Execute(Disk, Command);
    }
    return UnknownCommand(Disk, Command, OpcodeKnown);
}

/* ---- The way in ---------------------------------------------------------------------------- */

SCSI_OUTCOME ScsiInterpretCommand(PSCSI_DISK Disk, PSCSI_COMMAND Command)
{
    const UCHAR *Cdb = Command->Cdb;
    DISK_RANGE Range;
    ULONG Flags, Control;

    if (Cdb == NULL || Command->CdbLength < 6) {
        return Refuse(Command);
    }
    Flags = Cdb[1];
    switch (Cdb[0] & ~OPCODE_WRITE_BIT) {
    case SCSIOP_READ:
        if (Command->CdbLength < 10) {
            return Refuse(Command);
        }
        Range.First = Get32(&Cdb[2]);
        Range.Count = Get16(&Cdb[7]);
        Control = Cdb[9];
        break;
    case SCSIOP_READ16:
        if (Command->CdbLength < 16) {
            return Refuse(Command);
        }
        Range.First = Get64(&Cdb[2]);
        Range.Count = Get32(&Cdb[10]);
        Control = Cdb[15];
        break;
    case SCSIOP_READ12:
        if (Command->CdbLength < 12) {
            return Refuse(Command);
        }
        Range.First = Get32(&Cdb[2]);
        Range.Count = Get32(&Cdb[6]);
        Control = Cdb[11];
        break;
    case SCSIOP_READ6:
        /* 21 bits of block number, which end with byte 3; a count of 0 means 256. */
        Range.First = Get32(Cdb) & 0x1fffff;
        Range.Count = Cdb[4] == 0 ? 256u : Cdb[4];
        Flags = 0;
        Control = Cdb[5];
        break;
    default:
        return InterpretOther(Disk, Command);
    }
    return StartTransfer(Disk, Command, Range, Flags, Control);
}
