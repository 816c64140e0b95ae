# SPDX-License-Identifier: BSD-3-Clause
"""What all tests share: the programs under test, and which tests run where."""

import os
import pathlib
import subprocess

import pytest

import runners
from targets import BUILD, ROOT, TARGETS, Target  # noqa: F401 (tests take them from here)

pytest_plugins = ["processes", "report"]

# A test that takes longer hangs; the longest takes a tenth of it.
TIMEOUT_SECONDS = 120


# What a device may offer and the driver does not ask for by itself, and the user's parameter for it.
CHOICES = {("RING_PACKED", "packed=on"): "PackedRing", ("IN_ORDER",): "InOrder"}


def choices(arguments: tuple[str, ...]) -> list[str]:
    """Options by which the driver takes what the device in `arguments` offers, unless they say
    whether it shall."""
    line = " ".join(arguments)
    return [word for offers, name in CHOICES.items()
            if any(offer in line for offer in offers) and f"{name}=" not in line
            for word in ("--parameter", f"{name}=1")]


class Storhost:
    """Runs storhost with the target's driver in a directory of the test's own."""

    def __init__(self, directory: pathlib.Path, target: Target) -> None:
        self.directory = directory
        self.target = target

    def run(self, *arguments: str, stdin: str | None = None, driver: pathlib.Path | None = None,
            timeout: int = TIMEOUT_SECONDS) -> subprocess.CompletedProcess:
        """Runs a command line; standard output and error come back as one text."""
        return subprocess.run(
            self.target.command("--no-progress", *choices(arguments), *arguments, driver=driver),
            input=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            cwd=self.directory, timeout=timeout, check=False)

    def script(self, text: str, *options: str, expect: int = 0, **more) -> str:
        """Runs a script of storhost's language and returns what was printed."""
        done = self.run(*options, "script", "-", stdin=text, **more)
        assert done.returncode == expect, f"exit status {done.returncode}:\n{done.stdout}"
        return done.stdout

    def rule_driver(self, name: str) -> pathlib.Path:
        """A miniport of tests/rules for the target's processor."""
        return BUILD / "rules" / self.target.arch / f"{name}.sys"


@pytest.fixture(scope="session")
def target(request) -> Target:
    """The driver file under test; see targets.py."""
    found = getattr(request, "param", TARGETS[0])
    if (reason := runners.why_not(found.arch)) is not None:
        pytest.skip(reason)
    return found


@pytest.fixture
def storhost(tmp_path: pathlib.Path, target: Target) -> Storhost:
    return Storhost(tmp_path, target)


def pytest_addoption(parser):
    parser.addoption("--full", action="store_true",
                     help="every combination of the system matrix, and every test on every target")
    parser.addoption("--target", choices=[target.name for target in TARGETS],
                     help="run all tests that can on this target only")


def pytest_configure(config):
    config.addinivalue_line("markers", """every_target(flavours=None, few=None): runs on every target
        (of those flavours); without --full on the others than the first with `few` of its parameter
        sets, or as many as targets.py says""")


def targets_of(metafunc) -> list[Target]:
    """Where a test runs: what its mark says, cut down by --target."""
    mark = metafunc.definition.get_closest_marker("every_target")
    chosen = metafunc.config.getoption("--target")
    if mark is None:
        found = [TARGETS[0]]
    else:
        found = [target for target in TARGETS
                 if target.flavour in (mark.kwargs.get("flavours") or [target.flavour])]
    return [target for target in found if chosen in (None, target.name)]


def pytest_generate_tests(metafunc):
    named = [name.strip() for mark in metafunc.definition.iter_markers("parametrize")
             for name in str(mark.args[0]).split(",")]
    if "target" in metafunc.fixturenames and "target" not in named:  # a test may have its own
        metafunc.parametrize("target", targets_of(metafunc), indirect=True, scope="session",
                             ids=lambda target: target.name.replace("/", "-"))


def evenly(items: list, count: int) -> list:
    """So many of the items, spread over all of them, the first one among them."""
    return [items[index * len(items) // count] for index in range(min(count, len(items)))]


def group_of(item) -> str | None:
    """Tests of one group run one after the other, in one worker: what they share is made once."""
    path = item.path.relative_to(ROOT / "tests")
    if path.parts[0] == "packaging":
        return "virt-v2v" if path.stem == "test_virt_v2v" else "packaging"
    shared = [found[-1] for found in item._fixtureinfo.name2fixturedefs.values()
              if found[-1].scope == "module"]
    return path.stem if shared else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    """Leaves out what is not asked for; the longest groups come first, so that none of them is what
    all others wait for at the end."""
    leave_out(config, items)
    groups = {item: group_of(item) for item in items}
    for item, group in groups.items():
        if group:
            item.add_marker(pytest.mark.xdist_group(group))
    items.sort(key=lambda item: not groups[item])


def leave_out(config, items):
    """Leaves out what is beyond `few`, and what --target does not concern."""
    chosen = config.getoption("--target")
    sets = {}
    for item in items:
        target = item.callspec.params.get("target") if hasattr(item, "callspec") else None
        sets.setdefault((item.parent, item.originalname, target), []).append(item)
    left_out = []
    for (_, _, target), members in sets.items():
        mark = members[0].get_closest_marker("every_target")
        few = mark.kwargs.get("few", getattr(target, "few", None)) if mark else None
        if chosen and not isinstance(target, Target):
            left_out += members
        elif few is not None and isinstance(target, Target) and target != TARGETS[0] and \
                not chosen and not config.getoption("--full"):
            left_out += set(members) - set(evenly(members, few))
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        gone = set(left_out)
        items[:] = [item for item in items if item not in gone]
