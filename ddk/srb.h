/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SCSI request blocks: how a port driver gives a request to its miniport.
 *
 * There are two forms. A legacy request is a SCSI_REQUEST_BLOCK; from Windows 8
 * on a miniport may ask for STORAGE_REQUEST_BLOCK, whose parts of varying kind
 * (address, CDB) are reached through offsets. Function at offset 2 tells them
 * apart: SRB_FUNCTION_STORAGE_REQUEST_BLOCK marks the second.
 *
 * <storport.h> includes this file for StorPort. A SCSIPort miniport includes it
 * through <miniport.h>, and then it also declares SCSIPort's own structures and
 * services, which have the same names as StorPort's and another layout. One
 * source file can use only one of the two.
 */
#ifndef _NTSRB_
#define _NTSRB_

#include <wdm.h>
#include <ntddscsi.h>

/* Limits. */
#define SCSI_MAXIMUM_BUSES_PER_ADAPTER 0xff
#define SCSI_MAXIMUM_TARGETS_PER_BUS   0x80
#define SCSI_MAXIMUM_LUNS_PER_TARGET   0xff
#define SCSI_MAXIMUM_PHYSICAL_BREAKS   0xff
#define SCSI_MAXIMUM_BUSES             8
#define SCSI_MAXIMUM_TARGETS           8
#define SCSI_MAXIMUM_LOGICAL_UNITS     8
#define SP_UNINITIALIZED_VALUE         0xffffffff
#define SP_UNTAGGED                    0xff
#define SP_UNEXPECTED_DISCONNECT       2
#define SCSI_MINIMUM_PHYSICAL_BREAKS   16

typedef PHYSICAL_ADDRESS SCSI_PHYSICAL_ADDRESS, *PSCSI_PHYSICAL_ADDRESS;

/* One range of I/O ports (RangeInMemory FALSE) or of memory of the adapter. */
typedef struct _ACCESS_RANGE {
    SCSI_PHYSICAL_ADDRESS RangeStart;
    ULONG RangeLength;
    BOOLEAN RangeInMemory;
} ACCESS_RANGE, *PACCESS_RANGE;

/* ---- Legacy request ------------------------------------------------------ */

typedef struct _SCSI_REQUEST_BLOCK {
    USHORT Length;
    UCHAR Function;
    UCHAR SrbStatus;
    UCHAR ScsiStatus;
    UCHAR PathId;
    UCHAR TargetId;
    UCHAR Lun;
    UCHAR QueueTag;
    UCHAR QueueAction;
    UCHAR CdbLength;
    UCHAR SenseInfoBufferLength;
    ULONG SrbFlags;
    ULONG DataTransferLength;
    ULONG TimeOutValue;
    PVOID DataBuffer;
    PVOID SenseInfoBuffer;
    struct _SCSI_REQUEST_BLOCK *NextSrb;
    PVOID OriginalRequest;
    PVOID SrbExtension;
    union {
        ULONG InternalStatus;
        ULONG QueueSortKey;
        ULONG LinkTimeoutValue;
    };
#if defined(_WIN64) && defined(_NTSTORPORT_)
    ULONG Reserved;
#endif
    UCHAR Cdb[16];
} SCSI_REQUEST_BLOCK, *PSCSI_REQUEST_BLOCK;

#define SCSI_REQUEST_BLOCK_SIZE sizeof(SCSI_REQUEST_BLOCK)

