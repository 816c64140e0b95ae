/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SCSIPort: the structures and services that have StorPort's names or place, in
 * the layout that scsiport.sys uses (Windows XP). Not included by itself:
 * <srb.h> includes it where <storport.h> has not come before.
 */
#ifndef DDK_SCSIPORT_H
#define DDK_SCSIPORT_H

#if defined(_NTSTORPORT_) || !defined(_NTSRB_)
#error "ddk: include <srb.h>, in a source file without <storport.h>"
#endif

#define SCSIPORT_API DECLSPEC_IMPORT

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
    PVOID Reserved;
    UCHAR NumberOfBuses;
    UCHAR InitiatorBusId[8];
    BOOLEAN ScatterGather;
    BOOLEAN Master;
    BOOLEAN CachesData;
    BOOLEAN AdapterScansDown;
    BOOLEAN AtdiskPrimaryClaimed;
    BOOLEAN AtdiskSecondaryClaimed;
    BOOLEAN Dma32BitAddresses;
    BOOLEAN DemandMode;
    BOOLEAN MapBuffers;
    BOOLEAN NeedPhysicalAddresses;
    BOOLEAN TaggedQueuing;
    BOOLEAN AutoRequestSense;
    BOOLEAN MultipleRequestPerLu;
    BOOLEAN ReceiveEvent;
    BOOLEAN RealModeInitialized;
    BOOLEAN BufferAccessScsiPortControlled;
    UCHAR MaximumNumberOfTargets;
    UCHAR ReservedUchars[2];
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
} PORT_CONFIGURATION_INFORMATION, *PPORT_CONFIGURATION_INFORMATION;

/* ---- Entry points of the miniport; all run under the adapter's interrupt lock ---- */

typedef BOOLEAN NTAPI HW_INITIALIZE(PVOID DeviceExtension);
typedef HW_INITIALIZE *PHW_INITIALIZE;
typedef BOOLEAN NTAPI HW_STARTIO(PVOID DeviceExtension, PSCSI_REQUEST_BLOCK Srb);
typedef HW_STARTIO *PHW_STARTIO;
typedef BOOLEAN NTAPI HW_INTERRUPT(PVOID DeviceExtension);
typedef HW_INTERRUPT *PHW_INTERRUPT;
typedef VOID NTAPI HW_TIMER(PVOID DeviceExtension);
typedef HW_TIMER *PHW_TIMER;
typedef VOID NTAPI HW_DMA_STARTED(PVOID DeviceExtension);
typedef HW_DMA_STARTED *PHW_DMA_STARTED;
typedef ULONG NTAPI HW_FIND_ADAPTER(PVOID DeviceExtension, PVOID HwContext, PVOID BusInformation,
                                    PCHAR ArgumentString,
                                    PPORT_CONFIGURATION_INFORMATION ConfigInfo, PBOOLEAN Again);
typedef HW_FIND_ADAPTER *PHW_FIND_ADAPTER;
typedef BOOLEAN NTAPI HW_RESET_BUS(PVOID DeviceExtension, ULONG PathId);
typedef HW_RESET_BUS *PHW_RESET_BUS;
typedef BOOLEAN NTAPI HW_ADAPTER_STATE(PVOID DeviceExtension, PVOID Context, BOOLEAN SaveState);
typedef HW_ADAPTER_STATE *PHW_ADAPTER_STATE;
typedef SCSI_ADAPTER_CONTROL_STATUS NTAPI HW_ADAPTER_CONTROL(PVOID DeviceExtension,
                                                             SCSI_ADAPTER_CONTROL_TYPE ControlType,
                                                             PVOID Parameters);
typedef HW_ADAPTER_CONTROL *PHW_ADAPTER_CONTROL;

/* What a miniport is, told to ScsiPortInitialize. */
typedef struct _HW_INITIALIZATION_DATA {
    ULONG HwInitializationDataSize;
    INTERFACE_TYPE AdapterInterfaceType;
    PHW_INITIALIZE HwInitialize;
    PHW_STARTIO HwStartIo;
    PHW_INTERRUPT HwInterrupt;
    PHW_FIND_ADAPTER HwFindAdapter;
    PHW_RESET_BUS HwResetBus;
    PHW_DMA_STARTED HwDmaStarted;
    PHW_ADAPTER_STATE HwAdapterState;
    ULONG DeviceExtensionSize;
    ULONG SpecificLuExtensionSize;
    ULONG SrbExtensionSize;
    ULONG NumberOfAccessRanges;
    PVOID Reserved;
    BOOLEAN MapBuffers;
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
} HW_INITIALIZATION_DATA, *PHW_INITIALIZATION_DATA;

