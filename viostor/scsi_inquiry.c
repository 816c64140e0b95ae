/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * INQUIRY: the standard data and the vital product data pages (SPC-4, SBC-3). A page is a row of a
 * table and a function; the page that lists them is made from the table.
 */
#include "scsi_internal.h"

/* Frozen from the first release: Windows makes the disk's instance from these strings and from the
 * designators of VPD page 83h, which the first two are part of. A change makes every disk a new one. */
#define DISK_VENDOR         "VirtIO  "
#define DISK_PRODUCT        "Virtual Disk    "
#define DISK_PLACE          "PCI-location-"
#define DISK_VENDOR_LENGTH  8u
#define DISK_PRODUCT_LENGTH 16u

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
    PutText(&Answer[32], DISK_REVISION, DISK_REVISION_LENGTH);
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

/* The designator based on the T10 vendor identification (SPC-4, 7.8.5.4). Returns its length. */
static ULONG PutVendorDesignator(const SCSI_DISK *Disk, UCHAR *Designator)
{
    ULONG Length = DISK_VENDOR_LENGTH + DISK_PRODUCT_LENGTH;

    Designator[0] = 0x02; /* code set: ASCII */
    Designator[1] = 0x01; /* of the logical unit; T10 vendor id based */
    PutText(&Designator[4], DISK_VENDOR, DISK_VENDOR_LENGTH);
    PutText(&Designator[4 + DISK_VENDOR_LENGTH], DISK_PRODUCT, DISK_PRODUCT_LENGTH);
    Length += PutIdentity(Disk, &Designator[4 + Length]);
    Designator[3] = (UCHAR)Length;
    return 4 + Length;
}

/* FNV-1a, 64 bits, of Bytes; Hash is what came before them. */
static ULONGLONG HashBytes(ULONGLONG Hash, const UCHAR *Bytes, ULONG Length)
{
    ULONG Index;

    for (Index = 0; Index < Length; Index++) {
        Hash = (Hash ^ Bytes[Index]) * 0x100000001b3ull;
    }
    return Hash;
}

/*
 * The designator of type NAA (SPC-4, 7.8.5.6), which MPIO and the validation of a failover cluster want:
 * NAA 3h, locally assigned, and 60 bits made of vendor, product and serial number. Returns its length.
 * Without a serial number there is none: the place in the machine does not tell disks of two machines
 * apart, and whoever looks at this designator would take them for one.
 */
static ULONG PutNaaDesignator(const SCSI_DISK *Disk, UCHAR *Designator)
{
    static const UCHAR Names[] = DISK_VENDOR DISK_PRODUCT;
    ULONGLONG Hash = HashBytes(0xcbf29ce484222325ull, Names, sizeof(Names) - 1);

    if (Disk->SerialLength == 0) {
        return 0;
    }
    Hash = HashBytes(Hash, Disk->Serial, DISK_SERIAL_LENGTH);
    Hash ^= Hash >> 60;   /* the digit that NAA takes the place of goes into the last one */
    Designator[0] = 0x01; /* code set: binary */
    Designator[1] = 0x03; /* of the logical unit; NAA */
    Designator[3] = 8;
    Put64(&Designator[4], (Hash & 0x0fffffffffffffffull) | 0x3000000000000000ull);
    return 12;
}

/* VPD 83h, device identification (SPC-4): the designators of the logical unit. */
static ULONG DeviceIdentificationPage(const SCSI_DISK *Disk, UCHAR *Page)
{
    const ULONG Length = PutVendorDesignator(Disk, &Page[4]);

    return Length + PutNaaDesignator(Disk, &Page[4 + Length]);
}

/* VPD 86h, extended INQUIRY data (SPC-4). */
static ULONG ExtendedInquiryPage(const SCSI_DISK *Disk, UCHAR *Page)
{
    Page[5] = 0x01;                               /* SIMPSUP: simple task attribute only */
    Page[6] = Disk->FlushSupported ? 0x01 : 0x00; /* V_SUP: a volatile cache */
    return 60;
}

