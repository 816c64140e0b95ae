# SPDX-License-Identifier: BSD-3-Clause
"""What a test starts ends with it, and starts as a user's own shell would start it.

Two things that a test run inherits or leaves must not decide how a test ends:

* Signal dispositions. nohup ignores SIGHUP, a shell without job control ignores SIGINT for what it
  runs in the background, and a program inherits what is ignored (POSIX, exec). Here an ignored signal
  gets a handler that does nothing: this process goes on ignoring it, what it starts has the default.
* Processes. Orphans of a test become children of this process (PR_SET_CHILD_SUBREAPER, prctl(2)), so
  that whatever a test has started is found and ended when the test is over, however it ended. One
  that a passed test has left behind fails it.
"""

import ctypes
import os
import pathlib
import signal
import time

import psutil
import pytest

PR_SET_CHILD_SUBREAPER = 36

# In the environment of what a fixture of a module or of the session runs, where that starts services of its
# own at any time (Wine): they belong to the fixture, whichever test they were started in.
OUTLIVES_A_TEST = "STORHOST_OUTLIVES_A_TEST"

# How long what is just ending may take, on a loaded machine.
GRACE_SECONDS = 20


def keep_ignoring(_signal, _frame):
    """The handler in place of SIG_IGN."""


def give_children_default_signals() -> None:
    """Of Python's own two (SIGPIPE, SIGXFSZ) subprocess takes care."""
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    for number in signal.valid_signals() - {signal.SIGPIPE, signal.SIGXFSZ}:
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, keep_ignoring)


def adopt_orphans() -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "PR_SET_CHILD_SUBREAPER")


def running(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def outlives_a_test(process: psutil.Process) -> bool:
    try:
        return OUTLIVES_A_TEST in process.environ()
    except psutil.Error:
        return False  # ended meanwhile


def describe(process: psutil.Process) -> str:
    try:
        return f"{process.pid}: {' '.join(process.cmdline())[:150]}"
    except psutil.Error:
        return str(process.pid)


class Children:
    """What this process has started, and what of it may outlive the test at hand."""

    def __init__(self) -> None:
        self.this = psutil.Process()
        self.shared = self.now()

    def now(self) -> set[psutil.Process]:
        """All of them, adopted ones as well. Where the kernel lists them (CONFIG_PROC_CHILDREN) nobody
        else's processes are looked at."""
        try:
            lists = [path.read_text() for path in pathlib.Path("/proc/self/task").glob("*/children")]
        except OSError:
            lists = []  # a thread has just ended
        if not lists:
            return set(self.this.children())
        found = set()
        for number in " ".join(lists).split():
            try:
                found.add(psutil.Process(int(number)))
            except psutil.NoSuchProcess:
                continue  # ended meanwhile
        return found

    def end_all_but_shared(self, grace: float) -> list[str]:
        """Ends what is left of a test after so many seconds; says what had not ended by itself."""
        self.shared |= {process for process in self.now() - self.shared if outlives_a_test(process)}
        return self.end(self.now() - self.shared, grace)

    def end_all(self, grace: float) -> list[str]:
        """The same for what fixtures have left as well."""
        self.shared.clear()
        return self.end(self.now(), grace)

    def end(self, processes: set[psutil.Process], grace: float) -> list[str]:
        left = self.wait_for_end(processes, grace)
        found = [describe(process) for process in left]
        for process in left:
            for descendant in [*process.children(recursive=True), process]:
                try:
                    descendant.kill()
                except psutil.NoSuchProcess:
                    pass
        self.reap()
        return found

    @staticmethod
    def wait_for_end(left: set[psutil.Process], grace: float) -> list[psutil.Process]:
        until = time.monotonic() + grace
        while (still := [process for process in left if running(process)]) and \
                time.monotonic() < until:
            time.sleep(0.02)
        return still

    def reap(self) -> None:
        """Adopted orphans have nobody else who waits for them."""
        for process in self.now() - self.shared:
            try:
                os.waitpid(process.pid, os.WNOHANG)
            except ChildProcessError:
                pass


class EndWhatTestsStart:
    """The plugin of a process that runs tests."""

    def __init__(self) -> None:
        self.children = Children()

    @pytest.hookimpl(hookwrapper=True)
    def pytest_fixture_setup(self, fixturedef):
        """What a fixture of a module or of the session starts belongs to no single test."""
        before = self.children.now() if fixturedef.scope != "function" else None
        yield
        if before is not None:
            self.children.shared |= self.children.now() - before

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self, item, call):
        yield
        if call.excinfo is not None:
            item.has_failed = True

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_teardown(self, item):
        """After the test's own fixtures, unless one of them failed."""
        failed = hasattr(item, "has_failed")
        left = self.children.end_all_but_shared(0 if failed else GRACE_SECONDS)
        assert failed or not left, "left behind: " + "; ".join(left)

    def pytest_runtest_logfinish(self):
        """Whatever has failed."""
        self.children.end_all_but_shared(0)

    def pytest_sessionfinish(self, session, exitstatus):
        """The fixtures are gone, too."""
        stopped = exitstatus == pytest.ExitCode.INTERRUPTED
        left = self.children.end_all(0 if stopped else GRACE_SECONDS)
        if left and not stopped:
            session.exitstatus = 1
            print("\nleft behind:", *left, sep="\n  ")


class EndWhatWorkersLeave:
    """The plugin of a process whose workers run the tests: orphans of a worker that has died, or was
    ended, are its own."""

    def __init__(self) -> None:
        self.children = Children()

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self):
        """After the workers' end."""
        self.children.end_all_but_shared(0)


def stop(_signal, _frame):
    """As Ctrl-C, which workers notice by themselves: fixtures end what they have started."""
    if stop.has_workers:
        for worker in psutil.Process().children():
            worker.send_signal(signal.SIGTERM)
    raise KeyboardInterrupt


def pytest_configure(config):
    stop.has_workers = bool(config.getoption("numprocesses", None)) and not hasattr(config, "workerinput")
    give_children_default_signals()
    signal.signal(signal.SIGTERM, stop)
    adopt_orphans()
    plugin = EndWhatWorkersLeave if stop.has_workers else EndWhatTestsStart
    config.pluginmanager.register(plugin(), "processes of tests")
