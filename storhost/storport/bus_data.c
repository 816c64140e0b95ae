/* SPDX-License-Identifier: BSD-3-Clause */
/* PCI configuration space by StorPort's names. */
#include "storport/internal.h"
#include "storport/exports.h"

ULONG NTAPI sp_get_bus_data(PVOID extension, ULONG type, ULONG bus, ULONG slot, PVOID buffer,
                            ULONG length)
{
    EXPORT_ENTER("StorPortGetBusData", extension, IRQL_PASSIVE);
    ULONG done = bus_data_read(port, "StorPortGetBusData", type, bus, slot, buffer, length);

    export_leave();
    return done;
}

ULONG NTAPI sp_set_bus_data_by_offset(PVOID extension, ULONG type, ULONG bus, ULONG slot,
                                      PVOID buffer, ULONG offset, ULONG length)
{
    EXPORT_ENTER("StorPortSetBusDataByOffset", extension, IRQL_PASSIVE);
    ULONG done =
        bus_data_write(port, "StorPortSetBusDataByOffset", type, bus, slot, buffer, offset, length);

    export_leave();
    return done;
}
