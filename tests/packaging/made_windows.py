# SPDX-License-Identifier: BSD-3-Clause
"""Make a disk that tools take for an installed Windows: what libguestfs inspects and virt-v2v changes.

Nothing of Windows is in it. It has the folders, a cmd.exe of the right processor (any PE file), and
the SOFTWARE and SYSTEM hives with the few values by which a Windows is recognised (libguestfs,
lib/inspect-fs-windows.c: the names and values are facts, found in its manual page and by trying).
"""
import dataclasses
import pathlib
import shutil
import struct
import subprocess

import hivex

IMAGE_BYTES = 320 << 20  # virt-v2v wants 100 MiB free on the system disk

REG_SZ = 1
REG_EXPAND_SZ = 2
REG_DWORD = 4


@dataclasses.dataclass(frozen=True)
class Windows:
    """A Windows that is to be made: folder is its name on the installation media."""

    folder: str
    processor: str     # as the media name it: x86 or amd64
    version: str       # CurrentVersion
    build: int
    product: str       # ProductName
    installation: str  # InstallationType: Client or Server; XP and Server 2003 have none

    @property
    def name(self) -> str:
        """Short, and fit for a file's name."""
        return f"{self.product}-{self.processor}".replace(" ", "-")

    @property
    def has_driver_database(self) -> bool:
        """From Windows 8 on boot devices are found by SYSTEM\\DriverDatabase."""
        return self.version in ("6.2", "6.3")


# ---- Hives ---------------------------------------------------------------------------------------

HIVE_PAGE = 4096
NO_OFFSET = 0xffffffff


def empty_hive() -> bytes:
    """A hive with a root key and nothing else; the library can change hives, but not begin one.

    Layout: the base block of a page ("regf", its checksum over the first 508 bytes), then one bin of
    a page ("hbin") with the root key's cell ("nk"), its security cell ("sk") and free space. Cells
    begin with their length, negative when in use, and are multiples of 8 bytes.
    """
    name = b"ROOT"
    security = struct.pack("<BBHIIII", 1, 0, 0x8000, 0, 0, 0, 0)  # a descriptor without owner or list
    key_offset = 0x20
    key_length = (4 + 76 + len(name) + 7) & ~7
    security_offset = key_offset + key_length
    security_length = (4 + 20 + len(security) + 7) & ~7

    key = struct.pack("<i2sHQII", -key_length, b"nk", 0x2c, 0, 0, NO_OFFSET)
    key += struct.pack("<IIII", 0, 0, NO_OFFSET, NO_OFFSET)           # subkeys and their lists
    key += struct.pack("<IIII", 0, NO_OFFSET, security_offset, NO_OFFSET)
    key += struct.pack("<IIIII", 0, 0, 0, 0, 0)                       # longest names and values
    key += struct.pack("<HH", len(name), 0) + name
    cell = struct.pack("<i2sHIIII", -security_length, b"sk", 0, security_offset, security_offset, 1,
                       len(security)) + security

    page = bytearray(HIVE_PAGE)
    page[0:0x20] = struct.pack("<4sIIQQI", b"hbin", 0, HIVE_PAGE, 0, 0, 0)
    page[key_offset:key_offset + len(key)] = key
    page[security_offset:security_offset + len(cell)] = cell
    free = security_offset + security_length
    page[free:free + 4] = struct.pack("<i", HIVE_PAGE - free)

    base = bytearray(HIVE_PAGE)
    base[0:0x30] = struct.pack("<4sIIQIIIIIII", b"regf", 1, 1, 0, 1, 3, 0, 1, key_offset, HIVE_PAGE, 1)
    checksum = 0
    for (word,) in struct.iter_unpack("<I", bytes(base[:508])):
        checksum ^= word
    base[508:512] = struct.pack("<I", checksum)
    return bytes(base + page)


class Hive:
    """A hive in a file, read or written by paths such as r"Microsoft\\Windows NT"."""

    def __init__(self, path: pathlib.Path, write: bool = False) -> None:
        self._hive = hivex.Hivex(str(path), write=write)

    def key(self, path: str, create: bool = False) -> int | None:
        """The node of a key, or None if there is none and none is to be made."""
        node = self._hive.root()
        for part in path.split("\\"):
            child = self._hive.node_get_child(node, part)
            if child is None:
                if not create:
                    return None
                child = self._hive.node_add_child(node, part)
            node = child
        return node

    def set(self, path: str, **values: str | int) -> None:
        """Makes a key with values: REG_SZ of text, REG_DWORD of numbers."""
        node = self.key(path, create=True)
        for name, value in values.items():
            if isinstance(value, int):
                kind, data = REG_DWORD, struct.pack("<I", value)
            else:
                kind, data = REG_SZ, (value + "\0").encode("utf-16-le")
            self._hive.node_set_value(node, {"key": name, "t": kind, "value": data})

    def values(self, path: str) -> dict[str, str | int | bytes]:
        """The values of a key by name; a key that is not there is an error."""
        node = self.key(path)
        if node is None:
            raise KeyError(path)
        found: dict[str, str | int | bytes] = {}
        for value in self._hive.node_values(node):
            kind, data = self._hive.value_value(value)
            decoded: str | int | bytes = data
            if kind in (REG_SZ, REG_EXPAND_SZ):
                decoded = data.decode("utf-16-le").rstrip("\0")
            elif kind == REG_DWORD:
                decoded = struct.unpack("<I", data)[0]
            found[self._hive.value_key(value)] = decoded
        return found

    def children(self, path: str) -> list[str]:
        """The names of the keys below a key; none if it is not there."""
        node = self.key(path)
        return [] if node is None else [self._hive.node_name(child) for child in
                                        self._hive.node_children(node)]

    def commit(self) -> None:
        self._hive.commit(None)


