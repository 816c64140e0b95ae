# SPDX-License-Identifier: BSD-3-Clause
"""What all tests share: the programs under test, and the plain last line of a test run."""

import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
DRIVER = pathlib.Path(os.environ.get("DRIVER", BUILD / "wlh/x64/viostor.sys"))

# A test that takes longer hangs; the longest takes a tenth of it.
TIMEOUT_SECONDS = 120


class Storhost:
    """Runs build/storhost with the driver under test in a directory of the test's own."""

    def __init__(self, directory: pathlib.Path) -> None:
        self.directory = directory

    def run(self, *arguments: str, stdin: str | None = None, driver: pathlib.Path = DRIVER,
            timeout: int = TIMEOUT_SECONDS) -> subprocess.CompletedProcess:
        """Runs a command line; standard output and error come back as one text."""
        return subprocess.run(
            [BUILD / "storhost", "--driver", driver, "--no-progress", *arguments],
            input=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            cwd=self.directory, timeout=timeout, check=False)

    def script(self, text: str, *options: str, expect: int = 0, **more) -> str:
        """Runs a script of storhost's language and returns what was printed."""
        done = self.run(*options, "script", "-", stdin=text, **more)
        assert done.returncode == expect, f"exit status {done.returncode}:\n{done.stdout}"
        return done.stdout


@pytest.fixture
def storhost(tmp_path: pathlib.Path) -> Storhost:
    return Storhost(tmp_path)


def pytest_addoption(parser):
    parser.addoption("--full", action="store_true", help="every combination of the system matrix")


# Inherited by all that a test starts: tells our processes from those of another run.
MARK = f"STORHOST_TEST_RUN={os.getpid()}"
os.environ.update([MARK.split("=")])


def processes_left() -> list[str]:
    """Command lines of QEMUs that this run has started and that are still there."""
    left = []
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            ours = MARK.encode() in (process / "environ").read_bytes().split(b"\0")
        except OSError:
            continue  # ended meanwhile
        if ours and command.startswith("qemu-"):
            left.append(f"{process.name}: {command[:100]}")
    return left


def pytest_sessionfinish(session):
    """No QEMU may outlive the tests."""
    left = processes_left()
    if left:
        session.exitstatus = 1
        print("\nleft behind:", *left, sep="\n  ")


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config):
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None:
        return
    count = {kind: len(reporter.stats.get(kind, [])) for kind in
             ("passed", "failed", "error", "skipped")}
    skipped = f", {count['skipped']} skipped" if count["skipped"] else ""
    print(f"{count['passed']} passed, {count['failed'] + count['error']} failed{skipped}")
