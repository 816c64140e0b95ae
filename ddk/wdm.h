/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The part of the Windows kernel interface that a storage miniport may use:
 * IRQLs, buses and PCI configuration, memory and list helpers, interlocked
 * operations and barriers, debug print.
 *
 * A miniport gets its services from its port driver; what is declared here is
 * either inline or among the few kernel exports that miniports may import.
 */
#ifndef _WDMDDK_
#define _WDMDDK_
#ifndef _NTDDK_
#define _NTDDK_
#endif

#include <ntdef.h>
#include <ntstatus.h>

#if !defined(DBG)
#define DBG 0
#endif

/* ---- IRQL ---------------------------------------------------------------- */

typedef UCHAR KIRQL, *PKIRQL;

#define PASSIVE_LEVEL  0
#define LOW_LEVEL      0
#define APC_LEVEL      1
#define DISPATCH_LEVEL 2
#if defined(_M_IX86)
#define PROFILE_LEVEL 27
#define CLOCK_LEVEL   28
#define IPI_LEVEL     29
#define POWER_LEVEL   30
#define HIGH_LEVEL    31
#else
#define CLOCK_LEVEL   13
#define IPI_LEVEL     14
#define DRS_LEVEL     14
#define POWER_LEVEL   14
#define PROFILE_LEVEL 15
#define HIGH_LEVEL    15
#endif

/* ---- Memory -------------------------------------------------------------- */

#define PAGE_SIZE  0x1000
#define PAGE_SHIFT 12

/* Pages that Size bytes need when they begin at a page boundary. */
#define BYTES_TO_PAGES(Size) (((Size) >> PAGE_SHIFT) + (((Size) & (PAGE_SIZE - 1)) != 0))
#define ROUND_TO_PAGES(Size) (((ULONG_PTR)(Size) + PAGE_SIZE - 1) & ~((ULONG_PTR)PAGE_SIZE - 1))
#define BYTE_OFFSET(Address) ((ULONG)((ULONG_PTR)(Address) & (PAGE_SIZE - 1)))
#define PAGE_ALIGN(Address)  ((PVOID)((ULONG_PTR)(Address) & ~((ULONG_PTR)PAGE_SIZE - 1)))
/* Pages that the Size bytes at Address touch. */
#define ADDRESS_AND_SIZE_TO_SPAN_PAGES(Address, Size)                                       \
    ((ULONG)((((ULONG_PTR)(Size)) >> PAGE_SHIFT) +                                          \
             ((BYTE_OFFSET(Address) + ((ULONG)(Size) & (PAGE_SIZE - 1)) + PAGE_SIZE - 1) >> \
              PAGE_SHIFT)))

#define RtlZeroMemory(Destination, Length) ((void)__builtin_memset((Destination), 0, (Length)))
#define RtlFillMemory(Destination, Length, Fill) \
    ((void)__builtin_memset((Destination), (Fill), (Length)))
#define RtlCopyMemory(Destination, Source, Length) \
    ((void)__builtin_memcpy((Destination), (Source), (Length)))
#define RtlMoveMemory(Destination, Source, Length) \
    ((void)__builtin_memmove((Destination), (Source), (Length)))

typedef enum _MEMORY_CACHING_TYPE {
    MmNonCached = 0,
    MmCached = 1,
    MmWriteCombined = 2,
    MmHardwareCoherentCached,
    MmNonCachedUnordered,
    MmUSWCCached,
    MmMaximumCacheType,
    MmNotMapped = -1
} MEMORY_CACHING_TYPE;

typedef ULONG NODE_REQUIREMENT;
#define MM_ANY_NODE_OK 0x80000000

typedef struct _MDL {
    struct _MDL *Next;
    CSHORT Size;
    CSHORT MdlFlags;
    struct _EPROCESS *Process;
    PVOID MappedSystemVa;
    PVOID StartVa;
    ULONG ByteCount;
    ULONG ByteOffset;
} MDL, *PMDL;

/* ---- Byte order ---------------------------------------------------------- */

#define _byteswap_ushort(Value)     ((USHORT)__builtin_bswap16(Value))
#define _byteswap_ulong(Value)      ((ULONG)__builtin_bswap32(Value))
#define _byteswap_uint64(Value)     ((ULONGLONG)__builtin_bswap64(Value))
#define RtlUshortByteSwap(Value)    _byteswap_ushort(Value)
#define RtlUlongByteSwap(Value)     _byteswap_ulong(Value)
#define RtlUlonglongByteSwap(Value) _byteswap_uint64(Value)

