/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The StorPort of Server 2003: what it lacks of port.h. See port_storport_2003.h.
 */
#include "port.h"

BOOLEAN PortHasPool(const ADAPTER_EXTENSION *Adapter)
{
    UNREFERENCED_PARAMETER(Adapter);
    return FALSE;
}

PVOID PortAllocatePool(PADAPTER_EXTENSION Adapter, ULONG Bytes)
{
    UNREFERENCED_PARAMETER(Adapter);
    UNREFERENCED_PARAMETER(Bytes);
    return NULL;
}

VOID PortFreePool(PADAPTER_EXTENSION Adapter, PVOID Block)
{
    UNREFERENCED_PARAMETER(Adapter);
    UNREFERENCED_PARAMETER(Block);
}

BOOLEAN PortAllocateContiguous(PADAPTER_EXTENSION Adapter, ULONG Bytes, SHARED_MEMORY *Memory)
{
    UNREFERENCED_PARAMETER(Adapter);
    UNREFERENCED_PARAMETER(Bytes);
    UNREFERENCED_PARAMETER(Memory);
    return FALSE;
}

VOID PortFreeContiguous(PADAPTER_EXTENSION Adapter, const SHARED_MEMORY *Memory)
{
    UNREFERENCED_PARAMETER(Adapter);
    UNREFERENCED_PARAMETER(Memory);
}

VOID PortMarkDumpMemory(PADAPTER_EXTENSION Adapter, const PORT_CONFIGURATION_INFORMATION *Config)
{
    UNREFERENCED_PARAMETER(Adapter);
    UNREFERENCED_PARAMETER(Config);
}
