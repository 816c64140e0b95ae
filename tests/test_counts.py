# SPDX-License-Identifier: BSD-3-Clause
"""The driver's exact counts per request against those recorded (bench/recorded.json), and the document
that shows these. No time is measured: the counts are the same at each run and on each machine."""

import json
import re
import shlex
import subprocess
import sys

import pytest

from targets import BUILD, ROOT

sys.path.append(str(ROOT / "bench"))
import bench as bench_program  # noqa: E402 (found by the line above)
import counts  # noqa: E402
import document  # noqa: E402
import plots  # noqa: E402
import workloads  # noqa: E402

RECORDED = counts.read_recorded()
DRIVER = RECORDED[document.DRIVER]

HELP = """
Where the instructions are:  bench/profile.py [--lines] -- {options}
What all workloads cost:     make bench
If the price is right:       make bench-record"""


def bench(*arguments: object, expect: int) -> str:
    """Runs bench/bench.py; what it prints."""
    done = subprocess.run([sys.executable, ROOT / "bench/bench.py", *map(str, arguments)], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    assert done.returncode == expect, done.stdout
    return done.stdout


# ---- The guard ----

def judge(workload: workloads.Workload, recorded: workloads.Workload | None = None) -> str:
    """What has become worse than recorded (for another workload, if given), and what to do about it;
    empty: nothing."""
    found = counts.worse(DRIVER[(recorded or workload).name], counts.count(counts.DRIVER, workload))
    options = shlex.join(workload.options())
    return "\n".join([workload.name, *found]) + HELP.format(options=options) if found else ""


@pytest.mark.parametrize("workload", workloads.GUARDED, ids=lambda workload: workload.name)
def test_counts_are_not_worse(workload):
    assert not judge(workload)


def test_what_costs_more_is_found():
    """Without indirect tables the driver does more for each request than is recorded with them."""
    told = judge(workloads.Workload(device=("withhold=INDIRECT_DESC",)), workloads.STANDARD)
    assert "instructions: " in told and "start: " in told and "make bench-record" in told


def test_a_little_worse_is_not():
    before = {"instructions": 200.0, "calls": 3.0}
    assert counts.worse(before, {"instructions": 203.9, "calls": 3.0}) == []
    assert counts.worse(before, {"instructions": 204.2, "calls": 3.0}) == [
        "instructions: 204.2, recorded 200.0"]
    assert counts.worse(before, {"instructions": 150.0, "calls": 3.0, "copied": 1.0}) == [
        "copied: 1.0, recorded 0"]


@pytest.mark.parametrize("workload", [
    workloads.GUARDED[1], workloads.Workload(queues=4, depth=8, loading="closed:4"),
    workloads.Workload(depth=1, messages=1)], ids=lambda workload: workload.name)
def test_counts_are_the_same_each_time(workload):
    """Also with several processors, and where the driver has a timer (one message for all)."""
    first = counts.count(counts.DRIVER, workload)
    assert [counts.count(counts.DRIVER, workload) for _ in range(3)] == [first] * 3


# ---- What is recorded and shown ----

def test_every_workload_is_recorded():
    everything = workloads.all_workloads(list(workloads.SERIES))
    assert set(DRIVER) == {workload.name for workload in everything}, "run: make bench-record"
    assert set(RECORDED[counts.BARE_LOOP]) == {
        workload.name for workload in everything if workload.has_bare_loop}, "run: make bench-record"
    assert {workload.name for workload in workloads.GUARDED} <= set(DRIVER)


def test_the_document_shows_what_is_recorded():
    _, between, _ = document.parts(document.DOCUMENT.read_text())
    assert between == document.generated(RECORDED), "run: bench/document.py"


def test_the_plots_show_what_is_recorded(tmp_path):
    drawn = plots.draw(list(workloads.SERIES), RECORDED, tmp_path)
    assert {path.name for path in drawn} == {path.name for path in document.PLOTS.glob("*.svg")
                                             if path.stem in workloads.SERIES}
    for path in drawn:
        assert path.read_bytes() == (document.PLOTS / path.name).read_bytes(), "run: bench/document.py"


# ---- The bare loop ----

def test_the_bare_loop_is_the_floor():
    for name, floor in RECORDED[counts.BARE_LOOP].items():
        # It writes each table whole; the driver's long tables keep what does not change.
        if " max," not in name:
            assert floor["instructions"] < DRIVER[name]["instructions"], name
        assert "calls" not in floor


@pytest.mark.parametrize("device, queues, line", [
    ((), 1, False), (("offer=RING_PACKED",), 1, True), (("withhold=EVENT_IDX", "queue-size=8"), 4, False),
    (("offer=RING_PACKED", "withhold=EVENT_IDX", "queue-size=16"), 2, False)])
def test_the_bare_loop_moves_all_requests(device, queues, line):
    """Also through a ring that is full most of the time, and without a doorbell too many."""
    workload = workloads.Workload(operation="mixed", depth=64, queues=queues, loading="closed:4",
                                  messages=0 if line else None, device=device)
    figures = counts.count(None, workload)
    assert 50 < figures["instructions"] < 250
    if "withhold=EVENT_IDX" not in device:
        assert figures["exits_doorbell"] < 1
    assert ("exits_isr" in figures) == line
    assert figures.get("lines_shared", 0) == 0


def test_the_bare_loop_says_what_it_needs():
    with pytest.raises(counts.CountError, match="INDIRECT_DESC"):
        counts.count(None, workloads.Workload(device=("withhold=INDIRECT_DESC",)))


# ---- What a count tells ----

def test_stores_by_what_they_are_for():
    """The bare loop stores header, table of 3, entry, index: and nothing is cleared or copied."""
    figures = counts.count(None, workloads.STANDARD)
    assert figures["stored"] >= 16 + 3 * 16 + 16 + 2 + 2
    assert "cleared" not in figures and "copied" not in figures


def test_a_missing_doorbell_ends_the_count():
    done = subprocess.run(
        [counts.STORHOST, "--driver", BUILD / "rules/x64/doorbell-scripted.sys", "--device=scripted",
         "--processors", "1", "--depth", "1", "--request-bytes", "512", "count"],
        text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    assert done.returncode == 3, done.stdout
    assert "rule violation: doorbell" in done.stdout and "none came" in done.stdout


def test_a_lost_request_ends_the_count():
    """The device never answers one."""
    workload = workloads.Workload(device=("do=fault never nth=80",))
    with pytest.raises(counts.CountError, match="1 requests did not come back.*the device holds 1"):
        counts.count(counts.DRIVER, workload)


# ---- make bench ----

def test_a_peer_is_counted_beside_the_driver(tmp_path):
    """With the same bytes under another name the same figures come out."""
    peer = tmp_path / "other.sys"
    peer.write_bytes(counts.DRIVER.read_bytes())
    told = bench("--peer", peer, "--json", tmp_path / "figures.json", "loading", expect=0)
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert list(figures) == ["viostor.sys", "other.sys", "bare loop"]
    assert figures["other.sys"] == figures["viostor.sys"]
    assert "4 at a time" in told and "other.sys" in told and "bare loop" in told


def test_a_peer_that_cannot_do_everything(capsys):
    """Its line stays empty, with the reason at the end."""
    series = workloads.SERIES["kinds"]
    results = {"viostor.sys": DRIVER, "other.sys": {
        point.workload.name: counts.CountError("no such command") for point in series.points}}
    bench_program.print_series(series, results)
    assert bench_program.print_failures(results)
    told = capsys.readouterr().out
    assert re.search(r"other\.sys +-", told) and "other.sys: no such command" in told
    assert bench_program.without_failures(results)["other.sys"] == {}


@pytest.mark.parametrize("arguments, status, told", [
    (["no-such-series"], 2, "no such series: no-such-series (there are: depth, "),
    (["--peer", "/nowhere/other.sys"], 2, "/nowhere/other.sys is no file"),
    (["--driver", "/nowhere/viostor.sys"], 2, "/nowhere/viostor.sys is not there"),
    (["--record", "depth"], 2, "--record needs all series"),
    (["--peer", ROOT / "Makefile"], 1, "must be a StorPort miniport for x64"),
    (["--peer", BUILD / "rules/x64/unbroken-device.sys"], 1, "cannot be counted"),
    (["--peer", BUILD / "wlh/x86/viostor.sys"], 1, "must be a StorPort miniport for x64"),
])
def test_bad_arguments(arguments, status, told):
    assert told in bench(*arguments, expect=status)


def test_help_lists_the_series():
    told = bench("--help", expect=0)
    for series in workloads.SERIES.values():
        assert series.title in told
