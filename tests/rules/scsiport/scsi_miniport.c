/* SPDX-License-Identifier: BSD-3-Clause */
/* The SCSIPort miniport without a broken rule: see scsi_miniport.h. */
#include "scsi_miniport.h"

#define RING_BYTES   0x8000u
#define INITIATOR_ID 7u

DRIVER_INITIALIZE DriverEntry;
static HW_FIND_ADAPTER FindAdapter;
static HW_INITIALIZE Initialize;
static HW_STARTIO StartIo;
static HW_INTERRUPT Interrupt;
static HW_TIMER Timer;
static HW_RESET_BUS ResetBus;
static HW_ADAPTER_CONTROL AdapterControl;

VOID Complete(PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb, UCHAR SrbStatus)
{
    Srb->SrbStatus = SrbStatus;
    ScsiPortNotification(RequestComplete, Extension, Srb);
}

/* ---- Life ---- */

static VOID Declare(PPORT_CONFIGURATION_INFORMATION Config)
{
    Config->NumberOfBuses = 1;
    Config->InitiatorBusId[0] = INITIATOR_ID;
    Config->MaximumNumberOfTargets = 1;
    Config->MaximumNumberOfLogicalUnits = 1;
    Config->MaximumTransferLength = DISK_BLOCKS * BLOCK_BYTES;
    Config->NumberOfPhysicalBreaks = SLOT_SEGMENTS - 2;
    Config->ScatterGather = TRUE;
    Config->Master = TRUE;
    Config->CachesData = TRUE;
    Config->Dma32BitAddresses = TRUE;
}

static ULONG NTAPI FindAdapter(PVOID DeviceExtension, PVOID HwContext, PVOID BusInformation,
                               PCHAR ArgumentString, PPORT_CONFIGURATION_INFORMATION Config,
                               PBOOLEAN Again)
{
    PEXTENSION Extension = (PEXTENSION)DeviceExtension;
    SCSI_PHYSICAL_ADDRESS Address;
    PUCHAR Block;
    ULONG Length = 0;
    ULONG Skip;

    UNREFERENCED_PARAMETER(HwContext);
    UNREFERENCED_PARAMETER(BusInformation);
    UNREFERENCED_PARAMETER(ArgumentString);
    *Again = FALSE;
    Extension->Config = Config;
    Declare(Config);
    if (BreakRule(PlaceConfiguration, Extension, NULL)) {
        return SP_RETURN_NOT_FOUND;
    }
    Block = ScsiPortGetUncachedExtension(Extension, Config, RING_BYTES);
    if (Block == NULL) {
        return SP_RETURN_ERROR;
    }
    RtlZeroMemory(Block, RING_BYTES);
    Address = ScsiPortGetPhysicalAddress(Extension, NULL, Block, &Length);
    Skip = (ULONG)(0 - Address.QuadPart) & (PAGE_SIZE - 1);
    Extension->Device.Ring = Block + Skip;
    Extension->Device.Address = (ULONGLONG)Address.QuadPart + Skip;
    DeviceFind(Extension, Config);
    (VOID) BreakRule(PlaceFindAdapter, Extension, NULL);
    return SP_RETURN_FOUND;
}

static BOOLEAN NTAPI Initialize(PVOID DeviceExtension)
{
    return !BreakRule(PlaceInitialize, (PEXTENSION)DeviceExtension, NULL);
}

static BOOLEAN NTAPI ResetBus(PVOID DeviceExtension, ULONG PathId)
{
    PEXTENSION Extension = (PEXTENSION)DeviceExtension;

    if (!BreakRule(PlaceResetBus, Extension, NULL)) {
        ScsiPortCompleteRequest(Extension, (UCHAR)PathId, SP_UNTAGGED, SP_UNTAGGED,
                                SRB_STATUS_BUS_RESET);
        ScsiPortNotification(NextRequest, Extension);
    }
    return TRUE;
}

