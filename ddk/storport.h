/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * StorPort: what storport.sys and its miniports say to each other.
 *
 * Structures have their newest layout (Windows 10). Older Windows have shorter
 * ones: PORT_CONFIGURATION_INFORMATION tells its version by its Length, and a
 * field is touched only if it lies below; HW_INITIALIZATION_DATA is accepted by
 * each Windows up to the size that it knows (HW_INIT_DATA_SIZE_PHYSICAL bytes
 * before Windows 8, on 64-bit systems).
 *
 * Services come in three kinds: functions that storport.sys exports, inline
 * functions over its two polymorphic exports (StorPortExtendedFunction, whose
 * codes an older Windows answers with STOR_STATUS_NOT_IMPLEMENTED, and
 * StorPortNotification, which then does nothing), and accesses to registers and
 * ports, inline as well. For an inline function the comment above it gives the
 * code, and the first Windows and the IRQL where the reference names them.
 */
#ifndef _DDK_STORPORT_H_
#define _DDK_STORPORT_H_

#if defined(_NTSRB_) && !defined(_NTSTORPORT_)
#error "ddk: <storport.h> cannot follow <srb.h>, which has declared SCSIPort's structures"
#endif
#define _NTSTORPORT_

#include <wdm.h>
#include <srb.h>
#include <scsi.h>

typedef PHYSICAL_ADDRESS STOR_PHYSICAL_ADDRESS, *PSTOR_PHYSICAL_ADDRESS;

/* What the inline functions over StorPortExtendedFunction return. */
#define STOR_STATUS_SUCCESS                0x00000000L
#define STOR_STATUS_UNSUCCESSFUL           0xc1000001L
#define STOR_STATUS_NOT_IMPLEMENTED        0xc1000002L
#define STOR_STATUS_INSUFFICIENT_RESOURCES 0xc1000003L
#define STOR_STATUS_BUFFER_TOO_SMALL       0xc1000004L
#define STOR_STATUS_ACCESS_DENIED          0xc1000005L
#define STOR_STATUS_INVALID_PARAMETER      0xc1000006L
#define STOR_STATUS_INVALID_DEVICE_REQUEST 0xc1000007L
#define STOR_STATUS_INVALID_IRQL           0xc1000008L
#define STOR_STATUS_INVALID_DEVICE_STATE   0xc1000009L
#define STOR_STATUS_INVALID_BUFFER_SIZE    0xc100000aL
#define STOR_STATUS_UNSUPPORTED_VERSION    0xc100000bL
#define STOR_STATUS_BUSY                   0xc100000cL

/* ---- Models and modes ----------------------------------------------------- */

typedef enum _STOR_SYNCHRONIZATION_MODEL {
    StorSynchronizeHalfDuplex = 0,
    StorSynchronizeFullDuplex = 1,
} STOR_SYNCHRONIZATION_MODEL, *PSTOR_SYNCHRONIZATION_MODEL;

typedef enum _INTERRUPT_SYNCHRONIZATION_MODE {
    InterruptSupportNone = 0,
    InterruptSynchronizeAll = 1,
    InterruptSynchronizePerMessage = 2,
} INTERRUPT_SYNCHRONIZATION_MODE, *PINTERRUPT_SYNCHRONIZATION_MODE;

/* MapBuffers: for which requests DataBuffer is a system address. */
#define STOR_MAP_NO_BUFFERS                       0
#define STOR_MAP_ALL_BUFFERS                      1
#define STOR_MAP_NON_READ_WRITE_BUFFERS           2
#define STOR_MAP_ALL_BUFFERS_INCLUDING_READ_WRITE 3

/* FeatureSupport of PORT_CONFIGURATION_INFORMATION. */
#define STOR_ADAPTER_FEATURE_RESERVED                       1
#define STOR_ADAPTER_FEATURE_STOP_UNIT_DURING_POWER_DOWN    2
#define STOR_ADAPTER_UNCACHED_EXTENSION_NUMA_NODE_PREFERRED 4
#define STOR_ADAPTER_DMA_V3_PREFERRED                       8
#define STOR_ADAPTER_FEATURE_ABORT_COMMAND                  0x10
#define STOR_ADAPTER_FEATURE_RICH_TEMPERATURE_THRESHOLD     0x20

/* DumpMode of PORT_CONFIGURATION_INFORMATION. */
#define DUMP_MODE_CRASH       1
#define DUMP_MODE_HIBER       2
#define DUMP_MODE_MARK_MEMORY 3
#define DUMP_MODE_RESUME      4

/* Memory that the dump driver's port provides. */
typedef struct _MEMORY_REGION {
    PUCHAR VirtualBase;
    PHYSICAL_ADDRESS PhysicalBase;
    ULONG Length;
} MEMORY_REGION, *PMEMORY_REGION;

typedef BOOLEAN NTAPI HW_MESSAGE_SIGNALED_INTERRUPT_ROUTINE(PVOID HwDeviceExtension,
                                                            ULONG MessageId);
typedef HW_MESSAGE_SIGNALED_INTERRUPT_ROUTINE *PHW_MESSAGE_SIGNALED_INTERRUPT_ROUTINE;

/* What the port knows of an adapter, and what the miniport answers in HwFindAdapter. */
typedef struct _PORT_CONFIGURATION_INFORMATION {
    ULONG Length;
    ULONG SystemIoBusNumber;
    INTERFACE_TYPE AdapterInterfaceType;
    ULONG BusInterruptLevel;
    ULONG BusInterruptVector;
    KINTERRUPT_MODE InterruptMode;
    ULONG MaximumTransferLength;
    ULONG NumberOfPhysicalBreaks;
    ULONG DmaChannel;
    ULONG DmaPort;
    DMA_WIDTH DmaWidth;
    DMA_SPEED DmaSpeed;
    ULONG AlignmentMask;
    ULONG NumberOfAccessRanges;
    ACCESS_RANGE (*AccessRanges)[];
    PVOID MiniportDumpData;
    UCHAR NumberOfBuses;
    CCHAR InitiatorBusId[8];
    BOOLEAN ScatterGather;
    BOOLEAN Master;
    BOOLEAN CachesData;
    BOOLEAN AdapterScansDown;
    BOOLEAN AtdiskPrimaryClaimed;
    BOOLEAN AtdiskSecondaryClaimed;
    BOOLEAN Dma32BitAddresses;
    BOOLEAN DemandMode;
    UCHAR MapBuffers;
    BOOLEAN NeedPhysicalAddresses;
    BOOLEAN TaggedQueuing;
    BOOLEAN AutoRequestSense;
    BOOLEAN MultipleRequestPerLu;
    BOOLEAN ReceiveEvent;
    BOOLEAN RealModeInitialized;
    BOOLEAN BufferAccessScsiPortControlled;
    UCHAR MaximumNumberOfTargets;
    UCHAR SrbType;
    UCHAR AddressType;
    ULONG SlotNumber;
    ULONG BusInterruptLevel2;
    ULONG BusInterruptVector2;
    KINTERRUPT_MODE InterruptMode2;
    ULONG DmaChannel2;
    ULONG DmaPort2;
    DMA_WIDTH DmaWidth2;
    DMA_SPEED DmaSpeed2;
    ULONG DeviceExtensionSize;
    ULONG SpecificLuExtensionSize;
    ULONG SrbExtensionSize;
    UCHAR Dma64BitAddresses;
    BOOLEAN ResetTargetSupported;
    UCHAR MaximumNumberOfLogicalUnits;
    BOOLEAN WmiDataProvider;
    /* Server 2003's structure ends after this field. */
    STOR_SYNCHRONIZATION_MODEL SynchronizationModel;
    PHW_MESSAGE_SIGNALED_INTERRUPT_ROUTINE HwMSInterruptRoutine;
    INTERRUPT_SYNCHRONIZATION_MODE InterruptSynchronizationMode;
    MEMORY_REGION DumpRegion;
    ULONG RequestedDumpBufferSize;
    BOOLEAN VirtualDevice;
    UCHAR DumpMode;
    ULONG ExtendedFlags1;
    /* The structure before Windows 8 ends after this field. */
    ULONG MaxNumberOfIO;
    ULONG MaxIOsPerLun;
    ULONG InitialLunQueueDepth;
    ULONG BusResetHoldTime;
    ULONG FeatureSupport;
} PORT_CONFIGURATION_INFORMATION, *PPORT_CONFIGURATION_INFORMATION;

#define CONFIG_INFO_VERSION_2 sizeof(PORT_CONFIGURATION_INFORMATION)

/* Memory of a request as the device sees it. */
typedef struct _STOR_SCATTER_GATHER_ELEMENT {
    STOR_PHYSICAL_ADDRESS PhysicalAddress;
    ULONG Length;
    ULONG_PTR Reserved;
} STOR_SCATTER_GATHER_ELEMENT, *PSTOR_SCATTER_GATHER_ELEMENT;

typedef struct _STOR_SCATTER_GATHER_LIST {
    ULONG NumberOfElements;
    ULONG_PTR Reserved;
    STOR_SCATTER_GATHER_ELEMENT List[];
} STOR_SCATTER_GATHER_LIST, *PSTOR_SCATTER_GATHER_LIST;

typedef enum _GETSGSTATUS {
    SG_ALLOCATED = 0,
    SG_BUFFER_TOO_SMALL = 1,
} GETSGSTATUS, *PGETSGSTATUS;

/* ---- Unit control ---------------------------------------------------------- */

typedef enum _SCSI_UNIT_CONTROL_TYPE {
    ScsiQuerySupportedUnitControlTypes = 0,
    ScsiUnitUsage = 1,
    ScsiUnitStart = 2,
    ScsiUnitPower = 3,
    ScsiUnitPoFxPowerInfo = 4,
    ScsiUnitPoFxPowerRequired = 5,
    ScsiUnitPoFxPowerActive = 6,
    ScsiUnitPoFxPowerSetFState = 7,
    ScsiUnitPoFxPowerControl = 8,
    ScsiUnitRemove = 9,
    ScsiUnitSurpriseRemoval = 0xa,
    ScsiUnitRichDescription = 0xb,
    ScsiUnitControlMax = 0xc,
    MakeUnitControlTypeSizeOfUlong = -1,
} SCSI_UNIT_CONTROL_TYPE, *PSCSI_UNIT_CONTROL_TYPE;

typedef enum _SCSI_UNIT_CONTROL_STATUS {
    ScsiUnitControlSuccess = 0,
    ScsiUnitControlUnsuccessful = 1,
} SCSI_UNIT_CONTROL_STATUS, *PSCSI_UNIT_CONTROL_STATUS;

typedef enum _SCSI_UC_DEVICE_USAGE_TYPE {
    ScsiDeviceUsageTypeUndefined = 0,
    ScsiDeviceUsageTypePaging = 1,
    ScsiDeviceUsageTypeHibernation = 2,
    ScsiDeviceUsageTypeDumpFile = 3,
    ScsiDeviceUsageTypeBoot = 4,
} SCSI_UC_DEVICE_USAGE_TYPE, *PSCSI_UC_DEVICE_USAGE_TYPE;

typedef struct _STOR_UC_DEVICE_USAGE {
    PSTOR_ADDRESS Address;
    SCSI_UC_DEVICE_USAGE_TYPE UsageType;
    BOOLEAN InUse;
} STOR_UC_DEVICE_USAGE, *PSTOR_UC_DEVICE_USAGE;

typedef struct _STOR_POWER_CONTROL_HEADER {
    ULONG Version;
    ULONG Size;
    PSTOR_ADDRESS Address;
} STOR_POWER_CONTROL_HEADER, *PSTOR_POWER_CONTROL_HEADER;

/* Parameters of ScsiAdapterPower. */
typedef struct _STOR_ADAPTER_CONTROL_POWER {
    STOR_POWER_CONTROL_HEADER Header;
    STOR_POWER_ACTION PowerAction;
    STOR_DEVICE_POWER_STATE PowerState;
} STOR_ADAPTER_CONTROL_POWER, *PSTOR_ADAPTER_CONTROL_POWER;

/* Parameters of ScsiUnitPower. */
typedef struct _STOR_UNIT_CONTROL_POWER {
    PSTOR_ADDRESS Address;
    STOR_POWER_ACTION PowerAction;
    STOR_DEVICE_POWER_STATE PowerState;
} STOR_UNIT_CONTROL_POWER, *PSTOR_UNIT_CONTROL_POWER;

/* Parameters of ScsiUnitRichDescription. */
typedef struct _STOR_RICH_DEVICE_DESCRIPTION {
    ULONG Version;
    ULONG Size;
    CHAR VendorId[17];
    CHAR ModelNumber[65];
    CHAR FirmwareRevision[17];
} STOR_RICH_DEVICE_DESCRIPTION, *PSTOR_RICH_DEVICE_DESCRIPTION;

typedef enum _RAID_SYSTEM_POWER {
    RaidSystemPowerUnknown = 0,
    RaidSystemPowerLowest = 1,
    RaidSystemPowerLow = 2,
    RaidSystemPowerMedium = 3,
    RaidSystemPowerHigh = 4
} RAID_SYSTEM_POWER, *PRAID_SYSTEM_POWER;

/* Parameters of ScsiAdapterSystemPowerHints. */
typedef struct _STOR_SYSTEM_POWER_HINTS {
    ULONG Version;
    ULONG Size;
    RAID_SYSTEM_POWER SystemPower;
    ULONG ResumeLatencyMSec;
} STOR_SYSTEM_POWER_HINTS, *PSTOR_SYSTEM_POWER_HINTS;

typedef struct _STOR_UNIT_ATTRIBUTES {
    ULONG DeviceAttentionSupported : 1;
    ULONG AsyncNotificationSupported : 1;
    ULONG D3ColdNotSupported : 1;
    ULONG Reserved : 29;
} STOR_UNIT_ATTRIBUTES, *PSTOR_UNIT_ATTRIBUTES;

/* ---- Entry points of the miniport ------------------------------------------ */

typedef BOOLEAN NTAPI HW_INITIALIZE(PVOID DeviceExtension);
typedef HW_INITIALIZE *PHW_INITIALIZE;
typedef BOOLEAN NTAPI HW_PASSIVE_INITIALIZE_ROUTINE(PVOID DeviceExtension);
typedef HW_PASSIVE_INITIALIZE_ROUTINE *PHW_PASSIVE_INITIALIZE_ROUTINE;
typedef BOOLEAN NTAPI HW_BUILDIO(PVOID DeviceExtension, PSCSI_REQUEST_BLOCK Srb);
typedef HW_BUILDIO *PHW_BUILDIO;
typedef BOOLEAN NTAPI HW_STARTIO(PVOID DeviceExtension, PSCSI_REQUEST_BLOCK Srb);
typedef HW_STARTIO *PHW_STARTIO;
typedef BOOLEAN NTAPI HW_INTERRUPT(PVOID DeviceExtension);
typedef HW_INTERRUPT *PHW_INTERRUPT;
typedef VOID NTAPI HW_TIMER(PVOID DeviceExtension);
typedef HW_TIMER *PHW_TIMER;
typedef VOID NTAPI HW_TIMER_EX(PVOID DeviceExtension, PVOID Context);
typedef HW_TIMER_EX *PHW_TIMER_EX;
typedef VOID NTAPI HW_WORKITEM(PVOID HwDeviceExtension, PVOID Context, PVOID Worker);
typedef HW_WORKITEM *PHW_WORKITEM;
typedef VOID NTAPI HW_DMA_STARTED(PVOID DeviceExtension);
typedef HW_DMA_STARTED *PHW_DMA_STARTED;
typedef ULONG NTAPI HW_FIND_ADAPTER(PVOID DeviceExtension, PVOID HwContext, PVOID BusInformation,
                                    PCHAR ArgumentString,
                                    PPORT_CONFIGURATION_INFORMATION ConfigInfo, PBOOLEAN Again);
