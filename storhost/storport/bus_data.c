/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * PCI configuration space as miniports reach it: StorPortGetBusData and
 * StorPortSetBusDataByOffset, only in HwFindAdapter and in HwAdapterControl for the boot and the
 * running configuration (reference of HW_ADAPTER_CONTROL), at PASSIVE_LEVEL.
 */
#include "storport/internal.h"
#include "storport/exports.h"

#include <string.h>

#define CONFIGURATION_BYTES 256

static void check_phase(const struct port *port, const char *function)
{
    const struct frame *frame = entry_current();
    bool control = frame != NULL && frame->entry == ENTRY_ADAPTER_CONTROL &&
                   (frame->detail == ScsiSetRunningConfig || frame->detail == ScsiSetBootConfig);

    if (port->state != ADAPTER_FINDING && !control) {
        violation(RULE_PHASE,
                  "%s called outside of HwFindAdapter, ScsiSetRunningConfig and ScsiSetBootConfig",
                  function);
    }
}

/* Slots are device number and function: 5 and 3 bits. */
static bool own_slot(const struct port *port, ULONG bus, ULONG slot)
{
    return bus == port->device->bus && (slot & 0x1f) == port->device->slot &&
           ((slot >> 5) & 7) == port->device->function;
}

ULONG NTAPI sp_get_bus_data(PVOID extension, ULONG type, ULONG bus, ULONG slot, PVOID buffer,
                            ULONG length)
{
    EXPORT_ENTER("StorPortGetBusData", extension, IRQL_PASSIVE);
    uint8_t *bytes = buffer;
    ULONG done = 0;

    check_phase(port, "StorPortGetBusData");
    if (buffer == NULL) {
        violation(RULE_ARGUMENT, "StorPortGetBusData without a buffer");
    }
    if (type == PCIConfiguration && own_slot(port, bus, slot)) {
        for (; done < length && done < CONFIGURATION_BYTES; done++) {
            bytes[done] = (uint8_t)port->device->ops->config_read(port->device, done, 1);
        }
    } else if (type == PCIConfiguration && length >= 2) {
        memset(bytes, 0xff, 2); /* PCI_INVALID_VENDORID: nobody there */
        done = 2;
    }
    export_leave();
    return done;
}

ULONG NTAPI sp_set_bus_data_by_offset(PVOID extension, ULONG type, ULONG bus, ULONG slot,
                                      PVOID buffer, ULONG offset, ULONG length)
{
    EXPORT_ENTER("StorPortSetBusDataByOffset", extension, IRQL_PASSIVE);
    const uint8_t *bytes = buffer;
    ULONG done = 0;

    check_phase(port, "StorPortSetBusDataByOffset");
    if (type == PCIConfiguration && own_slot(port, bus, slot)) {
        for (; done < length && offset + done < CONFIGURATION_BYTES; done++) {
            port->device->ops->config_write(port->device, offset + done, 1, bytes[done]);
        }
    }
    export_leave();
    return done;
}
