/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Basic types of Windows drivers, for every target that this project is
 * compiled for: Windows on x86, x64 and ARM64 (clang, gcc), and Linux, where
 * the core of the driver runs under sanitizers and where the bench calls a
 * driver's entry points.
 *
 * Rules that hold on every target:
 * - LONG and ULONG have 32 bits, WCHAR has 16, ULONG_PTR and SIZE_T are as
 *   wide as a pointer, LONGLONG is aligned to 8 bytes even on 32-bit Linux.
 * - NTAPI is the calling convention of every function that crosses the border
 *   between port driver and miniport: __stdcall on x86, the convention of the
 *   Windows x64 ABI on x86-64 (also when compiled for Linux), the only one
 *   there is on ARM64. NTAPIV is the one of variadic functions: __cdecl on x86.
 *   Function types (DRIVER_INITIALIZE, HW_STARTIO, ...) carry it; gcc wants it
 *   repeated in the definition of such a function, clang does not mind.
 */
#ifndef _NTDEF_
#define _NTDEF_

#include <stdarg.h>
#include <stddef.h>
#include <sdkddkver.h>

/* Architecture, under the names that Microsoft's compiler predefines. */
#if defined(__x86_64__)
#if !defined(_M_AMD64)
#define _M_AMD64 100
#endif
#if !defined(_AMD64_)
#define _AMD64_ 1
#endif
#elif defined(__i386__)
#if !defined(_M_IX86)
#define _M_IX86 600
#endif
#if !defined(_X86_)
#define _X86_ 1
#endif
#elif defined(__aarch64__)
#if !defined(_M_ARM64)
#define _M_ARM64 1
#endif
#if !defined(_ARM64_)
#define _ARM64_ 1
#endif
#else
#error "ddk: unsupported processor: compile for x86, x86-64 or ARM64"
#endif

#if defined(__LP64__) && !defined(_WIN64)
#define _WIN64 1
#endif

/* Calling conventions. */
#if defined(__i386__)
#define NTAPI    __attribute__((__stdcall__))
#define NTAPIV   __attribute__((__cdecl__))
#define FASTCALL __attribute__((__fastcall__))
#elif defined(__x86_64__) && !defined(_WIN32)
#define NTAPI    __attribute__((__ms_abi__))
#define NTAPIV   __attribute__((__ms_abi__))
#define FASTCALL __attribute__((__ms_abi__))
#else
#define NTAPI
#define NTAPIV
#define FASTCALL
#endif

#if defined(_WIN32)
#define DECLSPEC_IMPORT __attribute__((__dllimport__))
#else
#define DECLSPEC_IMPORT
#endif
#define DECLSPEC_NORETURN     __attribute__((__noreturn__))
#define DECLSPEC_ALIGN(Bytes) __attribute__((__aligned__(Bytes)))
#define DECLSPEC_NOINLINE     __attribute__((__noinline__))
#define FORCEINLINE           static inline __attribute__((__always_inline__, __unused__))
#define CFORCEINLINE          FORCEINLINE
#define NTSYSAPI              DECLSPEC_IMPORT
#define NTKERNELAPI           DECLSPEC_IMPORT
#define UNALIGNED
#define CONST const
#if defined(__i386__) && !defined(_WIN32)
#define DDK_ALIGN_LONGLONG __attribute__((__aligned__(8)))
#else
#define DDK_ALIGN_LONGLONG
#endif

/* Annotations of Microsoft's static analysis: no meaning for other compilers. */
#include <sal.h>

#if !defined(IN)
#define IN
#endif
#if !defined(OUT)
#define OUT
#endif
#if !defined(OPTIONAL)
#define OPTIONAL
#endif

/* Integers. */
#if !defined(VOID)
#define VOID void
#endif
typedef char CHAR, *PCHAR, *LPSTR, *PSTR, CCHAR, *PCCHAR;
typedef const char *PCSTR, *LPCSTR, *PCSZ;
typedef unsigned char UCHAR, *PUCHAR, BYTE, *PBYTE;
typedef short SHORT, *PSHORT, CSHORT, *PCSHORT;
typedef unsigned short USHORT, *PUSHORT, WORD, *PWORD;
#if defined(_WIN32)
typedef long LONG, *PLONG;
typedef unsigned long ULONG, *PULONG, DWORD, *PDWORD;
typedef __WCHAR_TYPE__ WCHAR;
#else
typedef int LONG, *PLONG;
typedef unsigned int ULONG, *PULONG, DWORD, *PDWORD;
typedef unsigned short WCHAR;
#endif
typedef int INT, *PINT, BOOL;
typedef unsigned int UINT, *PUINT;
typedef DDK_ALIGN_LONGLONG long long LONGLONG;
typedef DDK_ALIGN_LONGLONG unsigned long long ULONGLONG;
typedef LONGLONG *PLONGLONG, LONG64, *PLONG64, INT64, *PINT64;
typedef ULONGLONG *PULONGLONG, ULONG64, *PULONG64, UINT64, *PUINT64, DWORDLONG;
typedef signed char INT8, *PINT8;
typedef short INT16, *PINT16;
typedef int INT32, *PINT32;
typedef unsigned char UINT8, *PUINT8;
typedef unsigned short UINT16, *PUINT16;
typedef unsigned int UINT32, *PUINT32;
typedef LONG LONG32, *PLONG32;
typedef ULONG ULONG32, *PULONG32;

