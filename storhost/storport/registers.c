/* SPDX-License-Identifier: BSD-3-Clause */
/* Access ranges and registers by StorPort's names. */
#include "storport/internal.h"
#include "storport/exports.h"

PVOID NTAPI sp_get_device_base(PVOID extension, INTERFACE_TYPE type, ULONG bus, uint64_t address,
                               ULONG bytes, UCHAR io_space)
{
    EXPORT_ENTER("StorPortGetDeviceBase", extension, IRQL_PASSIVE);
    PVOID base = device_base_map(port, "StorPortGetDeviceBase", type, bus, address, bytes,
                                 io_space != FALSE);

    export_leave();
    return base;
}

VOID NTAPI sp_free_device_base(PVOID extension, PVOID base)
{
    EXPORT_ENTER("StorPortFreeDeviceBase", extension, IRQL_PASSIVE);

    device_base_free(port, "StorPortFreeDeviceBase", base);
    export_leave();
}

BOOLEAN NTAPI sp_validate_range(PVOID extension, INTERFACE_TYPE type, ULONG bus, uint64_t address,
                                ULONG bytes, UCHAR io_space)
{
    EXPORT_ENTER("StorPortValidateRange", extension, IRQL_PASSIVE);
    BOOLEAN result = device_base_valid(port, address, bytes, io_space != FALSE);

    (void)type;
    (void)bus;
    export_leave();
    return result;
}

#define ACCESSOR_PARAMETERS PVOID extension,
#define ACCESSOR_EXTENSION  extension
#include "port/accessors.h"

ACCESSORS(sp, "StorPort", uchar, "Uchar", UCHAR)
ACCESSORS(sp, "StorPort", ushort, "Ushort", USHORT)
ACCESSORS(sp, "StorPort", ulong, "Ulong", ULONG)