typedef HW_FIND_ADAPTER *PHW_FIND_ADAPTER;
typedef ULONG NTAPI VIRTUAL_HW_FIND_ADAPTER(PVOID DeviceExtension, PVOID HwContext,
                                            PVOID BusInformation, PVOID LowerDevice,
                                            PCHAR ArgumentString,
                                            PPORT_CONFIGURATION_INFORMATION ConfigInfo,
                                            PBOOLEAN Again);
typedef VIRTUAL_HW_FIND_ADAPTER *PVIRTUAL_HW_FIND_ADAPTER;
typedef BOOLEAN NTAPI HW_RESET_BUS(PVOID DeviceExtension, ULONG PathId);
typedef HW_RESET_BUS *PHW_RESET_BUS;
typedef BOOLEAN NTAPI HW_ADAPTER_STATE(PVOID DeviceExtension, PVOID Context, BOOLEAN SaveState);
typedef HW_ADAPTER_STATE *PHW_ADAPTER_STATE;
typedef SCSI_ADAPTER_CONTROL_STATUS NTAPI HW_ADAPTER_CONTROL(PVOID DeviceExtension,
                                                             SCSI_ADAPTER_CONTROL_TYPE ControlType,
                                                             PVOID Parameters);
typedef HW_ADAPTER_CONTROL *PHW_ADAPTER_CONTROL;
typedef SCSI_UNIT_CONTROL_STATUS NTAPI HW_UNIT_CONTROL(PVOID DeviceExtension,
                                                       SCSI_UNIT_CONTROL_TYPE ControlType,
                                                       PVOID Parameters);
typedef HW_UNIT_CONTROL *PHW_UNIT_CONTROL;
typedef VOID NTAPI HW_FREE_ADAPTER_RESOURCES(PVOID DeviceExtension);
typedef HW_FREE_ADAPTER_RESOURCES *PHW_FREE_ADAPTER_RESOURCES;
typedef VOID NTAPI HW_PROCESS_SERVICE_REQUEST(PVOID DeviceExtension, PVOID Irp);
typedef HW_PROCESS_SERVICE_REQUEST *PHW_PROCESS_SERVICE_REQUEST;
typedef VOID NTAPI HW_COMPLETE_SERVICE_IRP(PVOID DeviceExtension);
typedef HW_COMPLETE_SERVICE_IRP *PHW_COMPLETE_SERVICE_IRP;
typedef VOID NTAPI HW_INITIALIZE_TRACING(PVOID Arg1, PVOID Arg2);
typedef HW_INITIALIZE_TRACING *PHW_INITIALIZE_TRACING;
typedef VOID NTAPI HW_CLEANUP_TRACING(PVOID Arg1);
typedef HW_CLEANUP_TRACING *PHW_CLEANUP_TRACING;
typedef VOID NTAPI HW_TRACING_ENABLED(PVOID HwDeviceExtension, BOOLEAN Enabled);
typedef HW_TRACING_ENABLED *PHW_TRACING_ENABLED;
typedef VOID NTAPI HW_STATE_CHANGE(PVOID HwDeviceExtension, PVOID Context, SHORT AddressType,
                                   PVOID Address, ULONG Status);
typedef HW_STATE_CHANGE *PHW_STATE_CHANGE;
typedef BOOLEAN NTAPI STOR_SYNCHRONIZED_ACCESS(PVOID HwDeviceExtension, PVOID Context);
typedef STOR_SYNCHRONIZED_ACCESS *PSTOR_SYNCHRONIZED_ACCESS;
typedef VOID NTAPI POST_SCATTER_GATHER_EXECUTE(PVOID *DeviceObject, PVOID *Irp,
                                               PSTOR_SCATTER_GATHER_LIST ScatterGather,
                                               PVOID Context);
typedef POST_SCATTER_GATHER_EXECUTE *PPOST_SCATTER_GATHER_EXECUTE;

/* What a miniport is, told to StorPortInitialize. */
typedef struct _HW_INITIALIZATION_DATA {
    ULONG HwInitializationDataSize;
    INTERFACE_TYPE AdapterInterfaceType;
    PHW_INITIALIZE HwInitialize;
    PHW_STARTIO HwStartIo;
    PHW_INTERRUPT HwInterrupt;
    /* HW_FIND_ADAPTER, or VIRTUAL_HW_FIND_ADAPTER of a virtual miniport. */
    PVOID HwFindAdapter;
    PHW_RESET_BUS HwResetBus;
    PHW_DMA_STARTED HwDmaStarted;
    PHW_ADAPTER_STATE HwAdapterState;
    ULONG DeviceExtensionSize;
    ULONG SpecificLuExtensionSize;
    ULONG SrbExtensionSize;
    ULONG NumberOfAccessRanges;
    PVOID Reserved;
    UCHAR MapBuffers;
    BOOLEAN NeedPhysicalAddresses;
    BOOLEAN TaggedQueuing;
    BOOLEAN AutoRequestSense;
    BOOLEAN MultipleRequestPerLu;
    BOOLEAN ReceiveEvent;
    USHORT VendorIdLength;
    PVOID VendorId;
    union {
        USHORT ReservedUshort;
        USHORT PortVersionFlags;
    };
    USHORT DeviceIdLength;
    PVOID DeviceId;
    PHW_ADAPTER_CONTROL HwAdapterControl;
    /* The structure before Windows 8 ends after this field. */
    PHW_BUILDIO HwBuildIo;
    PHW_FREE_ADAPTER_RESOURCES HwFreeAdapterResources;
    PHW_PROCESS_SERVICE_REQUEST HwProcessServiceRequest;
    PHW_COMPLETE_SERVICE_IRP HwCompleteServiceIrp;
    PHW_INITIALIZE_TRACING HwInitializeTracing;
    PHW_CLEANUP_TRACING HwCleanupTracing;
    PHW_TRACING_ENABLED HwTracingEnabled;
    ULONG FeatureSupport;
    ULONG SrbTypeFlags;
    ULONG AddressTypeFlags;
    ULONG Reserved1;
    PHW_UNIT_CONTROL HwUnitControl;
} HW_INITIALIZATION_DATA, *PHW_INITIALIZATION_DATA;

/*
 * Sizes of the structure before Windows 8: of a miniport for hardware and of a
 * virtual one. Both are the 64-bit values, as in Microsoft's headers.
 */
#define HW_INIT_DATA_SIZE_PHYSICAL 0x88
#define HW_INIT_DATA_SIZE_VIRTUAL  0xb0

/* FeatureSupport of HW_INITIALIZATION_DATA. */
#define STOR_FEATURE_VIRTUAL_MINIPORT                    1
#define STOR_FEATURE_ATA_PASS_THROUGH                    2
#define STOR_FEATURE_FULL_PNP_DEVICE_CAPABILITIES        4
#define STOR_FEATURE_DUMP_POINTERS                       8
#define STOR_FEATURE_DEVICE_NAME_NO_SUFFIX               0x10
#define STOR_FEATURE_DUMP_RESUME_CAPABLE                 0x20
#define STOR_FEATURE_DEVICE_DESCRIPTOR_FROM_ATA_INFO_VPD 0x40
#define STOR_FEATURE_EXTRA_IO_INFORMATION                0x80
#define STOR_FEATURE_ADAPTER_CONTROL_PRE_FINDADAPTER     0x100
#define STOR_FEATURE_ADAPTER_NOT_REQUIRE_IO_PORT         0x200
#define STOR_FEATURE_DUMP_16_BYTE_ALIGNMENT              0x400
#define STOR_FEATURE_SET_ADAPTER_INTERFACE_TYPE          0x800
#define STOR_FEATURE_DUMP_INFO                           0x1000

/* SrbTypeFlags. */
#define SRB_TYPE_FLAG_SCSI_REQUEST_BLOCK    1
#define SRB_TYPE_FLAG_STORAGE_REQUEST_BLOCK 2

/* AddressTypeFlags. */
#define ADDRESS_TYPE_FLAG_BTL8 0x1

/* ---- Crash dump ------------------------------------------------------------- */

#define DUMP_MINIPORT_VERSION_1   0x100
#define DUMP_MINIPORT_VERSION     0x200
#define DUMP_MINIPORT_NAME_LENGTH 0xf

typedef struct _MINIPORT_DUMP_POINTERS {
    USHORT Version;
    USHORT Size;
    WCHAR DriverName[15];
    struct _ADAPTER_OBJECT *AdapterObject;
    PVOID MappedRegisterBase;
    ULONG CommonBufferSize;
    PVOID MiniportPrivateDumpData;
    ULONG SystemIoBusNumber;
    INTERFACE_TYPE AdapterInterfaceType;
    ULONG MaximumTransferLength;
    ULONG NumberOfPhysicalBreaks;
    ULONG AlignmentMask;
    ULONG NumberOfAccessRanges;
    ACCESS_RANGE (*AccessRanges)[];
    UCHAR NumberOfBuses;
    BOOLEAN Master;
    BOOLEAN MapBuffers;
    UCHAR MaximumNumberOfTargets;
} MINIPORT_DUMP_POINTERS, *PMINIPORT_DUMP_POINTERS;

typedef struct _MINIPORT_MAPPINGS {
    USHORT Version;
    PVOID IBFTable;
    PVOID Nic0Map;
    PVOID Nic1Map;
    ULONG NumberOfAdditionalNic;
    PVOID NicMap[];
} MINIPORT_MAPPINGS, *PMINIPORT_MAPPINGS;

/* ---- DPCs, locks, interrupts, performance ------------------------------------ */

typedef enum _STOR_SPINLOCK {
    DpcLock = 1,
    StartIoLock = 2,
    InterruptLock = 3,
    ThreadedDpcLock = 4,
    DpcLevelLock = 5,
} STOR_SPINLOCK, *PSTOR_SPINLOCK;

typedef enum _STOR_IMPORTANCE {
    StorLowImportance = 0,
    StorMediumImportance = 1,
    StorHighImportance = 2,
    StorMediumHighImportance = 3,
} STOR_IMPORTANCE, *PSTOR_IMPORTANCE;

/* A deferred procedure call, and the lock that it may be taken with. */
typedef struct _DPC_BUFFER {
    CSHORT Type;
    UCHAR Number;
    UCHAR Importance;
    struct {
        PVOID F;
        PVOID B;
    };
    PVOID DeferredRoutine;
    PVOID DeferredContext;
    PVOID SystemArgument1;
    PVOID SystemArgument2;
    PVOID DpcData;
} DPC_BUFFER, *PDPC_BUFFER;

typedef struct _STOR_DPC {
    DPC_BUFFER Dpc;
    ULONG_PTR Lock;
} STOR_DPC, *PSTOR_DPC;

typedef VOID NTAPI HW_DPC_ROUTINE(PSTOR_DPC Dpc, PVOID HwDeviceExtension, PVOID SystemArgument1,
                                  PVOID SystemArgument2);
typedef HW_DPC_ROUTINE *PHW_DPC_ROUTINE;

typedef struct _STOR_LOCK_HANDLE {
    STOR_SPINLOCK Lock;
    struct {
        struct {
            PVOID Next;
            PVOID Lock;
        } LockQueue;
        KIRQL OldIrql;
    } Context;
} STOR_LOCK_HANDLE, *PSTOR_LOCK_HANDLE;

typedef struct _MESSAGE_INTERRUPT_INFORMATION {
    ULONG MessageId;
    ULONG MessageData;
    LARGE_INTEGER MessageAddress;
    ULONG InterruptVector;
    ULONG InterruptLevel;
    KINTERRUPT_MODE InterruptMode;
} MESSAGE_INTERRUPT_INFORMATION, *PMESSAGE_INTERRUPT_INFORMATION;

/* Flags and versions of PERF_CONFIGURATION_DATA. */
#define STOR_PERF_DPC_REDIRECTION                        1
#define STOR_PERF_CONCURRENT_CHANNELS                    2
#define STOR_PERF_INTERRUPT_MESSAGE_RANGES               4
#define STOR_PERF_ADV_CONFIG_LOCALITY                    8
#define STOR_PERF_OPTIMIZE_FOR_COMPLETION_DURING_STARTIO 0x10
#define STOR_PERF_DPC_REDIRECTION_CURRENT_CPU            0x20
#define STOR_PERF_NO_SGL                                 0x40
#define STOR_PERF_VERSION_2                              2
#define STOR_PERF_VERSION_3                              3
#define STOR_PERF_VERSION_4                              4
#define STOR_PERF_VERSION_5                              5
#define STOR_PERF_VERSION                                5

typedef struct _PERF_CONFIGURATION_DATA {
    ULONG Version;
    ULONG Size;
    ULONG Flags;
    ULONG ConcurrentChannels;
    ULONG FirstRedirectionMessageNumber;
    ULONG LastRedirectionMessageNumber;
    ULONG DeviceNode;
    ULONG Reserved;
    PGROUP_AFFINITY MessageTargets;
} PERF_CONFIGURATION_DATA, *PPERF_CONFIGURATION_DATA;

typedef struct _STARTIO_PERFORMANCE_PARAMETERS {
    ULONG Version;
    ULONG Size;
    ULONG MessageNumber;
    ULONG ChannelNumber;
} STARTIO_PERFORMANCE_PARAMETERS, *PSTARTIO_PERFORMANCE_PARAMETERS;

typedef enum _STOR_IO_PRIORITY_HINT {
    StorIoPriorityVeryLow = 0,
    StorIoPriorityLow = 1,
    StorIoPriorityNormal = 2,
    StorIoPriorityHigh = 3,
    StorIoPriorityCritical = 4,
    StorIoMaxPriorityTypes = 5,
    StorIoMaxPriorityValue = 0xffff,
} STOR_IO_PRIORITY_HINT, *PSTOR_IO_PRIORITY_HINT;

#define STOR_REQUEST_INFO_VER_1 1
#define STOR_REQUEST_INFO_VER_2 2
#define STOR_REQUEST_INFO_VER   2

