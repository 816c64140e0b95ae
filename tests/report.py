# SPDX-License-Identifier: BSD-3-Clause
"""What a person sees of a test run.

While it runs: how many tests of how many are done, by part; a part that is complete, with its time; a
failure at once, with the command that repeats just that test. Many failures of one cause are shown once,
with their number. At the end: a table of the parts, what was skipped and why, the slowest, the time,
and as last line the counts.

It takes the place of pytest's own terminal reporter, on which other plugins rely.
"""

import collections
import re
import time

import pytest
from _pytest.terminal import TerminalReporter

# Parts in the order in which they are shown: name, beginning of the tests' ids.
PARTS = [
    ("units", "test_units.py"),
    ("rules", "system/test_rules.py"),
    ("system", "system/"),
    ("packaging", "packaging/"),
    ("conformance", "conformance/"),
    ("bench and docs", ""),
]

# Without a terminal: so often a line says how far it is.
PROGRESS_SECONDS = 30
SLOWEST = 10

OUTCOMES = ("passed", "failed", "skipped")


def part_of(nodeid: str) -> str:
    """The part that a test belongs to; ids may begin with the folder of all tests."""
    path = nodeid.removeprefix("tests/")
    return next(name for name, prefix in PARTS if path.startswith(prefix))


def clock(seconds: float) -> str:
    """Minutes and seconds."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def normalized(text: str) -> str:
    """A message without what differs from one test to the next: numbers, addresses, folders."""
    text = re.sub(r"/\S*/", "", text)
    return re.sub(r"0x[0-9a-f]+|\d+", "#", text, flags=re.IGNORECASE)


def message_of(report) -> str:
    """The first line of what went wrong."""
    lines = lines_of(report)
    return lines[0] if lines else "no message"


def cause_of(report) -> str:
    """Equal for failures that say the same. An exit status alone says little: what was printed counts."""
    return normalized("\n".join(lines_of(report)[:3]))


def lines_of(report) -> list[str]:
    """The message of an exception, or the last line where there is none: that a worker died."""
    crash = getattr(report.longrepr, "reprcrash", None)
    text = crash.message if crash else report.longreprtext.rstrip().rpartition("\n")[2]
    return [line.strip() for line in text.splitlines() if line.strip()]


def reason_of(report) -> str:
    """Why a test was skipped."""
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longreprtext
    return reason.removeprefix("Skipped: ")


class Part:
    """How far one part is."""

    def __init__(self) -> None:
        self.total = 0
        self.outcomes = collections.Counter()
        self.seconds = 0.0

    @property
    def done(self) -> int:
        return sum(self.outcomes.values())


class Reporter(TerminalReporter):
    """pytest's reporter with other lines."""

    def __init__(self, config, file=None) -> None:
        super().__init__(config, file)
        self.parts = {name: Part() for name, _ in PARTS}
        self.outcome_of: dict[str, str] = {}  # of tests that are under way
        self.seconds_of: collections.Counter = collections.Counter()
        self.uncollected: set[str] = set()
        self.causes: dict[str, list] = {}
        self.reasons: dict[str, list[str]] = {}
        self.begun = time.monotonic()
        self.shown = self.begun
        self.interactive = self._tw.hasmarkup

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session):
        workers = self.config.pluginmanager.getplugin("terminaldistreporter")  # tells of their starts
        if workers is not None:
            self.config.pluginmanager.unregister(workers)
        super().pytest_sessionstart(session)

    # ---- How many there are ----

    def expect(self, nodeids) -> None:
        for part in self.parts.values():
            part.total = 0
        for nodeid in nodeids:
            self.parts[part_of(nodeid)].total += 1

    def pytest_collection_finish(self, session):
        if session.items:
            self.expect(item.nodeid for item in session.items)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids):
        """With several workers only they collect, all the same."""
        self.expect(nodeid.split("@")[0] for nodeid in ids)

    def pytest_collectreport(self, report):
        """A file that cannot be read; each worker reads it."""
        if report.failed and report.nodeid not in self.uncollected:
            self.uncollected.add(report.nodeid)
            self._add_stats("error", [report])
            self.say(f"FAILED {report.nodeid}: cannot be collected", red=True)
            self.say(report.longreprtext)

    # ---- While it runs ----

    def pytest_runtest_logstart(self, nodeid, location):
        """Without pytest's line."""

    def pytest_runtest_logfinish(self, nodeid):
        """Without pytest's percentage."""

    def pytest_runtest_logreport(self, report):
        self._add_stats("error" if report.failed else report.outcome, [report])
        nodeid = report.nodeid.split("@")[0]
        self.seconds_of[nodeid] += report.duration
        if report.failed:
            self.outcome_of[nodeid] = "failed"
            self.show_failure(report, nodeid)
        elif report.skipped:
            self.outcome_of[nodeid] = "skipped"
            self.reasons.setdefault(reason_of(report), []).append(nodeid)
        else:
            self.outcome_of.setdefault(nodeid, "passed")
        if report.when not in ("setup", "call"):  # or its worker has died
            self.finish(nodeid)

    def finish(self, nodeid: str) -> None:
        name = part_of(nodeid)
        part = self.parts[name]
        part.outcomes[self.outcome_of.pop(nodeid)] += 1
        part.seconds += self.seconds_of[nodeid]
        if part.done == part.total:
            self.say(f"  {name}: {self.summary(part)}, {clock(part.seconds)} of work")
        self.show_progress()

    def summary(self, part: Part) -> str:
        return ", ".join(f"{part.outcomes[outcome]} {outcome}" for outcome in OUTCOMES
                         if part.outcomes[outcome] or outcome == "passed")

    def say(self, text: str, **markup) -> None:
        """A line of its own, also where the progress stands."""
        if self.interactive:
            self._tw.write("\r\033[K")
        self._tw.line(text, **markup)
        self._tw.flush()

    def show_progress(self) -> None:
        now = time.monotonic()
        if now - self.shown < (0.2 if self.interactive else PROGRESS_SECONDS):
            return
        self.shown = now
        under_way = ", ".join(f"{name} {part.done}/{part.total}" for name, part in self.parts.items()
                              if 0 < part.done < part.total)
        done, total = (sum(getattr(part, of) for part in self.parts.values())
                       for of in ("done", "total"))
        line = f"  {clock(now - self.begun)}  {done} of {total}: {under_way}"
        if self.interactive:
            self._tw.write("\r\033[K" + line[:self._tw.fullwidth - 1], flush=True)
        else:
            self.say(line)

    def show_failure(self, report, nodeid: str) -> None:
        """All of it for the first one of its cause, a line for the others."""
        same = self.causes.setdefault(cause_of(report), [])
        same.append((nodeid, report))
        self.say(f"FAILED {nodeid}{'' if report.when == 'call' else f' ({report.when})'}: "
                 f"{message_of(report)[:200]}", red=True)
        self.say(f"  again: {self.repeat(nodeid)}")
        if len(same) == 1:
            self.say(report.longreprtext)
        else:
            self.say(f"  as {same[0][0]} above ({len(same)} so far)")

    def repeat(self, nodeid: str) -> str:
        return f"make check TESTS='tests/{nodeid.removeprefix('tests/')}'"

    # ---- At the end ----

    def summary_failures(self):
        """They have been shown."""

    def summary_errors(self):
        """So have they."""

    def short_test_summary(self):
        """Parts, causes, reasons, the slowest."""
        self.show_parts()
        self.show_causes()
        self.show_reasons()
        self.say("slowest:")
        for nodeid, seconds in self.seconds_of.most_common(SLOWEST):
            self.say(f"  {seconds:6.1f} s  {nodeid}")

    def show_parts(self) -> None:
        self.say(f"{'':16}{''.join(f'{outcome:>10}' for outcome in OUTCOMES)}{'work':>10}")
        for name, part in self.parts.items():
            if part.total:
                counts = "".join(f"{part.outcomes[outcome]:10}" for outcome in OUTCOMES)
                self.say(f"{name:16}{counts}{clock(part.seconds):>10}")

    def show_causes(self) -> None:
        if self.causes:
            self.say("failed, by cause:")
        for same in sorted(self.causes.values(), key=len, reverse=True):
            nodeid, report = same[0]
            self.say(f"  {len(same)} x {message_of(report)[:200]}", red=True)
            self.say(f"      {'first' if len(same) > 1 else 'again'}: {self.repeat(nodeid)}")

    def show_reasons(self) -> None:
        if self.reasons:
            self.say("skipped, by reason:")
        for reason, nodeids in sorted(self.reasons.items(), key=lambda item: -len(item[1])):
            self.say(f"  {len(nodeids)} x {reason} ({nodeids[0]}{', ...' if len(nodeids) > 1 else ''})")

    def summary_stats(self):
        """In place of pytest's last line; what counts comes last of all: `last_line`."""
        self.say(f"took {clock(time.monotonic() - self.begun)}")

    def last_line(self) -> str:
        passed, failed, skipped = (sum(part.outcomes[outcome] for part in self.parts.values())
                                   for outcome in OUTCOMES)
        return f"{passed} passed, {failed + len(self.uncollected)} failed" + \
            (f", {skipped} skipped" if skipped else "")


@pytest.hookimpl(trylast=True)
def pytest_configure(config):
    standard = config.pluginmanager.getplugin("terminalreporter")
    if standard is not None and not hasattr(config, "workerinput"):
        config.pluginmanager.unregister(standard)
        config.pluginmanager.register(Reporter(config), "terminalreporter")


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config):
    reporter = config.pluginmanager.getplugin("terminalreporter")
    if isinstance(reporter, Reporter):
        print(reporter.last_line(), flush=True)
