/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the core asks of the port driver. One thin implementation for each port driver stands behind
 * this interface; the core calls nothing else of it.
 *
 *   entry points (virtio_store.c) ──> core ──> this interface ──> port_storport.c, .h
 *   (virtio_store_scsiport.c)                                     port_scsiport.c, .h
 *
 * Functions on the request path are inline, in the port driver's header.
 */
#ifndef VIOSTOR_PORT_H
#define VIOSTOR_PORT_H

#include "virtio_store.h"

/* ---- At start ---- */

/* A DWORD of the driver's registry parameters; Default where it is not there. ArgumentString: as
 * HwFindAdapter got it. PASSIVE_LEVEL (HwFindAdapter). */
ULONG PortReadParameter(PADAPTER_EXTENSION Adapter, const char *ArgumentString, const char *Name,
                        ULONG Default);

/* Reads Length bytes of PCI configuration space from offset 0. PASSIVE_LEVEL to HIGH_LEVEL, only
 * from HwFindAdapter and HwInitialize. FALSE: less came. */
BOOLEAN PortReadPciConfig(PADAPTER_EXTENSION Adapter, PVOID Buffer, ULONG Length);

/* Number of processors that may send requests, at least 1. Any IRQL up to DISPATCH_LEVEL. */
ULONG PortProcessorCount(PADAPTER_EXTENSION Adapter);

/* Tells the port driver what it must know before it gives memory: PortDeclareAdapter what does not
 * depend on the device, PortDeclareLimits what follows from Adapter->Limits. HwFindAdapter. */
VOID PortDeclareAdapter(PADAPTER_EXTENSION Adapter, PPORT_CONFIGURATION_INFORMATION Config);
VOID PortDeclareLimits(PADAPTER_EXTENSION Adapter, PPORT_CONFIGURATION_INFORMATION Config);

/* TRUE in the configuration of a second copy of the driver that is to write a crash dump or a
 * hibernation file, as far as the configuration tells. HwFindAdapter. */
BOOLEAN PortConfigIsDump(const PORT_CONFIGURATION_INFORMATION *Config);

/* TRUE where the configuration asks for no more than PortMarkDumpMemory: the first copy still uses
 * the device. HwFindAdapter. */
BOOLEAN PortConfigOnlyMarks(const PORT_CONFIGURATION_INFORMATION *Config);

/* Tells which memory must be there again after a resume from hibernation, where it is asked for:
 * private memory, and shared memory if there is any. HwFindAdapter of a dump. */
VOID PortMarkDumpMemory(PADAPTER_EXTENSION Adapter, const PORT_CONFIGURATION_INFORMATION *Config);

/* Maps an access range, whole; NULL: it cannot be. HwFindAdapter. PortUnmapRange: PASSIVE_LEVEL. */
PVOID PortMapRange(PADAPTER_EXTENSION Adapter, const PORT_CONFIGURATION_INFORMATION *Config,
                   const ACCESS_RANGE *Range);
VOID PortUnmapRange(PADAPTER_EXTENSION Adapter, PVOID Base);

/*
 * The one block of uncached memory that the port driver gives for an adapter: only from
 * HwFindAdapter, after PortDeclareLimits; a second call gives the first block again. *Address is the
 * device's, *Contiguous the bytes from there on that are so for the device. NULL: there is none.
 */
PVOID PortGetUncachedMemory(PADAPTER_EXTENSION Adapter, PPORT_CONFIGURATION_INFORMATION Config,
                            ULONG Bytes, PULONGLONG Address, PULONG Contiguous);

/* TRUE where pool can be had and a request tells when to give it back: Windows 8 and later. */
BOOLEAN PortHasPool(const ADAPTER_EXTENSION *Adapter);
/* Non-paged pool, and back; NULL: none. IRQL <= DISPATCH_LEVEL. */
PVOID PortAllocatePool(PADAPTER_EXTENSION Adapter, ULONG Bytes);
VOID PortFreePool(PADAPTER_EXTENSION Adapter, PVOID Block);

/* Memory of the driver's own that is contiguous for the device. FALSE: there is none, or this Windows does not
 * offer it. PASSIVE_LEVEL. PortFreeContiguous: IRQL <= DISPATCH_LEVEL. */
BOOLEAN PortAllocateContiguous(PADAPTER_EXTENSION Adapter, ULONG Bytes, SHARED_MEMORY *Memory);
VOID PortFreeContiguous(PADAPTER_EXTENSION Adapter, const SHARED_MEMORY *Memory);

/* ---- At any time ---- */

/* Waits for at most 1000 microseconds without giving the processor up. Any IRQL. */
VOID PortStallMicroseconds(ULONG Microseconds);

