/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What storport.sys exports to miniports, of any Windows: kernel/windows_exports.inc says which has
 * what. StorPortExtendedFunction came with Server 2003's SP2 (the reference names it for its first
 * function), so 5.2, which is SP1, has none; everything younger stands behind its codes.
 */
#include "storport/exports.h"

#include "kernel/exports.h"

static const struct kernel_export exports[] = {
    {"StorPortAllocateRegistryBuffer", (void *)sp_allocate_registry_buffer},
    {"StorPortBusy", (void *)sp_busy},
    {"StorPortCompleteRequest", (void *)sp_complete_request},
    {"StorPortConvertPhysicalAddressToUlong", (void *)sp_convert_physical_address_to_ulong},
    {"StorPortConvertUlongToPhysicalAddress", (void *)sp_convert_ulong_to_physical_address},
    {"StorPortDebugPrint", (void *)sp_debug_print},
    {"StorPortDeviceBusy", (void *)sp_device_busy},
    {"StorPortDeviceReady", (void *)sp_device_ready},
    {"StorPortExtendedFunction", (void *)sp_extended_function},
    {"StorPortFreeDeviceBase", (void *)sp_free_device_base},
    {"StorPortFreeRegistryBuffer", (void *)sp_free_registry_buffer},
    {"StorPortGetBusData", (void *)sp_get_bus_data},
    {"StorPortGetDeviceBase", (void *)sp_get_device_base},
    {"StorPortGetLogicalUnit", (void *)sp_get_logical_unit},
    {"StorPortGetPhysicalAddress", (void *)sp_get_physical_address},
    {"StorPortGetScatterGatherList", (void *)sp_get_scatter_gather_list},
    {"StorPortGetUncachedExtension", (void *)sp_get_uncached_extension},
    {"StorPortGetVirtualAddress", (void *)sp_get_virtual_address},
    {"StorPortInitialize", (void *)sp_initialize},
    {"StorPortLogError", (void *)sp_log_error},
    {"StorPortMoveMemory", (void *)sp_move_memory},
    {"StorPortNotification", (void *)sp_notification},
    {"StorPortPause", (void *)sp_pause},
    {"StorPortPauseDevice", (void *)sp_pause_device},
    {"StorPortQuerySystemTime", (void *)sp_query_system_time},
    {"StorPortReadPortBufferUchar", (void *)sp_read_port_buffer_uchar},
    {"StorPortReadPortBufferUlong", (void *)sp_read_port_buffer_ulong},
    {"StorPortReadPortBufferUshort", (void *)sp_read_port_buffer_ushort},
    {"StorPortReadPortUchar", (void *)sp_read_port_uchar},
    {"StorPortReadPortUlong", (void *)sp_read_port_ulong},
    {"StorPortReadPortUshort", (void *)sp_read_port_ushort},
    {"StorPortReadRegisterBufferUchar", (void *)sp_read_register_buffer_uchar},
    {"StorPortReadRegisterBufferUlong", (void *)sp_read_register_buffer_ulong},
    {"StorPortReadRegisterBufferUshort", (void *)sp_read_register_buffer_ushort},
    {"StorPortReadRegisterUchar", (void *)sp_read_register_uchar},
    {"StorPortReadRegisterUlong", (void *)sp_read_register_ulong},
    {"StorPortReadRegisterUshort", (void *)sp_read_register_ushort},
    {"StorPortReady", (void *)sp_ready},
    {"StorPortRegistryRead", (void *)sp_registry_read},
    {"StorPortRegistryWrite", (void *)sp_registry_write},
    {"StorPortResume", (void *)sp_resume},
    {"StorPortResumeDevice", (void *)sp_resume_device},
    {"StorPortSetBusDataByOffset", (void *)sp_set_bus_data_by_offset},
    {"StorPortSetDeviceQueueDepth", (void *)sp_set_device_queue_depth},
    {"StorPortStallExecution", (void *)sp_stall_execution},
    {"StorPortSynchronizeAccess", (void *)sp_synchronize_access},
    {"StorPortValidateRange", (void *)sp_validate_range},
    {"StorPortWritePortBufferUchar", (void *)sp_write_port_buffer_uchar},
    {"StorPortWritePortBufferUlong", (void *)sp_write_port_buffer_ulong},
    {"StorPortWritePortBufferUshort", (void *)sp_write_port_buffer_ushort},
    {"StorPortWritePortUchar", (void *)sp_write_port_uchar},
    {"StorPortWritePortUlong", (void *)sp_write_port_ulong},
    {"StorPortWritePortUshort", (void *)sp_write_port_ushort},
    {"StorPortWriteRegisterBufferUchar", (void *)sp_write_register_buffer_uchar},
    {"StorPortWriteRegisterBufferUlong", (void *)sp_write_register_buffer_ulong},
    {"StorPortWriteRegisterBufferUshort", (void *)sp_write_register_buffer_ushort},
    {"StorPortWriteRegisterUchar", (void *)sp_write_register_uchar},
    {"StorPortWriteRegisterUlong", (void *)sp_write_register_ulong},
    {"StorPortWriteRegisterUshort", (void *)sp_write_register_ushort},
};

const struct kernel_module storport_module = {
    .name = "storport.sys",
    .exports = exports,
    .count = sizeof(exports) / sizeof(exports[0]),
};
