# SPDX-License-Identifier: BSD-3-Clause
"""The installation files as a parser reads them that nobody here wrote: setupapi of Debian's Wine.

Two things are compared: how it splits and fills every line, with the parser of these tests; and what
an installation by it would write (files, hardware key, service, event source), with records that were
reviewed by hand: tests/packaging/records/<flavour>-<install section>.txt.

Wine 8.0 knows no decorations with versions (the choice of models is tested in test_inf.py) and no
folder 13, the driver store: it calls that one "unknown".
"""

import os
import pathlib
import shutil
import subprocess
import tempfile

import pytest

from inf_file import Inf
from package_tools import authenticode, copy_build, make_catalog, succeed
from processes import OUTLIVES_A_TEST
from test_inf import BUILD, FILES, IDS, INSTALLS, ROOT, SECTIONS

PROGRAM = BUILD / "tests/inf_report.exe"
RECORDS = pathlib.Path(__file__).resolve().parent / "records"
# Making the prefix takes some seconds, a run a tenth of one.
TIMEOUT_SECONDS = 240


class Wine:
    """A prefix of its own, without display, sound and downloads."""

    def __init__(self, prefix: pathlib.Path) -> None:
        self.environment = {name: value for name, value in os.environ.items()
                            if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
        self.environment |= {"WINEPREFIX": str(prefix), "WINEDEBUG": "-all", "WINEARCH": "win64",
                             "WINEDLLOVERRIDES": "mscoree,mshtml=", "HOME": str(prefix.parent),
                             OUTLIVES_A_TEST: "1"}

    def run(self, *command: str | pathlib.Path) -> tuple[int, str]:
        """Exit status and output. By a file, not a pipe: Wine's services, which outlive the program,
        inherit it, and a pipe would end with them."""
        with tempfile.TemporaryFile() as output:
            done = subprocess.run(command, env=self.environment, stdin=subprocess.DEVNULL,
                                  stdout=output, stderr=subprocess.STDOUT, timeout=TIMEOUT_SECONDS,
                                  check=False)
            output.seek(0)
            return done.returncode, output.read().decode(errors="replace")

    def report(self, verb: str, file: pathlib.Path, *more: str) -> str:
        """What inf_report prints about a file."""
        windows_path = "Z:" + str(file.resolve()).replace("/", "\\")
        status, text = self.run("wine", PROGRAM, verb, windows_path, *more)
        assert status == 0, f"{verb} {file} {more}: {text}"
        return text.replace("\r\n", "\n")


@pytest.fixture(scope="session")
def wine(tmp_path_factory):
    home = tmp_path_factory.mktemp("wine")
    prefix = Wine(home / "prefix")
    holder = None
    try:
        prefix.run("wine", "wineboot", "--init")
        # Making the prefix starts the services twice; what one of them makes, the other does not know.
        prefix.run("wineserver", "--wait")
        # One program stays, so that Wine's services do: see inf_report.c.
        holder = subprocess.Popen(["wine", PROGRAM, "hold"], env=prefix.environment,
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL, text=True)
        assert holder.stdout.readline().strip() == "holding"
        yield prefix
    finally:
        if holder is not None:
            holder.communicate(timeout=TIMEOUT_SECONDS)
        prefix.run("wineserver", "--kill")
        prefix.run("wineserver", "--wait")
        shutil.rmtree(home, ignore_errors=True)  # 700 MB


# ---- How it reads a file -------------------------------------------------------------------------

# Folders as Wine fills them in: 12 system32\drivers, 13 not known.
FOLDERS = {"%12%": r"C:\windows\system32\drivers", "%13%": r"C:\windows\system32\unknown"}


def as_reported(inf: Inf) -> str:
    """What inf_report is to print, made by the parser of these tests."""
    text = []
    for section, lines in inf.sections.items():
        text.append(f"[{inf.names[section]}]")
        for line in lines:
            fields = line.fields
            for number, folder in FOLDERS.items():
                fields = tuple(field.replace(number, folder) for field in fields)
            # A value without a key is its own key if it is the only one of its line.
            key = line.key if line.key is not None else fields[0] if len(fields) == 1 else ""
            text.append(f"  {key} = " + " ".join(f"<{field}>" for field in fields))
    return "\n".join(text) + "\n"


@pytest.mark.parametrize("file", FILES, ids="/".join)
def test_wine_splits_every_line_as_meant(wine, file):
    path = BUILD.joinpath(*file, "viostor.inf")
    assert wine.report("sections", path) == as_reported(Inf.read(path))


def test_wine_reads_txtsetup_oem_as_meant(wine):
    path = BUILD / "txtsetup.oem"
    assert wine.report("oem", path) == as_reported(Inf.read(path))


# ---- What it would write -------------------------------------------------------------------------


def record(flavour: str, section: str) -> str:
    """The reviewed record; lines that begin with # are for the reader."""
    lines = (RECORDS / f"{flavour}-{section}.txt").read_text().splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith("#"))