/* Functions. */
#define SRB_FUNCTION_EXECUTE_SCSI          0
#define SRB_FUNCTION_CLAIM_DEVICE          1
#define SRB_FUNCTION_IO_CONTROL            2
#define SRB_FUNCTION_RECEIVE_EVENT         3
#define SRB_FUNCTION_RELEASE_QUEUE         4
#define SRB_FUNCTION_ATTACH_DEVICE         5
#define SRB_FUNCTION_RELEASE_DEVICE        6
#define SRB_FUNCTION_SHUTDOWN              7
#define SRB_FUNCTION_FLUSH                 8
#define SRB_FUNCTION_PROTOCOL_COMMAND      9
#define SRB_FUNCTION_ABORT_COMMAND         0x10
#define SRB_FUNCTION_RELEASE_RECOVERY      0x11
#define SRB_FUNCTION_RESET_BUS             0x12
#define SRB_FUNCTION_RESET_DEVICE          0x13
#define SRB_FUNCTION_TERMINATE_IO          0x14
#define SRB_FUNCTION_FLUSH_QUEUE           0x15
#define SRB_FUNCTION_REMOVE_DEVICE         0x16
#define SRB_FUNCTION_WMI                   0x17
#define SRB_FUNCTION_LOCK_QUEUE            0x18
#define SRB_FUNCTION_UNLOCK_QUEUE          0x19
#define SRB_FUNCTION_QUIESCE_DEVICE        0x1a
#define SRB_FUNCTION_RESET_LOGICAL_UNIT    0x20
#define SRB_FUNCTION_SET_LINK_TIMEOUT      0x21
#define SRB_FUNCTION_LINK_TIMEOUT_OCCURRED 0x22
#define SRB_FUNCTION_LINK_TIMEOUT_COMPLETE 0x23
#define SRB_FUNCTION_POWER                 0x24
#define SRB_FUNCTION_PNP                   0x25
#define SRB_FUNCTION_DUMP_POINTERS         0x26
#define SRB_FUNCTION_FREE_DUMP_POINTERS    0x27
#define SRB_FUNCTION_STORAGE_REQUEST_BLOCK 0x28

/* Status; QUEUE_FROZEN and AUTOSENSE_VALID are flags beside it. */
#define SRB_STATUS_PENDING                0
#define SRB_STATUS_SUCCESS                1
#define SRB_STATUS_ABORTED                2
#define SRB_STATUS_ABORT_FAILED           3
#define SRB_STATUS_ERROR                  4
#define SRB_STATUS_BUSY                   5
#define SRB_STATUS_INVALID_REQUEST        6
#define SRB_STATUS_INVALID_PATH_ID        7
#define SRB_STATUS_NO_DEVICE              8
#define SRB_STATUS_TIMEOUT                9
#define SRB_STATUS_SELECTION_TIMEOUT      0xa
#define SRB_STATUS_COMMAND_TIMEOUT        0xb
#define SRB_STATUS_MESSAGE_REJECTED       0xd
#define SRB_STATUS_BUS_RESET              0xe
#define SRB_STATUS_PARITY_ERROR           0xf
#define SRB_STATUS_REQUEST_SENSE_FAILED   0x10
#define SRB_STATUS_NO_HBA                 0x11
#define SRB_STATUS_DATA_OVERRUN           0x12
#define SRB_STATUS_UNEXPECTED_BUS_FREE    0x13
#define SRB_STATUS_PHASE_SEQUENCE_FAILURE 0x14
#define SRB_STATUS_BAD_SRB_BLOCK_LENGTH   0x15
#define SRB_STATUS_REQUEST_FLUSHED        0x16
#define SRB_STATUS_INVALID_LUN            0x20
#define SRB_STATUS_INVALID_TARGET_ID      0x21
#define SRB_STATUS_BAD_FUNCTION           0x22
#define SRB_STATUS_ERROR_RECOVERY         0x23
#define SRB_STATUS_NOT_POWERED            0x24
#define SRB_STATUS_LINK_DOWN              0x25
#define SRB_STATUS_INTERNAL_ERROR         0x30
#define SRB_STATUS_QUEUE_FROZEN           0x40
#define SRB_STATUS_AUTOSENSE_VALID        0x80
#define SRB_STATUS(Status)                ((Status) & ~(SRB_STATUS_AUTOSENSE_VALID | SRB_STATUS_QUEUE_FROZEN))

