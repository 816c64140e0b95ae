# SPDX-License-Identifier: BSD-3-Clause
"""Plots as SVG, by gnuplot. The same figures give the same bytes."""

import dataclasses
import pathlib
import subprocess

from counts import BARE_LOOP
from workloads import SERIES, Series

# Driver, peer, bare loop. Colours that people with any colour vision tell apart (Okabe and Ito).
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")
BARE_LOOP_COLOUR = 2
# By line within a subject.
DASHES = (1, 2, 3, 4)


@dataclasses.dataclass(frozen=True)
class Line:
    """A line of a plot: its title, places (x, y), colour and dash by number."""

    title: str
    places: list[tuple[float, float]]
    colour: int = 0
    dash: int = 0


@dataclasses.dataclass(frozen=True)
class Axis:
    """An axis: its title, its marks (none: gnuplot's choice), whether it is logarithmic."""

    title: str
    marks: tuple[float, ...] = ()
    logarithmic: bool = False


def draw_lines(path: pathlib.Path, title: str, x: Axis, y: Axis, lines: list[Line]) -> None:
    """Draws lines with points. Raises RuntimeError with gnuplot's words if it fails."""
    commands = [
        'set terminal svg size 760,400 font "sans-serif,13" background "#ffffff"',
        f'set output "{path}"', f'set title "{title}"', f'set xlabel "{x.title}"',
        f'set ylabel "{y.title}"', "set grid ytics linecolor rgb '#dddddd'",
        "set key outside right top vertical samplen 3", "set border 3", "set xtics nomirror",
        "set ytics nomirror", "set yrange [0:*]" if not y.logarithmic else "set logscale y"]
    if x.logarithmic:
        commands.append("set logscale x 2")
    for letter, axis in (("x", x), ("y", y)):
        if axis.marks:
            marks = ", ".join(f"{mark:g}" for mark in axis.marks)
            commands.append(f"set {letter}tics ({marks}) nomirror")
            # A little more, or rounding may lose the last mark.
            commands.append(f"set {letter}range [{axis.marks[0]:g}:{axis.marks[-1] * 1.02:g}]")
    styles = [f"'-' with linespoints linewidth 2 pointtype 7 pointsize 0.5 dashtype "
              f"{DASHES[line.dash % len(DASHES)]} linecolor rgb '{COLOURS[line.colour % len(COLOURS)]}'"
              f' title "{line.title}"' for line in lines]
    commands.append("plot " + ", ".join(styles))
    for line in lines:
        commands += [f"{across} {up}" for across, up in line.places] + ["e"]
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        done = subprocess.run(["gnuplot"], input="\n".join(commands) + "\n", text=True,
                              stderr=subprocess.PIPE, check=False)
    except FileNotFoundError as error:
        raise RuntimeError("gnuplot is not there: run 'make setup'") from error
    if done.returncode != 0:
        raise RuntimeError(f"gnuplot: {done.stderr.strip()}")


def _lines(series: Series, results: dict[str, dict[str, dict]]) -> list[Line]:
    found = []
    names = list(dict.fromkeys(point.line for point in series.points if point.line))
    for number, (subject, by_workload) in enumerate(results.items()):
        colour = BARE_LOOP_COLOUR if subject == BARE_LOOP else number
        for dash, name in enumerate(names):
            places = [(point.x, by_workload[point.workload.name]["instructions"])
                      for point in series.points
                      if point.line == name and point.workload.name in by_workload]
            if places:
                title = f"{subject}, {name}" if len(names) > 1 else subject
                found.append(Line(title, places, colour, dash))
    return found


def draw(names: list[str], results: dict[str, dict[str, dict]],
         folder: pathlib.Path) -> list[pathlib.Path]:
    """Draws those of the series that have a plot: instructions per request; the files."""
    drawn = []
    for series in (SERIES[name] for name in names):
        lines = _lines(series, results) if series.x_label else []
        if lines:
            marks = sorted({point.x for point in series.points if point.line})
            path = folder / f"{series.name}.svg"
            draw_lines(path, series.title, Axis(series.x_label, tuple(marks), True),
                       Axis("instructions per request", (), series.logarithmic_y), lines)
            drawn.append(path)
    return drawn
