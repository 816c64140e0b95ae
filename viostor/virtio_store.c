/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Main module of the miniport for StorPort: DriverEntry and the entry points that StorPort calls.
 * Thin: each translates StorPort's terms into a call of the core (adapter.h, virtio_store_srb.h,
 * virtio_store_hw_helper.h).
 *
 *   DriverEntry
 *   HwFindAdapter          PASSIVE_LEVEL   recognize, negotiate, take memory
 *   HwInitialize           DIRQL           messages, performance options
 *   passive initialization PASSIVE_LEVEL   DPCs, start the device, serial number, let requests in
 *   HwBuildIo              <= DISPATCH     understand a request (any processor, no lock)
 *   HwStartIo              DISPATCH        submit it
 *   HwInterrupt, message   DIRQL           queue DPCs
 *   DPCs                   DISPATCH        complete
 *   HwTimer                DISPATCH        look at the configuration, reset a device that wants it
 *   HwResetBus             DISPATCH        the last of StorPort's three tiers of resets
 *   HwAdapterControl       up to DIRQL     stop, restart, surprise removal
 *   HwUnitControl          PASSIVE_LEVEL   Windows 8 and later: surprise removal of the disk
 *
 * HwFreeAdapterResources is for virtual miniports: what there is to give back AdapterRelease gives back.
 */
#include "virtio_store.h"

#include "adapter.h"
#include "port.h"
#include "virtio_store_common.h"
#include "virtio_store_hw_helper.h"
#include "virtio_store_short_way.h"
#include "virtio_store_utils.h"

DRIVER_INITIALIZE DriverEntry;
HW_FIND_ADAPTER VioStorFindAdapter;
HW_INITIALIZE VioStorInitialize;
HW_PASSIVE_INITIALIZE_ROUTINE VioStorPassiveInitialize;
HW_BUILDIO VioStorBuildIo;
HW_STARTIO VioStorStartIo;
HW_INTERRUPT VioStorInterrupt;
HW_DPC_ROUTINE VioStorQueueDpc;
HW_DPC_ROUTINE VioStorModeratedQueueDpc;
HW_RESET_BUS VioStorResetBus;
HW_ADAPTER_CONTROL VioStorAdapterControl;
HW_UNIT_CONTROL VioStorUnitControl;

/* ---- HwFindAdapter, HwInitialize ---- */

ULONG NTAPI VioStorFindAdapter(PVOID DeviceExtension, PVOID HwContext, PVOID BusInformation,
                               PCHAR ArgumentString, PPORT_CONFIGURATION_INFORMATION ConfigInfo,
                               PBOOLEAN Again)
{
    UNREFERENCED_PARAMETER(HwContext);
    UNREFERENCED_PARAMETER(BusInformation);
    *Again = FALSE;
    return CommonFindAdapter((PADAPTER_EXTENSION)DeviceExtension, ArgumentString, ConfigInfo);
}

BOOLEAN NTAPI VioStorInitialize(PVOID DeviceExtension)
{
    PADAPTER_EXTENSION Adapter = (PADAPTER_EXTENSION)DeviceExtension;

    if (Adapter->Dump) {
        Adapter->Port.Locking = PortLockingNone;
        return CommonInitializeDump(Adapter);
    }
    Adapter->Port.Locking = PortLockingInterrupt;
    Adapter->Port.OwnMessages = 0;
    Adapter->MessageCount = PortExtendedMessageCount(Adapter);
    Adapter->MsixEnabled = Adapter->MessageCount != 0;
    if (Adapter->MessageCount == 0) {
        /* A line says nothing of the queue, so each interrupt would look into all of them. */
        Adapter->QueueCount = 1;
    }
    PortExtendedSetPerformance(Adapter);
    if (StorPortEnablePassiveInitialization(Adapter, VioStorPassiveInitialize)) {
        return TRUE;
    }
    /* No DPCs: line interrupts complete requests themselves. Messages come on several processors
     * at once, which needs the DPCs' locks; whoever has them has DPCs, too. */
    if (Adapter->MessageCount == 0) {
        return CommonBeginService(Adapter);
    }
    PortLogEvent(Adapter, NULL, VioEventNoDpc, Adapter->MessageCount);
    return FALSE;
}

