#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Makes windows_exports.inc: what Windows' modules export, by processor and Windows.

    storhost/kernel/make_windows_exports.py DDI_DIRECTORY > storhost/kernel/windows_exports.inc

Run by hand when a source has changed; what it makes stands in the repository. No source is part of
this project:

processor
    mingw-w64's import libraries (Debian: mingw-w64-i686-dev, mingw-w64-x86-64-dev) name what the
    kernel and the HAL of Windows 7 export on x86 and x64. That of x86 holds a memcmp of its own,
    because no kernel there exports one.
Windows
    "Minimum supported client" of the DDI reference (MicrosoftDocs/windows-driver-docs-ddi, a bare
    git repository). Of the C library there is no page: those are what Server 2003 exports as ReactOS's
    ntoskrnl.spec has it, whose -arch agrees with mingw-w64. What no source says more about is there
    since Windows 7, whose libraries name it.
storport.sys, scsiport.sys
    Microsoft's headers and ReactOS's storport.spec (2003's, with no StorPortExtendedFunction, which
    the reference dates with 2003 SP2); mingw-w64's import library of scsiport.sys.

For ARM64 there is no library to read: x64's column stands for it.
"""

import re
import subprocess
import sys

XP, SERVER_2003, VISTA, WINDOWS_7, WINDOWS_8, WINDOWS_8_1, WINDOWS_10 = (
    0x501, 0x502, 0x600, 0x601, 0x602, 0x603, 0xa00)
LIBRARIES = {"x86": "/usr/i686-w64-mingw32/lib", "x64": "/usr/x86_64-w64-mingw32/lib"}
MODULES = {"ntoskrnl.exe": "ntoskrnl", "hal.dll": "hal"}

# In ReactOS's ntoskrnl.spec, and without a page in the reference.
C_LIBRARY = set("""
    _abnormal_termination _alldiv _alldvrm _allmul _alloca_probe _allrem _allshl _allshr _aulldiv
    _aulldvrm _aullrem _aullshr _except_handler2 _except_handler3 _global_unwind2 _itoa _itow
    _local_unwind _local_unwind2 _purecall _setjmp _setjmpex _snprintf _snwprintf _stricmp _strlwr
    _strnicmp _strnset _strrev _strset _strupr _vsnprintf _vsnwprintf _wcsicmp _wcslwr _wcsnicmp
    _wcsnset _wcsrev _wcsupr __C_specific_handler __chkstk atoi atol isdigit islower isprint isspace
    isupper isxdigit longjmp mbstowcs mbtowc memchr memcmp memcpy memmove memset qsort rand sprintf
    srand strcat strchr strcmp strcpy strlen strncat strncmp strncpy strrchr strspn strstr swprintf
    tolower toupper towlower towupper vsprintf wcscat wcschr wcscmp wcscpy wcscspn wcslen wcsncat
    wcsncmp wcsncpy wcsrchr wcsspn wcsstr wcstombs wctomb
    DbgBreakPoint DbgPrint ExAllocatePoolWithTag ExpInterlockedFlushSList ExpInterlockedPopEntrySList
    ExpInterlockedPushEntrySList ExfInterlockedAddUlong ExfInterlockedCompareExchange64
    ExfInterlockedInsertHeadList ExfInterlockedInsertTailList ExfInterlockedPopEntryList
    ExfInterlockedPushEntryList ExfInterlockedRemoveHeadList InitSafeBootMode
    InterlockedPopEntrySList InterlockedPushEntrySList
    """.split())
# Of x64's kernel in ReactOS's ntoskrnl.spec; mingw-w64 leaves it to its own libgcc.
ONLY_X64 = {"__chkstk"}
# The reference has pages without a version, or a version that is the page's and not the function's:
# these are called by drivers that Microsoft published for that Windows (2003's DDK samples).
OLD = set("""
    ExAllocatePool KdDebuggerEnabled KdDebuggerNotPresent KeAcquireSpinLockAtDpcLevel
    KeInitializeSpinLock KeNumberProcessors KeReleaseInStackQueuedSpinLockFromDpcLevel KeTickCount
    KeWaitForSingleObject KefAcquireSpinLockAtDpcLevel KfAcquireSpinLock KfLowerIrql KfRaiseIrql
    KfReleaseSpinLock MmIsAddressValid MmMapIoSpace MmMapLockedPagesSpecifyCache NtBuildNumber
    RtlAnsiStringToUnicodeString RtlAssert RtlCompareMemory RtlCopyMemory RtlFillMemory
    RtlInitAnsiString RtlInitString RtlMoveMemory RtlQueryRegistryValues ZwClose ZwCreateKey ZwOpenKey
    ZwQueryValueKey ZwSetValueKey KeQueryHighestNodeNumber
    """.split())
VISTA_TRACING = {"EtwActivityIdControl", "EtwRegister", "EtwUnregister", "EtwWrite",
                 "EtwWriteTransfer", "EtwRegisterClassicProvider"}
# Younger than the libraries: the reference alone names them.
YOUNGER = set("""
    EtwSetInformation ExAllocatePool2 ExFreePool2 KeQueryInterruptTimePrecise KeQuerySystemTimePrecise
    MmAllocateContiguousNodeMemory MmMapIoSpaceEx
    """.split())
# Without a page of its own; ExAllocatePool2's stands for it.
PAGE_OF = {"ExFreePool2": "ExAllocatePool2"}

PHRASES = [
    (r"Windows 1[01]", WINDOWS_10), (r"Windows 8\.1", WINDOWS_8_1), (r"Windows 8\b", WINDOWS_8),
    (r"Windows 7", WINDOWS_7), (r"Vista", VISTA), (r"Server 2003|Windows 2003", SERVER_2003),
    (r"64-bit Windows|2000 64-bit", SERVER_2003), (r"Windows XP|Windows 2000", XP),
]


def exported(architecture: str, module: str) -> set[str]:
    """Names that an import library has, as Windows' export table spells them."""
    listing = subprocess.run(
        ["nm", "--print-armap", f"{LIBRARIES[architecture]}/lib{MODULES[module]}.a"],
        check=True, text=True, errors="replace", stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    names = set()
    for symbol in re.findall(r"^__imp_(\S+) in ", listing.stdout, re.M):
        if architecture == "x86":
            symbol = re.sub(r"^[@_](.*?)(@\d+)?$", r"\1", symbol)
        names.add(symbol)
    return names


def reference(directory: str) -> dict[str, int]:
    """First Windows by function, where a page of the reference names one."""
    found = subprocess.run(
        ["git", f"--git-dir={directory}", "grep", "-E", "^title:|^req.target-min-winverclnt:",
         "HEAD", "--", "wdk-ddi-src/content/*/nf-*"],
        check=True, text=True, errors="replace", stdout=subprocess.PIPE).stdout
    titles, since = {}, {}
    for page, key, value in re.findall(r"^HEAD:(\S+?):(title|req\S+?): *(.*)$", found, re.M):
        if key == "title":
            titles[page] = value.split(" ")[0]
            continue
        for phrase, version in PHRASES:
            if re.search(phrase, value):
                name = titles.get(page)
                since[name] = min(version, since.get(name, version))
                break
    return since


def since_of(name: str, pages: dict[str, int]) -> int:
    if name in C_LIBRARY or name in OLD:
        return XP
    if name in VISTA_TRACING:
        return VISTA
    return pages.get(PAGE_OF.get(name, name), WINDOWS_7)


def version(number: int) -> str:
    return f"0x{number:x}" if number else "0"


def row(module: str, name: str, x86: int, x64: int) -> str:
    return f'    {{"{module}", "{name}", {{{version(x86)}, {version(x64)}}}}},'


def kernel_rows(pages: dict[str, int]) -> list[str]:
    rows = []
    for module in MODULES:
        names = {architecture: exported(architecture, module) for architecture in LIBRARIES}
        if module == "ntoskrnl.exe":
            for architecture in names:
                names[architecture] |= YOUNGER
            names["x64"] |= ONLY_X64
        for name in names["x86"] | names["x64"]:
            since = since_of(name, pages)
            rows.append(row(module, name, since if name in names["x86"] else 0,
                            since if name in names["x64"] else 0))
    return rows


def port_rows() -> list[str]:
    rows = []
    for module, definitions in (("storport.sys", "ddk/storport.def"), ("scsiport.sys", "ddk/scsiport.def")):
        with open(definitions, encoding="ascii") as lines:
            names = re.findall(r"^ +(\w+)(?:@\d+)?$", lines.read(), re.M)
        for name in names:
            if module == "scsiport.sys":
                rows.append(row(module, name, XP, XP))
            elif name == "StorPortExtendedFunction":
                rows.append(row(module, name, VISTA, VISTA))
            else:
                rows.append(row(module, name, SERVER_2003, SERVER_2003))
    return rows


def main() -> None:
    print("/* SPDX-License-Identifier: BSD-3-Clause */\n"
          "/* Made by make_windows_exports.py, which names the sources. Module, name, and the first\n"
          " * Windows that exports it on x86 and on 64-bit processors: 0x501 (XP): the first that there\n"
          " * is, 0: none. Sorted for a binary search. */")
    print("\n".join(sorted(kernel_rows(reference(sys.argv[1])) + port_rows())))


if __name__ == "__main__":
    main()
