# SPDX-License-Identifier: BSD-3-Clause
"""Rules for installation files, as functions that return what is wrong: an empty list if nothing is.

InfVerif itself runs on Windows only (docs/verify-on-windows.md). Its rules that concern these files
are here, by the numbers of "INF Validation Errors and Warnings", and those of "Using a Universal INF
File" and "Driver Package Isolation".
"""
import re

from inf_file import Decoration, Inf, Line, Windows, install_section, manufacturers

# Sections that Windows looks for by name.
ROOT_SECTIONS = {"version", "sourcedisksnames", "sourcedisksfiles", "destinationdirs", "manufacturer",
                 "strings"}
# Directives by the position of section names among their fields.
SECTION_DIRECTIVES = {"copyfiles", "addreg"}

NOT_UNIVERSAL_DIRECTIVES = {
    "bitreg", "delfiles", "delproperty", "delreg", "delservice", "ini2reg", "logconfig", "profileitems",
    "registerdlls", "renfiles", "unregisterdlls", "updateinifields", "updateinis", "reboot", "restart"}
NOT_UNIVERSAL_SECTIONS = ("classinstall32", ".coinstallers", ".factdef", ".logconfigoverride")

KEY_ONLY = 0x10
APPEND_OR_DELETE = 0x8 | 0x4 | 0x4000  # FLG_ADDREG_APPEND, _DELVAL, _DELREG_BIT


# ---- Which file serves which Windows -------------------------------------------------------------


def choice_problems(infs: dict[str, Inf], windows: Windows, ids: list[str],
                    expected: tuple[str, str]) -> list[str]:
    """infs by flavour; expected: flavour and install section that this Windows must get for each id."""
    problems = []
    for hardware_id in ids:
        taken = [(flavour, section) for flavour, inf in infs.items()
                 if (section := install_section(inf, windows, hardware_id)) is not None]
        if taken != [expected]:
            problems.append(f"{windows.name} ({windows.architecture}), {hardware_id}: {taken} instead "
                            f"of {expected}")
    return problems


# ---- References within a file --------------------------------------------------------------------


def named_sections(inf: Inf) -> dict[str, set[str]]:
    """The sections that lines name, each with the directives that name it."""
    named: dict[str, set[str]] = {}

    def note(section: str, directive: str) -> None:
        if section:
            named.setdefault(section.lower(), set()).add(directive)

    install: set[str] = set()
    for models, decorations in manufacturers(inf):
        for section in [f"{models}.{decoration}" for decoration in decorations] or [models]:
            note(section, "manufacturer")
            for line in inf.sections.get(section.lower(), []):
                note(line.field(0), "models")
                install.add(line.field(0).lower())
    for section in install:
        for extension in (".hw", ".services"):
            if section + extension in inf:
                note(section + extension, "extension")
    for lines in inf.sections.values():
        for line in lines:
            directive = (line.key or "").lower()
            if directive in SECTION_DIRECTIVES:
                for section in line.fields:
                    note(section, directive)
            elif directive == "addservice":
                note(line.field(2), "service-install")
                note(line.field(3), "event-log-install")
    return named


def copied_files(inf: Inf, section: str) -> list[Line]:
    """The lines of the copy sections of an install section."""
    return [copy for line in inf.values(section, "CopyFiles") for name in line.fields
            for copy in inf[name]]


def reference_problems(inf: Inf) -> list[str]:
    """Sections, files and strings that are named and missing, or there and not named."""
    problems = []
    named = named_sections(inf)
    for section, directives in named.items():
        if section not in inf:
            problems.append(f"1203: [{section}] is not there ({', '.join(directives)})")
        if len(directives) > 1:
            problems.append(f"1205: [{section}] is named by different directives: {directives}")
    for section in inf.sections:
        if section not in named and section not in ROOT_SECTIONS:
            problems.append(f"2083: [{section}] is not used")
    for token in set(inf.strings) - inf.used_strings:
        problems.append(f"%{token}% is not used")
    if problems:
        return problems

    disks = {line.key for line in inf["SourceDisksNames"]}
    sources = {(line.key or "").lower(): line for line in inf["SourceDisksFiles"]}
    copied: set[str] = set()
    for section in (name for name, by in named.items() if "copyfiles" in by):
        if not inf.value("DestinationDirs", section):
            problems.append(f"[{section}] has no folder in [DestinationDirs]")
        copied |= {line.field(0).lower() for line in inf[section]}
    for line in inf["DestinationDirs"]:
        if (line.key or "").lower() not in named:
            problems.append(f"[DestinationDirs] names [{line.key}], which copies nothing")
    for file in copied - set(sources):
        problems.append(f"1230: {file} is not in [SourceDisksFiles]")
    for file in set(sources) - copied:
        problems.append(f"{file} is in [SourceDisksFiles] and not copied")
    for file, line in sources.items():
        if line.field(0) not in disks:
            problems.append(f"{file}: medium {line.field(0)} is not in [SourceDisksNames]")
    return problems


# ---- What the file says --------------------------------------------------------------------------


