/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The StorPort of Server 2003 for port_storport.c: what port_storport_extended.h has for later ones, under the same names.
 * It has no StorPortExtendedFunction (a driver that imports it is not loaded), no messages, and
 * calls StartIo on one processor at a time.
 */
#ifndef VIOSTOR_PORT_STORPORT_2003_H
#define VIOSTOR_PORT_STORPORT_2003_H

#include "virtio_store.h"

/* The one size of HW_INITIALIZATION_DATA that it takes. */
#define STORPORT_INITIALIZATION_SIZES offsetof(HW_INITIALIZATION_DATA, HwFreeAdapterResources)

FORCEINLINE ULONG PortExtendedProcessorCount(PADAPTER_EXTENSION Adapter)
{
    UNREFERENCED_PARAMETER(Adapter);
    return 1;
}

/* A later Windows that runs this file (after an upgrade of Server 2003) must not grant messages:
 * without extended functions the driver could not tell, and would wait for the line. */
FORCEINLINE VOID PortExtendedTakeMessages(PPORT_CONFIGURATION_INFORMATION Config)
{
    UNREFERENCED_PARAMETER(Config);
}

FORCEINLINE ULONG PortExtendedMessageCount(PADAPTER_EXTENSION Adapter)
{
    UNREFERENCED_PARAMETER(Adapter);
    return 0;
}

FORCEINLINE VOID PortExtendedSetPerformance(PADAPTER_EXTENSION Adapter)
{
    Adapter->Port.QueueHints = QueueHintsNone;
}

FORCEINLINE BOOLEAN PortExtendedTellUnitChanged(PADAPTER_EXTENSION Adapter)
{
    UNREFERENCED_PARAMETER(Adapter);
    return FALSE;
}

FORCEINLINE BOOLEAN PortExtendedHintedQueue(PADAPTER_EXTENSION Adapter, PVOID Srb, PULONG Index)
{
    UNREFERENCED_PARAMETER(Adapter);
    UNREFERENCED_PARAMETER(Srb);
    UNREFERENCED_PARAMETER(Index);
    return FALSE;
}

#endif
