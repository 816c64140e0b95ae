/* SPDX-License-Identifier: BSD-3-Clause */
/* EXPECT: nothing */
/* Asks for contiguous memory by a function with 64-bit arguments among pointers, which on x86 take
 * another number of slots, and stops itself if the answer is not what was asked for. */
#include "miniport.h"

#define BYTES   8192
#define HIGHEST 0x3ffffff /* inclusive */

BOOLEAN BreakRule(PLACE Where, PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    PHYSICAL_ADDRESS Lowest = {.QuadPart = 0}, Highest = {.QuadPart = HIGHEST};
    PHYSICAL_ADDRESS Boundary = {.QuadPart = 0}, Address;
    PVOID Buffer = NULL;
    ULONG Length = 0;

    UNREFERENCED_PARAMETER(Srb);
    if (Where != PlaceConfiguration) {
        return FALSE;
    }
    if (StorPortAllocateContiguousMemorySpecifyCacheNode(Extension, BYTES, Lowest, Highest,
                                                         Boundary, MmCached, MM_ANY_NODE_OK,
                                                         &Buffer) != STOR_STATUS_SUCCESS) {
        __builtin_trap();
    }
    Address = StorPortGetPhysicalAddress(Extension, NULL, Buffer, &Length);
    /* "The value returned for Length should be ignored" (its reference page). */
    if (Length == 0 || Address.QuadPart > HIGHEST + 1 - BYTES) {
        __builtin_trap();
    }
    StorPortFreeContiguousMemorySpecifyCache(Extension, Buffer, BYTES, MmCached);
    return FALSE;
}
