/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * I/O controls between storage class drivers, applications and miniports, as
 * far as they reach a miniport: SRB_FUNCTION_IO_CONTROL and what it carries.
 */
#ifndef _NTDDSCSIH_
#define _NTDDSCSIH_

#include <ntdef.h>
#include <devioctl.h>

#define IOCTL_SCSI_BASE                    FILE_DEVICE_CONTROLLER
#define IOCTL_SCSI_MINIPORT                0x4d008
#define IOCTL_SCSI_MINIPORT_NVCACHE        0x1b0600
#define IOCTL_SCSI_MINIPORT_HYBRID         0x1b0620
#define IOCTL_SCSI_MINIPORT_FIRMWARE       0x1b0780
#define IOCTL_SCSI_MINIPORT_DIAGNOSTIC     0x1b0900
#define IOCTL_MINIPORT_PROCESS_SERVICE_IRP 0x4d038

/* Control codes in SRB_IO_CONTROL. */
#define IOCTL_SCSI_MINIPORT_SMART_VERSION               0x1b0500
#define IOCTL_SCSI_MINIPORT_IDENTIFY                    0x1b0501
#define IOCTL_SCSI_MINIPORT_READ_SMART_ATTRIBS          0x1b0502
#define IOCTL_SCSI_MINIPORT_READ_SMART_THRESHOLDS       0x1b0503
#define IOCTL_SCSI_MINIPORT_ENABLE_SMART                0x1b0504
#define IOCTL_SCSI_MINIPORT_DISABLE_SMART               0x1b0505
#define IOCTL_SCSI_MINIPORT_RETURN_STATUS               0x1b0506
#define IOCTL_SCSI_MINIPORT_ENABLE_DISABLE_AUTOSAVE     0x1b0507
#define IOCTL_SCSI_MINIPORT_SAVE_ATTRIBUTE_VALUES       0x1b0508
#define IOCTL_SCSI_MINIPORT_EXECUTE_OFFLINE_DIAGS       0x1b0509
#define IOCTL_SCSI_MINIPORT_ENABLE_DISABLE_AUTO_OFFLINE 0x1b050a
#define IOCTL_SCSI_MINIPORT_READ_SMART_LOG              0x1b050b
#define IOCTL_SCSI_MINIPORT_WRITE_SMART_LOG             0x1b050c
#define IOCTL_SCSI_MINIPORT_DSM                         0x1b0720
#define IOCTL_SCSI_MINIPORT_DSM_GENERAL                 0x1b0721
#define IOCTL_SCSI_MINIPORT_NOT_QUORUM_CAPABLE          0x1b0520
#define IOCTL_SCSI_MINIPORT_NOT_CLUSTER_CAPABLE         0x1b0521

/* Signatures in SRB_IO_CONTROL: eight characters, no terminator. */
#define IOCTL_MINIPORT_SIGNATURE_SCSIDISK                  "SCSIDISK"
#define IOCTL_MINIPORT_SIGNATURE_HYBRDISK                  "HYBRDISK"
#define IOCTL_MINIPORT_SIGNATURE_DSM_NOTIFICATION          "MPDSM   "
#define IOCTL_MINIPORT_SIGNATURE_DSM_GENERAL               "MPDSMGEN"
#define IOCTL_MINIPORT_SIGNATURE_FIRMWARE                  "FIRMWARE"
#define IOCTL_MINIPORT_SIGNATURE_QUERY_PROTOCOL            "PROTOCOL"
#define IOCTL_MINIPORT_SIGNATURE_SET_PROTOCOL              "SETPROTO"
#define IOCTL_MINIPORT_SIGNATURE_QUERY_TEMPERATURE         "TEMPERAT"
#define IOCTL_MINIPORT_SIGNATURE_SET_TEMPERATURE_THRESHOLD "SETTEMPT"
#define IOCTL_MINIPORT_SIGNATURE_QUERY_PHYSICAL_TOPOLOGY   "TOPOLOGY"

