/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * HwUnitControl (Windows 8 and later): which operations a driver supports is asked once, after the
 * adapter has been initialized and before the first request; from then on it is called for those
 * only. IRQLs are those of the table in the reference of HW_UNIT_CONTROL; no lock is held. It is given the
 * adapter's extension, as StorPort gives it.
 *
 * Not called: what concerns idle power management (no driver gets it without StorPortInitializePoFxPower,
 * which is not offered), rich descriptions, and what a driver must first ask for by
 * StorPortSetFeatureList.
 */
#include "storport/internal.h"

#include <string.h>

/* How many types a Windows knows. */
static unsigned known_types(const struct port *port)
{
    uint16_t windows = port->options.windows;

    if (windows >= WINDOWS_10) {
        return ScsiUnitControlMax;
    }
    return windows >= WINDOWS_8_1 ? ScsiUnitSurpriseRemoval + 1 : ScsiUnitPoFxPowerControl + 1;
}

static PHW_UNIT_CONTROL routine(const struct port *port)
{
    const HW_INITIALIZATION_DATA *init = &port->storport->init;

    return port->options.windows >= WINDOWS_8 && init->HwInitializationDataSize > INIT_DATA_BEFORE_8
               ? init->HwUnitControl
               : NULL;
}

struct unit_control {
    struct port *port;
    SCSI_UNIT_CONTROL_TYPE type;
    void *parameters;
    SCSI_UNIT_CONTROL_STATUS status;
};

static void run(void *context)
{
    struct unit_control *call = context;
    struct port *port = call->port;
    struct frame frame;

    entry_begin(&frame, port, ENTRY_UNIT_CONTROL, call->type, NULL);
    call->status = routine(port)(port->extension, call->type, call->parameters);
    entry_end(&frame);
}

static void *parameters_alloc(size_t bytes, const char *name)
{
    struct memory_request request = {
        .kind = MEMORY_PORT, .bytes = bytes, .alignment = 8, .name = name};
    void *parameters = memory_alloc(&request);

    if (parameters == NULL) {
        fatal("out of guest memory");
    }
    memset(parameters, 0, bytes);
    return parameters;
}

void unit_control_query(struct port *port)
{
    const unsigned types = known_types(port);
    struct unit_control call = {.port = port, .type = ScsiQuerySupportedUnitControlTypes};
    SCSI_SUPPORTED_CONTROL_TYPE_LIST *list;

    port->storport->unit_control_types = 0;
    if (routine(port) == NULL) {
        return;
    }
    list = parameters_alloc(sizeof(ULONG) + types, "SCSI_SUPPORTED_CONTROL_TYPE_LIST");
    list->MaxControlType = types;
    call.parameters = list;
    run(&call);
    for (unsigned i = 0; i < types && call.status == ScsiUnitControlSuccess; i++) {
        port->storport->unit_control_types |= (list->SupportedTypeList[i] != 0) << i;
    }
    memory_free(list);
}

static bool supported(const struct port *port, SCSI_UNIT_CONTROL_TYPE type)
{
    return (port->storport->unit_control_types & 1u << type) != 0;
}

/* Gives a driver that supports it an operation on a unit at this IRQL. */
static void call_for(struct port *port, SCSI_UNIT_CONTROL_TYPE type, uint8_t irql, void *parameters)
{
    struct unit_control call = {.port = port, .type = type, .parameters = parameters};

    cpu_call(0, irql, run, &call, "HwUnitControl");
}

static STOR_ADDR_BTL8 *address_alloc(const struct unit *unit)
{
    STOR_ADDR_BTL8 *address = parameters_alloc(sizeof(*address), "STOR_ADDR_BTL8");

    address->Type = STOR_ADDRESS_TYPE_BTL8;
    address->AddressLength = STOR_ADDR_BTL8_ADDRESS_LENGTH;
    address->Path = unit->path;
    address->Target = unit->target;
    address->Lun = unit->lun;
    return address;
}

void unit_control_address(struct port *port, const struct unit *unit, SCSI_UNIT_CONTROL_TYPE type)
{
    STOR_ADDR_BTL8 *address;

    if (unit == NULL || !supported(port, type)) {
        return;
    }
    address = address_alloc(unit);
    call_for(port, type, IRQL_PASSIVE, address);
    memory_free(address);
}

bool unit_control_power(struct port *port, const struct unit *unit, STOR_DEVICE_POWER_STATE state)
{
    STOR_UNIT_CONTROL_POWER *power;
    STOR_ADDR_BTL8 *address;

    if (!supported(port, ScsiUnitPower)) {
        return false;
    }
    address = address_alloc(unit);
    power = parameters_alloc(sizeof(*power), "STOR_UNIT_CONTROL_POWER");
    power->Address = (PSTOR_ADDRESS)address;
    power->PowerAction = state == StorPowerDeviceD0 ? StorPowerActionNone : StorPowerActionSleep;
    power->PowerState = state;
    call_for(port, ScsiUnitPower, IRQL_DISPATCH, power);
    memory_free(power);
    memory_free(address);
    return true;
}
