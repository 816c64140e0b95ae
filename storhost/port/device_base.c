/* SPDX-License-Identifier: BSD-3-Clause */
/* Access ranges: what HwFindAdapter is told of the device's BARs, and their mapping. */
#include "port/internal.h"

#include <stdlib.h>
#include <string.h>

#include <srb.h>

void ranges_fill(struct port *port)
{
    unsigned used = 0;

    memset(port->ranges, 0, port->range_count * sizeof(ACCESS_RANGE));
    for (unsigned i = 0; i < DEVICE_BARS && used < port->range_count; i++) {
        const struct device_bar *bar = &port->device->bars[i];

        if (bar->size != 0) {
            port->ranges[used].RangeStart.QuadPart = (LONGLONG)bar->address;
            port->ranges[used].RangeLength = (ULONG)bar->size;
            port->ranges[used++].RangeInMemory = !bar->ports;
        }
    }
}

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

PVOID device_base_map(struct port *port, const char *function, INTERFACE_TYPE type, ULONG bus,
                      uint64_t address, ULONG bytes, bool io_space)
{
    int bar = bar_of(port, address, bytes, io_space);
    struct mapping *mapping;

    if (port->state != ADAPTER_FINDING) {
        violation(RULE_PHASE, "%s called outside of HwFindAdapter", function);
    }
    if (allocation_fails(port) || bar < 0 || type != port->interface_type ||
        bus != port->device->bus) {
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

void device_base_free(struct port *port, const char *function, PVOID base)
{
    free(resource_take(port, RESOURCE_DEVICE_BASE, base, function));
    device_base_unmap(port, base);
}

bool device_base_valid(const struct port *port, uint64_t address, ULONG bytes, bool io_space)
{
    return bar_of(port, address, bytes, io_space) >= 0;
}
