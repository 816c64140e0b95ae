/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * StorPortExtendedFunction: one variadic export for everything younger than Server 2003. A table
 * holds every code that the headers of Windows 10 1809 name: from which Windows on it is there,
 * up to which IRQL it may be called, which arguments it takes. A Windows that lacks one answers
 * STOR_STATUS_NOT_IMPLEMENTED; a number that is not in the table is a violation.
 *
 * Where the reference names no IRQL, the nature of the call decides: DISPATCH_LEVEL at most for
 * what allocates, any for what only looks something up. Where sources differ the stricter holds
 * (contiguous memory: PASSIVE_LEVEL).
 */
#include "storport/internal.h"
#include "storport/exports.h"

#include <stdlib.h>

#include "kernel/arguments.h"

/* ---- small ones ------------------------------------------------------------------------------ */

/* What Windows offers and this machine lacks (no ACPI methods, no host memory buffer, no service
 * requests, no encryption): answered as StorPort does on a machine without it. */
static ULONG not_supported(struct port *port, const uint64_t *a)
{
    (void)port;
    (void)a;
    return STOR_STATUS_INVALID_DEVICE_REQUEST;
}

static ULONG accepted(struct port *port, const uint64_t *a)
{
    (void)port;
    (void)a;
    return STOR_STATUS_SUCCESS;
}

static ULONG get_device_objects(struct port *port, const uint64_t *a)
{
    for (unsigned i = 0; i < 3; i++) {
        if (a[i] != 0) {
            *(PVOID *)(uintptr_t)a[i] = port->driver_object; /* opaque and not NULL */
        }
    }
    return STOR_STATUS_SUCCESS;
}

static ULONG get_request_info(struct port *port, const uint64_t *a)
{
    struct request *request = request_of(port, (void *)(uintptr_t)a[0], "StorPortGetRequestInfo");
    STOR_REQUEST_INFO *info = (void *)(uintptr_t)a[1];

    if (info == NULL) {
        return STOR_STATUS_INVALID_PARAMETER;
    }
    *info = (STOR_REQUEST_INFO){.Version = STOR_REQUEST_INFO_VER_1,
                                .Size = sizeof(*info),
                                .PriorityHint = StorIoPriorityNormal,
                                .Length = request->length,
                                .IsWriteRequest = request->io->direction == PORT_DATA_OUT};
    return STOR_STATUS_SUCCESS;
}

static ULONG get_activity_id(struct port *port, const uint64_t *a)
{
    request_of(port, (void *)(uintptr_t)a[0], "StorPortGetActivityIdSrb");
    return STOR_STATUS_UNSUCCESSFUL; /* tracing is not on */
}

static ULONG get_system_port_number(struct port *port, const uint64_t *a)
{
    STOR_ADDRESS *address = (void *)(uintptr_t)a[0];

    (void)port;
    if (address == NULL) {
        return STOR_STATUS_INVALID_PARAMETER;
    }
    address->Port = 0;
    return STOR_STATUS_SUCCESS;
}

static ULONG device_operation_allowed(struct port *port, const uint64_t *a)
{
    (void)port;
    if (a[2] == 0) {
        return STOR_STATUS_INVALID_PARAMETER;
    }
    *(ULONG *)(uintptr_t)a[2] = 0;
    return STOR_STATUS_SUCCESS;
}

static ULONG os_upgrade(struct port *port, const uint64_t *a)
{
    (void)port;
    if (a[0] == 0) {
        return STOR_STATUS_INVALID_PARAMETER;
    }
    *(BOOLEAN *)(uintptr_t)a[0] = FALSE;
    return STOR_STATUS_SUCCESS;
}

static ULONG d3_cold_support(struct port *port, const uint64_t *a)
{
    (void)port;
    if (a[1] == 0) {
        return STOR_STATUS_INVALID_PARAMETER;
    }
    *(BOOLEAN *)(uintptr_t)a[1] = FALSE;
    return STOR_STATUS_SUCCESS;
}