def write_hives(windows: Windows, directory: pathlib.Path) -> None:
    """Makes the SOFTWARE and SYSTEM hives of a Windows in a directory."""
    software = directory / "SOFTWARE"
    software.write_bytes(empty_hive())
    hive = Hive(software, write=True)
    version = {"CurrentVersion": windows.version, "CurrentBuildNumber": str(windows.build),
               "CurrentBuild": str(windows.build), "ProductName": windows.product}
    if windows.installation:
        version["InstallationType"] = windows.installation
    if windows.build >= 10240:
        version |= {"CurrentMajorVersionNumber": 10, "CurrentMinorVersionNumber": 0}
    hive.set(r"Microsoft\Windows NT\CurrentVersion", **version)
    hive.set(r"Microsoft\Windows\CurrentVersion", DevicePath=r"%SystemRoot%\inf",
             ProgramFilesDir=r"C:\Program Files")
    hive.commit()

    system = directory / "SYSTEM"
    system.write_bytes(empty_hive())
    hive = Hive(system, write=True)
    hive.set("Select", Current=1, Default=1)
    hive.set(r"ControlSet001\Services\Tcpip\Parameters", Hostname="made")
    hive.set(r"ControlSet001\Control\CriticalDeviceDatabase")
    hive.set("MountedDevices")
    if windows.has_driver_database:
        for key in ("DriverInfFiles", r"DeviceIds\PCI", "DriverPackages"):
            hive.set(rf"DriverDatabase\{key}")
    hive.commit()


# ---- Disks ---------------------------------------------------------------------------------------

FOLDERS = ["Windows/System32/config", "Windows/System32/drivers", "Windows/inf", "Windows/Drivers",
           "Program Files", "Users"]
SECTOR = 512
PARTITION_START = 2048  # in sectors
PARTITION_NTFS = 7
ENTRY = 446             # of the first partition, in the boot record


def boot_record(sectors: int) -> bytes:
    """One of a disk with one NTFS partition of so many sectors, which is the active one."""
    record = bytearray(SECTOR)
    record[ENTRY] = 0x80
    record[ENTRY + 4] = PARTITION_NTFS
    struct.pack_into("<II", record, ENTRY + 8, PARTITION_START, sectors)
    record[510:] = b"\x55\xaa"
    return bytes(record)


def make_disk(image: pathlib.Path, windows: Windows, programs: dict[str, pathlib.Path],
              directory: pathlib.Path) -> None:
    """Makes a raw image. programs: for each processor a PE file to stand for cmd.exe.

    The files reach NTFS by wimlib, which applies a tree to a volume that is not mounted: no root,
    no machine to be started. directory is a new one, for what is needed meanwhile.
    """
    tree, partition, archive = (directory / name for name in ("tree", "partition", "tree.wim"))
    for folder in FOLDERS:
        (tree / folder).mkdir(parents=True)
    shutil.copyfile(programs[windows.processor], tree / "Windows/System32/cmd.exe")
    write_hives(windows, tree / "Windows/System32/config")

    sectors = IMAGE_BYTES // SECTOR - PARTITION_START
    with open(partition, "wb") as file:
        file.truncate(sectors * SECTOR)
    for command in (
            ["/usr/sbin/mkntfs", "--quiet", "--quick", "--force", "--sector-size", str(SECTOR),
             "--partition-start", str(PARTITION_START), "--heads", "255", "--sectors-per-track", "63",
             partition],
            ["wimcapture", tree, archive, "--compress=none", "--no-acls"],
            ["wimapply", archive, "1", partition],
            ["dd", f"if={partition}", f"of={image}", "bs=1M", "conv=sparse", "status=none",
             "oflag=seek_bytes", f"seek={PARTITION_START * SECTOR}"]):
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    with open(image, "r+b") as file:
        file.write(boot_record(sectors))
        file.truncate(IMAGE_BYTES)
    shutil.rmtree(directory)


def read_files(image: pathlib.Path, files: dict[str, pathlib.Path]) -> None:
    """Copies files out of the first partition of a raw image, by ntfscat, without starting a machine."""
    with open(image, "rb") as file:
        record = file.read(SECTOR)
    (start,) = struct.unpack_from("<I", record, ENTRY + 8)
    partition = image.with_suffix(".ntfs")
    try:
        subprocess.run(["dd", f"if={image}", f"of={partition}", "bs=512K", "conv=sparse", "status=none",
                        "iflag=skip_bytes", f"skip={start * SECTOR}"], check=True)
        for name, target in files.items():
            with open(target, "wb") as file:
                subprocess.run(["ntfscat", "--quiet", "--force", partition, name], stdout=file, check=True)
    finally:
        partition.unlink(missing_ok=True)
