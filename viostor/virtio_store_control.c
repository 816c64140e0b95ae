/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * I/O controls. See virtio_store_control.h. What a buffer says of itself is not trusted: every length and
 * offset is held against the SRB's.
 */
#include "virtio_store_control.h"

#include "port.h"
#include "virtio_store_hw_helper.h"
#include "viostor_control.h"

/* The slot that the one firmware is in. */
#define FIRMWARE_SLOT 0u

/* ---- The driver's own code ---- */

_Static_assert(offsetof(VIOSTOR_COUNTERS, LongUsedLengths) == VIOSTOR_COUNTERS_LEAST,
               "as the first version had it");

static UCHAR ReportCounters(const ADAPTER_EXTENSION *Adapter, PSRB_IO_CONTROL Control, ULONG Room)
{
    VIOSTOR_COUNTERS Counters;

    if (Room < VIOSTOR_COUNTERS_LEAST) {
        Control->ReturnCode = VIOSTOR_CONTROL_TOO_SMALL;
        return SRB_STATUS_SUCCESS;
    }
    Counters.Version = VIOSTOR_COUNTERS_VERSION;
    Counters.Size = min(Room, (ULONG)sizeof(Counters));
    Counters.Features = Adapter->Features;
    Counters.Queues = Adapter->QueueCount;
    Counters.Depth = Adapter->Limits.Depth;
    Counters.Resets = Adapter->Counters.Resets;
    Counters.RequestsReset = Adapter->Counters.RequestsReset;
    Counters.BrokenQueues = Adapter->Counters.BrokenQueues;
    Counters.BadRequests = Adapter->Counters.BadRequests;
    Counters.ConfigChanges = Adapter->Counters.ConfigChanges;
    Counters.State = (ULONG)Adapter->State;
    Counters.LongUsedLengths = (ULONG)Adapter->Counters.LongUsedLengths;
    Counters.QueuesRemade = Adapter->Counters.QueuesRemade;
    RtlCopyMemory((PUCHAR)Control + sizeof(*Control), &Counters, Counters.Size);
    Control->Length = Counters.Size;
    Control->ReturnCode = VIOSTOR_CONTROL_OK;
    return SRB_STATUS_SUCCESS;
}

/* ---- Firmware ("Upgrading firmware for a StorPort device") ---- */

/* The answer to FIRMWARE_FUNCTION_GET_INFO, in the form that Windows 10 asks for. */
typedef struct _FIRMWARE_ANSWER {
    STORAGE_FIRMWARE_INFO_V2 Information;
    STORAGE_FIRMWARE_SLOT_INFO_V2 Slot;
} FIRMWARE_ANSWER;

static UCHAR FirmwareWrong(PSRB_IO_CONTROL Control, ULONG ReturnCode)
{
    Control->ReturnCode = ReturnCode;
    return SRB_STATUS_INVALID_REQUEST;
}

/* One read-only slot with the revision that INQUIRY tells: the firmware is the host's. Asked is the
 * data buffer of Request, which lies in the SRB's. */
static UCHAR ReportFirmware(PSRB_IO_CONTROL Control, FIRMWARE_REQUEST_BLOCK *Request, PUCHAR Asked)
{
    STORAGE_FIRMWARE_INFO_V2 Head;
    FIRMWARE_ANSWER Answer;

    if (Request->DataBufferLength < sizeof(Head)) {
        return FirmwareWrong(Control, FIRMWARE_STATUS_INVALID_PARAMETER);
    }
    RtlCopyMemory(&Head, Asked, sizeof(Head));
    if (Head.Version < STORAGE_FIRMWARE_INFO_STRUCTURE_VERSION_V2 || Head.Size < sizeof(Head)) {
        return FirmwareWrong(Control, FIRMWARE_STATUS_INVALID_PARAMETER);
    }
    if (Request->DataBufferLength < sizeof(Answer)) {
        Request->DataBufferLength = sizeof(Answer); /* so much is wanted */
        RtlCopyMemory((PUCHAR)Control + sizeof(*Control), Request, sizeof(*Request));
        Control->ReturnCode = FIRMWARE_STATUS_OUTPUT_BUFFER_TOO_SMALL;
        return SRB_STATUS_SUCCESS;
    }
    RtlZeroMemory(&Answer, sizeof(Answer));
    Answer.Information.Version = STORAGE_FIRMWARE_INFO_STRUCTURE_VERSION_V2;
    Answer.Information.Size = sizeof(Answer.Information);
    Answer.Information.SlotCount = 1;
    Answer.Information.ActiveSlot = FIRMWARE_SLOT;
    Answer.Information.PendingActivateSlot = STORAGE_FIRMWARE_INFO_INVALID_SLOT;
    Answer.Slot.SlotNumber = FIRMWARE_SLOT;
    Answer.Slot.ReadOnly = TRUE;
    RtlCopyMemory(Answer.Slot.Revision, DISK_REVISION, DISK_REVISION_LENGTH);
    RtlZeroMemory(Asked, Request->DataBufferLength);
    RtlCopyMemory(Asked, &Answer, sizeof(Answer));
    Control->ReturnCode = FIRMWARE_STATUS_SUCCESS;
    return SRB_STATUS_SUCCESS;
}