/* Flags. */
#define SRB_FLAGS_QUEUE_ACTION_ENABLE      2
#define SRB_FLAGS_DISABLE_DISCONNECT       4
#define SRB_FLAGS_DISABLE_SYNCH_TRANSFER   8
#define SRB_FLAGS_BYPASS_FROZEN_QUEUE      0x10
#define SRB_FLAGS_DISABLE_AUTOSENSE        0x20
#define SRB_FLAGS_DATA_IN                  0x40
#define SRB_FLAGS_DATA_OUT                 0x80
#define SRB_FLAGS_NO_DATA_TRANSFER         0
#define SRB_FLAGS_UNSPECIFIED_DIRECTION    0xc0
#define SRB_FLAGS_NO_QUEUE_FREEZE          0x100
#define SRB_FLAGS_ADAPTER_CACHE_ENABLE     0x200
#define SRB_FLAGS_FREE_SENSE_BUFFER        0x400
#define SRB_FLAGS_D3_PROCESSING            0x800
#define SRB_FLAGS_SEQUENTIAL_REQUIRED      0x1000
#define SRB_FLAGS_IS_ACTIVE                0x10000
#define SRB_FLAGS_ALLOCATED_FROM_ZONE      0x20000
#define SRB_FLAGS_SGLIST_FROM_POOL         0x40000
#define SRB_FLAGS_BYPASS_LOCKED_QUEUE      0x80000
#define SRB_FLAGS_NO_KEEP_AWAKE            0x100000
#define SRB_FLAGS_PORT_DRIVER_ALLOCSENSE   0x200000
#define SRB_FLAGS_PORT_DRIVER_SENSEHASPORT 0x400000
#define SRB_FLAGS_DONT_START_NEXT_PACKET   0x800000
#define SRB_FLAGS_PORT_DRIVER_RESERVED     0xf000000
#define SRB_FLAGS_CLASS_DRIVER_RESERVED    0xf0000000

/* Queue actions: the SCSI task attributes. */
#define SRB_SIMPLE_TAG_REQUEST        0x20
#define SRB_HEAD_OF_QUEUE_TAG_REQUEST 0x21
#define SRB_ORDERED_QUEUE_TAG_REQUEST 0x22

/* Flags of WMI, power, PnP and I/O control requests: meant for the adapter. */
#define SRB_WMI_FLAGS_ADAPTER_REQUEST      1
#define SRB_POWER_FLAGS_ADAPTER_REQUEST    1
#define SRB_PNP_FLAGS_ADAPTER_REQUEST      1
#define SRB_IOCTL_FLAGS_ADAPTER_REQUEST    1
#define SRB_PROTOCOL_FLAGS_ADAPTER_REQUEST 1

/* ---- Power, PnP and WMI requests: the same block, read differently -------- */

typedef enum _STOR_DEVICE_POWER_STATE {
    StorPowerDeviceUnspecified = 0,
    StorPowerDeviceD0 = 1,
    StorPowerDeviceD1 = 2,
    StorPowerDeviceD2 = 3,
    StorPowerDeviceD3 = 4,
    StorPowerDeviceMaximum = 5,
} STOR_DEVICE_POWER_STATE, *PSTOR_DEVICE_POWER_STATE;

typedef enum _STOR_POWER_ACTION {
    StorPowerActionNone = 0,
    StorPowerActionReserved = 1,
    StorPowerActionSleep = 2,
    StorPowerActionHibernate = 3,
    StorPowerActionShutdown = 4,
    StorPowerActionShutdownReset = 5,
    StorPowerActionShutdownOff = 6,
    StorPowerActionWarmEject = 7,
} STOR_POWER_ACTION, *PSTOR_POWER_ACTION;

typedef enum _STOR_PNP_ACTION {
    StorStartDevice = 0,
    StorRemoveDevice = 2,
    StorStopDevice = 4,
    StorQueryCapabilities = 9,
    StorQueryResourceRequirements = 0xb,
    StorFilterResourceRequirements = 0xd,
    StorSurpriseRemoval = 0x17,
} STOR_PNP_ACTION, *PSTOR_PNP_ACTION;

