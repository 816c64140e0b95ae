#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Exact counts of what the driver does for a request, for a few workloads.

Runs `storhost count` (docs/storhost.md) for each workload and prints a table. The counts are the same at
each run, so they can be held against those recorded in bench/recorded.json: `make check` fails where a
figure has become worse by more than 2 %.

    bench/counts.py [--driver FILE] [--peer FILE] [--json FILE] [--record] [WORKLOAD...]
"""

import argparse
import dataclasses
import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
STORHOST = ROOT / "build/storhost"
DRIVER = ROOT / "build/wlh/x64/viostor.sys"
RECORDED = ROOT / "bench/recorded.json"

# A figure that is worse by more than this share fails.
TOLERANCE = 0.02


@dataclasses.dataclass(frozen=True)
class Workload:
    """A load and a device, as options of storhost."""

    title: str
    options: tuple[str, ...] = ()
    device: str = ""  # more options of the scripted device
    processors: int = 1


WORKLOADS = {
    "standard": Workload("4 KiB read, depth 32, lock-step"),
    "closed-4": Workload("4 KiB read, depth 32, 4 at a time", ("--loading", "closed:4")),
    "depth-1": Workload("4 KiB read, depth 1", ("--depth", "1")),
    "depth-256": Workload("4 KiB read, depth 256, out of order",
                          ("--depth", "256", "--requests", "256"), "order=shuffle"),
    "write": Workload("4 KiB write, depth 32", ("--workload", "write")),
    "flush": Workload("flush, depth 32", ("--workload", "flush")),
    "queues-4": Workload("4 KiB read, depth 32, 4 queues", ("--queues", "4"), "vectors=5", 4),
    "scattered": Workload("64 KiB read in 16 pieces", ("--request-bytes", "64k")),
    "largest": Workload("largest read that the ring allows",
                        ("--request-bytes", "max", "--depth", "4", "--requests", "16")),
    "line": Workload("4 KiB read, depth 32, line interrupt", ("--vectors", "0")),
    "direct": Workload("4 KiB read, depth 32, no indirect descriptors", (),
                       "withhold=INDIRECT_DESC"),
    "packed": Workload("4 KiB read, depth 32, packed ring", (), "offer=RING_PACKED"),
}


def count(driver: pathlib.Path, workload: Workload) -> dict:
    """Figures per request."""
    device = "scripted:transport=modern" + ("," + workload.device if workload.device else "")
    done = subprocess.run(
        [STORHOST, "--driver", driver, "--processors", str(workload.processors), "--device", device,
         *workload.options, "--json", "count"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"counts: {workload.title}: storhost ended with status {done.returncode}:\n"
                 f"{done.stderr}")
    document = json.loads(done.stdout)
    requests = document["requests"]

    def each(value: int) -> float:
        return round(value / requests, 3)

    lines = {kind: document[f"lines_{kind}"] for kind in ("read", "written", "shared")}
    return {
        "instructions": each(document["instructions"]["total"]),
        "build": each(document["instructions"]["build"]),
        "start": each(document["instructions"]["start"]),
        "interrupt": each(document["instructions"]["interrupt"]),
        "dpc": each(document["instructions"]["DPC"]),
        "locked": each(document["locked"]),
        "calls": each(sum(document["calls"].values())),
        "exits": each(sum(document["exits"].values())),
        "interrupts": each(document["interrupts"]),
        "stored": each(sum(bytes_ for kind, bytes_ in document["stored"].items()
                           if kind != "stack")),
        "cleared": each(document["cleared"]),
        "copied": each(document["copied"]),
        "lines": each(lines["read"]["driver"] + lines["read"]["ring"] + lines["written"]["driver"]
                      + lines["written"]["ring"]),
        "srb_extension": document["port"]["srb_extension_bytes"],
    }


def worse(recorded: dict, now: dict) -> list[str]:
    """What has become worse than recorded by more than the tolerance, as texts."""
    found = []
    for figure, before in recorded.items():
        if now[figure] > before * (1 + TOLERANCE) + 0.005:
            found.append(f"{figure}: {now[figure]} per request, recorded {before}")
    return found


def print_table(results: dict[str, dict], title: str) -> None:
    """One line for each workload."""
    columns = ("instructions", "build", "start", "interrupt", "dpc", "calls", "locked", "exits",
               "interrupts", "stored", "lines")
    print(title)
    print(f"{'per request':45}" + "".join(f"{column[:9]:>10}" for column in columns))
    for name, figures in results.items():
        print(f"{WORKLOADS[name].title:45}"
              + "".join(f"{figures[column]:10.2f}" for column in columns))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--driver", type=pathlib.Path, default=DRIVER)
    parser.add_argument("--peer", type=pathlib.Path,
                        help="another StorPort miniport for x64, counted beside it")
    parser.add_argument("--json", type=pathlib.Path, help="write the figures there, too")
    parser.add_argument("--record", action="store_true",
                        help=f"make them the ones that make check compares with "
                             f"({RECORDED.relative_to(ROOT)})")
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD",
                        help="of: " + ", ".join(WORKLOADS))
    arguments = parser.parse_args()
    unknown = set(arguments.workloads) - set(WORKLOADS)
    if unknown:
        parser.error(f"no such workload: {', '.join(sorted(unknown))}")
    if arguments.record and arguments.workloads:
        parser.error("--record needs all workloads")

    chosen = arguments.workloads or list(WORKLOADS)
    everything = {}
    for driver in filter(None, (arguments.driver, arguments.peer)):
        results = {}
        for number, name in enumerate(chosen, 1):
            print(f"[{number}/{len(chosen)}] {WORKLOADS[name].title}", file=sys.stderr)
            results[name] = count(driver, WORKLOADS[name])
        print_table(results, str(driver))
        everything[str(driver)] = results
    if arguments.json:
        arguments.json.write_text(json.dumps(everything, indent=2) + "\n")
    if arguments.record:
        RECORDED.write_text(json.dumps(everything[str(arguments.driver)], indent=2) + "\n")


if __name__ == "__main__":
    main()
