/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The adapter's life: start, reset, broken queues, stop, removal, changes. See adapter.h.
 */
#include "adapter_internal.h"

#include "port.h"
#include "virtio_store_hw_helper.h"
#include "virtio_store_utils.h"

/* Write protection may come and go with any start of the device. */
#define CHANGING_FEATURES VIRTIO_FEATURE(VIRTIO_BLK_F_RO)

/* What the layout of memory and the meaning of addresses follow from: without one of these that was agreed
 * when the adapter was found there is no going on. All others may be missing at a later start: the disk
 * does without. */
#define LASTING_FEATURES                                                             \
    (VIRTIO_FEATURE(VIRTIO_F_VERSION_1) | VIRTIO_FEATURE(VIRTIO_F_ACCESS_PLATFORM) | \
     VIRTIO_FEATURE(VIRTIO_F_RING_PACKED))

/* Waiting for GET_ID: this many looks, this many microseconds apart (one second). */
#define IDENTIFY_POLLS             10000u
#define IDENTIFY_POLL_MICROSECONDS 100u
/* How often it is sent, while it ends with IOERR. */
#define IDENTIFY_ATTEMPTS 3u

/* ---- Start ---- */

/* Feature negotiation with a device that has just been reset. */
static VIRTIO_PCI_RESULT Negotiate(PADAPTER_EXTENSION Adapter, ULONGLONG Wanted)
{
    VIRTIO_PCI_RESULT Result = VirtioPciBegin(&Adapter->Device);

    return Result == VirtioPciOk ? VirtioPciNegotiate(&Adapter->Device, Wanted) : Result;
}

/*
 * Message of a queue: with enough of them one each, behind message 0, which is for configuration
 * changes; with fewer the queues share them; a single one serves everything.
 */
static USHORT QueueVector(const ADAPTER_EXTENSION *Adapter, ULONG Index)
{
    if (Adapter->MessageCount == 0) {
        return VIRTIO_MSI_NO_VECTOR;
    }
    if (Adapter->MessageCount == 1) {
        return 0;
    }
    return (USHORT)(1 + Index % (Adapter->MessageCount - 1));
}

static VIRTIO_PCI_RESULT EnableQueue(PADAPTER_EXTENSION Adapter, PVIO_QUEUE Queue)
{
    VIRTIO_PCI_QUEUE Setup;

    Queue->Vector = QueueVector(Adapter, Queue->Index);
    Setup.Index = Queue->Index;
    Setup.Vector = Queue->Vector;
    Setup.Size = Queue->Size;
    VirtQueueGetAddresses(&Queue->Ring, &Setup.Addresses);
    return VirtioPciEnableQueue(&Adapter->Device, &Setup, &Queue->Doorbell);
}

/* The features that are agreed now: FALSE if one is missing that cannot be done without. */
static BOOLEAN TakeFeatures(PADAPTER_EXTENSION Adapter)
{
    const ULONGLONG Agreed = Adapter->Device.Features;
    const BOOLEAN Different = ((Agreed ^ Adapter->Features) & ~CHANGING_FEATURES) != 0;

    if ((Adapter->FoundFeatures & LASTING_FEATURES & ~Agreed) != 0) {
        return FALSE;
    }
    Adapter->Features = Agreed;
    if (Different) {
        AdapterAdaptQueues(Adapter);
    }
    return TRUE;
}

/*
 * What the device that has been started says of itself now: it may have been changed while it was not
 * looked at. The cache mode is its own choice again where a command had chosen. *Changed: Windows has to
 * hear of it. A device of other limits than Windows was told, or of other blocks, is refused.
 */
static VIRTIO_PCI_RESULT TakeConfiguration(PADAPTER_EXTENSION Adapter, PBOOLEAN Changed)
{
    SCSI_DISK_PARAMETERS Parameters;
    blk_config Config;
    VIRTIO_PCI_RESULT Result = AdapterReadConfiguration(Adapter, &Config);

    if (Result != VirtioPciOk) {
        return Result;
    }
    AdapterDescribeDisk(Adapter, &Config, &Parameters);
    if (Config.seg_max < Adapter->Limits.FoundSegMax ||
        Config.size_max < Adapter->Limits.FoundSizeMax ||
        !ScsiDiskUpdate(&Adapter->Disk, &Parameters, Changed)) {
        return VirtioPciFeaturesRefused;
    }
    if (Adapter->Disk.WriteCacheChosen) {
        (VOID) VirtioPciWriteConfig8(&Adapter->Device, offsetof(blk_config, writeback),
                                     Adapter->Disk.WriteCacheEnabled);
    }
    return VirtioPciOk;
}