/* ---- Lists --------------------------------------------------------------- */

/* Makes ListHead an empty list. The caller serializes access to a list. */
FORCEINLINE VOID InitializeListHead(PLIST_ENTRY ListHead)
{
    ListHead->Flink = ListHead;
    ListHead->Blink = ListHead;
}

FORCEINLINE BOOLEAN IsListEmpty(const LIST_ENTRY *ListHead)
{
    return (BOOLEAN)(ListHead->Flink == ListHead);
}

/* Takes Entry out of its list; TRUE when the list is empty afterwards. */
FORCEINLINE BOOLEAN RemoveEntryList(PLIST_ENTRY Entry)
{
    PLIST_ENTRY next = Entry->Flink;
    PLIST_ENTRY previous = Entry->Blink;

    previous->Flink = next;
    next->Blink = previous;
    return (BOOLEAN)(next == previous);
}

/* Takes the first entry out; the result is ListHead when there was none. */
FORCEINLINE PLIST_ENTRY RemoveHeadList(PLIST_ENTRY ListHead)
{
    PLIST_ENTRY entry = ListHead->Flink;

    RemoveEntryList(entry);
    return entry;
}

/* Takes the last entry out; the result is ListHead when there was none. */
FORCEINLINE PLIST_ENTRY RemoveTailList(PLIST_ENTRY ListHead)
{
    PLIST_ENTRY entry = ListHead->Blink;

    RemoveEntryList(entry);
    return entry;
}

FORCEINLINE VOID InsertTailList(PLIST_ENTRY ListHead, PLIST_ENTRY Entry)
{
    PLIST_ENTRY last = ListHead->Blink;

    Entry->Flink = ListHead;
    Entry->Blink = last;
    last->Flink = Entry;
    ListHead->Blink = Entry;
}

FORCEINLINE VOID InsertHeadList(PLIST_ENTRY ListHead, PLIST_ENTRY Entry)
{
    PLIST_ENTRY first = ListHead->Flink;

    Entry->Flink = first;
    Entry->Blink = ListHead;
    first->Blink = Entry;
    ListHead->Flink = Entry;
}

/* ---- Interlocked operations: full barriers, as on Windows ---------------- */

FORCEINLINE LONG InterlockedIncrement(LONG volatile *Addend)
{
    return __sync_add_and_fetch(Addend, 1);
}

FORCEINLINE LONG InterlockedDecrement(LONG volatile *Addend)
{
    return __sync_sub_and_fetch(Addend, 1);
}

FORCEINLINE LONG InterlockedExchange(LONG volatile *Target, LONG Value)
{
    return __atomic_exchange_n(Target, Value, __ATOMIC_SEQ_CST);
}

FORCEINLINE LONG InterlockedExchangeAdd(LONG volatile *Addend, LONG Value)
{
    return __sync_fetch_and_add(Addend, Value);
}

FORCEINLINE LONG InterlockedAdd(LONG volatile *Addend, LONG Value)
{
    return __sync_add_and_fetch(Addend, Value);
}

FORCEINLINE LONG InterlockedCompareExchange(LONG volatile *Target, LONG Exchange, LONG Comparand)
{
    return __sync_val_compare_and_swap(Target, Comparand, Exchange);
}

FORCEINLINE LONG InterlockedOr(LONG volatile *Target, LONG Mask)
{
    return __sync_fetch_and_or(Target, Mask);
}

FORCEINLINE LONG InterlockedAnd(LONG volatile *Target, LONG Mask)
{
    return __sync_fetch_and_and(Target, Mask);
}

FORCEINLINE LONG InterlockedXor(LONG volatile *Target, LONG Mask)
{
    return __sync_fetch_and_xor(Target, Mask);
}

FORCEINLINE PVOID InterlockedExchangePointer(PVOID volatile *Target, PVOID Value)
{
    return __atomic_exchange_n(Target, Value, __ATOMIC_SEQ_CST);
}

