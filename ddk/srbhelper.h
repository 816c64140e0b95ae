/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reading and writing a request without knowing its form.
 *
 * Each function takes a legacy SCSI_REQUEST_BLOCK or a STORAGE_REQUEST_BLOCK and
 * finds out by Function which one it is. The extended form keeps CDB, status
 * and sense buffer in a part of its own, which is found through an offset that
 * is checked against the length of the request: where the part is missing, a
 * getter answers NULL or 0 and a setter does nothing.
 *
 * All of them may be called at any IRQL.
 */
#ifndef _SRBHELPER_H_
#define _SRBHELPER_H_

#include <srb.h>
#include <scsi.h>

/* Whether the request has the extended form. */
FORCEINLINE BOOLEAN DdkSrbIsExtended(const VOID *Srb)
{
    return (BOOLEAN)(((const SCSI_REQUEST_BLOCK *)Srb)->Function ==
                     SRB_FUNCTION_STORAGE_REQUEST_BLOCK);
}

/* The part at index SrbExDataIndex, or NULL. */
FORCEINLINE PSRBEX_DATA SrbGetSrbExDataByIndex(PSTORAGE_REQUEST_BLOCK Srb, ULONG SrbExDataIndex)
{
    ULONG offset;

    if (!DdkSrbIsExtended(Srb) || SrbExDataIndex >= Srb->NumSrbExData) {
        return NULL;
    }
    offset = Srb->SrbExDataOffset[SrbExDataIndex];
    if (offset < sizeof(STORAGE_REQUEST_BLOCK) || offset > Srb->SrbLength ||
        Srb->SrbLength - offset < (ULONG)FIELD_OFFSET(SRBEX_DATA, Data)) {
        return NULL;
    }
    return (PSRBEX_DATA)((PUCHAR)Srb + offset);
}

/* The first part of the given type, or NULL. */
FORCEINLINE PSRBEX_DATA SrbGetSrbExDataByType(PSTORAGE_REQUEST_BLOCK Srb, SRBEXDATATYPE Type)
{
    ULONG i;

    if (!DdkSrbIsExtended(Srb)) {
        return NULL;
    }
    for (i = 0; i < Srb->NumSrbExData; i++) {
        PSRBEX_DATA data = SrbGetSrbExDataByIndex(Srb, i);

        if (data != NULL && data->Type == Type) {
            return data;
        }
    }
    return NULL;
}

/* The part that the request's function is about: by convention the first. */
FORCEINLINE PSRBEX_DATA SrbGetPrimarySrbExData(PSTORAGE_REQUEST_BLOCK Srb)
{
    return SrbGetSrbExDataByIndex(Srb, 0);
}

/*
 * The CDB of the extended request and where its other SCSI fields lie; NULL if
 * it carries no SCSI command. A pointer that is not wanted may be NULL.
 * CdbLength8 receives lengths that fit it, CdbLength32 those of variable CDBs.
 */
