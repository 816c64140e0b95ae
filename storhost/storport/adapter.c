/* SPDX-License-Identifier: BSD-3-Clause */
/* What StorPort is: StorPortInitialize, passive initialization, and the table of its ways. */
#include "storport/internal.h"
#include "storport/exports.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool check_options(const struct port_options *options, char *error, size_t size)
{
    if (options->windows != 0 && options->windows < WINDOWS_2003) {
        snprintf(error, size,
                 "Windows XP has no storport.sys, which this driver imports: take --windows=5.2 or "
                 "later");
        return false;
    }
    return true;
}

static void create(struct port *port)
{
    port->storport = calloc(1, sizeof(*port->storport));
    if (port->storport == NULL) {
        fatal("out of memory");
    }
    port->storport->single_passive_refusal = port->options.single_passive_refusal;
}

static void destroy(struct port *port)
{
    registry_free(port);
    free(port->storport->messages);
    free(port->storport);
}

/* ---- StorPortInitialize ---------------------------------------------------------------------- */

/* Sizes that a Windows takes: before 8 only the old one. */
static bool size_accepted(uint16_t windows, uint32_t size)
{
    if (size == INIT_DATA_BEFORE_8) {
        return true;
    }
    return windows >= WINDOWS_8 && size == sizeof(HW_INITIALIZATION_DATA);
}

/* Which kind of SRB: extended only where both know it; an option may insist. */
static void choose_srb_type(struct port *port)
{
    bool driver = (port->storport->init.SrbTypeFlags & SRB_TYPE_FLAG_STORAGE_REQUEST_BLOCK) != 0;
    bool both = driver && port->options.windows >= WINDOWS_8;

    if (port->options.srb_type == PORT_SRB_EXTENDED && !both) {
        fatal("extended SRBs are asked for, but %s",
              driver ? "this Windows has none: take 6.2 or later"
                     : "the driver does not declare SRB_TYPE_FLAG_STORAGE_REQUEST_BLOCK");
    }
    port->storport->extended_srbs = both && port->options.srb_type != PORT_SRB_LEGACY;
}

/* Pointers to functions that take or return enumerations and pointers to structures of the model's
 * own: the same registers. */
static void take_entries(struct port *port, const HW_INITIALIZATION_DATA *init)
{
    port->entries = (struct port_entries){
        .initialize = (void *)init->HwInitialize,
        .start_io = (void *)init->HwStartIo,
        .interrupt = (void *)init->HwInterrupt,
        .find_adapter = (void *)init->HwFindAdapter,
        .reset_bus = (void *)init->HwResetBus,
        .adapter_control = (void *)init->HwAdapterControl,
    };
    port->extension_bytes = init->DeviceExtensionSize;
    port->unit_extension_bytes = init->SpecificLuExtensionSize;
    port->interface_type = init->AdapterInterfaceType;
    port->range_count = init->NumberOfAccessRanges;
}

static ULONG take_init_data(struct port *port, const HW_INITIALIZATION_DATA *data)
{
    uint32_t size = data->HwInitializationDataSize;
    const HW_INITIALIZATION_DATA *init;

    if (!size_accepted(port->options.windows, size)) {
        return (ULONG)STATUS_REVISION_MISMATCH;
    }
    memset(&port->storport->init, 0, sizeof(port->storport->init));
    memcpy(&port->storport->init, data, size);
    init = &port->storport->init;
    if (init->HwInitialize == NULL || init->HwStartIo == NULL || init->HwFindAdapter == NULL ||
        init->HwInterrupt == NULL || init->HwResetBus == NULL) {
        return (ULONG)STATUS_INVALID_PARAMETER;
    }
    take_entries(port, init);
    choose_srb_type(port);
    port->initialized = true;
    return STATUS_SUCCESS;
}

ULONG NTAPI sp_initialize(PVOID argument1, PVOID argument2, PHW_INITIALIZATION_DATA data,
                          PVOID context)
{
    EXPORT_ENTER("StorPortInitialize", NULL, IRQL_PASSIVE);
    ULONG status;

    check_initialize(port, "StorPortInitialize", argument1, argument2, data);
    status = take_init_data(port, data);
    port->hw_context = context;
    export_leave();
    return status;
}

/* ---- passive initialization ------------------------------------------------------------------ */

static void connect_interrupts(struct port *port)
{
    port->storport->passive_initialize = NULL;
    interrupts_connect(port);
}

/* The passive routine that HwInitialize may have asked for, and what comes before the first request. */
static bool initialized(struct port *port)
{
    struct frame frame;
    bool success = true;

    if (port->storport->passive_initialize != NULL) {
        entry_begin(&frame, port, ENTRY_PASSIVE_INITIALIZE, 0, NULL);
        success = port->storport->passive_initialize(port->extension) != FALSE;
        entry_end(&frame);
        port->storport->passive_failed = !success;
    }
    if (success) {
        unit_control_query(port);
    }
    return success;
}

/* ---- the table ------------------------------------------------------------------------------- */

static bool answered_busy(const struct port_io *io)
{
    return io->srb_status == SRB_STATUS_BUSY;
}

static void add_facts(const struct port *port, struct port_facts *facts)
{
    const struct storport *own = port->storport;

    facts->max_ios_per_lun = own->max_ios_per_lun;
    facts->initial_lun_depth = port->unit_depth;
    facts->message_vectors = own->message_count;
    facts->performance_flags = own->perf_flags;
    facts->concurrent_channels = own->concurrent_channels;
    facts->extended_srbs = own->extended_srbs;
}

const struct port_model storport_model = {
    .module = "storport.sys",
    .name = "StorPort",
    .windows = WINDOWS_10,
    .cdb_offset = offsetof(SCSI_REQUEST_BLOCK, Cdb),
    .first_reset = RESET_UNIT,
    /* HW_STARTIO, SRB_STATUS_BUSY: sent again with a new extension. After how long and how often no page
     * says: two minutes, so that a driver that never takes it is seen. */
    .busy_microseconds = 250000,
    .busy_attempts = 480,
    .check_options = check_options,
    .create = create,
    .destroy = destroy,
    .make_config = storport_make_config,
    .accept_config = storport_accept_config,
    .connect = connect_interrupts,
    .message = message_raise,
    .initialized = initialized,
    .start = storport_start,
    .find_cdb = storport_find_cdb,
    .message_processor = storport_message_processor,
    .build_srb = storport_build_srb,
    .read_results = storport_read_results,
    .describe_data = storport_build_list,
    .shows_data = storport_shows_data,
    .answered_busy = answered_busy,
    .found_unit = storport_found_unit,
    .control_types = storport_control_types,
    .locks_control = storport_locks_control,
    .late_work = dpcs_late,
    .stop = storport_stop,
    .restart = storport_restart,
    .tell = storport_tell,
    .end = storport_end,
    .add_facts = add_facts,
};
