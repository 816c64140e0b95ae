/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * StorPort's side of port.h: what does not lie on the request path.
 *
 * What a given Windows lacks is found at run time: an extended function that answers anything but
 * STOR_STATUS_SUCCESS is not used.
 */
#include "port.h"

#include "adapter.h"
#include "virtio_store_utils.h"

/* Tag of pool memory: 'viob' as the pool tools show it. */
#define PORT_POOL_TAG 0x626f6976u

/* Delay of the timer routine, microseconds: as soon as possible. */
#define TIMER_DELAY 1u

VOID PortStallMicroseconds(ULONG Microseconds)
{
    StorPortStallExecution(Microseconds);
}

BOOLEAN PortReadPciConfig(PADAPTER_EXTENSION Adapter, PVOID Buffer, ULONG Length)
{
    return StorPortGetBusData(Adapter, PCIConfiguration, Adapter->SystemIoBusNumber,
                              Adapter->SlotNumber, Buffer, Length) == Length;
}

ULONG PortProcessorCount(PADAPTER_EXTENSION Adapter)
{
    ULONG Count = 0;
    USHORT Groups;
    USHORT Group;

    /* From Windows 7 on. Before, StorPort calls StartIo on one processor at a time, and more than
     * one queue would be of no use. */
    if (StorPortGetActiveGroupCount(Adapter, &Groups) != STOR_STATUS_SUCCESS) {
        return 1;
    }
    for (Group = 0; Group < Groups; ++Group) {
        KAFFINITY Mask = 0;

        if (StorPortGetGroupAffinity(Adapter, Group, &Mask) == STOR_STATUS_SUCCESS) {
            for (; Mask != 0; Mask &= Mask - 1) {
                ++Count;
            }
        }
    }
    return Count != 0 ? Count : 1;
}

/*
 * The one uncached extension, all of it contiguous for the device. A second call gives the first
 * block again, whatever its size: one that is large enough is kept.
 */
static BOOLEAN AllocateShared(PADAPTER_EXTENSION Adapter, PPORT_CONFIGURATION_INFORMATION Config,
                              ULONG Bytes)
{
    SHARED_MEMORY *Shared = &Adapter->Shared;
    STOR_PHYSICAL_ADDRESS Address;
    ULONG Contiguous = 0;
    ULONG Misaligned;
    PUCHAR Block;

    if (Shared->Base != NULL) {
        return Shared->Bytes >= Bytes;
    }
    /* Page alignment is not promised: room for making it. */
    Block = StorPortGetUncachedExtension(Adapter, Config, Bytes + PAGE_SIZE);
    if (Block == NULL) {
        return FALSE;
    }
    Address = StorPortGetPhysicalAddress(Adapter, NULL, Block, &Contiguous);
    Misaligned = (ULONG)((0 - (ULONGLONG)Address.QuadPart) & (PAGE_SIZE - 1));
    if (Address.QuadPart == 0 || Contiguous < Misaligned + Bytes) {
        return FALSE;
    }
    Shared->Base = Block + Misaligned;
    Shared->Address = (ULONGLONG)Address.QuadPart + Misaligned;
    Shared->Bytes = Bytes;
    return TRUE;
}

/* From pool, out of the device's reach. */
static BOOLEAN AllocatePrivate(PADAPTER_EXTENSION Adapter, ULONG Bytes)
{
    ULONG_PTR Aligned;

    PortFreeMemory(Adapter);
    if (StorPortAllocatePool(Adapter, Bytes + CACHE_LINE_SIZE, PORT_POOL_TAG,
                             &Adapter->PrivateBlock) != STOR_STATUS_SUCCESS) {
        Adapter->PrivateBlock = NULL;
        return FALSE;
    }
    Aligned = ((ULONG_PTR)Adapter->PrivateBlock + CACHE_LINE_SIZE - 1) &
              ~(ULONG_PTR)(CACHE_LINE_SIZE - 1);
    Adapter->Private = (PUCHAR)Aligned;
    return TRUE;
}

BOOLEAN PortAllocateMemory(PADAPTER_EXTENSION Adapter, PPORT_CONFIGURATION_INFORMATION Config,
                           ULONG SharedBytes, ULONG PrivateBytes)
{
    BOOLEAN Allocated;

    if (Adapter->ExtendedConfiguration) {
        Allocated =
            AllocateShared(Adapter, Config, SharedBytes) && AllocatePrivate(Adapter, PrivateBytes);
    } else {
        /* Before Windows 8 no call tells when to give pool back (HwFreeAdapterResources): the
         * uncached extension, which StorPort gives back by itself, holds both. */
        Allocated = AllocateShared(Adapter, Config, SharedBytes + PrivateBytes);
        Adapter->Private = Adapter->Shared.Base + SharedBytes;
    }
    if (!Allocated) {
        DebugPrint(DebugError, "no memory: %lu shared, %lu private bytes", SharedBytes,
                   PrivateBytes);
        PortLogEvent(Adapter, NULL, VioEventNoMemory, (SharedBytes + PrivateBytes) >> 10);
        return FALSE;
    }
    RtlZeroMemory(Adapter->Shared.Base, SharedBytes);
    RtlZeroMemory(Adapter->Private, PrivateBytes);
    return TRUE;
}

VOID PortFreeMemory(PADAPTER_EXTENSION Adapter)
{
    if (Adapter->PrivateBlock != NULL) {
        StorPortFreePool(Adapter, Adapter->PrivateBlock);
        Adapter->PrivateBlock = NULL;
    }
    Adapter->Private = NULL;
    Adapter->Queues = NULL;
}

VOID PortLogEvent(PADAPTER_EXTENSION Adapter, PVOID Srb, VIO_EVENT Event, ULONG Detail)
{
    StorPortLogError(Adapter, (PSCSI_REQUEST_BLOCK)Srb, 0, 0, 0, SP_INTERNAL_ADAPTER_ERROR,
                     ((ULONG)Event << 16) | (Detail & 0xffff));
}

static HW_TIMER TimerRoutine;
static VOID NTAPI TimerRoutine(PVOID DeviceExtension)
{
    AdapterTimerWork((PADAPTER_EXTENSION)DeviceExtension);
}

VOID PortRequestTimerWork(PADAPTER_EXTENSION Adapter, TIMER_WORK Work)
{
    InterlockedOr(&Adapter->TimerWork, Work);
    StorPortNotification(RequestTimerCall, Adapter, TimerRoutine, TIMER_DELAY);
}

VOID PortSetUnitDepth(PADAPTER_EXTENSION Adapter, ULONG Depth)
{
    (VOID) StorPortSetDeviceQueueDepth(Adapter, 0, 0, 0, Depth);
}

VOID PortUnitChanged(PADAPTER_EXTENSION Adapter)
{
    STOR_ADDR_BTL8 Address;

    if (Adapter->ExtendedConfiguration) {
        RtlZeroMemory(&Address, sizeof(Address));
        Address.Type = STOR_ADDRESS_TYPE_BTL8;
        Address.AddressLength = STOR_ADDR_BTL8_ADDRESS_LENGTH;
        if (StorPortStateChangeDetected(Adapter, STATE_CHANGE_LUN, (PSTOR_ADDRESS)&Address, 0, NULL,
                                        NULL) == STOR_STATUS_SUCCESS) {
            return;
        }
    }
    /* Before Windows 8: have the bus looked at again; the unit attention says what has changed. */
    StorPortNotification(BusChangeDetected, Adapter, 0);
}
