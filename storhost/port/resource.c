/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the driver got from the port and has to give back: a list, for leak checks and to tell a
 * wrong address from a right one.
 */
#include "port/internal.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const names[RESOURCE_COUNT] = {
    [RESOURCE_POOL] = "pool memory",
    [RESOURCE_CONTIGUOUS] = "contiguous memory",
    [RESOURCE_DMA] = "DMA memory",
    [RESOURCE_DEVICE_BASE] = "mapped device base",
    [RESOURCE_TIMER] = "timer",
    [RESOURCE_WORKER] = "worker",
    [RESOURCE_MDL] = "MDL",
    [RESOURCE_SG_LIST] = "scatter/gather list",
    [RESOURCE_REGISTRY_BUFFER] = "registry buffer",
};

const char *resource_name(enum resource_kind kind)
{
    return names[kind];
}

struct resource *resource_add(struct port *port, enum resource_kind kind, void *address,
                              size_t bytes, struct grant *grant)
{
    struct resource *resource = calloc(1, sizeof(*resource));
    const struct frame *frame = entry_current();

    if (resource == NULL) {
        fatal("out of memory");
    }
    resource->kind = kind;
    resource->address = address;
    resource->bytes = bytes;
    resource->grant = grant;
    if (frame == NULL ||
        !trap_describe_code(frame->export_caller, resource->where, sizeof(resource->where))) {
        snprintf(resource->where, sizeof(resource->where), "unknown code");
    }
    pthread_mutex_lock(&port->mutex);
    resource->next = port->resources;
    port->resources = resource;
    pthread_mutex_unlock(&port->mutex);
    return resource;
}

static struct resource **find(struct port *port, enum resource_kind kind, const void *address)
{
    struct resource **link = &port->resources;

    while (*link != NULL && ((*link)->kind != kind || (*link)->address != address)) {
        link = &(*link)->next;
    }
    return link;
}

struct resource *resource_find(struct port *port, enum resource_kind kind, const void *address)
{
    struct resource *resource;

    pthread_mutex_lock(&port->mutex);
    resource = *find(port, kind, address);
    pthread_mutex_unlock(&port->mutex);
    return resource;
}

struct resource *resource_take(struct port *port, enum resource_kind kind, const void *address,
                               const char *function)
{
    struct resource **link, *resource;

    pthread_mutex_lock(&port->mutex);
    link = find(port, kind, address);
    resource = *link;
    if (resource != NULL) {
        *link = resource->next;
    }
    pthread_mutex_unlock(&port->mutex);
    if (resource == NULL) {
        violation(RULE_ARGUMENT, "%s: %p is no %s of this adapter (any more)", function, address,
                  names[kind]);
    }
    return resource;
}

/* Whether a thing that is left over is a leak, or the port gives it back for the driver. */
static bool is_leak(enum resource_kind kind, bool strict_pool, bool strict_bases)
{
    switch (kind) {
    case RESOURCE_DEVICE_BASE:
        return strict_bases;
    case RESOURCE_MDL:
    case RESOURCE_SG_LIST:
    case RESOURCE_REGISTRY_BUFFER:
        return true;
    default:
        return strict_pool;
    }
}

static void end(struct port *port, struct resource *resource)
{
    if (resource->kind == RESOURCE_DEVICE_BASE) {
        device_base_unmap(port, resource->address);
        return;
    }
    if (resource->kind == RESOURCE_TIMER || resource->kind == RESOURCE_WORKER) {
        return; /* their handles are never reused */
    }
    if (resource->grant != NULL) {
        grant_end(resource->grant, false);
    }
    memory_free(resource->address);
}

void device_bases_free(struct port *port)
{
    while (port->mappings != NULL) {
        void *base = port->mappings->base;

        free(resource_take(port, RESOURCE_DEVICE_BASE, base, "the port driver"));
        device_base_unmap(port, base);
    }
}

void resources_end(struct port *port, bool strict_pool, bool strict_bases)
{
    rule_checked(RULE_LEAK);
    for (struct resource *left = port->resources; left != NULL; left = left->next) {
        if (is_leak(left->kind, strict_pool, strict_bases)) {
            violation(RULE_LEAK,
                      "the adapter is gone and has not given back: %s %p (%zu bytes), "
                      "got by %s",
                      names[left->kind], left->address, left->bytes, left->where);
        }
    }
    while (port->resources != NULL) {
        struct resource *resource = port->resources;

        port->resources = resource->next;
        end(port, resource);
        free(resource);
    }
}
