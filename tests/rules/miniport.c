/* SPDX-License-Identifier: BSD-3-Clause */
/* The miniport without a broken rule: see miniport.h. */
#include "miniport.h"

#define RING_BYTES      0x8000u
#define DUMP_RING_BYTES 0x4000u /* there are 32 KiB in all, with the extensions */

DRIVER_INITIALIZE DriverEntry;
static HW_FIND_ADAPTER FindAdapter;
static HW_INITIALIZE Initialize;
static HW_PASSIVE_INITIALIZE_ROUTINE PassiveInitialize;
static HW_BUILDIO BuildIo;
static HW_STARTIO StartIo;
static HW_INTERRUPT Interrupt;
static HW_DPC_ROUTINE DpcRoutine;
static HW_RESET_BUS ResetBus;
static HW_ADAPTER_CONTROL AdapterControl;
static HW_UNIT_CONTROL UnitControl;
static HW_FREE_ADAPTER_RESOURCES FreeResources;

ULONG InitializeStatus;

VOID Complete(PEXTENSION Extension, PSCSI_REQUEST_BLOCK Srb, UCHAR SrbStatus)
{
    Srb->SrbStatus = SrbStatus;
    StorPortNotification(RequestComplete, Extension, Srb);
}

/* ---- Life ---- */

static VOID Declare(PPORT_CONFIGURATION_INFORMATION Config, PEXTENSION Extension)
{
    if (!Extension->Dump) {
        (VOID) BreakRule(PlaceConfiguration, Extension, NULL);
    }
    Config->NumberOfBuses = 1;
    Config->MaximumNumberOfTargets = 1;
    Config->MaximumNumberOfLogicalUnits = 1;
    Config->MaximumTransferLength = DISK_BLOCKS * BLOCK_BYTES;
    Config->NumberOfPhysicalBreaks = SLOT_SEGMENTS - 2;
    Config->ScatterGather = TRUE;
    Config->Master = TRUE;
    Config->CachesData = TRUE;
    Config->Dma32BitAddresses = TRUE;
    Config->Dma64BitAddresses = SCSI_DMA64_MINIPORT_SUPPORTED;
    Config->MapBuffers = STOR_MAP_ALL_BUFFERS_INCLUDING_READ_WRITE;
    Config->NeedPhysicalAddresses = TRUE;
    Config->TaggedQueuing = TRUE;
    Config->MultipleRequestPerLu = TRUE;
    Config->ResetTargetSupported = TRUE;
    Config->SynchronizationModel = StorSynchronizeFullDuplex;
    if (Extension->Dump) {
        (VOID) BreakRule(PlaceDumpFindAdapter, Extension, NULL);
    }
}

static ULONG NTAPI FindAdapter(PVOID DeviceExtension, PVOID HwContext, PVOID BusInformation,
                               PCHAR ArgumentString, PPORT_CONFIGURATION_INFORMATION Config,
                               PBOOLEAN Again)
{
    PEXTENSION Extension = (PEXTENSION)DeviceExtension;
    STOR_PHYSICAL_ADDRESS Address;
    PUCHAR Block;
    ULONG Bytes;
    ULONG Length = 0;
    ULONG Skip;

    UNREFERENCED_PARAMETER(HwContext);
    UNREFERENCED_PARAMETER(BusInformation);
    *Again = FALSE;
    RtlZeroMemory(Extension, sizeof(*Extension));
    Extension->Config = Config;
    Extension->Dump = ArgumentString != NULL; /* "dump=1" */
    Declare(Config, Extension);
    Bytes = Extension->Dump ? DUMP_RING_BYTES : RING_BYTES;
    Block = StorPortGetUncachedExtension(Extension, Config, Bytes);
    if (Block == NULL || !DiskAllocate(Extension)) {
        return SP_RETURN_ERROR;
    }
    RtlZeroMemory(Extension->Disk, DISK_BLOCKS * BLOCK_BYTES);
    RtlZeroMemory(Block, Bytes);
    Address = StorPortGetPhysicalAddress(Extension, NULL, Block, &Length);
    Skip = (ULONG)(0 - Address.QuadPart) & (PAGE_SIZE - 1);
    Extension->Device.Ring = Block + Skip;
    Extension->Device.Address = (ULONGLONG)Address.QuadPart + Skip;
    DeviceFind(Extension, Config);
    if (!Extension->Dump) {
        (VOID) BreakRule(PlaceFindAdapter, Extension, NULL);
    }
    return SP_RETURN_FOUND;
}

