# SPDX-License-Identifier: BSD-3-Clause
"""The project files for Microsoft's WDKs say the same as the Makefile. (They are not run here: docs/wdk.md.)"""

from __future__ import annotations

import re
import xml.etree.ElementTree

import pytest

from conftest import ROOT
from package_tools import succeed

# The flavours, and what the WDK's build environment calls their Windows.
FLAVOURS = {"wxp": "WinXP", "wnet": "WinNET", "wlh": "WinLH"}
PLATFORMS = {"x64": "x64", "x86": "Win32", "arm64": "ARM64"}
MSBUILD = "{http://schemas.microsoft.com/developer/msbuild/2003}"


def make_says(variable: str) -> str:
    """The value that a variable of the Makefile has."""
    return succeed("make", "-s", "-C", ROOT, f"print-{variable}").strip()


def sources_of(flavour: str) -> set[str]:
    """The C files of a flavour, by the Makefile."""
    names = {name.removeprefix("viostor/") for name in make_says(f"DRIVER_SOURCES_{flavour}").split()}
    assert len(names) > 5
    return names


def defines_of(flavour: str) -> set[str]:
    """What is defined for a flavour beyond what says which interfaces the headers are to show."""
    flags = make_says("DRIVER_DEFINES") + " " + make_says(f"DRIVER_CFLAGS_{flavour}")
    return {flag.removeprefix("-D") for flag in flags.split() if flag.startswith("-D")}


def header_versions() -> set[str]:
    """Which interfaces Microsoft's headers are to show."""
    return {flag.removeprefix("-D") for flag in make_says("DRIVER_CFLAGS").split()
            if re.match("-D(_WIN32_WINNT|NTDDI_VERSION)=", flag)}


def release_date() -> str:
    return (ROOT / "RELEASE_DATE").read_text().strip()


# ---- sources, for BUILD -----------------------------------------------------------------------

def read_sources(target_os: str) -> dict[str, str]:
    """The macros of viostor/sources in the window for a Windows, as NMAKE reads them."""
    text = re.sub(r"\\\n", " ", (ROOT / "viostor/sources").read_text())
    macros = {"DDK_TARGET_OS": target_os, "DDK_LIB_PATH": "LIB", "C_DEFINES": ""}
    taken: list[bool] = []   # by nesting: a branch has been taken
    active: list[bool] = []  # by nesting: this branch is read

    def expand(value: str) -> str:
        return re.sub(r"\$\((\w+)\)", lambda match: macros[match[1]], value)

    def holds(condition: str) -> bool:
        left, right = re.fullmatch(r'\s*"([^"]*)"\s*==\s*"([^"]*)"\s*', expand(condition)).groups()
        return left == right

    for line in text.split("\n"):
        line = line.split("#", 1)[0].strip()
        directive = re.match(r"!(IF|ELSEIF|ELSE|ENDIF)\b(.*)", line)
        if directive and directive[1] == "IF":
            active.append(holds(directive[2]))
            taken.append(active[-1])
        elif directive and directive[1] == "ENDIF":
            active.pop()
            taken.pop()
        elif directive:
            active[-1] = not taken[-1] and (directive[1] == "ELSE" or holds(directive[2]))
            taken[-1] = taken[-1] or active[-1]
        elif line and all(active):
            name, value = line.split("=", 1)
            macros[name.strip()] = expand(value.strip())
    assert not active
    return macros


@pytest.mark.parametrize("flavour,target_os", FLAVOURS.items())
def test_sources_names_the_files_of_the_flavour(flavour, target_os):
    names = read_sources(target_os)["SOURCES"].split()
    assert len(names) == len(set(names))
    assert set(names) == sources_of(flavour) | {"virtio_store.rc"}


