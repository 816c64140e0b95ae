/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The exports of storport.sys as the model defines them (exports.c lists them by name), the
 * handlers behind StorPortExtendedFunction (extended.c lists them by code), and what is called
 * from one file of the model to another besides.
 *
 * Physical addresses, 8-byte unions in Windows' declarations, are plain 64-bit integers here: they
 * travel in the same registers and stack slots.
 */
#ifndef STORHOST_STORPORT_EXPORTS_H
#define STORHOST_STORPORT_EXPORTS_H

#include "storport/internal.h"

/* adapter.c */
ULONG NTAPI sp_initialize(PVOID argument1, PVOID argument2, PHW_INITIALIZATION_DATA data,
                          PVOID context);
/* extended.c, notification.c */
ULONG NTAPIV sp_extended_function(ULONG code, PVOID extension, ...);
VOID NTAPIV sp_notification(ULONG type, PVOID extension, ...);
/* queue.c */
BOOLEAN NTAPI sp_busy(PVOID extension, ULONG requests);
BOOLEAN NTAPI sp_ready(PVOID extension);
BOOLEAN NTAPI sp_pause(PVOID extension, ULONG seconds);
BOOLEAN NTAPI sp_resume(PVOID extension);
BOOLEAN NTAPI sp_device_busy(PVOID extension, UCHAR path, UCHAR target, UCHAR lun, ULONG requests);
BOOLEAN NTAPI sp_device_ready(PVOID extension, UCHAR path, UCHAR target, UCHAR lun);
BOOLEAN NTAPI sp_pause_device(PVOID extension, UCHAR path, UCHAR target, UCHAR lun, ULONG seconds);
BOOLEAN NTAPI sp_resume_device(PVOID extension, UCHAR path, UCHAR target, UCHAR lun);
BOOLEAN NTAPI sp_set_device_queue_depth(PVOID extension, UCHAR path, UCHAR target, UCHAR lun,
                                        ULONG depth);
PVOID NTAPI sp_get_logical_unit(PVOID extension, UCHAR path, UCHAR target, UCHAR lun);
/* request.c */
VOID NTAPI sp_complete_request(PVOID extension, UCHAR path, UCHAR target, UCHAR lun, UCHAR status);
/* memory_services.c */
PVOID NTAPI sp_get_uncached_extension(PVOID extension, PPORT_CONFIGURATION_INFORMATION config,
                                      ULONG bytes);
uint64_t NTAPI sp_get_physical_address(PVOID extension, PSCSI_REQUEST_BLOCK srb, PVOID address,
                                       ULONG *length);
PVOID NTAPI sp_get_virtual_address(PVOID extension, uint64_t bus);
PSTOR_SCATTER_GATHER_LIST NTAPI sp_get_scatter_gather_list(PVOID extension,
                                                           PSCSI_REQUEST_BLOCK srb);
uint64_t NTAPI sp_convert_ulong_to_physical_address(ULONG_PTR value);
ULONG NTAPI sp_convert_physical_address_to_ulong(uint64_t address);
VOID NTAPI sp_move_memory(PVOID to, PVOID from, ULONG length);
/* bus_data.c */
ULONG NTAPI sp_get_bus_data(PVOID extension, ULONG type, ULONG bus, ULONG slot, PVOID buffer,
                            ULONG length);
ULONG NTAPI sp_set_bus_data_by_offset(PVOID extension, ULONG type, ULONG bus, ULONG slot,
                                      PVOID buffer, ULONG offset, ULONG length);
/* registry.c */
PUCHAR NTAPI sp_allocate_registry_buffer(PVOID extension, PULONG length);
VOID NTAPI sp_free_registry_buffer(PVOID extension, PUCHAR buffer);
BOOLEAN NTAPI sp_registry_read(PVOID extension, PUCHAR name, ULONG global, ULONG type,
                               PUCHAR buffer, PULONG length);
BOOLEAN NTAPI sp_registry_write(PVOID extension, PUCHAR name, ULONG global, ULONG type,
                                PUCHAR buffer, ULONG length);