typedef struct _SCSI_POWER_REQUEST_BLOCK {
    USHORT Length;
    UCHAR Function;
    UCHAR SrbStatus;
    UCHAR SrbPowerFlags;
    UCHAR PathId;
    UCHAR TargetId;
    UCHAR Lun;
    STOR_DEVICE_POWER_STATE DevicePowerState;
    ULONG SrbFlags;
    ULONG DataTransferLength;
    ULONG TimeOutValue;
    PVOID DataBuffer;
    PVOID SenseInfoBuffer;
    struct _SCSI_REQUEST_BLOCK *NextSrb;
    PVOID OriginalRequest;
    PVOID SrbExtension;
    STOR_POWER_ACTION PowerAction;
#if defined(_WIN64) && defined(_NTSTORPORT_)
    ULONG Reserved;
#endif
    UCHAR Reserved5[16];
} SCSI_POWER_REQUEST_BLOCK, *PSCSI_POWER_REQUEST_BLOCK;

typedef struct _SCSI_PNP_REQUEST_BLOCK {
    USHORT Length;
    UCHAR Function;
    UCHAR SrbStatus;
    UCHAR PnPSubFunction;
    UCHAR PathId;
    UCHAR TargetId;
    UCHAR Lun;
    STOR_PNP_ACTION PnPAction;
    ULONG SrbFlags;
    ULONG DataTransferLength;
    ULONG TimeOutValue;
    PVOID DataBuffer;
    PVOID SenseInfoBuffer;
    struct _SCSI_REQUEST_BLOCK *NextSrb;
    PVOID OriginalRequest;
    PVOID SrbExtension;
    ULONG SrbPnPFlags;
#if defined(_WIN64) && defined(_NTSTORPORT_)
    ULONG Reserved;
#endif
    UCHAR Reserved4[16];
} SCSI_PNP_REQUEST_BLOCK, *PSCSI_PNP_REQUEST_BLOCK;

typedef struct _SCSI_WMI_REQUEST_BLOCK {
    USHORT Length;
    UCHAR Function;
    UCHAR SrbStatus;
    UCHAR WMISubFunction;
    UCHAR PathId;
    UCHAR TargetId;
    UCHAR Lun;
    UCHAR Reserved1;
    UCHAR WMIFlags;
    UCHAR Reserved2[2];
    ULONG SrbFlags;
    ULONG DataTransferLength;
    ULONG TimeOutValue;
    PVOID DataBuffer;
    PVOID DataPath;
    PVOID Reserved3;
    PVOID OriginalRequest;
    PVOID SrbExtension;
    ULONG Reserved4;
#if defined(_WIN64) && defined(_NTSTORPORT_)
    ULONG Reserved6;
#endif
    UCHAR Reserved5[16];
} SCSI_WMI_REQUEST_BLOCK, *PSCSI_WMI_REQUEST_BLOCK;

/* Answer to StorQueryCapabilities. */
typedef struct _STOR_DEVICE_CAPABILITIES {
    USHORT Version;
    /* The bits begin at offset 4, in every compiler's view of bit-fields. */
    ULONG : 0;
    ULONG DeviceD1 : 1;
    ULONG DeviceD2 : 1;
    ULONG LockSupported : 1;
    ULONG EjectSupported : 1;
    ULONG Removable : 1;
    ULONG DockDevice : 1;
    ULONG UniqueID : 1;
    ULONG SilentInstall : 1;
    ULONG SurpriseRemovalOK : 1;
    ULONG NoDisplayInUI : 1;
} STOR_DEVICE_CAPABILITIES, *PSTOR_DEVICE_CAPABILITIES;

