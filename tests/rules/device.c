/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The least that drives a virtio-blk device: legacy interface (virtio 1.2, 4.1.4.10), ports, first
 * queue, EVENT_IDX, line interrupt, READ only. For tests of the rules, one request after the other.
 * Each request has its own 8 descriptors. Compiled once for each port driver, whose port_calls.h
 * has the services.
 */
#include "port_calls.h"

#define FEATURE_EVENT_IDX (1u << 29)
#define DESCRIPTOR_NEXT   1u
#define DESCRIPTOR_WRITE  2u

/* Registers. */
#define REGISTER_FEATURES 4u
#define REGISTER_ADDRESS  8u
#define REGISTER_SIZE     12u
#define REGISTER_SELECT   14u
#define REGISTER_ISR      19u

typedef struct _DESCRIPTOR {
    ULONGLONG Address;
    ULONG Length;
    USHORT Flags;
    USHORT Next;
} DESCRIPTOR, *PDESCRIPTOR;

VOID DeviceFind(PEXTENSION Extension, PPORT_CONFIGURATION_INFORMATION Config)
{
    ULONG Index;

    for (Index = 0; Index < Config->NumberOfAccessRanges; ++Index) {
        const ACCESS_RANGE *Range = &(*Config->AccessRanges)[Index];

        if (Range->RangeLength != 0 && !Range->RangeInMemory) {
            Extension->Device.Ports = CallGetPorts(Extension, Config, Range);
        }
    }
}

VOID DeviceWriteStatus(PEXTENSION Extension, UCHAR Status)
{
    if (Extension->Device.Ports != NULL) {
        CallWriteUchar(Extension, Extension->Device.Ports + DEVICE_STATUS_REGISTER, Status);
    }
}

volatile USHORT *DeviceAvailable(PEXTENSION Extension)
{
    PDEVICE Device = &Extension->Device;

    return (volatile USHORT *)(Device->Ring + Device->Size * sizeof(DESCRIPTOR));
}

static PUCHAR Used(PDEVICE Device)
{
    SIZE_T Bytes = Device->Size * sizeof(DESCRIPTOR) + 6 + 2u * Device->Size;

    return Device->Ring + ((Bytes + PAGE_SIZE - 1) & ~(SIZE_T)(PAGE_SIZE - 1));
}

VOID DeviceStart(PEXTENSION Extension)
{
    PDEVICE Device = &Extension->Device;

    DeviceWriteStatus(Extension, 0);
    DeviceWriteStatus(Extension, 3);
    CallWriteUlong(Extension, (PULONG)(Device->Ports + REGISTER_FEATURES), FEATURE_EVENT_IDX);
    CallWriteUshort(Extension, (PUSHORT)(Device->Ports + REGISTER_SELECT), 0);
    Device->Size = CallReadUshort(Extension, (PUSHORT)(Device->Ports + REGISTER_SIZE));
    CallWriteUlong(Extension, (PULONG)(Device->Ports + REGISTER_ADDRESS),
                   (ULONG)(Device->Address >> PAGE_SHIFT));
}

VOID DeviceSubmit(PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb, ULONG MoreBytes)
{
    PDEVICE Device = &Extension->Device;
    PSRB_EXTENSION Header = (PSRB_EXTENSION)Srb->SrbExtension;
    const USHORT Head = (USHORT)(Device->Submitted % SLOTS * SLOT_SEGMENTS);
    PDESCRIPTOR Table = (PDESCRIPTOR)Device->Ring + Head;
    volatile USHORT *Ring = DeviceAvailable(Extension);
    ULONG Count = 0;
    ULONG Offset = 0;

    Header->Type = 0;
    Header->Priority = 0;
    Header->Sector = (ULONGLONG)Srb->Cdb[4] << 8 | Srb->Cdb[5];
    Header->Status = 0xff;
    Table[Count++] =
        (DESCRIPTOR){CallGetAddress(Extension, Header), 16, DESCRIPTOR_NEXT, (USHORT)(Head + 1)};
    while (Count + 1 < SLOT_SEGMENTS && Offset < Srb->DataTransferLength) {
        Table[Count].Address = CallGetSegment(Extension, Srb, Offset, &Table[Count].Length);
        Table[Count].Flags = DESCRIPTOR_NEXT | DESCRIPTOR_WRITE;
        Table[Count].Next = (USHORT)(Head + Count + 1);
        Offset += Table[Count++].Length;
    }
    Table[Count - 1].Length += MoreBytes;
    Table[Count] = (DESCRIPTOR){CallGetAddress(Extension, &Header->Status), 1, DESCRIPTOR_WRITE, 0};
    Device->Srbs[Device->Submitted % SLOTS] = Srb;
    Ring[2 + Device->Submitted % Device->Size] = Head;
    KeMemoryBarrier();
    Ring[1] = ++Device->Submitted;
    KeMemoryBarrier();
}

VOID DeviceNotify(PEXTENSION Extension)
{
    CallWriteUshort(Extension, (PUSHORT)(Extension->Device.Ports + DEVICE_NOTIFY_REGISTER), 0);
}

volatile USHORT *DeviceUsedIndex(PEXTENSION Extension)
{
    return (volatile USHORT *)(Used(&Extension->Device) + 2);
}

volatile USHORT *DeviceAvailEvent(PEXTENSION Extension)
{
    PDEVICE Device = &Extension->Device;

    return (volatile USHORT *)(Used(Device) + 4 + 8u * Device->Size);
}

volatile ULONG *DeviceUsedElement(PEXTENSION Extension)
{
    PDEVICE Device = &Extension->Device;

    return (volatile ULONG *)(Used(Device) + 4) + 2u * (Device->Completed % Device->Size);
}

VOID DevicePoll(PEXTENSION Extension)
{
    PDEVICE Device = &Extension->Device;

    if (Device->Size == 0) {
        return;
    }
    while (Device->Completed != *DeviceUsedIndex(Extension)) {
        KeMemoryBarrier();
        if (!BreakRule(PlaceUsed, Extension, NULL)) {
            const ULONG Head = DeviceUsedElement(Extension)[0];

            Complete(Extension, Device->Srbs[Head / SLOT_SEGMENTS % SLOTS], SRB_STATUS_SUCCESS);
        }
        ++Device->Completed;
        DeviceAvailable(Extension)[2 + Device->Size] = Device->Completed;
        KeMemoryBarrier();
    }
}

BOOLEAN DeviceInterrupt(PEXTENSION Extension)
{
    PDEVICE Device = &Extension->Device;

    return Device->Ports != NULL && CallReadUchar(Extension, Device->Ports + REGISTER_ISR) != 0;
}
