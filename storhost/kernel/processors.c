/* SPDX-License-Identifier: BSD-3-Clause */
/* How many processors there are and which one runs: one group, numbers as the bench counts. */
#include "kernel/kernel_internal.h"

#define ALL_GROUPS 0xffff

static ULONG_PTR all_processors(void)
{
    return cpu_count() >= 64 ? ~(ULONG_PTR)0 : ((ULONG_PTR)1 << cpu_count()) - 1;
}

static ULONG current(void)
{
    return cpu_current() >= 0 ? (ULONG)cpu_current() : 0;
}

static ULONG_PTR NTAPI active_processors(VOID)
{
    return all_processors();
}

static ULONG NTAPI active_count(ULONG_PTR *processors)
{
    SERVES("KeQueryActiveProcessorCount");

    if (processors != NULL) {
        *processors = all_processors();
    }
    return cpu_count();
}

static ULONG NTAPI count_in_group(USHORT group)
{
    return group == 0 || group == ALL_GROUPS ? cpu_count() : 0;
}

static ULONG NTAPI maximum_count(VOID)
{
    return cpu_count();
}

static USHORT NTAPI group_count(VOID)
{
    return 1;
}

static ULONG_PTR NTAPI group_affinity(USHORT group)
{
    return group == 0 ? all_processors() : 0;
}

static ULONG NTAPI current_number_ex(PROCESSOR_NUMBER *number)
{
    SERVES("KeGetCurrentProcessorNumberEx");

    if (number != NULL) {
        number->Group = 0;
        number->Number = (UCHAR)current();
        number->Reserved = 0;
    }
    return current();
}

static ULONG NTAPI index_from_number(const PROCESSOR_NUMBER *number)
{
    enum {
        INVALID_INDEX = -1
    };
    SERVES("KeGetProcessorIndexFromNumber");

    return number->Group == 0 && number->Number < cpu_count() ? number->Number
                                                              : (ULONG)INVALID_INDEX;
}

static NTSTATUS NTAPI number_from_index(ULONG index, PROCESSOR_NUMBER *number)
{
    SERVES("KeGetProcessorNumberFromIndex");

    if (index >= cpu_count()) {
        return STATUS_INVALID_PARAMETER;
    }
    number->Group = 0;
    number->Number = (UCHAR)index;
    number->Reserved = 0;
    return STATUS_SUCCESS;
}

static USHORT NTAPI highest_node(VOID)
{
    return 0;
}

static USHORT NTAPI current_node(VOID)
{
    return 0;
}

static VOID NTAPI node_affinity(USHORT node, GROUP_AFFINITY *affinity, USHORT *count)
{
    SERVES("KeQueryNodeActiveAffinity");

    if (affinity != NULL) {
        *affinity = (GROUP_AFFINITY){.Mask = node == 0 ? all_processors() : 0};
    }
    if (count != NULL) {
        *count = (USHORT)(node == 0 ? cpu_count() : 0);
    }
}

static const struct kernel_export exports[] = {
    KERNEL_EXPORT(KeQueryActiveProcessors, active_processors),
    KERNEL_EXPORT(KeQueryActiveProcessorCount, active_count),
    KERNEL_EXPORT(KeQueryActiveProcessorCountEx, count_in_group),
    KERNEL_EXPORT(KeQueryMaximumProcessorCount, maximum_count),
    KERNEL_EXPORT(KeQueryMaximumProcessorCountEx, count_in_group),
    KERNEL_EXPORT(KeQueryActiveGroupCount, group_count),
    KERNEL_EXPORT(KeQueryMaximumGroupCount, group_count),
    KERNEL_EXPORT(KeQueryGroupAffinity, group_affinity),
    KERNEL_EXPORT(KeGetCurrentProcessorNumberEx, current_number_ex),
    KERNEL_EXPORT(KeGetProcessorIndexFromNumber, index_from_number),
    KERNEL_EXPORT(KeGetProcessorNumberFromIndex, number_from_index),
    KERNEL_EXPORT(KeQueryHighestNodeNumber, highest_node),
    KERNEL_EXPORT(KeGetCurrentNodeNumber, current_node),
    KERNEL_EXPORT(KeQueryNodeActiveAffinity, node_affinity),
};

KERNEL_TABLE(kernel_processors, exports);
