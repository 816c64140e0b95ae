# SPDX-License-Identifier: BSD-3-Clause
"""What Windows asks of a driver file, read off viostor.sys by tools that nobody here wrote."""

import subprocess

import pefile
import pytest

from conftest import BUILD

SYS = BUILD / "wlh/x64/viostor.sys"

# Kernel exports that every Windows from Vista on has; storport.sys: names of version 6.0.
KERNEL = {"DbgPrintEx", "_vsnprintf", "memcpy", "memmove", "memset", "memcmp"}


def readobj(*arguments: str) -> str:
    return subprocess.run(["llvm-readobj-14", *arguments, SYS], check=True, text=True,
                          stdout=subprocess.PIPE).stdout


@pytest.fixture(scope="module")
def image() -> pefile.PE:
    return pefile.PE(SYS)


def test_native_subsystem_of_vista(image):
    header = image.OPTIONAL_HEADER
    assert header.Subsystem == pefile.SUBSYSTEM_TYPE["IMAGE_SUBSYSTEM_NATIVE"]
    assert (header.MajorSubsystemVersion, header.MinorSubsystemVersion) == (6, 0)
    assert "IMAGE_FILE_MACHINE_AMD64" in readobj("--file-headers")


def test_checksum_is_valid(image):
    assert image.OPTIONAL_HEADER.CheckSum != 0
    assert image.verify_checksum()


def test_sections_suit_memory_integrity(image):
    """HVCI: page-aligned sections, none writable and executable."""
    assert image.OPTIONAL_HEADER.SectionAlignment == 4096
    for section in image.sections:
        assert not (section.IMAGE_SCN_MEM_WRITE and section.IMAGE_SCN_MEM_EXECUTE), section.Name
    assert image.OPTIONAL_HEADER.IMAGE_DLLCHARACTERISTICS_NX_COMPAT


def test_relocations_and_unwind_data_are_there(image):
    assert image.DIRECTORY_ENTRY_BASERELOC
    assert len(image.DIRECTORY_ENTRY_EXCEPTION) > 50


def test_imports_only_what_its_oldest_windows_has(image):
    imports = {entry.dll.decode().lower(): {name.name.decode() for name in entry.imports}
               for entry in image.DIRECTORY_ENTRY_IMPORT}
    assert set(imports) == {"storport.sys", "ntoskrnl.exe"}
    assert imports["ntoskrnl.exe"] <= KERNEL
    assert all(name.startswith("StorPort") for name in imports["storport.sys"])


def test_version_resource_agrees_with_VERSION(image):
    version = (BUILD.parent / "VERSION").read_text().strip()
    strings = {key.decode(): value.decode()
               for info in image.FileInfo[0] if hasattr(info, "StringTable")
               for table in info.StringTable for key, value in table.entries.items()}
    assert strings["FileVersion"] == f"{version}.0"
    assert strings["OriginalFilename"] == "viostor.sys"


def test_pdb_belongs_to_the_file(image):
    debug = [entry.entry for entry in image.DIRECTORY_ENTRY_DEBUG
             if entry.entry is not None and hasattr(entry.entry, "PdbFileName")]
    assert debug and debug[0].PdbFileName.rstrip(b"\0") == b"viostor.pdb"
    pdb = subprocess.run(["llvm-pdbutil-14", "dump", "--summary", SYS.with_suffix(".pdb")],
                         check=True, text=True, stdout=subprocess.PIPE).stdout
    guid = pdb.split("GUID: {")[1].split("}")[0].replace("-", "")
    signature = f"{debug[0].Signature_Data1:08X}{debug[0].Signature_Data2:04X}{debug[0].Signature_Data3:04X}"
    assert guid.upper().startswith(signature)