/* Tells the device of vectors and queues. */
static VIRTIO_PCI_RESULT EnableQueues(PADAPTER_EXTENSION Adapter)
{
    VIRTIO_PCI_RESULT Result = VirtioPciOk;
    ULONG Index;

    if (Adapter->MessageCount != 0) {
        Result = VirtioPciSetConfigVector(&Adapter->Device, 0);
    }
    for (Index = 0; Index < Adapter->QueueCount && Result == VirtioPciOk; ++Index) {
        Result = EnableQueue(Adapter, &Adapter->Queues[Index]);
    }
    return Result;
}

/* From a reset to DRIVER_OK. */
static VIRTIO_PCI_RESULT StartDevice(PADAPTER_EXTENSION Adapter)
{
    BOOLEAN Changed = FALSE;
    VIRTIO_PCI_RESULT Result;

    VirtioPciSetMsixEnabled(&Adapter->Device, Adapter->MsixEnabled);
    Result = Negotiate(Adapter, Adapter->FoundFeatures | CHANGING_FEATURES);
    if (Result == VirtioPciOk && !TakeFeatures(Adapter)) {
        Result = VirtioPciFeaturesRefused;
    }
    if (Result == VirtioPciOk) {
        Result = EnableQueues(Adapter);
    }
    if (Result == VirtioPciOk) {
        Result = VirtioPciDriverOk(&Adapter->Device);
    }
    /* From DRIVER_OK on the device interrupts for each change: none is missed in between. */
    if (Result == VirtioPciOk) {
        Result = TakeConfiguration(Adapter, &Changed);
    }
    if (Result == VirtioPciOk && Changed && Adapter->State != AdapterFound && !Adapter->Dump) {
        PortUnitChanged(Adapter);
    }
    return Result;
}

/* AdapterStart of a device that has just been reset. */
static BOOLEAN StartAfterReset(PADAPTER_EXTENSION Adapter)
{
    VIRTIO_PCI_RESULT Result = StartDevice(Adapter);

    if (Result != VirtioPciOk) {
        (VOID) AdapterReportFailure(Adapter, VioEventStartFailed, Result);
        AdapterLeaveDevice(Adapter, Result);
        return FALSE;
    }
    DebugPrint(DebugInformation, "started: %s, features %I64x, %lu queues, %lu messages",
               Adapter->Device.Transport == VirtioPciTransportLegacy ? "legacy" : "modern",
               Adapter->Features, Adapter->QueueCount, Adapter->MessageCount);
    return TRUE;
}

BOOLEAN AdapterStart(PADAPTER_EXTENSION Adapter)
{
    VIRTIO_PCI_RESULT Result = VirtioPciReset(&Adapter->Device);

    if (Result != VirtioPciOk) {
        return AdapterReportFailure(Adapter, VioEventStartFailed, Result);
    }
    return StartAfterReset(Adapter);
}

/* GET_ID on queue 0, polled. TRUE: the device has answered, Request.DeviceStatus tells how. */
static BOOLEAN AskIdentity(PADAPTER_EXTENSION Adapter)
{
    PSRB_EXTENSION Request = &Adapter->IdentifyRequest;
    ULONG Poll;

    RtlZeroMemory(Adapter->Identity, DISK_SERIAL_LENGTH);
    RtlZeroMemory(Request, sizeof(*Request));
    Request->Kind = RequestKindIdentify;
    Request->Operation = DiskOperationRead;
    if (!QueueSubmitPolled(&Adapter->Queues[0], Request)) {
        return FALSE;
    }
    for (Poll = 0; Poll < IDENTIFY_POLLS; ++Poll) {
        if (QueuePoll(&Adapter->Queues[0]) != VirtQueueEmpty) {
            return Request->Finished;
        }
        PortStallMicroseconds(IDENTIFY_POLL_MICROSECONDS);
    }
    return FALSE;
}