/*
 * Where a request comes from and how urgent it is (StorPortGetRequestInfo).
 * Version is STOR_REQUEST_INFO_VER_1: the reference publishes no other layout.
 */
typedef struct _STOR_REQUEST_INFO_V1 {
    USHORT Version;
    USHORT Size;
    STOR_IO_PRIORITY_HINT PriorityHint;
    ULONG Flags;
    ULONG Key;
    ULONG Length;
    BOOLEAN IsWriteRequest;
    UCHAR Reserved[3];
} STOR_REQUEST_INFO_V1, *PSTOR_REQUEST_INFO_V1;
typedef STOR_REQUEST_INFO_V1 STOR_REQUEST_INFO, *PSTOR_REQUEST_INFO;

/* ---- Events, state changes, registry ------------------------------------------ */

/* ChangedEntity of StorPortStateChangeDetected. */
#define STATE_CHANGE_LUN    1
#define STATE_CHANGE_TARGET 2
#define STATE_CHANGE_BUS    4

/* Flags of StorPortAsyncNotificationDetected. */
#define RAID_ASYNC_NOTIFY_FLAG_MEDIA_STATUS     0x1
#define RAID_ASYNC_NOTIFY_FLAG_DEVICE_STATUS    0x2
#define RAID_ASYNC_NOTIFY_FLAG_DEVICE_OPERATION 0x4

typedef enum _STOR_EVENT_ASSOCIATION_ENUM {
    StorEventAdapterAssociation = 0,
    StorEventLunAssociation = 1,
    StorEventTargetAssociation = 2,
    StorEventInvalidAssociation = 3,
} STOR_EVENT_ASSOCIATION_ENUM, *PSTOR_EVENT_ASSOCIATION_ENUM;

#define STOR_CURRENT_LOG_INTERFACE_REVISION 0x1

typedef struct _STOR_LOG_EVENT_DETAILS {
    ULONG InterfaceRevision;
    ULONG Size;
    ULONG Flags;
    STOR_EVENT_ASSOCIATION_ENUM EventAssociation;
    ULONG PathId;
    ULONG TargetId;
    ULONG LunId;
    BOOLEAN StorportSpecificErrorCode;
    ULONG ErrorCode;
    ULONG UniqueId;
    ULONG DumpDataSize;
    PVOID DumpData;
    ULONG StringCount;
    PWSTR *StringList;
} STOR_LOG_EVENT_DETAILS, *PSTOR_LOG_EVENT_DETAILS;

/* Value types of StorPortRegistryRead and StorPortRegistryWrite. */
#define MINIPORT_REG_SZ       1
#define MINIPORT_REG_BINARY   3
#define MINIPORT_REG_DWORD    4
#define MINIPORT_REG_MULTI_SZ 7

typedef enum _STORPORT_ETW_LEVEL {
    StorportEtwLevelLogAlways = 0,
    StorportEtwLevelCritical = 1,
    StorportEtwLevelError = 2,
    StorportEtwLevelWarning = 3,
    StorportEtwLevelInformational = 4,
    StorportEtwLevelVerbose = 5,
    StorportEtwLevelMax = 5,
} STORPORT_ETW_LEVEL, *PSTORPORT_ETW_LEVEL;

typedef enum _STORPORT_ETW_EVENT_OPCODE {
    StorportEtwEventOpcodeInfo = 0,
    StorportEtwEventOpcodeStart = 1,
    StorportEtwEventOpcodeStop = 2,
    StorportEtwEventOpcodeDC_Start = 3,
    StorportEtwEventOpcodeDC_Stop = 4,
    StorportEtwEventOpcodeExtension = 5,
    StorportEtwEventOpcodeReply = 6,
    StorportEtwEventOpcodeResume = 7,
    StorportEtwEventOpcodeSuspend = 8,
    StorportEtwEventOpcodeSend = 9,
    StorportEtwEventOpcodeReceive = 0xf0,
} STORPORT_ETW_EVENT_OPCODE, *PSTORPORT_ETW_EVENT_OPCODE;

typedef enum _STORPORT_ETW_EVENT_CHANNEL {
    StorportEtwEventDiagnostic = 0,
    StorportEtwEventOperational = 1,
} STORPORT_ETW_EVENT_CHANNEL, *PSTORPORT_ETW_EVENT_CHANNEL;

#define STORPORT_ETW_EVENT_KEYWORD_IO            1
#define STORPORT_ETW_EVENT_KEYWORD_PERFORMANCE   2
#define STORPORT_ETW_EVENT_KEYWORD_POWER         4
#define STORPORT_ETW_EVENT_KEYWORD_ENUMERATION   8
#define STORPORT_ETW_EVENT_KEYWORD_COMMAND_TRACE 0x10
#define STORPORT_ETW_EVENT_KEYWORD_ASYNC_EVENT   0x20
#define STORPORT_ETW_MAX_DESCRIPTION_LENGTH      0x20
#define STORPORT_ETW_MAX_PARAM_NAME_LENGTH       0x10

typedef struct _STORPORT_TELEMETRY_EVENT {
    ULONG DriverVersion;
    ULONG EventId;
    UCHAR EventName[32];
    ULONG EventVersion;
    ULONG Flags;
    ULONG EventBufferLength;
    PUCHAR EventBuffer;
    UCHAR ParameterName0[32];
    ULONGLONG ParameterValue0;
    UCHAR ParameterName1[32];
    ULONGLONG ParameterValue1;
    UCHAR ParameterName2[32];
    ULONGLONG ParameterValue2;
    UCHAR ParameterName3[32];
    ULONGLONG ParameterValue3;
    UCHAR ParameterName4[32];
    ULONGLONG ParameterValue4;
    UCHAR ParameterName5[32];
    ULONGLONG ParameterValue5;
    UCHAR ParameterName6[32];
    ULONGLONG ParameterValue6;
    UCHAR ParameterName7[32];
    ULONGLONG ParameterValue7;
} STORPORT_TELEMETRY_EVENT, *PSTORPORT_TELEMETRY_EVENT;

/* ---- Run-time power management ------------------------------------------------- */

typedef enum _STOR_POFX_PERF_STATE_UNIT {
    StorPoFxPerfStateUnitOther = 0,
    StorPoFxPerfStateUnitFrequency = 1,
    StorPoFxPerfStateUnitBandwidth = 2,
    StorPoFxPerfStateUnitMilliwatts = 3,
    StorPoFxPerfStateUnitMaximum = 4,
} STOR_POFX_PERF_STATE_UNIT, *PSTOR_POFX_PERF_STATE_UNIT;

typedef enum _STOR_POFX_PERF_STATE_TYPE {
    StorPoFxPerfStateTypeDiscrete = 0,
    StorPoFxPerfStateTypeRange = 1,
    StorPoFxPerfStateTypeMaximum = 2,
} STOR_POFX_PERF_STATE_TYPE, *PSTOR_POFX_PERF_STATE_TYPE;

typedef struct _STOR_POFX_COMPONENT_IDLE_STATE {
    ULONG Version;
    ULONG Size;
    ULONGLONG TransitionLatency;
    ULONGLONG ResidencyRequirement;
    ULONG NominalPower;
} STOR_POFX_COMPONENT_IDLE_STATE, *PSTOR_POFX_COMPONENT_IDLE_STATE;

typedef struct _STOR_POFX_COMPONENT {
    ULONG Version;
    ULONG Size;
    ULONG FStateCount;
    ULONG DeepestWakeableFState;
    GUID Id;
    STOR_POFX_COMPONENT_IDLE_STATE FStates[1];
} STOR_POFX_COMPONENT, *PSTOR_POFX_COMPONENT;

typedef struct _STOR_POFX_DEVICE {
    ULONG Version;
    ULONG Size;
    ULONG ComponentCount;
    ULONG Flags;
    STOR_POFX_COMPONENT Components[1];
} STOR_POFX_DEVICE, *PSTOR_POFX_DEVICE;

typedef struct _STOR_POFX_DEVICE_V2 {
    ULONG Version;
    ULONG Size;
    ULONG ComponentCount;
    ULONG Flags;
    union {
        ULONG UnitMinIdleTimeoutInMS;
        ULONG AdapterIdleTimeoutInMS;
    };
    STOR_POFX_COMPONENT Components[1];
} STOR_POFX_DEVICE_V2, *PSTOR_POFX_DEVICE_V2;

/* ---- Lists, timers, encryption: arguments of the services below ----------------- */

typedef SINGLE_LIST_ENTRY STOR_SLIST_ENTRY, *PSTOR_SLIST_ENTRY;
typedef struct _STOR_SLIST_HEADER STOR_SLIST_HEADER, *PSTOR_SLIST_HEADER;
typedef LIST_ENTRY STOR_LIST_ENTRY, *PSTOR_LIST_ENTRY;
typedef ULONG_PTR STOR_KSPIN_LOCK, *PSTOR_KSPIN_LOCK;
typedef struct _STOR_EXT_SET_PARAMETERS STOR_EXT_SET_PARAMETERS, *PSTOR_EXT_SET_PARAMETERS;
typedef struct _STOR_EXT_DELETE_PARAMETERS STOR_EXT_DELETE_PARAMETERS, *PSTOR_EXT_DELETE_PARAMETERS;
typedef struct _STOR_RPMB_CAPABILITIES_DATA STOR_RPMB_CAPABILITIES_DATA,
    *PSTOR_RPMB_CAPABILITIES_DATA;
typedef struct _STOR_CRYPTO_KEY_INFO STOR_CRYPTO_KEY_INFO, *PSTOR_CRYPTO_KEY_INFO;
typedef struct _STOR_POFX_COMPONENT_PERF_SET STOR_POFX_COMPONENT_PERF_SET,
    *PSTOR_POFX_COMPONENT_PERF_SET;

typedef struct _STOR_CRYPTO_CAPABILITY {
    ULONG Version;
    ULONG Size;
    ULONG CryptoCapabilityIndex;
    ULONG AlgorithmId;
    ULONG KeySize;
} STOR_CRYPTO_CAPABILITY, *PSTOR_CRYPTO_CAPABILITY;

typedef struct _STOR_CRYPTO_CAPABILITIES_DATA {
    ULONG Version;
    ULONG Size;
    USHORT NumKeysSupported;
    USHORT NumCryptoCapabilities;
    STOR_CRYPTO_CAPABILITY CryptoCapabilities[1];
} STOR_CRYPTO_CAPABILITIES_DATA, *PSTOR_CRYPTO_CAPABILITIES_DATA;

/* ---- Exports of storport.sys ---------------------------------------------------- */

#define STORPORT_API DECLSPEC_IMPORT

typedef enum _STORPORT_FUNCTION_CODE {
    ExtFunctionAllocatePool = 0,
    ExtFunctionFreePool = 1,
    ExtFunctionAllocateMdl = 2,
    ExtFunctionFreeMdl = 3,
    ExtFunctionBuildMdlForNonPagedPool = 4,
    ExtFunctionGetSystemAddress = 5,
    ExtFunctionGetOriginalMdl = 6,
    ExtFunctionCompleteServiceIrp = 7,
    ExtFunctionGetDeviceObjects = 8,
    ExtFunctionBuildScatterGatherList = 9,
    ExtFunctionPutScatterGatherList = 0xa,
    ExtFunctionAcquireMSISpinLock = 0xb,
    ExtFunctionReleaseMSISpinLock = 0xc,
    ExtFunctionGetMessageInterruptInformation = 0xd,
    ExtFunctionInitializePerformanceOptimizations = 0xe,
    ExtFunctionGetStartIoPerformanceParameters = 0xf,
    ExtFunctionLogSystemEvent = 0x10,
    ExtFunctionGetCurrentProcessorNumber = 0x11,
    ExtFunctionGetActiveGroupCount = 0x12,
    ExtFunctionGetGroupAffinity = 0x13,
    ExtFunctionGetActiveNodeCount = 0x14,
    ExtFunctionGetNodeAffinity = 0x15,
    ExtFunctionGetHighestNodeNumber = 0x16,
    ExtFunctionGetLogicalProcessorRelationship = 0x17,
    ExtFunctionAllocateContiguousMemorySpecifyCacheNode = 0x18,
    ExtFunctionFreeContiguousMemorySpecifyCache = 0x19,
    ExtFunctionSetPowerSettingNotificationGuids = 0x1a,
    ExtFunctionInvokeAcpiMethod = 0x1b,
    ExtFunctionGetRequestInfo = 0x1c,
    ExtFunctionInitializeWorker = 0x1d,
    ExtFunctionQueueWorkItem = 0x1e,
    ExtFunctionFreeWorker = 0x1f,
    ExtFunctionInitializeTimer = 0x20,
    ExtFunctionRequestTimer = 0x21,
    ExtFunctionFreeTimer = 0x22,
    ExtFunctionInitializeSListHead = 0x23,
    ExtFunctionInterlockedFlushSList = 0x24,
    ExtFunctionInterlockedPopEntrySList = 0x25,
    ExtFunctionInterlockedPushEntrySList = 0x26,
    ExtFunctionQueryDepthSList = 0x27,
    ExtFunctionGetActivityId = 0x28,
    ExtFunctionGetSystemPortNumber = 0x29,
    ExtFunctionGetDataInBufferMdl = 0x2a,
    ExtFunctionGetDataInBufferSystemAddress = 0x2b,
    ExtFunctionGetDataInBufferScatterGatherList = 0x2c,
    ExtFunctionMarkDumpMemory = 0x2d,
    ExtFunctionSetUnitAttributes = 0x2e,
    ExtFunctionQueryPerformanceCounter = 0x2f,
    ExtFunctionInitializePoFxPower = 0x30,
    ExtFunctionPoFxActivateComponent = 0x31,
    ExtFunctionPoFxIdleComponent = 0x32,
    ExtFunctionPoFxSetComponentLatency = 0x33,
    ExtFunctionPoFxSetComponentResidency = 0x34,
    ExtFunctionPoFxPowerControl = 0x35,
    ExtFunctionFlushDataBufferMdl = 0x36,
    ExtFunctionDeviceOperationAllowed = 0x37,
    ExtFunctionGetProcessorIndexFromNumber = 0x38,
    ExtFunctionPoFxSetIdleTimeout = 0x39,
    ExtFunctionMiniportEtwEvent2 = 0x3a,
    ExtFunctionMiniportEtwEvent4 = 0x3b,
    ExtFunctionMiniportEtwEvent8 = 0x3c,
    ExtFunctionCurrentOsInstallationUpgrade = 0x3d,
    ExtFunctionRegistryReadAdapterKey = 0x3e,
    ExtFunctionRegistryWriteAdapterKey = 0x3f,
    ExtFunctionSetAdapterBusType = 0x40,
    ExtFunctionPoFxRegisterPerfStates = 0x41,
    ExtFunctionPoFxSetPerfState = 0x42,
    ExtFunctionGetD3ColdSupport = 0x43,
    ExtFunctionInitializeRpmb = 0x44,
    ExtFunctionAllocateHmb = 0x45,
    ExtFunctionFreeHmb = 0x46,
    ExtFunctionPropagateIrpExtension = 0x47,
    ExtFunctionInterlockedInsertHeadList = 0x48,
    ExtFunctionInterlockedInsertTailList = 0x49,
    ExtFunctionInterlockedRemoveHeadList = 0x4a,
    ExtFunctionInitializeSpinlock = 0x4b,
    ExtFunctionGetPfns = 0x4c,
    ExtFunctionInitializeCryptoEngine = 0x4d,
    ExtFunctionGetRequestCryptoInfo = 0x4e,
    ExtFunctionMiniportTelemetry = 0x4f,
    ExtFunctionUpdateAdapterMaxIO = 0x50,
    ExtFunctionDelayExecution = 0x51,
    ExtFunctionAllocateDmaMemory = 0x52,
    ExtFunctionFreeDmaMemory = 0x53,
    ExtFunctionUpdateAdapterMaxIOInfo = 0x54,
    ExtFunctionMiniportChannelEtwEvent2 = 0x55,
    ExtFunctionMiniportChannelEtwEvent4 = 0x56,
    ExtFunctionMiniportChannelEtwEvent8 = 0x57,
    ExtFunctionInitializeHighResolutionTimer = 0x58,
    ExtFunctionRequestHighResolutionTimer = 0x59,
    ExtFunctionCancelHighResolutionTimer = 0x5a,
    ExtFunctionFreeHighResolutionTimer = 0x5b,
    ExtFunctionGetCurrentProcessorIndex = 0x5c,
    ExtFunctionAcquireSpinLock = 0x5d,
    ExtFunctionGetProcessorCount = 0x5e,
} STORPORT_FUNCTION_CODE, *PSTORPORT_FUNCTION_CODE;