BOOLEAN NTAPI VioStorPassiveInitialize(PVOID DeviceExtension)
{
    PADAPTER_EXTENSION Adapter = (PADAPTER_EXTENSION)DeviceExtension;
    const BOOLEAN Several = Adapter->QueueCount > 1;
    ULONG Index;

    for (Index = 0; Index < Adapter->QueueCount; ++Index) {
        PORT_QUEUE *Queue = &Adapter->Queues[Index].Port;

        StorPortInitializeDpc(Adapter, &Queue->Dpc,
                              Adapter->Chosen.CompletionsPerInterrupt > 1 ? VioStorModeratedQueueDpc
                                                                          : VioStorQueueDpc);
        Queue->Lock = Several ? DpcLock : StartIoLock;
        Queue->LockContext = Several ? &Queue->Dpc : NULL;
    }
    Adapter->Port.Locking = Several ? PortLockingDpc : PortLockingStartIo;
    Adapter->Port.OwnMessages =
        Adapter->MessageCount > Adapter->QueueCount ? Adapter->QueueCount : 0;
    if (!CommonBeginService(Adapter)) {
        AdapterAbandonStart(Adapter); /* nobody tells the driver to give memory back then */
        return FALSE;
    }
    return TRUE;
}

/* ---- Requests ---- */

BOOLEAN NTAPI VioStorBuildIo(PVOID DeviceExtension, PSCSI_REQUEST_BLOCK Srb)
{
    return SrbBuild((PADAPTER_EXTENSION)DeviceExtension, Srb);
}

BOOLEAN NTAPI VioStorStartIo(PVOID DeviceExtension, PSCSI_REQUEST_BLOCK Srb)
{
    return SrbStart((PADAPTER_EXTENSION)DeviceExtension, Srb);
}

/* ---- Interrupts ---- */

BOOLEAN NTAPI VioStorInterrupt(PVOID DeviceExtension)
{
    return CommonInterrupt((PADAPTER_EXTENSION)DeviceExtension);
}

/*
 * With one message for everything nothing says what it was for: the rings are looked at, and if
 * there is nothing in them it was the configuration. If there is, it may have been for both: the
 * configuration is looked at within a second, which costs nothing to speak of.
 */
static VOID OnOnlyMessage(PADAPTER_EXTENSION Adapter)
{
    BOOLEAN Found = FALSE;
    ULONG Index;

    for (Index = 0; Index < Adapter->QueueCount; ++Index) {
        if (VirtQueuePending(&Adapter->Queues[Index].Ring)) {
            PortOnQueueInterrupt(&Adapter->Queues[Index]);
            Found = TRUE;
        }
    }
    if (Found) {
        PortConfigurationMayHaveChanged(Adapter);
    } else {
        PortOnConfigurationInterrupt(Adapter);
    }
}

/* A message that is not that of just one queue. */
DECLSPEC_NOINLINE static BOOLEAN OnSharedMessage(PADAPTER_EXTENSION Adapter, ULONG MessageId)
{
    ULONG Index;

    if (!PortHasDpcs(Adapter)) {
        return TRUE;
    }
    if (Adapter->MessageCount == 1) {
        OnOnlyMessage(Adapter);
    } else if (MessageId == 0) {
        PortOnConfigurationInterrupt(Adapter);
    } else {
        for (Index = MessageId - 1; Index < Adapter->QueueCount;
             Index += Adapter->MessageCount - 1) {
            PortOnQueueInterrupt(&Adapter->Queues[Index]);
        }
    }
    return TRUE;
}

BOOLEAN NTAPI VioStorMessageInterrupt(PVOID DeviceExtension, ULONG MessageId)
{
    PADAPTER_EXTENSION Adapter = (PADAPTER_EXTENSION)DeviceExtension;

    if (LIKELY(MessageId - 1 < Adapter->Port.OwnMessages)) {
        PVIO_QUEUE Queue = &Adapter->Queues[(ULONG_PTR)MessageId - 1];

        KEEP_COMPUTED(Queue);
        (VOID) StorPortIssueDpc(Adapter, &Queue->Port.Dpc, Queue, NULL);
        return TRUE;
    }
    return OnSharedMessage(Adapter, MessageId);
}

VOID NTAPI VioStorQueueDpc(PSTOR_DPC Dpc, PVOID HwDeviceExtension, PVOID SystemArgument1,
                           PVOID SystemArgument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(HwDeviceExtension);
    UNREFERENCED_PARAMETER(SystemArgument2);
    QueueProcessInDpc((PVIO_QUEUE)SystemArgument1);
}

VOID NTAPI VioStorModeratedQueueDpc(PSTOR_DPC Dpc, PVOID HwDeviceExtension, PVOID SystemArgument1,
                                    PVOID SystemArgument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(HwDeviceExtension);
    UNREFERENCED_PARAMETER(SystemArgument2);
    QueueProcessAny((PVIO_QUEUE)SystemArgument1);
}

