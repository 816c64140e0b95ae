#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The figures in docs/performance.md and the plots beside it, made from bench/recorded.json.

    bench/document.py         makes them anew
"""

import pathlib

import counts
import plots
from workloads import SERIES, Series

DOCUMENT = counts.ROOT / "docs/performance.md"
PLOTS = counts.ROOT / "docs/performance"
BEGIN = "<!-- Made by bench/document.py from bench/recorded.json: begin -->\n"
END = "<!-- end -->\n"

DRIVER = "viostor.sys"

COLUMNS = (
    ("instructions", ("instructions",)), ("build", ("build",)), ("start", ("start",)),
    ("DPC", ("dpc",)), ("calls", ("calls",)), ("locked", ("locked",)), ("exits", ("exits",)),
    ("interrupts", ("interrupts",)), ("stored", ("stored",)), ("cleared", ("cleared", "copied")),
    ("lines", ("lines",)), ("shared", ("lines_shared",)),
)

MEMORY_ROWS = {
    "request": "SRB extension",
    "device_extension": "device extension",
    "uncached": "uncached, one queue",
    "contiguous": "contiguous, one queue",
    "pool": "pool, one queue",
    "per_queue": "each further queue",
}

ONE_QUEUE = "read 4k, depth 32, lock-step"
MANY_QUEUES = (16, "read 4k, depth 32, lock-step, queues 16")


def memory_of(by_workload: dict) -> dict[str, int]:
    """Bytes of memory, by MEMORY_ROWS; {} if the workloads for it are not among the figures."""
    queues, many_name = MANY_QUEUES
    one, many = by_workload.get(ONE_QUEUE), by_workload.get(many_name)
    if not isinstance(one, dict) or not isinstance(many, dict):
        return {}

    def all_of(figures: dict) -> int:
        return sum(figures.get(f"memory_{kind}", 0)
                   for kind in ("device_extension", "uncached", "contiguous", "pool"))

    return {"request": one.get("memory_srb_extension", 0),
            **{kind: one.get(f"memory_{kind}", 0)
               for kind in ("device_extension", "uncached", "contiguous", "pool")},
            "per_queue": (all_of(many) - all_of(one)) // (queues - 1)}


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.3g}"


def _table(series: Series, recorded: dict) -> list[str]:
    bare = recorded[counts.BARE_LOOP]
    lines = [f"### {series.title}", "",
             "| per request | " + " | ".join(title for title, _ in COLUMNS) + " | bare loop |",
             "|---|" + "---:|" * (len(COLUMNS) + 1)]
    for point in series.points:
        figures = recorded[DRIVER][point.workload.name]
        floor = bare.get(point.workload.name)
        cells = [_number(sum(figures.get(name, 0) for name in names)) for _, names in COLUMNS]
        cells.append(_number(floor["instructions"]) if floor else "")
        lines.append(f"| {point.label} | " + " | ".join(cells) + " |")
    return lines + [""]


def _by_name(recorded: dict) -> list[str]:
    """Calls by name and exits by kind, of a few workloads."""
    columns = {"depth 32, lock-step": "read 4k, depth 32, lock-step",
               "depth 32, 4 at a time": "read 4k, depth 32, closed:4",
               "depth 1": "read 4k, depth 1, lock-step",
               "4 queues": "read 4k, depth 32, lock-step, queues 4",
               "line interrupt": "read 4k, depth 32, lock-step, line"}
    figures = [recorded[DRIVER][name] for name in columns.values()]
    rows = {f"`{name}`": [one["calls_by_name"].get(name, 0) for one in figures]
            for name in sorted({name for one in figures for name in one["calls_by_name"]})}
    for kind, text in (("doorbell", "exit: doorbell"), ("isr", "exit: interrupt status"),
                       ("configuration", "exit: configuration")):
        rows[text] = [one.get(f"exits_{kind}", 0) for one in figures]
    lines = ["### Calls into the port driver by name, VM exits by kind (4 KiB random read)", "",
             "| per request | " + " | ".join(columns) + " |", "|---|" + "---:|" * len(columns)]
    lines += [f"| {name} | " + " | ".join(_number(value) for value in values) + " |"
              for name, values in rows.items()]
    return lines + [""]


def _memory(recorded: dict) -> list[str]:
    columns = [memory_of(by_workload) for by_workload in recorded.values()]
    lines = ["### Memory", "", "| bytes | " + " | ".join(recorded) + " |",
             "|---|" + "---:|" * len(columns)]
    lines += [f"| {title} | " + " | ".join(str(memory[name]) for memory in columns) + " |"
              for name, title in MEMORY_ROWS.items()]
    return lines + [""]


def generated(recorded: dict) -> str:
    """The text between the marks."""
    lines: list[str] = [""]
    for series in SERIES.values():
        lines += _table(series, recorded)
        if series.x_label:
            lines += [f"![{series.title}](performance/{series.name}.svg)", ""]
    return "\n".join(lines + _by_name(recorded) + _memory(recorded))


def parts(text: str) -> tuple[str, str, str]:
    """The document ahead of the marks, between them, behind them."""
    before, begin, rest = text.partition(BEGIN)
    between, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{DOCUMENT}: the lines '{BEGIN.strip()}' and '{END.strip()}' must be there")
    return before, between, after


def regenerate() -> None:
    """Makes the figures in the document and the plots anew."""
    recorded = counts.read_recorded()
    before, _, after = parts(DOCUMENT.read_text())
    DOCUMENT.write_text(before + BEGIN + generated(recorded) + END + after)
    plots.draw(list(SERIES), recorded, PLOTS)


if __name__ == "__main__":
    regenerate()
