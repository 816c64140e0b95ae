/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Finding the units as Windows does: per bus and target an INQUIRY to LUN 0; where a device
 * answers, REPORT LUNS and an INQUIRY to each LUN of the list, then the vital product data pages
 * 00, 80 and 83. Addresses beside those are asked too, within what the
 * driver declared, so that it has to say that nothing is there.
 */
#include "port/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <scsi.h>

#define INQUIRY_BYTES 36
#define LIST_BYTES    264
#define ATTEMPTS      8 /* more than there are unit attentions; how many Windows makes no page says */

/* At most so many targets and LUNs beside the first are asked. */
#define PROBED 2

static bool ask(struct port *port, const struct port_io *address, const uint8_t *cdb,
                unsigned length, void *data, uint32_t bytes, struct port_io *result)
{
    struct port_io io = {.path = address->path,
                         .target = address->target,
                         .lun = address->lun,
                         .cdb_length = (uint8_t)length,
                         .direction = PORT_DATA_IN,
                         .data = data,
                         .data_length = bytes,
                         .processor = -1};

    memcpy(io.cdb, cdb, length);
    for (unsigned i = 0; i < ATTEMPTS; i++) {
        port_execute(port, &io);
        if (io.srb_status == SRB_STATUS_SUCCESS || !port_should_retry(&io)) {
            break;
        }
    }
    *result = io;
    return io.srb_status == SRB_STATUS_SUCCESS || io.srb_status == SRB_STATUS_DATA_OVERRUN;
}

static bool inquiry(struct port *port, const struct port_io *address, uint8_t *data,
                    struct port_io *result)
{
    static const uint8_t cdb[6] = {0x12, 0, 0, 0, INQUIRY_BYTES, 0};

    memset(data, 0, INQUIRY_BYTES);
    return ask(port, address, cdb, sizeof(cdb), data, INQUIRY_BYTES, result) && (data[0] >> 5) == 0;
}

static void vital_product_data(struct port *port, const struct port_io *address)
{
    static const uint8_t pages[] = {0x00, 0x80, 0x83};

    for (size_t i = 0; i < sizeof(pages); i++) {
        const uint8_t cdb[6] = {0x12, 1, pages[i], 0, 255, 0};
        uint8_t data[255];
        struct port_io result;

        ask(port, address, cdb, sizeof(cdb), data, sizeof(data), &result);
    }
}

/* One address; true if a device is there. */
static bool probe(struct port *port, uint8_t path, uint8_t target, uint8_t lun)
{
    struct port_io address = {.path = path, .target = target, .lun = lun};
    struct port_io result;
    uint8_t data[INQUIRY_BYTES];

    if (!inquiry(port, &address, data, &result)) {
        return false;
    }
    unit_at(port, path, target, lun, true)->present = true;
    vital_product_data(port, &address);
    if (port->model->found_unit != NULL) {
        port->model->found_unit(port, &address);
    }
    return true;
}

/* Asks the LUNs that REPORT LUNS names beside 0. */
static void report_luns(struct port *port, uint8_t path, uint8_t target)
{
    static const uint8_t cdb[12] = {0xa0, [8] = LIST_BYTES >> 8, [9] = LIST_BYTES & 0xff};
    struct port_io address = {.path = path, .target = target};
    struct port_io result;
    uint8_t data[LIST_BYTES] = {0};
    uint32_t length;

    if (!ask(port, &address, cdb, sizeof(cdb), data, sizeof(data), &result)) {
        return;
    }
    length = (uint32_t)data[0] << 24 | (uint32_t)data[1] << 16 | (uint32_t)data[2] << 8 | data[3];
    for (uint32_t at = 8; at + 8 <= LIST_BYTES && at < length + 8; at += 8) {
        uint8_t lun = data[at + 1];

        if (data[at] == 0 && lun != 0 && lun < port->luns) {
            probe(port, path, target, lun);
        }
    }
}

static void probe_target(struct port *port, uint8_t path, uint8_t target)
{
    if (port->model->asks_target != NULL && !port->model->asks_target(port, path, target)) {
        return;
    }
    if (!probe(port, path, target, 0)) {
        return;
    }
    report_luns(port, path, target);
    for (unsigned lun = 1; lun < port->luns && lun <= PROBED; lun++) {
        const struct unit *unit = unit_at(port, path, target, (uint8_t)lun, false);

        if (unit == NULL || !unit->present) {
            probe(port, path, target, (uint8_t)lun);
        }
    }
}

bool discover(struct port *port, char *error, size_t size)
{
    bool found = false;

    for (unsigned path = 0; path < port->buses; path++) {
        for (unsigned target = 0; target < port->targets && target <= PROBED; target++) {
            probe_target(port, (uint8_t)path, (uint8_t)target);
        }
    }
    for (const struct unit *unit = port->units; unit != NULL; unit = unit->next) {
        found |= unit->present;
    }
    if (!found) {
        snprintf(error, size,
                 "no unit answers INQUIRY on any bus and target that the driver "
                 "declared");
    }
    return found;
}

bool port_should_retry(const struct port_io *io)
{
    switch (io->srb_status) {
    case SRB_STATUS_BUS_RESET:
    case SRB_STATUS_REQUEST_FLUSHED:
    case SRB_STATUS_ABORTED:
    case SRB_STATUS_TIMEOUT:
    case SRB_STATUS_COMMAND_TIMEOUT:
    case SRB_STATUS_BUSY:
        return true;
    default:
        return io->scsi_status == SCSISTAT_BUSY || io->scsi_status == SCSISTAT_QUEUE_FULL ||
               (io->sense_length > 2 && (io->sense[2] & 0x0f) == 0x06);
    }
}

void port_execute_retried(struct port *port, struct port_io *io)
{
    unsigned attempts = 0;

    do {
        port_execute(port, io);
    } while (port_should_retry(io) && ++attempts < ATTEMPTS);
}
