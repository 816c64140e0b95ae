/* SPDX-License-Identifier: BSD-3-Clause */
/* The SCSI commands of a disk in memory. Compiled once for each port driver. */
#include "port_calls.h"

static UCHAR GiveData(PSCSI_REQUEST_BLOCK Srb, const UCHAR *Data, ULONG Length)
{
    if (Srb->DataTransferLength < Length) {
        Length = Srb->DataTransferLength;
    }
    RtlCopyMemory(Srb->DataBuffer, Data, Length);
    Srb->DataTransferLength = Length;
    return SRB_STATUS_SUCCESS;
}

static UCHAR ReadOrWrite(PUCHAR Disk, PSCSI_REQUEST_BLOCK Srb)
{
    ULONG Block = (ULONG)Srb->Cdb[4] << 8 | Srb->Cdb[5];
    ULONG Bytes = ((ULONG)Srb->Cdb[7] << 8 | Srb->Cdb[8]) * BLOCK_BYTES;
    PUCHAR Place = Disk + Block * BLOCK_BYTES;

    if (Srb->Cdb[2] != 0 || Srb->Cdb[3] != 0 || Block > DISK_BLOCKS ||
        Bytes > (DISK_BLOCKS - Block) * BLOCK_BYTES || Srb->DataTransferLength != Bytes) {
        return SRB_STATUS_INVALID_REQUEST;
    }
    if (Srb->Cdb[0] == SCSIOP_READ) {
        RtlCopyMemory(Srb->DataBuffer, Place, Bytes);
    } else {
        RtlCopyMemory(Place, Srb->DataBuffer, Bytes);
    }
    return SRB_STATUS_SUCCESS;
}

UCHAR DiskScsi(PUCHAR Disk, PSCSI_REQUEST_BLOCK Srb)
{
    static const UCHAR Inquiry[36] = {0, 0, 5, 2, 31};
    static const UCHAR Capacity[8] = {0, 0, 0, DISK_BLOCKS - 1, 0, 0, BLOCK_BYTES >> 8, 0};
    static const UCHAR Luns[16] = {0, 0, 0, 8};
    static const UCHAR Mode[4] = {3};

    Srb->ScsiStatus = SCSISTAT_GOOD;
    switch (Srb->Cdb[0]) {
    case SCSIOP_INQUIRY:
        return (Srb->Cdb[1] & 1) != 0 ? SRB_STATUS_INVALID_REQUEST
                                      : GiveData(Srb, Inquiry, sizeof(Inquiry));
    case SCSIOP_READ_CAPACITY:
        return GiveData(Srb, Capacity, sizeof(Capacity));
    case SCSIOP_REPORT_LUNS:
        return GiveData(Srb, Luns, sizeof(Luns));
    case SCSIOP_MODE_SENSE:
        return GiveData(Srb, Mode, sizeof(Mode));
    case SCSIOP_READ:
    case SCSIOP_WRITE:
        return ReadOrWrite(Disk, Srb);
    case SCSIOP_TEST_UNIT_READY:
    case SCSIOP_SYNCHRONIZE_CACHE:
        return SRB_STATUS_SUCCESS;
    default:
        return SRB_STATUS_INVALID_REQUEST;
    }
}
