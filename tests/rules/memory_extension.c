/* SPDX-License-Identifier: BSD-3-Clause */
/* The disk's memory, behind the device extension: see miniport.h. */
#include "miniport.h"

const ULONG DiskExtensionBytes = DISK_BLOCKS * BLOCK_BYTES;

BOOLEAN DiskAllocate(PEXTENSION Extension)
{
    Extension->Disk = (PUCHAR)(Extension + 1);
    return TRUE;
}

VOID DiskFree(PEXTENSION Extension)
{
    UNREFERENCED_PARAMETER(Extension);
}