FORCEINLINE PVOID InterlockedCompareExchangePointer(PVOID volatile *Target, PVOID Exchange,
                                                    PVOID Comparand)
{
    return __sync_val_compare_and_swap(Target, Comparand, Exchange);
}

FORCEINLINE LONGLONG InterlockedCompareExchange64(LONGLONG volatile *Target, LONGLONG Exchange,
                                                  LONGLONG Comparand)
{
    return __sync_val_compare_and_swap(Target, Comparand, Exchange);
}

/* Built on compare-and-swap, the only 64-bit operation that x86 has. */
FORCEINLINE LONGLONG InterlockedExchangeAdd64(LONGLONG volatile *Addend, LONGLONG Value)
{
    LONGLONG old;

    do {
        old = *Addend;
    } while (InterlockedCompareExchange64(Addend, old + Value, old) != old);
    return old;
}

FORCEINLINE LONGLONG InterlockedIncrement64(LONGLONG volatile *Addend)
{
    return InterlockedExchangeAdd64(Addend, 1) + 1;
}

FORCEINLINE LONGLONG InterlockedDecrement64(LONGLONG volatile *Addend)
{
    return InterlockedExchangeAdd64(Addend, -1) - 1;
}

/* ---- Barriers ------------------------------------------------------------ */

/* Keeps the compiler, not the processor, from moving accesses across it. */
#if !defined(_ReadWriteBarrier)
#define _ReadWriteBarrier() __asm__ __volatile__("" ::: "memory")
#endif
#define KeMemoryBarrierWithoutFence() _ReadWriteBarrier()

/*
 * Orders every access before it against every access after it, device memory
 * included. A locked operation does so on x86 and is cheaper than mfence; on
 * ARM64 the barrier covers the whole system, because a virtio device is
 * outside the inner shareable domain.
 */
FORCEINLINE VOID KeMemoryBarrier(VOID)
{
#if defined(_M_AMD64)
    __asm__ __volatile__("lock; orl $0, (%%rsp)" ::: "memory", "cc");
#elif defined(_M_IX86)
    __asm__ __volatile__("lock; orl $0, (%%esp)" ::: "memory", "cc");
#else
    __asm__ __volatile__("dmb sy" ::: "memory");
#endif
}
#define MemoryBarrier() KeMemoryBarrier()

/* Tells the processor that this is a spinning loop. */
FORCEINLINE VOID YieldProcessor(VOID)
{
#if defined(_M_AMD64) || defined(_M_IX86)
    __asm__ __volatile__("pause" ::: "memory");
#else
    __asm__ __volatile__("yield" ::: "memory");
#endif
}

/* ---- Buses --------------------------------------------------------------- */

typedef enum _INTERFACE_TYPE {
    InterfaceTypeUndefined = -1,
    Internal,
    Isa,
    Eisa,
    MicroChannel,
    TurboChannel,
    PCIBus,
    VMEBus,
    NuBus,
    PCMCIABus,
    CBus,
    MPIBus,
    MPSABus,
    ProcessorInternal,
    InternalPowerBus,
    PNPISABus,
    PNPBus,
    Vmcs,
    ACPIBus,
    MaximumInterfaceType
} INTERFACE_TYPE, *PINTERFACE_TYPE;

typedef enum _BUS_DATA_TYPE {
    ConfigurationSpaceUndefined = -1,
    Cmos,
    EisaConfiguration,
    Pos,
    CbusConfiguration,
    PCIConfiguration,
    VMEConfiguration,
    NuBusConfiguration,
    PCMCIAConfiguration,
    MPIConfiguration,
    MPSAConfiguration,
    PNPISAConfiguration,
    SgiInternalConfiguration,
    MaximumBusDataType
} BUS_DATA_TYPE, *PBUS_DATA_TYPE;

typedef enum _KINTERRUPT_MODE {
    LevelSensitive,
    Latched
} KINTERRUPT_MODE;

typedef enum _DMA_WIDTH {
    Width8Bits,
    Width16Bits,
    Width32Bits,
    Width64Bits,
    WidthNoWrap,
    MaximumDmaWidth
} DMA_WIDTH, *PDMA_WIDTH;

typedef enum _DMA_SPEED {
    Compatible,
    TypeA,
    TypeB,
    TypeC,
    TypeF,
    MaximumDmaSpeed
} DMA_SPEED, *PDMA_SPEED;