STORPORT_API ULONG NTAPI StorPortInitialize(PVOID Argument1, PVOID Argument2,
                                            PHW_INITIALIZATION_DATA HwInitializationData,
                                            PVOID HwContext);
STORPORT_API ULONG NTAPIV StorPortExtendedFunction(STORPORT_FUNCTION_CODE FunctionCode,
                                                   PVOID HwDeviceExtension, ...);
STORPORT_API VOID NTAPIV StorPortNotification(SCSI_NOTIFICATION_TYPE NotificationType,
                                              PVOID HwDeviceExtension, ...);
STORPORT_API VOID NTAPIV StorPortDebugPrint(ULONG DebugPrintLevel, PCCHAR DebugMessage, ...);

STORPORT_API PVOID NTAPI StorPortGetUncachedExtension(PVOID HwDeviceExtension,
                                                      PPORT_CONFIGURATION_INFORMATION ConfigInfo,
                                                      ULONG NumberOfBytes);
STORPORT_API STOR_PHYSICAL_ADDRESS NTAPI StorPortGetPhysicalAddress(PVOID HwDeviceExtension,
                                                                    PSCSI_REQUEST_BLOCK Srb,
                                                                    PVOID VirtualAddress,
                                                                    ULONG *Length);
STORPORT_API PVOID NTAPI StorPortGetVirtualAddress(PVOID HwDeviceExtension,
                                                   STOR_PHYSICAL_ADDRESS PhysicalAddress);
STORPORT_API PSTOR_SCATTER_GATHER_LIST NTAPI StorPortGetScatterGatherList(PVOID DeviceExtension,
                                                                          PSCSI_REQUEST_BLOCK Srb);
STORPORT_API STOR_PHYSICAL_ADDRESS NTAPI
StorPortConvertUlongToPhysicalAddress(ULONG_PTR UlongAddress);
STORPORT_API ULONG NTAPI StorPortConvertPhysicalAddressToUlong(STOR_PHYSICAL_ADDRESS Address);
STORPORT_API VOID NTAPI StorPortMoveMemory(PVOID WriteBuffer, PVOID ReadBuffer, ULONG Length);

STORPORT_API PVOID NTAPI StorPortGetLogicalUnit(PVOID HwDeviceExtension, UCHAR PathId,
                                                UCHAR TargetId, UCHAR Lun);
STORPORT_API VOID NTAPI StorPortCompleteRequest(PVOID HwDeviceExtension, UCHAR PathId,
                                                UCHAR TargetId, UCHAR Lun, UCHAR SrbStatus);
STORPORT_API BOOLEAN NTAPI StorPortSetDeviceQueueDepth(PVOID HwDeviceExtension, UCHAR PathId,
                                                       UCHAR TargetId, UCHAR Lun, ULONG Depth);
STORPORT_API BOOLEAN NTAPI StorPortBusy(PVOID HwDeviceExtension, ULONG RequestsToComplete);
STORPORT_API BOOLEAN NTAPI StorPortReady(PVOID HwDeviceExtension);
STORPORT_API BOOLEAN NTAPI StorPortDeviceBusy(PVOID HwDeviceExtension, UCHAR PathId, UCHAR TargetId,
                                              UCHAR Lun, ULONG RequestsToComplete);
STORPORT_API BOOLEAN NTAPI StorPortDeviceReady(PVOID HwDeviceExtension, UCHAR PathId,
                                               UCHAR TargetId, UCHAR Lun);
STORPORT_API BOOLEAN NTAPI StorPortPause(PVOID HwDeviceExtension, ULONG TimeOut);
STORPORT_API BOOLEAN NTAPI StorPortResume(PVOID HwDeviceExtension);
STORPORT_API BOOLEAN NTAPI StorPortPauseDevice(PVOID HwDeviceExtension, UCHAR PathId,
                                               UCHAR TargetId, UCHAR Lun, ULONG TimeOut);
STORPORT_API BOOLEAN NTAPI StorPortResumeDevice(PVOID HwDeviceExtension, UCHAR PathId,
                                                UCHAR TargetId, UCHAR Lun);

STORPORT_API PVOID NTAPI StorPortGetDeviceBase(PVOID HwDeviceExtension, INTERFACE_TYPE BusType,
                                               ULONG SystemIoBusNumber,
                                               STOR_PHYSICAL_ADDRESS IoAddress, ULONG NumberOfBytes,
                                               BOOLEAN InIoSpace);
STORPORT_API VOID NTAPI StorPortFreeDeviceBase(PVOID HwDeviceExtension, PVOID MappedAddress);
STORPORT_API BOOLEAN NTAPI StorPortValidateRange(PVOID HwDeviceExtension, INTERFACE_TYPE BusType,
                                                 ULONG SystemIoBusNumber,
                                                 STOR_PHYSICAL_ADDRESS IoAddress,
                                                 ULONG NumberOfBytes, BOOLEAN InIoSpace);
STORPORT_API ULONG NTAPI StorPortGetBusData(PVOID DeviceExtension, ULONG BusDataType,
                                            ULONG SystemIoBusNumber, ULONG SlotNumber, PVOID Buffer,
                                            ULONG Length);
STORPORT_API ULONG NTAPI StorPortSetBusDataByOffset(PVOID DeviceExtension, ULONG BusDataType,
                                                    ULONG SystemIoBusNumber, ULONG SlotNumber,
                                                    PVOID Buffer, ULONG Offset, ULONG Length);

/* Both at PASSIVE_LEVEL only. */
STORPORT_API BOOLEAN NTAPI StorPortRegistryRead(PVOID HwDeviceExtension, PUCHAR ValueName,
                                                ULONG Global, ULONG Type, PUCHAR Buffer,
                                                PULONG BufferLength);
STORPORT_API BOOLEAN NTAPI StorPortRegistryWrite(PVOID HwDeviceExtension, PUCHAR ValueName,
                                                 ULONG Global, ULONG Type, PUCHAR Buffer,
                                                 ULONG BufferLength);
STORPORT_API PUCHAR NTAPI StorPortAllocateRegistryBuffer(PVOID HwDeviceExtension, PULONG Length);
STORPORT_API VOID NTAPI StorPortFreeRegistryBuffer(PVOID HwDeviceExtension, PUCHAR Buffer);

STORPORT_API VOID NTAPI StorPortLogError(PVOID HwDeviceExtension, PSCSI_REQUEST_BLOCK Srb,
                                         UCHAR PathId, UCHAR TargetId, UCHAR Lun, ULONG ErrorCode,
                                         ULONG UniqueId);
/* 100 ns units since 1601. Any IRQL. */
STORPORT_API VOID NTAPI StorPortQuerySystemTime(PLARGE_INTEGER CurrentTime);
/* Delay in microseconds, spinning. */
STORPORT_API VOID NTAPI StorPortStallExecution(ULONG Delay);
/* Runs the routine with the interrupt lock held; the result is the routine's. */
STORPORT_API BOOLEAN NTAPI StorPortSynchronizeAccess(
    PVOID HwDeviceExtension, PSTOR_SYNCHRONIZED_ACCESS SynchronizedAccessRoutine, PVOID Context);

/* ---- Registers and ports ----------------------------------------------------------- */

#if defined(DDK_IMPORTED_ACCESSORS)

/* The same services as exports of storport.sys: define the macro to import them. */
STORPORT_API UCHAR NTAPI StorPortReadRegisterUchar(PVOID HwDeviceExtension, PUCHAR Register);
STORPORT_API VOID NTAPI StorPortWriteRegisterUchar(PVOID HwDeviceExtension, PUCHAR Register,
                                                   UCHAR Value);
STORPORT_API VOID NTAPI StorPortReadRegisterBufferUchar(PVOID HwDeviceExtension, PUCHAR Register,
                                                        PUCHAR Buffer, ULONG Count);
STORPORT_API VOID NTAPI StorPortWriteRegisterBufferUchar(PVOID HwDeviceExtension, PUCHAR Register,
                                                         PUCHAR Buffer, ULONG Count);
STORPORT_API USHORT NTAPI StorPortReadRegisterUshort(PVOID HwDeviceExtension, PUSHORT Register);
STORPORT_API VOID NTAPI StorPortWriteRegisterUshort(PVOID HwDeviceExtension, PUSHORT Register,
                                                    USHORT Value);
STORPORT_API VOID NTAPI StorPortReadRegisterBufferUshort(PVOID HwDeviceExtension, PUSHORT Register,
                                                         PUSHORT Buffer, ULONG Count);
STORPORT_API VOID NTAPI StorPortWriteRegisterBufferUshort(PVOID HwDeviceExtension, PUSHORT Register,
                                                          PUSHORT Buffer, ULONG Count);
STORPORT_API ULONG NTAPI StorPortReadRegisterUlong(PVOID HwDeviceExtension, PULONG Register);
STORPORT_API VOID NTAPI StorPortWriteRegisterUlong(PVOID HwDeviceExtension, PULONG Register,
                                                   ULONG Value);
STORPORT_API VOID NTAPI StorPortReadRegisterBufferUlong(PVOID HwDeviceExtension, PULONG Register,
                                                        PULONG Buffer, ULONG Count);
STORPORT_API VOID NTAPI StorPortWriteRegisterBufferUlong(PVOID HwDeviceExtension, PULONG Register,
                                                         PULONG Buffer, ULONG Count);
STORPORT_API UCHAR NTAPI StorPortReadPortUchar(PVOID HwDeviceExtension, PUCHAR Port);
STORPORT_API VOID NTAPI StorPortWritePortUchar(PVOID HwDeviceExtension, PUCHAR Port, UCHAR Value);
STORPORT_API VOID NTAPI StorPortReadPortBufferUchar(PVOID HwDeviceExtension, PUCHAR Port,
                                                    PUCHAR Buffer, ULONG Count);
STORPORT_API VOID NTAPI StorPortWritePortBufferUchar(PVOID HwDeviceExtension, PUCHAR Port,
                                                     PUCHAR Buffer, ULONG Count);
STORPORT_API USHORT NTAPI StorPortReadPortUshort(PVOID HwDeviceExtension, PUSHORT Port);
STORPORT_API VOID NTAPI StorPortWritePortUshort(PVOID HwDeviceExtension, PUSHORT Port,
                                                USHORT Value);
STORPORT_API VOID NTAPI StorPortReadPortBufferUshort(PVOID HwDeviceExtension, PUSHORT Port,
                                                     PUSHORT Buffer, ULONG Count);
STORPORT_API VOID NTAPI StorPortWritePortBufferUshort(PVOID HwDeviceExtension, PUSHORT Port,
                                                      PUSHORT Buffer, ULONG Count);
STORPORT_API ULONG NTAPI StorPortReadPortUlong(PVOID HwDeviceExtension, PULONG Port);
STORPORT_API VOID NTAPI StorPortWritePortUlong(PVOID HwDeviceExtension, PULONG Port, ULONG Value);
STORPORT_API VOID NTAPI StorPortReadPortBufferUlong(PVOID HwDeviceExtension, PULONG Port,
                                                    PULONG Buffer, ULONG Count);
STORPORT_API VOID NTAPI StorPortWritePortBufferUlong(PVOID HwDeviceExtension, PULONG Port,
                                                     PULONG Buffer, ULONG Count);

#else

/*
 * One access of the given width, in program order with all accesses before and
 * after. On ARM64 that takes a barrier, and I/O ports are memory there.
 */
#if defined(_M_ARM64)
#define DDK_IO_BARRIER() __asm__ __volatile__("dmb sy" ::: "memory")
#else
#define DDK_IO_BARRIER() _ReadWriteBarrier()
#endif

FORCEINLINE UCHAR StorPortReadRegisterUchar(PVOID HwDeviceExtension, PUCHAR Register)
{
    UCHAR value;

    (void)HwDeviceExtension;
    value = *(volatile UCHAR *)Register;
    DDK_IO_BARRIER();
    return value;
}

FORCEINLINE VOID StorPortWriteRegisterUchar(PVOID HwDeviceExtension, PUCHAR Register, UCHAR Value)
{
    (void)HwDeviceExtension;
    DDK_IO_BARRIER();
    *(volatile UCHAR *)Register = Value;
    DDK_IO_BARRIER();
}

FORCEINLINE USHORT StorPortReadRegisterUshort(PVOID HwDeviceExtension, PUSHORT Register)
{
    USHORT value;

    (void)HwDeviceExtension;
    value = *(volatile USHORT *)Register;
    DDK_IO_BARRIER();
    return value;
}

FORCEINLINE VOID StorPortWriteRegisterUshort(PVOID HwDeviceExtension, PUSHORT Register,
                                             USHORT Value)
{
    (void)HwDeviceExtension;
    DDK_IO_BARRIER();
    *(volatile USHORT *)Register = Value;
    DDK_IO_BARRIER();
}

FORCEINLINE ULONG StorPortReadRegisterUlong(PVOID HwDeviceExtension, PULONG Register)
{
    ULONG value;

    (void)HwDeviceExtension;
    value = *(volatile ULONG *)Register;
    DDK_IO_BARRIER();
    return value;
}

