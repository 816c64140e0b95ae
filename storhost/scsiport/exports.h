/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The exports of scsiport.sys as the model defines them (exports.c lists them by name).
 *
 * Physical addresses, 8-byte unions in Windows' declarations, are plain 64-bit integers here: they
 * travel in the same registers and stack slots.
 */
#ifndef STORHOST_SCSIPORT_EXPORTS_H
#define STORHOST_SCSIPORT_EXPORTS_H

#include "scsiport/internal.h"

/* adapter.c */
ULONG NTAPI scsi_initialize(PVOID argument1, PVOID argument2, PHW_INITIALIZATION_DATA data,
                            PVOID context);
/* notification.c */
VOID NTAPIV scsi_notification(ULONG type, PVOID extension, ...);
VOID NTAPI scsi_complete_request(PVOID extension, UCHAR path, UCHAR target, UCHAR lun,
                                 UCHAR status);
PSCSI_REQUEST_BLOCK NTAPI scsi_get_srb(PVOID extension, UCHAR path, UCHAR target, UCHAR lun,
                                       LONG tag);
PVOID NTAPI scsi_get_logical_unit(PVOID extension, UCHAR path, UCHAR target, UCHAR lun);
/* memory_services.c */
PVOID NTAPI scsi_get_uncached_extension(PVOID extension, PPORT_CONFIGURATION_INFORMATION config,
                                        ULONG bytes);
uint64_t NTAPI scsi_get_physical_address(PVOID extension, PSCSI_REQUEST_BLOCK srb, PVOID address,
                                         ULONG *length);
PVOID NTAPI scsi_get_virtual_address(PVOID extension, uint64_t bus);
uint64_t NTAPI scsi_convert_ulong_to_physical_address(ULONG_PTR value);
ULONG NTAPI scsi_convert_physical_address_to_ulong(uint64_t address);
VOID NTAPI scsi_move_memory(PVOID to, PVOID from, ULONG length);
VOID NTAPI scsi_flush_dma(PVOID extension);
VOID NTAPI scsi_io_map_transfer(PVOID extension, PSCSI_REQUEST_BLOCK srb, PVOID address,
                                ULONG length);
/* services.c */
ULONG NTAPI scsi_get_bus_data(PVOID extension, ULONG type, ULONG bus, ULONG slot, PVOID buffer,
                              ULONG length);
ULONG NTAPI scsi_set_bus_data_by_offset(PVOID extension, ULONG type, ULONG bus, ULONG slot,
                                        PVOID buffer, ULONG offset, ULONG length);
PVOID NTAPI scsi_get_device_base(PVOID extension, INTERFACE_TYPE type, ULONG bus, uint64_t address,
                                 ULONG bytes, UCHAR io_space);
VOID NTAPI scsi_free_device_base(PVOID extension, PVOID base);
BOOLEAN NTAPI scsi_validate_range(PVOID extension, INTERFACE_TYPE type, ULONG bus, uint64_t address,
                                  ULONG bytes, UCHAR io_space);
VOID NTAPI scsi_log_error(PVOID extension, PSCSI_REQUEST_BLOCK srb, UCHAR path, UCHAR target,
                          UCHAR lun, ULONG code, ULONG unique);
VOID NTAPIV scsi_debug_print(ULONG level, PCCHAR message, ...);
VOID NTAPI scsi_query_system_time(PLARGE_INTEGER time);
VOID NTAPI scsi_stall_execution(ULONG microseconds);
UCHAR NTAPI scsi_read_register_uchar(UCHAR *address);
VOID NTAPI scsi_write_register_uchar(UCHAR *address, UCHAR value);
VOID NTAPI scsi_read_register_buffer_uchar(UCHAR *address, UCHAR *buffer, ULONG count);
VOID NTAPI scsi_write_register_buffer_uchar(UCHAR *address, UCHAR *buffer, ULONG count);
UCHAR NTAPI scsi_read_port_uchar(UCHAR *address);
VOID NTAPI scsi_write_port_uchar(UCHAR *address, UCHAR value);
VOID NTAPI scsi_read_port_buffer_uchar(UCHAR *address, UCHAR *buffer, ULONG count);
VOID NTAPI scsi_write_port_buffer_uchar(UCHAR *address, UCHAR *buffer, ULONG count);
USHORT NTAPI scsi_read_register_ushort(USHORT *address);
VOID NTAPI scsi_write_register_ushort(USHORT *address, USHORT value);
VOID NTAPI scsi_read_register_buffer_ushort(USHORT *address, USHORT *buffer, ULONG count);
VOID NTAPI scsi_write_register_buffer_ushort(USHORT *address, USHORT *buffer, ULONG count);
USHORT NTAPI scsi_read_port_ushort(USHORT *address);
VOID NTAPI scsi_write_port_ushort(USHORT *address, USHORT value);
VOID NTAPI scsi_read_port_buffer_ushort(USHORT *address, USHORT *buffer, ULONG count);
VOID NTAPI scsi_write_port_buffer_ushort(USHORT *address, USHORT *buffer, ULONG count);
ULONG NTAPI scsi_read_register_ulong(ULONG *address);
VOID NTAPI scsi_write_register_ulong(ULONG *address, ULONG value);
VOID NTAPI scsi_read_register_buffer_ulong(ULONG *address, ULONG *buffer, ULONG count);
VOID NTAPI scsi_write_register_buffer_ulong(ULONG *address, ULONG *buffer, ULONG count);
ULONG NTAPI scsi_read_port_ulong(ULONG *address);
VOID NTAPI scsi_write_port_ulong(ULONG *address, ULONG value);
VOID NTAPI scsi_read_port_buffer_ulong(ULONG *address, ULONG *buffer, ULONG count);
VOID NTAPI scsi_write_port_buffer_ulong(ULONG *address, ULONG *buffer, ULONG count);

#endif
