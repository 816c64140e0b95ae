/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The driver's registry parameters: StorPortRegistryRead and its kind, at PASSIVE_LEVEL only.
 *
 * Reference of StorPortRegistryRead: the buffer comes from StorPortAllocateRegistryBuffer; on
 * success *BufferLength is the size of the value; when the value is not there it is 0; when the
 * buffer is too small the call fails and *BufferLength is the size that is needed. There is one
 * registry buffer at a time. Strings are handed over as ASCII.
 */
#include "storport/internal.h"
#include "storport/exports.h"

#include <stdlib.h>
#include <string.h>

static struct resource *only_buffer(struct port *port)
{
    struct resource *resource;

    pthread_mutex_lock(&port->mutex);
    for (resource = port->resources; resource != NULL; resource = resource->next) {
        if (resource->kind == RESOURCE_REGISTRY_BUFFER) {
            break;
        }
    }
    pthread_mutex_unlock(&port->mutex);
    return resource;
}

PUCHAR NTAPI sp_allocate_registry_buffer(PVOID extension, PULONG length)
{
    EXPORT_ENTER("StorPortAllocateRegistryBuffer", extension, IRQL_PASSIVE);
    struct memory_request request = {
        .kind = MEMORY_POOL, .alignment = 8, .name = "registry buffer"};
    PUCHAR buffer = NULL;

    if (length != NULL && *length != 0 && only_buffer(port) == NULL) {
        request.bytes = *length;
        buffer = memory_alloc(&request);
        if (buffer != NULL) {
            resource_add(port, RESOURCE_REGISTRY_BUFFER, buffer, *length, NULL);
        }
    }
    export_leave();
    return buffer;
}

VOID NTAPI sp_free_registry_buffer(PVOID extension, PUCHAR buffer)
{
    EXPORT_ENTER("StorPortFreeRegistryBuffer", extension, IRQL_PASSIVE);
    struct resource *resource =
        resource_take(port, RESOURCE_REGISTRY_BUFFER, buffer, "StorPortFreeRegistryBuffer");

    memory_free(resource->address);
    free(resource);
    export_leave();
}

static const struct port_registry_value *find(const struct port *port, const char *name)
{
    const struct port_registry_value *value;

    for (value = port->storport->written; value != NULL; value = value->next) {
        if (strcasecmp(value->name, name) == 0) {
            return value;
        }
    }
    return registry_option(port, name);
}

static void check_buffer(struct port *port, const void *buffer, ULONG length, const char *function)
{
    const struct resource *resource = only_buffer(port);

    if (resource == NULL || resource->address != buffer) {
        violation(RULE_ARGUMENT, "%s: the buffer %p is not from StorPortAllocateRegistryBuffer",
                  function, buffer);
    }
    if (length > resource->bytes) {
        violation(RULE_ARGUMENT, "%s: %u bytes of a registry buffer of %zu", function, length,
                  resource->bytes);
    }
}

BOOLEAN NTAPI sp_registry_read(PVOID extension, PUCHAR name, ULONG global, ULONG type,
                               PUCHAR buffer, PULONG length)
{
    EXPORT_ENTER("StorPortRegistryRead", extension, IRQL_PASSIVE);
    const struct port_registry_value *value;
    BOOLEAN success = FALSE;

    (void)global; /* 1: Parameters\Device, else Device<number>: one adapter here, one set */
    if (name == NULL || length == NULL) {
        violation(RULE_ARGUMENT, "StorPortRegistryRead without a value name or length");
    }
    check_buffer(port, buffer, *length, "StorPortRegistryRead");
    value = find(port, (const char *)name);
    if (value == NULL || value->type != type) {
        *length = 0;
    } else if (value->length > *length) {
        *length = (ULONG)value->length;
    } else {
        memcpy(buffer, value->data, value->length);
        *length = (ULONG)value->length;
        success = TRUE;
    }
    export_leave();
    return success;
}

BOOLEAN NTAPI sp_registry_write(PVOID extension, PUCHAR name, ULONG global, ULONG type,
                                PUCHAR buffer, ULONG length)
{
    EXPORT_ENTER("StorPortRegistryWrite", extension, IRQL_PASSIVE);
    struct port_registry_value *value;

    (void)global;
    if (name == NULL) {
        violation(RULE_ARGUMENT, "StorPortRegistryWrite without a value name");
    }
    check_buffer(port, buffer, length, "StorPortRegistryWrite");
    value = calloc(1, sizeof(*value));
    if (value == NULL || (value->name = strdup((const char *)name)) == NULL ||
        (value->data = malloc(length + 1)) == NULL) {
        fatal("out of memory");
    }
    memcpy(value->data, buffer, length);
    value->type = type;
    value->length = length;
    value->next = port->storport->written;
    port->storport->written = value;
    export_leave();
    return TRUE;
}

void registry_free(struct port *port)
{
    while (port->storport->written != NULL) {
        struct port_registry_value *value = port->storport->written;

        port->storport->written = value->next;
        free(value->name);
        free(value->data);
        free(value);
    }
}

/* The adapter key of Windows 10 has no values here. */
ULONG ext_registry_adapter_key(struct port *port, const uint64_t *a)
{
    (void)port;
    (void)a;
    return STOR_STATUS_UNSUCCESSFUL;
}
