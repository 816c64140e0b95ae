# SPDX-License-Identifier: BSD-3-Clause
"""Where the reference can be read in two ways both are played, and a failing run says which was."""

import re

from conftest import ROOT

SCRIPTED = "--device=scripted"
DUMP = "crash\ndump-start\ndump-write 0 8 1\ndump-read 0 8\n"
WRONG = DUMP + "dump-verify 0 8 2\n"


def played(printed: str) -> dict[str, str]:
    """What the last line of a failed run says of the readings."""
    line = printed.strip().splitlines()[-1]
    assert line.startswith("storhost: played with --readings="), printed
    return dict(word.split("=") for word in line.split(": ", 2)[2].split())


def test_a_failing_run_says_what_it_has_played(storhost):
    """Only that: a run that is well says nothing, and none that was not asked for is named."""
    of_dumps = {"dump-extended", "dump-polls-idle"}
    assert "readings" not in storhost.script(DUMP, SCRIPTED)
    assert "dump" not in storhost.script("verify 0 8 1", SCRIPTED, expect=1)
    assert of_dumps <= set(played(storhost.script(WRONG, SCRIPTED, expect=1)))


def test_a_reading_can_be_settled(storhost):
    for value in ("yes", "no"):
        script = f"{DUMP}check dump.extended_srbs = {int(value == 'yes')}\ndump-verify 0 8 2\n"
        printed = storhost.script(script, SCRIPTED, f"--reading=dump-extended={value}", expect=1)
        assert played(printed)["dump-extended"] == value
    assert storhost.run("--reading=dump-extended=perhaps", "info").returncode == 2
    assert storhost.run("--reading=no-such=yes", "info").returncode == 2


def test_the_list_of_readings_is_the_one_in_the_documents(storhost):
    names = re.findall(r"^([\w-]+): ", storhost.run("--reading=help").stdout, re.MULTILINE)
    text = (ROOT / "docs/storhost.md").read_text()
    table = text[text.index("## READINGS"):].split("\n## ", 1)[0]
    assert names and re.findall(r"^\| `([\w-]+)` \|", table, re.MULTILINE) == names
