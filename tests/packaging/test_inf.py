# SPDX-License-Identifier: BSD-3-Clause
"""The installation files by Microsoft's published rules: which Windows takes which file, whether what
a file names is there, and what the driver store of Windows 10 1709 and later asks for."""

import pathlib
import re
import subprocess

import pytest

import inf_checks
from inf_file import Inf, SyntaxFault, Windows, install_section

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = ROOT / "build"
VERSION = (ROOT / "VERSION").read_text().strip()
RELEASE_DATE = (ROOT / "RELEASE_DATE").read_text().strip()

FLAVOURS = ["wxp", "wnet", "wlh"]
# Of each flavour: the processors, and the install sections with the folder that each copies to.
PROCESSORS = {"wxp": ["x86"], "wnet": ["x86", "x64"], "wlh": ["x86", "x64", "arm64"]}
SECTIONS = {"wxp": {"Viostor": "%12%"}, "wnet": {"Viostor": "%12%"},
            "wlh": {"Viostor_System32": "%12%", "Viostor_DriverStore": "%13%"}}
ARCHITECTURES = {"x86": "x86", "x64": "amd64", "arm64": "arm64"}

IDS = [r"PCI\VEN_1AF4&DEV_1001&SUBSYS_00021AF4&REV_00", r"PCI\VEN_1AF4&DEV_1001",
       r"PCI\VEN_1AF4&DEV_1042&SUBSYS_11001AF4&REV_01", r"PCI\VEN_1AF4&DEV_1042"]

# Name, version, build, processors, and what it must get.
SYSTEM32 = ("wlh", "Viostor_System32")
DRIVER_STORE = ("wlh", "Viostor_DriverStore")
BOTH = ["x86", "amd64"]
RELEASES = [
    ("XP", 5, 1, 2600, ["x86"], ("wxp", "Viostor")),
    ("Server 2003", 5, 2, 3790, ["x86"], ("wnet", "Viostor")),
    ("XP x64, Server 2003 x64", 5, 2, 3790, ["amd64"], ("wnet", "Viostor")),
    ("Vista RTM", 6, 0, 6000, BOTH, SYSTEM32),
    ("Vista SP2, Server 2008", 6, 0, 6002, BOTH, SYSTEM32),
    ("7, Server 2008 R2", 6, 1, 7601, BOTH, SYSTEM32),
    ("8, Server 2012", 6, 2, 9200, BOTH, SYSTEM32),
    ("8.1, Server 2012 R2", 6, 3, 9600, BOTH, SYSTEM32),
    ("10 1507", 10, 0, 10240, BOTH, SYSTEM32),
    ("10 1511", 10, 0, 10586, BOTH, SYSTEM32),
    ("10 1607, Server 2016", 10, 0, 14393, BOTH, SYSTEM32),
    ("10 1703", 10, 0, 15063, BOTH + ["arm64"], SYSTEM32),
    ("10 1709", 10, 0, 16299, BOTH + ["arm64"], DRIVER_STORE),
    ("10 1803", 10, 0, 17134, BOTH + ["arm64"], DRIVER_STORE),
    ("10 1809, Server 2019", 10, 0, 17763, BOTH + ["arm64"], DRIVER_STORE),
    ("10 1903", 10, 0, 18362, BOTH + ["arm64"], DRIVER_STORE),
    ("10 2004", 10, 0, 19041, BOTH + ["arm64"], DRIVER_STORE),
    ("10 22H2", 10, 0, 19045, BOTH + ["arm64"], DRIVER_STORE),
    ("Server 2022", 10, 0, 20348, ["amd64"], DRIVER_STORE),
    ("11 21H2", 10, 0, 22000, ["amd64", "arm64"], DRIVER_STORE),
    ("11 23H2", 10, 0, 22631, ["amd64", "arm64"], DRIVER_STORE),
    ("11 24H2, Server 2025", 10, 0, 26100, ["amd64", "arm64"], DRIVER_STORE),
    ("11 25H2", 10, 0, 26200, ["amd64", "arm64"], DRIVER_STORE),
]
EVERY_WINDOWS = [(Windows(name, major, minor, build, architecture), expected)
                 for name, major, minor, build, architectures, expected in RELEASES
                 for architecture in architectures]


def read(*parts: str) -> Inf:
    return Inf.read(BUILD.joinpath(*parts, "viostor.inf"))


def read_all() -> dict[str, Inf]:
    return {flavour: read(flavour) for flavour in FLAVOURS}


PACKAGES = [(flavour, processor) for flavour in FLAVOURS for processor in PROCESSORS[flavour]]
FILES = [(flavour,) for flavour in FLAVOURS] + PACKAGES
INSTALLS = [(*file, section) for file in FILES for section in SECTIONS[file[0]]]


