#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Throughput of the driver, of another driver and of the bare loop, as ratios within one run.

qemu-storage-daemon serves a disk by vhost-user; `storhost throughput` (docs/storhost.md) sends the same requests
to it through each of them in turn, A B C A B C ..., and what is told is the median over the rounds. A figure
by itself says how busy this machine was; the ratio to the bare loop of the same round says what a driver costs.
docs/performance.md says what is measured and what not.
"""

import argparse
import contextlib
import dataclasses
import json
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator

import plots
from storage_daemon import StorageDaemon

ROOT = pathlib.Path(__file__).resolve().parent.parent
STORHOST = ROOT / "build/storhost"
DRIVER = ROOT / "build/wlh/x64/viostor.sys"
OUTPUT = ROOT / "build/bench"
RECORDED = ROOT / "bench/throughput.json"
DOCUMENT = ROOT / "docs/performance.md"
PLOTS = ROOT / "docs/performance"
BEGIN = "<!-- Made by bench/throughput.py from bench/throughput.json: begin -->\n"
END = "<!-- throughput: end -->\n"

BARE_LOOP = "bare loop"
DISKS = {"null": "null disk", "tmpfs": "file on tmpfs"}
WORKLOADS = ("read", "write")
DEPTHS = (1, 32, 128)
QUEUES = (1, 2)
FILE_BYTES = 128 << 20
RULES_OFF = "No rule is checked in any of these runs, neither for a driver nor for the bare loop."
RUN_SECONDS = 60  # a run that takes so much longer than it should hangs


class ThroughputError(Exception):
    """Something that the user can put right."""


@dataclasses.dataclass(frozen=True)
class Subject:
    """What is measured: a name for tables, and the options of storhost that mean it."""

    name: str
    options: tuple[str, ...]
    peer: bool = False  # not ours: it may fail


@dataclasses.dataclass(frozen=True)
class Case:
    """A load."""

    disk: str
    workload: str
    queues: int
    depth: int

    @property
    def table(self) -> str:
        """The table that it is a row of."""
        queues = f"{self.queues} queue{'s' if self.queues > 1 else ''}"
        return f"Random 4 KiB {self.workload}s, {DISKS[self.disk]}, {queues}"


Figures = dict[str, float]


def progress(text: str) -> None:
    """One line that is overwritten, on a terminal; a line each otherwise."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
    elif text:
        print(text, file=sys.stderr)


# ---- Measuring ----


def processors_for(queues: int) -> tuple[set[int] | None, set[int] | None]:
    """Processors of the back end and of the driver: apart, so that whoever wakes the other goes on at
    once; the driver's all of them where there are too few for its queues. On these storhost gives each queue
    one of its own."""
    every = sorted(os.sched_getaffinity(0))
    if len(every) < 2:
        return None, None
    return {every[-1]}, set(every[:-1] if len(every) > queues else every)


def run(subject: Subject, case: Case, daemon: StorageDaemon, seconds: float) -> Figures:
    """One run; raises ThroughputError with storhost's own words if it fails."""
    command = [str(STORHOST), daemon.device(queues=case.queues), f"--queues={case.queues}",
               f"--depth={case.depth}", f"--workload={case.workload}", "--overwrite",
               f"--seconds={seconds}", "--json", *subject.options, "throughput"]
    _, processors = processors_for(case.queues)
    if processors:
        command = ["taskset", "--cpu-list", ",".join(map(str, sorted(processors))), *command]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              timeout=RUN_SECONDS + 2 * seconds, check=False)
    except subprocess.TimeoutExpired as error:
        raise ThroughputError(f"{subject.name}: hangs at depth {case.depth}") from error
    if done.returncode != 0:
        raise ThroughputError(f"{subject.name}: {done.stderr.strip() or f'status {done.returncode}'}")
    found = json.loads(done.stdout)
    latency = found["latency_us"]
    return {"iops": found["iops"], "p50_us": latency["p50"], "p99_us": latency["p99"],
            "p99.9_us": latency["p99.9"], "processor_us": found["processor_us"]["process"],
            "exits": found["exits"], "interrupts": found["interrupts"],
            "admitted": found["admitted"]}


def in_turns(case: Case, subjects: list[Subject], daemon: StorageDaemon, rounds: int,
             seconds: float) -> tuple[dict[str, list[Figures]], dict[str, str]]:
    """The figures of each subject, round by round; and why a peer has none, which is no reason to stop."""
    found: dict[str, list[Figures]] = {subject.name: [] for subject in subjects}
    failed: dict[str, str] = {}
    for number in range(rounds):
        for subject in subjects:
            if subject.name in failed:
                continue
            progress(f"{case.table}, depth {case.depth}, round {number + 1} of {rounds}: "
                     f"{subject.name}")
            try:
                found[subject.name].append(run(subject, case, daemon, seconds))
            except ThroughputError as error:
                if not subject.peer:
                    raise
                failed[subject.name] = str(error)
                del found[subject.name]
    return found, failed


