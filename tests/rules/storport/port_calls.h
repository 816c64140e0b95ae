/* SPDX-License-Identifier: BSD-3-Clause */
/* The services that device.c needs, by StorPort. */
#ifndef RULES_PORT_CALLS_H
#define RULES_PORT_CALLS_H

#include "../miniport.h"

FORCEINLINE PUCHAR CallGetPorts(PEXTENSION Extension, PPORT_CONFIGURATION_INFORMATION Config,
                                const ACCESS_RANGE *Range)
{
    return StorPortGetDeviceBase(Extension, Config->AdapterInterfaceType, Config->SystemIoBusNumber,
                                 Range->RangeStart, Range->RangeLength, TRUE);
}

/* The device's address of memory that is no request's data. */
FORCEINLINE ULONGLONG CallGetAddress(PEXTENSION Extension, PVOID Address)
{
    ULONG Length = 0;

    return (ULONGLONG)StorPortGetPhysicalAddress(Extension, NULL, Address, &Length).QuadPart;
}

/* The device's address of a request's data from Offset on, and the bytes that follow there. */
FORCEINLINE ULONGLONG CallGetSegment(PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb, ULONG Offset,
                                     PULONG Length)
{
    PSTOR_SCATTER_GATHER_LIST List = StorPortGetScatterGatherList(Extension, Srb);
    ULONG Index = 0;

    while (Offset >= List->List[Index].Length) {
        Offset -= List->List[Index++].Length;
    }
    *Length = List->List[Index].Length - Offset;
    return (ULONGLONG)List->List[Index].PhysicalAddress.QuadPart + Offset;
}

#define CallReadUchar(Extension, Port)          StorPortReadPortUchar(Extension, Port)
#define CallReadUshort(Extension, Port)         StorPortReadPortUshort(Extension, Port)
#define CallWriteUchar(Extension, Port, Value)  StorPortWritePortUchar(Extension, Port, Value)
#define CallWriteUshort(Extension, Port, Value) StorPortWritePortUshort(Extension, Port, Value)
#define CallWriteUlong(Extension, Port, Value)  StorPortWritePortUlong(Extension, Port, Value)

#endif