static SCSI_ADAPTER_CONTROL_STATUS NTAPI AdapterControl(PVOID DeviceExtension,
                                                        SCSI_ADAPTER_CONTROL_TYPE ControlType,
                                                        PVOID Parameters)
{
    PSCSI_SUPPORTED_CONTROL_TYPE_LIST List = (PSCSI_SUPPORTED_CONTROL_TYPE_LIST)Parameters;

    switch (ControlType) {
    case ScsiQuerySupportedControlTypes:
        List->SupportedTypeList[ScsiQuerySupportedControlTypes] = TRUE;
        List->SupportedTypeList[ScsiStopAdapter] = TRUE;
        return ScsiAdapterControlSuccess;
    case ScsiStopAdapter:
        (VOID) BreakRule(PlaceStop, (PEXTENSION)DeviceExtension, NULL);
        DeviceWriteStatus((PEXTENSION)DeviceExtension, 0);
        return ScsiAdapterControlSuccess;
    default:
        return ScsiAdapterControlUnsuccessful;
    }
}

/* ---- Interrupts and the timer ---- */

BOOLEAN NTAPI ServeInterrupt(PVOID DeviceExtension)
{
    DevicePoll((PEXTENSION)DeviceExtension);
    return TRUE;
}

static BOOLEAN NTAPI Interrupt(PVOID DeviceExtension)
{
    PEXTENSION Extension = (PEXTENSION)DeviceExtension;

    if (!DeviceInterrupt(Extension)) {
        return FALSE;
    }
    return BreakRule(PlaceInterrupt, Extension, NULL) || ServeInterrupt(Extension);
}

static VOID NTAPI Timer(PVOID DeviceExtension)
{
    (VOID) BreakRule(PlaceTimer, (PEXTENSION)DeviceExtension, NULL);
}

VOID TimerRequest(PEXTENSION Extension, ULONG Microseconds)
{
    ScsiPortNotification(RequestTimerCall, Extension, Timer, Microseconds);
}

/* ---- Requests ---- */

static UCHAR Answer(PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb)
{
    switch (Srb->Function) {
    case SRB_FUNCTION_EXECUTE_SCSI:
        return DiskScsi(Extension->Disk, Srb);
    case SRB_FUNCTION_FLUSH:
    case SRB_FUNCTION_SHUTDOWN:
        return SRB_STATUS_SUCCESS;
    default:
        return SRB_STATUS_INVALID_REQUEST;
    }
}

static BOOLEAN NTAPI StartIo(PVOID DeviceExtension, PSCSI_REQUEST_BLOCK Srb)
{
    PEXTENSION Extension = (PEXTENSION)DeviceExtension;
    const UCHAR PathId = Srb->PathId, TargetId = Srb->TargetId, Lun = Srb->Lun;

    if (BreakRule(PlaceStartIo, Extension, Srb)) {
        return TRUE;
    }
    if (Srb->Function != SRB_FUNCTION_EXECUTE_SCSI || Srb->Cdb[0] != SCSIOP_READ ||
        !BreakRule(PlaceRead, Extension, Srb)) {
        Complete(Extension, Srb, Answer(Extension, Srb));
    }
    ScsiPortNotification(NextLuRequest, Extension, PathId, TargetId, Lun);
    return TRUE;
}

/* ---- DriverEntry ---- */

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    HW_INITIALIZATION_DATA Data;

    RtlZeroMemory(&Data, sizeof(Data));
    Data.HwInitializationDataSize = sizeof(Data);
    Data.AdapterInterfaceType = PCIBus;
    Data.HwFindAdapter = FindAdapter;
    Data.HwInitialize = Initialize;
    Data.HwStartIo = StartIo;
    Data.HwInterrupt = Interrupt;
    Data.HwResetBus = ResetBus;
    Data.HwAdapterControl = AdapterControl;
    Data.DeviceExtensionSize = sizeof(EXTENSION);
    Data.SrbExtensionSize = sizeof(SRB_EXTENSION);
    Data.NumberOfAccessRanges = 6;
    Data.MapBuffers = TRUE;
    Data.NeedPhysicalAddresses = TRUE;
    Data.TaggedQueuing = TRUE;
    Data.AutoRequestSense = TRUE;
    Data.MultipleRequestPerLu = TRUE;
    return (NTSTATUS)ScsiPortInitialize(DriverObject, RegistryPath, &Data, NULL);
}