@pytest.mark.parametrize("install", INSTALLS, ids="/".join)
def test_an_installation_writes_what_the_record_says(wine, install):
    *file, section = install
    assert wine.report("install", BUILD.joinpath(*file, "viostor.inf"), section) == \
        record(file[0], section)


def test_every_record_belongs_to_a_section():
    assert {path.stem for path in RECORDS.glob("*.txt")} == \
        {f"{flavour}-{section}" for flavour in SECTIONS for section in SECTIONS[flavour]}


# ---- The registry file of docs/install.md --------------------------------------------------------


def test_the_registry_file_of_the_document_makes_a_windows_boot_from_the_disk(wine, tmp_path):
    """XP to 7, offline: taken from the text, imported by Wine's regedit, read back."""
    document = (ROOT / "docs/install.md").read_text()
    start = document.index("Windows Registry Editor Version 5.00")
    lines = document[start:document.index("```", start)].splitlines()
    file = tmp_path / "viostor.reg"
    file.write_bytes("\r\n".join(line.strip() for line in lines).encode() + b"\r\n")
    status, text = wine.run("wine", "regedit", "/S", file)
    assert status == 0, text

    def value(key: str, name: str) -> str:
        """The data of a value, as reg shows it."""
        status, text = wine.run("wine", "reg", "query", rf"HKLM\SYSTEM\CurrentControlSet\{key}", "/v", name)
        assert status == 0, f"{key}: {text}"
        return text.split(name, 1)[1].split(maxsplit=1)[1].strip()

    for device in IDS:
        if "SUBSYS" in device:
            entry = "Control\\CriticalDeviceDatabase\\" + device.replace("\\", "#")
            assert value(entry, "Service") == "viostor"
            assert value(entry, "ClassGUID") == "{4D36E97B-E325-11CE-BFC1-08002BE10318}"
    service = r"Services\viostor"
    for name, number in {"Type": 1, "Start": 0, "ErrorControl": 1}.items():
        assert value(service, name) == hex(number)
    assert value(service, "Group") == "SCSI miniport"
    assert value(service, "ImagePath") == r"system32\drivers\viostor.sys"
    assert value(rf"{service}\Parameters", "BusType") == "0x1"
    assert value(rf"{service}\Parameters\PnpInterface", "5") == "0x1"
    assert wine.run("wine", "reg", "delete", rf"HKLM\SYSTEM\CurrentControlSet\{service}", "/f")[0] == 0


# One fault for each part of the report.
FAULTS = {
    "file": ("Viostor_Copy_System32    = 12", "Viostor_Copy_System32    = 11"),
    "interrupts": ("MSISupported, 0x00010001, 1", "MSISupported, 0x00010001, 0"),
    "start": ("StartType      = 0", "StartType      = 3"),
    "group": ('"SCSI miniport"', '"SCSI class"'),
    "binary": (r"%12%\viostor.sys", r"%12%\other.sys"),
    "parameters": ("HKR, Parameters, BusType, 0x00010001, 1", "HKR, Parameters, BusType, 0x00010001, 6"),
    "events": ("IoLogMsg.dll", "NetEvent.dll"),
    "no event source": (", Viostor_EventLog", ""),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_shows_in_the_report(wine, tmp_path, fault):
    old, new = fault
    text = (BUILD / "wlh/viostor.inf").read_text()
    assert old in text
    (tmp_path / "viostor.inf").write_text(text.replace(old, new))
    assert wine.report("install", tmp_path / "viostor.inf", "Viostor_System32") != \
        record("wlh", "Viostor_System32")


# ---- Catalogs: wintrust.dll of Wine as the reader ------------------------------------------------

# How a member was hashed: SPC_PE_IMAGE_DATA_OBJID, SPC_CAB_DATA_OBJID; by SHA-1.
HASHED_AS_IMAGE = "1.3.6.1.4.1.311.2.1.15  1.3.14.3.2.26"
HASHED_AS_FILE = "1.3.6.1.4.1.311.2.1.25  1.3.14.3.2.26"


@pytest.mark.parametrize("target,build", [("xp/x86", "wxp/x86"), ("2k3/amd64", "wnet/x64"), ("w7/amd64", "wlh/x64")])
def test_wine_reads_catalogs_of_version_1(wine, tmp_path, target, build):
    """Of version 2 Wine 8.0 reads no members, of anyone's catalogs."""
    directory = copy_build(tmp_path / "package", build)
    make_catalog(directory, target)
    status, text = wine.run("wine", BUILD / "tests/catalog_report.exe",
                            "Z:" + str(directory / "viostor.cat").replace("/", "\\"))
    assert status == 0, text
    expected = set()
    for how, digest in ((HASHED_AS_IMAGE, authenticode(directory / "viostor.sys", "sha1")),
                        (HASHED_AS_FILE, succeed("sha1sum", directory / "viostor.inf").split()[0])):
        expected.add(f"{digest.upper()}  {how}  {digest}")
    assert set(text.replace("\r", "").split("\n")) - {""} == expected