/* The device may still write the identity: nothing goes on before it is reset and started anew. */
static BOOLEAN RecoverFromIdentify(PADAPTER_EXTENSION Adapter)
{
    REQUEST_LIST Finished = {NULL, NULL};
    VIRTIO_PCI_RESULT Result = VirtioPciReset(&Adapter->Device);

    if (Result != VirtioPciOk) {
        return AdapterReportFailure(Adapter, VioEventResetFailed, Result);
    }
    QueueAbandon(&Adapter->Queues[0], RequestResultReset, &Finished);
    CompleteRequests(Adapter, &Finished);
    return StartAfterReset(Adapter);
}

/* The same, asked again where the host could not tell. */
static BOOLEAN AskIdentityAgain(PADAPTER_EXTENSION Adapter)
{
    ULONG Attempt;

    for (Attempt = 0; Attempt < IDENTIFY_ATTEMPTS; ++Attempt) {
        if (!AskIdentity(Adapter)) {
            return FALSE;
        }
        if (Adapter->IdentifyRequest.DeviceStatus != VIRTIO_BLK_S_IOERR) {
            break;
        }
    }
    return TRUE;
}

BOOLEAN AdapterIdentify(PADAPTER_EXTENSION Adapter)
{
    if (!AskIdentityAgain(Adapter)) {
        PortLogEvent(Adapter, NULL, VioEventIdentifyFailed, 0x100);
        if (!RecoverFromIdentify(Adapter)) {
            return FALSE;
        }
    } else if (Adapter->IdentifyRequest.DeviceStatus == VIRTIO_BLK_S_OK) {
        ScsiDiskSetSerial(&Adapter->Disk, Adapter->Identity);
    } else if (Adapter->IdentifyRequest.DeviceStatus == VIRTIO_BLK_S_UNSUPP) {
        DebugPrint(DebugInformation, "no serial number"); /* nothing to complain about */
    } else {
        /* The disk gets its identity from its place: another one to Windows, if it had a number. */
        PortLogEvent(Adapter, NULL, VioEventIdentifyFailed, Adapter->IdentifyRequest.DeviceStatus);
    }
    return TRUE;
}

/* The device works and its queues run. A configuration interrupt that came before is looked after now. */
static VOID EnterRunning(PADAPTER_EXTENSION Adapter)
{
    (VOID) InterlockedExchange(&Adapter->State, AdapterRunning);
    if (InterlockedExchange(&Adapter->ConfigurationMissed, FALSE)) {
        PortRequestTimerWork(Adapter, TimerWorkConfiguration);
    }
}

/* What was asked for before a stop, whose timer may have been cancelled, is not done any more; what the
 * device may have interrupted for since DRIVER_OK is. */
static VOID DropTimerWork(PADAPTER_EXTENSION Adapter)
{
    if (InterlockedExchange(&Adapter->TimerWork, 0) & TimerWorkConfiguration) {
        (VOID) InterlockedExchange(&Adapter->ConfigurationMissed, TRUE);
    }
}

VOID AdapterRun(PADAPTER_EXTENSION Adapter)
{
    REQUEST_LIST Finished = {NULL, NULL};
    ULONG Index;

    DropTimerWork(Adapter);
    for (Index = 0; Index < Adapter->QueueCount; ++Index) {
        QueueResume(&Adapter->Queues[Index], &Finished);
    }
    EnterRunning(Adapter);
    CompleteRequests(Adapter, &Finished);
}

/* ---- Reset ---- */

/*
 * Makes this processor the one that resets. Returns the state that the adapter was in: if it is not one
 * that can be reset, this processor is not the one. Nobody waits for another processor's reset, which
 * may take as long as the device likes: a write to its status register may not return before the host's
 * disk does (QEMU), and Windows stops with 0x133 where a processor spins for long.
 */
static LONG EnterReset(PADAPTER_EXTENSION Adapter)
{
    for (;;) {
        const LONG State = Adapter->State;

        if ((State != AdapterRunning && State != AdapterFailed && State != AdapterHung) ||
            InterlockedCompareExchange(&Adapter->State, AdapterResetting, State) == State) {
            return State;
        }
    }
}