/* ---- Exports of scsiport.sys --------------------------------------------------- */

SCSIPORT_API ULONG NTAPI ScsiPortInitialize(PVOID Argument1, PVOID Argument2,
                                            PHW_INITIALIZATION_DATA HwInitializationData,
                                            PVOID HwContext);
SCSIPORT_API VOID NTAPIV ScsiPortNotification(SCSI_NOTIFICATION_TYPE NotificationType,
                                              PVOID HwDeviceExtension, ...);
SCSIPORT_API VOID NTAPIV ScsiDebugPrint(ULONG DebugPrintLevel, PCCHAR DebugMessage, ...);

SCSIPORT_API PVOID NTAPI ScsiPortGetUncachedExtension(PVOID HwDeviceExtension,
                                                      PPORT_CONFIGURATION_INFORMATION ConfigInfo,
                                                      ULONG NumberOfBytes);
SCSIPORT_API SCSI_PHYSICAL_ADDRESS NTAPI ScsiPortGetPhysicalAddress(PVOID HwDeviceExtension,
                                                                    PSCSI_REQUEST_BLOCK Srb,
                                                                    PVOID VirtualAddress,
                                                                    ULONG *Length);
SCSIPORT_API PVOID NTAPI ScsiPortGetVirtualAddress(PVOID HwDeviceExtension,
                                                   SCSI_PHYSICAL_ADDRESS PhysicalAddress);
SCSIPORT_API SCSI_PHYSICAL_ADDRESS NTAPI
ScsiPortConvertUlongToPhysicalAddress(ULONG_PTR UlongAddress);
SCSIPORT_API ULONG NTAPI ScsiPortConvertPhysicalAddressToUlong(SCSI_PHYSICAL_ADDRESS Address);
SCSIPORT_API VOID NTAPI ScsiPortMoveMemory(PVOID WriteBuffer, PVOID ReadBuffer, ULONG Length);
SCSIPORT_API VOID NTAPI ScsiPortFlushDma(PVOID DeviceExtension);
SCSIPORT_API VOID NTAPI ScsiPortIoMapTransfer(PVOID HwDeviceExtension, PSCSI_REQUEST_BLOCK Srb,
                                              PVOID LogicalAddress, ULONG Length);

SCSIPORT_API PVOID NTAPI ScsiPortGetLogicalUnit(PVOID HwDeviceExtension, UCHAR PathId,
                                                UCHAR TargetId, UCHAR Lun);
SCSIPORT_API PSCSI_REQUEST_BLOCK NTAPI ScsiPortGetSrb(PVOID DeviceExtension, UCHAR PathId,
                                                      UCHAR TargetId, UCHAR Lun, LONG QueueTag);
SCSIPORT_API VOID NTAPI ScsiPortCompleteRequest(PVOID HwDeviceExtension, UCHAR PathId,
                                                UCHAR TargetId, UCHAR Lun, UCHAR SrbStatus);

SCSIPORT_API PVOID NTAPI ScsiPortGetDeviceBase(PVOID HwDeviceExtension, INTERFACE_TYPE BusType,
                                               ULONG SystemIoBusNumber,
                                               SCSI_PHYSICAL_ADDRESS IoAddress, ULONG NumberOfBytes,
                                               BOOLEAN InIoSpace);
SCSIPORT_API VOID NTAPI ScsiPortFreeDeviceBase(PVOID HwDeviceExtension, PVOID MappedAddress);
SCSIPORT_API BOOLEAN NTAPI ScsiPortValidateRange(PVOID HwDeviceExtension, INTERFACE_TYPE BusType,
                                                 ULONG SystemIoBusNumber,
                                                 SCSI_PHYSICAL_ADDRESS IoAddress,
                                                 ULONG NumberOfBytes, BOOLEAN InIoSpace);
SCSIPORT_API ULONG NTAPI ScsiPortGetBusData(PVOID DeviceExtension, ULONG BusDataType,
                                            ULONG SystemIoBusNumber, ULONG SlotNumber, PVOID Buffer,
                                            ULONG Length);
