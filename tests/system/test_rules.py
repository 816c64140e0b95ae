# SPDX-License-Identifier: BSD-3-Clause
"""The rule checks themselves: miniports that each break one rule, and the report it must give."""

import pathlib
import re

import pytest

from conftest import ROOT

SOURCES = sorted((ROOT / "tests/rules").glob("*.c"))
SHARED = {"miniport", "device", "memory_pool", "memory_extension"}
MINIPORTS = [source for source in SOURCES if source.stem not in SHARED]

DEFAULT_OPTIONS = "--vectors=0 --timeout=10"
DEFAULT_SCRIPT = "read 0 1"

# Rules that no miniport can be made to break, and why.
NOT_BY_A_MINIPORT: dict[str, str] = {}


def line_of(source: pathlib.Path, key: str) -> str | None:
    """The text of a line "/* KEY: text */"."""
    found = re.search(rf"^/\* {key}: (.*) \*/$", source.read_text(), re.MULTILINE)
    return found.group(1) if found else None


def rules() -> set[str]:
    """Names of all rules that storhost knows."""
    text = (ROOT / "storhost/base/violation.c").read_text()
    return set(re.findall(r'\[RULE_\w+\] = "([a-z-]+)"', text))


@pytest.mark.every_target(flavours=["wlh"])
@pytest.mark.parametrize("source", MINIPORTS, ids=lambda source: source.stem)
def test_rule(storhost, source):
    expect = line_of(source, f"EXPECT-{storhost.target.arch}") or line_of(source, "EXPECT")
    assert expect, f"{source}: no line EXPECT"
    script = (line_of(source, "SCRIPT") or DEFAULT_SCRIPT).replace(";", "\n") + "\n"
    options = f"{DEFAULT_OPTIONS} {line_of(source, 'OPTIONS') or ''}".split()
    done = storhost.run(*options, "script", "-", stdin=script,
                        driver=storhost.rule_driver(source.stem))
    if expect == "nothing":
        assert done.returncode == 0, done.stdout
        assert "violation" not in done.stdout
        return
    rule, text = expect.split(": ", 1)
    assert done.returncode == 3, done.stdout
    assert done.stdout.count("storhost: rule violation: ") == 1, done.stdout
    assert f"storhost: rule violation: {rule}\n" in done.stdout
    assert text in done.stdout


def test_every_rule_has_a_miniport():
    expected = [text for source in MINIPORTS for text in
                re.findall(r"^/\* EXPECT(?:-\w+)?: (.*) \*/$", source.read_text(), re.MULTILINE)]
    broken = {text.split(": ")[0] for text in expected} - {"nothing"}
    assert broken <= rules()
    assert rules() - broken == set(NOT_BY_A_MINIPORT)