/*
 * Resets that Windows has asked for by SRBs, and that no reset which began later has answered.
 *
 *   AdapterResetForSrb: into the list, then AdapterReset      AdapterReset: Resetting, then the list is
 *                                                             taken; at its end, in another state: is
 *                                                             there a new one?
 *
 * Each puts a full barrier between its two steps, so either the one sees that the other resets, or the
 * other sees that there is a request left.
 */
static VOID PushReset(PADAPTER_EXTENSION Adapter, PSRB_EXTENSION Request)
{
    PVOID First;

    do {
        First = Adapter->AskedResets;
        Request->Next = (PSRB_EXTENSION)First;
    } while (InterlockedCompareExchangePointer(&Adapter->AskedResets, Request, First) != First);
}

static PSRB_EXTENSION TakeResets(PADAPTER_EXTENSION Adapter)
{
    return (PSRB_EXTENSION)InterlockedExchangePointer(&Adapter->AskedResets, NULL);
}

static VOID AnswerResets(PADAPTER_EXTENSION Adapter, PSRB_EXTENSION Request, BOOLEAN Done)
{
    while (Request != NULL) {
        const PSRB_EXTENSION Next = Request->Next;

        SrbSetPortResult(Request->Srb, Done ? SRB_STATUS_SUCCESS : SRB_STATUS_ERROR);
        PortCompleteSrb(Adapter, Request->Srb);
        Request = Next;
    }
}

/* Behind the last step of whoever was the one that resets: those that asked meanwhile get a reset of
 * their own, as requests that came before theirs may wait in the queues. */
static VOID LeaveReset(PADAPTER_EXTENSION Adapter)
{
    if (InterlockedCompareExchangePointer(&Adapter->AskedResets, NULL, NULL) != NULL) {
        PortRequestTimerWork(Adapter, TimerWorkReset);
    }
}

/* Where the port driver has called the driver: it decides how a queue's lock is had. */
typedef enum _CALL_CONTEXT {
    CallInStartIo, /* StartIo, the timer routine, HwResetBus */
    CallElsewhere,
    CallUnlocked, /* stop and restart, where no lock may be taken (AdapterStop) */
} CALL_CONTEXT;

/* What is done to each queue in turn, under its lock. */
typedef struct _QUEUE_CHANGE {
    CALL_CONTEXT Context;
    REQUEST_RESULT Result; /* of what is given up */
    QUEUE_STATE State;     /* afterwards */
    ULONG Held;            /* requests that the device holds, counted */
    PREQUEST_LIST Finished;
} QUEUE_CHANGE;

static VOID ChangeQueues(PADAPTER_EXTENSION Adapter, QUEUE_ROUTINE *Routine, QUEUE_CHANGE *Change)
{
    ULONG Index;

    for (Index = 0; Index < Adapter->QueueCount; ++Index) {
        PVIO_QUEUE Queue = &Adapter->Queues[Index];

        if (Change->Context == CallInStartIo) {
            (VOID) PortWithQueueLockInStartIo(Queue, Routine, Change);
        } else if (Change->Context == CallElsewhere) {
            (VOID) PortWithQueueLock(Queue, Routine, Change);
        } else {
            (VOID) Routine(Queue, Change);
        }
    }
}

static BOOLEAN StopQueue(PVIO_QUEUE Queue, PVOID Context)
{
    QUEUE_CHANGE *Change = (QUEUE_CHANGE *)Context;

    Change->Held += QueueStop(Queue, Change->Finished);
    return TRUE;
}

/* Last look into all rings; afterwards queues keep what comes. Returns what the device holds. */
static ULONG StopQueues(PADAPTER_EXTENSION Adapter, CALL_CONTEXT Context, PREQUEST_LIST Finished)
{
    QUEUE_CHANGE Change = {Context, RequestResultDevice, QueueStopped, 0, Finished};

    ChangeQueues(Adapter, StopQueue, &Change);
    return Change.Held;
}

static BOOLEAN AbandonQueue(PVIO_QUEUE Queue, PVOID Context)
{
    const QUEUE_CHANGE *Change = (const QUEUE_CHANGE *)Context;

    QueueAbandon(Queue, Change->Result, Change->Finished);
    QueueSetState(Queue, Change->State);
    return TRUE;
}

static VOID AbandonQueues(PADAPTER_EXTENSION Adapter, CALL_CONTEXT Context, REQUEST_RESULT Result,
                          QUEUE_STATE State, PREQUEST_LIST Finished)
{
    QUEUE_CHANGE Change = {Context, Result, State, 0, Finished};

    ChangeQueues(Adapter, AbandonQueue, &Change);
}

