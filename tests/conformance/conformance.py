# SPDX-License-Identifier: BSD-3-Clause
"""Lets programs that nobody here wrote judge the disk, and prints what they said as a table.

    python3 tests/conformance/conformance.py [--quick] [--record]

Families: libiscsi's test suites (iscsi-test-cu), the reading commands of sg3_utils and sdparm, whose
output must be what tests/conformance/records/ holds, and copies, verified writes and file systems
through the block interface; on disks of each kind of blocks (DISKS). Each skipped test of libiscsi must
be named in docs/conformance.md beside the reason that it gives, and each fault that is the tool's own by
the assertion that fails. Exit status 1 if anything else failed, was skipped without such a reason, or
if such a fault is there no more. --record writes the records anew: read the difference before you keep it.
"""

import argparse
import collections
import dataclasses
import fnmatch
import pathlib
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests/system")]

from reading import READING, READING_SHAPE  # noqa: E402
from serving import Server, command  # noqa: E402  (its place is known only now)
import targets  # noqa: E402

RECORDS = HERE / "records"
DISK = "/dev/sg999"
MIB = 1 << 20
# The queue's size is what libiscsi needs to do all that it can: transfers of more than 1 MiB.
DEVICE = "serial=CONFORMANCE-1,queue-size=1024"


@dataclasses.dataclass(frozen=True)
class Disk:
    """A disk that is judged: options of QEMU's device and of storhost, and by what."""

    name: str
    device: str = DEVICE
    options: tuple[str, ...] = ()
    readers: tuple[str, ...] = tuple(READING_SHAPE)
    suites: tuple[str, ...] | None = None  # None: all that libiscsi has
    blocks: bool = True  # by programs that know nothing of SCSI


# By their blocks, as disks are sold: logical and physical blocks of 512 bytes; logical ones of 512 in
# physical ones of 4096; both of 4096. And one that cannot be written.
DISKS = [
    Disk("512n", readers=tuple(READING)),
    Disk("512e", f"{DEVICE},physical_block_size=4096"),
    Disk("4Kn", f"{DEVICE},logical_block_size=4096,physical_block_size=4096"),
    Disk("read-only", options=("--read-only",), readers=("sg_modes --all", "sg_vpd --page=lbpv"),
         suites=("ReadOnly", "ModeSense6", "TestUnitReady", "ReadCapacity16", "Read10", "Read16"), blocks=False),
]
KINDS = ("passed", "failed", "skipped", "tool's fault")

# Suites of libiscsi for `make check`: the others write more.
QUICK = ["Inquiry", "Mandatory", "ModeSense6", "ReadCapacity16", "ReportSupportedOpcodes", "Unmap",
         "Verify10", "WriteSame16", "TestUnitReady", "GetLBAStatus"]

Tally = dict[str, collections.Counter]


def document_table(*columns: str) -> list[tuple[str, ...]]:
    """Rows of docs/conformance.md whose first columns are these; those in `` are what stands in `code`."""
    patterns = ["`([^`]+)`" if column == "``" else "([^`|]+)" for column in columns]
    text = (ROOT / "docs/conformance.md").read_text()
    return re.findall(r"^\| " + r" \| ".join(patterns) + r" \|", text, re.MULTILINE)


def explained_skips() -> dict[str, list[str]]:
    """The reasons for skipping that docs/conformance.md explains, and the tests that it names for each;
    * stands for any."""
    return {reason: names.split(", ") for reason, names in document_table("``", "tests")}


def tool_faults(disk: Disk) -> dict[str, str]:
    """Tests that fail on this disk through a fault of libiscsi's, as docs/conformance.md tells, with
    the place of the assertion that fails."""
    return {test: place for test, where, place in document_table("``", "``", "``") if where == disk.name}


def judge_test(name: str, disk: str, printed: str, fault: str | None) -> tuple[str, list[str]]:
    """Which of KINDS a test of libiscsi is, by what it printed; complaints."""
    where = f"{name} on {disk}"
    failed = re.findall(r"^ +\d+\. (\S+:\d+) ", printed, re.MULTILINE)
    skipped = set(re.findall(r"\[SKIPPED\] (.*)", printed))
    if fault is not None:
        if failed == [fault]:
            return "tool's fault", []
        return "failed", [f"{where} does not fail at {fault}, as docs/conformance.md has it:\n{printed}"]
    if failed or "FAILED" in printed:
        return "failed", [f"{where}:\n{printed}"]
    # A suite may skip a part of a test and do the rest: that counts as skipped, too.
    explained = explained_skips()
    return ("skipped" if skipped else "passed"), [
        f"{where} is skipped for a reason that docs/conformance.md does not explain for it: {reason}"
        for reason in skipped
        if not any(fnmatch.fnmatchcase(name, names) for names in explained.get(reason, []))]