/* PCI local bus specification 3.0, chapter 6 and appendix D. */
#define PCI_TYPE0_ADDRESSES 6
#define PCI_TYPE1_ADDRESSES 2
#define PCI_TYPE2_ADDRESSES 5

typedef struct _PCI_SLOT_NUMBER {
    union {
        struct {
            ULONG DeviceNumber : 5;
            ULONG FunctionNumber : 3;
            ULONG Reserved : 24;
        } bits;
        ULONG AsULONG;
    } u;
} PCI_SLOT_NUMBER, *PPCI_SLOT_NUMBER;

/* Configuration header, its first 64 bytes. */
typedef struct _PCI_COMMON_HEADER {
    USHORT VendorID;
    USHORT DeviceID;
    USHORT Command;
    USHORT Status;
    UCHAR RevisionID;
    UCHAR ProgIf;
    UCHAR SubClass;
    UCHAR BaseClass;
    UCHAR CacheLineSize;
    UCHAR LatencyTimer;
    UCHAR HeaderType;
    UCHAR BIST;
    union {
        struct _PCI_HEADER_TYPE_0 {
            ULONG BaseAddresses[PCI_TYPE0_ADDRESSES];
            ULONG CIS;
            USHORT SubVendorID;
            USHORT SubSystemID;
            ULONG ROMBaseAddress;
            UCHAR CapabilitiesPtr;
            UCHAR Reserved1[3];
            ULONG Reserved2;
            UCHAR InterruptLine;
            UCHAR InterruptPin;
            UCHAR MinimumGrant;
            UCHAR MaximumLatency;
        } type0;
        struct _PCI_HEADER_TYPE_1 {
            ULONG BaseAddresses[PCI_TYPE1_ADDRESSES];
            UCHAR PrimaryBus;
            UCHAR SecondaryBus;
            UCHAR SubordinateBus;
            UCHAR SecondaryLatency;
            UCHAR IOBase;
            UCHAR IOLimit;
            USHORT SecondaryStatus;
            USHORT MemoryBase;
            USHORT MemoryLimit;
            USHORT PrefetchBase;
            USHORT PrefetchLimit;
            ULONG PrefetchBaseUpper32;
            ULONG PrefetchLimitUpper32;
            USHORT IOBaseUpper16;
            USHORT IOLimitUpper16;
            UCHAR CapabilitiesPtr;
            UCHAR Reserved1[3];
            ULONG ROMBaseAddress;
            UCHAR InterruptLine;
            UCHAR InterruptPin;
            USHORT BridgeControl;
        } type1;
        struct _PCI_HEADER_TYPE_2 {
            ULONG SocketRegistersBaseAddress;
            UCHAR CapabilitiesPtr;
            UCHAR Reserved;
            USHORT SecondaryStatus;
            UCHAR PrimaryBus;
            UCHAR SecondaryBus;
            UCHAR SubordinateBus;
            UCHAR SecondaryLatency;
            struct {
                ULONG Base;
                ULONG Limit;
            } Range[PCI_TYPE2_ADDRESSES - 1];
            UCHAR InterruptLine;
            UCHAR InterruptPin;
            USHORT BridgeControl;
        } type2;
    } u;
} PCI_COMMON_HEADER, *PPCI_COMMON_HEADER;

/* The first 256 bytes of configuration space, as BusData calls return them. */
typedef struct _PCI_COMMON_CONFIG {
    USHORT VendorID;
    USHORT DeviceID;
    USHORT Command;
    USHORT Status;
    UCHAR RevisionID;
    UCHAR ProgIf;
    UCHAR SubClass;
    UCHAR BaseClass;
    UCHAR CacheLineSize;
    UCHAR LatencyTimer;
    UCHAR HeaderType;
    UCHAR BIST;
    union {
        struct _PCI_HEADER_TYPE_0 type0;
        struct _PCI_HEADER_TYPE_1 type1;
        struct _PCI_HEADER_TYPE_2 type2;
    } u;
    UCHAR DeviceSpecific[192];
} PCI_COMMON_CONFIG, *PPCI_COMMON_CONFIG;

typedef struct _PCI_CAPABILITIES_HEADER {
    UCHAR CapabilityID;
    UCHAR Next;
} PCI_CAPABILITIES_HEADER, *PPCI_CAPABILITIES_HEADER;