SCSIPORT_API ULONG NTAPI ScsiPortSetBusDataByOffset(PVOID DeviceExtension, ULONG BusDataType,
                                                    ULONG SystemIoBusNumber, ULONG SlotNumber,
                                                    PVOID Buffer, ULONG Offset, ULONG Length);

SCSIPORT_API VOID NTAPI ScsiPortLogError(PVOID HwDeviceExtension, PSCSI_REQUEST_BLOCK Srb,
                                         UCHAR PathId, UCHAR TargetId, UCHAR Lun, ULONG ErrorCode,
                                         ULONG UniqueId);
/* 100 ns units since 1601. */
SCSIPORT_API VOID NTAPI ScsiPortQuerySystemTime(PLARGE_INTEGER CurrentTime);
/* Delay in microseconds, spinning. */
SCSIPORT_API VOID NTAPI ScsiPortStallExecution(ULONG Delay);

/* ---- Registers and ports --------------------------------------------------------- */

SCSIPORT_API UCHAR NTAPI ScsiPortReadRegisterUchar(PUCHAR Register);
SCSIPORT_API VOID NTAPI ScsiPortWriteRegisterUchar(PUCHAR Register, UCHAR Value);
SCSIPORT_API VOID NTAPI ScsiPortReadRegisterBufferUchar(PUCHAR Register, PUCHAR Buffer,
                                                        ULONG Count);
SCSIPORT_API VOID NTAPI ScsiPortWriteRegisterBufferUchar(PUCHAR Register, PUCHAR Buffer,
                                                         ULONG Count);
SCSIPORT_API USHORT NTAPI ScsiPortReadRegisterUshort(PUSHORT Register);
SCSIPORT_API VOID NTAPI ScsiPortWriteRegisterUshort(PUSHORT Register, USHORT Value);
SCSIPORT_API VOID NTAPI ScsiPortReadRegisterBufferUshort(PUSHORT Register, PUSHORT Buffer,
                                                         ULONG Count);
SCSIPORT_API VOID NTAPI ScsiPortWriteRegisterBufferUshort(PUSHORT Register, PUSHORT Buffer,
                                                          ULONG Count);
SCSIPORT_API ULONG NTAPI ScsiPortReadRegisterUlong(PULONG Register);
SCSIPORT_API VOID NTAPI ScsiPortWriteRegisterUlong(PULONG Register, ULONG Value);
SCSIPORT_API VOID NTAPI ScsiPortReadRegisterBufferUlong(PULONG Register, PULONG Buffer,
                                                        ULONG Count);
SCSIPORT_API VOID NTAPI ScsiPortWriteRegisterBufferUlong(PULONG Register, PULONG Buffer,
                                                         ULONG Count);
SCSIPORT_API UCHAR NTAPI ScsiPortReadPortUchar(PUCHAR Port);
SCSIPORT_API VOID NTAPI ScsiPortWritePortUchar(PUCHAR Port, UCHAR Value);
SCSIPORT_API VOID NTAPI ScsiPortReadPortBufferUchar(PUCHAR Port, PUCHAR Buffer, ULONG Count);
SCSIPORT_API VOID NTAPI ScsiPortWritePortBufferUchar(PUCHAR Port, PUCHAR Buffer, ULONG Count);
SCSIPORT_API USHORT NTAPI ScsiPortReadPortUshort(PUSHORT Port);
SCSIPORT_API VOID NTAPI ScsiPortWritePortUshort(PUSHORT Port, USHORT Value);
SCSIPORT_API VOID NTAPI ScsiPortReadPortBufferUshort(PUSHORT Port, PUSHORT Buffer, ULONG Count);
SCSIPORT_API VOID NTAPI ScsiPortWritePortBufferUshort(PUSHORT Port, PUSHORT Buffer, ULONG Count);
SCSIPORT_API ULONG NTAPI ScsiPortReadPortUlong(PULONG Port);
SCSIPORT_API VOID NTAPI ScsiPortWritePortUlong(PULONG Port, ULONG Value);
SCSIPORT_API VOID NTAPI ScsiPortReadPortBufferUlong(PULONG Port, PULONG Buffer, ULONG Count);
SCSIPORT_API VOID NTAPI ScsiPortWritePortBufferUlong(PULONG Port, PULONG Buffer, ULONG Count);

#endif