# ---- The choice ----------------------------------------------------------------------------------


@pytest.mark.parametrize("windows,expected", EVERY_WINDOWS,
                         ids=[f"{w.name} {w.architecture}" for w, _ in EVERY_WINDOWS])
def test_every_windows_takes_exactly_one_file(windows, expected):
    assert inf_checks.choice_problems(read_all(), windows, IDS, expected) == []


@pytest.mark.parametrize("windows", [
    Windows("2000", 5, 0, 2195, "x86"),
    Windows("XP for Itanium", 5, 2, 3790, "ia64"),
    Windows("10 IoT for 32-bit ARM", 10, 0, 17763, "arm"),
], ids=lambda windows: windows.name)
def test_a_windows_without_a_driver_takes_none(windows):
    assert [install_section(inf, windows, device) for inf in read_all().values() for device in IDS] == \
        [None] * 12


@pytest.mark.parametrize("flavour,processor", PACKAGES, ids="/".join)
def test_a_package_offers_itself_to_its_own_processor_only(flavour, processor):
    """A whole CD may be searched: a driver of another processor must not come into question."""
    inf = read(flavour, processor)
    for windows, (expected_flavour, section) in EVERY_WINDOWS:
        fits = expected_flavour == flavour and windows.architecture == ARCHITECTURES[processor]
        for device in IDS:
            assert install_section(inf, windows, device) == (section if fits else None), windows


# What a slip of the pen would do: file, text, replacement.
WRONG_DECORATIONS = {
    "wxp taken by 2003": ("wxp", ", NTx86.5.2", ""),
    "wnet taken by Vista x86": ("wnet", ", NTx86.6.0", ""),
    "wnet taken by Vista x64": ("wnet", ", NTamd64.6.0", ""),
    "undecorated wnet models": ("wnet", "VirtIO, NTx86.5.2, NTamd64.5.2, NTx86.6.0, NTamd64.6.0", "VirtIO"),
    "wlh taken by 2003": ("wlh", "NTx86.6.0", "NTx86.5.2"),
    "not for 7": ("wlh", "NTamd64.6.0", "NTamd64.6.2"),
    "driver store from 1809 only": ("wlh", "NTamd64.10.0...16299", "NTamd64.10.0...17763"),
    "driver store also before 1709": ("wlh", "NTx86.10.0...16299", "NTx86.10.0...15063"),
    "build number for 1507": ("wlh", "NTx86.10.0...16299", "NTx86.10.0"),
    "no plain 10.0 for ARM64": ("wlh", "NTarm64.10.0,", ""),
    "an id in two files": ("wnet", "[VirtIO.NTx86.6.0]\n", "[VirtIO.NTx86.6.0]\n"
                           "%Device% = Viostor, PCI\\VEN_1AF4&DEV_1042\n"),
    "an id missing": ("wlh", "%Device% = Viostor_DriverStore, PCI\\VEN_1AF4&DEV_1001\n", ""),
    "another section": ("wlh", "%Device% = Viostor_DriverStore", "%Device% = Viostor_System32"),
}


@pytest.mark.parametrize("fault", WRONG_DECORATIONS.values(), ids=WRONG_DECORATIONS.keys())
def test_a_wrong_decoration_is_noticed(fault):
    flavour, old, new = fault
    text = (BUILD / flavour / "viostor.inf").read_text()
    assert old in text
    infs = read_all()
    infs[flavour] = Inf(text.replace(old, new))

    def problems(windows, expected):
        try:
            return inf_checks.choice_problems(infs, windows, IDS, expected)
        except SyntaxFault as fault:
            return [str(fault)]

    assert any(problems(windows, expected) for windows, expected in EVERY_WINDOWS)


# ---- What a file says ----------------------------------------------------------------------------


@pytest.mark.parametrize("file", FILES, ids="/".join)
def test_all_that_is_named_is_there_and_nothing_else(file):
    assert inf_checks.reference_problems(read(*file)) == []


@pytest.mark.parametrize("file", FILES, ids="/".join)
def test_version_and_date_are_the_repository_s(file):
    assert inf_checks.version_problems(read(*file), VERSION, RELEASE_DATE) == []


@pytest.mark.parametrize("install", INSTALLS, ids="/".join)
def test_the_service_boots_from_the_file_that_is_copied(install):
    *file, section = install
    assert inf_checks.service_problems(read(*file), section, SECTIONS[file[0]][section]) == []