void registry_free(struct port *port);
/* events.c */
VOID NTAPI sp_log_error(PVOID extension, PSCSI_REQUEST_BLOCK srb, UCHAR path, UCHAR target,
                        UCHAR lun, ULONG code, ULONG unique);
VOID NTAPIV sp_debug_print(ULONG level, PCCHAR message, ...);
VOID NTAPI sp_query_system_time(PLARGE_INTEGER time);
VOID NTAPI sp_stall_execution(ULONG microseconds);
/* locks.c */
BOOLEAN NTAPI sp_synchronize_access(PVOID extension, PSTOR_SYNCHRONIZED_ACCESS routine,
                                    PVOID context);
void lock_acquire(struct port *port, STOR_SPINLOCK which, PVOID context, PSTOR_LOCK_HANDLE handle);
void lock_release(struct port *port, PSTOR_LOCK_HANDLE handle);
/* registers.c */
PVOID NTAPI sp_get_device_base(PVOID extension, INTERFACE_TYPE type, ULONG bus, uint64_t address,
                               ULONG bytes, UCHAR io_space);
VOID NTAPI sp_free_device_base(PVOID extension, PVOID base);
BOOLEAN NTAPI sp_validate_range(PVOID extension, INTERFACE_TYPE type, ULONG bus, uint64_t address,
                                ULONG bytes, UCHAR io_space);
UCHAR NTAPI sp_read_register_uchar(PVOID extension, UCHAR *address);
VOID NTAPI sp_write_register_uchar(PVOID extension, UCHAR *address, UCHAR value);
VOID NTAPI sp_read_register_buffer_uchar(PVOID extension, UCHAR *address, UCHAR *buffer,
                                         ULONG count);
VOID NTAPI sp_write_register_buffer_uchar(PVOID extension, UCHAR *address, UCHAR *buffer,
                                          ULONG count);
UCHAR NTAPI sp_read_port_uchar(PVOID extension, UCHAR *address);
VOID NTAPI sp_write_port_uchar(PVOID extension, UCHAR *address, UCHAR value);
VOID NTAPI sp_read_port_buffer_uchar(PVOID extension, UCHAR *address, UCHAR *buffer, ULONG count);
VOID NTAPI sp_write_port_buffer_uchar(PVOID extension, UCHAR *address, UCHAR *buffer, ULONG count);
USHORT NTAPI sp_read_register_ushort(PVOID extension, USHORT *address);
VOID NTAPI sp_write_register_ushort(PVOID extension, USHORT *address, USHORT value);
VOID NTAPI sp_read_register_buffer_ushort(PVOID extension, USHORT *address, USHORT *buffer,
                                          ULONG count);
VOID NTAPI sp_write_register_buffer_ushort(PVOID extension, USHORT *address, USHORT *buffer,
                                           ULONG count);
USHORT NTAPI sp_read_port_ushort(PVOID extension, USHORT *address);
VOID NTAPI sp_write_port_ushort(PVOID extension, USHORT *address, USHORT value);
VOID NTAPI sp_read_port_buffer_ushort(PVOID extension, USHORT *address, USHORT *buffer,
                                      ULONG count);
VOID NTAPI sp_write_port_buffer_ushort(PVOID extension, USHORT *address, USHORT *buffer,
                                       ULONG count);
ULONG NTAPI sp_read_register_ulong(PVOID extension, ULONG *address);
VOID NTAPI sp_write_register_ulong(PVOID extension, ULONG *address, ULONG value);
VOID NTAPI sp_read_register_buffer_ulong(PVOID extension, ULONG *address, ULONG *buffer,
                                         ULONG count);
VOID NTAPI sp_write_register_buffer_ulong(PVOID extension, ULONG *address, ULONG *buffer,
                                          ULONG count);
ULONG NTAPI sp_read_port_ulong(PVOID extension, ULONG *address);
VOID NTAPI sp_write_port_ulong(PVOID extension, ULONG *address, ULONG value);
VOID NTAPI sp_read_port_buffer_ulong(PVOID extension, ULONG *address, ULONG *buffer, ULONG count);
VOID NTAPI sp_write_port_buffer_ulong(PVOID extension, ULONG *address, ULONG *buffer, ULONG count);

