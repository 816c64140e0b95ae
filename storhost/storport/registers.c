/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Access ranges: what HwFindAdapter is told of the device's BARs, their mapping, and the imported
 * functions that access registers and ports (inline accesses fault and end in the same place).
 */
#include "storport/internal.h"
#include "storport/exports.h"

#include <stdlib.h>
#include <string.h>

/* ---- mapping --------------------------------------------------------------------------------- */

static uint64_t range_read(void *context, uint64_t offset, unsigned size)
{
    struct mapping *mapping = context;
    struct device *device = mapping->port->device;

    return device->ops->bar_read(device, mapping->bar, mapping->offset + offset, size);
}

static void range_write(void *context, uint64_t offset, unsigned size, uint64_t value)
{
    struct mapping *mapping = context;
    struct device *device = mapping->port->device;

    device->ops->bar_write(device, mapping->bar, mapping->offset + offset, size, value);
}

static const struct trap_ops range_ops = {.read = range_read, .write = range_write};

/* The BAR that holds a range; -1 if none does. */
static int bar_of(const struct port *port, uint64_t address, uint32_t bytes, bool ports)
{
    for (int i = 0; i < DEVICE_BARS; i++) {
        const struct device_bar *bar = &port->device->bars[i];

        if (bar->size != 0 && bar->ports == ports && bytes != 0 && bytes <= bar->size &&
            address >= bar->address && address - bar->address <= bar->size - bytes) {
            return i;
        }
    }
    return -1;
}

PVOID NTAPI sp_get_device_base(PVOID extension, INTERFACE_TYPE type, ULONG bus, uint64_t address,
                               ULONG bytes, UCHAR io_space)
{
    EXPORT_ENTER("StorPortGetDeviceBase", extension, IRQL_PASSIVE);
    int bar = bar_of(port, address, bytes, io_space != FALSE);
    struct mapping *mapping;

    if (port->state != ADAPTER_FINDING) {
        violation(RULE_PHASE, "StorPortGetDeviceBase called outside of HwFindAdapter");
    }
    if (bar < 0 || type != port->config->AdapterInterfaceType ||
        bus != port->config->SystemIoBusNumber) {
        export_leave();
        return NULL;
    }
    mapping = calloc(1, sizeof(*mapping));
    if (mapping == NULL) {
        fatal("out of memory");
    }
    mapping->port = port;
    mapping->bar = (unsigned)bar;
    mapping->offset = address - port->device->bars[bar].address;
    mapping->length = bytes;
    mapping->space = io_space ? TRAP_PORTS : TRAP_MEMORY;
    mapping->base = trap_map(mapping->space, (uint16_t)address, bytes, &range_ops, mapping, "BAR");
    mapping->next = port->mappings;
    port->mappings = mapping;
    resource_add(port, RESOURCE_DEVICE_BASE, mapping->base, bytes, NULL);
    export_leave();
    return mapping->base;
}

void device_base_unmap(struct port *port, const void *base)
{
    for (struct mapping **link = &port->mappings; *link != NULL; link = &(*link)->next) {
        struct mapping *mapping = *link;

        if (mapping->base == base) {
            *link = mapping->next;
            trap_unmap(mapping->base, mapping->space);
            free(mapping);
            return;
        }
    }
}

VOID NTAPI sp_free_device_base(PVOID extension, PVOID base)
{
    EXPORT_ENTER("StorPortFreeDeviceBase", extension, IRQL_PASSIVE);

    free(resource_take(port, RESOURCE_DEVICE_BASE, base, "StorPortFreeDeviceBase"));
    device_base_unmap(port, base);
    export_leave();
}

BOOLEAN NTAPI sp_validate_range(PVOID extension, INTERFACE_TYPE type, ULONG bus, uint64_t address,
                                ULONG bytes, UCHAR io_space)
{
    EXPORT_ENTER("StorPortValidateRange", extension, IRQL_PASSIVE);
    BOOLEAN result = bar_of(port, address, bytes, io_space != FALSE) >= 0;

    (void)type;
    (void)bus;
    export_leave();
    return result;
}

/* ---- accessors ------------------------------------------------------------------------------- */

#define READ_ONE(function, export, space, type)               \
    type NTAPI function(PVOID extension, type *address)       \
    {                                                         \
        EXPORT_ENTER(export, extension, IRQL_HIGH);           \
        (void)port;                                           \
        return (type)trap_read(space, address, sizeof(type)); \
    }

#define WRITE_ONE(function, export, space, type)                    \
    VOID NTAPI function(PVOID extension, type *address, type value) \
    {                                                               \
        EXPORT_ENTER(export, extension, IRQL_HIGH);                 \
        (void)port;                                                 \
        trap_write(space, address, sizeof(type), value);            \
    }

/* Register buffers walk up through the registers; port buffers stay at one port. */
#define READ_MANY(function, export, space, type, step)                             \
    VOID NTAPI function(PVOID extension, type *address, type *buffer, ULONG count) \
    {                                                                              \
        EXPORT_ENTER(export, extension, IRQL_HIGH);                                \
        (void)port;                                                                \
        for (ULONG i = 0; i < count; i++) {                                        \
            buffer[i] = (type)trap_read(space, address + (step)*i, sizeof(type));  \
        }                                                                          \
    }

#define WRITE_MANY(function, export, space, type, step)                            \
    VOID NTAPI function(PVOID extension, type *address, type *buffer, ULONG count) \
    {                                                                              \
        EXPORT_ENTER(export, extension, IRQL_HIGH);                                \
        (void)port;                                                                \
        for (ULONG i = 0; i < count; i++) {                                        \
            trap_write(space, address + (step)*i, sizeof(type), buffer[i]);        \
        }                                                                          \
    }

#define ACCESSORS(name, export, type)                                                              \
    READ_ONE(sp_read_register_##name, "StorPortReadRegister" export, TRAP_MEMORY, type)            \
    WRITE_ONE(sp_write_register_##name, "StorPortWriteRegister" export, TRAP_MEMORY, type)         \
    READ_MANY(sp_read_register_buffer_##name, "StorPortReadRegisterBuffer" export, TRAP_MEMORY,    \
              type, 1)                                                                             \
    WRITE_MANY(sp_write_register_buffer_##name, "StorPortWriteRegisterBuffer" export, TRAP_MEMORY, \
               type, 1)                                                                            \
    READ_ONE(sp_read_port_##name, "StorPortReadPort" export, TRAP_PORTS, type)                     \
    WRITE_ONE(sp_write_port_##name, "StorPortWritePort" export, TRAP_PORTS, type)                  \
    READ_MANY(sp_read_port_buffer_##name, "StorPortReadPortBuffer" export, TRAP_PORTS, type, 0)    \
    WRITE_MANY(sp_write_port_buffer_##name, "StorPortWritePortBuffer" export, TRAP_PORTS, type, 0)

ACCESSORS(uchar, "Uchar", UCHAR)
ACCESSORS(ushort, "Ushort", USHORT)
ACCESSORS(ulong, "Ulong", ULONG)
