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

/* PortWithQueueLock where there are no DPCs. IRQL <= DISPATCH_LEVEL; HIGH_LEVEL in a dump. */
BOOLEAN PortWithoutDpcs(PVIO_QUEUE Queue, QUEUE_ROUTINE *Routine, PVOID Context);

/* Whether DPCs complete requests. Constant once requests come. Any IRQL. */
FORCEINLINE BOOLEAN PortHasDpcs(const ADAPTER_EXTENSION *Adapter)
{
    return Adapter->Port.Locking >= PortLockingStartIo;
}

/* Whether whoever is called with StorPort's StartIo lock held has the lock of the only queue with it.
 * The table of who is: reference, page of StorPortAcquireSpinLock. */
FORCEINLINE BOOLEAN PortStartIoIsQueueLock(const ADAPTER_EXTENSION *Adapter)
{
    return Adapter->Port.Locking == PortLockingStartIo;
}

/* PortWithQueueLock where there are DPCs. */
FORCEINLINE BOOLEAN PortWithDpcs(PADAPTER_EXTENSION Adapter, PVIO_QUEUE Queue,
                                 QUEUE_ROUTINE *Routine, PVOID Context)
{
    STOR_LOCK_HANDLE Lock;
    BOOLEAN Result;

    StorPortAcquireSpinLock(Adapter, Queue->Port.Lock, Queue->Port.LockContext, &Lock);
    Result = Routine(Queue, Context);
    StorPortReleaseSpinLock(Adapter, &Lock);
    return Result;
}

/*
 * Calls a routine under a queue's lock; where StorPort grants no DPCs that is the interrupt lock, as
 * completion then runs in the interrupt routine, which holds it already and does not come here.
 * IRQL <= DISPATCH_LEVEL. Routine is known at each call, so it is compiled in. Not from StartIo, the
 * timer routine and HwResetBus.
 */
FORCEINLINE BOOLEAN PortWithQueueLock(PVIO_QUEUE Queue, QUEUE_ROUTINE *Routine, PVOID Context)
{
    if (LIKELY(PortHasDpcs(Queue->Adapter))) {
        return PortWithDpcs(Queue->Adapter, Queue, Routine, Context);
    }
    return PortWithoutDpcs(Queue, Routine, Context);
}

/* The same from StartIo, the timer routine and HwResetBus, which hold the StartIo lock. */
FORCEINLINE BOOLEAN PortWithQueueLockInStartIo(PVIO_QUEUE Queue, QUEUE_ROUTINE *Routine,
                                               PVOID Context)
{
    if (PortStartIoIsQueueLock(Queue->Adapter)) {
        return Routine(Queue, Context);
    }
    return PortWithQueueLock(Queue, Routine, Context);
}

/* The kind of an SRB. Any IRQL. */
FORCEINLINE PORT_SRB_KIND PortSrbKind(PVOID Srb)
{
    return LIKELY(((PSTORAGE_REQUEST_BLOCK)Srb)->Function == SRB_FUNCTION_STORAGE_REQUEST_BLOCK)
               ? PortSrbExtended
               : PortSrbLegacy;
}

/* PortLookAtTransfer for the legacy kind. */
FORCEINLINE BOOLEAN PortLookAtLegacy(PSCSI_REQUEST_BLOCK Srb, PPORT_TRANSFER_SRB Transfer)
{
    Transfer->Cdb = Srb->Cdb;
    Transfer->ScsiStatus = &Srb->ScsiStatus;
    Transfer->DataLength = Srb->DataTransferLength;
    Transfer->CdbLength = &Srb->CdbLength;
    return Srb->Function == SRB_FUNCTION_EXECUTE_SCSI &&
           (Srb->PathId | Srb->TargetId | Srb->Lun) == 0;
}

/* The shortest extended SRB with a command of 16 bytes, and more than the longest that there is. */
#define SRB_WITH_COMMAND_LENGTH \
    (sizeof(STORAGE_REQUEST_BLOCK) + sizeof(SRBEX_DATA_SCSI_CDB16) + sizeof(STOR_ADDR_BTL8))
#define SRB_LENGTH_MAXIMUM 0xffffffu

_Static_assert(SRB_FUNCTION_EXECUTE_SCSI == 0 && offsetof(STORAGE_REQUEST_BLOCK, SrbFunction) ==
                                                     offsetof(STORAGE_REQUEST_BLOCK, SrbLength) + 4,
               "PortLookAtTransfer reads length and function at once");
_Static_assert(sizeof(STOR_ADDR_BTL8) <= sizeof(SRBEX_DATA_SCSI_CDB16),
               "an offset that is good for a command is good for an address");

/*
 * Understands the usual SRB that carries a command: of the kind given, with an address of path, target
 * and unit 0, a command block of 16 bytes as its first extra data. What it lets pass has been
 * checked as far as it is used; anything else is for the long way. Any IRQL.
 */
