/* SPDX-License-Identifier: BSD-3-Clause */
/* What SCSIPort is: ScsiPortInitialize, and the table of its ways. */
#include "scsiport/exports.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Windows XP's scsiport.sys answers these for requests (K: from its behaviour, no reference). */
#define BUSY_MICROSECONDS 1000000
#define BUSY_ATTEMPTS     20

static bool refuse(char *error, size_t size, const char *what)
{
    snprintf(error, size, "this driver is one for SCSIPort (it imports scsiport.sys): %s", what);
    return false;
}

static bool check_options(const struct port_options *options, char *error, size_t size)
{
    if (options->windows != 0 && options->windows != WINDOWS_XP) {
        return refuse(error, size, "its Windows is XP: --windows=5.1, or none");
    }
    if (options->message_vectors != PORT_VECTORS_DEFAULT && options->message_vectors != 0) {
        return refuse(error, size,
                      "Windows XP has no message-signaled interrupts: leave out "
                      "--vectors");
    }
    if (options->srb_type == PORT_SRB_EXTENDED) {
        return refuse(error, size, "SCSIPort has no extended SRBs: leave out --srb");
    }
    if (options->refuse_dpc) {
        return refuse(error, size, "SCSIPort has no DPC services that --refuse-dpc could refuse");
    }
    if (options->single_passive_refusal) {
        return refuse(error, size,
                      "SCSIPort has no passive initialization that --refuse-passive "
                      "could refuse");
    }
    return true;
}

static void create(struct port *port)
{
    port->scsiport = calloc(1, sizeof(*port->scsiport));
    if (port->scsiport == NULL) {
        fatal("out of memory");
    }
    port->half_duplex = true;
    callbacks_init(port);
}

static void destroy(struct port *port)
{
    free(port->scsiport);
}

/* ---- ScsiPortInitialize ---------------------------------------------------------------------- */

/* All that Windows XP knows, or what NT 4 did: all but HwAdapterControl. */
static bool size_accepted(ULONG size)
{
    return size == sizeof(HW_INITIALIZATION_DATA) ||
           size == offsetof(HW_INITIALIZATION_DATA, HwAdapterControl);
}

/* Functions that take pointers to structures of the model's own, and return enumerations: the same
 * registers. */
static void take_entries(struct port *port, const HW_INITIALIZATION_DATA *init)
{
    port->entries = (struct port_entries){
        .initialize = init->HwInitialize,
        .start_io = (void *)init->HwStartIo,
        .interrupt = init->HwInterrupt,
        .find_adapter = (void *)init->HwFindAdapter,
        .reset_bus = init->HwResetBus,
        .adapter_control = (void *)init->HwAdapterControl,
    };
    port->extension_bytes = init->DeviceExtensionSize;
    port->unit_extension_bytes = init->SpecificLuExtensionSize;
    port->srb_extension_bytes = init->SrbExtensionSize;
    port->interface_type = init->AdapterInterfaceType;
    port->range_count = init->NumberOfAccessRanges;
}

static ULONG take_init_data(struct port *port, const HW_INITIALIZATION_DATA *data)
{
    HW_INITIALIZATION_DATA *init = &port->scsiport->init;

    if (!size_accepted(data->HwInitializationDataSize)) {
        return (ULONG)STATUS_REVISION_MISMATCH;
    }
    if (data->AdapterInterfaceType != PCIBus) {
        return (ULONG)STATUS_NO_SUCH_DEVICE; /* a driver for several buses calls once for each */
    }
    memset(init, 0, sizeof(*init));
    memcpy(init, data, data->HwInitializationDataSize);
    if (init->HwInitialize == NULL || init->HwStartIo == NULL || init->HwFindAdapter == NULL ||
        init->HwResetBus == NULL) {
        return (ULONG)STATUS_INVALID_PARAMETER;
    }
    take_entries(port, init);
    port->initialized = true;
    return STATUS_SUCCESS;
}

ULONG NTAPI scsi_initialize(PVOID argument1, PVOID argument2, PHW_INITIALIZATION_DATA data,
                            PVOID context)
{
    EXPORT_ENTER("ScsiPortInitialize", NULL, IRQL_PASSIVE);
    ULONG status;

    check_initialize(port, "ScsiPortInitialize", argument1, argument2, data);
    status = take_init_data(port, data);
    port->hw_context = context;
    export_leave();
    return status;
}

/* ---- the table ------------------------------------------------------------------------------- */

/* Windows XP has no messages: the device's line, and nothing else. */
static void connect_interrupts(struct port *port)
{
    port->device->ops->set_message_vectors(port->device, 0);
    port->line_masked = false;
    port->half_duplex = true;
    port->scsiport->ready = true;
    interrupts_connected(port);
}

/* SCSIPort does not ask the adapter itself. */
static bool asks_target(const struct port *port, uint8_t path, uint8_t target)
{
    return path >= SCSI_MAXIMUM_BUSES || port->scsiport->initiator_ids[path] != target;
}

static unsigned control_types(const struct port *port)
{
    (void)port;
    return ScsiSetRunningConfig + 1;
}

/* All entry points but HwScsiFindAdapter run under the interrupt lock. */
static bool locks_control(struct port *port)
{
    (void)port;
    return true;
}

/* A driver without ScsiRestartAdapter is found and initialized again, with all that was the
 * adapter's given back and its extension zeroed, as at each start. */
static bool restart(struct port *port)
{
    if (!control_supported(port, ScsiRestartAdapter)) {
        device_bases_free(port);
        uncached_free(port);
        memset(port->extension, 0, port->extension_bytes);
    }
    return adapter_restart(port);
}

/* Mapped ranges and the uncached extension are all there is, and the port gives both back. */
static bool end(struct port *port, enum adapter_end end)
{
    (void)port;
    (void)end;
    return true;
}

static void add_facts(const struct port *port, struct port_facts *facts)
{
    facts->max_ios_per_lun = facts->initial_lun_depth = port->unit_depth;
}

const struct port_model scsiport_model = {
    .module = "scsiport.sys",
    .name = "SCSIPort",
    .windows = WINDOWS_XP,
    .cdb_offset = offsetof(SCSI_REQUEST_BLOCK, Cdb),
    .first_reset = RESET_BUS,
    .busy_microseconds = BUSY_MICROSECONDS,
    .busy_attempts = BUSY_ATTEMPTS,
    .times_units = true,
    .check_options = check_options,
    .create = create,
    .destroy = destroy,
    .make_config = scsiport_make_config,
    .accept_config = scsiport_accept_config,
    .connect = connect_interrupts,
    .takes = scsiport_takes,
    .admitted = scsiport_admitted,
    .withdrawn = scsiport_withdrawn,
    .left = scsiport_left,
    .start = scsiport_start,
    .returned = scsiport_returned,
    .build_srb = scsiport_build_srb,
    .read_results = srb_legacy_results,
    .shows_data = scsiport_shows_data,
    .answered_busy = scsiport_answered_busy,
    .answers = scsiport_answers,
    .asks_target = asks_target,
    .control_types = control_types,
    .locks_control = locks_control,
    .zeroes_extension = true,
    .stop = adapter_stop,
    .restart = restart,
    .end = end,
    .add_facts = add_facts,
};
