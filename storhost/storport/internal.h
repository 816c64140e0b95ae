/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the files of the StorPort model share beyond what all port models do (port/internal.h):
 * HwBuildIo and extended SRBs, messages, DPCs, performance options, the versions that StorPort has
 * had.
 */
#ifndef STORHOST_STORPORT_INTERNAL_H
#define STORHOST_STORPORT_INTERNAL_H

#include <ntddk.h>
#include <storport.h>

#include "port/internal.h"

/* Bytes of HW_INITIALIZATION_DATA before Windows 8. (HW_INIT_DATA_SIZE_PHYSICAL is that of 64-bit
 * Windows.) */
#define INIT_DATA_BEFORE_8 offsetof(HW_INITIALIZATION_DATA, HwFreeAdapterResources)

/* Windows releases of 10 are all "10": what younger ones added is told apart where it matters. */

/* ---- srb.c ----------------------------------------------------------------------------------- */

bool storport_build_srb(struct request *request);
struct srb_results storport_read_results(const struct request *request);
uint8_t *storport_find_cdb(struct request *request);
bool storport_build_list(struct request *request);
bool storport_shows_data(const struct request *request);

/* ---- start.c --------------------------------------------------------------------------------- */

void storport_start(struct request *request);
/* So many processors, from 0 on, may be interrupted by messages. */
unsigned message_processors(void);
int storport_message_processor(const struct port *port, unsigned number);

/* ---- interrupt.c, dpc.c ---------------------------------------------------------------------- */

#define MESSAGES_MAXIMUM 2048

struct message {
    struct port *port;
    unsigned number;
    unsigned processor;
    struct cpu_work work;
    atomic_bool pending;
    struct port_lock own_lock; /* InterruptSynchronizePerMessage */
    struct port_lock *lock;
};

/* Gives the device its vectors as the bus driver would; before HwFindAdapter. */
void interrupts_assign(struct port *port);
/* From now on they reach the driver. */
void interrupts_connect(struct port *port);
/* The device sends one; any thread. */
void message_raise(struct port *port, unsigned number);

struct dpc {
    struct dpc *next;
    struct port *port;
    PSTOR_DPC object;
    PHW_DPC_ROUTINE routine;
    PVOID context;
    PVOID argument1, argument2;
    bool issued; /* by an interrupt routine, once at least */
    bool threaded;
    int target; /* processor, -1: where it is issued */
    atomic_bool queued;
    struct cpu_work work;
    struct port_lock lock;
};
void dpc_initialize(struct port *port, PSTOR_DPC object, PHW_DPC_ROUTINE routine, bool threaded);
bool dpc_issue(struct port *port, PSTOR_DPC object, PVOID argument1, PVOID argument2);
bool dpc_set_target(struct port *port, PSTOR_DPC object, unsigned processor);
struct dpc *dpc_find(struct port *port, const void *object);
void dpcs_free(struct port *port);
/* A DPC that an interrupt has issued before is issued once more, as by one that came late, and runs on
 * another processor beside what this one does next. */
void dpcs_late(struct port *port);

/* ---- config.c, power.c ----------------------------------------------------------------------- */

/* Length of PORT_CONFIGURATION_INFORMATION on a Windows, in bytes. */
unsigned config_length(uint16_t windows);
/* Makes the structure as a Windows hands it to HwFindAdapter. */
void storport_make_config(struct port *port);
/* The same without giving the device its vectors. */
void storport_fill_config(struct port *port);
bool storport_accept_config(struct port *port, char *error, size_t size);
/* What a value of Dma64BitAddresses allows. */
struct dma64 {
    bool data;   /* buffers above 4 GiB */
    bool memory; /* uncached extension, sense buffers and SRB extensions as well */
    bool depth;  /* MaxNumberOfIO above 1000 */
};
struct dma64 dma64_kind(const struct port *port, uint8_t addresses);
bool storport_addresses_64(const struct port *port);
/* A field of the configuration, or `otherwise` where the presented Windows has no such field. */
#define CONFIG_FIELD(port, field, otherwise)                                                      \
    (config_has((port),                                                                           \
                offsetof(PORT_CONFIGURATION_INFORMATION, field) + sizeof(config_of(port)->field)) \
         ? config_of(port)->field                                                                 \
         : (otherwise))
