/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * PCI configuration space as miniports reach it, only in HwFindAdapter and in HwAdapterControl for
 * the boot and the running configuration (reference of HW_ADAPTER_CONTROL), at PASSIVE_LEVEL.
 */
#include "port/internal.h"

#include <string.h>

#include <srb.h>

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

ULONG bus_data_read(struct port *port, const char *function, ULONG type, ULONG bus, ULONG slot,
                    PVOID buffer, ULONG length)
{
    uint8_t *bytes = buffer;
    ULONG done = 0;

    check_phase(port, function);
    if (buffer == NULL) {
        violation(RULE_ARGUMENT, "%s without a buffer", function);
    }
    if (type == PCIConfiguration && own_slot(port, bus, slot)) {
        for (; done < length && done < CONFIGURATION_BYTES; done++) {
            bytes[done] = (uint8_t)port->device->ops->config_read(port->device, done, 1);
        }
    } else if (type == PCIConfiguration && length >= 2) {
        memset(bytes, 0xff, 2); /* PCI_INVALID_VENDORID: nobody there */
        done = 2;
    }
    return done;
}

ULONG bus_data_write(struct port *port, const char *function, ULONG type, ULONG bus, ULONG slot,
                     PVOID buffer, ULONG offset, ULONG length)
{
    const uint8_t *bytes = buffer;
    ULONG done = 0;

    check_phase(port, function);
    if (type == PCIConfiguration && own_slot(port, bus, slot)) {
        for (; done < length && offset + done < CONFIGURATION_BYTES; done++) {
            port->device->ops->config_write(port->device, offset + done, 1, bytes[done]);
        }
    }
    return done;
}