#define PCI_COMMON_HDR_LENGTH ((ULONG)offsetof(PCI_COMMON_CONFIG, DeviceSpecific))

#define PCI_INVALID_VENDORID 0xffff

#define PCI_MULTIFUNCTION       0x80
#define PCI_DEVICE_TYPE         0x00
#define PCI_BRIDGE_TYPE         0x01
#define PCI_CARDBUS_BRIDGE_TYPE 0x02
#define PCI_CONFIGURATION_TYPE(Config) \
    (((PPCI_COMMON_CONFIG)(Config))->HeaderType & ~PCI_MULTIFUNCTION)

/* Command register. */
#define PCI_ENABLE_IO_SPACE               0x0001
#define PCI_ENABLE_MEMORY_SPACE           0x0002
#define PCI_ENABLE_BUS_MASTER             0x0004
#define PCI_ENABLE_SPECIAL_CYCLES         0x0008
#define PCI_ENABLE_WRITE_AND_INVALIDATE   0x0010
#define PCI_ENABLE_VGA_COMPATIBLE_PALETTE 0x0020
#define PCI_ENABLE_PARITY                 0x0040
#define PCI_ENABLE_WAIT_CYCLE             0x0080
#define PCI_ENABLE_SERR                   0x0100
#define PCI_ENABLE_FAST_BACK_TO_BACK      0x0200
#define PCI_DISABLE_LEVEL_INTERRUPT       0x0400

/* Status register. */
#define PCI_STATUS_INTERRUPT_PENDING 0x0008
#define PCI_STATUS_CAPABILITIES_LIST 0x0010

/* Base address registers. */
#define PCI_ADDRESS_IO_SPACE            0x00000001
#define PCI_ADDRESS_MEMORY_TYPE_MASK    0x00000006
#define PCI_ADDRESS_MEMORY_PREFETCHABLE 0x00000008
#define PCI_ADDRESS_IO_ADDRESS_MASK     0xfffffffc
#define PCI_ADDRESS_MEMORY_ADDRESS_MASK 0xfffffff0
#define PCI_TYPE_32BIT                  0
#define PCI_TYPE_20BIT                  2
#define PCI_TYPE_64BIT                  4

/* Capability identifiers. */
#define PCI_CAPABILITY_ID_POWER_MANAGEMENT 0x01
#define PCI_CAPABILITY_ID_AGP              0x02
#define PCI_CAPABILITY_ID_VPD              0x03
#define PCI_CAPABILITY_ID_SLOT_ID          0x04
#define PCI_CAPABILITY_ID_MSI              0x05
#define PCI_CAPABILITY_ID_PCIX             0x07
#define PCI_CAPABILITY_ID_VENDOR_SPECIFIC  0x09
#define PCI_CAPABILITY_ID_PCI_EXPRESS      0x10
#define PCI_CAPABILITY_ID_MSIX             0x11

/* ---- Processors ---------------------------------------------------------- */

typedef enum _LOGICAL_PROCESSOR_RELATIONSHIP {
    RelationProcessorCore,
    RelationNumaNode,
    RelationCache,
    RelationProcessorPackage,
    RelationGroup,
    RelationAll = 0xffff
} LOGICAL_PROCESSOR_RELATIONSHIP;

/* Variable-length answer of the topology query; read by Size, not declared further. */
typedef struct _SYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX SYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX,
    *PSYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX;

#define ALL_PROCESSOR_GROUPS 0xffff

/* ---- Driver object ------------------------------------------------------- */

typedef struct _DEVICE_OBJECT DEVICE_OBJECT, *PDEVICE_OBJECT;
typedef struct _DRIVER_EXTENSION DRIVER_EXTENSION, *PDRIVER_EXTENSION;
typedef struct _FAST_IO_DISPATCH FAST_IO_DISPATCH, *PFAST_IO_DISPATCH;
typedef struct _IRP IRP, *PIRP;
typedef struct _DRIVER_OBJECT DRIVER_OBJECT, *PDRIVER_OBJECT;

#define IRP_MJ_MAXIMUM_FUNCTION 0x1b