FORCEINLINE VOID StorPortWriteRegisterUlong(PVOID HwDeviceExtension, PULONG Register, ULONG Value)
{
    (void)HwDeviceExtension;
    DDK_IO_BARRIER();
    *(volatile ULONG *)Register = Value;
    DDK_IO_BARRIER();
}

#if defined(_M_ARM64)

FORCEINLINE UCHAR StorPortReadPortUchar(PVOID HwDeviceExtension, PUCHAR Port)
{
    return StorPortReadRegisterUchar(HwDeviceExtension, Port);
}

FORCEINLINE VOID StorPortWritePortUchar(PVOID HwDeviceExtension, PUCHAR Port, UCHAR Value)
{
    StorPortWriteRegisterUchar(HwDeviceExtension, Port, Value);
}

FORCEINLINE USHORT StorPortReadPortUshort(PVOID HwDeviceExtension, PUSHORT Port)
{
    return StorPortReadRegisterUshort(HwDeviceExtension, Port);
}

FORCEINLINE VOID StorPortWritePortUshort(PVOID HwDeviceExtension, PUSHORT Port, USHORT Value)
{
    StorPortWriteRegisterUshort(HwDeviceExtension, Port, Value);
}

FORCEINLINE ULONG StorPortReadPortUlong(PVOID HwDeviceExtension, PULONG Port)
{
    return StorPortReadRegisterUlong(HwDeviceExtension, Port);
}

FORCEINLINE VOID StorPortWritePortUlong(PVOID HwDeviceExtension, PULONG Port, ULONG Value)
{
    StorPortWriteRegisterUlong(HwDeviceExtension, Port, Value);
}

#else

FORCEINLINE UCHAR StorPortReadPortUchar(PVOID HwDeviceExtension, PUCHAR Port)
{
    UCHAR value;

    (void)HwDeviceExtension;
    __asm__ __volatile__("inb %%dx, %b0" : "=a"(value) : "d"((USHORT)(ULONG_PTR)Port) : "memory");
    return value;
}

FORCEINLINE VOID StorPortWritePortUchar(PVOID HwDeviceExtension, PUCHAR Port, UCHAR Value)
{
    (void)HwDeviceExtension;
    __asm__ __volatile__("outb %b0, %%dx" : : "a"(Value), "d"((USHORT)(ULONG_PTR)Port) : "memory");
}

FORCEINLINE USHORT StorPortReadPortUshort(PVOID HwDeviceExtension, PUSHORT Port)
{
    USHORT value;

    (void)HwDeviceExtension;
    __asm__ __volatile__("inw %%dx, %w0" : "=a"(value) : "d"((USHORT)(ULONG_PTR)Port) : "memory");
    return value;
}

FORCEINLINE VOID StorPortWritePortUshort(PVOID HwDeviceExtension, PUSHORT Port, USHORT Value)
{
    (void)HwDeviceExtension;
    __asm__ __volatile__("outw %w0, %%dx" : : "a"(Value), "d"((USHORT)(ULONG_PTR)Port) : "memory");
}

FORCEINLINE ULONG StorPortReadPortUlong(PVOID HwDeviceExtension, PULONG Port)
{
    ULONG value;

    (void)HwDeviceExtension;
    __asm__ __volatile__("inl %%dx, %k0" : "=a"(value) : "d"((USHORT)(ULONG_PTR)Port) : "memory");
    return value;
}

FORCEINLINE VOID StorPortWritePortUlong(PVOID HwDeviceExtension, PULONG Port, ULONG Value)
{
    (void)HwDeviceExtension;
    __asm__ __volatile__("outl %k0, %%dx" : : "a"(Value), "d"((USHORT)(ULONG_PTR)Port) : "memory");
}

#endif

/*
 * Count accesses: of consecutive registers, but of one and the same port.
 */
FORCEINLINE VOID StorPortReadRegisterBufferUchar(PVOID HwDeviceExtension, PUCHAR Register,
                                                 PUCHAR Buffer, ULONG Count)
{
    for (; Count != 0; Count--) {
        *Buffer++ = StorPortReadRegisterUchar(HwDeviceExtension, Register++);
    }
}

FORCEINLINE VOID StorPortWriteRegisterBufferUchar(PVOID HwDeviceExtension, PUCHAR Register,
                                                  PUCHAR Buffer, ULONG Count)
{
    for (; Count != 0; Count--) {
        StorPortWriteRegisterUchar(HwDeviceExtension, Register++, *Buffer++);
    }
}

FORCEINLINE VOID StorPortReadRegisterBufferUshort(PVOID HwDeviceExtension, PUSHORT Register,
                                                  PUSHORT Buffer, ULONG Count)
{
    for (; Count != 0; Count--) {
        *Buffer++ = StorPortReadRegisterUshort(HwDeviceExtension, Register++);
    }
}

FORCEINLINE VOID StorPortWriteRegisterBufferUshort(PVOID HwDeviceExtension, PUSHORT Register,
                                                   PUSHORT Buffer, ULONG Count)
{
    for (; Count != 0; Count--) {
        StorPortWriteRegisterUshort(HwDeviceExtension, Register++, *Buffer++);
    }
}

FORCEINLINE VOID StorPortReadRegisterBufferUlong(PVOID HwDeviceExtension, PULONG Register,
                                                 PULONG Buffer, ULONG Count)
{
    for (; Count != 0; Count--) {
        *Buffer++ = StorPortReadRegisterUlong(HwDeviceExtension, Register++);
    }
}

FORCEINLINE VOID StorPortWriteRegisterBufferUlong(PVOID HwDeviceExtension, PULONG Register,
                                                  PULONG Buffer, ULONG Count)
{
    for (; Count != 0; Count--) {
        StorPortWriteRegisterUlong(HwDeviceExtension, Register++, *Buffer++);
    }
}

FORCEINLINE VOID StorPortReadPortBufferUchar(PVOID HwDeviceExtension, PUCHAR Port, PUCHAR Buffer,
                                             ULONG Count)
{
    for (; Count != 0; Count--) {
        *Buffer++ = StorPortReadPortUchar(HwDeviceExtension, Port);
    }
}

FORCEINLINE VOID StorPortWritePortBufferUchar(PVOID HwDeviceExtension, PUCHAR Port, PUCHAR Buffer,
                                              ULONG Count)
{
    for (; Count != 0; Count--) {
        StorPortWritePortUchar(HwDeviceExtension, Port, *Buffer++);
    }
}

FORCEINLINE VOID StorPortReadPortBufferUshort(PVOID HwDeviceExtension, PUSHORT Port, PUSHORT Buffer,
                                              ULONG Count)
{
    for (; Count != 0; Count--) {
        *Buffer++ = StorPortReadPortUshort(HwDeviceExtension, Port);
    }
}

FORCEINLINE VOID StorPortWritePortBufferUshort(PVOID HwDeviceExtension, PUSHORT Port,
                                               PUSHORT Buffer, ULONG Count)
{
    for (; Count != 0; Count--) {
        StorPortWritePortUshort(HwDeviceExtension, Port, *Buffer++);
    }
}

FORCEINLINE VOID StorPortReadPortBufferUlong(PVOID HwDeviceExtension, PULONG Port, PULONG Buffer,
                                             ULONG Count)
{
    for (; Count != 0; Count--) {
        *Buffer++ = StorPortReadPortUlong(HwDeviceExtension, Port);
    }
}

FORCEINLINE VOID StorPortWritePortBufferUlong(PVOID HwDeviceExtension, PULONG Port, PULONG Buffer,
                                              ULONG Count)
{
    for (; Count != 0; Count--) {
        StorPortWritePortUlong(HwDeviceExtension, Port, *Buffer++);
    }
}

#endif

/* ---- Inline functions over the two polymorphic exports ------------------------------- */

/* Code 0x1000; at DIRQL. */
FORCEINLINE BOOLEAN StorPortEnablePassiveInitialization(
    PVOID DeviceExtension, PHW_PASSIVE_INITIALIZE_ROUTINE HwPassiveInitializeRoutine)
{
    LONG succeeded = FALSE;

    StorPortNotification(EnablePassiveInitialization, DeviceExtension, HwPassiveInitializeRoutine,
                         &succeeded);
    return (BOOLEAN)succeeded;
}

/* Code 0x1001. */
FORCEINLINE VOID StorPortInitializeDpc(PVOID DeviceExtension, PSTOR_DPC Dpc,
                                       PHW_DPC_ROUTINE HwDpcRoutine)
{
    StorPortNotification(InitializeDpc, DeviceExtension, Dpc, HwDpcRoutine);
}

/* Code 0x1009; Windows 10, version 1809 on. */
FORCEINLINE VOID StorPortInitializeDpcWithContext(PVOID DeviceExtension, PSTOR_DPC Dpc,
                                                  PHW_DPC_ROUTINE HwDpcRoutine, PVOID Context,
                                                  ULONG Importance)
{
    StorPortNotification(InitializeDpcWithContext, DeviceExtension, Dpc, HwDpcRoutine, Context,
                         Importance);
}

/* Code 0x100a; Windows 10, version 1809 on. */
FORCEINLINE VOID StorPortInitializeThreadedDpc(PVOID DeviceExtension, PSTOR_DPC Dpc,
                                               PHW_DPC_ROUTINE HwDpcRoutine, PVOID Context,
                                               BOOLEAN Importance)
{
    StorPortNotification(InitializeThreadedDpc, DeviceExtension, Dpc, HwDpcRoutine, Context,
                         Importance);
}

/* Code 0x1002. */
FORCEINLINE BOOLEAN StorPortIssueDpc(PVOID DeviceExtension, PSTOR_DPC Dpc, PVOID SystemArgument1,
                                     PVOID SystemArgument2)
{
    LONG succeeded = FALSE;

    StorPortNotification(IssueDpc, DeviceExtension, Dpc, SystemArgument1, SystemArgument2,
                         &succeeded);
    return (BOOLEAN)succeeded;
}

/* Code 0x1003. */
FORCEINLINE VOID StorPortAcquireSpinLock(PVOID DeviceExtension, STOR_SPINLOCK SpinLock,
                                         PVOID LockContext, PSTOR_LOCK_HANDLE LockHandle)
{
    StorPortNotification(AcquireSpinLock, DeviceExtension, SpinLock, LockContext, LockHandle);
}

/* Code 0x1004. */
FORCEINLINE VOID StorPortReleaseSpinLock(PVOID DeviceExtension, PSTOR_LOCK_HANDLE LockHandle)
{
    StorPortNotification(ReleaseSpinLock, DeviceExtension, LockHandle);
}

/* Code 0x0; at most DISPATCH_LEVEL. */
FORCEINLINE ULONG StorPortAllocatePool(PVOID HwDeviceExtension, ULONG NumberOfBytes, ULONG Tag,
                                       PVOID *BufferPointer)
{
    return StorPortExtendedFunction(ExtFunctionAllocatePool, HwDeviceExtension, NumberOfBytes, Tag,
                                    BufferPointer);
}

/* Code 0x1; at most DISPATCH_LEVEL. */
FORCEINLINE ULONG StorPortFreePool(PVOID HwDeviceExtension, PVOID BufferPointer)
{
    return StorPortExtendedFunction(ExtFunctionFreePool, HwDeviceExtension, BufferPointer);
}

/* Code 0x2; at most DISPATCH_LEVEL. */
FORCEINLINE ULONG StorPortAllocateMdl(PVOID HwDeviceExtension, PVOID BufferPointer,
                                      ULONG NumberOfBytes, PVOID *Mdl)
{
    return StorPortExtendedFunction(ExtFunctionAllocateMdl, HwDeviceExtension, BufferPointer,
                                    NumberOfBytes, Mdl);
}

/* Code 0x3; at most DISPATCH_LEVEL. */
FORCEINLINE ULONG StorPortFreeMdl(PVOID HwDeviceExtension, PVOID Mdl)
{
    return StorPortExtendedFunction(ExtFunctionFreeMdl, HwDeviceExtension, Mdl);
}

/* Code 0x4; at most DISPATCH_LEVEL. */
FORCEINLINE ULONG StorPortBuildMdlForNonPagedPool(PVOID HwDeviceExtension, PVOID Mdl)
{
    return StorPortExtendedFunction(ExtFunctionBuildMdlForNonPagedPool, HwDeviceExtension, Mdl);
}

/* Code 0x5; Windows Server 2003 with SP2 on; at most DISPATCH_LEVEL. */
FORCEINLINE ULONG StorPortGetSystemAddress(PVOID HwDeviceExtension, PSCSI_REQUEST_BLOCK Srb,
                                           PVOID *SystemAddress)
{
    return StorPortExtendedFunction(ExtFunctionGetSystemAddress, HwDeviceExtension, Srb,
                                    SystemAddress);
}

/* Code 0x6. */
FORCEINLINE ULONG StorPortGetOriginalMdl(PVOID HwDeviceExtension, PSCSI_REQUEST_BLOCK Srb,
                                         PVOID *Mdl)
{
    return StorPortExtendedFunction(ExtFunctionGetOriginalMdl, HwDeviceExtension, Srb, Mdl);
}

/* Code 0x7. */
FORCEINLINE ULONG StorPortCompleteServiceIrp(PVOID HwDeviceExtension, PVOID Irp)
{
    return StorPortExtendedFunction(ExtFunctionCompleteServiceIrp, HwDeviceExtension, Irp);
}

/* Code 0x8. */
FORCEINLINE ULONG StorPortGetDeviceObjects(PVOID HwDeviceExtension, PVOID *AdapterDeviceObject,
                                           PVOID *PhysicalDeviceObject, PVOID *LowerDeviceObject)
{
    return StorPortExtendedFunction(ExtFunctionGetDeviceObjects, HwDeviceExtension,
                                    AdapterDeviceObject, PhysicalDeviceObject, LowerDeviceObject);
}

/* Code 0x9; at DISPATCH_LEVEL. */
FORCEINLINE ULONG StorPortBuildScatterGatherList(PVOID HwDeviceExtension, PVOID Mdl,
                                                 PVOID CurrentVa, ULONG Length,
                                                 PPOST_SCATTER_GATHER_EXECUTE ExecutionRoutine,
                                                 PVOID Context, BOOLEAN WriteToDevice,
                                                 PVOID ScatterGatherBuffer,
                                                 ULONG ScatterGatherBufferLength)
{
    return StorPortExtendedFunction(ExtFunctionBuildScatterGatherList, HwDeviceExtension, Mdl,
                                    CurrentVa, Length, ExecutionRoutine, Context, WriteToDevice,
                                    ScatterGatherBuffer, ScatterGatherBufferLength);
}

/* Code 0xa; at DISPATCH_LEVEL. */
FORCEINLINE ULONG StorPortPutScatterGatherList(PVOID HwDeviceExtension,
                                               PSTOR_SCATTER_GATHER_LIST ScatterGatherList,
                                               BOOLEAN WriteToDevice)
{
    return StorPortExtendedFunction(ExtFunctionPutScatterGatherList, HwDeviceExtension,
                                    ScatterGatherList, WriteToDevice);
}

