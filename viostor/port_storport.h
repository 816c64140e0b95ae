/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * StorPort's side of port.h: what lies on the request path, inline. What only StorPort from Vista
 * on offers is in port_storport_extended.h; port_storport_2003.h says the same of Server 2003.
 */
#ifndef VIOSTOR_PORT_STORPORT_H
#define VIOSTOR_PORT_STORPORT_H

#include "virtio_store.h"

#if defined(VIOSTOR_STORPORT_2003)
#include "port_storport_2003.h"
#else
#include "port_storport_extended.h"
#endif

/* The entry point for interrupt messages (virtio_store.c). DIRQL. */
HW_MESSAGE_SIGNALED_INTERRUPT_ROUTINE VioStorMessageInterrupt;

/* PortWithQueueLock where the lock is not that of a DPC. IRQL <= DISPATCH_LEVEL; HIGH_LEVEL in a
 * dump. */
BOOLEAN PortWithoutDpcLock(PVIO_QUEUE Queue, QUEUE_ROUTINE *Routine, PVOID Context);

/*
 * Calls a routine under a queue's lock: that of the queue's DPC; where StorPort grants no DPCs the
 * interrupt lock, as completion then runs in the interrupt routine, which holds it already and does
 * not come here. IRQL <= DISPATCH_LEVEL. Routine is known at each call, so it is compiled in.
 */
FORCEINLINE BOOLEAN PortWithQueueLock(PVIO_QUEUE Queue, QUEUE_ROUTINE *Routine, PVOID Context)
{
    PADAPTER_EXTENSION Adapter = Queue->Adapter;

    if (LIKELY(Adapter->Port.Locking == PortLockingDpc)) {
        STOR_LOCK_HANDLE Lock;
        BOOLEAN Result;

        StorPortAcquireSpinLock(Adapter, DpcLock, &Queue->Port.Dpc, &Lock);
        Result = Routine(Queue, Context);
        StorPortReleaseSpinLock(Adapter, &Lock);
        return Result;
    }
    return PortWithoutDpcLock(Queue, Routine, Context);
}

/* The legacy kind. */
FORCEINLINE BOOLEAN PortLookAtLegacy(PSCSI_REQUEST_BLOCK Srb, PPORT_TRANSFER_SRB Transfer)
{
    Transfer->Cdb = Srb->Cdb;
    Transfer->ScsiStatus = &Srb->ScsiStatus;
    Transfer->Extension = (PSRB_EXTENSION)Srb->SrbExtension;
    Transfer->DataLength = Srb->DataTransferLength;
    Transfer->CdbLength = Srb->CdbLength;
    return Srb->Function == SRB_FUNCTION_EXECUTE_SCSI &&
           (Srb->PathId | Srb->TargetId | Srb->Lun) == 0;
}

/*
 * Understands the usual SRB that carries a command: of either kind, with an address of path, target
 * and unit 0, a command block of 16 bytes as its first extra data. What it lets pass has been
 * checked as far as it is used; anything else is for the long way. Any IRQL.
 */
FORCEINLINE BOOLEAN PortLookAtTransfer(PVOID Srb, PPORT_TRANSFER_SRB Transfer)
{
    PSTORAGE_REQUEST_BLOCK Block = (PSTORAGE_REQUEST_BLOCK)Srb;
    const ULONG Room = Block->SrbLength;
    PSRBEX_DATA_SCSI_CDB16 Command;
    const STOR_ADDR_BTL8 *Address;

    if (UNLIKELY(Block->Function != SRB_FUNCTION_STORAGE_REQUEST_BLOCK)) {
        return PortLookAtLegacy((PSCSI_REQUEST_BLOCK)Srb, Transfer);
    }
    if (UNLIKELY(Block->SrbFunction != SRB_FUNCTION_EXECUTE_SCSI || Block->NumSrbExData == 0 ||
                 Room < sizeof(*Block) + sizeof(*Command) + sizeof(*Address) ||
                 Block->AddressOffset > Room - sizeof(*Address) ||
                 Block->SrbExDataOffset[0] > Room - sizeof(*Command))) {
        return FALSE;
    }
    Command = (PSRBEX_DATA_SCSI_CDB16)((PUCHAR)Srb + Block->SrbExDataOffset[0]);
    Address = (const STOR_ADDR_BTL8 *)((PUCHAR)Srb + Block->AddressOffset);
    Transfer->Cdb = Command->Cdb;
    Transfer->ScsiStatus = &Command->ScsiStatus;
    Transfer->Extension = (PSRB_EXTENSION)Block->MiniportContext;
    Transfer->DataLength = Block->DataTransferLength;
    Transfer->CdbLength = Command->CdbLength;
    return Command->Type == SrbExDataTypeScsiCdb16 && Address->Type == STOR_ADDRESS_TYPE_BTL8 &&
           (Address->Path | Address->Target | Address->Lun) == 0;
}

/* The extension of an SRB of either kind. Any IRQL. */
FORCEINLINE PSRB_EXTENSION PortSrbExtension(PVOID Srb)
{
    const STORAGE_REQUEST_BLOCK *Block = (const STORAGE_REQUEST_BLOCK *)Srb;

    return (PSRB_EXTENSION)(LIKELY(Block->Function == SRB_FUNCTION_STORAGE_REQUEST_BLOCK)
                                ? Block->MiniportContext
                                : ((PSCSI_REQUEST_BLOCK)Srb)->SrbExtension);
}

/* Hands a finished SRB back; the driver does not touch it afterwards. IRQL <= DIRQL, no queue lock
 * held. */
FORCEINLINE VOID PortCompleteSrb(PADAPTER_EXTENSION Adapter, PVOID Srb)
{
    StorPortNotification(RequestComplete, Adapter, Srb);
}

/* The data of an SRB as segments of device addresses, valid until it is completed. NULL: it has
 * none. Any IRQL. */
FORCEINLINE PPORT_SEGMENT_LIST PortGetSegments(PADAPTER_EXTENSION Adapter, PVOID Srb)
{
    return StorPortGetScatterGatherList(Adapter, (PSCSI_REQUEST_BLOCK)Srb);
}

/* The queue that StorPort's hints name. */
PVIO_QUEUE PortHintedQueue(PADAPTER_EXTENSION Adapter, PVOID Srb);

/*
 * The queue that a request goes to: the one whose completions StorPort wants on the processor that
 * the request comes from, where it gives such hints. DISPATCH_LEVEL (StartIo).
 */
FORCEINLINE PVIO_QUEUE PortSelectQueue(PADAPTER_EXTENSION Adapter, PVOID Srb)
{
    return Adapter->Port.QueueHints == QueueHintsNone ? Adapter->Queues
                                                      : PortHintedQueue(Adapter, Srb);
}

/* Has AdapterConfigurationChanged called within a second. From an interrupt routine. */
VOID PortConfigurationMayHaveChanged(PADAPTER_EXTENSION Adapter);

#endif
