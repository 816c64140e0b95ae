# SPDX-License-Identifier: BSD-3-Clause
"""What Windows asks of a driver file, read off viostor.sys by tools that nobody here wrote."""

import pathlib
import re
import subprocess

import pefile
import pytest

from conftest import BUILD

# Every file that is built, whatever can be run here: the oldest Windows that it is for, its port
# driver, and the machine.
FILES = {
    "wlh/x64": ((6, 0), "storport.sys", "IMAGE_FILE_MACHINE_AMD64"),
    "wlh/x86": ((6, 0), "storport.sys", "IMAGE_FILE_MACHINE_I386"),
    "wlh/arm64": ((6, 0), "storport.sys", "IMAGE_FILE_MACHINE_ARM64"),
    "wnet/x64": ((5, 2), "storport.sys", "IMAGE_FILE_MACHINE_AMD64"),
    "wnet/x86": ((5, 2), "storport.sys", "IMAGE_FILE_MACHINE_I386"),
    "wxp/x86": ((5, 1), "scsiport.sys", "IMAGE_FILE_MACHINE_I386"),
}

# What a driver file may import from: its port driver and the kernel.
EXPORTS = pathlib.Path(__file__).resolve().parents[2] / "storhost/kernel/windows_exports.inc"
COLUMNS = {"x86": 0, "x64": 1, "arm64": 1}

# Of the optional header: the file has no exception handler at all.
NO_SEH = 0x0400


def readobj(path: pathlib.Path, *arguments: str) -> str:
    return subprocess.run(["llvm-readobj-14", *arguments, path], check=True, text=True,
                          stdout=subprocess.PIPE).stdout


@pytest.fixture(scope="module", params=FILES, ids=lambda name: name.replace("/", "-"))
def name(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def path(name) -> pathlib.Path:
    return BUILD / name / "viostor.sys"


@pytest.fixture(scope="module")
def image(path) -> pefile.PE:
    return pefile.PE(path)


def test_every_file_is_looked_at():
    assert {f"{path.parent.parent.name}/{path.parent.name}"
            for path in BUILD.glob("w*/*/viostor.sys")} == set(FILES)


def test_native_subsystem_and_machine(name, path, image):
    windows, _, machine = FILES[name]
    header = image.OPTIONAL_HEADER
    assert header.Subsystem == pefile.SUBSYSTEM_TYPE["IMAGE_SUBSYSTEM_NATIVE"]
    assert (header.MajorSubsystemVersion, header.MinorSubsystemVersion) == windows
    assert machine in readobj(path, "--file-headers")


def test_checksum_is_valid(image):
    assert image.OPTIONAL_HEADER.CheckSum != 0
    assert image.verify_checksum()


def test_sections_suit_memory_integrity(image):
    """HVCI: page-aligned sections, none writable and executable."""
    assert image.OPTIONAL_HEADER.SectionAlignment == 4096
    for section in image.sections:
        assert not (section.IMAGE_SCN_MEM_WRITE and section.IMAGE_SCN_MEM_EXECUTE), section.Name
    assert image.OPTIONAL_HEADER.IMAGE_DLLCHARACTERISTICS_NX_COMPAT


def test_relocations_are_there(image):
    assert image.DIRECTORY_ENTRY_BASERELOC


def test_exceptions_find_what_they_look_for(name, image):
    """64-bit Windows: unwind data of the functions. x86: a list of the handlers, or that there is none."""
    entries = image.OPTIONAL_HEADER.DATA_DIRECTORY[
        pefile.DIRECTORY_ENTRY["IMAGE_DIRECTORY_ENTRY_EXCEPTION"]].Size
    if not name.endswith("x86"):
        assert entries > 50 * {"x64": 12, "arm64": 8}[name.split("/")[1]]
        return
    assert entries == 0
    config = getattr(image, "DIRECTORY_ENTRY_LOAD_CONFIG", None)
    assert image.OPTIONAL_HEADER.DllCharacteristics & NO_SEH or \
        (config and config.struct.SEHandlerCount)


def windows_exports(arch: str) -> dict[tuple[str, str], tuple[int, int]]:
    """The oldest Windows (major, minor) that exports a name on a processor, by module and name."""
    table = {}
    for module, function, *since in re.findall(
            r'\{"(\S+)", "(\S+)", \{(\w+), (\w+)\}\},', EXPORTS.read_text()):
        version = int(since[COLUMNS[arch]], 0)
        if version:
            table[module, function] = (version >> 8, version & 0xff)
    return table


def test_the_table_of_exports_knows_processors_and_windows_apart():
    x86, x64 = windows_exports("x86"), windows_exports("x64")
    assert ("ntoskrnl.exe", "memcmp") not in x86
    assert x64["ntoskrnl.exe", "memcmp"] == (5, 1)
    assert x86["ntoskrnl.exe", "_aulldiv"] == (5, 1)
    assert ("ntoskrnl.exe", "_aulldiv") not in x64
    assert x86["storport.sys", "StorPortExtendedFunction"] == (6, 0)
    assert x86["ntoskrnl.exe", "KeQueryActiveGroupCount"] == (6, 1)


def test_imports_only_what_its_oldest_windows_has(name, image):
    """Also what the compiler calls by itself: memcmp, __chkstk, 64-bit arithmetic."""
    imports = {(entry.dll.decode().lower(), function.name.decode())
               for entry in image.DIRECTORY_ENTRY_IMPORT for function in entry.imports}
    windows, port, _ = FILES[name]
    exported = windows_exports(name.split("/")[1])
    missing = {f"{module}!{function}" for module, function in imports
               if exported.get((module, function), (99, 0)) > windows}
    assert not missing
    assert {module for module, _ in imports} == {port, "ntoskrnl.exe"}


def test_version_resource_agrees_with_VERSION(image):
    version = (BUILD.parent / "VERSION").read_text().strip()
    strings = {key.decode(): value.decode()
               for info in image.FileInfo[0] if hasattr(info, "StringTable")
               for table in info.StringTable for key, value in table.entries.items()}
    assert strings["FileVersion"] == f"{version}.0"
    assert strings["OriginalFilename"] == "viostor.sys"


def test_pdb_belongs_to_the_file(path, image):
    debug = [entry.entry for entry in image.DIRECTORY_ENTRY_DEBUG
             if entry.entry is not None and hasattr(entry.entry, "PdbFileName")]
    assert debug and debug[0].PdbFileName.rstrip(b"\0") == b"viostor.pdb"
    pdb = subprocess.run(["llvm-pdbutil-14", "dump", "--summary", path.with_suffix(".pdb")],
                         check=True, text=True, stdout=subprocess.PIPE).stdout
    guid = pdb.split("GUID: {")[1].split("}")[0].replace("-", "")
    signature = f"{debug[0].Signature_Data1:08X}{debug[0].Signature_Data2:04X}{debug[0].Signature_Data3:04X}"
    assert guid.upper().startswith(signature)
