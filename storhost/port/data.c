/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The data buffer of a request: guest memory in shuffled pages, beginning anywhere in a page that
 * the adapter's alignment allows; copied from and to the caller's ordinary memory through the
 * bench's own view. The driver may use the virtual address only where the model says so; otherwise
 * DataBuffer is an address whose use faults.
 */
#include "port/internal.h"

#include <string.h>

#include <srb.h>

bool request_is_read_write(const struct port_io *io)
{
    if (io->function != SRB_FUNCTION_EXECUTE_SCSI) {
        return false;
    }
    switch (io->cdb[0]) {
    case 0x08: /* READ (6) */
    case 0x28: /* READ (10) */
    case 0xa8: /* READ (12) */
    case 0x88: /* READ (16) */
    case 0x0a: /* WRITE (6) */
    case 0x2a: /* WRITE (10) */
    case 0xaa: /* WRITE (12) */
    case 0x8a: /* WRITE (16) */
        return true;
    default:
        return false;
    }
}

/* Moves bytes between the caller's memory and the guest's, through the bench's view. */
static void copy(const struct request *request, size_t length, bool to_guest)
{
    uint8_t *guest = request->data;
    uint8_t *outside = request->io->data;

    while (length > 0) {
        bus_addr bus;
        uint64_t piece;
        uint8_t *view;

        if (!memory_bus_address(guest, &bus, &piece)) {
            fatal("data buffer %p is not guest memory: a bug of the bench", (void *)guest);
        }
        if (piece > length) {
            piece = length;
        }
        view = memory_at(bus, piece);
        if (to_guest) {
            memcpy(view, outside, piece);
        } else {
            memcpy(outside, view, piece);
        }
        guest += piece;
        outside += piece;
        length -= piece;
    }
}

void data_copy_out(struct request *request, size_t length)
{
    copy(request, length, false);
}

uint64_t data_piece_at(const struct request *request, size_t offset, bus_addr *bus)
{
    uint64_t length;

    if (!memory_bus_address((uint8_t *)request->data + offset, bus, &length)) {
        fatal("data buffer %p is not guest memory: a bug of the bench", request->data);
    }
    if (length > request->length - offset) {
        length = request->length - offset;
    }
    if (request->io->scatter_bytes != 0 && length > request->io->scatter_bytes) {
        length = request->io->scatter_bytes;
    }
    return length;
}

unsigned data_pieces(const struct request *request)
{
    unsigned count = 0;
    bus_addr bus;

    for (size_t offset = 0; offset < request->length; count++) {
        offset += data_piece_at(request, offset, &bus);
    }
    return count;
}

/*
 * How many bytes to leave behind the buffer: an allocation ends at a page's end, so this is what
 * moves the buffer's start within its page. Half of the buffers begin as memory_alloc puts them.
 */
static size_t choose_tail(struct request *request)
{
    struct port *port = request->port;
    size_t unit = port->alignment_mask + 1;

    if (request->io->page_aligned) {
        return (GUEST_PAGE_SIZE - request->length % GUEST_PAGE_SIZE) % GUEST_PAGE_SIZE;
    }
    if (port_random(port, 2) == 0) {
        return 0;
    }
    return port_random(port, (uint32_t)(GUEST_PAGE_SIZE / unit)) * unit;
}

bool data_build(struct request *request)
{
    struct port *port = request->port;
    const struct port_io *io = request->io;
    struct memory_request wanted = {
        .kind = MEMORY_DATA,
        .alignment = port->alignment_mask + 1,
        .contiguous = io->scatter_bytes > GUEST_PAGE_SIZE || port->one_piece,
        .highest = port->dma64 ? 0 : UINT32_MAX,
        .name = "data buffer",
    };

    if (request->length == 0) {
        return true;
    }
    request->data_tail = choose_tail(request);
    wanted.bytes = request->length + request->data_tail;
    request->data_block = request->data = memory_alloc(&wanted);
    if (request->data == NULL) {
        return false;
    }
    request->data_grant =
        grant_begin(request->data, request->length,
                    io->direction == PORT_DATA_IN ? GRANT_DEVICE_WRITES : GRANT_DEVICE_READS,
                    "data buffer", request->srb);
    /* The buffer of an I/O control goes in and comes back. */
    if (io->direction == PORT_DATA_OUT || io->function == SRB_FUNCTION_IO_CONTROL) {
        copy(request, request->length, true);
    }
    /* A buffer may lie in one piece more than it has breaks. */
    if (data_pieces(request) > port->physical_breaks + 1 ||
        (port->model->describe_data != NULL && !port->model->describe_data(request))) {
        return false;
    }
    request->data_shown = port->model->shows_data(request);
    if (!request->data_shown) {
        memory_hide(request->data_block);
    }
    return true;
}

void data_end(struct request *request)
{
    if (request->data == NULL) {
        return;
    }
    if (request->data_grant != NULL) {
        grant_end(request->data_grant, true);
        request->data_grant = NULL;
    }
    if (request->data_shown) {
        memory_hide(request->data_block);
        request->data_shown = false;
    }
}

void data_free(struct request *request)
{
    if (request->data_grant != NULL) {
        grant_end(request->data_grant, false);
        request->data_grant = NULL;
    }
    if (request->data_block != NULL) {
        memory_free(request->data_block);
        request->data_block = request->data = NULL;
    }
}
