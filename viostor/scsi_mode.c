/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * MODE SENSE and MODE SELECT, 6 and 10 (SPC-4, SBC-3). A page is a row of a table and a function.
 *
 * One bit can be changed: WCE of the caching page, where the device lets the driver choose. MODE
 * SELECT accepts pages as MODE SENSE tells them, with that bit as it is wanted; any other difference
 * is a wrong field. Everything of a parameter list is judged before anything is changed.
 */
#include "scsi_internal.h"

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

/* The longest mode page, in bytes with its header. */
#define MODE_PAGE_MAXIMUM 24u

#define CACHING_PAGE 0x08u
#define CACHING_WCE  0x04u /* in byte 2 */

#define MODE6_HEADER_LENGTH  4u
#define MODE10_HEADER_LENGTH 8u

/* ---- Pages ---- */

/*
 * A mode page: sets what is not zero in Page, whose first two bytes (code and length) are there
 * already. Changeable values are zero everywhere but in the caching page; they ask for no other.
 */
typedef void MODE_PAGE_ROUTINE(const SCSI_DISK *Disk, UCHAR PageControl, UCHAR *Page);

/* Read-write error recovery (SBC-3): the host's storage replaces bad blocks by itself. */
static void ErrorRecoveryPage(const SCSI_DISK *Disk, UCHAR PageControl, UCHAR *Page)
{
    UNREFERENCED_PARAMETER(Disk);
    UNREFERENCED_PARAMETER(PageControl);
    Page[2] = 0x80 | 0x40; /* AWRE, ARRE */
}

/* Format device (SCSI-2): a track, for those who still think in cylinders. */
static void FormatPage(const SCSI_DISK *Disk, UCHAR PageControl, UCHAR *Page)
{
    UNREFERENCED_PARAMETER(PageControl);
    Put16(&Page[10], Disk->SectorsPerTrack);
    Put16(&Page[12], Disk->BlockSize & 0xffff);
    Page[20] = 0x40; /* HSEC: nothing here is a soft sector */
}

/* Rigid disk geometry (SCSI-2): as the host's user has chosen it for the device. */
static void GeometryPage(const SCSI_DISK *Disk, UCHAR PageControl, UCHAR *Page)
{
    UNREFERENCED_PARAMETER(PageControl);
    Put16(&Page[3], Disk->Cylinders);
    Page[5] = Disk->Heads;
}

/* Caching (SBC-3). */
static void CachingPage(const SCSI_DISK *Disk, UCHAR PageControl, UCHAR *Page)
{
    BOOLEAN Wce = PageControl == PageControlChangeable ? Disk->WriteCacheSettable
                  : PageControl == PageControlDefault  ? Disk->WriteCacheDefault
                                                       : Disk->WriteCacheEnabled;

    Page[2] = Wce ? CACHING_WCE : 0x00;
}

/* Control (SPC-4). */
static void ControlPage(const SCSI_DISK *Disk, UCHAR PageControl, UCHAR *Page)
{
    UNREFERENCED_PARAMETER(Disk);
    UNREFERENCED_PARAMETER(PageControl);
    Page[3] = 0x10; /* queue algorithm modifier: commands may be reordered without limit */
}

/* Informational exceptions control (SBC-3): a virtio disk predicts no failure. */
static void ExceptionsPage(const SCSI_DISK *Disk, UCHAR PageControl, UCHAR *Page)
{
    UNREFERENCED_PARAMETER(Disk);
    UNREFERENCED_PARAMETER(PageControl);
    Page[2] = 0x08; /* DEXCPT */
}

static BOOLEAN HasGeometry(const SCSI_DISK *Disk)
{
    return Disk->Cylinders != 0 && Disk->Heads != 0 && Disk->SectorsPerTrack != 0;
}