static ULONG flush_data_buffer(struct port *port, const uint64_t *a)
{
    request_of(port, (void *)(uintptr_t)a[0], "StorPortFlushDataBufferMdl");
    return STOR_STATUS_SUCCESS;
}

/* ---- lists ----------------------------------------------------------------------------------- */

/*
 * A sequenced list: two words, aligned to their size; the model keeps its depth in the low 16 bits
 * of the first one and the first entry in the second. One lock for all lists will do.
 */
struct slist {
    ULONG_PTR depth;
    SINGLE_LIST_ENTRY *first;
};

static pthread_mutex_t list_mutex = PTHREAD_MUTEX_INITIALIZER;

static struct slist *slist_of(uint64_t argument)
{
    if (argument == 0 || argument % sizeof(struct slist) != 0) {
        violation(RULE_ARGUMENT, "a list head at %p: it must be aligned to %zu bytes",
                  (void *)(uintptr_t)argument, sizeof(struct slist));
    }
    return (struct slist *)(uintptr_t)argument;
}

static ULONG slist_initialize(struct port *port, const uint64_t *a)
{
    (void)port;
    *slist_of(a[0]) = (struct slist){0};
    return STOR_STATUS_SUCCESS;
}

static ULONG slist_flush(struct port *port, const uint64_t *a)
{
    struct slist *list = slist_of(a[0]);

    (void)port;
    pthread_mutex_lock(&list_mutex);
    if (a[1] != 0) {
        *(SINGLE_LIST_ENTRY **)(uintptr_t)a[1] = list->first;
    }
    *list = (struct slist){0};
    pthread_mutex_unlock(&list_mutex);
    return STOR_STATUS_SUCCESS;
}

static ULONG slist_pop(struct port *port, const uint64_t *a)
{
    struct slist *list = slist_of(a[0]);
    SINGLE_LIST_ENTRY *entry;

    (void)port;
    pthread_mutex_lock(&list_mutex);
    entry = list->first;
    if (entry != NULL) {
        list->first = entry->Next;
        list->depth--;
    }
    pthread_mutex_unlock(&list_mutex);
    if (a[1] != 0) {
        *(SINGLE_LIST_ENTRY **)(uintptr_t)a[1] = entry;
    }
    return STOR_STATUS_SUCCESS;
}

static ULONG slist_push(struct port *port, const uint64_t *a)
{
    struct slist *list = slist_of(a[0]);
    SINGLE_LIST_ENTRY *entry = (void *)(uintptr_t)a[1], *before;

    (void)port;
    if (entry == NULL || a[1] % sizeof(struct slist) != 0) {
        violation(RULE_ARGUMENT, "a list entry at %p: it must be aligned to %zu bytes",
                  (void *)entry, sizeof(struct slist));
    }
    pthread_mutex_lock(&list_mutex);
    before = list->first;
    entry->Next = before;
    list->first = entry;
    list->depth++;
    pthread_mutex_unlock(&list_mutex);
    if (a[2] != 0) {
        *(SINGLE_LIST_ENTRY **)(uintptr_t)a[2] = before;
    }
    return STOR_STATUS_SUCCESS;
}

static ULONG slist_depth(struct port *port, const uint64_t *a)
{
    struct slist *list = slist_of(a[0]);

    (void)port;
    if (a[1] == 0) {
        return STOR_STATUS_INVALID_PARAMETER;
    }
    *(SHORT *)(uintptr_t)a[1] = (SHORT)list->depth;
    return STOR_STATUS_SUCCESS;
}

/* The interlocked list functions answer the entry that was first (last) before, NULL if none. */
static ULONG list_insert_head(struct port *port, const uint64_t *a)
{
    LIST_ENTRY *head = (void *)(uintptr_t)a[0], *entry = (void *)(uintptr_t)a[1];

    (void)port;
    pthread_mutex_lock(&list_mutex);
    if (a[2] != 0) {
        *(LIST_ENTRY **)(uintptr_t)a[2] = head->Flink == head ? NULL : head->Flink;
    }
    InsertHeadList(head, entry);
    pthread_mutex_unlock(&list_mutex);
    return STOR_STATUS_SUCCESS;
}