/* Head of the buffer of SRB_FUNCTION_IO_CONTROL; Length bytes follow it. */
typedef struct _SRB_IO_CONTROL {
    ULONG HeaderLength;
    UCHAR Signature[8];
    ULONG Timeout;
    ULONG ControlCode;
    ULONG ReturnCode;
    ULONG Length;
} SRB_IO_CONTROL, *PSRB_IO_CONTROL;

/* Direction of a pass-through request. */
#define SCSI_IOCTL_DATA_OUT           0
#define SCSI_IOCTL_DATA_IN            1
#define SCSI_IOCTL_DATA_UNSPECIFIED   2
#define SCSI_IOCTL_DATA_BIDIRECTIONAL 3

/* Notice that a file which Windows pages to, hibernates to or dumps to is in use. */
#define MINIPORT_DSM_NOTIFICATION_VERSION_1   1
#define MINIPORT_DSM_NOTIFICATION_VERSION     1
#define MINIPORT_DSM_PROFILE_UNKNOWN          0
#define MINIPORT_DSM_PROFILE_PAGE_FILE        1
#define MINIPORT_DSM_PROFILE_HIBERNATION_FILE 2
#define MINIPORT_DSM_PROFILE_CRASHDUMP_FILE   3
#define MINIPORT_DSM_NOTIFY_FLAG_BEGIN        1
#define MINIPORT_DSM_NOTIFY_FLAG_END          2

/* Firmware update. */
#define FIRMWARE_FUNCTION_GET_INFO                             1
#define FIRMWARE_FUNCTION_DOWNLOAD                             2
#define FIRMWARE_FUNCTION_ACTIVATE                             3
#define FIRMWARE_STATUS_SUCCESS                                0
#define FIRMWARE_STATUS_ERROR                                  1
#define FIRMWARE_STATUS_ILLEGAL_REQUEST                        2
#define FIRMWARE_STATUS_INVALID_PARAMETER                      3
#define FIRMWARE_STATUS_INPUT_BUFFER_TOO_BIG                   4
#define FIRMWARE_STATUS_OUTPUT_BUFFER_TOO_SMALL                5
#define FIRMWARE_STATUS_INVALID_SLOT                           6
#define FIRMWARE_STATUS_INVALID_IMAGE                          7
#define FIRMWARE_STATUS_CONTROLLER_ERROR                       0x10
#define FIRMWARE_STATUS_POWER_CYCLE_REQUIRED                   0x20
#define FIRMWARE_STATUS_DEVICE_ERROR                           0x40
#define FIRMWARE_STATUS_INTERFACE_CRC_ERROR                    0x80
#define FIRMWARE_STATUS_UNCORRECTABLE_DATA_ERROR               0x81
#define FIRMWARE_STATUS_MEDIA_CHANGE                           0x82
#define FIRMWARE_STATUS_ID_NOT_FOUND                           0x83
#define FIRMWARE_STATUS_MEDIA_CHANGE_REQUEST                   0x84
#define FIRMWARE_STATUS_COMMAND_ABORT                          0x85
#define FIRMWARE_STATUS_END_OF_MEDIA                           0x86
#define FIRMWARE_STATUS_ILLEGAL_LENGTH                         0x87
#define FIRMWARE_REQUEST_BLOCK_STRUCTURE_VERSION               1
#define FIRMWARE_REQUEST_FLAG_CONTROLLER                       1
#define FIRMWARE_REQUEST_FLAG_LAST_SEGMENT                     2
#define FIRMWARE_REQUEST_FLAG_FIRST_SEGMENT                    4
#define FIRMWARE_REQUEST_FLAG_SWITCH_TO_FIRMWARE_WITHOUT_RESET 0x10000000
#define FIRMWARE_REQUEST_FLAG_REPLACE_AND_SWITCH_UPON_RESET    0x20000000
#define FIRMWARE_REQUEST_FLAG_REPLACE_EXISTING_IMAGE           0x40000000
#define FIRMWARE_REQUEST_FLAG_SWITCH_TO_EXISTING_FIRMWARE      0x80000000
#define STORAGE_FIRMWARE_INFO_STRUCTURE_VERSION                1
#define STORAGE_FIRMWARE_INFO_STRUCTURE_VERSION_V2             2
#define STORAGE_FIRMWARE_INFO_INVALID_SLOT                     0xff
#define STORAGE_FIRMWARE_SLOT_INFO_V2_REVISION_LENGTH          0x10
#define STORAGE_FIRMWARE_DOWNLOAD_STRUCTURE_VERSION            1
#define STORAGE_FIRMWARE_DOWNLOAD_STRUCTURE_VERSION_V2         2
#define STORAGE_FIRMWARE_ACTIVATE_STRUCTURE_VERSION            1