/* The same for miniports with STOR_FEATURE_FULL_PNP_DEVICE_CAPABILITIES. */
#define STOR_DEVICE_CAPABILITIES_EX_VERSION_1 1
typedef struct _STOR_DEVICE_CAPABILITIES_EX {
    USHORT Version;
    USHORT Size;
    ULONG DeviceD1 : 1;
    ULONG DeviceD2 : 1;
    ULONG LockSupported : 1;
    ULONG EjectSupported : 1;
    ULONG Removable : 1;
    ULONG DockDevice : 1;
    ULONG UniqueID : 1;
    ULONG SilentInstall : 1;
    ULONG RawDeviceOK : 1;
    ULONG SurpriseRemovalOK : 1;
    ULONG NoDisplayInUI : 1;
    ULONG DefaultWriteCacheEnabled : 1;
    ULONG Reserved0 : 20;
    ULONG Address;
    ULONG UINumber;
    ULONG Reserved1[2];
} STOR_DEVICE_CAPABILITIES_EX, *PSTOR_DEVICE_CAPABILITIES_EX;

/*
 * Parts of an extended request lie at multiples of a pointer's size, although
 * they hold no pointer.
 */
#define STOR_ADDRESS_ALIGN DECLSPEC_ALIGN(sizeof(PVOID))
#define SRB_ALIGN          DECLSPEC_ALIGN(sizeof(PVOID))

/* ---- Addresses ----------------------------------------------------------- */

#define STOR_ADDRESS_TYPE_UNKNOWN     0
#define STOR_ADDRESS_TYPE_BTL8        1
#define STOR_ADDRESS_TYPE_MAX         0xffff
#define STORAGE_ADDRESS_TYPE_BTL8     0
#define STOR_ADDR_BTL8_ADDRESS_LENGTH 4

/* Head of every address; Type says what follows. */
typedef struct STOR_ADDRESS_ALIGN _STOR_ADDRESS {
    USHORT Type;
    USHORT Port;
    ULONG AddressLength;
    UCHAR AddressData[ANYSIZE_ARRAY];
} STOR_ADDRESS, *PSTOR_ADDRESS;

/* Path, target, unit. */
typedef struct STOR_ADDRESS_ALIGN _STOR_ADDR_BTL8 {
    USHORT Type;
    USHORT Port;
    ULONG AddressLength;
    UCHAR Path;
    UCHAR Target;
    UCHAR Lun;
    UCHAR Reserved;
} STOR_ADDR_BTL8, *PSTOR_ADDR_BTL8;

/* ---- Extended request (Windows 8 and later) ------------------------------- */

#define SRB_SIGNATURE                   0x53524258
#define SRB_TYPE_SCSI_REQUEST_BLOCK     0
#define SRB_TYPE_STORAGE_REQUEST_BLOCK  1
#define STORAGE_REQUEST_BLOCK_VERSION_1 1

/* What is common to both forms. */
typedef struct SRB_ALIGN _STORAGE_REQUEST_BLOCK_HEADER {
    USHORT Length;
    UCHAR Function;
    UCHAR SrbStatus;
} STORAGE_REQUEST_BLOCK_HEADER, *PSTORAGE_REQUEST_BLOCK_HEADER;

typedef enum _SRBEXDATATYPE {
    SrbExDataTypeUnknown = 0,
    SrbExDataTypeBidirectional = 1,
    SrbExDataTypeScsiCdb16 = 0x40,
    SrbExDataTypeScsiCdb32 = 0x41,
    SrbExDataTypeScsiCdbVar = 0x42,
    SrbExDataTypeWmi = 0x60,
    SrbExDataTypePower = 0x61,
    SrbExDataTypePnP = 0x62,
    SrbExDataTypeIoInfo = 0x80,
    SrbExDataTypeMSReservedStart = (int)0xf0000000,
    SrbExDataTypeReserved = -1,
} SRBEXDATATYPE, *PSRBEXDATATYPE;

