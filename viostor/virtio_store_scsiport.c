/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Main module of the miniport for SCSIPort (Windows XP): DriverEntry and the entry points that
 * SCSIPort calls. virtio_store.c is its sibling for StorPort.
 *
 *   DriverEntry
 *   HwScsiFindAdapter      PASSIVE_LEVEL   recognize, negotiate, take memory
 *   HwScsiInitialize       DIRQL           start the device, serial number, let requests in
 *   HwScsiStartIo          DIRQL           understand a request and submit it
 *   HwScsiInterrupt        DIRQL           complete
 *   HwScsiResetBus         DIRQL           the only reset that SCSIPort has
 *   HwScsiAdapterControl   up to DIRQL     stop, restart
 *
 * All but the first two run one at a time, under the adapter's interrupt lock.
 */
#include "virtio_store.h"

#include "adapter.h"
#include "port.h"
#include "virtio_store_common.h"
#include "virtio_store_hw_helper.h"
#include "virtio_store_short_way.h"

DRIVER_INITIALIZE DriverEntry;

/* ---- HwScsiFindAdapter, HwScsiInitialize ---- */

static HW_FIND_ADAPTER VioStorFindAdapter;
static ULONG NTAPI VioStorFindAdapter(PVOID DeviceExtension, PVOID HwContext, PVOID BusInformation,
                                      PCHAR ArgumentString,
                                      PPORT_CONFIGURATION_INFORMATION ConfigInfo, PBOOLEAN Again)
{
    UNREFERENCED_PARAMETER(HwContext);
    UNREFERENCED_PARAMETER(BusInformation);
    *Again = FALSE;
    return CommonFindAdapter((PADAPTER_EXTENSION)DeviceExtension, ArgumentString, ConfigInfo);
}

static HW_INITIALIZE VioStorInitialize;
static BOOLEAN NTAPI VioStorInitialize(PVOID DeviceExtension)
{
    PADAPTER_EXTENSION Adapter = (PADAPTER_EXTENSION)DeviceExtension;

    if (Adapter->Dump) {
        return CommonInitializeDump(Adapter);
    }
    Adapter->MessageCount = 0;
    Adapter->MsixEnabled = FALSE;
    return CommonBeginService(Adapter);
}

/* ---- Requests, interrupts, reset ---- */

static HW_STARTIO VioStorStartIo;
static BOOLEAN NTAPI VioStorStartIo(PVOID DeviceExtension, PSCSI_REQUEST_BLOCK Srb)
{
    PADAPTER_EXTENSION Adapter = (PADAPTER_EXTENSION)DeviceExtension;
    const UCHAR PathId = Srb->PathId;
    const UCHAR TargetId = Srb->TargetId;
    const UCHAR Lun = Srb->Lun;

    if (SrbBuild(Adapter, Srb)) {
        (VOID) SrbStart(Adapter, Srb);
    }
    /* Whatever comes has a place: in the ring, or in the queue's waiting list. */
    ScsiPortNotification(NextLuRequest, Adapter, PathId, TargetId, Lun);
    return TRUE;
}

static HW_INTERRUPT VioStorInterrupt;
static BOOLEAN NTAPI VioStorInterrupt(PVOID DeviceExtension)
{
    return CommonInterrupt((PADAPTER_EXTENSION)DeviceExtension);
}

static HW_RESET_BUS VioStorResetBus;
static BOOLEAN NTAPI VioStorResetBus(PVOID DeviceExtension, ULONG PathId)
{
    PADAPTER_EXTENSION Adapter = (PADAPTER_EXTENSION)DeviceExtension;
    BOOLEAN Done;

    UNREFERENCED_PARAMETER(PathId);
    Done = CommonResetBus(Adapter);
    ScsiPortNotification(NextRequest, Adapter);
    return Done;
}

/* ---- Control ---- */

static HW_ADAPTER_CONTROL VioStorAdapterControl;
static SCSI_ADAPTER_CONTROL_STATUS NTAPI VioStorAdapterControl(
    PVOID DeviceExtension, SCSI_ADAPTER_CONTROL_TYPE ControlType, PVOID Parameters)
{
    return CommonAdapterControl((PADAPTER_EXTENSION)DeviceExtension, ControlType, Parameters);
}

/* ---- DriverEntry ---- */

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    HW_INITIALIZATION_DATA Data;

    RtlZeroMemory(&Data, sizeof(Data));
    Data.HwInitializationDataSize = sizeof(Data);
    Data.AdapterInterfaceType = PCIBus;
    Data.HwFindAdapter = VioStorFindAdapter;
    Data.HwInitialize = VioStorInitialize;
    Data.HwStartIo = VioStorStartIo;
    Data.HwInterrupt = VioStorInterrupt;
    Data.HwResetBus = VioStorResetBus;
    Data.HwAdapterControl = VioStorAdapterControl;
    Data.DeviceExtensionSize = ADAPTER_EXTENSION_BYTES(PORT_QUEUE_MAXIMUM);
    Data.SrbExtensionSize = PORT_SRB_EXTENSION_BYTES;
    Data.NumberOfAccessRanges = ACCESS_RANGES;
    Data.MapBuffers = TRUE;
    Data.NeedPhysicalAddresses = TRUE;
    Data.TaggedQueuing = TRUE;
    Data.AutoRequestSense = TRUE;
    Data.MultipleRequestPerLu = TRUE;
    return (NTSTATUS)ScsiPortInitialize(DriverObject, RegistryPath, &Data, NULL);
}
