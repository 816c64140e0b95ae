/* SPDX-License-Identifier: BSD-3-Clause */
/* What the PORT_CONFIGURATION_INFORMATION of both port drivers have in common. */
#include "port/internal.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <srb.h>

/* A request has at most so many pieces, whatever the driver says. */
#define BREAKS_MAXIMUM 0x10000

void config_allocate(struct port *port, size_t bytes)
{
    struct memory_request ranges = {.kind = MEMORY_PORT, .alignment = 8, .name = "access ranges"};
    struct memory_request config = {.kind = MEMORY_PORT,
                                    .bytes = bytes,
                                    .alignment = 8,
                                    .name = "PORT_CONFIGURATION_INFORMATION"};

    if (port->config == NULL) {
        ranges.bytes = (port->range_count + 1) * sizeof(ACCESS_RANGE);
        port->ranges = memory_alloc(&ranges);
        port->config = memory_alloc(&config);
        if (port->ranges == NULL || port->config == NULL) {
            fatal("out of guest memory: give the machine more");
        }
    }
    memset(port->config, 0, bytes);
    ranges_fill(port);
}

void config_accept_transfer(struct port *port, uint32_t bytes, uint32_t breaks)
{
    uint64_t by_breaks;

    port->transfer_bytes = bytes;
    port->physical_breaks = breaks > BREAKS_MAXIMUM ? BREAKS_MAXIMUM : breaks;
    by_breaks = (uint64_t)port->physical_breaks * GUEST_PAGE_SIZE;
    port->maximum_transfer = bytes < by_breaks ? bytes : (uint32_t)by_breaks;
}

bool config_refuse(char *error, size_t size, const char *why)
{
    snprintf(error, size, "Windows does not start this adapter: %s", why);
    return false;
}

const struct port_registry_value *registry_option(const struct port *port, const char *name)
{
    const struct port_registry_value *value = port->options.registry;

    while (value != NULL && strcasecmp(value->name, name) != 0) {
        value = value->next;
    }
    return value;
}
