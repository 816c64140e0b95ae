/* SPDX-License-Identifier: BSD-3-Clause */
/* The disk's memory, in pool: see miniport.h. */
#include "miniport.h"

const ULONG DiskExtensionBytes = 0;

BOOLEAN DiskAllocate(PEXTENSION Extension)
{
    return StorPortAllocatePool(Extension, DISK_BLOCKS * BLOCK_BYTES, POOL_TAG,
                                (PVOID *)&Extension->Disk) == STOR_STATUS_SUCCESS;
}

VOID DiskFree(PEXTENSION Extension)
{
    StorPortFreePool(Extension, Extension->Disk);
}
