/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What SCSIPort and StorPort offer alike, by SCSIPort's names: PCI configuration space, access
 * ranges, the event log, time, registers and ports.
 */
#include "scsiport/exports.h"

/* ---- PCI configuration space ----------------------------------------------------------------- */

ULONG NTAPI scsi_get_bus_data(PVOID extension, ULONG type, ULONG bus, ULONG slot, PVOID buffer,
                              ULONG length)
{
    EXPORT_ENTER("ScsiPortGetBusData", extension, IRQL_PASSIVE);
    ULONG done = bus_data_read(port, "ScsiPortGetBusData", type, bus, slot, buffer, length);

    export_leave();
    return done;
}

ULONG NTAPI scsi_set_bus_data_by_offset(PVOID extension, ULONG type, ULONG bus, ULONG slot,
                                        PVOID buffer, ULONG offset, ULONG length)
{
    EXPORT_ENTER("ScsiPortSetBusDataByOffset", extension, IRQL_PASSIVE);
    ULONG done =
        bus_data_write(port, "ScsiPortSetBusDataByOffset", type, bus, slot, buffer, offset, length);

    export_leave();
    return done;
}

/* ---- access ranges --------------------------------------------------------------------------- */

PVOID NTAPI scsi_get_device_base(PVOID extension, INTERFACE_TYPE type, ULONG bus, uint64_t address,
                                 ULONG bytes, UCHAR io_space)
{
    EXPORT_ENTER("ScsiPortGetDeviceBase", extension, IRQL_PASSIVE);
    PVOID base = device_base_map(port, "ScsiPortGetDeviceBase", type, bus, address, bytes,
                                 io_space != FALSE);

    export_leave();
    return base;
}

VOID NTAPI scsi_free_device_base(PVOID extension, PVOID base)
{
    EXPORT_ENTER("ScsiPortFreeDeviceBase", extension, IRQL_PASSIVE);

    device_base_free(port, "ScsiPortFreeDeviceBase", base);
    export_leave();
}

BOOLEAN NTAPI scsi_validate_range(PVOID extension, INTERFACE_TYPE type, ULONG bus, uint64_t address,
                                  ULONG bytes, UCHAR io_space)
{
    EXPORT_ENTER("ScsiPortValidateRange", extension, IRQL_PASSIVE);
    BOOLEAN result;

    ONLY_IN_FIND_ADAPTER(port, "ScsiPortValidateRange");
    result = type == port->interface_type && bus == port->device->bus &&
             device_base_valid(port, address, bytes, io_space != FALSE);
    export_leave();
    return result;
}

/* ---- reports and time ------------------------------------------------------------------------ */

VOID NTAPI scsi_log_error(PVOID extension, PSCSI_REQUEST_BLOCK srb, UCHAR path, UCHAR target,
                          UCHAR lun, ULONG code, ULONG unique)
{
    EXPORT_ENTER("ScsiPortLogError", extension, IRQL_DEVICE);

    log_error(port, "ScsiPortLogError", srb, path, target, lun, code, unique);
    export_leave();
}

VOID NTAPIV scsi_debug_print(ULONG level, PCCHAR message, ...)
{
    EXPORT_ENTER("ScsiDebugPrint", NULL, IRQL_HIGH);

    debug_print(port, "ScsiDebugPrint", level, message);
}

VOID NTAPI scsi_query_system_time(PLARGE_INTEGER time)
{
    EXPORT_ENTER("ScsiPortQuerySystemTime", NULL, IRQL_HIGH);

    (void)port;
    time->QuadPart = system_time();
}

VOID NTAPI scsi_stall_execution(ULONG microseconds)
{
    EXPORT_ENTER("ScsiPortStallExecution", NULL, IRQL_HIGH);

    stall(port, "ScsiPortStallExecution", microseconds);
    export_leave();
}

/* ---- registers and ports: without the device extension --------------------------------------- */

#define ACCESSOR_PARAMETERS
#define ACCESSOR_EXTENSION NULL
#include "port/accessors.h"

ACCESSORS(scsi, "ScsiPort", uchar, "Uchar", UCHAR)
ACCESSORS(scsi, "ScsiPort", ushort, "Ushort", USHORT)
ACCESSORS(scsi, "ScsiPort", ulong, "Ulong", ULONG)