#if defined(_WIN32) && defined(_WIN64)
typedef long long LONG_PTR, *PLONG_PTR, INT_PTR, *PINT_PTR;
typedef unsigned long long ULONG_PTR, *PULONG_PTR, UINT_PTR, *PUINT_PTR;
#elif defined(_WIN32)
typedef long LONG_PTR, *PLONG_PTR;
typedef int INT_PTR, *PINT_PTR;
typedef unsigned long ULONG_PTR, *PULONG_PTR;
typedef unsigned int UINT_PTR, *PUINT_PTR;
#else
typedef __INTPTR_TYPE__ LONG_PTR, *PLONG_PTR, INT_PTR, *PINT_PTR;
typedef __UINTPTR_TYPE__ ULONG_PTR, *PULONG_PTR, UINT_PTR, *PUINT_PTR;
#endif
typedef ULONG_PTR SIZE_T, *PSIZE_T, DWORD_PTR, *PDWORD_PTR;
typedef LONG_PTR SSIZE_T, *PSSIZE_T;
typedef ULONG_PTR KAFFINITY, *PKAFFINITY;
typedef ULONG_PTR PFN_NUMBER, *PPFN_NUMBER;

typedef void *PVOID, *HANDLE, **PHANDLE, *LPVOID;
typedef const void *PCVOID;
typedef WCHAR *PWCHAR, *PWCH, *PWSTR, *LPWSTR;
typedef const WCHAR *PCWCH, *PCWSTR, *LPCWSTR;
typedef const UCHAR *PCUCHAR;
typedef const ULONG *PCULONG;

typedef UCHAR BOOLEAN, *PBOOLEAN;
#if !defined(TRUE)
#define TRUE 1
#endif
#if !defined(FALSE)
#define FALSE 0
#endif

typedef LONG NTSTATUS, *PNTSTATUS;
#define NT_SUCCESS(Status)     (((NTSTATUS)(Status)) >= 0)
#define NT_INFORMATION(Status) ((((ULONG)(Status)) >> 30) == 1)
#define NT_WARNING(Status)     ((((ULONG)(Status)) >> 30) == 2)
#define NT_ERROR(Status)       ((((ULONG)(Status)) >> 30) == 3)

/* 64-bit values that are also looked at by halves. */
typedef union _LARGE_INTEGER {
    struct {
        ULONG LowPart;
        LONG HighPart;
    };
    struct {
        ULONG LowPart;
        LONG HighPart;
    } u;
    LONGLONG QuadPart;
} LARGE_INTEGER, *PLARGE_INTEGER;

typedef union _ULARGE_INTEGER {
    struct {
        ULONG LowPart;
        ULONG HighPart;
    };
    struct {
        ULONG LowPart;
        ULONG HighPart;
    } u;
    ULONGLONG QuadPart;
} ULARGE_INTEGER, *PULARGE_INTEGER;

typedef LARGE_INTEGER PHYSICAL_ADDRESS, *PPHYSICAL_ADDRESS;

/* Counted strings: lengths in bytes, no terminator needed. */
typedef struct _UNICODE_STRING {
    USHORT Length;
    USHORT MaximumLength;
    PWCH Buffer;
} UNICODE_STRING, *PUNICODE_STRING;
typedef const UNICODE_STRING *PCUNICODE_STRING;

typedef struct _STRING {
    USHORT Length;
    USHORT MaximumLength;
    PCHAR Buffer;
} STRING, *PSTRING, ANSI_STRING, *PANSI_STRING;

typedef struct _LIST_ENTRY {
    struct _LIST_ENTRY *Flink;
    struct _LIST_ENTRY *Blink;
} LIST_ENTRY, *PLIST_ENTRY;