/* In ascending order, as "all pages" returns them. */
static const struct MODE_PAGE {
    UCHAR Page;
    UCHAR Length;                              /* with its two bytes of header */
    BOOLEAN (*Offered)(const SCSI_DISK *Disk); /* NULL: always */
    MODE_PAGE_ROUTINE *Build;
} ModePages[] = {
    {0x01, 12, NULL, ErrorRecoveryPage},   {0x03, 24, HasGeometry, FormatPage},
    {0x04, 24, HasGeometry, GeometryPage}, {CACHING_PAGE, 20, NULL, CachingPage},
    {0x0a, 12, NULL, ControlPage},         {0x1c, 12, NULL, ExceptionsPage},
};

static BOOLEAN IsOffered(const SCSI_DISK *Disk, const struct MODE_PAGE *Page)
{
    return Page->Offered == NULL || Page->Offered(Disk);
}

/* Writes a page, whole, into zeroed memory. */
static void BuildPage(const SCSI_DISK *Disk, const struct MODE_PAGE *Page, UCHAR PageControl,
                      UCHAR *Bytes)
{
    Bytes[0] = Page->Page;
    Bytes[1] = (UCHAR)(Page->Length - 2);
    if (PageControl != PageControlChangeable || Page->Page == CACHING_PAGE) {
        Page->Build(Disk, PageControl, Bytes);
    }
}

/* Puts the page that is asked for, or all, to Answer; returns the length, 0 if there is none. */
static ULONG PutModePages(const SCSI_DISK *Disk, UCHAR PageCode, UCHAR PageControl, UCHAR *Answer)
{
    ULONG Length = 0;
    ULONG Index;

    for (Index = 0; Index < ARRAYSIZE(ModePages); Index++) {
        const struct MODE_PAGE *Page = &ModePages[Index];

        if ((PageCode == ALL_MODE_PAGES || PageCode == Page->Page) && IsOffered(Disk, Page)) {
            BuildPage(Disk, Page, PageControl, Answer + Length);
            Length += Page->Length;
        }
    }
    return Length;
}

/* ---- MODE SENSE ---- */

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
SCSI_OUTCOME ScsiModeSense(PSCSI_DISK Disk, PSCSI_COMMAND Command)
{
    const UCHAR *Cdb = Command->Cdb;
    BOOLEAN Ten = Cdb[0] == SCSIOP_MODE_SENSE10;
    BOOLEAN LongLba = Ten && (Cdb[1] & 0x10) != 0; /* LLBAA */
    BOOLEAN NoDescriptor = (Cdb[1] & 0x08) != 0;   /* DBD */
    UCHAR PageControl = Cdb[2] >> 6;
    ULONG HeaderLength = Ten ? MODE10_HEADER_LENGTH : MODE6_HEADER_LENGTH;
    ULONG DescriptorLength = 0;
    ULONG PagesLength, Length;
    UCHAR DeviceSpecific = 0x10; /* DPOFUA */
    UCHAR Answer[ANSWER_SIZE];

    if (PageControl == PageControlSaved) {
        return ScsiFail(Command, SCSI_SENSE_ILLEGAL_REQUEST, ScsiAscSavingNotSupported);
    }
    if (Cdb[3] != 0 && Cdb[3] != ALL_MODE_SUBPAGES) {
        return ScsiFailField(Command, 3, 7);
    }
    RtlZeroMemory(Answer, sizeof(Answer));
    if (!NoDescriptor) {
        DescriptorLength = PutBlockDescriptor(Disk, LongLba, &Answer[HeaderLength]);
    }
    Length = HeaderLength + DescriptorLength;
    PagesLength = PutModePages(Disk, Cdb[2] & 0x3f, PageControl, &Answer[Length]);
    if (PagesLength == 0) {
        return ScsiFailField(Command, 2, 5);
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
        return ScsiGiveAnswer(Command, Answer, Length, Get16(&Cdb[7]));
    }
    Answer[0] = (UCHAR)(Length - 1);
    Answer[2] = DeviceSpecific;
    Answer[3] = (UCHAR)DescriptorLength;
    return ScsiGiveAnswer(Command, Answer, Length, Cdb[4]);
}