FORCEINLINE PCDB SrbGetScsiData(PSTORAGE_REQUEST_BLOCK SrbEx, PUCHAR CdbLength8, PULONG CdbLength32,
                                PUCHAR ScsiStatus, PVOID *SenseInfoBuffer,
                                PUCHAR SenseInfoBufferLength)
{
    ULONG i;

    if (!DdkSrbIsExtended(SrbEx) || SrbEx->SrbFunction != SRB_FUNCTION_EXECUTE_SCSI) {
        return NULL;
    }
    for (i = 0; i < SrbEx->NumSrbExData; i++) {
        PSRBEX_DATA data = SrbGetSrbExDataByIndex(SrbEx, i);
        /* Status and sense lie at the same offsets in all three kinds. */
        PSRBEX_DATA_SCSI_CDB16 scsi = (PSRBEX_DATA_SCSI_CDB16)data;
        PSRBEX_DATA_SCSI_CDB_VAR variable = (PSRBEX_DATA_SCSI_CDB_VAR)data;
        ULONG room;
        BOOLEAN is_variable;

        if (data == NULL) {
            continue;
        }
        room = SrbEx->SrbLength - SrbEx->SrbExDataOffset[i];
        is_variable = (BOOLEAN)(data->Type == SrbExDataTypeScsiCdbVar);
        if (is_variable) {
            if (room < sizeof(SRBEX_DATA_SCSI_CDB_VAR) ||
                variable->CdbLength > room - (ULONG)FIELD_OFFSET(SRBEX_DATA_SCSI_CDB_VAR, Cdb)) {
                return NULL;
            }
        } else if (data->Type == SrbExDataTypeScsiCdb16) {
            if (room < sizeof(SRBEX_DATA_SCSI_CDB16)) {
                return NULL;
            }
        } else if (data->Type == SrbExDataTypeScsiCdb32) {
            if (room < sizeof(SRBEX_DATA_SCSI_CDB32)) {
                return NULL;
            }
        } else {
            continue;
        }
        if (CdbLength8 != NULL) {
            *CdbLength8 = is_variable ? 0 : scsi->CdbLength;
        }
        if (CdbLength32 != NULL) {
            *CdbLength32 = is_variable ? variable->CdbLength : 0;
        }
        if (ScsiStatus != NULL) {
            *ScsiStatus = scsi->ScsiStatus;
        }
        if (SenseInfoBuffer != NULL) {
            *SenseInfoBuffer = is_variable ? variable->SenseInfoBuffer : scsi->SenseInfoBuffer;
        }
        if (SenseInfoBufferLength != NULL) {
            *SenseInfoBufferLength = scsi->SenseInfoBufferLength;
        }
        return is_variable ? (PCDB)variable->Cdb : (PCDB)scsi->Cdb;
    }
    return NULL;
}

/*
 * Writes the SCSI fields of the extended request for which a pointer is given,
 * the first CdbLength bytes of Cdb included.
 */
FORCEINLINE VOID SrbSetScsiData(PSTORAGE_REQUEST_BLOCK SrbEx, PUCHAR CdbLength8, PULONG CdbLength32,
                                PUCHAR ScsiStatus, PVOID *SenseInfoBuffer,
                                PUCHAR SenseInfoBufferLength)
{
    PCDB cdb = SrbGetScsiData(SrbEx, NULL, NULL, NULL, NULL, NULL);
    PSRBEX_DATA_SCSI_CDB16 scsi;
    PSRBEX_DATA_SCSI_CDB_VAR variable;

    if (cdb == NULL) {
        return;
    }
    variable = (PSRBEX_DATA_SCSI_CDB_VAR)((PUCHAR)cdb - FIELD_OFFSET(SRBEX_DATA_SCSI_CDB_VAR, Cdb));
    scsi = (PSRBEX_DATA_SCSI_CDB16)((PUCHAR)cdb - FIELD_OFFSET(SRBEX_DATA_SCSI_CDB16, Cdb));
    if (SrbGetSrbExDataByType(SrbEx, SrbExDataTypeScsiCdbVar) == (PSRBEX_DATA)variable) {
        if (CdbLength32 != NULL) {
            variable->CdbLength = *CdbLength32;
        }
        if (SenseInfoBuffer != NULL) {
            variable->SenseInfoBuffer = *SenseInfoBuffer;
        }
        scsi = (PSRBEX_DATA_SCSI_CDB16)variable;
    } else {
        if (CdbLength8 != NULL) {
            scsi->CdbLength = *CdbLength8;
        }
        if (SenseInfoBuffer != NULL) {
            scsi->SenseInfoBuffer = *SenseInfoBuffer;
        }
    }
    if (ScsiStatus != NULL) {
        scsi->ScsiStatus = *ScsiStatus;
    }
    if (SenseInfoBufferLength != NULL) {
        scsi->SenseInfoBufferLength = *SenseInfoBufferLength;
    }
}

/* The command of the request, or NULL if it carries none. */
FORCEINLINE PCDB SrbGetCdb(PVOID Srb)
{
    if (DdkSrbIsExtended(Srb)) {
        return SrbGetScsiData((PSTORAGE_REQUEST_BLOCK)Srb, NULL, NULL, NULL, NULL, NULL);
    }
    return (PCDB)((PSCSI_REQUEST_BLOCK)Srb)->Cdb;
}

/* SRB_FUNCTION_*: of the extended form the one behind it. */
FORCEINLINE ULONG SrbGetSrbFunction(PVOID Srb)
{
    if (DdkSrbIsExtended(Srb)) {
        return ((PSTORAGE_REQUEST_BLOCK)Srb)->SrbFunction;
    }
    return ((PSCSI_REQUEST_BLOCK)Srb)->Function;
}

