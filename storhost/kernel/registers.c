/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Register and port accessors, for drivers that import them instead of accessing inline. Each
 * element of a buffer is one access, to the same register or port.
 */
#include "kernel/kernel_internal.h"

/*
 * The four accessors of one width: `space` names registers or ports; `kind` is their name in the
 * functions.
 */
#define ACCESSORS(kind, space, type)                                                               \
    static type NTAPI read_##kind##_##type(type *address)                                          \
    {                                                                                              \
        return (type)trap_read(space, address, sizeof(type));                                      \
    }                                                                                              \
    static VOID NTAPI write_##kind##_##type(type *address, type value)                             \
    {                                                                                              \
        trap_write(space, address, sizeof(type), value);                                           \
    }                                                                                              \
    static VOID NTAPI read_##kind##_buffer_##type(type *address, type *buffer, ULONG count)        \
    {                                                                                              \
        SERVES("READ_..._BUFFER_" #type);                                                          \
        for (; count > 0; count--) {                                                               \
            *buffer++ = (type)trap_read(space, address, sizeof(type));                             \
        }                                                                                          \
    }                                                                                              \
    static VOID NTAPI write_##kind##_buffer_##type(type *address, const type *buffer, ULONG count) \
    {                                                                                              \
        SERVES("WRITE_..._BUFFER_" #type);                                                         \
        for (; count > 0; count--) {                                                               \
            trap_write(space, address, sizeof(type), *buffer++);                                   \
        }                                                                                          \
    }

ACCESSORS(register, TRAP_MEMORY, UCHAR)
ACCESSORS(register, TRAP_MEMORY, USHORT)
ACCESSORS(register, TRAP_MEMORY, ULONG)
ACCESSORS(port, TRAP_PORTS, UCHAR)
ACCESSORS(port, TRAP_PORTS, USHORT)
ACCESSORS(port, TRAP_PORTS, ULONG)

static const struct kernel_export exports[] = {
    KERNEL_EXPORT(READ_REGISTER_UCHAR, read_register_UCHAR),
    KERNEL_EXPORT(READ_REGISTER_BUFFER_UCHAR, read_register_buffer_UCHAR),
    KERNEL_EXPORT(WRITE_REGISTER_UCHAR, write_register_UCHAR),
    KERNEL_EXPORT(WRITE_REGISTER_BUFFER_UCHAR, write_register_buffer_UCHAR),
    KERNEL_EXPORT(READ_REGISTER_USHORT, read_register_USHORT),
    KERNEL_EXPORT(READ_REGISTER_BUFFER_USHORT, read_register_buffer_USHORT),
    KERNEL_EXPORT(WRITE_REGISTER_USHORT, write_register_USHORT),
    KERNEL_EXPORT(WRITE_REGISTER_BUFFER_USHORT, write_register_buffer_USHORT),
    KERNEL_EXPORT(READ_REGISTER_ULONG, read_register_ULONG),
    KERNEL_EXPORT(READ_REGISTER_BUFFER_ULONG, read_register_buffer_ULONG),
    KERNEL_EXPORT(WRITE_REGISTER_ULONG, write_register_ULONG),
    KERNEL_EXPORT(WRITE_REGISTER_BUFFER_ULONG, write_register_buffer_ULONG),
    KERNEL_EXPORT(READ_PORT_UCHAR, read_port_UCHAR),
    KERNEL_EXPORT(READ_PORT_BUFFER_UCHAR, read_port_buffer_UCHAR),
    KERNEL_EXPORT(WRITE_PORT_UCHAR, write_port_UCHAR),
    KERNEL_EXPORT(WRITE_PORT_BUFFER_UCHAR, write_port_buffer_UCHAR),
    KERNEL_EXPORT(READ_PORT_USHORT, read_port_USHORT),
    KERNEL_EXPORT(READ_PORT_BUFFER_USHORT, read_port_buffer_USHORT),
    KERNEL_EXPORT(WRITE_PORT_USHORT, write_port_USHORT),
    KERNEL_EXPORT(WRITE_PORT_BUFFER_USHORT, write_port_buffer_USHORT),
    KERNEL_EXPORT(READ_PORT_ULONG, read_port_ULONG),
    KERNEL_EXPORT(READ_PORT_BUFFER_ULONG, read_port_buffer_ULONG),
    KERNEL_EXPORT(WRITE_PORT_ULONG, write_port_ULONG),
    KERNEL_EXPORT(WRITE_PORT_BUFFER_ULONG, write_port_buffer_ULONG),
};

KERNEL_TABLE(kernel_registers, exports);