bool config_has(const struct port *port, size_t end);

bool storport_stop(struct port *port);
bool storport_restart(struct port *port);
bool storport_end(struct port *port, enum adapter_end end);
void storport_tell(struct port *port, enum port_news news);
void storport_found_unit(struct port *port, const struct port_io *address);
unsigned storport_control_types(const struct port *port);
bool storport_locks_control(struct port *port);

/* ---- unit_control.c -------------------------------------------------------------------------- */

/* Asks HwUnitControl, where there is one, what it supports. PASSIVE_LEVEL, on a processor. */
void unit_control_query(struct port *port);
/* ScsiUnitStart, ScsiUnitRemove, ScsiUnitSurpriseRemoval: nothing where it is not supported, or where
 * there is no unit (NULL). */
void unit_control_address(struct port *port, const struct unit *unit, SCSI_UNIT_CONTROL_TYPE type);
/* ScsiUnitPower. False: not supported, and SRB_FUNCTION_POWER is sent instead. */
bool unit_control_power(struct port *port, const struct unit *unit, STOR_DEVICE_POWER_STATE state);

/* StorPortStateChangeDetected: the address is looked at later, and the driver's HwStateChange routine
 * called (NULL: none) with the lock that the reference names. STOR_STATUS_UNSUCCESSFUL: an earlier
 * change is not yet done. */
ULONG state_change_tell(struct port *port, PSTOR_ADDRESS address, PHW_STATE_CHANGE routine,
                        PVOID context);
/* StorPortAsyncNotificationDetected: likewise, without a routine. */
ULONG async_notification_tell(struct port *port, PSTOR_ADDRESS address);

/* ---- extended.c, notification.c -------------------------------------------------------------- */

#define EXTENDED_ARGUMENTS 24

struct extended_function {
    uint16_t code;
    const char *name;      /* of the function in the headers */
    uint16_t since;        /* first Windows that has it */
    const char *arguments; /* behind code and extension: their types, as of arguments_read() */
    uint8_t highest_irql;
    ULONG (*run)(struct port *port, const uint64_t *arguments);
};
/* All of them by code; NULL for a number that no Windows knows. */
const struct extended_function *extended_function(uint32_t code);

/* ---- the port -------------------------------------------------------------------------------- */

struct storport {
    HW_INITIALIZATION_DATA init;
    bool per_message;
    bool extended_srbs;
    unsigned max_ios_per_lun;
    uint8_t map_buffers;
    PHW_PASSIVE_INITIALIZE_ROUTINE passive_initialize;
    bool single_passive_refusal;       /* one is still to come */
    bool passive_failed, removal_told; /* moments at which the driver could give memory back */

    unsigned message_count; /* granted; 0: line */
    struct message *messages;

    /* performance options */
    uint32_t perf_flags;
    uint32_t concurrent_channels;
    uint32_t first_message, last_message;

    uint32_t unit_control_types; /* SCSI_UNIT_CONTROL_TYPEs that HwUnitControl supports: bits */

    struct dpc *dpcs;
    atomic_bool state_changing; /* a StorPortStateChangeDetected is being worked on */
    uint32_t next_tag;
    struct port_registry_value *written; /* by StorPortRegistryWrite */
};

static inline PORT_CONFIGURATION_INFORMATION *config_of(const struct port *port)
{
    return port->config;
}

/*
 * Whether a PnP request block comes now. On Server 2003 each comes or does not (READING_2003_PNP).
 */
bool port_sends_pnp(struct port *port);

#endif