typedef NTSTATUS NTAPI DRIVER_INITIALIZE(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath);
typedef DRIVER_INITIALIZE *PDRIVER_INITIALIZE;
typedef VOID NTAPI DRIVER_STARTIO(PDEVICE_OBJECT DeviceObject, PIRP Irp);
typedef DRIVER_STARTIO *PDRIVER_STARTIO;
typedef VOID NTAPI DRIVER_UNLOAD(PDRIVER_OBJECT DriverObject);
typedef DRIVER_UNLOAD *PDRIVER_UNLOAD;
typedef NTSTATUS NTAPI DRIVER_DISPATCH(PDEVICE_OBJECT DeviceObject, PIRP Irp);
typedef DRIVER_DISPATCH *PDRIVER_DISPATCH;

struct _DRIVER_OBJECT {
    CSHORT Type;
    CSHORT Size;
    PDEVICE_OBJECT DeviceObject;
    ULONG Flags;
    PVOID DriverStart;
    ULONG DriverSize;
    PVOID DriverSection;
    PDRIVER_EXTENSION DriverExtension;
    UNICODE_STRING DriverName;
    PUNICODE_STRING HardwareDatabase;
    PFAST_IO_DISPATCH FastIoDispatch;
    PDRIVER_INITIALIZE DriverInit;
    PDRIVER_STARTIO DriverStartIo;
    PDRIVER_UNLOAD DriverUnload;
    PDRIVER_DISPATCH MajorFunction[IRP_MJ_MAXIMUM_FUNCTION + 1];
};

/* ---- Debug print, assertions, bug check ---------------------------------- */

#define DPFLTR_ERROR_LEVEL     0
#define DPFLTR_WARNING_LEVEL   1
#define DPFLTR_TRACE_LEVEL     2
#define DPFLTR_INFO_LEVEL      3
#define DPFLTR_MASK            0x80000000
#define DPFLTR_SCSIPORT_ID     12
#define DPFLTR_SCSIMINIPORT_ID 13
#define DPFLTR_STORPORT_ID     89
#define DPFLTR_STORMINIPORT_ID 90
#define DPFLTR_IHVDRIVER_ID    77
#define DPFLTR_DEFAULT_ID      101

/* Prints to the kernel debugger. Any IRQL up to DIRQL; no wide strings above PASSIVE_LEVEL. */
NTSYSAPI ULONG NTAPIV DbgPrint(PCSTR Format, ...);
/* The same, filtered by component and level (Windows XP and later). */
NTSYSAPI ULONG NTAPIV DbgPrintEx(ULONG ComponentId, ULONG Level, PCSTR Format, ...);
#if defined(_WIN32)
/* The same, with the arguments in a list. Not for Linux, where a va_list is another one. */
NTSYSAPI ULONG NTAPI vDbgPrintEx(ULONG ComponentId, ULONG Level, PCSTR Format, va_list Arguments);
#endif
/* Stops the system with a bug check. Any IRQL. */
DECLSPEC_NORETURN NTKERNELAPI VOID NTAPI KeBugCheckEx(ULONG BugCheckCode,
                                                      ULONG_PTR BugCheckParameter1,
                                                      ULONG_PTR BugCheckParameter2,
                                                      ULONG_PTR BugCheckParameter3,
                                                      ULONG_PTR BugCheckParameter4);
/* Stops in the debugger with the text of a failed assertion. */
NTSYSAPI VOID NTAPI RtlAssert(PVOID VoidFailedAssertion, PVOID VoidFileName, ULONG LineNumber,
                              PCHAR MutableMessage);

#if DBG
#define KdPrint(Arguments)   DbgPrint Arguments
#define KdPrintEx(Arguments) DbgPrintEx Arguments
#if !defined(ASSERT)
#define ASSERT(Condition) \
    ((void)((Condition) ? 0 : (RtlAssert((PVOID) #Condition, (PVOID)__FILE__, __LINE__, NULL), 0)))
#endif
#define NT_ASSERT(Condition) ((void)((Condition) ? 0 : (__builtin_trap(), 0)))
#else
#define KdPrint(Arguments)   ((void)0)
#define KdPrintEx(Arguments) ((void)0)
#if !defined(ASSERT)
#define ASSERT(Condition) ((void)0)
#endif
#define NT_ASSERT(Condition) ((void)0)
#endif
#define NT_VERIFY(Condition) ((void)(Condition))

#define PAGED_CODE() ((void)0)

#endif
