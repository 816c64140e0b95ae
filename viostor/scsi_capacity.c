/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Is it there, how large is it: TEST UNIT READY, READ CAPACITY, REPORT LUNS, GET LBA STATUS.
 */
#include "scsi_internal.h"

SCSI_OUTCOME ScsiTestUnitReady(PSCSI_DISK Disk, PSCSI_COMMAND Command)
{
    return Disk->BlockCount == 0 ? ScsiFailNoMedium(Command) : ScsiGood(Command);
}

/* READ CAPACITY(10); LBA and PMI are obsolete and not looked at. */
SCSI_OUTCOME ScsiReadCapacity10(PSCSI_DISK Disk, PSCSI_COMMAND Command)
{
    ULONGLONG BlockCount = Disk->BlockCount;
    UCHAR Answer[8];

    if (BlockCount == 0) {
        return ScsiFailNoMedium(Command);
    }
    /* All ones sends the initiator to READ CAPACITY(16). */
    Put32(&Answer[0], BlockCount > 0xffffffffu ? 0xffffffffu : (ULONG)(BlockCount - 1));
    Put32(&Answer[4], Disk->BlockSize);
    return ScsiGiveAnswer(Command, Answer, sizeof(Answer), sizeof(Answer));
}

/* READ CAPACITY(16). No protection; what a discarded block reads as is not known (LBPRZ 0). */
SCSI_OUTCOME ScsiReadCapacity16(PSCSI_DISK Disk, PSCSI_COMMAND Command)
{
    ULONGLONG BlockCount = Disk->BlockCount;
    UCHAR Answer[32];

    if (BlockCount == 0) {
        return ScsiFailNoMedium(Command);
    }
    RtlZeroMemory(Answer, sizeof(Answer));
    Put64(&Answer[0], BlockCount - 1);
    Put32(&Answer[8], Disk->BlockSize);
    Answer[13] = Disk->PhysicalBlockExponent;
    Put16(&Answer[14], Disk->LowestAlignedBlock);
    if (ScsiOffersProvisioning(Disk)) {
        Answer[14] |= 0x80; /* LBPME */
    }
    return ScsiGiveAnswer(Command, Answer, sizeof(Answer), Get32(&Command->Cdb[10]));
}

/* Which units are asked for (SPC-4). There are neither well known nor administrative ones, nor units
 * below those. */
enum {
    SelectOrdinary = 0x00,
    SelectWellKnown = 0x01,
    SelectAll = 0x02,
    SelectAdministrative = 0x10,
    SelectTopLevel = 0x11, /* administrative ones, and those below none */
    SelectSubsidiary = 0x12,
};

/* Units that REPORT LUNS lists; 0xff: there is no such selection. Unit 0 is the only one. */
static UCHAR SelectedUnits(UCHAR SelectReport)
{
    switch (SelectReport) {
    case SelectOrdinary:
    case SelectAll:
    case SelectTopLevel:
        return 1;
    case SelectWellKnown:
    case SelectAdministrative:
    case SelectSubsidiary:
        return 0;
    default:
        return 0xff;
    }
}

SCSI_OUTCOME ScsiReportLuns(PSCSI_DISK Disk, PSCSI_COMMAND Command)
{
    const UCHAR *Cdb = Command->Cdb;
    const UCHAR Units = SelectedUnits(Cdb[2]);
    ULONG AllocationLength = Get32(&Cdb[6]);
    UCHAR Answer[16];

    UNREFERENCED_PARAMETER(Disk);
    if (Units == 0xff) {
        return ScsiFailField(Command, 2, 7);
    }
    if (AllocationLength < 16) {
        return ScsiFailField(Command, 6, 7);
    }
    RtlZeroMemory(Answer, sizeof(Answer));
    Put32(&Answer[0], Units * 8u);
    return ScsiGiveAnswer(Command, Answer, 8 + Units * 8u, AllocationLength);
}

/*
 * GET LBA STATUS: virtio-blk does not tell which blocks the host keeps space for. One descriptor that
 * reaches to the end says "mapped, or not known" (SBC-3) of all that is asked about.
 */
SCSI_OUTCOME ScsiGetLbaStatus(PSCSI_DISK Disk, PSCSI_COMMAND Command)
{
    const ULONGLONG First = Get64(&Command->Cdb[2]);
    const ULONGLONG BlockCount = Disk->BlockCount;
    UCHAR Answer[24];

    if (First >= BlockCount) {
        return ScsiFailRange(Command, First);
    }
    RtlZeroMemory(Answer, sizeof(Answer));
    Put32(&Answer[0], sizeof(Answer) - 4);
    Put64(&Answer[8], First);
    Put32(&Answer[16],
          BlockCount - First > 0xffffffffu ? 0xffffffffu : (ULONG)(BlockCount - First));
    return ScsiGiveAnswer(Command, Answer, sizeof(Answer), Get32(&Command->Cdb[10]));
}