/* Writes an entry into the system event log, not in a dump; Detail is cut to 16 bits. Any IRQL. */
VOID PortLogEvent(PADAPTER_EXTENSION Adapter, PVOID Srb, VIO_EVENT Event, ULONG Detail);

/* Asks for a call of AdapterTimerWork soon, at DISPATCH_LEVEL or above, to do Work. In a dump the
 * next HwInterrupt does it. From StartIo, a DPC, a timer or an interrupt. */
VOID PortRequestTimerWork(PADAPTER_EXTENSION Adapter, TIMER_WORK Work);

/* The same within a second: for what is probably in vain, or was a moment ago. */
VOID PortRequestLateTimerWork(PADAPTER_EXTENSION Adapter, TIMER_WORK Work);

/* The same within some ten milliseconds, with whatever else waits for the timer. */
VOID PortRequestTickTimerWork(PADAPTER_EXTENSION Adapter, TIMER_WORK Work);

/* What the port driver can be told of the unit only once it has seen it: at each INQUIRY.
 * IRQL <= DISPATCH_LEVEL. */
VOID PortUnitSeen(PADAPTER_EXTENSION Adapter);

/* Tells the port driver that the unit's capacity or write protection has changed. <= DIRQL. */
VOID PortUnitChanged(PADAPTER_EXTENSION Adapter);

/* Executes an SRB whose function only this port driver sends (PnP, power). Returns its
 * SRB_STATUS_...; SRB_STATUS_INVALID_REQUEST for a function that is not known. <= DISPATCH_LEVEL. */
UCHAR PortAnswerSrb(PADAPTER_EXTENSION Adapter, PVOID Srb, ULONG Function);

/* The kinds of SRBs that port drivers send. */
typedef enum _PORT_SRB_KIND {
    PortSrbLegacy,   /* SCSI_REQUEST_BLOCK */
    PortSrbExtended, /* STORAGE_REQUEST_BLOCK, Windows 8 and later */
} PORT_SRB_KIND;

/*
 * What the short way of a READ or WRITE needs of an SRB, found in one look. The pointers are good
 * until the SRB is completed.
 */
typedef struct _PORT_TRANSFER_SRB {
    const UCHAR *Cdb; /* 16 bytes may be read, whatever CdbLength says */
    PUCHAR ScsiStatus;
    const UCHAR *CdbLength;
    ULONG DataLength; /* bytes */
} PORT_TRANSFER_SRB, *PPORT_TRANSFER_SRB;

/* ---- Queues ---- */

/* What is done under a queue's lock. */
typedef BOOLEAN QUEUE_ROUTINE(PVIO_QUEUE Queue, PVOID Context);

/* An interrupt is for a queue or for the configuration: has QueueProcess or
 * AdapterConfigurationChanged called, at once or soon. From the interrupt routine. */
VOID PortOnQueueInterrupt(PVIO_QUEUE Queue);
VOID PortOnConfigurationInterrupt(PADAPTER_EXTENSION Adapter);

/* Has QueueProcess called for a queue, at once or soon. From the timer routine. */
VOID PortProcessQueue(PVIO_QUEUE Queue);

/* Has QueueProcess called soon for a queue whose lock is held, or beside which nothing runs. */
VOID PortScheduleQueue(PVIO_QUEUE Queue);

/*
 * In the port driver's header:
 *
 *   PortWithQueueLock(Queue, Routine, Context)  calls Routine under the queue's lock, and returns
 *                                               what it returns
 *   PortWithQueueLockInStartIo(...)             the same from StartIo, the timer routine and
 *                                               HwResetBus
 *   PortStartIoIsQueueLock(Adapter)             whether those hold the lock of the only queue
 *                                               already
 *   PortSrbKind(Srb)                            which kind of SRB it is
 *   PortLookAtTransfer(Kind, Srb, Transfer)     fills a PORT_TRANSFER_SRB; FALSE: not the usual
 *                                               kind of SRB for the one unit that there is
 *   PortSrbExtension(Srb)                       its SRB_EXTENSION
 *   PortSrbExtensionOf(Kind, Srb)               the same of a known kind
 *   PortCompleteSrb(Adapter, Srb)               hands a finished SRB back
 *   PortGetSegments(Adapter, Srb)               its data as a PORT_SEGMENT_LIST
 *   PortSelectQueue(Adapter, Srb)               the queue that it goes to
 *   PortWithSelectedQueue(Adapter, Srb, ...)    both: calls a routine for it, under its lock
 */
#if defined(VIOSTOR_SCSIPORT)
#include "port_scsiport.h"
#else
#include "port_storport.h"
#endif

#endif