/* Bytes of the whole request. */
FORCEINLINE ULONG SrbGetSrbLength(PVOID Srb)
{
    if (DdkSrbIsExtended(Srb)) {
        return ((PSTORAGE_REQUEST_BLOCK)Srb)->SrbLength;
    }
    return ((PSCSI_REQUEST_BLOCK)Srb)->Length;
}

/* Clears the request, but for what says of which form and how long it is. */
FORCEINLINE VOID SrbZeroSrb(PVOID Srb)
{
    if (DdkSrbIsExtended(Srb)) {
        PSTORAGE_REQUEST_BLOCK extended = (PSTORAGE_REQUEST_BLOCK)Srb;
        USHORT length = extended->Length;
        UCHAR function = extended->Function;
        ULONG srb_length = extended->SrbLength;

        RtlZeroMemory(Srb, srb_length);
        extended->Length = length;
        extended->Function = function;
        extended->SrbLength = srb_length;
    } else {
        PSCSI_REQUEST_BLOCK legacy = (PSCSI_REQUEST_BLOCK)Srb;
        USHORT length = legacy->Length;

        RtlZeroMemory(Srb, sizeof(SCSI_REQUEST_BLOCK));
        legacy->Length = length;
    }
}

/* Data of the request; for the extended form data to the device, or of both directions. */
FORCEINLINE PVOID SrbGetDataBuffer(PVOID Srb)
{
    if (DdkSrbIsExtended(Srb)) {
        return ((PSTORAGE_REQUEST_BLOCK)Srb)->DataBuffer;
    }
    return ((PSCSI_REQUEST_BLOCK)Srb)->DataBuffer;
}

FORCEINLINE VOID SrbSetDataBuffer(PVOID Srb, PVOID Value)
{
    if (DdkSrbIsExtended(Srb)) {
        ((PSTORAGE_REQUEST_BLOCK)Srb)->DataBuffer = Value;
    } else {
        ((PSCSI_REQUEST_BLOCK)Srb)->DataBuffer = Value;
    }
}

/* Bytes of data. */
FORCEINLINE ULONG SrbGetDataTransferLength(PVOID Srb)
{
    if (DdkSrbIsExtended(Srb)) {
        return ((PSTORAGE_REQUEST_BLOCK)Srb)->DataTransferLength;
    }
    return ((PSCSI_REQUEST_BLOCK)Srb)->DataTransferLength;
}

FORCEINLINE VOID SrbSetDataTransferLength(PVOID Srb, ULONG Value)
{
    if (DdkSrbIsExtended(Srb)) {
        ((PSTORAGE_REQUEST_BLOCK)Srb)->DataTransferLength = Value;
    } else {
        ((PSCSI_REQUEST_BLOCK)Srb)->DataTransferLength = Value;
    }
}

/* Seconds until the port resets the unit. */
FORCEINLINE ULONG SrbGetTimeOutValue(PVOID Srb)
{
    if (DdkSrbIsExtended(Srb)) {
        return ((PSTORAGE_REQUEST_BLOCK)Srb)->TimeOutValue;
    }
    return ((PSCSI_REQUEST_BLOCK)Srb)->TimeOutValue;
}

FORCEINLINE VOID SrbSetTimeOutValue(PVOID Srb, ULONG Value)
{
    if (DdkSrbIsExtended(Srb)) {
        ((PSTORAGE_REQUEST_BLOCK)Srb)->TimeOutValue = Value;
    } else {
        ((PSCSI_REQUEST_BLOCK)Srb)->TimeOutValue = Value;
    }
}

/* The IRP or request behind it; not for miniports. */
FORCEINLINE PVOID SrbGetOriginalRequest(PVOID Srb)
{
    if (DdkSrbIsExtended(Srb)) {
        return ((PSTORAGE_REQUEST_BLOCK)Srb)->OriginalRequest;
    }
    return ((PSCSI_REQUEST_BLOCK)Srb)->OriginalRequest;
}

FORCEINLINE VOID SrbSetOriginalRequest(PVOID Srb, PVOID Value)
{
    if (DdkSrbIsExtended(Srb)) {
        ((PSTORAGE_REQUEST_BLOCK)Srb)->OriginalRequest = Value;
    } else {
        ((PSCSI_REQUEST_BLOCK)Srb)->OriginalRequest = Value;
    }
}