typedef struct SRB_ALIGN _STORAGE_REQUEST_BLOCK {
    USHORT Length;
    UCHAR Function;
    UCHAR SrbStatus;
    UCHAR ReservedUchar[4];
    ULONG Signature;
    ULONG Version;
    ULONG SrbLength;
    ULONG SrbFunction;
    ULONG SrbFlags;
    ULONG ReservedUlong;
    ULONG RequestTag;
    USHORT RequestPriority;
    USHORT RequestAttribute;
    ULONG TimeOutValue;
    ULONG SystemStatus;
    ULONG ZeroGuard1;
    ULONG AddressOffset;
    ULONG NumSrbExData;
    ULONG DataTransferLength;
    PVOID DataBuffer;
    PVOID ZeroGuard2;
    PVOID OriginalRequest;
    PVOID ClassContext;
    PVOID PortContext;
    PVOID MiniportContext;
    struct _STORAGE_REQUEST_BLOCK *NextSrb;
    ULONG SrbExDataOffset[1];
} STORAGE_REQUEST_BLOCK, *PSTORAGE_REQUEST_BLOCK;

/* Extra data of a request: each kind begins with Type and Length. */
#define SRBEX_DATA_BIDIRECTIONAL_LENGTH    0x10
#define SRBEX_DATA_SCSI_CDB16_LENGTH       0x20
#define SRBEX_DATA_SCSI_CDB32_LENGTH       0x30
#define SRBEX_DATA_SCSI_CDB_VAR_LENGTH_MIN 0x18
#define SRBEX_DATA_SCSI_CDB_VAR_LENGTH_MAX 0xffffffff
#define SRBEX_DATA_WMI_LENGTH              0x10
#define SRBEX_DATA_POWER_LENGTH            0xc
#define SRBEX_DATA_PNP_LENGTH              0x10
#define SRBEX_DATA_IO_INFO_LENGTH          0x18

typedef struct SRB_ALIGN _SRBEX_DATA {
    SRBEXDATATYPE Type;
    ULONG Length;
    UCHAR Data[1];
} SRBEX_DATA, *PSRBEX_DATA;

typedef struct SRB_ALIGN _SRBEX_DATA_BIDIRECTIONAL {
    SRBEXDATATYPE Type;
    ULONG Length;
    ULONG DataInTransferLength;
    ULONG Reserved1;
    PVOID DataInBuffer;
} SRBEX_DATA_BIDIRECTIONAL, *PSRBEX_DATA_BIDIRECTIONAL;

typedef struct SRB_ALIGN _SRBEX_DATA_SCSI_CDB16 {
    SRBEXDATATYPE Type;
    ULONG Length;
    UCHAR ScsiStatus;
    UCHAR SenseInfoBufferLength;
    UCHAR CdbLength;
    UCHAR Reserved;
    ULONG Reserved1;
    PVOID SenseInfoBuffer;
    UCHAR Cdb[16];
} SRBEX_DATA_SCSI_CDB16, *PSRBEX_DATA_SCSI_CDB16;

typedef struct SRB_ALIGN _SRBEX_DATA_SCSI_CDB32 {
    SRBEXDATATYPE Type;
    ULONG Length;
    UCHAR ScsiStatus;
    UCHAR SenseInfoBufferLength;
    UCHAR CdbLength;
    UCHAR Reserved;
    ULONG Reserved1;
    PVOID SenseInfoBuffer;
    UCHAR Cdb[32];
} SRBEX_DATA_SCSI_CDB32, *PSRBEX_DATA_SCSI_CDB32;

typedef struct SRB_ALIGN _SRBEX_DATA_SCSI_CDB_VAR {
    SRBEXDATATYPE Type;
    ULONG Length;
    UCHAR ScsiStatus;
    UCHAR SenseInfoBufferLength;
    UCHAR Reserved[2];
    ULONG CdbLength;
    ULONG Reserved1[2];
    PVOID SenseInfoBuffer;
    UCHAR Cdb[1];
} SRBEX_DATA_SCSI_CDB_VAR, *PSRBEX_DATA_SCSI_CDB_VAR;

