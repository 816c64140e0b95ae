/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SCSIPort's side of port.h: what does not lie on the request path.
 *
 * Everything here runs under the adapter's interrupt lock, but for HwScsiFindAdapter.
 */
#include "port.h"

#include "adapter.h"
#include "virtio_store_hw_helper.h"
#include "virtio_store_utils.h"

/* Delay of the timer routine, microseconds: as soon as possible. */
#define TIMER_DELAY 1u
/* Of what should not wait for more than Windows' clock makes it, microseconds. */
#define TICK_TIMER_DELAY 10000u
/* Of what has time, microseconds. */
#define LATE_TIMER_DELAY 1000000u

/* The most that SCSIPort takes (reference, page of PORT_CONFIGURATION_INFORMATION). */
#define ALIGNMENT_MASK_MAXIMUM 7u

/* Not a target's number: the adapter's own, which SCSIPort wants to know and no bus here has. */
#define INITIATOR_ID 7u

/* ---- At start ---- */

static BOOLEAN IsDigit(char Character, ULONG Base, PULONG Digit)
{
    if (Character >= '0' && Character <= '9') {
        *Digit = (ULONG)(Character - '0');
    } else if (Character >= 'a' && Character <= 'f') {
        *Digit = (ULONG)(Character - 'a') + 10;
    } else if (Character >= 'A' && Character <= 'F') {
        *Digit = (ULONG)(Character - 'A') + 10;
    } else {
        return FALSE;
    }
    return *Digit < Base;
}

/* Decimal, or hexadecimal behind 0x, up to the next ';', blank or the end. FALSE: it is neither. */
static BOOLEAN ParseNumber(const char *Text, PULONG Value)
{
    const ULONG Base = Text[0] == '0' && (Text[1] == 'x' || Text[1] == 'X') ? 16 : 10;
    ULONG Number = 0;
    ULONG Digit;

    Text += Base == 16 ? 2 : 0;
    if (!IsDigit(*Text, Base, &Digit)) {
        return FALSE;
    }
    for (; IsDigit(*Text, Base, &Digit); ++Text) {
        if (Number > (MAXULONG - Digit) / Base) {
            return FALSE;
        }
        Number = Number * Base + Digit;
    }
    if (*Text != 0 && *Text != ';' && *Text != ' ') {
        return FALSE;
    }
    *Value = Number;
    return TRUE;
}

/* SCSIPort lets no miniport read the registry: it hands over the value DriverParameter, a text such
 * as "DebugLevel=3;DebugPort=0x3f8". */
ULONG PortReadParameter(PADAPTER_EXTENSION Adapter, const char *ArgumentString, const char *Name,
                        ULONG Default)
{
    const char *Text = ArgumentString;

    UNREFERENCED_PARAMETER(Adapter);
    while (Text != NULL && *Text != 0) {
        ULONG Length = 0;
        ULONG Value;

        while (Name[Length] != 0 && Text[Length] == Name[Length]) {
            ++Length;
        }
        if (Name[Length] == 0 && Text[Length] == '=' && ParseNumber(&Text[Length + 1], &Value)) {
            return Value;
        }
        while (*Text != 0 && *Text != ';' && *Text != ' ') {
            ++Text;
        }
        Text += *Text != 0 ? 1 : 0;
    }
    return Default;
}

BOOLEAN PortReadPciConfig(PADAPTER_EXTENSION Adapter, PVOID Buffer, ULONG Length)
{
    return ScsiPortGetBusData(Adapter, PCIConfiguration, Adapter->SystemIoBusNumber,
                              Adapter->SlotNumber, Buffer, Length) == Length;
}

ULONG PortProcessorCount(PADAPTER_EXTENSION Adapter)
{
    /* SCSIPort starts requests on one processor at a time: a second queue would be of no use. */
    UNREFERENCED_PARAMETER(Adapter);
    return 1;
}