/* Status that goes with SRB_STATUS_INTERNAL_ERROR. */
FORCEINLINE ULONG SrbGetSystemStatus(PVOID Srb)
{
    if (DdkSrbIsExtended(Srb)) {
        return ((PSTORAGE_REQUEST_BLOCK)Srb)->SystemStatus;
    }
    return ((PSCSI_REQUEST_BLOCK)Srb)->InternalStatus;
}

FORCEINLINE VOID SrbSetSystemStatus(PVOID Srb, ULONG Value)
{
    if (DdkSrbIsExtended(Srb)) {
        ((PSTORAGE_REQUEST_BLOCK)Srb)->SystemStatus = Value;
    } else {
        ((PSCSI_REQUEST_BLOCK)Srb)->InternalStatus = Value;
    }
}

/* SRB_FLAGS_*. */
FORCEINLINE ULONG SrbGetSrbFlags(PVOID Srb)
{
    if (DdkSrbIsExtended(Srb)) {
        return ((PSTORAGE_REQUEST_BLOCK)Srb)->SrbFlags;
    }
    return ((PSCSI_REQUEST_BLOCK)Srb)->SrbFlags;
}

FORCEINLINE VOID SrbAssignSrbFlags(PVOID Srb, ULONG Value)
{
    if (DdkSrbIsExtended(Srb)) {
        ((PSTORAGE_REQUEST_BLOCK)Srb)->SrbFlags = Value;
    } else {
        ((PSCSI_REQUEST_BLOCK)Srb)->SrbFlags = Value;
    }
}

FORCEINLINE VOID SrbSetSrbFlags(PVOID Srb, ULONG Value)
{
    if (DdkSrbIsExtended(Srb)) {
        ((PSTORAGE_REQUEST_BLOCK)Srb)->SrbFlags |= Value;
    } else {
        ((PSCSI_REQUEST_BLOCK)Srb)->SrbFlags |= Value;
    }
}

FORCEINLINE VOID SrbClearSrbFlags(PVOID Srb, ULONG Value)
{
    if (DdkSrbIsExtended(Srb)) {
        ((PSTORAGE_REQUEST_BLOCK)Srb)->SrbFlags &= ~Value;
    } else {
        ((PSCSI_REQUEST_BLOCK)Srb)->SrbFlags &= ~Value;
    }
}

/* SRB_STATUS_* with its flags. */
FORCEINLINE UCHAR SrbGetSrbStatus(PVOID Srb)
{
    if (DdkSrbIsExtended(Srb)) {
        return ((PSTORAGE_REQUEST_BLOCK)Srb)->SrbStatus;
    }
    return ((PSCSI_REQUEST_BLOCK)Srb)->SrbStatus;
}

FORCEINLINE VOID SrbSetSrbStatus(PVOID Srb, UCHAR Value)
{
    if (DdkSrbIsExtended(Srb)) {
        ((PSTORAGE_REQUEST_BLOCK)Srb)->SrbStatus = Value;
    } else {
        ((PSCSI_REQUEST_BLOCK)Srb)->SrbStatus = Value;
    }
}

/* The tag of the request, as the class driver or port gave it. */
FORCEINLINE ULONG SrbGetRequestTag(PVOID Srb)
{
    if (DdkSrbIsExtended(Srb)) {
        return ((PSTORAGE_REQUEST_BLOCK)Srb)->RequestTag;
    }
    return ((PSCSI_REQUEST_BLOCK)Srb)->QueueTag;
}

FORCEINLINE VOID SrbSetRequestTag(PVOID Srb, ULONG Value)
{
    if (DdkSrbIsExtended(Srb)) {
        ((PSTORAGE_REQUEST_BLOCK)Srb)->RequestTag = Value;
    } else {
        ((PSCSI_REQUEST_BLOCK)Srb)->QueueTag = (UCHAR)Value;
    }
}

/* SRB_SIMPLE_TAG_REQUEST and its like. */
FORCEINLINE ULONG SrbGetRequestAttribute(PVOID Srb)
{
    if (DdkSrbIsExtended(Srb)) {
        return ((PSTORAGE_REQUEST_BLOCK)Srb)->RequestAttribute;
    }
    return ((PSCSI_REQUEST_BLOCK)Srb)->QueueAction;
}