def judge_suites(server: Server, disk: Disk, suites: Iterable[str], tally: Tally) -> list[str]:
    """Runs suites of libiscsi; complaints."""
    complaints, faults, seen = [], tool_faults(disk), set()
    for suite in suites:
        printed = server.sg("iscsi-test-cu", "--dataloss", f"--test=ALL.{suite}", DISK, expect=None,
                            timeout=600)
        printed = printed.split("\nSuite: ", 1)[-1].split("\nRun Summary:")[0]
        tests = printed.split("\n  Test: ")[1:]
        for test in tests:
            name = f"{suite}.{test.split()[0]}"
            kind, found = judge_test(name, disk.name, test, faults.get(name))
            seen.add(name)
            tally[f"iscsi-test-cu {suite}"][kind] += 1
            complaints += found
        if not tests:
            complaints.append(f"{suite} on {disk.name}: nothing was run:\n{printed}")
    complaints += [f"{name} on {disk.name}: docs/conformance.md tells of a test that was not run"
                   for name in faults if name.split(".")[0] in suites and name not in seen]
    return complaints


def all_suites(server: Server) -> list[str]:
    listed = server.sg("iscsi-test-cu", "--list", DISK)
    return list(dict.fromkeys(re.findall(r"^ALL\.(\w+)\.", listed, re.MULTILINE)))


def record_path(line: str, disk: Disk) -> pathlib.Path:
    """The file that holds what a command line prints."""
    return RECORDS / disk.name / (re.sub(r"[^\w.]+", "-", line).strip("-") + ".txt")


def judge_readers(server: Server, disk: Disk, record: bool, tally: Tally) -> list[str]:
    """Runs each reading command and compares what it prints with its record."""
    complaints = []
    for line in disk.readers:
        full = (line if "{}" in line else line + " {}").format(DISK)
        done = subprocess.run(full.split(), env=server.sg_environment(), text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120, check=False)
        printed = f"$ {full}\n{done.stdout}exit status {done.returncode}\n"
        path = record_path(line, disk)
        if record:
            path.parent.mkdir(exist_ok=True)
            path.write_text(printed)
        same = path.exists() and path.read_text() == printed
        tally[full.split()[0]]["passed" if same else "failed"] += 1
        if not same:
            complaints.append(f"not what {path.relative_to(ROOT)} holds:\n{printed}")
    return complaints


def allocated(path: pathlib.Path) -> int:
    return path.stat().st_blocks * 512


def copy_and_trim(server: Server, image: pathlib.Path, directory: pathlib.Path) -> None:
    """What nbdcopy and qemu-img write is there again, and what is trimmed takes no space any more."""
    source, copy = directory / "source", directory / "copy"
    source.write_bytes(b"".join(block.to_bytes(8, "little") * 512 for block in range(1, 4097)))
    command("nbdcopy", source, server.uri)
    command("nbdcopy", server.uri, copy)
    assert copy.read_bytes()[:source.stat().st_size] == source.read_bytes(), "nbdcopy"
    full = allocated(image)
    assert full >= source.stat().st_size
    command("qemu-io", "-f", "raw", server.uri, "-c", "discard 4M 8M", "-c", "write -z -u 0 1M",
            "-c", "read -P 0 0 1M", "-c", "flush")
    assert allocated(image) <= full - 8 * MIB, f"{full} bytes before the TRIM, {allocated(image)} after"
    command("nbdcopy", server.uri, copy)
    data = copy.read_bytes()
    assert data[:MIB] == bytes(MIB) and data[MIB:4 * MIB] == source.read_bytes()[MIB:4 * MIB]
    assert data[12 * MIB:16 * MIB] == source.read_bytes()[12 * MIB:]


def qemu_img(server: Server, image: pathlib.Path, directory: pathlib.Path) -> None:
    """A qcow2 image converted onto the disk compares equal."""
    qcow2 = directory / "source.qcow2"
    command("qemu-img", "create", "-q", "-f", "qcow2", qcow2, image.stat().st_size)
    command("qemu-io", "-f", "qcow2", qcow2, "-c", "write -P 0x5a 1M 3M", "-c", "write -P 0xa5 60M 1M")
    command("qemu-img", "convert", "-n", "-f", "qcow2", "-O", "raw", qcow2, server.uri, timeout=300)
    command("qemu-img", "compare", "-f", "qcow2", "-F", "raw", qcow2, server.uri)


