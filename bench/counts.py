# SPDX-License-Identifier: BSD-3-Clause
"""Exact counts per request of a driver (or the bare loop) for a workload, by `storhost count`; and whether
counts have become worse than those recorded."""

import concurrent.futures
import json
import os
import pathlib
import subprocess
import typing

from workloads import Workload

ROOT = pathlib.Path(__file__).resolve().parent.parent
STORHOST = ROOT / "build/storhost"
DRIVER = ROOT / "build/wlh/x64/viostor.sys"
RECORDED = ROOT / "bench/recorded.json"
BARE_LOOP = "bare loop"

# A figure that is worse by more than this share fails; so small a difference per request never does.
TOLERANCE = 0.02
NOTHING = 0.005

# One workload takes seconds; a driver that loops for ever is ended.
TIMEOUT_SECONDS = 300

MEMORY = ("driver", "ring", "SRB")  # whose lines and bytes are told; not the stack's

Figures = dict[str, typing.Any]


class CountError(Exception):
    """A workload did not come to its end; the text says why."""


def figures_of(document: dict) -> Figures:
    """Figures per request from storhost's document; those that are 0 are left out."""
    requests = document["requests"]

    def each(value: int) -> float:
        return round(value / requests, 3)

    calls = document["calls"]
    figures: Figures = {"instructions": each(document["instructions"]["total"])}
    for phase in ("build", "start", "interrupt", "DPC", "other"):
        figures[phase.lower()] = each(document["instructions"][phase])
    for name in ("locked", "fences"):
        figures[name] = each(document[name])
    figures["calls"] = each(sum(calls.values()))
    figures["exits"] = each(sum(document["exits"].values()))
    for kind, value in document["exits"].items():
        figures[f"exits_{kind}"] = each(value)
    figures["interrupts"] = each(document["interrupts"])
    figures["stored"] = each(sum(document["stored"][whose] for whose in MEMORY))
    for name in ("cleared", "copied"):
        figures[name] = each(document[name])
    for kind in ("read", "written", "touched"):
        for whose in MEMORY:
            figures[f"lines_{kind}_{whose.lower()}"] = each(document[f"lines_{kind}"][whose])
    figures["lines"] = each(document["lines_touched"]["driver"] + document["lines_touched"]["ring"])
    # Not per request: lines that several processors wrote, bytes of memory, requests answered busy.
    # SRBs are left out: the bench gives their memory from one processor to the next.
    figures["lines_shared"] = document["lines_shared"]["driver"] + document["lines_shared"]["ring"]
    for kind, value in document["memory"].items():
        figures[f"memory_{kind}"] = value
    figures["busy"] = document.get("counters", {}).get("busy", 0)
    figures["calls_by_name"] = {name: each(value) for name, value in sorted(calls.items())}
    return {name: value for name, value in figures.items() if value}


def count(driver: pathlib.Path | None, workload: Workload) -> Figures:
    """Figures of a driver, None: of the bare loop. CountError if storhost does not come to the end."""
    who = ["--bare-loop"] if driver is None else ["--driver", str(driver)]
    try:
        done = subprocess.run([STORHOST, *who, *workload.options(), "--json", "count"],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              timeout=TIMEOUT_SECONDS, check=False)
    except FileNotFoundError as error:
        raise CountError(f"{STORHOST} is not there: run 'make storhost'") from error
    except subprocess.TimeoutExpired as error:
        raise CountError(f"{workload.name}: not done after {TIMEOUT_SECONDS} seconds") from error
    if done.returncode != 0:
        raise CountError(f"{workload.name}: storhost ended with status {done.returncode}:\n"
                         f"{done.stderr.strip()}")
    return figures_of(json.loads(done.stdout))


def count_all(driver: pathlib.Path | None, workloads: list[Workload],
              progress: typing.Callable[[str], None]) -> dict[str, Figures | CountError]:
    """Figures, or why there are none, by name of the workload. On all processors: the counts do not
    depend on what else runs."""
    results: dict[str, Figures | CountError] = {}
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        started = {pool.submit(count, driver, workload): workload for workload in workloads}
        for number, future in enumerate(concurrent.futures.as_completed(started), 1):
            workload = started[future]
            progress(f"[{number}/{len(workloads)}] {workload.name}")
            error = future.exception()
            if error is not None and not isinstance(error, CountError):
                raise error
            results[workload.name] = error if error is not None else future.result()
    return {workload.name: results[workload.name] for workload in workloads}


def worse(recorded: Figures, now: Figures) -> list[str]:
    """What has become worse than recorded by more than the tolerance, as texts."""
    found = []
    for figure, value in now.items():
        before = recorded.get(figure, 0)
        if figure != "calls_by_name" and value > before * (1 + TOLERANCE) + NOTHING:
            found.append(f"{figure}: {value}, recorded {before}")
    return found


def read_recorded(path: pathlib.Path = RECORDED) -> dict[str, dict[str, Figures]]:
    """The recorded figures: by "viostor.sys" and "bare loop", by name of the workload."""
    return json.loads(path.read_text())


def write_results(path: pathlib.Path, results: dict[str, dict[str, Figures]]) -> None:
    """As JSON, a line for each workload, so that a change shows which ones it touches."""
    subjects = []
    for subject, by_workload in results.items():
        lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(figures)}"
                           for name, figures in by_workload.items())
        subjects.append(f" {json.dumps(subject)}: {{\n{lines}\n }}")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".new")
    temporary.write_text("{\n" + ",\n".join(subjects) + "\n}\n")
    temporary.replace(path)
