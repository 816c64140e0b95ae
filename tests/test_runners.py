# SPDX-License-Identifier: BSD-3-Clause
"""What runs 32-bit x86 programs is found by trying, and what does not run is told."""

import os
import pathlib
import subprocess
import sys

import pytest

import runners
from conftest import Storhost
from targets import ALL, BUILD, ROOT

CHOOSE = ROOT / "packaging/x86_runner.sh"
PROBE = BUILD / "x86/probe"
NO_RUNNER = "no 32-bit x86 program runs here, natively or by qemu-i386"


def chosen(probe: pathlib.Path, path: str) -> str:
    return subprocess.run(["/bin/sh", CHOOSE, probe], env=os.environ | {"PATH": path}, check=True,
                          stdout=subprocess.PIPE, text=True).stdout.strip()


def test_the_build_has_tried():
    assert (BUILD / "x86/runner").read_text().strip() == chosen(PROBE, os.environ["PATH"])


@pytest.mark.parametrize("emulator, expect", [("echo i686", "qemu-i386"), ("echo other", "none"),
                                              (None, "none")])
def test_where_the_kernel_answers_exec_format_error(tmp_path, emulator, expect):
    probe = tmp_path / "probe"
    probe.write_bytes(b"\x7fELF" + bytes(60))
    probe.chmod(0o755)
    with pytest.raises(OSError, match="Exec format error"):
        subprocess.run([probe], check=False)
    if emulator:
        stub = tmp_path / "qemu-i386"
        stub.write_text(f"#!/bin/sh\n{emulator}\n")
        stub.chmod(0o755)
    assert chosen(probe, str(tmp_path)) == expect


def test_what_cannot_run_is_skipped_with_its_reason():
    tests = ["tests/test_units.py::test_unit[x86/unit/test_latency]",
             "tests/system/test_scsiport.py::test_commands_that_are_not_there[wxp-x86]"]
    done = subprocess.run([sys.executable, "-m", "pytest", "-c", "tests/pytest.ini", *tests],
                          cwd=ROOT, env=os.environ | {"X86_RUNNER": "none"}, check=False,
                          stdout=subprocess.PIPE, text=True)
    assert done.returncode == 0, done.stdout
    assert f"2 x {NO_RUNNER}" in done.stdout
    assert done.stdout.endswith("0 passed, 0 failed, 2 skipped\n")


@pytest.mark.parametrize("runner, line", [("native", "build/x86/storhost --driver"),
                                          ("qemu-i386", "qemu-i386 build/x86/storhost --driver"),
                                          ("none", "No 32-bit x86 program runs"),
                                          ("wine", "X86_RUNNER is one of")])
def test_make_run_takes_the_same_runner(runner, line):
    """Only what would be run."""
    done = subprocess.run(["make", "-n", "run", "ARCH=x86", f"X86_RUNNER={runner}"], cwd=ROOT,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert any(text.split("*** ")[-1].startswith(line) for text in done.stdout.splitlines()), \
        done.stdout


@pytest.fixture
def emulated(monkeypatch):
    """Also where 32-bit programs run natively, and what the tests of x86 run is that."""
    monkeypatch.setenv("X86_RUNNER", "qemu-i386")


@pytest.mark.parametrize("program", ["test_trap", "test_count"])
def test_unit_programs_run_under_the_emulator(emulated, tmp_path, program):
    """Those that look hardest at what a fault tells, at steps and at segments."""
    done = subprocess.run([*runners.command("x86"), BUILD / "x86/unit" / program], cwd=tmp_path,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_bench_runs_under_the_emulator(emulated, tmp_path):
    """Processors that run at once, as they fault and return at once."""
    target = next(target for target in ALL if target.name == "wlh/x86")
    Storhost(tmp_path, target).script("""
        write 0 64 1
        depth 16 random-rw 300 2
        compare
        """, "--scheduler", "free", "--processors", "4", "--queues", "4", "--transport", "modern")
