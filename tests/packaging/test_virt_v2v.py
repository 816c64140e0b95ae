# SPDX-License-Identifier: BSD-3-Clause
"""virt-v2v puts the driver into a Windows: Debian's virt-v2v, on disks made to look like one.

virt-v2v (with VIRTIO_WIN naming the tree of the media) looks for the folder of the guest's Windows and
processor, copies its files, and writes the registry values by which that Windows boots from a virtio
disk. It is run whole, as a user runs it, and its result is read from the disk that it leaves.

A run takes half a minute, nearly all of it in libguestfs' small machine, so that each disk is converted
once, for all tests, as many disks at a time as there are processors, and "make check" tries the two
ways of registration only (before and from Windows 8 on), "make check-full" every Windows.
"""

import concurrent.futures
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

import made_windows
from inf_file import Inf
from made_windows import Hive, Windows
from test_inf import BUILD, IDS, ROOT

sys.path.insert(0, str(ROOT / "packaging"))
import windows_targets  # noqa: E402  which folder of the media holds which file of the build

CLIENT, SERVER = "Client", "Server"
QUICK = [
    Windows("w7", "amd64", "6.1", 7601, "Windows 7 Professional", CLIENT),
    Windows("w10", "amd64", "6.3", 19045, "Windows 10 Pro", CLIENT),
]
FULL = QUICK + [
    Windows("xp", "x86", "5.1", 2600, "Microsoft Windows XP", ""),
    Windows("2k3", "x86", "5.2", 3790, "Microsoft Windows Server 2003", ""),
    Windows("2k3", "amd64", "5.2", 3790, "Microsoft Windows Server 2003", ""),
    Windows("2k8", "x86", "6.0", 6002, "Windows Server 2008 Standard", SERVER),
    Windows("2k8", "amd64", "6.0", 6002, "Windows Server 2008 Standard", SERVER),
    Windows("w7", "x86", "6.1", 7601, "Windows 7 Professional", CLIENT),
    Windows("2k8R2", "amd64", "6.1", 7601, "Windows Server 2008 R2 Standard", SERVER),
    Windows("w8", "x86", "6.2", 9200, "Windows 8 Pro", CLIENT),
    Windows("w8", "amd64", "6.2", 9200, "Windows 8 Pro", CLIENT),
    Windows("2k12", "amd64", "6.2", 9200, "Windows Server 2012 Standard", SERVER),
    Windows("w8.1", "amd64", "6.3", 9600, "Windows 8.1 Pro", CLIENT),
    Windows("2k12R2", "amd64", "6.3", 9600, "Windows Server 2012 R2 Standard", SERVER),
    Windows("w10", "x86", "6.3", 19045, "Windows 10 Pro", CLIENT),
    Windows("w11", "amd64", "6.3", 22631, "Windows 10 Pro for 11", CLIENT),
    Windows("2k16", "amd64", "6.3", 14393, "Windows Server 2016 Standard", SERVER),
    Windows("2k19", "amd64", "6.3", 17763, "Windows Server 2019 Standard", SERVER),
    Windows("2k22", "amd64", "6.3", 20348, "Windows Server 2022 Standard", SERVER),
    # Younger than this virt-v2v, which takes it for the one before.
    Windows("2k22", "amd64", "6.3", 26100, "Windows Server 2025 Standard", SERVER),
]

# The whole of a run: TCG on a loaded machine is slow.
TIMEOUT_SECONDS = 900
# With --full the fixture below needs longer than pytest.ini grants a test with its fixtures.
pytestmark = pytest.mark.timeout(600, func_only=True)
BOOT_START, KERNEL_DRIVER, NORMAL = 0, 1, 1
FILES = ("viostor.sys", "viostor.inf", "viostor.pdb")


# Without libvirt, and without KVM, which is not there or not whole everywhere.
LIBGUESTFS = {"LIBGUESTFS_BACKEND": "direct", "LIBGUESTFS_BACKEND_SETTINGS": "force_tcg"}
# A Windows, and whether VIRTIO_WIN names the tree of the media or the CD.
Case = tuple[Windows, str]


def chosen(config) -> list[Case]:
    """What this run tries."""
    if not config.getoption("--full"):
        return [(windows, "tree") for windows in QUICK]
    return [(windows, "tree") for windows in FULL] + [(QUICK[-1], "cd")]


def pytest_generate_tests(metafunc):
    if "case" in metafunc.fixturenames:
        metafunc.parametrize("case", chosen(metafunc.config), ids=lambda case: f"{case[0].name}-{case[1]}")


@pytest.fixture
def windows(case):
    return case[0]


@pytest.fixture(scope="session")
def cd(tmp_path_factory):
    """The CD, unsigned, so that its files are the build's."""
    package = tmp_path_factory.mktemp("package")
    subprocess.run(["make", "-s", "-C", ROOT, "package", "SIGN=none", f"PACKAGE={package}"], check=True,
                   stdout=subprocess.DEVNULL)
    (image,) = package.glob("*.iso")
    return image


@pytest.fixture(scope="session")
def tree(tmp_path_factory):
    """The driver folders of the media, as virt-v2v looks for them."""
    root = tmp_path_factory.mktemp("media")
    for target in windows_targets.TARGETS:
        folder = root / "viostor" / target.name
        folder.mkdir(parents=True)
        for name in FILES:
            shutil.copyfile(BUILD / target.build / name, folder / name)
    return root


