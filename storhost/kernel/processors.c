/* SPDX-License-Identifier: BSD-3-Clause */
/* How many processors there are and which one runs. What knows no groups speaks of group 0, where there
 * are several; indices are as the bench counts. */
#include "kernel/kernel_internal.h"
#include "machine/cpu_groups.h"

#define ALL_GROUPS 0xffff

static ULONG current(void)
{
    return cpu_current() >= 0 ? (ULONG)cpu_current() : 0;
}

static ULONG members(USHORT group)
{
    return (ULONG)__builtin_popcountll(cpu_group_mask(group));
}

static ULONG_PTR NTAPI active_processors(VOID)
{
    return cpu_group_mask(0);
}

static ULONG NTAPI active_count(ULONG_PTR *processors)
{
    SERVES("KeQueryActiveProcessorCount");

    if (processors != NULL) {
        *processors = cpu_group_mask(0);
    }
    return members(0);
}

static ULONG NTAPI count_in_group(USHORT group)
{
    return group == ALL_GROUPS ? cpu_count() : members(group);
}

static ULONG NTAPI maximum_count(VOID)
{
    return members(0);
}

static USHORT NTAPI group_count(VOID)
{
    return (USHORT)cpu_group_count();
}

static ULONG_PTR NTAPI group_affinity(USHORT group)
{
    return cpu_group_mask(group);
}

static ULONG NTAPI current_number_ex(PROCESSOR_NUMBER *number)
{
    SERVES("KeGetCurrentProcessorNumberEx");

    if (number != NULL) {
        number->Group = (USHORT)cpu_group_of(current());
        number->Number = (UCHAR)cpu_number_in_group(current());
        number->Reserved = 0;
    }
    return current();
}

static ULONG NTAPI index_from_number(const PROCESSOR_NUMBER *number)
{
    enum {
        INVALID_INDEX = -1
    };
    uint32_t index;
    SERVES("KeGetProcessorIndexFromNumber");

    return cpu_from_group(number->Group, number->Number, &index) ? index : (ULONG)INVALID_INDEX;
}

static NTSTATUS NTAPI number_from_index(ULONG index, PROCESSOR_NUMBER *number)
{
    SERVES("KeGetProcessorNumberFromIndex");

    if (index >= cpu_count()) {
        return STATUS_INVALID_PARAMETER;
    }
    number->Group = (USHORT)cpu_group_of(index);
    number->Number = (UCHAR)cpu_number_in_group(index);
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
        *affinity = (GROUP_AFFINITY){.Mask = node == 0 ? cpu_group_mask(0) : 0};
    }
    if (count != NULL) {
        *count = (USHORT)(node == 0 ? members(0) : 0);
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
