/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What an SRB asks for: from the port driver's request to an answer, or to a request for the device.
 */
#ifndef VIRTIO_STORE_SRB_H
#define VIRTIO_STORE_SRB_H

#include "virtio_store.h"

/* TRUE if an SRB names the one unit that exists. Any IRQL. */
FORCEINLINE BOOLEAN SrbIsForUnit(PVOID Srb)
{
    return (SrbGetPathId(Srb) | SrbGetTargetId(Srb) | SrbGetLun(Srb)) == 0;
}

/*
 * Understands an SRB, legacy or extended, and answers it where the device has no part in it.
 * TRUE: its extension is filled, hand it to SrbStart. FALSE: it has been completed.
 * IRQL <= DISPATCH_LEVEL, no lock; runs on several processors at once.
 */
BOOLEAN SrbBuild(PADAPTER_EXTENSION Adapter, PVOID Srb);

/* TRUE. Starts an SRB for which SrbBuild said TRUE. It is completed before this returns (a reset) or by
 * its queue. DISPATCH_LEVEL; runs on several processors at once. */
BOOLEAN SrbStart(PADAPTER_EXTENSION Adapter, PVOID Srb);

#endif