/* ---- MODE SELECT ---- */

/* A parameter list on its way: the list lies in memory that others may change, so each byte of it is
 * taken out once. */
typedef struct _MODE_LIST {
    const UCHAR *Bytes;
    ULONG Length;
    ULONG Position;     /* of what comes next */
    BOOLEAN WriteCache; /* the cache mode that is wanted so far */
} MODE_LIST;

static SCSI_OUTCOME FailListLength(PSCSI_COMMAND Command)
{
    return ScsiFail(Command, SCSI_SENSE_ILLEGAL_REQUEST, ScsiAscParameterListLength);
}

/* Takes Count bytes out of the list; FALSE: it ends before. */
static BOOLEAN TakeBytes(MODE_LIST *List, UCHAR *Bytes, ULONG Count)
{
    if (Count > List->Length - List->Position) {
        return FALSE;
    }
    RtlCopyMemory(Bytes, List->Bytes + List->Position, Count);
    List->Position += Count;
    return TRUE;
}

/* The header: ScsiOutcomeAnswered with a failure, else ScsiOutcomeStartIo. */
static SCSI_OUTCOME TakeHeader(PSCSI_COMMAND Command, MODE_LIST *List, ULONG *DescriptorLength,
                               BOOLEAN *LongLba)
{
    const BOOLEAN Ten = Command->Cdb[0] == SCSIOP_MODE_SELECT10;
    UCHAR Header[MODE10_HEADER_LENGTH];

    if (!TakeBytes(List, Header, Ten ? MODE10_HEADER_LENGTH : MODE6_HEADER_LENGTH)) {
        return FailListLength(Command);
    }
    if (Header[Ten ? 2 : 1] != 0) {
        return ScsiFailList(Command, Ten ? 2 : 1); /* medium type */
    }
    *LongLba = Ten && (Header[4] & 0x01) != 0;
    *DescriptorLength = Ten ? Get16(&Header[6]) : Header[3];
    return ScsiOutcomeStartIo;
}

/* A block descriptor may say what is, or 0 blocks (no change); the disk cannot be made another. */
static SCSI_OUTCOME TakeDescriptor(const SCSI_DISK *Disk, PSCSI_COMMAND Command, MODE_LIST *List,
                                   ULONG Length, BOOLEAN LongLba)
{
    const USHORT Start = (USHORT)List->Position;
    UCHAR Wanted[16], Current[16];
    ULONG Index;

    if (Length == 0) {
        return ScsiOutcomeStartIo;
    }
    if (Length != (LongLba ? 16u : 8u)) {
        return ScsiFailList(Command, Command->Cdb[0] == SCSIOP_MODE_SELECT10 ? 6 : 3);
    }
    if (!TakeBytes(List, Wanted, Length)) {
        return FailListLength(Command);
    }
    RtlZeroMemory(Current, sizeof(Current));
    PutBlockDescriptor(Disk, LongLba, Current);
    if ((LongLba ? Get64(Wanted) : Get32(Wanted)) == 0) {
        RtlCopyMemory(Wanted, Current, LongLba ? 8 : 4);
    }
    for (Index = 0; Index < Length; Index++) {
        if (Wanted[Index] != Current[Index]) {
            return ScsiFailList(Command, (USHORT)(Start + Index));
        }
    }
    return ScsiOutcomeStartIo;
}

static const struct MODE_PAGE *FindPage(const SCSI_DISK *Disk, UCHAR PageCode)
{
    ULONG Index;

    for (Index = 0; Index < ARRAYSIZE(ModePages); Index++) {
        if (ModePages[Index].Page == PageCode && IsOffered(Disk, &ModePages[Index])) {
            return &ModePages[Index];
        }
    }
    return NULL;
}