/* Code 0xb; Windows Vista on; any IRQL. */
FORCEINLINE ULONG StorPortAcquireMSISpinLock(PVOID HwDeviceExtension, ULONG MessageId,
                                             PULONG OldIrql)
{
    return StorPortExtendedFunction(ExtFunctionAcquireMSISpinLock, HwDeviceExtension, MessageId,
                                    OldIrql);
}

/* Code 0xc; Windows Vista on; any IRQL. */
FORCEINLINE ULONG StorPortReleaseMSISpinLock(PVOID HwDeviceExtension, ULONG MessageId,
                                             ULONG OldIrql)
{
    return StorPortExtendedFunction(ExtFunctionReleaseMSISpinLock, HwDeviceExtension, MessageId,
                                    OldIrql);
}

/* Code 0xd; Windows Vista on; any IRQL. */
FORCEINLINE ULONG StorPortGetMSIInfo(PVOID HwDeviceExtension, ULONG MessageId,
                                     PMESSAGE_INTERRUPT_INFORMATION InterruptInfo)
{
    return StorPortExtendedFunction(ExtFunctionGetMessageInterruptInformation, HwDeviceExtension,
                                    MessageId, InterruptInfo);
}

/* Code 0xe. */
FORCEINLINE ULONG StorPortInitializePerfOpts(PVOID HwDeviceExtension, BOOLEAN Query,
                                             PPERF_CONFIGURATION_DATA PerfConfigData)
{
    return StorPortExtendedFunction(ExtFunctionInitializePerformanceOptimizations,
                                    HwDeviceExtension, Query, PerfConfigData);
}

/* Code 0x44. */
FORCEINLINE ULONG StorPortInitializeRpmb(PVOID HwDeviceExtension, PSTOR_ADDRESS StorAddress,
                                         PSTOR_RPMB_CAPABILITIES_DATA RpmbCapabilitiesData)
{
    return StorPortExtendedFunction(ExtFunctionInitializeRpmb, HwDeviceExtension, StorAddress,
                                    RpmbCapabilitiesData);
}

/* Code 0xf. */
FORCEINLINE ULONG StorPortGetStartIoPerfParams(PVOID HwDeviceExtension, PSCSI_REQUEST_BLOCK Srb,
                                               PSTARTIO_PERFORMANCE_PARAMETERS StartIoPerfParams)
{
    return StorPortExtendedFunction(ExtFunctionGetStartIoPerformanceParameters, HwDeviceExtension,
                                    Srb, StartIoPerfParams);
}

/* Code 0x10. */
FORCEINLINE ULONG StorPortLogSystemEvent(PVOID HwDeviceExtension,
                                         PSTOR_LOG_EVENT_DETAILS LogDetails, PULONG MaximumSize)
{
    return StorPortExtendedFunction(ExtFunctionLogSystemEvent, HwDeviceExtension, LogDetails,
                                    MaximumSize);
}

/* Code 0x11; Windows 7 on; at most DISPATCH_LEVEL. */
FORCEINLINE ULONG StorPortGetCurrentProcessorNumber(PVOID HwDeviceExtension,
                                                    PPROCESSOR_NUMBER ProcNumber)
{
    return StorPortExtendedFunction(ExtFunctionGetCurrentProcessorNumber, HwDeviceExtension,
                                    ProcNumber);
}

/* Code 0x13; Windows 7 on; at most DISPATCH_LEVEL. */
FORCEINLINE ULONG StorPortGetGroupAffinity(PVOID HwDeviceExtension, USHORT GroupNumber,
                                           PKAFFINITY GroupAffinityMask)
{
    return StorPortExtendedFunction(ExtFunctionGetGroupAffinity, HwDeviceExtension, GroupNumber,
                                    GroupAffinityMask);
}

/* Code 0x12; Windows 7 on; at most DISPATCH_LEVEL. */
FORCEINLINE ULONG StorPortGetActiveGroupCount(PVOID HwDeviceExtension, PUSHORT NumberGroups)
{
    return StorPortExtendedFunction(ExtFunctionGetActiveGroupCount, HwDeviceExtension,
                                    NumberGroups);
}

/* Code 0x15; Windows 7 on; at most DISPATCH_LEVEL. */
FORCEINLINE ULONG StorPortGetNodeAffinity(PVOID HwDeviceExtension, ULONG NodeNumber,
                                          PGROUP_AFFINITY NodeAffinityMask)
{
    return StorPortExtendedFunction(ExtFunctionGetNodeAffinity, HwDeviceExtension, NodeNumber,
                                    NodeAffinityMask);
}

/* Code 0x14; Windows 7 on; at most DISPATCH_LEVEL. */
FORCEINLINE ULONG StorPortGetActiveNodeCount(PVOID HwDeviceExtension, PULONG NumberNodes)
{
    return StorPortExtendedFunction(ExtFunctionGetActiveNodeCount, HwDeviceExtension, NumberNodes);
}

/* Code 0x16; Windows 7 on; at most DISPATCH_LEVEL. */
FORCEINLINE ULONG StorPortGetHighestNodeNumber(PVOID HwDeviceExtension, PULONG HighestNode)
{
    return StorPortExtendedFunction(ExtFunctionGetHighestNodeNumber, HwDeviceExtension,
                                    HighestNode);
}

/* Code 0x38. */
FORCEINLINE ULONG StorPortGetProcessorIndexFromNumber(PVOID HwDeviceExtension,
                                                      PPROCESSOR_NUMBER ProcessorNumber,
                                                      PULONG ProcessorIndex)
{
    return StorPortExtendedFunction(ExtFunctionGetProcessorIndexFromNumber, HwDeviceExtension,
                                    ProcessorNumber, ProcessorIndex);
}

/* Code 0x5c; Windows 10, version 1809 on. */
FORCEINLINE ULONG StorPortGetCurrentProcessorIndex(PVOID HwDeviceExtension, PULONG ProcessorIndex)
{
    return StorPortExtendedFunction(ExtFunctionGetCurrentProcessorIndex, HwDeviceExtension,
                                    ProcessorIndex);
}

/* Code 0x5e; Windows 10, version 1809 on. */
FORCEINLINE ULONG StorPortGetProcessorCount(PVOID HwDeviceExtension, PULONG ProcessorCount)
{
    return StorPortExtendedFunction(ExtFunctionGetProcessorCount, HwDeviceExtension,
                                    ProcessorCount);
}

/* Code 0x17; Windows 7 on; at most DISPATCH_LEVEL. */
FORCEINLINE ULONG StorPortGetLogicalProcessorRelationship(
    PVOID HwDeviceExtension, PPROCESSOR_NUMBER ProcessorNumber,
    LOGICAL_PROCESSOR_RELATIONSHIP RelationshipType,
    PSYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX Information, PULONG Length)
{
    return StorPortExtendedFunction(ExtFunctionGetLogicalProcessorRelationship, HwDeviceExtension,
                                    ProcessorNumber, RelationshipType, Information, Length);
}

/* Code 0x18; Windows 7 on; at most DISPATCH_LEVEL. */
FORCEINLINE ULONG StorPortAllocateContiguousMemorySpecifyCacheNode(
    PVOID HwDeviceExtension, SIZE_T NumberOfBytes, PHYSICAL_ADDRESS LowestAcceptableAddress,
    PHYSICAL_ADDRESS HighestAcceptableAddress, PHYSICAL_ADDRESS BoundaryAddressMultiple,
    MEMORY_CACHING_TYPE CacheType, NODE_REQUIREMENT PreferredNode, PVOID *BufferPointer)
{
    return StorPortExtendedFunction(ExtFunctionAllocateContiguousMemorySpecifyCacheNode,
                                    HwDeviceExtension, NumberOfBytes, LowestAcceptableAddress,
                                    HighestAcceptableAddress, BoundaryAddressMultiple, CacheType,
                                    PreferredNode, BufferPointer);
}

/* Code 0x19; Windows 7 on; at most DISPATCH_LEVEL. */
FORCEINLINE ULONG StorPortFreeContiguousMemorySpecifyCache(PVOID HwDeviceExtension,
                                                           PVOID BaseAddress, SIZE_T NumberOfBytes,
                                                           MEMORY_CACHING_TYPE CacheType)
{
    return StorPortExtendedFunction(ExtFunctionFreeContiguousMemorySpecifyCache, HwDeviceExtension,
                                    BaseAddress, NumberOfBytes, CacheType);
}

/* Code 0x1a; Windows 8 on; any IRQL. */
FORCEINLINE ULONG StorPortSetPowerSettingNotificationGuids(PVOID HwDeviceExtension, ULONG GuidCount,
                                                           LPGUID Guid)
{
    return StorPortExtendedFunction(ExtFunctionSetPowerSettingNotificationGuids, HwDeviceExtension,
                                    GuidCount, Guid);
}

/* Code 0x1b; Windows 8 on; at PASSIVE_LEVEL. */
FORCEINLINE ULONG StorPortInvokeAcpiMethod(PVOID HwDeviceExtension, PSTOR_ADDRESS Address,
                                           ULONG MethodName, PVOID InputBuffer,
                                           ULONG InputBufferLength, PVOID OutputBuffer,
                                           ULONG OutputBufferLength, PULONG BytesReturned)
{
    return StorPortExtendedFunction(ExtFunctionInvokeAcpiMethod, HwDeviceExtension, Address,
                                    MethodName, InputBuffer, InputBufferLength, OutputBuffer,
                                    OutputBufferLength, BytesReturned);
}

/* Code 0x28; Windows 8 on; any IRQL. */
FORCEINLINE ULONG StorPortGetActivityIdSrb(PVOID HwDeviceExtension, PSCSI_REQUEST_BLOCK Srb,
                                           LPGUID ActivityId)
{
    return StorPortExtendedFunction(ExtFunctionGetActivityId, HwDeviceExtension, Srb, ActivityId);
}

/* Code 0x2a; Windows 8 on; any IRQL. */
FORCEINLINE ULONG StorPortGetDataInBufferMdl(PVOID HwDeviceExtension, PSCSI_REQUEST_BLOCK Srb,
                                             PVOID *Mdl)
{
    return StorPortExtendedFunction(ExtFunctionGetDataInBufferMdl, HwDeviceExtension, Srb, Mdl);
}

/* Code 0x2b; Windows 8 on; at most DISPATCH_LEVEL. */
FORCEINLINE ULONG StorPortGetDataInBufferSystemAddress(PVOID HwDeviceExtension,
                                                       PSCSI_REQUEST_BLOCK Srb,
                                                       PVOID *SystemAddress)
{
    return StorPortExtendedFunction(ExtFunctionGetDataInBufferSystemAddress, HwDeviceExtension, Srb,
                                    SystemAddress);
}

/* Code 0x2c; Windows 8 on; any IRQL. */
FORCEINLINE ULONG StorPortGetDataInBufferScatterGatherList(PVOID HwDeviceExtension,
                                                           PSCSI_REQUEST_BLOCK Srb,
                                                           PSTOR_SCATTER_GATHER_LIST *SgList)
{
    return StorPortExtendedFunction(ExtFunctionGetDataInBufferScatterGatherList, HwDeviceExtension,
                                    Srb, SgList);
}

/* Code 0x36. */
FORCEINLINE ULONG StorPortFlushDataBufferMdl(PVOID HwDeviceExtension, PSCSI_REQUEST_BLOCK Srb)
{
    return StorPortExtendedFunction(ExtFunctionFlushDataBufferMdl, HwDeviceExtension, Srb);
}

/* Code 0x3e; at PASSIVE_LEVEL. */
FORCEINLINE ULONG StorPortRegistryReadAdapterKey(PVOID HwDeviceExtension, PUCHAR SubKeyName,
                                                 PUCHAR ValueName, ULONG ValueType,
                                                 PVOID *ValueData, PULONG ValueDataLength)
{
    return StorPortExtendedFunction(ExtFunctionRegistryReadAdapterKey, HwDeviceExtension,
                                    SubKeyName, ValueName, ValueType, ValueData, ValueDataLength);
}

/* Code 0x3f; at PASSIVE_LEVEL. */
FORCEINLINE ULONG StorPortRegistryWriteAdapterKey(PVOID HwDeviceExtension, PUCHAR SubKeyName,
                                                  PUCHAR ValueName, ULONG ValueType,
                                                  PVOID ValueData, ULONG ValueDataLength)
{
    return StorPortExtendedFunction(ExtFunctionRegistryWriteAdapterKey, HwDeviceExtension,
                                    SubKeyName, ValueName, ValueType, ValueData, ValueDataLength);
}

/* Code 0x2d; Windows 8 on; any IRQL. */
FORCEINLINE ULONG StorPortMarkDumpMemory(PVOID HwDeviceExtension, PVOID Address, ULONG_PTR Length,
                                         ULONG Flags)
{
    return StorPortExtendedFunction(ExtFunctionMarkDumpMemory, HwDeviceExtension, Address, Length,
                                    Flags);
}

/* Code 0x2e; Windows 8 on; any IRQL. */
FORCEINLINE ULONG StorPortSetUnitAttributes(PVOID HwDeviceExtension, PSTOR_ADDRESS Address,
                                            STOR_UNIT_ATTRIBUTES Attributes)
{
    return StorPortExtendedFunction(ExtFunctionSetUnitAttributes, HwDeviceExtension, Address,
                                    Attributes);
}

/* Code 0x2f; Windows 8 on; any IRQL. */
FORCEINLINE ULONG StorPortQueryPerformanceCounter(PVOID HwDeviceExtension,
                                                  PLARGE_INTEGER PerformanceFrequency,
                                                  PLARGE_INTEGER PerformanceCounter)
{
    return StorPortExtendedFunction(ExtFunctionQueryPerformanceCounter, HwDeviceExtension,
                                    PerformanceFrequency, PerformanceCounter);
}

/* Code 0x29; Windows 8 on. */
FORCEINLINE ULONG StorPortGetSystemPortNumber(PVOID HwDeviceExtension, PSTOR_ADDRESS Address)
{
    return StorPortExtendedFunction(ExtFunctionGetSystemPortNumber, HwDeviceExtension, Address);
}

/* Code 0x40; Windows 10 on. */
FORCEINLINE ULONG StorPortSetAdapterBusType(PVOID HwDeviceExtension, ULONG BusType)
{
    return StorPortExtendedFunction(ExtFunctionSetAdapterBusType, HwDeviceExtension, BusType);
}

/* Code 0x1c; Windows 8 on; any IRQL. */
FORCEINLINE ULONG StorPortGetRequestInfo(PVOID HwDeviceExtension, PSCSI_REQUEST_BLOCK Srb,
                                         PSTOR_REQUEST_INFO RequestInfo)
{
    return StorPortExtendedFunction(ExtFunctionGetRequestInfo, HwDeviceExtension, Srb, RequestInfo);
}

