#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Lay the PDBs out as a symbol store, in which WinDbg finds the one that belongs to a driver by itself.

Usage: symbol_store.py BUILD OUTPUT

BUILD is the build directory. In the store a PDB lies under its name and the GUID and age by which a
driver names it: OUTPUT/viostor.pdb/<GUID><age>/viostor.pdb. OUTPUT appears complete or not at all.
"""
import os
import pathlib
import shutil
import sys
import uuid

import pefile

import windows_targets


class BadDriver(Exception):
    """A driver without a PDB that belongs to it; the text says which."""


def identity(driver: pathlib.Path) -> str:
    """GUID and age of a driver's PDB as a symbol store spells them (CV_INFO_PDB70 in the debug directory)."""
    try:
        image = pefile.PE(str(driver))
    except pefile.PEFormatError as error:
        raise BadDriver(f"{driver}: {error}") from error
    for entry in getattr(image, "DIRECTORY_ENTRY_DEBUG", []):
        if entry.entry is not None and hasattr(entry.entry, "PdbFileName"):
            raw = image.get_data(entry.struct.AddressOfRawData, entry.struct.SizeOfData)
            guid = uuid.UUID(bytes_le=bytes(raw[4:20]))  # behind the signature "RSDS"
            age = int.from_bytes(raw[20:24], "little")
            return f"{guid.hex.upper()}{age:x}"
    raise BadDriver(f"{driver}: it names no PDB")


def make(build: pathlib.Path, output: pathlib.Path) -> None:
    """Make the store of all drivers that the media have."""
    work = output.with_name(output.name + ".new")
    shutil.rmtree(work, ignore_errors=True)
    try:
        for name in sorted({target.build for target in windows_targets.TARGETS}):
            directory = work / "viostor.pdb" / identity(build / name / "viostor.sys")
            directory.mkdir(parents=True)
            shutil.copyfile(build / name / "viostor.pdb", directory / "viostor.pdb")
        shutil.rmtree(output, ignore_errors=True)
        os.replace(work, output)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def main() -> int:
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        make(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
    except (OSError, BadDriver) as error:
        print(f"symbol_store: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
