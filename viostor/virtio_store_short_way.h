/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The short way of an ordinary READ or WRITE, compiled into the entry points: HwBuildIo understands it
 * in one look, HwStartIo puts it into the ring. Whatever is not that ordinary goes the long way
 * (SrbBuildAny, SrbStartAny), which knows everything.
 *
 * Each instruction here is one of every request: `make bench` counts them.
 */
#ifndef VIRTIO_STORE_SHORT_WAY_H
#define VIRTIO_STORE_SHORT_WAY_H

#include "port.h"
#include "request.h"
#include "virtio_store_srb.h"

/* ---- HwBuildIo ---- */

FORCEINLINE USHORT LoadBig16(const UCHAR *Bytes)
{
    USHORT Value;

    __builtin_memcpy(&Value, Bytes, sizeof(Value));
    return __builtin_bswap16(Value);
}

FORCEINLINE ULONG LoadBig32(const UCHAR *Bytes)
{
    ULONG Value;

    __builtin_memcpy(&Value, Bytes, sizeof(Value));
    return __builtin_bswap32(Value);
}

FORCEINLINE ULONGLONG LoadBig64(const UCHAR *Bytes)
{
    ULONGLONG Value;

    __builtin_memcpy(&Value, Bytes, sizeof(Value));
    return __builtin_bswap64(Value);
}

/* Reads first block and number of blocks of a READ or WRITE, 10 or 16, without any option; Write is
 * OPCODE_WRITE_BIT or 0. FALSE: it is another command, or has an option. */
FORCEINLINE BOOLEAN ReadTransferCdb(const PORT_TRANSFER_SRB *Transfer, PULONGLONG First,
                                    PULONGLONG Count, PULONG Write)
{
    const UCHAR *Cdb = Transfer->Cdb;

    *Write = (ULONG)Cdb[0] - SCSIOP_READ;
    if (LIKELY((*Write & ~OPCODE_WRITE_BIT) == 0)) {
        if (UNLIKELY(*Transfer->CdbLength < 10 || (Cdb[1] | Cdb[9]) != 0)) {
            return FALSE;
        }
        *First = LoadBig32(&Cdb[2]);
        *Count = LoadBig16(&Cdb[7]);
        return TRUE;
    }
    *Write = (ULONG)Cdb[0] - SCSIOP_READ16;
    if (UNLIKELY((*Write & ~OPCODE_WRITE_BIT) != 0 || *Transfer->CdbLength < 16 ||
                 (Cdb[1] | Cdb[15]) != 0)) {
        return FALSE;
    }
    *First = LoadBig64(&Cdb[2]);
    *Count = LoadBig32(&Cdb[10]);
    return TRUE;
}

/*
 * Builds the request of an ordinary READ or WRITE: the one unit, no FUA or other option, in range, a
 * buffer of just the right length, nothing that the unit has to tell first. FALSE: it is anything
 * else, and nothing has been done; ScsiInterpretCommand knows what it means. What passes here means
 * there the same.
 */
FORCEINLINE BOOLEAN BuildTransfer(PADAPTER_EXTENSION Adapter, PORT_SRB_KIND Kind, PVOID Srb)
{
    const SCSI_DISK *Disk = &Adapter->Disk;
    PORT_TRANSFER_SRB Transfer;
    PSRB_EXTENSION Request;
    ULONGLONG Blocks; /* from First on */
    ULONGLONG First;
    ULONGLONG Count;
    ULONG Write; /* OPCODE_WRITE_BIT or 0 */

    if (UNLIKELY(!PortLookAtTransfer(Kind, Srb, &Transfer) ||
                 !ReadTransferCdb(&Transfer, &First, &Count, &Write))) {
        return FALSE;
    }
    if (UNLIKELY((Count << Disk->BlockByteShift) != Transfer.DataLength ||
                 Transfer.DataLength - 1 >= Disk->OpenTransferLength[Write] ||
                 __builtin_sub_overflow(Disk->BlockCount, First, &Blocks) || Count > Blocks)) {
        return FALSE;
    }
    Request = PortSrbExtensionOf(Kind, Srb);
    Request->Srb = Srb;
    Request->Sector = First << Disk->BlockShift;
    Request->Length = Transfer.DataLength;
    Request->Unusual = 0;
    Request->Operation = (UCHAR)(DiskOperationRead + Write);
    *Transfer.ScsiStatus = SCSISTAT_GOOD; /* unless it turns out otherwise */
    Request->Segments = PortGetSegments(Adapter, Srb);
    return TRUE;
}

_Static_assert(DiskOperationRead + OPCODE_WRITE_BIT == DiskOperationWrite,
               "BuildTransfer counts on it");

/*
 * Understands an SRB, legacy or extended, and answers it where the device has no part in it.
 * TRUE: its extension is filled, hand it to SrbStart. FALSE: it has been completed.
 * IRQL <= DISPATCH_LEVEL, no lock; runs on several processors at once.
 */
FORCEINLINE BOOLEAN SrbBuild(PADAPTER_EXTENSION Adapter, PVOID Srb)
{
    /* Compiled for each kind by itself: what lies where is then known. */
    if (LIKELY(PortSrbKind(Srb) == PortSrbExtended)) {
        if (LIKELY(BuildTransfer(Adapter, PortSrbExtended, Srb))) {
            return TRUE;
        }
    } else if (LIKELY(BuildTransfer(Adapter, PortSrbLegacy, Srb))) {
        return TRUE;
    }
    return SrbBuildAny(Adapter, Srb);
}

/* ---- HwStartIo ---- */

/* TRUE. Starts an SRB for which SrbBuild said TRUE. It is completed before this returns (a reset) or by
 * its queue. DISPATCH_LEVEL; runs on several processors at once. */
FORCEINLINE BOOLEAN SrbStart(PADAPTER_EXTENSION Adapter, PVOID Srb)
{
    PSRB_EXTENSION Request = PortSrbExtension(Srb);

    if (LIKELY(PortStartIoIsQueueLock(Adapter))) {
        PVIO_QUEUE Queue = Adapter->Queues;

        switch (QueueTrySubmitOne(Queue, Request)) {
        case SubmitOneDone:
            return TRUE;
        case SubmitOneNotify:
            return QueueNotify(Queue);
        default:
            break;
        }
    }
    return SrbStartAny(Adapter, Srb, Request);
}

#endif