static BOOLEAN NTAPI Initialize(PVOID DeviceExtension)
{
    PEXTENSION Extension = (PEXTENSION)DeviceExtension;

    if (Extension->Dump) {
        (VOID) BreakRule(PlaceDumpInitialize, Extension, NULL);
        return TRUE;
    }
    (VOID) BreakRule(PlaceInitialize, Extension, NULL);
    return StorPortEnablePassiveInitialization(Extension, PassiveInitialize);
}

static BOOLEAN NTAPI PassiveInitialize(PVOID DeviceExtension)
{
    PEXTENSION Extension = (PEXTENSION)DeviceExtension;

    StorPortInitializeDpc(Extension, &Extension->Dpc, DpcRoutine);
    Extension->Ready = TRUE;
    (VOID) BreakRule(PlacePassiveInitialize, Extension, NULL);
    return TRUE;
}

static BOOLEAN NTAPI ResetBus(PVOID DeviceExtension, ULONG PathId)
{
    UNREFERENCED_PARAMETER(PathId);
    (VOID) BreakRule(PlaceResetBus, (PEXTENSION)DeviceExtension, NULL);
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
        DeviceWriteStatus((PEXTENSION)DeviceExtension, 0);
        return ScsiAdapterControlSuccess;
    default:
        return ScsiAdapterControlUnsuccessful;
    }
}

/* Supports all that concerns one unit, and does nothing. */
static SCSI_UNIT_CONTROL_STATUS NTAPI UnitControl(PVOID DeviceExtension,
                                                  SCSI_UNIT_CONTROL_TYPE ControlType,
                                                  PVOID Parameters)
{
    static const UCHAR Supported[] = {ScsiQuerySupportedUnitControlTypes, ScsiUnitStart,
                                      ScsiUnitPower, ScsiUnitRemove, ScsiUnitSurpriseRemoval};
    PSCSI_SUPPORTED_CONTROL_TYPE_LIST List = (PSCSI_SUPPORTED_CONTROL_TYPE_LIST)Parameters;
    PEXTENSION Extension = (PEXTENSION)DeviceExtension;
    ULONG Index;

    Extension->UnitControl = ControlType;
    Extension->UnitParameters = Parameters;
    (VOID) BreakRule(PlaceUnitControl, Extension, NULL);
    if (ControlType == ScsiQuerySupportedUnitControlTypes) {
        for (Index = 0; Index < RTL_NUMBER_OF(Supported); ++Index) {
            if (Supported[Index] < List->MaxControlType) {
                List->SupportedTypeList[Supported[Index]] = TRUE;
            }
        }
    }
    return ScsiUnitControlSuccess;
}

static BOOLEAN IsRemoval(const SCSI_PNP_REQUEST_BLOCK *Request)
{
    return (Request->SrbPnPFlags & SRB_PNP_FLAGS_ADAPTER_REQUEST) != 0 &&
           (Request->PnPAction == StorRemoveDevice || Request->PnPAction == StorSurpriseRemoval);
}

/* HwFreeAdapterResources may never be called; the PnP request that removes an adapter comes before. */
static VOID FreeDisk(PEXTENSION Extension)
{
    if (!Extension->Freed && !BreakRule(PlaceFreeResources, Extension, NULL)) {
        DiskFree(Extension);
    }
    Extension->Freed = TRUE;
}

static VOID NTAPI FreeResources(PVOID DeviceExtension)
{
    PEXTENSION Extension = (PEXTENSION)DeviceExtension;

    FreeDisk(Extension);
    if (Extension->Device.Ports != NULL) {
        StorPortFreeDeviceBase(Extension, Extension->Device.Ports);
    }
}

/* ---- Interrupts ---- */

