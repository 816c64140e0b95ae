/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What programs and Windows ask of the driver itself, beside SCSI: SRB_FUNCTION_IO_CONTROL.
 *
 *     signature    control code                     answer
 *     "viostor"    VIOSTOR_CONTROL_COUNTERS         the driver's counters (viostor_control.h)
 *     "FIRMWARE"   IOCTL_SCSI_MINIPORT_FIRMWARE     one firmware, which cannot be updated from here
 *
 * Everything else (SMART, hybrid disks, temperatures, ...) the driver does not know, which is how a disk
 * without these answers.
 */
#ifndef VIRTIO_STORE_CONTROL_H
#define VIRTIO_STORE_CONTROL_H

#include "virtio_store.h"

/*
 * Answers an SRB whose function is SRB_FUNCTION_IO_CONTROL: fills its buffer, a copy that the port
 * driver keeps and that nobody changes meanwhile, and sets its SRB status. What the request means
 * for its sender stands in SRB_IO_CONTROL.ReturnCode; SRB_STATUS_INVALID_REQUEST and no data where it is
 * not known, or no request at all. The caller completes it. IRQL <= DISPATCH_LEVEL, no lock.
 */
VOID ControlAnswer(PADAPTER_EXTENSION Adapter, PVOID Srb);

#endif