/* One page, which may differ from the current values where it may be changed. */
static SCSI_OUTCOME TakePage(const SCSI_DISK *Disk, PSCSI_COMMAND Command, MODE_LIST *List)
{
    const USHORT Start = (USHORT)List->Position;
    const struct MODE_PAGE *Page;
    UCHAR Wanted[MODE_PAGE_MAXIMUM], Current[MODE_PAGE_MAXIMUM], Changeable[MODE_PAGE_MAXIMUM];
    ULONG Index;

    if (!TakeBytes(List, Wanted, 2)) {
        return FailListLength(Command);
    }
    Page = (Wanted[0] & 0x40) == 0 ? FindPage(Disk, Wanted[0] & 0x3f) : NULL; /* SPF: none here */
    if (Page == NULL) {
        return ScsiFailList(Command, Start);
    }
    if (Wanted[1] != Page->Length - 2u) {
        return ScsiFailList(Command, Start + 1);
    }
    if (!TakeBytes(List, &Wanted[2], Page->Length - 2u)) {
        return FailListLength(Command);
    }
    RtlZeroMemory(Current, sizeof(Current));
    RtlZeroMemory(Changeable, sizeof(Changeable));
    BuildPage(Disk, Page, PageControlCurrent, Current);
    BuildPage(Disk, Page, PageControlChangeable, Changeable);
    for (Index = 2; Index < Page->Length; Index++) {
        if (((Wanted[Index] ^ Current[Index]) & ~Changeable[Index]) != 0) {
            return ScsiFailList(Command, (USHORT)(Start + Index));
        }
    }
    if (Page->Page == CACHING_PAGE) {
        List->WriteCache = (Wanted[2] & CACHING_WCE) != 0;
    }
    return ScsiOutcomeStartIo;
}

/* Judges a whole list; ScsiOutcomeStartIo if it is good. */
static SCSI_OUTCOME TakeList(const SCSI_DISK *Disk, PSCSI_COMMAND Command, MODE_LIST *List)
{
    ULONG DescriptorLength = 0;
    BOOLEAN LongLba = FALSE;
    SCSI_OUTCOME Outcome = TakeHeader(Command, List, &DescriptorLength, &LongLba);

    if (Outcome == ScsiOutcomeStartIo) {
        Outcome = TakeDescriptor(Disk, Command, List, DescriptorLength, LongLba);
    }
    while (Outcome == ScsiOutcomeStartIo && List->Position < List->Length) {
        Outcome = TakePage(Disk, Command, List);
    }
    return Outcome;
}

/* MODE SELECT(6) and (10). */
SCSI_OUTCOME ScsiModeSelect(PSCSI_DISK Disk, PSCSI_COMMAND Command)
{
    const UCHAR *Cdb = Command->Cdb;
    const ULONG Length = Cdb[0] == SCSIOP_MODE_SELECT10 ? Get16(&Cdb[7]) : Cdb[4];
    MODE_LIST List = {Command->DataBuffer, Length, 0, Disk->WriteCacheEnabled};
    SCSI_OUTCOME Outcome;

    if ((Cdb[1] & 0x10) == 0) {
        return ScsiFailField(Command, 1, 4); /* PF 0: pages of a vendor's */
    }
    if ((Cdb[1] & 0x01) != 0) {
        return ScsiFailField(Command, 1, 0); /* SP: nothing can be saved */
    }
    if (Length == 0) {
        return ScsiGoodData(Command, 0);
    }
    if (Length > Command->DataLength || Command->DataBuffer == NULL) {
        return ScsiRefuse(Command);
    }
    Outcome = TakeList(Disk, Command, &List);
    if (Outcome != ScsiOutcomeStartIo) {
        return Outcome;
    }
    if (List.WriteCache == Disk->WriteCacheEnabled) {
        return ScsiGoodData(Command, Length);
    }
    Command->Sequence = SequenceSetCache;
    Command->Length = Length;
    Command->Sector = 0;
    Command->SectorCount = List.WriteCache;
    return ScsiOutcomeStartIo;
}