typedef struct SRB_ALIGN _SRBEX_DATA_WMI {
    SRBEXDATATYPE Type;
    ULONG Length;
    UCHAR WMISubFunction;
    UCHAR WMIFlags;
    UCHAR Reserved[2];
    ULONG Reserved1;
    PVOID DataPath;
} SRBEX_DATA_WMI, *PSRBEX_DATA_WMI;

typedef struct SRB_ALIGN _SRBEX_DATA_POWER {
    SRBEXDATATYPE Type;
    ULONG Length;
    UCHAR SrbPowerFlags;
    UCHAR Reserved[3];
    STOR_DEVICE_POWER_STATE DevicePowerState;
    STOR_POWER_ACTION PowerAction;
} SRBEX_DATA_POWER, *PSRBEX_DATA_POWER;

typedef struct SRB_ALIGN _SRBEX_DATA_PNP {
    SRBEXDATATYPE Type;
    ULONG Length;
    UCHAR PnPSubFunction;
    UCHAR Reserved[3];
    STOR_PNP_ACTION PnPAction;
    ULONG SrbPnPFlags;
    ULONG Reserved1;
} SRBEX_DATA_PNP, *PSRBEX_DATA_PNP;

/* Flags of SRBEX_DATA_IO_INFO and of STOR_REQUEST_INFO. */
#define REQUEST_INFO_NO_CACHE_FLAG             1
#define REQUEST_INFO_PAGING_IO_FLAG            2
#define REQUEST_INFO_SEQUENTIAL_IO_FLAG        4
#define REQUEST_INFO_TEMPORARY_FLAG            8
#define REQUEST_INFO_WRITE_THROUGH_FLAG        0x10
#define REQUEST_INFO_HYBRID_WRITE_THROUGH_FLAG 0x20
#define REQUEST_INFO_NO_FILE_OBJECT_FLAG       0x40
#define REQUEST_INFO_VOLSNAP_IO_FLAG           0x80
#define REQUEST_INFO_STREAM_FLAG               0x100
#define REQUEST_INFO_VALID_CACHEPRIORITY_FLAG  0x80000000

typedef struct SRB_ALIGN _SRBEX_DATA_IO_INFO {
    SRBEXDATATYPE Type;
    ULONG Length;
    ULONG Flags;
    ULONG Key;
    ULONG RWLength;
    BOOLEAN IsWriteRequest;
    UCHAR CachePriority;
    UCHAR Reserved[2];
    ULONG Reserved1[2];
} SRBEX_DATA_IO_INFO, *PSRBEX_DATA_IO_INFO;

/* ---- Control of adapters and units ---------------------------------------- */

typedef enum _SCSI_ADAPTER_CONTROL_TYPE {
    ScsiQuerySupportedControlTypes = 0,
    ScsiStopAdapter = 1,
    ScsiRestartAdapter = 2,
    ScsiSetBootConfig = 3,
    ScsiSetRunningConfig = 4,
    ScsiPowerSettingNotification = 5,
    ScsiAdapterPower = 6,
    ScsiAdapterPoFxPowerRequired = 7,
    ScsiAdapterPoFxPowerActive = 8,
    ScsiAdapterPoFxPowerSetFState = 9,
    ScsiAdapterPoFxPowerControl = 0xa,
    ScsiAdapterPrepareForBusReScan = 0xb,
    ScsiAdapterSystemPowerHints = 0xc,
    ScsiAdapterFilterResourceRequirements = 0xd,
    ScsiAdapterPoFxMaxOperationalPower = 0xe,
    ScsiAdapterPoFxSetPerfState = 0xf,
    ScsiAdapterSurpriseRemoval = 0x10,
    ScsiAdapterSerialNumber = 0x11,
    ScsiAdapterCryptoOperation = 0x12,
    ScsiAdapterControlMax = 0x13,
    MakeAdapterControlTypeSizeOfUlong = -1,
} SCSI_ADAPTER_CONTROL_TYPE, *PSCSI_ADAPTER_CONTROL_TYPE;