def version_problems(inf: Inf, version: str, date: str) -> list[str]:
    """The [Version] section. version: A.B.C, date: YYYY-MM-DD, as the repository states them."""
    year, month, day = date.split("-")
    expected = {"Signature": ["$Windows NT$"], "Class": ["SCSIAdapter"],
                "ClassGuid": ["{4D36E97B-E325-11CE-BFC1-08002BE10318}"],
                "DriverVer": [f"{month}/{day}/{year}", f"{version}.0"], "CatalogFile": ["viostor.cat"]}
    problems = []
    for key, fields in expected.items():
        lines = inf.values("Version", key)
        if len(lines) != 1 or list(lines[0].fields) != fields:
            problems.append(f"{key} is not {fields}")
    if inf.value("Version", "Provider").lower() in ("", "microsoft"):
        problems.append("1204: the provider is missing, or Microsoft")
    return problems


def service_problems(inf: Inf, section: str, folder: str) -> list[str]:
    """The service of an install section; folder: %12% or %13%."""
    problems = []
    services = inf.values(f"{section}.Services", "AddService")
    if len(services) != 1 or services[0].field(0) != "viostor" or int(services[0].field(1), 0) != 2:
        return [f"1296: [{section}.Services] does not name viostor as the device's one service"]
    service = services[0].field(2)
    expected = {"ServiceType": "1", "StartType": "0", "ErrorControl": "1",
                "LoadOrderGroup": "SCSI miniport", "ServiceBinary": rf"{folder}\viostor.sys"}
    for key, value in expected.items():
        if inf.value(service, key) != value:
            problems.append(f"[{service}]: {key} is not {value}")
    if [line.fields for line in copied_files(inf, section)] != [("viostor.sys",)]:
        problems.append(f"[{section}] does not copy viostor.sys under its own name, and that only")
    if inf.value("DestinationDirs", inf.value(section, "CopyFiles")) != folder.strip("%"):
        problems.append(f"[{section}] does not copy to {folder}")
    if not services[0].field(3):
        problems.append(f"[{section}.Services] has no event source")
    return problems


def isolation_problems(inf: Inf, section: str) -> list[str]:
    """What keeps an install section from being universal, declarative and isolated."""
    problems = []
    for name in inf.sections:
        if any(name == part or name.endswith(part) for part in NOT_UNIVERSAL_SECTIONS):
            problems.append(f"1300: [{name}] is not universal")
    for _, decorations in manufacturers(inf):
        for decoration in map(Decoration.parse, decorations):
            if decoration.product or decoration.suite:
                problems.append("a decoration names a product type or a suite")
            if decoration.architecture is None:
                problems.append("a decoration names no architecture")
    if inf.value("Version", "PnpLockDown") != "1":
        problems.append("PnpLockDown is not 1")

    reached = reachable(inf, section)
    for name in reached:
        for line in inf[name]:
            if (line.key or "").lower() in NOT_UNIVERSAL_DIRECTIVES:
                problems.append(f"1301: [{name}] has {line.key}")
    for line in inf.values(section, "CopyFiles"):
        for copy in line.fields:
            if inf.value("DestinationDirs", copy) != "13":
                problems.append(f"[{copy}] does not leave its files in the driver store")
            problems += [f"1100: [{copy}] renames {entry.field(0)}" for entry in inf[copy]
                         if len(entry.fields) > 1 and entry.field(1)]
    for name in registry_sections(inf, reached):
        problems += registry_problems(inf, name)
    service = inf.values(f"{section}.Services", "AddService")[0].field(2)
    for line in inf.values(service, "AddReg"):
        for name in line.fields:
            problems += [f"[{name}]: {entry.field(1)} is outside the service's Parameters"
                         for entry in inf[name]
                         if entry.field(1).split("\\")[0].lower() != "parameters"]
    return problems


def reachable(inf: Inf, section: str) -> set[str]:
    """The section, its extensions, and all that they name."""
    found: set[str] = set()
    waiting = [section.lower(), f"{section.lower()}.hw", f"{section.lower()}.services"]
    while waiting:
        name = waiting.pop()
        if name in found or name not in inf:
            continue
        found.add(name)
        for line in inf[name]:
            directive = (line.key or "").lower()
            if directive in SECTION_DIRECTIVES:
                waiting += [field.lower() for field in line.fields]
            elif directive == "addservice":
                waiting += [line.field(2).lower(), line.field(3).lower()]
    return found


def registry_sections(inf: Inf, sections: set[str]) -> set[str]:
    """The sections of registry values that these sections name."""
    return {field.lower() for name in sections for line in inf.values(name, "AddReg")
            for field in line.fields}


def registry_problems(inf: Inf, section: str) -> list[str]:
    """Lines of a registry section: root,key,name,flags,value."""
    problems = []
    for line in inf[section]:
        root, _, name, flags = (line.field(index) for index in range(4))
        if root != "HKR":
            problems.append(f"1304: [{section}] writes below {root}")
        if not re.fullmatch(r"0x[0-9a-f]{8}", flags, re.IGNORECASE):
            problems.append(f"[{section}]: {name or line.field(1)} has no flags")
            continue
        if int(flags, 16) & APPEND_OR_DELETE:
            problems.append(f"1305: [{section}]: {name} appends or deletes")
        if (int(flags, 16) == KEY_ONLY) != (len(line.fields) == 4):
            problems.append(f"[{section}]: {name or line.field(1)} has no value")
    return problems