static ULONG list_insert_tail(struct port *port, const uint64_t *a)
{
    LIST_ENTRY *head = (void *)(uintptr_t)a[0], *entry = (void *)(uintptr_t)a[1];

    (void)port;
    pthread_mutex_lock(&list_mutex);
    if (a[2] != 0) {
        *(LIST_ENTRY **)(uintptr_t)a[2] = head->Blink == head ? NULL : head->Blink;
    }
    InsertTailList(head, entry);
    pthread_mutex_unlock(&list_mutex);
    return STOR_STATUS_SUCCESS;
}

static ULONG list_remove_head(struct port *port, const uint64_t *a)
{
    LIST_ENTRY *head = (void *)(uintptr_t)a[0], *entry = NULL;

    (void)port;
    pthread_mutex_lock(&list_mutex);
    if (head->Flink != head) {
        entry = RemoveHeadList(head);
    }
    pthread_mutex_unlock(&list_mutex);
    if (a[1] != 0) {
        *(LIST_ENTRY **)(uintptr_t)a[1] = entry;
    }
    return STOR_STATUS_SUCCESS;
}

static ULONG spin_lock_initialize(struct port *port, const uint64_t *a)
{
    (void)port;
    if (a[0] == 0) {
        return STOR_STATUS_INVALID_PARAMETER;
    }
    *(STOR_KSPIN_LOCK *)(uintptr_t)a[0] = 0;
    return STOR_STATUS_SUCCESS;
}

/* ---- the table ------------------------------------------------------------------------------- */

#define ANY      IRQL_HIGH
#define DEVICE   IRQL_DEVICE
#define DISPATCH IRQL_DISPATCH
#define PASSIVE  IRQL_PASSIVE

#define FUNCTION(code, name, since, arguments, irql, run) \
    [code] = {code, "StorPort" name, since, arguments, irql, run}