@pytest.mark.parametrize("flavour,target_os", FLAVOURS.items())
def test_sources_defines_what_the_makefile_does(flavour, target_os):
    macros = read_sources(target_os)
    assert {item.removeprefix("-D") for item in macros["C_DEFINES"].split()} == \
        defines_of(flavour) | {f"VIOSTOR_RELEASE_DATE={release_date()}"}
    major, minor = make_says(f"DRIVER_WINDOWS_{flavour}").split(".")
    assert int(macros["_NT_TARGET_VERSION"], 16) == int(major) * 0x100 + int(minor)
    assert macros["TARGETLIBS"] == f"LIB\\{make_says(f'DRIVER_PORT_{flavour}')}.lib"
    assert (macros["TARGETNAME"], macros["TARGETTYPE"]) == ("viostor", "DRIVER")


def test_build_finds_its_way():
    """dirs leads to the driver, whose makefile leads to the WDK's."""
    assert re.search(r"^DIRS = viostor$", (ROOT / "dirs").read_text(), re.MULTILINE)
    assert "!INCLUDE $(NTMAKEENV)\\makefile.def" in (ROOT / "viostor/makefile").read_text()


# ---- viostor.vcxproj, for MSBuild -------------------------------------------------------------

@pytest.fixture(scope="module")
def project():
    return xml.etree.ElementTree.parse(ROOT / "viostor/viostor.vcxproj").getroot()


def properties_of(project, flavour: str) -> dict[str, str]:
    """The properties that a configuration sets for itself."""
    return {item.tag.removeprefix(MSBUILD): (item.text or "").strip()
            for group in project.iter(f"{MSBUILD}PropertyGroup")
            if group.get("Condition") == f"'$(Configuration)'=='{flavour}'" for item in group}


def test_project_has_the_targets_of_the_makefile(project):
    expected = {f"{flavour}|{PLATFORMS[architecture]}" for flavour, architecture in
                (target.split("/") for target in make_says("DRIVER_TARGETS").split())}
    assert {item.get("Include") for item in project.iter(f"{MSBUILD}ProjectConfiguration")} == expected


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_project_names_the_files_of_the_flavour(project, flavour):
    names = set()
    for item in project.iter(f"{MSBUILD}ClCompile"):
        excluded = {other.get("Condition") for other in item.iter(f"{MSBUILD}ExcludedFromBuild")
                    if other.text == "true"}
        if item.get("Include") and f"'$(Configuration)'=='{flavour}'" not in excluded:
            names.add(item.get("Include"))
    assert names == sources_of(flavour)


def test_project_names_every_other_file(project):
    headers = {item.get("Include") for item in project.iter(f"{MSBUILD}ClInclude")}
    assert headers == {path.name for path in (ROOT / "viostor").glob("*.h")}
    others = {item.get("Include") for kind in ("ResourceCompile", "None") for item in project.iter(MSBUILD + kind)}
    assert others - {None} == {path.name for suffix in ("rc", "inf", "oem") for path in
                               (ROOT / "viostor").glob(f"*.{suffix}")}


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_project_defines_what_the_makefile_does(project, flavour):
    """Version and date are read from their files by MSBuild, so only the names can be compared."""
    properties = properties_of(project, flavour)
    common = next(project.iter(f"{MSBUILD}ViostorVersionDefines")).text
    names = {item.split("=")[0] for item in common.split(";")} | set(properties["ViostorDefines"].split(";")) - {""}
    assert names == {item.split("=")[0] for item in defines_of(flavour)}
    assert properties["ViostorPort"] == make_says(f"DRIVER_PORT_{flavour}") + ".lib"
    assert properties["ViostorOldestWindows"] == make_says(f"DRIVER_WINDOWS_{flavour}")
    used = next(project.find(f"{MSBUILD}ItemDefinitionGroup").iter(f"{MSBUILD}PreprocessorDefinitions")).text.split(";")
    assert {item for item in used if item.startswith(("_WIN32_WINNT", "NTDDI"))} == header_versions()


def test_project_reads_version_and_date_from_their_files(project):
    assert "..\\VERSION" in next(project.iter(f"{MSBUILD}ViostorVersion")).text
    assert "..\\RELEASE_DATE" in next(project.iter(f"{MSBUILD}ViostorReleaseDate")).text