FORCEINLINE VOID SrbSetRequestAttribute(PVOID Srb, UCHAR Value)
{
    if (DdkSrbIsExtended(Srb)) {
        ((PSTORAGE_REQUEST_BLOCK)Srb)->RequestAttribute = Value;
    } else {
        ((PSCSI_REQUEST_BLOCK)Srb)->QueueAction = Value;
    }
}

/* The next request of a chain. */
FORCEINLINE PVOID SrbGetNextSrb(PVOID Srb)
{
    if (DdkSrbIsExtended(Srb)) {
        return ((PSTORAGE_REQUEST_BLOCK)Srb)->NextSrb;
    }
    return ((PSCSI_REQUEST_BLOCK)Srb)->NextSrb;
}

FORCEINLINE VOID SrbSetNextSrb(PVOID Srb, PVOID NextSrb)
{
    if (DdkSrbIsExtended(Srb)) {
        ((PSTORAGE_REQUEST_BLOCK)Srb)->NextSrb = (PSTORAGE_REQUEST_BLOCK)NextSrb;
    } else {
        ((PSCSI_REQUEST_BLOCK)Srb)->NextSrb = (PSCSI_REQUEST_BLOCK)NextSrb;
    }
}

/* The miniport's SRB extension. */
FORCEINLINE PVOID SrbGetMiniportContext(PVOID Srb)
{
    if (DdkSrbIsExtended(Srb)) {
        return ((PSTORAGE_REQUEST_BLOCK)Srb)->MiniportContext;
    }
    return ((PSCSI_REQUEST_BLOCK)Srb)->SrbExtension;
}

/* Whatever the port keeps with the request; a legacy request has no such field. */
FORCEINLINE PVOID SrbGetPortContext(PVOID Srb)
{
    if (DdkSrbIsExtended(Srb)) {
        return ((PSTORAGE_REQUEST_BLOCK)Srb)->PortContext;
    }
    return NULL;
}

FORCEINLINE VOID SrbSetPortContext(PVOID Srb, PVOID PortContext)
{
    if (DdkSrbIsExtended(Srb)) {
        ((PSTORAGE_REQUEST_BLOCK)Srb)->PortContext = PortContext;
    }
}

/* ---- SCSI status, CDB length and sense buffer -------------------------------- */

/* SCSISTAT_*. */
FORCEINLINE UCHAR SrbGetScsiStatus(PVOID Srb)
{
    if (DdkSrbIsExtended(Srb)) {
        UCHAR value = 0;

        (void)SrbGetScsiData((PSTORAGE_REQUEST_BLOCK)Srb, NULL, NULL, &value, NULL, NULL);
        return value;
    }
    return ((PSCSI_REQUEST_BLOCK)Srb)->ScsiStatus;
}

FORCEINLINE VOID SrbSetScsiStatus(PVOID Srb, UCHAR Value)
{
    if (DdkSrbIsExtended(Srb)) {
        SrbSetScsiData((PSTORAGE_REQUEST_BLOCK)Srb, NULL, NULL, &Value, NULL, NULL);
    } else {
        ((PSCSI_REQUEST_BLOCK)Srb)->ScsiStatus = Value;
    }
}

/* Where sense data goes, NULL if it is not wanted. */
FORCEINLINE PVOID SrbGetSenseInfoBuffer(PVOID Srb)
{
    if (DdkSrbIsExtended(Srb)) {
        PVOID value = NULL;

        (void)SrbGetScsiData((PSTORAGE_REQUEST_BLOCK)Srb, NULL, NULL, NULL, &value, NULL);
        return value;
    }
    return ((PSCSI_REQUEST_BLOCK)Srb)->SenseInfoBuffer;
}

FORCEINLINE VOID SrbSetSenseInfoBuffer(PVOID Srb, PVOID Value)
{
    if (DdkSrbIsExtended(Srb)) {
        SrbSetScsiData((PSTORAGE_REQUEST_BLOCK)Srb, NULL, NULL, NULL, &Value, NULL);
    } else {
        ((PSCSI_REQUEST_BLOCK)Srb)->SenseInfoBuffer = Value;
    }
}