static const struct extended_function functions[] = {
    FUNCTION(0x00, "AllocatePool", 0x600, "www", DISPATCH, ext_allocate_pool),
    FUNCTION(0x01, "FreePool", 0x600, "w", DISPATCH, ext_free_pool),
    FUNCTION(0x02, "AllocateMdl", 0x600, "www", DISPATCH, ext_allocate_mdl),
    FUNCTION(0x03, "FreeMdl", 0x600, "w", DISPATCH, ext_free_mdl),
    FUNCTION(0x04, "BuildMdlForNonPagedPool", 0x600, "w", DISPATCH, ext_build_mdl),
    FUNCTION(0x05, "GetSystemAddress", 0x502, "ww", DISPATCH, ext_get_system_address),
    FUNCTION(0x06, "GetOriginalMdl", 0x600, "ww", DISPATCH, ext_get_original_mdl),
    FUNCTION(0x07, "CompleteServiceIrp", 0x600, "w", DISPATCH, not_supported),
    FUNCTION(0x08, "GetDeviceObjects", 0x600, "www", DISPATCH, get_device_objects),
    FUNCTION(0x09, "BuildScatterGatherList", 0x600, "wwwwwwww", DISPATCH, ext_build_sg_list),
    FUNCTION(0x0a, "PutScatterGatherList", 0x600, "ww", DISPATCH, ext_put_sg_list),
    FUNCTION(0x0b, "AcquireMSISpinLock", 0x600, "ww", DEVICE, ext_acquire_msi_lock),
    FUNCTION(0x0c, "ReleaseMSISpinLock", 0x600, "ww", DEVICE, ext_release_msi_lock),
    FUNCTION(0x0d, "GetMSIInfo", 0x600, "ww", ANY, ext_get_msi_info),
    FUNCTION(0x0e, "InitializePerfOpts", 0x600, "ww", DEVICE, ext_initialize_perf_opts),
    FUNCTION(0x0f, "GetStartIoPerfParams", 0x601, "ww", DEVICE, ext_get_start_io_perf_params),
    FUNCTION(0x10, "LogSystemEvent", 0x601, "ww", DEVICE, ext_log_system_event),
    FUNCTION(0x11, "GetCurrentProcessorNumber", 0x601, "w", DISPATCH, ext_get_processor_number),
    FUNCTION(0x12, "GetActiveGroupCount", 0x601, "w", DISPATCH, ext_get_group_count),
    FUNCTION(0x13, "GetGroupAffinity", 0x601, "ww", DISPATCH, ext_get_group_affinity),
    FUNCTION(0x14, "GetActiveNodeCount", 0x601, "w", DISPATCH, ext_get_node_count),
    FUNCTION(0x15, "GetNodeAffinity", 0x601, "ww", DISPATCH, ext_get_node_affinity),
    FUNCTION(0x16, "GetHighestNodeNumber", 0x601, "w", DISPATCH, ext_get_highest_node),
    FUNCTION(0x17, "GetLogicalProcessorRelationship", 0x601, "wwww", DISPATCH, not_supported),
    FUNCTION(0x18, "AllocateContiguousMemorySpecifyCacheNode", 0x601, "wqqqwww", PASSIVE,
             ext_allocate_contiguous),
    FUNCTION(0x19, "FreeContiguousMemorySpecifyCache", 0x601, "www", DISPATCH, ext_free_contiguous),
    FUNCTION(0x1a, "SetPowerSettingNotificationGuids", 0x602, "ww", ANY, accepted),
    FUNCTION(0x1b, "InvokeAcpiMethod", 0x602, "wwwwwww", PASSIVE, not_supported),
    FUNCTION(0x1c, "GetRequestInfo", 0x602, "ww", ANY, get_request_info),
    FUNCTION(0x1d, "InitializeWorker", 0x602, "w", DISPATCH, ext_initialize_worker),
    FUNCTION(0x1e, "QueueWorkItem", 0x602, "www", DISPATCH, ext_queue_work_item),
    FUNCTION(0x1f, "FreeWorker", 0x602, "w", DISPATCH, ext_free_worker),
    FUNCTION(0x20, "InitializeTimer", 0x602, "w", DISPATCH, ext_initialize_timer),
    FUNCTION(0x21, "RequestTimer", 0x602, "wwwqq", DEVICE, ext_request_timer),
    FUNCTION(0x22, "FreeTimer", 0x602, "w", DISPATCH, ext_free_timer),
    FUNCTION(0x23, "InitializeSListHead", 0x602, "w", DISPATCH, slist_initialize),
    FUNCTION(0x24, "InterlockedFlushSList", 0x602, "ww", DISPATCH, slist_flush),
    FUNCTION(0x25, "InterlockedPopEntrySList", 0x602, "ww", DISPATCH, slist_pop),
    FUNCTION(0x26, "InterlockedPushEntrySList", 0x602, "www", DISPATCH, slist_push),
    FUNCTION(0x27, "QueryDepthSList", 0x602, "ww", DISPATCH, slist_depth),
    FUNCTION(0x28, "GetActivityIdSrb", 0x602, "ww", ANY, get_activity_id),
    FUNCTION(0x29, "GetSystemPortNumber", 0x602, "w", DEVICE, get_system_port_number),
    FUNCTION(0x2a, "GetDataInBufferMdl", 0x602, "ww", ANY, ext_get_data_in),
    FUNCTION(0x2b, "GetDataInBufferSystemAddress", 0x602, "ww", DISPATCH, ext_get_data_in),
    FUNCTION(0x2c, "GetDataInBufferScatterGatherList", 0x602, "ww", ANY, ext_get_data_in),
    FUNCTION(0x2d, "MarkDumpMemory", 0x602, "www", ANY, accepted),
    FUNCTION(0x2e, "SetUnitAttributes", 0x602, "ww", ANY, accepted),
    FUNCTION(0x2f, "QueryPerformanceCounter", 0x602, "ww", ANY, ext_get_performance_counter),
    FUNCTION(0x30, "InitializePoFxPower", 0x602, "www", DISPATCH, not_supported),
    FUNCTION(0x31, "PoFxActivateComponent", 0x602, "wwww", DISPATCH, not_supported),
    FUNCTION(0x32, "PoFxIdleComponent", 0x602, "wwww", ANY, not_supported),
    FUNCTION(0x33, "PoFxSetComponentLatency", 0x602, "wwq", DISPATCH, not_supported),
    FUNCTION(0x34, "PoFxSetComponentResidency", 0x602, "wwq", DISPATCH, not_supported),
    FUNCTION(0x35, "PoFxPowerControl", 0x602, "wwwwwww", DISPATCH, not_supported),
    FUNCTION(0x36, "FlushDataBufferMdl", 0x602, "w", DISPATCH, flush_data_buffer),
    FUNCTION(0x37, "IsDeviceOperationAllowed", 0x603, "www", PASSIVE, device_operation_allowed),
    FUNCTION(0x38, "GetProcessorIndexFromNumber", 0x603, "ww", DISPATCH, ext_get_index_from_number),
    FUNCTION(0x39, "PoFxSetIdleTimeout", 0x602, "ww", DISPATCH, not_supported),
    FUNCTION(0x3a, "EtwEvent2 (8.1)", 0x603, "wwwqwwwwqwq", DISPATCH, ext_etw_2),
    FUNCTION(0x3b, "EtwEvent4 (8.1)", 0x603, "wwwqwwwwqwqwqwq", DISPATCH, ext_etw_4),
    FUNCTION(0x3c, "EtwEvent8 (8.1)", 0x603, "wwwqwwwwqwqwqwqwqwqwqwq", DISPATCH, ext_etw_8),
    FUNCTION(0x3d, "IsCurrentOsInstallationUpgrade", 0x603, "w", PASSIVE, os_upgrade),
    FUNCTION(0x3e, "RegistryReadAdapterKey", 0xa00, "wwwww", PASSIVE, ext_registry_adapter_key),
    FUNCTION(0x3f, "RegistryWriteAdapterKey", 0xa00, "wwwww", PASSIVE, ext_registry_adapter_key),
    FUNCTION(0x40, "SetAdapterBusType", 0xa00, "w", DEVICE, accepted),
    FUNCTION(0x41, "PoFxRegisterPerfStates", 0xa00, "wwqww", DISPATCH, not_supported),
    FUNCTION(0x42, "PoFxSetPerfState", 0xa00, "wwwwww", DISPATCH, not_supported),
    FUNCTION(0x43, "GetD3ColdSupport", 0xa00, "ww", DISPATCH, d3_cold_support),
    FUNCTION(0x44, "InitializeRpmb", 0xa00, "ww", DISPATCH, not_supported),
    FUNCTION(0x45, "AllocateHostMemoryBuffer", 0xa00, "wwqwqqqww", PASSIVE, not_supported),
    FUNCTION(0x46, "FreeHostMemoryBuffer", 0xa00, "ww", PASSIVE, not_supported),
    FUNCTION(0x47, "PropagateIrpExtension", 0xa00, "www", DISPATCH, accepted),
    FUNCTION(0x48, "InterlockedInsertHeadList", 0xa00, "wwww", ANY, list_insert_head),
    FUNCTION(0x49, "InterlockedInsertTailList", 0xa00, "wwww", ANY, list_insert_tail),
    FUNCTION(0x4a, "InterlockedRemoveHeadList", 0xa00, "www", ANY, list_remove_head),
    FUNCTION(0x4b, "InitializeSpinlock", 0xa00, "w", ANY, spin_lock_initialize),
    FUNCTION(0x4c, "GetPfns", 0xa00, "wwwww", DISPATCH, ext_get_pfns),
    FUNCTION(0x4d, "InitializeCryptoEngine", 0xa00, "w", DISPATCH, not_supported),
    FUNCTION(0x4e, "GetRequestCryptoInfo", 0xa00, "ww", DISPATCH, not_supported),
    FUNCTION(0x4f, "LogTelemetry", 0xa00, "ww", ANY, ext_telemetry),
    FUNCTION(0x50, "UpdateAdapterMaxIO", 0xa00, "w", DISPATCH, ext_update_max_io),
    FUNCTION(0x51, "DelayExecution", 0xa00, "w", PASSIVE, ext_delay_execution),
    FUNCTION(0x52, "AllocateDmaMemory", 0xa00, "wqqqwwww", PASSIVE, ext_allocate_dma),
    FUNCTION(0x53, "FreeDmaMemory", 0xa00, "wwwq", PASSIVE, ext_free_dma),
    FUNCTION(0x54, "UpdatePortConfigMaxIOInfo", 0xa00, "ww", DISPATCH, ext_update_max_io_info),
    FUNCTION(0x55, "EtwChannelEvent2", 0xa00, "wwwwqwwwwqwq", DISPATCH, ext_etw_channel_2),
    FUNCTION(0x56, "EtwChannelEvent4", 0xa00, "wwwwqwwwwqwqwqwq", DISPATCH, ext_etw_channel_4),
    FUNCTION(0x57, "EtwChannelEvent8", 0xa00, "wwwwqwwwwqwqwqwqwqwqwqwq", DISPATCH,
             ext_etw_channel_8),
    FUNCTION(0x58, "InitializeHighResolutionTimer", 0xa00, "www", DISPATCH,
             ext_initialize_hr_timer),
    FUNCTION(0x59, "RequestHighResolutionTimer", 0xa00, "wqqww", DISPATCH, ext_request_hr_timer),
    FUNCTION(0x5a, "CancelHighResolutionTimer", 0xa00, "www", DISPATCH, ext_cancel_hr_timer),
    FUNCTION(0x5b, "FreeHighResolutionTimer", 0xa00, "wwwww", DISPATCH, ext_free_hr_timer),
    FUNCTION(0x5c, "GetCurrentProcessorIndex", 0xa00, "w", ANY, ext_get_processor_index),
    FUNCTION(0x5d, "AcquireSpinLockEx", 0xa00, "www", DEVICE, ext_acquire_spin_lock),
    FUNCTION(0x5e, "GetProcessorCount", 0xa00, "w", ANY, ext_get_processor_count),
};

#define FUNCTIONS (sizeof(functions) / sizeof(functions[0]))

static struct export_site function_sites[FUNCTIONS];

const struct extended_function *extended_function(uint32_t code)
{
    return code < FUNCTIONS ? &functions[code] : NULL;
}

ULONG NTAPIV sp_extended_function(ULONG code, PVOID extension, ...)
{
    const struct extended_function *function = extended_function(code);
    uint64_t arguments[EXTENDED_ARGUMENTS] = {0};
    ULONG status = STOR_STATUS_NOT_IMPLEMENTED;
    struct export_site *called;
    struct port *port;
    struct arguments list;

    rule_checked(RULE_UNKNOWN_CODE);
    if (function == NULL) {
        violation(RULE_UNKNOWN_CODE, "StorPortExtendedFunction with the unknown code 0x%x", code);
    }
    called = &function_sites[code];
    called->name = function->name;
    called->highest_irql = function->highest_irql;
    port = export_enter(called, extension, thunk_caller(__builtin_return_address(0)));
    ARGUMENTS_START(list, extension);
    arguments_read(&list, function->arguments, arguments);
    if (port->options.windows >= function->since) {
        status = function->run(port, arguments);
    }
    export_leave();
    return status;
}
