/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The imported functions that access registers and ports, 24 of them, for both port drivers (inline
 * accesses of a driver fault and end in the same place). The file that includes this defines
 *
 *   ACCESSOR_PARAMETERS   what stands before the register's address, with a comma behind, or nothing
 *   ACCESSOR_EXTENSION    the device extension, or NULL
 *
 * and then says ACCESSORS(name, prefix, export, suffix, type) for each size:
 * ACCESSORS(sp, "StorPort", uchar, "Uchar", UCHAR) makes sp_read_register_uchar and so on.
 */
#ifndef STORHOST_PORT_ACCESSORS_H
#define STORHOST_PORT_ACCESSORS_H

#define READ_ONE(function, export, space, type)               \
    type NTAPI function(ACCESSOR_PARAMETERS type *address)    \
    {                                                         \
        EXPORT_ENTER(export, ACCESSOR_EXTENSION, IRQL_HIGH);  \
        (void)port;                                           \
        return (type)trap_read(space, address, sizeof(type)); \
    }

#define WRITE_ONE(function, export, space, type)                       \
    VOID NTAPI function(ACCESSOR_PARAMETERS type *address, type value) \
    {                                                                  \
        EXPORT_ENTER(export, ACCESSOR_EXTENSION, IRQL_HIGH);           \
        (void)port;                                                    \
        trap_write(space, address, sizeof(type), value);               \
    }

/* Register buffers walk up through the registers; port buffers stay at one port. */
#define READ_MANY(function, export, space, type, step)                                \
    VOID NTAPI function(ACCESSOR_PARAMETERS type *address, type *buffer, ULONG count) \
    {                                                                                 \
        EXPORT_ENTER(export, ACCESSOR_EXTENSION, IRQL_HIGH);                          \
        (void)port;                                                                   \
        for (ULONG i = 0; i < count; i++) {                                           \
            buffer[i] = (type)trap_read(space, address + (step)*i, sizeof(type));     \
        }                                                                             \
    }

#define WRITE_MANY(function, export, space, type, step)                               \
    VOID NTAPI function(ACCESSOR_PARAMETERS type *address, type *buffer, ULONG count) \
    {                                                                                 \
        EXPORT_ENTER(export, ACCESSOR_EXTENSION, IRQL_HIGH);                          \
        (void)port;                                                                   \
        for (ULONG i = 0; i < count; i++) {                                           \
            trap_write(space, address + (step)*i, sizeof(type), buffer[i]);           \
        }                                                                             \
    }

#define ACCESSORS(own, port, name, size, type)                                                   \
    READ_ONE(own##_read_register_##name, port "ReadRegister" size, TRAP_MEMORY, type)            \
    WRITE_ONE(own##_write_register_##name, port "WriteRegister" size, TRAP_MEMORY, type)         \
    READ_MANY(own##_read_register_buffer_##name, port "ReadRegisterBuffer" size, TRAP_MEMORY,    \
              type, 1)                                                                           \
    WRITE_MANY(own##_write_register_buffer_##name, port "WriteRegisterBuffer" size, TRAP_MEMORY, \
               type, 1)                                                                          \
    READ_ONE(own##_read_port_##name, port "ReadPort" size, TRAP_PORTS, type)                     \
    WRITE_ONE(own##_write_port_##name, port "WritePort" size, TRAP_PORTS, type)                  \
    READ_MANY(own##_read_port_buffer_##name, port "ReadPortBuffer" size, TRAP_PORTS, type, 0)    \
    WRITE_MANY(own##_write_port_buffer_##name, port "WritePortBuffer" size, TRAP_PORTS, type, 0)

#endif
