/* SPDX-License-Identifier: BSD-3-Clause */
/* The services that device.c needs, by SCSIPort. */
#ifndef RULES_PORT_CALLS_H
#define RULES_PORT_CALLS_H

#include "scsi_miniport.h"

FORCEINLINE PUCHAR CallGetPorts(PEXTENSION Extension, PPORT_CONFIGURATION_INFORMATION Config,
                                const ACCESS_RANGE *Range)
{
    return ScsiPortGetDeviceBase(Extension, Config->AdapterInterfaceType, Config->SystemIoBusNumber,
                                 Range->RangeStart, Range->RangeLength, TRUE);
}

/* The device's address of memory that is no request's data. */
FORCEINLINE ULONGLONG CallGetAddress(PEXTENSION Extension, PVOID Address)
{
    ULONG Length = 0;

    return (ULONGLONG)ScsiPortGetPhysicalAddress(Extension, NULL, Address, &Length).QuadPart;
}

/* The device's address of a request's data from Offset on, and the bytes that follow there. */
FORCEINLINE ULONGLONG CallGetSegment(PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb, ULONG Offset,
                                     PULONG Length)
{
    ULONGLONG Address = (ULONGLONG)ScsiPortGetPhysicalAddress(
                            Extension, Srb, (PUCHAR)Srb->DataBuffer + Offset, Length)
                            .QuadPart;

    *Length = min(*Length, Srb->DataTransferLength - Offset);
    return Address;
}

#define CallReadUchar(Extension, Port)          ScsiPortReadPortUchar(Port)
#define CallReadUshort(Extension, Port)         ScsiPortReadPortUshort(Port)
#define CallWriteUchar(Extension, Port, Value)  ScsiPortWritePortUchar(Port, Value)
#define CallWriteUshort(Extension, Port, Value) ScsiPortWritePortUshort(Port, Value)
#define CallWriteUlong(Extension, Port, Value)  ScsiPortWritePortUlong(Port, Value)

#endif
