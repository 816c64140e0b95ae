#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Exact counts of what the driver does for a request, beside another driver and the bare loop.

Runs `storhost count` (docs/storhost.md) for every workload of the series (bench/workloads.py), prints a table
for each series, and writes the figures as JSON and plots. The counts are the same at each run and on each
machine. docs/performance.md says what they mean.
"""

import argparse
import pathlib
import sys

import counts
import document
import plots
from workloads import SERIES, STANDARD, Series, Workload, all_workloads

OUTPUT = counts.ROOT / "build/bench"

# Columns of the tables: heading, and which figures are added up.
COLUMNS = (
    ("all", ("instructions",)), ("build", ("build",)), ("start", ("start",)),
    ("intr.", ("interrupt",)), ("DPC", ("dpc",)), ("other", ("other",)), ("calls", ("calls",)),
    ("locked", ("locked",)), ("fences", ("fences",)), ("exits", ("exits",)),
    ("irqs", ("interrupts",)), ("stored", ("stored",)), ("cleared", ("cleared", "copied")),
    ("lines", ("lines",)), ("shared", ("lines_shared",)),
)

COLUMN_WIDTH = 8

Results = dict[str, dict[str, counts.Figures | counts.CountError]]


def progress(text: str) -> None:
    """One line that is overwritten, on a terminal; a line each otherwise."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
    else:
        print(text, file=sys.stderr)


def number(value: float) -> str:
    """Three digits that matter."""
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def row(figures: counts.Figures | counts.CountError | None) -> str:
    """One line of figures; dashes where there are none."""
    if not isinstance(figures, dict):
        return "".join(f"{'-':>{COLUMN_WIDTH}}" for _ in COLUMNS)
    return "".join(f"{number(sum(figures.get(name, 0) for name in names)):>{COLUMN_WIDTH}}"
                   for _, names in COLUMNS)


def print_series(series: Series, results: Results) -> None:
    """A table: for each point a line for each subject."""
    width = max(len(point.label) for point in series.points) + 2
    subject_width = max(map(len, results))
    print(f"\n{series.title}")
    print(" " * (width + subject_width)
          + "".join(f"{heading:>{COLUMN_WIDTH}}" for heading, _ in COLUMNS))
    for point in series.points:
        for index, (subject, by_workload) in enumerate(results.items()):
            print(f"{'' if index else point.label:{width}}{subject:{subject_width}}"
                  + row(by_workload.get(point.workload.name)))


def print_memory(results: Results) -> None:
    """What memory each takes, where the figures for that are there."""
    table = {subject: document.memory_of(by_workload) for subject, by_workload in results.items()}
    if any(table.values()):
        print(f"\n{'Memory, bytes':22}" + "".join(f"{subject:>16}" for subject in results))
        for name, title in document.MEMORY_ROWS.items():
            print(f"{title:22}" + "".join(f"{memory.get(name, '-'):>16}"
                                          for memory in table.values()))


def print_failures(results: Results) -> bool:
    """Why a line has no figures; whether there was such a line."""
    failures = [(subject, error) for subject, by_workload in results.items()
                for error in by_workload.values() if isinstance(error, counts.CountError)]
    for subject, error in failures:
        print(f"\n{subject}: {error}")
    return bool(failures)


def without_failures(results: Results) -> dict[str, dict[str, counts.Figures]]:
    """What can be written to a file."""
    return {subject: {name: figures for name, figures in by_workload.items()
                      if isinstance(figures, dict)} for subject, by_workload in results.items()}


def check_peer(parser: argparse.ArgumentParser, peer: pathlib.Path) -> None:
    """Ends the program if the peer is nothing that can be counted at all."""
    if not peer.is_file():
        parser.error(f"the peer {peer} is no file")
    try:
        counts.count(peer, STANDARD)
    except counts.CountError as error:
        parser.exit(1, f"bench: the peer cannot be counted: {error}\n"
                       f"It must be a StorPort miniport for x64.\n")


