/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What storport.sys exports to miniports. All is there since Server 2003 SP1, which is what 5.2
 * stands for, but StorPortExtendedFunction: of its functions the reference names SP2 for the first
 * (StorPortGetSystemAddress), and a driver that imports it does not load on SP1. Everything younger
 * stands behind its codes.
 */
#include "storport/exports.h"

#include "kernel/exports.h"

static const struct kernel_export exports[] = {
    {"StorPortAllocateRegistryBuffer", (void *)sp_allocate_registry_buffer, 0x502},
    {"StorPortBusy", (void *)sp_busy, 0x502},
    {"StorPortCompleteRequest", (void *)sp_complete_request, 0x502},
    {"StorPortConvertPhysicalAddressToUlong", (void *)sp_convert_physical_address_to_ulong, 0x502},
    {"StorPortConvertUlongToPhysicalAddress", (void *)sp_convert_ulong_to_physical_address, 0x502},
    {"StorPortDebugPrint", (void *)sp_debug_print, 0x502},
    {"StorPortDeviceBusy", (void *)sp_device_busy, 0x502},
    {"StorPortDeviceReady", (void *)sp_device_ready, 0x502},
    {"StorPortExtendedFunction", (void *)sp_extended_function, 0x600},
    {"StorPortFreeDeviceBase", (void *)sp_free_device_base, 0x502},
    {"StorPortFreeRegistryBuffer", (void *)sp_free_registry_buffer, 0x502},
    {"StorPortGetBusData", (void *)sp_get_bus_data, 0x502},
    {"StorPortGetDeviceBase", (void *)sp_get_device_base, 0x502},
    {"StorPortGetLogicalUnit", (void *)sp_get_logical_unit, 0x502},
    {"StorPortGetPhysicalAddress", (void *)sp_get_physical_address, 0x502},
    {"StorPortGetScatterGatherList", (void *)sp_get_scatter_gather_list, 0x502},
    {"StorPortGetUncachedExtension", (void *)sp_get_uncached_extension, 0x502},
    {"StorPortGetVirtualAddress", (void *)sp_get_virtual_address, 0x502},
    {"StorPortInitialize", (void *)sp_initialize, 0x502},
    {"StorPortLogError", (void *)sp_log_error, 0x502},
    {"StorPortMoveMemory", (void *)sp_move_memory, 0x502},
    {"StorPortNotification", (void *)sp_notification, 0x502},
    {"StorPortPause", (void *)sp_pause, 0x502},
    {"StorPortPauseDevice", (void *)sp_pause_device, 0x502},
    {"StorPortQuerySystemTime", (void *)sp_query_system_time, 0x502},
    {"StorPortReadPortBufferUchar", (void *)sp_read_port_buffer_uchar, 0x502},
    {"StorPortReadPortBufferUlong", (void *)sp_read_port_buffer_ulong, 0x502},
    {"StorPortReadPortBufferUshort", (void *)sp_read_port_buffer_ushort, 0x502},
    {"StorPortReadPortUchar", (void *)sp_read_port_uchar, 0x502},
    {"StorPortReadPortUlong", (void *)sp_read_port_ulong, 0x502},
    {"StorPortReadPortUshort", (void *)sp_read_port_ushort, 0x502},
    {"StorPortReadRegisterBufferUchar", (void *)sp_read_register_buffer_uchar, 0x502},
    {"StorPortReadRegisterBufferUlong", (void *)sp_read_register_buffer_ulong, 0x502},
    {"StorPortReadRegisterBufferUshort", (void *)sp_read_register_buffer_ushort, 0x502},
    {"StorPortReadRegisterUchar", (void *)sp_read_register_uchar, 0x502},
    {"StorPortReadRegisterUlong", (void *)sp_read_register_ulong, 0x502},
    {"StorPortReadRegisterUshort", (void *)sp_read_register_ushort, 0x502},
    {"StorPortReady", (void *)sp_ready, 0x502},
    {"StorPortRegistryRead", (void *)sp_registry_read, 0x502},
    {"StorPortRegistryWrite", (void *)sp_registry_write, 0x502},
    {"StorPortResume", (void *)sp_resume, 0x502},
    {"StorPortResumeDevice", (void *)sp_resume_device, 0x502},
    {"StorPortSetBusDataByOffset", (void *)sp_set_bus_data_by_offset, 0x502},
    {"StorPortSetDeviceQueueDepth", (void *)sp_set_device_queue_depth, 0x502},
    {"StorPortStallExecution", (void *)sp_stall_execution, 0x502},
    {"StorPortSynchronizeAccess", (void *)sp_synchronize_access, 0x502},
    {"StorPortValidateRange", (void *)sp_validate_range, 0x502},
    {"StorPortWritePortBufferUchar", (void *)sp_write_port_buffer_uchar, 0x502},
    {"StorPortWritePortBufferUlong", (void *)sp_write_port_buffer_ulong, 0x502},
    {"StorPortWritePortBufferUshort", (void *)sp_write_port_buffer_ushort, 0x502},
    {"StorPortWritePortUchar", (void *)sp_write_port_uchar, 0x502},
    {"StorPortWritePortUlong", (void *)sp_write_port_ulong, 0x502},
    {"StorPortWritePortUshort", (void *)sp_write_port_ushort, 0x502},
    {"StorPortWriteRegisterBufferUchar", (void *)sp_write_register_buffer_uchar, 0x502},
    {"StorPortWriteRegisterBufferUlong", (void *)sp_write_register_buffer_ulong, 0x502},
    {"StorPortWriteRegisterBufferUshort", (void *)sp_write_register_buffer_ushort, 0x502},
    {"StorPortWriteRegisterUchar", (void *)sp_write_register_uchar, 0x502},
    {"StorPortWriteRegisterUlong", (void *)sp_write_register_ulong, 0x502},
    {"StorPortWriteRegisterUshort", (void *)sp_write_register_ushort, 0x502},
};

const struct kernel_module storport_module = {
    .name = "storport.sys",
    .exports = exports,
    .count = sizeof(exports) / sizeof(exports[0]),
};
