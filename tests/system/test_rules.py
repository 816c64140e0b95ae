# SPDX-License-Identifier: BSD-3-Clause
"""The rule checks themselves: miniports that each break one rule, and the report it must give."""

import pathlib
import re

import pytest

from conftest import ROOT

SHARED = {"miniport", "scsi_miniport", "device", "disk", "memory_pool", "memory_extension"}


def miniports(folder: pathlib.Path) -> list[pathlib.Path]:
    """The sources of tests in a folder: all but what they share."""
    return [source for source in sorted(folder.glob("*.c")) if source.stem not in SHARED]


RULES = ROOT / "tests/rules"
STORPORT = miniports(RULES)
SCSIPORT = miniports(RULES / "scsiport")


def name_of(source: pathlib.Path) -> str:
    """Of a test: "crash", "scsiport/crash"."""
    return str(source.relative_to(RULES).with_suffix(""))


DEFAULT_OPTIONS = "--vectors=0 --timeout=10"
DEFAULT_SCRIPT = "read 0 1"

# Rules that no miniport can be made to break here, and why.
NOT_BY_A_MINIPORT: dict[str, str] = {}
NOT_BY_A_SCSIPORT_MINIPORT = {
    "barrier": "StorPort's break it where a barrier is needed; SCSIPort has x86 only",
    "dump": "StorPort's break it; dumps have the same port driver on every Windows",
    "lock-order": "SCSIPort has no lock that its miniport takes",
    "lock-recursion": "likewise",
    "ring-lock": "all of it runs under the interrupt lock",
    "hot-allocation": "SCSIPort allocates nothing for its miniport after HwScsiFindAdapter",
}


def line_of(source: pathlib.Path, key: str) -> str | None:
    """The text of a line "/* KEY: text */"."""
    found = re.search(rf"^/\* {key}: (.*) \*/$", source.read_text(), re.MULTILINE)
    return found.group(1) if found else None


def rules() -> set[str]:
    """Names of all rules that storhost knows."""
    text = (ROOT / "storhost/base/violation.c").read_text()
    return set(re.findall(r'\[RULE_\w+\] = "([a-z-]+)"', text))


@pytest.mark.every_target(flavours=["wlh"])
@pytest.mark.parametrize("source", STORPORT + SCSIPORT, ids=name_of)
def test_rule(storhost, source):
    expect = line_of(source, f"EXPECT-{storhost.target.arch}") or line_of(source, "EXPECT")
    assert expect, f"{source}: no line EXPECT"
    script = (line_of(source, "SCRIPT") or DEFAULT_SCRIPT).replace(";", "\n") + "\n"
    options = f"{DEFAULT_OPTIONS} {line_of(source, 'OPTIONS') or ''}".split()
    done = storhost.run(*options, "script", "-", stdin=script,
                        driver=storhost.rule_driver(name_of(source)))
    if expect == "nothing":
        assert done.returncode == 0, done.stdout
        assert "violation" not in done.stdout
        return
    rule, text = expect.split(": ", 1)
    assert done.returncode == 3, done.stdout
    assert done.stdout.count("storhost: rule violation: ") == 1, done.stdout
    assert f"storhost: rule violation: {rule}\n" in done.stdout
    assert text in done.stdout


@pytest.mark.parametrize("sources, without", [
    (STORPORT, NOT_BY_A_MINIPORT),
    (SCSIPORT, NOT_BY_A_SCSIPORT_MINIPORT),
], ids=["StorPort", "SCSIPort"])
def test_every_rule_has_a_miniport(sources, without):
    expected = [text for source in sources for text in
                re.findall(r"^/\* EXPECT(?:-\w+)?: (.*) \*/$", source.read_text(), re.MULTILINE)]
    broken = {text.split(": ")[0] for text in expected} - {"nothing"}
    assert broken <= rules()
    assert rules() - broken == set(without)