def fio(server: Server, *options: str) -> None:
    command("fio", "--name=verify", "--ioengine=nbd", f"--uri={server.uri}", "--size=16M",
            "--verify=crc32c", "--verify_fatal=1", *options, timeout=300)


def mixed(server: Server) -> None:
    """fio verifies two thirds of the disk, one with TRIM, while the last third is written, zeroed with and
    without giving blocks up, and trimmed; what lies between is still there."""
    with subprocess.Popen(
            ["fio", "--ioengine=nbd", f"--uri={server.uri}", "--verify=crc32c", "--verify_fatal=1", "--size=16M",
             "--loops=3", "--name=writes", "--rw=randwrite", "--bs=4k", "--iodepth=8",
             "--name=trims", "--rw=randtrimwrite", "--bs=64k", "--iodepth=1", "--offset=16M"],
            cwd=server.directory, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as checking:
        rounds = 0
        while checking.poll() is None or rounds < 3:
            rounds += 1
            pattern = rounds % 255 + 1
            command("qemu-io", "-f", "raw", server.uri, "-c", f"write -q -P {pattern} 32M 16M",
                    "-c", "write -q -z 33M 1M", "-c", "write -q -z -u 34M 3M", "-c", "discard -q 40M 4M",
                    "-c", f"write -q -P {pattern} 41M 1M", "-c", f"read -q -P {pattern} 32M 1M",
                    "-c", "read -q -P 0 33M 4M", "-c", f"read -q -P {pattern} 37M 3M",
                    "-c", f"read -q -P {pattern} 41M 1M", "-c", f"read -q -P {pattern} 44M 4M", timeout=300)
        printed = checking.communicate()[0]
    assert checking.returncode == 0, printed


def free_extents(bitmap: bytes, count: int, cluster: int) -> list[tuple[int, int]]:
    """Byte ranges of the clusters whose bit is 0."""
    extents, start = [], None
    for index in range(count + 1):
        free = index < count and not bitmap[index // 8] >> index % 8 & 1
        if free and start is None:
            start = index
        elif not free and start is not None:
            extents.append((start * cluster, (index - start) * cluster))
            start = None
    return extents


def trim_extents(server: Server, extents: list[tuple[int, int]]) -> None:
    discards = [word for start, length in extents for word in ("-c", f"discard {start} {length}")]
    command("qemu-io", "-f", "raw", server.uri, *discards, timeout=300)


def make_files(directory: pathlib.Path) -> dict[str, bytes]:
    """Files to fill a file system with; those whose name begins with 'gone' are deleted again."""
    files = {f"{kind}{index}": bytes([index + 1]) * (MIB + index * 4097)
             for kind in ("kept", "gone") for index in range(6)}
    directory.mkdir()
    for name, content in files.items():
        (directory / name).write_bytes(content)
    return files


def ext4(server: Server, image: pathlib.Path, directory: pathlib.Path) -> None:
    """mke2fs, files, deletion, TRIM of all that is free, e2fsck; the files that were kept are there."""
    files, system = make_files(directory / "ext4"), directory / "ext4.img"
    with system.open("wb") as file:
        file.truncate(image.stat().st_size)
    command("mke2fs", "-q", "-t", "ext4", "-b", "4096", "-d", directory / "ext4", system)
    gone = "\n".join(f"rm {name}" for name in files if name.startswith("gone"))
    command("nbdcopy", system, server.uri, timeout=300)
    full = allocated(image)
    command("debugfs", "-w", "-f", "-", system, input=gone)
    command("e2fsck", "-f", "-y", system, expect=None)
    command("nbdcopy", system, server.uri, timeout=300)
    listed = command("dumpe2fs", system)
    extents = []
    for group in re.findall(r"^  Free blocks: (.*)$", listed, re.MULTILINE):
        for extent in filter(None, group.split(", ")):
            first, _, last = extent.partition("-")
            extents.append((int(first) * 4096, (int(last or first) - int(first) + 1) * 4096))
    assert extents
    trim_extents(server, extents)
    assert allocated(image) <= full - 6 * MIB, f"{full} bytes before the TRIM, {allocated(image)} after"
    back = directory / "ext4.back"
    command("nbdcopy", server.uri, back, timeout=300)
    command("e2fsck", "-f", "-n", back)
    for name, content in files.items():
        if name.startswith("kept"):
            command("debugfs", "-R", f"dump {name} {directory / 'dumped'}", back)
            assert (directory / "dumped").read_bytes() == content, name


def ntfs(server: Server, image: pathlib.Path, directory: pathlib.Path) -> None:
    """The same with mkfs.ntfs and ntfscp, whose $Bitmap tells what is free."""
    files, system = make_files(directory / "ntfs"), directory / "ntfs.img"
    with system.open("wb") as file:
        file.truncate(image.stat().st_size)
    command("mkfs.ntfs", "-F", "-q", "-f", "-c", "4096", "-p", "0", "-H", "0", "-S", "0", "-s", "512", system)
    for name in files:
        command("ntfscp", "-f", system, directory / "ntfs" / name, name)
    # Every block is written, so that the TRIM has all of the free space to give back.
    command("qemu-io", "-f", "raw", server.uri, "-c", f"write -P 0xee 0 {image.stat().st_size}", timeout=300)
    command("nbdcopy", "--destination-is-zero", system, server.uri, timeout=300)
    full = allocated(image)
    bitmap = subprocess.run(["ntfscat", "-f", "-i", "6", system], stdout=subprocess.PIPE, check=True).stdout
    extents = free_extents(bitmap, image.stat().st_size // 4096 - 1, 4096)
    assert extents
    # The copy of NTFS' boot sector in the last cluster is not in the bitmap.
    trim_extents(server, extents)
    freed = sum(length for _, length in extents)
    assert allocated(image) <= full - freed + MIB, f"{full} bytes before, {allocated(image)} after"
    back = directory / "ntfs.back"
    command("nbdcopy", server.uri, back, timeout=300)
    command("ntfsfix", "-n", back)
    for name, content in files.items():
        got = subprocess.run(["ntfscat", "-f", back, name], stdout=subprocess.PIPE, check=True).stdout
        assert got == content, name


def judge_blocks(server: Server, disk: Disk, image: pathlib.Path, quick: bool, tally: Tally) -> list[str]:
    """Programs that know nothing of SCSI."""
    checks = {
        "nbdcopy, TRIM, zeroes": lambda where: copy_and_trim(server, image, where),
        "qemu-img": lambda where: qemu_img(server, image, where),
        "fio verify": lambda where: fio(server, "--rw=randwrite", "--bs=4k", "--iodepth=8"),
        # One at a time: fio itself does not keep a TRIM and the write behind it in order.
        "fio verify with TRIM": lambda where: fio(server, "--rw=randtrimwrite", "--bs=64k", "--iodepth=1"),
        "fio verify, TRIM, zeroes mixed": lambda where: mixed(server),
        "ext4": lambda where: ext4(server, image, where),
        "NTFS": lambda where: ntfs(server, image, where),
    }
    if quick:
        checks = {name: checks[name] for name in list(checks)[:1]}
    complaints = []
    for name, check in checks.items():
        with tempfile.TemporaryDirectory() as directory:
            try:
                check(pathlib.Path(directory))
                tally[name]["passed"] += 1
            except (AssertionError, subprocess.SubprocessError) as error:
                tally[name]["failed"] += 1
                complaints.append(f"{name} on {disk.name}: {error}")
    return complaints


def print_table(tally: Tally) -> None:
    width = max(map(len, tally)) + 2
    print("family".ljust(width) + "".join(kind.rjust(len(kind) + 3) for kind in KINDS))
    for family, counts in [*tally.items(), ("all", sum(tally.values(), collections.Counter()))]:
        print(family.ljust(width) + "".join(str(counts[kind]).rjust(len(kind) + 3) for kind in KINDS))


def judge_disk(disk: Disk, quick: bool, record: bool, tally: Tally) -> list[str]:
    """All families on one of DISKS; complaints."""
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        image = directory / "disk.raw"
        with image.open("wb") as file:
            file.truncate(64 * MIB)
        options = ["--image", str(image), "--qemu-device", disk.device, *disk.options]
        with Server(targets.TARGETS[0], directory, *options) as server:
            complaints = judge_readers(server, disk, record, tally)
            complaints += judge_suites(server, disk, QUICK if quick else disk.suites or all_suites(server), tally)
            if disk.blocks:
                complaints += judge_blocks(server, disk, image, quick, tally)
    return complaints


def run(quick: bool = False, record: bool = False) -> list[str]:
    """Everything; complaints, which are empty if the disk is right. Quick: a part, on the first disk."""
    tally: Tally = collections.defaultdict(collections.Counter)
    complaints = []
    for disk in DISKS[:1 if quick else None]:
        print(f"disk {disk.name}", file=sys.stderr)
        complaints += judge_disk(disk, quick, record, tally)
    print_table(tally)
    return complaints


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--quick", action="store_true", help="what make check runs")
    parser.add_argument("--record", action="store_true", help="write the records of reading commands anew")
    arguments = parser.parse_args()
    complaints = run(arguments.quick, arguments.record)
    for complaint in complaints:
        print(f"\nFAILED: {complaint}")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
