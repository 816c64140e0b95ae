/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reads and writes a SCSI_REQUEST_BLOCK under the names that <srbhelper.h> has for both kinds of
 * request blocks. Port drivers before StorPort of Windows 8 know this kind only, and the oldest
 * headers do not even declare the other.
 */
#ifndef VIOSTOR_SRB_LEGACY_H
#define VIOSTOR_SRB_LEGACY_H

FORCEINLINE ULONG SrbGetSrbFunction(PVOID Srb)
{
    return ((PSCSI_REQUEST_BLOCK)Srb)->Function;
}

FORCEINLINE ULONG SrbGetSrbFlags(PVOID Srb)
{
    return ((PSCSI_REQUEST_BLOCK)Srb)->SrbFlags;
}

FORCEINLINE UCHAR SrbGetPathId(PVOID Srb)
{
    return ((PSCSI_REQUEST_BLOCK)Srb)->PathId;
}

FORCEINLINE UCHAR SrbGetTargetId(PVOID Srb)
{
    return ((PSCSI_REQUEST_BLOCK)Srb)->TargetId;
}

FORCEINLINE UCHAR SrbGetLun(PVOID Srb)
{
    return ((PSCSI_REQUEST_BLOCK)Srb)->Lun;
}

FORCEINLINE PCDB SrbGetCdb(PVOID Srb)
{
    return (PCDB)((PSCSI_REQUEST_BLOCK)Srb)->Cdb;
}

FORCEINLINE UCHAR SrbGetCdbLength(PVOID Srb)
{
    return ((PSCSI_REQUEST_BLOCK)Srb)->CdbLength;
}

FORCEINLINE PVOID SrbGetDataBuffer(PVOID Srb)
{
    return ((PSCSI_REQUEST_BLOCK)Srb)->DataBuffer;
}

FORCEINLINE ULONG SrbGetDataTransferLength(PVOID Srb)
{
    return ((PSCSI_REQUEST_BLOCK)Srb)->DataTransferLength;
}

FORCEINLINE VOID SrbSetDataTransferLength(PVOID Srb, ULONG Value)
{
    ((PSCSI_REQUEST_BLOCK)Srb)->DataTransferLength = Value;
}

FORCEINLINE PVOID SrbGetMiniportContext(PVOID Srb)
{
    return ((PSCSI_REQUEST_BLOCK)Srb)->SrbExtension;
}

FORCEINLINE VOID SrbSetSrbStatus(PVOID Srb, UCHAR Value)
{
    ((PSCSI_REQUEST_BLOCK)Srb)->SrbStatus = Value;
}

FORCEINLINE VOID SrbSetScsiStatus(PVOID Srb, UCHAR Value)
{
    ((PSCSI_REQUEST_BLOCK)Srb)->ScsiStatus = Value;
}

FORCEINLINE PVOID SrbGetSenseInfoBuffer(PVOID Srb)
{
    return ((PSCSI_REQUEST_BLOCK)Srb)->SenseInfoBuffer;
}

FORCEINLINE UCHAR SrbGetSenseInfoBufferLength(PVOID Srb)
{
    return ((PSCSI_REQUEST_BLOCK)Srb)->SenseInfoBufferLength;
}

FORCEINLINE VOID SrbSetSenseInfoBufferLength(PVOID Srb, UCHAR Value)
{
    ((PSCSI_REQUEST_BLOCK)Srb)->SenseInfoBufferLength = Value;
}

#endif