FORCEINLINE BOOLEAN PortLookAtTransfer(PORT_SRB_KIND Kind, PVOID Srb, PPORT_TRANSFER_SRB Transfer)
{
    PSTORAGE_REQUEST_BLOCK Block = (PSTORAGE_REQUEST_BLOCK)Srb;
    PSRBEX_DATA_SCSI_CDB16 Command;
    const STOR_ADDR_BTL8 *Address;
    ULONGLONG LengthAndFunction;
    ULONG Room; /* offsets of what is no longer than a command lie in it */
    ULONG Unit; /* path, target, unit, and a reserved byte */

    if (Kind == PortSrbLegacy) {
        return PortLookAtLegacy((PSCSI_REQUEST_BLOCK)Srb, Transfer);
    }
    /* SRB_FUNCTION_EXECUTE_SCSI is 0: then this is the length, and else far beyond any. */
    __builtin_memcpy(&LengthAndFunction, &Block->SrbLength, sizeof(LengthAndFunction));
    if (UNLIKELY(LengthAndFunction - SRB_WITH_COMMAND_LENGTH > SRB_LENGTH_MAXIMUM)) {
        return FALSE;
    }
    Room = (ULONG)LengthAndFunction - (ULONG)sizeof(*Command);
    if (UNLIKELY(Block->NumSrbExData == 0 || Block->AddressOffset > Room ||
                 Block->SrbExDataOffset[0] > Room)) {
        return FALSE;
    }
    Command = (PSRBEX_DATA_SCSI_CDB16)((PUCHAR)Srb + Block->SrbExDataOffset[0]);
    Address = (const STOR_ADDR_BTL8 *)((PUCHAR)Srb + Block->AddressOffset);
    __builtin_memcpy(&Unit, &Address->Path, sizeof(Unit));
    Transfer->Cdb = Command->Cdb;
    Transfer->ScsiStatus = &Command->ScsiStatus;
    Transfer->DataLength = Block->DataTransferLength;
    Transfer->CdbLength = &Command->CdbLength;
    return Command->Type == SrbExDataTypeScsiCdb16 && Address->Type == STOR_ADDRESS_TYPE_BTL8 &&
           (Unit & 0x00ffffff) == 0;
}

_Static_assert(offsetof(STOR_ADDR_BTL8, Lun) == offsetof(STOR_ADDR_BTL8, Path) + 2 &&
                   offsetof(STOR_ADDR_BTL8, Reserved) == offsetof(STOR_ADDR_BTL8, Path) + 3,
               "PortLookAtTransfer reads path, target and unit at once");

/* The extension of an SRB, of a kind that is known. Any IRQL. */
FORCEINLINE PSRB_EXTENSION PortSrbExtensionOf(PORT_SRB_KIND Kind, PVOID Srb)
{
    return (PSRB_EXTENSION)(Kind == PortSrbExtended ? ((PSTORAGE_REQUEST_BLOCK)Srb)->MiniportContext
                                                    : ((PSCSI_REQUEST_BLOCK)Srb)->SrbExtension);
}

/* The same, of any. */
FORCEINLINE PSRB_EXTENSION PortSrbExtension(PVOID Srb)
{
    PSRB_EXTENSION Extension;

    if (LIKELY(PortSrbKind(Srb) == PortSrbExtended)) {
        return PortSrbExtensionOf(PortSrbExtended, Srb);
    }
    Extension = PortSrbExtensionOf(PortSrbLegacy, Srb);
    KEEP_COMPUTED(Extension);
    return Extension;
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

/* The queue that StorPort's hints name. DISPATCH_LEVEL (StartIo). */
FORCEINLINE PVIO_QUEUE PortHintedQueue(PADAPTER_EXTENSION Adapter, PVOID Srb)
{
    ULONG Index;

    if (LIKELY(PortExtendedHintedQueue(Adapter, Srb, &Index) && Index < Adapter->QueueCount)) {
        return &Adapter->Queues[Index];
    }
    return Adapter->Queues;
}

/*
 * The queue that a request goes to: the one whose completions StorPort wants on the processor that
 * the request comes from, where it gives such hints. DISPATCH_LEVEL (StartIo).
 */
FORCEINLINE PVIO_QUEUE PortSelectQueue(PADAPTER_EXTENSION Adapter, PVOID Srb)
{
    return Adapter->Port.QueueHints == QueueHintsNone ? Adapter->Queues
                                                      : PortHintedQueue(Adapter, Srb);
}

/* PortWithQueueLock for the queue that PortSelectQueue selects, from StartIo where that does not hold its
 * lock. */
FORCEINLINE BOOLEAN PortWithSelectedQueue(PADAPTER_EXTENSION Adapter, PVOID Srb,
                                          QUEUE_ROUTINE *Routine, PVOID Context)
{
    if (LIKELY(PortHasDpcs(Adapter))) {
        return PortWithDpcs(Adapter, PortSelectQueue(Adapter, Srb), Routine, Context);
    }
    return PortWithoutDpcs(PortSelectQueue(Adapter, Srb), Routine, Context);
}

/* Has AdapterConfigurationChanged called within a second. From an interrupt routine. */
VOID PortConfigurationMayHaveChanged(PADAPTER_EXTENSION Adapter);

#endif
