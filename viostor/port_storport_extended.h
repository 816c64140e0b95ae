/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What StorPort offers through StorPortExtendedFunction, from Vista on: pool, interrupt messages,
 * performance options, processor groups. What a given Windows lacks is found at run time: a function
 * that answers anything but STOR_STATUS_SUCCESS is not used.
 *
 * port_storport_2003.h has the same names for a StorPort without any of it.
 */
#ifndef VIOSTOR_PORT_STORPORT_EXTENDED_H
#define VIOSTOR_PORT_STORPORT_EXTENDED_H

#include "virtio_store.h"

/* Sizes of HW_INITIALIZATION_DATA to offer, the best first: that of Windows 8, which Windows before
 * it refuses with STATUS_REVISION_MISMATCH, and that which ends before what Windows 8 added. */
#define STORPORT_INITIALIZATION_SIZES \
    sizeof(HW_INITIALIZATION_DATA), offsetof(HW_INITIALIZATION_DATA, HwFreeAdapterResources)

/* Processors that may send requests, at least 1. IRQL <= DISPATCH_LEVEL. */
ULONG PortExtendedProcessorCount(PADAPTER_EXTENSION Adapter);

/* Declares that the driver takes interrupt messages, to a Windows that knows them. HwFindAdapter. */
VOID PortExtendedTakeMessages(PPORT_CONFIGURATION_INFORMATION Config);

/* Interrupt messages that Windows has granted; 0: a line. HwInitialize. */
ULONG PortExtendedMessageCount(PADAPTER_EXTENSION Adapter);

/* Asks for the performance options that are offered and of use, and sets Adapter->Port.QueueHints.
 * HwInitialize. */
VOID PortExtendedSetPerformance(PADAPTER_EXTENSION Adapter);

/* Tells Windows 8 and later to look at the unit again. FALSE: it does not know the call, or is not
 * done with an earlier one. <= DIRQL. */
BOOLEAN PortExtendedTellUnitChanged(PADAPTER_EXTENSION Adapter);

/* Index of the queue that StorPort's hints name, any number; FALSE: they name none. Only with
 * Adapter->Port.QueueHints. DISPATCH_LEVEL (StartIo). */
FORCEINLINE BOOLEAN PortExtendedHintedQueue(PADAPTER_EXTENSION Adapter, PVOID Srb, PULONG Index)
{
    STARTIO_PERFORMANCE_PARAMETERS Hints;

    Hints.Size = sizeof(Hints); /* StorPort sets the rest, the version included */
    if (UNLIKELY(StorPortGetStartIoPerfParams(Adapter, (PSCSI_REQUEST_BLOCK)Srb, &Hints) !=
                 STOR_STATUS_SUCCESS)) {
        return FALSE;
    }
    if (LIKELY(Adapter->Port.QueueHints == QueueHintsMessage)) {
        *Index = Hints.MessageNumber - 1; /* message 0 is for configuration changes */
    } else {
        *Index = Hints.ChannelNumber;
    }
    return TRUE;
}

#endif