def medians(found: dict[str, list[Figures]]) -> dict[str, dict[str, float]]:
    """Of each figure the median over the rounds, and of each ratio to the bare loop of the same round."""
    result = {}
    for name, rounds in found.items():
        figures = {figure: statistics.median(each[figure] for each in rounds)
                   for figure in rounds[0]}
        for figure in ("iops", "p50_us", "p99_us", "processor_us"):
            figures[f"{figure}_ratio"] = statistics.median(
                each[figure] / bare[figure] for each, bare in zip(rounds, found[BARE_LOOP]))
        result[name] = figures
    return result


@contextlib.contextmanager
def serving(disk: str, queues: int, tmpfs: pathlib.Path) -> Iterator[StorageDaemon]:
    """A disk that is served, and gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="viostor-") as sockets, contextlib.ExitStack() as stack:
        image = None
        if disk == "tmpfs":
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="viostor-", dir=tmpfs))
            image = pathlib.Path(folder) / "disk.raw"
            with image.open("wb") as file:  # no holes: what is read is in memory
                for _ in range(FILE_BYTES >> 20):
                    file.write(b"\xa5" * (1 << 20))
        try:
            daemon = stack.enter_context(
                StorageDaemon(pathlib.Path(sockets), image, queues=queues,
                              processors=processors_for(queues)[0]))
        except RuntimeError as error:
            raise ThroughputError(str(error)) from error
        yield daemon


def find_tmpfs() -> pathlib.Path:
    """A folder on a tmpfs with room for the file."""
    for line in pathlib.Path("/proc/mounts").read_text().splitlines():
        _, place, kind = line.split()[:3]
        if kind != "tmpfs" or not os.access(place, os.W_OK):
            continue
        state = os.statvfs(place)
        if state.f_bavail * state.f_frsize > 2 * FILE_BYTES:
            return pathlib.Path(place)
    raise ThroughputError(f"no tmpfs with {2 * FILE_BYTES >> 20} MiB to spare: name one by --tmpfs, or "
                          "leave that disk out by --disks null")


def version_of(program: str) -> str:
    """The first line that it says of itself."""
    done = subprocess.run([program, "--version"], stdout=subprocess.PIPE, text=True, check=False)
    return done.stdout.splitlines()[0] if done.stdout else program


def measure(subjects: list[Subject], arguments: argparse.Namespace) -> dict:
    """Everything, as one document."""
    cases = []
    for disk in arguments.disks:
        tmpfs = arguments.tmpfs or (find_tmpfs() if disk == "tmpfs" else pathlib.Path())
        for queues in arguments.queues:
            with serving(disk, queues, tmpfs) as daemon:
                for workload in arguments.workloads:
                    for depth in arguments.depths:
                        case = Case(disk, workload, queues, depth)
                        found, failed = in_turns(case, subjects, daemon, arguments.rounds,
                                                 arguments.seconds)
                        cases.append({**dataclasses.asdict(case), "subjects": medians(found),
                                      "failed": failed})
    progress("")
    return {"rules": "off", "note": RULES_OFF, "rounds": arguments.rounds,
            "seconds": arguments.seconds, "real_time": arguments.real_time, "processors": os.cpu_count(),
            "back_end": version_of("qemu-storage-daemon"), "cases": cases}


# ---- Telling ----

# Heading, figure, digits behind the point; of a ratio it is the figure's own name.
COLUMNS = (
    ("IOPS", "iops", 0), ("of bare", "iops_ratio", 2), ("p50 us", "p50_us", 1),
    ("of bare", "p50_us_ratio", 2), ("p99 us", "p99_us", 1), ("p99.9 us", "p99.9_us", 1),
    ("CPU us", "processor_us", 2), ("of bare", "processor_us_ratio", 2), ("exits", "exits", 3),
    ("irqs", "interrupts", 3),
)


def conditions(document: dict) -> str:
    """What the figures were taken with, for tables."""
    ahead = ", ahead of all other work" if document["real_time"] else ""
    return (f"Medians of {document['rounds']} rounds of {document['seconds']:g} s{ahead}; "
            f"{document['back_end']}; {document['processors']} processors for driver and back end.")


def case_of(found: dict) -> Case:
    """The load that figures are of."""
    return Case(found["disk"], found["workload"], found["queues"], found["depth"])


def cells(figures: dict[str, float]) -> list[str]:
    """A row of figures."""
    return [f"{figures[figure]:,.{digits}f}" for _, figure, digits in COLUMNS]


def print_tables(document: dict) -> None:
    """All cases; a blank line between tables."""
    print(f"{RULES_OFF}\n{conditions(document)}")
    table = ""
    for found in document["cases"]:
        case = case_of(found)
        if case.table != table:
            table = case.table
            print(f"\n{table}\n{'depth':>7}  {'':16}" +
                  "".join(f"{heading:>11}" for heading, _, _ in COLUMNS))
        for name, figures in found["subjects"].items():
            print(f"{case.depth:>7}  {name[:16]:16}" +
                  "".join(f"{cell:>11}" for cell in cells(figures)))
        for why in found["failed"].values():
            print(f"{case.depth:>7}  {' '.join(why.split())}")


def generated(document: dict) -> str:
    """The section's tables for docs/performance.md, between the marks."""
    lines = ["", f"{RULES_OFF} {conditions(document)}", ""]
    for name, _, _, axis in DRAWN:
        lines += [f"![{axis}](performance/{name}.svg)", ""]
    table = ""
    for found in document["cases"]:
        case = case_of(found)
        if case.table != table:
            table = case.table
            lines += [f"### {table}", "",
                      "| depth | | " + " | ".join(heading for heading, _, _ in COLUMNS) + " |",
                      "|---:|---|" + "---:|" * len(COLUMNS)]
        for name, figures in found["subjects"].items():
            lines.append(f"| {case.depth} | {name} | " + " | ".join(cells(figures)) + " |")
        if found is document["cases"][-1] or case_of(
                document["cases"][document["cases"].index(found) + 1]).table != table:
            lines.append("")
    return "\n".join(lines)


