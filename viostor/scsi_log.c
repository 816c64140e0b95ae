/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * LOG SENSE (SPC-4, SBC-3), for devices that tell the wear of their medium (F_LIFETIME): the solid
 * state media page. Its numbers are the device's at that moment, so the command asks the device.
 */
#include "scsi_internal.h"

#define LOG_PAGE_LIST        0x00u
#define LOG_PAGE_SOLID_STATE 0x11u

/* The page's length: header, and one parameter of 4 + 4 bytes. */
#define SOLID_STATE_PAGE_LENGTH 12u

/* Values of an estimate (JEDEC eMMC 5.0, which the virtio specification takes them from): steps of
 * ten per cent from 1 on (0: not known), and one for "over". */
#define ESTIMATE_EXCEEDED 0x0bu

/* The percentage used that an estimate stands for, 0..255 where more than 100 means "exceeded". */
static UCHAR EstimateToPercent(ULONG Estimate)
{
    if (Estimate >= ESTIMATE_EXCEEDED) {
        return 101;
    }
    return (UCHAR)(Estimate * 10);
}

void ScsiWriteLifetimeLog(const UCHAR *Lifetime, UCHAR *Data, ULONG Length)
{
    const ULONG TypeA = Lifetime[2] | (ULONG)Lifetime[3] << 8;
    const ULONG TypeB = Lifetime[4] | (ULONG)Lifetime[5] << 8;
    UCHAR Page[SOLID_STATE_PAGE_LENGTH];

    RtlZeroMemory(Page, sizeof(Page));
    Page[0] = LOG_PAGE_SOLID_STATE;
    Page[3] = sizeof(Page) - 4;
    Put16(&Page[4], 0x0001); /* percentage used endurance indicator */
    Page[6] = 0x03;          /* binary list */
    Page[7] = 4;
    Page[11] = EstimateToPercent(TypeA > TypeB ? TypeA : TypeB);
    RtlCopyMemory(Data, Page, Minimum(Length, sizeof(Page)));
}

/* The page is written into the data buffer at the end of the sequence. */
static SCSI_OUTCOME StartLifetime(PSCSI_COMMAND Command, ULONG AllocationLength)
{
    const ULONG Length = Minimum(SOLID_STATE_PAGE_LENGTH, AllocationLength);

    if (Length == 0) {
        return ScsiGood(Command);
    }
    if (Length > Command->DataLength || Command->DataBuffer == NULL) {
        return ScsiRefuse(Command);
    }
    Command->Sequence = SequenceLifetime;
    Command->Sector = 0;
    Command->SectorCount = 0;
    Command->Length = Length;
    return ScsiOutcomeStartIo;
}

SCSI_OUTCOME ScsiLogSense(PSCSI_DISK Disk, PSCSI_COMMAND Command)
{
    static const UCHAR Pages[] = {LOG_PAGE_LIST, 0, 0, 2, LOG_PAGE_LIST, LOG_PAGE_SOLID_STATE};
    const UCHAR *Cdb = Command->Cdb;

    UNREFERENCED_PARAMETER(Disk);
    if ((Cdb[1] & 0x01) != 0) {
        return ScsiFailField(Command, 1, 0); /* SP: nothing can be saved */
    }
    if (Cdb[2] >> 6 != 1) {
        return ScsiFailField(Command, 2, 7); /* only cumulative values */
    }
    if (Cdb[3] != 0) {
        return ScsiFailField(Command, 3, 7); /* no subpages */
    }
    if (Get16(&Cdb[5]) > 1) {
        return ScsiFailField(Command, 5, 7); /* beyond the last parameter */
    }
    switch (Cdb[2] & 0x3f) {
    case LOG_PAGE_LIST:
        return ScsiGiveAnswer(Command, Pages, sizeof(Pages), Get16(&Cdb[7]));
    case LOG_PAGE_SOLID_STATE:
        return StartLifetime(Command, Get16(&Cdb[7]));
    default:
        return ScsiFailField(Command, 2, 5);
    }
}