static BOOLEAN GiveWaitingBack(PVIO_QUEUE Queue, PVOID Context)
{
    const QUEUE_CHANGE *Change = (const QUEUE_CHANGE *)Context;

    QueueAbandonWaiting(Queue, Change->Result, Change->Finished);
    return TRUE;
}

static BOOLEAN ResumeQueue(PVIO_QUEUE Queue, PVOID Context)
{
    const QUEUE_CHANGE *Change = (const QUEUE_CHANGE *)Context;

    QueueResume(Queue, Change->Finished);
    return TRUE;
}

/* The queues of a device that works again send what has gathered. */
static VOID ResumeQueues(PADAPTER_EXTENSION Adapter, PREQUEST_LIST Finished)
{
    QUEUE_CHANGE Change = {CallInStartIo, RequestResultDevice, QueueRunning, 0, Finished};

    ChangeQueues(Adapter, ResumeQueue, &Change);
    EnterRunning(Adapter);
}

/* The device has not ended its reset: what it holds stays with it, what waits is given back, and the
 * device is looked at again. */
static VOID WaitForReset(PADAPTER_EXTENSION Adapter, CALL_CONTEXT Context, PREQUEST_LIST Finished)
{
    QUEUE_CHANGE Change = {Context, RequestResultReset, QueueStopped, 0, Finished};

    ChangeQueues(Adapter, GiveWaitingBack, &Change);
    Adapter->State = AdapterHung;
    PortRequestLateTimerWork(Adapter, TimerWorkReset);
}

/* The device did not come back. */
static VOID GiveUpReset(PADAPTER_EXTENSION Adapter, CALL_CONTEXT Context, VIRTIO_PCI_RESULT Result,
                        PREQUEST_LIST Finished)
{
    if (Result == VirtioPciResetTimeout) {
        WaitForReset(Adapter, Context, Finished);
    } else {
        AbandonQueues(Adapter, Context, RequestResultGone, QueueClosed, Finished);
        Adapter->State = Result == VirtioPciGone ? AdapterRemoved : AdapterFailed;
    }
}

/* Stops the queues and tells the device to reset. */
static VIRTIO_PCI_RESULT BeginReset(PADAPTER_EXTENSION Adapter, PREQUEST_LIST Finished)
{
    const ULONG Held = StopQueues(Adapter, CallInStartIo, Finished);
    VIRTIO_PCI_RESULT Result;

    ++Adapter->Counters.Resets;
    Adapter->Counters.RequestsReset += Held;
    DebugPrint(DebugWarning, "reset: the device holds %lu requests", Held);
    PortLogEvent(Adapter, NULL, VioEventReset, Held);
    Result = VirtioPciReset(&Adapter->Device);
    if (Result == VirtioPciResetTimeout) {
        (VOID) AdapterReportFailure(Adapter, VioEventResetFailed, Result);
    }
    return Result;
}

BOOLEAN AdapterReset(PADAPTER_EXTENSION Adapter, SCSI_UNIT_ATTENTION Attention)
{
    REQUEST_LIST Finished = {NULL, NULL};
    const LONG Before = EnterReset(Adapter);
    PSRB_EXTENSION Asked;
    VIRTIO_PCI_RESULT Result;

    if (Before == AdapterResetting) {
        return FALSE;
    }
    Asked = TakeResets(Adapter);
    if (Before != AdapterRunning && Before != AdapterFailed && Before != AdapterHung) {
        AnswerResets(Adapter, Asked, FALSE);
        return FALSE;
    }
    Result = Before == AdapterHung ? VirtioPciPollReset(&Adapter->Device)
                                   : BeginReset(Adapter, &Finished);
    if (Result == VirtioPciOk) {
        AbandonQueues(Adapter, CallInStartIo, RequestResultReset, QueueStopped, &Finished);
        if (StartAfterReset(Adapter)) {
            if (!Adapter->Dump) { /* nobody there asks again after a unit attention */
                ScsiDiskRaiseUnitAttention(&Adapter->Disk, Attention);
            }
            ResumeQueues(Adapter, &Finished);
        } else {
            Result = VirtioPciStatusRefused;
        }
    }
    if (Result != VirtioPciOk) {
        GiveUpReset(Adapter, CallInStartIo, Result, &Finished);
    }
    CompleteRequests(Adapter, &Finished);
    AnswerResets(Adapter, Asked, Result == VirtioPciOk);
    LeaveReset(Adapter);
    return Result == VirtioPciOk;
}

