/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What StorPort does beyond stop and restart (port/power.c): ScsiAdapterPower, PnP and power
 * requests, HwFreeAdapterResources.
 *
 * What the driver must have given back when the adapter goes: pool, contiguous and DMA memory, timers,
 * workers, if it had the chance to (storport_end); else the port frees them.
 */
#include "storport/internal.h"
#include "storport/exports.h"

#include <string.h>

/* How many control types a Windows knows: the list ends there, and the page behind it is fenced. */
unsigned storport_control_types(const struct port *port)
{
    uint16_t windows = port->options.windows;

    if (windows >= WINDOWS_10) {
        return ScsiAdapterControlMax;
    }
    if (windows >= WINDOWS_8_1) {
        return ScsiAdapterFilterResourceRequirements + 1;
    }
    return windows >= WINDOWS_8 ? ScsiAdapterSystemPowerHints + 1 : ScsiSetRunningConfig + 1;
}

bool storport_locks_control(struct port *port)
{
    return reading_now(READING_CONTROL_LOCKED, port);
}

/* ---- power ----------------------------------------------------------------------------------- */

static bool power_control(struct port *port, STOR_DEVICE_POWER_STATE state,
                          STOR_POWER_ACTION action)
{
    struct memory_request request = {.kind = MEMORY_PORT,
                                     .bytes = sizeof(STOR_ADAPTER_CONTROL_POWER),
                                     .alignment = 8,
                                     .name = "STOR_ADAPTER_CONTROL_POWER"};
    STOR_ADAPTER_CONTROL_POWER *power = memory_alloc(&request);
    bool success;

    if (power == NULL) {
        fatal("out of guest memory");
    }
    memset(power, 0, sizeof(*power));
    power->Header.Version = 1;
    power->Header.Size = sizeof(*power);
    power->PowerState = state;
    power->PowerAction = action;
    success = control_call(port, ScsiAdapterPower, power);
    memory_free(power);
    return success;
}

/* ScsiAdapterPower takes the place of stop, once it is reported. */
bool storport_stop(struct port *port)
{
    bool success;

    if (!control_supported(port, ScsiAdapterPower)) {
        return adapter_stop(port);
    }
    success = power_control(port, StorPowerDeviceD3, StorPowerActionSleep);
    interrupts_disconnect(port);
    return success;
}

bool storport_restart(struct port *port)
{
    if (!control_supported(port, ScsiAdapterPower)) {
        return adapter_restart(port);
    }
    if (control_supported(port, ScsiSetRunningConfig)) {
        control_call(port, ScsiSetRunningConfig, NULL);
    }
    interrupts_connect(port);
    return power_control(port, StorPowerDeviceD0, StorPowerActionNone);
}

/* ---- requests of the life cycle -------------------------------------------------------------- */

bool port_sends_pnp(struct port *port)
{
    return port->options.windows >= WINDOWS_VISTA || reading_now(READING_2003_PNP, port);
}

static void send_pnp(struct port *port, const struct unit *unit, uint32_t action)
{
    if (port_sends_pnp(port)) {
        send_function(port, unit, SRB_FUNCTION_PNP, action, 0);
        port->storport->removal_told |=
            unit == NULL && (action == StorRemoveDevice || action == StorSurpriseRemoval);
    }
}

/* The PnP capabilities of a unit are asked for when it is found; then it is started. */
void storport_found_unit(struct port *port, const struct port_io *address)
{
    STOR_DEVICE_CAPABILITIES data = {.Version = 1};
    struct port_io io = {.function = SRB_FUNCTION_PNP,
                         .path = address->path,
                         .target = address->target,
                         .lun = address->lun,
                         .pnp_action = StorQueryCapabilities,
                         .direction = PORT_DATA_IN,
                         .data = &data,
                         .data_length = sizeof(data),
                         .processor = -1};

    if (port_sends_pnp(port)) {
        port_execute(port, &io);
    }
    unit_control_address(port, unit_at(port, address->path, address->target, address->lun, false),
                         ScsiUnitStart);
}

static void send_power(struct port *port, STOR_DEVICE_POWER_STATE state)
{
    const struct unit *unit = first_unit(port);

    if (unit != NULL && !unit_control_power(port, unit, state) &&
        !control_supported(port, ScsiAdapterPower)) {
        send_function(port, unit, SRB_FUNCTION_POWER, 0, state);
    }
}

void storport_tell(struct port *port, enum port_news news)
{
    const struct unit *unit = first_unit(port);

    switch (news) {
    case NEWS_POWER_OFF:
        send_power(port, StorPowerDeviceD3);
        break;
    case NEWS_POWER_ON:
        send_power(port, StorPowerDeviceD0);
        break;
    case NEWS_REMOVAL:
        if (unit != NULL) {
            send_pnp(port, unit, StorRemoveDevice);
            unit_control_address(port, unit, ScsiUnitRemove);
        }
        send_pnp(port, NULL, StorRemoveDevice);
        break;
    case NEWS_PNP_STOP:
        send_pnp(port, NULL, StorStopDevice);
        break;
    case NEWS_UNIT_SURPRISE_REMOVAL:
        unit_control_address(port, unit, ScsiUnitSurpriseRemoval);
        break;
    case NEWS_SURPRISE_REMOVAL:
        control_call(port, ScsiAdapterSurpriseRemoval, NULL);
        if (port->options.windows >= WINDOWS_7) { /* reference of SCSI_PNP_REQUEST_BLOCK */
            send_pnp(port, NULL, StorSurpriseRemoval);
        }
        break;
    }
}

/* ---- the end --------------------------------------------------------------------------------- */

static void call_free_resources(void *context)
{
    struct port *port = context;
    struct frame frame;

    entry_begin(&frame, port, ENTRY_FREE_RESOURCES, 0, NULL);
    port->storport->init.HwFreeAdapterResources(port->extension);
    entry_end(&frame);
}

/* Whether the driver had a moment to give pool and contiguous memory back, at an IRQL at which it may: a
 * HwFindAdapter or passive initialization that fails, HwFreeAdapterResources, or the PnP request for the
 * adapter's removal, by which storahci frees. */
bool storport_end(struct port *port, enum adapter_end end)
{
    const HW_INITIALIZATION_DATA *init = &port->storport->init;
    const bool offered = port->options.windows >= WINDOWS_8 &&
                         init->HwInitializationDataSize > INIT_DATA_BEFORE_8 &&
                         init->HwFreeAdapterResources != NULL && reading_is(READING_FREES_PHYSICAL);

    if (end != ADAPTER_END_NOT_FOUND && offered) {
        cpu_call(0, IRQL_PASSIVE, call_free_resources, port, "HwFreeAdapterResources");
    }
    dpcs_free(port);
    return offered || port->storport->passive_failed || port->storport->removal_told;
}