class Converted:
    """What virt-v2v has left: files of the disk, hives, what it said, the machine that it describes."""

    def __init__(self, directory: pathlib.Path, said: str, machine: str) -> None:
        self.directory = directory
        self.said = said
        self.machine = machine

    def file(self, name: str) -> bytes:
        return (self.directory / name).read_bytes()

    @property
    def system(self) -> Hive:
        return Hive(self.directory / "SYSTEM")


def convert(windows: Windows, media: pathlib.Path, work: pathlib.Path) -> Converted:
    """Runs virt-v2v on a disk of that Windows and takes from the result what the tests look at."""
    image = work / "disk.img"
    programs = {"x86": BUILD / "wlh/x86/viostor.sys", "amd64": BUILD / "wlh/x64/viostor.sys"}
    made_windows.make_disk(image, windows, programs, work / "making")
    output = work / "output"
    output.mkdir()
    done = subprocess.run(
        ["virt-v2v", "-i", "disk", image, "-o", "local", "-os", output, "-of", "raw", "-on", "made"],
        env=os.environ | LIBGUESTFS | {"VIRTIO_WIN": str(media)},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=TIMEOUT_SECONDS, check=False)
    assert done.returncode == 0, done.stdout
    assert "there are no virtio drivers available" not in done.stdout, done.stdout
    result = work / "result"
    result.mkdir()
    made_windows.read_files(output / "made-sda", {
        "/Windows/System32/drivers/viostor.sys": result / "booted.sys",
        "/Windows/System32/config/SYSTEM": result / "SYSTEM",
        **{f"/Windows/Drivers/VirtIO/{name}": result / name for name in FILES}})
    image.unlink()
    (output / "made-sda").unlink()
    return Converted(result, done.stdout, (output / "made.xml").read_text())


@pytest.fixture(scope="session")
def conversions(request, tmp_path_factory):
    """What has become of each disk that the tests of this run look at, or why nothing has.

    pytest makes a parametrized fixture of a session anew when its parameter is another object, also an
    equal one (7.2 does; each test has its own), so the cases are this dictionary's keys instead.
    """
    cases = dict.fromkeys(item.callspec.params["case"] for item in request.session.items
                          if "conversions" in item.fixturenames)
    media = {name: request.getfixturevalue(name) for name in {name for _, name in cases}}
    with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        return {case: pool.submit(convert, case[0], media[case[1]], tmp_path_factory.mktemp(case[0].name))
                for case in cases}


@pytest.fixture
def converted(case, conversions):
    return conversions[case].result()


@pytest.fixture
def folder(windows):
    """The folder of the media that is meant for that Windows."""
    return windows_targets.by_name(f"{windows.folder}/{windows.processor}")


def test_the_file_of_that_windows_boots(windows, converted, folder):
    expected = (BUILD / folder.build / "viostor.sys").read_bytes()
    assert converted.file("booted.sys") == expected
    assert "no virtio block device driver" not in converted.said
    assert "bus='virtio'" in converted.machine


def test_the_package_for_plug_and_play_is_that_windows_s(windows, converted, folder):
    """From this folder Windows installs the device properly at its first boot."""
    for name in FILES:
        assert converted.file(name) == (BUILD / folder.build / name).read_bytes()


def test_the_service_is_the_inf_s(windows, converted, folder):
    """The injected service and the one that the INF makes later are the same: name, file, start, group."""
    values = converted.system.values(r"ControlSet001\Services\viostor")
    assert values == {"Type": KERNEL_DRIVER, "Start": BOOT_START, "ErrorControl": NORMAL,
                      "Group": "SCSI miniport", "ImagePath": r"system32\drivers\viostor.sys"}
    inf = Inf.read(BUILD / folder.build / "viostor.inf")
    services = [line for lines in inf.sections.values() for line in lines if line.key == "AddService"]
    assert services and all(line.field(0) == "viostor" for line in services)
    for line in services:
        assert inf.value(line.field(2), "LoadOrderGroup") == values["Group"]
        assert inf.value(line.field(2), "ServiceBinary").rsplit("\\", 1)[1] == "viostor.sys"


def test_windows_finds_the_boot_disk_by_ids_of_the_inf(windows, converted, folder):
    """Without an entry for the very id a Windows stops with 0x7B. What virt-v2v enters must be ids of the
    INF too, or the first boot with Plug and Play would find no driver for the disk it has booted from."""
    system = converted.system
    if windows.has_driver_database:
        entered = set(system.children(r"DriverDatabase\DeviceIds\PCI"))
        for device in entered:
            described = system.values(
                rf"DriverDatabase\DriverPackages\guestor.inf_tmp\Descriptors\PCI\{device}")
            configuration = described["Configuration"]
            assert system.values(rf"DriverDatabase\DriverPackages\guestor.inf_tmp\Configurations"
                                 rf"\{configuration}")["Service"] == "viostor"
    else:
        database = r"ControlSet001\Control\CriticalDeviceDatabase"
        keys = system.children(database)
        assert all(system.values(rf"{database}\{key}")["Service"] == "viostor" for key in keys)
        entered = {key.upper().removeprefix("PCI#") for key in keys}
    assert entered
    four_part = {device.removeprefix("PCI\\") for device in IDS if "SUBSYS" in device}
    assert {device.upper() for device in entered} == four_part