VOID PortDeclareAdapter(PADAPTER_EXTENSION Adapter, PPORT_CONFIGURATION_INFORMATION Config)
{
    UNREFERENCED_PARAMETER(Adapter);
    Config->NumberOfBuses = 1;
    Config->InitiatorBusId[0] = INITIATOR_ID;
    Config->MaximumNumberOfTargets = 1;
    Config->MaximumNumberOfLogicalUnits = 1;
    Config->ScatterGather = TRUE;
    Config->Master = TRUE;
    Config->CachesData = TRUE; /* or neither FLUSH nor SHUTDOWN comes */
    Config->Dma32BitAddresses = TRUE;
    if (Config->Dma64BitAddresses & SCSI_DMA64_SYSTEM_SUPPORTED) {
        Config->Dma64BitAddresses |= SCSI_DMA64_MINIPORT_SUPPORTED;
    }
    Config->MapBuffers = TRUE; /* INQUIRY and its like are answered in the buffer */
    Config->NeedPhysicalAddresses = TRUE;
    Config->TaggedQueuing = TRUE;
    Config->AutoRequestSense = TRUE;
    Config->MultipleRequestPerLu = TRUE;
    Config->WmiDataProvider = FALSE;
}

VOID PortDeclareLimits(PADAPTER_EXTENSION Adapter, PPORT_CONFIGURATION_INFORMATION Config)
{
    Config->MaximumTransferLength = Adapter->Limits.TransferBytes;
    Config->AlignmentMask = min(Adapter->Limits.AlignmentMask, ALIGNMENT_MASK_MAXIMUM);
    /* It begins as the administrator's limit, if there is one (MaximumSGList), or as a huge value. */
    Config->NumberOfPhysicalBreaks =
        min(Config->NumberOfPhysicalBreaks, Adapter->Limits.PhysicalBreaks);
}

BOOLEAN PortConfigIsDump(const PORT_CONFIGURATION_INFORMATION *Config)
{
    /* Only the argument string tells. */
    UNREFERENCED_PARAMETER(Config);
    return FALSE;
}

BOOLEAN PortConfigOnlyMarks(const PORT_CONFIGURATION_INFORMATION *Config)
{
    UNREFERENCED_PARAMETER(Config);
    return FALSE;
}

VOID PortMarkDumpMemory(PADAPTER_EXTENSION Adapter, const PORT_CONFIGURATION_INFORMATION *Config)
{
    UNREFERENCED_PARAMETER(Adapter);
    UNREFERENCED_PARAMETER(Config);
}

PVOID PortMapRange(PADAPTER_EXTENSION Adapter, const PORT_CONFIGURATION_INFORMATION *Config,
                   const ACCESS_RANGE *Range)
{
    return ScsiPortGetDeviceBase(Adapter, Config->AdapterInterfaceType, Config->SystemIoBusNumber,
                                 Range->RangeStart, Range->RangeLength, !Range->RangeInMemory);
}

VOID PortUnmapRange(PADAPTER_EXTENSION Adapter, PVOID Base)
{
    ScsiPortFreeDeviceBase(Adapter, Base);
}

PVOID PortGetUncachedMemory(PADAPTER_EXTENSION Adapter, PPORT_CONFIGURATION_INFORMATION Config,
                            ULONG Bytes, PULONGLONG Address, PULONG Contiguous)
{
    PVOID Block = ScsiPortGetUncachedExtension(Adapter, Config, Bytes);

    if (Block != NULL) {
        *Address = (ULONGLONG)ScsiPortGetPhysicalAddress(Adapter, NULL, Block, Contiguous).QuadPart;
    }
    return Block;
}

BOOLEAN PortHasPool(const ADAPTER_EXTENSION *Adapter)
{
    UNREFERENCED_PARAMETER(Adapter);
    return FALSE;
}

PVOID PortAllocatePool(PADAPTER_EXTENSION Adapter, ULONG Bytes)
{
    UNREFERENCED_PARAMETER(Adapter);
    UNREFERENCED_PARAMETER(Bytes);
    return NULL;
}

VOID PortFreePool(PADAPTER_EXTENSION Adapter, PVOID Block)
{
    UNREFERENCED_PARAMETER(Adapter);
    UNREFERENCED_PARAMETER(Block);
}

BOOLEAN PortAllocateContiguous(PADAPTER_EXTENSION Adapter, ULONG Bytes, SHARED_MEMORY *Memory)
{
    UNREFERENCED_PARAMETER(Adapter);
    UNREFERENCED_PARAMETER(Bytes);
    UNREFERENCED_PARAMETER(Memory);
    return FALSE;
}

VOID PortFreeContiguous(PADAPTER_EXTENSION Adapter, const SHARED_MEMORY *Memory)
{
    UNREFERENCED_PARAMETER(Adapter);
    UNREFERENCED_PARAMETER(Memory);
}

/* ---- At any time ---- */

VOID PortStallMicroseconds(ULONG Microseconds)
{
    ScsiPortStallExecution(Microseconds);
}