/* Handlers of extended functions: their arguments behind the extension, one element each. */
ULONG ext_acquire_msi_lock(struct port *port, const uint64_t *a);
ULONG ext_acquire_spin_lock(struct port *port, const uint64_t *a);
ULONG ext_allocate_contiguous(struct port *port, const uint64_t *a);
ULONG ext_allocate_dma(struct port *port, const uint64_t *a);
ULONG ext_allocate_mdl(struct port *port, const uint64_t *a);
ULONG ext_allocate_pool(struct port *port, const uint64_t *a);
ULONG ext_build_mdl(struct port *port, const uint64_t *a);
ULONG ext_build_sg_list(struct port *port, const uint64_t *a);
ULONG ext_cancel_hr_timer(struct port *port, const uint64_t *a);
ULONG ext_delay_execution(struct port *port, const uint64_t *a);
ULONG ext_etw_2(struct port *port, const uint64_t *a);
ULONG ext_etw_4(struct port *port, const uint64_t *a);
ULONG ext_etw_8(struct port *port, const uint64_t *a);
ULONG ext_etw_channel_2(struct port *port, const uint64_t *a);
ULONG ext_etw_channel_4(struct port *port, const uint64_t *a);
ULONG ext_etw_channel_8(struct port *port, const uint64_t *a);
ULONG ext_free_contiguous(struct port *port, const uint64_t *a);
ULONG ext_free_dma(struct port *port, const uint64_t *a);
ULONG ext_free_hr_timer(struct port *port, const uint64_t *a);
ULONG ext_free_mdl(struct port *port, const uint64_t *a);
ULONG ext_free_pool(struct port *port, const uint64_t *a);
ULONG ext_free_timer(struct port *port, const uint64_t *a);
ULONG ext_free_worker(struct port *port, const uint64_t *a);
ULONG ext_get_data_in(struct port *port, const uint64_t *a);
ULONG ext_get_group_affinity(struct port *port, const uint64_t *a);
ULONG ext_get_group_count(struct port *port, const uint64_t *a);
ULONG ext_get_highest_node(struct port *port, const uint64_t *a);
ULONG ext_get_index_from_number(struct port *port, const uint64_t *a);
ULONG ext_get_msi_info(struct port *port, const uint64_t *a);
ULONG ext_get_node_affinity(struct port *port, const uint64_t *a);
ULONG ext_get_node_count(struct port *port, const uint64_t *a);
ULONG ext_get_original_mdl(struct port *port, const uint64_t *a);
ULONG ext_get_performance_counter(struct port *port, const uint64_t *a);
ULONG ext_get_pfns(struct port *port, const uint64_t *a);
ULONG ext_get_processor_count(struct port *port, const uint64_t *a);
ULONG ext_get_processor_index(struct port *port, const uint64_t *a);
ULONG ext_get_processor_number(struct port *port, const uint64_t *a);
ULONG ext_get_start_io_perf_params(struct port *port, const uint64_t *a);
ULONG ext_get_system_address(struct port *port, const uint64_t *a);
ULONG ext_initialize_hr_timer(struct port *port, const uint64_t *a);
ULONG ext_initialize_perf_opts(struct port *port, const uint64_t *a);
ULONG ext_initialize_timer(struct port *port, const uint64_t *a);
ULONG ext_initialize_worker(struct port *port, const uint64_t *a);
ULONG ext_log_system_event(struct port *port, const uint64_t *a);
ULONG ext_put_sg_list(struct port *port, const uint64_t *a);
ULONG ext_queue_work_item(struct port *port, const uint64_t *a);
ULONG ext_registry_adapter_key(struct port *port, const uint64_t *a);
ULONG ext_release_msi_lock(struct port *port, const uint64_t *a);
ULONG ext_request_hr_timer(struct port *port, const uint64_t *a);
ULONG ext_request_timer(struct port *port, const uint64_t *a);
ULONG ext_telemetry(struct port *port, const uint64_t *a);
ULONG ext_update_max_io(struct port *port, const uint64_t *a);
ULONG ext_update_max_io_info(struct port *port, const uint64_t *a);

#endif
