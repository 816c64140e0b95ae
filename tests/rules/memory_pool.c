/* SPDX-License-Identifier: BSD-3-Clause */
/* The disk's memory, in pool or, for a dump, in the image: see miniport.h. */
#include "miniport.h"

static UCHAR DumpDisk[DISK_BLOCKS * BLOCK_BYTES];

const ULONG DiskExtensionBytes = 0;

BOOLEAN DiskAllocate(PEXTENSION Extension)
{
    if (Extension->Dump) {
        Extension->Disk = DumpDisk;
        return TRUE;
    }
    return StorPortAllocatePool(Extension, DISK_BLOCKS * BLOCK_BYTES, POOL_TAG,
                                (PVOID *)&Extension->Disk) == STOR_STATUS_SUCCESS;
}

VOID DiskFree(PEXTENSION Extension)
{
    StorPortFreePool(Extension, Extension->Disk);
}
