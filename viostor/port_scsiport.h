/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SCSIPort's side of port.h: what lies on the request path, inline.
 *
 * SCSIPort calls one entry point of an adapter at a time: there is nothing to lock.
 */
#ifndef VIOSTOR_PORT_SCSIPORT_H
#define VIOSTOR_PORT_SCSIPORT_H

#include "virtio_store.h"

/* Elements of a request's segment list: a transfer of n pages touches n + 1. */
#define PORT_SEGMENTS_MAXIMUM (PORT_BREAKS_MAXIMUM + 1u)

/* SCSIPort's SRB extension: the request's context, and its segment list. */
#define PORT_SRB_EXTENSION_BYTES                                         \
    ((ULONG)(sizeof(SRB_EXTENSION) + offsetof(PORT_SEGMENT_LIST, List) + \
             PORT_SEGMENTS_MAXIMUM * sizeof(PORT_SEGMENT)))

/* Calls a routine for a queue. */
FORCEINLINE BOOLEAN PortWithQueueLock(PVIO_QUEUE Queue, QUEUE_ROUTINE *Routine, PVOID Context)
{
    return Routine(Queue, Context);
}

FORCEINLINE BOOLEAN PortWithQueueLockInStartIo(PVIO_QUEUE Queue, QUEUE_ROUTINE *Routine,
                                               PVOID Context)
{
    return Routine(Queue, Context);
}

FORCEINLINE BOOLEAN PortStartIoIsQueueLock(const ADAPTER_EXTENSION *Adapter)
{
    UNREFERENCED_PARAMETER(Adapter);
    return TRUE;
}

/* SCSIPort knows one kind. */
FORCEINLINE PORT_SRB_KIND PortSrbKind(PVOID Srb)
{
    UNREFERENCED_PARAMETER(Srb);
    return PortSrbLegacy;
}

/* Understands the usual SRB that carries a command: for path, target and unit 0. */
FORCEINLINE BOOLEAN PortLookAtTransfer(PORT_SRB_KIND Kind, PVOID Srb, PPORT_TRANSFER_SRB Transfer)
{
    PSCSI_REQUEST_BLOCK Block = (PSCSI_REQUEST_BLOCK)Srb;

    UNREFERENCED_PARAMETER(Kind);
    Transfer->Cdb = Block->Cdb;
    Transfer->ScsiStatus = &Block->ScsiStatus;
    Transfer->DataLength = Block->DataTransferLength;
    Transfer->CdbLength = &Block->CdbLength;
    return Block->Function == SRB_FUNCTION_EXECUTE_SCSI &&
           (Block->PathId | Block->TargetId | Block->Lun) == 0;
}

/* The extension of an SRB. */
FORCEINLINE PSRB_EXTENSION PortSrbExtensionOf(PORT_SRB_KIND Kind, PVOID Srb)
{
    UNREFERENCED_PARAMETER(Kind);
    return (PSRB_EXTENSION)((PSCSI_REQUEST_BLOCK)Srb)->SrbExtension;
}

FORCEINLINE PSRB_EXTENSION PortSrbExtension(PVOID Srb)
{
    return PortSrbExtensionOf(PortSrbLegacy, Srb);
}

/* Hands a finished SRB back; the driver does not touch it afterwards. */
FORCEINLINE VOID PortCompleteSrb(PADAPTER_EXTENSION Adapter, PVOID Srb)
{
    ScsiPortNotification(RequestComplete, Adapter, Srb);
}

/*
 * The data of an SRB as segments of device addresses, in its SRB extension, valid until it is
 * completed. An empty list: SCSIPort names no address for them, or there are more segments than
 * were agreed. From HwScsiStartIo.
 */
PPORT_SEGMENT_LIST PortGetSegments(PADAPTER_EXTENSION Adapter, PVOID Srb);

/* There is one queue. */
FORCEINLINE PVIO_QUEUE PortSelectQueue(PADAPTER_EXTENSION Adapter, PVOID Srb)
{
    UNREFERENCED_PARAMETER(Srb);
    return Adapter->Queues;
}

FORCEINLINE BOOLEAN PortWithSelectedQueue(PADAPTER_EXTENSION Adapter, PVOID Srb,
                                          QUEUE_ROUTINE *Routine, PVOID Context)
{
    UNREFERENCED_PARAMETER(Srb);
    return Routine(Adapter->Queues, Context);
}

#endif