VOID AdapterResetForSrb(PADAPTER_EXTENSION Adapter, PSRB_EXTENSION Request)
{
    PushReset(Adapter, Request);
    (VOID) AdapterReset(Adapter, ScsiAttentionDeviceReset);
}

/* ---- Broken queues with nothing outstanding ---- */

/*
 * Makes one queue anew: the device lets go of it and gets it back empty. The adapter is Resetting, so
 * that nothing else uses the device's select registers; other queues go on.
 */
static VIRTIO_PCI_RESULT RemakeQueue(PADAPTER_EXTENSION Adapter, PVIO_QUEUE Queue)
{
    VIRTIO_PCI_RESULT Result = VirtioPciResetQueue(&Adapter->Device, Queue->Index);

    if (Result == VirtioPciOk) {
        QueueRenewRing(Queue);
        Result = EnableQueue(Adapter, Queue);
    }
    if (Result == VirtioPciOk) {
        ++Adapter->Counters.QueuesRemade;
        DebugPrint(DebugWarning, "queue %u is made anew", Queue->Index);
    }
    return Result;
}

/* What happens to the queues in turn; Failed stays with the first failure. */
typedef struct _QUEUE_REMAKING {
    VIRTIO_PCI_RESULT Failed;
    REQUEST_LIST Finished;
} QUEUE_REMAKING;

/* Under the queue's lock, which keeps requests and doorbells off it. */
static BOOLEAN RemakeBrokenQueue(PVIO_QUEUE Queue, PVOID Context)
{
    QUEUE_REMAKING *Remaking = (QUEUE_REMAKING *)Context;

    if (Queue->State != QueueBroken || VirtQueueOutstanding(&Queue->Ring) != 0 ||
        Remaking->Failed != VirtioPciOk) {
        return FALSE; /* one that has requests outstanding waits for a reset, which was asked for */
    }
    Remaking->Failed = RemakeQueue(Queue->Adapter, Queue);
    if (Remaking->Failed == VirtioPciOk) {
        QueueResume(Queue, &Remaking->Finished);
    }
    return TRUE;
}

VOID AdapterRemakeQueues(PADAPTER_EXTENSION Adapter)
{
    QUEUE_REMAKING Remaking = {VirtioPciOk, {NULL, NULL}};
    ULONG Index;

    if (InterlockedCompareExchange(&Adapter->State, AdapterResetting, AdapterRunning) !=
        AdapterRunning) {
        return; /* a reset has made, or will make, all queues anew */
    }
    for (Index = 0; Index < Adapter->QueueCount; ++Index) {
        (VOID) PortWithQueueLockInStartIo(&Adapter->Queues[Index], RemakeBrokenQueue, &Remaking);
    }
    EnterRunning(Adapter);
    CompleteRequests(Adapter, &Remaking.Finished);
    LeaveReset(Adapter);
    if (Remaking.Failed != VirtioPciOk) {
        (VOID) AdapterReportFailure(Adapter, VioEventStartFailed, Remaking.Failed);
        (VOID) AdapterReset(Adapter, ScsiAttentionDeviceReset);
    }
}

/* ---- Stop, restart, removal ---- */

/* Whether there is a device that may be touched. */
static BOOLEAN HasDevice(const ADAPTER_EXTENSION *Adapter)
{
    return Adapter->State != AdapterRemoved && Adapter->State != AdapterNoDevice;
}

/*
 * Keeps DPCs that are still to come off the queues. One that is in the middle of its work goes on with a
 * ring in which it finds nothing: StorPort stops an adapter only when all requests are completed. A ring
 * that holds requests all the same has no such DPC beside it.
 */
static VOID StopQueuesUnlocked(PADAPTER_EXTENSION Adapter, PREQUEST_LIST Finished)
{
    ULONG Index;

    for (Index = 0; Index < Adapter->QueueCount; ++Index) {
        PVIO_QUEUE Queue = &Adapter->Queues[Index];

        if (VirtQueueOutstanding(&Queue->Ring) != 0) {
            (VOID) QueueStop(Queue, Finished);
        } else {
            QueueSetState(Queue, QueueStopped);
        }
    }
}