def peer_name(peer: pathlib.Path, driver: pathlib.Path) -> str:
    """What the peer is called in tables: its file name, with folders if the driver is called so."""
    return peer.name if peer.name != driver.name else "peer " + "/".join(peer.parts[-3:])


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        formatter_class=argparse.RawDescriptionHelpFormatter, description=__doc__,
        epilog="series:\n" + "\n".join(f"  {series.name:12} {series.title}"
                                       for series in SERIES.values()))
    parser.add_argument("--driver", type=pathlib.Path, default=counts.DRIVER, metavar="FILE",
                        help="the driver (default: build/wlh/x64/viostor.sys)")
    parser.add_argument("--peer", type=pathlib.Path, metavar="FILE",
                        help="another StorPort miniport for x64, counted beside it")
    parser.add_argument("--no-bare-loop", action="store_true", help="without the bare loop")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", default=OUTPUT / "bench.json",
                        help="where the figures go, and plots beside them (default: "
                             "build/bench/bench.json)")
    parser.add_argument("--record", action="store_true",
                        help="make them the ones that `make check` compares with and that "
                             "docs/performance.md shows")
    parser.add_argument("series", nargs="*", metavar="SERIES", help="only these (default: all)")
    arguments = parser.parse_args()
    unknown = set(arguments.series) - set(SERIES)
    if unknown:
        parser.error(f"no such series: {', '.join(sorted(unknown))} (there are: "
                     f"{', '.join(SERIES)})")
    if arguments.record and (arguments.series or arguments.peer or arguments.no_bare_loop or
                             arguments.driver != counts.DRIVER):
        parser.error("--record needs all series, the driver that was built and the bare loop, "
                     "and no peer")
    if not arguments.driver.is_file():
        parser.error(f"the driver {arguments.driver} is not there: run 'make'")
    if arguments.peer is not None:
        check_peer(parser, arguments.peer)
    return arguments


def count_subjects(arguments: argparse.Namespace, workloads: list[Workload]) -> Results:
    """Everything that is asked for, by subject."""
    subjects: dict[str, pathlib.Path | None] = {arguments.driver.name: arguments.driver}
    if arguments.peer is not None:
        subjects[peer_name(arguments.peer, arguments.driver)] = arguments.peer
    if not arguments.no_bare_loop:
        subjects[counts.BARE_LOOP] = None
    results: Results = {}
    for subject, driver in subjects.items():
        possible = [workload for workload in workloads if driver or workload.has_bare_loop]
        results[subject] = counts.count_all(
            driver, possible, lambda text, who=subject: progress(f"{who} {text}"))
    if sys.stderr.isatty():
        progress("")
    return results


def main() -> int:
    arguments = parse()
    names = arguments.series or list(SERIES)
    results = count_subjects(arguments, all_workloads(names))

    print("Per request. build to other: instructions by entry point; cleared: and copied; lines: of "
          "driver and ring\nmemory; shared: between processors, in the whole run. "
          "docs/performance.md says more.")
    for name in names:
        print_series(SERIES[name], results)
    print_memory(results)
    print_failures(results)
    good = without_failures(results)
    counts.write_results(arguments.json, good)
    drawn = plots.draw(names, good, arguments.json.parent)
    print("\n" + "\n".join(["Figures: " + str(arguments.json),
                            *(f"Plot:    {path}" for path in drawn)]))
    peer = arguments.peer and peer_name(arguments.peer, arguments.driver)
    if any(len(good[subject]) != len(results[subject]) for subject in good if subject != peer):
        return 1
    if arguments.record:
        counts.write_results(counts.RECORDED, good)
        document.regenerate()
        print(f"Recorded: {counts.RECORDED.relative_to(counts.ROOT)}, "
              f"{document.DOCUMENT.relative_to(counts.ROOT)}, "
              f"{document.PLOTS.relative_to(counts.ROOT)}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except RuntimeError as failure:
        sys.exit(f"bench: {failure}")
    except KeyboardInterrupt:
        sys.exit(130)
