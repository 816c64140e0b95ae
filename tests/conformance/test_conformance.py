# SPDX-License-Identifier: BSD-3-Clause
"""The part of `make conformance` that every check runs: all reading commands, some suites, one copy."""

import re
import subprocess

import pytest

import conformance
import reading


def test_programs_that_nobody_here_wrote_find_no_fault():
    assert conformance.run(quick=True) == []


def test_every_record_is_that_of_a_command_that_is_run():
    wanted = {conformance.record_path(line, disk)
              for disk in conformance.DISKS for line in disk.readers}
    assert {path for path in conformance.RECORDS.rglob("*") if path.is_file()} == wanted


def test_every_program_is_run_or_named():
    """A program that a new version of the packages brings is seen here."""
    listed = subprocess.run(["dpkg-query", "--listfiles", "sg3-utils", "sdparm"], check=True, text=True,
                            stdout=subprocess.PIPE).stdout
    programs = {line.rsplit("/", 1)[1] for line in listed.splitlines() if re.match(r"/usr/s?bin/.", line)}
    run = {line.split()[0] for line in reading.READING}
    assert programs == run | reading.NOT_RECORDED
    assert not run & reading.NOT_RECORDED


@pytest.mark.parametrize("printed, fault, kind", [
    ("T ...passed\n", None, "passed"),
    ("T ...    [SKIPPED] no such reason\npassed\n", None, "skipped"),
    ("T ...    [SKIPPED] PROUT Not Supported\npassed\n", None, "skipped"),
    ("T ...FAILED\n    1. a.c:5  - CU_FAIL(x)\n", None, "failed"),
    ("T ...FAILED\n    1. a.c:5  - CU_FAIL(x)\n", "a.c:5", "tool's fault"),
    ("T ...FAILED\n    1. a.c:6  - CU_FAIL(x)\n", "a.c:5", "failed"),
    ("T ...FAILED\n    1. a.c:5  - CU_FAIL(x)\n    2. a.c:6  - CU_FAIL(x)\n", "a.c:5", "failed"),
    ("T ...passed\n", "a.c:5", "failed")])
def test_what_becomes_of_a_test(printed, fault, kind):
    """A fault of the tool's is excused at its one place only; a skipped test needs its reason explained."""
    found, complaints = conformance.judge_test("OrWrite.T", "512n", printed, fault)
    assert found == kind
    assert bool(complaints) == (kind in ("failed", "skipped"))


def test_a_skipped_test_that_is_named_is_no_complaint():
    printed = "T ...    [SKIPPED] ORWRITE is not implemented.\npassed\n"
    assert conformance.judge_test("OrWrite.T", "512n", printed, None) == ("skipped", [])
    assert conformance.judge_test("Verify10.T", "512n", printed, None)[1]
