/* SPDX-License-Identifier: BSD-3-Clause */
/* How an I/O control code is composed, and the device types that storage uses. */
#ifndef _DEVIOCTL_
#define _DEVIOCTL_

#define CTL_CODE(DeviceType, Function, Method, Access) \
    (((DeviceType) << 16) | ((Access) << 14) | ((Function) << 2) | (Method))

#define FILE_DEVICE_CONTROLLER   0x00000004
#define FILE_DEVICE_DISK         0x00000007
#define FILE_DEVICE_SCSI         0x0000001b
#define FILE_DEVICE_MASS_STORAGE 0x0000002d

#define METHOD_BUFFERED   0
#define METHOD_IN_DIRECT  1
#define METHOD_OUT_DIRECT 2
#define METHOD_NEITHER    3

#define FILE_ANY_ACCESS   0
#define FILE_READ_ACCESS  1
#define FILE_WRITE_ACCESS 2

#endif