@pytest.mark.parametrize("install", INSTALLS, ids="/".join)
def test_registry_lines_are_relative_and_complete(install):
    *file, section = install
    inf = read(*file)
    sections = inf_checks.registry_sections(inf, inf_checks.reachable(inf, section))
    assert sections
    assert [problem for name in sections for problem in inf_checks.registry_problems(inf, name)] == []


@pytest.mark.parametrize("processor", ["", *PROCESSORS["wlh"]])
def test_the_driver_store_sections_are_isolated(processor):
    assert inf_checks.isolation_problems(read("wlh", processor), "Viostor_DriverStore") == []


def test_copying_to_system32_is_not_taken_for_isolated():
    assert inf_checks.isolation_problems(read("wlh"), "Viostor_System32") != []


FAULTS = {
    "file outside the driver store": ("Viostor_Copy_DriverStore = 13", "Viostor_Copy_DriverStore = 12"),
    "service outside the driver store": (r"ServiceBinary  = %13%", r"ServiceBinary  = %12%"),
    "a root of its own": ("HKR, Parameters, BusType", r"HKLM, SYSTEM\CurrentControlSet, BusType"),
    "outside Parameters": ("HKR, Parameters, BusType", "HKR,, BusType"),
    "a renamed file": ("[Viostor_Copy_DriverStore]\nviostor.sys",
                       "[Viostor_Copy_DriverStore]\nviostor2.sys, viostor.sys"),
    "DelReg": ("CopyFiles = Viostor_Copy_DriverStore",
               "CopyFiles = Viostor_Copy_DriverStore\nDelReg = Viostor_Interrupts"),
    "appends to a value": ("BusType, 0x00010001", "BusType, 0x00010008"),
    "a value without flags": ("BusType, 0x00010001, 1", "BusType"),
    "a product type": ("NTamd64.10.0...16299", "NTamd64.10.0.1..16299"),
    "a class installer": ("[Strings]", "[ClassInstall32]\nAddReg = Viostor_EventMessages\n\n[Strings]"),
    "not locked": ("PnpLockDown = 1\n", ""),
    "a section missing": ("[Viostor_Parameters]", "[Viostor_Parameter]"),
    "a section not used": ("[Strings]", "[Viostor_Other]\nviostor.sys\n\n[Strings]"),
    "a string missing": ('Media    = "viostor installation media"\n', ""),
    "a string not used": ("[Strings]", '[Strings]\nUnused = "x"'),
    "a file without a medium": ("viostor.sys = 1", "viostor.sys = 2"),
    "a file not listed": ("viostor.sys = 1", "other.sys = 1"),
    "no associated service": ("AddService = viostor, 0x00000002", "AddService = viostor, 0x00000000"),
    "demand start": ("StartType      = 0", "StartType      = 3"),
    "no event source": (", Viostor_EventLog", ""),
    "Microsoft's provider": ('Provider = "The viostor authors"', 'Provider = "Microsoft"'),
    "another class": ("SCSIAdapter", "System"),
    "a quote not closed": ('"SCSI miniport"', '"SCSI miniport'),
    "a percent sign too many": ("%13%", "%13%%"),
    "a line too long": ("; ---- Windows 10", "; " + 4096 * "-" + " Windows 10"),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_is_noticed(fault):
    old, new = fault
    text = (BUILD / "wlh/viostor.inf").read_text()
    assert old in text
    try:
        inf = Inf(text.replace(old, new))
        problems = (inf_checks.reference_problems(inf) +
                    inf_checks.version_problems(inf, VERSION, RELEASE_DATE) +
                    inf_checks.service_problems(inf, "Viostor_DriverStore", "%13%") +
                    inf_checks.isolation_problems(inf, "Viostor_DriverStore"))
    except (SyntaxFault, KeyError) as error:
        problems = [str(error)]
    assert problems


# ---- The disk's identity, frozen -----------------------------------------------------------------


@pytest.mark.parametrize("install", INSTALLS, ids="/".join)
def test_the_bus_type_never_changes(install):
    """Part of what Windows makes a disk's instance of: with another value every disk is a new one."""
    *file, section = install
    inf = read(*file)
    service = inf.values(f"{section}.Services", "AddService")[0].field(2)
    lines = [line.fields for line in inf[inf.value(service, "AddReg")]]
    assert ("HKR", "Parameters", "BusType", "0x00010001", "1") in lines


def test_there_is_an_interrupt_message_for_each_queue_and_one_for_the_configuration():
    header = (ROOT / "viostor/virtio_store.h").read_text()
    queues = int(re.search(r"#define VIO_QUEUE_MAXIMUM (\d+)u", header)[1])
    (limit,) = [line.field(4) for line in read("wlh")["Viostor_Interrupts"]
                if line.field(2) == "MessageNumberLimit"]
    assert int(limit) == queues + 1


def test_messages_go_to_the_processors_of_all_groups():
    """Without a group policy they may stay in group 0, the first 64 processors: one for each
    (IrqPolicySpreadMessagesAcrossAllProcessors, 5), wherever (GroupAffinityDontCare, 1)."""
    policies = {line.field(2): line.field(4) for line in read("wlh")["Viostor_Interrupts"]
                if line.field(2).endswith("Policy")}
    assert policies == {"DevicePolicy": "5", "GroupPolicy": "1"}


# ---- Text-mode Setup -----------------------------------------------------------------------------


def test_text_mode_setup_names_what_the_floppy_holds():
    oem = Inf.read(BUILD / "txtsetup.oem")
    disks = {line.key: line.fields for line in oem["Disks"]}
    choices = {line.key for line in oem["scsi"]}
    assert oem.value("Defaults", "scsi") in choices
    for choice in choices:
        files = oem[f"Files.scsi.{choice}"]
        assert [(line.key, line.field(1)) for line in files] == \
            [("driver", "viostor.sys"), ("inf", "viostor.inf"), ("catalog", "viostor.cat")]
        assert files[0].field(2) == "viostor"  # the service, whose values [Config.viostor] has
        (disk,) = {line.field(0) for line in files}
        _, tag, folder = disks.pop(disk)
        assert tag == r"\txtsetup.oem"
        assert folder == "\\" + choice.removeprefix("viostor_").replace("_", "\\")
        ids = oem[f"HardwareIds.scsi.{choice}"]
        assert [line.fields for line in ids] == [(device, "viostor") for device in IDS]
    assert disks == {}
    assert choices == {"viostor_xp_x86", "viostor_2k3_x86", "viostor_2k3_amd64"}


@pytest.mark.parametrize("flavour", ["wxp", "wnet"])
def test_text_mode_setup_writes_the_same_values_as_the_inf(flavour):
    oem = Inf.read(BUILD / "txtsetup.oem")
    written = {(line.field(0), line.field(1), line.field(3)) for line in oem["Config.viostor"]}
    assert all(line.field(2) == "REG_DWORD" for line in oem["Config.viostor"])
    values = {(line.field(1), line.field(2), line.field(4))
              for line in read(flavour)["Viostor_Parameters"] if line.field(3) == "0x00010001"}
    assert written == values


# ---- The generator -------------------------------------------------------------------------------


def make_inf(*arguments: str | pathlib.Path) -> subprocess.CompletedProcess:
    return subprocess.run(["/usr/bin/python3", ROOT / "packaging/make_inf.py", *arguments],
                          capture_output=True, text=True, check=False)


@pytest.mark.parametrize("arguments,complaint", [
    (["--version", "1.0", "--date", "2026-01-31"], "three numbers"),
    (["--version", "1.0.65536", "--date", "2026-01-31"], "greater than 65535"),
    (["--version", "1.0.0", "--date", "31.1.2026"], "YYYY-MM-DD"),
    (["--version", "1.0.0", "--date", "2026-02-30"], "YYYY-MM-DD"),
    (["--version", "1.0.0", "--date", "2026-01-31", "--processor", "arm64"], "no models"),
])
def test_bad_input_is_refused_and_nothing_is_left(tmp_path, arguments, complaint):
    output = tmp_path / "viostor.inf"
    done = make_inf(*arguments, ROOT / "viostor/wxp.inf", output)
    assert done.returncode == 1 and complaint in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text,complaint", [
    (b"[Version]\nDriverVer = @DRIVERVERSION@\n", "unknown placeholder @DRIVERVERSION@"),
    ("; \u00e4\n".encode(), "ascii"),
])
def test_a_bad_template_is_refused_and_nothing_is_left(tmp_path, text, complaint):
    template = tmp_path / "bad.inf"
    template.write_bytes(text)
    done = make_inf("--version", "1.0.0", "--date", "2026-01-31", template, tmp_path / "viostor.inf")
    assert done.returncode == 1 and complaint in done.stderr
    assert list(tmp_path.iterdir()) == [template]


def test_the_date_is_written_as_windows_wants_it(tmp_path):
    done = make_inf("--version", "2.10.300", "--date", "2027-03-04", ROOT / "viostor/wlh.inf",
                    tmp_path / "viostor.inf")
    assert done.returncode == 0
    (line,) = Inf.read(tmp_path / "viostor.inf").values("Version", "DriverVer")
    assert line.fields == ("03/04/2027", "2.10.300.0")