/* Code 0x1d; Windows 8 on; at most DISPATCH_LEVEL. */
FORCEINLINE ULONG StorPortInitializeWorker(PVOID HwDeviceExtension, PVOID *Worker)
{
    return StorPortExtendedFunction(ExtFunctionInitializeWorker, HwDeviceExtension, Worker);
}

/* Code 0x1e; Windows 8 on; at most DISPATCH_LEVEL. */
FORCEINLINE ULONG StorPortQueueWorkItem(PVOID HwDeviceExtension, PHW_WORKITEM WorkItemCallback,
                                        PVOID Worker, PVOID Context)
{
    return StorPortExtendedFunction(ExtFunctionQueueWorkItem, HwDeviceExtension, WorkItemCallback,
                                    Worker, Context);
}

/* Code 0x1f; Windows 8 on; at most DISPATCH_LEVEL. */
FORCEINLINE ULONG StorPortFreeWorker(PVOID HwDeviceExtension, PVOID Worker)
{
    return StorPortExtendedFunction(ExtFunctionFreeWorker, HwDeviceExtension, Worker);
}

/* Code 0x20; Windows 8 on; at most DISPATCH_LEVEL. */
FORCEINLINE ULONG StorPortInitializeTimer(PVOID HwDeviceExtension, PVOID *TimerHandle)
{
    return StorPortExtendedFunction(ExtFunctionInitializeTimer, HwDeviceExtension, TimerHandle);
}

/* Code 0x21; Windows 8 on; any IRQL. */
FORCEINLINE ULONG StorPortRequestTimer(PVOID HwDeviceExtension, PVOID TimerHandle,
                                       PHW_TIMER_EX TimerCallback, PVOID CallbackContext,
                                       ULONGLONG TimerValue, ULONGLONG TolerableDelay)
{
    return StorPortExtendedFunction(ExtFunctionRequestTimer, HwDeviceExtension, TimerHandle,
                                    TimerCallback, CallbackContext, TimerValue, TolerableDelay);
}

/* Code 0x22; Windows 8 on; at most DISPATCH_LEVEL. */
FORCEINLINE ULONG StorPortFreeTimer(PVOID HwDeviceExtension, PVOID TimerHandle)
{
    return StorPortExtendedFunction(ExtFunctionFreeTimer, HwDeviceExtension, TimerHandle);
}

/* Code 0x58; Windows 10, version 1809 on. */
FORCEINLINE ULONG StorPortInitializeHighResolutionTimer(PVOID HwDeviceExtension,
                                                        PHW_TIMER_EX Callback, PVOID Context,
                                                        PVOID *TimerHandle)
{
    return StorPortExtendedFunction(ExtFunctionInitializeHighResolutionTimer, HwDeviceExtension,
                                    Callback, Context, TimerHandle);
}

/* Code 0x59; Windows 10, version 1809 on. */
FORCEINLINE ULONG StorPortRequestHighResolutionTimer(PVOID HwDeviceExtension, PVOID TimerHandle,
                                                     LONGLONG DueTime, LONGLONG Period,
                                                     PSTOR_EXT_SET_PARAMETERS Parameters,
                                                     BOOLEAN *ReturnValue)
{
    return StorPortExtendedFunction(ExtFunctionRequestHighResolutionTimer, HwDeviceExtension,
                                    TimerHandle, DueTime, Period, Parameters, ReturnValue);
}

/* Code 0x5a; Windows 10, version 1809 on. */
FORCEINLINE ULONG StorPortCancelHighResolutionTimer(PVOID HwDeviceExtension, PVOID TimerHandle,
                                                    PVOID Parameters, BOOLEAN *ReturnValue)
{
    return StorPortExtendedFunction(ExtFunctionCancelHighResolutionTimer, HwDeviceExtension,
                                    TimerHandle, Parameters, ReturnValue);
}

/* Code 0x5b; Windows 10, version 1809 on. */
FORCEINLINE ULONG StorPortFreeHighResolutionTimer(PVOID HwDeviceExtension, PVOID TimerHandle,
                                                  BOOLEAN Cancel, BOOLEAN Wait,
                                                  PSTOR_EXT_DELETE_PARAMETERS Parameters,
                                                  BOOLEAN *ReturnValue)
{
    return StorPortExtendedFunction(ExtFunctionFreeHighResolutionTimer, HwDeviceExtension,
                                    TimerHandle, Cancel, Wait, Parameters, ReturnValue);
}

/* Code 0x5d; Windows 10, version 1809 on. */
FORCEINLINE ULONG StorPortAcquireSpinLockEx(PVOID HwDeviceExtension, STOR_SPINLOCK SpinLock,
                                            PVOID LockContext, PSTOR_LOCK_HANDLE LockHandle)
{
    return StorPortExtendedFunction(ExtFunctionAcquireSpinLock, HwDeviceExtension, SpinLock,
                                    LockContext, LockHandle);
}

/* Code 0x1005; Windows 8 on; any IRQL. */
FORCEINLINE ULONG StorPortStateChangeDetected(PVOID HwDeviceExtension, ULONG ChangedEntity,
                                              PSTOR_ADDRESS Address, ULONG Attributes,
                                              PHW_STATE_CHANGE HwStateChange,
                                              PVOID HwStateChangeContext)
{
    ULONG status = STOR_STATUS_NOT_IMPLEMENTED;

    StorPortNotification(StateChangeDetectedCall, HwDeviceExtension, ChangedEntity, Address,
                         Attributes, HwStateChange, HwStateChangeContext, &status);
    return status;
}

/* Code 0x1007; Windows 8 on; any IRQL. */
FORCEINLINE ULONG StorPortAsyncNotificationDetected(PVOID HwDeviceExtension, PSTOR_ADDRESS Address,
                                                    ULONGLONG Flags)
{
    ULONG status = STOR_STATUS_NOT_IMPLEMENTED;

    StorPortNotification(AsyncNotificationDetected, HwDeviceExtension, Address, Flags, &status);
    return status;
}

/* Code 0x23; Windows 8 on; at most DISPATCH_LEVEL. */
FORCEINLINE ULONG StorPortInitializeSListHead(PVOID HwDeviceExtension, PSTOR_SLIST_HEADER SListHead)
{
    return StorPortExtendedFunction(ExtFunctionInitializeSListHead, HwDeviceExtension, SListHead);
}

/* Code 0x24; Windows 8 on; at most DISPATCH_LEVEL. */
FORCEINLINE ULONG StorPortInterlockedFlushSList(PVOID HwDeviceExtension,
                                                PSTOR_SLIST_HEADER SListHead,
                                                PSTOR_SLIST_ENTRY *Result)
{
    return StorPortExtendedFunction(ExtFunctionInterlockedFlushSList, HwDeviceExtension, SListHead,
                                    Result);
}

/* Code 0x25; Windows 8 on; at most DISPATCH_LEVEL. */
FORCEINLINE ULONG StorPortInterlockedPopEntrySList(PVOID HwDeviceExtension,
                                                   PSTOR_SLIST_HEADER SListHead,
                                                   PSTOR_SLIST_ENTRY *Result)
{
    return StorPortExtendedFunction(ExtFunctionInterlockedPopEntrySList, HwDeviceExtension,
                                    SListHead, Result);
}

/* Code 0x26; Windows 8 on; at most DISPATCH_LEVEL. */
FORCEINLINE ULONG StorPortInterlockedPushEntrySList(PVOID HwDeviceExtension,
                                                    PSTOR_SLIST_HEADER SListHead,
                                                    PSTOR_SLIST_ENTRY SListEntry,
                                                    PSTOR_SLIST_ENTRY *Result)
{
    return StorPortExtendedFunction(ExtFunctionInterlockedPushEntrySList, HwDeviceExtension,
                                    SListHead, SListEntry, Result);
}

/* Code 0x27; Windows 8 on; at most DISPATCH_LEVEL. */
FORCEINLINE ULONG StorPortQueryDepthSList(PVOID HwDeviceExtension, PSTOR_SLIST_HEADER SListHead,
                                          PSHORT Result)
{
    return StorPortExtendedFunction(ExtFunctionQueryDepthSList, HwDeviceExtension, SListHead,
                                    Result);
}

/* Code 0x45. */
FORCEINLINE ULONG StorPortAllocateHostMemoryBuffer(
    PVOID HwDeviceExtension, SIZE_T MinimumBytes, SIZE_T PreferredBytes, ULONGLONG UtilizationBytes,
    ULONG AlignmentBytes, PHYSICAL_ADDRESS LowestAcceptableAddress,
    PHYSICAL_ADDRESS HighestAcceptableAddress, PHYSICAL_ADDRESS BoundaryAddressMultiple,
    PACCESS_RANGE PhysicalAddressRanges, PULONG PhysicalAddressRangeCount)
{
    return StorPortExtendedFunction(
        ExtFunctionAllocateHmb, HwDeviceExtension, MinimumBytes, PreferredBytes, UtilizationBytes,
        AlignmentBytes, LowestAcceptableAddress, HighestAcceptableAddress, BoundaryAddressMultiple,
        PhysicalAddressRanges, PhysicalAddressRangeCount);
}

/* Code 0x46. */
FORCEINLINE ULONG StorPortFreeHostMemoryBuffer(PVOID HwDeviceExtension,
                                               PACCESS_RANGE PhysicalAddressRanges,
                                               ULONG PhysicalAddressRangeCount)
{
    return StorPortExtendedFunction(ExtFunctionFreeHmb, HwDeviceExtension, PhysicalAddressRanges,
                                    PhysicalAddressRangeCount);
}

/* Code 0x30; Windows 8 on. */
FORCEINLINE ULONG StorPortInitializePoFxPower(PVOID HwDeviceExtension, PSTOR_ADDRESS Address,
                                              PSTOR_POFX_DEVICE Device, PBOOLEAN D3ColdEnabled)
{
    return StorPortExtendedFunction(ExtFunctionInitializePoFxPower, HwDeviceExtension, Address,
                                    Device, D3ColdEnabled);
}

/* Code 0x31; Windows 8 on; at most DISPATCH_LEVEL. */
FORCEINLINE ULONG StorPortPoFxActivateComponent(PVOID HwDeviceExtension, PSTOR_ADDRESS Address,
                                                PSCSI_REQUEST_BLOCK Srb, ULONG Component,
                                                ULONG Flags)
{
    return StorPortExtendedFunction(ExtFunctionPoFxActivateComponent, HwDeviceExtension, Address,
                                    Srb, Component, Flags);
}

/* Code 0x32; Windows 8 on; any IRQL. */
FORCEINLINE ULONG StorPortPoFxIdleComponent(PVOID HwDeviceExtension, PSTOR_ADDRESS Address,
                                            PSCSI_REQUEST_BLOCK Srb, ULONG Component, ULONG Flags)
{
    return StorPortExtendedFunction(ExtFunctionPoFxIdleComponent, HwDeviceExtension, Address, Srb,
                                    Component, Flags);
}

/* Code 0x33; Windows 8 on; at most DISPATCH_LEVEL. */
FORCEINLINE ULONG StorPortPoFxSetComponentLatency(PVOID HwDeviceExtension, PSTOR_ADDRESS Address,
                                                  ULONG Component, ULONGLONG Latency)
{
    return StorPortExtendedFunction(ExtFunctionPoFxSetComponentLatency, HwDeviceExtension, Address,
                                    Component, Latency);
}

/* Code 0x34; Windows 8 on; at most DISPATCH_LEVEL. */
FORCEINLINE ULONG StorPortPoFxSetComponentResidency(PVOID HwDeviceExtension, PSTOR_ADDRESS Address,
                                                    ULONG Component, ULONGLONG Residency)
{
    return StorPortExtendedFunction(ExtFunctionPoFxSetComponentResidency, HwDeviceExtension,
                                    Address, Component, Residency);
}

/* Code 0x35; Windows 8 on; at most DISPATCH_LEVEL. */
FORCEINLINE ULONG StorPortPoFxPowerControl(PVOID HwDeviceExtension, PSTOR_ADDRESS Address,
                                           LPCGUID PowerControlCode, PVOID InBuffer,
                                           SIZE_T InBufferSize, PVOID OutBuffer,
                                           SIZE_T OutBufferSize, PSIZE_T BytesReturned)
{
    return StorPortExtendedFunction(ExtFunctionPoFxPowerControl, HwDeviceExtension, Address,
                                    PowerControlCode, InBuffer, InBufferSize, OutBuffer,
                                    OutBufferSize, BytesReturned);
}

/* Code 0x39; Windows 8 on. */
FORCEINLINE ULONG StorPortPoFxSetIdleTimeout(PVOID HwDeviceExtension, PSTOR_ADDRESS Address,
                                             ULONG IdleTimeoutInMS)
{
    return StorPortExtendedFunction(ExtFunctionPoFxSetIdleTimeout, HwDeviceExtension, Address,
                                    IdleTimeoutInMS);
}

/* Code 0x41. */
FORCEINLINE ULONG StorPortPoFxRegisterPerfStates(PVOID HwDeviceExtension, PSTOR_ADDRESS Address,
                                                 ULONG Component, ULONGLONG Flags,
                                                 ULONG PerfSetCount,
                                                 PSTOR_POFX_COMPONENT_PERF_SET PerfSets)
{
    return StorPortExtendedFunction(ExtFunctionPoFxRegisterPerfStates, HwDeviceExtension, Address,
                                    Component, Flags, PerfSetCount, PerfSets);
}

/* Code 0x42; Windows 8 on. */
FORCEINLINE ULONG StorPortPoFxSetPerfState(PVOID HwDeviceExtension, PSTOR_ADDRESS Address,
                                           ULONG Component, ULONG Flags, ULONG SetIndex,
                                           ULONG State, PVOID Context)
{
    return StorPortExtendedFunction(ExtFunctionPoFxSetPerfState, HwDeviceExtension, Address,
                                    Component, Flags, SetIndex, State, Context);
}

/* Code 0x37; Windows 8.1 on; at PASSIVE_LEVEL. */
FORCEINLINE ULONG StorPortIsDeviceOperationAllowed(PVOID HwDeviceExtension, PSTOR_ADDRESS Address,
                                                   LPCGUID DeviceOperation, ULONG *AllowedFlag)
{
    return StorPortExtendedFunction(ExtFunctionDeviceOperationAllowed, HwDeviceExtension, Address,
                                    DeviceOperation, AllowedFlag);
}

/* Code 0x3d; Windows 8.1 on; at PASSIVE_LEVEL. */
FORCEINLINE ULONG StorPortIsCurrentOsInstallationUpgrade(PVOID HwDeviceExtension, BOOLEAN *Upgraded)
{
    return StorPortExtendedFunction(ExtFunctionCurrentOsInstallationUpgrade, HwDeviceExtension,
                                    Upgraded);
}