/* ---- Reset, control, the end ---- */

BOOLEAN NTAPI VioStorResetBus(PVOID DeviceExtension, ULONG PathId)
{
    UNREFERENCED_PARAMETER(PathId);
    return CommonResetBus((PADAPTER_EXTENSION)DeviceExtension);
}

SCSI_ADAPTER_CONTROL_STATUS NTAPI VioStorAdapterControl(PVOID DeviceExtension,
                                                        SCSI_ADAPTER_CONTROL_TYPE ControlType,
                                                        PVOID Parameters)
{
    return CommonAdapterControl((PADAPTER_EXTENSION)DeviceExtension, ControlType, Parameters);
}

/*
 * Of what Windows may tell of a unit one thing matters here (docs/architecture.md says why not the
 * others): the disk may be told to have gone before its adapter is. If the device no longer answers,
 * its requests are finished now, and not when their time is over.
 */
SCSI_UNIT_CONTROL_STATUS NTAPI VioStorUnitControl(PVOID DeviceExtension,
                                                  SCSI_UNIT_CONTROL_TYPE ControlType,
                                                  PVOID Parameters)
{
    switch (ControlType) {
    case ScsiQuerySupportedUnitControlTypes: {
        PSCSI_SUPPORTED_CONTROL_TYPE_LIST List = (PSCSI_SUPPORTED_CONTROL_TYPE_LIST)Parameters;

        List->SupportedTypeList[ScsiQuerySupportedUnitControlTypes] = TRUE;
        if (List->MaxControlType > ScsiUnitSurpriseRemoval) { /* Windows 8.1 and later */
            List->SupportedTypeList[ScsiUnitSurpriseRemoval] = TRUE;
        }
        return ScsiUnitControlSuccess;
    }
    case ScsiUnitSurpriseRemoval: {
        const STOR_ADDR_BTL8 *Address = (const STOR_ADDR_BTL8 *)Parameters;

        if ((Address->Path | Address->Target | Address->Lun) != 0) {
            return ScsiUnitControlUnsuccessful;
        }
        AdapterRemoveIfGone((PADAPTER_EXTENSION)DeviceExtension);
        return ScsiUnitControlSuccess;
    }
    default:
        return ScsiUnitControlUnsuccessful;
    }
}

/* ---- DriverEntry ---- */

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    /* The size is the version: the best one that this StorPort takes is the right one. */
    static const ULONG Sizes[] = {STORPORT_INITIALIZATION_SIZES};
    ULONG Status = (ULONG)STATUS_REVISION_MISMATCH;
    HW_INITIALIZATION_DATA Data;
    ULONG Index;

    RtlZeroMemory(&Data, sizeof(Data));
    Data.AdapterInterfaceType = PCIBus;
    Data.HwFindAdapter = VioStorFindAdapter;
    Data.HwInitialize = VioStorInitialize;
    Data.HwBuildIo = VioStorBuildIo;
    Data.HwStartIo = VioStorStartIo;
    Data.HwInterrupt = VioStorInterrupt;
    Data.HwResetBus = VioStorResetBus;
    Data.HwAdapterControl = VioStorAdapterControl;
    Data.HwUnitControl = VioStorUnitControl;
    /* A copy for a dump, which has no arguments, has little memory, and one queue. */
    Data.DeviceExtensionSize =
        ADAPTER_EXTENSION_BYTES(DriverObject != NULL ? PORT_QUEUE_MAXIMUM : 1);
    Data.SrbExtensionSize = sizeof(SRB_EXTENSION);
    Data.NumberOfAccessRanges = ACCESS_RANGES;
    Data.MapBuffers = STOR_MAP_NON_READ_WRITE_BUFFERS;
    Data.NeedPhysicalAddresses = TRUE;
    Data.TaggedQueuing = TRUE;
    Data.AutoRequestSense = TRUE;
    Data.MultipleRequestPerLu = TRUE;
    Data.SrbTypeFlags = SRB_TYPE_FLAG_STORAGE_REQUEST_BLOCK;
    Data.AddressTypeFlags = ADDRESS_TYPE_FLAG_BTL8;

    for (Index = 0; Index < RTL_NUMBER_OF(Sizes) && Status == (ULONG)STATUS_REVISION_MISMATCH;
         ++Index) {
        Data.HwInitializationDataSize = Sizes[Index];
        Status = StorPortInitialize(DriverObject, RegistryPath, &Data, NULL);
    }
    return (NTSTATUS)Status;
}