/* Gives up what a device that was reset held and what waited for it; rings without any are left alone. */
static VOID AbandonHeldRequests(PADAPTER_EXTENSION Adapter, PREQUEST_LIST Finished)
{
    ULONG Index;

    for (Index = 0; Index < Adapter->QueueCount; ++Index) {
        PVIO_QUEUE Queue = &Adapter->Queues[Index];

        if (QueueHoldsRequests(Queue)) {
            QueueAbandon(Queue, RequestResultReset, Finished);
        }
    }
}

VOID AdapterStop(PADAPTER_EXTENSION Adapter)
{
    REQUEST_LIST Finished = {NULL, NULL};
    VIRTIO_PCI_RESULT Result;

    if (!HasDevice(Adapter)) {
        return;
    }
    Adapter->State = AdapterStopped;
    StopQueuesUnlocked(Adapter, &Finished);
    Result = VirtioPciReset(&Adapter->Device);
    if (Result == VirtioPciResetTimeout) {
        (VOID) AdapterReportFailure(Adapter, VioEventResetFailed, Result);
    } else {
        AbandonHeldRequests(Adapter, &Finished);
    }
    CompleteRequests(Adapter, &Finished);
    AnswerResets(Adapter, TakeResets(Adapter), Result == VirtioPciOk);
}

/* From a device in any state to one that works on empty rings. */
static VIRTIO_PCI_RESULT RestartDevice(PADAPTER_EXTENSION Adapter, PREQUEST_LIST Finished)
{
    VIRTIO_PCI_RESULT Result = VirtioPciReset(&Adapter->Device);

    if (Result != VirtioPciOk) {
        (VOID) AdapterReportFailure(Adapter, VioEventStartFailed, Result);
        return Result;
    }
    AbandonQueues(Adapter, CallUnlocked, RequestResultReset, QueueStopped, Finished);
    return StartAfterReset(Adapter) ? VirtioPciOk : VirtioPciStatusRefused;
}

BOOLEAN AdapterRestart(PADAPTER_EXTENSION Adapter)
{
    REQUEST_LIST Finished = {NULL, NULL};
    VIRTIO_PCI_RESULT Result;

    if (!HasDevice(Adapter)) {
        return FALSE;
    }
    /* There need not have been a stop before. */
    Adapter->State = AdapterStopped;
    StopQueuesUnlocked(Adapter, &Finished);
    DropTimerWork(Adapter);
    Result = RestartDevice(Adapter, &Finished);
    if (Result == VirtioPciOk) {
        ScsiDiskRaiseUnitAttention(&Adapter->Disk, ScsiAttentionPowerOn);
        AdapterRun(Adapter);
    } else {
        GiveUpReset(Adapter, CallUnlocked, Result, &Finished);
    }
    CompleteRequests(Adapter, &Finished);
    AnswerResets(Adapter, TakeResets(Adapter), Result == VirtioPciOk);
    return Result == VirtioPciOk;
}

static VOID RemoveDevice(PADAPTER_EXTENSION Adapter, CALL_CONTEXT Context)
{
    REQUEST_LIST Finished = {NULL, NULL};

    if (Adapter->State == AdapterNoDevice) {
        return;
    }
    Adapter->State = AdapterRemoved;
    (VOID) StopQueues(Adapter, Context, &Finished);
    /* A device that has gone answers all ones and touches no memory; one that is still there after
     * all must let go of it first. */
    if (VirtioPciReset(&Adapter->Device) == VirtioPciResetTimeout) {
        WaitForReset(Adapter, Context, &Finished);
    } else {
        AbandonQueues(Adapter, Context, RequestResultGone, QueueClosed, &Finished);
    }
    CompleteRequests(Adapter, &Finished);
    AnswerResets(Adapter, TakeResets(Adapter), FALSE);
}

VOID AdapterRemove(PADAPTER_EXTENSION Adapter)
{
    RemoveDevice(Adapter, CallElsewhere);
}