typedef enum _SCSI_ADAPTER_CONTROL_STATUS {
    ScsiAdapterControlSuccess = 0,
    ScsiAdapterControlUnsuccessful = 1,
} SCSI_ADAPTER_CONTROL_STATUS, *PSCSI_ADAPTER_CONTROL_STATUS;

/* In: MaxControlType. Out: TRUE at each type that the miniport supports. */
typedef struct _SCSI_SUPPORTED_CONTROL_TYPE_LIST {
    ULONG MaxControlType;
    BOOLEAN SupportedTypeList[0];
} SCSI_SUPPORTED_CONTROL_TYPE_LIST, *PSCSI_SUPPORTED_CONTROL_TYPE_LIST;

/* ---- Notifications and error log codes ------------------------------------ */

typedef enum _SCSI_NOTIFICATION_TYPE {
    RequestComplete = 0,
    NextRequest = 1,
    NextLuRequest = 2,
    ResetDetected = 3,
    _obsolete1 = 4,
    _obsolete2 = 5,
    RequestTimerCall = 6,
    BusChangeDetected = 7,
    WMIEvent = 8,
    WMIReregister = 9,
    LinkUp = 0xa,
    LinkDown = 0xb,
    QueryTickCount = 0xc,
    BufferOverrunDetected = 0xd,
    TraceNotification = 0xe,
    GetExtendedFunctionTable = 0xf,
    EnablePassiveInitialization = 0x1000,
    InitializeDpc = 0x1001,
    IssueDpc = 0x1002,
    AcquireSpinLock = 0x1003,
    ReleaseSpinLock = 0x1004,
    StateChangeDetectedCall = 0x1005,
    IoTargetRequestServiceTime = 0x1006,
    AsyncNotificationDetected = 0x1007,
    RequestDirectComplete = 0x1008,
    InitializeDpcWithContext = 0x1009,
    InitializeThreadedDpc = 0x100a,
    SetTargetProcessorDpc = 0x100b,
} SCSI_NOTIFICATION_TYPE, *PSCSI_NOTIFICATION_TYPE;

/* ErrorCode of StorPortLogError and ScsiPortLogError. */
#define SP_BUS_PARITY_ERROR          1
#define SP_INVALID_RESELECTION       3
#define SP_BUS_TIME_OUT              4
#define SP_PROTOCOL_ERROR            5
#define SP_INTERNAL_ADAPTER_ERROR    6
#define SP_REQUEST_TIMEOUT           7
#define SP_IRQ_NOT_RESPONDING        8
#define SP_BAD_FW_WARNING            9
#define SP_BAD_FW_ERROR              0xa
#define SP_LOST_WMI_MINIPORT_REQUEST 0xb
#define SP_VER_TRACE_SUPPORT         0x10

/* What HwFindAdapter returns. */
#define SP_RETURN_NOT_FOUND  0
#define SP_RETURN_FOUND      1
#define SP_RETURN_ERROR      2
#define SP_RETURN_BAD_CONFIG 3

/* Dma64BitAddresses: what the system has, and what the miniport answers. */
#define SCSI_DMA64_SYSTEM_SUPPORTED                             0x80
#define SCSI_DMA64_MINIPORT_SUPPORTED                           1
#define SCSI_DMA64_MINIPORT_FULL64BIT_SUPPORTED                 2
#define SCSI_DMA64_MINIPORT_FULL64BIT_NO_BOUNDARY_REQ_SUPPORTED 3
#define SCSI_DMA64_MINIPORT_64BIT_ONE_4GB_SUPPORTED             4

#if !defined(_NTSTORPORT_)
#include <ddk_scsiport.h>
#endif

#endif
