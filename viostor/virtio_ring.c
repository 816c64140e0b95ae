/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Virtqueue: what all ring formats share off the request path. virtio_ring.h explains the whole.
 */
#include "virtio_ring.h"

static BOOLEAN VirtQueueSizeIsValid(ULONG Size)
{
    return Size != 0 && Size <= VIRTQ_SIZE_MAXIMUM && (Size & (Size - 1)) == 0;
}

BOOLEAN VirtQueueMemorySize(VIRTQUEUE_LAYOUT Layout, ULONG Size, PVIRTQUEUE_MEMORY Memory)
{
    if (!VirtQueueSizeIsValid(Size)) {
        return FALSE;
    }
    VirtSplitMemorySize(Layout, Size, Memory);
    return TRUE;
}

static VIRTQUEUE_FAULT VirtQueueRefuse(PVIRTQUEUE Queue, VIRTQUEUE_FAULT Fault, ULONGLONG Value)
{
    Queue->Complete.Fault = Fault;
    Queue->FaultValue = Value;
    return Fault;
}

VIRTQUEUE_FAULT VirtQueueInitialize(PVIRTQUEUE Queue, const VIRTQUEUE_SETUP *Setup)
{
    VIRTQUEUE_MEMORY Memory;
    ULONG Misaligned;

    Queue->Setup = *Setup;
    if (!VirtQueueMemorySize(Setup->Layout, Setup->Size, &Memory)) {
        return VirtQueueRefuse(Queue, VirtQueueFaultSize, Setup->Size);
    }
    if (Setup->Use > Setup->Size) {
        return VirtQueueRefuse(Queue, VirtQueueFaultSize, Setup->Use);
    }
    /* The processor's address need not be a multiple of more than the fields ask for. */
    Misaligned = (ULONG)Setup->RingAddress & (Memory.RingAlignment - 1);
    if (Misaligned != 0) {
        return VirtQueueRefuse(Queue, VirtQueueFaultAlignment, Setup->RingAddress);
    }
    if (((ULONG_PTR)Setup->Ring & (sizeof(ULONGLONG) - 1)) != 0) {
        return VirtQueueRefuse(Queue, VirtQueueFaultAlignment, (ULONG_PTR)Setup->Ring);
    }
    if (Setup->RingAddress + Memory.RingBytes < Setup->RingAddress) {
        return VirtQueueRefuse(Queue, VirtQueueFaultAddress, Setup->RingAddress);
    }
    VirtQueueReinitialize(Queue);
    return VirtQueueFaultNone;
}

VOID VirtQueueReinitialize(PVIRTQUEUE Queue)
{
    Queue->Complete.Fault = VirtQueueFaultNone;
    Queue->FaultValue = 0;
    VirtSplitInitialize(Queue);
}

VOID VirtQueueGetAddresses(const VIRTQUEUE *Queue, PVIRTQ_ADDRESSES Addresses)
{
    VirtSplitGetAddresses(Queue, Addresses);
}

ULONG VirtQueueNextOutstanding(const VIRTQUEUE *Queue, ULONG From)
{
    ULONG Id;

    for (Id = From; Id < Queue->Setup.Size; Id++) {
        if (Queue->Complete.Ids[Id].UsedLimit != 0) {
            return Id;
        }
    }
    return VIRTQUEUE_NONE;
}

const char *VirtQueueFaultName(VIRTQUEUE_FAULT Fault)
{
    switch (Fault) {
    case VirtQueueFaultNone:
        return "no fault";
    case VirtQueueFaultSize:
        return "queue size is no power of two up to 32768";
    case VirtQueueFaultAlignment:
        return "queue memory is misaligned";
    case VirtQueueFaultAddress:
        return "queue memory ends beyond the address space";
    case VirtQueueFaultUsedIndex:
        return "device's used index is ahead of all requests";
    case VirtQueueFaultUsedId:
        return "device used an id beyond the queue's size";
    case VirtQueueFaultNotPending:
        return "device used an id that was not given to it";
    case VirtQueueFaultUsedLength:
        return "device reported more bytes than the request can take";
    }
    return "unknown queue fault";
}
