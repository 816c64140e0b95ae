# SPDX-License-Identifier: BSD-3-Clause
"""bench/throughput.py, with loads that say nothing: its figures are not looked at, its document is."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

import pytest

from targets import BUILD, ROOT

sys.path.append(str(ROOT / "bench"))
import throughput as bench  # noqa: E402 (found by the line above)

TIMEOUT_SECONDS = 120
SHORT = ("--rounds=1", "--seconds=0.1", "--workloads=read", "--queues=1")


def run(*options: str) -> subprocess.CompletedProcess:
    """The script; standard output and error apart."""
    return subprocess.run([ROOT / "bench/throughput.py", *options], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=TIMEOUT_SECONDS, check=False)


def test_document(tmp_path):
    """Driver, peer and bare loop in turns, on both disks."""
    peer = tmp_path / "other.sys"
    peer.write_bytes((BUILD / "wlh/x64/viostor.sys").read_bytes())
    done = run(*SHORT, "--depths=8", f"--peer={peer}", "--json=-")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["rules"] == "off"
    assert [case["disk"] for case in found["cases"]] == ["null", "tmpfs"]
    for case in found["cases"]:
        assert list(case["subjects"]) == ["viostor.sys", "peer other.sys", "bare loop"]
        assert case["subjects"]["bare loop"]["iops_ratio"] == 1
        assert all(figures["iops"] > 0 and figures["processor_us_ratio"] > 0
                   for figures in case["subjects"].values())


def test_tables_say_what_was_off(tmp_path):
    done = run(*SHORT, "--depths=8", "--disks=null", f"--json={tmp_path}/figures.json")
    assert done.returncode == 0, done.stderr
    assert "No rule is checked" in done.stdout
    assert "of bare" in done.stdout
    assert json.loads((tmp_path / "figures.json").read_text())["cases"]


def test_plots(tmp_path):
    """A line for each subject, where there is more than one depth."""
    done = run(*SHORT, "--depths=1,8", "--disks=null", f"--json={tmp_path}/figures.json")
    assert done.returncode == 0, done.stderr
    for name in ("throughput-iops.svg", "throughput-processor.svg"):
        drawing = (tmp_path / name).read_text()
        assert drawing.startswith("<?xml")
        assert "viostor.sys, null disk" in drawing and "bare loop, null disk" in drawing


def test_document_shows_what_is_recorded():
    """docs/performance.md and its plots, from bench/throughput.json: make throughput-record."""
    recorded = json.loads(bench.RECORDED.read_text())
    _, shown, _ = bench.parts(bench.DOCUMENT.read_text())
    assert shown == bench.generated(recorded), "run: bench/throughput.py --document"
    assert len(recorded["cases"]) == 24


@pytest.mark.parametrize("option, status, text", [
    ("--disks=floppy", 2, "of null, tmpfs"),
    ("--depths=0", 2, "1 and more"),
    ("--seconds=0", 2, "must be above 0"),
    ("--peer=none.sys", 1, "none.sys: not there"),
])
def test_wrong_usage(option, status, text):
    done = run(option)
    assert done.returncode == status
    assert text in done.stderr


def test_peer_that_does_not_start(tmp_path):
    """Its own words; the others are measured all the same."""
    peer = tmp_path / "broken.sys"
    peer.write_bytes(b"MZ" + bytes(1000))
    done = run(*SHORT, "--depths=8", f"--peer={peer}", "--json=-")
    assert done.returncode == 1
    for case in json.loads(done.stdout)["cases"]:
        assert case["failed"]["peer broken.sys"].startswith("peer broken.sys: storhost: ")
        assert list(case["subjects"]) == ["viostor.sys", "bare loop"]


def back_ends_of(process: int) -> list[pathlib.Path]:
    """Storage daemons that a process has started."""
    found = []
    for status in pathlib.Path("/proc").glob("[0-9]*/status"):
        try:
            text = status.read_text()
        except OSError:
            continue  # ended meanwhile
        if "Name:\tqemu-storage-da" in text and f"PPid:\t{process}\n" in text:
            found.append(status.parent)
    return found


def is_running(process: pathlib.Path) -> bool:
    """False also for one that has ended and that its parent has not waited for: an orphan's parent are
    the tests (processes.py), which wait when a test is over."""
    try:
        return "State:\tZ" not in (process / "status").read_text()
    except OSError:
        return False


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_behind(by):
    """However it ends, its back end ends; and its files are gone where it was asked to end."""
    with tempfile.TemporaryDirectory() as folder, subprocess.Popen(
            [ROOT / "bench/throughput.py", *SHORT, "--rounds=1000", "--disks=null", "--json=-"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={**os.environ, "TMPDIR": folder}) as running:
        until = time.monotonic() + TIMEOUT_SECONDS
        while not (back_ends := back_ends_of(running.pid)):
            assert time.monotonic() < until and running.poll() is None
            time.sleep(0.02)
        running.send_signal(by)
        running.wait(TIMEOUT_SECONDS)
        while any(map(is_running, back_ends)):
            assert time.monotonic() < until, "the back end is left behind"
            time.sleep(0.02)
        assert by == signal.SIGKILL or not any(pathlib.Path(folder).iterdir())