typedef struct _SINGLE_LIST_ENTRY {
    struct _SINGLE_LIST_ENTRY *Next;
} SINGLE_LIST_ENTRY, *PSINGLE_LIST_ENTRY;

#if !defined(GUID_DEFINED)
#define GUID_DEFINED
typedef struct _GUID {
#if defined(_WIN32)
    unsigned long Data1;
#else
    unsigned int Data1;
#endif
    unsigned short Data2;
    unsigned short Data3;
    unsigned char Data4[8];
} GUID;
#endif
typedef GUID *LPGUID, *PGUID;
typedef const GUID *LPCGUID;

typedef struct _PROCESSOR_NUMBER {
    USHORT Group;
    UCHAR Number;
    UCHAR Reserved;
} PROCESSOR_NUMBER, *PPROCESSOR_NUMBER;

typedef struct _GROUP_AFFINITY {
    KAFFINITY Mask;
    USHORT Group;
    USHORT Reserved[3];
} GROUP_AFFINITY, *PGROUP_AFFINITY;

/* Limits. */
#define MINCHAR       0x80
#define MAXCHAR       0x7f
#define MINSHORT      0x8000
#define MAXSHORT      0x7fff
#define MINLONG       0x80000000
#define MAXLONG       0x7fffffff
#define MAXUCHAR      0xff
#define MAXUSHORT     0xffff
#define MAXULONG      0xffffffff
#define MAXLONGLONG   (0x7fffffffffffffffLL)
#define MAXULONGLONG  (0xffffffffffffffffULL)
#define MAXULONG64    MAXULONGLONG
#define MAXLONG64     MAXLONGLONG
#define MAXULONG32    MAXULONG
#define MAXULONG_PTR  (~((ULONG_PTR)0))
#define MAXSIZE_T     MAXULONG_PTR
#define ANYSIZE_ARRAY 1

/* Structures and arrays. */
#define FIELD_OFFSET(Type, Field)   ((LONG)offsetof(Type, Field))
#define UFIELD_OFFSET(Type, Field)  ((ULONG)offsetof(Type, Field))
#define RTL_FIELD_SIZE(Type, Field) (sizeof(((Type *)0)->Field))
#define RTL_SIZEOF_THROUGH_FIELD(Type, Field) \
    (FIELD_OFFSET(Type, Field) + RTL_FIELD_SIZE(Type, Field))
#define RTL_CONTAINS_FIELD(Struct, Size, Field) \
    ((((PCHAR)(&(Struct)->Field)) + sizeof((Struct)->Field)) <= (((PCHAR)(Struct)) + (Size)))
#define RTL_NUMBER_OF(Array) (sizeof(Array) / sizeof((Array)[0]))
#define ARRAYSIZE(Array)     RTL_NUMBER_OF(Array)
#define CONTAINING_RECORD(Address, Type, Field) \
    ((Type *)((PCHAR)(Address) - (ULONG_PTR)offsetof(Type, Field)))
#define C_ASSERT(Condition) _Static_assert(Condition, #Condition)

#define UNREFERENCED_PARAMETER(Name)          ((void)(Name))
#define DBG_UNREFERENCED_PARAMETER(Name)      ((void)(Name))
#define DBG_UNREFERENCED_LOCAL_VARIABLE(Name) ((void)(Name))

/* Evaluate an argument twice. NOMINMAX leaves the names to the program. */
#if !defined(NOMINMAX)
#if !defined(min)
#define min(First, Second) (((First) < (Second)) ? (First) : (Second))
#endif
#if !defined(max)
#define max(First, Second) (((First) > (Second)) ? (First) : (Second))
#endif
#endif

/* Conversions between pointers and integers that truncate on purpose. */
#define PtrToUlong(Pointer)  ((ULONG)(ULONG_PTR)(Pointer))
#define PtrToLong(Pointer)   ((LONG)(LONG_PTR)(Pointer))
#define UlongToPtr(Value)    ((PVOID)(ULONG_PTR)(ULONG)(Value))
#define LongToPtr(Value)     ((PVOID)(LONG_PTR)(LONG)(Value))
#define HandleToUlong(Value) PtrToUlong(Value)

#define LOWORD(Value) ((USHORT)((ULONG_PTR)(Value)&0xffff))
#define HIWORD(Value) ((USHORT)(((ULONG_PTR)(Value) >> 16) & 0xffff))
#define LOBYTE(Value) ((UCHAR)((ULONG_PTR)(Value)&0xff))
#define HIBYTE(Value) ((UCHAR)(((ULONG_PTR)(Value) >> 8) & 0xff))

#endif
