/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Access to device registers: memory by volatile accesses, port space by in and out instructions,
 * both inline, so that the driver depends on no register function of the port driver and an access
 * costs one instruction.
 *
 * On ARM64 there is no port space: I/O ranges are mapped and accessed as memory, so that a region
 * there never says PortSpace.
 *
 * All functions may be called at any IRQL; registers wider than the access do not exist here, and
 * the caller keeps Offset + width within Region->Length. A test replaces this file by defining its
 * guard, VIRTIO_REGION and the functions first.
 */
#ifndef VIRTIO_PCI_IO_H
#define VIRTIO_PCI_IO_H

#include "osdep.h"

/* A range of registers: a whole BAR, or one structure in it. */
typedef struct _VIRTIO_REGION {
    ULONG_PTR Base;    /* virtual address, or port number */
    ULONG Length;      /* bytes */
    BOOLEAN PortSpace; /* Base is a port number for in and out */
} VIRTIO_REGION, *PVIRTIO_REGION;

#if defined(__i386__) || defined(__x86_64__) || defined(_M_IX86) || defined(_M_X64)

/* Whether port numbers mean anything to this processor. */
#define VIRTIO_PORT_SPACE 1

FORCEINLINE UCHAR VirtioPortRead8(ULONG_PTR Port)
{
    UCHAR Value;
    __asm__ __volatile__("inb %w1, %0" : "=a"(Value) : "Nd"((USHORT)Port) : "memory");
    return Value;
}

FORCEINLINE USHORT VirtioPortRead16(ULONG_PTR Port)
{
    USHORT Value;
    __asm__ __volatile__("inw %w1, %0" : "=a"(Value) : "Nd"((USHORT)Port) : "memory");
    return Value;
}

FORCEINLINE ULONG VirtioPortRead32(ULONG_PTR Port)
{
    ULONG Value;
    __asm__ __volatile__("inl %w1, %0" : "=a"(Value) : "Nd"((USHORT)Port) : "memory");
    return Value;
}

FORCEINLINE VOID VirtioPortWrite8(ULONG_PTR Port, UCHAR Value)
{
    __asm__ __volatile__("outb %0, %w1" ::"a"(Value), "Nd"((USHORT)Port) : "memory");
}

FORCEINLINE VOID VirtioPortWrite16(ULONG_PTR Port, USHORT Value)
{
    __asm__ __volatile__("outw %0, %w1" ::"a"(Value), "Nd"((USHORT)Port) : "memory");
}

FORCEINLINE VOID VirtioPortWrite32(ULONG_PTR Port, ULONG Value)
{
    __asm__ __volatile__("outl %0, %w1" ::"a"(Value), "Nd"((USHORT)Port) : "memory");
}

#else /* no port space: the address of a mapped I/O range is an address */

#define VIRTIO_PORT_SPACE 0

FORCEINLINE UCHAR VirtioPortRead8(ULONG_PTR Port)
{
    return *(volatile UCHAR *)Port;
}

FORCEINLINE USHORT VirtioPortRead16(ULONG_PTR Port)
{
    return *(volatile USHORT *)Port;
}

FORCEINLINE ULONG VirtioPortRead32(ULONG_PTR Port)
{
    return *(volatile ULONG *)Port;
}

FORCEINLINE VOID VirtioPortWrite8(ULONG_PTR Port, UCHAR Value)
{
    *(volatile UCHAR *)Port = Value;
}

FORCEINLINE VOID VirtioPortWrite16(ULONG_PTR Port, USHORT Value)
{
    *(volatile USHORT *)Port = Value;
}

FORCEINLINE VOID VirtioPortWrite32(ULONG_PTR Port, ULONG Value)
{
    *(volatile ULONG *)Port = Value;
}

#endif

/* Read 8, 16 or 32 bits at Offset (bytes) of a region. Results are the device's: hostile. */
FORCEINLINE UCHAR VirtioRead8(const VIRTIO_REGION *Region, ULONG Offset)
{
    ULONG_PTR Address = Region->Base + Offset;
    return Region->PortSpace ? VirtioPortRead8(Address) : *(volatile UCHAR *)Address;
}

FORCEINLINE USHORT VirtioRead16(const VIRTIO_REGION *Region, ULONG Offset)
{
    ULONG_PTR Address = Region->Base + Offset;
    return Region->PortSpace ? VirtioPortRead16(Address) : *(volatile USHORT *)Address;
}

FORCEINLINE ULONG VirtioRead32(const VIRTIO_REGION *Region, ULONG Offset)
{
    ULONG_PTR Address = Region->Base + Offset;
    return Region->PortSpace ? VirtioPortRead32(Address) : *(volatile ULONG *)Address;
}

/* Write 8, 16 or 32 bits at Offset (bytes) of a region. */
FORCEINLINE VOID VirtioWrite8(const VIRTIO_REGION *Region, ULONG Offset, UCHAR Value)
{
    ULONG_PTR Address = Region->Base + Offset;
    if (Region->PortSpace) {
        VirtioPortWrite8(Address, Value);
    } else {
        *(volatile UCHAR *)Address = Value;
    }
}

FORCEINLINE VOID VirtioWrite16(const VIRTIO_REGION *Region, ULONG Offset, USHORT Value)
{
    ULONG_PTR Address = Region->Base + Offset;
    if (Region->PortSpace) {
        VirtioPortWrite16(Address, Value);
    } else {
        *(volatile USHORT *)Address = Value;
    }
}

FORCEINLINE VOID VirtioWrite32(const VIRTIO_REGION *Region, ULONG Offset, ULONG Value)
{
    ULONG_PTR Address = Region->Base + Offset;
    if (Region->PortSpace) {
        VirtioPortWrite32(Address, Value);
    } else {
        *(volatile ULONG *)Address = Value;
    }
}

#endif /* VIRTIO_PCI_IO_H */
