# SPDX-License-Identifier: BSD-3-Clause
"""The disk as programs see it that speak SCSI: sg3_utils, sdparm and libiscsi's test tool."""

import pytest

from serving import Server

pytestmark = pytest.mark.every_target

DISK = "/dev/sg999"
MIB = 1 << 20
SERIAL = "SER-0815"
ILLEGAL_REQUEST = 5  # exit statuses of sg3_utils
DATA_PROTECT = 7
BEYOND_THE_END = 22
INVALID_OPCODE = 9
VPD_PAGES = ["0x0", "0x80", "0x83", "0x86", "0xb0", "0xb1", "0xb2"]


@pytest.fixture(scope="module")
def disk(tmp_path_factory, target):
    """64 MiB in blocks of 512 bytes; byte n * 512 of the disk is n modulo 256."""
    directory = tmp_path_factory.mktemp("sg")
    image = directory / "disk.raw"
    image.write_bytes(b"".join(bytes([block % 256]) * 512 for block in range(64 * MIB // 512)))
    with Server(target, directory, "--image", str(image), "--qemu-device", f"serial={SERIAL}") as server:
        yield server


@pytest.fixture(scope="module")
def read_only_disk(tmp_path_factory, target):
    """64 MiB in blocks of 4096 bytes, physical 16384, write-protected."""
    directory = tmp_path_factory.mktemp("sg-read-only")
    image = directory / "disk.raw"
    image.write_bytes(bytes([0x5a]) * (64 * MIB))
    with Server(target, directory, "--image", str(image), "--read-only", "--qemu-device",
                "logical_block_size=4096,physical_block_size=16384") as server:
        yield server


def test_inquiry(disk):
    printed = disk.sg("sg_inq", DISK)
    assert "Vendor identification: VirtIO" in printed
    assert "Product identification: Virtual Disk" in printed
    assert f"Unit serial number: {SERIAL}" in printed
    assert "Peripheral device type: disk" in printed
    assert "RMB=0" in printed and "CmdQue=1" in printed


def test_vpd_pages_are_those_that_are_listed(disk):
    listed = disk.sg("sg_inq", "-e", "-p", "0", DISK)
    pages = [line.split()[0] for line in listed.splitlines() if line.startswith("     0x")]
    assert pages == VPD_PAGES
    for page in VPD_PAGES:
        assert "VPD INQUIRY" in disk.sg("sg_inq", "-e", "-p", page, DISK)
    # Not listed: extended block limits. INQUIRY for it is refused.
    hexadecimal = "12 01 b7 00 ff 00".split()
    refused = disk.sg("sg_raw", "-r", "255", DISK, *hexadecimal, expect=ILLEGAL_REQUEST)
    assert "Invalid field in cdb" in refused


def test_vpd_contents(disk):
    assert f"Unit serial number: {SERIAL}" in disk.sg("sg_vpd", "-p", "sn", DISK)
    identification = disk.sg("sg_vpd", "-p", "di", DISK)
    assert "vendor id: VirtIO" in identification and SERIAL in identification
    assert "Non-rotating medium" in disk.sg("sg_vpd", "-p", "bdc", DISK)
    limits = disk.sg("sg_vpd", "-p", "bl", DISK)
    longest = int(limits.split("Maximum transfer length: ")[1].split()[0])
    assert 0 < longest <= 2048


def test_capacity(disk):
    for options in [[], ["--16"]]:
        printed = disk.sg("sg_readcap", *options, DISK)
        assert f"Number of logical blocks={64 * MIB // 512}\n" in printed
        assert "Logical block length=512 bytes" in printed
        assert "Device size: 67108864 bytes" in printed


def test_capacity_in_blocks_of_4096(read_only_disk):
    printed = read_only_disk.sg("sg_readcap", DISK)
    assert f"Number of logical blocks={64 * MIB // 4096}\n" in printed
    assert "Logical block length=4096 bytes" in printed
    printed = read_only_disk.sg("sg_readcap", "--16", DISK)
    assert f"Number of logical blocks={64 * MIB // 4096}\n" in printed
    assert "Logical block length=4096 bytes" in printed
    assert "Logical blocks per physical block exponent=2" in printed


def test_mode_pages(disk, read_only_disk):
    printed = disk.sg("sg_modes", "-a", DISK)
    assert "WP=0, DpoFua=1" in printed
    for page in ["Read-Write error recovery", "Caching", "Control"]:
        assert f">> {page}" in printed
    assert "WP=1" in read_only_disk.sg("sg_modes", "-a", DISK)
    for number, control in enumerate(["current", "changeable", "default"]):
        assert f"page_control: {control}" in disk.sg("sg_modes", f"--control={number}", "-a", DISK)


def test_sdparm(disk):
    # It asks for saved values and pages, too, which this disk has not, and ends with that status.
    printed = disk.sg("sdparm", "-a", DISK, expect=ILLEGAL_REQUEST)
    for page in ["Read write error recovery", "Caching (SBC)", "Control"]:
        assert f"{page} mode page:" in printed
    assert disk.sg("sdparm", "--get=WCE", "--quiet", DISK,
                   expect=ILLEGAL_REQUEST).split("WCE")[1].split()[0] == "1"


def test_one_unit(disk):
    printed = disk.sg("sg_luns", DISK)
    assert "1 lun entry" in printed and "    0000000000000000\n" in printed


def test_commands_without_data(disk):
    disk.sg("sg_turs", "--number=10", DISK)
    disk.sg("sg_sync", DISK)
    disk.sg("sg_sync", "--16", DISK)
    disk.sg("sg_start", "--start", DISK)
    assert "Sense key: No Sense" in disk.sg("sg_requests", DISK)
    assert "fixed descriptor length too short" not in disk.sg("sg_requests", DISK)


def test_report_supported_operation_codes(disk):
    listed = disk.sg("sg_opcodes", "--no-inquiry", "--hex", DISK)
    assert "invalid" not in listed.lower()
    for opcode, supported in [(0x42, True), (0x28, True), (0x5f, False), (0x89, False), (0x04, False)]:
        printed = disk.sg("sg_opcodes", "--no-inquiry", f"--opcode={opcode:#x}", DISK)
        assert ("NOT supported" not in printed) == supported, printed


def test_read_and_write(disk):
    copy = disk.directory / "copy"
    disk.sg("sg_dd", f"if={DISK}", f"of={copy}", "bs=512", "skip=250", "count=20", "bpt=7")
    assert copy.read_bytes() == b"".join(bytes([n % 256]) * 512 for n in range(250, 270))
    written = disk.directory / "written"
    written.write_bytes(bytes(range(256)) * 2 * 300)
    for fua in ["0", "2"]:
        disk.sg("sg_dd", f"if={written}", f"of={DISK}", "bs=512", "seek=1000", f"fua={fua}")
        disk.sg("sg_dd", f"if={DISK}", f"of={copy}", "bs=512", "skip=1000", "count=300")
        assert copy.read_bytes() == written.read_bytes()


def test_read_beyond_the_end_is_refused(disk):
    last = 64 * MIB // 512 - 1
    copy = disk.directory / "last"
    cdb = [f"{byte:02x}" for byte in bytes([0x28, 0]) + last.to_bytes(4, "big") + bytes([0, 0, 1, 0])]
    disk.sg("sg_raw", "-r", "512", "-o", copy, DISK, *cdb)
    assert copy.read_bytes() == bytes([last % 256]) * 512
    cdb[8] = "02"
    printed = disk.sg("sg_raw", "-r", "1024", DISK, *cdb, expect=BEYOND_THE_END)
    assert "Logical block address out of range" in printed


def test_read_with_a_longer_buffer_tells_the_rest(disk):
    """A command block that asks for less than there is room for: an underrun, no broken rule."""
    copy = disk.directory / "short"
    disk.sg("sg_raw", "-r", "4096", "-o", copy, DISK, *"28 00 00 00 00 05 00 00 01 00".split())
    assert copy.read_bytes() == bytes([5]) * 512
    disk.sg("sg_turs", DISK)


def test_read_with_a_shorter_buffer_is_refused(disk):
    disk.sg("sg_raw", "-r", "512", DISK, *"28 00 00 00 00 00 00 00 02 00".split(), expect=99)
    disk.sg("sg_turs", DISK)


def test_writes_to_a_read_only_disk_are_refused(read_only_disk):
    block = read_only_disk.directory / "block"
    block.write_bytes(bytes(4096))
    printed = read_only_disk.sg("sg_raw", "-s", "4096", "-i", block, DISK,
                                *"2a 00 00 00 00 00 00 00 01 00".split(), expect=DATA_PROTECT)
    assert "Write protected" in printed
    copy = read_only_disk.directory / "copy"
    read_only_disk.sg("sg_dd", f"if={DISK}", f"of={copy}", "bs=4096", "count=3")
    assert copy.read_bytes() == bytes([0x5a]) * 3 * 4096


@pytest.mark.parametrize("suite", ["TestUnitReady", "Inquiry", "ReadCapacity10", "Mandatory"])
def test_iscsi_test_tool_gets_through(disk, suite):
    printed = disk.sg("iscsi-test-cu", "--test", f"ALL.{suite}.*", DISK)
    asserts = next(line.split() for line in printed.splitlines() if line.strip().startswith("asserts"))
    _, total, run, passed, failed, _ = asserts
    assert int(total) > 0 and total == run == passed and failed == "0", printed


def test_library_without_a_server_says_so(target, tmp_path):
    server = Server(target, tmp_path)
    printed = server.sg("sg_turs", DISK, expect=None)
    assert f"{server.socket}: No such file or directory (is `storhost serve` running there?)" in printed
