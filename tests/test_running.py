# SPDX-License-Identifier: BSD-3-Clause
"""How tests are run (processes.py, report.py): tried on small tests of their own, in a pytest beside this one."""

import os
import pathlib
import signal
import subprocess
import sys
import time

import psutil
import pytest

from targets import ROOT

WAIT_SECONDS = 60
SLEEPER = "import subprocess\nstart = lambda: subprocess.Popen(['sleep', '1000'])\n"


def command(folder: pathlib.Path, text: str, *options: str) -> list[str]:
    """The command line of a pytest with our plugins and these tests alone."""
    (folder / "test_small.py").write_text(text)
    (folder / "conftest.py").write_text('pytest_plugins = ["processes", "report"]\n')
    return [sys.executable, "-m", "pytest", "-c", "/dev/null", f"--rootdir={folder}", "-q",
            "-p", "no:cacheprovider", *options, str(folder / "test_small.py")]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT / "tests"), "PYTHONDONTWRITEBYTECODE": "1"}


def run(folder: pathlib.Path, text: str, *options: str) -> subprocess.CompletedProcess:
    return subprocess.run(command(folder, text, *options), cwd=folder, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          env=environment(), timeout=WAIT_SECONDS, check=False)


def sleepers(folder: pathlib.Path) -> list[psutil.Process]:
    """What tests in that folder have started and what still runs."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.name() == "sleep" and process.cwd() == str(folder):
                found.append(process)
        except psutil.Error:
            continue  # ended meanwhile
    return found


WORKERS = pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["alone", "workers"])


@WORKERS
def test_counts_come_last(tmp_path, workers):
    done = run(tmp_path, """
import pytest
def test_good(): pass
def test_bad(): assert 1 == 2
def test_left_out(): pytest.skip("no such thing here")
@pytest.fixture
def broken(): raise OSError("no disk")
def test_broken(broken): pass
""", *workers)
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == "1 passed, 2 failed, 1 skipped"
    assert "1 x no such thing here (test_small.py::test_left_out)" in done.stdout
    assert "FAILED test_small.py::test_broken (setup): OSError: no disk" in done.stdout
    assert "again: make check TESTS='tests/test_small.py::test_bad'" in done.stdout


@WORKERS
def test_one_cause_is_told_once(tmp_path, workers):
    """Many tests that fail alike: one traceback, and their number."""
    done = run(tmp_path, """
import pytest, subprocess
@pytest.mark.parametrize("number", range(20))
def test_program(number, tmp_path): subprocess.run([tmp_path / "none"])
def test_other(): assert [] == [1]
""", *workers)
    assert done.stdout.splitlines()[-1] == "0 passed, 21 failed"
    assert done.stdout.count("def test_program(") == 1
    assert "  20 x FileNotFoundError: " in done.stdout
    assert "  1 x " in done.stdout


@WORKERS
def test_what_cannot_be_collected_fails(tmp_path, workers):
    done = run(tmp_path, "import none_such\ndef test_good(): pass\n", *workers)
    assert done.returncode != 0
    assert done.stdout.splitlines()[-1] == "0 passed, 1 failed"
    assert "none_such" in done.stdout


@pytest.mark.parametrize("ignored", [signal.SIGINT, signal.SIGHUP])
@WORKERS
def test_ignored_signals_are_not_inherited(tmp_path, ignored, workers):
    """As started by nohup, or in the background by a shell without job control."""
    text = f"""
import pathlib, subprocess
def test_ignored():
    shown = subprocess.run(["grep", "SigIgn", "/proc/self/status"], stdout=subprocess.PIPE).stdout
    assert not int(shown.split()[1], 16) >> {ignored - 1} & 1
"""
    done = subprocess.run(["sh", "-c", f"trap '' {int(ignored)}; exec \"$@\"", "sh",
                           *command(tmp_path, text, *workers)], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          env=environment(), timeout=WAIT_SECONDS, check=False)
    assert done.stdout.splitlines()[-1] == "1 passed, 0 failed", done.stdout


@pytest.mark.parametrize("end, last_line", [
    ("assert 0", "0 passed, 1 failed"),
    ("time.sleep(1000)", "0 passed, 1 failed"),
    ("os.kill(os.getpid(), signal.SIGKILL)", "0 passed, 1 failed"),
], ids=["failed", "hung", "killed"])
def test_what_was_started_ends(tmp_path, end, last_line):
    """However the test ends. A killed one is a worker's, or there would be nobody to tell."""
    text = SLEEPER + f"import os, signal, time\ndef test_it():\n    start()\n    {end}\n"
    done = run(tmp_path, text, "-n", "1", "-o", "timeout=3", "--max-worker-restart=0")
    assert done.returncode != 0
    assert done.stdout.splitlines()[-1] == last_line, done.stdout
    assert not sleepers(tmp_path)


def test_what_is_left_behind_fails(tmp_path):
    """By a test that passed otherwise; a fixture of the module may keep what it started."""
    done = run(tmp_path, SLEEPER + """
import pytest, processes
processes.GRACE_SECONDS = 0.1
@pytest.fixture(scope="module")
def server():
    process = start()
    yield process
    process.kill()
    process.wait()
def test_first(server): assert server.poll() is None
def test_leaves(server): start()
def test_last(server): assert server.poll() is None
""")
    assert "left behind: " in done.stdout and "sleep 1000" in done.stdout
    assert done.stdout.splitlines()[-1] == "2 passed, 1 failed", done.stdout


def test_services_of_a_fixture_outlive_a_test(tmp_path):
    """Started in a test, by what belongs to a fixture; at the end they are ended all the same, and told."""
    done = run(tmp_path, """
import os, subprocess, processes
processes.GRACE_SECONDS = 0.1
def test_starts(): subprocess.Popen(["sleep", "1000"], env=os.environ | {processes.OUTLIVES_A_TEST: "1"})
def test_later(): assert processes.psutil.Process().children()
""")
    assert done.stdout.splitlines()[-1] == "2 passed, 0 failed", done.stdout
    assert "left behind:" in done.stdout and done.returncode != 0
    assert not sleepers(tmp_path)


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT])
@WORKERS
def test_stops_when_asked(tmp_path, by, workers):
    """Whoever is signalled alone, or with all of its group as by Ctrl-C."""
    text = SLEEPER + "import time\ndef test_long():\n    start()\n    time.sleep(1000)\n"
    with subprocess.Popen(command(tmp_path, text, *workers), cwd=tmp_path, env=environment(),
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, start_new_session=True) as running:
        until = time.monotonic() + WAIT_SECONDS
        while not sleepers(tmp_path):
            assert running.poll() is None and time.monotonic() < until
            time.sleep(0.05)
        if by == signal.SIGINT:
            os.killpg(running.pid, by)
        else:
            running.send_signal(by)
        printed, _ = running.communicate(timeout=WAIT_SECONDS)
    assert running.returncode != 0, printed
    while sleepers(tmp_path):
        assert time.monotonic() < until, "left behind"
        time.sleep(0.05)