# Of the plots: file name, title, figure, what the axis says.
DRAWN = (
    ("throughput-iops", "Random 4 KiB reads, one queue", "iops", "requests per second"),
    ("throughput-processor", "Random 4 KiB reads, one queue", "processor_us",
     "processor time per request (us)"),
)


def draw(document: dict, folder: pathlib.Path) -> list[pathlib.Path]:
    """A line for each subject and disk, over the depth; the files."""
    cases = [found for found in document["cases"]
             if found["workload"] == "read" and found["queues"] == min(QUEUES)]
    depths = sorted({found["depth"] for found in cases})
    disks = list(dict.fromkeys(found["disk"] for found in cases))
    subjects = list(dict.fromkeys(name for found in cases for name in found["subjects"]))
    drawn = []
    for name, title, figure, axis in DRAWN if len(depths) > 1 else ():
        lines = [
            plots.Line(f"{subject}, {DISKS[disk]}",
                       [(found["depth"], found["subjects"][subject][figure])
                        for found in cases
                        if found["disk"] == disk and subject in found["subjects"]],
                       plots.BARE_LOOP_COLOUR if subject == BARE_LOOP else number, dash)
            for number, subject in enumerate(subjects) for dash, disk in enumerate(disks)]
        path = folder / f"{name}.svg"
        plots.draw_lines(path, title, plots.Axis("depth", tuple(depths), True),
                         plots.Axis(axis, (), True), lines)
        drawn.append(path)
    return drawn


def parts(text: str) -> tuple[str, str, str]:
    """The document ahead of the marks, between them, behind them."""
    before, begin, rest = text.partition(BEGIN)
    between, end, after = rest.partition(END)
    if not begin or not end:
        raise ThroughputError(f"{DOCUMENT}: the lines '{BEGIN.strip()}' and '{END.strip()}' must be there")
    return before, between, after


def regenerate(document: dict) -> None:
    """Makes the figures in docs/performance.md and the plots beside it anew."""
    before, _, after = parts(DOCUMENT.read_text())
    DOCUMENT.write_text(before + BEGIN + generated(document) + END + after)
    draw(document, PLOTS)


# ---- The command line ----


def words(known: tuple) -> type:
    """A type of argument: words of a list, with commas between them."""
    def parse(text: str) -> list:
        kind = type(known[0])
        try:
            chosen = [kind(word) for word in text.split(",")]
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"numbers are needed, not '{text}'") from error
        if kind is str and not set(chosen) <= set(known):
            raise argparse.ArgumentTypeError(f"'{text}': of {', '.join(known)}")
        if kind is int and min(chosen) < 1:
            raise argparse.ArgumentTypeError(f"'{text}': 1 and more")
        return chosen
    return parse  # type: ignore[return-value]


