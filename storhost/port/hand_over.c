/* SPDX-License-Identifier: BSD-3-Clause */
/* What the dump stack learns of an adapter, and how the port gets its device back. */
#include "port/internal.h"

#include "dump/dump.h"

void port_get_dump_context(struct port *port, const char *driver, struct dump_context *context)
{
    *context = (struct dump_context){
        .driver = driver,
        .device = port->device,
        .options = port->options,
        .requested_buffer = port->storport != NULL ? storport_dump_buffer(port) : 0,
    };
    for (const struct mapping *mapping = port->mappings;
         mapping != NULL && context->mapping_count < DUMP_MAPPINGS; mapping = mapping->next) {
        context->mappings[context->mapping_count++] =
            (struct dump_mapping){.bar = mapping->bar,
                                  .offset = mapping->offset,
                                  .length = mapping->length,
                                  .base = mapping->base,
                                  .ports = mapping->space == TRAP_PORTS};
    }
}

void port_thawed(struct port *port)
{
    device_events_set(port);
}