VOID PortLogEvent(PADAPTER_EXTENSION Adapter, PVOID Srb, VIO_EVENT Event, ULONG Detail)
{
    if (!Adapter->Dump) {
        ScsiPortLogError(Adapter, (PSCSI_REQUEST_BLOCK)Srb, 0, 0, 0, SP_INTERNAL_ADAPTER_ERROR,
                         ((ULONG)Event << 16) | (Detail & 0xffff));
    }
}

static HW_TIMER TimerRoutine;
static VOID NTAPI TimerRoutine(PVOID DeviceExtension)
{
    AdapterTimerWork((PADAPTER_EXTENSION)DeviceExtension);
}

VOID PortRequestTimerWork(PADAPTER_EXTENSION Adapter, TIMER_WORK Work)
{
    Adapter->TimerWork |= Work;
    if (!Adapter->Dump) {
        ScsiPortNotification(RequestTimerCall, Adapter, TimerRoutine, TIMER_DELAY);
    }
}

VOID PortRequestTickTimerWork(PADAPTER_EXTENSION Adapter, TIMER_WORK Work)
{
    Adapter->TimerWork |= Work;
    if (!Adapter->Dump) {
        ScsiPortNotification(RequestTimerCall, Adapter, TimerRoutine, TICK_TIMER_DELAY);
    }
}

VOID PortRequestLateTimerWork(PADAPTER_EXTENSION Adapter, TIMER_WORK Work)
{
    const BOOLEAN Idle = Adapter->TimerWork == 0;

    /* There is one timer: work that is wanted soon must not be put off, and this comes with it. */
    Adapter->TimerWork |= Work;
    if (Idle && !Adapter->Dump) {
        ScsiPortNotification(RequestTimerCall, Adapter, TimerRoutine, LATE_TIMER_DELAY);
    }
}

VOID PortUnitSeen(PADAPTER_EXTENSION Adapter)
{
    /* SCSIPort finds the depth by itself. */
    UNREFERENCED_PARAMETER(Adapter);
}

VOID PortUnitChanged(PADAPTER_EXTENSION Adapter)
{
    /* The unit attention says what has changed. */
    ScsiPortNotification(BusChangeDetected, Adapter, 0);
}

UCHAR PortAnswerSrb(PADAPTER_EXTENSION Adapter, PVOID Srb, ULONG Function)
{
    UNREFERENCED_PARAMETER(Adapter);
    UNREFERENCED_PARAMETER(Srb);
    UNREFERENCED_PARAMETER(Function);
    return SRB_STATUS_INVALID_REQUEST;
}

/* ---- Queues and requests ---- */

VOID PortOnQueueInterrupt(PVIO_QUEUE Queue)
{
    QueueProcess(Queue);
}

VOID PortOnConfigurationInterrupt(PADAPTER_EXTENSION Adapter)
{
    /* Later: a reset that it may lead to takes long for an interrupt routine. */
    PortRequestTimerWork(Adapter, TimerWorkConfiguration);
}

VOID PortProcessQueue(PVIO_QUEUE Queue)
{
    QueueProcess(Queue);
}

VOID PortScheduleQueue(PVIO_QUEUE Queue)
{
    PortRequestTimerWork(Queue->Adapter, TimerWorkQueues);
}

PPORT_SEGMENT_LIST PortGetSegments(PADAPTER_EXTENSION Adapter, PVOID Srb)
{
    PPORT_SEGMENT_LIST List = (PPORT_SEGMENT_LIST)((PSRB_EXTENSION)SrbGetMiniportContext(Srb) + 1);
    PUCHAR Data = (PUCHAR)SrbGetDataBuffer(Srb);
    ULONG Remaining = SrbGetDataTransferLength(Srb);
    ULONG Count = 0;

    for (; Remaining != 0; ++Count) {
        PORT_SEGMENT *Segment = &List->List[Count];
        ULONG Length = 0;

        if (Count < PORT_SEGMENTS_MAXIMUM) {
            Segment->PhysicalAddress =
                ScsiPortGetPhysicalAddress(Adapter, (PSCSI_REQUEST_BLOCK)Srb, Data, &Length);
        }
        if (Length == 0) {
            /* No address, or no room: refused later, as a list that is too short. */
            Count = 0;
            break;
        }
        Segment->Length = min(Length, Remaining);
        Data += Segment->Length;
        Remaining -= Segment->Length;
    }
    List->NumberOfElements = Count;
    return List;
}