/* What a device may still write to is not given back. */
static VOID GiveBackIfRemoved(PADAPTER_EXTENSION Adapter)
{
    if (Adapter->State == AdapterRemoved) {
        Adapter->State = AdapterNoDevice;
        AdapterGiveMemoryBack(Adapter);
    }
}

VOID AdapterRelease(PADAPTER_EXTENSION Adapter)
{
    RemoveDevice(Adapter, CallElsewhere);
    GiveBackIfRemoved(Adapter);
}

VOID AdapterAbandonStart(PADAPTER_EXTENSION Adapter)
{
    RemoveDevice(Adapter, CallUnlocked);
    GiveBackIfRemoved(Adapter);
}

VOID AdapterRemoveIfGone(PADAPTER_EXTENSION Adapter)
{
    if (HasDevice(Adapter) && VirtioPciGetStatus(&Adapter->Device) == VIRTIO_STATUS_GONE) {
        AdapterRemove(Adapter);
    }
}

/* ---- Configuration changes ---- */

/*
 * QUEUE_ROUTINE of queue 0: reads what the device says of itself now. TRUE: something has changed.
 * Under that queue's lock no reset begins while the queue runs, and no command changes the cache mode.
 */
static BOOLEAN ReadChanges(PVIO_QUEUE Queue, PVOID Context)
{
    PADAPTER_EXTENSION Adapter = Queue->Adapter;
    PSCSI_DISK Disk = &Adapter->Disk;
    BOOLEAN Changed;
    ULONGLONG Offered;
    blk_config Config;

    UNREFERENCED_PARAMETER(Context);
    if (Queue->State != QueueRunning) {
        return FALSE;
    }
    Offered = VirtioPciReadOffered(&Adapter->Device);
    if (AdapterReadConfiguration(Adapter, &Config) != VirtioPciOk) {
        return FALSE;
    }
    Changed = ScsiDiskSetCapacity(Disk, Config.capacity);
    Changed |= ScsiDiskSetReadOnly(Disk, (Offered & VIRTIO_FEATURE(VIRTIO_BLK_F_RO)) != 0);
    if (AdapterHasFeature(Adapter, VIRTIO_BLK_F_CONFIG_WCE)) {
        Changed |= ScsiDiskSetWriteCache(Disk, Config.writeback != 0);
    }
    return Changed;
}

VOID AdapterConfigurationChanged(PADAPTER_EXTENSION Adapter)
{
    UCHAR Status;

    /* A timer may come late, when the device is not even mapped any more, or early: then EnterRunning asks
     * for another. */
    (VOID) InterlockedExchange(&Adapter->ConfigurationMissed, TRUE);
    if (Adapter->State != AdapterRunning) {
        return;
    }
    (VOID) InterlockedExchange(&Adapter->ConfigurationMissed, FALSE);
    Status = VirtioPciGetStatus(&Adapter->Device);
    if (Status == VIRTIO_STATUS_GONE) {
        return;
    }
    ++Adapter->Counters.ConfigChanges;
    if (Status & VIRTIO_STATUS_NEEDS_RESET) {
        PortLogEvent(Adapter, NULL, VioEventDeviceNeedsReset, Status);
        (VOID) AdapterReset(Adapter, ScsiAttentionDeviceReset);
        return;
    }
    if (PortWithQueueLockInStartIo(&Adapter->Queues[0], ReadChanges, NULL)) {
        DebugPrint(DebugInformation, "the disk is now: %I64u blocks, read-only %u, cache %u",
                   Adapter->Disk.BlockCount, Adapter->Disk.ReadOnly,
                   Adapter->Disk.WriteCacheEnabled);
        PortUnitChanged(Adapter);
    }
}

VOID AdapterTimerWork(PADAPTER_EXTENSION Adapter)
{
    const LONG Work = InterlockedExchange(&Adapter->TimerWork, 0);

    if (Work & TimerWorkReset) {
        (VOID) AdapterReset(Adapter, ScsiAttentionDeviceReset);
    }
    if (Work & TimerWorkRemake) {
        AdapterRemakeQueues(Adapter);
    }
    if (Work & TimerWorkConfiguration) {
        AdapterConfigurationChanged(Adapter);
    }
    if (Work & TimerWorkQueues) {
        ULONG Index;

        for (Index = 0; Index < Adapter->QueueCount; ++Index) {
            PortProcessQueue(&Adapter->Queues[Index]);
        }
    }
}
