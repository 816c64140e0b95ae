/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Performance options and processors: StorPortInitializePerfOpts, StorPortGetStartIoPerfParams and
 * the queries of groups, nodes and processors (one node here, of the first group).
 *
 * Which Windows knows which version of PERF_CONFIGURATION_DATA and which flags (headers and
 * reference): 6.1 versions 2 and 3 (DPC redirection, message ranges, locality, completion during
 * StartIo); 6.2 version 4 adds concurrent channels' real concurrency and redirection to the
 * current processor; 10 version 5 adds NO_SGL. An unknown flag or version fails the whole call.
 * Windows 7 offers concurrent channels too, and "prior to Windows 8, miniports must not set this flag"
 * (reference of PERF_CONFIGURATION_DATA): its query does not say who may.
 */
#include "storport/internal.h"
#include "storport/exports.h"

#include "machine/cpu_groups.h"

#include <string.h>

struct perf_level {
    uint16_t windows;
    uint32_t newest_version;
    uint32_t flags;
};

static const struct perf_level perf_levels[] = {
    {WINDOWS_VISTA, STOR_PERF_VERSION_2, STOR_PERF_DPC_REDIRECTION},
    {WINDOWS_7, STOR_PERF_VERSION_3,
     STOR_PERF_DPC_REDIRECTION | STOR_PERF_CONCURRENT_CHANNELS |
         STOR_PERF_INTERRUPT_MESSAGE_RANGES | STOR_PERF_ADV_CONFIG_LOCALITY |
         STOR_PERF_OPTIMIZE_FOR_COMPLETION_DURING_STARTIO},
    {WINDOWS_8, STOR_PERF_VERSION_4,
     STOR_PERF_DPC_REDIRECTION | STOR_PERF_CONCURRENT_CHANNELS |
         STOR_PERF_INTERRUPT_MESSAGE_RANGES | STOR_PERF_ADV_CONFIG_LOCALITY |
         STOR_PERF_OPTIMIZE_FOR_COMPLETION_DURING_STARTIO | STOR_PERF_DPC_REDIRECTION_CURRENT_CPU},
    {WINDOWS_10, STOR_PERF_VERSION_5,
     STOR_PERF_DPC_REDIRECTION | STOR_PERF_CONCURRENT_CHANNELS |
         STOR_PERF_INTERRUPT_MESSAGE_RANGES | STOR_PERF_ADV_CONFIG_LOCALITY |
         STOR_PERF_OPTIMIZE_FOR_COMPLETION_DURING_STARTIO | STOR_PERF_DPC_REDIRECTION_CURRENT_CPU |
         STOR_PERF_NO_SGL},
};

/* Fields that each version of the structure has, in bytes. */
static uint32_t perf_size(uint32_t version)
{
    return version >= STOR_PERF_VERSION_3 ? sizeof(PERF_CONFIGURATION_DATA)
                                          : offsetof(PERF_CONFIGURATION_DATA, MessageTargets);
}

static const struct perf_level *level_of(uint16_t windows)
{
    const struct perf_level *found = &perf_levels[0];

    for (size_t i = 0; i < sizeof(perf_levels) / sizeof(perf_levels[0]); i++) {
        if (windows >= perf_levels[i].windows) {
            found = &perf_levels[i];
        }
    }
    return found;
}

/* Flags that this adapter can have: message options only with messages. */
static uint32_t flags_here(const struct port *port, const struct perf_level *level)
{
    uint32_t flags = level->flags;

    if (port->storport->message_count == 0) {
        flags &= ~(uint32_t)(STOR_PERF_INTERRUPT_MESSAGE_RANGES | STOR_PERF_ADV_CONFIG_LOCALITY);
    }
    return flags;
}

static ULONG check_wanted(const struct port *port, const PERF_CONFIGURATION_DATA *data,
                          uint32_t supported)
{
    if ((data->Flags & ~supported) != 0) {
        return STOR_STATUS_UNSUCCESSFUL;
    }
    if ((data->Flags & STOR_PERF_CONCURRENT_CHANNELS) != 0 && port->options.windows < WINDOWS_8) {
        violation(RULE_ARGUMENT, "StorPortInitializePerfOpts with STOR_PERF_CONCURRENT_CHANNELS "
                                 "before Windows 8: miniports must not set it there");
    }
    if ((data->Flags & STOR_PERF_INTERRUPT_MESSAGE_RANGES) != 0) {
        if ((data->Flags & STOR_PERF_DPC_REDIRECTION) == 0) {
            return STOR_STATUS_UNSUCCESSFUL;
        }
        if (data->FirstRedirectionMessageNumber > data->LastRedirectionMessageNumber ||
            data->LastRedirectionMessageNumber >= port->storport->message_count) {
            return STOR_STATUS_INVALID_PARAMETER;
        }
    }
    return STOR_STATUS_SUCCESS;
}