static BOOLEAN NTAPI Interrupt(PVOID DeviceExtension)
{
    PEXTENSION Extension = (PEXTENSION)DeviceExtension;

    if (Extension->Dump) {
        (VOID) BreakRule(PlaceDumpInterrupt, Extension, NULL);
        return FALSE;
    }
    if (!DeviceInterrupt(Extension)) {
        return FALSE;
    }
    if (Extension->Ready) {
        (VOID) StorPortIssueDpc(Extension, &Extension->Dpc, NULL, NULL);
    }
    return TRUE;
}

static VOID NTAPI DpcRoutine(PSTOR_DPC Dpc, PVOID DeviceExtension, PVOID Argument1, PVOID Argument2)
{
    PEXTENSION Extension = (PEXTENSION)DeviceExtension;
    STOR_LOCK_HANDLE Lock;

    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    StorPortAcquireSpinLock(Extension, DpcLock, Dpc, &Lock);
    (VOID) BreakRule(PlaceDpc, Extension, NULL);
    DevicePoll(Extension);
    StorPortReleaseSpinLock(Extension, &Lock);
}

/* ---- Requests ---- */

static BOOLEAN NTAPI BuildIo(PVOID DeviceExtension, PSCSI_REQUEST_BLOCK Srb)
{
    PEXTENSION Extension = (PEXTENSION)DeviceExtension;

    if (!Extension->Dump) {
        (VOID) BreakRule(PlaceBuildIo, Extension, Srb);
    }
    return TRUE;
}

static BOOLEAN NTAPI StartIo(PVOID DeviceExtension, PSCSI_REQUEST_BLOCK Srb)
{
    PEXTENSION Extension = (PEXTENSION)DeviceExtension;
    UCHAR Status;

    if (BreakRule(Extension->Dump ? PlaceDumpStartIo : PlaceStartIo, Extension, Srb)) {
        return TRUE;
    }
    switch (Srb->Function) {
    case SRB_FUNCTION_EXECUTE_SCSI:
        if (Srb->Cdb[0] == SCSIOP_READ && !Extension->Dump &&
            BreakRule(PlaceRead, Extension, Srb)) {
            return TRUE;
        }
        Status = DiskScsi(Extension->Disk, Srb);
        break;
    case SRB_FUNCTION_POWER:
        (VOID) BreakRule(PlacePower, Extension, Srb);
        Status = SRB_STATUS_SUCCESS;
        break;
    case SRB_FUNCTION_PNP:
        if (IsRemoval((const SCSI_PNP_REQUEST_BLOCK *)Srb)) {
            FreeDisk(Extension);
        }
        Status = SRB_STATUS_SUCCESS;
        break;
    case SRB_FUNCTION_FLUSH:
    case SRB_FUNCTION_SHUTDOWN:
    case SRB_FUNCTION_RESET_LOGICAL_UNIT:
    case SRB_FUNCTION_RESET_DEVICE:
        Status = SRB_STATUS_SUCCESS;
        break;
    default:
        Status = SRB_STATUS_INVALID_REQUEST;
        break;
    }
    Complete(Extension, Srb, Status);
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
    Data.HwBuildIo = BuildIo;
    Data.HwStartIo = StartIo;
    Data.HwInterrupt = Interrupt;
    Data.HwResetBus = ResetBus;
    Data.HwAdapterControl = AdapterControl;
    Data.HwFreeAdapterResources = FreeResources;
    Data.HwUnitControl = UnitControl;
    Data.DeviceExtensionSize = sizeof(EXTENSION) + DiskExtensionBytes;
    Data.SrbExtensionSize = sizeof(SRB_EXTENSION);
    Data.NumberOfAccessRanges = 6;
    Data.MapBuffers = STOR_MAP_ALL_BUFFERS_INCLUDING_READ_WRITE;
    Data.NeedPhysicalAddresses = TRUE;
    Data.TaggedQueuing = TRUE;
    Data.AutoRequestSense = TRUE;
    Data.MultipleRequestPerLu = TRUE;
    InitializeStatus = StorPortInitialize(DriverObject, RegistryPath, &Data, NULL);
    if (InitializeStatus != (ULONG)STATUS_REVISION_MISMATCH) {
        return (NTSTATUS)InitializeStatus;
    }
    Data.HwInitializationDataSize = offsetof(HW_INITIALIZATION_DATA, HwFreeAdapterResources);
    return (NTSTATUS)StorPortInitialize(DriverObject, RegistryPath, &Data, NULL);
}