/* Behind SRB_IO_CONTROL; DataBufferOffset counts from the beginning of that. */
typedef struct _FIRMWARE_REQUEST_BLOCK {
    ULONG Version;
    ULONG Size;
    ULONG Function;
    ULONG Flags;
    ULONG DataBufferOffset;
    ULONG DataBufferLength;
} FIRMWARE_REQUEST_BLOCK, *PFIRMWARE_REQUEST_BLOCK;

typedef struct _STORAGE_FIRMWARE_SLOT_INFO_V2 {
    UCHAR SlotNumber;
    BOOLEAN ReadOnly;
    UCHAR Reserved[6];
    UCHAR Revision[STORAGE_FIRMWARE_SLOT_INFO_V2_REVISION_LENGTH];
} STORAGE_FIRMWARE_SLOT_INFO_V2, *PSTORAGE_FIRMWARE_SLOT_INFO_V2;

/* The answer to FIRMWARE_FUNCTION_GET_INFO; SlotCount descriptions of slots follow. */
typedef struct _STORAGE_FIRMWARE_INFO_V2 {
    ULONG Version;
    ULONG Size;
    BOOLEAN UpgradeSupport;
    UCHAR SlotCount;
    UCHAR ActiveSlot;
    UCHAR PendingActivateSlot;
    BOOLEAN FirmwareShared;
    UCHAR Reserved[3];
    ULONG ImagePayloadAlignment;
    ULONG ImagePayloadMaxSize;
    STORAGE_FIRMWARE_SLOT_INFO_V2 Slot[0];
} STORAGE_FIRMWARE_INFO_V2, *PSTORAGE_FIRMWARE_INFO_V2;

typedef enum _MP_STORAGE_DIAGNOSTIC_LEVEL {
    MpStorageDiagnosticLevelDefault = 0,
    MpStorageDiagnosticLevelMax = 1,
} MP_STORAGE_DIAGNOSTIC_LEVEL, *PMP_STORAGE_DIAGNOSTIC_LEVEL;

typedef enum _MP_STORAGE_DIAGNOSTIC_TARGET_TYPE {
    MpStorageDiagnosticTargetTypeUndefined = 0,
    MpStorageDiagnosticTargetTypeMiniport = 2,
    MpStorageDiagnosticTargetTypeHbaFirmware = 3,
    MpStorageDiagnosticTargetTypeMax = 4,
} MP_STORAGE_DIAGNOSTIC_TARGET_TYPE, *PMP_STORAGE_DIAGNOSTIC_TARGET_TYPE;

/* Crash dump and hibernation: what a miniport hands to its dump instance. */
#define DUMP_POINTERS_VERSION_1               1
#define DUMP_POINTERS_VERSION_2               2
#define DUMP_POINTERS_VERSION_3               3
#define DUMP_POINTERS_VERSION_4               4
#define DUMP_POINTERS_EX_V2_SIZE              0x30
#define DUMP_POINTERS_EX_V3_SIZE              0x58
#define DUMP_POINTERS_EX_V4_SIZE              0x68
#define DUMP_DRIVER_NAME_LENGTH               0xf
#define DUMP_EX_FLAG_SUPPORT_64BITMEMORY      1
#define DUMP_EX_FLAG_SUPPORT_DD_TELEMETRY     2
#define DUMP_EX_FLAG_RESUME_SUPPORT           4
#define DUMP_EX_FLAG_DRIVER_FULL_PATH_SUPPORT 8

#endif