def positive(kind: type) -> type:
    """A type of argument: a number above 0."""
    def parse(text: str):
        value = kind(text)
        if value <= 0:
            raise argparse.ArgumentTypeError(f"'{text}' must be above 0")
        return value
    return parse  # type: ignore[return-value]


def parse_arguments(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--driver", type=pathlib.Path, default=DRIVER, help="default: %(default)s")
    parser.add_argument("--peer", type=pathlib.Path, help="another StorPort miniport for x64")
    parser.add_argument("--disks", type=words(tuple(DISKS)), default=list(DISKS), help="null,tmpfs")
    parser.add_argument("--workloads", type=words(WORKLOADS), default=list(WORKLOADS),
                        help="read,write")
    parser.add_argument("--queues", type=words(QUEUES), default=list(QUEUES), help="1,2")
    parser.add_argument("--depths", type=words(DEPTHS), default=list(DEPTHS), help="1,32,128")
    parser.add_argument("--rounds", type=positive(int), default=5, help="default: %(default)s")
    parser.add_argument("--seconds", type=positive(float), default=0.5,
                        help="of each run; default: %(default)s")
    parser.add_argument("--real-time", action="store_true",
                        help="ahead of all other work of this machine, which must wait: for one that is "
                             "not quiet; needs root")
    parser.add_argument("--tmpfs", type=pathlib.Path, help="a folder on one; default: /dev/shm or so")
    parser.add_argument("--json", metavar="FILE",
                        help="where the figures go; default: build/bench/throughput.json; -: standard "
                             "output, and no tables")
    parser.add_argument("--document", action="store_true",
                        help="only make docs/performance.md anew from the recorded figures")
    parser.add_argument("--record", action="store_true",
                        help="record the figures, and make docs/performance.md anew")
    return parser.parse_args(arguments)


def subject_file(subject: Subject) -> pathlib.Path:
    """The driver's file."""
    return pathlib.Path(subject.options[0].removeprefix("--driver="))


def write(document: dict, arguments: argparse.Namespace) -> None:
    """The figures where they are wanted."""
    text = json.dumps(document, indent=1) + "\n"
    if arguments.json == "-":
        sys.stdout.write(text)
        return
    path = pathlib.Path(arguments.json) if arguments.json else OUTPUT / "throughput.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    print_tables(document)
    print("\n" + "\n".join(map(str, [path, *draw(document, path.parent)])))
    if arguments.record:
        RECORDED.write_text(text)
        regenerate(document)


def go_ahead_of_others() -> None:
    """Everything that is started from here on runs before ordinary work."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except PermissionError as error:
        raise ThroughputError("--real-time needs root") from error


def warn_if_busy(real_time: bool) -> None:
    """Other work makes a measurement useless, and is not seen in it."""
    load = os.getloadavg()[0]
    if not real_time and load > 0.5 * (os.cpu_count() or 1):
        print(f"throughput: this machine is busy (load average {load:.1f}): expect figures that differ "
              "from run to run; --real-time helps", file=sys.stderr)


def end_by_signal(number: int, _frame: object) -> None:
    """So that the back end and its files are taken away on the way out."""
    sys.exit(128 + number)


def main(words_given: list[str]) -> int:
    arguments = parse_arguments(words_given)
    signal.signal(signal.SIGTERM, end_by_signal)
    if arguments.document:
        regenerate(json.loads(RECORDED.read_text()))
        return 0
    subjects = [Subject(arguments.driver.name, (f"--driver={arguments.driver}",))]
    if arguments.peer:
        subjects.append(Subject(f"peer {arguments.peer.name}", (f"--driver={arguments.peer}",),
                                True))
    subjects.append(Subject(BARE_LOOP, ("--bare-loop",)))
    if shutil.which("qemu-storage-daemon") is None:
        print("throughput: qemu-storage-daemon is not there: run 'make setup' once", file=sys.stderr)
        return 1
    for program in [STORHOST, *(subject_file(subject) for subject in subjects[:-1])]:
        if not program.exists():
            print(f"throughput: {program}: not there (make builds driver and storhost)", file=sys.stderr)
            return 1
    try:
        warn_if_busy(arguments.real_time)
        if arguments.real_time:
            go_ahead_of_others()
        document = measure(subjects, arguments)
        write(document, arguments)
    except (ThroughputError, RuntimeError) as error:
        progress("")
        print(f"throughput: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        progress("")
        return 130
    return 1 if any(found["failed"] for found in document["cases"]) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