/*
 * VPD B0h, block limits (SBC-3): what READ, WRITE, UNMAP and WRITE SAME obey; lengths in logical
 * blocks, 0 where there is no limit or nothing is known. COMPARE AND WRITE and PRE-FETCH limits stay
 * 0: the first is not offered, the second has none.
 */
static ULONG BlockLimitsPage(const SCSI_DISK *Disk, UCHAR *Page)
{
    ULONG Maximum = BytesToBlocks(Disk, Disk->MaximumTransferLength);

    if (Disk->MaximumTransferLength == 0xffffffffu) {
        Maximum = 0;
    }
    Put16(&Page[6], Disk->MinimumIoBlocks);
    Put32(&Page[8], Maximum);
    Put32(&Page[12],
          Maximum == 0 ? Disk->OptimalIoBlocks : Minimum(Disk->OptimalIoBlocks, Maximum));
    if (ScsiOffersDiscard(Disk)) {
        Put32(&Page[20], Disk->UnmapBlocks);
        Put32(&Page[24], Disk->UnmapRanges);
        Put32(&Page[28], Disk->DiscardAlignment >> Disk->BlockShift);
        Put32(&Page[32], 0x80000000u); /* UGAVALID: grains begin at block 0 */
    }
    if (ScsiOffersWriteSame(Disk)) {
        Page[4] = 0x01; /* WSNZ: a number of blocks of 0 is not "all of them" */
        Put64(&Page[36], ScsiWriteSameBlocks(Disk));
    }
    return 60;
}

/* VPD B1h, block device characteristics (SBC-3). */
static ULONG CharacteristicsPage(const SCSI_DISK *Disk, UCHAR *Page)
{
    UNREFERENCED_PARAMETER(Disk);
    Put16(&Page[4], 0x0001); /* nothing rotates: Windows does not defragment the disk */
    Page[8] = 0x02 | 0x01;   /* FUAB: FUA and SYNCHRONIZE CACHE as in SBC-3; VBULS: what was
                              * discarded is compared as it reads, as it cannot be told apart */
    return 60;
}

/*
 * VPD B2h, logical block provisioning (SBC-3). What a discarded block reads as is not known (LBPRZ
 * 0). The provisioning type stays "not told": whether the host promises space for every block is not
 * known either, and Windows treats "thin" as a storage pool that it consolidates slab by slab.
 */
static ULONG ProvisioningPage(const SCSI_DISK *Disk, UCHAR *Page)
{
    if (ScsiOffersDiscard(Disk)) {
        Page[5] |= 0x80; /* LBPU: UNMAP */
    }
    if (ScsiOffersZeroUnmap(Disk)) {
        Page[5] |= 0x40 | 0x20; /* LBPWS, LBPWS10: WRITE SAME (16) and (10) with UNMAP */
    }
    return 4;
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
    {0xb2, ProvisioningPage},
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

SCSI_OUTCOME ScsiInquiry(PSCSI_DISK Disk, PSCSI_COMMAND Command)
{
    const UCHAR *Cdb = Command->Cdb;
    ULONG AllocationLength = Get16(&Cdb[3]);
    UCHAR Answer[ANSWER_SIZE];
    ULONG Index;

    if ((Cdb[1] & 0x02) != 0) {
        return ScsiFailField(Command, 1, 1); /* CMDDT, obsolete */
    }
    RtlZeroMemory(Answer, sizeof(Answer));
    if ((Cdb[1] & 0x01) == 0) {
        if (Cdb[2] != 0) {
            return ScsiFailField(Command, 2, 7); /* a page code means nothing without EVPD */
        }
        return ScsiGiveAnswer(Command, Answer, StandardInquiry(Answer), AllocationLength);
    }
    for (Index = 0; Index < ARRAYSIZE(VpdPages); Index++) {
        if (VpdPages[Index].Page == Cdb[2]) {
            ULONG Length = VpdPages[Index].Build(Disk, Answer);

            Answer[1] = Cdb[2];
            Put16(&Answer[2], Length);
            return ScsiGiveAnswer(Command, Answer, 4 + Length, AllocationLength);
        }
    }
    return ScsiFailField(Command, 2, 7);
}