static void tell_targets(struct port *port, const PERF_CONFIGURATION_DATA *data)
{
    if ((data->Flags & STOR_PERF_ADV_CONFIG_LOCALITY) == 0 || data->Version < STOR_PERF_VERSION_3 ||
        data->MessageTargets == NULL) {
        return;
    }
    for (unsigned i = 0; i < port->storport->message_count; i++) {
        memset(&data->MessageTargets[i], 0, sizeof(data->MessageTargets[i]));
        data->MessageTargets[i].Group = (USHORT)cpu_group_of(port->storport->messages[i].processor);
        data->MessageTargets[i].Mask =
            (KAFFINITY)1 << cpu_number_in_group(port->storport->messages[i].processor);
    }
}

static void take_over(struct port *port, const PERF_CONFIGURATION_DATA *data)
{
    port->storport->perf_flags = data->Flags;
    port->storport->concurrent_channels =
        (data->Flags & STOR_PERF_CONCURRENT_CHANNELS) != 0 ? data->ConcurrentChannels : 0;
    port->storport->first_message = data->FirstRedirectionMessageNumber;
    port->storport->last_message = data->LastRedirectionMessageNumber;
    if ((data->Flags & STOR_PERF_INTERRUPT_MESSAGE_RANGES) != 0) {
        /* Messages of the range are spread over the processors. */
        for (unsigned i = port->storport->first_message; i <= port->storport->last_message; i++) {
            port->storport->messages[i].processor =
                (i - port->storport->first_message) % message_processors();
        }
    }
    tell_targets(port, data);
}

ULONG ext_initialize_perf_opts(struct port *port, const uint64_t *a)
{
    bool query = (UCHAR)a[0] != 0;
    PERF_CONFIGURATION_DATA *data = (void *)(uintptr_t)a[1];
    const struct perf_level *level = level_of(port->options.windows);
    ULONG status;

    if (data == NULL) {
        return STOR_STATUS_INVALID_PARAMETER;
    }
    if (!entry_inside(ENTRY_INITIALIZE) && !entry_inside(ENTRY_PASSIVE_INITIALIZE)) {
        violation(RULE_PHASE, "StorPortInitializePerfOpts called outside of HwInitialize and "
                              "passive initialization");
    }
    if (data->Version < STOR_PERF_VERSION_2 || data->Version > level->newest_version ||
        data->Size < perf_size(data->Version)) {
        return STOR_STATUS_UNSUCCESSFUL;
    }
    if (query) {
        data->Flags = flags_here(port, level);
        if ((data->Flags & STOR_PERF_CONCURRENT_CHANNELS) != 0) {
            data->ConcurrentChannels = cpu_count();
        }
        return STOR_STATUS_SUCCESS;
    }
    status = check_wanted(port, data, flags_here(port, level));
    if (status == STOR_STATUS_SUCCESS) {
        take_over(port, data);
    }
    return status;
}

/* The message of the range that interrupts this processor, which is what the number is for; any of
 * them if none does. */
static uint32_t message_for(const struct port *port, uint32_t processor)
{
    uint32_t first = port->storport->first_message, last = port->storport->last_message;

    for (uint32_t number = first; number <= last && number < port->storport->message_count;
         number++) {
        if (port->storport->messages[number].processor == processor) {
            return number;
        }
    }
    return first + processor % (last - first + 1);
}

ULONG ext_get_start_io_perf_params(struct port *port, const uint64_t *a)
{
    struct request *request =
        request_of(port, (void *)(uintptr_t)a[0], "StorPortGetStartIoPerfParams");
    STARTIO_PERFORMANCE_PARAMETERS *data = (void *)(uintptr_t)a[1];
    uint32_t here = cpu_current() < 0 ? 0 : (uint32_t)cpu_current();

    (void)request;
    if (data == NULL) {
        return STOR_STATUS_INVALID_PARAMETER;
    }
    if (!entry_inside(ENTRY_START_IO) && !entry_inside(ENTRY_BUILD_IO)) {
        violation(RULE_PHASE, "StorPortGetStartIoPerfParams called outside of HwStartIo");
    }
    /* The miniport sets the size only (reference); what it left elsewhere is not looked at. */
    if (data->Size < sizeof(*data)) {
        return STOR_STATUS_INVALID_PARAMETER;
    }
    if (port->storport->perf_flags == 0) {
        return STOR_STATUS_UNSUCCESSFUL;
    }
    data->Version = 1;
    data->MessageNumber = 0;
    data->ChannelNumber = 0;
    if ((port->storport->perf_flags & STOR_PERF_INTERRUPT_MESSAGE_RANGES) != 0) {
        data->MessageNumber = message_for(port, here);
    }
    if (port->storport->concurrent_channels > 1) {
        data->ChannelNumber = here % port->storport->concurrent_channels;
    }
    return STOR_STATUS_SUCCESS;
}

/* ---- processors ------------------------------------------------------------------------------ */

static uint32_t here(void)
{
    return cpu_current() < 0 ? 0 : (uint32_t)cpu_current();
}