/* Code 0x43. */
FORCEINLINE ULONG StorPortGetD3ColdSupport(PVOID HwDeviceExtension, PVOID Address,
                                           PBOOLEAN Supported)
{
    return StorPortExtendedFunction(ExtFunctionGetD3ColdSupport, HwDeviceExtension, Address,
                                    Supported);
}

/* Code 0x47; Windows 10 on. */
FORCEINLINE ULONG StorPortPropagateIrpExtension(PVOID HwDeviceExtension, PSCSI_REQUEST_BLOCK Srb,
                                                PVOID TargetIrp, ULONG Flags)
{
    return StorPortExtendedFunction(ExtFunctionPropagateIrpExtension, HwDeviceExtension, Srb,
                                    TargetIrp, Flags);
}

/* Code 0x48; Windows 10, version 1703 on. */
FORCEINLINE ULONG StorPortInterlockedInsertHeadList(PVOID HwDeviceExtension,
                                                    PSTOR_LIST_ENTRY ListHead,
                                                    PSTOR_LIST_ENTRY ListEntry,
                                                    PSTOR_LIST_ENTRY *Result, PSTOR_KSPIN_LOCK Lock)
{
    return StorPortExtendedFunction(ExtFunctionInterlockedInsertHeadList, HwDeviceExtension,
                                    ListHead, ListEntry, Result, Lock);
}

/* Code 0x49; Windows 10, version 1703 on. */
FORCEINLINE ULONG StorPortInterlockedInsertTailList(PVOID HwDeviceExtension,
                                                    PSTOR_LIST_ENTRY ListHead,
                                                    PSTOR_LIST_ENTRY ListEntry,
                                                    PSTOR_LIST_ENTRY *Result, PSTOR_KSPIN_LOCK Lock)
{
    return StorPortExtendedFunction(ExtFunctionInterlockedInsertTailList, HwDeviceExtension,
                                    ListHead, ListEntry, Result, Lock);
}

/* Code 0x4a; Windows 10, version 1703 on. */
FORCEINLINE ULONG StorPortInterlockedRemoveHeadList(PVOID HwDeviceExtension,
                                                    PSTOR_LIST_ENTRY ListHead,
                                                    PSTOR_LIST_ENTRY *Result, PSTOR_KSPIN_LOCK Lock)
{
    return StorPortExtendedFunction(ExtFunctionInterlockedRemoveHeadList, HwDeviceExtension,
                                    ListHead, Result, Lock);
}

/* Code 0x4b; Windows 10, version 1703 on. */
FORCEINLINE ULONG StorPortInitializeSpinlock(PVOID HwDeviceExtension, PSTOR_KSPIN_LOCK Lock)
{
    return StorPortExtendedFunction(ExtFunctionInitializeSpinlock, HwDeviceExtension, Lock);
}

/* Code 0x4c; Windows 10, version 1703 on. */
FORCEINLINE ULONG StorPortGetPfns(PVOID HwDeviceExtension, PSCSI_REQUEST_BLOCK Srb, PVOID Mdl,
                                  PVOID *Pfns, ULONG *PfnCount, ULONG *StartingOffset)
{
    return StorPortExtendedFunction(ExtFunctionGetPfns, HwDeviceExtension, Srb, Mdl, Pfns, PfnCount,
                                    StartingOffset);
}

/* Code 0x4d; Windows 8 on. */
FORCEINLINE ULONG StorPortInitializeCryptoEngine(
    PVOID HwDeviceExtension, PSTOR_CRYPTO_CAPABILITIES_DATA CryptoCapabilitiesData)
{
    return StorPortExtendedFunction(ExtFunctionInitializeCryptoEngine, HwDeviceExtension,
                                    CryptoCapabilitiesData);
}

/* Code 0x4e; Windows 8 on. */
FORCEINLINE ULONG StorPortGetRequestCryptoInfo(PVOID HwDeviceExtension, PSCSI_REQUEST_BLOCK Srb,
                                               PSTOR_CRYPTO_KEY_INFO CryptoKeyInfo)
{
    return StorPortExtendedFunction(ExtFunctionGetRequestCryptoInfo, HwDeviceExtension, Srb,
                                    CryptoKeyInfo);
}

/* Code 0x55; Windows 8.1 on; at most DISPATCH_LEVEL. */
FORCEINLINE ULONG StorPortEtwEvent2(PVOID HwDeviceExtension, PSTOR_ADDRESS Address, ULONG EventId,
                                    PWSTR EventDescription, ULONGLONG EventKeywords,
                                    STORPORT_ETW_LEVEL EventLevel,
                                    STORPORT_ETW_EVENT_OPCODE EventOpcode, PSCSI_REQUEST_BLOCK Srb,
                                    PWSTR Parameter1Name, ULONGLONG Parameter1Value,
                                    PWSTR Parameter2Name, ULONGLONG Parameter2Value)
{
    return StorPortExtendedFunction(ExtFunctionMiniportChannelEtwEvent2, HwDeviceExtension, Address,
                                    StorportEtwEventDiagnostic, EventId, EventDescription,
                                    EventKeywords, EventLevel, EventOpcode, Srb, Parameter1Name,
                                    Parameter1Value, Parameter2Name, Parameter2Value);
}

/* Code 0x56; Windows 8.1 on; at most DISPATCH_LEVEL. */
FORCEINLINE ULONG StorPortEtwEvent4(PVOID HwDeviceExtension, PSTOR_ADDRESS Address, ULONG EventId,
                                    PWSTR EventDescription, ULONGLONG EventKeywords,
                                    STORPORT_ETW_LEVEL EventLevel,
                                    STORPORT_ETW_EVENT_OPCODE EventOpcode, PSCSI_REQUEST_BLOCK Srb,
                                    PWSTR Parameter1Name, ULONGLONG Parameter1Value,
                                    PWSTR Parameter2Name, ULONGLONG Parameter2Value,
                                    PWSTR Parameter3Name, ULONGLONG Parameter3Value,
                                    PWSTR Parameter4Name, ULONGLONG Parameter4Value)
{
    return StorPortExtendedFunction(
        ExtFunctionMiniportChannelEtwEvent4, HwDeviceExtension, Address, StorportEtwEventDiagnostic,
        EventId, EventDescription, EventKeywords, EventLevel, EventOpcode, Srb, Parameter1Name,
        Parameter1Value, Parameter2Name, Parameter2Value, Parameter3Name, Parameter3Value,
        Parameter4Name, Parameter4Value);
}

/* Code 0x57; Windows 8.1 on; at most DISPATCH_LEVEL. */
FORCEINLINE ULONG StorPortEtwEvent8(
    PVOID HwDeviceExtension, PSTOR_ADDRESS Address, ULONG EventId, PWSTR EventDescription,
    ULONGLONG EventKeywords, STORPORT_ETW_LEVEL EventLevel, STORPORT_ETW_EVENT_OPCODE EventOpcode,
    PSCSI_REQUEST_BLOCK Srb, PWSTR Parameter1Name, ULONGLONG Parameter1Value, PWSTR Parameter2Name,
    ULONGLONG Parameter2Value, PWSTR Parameter3Name, ULONGLONG Parameter3Value,
    PWSTR Parameter4Name, ULONGLONG Parameter4Value, PWSTR Parameter5Name,
    ULONGLONG Parameter5Value, PWSTR Parameter6Name, ULONGLONG Parameter6Value,
    PWSTR Parameter7Name, ULONGLONG Parameter7Value, PWSTR Parameter8Name,
    ULONGLONG Parameter8Value)
{
    return StorPortExtendedFunction(
        ExtFunctionMiniportChannelEtwEvent8, HwDeviceExtension, Address, StorportEtwEventDiagnostic,
        EventId, EventDescription, EventKeywords, EventLevel, EventOpcode, Srb, Parameter1Name,
        Parameter1Value, Parameter2Name, Parameter2Value, Parameter3Name, Parameter3Value,
        Parameter4Name, Parameter4Value, Parameter5Name, Parameter5Value, Parameter6Name,
        Parameter6Value, Parameter7Name, Parameter7Value, Parameter8Name, Parameter8Value);
}

/* Code 0x55; Windows 10, version 1809 on. */
FORCEINLINE ULONG StorPortEtwChannelEvent2(
    PVOID HwDeviceExtension, PSTOR_ADDRESS Address, STORPORT_ETW_EVENT_CHANNEL EventChannel,
    ULONG EventId, PWSTR EventDescription, ULONGLONG EventKeywords, STORPORT_ETW_LEVEL EventLevel,
    STORPORT_ETW_EVENT_OPCODE EventOpcode, PSCSI_REQUEST_BLOCK Srb, PWSTR Parameter1Name,
    ULONGLONG Parameter1Value, PWSTR Parameter2Name, ULONGLONG Parameter2Value)
{
    return StorPortExtendedFunction(ExtFunctionMiniportChannelEtwEvent2, HwDeviceExtension, Address,
                                    EventChannel, EventId, EventDescription, EventKeywords,
                                    EventLevel, EventOpcode, Srb, Parameter1Name, Parameter1Value,
                                    Parameter2Name, Parameter2Value);
}

/* Code 0x56; Windows 10, version 1809 on. */
FORCEINLINE ULONG StorPortEtwChannelEvent4(
    PVOID HwDeviceExtension, PSTOR_ADDRESS Address, STORPORT_ETW_EVENT_CHANNEL EventChannel,
    ULONG EventId, PWSTR EventDescription, ULONGLONG EventKeywords, STORPORT_ETW_LEVEL EventLevel,
    STORPORT_ETW_EVENT_OPCODE EventOpcode, PSCSI_REQUEST_BLOCK Srb, PWSTR Parameter1Name,
    ULONGLONG Parameter1Value, PWSTR Parameter2Name, ULONGLONG Parameter2Value,
    PWSTR Parameter3Name, ULONGLONG Parameter3Value, PWSTR Parameter4Name,
    ULONGLONG Parameter4Value)
{
    return StorPortExtendedFunction(ExtFunctionMiniportChannelEtwEvent4, HwDeviceExtension, Address,
                                    EventChannel, EventId, EventDescription, EventKeywords,
                                    EventLevel, EventOpcode, Srb, Parameter1Name, Parameter1Value,
                                    Parameter2Name, Parameter2Value, Parameter3Name,
                                    Parameter3Value, Parameter4Name, Parameter4Value);
}

/* Code 0x57; Windows 10, version 1809 on. */
FORCEINLINE ULONG StorPortEtwChannelEvent8(
    PVOID HwDeviceExtension, PSTOR_ADDRESS Address, STORPORT_ETW_EVENT_CHANNEL EventChannel,
    ULONG EventId, PWSTR EventDescription, ULONGLONG EventKeywords, STORPORT_ETW_LEVEL EventLevel,
    STORPORT_ETW_EVENT_OPCODE EventOpcode, PSCSI_REQUEST_BLOCK Srb, PWSTR Parameter1Name,
    ULONGLONG Parameter1Value, PWSTR Parameter2Name, ULONGLONG Parameter2Value,
    PWSTR Parameter3Name, ULONGLONG Parameter3Value, PWSTR Parameter4Name,
    ULONGLONG Parameter4Value, PWSTR Parameter5Name, ULONGLONG Parameter5Value,
    PWSTR Parameter6Name, ULONGLONG Parameter6Value, PWSTR Parameter7Name,
    ULONGLONG Parameter7Value, PWSTR Parameter8Name, ULONGLONG Parameter8Value)
{
    return StorPortExtendedFunction(
        ExtFunctionMiniportChannelEtwEvent8, HwDeviceExtension, Address, EventChannel, EventId,
        EventDescription, EventKeywords, EventLevel, EventOpcode, Srb, Parameter1Name,
        Parameter1Value, Parameter2Name, Parameter2Value, Parameter3Name, Parameter3Value,
        Parameter4Name, Parameter4Value, Parameter5Name, Parameter5Value, Parameter6Name,
        Parameter6Value, Parameter7Name, Parameter7Value, Parameter8Name, Parameter8Value);
}

/* Code 0x4f; Windows 10, version 1703 on; any IRQL. */
FORCEINLINE ULONG StorPortLogTelemetry(PVOID HwDeviceExtension, PSTOR_ADDRESS StorAddress,
                                       PSTORPORT_TELEMETRY_EVENT Event)
{
    return StorPortExtendedFunction(ExtFunctionMiniportTelemetry, HwDeviceExtension, StorAddress,
                                    Event);
}

/* Code 0x50; Windows 10, version 1709 on. */
FORCEINLINE ULONG StorPortUpdateAdapterMaxIO(PVOID HwDeviceExtension, ULONG MaxIoCount)
{
    return StorPortExtendedFunction(ExtFunctionUpdateAdapterMaxIO, HwDeviceExtension, MaxIoCount);
}

/* Code 0x54; Windows 10, version 1809 on. */
FORCEINLINE ULONG StorPortUpdatePortConfigMaxIOInfo(PVOID HwDeviceExtension, ULONG MaxIoCount,
                                                    ULONG MaxIosPerLun)
{
    return StorPortExtendedFunction(ExtFunctionUpdateAdapterMaxIOInfo, HwDeviceExtension,
                                    MaxIoCount, MaxIosPerLun);
}

/* Code 0x51; Windows 10, version 1803 on. */
FORCEINLINE ULONG StorPortDelayExecution(PVOID HwDeviceExtension, ULONG DelayInMicroseconds)
{
    return StorPortExtendedFunction(ExtFunctionDelayExecution, HwDeviceExtension,
                                    DelayInMicroseconds);
}

/* Code 0x52; Windows 10, version 1803 on. */
FORCEINLINE ULONG StorPortAllocateDmaMemory(PVOID HwDeviceExtension, SIZE_T NumberOfBytes,
                                            PHYSICAL_ADDRESS LowestAcceptableAddress,
                                            PHYSICAL_ADDRESS HighestAcceptableAddress,
                                            PHYSICAL_ADDRESS BoundaryAddressMultiple,
                                            MEMORY_CACHING_TYPE CacheType,
                                            NODE_REQUIREMENT PreferredNode, PVOID *BufferPointer,
                                            PPHYSICAL_ADDRESS PhysicalAddress)
{
    return StorPortExtendedFunction(ExtFunctionAllocateDmaMemory, HwDeviceExtension, NumberOfBytes,
                                    LowestAcceptableAddress, HighestAcceptableAddress,
                                    BoundaryAddressMultiple, CacheType, PreferredNode,
                                    BufferPointer, PhysicalAddress);
}

/* Code 0x53; Windows 10, version 1803 on. */
FORCEINLINE ULONG StorPortFreeDmaMemory(PVOID HwDeviceExtension, PVOID BaseAddress,
                                        SIZE_T NumberOfBytes, MEMORY_CACHING_TYPE CacheType,
                                        PHYSICAL_ADDRESS PhysicalAddress)
{
    return StorPortExtendedFunction(ExtFunctionFreeDmaMemory, HwDeviceExtension, BaseAddress,
                                    NumberOfBytes, CacheType, PhysicalAddress);
}

#endif
