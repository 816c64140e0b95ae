/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory that the driver and the device share: the uncached extension, and which buffer of which
 * request an address lies in; and where the driver may not allocate.
 */
#include "port/internal.h"

#include "kernel/exports.h"

#include <srb.h>

/*
 * An allocation on the request path: allowed by the reference at DISPATCH_LEVEL, but a driver that
 * does it has no answer when there is no memory, which is when the pagefile is written.
 */
void allocation_check(const char *function)
{
    rule_checked(RULE_HOT_ALLOCATION);
    for (const struct frame *frame = entry_current(); frame != NULL; frame = frame->outer) {
        switch (frame->entry) {
        case ENTRY_BUILD_IO:
        case ENTRY_START_IO:
        case ENTRY_INTERRUPT:
        case ENTRY_MESSAGE:
        case ENTRY_DPC:
        case ENTRY_RESET_BUS:
            if (frame->request != NULL && frame->request->io->function == SRB_FUNCTION_PNP) {
                break; /* life cycle, not the request path */
            }
            violation(RULE_HOT_ALLOCATION, "%s called in %s", function, entry_name(frame->entry));
        default:
            break;
        }
    }
}

bool allocation_fails(struct port *port)
{
    return ++port->allocations == port->options.failing_allocation;
}

bool contiguous_fails(struct port *port, uint64_t bytes)
{
    const uint64_t limit = port->options.contiguous_limit;

    return allocation_fails(port) || (limit != 0 && bytes > limit);
}

void allocation_hook_set(void)
{
    kernel_on_allocation(allocation_check);
}

/* ---- uncached extension ---------------------------------------------------------------------- */

void uncached_allocate(struct port *port, ULONG bytes, bool dma64)
{
    struct memory_request request = {.kind = MEMORY_UNCACHED_EXTENSION,
                                     .bytes = bytes,
                                     .alignment = 16,
                                     .contiguous = true,
                                     .highest = dma64 ? 0 : UINT32_MAX,
                                     .name = "uncached extension"};

    port->uncached = contiguous_fails(port, bytes) ? NULL : memory_alloc(&request);
    if (port->uncached != NULL) {
        port->uncached_bytes = bytes;
        port->uncached_grant =
            grant_begin(port->uncached, bytes, GRANT_BOTH, "uncached extension", NULL);
    }
}

void uncached_free(struct port *port)
{
    if (port->uncached != NULL) {
        grant_end(port->uncached_grant, true);
        memory_free(port->uncached);
        port->uncached = NULL;
        port->uncached_bytes = 0;
    }
}

/* ---- addresses ------------------------------------------------------------------------------- */

/* Bytes from `address` to the end of a block; 0: not in it. */
static uint64_t left_in(const void *block, uint64_t bytes, const void *address)
{
    const uint8_t *start = block, *at = address;

    return start != NULL && at >= start && at < start + bytes ? (uint64_t)(start + bytes - at) : 0;
}

uint64_t uncached_left(const struct port *port, const void *address)
{
    return left_in(port->uncached, port->uncached_bytes, address);
}

uint64_t request_data_left(const struct request *request, const void *address)
{
    return left_in(request->data, request->length, address);
}

uint64_t request_sense_left(const struct request *request, const void *address)
{
    return left_in(request->sense, request->sense_length, address);
}

uint64_t request_extension_left(const struct request *request, const void *address)
{
    return left_in(request->extension, request->port->srb_extension_bytes, address);
}

struct request *request_with_buffer(struct port *port, const void *address)
{
    struct request *request;

    pthread_mutex_lock(&port->mutex);
    for (request = port->live; request != NULL; request = request->live_next) {
        if (request_data_left(request, address) != 0 || request_sense_left(request, address) != 0 ||
            request_extension_left(request, address) != 0) {
            break;
        }
    }
    pthread_mutex_unlock(&port->mutex);
    return request;
}
