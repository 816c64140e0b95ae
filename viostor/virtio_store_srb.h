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

/* SrbBuild (virtio_store_short_way.h) of anything, the long way. */
BOOLEAN SrbBuildAny(PADAPTER_EXTENSION Adapter, PVOID Srb);

/* SrbStart of anything; Request is the extension of Srb. Where StartIo holds the lock of the only queue
 * it has failed QueueTrySubmitOne. */
BOOLEAN SrbStartAny(PADAPTER_EXTENSION Adapter, PVOID Srb, PSRB_EXTENSION Request);

#endif