/* Length: bytes of the whole buffer. */
static UCHAR AnswerFirmware(PSRB_IO_CONTROL Control, ULONG Length)
{
    const ULONG Heads = sizeof(*Control) + sizeof(FIRMWARE_REQUEST_BLOCK);
    FIRMWARE_REQUEST_BLOCK Request;

    if (Length < Heads) {
        return FirmwareWrong(Control, FIRMWARE_STATUS_INVALID_PARAMETER);
    }
    RtlCopyMemory(&Request, (PUCHAR)Control + sizeof(*Control), sizeof(Request));
    if (Request.Version < FIRMWARE_REQUEST_BLOCK_STRUCTURE_VERSION ||
        Request.DataBufferOffset < Heads || Request.DataBufferOffset > Length ||
        Request.DataBufferLength > Length - Request.DataBufferOffset) {
        return FirmwareWrong(Control, FIRMWARE_STATUS_INVALID_PARAMETER);
    }
    if (Request.Function != FIRMWARE_FUNCTION_GET_INFO) {
        /* An image cannot be taken, nor another one be made active. */
        return FirmwareWrong(Control, FIRMWARE_STATUS_ILLEGAL_REQUEST);
    }
    return ReportFirmware(Control, &Request, (PUCHAR)Control + Request.DataBufferOffset);
}

/* ---- The way in ---- */

/* A loop of its own, because kernels of 32-bit Windows export no memcmp (ddk/ntoskrnl.def). */
static BOOLEAN Is(const SRB_IO_CONTROL *Control, const char *Signature, ULONG ControlCode)
{
    ULONG Index;

    for (Index = 0; Index < sizeof(Control->Signature); Index++) {
        if (Control->Signature[Index] != (UCHAR)Signature[Index]) {
            return FALSE;
        }
    }
    return Control->ControlCode == ControlCode;
}

/* SRB status of the answer. */
static UCHAR Answer(const ADAPTER_EXTENSION *Adapter, PSRB_IO_CONTROL Control, ULONG Length)
{
    if (Control == NULL || Length < sizeof(*Control) || Control->HeaderLength != sizeof(*Control)) {
        return SRB_STATUS_INVALID_REQUEST;
    }
    if (Is(Control, VIOSTOR_CONTROL_SIGNATURE, VIOSTOR_CONTROL_COUNTERS)) {
        return ReportCounters(Adapter, Control,
                              min(Control->Length, Length - (ULONG)sizeof(*Control)));
    }
    if (Is(Control, IOCTL_MINIPORT_SIGNATURE_FIRMWARE, IOCTL_SCSI_MINIPORT_FIRMWARE)) {
        return AnswerFirmware(Control, Length);
    }
    return SRB_STATUS_INVALID_REQUEST;
}

VOID ControlAnswer(PADAPTER_EXTENSION Adapter, PVOID Srb)
{
    const UCHAR Status =
        Answer(Adapter, (PSRB_IO_CONTROL)SrbGetDataBuffer(Srb), SrbGetDataTransferLength(Srb));

    if (Status == SRB_STATUS_SUCCESS) {
        SrbSetSrbStatus(Srb, Status);
    } else {
        SrbSetPortResult(Srb, Status);
    }
}