/* Bytes of that buffer. */
FORCEINLINE UCHAR SrbGetSenseInfoBufferLength(PVOID Srb)
{
    if (DdkSrbIsExtended(Srb)) {
        UCHAR value = 0;

        (void)SrbGetScsiData((PSTORAGE_REQUEST_BLOCK)Srb, NULL, NULL, NULL, NULL, &value);
        return value;
    }
    return ((PSCSI_REQUEST_BLOCK)Srb)->SenseInfoBufferLength;
}

FORCEINLINE VOID SrbSetSenseInfoBufferLength(PVOID Srb, UCHAR Value)
{
    if (DdkSrbIsExtended(Srb)) {
        SrbSetScsiData((PSTORAGE_REQUEST_BLOCK)Srb, NULL, NULL, NULL, NULL, &Value);
    } else {
        ((PSCSI_REQUEST_BLOCK)Srb)->SenseInfoBufferLength = Value;
    }
}

/* Bytes of the CDB; 0 for a CDB of variable length. */
FORCEINLINE UCHAR SrbGetCdbLength(PVOID Srb)
{
    if (DdkSrbIsExtended(Srb)) {
        UCHAR value = 0;

        (void)SrbGetScsiData((PSTORAGE_REQUEST_BLOCK)Srb, &value, NULL, NULL, NULL, NULL);
        return value;
    }
    return ((PSCSI_REQUEST_BLOCK)Srb)->CdbLength;
}

FORCEINLINE VOID SrbSetCdbLength(PVOID Srb, UCHAR Value)
{
    if (DdkSrbIsExtended(Srb)) {
        SrbSetScsiData((PSTORAGE_REQUEST_BLOCK)Srb, &Value, NULL, NULL, NULL, NULL);
    } else {
        ((PSCSI_REQUEST_BLOCK)Srb)->CdbLength = Value;
    }
}

/* ---- Address -------------------------------------------------------------------- */

/* The path, target, unit address of an extended request, or NULL if it has none. */
FORCEINLINE PSTOR_ADDR_BTL8 DdkSrbGetBtl8(PSTORAGE_REQUEST_BLOCK Srb)
{
    PSTOR_ADDR_BTL8 address;

    if (Srb->AddressOffset < (ULONG)FIELD_OFFSET(STORAGE_REQUEST_BLOCK, SrbExDataOffset) ||
        Srb->AddressOffset > Srb->SrbLength ||
        Srb->SrbLength - Srb->AddressOffset <
            (ULONG)(FIELD_OFFSET(STOR_ADDR_BTL8, Path) + STOR_ADDR_BTL8_ADDRESS_LENGTH)) {
        return NULL;
    }
    address = (PSTOR_ADDR_BTL8)((PUCHAR)Srb + Srb->AddressOffset);
    return address->Type == STOR_ADDRESS_TYPE_BTL8 ? address : NULL;
}

/* Bus. */
FORCEINLINE UCHAR SrbGetPathId(PVOID Srb)
{
    if (DdkSrbIsExtended(Srb)) {
        PSTOR_ADDR_BTL8 address = DdkSrbGetBtl8((PSTORAGE_REQUEST_BLOCK)Srb);

        return address != NULL ? address->Path : 0;
    }
    return ((PSCSI_REQUEST_BLOCK)Srb)->PathId;
}

/* Target on its bus. */
FORCEINLINE UCHAR SrbGetTargetId(PVOID Srb)
{
    if (DdkSrbIsExtended(Srb)) {
        PSTOR_ADDR_BTL8 address = DdkSrbGetBtl8((PSTORAGE_REQUEST_BLOCK)Srb);

        return address != NULL ? address->Target : 0;
    }
    return ((PSCSI_REQUEST_BLOCK)Srb)->TargetId;
}

/* Logical unit of its target. */
FORCEINLINE UCHAR SrbGetLun(PVOID Srb)
{
    if (DdkSrbIsExtended(Srb)) {
        PSTOR_ADDR_BTL8 address = DdkSrbGetBtl8((PSTORAGE_REQUEST_BLOCK)Srb);

        return address != NULL ? address->Lun : 0;
    }
    return ((PSCSI_REQUEST_BLOCK)Srb)->Lun;
}

#endif