ULONG ext_get_processor_number(struct port *port, const uint64_t *a)
{
    PROCESSOR_NUMBER *number = (void *)(uintptr_t)a[0];

    (void)port;
    if (number == NULL) {
        return STOR_STATUS_INVALID_PARAMETER;
    }
    *number = (PROCESSOR_NUMBER){.Group = (USHORT)cpu_group_of(here()),
                                 .Number = (UCHAR)cpu_number_in_group(here())};
    return STOR_STATUS_SUCCESS;
}

ULONG ext_get_processor_index(struct port *port, const uint64_t *a)
{
    (void)port;
    if (a[0] == 0) {
        return STOR_STATUS_INVALID_PARAMETER;
    }
    *(ULONG *)(uintptr_t)a[0] = here();
    return STOR_STATUS_SUCCESS;
}

ULONG ext_get_processor_count(struct port *port, const uint64_t *a)
{
    (void)port;
    if (a[0] == 0) {
        return STOR_STATUS_INVALID_PARAMETER;
    }
    *(ULONG *)(uintptr_t)a[0] = cpu_count();
    return STOR_STATUS_SUCCESS;
}

ULONG ext_get_index_from_number(struct port *port, const uint64_t *a)
{
    const PROCESSOR_NUMBER *number = (const void *)(uintptr_t)a[0];
    uint32_t index;

    (void)port;
    if (number == NULL || a[1] == 0) {
        return STOR_STATUS_INVALID_PARAMETER;
    }
    if (!cpu_from_group(number->Group, number->Number, &index)) {
        return STOR_STATUS_UNSUCCESSFUL;
    }
    *(ULONG *)(uintptr_t)a[1] = index;
    return STOR_STATUS_SUCCESS;
}

ULONG ext_get_group_count(struct port *port, const uint64_t *a)
{
    (void)port;
    if (a[0] == 0) {
        return STOR_STATUS_INVALID_PARAMETER;
    }
    *(USHORT *)(uintptr_t)a[0] = (USHORT)cpu_group_count();
    return STOR_STATUS_SUCCESS;
}

ULONG ext_get_group_affinity(struct port *port, const uint64_t *a)
{
    (void)port;
    if (a[1] == 0) {
        return STOR_STATUS_INVALID_PARAMETER;
    }
    *(KAFFINITY *)(uintptr_t)a[1] = cpu_group_mask((USHORT)a[0]);
    return STOR_STATUS_SUCCESS;
}

ULONG ext_get_node_count(struct port *port, const uint64_t *a)
{
    (void)port;
    if (a[0] == 0) {
        return STOR_STATUS_INVALID_PARAMETER;
    }
    *(ULONG *)(uintptr_t)a[0] = 1;
    return STOR_STATUS_SUCCESS;
}

ULONG ext_get_highest_node(struct port *port, const uint64_t *a)
{
    (void)port;
    if (a[0] == 0) {
        return STOR_STATUS_INVALID_PARAMETER;
    }
    *(ULONG *)(uintptr_t)a[0] = 0;
    return STOR_STATUS_SUCCESS;
}

ULONG ext_get_node_affinity(struct port *port, const uint64_t *a)
{
    GROUP_AFFINITY *affinity = (void *)(uintptr_t)a[1];

    (void)port;
    if (affinity == NULL) {
        return STOR_STATUS_INVALID_PARAMETER;
    }
    if ((uint32_t)a[0] != 0) {
        return STOR_STATUS_UNSUCCESSFUL;
    }
    *affinity = (GROUP_AFFINITY){.Mask = cpu_group_mask(0)};
    return STOR_STATUS_SUCCESS;
}

ULONG ext_get_performance_counter(struct port *port, const uint64_t *a)
{
    LARGE_INTEGER *frequency = (void *)(uintptr_t)a[0], *counter = (void *)(uintptr_t)a[1];

    (void)port;
    if (frequency != NULL) {
        frequency->QuadPart = 10000000;
    }
    if (counter == NULL) {
        return STOR_STATUS_INVALID_PARAMETER;
    }
    counter->QuadPart = (LONGLONG)clock_now() * 10;
    return STOR_STATUS_SUCCESS;
}

ULONG ext_update_max_io(struct port *port, const uint64_t *a)
{
    if ((uint32_t)a[0] == 0) {
        return STOR_STATUS_INVALID_PARAMETER;
    }
    pthread_mutex_lock(&port->mutex);
    port->max_number_of_io = (uint32_t)a[0];
    pthread_mutex_unlock(&port->mutex);
    requests_admit(port);
    return STOR_STATUS_SUCCESS;
}

ULONG ext_update_max_io_info(struct port *port, const uint64_t *a)
{
    if ((uint32_t)a[0] == 0 || (uint32_t)a[1] == 0) {
        return STOR_STATUS_INVALID_PARAMETER;
    }
    pthread_mutex_lock(&port->mutex);
    port->max_number_of_io = (uint32_t)a[0];
    port->storport->max_ios_per_lun = (uint32_t)a[1];
    pthread_mutex_unlock(&port->mutex);
    requests_admit(port);
    return STOR_STATUS_SUCCESS;
}
